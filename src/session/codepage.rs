//! Text that a Windows console wrote: UTF-8 where it is, else in the host's OEM code page.
//!
//! Tools of Windows write in the code page of their console. We ask for UTF-8 (65001) where the
//! protocol lets us, and some tools and old systems do not care.

use encoding_rs::Encoding;
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use std::str;

/// Reads what a console wrote. Total: what fits no code page reads as U+FFFD.
///
/// `oem_page` is the host's own code page by Microsoft's number (437, 850, 932, …).
pub fn decode(bytes: &[u8], oem_page: Option<u16>) -> String {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.to_owned();
    }
    let Some(page) = oem_page else {
        return String::from_utf8_lossy(bytes).into_owned();
    };
    if let Some(table) = DECODING_TABLE_CP_MAP.get(&page) {
        return table.decode_string_lossy(bytes);
    }
    match wide(page) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The code page in the answer of `chcp`, which is a sentence in the host's language that ends in
/// the number: `Active code page: 437`. Also reads a bare number, as the registry gives it. `None`
/// where there is none, or it is UTF-8, which tells nothing about the rest.
pub(in crate::session) fn oem_page_in(text: &str) -> Option<u16> {
    let mut numbers = text
        .split(|char: char| !char.is_ascii_digit())
        .filter(|digits| !digits.is_empty());
    let page = numbers.next_back()?.parse().ok()?;
    (page != 65001).then_some(page)
}

/// The code pages that the WHATWG's encodings cover and no OEM table does.
fn wide(page: u16) -> Option<&'static Encoding> {
    let encoding = match page {
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1252 => encoding_rs::WINDOWS_1252,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        54936 => encoding_rs::GB18030,
        _ => return None,
    };
    Some(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utf_8_is_taken_as_it_is_whatever_the_code_page() {
        assert_eq!(decode("Müller 日本".as_bytes(), Some(437)), "Müller 日本");
    }

    #[test]
    fn other_bytes_are_read_in_the_hosts_code_page() {
        assert_eq!(decode(b"M\x81ller", Some(850)), "Müller");
        assert_eq!(decode(b"\x8f\xe0\xa8\xa2\xa5\xe2", Some(866)), "Привет");
        assert_eq!(decode(b"\x93\xfa\x96\x7b", Some(932)), "日本");
        assert_eq!(decode(b"M\xfcller", Some(1252)), "Müller");
    }

    #[test]
    fn bytes_of_no_code_page_are_marked_and_not_dropped() {
        assert_eq!(decode(b"M\x81ller", None), "M\u{fffd}ller");
        assert_eq!(decode(b"M\x81ller", Some(9)), "M\u{fffd}ller");
    }

    #[test]
    fn the_code_page_is_found_in_any_language() {
        assert_eq!(oem_page_in("Active code page: 437\r\n"), Some(437));
        assert_eq!(oem_page_in("Aktive Codepage: 850.\r\n"), Some(850));
        assert_eq!(oem_page_in("現在のコード ページ: 932\r\n"), Some(932));
        assert_eq!(oem_page_in("866"), Some(866));
        assert_eq!(oem_page_in("Active code page: 65001"), None);
        assert_eq!(oem_page_in("99999999"), None);
        assert_eq!(oem_page_in("nothing"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_page_are_text(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            page in any::<Option<u16>>(),
        ) {
            decode(&bytes, page);
        }
    }
}
