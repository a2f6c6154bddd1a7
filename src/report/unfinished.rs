//! A run that did not do all that it was to do: that is said before anything else.

use super::for_terminal;
use crate::model::{RunState, RunSummary, UtcTime};

/// What is to be known of a run that is not complete, before anything of it is believed; `None` of one that is.
pub fn unfinished(run: &RunSummary) -> Option<String> {
    let how = match run.state {
        RunState::Complete => return None,
        RunState::Running => "has not ended: it goes on, or was killed",
        RunState::Interrupted => "was interrupted",
        RunState::CutOff => "was cut off: this machine had no network",
        RunState::SafetyStop => "stopped itself: too many hosts showed changed keys",
    };
    Some(format!(
        "run {} {how}. It is not complete: hosts that it did not come to are not_begun, and nothing is known of them",
        for_terminal(run.id.as_str())
    ))
}

/// What is to be known of the newest run where it began, as it says, later than now: every later one is older than it.
pub fn ahead(run: &RunSummary, now: UtcTime) -> Option<String> {
    /// Seconds by which a clock may have been put right meanwhile.
    const SLACK: i64 = 300;
    let by = run.started.unix().saturating_sub(now.unix());
    (by > SLACK).then(|| {
        format!(
            "run {id} began on {day}, which is yet to come: a clock was wrong, and no run before that day is newer. Name \
             another (underdesk runs list shows them), or remove it: underdesk runs delete {id}",
            id = for_terminal(run.id.as_str()),
            day = run.started.date()
        )
    })
}

/// How to go on with a run that is not complete; `None` of one that is.
pub(super) fn resume(run: &RunSummary) -> Option<String> {
    let first = match run.state {
        RunState::Complete => return None,
        RunState::Running => "Finish the run, unless it still goes on",
        RunState::Interrupted => "Finish the run",
        RunState::CutOff => "Finish the run, when this machine has a network",
        RunState::SafetyStop => "Ask the owners of the changed keys, then finish the run",
    };
    let command = match run.kind.as_str() {
        "verify" => "verify",
        _ => "scan",
    };
    Some(format!(
        "{first}: underdesk {command} --resume {}",
        for_terminal(run.id.as_str())
    ))
}
