//! What a host is asked, and what it answered.
//!
//! Pure: the script is a function of the set and a nonce, the answers are a function of the bytes
//! that came back.

mod answers;

pub use answers::{Answers, Loss};

use super::Limits;
use crate::model::hex;
use std::fmt::{self, Write as _};

/// Questions that are asked together, in one exchange.
#[derive(Clone, Copy, Debug)]
pub struct QuestionSet {
    /// The name in logs and in `explain questions`.
    pub name: &'static str,
    /// Shell functions that the scripts share.
    pub prelude: &'static str,
    /// The questions, in the order in which they are asked.
    pub questions: &'static [Question],
}

/// A question to a host. Always a constant of the program: nothing a host or a user says is ever
/// spliced into one.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Its name; also the fixture's file name. Letters, digits, `-`, `_` and `.`.
    pub id: &'static str,
    /// How it is asked.
    pub ask: Ask,
    /// Why we want to know, for `explain questions`.
    pub why: &'static str,
    /// What an account needs for it to be answered.
    pub needs: Needs,
    /// What is lost where it is not, in a sentence.
    pub loss: &'static str,
}

/// What an account needs beyond its login for a question to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing: any account is answered.
    Login,
    /// To be root: by way of sudo, where the account is not.
    Root,
    /// To read the question's namespace of WMI over the network.
    Wmi,
    /// The same, and to list services, which their manager guards by itself.
    WmiServices,
    /// A shell over WinRM, or else to call `StdRegProv` of WMI. Over SSH every account has one.
    Shell,
    /// A shell, and to read the event logs.
    EventLog,
    /// To be an administrator.
    Administrators,
}

impl Needs {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Login => "nothing but a login",
            Self::Root => "root",
            Self::Wmi => "leave to read WMI over the network",
            Self::WmiServices => "leave to read WMI over the network, and to list services",
            Self::Shell => "a shell over WinRM, or leave to call StdRegProv; over SSH nothing more",
            Self::EventLog => "the same as for a shell, and to be in Event Log Readers",
            Self::Administrators => "to be an administrator",
        }
    }
}

/// How a question is asked, whatever the protocol: a session turns it into its own words, and the
/// answer reads the same over each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// POSIX shell commands. They run in a subshell without standard input and standard error, and
    /// may `exit 120` for "no such tool or file here" and `exit 121` for "not for this account".
    Sh(&'static str),
    /// A WQL query to WMI. The answer is the canonical text of [`super::WmiRow`].
    Wmi {
        /// The namespace: `root/cimv2`.
        namespace: &'static str,
        /// `SELECT A,B FROM C`, always with the names of its properties.
        query: &'static str,
    },
    /// The values of a registry key. The answer is what `reg query` prints; the keys in it are
    /// spelt out (`HKEY_LOCAL_MACHINE`), and lines end in LF or CRLF.
    Registry {
        /// The key, with the short name of its root: `HKLM\SOFTWARE\...`.
        key: &'static str,
        /// Whether the keys below it are read too (`/s`); else only their names.
        tree: bool,
        /// The one value to read (`/v`); else all.
        value: Option<&'static str>,
        /// Which half of a 64-bit registry.
        view: View,
    },
    /// One line for cmd.exe, of at most 2,000 characters; the answer is its standard output. The
    /// line has to mean the same in a group in parentheses.
    Cmd(&'static str),
    /// As [`Ask::Wmi`] or [`Ask::Registry`] or [`Ask::Cmd`], but only where another question of the
    /// set was left without an answer.
    InsteadOf(&'static str, &'static Self),
}

/// Which half of a 64-bit Windows registry is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Whichever the shell sees: for keys of which there is one.
    Any,
    /// `/reg:64`.
    Bits64,
    /// `/reg:32`.
    Bits32,
}

/// What a question was answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The exit status, as POSIX shells give it.
    pub exit: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
}

/// The marker of one exchange: 32 hex digits that nobody could have known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Makes one up.
    pub fn random() -> Self {
        Self::from_bytes(rand::random())
    }

    /// Takes one as given, for tests and fuzzing.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl QuestionSet {
    /// The whole set as one text for `sh -s`.
    ///
    /// Each answer comes framed in lines: `NONCE B id`, standard output, `NONCE E id status`; at the
    /// end `NONCE DONE`. A line break goes before each of these, so that an answer without one at
    /// its end does not hide the frame.
    pub fn script(&self, nonce: &Nonce) -> String {
        let mut script = format!("__n={nonce}\n{PREAMBLE}{}\n", self.prelude);
        for (index, question) in self.questions.iter().enumerate() {
            let Question { id, ask, .. } = question;
            let Ask::Sh(body) = ask else { continue };
            // Writing to a String cannot fail.
            let _ = writeln!(script, "__q{index}() {{\n{body}\n}}\n__ask {id} __q{index}");
        }
        script.push_str("printf '\\n%s DONE\\n' \"$__n\"\nexit 0\n");
        script
    }

    /// Reads what came back on standard output, whole or cut short.
    ///
    /// A frame whose line ends in CRLF was written by a shell of Windows: its line break is both
    /// characters.
    ///
    /// Total: any bytes give some answers. Questions without a complete frame are left out, so that
    /// they read as not asked; the caller, who knows why the bytes ended, may [`Answers::mark`]
    /// them. Where a frame comes twice the first one counts.
    pub fn parse_frames(&self, nonce: &Nonce, bytes: &[u8], limits: &Limits) -> Parsed {
        let mut parsed = Parsed::default();
        let lead = format!("\n{nonce} ");
        let mut open: Option<(&'static str, usize)> = None;
        let mut at = 0;
        // One pass: a host that writes nothing but frames must not cost quadratic time.
        while let Some(marker) = Marker::next(bytes, at, lead.as_bytes()) {
            at = marker.end;
            match marker.kind {
                Kind::Done => {
                    parsed.done = true;
                    break;
                }
                Kind::Begin(id) => open = self.id(id).map(|id| (id, marker.end)),
                Kind::End(id, exit) => {
                    let Some((asked, start)) = open.take().filter(|open| open.0.as_bytes() == id)
                    else {
                        continue;
                    };
                    let stdout = bytes.get(start..marker.start).unwrap_or_default().to_vec();
                    if !parsed.answers.by_id.contains_key(asked) {
                        parsed.answers.take(asked, Reply { exit, stdout }, limits);
                    }
                }
                Kind::Noise => {}
            }
        }
        parsed.open = open.map(|(id, _)| id);
        parsed
    }

    fn id(&self, id: &[u8]) -> Option<&'static str> {
        let mut ids = self.questions.iter().map(|question| question.id);
        ids.find(|known| known.as_bytes() == id)
    }
}

/// A well-defined place to ask from: no locale, and the folders where system tools live.
const PREAMBLE: &str = "\
unset IFS CDPATH ENV BASH_ENV
LC_ALL=C LANG=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export LC_ALL LANG PATH
__ask() {
printf '\\n%s B %s\\n' \"$__n\" \"$1\"
( \"$2\" ) </dev/null 2>/dev/null
printf '\\n%s E %s %s\\n' \"$__n\" \"$1\" \"$?\"
}
";

/// What came back from one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The complete answers.
    pub answers: Answers,
    /// Whether the script ran to its end.
    pub done: bool,
    /// The question whose answer had begun and not ended.
    pub open: Option<&'static str>,
}

/// A line that frames an answer.
struct Marker<'a> {
    /// Where the line break before it is.
    start: usize,
    /// Where the next line begins.
    end: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Begin(&'a [u8]),
    End(&'a [u8], i32),
    Done,
    Noise,
}

impl<'a> Marker<'a> {
    /// The first marker at or after `from`. A line that was cut short is none.
    fn next(bytes: &'a [u8], from: usize, lead: &[u8]) -> Option<Self> {
        let start = from + find(bytes.get(from..)?, lead)?;
        let text = start + lead.len();
        let tail = bytes.get(text..)?;
        let length = tail.iter().position(|byte| *byte == b'\n')?;
        let end = text + length + 1;
        let line = tail.get(..length)?;
        let Some(line) = line.strip_suffix(b"\r") else {
            let kind = Kind::read(line);
            return Some(Self { start, end, kind });
        };
        let broken = bytes
            .get(from..start)
            .is_some_and(|text| text.ends_with(b"\r"));
        let start = start - usize::from(broken);
        let kind = Kind::read(line);
        Some(Self { start, end, kind })
    }
}

impl<'a> Kind<'a> {
    fn read(line: &'a [u8]) -> Self {
        let mut words = line.split(|byte| *byte == b' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(b"DONE"), None, ..) => Self::Done,
            (Some(b"B"), Some(id), None, _) => Self::Begin(id),
            (Some(b"E"), Some(id), Some(exit), None) => {
                let exit = std::str::from_utf8(exit).ok();
                Self::End(id, exit.and_then(status).unwrap_or(-1))
            }
            _ => Self::Noise,
        }
    }
}

/// An exit status: 32 bits, which Windows writes with or without a sign.
fn status(text: &str) -> Option<i32> {
    let signed = text.parse().ok();
    signed.or_else(|| text.parse().ok().map(u32::cast_signed))
}

/// Where `needle` first is.
pub(super) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let at = from + hay.get(from..)?.iter().position(|byte| *byte == first)?;
        if hay.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests;
