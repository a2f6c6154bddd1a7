//! How Microsoft's fields are read: the same facts stand there in many spellings, and some are none.
//!
//! Each function reads one field. What it cannot read it says, so that the feed can count it.

use crate::model::{BulletinId, KbId, Restart, UpdateId, UpdateKind, UtcTime};

/// The most characters of a name that is kept.
const LONGEST_NAME: usize = 200;
/// The most characters of an address that is kept.
const LONGEST_URL: usize = 2_000;

/// A text without invisible characters, with one blank for any white space.
pub(super) fn words(text: &str) -> String {
    let visible = text.replace(is_invisible, " ");
    let words: Vec<&str> = visible.split_whitespace().collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST_NAME) {
        line.truncate(end);
    }
    line
}

/// Control characters, and those that have no width.
fn is_invisible(char: char) -> bool {
    let has_no_width = matches!(
        char,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    );
    char.is_control() || has_no_width
}

/// Whether a field holds a word for nothing.
fn is_nothing(text: &str) -> bool {
    let words = ["", "-", "n/a", "na", "none", "null", "tbd"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The number of an article: 6 to 8 digits, with `KB` before them or without.
pub(super) fn article(text: &str) -> Option<KbId> {
    let text = text.trim();
    let digits = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("kb") => text.get(2..)?.trim_start(),
        _ => text,
    };
    let is_article =
        (6..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_article.then(|| digits.parse().ok().map(KbId))?
}

/// The update that a remediation names: an article, or words. Where its description is empty, the article
/// that its subtype or its address names. `None` where nothing names it.
pub(super) fn update(description: &str, sub_type: &str, url: &str) -> Option<UpdateId> {
    let description = words(description);
    if let Some(kb) = article(&description) {
        return Some(UpdateId::Kb(kb));
    }
    if !is_nothing(&description) {
        return Some(UpdateId::Named(description));
    }
    let last = url.trim().trim_end_matches('/').rsplit('/').next();
    let last = last.unwrap_or_default().split(['?', '#']).next();
    let kb = article(&words(sub_type)).or_else(|| KbId::find(sub_type));
    let kb = kb.or_else(|| article(last.unwrap_or_default()));
    kb.map(UpdateId::Kb)
}

/// Words of subtypes for anything but an update of a known sort, letters and digits only.
const OTHER_KINDS: &[&str] = &[
    "",
    "appserviceinstaller",
    "appstore",
    "cblmariner",
    "downloadguidance",
    "github",
    "linuxupdate",
    "microsoftappstore",
    "na",
    "none",
    "other",
    "sourcecodetargz",
    "sourcecodezip",
    "updateguidance",
    "updatehistory",
    "windowsupdate",
];

/// The sort of update that a subtype names, in any spelling. `None` for one that is new to us.
pub(super) fn kind(sub_type: &str) -> Option<UpdateKind> {
    let letters = sub_type.chars().filter(char::is_ascii_alphanumeric);
    let word = letters.collect::<String>().to_ascii_lowercase();
    // An update for machines with processors of VIA: the same articles are named without them.
    let word = word.strip_prefix("viaprocessors").unwrap_or(&word);
    Some(match word {
        _ if word.contains("hotpatch") => UpdateKind::Hotpatch,
        _ if word.starts_with("servicingstack") => UpdateKind::ServicingStack,
        "monthlyrollup" | "previewrollup" => UpdateKind::MonthlyRollup,
        "securityonly" | "securityonlyupdate" => UpdateKind::SecurityOnly,
        "iecumulative" | "iecumulativeupdate" => UpdateKind::IeCumulative,
        "setupdu" | "setupdynamicupdate" => UpdateKind::SetupDynamic,
        _ if word.starts_with("standalone") => UpdateKind::Standalone,
        "update" | "cumulativeupdate" | "alternatecumulative" => UpdateKind::Security,
        _ if word.starts_with("securityupdate") => UpdateKind::Security,
        _ if OTHER_KINDS.contains(&word) => UpdateKind::Other,
        _ => return None,
    })
}

/// The articles that a list of superseded updates names, sorted, and what in it is neither an article
/// nor a bulletin (`MS16-106`).
pub(super) fn superseded(list: &str) -> (Vec<KbId>, Vec<String>) {
    let (mut articles, mut junk) = (Vec::new(), Vec::new());
    let list = without_tags(list).replace(is_invisible, " ");
    for item in list.split(|char: char| char.is_whitespace() || matches!(char, ';' | ',' | '&')) {
        match article(item) {
            Some(kb) => articles.push(kb),
            None if is_nothing(item) || is_bulletin(item) => {}
            None => junk.push(words(item)),
        }
    }
    articles.sort_unstable();
    articles.dedup();
    (articles, junk)
}

/// A text with a blank for each of its tags: `a<br><br>b`.
fn without_tags(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        plain.push(' ');
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

/// Whether it is the id of one of the bulletins of 1998 to 2017: `MS16-106`.
fn is_bulletin(text: &str) -> bool {
    let is_number =
        |part: &str, digits| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text
        .strip_prefix("MS")
        .and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| is_number(year, 2) && is_number(number, 3))
}

/// What stands in the place of a build and is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoBuild;

/// A build: dotted numbers without leading zeros. `None` where the field is empty. Where one update has
/// several builds (of .NET Framework), all of them, sorted, with ` & ` between.
pub(super) fn build(text: &str) -> Result<Option<String>, NoBuild> {
    let text = words(text);
    if is_nothing(&text) {
        return Ok(None);
    }
    let text = text.replace(" and ", "&").replace(';', "&");
    let mut builds: Vec<Vec<&str>> = Vec::new();
    for one in text.split('&') {
        builds.push(numbers(one)?);
    }
    builds.sort_by_key(|build| sortable(build));
    builds.dedup();
    let builds: Vec<String> = builds.into_iter().map(|build| dotted(&build)).collect();
    Ok(Some(builds.join(" & ")))
}

/// The numbers of one build, without leading zeros.
fn numbers(text: &str) -> Result<Vec<&str>, NoBuild> {
    let text = text.trim();
    let end = text.find(|char: char| char.is_ascii_digit()).unwrap_or(0);
    let (prefix, rest) = text.split_at(end);
    let known = ["", "v", "version", "fixed version", "build"];
    let prefix = prefix.trim();
    if !known.iter().any(|word| prefix.eq_ignore_ascii_case(word)) {
        return Err(NoBuild);
    }
    // `112.0.5615.49/50`: either has the fix, so the lower one counts.
    let rest = match rest.split_once('/') {
        Some((first, last)) if last.bytes().all(|byte| byte.is_ascii_digit()) => first,
        Some(_) => return Err(NoBuild),
        None => rest,
    };
    // `96.0 1954.29`, `0.72.0.0.`
    let parts = rest.trim_end_matches('.').split(['.', ' ']);
    let mut numbers = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if part.len() > 20 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoBuild);
        }
        let number = part.trim_start_matches('0');
        numbers.push(if number.is_empty() { "0" } else { number });
    }
    let is_build = (2..=8).contains(&numbers.len());
    is_build.then_some(numbers).ok_or(NoBuild)
}

/// Numbers without leading zeros are in order by length first.
fn sortable(build: &[&str]) -> Vec<(usize, String)> {
    build
        .iter()
        .map(|part| (part.len(), (*part).to_owned()))
        .collect()
}

fn dotted(build: &[&str]) -> String {
    let is_windows = |third: &&str| third.len() == 5 && **third >= *"10240";
    match build {
        // `0.0.26200.4652`
        ["0", "0", third, rest @ ..] if is_windows(third) && rest.len() == 1 => {
            format!("10.0.{third}.{}", rest.join("."))
        }
        _ => build.join("."),
    }
}

/// Whether an update asks for a restart; `None` where that is not said, an error for a word that is new.
pub(super) fn restart(text: &str) -> Result<Option<Restart>, String> {
    let text = words(text);
    match text.to_ascii_lowercase().as_str() {
        "yes" | "required" => Ok(Some(Restart::Yes)),
        "maybe" => Ok(Some(Restart::Maybe)),
        "no" => Ok(Some(Restart::No)),
        word if is_nothing(word) => Ok(None),
        _ => Err(text),
    }
}

/// An address on the web; `None` where there is none, an error for one of another kind.
pub(super) fn url(text: &str) -> Result<Option<String>, String> {
    let text = text.trim().replace(' ', "%20");
    if is_nothing(&text) {
        return Ok(None);
    }
    let starts = |start: &str| {
        text.get(..start.len())
            .is_some_and(|this| this.eq_ignore_ascii_case(start))
    };
    let is_plain = !text.contains(|char: char| char.is_whitespace() || is_invisible(char));
    if (starts("https://") || starts("http://")) && is_plain && text.len() <= LONGEST_URL {
        return Ok(Some(text));
    }
    Err(words(&text))
}

/// The id of a flaw at the beginning of a field, whatever stands after it, and whether it is a CVE. `None`
/// where it begins with none.
pub(super) fn flaw_id(text: &str) -> Option<(BulletinId, bool)> {
    let word = words(text);
    let word = word
        .split([' ', ',', ';', ':'])
        .next()?
        .to_ascii_uppercase();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((year, number)) = word
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
    {
        let is_cve = year.len() == 4 && is_number(year) && number.len() >= 4 && is_number(number);
        return is_cve.then(|| (BulletinId::new(word.clone()), true));
    }
    let is_advisory = word.strip_prefix("ADV").is_some_and(is_number);
    is_advisory.then(|| (BulletinId::new(word.clone()), false))
}

/// A time; one without an offset is in UTC.
pub(super) fn time(text: &str) -> Option<UtcTime> {
    let text = text.trim();
    UtcTime::parse(text).or_else(|| UtcTime::parse(&format!("{text}Z")))
}

/// A CVSS score in tenths: `7.8`, `10`.
pub(super) fn tenths(text: &str) -> Option<u8> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let tenth: u8 = rest.get(..1)?.parse().ok()?;
    let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
    let tenths = whole
        .parse::<u8>()
        .ok()?
        .checked_mul(10)?
        .checked_add(tenth)?;
    (is_number && tenths <= 100).then_some(tenths)
}

/// Whether a product is a package of Microsoft's Linux, which is no product by updates.
pub(super) fn is_linux_package(name: &str) -> bool {
    let name = words(name).to_lowercase();
    let starts = [
        "cbl2 ",
        "azl3 ",
        "cbl mariner",
        "cbl-mariner",
        "azure linux",
    ];
    let systems = [" on cbl mariner", " on cbl-mariner", " on azure linux"];
    starts.iter().any(|start| name.starts_with(start))
        || systems.iter().any(|one| name.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_named_by_an_article_or_by_words() {
        let kb = |number| Some(UpdateId::Kb(KbId(number)));
        let named = |words: &str| Some(UpdateId::Named(words.to_owned()));
        assert_eq!(update("5071544", "Security Update", ""), kb(5_071_544));
        assert_eq!(update(" KB29166583\u{200b}", "", ""), kb(29_166_583));
        assert_eq!(update("Click to Run", "5071544", ""), named("Click to Run"));
        assert_eq!(update(" Release\n Notes", "", ""), named("Release Notes"));
        let url = "https://aka.ms/vs/11/release/4571479";
        assert_eq!(update("", "Security Update", url), kb(4_571_479));
        assert_eq!(update("", "5012345", "https://x.test"), kb(5_012_345));
        assert_eq!(
            update("", "Security Update", "https://code.test/Download"),
            None
        );
        assert_eq!(update("50185", "", ""), named("50185"));
    }

    #[test]
    fn every_spelling_of_a_subtype_is_read() {
        let rows = [
            ("Security Update", UpdateKind::Security),
            ("Security Update (Windows)", UpdateKind::Security),
            ("Security Update - Linux", UpdateKind::Security),
            (
                "Security Update (Atlassian Marketplace)",
                UpdateKind::Security,
            ),
            ("Cumulative Update", UpdateKind::Security),
            ("Alternate Cumulative", UpdateKind::Security),
            ("Update", UpdateKind::Security),
            ("Monthly Rollup", UpdateKind::MonthlyRollup),
            ("Preview Rollup", UpdateKind::MonthlyRollup),
            ("VIA Processors Monthly Rollup", UpdateKind::MonthlyRollup),
            ("Security Only", UpdateKind::SecurityOnly),
            ("VIA Processors Security Only", UpdateKind::SecurityOnly),
            ("VIA Processors Security Update", UpdateKind::Security),
            ("IE Cumulative", UpdateKind::IeCumulative),
            ("Security Hotpatch Update", UpdateKind::Hotpatch),
            ("Security HotPatch Update", UpdateKind::Hotpatch),
            ("SecurityHotpatchUpdate", UpdateKind::Hotpatch),
            ("AzureHotpatch", UpdateKind::Hotpatch),
            ("Azure Hotpatch", UpdateKind::Hotpatch),
            ("Servicing Stack Update", UpdateKind::ServicingStack),
            ("ServicingStackUpdate", UpdateKind::ServicingStack),
            ("Standalone", UpdateKind::Standalone),
            ("Standalone Security Update", UpdateKind::Standalone),
            ("Setup DU", UpdateKind::SetupDynamic),
            ("N/A", UpdateKind::Other),
            ("None", UpdateKind::Other),
            ("", UpdateKind::Other),
            ("Source Code (tar.gz)", UpdateKind::Other),
            ("Update history", UpdateKind::Other),
        ];
        for (sub_type, expected) in rows {
            assert_eq!(kind(sub_type), Some(expected), "{sub_type}");
        }
        assert_eq!(kind("Quantum Update"), None);
    }

    #[test]
    fn superseded_articles_are_read_whatever_stands_between_them() {
        let rows: &[(&str, &[u32], &[&str])] = &[
            ("5068865", &[5_068_865], &[]),
            ("4489488; 4495165", &[4_489_488, 4_495_165], &[]),
            ("4088875, 4100480", &[4_088_875, 4_100_480], &[]),
            ("4538123 4538157\n", &[4_538_123, 4_538_157], &[]),
            (
                "MS16-106, 3185911; MS16-110, 3187754",
                &[3_185_911, 3_187_754],
                &[],
            ),
            ("MS15-131", &[], &[]),
            ("3118389<br><br>4022173", &[3_118_389, 4_022_173], &[]),
            ("KB5018542, 5018542", &[5_018_542], &[]),
            ("None", &[], &[]),
            ("5013868, 50185", &[5_013_868], &["50185"]),
            ("2.41.0", &[], &["2.41.0"]),
            ("<unclosed", &[], &[]),
        ];
        for (list, expected, junk) in rows {
            let (articles, found) = superseded(list);
            let numbers: Vec<u32> = articles.iter().map(|kb| kb.0).collect();
            assert_eq!(numbers, *expected, "{list}");
            assert_eq!(found, *junk, "{list}");
        }
    }

    #[test]
    fn a_build_is_read_from_its_junk() {
        let rows = [
            ("10.0.17763.8146", Some("10.0.17763.8146")),
            ("10.0.19041.5000\u{200b}\u{200b}", Some("10.0.19041.5000")),
            ("\t\n16.0.4200.1", Some("16.0.4200.1")),
            ("0.0.26200.4652", Some("10.0.26200.4652")),
            ("15.02.1748.046", Some("15.2.1748.46")),
            ("4.8.1.09277.02", Some("4.8.1.9277.2")),
            ("96.0 1954.29", Some("96.0.1954.29")),
            ("v136.0.3240.64", Some("136.0.3240.64")),
            ("Version 1.1.18200.3", Some("1.1.18200.3")),
            ("Fixed Version 17.13.7", Some("17.13.7")),
            ("V1.003", Some("1.3")),
            ("1.001", Some("1.1")),
            ("0.72.0.0.", Some("0.72.0.0")),
            ("112.0.5615.49/50", Some("112.0.5615.49")),
            (
                "3.0.30729.9165 & 2.0.50727.9181 & 4.8.9332.0",
                Some("2.0.50727.9181 & 3.0.30729.9165 & 4.8.9332.0"),
            ),
            ("4.8.9334.0 and 4.8.4802.0", Some("4.8.4802.0 & 4.8.9334.0")),
            (
                "3.0.6920.8954; 2.0.50727.8970",
                Some("2.0.50727.8970 & 3.0.6920.8954"),
            ),
            ("", None),
            ("N/A", None),
            ("-", None),
        ];
        for (text, expected) in rows {
            assert_eq!(build(text), Ok(expected.map(str::to_owned)), "{text}");
        }
        let none = [
            "https://aka.ms/OfficeSecurityReleases",
            "KB5032921",
            "Publication",
            "26100",
            "2,82",
            "> 2.94.781.0",
            "15.0.5415.xxxxxx",
            "App Build 23.10.22604, Platform Build 23.0.22561",
            "1416/1.0.0.2025102802",
            "2.0.0-beta.17",
            "1.1.1.1.1.1.1.1.1",
            "4.8.1 & ",
        ];
        for text in none {
            assert_eq!(build(text), Err(NoBuild), "{text}");
        }
    }

    #[test]
    fn a_flaw_is_known_by_its_id_whatever_stands_after_it() {
        let id = |text: &str| flaw_id(text).map(|(id, is_cve)| (id.as_str().to_owned(), is_cve));
        let cve = Some(("CVE-2023-38039".to_owned(), true));
        assert_eq!(id("CVE-2023-38039 mariner - do not use this one"), cve);
        assert_eq!(id(" cve-2023-38039\n"), cve);
        assert_eq!(id("ADV990001"), Some(("ADV990001".to_owned(), false)));
        assert_eq!(id("CVE-2023-1"), None);
        assert_eq!(id("ADV"), None);
        assert_eq!(id(""), None);
    }

    #[test]
    fn small_fields_are_read_or_refused() {
        assert_eq!(restart("Maybe"), Ok(Some(Restart::Maybe)));
        assert_eq!(restart(""), Ok(None));
        assert_eq!(restart("perhaps"), Err("perhaps".to_owned()));
        assert_eq!(
            url("https://x.test/a").unwrap().as_deref(),
            Some("https://x.test/a")
        );
        let spaced = url("https://x.test/?q=Visual Studio 2017").unwrap();
        assert_eq!(
            spaced.as_deref(),
            Some("https://x.test/?q=Visual%20Studio%202017")
        );
        assert!(url("file://cpvsbuild/drops").is_err() && url("https://a\nb").is_err());
        assert_eq!(
            (tenths("7.8"), tenths("10.0"), tenths("10")),
            (Some(78), Some(100), Some(100))
        );
        assert_eq!(
            (tenths("11"), tenths("7.x"), tenths("")),
            (None, None, None)
        );
        let utc = UtcTime::parse("2025-12-09T08:00:00Z");
        assert_eq!(time("2025-12-09T08:00:00"), utc);
        assert_eq!(time("2025-12-09T08:00:00Z"), utc);
        assert!(is_linux_package(
            "azl3 kernel 6.6.51.1-5 on Azure Linux 3.0"
        ));
        assert!(
            is_linux_package("CBL Mariner 2.0 x64") && is_linux_package("vim on CBL Mariner 2.0")
        );
        assert!(!is_linux_package(".NET 8.0 installed on Linux"));
    }
}
