//! `credentials test`: one login on one host, by the same way as a scan's, and what came of it.

use super::super::super::args::{OutputArguments, TargetArguments};
use super::super::super::beliefs::Given;
use super::super::super::config::{Environment, Settings};
use super::super::super::credentials_args::TestArguments;
use super::super::super::{Exit, Stop, complain, runtime, stdout};
use super::super::doctor::next;
use super::super::examine::{Examination, examine};
use super::super::explain::wrap;
use super::super::scan::{self as job, Job};
use crate::collect::Account;
use crate::model::{AccessRecord, Answer, CredentialId, ResultCode};
use crate::report::for_terminal;
use crate::scan::{RunKind, RunPlan, Step};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Logs in once, and says how that ended.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &TestArguments,
) -> Result<Exit, Stop> {
    let (id, target) = match command.words.as_slice() {
        [target] => (None, target),
        [id, target] => (Some(CredentialId::new(id.as_str())), target),
        _ => {
            return Err(Stop::usage(
                "expected a credential's id and a host, or a host",
            ));
        }
    };
    let targets = TargetArguments {
        targets: vec![target.clone()],
        allow_public: command.allow_public,
        ..TargetArguments::default()
    };
    let mut plan = job::unstaged(RunKind::Login, settings, &targets, &command.sweep)?;
    job::login(&mut plan, settings, &command.login);
    job::place(&mut plan, environment)?;
    job::stage(&mut plan, &targets, &command.sweep)?;
    only_logins(&mut plan);
    if plan.credentials.is_none() {
        return Err(Stop::usage(
            "there is no credentials file; make one with underdesk credentials add",
        ));
    }
    let job = Job {
        settings,
        environment,
        output: &OutputArguments::default(),
        authorised_by: None,
        simulated: false,
        clock: runtime::clock(),
        wants_receipts: false,
        beliefs: Given::default(),
    };
    let Some(seen) = examine(&job, plan, id.as_ref())? else {
        complain("stopped; what was tried counts");
        return Ok(Exit::Interrupted);
    };
    let typed = next::Typed::of(
        settings,
        &command.sweep,
        &command.login,
        command.allow_public,
    );
    let mut text = String::new();
    let mut exits = Vec::new();
    for address in (0..seen.targets.len()).filter_map(|at| seen.targets.nth(at)) {
        exits.push(tell(&seen, (target, address, &typed), &mut text));
    }
    stdout::print(text)?;
    Ok(Exit::worst(exits))
}

/// No port but those that one logs in on, and no question but who we are.
fn only_logins(plan: &mut RunPlan) {
    let mut ports: Vec<u16> = plan.ways_in().map(|way| way.1).collect();
    ports.sort_unstable();
    ports.dedup();
    plan.ports = ports;
    plan.look.off = true;
}

/// The host as named, its address, and the flags of this command.
type Where<'a> = (&'a String, IpAddr, &'a next::Typed);

fn tell(seen: &Examination, (target, address, typed): Where<'_>, text: &mut String) -> Exit {
    let host = seen.hosts.iter().find(|host| host.address == address);
    let notes = host.map(|host| host.notes.as_slice()).unwrap_or_default();
    let outcome = host.and_then(|host| host.outcome.as_ref());
    let rows: Vec<AccessRecord> = match outcome {
        // What was not needed was not tested.
        Some(outcome) => {
            let rows = outcome.access.iter();
            let tested = rows.filter(|row| row.code != ResultCode::NotNeeded);
            tested.cloned().collect()
        }
        None => Vec::new(),
    };
    if rows.is_empty() {
        let silent = seen.probes.iter().all(|row| row.answer != Answer::Closed);
        let why = if silent {
            "nothing answers on the ports of a login"
        } else {
            "nothing listens on the ports of a login"
        };
        let (target, flags) = (next::quoted(target), typed.of_a_login());
        let _ = writeln!(
            text,
            "{address}: {why}; no credential was used\nNext: underdesk doctor {target}{flags}"
        );
        return Exit::Incomplete;
    }
    let mut exits = Vec::new();
    for row in &rows {
        let account = notes.iter().find_map(|note| match &note.step {
            Step::Account(account) if row.code.is_success() => Some(account),
            _ => None,
        });
        say(seen, (target, address, typed), (row, account), text);
        exits.push(match row.code {
            ResultCode::BreakerOpen | ResultCode::HostkeyChanged => Exit::SafetyStop,
            code if code.is_success() => Exit::Clean,
            _ => Exit::Incomplete,
        });
    }
    // One that gets in is enough, but for a safety stop.
    if exits.contains(&Exit::Clean) {
        exits.retain(|exit| *exit != Exit::Incomplete);
    }
    Exit::worst(exits)
}

fn say(
    seen: &Examination,
    (target, address, typed): Where<'_>,
    (row, account): (&AccessRecord, Option<&Account>),
    text: &mut String,
) {
    let id = row.credential.as_ref().map(CredentialId::as_str);
    let port = row
        .port
        .map_or_else(String::new, |port| format!(" on {port}"));
    let _ = writeln!(
        text,
        "{} to {address} over {}{port}: {}",
        for_terminal(id.unwrap_or("no credential")),
        row.protocol.as_str(),
        row.code.as_str()
    );
    let mut words = match (row.code, account) {
        (ResultCode::Ok, Some(_)) => "Logged in.".to_owned(),
        (code, _) => code.sentence().to_owned(),
    };
    if let Some(account) = account {
        if let Some(who) = account.who.known() {
            let _ = write!(words, " {who}.");
        }
        if let Some(rank) = account.rank.known() {
            let _ = write!(words, " {}", rank.sentence());
        }
    }
    if !row.detail.is_empty() {
        let _ = write!(words, " ({})", row.detail);
    }
    let _ = writeln!(text, "{}", wrap(&for_terminal(&words), 2));
    let users = seen.users.iter();
    let user = users
        .clone()
        .find(|(known, _)| Some(known) == row.credential.as_ref());
    let place = next::Place {
        target,
        address,
        protocol: row.protocol,
        port: row.port.unwrap_or(0),
        credential: id,
        user: user.map(|(_, user)| user.as_str()),
        typed,
    };
    let next = next::command(row.code, &place);
    if !next.is_empty() {
        let _ = writeln!(text, "Next: {}", for_terminal(&next));
    }
}
