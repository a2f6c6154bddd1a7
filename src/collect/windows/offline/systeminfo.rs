//! The output of `systeminfo`, as a list (`/fo list`, the default) or a table of one row (`/fo csv`).
//!
//! Labels are translated, their order is not: the version is the one value that begins with three
//! numbers and ends in the third, and everything else is told by where it stands from there.

use super::super::super::identity::{address, is_own};
use super::super::text::{MOST_ROWS, NAME, certain_day, clip, digits};
use super::editions::edition;
use super::{Updates, is_no_update, update};
use crate::collect::windows::hotfixes::QfeRow;
use crate::model::{
    Family, HostIdentity, Inventory, Kernel, Membership, NetworkInterface, Observed, Platform,
    UtcTime, WindowsBuild, WindowsFacts, WindowsRelease, WindowsRole,
};

/// Where values stand, counted from the version.
const CONFIGURATION: usize = 2;
const BOOT_TIME: usize = 8;
const MAKER: usize = 9;
const MODEL: usize = 10;
const SYSTEM_TYPE: usize = 11;

/// What `systeminfo` tells of a host.
pub(super) struct Host {
    pub(super) name: Option<String>,
    pub(super) inventory: Inventory,
    pub(super) updates: Updates,
}

/// Reads the text; `None` where it holds no version.
pub(super) fn read(text: &str) -> Option<Host> {
    let entries = entries(text);
    let (at, version) = entries
        .iter()
        .enumerate()
        .find_map(|(at, entry)| Some((at, Version::read(&entry.value)?)))?;
    let page = Page { entries, at };
    let name = page.os_name()?;
    let hostname = page.hostname();
    let membership = page.membership();
    let domain = membership.as_ref().filter(|domain| domain.is_domain);
    let fqdn = hostname
        .as_ref()
        .zip(domain)
        .map(|(host, domain)| clip(&format!("{host}.{}", domain.name), NAME));
    let inventory = Inventory {
        collector: "systeminfo".to_owned(),
        platform: page.platform(&name, &version),
        identity: HostIdentity {
            hostname: known(hostname.clone()),
            fqdn: known(fqdn),
            vendor: known(page.vendor()),
            interfaces: known(page.interfaces()),
            ..HostIdentity::default()
        },
        packages: Observed::default(),
        unix: None,
        windows: Some(Box::new(WindowsFacts {
            membership: known(membership),
            last_boot: known(page.last_boot()),
            ..WindowsFacts::default()
        })),
        services: Observed::default(),
        reboot: Observed::default(),
        gaps: Vec::new(),
    };
    Some(Host {
        name: hostname,
        updates: page.updates(),
        inventory,
    })
}

fn known<T>(fact: Option<T>) -> Observed<T> {
    fact.map_or_else(Observed::default, Observed::Known)
}

/// A label's value, and the lines below it.
#[derive(Debug, Default)]
struct Entry {
    value: String,
    /// The lines below, each with its indentation.
    items: Vec<(usize, String)>,
}

/// The entries, in their order, however they are laid out.
fn entries(text: &str) -> Vec<Entry> {
    let lines = || text.lines().map(|line| line.trim_end_matches('\r'));
    let first = lines().find(|line| !line.trim().is_empty());
    if first.is_some_and(|line| line.starts_with('"')) {
        return cells(text);
    }
    let mut entries: Vec<Entry> = Vec::new();
    for line in lines().take(MOST_ROWS) {
        let indent = line.chars().take_while(|char| char.is_whitespace()).count();
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match entries.last_mut() {
            Some(entry) if indent > 0 => entry.items.push((indent, line.to_owned())),
            _ => {
                let value = line.split_once([':', '\u{ff1a}']);
                // A label of two parts: `Virtual Memory: Max Size:  9,373 MB`. None that counts is one.
                let value = value.map_or("", |(_, value)| value.trim());
                entries.push(Entry {
                    value: value.to_owned(),
                    items: Vec::new(),
                });
            }
        }
    }
    entries
}

/// `systeminfo /fo csv`: a row of labels, perhaps, and one of values. Lists are in one cell.
fn cells(text: &str) -> Vec<Entry> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().take(2).filter_map(Result::ok);
    let is_values = |row: &csv::StringRecord| row.iter().any(|cell| Version::read(cell).is_some());
    let values = rows.into_iter().find(is_values).unwrap_or_default();
    let entry = |cell: &str| {
        let mut parts = cell.split(",[");
        let value = parts.next().unwrap_or_default().trim().to_owned();
        let items = parts.map(|item| (1, format!("[{}", item.trim())));
        Entry {
            value,
            items: items.collect(),
        }
    };
    values.iter().map(entry).collect()
}

/// `10.0.17763 N/A Build 17763`, `6.1.7601 Service Pack 1 Build 7601`.
struct Version {
    major_minor: String,
    build: u32,
    service_pack: Option<u32>,
}

impl Version {
    fn read(value: &str) -> Option<Self> {
        let (number, rest) = value.split_once(char::is_whitespace)?;
        let mut parts = number.split('.');
        let (major, minor): (u32, u32) = (digits(parts.next()?)?, digits(parts.next()?)?);
        let build: u32 = digits(parts.next()?)?;
        let (between, last) = rest
            .trim()
            .rsplit_once(char::is_whitespace)
            .unwrap_or(("", rest.trim()));
        if parts.next().is_some() || digits::<u32>(last)? != build {
            return None;
        }
        let pack = between.split_whitespace().find_map(digits);
        Some(Self {
            major_minor: format!("{major}.{minor}"),
            build,
            service_pack: pack.filter(|pack| (1..=9).contains(pack)),
        })
    }
}

/// The entries, and where the version stands among them.
struct Page {
    entries: Vec<Entry>,
    at: usize,
}

impl Page {
    /// A value by its place, counted from the version.
    fn value(&self, after: usize) -> Option<&str> {
        let value = self.entries.get(self.at + after)?.value.as_str();
        Some(value).filter(|value| !value.is_empty())
    }

    fn os_name(&self) -> Option<String> {
        let entry = self.entries.get(self.at.checked_sub(1)?)?;
        let name = clip(&entry.value, NAME);
        let name: Vec<&str> = name.split_whitespace().collect();
        Some(name.join(" ")).filter(|name| !name.is_empty())
    }

    fn hostname(&self) -> Option<String> {
        let entry = self.entries.get(self.at.checked_sub(2)?)?;
        let name = clip(&entry.value, NAME);
        (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
    }

    fn platform(&self, name: &str, version: &Version) -> Platform {
        let is_server = name.contains("Server");
        let is_controller = || {
            let word = self.value(CONFIGURATION).unwrap_or_default();
            word.contains("Domain Controller")
        };
        let role = match is_server {
            false => WindowsRole::Workstation,
            true if is_controller() => WindowsRole::DomainController,
            true => WindowsRole::Server,
        };
        let build = WindowsBuild {
            build: version.build,
            ubr: None,
        };
        let pack = version.service_pack;
        Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: name.to_owned(),
            version: Some(version.build.to_string()),
            codename: None,
            ecosystem: None,
            arch: self.arch(),
            kernel: Kernel {
                name: Some("Windows NT".to_owned()),
                running: Some(format!("{}.{}", version.major_minor, version.build)),
                ..Kernel::default()
            },
            windows: Some(WindowsRelease {
                build,
                product_name: Some(product(name)),
                edition: edition(name, is_server),
                // Nothing here tells a Server Core from a server with a desktop.
                installation: (!is_server).then(|| "Client".to_owned()),
                display_version: None,
                service_pack: pack.map(|pack| format!("Service Pack {pack}")),
                role: Some(role),
                sku: None,
                language: None,
                build_lab: None,
            }),
        }
    }

    /// `x64-based PC`, in the words of any language, where it should stand or nearby.
    fn arch(&self) -> Option<String> {
        let near = [SYSTEM_TYPE, SYSTEM_TYPE - 1, SYSTEM_TYPE + 1];
        let words = near.iter().filter_map(|place| self.value(*place));
        let arch = |value: &str| {
            let is_mark = |char: char| !char.is_ascii_alphanumeric();
            let lower = value.to_ascii_lowercase();
            lower.split(is_mark).find_map(|word| match word {
                "x64" | "amd64" => Some("x86_64"),
                "x86" => Some("x86"),
                "arm64" => Some("arm64"),
                "ia64" | "itanium" => Some("ia64"),
                _ => None,
            })
        };
        words.into_iter().find_map(arch).map(str::to_owned)
    }

    fn vendor(&self) -> Option<String> {
        let words: Vec<&str> = [MAKER, MODEL]
            .iter()
            .filter_map(|place| self.value(*place))
            .collect();
        (words.len() == 2).then(|| clip(&words.join(" "), NAME))
    }

    /// The place of the logon server, `\\SRV`: behind the domain, before the updates.
    fn logon_server(&self) -> Option<usize> {
        let entries = self.entries.iter().skip(self.at);
        let is_server = |entry: &Entry| entry.value.starts_with(r"\\");
        entries
            .into_iter()
            .position(is_server)
            .map(|place| place + self.at)
    }

    /// The domain or workgroup. The name of a domain has a dot, as Active Directory's do; one without
    /// is a workgroup where it is one of the usual names, and else either.
    fn membership(&self) -> Option<Membership> {
        const WORKGROUPS: &[&str] = &["WORKGROUP", "ARBEITSGRUPPE", "MSHOME", "GROUPE"];
        let entry = self.entries.get(self.logon_server()?.checked_sub(1)?)?;
        let name = clip(&entry.value, NAME);
        let is_domain = name.contains('.');
        let is_workgroup = WORKGROUPS
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word));
        let is_name = !name.contains(char::is_whitespace) && !name.contains('\\');
        (is_name && (is_domain || is_workgroup)).then_some(Membership { name, is_domain })
    }

    /// The last start, where the order of the date is certain and the time zone is told. Summer time is
    /// not: it may be an hour off.
    fn last_boot(&self) -> Option<UtcTime> {
        let (day, time) = self.value(BOOT_TIME)?.split_once(',')?;
        let mut words = time.split_whitespace();
        let clock = words.next()?;
        let mut parts = clock.split([':', '.']).map(digits::<i64>);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let hour = match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("PM") if hour < 12 => hour + 12,
            Some("AM") if hour == 12 => 0,
            Some("AM" | "PM") | None => hour,
            Some(_) => return None,
        };
        let values = self.entries.iter().map(|entry| entry.value.as_str());
        let offset = values.into_iter().find_map(zone)?;
        let midnight = UtcTime::parse(&format!("{}T00:00:00Z", certain_day(day)?))?;
        let local = midnight.unix() + hour * 3_600 + minute * 60 + second;
        Some(UtcTime::from_unix(local - offset))
    }

    /// The updates, and whether the list is whole: its entry says how many there are.
    fn updates(&self) -> Updates {
        let names = |entry: &&Entry| {
            entry
                .items
                .iter()
                .any(|(_, item)| listed(item).and_then(word).is_some())
        };
        let Some(entry) = self.entries.iter().skip(self.at).find(names) else {
            return self.no_updates();
        };
        let mut updates = Updates {
            is_told: true,
            ..Updates::default()
        };
        let mut count = 0;
        for (_, item) in &entry.items {
            let Some(item) = listed(item) else {
                updates.is_cut = true;
                continue;
            };
            count += 1;
            match word(item) {
                Some(kb) => updates.rows.push(QfeRow::of(kb)),
                None => updates.is_cut |= !is_no_update(item),
            }
        }
        let stated = number(&entry.value);
        updates.is_cut |= stated.is_none_or(|stated| count < stated);
        updates
    }

    /// A host that counts updates and lists none; else it may have none, or not know.
    fn no_updates(&self) -> Updates {
        let entry = self
            .logon_server()
            .and_then(|place| self.entries.get(place + 1));
        let counts = entry.is_some_and(|entry| number(&entry.value).is_some_and(|count| count > 0));
        Updates {
            is_told: false,
            is_cut: counts,
            rows: Vec::new(),
        }
    }

    /// The network adapters with an address: those of the entry behind the updates.
    fn interfaces(&self) -> Option<Vec<NetworkInterface>> {
        let has_address = |entry: &&Entry| {
            let mut items = entry.items.iter().filter_map(|(_, item)| listed(item));
            items.any(|item| address(item).is_some())
        };
        let entry = self.entries.iter().skip(self.at).find(has_address)?;
        let outer = entry.items.iter().map(|(indent, _)| *indent).min()?;
        let mut adapters: Vec<NetworkInterface> = Vec::new();
        for (indent, item) in &entry.items {
            let Some(item) = listed(item) else { continue };
            if *indent == outer {
                adapters.push(NetworkInterface {
                    name: clip(item, NAME),
                    ..NetworkInterface::default()
                });
            } else if let (Some(adapter), Some(own)) = (adapters.last_mut(), address(item))
                && is_own(&own)
            {
                adapter.addresses.push(own);
            }
        }
        adapters.retain(|adapter| !adapter.addresses.is_empty());
        for adapter in &mut adapters {
            adapter.addresses.sort_unstable();
            adapter.addresses.dedup();
        }
        adapters.sort_unstable();
        Some(adapters)
    }
}

/// What stands behind `[01]:`.
fn listed(item: &str) -> Option<&str> {
    let (place, rest) = item.strip_prefix('[')?.split_once(']')?;
    let _place: u32 = digits(place)?;
    let rest = rest.trim_start().strip_prefix([':', '\u{ff1a}'])?;
    Some(rest.trim())
}

/// The update that an item begins with: `KB893803v2 - Update`.
fn word(item: &str) -> Option<crate::model::KbId> {
    update(item.split_whitespace().next()?)
}

/// The first number of a text: `263 Hotfix(e) installiert.`
fn number(text: &str) -> Option<usize> {
    let mut words = text.split(|char: char| !char.is_ascii_digit());
    words.find(|word| !word.is_empty())?.parse().ok()
}

/// The seconds of `(UTC+01:00) Amsterdam`; `(UTC)` is 0.
fn zone(value: &str) -> Option<i64> {
    let inner = value.strip_prefix('(')?.split_once(')')?.0;
    let offset = inner
        .strip_prefix("UTC")
        .or_else(|| inner.strip_prefix("GMT"))?;
    if offset.is_empty() {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes): (i64, i64) = (digits(hours)?, digits(minutes)?);
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// The registry's `ProductName`: without the maker and without marks, some of which a code page has
/// turned into letters (`Microsoftr Windows VistaT`).
fn product(name: &str) -> String {
    let clean = name.replace("(R)", "").replace(['\u{ae}', '\u{2122}'], "");
    let words = clean.split_whitespace().map(|word| match word {
        "Serverr" => "Server",
        "VistaT" => "Vista",
        "Windowsr" => "Windows",
        other => other,
    });
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        ["Microsoft" | "Microsoftr", rest @ ..] => rest.join(" "),
        all => all.join(" "),
    }
}
