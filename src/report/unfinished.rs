//! A run that did not do all that it was to do: that is said before anything else.

use super::for_terminal;
use crate::model::{RunState, RunSummary};

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
