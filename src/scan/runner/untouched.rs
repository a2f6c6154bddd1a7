//! What is said of a live host that was not worked on: that it is there, and why nobody could log in.

use super::live::Live;
use crate::credentials;
use crate::model::{
    AccessRecord, Answer, HostOutcome, HostTrust, LiveHost, ProbeKind, Protocol, ResultCode,
};
use crate::scan::{Context, RunKind};
use crate::store::HostCommit;

/// The outcome of a live host that was not worked on, with the reason.
pub(super) fn untouched(cx: &Context, host: LiveHost, live: Option<&Live>) -> HostCommit {
    let access = match cx.plan.kind {
        RunKind::Sweep => Vec::new(),
        _ => no_way_in(cx, &host, live),
    };
    HostCommit {
        outcome: HostOutcome {
            host,
            host_key: None,
            inventory: None,
            credential: None,
            failure: None,
            access,
            services: Vec::new(),
            clues: Vec::new(),
            elapsed_ms: 0,
        },
        matched: None,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: (cx.clock)(),
    }
}

/// Why nobody could log in: a row for each credential that covers the host.
fn no_way_in(cx: &Context, host: &LiveHost, live: Option<&Live>) -> Vec<AccessRecord> {
    let answer = |port: u16| live.and_then(|live| live.answer(ProbeKind::Tcp(port)));
    let row = |protocol, port, code| AccessRecord {
        protocol,
        port,
        credential: None,
        attempted: false,
        code,
        detail: String::new(),
        trust: HostTrust::None,
        elapsed_ms: 0,
    };
    let mut rows = Vec::new();
    for protocol in [Protocol::Ssh, Protocol::Winrm] {
        let ways = cx.plan.ways_in().filter(|way| way.0 == protocol);
        let ports: Vec<u16> = ways.map(|way| way.1).collect();
        let is_closed = |port: &u16| answer(*port) == Some(Answer::Closed);
        // One port that refuses says that the host is there and which service is not.
        let closed = ports.iter().copied().find(is_closed);
        let code = match closed {
            Some(_) => ResultCode::PortClosed,
            None => ResultCode::Filtered,
        };
        let port = closed.or(ports.first().copied());
        let detail = match ports.as_slice() {
            [] => "this run sweeps no port of this protocol (--ports)".to_owned(),
            [_] => String::new(),
            ports => format!("none of its ports is open: {}", listed(ports)),
        };
        let all = cx.keyring.credentials();
        let covering = credentials::covering(host, protocol, all);
        rows.extend(covering.map(|credential| AccessRecord {
            credential: Some(credential.id.clone()),
            detail: detail.clone(),
            ..row(protocol, port, code)
        }));
    }
    if rows.is_empty() {
        rows.push(row(Protocol::Ssh, None, ResultCode::NoCredentialInScope));
    }
    rows
}

fn listed(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    ports.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UtcTime;
    use crate::scan::tests::{context, plan_of};
    use crate::scan::{Keyring, StoredProof, bare};
    use crate::session::Password;
    use crate::store::SightingRow;
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::sync::Arc;

    /// The port and the reason of each row, where a credential covers `192.0.2.0/24` over SSH on two ports, and
    /// a host answered on some.
    async fn rows(host: [u8; 4], answers: &[(u16, Answer)]) -> Vec<(Option<u16>, ResultCode)> {
        let mut plan = plan_of("192.0.2.0/24", &[22, 2222]);
        plan.ssh_ports = vec![22, 2222];
        let (mut cx, _) = context(&plan).await;
        let text = "[[credential]]\nid = 'audit'\ntype = 'ssh-password'\nuser = 'audit'\n\
                    password = { prompt = true }\nscope = ['192.0.2.0/24']\n";
        let credentials = credentials::parse(text).unwrap().credentials;
        let own = Arc::get_mut(&mut cx).unwrap();
        let proof = StoredProof::Password(Password::new("right"));
        let proofs = BTreeMap::from([(credentials[0].id.clone(), proof)]);
        own.keyring = Keyring::new(credentials, proofs);
        let address = IpAddr::from(host);
        let mut live = Live::default();
        for (port, answer) in answers {
            live.note(&SightingRow {
                address,
                probe: ProbeKind::Tcp(*port),
                answer: *answer,
                round_trip_us: None,
                tries: 1,
                seen_at: UtcTime::from_unix(0),
                trace: None,
                mac: None,
                banner: None,
            });
        }
        let rows = untouched(&cx, bare(address), Some(&live)).outcome.access;
        rows.iter().map(|row| (row.port, row.code)).collect()
    }

    #[tokio::test]
    async fn a_port_that_refuses_says_more_than_one_that_is_silent() {
        let host = [192, 0, 2, 1];
        let silent = [(Some(22), ResultCode::Filtered)];
        assert_eq!(rows(host, &[(80, Answer::Closed)]).await, silent);
        let refused = [(Some(2222), ResultCode::PortClosed)];
        assert_eq!(rows(host, &[(2222, Answer::Closed)]).await, refused);
        let outside = [(None, ResultCode::NoCredentialInScope)];
        assert_eq!(rows([198, 51, 100, 1], &[]).await, outside);
    }
}
