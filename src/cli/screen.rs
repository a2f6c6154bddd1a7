//! The terminal that a table is shown on: how wide it is, and whether it may be painted.

use super::config::Environment;
use crate::report::{Paint, Screen};
use std::io::{self, IsTerminal as _};

/// Standard output. Where it is no terminal nothing is cut and nothing painted, whatever `COLUMNS` says; `NO_COLOR`
/// and `TERM=dumb` forbid paint (<https://no-color.org>).
pub(super) fn of_output(environment: &Environment) -> Screen {
    if !io::stdout().is_terminal() {
        return Screen::default();
    }
    let set = environment
        .get("COLUMNS")
        .and_then(|text| text.parse().ok());
    let real = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let is_plain = environment.get("NO_COLOR").is_some() || environment.get("TERM") == Some("dumb");
    Screen {
        width: set.or_else(real).filter(|width| *width > 0),
        paint: if is_plain {
            Paint::Plain
        } else {
            Paint::Colours
        },
    }
}
