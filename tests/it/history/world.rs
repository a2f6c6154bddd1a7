//! What happened, as `fixtures/history` tells it: plain rows, and how things stood on a day.

use super::days::{self, Day};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All that happened.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) machines: Vec<Machine>,
    pub(super) bulletins: Vec<Bulletin>,
    pub(super) exploited: Vec<Exploited>,
    /// The versions of a product on a system, oldest first.
    pub(super) versions: BTreeMap<(String, String), Vec<String>>,
    pub(super) events: Vec<Event>,
    /// In the order in which they began.
    pub(super) runs: Vec<Run>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) edits: Vec<Edit>,
    /// Whether its runs are stored as those of a network that is there: the demonstration's are nobody's news.
    pub(super) is_real: bool,
}

/// A machine, as it was on the first day.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) site: String,
    pub(super) system: String,
    pub(super) address: String,
    pub(super) tags: Vec<String>,
    pub(super) software: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Bulletin {
    pub(super) id: String,
    pub(super) system: String,
    pub(super) product: String,
    /// Empty while there is none.
    pub(super) fixed: String,
    pub(super) published: Day,
    pub(super) withdrawn: Option<Day>,
    pub(super) severity: String,
    pub(super) cvss: String,
    pub(super) cves: Vec<String>,
}

/// A flaw that CISA lists.
#[derive(Clone, Debug)]
pub(super) struct Exploited {
    pub(super) cve: String,
    pub(super) added: Day,
    pub(super) due: Day,
}

/// What happened to a machine, before the scan of that day.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) day: Day,
    pub(super) machine: String,
    /// What sort of thing: `upgrade`, `restart`.
    pub(super) kind: String,
    pub(super) what: String,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) site: String,
    pub(super) started: String,
    pub(super) finished: String,
    pub(super) is_finished: bool,
    /// The day up to which its catalogue knew of bulletins.
    pub(super) catalogue: Day,
    /// The machines that it came to; `None` for all.
    pub(super) meets: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub(super) id: String,
    pub(super) bulletin: String,
    pub(super) host: String,
    pub(super) tag: String,
    pub(super) version: String,
    pub(super) owner: String,
    pub(super) granted: String,
    pub(super) until: Day,
    pub(super) taken_back: Option<String>,
}

/// A cell that somebody edited in the `findings.csv` of a run; the table comes back before the next run.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) run: String,
    pub(super) machine: String,
    pub(super) bulletin: String,
    pub(super) column: String,
    pub(super) value: String,
}

/// A machine on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// What it calls itself.
    pub(super) name: String,
    pub(super) address: String,
    /// How often it was installed anew: each time it is another machine.
    pub(super) life: u32,
    pub(super) is_on: bool,
    pub(super) may_log_in: bool,
    pub(super) software: BTreeMap<String, String>,
    /// The kernels on its disk, oldest first: an old one stays when a new one comes.
    pub(super) kernels: Vec<String>,
    /// The kernel, or the build of a Windows, that runs.
    pub(super) running: String,
    /// The minute in which each version that is there was put in, by product and version.
    pub(super) put_in: BTreeMap<(String, String), i64>,
}

/// Something that happened to a machine, with how it stood before and after.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) minute: i64,
    pub(super) kind: String,
    pub(super) before: Now,
    pub(super) after: Now,
}

/// The products of which what runs is another thing than what is installed, until a restart.
pub(super) fn needs_restart(product: &str) -> bool {
    product == "linux" || product == "windows"
}

impl Run {
    /// The day (UTC) on which it began.
    pub(super) fn day(&self) -> Day {
        days::day(&self.started)
    }
}

impl Machine {
    /// Whether anybody can log in to such a thing at all.
    pub(super) fn is_computer(&self) -> bool {
        self.system != "none"
    }

    pub(super) fn is_windows(&self) -> bool {
        self.system.starts_with("server-") || self.system.starts_with("windows-")
    }
}

impl World {
    /// The time line of `fixtures/history`.
    pub(super) fn written() -> Self {
        let machines = rows("network.csv").iter().map(machine).collect();
        let bulletins = rows("bulletins.csv").iter().map(bulletin).collect();
        let versions = rows("versions.csv").into_iter();
        let versions = versions.map(|row| {
            (
                (row["system"].clone(), row["product"].clone()),
                list(&row["oldest first"]),
            )
        });
        let events = rows("timeline.csv").into_iter().map(|row| Event {
            day: days::day(&row["day"]),
            machine: row["machine"].clone(),
            kind: row["event"].clone(),
            what: row["what"].clone(),
        });
        Self {
            machines,
            bulletins,
            exploited: exploited(),
            versions: versions.collect(),
            events: events.collect(),
            runs: rows("runs.csv").iter().map(run).collect(),
            exceptions: rows("exceptions.csv").iter().map(exception).collect(),
            edits: rows("edits.csv").iter().map(edit).collect(),
            is_real: false,
        }
    }

    pub(super) fn machine(&self, name: &str) -> &Machine {
        self.machines.iter().find(|one| one.name == name).unwrap()
    }

    /// How a machine stood when a run of that day came to it.
    pub(super) fn now(&self, machine: &Machine, day: Day) -> Now {
        let mut now = Now::first(machine);
        for (event, minute) in self.happened(machine, day) {
            happen(machine, &mut now, event, minute);
        }
        now
    }

    /// All that happened to a machine up to a day, one by one.
    pub(super) fn steps(&self, machine: &Machine, day: Day) -> Vec<Step> {
        let mut now = Now::first(machine);
        let mut steps = Vec::new();
        for (event, minute) in self.happened(machine, day) {
            let before = now.clone();
            happen(machine, &mut now, event, minute);
            steps.push(Step {
                minute,
                kind: event.kind.clone(),
                before,
                after: now.clone(),
            });
        }
        steps
    }

    /// What happens on a day happens in its first minutes, one in each, before any run.
    fn happened(&self, machine: &Machine, day: Day) -> Vec<(&Event, i64)> {
        let mut all: Vec<(&Event, i64)> = Vec::new();
        for event in &self.events {
            if event.machine == machine.name && event.day <= day {
                let same = all.iter().filter(|(other, _)| other.day == event.day);
                let minute = i64::try_from(same.count()).unwrap() + 1;
                all.push((event, event.day * 1_440 + minute));
            }
        }
        all
    }

    /// Whether a version of a product comes before another.
    pub(super) fn is_before(&self, system: &str, product: &str, one: &str, other: &str) -> bool {
        let all = &self.versions[&(system.to_owned(), product.to_owned())];
        let place = |version: &str| {
            let found = all.iter().position(|known| known == version);
            found.unwrap_or_else(|| panic!("{system} {product} {version}"))
        };
        place(one) < place(other)
    }
}

impl Now {
    /// A machine as it was on the first day.
    fn first(machine: &Machine) -> Self {
        let mut now = Self {
            name: machine.name.clone(),
            address: machine.address.clone(),
            life: 0,
            is_on: true,
            may_log_in: machine.is_computer(),
            software: BTreeMap::new(),
            kernels: Vec::new(),
            running: String::new(),
            put_in: BTreeMap::new(),
        };
        now.set_up(machine, days::minute("2023-08-20T09:00:00Z"));
        now
    }

    /// Everything is installed at once.
    fn set_up(&mut self, machine: &Machine, minute: i64) {
        self.software.clone_from(&machine.software);
        self.kernels = self.software.get("linux").cloned().into_iter().collect();
        let all = self.software.clone().into_iter();
        self.put_in = all.map(|one| (one, minute)).collect();
        self.boot();
    }

    /// The minute in which a version was put in.
    pub(super) fn since(&self, product: &str, version: &str) -> i64 {
        self.put_in[&(product.to_owned(), version.to_owned())]
    }

    /// The day on which the newest of what is in was put in: of a Windows that waits for a restart, what runs.
    pub(super) fn patched(&self) -> Day {
        let is_in = |product: &str, version: &String| match product {
            "windows" => self.running == *version,
            "linux" => self.kernels.contains(version),
            _ => self.software.get(product) == Some(version),
        };
        let all = self.put_in.iter();
        let is_in = |((product, version), _): &(&(String, String), &i64)| is_in(product, version);
        let newest = all.filter(is_in).map(|(_, minute)| minute / 1_440).max();
        newest.unwrap()
    }

    /// What is installed runs.
    fn boot(&mut self) {
        let kernel = self
            .software
            .iter()
            .find(|(product, _)| needs_restart(product));
        self.running = kernel
            .map(|(_, version)| version.clone())
            .unwrap_or_default();
    }
}

fn happen(machine: &Machine, now: &mut Now, event: &Event, minute: i64) {
    let what = &event.what;
    match event.kind.as_str() {
        "upgrade" | "downgrade" | "install" => {
            let (product, version) = what.split_once('=').unwrap();
            now.software.insert(product.to_owned(), version.to_owned());
            if product == "linux" && !now.kernels.iter().any(|one| one == version) {
                now.kernels.push(version.to_owned());
            }
            let one = (product.to_owned(), version.to_owned());
            now.put_in.insert(one, minute);
        }
        "remove" => assert!(now.software.remove(what).is_some(), "{event:?}"),
        "restart" => now.boot(),
        "off" => now.is_on = false,
        "on" => now.is_on = true,
        "login_broken" => now.may_log_in = false,
        "login_works" => now.may_log_in = true,
        "rename" => now.name.clone_from(what),
        "move" => now.address.clone_from(what),
        "reinstall" => {
            now.life += 1;
            now.set_up(machine, minute);
        }
        other => panic!("{other}"),
    }
}

/// The package that a product is on a system: what the operator sees in `software.csv`.
pub(super) fn package(system: &str, product: &str, version: &str) -> String {
    let is_debian = system.starts_with("debian") || system.starts_with("ubuntu");
    match product {
        "linux" => format!("linux-image-{}", release(version)),
        "glibc" if is_debian => "libc6".to_owned(),
        "openssl" if is_debian => "libssl3".to_owned(),
        "libwebp" if is_debian => "libwebp7".to_owned(),
        "nghttp2" if is_debian => "libnghttp2-14".to_owned(),
        other => other.to_owned(),
    }
}

/// What `uname -r` says of one of Debian's kernels.
pub(super) fn release(version: &str) -> &'static str {
    match version {
        "6.1.38-4" => "6.1.0-11-amd64",
        "6.1.52-1" => "6.1.0-12-amd64",
        "6.1.55-1" => "6.1.0-13-amd64",
        other => panic!("{other}"),
    }
}

/// How many days back the log of a machine goes; `None` for one that keeps none.
pub(super) fn log_days(system: &str) -> Option<i64> {
    // apt's history. Ubuntu's is turned off here, and apk-tools keep one from 3 on.
    (system == "debian-12").then_some(30)
}

/// Whether packages, or their files, say when they were put in: apk's do not.
pub(super) fn says_when(system: &str) -> bool {
    !system.starts_with("alpine")
}

/// The account that updates a machine, as its logs and its package store have it; `None` for root himself.
pub(super) fn hand(machine: &Machine) -> Option<&'static str> {
    match machine.name.as_str() {
        "web-1" => Some("ada"),
        "desk-1" => Some("nina"),
        "files-1" | "sql-1" => Some("FIRM\\ines"),
        _ => None,
    }
}

/// The update that brings a Windows to a build.
pub(super) fn update(world: &World, build: &str) -> String {
    let found = world.bulletins.iter().find(|one| one.fixed == build);
    found.unwrap().id.clone()
}

/// The folder of the fixtures.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/history")
}

type Row = BTreeMap<String, String>;

fn rows(file: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(folder().join(file)).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn list(cell: &str) -> Vec<String> {
    let parts = cell
        .split("; ")
        .filter(|part| !part.is_empty())
        .map(str::to_owned);
    parts.collect()
}

fn optional(cell: &str) -> Option<String> {
    (!cell.is_empty()).then(|| cell.to_owned())
}

fn machine(row: &Row) -> Machine {
    let software = list(&row["software"]).into_iter().map(|one| {
        let (product, version) = one.split_once('=').unwrap();
        (product.to_owned(), version.to_owned())
    });
    Machine {
        name: row["name"].clone(),
        site: row["site"].clone(),
        system: row["system"].clone(),
        address: row["address"].clone(),
        tags: list(&row["tags"]),
        software: software.collect(),
    }
}

fn bulletin(row: &Row) -> Bulletin {
    Bulletin {
        id: row["id"].clone(),
        system: row["system"].clone(),
        product: row["product"].clone(),
        fixed: row["fixed"].clone(),
        published: days::day(&row["published"]),
        withdrawn: optional(&row["withdrawn"]).map(|day| days::day(&day)),
        severity: row["severity"].clone(),
        cvss: row["cvss"].clone(),
        cves: list(&row["cves"]),
    }
}

fn run(row: &Row) -> Run {
    Run {
        id: row["id"].clone(),
        site: row["site"].clone(),
        started: row["started"].clone(),
        finished: row["finished"].clone(),
        is_finished: row["state"] == "finished",
        catalogue: days::day(&row["catalogue"]),
        meets: optional(&row["meets"]).map(|names| list(&names)),
    }
}

fn exception(row: &Row) -> Exception {
    Exception {
        id: row["id"].clone(),
        bulletin: row["bulletin"].clone(),
        host: row["host"].clone(),
        tag: row["tag"].clone(),
        version: row["versions"].clone(),
        owner: row["owner"].clone(),
        granted: row["granted"].clone(),
        until: days::day(&row["until"]),
        taken_back: optional(&row["taken_back"]),
    }
}

fn edit(row: &Row) -> Edit {
    Edit {
        run: row["run"].clone(),
        machine: row["machine"].clone(),
        bulletin: row["bulletin"].clone(),
        column: row["column"].clone(),
        value: row["value"].clone(),
    }
}

fn exploited() -> Vec<Exploited> {
    let text = std::fs::read_to_string(folder().join("feeds/kev.json")).unwrap();
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let one = |entry: &serde_json::Value| {
        let word = |key: &str| entry[key].as_str().unwrap().to_owned();
        Exploited {
            cve: word("cveID"),
            added: days::day(&word("dateAdded")),
            due: days::day(&word("dueDate")),
        }
    };
    list["vulnerabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(one)
        .collect()
}
