//! Keys and certificates of the operator, and public keys of hosts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::model::UtcTime;
use underdesk::session::{ClientCertificate, Key, certificate_key, public_key_bits, read_public_key};

fuzz_target!(|text: &str| {
    let now = UtcTime::from_unix(1_795_910_400);
    if let Ok(key) = Key::parse(&text.into(), None) {
        let _ = key.public();
        let _ = key.certified(text.as_bytes(), now);
    }
    let _ = ClientCertificate::parse(text.as_bytes(), &text.into());
    for line in text.lines() {
        if let Some((key, public)) = read_public_key(line) {
            assert!(line.contains(&key.algorithm));
            let _ = public_key_bits(&public);
        }
        let _ = certificate_key(line);
    }
});
