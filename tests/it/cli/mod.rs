//! The command line, from outside: what it says, how it ends, what it writes.

mod asked;
mod catalogue;
mod changes;
mod credentials;
mod exits;
mod explain;
mod facts;
mod folders;
mod history;
mod interrupted;
mod news;
mod output;
mod plan;
mod policy;
pub(crate) mod programs;
mod spreadsheet;
mod stdout;
mod texts;
mod trust;
mod unmanaged;
mod update;
mod verify;

use crate::support::{Desk, Ended, Site, signal};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

/// Flags that every scan here has.
fn flags(site: &Site) -> String {
    let (port, ports) = (site.port(22), site.ports());
    format!("--known-hosts known_hosts --ssh-port {port} --ports {ports}")
}

/// A network of hosts, each on an address of its own and with its own identity.
fn network(name: &str, hosts: &[(&str, &str)]) -> String {
    let mut text = format!("schema = 1\nname = \"{name}\"\n{EVERY}");
    for (address, more) in hosts {
        let host = address.replace('.', "-");
        let head = format!("\n[[host]]\nname = \"h-{host}\"\naddresses = [\"{address}\"]");
        writeln!(text, "{head}\n{more}").unwrap();
    }
    text
}

const EVERY: &str = r#"
[every]
edit = [{ question = "uname", line = 2, with = "{name}" }]
[every.set]
names = "uname\t{name}\n"
identity = "machine-id\t{machine-id}\nboot-id\t{boot-id}\n"
interfaces = """
link\tens3\tdevice\t{mac}
link\tlo\tvirtual\t00:00:00:00:00:00
# ip
1: lo    inet 127.0.0.1/8 scope host lo
2: ens3    inet {address}/24 scope global ens3
"""
"#;

/// An up-to-date machine, and one that is not, for `audit`.
const NEW: &str = "recording = \"debian-12\"\nlogins = [{ user = \"audit\", key = \"demo\" }]";
const OLD: &str = "recording = \"debian-12-old\"\nlogins = [{ user = \"audit\", key = \"demo\" }]";

/// A desk for `audit` in all of loopback.
fn desk(site: &Site) -> Desk {
    Desk::at(site, "audit", "127.0.0.0/8")
}

/// A network in which a sweep of a /24 soon meets somebody.
fn sweepable(net: &str) -> Site {
    let addresses: Vec<String> = (1..=8).map(|at| format!("{net}.{}", at * 30)).collect();
    let hosts: Vec<(&str, &str)> = addresses.iter().map(|at| (at.as_str(), NEW)).collect();
    Site::serve(&network("sweepable", &hosts))
}

/// Begins a sweep, and interrupts it as soon as anybody was met.
fn begun_and_interrupted(desk: &Desk, site: &Site, words: &str) -> Ended {
    let child = desk.command(words).spawn().unwrap();
    let begun = Instant::now();
    while site.seen().connections.is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    signal(child.id(), Signal::INT);
    desk.end(child)
}
