//! The last resort, where `reg` and WMI are refused: PowerShell, which may still read the registry.

use super::ask::{Named, Round};

/// Asks what is left; returns what is still left then.
pub(super) async fn ask(_round: &mut Round<'_>, questions: Vec<Named>) -> Vec<Named> {
    questions
}
