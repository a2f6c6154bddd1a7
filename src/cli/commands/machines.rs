//! `machines`: who is there, how far each was read, and what it lacks.

use super::super::asked::{Listed, Wanted, list};
use super::super::asked_args::MachinesArguments;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, columns, screen};
use crate::model::plural;
use crate::report::{Screen, asked, listing};
use std::fmt::Write as _;

/// What is shown where nobody names columns.
const COLUMNS: [&str; 10] = [
    "hostname",
    "ip",
    "os_name",
    "outcome",
    "missing_count",
    "no_fix_count",
    "worst_severity",
    "kev_count",
    "reboot_pending",
    "managed_state",
];

/// Lists machines of a stored run, those that were not read among them.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &MachinesArguments,
) -> Result<Exit, Stop> {
    let wanted = Wanted {
        run: command.run.as_deref(),
        selection: command.selection.read()?,
        all: false,
        table: "machines",
        verdicts: &command.verdicts,
        beliefs: &command.beliefs,
        listing: &command.listing,
    };
    list(settings, wanted, |listed| {
        page(listed, screen::of_output(environment))
    })
}

fn page(listed: &Listed, screen: Screen) -> Result<String, Stop> {
    let own: Vec<&str> = listed.options.columns.iter().map(String::as_str).collect();
    let chosen = if own.is_empty() { &COLUMNS[..] } else { &own };
    let lists = listing(&listed.source, &listed.options, &[("machines", chosen)]);
    let lists = lists.map_err(|error| Stop::configuration(&error))?;
    let shown = lists.into_iter().next().unwrap_or_default();
    let tally = listed.tally()?;
    let mut text = String::new();
    if shown.rows.is_empty() {
        let _ = writeln!(
            text,
            "No machine is what was asked for, of {} in the run.",
            tally.of_machines
        );
    } else {
        text.push_str(&columns::shown(&shown, !own.is_empty(), screen));
    }
    text.push('\n');
    if let Some(blind) = listed.blind() {
        let _ = writeln!(text, "{blind}");
    } else if listed.options.selection.limits_findings() {
        text.push_str(&asked(&tally));
        text.push_str(
            "Listed are machines with such findings, and those of which nobody can tell\n",
        );
    } else {
        let unread = match tally.not_assessed {
            0 => String::new(),
            unread => format!(", {unread} not: nothing is known of what these lack"),
        };
        let _ = writeln!(
            text,
            "{} of {}; {} read{unread}",
            tally.machines,
            plural(tally.of_machines, "machine"),
            tally.read
        );
    }
    Ok(text)
}
