//! `--dry-run`: what would be done, without a packet.

use super::super::{Exit, Stop};
use crate::collect;
use crate::credentials::{self, Credential, Limits};
use crate::model::LiveHost;
use crate::report::columns;
use crate::scan::{RunKind, RunPlan};
use crate::sweep::preview::Preview;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

/// How many subnets are listed.
const LISTED: usize = 20;

/// Prints the counts per subnet, the first hosts with the credentials they would be offered, and
/// how many questions would be asked.
pub(super) fn print(plan: &RunPlan, credentials: &[Credential]) -> Result<Exit, Stop> {
    let mut text = String::new();
    if plan.kind == RunKind::Local {
        let _ = writeln!(text, "this machine would be read, without a network");
    } else {
        preview(plan, credentials, &mut text)?;
    }
    if plan.kind != RunKind::Sweep {
        let set = &collect::UNIX;
        let _ = writeln!(
            text,
            "\neach host that lets us in is asked {} questions by one `sh -s`: underdesk explain questions",
            set.questions.len()
        );
    }
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}

fn preview(plan: &RunPlan, credentials: &[Credential], text: &mut String) -> Result<(), Stop> {
    let targets = plan
        .scope
        .targets()
        .map_err(|error| Stop::configuration(&error))?;
    let targets = Arc::new(targets);
    let sweep = plan
        .sweep(&targets)
        .map_err(|error| Stop::configuration(&error))?;
    let preview = Preview::of(&sweep, targets.subnets(), &plan.pace.into());
    let ports: Vec<String> = plan.ports.iter().map(ToString::to_string).collect();
    let _ = writeln!(
        text,
        "{} addresses in scope, {} excluded; {} probes on ports {}; at least {} s",
        preview.addresses,
        targets.excluded(),
        preview.probes,
        ports.join(","),
        preview.at_least.as_secs()
    );
    for name in targets.unresolved() {
        let _ = writeln!(
            text,
            "left out: {} ({}): {}",
            name.name, name.origin, name.why
        );
    }
    let rows = preview.parts.iter().take(LISTED).map(|part| {
        vec![
            part.label.clone(),
            part.in_scope.to_string(),
            part.excluded.to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let _ = writeln!(
        text,
        "\n{}",
        columns(&["subnet", "in scope", "excluded"], &rows).trim_end()
    );
    let more = preview.parts.len().saturating_sub(LISTED) + preview.further_parts;
    if more > 0 {
        let _ = writeln!(text, "… and {more} more subnets");
    }
    let _ = writeln!(text, "\nfirst in the shuffled order:");
    for address in &preview.hosts {
        let said = targets.describe(*address);
        let offered = offered(*address, (said.name, said.tags), credentials);
        let _ = writeln!(text, "  {address}  {offered}");
    }
    let hosts = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    for line in credentials::worst_case(credentials, hosts, &Limits::default()) {
        let _ = writeln!(text, "\nwrong passwords: {line}");
    }
    Ok(())
}

fn offered(
    address: IpAddr,
    (name, tags): (Option<Arc<str>>, Arc<[String]>),
    credentials: &[Credential],
) -> String {
    let host = LiveHost {
        address,
        name,
        tags,
        open_ports: Vec::new(),
        round_trip: None,
    };
    let plan = credentials::plan(&host, credentials, None);
    let ids: Vec<&str> = plan
        .iter()
        .map(|credential| credential.id.as_str())
        .collect();
    if ids.is_empty() {
        "no credential in scope".to_owned()
    } else {
        ids.join(", ")
    }
}
