//! What `fuzz/` reaches of what is private: only there when fuzzing.

use super::ssh::greet;
use super::winrm::{self, answered};
use super::{Answers, Limits, QuestionSet, pam};
use tokio::runtime::{Builder, Runtime};

/// Asks a set of questions of a WinRM service that gives these answers in order, whatever it is asked, and then
/// none: status and body. The body's `RELATES` becomes the message that it answers.
pub fn ask_over_winrm(set: &QuestionSet, answers: Vec<(u16, Vec<u8>)>) -> Option<Answers> {
    runtime()?.block_on(async {
        let mut session = answered(answers);
        let asked = session.ask(set, &Limits::default()).await;
        session.close().await;
        asked.ok()
    })
}

/// Reads the same bytes as everything that a peer says before anybody is logged in.
pub fn hear(bytes: &[u8]) {
    winrm::hear(bytes);
    let _ = pam::read(&String::from_utf8_lossy(bytes));
    if let Some(runtime) = runtime() {
        let _ = runtime.block_on(greet(bytes));
    }
}

fn runtime() -> Option<Runtime> {
    Builder::new_current_thread().enable_time().build().ok()
}
