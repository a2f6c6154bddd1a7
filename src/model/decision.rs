//! What the operator's policy makes of a finding.

use super::{Annotation, Date, Drift, ExceptionId, Severity, WorkStatus};

/// What the operator's policy makes of one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// How bad it is by the policy; without a rule that says so, [`super::Finding::rating`]. `None` where
    /// nobody states it.
    pub my_severity: Option<Severity>,
    /// The ids of what in the policy decided, joined by `; `: a rule, a row of a preset. Empty for nothing.
    pub rule: String,
    /// The last day (UTC) on which fixing it is in time; `None` where the policy allows it any time, or nobody
    /// can fix it.
    pub due: Option<Date>,
    /// Days from the day that is judged to `due`; negative when it is overdue.
    pub days_left: Option<i64>,
    /// Its place among the open and undecided findings of the run, from 1; `None` for a closed one.
    pub rank: Option<u64>,
    /// The exception that holds for it.
    pub exception: Option<ExceptionId>,
    /// The last day (UTC) on which that exception holds.
    pub until: Option<Date>,
    /// What people wrote about it.
    pub annotation: Option<Annotation>,
}

impl Decision {
    /// Who sees to it, as people wrote.
    pub fn owner(&self) -> Option<&str> {
        self.annotation.as_ref()?.owner.as_deref()
    }

    /// How far the work is, as people wrote.
    pub fn status(&self) -> Option<WorkStatus> {
        self.annotation.as_ref()?.status
    }

    /// Whether it should have been fixed by now, and nobody was allowed to leave it.
    pub fn is_overdue(&self) -> bool {
        self.exception.is_none() && self.days_left.is_some_and(|days| days < 0)
    }
}

/// What the policy makes of a machine and its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Whether the policy allows days at all: without, nothing overdue says nothing.
    pub has_due_dates: bool,
    /// One for each finding, in the same order.
    pub decisions: Vec<Decision>,
    /// How it stands to the baselines that are for it: a row for each of their rules.
    pub drift: Vec<Drift>,
}
