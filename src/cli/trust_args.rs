//! The command line of `trust`, as typed.

use super::args::{CsvArgument, PaceArguments, TargetArguments};
use super::limits_args::LimitArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Sweep SSH and WinRM over HTTPS without any credential, and list every host key and certificate as CSV, for you
    /// to check and to tick
    Scan(Box<TrustScanArguments>),
    #[command(
        about = "Pin the ticked rows of a table of trust scan; or the host keys of a file in the format of known_hosts, \
                 after you have checked them; a certificate is [host]:5986 x509 SHA256:…"
    )]
    Import(TrustImportArguments),
    /// Show the pinned host keys
    List,
    /// Take the pins of a host away
    Remove {
        #[arg(
            value_name = "HOST[:PORT]",
            help = "The host as trust list shows it, and its port where only that is meant: 10.0.0.7, srv:2222, \
                    [2001:db8::7]:22"
        )]
        place: String,
    },
}

#[derive(Debug, Args)]
#[command(
    mut_arg("ports", |arg| arg.help(
        "Further ports to probe, as in 80,443: what answers there tells what a host is, and SSH is found on any \
         port [default: those of SSH and of WinRM over HTTPS]"
    )),
    mut_arg("winrm_tls_port", |arg| arg.help(
        "Ports on which WinRM over HTTPS is expected [default: 5986]"
    )),
    mut_arg("no_identify", |arg| arg.hide(true)),
    mut_arg("winrm_port", |arg| arg.hide(true)),
    mut_arg("thorough", |arg| arg.hide(true)),
)]
pub(super) struct TrustScanArguments {
    #[command(flatten)]
    pub(super) targets: TargetArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    /// Files of known host keys to compare with [default: the user's and the system's]
    #[arg(long, value_name = "FILE", help_heading = "Review")]
    pub(super) known_hosts: Vec<PathBuf>,
    /// Files of certificate authorities (PEM) that vouch for WinRM hosts, beside this machine's own
    #[arg(long, value_name = "FILE", help_heading = "Review")]
    pub(super) tls_ca: Vec<PathBuf>,
    /// Write to a new file, as spreadsheets like it; - is standard output [default: -]
    #[arg(short, long, value_name = "FILE", help_heading = "Review")]
    pub(super) output: Option<PathBuf>,
    /// The dialect of CSV
    #[arg(
        long,
        value_enum,
        value_name = "DIALECT",
        default_value_t,
        help_heading = "Review"
    )]
    pub(super) csv: CsvArgument,
}

#[derive(Debug, Args)]
pub(super) struct TrustImportArguments {
    /// The file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Let a key take the place of another one of its kind that is pinned for the host
    #[arg(long)]
    pub(super) replace: bool,
    /// Only say what would be pinned
    #[arg(long)]
    pub(super) dry_run: bool,
}
