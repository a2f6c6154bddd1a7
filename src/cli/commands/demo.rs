//! `demo`: the ordinary scan, over real sockets, of a company that the program itself simulates.

use super::super::args::{Arguments, Command, DemoArguments};
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, hints, output, runtime};
use super::scan;
use crate::lab::{Lab, Network, Recordings, Running};
use crate::model::{Date, UtcTime};
use crate::os;
use crate::scan::Clock;
use clap::Parser as _;
use include_dir::{Dir, File, include_dir};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

static HOSTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/hosts");
/// The store of its runs, beside the other files of its operator.
const STORE: &str = "underdesk.db";
/// What tells the other commands where all of its operator's files are.
const CONFIG: &str = "underdesk.toml";
const NETWORK: &str = include_str!("../../../fixtures/labs/demo.toml");
/// The lists that the company has of its machines, in which `{3 days ago}` stands for a day.
const LISTS: [(&str, &str, &str); 3] = [
    (
        "AD",
        "active-directory.csv",
        include_str!("../../../fixtures/labs/demo/active-directory.csv"),
    ),
    (
        "CMDB",
        "cmdb.csv",
        include_str!("../../../fixtures/labs/demo/cmdb.csv"),
    ),
    (
        "DHCP",
        "dhcp.csv",
        include_str!("../../../fixtures/labs/demo/dhcp.csv"),
    ),
];
/// The day there when it is scanned for the first time, two days after the facts of the built-in catalogue. By our own
/// calendar its machines would grow old without an update, and support for them end: another story every month.
const DAY: &str = "2026-11-24";
/// When the working day begins there.
const MORNING: &str = "T09:00:00Z";
const POLICY: &str = include_str!("../../../fixtures/labs/demo/policy.toml");

/// Serves the company and scans it.
pub(in crate::cli) fn run(
    environment: &Environment,
    command: &DemoArguments,
) -> Result<Exit, Stop> {
    let network = Network::parse(NETWORK).map_err(|error| Stop::failed(&error))?;
    let folder = command
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("underdesk-demo"));
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    // The hosts run on a runtime of their own, beside that of the scan.
    let (ready, started) = mpsc::channel();
    let (done, finish) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || serve(&network, &ready, finish));
    let company = started.recv().map_err(|error| Stop::failed(&error))??;
    let exit = go(environment, command, &folder, &company);
    done.send(()).ok();
    server.join().ok();
    exit
}

fn go(
    environment: &Environment,
    command: &DemoArguments,
    folder: &Path,
    company: &Company,
) -> Result<Exit, Stop> {
    let prepared = |now| prepare(folder, company, now).map_err(|error| unwritable(folder, &error));
    if command.serve {
        return wait(&prepared(runtime::now())?);
    }
    let morning = morning(&folder.join("operator").join(STORE))?;
    scan_it(environment, &prepared(morning)?, folder, morning)
}

fn unwritable(folder: &Path, error: &io::Error) -> Stop {
    Stop {
        exit: Exit::Failed,
        text: format!("cannot write to {}: {error}", folder.display()),
    }
}

/// When the company is scanned: on the day after the last scan in the store, so that a demo that is run again shows
/// what changes from day to day.
fn morning(store: &Path) -> Result<UtcTime, Stop> {
    let mut day = Date::parse(DAY);
    if store.exists() {
        let runs = output::open_store(store)?.list_runs().wait();
        let runs = runs.map_err(|error| Stop::failed(&error))?;
        let days = runs.iter().map(|run| run.summary.started.date());
        day = day.max(days.max().map(|last| last.plus_days(1)));
    }
    let morning = day.and_then(|day| UtcTime::parse(&format!("{day}{MORNING}")));
    Ok(morning.unwrap_or_else(runtime::now))
}

/// A clock that showed this time just now.
fn clock_from(time: UtcTime) -> Clock {
    let began = Instant::now();
    Arc::new(move || {
        let seconds = i64::try_from(began.elapsed().as_secs()).unwrap_or(i64::MAX);
        UtcTime::from_unix(time.unix().saturating_add(seconds))
    })
}

/// What the scan needs to know of the simulated company.
struct Company {
    targets: Vec<String>,
    /// The real ports behind 22, 5985, 5986, 80 and 443.
    ssh: u16,
    winrm: u16,
    winrm_tls: u16,
    http: u16,
    https: u16,
    known_hosts: String,
    key: String,
    authority: String,
}

fn serve(
    network: &Network,
    ready: &mpsc::Sender<Result<Company, Stop>>,
    finish: tokio::sync::oneshot::Receiver<()>,
) {
    let served = runtime::block_on(async {
        let running = match start(network).await {
            Ok(running) => running,
            Err(stop) => {
                ready.send(Err(stop)).ok();
                return;
            }
        };
        ready.send(Ok(company(&running))).ok();
        finish.await.ok();
        running.stop().await;
    });
    if let Err(stop) = served {
        ready.send(Err(stop)).ok();
    }
}

async fn start(network: &Network) -> Result<Running, Stop> {
    let mut files = Vec::new();
    gather(&HOSTS, &mut files);
    let files = files
        .iter()
        .map(|file| (file.path().to_str().unwrap_or_default(), file.contents()));
    let recordings = Recordings::read(files).map_err(|error| Stop::failed(&error))?;
    Lab::start(network, &recordings, 0)
        .await
        .map_err(|error| Stop {
            exit: Exit::Failed,
            text: format!(
                "the simulated company cannot be served: {}",
                hints::chain(&error)
            ),
        })
}

fn gather<'a>(folder: &'a Dir<'a>, files: &mut Vec<&'a File<'a>>) {
    files.extend(folder.files());
    for inner in folder.dirs() {
        gather(inner, files);
    }
}

fn company(running: &Running) -> Company {
    Company {
        targets: running
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect(),
        ssh: running.port(22).unwrap_or_default(),
        winrm: running.port(5985).unwrap_or_default(),
        winrm_tls: running.port(5986).unwrap_or_default(),
        http: running.port(80).unwrap_or_default(),
        https: running.port(443).unwrap_or_default(),
        known_hosts: running.known_hosts(),
        key: running.user_key("demo"),
        authority: running.authority(),
    }
}

/// Writes what an operator of that company would have.
fn prepare(folder: &Path, company: &Company, now: UtcTime) -> io::Result<Vec<String>> {
    let own = |name: &str| folder.join("operator").join(name);
    make_private(&folder.join("operator"))?;
    let credentials = CREDENTIALS.to_owned();
    for (name, text) in [
        ("credentials.toml", &credentials),
        ("demo_ed25519", &company.key),
        ("backup-password", &"lark-in-the-morning".to_owned()),
        ("windows-password", &"a lark ascending".to_owned()),
        ("authority.pem", &company.authority),
        ("known_hosts", &company.known_hosts),
    ] {
        write_private(&own(name), text)?;
    }
    write_private(&own("policy.toml"), &dated(POLICY, now))?;
    for (_, file, text) in LISTS {
        write_private(&own(file), &dated(text, now))?;
        // A list that has no day in it is as old as its file.
        set_time(&own(file), now)?;
    }
    write_private(&own(CONFIG), &config(&folder.join("operator"))?)?;
    let flag = |path: PathBuf| path.display().to_string();
    let known = LISTS.map(|(name, file, _)| format!("{name}={}", flag(own(file))));
    let mut words = vec!["underdesk".to_owned(), "scan".to_owned()];
    let flags = [
        ("--config", flag(own(CONFIG))),
        ("--engine", "connect".to_owned()),
        ("--ssh-port", company.ssh.to_string()),
        ("--winrm-port", company.winrm.to_string()),
        ("--winrm-tls-port", company.winrm_tls.to_string()),
        ("--http-port", company.http.to_string()),
        ("--https-port", company.https.to_string()),
        ("--ports", company.ssh.to_string()),
        ("--credentials", flag(own("credentials.toml"))),
        ("--known-hosts", flag(own("known_hosts"))),
        ("--tls-ca", flag(own("authority.pem"))),
        ("--store", flag(own(STORE))),
        ("--policy", flag(own("policy.toml"))),
        ("--out", flag(folder.to_owned())),
        ("--format", "csv,xlsx,html".to_owned()),
    ];
    words.extend(
        flags
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]),
    );
    let known = known.into_iter();
    words.extend(known.flat_map(|list| ["--known".to_owned(), list]));
    words.extend(company.targets.iter().cloned());
    Ok(words)
}

/// A configuration by which other commands answer as the demo does. What it names is found from any folder.
fn config(operator: &Path) -> io::Result<String> {
    let operator = std::path::absolute(operator)?;
    // A string of JSON is one of TOML.
    let place = |file: &str| serde_json::Value::from(operator.join(file).display().to_string());
    Ok(format!(
        "# Written by underdesk demo: underdesk findings --config FILE asks what it found.\n\
         store = {}\npolicy = {}\ncredentials = {}\nknown_hosts = [{}]\ntls_ca = [{}]\n",
        place(STORE),
        place("policy.toml"),
        place("credentials.toml"),
        place("known_hosts"),
        place("authority.pem"),
    ))
}

fn set_time(path: &Path, now: UtcTime) -> io::Result<()> {
    let since = Duration::from_secs(now.unix().try_into().unwrap_or(0));
    let file = fs::File::options().write(true).open(path)?;
    file.set_modified(SystemTime::UNIX_EPOCH + since)
}

/// Puts days in the place of `{3 days ago}`: lists that age would tell another story every month.
fn dated(text: &str, now: UtcTime) -> String {
    const DAY: i64 = 86_400;
    let mut parts = text.split('{');
    let mut dated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let day = part.split_once(" days ago}").and_then(|(days, rest)| {
            let days: i64 = days.parse().ok()?;
            let day = UtcTime::from_unix(now.unix() - days * DAY).date();
            Some(format!("{day}{rest}"))
        });
        dated.push_str(&day.unwrap_or_else(|| format!("{{{part}")));
    }
    dated
}

/// Nobody else may put other files there, whatever this machine gives to new folders.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    os::close_folder(folder)
}

/// Only the owner may read it: the scan refuses secrets that others can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    os::owner_only(&mut options)
        .open(path)?
        .write_all(text.as_bytes())
}

/// The ordinary scan, as if its command line had been typed.
fn scan_it(
    environment: &Environment,
    words: &[String],
    folder: &Path,
    morning: UtcTime,
) -> Result<Exit, Stop> {
    complain(&format!(
        "scanning a simulated company on loopback, where it is {}; as a command line: {} …",
        morning.date(),
        shown(words)
    ));
    let arguments =
        Arguments::try_parse_from(words).map_err(|error| Stop::usage(error.to_string()))?;
    let settings = Settings::load(&arguments.global, environment)
        .map_err(|error| Stop::configuration(&error))?;
    let Command::Scan(command) = arguments.command else {
        return Err(Stop::usage("the demo is a scan"));
    };
    let exit = scan::run_at(&settings, environment, &command, Some(clock_from(morning)))?;
    let text = format!(
        "All of these hosts are simulated by this program, their flaws are real ones. Open {} in a browser, or {} in a spreadsheet; {} and the others have the same as CSV.\nAsk more of it: underdesk findings --config {config}, and so with machines, show, explain, unmanaged, plan and export.\nExit code of the scan: {} (3: hosts were not assessed; 6: a host key had changed). A demo that worked ends with 0.\n",
        folder.join("underdesk.html").display(),
        folder.join("underdesk.xlsx").display(),
        folder.join("findings.csv").display(),
        exit.code(),
        config = folder.join("operator").join(CONFIG).display(),
    );
    io::stdout().write_all(text.as_bytes()).ok();
    match exit {
        Exit::Failed | Exit::Usage | Exit::Interrupted => Ok(exit),
        _ => Ok(Exit::Clean),
    }
}

/// Serves until Ctrl-C.
fn wait(words: &[String]) -> Result<Exit, Stop> {
    let text = format!(
        "serving a simulated company until Ctrl-C; scan it with\n{}\n",
        words.join(" ")
    );
    io::stdout().write_all(text.as_bytes()).ok();
    runtime::block_on(runtime::interrupted())?;
    Ok(Exit::Clean)
}

/// The command line without the long list of targets.
fn shown(words: &[String]) -> String {
    words
        .iter()
        .take_while(|word| !word.starts_with("127."))
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}

const CREDENTIALS: &str = r#"# Written by `underdesk demo`. See credentials.example.toml for everything that can stand here.

[[credential]]
id = "audit"
type = "ssh-key"
user = "audit"
key = { file = "demo_ed25519" }
scope = ["127.77.0.0/16", "!127.77.0.40", "!127.77.1.60"]

[[credential]]
id = "backup"
type = "ssh-password"
user = "backup"
password = { file = "backup-password" }
scope = ["127.77.0.40", "127.77.1.40"]

# NTLM over plain HTTP can be relayed: only these two hosts, which have no certificate, may see it.
[[credential]]
id = "windows-http"
type = "winrm"
user = 'LARKSPUR\svc-audit'
password = { file = "windows-password" }
auth = "ntlm"
ntlm_http = true
scope = ["127.77.0.70", "127.77.0.71"]

[[credential]]
id = "windows"
type = "winrm"
user = 'LARKSPUR\svc-audit'
password = { file = "windows-password" }
auth = "ntlm"
scope = ["127.77.0.72"]
"#;
