//! Scripts, frames and answers, and what a real shell makes of them.

use super::*;
use crate::model::GapCause;
use proptest::prelude::*;

const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "__greet() { printf 'hello %s' \"$1\"; }",
    questions: &[
        Question {
            id: "greeting",
            ask: Ask::Sh("__greet world"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
        Question {
            id: "nothing",
            ask: Ask::Sh(":"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
        Question {
            id: "no-tool",
            ask: Ask::Sh("__surely_no_such_tool"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
        Question {
            id: "says-missing",
            ask: Ask::Sh("echo half; exit 120"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
        Question {
            id: "says-denied",
            ask: Ask::Sh("exit 121"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
        Question {
            id: "eats-input",
            ask: Ask::Sh("cat; cat >&2"),
            why: "",
            needs: Needs::Login,
            loss: "",
        },
    ],
};

fn nonce() -> Nonce {
    Nonce::from_bytes([0xab; 16])
}

fn framed(frames: &[(&str, &str, &str)], done: bool) -> Vec<u8> {
    let n = nonce();
    let mut text = String::new();
    for (id, stdout, exit) in frames {
        let _ = write!(text, "\n{n} B {id}\n{stdout}\n{n} E {id} {exit}\n");
    }
    if done {
        let _ = write!(text, "\n{n} DONE\n");
    }
    text.into_bytes()
}

fn read(bytes: &[u8]) -> Parsed {
    SET.parse_frames(&nonce(), bytes, &Limits::default())
}

fn cause(parsed: &Parsed, id: &'static str) -> GapCause {
    parsed.answers.text(id).unwrap_err().cause
}

fn run_sh(set: &QuestionSet) -> Parsed {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut sh = Command::new("sh")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = set.script(&nonce());
    let mut stdin = sh.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    let output = sh.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    set.parse_frames(&nonce(), &output.stdout, &Limits::default())
}

#[test]
fn a_real_shell_answers_the_script() {
    let parsed = run_sh(&SET);
    assert!(parsed.done);
    assert_eq!(parsed.answers.text("greeting"), Ok("hello world"));
    assert_eq!(parsed.answers.text("nothing"), Ok(""));
    assert_eq!(cause(&parsed, "no-tool"), GapCause::Missing);
    assert_eq!(cause(&parsed, "says-missing"), GapCause::Missing);
    assert_eq!(cause(&parsed, "says-denied"), GapCause::Denied);
    assert_eq!(parsed.answers.text("eats-input"), Ok(""));
}

#[test]
fn an_answer_may_end_without_a_line_break_or_with_several() {
    let frames = [("greeting", "a\n\n", "0"), ("nothing", "", "0")];
    let parsed = read(&framed(&frames, true));
    assert_eq!(parsed.answers.text("greeting"), Ok("a\n\n"));
    assert_eq!(parsed.answers.text("nothing"), Ok(""));
    assert!(parsed.done);
}

#[test]
fn what_a_rc_file_prints_is_not_an_answer() {
    let mut bytes = b"Welcome!\n00 B greeting\nfake\n00 E greeting 0\n00 DONE\n".to_vec();
    bytes.extend(framed(&[("greeting", "true", "0")], true));
    assert_eq!(read(&bytes).answers.text("greeting"), Ok("true"));
}

#[test]
fn the_first_of_two_frames_counts() {
    let frames = [("greeting", "one", "0"), ("greeting", "two", "0")];
    let parsed = read(&framed(&frames, true));
    assert_eq!(parsed.answers.text("greeting"), Ok("one"));
}

#[test]
fn frames_of_windows_end_their_lines_in_crlf() {
    let frames = [
        ("greeting", "a\r\n\r\n", "0"),
        ("nothing", "", "-1073741510"),
    ];
    let text = String::from_utf8(framed(&frames, true)).unwrap();
    let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let noise = "Microsoft Windows [Version 10.0.20348.2340]\r\n(c) Microsoft\r\n\r\nC:\\>";
    let parsed = read(format!("{noise}{bytes}").as_bytes());
    assert_eq!(parsed.answers.text("greeting"), Ok("a\r\n\r\n"));
    let nothing = parsed.answers.reply("nothing").unwrap();
    assert_eq!((nothing.exit, &*nothing.stdout), (-1_073_741_510, &b""[..]));
    assert!(parsed.done);
}

#[test]
fn a_status_of_32_bits_is_read_with_and_without_its_sign() {
    for exit in ["-1073741510", "3221225786"] {
        let parsed = read(&framed(&[("greeting", "", exit)], true));
        assert_eq!(
            parsed.answers.reply("greeting").unwrap().exit,
            -1_073_741_510
        );
    }
    let parsed = read(&framed(&[("greeting", "", "99999999999")], true));
    assert_eq!(parsed.answers.reply("greeting").unwrap().exit, -1);
}

#[test]
fn a_frame_that_was_cut_short_is_no_answer() {
    let whole = framed(&[("greeting", "abc", "0")], false);
    for length in 0..whole.len() {
        let parsed = read(&whole[..length]);
        assert!(!parsed.done);
        assert_eq!(cause(&parsed, "greeting"), GapCause::NotAsked);
    }
    assert!(read(&whole).answers.text("greeting").is_ok());
}

#[test]
fn an_answer_over_the_limit_is_a_gap_and_not_half_an_answer() {
    let limits = Limits {
        answer_bytes: 3,
        ..Limits::default()
    };
    let bytes = framed(&[("greeting", "four", "0"), ("nothing", "abc", "0")], true);
    let parsed = SET.parse_frames(&nonce(), &bytes, &limits);
    assert_eq!(cause(&parsed, "greeting"), GapCause::Malformed);
    assert_eq!(parsed.answers.text("nothing"), Ok("abc"));
}

#[test]
fn bytes_that_are_not_utf_8_are_mended_for_reading_and_kept_for_recording() {
    let mut answers = Answers::default();
    let reply = Reply {
        exit: 0,
        stdout: b"caf\xe9".to_vec(),
    };
    answers.record("greeting", &reply, &Limits::default());
    assert_eq!(answers.text("greeting"), Ok("caf\u{fffd}"));
    assert_eq!(answers.reply("greeting"), Some(&reply));
}

#[test]
fn what_has_no_frame_can_be_given_its_cause() {
    let mut parsed = read(&framed(&[("greeting", "x", "0")], false));
    parsed.answers.mark_rest(&SET, GapCause::TimedOut);
    assert_eq!(parsed.answers.text("greeting"), Ok("x"));
    assert_eq!(cause(&parsed, "nothing"), GapCause::TimedOut);
}

#[test]
fn a_flood_of_begins_costs_linear_time() {
    let flood = format!("\n{} B greeting\n", nonce()).repeat(200_000);
    assert!(read(flood.as_bytes()).answers.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn any_pieces_of_frames_are_read_without_a_panic(
        pieces in prop::collection::vec(0..8_usize, 0..30)
    ) {
        let n = nonce().to_string();
        let words = ["\n", &n, " ", "B", "E", "greeting", "DONE", "0"];
        let text: String = pieces.iter().map(|piece| words[*piece]).collect();
        read(text.as_bytes());
    }

    #[test]
    fn any_answer_comes_back_as_it_was(stdout in prop::collection::vec(any::<u8>(), 0..200)) {
        let n = nonce();
        let mut bytes = format!("noise\n{n} B greeting\n").into_bytes();
        bytes.extend(&stdout);
        bytes.extend(format!("\n{n} E greeting 0\n\n{n} DONE\n").into_bytes());
        let parsed = read(&bytes);
        prop_assert_eq!(&parsed.answers.reply("greeting").unwrap().stdout, &stdout);
        prop_assert!(parsed.done);
    }

    #[test]
    fn any_answer_comes_back_through_crlf(stdout in prop::collection::vec(any::<u8>(), 0..200)) {
        let n = nonce();
        let mut bytes = format!("noise\r\n{n} B greeting\r\n").into_bytes();
        bytes.extend(&stdout);
        bytes.extend(format!("\r\n{n} E greeting 0\r\n\r\n{n} DONE\r\n").into_bytes());
        let parsed = read(&bytes);
        prop_assert_eq!(&parsed.answers.reply("greeting").unwrap().stdout, &stdout);
        prop_assert!(parsed.done);
    }
}
