//! `completions`: what completes the command line in a shell, made of the same definitions that read it.

use super::super::args::Arguments;
use super::super::setup_args::ShellArguments;
use super::super::{Exit, Stop, stdout};
use clap::CommandFactory as _;

/// Prints the script for a shell.
pub(in crate::cli) fn run(command: &ShellArguments) -> Result<Exit, Stop> {
    // Into memory first: whoever reads only the beginning is no reason to panic.
    let mut script = Vec::new();
    let mut program = Arguments::command();
    clap_complete::generate(command.shell, &mut program, "underdesk", &mut script);
    stdout::print(script)?;
    Ok(Exit::Clean)
}
