//! How rpm and pacman take a version apart, `[epoch:]version[-release]`. Only that: what the parts are
//! worth, each of them knows for itself.

use super::runs::{breaks_words, leading_number};

/// The parts of a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evr<'a> {
    /// 0 where none is written.
    pub(super) epoch: u64,
    pub(super) version: &'a [u8],
    /// What stands after the last `-`; pacman calls it pkgrel. It may be empty.
    pub(super) release: Option<&'a [u8]>,
}

impl<'a> Evr<'a> {
    /// `None` where there is no version, or a blank or control character in it. Digits before a `:` are the
    /// epoch; before any other `:` they are part of the version, as the tools have it.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii().as_bytes();
        // One pass: a catalogue holds a million of these.
        let (mut start, mut hyphen, mut in_epoch) = (0, None, true);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {}
                b':' if in_epoch => {
                    (start, in_epoch) = (at + 1, false);
                }
                b'-' => {
                    (hyphen, in_epoch) = (Some(at), false);
                }
                _ if breaks_words(*byte) => return None,
                _ => in_epoch = false,
            }
        }
        let version = text.get(start..hyphen.unwrap_or(text.len()))?;
        (!version.is_empty()).then_some(Self {
            epoch: text.get(..start).map_or(0, leading_number),
            version,
            release: hyphen.and_then(|hyphen| text.get(hyphen + 1..)),
        })
    }
}
