//! What must be the same whenever it is asked for, and differ between any two: made of a text.

use sha2::{Digest as _, Sha256};
use underdesk::model::hex;

/// SHA-256 in hex.
pub(crate) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// A number below an end.
pub(crate) fn number(text: &str, end: i64) -> i64 {
    let digits = digest(text);
    i64::from_str_radix(digits.get(..12).unwrap(), 16).unwrap() % end
}

/// The first 32 of some hex digits, written as a uuid.
pub(crate) fn hyphenated(digits: &str) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|range| digits.get(range).unwrap()).join("-")
}
