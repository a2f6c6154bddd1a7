//! What tables come in, whoever reads them: workbooks, and text in the encodings of Windows.
//!
//! Vocabulary, and pure: bytes in, text out. All of it may come from an attacker.

pub(crate) mod days;
pub(crate) mod encoding;
pub(crate) mod grid;
pub(crate) mod lines;
pub(crate) mod separated;
pub(crate) mod workbook;

/// Files that hold no text, by their first bytes: what they are, and what to do.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "a zip archive",
        "unpack it, and give what is in it",
    ),
    (b"\x1f\x8b", "compressed (gzip)", "unpack it first"),
    (
        b"\xd0\xcf\x11\xe0",
        "a workbook of old Excel (.xls)",
        "save it as XLSX or CSV",
    ),
    (b"%PDF", "a PDF", "export the list as CSV or XLSX"),
    (b"\x7fELF", "a program", "give a list"),
    (b"MZ\x90", "a program", "give a list"),
    (
        b"SQLite format 3",
        "a database",
        "export the list as CSV or XLSX",
    ),
];

/// What a file is that holds no text, and what to do with it.
pub(crate) fn no_text(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let mut others = OTHERS.iter();
    let found = others.find(|(magic, ..)| bytes.starts_with(magic));
    found.map(|(_, what, advice)| (*what, *advice))
}

/// A header as it is compared: in lower case, letters and digits only.
pub(crate) fn folded(header: &str) -> String {
    let chars = header.chars().take(120);
    let chars = chars.filter(|one| one.is_alphanumeric());
    chars.flat_map(char::to_lowercase).collect()
}
