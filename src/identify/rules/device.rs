//! What kind of device a host is, and what it does for others.

use super::claim::lower;
use super::{is_computer, is_samba, signs, source};
use crate::identify::oui::{self, MacKind};
use crate::identify::ssh::ssh_banner;
use crate::identify::tables::{PORTS, Weight};
use crate::model::{Certainty, Clue, DeviceKind, Fact, Role};
use std::collections::BTreeSet;

/// What is made of it.
pub(super) struct Device {
    pub(super) kind: DeviceKind,
    pub(super) certainty: Certainty,
    weight: Weight,
}

struct Evidence {
    kind: DeviceKind,
    weight: Weight,
    source: String,
    /// It is no more than who made the network card.
    is_maker: bool,
}

/// Whether it is something that a probe can end, or may be that just as well as what it seems to be. Who made the card
/// keeps nobody from a machine that one can log in to: makers of controllers build computers too.
pub(super) fn is_fragile(clues: &[Clue], open_ports: &[u16]) -> bool {
    const LOGINS: &[u16] = &[22, 135, 445, 3389, 5985, 5986];
    let mut evidence = gather(clues, open_ports);
    if LOGINS.iter().any(|port| open_ports.contains(port)) {
        evidence.retain(|one| !one.is_maker);
    }
    let device = decide(&evidence);
    let may_be = |one: &Evidence| one.kind.is_fragile() && one.weight >= device.weight;
    let is_unsure = device.certainty <= Certainty::Guess;
    device.kind.is_fragile() || (is_unsure && evidence.iter().any(may_be))
}

/// What kind of device it is, by what it shows and which ports are open.
pub(super) fn judge(clues: &[Clue], open_ports: &[u16]) -> Device {
    decide(&gather(clues, open_ports))
}

/// The strongest evidence wins; one that is likely and says the same more closely makes it that (a computer that is
/// a hypervisor). Agreement and contradiction weigh as in [`super::claim::settle`].
fn decide(evidence: &[Evidence]) -> Device {
    let sources = |kind: DeviceKind, least: Certainty| {
        let same = evidence
            .iter()
            .filter(|one| is_same(one.kind, kind) && one.weight.certainty() >= least);
        same.map(|one| one.source.as_str())
            .collect::<BTreeSet<_>>()
            .len()
    };
    let best = evidence.iter().max_by_key(|one| {
        (
            one.weight,
            sources(one.kind, Certainty::Guess),
            one.kind.is_fragile(),
            one.kind,
        )
    });
    let Some(best) = best else {
        return Device {
            kind: DeviceKind::Unknown,
            certainty: Certainty::None,
            weight: Weight(0),
        };
    };
    let finer = evidence
        .iter()
        .filter(|one| refines(one.kind, best.kind) && one.weight.certainty() >= Certainty::Likely);
    let finer = finer.max_by_key(|one| (one.weight, one.kind));
    let (kind, weight) = finer.map_or((best.kind, best.weight), |one| (one.kind, one.weight));
    let mut certainty = match weight.certainty() {
        Certainty::Guess if sources(kind, Certainty::Guess) > 1 => Certainty::Likely,
        Certainty::Likely if sources(kind, Certainty::Likely) > 1 => Certainty::Sure,
        certainty => certainty,
    };
    let speaks_against =
        |one: &Evidence| !is_same(one.kind, kind) && one.weight.certainty() >= Certainty::Likely;
    if evidence.iter().any(speaks_against) {
        certainty = lower(certainty);
    }
    Device {
        kind,
        certainty,
        weight,
    }
}

/// Whether the first is a kind of the second.
fn refines(special: DeviceKind, general: DeviceKind) -> bool {
    use DeviceKind as Kind;
    match general {
        Kind::Computer => matches!(special, Kind::Hypervisor | Kind::Nas),
        Kind::Network => matches!(
            special,
            Kind::Switch | Kind::Router | Kind::Firewall | Kind::AccessPoint
        ),
        Kind::Embedded => {
            !is_computer(special) && !matches!(special, Kind::Unknown | Kind::Embedded)
        }
        _ => false,
    }
}

/// Whether one device can be both.
fn is_same(one: DeviceKind, other: DeviceKind) -> bool {
    one == other || refines(one, other) || refines(other, one)
}

fn gather(clues: &[Clue], open_ports: &[u16]) -> Vec<Evidence> {
    let of_clues = clues.iter().flat_map(|clue| {
        let signs = signs(clue).map(|sign| (sign.device, sign.weight, sign.place == "maker"));
        let told = told(clue).map(|(kind, weight)| (kind, weight, false));
        let source = source(clue);
        let all = told.into_iter().chain(signs);
        all.map(move |(kind, weight, is_maker)| Evidence {
            kind,
            weight,
            source: source.clone(),
            is_maker,
        })
    });
    let of_ports = PORTS
        .iter()
        .filter(|row| row.proto == "tcp" && open_ports.contains(&row.number));
    let of_ports = of_ports.map(|row| Evidence {
        kind: row.device,
        weight: row.weight,
        source: format!("port {}", row.number),
        is_maker: false,
    });
    let all = of_clues.chain(of_ports);
    all.filter(|one| one.kind != DeviceKind::Unknown && one.weight > Weight(0))
        .collect()
}

/// What one clue tells besides the signs of the tables.
fn told(clue: &Clue) -> Option<(DeviceKind, Weight)> {
    const COMPUTER: DeviceKind = DeviceKind::Computer;
    match &clue.fact {
        Fact::Samba(version) if version.contains("Debian") || version.contains("Ubuntu") => {
            Some((COMPUTER, Weight(5)))
        }
        // Storage boxes and printers have it as well.
        _ if is_samba(clue) => Some((COMPUTER, Weight(3))),
        Fact::WindowsBuild { .. } => Some((COMPUTER, Weight(8))),
        Fact::NamingContext(_) => Some((COMPUTER, Weight(5))),
        Fact::SqlInstance { .. } => Some((COMPUTER, Weight(6))),
        Fact::NetbiosSuffix(0x1b | 0x1c) => Some((COMPUTER, Weight(4))),
        Fact::Speaks(protocol) => {
            let of_computers = ["rdp", "winrm", "mssql", "msrpc"];
            let is_one = of_computers.contains(&protocol.as_str());
            is_one.then_some((COMPUTER, Weight(5)))
        }
        Fact::Banner(text) => {
            let ssh = ssh_banner(text)?;
            if ssh.weight == 0 && ssh.release.is_some() {
                return Some((COMPUTER, Weight(2)));
            }
            Some((ssh.kind, Weight(ssh.weight)))
        }
        Fact::Mac(mac) => {
            let facts = oui::mac_facts(oui::read_mac(mac)?);
            (facts.kind == MacKind::Virtual).then_some((COMPUTER, Weight(3)))
        }
        _ => None,
    }
}

/// What the host does, as far as an exchange shows it; sorted, without repeats.
pub(super) fn roles(clues: &[Clue], open_ports: &[u16], device: &Device) -> Vec<Role> {
    let mut roles = BTreeSet::new();
    for clue in clues {
        roles.extend(role(clue));
    }
    // Kerberos, LDAP and the global catalogue together are Active Directory's.
    if [88, 389, 3268].iter().all(|port| open_ports.contains(port)) {
        roles.insert(Role::DomainController);
    }
    let is_windows = |clue: &Clue| matches!(clue.fact, Fact::WindowsBuild { .. });
    if open_ports.contains(&2179) && clues.iter().any(|clue| is_windows(clue) && !is_samba(clue)) {
        roles.insert(Role::Hypervisor);
    }
    if device.kind == DeviceKind::Hypervisor && device.certainty >= Certainty::Likely {
        roles.insert(Role::Hypervisor);
    }
    let shares = clues.iter().any(is_samba);
    let is_for_people = is_computer(device.kind) || device.kind == DeviceKind::Nas;
    if device.kind == DeviceKind::Nas || (shares && is_for_people) {
        roles.insert(Role::FileServer);
    }
    // Every device has a page of its own; that makes it no web server.
    if !is_for_people && device.kind != DeviceKind::Unknown {
        roles.remove(&Role::WebServer);
    }
    roles.into_iter().collect()
}

fn role(clue: &Clue) -> Vec<Role> {
    match &clue.fact {
        Fact::NamingContext(_) | Fact::NetbiosSuffix(0x1c) => vec![Role::DomainController],
        Fact::SqlInstance { .. } => vec![Role::SqlServer],
        Fact::Speaks(protocol) if protocol == "mssql" => vec![Role::SqlServer],
        Fact::Product { name, .. } => {
            let starts = |start: &str| name.starts_with(start);
            let is_web = [
                "Apache",
                "nginx",
                "lighttpd",
                "Caddy",
                "LiteSpeed",
                "openresty",
            ];
            if starts("Microsoft-IIS") || name == "IIS" {
                vec![Role::Iis, Role::WebServer]
            } else if starts("Microsoft Exchange") || name == "Exchange" {
                vec![Role::Exchange]
            } else if is_web.iter().any(|start| starts(start)) {
                vec![Role::WebServer]
            } else {
                Vec::new()
            }
        }
        Fact::Title(title) => {
            let is_mail = ["Outlook", "Outlook Web App", "Exchange Admin Center"];
            let is_mail = is_mail.contains(&title.as_str());
            is_mail.then_some(Role::Exchange).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
