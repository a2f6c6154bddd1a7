//! Ranges of versions, as publishers write them into `product_version_range`.

/// The versions that a flaw is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first, where earlier ones are not affected.
    pub(super) since: Option<String>,
    /// The first that is not affected any more.
    pub(super) fixed: String,
}

/// Reads a range that ends before a version of dotted numbers: `<129.0.2792.52`, `>=2.0 <2.4.1`,
/// `vers:generic/>=1.2|<1.4`, `< V3.1`. Any other is `None`: one that ends *with* a version does not say which
/// one is good.
pub(super) fn range(text: &str) -> Option<Range> {
    let text = text.trim();
    let text = match text.strip_prefix("vers:") {
        Some(rest) => rest.split_once('/')?.1,
        None => text,
    };
    let mut range = (None, None);
    let mut rest = text.trim_start();
    while let Some(sign) = rest.chars().next() {
        let after = rest.trim_start_matches(['<', '>', '=', '≥']);
        let (operator, _) = rest.split_at(rest.len() - after.len());
        let after = after.trim_start();
        let end = after
            .find(['|', ',', ' ', '<', '>', '≥'])
            .unwrap_or(after.len());
        let (text, after) = after.split_at(end);
        let place = match operator {
            "<" => &mut range.1,
            ">=" | "≥" => &mut range.0,
            // A bare version, `>`, `<=`: the range is of another kind.
            _ => return None,
        };
        if place.replace(version(text)?).is_some() || sign.is_whitespace() {
            return None;
        }
        rest = after.trim_start_matches(['|', ',', ' ']);
    }
    let (since, fixed) = range;
    Some(Range {
        since: since.filter(|since| since.bytes().any(|byte| !matches!(byte, b'0' | b'.'))),
        fixed: fixed?,
    })
}

/// A version of dotted numbers, without leading zeros.
pub(super) fn version(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['v', 'V']);
    let mut numbers = Vec::new();
    for part in text.split('.') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || part.len() > 20 {
            return None;
        }
        let number = part.trim_start_matches('0');
        numbers.push(if number.is_empty() { "0" } else { number });
    }
    (numbers.len() <= 8).then(|| numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_end_before_the_version_that_is_good() {
        let read = |text| {
            let range = range(text)?;
            Some((range.since.unwrap_or_default(), range.fixed))
        };
        let good = |since: &str, fixed: &str| Some((since.to_owned(), fixed.to_owned()));
        assert_eq!(read("<129.0.2792.52"), good("", "129.0.2792.52"));
        assert_eq!(read("< V3.01"), good("", "3.1"));
        assert_eq!(read(">=2.0 <2.4.1"), good("2.0", "2.4.1"));
        assert_eq!(read(">=2.0, < 2.4.1"), good("2.0", "2.4.1"));
        assert_eq!(read("vers:generic/>=1.2|<1.4"), good("1.2", "1.4"));
        assert_eq!(read(">=0|<25"), good("", "25"));
    }

    #[test]
    fn what_does_not_say_which_version_is_good_is_not_guessed_at() {
        for text in [
            "",
            "*",
            "1.2.3",
            "<=1.2.3",
            ">1.0",
            ">=1.0",
            ">1.0|<2.0",
            "<1.0|<2.0",
            "All versions",
            "<azl3 ruby 3.3.5-2",
            "<1.0-beta",
            "vers:",
            "vers:deb/*",
            "<",
            ">=|<",
            "1.0 < 2.0",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>=|, v0-9.:/≥a]{0,30}") {
            range(&text);
        }
    }
}
