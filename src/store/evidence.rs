//! What an address showed of the machine behind it.

use crate::model::{Clue, Fact, HostIdentity, HostOutcome, Inventory, NetworkInterface};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What an address showed, without values that identify nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) address: IpAddr,
    /// The fingerprint of its SSH host key.
    pub(super) host_key: Option<String>,
    /// machine-id(5), or on Windows the `MachineGuid`. An image that was copied carries it along.
    pub(super) machine_id: Option<String>,
    pub(super) boot_id: Option<String>,
    /// Sorted.
    pub(super) macs: BTreeSet<String>,
    pub(super) product_uuid: Option<String>,
    /// Whether `product_uuid` decides: with a `MachineGuid` it makes a Windows unmistakable, where
    /// no `boot_id` tells clones apart.
    pub(super) uuid_decides: bool,
    /// What it calls itself in full: `ws-1.corp.example`, `ws-1\corp` by NetBIOS, `ws-1` in no domain; lower case.
    /// Read, or stated to whoever connects: then it is only claimed.
    pub(super) full_names: BTreeSet<String>,
    /// GUIDs of an SMB server, which a Windows keeps. Shown without a login.
    pub(super) server_guids: BTreeSet<String>,
    /// The MAC addresses by which the network knows it. Shown without a login.
    pub(super) cards: BTreeSet<String>,
}

impl Evidence {
    pub(super) fn of(outcome: &HostOutcome) -> Self {
        let inventory = outcome.inventory.as_ref();
        let identity = inventory.map(|inventory| &inventory.identity);
        let known = |pick: fn(&HostIdentity) -> Option<&String>| {
            identity.and_then(pick).and_then(|text| unique_id(text))
        };
        let interfaces = identity.and_then(|identity| identity.interfaces.known());
        let interfaces = interfaces.map_or(&[][..], Vec::as_slice);
        let key = outcome.host_key.as_ref();
        // A TLS certificate is renewed every few months, and one may serve a whole farm.
        let key = key.filter(|key| is_ssh(&key.algorithm));
        let product_uuid = known(|identity| identity.product_uuid.known());
        let product_uuid = product_uuid.filter(|uuid| !is_placeholder(uuid));
        let machine_id = known(|identity| identity.machine_id.known());
        let guid = known(|identity| identity.machine_guid.known());
        let is_windows = machine_id.is_none() && guid.is_some();
        Self {
            address: outcome.host.address,
            host_key: key
                .map(|key| key.fingerprint.clone())
                .filter(|key| !key.is_empty()),
            machine_id: machine_id.or(guid),
            boot_id: known(|identity| identity.boot_id.known()),
            macs: interfaces
                .iter()
                .filter_map(own_mac)
                .take(MOST_MACS)
                .collect(),
            uuid_decides: is_windows && product_uuid.is_some(),
            product_uuid,
            full_names: full_names(outcome),
            server_guids: server_guids(&outcome.clues),
            cards: cards(&outcome.clues),
        }
    }

    /// Its full names at this address, as keys.
    pub(super) fn names_here(&self) -> impl Iterator<Item = String> {
        let names = self.full_names.iter();
        names.map(|name| format!("{name}@{}", self.address))
    }

    /// What the id of a machine with a name of its own is made of.
    pub(super) fn own_name(&self) -> Option<String> {
        let machine_id = self.machine_id.as_deref()?;
        match &self.product_uuid {
            Some(uuid) if self.uuid_decides => Some(format!("{machine_id}+{uuid}")),
            _ => Some(machine_id.to_owned()),
        }
    }

    /// The host key at this address, as a key. A login without a host key (this machine itself)
    /// still tells the address from others.
    pub(super) fn key_here(&self) -> Option<String> {
        let key = self.host_key.as_deref();
        let key = key.or(self.machine_id.as_ref().map(|_| "-"))?;
        Some(format!("{key}@{}", self.address))
    }
}

/// What a host calls itself in full.
fn full_names(outcome: &HostOutcome) -> BTreeSet<String> {
    let said = |pick: fn(&Fact) -> Option<&String>| {
        let clues = outcome.clues.iter().filter(|clue| !clue.is_announced());
        clues
            .filter_map(move |clue| pick(&clue.fact))
            .map(|name| lower(name))
    };
    let computers = || {
        said(|fact| match fact {
            Fact::NetbiosComputer(name) => Some(name),
            _ => None,
        })
    };
    let domains = || {
        said(|fact| match fact {
            Fact::NetbiosDomain(name) => Some(name),
            _ => None,
        })
    };
    let dns = || {
        said(|fact| match fact {
            Fact::DnsComputer(name) => Some(name),
            _ => None,
        })
    };
    let mut names: BTreeSet<String> = dns().filter(|name| name.contains('.')).collect();
    for domain in domains() {
        // Who is in no domain states its own name for one.
        let is_own = computers().any(|name| name == domain);
        names.extend(if is_own {
            dns().chain([domain]).find(|name| !name.contains('.'))
        } else {
            computers().next().map(|name| format!("{name}\\{domain}"))
        });
    }
    names.extend(outcome.inventory.as_ref().and_then(read_name));
    names.retain(|name| !name.is_empty() && name.len() <= MOST_OF_A_NAME);
    names.into_iter().take(MOST_NAMES).collect()
}

/// The name of a machine that was read.
fn read_name(inventory: &Inventory) -> Option<String> {
    let identity = &inventory.identity;
    let full = identity.fqdn.known().map(|name| lower(name));
    if let Some(full) = full.filter(|name| name.contains('.')) {
        return Some(full);
    }
    let membership = inventory.windows.as_ref()?.membership.known()?;
    let short = lower(identity.hostname.known()?);
    Some(if membership.is_domain {
        format!("{short}.{}", lower(&membership.name))
    } else {
        short
    })
}

/// A Samba makes its GUID of its name.
fn server_guids(clues: &[Clue]) -> BTreeSet<String> {
    if clues.iter().any(Clue::is_of_samba) {
        return BTreeSet::new();
    }
    let guids = clues.iter().filter_map(|clue| match &clue.fact {
        Fact::ServerGuid(guid) => unique_id(guid),
        _ => None,
    });
    guids.take(MOST_NAMES).collect()
}

fn cards(clues: &[Clue]) -> BTreeSet<String> {
    let macs = clues.iter().filter_map(|clue| match &clue.fact {
        Fact::Mac(mac) => own_card("", mac),
        _ => None,
    });
    macs.take(MOST_MACS).collect()
}

fn lower(text: &str) -> String {
    text.trim().trim_end_matches('.').to_lowercase()
}

/// A name in DNS is no longer (RFC 1035, section 2.3.4); NetBIOS' two are shorter.
const MOST_OF_A_NAME: usize = 255;

/// A host states one or two.
const MOST_NAMES: usize = 8;

/// A host may claim thousands of interfaces.
const MOST_MACS: usize = 64;

/// Reads an id that is meant to be unique in the world: hex digits, with or without hyphens. The
/// values that unset firmware and unbooted images hold (`uninitialized`, nothing, all zeros) are
/// none.
fn unique_id(text: &str) -> Option<String> {
    let id = text.trim().to_ascii_lowercase();
    let digits: Vec<char> = id.chars().filter(|c| *c != '-').collect();
    let hex = digits.iter().all(char::is_ascii_hexdigit);
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    (hex && varied && (16..=64).contains(&digits.len())).then_some(id)
}

/// Whether a host key is SSH's (RFC 4253, section 6.6, and what OpenSSH added): `ssh-ed25519`,
/// `rsa-sha2-512`, `ecdsa-sha2-nistp256`, `sk-ssh-ed25519@openssh.com`.
fn is_ssh(algorithm: &str) -> bool {
    const STARTS: &[&str] = &["ssh-", "rsa-sha2-", "ecdsa-sha2-", "sk-"];
    STARTS.iter().any(|start| algorithm.starts_with(start))
}

/// Whether an SMBIOS uuid is one that makers leave in boards by the thousand.
fn is_placeholder(uuid: &str) -> bool {
    PLACEHOLDERS.contains(&uuid)
}

const PLACEHOLDERS: &[&str] = &[
    "00020003-0004-0005-0006-000700080009",
    "03000200-0400-0500-0006-000700080009",
    "11111111-2222-3333-4444-555555555555",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "4c4c4544-0000-2010-8020-80a04f202020",
    "fefefefe-fefe-fefe-fefe-fefefefefefe",
];

/// The MAC address of an interface, where no other machine has the same.
///
/// Left out are bridges and tunnels, whose addresses programs make up alike on every machine, and
/// the locally administered range with the same purpose. QEMU's `52:54:00`, though in that range,
/// is what its virtual machines have. VRRP's (RFC 5798) belongs to whichever router is master.
fn own_mac(interface: &NetworkInterface) -> Option<String> {
    own_card(&interface.name, &interface.mac)
}

fn own_card(name: &str, mac: &str) -> Option<String> {
    let made_up = MADE_UP.iter().any(|start| name.starts_with(start));
    let mac = mac.trim().to_ascii_lowercase();
    let mut octets = mac.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Vec<u8> = octets.by_ref().collect::<Result<_, _>>().ok()?;
    let &[first, second, third, fourth, ..] = octets.as_slice() else {
        return None;
    };
    let zero = octets.iter().all(|octet| *octet == 0);
    let group = first & 1 == 1;
    let local = first & 2 == 2 && (first, second, third) != (0x52, 0x54, 0x00);
    let vrrp = (first, second, third, fourth) == (0x00, 0x00, 0x5e, 0x00);
    let useless = made_up || zero || group || local || vrrp || octets.len() != 6;
    (!useless).then_some(mac)
}

const MADE_UP: &[&str] = &[
    "br-", "cali", "cni", "docker", "flannel", "lo", "lxcbr", "podman", "tap", "tun", "veth",
    "virbr", "vmnet", "vnet", "vxlan", "wg",
];

#[cfg(test)]
mod tests {
    use super::*;

    const MID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn ids_that_identify_nothing_are_none() {
        let bogus = [
            "",
            "uninitialized",
            "00000000000000000000000000000000",
            "00000000-0000-0000-0000-000000000000",
            "ffffffffffffffffffffffffffffffff",
            "1234",
            "not hex, not hex, not hex",
        ];
        for text in bogus {
            assert_eq!(unique_id(text), None, "{text}");
        }
        assert_eq!(
            unique_id(&format!(" {} ", MID.to_uppercase())).unwrap(),
            MID
        );
    }

    #[test]
    fn certificates_and_placeholders_tell_no_machine_apart() {
        assert!(is_ssh("ssh-ed25519") && is_ssh("ecdsa-sha2-nistp256"));
        assert!(!is_ssh("tls") && !is_ssh("x509-sha256") && !is_ssh(""));
        assert!(PLACEHOLDERS.iter().all(|uuid| unique_id(uuid).is_some()));
    }

    #[test]
    fn mac_addresses_that_many_machines_have_are_left_out() {
        let mac = |name: &str, mac: &str| {
            own_mac(&NetworkInterface {
                name: name.into(),
                mac: mac.into(),
                addresses: Vec::new(),
            })
        };
        assert_eq!(
            mac("eth0", "00:15:5D:01:02:03").unwrap(),
            "00:15:5d:01:02:03"
        );
        assert_eq!(
            mac("eth0", "52:54:00:12:34:56").unwrap(),
            "52:54:00:12:34:56"
        );
        for (name, shared) in [
            ("eth0", "00:00:00:00:00:00"),
            ("eth0", "ff:ff:ff:ff:ff:ff"),
            ("eth0", "02:42:ac:11:00:02"),
            ("eth0", "00:00:5e:00:01:0a"),
            ("virbr0", "52:54:00:12:34:56"),
            ("eth0", ""),
            ("eth0", "00:15:5d"),
            ("eth0", "zz:15:5d:01:02:03"),
        ] {
            assert_eq!(mac(name, shared), None, "{name} {shared}");
        }
    }
}
