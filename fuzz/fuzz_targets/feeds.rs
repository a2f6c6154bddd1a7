//! A document of any feed, read by whichever feed takes it for its own: as many records are counted as
//! are handed out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::catalog::Outline;
use underdesk::catalog::feeds::FEEDS;

fuzz_target!(|bytes: &[u8]| {
    let outline = Outline::of(bytes);
    for feed in FEEDS.iter().filter(|feed| feed.recognises(&outline)) {
        let mut handed_out = 0;
        let mut doc = bytes;
        if let Ok(report) = feed.read(&mut doc, &mut |_| handed_out += 1) {
            assert_eq!(report.read, handed_out);
        }
    }
});
