//! Killed with `kill -9`, or told to end, and resumed: nothing is lost, nothing is done twice, and nobody could tell.

use crate::support::{Desk, Ended, Site, Table, credential, deaf, signal, tables};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};
use underdesk::store::RunState;

/// How many runs are killed, unless `UNDERDESK_KILLS=100 cargo test --test it resume::` wants more.
const TRIALS: u32 = 20;
/// How many at once.
const AT_ONCE: usize = 10;

// ---- The network ----

/// How every network here begins.
pub(crate) const EVERY: &str = r#"
schema = 1
name = "resume"

[every]
edit = [{ question = "uname", line = 2, with = "{name}" }]

[every.set]
names = "uname\t{name}\n"
identity = "machine-id\t{machine-id}\nboot-id\t{boot-id}\n"
interfaces = "link\tens3\tdevice\t{mac}\n"
"#;

/// What is odd about the hosts that are not like the others.
const ODD: &[(&str, &str, &str)] = &[
    (
        "slow",
        r#""127.81.0.30""#,
        "recording = \"debian-12\"\ndelay_ms = 60",
    ),
    (
        "two-addresses",
        r#""127.81.0.31", "127.81.0.32""#,
        "recording = \"debian-12-old\"",
    ),
    (
        "half-read",
        r#""127.81.0.33""#,
        "recording = \"debian-12\"\nchanges.exit = { dpkg-packages = 121 }",
    ),
    (
        "no-shell",
        r#""127.81.0.34""#,
        "shell = { no_login = \"not available\\n\" }",
    ),
    (
        "changed",
        r#""127.81.0.35""#,
        "recording = \"debian-12\"\npublished = \"changed\"",
    ),
    (
        "stranger",
        r#""127.81.0.36""#,
        "recording = \"debian-12\"\npublished = \"unknown\"",
    ),
    (
        "out-of-scope",
        r#""127.81.0.37""#,
        "recording = \"debian-12\"",
    ),
    (
        "elsewhere",
        r#""127.81.0.38""#,
        "recording = \"debian-13\"\nports = [2222]",
    ),
    (
        "device",
        r#""127.81.0.39""#,
        "ports = [2500]\nkind = { greets = \"LKSP-4000\\r\\n\" }",
    ),
    (
        "mail",
        r#""127.81.0.40""#,
        "ports = [2500]\nkind = { greets = \"220 mail ESMTP\\r\\n\" }",
    ),
    // Machines that speak SSH, and something else on another port: what that is, is known however
    // early the login was done.
    (
        "also-mail",
        r#""127.81.0.1", "127.81.0.3", "127.81.0.4", "127.81.0.5", "127.81.0.6""#,
        "ports = [2500]\nkind = { greets = \"220 also ESMTP\\r\\n\" }",
    ),
    (
        "mute",
        r#""127.81.0.2""#,
        "ports = [2500]\nkind = \"silent\"",
    ),
    (
        "shut",
        r#""127.81.0.41", "127.81.0.42""#,
        "kind = \"closed\"",
    ),
];
const PLAIN: u8 = 24;
/// Where nobody answers.
const DEAF: &str = "127.81.0.43";

/// 24 ordinary machines and the odd ones; `users` may log in.
fn network(users: &[String]) -> String {
    let logins: Vec<String> = users
        .iter()
        .map(|user| format!("{{ user = \"{user}\", key = \"demo\" }}"))
        .collect();
    let logins = format!("logins = [{}]", logins.join(", "));
    let mut text = EVERY.to_owned();
    let mut host = |name: &str, addresses: &str, more: &str| {
        let head = format!("\n[[host]]\nname = \"{name}\"\naddresses = [{addresses}]");
        writeln!(text, "{head}\n{logins}\n{more}").unwrap();
    };
    let recordings = ["debian-12", "debian-12-old", "debian-13", "ubuntu-22.04"];
    for number in 1..=PLAIN {
        let recording = recordings[usize::from(number) % recordings.len()];
        let more = format!("recording = \"{recording}\"");
        host(
            &format!("plain-{number}"),
            &format!("\"127.81.0.{number}\""),
            &more,
        );
    }
    for (name, addresses, more) in ODD {
        host(name, addresses, more);
    }
    text
}

fn user(trial: u32) -> String {
    format!("trial-{trial}")
}

/// The desk of a trial: some hosts are offered a key that they do not know first.
fn desk(site: &Site, trial: u32) -> Desk {
    let desk = Desk::new();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("demo.key", &site.key("demo"));
    desk.write("other.key", &site.key("other"));
    let other = credential("other", &user(trial), "other.key", "127.81.0.16/29");
    let audit = credential("audit", &user(trial), "demo.key", "127.81.0.0/24");
    let audit = audit.replace("/24\"", "/24\", \"!127.81.0.37\"");
    desk.write("credentials.toml", &format!("{other}\n{audit}"));
    desk
}

fn begin(site: &Site) -> String {
    format!(
        "scan 127.81.0.1-43 --seed 7 --rate 60 --hands 4 --known-hosts known_hosts {OUTPUT} --ssh-port {} --ports {}",
        site.port(22),
        site.ports()
    )
}

/// Where the files go.
pub(crate) const OUTPUT: &str = "--out out";

// ---- What a run leaves ----

/// The files without what two undisturbed runs differ in.
fn result(desk: &Desk) -> (Vec<Table>, Value) {
    let tables = tables(&desk.path("out")).into_iter().map(Table::timeless);
    let manifest = desk.read("out/manifest.json");
    let manifest = manifest.replace(desk.run_id().as_str(), "");
    let mut manifest = serde_json::from_str(&manifest).unwrap();
    blank(&mut manifest);
    (tables.collect(), manifest)
}

/// Blanks times, and the sizes and hashes of files in which times are.
fn blank(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                // How often a known host is asked again depends on how long a sweep takes.
                let is_canary = name.starts_with("canaries_");
                let depends_on_time =
                    is_canary || name.ends_with("_utc") || name == "sha256" || name == "bytes";
                if depends_on_time {
                    *value = Value::Null;
                } else {
                    blank(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(blank),
        _ => {}
    }
}

fn assert_same(found: &(Vec<Table>, Value), expected: &(Vec<Table>, Value), trial: &str) {
    assert_eq!(found.0.len(), expected.0.len(), "{trial}");
    for (found, expected) in found.0.iter().zip(&expected.0) {
        let name = &expected.name;
        let (mine, theirs): (BTreeSet<_>, BTreeSet<_>) =
            (found.rows.iter().collect(), expected.rows.iter().collect());
        let more: Vec<_> = mine.difference(&theirs).take(3).collect();
        let less: Vec<_> = theirs.difference(&mine).take(3).collect();
        assert!(
            found == expected,
            "{trial}: {name}\nonly here {more:#?}\nonly undisturbed {less:#?}"
        );
    }
    assert_eq!(found.1, expected.1, "{trial}");
}

// ---- The trials ----

const INTERRUPTED: i32 = 130;

/// What was true when a run was killed.
struct Kill {
    finished: BTreeSet<IpAddr>,
    logins: BTreeMap<IpAddr, usize>,
    state: Option<RunState>,
}

fn logins(site: &Site, user: &str) -> BTreeMap<IpAddr, usize> {
    let mut counts = BTreeMap::new();
    for address in site.logins(user) {
        *counts.entry(address).or_default() += 1;
    }
    counts
}

/// Runs a scan, kills it after each of these times by a signal, and goes on with it.
fn trial(
    site: &Site,
    desk: &Desk,
    user: &str,
    (by, delays): (Signal, &[Duration]),
) -> (Ended, Vec<Kill>) {
    let mut kills = Vec::new();
    let mut words = begin(site);
    for delay in delays {
        let mut child = desk.command(&words).spawn().unwrap();
        thread::sleep(*delay);
        if child.try_wait().unwrap().is_some() {
            return (desk.end(child), kills);
        }
        signal(child.id(), by);
        let ended = desk.end(child);
        if ended.code.is_some_and(|code| code != INTERRUPTED) {
            return (ended, kills);
        }
        let run = desk.latest();
        let finished = run.as_ref().map(|run| {
            let finished = desk.store().finished_addresses(&run.summary.id);
            finished.wait().unwrap()
        });
        kills.push(Kill {
            finished: finished.unwrap_or_default(),
            logins: logins(site, user),
            state: run.as_ref().map(|run| run.summary.state),
        });
        words = match run {
            // It had not even begun.
            None => begin(site),
            // It was writing its files.
            Some(run) if run.summary.state == RunState::Complete => {
                format!("export {} {OUTPUT}", run.summary.id)
            }
            Some(run) => format!("scan --resume {} {OUTPUT}", run.summary.id),
        };
    }
    (desk.run(&words), kills)
}

#[test]
fn killed_at_any_moment_and_resumed_a_run_ends_as_if_undisturbed() {
    let trials = trials();
    let users: Vec<String> = (0..=trials).map(user).collect();
    let site = Site::serve(&network(&users));
    let _deaf: Vec<_> = [22, 2222, 2500]
        .map(|port| deaf(DEAF.parse().unwrap(), site.port(port)))
        .into();
    let undisturbed = desk(&site, trials);
    let began = Instant::now();
    let ended = undisturbed.expect(6, &begin(&site));
    let took = began.elapsed();
    let expected = result(&undisturbed);
    every_host_is_there(&expected.0);
    let queue = std::sync::Mutex::new(0..trials);
    let hits = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(number) = queue.lock().unwrap().next() else {
                        return;
                    };
                    // Spread over the whole run.
                    let step = 1.0 / f64::from(trials);
                    let from = step * f64::from(number);
                    let first = (took.mul_f64(from), took.mul_f64(from + step));
                    let kills = killed(&site, number, (took, first), (&ended, &expected));
                    hits.fetch_add(kills, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let hits = hits.into_inner();
    assert!(
        hits >= trials * 3 / 4,
        "only {hits} runs were killed before they ended"
    );
}

#[expect(clippy::disallowed_methods, reason = "how many is the reader's choice")]
fn trials() -> u32 {
    let more = std::env::var("UNDERDESK_KILLS");
    more.ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(TRIALS)
}

/// The undisturbed run is worth comparing with.
fn every_host_is_there(tables: &[Table]) {
    let table = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
    // Loopback answers everywhere, but where nobody is allowed to; two addresses are one machine.
    assert_eq!(table("machines.csv").rows.len(), 43 - 1 - 1);
    let coverage = table("coverage.csv");
    assert_eq!((coverage.sum("in_scope"), coverage.sum("silent")), (43, 1));
    let banners = table("services.csv");
    for (banner, count) in [
        ("220 mail ESMTP", 1),
        ("220 also ESMTP", 5),
        ("LKSP-4000", 1),
    ] {
        assert_eq!(
            banners.rows_where("banner", banner).len(),
            count,
            "{banner}"
        );
    }
}

/// One trial; how often the run was killed in the middle of its work.
fn killed(
    site: &Site,
    number: u32,
    (took, first): (Duration, (Duration, Duration)),
    (ended, expected): (&Ended, &(Vec<Table>, Value)),
) -> u32 {
    let mut random = StdRng::seed_from_u64(number.into());
    let first = random.random_range(first.0..first.1);
    // Some are killed again, and again.
    let mut at = |from: f64, to: f64| took.mul_f64(random.random_range(from..to));
    let delays = match number % 4 {
        3 => vec![at(0.0, 0.3), at(0.0, 0.3), at(0.1, 0.6)],
        1 => vec![first, at(0.0, 0.8)],
        _ => vec![first],
    };
    let (user, desk) = (user(number), desk(site, number));
    // Some are told to end, in whatever they are doing.
    let by = match number % 5 {
        4 => Signal::TERM,
        _ => Signal::KILL,
    };
    let (last, kills) = trial(site, &desk, &user, (by, &delays));
    let name = format!("trial {number}, {by:?} after {delays:?}");
    assert_eq!(last.code, ended.code, "{name}\n{}", last.err);
    assert_same(&result(&desk), expected, &name);
    let in_the_end = logins(site, &user);
    for kill in &kills {
        for address in &kill.finished {
            let (before, after) = (kill.logins.get(address), in_the_end.get(address));
            assert_eq!(
                before, after,
                "{name}: {address} was done, and logged in to again"
            );
        }
    }
    let hit = |kill: &&Kill| matches!(kill.state, Some(RunState::Running | RunState::Interrupted));
    u32::from(kills.iter().any(|kill| hit(&kill)))
}
