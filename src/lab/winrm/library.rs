//! What a Windows host answers to the questions that the program asks, found by their wording.
//!
//! The wording is written here once more, apart from the session's: what a host hears has to be one
//! of its questions, letter for letter.

use super::super::recording::Recording;
use crate::collect::{WINDOWS, WINDOWS_ACCOUNT};
use crate::session::{Ask, View, WmiRow};
use std::fmt::Write as _;

/// The answers of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Library {
    entries: Vec<Entry>,
}

/// A question and its answer.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) ask: Ask,
    /// The status of [`crate::session::Reply`].
    pub(super) exit: i32,
    pub(super) text: String,
    /// The line for cmd, of a question that has one.
    line: Option<String>,
}

const OEM_PAGE: Ask = Ask::Registry {
    key: r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage",
    tree: false,
    value: Some("OEMCP"),
    view: View::Any,
};

impl Library {
    /// The answers of a recording, and the one question that a session asks for its own sake: in
    /// which code page the console writes.
    pub(super) fn new(recording: &Recording, oem_code_page: u16) -> Self {
        let entry = |question: &crate::session::Question| {
            let ask = match question.ask {
                Ask::InsteadOf(_, ask) => *ask,
                ask => ask,
            };
            let (exit, text) = recording.answer(question.id);
            Entry {
                ask,
                exit,
                text: String::from_utf8_lossy(text).into_owned(),
                line: line(&ask),
            }
        };
        // The account's first question is one of the others too.
        let own = WINDOWS_ACCOUNT.questions.iter();
        let own = own.filter(|own| WINDOWS.questions.iter().all(|one| one.id != own.id));
        let all = WINDOWS.questions.iter().chain(own);
        let mut entries: Vec<Entry> = all.map(entry).collect();
        entries.push(Entry {
            ask: OEM_PAGE,
            exit: 0,
            text: format!(
                "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage\r\n\
                 \x20   OEMCP    REG_SZ    {oem_code_page}\r\n\r\n"
            ),
            line: line(&OEM_PAGE),
        });
        // Where one line begins with another, the longer one is meant.
        entries.sort_by_key(|entry| usize::MAX - entry.line.as_ref().map_or(0, String::len));
        Self { entries }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The question that a WMI query is, if it is one.
    pub(super) fn query(&self, namespace: &str, query: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| match entry.ask {
            Ask::Wmi {
                namespace: known,
                query: asked,
            } => known.eq_ignore_ascii_case(namespace) && asked == query,
            _ => false,
        })
    }

    /// The question with whose line a text begins, and what comes after it.
    pub(super) fn line<'a>(&self, text: &'a str) -> Option<(&Entry, &'a str)> {
        self.entries.iter().find_map(|entry| {
            let rest = text.strip_prefix(entry.line.as_deref()?)?;
            let ends = rest.trim_start_matches(' ');
            let whole = ends.is_empty() || ends.starts_with(['&', '|', ')', '<', '>', '2']);
            whole.then_some((entry, rest))
        })
    }
}

impl Entry {
    /// The instances of a WMI answer.
    pub(super) fn rows(&self) -> Vec<WmiRow> {
        WmiRow::parse(&self.text)
    }
}

fn line(ask: &Ask) -> Option<String> {
    match *ask {
        Ask::Cmd(line) => Some(line.to_owned()),
        Ask::Registry {
            key,
            tree,
            value,
            view,
        } => {
            let mut line = format!("reg query \"{key}\"");
            if tree {
                line.push_str(" /s");
            }
            // Writing to a String cannot fail.
            let _ = match value {
                Some("") => write!(line, " /ve"),
                Some(value) => write!(line, " /v \"{value}\""),
                None => Ok(()),
            };
            line.push_str(match view {
                View::Any => "",
                View::Bits64 => " /reg:64",
                View::Bits32 => " /reg:32",
            });
            Some(line)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_found_by_its_wording_and_by_nothing_less() {
        let library = Library::new(&Recording::default(), 437);
        let key = r#"reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /reg:64"#;
        let (entry, rest) = library
            .line(&format!("{key}&&echo x"))
            .map(|(e, r)| (e.ask, r.len()))
            .unwrap();
        assert!(matches!(entry, Ask::Registry { tree: false, .. }));
        assert_eq!(rest, 8);
        assert!(library.line(&format!("{key} /f x")).is_none());
        assert!(library.line("whoami").is_none());
        for question in WINDOWS.questions {
            if let Ask::Wmi { namespace, query } = question.ask {
                assert!(library.query(namespace, query).is_some());
                assert!(
                    library
                        .query(namespace, query.trim_start_matches('S'))
                        .is_none()
                );
            }
        }
    }
}
