//! A document of a feed: whatever it holds, as many records are counted as are handed out. Without a part, it is
//! read by whichever feeds take it for their own; with one, by that feed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::catalog::Outline;
use underdesk::catalog::feeds::FEEDS;
use underdesk_fuzz::{begin, catch_panics, escapes, is_alone, is_wanted};

fuzz_target!(
    init: {
        begin(FEEDS.iter().map(|feed| feed.name()));
        catch_panics();
    },
    |bytes: &[u8]| escapes(|| read(bytes))
);

fn read(bytes: &[u8]) {
    let outline = Outline::of(bytes);
    for feed in FEEDS.iter().filter(|feed| is_wanted(feed.name())) {
        if !feed.recognises(&outline) && !is_alone() {
            continue;
        }
        let mut handed_out = 0;
        let mut doc = bytes;
        if let Ok(report) = feed.read(&mut doc, &mut |_| handed_out += 1) {
            assert_eq!(report.read, handed_out);
        }
    }
}
