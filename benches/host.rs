//! What a host's own time is: the questions to a Unix, asked by `sh` on this machine.
//!
//! The goal is 0.3 s on a Debian with 800 packages; a login is not in it. `dpkg-query -W | wc -l` tells
//! how many there are here.

#![expect(
    clippy::unwrap_used,
    reason = "a bench may stop at what it did not expect"
)]

use divan::Bencher;
use std::io::Write as _;
use std::process::{Command, Stdio};
use underdesk::collect::{UNIX, UNIX_PRIVILEGED};
use underdesk::session::{Limits, Nonce, QuestionSet};

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn the_first_set(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| ask(&UNIX));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn the_set_for_root(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| ask(&UNIX_PRIVILEGED));
}

/// One exchange, as a session would have it; the bytes that come back.
fn ask(set: &QuestionSet) -> usize {
    let nonce = Nonce::from_bytes([7; 16]);
    let mut shell = Command::new("sh")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    stdin.write_all(set.script(&nonce).as_bytes()).unwrap();
    drop(stdin);
    let output = shell.wait_with_output().unwrap();
    let parsed = set.parse_frames(&nonce, &output.stdout, &Limits::default());
    assert!(parsed.done, "the shell ended early");
    output.stdout.len()
}
