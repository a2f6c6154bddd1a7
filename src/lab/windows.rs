//! What a simulated Windows makes of the command lines and scripts that a session sends it.
//!
//! It runs nothing. It knows the two command lines to the letter, and checks that a script has the
//! shape that a real shell would need before it frames the recorded answers as that shell would.

use super::behaviour::{DefaultShell, Lack, WindowsShells};
use super::dialogue::{end, standard_input};
use super::recording::Recording;
use super::ssh::Served;
use crate::session::WindowsShell;
use oem_cp::code_table::ENCODING_TABLE_CP_MAP;
use russh::server::Msg;
use russh::{Channel, Error};

/// A script that was understood: the marker of this exchange, and the questions in order.
#[derive(Debug, PartialEq, Eq)]
struct Script<'a> {
    marker: &'a str,
    asked: Vec<Asked<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    id: &'a str,
    of_registry: bool,
}

/// Runs a command line: one of ours, or none.
pub(super) async fn run(
    channel: &mut Channel<Msg>,
    served: &Served,
    shells: &WindowsShells,
    command: &[u8],
) -> Result<(), Error> {
    let is = |shell: WindowsShell| command == shell.exec().as_bytes();
    let is_cmd = command == b"cmd /d /q" && is(WindowsShell::Cmd);
    let is_powershell = is(WindowsShell::PowerShell) && !shells.lack(Lack::Powershell);
    if !is_cmd && !is_powershell {
        return not_recognised(channel, shells, command).await;
    }
    let text = standard_input(channel).await;
    let text = String::from_utf8_lossy(&text);
    let script = if is_cmd {
        Script::of_cmd(&text)
    } else {
        Script::of_powershell(&text)
    };
    // What a real shell would make of it is not worth finding out.
    let Some(script) = script else {
        return end(channel, 255).await;
    };
    if is_powershell && shells.lack(Lack::Wmi) {
        while channel.wait().await.is_some() {}
        return Ok(());
    }
    let pieces = if is_cmd {
        script.answers_of_cmd(&served.recording, shells)
    } else {
        script.answers_of_powershell(&served.recording)
    };
    for piece in pieces {
        tokio::time::sleep(served.delay).await;
        channel.data_bytes(piece).await?;
    }
    end(channel, 0).await
}

async fn not_recognised(
    channel: &Channel<Msg>,
    shells: &WindowsShells,
    command: &[u8],
) -> Result<(), Error> {
    let line = String::from_utf8_lossy(command);
    let word = line.split(' ').next().unwrap_or_default();
    let text = match shells.default_shell {
        DefaultShell::Cmd => format!(
            "'{word}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        ),
        DefaultShell::Powershell => format!(
            "{word} : The term '{word}' is not recognized as the name of a cmdlet, function, script file, or operable program.\r\n"
        ),
    };
    channel.extended_data_bytes(1, text.into_bytes()).await?;
    end(channel, 1).await
}

impl<'a> Script<'a> {
    /// Reads a script for cmd; `None` where a line is not as it has to be.
    fn of_cmd(text: &'a str) -> Option<Self> {
        let text = text.strip_suffix("\r\n")?;
        let mut lines = text.split("\r\n").peekable();
        if text.replace("\r\n", "").contains(['\r', '\n']) || lines.next()? != "@echo off" {
            return None;
        }
        let first = lines.peek()?.strip_prefix("echo.&echo ")?;
        let marker = first.split(' ').next()?;
        let mut script = Self {
            marker,
            asked: Vec::new(),
        };
        let mut in_utf_8 = false;
        loop {
            let line = lines.next()?;
            if line == "chcp 65001 <nul >nul 2>nul" && !in_utf_8 {
                in_utf_8 = true;
                continue;
            }
            let marker = line.strip_prefix("echo.&echo ")?.strip_prefix(marker)?;
            if marker == " DONE" {
                break;
            }
            let id = marker.strip_prefix(" B ")?;
            script.asked.push(script.cmd_question(id, &mut lines)?);
        }
        let whole = lines.next()? == "exit" && lines.next().is_none();
        (whole && in_utf_8 && is_marker(marker)).then_some(script)
    }

    fn cmd_question(
        &self,
        id: &'a str,
        lines: &mut impl Iterator<Item = &'a str>,
    ) -> Option<Asked<'a>> {
        let quiet = lines.next()? == "(call )";
        let line = lines.next()?;
        let question = line.strip_suffix(" <nul 2>nul")?;
        let of_registry = question.starts_with("reg query \"HK");
        let grouped = question.starts_with('(') && question.ends_with(')');
        let closing = format!("echo.&echo {} E {id} %errorlevel%", self.marker);
        let closed = lines.next()? == closing;
        // cmd reads no longer line.
        let fits = line.len() <= 8191;
        let sound = quiet && closed && fits && (of_registry || grouped);
        sound.then_some(Asked { id, of_registry })
    }

    /// Reads a script for PowerShell; `None` where it is none of ours.
    fn of_powershell(text: &'a str) -> Option<Self> {
        let mut lines = text.lines();
        let marker = lines
            .next()?
            .strip_prefix("$__n='")?
            .strip_suffix('\'')
            .filter(|marker| is_marker(marker))?;
        let last = text.lines().next_back()?;
        if last != "__say \"`n$__n DONE`n\"" || !text.is_ascii() {
            return None;
        }
        let asked: Option<Vec<Asked<'_>>> = lines
            .filter_map(|line| line.strip_prefix("__ask "))
            .map(|rest| {
                let (id, call) = rest.strip_prefix('\'')?.split_once("' {")?;
                let call = call.strip_suffix('}')?;
                let of_registry = call.starts_with("__reg 'HK");
                let of_wmi = call.starts_with("__wmi 'root\\") && call.ends_with("')");
                (of_registry || of_wmi).then_some(Asked { id, of_registry })
            })
            .collect();
        let asked = asked?;
        Some(Self { marker, asked })
    }

    fn answers_of_cmd(&self, recording: &Recording, shells: &WindowsShells) -> Vec<Vec<u8>> {
        let banner = "Microsoft Windows [Version 10.0.20348.2340]\r\n(c) Microsoft Corporation. All rights reserved.\r\n";
        let mut pieces = vec![banner.as_bytes().to_vec()];
        for asked in &self.asked {
            let (exit, output) = match asked.id {
                "-console" => (0, console(shells).into_bytes()),
                "-oem" => (0, oem(shells).into_bytes()),
                id => in_cmd(asked, shells, recording.answer(id)),
            };
            pieces.push(self.frame(asked.id, exit, &output, "\r\n"));
        }
        pieces.push(format!("\r\n{} DONE\r\n", self.marker).into_bytes());
        pieces
    }

    fn answers_of_powershell(&self, recording: &Recording) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        for Asked { id, .. } in &self.asked {
            let (exit, output) = recording.answer(id);
            let exit = if exit == 127 { 120 } else { exit };
            pieces.push(self.frame(id, exit, output, "\n"));
        }
        pieces.push(format!("\n{} DONE\n", self.marker).into_bytes());
        pieces
    }

    fn frame(&self, id: &str, exit: i32, output: &[u8], line_break: &str) -> Vec<u8> {
        let marker = self.marker;
        let mut frame = format!("{line_break}{marker} B {id}{line_break}").into_bytes();
        frame.extend_from_slice(output);
        let closing = format!("{line_break}{marker} E {id} {exit}{line_break}");
        frame.extend_from_slice(closing.as_bytes());
        frame
    }
}

fn is_marker(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The recorded answer with the status of the program that gives it.
fn in_cmd(
    asked: &Asked<'_>,
    shells: &WindowsShells,
    (exit, output): (i32, &[u8]),
) -> (i32, Vec<u8>) {
    if asked.of_registry && (exit != 0 || shells.lack(Lack::Reg)) {
        return (1, Vec::new());
    }
    let exit = match exit {
        120 | 127 => 9009,
        121 => 5,
        exit => exit,
    };
    (exit, in_page(output, shells.page))
}

/// A text in a code page; what that has no letter for becomes a question mark, as on Windows.
fn in_page(text: &[u8], page: Option<u16>) -> Vec<u8> {
    let table = page.and_then(|page| ENCODING_TABLE_CP_MAP.get(&page));
    match (table, std::str::from_utf8(text)) {
        (Some(table), Ok(text)) => oem_cp::encode_string_lossy(text, table),
        _ => text.to_vec(),
    }
}

fn console(shells: &WindowsShells) -> String {
    match shells.page {
        _ if shells.lack(Lack::Console) => "Active code page: 0\r\n".to_owned(),
        Some(page) => format!("Aktive Codepage: {page}.\r\n"),
        None => "Active code page: 437\r\n".to_owned(),
    }
}

fn oem(shells: &WindowsShells) -> String {
    let page = shells.page.unwrap_or(437);
    format!(
        "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage\r\n    OEMCP    REG_SZ    {page}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::WINDOWS;
    use crate::session::{Answers, Nonce};

    fn script(shell: WindowsShell) -> String {
        let puts = shell.questions(&WINDOWS, &Answers::default());
        shell.script(&puts, &Nonce::from_bytes([3; 16]))
    }

    #[test]
    fn the_scripts_of_a_session_are_understood() {
        let cmd = script(WindowsShell::Cmd);
        let cmd = Script::of_cmd(&cmd).unwrap();
        assert!(cmd.asked.iter().any(|asked| asked.id == "uninstall-64"));
        let powershell = script(WindowsShell::PowerShell);
        let powershell = Script::of_powershell(&powershell).unwrap();
        assert!(powershell.asked.iter().any(|asked| asked.id == "qfe"));
        assert_eq!(cmd.marker, powershell.marker);
    }

    #[test]
    fn a_script_that_a_real_cmd_would_choke_on_is_not() {
        let sound = script(WindowsShell::Cmd);
        let wrong = [
            sound.replace("\r\n", "\n"),
            sound.replace("@echo off\r\n", ""),
            sound.replacen(" <nul 2>nul", "", 1),
            sound.replacen("(call )\r\n", "", 1),
            sound.replace("exit\r\n", ""),
            sound.replace("chcp 65001", "chcp 65002"),
            sound.replace("%errorlevel%", "%ERRORLEVEL%"),
            sound.replacen("reg query", "reg delete", 1),
            sound.replace("03030303", "0303"),
        ];
        for text in wrong {
            assert_eq!(Script::of_cmd(&text), None);
        }
        assert_eq!(Script::of_powershell(&sound), None);
        assert_eq!(Script::of_cmd(&script(WindowsShell::PowerShell)), None);
    }
}
