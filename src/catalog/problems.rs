//! What was wrong with documents, by kind: every problem is counted, and as many are described as
//! somebody can read.

use std::collections::{BTreeMap, HashSet};

/// The most kinds that are told apart. A document that makes up more is hostile.
const MOST_KINDS: usize = 100;
/// The most problems of one kind that are described for one path.
const MOST_EXAMPLES: usize = 100;
/// How many of one kind an import itself shows.
const MOST_SHOWN: usize = 3;
/// All kinds beyond [`MOST_KINDS`].
const OTHERS: &str = "other problems";

/// What was wrong with the documents of one path.
#[derive(Debug, Default)]
pub(super) struct Problems {
    counts: BTreeMap<String, u64>,
    examples: BTreeMap<String, Examples>,
}

#[derive(Debug, Default)]
struct Examples {
    lines: Vec<String>,
    /// What they say, without the place and the record.
    said: HashSet<String>,
}

impl Problems {
    /// Adds what was wrong with one document, and how much of each kind.
    pub(super) fn add(&mut self, place: &str, lines: Vec<String>, counts: BTreeMap<String, u64>) {
        for (kind, number) in counts {
            count(&mut self.counts, &kind, number);
        }
        for line in lines {
            self.describe(
                &kind_of_line(&line),
                what(&line),
                format!("{place}: {line}"),
            );
        }
    }

    /// Adds a problem that is no record's.
    pub(super) fn note(&mut self, kind: &str, line: &str) {
        count(&mut self.counts, kind, 1);
        self.describe(kind, line, line.to_owned());
    }

    fn describe(&mut self, kind: &str, what: &str, line: String) {
        let is_counted = self.counts.contains_key(kind);
        let kind = if is_counted { kind } else { OTHERS };
        let examples = self.examples.entry(kind.to_owned()).or_default();
        if examples.lines.len() < MOST_EXAMPLES && examples.said.insert(what.to_owned()) {
            examples.lines.push(line);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// One of them.
    pub(super) fn first(&self) -> Option<&str> {
        let mut lines = self.examples.values().flat_map(|examples| &examples.lines);
        lines.next().map(String::as_str)
    }

    /// All that is known of them, one a line: each kind with its count, then what is described.
    pub(super) fn lines(&self) -> Vec<String> {
        self.each(MOST_EXAMPLES, |number, kind, shown| {
            (number > 1).then(|| match u64::try_from(shown) {
                Ok(shown) if shown < number => format!("{number} times: {kind}; for instance"),
                _ => format!("{number} times: {kind}"),
            })
        })
    }

    /// The first of each kind, and how many more there are.
    pub(super) fn summary(&self) -> Vec<String> {
        self.each(MOST_SHOWN, |number, kind, shown| {
            let is_all = u64::try_from(shown).is_ok_and(|shown| shown >= number);
            (!is_all).then(|| format!("{number} times: {kind}; for instance"))
        })
    }

    fn each(
        &self,
        most: usize,
        header: impl Fn(u64, &str, usize) -> Option<String>,
    ) -> Vec<String> {
        let mut counts: Vec<(&String, u64)> =
            self.counts.iter().map(|(kind, n)| (kind, *n)).collect();
        counts.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        let mut lines = Vec::new();
        for (kind, number) in counts {
            let examples = self.examples.get(kind).map_or(&[][..], |one| &one.lines);
            let shown = examples.get(..most).unwrap_or(examples);
            let header = header(number, kind, shown.len());
            let indent = if header.is_some() { "  " } else { "" };
            lines.extend(header);
            lines.extend(
                shown
                    .iter()
                    .map(|line| format!("{indent}{}", one_line(line))),
            );
        }
        lines
    }
}

/// Adds to the count of a kind. Whether that kind has a count of its own.
pub(super) fn count(counts: &mut BTreeMap<String, u64>, kind: &str, number: u64) -> bool {
    let has_own = counts.contains_key(kind) || counts.len() < MOST_KINDS;
    let kind = if has_own { kind } else { OTHERS };
    *counts.entry(kind.to_owned()).or_default() += number;
    has_own
}

/// The kind of a problem: its words, without what stands in quotes and without numbers.
pub(super) fn kind(what: &str) -> String {
    let mut kind = String::new();
    let mut rest = what.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '`' | '"' => {
                kind.push(char);
                kind.push('…');
                kind.extend(rest.by_ref().find(|end| *end == char));
            }
            '0'..='9' => {
                kind.push('0');
                while rest.next_if(char::is_ascii_digit).is_some() {}
            }
            _ => kind.push(char),
        }
    }
    kind
}

/// The kind of a problem that is described as `record RECORD: WHAT`.
pub(super) fn kind_of_line(line: &str) -> String {
    kind(what(line))
}

fn what(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(_, what)| what)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_is_the_same_of_all_its_problems() {
        assert_eq!(
            kind("FixedBuild `1.x` is no build"),
            "FixedBuild `…` is no build"
        );
        assert_eq!(
            kind("invalid type: string \"a\", expected u8 at line 12 column 3"),
            "invalid type: string \"…\", expected u0 at line 0 column 0"
        );
        assert_eq!(kind("an unclosed `quote"), "an unclosed `…");
    }

    #[test]
    fn every_problem_is_counted_and_equal_ones_are_described_once() {
        let mut problems = Problems::default();
        let line =
            |cve: &str, build: &str| format!("record {cve}: FixedBuild `{build}` is no build");
        let counts = |n| BTreeMap::from([("FixedBuild `…` is no build".to_owned(), n)]);
        problems.add(
            "a.xml",
            vec![line("CVE-1", "x"), line("CVE-2", "y")],
            counts(7),
        );
        problems.add("b.xml", vec![line("CVE-3", "x")], counts(1));
        problems.note("left out", "c.txt: left out");
        let expected = [
            "8 times: FixedBuild `…` is no build; for instance",
            "  a.xml: record CVE-1: FixedBuild `x` is no build",
            "  a.xml: record CVE-2: FixedBuild `y` is no build",
            "c.txt: left out",
        ];
        assert_eq!(problems.lines(), expected);
        assert_eq!(problems.summary(), expected);
    }

    #[test]
    fn a_document_that_makes_up_kinds_fills_no_memory() {
        let mut counts = BTreeMap::new();
        for number in 0..10_000 {
            let word: String = "x".repeat(number);
            count(&mut counts, &word, 1);
        }
        assert_eq!(counts.len(), MOST_KINDS + 1);
        assert_eq!(counts.values().sum::<u64>(), 10_000);
    }
}
