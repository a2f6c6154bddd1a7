//! What the tests of every order need.

use proptest::prelude::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};
use std::cmp::Ordering;
use std::fmt::Debug;

/// Two versions, and how the original tool orders them.
pub(super) struct Pair {
    pub(super) a: &'static str,
    pub(super) order: Ordering,
    pub(super) b: &'static str,
}

/// The pairs of a file in `fixtures/versions`.
pub(super) fn pairs(file: &'static str) -> Vec<Pair> {
    let lines = file
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let order = match words[1] {
                "lt" => Ordering::Less,
                "eq" => Ordering::Equal,
                "gt" => Ordering::Greater,
                other => panic!("{other}"),
            };
            Pair {
                a: words[0],
                order,
                b: words[2],
            }
        })
        .collect()
}

/// Reflexive, antisymmetric and transitive over all of them.
pub(super) fn assert_total_order<T: Ord + Debug>(versions: &[T]) -> Result<(), TestCaseError> {
    for a in versions {
        prop_assert_eq!(a.cmp(a), Ordering::Equal);
        for b in versions {
            prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
            for c in versions {
                prop_assert!(!(a <= b && b <= c) || a <= c, "{:?} {:?} {:?}", a, b, c);
                prop_assert!(!(a == b && b == c) || a == c, "{:?} {:?} {:?}", a, b, c);
            }
        }
    }
    Ok(())
}
