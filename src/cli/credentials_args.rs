//! The command line of `credentials`, as typed.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum CredentialsCommand {
    /// Show the credentials and where their secrets are; no secret is opened
    List(ListArguments),
}

/// Which credentials file is meant.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct CredentialsFileArgument {
    /// The credentials file [default: ./credentials.toml, else the one in the user's configuration
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) file: CredentialsFileArgument,
}
