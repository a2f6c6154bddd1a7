//! Texts in whatever encoding a Windows wrote them.
//!
//! PowerShell writes UTF-16 with a byte order mark; `cmd` writes the console's code page, other programs
//! the system's. Which ones those are the text itself tells: `systeminfo` prints the language.

use crate::session::decode_page;
use crate::tabular::encoding::shown;

/// Reads a text. Total: what fits nothing reads as U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> String {
    if let Some((text, _)) = shown(bytes) {
        return text;
    }
    decode_page(bytes, Some(page(bytes)))
}

/// The code pages of languages: the console's (OEM) and the system's (ANSI), as Windows' own tables
/// (Microsoft Learn, "Code Page Identifiers", and `nls` of each locale).
const PAGES: &[(&str, u16, u16)] = &[
    ("zh-tw", 950, 950),
    ("zh-hk", 950, 950),
    ("zh", 936, 936),
    ("ja", 932, 932),
    ("ko", 949, 949),
    ("ru", 866, 1251),
    ("uk", 866, 1251),
    ("bg", 866, 1251),
    ("pl", 852, 1250),
    ("cs", 852, 1250),
    ("sk", 852, 1250),
    ("hu", 852, 1250),
    ("ro", 852, 1250),
    ("hr", 852, 1250),
    ("tr", 857, 1254),
    ("el", 737, 1253),
    ("he", 862, 1255),
    ("ar", 720, 1256),
    ("en", 437, 1252),
];

/// The page that a text is most likely in. Letters of a system's page are above 0x9f, of a console's
/// also below.
fn page(bytes: &[u8]) -> u16 {
    let rows = PAGES.iter().find(|(language, ..)| names(bytes, language));
    let (oem, ansi) = rows.map_or((850, 1252), |(_, oem, ansi)| (*oem, *ansi));
    let is_console = bytes.iter().any(|byte| (0x80..0xa0).contains(byte));
    if is_console { oem } else { ansi }
}

/// Whether a line ends in a locale of a language: `de;Deutsch`, `zh-cn;…`.
fn names(bytes: &[u8], language: &str) -> bool {
    let word = language.as_bytes();
    bytes.windows(word.len() + 2).any(|part| {
        let mut part = part.iter();
        let before = part.next();
        let after = part.as_slice().get(word.len());
        matches!(before, Some(b' ' | b',' | b'"'))
            && part.as_slice().starts_with(word)
            && matches!(after, Some(b';' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_any_windows_are_its_text() {
        let utf16 = |text: &str, mark: &[u8]| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            mark.iter().copied().chain(units).collect()
        };
        let text = "Name: Müller\r\nLocale:  de;Deutsch\r\n";
        assert_eq!(decode(&utf16(text, &[0xff, 0xfe])), text);
        assert_eq!(decode(&utf16(text, &[])), text);
        assert_eq!(decode(text.as_bytes()), text);
        assert_eq!(decode(b"\xef\xbb\xbfName"), "Name");
        let (console, system) = (b"M\x81ller  de;x", b"M\xfcller  de;x");
        assert_eq!(decode(console), "Müller  de;x");
        assert_eq!(decode(system), "Müller  de;x");
        assert_eq!(decode(b"\xd6\xd0\xce\xc4  zh-cn;x"), "中文  zh-cn;x");
        assert_eq!(decode(b"\x8f\xe0\xa8\xa2\xa5\xe2  ru;x"), "Привет  ru;x");
    }
}
