//! What a simulated host does with the commands of somebody who has logged in.

use super::behaviour::Shell;
use super::recording::Recording;
use super::script::Script;
use super::seen::Note;
use super::ssh::Served;
use super::{sudo, windows};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, Error};
use std::sync::Arc;
use std::time::Duration;

/// More than any script of ours: what comes beyond is left out.
const SCRIPT_BYTES: usize = 1 << 20;

/// Serves one session channel: waits for a command and answers it as the host's shell does.
pub(super) async fn converse(
    mut channel: Channel<Msg>,
    served: Arc<Served>,
    (user, note): (String, Note),
) {
    while let Some(message) = channel.wait().await {
        let ChannelMsg::Exec { command, .. } = message else {
            continue;
        };
        note.command(&command);
        // An error here means that the peer has gone: there is nobody to tell.
        let who = (user.as_str(), &note);
        let _ = run(&mut channel, &served, &command, who).await;
        return;
    }
}

async fn run(
    channel: &mut Channel<Msg>,
    served: &Served,
    command: &[u8],
    who: (&str, &Note),
) -> Result<(), Error> {
    match &served.shell {
        Shell::NoLogin(text) => {
            channel.data_bytes(text.clone()).await?;
            end(channel, 1).await
        }
        Shell::Forced(text) => {
            channel.data_bytes(text.clone()).await?;
            end(channel, 0).await
        }
        Shell::Hangs => {
            while channel.wait().await.is_some() {}
            Ok(())
        }
        Shell::Floods(megabytes) => flood(channel, *megabytes).await,
        Shell::AbsoluteOnly if command == b"sh -s" => not_found(channel, command).await,
        Shell::Noisy(text) => {
            channel.data_bytes(text.clone()).await?;
            shell(channel, served, command, who).await
        }
        Shell::Windows(shells) => windows::run(channel, served, shells, command).await,
        Shell::Sh | Shell::AbsoluteOnly | Shell::CutShort | Shell::Swells(_) | Shell::Closes => {
            shell(channel, served, command, who).await
        }
    }
}

/// `sh -s`, as the account or as root: reads the script to its end, and answers its questions.
async fn shell(
    channel: &mut Channel<Msg>,
    served: &Served,
    command: &[u8],
    (user, note): (&str, &Note),
) -> Result<(), Error> {
    if let Some(marker) = sudo::marker(command) {
        let is_root = match (&served.sudo, &served.as_root) {
            (Some(sudo), _) => sudo::ask(channel, sudo, (user, &marker), note).await?,
            (None, Some(_)) => true,
            (None, None) => return not_found(channel, b"env: 'sudo'").await,
        };
        if !is_root {
            return Ok(());
        }
        sudo::sign(channel).await?;
        let recording = served.as_root.as_ref().unwrap_or(&served.recording);
        return answer(channel, served, recording).await;
    }
    let recording = match (command, &served.as_root) {
        (b"sh -s" | b"/bin/sh -s", _) => &served.recording,
        (b"sudo -n sh -s", Some(as_root)) => as_root,
        (b"sudo -n sh -s", None) => {
            let text = b"sudo: a password is required\n".to_vec();
            channel.extended_data_bytes(1, text).await?;
            return end(channel, 1).await;
        }
        _ => return not_found(channel, command).await,
    };
    answer(channel, served, recording).await
}

/// Answers the questions of the script on standard input.
async fn answer(
    channel: &mut Channel<Msg>,
    served: &Served,
    recording: &Recording,
) -> Result<(), Error> {
    let text = standard_input(channel).await;
    let Some(script) = Script::parse(&text) else {
        return end(channel, 2).await;
    };
    let mut pieces = script.answers(recording);
    if served.shell == Shell::CutShort {
        pieces.truncate(pieces.len() / 2);
    }
    for piece in pieces {
        tokio::time::sleep(served.delay).await;
        if let Shell::Swells(megabytes) = served.shell
            && let Some((head, tail)) = around_packages(&piece)
        {
            channel.data_bytes(head.to_vec()).await?;
            pour(channel, megabytes, PACKAGE.repeat(900)).await?;
            channel.data_bytes(tail.to_vec()).await?;
            continue;
        }
        channel.data_bytes(piece).await?;
    }
    end(channel, 0).await
}

pub(super) async fn standard_input(channel: &mut Channel<Msg>) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } if text.len() < SCRIPT_BYTES => text.extend_from_slice(&data),
            ChannelMsg::Eof | ChannelMsg::Close => break,
            _ => {}
        }
    }
    text
}

/// A line of dpkg's list, as short as it can be.
const PACKAGE: &[u8] = b"a\t1\tall\t\tinstall ok installed\t1\tm\n";

/// The parts of the answer with dpkg's list that are before and behind the list's end.
fn around_packages(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let begins = piece.split(|byte| *byte == b'\n').nth(1)?;
    let is_list = begins.ends_with(b" B dpkg-packages");
    let body = piece.strip_suffix(b"\n")?;
    let last = body.iter().rposition(|byte| *byte == b'\n')?;
    is_list.then(|| piece.split_at(last))
}

async fn flood(channel: &Channel<Msg>, megabytes: u32) -> Result<(), Error> {
    pour(channel, megabytes, rubbish()).await?;
    end(channel, 0).await
}

/// So many megabytes of the same.
async fn pour(channel: &Channel<Msg>, megabytes: u32, mut piece: Vec<u8>) -> Result<(), Error> {
    piece.truncate(32 << 10);
    for _ in 0..megabytes {
        for _ in 0..(1_usize << 20) / piece.len() {
            channel.data_bytes(piece.clone()).await?;
        }
        // Lets the other hosts of the lab have their turn.
        tokio::time::sleep(Duration::ZERO).await;
    }
    Ok(())
}

fn rubbish() -> Vec<u8> {
    let mut bytes = b"All work and no play makes a dull host\n\x1b[31m\0\xff".repeat(1000);
    bytes.truncate(32 << 10);
    bytes
}

async fn not_found(channel: &Channel<Msg>, command: &[u8]) -> Result<(), Error> {
    let command = String::from_utf8_lossy(command);
    let text = format!("{command}: command not found\n").into_bytes();
    channel.extended_data_bytes(1, text).await?;
    end(channel, 127).await
}

pub(super) async fn end(channel: &Channel<Msg>, exit: u32) -> Result<(), Error> {
    channel.eof().await?;
    channel.exit_status(exit).await?;
    channel.close().await
}
