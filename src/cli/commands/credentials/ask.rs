//! Asks the operator, where there is one to ask.

use super::super::super::{Stop, hints};
use crate::credentials::keep;
use crate::credentials::resolve::{self, Prompt};
use crate::session::{Key, KeyError};
use secrecy::SecretString;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

/// Whom to ask.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Operator {
    is_there: bool,
}

impl Operator {
    /// The one at the terminal. Nobody is, where `no_input` was given or standard input is no terminal.
    pub(in crate::cli) fn new(no_input: bool) -> Self {
        let is_there = !no_input && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self { is_there }
    }

    pub(in crate::cli) fn is_there(self) -> bool {
        self.is_there
    }

    /// How secrets are asked for: without echo.
    pub(super) fn prompt(self) -> Option<&'static Prompt<'static>> {
        self.is_there
            .then_some(&resolve::ask_on_terminal as &Prompt<'_>)
    }

    /// A line that is no secret; what is missing is named by its flag where nobody can be asked.
    pub(super) fn line(self, question: &str, flag: &str) -> Result<String, Stop> {
        const LONGEST: u64 = 4096;
        if !self.is_there {
            return Err(Stop::usage(format!("{flag} is missing")));
        }
        write!(io::stderr(), "{question}: ").map_err(|error| Stop::failed(&error))?;
        let mut line = String::new();
        let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
        read.map_err(|error| Stop::failed(&error))?;
        let line = line.trim().to_owned();
        if line.is_empty() {
            return Err(Stop::usage("nothing was typed; nothing was changed"));
        }
        Ok(line)
    }

    /// A yes or a no; no where nobody can be asked.
    pub(in crate::cli) fn agrees(self, question: &str) -> bool {
        let answer = self.line(&format!("{question} [y/N]"), "");
        answer.is_ok_and(|answer| answer.eq_ignore_ascii_case("y"))
    }

    /// A new secret: from standard input where that was wished, else typed twice.
    pub(super) fn new_secret(
        self,
        of: &str,
        is_key: bool,
        from_stdin: bool,
    ) -> Result<SecretString, Stop> {
        let secret = if from_stdin {
            keep::read_from(&mut io::stdin().lock(), is_key)
        } else if is_key {
            let text =
                "a key is not typed: read it with --stdin, or name its file with --in file:PATH";
            return Err(Stop::usage(text));
        } else if let Some(prompt) = self.prompt() {
            keep::ask_twice(prompt, &format!("New secret of {of}: "))
        } else {
            let text = "nobody can be asked for the secret here: read it with --stdin (secrets are never taken from the command line)";
            return Err(Stop::usage(text));
        };
        let secret = secret.map_err(|error| Stop::configuration(&error))?;
        if is_key {
            check_key(&secret)?;
        }
        Ok(secret)
    }
}

/// Nothing that is no key is stored as one. That it has a passphrase is no fault.
fn check_key(text: &SecretString) -> Result<(), Stop> {
    match Key::parse(text, None) {
        Ok(_) | Err(KeyError::PassphraseNeeded) => Ok(()),
        Err(error) => Err(Stop::usage(format!(
            "what standard input holds is not stored: {}",
            hints::chain(&error)
        ))),
    }
}
