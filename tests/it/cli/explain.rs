//! `explain HOST ID`: the proof, and why something is not reported.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site};
use std::fmt::Write as _;
use std::path::Path;

/// What is printed of a recorded host.
fn explained(desk: &Desk, host: &str, words: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let recording = folder.join(host).display().to_string();
    let words = format!("explain {words} --recording {recording}");
    let out = desk.expect(0, &words).out;
    let too_wide = out.lines().find(|line| line.chars().count() > 160);
    assert_eq!(too_wide, None, "{words}");
    out.replace(&recording, "[RECORDING]")
}

const DEBIAN: &[(&str, &str)] = &[
    ("a flaw that is open", "CVE-2023-5363"),
    ("a flaw that is closed, in another case", "cve-2014-0160"),
    ("a flaw of a package that is not installed", "CVE-2021-4034"),
    ("a flaw that nobody knows", "CVE-1999-99999"),
    ("an update of Windows", "KB5094123"),
    ("everything", ""),
];

#[test]
fn what_is_reported_and_what_is_not_has_its_reason() {
    let desk = Desk::new();
    let mut text = String::new();
    for (what, id) in DEBIAN {
        let shown = explained(&desk, "debian-12-old", &format!("filer {id}"));
        writeln!(text, "# {what}\n$ underdesk explain filer {id}\n{shown}").unwrap();
    }
    insta::assert_snapshot!("explain-debian", text);
}

#[test]
fn what_a_windows_says_of_an_update_is_shown() {
    let desk = Desk::new();
    let listed = explained(&desk, "windows-server-2019", "DC-TOKYO KB5012170");
    insta::assert_snapshot!("explain-windows", listed);
    let summary = explained(&desk, "windows-hostile", "0.0.0.1");
    assert!(
        !summary.contains('\u{1b}') && !summary.contains('\u{202e}'),
        "{summary}"
    );
}

#[test]
fn a_host_that_only_an_earlier_run_has_is_said_to_be_there() {
    let site = Site::serve(&network("earlier", &[("127.89.2.1", NEW)]));
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.89.2.1 {} --out out", flags(&site)));
    let before = desk.run_id();
    // Nobody is there, and a credential covers it.
    desk.expect(3, &format!("scan 127.89.2.9 {} --out none", flags(&site)));
    let explain = desk.expect(2, "explain h-127-89-2-1").err;
    let next = format!("run {before} has it: underdesk explain h-127-89-2-1 --run {before}");
    assert!(explain.contains(&next), "{explain}");
    desk.expect(0, &format!("explain h-127-89-2-1 --run {before}"));
    let show = desk.expect(2, "show h-127-89-2-1").err;
    let next = format!("run {before} has it: underdesk show h-127-89-2-1 {before}");
    assert!(show.contains(&next), "{show}");
    desk.expect(0, &format!("show h-127-89-2-1 {before}"));
    let nobody = desk.expect(2, "explain h-127-89-2-77").err;
    assert!(!nobody.contains("has it"), "{nobody}");
}

#[test]
fn a_host_of_a_run_is_found_by_each_of_its_names() {
    let site = Site::serve(&network(
        "explain",
        &[("127.89.1.1", NEW), ("127.89.1.2", OLD)],
    ));
    let desk = desk(&site);
    let words = format!("scan 127.89.1.1-2 {} --out out", flags(&site));
    desk.expect(0, &words);
    let machines = crate::support::Table::open(&desk.path("out/machines.csv"));
    let id = machines.value(("ip", "127.89.1.2"), "machine_id");
    let first = desk.expect(0, "explain 127.89.1.2 CVE-2023-5363").out;
    assert!(first.contains("CVE-2023-5363: missing"), "{first}");
    for name in [id, "h-127-89-1-2", "H-127-89-1-2"] {
        assert_eq!(
            desk.expect(0, &format!("explain {name} CVE-2023-5363")).out,
            first
        );
    }
    let nobody = desk.expect(2, "explain 127.89.1.3").err;
    assert!(nobody.contains("has no host 127.89.1.3"), "{nobody}");
    desk.expect(2, "explain h-127-89-1-2 --run r-none");
    // From another catalogue, with a word about it.
    let news = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog/kev.json");
    let import = format!("--catalog other.db catalog import {}", news.display());
    desk.expect(0, &import);
    let other = desk.expect(0, "--catalog other.db explain 127.89.1.2 CVE-2023-5363");
    assert!(
        other.err.contains("the catalogue has changed"),
        "{}",
        other.err
    );
    assert!(
        other
            .out
            .contains("The catalogue holds nothing about this kind"),
        "{}",
        other.out
    );
}

#[test]
fn a_host_that_was_not_read_is_not_called_clean() {
    let switch = "banner = \"SSH-2.0-Cisco-1.25\"";
    let site = Site::serve(&network(
        "unread",
        &[("127.89.2.1", NEW), ("127.89.2.2", switch)],
    ));
    let desk = Desk::at(&site, "audit", "127.89.2.1");
    desk.expect(0, &format!("scan 127.89.2.1-2 {} --out out", flags(&site)));
    let shown = desk.expect(0, "explain 127.89.2.2 CVE-2023-5363").out;
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "nothing ruled out: it was not read (no_credential_in_scope)";
    assert!(words.contains(said), "{shown}");
}
