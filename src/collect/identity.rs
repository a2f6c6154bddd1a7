//! Which machine a host is, by its own account.
//!
//! None of these facts is needed for a verdict, and several are root's alone (the SMBIOS uuid and
//! serial number): what is missing here is unknown, but is no gap of the scan.

use super::platform::clip;
use super::unix::{IDENTITY, INTERFACES, NAMES, UNAME, VIRTUAL};
use crate::model::{Gap, GapCause, HostIdentity, NetworkInterface, Observed};
use crate::session::Answers;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Everything that tells this machine from others.
pub(super) fn identity(answers: &Answers) -> HostIdentity {
    let names = names(answers);
    HostIdentity {
        machine_guid: Observed::default(),
        machine_id: fact(answers, "machine-id")
            .and_then(checked(machine_id))
            .into(),
        boot_id: fact(answers, "boot-id").and_then(checked(uuid)).into(),
        product_uuid: fact(answers, "product-uuid").and_then(checked(uuid)).into(),
        serial: fact(answers, "product-serial")
            .and_then(checked(serial))
            .into(),
        vendor: vendor(answers).into(),
        interfaces: interfaces(answers).into(),
        hostname: names
            .as_ref()
            .map(|names| names.short.clone())
            .map_err(Gap::clone)
            .into(),
        fqdn: names
            .and_then(|names| names.full.ok_or_else(|| gap(NAMES, GapCause::Missing)))
            .into(),
    }
}

fn gap(question: &str, cause: GapCause) -> Gap {
    Gap {
        question: question.to_owned(),
        cause,
    }
}

/// The first value of a fact; `!` says that it is there and the account may not read it.
fn fact<'a>(answers: &'a Answers, name: &str) -> Result<&'a str, Gap> {
    let text = answers.text(IDENTITY)?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    let mut values = pairs.filter(|(key, value)| *key == name && !value.trim().is_empty());
    match values.next() {
        None => Err(gap(IDENTITY, GapCause::Missing)),
        Some((_, "!")) => Err(gap(IDENTITY, GapCause::Denied)),
        Some((_, value)) => Ok(value.trim()),
    }
}

/// Turns a reader of one value into one that leaves a gap.
fn checked(read: impl Fn(&str) -> Option<String>) -> impl Fn(&str) -> Result<String, Gap> {
    move |value| read(value).ok_or_else(|| gap(IDENTITY, GapCause::Malformed))
}

/// machine-id(5): 32 hex digits, not all zero.
fn machine_id(value: &str) -> Option<String> {
    let id = value.to_ascii_lowercase();
    let valid = id.len() == 32 && is_hex(&id) && id.bytes().any(|byte| byte != b'0');
    valid.then_some(id)
}

/// A UUID that means something: firmware without one says all zeros, all ones, or the 03000200…
/// that whole product lines share.
pub(super) fn uuid(value: &str) -> Option<String> {
    let id = value.to_ascii_lowercase();
    let digits: String = id.split('-').collect();
    let meaningless = digits.bytes().all(|byte| byte == b'0')
        || digits.bytes().all(|byte| byte == b'f')
        || id == "03000200-0400-0500-0006-000700080009";
    (digits.len() == 32 && id.len() == 36 && is_hex(&digits) && !meaningless).then_some(id)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A serial number, unless it is one of the phrases that makers leave in.
pub(super) fn serial(value: &str) -> Option<String> {
    const PLACEHOLDERS: &[&str] = &[
        "0",
        "00000000",
        "0123456789",
        "123456789",
        "default string",
        "n/a",
        "none",
        "not applicable",
        "not specified",
        "not available",
        "o.e.m.",
        "system serial number",
        "to be filled by o.e.m.",
        "unknown",
    ];
    let known = PLACEHOLDERS.contains(&value.to_ascii_lowercase().as_str());
    (!known && is_text(value, 128)).then(|| value.to_owned())
}

/// Whether a text is one printable line of bounded length.
fn is_text(text: &str, most: usize) -> bool {
    text.len() <= most && !text.chars().any(char::is_control)
}

/// Maker and model; of a container, what runs it: it has no hardware of its own.
fn vendor(answers: &Answers) -> Result<String, Gap> {
    if let Some(engine) = container(answers) {
        return Ok(format!("{engine} container"));
    }
    let parts = ["sys-vendor", "product-name"].map(|name| fact(answers, name));
    if let [Err(gap), Err(_)] = parts {
        return virtual_machine(answers).ok_or(gap);
    }
    let words: Vec<&str> = parts.into_iter().flatten().collect();
    Ok(clip(&words.join(" "), 200))
}

/// What runs this container, if it is one.
fn container(answers: &Answers) -> Option<String> {
    const ENGINES: &[&str] = &[
        "docker",
        "podman",
        "lxc",
        "lxc-libvirt",
        "openvz",
        "systemd-nspawn",
        "wsl",
        "rkt",
        "proot",
        "pouch",
        "oci",
    ];
    let text = answers.text(VIRTUAL).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    let mut words = pairs.map(|(_, word)| word.trim());
    let engine = words.find(|word| ENGINES.contains(word))?;
    Some(engine.to_owned())
}

fn virtual_machine(answers: &Answers) -> Option<String> {
    let text = answers.text(VIRTUAL).ok()?;
    let word = text.lines().find_map(|line| line.strip_prefix("virt\t"))?;
    let known = is_text(word, 40) && !matches!(word, "none" | "");
    known.then(|| format!("{word} virtual machine"))
}

struct Names {
    short: String,
    full: Option<String>,
}

/// The kernel's host name, and a full name where the host states one itself.
fn names(answers: &Answers) -> Result<Names, Gap> {
    let text = match answers.text(NAMES) {
        Ok(text) => text,
        // An answer cut short may still have told the name.
        Err(gap) => return uname_name(answers).ok_or(gap),
    };
    let stated = text.lines().find_map(|line| line.strip_prefix("uname\t"));
    let name = stated.map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| gap(NAMES, GapCause::Malformed))?;
    let named = named(name).ok_or_else(|| gap(NAMES, GapCause::Malformed))?;
    let full = named.full.or_else(|| full_in_hosts(text, &named.short));
    Ok(Names { full, ..named })
}

fn uname_name(answers: &Answers) -> Option<Names> {
    named(answers.text(UNAME).ok()?.lines().nth(1)?.trim())
}

/// A name with a dot is full, and its first label is the short one.
fn named(name: &str) -> Option<Names> {
    if !is_text(name, 255) || name.is_empty() {
        return None;
    }
    let (short, full) = match name.split_once('.') {
        Some((short, _)) => (short, Some(name.to_owned())),
        None => (name, None),
    };
    Some(Names {
        short: short.to_owned(),
        full,
    })
}

/// `hosts<TAB>127.0.1.1 web.example.org web`: the first full form of the short name.
fn full_in_hosts(text: &str, short: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("hosts\t"));
    let mut names = lines.flat_map(|line| line.split_whitespace().skip(1));
    let full = names.find(|name| {
        let label = name.split_once('.').map(|(label, _)| label);
        label == Some(short) && is_text(name, 255)
    })?;
    Some(full.to_owned())
}

/// The interfaces without loopback. Only a real one keeps its hardware address: bridges, tunnels
/// and the like make theirs up, often the same on many machines.
fn interfaces(answers: &Answers) -> Result<Vec<NetworkInterface>, Gap> {
    let text = answers.text(INTERFACES)?;
    let mut addresses: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    let mut macs: BTreeMap<String, String> = BTreeMap::new();
    let mut ifconfig = None;
    let mut current = String::new();
    for line in text.lines().take(20_000) {
        if let Some(format) = line.strip_prefix("# ") {
            ifconfig = Some(format == "ifconfig");
            continue;
        }
        let found = match ifconfig {
            None => link(line, &mut macs),
            Some(false) => ip_line(line),
            Some(true) => ifconfig_line(line, &mut current, &mut macs),
        };
        if let Some((name, address)) = found {
            let known = addresses.entry(name).or_default();
            known.extend(address.filter(is_own));
        }
    }
    let interface = |(name, mut addresses): (String, Vec<IpAddr>)| {
        addresses.sort_unstable();
        addresses.dedup();
        let mac = macs.get(&name).cloned().unwrap_or_default();
        NetworkInterface {
            name,
            mac,
            addresses,
        }
    };
    let mut list: Vec<_> = addresses.into_iter().map(interface).collect();
    list.retain(|one| !matches!(one.name.as_str(), "lo" | "lo0"));
    Ok(list)
}

type Found = Option<(String, Option<IpAddr>)>;

/// `link<TAB>eth0<TAB>device<TAB>aa:bb:…`. In a container no interface has a device, and its
/// `eth0` is as real as it gets.
fn link(line: &str, macs: &mut BTreeMap<String, String>) -> Found {
    let mut fields = line.split('\t').skip(1);
    let (name, kind, mac) = (fields.next()?, fields.next()?, fields.next()?);
    if name.len() > 64 {
        return None;
    }
    let real = kind == "device" || name.starts_with("eth") || name.starts_with("en");
    if let Some(mac) = mac_address(mac).filter(|_| real) {
        macs.insert(name.to_owned(), mac);
    }
    Some((name.to_owned(), None))
}

/// `2: eth0    inet 192.0.2.2/24 brd …`
fn ip_line(line: &str) -> Found {
    let mut fields = line.split_whitespace().skip(1);
    let name = fields.next()?;
    let name = name.split('@').next().unwrap_or(name);
    let _family = fields.next().filter(|word| word.starts_with("inet"))?;
    Some((clip(name, 64), address(fields.next()?)))
}

/// `em0: flags=…` opens an interface; `inet 192.0.2.2`, `inet addr:192.0.2.2`, `ether aa:…` and
/// `HWaddr aa:…` belong to the last one opened.
fn ifconfig_line(line: &str, current: &mut String, macs: &mut BTreeMap<String, String>) -> Found {
    let mut words = line.split_whitespace();
    if !line.starts_with(char::is_whitespace) {
        let name = words.next()?.trim_end_matches(':');
        *current = clip(name, 64);
    }
    let found = current.clone();
    let mut own = None;
    while let Some(word) = words.next() {
        match word {
            "inet" | "inet6" => own = words.next().and_then(address),
            "ether" | "HWaddr" | "lladdr" => {
                let mac = words.next().and_then(mac_address);
                macs.extend(mac.map(|mac| (current.clone(), mac)));
            }
            _ => {}
        }
    }
    (!found.is_empty()).then_some((found, own))
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix("addr:").unwrap_or(text);
    text.split(['/', '%']).next()?.parse().ok()
}

/// Whether an address says where the machine is: loopback and link-local ones do not.
pub(super) fn is_own(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !link_local && !address.is_loopback() && !address.is_unspecified()
}

pub(super) fn mac_address(text: &str) -> Option<String> {
    let mac = text.trim().to_ascii_lowercase();
    let mut octets = mac.split(':');
    let valid = octets.all(|octet| octet.len() == 2 && is_hex(octet)) && mac.len() == 17;
    valid.then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;
    use crate::model::Observed;

    #[test]
    fn root_only_facts_are_denied_and_placeholders_are_no_facts() {
        let text = "machine-id\t0123456789ABCDEF0123456789abcdef\nproduct-uuid\t!\nproduct-serial\tTo Be Filled By O.E.M.\n";
        let identity = identity(&answers(&[(IDENTITY, text)]));
        assert_eq!(
            identity.machine_id,
            Observed::Known("0123456789abcdef0123456789abcdef".to_owned())
        );
        let cause = |fact: &Observed<String>| fact.gap().unwrap().cause;
        assert_eq!(cause(&identity.product_uuid), GapCause::Denied);
        assert_eq!(cause(&identity.serial), GapCause::Malformed);
        assert_eq!(cause(&identity.boot_id), GapCause::Missing);
        assert_eq!(identity.interfaces.gap().unwrap().cause, GapCause::NotAsked);
    }

    #[test]
    fn the_full_name_comes_from_the_host_itself() {
        let full = |text: &str| {
            let identity = identity(&answers(&[(NAMES, text)]));
            (
                identity.hostname.known().cloned(),
                identity.fqdn.known().cloned(),
            )
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            full("uname\tweb\nhosts\t127.0.1.1 web.example.org web\n"),
            (some("web"), some("web.example.org"))
        );
        assert_eq!(full("uname\tweb.a.b\n"), (some("web"), some("web.a.b")));
        assert_eq!(full("uname\tweb\n"), (some("web"), None));
        assert_eq!(
            full(&format!("uname\t{}\n", "x".repeat(10_000))),
            (None, None)
        );
        assert_eq!(full("uname\ta\u{1b}[2J\n"), (None, None));
    }

    #[test]
    fn only_real_interfaces_keep_their_hardware_address() {
        let text = "link\tdocker0\tvirtual\t02:42:00:00:00:01\nlink\teth0\tdevice\t52:54:00:AA:BB:CC\nlink\tlo\tvirtual\t00:00:00:00:00:00\n\
            # ip\n1: lo    inet 127.0.0.1/8 scope host lo\n\
            2: eth0@if3    inet 192.0.2.2/24 brd 192.0.2.255\n2: eth0    inet6 fe80::1/64 scope link\n\
            3: docker0    inet 172.17.0.1/16\n";
        let identity = identity(&answers(&[(INTERFACES, text)]));
        assert_eq!(identity.macs(), ["52:54:00:aa:bb:cc"]);
        let interfaces = identity.interfaces.known().unwrap();
        let line = |one: &NetworkInterface| format!("{} {} {:?}", one.name, one.mac, one.addresses);
        let lines: Vec<_> = interfaces.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "docker0  [172.17.0.1]",
                "eth0 52:54:00:aa:bb:cc [192.0.2.2]"
            ]
        );
    }

    #[test]
    fn ifconfig_is_read_in_its_dialects() {
        let text = "# ifconfig\nem0: flags=8843<UP> metric 0\n\tether 52:54:00:aa:bb:cc\n\tinet 192.0.2.9 netmask 0xffffff00\n\tinet6 fe80::1%em0 prefixlen 64\nlo0: flags=1\n\tinet 127.0.0.1\n\
            eth1      Link encap:Ethernet  HWaddr 52:54:00:00:00:02\n          inet addr:198.51.100.7  Bcast:x\n";
        let identity = identity(&answers(&[(INTERFACES, text)]));
        assert_eq!(identity.macs(), ["52:54:00:00:00:02", "52:54:00:aa:bb:cc"]);
        assert_eq!(identity.interfaces.known().unwrap().len(), 2);
    }

    #[test]
    fn a_container_has_no_hardware_of_its_own() {
        let given = answers(&[
            (VIRTUAL, "virt\tdocker\n"),
            (IDENTITY, "sys-vendor\tQEMU\n"),
        ]);
        assert_eq!(
            identity(&given).vendor,
            Observed::Known("docker container".to_owned())
        );
        let given = answers(&[
            (VIRTUAL, "virt\tkvm\n"),
            (IDENTITY, "sys-vendor\tQEMU\nproduct-name\tStandard PC\n"),
        ]);
        assert_eq!(
            identity(&given).vendor,
            Observed::Known("QEMU Standard PC".to_owned())
        );
    }

    #[test]
    fn a_long_interface_name_is_cut_between_characters() {
        let text = format!(
            "# ifconfig\na{}: flags=1\n\tinet 192.0.2.1\n",
            "\u{20ac}".repeat(100)
        );
        let identity = identity(&answers(&[(INTERFACES, &text)]));
        let interfaces = identity.interfaces.known().unwrap();
        assert_eq!(interfaces[0].name.chars().count(), 64);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(.{0,30}\n){0,6}") {
            let text = format!("# ifconfig\n{text}");
            let _ = identity(&answers(&[(INTERFACES, &text), (IDENTITY, &text), (NAMES, &text)]));
        }
    }
}
