//! Facts from a file: a host that somebody else has read, or a person has described.
//!
//! The file is one JSON object, an array of them, or one after another (JSON lines); `docs/facts.md`
//! says what is in an object. One host is in memory at a time. A key that is not known is an error: a
//! misspelt one would be a fact lost in silence.

use super::windows;
use crate::model::{
    Family, Gap, GapCause, HostFacts, Inventory, Observed, Package, PackageManager, Platform,
};
use std::io::{self, BufRead};
use std::sync::Arc;

/// The longest object; a thousand times the usual.
const MOST_BYTES: usize = 64 << 20;

/// The most unknown keys that an error lists.
const MOST_KEYS: usize = 5;

/// Reads the hosts of a file, one after another. After an error there is no next.
#[derive(Debug)]
pub struct FactsReader<R> {
    input: R,
    /// The line that the next byte is in, from 1.
    line: u64,
    hosts: u64,
    place: Place,
}

/// Where in the file we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// Among objects that follow each other.
    Between,
    /// In an array, before an object, or behind one.
    ArrayBefore,
    ArrayBehind,
    /// Behind an array.
    End,
    /// Everything was handed out.
    Done,
}

impl<R: BufRead> FactsReader<R> {
    /// Reads from the beginning of a file.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 1,
            hosts: 0,
            place: Place::Start,
        }
    }

    /// The next object's text and the line that it begins in.
    fn object(&mut self) -> Result<Option<(Vec<u8>, u64)>, FactsFault> {
        loop {
            let Some(byte) = self.peek()? else {
                return match self.place {
                    Place::Start => Err(FactsFault::Empty),
                    Place::ArrayBefore | Place::ArrayBehind => Err(FactsFault::Cut),
                    _ => Ok(None),
                };
            };
            match (byte, self.place) {
                (b' ' | b'\t' | b'\r' | b'\n', _) => {}
                (b'[', Place::Start) | (b',', Place::ArrayBehind) => {
                    self.place = Place::ArrayBefore;
                }
                (b']', Place::ArrayBefore | Place::ArrayBehind) => self.place = Place::End,
                (b'{', Place::Start | Place::Between | Place::ArrayBefore) => {
                    let line = self.line;
                    self.place = match self.place {
                        Place::ArrayBefore => Place::ArrayBehind,
                        _ => Place::Between,
                    };
                    return Ok(Some((self.braces()?, line)));
                }
                (0xef, Place::Start) => {
                    self.byte_order_mark()?;
                    continue;
                }
                (0xfe | 0xff, Place::Start) => return Err(FactsFault::Utf16),
                _ => return Err(FactsFault::NoObject),
            }
            self.skip(byte);
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, FactsFault> {
        let buffer = self.input.fill_buf().map_err(FactsFault::Io)?;
        Ok(buffer.first().copied())
    }

    fn skip(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.input.consume(1);
    }

    fn byte_order_mark(&mut self) -> Result<(), FactsFault> {
        for expected in [0xef, 0xbb, 0xbf] {
            if self.peek()? != Some(expected) {
                return Err(FactsFault::NoObject);
            }
            self.input.consume(1);
        }
        Ok(())
    }

    /// From one brace to the one that closes it; braces in texts do not count.
    fn braces(&mut self) -> Result<Vec<u8>, FactsFault> {
        let mut text = Vec::new();
        let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
        loop {
            let buffer = self.input.fill_buf().map_err(FactsFault::Io)?;
            if buffer.is_empty() {
                return Err(FactsFault::Cut);
            }
            let mut end = None;
            for (at, byte) in buffer.iter().enumerate() {
                self.line += u64::from(*byte == b'\n');
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if in_text => is_escaped = true,
                    b'"' => in_text = !in_text,
                    _ if in_text => {}
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    end = Some(at + 1);
                    break;
                }
            }
            let used = end.unwrap_or(buffer.len());
            text.extend_from_slice(buffer.get(..used).unwrap_or_default());
            self.input.consume(used);
            if text.len() > MOST_BYTES {
                return Err(FactsFault::TooLong);
            }
            if end.is_some() {
                return Ok(text);
            }
        }
    }
}

impl<R: BufRead> Iterator for FactsReader<R> {
    type Item = Result<HostFacts, FactsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.place == Place::Done {
            return None;
        }
        let read = match self.object() {
            Ok(None) => None,
            Ok(Some((text, line))) => {
                self.hosts += 1;
                Some(parse(&text).map_err(|source| (line, source)))
            }
            Err(source) => {
                self.hosts += 1;
                Some(Err((self.line, source)))
            }
        };
        let host = self.hosts;
        let read =
            read.map(|read| read.map_err(|(line, source)| FactsError { host, line, source }));
        if !matches!(read, Some(Ok(_))) {
            self.place = Place::Done;
        }
        read
    }
}

/// Reads one object.
fn parse(text: &[u8]) -> Result<HostFacts, FactsFault> {
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| {
        if unknown.len() <= MOST_KEYS {
            unknown.push(path.to_string().replace(".?", ""));
        }
    };
    let mut json = serde_json::Deserializer::from_slice(text);
    let read: Result<HostFacts, _> = serde_ignored::deserialize(&mut json, &mut note);
    let facts = match read {
        Ok(facts) => facts,
        // The misspelt key may be the one that is missing.
        Err(error) if unknown.is_empty() => return Err(FactsFault::Json(error)),
        Err(_) => return Err(FactsFault::UnknownKeys(listed(&unknown))),
    };
    if facts.format != HostFacts::FORMAT {
        return Err(FactsFault::Format(facts.format));
    }
    if facts.version != HostFacts::VERSION {
        return Err(FactsFault::Version(facts.version));
    }
    if !unknown.is_empty() {
        return Err(FactsFault::UnknownKeys(listed(&unknown)));
    }
    Ok(completed(facts))
}

fn listed(keys: &[String]) -> String {
    let shown = keys.get(..MOST_KEYS).unwrap_or(keys).join(", ");
    let more = if keys.len() > MOST_KEYS { ", …" } else { "" };
    shown + more
}

/// Fills in what follows from what is there. What a collector has read stays as it is.
fn completed(facts: HostFacts) -> HostFacts {
    let mut inventory = Arc::unwrap_or_clone(facts.inventory);
    complete(&mut inventory);
    HostFacts {
        inventory: Arc::new(inventory),
        ..facts
    }
}

fn complete(inventory: &mut Inventory) {
    if inventory.collector.is_empty() {
        "facts".clone_into(&mut inventory.collector);
    }
    let before = inventory.gaps.len();
    match inventory.platform.family {
        Family::Windows => windows::complete(inventory),
        _ => complete_unix(inventory),
    }
    let platform = &mut inventory.platform;
    if platform.id.is_empty() {
        platform.family.as_str().clone_into(&mut platform.id);
    }
    if platform.name.is_empty() {
        let version = platform.version.as_deref().unwrap_or_default();
        let name = format!("{} {version}", platform.id);
        name.trim_end().clone_into(&mut platform.name);
    }
    if inventory.gaps.len() != before {
        inventory.gaps.sort_unstable();
        inventory.gaps.dedup();
    }
}

fn complete_unix(inventory: &mut Inventory) {
    let platform = &mut inventory.platform;
    if platform.id.is_empty() {
        platform.family.as_str().clone_into(&mut platform.id);
    }
    if platform.ecosystem.is_none() {
        platform.ecosystem = ecosystem(platform);
    }
    let question = package_question(platform);
    let gaps = &mut inventory.gaps;
    not_told(&mut inventory.packages, question, gaps);
    not_told(&mut inventory.services, super::unix::LISTENERS, gaps);
    not_told(&mut inventory.reboot, super::unix::REBOOT, gaps);
    if let Observed::Known(packages) = &mut inventory.packages {
        packages.iter_mut().for_each(complete_package);
        super::lists::sort(packages);
    }
}

/// What a package was built from is the package itself, unless it says otherwise. The version of a source
/// package of rpm has no epoch.
fn complete_package(package: &mut Package) {
    let source = &mut package.source;
    if source.name.is_empty() {
        source.name.clone_from(&package.name);
    }
    if source.version.is_empty() {
        let version = match package.version.split_once(':') {
            Some((_, version)) if package.manager == PackageManager::Rpm => version,
            _ => &package.version,
        };
        version.clone_into(&mut source.version);
    }
}

/// The question that a system's packages answer.
fn package_question(platform: &Platform) -> &'static str {
    match super::platform::manager_of(&platform.id) {
        _ if platform.family == Family::Debian => super::unix::DPKG_PACKAGES,
        Some(PackageManager::Rpm) => super::questions::RPM_PACKAGES,
        Some(PackageManager::Apk) => super::questions::APK_PACKAGES,
        Some(PackageManager::Pacman) => super::questions::PACMAN_PACKAGES,
        Some(PackageManager::Pkg) => super::questions::PKG_PACKAGES,
        Some(PackageManager::Portage) => super::questions::PORTAGE_PACKAGES,
        _ => "packages",
    }
}

fn ecosystem(platform: &Platform) -> Option<String> {
    super::platform::ecosystem_of(&platform.id, platform.version.as_deref())
}

/// A fact that nobody told is one that nobody asked for: says which question it answers.
pub(super) fn not_told<T>(fact: &mut Observed<T>, question: &str, gaps: &mut Vec<Gap>) {
    if !fact.is_unheard_of() {
        return;
    }
    *fact = Observed::gap_of(question, GapCause::NotAsked);
    gaps.extend(fact.gap().cloned());
}

/// Why a file of facts is not read.
#[derive(Debug, thiserror::Error)]
#[error("host {host}, line {line}")]
pub struct FactsError {
    /// Which host of the file, from 1: that which did not come, where something else is in its place.
    pub host: u64,
    /// The line that it begins in, or where reading stopped.
    pub line: u64,
    /// What is wrong.
    pub source: FactsFault,
}

/// What is wrong with a file of facts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsFault {
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty: expected facts as underdesk export --format facts writes them")]
    Empty,
    /// It is no JSON, or no object.
    #[error("expected a JSON object {{…}}, an array of them, or one object a line")]
    NoObject,
    /// It is in another encoding.
    #[error("the file is UTF-16: save it as UTF-8")]
    Utf16,
    /// It ends too early.
    #[error("the file ends within an object or array")]
    Cut,
    /// An object without an end in sight.
    #[error("the object is longer than 64 MiB")]
    TooLong,
    /// It is no JSON, or a value is not what it should be.
    #[error("not the facts of a host, see docs/facts.md")]
    Json(#[source] serde_json::Error),
    /// It is something else.
    #[error("format is {0:?}, expected \"underdesk-facts\"")]
    Format(String),
    /// It is newer than this program.
    #[error("version {0} is not known here, only version 1")]
    Version(u32),
    /// Keys that mean nothing here.
    #[error("unknown key: {0}; a misspelt key would be a fact lost, so nothing is read")]
    UnknownKeys(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KbId;
    use proptest::prelude::*;

    const SRV1: &str = r#"{"format":"underdesk-facts","version":1,"name":"srv1","inventory":{
        "platform":{"family":"windows","arch":"x64","windows":{"build":{"build":17763,"ubr":8511},
        "installation":"Server","edition":"ServerStandard"}},
        "windows":{"hotfixes":{"known":[{"id":"KB5094123"},{"id":"5012170"}]}}}}"#;

    fn all(text: &str) -> Result<Vec<HostFacts>, String> {
        let read: Result<Vec<_>, _> = FactsReader::new(text.as_bytes()).collect();
        read.map_err(|error| format!("{error}: {}", error.source))
    }

    #[test]
    fn one_object_an_array_and_json_lines_are_read_alike() {
        let one = all(SRV1).unwrap();
        let line = SRV1.replace('\n', " ");
        for text in [
            format!("\u{feff}{SRV1}\n"),
            format!("[{SRV1}]"),
            format!("{line}\n"),
        ] {
            assert_eq!(all(&text).unwrap(), one, "{text}");
        }
        for text in [
            format!("[{SRV1},\n{SRV1}]"),
            format!("{line}\r\n\r\n{line}"),
        ] {
            assert_eq!(all(&text).unwrap().len(), 2, "{text}");
        }
        assert!(all("[]").unwrap().is_empty());
    }

    #[test]
    fn what_a_person_leaves_out_is_not_asked_and_never_empty() {
        let facts = all(SRV1).unwrap().remove(0);
        let inventory = facts.inventory;
        let windows = inventory.windows.as_deref().unwrap();
        let kbs: Vec<_> = windows
            .hotfixes
            .known()
            .unwrap()
            .iter()
            .map(|fix| fix.kb)
            .collect();
        assert_eq!(kbs, [Some(KbId(5_012_170)), Some(KbId(5_094_123))]);
        let gap = windows.programs.gap().unwrap();
        assert_eq!(
            (gap.question.as_str(), gap.cause),
            ("uninstall-64", GapCause::NotAsked)
        );
        assert!(inventory.gaps.contains(gap));
        assert!(windows.components.is_empty());
        assert_eq!(inventory.platform.name, "Windows (build 17763.8511)");
        assert_eq!(inventory.platform.arch.as_deref(), Some("x86_64"));
        let bare = r#"{"format":"underdesk-facts","version":1,"inventory":{"platform":{"family":"debian","version":"12"}}}"#;
        let facts = all(bare).unwrap().remove(0);
        assert_eq!(
            facts.inventory.platform.ecosystem.as_deref(),
            Some("Debian:12")
        );
        assert_eq!(
            facts.inventory.packages.gap().unwrap().question,
            "dpkg-packages"
        );
    }

    #[test]
    fn a_unix_of_another_kind_follows_from_its_id_and_release() {
        let alma = r#"{"format":"underdesk-facts","version":1,"inventory":{
            "platform":{"family":"linux","id":"almalinux","version":"9.6"},
            "packages":{"known":[{"manager":"rpm","name":"openssl-libs","version":"1:3.0.7-24.el9"}]}}}"#;
        let inventory = all(alma).unwrap().remove(0).inventory;
        assert_eq!(inventory.platform.ecosystem.as_deref(), Some("AlmaLinux:9"));
        let source = &inventory.packages.known().unwrap()[0].source;
        assert_eq!(
            (source.name.as_str(), source.version.as_str()),
            ("openssl-libs", "3.0.7-24.el9")
        );
        let arch = r#"{"format":"underdesk-facts","version":1,"inventory":{"platform":{"family":"linux","id":"arch"}}}"#;
        let inventory = all(arch).unwrap().remove(0).inventory;
        assert_eq!(inventory.platform.ecosystem.as_deref(), Some("Arch Linux"));
        let gap = inventory.packages.gap().unwrap();
        assert_eq!(gap.question, "pacman-packages");
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_host_and_line() {
        let wrong = SRV1.replace("\"hotfixes\"", "\"hotfixs\"");
        let said = all(&format!("{SRV1}\n{wrong}")).unwrap_err();
        assert!(
            said.starts_with("host 2, line 5: unknown key: inventory.windows.hotfixs;"),
            "{said}"
        );
        let wrong = SRV1.replace("\"platform\"", "\"platfrom\"");
        let said = all(&wrong).unwrap_err();
        assert!(said.contains("inventory.platfrom"), "{said}");
    }

    #[test]
    fn what_is_no_file_of_facts_is_refused_with_the_reason() {
        let cases = [
            ("", "the file is empty"),
            ("  \n", "the file is empty"),
            ("hello", "expected a JSON object"),
            ("[{},{}", "not the facts of a host"),
            ("{", "ends within"),
            ("[", "ends within"),
            ("{\"format\":\"x\"}", "not the facts of a host"),
            ("\u{feff}]", "expected a JSON object"),
        ];
        for (text, why) in cases {
            let said = all(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
        let said = all(&SRV1.replace("-facts", "-facets")).unwrap_err();
        assert!(said.contains("format is \"underdesk-facets\""), "{said}");
        let said = all(&SRV1.replace("\"version\":1", "\"version\":2")).unwrap_err();
        assert!(said.contains("version 2"), "{said}");
        let said = all(&format!("[{SRV1}{SRV1}]")).unwrap_err();
        assert!(said.contains("expected a JSON object"), "{said}");
        let wide: Vec<u8> = SRV1.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = [&[0xff, 0xfe], &wide[..]].concat();
        let error = FactsReader::new(&wide[..]).next().unwrap().unwrap_err();
        assert!(matches!(error.source, FactsFault::Utf16));
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        let page = include_str!("../../docs/facts.md");
        let examples = page.split("```json\n").skip(1);
        let mut count = 0;
        for example in examples.filter_map(|rest| rest.split("```").next()) {
            count += all(example).unwrap().len();
        }
        assert!(count >= 2, "{count}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<Vec<u8>>(), json in "[\\[\\]{},\":\\\\ a1]{0,40}") {
            for bytes in [&text[..], json.as_bytes()] {
                let mut reader = FactsReader::new(bytes);
                while let Some(Ok(_)) = reader.next() {}
                prop_assert!(reader.next().is_none());
            }
        }
    }
}
