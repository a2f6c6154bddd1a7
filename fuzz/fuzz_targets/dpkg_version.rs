//! dpkg's order is one: what is less one way is greater the other, and equals go together.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cmp::Ordering;
use underdesk::version::DpkgVersion;

fuzz_target!(|text: &str| {
    let versions: Vec<_> = text.split('\n').take(3).filter_map(DpkgVersion::parse).collect();
    for a in &versions {
        assert_eq!(a.cmp(a), Ordering::Equal);
        for b in &versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse());
            for c in &versions {
                if a <= b && b <= c {
                    assert!(a <= c);
                }
            }
        }
    }
});
