//! Made-up machines in the layouts that real tools print, in several languages and encodings.

use super::*;
use crate::collect::FactsReader;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/windows-tools");
    std::fs::read(folder.join(name)).unwrap()
}

const PAGES: &[&str] = &[
    "server-2022-en.txt",
    "server-2019-de-cp850.txt",
    "windows-10-de-cp1252.txt",
    "windows-7-de-cut.txt",
    "windows-10-ltsc-zh-gbk.txt",
    "windows-11-es-utf16.txt",
    "server-2012r2-ru-cp866.txt",
    "server-2016-ja-cp932.txt",
    "windows-xp-en.txt",
    "windows-10-no-list.txt",
    "server-2022-table.csv",
];

const LISTS: &[&str] = &[
    "qfe-wmic-table-utf16.txt",
    "qfe-wmic-list.txt",
    "qfe-wmic.csv",
    "qfe-get-hotfix-de-utf16.txt",
    "qfe-get-hotfix-list.txt",
];

/// What was read, for a person to check.
fn words(facts: &HostFacts) -> String {
    let inventory = &facts.inventory;
    let (platform, identity) = (&inventory.platform, &inventory.identity);
    let release = platform.windows.as_ref().unwrap();
    let windows = inventory.windows.as_deref().unwrap();
    let plain = |text: &Option<String>| text.clone().unwrap_or_default();
    let listed = |list: &Vec<Hotfix>| match list.len() {
        0..9 => {
            let ids = list.iter().map(|one| one.id.as_str());
            ids.collect::<Vec<_>>().join(" ")
        }
        many => format!("{many}"),
    };
    let name = plain(&facts.name);
    let fqdn = identity.fqdn.known().map_or("", String::as_str);
    let product = plain(&release.product_name);
    let running = plain(&platform.kernel.running);
    let (pack, arch) = (plain(&release.service_pack), plain(&platform.arch));
    let (edition, installation) = (plain(&release.edition), plain(&release.installation));
    let boot = windows.last_boot.known().map(ToString::to_string);
    let updates = windows.hotfixes.known();
    let updates = updates.map_or("unknown".to_owned(), listed);
    let gaps = inventory.gaps.iter();
    let gaps: Vec<String> = gaps
        .map(|gap| format!("{} {}", gap.question, gap.cause.as_str()))
        .collect();
    let lines = [
        format!("name: {name} / {fqdn}"),
        format!("system: {} | {product}", platform.name),
        format!("build: {running} {pack} {arch}"),
        format!(
            "edition: {edition} {installation} {:?}",
            release.role.unwrap()
        ),
        format!("domain: {:?}", windows.membership.known()),
        format!("boot: {boot:?}"),
        format!("adapters: {:?}", identity.interfaces.known()),
        format!("updates: {updates}"),
        format!("open: {}", gaps.join(", ")),
    ];
    lines.map(|line| format!("  {line}\n")).concat()
}

#[test]
fn systeminfo_is_read_in_any_language_and_encoding() {
    let mut text = String::new();
    for name in PAGES {
        let facts = from_tools(&fixture(name), None).unwrap();
        writeln!(text, "{name}\n{}", words(&facts)).unwrap();
    }
    insta::assert_snapshot!("systeminfo", text);
}

#[test]
fn a_list_of_updates_is_read_in_any_layout() {
    for name in LISTS {
        let list = qfe::read(&encoding::decode(&fixture(name))).unwrap();
        assert_eq!(list.host.as_deref(), Some("SRV-APP-01"), "{name}");
        assert!(!list.updates.is_cut, "{name}");
        let list = list.updates.list();
        let ids: Vec<&str> = list.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(
            ids,
            ["KB5012170", "KB5037782", "KB5037930", "KB5039227"],
            "{name}"
        );
        let day = list[0].installed_on.map(|day| day.to_string());
        if !name.ends_with("-list.txt") {
            assert_eq!(day.as_deref(), Some("2022-08-09"), "{name}");
        }
    }
    let list = qfe::read(&encoding::decode(&fixture("qfe-wmic-list.txt"))).unwrap();
    let list = list.updates.list();
    assert_eq!(list[3].installed_by.as_deref(), Some(r"CORP\patcher"));
    assert_eq!(list[1].installed_on.unwrap().to_string(), "2024-06-14");
}

#[test]
fn a_list_that_is_cut_proves_nothing_by_what_it_leaves_out() {
    let open = |facts: &HostFacts| facts.inventory.gaps.iter().any(|gap| gap.question == QFE);
    let info = fixture("windows-7-de-cut.txt");
    let facts = from_tools(&info, None).unwrap();
    assert!(open(&facts));
    assert_eq!(
        facts
            .inventory
            .windows
            .as_ref()
            .unwrap()
            .hotfixes
            .known()
            .unwrap()
            .len(),
        205
    );
    // The whole list beside it makes up for it.
    let table = "CSName  HotFixID   InstalledOn\nWS-ALT  KB4534310  1/15/2020\n";
    assert!(!open(&from_tools(&info, Some(table.as_bytes())).unwrap()));
    let cut = "CSName  HotFixID   InstalledOn\nWS-ALT  KB45343…  1/15/2020\n";
    assert!(open(&from_tools(&info, Some(cut.as_bytes())).unwrap()));
    let whole = fixture("server-2022-en.txt");
    assert!(!open(&from_tools(&whole, None).unwrap()));
    let text = String::from_utf8(whole).unwrap();
    for cut in ["[03]: KB503", "[02]: KB5012170\r\n"] {
        let end = text.find(cut).unwrap() + cut.len();
        assert!(
            open(&from_tools(&text.as_bytes()[..end], None).unwrap()),
            "{cut}"
        );
    }
}

#[test]
fn files_of_two_hosts_are_not_mixed() {
    let info = fixture("server-2019-de-cp850.txt");
    let error = from_tools(&info, Some(&fixture("qfe-wmic-list.txt"))).unwrap_err();
    assert!(matches!(error, OfflineError::TwoHosts { .. }), "{error}");
    let own = fixture("server-2022-en.txt");
    for name in LISTS {
        let facts = from_tools(&own, Some(&fixture(name))).unwrap();
        let windows = facts.inventory.windows.as_deref().unwrap();
        assert_eq!(windows.hotfixes.known().unwrap().len(), 4, "{name}");
    }
}

#[test]
fn another_text_is_refused() {
    for text in ["", "hello", "a: 10.0.17763\nb: c", "{\"format\":1}"] {
        let error = from_tools(text.as_bytes(), None).unwrap_err();
        assert!(matches!(error, OfflineError::NoSysteminfo), "{text}");
    }
    let own = fixture("server-2022-en.txt");
    let error = from_tools(&own, Some(b"KB5039227")).unwrap_err();
    assert!(matches!(error, OfflineError::NoQfe));
}

#[test]
fn what_tools_printed_is_a_file_of_facts_like_any_other() {
    for name in PAGES {
        let facts = from_tools(&fixture(name), None).unwrap();
        let json = serde_json::to_vec(&facts).unwrap();
        let read = FactsReader::new(&json[..]).next().unwrap().unwrap();
        assert_eq!(read, facts, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        lines in prop::collection::vec("(\\[[0-9]{1,2}\\]?:? ?|[ ]{0,3}|KB|HotFixID|: |,|\"|=|[0-9.]{1,9}|\\PC){0,8}", 0..20),
        at in any::<prop::sample::Index>(),
    ) {
        let lines = lines.join("\n");
        for bytes in [&bytes[..], lines.as_bytes()] {
            let _ = from_tools(bytes, Some(bytes)).map(drop);
            qfe::read(&encoding::decode(bytes));
        }
        let mut page = fixture("server-2022-en.txt");
        let place = at.index(page.len());
        page.splice(place..place, bytes);
        let _ = from_tools(&page, Some(lines.as_bytes())).map(drop);
    }
}
