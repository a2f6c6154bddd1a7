//! The orders of programs' versions. What has no order is not compared, and not guessed at.

use crate::version::WindowsVersion;
use serde::Deserialize;
use std::cmp::Ordering;

/// How a program counts its versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scheme {
    /// Numbers with dots, dashes or underscores, letters behind them (`1.1.1w`), words for what
    /// comes before a release (`2.0-rc1`). Dates are such numbers.
    #[default]
    Plain,
    /// Java's: `8u401`, `1.8.0_401`, and `8.0.4010.10` for the same.
    Java,
    /// Visual Studio's: releases are `17.8.4`, and entries may have the build, `17.8.34408.163`, which
    /// is not compared with them.
    VisualStudio,
}

impl Scheme {
    /// The order of two versions.
    pub(super) fn compare(self) -> fn(&str, &str) -> Option<Ordering> {
        match self {
            Self::Plain => plain,
            Self::Java => java,
            Self::VisualStudio => visual_studio,
        }
    }
}

fn plain(a: &str, b: &str) -> Option<Ordering> {
    Some(compare(&pieces(a)?, &pieces(b)?))
}

fn java(a: &str, b: &str) -> Option<Ordering> {
    Some(compare(&java_pieces(a)?, &java_pieces(b)?))
}

fn visual_studio(a: &str, b: &str) -> Option<Ordering> {
    let (first, second) = (WindowsVersion::parse(a)?, WindowsVersion::parse(b)?);
    let is_build = |version: WindowsVersion<'_>| version.part(2) >= 1000;
    let is_same_line = first.agrees(second, 2);
    (!is_same_line || is_build(first) == is_build(second)).then(|| first.cmp(&second))
}

/// A part of a version, in the order of what comes before what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// `alpha`, `beta`, `rc`: before the release itself.
    Early(u8),
    /// Nothing more is written.
    End,
    /// A letter behind a number: after the release itself.
    Letter(u8),
    /// A number.
    Number(u64),
}

fn compare(a: &[Piece], b: &[Piece]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    let most = a.len().max(b.len());
    let padded = |list: Vec<Piece>| {
        let rest = most - list.len();
        list.into_iter()
            .chain(std::iter::repeat_n(Piece::End, rest))
    };
    padded(a).cmp(padded(b))
}

/// Without the zeros behind which no number comes: 1.0.0 is 1, and 1.0-rc is 1-rc.
fn without_zeros(pieces: &[Piece]) -> Vec<Piece> {
    let mut kept: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces.iter().chain([&Piece::End]) {
        if !matches!(piece, Piece::Number(_)) {
            while kept.last() == Some(&Piece::Number(0)) {
                kept.pop();
            }
        }
        if *piece != Piece::End {
            kept.push(*piece);
        }
    }
    kept
}

/// Words for what comes before a release, in their order.
const EARLY: &[&str] = &[
    "dev", "nightly", "canary", "snapshot", "alpha", "beta", "preview", "pre", "rc",
];

/// A version's pieces: from its first digit (`ad 7.1.13`, `v2.4`) to the first blank (`5.15.2 (18096)`) or
/// `+`, behind which builds are named.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let start = text.find(|one: char| one.is_ascii_digit())?;
    let text = text.get(start..)?;
    let text = text.split([' ', '+', '(', ',']).next()?;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let is_same = |one: char| one.is_ascii_digit() == is_digit && one.is_ascii_alphanumeric();
        let end = rest.find(|one| !is_same(one)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end.max(first.len_utf8()))?;
        rest = after;
        if matches!(word, "." | "-" | "_" | "~") {
            continue;
        }
        let word = word.to_ascii_lowercase();
        let early = EARLY.iter().position(|early| *early == word);
        pieces.push(match (is_digit, early, word.as_bytes()) {
            (true, ..) => Piece::Number(word.parse().ok()?),
            (_, Some(early), _) => Piece::Early(u8::try_from(early).ok()?),
            (_, _, [letter @ b'a'..=b'z']) => Piece::Letter(*letter),
            _ => return None,
        });
    }
    (!pieces.is_empty()).then_some(pieces)
}

fn java_pieces(text: &str) -> Option<Vec<Piece>> {
    let text = text.trim().to_ascii_lowercase();
    let text = text
        .split([' ', '+', '-'])
        .next()?
        .replace('u', ".0.")
        .replace('_', ".");
    let text = text.strip_prefix("1.").unwrap_or(&text);
    let version = WindowsVersion::parse(text)?;
    let update = version.part(2);
    let update = if version.part(0) <= 8 && update >= 1000 {
        update / 10
    } else {
        update
    };
    // Of Java 8 what follows the update is the build.
    let more = if version.part(0) <= 8 {
        0
    } else {
        version.part(3)
    };
    let numbers = [version.part(0), version.part(1), update, more];
    Some(numbers.map(Piece::Number).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_in_the_order_of_their_makers() {
        let rising = [
            ["1.1.1k", "1.1.1w"],
            ["1.1.1", "1.1.1a"],
            ["2.0-rc1", "2.0"],
            ["2.0-beta", "2.0-rc1"],
            ["15.3-1", "15.3-2"],
            ["9.20", "23.01"],
            ["115.3.0", "115.10.0"],
            ["2.6.4-I001", "2.6.5-I001"],
            ["5.15.2 (18096)", "5.15.3 (1)"],
            ["ad 7.1.13", "ad 8.0.1"],
            ["2023.12.31", "2024.01.02"],
            ["20231231", "20240102"],
        ];
        for [low, high] in rising {
            assert_eq!(plain(low, high), Some(Ordering::Less), "{low} {high}");
            assert_eq!(plain(high, low), Some(Ordering::Greater), "{low} {high}");
        }
        assert_eq!(plain("v1.0", "1.0.0"), Some(Ordering::Equal));
        assert_eq!(plain("1.0-rc", "1-rc"), Some(Ordering::Equal));
        assert_eq!(plain("1.1.0a", "1.1.1"), Some(Ordering::Less));
        assert_eq!(plain("1.0 Professional", "1.0"), Some(Ordering::Equal));
        assert_eq!(plain("1.0-service", "1.0"), None);
        assert_eq!(plain("unknown", "1.0"), None);
    }

    #[test]
    fn the_three_ways_in_which_java_is_counted_are_one() {
        for same in [
            "8u401",
            "1.8.0_401",
            "8.0.4010.10",
            "8.0.401",
            "1.8.0_401-b10",
        ] {
            assert_eq!(java(same, "8u401"), Some(Ordering::Equal), "{same}");
        }
        assert_eq!(java("8.0.3910.13", "8u401"), Some(Ordering::Less));
        assert_eq!(java("17.0.9+9", "17.0.10"), Some(Ordering::Less));
    }

    #[test]
    fn a_build_of_visual_studio_is_not_compared_with_a_release_of_its_line() {
        assert_eq!(visual_studio("17.8.34408.163", "17.8.4"), None);
        assert_eq!(visual_studio("17.8.3", "17.8.4"), Some(Ordering::Less));
        assert_eq!(
            visual_studio("17.9.34408.163", "17.8.4"),
            Some(Ordering::Greater)
        );
    }

    proptest! {
        #[test]
        fn any_two_texts_are_compared_without_a_panic_and_alike(a in any::<String>(), b in "[0-9a-z._~-]{0,12}") {
            for scheme in [Scheme::Plain, Scheme::Java, Scheme::VisualStudio] {
                let compare = scheme.compare();
                prop_assert_eq!(compare(&a, &b), compare(&b, &a).map(Ordering::reverse));
                prop_assert_eq!(compare(&b, &b).unwrap_or(Ordering::Equal), Ordering::Equal);
            }
        }

        #[test]
        fn the_plain_order_is_total(list in proptest::collection::vec("[0-2]([.-][0-2a-c]|-rc|-beta){0,3}", 3)) {
            let [a, b, c] = &list[..] else { return Ok(()) };
            let (first, second) = (plain(a, b), plain(b, c));
            if first.is_some() && first == second {
                prop_assert_eq!(plain(a, c), first);
            }
        }
    }
}
