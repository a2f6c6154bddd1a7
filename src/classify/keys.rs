//! What may show that two records are one machine: keys, each with its kind, and who shows it.

use super::sighted::Sighted;
use crate::model::{DeviceKind, Family, KnownList, KnownRecord};
use std::collections::{BTreeSet, HashMap};

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum KeyKind {
    /// What a directory or an agent calls the machine by: a GUID.
    OwnId,
    /// The hardware's serial number.
    Serial,
    /// The SMBIOS uuid.
    Uuid,
    /// machine-id(5) or `MachineGuid`.
    MachineId,
    /// An SSH host key.
    HostKey,
    /// The certificate of a machine.
    Certificate,
    /// The GUID of an SMB server.
    ServerGuid,
    /// The id of an SNMP engine.
    Engine,
    /// A hardware address that a maker or a hypervisor gave to one card.
    Mac,
    /// A name and its domain.
    FullName,
    /// An address that one says the other has.
    Mention,
    /// A hardware address that software chose.
    LocalMac,
    /// A short name.
    ShortName,
    /// An address at which a run met the machine, or that a list has for it.
    Address,
}

impl KeyKind {
    /// Its bit in a set of kinds.
    pub(super) fn bit(self) -> u16 {
        1 << (self as u16)
    }

    /// As an explanation names it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OwnId => "directory id",
            Self::Serial => "serial number",
            Self::Uuid => "uuid",
            Self::MachineId => "machine-id",
            Self::HostKey => "SSH host key",
            Self::Certificate => "certificate",
            Self::ServerGuid => "SMB server GUID",
            Self::Engine => "SNMP engine",
            Self::Mac | Self::LocalMac => "MAC",
            Self::FullName => "full name",
            Self::Mention => "address that the machine names",
            Self::ShortName => "name",
            Self::Address => "address",
        }
    }

    /// Whether it is one of hardware or software of one machine: what a clone copies.
    pub(super) fn is_copied(self) -> bool {
        matches!(
            self,
            Self::Serial
                | Self::Uuid
                | Self::MachineId
                | Self::HostKey
                | Self::Certificate
                | Self::ServerGuid
                | Self::Engine
        )
    }
}

/// A key, and who shows it.
pub(super) struct Key {
    pub(super) kind: KeyKind,
    pub(super) value: String,
    /// By their place among the nodes, ascending.
    pub(super) holders: Vec<u32>,
    /// Why it tells nobody apart, where it does not.
    pub(super) demoted: Option<String>,
}

/// The keys that may show that records are one.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) all: Vec<Key>,
    places: HashMap<(KeyKind, String), u32>,
}

impl Keys {
    /// Notes that a record shows a key; records come in their order. Returns the key's place.
    pub(super) fn note(&mut self, kind: KeyKind, value: &str, holder: u32) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry((kind, value.to_owned())).or_insert(next);
        if place == next {
            self.all.push(Key {
                kind,
                value: value.to_owned(),
                holders: Vec::new(),
                demoted: None,
            });
        }
        if let Some(key) = self.all.get_mut(place as usize)
            && key.holders.last() != Some(&holder)
        {
            key.holders.push(holder);
        }
        place
    }

    /// The key at a place.
    pub(super) fn at(&self, place: u32) -> Option<&Key> {
        self.all.get(place as usize)
    }

    /// The place of a key that somebody shows.
    pub(super) fn find(&self, kind: KeyKind, value: &str) -> Option<u32> {
        self.places.get(&(kind, value.to_owned())).copied()
    }
}

/// Where a node comes from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// A run met it.
    Seen(&'a Sighted),
    /// A list has it: the list's place, and the row.
    Row(usize, &'a KnownList, &'a KnownRecord),
}

/// A short name that its holder is really called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) short: String,
    /// NetBIOS may have cut it: longer names that begin so may be meant.
    pub(super) is_cut: bool,
}

impl Name {
    /// Whether both can be names of one machine.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.short == other.short
            || (self.is_cut && other.short.starts_with(&self.short))
            || (other.is_cut && self.short.starts_with(&other.short))
    }
}

/// A record: of a run, or of a list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and several can hold"
)]
pub(super) struct Node<'a> {
    pub(super) source: Source<'a>,
    /// The places of its keys, ascending.
    pub(super) keys: Vec<u32>,
    /// What it is called by itself or by a list.
    pub(super) names: BTreeSet<Name>,
    pub(super) domains: BTreeSet<String>,
    pub(super) serial: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) machine_ids: BTreeSet<String>,
    /// Algorithm and fingerprint.
    pub(super) host_keys: BTreeSet<(String, String)>,
    pub(super) family: Option<Family>,
    pub(super) device: DeviceKind,
    /// It says that it is in no domain.
    pub(super) is_in_no_domain: bool,
    /// A directory has it, so that it is in a domain.
    pub(super) is_of_a_directory: bool,
    /// Not a machine, but an address that machines answer for.
    pub(super) is_artefact: bool,
}

impl<'a> Node<'a> {
    pub(super) fn seen(&self) -> Option<&'a Sighted> {
        match self.source {
            Source::Seen(seen) => Some(seen),
            Source::Row(..) => None,
        }
    }

    pub(super) fn row(&self) -> Option<(usize, &'a KnownList, &'a KnownRecord)> {
        match self.source {
            Source::Row(place, list, row) => Some((place, list, row)),
            Source::Seen(_) => None,
        }
    }

    pub(super) fn is_seen(&self) -> bool {
        self.seen().is_some()
    }

    pub(super) fn run(&self) -> Option<u32> {
        self.seen().map(|seen| seen.run)
    }

    /// As an explanation names it: `DHCP-leases row 12`, `10.0.0.7`, `10.0.0.7 on 2026-11-20`.
    pub(super) fn label(&self) -> String {
        match self.source {
            Source::Row(_, list, row) => format!("{} row {}", list.name, row.row),
            Source::Seen(seen) => {
                let at = seen.addresses.first().map(ToString::to_string);
                let at = at.unwrap_or_else(|| seen.id.to_string());
                match seen.run {
                    0 => at,
                    _ => format!("{at} on {}", seen.seen.date()),
                }
            }
        }
    }

    /// A record of which nothing is noted yet.
    pub(super) fn of(source: Source<'a>) -> Self {
        Self {
            source,
            keys: Vec::new(),
            names: BTreeSet::new(),
            domains: BTreeSet::new(),
            serial: None,
            uuid: None,
            machine_ids: BTreeSet::new(),
            host_keys: BTreeSet::new(),
            family: None,
            device: DeviceKind::Unknown,
            is_in_no_domain: false,
            is_of_a_directory: false,
            is_artefact: false,
        }
    }

    /// Drops what is only compared with other records of the same machine: there are none.
    pub(super) fn forget(&mut self) {
        self.names.clear();
        self.serial = None;
        self.uuid = None;
        self.machine_ids.clear();
        self.host_keys.clear();
    }
}
