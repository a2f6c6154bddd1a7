//! `match`: stored facts, or given ones, against the present catalogue, offline.

use super::super::args::MatchArguments;
use super::super::config::Settings;
use super::super::{Exit, Stop, hints, output, runtime};
use super::scan::run_id;
use crate::collect;
use crate::credentials::Holder;
use crate::model::{Inventory, RunSummary};
use crate::scan::{self, Connectors, Context, Keyring, Pace, Parts, RunKind, RunPlan, Scope};

use crate::store::{NewRun, Store};
use crate::sweep::Profile;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Judges the inventories of a run again, or those of recorded hosts.
pub(in crate::cli) fn run(settings: &Settings, command: &MatchArguments) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    if !command.recording.is_empty() {
        return recorded(settings, command);
    }
    let store = output::open_store(&settings.store)?;
    let run = output::find_run(&store, command.run.as_deref())?;
    let catalog = Arc::new(output::open_catalog(&settings.catalog)?);
    let today = runtime::now().date();
    let judged = runtime::block_on(scan::rematch(&store, &run, &catalog, today))?;
    judged.map_err(|error| Stop::failed(&error))?;
    let exits = output::write(&store, &run, &command.output, Some(catalog))?;
    Ok(Exit::worst(exits))
}

/// Recorded hosts are a run of their own, kept nowhere.
fn recorded(settings: &Settings, command: &MatchArguments) -> Result<Exit, Stop> {
    let mut hosts = Vec::new();
    let mut taken = BTreeSet::new();
    for (number, folder) in (1_u32..).zip(&command.recording) {
        let inventory = read(folder)?;
        // A bridge's address may be that of many hosts.
        let own = address(&inventory).filter(|own| taken.insert(*own));
        let place = own.unwrap_or_else(|| Ipv4Addr::from_bits(number).into());
        hosts.push((place, inventory));
    }
    let store = Store::in_memory().map_err(|error| Stop::failed(&error))?;
    let catalog = Arc::new(output::open_catalog(&settings.catalog)?);
    let now = runtime::now();
    let summary = RunSummary {
        id: run_id(now),
        kind: RunKind::Recorded.as_str().to_owned(),
        started: now,
        finished: None,
        operator: settings.operator.clone(),
        authorised_by: None,
        targets: command
            .recording
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        guards_lifted: Vec::new(),
        site: settings.site.clone(),
        catalog_digest: catalog.digest().to_owned(),
        catalog_imported: catalog.imported(),
        simulated: false,
    };
    let run = summary.id.clone();
    let new = NewRun {
        summary,
        settings: serde_json::Value::Null,
        plan_fingerprint: RunKind::Recorded.as_str().to_owned(),
        seed: 0,
    };
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let cx = Context::new(Parts {
        store: store.clone(),
        run: run.clone(),
        site: settings.site.clone(),
        plan: plan(),
        catalog: Arc::clone(&catalog),
        keyring: Keyring::default(),
        connectors: Connectors::nobody(),
        events,
        clock: runtime::clock(),
        holder: Holder::new("recorded"),
    });
    let done = runtime::block_on(async {
        store.begin_run(new).await?;
        scan::run_recorded(Arc::new(cx), hosts).await
    })?;
    done.map_err(|error| Stop::failed(&error))?;
    let exits = output::write(&store, &run, &command.output, Some(catalog))?;
    Ok(Exit::worst(exits))
}

fn read(folder: &Path) -> Result<Inventory, Stop> {
    let place = folder.display();
    let (set, answers) = collect::load(folder)
        .map_err(|error| Stop::usage(format!("{place}: {}", hints::chain(&error))))?;
    let inventory = collect::read(set, &answers);
    inventory.ok_or_else(|| {
        Stop::usage(format!(
            "{place}: the recording does not tell what the host is"
        ))
    })
}

/// The first address that the host itself knows.
fn address(inventory: &Inventory) -> Option<IpAddr> {
    let interfaces = inventory.identity.interfaces.known()?;
    interfaces
        .iter()
        .flat_map(|interface| &interface.addresses)
        .min()
        .copied()
}

/// A plan that goes nowhere.
fn plan() -> RunPlan {
    RunPlan {
        kind: RunKind::Recorded,
        scope: Scope::default(),
        ports: Vec::new(),
        ssh_ports: Vec::new(),
        winrm_tls_ports: Vec::new(),
        winrm_ports: Vec::new(),
        seed: 0,
        pace: Pace::from(Profile::NORMAL),
        host_seconds: 1,
        hands: 1,
        accept_new_host_keys: false,
        credentials: None::<PathBuf>,
        known_hosts: Vec::new(),
        tls_ca: Vec::new(),
        record: None,
    }
}
