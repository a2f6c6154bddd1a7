//! `show HOST`: one machine in full.

use super::super::asked_args::ShowArguments;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, beliefs, columns, output, screen, stdout};
use super::explain_host::why_unread;
use super::{explain_text, findings};
use crate::model::{Inventory, MachineRecord, Selection, plural};
use crate::report::{Listing, Options, ReportSource as _, Screen, for_terminal, listing};
use crate::scan::RunSource;
use crate::store::Store;
use std::fmt::Write as _;

/// Shows all that a stored run knows of one machine, by section; what is not known is said with its reason.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &ShowArguments,
) -> Result<Exit, Stop> {
    let given = beliefs::read(settings, &command.beliefs)?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_whole_run(&store, command.run.as_deref())?;
    let beliefs = given.of_run(&store, &run)?;
    let how = (false, None);
    let source = output::open_weighed(&store, &run, how, &beliefs, |source| source)?;
    let called = Selection {
        hosts: vec![command.host.clone()],
        ..Selection::default()
    };
    let text = match meant(&source, &called, command)? {
        Some(machine) => {
            let options = Options {
                no_users: command.no_users,
                selection: Selection {
                    hosts: vec![machine.id.to_string()],
                    ..Selection::default()
                },
                ..Options::default()
            };
            page(&source, &machine, &options, screen::of_output(environment))?
        }
        None => listed_only((&store, &source), &called, command)?,
    };
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// The one machine that is called so.
fn meant(
    source: &RunSource,
    called: &Selection,
    command: &ShowArguments,
) -> Result<Option<MachineRecord>, Stop> {
    let mut found = Vec::new();
    let walk = source.machines(&mut |machine| {
        if called.is_there(machine) {
            found.push(machine.clone());
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    if found.len() > 1 {
        let ids = found.iter().map(|machine| machine.id.to_string());
        let ids: Vec<String> = ids.take(10).collect();
        return Err(Stop::usage(format!(
            "{} machines of run {} are called {}: name one by {}; underdesk machines --host {} lists them",
            found.len(),
            source.run().id,
            command.host,
            ids.join(", "),
            command.host
        )));
    }
    Ok(found.pop())
}

/// What lists know of somebody whom the run did not meet.
fn listed_only(
    (store, source): (&Store, &RunSource),
    called: &Selection,
    command: &ShowArguments,
) -> Result<String, Stop> {
    let entries = source.comparison().into_iter().flat_map(|one| &one.entries);
    let mut entries = entries.filter(|entry| called.takes_entry(entry));
    if let Some(entry) = entries.next() {
        return Ok(explain_text::entry(entry));
    }
    let (run, host) = (&source.run().id, for_terminal(&command.host));
    let earlier = match command.run {
        Some(_) => None,
        None => output::earlier_with(store, run, |machine| called.is_there(machine))?,
    };
    let earlier = earlier.map_or(String::new(), |earlier| {
        format!("; run {earlier} has it: underdesk show {host} {earlier}")
    });
    Err(Stop::usage(format!(
        "run {run} has no machine {host}: give its name, its address or its machine id; underdesk machines lists them{earlier}"
    )))
}

/// Sections of facts, each with the columns of `machines.csv` that it shows.
const IDENTITY: &[&str] = &[
    "hostname",
    "fqdn",
    "all_ips",
    "macs",
    "mac_vendor",
    "serial",
    "uuid",
    "join_state",
    "domain",
    "site",
    "owner",
    "criticality",
    "exposure",
    "tags",
];
const SYSTEM: &[&str] = &[
    "device_kind",
    "os_name",
    "os_version",
    "build",
    "ubr",
    "edition",
    "arch",
    "eol_date",
    "roles",
    "reboot_pending",
    "update_source",
    "last_update_date",
    "clock_skew_s",
    "seen_evidence",
];
const COUNTS: &[&str] = &[
    "missing_count",
    "no_fix_count",
    "unknown_count",
    "worst_severity",
    "my_worst_severity",
    "kev_count",
    "overdue_count",
    "weaknesses",
];
const STANDING: &[&str] = &[
    "managed_state",
    "managed_reason",
    "lists",
    "rogue_hint",
    "usual_hours",
    "same_key_elsewhere",
    "merged",
    "conflicts",
];
const SEEN: &[&str] = &["first_seen_date", "last_seen_utc"];

/// The tables that are shown, with their columns.
const TABLES: [(&str, &[&str]); 6] = [
    ("machines", &[]),
    (
        "access",
        &[
            "protocol",
            "port",
            "credential_id",
            "attempted",
            "result_code",
            "detail",
            "fix_hint",
        ],
    ),
    ("findings", &["rank"]),
    (
        "findings",
        &[
            "rank",
            "my_severity",
            "state",
            "product",
            "bulletin_id",
            "installed_version",
            "fix",
            "due_date",
            "owner",
        ],
    ),
    (
        "hotfixes",
        &[
            "update_id",
            "state",
            "installed_on_date",
            "installed_by",
            "title",
        ],
    ),
    (
        "services",
        &[
            "proto", "port", "bind", "state", "service", "product", "version", "program", "seen_by",
        ],
    ),
];

fn page(
    source: &RunSource,
    machine: &MachineRecord,
    options: &Options,
    screen: Screen,
) -> Result<String, Stop> {
    let lists = listing(source, options, &TABLES).map_err(|error| Stop::failed(&error))?;
    let [row, access, ranks, found, hotfixes, services] = lists.as_slice() else {
        return Ok(String::new());
    };
    let mut page = Page {
        text: format!("{} of run {}\n", machine.id, source.run().id),
        row,
        screen,
    };
    page.facts("Identity", IDENTITY);
    page.facts("How it was read", &["outcome", "credential_id"]);
    if machine.inventory.is_none() {
        page.say(&format!("not read: {}", why_unread(machine)));
    }
    page.rows(access, "no way in was tried");
    page.facts("System", SYSTEM);
    if machine.inventory.is_none() {
        page.say("unknown is what only a login tells");
    }
    page.facts("What it lacks", COUNTS);
    let mut ranked = Listing {
        columns: found.columns.clone(),
        rows: findings::by_rank(ranks, found),
    };
    findings::name_unrated(&mut ranked);
    let nothing = match machine.inventory {
        None => "nothing is known of what it lacks: it was not read",
        Some(_) if source.run().catalog_digest.is_empty() => {
            "nothing can be said: no catalogue judged this run"
        }
        Some(_) => "no finding is open or undecided",
    };
    page.rows(&ranked, nothing);
    page.updates(machine.inventory.as_deref(), hotfixes);
    page.section("Services");
    page.rows(services, "none is known");
    page.facts("Against the lists", STANDING);
    if let Some(standing) = machine
        .standing
        .as_ref()
        .filter(|one| !one.suggestion.is_empty())
    {
        page.say(&format!("to do: {}", standing.suggestion));
    }
    page.facts("Seen", SEEN);
    Ok(page.text)
}

/// The answer as it grows.
struct Page<'a> {
    text: String,
    /// The machine's row.
    row: &'a Listing,
    screen: Screen,
}

impl Page<'_> {
    fn section(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n{name}");
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.text, "  {}", for_terminal(line));
    }

    /// A section of what the machine's row says; what is empty does not apply to it, and is left out.
    fn facts(&mut self, name: &str, columns: &[&str]) {
        self.section(name);
        let cells = self.row.rows.first();
        for column in columns {
            let place = self.row.place(column);
            let cell = place.and_then(|at| cells?.get(at));
            if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
                let label = column.replace('_', " ");
                let _ = writeln!(self.text, "  {label:<18}  {}", for_terminal(cell));
            }
        }
    }

    /// A table, indented; without rows what that means.
    fn rows(&mut self, listing: &Listing, nothing: &str) {
        if listing.rows.is_empty() {
            self.say(nothing);
            return;
        }
        let screen = Screen {
            width: self.screen.width.map(|width| width.saturating_sub(2)),
            ..self.screen
        };
        self.text.push('\n');
        for line in columns::shown(listing, false, screen).lines() {
            let _ = writeln!(self.text, "  {line}");
        }
    }

    /// What is installed, and which questions were not answered.
    fn updates(&mut self, inventory: Option<&Inventory>, hotfixes: &Listing) {
        self.section("Updates");
        let Some(inventory) = inventory else {
            self.say("unknown: it was not read");
            return;
        };
        match (inventory.packages.known(), &inventory.windows) {
            (Some(packages), None) => {
                self.say(&format!(
                    "{}; underdesk explain HOST tells their history",
                    plural(packages.len(), "package")
                ));
            }
            (_, Some(windows)) if windows.hotfixes.known().is_some() => {
                self.rows(hotfixes, "the host lists none");
            }
            (None, None) | (_, Some(_)) => self.say("unknown: what is installed was not told"),
        }
        let gaps = inventory.gaps.iter();
        let gaps = gaps.map(|gap| format!("{} ({})", gap.question, gap.cause.as_str()));
        let gaps: Vec<String> = gaps.collect();
        if !gaps.is_empty() {
            self.say(&format!("not answered: {}", gaps.join(", ")));
        }
    }
}
