//! Questions in the words of cmd.exe.
//!
//! The script is typed at a prompt, so to speak: a `for` has single percent signs, and `%errorlevel%`
//! is looked up when its line is read.

use super::Put;
use crate::session::{Ask, Needs, Nonce, Question, QuestionSet, View};
use std::fmt::Write as _;

/// Starts a cmd.exe that reads commands on standard input, without what the account runs at every
/// start (`/d`) and without echo (`/q`).
pub(super) const EXEC: &str = "cmd /d /q";

/// The code page of the console before we changed it.
pub(super) const CONSOLE: &str = "-console";
/// The registry's word for the code page of console programs.
pub(super) const OEM: &str = "-oem";

/// What the script asks for its own sake, before the set's questions.
pub(super) const PAGES: QuestionSet = QuestionSet {
    name: "code pages",
    prelude: "",
    questions: &[
        Question {
            id: CONSOLE,
            ask: Ask::Cmd("chcp"),
            why: "in which code page programs write where they refuse UTF-8",
            needs: Needs::Shell,
            loss: "Names with letters beyond ASCII may come out garbled.",
        },
        Question {
            id: OEM,
            ask: Ask::Registry {
                key: r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage",
                tree: false,
                value: Some("OEMCP"),
                view: View::Any,
            },
            why: "the same, where there is no console",
            needs: Needs::Shell,
            loss: "Names with letters beyond ASCII may come out garbled.",
        },
    ],
};

/// The questions as one text for cmd's standard input.
///
/// Each answer comes framed as [`QuestionSet::parse_frames`] reads it, with lines that end in CRLF.
pub(super) fn script(puts: &[Put], nonce: &Nonce) -> String {
    // A default shell may garble `/q`; with echo on each prompt would be part of an answer.
    let mut script = "@echo off\r\n".to_owned();
    for Question { id, ask, .. } in PAGES.questions {
        frame(&mut script, Put { id, ask: *ask }, nonce);
    }
    script.push_str("chcp 65001 <nul >nul 2>nul\r\n");
    for put in puts {
        frame(&mut script, *put, nonce);
    }
    // Writing to a String cannot fail.
    let _ = write!(script, "echo.&echo {nonce} DONE\r\nexit\r\n");
    script
}

/// One question. What reads standard input would eat the rest of the script, so it gets none;
/// `(call )` makes the status 0, which some commands leave as it was.
fn frame(script: &mut String, Put { id, ask }: Put, nonce: &Nonce) {
    let line = match ask {
        Ask::Cmd(line) => format!("({line})"),
        Ask::Registry {
            key,
            tree,
            value,
            view,
        } => reg_query(key, tree, value, view),
        Ask::Sh(_) | Ask::Wmi { .. } | Ask::InsteadOf(..) => return,
    };
    // Writing to a String cannot fail.
    let _ = write!(
        script,
        "echo.&echo {nonce} B {id}\r\n(call )\r\n{line} <nul 2>nul\r\n\
         echo.&echo {nonce} E {id} %errorlevel%\r\n"
    );
}

/// A status of cmd and its programs as one of a [`crate::session::Reply`]: the one rule, over SSH and
/// over WinRM.
///
/// reg.exe says 1 for a key that is not there and for one that is denied; where it has printed some
/// keys, half a tree must not read as a whole one. findstr says 1 where it finds nothing, and the last
/// of several commands may fail with 1 after the first have answered. Any other status after some
/// output is half an answer.
/// <https://learn.microsoft.com/windows/win32/debug/system-error-codes>
pub(in crate::session) fn meaning(ask: Ask, exit: i32, stdout: &[u8]) -> i32 {
    let of_registry = matches!(ask, Ask::Registry { .. });
    match exit {
        0 => 0,
        1 if of_registry && contains_key(stdout) => 121,
        1 if !of_registry && !stdout.trim_ascii().is_empty() => 0,
        // File, path and event log not found; a command that there is not.
        1 | 2 | 3 | 9009 | 15007 => 120,
        5 => 121,
        other => other,
    }
}

/// The count of what was found is no key.
fn contains_key(stdout: &[u8]) -> bool {
    let mut lines = stdout.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"HKEY_"))
}

/// A registry question as one command line: `reg query "KEY" [/s] [/v "NAME"] [/reg:64]`. It means
/// the same in cmd, with and without a console, and in a group in parentheses.
///
/// An empty value name is that of the key's default value (`/ve`).
/// <https://learn.microsoft.com/windows-server/administration/windows-commands/reg-query>
pub(in crate::session) fn reg_query(
    key: &str,
    tree: bool,
    value: Option<&str>,
    view: View,
) -> String {
    let mut line = format!("reg query \"{key}\"");
    if tree {
        line.push_str(" /s");
    }
    match value {
        Some("") => line.push_str(" /ve"),
        // Writing to a String cannot fail.
        Some(name) => drop(write!(line, " /v \"{name}\"")),
        None => {}
    }
    line.push_str(match view {
        View::Any => "",
        View::Bits64 => " /reg:64",
        View::Bits32 => " /reg:32",
    });
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_means_the_same_whatever_the_question_came_over() {
        let line = Ask::Cmd("wevtutil qe System");
        let key = Ask::Registry {
            key: r"HKLM\SOFTWARE",
            tree: true,
            value: None,
            view: View::Any,
        };
        let cases = [
            (line, 0, "", 0),
            (line, 1, "", 120),
            (line, 1, "TCP\r\n", 0),
            (line, 5, "", 121),
            (line, 5, "<Event/>", 121),
            (line, 9009, "", 120),
            (line, 15007, "", 120),
            (line, 1722, "", 1722),
            (line, -1_073_741_819, "<Event/>", -1_073_741_819),
            (key, 0, "", 0),
            (key, 1, "\r\nEnd of search: 0 match(es) found.\r\n", 120),
            (key, 1, "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\r\n", 121),
        ];
        for (ask, exit, stdout, expected) in cases {
            let found = meaning(ask, exit, stdout.as_bytes());
            assert_eq!(found, expected, "{ask:?} {exit} {stdout}");
        }
    }

    #[test]
    fn a_registry_question_is_one_line_of_reg() {
        let key = r"HKLM\SOFTWARE\Some Maker";
        let lines = [
            reg_query(key, false, None, View::Any),
            reg_query(key, true, None, View::Bits64),
            reg_query(key, true, Some("Patch Level"), View::Bits32),
            reg_query(key, false, Some(""), View::Any),
        ];
        let expected = [
            r#"reg query "HKLM\SOFTWARE\Some Maker""#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /s /reg:64"#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /s /v "Patch Level" /reg:32"#,
            r#"reg query "HKLM\SOFTWARE\Some Maker" /ve"#,
        ];
        assert_eq!(lines, expected);
    }
}
