//! What a large network costs: the whole of `scan`, and a large store that is judged again.
//!
//! One process serves a network of simulated hosts on loopback: seven of ten are Unix over SSH, three Windows over
//! WinRM, each with packages or programs of its own; one in twenty is bad in one of twelve ways. Another process is the
//! program itself, which scans it into a store on disk and writes its files. Every host has to end in the row that it
//! has to end in, or there are no figures. Then a store of many machines with fewer distinct inventories is judged
//! twice, and once more by the command.
//!
//! `cargo bench --bench scale` takes networks of 1,000, 3,000 and 10,000 hosts and 100,000 machines of 2,000
//! inventories, and half an hour; `cargo bench --bench scale -- 240` one network of 240 and ten times as many machines.
//! `scan` or `match` among the words leaves the other out. `UNDERDESK_CATALOG` names a catalogue; without it one is
//! made of bulletins about what the hosts have.

#![expect(clippy::print_stdout, reason = "figures for people")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures are rounded to a few digits"
)]

mod batch;
mod hosts;
mod login;
mod network;
mod process;
mod scan;

use batch::Batch;
use process::Cost;
use scan::Scanned;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The networks of a whole measurement.
const SIZES: [usize; 3] = [1_000, 3_000, 10_000];
/// Machines of a batch for each host of the largest network, and how many of them have one inventory.
const MACHINES: usize = 10;
const ALIKE: usize = 50;
/// The words before what a process of its own is to do.
const LAB: &str = "--lab";
const LOGINS: &str = "--logins";
const FILL: &str = "--fill";
const REMATCH: &str = "--rematch";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [LAB, hosts, folder] => network::serve(hosts.parse()?, Path::new(folder)),
        [LOGINS, hosts, port, folder] => {
            login::all(hosts.parse()?, port.parse()?, Path::new(folder))
        }
        [FILL, machines, inventories, store] => {
            batch::fill(machines.parse()?, inventories.parse()?, Path::new(store))
        }
        [REMATCH, store, catalog] => batch::rematch(Path::new(store), Path::new(catalog)),
        // What asks all benchmarks for their tests has none to run here.
        _ if !words.contains(&"--bench") => Ok(()),
        _ => all(&words),
    }
}

fn all(words: &[&str]) -> Outcome<()> {
    let sizes = words.iter().filter_map(|word| word.parse().ok());
    let mut sizes: Vec<usize> = sizes.collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let (catalog, said) = hosts::catalog(&scan::folder("catalog")?)?;
    println!("catalogue: {said}");
    if !words.contains(&"match") {
        scans(&sizes, &catalog)?;
    }
    if !words.contains(&"scan") {
        let most = sizes.iter().max().copied().unwrap_or_default();
        let machines = most * MACHINES;
        let folder = scan::folder("match")?;
        let batch = batch::run(machines, machines / ALIKE, &catalog, &folder)?;
        tell(&batch);
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn scans(sizes: &[usize], catalog: &Path) -> Outcome<()> {
    println!(
        "\n  hosts  reading s  hosts/s  with files s  cpu ms/host  with files  lab ms  login ms  \
         peak MiB  with files  store KiB/host  findings/host"
    );
    let mut all: Vec<Scanned> = Vec::new();
    for hosts in sizes {
        let folder = scan::folder(&format!("scan-{hosts}"))?;
        let one = scan::run(*hosts, catalog, &folder)?;
        let each = |cpu: Duration| per(cpu.as_secs_f64() * 1e3, *hosts);
        println!(
            "{:7}  {:9.1}  {:7.1}  {:12.1}  {:11.2}  {:10.2}  {:6.2}  {:8.2}  \
             {:8.1}  {:10.1}  {:14.1}  {:13.1}",
            one.hosts,
            one.reading.wall.as_secs_f64(),
            0.9 * rate(*hosts, one.most),
            one.whole.wall.as_secs_f64(),
            each(one.reading.cpu),
            each(one.whole.cpu),
            each(one.lab.cpu),
            one.login.as_secs_f64() * 1e3,
            mib(one.reading.peak),
            mib(one.whole.peak),
            per(one.store as f64 / 1024.0, *hosts),
            per(one.findings as f64, *hosts),
        );
        all.push(one);
        fs::remove_dir_all(folder)?;
    }
    let (Some(small), Some(large)) = (all.first(), all.last()) else {
        return Ok(());
    };
    println!("\nof {} hosts, all as they have to be:", large.hosts);
    for (expected, count) in &large.rows {
        let (code, outcome) = (expected.code, expected.outcome);
        println!("{count:7}  {:32}{code:18}{outcome}", expected.kind);
    }
    let times = |more: u64, less: u64| more as f64 / (less as f64).max(1.0);
    let login = large.login.as_secs_f64() * large.hosts as f64;
    println!(
        "\nhosts x {:.0}: peak while reading x {:.2}, with files x {:.2}; \
         cpu of a host: x {:.1} of a login over SSH alone, with files x {:.1}",
        times(large.hosts as u64, small.hosts as u64),
        times(large.reading.peak, small.reading.peak),
        times(large.whole.peak, small.whole.peak),
        large.reading.cpu.as_secs_f64() / login,
        large.whole.cpu.as_secs_f64() / login,
    );
    Ok(())
}

fn tell(batch: &Batch) {
    let (machines, inventories) = (batch.machines, batch.inventories);
    println!(
        "\n{machines} machines with {inventories} distinct inventories; store {:.0} MiB, judged {:.0} MiB",
        mib(batch.before / 1024),
        mib(batch.after / 1024)
    );
    println!("            wall s   cpu s   machines/s  findings/s  peak MiB");
    for (name, judged) in [("judged", batch.first), ("again", batch.again)] {
        line(name, &judged.cost, (machines, judged.findings));
    }
    line(
        "and written",
        &batch.command,
        (machines, batch.again.findings),
    );
}

fn line(name: &str, cost: &Cost, (machines, findings): (usize, u64)) {
    let findings = findings as f64 / cost.wall.as_secs_f64().max(1e-3);
    println!(
        "{name:11}  {:6.1}  {:6.1}  {:11.0}  {findings:10.0}  {:8.1}",
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
        rate(machines, cost.wall),
        mib(cost.peak)
    );
}

fn per(all: f64, hosts: usize) -> f64 {
    all / (hosts as f64).max(1.0)
}

fn rate(hosts: usize, time: Duration) -> f64 {
    hosts as f64 / time.as_secs_f64().max(1e-3)
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn say(text: &str) {
    println!("{text}");
}
