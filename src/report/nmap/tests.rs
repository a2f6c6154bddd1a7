//! What the network showed in nmap's format: mapping, hostile texts, and our own reader.

use super::super::sample::{self, read, unread};
use super::super::tests::{exported, hostile_texts, plain};
use super::*;
use crate::known::{ReadOptions, read as read_list};
use crate::model::{Claim, HostKey, SeenBy, UtcTime};
use quick_xml::Reader;

/// A host that shows much without a login, and one that was logged in to.
fn run() -> sample::Run {
    let mut seen = unread("10.0.2.9");
    let claim = |value: &str| {
        Some(Claim {
            value: value.to_owned(),
            certainty: Certainty::Likely,
            sources: Vec::new(),
        })
    };
    seen.target_name = Some("erp.example".to_owned());
    seen.fingerprint.hostname = claim("legacy-erp");
    seen.fingerprint.os = claim("Windows Server 2008 R2");
    seen.fingerprint.macs = vec!["00:14:22:01:23:45".to_owned()];
    seen.fingerprint.mac_vendor = Some("Dell & <Sons>".to_owned());
    let address = seen.addresses[0];
    let mut web = sample::service(SeenBy::Scan);
    (web.port, web.service) = (443, "http".to_owned());
    (web.product, web.version) = ("Microsoft-IIS".to_owned(), "7.5".to_owned());
    web.banner = "Microsoft-IIS/7.5\u{1b}[2J\u{0}".to_owned();
    web.certainty = Certainty::Sure;
    web.tls = Some(ServiceTls {
        subject: "CN=legacy-erp.larkspur.example".to_owned(),
        issuer: "CN=\"corp\"".to_owned(),
        not_after: UtcTime::parse("2025-01-01T00:00:00Z"),
    });
    seen.services.push((address, web));
    let clue = |fact| {
        (
            address,
            Clue {
                source: "ssh".to_owned(),
                proto: "tcp".to_owned(),
                port: 22,
                fact,
            },
        )
    };
    let (algorithm, fingerprint) = ("ssh-ed25519".to_owned(), "SHA256:abc".to_owned());
    seen.clues.push(clue(Fact::HostKey(HostKey {
        algorithm,
        fingerprint,
    })));
    seen.clues.push(clue(Fact::PublicKey(KEY.to_owned())));
    let mut answers_for_others = unread("10.0.2.77");
    answers_for_others.intermediary = Some("answers for 10.0.2.64/26".to_owned());
    let mut both = read("fd00::7", "web", Vec::new());
    both.addresses.push("10.0.2.7".parse().unwrap());
    both.services
        .push(("10.0.2.7".parse().unwrap(), sample::service(SeenBy::Host)));
    sample::run(vec![seen, answers_for_others, both])
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBx7Kvy2Zm4KyDk5W3dGkJ8pZQmXvYtQk1cF0Yl5nqQe";

#[test]
fn a_sweep_in_the_words_of_nmap() {
    let (memory, written) = exported(&run(), &["nmap"], &plain());
    let text = memory
        .text(NAME)
        .replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!(text);
    assert_eq!(written.files[0].rows, 3);
}

#[test]
fn our_own_reader_of_nmap_reads_it_back() {
    let (memory, _) = exported(&run(), &["nmap"], &plain());
    let list = read_list("nmap.xml", &memory.bytes(NAME), &ReadOptions::default()).unwrap();
    assert!(list.notes.is_empty(), "{:?}", list.notes);
    let records = &list.list.records;
    let addresses: Vec<String> = records
        .iter()
        .map(|record| record.addresses[0].to_string())
        .collect();
    assert_eq!(addresses, ["10.0.2.9", "fd00::7", "10.0.2.7"]);
    let first = &records[0];
    assert_eq!(first.fqdn.as_deref(), Some("erp.example"));
    assert_eq!(first.macs, ["00:14:22:01:23:45"]);
    assert_eq!(first.os.as_deref(), Some("Windows Server 2008 R2"));
    assert_eq!(first.host_keys.len(), 1);
    assert_eq!(first.last_seen, Some(sample::day("2026-11-22")));
}

#[test]
fn hostile_text_breaks_no_element() {
    let mut texts = hostile_texts();
    texts.extend(
        [
            "]]>",
            "<!DOCTYPE x>",
            "\"/><host>",
            "\u{fffe}\u{b}",
            "&lol;",
        ]
        .map(str::to_owned),
    );
    for _ in 0..texts.len() {
        texts.rotate_left(1);
        let mut run = sample::filled(&texts);
        for machine in &mut run.machines {
            let mut next = texts.iter().cloned();
            let claim = next.next().map(|value| Claim {
                value,
                certainty: Certainty::Guess,
                sources: Vec::new(),
            });
            machine.fingerprint.os.clone_from(&claim);
            machine.fingerprint.hostname = claim;
            machine.fingerprint.macs = next.next().into_iter().collect();
            machine.fingerprint.mac_vendor = next.next();
        }
        let (memory, _) = exported(&run, &["nmap"], &plain());
        let text = memory.text(NAME);
        let is_fine = |c: char| c == '\n' || !(c.is_control() || is_no_character(c));
        assert!(text.chars().all(is_fine), "{text}");
        let mut reader = Reader::from_str(&text);
        let mut hosts = 0;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) => {
                    hosts += u64::from(tag.local_name().as_ref() == "host");
                    assert!(tag.attributes().all(|one| one.is_ok()));
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let addresses: usize = run.machines.iter().map(|one| one.addresses.len()).sum();
        assert_eq!(hosts, addresses as u64);
    }
}

fn is_no_character(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}
