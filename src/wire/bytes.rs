//! Numbers and texts out of bytes that nobody vouches for.

/// `length` bytes from `at` on, if they are all there.
pub(super) fn cut(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    cut(bytes, at, N)?.try_into().ok()
}

/// A little-endian number of 16 bits.
pub(super) fn u16_le(bytes: &[u8], at: usize) -> Option<u16> {
    word(bytes, at).map(u16::from_le_bytes)
}

/// A little-endian number of 32 bits.
pub(super) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    word(bytes, at).map(u32::from_le_bytes)
}

/// A little-endian number of 64 bits.
pub(super) fn u64_le(bytes: &[u8], at: usize) -> Option<u64> {
    word(bytes, at).map(u64::from_le_bytes)
}

/// A big-endian number of 16 bits.
pub(super) fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    word(bytes, at).map(u16::from_be_bytes)
}

/// A big-endian number of 24 bits, as a length.
pub(super) fn u24_be(bytes: &[u8], at: usize) -> Option<usize> {
    let [high, middle, low] = word(bytes, at)?;
    Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

/// A text in UTF-16, little-endian; what is none of it becomes U+FFFD.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().copied().map(u16::from_le_bytes);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The text in UTF-16, little-endian, before the first zero; and how many bytes it takes with it.
pub(super) fn utf16_until_zero(bytes: &[u8]) -> (String, usize) {
    let (units, _) = bytes.as_chunks::<2>();
    let length = units.iter().take_while(|unit| **unit != [0, 0]).count();
    let text = bytes.get(..2 * length).unwrap_or_default();
    (utf16(text), (2 * length + 2).min(bytes.len()))
}

/// A `FILETIME` (MS-DTYP 2.3.3), in Unix seconds; `None` for 0, which tells nothing.
pub(super) fn unix_of_filetime(filetime: u64) -> Option<i64> {
    const FROM_1601_TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(filetime / 10_000_000).ok()?;
    (filetime != 0).then_some(seconds - FROM_1601_TO_1970)
}

/// A length that is ours to write; nothing here comes near what it cannot hold.
pub(super) fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_all_there_is_not_read() {
        assert_eq!(u16_le(&[1, 2], 0), Some(0x0201));
        assert_eq!(u16_be(&[1, 2], 0), Some(0x0102));
        assert_eq!(u24_be(&[9, 1, 2, 3], 1), Some(0x01_02_03));
        assert_eq!(u16_le(&[1, 2], 1), None);
        assert_eq!(u32_le(&[1, 2, 3], 0), None);
        assert_eq!(u64_le(&[0; 8], usize::MAX), None);
    }

    #[test]
    fn a_moment_is_unix_seconds_and_zero_is_none() {
        // MS-DTYP 2.3.3: hundreds of nanoseconds since 1601.
        assert_eq!(unix_of_filetime(116_444_736_000_000_000), Some(0));
        assert_eq!(unix_of_filetime(0), None);
        assert!(unix_of_filetime(u64::MAX).is_some());
    }

    #[test]
    fn a_text_ends_at_its_zero_or_with_the_bytes() {
        assert_eq!(utf16_until_zero(b"a\0b\0\0\0c\0"), ("ab".to_owned(), 6));
        assert_eq!(utf16_until_zero(b"a\0b\0"), ("ab".to_owned(), 4));
        assert_eq!(utf16_until_zero(b""), (String::new(), 0));
    }
}
