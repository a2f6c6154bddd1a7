//! `trust`: host keys that are known to be right.

use super::super::args::TrustCommand;
use super::super::config::Settings;
use super::super::{Exit, Stop, output, runtime};
use crate::report::{columns, for_terminal};
use crate::session::parse_pins;
use crate::store::{Pin, Store};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Lists pins, or takes over keys that a person has checked.
pub(in crate::cli) fn run(settings: &Settings, command: &TrustCommand) -> Result<Exit, Stop> {
    let store = output::open_store(&settings.store)?;
    let text = match command {
        TrustCommand::List => list(settings, &store)?,
        TrustCommand::Import { file } => import(settings, &store, file)?,
    };
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}

fn list(settings: &Settings, store: &Store) -> Result<String, Stop> {
    let pins = store
        .pins(&settings.site)
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    let rows = pins.iter().map(|pin| {
        vec![
            for_terminal(&pin.host).into_owned(),
            pin.port.to_string(),
            pin.key.algorithm.clone(),
            pin.key.fingerprint.clone(),
            pin.source.clone(),
            pin.at.date().to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    Ok(columns(
        &[
            "host",
            "port",
            "algorithm",
            "fingerprint",
            "source",
            "since",
        ],
        &rows,
    ))
}

/// Reads lines as `ssh-keyscan` and `known_hosts` write them: `host,[host]:port algorithm key`, and
/// certificates' digests.
fn import(settings: &Settings, store: &Store, file: &Path) -> Result<String, Stop> {
    let place = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Stop::usage(format!("cannot read {place}: {error}")))?;
    let parsed = parse_pins(&text);
    if let Some((line, why)) = parsed.problems.first() {
        return Err(Stop::usage(format!(
            "{place}, line {line}: {why}; nothing was imported ({} lines cannot be used)",
            parsed.problems.len()
        )));
    }
    if parsed.pins.is_empty() {
        return Err(Stop::usage(format!("{place}: there is no host key in it")));
    }
    let at = runtime::now();
    let pins = parsed.pins.into_iter().map(|pin| Pin {
        site: settings.site.clone(),
        host: pin.host,
        port: pin.port,
        key: pin.key,
        public_key: pin.public_key,
        source: "import".to_owned(),
        at,
    });
    let pins: Vec<Pin> = pins.collect();
    let count = pins.len();
    let new = store
        .add_pins(pins)
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    Ok(format!("{new} new pins, {} known already", count - new))
}
