//! `explain`: what stands behind an answer.

use super::super::args::{ExplainCommand, OsArgument};
use super::super::{Exit, Stop, stdout};
use crate::collect;
use crate::session::{
    Ask, ProtocolRequest, Question, QuestionSet, ROOT_SHELL, SSH_WINDOWS_REQUESTS, WINRM_REQUESTS,
    sudo_command, wordings,
};
use std::fmt::Write as _;

/// How wide running text is.
const WIDTH: usize = 96;

/// Prints everything that is ever sent to a host, and why.
pub(in crate::cli) fn run(command: &ExplainCommand) -> Result<Exit, Stop> {
    let ExplainCommand::Questions { os } = command;
    let mut text = String::new();
    if *os != OsArgument::Windows {
        unix(&mut text);
    }
    if *os == OsArgument::All {
        text.push('\n');
    }
    if *os != OsArgument::Unix {
        windows(&mut text);
    }
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// What every Unix is asked.
pub(super) fn unix(text: &mut String) {
    let set = &collect::UNIX;
    let _ = writeln!(
        text,
        "Every Unix host is asked the set `{}` in one exchange: these commands, and nothing else, are\nfed to `sh -s`. They change nothing. Shared functions:\n\n{}",
        set.name,
        indent(set.prelude, 4)
    );
    for question in set.questions {
        let Ask::Sh(words) = question.ask else {
            continue;
        };
        let _ = write!(text, "\n{}: {}\n", question.id, question.why);
        let _ = write!(text, "{}\n\n{}\n", rights(question), indent(words, 4));
    }
    unix_as_root(text, set);
    account(text, &collect::UNIX_ACCOUNT);
}

/// What a question needs, and what is lost without it.
fn rights(question: &Question) -> String {
    let needs = question.needs.words();
    wrap(
        &format!("Needs {needs}. Without an answer: {}", question.loss),
        2,
    )
}

/// What only `doctor` and `credentials test` ask.
fn account(text: &mut String, set: &QuestionSet) {
    let lead = format!(
        "Only underdesk doctor and underdesk credentials test ask the set `{}`, on the same connection:",
        set.name
    );
    let _ = write!(text, "\n{}\n", wrap(&lead, 0));
    for Question { id, ask, why, .. } in set.questions {
        let (Ask::Sh(words) | Ask::Cmd(words)) = ask else {
            continue;
        };
        let _ = write!(text, "\n{id}: {why}\n\n{}\n", indent(words, 4));
    }
}

/// What root is asked of a Unix; a question of the first set is not printed again.
fn unix_as_root(text: &mut String, first: &QuestionSet) {
    let set = &collect::UNIX_PRIVILEGED;
    let lead = format!(
        "Only where the credential says sudo = \"nopasswd\" or \"password\", a second set `{}` is asked on the same connection and fed these commands. It fills in what the account may not read, and no verdict needs it. Where sudo refuses, it may tell its administrators.",
        set.name
    );
    let _ = writeln!(text, "\n{}", wrap(&lead, 0));
    let without = "sudo = \"nopasswd\" runs `sudo -n sh -s`, which never asks for a password. For this sudoers lets the account be root: ACCOUNT ALL=(root) NOPASSWD: /usr/bin/sh -s, /bin/sh -s.";
    let _ = writeln!(text, "\n{}", wrap(without, 0));
    let with = format!(
        "sudo = \"password\" runs the command below, MARKER being a word made up for this once. The password is sent when sudo asks with that word and names the login's own account, once; the commands when the shell has said that it is root. Else nothing is sent. In sudoers: ACCOUNT ALL=(root) PASSWD: /usr/bin/{ROOT_SHELL}, /bin/{ROOT_SHELL}."
    );
    let _ = write!(
        text,
        "\n{}\n\n    {}\n",
        wrap(&with, 0),
        sudo_command("MARKER")
    );
    for question in set.questions {
        let Question { id, ask, why, .. } = question;
        let _ = write!(text, "\n{id} as root: {why}\n{}\n\n", rights(question));
        let same = first.questions.iter().any(|asked| asked.ask == *ask);
        match ask {
            Ask::Sh(words) if !same => {
                let _ = writeln!(text, "{}", indent(words, 4));
            }
            _ => text.push_str("    as above\n"),
        }
    }
}

/// What a host's administrator and whoever watches it should know before. The rules are those of
/// `SigmaHQ` for process creation: `winrshost_command_execution`, `reg_query_registry`,
/// `reg_machineguid`, `whoami_execution`.
const NOTICE: &str = "Tell those who watch your hosts. Detection rules take for reconnaissance what inventories do: \
    commands below winrshost.exe, whoami, and reg.exe where it reads MachineGuid, Services or WindowsUpdate. \
    Let them know the account and the address of the scan. Windows answers `qfe` out of its component \
    servicing, for which it may start the Windows Modules Installer by itself, for some minutes. Most work \
    are `cbs-packages`, `msi-patches` and `update-history`: seconds of one processor on a server of many years.";

/// What every Windows is asked, over whichever protocol.
pub(super) fn windows(text: &mut String) {
    let set = &collect::WINDOWS;
    let lead = format!(
        "Every Windows host is asked the set `{}`, over WinRM or over SSH. What is sent is a constant of this program, in the words below. It changes nothing: nothing is installed, written or started but programs that end with their answer. Never Win32_Product, never a search by the update agent, never a file query without a full path.",
        set.name
    );
    let _ = writeln!(text, "{}\n\n{}", wrap(&lead, 0), wrap(NOTICE, 0));
    requests(
        text,
        "The requests to a WinRM service are these, and no others:",
        WINRM_REQUESTS,
    );
    requests(
        text,
        "The requests to an SSH service of Windows:",
        SSH_WINDOWS_REQUESTS,
    );
    questions(text, set);
    account(text, &collect::WINDOWS_ACCOUNT);
}

fn requests(text: &mut String, title: &str, requests: &[ProtocolRequest]) {
    let _ = writeln!(text, "\n{title}");
    for request in requests {
        let _ = write!(
            text,
            "\n{}\n{}\n",
            wrap(request.name, 4),
            wrap(request.why, 8)
        );
    }
}

fn questions(text: &mut String, set: &QuestionSet) {
    text.push_str("\nThe questions:\n");
    for question in set.questions {
        let Question { id, ask, why, .. } = question;
        let _ = writeln!(text, "\n{id}: {why}\n{}\n", rights(question));
        let wordings = wordings(*ask);
        for (at, wording) in wordings.iter().enumerate() {
            let _ = writeln!(text, "  {}", wording.way);
            // Words that serve two ways are shown once, under the second.
            let next = wordings.get(at + 1).map(|next| &next.text);
            if !wording.text.is_empty() && next != Some(&wording.text) {
                let _ = writeln!(text, "{}", indent(&wording.text, 4));
            }
        }
    }
}

fn indent(text: &str, by: usize) -> String {
    let lines = text.trim().lines();
    let lines: Vec<String> = lines.map(|line| format!("{:by$}{line}", "")).collect();
    lines.join("\n")
}

/// Running text in lines, each indented.
pub(super) fn wrap(text: &str, by: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        let length = line.chars().count() + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if by + length < WIDTH {
            let _ = write!(line, " {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    indent(&lines.join("\n"), by)
}
