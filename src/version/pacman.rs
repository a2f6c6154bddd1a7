//! The order of pacman's versions, `[epoch:]pkgver[-pkgrel]`: what `vercmp` says.
//!
//! Our own: the crate that has it right (`alpm-types`) brings half of a package manager, is six times
//! slower, and takes a missing pkgrel for the lowest where libalpm does not compare it.

use super::evr::Evr;
use super::runs::{Digits, split_run};
use std::cmp::Ordering;

/// A version of pacman's, split into its parts.
///
/// Letters that follow a number come before it (`1.0rc1` before `1.0`), letters of their own after it
/// (`1.0.rc1`), and separators count by how many there are. No epoch is epoch 0; no pkgrel comes before
/// every pkgrel. The order is total.
///
/// libalpm's is not: of `1..a`, `1.` and `1.1`, each is older than the next, and the last older than the
/// first. Here a version that ends in separators stands where libalpm has it among those with single ones.
#[derive(Clone, Copy, Debug)]
pub struct PacmanVersion<'a>(Evr<'a>);

impl<'a> PacmanVersion<'a> {
    /// Splits a version. `None` for nothing at all, no pkgver between epoch and pkgrel, and blanks or
    /// control characters inside.
    pub fn parse(text: &'a str) -> Option<Self> {
        Evr::parse(text).map(Self)
    }

    /// Where this version stands against a bound: of a bound without pkgrel, the pkgrel does not count.
    ///
    /// This is not the order: `1.0-1` and `1.0-2` both meet the bound `1.0`, and differ. A version that
    /// lacks the pkgrel which its bound has comes before it.
    pub fn against(&self, bound: &PacmanVersion<'_>) -> Ordering {
        let before_release = self.before_release(bound);
        match bound.0.release {
            None => before_release,
            Some(_) => before_release.then_with(|| self.releases(bound)),
        }
    }

    fn before_release(&self, other: &PacmanVersion<'_>) -> Ordering {
        let epochs = self.0.epoch.cmp(&other.0.epoch);
        epochs.then_with(|| compare_part(self.0.version, other.0.version))
    }

    fn releases(&self, other: &PacmanVersion<'_>) -> Ordering {
        match (self.0.release, other.0.release) {
            (Some(a), Some(b)) => compare_part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

impl Ord for PacmanVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.before_release(other)
            .then_with(|| self.releases(other))
    }
}

impl PartialOrd for PacmanVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PacmanVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PacmanVersion<'_> {}

/// What libalpm compares, lowest first: `1.0a`, `1.0`, `1.0.a`, `1.0.1`, `1.0..a`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    /// Letters that follow a number without a separator.
    Letters(&'a [u8]),
    End,
    /// A number that follows letters without a separator.
    Number(Digits<'a>),
    /// So many separators, and what follows.
    Apart(usize, Segment<'a>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Letters(&'a [u8]),
    Nothing,
    Number(Digits<'a>),
}

impl Piece<'_> {
    fn is_last(&self) -> bool {
        matches!(self, Self::End | Self::Apart(_, Segment::Nothing))
    }
}

/// Takes the next piece off a version.
fn next<'a>(rest: &mut &'a [u8]) -> Piece<'a> {
    let (separators, text) = split_run(rest, |byte| !byte.is_ascii_alphanumeric());
    let (segment, after) = match text.first() {
        None => (Segment::Nothing, text),
        Some(b'0'..=b'9') => {
            let (digits, after) = split_run(text, u8::is_ascii_digit);
            (Segment::Number(Digits(digits)), after)
        }
        Some(_) => {
            let (letters, after) = split_run(text, u8::is_ascii_alphabetic);
            (Segment::Letters(letters), after)
        }
    };
    *rest = after;
    match (separators.len(), segment) {
        (0, Segment::Nothing) => Piece::End,
        (0, Segment::Letters(letters)) => Piece::Letters(letters),
        (0, Segment::Number(digits)) => Piece::Number(digits),
        // At the end, libalpm does not count them.
        (_, Segment::Nothing) => Piece::Apart(1, Segment::Nothing),
        (count, segment) => Piece::Apart(count, segment),
    }
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (a_piece, b_piece) = (next(&mut a), next(&mut b));
        let order = a_piece.cmp(&b_piece);
        if order.is_ne() || a_piece.is_last() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::tests::{self, Pair};
    use proptest::prelude::*;

    fn version(text: &str) -> PacmanVersion<'_> {
        PacmanVersion::parse(text).unwrap_or_else(|| panic!("not a version: {text:?}"))
    }

    /// Each pair was ordered by `vercmp`, which does not compare a pkgrel that either side lacks.
    #[test]
    fn agrees_with_pacman() {
        let pairs = tests::pairs(include_str!("../../fixtures/versions/pacman.txt"));
        assert!(pairs.len() >= 200);
        for Pair { a, order, b } in pairs {
            let (first, second) = (version(a), version(b));
            if second.0.release.is_none() || first.0.release.is_some() {
                assert_eq!(first.against(&second), order, "{a} against {b}");
            }
            if first.0.release.is_none() || second.0.release.is_some() {
                assert_eq!(second.against(&first), order.reverse(), "{b} against {a}");
            }
            if first.0.release.is_some() == second.0.release.is_some() {
                assert_eq!(first.cmp(&second), order, "{a} against {b}");
            }
        }
    }

    #[test]
    fn a_pkgrel_that_the_bound_lacks_does_not_count() {
        assert_eq!(version("1.0-1").against(&version("1.0")), Ordering::Equal);
        assert_eq!(
            version("1.0-2").against(&version("1.0-1.1")),
            Ordering::Greater
        );
        assert_eq!(
            version("1:1.0-1").against(&version("1.0")),
            Ordering::Greater
        );
        assert_eq!(version("1.0rc1-1").against(&version("1.0")), Ordering::Less);
        assert_eq!(version("1.0").against(&version("1.0-1")), Ordering::Less);
        assert!(version("1.0") < version("1.0-1"));
    }

    #[test]
    fn a_version_that_ends_in_a_separator_has_one_place() {
        assert!(version("1") < version("1.a"));
        assert!(version("1.a") < version("1."));
        assert!(version("1.") < version("1.1"));
        assert!(version("1.1") < version("1..a"));
        assert!(version("1.") < version("1..a"));
        assert_eq!(version("1."), version("1.."));
    }

    #[test]
    fn what_names_no_version_is_none() {
        for text in ["", " ", ":", "1:", "-1", "1:-1", "1 0", "1.0\u{0}"] {
            assert!(PacmanVersion::parse(text).is_none(), "{text:?}");
        }
        for text in ["0", "r12.abc", "1-", "1.0-1-1", " 1.0 "] {
            assert!(PacmanVersion::parse(text).is_some(), "{text:?}");
        }
    }

    fn any_version() -> impl Strategy<Value = String> {
        "([0-2]:)?[0-9ab._+]{1,8}(-[0-9.]{0,4})?"
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in any_version(), b in any_version(), c in any_version()) {
            tests::assert_total_order(&[version(&a), version(&b), version(&c)])?;
        }

        #[test]
        fn nothing_makes_it_panic(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            if let (Some(a), Some(b)) = (PacmanVersion::parse(&a), PacmanVersion::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
