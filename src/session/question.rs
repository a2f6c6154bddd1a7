//! What a host is asked, and what it answered.
//!
//! Pure: the script is a function of the set and a nonce, the answers are a function of the bytes
//! that came back.

use super::Limits;
use crate::model::{Gap, GapCause, ResultCode, hex};
use std::collections::BTreeMap;
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
}

/// The answers of one host, by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    by_id: BTreeMap<&'static str, Answer>,
    losses: Vec<Loss>,
}

/// A right or a service that a session went without, so that some questions were asked another way
/// or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What was missing: `wmi_denied`, `shell_denied`, `quota`, …
    pub code: ResultCode,
    /// The particulars. Attacker-controlled in part.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    reply: Option<Reply>,
    read: Result<Read, GapCause>,
}

/// How a reply reads as text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Read {
    AsIs,
    Mended(String),
}

impl Answers {
    /// Records what a host replied to a question: an answer, or a gap.
    pub fn record(&mut self, id: &'static str, reply: &Reply, limits: &Limits) {
        self.take(id, reply.clone(), limits);
    }

    fn take(&mut self, id: &'static str, reply: Reply, limits: &Limits) {
        if reply.stdout.len() > limits.answer_bytes {
            return self.mark(id, GapCause::Malformed);
        }
        let read = match reply.exit {
            0 if std::str::from_utf8(&reply.stdout).is_ok() => Ok(Read::AsIs),
            0 => Ok(Read::Mended(
                String::from_utf8_lossy(&reply.stdout).into_owned(),
            )),
            120 | 127 => Err(GapCause::Missing),
            124 => Err(GapCause::TimedOut),
            _ => Err(GapCause::Denied),
        };
        let reply = Some(reply);
        self.by_id.insert(id, Answer { reply, read });
    }

    /// Records that a question has no answer, and why.
    pub fn mark(&mut self, id: &'static str, cause: GapCause) {
        let read = Err(cause);
        self.by_id.insert(id, Answer { reply: None, read });
    }

    /// The text a question was answered with, or the gap it left. Bytes that are not UTF-8 read
    /// as U+FFFD.
    pub fn text(&self, id: &'static str) -> Result<&str, Gap> {
        let gap = |cause| Gap {
            question: id.to_owned(),
            cause,
        };
        let answer = self.by_id.get(id).ok_or_else(|| gap(GapCause::NotAsked))?;
        match (&answer.read, &answer.reply) {
            (Ok(Read::Mended(text)), _) => Ok(text),
            (Ok(Read::AsIs), Some(reply)) => {
                std::str::from_utf8(&reply.stdout).map_err(|_| gap(GapCause::Malformed))
            }
            (Ok(Read::AsIs), None) => Err(gap(GapCause::NotAsked)),
            (Err(cause), _) => Err(gap(*cause)),
        }
    }

    /// What exactly came back, for `--record`; `None` where nothing did, or more than we keep.
    pub fn reply(&self, id: &str) -> Option<&Reply> {
        self.by_id.get(id)?.reply.as_ref()
    }

    /// The questions that have an answer or a cause for having none, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.by_id.keys().copied()
    }

    /// Whether a question has an answer or a cause for having none.
    pub fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes over what another exchange brought; it counts where both speak of a question.
    pub fn absorb(&mut self, later: Self) {
        self.by_id.extend(later.by_id);
        self.losses.extend(later.losses);
    }

    /// Marks every question of a set about which nothing is recorded.
    pub fn mark_rest(&mut self, set: &QuestionSet, cause: GapCause) {
        for question in set.questions {
            if !self.by_id.contains_key(question.id) {
                self.mark(question.id, cause);
            }
        }
    }

    /// Records that a right or a service was missing.
    pub fn lose(&mut self, code: ResultCode, detail: impl Into<String>) {
        let detail = detail.into();
        self.losses.push(Loss { code, detail });
    }

    /// What the session went without, in the order in which it showed.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Whether nothing at all is recorded.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SET: QuestionSet = QuestionSet {
        name: "test",
        prelude: "__greet() { printf 'hello %s' \"$1\"; }",
        questions: &[
            Question {
                id: "greeting",
                ask: Ask::Sh("__greet world"),
                why: "",
            },
            Question {
                id: "nothing",
                ask: Ask::Sh(":"),
                why: "",
            },
            Question {
                id: "no-tool",
                ask: Ask::Sh("__surely_no_such_tool"),
                why: "",
            },
            Question {
                id: "says-missing",
                ask: Ask::Sh("echo half; exit 120"),
                why: "",
            },
            Question {
                id: "says-denied",
                ask: Ask::Sh("exit 121"),
                why: "",
            },
            Question {
                id: "eats-input",
                ask: Ask::Sh("cat; cat >&2"),
                why: "",
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
}
