//! What a host is, before any credential is used.
//!
//! Readers of what services say of their own accord, one file a protocol. Everything here is a hint,
//! written by whoever answers: good for a column and for the order of work, never for choosing where
//! a secret goes. Only [`grab`], [`carry`], `ask`, `listen`, `reverse` and `ssh_key` talk; what all of it amounts to
//! is judged in `rules`.
//!
//! A protocol is one file and one line in [`PROTOCOLS`].

mod ask;
mod ber;
pub mod carry;
mod certificate;
mod challenge;
mod clean;
pub mod dialogue;
pub mod grab;
mod http;
mod ldap;
mod listen;
mod mdns;
mod msrpc;
mod mssql;
mod netbios;
mod oui;
mod pages;
mod rdp;
mod reverse;
mod rules;
mod smb;
mod snmp;
mod sql_browser;
mod ssh;
mod ssh_key;
mod tables;
mod tls;
mod winrm;

pub use ask::{Ask, ask, asked, asked_on};
pub use carry::{How, Ports, converse, identify};
pub use dialogue::Protocol;
pub use grab::{grab_banner, grab_greeting};
pub use listen::{Announcements, announced_v6, announcements, announcements_v6};
pub use mdns::announcement;
pub use oui::{MacFacts, MacKind, mac_facts, read_mac, write_mac};
pub use reverse::ReverseNames;
pub use rules::{exposures, fingerprint, is_exposure, is_fragile, services};
pub use ssh::{SshBanner, SshRelease, is_windows_banner, ssh_banner};
pub use ssh_key::{ssh_key, ssh_keys};

use crate::model::{Certainty, Clue, DeviceKind, Fact, HostKey, SeenBy, Service};
use dialogue::Transport;

/// Every protocol by which a port tells who is there, in the order in which a host is asked: what shows a
/// device that is better left alone comes first.
pub const PROTOCOLS: &[&Protocol] = &[
    &snmp::PROTOCOL,
    &netbios::PROTOCOL,
    &http::PROTOCOL,
    &http::OVER_TLS,
    &tls::PROTOCOL,
    &smb::SMB2,
    &smb::SMB1,
    &ldap::PROTOCOL,
    &ldap::OVER_TLS,
    &winrm::PROTOCOL,
    &winrm::OVER_TLS,
    &rdp::PROTOCOL,
    &mssql::PROTOCOL,
    &msrpc::PROTOCOL,
    &sql_browser::PROTOCOL,
];

/// The UDP ports on which a host can be asked who it is, and by which protocol.
pub fn udp_ports() -> impl Iterator<Item = (u16, &'static str)> {
    let datagrams = PROTOCOLS
        .iter()
        .filter(|protocol| protocol.transport == Transport::Udp);
    datagrams.flat_map(|protocol| protocol.ports.iter().map(|port| (*port, protocol.name)))
}

/// Ports of a protocol of ours on which the server speaks first all the same.
const SERVER_SPEAKS_FIRST: &[u16] = &[22];

/// Whether a port belongs to a protocol in which the client speaks first: waiting for a greeting there
/// is waiting for nothing.
pub fn is_claimed(port: u16) -> bool {
    let streams = PROTOCOLS.iter();
    let mut streams = streams.filter(|protocol| protocol.transport != Transport::Udp);
    streams.any(|protocol| protocol.ports.contains(&port)) && !SERVER_SPEAKS_FIRST.contains(&port)
}

/// A port that accepted a connection from outside, and what it said first, as a service.
pub fn open_service(port: u16, banner: &str) -> Service {
    let ssh = ssh_banner(banner);
    Service {
        proto: "tcp".to_owned(),
        port,
        bind: String::new(),
        state: "open".to_owned(),
        service: ssh.as_ref().map_or("", |_| "ssh").to_owned(),
        product: ssh
            .as_ref()
            .map(|ssh| ssh.product.clone())
            .unwrap_or_default(),
        version: ssh.map(|ssh| ssh.version).unwrap_or_default(),
        program: String::new(),
        user: String::new(),
        banner: banner.to_owned(),
        seen_by: SeenBy::Scan,
        tls: None,
        certainty: Certainty::None,
    }
}

/// A port that is asked for its host's key, from clues: where SSH is spoken.
pub fn ssh_ports(clues: &[Clue]) -> impl Iterator<Item = u16> + '_ {
    let speaks = |clue: &&Clue| matches!(&clue.fact, Fact::Speaks(word) if word == "ssh");
    clues.iter().filter(speaks).map(|clue| clue.port)
}

/// The SSH host key that a host showed.
pub fn host_key(clues: &[Clue]) -> Option<HostKey> {
    clues.iter().find_map(|clue| match &clue.fact {
        Fact::HostKey(key) => Some(key.clone()),
        _ => None,
    })
}

/// What only one machine can be: keys, names, certificates.
pub fn identities(clues: &[Clue]) -> impl Iterator<Item = String> + '_ {
    clues.iter().filter_map(|clue| match &clue.fact {
        Fact::HostKey(key) => Some(key.fingerprint.clone()),
        Fact::NetbiosComputer(name) | Fact::DnsComputer(name) => Some(name.clone()),
        Fact::Certificate(certificate) => Some(certificate.sha256.clone()),
        _ => None,
    })
}

/// Ports on which Windows machines listen: RPC, SMB, remote desktop, WinRM.
const WINDOWS: &[u16] = &[135, 445, 3389, 5985, 5986];

/// Whether what is open on a host, as [`open_service`] tells it, is what a computer shows rather than
/// a device. In doubt about an OpenSSH that does not say on what it runs: most are computers.
pub fn looks_like_a_computer<'a>(services: impl IntoIterator<Item = &'a Service>) -> bool {
    services
        .into_iter()
        .filter(|service| service.seen_by == SeenBy::Scan)
        .any(|service| match ssh_banner(&service.banner) {
            Some(ssh) => ssh.kind == DeviceKind::Computer || ssh.product == "OpenSSH",
            None => WINDOWS.contains(&service.port),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_windows_look_like_computers_and_devices_do_not() {
        let looks = |port, banner| looks_like_a_computer(&[open_service(port, banner)]);
        assert!(looks(22, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7"));
        assert!(looks(22, "SSH-2.0-OpenSSH_8.7"));
        assert!(looks(445, ""));
        assert!(!looks(22, "SSH-2.0-Cisco-1.25"));
        assert!(!looks(22, "SSH-2.0-dropbear_2019.78"));
        assert!(!looks(80, ""));
        assert!(!looks_like_a_computer(&[]));
    }

    #[test]
    fn an_ssh_banner_names_the_service_and_another_one_does_not() {
        let service = open_service(22, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7");
        let named = (
            service.service.as_str(),
            service.product.as_str(),
            service.version.as_str(),
        );
        assert_eq!(named, ("ssh", "OpenSSH", "9.2p1"));
        let other = open_service(25, "220 mail.example ESMTP");
        assert_eq!(
            (other.service.as_str(), other.banner.as_str()),
            ("", "220 mail.example ESMTP")
        );
    }
}
