//! The rules that say how bad something is here.

use super::machine::{HostPattern, MachineFacts};
use crate::classify::glob::Pattern;
use crate::model::{Epss, Finding, FindingState, Severity};

/// One `[[severity]]` of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityRule {
    /// Its name.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it does.
    pub effect: Effect,
    /// What it is about; all that is given must hold.
    pub(super) when: When,
}

/// What a rule does with a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is this one.
    Set(Severity),
    /// It is so many steps worse, at most critical.
    Raise(u8),
    /// It is so many steps better, at least low.
    Lower(u8),
}

/// What a rule is about. Of a list, one is enough; an empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct When {
    pub(super) bulletins: Vec<Pattern>,
    pub(super) products: Vec<Pattern>,
    pub(super) tags: Vec<Pattern>,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) states: Vec<FindingState>,
    pub(super) vendor: Vec<Severity>,
    pub(super) kev: Option<bool>,
    pub(super) epss_at_least: Option<Epss>,
    pub(super) cvss_at_least: Option<u8>,
    pub(super) impacts: Vec<&'static str>,
    pub(super) cwes: Vec<Pattern>,
}

/// The severities, by steps.
const STEPS: [Severity; 4] = [
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

impl Effect {
    /// What becomes of a severity. One that nobody stated cannot be raised or lowered, and stays unstated.
    pub fn on(self, stated: Option<Severity>) -> Option<Severity> {
        let step = |stated: Severity| {
            let place = STEPS.iter().position(|one| *one == stated);
            place.unwrap_or_default()
        };
        let at = |place: usize| STEPS.get(place.min(STEPS.len() - 1)).copied();
        match self {
            Self::Set(severity) => Some(severity),
            // The worst of all that is no problem is low.
            Self::Raise(by) if stated == Some(Severity::Negligible) => {
                at(usize::from(by).saturating_sub(1))
            }
            Self::Raise(by) => at(step(stated?).saturating_add(by.into())),
            Self::Lower(_) if stated == Some(Severity::Negligible) => stated,
            Self::Lower(by) => at(step(stated?).saturating_sub(by.into())),
        }
    }

    /// In words: `set to high`.
    pub fn in_words(self) -> String {
        let steps = |by: u8| if by == 1 { "step" } else { "steps" };
        match self {
            Self::Set(severity) => format!("set to {}", severity.as_str()),
            Self::Raise(by) => format!("raised by {by} {}", steps(by)),
            Self::Lower(by) => format!("lowered by {by} {}", steps(by)),
        }
    }
}

impl SeverityRule {
    /// Whether a finding on a machine is meant.
    pub fn fits(&self, finding: &Finding, facts: &MachineFacts<'_>) -> bool {
        self.when.fits(finding, facts)
    }
}

impl When {
    /// Whether it asks for nothing: then it would be about everything.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fits(&self, finding: &Finding, facts: &MachineFacts<'_>) -> bool {
        // The cheap questions first.
        let is_exploited = finding.is_exploited() == Some(true);
        asks(&self.states, |state| *state == finding.state)
            && asks(&self.vendor, |severity| Some(*severity) == finding.severity)
            && self.kev.is_none_or(|wanted| wanted == is_exploited)
            && self
                .epss_at_least
                .is_none_or(|least| finding.epss.is_some_and(|epss| epss >= least))
            && self
                .cvss_at_least
                .is_none_or(|least| finding.cvss_tenths.is_some_and(|cvss| cvss >= least))
            && asks(&self.impacts, |one| {
                finding.impacts.iter().any(|word| word == one)
            })
            && asks(&self.cwes, |one| {
                finding.cwes.iter().any(|cwe| one.fits(cwe))
            })
            && asks(&self.products, |one| one.fits(&finding.product))
            && asks(&self.bulletins, |one| is_about(one, finding))
            && asks(&self.tags, |one| facts.tags().any(|tag| one.fits(tag)))
            && asks(&self.hosts, |one| one.fits(facts))
    }
}

fn asks<T>(wanted: &[T], holds: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

/// Whether a text names the bulletin, one of its CVEs, or the update that closes it; `*` is any text.
pub fn names_bulletin(text: &str, finding: &Finding) -> bool {
    is_about(&Pattern::new(text), finding)
}

/// Whether a pattern names the bulletin, one of its CVEs, or the update that closes it.
pub(super) fn is_about(pattern: &Pattern, finding: &Finding) -> bool {
    let update = finding.remedy.as_ref().map(|remedy| remedy.update.as_str());
    let mut names = finding.cves.iter().map(String::as_str).chain(update);
    pattern.fits(finding.bulletin.as_str()) || names.any(|name| pattern.fits(name))
}
