//! What a host says of itself may hold anything, and what the terminal is given holds nothing that it would obey.

use crate::support::{Desk, Ended, Site};
use std::fs;
use std::path::Path;

/// Hosts of `fixtures/labs/hostile.toml` whose names, banners and packages hold escapes, and one that has none.
const HOSTS: &str = "127.78.0.1 127.78.0.17-19 127.78.0.70-73";

fn network() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/labs/hostile.toml");
    fs::read_to_string(path).unwrap()
}

/// The first thing that a terminal might obey (ECMA-48: C0 and C1 controls), or that turns letters around
/// (Unicode's bidirectional controls).
fn obeyed(text: &str) -> Option<char> {
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut letters = text.chars();
    letters.find(|letter| (letter.is_control() && *letter != '\n') || turns(*letter))
}

fn check(words: &str, ended: &Ended) {
    assert!(
        !ended.out.is_empty() || !ended.err.is_empty(),
        "{words} says nothing"
    );
    for (name, text) in [("output", &ended.out), ("error", &ended.err)] {
        let found = obeyed(text);
        assert_eq!(found, None, "{words}: standard {name}: {text:?}");
    }
}

#[test]
fn nothing_that_a_terminal_obeys_gets_from_a_host_to_the_operator() {
    // The hosts are as bad as this test thinks.
    for bad in ["\\u001b[2J", "\\u001b]0;", "\\u202e", "\\u0007"] {
        assert!(network().contains(bad), "{bad}");
    }
    let site = Site::serve(&network());
    let desk = Desk::at(&site, "audit", "127.78.0.0/24");
    let port = site.port(22);
    let scan = format!(
        "scan {HOSTS} --timeout 5 --ssh-port {port} --ports {port} --known-hosts known_hosts -v --out"
    );
    for words in [
        format!("{scan} first"),
        format!("{scan} second --events jsonl"),
        "verify --known-hosts known_hosts --out verified".to_owned(),
        format!("doctor 127.78.0.71 --ssh-port {port} --known-hosts known_hosts"),
    ] {
        check(&words, &desk.run(&words));
    }
    let machines = desk.read("second/machines.csv");
    assert!(
        machines.contains("127.78.0.71"),
        "the host was not met: {machines}"
    );
    for words in [
        "diff",
        "unmanaged",
        "plan --machines",
        "match -v",
        "export -o -",
        "export -o - --format jsonl",
        "runs list",
        "runs show",
        "runs show --json",
        "trust list",
        "explain 127.78.0.70",
        "explain 127.78.0.71",
        "explain 127.78.0.72",
        "explain 127.78.0.73",
        "explain 127.78.0.73 CVE-2024-6387",
        "credentials show-plan 127.78.0.71",
    ] {
        let mut ended = desk.run(words);
        // The rules of CSV end a row so.
        ended.out = ended.out.replace("\r\n", "\n");
        check(words, &ended);
    }
}
