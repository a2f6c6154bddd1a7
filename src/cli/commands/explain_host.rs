//! `explain HOST ID`: why something is reported on a host, or is not.

use super::super::args::{ExplainHostArguments, GivenArguments};
use super::super::config::Settings;
use super::super::{Exit, Stop, beliefs, complain, hints, knowledge, output, runtime, stdout};
use super::{explain_text, given};
use crate::matching::{self, Asked, Knowledge, Known};
use crate::model::{
    Entry, FirstTold, Inventory, MachineRecord, Observed, RunId, RunSummary, Standing, Trail,
};
use crate::report::{ReportSource as _, for_terminal};
use crate::scan::RunSource;
use std::sync::Arc;

/// The most hosts that an ambiguous name lists.
const LISTED: usize = 10;

/// Explains one host, or one bulletin on it.
pub(in crate::cli) fn run(
    settings: &Settings,
    command: &ExplainHostArguments,
) -> Result<Exit, Stop> {
    let Some(name) = &command.host else {
        return Err(Stop::usage("name a host: underdesk explain HOST [KB|CVE]"));
    };
    let asked = command.id.as_deref().map(|id| {
        let asked = Asked::parse(id);
        asked.ok_or_else(|| Stop::usage("the id is empty: name a KB number, a CVE or a bulletin"))
    });
    let asked = asked.transpose()?;
    let host = if command.given.is_empty() {
        match stored(settings, name, command)? {
            Found::Host(host) => *host,
            Found::Entry(entry) if asked.is_none() => {
                return print(&explain_text::entry(&entry));
            }
            Found::Entry(entry) => {
                return Err(Stop::usage(format!(
                    "{name} was not met in the run: only lists know it ({}), and nothing of its updates is known",
                    entry.standing.state.as_str()
                )));
            }
        }
    } else {
        from_files(&command.given, name)?
    };
    let text = match &host.inventory {
        None => explain_text::unread(&host),
        Some(inventory) => {
            let known = match &host.of_run {
                Some(run) => knowledge::open_for(settings, &command.verdicts, run)?,
                None => knowledge::open(settings, &command.verdicts)?,
            };
            let before = host.of_run.as_ref();
            let before = before.filter(|run| !run.catalog_digest.is_empty());
            if let Some(changed) = before.and_then(|run| knowledge::changed(&known, run)) {
                complain(&format!(
                    "{changed} since this run was judged: this is by what there is now"
                ));
            }
            explained(&known, inventory, &host, asked.as_ref())?
        }
    };
    print(&text)
}

fn print(text: &str) -> Result<Exit, Stop> {
    stdout::print(text)?;
    Ok(Exit::Clean)
}

fn explained(
    knowledge: &Knowledge,
    inventory: &Inventory,
    host: &Host,
    asked: Option<&Asked>,
) -> Result<String, Stop> {
    let unfit = |error| Stop {
        exit: Exit::CatalogUnfit,
        text: hints::chain(&error),
    };
    let now = host.of_run.as_ref().map(output::present);
    let today = now.unwrap_or_else(runtime::now).date();
    if let Some(asked) = asked {
        let explanation = matching::explain(knowledge, inventory, asked, today).map_err(unfit)?;
        return Ok(explain_text::explanation(host, inventory, &explanation));
    }
    let known = Known::load(knowledge, inventory).map_err(unfit)?;
    let findings = matching::findings_with_closed(inventory, &known, today);
    Ok(explain_text::summary(host, inventory, &findings))
}

/// The host that is explained.
pub(super) struct Host {
    /// Its id, address and the run it is from, as far as it has any.
    pub(super) place: Vec<String>,
    /// What it is called.
    pub(super) name: String,
    /// Where it stopped, when it did.
    pub(super) failure: Option<String>,
    pub(super) inventory: Option<Arc<Inventory>>,
    /// What was ever told of its updates.
    pub(super) trail: Trail,
    /// How it stands to the lists, where it is of a run.
    pub(super) standing: Option<Standing>,
    /// The run, where it is of one.
    of_run: Option<RunSummary>,
}

/// Whom a name leads to in a run.
enum Found {
    /// A machine that the run met.
    Host(Box<Host>),
    /// One that only lists know.
    Entry(Box<Entry>),
}

fn stored(settings: &Settings, name: &str, command: &ExplainHostArguments) -> Result<Found, Stop> {
    let given = beliefs::read(settings, &command.beliefs)?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_run(&store, command.run.as_deref())?;
    let beliefs = given.of_run(&store, &run)?;
    let report = RunSource::open(&store, &run, false)?.compare(&store, &beliefs)?;
    let mut found = Vec::new();
    let walk = report.machines(&mut |machine| {
        if is_called(machine, name) {
            found.push(machine.clone());
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    let labels = found.iter().map(|machine| machine.id.to_string());
    let place = format!("run {run}");
    one_of(name, &place, labels)?;
    if found.is_empty() {
        let comparison = report.comparison();
        let entries = comparison.into_iter().flat_map(|one| &one.entries);
        let mut entries = entries.filter(|entry| is_listed(entry, name));
        if let Some(entry) = entries.next() {
            return Ok(Found::Entry(Box::new(entry.clone())));
        }
    }
    let machine = found.into_iter().next();
    let Some(machine) = machine else {
        let mut told = none(name, &place);
        if command.run.is_none()
            && let Some(earlier) =
                output::earlier_with(&store, &run, |machine| is_called(machine, name))?
        {
            let name = for_terminal(name);
            let there = format!("; run {earlier} has it: underdesk explain {name} --run {earlier}");
            told.text.push_str(&there);
        }
        return Err(told);
    };
    let mut place = vec![machine.id.to_string()];
    place.extend(machine.addresses.iter().map(ToString::to_string));
    place.push(format!("run {run}"));
    let of_run = Some(report.run().clone());
    let trail = report.trail(&machine);
    let host = Host {
        trail: trail.map_err(|error| Stop::failed(&error))?,
        standing: machine.standing.clone(),
        place,
        name: called(
            machine.inventory.as_deref(),
            machine
                .target_name
                .as_deref()
                .or_else(|| seen_as(&machine).next()),
        ),
        failure: Some(why_unread(&machine)),
        inventory: machine.inventory,
        of_run,
    };
    Ok(Found::Host(Box::new(host)))
}

/// Whether a list's entry is called so, or has the address.
fn is_listed(entry: &Entry, name: &str) -> bool {
    let same = |own: &str| own.eq_ignore_ascii_case(name);
    let mut addresses = entry.addresses.iter();
    same(&entry.name)
        || entry.id.as_ref().is_some_and(|id| same(id.as_str()))
        || addresses.any(|address| same(&address.to_string()))
}

pub(super) fn why_unread(machine: &MachineRecord) -> String {
    if let Some(failure) = &machine.failure {
        return format!("{}: {}", failure.code.as_str(), failure.detail);
    }
    let codes = machine.access.iter().map(|(_, row)| row.code.as_str());
    let mut codes: Vec<&str> = codes.collect();
    codes.dedup();
    match codes.as_slice() {
        [] => machine.outcome.clone(),
        codes => codes.join(", "),
    }
}

fn from_files(given: &GivenArguments, name: &str) -> Result<Host, Stop> {
    let mut found = Vec::new();
    for host in given::hosts(given)? {
        let host = host?;
        let is_it = host
            .name
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(name))
            || host.address.to_string() == name
            || is_its_own(&host.inventory, name);
        if is_it && found.len() <= LISTED {
            found.push(host);
        }
    }
    let place = given::sources(given).join(", ");
    one_of(
        name,
        &place,
        found.iter().map(|host| host.address.to_string()),
    )?;
    let host = found.into_iter().next();
    let host = host.ok_or_else(|| none(name, &place))?;
    let first = FirstTold {
        at: runtime::now(),
        run: RunId::new("the given files"),
    };
    Ok(Host {
        trail: Trail::told(&host.inventory, &first),
        place: vec![host.address.to_string(), place],
        name: called(Some(&host.inventory), host.name.as_deref()),
        failure: None,
        standing: None,
        inventory: Some(Arc::new(host.inventory)),
        of_run: None,
    })
}

fn is_called(machine: &MachineRecord, name: &str) -> bool {
    let same = |own: &str| own.eq_ignore_ascii_case(name);
    let own = machine.inventory.as_deref();
    same(machine.id.as_str())
        || machine.also.iter().any(|id| same(id.as_str()))
        || same(&machine.listed_name)
        || seen_as(machine).any(same)
        || machine
            .addresses
            .iter()
            .any(|address| same(&address.to_string()))
        || machine.target_name.as_deref().is_some_and(same)
        || own.is_some_and(|own| is_its_own(own, name))
}

/// What it calls itself without a login.
fn seen_as(machine: &MachineRecord) -> impl Iterator<Item = &str> {
    let names = [&machine.fingerprint.hostname, &machine.fingerprint.fqdn];
    let names = names.into_iter().flatten();
    let listed = Some(machine.listed_name.as_str()).filter(|name| !name.is_empty());
    names.map(|claim| claim.value.as_str()).chain(listed)
}

/// Whether a host calls itself so, or has the address.
fn is_its_own(inventory: &Inventory, name: &str) -> bool {
    let identity = &inventory.identity;
    let names = [&identity.hostname, &identity.fqdn];
    let mut names = names.into_iter().filter_map(Observed::known);
    let interfaces = identity.interfaces.known().map_or(&[][..], Vec::as_slice);
    let mut addresses = interfaces.iter().flat_map(|one| &one.addresses);
    names.any(|own| own.eq_ignore_ascii_case(name))
        || addresses.any(|address| address.to_string() == name)
}

fn called(inventory: Option<&Inventory>, given: Option<&str>) -> String {
    let own = inventory.and_then(|inventory| inventory.identity.hostname.known());
    let own = own.map(String::as_str).filter(|name| !name.is_empty());
    own.or(given).unwrap_or("(no name)").to_owned()
}

fn one_of(
    name: &str,
    place: &str,
    found: impl ExactSizeIterator<Item = String>,
) -> Result<(), Stop> {
    let count = found.len();
    if count < 2 {
        return Ok(());
    }
    let shown: Vec<String> = found.take(LISTED).collect();
    Err(Stop::usage(format!(
        "{count} hosts of {place} are called {name}: name one by {}",
        shown.join(", ")
    )))
}

fn none(name: &str, place: &str) -> Stop {
    Stop::usage(format!(
        "{place} has no host {name}: give its name, its address or its machine id, as in machines.csv"
    ))
}
