//! A document of Microsoft's, as XML or JSON: whatever it holds, as many records are counted as are
//! handed out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::catalog::Outline;
use underdesk::catalog::feeds::FEEDS;

fuzz_target!(|bytes: &[u8]| {
    let feed = FEEDS.iter().find(|feed| feed.name() == "msrc-cvrf").unwrap();
    let _ = feed.recognises(&Outline::of(bytes));
    let mut handed_out = 0;
    let mut doc = bytes;
    if let Ok(report) = feed.read(&mut doc, &mut |_| handed_out += 1) {
        assert_eq!(report.read, handed_out);
    }
});
