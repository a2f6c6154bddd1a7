//! The order of Debian versions, `[epoch:]upstream[-revision]`: deb-version(7).
//!
//! Our own, because what a host says may not bring us down: the crate that agrees with dpkg as well
//! (`deb-version`) cuts strings at character counts and panics on a version that is not ASCII, and
//! neither it nor its peers say that a version is invalid.

use super::runs::{Digits, breaks_words, split_run};
use std::cmp::Ordering;

/// A Debian version, split into its parts.
///
/// Two versions are equal when dpkg finds them equal: `1.0`, `1.00`, `0:1.0` and `1.0-0` are the same
/// version. The order is total.
#[derive(Clone, Copy, Debug)]
pub struct DpkgVersion<'a> {
    epoch: u32,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> DpkgVersion<'a> {
    /// Splits a version. `None` for what dpkg refuses: nothing at all, blanks inside, an epoch that
    /// is no number up to 2³¹-1, or nothing after a `:` or the last `-`.
    ///
    /// Like dpkg, when it reads versions that are out in the world, it takes characters that policy
    /// forbids and versions that begin with a letter.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        // One pass: a catalogue holds a million of these.
        let (mut colon, mut hyphen) = (None, None);
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b':' => colon = colon.or(Some(at)),
                b'-' => hyphen = Some(at),
                _ if breaks_words(byte) => return None,
                _ => {}
            }
        }
        let (epoch, start) = match colon {
            Some(colon) => (parse_epoch(text.get(..colon)?)?, colon + 1),
            None => (0, 0),
        };
        let (upstream, revision) = match hyphen {
            Some(hyphen) => (text.get(start..hyphen)?, text.get(hyphen + 1..)?),
            None => (text.get(start..)?, ""),
        };
        if hyphen.is_some() && revision.is_empty() {
            return None;
        }
        (!upstream.is_empty()).then_some(Self {
            epoch,
            upstream,
            revision,
        })
    }
}

impl Ord for DpkgVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |version: &Self| (version.upstream.as_bytes(), version.revision.as_bytes());
        let ((upstream, revision), (other_upstream, other_revision)) = (parts(self), parts(other));
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(upstream, other_upstream))
            .then_with(|| compare_part(revision, other_revision))
    }
}

impl PartialOrd for DpkgVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DpkgVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DpkgVersion<'_> {}

fn parse_epoch(text: &str) -> Option<u32> {
    // `parse` alone would take a sign: dpkg does, deb-version(7) does not.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let epoch: u32 = digits.then(|| text.parse().ok())??;
    (epoch <= i32::MAX.unsigned_abs()).then_some(epoch)
}

/// Compares alternating runs of non-digits and digits.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (a_text, a_rest) = split_run(a, |byte| !byte.is_ascii_digit());
        let (b_text, b_rest) = split_run(b, |byte| !byte.is_ascii_digit());
        let (a_digits, a_next) = split_run(a_rest, u8::is_ascii_digit);
        let (b_digits, b_next) = split_run(b_rest, u8::is_ascii_digit);
        let order =
            compare_text(a_text, b_text).then_with(|| Digits(a_digits).cmp(&Digits(b_digits)));
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_next, b_next);
    }
    Ordering::Equal
}

/// The end of a run weighs 0, so that `~` sorts before it and everything else after.
fn compare_text(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let end = std::iter::once(0);
    let a = a.iter().copied().map(weight).chain(end.clone());
    a.cmp(b.iter().copied().map(weight).chain(end))
}

/// Letters sort before other characters, `~` before everything, even the end.
fn weight(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        letter if letter.is_ascii_alphabetic() => letter.into(),
        other => i32::from(other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::tests::{self, Pair};
    use proptest::prelude::*;
    use std::process::Command;

    const VECTORS: &str = include_str!("../../fixtures/versions/dpkg.txt");

    fn version(text: &str) -> DpkgVersion<'_> {
        DpkgVersion::parse(text).unwrap_or_else(|| panic!("not a version: {text:?}"))
    }

    /// Each pair was ordered by `dpkg --compare-versions`.
    #[test]
    fn agrees_with_dpkg() {
        let pairs = tests::pairs(VECTORS);
        assert!(pairs.len() >= 200);
        for Pair { a, order, b } in pairs {
            assert_eq!(version(a).cmp(&version(b)), order, "{a} against {b}");
            let mirrored = version(b).cmp(&version(a));
            assert_eq!(mirrored, order.reverse(), "{b} against {a}");
        }
    }

    /// Asks dpkg itself, and about pairs that nobody wrote down. Runs where
    /// `UNDERDESK_PEER_DPKG=1` says that dpkg is there.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own switch, not a setting"
    )]
    fn agrees_with_the_dpkg_of_this_machine() {
        if std::env::var("UNDERDESK_PEER_DPKG").as_deref() != Ok("1") {
            eprintln!(
                "SKIPPED: dpkg was not asked. Set UNDERDESK_PEER_DPKG=1 where dpkg is installed."
            );
            return;
        }
        let holds = |a: &str, word: &str, b: &str| {
            let mut dpkg = Command::new("dpkg");
            dpkg.args(["--compare-versions", a, word, b]);
            dpkg.status().expect("dpkg is installed").success()
        };
        let sides: Vec<_> = tests::pairs(VECTORS).iter().map(|pair| pair.a).collect();
        for (a, b) in sides.iter().zip(sides.iter().skip(7)) {
            let word = match version(a).cmp(&version(b)) {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            assert!(holds(a, word, b), "dpkg does not say {a} {word} {b}");
        }
    }

    #[test]
    fn what_dpkg_refuses_is_no_version() {
        for text in [
            "",
            " ",
            ":",
            "1:",
            ":1",
            "a:1",
            "-1:1",
            "1.0-",
            "1 0",
            "1\t0",
            "2147483648:1",
            "99999999999:1",
            "-1",
            "1:-1",
            "1.0\u{0}",
        ] {
            assert!(DpkgVersion::parse(text).is_none(), "{text:?}");
        }
        for text in [
            "0",
            "1-1",
            "2147483647:0",
            "1.0-1-1",
            " 1.0 ",
            "git20240101",
            "1:2:3-4",
        ] {
            assert!(DpkgVersion::parse(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_version_that_is_not_ascii_is_compared_and_does_not_panic() {
        assert!(version("1.0ü-1") > version("1.0-1"));
        assert_eq!(version("é1"), version("é01"));
    }

    fn any_version() -> impl Strategy<Value = String> {
        prop_oneof![
            "([0-2]:)?[0-9a-cA~+.-]{0,8}[0-9a-c~+.]",
            "(0{0,3}[0-9]{1,40})(\\.0{0,2}[0-9]){0,3}(-[0-9~a+]{1,4})?",
        ]
        .prop_filter("a version", |text| DpkgVersion::parse(text).is_some())
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in any_version(), b in any_version(), c in any_version()) {
            tests::assert_total_order(&[version(&a), version(&b), version(&c)])?;
        }

        #[test]
        fn nothing_makes_it_panic(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            if let (Some(a), Some(b)) = (DpkgVersion::parse(&a), DpkgVersion::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
