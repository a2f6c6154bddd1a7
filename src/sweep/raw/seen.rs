//! A set of addresses by their index in the plan, one bit each. Pure.

/// Takes memory only where something is in it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
}

const PAGE: usize = 1024;
const BITS: u64 = 64;

impl Seen {
    pub(super) fn contains(&self, index: u64) -> bool {
        let (page, word, bit) = place(index);
        let page = self.pages.get(page).and_then(Option::as_ref);
        page.and_then(|page| page.get(word))
            .is_some_and(|word| word & bit != 0)
    }

    /// Puts an index in, and says whether it is new.
    pub(super) fn insert(&mut self, index: u64) -> bool {
        let (page, word, bit) = place(index);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages.get_mut(page);
        let page = page.map(|page| page.get_or_insert_with(|| Box::new([0; PAGE])));
        let Some(word) = page.and_then(|page| page.get_mut(word)) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

fn place(index: u64) -> (usize, usize, u64) {
    let word = usize::try_from(index / BITS).unwrap_or(usize::MAX);
    (word / PAGE, word % PAGE, 1 << (index % BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_agrees_with_a_set(indices in prop::collection::vec(0_u64..200_000, 0..200), other in 0_u64..200_000) {
            let mut seen = Seen::default();
            let mut set = BTreeSet::new();
            for index in indices {
                prop_assert_eq!(seen.insert(index), set.insert(index));
                prop_assert!(seen.contains(index));
            }
            prop_assert_eq!(seen.contains(other), set.contains(&other));
        }
    }
}
