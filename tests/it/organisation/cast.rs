//! A machine while it is made: what it is, what it shows, who can read it, and which lists have it.

use super::network::RUNS;
use super::systems::System;
use std::net::Ipv4Addr;
use underdesk::model::{ManagedState, ResultCode};

/// A machine, or what a list believes in.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) what: String,
    pub(super) kind: &'static str,
    pub(super) state: Option<ManagedState>,
    pub(super) reason: String,
    /// Its own short name, lower case.
    pub(super) name: String,
    /// Names that it had or that lists have for it.
    pub(super) former: Vec<String>,
    pub(super) membership: Membership,
    pub(super) system: &'static System,
    pub(super) hardware: Hardware,
    /// machine-id, or `MachineGuid` without hyphens.
    pub(super) os_id: String,
    pub(super) host_key: String,
    /// Where each run meets it, with the hardware address of that card.
    pub(super) presence: [Vec<(Ipv4Addr, String)>; RUNS],
    /// A card that is in no network that is swept.
    pub(super) wireless: Option<String>,
    /// What it shows, the same at each address.
    pub(super) face: Vec<Shown>,
    pub(super) reading: [Reading; RUNS],
    /// How many days before the judged run updates were last installed.
    pub(super) patched: i64,
    pub(super) updates: Updates,
    /// What DNS calls its addresses, and whether that name leads back.
    pub(super) reverse: Option<(String, bool)>,
    pub(super) listed: Vec<Listed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    Domain,
    Foreign,
    Workgroup,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Hardware {
    pub(super) maker: String,
    pub(super) model: String,
    pub(super) serial: String,
    pub(super) uuid: String,
}

/// One thing that it shows without a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// SMB on 445, with names and build.
    Smb,
    /// Remote desktop on 3389, with a certificate of its own and names.
    Rdp,
    /// The endpoint mapper on 135, with its other addresses.
    Rpc,
    /// WinRM on 5985, with names.
    Winrm,
    /// LDAP on 389, as a domain controller.
    Ldap,
    /// SSH on 22.
    Ssh,
    /// A web server: its `Server` header and its title.
    Http {
        port: u16,
        server: &'static str,
        title: &'static str,
    },
    /// A web server over TLS, with a certificate for a name.
    Https {
        port: u16,
        server: &'static str,
        title: &'static str,
        name: String,
        is_self_signed: bool,
    },
    /// IIS on 80 that offers NTLM.
    Iis {
        version: &'static str,
        title: &'static str,
    },
    /// An SNMP engine id with its hardware address, and the maker's number.
    Snmp { enterprise: u32 },
    /// An open port, and nothing that is said there.
    Mute(u16),
}

/// What a run made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// No credential was used.
    NotTried(ResultCode),
    /// One was used, and it did not work.
    Rejected,
    Read,
}

/// Where its updates come from, as it says when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Updates {
    Wsus,
    Vendor,
    /// A Unix all of whose sources are switched off.
    Nowhere,
}

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum List {
    Directory,
    Wsus,
    ConfigMgr,
    Leases,
    Assets,
}

impl List {
    pub(super) const ALL: [Self; 5] = [
        Self::Directory,
        Self::Wsus,
        Self::ConfigMgr,
        Self::Leases,
        Self::Assets,
    ];

    /// The list's name, that of its file without extension.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Directory => "ad",
            Self::Wsus => "wsus",
            Self::ConfigMgr => "configmgr",
            Self::Leases => "dhcp",
            Self::Assets => "cmdb",
        }
    }
}

/// A row of a list, in no list's format. Days are days before the judged run.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) list: List,
    /// As written there.
    pub(super) name: String,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) macs: Vec<String>,
    pub(super) hardware: Hardware,
    pub(super) system: &'static System,
    pub(super) owner: String,
    /// A state of the asset list; for the others anything but `In use` is switched off.
    pub(super) status: &'static str,
    /// When the machine was last heard of; `None` where the list has no such day.
    pub(super) seen: Option<i64>,
    /// When its password was set: the directory's.
    pub(super) password: i64,
    pub(super) created: i64,
}

impl Listed {
    pub(super) fn is_on(&self) -> bool {
        self.status == "In use"
    }
}

impl Machine {
    /// Of what sort it is, and how it stands.
    pub(super) fn stands(
        mut self,
        what: impl Into<String>,
        state: ManagedState,
        reason: impl Into<String>,
    ) -> Self {
        self.what = what.into();
        self.state = Some(state);
        self.reason = reason.into();
        self
    }

    /// Every run reads it so.
    pub(super) fn always(mut self, reading: Reading) -> Self {
        self.reading = [reading; RUNS];
        self
    }

    pub(super) fn showing(mut self, face: Vec<Shown>) -> Self {
        self.face = face;
        self
    }

    /// Where the judged run meets it.
    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        self.presence[0].first().map(|(address, _)| *address)
    }

    /// The hardware addresses of all its cards, in any run.
    pub(super) fn mac(&self) -> String {
        let met = self
            .presence
            .iter()
            .flatten()
            .next()
            .map(|(_, mac)| mac.clone());
        met.or_else(|| self.wireless.clone()).unwrap_or_default()
    }

    pub(super) fn fqdn(&self) -> String {
        match self.membership {
            Membership::Domain => format!("{}.{DOMAIN}", self.name),
            Membership::Foreign => format!("{}.{FOREIGN}", self.name),
            Membership::Workgroup => self.name.clone(),
        }
    }
}

pub(super) const DOMAIN: &str = "corp.example";
pub(super) const FOREIGN: &str = "partner.test";

/// The name in NetBIOS: 15 characters, upper case.
pub(super) fn netbios(name: &str) -> String {
    name.to_uppercase().chars().take(15).collect()
}
