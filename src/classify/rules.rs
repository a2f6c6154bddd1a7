//! The operator's word on who is one machine: `merge.toml`.

use crate::identify::{read_mac, write_mac};
use serde::Deserialize;
use std::net::IpAddr;
use toml::Spanned;

/// Who is one machine, and who is not, whatever the evidence says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeRules {
    /// The rules, in the file's order, those of one machine first.
    pub rules: Vec<MergeRule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRule {
    /// Whether those named are one machine; else they are that many.
    pub is_same: bool,
    /// Whom it names: at least two.
    pub machines: Vec<Named>,
    /// Why.
    pub reason: String,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// A machine, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its machine id: `m-0123456789ab`.
    Id(String),
    /// By an address at which it was met, or that a list has for it.
    Address(IpAddr),
    /// By a hardware address, `aa:bb:cc:dd:ee:ff`.
    Mac(String),
    /// By a short or full name, a serial number or a uuid: lower case.
    Word(String),
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// They are not written as they should be.
    #[error("line {line}: {problem}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl MergeRules {
    /// Reads `merge.toml`: `[[same]]` and `[[apart]]`, each with `machines` and `reason`.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let file: File = toml::from_str(text).map_err(|error| RulesError::Malformed {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        let same = file.same.into_iter().map(|entry| (true, entry));
        let apart = file.apart.into_iter().map(|entry| (false, entry));
        let rules = same.chain(apart).map(|(is_same, entry)| {
            let line = line_at(text, entry.span().start);
            rule(is_same, entry.get_ref(), line)
        });
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { rules })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    same: Vec<Spanned<Entry>>,
    #[serde(default)]
    apart: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    machines: Vec<String>,
    #[serde(default)]
    reason: String,
}

fn rule(is_same: bool, entry: &Entry, line: usize) -> Result<MergeRule, RulesError> {
    let problem = |problem: &str| RulesError::Malformed {
        line,
        problem: problem.to_owned(),
    };
    let machines = entry.machines.iter().map(|text| named(text));
    let Some(machines) = machines.collect::<Option<Vec<_>>>() else {
        return Err(problem(
            "an empty text names no machine: give an id, a name, an address, a hardware address, a serial number or a uuid",
        ));
    };
    if machines.len() < 2 {
        return Err(problem("machines needs at least two texts"));
    }
    Ok(MergeRule {
        is_same,
        machines,
        reason: entry.reason.trim().to_owned(),
        line,
    })
}

fn named(text: &str) -> Option<Named> {
    let text = text.trim();
    let is_id = |text: &str| {
        let digits = text.strip_prefix("m-");
        digits.is_some_and(|digits| {
            digits.len() == 12 && digits.chars().all(|one| one.is_ascii_hexdigit())
        })
    };
    let looks_like_mac = text.contains([':', '-', '.']);
    if text.is_empty() {
        None
    } else if is_id(text) {
        Some(Named::Id(text.to_owned()))
    } else if let Ok(address) = text.parse::<IpAddr>() {
        Some(Named::Address(address))
    } else if let Some(mac) = read_mac(text).filter(|_| looks_like_mac) {
        Some(Named::Mac(write_mac(mac)))
    } else {
        Some(Named::Word(text.trim_end_matches('.').to_lowercase()))
    }
}

/// The line of a place in a text, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before
        .filter(|byte| *byte == b'\n')
        .count()
        .saturating_add(1)
}
