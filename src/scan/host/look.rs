//! Who a host is, before any credential is used.

use super::super::{Context, RunKind};
use crate::credentials;
use crate::identify::{self, Ask};
use crate::model::{Clue, Fact, LiveHost, Protocol};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a host is asked who it is.
const LONGEST: Duration = Duration::from_secs(30);

/// What a host shows of itself. Never names an account, never answers a challenge.
pub(in crate::scan) async fn look(
    cx: &Context,
    host: &LiveHost,
    mac: Option<[u8; 6]>,
) -> Vec<Clue> {
    let mut clues: Vec<Clue> = mac.map(of_link).into_iter().collect();
    if cx.plan.look.off {
        return clues;
    }
    let patience = (cx.plan.host_timeout() / 2).min(LONGEST);
    let ask = Ask {
        address: host.address,
        tcp: ports(cx, host),
        udp: cx.plan.look.udp.clone(),
        is_deep: cx.plan.look.deep,
        with_dns: cx.plan.look.dns,
        include_fragile: cx.plan.look.include_fragile,
        ssh_ports: cx.plan.ssh_ports.clone(),
        now: (cx.clock)().unix(),
        deadline: Instant::now() + patience,
    };
    clues.extend(identify::ask(&ask).await);
    clues
}

/// The open ports that are asked. Where SSH is logged in to, the login hears all that there is to hear.
fn ports(cx: &Context, host: &LiveHost) -> Vec<u16> {
    let all = cx.keyring.credentials();
    let logs_in = cx.plan.kind == RunKind::Scan
        && !credentials::plan(host, Protocol::Ssh, all, None).is_empty();
    let mut ports = host.open_ports.clone();
    ports.retain(|port| !(logs_in && cx.plan.ssh_ports.contains(port)));
    ports
}

fn of_link(mac: [u8; 6]) -> Clue {
    let octets = mac.map(|octet| format!("{octet:02x}"));
    Clue {
        source: "arp".to_owned(),
        proto: String::new(),
        port: 0,
        fact: Fact::Mac(octets.join(":")),
    }
}
