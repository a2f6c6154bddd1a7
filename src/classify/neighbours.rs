//! What a machine is next to: whose card, whose name, whose certificate, whose switch is like its own; and what of it
//! is like nobody's.

use super::counts::subnet_of;
use super::machine::Machine;
use super::sighted::is_host_name;
use crate::identify::{MacKind, mac_facts, read_mac};
use crate::model::{DeviceKind, Family, ListKind, Role, plural};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What known machines are like, looked up for those that are not.
pub(super) struct Neighbours {
    /// Hardware addresses of known machines, sorted, with what they are called and their place.
    cards: Vec<(u64, String, usize)>,
    /// The pattern of the names of each subnet and each list, where there is one.
    patterns: HashMap<String, Pattern>,
    /// Known machines by who issued their certificate.
    issuers: BTreeMap<String, BTreeSet<usize>>,
    /// Known machines by the switch that they are on.
    switches: BTreeMap<String, BTreeSet<usize>>,
    labels: Vec<String>,
    /// How many machines have a card of a maker.
    vendors: HashMap<&'static str, usize>,
    /// How many machines have a card of a maker that is known.
    made: usize,
}

/// How the names of a place are made.
struct Pattern {
    /// `WS-####`, or with every letter an `A`: `AAA####`.
    shape: String,
    is_literal: bool,
    known: usize,
}

impl Neighbours {
    pub(super) fn of(machines: &[Machine<'_>]) -> Self {
        let mut new = Self {
            cards: Vec::new(),
            patterns: HashMap::new(),
            issuers: BTreeMap::new(),
            switches: BTreeMap::new(),
            labels: vec![String::new(); machines.len()],
            vendors: HashMap::new(),
            made: 0,
        };
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        for (place, machine) in machines.iter().enumerate() {
            new.count_vendors(machine);
            if !machine.is_known() || machine.is_artefact() {
                continue;
            }
            new.note(place, machine);
            let name = machine.short_name();
            if !name.is_empty() {
                for address in machine.addresses() {
                    names
                        .entry(subnet_of(&address))
                        .or_default()
                        .push(name.clone());
                }
            }
        }
        new.cards.sort_unstable();
        let patterns = names
            .into_iter()
            .filter_map(|(subnet, names)| Some((subnet, Pattern::of(&names)?)));
        new.patterns = patterns.collect();
        new
    }

    fn count_vendors(&mut self, machine: &Machine<'_>) {
        let vendors = machine
            .macs()
            .into_iter()
            .filter_map(vendor)
            .collect::<BTreeSet<_>>();
        self.made = self.made.saturating_add(usize::from(!vendors.is_empty()));
        for vendor in vendors {
            let count = self.vendors.entry(vendor).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn note(&mut self, place: usize, machine: &Machine<'_>) {
        let label = machine.label();
        if let Some(own) = self.labels.get_mut(place) {
            own.clone_from(&label);
        }
        for mac in machine.macs() {
            if let Some(number) = universal(mac) {
                self.cards.push((number, label.clone(), place));
            }
        }
        for issuer in machine.seen().flat_map(|seen| &seen.looks.issuers) {
            self.issuers
                .entry(issuer.clone())
                .or_default()
                .insert(place);
        }
        for switch in switches(machine) {
            self.switches.entry(switch).or_default().insert(place);
        }
    }

    /// The known machines that are nearest, and by what; the nearest first, at most three.
    pub(super) fn nearest(&self, machine: &Machine<'_>) -> Vec<String> {
        const MOST: usize = 3;
        let mut found = Vec::new();
        found.extend(self.nearest_card(machine));
        let others = |places: &BTreeSet<usize>| {
            let some = places.iter().filter_map(|place| self.labels.get(*place));
            let some = some.take(3).cloned().collect::<Vec<_>>().join(", ");
            format!("{} known: {some}", places.len())
        };
        for switch in switches(machine) {
            if let Some(places) = self.switches.get(&switch) {
                found.push(format!("on the same switch {switch}, {}", others(places)));
            }
        }
        found.extend(self.named_alike(machine));
        let issuers = machine
            .live
            .iter()
            .flat_map(|seen| &seen.looks.issuers)
            .collect::<BTreeSet<_>>();
        for issuer in issuers {
            if let Some(places) = self.issuers.get(issuer) {
                found.push(format!(
                    "same certificate issuer {issuer}, {}",
                    others(places)
                ));
            }
        }
        found.truncate(MOST);
        found
    }

    /// Cards that were made together were often bought together.
    fn nearest_card(&self, machine: &Machine<'_>) -> Option<String> {
        const BATCH: u64 = 4_096;
        let mut best: Option<(u64, &str, &str, u64)> = None;
        for mac in machine.macs() {
            let Some(number) = universal(mac) else {
                continue;
            };
            let at = self.cards.partition_point(|(card, ..)| *card < number);
            let below = self.cards.get(..at).into_iter().flatten().next_back();
            let above = self.cards.get(at..).into_iter().flatten().next();
            for (card, label, _) in [below, above].into_iter().flatten() {
                let apart = card.abs_diff(number);
                let is_same_block = card >> 24 == number >> 24;
                if apart < BATCH && is_same_block && best.is_none_or(|best| apart < best.0) {
                    best = Some((apart, label, mac, *card));
                }
            }
        }
        best.map(|(apart, label, mac, _)| {
            format!("same MAC batch as {label} ({mac}, {apart} apart)")
        })
    }

    fn named_alike(&self, machine: &Machine<'_>) -> Option<String> {
        let name = machine.short_name();
        let subnet = machine.addresses().first().map(subnet_of)?;
        let pattern = self.patterns.get(&subnet)?;
        pattern.fits(&name).then(|| {
            format!(
                "named like its subnet {subnet}: {}, {} known",
                pattern.shape, pattern.known
            )
        })
    }

    /// What makes one look twice, sorted.
    pub(super) fn hints(&self, machine: &Machine<'_>) -> Vec<String> {
        if machine.is_artefact() {
            return Vec::new();
        }
        let hints = [
            self.breaks_pattern(machine),
            self.lonely_vendor(machine),
            consumer_router(machine),
            web_server_on_desktop(machine),
        ];
        let mut hints = hints.into_iter().flatten().collect::<Vec<_>>();
        hints.sort_unstable();
        hints
    }

    /// Whoever is on a list may be called as its owner likes.
    fn breaks_pattern(&self, machine: &Machine<'_>) -> Option<String> {
        let name = machine.short_name();
        if machine.is_known() || name.is_empty() {
            return None;
        }
        let subnet = machine.addresses().first().map(subnet_of)?;
        let pattern = self.patterns.get(&subnet)?;
        (!pattern.fits(&name)).then(|| {
            format!(
                "name_breaks_pattern: {name}, where {} known machines of {subnet} are called {}",
                pattern.known, pattern.shape
            )
        })
    }

    fn lonely_vendor(&self, machine: &Machine<'_>) -> Option<String> {
        /// Among so few every maker is alone.
        const FEW: usize = 10;
        let vendors = machine
            .macs()
            .into_iter()
            .filter_map(vendor)
            .collect::<BTreeSet<_>>();
        let lonely = vendors
            .into_iter()
            .find(|vendor| self.vendors.get(vendor) == Some(&1))?;
        (self.made > FEW).then(|| {
            format!(
                "mac_vendor_seen_nowhere_else: {lonely}, among {} whose maker is known",
                plural(self.made, "machine")
            )
        })
    }
}

impl Pattern {
    /// The pattern that four of five names follow, of at least five.
    fn of(names: &[String]) -> Option<Self> {
        const FEWEST: usize = 5;
        [true, false].into_iter().find_map(|is_literal| {
            let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
            for name in names {
                let count = shapes.entry(shape(name, is_literal)).or_default();
                *count = count.saturating_add(1);
            }
            let (shape, known) = shapes.into_iter().max_by_key(|(_, count)| *count)?;
            let is_common = known.saturating_mul(5) >= names.len().saturating_mul(4);
            let is_telling = shape.contains(['#', '-']);
            (names.len() >= FEWEST && is_common && is_telling).then_some(Self {
                shape,
                is_literal,
                known,
            })
        })
    }

    fn fits(&self, name: &str) -> bool {
        shape(name, self.is_literal) == self.shape
    }
}

/// A name with `#` for every digit, and, unless letters count, `A` for every letter.
fn shape(name: &str, is_literal: bool) -> String {
    let one = |letter: char| match letter {
        '0'..='9' => '#',
        letter if letter.is_alphabetic() && !is_literal => 'A',
        letter => letter.to_ascii_uppercase(),
    };
    name.chars().take(63).map(one).collect()
}

fn universal(mac: &str) -> Option<u64> {
    let mac = read_mac(mac)?;
    let number = mac
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte));
    (mac_facts(mac).kind == MacKind::Universal).then_some(number)
}

fn vendor(mac: &str) -> Option<&'static str> {
    let facts = mac_facts(read_mac(mac)?);
    (facts.kind == MacKind::Universal && !facts.name.is_empty()).then_some(facts.name)
}

/// The switches behind which tables have a machine, without the port.
fn switches(machine: &Machine<'_>) -> BTreeSet<String> {
    let rows = machine
        .rows
        .iter()
        .filter(|(_, list, _)| list.kind == ListKind::Switch);
    let texts = rows.filter_map(|(_, _, row)| row.switch.as_deref());
    let names = texts.filter_map(|text| {
        let name = text.split([' ', ',', ';', ':', '/']).next()?.to_lowercase();
        is_host_name(&name).then_some(name)
    });
    names.collect()
}

fn consumer_router(machine: &Machine<'_>) -> Option<String> {
    const CONSUMER: &[&str] = &[
        "tp-link",
        "avm",
        "netgear",
        "d-link",
        "linksys",
        "tenda",
        "belkin",
        "asus",
        "zyxel",
        "mercusys",
        "xiaomi",
        "sagemcom",
        "arcadyan",
        "technicolor",
        "speed",
        "huawei device",
        "buffalo",
        "edimax",
        "gl technologies",
        "mikrotik",
        "routerboard",
    ];
    /// Who makes hardly anything else.
    const ONLY: &[&str] = &["avm", "tp-link", "tenda", "arcadyan", "sagemcom"];
    let device = machine.live.iter().map(|seen| seen.looks.device);
    let device = device.max_by_key(|device| *device != DeviceKind::Unknown)?;
    let routes = matches!(
        device,
        DeviceKind::Router | DeviceKind::AccessPoint | DeviceKind::Network | DeviceKind::Firewall
    );
    let live = machine.live.iter().flat_map(|seen| &seen.traits.macs);
    let made = live.filter_map(|mac| vendor(mac)).find(|vendor| {
        let vendor = vendor.to_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| vendor.starts_with(name));
        (routes && begins(CONSUMER)) || (device == DeviceKind::Unknown && begins(ONLY))
    });
    let os = machine
        .live
        .iter()
        .filter_map(|seen| seen.looks.os.as_deref());
    let mut os = os.filter(|os| {
        let os = os.to_lowercase();
        ["fritz", "openwrt", "dd-wrt", "asuswrt", "airport"]
            .iter()
            .any(|name| os.contains(name))
    });
    let what = made.or_else(|| os.next())?;
    Some(format!("consumer_router: {what}"))
}

fn web_server_on_desktop(machine: &Machine<'_>) -> Option<String> {
    let seen = machine.live.iter().find(|seen| {
        seen.looks.is_server == Some(false) && seen.looks.family == Some(Family::Windows)
    })?;
    let roles = machine.live.iter().flat_map(|seen| &seen.looks.roles);
    let mut roles = roles.filter(|role| matches!(role, Role::Iis | Role::WebServer));
    let role = roles.next()?;
    let os = seen.looks.os.as_deref().unwrap_or("a desktop");
    Some(format!("web_server_on_desktop: {} on {os}", role.as_str()))
}
