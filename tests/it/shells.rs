//! The questions to a Unix, in every shell that is here.

use std::io::Write as _;
use std::process::{Command, Stdio};
use underdesk::collect::{self, UNIX, UNIX_PRIVILEGED};
use underdesk::session::{Answers, Limits, Nonce, Parsed, QuestionSet};

/// Shells that may be `sh` on a host, and how they are told to be one.
const SHELLS: &[&[&str]] = &[
    &["sh", "-s"],
    &["dash", "-s"],
    &["bash", "--posix", "-s"],
    &["busybox", "sh", "-s"],
    &["mksh", "-s"],
    &["ksh", "-s"],
    &["yash", "-s"],
    &["zsh", "--emulate", "sh", "-s"],
];

/// Login shells, as sshd starts them. What they read first at a login is tested with a real sshd.
const LOGIN_SHELLS: &[&[&str]] = &[
    &["bash", "-c", "sh -s"],
    &["dash", "-c", "sh -s"],
    &["zsh", "-c", "sh -s"],
    &["fish", "-c", "sh -s"],
    &["tcsh", "-c", "sh -s"],
    &["ksh", "-c", "sh -s"],
    &["mksh", "-c", "sh -s"],
    &["rbash", "-c", "sh -s"],
    &["busybox", "sh", "-c", "sh -s"],
];

/// What changes while we look: what listens, what runs, and what others install meanwhile.
const FLEETING: &[&str] = &["listeners", "stale-files", "history", "package-lists"];

/// What a shell makes of the script; `None`, and a loud word, where there is no such shell.
fn run(shell: &[&str], set: &QuestionSet) -> Option<(Parsed, String)> {
    let nonce = Nonce::from_bytes([7; 16]);
    let child = Command::new(shell[0])
        .args(&shell[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: {} is not installed", shell[0]);
        return None;
    };
    let script = set.script(&nonce);
    let mut stdin = child.stdin.take().unwrap();
    // A shell that refuses does not read.
    stdin.write_all(script.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let frames = set.parse_frames(&nonce, &output.stdout, &Limits::default());
    Some((frames, errors))
}

fn ask(shell: &[&str], set: &QuestionSet) -> Option<Answers> {
    let (frames, errors) = run(shell, set)?;
    assert_eq!(errors, "", "{shell:?}");
    assert!(frames.done, "{shell:?}");
    Some(frames.answers)
}

fn assert_same_answers(shells: &[&[&str]], set: &QuestionSet) {
    let reference = ask(SHELLS[0], set).unwrap();
    for shell in shells {
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
fn every_shell_asks_the_same_and_gets_the_same() {
    for set in [&UNIX, &UNIX_PRIVILEGED] {
        assert_same_answers(&SHELLS[1..], set);
    }
}

#[test]
fn every_login_shell_lets_sh_ask() {
    assert_same_answers(LOGIN_SHELLS, &UNIX);
}

#[test]
fn a_shell_that_refuses_answers_nothing() {
    let Some((frames, _)) = run(&["/usr/sbin/nologin", "-c", "sh -s"], &UNIX) else {
        return;
    };
    assert!(!frames.done);
}

#[test]
fn this_machine_can_be_read() {
    let answers = ask(SHELLS[0], &UNIX).unwrap();
    let inventory = collect::read(&UNIX, &answers).unwrap();
    assert!(inventory.platform.kernel.running.is_some());
}
