//! `explain`: what stands behind an answer.

use super::super::args::ExplainCommand;
use super::super::{Exit, Stop};
use crate::collect;
use crate::session::Ask;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Prints every command that is ever sent to a host.
pub(in crate::cli) fn run(command: &ExplainCommand) -> Result<Exit, Stop> {
    let ExplainCommand::Questions = command;
    let mut out = io::stdout().lock();
    let set = &collect::UNIX;
    let mut text = format!(
        "Every Unix host is asked the set `{}` in one exchange: these commands, and nothing else, are\nfed to `sh -s`. They change nothing. Shared functions:\n\n{}\n",
        set.name,
        indent(set.prelude)
    );
    for question in set.questions {
        let _ = write!(
            text,
            "\n{}: {}\n\n{}\n",
            question.id,
            question.why,
            indent(words(question.ask))
        );
    }
    out.write_all(text.as_bytes())
        .map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = text
        .trim()
        .lines()
        .map(|line| format!("    {line}"))
        .collect();
    lines.join("\n")
}

fn words(ask: Ask) -> &'static str {
    match ask {
        Ask::Sh(text) | Ask::Cmd(text) | Ask::Wmi { query: text, .. } => text,
        Ask::Registry { key, .. } => key,
        Ask::InsteadOf(_, ask) => words(*ask),
    }
}
