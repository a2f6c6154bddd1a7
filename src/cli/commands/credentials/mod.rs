//! `credentials`: the accounts that hosts are logged in to by, and where their secrets are.

mod add;
pub(super) mod ask;
mod edit;
mod list;
mod recipe;
mod rotate;
mod settings;
mod show_plan;
mod test;

use super::super::config::{Environment, Settings};
use super::super::credentials_args::{CredentialsCommand, CredentialsFileArgument};
use super::super::{Exit, Stop};
use std::path::PathBuf;

/// Runs one of the commands.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &CredentialsCommand,
) -> Result<Exit, Stop> {
    match command {
        CredentialsCommand::List(arguments) => {
            list::run(&existing(settings, &arguments.file)?, environment)
        }
        CredentialsCommand::Add(arguments) => add::run(settings, environment, arguments),
        CredentialsCommand::Edit(arguments) => edit::run(settings, environment, arguments),
        CredentialsCommand::Rotate(arguments) => rotate::run(settings, environment, arguments),
        CredentialsCommand::Test(arguments) => test::run(settings, environment, arguments),
        CredentialsCommand::ShowPlan(arguments) => show_plan::run(settings, arguments),
        CredentialsCommand::Recipe(arguments) => recipe::run(arguments),
    }
}

/// The credentials file: the one that is named, else the first that exists.
fn existing(settings: &Settings, argument: &CredentialsFileArgument) -> Result<PathBuf, Stop> {
    let usual = || settings.credentials.iter().find(|path| path.exists());
    let path = argument.credentials.as_ref().or_else(usual);
    path.cloned().ok_or_else(|| {
        let places = settings.credentials.iter();
        let places: Vec<String> = places.map(|path| path.display().to_string()).collect();
        Stop::usage(format!(
            "there is no credentials file ({}); make one with underdesk credentials add",
            places.join(", ")
        ))
    })
}
