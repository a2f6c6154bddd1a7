//! What is left of an interrupted run.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// The live hosts still to be worked on, in the order in which they were met: those without an
/// outcome. Each address once.
pub fn outstanding(
    met: impl IntoIterator<Item = IpAddr>,
    finished: &BTreeSet<IpAddr>,
) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    met.into_iter()
        .filter(|address| !finished.contains(address) && seen.insert(*address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    proptest! {
        #[test]
        fn every_host_is_worked_on_exactly_once(
            met in prop::collection::vec(0u8..20, 0..40),
            done in prop::collection::btree_set(0u8..20, 0..20),
        ) {
            let finished: BTreeSet<_> = done.iter().copied().map(address).collect();
            let left = outstanding(met.iter().copied().map(address), &finished);
            // The naive oracle: count each address by hand.
            for number in 0..20 {
                let expected = usize::from(met.contains(&number) && !done.contains(&number));
                let count = left.iter().filter(|left| **left == address(number)).count();
                prop_assert_eq!(count, expected);
            }
        }
    }
}
