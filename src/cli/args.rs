//! The command line as typed. [`super::config`] turns it into what is meant.
#![expect(
    clippy::doc_markdown,
    reason = "help is plain text, in which a backtick is one"
)]

use super::asked_args::{FindingsArguments, MachinesArguments, ShowArguments, TableArguments};
use super::catalog_args::CatalogCommand;
use super::credentials_args::CredentialsCommand;
use super::decision_args::{ExceptCommand, ImportArguments, PlanArguments, PolicyCommand};
use super::limits_args::LimitArguments;
use super::selection_args::SelectionArguments;
use super::setup_args::{ManArguments, ShellArguments};
use super::trust_args::TrustCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The exit codes, for `--help`. [`super::Exit`] is what they are.
const EXITS: &str = "\
Exit codes, the first that holds: 130 interrupted, what is done is saved; 1 the run failed; 2 wrong usage \
or configuration; 6 safety stop: an account's wrong tries are spent, or a host key changed; 5 the catalogue \
is missing, too old or damaged; 4 open findings at or above --fail-on; 3 done, but a host that a \
credential covers, or that looks like a computer, was not assessed, the run was not finished, or a source of \
the catalogue was not fetched; 0 clean and complete.";

/// An agentless network scanner: finds the unpatched server under somebody's desk.
///
/// Scan only what you have permission to scan.
#[derive(Debug, Parser)]
#[command(
    name = "underdesk",
    version,
    long_version = super::built::VERSION.as_str(),
    propagate_version = true,
    max_term_width = 100,
    after_help = EXITS
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

/// What every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Global {
    /// The database of runs, machines and pins [default: underdesk/underdesk.db in the user's state
    /// folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
    /// The catalogue of bulletins [default: underdesk/catalog.db in the user's data folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
    /// The configuration file [default: ./underdesk.toml over underdesk/config.toml in the user's
    /// configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The site that machines belong to: the same private address at two sites is two machines
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) site: Option<String>,
    /// Say more on standard error: -v every event, -vv also how each question was answered. With
    /// --dry-run: all that would be done, in full
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Never ask anything, even on a terminal
    #[arg(long, global = true)]
    pub(super) no_input: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sweep, log in, collect, match, save and export: the main job
    Scan(Box<ScanArguments>),
    /// Find what answers, without any credential
    Sweep(Box<SweepArguments>),
    /// Go back to the machines with open findings only, ask only what decides these, and tell which are fixed, wait
    /// for a restart, are installed by half, or still missing
    Verify(Box<VerifyArguments>),
    /// Match stored facts against the present catalogue, offline
    Match(Box<MatchArguments>),
    /// Write the files of a stored run again, or a part of them
    Export(Box<ExportArguments>),
    /// List findings of a stored run, the first to see to first: which machines miss these updates, and of how many
    /// nobody can tell (see docs/questions.md)
    Findings(Box<FindingsArguments>),
    /// List machines of a stored run: how far each was read, and what it lacks
    Machines(Box<MachinesArguments>),
    /// Show all that a stored run knows of one machine
    Show(ShowArguments),
    /// Take back a table of findings that was edited in a spreadsheet: owner, status, severity, and until when a
    /// finding may stay; or a run that another store exported (see docs/spreadsheet.md)
    Import(ImportArguments),
    /// Tell what changed between two stored runs: machines new, gone, back; software and updates; findings new,
    /// fixed, reopened, or only not observed
    Diff(DiffArguments),
    /// Compare a stored run with the lists that people believe: who is there and on none, who is on one and
    /// nobody looks after, who is on one and not there
    Unmanaged(UnmanagedArguments),
    /// What to install on which machine, in which order and when: the fewest updates and restarts. It deploys
    /// nothing
    Plan(PlanArguments),
    /// The catalogue of bulletins
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Accounts that hosts are logged in to by, and where their secrets are
    #[command(subcommand)]
    Credentials(CredentialsCommand),
    /// Host keys that are known to be right
    #[command(subcommand)]
    Trust(TrustCommand),
    /// What you make of findings: how bad, how soon, which first
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Findings that somebody was allowed to leave for a while
    #[command(subcommand)]
    Except(ExceptCommand),
    /// Stored runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Walk the whole way to one host (name, route, port, protocol, trust, login, privilege, questions) and
    /// say where it stops and what to do
    Doctor(Box<DoctorArguments>),
    /// Show what stands behind an answer: the evidence for what is reported on a host, and why
    /// something is not reported
    Explain(ExplainArguments),
    /// The whole pipeline against a simulated company that the program itself serves on loopback
    Demo(DemoArguments),
    /// Print what completes this program's command line in a shell
    Completions(ShellArguments),
    /// Print the manual page of this program or of one of its commands, or write all of them into a folder
    Man(ManArguments),
}

#[derive(Debug, Args)]
pub(super) struct ScanArguments {
    #[command(flatten)]
    pub(super) targets: TargetArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
    #[command(flatten)]
    pub(super) login: LoginArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Go on with an interrupted run: its targets and settings are taken from the store
    #[arg(long, value_name = "RUN", conflicts_with_all = ["targets", "local", "dry_run", "programs"])]
    pub(super) resume: Option<String>,
    /// Read this machine, without a network
    #[arg(long, conflicts_with = "targets")]
    pub(super) local: bool,
    /// Scan whom the lists know and the latest run (or RUN) did not meet, where they were last or the lists have
    /// them: laptops that are rarely there
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "",
        conflicts_with_all = ["targets", "local", "resume"])]
    pub(super) retry_unseen: Option<String>,
    /// Write for each host what was sent to it, when, and how it ended: receipts/ADDRESS.txt beside the files,
    /// to be handed to its owner
    #[arg(long)]
    pub(super) receipt: bool,
    /// Save what each host answered, one folder a host; underdesk match --recording reads them. Answers are kept as
    /// they came, with the names of accounts in them
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SweepArguments {
    #[command(flatten)]
    pub(super) targets: TargetArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Go on with an interrupted sweep
    #[arg(long, value_name = "RUN", conflicts_with_all = ["targets", "dry_run"])]
    pub(super) resume: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    mut_arg("all", |arg| arg.help(
        "Also verify findings that have no fix, are out of support, or were undecided"
    )),
    mut_arg("fail_on", |arg| arg.help(
        "Exit with 4 only when there are open findings of this severity or worse: low, medium, high, critical; by \
         your policy where one says so, and but for exceptions [default: any]"
    )),
    mut_arg("output", |arg| arg.help(
        "Write to standard output instead of files: verify.csv, or everything with --format jsonl"
    )),
)]
pub(super) struct VerifyArguments {
    /// The scan whose findings are verified [default: the latest finished one of the site]
    #[arg(value_name = "RUN", conflicts_with = "resume")]
    pub(super) run: Option<String>,
    /// Only what these updates, bulletins or CVEs are about
    #[arg(long, value_name = "KB|CVE", value_delimiter = ',')]
    pub(super) kb: Vec<String>,
    /// Only findings whose severity by your policy is this or worse, or of none that anybody states:
    /// low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    pub(super) my_severity: Option<String>,
    /// Only these machines, by id, address or name
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(super) host: Vec<String>,
    /// Only machines with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(super) tag: Vec<String>,
    /// Do not visit these, in the grammar of targets
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    pub(super) exclude: Vec<String>,
    /// Do not visit what this file lists
    #[arg(long, value_name = "FILE")]
    pub(super) exclude_file: Vec<PathBuf>,
    /// Who permitted this: goes into the manifest
    #[arg(long, value_name = "TEXT")]
    pub(super) authorised_by: Option<String>,
    /// Only show whom it would visit and what it would ask: nothing is sent
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go on with an interrupted run of this command
    #[arg(long, value_name = "RUN", conflicts_with_all = ["kb", "my_severity", "host", "tag", "dry_run"])]
    pub(super) resume: Option<String>,
    /// Write for each host what was sent to it, when, and how it ended: receipts/ADDRESS.txt beside the files
    #[arg(long)]
    pub(super) receipt: bool,
    #[command(flatten)]
    pub(super) login: LoginArguments,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Targets")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct TargetArguments {
    /// IP, CIDR, 10.0.0.1-50, 192.168.1-3.1-20, host name, @FILE, - (standard input); !X takes out.
    /// An IPv6 block larger than a /112 is not swept: hosts are searched for in it
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,
    /// Take these out, in the same grammar
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    pub(super) exclude: Vec<String>,
    /// Take out what this file lists
    #[arg(long, value_name = "FILE")]
    pub(super) exclude_file: Vec<PathBuf>,
    /// Allow addresses of the public internet
    #[arg(long)]
    pub(super) allow_public: bool,
    /// Allow more than 65,536 addresses
    #[arg(long)]
    pub(super) yes: bool,
    /// Who permitted this scan: goes into the manifest
    #[arg(long, value_name = "TEXT")]
    pub(super) authorised_by: Option<String>,
    /// Only show what would be done: nothing is sent
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Sweep")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct PaceArguments {
    /// Ports to probe, as in 22,80,8000-8010 [default: 22,80,135,443,445,3389,5985,5986]
    #[arg(short, long, value_name = "PORTS")]
    pub(super) ports: Option<String>,
    /// Ports on which SSH is expected; they are probed too
    #[arg(long, value_name = "PORTS", default_value = "22")]
    pub(super) ssh_port: String,
    /// Ports on which WinRM over HTTPS is expected; they are probed too [default: 5986, if --ports
    /// has it]
    #[arg(long, value_name = "PORTS")]
    pub(super) winrm_tls_port: Option<String>,
    /// Ports on which WinRM over plain HTTP is expected; they are probed too [default: 5985, if
    /// --ports has it]
    #[arg(long, value_name = "PORTS")]
    pub(super) winrm_port: Option<String>,
    /// Ports beside 80, 8000, 8080 on which web servers are expected; they are probed too
    #[arg(long, value_name = "PORTS")]
    pub(super) http_port: Option<String>,
    /// Ports beside 443 and 8443 on which web servers over TLS are expected; they are probed too
    #[arg(long, value_name = "PORTS")]
    pub(super) https_port: Option<String>,
    /// Probes a second in the whole run, or max for as many as this machine can [default: 5000]
    #[arg(long, value_name = "N")]
    pub(super) rate: Option<String>,
    /// Probes a second to one address [default: 20]
    #[arg(long, value_name = "N")]
    pub(super) max_host_rate: Option<u32>,
    /// For networks with old equipment: 500 probes a second, 5 to one address, one at a time; 8 hosts are worked on
    /// at once (16 where none is logged in to), 4 of one subnet, and all of it takes 4 Mbit/s at most
    #[arg(long, conflicts_with_all = ["fast", "normal"])]
    pub(super) gentle: bool,
    /// The default pace
    #[arg(long, conflicts_with = "fast")]
    pub(super) normal: bool,
    /// For networks that can take it: up to 100,000 probes a second, 50 to one address, no limit on half
    /// open connections, and second tries only where answers get lost; 128 hosts are worked on at once
    #[arg(long)]
    pub(super) fast: bool,
    /// Probe every port at every address; otherwise, of more than 4,096 addresses, only those that
    /// answered an echo request or on 22, 443, 445, 3389 are probed on all ports
    #[arg(long)]
    pub(super) thorough: bool,
    /// How packets are sent
    #[arg(long, value_enum, default_value_t)]
    pub(super) engine: EngineArgument,
    /// How many connections routers on the way may be left half open, 0 for no limit [default: 14336,
    /// so that small routers do not overflow]
    #[arg(long, value_name = "N")]
    pub(super) half_open: Option<u32>,
    /// How often a probe that nobody answered is sent again, at most 10; more often by itself where
    /// answers get lost [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) retries: Option<u32>,
    /// The most seconds that a host may take, with all its ports and credentials [default: 120]
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<u64>,
    /// Do not ask hosts who they are: only which ports answer
    #[arg(long, conflicts_with_all = ["deep_identify", "udp"])]
    pub(super) no_identify: bool,
    /// Also ask hosts who they are by exchanges that leave more than a line in their logs: remote desktop
    /// and SQL Server up to the challenge, and the addresses that RPC knows
    #[arg(long)]
    pub(super) deep_identify: bool,
    /// UDP ports that live hosts are asked on: 137 (NetBIOS names), 161 (SNMP v3, no community), 1434 (SQL
    /// Server instances)
    #[arg(long, value_name = "PORTS")]
    pub(super) udp: Option<String>,
    /// Do not look addresses up in DNS
    #[arg(long)]
    pub(super) no_dns: bool,
    /// Listen so many seconds to what hosts of the own links announce of themselves (mDNS); nothing is sent.
    /// For IPv6 blocks that are searched, also before the sweep
    #[arg(long, value_name = "SECONDS")]
    pub(super) mdns: Option<u64>,
    /// Also connect to industrial and printer ports that are named with --ports
    #[arg(long)]
    pub(super) include_fragile: bool,
    /// The order of the probes; the same seed gives the same order
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}

/// How packets are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineArgument {
    /// By packets of its own where this machine and the route allow it, else by connections
    #[default]
    Auto,
    /// By ordinary connections
    Connect,
    /// By packets of its own, or not at all
    Raw,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Login")]
pub(super) struct LoginArguments {
    /// The credentials file [default: ./credentials.toml, else the one in the user's configuration
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
    /// Files of known host keys [default: the user's and the system's]
    #[arg(long, value_name = "FILE")]
    pub(super) known_hosts: Vec<PathBuf>,
    /// Files of certificate authorities (PEM) that vouch for WinRM hosts, beside this machine's own
    #[arg(long, value_name = "FILE")]
    pub(super) tls_ca: Vec<PathBuf>,
    /// Pin the keys of hosts that are met for the first time. They are logged in to by key only,
    /// unless a credential says password_on_first_use
    #[arg(long)]
    pub(super) accept_new_host_keys: bool,
    /// Stop the run once more hosts than this show another key than the one on record: nobody is logged in
    /// to any more, and --resume goes on [default: 3]
    #[arg(long, value_name = "N")]
    pub(super) max_changed_keys: Option<u32>,
    /// How many hosts are worked on at once [default: 64; with --gentle 8, with --fast 128]
    #[arg(long, value_name = "N")]
    pub(super) hands: Option<usize>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Verdicts")]
pub(super) struct VerdictArguments {
    /// Rules of your own for which installed program is which product, before the built-in ones (see
    /// docs/programs.md); of several files the first is asked first
    #[arg(long, value_name = "FILE")]
    pub(super) programs: Vec<PathBuf>,
}

/// What the operator believes of the network.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Lists")]
pub(super) struct BeliefArguments {
    /// A list of machines that somebody believes are there: an export of Active Directory, WSUS, ConfigMgr,
    /// Intune, an EDR, DHCP, a CMDB, runZero, Lansweeper, nmap XML, an Ansible inventory, or a plain list (see
    /// docs/lists.md); of a stored run, in place of those it has
    #[arg(long, value_name = "[NAME=]FILE")]
    pub(super) known: Vec<String>,
    /// Take a column of a list for something: name=Computer, or of one list ad:name=Computer; #3 is the third
    /// column
    #[arg(long, value_name = "[LIST:]FIELD=HEADER")]
    pub(super) map: Vec<String>,
    /// The policy: how bad, how soon, thresholds, and who is expected (see docs/policy.md) [default: ./policy.toml, else the one in the user's
    /// configuration folder]
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Who is one machine and who is not, whatever the evidence says [default: ./merge.toml, else the one in
    /// the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub(super) merge_rules: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct OutputArguments {
    /// The folder for the files [default: underdesk-RUN]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Write to standard output instead of files: the findings (of a sweep the machines) as CSV, or
    /// everything with --format jsonl
    #[arg(short, long, value_name = "-", value_parser = ["-"], conflicts_with = "out")]
    pub(super) output: Option<String>,
    /// The formats: csv, xlsx (a workbook), html (one page), json, jsonl, facts (what was read from each host, for match
    /// --facts), cyclonedx (what each machine has, and what of it is flawed), defectdojo, nmap (what the sweep saw);
    /// docs/formats.md
    #[arg(
        long,
        value_name = "FORMATS",
        value_delimiter = ',',
        default_value = "csv"
    )]
    pub(super) format: Vec<String>,
    /// How CSV files are written
    #[arg(long, value_enum, default_value_t)]
    pub(super) csv: CsvArgument,
    /// One row for each address, even where several are one machine
    #[arg(long)]
    pub(super) no_merge: bool,
    /// Leave account names out
    #[arg(long)]
    pub(super) no_users: bool,
    /// Also list findings that are closed: fixed, superseded, not applicable; and rules of baselines that are met
    #[arg(long)]
    pub(super) all: bool,
    /// Exit with 4 when there are open findings of this severity or worse: low, medium, high,
    /// critical, any (also those that are only seen from outside); by your
    /// policy where one says so, and but for exceptions
    #[arg(long, value_name = "SEVERITY")]
    pub(super) fail_on: Option<String>,
    /// Exit with 5 when what the catalogue says of a machine of the run is older than this many days
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub(super) max_catalog_age: u32,
    /// Write all that standard error gets as JSON, one object a line: what happens, and what else is said there
    /// (docs/formats.md)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) events: Option<EventsArgument>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CsvArgument {
    /// Comma, UTF-8 with BOM, CRLF
    #[default]
    Default,
    /// Semicolon, and 1,5 for 1.5: for spreadsheets in languages that write it so
    ExcelEu,
    /// Comma, no BOM, LF
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EventsArgument {
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(super) struct MatchArguments {
    /// The run whose inventories are matched [default: the latest]
    #[arg(value_name = "RUN", conflicts_with_all = ["recording", "facts", "systeminfo"])]
    pub(super) run: Option<String>,
    /// Who was exposed on a past day: only bulletins that were published by then, and only flaws that were known
    /// to be exploited. Nothing is kept [default run: the latest scan by then]
    #[arg(long, value_name = "DATE", conflicts_with_all = ["recording", "facts", "systeminfo"])]
    pub(super) as_of: Option<String>,
    #[command(flatten)]
    pub(super) given: GivenArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    #[command(flatten)]
    pub(super) tables: TableArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Hosts whose facts are in files.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Hosts from files, instead of a stored run")]
pub(super) struct GivenArguments {
    /// Hosts' facts as export --format facts writes them, or as docs/facts.md says: one JSON object, an
    /// array, or one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) facts: Vec<PathBuf>,
    /// What systeminfo printed on a host, in any language and encoding; once for each host
    #[arg(long, value_name = "FILE")]
    pub(super) systeminfo: Vec<PathBuf>,
    /// What wmic qfe or Get-HotFix printed on the host of --systeminfo: the first belongs to the first,
    /// and so on
    #[arg(long, value_name = "FILE", requires = "systeminfo")]
    pub(super) qfe: Vec<PathBuf>,
    /// A recorded host (see scan --record)
    #[arg(long, value_name = "DIR")]
    pub(super) recording: Vec<PathBuf>,
}

impl GivenArguments {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.systeminfo.is_empty() && self.recording.is_empty()
    }
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) tables: TableArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The earlier run [default: the latest one before B of the same site, kind and scope]
    #[arg(value_name = "A")]
    pub(super) before: Option<String>,
    /// The later run [default: the latest]
    #[arg(value_name = "B")]
    pub(super) after: Option<String>,
    /// Only these changes: words of changes.csv (finding_new), or the part before the line (machine, software,
    /// update, finding, question)
    #[arg(long, value_name = "CHANGES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    /// Write changes.csv into this folder
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) out: Option<PathBuf>,
    /// Write to standard output as --format says, instead of a table for people
    #[arg(short, long, value_name = "-", value_parser = ["-"], conflicts_with = "out", help_heading = "Output")]
    pub(super) output: Option<String>,
    /// The format on standard output
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl"], default_value = "csv", help_heading = "Output")]
    pub(super) format: String,
    /// How CSV is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(super) csv: CsvArgument,
    /// One row for each address, even where several are one machine
    #[arg(long, help_heading = "Output")]
    pub(super) no_merge: bool,
}

#[derive(Debug, Args)]
pub(super) struct UnmanagedArguments {
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    /// Only these states, as managed_state has them: unmanaged, overlooked, unidentified, unseen, stale_entry,
    /// out_of_scope, managed, expected, artefact
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    pub(super) state: Vec<String>,
    /// Only tell how each list was read: its columns, and every value that was not understood
    #[arg(long)]
    pub(super) show_lists: bool,
    /// One row for each address, even where several are one machine
    #[arg(long)]
    pub(super) no_merge: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// Show the stored runs, newest first
    List,
    /// Show one run
    Show {
        /// The run [default: the latest]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// Print all that is kept of the run itself, its settings as this version has them, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete runs, with what no other run needs. Machines, since when their findings are known, pins and
    /// wrong tries stay
    Delete {
        /// The runs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Also a run that goes on, or was killed
        #[arg(long)]
        running: bool,
    },
    /// Delete finished runs that are old; the latest of each site and kind stays, and so does what can be
    /// resumed
    #[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
    Prune {
        /// Keep the latest so many of each site and kind
        #[arg(long, value_name = "N", group = "which", value_parser = clap::value_parser!(u32).range(1..))]
        keep: Option<u32>,
        /// Delete those that began more than so many days ago
        #[arg(long, value_name = "DAYS", group = "which")]
        older_than: Option<u32>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Only say which would be deleted
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a run into one file, to be carried to another store
    Export {
        /// The run
        #[arg(value_name = "RUN")]
        run: String,
        /// The file, which must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take a run from a file of runs export: it keeps its id and its site, and is never resumed
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct ExplainArguments {
    #[command(subcommand)]
    pub(super) command: Option<ExplainCommand>,
    #[command(flatten)]
    pub(super) host: ExplainHostArguments,
}

#[derive(Debug, Args)]
pub(super) struct ExplainHostArguments {
    /// The host: its machine id, its name or an address
    #[arg(value_name = "HOST")]
    pub(super) host: Option<String>,
    /// What to explain: an update (KB5094123), a CVE or another bulletin [default: a summary]
    #[arg(value_name = "KB|CVE")]
    pub(super) id: Option<String>,
    /// The run that the host is taken from [default: the latest]
    #[arg(long, value_name = "RUN", conflicts_with_all = ["recording", "facts", "systeminfo"])]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) given: GivenArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExplainCommand {
    /// Everything that is ever sent to a host, and why
    Questions {
        /// Only what hosts of this system are sent
        #[arg(long, value_enum, value_name = "SYSTEM", default_value_t)]
        os: OsArgument,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum OsArgument {
    /// Linux, BSD and other Unix systems: over SSH
    Unix,
    /// Windows: over WinRM and over SSH
    Windows,
    /// All of them
    #[default]
    All,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct DoctorArguments {
    /// The host: its name or an address
    #[arg(value_name = "TARGET")]
    pub(super) target: String,
    /// Allow an address of the public internet
    #[arg(long)]
    pub(super) allow_public: bool,
    /// Who permitted this: stored with the run
    #[arg(long, value_name = "TEXT")]
    pub(super) authorised_by: Option<String>,
    /// Write what was sent to the host, when, and how it ended to receipts/ADDRESS.txt in --out
    #[arg(long)]
    pub(super) receipt: bool,
    /// The folder for the receipt [default: underdesk-RUN]
    #[arg(long, value_name = "DIR", requires = "receipt")]
    pub(super) out: Option<PathBuf>,
    /// Leave account names out
    #[arg(long)]
    pub(super) no_users: bool,
    #[command(flatten)]
    pub(super) login: LoginArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
}

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// The folder for the files [default: underdesk-demo]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Only serve the simulated network, print how to scan it, and wait for Ctrl-C
    #[arg(long)]
    pub(super) serve: bool,
}

impl Command {
    /// Whether standard error is to have JSON only.
    pub(super) fn wants_events(&self) -> bool {
        let output = match self {
            Self::Scan(command) => &command.output,
            Self::Sweep(command) => &command.output,
            Self::Verify(command) => &command.output,
            Self::Match(command) => &command.output,
            Self::Export(command) => &command.output,
            _ => return false,
        };
        output.events == Some(EventsArgument::Jsonl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::EXPORTERS;
    use clap::CommandFactory as _;

    /// Each command with its own, as `--help` has it.
    fn pages(command: &mut clap::Command, pages: &mut Vec<(String, String)>) {
        let name = command.get_name().to_owned();
        pages.push((name, command.render_long_help().to_string()));
        for inner in command.get_subcommands_mut() {
            self::pages(inner, pages);
        }
    }

    #[test]
    fn no_help_has_a_mark_of_another_language() {
        let mut all = Vec::new();
        let mut command = Arguments::command();
        command.build();
        pages(&mut command, &mut all);
        assert!(all.len() > 40, "{}", all.len());
        for (name, page) in all {
            let marked = page.lines().find(|line| line.contains('`'));
            assert_eq!(marked, None, "{name}");
        }
    }

    #[test]
    fn the_help_names_every_format() {
        let mut command = Arguments::command();
        command.build();
        let scan = command.find_subcommand("scan").unwrap();
        let mut arguments = scan.get_arguments();
        let format = arguments.find(|one| one.get_id() == "format").unwrap();
        let help = format.get_help().unwrap().to_string();
        for exporter in EXPORTERS {
            let name = exporter.format();
            let mut words = help.split(|c: char| !c.is_alphanumeric());
            assert!(words.any(|word| word == name), "{name}: {help}");
        }
    }
}
