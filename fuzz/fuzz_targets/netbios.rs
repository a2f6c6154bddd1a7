//! The table of NetBIOS names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::identify::PROTOCOLS;
use underdesk::identify::dialogue::{Occasion, Step};

fuzz_target!(|bytes: &[u8]| {
    let protocol = PROTOCOLS.iter().find(|protocol| protocol.name == "nbstat");
    let occasion = Occasion {
        address: [192, 0, 2, 7].into(),
        port: 1,
        now: 1_795_910_400,
        is_deep: true,
    };
    let dialogue = protocol.and_then(|protocol| (protocol.begin)(occasion));
    let mut dialogue = dialogue.expect("the protocol is in the registry");
    let _ = dialogue.open();
    let half = bytes.len() / 2;
    for part in [&bytes[..half], &bytes[half..], bytes] {
        if dialogue.hear(part) == Step::Done {
            break;
        }
    }
    let _ = dialogue.facts();
});
