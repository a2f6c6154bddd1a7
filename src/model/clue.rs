//! What a host shows without a login, fact by fact. Kept as it was heard, so that what a host seems to
//! be can be judged again; see `identify` for the readers and the judge.

use super::{Certificate, HostKey};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One fact, and which exchange told it. Attacker-controlled: good for a column and for the order of
/// work, never for choosing where a secret goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clue {
    /// The exchange that told it: `smb2`, `ntlm-http`, `tls`, `ssh`, `arp`.
    pub source: String,
    /// `tcp` or `udp`; empty where there is no port.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub proto: String,
    /// The port; 0 where there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port: u16,
    /// The fact.
    pub fact: Fact,
}

impl Clue {
    /// Whether its host called it out to the network, by which it says less of whom one has reached than what it
    /// answers on a connection.
    pub fn is_announced(&self) -> bool {
        const ANNOUNCED: &[&str] = &["nbstat", "netbios", "mdns", "sql-browser", "ssdp", "llmnr"];
        ANNOUNCED.iter().any(|start| self.source.starts_with(start))
    }

    /// Whether only a Samba says so. Build 0 is no Windows'.
    pub fn is_of_samba(&self) -> bool {
        matches!(
            self.fact,
            Fact::Samba(_) | Fact::WindowsBuild { build: 0, .. }
        )
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

/// A fact. Texts are as the host sent them, shortened, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// A protocol was spoken on the port: `ssh`, `http`, `smb`, `rdp`, `winrm`, `ldap`, `mssql`, `msrpc`.
    Speaks(String),
    /// The product that answers on the port, in its maker's spelling, and its version, where told.
    Product {
        /// `OpenSSH`, `Microsoft-IIS`, `Samba`.
        name: String,
        /// `9.2p1`, `10.0`; empty where it is not told.
        version: String,
    },
    /// What the port said first, or of itself: an SSH banner, a `Server` header, a `sysDescr`.
    Banner(String),
    /// The title of the page at `/`.
    Title(String),
    /// The NetBIOS name of the computer (MS-NLMP 2.2.2.1 `MsvAvNbComputerName`, or NBSTAT).
    NetbiosComputer(String),
    /// The NetBIOS name of its domain or workgroup.
    NetbiosDomain(String),
    /// The DNS name of the computer.
    DnsComputer(String),
    /// The DNS name of its domain.
    DnsDomain(String),
    /// The DNS name of its forest.
    DnsForest(String),
    /// What DNS calls the address, and whether the name leads back to it.
    ReverseName {
        /// The name.
        name: String,
        /// Whether looking the name up gives the address again.
        is_confirmed: bool,
    },
    /// The version that a Windows states in its NTLM challenge (MS-NLMP 2.2.2.10) or LDAP.
    WindowsBuild {
        /// 10 of 10.0.
        major: u8,
        /// 0 of 10.0.
        minor: u8,
        /// 17763.
        build: u16,
    },
    /// The answer is Samba's, not a Windows'. Its version, where told.
    Samba(String),
    /// The highest SMB dialect that was agreed on: `3.0.2`, `2.1`, `1.0`.
    SmbDialect(String),
    /// Whether the SMB server wants messages signed.
    SmbSigningRequired(bool),
    /// The server still speaks SMB 1.
    Smb1,
    /// The server's GUID (MS-SMB2 2.2.4), hex with hyphens.
    ServerGuid(String),
    /// NTLM is switched off there.
    NtlmOff,
    /// The host's clock less ours, in seconds.
    ClockSkew(i64),
    /// When the host was started, Unix seconds.
    BootTime(i64),
    /// The SSH host key.
    HostKey(HostKey),
    /// An SSH host key in full, as OpenSSH writes it: `ssh-ed25519 AAAA…`. Asked for by `trust scan` only.
    PublicKey(String),
    /// Why no key of an SSH server could be seen.
    NoKey(String),
    /// The TLS certificate of the port.
    Certificate(Certificate),
    /// A version of TLS or SSL that is no longer safe is accepted: `TLS 1.0`, `TLS 1.1`, `SSL 3.0`.
    OldTls(String),
    /// The newest version of TLS or SSL that the port speaks: `TLS 1.2`.
    Tls(String),
    /// Remote desktop asks for a login before it shows a screen.
    NetworkLevelAuthentication(bool),
    /// The directory's default naming context, which makes the host a domain controller:
    /// `DC=corp,DC=example`.
    NamingContext(String),
    /// The name table of NBSTAT says so: `1c` a domain controller, `20` a file server, `1b` a domain
    /// master browser.
    NetbiosSuffix(u8),
    /// What an SNMP engine id (RFC 3411 5) says: the vendor's enterprise number and its format.
    SnmpEngine {
        /// The whole id, hex.
        id: String,
        /// The IANA private enterprise number.
        enterprise: u32,
        /// How often it booted.
        boots: u32,
        /// Seconds since it last booted.
        uptime: u32,
    },
    /// A hardware address, `aa:bb:cc:dd:ee:ff`.
    Mac(String),
    /// Another address that the host says it has (DCE/RPC `ServerAlive2`, mDNS).
    OtherAddress(IpAddr),
    /// A name or service that the host announces by mDNS: `_ipp._tcp`.
    Announces(String),
    /// The instance name and version of an SQL Server.
    SqlInstance {
        /// `MSSQLSERVER`; empty where it is not told.
        instance: String,
        /// `15.0.2000`.
        version: String,
    },
    /// The time to live, as it came in.
    TimeToLive(u8),
}
