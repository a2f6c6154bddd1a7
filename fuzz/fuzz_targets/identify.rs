//! The peer of every dialogue that tells who a host is: pieces of any bytes, TLS that stands or fails.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::identify::PROTOCOLS;
use underdesk::identify::dialogue::{Occasion, Protocol, Secured, Step};
use underdesk_fuzz::{begin, is_wanted};

const THIRD: &[u8] = b"NTLMSSP\0\x03\0\0\0";
/// What the greatest length of a piece stands for.
const LONG: usize = 1024;

fuzz_target!(
    init: begin(PROTOCOLS.iter().map(|protocol| protocol.name)),
    |bytes: &[u8]| {
        for protocol in PROTOCOLS.iter().filter(|protocol| is_wanted(protocol.name)) {
            for port in protocol.ports {
                play(protocol, *port, bytes);
            }
        }
    }
);

fn play(protocol: &Protocol, port: u16, mut bytes: &[u8]) {
    let occasion = Occasion {
        address: [192, 0, 2, 7].into(),
        port,
        now: 1_795_910_400,
        is_deep: true,
    };
    let Some(mut dialogue) = (protocol.begin)(occasion) else {
        return;
    };
    let mut step = dialogue.open();
    for _ in 0..64 {
        step = match step {
            Step::Send(sent) => {
                let mut parts = sent.windows(THIRD.len());
                assert!(!parts.any(|part| part == THIRD), "a challenge was answered");
                Step::Listen
            }
            Step::Listen => {
                // A byte says how long the next piece is.
                let Some((length, rest)) = bytes.split_first() else {
                    break;
                };
                let length = match *length {
                    u8::MAX => LONG,
                    length => usize::from(length),
                };
                let (piece, rest) = rest.split_at(rest.len().min(length));
                bytes = rest;
                dialogue.hear(piece)
            }
            Step::StartTls => {
                if bytes.first().is_some_and(|first| first % 2 == 0) {
                    dialogue.secured(&Secured::default())
                } else {
                    dialogue.unsecured()
                }
            }
            Step::Again => dialogue.open(),
            Step::Done => break,
        };
    }
    let _ = dialogue.facts();
}
