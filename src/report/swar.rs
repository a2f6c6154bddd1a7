//! Looking at the bytes of a cell eight at a time: a fleet's tables have thousands of millions of them.

/// What a text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// A byte that is not printable ASCII.
    pub(super) is_unprintable: bool,
    /// One of the two bytes that were asked for.
    pub(super) is_named: bool,
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Looks through a text; `named` are ASCII.
pub(super) fn marks(bytes: &[u8], named: [u8; 2]) -> Marks {
    let named = named.map(|byte| ONES * u64::from(byte));
    let (mut odd, mut found) = (0, 0);
    let mut look = |word: u64| {
        odd |= unprintable(word);
        found |= zeros(word ^ named[0]) | zeros(word ^ named[1]);
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        look(u64::from_le_bytes(*word));
    }
    match (bytes.last_chunk::<8>(), rest) {
        (_, []) => {}
        // Some bytes twice: it is an or.
        (Some(last), _) => look(u64::from_le_bytes(*last)),
        (None, few) => {
            // Filled up with one that is looked at anyhow.
            let mut word = [few.first().copied().unwrap_or(b'0'); 8];
            word.iter_mut().zip(few).for_each(|(to, from)| *to = *from);
            look(u64::from_le_bytes(word));
        }
    }
    Marks {
        is_unprintable: odd != 0,
        is_named: found != 0,
    }
}

/// Bits where a byte is below the blank or above the tilde. May also mark bytes beside such a one.
fn unprintable(word: u64) -> u64 {
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    (low | word | word.wrapping_add(ONES)) & HIGH
}

/// Bits where a byte is zero. May also mark bytes beside such a one.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_at_a_time_see_what_one_at_a_time_sees(
            bytes in prop::collection::vec(
                prop_oneof![8 => b' '..=b'~', 1 => any::<u8>(), 1 => Just(b','), 1 => Just(b'"')],
                0..40,
            ),
        ) {
            let slow = Marks {
                is_unprintable: bytes.iter().any(|byte| !matches!(byte, b' '..=b'~')),
                is_named: bytes.iter().any(|byte| matches!(byte, b',' | b'"')),
            };
            prop_assert_eq!(marks(&bytes, [b',', b'"']), slow);
        }
    }

    #[test]
    fn every_byte_in_every_place() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let seen = marks(&bytes, [b';', b';']);
                    let is_odd = !matches!(byte, b' '..=b'~');
                    assert_eq!(seen.is_unprintable, is_odd, "{bytes:?}");
                    assert_eq!(seen.is_named, byte == b';', "{bytes:?}");
                }
            }
        }
        let none = marks(b"", [b';', b';']);
        assert!(!none.is_unprintable && !none.is_named);
    }
}
