//! Each packaging system's order is one: what is less one way is greater the other, and equals go together.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cmp::Ordering;
use underdesk::version::{Order, Place, WindowsVersion};

fuzz_target!(|text: &str| {
    let texts: Vec<&str> = text.split('\n').take(3).collect();
    for order in [Order::Dpkg, Order::Rpm, Order::Apk, Order::Pacman, Order::FreeBsd] {
        let versions = texts.iter().filter_map(|text| Place::parse(order, text));
        let versions: Vec<_> = versions.collect();
        holds(&versions);
        for (a, b) in versions.iter().zip(versions.iter().skip(1)) {
            let _ = a.against(b);
        }
    }
    let versions = texts.iter().filter_map(|text| WindowsVersion::parse(text));
    holds(&versions.collect::<Vec<_>>());
});

fn holds<T: PartialOrd>(versions: &[T]) {
    let order = |a: &T, b: &T| a.partial_cmp(b).expect("versions of one system are ordered");
    for a in versions {
        assert_eq!(order(a, a), Ordering::Equal);
        for b in versions {
            assert_eq!(order(a, b), order(b, a).reverse());
            for c in versions {
                if order(a, b).is_le() && order(b, c).is_le() {
                    assert!(order(a, c).is_le());
                }
            }
        }
    }
}
