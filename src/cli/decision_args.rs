//! The command line of `policy`, `except`, `import` and `plan`, as typed.
#![expect(
    clippy::doc_markdown,
    reason = "help is plain text, in which a backtick is one"
)]

use super::args::{BeliefArguments, CsvArgument};
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
        /// The run, as of the day on which it began [default: the latest, where there is one, as of today]
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
    /// A bulletin, a CVE or an update: CVE-2024-6387, KB5094123; * stands for any text. What could not be judged
    /// (unknown:…) is only meant where it is named
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "finding",
        conflicts_with = "finding"
    )]
    pub(super) bulletin: Option<String>,
    /// One finding, as finding_id has it
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
    /// Mean it, where every finding of every machine may stay: for a year at most
    #[arg(long)]
    pub(super) everything: bool,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct ImportArguments {
    /// findings.csv or a workbook with that table, however it was saved; or a file of runs export
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Only show what differs
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    /// Leave out rows that cannot be understood; without it, one such row and nothing is changed
    #[arg(long)]
    pub(super) skip_bad: bool,
    /// Why findings may stay, where the table has no column reason
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Take another column for one of finding_id, owner, status, my_severity, exception_until, reason: owner=Responsible;
    /// #3 is the third
    #[arg(long, value_name = "COLUMN=HEADER")]
    pub(super) map: Vec<String>,
    /// The run to compare with [default: the one that run_id names]
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    /// The lists that the table was exported with [default: those that the run has]
    #[arg(long, value_name = "[NAME=]FILE")]
    pub(super) known: Vec<String>,
    /// The policy that the table was exported by [default: as everywhere]
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Who is one machine, as when the table was exported [default: as everywhere]
    #[arg(long, value_name = "FILE")]
    pub(super) merge_rules: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct PlanArguments {
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    /// Only what these updates, bulletins or CVEs are about, and the machines that need them
    #[arg(long, value_name = "KB|CVE", value_delimiter = ',')]
    pub(super) kb: Vec<String>,
    /// Only findings whose severity by your policy is this or worse, or of none that anybody states:
    /// low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    pub(super) my_severity: Option<String>,
    /// Only what should have been fixed by now, by the due dates of the policy
    #[arg(long)]
    pub(super) overdue: bool,
    /// Only these machines, by id, address or name
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(super) host: Vec<String>,
    /// Only machines with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(super) tag: Vec<String>,
    #[arg(
        long,
        value_name = "WAVE",
        help = "Only this wave: pilot, critical, rest, or as [[plan.wave]] of the policy has them"
    )]
    pub(super) wave: Option<String>,
    /// Look for maintenance windows from this moment on, as in 2026-12-01T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// Show every step of every machine
    #[arg(long)]
    pub(super) machines: bool,
    /// Write files instead: csv, overdue (what is late, owner by owner), ansible (an inventory, and a playbook for each
    /// wave), txt (one host a line), powershell-wsus (a script that approves the updates in WSUS)
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    pub(super) format: Vec<String>,
    /// Leave the names of owners out
    #[arg(long)]
    pub(super) no_users: bool,
    /// How CSV files are written
    #[arg(long, value_enum, default_value_t)]
    pub(super) csv: CsvArgument,
    /// The folder for the files [default: underdesk-plan-RUN]
    #[arg(long, value_name = "DIR", requires = "format")]
    pub(super) out: Option<PathBuf>,
    /// Write to standard output instead, where the format makes one file only
    #[arg(short, long, value_name = "-", value_parser = ["-"], conflicts_with = "out", requires = "format")]
    pub(super) output: Option<String>,
}
