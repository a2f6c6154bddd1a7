//! `doctor`: the whole way to one host, and where it stops.

mod ladder;
pub(super) mod next;
mod page;
mod questions;
mod way;

use super::super::args::{DoctorArguments, OutputArguments, TargetArguments};
use super::super::beliefs::Given;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, runtime, stdout};
use super::examine::{Examination, examine};
use super::scan::{self as job, Job};
use super::scope;
use crate::model::ResultCode;
use crate::scan::{RunEnd, RunKind};
use ladder::{Ladder, View};
use std::io::{self, IsTerminal as _};
use std::net::IpAddr;

/// Walks the ladder of one host.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &DoctorArguments,
) -> Result<Exit, Stop> {
    let targets = TargetArguments {
        targets: vec![command.target.clone()],
        allow_public: command.allow_public,
        ..TargetArguments::default()
    };
    let output = OutputArguments {
        out: command.out.clone(),
        no_users: command.no_users,
        ..OutputArguments::default()
    };
    let mut page = page::Page::new(
        io::stdout().is_terminal() && environment.get("NO_COLOR").is_none(),
        settings.verbose,
    );
    let scope = scope::read(&targets, settings)?;
    let named = scope.names.get(&command.target).cloned();
    if let Some(nowhere) = ladder::of_name(&command.target, named.as_ref()) {
        page.show(&command.target, &nowhere);
        return say(&page, Exit::Incomplete);
    }
    let mut plan = job::unstaged(RunKind::Doctor, settings, &targets, &command.sweep)?;
    job::login(&mut plan, settings, &command.login);
    job::place(&mut plan, environment)?;
    job::stage(&mut plan, &targets, &command.sweep)?;
    let job = Job {
        settings,
        environment,
        output: &output,
        authorised_by: command.authorised_by.clone(),
        simulated: false,
        clock: runtime::clock(),
        wants_receipts: command.receipt,
        beliefs: Given::default(),
    };
    let Some(seen) = examine(&job, plan, None)? else {
        complain("stopped; what was tried counts");
        return Ok(Exit::Interrupted);
    };
    let typed = next::Typed::of(
        settings,
        &command.sweep,
        &command.login,
        command.allow_public,
    );
    let exits = climb(command, named.as_ref(), &seen, &typed, &mut page);
    if let Some(receipts) = &seen.plan.receipts {
        complain(&format!("receipt: {}", receipts.folder.display()));
    }
    say(&page, Exit::worst(exits))
}

/// Shows the ladder of each address.
fn climb(
    command: &DoctorArguments,
    named: Option<&Result<Vec<IpAddr>, String>>,
    seen: &Examination,
    typed: &next::Typed,
    page: &mut page::Page,
) -> Vec<Exit> {
    let mut exits = Vec::new();
    if seen.end == RunEnd::Interrupted {
        complain("interrupted; what was tried counts");
        exits.push(Exit::Interrupted);
    }
    for address in (0..seen.targets.len()).filter_map(|at| seen.targets.nth(at)) {
        let way = way::towards(address);
        let ladder = Ladder::of(&View {
            target: &command.target,
            named,
            address,
            way: &way,
            seen,
            no_users: command.no_users,
            typed,
        });
        exits.push(judge(&ladder));
        page.show(&heading(&command.target, &address.to_string()), &ladder);
    }
    exits
}

fn heading(target: &str, address: &str) -> String {
    if target == address {
        return address.to_owned();
    }
    format!("{target} ({address})")
}

fn say(page: &page::Page, exit: Exit) -> Result<Exit, Stop> {
    stdout::print(page.text())?;
    Ok(exit)
}

/// As a scan's: a safety stop, a host that was not read, or nothing to complain of.
fn judge(ladder: &Ladder) -> Exit {
    let stops = [ResultCode::BreakerOpen, ResultCode::HostkeyChanged];
    if ladder.codes.iter().any(|code| stops.contains(code)) {
        Exit::SafetyStop
    } else if ladder.stop().is_some() {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}
