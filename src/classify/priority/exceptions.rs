//! Which exception holds for a finding.

use super::machine::{HostPattern, MachineFacts};
use super::rules::is_about;
use crate::classify::glob::Pattern;
use crate::model::{Date, Exception, ExceptionCount, ExceptionState, Finding};

/// The exceptions of a site, as a day sees them. They count what they are about as it goes by.
#[derive(Debug, Default)]
pub struct Exceptions {
    all: Vec<Prepared>,
}

/// How the id of what could not be judged begins.
const UNJUDGED: &str = "unknown:";

#[derive(Debug)]
struct Prepared {
    exception: Exception,
    bulletin: Option<Pattern>,
    hosts: Option<HostPattern>,
    tag: Option<Pattern>,
    has_ended: bool,
    findings: u64,
    other_version: u64,
}

impl Exceptions {
    /// Prepares them. Of several that hold the one that was granted first counts.
    pub fn new(mut exceptions: Vec<Exception>, today: Date) -> Self {
        exceptions.sort_by(|one, other| (one.granted, &one.id).cmp(&(other.granted, &other.id)));
        let all = exceptions.into_iter().map(|exception| Prepared {
            bulletin: exception.scope.bulletin.as_deref().map(Pattern::new),
            hosts: exception.scope.host.as_deref().and_then(HostPattern::parse),
            tag: exception.scope.tag.as_deref().map(Pattern::new),
            has_ended: exception.until < today || exception.taken_back.is_some(),
            findings: 0,
            other_version: 0,
            exception,
        });
        Self { all: all.collect() }
    }

    /// The exception that holds for a finding.
    pub fn holding(&self, finding: &Finding, facts: &MachineFacts<'_>) -> Option<&Exception> {
        self.all_holding(finding, facts).next()
    }

    /// All exceptions that hold for a finding, the one that counts first.
    pub fn all_holding(
        &self,
        finding: &Finding,
        facts: &MachineFacts<'_>,
    ) -> impl Iterator<Item = &Exception> {
        let holds = |one: &&Prepared| {
            !one.has_ended && one.is_about(finding, facts) && one.is_for_version(finding)
        };
        let holding = self.all.iter().filter(holds);
        holding.map(|one| &one.exception)
    }

    /// Whether any of them, ended or not, is about a finding, whichever version is installed.
    pub fn are_about(&self, finding: &Finding, facts: &MachineFacts<'_>) -> bool {
        self.all.iter().any(|one| one.is_about(finding, facts))
    }

    /// Counts a finding with all exceptions that are about it.
    pub fn count(&mut self, finding: &Finding, facts: &MachineFacts<'_>) {
        for one in &mut self.all {
            if !one.is_about(finding, facts) {
                continue;
            }
            if one.is_for_version(finding) {
                one.findings += 1;
            } else {
                one.other_version += 1;
            }
        }
    }

    /// How each stands, by what was counted; in the order in which they were granted.
    pub fn counts(&self) -> Vec<ExceptionCount> {
        let counts = self.all.iter().map(|one| ExceptionCount {
            state: one.state(),
            exception: one.exception.clone(),
            findings: one.findings,
            other_version: one.other_version,
        });
        counts.collect()
    }
}

impl Prepared {
    fn is_about(&self, finding: &Finding, facts: &MachineFacts<'_>) -> bool {
        let scope = &self.exception.scope;
        if finding.state.is_closed() {
            return false;
        }
        self.bulletin
            .as_ref()
            .is_none_or(|pattern| is_about(pattern, finding))
            && self.may_cover(finding)
            && scope
                .finding
                .as_ref()
                .is_none_or(|id| facts.finding_ids(finding).any(|own| own == *id))
            // A word for hosts that does not read any more means nobody.
            && (scope.host.is_none() || self.hosts.as_ref().is_some_and(|one| one.fits(facts)))
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| facts.tags().any(|one| tag.fits(one)))
    }

    /// Whether somebody can have meant it: that nobody knows what a machine lacks is no flaw that may stay. Where it is
    /// named it is meant.
    fn may_cover(&self, finding: &Finding) -> bool {
        let named = self.exception.scope.bulletin.as_deref();
        !finding.leaves_machine_unjudged() || named.is_none_or(|text| text.starts_with(UNJUDGED))
    }

    fn is_for_version(&self, finding: &Finding) -> bool {
        self.exception.versions.contains(&finding.installed)
    }

    fn state(&self) -> ExceptionState {
        match (self.has_ended, self.findings, self.other_version) {
            (true, ..) => ExceptionState::Expired,
            (_, 1.., _) => ExceptionState::Active,
            (_, 0, 1..) => ExceptionState::VersionChanged,
            (_, 0, 0) => ExceptionState::Unused,
        }
    }
}
