//! The order of rpm's versions, `[epoch:]version-release`: what `rpm.vercmp` says, tilde and caret included.
//!
//! Our own: of the crates, only `rpm-version` knows tilde and caret, and it takes an empty release for
//! none, which rpm does not.

use super::evr::Evr;
use super::runs::{Digits, split_run};
use std::cmp::Ordering;

/// A version of rpm's, split into its parts.
///
/// Two versions are equal when rpm finds them equal: `1.0`, `0:1_0` and `1.00` are the same version. No
/// epoch is epoch 0; no release comes before every release. The order is total.
#[derive(Clone, Copy, Debug)]
pub struct RpmVersion<'a>(Evr<'a>);

impl<'a> RpmVersion<'a> {
    /// Splits a version. `None` for nothing at all, no version between epoch and release, and blanks or
    /// control characters inside.
    pub fn parse(text: &'a str) -> Option<Self> {
        Evr::parse(text).map(Self)
    }

    /// Where this version stands against a bound, as rpm's dependencies have it: of a bound that names no
    /// release, the release does not count.
    ///
    /// This is not the order: `1.0-1` and `1.0-2` both meet the bound `1.0`, and differ. A version that
    /// lacks the release which its bound has comes before it.
    pub fn against(&self, bound: &RpmVersion<'_>) -> Ordering {
        let before_release = self.before_release(bound);
        if bound.0.release.is_none_or(<[u8]>::is_empty) {
            return before_release;
        }
        before_release.then_with(|| self.releases(bound))
    }

    fn before_release(&self, other: &RpmVersion<'_>) -> Ordering {
        let epochs = self.0.epoch.cmp(&other.0.epoch);
        epochs.then_with(|| compare_part(self.0.version, other.0.version))
    }

    fn releases(&self, other: &RpmVersion<'_>) -> Ordering {
        match (self.0.release, other.0.release) {
            (Some(a), Some(b)) => compare_part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

impl Ord for RpmVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.before_release(other)
            .then_with(|| self.releases(other))
    }
}

impl PartialOrd for RpmVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RpmVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RpmVersion<'_> {}

/// What rpm compares, lowest first: `1.0~rc1`, `1.0`, `1.0^git1`, `1.0a`, `1.0.1`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a [u8]),
    Number(Digits<'a>),
}

/// Takes the next piece off a version. Everything else only separates, and how much of it does not matter.
fn next<'a>(rest: &mut &'a [u8]) -> Piece<'a> {
    let counts = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    let (_, text) = split_run(rest, |byte| !counts(byte));
    let (piece, after) = match text.split_first() {
        None => (Piece::End, text),
        Some((b'~', after)) => (Piece::Tilde, after),
        Some((b'^', after)) => (Piece::Caret, after),
        Some((b'0'..=b'9', _)) => {
            let (digits, after) = split_run(text, u8::is_ascii_digit);
            (Piece::Number(Digits(digits)), after)
        }
        Some(_) => {
            let (letters, after) = split_run(text, u8::is_ascii_alphabetic);
            (Piece::Letters(letters), after)
        }
    };
    *rest = after;
    piece
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (a_piece, b_piece) = (next(&mut a), next(&mut b));
        let order = a_piece.cmp(&b_piece);
        if order.is_ne() || a_piece == Piece::End {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::tests::{self, Pair};
    use proptest::prelude::*;

    fn version(text: &str) -> RpmVersion<'_> {
        RpmVersion::parse(text).unwrap_or_else(|| panic!("not a version: {text:?}"))
    }

    /// Each pair was ordered by `rpm.vercmp`.
    #[test]
    fn agrees_with_rpm() {
        let pairs = tests::pairs(include_str!("../../fixtures/versions/rpm.txt"));
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
    fn a_release_that_the_bound_lacks_does_not_count() {
        assert_eq!(version("1.0-1").against(&version("1.0")), Ordering::Equal);
        assert_eq!(version("1.0-2").against(&version("1.0-")), Ordering::Equal);
        assert_eq!(
            version("1.0-2").against(&version("1.0-1")),
            Ordering::Greater
        );
        assert_eq!(
            version("1:1.0-2").against(&version("1.0")),
            Ordering::Greater
        );
        assert_eq!(version("1.0-9").against(&version("1.0.1")), Ordering::Less);
    }

    #[test]
    fn a_version_without_its_release_comes_before_the_bound_that_has_one() {
        assert_eq!(version("1.0").against(&version("1.0-1")), Ordering::Less);
        assert!(version("1.0") < version("1.0-"));
        assert!(version("1.0-") < version("1.0-0"));
    }

    #[test]
    fn what_names_no_version_is_none() {
        for text in ["", " ", ":", "1:", "-1", "1:-1", "1 0", "1\t0", "1.0\u{0}"] {
            assert!(RpmVersion::parse(text).is_none(), "{text:?}");
        }
        for text in [
            "0",
            "1-",
            "a:1",
            "1.0-1-1",
            " 1.0 ",
            "99999999999999999999:1-1",
        ] {
            assert!(RpmVersion::parse(text).is_some(), "{text:?}");
        }
    }

    fn any_version() -> impl Strategy<Value = String> {
        "([0-2]:)?[0-9ab~^._+]{1,8}(-[0-9a~^.]{0,5})?"
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in any_version(), b in any_version(), c in any_version()) {
            tests::assert_total_order(&[version(&a), version(&b), version(&c)])?;
        }

        #[test]
        fn what_meets_a_bound_is_between_its_releases(a in any_version(), bound in any_version()) {
            let (a, bound) = (version(&a), version(&bound));
            prop_assert!(a.against(&bound) == a.cmp(&bound) || bound.0.release.is_none_or(<[u8]>::is_empty));
        }

        #[test]
        fn nothing_makes_it_panic(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            if let (Some(a), Some(b)) = (RpmVersion::parse(&a), RpmVersion::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
