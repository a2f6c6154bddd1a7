//! A scan of the network by the whole program: what it costs, and whether every host is where it has to be.

use super::network::{Expected, Planned, plan};
use super::process::{Cost, Watched};
use super::{LAB, LOGINS, Outcome};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most seconds that a host may take: what a tarpit costs.
const HOST_SECONDS: u64 = 30;

/// What a scan has come to.
pub(crate) struct Scanned {
    pub(crate) hosts: usize,
    /// Up to the last host, and to the end of the command.
    pub(crate) reading: Cost,
    pub(crate) whole: Cost,
    /// When nine of ten hosts were done: those that hang come last.
    pub(crate) most: Duration,
    /// What the lab took meanwhile.
    pub(crate) lab: Cost,
    /// Bytes of the store.
    pub(crate) store: u64,
    pub(crate) findings: u64,
    /// Hosts by what had to be said of them.
    pub(crate) rows: BTreeMap<Expected, usize>,
    /// Time of the processor for a login over SSH and nothing else.
    pub(crate) login: Duration,
}

/// A lab under way.
struct Network {
    process: Watched,
    out: ChildStdout,
    ssh: u16,
    winrm: u16,
}

impl Network {
    fn start(hosts: usize, folder: &Path) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([LAB, &hosts.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Watched::start(&mut command)?;
        let mut out = BufReader::new(process.child().stdout.take().ok_or("no output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let ports: Vec<&str> = line.split_whitespace().collect();
        let [ssh, winrm] = ports.as_slice() else {
            return Err("the simulated network does not start".into());
        };
        Ok(Self {
            ssh: ssh.parse()?,
            winrm: winrm.parse()?,
            process,
            out: out.into_inner(),
        })
    }

    fn cost(&mut self) -> Outcome<Cost> {
        Ok(self.process.look()?.0)
    }

    fn stop(mut self) -> Outcome<()> {
        drop(self.process.child().stdin.take());
        self.process.end(|_| {})?;
        drop(self.out);
        Ok(())
    }
}

/// Scans a network of so many hosts; what the run left is in the folder.
pub(crate) fn run(hosts: usize, catalog: &Path, folder: &Path) -> Outcome<Scanned> {
    let mut network = Network::start(hosts, folder)?;
    let before = network.cost()?;
    let mut command = command(hosts, (network.ssh, network.winrm), catalog, folder);
    let mut scan = Watched::start(&mut command)?;
    let events = scan.child().stderr.take().ok_or("no events")?;
    let (done, times) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let (counted, noted, began) = (Arc::clone(&done), Arc::clone(&times), Instant::now());
    let listener = thread::spawn(move || {
        let mut rest = Vec::new();
        for line in BufReader::new(events).lines().map_while(Result::ok) {
            if line.contains("\"event\":\"host_finished\"") {
                let mut times = noted.lock().unwrap_or_else(PoisonError::into_inner);
                times.push(began.elapsed());
                counted.fetch_add(1, Ordering::Release);
            } else if !line.starts_with('{') {
                rest.push(line);
            }
        }
        rest
    });
    let mut reading = Cost::default();
    let (code, whole) = scan.end(|cost| {
        if reading.wall.is_zero() && done.load(Ordering::Acquire) >= hosts {
            reading = *cost;
        }
    })?;
    let said = listener.join().map_err(|_| "the listener panicked")?;
    // A changed key is a safety stop, and it is so by design.
    if code != Some(6) {
        return Err(format!("the scan ended with {code:?}:\n{}", said.join("\n")).into());
    }
    let after = network.cost()?;
    let login = login(hosts, network.ssh, folder)?;
    network.stop()?;
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
    times.sort_unstable();
    Ok(Scanned {
        hosts,
        reading,
        whole,
        most: times.get(hosts * 9 / 10).copied().unwrap_or_default(),
        lab: Cost {
            cpu: after.cpu.saturating_sub(before.cpu),
            ..after
        },
        store: fs::metadata(folder.join("store.db"))?.len(),
        findings: rows_of(&folder.join("out"), "findings")?,
        rows: check(hosts, &folder.join("out"))?,
        login,
    })
}

/// The command, as an operator would type it.
fn command(hosts: usize, (ssh, winrm): (u16, u16), catalog: &Path, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underdesk"));
    command
        .current_dir(folder)
        .arg("scan")
        .arg("@targets.txt")
        .args(["--ssh-port", &ssh.to_string()])
        .args(["--winrm-tls-port", &winrm.to_string()])
        .args(["--ports", &ssh.to_string()])
        .args(["--credentials", "credentials.toml"])
        .args(["--known-hosts", "known_hosts", "--tls-ca", "ca.pem"])
        .args(["--max-changed-keys", &hosts.to_string()])
        .args(["--timeout", &HOST_SECONDS.to_string()])
        .args([
            "--store",
            "store.db",
            "--out",
            "out",
            "--no-input",
            "--no-dns",
        ])
        .args(["--max-catalog-age", "100000", "--events", "jsonl"])
        .arg("--catalog")
        .arg(catalog)
        .stderr(Stdio::piped())
        .stdout(Stdio::null());
    command
}

/// What a login costs and nothing else, in a process of its own.
fn login(hosts: usize, port: u16, folder: &Path) -> Outcome<Duration> {
    let mut command = Command::new(std::env::current_exe()?);
    // A thousand are enough to know.
    let hosts = hosts.min(1_500);
    command
        .args([LOGINS, &hosts.to_string(), &port.to_string()])
        .arg(folder);
    let (code, cost) = Watched::start(&mut command)?.end(|_| {})?;
    if code != Some(0) {
        return Err("the logins alone failed".into());
    }
    let plan = plan(hosts);
    let logins = plan.iter().filter(|host| host.is_good_unix()).count();
    Ok(cost.cpu / u32::try_from(logins.max(1))?)
}

/// Every host of the plan has its one row, with the code and the outcome that it has to have, and coverage knows all
/// of them: figures of a run that lost a host are worth nothing.
fn check(hosts: usize, out: &Path) -> Outcome<BTreeMap<Expected, usize>> {
    let outcomes = column(&out.join("machines.csv"), "outcome")?;
    let codes = column(&out.join("access.csv"), "result_code")?;
    let mut rows = BTreeMap::new();
    let mut wrong = Vec::new();
    let plan = plan(hosts);
    for host in &plan {
        let (ip, expected) = (host.address.to_string(), host.expected());
        let found = |all: &BTreeMap<String, Vec<String>>| {
            all.get(&ip)
                .map(|cells| cells.join(" + "))
                .unwrap_or_default()
        };
        let (outcome, code) = (found(&outcomes), found(&codes));
        if (outcome.as_str(), code.as_str()) != (expected.outcome, expected.code) {
            wrong.push(format!("{ip} ({}): {outcome}, {code}", expected.kind));
        }
        *rows.entry(expected).or_default() += 1;
    }
    if outcomes.len() != hosts {
        wrong.push(format!(
            "machines.csv has {} of {hosts} hosts",
            outcomes.len()
        ));
    }
    for (name, total) in sums(&out.join("coverage.csv"))? {
        let expected = match name {
            "not_begun" | "silent" => 0,
            "assessed" => plan.iter().filter(|host| is_assessed(host)).count(),
            _ => hosts,
        };
        if total != expected {
            wrong.push(format!("coverage.csv: {name} is {total}, not {expected}"));
        }
    }
    if wrong.is_empty() {
        return Ok(rows);
    }
    let (count, shown) = (wrong.len(), wrong.iter().take(20));
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    Err(format!(
        "{count} rows are not as they have to be:\n{}",
        shown.join("\n")
    )
    .into())
}

/// Whoever was read, also where the login lacked something.
fn is_assessed(host: &Planned) -> bool {
    host.expected().outcome.starts_with("scanned")
}

/// The cells of a column by address.
fn column(path: &Path, name: &str) -> Outcome<BTreeMap<String, Vec<String>>> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let place = |name| headers.iter().position(|header| header == name);
    let (ip, cell) = (place("ip").ok_or("no ip")?, place(name).ok_or("no column")?);
    let mut cells = BTreeMap::<String, Vec<String>>::new();
    for row in reader.records() {
        let row = row?;
        let text = |place| row.get(place).unwrap_or_default().to_owned();
        cells.entry(text(ip)).or_default().push(text(cell));
    }
    Ok(cells)
}

fn sums(path: &Path) -> Outcome<Vec<(&'static str, usize)>> {
    let names = ["in_scope", "answered", "silent", "not_begun", "assessed"];
    let mut sums = names.map(|name| (name, 0));
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    for row in reader.records() {
        let row = row?;
        for (name, sum) in &mut sums {
            let place = headers.iter().position(|header| header == *name);
            let cell = place.and_then(|place| row.get(place)).ok_or("no column")?;
            *sum += cell.parse::<usize>()?;
        }
    }
    Ok(sums.to_vec())
}

/// The rows of a table, by the manifest.
pub(crate) fn rows_of(out: &Path, table: &str) -> Outcome<u64> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json"))?)?;
    let files = manifest.get("files").and_then(|files| files.as_array());
    let is_part = |name: &str| {
        let rest = name.strip_prefix(table);
        rest.is_some_and(|rest| rest == ".csv" || rest.starts_with('-'))
    };
    let files = files.ok_or("no files")?.iter().filter(|file| {
        file.get("name")
            .and_then(|name| name.as_str())
            .is_some_and(is_part)
    });
    let rows = files.filter_map(|file| file.get("rows")?.as_u64());
    Ok(rows.sum())
}

/// A folder for a run, empty.
pub(crate) fn folder(name: &str) -> Outcome<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("scale-bench")
        .join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
