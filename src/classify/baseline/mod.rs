//! What machines of a kind should be: their build, what is installed there and what is not.
//!
//! A verdict has three values. What was not read is never "not installed", and never fine.

mod judge;
#[cfg(test)]
mod tests;
mod written;

pub(super) use written::BaselineText;
pub(super) use written::read;

use super::glob::Pattern;
use super::priority::{HostPattern, MachineFacts};
use crate::model::Drift;

/// One `[[baseline]]` of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Its name.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    who: Who,
    rules: Vec<Rule>,
}

/// Which machines it is for: all that is given must fit, and of a list one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Who {
    roles: Vec<Pattern>,
    tags: Vec<Pattern>,
    hosts: Vec<HostPattern>,
    systems: Vec<Pattern>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// At least this build of a Windows.
    Build(String),
    /// At least this release.
    OsVersion(String),
    /// Something is installed, in at least this version where one is given.
    Required(Name, Option<String>),
    /// Nothing of this name is installed.
    Forbidden(Name),
    /// What of this name is installed has at least this version.
    Minimum(Name, String),
}

/// A pattern for a package or program, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    written: String,
    pattern: Pattern,
}

impl Baseline {
    /// Whether it is for a machine. Of one whose system nobody knows, one for a system is not.
    pub fn fits(&self, facts: &MachineFacts<'_>) -> bool {
        let Who {
            roles,
            tags,
            hosts,
            systems,
        } = &self.who;
        let asks = |wanted: &[Pattern], texts: &[&str]| {
            let fits = |one: &Pattern| texts.iter().any(|text| one.fits(text));
            wanted.is_empty() || wanted.iter().any(fits)
        };
        let own: Vec<&str> = facts.tags().collect();
        let shown: Vec<&str> = own
            .iter()
            .filter_map(|tag| tag.strip_prefix("role="))
            .collect();
        facts.machine().intermediary.is_none()
            && asks(tags, &own)
            && asks(roles, &shown)
            && (hosts.is_empty() || hosts.iter().any(|host| host.fits(facts)))
            && (systems.is_empty() || asks(systems, &judge::systems(facts.machine())))
    }

    /// What each of its rules says of a machine: one row a rule, in the order of the file.
    pub fn judge(&self, facts: &MachineFacts<'_>) -> Vec<Drift> {
        let rules = self.rules.iter();
        rules
            .map(|rule| judge::rule(self, rule, facts.machine()))
            .collect()
    }

    /// How many rules it has.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }
}
