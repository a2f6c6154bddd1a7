//! Which machine a Windows host is, by its own account.
//!
//! None of these facts is needed for a verdict: what is missing here is unknown, but is no gap of the
//! scan.

use super::super::identity::{address, is_own, mac_address, serial, uuid};
use super::questions::{
    ADAPTERS, COMPUTER, COMPUTER_NAME, HARDWARE, MACHINE_GUID, OS, PROFILES, TCPIP, WHO_AM_I,
};
use super::reg;
use super::text::{MOST_ROWS, NAME, clip, digits, gap, lines, malformed, some};
use crate::model::{Gap, GapCause, HostIdentity, Membership, NetworkInterface, Observed};
use crate::session::{Answers, WmiRow};
use std::collections::BTreeSet;

/// The most characters of a machine's name: longer ones are cut where NetBIOS is spoken.
const NETBIOS: usize = 15;

/// Everything that tells this machine from others.
pub(super) fn identity(answers: &Answers) -> HostIdentity {
    let hostname = hostname(answers);
    let fqdn = hostname.clone().and_then(|name| fqdn(answers, &name));
    HostIdentity {
        machine_id: Observed::default(),
        machine_guid: machine_guid(answers).into(),
        boot_id: Observed::default(),
        product_uuid: hardware(answers, "UUID", uuid).into(),
        serial: hardware(answers, "IdentifyingNumber", serial).into(),
        vendor: vendor(answers).into(),
        interfaces: interfaces(answers).into(),
        hostname: hostname.into(),
        fqdn: fqdn.into(),
    }
}

/// The domain or workgroup.
pub(super) fn membership(answers: &Answers) -> Result<Membership, Gap> {
    let row = first(answers, COMPUTER)?;
    let name = some(row.get("Domain"), NAME).ok_or_else(|| malformed(COMPUTER))?;
    let is_domain = match row
        .get("PartOfDomain")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("true") => true,
        Some("false") => false,
        _ => return Err(malformed(COMPUTER)),
    };
    Ok(Membership { name, is_domain })
}

/// The SID of the machine's own accounts: ours, where we are one of them; else that of the accounts
/// that it has seen, where it is in no domain and they agree.
pub(super) fn machine_sid(answers: &Answers) -> Result<String, Gap> {
    if let Some(sid) = own_account(answers) {
        return Ok(sid);
    }
    if membership(answers)?.is_domain {
        return Err(gap(WHO_AM_I, GapCause::Missing));
    }
    let keys = reg::keys(answers.text(PROFILES)?);
    let sids: BTreeSet<String> = keys
        .iter()
        .filter_map(|key| authority(key.name()))
        .collect();
    let mut sids = sids.into_iter();
    match (sids.next(), sids.next()) {
        (Some(sid), None) => Ok(sid),
        (None, _) => Err(gap(PROFILES, GapCause::Missing)),
        (Some(_), Some(_)) => Err(malformed(PROFILES)),
    }
}

/// `server\anna S-1-5-21-1-2-3-1001`, where the part before the account is this machine.
fn own_account(answers: &Answers) -> Option<String> {
    let line = lines(answers.text(WHO_AM_I).ok()?).find(|line| line.contains("S-1-5-21-"))?;
    let (account, sid) = line.trim().rsplit_once(' ')?;
    let (owner, _) = account.split_once('\\')?;
    let own = computer_name(answers)?;
    (owner.to_lowercase() == own.to_lowercase())
        .then(|| authority(sid))
        .flatten()
}

/// `S-1-5-21-1-2-3` of `S-1-5-21-1-2-3-1001`.
fn authority(sid: &str) -> Option<String> {
    let (authority, account) = sid.trim().rsplit_once('-')?;
    let numbers = authority.strip_prefix("S-1-5-21-")?;
    let mut numbers = numbers.split('-').map(digits::<u32>);
    let valid = numbers.all(|number| number.is_some()) && authority.split('-').count() == 7;
    (valid && digits::<u32>(account).is_some()).then(|| authority.to_owned())
}

fn first(answers: &Answers, id: &'static str) -> Result<WmiRow, Gap> {
    let rows = WmiRow::parse(answers.text(id)?);
    rows.into_iter().next().ok_or_else(|| malformed(id))
}

fn hardware(
    answers: &Answers,
    property: &str,
    read: fn(&str) -> Option<String>,
) -> Result<String, Gap> {
    let row = first(answers, HARDWARE)?;
    let value = row.get(property).map(str::trim).unwrap_or_default();
    let value = Some(value).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| gap(HARDWARE, GapCause::Missing))?;
    read(value).ok_or_else(|| malformed(HARDWARE))
}

fn machine_guid(answers: &Answers) -> Result<String, Gap> {
    let keys = reg::keys(answers.text(MACHINE_GUID)?);
    let value = keys.iter().find_map(|key| key.text("MachineGuid"));
    value.and_then(uuid).ok_or_else(|| malformed(MACHINE_GUID))
}

fn vendor(answers: &Answers) -> Result<String, Gap> {
    let row = first(answers, COMPUTER)?;
    let words = ["Manufacturer", "Model"].map(|property| some(row.get(property), 100));
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        return Err(gap(COMPUTER, GapCause::Missing));
    }
    Ok(words.join(" "))
}

/// The name that it has in the network, then what NetBIOS makes of it.
fn hostname(answers: &Answers) -> Result<String, Gap> {
    let computer = first(answers, COMPUTER);
    let own = || {
        computer
            .as_ref()
            .ok()?
            .get("DNSHostName")
            .map(str::to_owned)
    };
    let name = tcpip(answers, &["Hostname", "NV Hostname"]).or_else(own);
    let name = name.or_else(|| computer_name(answers));
    let name = some(name.as_deref(), NAME);
    name.ok_or_else(|| computer.err().unwrap_or_else(|| malformed(COMPUTER)))
}

/// The NetBIOS name: WMI's word, else the registry's.
fn computer_name(answers: &Answers) -> Option<String> {
    let wmi = |id, property| some(first(answers, id).ok()?.get(property), NETBIOS);
    let stored = || {
        let keys = reg::keys(answers.text(COMPUTER_NAME).ok()?);
        let mut active = keys.iter().filter(|key| key.is_at(r"\ActiveComputerName"));
        let active = active.find_map(|key| key.clipped("ComputerName", NETBIOS));
        active.or_else(|| {
            keys.iter()
                .find_map(|key| key.clipped("ComputerName", NETBIOS))
        })
    };
    wmi(COMPUTER, "Name")
        .or_else(|| wmi(OS, "CSName"))
        .or_else(stored)
}

/// Name and primary suffix; a member of a domain whose suffix is not told has the domain's.
fn fqdn(answers: &Answers, hostname: &str) -> Result<String, Gap> {
    let stored = tcpip(answers, &["Domain", "NV Domain"]);
    let member = || {
        membership(answers)
            .ok()
            .filter(|membership| membership.is_domain)
    };
    let dotted = || {
        member()
            .map(|membership| membership.name)
            .filter(|name| name.contains('.'))
    };
    let domain = stored.or_else(dotted);
    let domain = domain.ok_or_else(|| gap(TCPIP, GapCause::Missing))?;
    Ok(clip(&format!("{hostname}.{domain}"), NAME))
}

fn tcpip(answers: &Answers, names: &[&str]) -> Option<String> {
    let keys = reg::keys(answers.text(TCPIP).ok()?);
    let mut values = names
        .iter()
        .flat_map(|name| keys.iter().map(move |key| key.clipped(name, NAME)));
    values.find_map(|value| value)
}

/// The adapters with an address.
fn interfaces(answers: &Answers) -> Result<Vec<NetworkInterface>, Gap> {
    let rows = WmiRow::parse(answers.text(ADAPTERS)?);
    let interface = |row: &WmiRow| {
        let texts = row.all("IPAddress").iter().take(MOST_ROWS);
        let mut addresses: Vec<_> = texts
            .filter_map(|text| address(text))
            .filter(is_own)
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mac = row.get("MACAddress").and_then(mac_address);
        NetworkInterface {
            name: clip(row.get("Description").unwrap_or_default(), NAME),
            mac: mac.unwrap_or_default(),
            addresses,
        }
    };
    let mut interfaces: Vec<_> = rows.iter().take(MOST_ROWS).map(interface).collect();
    interfaces.sort_unstable();
    Ok(interfaces)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use proptest::prelude::*;

    const MEMBER: &str = "Name=SRV-LANGER-NAME\nDNSHostName=srv-langer-name-01\nDomain=example.test\nPartOfDomain=true\nManufacturer=QEMU\nModel=Standard PC \n";
    const ALONE: &str = "Name=WS1\nDomain=ARBEITSGRUPPE\nPartOfDomain=false\n";

    fn profiles(sids: &[&str]) -> String {
        let key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList";
        let keys = sids.iter().map(|sid| format!("{key}\\{sid}\n"));
        format!(
            "\n{key}\n    Default    REG_EXPAND_SZ    x\n\n{}",
            keys.collect::<String>()
        )
    }

    #[test]
    fn names_come_from_the_network_settings_then_from_wmi() {
        let tcpip = "\nHKEY_LOCAL_MACHINE\\P\n    Hostname    REG_SZ    srv\n    Domain    REG_SZ    \n    NV Domain    REG_SZ    corp.test\n";
        let identity = identity(&answers(&[(TCPIP, tcpip), (COMPUTER, MEMBER)]));
        let known = |fact: &Observed<String>| fact.known().cloned().unwrap_or_default();
        assert_eq!(known(&identity.hostname), "srv");
        assert_eq!(known(&identity.fqdn), "srv.corp.test");
        assert_eq!(known(&identity.vendor), "QEMU Standard PC");
        let identity = super::identity(&answers(&[(COMPUTER, MEMBER)]));
        assert_eq!(known(&identity.fqdn), "srv-langer-name-01.example.test");
        let stored = "\nHKEY_LOCAL_MACHINE\\C\\ComputerName\\ActiveComputerName\n    ComputerName    REG_SZ    W\u{dc}RZBURG\n";
        let identity = super::identity(&answers(&[(COMPUTER_NAME, stored)]));
        assert_eq!(known(&identity.hostname), "W\u{dc}RZBURG");
        assert_eq!(identity.fqdn.gap().unwrap().question, TCPIP);
    }

    #[test]
    fn hardware_that_says_nothing_is_unknown() {
        let guid = "\nHKEY_LOCAL_MACHINE\\C\n    MachineGuid    REG_SZ    0F0E0D0C-0000-4000-8000-00000000000A\n";
        let adapters = "Description=Ethernet\nMACAddress=52:54:00:AA:BB:CC\nIPAddress=10.0.0.5\nIPAddress=fe80::1\n";
        let hardware = "UUID=FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\nIdentifyingNumber=VMware-1\n";
        let identity = identity(&answers(&[
            (MACHINE_GUID, guid),
            (ADAPTERS, adapters),
            (HARDWARE, hardware),
        ]));
        assert_eq!(
            identity.machine_guid.known().unwrap(),
            "0f0e0d0c-0000-4000-8000-00000000000a"
        );
        assert_eq!(
            identity.product_uuid.gap().unwrap().cause,
            GapCause::Malformed
        );
        assert_eq!(identity.serial.known().unwrap(), "VMware-1");
        assert_eq!(identity.macs(), ["52:54:00:aa:bb:cc"]);
        assert_eq!(identity.interfaces.known().unwrap()[0].addresses.len(), 1);
        assert!(identity.machine_id.is_unheard_of() && identity.boot_id.is_unheard_of());
    }

    #[test]
    fn the_sid_of_the_machine_is_never_that_of_a_domain() {
        let sid = |texts: &[(&'static str, &str)]| machine_sid(&answers(texts)).ok();
        let own = Some("S-1-5-21-1-2-3".to_owned());
        let local = "\r\nsrv-langer-name\\our scanner S-1-5-21-1-2-3-1001\r\n";
        let domain = "\r\ncorp\\svc S-1-5-21-7-8-9-1105\r\n";
        let seen = profiles(&["S-1-5-18", "S-1-5-21-7-8-9-500"]);
        assert_eq!(sid(&[(COMPUTER, MEMBER), (WHO_AM_I, local)]), own);
        assert_eq!(
            sid(&[(COMPUTER, MEMBER), (WHO_AM_I, domain), (PROFILES, &seen)]),
            None
        );
        assert_eq!(sid(&[(WHO_AM_I, local)]), None);
        let seen = profiles(&[
            "S-1-5-18",
            "S-1-5-21-1-2-3-500",
            "S-1-5-21-1-2-3-1001",
            "S-1-12-1-5-6-7-8",
        ]);
        assert_eq!(sid(&[(COMPUTER, ALONE), (PROFILES, &seen)]), own);
        let mixed = profiles(&["S-1-5-21-1-2-3-500", "S-1-5-21-7-8-9-500"]);
        assert_eq!(sid(&[(COMPUTER, ALONE), (PROFILES, &mixed)]), None);
    }

    #[test]
    fn a_workgroup_is_no_domain() {
        let membership = membership(&answers(&[(COMPUTER, ALONE)])).unwrap();
        assert_eq!(
            (membership.name.as_str(), membership.is_domain),
            ("ARBEITSGRUPPE", false)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let row = format!("Name={text}\nDomain={text}\nPartOfDomain=false\nUUID={text}\nIPAddress={text}\nMACAddress={text}");
            let keys = format!("HKEY_A\\S-1-5-21-{text}\n    Hostname    REG_SZ    {text}\n    MachineGuid    REG_SZ    {text}\n");
            let given = answers(&[(COMPUTER, &row), (HARDWARE, &row), (ADAPTERS, &row), (TCPIP, &keys), (PROFILES, &keys), (MACHINE_GUID, &keys), (WHO_AM_I, &text)]);
            identity(&given);
            let _ = machine_sid(&given);
        }
    }
}
