//! `trust`: host keys that are known to be right.

mod import;
mod list;
mod review;
mod scan;

use super::super::config::Settings;
use super::super::trust_args::TrustCommand;
use super::super::{Exit, Stop, output, stdout};
use crate::store::Pin;

/// Lists pins, takes over keys that a person has checked, or shows what there is to check.
pub(in crate::cli) fn run(settings: &Settings, command: &TrustCommand) -> Result<Exit, Stop> {
    if let TrustCommand::Scan(command) = command {
        return scan::run(settings, command);
    }
    let store = output::open_store(&settings.store)?;
    let text = match command {
        TrustCommand::Scan(_) => String::new(),
        TrustCommand::List => list::list(settings, &store)?,
        TrustCommand::Import(command) => import::import(settings, &store, command)?,
        TrustCommand::Remove { place } => list::remove(settings, &store, place)?,
    };
    stdout::print(format!("{}\n", text.trim_end()))?;
    Ok(Exit::Clean)
}

/// The source of a pin that nobody has checked.
const FIRST_USE: &str = "first_use";

/// A host and its port, as one writes them.
fn place(pin: &Pin) -> String {
    match (pin.host.contains(':'), pin.port) {
        (true, port) => format!("[{}]:{port}", pin.host),
        (false, port) => format!("{}:{port}", pin.host),
    }
}
