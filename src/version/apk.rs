//! The order of Alpine's versions, `number{.number}[letter]{_suffix[number]}[~hash][-rN]`: what
//! `apk version -t` says (apk-tools 3), and its comparison of what that command refuses.
//!
//! Our own: the only crate is one of C, and looks derived from apk-tools, whose licence is not ours.

use super::runs::{Digits, breaks_words, split_run};
use std::cmp::Ordering;

/// A version of apk's.
///
/// apk's comparison also takes what no package may have (`1.0bc`), up to where it is wrong. So do we, for
/// Alpine's own feed holds some; [`is_valid`](Self::is_valid) tells. The order is total.
#[derive(Clone, Copy, Debug)]
pub struct ApkVersion<'a>(&'a [u8]);

impl<'a> ApkVersion<'a> {
    /// Reads a version. `None` for nothing at all, and for blanks or control characters inside.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii().as_bytes();
        let is_word = !text.iter().copied().any(breaks_words);
        (is_word && !text.is_empty()).then_some(Self(text))
    }

    /// Whether apk compares anything of it: what does not begin with a digit comes before every version,
    /// and one is like the other.
    pub fn has_number(&self) -> bool {
        self.0.first().is_some_and(u8::is_ascii_digit)
    }

    /// Whether a package may have this version: what `apk version --check` says.
    pub fn is_valid(&self) -> bool {
        let mut tokens = Tokens::of(self);
        loop {
            match tokens.next() {
                Token::End => return true,
                Token::Invalid => return false,
                _ => {}
            }
        }
    }

    /// Where this version stands against a bound of apk's fuzzy operators (`~`, `<~`, `>~`): equal to each
    /// bound that it begins with, as `3.6.9` and `3.6_pre1` are to `3.6`.
    pub fn cmp_fuzzy(&self, bound: &ApkVersion<'_>) -> Ordering {
        self.compare(bound, true)
    }

    fn compare(&self, other: &ApkVersion<'_>, fuzzy: bool) -> Ordering {
        let (mut a, mut b) = (Tokens::of(self), Tokens::of(other));
        loop {
            let (a_token, b_token) = (a.next(), b.next());
            if fuzzy && b_token == Token::End {
                return Ordering::Equal;
            }
            let order = a_token.cmp(&b_token);
            if order.is_ne() || matches!(a_token, Token::End | Token::Invalid) {
                return order;
            }
        }
    }
}

impl Ord for ApkVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other, false)
    }
}

impl PartialOrd for ApkVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ApkVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ApkVersion<'_> {}

/// What apk compares, lowest first: of two versions that were the same so far, `1.0_rc1` comes before
/// `1.0`, that before `1.0-r1`, `1.0~abc`, `1.0_p1`, `1.0a` and `1.0.1` in this order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    Before(Suffix),
    /// What no version may hold here. apk looks no further.
    Invalid,
    End,
    Revision(Digits<'a>),
    Hash(&'a [u8]),
    SuffixNumber(Digits<'a>),
    After(Suffix),
    Letter(u8),
    Fraction(Fraction<'a>),
    First(Digits<'a>),
}

/// The suffixes, in their order: those up to `rc` come before the version that has none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    Cvs,
    Svn,
    Git,
    Hg,
    P,
}

/// A number after a dot. Where one of two begins with 0 they are compared as text, as decimals are:
/// `1.05` comes before `1.1`.
#[derive(PartialEq, Eq)]
struct Fraction<'a>(Digits<'a>);

impl Ord for Fraction<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (Digits(a), Digits(b)) = (self.0, other.0);
        if a.first() == Some(&b'0') || b.first() == Some(&b'0') {
            return a.cmp(b);
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fraction<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What was read last. Only what comes later in this list may follow, but for numbers and suffixes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Begin,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
}

struct Tokens<'a> {
    rest: &'a [u8],
    last: Part,
}

impl<'a> Tokens<'a> {
    fn of(version: &ApkVersion<'a>) -> Self {
        Self {
            rest: version.0,
            last: Part::Begin,
        }
    }

    fn next(&mut self) -> Token<'a> {
        let Some((first, after)) = self.rest.split_first() else {
            return Token::End;
        };
        match (first, self.last) {
            (b'0'..=b'9', Part::Begin) => self.number(self.rest, Part::Number, Token::First),
            (_, Part::Begin) => Token::Invalid,
            (b'.', Part::Number) => self.number(after, Part::Number, |digits| {
                Token::Fraction(Fraction(digits))
            }),
            (b'a'..=b'z', Part::Number) => self.read(after, Part::Letter, Token::Letter(*first)),
            (b'_', last) if last <= Part::SuffixNumber => self.suffix(after),
            (b'0'..=b'9', Part::Suffix) => {
                self.number(self.rest, Part::SuffixNumber, Token::SuffixNumber)
            }
            (b'~', last) if last < Part::Hash => {
                let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                match split_run(after, is_hex) {
                    ([], _) => Token::Invalid,
                    (hash, rest) => self.read(rest, Part::Hash, Token::Hash(hash)),
                }
            }
            (b'-', last) if last < Part::Revision => match after.strip_prefix(b"r") {
                Some(after) => self.number(after, Part::Revision, Token::Revision),
                None => Token::Invalid,
            },
            _ => Token::Invalid,
        }
    }

    fn read(&mut self, rest: &'a [u8], last: Part, token: Token<'a>) -> Token<'a> {
        (self.rest, self.last) = (rest, last);
        token
    }

    fn number(
        &mut self,
        text: &'a [u8],
        part: Part,
        token: impl Fn(Digits<'a>) -> Token<'a>,
    ) -> Token<'a> {
        match split_run(text, u8::is_ascii_digit) {
            ([], _) => Token::Invalid,
            (digits, rest) => self.read(rest, part, token(Digits(digits))),
        }
    }

    fn suffix(&mut self, text: &'a [u8]) -> Token<'a> {
        let (word, rest) = split_run(text, u8::is_ascii_lowercase);
        let token = match word {
            b"alpha" => Token::Before(Suffix::Alpha),
            b"beta" => Token::Before(Suffix::Beta),
            b"pre" => Token::Before(Suffix::Pre),
            b"rc" => Token::Before(Suffix::Rc),
            b"cvs" => Token::After(Suffix::Cvs),
            b"svn" => Token::After(Suffix::Svn),
            b"git" => Token::After(Suffix::Git),
            b"hg" => Token::After(Suffix::Hg),
            b"p" => Token::After(Suffix::P),
            _ => return Token::Invalid,
        };
        self.read(rest, Part::Suffix, token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::tests::{self, Pair};
    use proptest::prelude::*;

    fn version(text: &str) -> ApkVersion<'_> {
        ApkVersion::parse(text).unwrap_or_else(|| panic!("not a version: {text:?}"))
    }

    /// Each pair was ordered by apk-tools.
    #[test]
    fn agrees_with_apk() {
        let pairs = tests::pairs(include_str!("../../fixtures/versions/apk.txt"));
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
    fn a_fuzzy_bound_is_met_by_all_that_begins_with_it() {
        for text in [
            "3.6", "3.6.0", "3.6.9-r2", "3.6_pre1", "3.6a", "3.6~ab", "3.6-r0",
        ] {
            assert_eq!(
                version(text).cmp_fuzzy(&version("3.6")),
                Ordering::Equal,
                "{text}"
            );
        }
        assert_eq!(
            version("3.60").cmp_fuzzy(&version("3.6")),
            Ordering::Greater
        );
        assert_eq!(version("3.5.9").cmp_fuzzy(&version("3.6")), Ordering::Less);
        assert_eq!(version("3.6").cmp_fuzzy(&version("3.6.1")), Ordering::Less);
    }

    #[test]
    fn what_a_package_may_not_have_is_compared_but_not_valid() {
        for text in ["1.2", "1a_rc_p2~0af-r03", "1_git20240101_pre1", "007"] {
            assert!(version(text).is_valid(), "{text}");
        }
        for text in [
            "1.", "1.0bc", "1a1", "1a.1", "1A", "1_", "1_rc~", "1~xyz", "1~ab_p", "1-1", "1-r",
            "1-r1-r1", "1_rcs", "1ü",
        ] {
            assert!(!version(text).is_valid(), "{text}");
        }
        assert!(version("1.0") < version("1.0bc"));
        assert_eq!(version("1.0bc"), version("1.0bd"));
    }

    #[test]
    fn what_does_not_begin_with_a_number_comes_before_everything() {
        for text in [".1", "a", "_pre1", "-r1", "١"] {
            assert!(!version(text).has_number(), "{text:?}");
            assert!(version(text) < version("0_alpha"), "{text:?}");
            assert_eq!(version(text), version("c"));
        }
    }

    #[test]
    fn what_is_no_word_is_none() {
        for text in ["", " ", "1 0", "1.0\u{0}"] {
            assert!(ApkVersion::parse(text).is_none(), "{text:?}");
        }
        assert!(ApkVersion::parse(" 1.0 ").is_some());
    }

    fn any_version() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-2]{1,2}(\\.[0-2]{1,2}){0,2}[ab]?(_(alpha|rc|git|p)[0-2]?){0,2}(~[0a])?(-r[0-2])?",
            "[0-2][0-2a_.~r-]{0,6}",
        ]
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in any_version(), b in any_version(), c in any_version()) {
            tests::assert_total_order(&[version(&a), version(&b), version(&c)])?;
        }

        #[test]
        fn nothing_makes_it_panic(a in "[0-9]?\\PC{0,24}", b in "[0-9]?\\PC{0,24}") {
            if let (Some(a), Some(b)) = (ApkVersion::parse(&a), ApkVersion::parse(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
                prop_assert_eq!(a.is_valid(), a.is_valid());
            }
        }
    }
}
