//! The order of dotted numbers: builds of Windows (`10.0.17763.8146`), file versions, and the versions of
//! most programs made for Windows.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A version of dotted numbers, of any length.
///
/// Parts are compared as numbers, and a part that is not there is 0: `15.02.1748.046`, `15.2.1748.46`
/// and `15.2.1748.46.0` are the same version. The order is total.
#[derive(Clone, Copy)]
pub struct WindowsVersion<'a>(&'a str);

impl<'a> WindowsVersion<'a> {
    /// Reads a version. `None` for anything but numbers up to 2⁶⁴-1 with single dots between them; blanks
    /// around it are nobody's.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        let is_number = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u64>().is_ok()
        };
        text.split('.').all(is_number).then_some(Self(text))
    }

    /// As it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Its numbers, without end: after the last that is written come zeros.
    pub fn parts(self) -> impl Iterator<Item = u64> + 'a {
        self.written().chain(std::iter::repeat(0))
    }

    /// The number at a place, counted from 0.
    pub fn part(self, at: usize) -> u64 {
        self.written().nth(at).unwrap_or_default()
    }

    /// Whether the first numbers of both are the same.
    pub fn agrees(self, other: WindowsVersion<'_>, count: usize) -> bool {
        self.parts().take(count).eq(other.parts().take(count))
    }

    fn written(self) -> impl Iterator<Item = u64> + 'a {
        self.0
            .split('.')
            .map(|part| part.parse().unwrap_or_default())
    }

    /// How many numbers are written.
    fn len(self) -> usize {
        self.0.split('.').count()
    }
}

impl Ord for WindowsVersion<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let most = self.len().max(other.len());
        self.parts().take(most).cmp(other.parts().take(most))
    }
}

impl PartialOrd for WindowsVersion<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WindowsVersion<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WindowsVersion<'_> {}

impl Hash for WindowsVersion<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut zeros = 0_usize;
        for part in self.written() {
            if part == 0 {
                zeros += 1;
                continue;
            }
            (zeros, part).hash(state);
            zeros = 0;
        }
    }
}

impl fmt::Debug for WindowsVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowsVersion({})", self.0)
    }
}

impl fmt::Display for WindowsVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn version(text: &str) -> WindowsVersion<'_> {
        WindowsVersion::parse(text).unwrap()
    }

    #[test]
    fn parts_are_numbers_and_what_is_not_there_is_zero() {
        assert_eq!(version("15.02.1748.046"), version("15.2.1748.46"));
        assert_eq!(version("10.0"), version("10.0.0.0"));
        assert!(version("10.0.17763.973") < version("10.0.17763.8146"));
        assert!(version("16.0.5556.1001") < version("16.0.15601.20148"));
        assert!(version("9.9") < version("10"));
        assert!(version("1.2") < version("1.2.0.1"));
        assert!(version("10.0.17763.1").agrees(version("10.0.17763.8"), 3));
        assert!(!version("10.0.17763.1").agrees(version("10.0.14393.1"), 3));
        assert_eq!(version("10.0.20348").part(2), 20348);
        assert_eq!(version("10.0.20348").part(7), 0);
    }

    #[test]
    fn what_is_no_dotted_number_is_refused() {
        let bad = [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "v1.0",
            "1.0-rc1",
            "1,0",
            "+1",
            "1. 2",
            "96.0 1954.29",
            "99999999999999999999",
            "１.２",
        ];
        for text in bad {
            assert_eq!(WindowsVersion::parse(text), None, "{text}");
        }
        assert_eq!(version(" 1.2 ").as_str(), "1.2");
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(
            a in proptest::collection::vec(0_u64..3, 1..5),
            b in proptest::collection::vec(0_u64..3, 1..5),
        ) {
            let text = |parts: &[u64]| parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
            let padded = |parts: &[u64]| {
                let mut parts = parts.to_vec();
                parts.resize(6, 0);
                parts
            };
            let (first, second) = (text(&a), text(&b));
            let (first, second) = (version(&first), version(&second));
            prop_assert_eq!(first.cmp(&second), padded(&a).cmp(&padded(&b)));
            let distinct = HashSet::from([first, second]).len();
            prop_assert_eq!(distinct == 1, padded(&a) == padded(&b));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            if let Some(version) = WindowsVersion::parse(&text) {
                prop_assert_eq!(version, version);
            }
        }
    }
}
