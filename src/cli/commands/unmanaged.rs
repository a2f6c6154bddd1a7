//! `unmanaged`: the network as a run found it, against the lists that people believe.

use super::super::args::UnmanagedArguments;
use super::super::beliefs::{self, Given};
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, output, screen, stdout};
use crate::model::{Comparison, Entry, MachineRecord, ManagedState, RunId, Standing, plural};
use crate::report::{
    Fit, ReportSource as _, Screen, fitted, for_terminal, not_on, seems_to_be, table,
};
use crate::scan::RunSource;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Shows whom somebody should look at, and what each list knows.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &UnmanagedArguments,
) -> Result<Exit, Stop> {
    let states = states(&command.state)?;
    let text = if command.show_lists {
        beliefs::in_full(&beliefs::read_lists(settings, &command.beliefs)?)
    } else {
        let given = beliefs::read(settings, &command.beliefs)?;
        let store = output::open_store(&settings.store)?;
        let run = output::find_whole_run(&store, command.run.as_deref())?;
        let by = given.marks().clone();
        let beliefs = given.of_run(&store, &run)?;
        if beliefs.lists.is_empty() {
            return Err(Stop::usage(format!(
                "run {run} has no list to compare with: name one with --known FILE, or [[known]] in the configuration (docs/lists.md)"
            )));
        }
        let record = store.load_run(&run).wait();
        let record = record.map_err(|error| Stop::failed(&error))?;
        beliefs::marks_of(&record, &by, &beliefs);
        let source = RunSource::open(&store, &run, command.no_merge)?;
        let screen = screen::of_output(environment);
        page(&source.compare(&store, &beliefs)?, &states, screen)?
    };
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// The states to show: those that are named, else all in which somebody should do something.
fn states(named: &[String]) -> Result<BTreeSet<ManagedState>, Stop> {
    if named.is_empty() {
        let all = ManagedState::ALL.iter().copied();
        return Ok(all
            .filter(|one| one.is_headline() || one.is_of_list())
            .collect());
    }
    let parse = |word: &String| {
        let state = ManagedState::ALL.iter().find(|one| one.as_str() == word);
        state.copied().ok_or_else(|| {
            let known: Vec<&str> = ManagedState::ALL.iter().map(|one| one.as_str()).collect();
            Stop::usage(format!(
                "--state {word}: expected one of {}",
                known.join(", ")
            ))
        })
    };
    named.iter().map(parse).collect()
}

/// The whole answer: who, then what each list knows, then subnet by subnet.
fn page(
    source: &RunSource,
    states: &BTreeSet<ManagedState>,
    screen: Screen,
) -> Result<String, Stop> {
    let mut rows = Vec::new();
    let walk = source.machines(&mut |machine| {
        if let Some(standing) = machine
            .standing
            .as_ref()
            .filter(|one| states.contains(&one.state))
        {
            rows.push((standing.state, machine_row(machine, standing)));
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    let Some(comparison) = source.comparison() else {
        return Ok(String::new());
    };
    let entries = comparison.entries.iter();
    let entries = entries.filter(|entry| states.contains(&entry.standing.state));
    rows.extend(entries.map(|entry| (entry.standing.state, entry_row(entry))));
    // In the order of the states; within one, by address as they came.
    rows.sort_by_key(|(state, _)| *state);
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let mut text = if rows.is_empty() {
        "Nobody is in these states.\n".to_owned()
    } else {
        fitted(&COLUMNS, &rows, screen)
    };
    for warning in &comparison.warnings {
        let _ = writeln!(text, "\ndoubtful: {}", for_terminal(warning));
    }
    lists(comparison, screen, &mut text);
    subnets(comparison, screen, &mut text);
    Ok(text)
}

/// How the columns are shown: who it is and what to do stay on any screen.
const COLUMNS: [(&str, Fit); 7] = [
    ("STATE", Fit::whole(0)),
    ("WHY", Fit::whole(1)),
    ("IP", Fit::whole(0)),
    ("NAME", Fit::text(16, 0)),
    ("SEEMS TO BE", Fit::text(12, 3)),
    ("LISTS", Fit::text(10, 2)),
    ("TO DO", Fit::folded(24, 0)),
];

fn machine_row(machine: &MachineRecord, standing: &Standing) -> Vec<String> {
    let names = [
        machine
            .inventory
            .as_ref()
            .and_then(|read| read.identity.hostname.known().cloned()),
        machine.target_name.clone(),
        machine
            .fingerprint
            .hostname
            .as_ref()
            .map(|claim| claim.value.clone()),
        Some(machine.listed_name.clone()),
    ];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    row(
        standing,
        machine.addresses.first(),
        name.unwrap_or_default(),
        seems_to_be(machine),
    )
}

fn entry_row(entry: &Entry) -> Vec<String> {
    let (name, seems) = (entry.name.clone(), entry.seems_to_be.clone());
    row(&entry.standing, entry.addresses.first(), name, seems)
}

fn row(standing: &Standing, address: Option<&IpAddr>, name: String, seems: String) -> Vec<String> {
    vec![
        standing.state.as_str().to_owned(),
        standing.reason.clone(),
        address.map(ToString::to_string).unwrap_or_default(),
        name,
        seems,
        standing.lists.join("; "),
        standing.suggestion.clone(),
    ]
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        whole => format!("{} %", part.saturating_mul(100) / whole),
    }
}

fn lists(comparison: &Comparison, screen: Screen, text: &mut String) {
    let rows = comparison.lists.iter().map(|list| {
        vec![
            list.name.clone(),
            list.as_of
                .map_or("unknown".to_owned(), |day| day.to_string()),
            list.machines.to_string(),
            list.live.to_string(),
            percent(list.live, list.live + list.lacks),
            list.lacks.to_string(),
            list.alone.to_string(),
            not_on(list, &comparison.lists).join("; "),
        ]
    });
    let header = [
        "LIST",
        "AS OF",
        "MACHINES",
        "LIVE",
        "COVERS",
        "LACKS",
        "ALONE",
        "HAS, AND NOT ON",
    ];
    text.push('\n');
    text.push_str(&table(&header, &rows.collect::<Vec<_>>(), screen));
}

fn subnets(comparison: &Comparison, screen: Screen, text: &mut String) {
    let rows = comparison.subnets.iter().map(|subnet| {
        let states = subnet.states.iter();
        let states = states.map(|(state, count)| format!("{count} {}", state.as_str()));
        vec![
            subnet.subnet.clone(),
            subnet.live.to_string(),
            subnet.known.to_string(),
            percent(subnet.known, subnet.live),
            states.collect::<Vec<_>>().join(", "),
        ]
    });
    text.push('\n');
    text.push_str(&table(
        &["SUBNET", "LIVE", "KNOWN", "COVERED", "STATES"],
        &rows.collect::<Vec<_>>(),
        screen,
    ));
}

/// Where those are to be looked for whom the lists know and a run did not meet: only addresses, for a name in
/// a list may be one that a machine gave itself.
///
/// `given` gets the lists of that run, where it has none: what is met now is compared with the same ones.
pub(super) fn unseen(
    settings: &Settings,
    run: &str,
    given: &mut Given,
) -> Result<Vec<String>, Stop> {
    let store = output::open_store(&settings.store)?;
    let named = Some(run).filter(|run| !run.is_empty());
    let run: RunId = output::find_whole_run(&store, named)?;
    let beliefs = given.clone().of_run(&store, &run)?;
    given.inherit(&beliefs.lists);
    let source = RunSource::open(&store, &run, false)?.compare(&store, &beliefs)?;
    let entries = source.comparison().map(|comparison| &comparison.entries);
    let unseen = entries.into_iter().flatten();
    let unseen: Vec<&Entry> = unseen
        .filter(|entry| entry.standing.state == ManagedState::Unseen)
        .collect();
    let addresses: BTreeSet<IpAddr> = unseen
        .iter()
        .flat_map(|entry| &entry.addresses)
        .copied()
        .collect();
    if addresses.is_empty() {
        return Err(Stop::usage(format!(
            "nobody is unseen in run {run}: every machine that its lists know and that is in its scope was met, or it has no list (--known FILE)"
        )));
    }
    let hours = unseen.iter().filter(|entry| !entry.usual_hours.is_empty());
    let hours: Vec<String> = hours
        .take(3)
        .map(|entry| format!("{} {}", for_terminal(&entry.name), entry.usual_hours))
        .collect();
    let usual = if hours.is_empty() {
        String::new()
    } else {
        format!("; usually there: {}", hours.join(", "))
    };
    complain(&format!(
        "{} that run {run} did not meet, at {}{usual}",
        plural(unseen.len(), "machine"),
        plural(addresses.len(), "address")
    ));
    Ok(addresses.iter().map(ToString::to_string).collect())
}
