//! What a run may do at once, kept by the whole program against a simulated network: hosts of one place,
//! bandwidth, memory.

use crate::resume::EVERY;
use crate::support::{Desk, Site, Table, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
#[cfg(target_os = "linux")]
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// Nobody knows a catalogue for one of the systems.
const DONE: i32 = 3;

/// Hosts by their addresses, each with the rest of its entry.
fn network(hosts: &[(String, &str)]) -> String {
    let hosts = hosts.iter().map(|(address, rest)| {
        format!(
            "\n[[host]]\nname = \"host-{}\"\naddresses = [\"{address}\"]\n\
             logins = [{{ user = \"audit\", key = \"demo\" }}]\nrecording = \"debian-12\"\n{rest}\n",
            address.replace('.', "-")
        )
    });
    EVERY.to_owned() + &hosts.collect::<String>()
}

fn flags(site: &Site) -> String {
    let port = site.port(22);
    format!(
        "--seed 7 --no-input --known-hosts known_hosts --ssh-port {port} --ports {port} --out out"
    )
}

/// Ten hosts in each of three subnets, the hypervisor of each in the list of targets.
fn farm(net: u8) -> (Site, Desk) {
    let address = |subnet: u8, host: u8| format!("127.{net}.{subnet}.{host}");
    let all = (1..=3).flat_map(|subnet| (1..=10).map(move |host| (subnet, host)));
    let hosts: Vec<(String, &str)> = all
        .clone()
        .map(|(subnet, host)| (address(subnet, host), "delay_ms = 1"))
        .collect();
    let site = Site::serve(&network(&hosts));
    let desk = Desk::at(&site, "audit", &format!("127.{net}.0.0/16"));
    let mut list = String::new();
    for (subnet, host) in all {
        let _ = writeln!(
            list,
            "{} tags=vm,hypervisor=esx{}",
            address(subnet, host),
            host % 4
        );
    }
    desk.write("targets.txt", &list);
    (site, desk)
}

/// The hosts that were worked on at the same time as one began, itself included, by the events of a run.
fn crowds(err: &str) -> Vec<BTreeSet<String>> {
    let mut inside = BTreeSet::new();
    let mut crowds = Vec::new();
    for line in err.lines().filter(|line| line.starts_with('{')) {
        let event: Value = serde_json::from_str(line).unwrap();
        let address = event["address"].as_str().unwrap_or_default().to_owned();
        if event["event"] == "stage_entered" && inside.insert(address.clone()) {
            crowds.push(inside.clone());
        }
        if event["event"] == "host_finished" {
            inside.remove(&address);
        }
    }
    crowds
}

fn most<'a>(
    crowds: impl IntoIterator<Item = &'a BTreeSet<String>>,
    place: impl Fn(&str) -> String,
) -> usize {
    let counts = crowds.into_iter().flat_map(|crowd| {
        let mut counts = BTreeMap::<String, usize>::new();
        for address in crowd {
            *counts.entry(place(address)).or_default() += 1;
        }
        counts.into_values()
    });
    counts.max().unwrap_or_default()
}

fn subnet(address: &str) -> String {
    address.rsplit_once('.').unwrap().0.to_owned()
}

fn hypervisor(address: &str) -> String {
    let host: u8 = address.rsplit_once('.').unwrap().1.parse().unwrap();
    (host % 4).to_string()
}

fn scanned(desk: &Desk) -> usize {
    let machines = Table::open(&desk.path("out/machines.csv"));
    machines.rows_where("outcome", "scanned_full").len()
}

#[test]
fn no_more_hosts_of_a_place_are_worked_on_than_it_allows_and_each_is_visited_once() {
    let (site, desk) = farm(91);
    let words = format!(
        "scan @targets.txt {} --events jsonl --max-per-subnet 3 --max-per-tag hypervisor=1,vm=5",
        flags(&site)
    );
    let ended = desk.expect(0, &words);
    let crowds = crowds(&ended.err);
    assert_eq!(crowds.len(), 30);
    assert!(most(&crowds, subnet) <= 3);
    assert!(most(&crowds, hypervisor) <= 1);
    assert!(
        most(&crowds, |_| String::new()) <= 4,
        "one of each hypervisor"
    );
    assert_eq!(scanned(&desk), 30);
    assert_eq!(site.logins("audit").len(), 30);
}

#[test]
fn a_run_that_was_killed_goes_on_within_its_limits_or_within_new_ones() {
    let (site, desk) = farm(92);
    desk.write("underdesk.toml", "[limits]\nmax_per_subnet = 1\n");
    let child = desk
        .command(&format!("scan @targets.txt {}", flags(&site)))
        .spawn()
        .unwrap();
    let id = child.id();
    let patience = Instant::now() + Duration::from_mins(1);
    while site.logins("audit").len() < 6 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    signal(id, Signal::KILL);
    desk.end(child);
    let before = site.logins("audit").len();
    let run = desk.run_id();
    fs::remove_file(desk.path("underdesk.toml")).unwrap();
    let again = format!("scan --resume {run} --out out --events jsonl --max-per-tag hypervisor=2");
    let ended = desk.expect(0, &again);
    let crowds = crowds(&ended.err);
    assert!(
        most(&crowds, subnet) <= 1,
        "the run keeps what it began with"
    );
    assert!(most(&crowds, hypervisor) <= 2);
    assert_eq!(scanned(&desk), 30);
    // Those that were in flight are visited again, and nobody else.
    assert!(site.logins("audit").len() <= 30 + before.min(3));
}

#[test]
fn a_dry_run_says_what_holds() {
    let desk = Desk::new();
    desk.write(
        "underdesk.toml",
        "[limits]\nmax_bandwidth = \"20M\"\nmax_per_tag = { hypervisor = 2 }\n",
    );
    let said = |words: &str| {
        desk.expect(0, &format!("scan 10.9.9.1-9 --dry-run {words}"))
            .out
    };
    let line = |out: &str| {
        let mut lines = out.lines();
        let line = lines.find(|line| line.contains("worked on at once"));
        line.unwrap().to_owned()
    };
    assert_eq!(
        line(&said("--max-per-subnet 5")),
        "at most 64 hosts are worked on at once; at most 20000000 bits a second in all (--max-bandwidth); \
         at most 5 hosts of a /24 or /64 at once (--max-per-subnet); at most 2 hosts with the same hypervisor at once (--max-per-tag)"
    );
    let gentle = line(&said("--gentle"));
    assert!(gentle.starts_with("at most 8 hosts"), "{gentle}");
    assert!(gentle.contains("4000000 bits a second"), "{gentle}");
    assert!(gentle.contains("at most 4 hosts of a /24"), "{gentle}");
    let slow = line(&said("--max-bandwidth 256k"));
    assert!(slow.starts_with("at most 4 hosts are worked on"), "{slow}");
    for (words, wanted) in [
        ("--max-bandwidth 2MB", "bits a second, as in 500k"),
        ("--max-bandwidth 9k", "at least 64k"),
        ("--max-per-tag hypervisor", "as in hypervisor=2"),
        ("--max-per-subnet 0", "--max-per-subnet"),
    ] {
        let ended = desk.expect(2, &format!("scan 10.9.9.1 --dry-run {words}"));
        assert!(ended.err.contains(wanted), "{words}: {}", ended.err);
    }
    desk.write("underdesk.toml", "[limits]\nmax_bandwidth = \"fast\"\n");
    let ended = desk.expect(2, "scan 10.9.9.1 --dry-run");
    assert!(
        ended.err.contains("underdesk.toml, line 2"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("bits a second, as in 500k"),
        "{}",
        ended.err
    );
}

/// The bandwidth is too low for the host to be read within its time-out, were the time for which we keep it waiting
/// its own.
#[test]
fn a_host_that_we_keep_waiting_for_the_bandwidth_does_not_run_out_of_time() {
    const BITS: f64 = 64_000.0;
    const TIMEOUT: f64 = 4.0;
    let site = Site::serve(&network(&[("127.93.1.1".to_owned(), "")]));
    let desk = Desk::at(&site, "audit", "127.93.1.0/24");
    let began = Instant::now();
    let words = format!(
        "scan 127.93.1.1 {} --timeout 4 --max-bandwidth 64k",
        flags(&site)
    );
    desk.expect(0, &words);
    let took = began.elapsed().as_secs_f64();
    assert_eq!(scanned(&desk), 1);
    // What was said on its connections is a part of what went over the wire: however slow this machine is, it took
    // its time.
    let connections = site.seen().connections.into_iter();
    let bytes: u64 = connections.map(|one| one.received + one.sent).sum();
    let bytes = u32::try_from(bytes).unwrap();
    let least = f64::from(bytes) * 8.0 / BITS;
    assert!(least > TIMEOUT, "{bytes} bytes are too few to tell");
    assert!(took > least, "{took} s for {bytes} bytes");
}

/// The most memory that a program has had until its end, in bytes.
#[cfg(target_os = "linux")]
fn peak(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or_default();
        peak = peak.max(kib << 10);
        thread::sleep(Duration::from_millis(10));
    }
    peak
}

/// What docs/operating.md promises.
#[cfg(target_os = "linux")]
const PROMISED: u64 = 1 << 30;

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_though_all_hosts_send_their_most_at_once_and_each_says_where_it_was_cut() {
    let kinds = [
        "",
        "shell = { swells = 6 }",
        "shell = { swells = 20 }",
        "shell = { swells = 60 }",
    ];
    let hosts: Vec<(String, &str)> = (1..=20)
        .map(|n| (format!("127.94.1.{n}"), kinds[usize::from(n % 4_u8)]))
        .collect();
    let site = Site::serve(&network(&hosts));
    let desk = Desk::at(&site, "audit", "127.94.1.0/24");
    let words = format!("scan 127.94.1.1-20 {} --hands 20", flags(&site));
    let mut child = desk.command(&words).spawn().unwrap();
    let peak = peak(&mut child);
    let ended = desk.end(child);
    assert_eq!(ended.code, Some(DONE), "{}", ended.err);
    assert!(peak > 16 << 20, "it was not measured");
    assert!(peak < PROMISED, "{} MiB", peak >> 20);
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.rows.len(), 20);
    for row in &access.rows {
        let (ip, code) = (access.cell(row, "ip"), access.cell(row, "result_code"));
        let detail = access.cell(row, "detail");
        let number: u8 = ip.rsplit_once('.').unwrap().1.parse().unwrap();
        let is_cut_short = detail.contains("dpkg-packages") && detail.contains("cut off: ");
        let is_told = match number % 4 {
            // Whoever answers what hosts answer is read, whatever the others do.
            0 => code == "ok",
            1 => code == "ok" || is_cut_short,
            2 => {
                is_cut_short
                    || detail.contains("dpkg-packages: 2") && detail.contains("is not read")
            }
            _ => is_cut_short,
        };
        assert!(is_told, "{ip}: {code}: {detail}");
        assert!(
            number.is_multiple_of(4) || code == "ok" || code == "ok_partial",
            "{ip}: {code}"
        );
    }
}
