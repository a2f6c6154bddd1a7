//! Asking a host who it is: every protocol of every open port, one connection after the other. Talks.

use super::carry::planned;
use super::grab::grab_greeting;
use super::{
    How, Ports, ReverseNames, clean, identify, is_claimed, is_fragile, ssh_banner, ssh_key,
    ssh_keys,
};
use crate::model::{Clue, Fact};
use crate::traffic::{Share, size};
use std::net::IpAddr;
use tokio::time::Instant;

/// Whom to ask, and what is allowed.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a wish of the operator"
)]
pub struct Ask {
    /// The host.
    pub address: IpAddr,
    /// Its open TCP ports that are to be asked.
    pub tcp: Vec<u16>,
    /// UDP ports that may be asked.
    pub udp: Vec<u16>,
    /// Exchanges that leave more than a line in a log, too.
    pub is_deep: bool,
    /// Printers and industrial devices, too.
    pub include_fragile: bool,
    /// Every kind of key of an SSH server, for a person to compare: one connection each.
    pub every_key: bool,
    /// Ports on which SSH is expected.
    pub ssh_ports: Vec<u16>,
    /// Ports on which the operator expects what usually is on another: the port, and the usual one.
    pub expected: Vec<(u16, u16)>,
    /// Looks its address up in DNS.
    pub names: Option<ReverseNames>,
    /// Now, in Unix seconds.
    pub now: i64,
    /// When we are done with it, of its own time.
    pub deadline: Instant,
    /// Its share of the bandwidth, and its clock.
    pub share: Share,
}

impl Ask {
    fn is_over(&self, clues: &[Clue]) -> bool {
        let is_left_alone = !self.include_fragile && is_fragile(clues, &self.tcp);
        is_left_alone || self.share.now() >= self.deadline
    }
}

/// What a host shows of itself.
pub async fn ask(ask: &Ask) -> Vec<Clue> {
    let mut clues = Vec::new();
    if let Some(names) = ask.names.as_ref().filter(|_| !ask.address.is_loopback()) {
        // What the system's resolver sends is not seen here; a question and its answer, there and back.
        ask.share.pass(4 * size::datagram(false, 100)).await;
        let until = ask.share.moment(ask.deadline);
        clues.extend(names.of(ask.address, until).await);
    }
    if ask.is_over(&clues) {
        return clues;
    }
    let ports = Ports {
        tcp: &ask.tcp,
        udp: &ask.udp,
        expected: &ask.expected,
    };
    let how = How {
        is_deep: ask.is_deep,
        include_fragile: ask.include_fragile,
        share: ask.share.clone(),
        ..How::until(ask.deadline, ask.now)
    };
    clues.extend(identify(ask.address, &ports, &how).await);
    let is_expected = |port: u16| ask.expected.iter().any(|(real, _)| *real == port);
    let unclaimed = |port: &u16| !is_claimed(*port) && !is_expected(*port);
    for port in ask.tcp.iter().copied().filter(unclaimed) {
        if ask.is_over(&clues) {
            break;
        }
        let heard = if ask.ssh_ports.contains(&port) {
            shown(ask, port).await
        } else {
            greeting(ask, port).await
        };
        clues.extend(heard);
    }
    clues
}

/// Which ports [`ask`] asks by which protocols, at most: `greeting` waits and writes nothing.
pub fn asked(ask: &Ask) -> Vec<(&'static str, u16)> {
    let ports = Ports {
        tcp: &ask.tcp,
        udp: &ask.udp,
        expected: &ask.expected,
    };
    asked_on(&ports, ask.is_deep, &ask.ssh_ports)
}

/// [`asked`], of any host whose TCP ports are all open.
pub fn asked_on(ports: &Ports<'_>, is_deep: bool, ssh_ports: &[u16]) -> Vec<(&'static str, u16)> {
    let mut asked = planned(ports, is_deep);
    let is_expected = |port: u16| ports.expected.iter().any(|(real, _)| *real == port);
    let unclaimed = |port: &u16| !is_claimed(*port) && !is_expected(*port);
    for port in ports.tcp.iter().copied().filter(unclaimed) {
        let name = if ssh_ports.contains(&port) {
            "ssh"
        } else {
            "greeting"
        };
        asked.push((name, port));
    }
    asked
}

/// What an SSH server shows.
async fn shown(ask: &Ask, port: u16) -> Vec<Clue> {
    if ask.every_key {
        ssh_keys(ask.address, port, (ask.deadline, &ask.share)).await
    } else {
        ssh_key(ask.address, port, (ask.deadline, &ask.share)).await
    }
}

/// What a port says first, on which nothing is said; of an SSH server also its key.
async fn greeting(ask: &Ask, port: u16) -> Vec<Clue> {
    let Some(banner) = grab_greeting(ask.address, port, &ask.share).await else {
        return Vec::new();
    };
    if ssh_banner(&banner).is_some() {
        let shown = shown(ask, port).await;
        if !shown.is_empty() {
            return shown;
        }
    }
    let clue = |fact| Clue {
        source: "greeting".to_owned(),
        proto: "tcp".to_owned(),
        port,
        fact,
    };
    let is_ssh = ssh_banner(&banner).is_some();
    let speaks = is_ssh.then(|| clue(Fact::Speaks("ssh".to_owned())));
    let banner = clean::fact(Fact::Banner(banner)).map(clue);
    speaks.into_iter().chain(banner).collect()
}
