//! `--dry-run`: what would be done, without a packet. With `-v` all of it: every subnet, every host
//! and everything that would be sent.

use super::super::{Exit, Stop, stdout};
use super::{explain, search};
use crate::collect;
use crate::credentials::{self, Credential, Limits};
use crate::identify::{self, Ports};
use crate::model::{CredentialId, LiveHost, Protocol, number, plural, plural_word};
use crate::report::{columns, for_terminal};
use crate::scan::{RunKind, RunPlan};
use crate::session::QuestionSet;
use crate::sweep::SweepPlan;
use crate::sweep::preview::Preview;
use crate::targets::TargetSet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// How many subnets are listed.
const LISTED: usize = 20;
/// For how many addresses it is worked out which credentials they would be offered.
const LOOKED_AT: u128 = 1 << 18;

/// Prints the counts per subnet and credential, the first hosts with the credentials they would be
/// offered, and how many questions would be asked.
pub(super) fn print(
    plan: &RunPlan,
    credentials: &[Credential],
    in_full: bool,
) -> Result<Exit, Stop> {
    let mut text = String::new();
    if plan.kind == RunKind::Local {
        let _ = writeln!(text, "this machine would be read, without a network");
    } else {
        preview(plan, credentials, in_full, &mut text)?;
    }
    if plan.kind != RunKind::Sweep {
        questions(plan, in_full, &mut text);
    }
    stdout::print(text)?;
    Ok(Exit::Clean)
}

fn questions(plan: &RunPlan, in_full: bool, text: &mut String) {
    let count = |set: &QuestionSet| set.questions.len();
    let (unix, windows) = (count(&collect::UNIX), count(&collect::WINDOWS));
    let _ = match plan.kind {
        RunKind::Local => writeln!(text, "\nit is asked {unix} questions by one `sh -s`"),
        _ => writeln!(
            text,
            "\na Unix host that lets us in is asked {unix} questions by one `sh -s`, a Windows {windows} over WinRM or SSH"
        ),
    };
    if !in_full {
        text.push_str("which ones: underdesk explain questions, or -v\n");
        return;
    }
    text.push('\n');
    explain::unix(text);
    if plan.kind != RunKind::Local {
        text.push('\n');
        explain::windows(text);
    }
}

fn preview(
    plan: &RunPlan,
    credentials: &[Credential],
    in_full: bool,
    text: &mut String,
) -> Result<(), Stop> {
    let targets = plan
        .scope
        .targets()
        .map_err(|error| Stop::configuration(&error))?;
    let targets = Arc::new(targets);
    let sweep = plan
        .sweep(&targets)
        .map_err(|error| Stop::configuration(&error))?;
    let preview = Preview::of(&sweep, targets.subnets(), &plan.profile());
    let _ = writeln!(
        text,
        "{} in scope, {} excluded; {} on {} {}; at least {} s",
        plural(preview.addresses, "address"),
        number(targets.excluded()),
        plural(preview.probes, "probe"),
        plural_word(plan.ports.len(), "port"),
        numbers(&plan.ports),
        preview.at_least.as_secs()
    );
    stages(plan, &sweep, &preview, text);
    looks(plan, preview.addresses, text);
    let hands = plan.limits.hands(plan.hands);
    let limits = Some(plan.limits.to_string()).filter(|limits| !limits.is_empty());
    let limits = limits.map_or_else(String::new, |limits| format!("; {limits}"));
    let _ = writeln!(
        text,
        "at most {} {} worked on at once{limits}",
        plural(hands, "host"),
        if hands == 1 { "is" } else { "are" }
    );
    left_out(&targets, in_full, text);
    subnets(&targets, in_full, text);
    by_credential(&targets, credentials, text);
    if in_full {
        text.push_str("\nevery host, in the order of addresses:\n");
        hosts(&targets, credentials, text);
    } else {
        text.push_str("\nfirst in the shuffled order:\n");
        for address in &preview.hosts {
            host(&targets, *address, credentials, text);
        }
    }
    let hosts = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    for line in credentials::worst_case(credentials, hosts, &Limits::default()) {
        let _ = writeln!(text, "\nwrong passwords: {line}");
    }
    for line in credentials::exposures(credentials) {
        let _ = writeln!(text, "\n{line}");
    }
    Ok(())
}

/// What is searched for instead of swept, and what is neither.
fn left_out(targets: &TargetSet, in_full: bool, text: &mut String) {
    for line in search::preview(targets) {
        let _ = writeln!(text, "{line}");
    }
    for rule in targets.exclusions() {
        let _ = writeln!(text, "taken out: {}", for_terminal(&rule.to_string()));
    }
    let unresolved = targets.unresolved();
    let named = if in_full { unresolved.len() } else { LISTED };
    for name in unresolved.iter().take(named) {
        let _ = writeln!(
            text,
            "left out: {} ({}): {}",
            name.name, name.origin, name.why
        );
    }
    if unresolved.len() > named {
        let _ = writeln!(text, "… and {} more names", unresolved.len() - named);
    }
}

/// What every address gets, and what holds the sweep back.
fn stages(plan: &RunPlan, sweep: &SweepPlan, preview: &Preview, text: &mut String) {
    if !sweep.further().is_empty() {
        let echo = if plan.echo {
            "an echo request and "
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "every address gets {echo}ports {}; who answers gets all ports (--thorough: every address does)",
            numbers(&plan.first_ports)
        );
    }
    if let Some(time) = preview.if_silent {
        let _ = writeln!(
            text,
            "up to {} s if nobody answers: routers on the way are left at most {} connections half open (--half-open)",
            time.as_secs(),
            plan.pace.half_open.unwrap_or(0)
        );
    }
}

/// What is sent to those who answer before anybody logs in, whoever they turn out to be.
fn looks(plan: &RunPlan, addresses: u64, text: &mut String) {
    let look = &plan.look;
    if look.off {
        text.push_str("nobody is asked who it is (--no-identify)\n");
        return;
    }
    let expected = plan.expected();
    let listed = |tcp: &[u16], udp: &[u16]| -> Vec<String> {
        let ports = Ports {
            tcp,
            udp,
            expected: &expected,
        };
        let asked = identify::asked_on(&ports, look.deep, &plan.ssh_ports).into_iter();
        let mut by: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for (name, port) in asked {
            by.entry(name).or_default().push(port);
        }
        let by = by.into_iter();
        by.map(|(name, ports)| format!("{name} {}", numbers(&ports)))
            .collect()
    };
    let _ = writeln!(
        text,
        "who answers is asked who it is on those of its ports that are open, at most: {} (greeting: only listened to)",
        listed(&plan.ports, &[]).join("; ")
    );
    let over_udp = listed(&[], &look.udp);
    if !over_udp.is_empty() {
        let questions = addresses.saturating_mul(over_udp.len() as u64);
        let _ = writeln!(
            text,
            "and over UDP, whether or not the port is open, beside the probes above: {}; {questions} questions if all answer",
            over_udp.join("; ")
        );
    }
    if look.dns {
        text.push_str("and its address is looked up in DNS (--no-dns)\n");
    }
    if look.mdns_seconds > 0 {
        let _ = writeln!(
            text,
            "announcements on the own links are listened to for {} s; nothing is sent for that",
            look.mdns_seconds
        );
    }
}

/// `22,80,8000-8010`, in ascending order.
fn numbers(ports: &[u16]) -> String {
    let ports: BTreeSet<u16> = ports.iter().copied().collect();
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
            _ => ranges.push((port, port)),
        }
    }
    let ranges = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(",")
}

fn subnets(targets: &TargetSet, in_full: bool, text: &mut String) {
    let most = if in_full { usize::MAX } else { LISTED };
    let mut parts = targets.subnets();
    let rows = parts.by_ref().take(most).map(|part| {
        let (within, without) = (part.in_scope.to_string(), part.excluded.to_string());
        vec![part.label, within, without]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let table = columns(&["subnet", "in scope", "excluded"], &rows);
    let _ = writeln!(text, "\n{}", table.trim_end());
    let more = parts.count();
    if more > 0 {
        let _ = writeln!(text, "… and {more} more subnets");
    }
}

/// To how many hosts each credential would be offered, should they answer.
fn by_credential(targets: &TargetSet, credentials: &[Credential], text: &mut String) {
    let looked_at = targets.len().min(LOOKED_AT);
    let mut counts: BTreeMap<&CredentialId, u64> = BTreeMap::new();
    let mut without = 0_u64;
    if credentials.is_empty() {
        let _ = writeln!(text, "\nno credential: nobody is logged in to");
        return;
    }
    for address in (0..looked_at).filter_map(|at| targets.nth(at)) {
        let host = live(targets, address);
        let offered = offered(&host, credentials);
        without += u64::from(offered.is_empty());
        for credential in offered {
            *counts.entry(&credential.id).or_default() += 1;
        }
    }
    let rows = credentials.iter().map(|credential| {
        let count = counts.get(&credential.id).copied().unwrap_or_default();
        let kind = credential.kind().as_str().to_owned();
        vec![
            for_terminal(credential.id.as_str()).into_owned(),
            kind,
            count.to_string(),
        ]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    rows.push(vec![
        "(none in scope)".to_owned(),
        String::new(),
        without.to_string(),
    ]);
    let table = columns(&["credential", "type", "hosts at most"], &rows);
    let _ = writeln!(text, "\n{}", table.trim_end());
    if looked_at < targets.len() {
        let _ = writeln!(
            text,
            "counted over the first {}",
            plural(looked_at, "address")
        );
    }
}

fn hosts(targets: &TargetSet, credentials: &[Credential], text: &mut String) {
    let shown = targets.len().min(LOOKED_AT);
    for address in (0..shown).filter_map(|at| targets.nth(at)) {
        host(targets, address, credentials, text);
    }
    if shown < targets.len() {
        let _ = writeln!(text, "… and {} more", targets.len() - shown);
    }
}

fn host(targets: &TargetSet, address: IpAddr, credentials: &[Credential], text: &mut String) {
    let plan = offered(&live(targets, address), credentials).into_iter();
    let named = plan.map(|credential| match &credential.jump {
        Some(jump) => format!("{} through {}", credential.id, for_terminal(jump)),
        None => credential.id.to_string(),
    });
    let ids: Vec<String> = named.collect();
    let offered = match ids.as_slice() {
        [] => "no credential in scope".to_owned(),
        ids => ids.join(", "),
    };
    let _ = writeln!(text, "  {address}  {offered}");
}

/// What a host would be offered, over any protocol.
fn offered<'a>(host: &LiveHost, credentials: &'a [Credential]) -> Vec<&'a Credential> {
    let protocols = [Protocol::Ssh, Protocol::Winrm].into_iter();
    let plans = protocols.map(|protocol| credentials::plan(host, protocol, credentials, None));
    plans.flatten().collect()
}

fn live(targets: &TargetSet, address: IpAddr) -> LiveHost {
    let said = targets.describe(address);
    LiveHost {
        address,
        name: said.name,
        tags: said.tags,
        open_ports: Vec::new(),
        round_trip: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_follow_each_other_are_one_range() {
        assert_eq!(
            numbers(&[80, 22, 81, 8002, 8000, 8001]),
            "22,80,81,8000-8002"
        );
        assert_eq!(numbers(&(1..=u16::MAX).collect::<Vec<_>>()), "1-65535");
        assert_eq!(numbers(&[]), "");
    }
}
