//! The little of BER (X.690) that LDAP and SNMP are written in.

use asn1_rs::{Any, FromBer as _};

/// One element: its whole identifier octet, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Class, form and number: `0x30` for a SEQUENCE. Numbers above 30, which neither protocol has, are
    /// `0x1f`.
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;

/// The first element of some bytes, and what follows it. `None` where it is not whole, or no BER.
pub(super) fn first(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (rest, any) = Any::from_ber(bytes).ok()?;
    let number = u8::try_from(any.header.tag().0).unwrap_or(0x1f).min(0x1f);
    let class = u8::try_from(any.header.class() as u32).ok()? << 6;
    let form = u8::from(any.header.is_constructed()) << 5;
    let element = Element {
        tag: class | form | number,
        body: any.data,
    };
    Some((element, rest))
}

/// The elements of some bytes, one after the other, up to the first that is none.
pub(super) fn elements(bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (element, left) = first(rest)?;
        rest = left;
        Some(element)
    })
}

/// Element by element through a sequence, each of the tag that is expected.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// What is in the next element.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (element, rest) = first(self.0)?;
        self.0 = rest;
        (element.tag == tag).then_some(element.body)
    }

    /// The next element, which is a number that is not negative.
    pub(super) fn number(&mut self) -> Option<u32> {
        let body = self.take(INTEGER)?;
        if body.is_empty() || body.len() > 5 || body.first().is_some_and(|first| *first > 0x7f) {
            return None;
        }
        let number = body
            .iter()
            .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        u32::try_from(number).ok()
    }
}

/// Writes an element; bodies up to 65,535 bytes.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let [high, low] = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 127, 128, 255, 256, 5000] {
            let body = vec![7; length];
            let bytes = element(OCTET_STRING, &[&body]);
            let (read, rest) = first(&bytes).unwrap();
            assert_eq!(
                (read.tag, read.body, rest),
                (OCTET_STRING, &body[..], &[][..])
            );
            assert_eq!(first(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn numbers_have_their_range() {
        let number = |body: &[u8]| Reader(&element(INTEGER, &[body])).number();
        assert_eq!(number(&[0x7f]), Some(127));
        assert_eq!(number(&[0, 0xff, 0xff, 0xff, 0xff]), Some(u32::MAX));
        for body in [&[][..], &[0x80], &[1, 0, 0, 0, 0], &[0; 6]] {
            assert_eq!(number(body), None, "{body:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            proptest::prop_assert!(elements(&bytes).count() <= bytes.len());
        }
    }
}
