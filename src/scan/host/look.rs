//! Who a host is, before any credential is used.

use super::super::{Context, RunKind, Step};
use crate::credentials;
use crate::identify::{self, Ask};
use crate::model::{
    AccessRecord, Clue, Fact, Failure as _, HostTrust, LiveHost, Protocol, ResultCode, Service,
};
use crate::session::{Limits, Met};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a host is asked who it is.
const LONGEST: Duration = Duration::from_secs(30);

/// What a host shows of itself on some of its open ports. Never names an account, never answers a
/// challenge.
pub(in crate::scan) async fn look(cx: &Context, host: &LiveHost, ports: Vec<u16>) -> Vec<Clue> {
    if cx.plan.look.off {
        return Vec::new();
    }
    let patience = (cx.plan.host_timeout() / 2).min(LONGEST);
    let share = cx.traffic.share();
    let ask = Ask {
        address: host.address,
        tcp: ports,
        udp: cx.plan.look.udp.clone(),
        is_deep: cx.plan.look.deep,
        include_fragile: cx.plan.look.include_fragile,
        every_key: cx.plan.look.every_key,
        ssh_ports: cx.plan.ssh_ports.clone(),
        expected: cx.plan.expected(),
        names: cx.plan.look.dns.then(|| cx.names.clone()),
        now: (cx.clock)().unix(),
        deadline: share.now() + patience,
        share,
    };
    cx.note(host.address, Step::Looks(identify::asked(&ask)));
    identify::ask(&ask).await
}

/// The open ports that are asked before a login, and those on which the login itself hears what there is
/// to hear: nobody is met twice.
pub(super) fn ports(cx: &Context, host: &LiveHost) -> (Vec<u16>, Vec<u16>) {
    let all = cx.keyring.credentials();
    let covers = |protocol| !credentials::plan(host, protocol, all, None).is_empty();
    let logs_in = |port: &u16| {
        cx.plan.kind.logs_in()
            && cx
                .plan
                .ways_in()
                .any(|(protocol, way)| way == *port && covers(protocol))
    };
    let (login, before): (Vec<u16>, Vec<u16>) = host.open_ports.iter().copied().partition(logs_in);
    if cx.plan.kind == RunKind::Doctor {
        // Whoever wants to know what a port speaks does not mind that it is met twice.
        let all = host.open_ports.clone();
        let (ssh, before) = all
            .into_iter()
            .partition(|port| login.contains(port) && cx.plan.ssh_ports.contains(port));
        return (before, ssh);
    }
    (before, login)
}

/// Whether a known authority vouches for what a host shows: its certificates on the ports of WinRM over TLS, and
/// of SSH where anything is on record for it. A row for each that was met, with the key. Nothing is sent but the
/// handshake.
pub(super) async fn vouched(cx: &Context, host: &LiveHost) -> Vec<AccessRecord> {
    let (plan, connectors) = (&cx.plan, &cx.connectors);
    let tls = plan.winrm_tls_ports.iter();
    let tls = tls.map(|port| (Protocol::Winrm, *port, &connectors.winrm));
    let ssh = plan.ssh_ports.iter();
    let ssh = ssh.map(|port| (Protocol::Ssh, *port, &connectors.ssh));
    let ssh = ssh.filter(|(_, port, connector)| connector.knows(host, *port));
    let mut rows = Vec::new();
    for (protocol, port, connector) in tls.chain(ssh) {
        if !host.open_ports.contains(&port) {
            continue;
        }
        let (began, share) = (Instant::now(), cx.traffic.share());
        let limits = Limits {
            share: share.clone(),
            ..Limits::until(share.now() + LONGEST)
        };
        let met = connector.meet(host, port, &limits).await;
        let (code, trust, detail) = match met {
            Ok(met) => {
                let code = match met {
                    Met::Verified(_) => ResultCode::Ok,
                    Met::Stranger(_) => ResultCode::HostkeyUnknown,
                };
                (code, met.trust(), met.host_key().to_string())
            }
            Err(error) => (error.code(), HostTrust::None, error.to_string()),
        };
        rows.push(AccessRecord {
            protocol,
            port: Some(port),
            credential: None,
            attempted: false,
            code,
            detail,
            trust,
            elapsed_ms: super::millis(began),
        });
    }
    rows
}

/// What a login heard from an SSH server before it asked who we are.
pub(super) fn of_login(service: &Service) -> Vec<Clue> {
    let clue = |fact| Clue {
        source: service.service.clone(),
        proto: service.proto.clone(),
        port: service.port,
        fact,
    };
    if service.banner.is_empty() {
        return Vec::new();
    }
    let speaks = Fact::Speaks(service.service.clone());
    [speaks, Fact::Banner(service.banner.clone())]
        .map(clue)
        .into()
}

/// What the own link shows: the hardware address.
pub(super) fn of_link(mac: [u8; 6]) -> Clue {
    let octets = mac.map(|octet| format!("{octet:02x}"));
    Clue {
        source: "arp".to_owned(),
        proto: String::new(),
        port: 0,
        fact: Fact::Mac(octets.join(":")),
    }
}
