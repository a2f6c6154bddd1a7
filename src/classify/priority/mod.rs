//! How findings are weighed by the operator's policy: how bad, how soon, and which first.
//!
//! Of the `[[severity]]` rules the first that fits decides, as in a firewall. A date is the earliest of all that
//! the policy asks for. Days are UTC days.

mod allowance;
mod annotations;
mod bod;
mod exceptions;
mod explain;
mod machine;
mod rank;
mod rules;
#[cfg(test)]
mod tests;
mod written;

pub use allowance::{Allowance, Calendar};
pub use annotations::Annotations;
pub use bod::{Assumed, Preset};
pub use exceptions::Exceptions;
pub use explain::explain;
pub use machine::{HostPattern, MachineFacts, NamePattern};
pub use rank::{Places, RankKey, Ranks};
pub use rules::{Effect, SeverityRule, names_bulletin};
pub(super) use written::{DueText, RuleText, Words, patterns, words};

use crate::model::{Annotation, Date, Decision, Finding, FindingState, Severity};
use std::collections::BTreeMap;

/// What `policy_rule` says where people wrote themselves how bad something is.
pub(super) const SPREADSHEET: &str = "spreadsheet";

/// How findings are weighed, and how soon they are to be fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// The rules, in the file's order: the first that fits decides.
    pub rules: Vec<SeverityRule>,
    /// How soon; `None` where the policy does not say.
    pub due: Option<Due>,
}

/// How soon findings are to be fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// By severity; `None` is what nobody rates. What is not here has time.
    pub allowed: BTreeMap<Option<Severity>, Allowance>,
    /// Which days count.
    pub calendar: Calendar,
    /// Whether CISA's date for an exploited flaw counts where it is earlier.
    pub follows_kev: bool,
    /// A published table that is followed.
    pub preset: Option<Preset>,
}

/// What is weighed.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The machine it is on.
    pub facts: &'a MachineFacts<'a>,
    /// The day that sees it.
    today: Date,
    /// What people wrote about it.
    pub annotation: Option<&'a Annotation>,
}

impl<'a> Subject<'a> {
    /// A finding of a machine, as a day sees it.
    pub fn new(finding: &'a Finding, facts: &'a MachineFacts<'a>, today: Date) -> Self {
        Self {
            finding,
            facts,
            today,
            annotation: None,
        }
    }

    /// The day on which a run first saw it there; what no run remembers was first seen on the day that sees it. It
    /// is looked up where days are counted, and nowhere else.
    pub fn first_seen(&self) -> Date {
        let (finding, machine) = (self.finding, self.facts.machine());
        let first = machine.finding_first_seen(&finding.product, &finding.bulletin);
        first.unwrap_or(self.today)
    }

    /// The same with what people wrote about it.
    #[must_use]
    pub fn with(self, annotation: Option<&'a Annotation>) -> Self {
        Self { annotation, ..self }
    }

    /// How bad people say that it is here, over all rules.
    fn written_severity(&self) -> Option<Severity> {
        self.annotation.and_then(|written| written.my_severity)
    }
}

/// The dates that a policy has for a finding, each for its own reason.
#[derive(Clone, Copy, Debug, Default)]
struct Dates {
    severity: Option<Date>,
    preset: Option<Date>,
    kev: Option<Date>,
}

impl Dates {
    fn earliest(self) -> Option<Date> {
        let all = [self.severity, self.preset, self.kev];
        all.into_iter().flatten().min()
    }

    /// Whether CISA's date is the earliest, and no other is as early.
    fn is_by_kev(self) -> bool {
        let own = [self.severity, self.preset];
        let own = own.into_iter().flatten().min();
        self.kev.is_some_and(|kev| own.is_none_or(|own| kev < own))
    }
}

/// What the policy makes of a finding on a day. Its place among the others is not known yet, nor whether an
/// exception holds.
pub fn decide(measures: &Measures, subject: &Subject<'_>, today: Date) -> Decision {
    let Subject { finding, facts, .. } = subject;
    let annotation = subject.annotation.cloned();
    if finding.state.is_closed() {
        return Decision {
            annotation,
            ..Decision::default()
        };
    }
    let (my_severity, by) = weigh(measures, subject);
    let mut by: Vec<String> = by.into_iter().collect();
    let timed = measures
        .due
        .as_ref()
        .filter(|_| can_be_fixed(finding.state));
    let dates = timed.map(|due| {
        if let Some(preset) = due.preset {
            let row = preset.timeline(finding, facts).row;
            by.push(format!("{} row {row}", bod::NAME));
        }
        due.dates(subject, my_severity, today)
    });
    let dates = dates.unwrap_or_default();
    if dates.is_by_kev() {
        by.push("kev due date".to_owned());
    }
    let due = dates.earliest();
    Decision {
        my_severity,
        rule: by.join("; "),
        due,
        days_left: due.map(|due| today.days_until(due)),
        rank: None,
        exception: None,
        until: None,
        annotation,
    }
}

/// How bad a finding is, and what says so: what people wrote about it, else the first rule that fits, else its
/// publisher.
fn weigh(measures: &Measures, subject: &Subject<'_>) -> (Option<Severity>, Option<String>) {
    let Subject { finding, facts, .. } = subject;
    if let Some(written) = subject.written_severity() {
        return (Some(written), Some(SPREADSHEET.to_owned()));
    }
    let rule = measures.rules.iter().find(|rule| rule.fits(finding, facts));
    let stated = finding.rating();
    match rule {
        Some(rule) => (rule.effect.on(stated), Some(rule.id.clone())),
        None => (stated, None),
    }
}

/// The rules that are about a finding, by their places: the first of them decides.
pub fn rules_that_fit(
    measures: &Measures,
    finding: &Finding,
    facts: &MachineFacts<'_>,
) -> Vec<usize> {
    let rules = measures.rules.iter().enumerate();
    let fitting = rules.filter(|(_, rule)| rule.fits(finding, facts));
    fitting.map(|(place, _)| place).collect()
}

/// Whether somebody can do something about it: what has no fix, and what nobody knows, has no date.
fn can_be_fixed(state: FindingState) -> bool {
    matches!(
        state,
        FindingState::Missing
            | FindingState::MissingNeedsSubscription
            | FindingState::PendingReboot
            | FindingState::Inconsistent
            | FindingState::EndOfLife
    )
}

/// From which day on days are counted. A first day that is yet to come is a clock that was wrong: nothing is put
/// off by it.
fn counted_from(subject: &Subject<'_>, today: Date) -> Date {
    subject.first_seen().min(today)
}

impl Due {
    fn dates(&self, subject: &Subject<'_>, severity: Option<Severity>, today: Date) -> Dates {
        let from = counted_from(subject, today);
        let of_severity = self.allowed.get(&severity);
        let preset = self
            .preset
            .and_then(|preset| preset.timeline(subject.finding, subject.facts).allowed);
        Dates {
            severity: of_severity.map(|allowed| self.calendar.due(from, *allowed)),
            preset: preset.map(|allowed| self.calendar.due(from, allowed)),
            kev: subject.finding.kev_due.filter(|_| self.follows_kev),
        }
    }
}
