//! As much of DER (X.690) as is needed to read an error of Kerberos.

/// One element: its tag, its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) contents: &'a [u8],
}

/// Reads one element; `None` where it is cut short or too long to be one. Returns what follows.
pub(super) fn read(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    let element = Element {
        tag: *tag,
        contents,
    };
    Some((element, rest))
}

/// The elements inside another; it ends at the first that cannot be read.
pub(super) fn elements(contents: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = contents;
    std::iter::from_fn(move || {
        let (element, after) = read(rest)?;
        rest = after;
        Some(element)
    })
}

/// The contents of an element that is of this tag.
pub(super) fn inside(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (element, _) = read(bytes)?;
    (element.tag == tag).then_some(element.contents)
}

/// A small integer.
pub(super) fn integer(bytes: &[u8]) -> Option<u32> {
    let digits = inside(bytes, 0x02)?;
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let value = digits
        .iter()
        .fold(0_u64, |value, digit| (value << 8) | u64::from(*digit));
    u32::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_and_long_lengths_are_read_and_false_ones_are_not() {
        assert_eq!(integer(&[2, 1, 24]), Some(24));
        let mut long = vec![4, 0x82, 1, 0];
        long.extend([9; 256]);
        assert_eq!(inside(&long, 4).unwrap().len(), 256);
        assert_eq!(read(&[4, 5, 1]), None);
        assert_eq!(read(&[4, 0x80]), None);
        assert_eq!(read(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    proptest! {
        #[test]
        fn anything_reads_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(elements(&bytes).count() <= bytes.len());
        }
    }
}
