//! The judge: whatever hosts say, it ends, and what it claims is short and printable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::identify::{fingerprint, is_fragile, services};
use underdesk::model::{Certificate, Clue, Date, Fact};

fuzz_target!(|text: &str| {
    let mut clues = Vec::new();
    for (at, line) in text.lines().take(64).enumerate() {
        let value = line.to_owned();
        let number = u16::try_from(line.len()).unwrap_or_default();
        let fact = match line.bytes().next().unwrap_or_default() % 14 {
            0 => Fact::Banner(value),
            1 => Fact::Title(value),
            2 => Fact::DnsComputer(value),
            3 => Fact::NetbiosComputer(value),
            4 => Fact::NetbiosDomain(value),
            5 => Fact::DnsDomain(value),
            6 => Fact::Samba(value),
            7 => Fact::Mac(value),
            8 => Fact::Speaks(value),
            9 => Fact::Announces(value),
            10 => Fact::WindowsBuild {
                major: 10,
                minor: 0,
                build: number.wrapping_mul(97),
            },
            11 => Fact::Product {
                name: value.clone(),
                version: value,
            },
            12 => Fact::ReverseName {
                name: value,
                is_confirmed: number % 2 == 0,
            },
            _ => Fact::Certificate(Certificate {
                subject: value.clone(),
                common_name: value,
                ..Certificate::default()
            }),
        };
        clues.push(Clue {
            source: line.chars().take(9).collect(),
            proto: if at % 5 == 0 { "udp" } else { "tcp" }.to_owned(),
            port: number,
            fact,
        });
    }
    let Some(on) = Date::parse("2026-11-29") else {
        return;
    };
    let ports: Vec<u16> = clues.iter().map(|clue| clue.port).collect();
    let print = fingerprint(&clues, &ports, on);
    let claims = [&print.hostname, &print.fqdn, &print.domain];
    for claim in claims.into_iter().flatten() {
        assert!(claim.value.chars().count() <= 255);
        assert!(!claim.value.chars().any(char::is_control));
    }
    let _ = is_fragile(&clues, &ports);
    let open: Vec<(u16, &str)> = ports.iter().map(|port| (*port, text)).collect();
    let _ = services(&open, &clues);
});
