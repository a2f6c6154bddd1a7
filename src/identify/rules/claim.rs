//! How several sources become one claim.

use crate::identify::tables::Weight;
use crate::model::{Certainty, Claim};
use std::collections::BTreeSet;

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<T> {
    pub(super) what: T,
    pub(super) weight: Weight,
    /// `smb2 445`.
    pub(super) source: String,
}

/// What was made of it.
pub(super) struct Settled<'a, T> {
    pub(super) best: &'a T,
    pub(super) certainty: Certainty,
    /// Who says so; and who says something else, with what it says: `smb2 445`, `tls 3389: other`.
    pub(super) sources: Vec<String>,
    /// Whether somebody of weight says something else.
    pub(super) is_contested: bool,
}

/// Lets the strongest win; among equals the one that more say, then the longer text, then the first in order.
///
/// Two that agree and are likely make it sure, two guesses make it likely. Somebody who is at least likely to be
/// right and says something else takes a step away.
pub(super) fn settle<T>(
    said: &[Said<T>],
    agrees: impl Fn(&T, &T) -> bool,
    text: impl Fn(&T) -> &str,
) -> Option<Settled<'_, T>> {
    let sources_of = |what: &T| {
        let same = said.iter().filter(|one| agrees(&one.what, what));
        sources(same).len()
    };
    let best = said.iter().max_by_key(|one| {
        let text = text(&one.what);
        (
            one.weight,
            sources_of(&one.what),
            text.len(),
            std::cmp::Reverse(text),
        )
    })?;
    let (with, against): (Vec<_>, Vec<_>) =
        said.iter().partition(|one| agrees(&one.what, &best.what));
    let with_sources = sources(with.iter().copied());
    // What contradicts itself in one breath is two names of one thing.
    let against = against
        .into_iter()
        .filter(|one| !with_sources.contains(one.source.as_str()))
        .collect::<Vec<_>>();
    // Nor does it contradict to call it by the other of the two.
    let is_alias = |what: &T| {
        let names = said.iter();
        let mut names = names.filter(|one| with_sources.contains(one.source.as_str()));
        names.any(|one| agrees(&one.what, what))
    };
    let is_contested = against
        .iter()
        .any(|one| one.weight.certainty() >= Certainty::Likely && !is_alias(&one.what));
    let certainty = together(best.weight, &with);
    let dissent = against
        .iter()
        .map(|one| format!("{}: {}", one.source, text(&one.what)));
    let listed = with_sources.iter().map(|one| (*one).to_owned());
    let listed = listed.chain(dissent).collect::<BTreeSet<_>>();
    Some(Settled {
        best: &best.what,
        certainty: if is_contested {
            lower(certainty)
        } else {
            certainty
        },
        sources: listed.into_iter().collect(),
        is_contested,
    })
}

/// Who says it, each once.
fn sources<'a, T: 'a>(said: impl Iterator<Item = &'a Said<T>>) -> BTreeSet<&'a str> {
    said.map(|one| one.source.as_str()).collect()
}

/// How sure it is that all of these are right, the best of whom has this weight.
fn together<T>(best: Weight, with: &[&Said<T>]) -> Certainty {
    let likely = with.iter().copied();
    let likely = likely.filter(|one| one.weight.certainty() >= Certainty::Likely);
    match best.certainty() {
        Certainty::Guess if sources(with.iter().copied()).len() > 1 => Certainty::Likely,
        Certainty::Likely if sources(likely).len() > 1 => Certainty::Sure,
        certainty => certainty,
    }
}

/// A claim of plain texts, which agree where `key` makes them equal.
pub(super) fn claim(said: &[Said<String>], key: impl Fn(&str) -> String) -> Option<Claim> {
    let settled = settle(said, |one, other| key(one) == key(other), String::as_str)?;
    Some(Claim {
        value: settled.best.clone(),
        certainty: settled.certainty,
        sources: settled.sources,
    })
}

/// A step less; a guess stays one, for something is still claimed.
pub(super) fn lower(certainty: Certainty) -> Certainty {
    match certainty {
        Certainty::Sure => Certainty::Likely,
        Certainty::Likely | Certainty::Guess => Certainty::Guess,
        Certainty::None => Certainty::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(said: &[(&str, u8, &str)]) -> String {
        let said = said.iter().map(|(what, weight, source)| Said {
            what: (*what).to_owned(),
            weight: Weight(*weight),
            source: (*source).to_owned(),
        });
        let said = said.collect::<Vec<_>>();
        claim(&said, str::to_lowercase).map_or(String::new(), |claim| {
            format!(
                "{} {} {}",
                claim.value,
                claim.certainty.as_str(),
                claim.sources.join("|")
            )
        })
    }

    #[test]
    fn the_stronger_wins_and_a_likely_dissenter_takes_a_step() {
        assert_eq!(judged(&[]), "");
        assert_eq!(
            judged(&[("a", 9, "ntlm"), ("A", 2, "ptr")]),
            "a sure ntlm|ptr"
        );
        assert_eq!(
            judged(&[("b", 5, "tls"), ("a", 9, "ntlm")]),
            "a likely ntlm|tls: b"
        );
        assert_eq!(
            judged(&[("b", 2, "ptr"), ("a", 9, "ntlm")]),
            "a sure ntlm|ptr: b"
        );
        assert_eq!(judged(&[("b", 5, "x"), ("a", 5, "y")]), "a guess x: b|y");
    }

    #[test]
    fn another_name_of_the_same_thing_is_no_contradiction() {
        let said = [("a", 9, "ntlm"), ("b", 8, "ntlm"), ("b", 5, "nbstat")];
        assert_eq!(judged(&said), "a sure nbstat: b|ntlm");
    }

    #[test]
    fn several_that_agree_are_surer_than_one() {
        assert_eq!(judged(&[("a", 5, "x"), ("a", 4, "y")]), "a sure x|y");
        assert_eq!(judged(&[("a", 5, "x"), ("a", 5, "x")]), "a likely x");
        assert_eq!(judged(&[("a", 5, "x"), ("a", 2, "y")]), "a likely x|y");
        assert_eq!(judged(&[("a", 1, "x"), ("a", 2, "y")]), "a likely x|y");
        assert_eq!(
            judged(&[("b", 5, "w"), ("a", 5, "x"), ("a", 5, "y")]),
            "a likely w: b|x|y"
        );
    }
}
