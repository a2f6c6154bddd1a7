//! Patterns for names.

/// Whether a text fits a pattern in which `*` is any text and `?` any letter. In time that grows with the product
/// of their lengths at most.
pub(super) fn matches_glob(pattern: &str, text: &str) -> bool {
    let text = text.chars().collect::<Vec<_>>();
    // Which beginnings of the text fit the pattern so far.
    let mut fits = vec![false; text.len().saturating_add(1)];
    if let Some(first) = fits.first_mut() {
        *first = true;
    }
    for one in pattern.chars() {
        let mut next = vec![false; fits.len()];
        let mut any_before = false;
        for (at, place) in next.iter_mut().enumerate() {
            any_before |= fits.get(at).copied().unwrap_or_default();
            let before = at.checked_sub(1);
            let step = before.and_then(|before| Some((fits.get(before)?, text.get(before)?)));
            *place = match one {
                '*' => any_before,
                '?' => step.is_some_and(|(fits, _)| *fits),
                one => step.is_some_and(|(fits, letter)| *fits && *letter == one),
            };
        }
        fits = next;
    }
    fits.last().copied().unwrap_or_default()
}

/// A pattern for words of any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    is_plain: bool,
}

impl Pattern {
    /// Reads it: `*` is any text, `?` any letter.
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let is_plain = !text.contains(['*', '?']);
        Self { text, is_plain }
    }

    /// Whether a whole text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        if self.is_plain {
            self.text == text
        } else {
            matches_glob(&self.text, &text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, text) in [
            ("prn-*", "prn-3"),
            ("*", ""),
            ("ws-??", "ws-01"),
            ("a*b*c", "aXbYbc"),
        ] {
            assert!(matches_glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("prn-*", "xprn-3"),
            ("ws-??", "ws-1"),
            ("", "a"),
            ("a*b", "abc"),
        ] {
            assert!(!matches_glob(pattern, text), "{pattern} {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "[a*?]{0,20}", text in "[ab]{0,20}") {
            let _ = matches_glob(&pattern, &text);
        }
    }
}
