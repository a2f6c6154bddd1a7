//! Rules one by one, and whole hosts.

use super::*;
use crate::model::{Certainty, Certificate, Family, Role, UtcTime};

mod hosts;

fn clue(source: &str, port: u16, fact: Fact) -> Clue {
    let proto = if port == 0 { "" } else { "tcp" };
    Clue {
        source: source.to_owned(),
        proto: proto.to_owned(),
        port,
        fact,
    }
}

fn today() -> Date {
    Date::parse("2026-11-29").unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn judged(clues: &[Clue]) -> Fingerprint {
    fingerprint(clues, &[], today())
}

fn build(source: &str, port: u16, build: u16) -> Clue {
    let (major, minor) = match build {
        0 | 7600 | 7601 => (6, 1),
        9200 => (6, 2),
        9600 => (6, 3),
        _ => (10, 0),
    };
    clue(
        source,
        port,
        Fact::WindowsBuild {
            major,
            minor,
            build,
        },
    )
}

fn product(source: &str, port: u16, name: &str, version: &str) -> Clue {
    let fact = Fact::Product {
        name: text(name),
        version: text(version),
    };
    clue(source, port, fact)
}

fn reverse(name: &str, is_confirmed: bool) -> Clue {
    let name = text(name);
    clue("reverse-dns", 0, Fact::ReverseName { name, is_confirmed })
}

fn certificate(port: u16, common_name: &str) -> Clue {
    let certificate = Certificate {
        subject: format!("CN={common_name}"),
        issuer: format!("CN={common_name}"),
        common_name: text(common_name),
        ..Certificate::default()
    };
    clue("tls", port, Fact::Certificate(certificate))
}

fn value(claim: Option<&crate::model::Claim>) -> String {
    claim.map_or(String::new(), |claim| {
        format!("{} ({})", claim.value, claim.certainty.as_str())
    })
}

fn os(clues: &[Clue]) -> String {
    value(judged(clues).os.as_ref())
}

#[test]
fn every_build_is_named_and_a_client_or_a_server_is_not_told_apart() {
    let cases = [
        (3790, "Windows XP x64 or Windows Server 2003"),
        (7601, "Windows 7 or Windows Server 2008 R2"),
        (9600, "Windows 8.1 or Windows Server 2012 R2"),
        (14393, "Windows 10 1607 or Windows Server 2016"),
        (17763, "Windows 10 1809 or Windows Server 2019"),
        (
            19041,
            "Windows 10 2004 to 22H2 or Windows Server, version 2004 or 20H2",
        ),
        (20348, "Windows Server 2022"),
        (22621, "Windows 11 22H2 or 23H2"),
        (26100, "Windows 11 24H2 or 25H2 or Windows Server 2025"),
        (29000, "Windows, unknown build 29000"),
    ];
    for (number, expected) in cases {
        let print = judged(&[build("smb2", 445, number)]);
        assert_eq!(value(print.os.as_ref()), format!("{expected} (sure)"));
        assert_eq!(print.build, Some(u32::from(number)));
        assert_eq!(print.family, Some(Family::Windows));
    }
}

#[test]
fn a_role_that_only_servers_have_decides() {
    let context = clue("ldap", 389, Fact::NamingContext(text("DC=corp,DC=example")));
    let print = judged(&[build("smb2", 445, 26100), context]);
    assert_eq!(value(print.os.as_ref()), "Windows Server 2025 (sure)");
    assert_eq!(print.os_version.as_deref(), Some("2025"));
    let native = clue(
        "smb1",
        445,
        Fact::Banner(text("Windows Server 2016 Standard 14393")),
    );
    let print = judged(&[build("smb2", 445, 14393), native]);
    assert_eq!(value(print.os.as_ref()), "Windows Server 2016 (sure)");
    // IIS and SQL Server run on clients too.
    let iis = product("http", 80, "Microsoft-IIS", "10.0");
    let print = judged(&[build("smb2", 445, 14393), iis]);
    assert_eq!(
        value(print.os.as_ref()),
        "Windows 10 1607 or Windows Server 2016 (sure)"
    );
    assert_eq!(print.os_version, None);
}

#[test]
fn support_has_ended_only_where_it_has_for_all_that_it_can_be() {
    let ended = |number, on| {
        let on = Date::parse(on).unwrap();
        let print = fingerprint(&[build("smb2", 445, number)], &[], on);
        print.end_of_life.map(|last| last.to_string())
    };
    assert_eq!(ended(9600, "2023-10-10"), None);
    assert_eq!(ended(9600, "2023-10-11").as_deref(), Some("2023-10-10"));
    // The LTSC of 2021 is of that build.
    assert_eq!(ended(19041, "2026-11-29"), None);
    assert_eq!(ended(14393, "2026-11-29"), None);
    assert_eq!(ended(14393, "2027-01-13").as_deref(), Some("2027-01-12"));
    assert_eq!(ended(29000, "2050-01-01"), None);
    // A guess ends nothing.
    let el7 = clue("ssh", 22, Fact::Banner(text("SSH-2.0-OpenSSH_7.4")));
    assert_eq!(judged(&[el7]).end_of_life, None);
    let debian = clue(
        "ssh",
        22,
        Fact::Banner(text("SSH-2.0-OpenSSH_7.9p1 Debian-10+deb10u2")),
    );
    let print = judged(&[debian]);
    assert_eq!(print.end_of_life, Date::parse("2024-06-30"));
    assert_eq!(print.weaknesses.len(), 1);
    assert_eq!(print.weaknesses[0].kind, "end_of_life");
}

#[test]
fn samba_is_never_windows_7() {
    for clues in [
        vec![build("smb2", 445, 0)],
        vec![
            build("smb2", 445, 0),
            clue("smb2", 445, Fact::Samba(String::new())),
        ],
    ] {
        let print = judged(&clues);
        assert_eq!((print.os, print.build), (None, None));
        assert_eq!(print.family, Some(Family::Unix));
        assert_eq!(print.roles, [Role::FileServer]);
    }
    assert_eq!(
        os(&[clue("smb1", 445, Fact::Samba(text("4.17.12-Debian")))]),
        "Debian (likely)"
    );
}

#[test]
fn a_version_of_iis_tells_the_version_of_windows() {
    let cases = [
        ("8.5", "Windows 8.1 or Windows Server 2012 R2 (likely)"),
        ("7.5", "Windows 7 or Windows Server 2008 R2 (likely)"),
        (
            "10.0",
            "Windows 10 or later or Windows Server 2016 or later (likely)",
        ),
    ];
    for (version, expected) in cases {
        assert_eq!(
            os(&[product("http", 80, "Microsoft-IIS", version)]),
            expected
        );
    }
    // The build is the finer statement, and the two agree.
    let both = [
        product("http", 80, "Microsoft-IIS", "10.0"),
        build("smb2", 445, 20348),
    ];
    assert_eq!(os(&both), "Windows Server 2022 (sure)");
    // They do not where a proxy answers for another machine.
    let differ = [
        product("http", 80, "Microsoft-IIS", "8.5"),
        build("smb2", 445, 20348),
    ];
    let print = judged(&differ);
    assert_eq!(value(print.os.as_ref()), "Windows Server 2022 (likely)");
    let sources = ["http 80: Windows 8.1 or Windows Server 2012 R2", "smb2 445"];
    assert_eq!(print.os.unwrap().sources, sources);
}

#[test]
fn a_name_comes_from_the_strongest_source() {
    let ladder = [
        clue("smb2", 445, Fact::DnsComputer(text("a.example"))),
        clue("ldap", 389, Fact::DnsComputer(text("b.example"))),
        certificate(3389, "c.example"),
        clue("nbstat", 137, Fact::DnsComputer(text("d.example"))),
        reverse("e.example", true),
        certificate(443, "f.example"),
        reverse("g.example", false),
    ];
    for (at, first) in ["a", "b", "c", "d", "e", "f", "g"].iter().enumerate() {
        let print = judged(&ladder[at..]);
        let fqdn = print.fqdn.unwrap();
        assert_eq!(fqdn.value, format!("{first}.example"));
        let heard = ladder[at..]
            .iter()
            .map(source)
            .collect::<std::collections::BTreeSet<_>>();
        assert!(fqdn.sources.len() >= heard.len(), "all are listed");
    }
}

#[test]
fn a_contradiction_costs_certainty_and_a_stale_reverse_name_does_not() {
    let ntlm = clue("smb2", 445, Fact::DnsComputer(text("web1.example")));
    let print = judged(&[ntlm.clone(), certificate(3389, "web2.example")]);
    let fqdn = print.fqdn.unwrap();
    assert_eq!(
        (fqdn.value.as_str(), fqdn.certainty),
        ("web1.example", Certainty::Likely)
    );
    assert_eq!(fqdn.sources, ["smb2 445", "tls 3389: web2.example"]);
    let print = judged(&[ntlm, reverse("pc17.example", false)]);
    assert_eq!(value(print.fqdn.as_ref()), "web1.example (sure)");
}

#[test]
fn a_name_that_netbios_has_cut_is_the_same_name() {
    let clues = [
        clue("smb2", 445, Fact::NetbiosComputer(text("A-VERY-LONG-COM"))),
        clue(
            "smb2",
            445,
            Fact::DnsComputer(text("a-very-long-computer.example")),
        ),
        clue(
            "nbstat",
            137,
            Fact::NetbiosComputer(text("A-VERY-LONG-COM")),
        ),
    ];
    let print = judged(&clues);
    assert_eq!(
        value(print.hostname.as_ref()),
        "a-very-long-computer (sure)"
    );
    assert_eq!(print.hostname.unwrap().sources, ["nbstat 137", "smb2 445"]);
}

#[test]
fn names_that_tell_nothing_are_no_names() {
    for name in [
        "localhost",
        "localhost.localdomain",
        "*.example",
        "10.0.0.1",
        "",
        "a b",
    ] {
        let print = judged(&[certificate(3389, name)]);
        assert_eq!((print.fqdn, print.hostname), (None, None), "{name}");
    }
    // A page may have any name; the machine is not called so.
    let print = judged(&[certificate(443, "www.shop.example")]);
    assert_eq!(value(print.fqdn.as_ref()), "www.shop.example (guess)");
    assert_eq!(print.hostname, None);
}

#[test]
fn a_machine_without_a_domain_is_in_none() {
    let names = |computer: &str, domain: &str| {
        vec![
            clue("smb2", 445, Fact::NetbiosComputer(text(computer))),
            clue("smb2", 445, Fact::NetbiosDomain(text(domain))),
            clue("smb2", 445, Fact::DnsComputer(text(computer))),
            clue("smb2", 445, Fact::DnsDomain(text(domain))),
        ]
    };
    let print = judged(&names("PC", "PC"));
    assert_eq!((print.is_domain_member, print.domain), (Some(false), None));
    let print = judged(&names("PC", "CORP"));
    assert_eq!(print.is_domain_member, Some(true));
    assert_eq!(value(print.domain.as_ref()), "CORP (sure)");
    let mut clues = names("PC", "PC");
    clues.push(clue("nbstat", 137, Fact::NetbiosDomain(text("WORKGROUP"))));
    let print = judged(&clues);
    assert_eq!(print.is_domain_member, Some(false));
    assert_eq!(value(print.domain.as_ref()), "WORKGROUP (likely)");
    // SMB 1 names the workgroup where NTLM would name the machine.
    let mut clues = vec![clue("smb1", 445, Fact::NetbiosComputer(text("PC")))];
    clues.push(clue("smb1", 445, Fact::NetbiosDomain(text("OFFICE"))));
    let print = judged(&clues);
    assert_eq!(print.is_domain_member, None);
    assert_eq!(value(print.domain.as_ref()), "OFFICE (likely)");
    // Two exchanges that disagree speak of two machines.
    let mut clues = names("PC", "PC");
    clues.push(clue("rdp", 3389, Fact::NetbiosComputer(text("OTHER"))));
    clues.push(clue("rdp", 3389, Fact::NetbiosDomain(text("CORP"))));
    assert_eq!(judged(&clues).is_domain_member, None);
}

#[test]
fn signing_matters_where_others_trust_the_host() {
    let unsigned = clue("smb2", 445, Fact::SmbSigningRequired(false));
    let of = |clues: &[Clue]| {
        let weaknesses = judged(clues).weaknesses.into_iter();
        let signing = weaknesses.filter(|one| one.kind == "smb_signing_optional");
        signing.map(|one| one.detail).collect::<Vec<_>>()
    };
    assert!(of(&[unsigned.clone(), build("smb2", 445, 22621)]).is_empty());
    // It may be a workstation.
    assert!(of(&[unsigned.clone(), build("smb2", 445, 17763)]).is_empty());
    let server = of(&[unsigned.clone(), build("smb2", 445, 20348)]);
    assert_eq!(
        server,
        ["no signature is asked for on port 445 of a Windows server"]
    );
    let suffix = clue("nbstat", 137, Fact::NetbiosSuffix(0x1c));
    let controller = of(&[unsigned, build("smb2", 445, 20348), suffix]);
    assert_eq!(
        controller,
        ["no signature is asked for on port 445 of a domain controller"]
    );
}

#[test]
fn what_a_probe_can_end_is_left_alone() {
    let fragile = |clues: &[Clue], ports: &[u16]| is_fragile(clues, ports);
    for ports in [
        [9100].as_slice(),
        &[515],
        &[631, 80],
        &[502],
        &[44818],
        &[102],
    ] {
        assert!(fragile(&[], ports), "{ports:?}");
    }
    assert!(fragile(
        &[clue("http", 80, Fact::Title(text("HP LaserJet 400")))],
        &[80]
    ));
    assert!(
        fragile(&[clue("arp", 0, Fact::Mac(text("00:40:8c:00:00:01")))], &[]),
        "Axis"
    );
    assert!(!fragile(&[], &[22, 80, 443]));
    assert!(!fragile(&[], &[135, 445, 3389]));
    // A print server, and a Linux whose metrics are on a printer's port.
    assert!(!fragile(&[], &[135, 445, 515, 3389]));
    let debian = clue(
        "ssh",
        22,
        Fact::Banner(text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")),
    );
    assert!(!fragile(&[debian], &[22, 9100]));
    // One guess against another.
    assert!(fragile(&[], &[135, 502]));
    assert!(!fragile(&[], &[3389, 554]));
    // Who made the card is no reason where one can log in.
    let siemens = clue("arp", 0, Fact::Mac(text("00:0e:8c:00:00:01")));
    assert!(fragile(std::slice::from_ref(&siemens), &[80]));
    assert!(!fragile(std::slice::from_ref(&siemens), &[22, 80]));
    assert!(!fragile(std::slice::from_ref(&siemens), &[3389]));
}

#[test]
fn the_products_that_pages_are_known_by_tell_the_device() {
    let cases = [
        ("HP LaserJet", DeviceKind::Printer),
        ("Brother printer", DeviceKind::Printer),
        ("IP camera", DeviceKind::Camera),
        ("APC UPS", DeviceKind::Ups),
        ("Siemens SIMATIC", DeviceKind::Plc),
        ("snom phone", DeviceKind::Phone),
        ("Dell iDRAC", DeviceKind::ManagementBoard),
        ("VMware ESXi", DeviceKind::Hypervisor),
        ("Synology DSM", DeviceKind::Nas),
        ("Fortinet FortiGate", DeviceKind::Firewall),
        ("MikroTik RouterOS", DeviceKind::Router),
        ("Microsoft Exchange", DeviceKind::Computer),
        ("Jenkins", DeviceKind::Unknown),
    ];
    for (name, kind) in cases {
        let print = judged(&[product("http", 443, name, "")]);
        assert_eq!(print.device, kind, "{name}");
    }
    let exchange = judged(&[product("http", 443, "Microsoft Exchange", "15.1.2507")]);
    assert_eq!(exchange.roles, [Role::Exchange]);
}

#[test]
fn a_finer_kind_is_taken_where_it_is_likely() {
    let debian = clue(
        "ssh",
        22,
        Fact::Banner(text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")),
    );
    let kind = |clues: &[Clue], ports: &[u16]| fingerprint(clues, ports, today()).device;
    assert_eq!(
        kind(std::slice::from_ref(&debian), &[22, 8006]),
        DeviceKind::Computer
    );
    let title = clue(
        "http",
        8006,
        Fact::Title(text("pve1 - Proxmox Virtual Environment")),
    );
    assert_eq!(kind(&[debian, title], &[22, 8006]), DeviceKind::Hypervisor);
}

#[test]
fn an_old_certificate_an_old_tls_and_a_screen_for_all_are_told() {
    let mut old = certificate(443, "web.example");
    if let Fact::Certificate(certificate) = &mut old.fact {
        certificate.not_after = UtcTime::parse("2026-11-28T23:59:59Z");
    }
    let clues = [
        old,
        clue("tls", 443, Fact::OldTls(text("TLS 1.0"))),
        clue("rdp", 3389, Fact::NetworkLevelAuthentication(false)),
        clue("smb1", 445, Fact::Smb1),
        clue("smb1", 445, Fact::Smb1),
    ];
    let kinds = judged(&clues).weaknesses.into_iter().map(|one| one.kind);
    let expected = ["certificate_expired", "no_nla", "old_tls", "smb1"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    let before = Date::parse("2026-11-28").unwrap();
    let kinds = fingerprint(&clues, &[], before).weaknesses;
    assert!(kinds.iter().all(|one| one.kind != "certificate_expired"));
}

#[test]
fn addresses_are_told_once_and_the_maker_is_that_of_a_card() {
    let macs = [
        "00:00:5E:00:01:0A",
        "f8-b1-56-00-00-01",
        "F8:B1:56:00:00:01",
        "00:00:00:00:00:00",
        "x",
    ];
    let clues = macs.map(|mac| clue("arp", 0, Fact::Mac(text(mac))));
    let print = judged(&clues);
    assert_eq!(print.macs, ["00:00:5e:00:01:0a", "f8:b1:56:00:00:01"]);
    assert_eq!(print.mac_vendor.as_deref(), Some("Dell"));
    assert_eq!(
        judged(&clues[..1]).mac_vendor.as_deref(),
        Some("VRRP (shared)")
    );
}

#[test]
fn the_finest_clock_tells_the_skew() {
    let clues = [
        clue("http", 80, Fact::ClockSkew(0)),
        clue("ldap", 389, Fact::ClockSkew(-1)),
        clue("smb2", 445, Fact::ClockSkew(7200)),
    ];
    assert_eq!(judged(&clues).clock_skew, Some(7200));
}

#[test]
fn hostile_names_stay_text() {
    let nasty = [
        "=cmd|'/c calc'!A1".to_owned(),
        "a\u{1b}[2J\r\nb".to_owned(),
        "x".repeat(10_000),
        "\u{202e}gpj.exe".to_owned(),
    ];
    for name in nasty {
        let clues = [
            clue(&name, 445, Fact::DnsComputer(name.clone())),
            clue("smb2", 445, Fact::NetbiosComputer(name.clone())),
            clue("smb2", 445, Fact::DnsDomain(name.clone())),
            clue("http", 80, Fact::Title(name.clone())),
            clue("tls", 443, Fact::OldTls(name.clone())),
            reverse(&name, true),
        ];
        let json = serde_json::to_string(&judged(&clues)).unwrap();
        assert!(json.len() < 6_000, "{}", json.len());
        assert!(!json.contains("\\u001b") && !json.contains("\\n"), "{json}");
    }
}

proptest::proptest! {
    #[test]
    fn no_texts_make_it_panic(
        texts in proptest::collection::vec("\\PC{0,40}|SSH-2.0-OpenSSH_[0-9.p]{0,5} ?.{0,9}", 1..12),
        ports in proptest::collection::vec(0..u16::MAX, 0..8),
        number: u16,
    ) {
        let mut clues = vec![build("smb2", 445, number)];
        for (at, text) in texts.iter().enumerate() {
            let fact = match at % 8 {
                0 => Fact::Banner(text.clone()),
                1 => Fact::Title(text.clone()),
                2 => Fact::DnsComputer(text.clone()),
                3 => Fact::Samba(text.clone()),
                4 => Fact::Mac(text.clone()),
                5 => Fact::Speaks(text.clone()),
                6 => Fact::NetbiosDomain(text.clone()),
                _ => Fact::Announces(text.clone()),
            };
            clues.push(clue(text, number, fact));
        }
        let print = fingerprint(&clues, &ports, today());
        // The order in which things were heard changes nothing.
        clues.reverse();
        proptest::prop_assert_eq!(print, fingerprint(&clues, &ports, today()));
        let open = ports.iter().map(|port| (*port, texts[0].as_str())).collect::<Vec<_>>();
        let _ = services(&open, &clues);
    }
}
