//! Many questions in few commands, each answer in a frame of its own.
//!
//! A question becomes `echo N B id&(question&&echo N E id 0)||echo N E id 1`, where `N` is random:
//! cmd.exe expands `%errorlevel%` of a line before it runs it, so that the status is told by which
//! of the two echoes ran. That is all there is to know of reg.exe. Of other tools the status itself
//! says more: `call` reads its line once more when it runs, and so expands `%^errorlevel%` late, in
//! a line `N F id status` before the last one. Questions are joined by `&` as far as a command line
//! is long.

use crate::model::hex;
use crate::session::Ask;
use crate::session::question::find;
use crate::session::windows_shell::cmd::reg_query;
use std::fmt;

/// The longest command, in characters. cmd.exe takes 8,191, and WinRM adds words of its own.
pub(super) const LINE: usize = 7_500;

/// The marker of one command's frames: 12 hex digits that nobody could have known before.
#[derive(Clone, Debug)]
pub(super) struct Marker(String);

/// Questions that are asked in one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The command.
    pub(super) line: String,
    /// Its questions, in order.
    pub(super) ids: Vec<&'static str>,
    /// The last word of its output but for the status.
    pub(super) last: Vec<u8>,
}

/// An answer in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) id: &'static str,
    /// What its command ended with: 0 where it succeeded, 1 where all we know is that it did not.
    pub(super) status: i32,
    pub(super) stdout: Vec<u8>,
}

/// What a command wrote, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) whole: Vec<Frame>,
    /// The question whose answer begins and does not end.
    pub(super) open: Option<&'static str>,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Marker {
    pub(super) fn random() -> Self {
        Self(hex(&rand::random::<[u8; 6]>()))
    }

    /// Takes one as given.
    #[cfg(test)]
    pub(super) fn fixed() -> Self {
        Self("0123456789ab".to_owned())
    }

    /// Puts questions into commands, in their order. One with a pipe or a loop has its own, so that
    /// a command line which cmd.exe does not understand costs one question and not all.
    pub(super) fn batches(&self, questions: &[(&'static str, Ask)]) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut alone = Vec::new();
        for (id, ask) in questions {
            let Some((piece, is_plain)) = self.piece(id, ask) else {
                continue;
            };
            if !is_plain {
                alone.push(self.batch(id, piece));
                continue;
            }
            match batches.last_mut() {
                Some(batch) if batch.line.len() + 1 + piece.len() <= LINE => {
                    batch.line.push('&');
                    batch.line.push_str(&piece);
                    batch.ids.push(id);
                    batch.last = self.end(id);
                }
                _ => batches.push(self.batch(id, piece)),
            }
        }
        batches.extend(alone);
        batches
    }

    /// Takes what a command wrote apart. Total; where a frame comes twice the first one counts.
    ///
    /// A marker may stand anywhere in a line: not every tool ends its output with a line break.
    pub(super) fn read(&self, ids: &[&'static str], bytes: &[u8]) -> Frames {
        let lead = format!("{} ", self.0);
        let mut frames = Frames::default();
        let mut open: Option<Open> = None;
        let mut at = 0;
        while let Some(found) = find(bytes.get(at..).unwrap_or_default(), lead.as_bytes()) {
            let start = at + found;
            let words = start + lead.len();
            let tail = bytes.get(words..).unwrap_or_default();
            let Some(length) = tail.iter().position(|byte| *byte == b'\n') else {
                break;
            };
            at = words + length + 1;
            let line = tail.get(..length).unwrap_or_default().trim_ascii();
            match (word(line, ids), &mut open) {
                (Some((Edge::Begin, id)), _) => open = Some(Open::new(id, at)),
                (Some((Edge::Failed { status }, id)), Some(begun)) if id == begun.id => {
                    begun.failed.get_or_insert((start, status));
                }
                (Some((Edge::End { status }, id)), Some(begun)) if id == begun.id => {
                    let (end, status) = begun.failed.unwrap_or((start, status));
                    let stdout = bytes.get(begun.from..end).unwrap_or_default().to_vec();
                    frames.whole.push(Frame { id, status, stdout });
                    open = None;
                }
                _ => {}
            }
        }
        frames.open = open.map(|open| open.id);
        frames
    }

    fn batch(&self, id: &'static str, line: String) -> Batch {
        let last = self.end(id);
        Batch {
            line,
            ids: vec![id],
            last,
        }
    }

    /// The last word of a question's answer, but for its status.
    pub(super) fn end(&self, id: &str) -> Vec<u8> {
        format!("{} E {id} ", self.0).into_bytes()
    }

    /// A question in its frame, and whether it may share a command with others.
    fn piece(&self, id: &str, ask: &Ask) -> Option<(String, bool)> {
        let n = &self.0;
        let failed = format!("echo {n} E {id} 1");
        let (line, failed, is_plain) = match *ask {
            Ask::Registry {
                key,
                tree,
                value,
                view,
            } => (reg_query(key, tree, value, view), failed, true),
            // A loop would take the echo after it for part of itself.
            Ask::Cmd(line) => (
                format!("({line})"),
                format!("((call echo {n} F {id} %^errorlevel%)&{failed})"),
                !line.contains('|') && !line.starts_with("for "),
            ),
            Ask::Sh(_) | Ask::Wmi { .. } | Ask::InsteadOf(..) => return None,
        };
        let framed = format!("echo {n} B {id}&({line}&&echo {n} E {id} 0)||{failed}");
        Some((framed, is_plain))
    }
}

/// A frame that has begun.
struct Open {
    id: &'static str,
    /// Where its answer begins.
    from: usize,
    /// Where its answer ends, and the status, where `call` told it.
    failed: Option<(usize, i32)>,
}

impl Open {
    fn new(id: &'static str, from: usize) -> Self {
        let failed = None;
        Self { id, from, failed }
    }
}

/// An edge of a frame.
#[derive(Clone, Copy)]
enum Edge {
    Begin,
    Failed { status: i32 },
    End { status: i32 },
}

fn word(line: &[u8], ids: &[&'static str]) -> Option<(Edge, &'static str)> {
    let mut words = line.split(|byte| *byte == b' ');
    let edge = match (words.next()?, words.clone().nth(1)) {
        (b"B", None) => Edge::Begin,
        // What is no number was not expanded, and a 0 is an older command's: it failed all the same.
        (b"F", Some(status)) => Edge::Failed {
            status: number(status).filter(|status| *status != 0).unwrap_or(1),
        },
        (b"E", Some(status)) => Edge::End {
            status: number(status)?,
        },
        _ => return None,
    };
    let id = words.next()?;
    let known = ids.iter().find(|known| known.as_bytes() == id)?;
    Some((edge, known))
}

fn number(digits: &[u8]) -> Option<i32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::View;
    use proptest::prelude::*;

    const KEY: Ask = Ask::Registry {
        key: r"HKLM\SOFTWARE\X Y",
        tree: true,
        value: Some("V"),
        view: View::Bits32,
    };

    #[test]
    fn a_registry_question_is_one_command_in_a_frame() {
        let batches = Marker::fixed().batches(&[("a", KEY), ("b", Ask::Cmd("netstat -ano"))]);
        assert_eq!(batches.len(), 1);
        assert_eq!(
            batches[0].line,
            r#"echo 0123456789ab B a&(reg query "HKLM\SOFTWARE\X Y" /s /v "V" /reg:32&&echo 0123456789ab E a 0)||echo 0123456789ab E a 1&echo 0123456789ab B b&((netstat -ano)&&echo 0123456789ab E b 0)||((call echo 0123456789ab F b %^errorlevel%)&echo 0123456789ab E b 1)"#
        );
        assert_eq!(batches[0].last, b"0123456789ab E b ");
    }

    #[test]
    fn a_pipe_or_a_loop_has_a_command_of_its_own() {
        let questions = [
            ("loop", Ask::Cmd("for %h in (1) do @echo %h")),
            ("a", KEY),
            ("pipe", Ask::Cmd("a | b")),
            ("b", KEY),
        ];
        let ids: Vec<_> = Marker::fixed()
            .batches(&questions)
            .into_iter()
            .map(|batch| batch.ids)
            .collect();
        assert_eq!(ids, [vec!["a", "b"], vec!["loop"], vec!["pipe"]]);
    }

    #[test]
    fn no_command_is_longer_than_a_command_line() {
        let questions = vec![("a-question-with-a-name", KEY); 200];
        let batches = Marker::random().batches(&questions);
        assert!(batches.iter().all(|batch| batch.line.len() <= LINE));
        assert_eq!(
            batches.iter().map(|batch| batch.ids.len()).sum::<usize>(),
            200
        );
    }

    #[test]
    fn the_shared_questions_of_windows_fit_in_one_command() {
        // A test may look at its neighbours' constants by way of what they promise: 2,000 each.
        let questions = vec![("a", Ask::Cmd("netstat -ano")); 40];
        assert_eq!(Marker::random().batches(&questions).len(), 1);
    }

    fn read(text: &str) -> Frames {
        Marker::fixed().read(&["a", "b"], text.as_bytes())
    }

    #[test]
    fn an_answer_may_end_without_a_line_break() {
        let frames = read(
            "0123456789ab B a\r\none\r\ntwo0123456789ab E a 0\r\n0123456789ab B b \r\n0123456789ab E b 1\r\n",
        );
        let [a, b] = frames.whole.as_slice() else {
            panic!("{frames:?}")
        };
        assert_eq!((a.stdout.as_slice(), a.status), (&b"one\r\ntwo"[..], 0));
        assert_eq!((b.stdout.as_slice(), b.status), (&b""[..], 1));
        assert_eq!(frames.open, None);
    }

    #[test]
    fn a_status_is_what_call_made_of_it_or_else_that_it_failed() {
        let status = |told: &str| {
            let text = format!("0123456789ab B a\r\nhalf\r\n{told}0123456789ab E a 1\r\n");
            let frames = read(&text);
            let frame = frames.whole.first()?;
            assert_eq!(frame.stdout, b"half\r\n");
            Some(frame.status)
        };
        assert_eq!(status("0123456789ab F a 5\r\n"), Some(5));
        assert_eq!(
            status("0123456789ab F a -1073741819\r\n"),
            Some(-1_073_741_819)
        );
        assert_eq!(status("0123456789ab F a %errorlevel%\r\n"), Some(1));
        assert_eq!(status("0123456789ab F a 0\r\n"), Some(1));
        assert_eq!(status(""), Some(1));
    }

    #[test]
    fn an_answer_without_an_end_is_open_and_not_whole() {
        let frames = read(
            "0123456789ab B a\r\n0123456789ab E a 0\r\n0123456789ab B b\r\nhalf\r\n0123456789ab E b",
        );
        assert_eq!(frames.whole.len(), 1);
        assert_eq!(frames.open, Some("b"));
    }

    proptest! {
        #[test]
        fn any_pieces_of_frames_are_read_without_a_panic(pieces in prop::collection::vec(0..10_usize, 0..40)) {
            let words = ["0123456789ab", " ", "B", "F", "E", "a", "b", "0", "\r\n", "x"];
            let text: String = pieces.iter().map(|piece| words[*piece]).collect();
            read(&text);
        }

        #[test]
        fn any_answer_comes_back_as_it_was(stdout in prop::collection::vec(any::<u8>(), 0..200), status in 0..9_i32) {
            let marker = Marker::fixed();
            let mut bytes = b"0123456789ab B a\r\n".to_vec();
            bytes.extend(&stdout);
            bytes.extend(format!("0123456789ab E a {status}\r\n").into_bytes());
            let frames = marker.read(&["a"], &bytes);
            prop_assert_eq!(frames.whole, [Frame { id: "a", status, stdout }]);
        }
    }
}
