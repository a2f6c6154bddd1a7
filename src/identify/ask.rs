//! Asking a host who it is: every protocol of every open port, one connection after the other. Talks.

use super::grab::grab_greeting;
use super::reverse::reverse_name;
use super::{How, Ports, identify, is_claimed, is_fragile, ssh_banner, ssh_key};
use crate::model::{Clue, Fact};
use std::net::IpAddr;
use tokio::time::Instant;

/// Whom to ask, and what is allowed.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a permission")]
pub struct Ask {
    /// The host.
    pub address: IpAddr,
    /// Its open TCP ports.
    pub tcp: Vec<u16>,
    /// UDP ports that may be asked.
    pub udp: Vec<u16>,
    /// Exchanges that leave more than a line in a log, too.
    pub is_deep: bool,
    /// Look its address up in DNS.
    pub with_dns: bool,
    /// Printers and industrial devices, too.
    pub include_fragile: bool,
    /// Ports on which SSH is expected.
    pub ssh_ports: Vec<u16>,
    /// Now, in Unix seconds.
    pub now: i64,
    /// When we are done with it.
    pub deadline: Instant,
}

/// What a host shows of itself.
pub async fn ask(ask: &Ask) -> Vec<Clue> {
    let ports = Ports {
        tcp: &ask.tcp,
        udp: &ask.udp,
    };
    let how = How {
        is_deep: ask.is_deep,
        include_fragile: ask.include_fragile,
        ..How::until(ask.deadline, ask.now)
    };
    let mut clues = identify(ask.address, &ports, &how).await;
    if ask.with_dns {
        clues.extend(reverse_name(ask.address, ask.deadline).await);
    }
    for port in ask.tcp.iter().copied().filter(|port| !is_claimed(*port)) {
        let is_done = Instant::now() >= ask.deadline;
        if is_done || (!ask.include_fragile && is_fragile(&clues, &ask.tcp)) {
            break;
        }
        // Where SSH is expected, one connection shows both its greeting and its key.
        let shown = if ask.ssh_ports.contains(&port) {
            Box::pin(ssh_key(ask.address, port, ask.deadline)).await
        } else {
            Vec::new()
        };
        if shown.is_empty() {
            clues.extend(greeting(ask.address, port).await);
        } else {
            clues.extend(shown);
        }
    }
    clues
}

/// What a port says first, on which nothing is said.
async fn greeting(address: IpAddr, port: u16) -> Vec<Clue> {
    let Some(banner) = grab_greeting(address, port).await else {
        return Vec::new();
    };
    let clue = |fact| Clue {
        source: "greeting".to_owned(),
        proto: "tcp".to_owned(),
        port,
        fact,
    };
    let is_ssh = ssh_banner(&banner).is_some();
    let speaks = is_ssh.then(|| clue(Fact::Speaks("ssh".to_owned())));
    speaks
        .into_iter()
        .chain([clue(Fact::Banner(banner))])
        .collect()
}
