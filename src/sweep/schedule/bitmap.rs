//! Which addresses need no further turn in the order: one bit an address, in chunks that are made when
//! they are needed. A /8 in which somebody lives everywhere takes 2 MB.

/// A set of addresses' indices.
#[derive(Debug, Default)]
pub(super) struct Bitmap {
    chunks: Vec<Option<Box<Chunk>>>,
}

/// How many words a chunk has: 32,768 addresses.
const WORDS: usize = 512;
const WORD: u64 = u64::BITS as u64;

type Chunk = [u64; WORDS];

impl Bitmap {
    /// Whether an index is in the set.
    pub(super) fn has(&self, index: u64) -> bool {
        let (chunk, word, bit) = place(index);
        let chunk = self.chunks.get(chunk).and_then(Option::as_ref);
        let word = chunk.and_then(|chunk| chunk.get(word));
        word.is_some_and(|word| word & bit != 0)
    }

    /// Adds an index.
    pub(super) fn add(&mut self, index: u64) {
        let (chunk, word, bit) = place(index);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let Some(chunk) = self.chunks.get_mut(chunk) else {
            return;
        };
        let chunk = chunk.get_or_insert_with(|| Box::new([0; WORDS]));
        if let Some(word) = chunk.get_mut(word) {
            *word |= bit;
        }
    }
}

fn place(index: u64) -> (usize, usize, u64) {
    let word = usize::try_from(index / WORD).unwrap_or(usize::MAX);
    (word / WORDS, word % WORDS, 1 << (index % WORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(added in prop::collection::vec(0_u64..200_000, 0..50), asked in prop::collection::vec(0_u64..200_000, 0..50)) {
            let mut bitmap = Bitmap::default();
            for index in &added {
                bitmap.add(*index);
            }
            let set: BTreeSet<u64> = added.iter().copied().collect();
            prop_assert!(added.iter().all(|index| bitmap.has(*index)));
            prop_assert!(asked.iter().all(|index| bitmap.has(*index) == set.contains(index)));
        }
    }

    #[test]
    fn a_class_a_network_takes_two_megabytes() {
        let mut bitmap = Bitmap::default();
        (0..1 << 24)
            .step_by(32_768)
            .for_each(|index| bitmap.add(index));
        assert_eq!(bitmap.chunks.iter().flatten().count() * WORDS * 8, 2 << 20);
    }
}
