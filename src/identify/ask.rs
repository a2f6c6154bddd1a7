//! Asking a host who it is: every protocol of every open port, one connection after the other. Talks.

use super::grab::grab_greeting;
use super::{is_claimed, ssh_banner};
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
    let mut clues = Vec::new();
    for port in ask.tcp.iter().copied().filter(|port| !is_claimed(*port)) {
        if Instant::now() >= ask.deadline {
            break;
        }
        let Some(banner) = grab_greeting(ask.address, port).await else {
            continue;
        };
        let clue = |fact| Clue {
            source: "greeting".to_owned(),
            proto: "tcp".to_owned(),
            port,
            fact,
        };
        if ssh_banner(&banner).is_some() {
            clues.push(clue(Fact::Speaks("ssh".to_owned())));
        }
        clues.push(clue(Fact::Banner(banner)));
    }
    clues
}
