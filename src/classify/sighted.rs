//! A machine as one run met it, reduced to what tells it apart and to what its standing rests on.

use crate::identify::{read_mac, write_mac};
use crate::model::{
    AccessRecord, Certificate, Claim, Clue, Date, DeviceKind, Fact, Family, HostIdentity,
    Inventory, MachineId, MachineRecord, Observed, ResultCode, Role, UtcTime, WindowsFacts,
    WindowsRole,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A machine as one run met it: what tells it apart, and what its standing rests on. Lists are sorted and
/// without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighted {
    /// The machine, as the store tells machines apart.
    pub id: MachineId,
    /// Which run: 0 for the one that is judged, 1 for the one before it, and so on. Runs beyond those that were looked
    /// at have numbers too: they tell who a machine is, and nothing of when it is there.
    pub run: u32,
    /// When that run was done with it.
    pub seen: UtcTime,
    /// The day on which any run first met it.
    pub first_seen: Date,
    /// Where it was met, sorted.
    pub addresses: Vec<IpAddr>,
    /// Why it is no machine but somebody who answers for others, where it is.
    pub intermediary: Option<String>,
    /// What tells it apart.
    pub traits: Traits,
    /// What it seems to be.
    pub looks: Looks,
    /// What becomes of it.
    pub care: Care,
}

/// What tells a machine apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// machine-id(5), or Windows' `MachineGuid`, lower case.
    pub machine_ids: Vec<String>,
    /// The SMBIOS uuid, as the machine writes it.
    pub uuid: Option<String>,
    /// The hardware's serial number, as the machine writes it.
    pub serial: Option<String>,
    /// Its hardware addresses, `aa:bb:cc:dd:ee:ff`.
    pub macs: Vec<String>,
    /// Its SSH host keys: `ssh-ed25519 SHA256:…`.
    pub host_keys: Vec<String>,
    /// SHA-256 of certificates that are made for one machine (remote desktop, WinRM, LDAP), hex.
    pub certificates: Vec<String>,
    /// GUIDs of an SMB server that is not Samba, whose are made of its name.
    pub server_guids: Vec<String>,
    /// SNMP engine ids, hex.
    pub engines: Vec<String>,
    /// What it is called, and by whom.
    pub names: Vec<SightedName>,
    /// Other addresses that it says it has.
    pub other_addresses: Vec<IpAddr>,
    /// Names of its domain, DNS and NetBIOS, lower case: stated by a protocol or read.
    pub domains: Vec<String>,
    /// Whether that is a domain rather than a workgroup.
    pub is_domain_member: Option<bool>,
}

/// A name of a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SightedName {
    /// Who calls it so.
    pub by: NameSource,
    /// The name: short, or full with its domain; lower case, without a last dot.
    pub name: String,
}

/// Who says what a machine is called, the most trustworthy first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameSource {
    /// Read on the machine itself.
    Read,
    /// Stated by the machine in NTLM, LDAP or SMB.
    Stated,
    /// The name in a certificate that is made for one machine (remote desktop, WinRM, LDAP).
    Certificate,
    /// The NetBIOS name stated by NTLM or SMB: cut after 15 characters.
    NetBios,
    /// Called out by the machine: NBSTAT, mDNS, the SQL browser.
    Announced,
    /// What the operator calls the target.
    Given,
    /// A reverse name that leads back to the address.
    Confirmed,
    /// Any other reverse name.
    Reverse,
}

/// What a machine seems to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// The kind of operating system.
    pub family: Option<Family>,
    /// The operating system, as far as it is known: `Windows Server 2019`.
    pub os: Option<String>,
    /// Whether that is one for servers, where it can be told.
    pub is_server: Option<bool>,
    /// What kind of device it is.
    pub device: DeviceKind,
    /// What it does, sorted.
    pub roles: Vec<Role>,
    /// Who made its network card.
    pub mac_vendor: Option<String>,
    /// The makers and models that it names: of an inventory, lower case.
    pub hardware: Option<String>,
    /// Who issued its certificates, as RFC 4514 writes it; those that vouch for themselves left out. Sorted.
    pub issuers: Vec<String>,
    /// The last day of support of its system.
    pub end_of_life: Option<Date>,
}

/// What becomes of a machine: whether anybody reads it, patches it, answers for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Care {
    /// The day of this run, where it was read in it.
    pub last_assessed: Option<Date>,
    /// Every way in, and how it ended.
    pub access: Vec<WayIn>,
    /// The day on which the last update came in, by what was read.
    pub last_update: Option<Date>,
    /// Where its updates come from, by what was read.
    pub updates: UpdatesFrom,
    /// Who answers for it, by the operator's tags.
    pub owner: Option<String>,
}

/// A way in, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayIn {
    /// The credential's id; `None` where none is meant for the machine.
    pub credential: Option<String>,
    /// Whether anything of it was used.
    pub was_tried: bool,
    /// How it ended.
    pub code: ResultCode,
}

/// Where a machine takes its updates from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UpdatesFrom {
    /// Nobody could tell.
    #[default]
    Unknown,
    /// Microsoft.
    Microsoft,
    /// A WSUS server, by its address.
    Wsus(String),
    /// So many enabled places that packages come from.
    Repositories(usize),
}

/// What a comparison needs of a machine, from all that a run knows of it. `run` as in [`Sighted::run`].
pub fn sighted(record: &MachineRecord, run: u32) -> Sighted {
    Sighted {
        id: record.id.clone(),
        run,
        seen: record.last_seen,
        first_seen: record.first_seen,
        addresses: record.addresses.clone(),
        intermediary: record.intermediary.clone(),
        traits: traits(record),
        looks: looks(record),
        care: care(record),
    }
}

fn traits(record: &MachineRecord) -> Traits {
    let mut traits = Traits {
        is_domain_member: record.fingerprint.is_domain_member,
        ..Traits::default()
    };
    let is_samba = record.clues.iter().any(|(_, clue)| clue.is_of_samba());
    for (_, clue) in &record.clues {
        hear(&mut traits, clue, is_samba);
    }
    if let Some(key) = &record.host_key {
        traits.host_keys.push(key.to_string());
    }
    traits.macs.extend(record.fingerprint.macs.iter().cloned());
    if let Some(name) = &record.target_name {
        named(&mut traits, NameSource::Given, name);
    }
    if let Some(inventory) = &record.inventory {
        of_identity(&mut traits, &inventory.identity);
        if let Some(windows) = &inventory.windows {
            of_windows(&mut traits, windows);
        }
    }
    traits
        .macs
        .extend(record.addresses.iter().filter_map(embedded_mac));
    let tidy = traits.macs.iter().filter_map(|mac| read_mac(mac));
    traits.macs = tidy.map(write_mac).collect();
    for list in [
        &mut traits.machine_ids,
        &mut traits.macs,
        &mut traits.host_keys,
        &mut traits.certificates,
        &mut traits.server_guids,
        &mut traits.engines,
        &mut traits.domains,
    ] {
        tidied(list);
    }
    tidied(&mut traits.names);
    tidied(&mut traits.other_addresses);
    traits
}

fn tidied<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
    // They are kept for all machines at once.
    list.shrink_to_fit();
}

fn hear(traits: &mut Traits, clue: &Clue, is_samba: bool) {
    // LDAP, SMB, or NTLM, whatever carries it, where it is not called out.
    let by = if clue.is_announced() {
        NameSource::Announced
    } else {
        NameSource::Stated
    };
    match &clue.fact {
        Fact::NetbiosComputer(name) if by == NameSource::Stated => {
            named(traits, NameSource::NetBios, name);
        }
        Fact::DnsComputer(name) | Fact::NetbiosComputer(name) => named(traits, by, name),
        Fact::NetbiosDomain(name) | Fact::DnsDomain(name) if by == NameSource::Stated => {
            traits.domains.push(lower(name));
        }
        Fact::NamingContext(context) => traits.domains.extend(domain_of_context(context)),
        Fact::ReverseName { name, is_confirmed } => {
            let by = match is_confirmed {
                true => NameSource::Confirmed,
                false => NameSource::Reverse,
            };
            named(traits, by, name);
        }
        Fact::HostKey(key) => traits.host_keys.push(key.to_string()),
        Fact::Certificate(certificate) => of_certificate(traits, certificate, clue.port),
        Fact::ServerGuid(guid) if !is_samba => traits.server_guids.push(lower(guid)),
        Fact::SnmpEngine { id, .. } => traits.engines.push(lower(id)),
        Fact::Mac(mac) => traits.macs.push(mac.clone()),
        Fact::OtherAddress(address) => traits.other_addresses.push(*address),
        _ => {}
    }
}

/// `dc=corp,dc=example` as `corp.example`.
fn domain_of_context(context: &str) -> Option<String> {
    let parts = context.split(',').filter_map(|part| {
        let (kind, label) = part.split_once('=')?;
        kind.trim().eq_ignore_ascii_case("dc").then(|| lower(label))
    });
    let parts = parts.collect::<Vec<_>>();
    (!parts.is_empty()).then(|| parts.join("."))
}

fn of_certificate(traits: &mut Traits, certificate: &Certificate, port: u16) {
    /// Ports on which a certificate names the machine rather than a page that it shows.
    const OF_THE_MACHINE: &[u16] = &[636, 3269, 3389, 5986];
    if !OF_THE_MACHINE.contains(&port) {
        return;
    }
    traits.certificates.push(lower(&certificate.sha256));
    let names = std::iter::once(&certificate.common_name).chain(&certificate.names);
    // The first that is a name: others may be those of a service that moves.
    let name = names
        .map(|name| lower(name))
        .find(|name| is_host_name(name));
    if let Some(name) = name {
        named(traits, NameSource::Certificate, &name);
    }
}

/// Whether a text is a name in DNS that one machine can have.
pub(super) fn is_host_name(name: &str) -> bool {
    let fits = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_');
    !name.is_empty()
        && name.len() <= 253
        && name.chars().all(fits)
        && !name.starts_with(['.', '-'])
        && name.parse::<IpAddr>().is_err()
}

/// Notes a name, where it can be one of a machine.
fn named(traits: &mut Traits, by: NameSource, name: &str) {
    let name = lower(name);
    if is_host_name(&name) {
        traits.names.push(SightedName { by, name });
    }
}

fn lower(text: &str) -> String {
    text.trim().trim_end_matches('.').to_lowercase()
}

fn of_identity(traits: &mut Traits, identity: &HostIdentity) {
    let text = |fact: &Observed<String>| {
        let text = fact.known().map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let ids = [&identity.machine_id, &identity.machine_guid];
    let ids = ids.into_iter().filter_map(text);
    traits.machine_ids.extend(ids.map(|id| lower(&id)));
    traits.uuid = text(&identity.product_uuid);
    traits.serial = text(&identity.serial);
    traits.macs.extend(identity.macs());
    for name in [&identity.hostname, &identity.fqdn] {
        if let Some(name) = text(name) {
            named(traits, NameSource::Read, &name);
        }
    }
    let interfaces = identity.interfaces.known().into_iter().flatten();
    let addresses = interfaces.flat_map(|one| one.addresses.iter().copied());
    traits.other_addresses.extend(addresses);
}

fn of_windows(traits: &mut Traits, windows: &WindowsFacts) {
    if let Some(membership) = windows.membership.known() {
        traits.is_domain_member = Some(membership.is_domain);
        if membership.is_domain {
            traits.domains.push(lower(&membership.name));
        }
    }
}

/// The hardware address that an address was made of (RFC 4291 appendix A).
fn embedded_mac(address: &IpAddr) -> Option<String> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let [.., one, two, three, 0xff, 0xfe, four, five, six] = address.octets() else {
        return None;
    };
    // Made up by software unless the bit says that a maker assigned it.
    (one & 2 == 2).then(|| write_mac([one ^ 2, two, three, four, five, six]))
}

fn looks(record: &MachineRecord) -> Looks {
    let seen = &record.fingerprint;
    let platform = record.inventory.as_ref().map(|read| &read.platform);
    let claimed = |claim: &Option<Claim>| claim.as_ref().map(|claim| claim.value.clone());
    let os = match platform {
        Some(platform) if !platform.name.is_empty() => Some(platform.name.clone()),
        _ => claimed(&seen.os),
    };
    let role = platform.and_then(|platform| platform.windows.as_ref()?.role);
    let is_server = match role {
        Some(role) => Some(role != WindowsRole::Workstation),
        None => os.as_deref().and_then(is_for_servers),
    };
    let device = match seen.device {
        DeviceKind::Hypervisor | DeviceKind::Nas => seen.device,
        _ if platform.is_some() => DeviceKind::Computer,
        device => device,
    };
    let hardware = record.inventory.as_ref();
    let hardware = hardware.and_then(|read| read.identity.vendor.known());
    let hardware = hardware.map(|text| lower(text));
    let of_read = record.end_of_life;
    let of_seen = seen.end_of_life.filter(|_| record.inventory.is_none());
    Looks {
        family: platform.map(|platform| platform.family).or(seen.family),
        os,
        is_server,
        device,
        roles: seen.roles.clone(),
        mac_vendor: seen.mac_vendor.clone(),
        hardware: hardware.filter(|text| !text.is_empty()),
        issuers: issuers(record),
        end_of_life: of_read.or(of_seen),
    }
}

/// Whether a Windows is one for servers; `None` where it may be either, and of any other system.
fn is_for_servers(os: &str) -> Option<bool> {
    const DESKTOPS: &[&str] = &[
        "Windows 1",
        "Windows 7",
        "Windows 8",
        "Windows Vista",
        "Windows XP",
    ];
    let desktop = DESKTOPS.iter().any(|name| os.contains(name));
    match (os.contains("Server"), desktop) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

fn issuers(record: &MachineRecord) -> Vec<String> {
    let issuers = record
        .clues
        .iter()
        .filter_map(|(_, clue)| match &clue.fact {
            Fact::Certificate(certificate) if !certificate.is_self_signed => {
                Some(certificate.issuer.trim().to_owned())
            }
            _ => None,
        });
    let issuers = issuers.filter(|issuer| !issuer.is_empty());
    issuers.collect::<BTreeSet<_>>().into_iter().collect()
}

fn care(record: &MachineRecord) -> Care {
    let inventory = record.inventory.as_deref();
    let way = |(_, row): &(IpAddr, AccessRecord)| WayIn {
        credential: row.credential.as_ref().map(|id| id.as_str().to_owned()),
        was_tried: row.attempted,
        code: row.code,
    };
    let owner = record
        .tags
        .iter()
        .find_map(|tag| tag.strip_prefix("owner="));
    let owner = owner.map(str::trim).filter(|owner| !owner.is_empty());
    let windows = inventory.and_then(|read| read.windows.as_ref());
    let unix = inventory.and_then(|read| read.unix.as_ref());
    let policy = windows.and_then(|windows| windows.update_policy.known());
    let sources = unix.and_then(|unix| unix.sources.known());
    let updates = match (policy, sources) {
        (Some(policy), _) => match policy.obeyed_wsus() {
            Some(server) => UpdatesFrom::Wsus(server.to_owned()),
            None => UpdatesFrom::Microsoft,
        },
        (None, Some(sources)) => {
            UpdatesFrom::Repositories(sources.iter().filter(|one| one.enabled).count())
        }
        (None, None) => UpdatesFrom::Unknown,
    };
    Care {
        last_assessed: inventory.map(|_| record.last_seen.date()),
        access: record.access.iter().map(way).collect(),
        last_update: inventory.and_then(Inventory::last_update),
        updates,
        owner: owner.map(str::to_owned),
    }
}
