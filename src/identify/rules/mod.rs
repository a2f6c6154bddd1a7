//! The judge: what a host seems to be, from what it shows without a login. Pure, so that a run can be judged
//! again when the tables have grown.
//!
//! Every claim says who says so and how sure it is. The stronger source wins; where another of weight speaks
//! against it, the certainty falls a step, and both are listed. Nothing here is ever a verdict about
//! updates: no protocol tells the update revision of a Windows without a login, nor any package.

mod claim;
mod device;
mod exposures;
mod names;
mod services;
mod system;
mod weaknesses;

pub use exposures::{exposures, is_exposure};
pub use services::services;

use super::oui::{self, MacKind};
use super::tables;
use crate::model::{Clue, Date, DeviceKind, Fact, Fingerprint};

/// What a host seems to be on a day, from what it shows and from which ports are open on it.
///
/// `on` decides what has ended: support, and the validity of certificates.
pub fn fingerprint(clues: &[Clue], open_ports: &[u16], on: Date) -> Fingerprint {
    let device = device::judge(clues, open_ports);
    let roles = device::roles(clues, open_ports, &device);
    let names = names::judge(clues);
    let system = system::judge(clues, &roles, on);
    let macs = macs(clues);
    let mut print = Fingerprint {
        hostname: names.hostname,
        fqdn: names.fqdn,
        domain: names.domain,
        is_domain_member: names.is_domain_member,
        family: system.family,
        os: system.os,
        os_version: system.version,
        build: system.build,
        end_of_life: system.end_of_life,
        device: device.kind,
        device_certainty: device.certainty,
        roles,
        mac_vendor: mac_vendor(&macs),
        macs,
        weaknesses: Vec::new(),
        clock_skew: clock_skew(clues),
    };
    print.weaknesses = weaknesses::judge(clues, &print, system.is_server, on);
    print
}

/// Whether a host is, or may as well be, a printer, an industrial controller, a power supply or a camera: it gets
/// no further probe. Of two guesses that are worth the same, this one counts.
pub fn is_fragile(clues: &[Clue], open_ports: &[u16]) -> bool {
    device::is_fragile(clues, open_ports)
}

/// Who says it: `smb2 445`, `arp`.
fn source(clue: &Clue) -> String {
    if clue.port == 0 {
        shown(&clue.source)
    } else {
        format!("{} {}", shown(&clue.source), clue.port)
    }
}

/// A text of a host as it may be kept: one line, without control characters, at most 255 characters.
fn shown(text: &str) -> String {
    const LONGEST: usize = 255;
    let plain = text.chars().filter(|one| !one.is_control());
    let plain = plain.take(LONGEST).collect::<String>();
    plain.trim().to_owned()
}

/// Whether an answer is Samba's, whatever version of Windows it claims: build 0 is no Windows'.
fn is_samba(clue: &Clue) -> bool {
    matches!(
        clue.fact,
        Fact::Samba(_) | Fact::WindowsBuild { build: 0, .. }
    )
}

/// What facts of a clue the table of signs is compared with: the kind of fact, and its text in lower case.
fn signs_of(clue: &Clue) -> Vec<(&'static str, String)> {
    let texts = match &clue.fact {
        Fact::Product { name, version } => vec![("product", format!("{name}/{version}"))],
        Fact::Banner(banner) => {
            // A `Server` header names a product, and is told as what was said.
            vec![("banner", banner.clone()), ("product", banner.clone())]
        }
        Fact::Title(title) => vec![("title", title.clone())],
        Fact::Certificate(certificate) => {
            vec![
                ("subject", certificate.subject.clone()),
                ("subject", certificate.issuer.clone()),
            ]
        }
        Fact::Announces(service) => vec![("announces", service.clone())],
        Fact::SnmpEngine { enterprise, .. } => vec![("engine", enterprise.to_string())],
        Fact::Mac(mac) => vec![("maker", maker(mac).unwrap_or_default().to_owned())],
        _ => Vec::new(),
    };
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    texts
        .map(|(place, text)| (place, shown(&text).to_lowercase()))
        .collect()
}

/// The first sign of each kind of fact that a clue shows.
fn signs(clue: &Clue) -> impl Iterator<Item = &'static tables::Sign> {
    let texts = signs_of(clue).into_iter();
    texts.filter_map(|(place, text)| {
        tables::SIGNS
            .iter()
            .find(|sign| sign.place == place && sign.is_in(&text))
    })
}

/// Who made a network card, where one was made.
fn maker(mac: &str) -> Option<&'static str> {
    let facts = oui::mac_facts(oui::read_mac(mac)?);
    (facts.kind == MacKind::Universal).then_some(facts.name)
}

fn macs(clues: &[Clue]) -> Vec<String> {
    let told = clues.iter().filter_map(|clue| match &clue.fact {
        Fact::Mac(mac) => oui::read_mac(mac),
        _ => None,
    });
    let cards = told.filter(|mac| oui::mac_facts(*mac).kind != MacKind::NoCard);
    let mut macs = cards.map(oui::write_mac).collect::<Vec<_>>();
    macs.sort_unstable();
    macs.dedup();
    macs
}

/// The maker of the first card that has one; else what the first address marks.
fn mac_vendor(macs: &[String]) -> Option<String> {
    let facts = macs.iter().filter_map(|mac| oui::read_mac(mac));
    let facts = facts.map(oui::mac_facts).collect::<Vec<_>>();
    let made = facts
        .iter()
        .find(|one| one.kind == MacKind::Universal && !one.name.is_empty());
    let label = made.or(facts.first())?.label();
    (!label.is_empty()).then_some(label)
}

/// By the clock that is told most finely: NTLM's and SMB's before LDAP's before HTTP's.
fn clock_skew(clues: &[Clue]) -> Option<i64> {
    let skews = clues.iter().filter_map(|clue| match clue.fact {
        Fact::ClockSkew(seconds) => {
            Some((coarseness(&clue.source), seconds.unsigned_abs(), seconds))
        }
        _ => None,
    });
    skews.min().map(|(_, _, seconds)| seconds)
}

fn coarseness(source: &str) -> u8 {
    match source {
        "http" | "https" => 2,
        source if source.starts_with("ldap") => 1,
        _ => 0,
    }
}

/// Whether a kind of device is one that works for people, rather than a thing with a fixed purpose.
fn is_computer(kind: DeviceKind) -> bool {
    matches!(kind, DeviceKind::Computer | DeviceKind::Hypervisor)
}

#[cfg(test)]
mod tests;
