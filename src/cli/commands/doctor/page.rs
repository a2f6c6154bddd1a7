//! Ladders, shown: one line a rung, and at the end where it stops and what to do.

use super::super::explain::wrap;
use super::ladder::{Ladder, Rung, State};
use crate::report::for_terminal;
use std::fmt::Write as _;

/// Where a rung's words begin.
const INDENT: usize = 28;

/// A text in the making.
pub(super) struct Page {
    text: String,
    in_colour: bool,
    in_full: bool,
}

impl Page {
    pub(super) fn new(in_colour: bool, in_full: bool) -> Self {
        Self {
            text: String::new(),
            in_colour,
            in_full,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds the ladder of one address.
    pub(super) fn show(&mut self, heading: &str, ladder: &Ladder) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "{}\n", for_terminal(heading));
        for rung in &ladder.rungs {
            self.rung(rung);
        }
        self.text.push('\n');
        for line in ladder.conclusion() {
            let _ = writeln!(self.text, "{}", for_terminal(&line));
        }
    }

    fn rung(&mut self, rung: &Rung) {
        let state = format!("{:<12}", rung.state.word());
        let state = if self.in_colour {
            let colour = match rung.state {
                State::Ok => "32",
                State::Gaps => "33",
                State::Stops => "31",
                State::NotReached | State::NotJudged => "2",
            };
            format!("\u{1b}[{colour}m{state}\u{1b}[0m")
        } else {
            state
        };
        let words = wrap(&for_terminal(&rung.text), INDENT);
        let line = format!("  {:<14}{state}{}", rung.name, words.trim_start());
        let _ = writeln!(self.text, "{}", line.trim_end());
        for line in &rung.lines {
            let _ = writeln!(self.text, "{}", wrap(&for_terminal(line), INDENT + 2));
        }
        // Commands stay as they are.
        for line in rung.in_full.iter().filter(|_| self.in_full) {
            let _ = writeln!(self.text, "      {}", for_terminal(line));
        }
    }
}
