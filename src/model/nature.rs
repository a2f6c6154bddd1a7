//! What sort of flaw something is: what it lets an attacker do, and the weaknesses behind it (CWE).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What publishers call the impact of a flaw, the worst first; in exports as it stands here. Any other word that a
/// publisher uses is kept as well, in the same spelling. Catalogues number them in this order: it is only added to.
pub const IMPACTS: &[&str] = &[
    "remote_code_execution",
    "elevation_of_privilege",
    "security_feature_bypass",
    "information_disclosure",
    "denial_of_service",
    "tampering",
    "spoofing",
    "defense_in_depth",
];

/// Other spellings of these, and words that state no impact: severities stand in its place in some tables.
const SPELLINGS: &[(&str, &str)] = &[
    ("defence_in_depth", "defense_in_depth"),
    ("escalation_of_privilege", "elevation_of_privilege"),
    ("privilege_escalation", "elevation_of_privilege"),
    ("feature_bypass", "security_feature_bypass"),
    ("none", ""),
    ("n_a", ""),
    ("na", ""),
    ("unknown", ""),
    ("not_applicable", ""),
    ("critical", ""),
    ("important", ""),
    ("high", ""),
    ("moderate", ""),
    ("medium", ""),
    ("low", ""),
];

/// The longest word for an impact; what is longer is prose.
const LONGEST_IMPACT: usize = 40;
/// How many impacts are kept of one flaw or bulletin.
const MOST_IMPACTS: usize = 16;
/// How many weaknesses are kept of one flaw or bulletin.
const MOST_CWES: usize = 64;

/// The sort of one flaw, or of several together. Nothing is stated by default, and costs nothing then.
///
/// It is one text, `remote_code_execution CWE-416`: impacts, the worst first, then weaknesses by number.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Nature(Option<Arc<str>>);

impl Nature {
    /// Of what publishers write: impacts, and weaknesses. What is neither is left out.
    pub fn of<'a>(
        impacts: impl IntoIterator<Item = &'a str>,
        cwes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let impacts = impacts.into_iter().filter_map(impact).collect();
        let cwes = cwes.into_iter().filter_map(cwe).collect();
        Self::written(impacts, cwes)
    }

    /// Reads its text. What no such text has is left out.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let words = || text.split_whitespace();
        Self::of(words(), words())
    }

    /// Of several flaws together.
    pub fn union<'a>(several: impl IntoIterator<Item = &'a Self>) -> Self {
        let stated = several.into_iter().filter(|one| !one.is_empty());
        // Most flaws share one of a few.
        let mut texts: BTreeSet<&Self> = stated.collect();
        match texts.len() {
            0 => return Self::default(),
            1 => return texts.pop_first().cloned().unwrap_or_default(),
            _ => {}
        }
        let words = || texts.iter().flat_map(|one| one.as_str().split(' '));
        Self::of(words(), words())
    }

    fn written(impacts: BTreeSet<Impact>, cwes: BTreeSet<u32>) -> Self {
        let impacts = impacts.into_iter().take(MOST_IMPACTS);
        let impacts = impacts.map(|Impact(_, word)| word);
        let cwes = cwes.into_iter().take(MOST_CWES);
        let cwes = cwes.map(|number| format!("CWE-{number}"));
        let words: Vec<String> = impacts.chain(cwes).collect();
        Self((!words.is_empty()).then(|| Arc::from(words.join(" "))))
    }

    /// Its text; empty where nothing is stated.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What it lets an attacker do, the worst first.
    pub fn impacts(&self) -> Vec<String> {
        let words = self.words().filter(|word| !word.starts_with("CWE-"));
        words.map(str::to_owned).collect()
    }

    /// The weaknesses, `CWE-416`, by number.
    pub fn cwes(&self) -> Vec<String> {
        let words = self.words().filter(|word| word.starts_with("CWE-"));
        words.map(str::to_owned).collect()
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.as_str().split_whitespace()
    }
}

/// The first of the letters that stand for [`IMPACTS`].
const FIRST: u8 = b'A';

/// Where it is written: `A 416`, a letter for each of [`IMPACTS`], other impacts as they are, and weaknesses by number.
impl From<String> for Nature {
    fn from(text: String) -> Self {
        let (mut impacts, mut cwes) = (Vec::new(), Vec::new());
        for word in text.split_whitespace() {
            let known = match word.as_bytes() {
                [letter] => letter.checked_sub(FIRST).map(usize::from),
                _ => None,
            };
            let known = known.and_then(|place| IMPACTS.get(place).copied());
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                cwes.push(format!("CWE-{word}"));
            } else {
                impacts.push(known.unwrap_or(word));
            }
        }
        Self::of(impacts, cwes.iter().map(String::as_str))
    }
}

impl From<Nature> for String {
    fn from(nature: Nature) -> Self {
        let short = |word: &str| {
            let place = IMPACTS.iter().position(|known| *known == word);
            let letter = place.and_then(|place| FIRST.checked_add(u8::try_from(place).ok()?));
            match (letter, word.strip_prefix("CWE-")) {
                (Some(letter), _) => char::from(letter).to_string(),
                (None, Some(number)) => number.to_owned(),
                (None, None) => word.to_owned(),
            }
        };
        let words: Vec<Self> = nature.words().map(short).collect();
        words.join(" ")
    }
}

impl fmt::Debug for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// An impact, in the order of [`IMPACTS`], then of the alphabet.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Impact(usize, String);

/// `Remote Code Execution` as `remote_code_execution`; nothing where it is no impact, or too long to be a word
/// for one.
fn impact(text: &str) -> Option<Impact> {
    let is_cwe = text.trim_start().get(..4);
    if is_cwe.is_some_and(|start| start.eq_ignore_ascii_case("cwe-")) {
        return None;
    }
    let word = impact_word(text);
    let place = IMPACTS.iter().position(|known| *known == word);
    // A number is a weakness where words are written in short.
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic());
    let fits = is_word && word.len() <= LONGEST_IMPACT;
    fits.then(|| Impact(place.unwrap_or(IMPACTS.len()), word))
}

/// A publisher's word for an impact in our spelling; empty where it states none.
pub fn impact_word(text: &str) -> String {
    let mut word = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            word.push(letter.to_ascii_lowercase());
        } else if !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
        // The rest of a prose text is of no use.
        if word.len() > LONGEST_IMPACT + 1 {
            break;
        }
    }
    let word = word.trim_end_matches('_');
    let found = SPELLINGS.iter().find(|(spelling, _)| *spelling == word);
    found.map_or(word, |(_, ours)| ours).to_owned()
}

/// The number of `CWE-416`, `cwe-416: Use After Free` or `CWE-0416`.
fn cwe(text: &str) -> Option<u32> {
    let text = text.trim();
    let start = text.get(..4)?;
    if !start.eq_ignore_ascii_case("cwe-") {
        return None;
    }
    let rest = text.get(4..)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    let digits = rest.get(..end.unwrap_or(rest.len()))?;
    let ends = rest.get(digits.len()..)?.chars().next();
    let number: u32 = digits.parse().ok()?;
    let is_id = (1..1_000_000).contains(&number) && !ends.is_some_and(char::is_alphanumeric);
    is_id.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn publishers_words_get_one_spelling_and_one_order() {
        let nature = Nature::of(
            [
                "Spoofing",
                "Remote Code Execution",
                "XSS",
                "Defence in Depth",
            ],
            [
                "CWE-787",
                "cwe-79: Cross-site Scripting",
                "CWE-079",
                "UNKNOWN",
            ],
        );
        assert_eq!(
            nature.as_str(),
            "remote_code_execution spoofing defense_in_depth xss CWE-79 CWE-787"
        );
        assert_eq!(Nature::parse(nature.as_str()), nature);
        assert_eq!(nature.cwes(), ["CWE-79", "CWE-787"]);
        assert_eq!(nature.impacts().len(), 4);
        let written = serde_json::to_string(&nature).unwrap();
        assert_eq!(written, "\"A G H xss 79 787\"");
        let read: Nature = serde_json::from_str(&written).unwrap();
        assert_eq!(read, nature);
    }

    #[test]
    fn what_is_no_impact_and_no_weakness_is_not_stated() {
        let words = ["", " ", "Important", "N/A", "none", "CWE-79", "影響", "404"];
        let long = "a flaw was found in the way that a server reads a request";
        let numbers = ["CWE-", "CWE-0", "CWE-x", "CWE-79a", "79", "CWE-99999999999"];
        let nature = Nature::of(words.into_iter().chain([long]), numbers);
        assert!(nature.is_empty(), "{nature:?}");
        assert_eq!(nature.as_str(), "");
    }

    #[test]
    fn several_flaws_together_have_what_any_of_them_has() {
        let one = Nature::of(["Spoofing"], ["CWE-9"]);
        let other = Nature::of(["Elevation of Privilege"], ["CWE-10"]);
        let none = Nature::default();
        assert_eq!(Nature::union([&one, &none, &one]), one);
        assert_eq!(
            Nature::union([&one, &other]).as_str(),
            "elevation_of_privilege spoofing CWE-9 CWE-10"
        );
        assert_eq!(Nature::union([&none]), none);
    }

    proptest! {
        #[test]
        fn any_text_is_read_bounded_and_the_same_again(
            impacts in proptest::collection::vec(".{0,80}", 0..40),
            cwes in proptest::collection::vec("(CWE-)?.{0,12}|CWE-[0-9]{1,9}", 0..200),
        ) {
            let nature = Nature::of(
                impacts.iter().map(String::as_str),
                cwes.iter().map(String::as_str),
            );
            let most = MOST_IMPACTS * (LONGEST_IMPACT + 1) + MOST_CWES * 11;
            prop_assert!(nature.as_str().len() <= most);
            prop_assert!(nature.as_str().is_ascii());
            prop_assert_eq!(&Nature::parse(nature.as_str()), &nature);
            prop_assert_eq!(&Nature::union([&nature, &nature]), &nature);
            let json = serde_json::to_string(&nature).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Nature>(&json).unwrap(), &nature, "{}", json);
            let both: Vec<_> = nature.impacts().into_iter().chain(nature.cwes()).collect();
            prop_assert_eq!(both.join(" "), nature.as_str());
        }
    }
}
