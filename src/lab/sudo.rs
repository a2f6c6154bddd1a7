//! The sudo of a simulated host: a prompt, a password from standard input, and root's shell.
//!
//! As the real one it takes every line that comes before the shell for a password, and each is
//! written down as a try: what a client says too early shows.

use super::dialogue::end;
use super::seen::{Note, Proof};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, Error};
use serde::Deserialize;

/// How sudo treats those who have logged in. Without one it asks for no password where the host says
/// what root sees, and lets nobody where it does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Sudo {
    /// The password that is right, whoever asks.
    pub password: String,
    /// Whose password it asks for, where not the account's own (`rootpw`).
    #[serde(default)]
    pub of: Option<String>,
    /// The prompt of a PAM module, where that does not let sudo choose its own.
    #[serde(default)]
    pub words: Option<String>,
    /// Whether its rules do not let the account be root.
    #[serde(default)]
    pub unlisted: bool,
    /// Whether it never answers when it has heard a password.
    #[serde(default)]
    pub hangs: bool,
    /// Whether the connection breaks when it has heard a password.
    #[serde(default)]
    pub hangs_up: bool,
}

/// How often it asks (`passwd_tries`).
const TRIES: usize = 3;

/// The marker of the prompt, where a command starts sudo as our client does.
pub(super) fn marker(command: &[u8]) -> Option<String> {
    let command = std::str::from_utf8(command).ok()?;
    let rest = command.strip_prefix("env LC_ALL=C sudo -k -S -p '")?;
    let (marker, rest) = rest.split_once(":%p:' ")?;
    (rest == "sh -c 'echo underdesk $(id -u); exec sh -s'").then(|| marker.to_owned())
}

/// Asks for the password as often as sudo does. Whether root's shell runs; what else there is was said.
pub(super) async fn ask(
    channel: &mut Channel<Msg>,
    sudo: &Sudo,
    (user, marker): (&str, &str),
    note: &Note,
) -> Result<bool, Error> {
    let whose = sudo.of.as_deref().unwrap_or(user);
    let prompt = match &sudo.words {
        Some(words) => words.clone(),
        None => format!("{marker}:{whose}:"),
    };
    let mut typed = Vec::new();
    for tried in 0..TRIES {
        let sorry = if tried > 0 { "Sorry, try again.\n" } else { "" };
        let text = format!("{sorry}{prompt}").into_bytes();
        channel.extended_data_bytes(1, text).await?;
        let Some(line) = line(channel, &mut typed).await else {
            return refuse(channel, "sudo: no password was provided\n").await;
        };
        let is_right = line == sudo.password;
        let is_right = note.login(whose, Proof::Sudo(line), is_right);
        if sudo.hangs_up {
            return Err(Error::Disconnect);
        }
        if sudo.hangs {
            while channel.wait().await.is_some() {}
            return Err(Error::Disconnect);
        }
        if is_right && sudo.unlisted {
            return refuse(channel, &format!("{user} is not in the sudoers file.\n")).await;
        }
        if is_right {
            return Ok(true);
        }
    }
    refuse(channel, "sudo: 3 incorrect password attempts\n").await
}

/// What root's shell says first.
pub(super) async fn sign(channel: &Channel<Msg>) -> Result<(), Error> {
    channel.data_bytes(b"underdesk 0\n".to_vec()).await
}

async fn refuse(channel: &Channel<Msg>, words: &str) -> Result<bool, Error> {
    channel
        .extended_data_bytes(1, words.as_bytes().to_vec())
        .await?;
    end(channel, 1).await?;
    Ok(false)
}

/// The next line of standard input; `None` where that has ended.
async fn line(channel: &mut Channel<Msg>, typed: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = typed.iter().position(|byte| *byte == b'\n') {
            let rest = typed.split_off(at + 1);
            let line = std::mem::replace(typed, rest);
            return Some(String::from_utf8_lossy(line.get(..at)?).into_owned());
        }
        match channel.wait().await? {
            ChannelMsg::Data { data } => typed.extend_from_slice(&data),
            ChannelMsg::Eof | ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sudo_command;

    #[test]
    fn our_clients_command_is_known_by_its_marker() {
        let command = sudo_command("m");
        assert_eq!(marker(command.as_bytes()).as_deref(), Some("m"));
        assert_eq!(marker(b"sudo -n sh -s"), None);
        assert_eq!(marker(format!("{command}; id").as_bytes()), None);
    }
}
