//! The remote shells of a host, MS-WSMV 3.1.4.5 and 3.1.4.11.

use super::commands::{Ran, Said};
use super::names::SHELL;
use super::reply::guid;
use crate::session::base64;
use oem_cp::code_table::ENCODING_TABLE_CP_MAP;
use oem_cp::encode_string_lossy;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A shell.
#[derive(Debug)]
pub(super) struct Shell {
    /// Who opened it.
    pub(super) owner: String,
    /// The connection over which it was opened.
    pub(super) connection: usize,
    page: u16,
    commands: BTreeMap<String, Command>,
}

/// A command that was run in a shell.
#[derive(Debug)]
pub(super) struct Command {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: i32,
    /// How much more of nothing it prints.
    flood: u64,
    /// How many polls still have to time out.
    pub(super) timeouts: u32,
    cuts: usize,
}

/// How long the pieces of a stream are, in turn: never a whole number of anything.
const CUTS: [usize; 5] = [37, 1000, 4096, 777, 8191];
/// How much of its output a poll gets at most.
const POLL: usize = 32 << 10;

impl Shell {
    pub(super) fn new(owner: &str, connection: usize, page: u16) -> Self {
        Self {
            owner: owner.to_owned(),
            connection,
            page,
            commands: BTreeMap::new(),
        }
    }

    /// Keeps what a command has printed; its id.
    pub(super) fn keep(&mut self, ran: &Ran, flood: u64, timeouts: u32) -> String {
        let id = guid();
        let stdout = ran.stdout.iter();
        let command = Command {
            stdout: stdout.flat_map(|said| said.bytes(self.page)).collect(),
            stderr: encode(&ran.stderr, self.page),
            exit: ran.exit,
            flood,
            timeouts,
            cuts: 0,
        };
        self.commands.insert(id.clone(), command);
        id
    }

    pub(super) fn command(&mut self, id: &str) -> Option<&mut Command> {
        self.commands.get_mut(&id.to_uppercase())
    }

    pub(super) fn drop_command(&mut self, id: &str) -> bool {
        self.commands.remove(&id.to_uppercase()).is_some()
    }
}

impl Command {
    /// The inside of a `ReceiveResponse`: the next pieces of what it printed, and its state.
    pub(super) fn poll(&mut self, id: &str, max_size: usize) -> String {
        // Base 64 in an envelope that Windows counts in UTF-16.
        let room = (max_size / 2).saturating_sub(3000) / 4 * 3;
        let mut room = room.clamp(512, POLL);
        self.pour(room);
        let mut xml = String::new();
        for name in ["stdout", "stderr"] {
            let stream = match name {
                "stdout" => &mut self.stdout,
                _ => &mut self.stderr,
            };
            while room > 0 && !stream.is_empty() {
                let cut = CUTS.get(self.cuts % CUTS.len()).copied().unwrap_or(room);
                self.cuts += 1;
                let piece = piece(stream, cut.min(room));
                room -= piece.len().min(room);
                // Writing to a String cannot fail.
                let _ = write!(
                    xml,
                    "<rsp:Stream Name=\"{name}\" CommandId=\"{id}\">{}</rsp:Stream>",
                    base64::encode_padded(&piece)
                );
            }
        }
        if !self.stdout.is_empty() || !self.stderr.is_empty() || self.flood > 0 {
            let running = format!("{SHELL}/CommandState/Running");
            return format!("{xml}<rsp:CommandState CommandId=\"{id}\" State=\"{running}\"/>");
        }
        for name in ["stdout", "stderr"] {
            let _ = write!(
                xml,
                "<rsp:Stream Name=\"{name}\" CommandId=\"{id}\" End=\"true\"></rsp:Stream>"
            );
        }
        format!(
            "{xml}<rsp:CommandState CommandId=\"{id}\" State=\"{SHELL}/CommandState/Done\">\
             <rsp:ExitCode>{}</rsp:ExitCode></rsp:CommandState>",
            self.exit
        )
    }

    /// A part of the flood.
    fn pour(&mut self, room: usize) {
        let more = room.saturating_sub(self.stdout.len());
        let more = usize::try_from(self.flood).map_or(more, |flood| flood.min(more));
        self.stdout.resize(self.stdout.len() + more, b'A');
        self.flood -= more as u64;
    }
}

/// Takes so many bytes off a stream, and where a longer character lies among them, only up to its
/// first byte.
fn piece(stream: &mut Vec<u8>, cut: usize) -> Vec<u8> {
    let cut = cut.min(stream.len());
    let window = stream.get(..cut).unwrap_or_default();
    let lead = window.iter().rposition(|byte| *byte >= 0xc0);
    let rest = stream.split_off(lead.map_or(cut, |lead| lead + 1));
    std::mem::replace(stream, rest)
}

impl Said {
    fn bytes(&self, page: u16) -> Vec<u8> {
        encode(&self.text, self.page.unwrap_or(page))
    }
}

/// A text in a code page; what the page does not have is a question mark.
fn encode(text: &str, page: u16) -> Vec<u8> {
    match ENCODING_TABLE_CP_MAP.get(&page) {
        Some(table) => encode_string_lossy(text, table),
        None => text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::Element;
    use super::*;

    fn ran(text: &str) -> Ran {
        Ran {
            stdout: vec![Said {
                text: text.to_owned(),
                page: None,
            }],
            stderr: "e".to_owned(),
            exit: 3,
            ..Ran::default()
        }
    }

    /// Polls to the end: the pieces of standard output, and the exit code.
    fn drain(page: u16, text: &str, flood: u64) -> (Vec<Vec<u8>>, String) {
        let mut shell = Shell::new("u", 0, page);
        let id = shell.keep(&ran(text), flood, 0);
        let mut pieces = Vec::new();
        loop {
            let xml = shell.command(&id).unwrap().poll(&id, 20_000);
            let document = format!("<a xmlns:rsp=\"{SHELL}\">{xml}</a>");
            let root = Element::parse(document.as_bytes()).unwrap();
            for stream in &root.children {
                if stream.attribute("Name") == Some("stdout") && !stream.text.is_empty() {
                    pieces.push(base64::decode(&stream.text).unwrap());
                }
            }
            let state = root.child(SHELL, "CommandState").unwrap();
            if let Some(exit) = state.child_text(SHELL, "ExitCode") {
                return (pieces, exit.to_owned());
            }
        }
    }

    #[test]
    fn output_comes_whole_and_is_cut_inside_characters() {
        let text = "Größe ☃ ".repeat(5000);
        let (pieces, exit) = drain(65001, &text, 0);
        assert_eq!(exit, "3");
        assert!(
            pieces
                .iter()
                .any(|piece| std::str::from_utf8(piece).is_err())
        );
        assert_eq!(String::from_utf8(pieces.concat()).unwrap(), text);
    }

    #[test]
    fn the_page_of_the_console_has_one_byte_for_a_letter() {
        assert_eq!(drain(437, "Größe☃", 0).0.concat(), b"Gr\x94\xe1e?");
        assert_eq!(drain(850, "©", 0).0.concat(), b"\xb8");
    }

    #[test]
    fn a_flood_is_as_long_as_it_says() {
        assert_eq!(drain(65001, "", 100_000).0.concat().len(), 100_000);
    }
}
