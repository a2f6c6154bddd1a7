//! The questions to a Unix, in every shell that is here.

use std::io::Write as _;
use std::process::{Command, Stdio};
use underdesk::collect::{self, UNIX, UNIX_PRIVILEGED};
use underdesk::session::{Answers, Limits, Nonce, QuestionSet};

/// Shells that may be `sh` on a host, and how they are told to be one.
const SHELLS: &[&[&str]] = &[
    &["sh"],
    &["dash"],
    &["bash", "--posix"],
    &["busybox", "ash"],
    &["mksh"],
    &["ksh"],
    &["yash"],
    &["zsh", "--emulate", "sh"],
];

/// What changes while we look: what listens, what runs, and what others install meanwhile.
const FLEETING: &[&str] = &["listeners", "stale-files", "history", "package-lists"];

/// What a shell answers to a set; `None` where there is no such shell.
fn ask(shell: &[&str], set: &QuestionSet) -> Option<Answers> {
    let nonce = Nonce::from_bytes([7; 16]);
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let script = set.script(&nonce);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "", "{shell:?}");
    let parsed = set.parse_frames(&nonce, &output.stdout, &Limits::default());
    assert!(parsed.done, "{shell:?}");
    Some(parsed.answers)
}

#[test]
fn every_shell_asks_the_same_and_gets_the_same() {
    for set in [&UNIX, &UNIX_PRIVILEGED] {
        every_shell_asks(set);
    }
}

fn every_shell_asks(set: &QuestionSet) {
    let reference = ask(SHELLS[0], set).unwrap();
    for shell in &SHELLS[1..] {
        let Some(answers) = ask(shell, set) else {
            continue;
        };
        for question in set.questions {
            let reply = answers.reply(question.id).unwrap();
            assert!(
                [0, 120, 121].contains(&reply.exit),
                "{shell:?} {}",
                question.id
            );
            if !FLEETING.contains(&question.id) {
                assert_eq!(
                    Some(reply),
                    reference.reply(question.id),
                    "{shell:?} {}",
                    question.id
                );
            }
        }
    }
}

#[test]
fn this_machine_can_be_read() {
    let answers = ask(SHELLS[0], &UNIX).unwrap();
    let inventory = collect::read(&UNIX, &answers).unwrap();
    assert!(inventory.platform.kernel.running.is_some());
}
