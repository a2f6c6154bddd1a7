//! What a Mac's installer has installed: the receipts that are still there, with the versions and times of
//! the installer's history, an XML property list.

use super::lists::{self, is_name, malformed, remark};
use super::platform::clip;
use super::questions::MAC_RECEIPTS;
use crate::model::{Gap, Package, PackageManager, UtcTime};
use crate::session::Answers;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::{BTreeMap, BTreeSet};

/// The deepest that elements nest there: `plist`, `array`, `dict`, `array`, `string`.
const DEEPEST: usize = 8;

/// Every receipt that the history speaks of, at the version of the last time.
pub(super) fn receipts(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(MAC_RECEIPTS)?;
    let (receipts, history) = text.split_once("# history\n").unwrap_or((text, ""));
    let present: BTreeSet<&str> = receipts
        .lines()
        .filter_map(|line| line.strip_prefix("receipt\t"))
        .collect();
    if history.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entries = entries(history).ok_or_else(|| malformed(MAC_RECEIPTS))?;
    let mut latest: BTreeMap<String, Package> = BTreeMap::new();
    for entry in &entries {
        for id in entry
            .packages
            .iter()
            .filter(|id| present.contains(id.as_str()))
        {
            latest.insert(id.clone(), entry.package(id));
        }
    }
    Ok(latest.into_values().collect())
}

/// One installation.
#[derive(Default)]
struct Entry {
    name: String,
    version: String,
    date: String,
    packages: Vec<String>,
}

impl Entry {
    fn package(&self, id: &str) -> Package {
        Package {
            installed_at: UtcTime::parse(&self.date),
            vendor: remark(&self.name),
            ..lists::package(PackageManager::Macos, id, &clip(&self.version, 200))
        }
    }

    /// Takes the text of an element that follows a key.
    fn take(&mut self, key: &str, text: String) {
        match key {
            "displayName" => self.name = text,
            "displayVersion" => self.version = text,
            "date" => self.date = text,
            "packageIdentifiers" if is_name(&text) => self.packages.push(text),
            _ => {}
        }
    }
}

/// The installations of a property list, oldest first as it has them; `None` where it is none.
fn entries(text: &str) -> Option<Vec<Entry>> {
    let mut reader = Reader::from_str(text);
    let (mut entries, mut path) = (Vec::new(), Vec::new());
    let (mut key, mut said) = (String::new(), String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                path.push(AsRef::<str>::as_ref(&tag.local_name()).to_owned());
                if path.len() > DEEPEST {
                    return None;
                }
                if path.len() == 3 {
                    entries.push(Entry::default());
                }
                said.clear();
            }
            Event::Text(text) => said.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => {
                said.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or(" "));
            }
            Event::End(_) => {
                let text = std::mem::take(&mut said);
                let element: String = path.pop()?;
                match (element.as_str(), entries.last_mut()) {
                    ("key", _) => key = text,
                    ("string" | "date", Some(entry)) => entry.take(&key, text),
                    _ => {}
                }
            }
            Event::Eof => return path.is_empty().then_some(entries),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;

    const HISTORY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><array>\
        <dict><key>date</key><date>2024-03-01T10:00:00Z</date><key>displayName</key><string>Agent &amp; Co</string>\
        <key>displayVersion</key><string>1.0</string><key>packageIdentifiers</key><array><string>com.example.agent</string>\
        <string>com.example.gone</string></array><key>processName</key><string>installer</string></dict>\
        <dict><key>date</key><date>2024-06-01T10:00:00Z</date><key>displayName</key><string>Agent</string>\
        <key>displayVersion</key><string>1.2</string><key>packageIdentifiers</key><array><string>com.example.agent</string></array></dict>\
        </array></plist>\n";

    fn read(text: &str) -> Option<Vec<String>> {
        let line = |p: &Package| {
            let at = p.installed_at.map(|at| at.to_string());
            format!("{} {} {:?} {:?}", p.name, p.version, p.vendor, at)
        };
        let packages = receipts(&answers(&[(MAC_RECEIPTS, text)])).ok()?;
        Some(packages.iter().map(line).collect())
    }

    #[test]
    fn a_receipt_that_is_there_has_the_version_of_its_last_installation() {
        let text =
            format!("receipt\tcom.example.agent\nreceipt\tcom.apple.base\n# history\n{HISTORY}");
        assert_eq!(
            read(&text).unwrap(),
            ["com.example.agent 1.2 Some(\"Agent\") Some(\"2024-06-01T10:00:00Z\")"]
        );
    }

    #[test]
    fn a_history_that_is_no_property_list_is_malformed() {
        assert_eq!(read("receipt\ta\n"), Some(Vec::new()));
        for bad in ["<plist>", "<a><b></a>", &"<a>".repeat(20)] {
            assert_eq!(
                read(&format!("receipt\ta\n# history\n{bad}")),
                None,
                "{bad}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<(/)?(plist|array|dict|key|string|date)>|[a-z&;]{0,5}){0,20}") {
            let _ = read(&format!("receipt\ta\n# history\n{text}"));
        }
    }
}
