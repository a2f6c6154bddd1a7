//! The cells of each list's rows, in the order of `fixtures/organisation/columns.toml`.

use super::cast::{DOMAIN, FOREIGN, Listed, Machine, Membership, netbios};
use super::digests::{digest, hyphenated, number};
use super::studio::Studio;
use underdesk::model::Family;

/// A second of the day that a row always has.
fn second(row: &Listed, what: &str) -> i64 {
    number(&format!("{what} {} {:?}", row.name, row.seen), 86_400)
}

fn guid(row: &Listed, what: &str) -> String {
    hyphenated(&digest(&format!("{what} {} {}", row.name, row.created)))
}

fn address(row: &Listed) -> String {
    row.address
        .map(|address| address.to_string())
        .unwrap_or_default()
}

fn macs(row: &Listed, write: impl Fn(&str) -> String) -> Vec<String> {
    row.macs
        .iter()
        .filter(|mac| !mac.is_empty())
        .map(|mac| write(mac))
        .collect()
}

fn suffix(machine: &Machine) -> &'static str {
    match machine.membership {
        Membership::Domain => DOMAIN,
        Membership::Foreign => FOREIGN,
        Membership::Workgroup => "",
    }
}

pub(super) fn directory(studio: &Studio, _: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let name = row.name.to_uppercase();
    let unit = if row.system.is_server {
        "Servers"
    } else {
        "Clients"
    };
    let account = 1_100 + number(&format!("rid {}", row.name), 60_000);
    let sid = format!("S-1-5-21-3623811015-3361044348-30300820-{account}");
    let has_description = number(&format!("description {}", row.name), 9) == 0;
    let description = if has_description {
        "Büro 3.12, Gebäude \"Süd\""
    } else {
        ""
    };
    vec![
        name.clone(),
        format!("{}.{DOMAIN}", row.name.to_lowercase()),
        format!("CN={name},OU={unit},OU=Machines,DC=corp,DC=example"),
        if row.is_on() { "True" } else { "False" }.to_owned(),
        address(row),
        row.seen
            .map(|days| calendar.american(days, second(row, "logon")))
            .unwrap_or_default(),
        calendar.american(row.password, second(row, "password")),
        calendar.american(row.created, second(row, "created")),
        row.system.name.to_owned(),
        row.system.version.to_owned(),
        description.to_owned(),
        guid(row, "object"),
        format!("{}$", netbios(&row.name)),
        sid,
    ]
}

pub(super) fn wsus(studio: &Studio, _: &Machine, row: &Listed) -> Vec<String> {
    let never = "01.01.1753 00:00:00".to_owned();
    let days = |what| {
        row.seen.map_or(never.clone(), |days| {
            studio.calendar.german(days, second(row, what))
        })
    };
    vec![
        guid(row, "client"),
        format!("{}.{DOMAIN}", row.name.to_lowercase()),
        address(row),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        "AMD64".to_owned(),
        row.system.name.to_owned(),
        if row.system.is_server {
            "Server"
        } else {
            "Workstation"
        }
        .to_owned(),
        days("sync"),
        if row.seen.is_some() {
            "Succeeded"
        } else {
            "NeverSynced"
        }
        .to_owned(),
        days("status"),
        days("inventory"),
        String::new(),
        format!("10.0.{}", row.system.build.0),
    ]
}

pub(super) fn config_mgr(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let resource = 16_777_216 + number(&format!("{} {}", row.name, row.created), 1 << 20);
    let stated = row.system.stated;
    let kind = if row.system.is_server {
        "Server"
    } else {
        "Workstation"
    };
    let active = row
        .seen
        .map(|days| calendar.of_sql(days, second(row, "active")))
        .unwrap_or_default();
    let inventory = row
        .seen
        .map(|days| calendar.of_sql(days + 2, second(row, "hardware")))
        .unwrap_or_default();
    vec![
        resource.to_string(),
        netbios(&row.name),
        "CORP".to_owned(),
        suffix(machine).to_owned(),
        format!("Microsoft Windows NT {kind} {}.{}", stated.0, stated.1),
        row.hardware.uuid.to_uppercase(),
        row.hardware.serial.clone(),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        macs(row, str::to_uppercase).join(", "),
        address(row),
        "1".to_owned(),
        if row.is_on() { "0" } else { "1" }.to_owned(),
        active,
        inventory,
        calendar.of_sql(row.created, second(row, "created")),
    ]
}

pub(super) fn lease(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let scope = row.address.map(|address| {
        let [a, b, c, _] = address.octets();
        format!("{a}.{b}.{c}.0")
    });
    let host = match machine.membership {
        Membership::Domain if machine.system.family == Family::Windows => {
            format!("{}.{DOMAIN}", row.name)
        }
        _ => row.name.clone(),
    };
    // A lease runs for eight days, so it ends after the day of the export.
    let expires = row.seen.unwrap_or_default() - 8;
    vec![
        address(row),
        scope.unwrap_or_default(),
        "Active".to_owned(),
        macs(row, |mac| mac.replace(':', "-"))
            .first()
            .cloned()
            .unwrap_or_default(),
        "Dhcp".to_owned(),
        if second(row, "note") % 11 == 0 {
            "Gerät im Großraumbüro"
        } else {
            ""
        }
        .to_owned(),
        "Complete".to_owned(),
        "AandPTR".to_owned(),
        host,
        studio.calendar.german(expires, second(row, "expires")),
        "False".to_owned(),
        "FullAccess".to_owned(),
        String::new(),
        String::new(),
        "10.20.10.2".to_owned(),
    ]
}

pub(super) fn asset(studio: &Studio, machine: &Machine, row: &Listed) -> Vec<String> {
    let calendar = &studio.calendar;
    let tag = number(&format!("tag {} {}", machine.name, row.created), 10_000_000);
    let discovered = row
        .seen
        .map(|days| calendar.plain(days, second(row, "discovered")));
    let updated = calendar.plain(row.created / 2 + 40, second(row, "updated"));
    vec![
        row.name.clone(),
        format!("P{tag:08}"),
        row.hardware.serial.clone(),
        row.hardware.maker.clone(),
        row.hardware.model.clone(),
        row.system.name.to_owned(),
        address(row),
        macs(row, str::to_owned)
            .first()
            .cloned()
            .unwrap_or_default(),
        row.owner.clone(),
        row.status.to_owned(),
        ["Hauptstraße 1, 2. OG", "Zürich", "Malmö, Hus 3", ""][usize::try_from(tag % 4).unwrap()]
            .to_owned(),
        discovered.unwrap_or_default(),
        calendar.date(row.created),
        updated,
    ]
}
