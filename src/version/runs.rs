//! Runs of characters, which every packaging system's order is made of.

use std::cmp::Ordering;

/// A number of any length, as it is written: what a host says may be longer than any integer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits<'a>(pub(super) &'a [u8]);

impl Ord for Digits<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (_, a) = split_run(self.0, |byte| *byte == b'0');
        let (_, b) = split_run(other.0, |byte| *byte == b'0');
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

impl PartialOrd for Digits<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Digits<'_> {}

/// Splits off the bytes at the beginning that belong together.
pub(super) fn split_run(text: &[u8], in_run: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !in_run(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether this byte has no place in any version: versions are words.
pub(super) fn breaks_words(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control()
}

/// The number at the beginning of a text, 0 where there is none; one that is too large is the largest.
pub(super) fn leading_number(text: &[u8]) -> u64 {
    let digits = text.iter().map_while(|byte| match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        _ => None,
    });
    digits.fold(0, |sum, digit| sum.saturating_mul(10).saturating_add(digit))
}
