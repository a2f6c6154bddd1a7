//! What `fuzz/` reaches of what is private: only there when fuzzing.

use super::winrm::answered;
use super::{Answers, Limits, QuestionSet};
use tokio::runtime::Builder;

/// Asks a set of questions of a WinRM service that gives these answers in order, whatever it is asked, and then
/// none: status and body. The body's `RELATES` becomes the message that it answers.
pub fn ask_over_winrm(set: &QuestionSet, answers: Vec<(u16, Vec<u8>)>) -> Option<Answers> {
    let runtime = Builder::new_current_thread().enable_time().build().ok()?;
    runtime.block_on(async {
        let mut session = answered(answers);
        let asked = session.ask(set, &Limits::default()).await;
        session.close().await;
        asked.ok()
    })
}
