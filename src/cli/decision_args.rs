//! The command line of `policy` and `except`, as typed.

use super::args::BeliefArguments;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Read the policy, and tell for every rule how many findings of a run it decides, and which rules decide
    /// none (see docs/policy.md)
    Check(PolicyCheckArguments),
}

#[derive(Debug, Args)]
pub(super) struct PolicyCheckArguments {
    /// The run [default: the latest, where there is one]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    /// Explain every rule that touches the findings of a host, or those of a bulletin: a machine id, a name, an
    /// address, or CVE-2024-6387, KB5094123
    #[arg(long, value_name = "HOST|BULLETIN")]
    pub(super) explain: Option<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExceptCommand {
    /// Write down that findings may stay as they are until a day: for the versions that are installed now
    #[command(disable_version_flag = true)]
    Add(Box<ExceptAddArguments>),
    /// Show the exceptions of the site, and how each stands in a run
    List {
        /// The run [default: the latest, where there is one]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        #[command(flatten)]
        beliefs: Box<BeliefArguments>,
    },
    /// Take an exception back before its day
    Expire {
        /// Its id, as except list shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct ExceptAddArguments {
    /// A bulletin, a CVE or an update: CVE-2024-6387, KB5094123; * stands for any text
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "finding",
        conflicts_with = "finding"
    )]
    pub(super) bulletin: Option<String>,
    /// One finding, as `finding_id` has it
    #[arg(long, value_name = "ID")]
    pub(super) finding: Option<String>,
    /// Only on these machines: a name (with * for any text), an address, a network or a machine id
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Only on machines with this tag: role=test
    #[arg(long, value_name = "TAG")]
    pub(super) tag: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    pub(super) owner: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// The last day (UTC) on which it holds
    #[arg(long, value_name = "DATE")]
    pub(super) until: String,
    /// The installed versions that it holds for [default: those that the run shows]
    #[arg(long = "version", id = "versions", value_name = "V")]
    pub(super) version: Vec<String>,
    /// The run that shows what is installed [default: the latest]
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
}
