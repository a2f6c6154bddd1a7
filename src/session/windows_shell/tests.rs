//! Rendering and reading, without a network.

use super::*;
use crate::session::View;
use proptest::prelude::*;

const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "",
    questions: &[
        question(
            "os",
            Ask::Wmi {
                namespace: "root/cimv2",
                query: "SELECT Caption,LastBootUpTime FROM Win32_OperatingSystem",
            },
        ),
        question("version", registry_of(r"HKLM\SOFTWARE\A Maker\NT", false)),
        question("programs", registry_of(r"HKLM\SOFTWARE\Uninstall", true)),
        question("sockets", Ask::Cmd("netstat -ano | findstr LISTEN")),
        question(
            "sockets-cim",
            Ask::InsteadOf(
                "sockets",
                &Ask::Wmi {
                    namespace: "root/StandardCimv2",
                    query: "SELECT LocalPort FROM MSFT_NetTCPConnection WHERE State=2",
                },
            ),
        ),
        question("unix", Ask::Sh("uname")),
    ],
};

const fn question(id: &'static str, ask: Ask) -> Question {
    Question {
        id,
        ask,
        why: "",
        needs: crate::session::Needs::Login,
        loss: "",
    }
}

const fn registry_of(key: &'static str, tree: bool) -> Ask {
    Ask::Registry {
        key,
        tree,
        value: None,
        view: View::Bits64,
    }
}

fn nonce() -> Nonce {
    Nonce::from_bytes([0xab; 16])
}

fn puts(shell: WindowsShell) -> Vec<Put> {
    shell.questions(&SET, &Answers::default())
}

fn ids(puts: &[Put]) -> Vec<&str> {
    puts.iter().map(|put| put.id).collect()
}

/// What cmd's answers mean, framed with these statuses.
fn settled(frames: &[(&str, &str, &str)], page: Option<u16>) -> Answers {
    let bytes: Vec<u8> = frames
        .iter()
        .flat_map(|(id, stdout, exit)| frame(id, stdout.as_bytes(), exit))
        .collect();
    read(&bytes, page)
}

fn frame(id: &str, stdout: &[u8], exit: &str) -> Vec<u8> {
    let n = nonce();
    let mut bytes = format!("\r\n{n} B {id}\r\n").into_bytes();
    bytes.extend(stdout);
    bytes.extend(format!("\r\n{n} E {id} {exit}\r\n").into_bytes());
    bytes
}

fn read(bytes: &[u8], page: Option<u16>) -> Answers {
    let limits = Limits::default();
    let heard = SET.parse_frames(&nonce(), bytes, &limits).answers;
    WindowsShell::Cmd.settle(&puts(WindowsShell::Cmd), &heard, page, &limits)
}

fn cause(answers: &Answers, id: &'static str) -> GapCause {
    answers.text(id).unwrap_err().cause
}

const KEY: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\A\r\n    B    REG_SZ    c\r\n\r\n";

#[test]
fn each_shell_gets_its_own_questions() {
    let cmd = puts(WindowsShell::Cmd);
    assert_eq!(ids(&cmd), ["version", "programs", "sockets"]);
    assert_eq!(ids(&puts(WindowsShell::PowerShell)), ["os"]);
}

#[test]
fn a_question_stands_in_only_where_the_other_has_left_a_gap() {
    let open = |answers: &Answers| WindowsShell::PowerShell.questions(&SET, answers);
    assert_eq!(ids(&open(&settled(&[("sockets", "x", "0")], None))), ["os"]);
    let open = open(&settled(&[("sockets", "", "1")], None));
    assert_eq!(ids(&open), ["os", "sockets-cim"]);
    assert!(matches!(open[1].ask, Ask::Wmi { .. }));
}

#[test]
fn the_script_for_cmd_is_this() {
    let script = WindowsShell::Cmd.script(&puts(WindowsShell::Cmd), &nonce());
    let script = script.replace(&nonce().to_string(), "NONCE");
    assert_eq!(script.matches('\n').count(), script.matches("\r\n").count());
    insta::assert_snapshot!(script.replace("\r\n", "\n"));
}

#[test]
fn the_script_for_powershell_is_this() {
    let all: Vec<Put> = [WindowsShell::PowerShell, WindowsShell::Cmd]
        .into_iter()
        .flat_map(puts)
        .collect();
    let script = WindowsShell::PowerShell.script(&all, &nonce());
    insta::assert_snapshot!(script.replace(&nonce().to_string(), "NONCE"));
}

#[test]
fn a_status_of_reg_is_missing_and_of_all_reg_denied() {
    let answers = settled(&[("version", KEY, "0"), ("programs", "", "1")], None);
    assert_eq!(answers.text("version"), Ok(KEY));
    assert_eq!(cause(&answers, "programs"), GapCause::Missing);
    let found_none = "\r\nEnd of search: 0 match(es) found.\r\n";
    let answers = settled(&[("version", found_none, "1"), ("programs", "", "1")], None);
    assert_eq!(cause(&answers, "version"), GapCause::Denied);
    assert_eq!(cause(&answers, "programs"), GapCause::Denied);
    // Where the rest was cut off, one key that is not there says nothing of the others.
    let answers = settled(&[("version", "", "1")], None);
    assert_eq!(cause(&answers, "version"), GapCause::Missing);
    assert_eq!(cause(&answers, "programs"), GapCause::NotAsked);
}

#[test]
fn a_tree_that_is_denied_in_part_is_a_gap_and_not_half_an_answer() {
    let answers = settled(&[("version", KEY, "0"), ("programs", KEY, "1")], None);
    assert_eq!(cause(&answers, "programs"), GapCause::Denied);
    assert_eq!(answers.reply("programs").unwrap().stdout, KEY.as_bytes());
}

#[test]
fn statuses_of_other_programs_mean_what_they_mean() {
    let of = |stdout, exit| settled(&[("sockets", stdout, exit)], None);
    // Nothing found is not the same as nothing there, but findstr tells no difference.
    assert_eq!(cause(&of("", "1"), "sockets"), GapCause::Missing);
    assert_eq!(of("TCP\r\n", "1").text("sockets"), Ok("TCP\r\n"));
    assert_eq!(of("", "0").text("sockets"), Ok(""));
    assert_eq!(cause(&of("", "9009"), "sockets"), GapCause::Missing);
    assert_eq!(cause(&of("", "5"), "sockets"), GapCause::Denied);
    assert_eq!(cause(&of("x", "-1073741819"), "sockets"), GapCause::Denied);
}

#[test]
fn an_answer_in_a_code_page_is_kept_as_utf_8() {
    let mut bytes = frame("sockets", b"ABH\x99REN\r\n", "0");
    bytes.extend(frame("version", "\r\nHKEY_\u{fc}\r\n".as_bytes(), "0"));
    let answers = read(&bytes, Some(850));
    assert_eq!(answers.text("sockets"), Ok("ABH\u{d6}REN\r\n"));
    assert_eq!(answers.text("version"), Ok("\r\nHKEY_\u{fc}\r\n"));
    assert_eq!(
        answers.reply("sockets").unwrap().stdout,
        "ABH\u{d6}REN\r\n".as_bytes()
    );
}

#[test]
fn the_code_page_is_the_consoles_or_else_the_registrys() {
    let page = |console: &str, oem: &str| {
        let mut bytes = frame("-console", console.as_bytes(), "0");
        bytes.extend(frame("-oem", oem.as_bytes(), "0"));
        WindowsShell::page(|set| {
            set.parse_frames(&nonce(), &bytes, &Limits::default())
                .answers
        })
    };
    let oem = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\r\n    OEMCP    REG_SZ    866\r\n\r\n";
    assert_eq!(page("Aktive Codepage: 850.\r\n", oem), Some(850));
    assert_eq!(page("Active code page: 0\r\n", oem), Some(866));
    assert_eq!(page("Active code page: 65001\r\n", oem), Some(866));
    assert_eq!(page("", ""), None);
}

#[test]
fn an_answer_over_the_limit_keeps_its_cause() {
    let limits = Limits {
        answer_bytes: 3,
        ..Limits::default()
    };
    let bytes = frame("sockets", b"much too long", "0");
    let heard = SET.parse_frames(&nonce(), &bytes, &limits).answers;
    let puts = puts(WindowsShell::Cmd);
    let answers = WindowsShell::Cmd.settle(&puts, &heard, None, &limits);
    assert_eq!(cause(&answers, "sockets"), GapCause::Malformed);
}

proptest! {
    #[test]
    fn any_bytes_are_settled_without_a_panic(
        stdout in prop::collection::vec(any::<u8>(), 0..300),
        exit in any::<i64>(),
        page in any::<Option<u16>>(),
    ) {
        let bytes = frame("programs", &stdout, &exit.to_string());
        let answers = read(&bytes, page);
        prop_assert!(answers.has("programs"));
        read(&stdout, page);
    }

    #[test]
    fn what_is_utf_8_comes_back_as_it_was(text in any::<String>(), page in any::<Option<u16>>()) {
        let answers = read(&frame("sockets", text.as_bytes(), "0"), page);
        prop_assert_eq!(answers.text("sockets"), Ok(&*text));
    }
}
