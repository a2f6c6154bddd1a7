//! `findings`: which machines miss these updates.

use super::super::asked::{Listed, Wanted, list};
use super::super::asked_args::FindingsArguments;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, columns, screen};
use crate::report::{Listing, Screen, asked, listing};

/// What is shown where nobody names columns; the address stands in for a name that nobody knows.
const COLUMNS: [&str; 9] = [
    "rank",
    "my_severity",
    "state",
    "hostname",
    "ip",
    "product",
    "bulletin_id",
    "fix",
    "due_date",
];

/// Lists findings of a stored run, the first to see to first, and says of how many machines nothing is known.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &FindingsArguments,
) -> Result<Exit, Stop> {
    let wanted = Wanted {
        run: command.run.as_deref(),
        selection: command.selection.read()?,
        all: command.all,
        table: "findings",
        verdicts: &command.verdicts,
        beliefs: &command.beliefs,
        listing: &command.listing,
    };
    list(settings, wanted, |listed| {
        page(listed, screen::of_output(environment))
    })
}

/// The table, and behind it what it rests on.
fn page(listed: &Listed, screen: Screen) -> Result<String, Stop> {
    if let Some(blind) = listed.blind() {
        return Ok(format!("{blind}\n"));
    }
    let own: Vec<&str> = listed.options.columns.iter().map(String::as_str).collect();
    let chosen = if own.is_empty() { &COLUMNS[..] } else { &own };
    let wanted = [("findings", &["rank"][..]), ("findings", chosen)];
    let lists = listing(&listed.source, &listed.options, &wanted);
    let lists = lists.map_err(|error| Stop::configuration(&error))?;
    let mut text = String::new();
    if let [ranks, shown] = lists.as_slice() {
        let rows = by_rank(ranks, shown);
        let mut shown = Listing {
            columns: shown.columns.clone(),
            rows,
        };
        if own.is_empty() {
            stand_in(&mut shown);
        }
        name_unrated(&mut shown);
        if shown.rows.is_empty() {
            text.push_str("No finding is what was asked for.\n");
        } else {
            text.push_str(&columns::shown(&shown, !own.is_empty(), screen));
        }
    }
    text.push('\n');
    text.push_str(&asked(&listed.tally()?));
    Ok(text)
}

/// The rows in the order of their ranks; closed findings have none, and come last.
pub(super) fn by_rank(ranks: &Listing, shown: &Listing) -> Vec<Vec<String>> {
    let rank = |row: &Vec<String>| {
        let rank = row.first().and_then(|cell| cell.parse::<u64>().ok());
        rank.unwrap_or(u64::MAX)
    };
    let ranks = ranks.rows.iter().map(rank);
    let mut rows: Vec<_> = ranks.zip(shown.rows.iter().cloned()).collect();
    rows.sort_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Says of a finding that nobody rates that it is so: an empty cell looks harmless.
pub(super) fn name_unrated(shown: &mut Listing) {
    for column in ["my_severity", "vendor_severity"] {
        let Some(place) = shown.place(column) else {
            continue;
        };
        let cells = shown.rows.iter_mut().filter_map(|row| row.get_mut(place));
        for cell in cells.filter(|cell| cell.is_empty()) {
            "unrated".clone_into(cell);
        }
    }
}

/// Takes the address out of each row, and puts it where the name is not known.
fn stand_in(shown: &mut Listing) {
    let (Some(name), Some(ip)) = (shown.place("hostname"), shown.place("ip")) else {
        return;
    };
    shown.columns.remove(ip);
    for row in &mut shown.rows {
        let address = row.remove(ip);
        if let Some(cell) = row.get_mut(name).filter(|cell| *cell == "unknown") {
            *cell = address;
        }
    }
}
