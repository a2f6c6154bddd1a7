//! What tables come in, whoever reads them: workbooks, and text in the encodings of Windows.
//!
//! Vocabulary, and pure: bytes in, text out. All of it may come from an attacker.

pub(crate) mod encoding;
pub(crate) mod workbook;
