//! The order of versions of FreeBSD's packages, `version[_revision][,epoch]`: what `pkg version -t` says.
//!
//! Our own: no crate has it.

use super::runs::{breaks_words, leading_number, split_run};
use std::cmp::Ordering;

/// A version of FreeBSD's pkg, split into its parts. No revision is revision 0, and no epoch epoch 0.
///
/// The epoch counts most, then the version, then the revision. A version is a row of components, and one
/// that is not there counts 0: `1.0` and `1` are the same. A component is a number, a letter and another
/// number; without the first it comes before 0, so that `1.rc1` is before `1`. The order is total.
#[derive(Clone, Copy, Debug)]
pub struct FreeBsdVersion<'a> {
    epoch: u64,
    version: &'a [u8],
    revision: u64,
}

impl<'a> FreeBsdVersion<'a> {
    /// Splits a version. `None` for nothing at all, nothing before revision and epoch, a `-` (which ends a
    /// package's name), and blanks or control characters inside.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii().as_bytes();
        // One pass: a catalogue holds thousands of these, and a host asks for each of them.
        let (mut underscore, mut comma) = (None, None);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                // What comes before the last of these is the version's own.
                b'_' => (underscore, comma) = (Some(at), None),
                b',' => comma = Some(at),
                b'-' => return None,
                _ if breaks_words(*byte) => return None,
                _ => {}
            }
        }
        // pkg lets a number have a sign.
        let number = |mark: Option<usize>| {
            let text = mark.and_then(|at| text.get(at + 1..)).unwrap_or_default();
            leading_number(text.strip_prefix(b"+").unwrap_or(text))
        };
        let version = text.get(..underscore.or(comma).unwrap_or(text.len()))?;
        (!version.is_empty()).then_some(Self {
            epoch: number(comma),
            version,
            revision: number(underscore),
        })
    }
}

impl Ord for FreeBsdVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let epochs = self.epoch.cmp(&other.epoch);
        epochs
            .then_with(|| compare_version(self.version, other.version))
            .then_with(|| self.revision.cmp(&other.revision))
    }
}

impl PartialOrd for FreeBsdVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FreeBsdVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FreeBsdVersion<'_> {}

/// What stands between two separators; the default is what is not there.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    /// -1 where there is none, and -2 for `*`, which is before everything.
    number: i64,
    /// In lower case; 0 where there is none, and for `pl`, which is before every letter.
    letter: u8,
    /// -1 where there is none after a letter.
    patch: i64,
}

/// Words that begin a component of their own where a number stands before them: `10alpha` is `10.alpha`.
/// Of any other word only the first letter counts, and belongs to the number.
const STAGES: [&[u8]; 6] = [b"pl", b"snap", b"alpha", b"beta", b"pre", b"rc"];

/// Takes the next component off a version, and what separates it from the one after; `None` at the end and
/// before a `+`.
fn next(rest: &mut &[u8]) -> Option<Component> {
    let mut component = Component::default();
    let begin = *rest;
    let after_number = match begin.first()? {
        b'+' => return None,
        b'*' => {
            component.number = -2;
            split_run(begin, |byte| *byte != b'+').1
        }
        b'0'..=b'9' => take_number(begin, &mut component.number),
        _ => {
            component.number = -1;
            begin
        }
    };
    let (word, after_word) = split_run(after_number, u8::is_ascii_alphabetic);
    let is_stage = STAGES.iter().any(|stage| word.eq_ignore_ascii_case(stage));
    let mut text = after_number;
    if let Some(first) = word.first()
        && (component.number == -1 || !is_stage)
    {
        let is_lowest = is_stage && word.eq_ignore_ascii_case(b"pl");
        component.letter = if is_lowest {
            0
        } else {
            first.to_ascii_lowercase()
        };
        component.patch = -1;
        text = take_number(after_word, &mut component.patch);
    }
    let separates = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'*');
    *rest = split_run(text, separates).1;
    Some(component)
}

/// Reads the number at the beginning of a text, if there is one; what is left.
fn take_number<'a>(text: &'a [u8], number: &mut i64) -> &'a [u8] {
    let (digits, after) = split_run(text, u8::is_ascii_digit);
    if !digits.is_empty() {
        *number = i64::try_from(leading_number(digits)).unwrap_or(i64::MAX);
    }
    after
}

fn compare_version(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (a_component, b_component) = (next(&mut a), next(&mut b));
        if a_component.is_none() && b_component.is_none() {
            // Both are at the end of what stands between two `+`.
            a = a.split_first().map_or(a, |(_, after)| after);
            b = b.split_first().map_or(b, |(_, after)| after);
        }
        let order = a_component
            .unwrap_or_default()
            .cmp(&b_component.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::tests::{self, Pair};
    use proptest::prelude::*;

    fn version(text: &str) -> FreeBsdVersion<'_> {
        FreeBsdVersion::parse(text).unwrap_or_else(|| panic!("not a version: {text:?}"))
    }

    /// Each pair was ordered by pkg.
    #[test]
    fn agrees_with_pkg() {
        let pairs = tests::pairs(include_str!("../../fixtures/versions/freebsd.txt"));
        assert!(pairs.len() >= 200);
        for Pair { a, order, b } in pairs {
            assert_eq!(version(a).cmp(&version(b)), order, "{a} against {b}");
            assert_eq!(
                version(b).cmp(&version(a)),
                order.reverse(),
                "{b} against {a}"
            );
        }
    }

    #[test]
    fn epoch_before_version_before_revision() {
        assert!(version("1.0,1") > version("9.9_9"));
        assert!(version("1.0_1,1") > version("1.0,1"));
        assert!(version("1.0.1") > version("1.0_1"));
        assert_eq!(version("1.0_0,0"), version("1"));
    }

    #[test]
    fn numbers_that_no_integer_holds_are_the_largest() {
        let largest = version("1.9223372036854775807");
        assert_eq!(version("1.99999999999999999999"), largest);
        assert!(version("1.9223372036854775806") < largest);
    }

    #[test]
    fn what_names_no_version_is_none() {
        for text in ["", " ", "_1", ",1", "_1,1", "1-2", "1 0", "1.0\u{0}"] {
            assert!(FreeBsdVersion::parse(text).is_none(), "{text:?}");
        }
        for text in ["0", "*", "+", "r12", "1_", "1,", "1,1_1", " 1.0 "] {
            assert!(FreeBsdVersion::parse(text).is_some(), "{text:?}");
        }
    }

    fn any_version() -> impl Strategy<Value = String> {
        "([0-2abz.+*]|pl|rc|alpha|snap){1,6}(_[0-2])?(,[0-2])?"
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in any_version(), b in any_version(), c in any_version()) {
            tests::assert_total_order(&[version(&a), version(&b), version(&c)])?;
        }

        #[test]
        fn nothing_makes_it_panic(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            if let (Some(a), Some(b)) = (FreeBsdVersion::parse(&a), FreeBsdVersion::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
