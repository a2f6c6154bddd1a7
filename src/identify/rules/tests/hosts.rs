//! Whole hosts, from what they show to what they seem to be.

use super::*;

fn shows(name: &str, clues: &[Clue], ports: &[u16]) {
    let print = fingerprint(clues, ports, today());
    let json = serde_json::to_string_pretty(&print).unwrap();
    insta::assert_snapshot!(name, json);
}

fn cert(port: u16, subject: &str, issuer: &str, common_name: &str, ends: &str) -> Clue {
    let certificate = Certificate {
        subject: text(subject),
        issuer: text(issuer),
        common_name: text(common_name),
        not_after: UtcTime::parse(ends),
        is_self_signed: subject == issuer,
        ..Certificate::default()
    };
    clue("tls", port, Fact::Certificate(certificate))
}

fn ntlm(source: &str, port: u16, names: [&str; 4], number: u16) -> Vec<Clue> {
    let [computer, domain, dns, dns_domain] = names;
    vec![
        clue(source, port, Fact::NetbiosComputer(text(computer))),
        clue(source, port, Fact::NetbiosDomain(text(domain))),
        clue(source, port, Fact::DnsComputer(text(dns))),
        clue(source, port, Fact::DnsDomain(text(dns_domain))),
        build(source, port, number),
    ]
}

#[test]
fn the_forgotten_iis_machine() {
    let names = ["WEB1", "CORP", "web1.corp.example", "corp.example"];
    let mut clues = ntlm("smb2", 445, names, 17763);
    clues.extend(ntlm("ntlm-http", 80, names, 17763));
    clues.extend([
        clue("smb2", 445, Fact::Speaks(text("smb"))),
        clue("smb2", 445, Fact::SmbDialect(text("3.0.2"))),
        clue("smb2", 445, Fact::SmbSigningRequired(false)),
        clue("smb2", 445, Fact::ClockSkew(-3)),
        clue("smb1", 445, Fact::Smb1),
        clue("http", 80, Fact::Speaks(text("http"))),
        product("http", 80, "Microsoft-IIS", "10.0"),
        clue("http", 80, Fact::Title(text("IIS Windows Server"))),
        clue("tls", 443, Fact::OldTls(text("TLS 1.0"))),
        cert(
            443,
            "CN=web1.corp.example",
            "CN=Corp CA",
            "web1.corp.example",
            "2024-03-01T00:00:00Z",
        ),
        clue("arp", 0, Fact::Mac(text("00:15:5d:01:02:03"))),
    ]);
    shows("iis_server_2019", &clues, &[80, 135, 443, 445]);
}

#[test]
fn a_domain_controller() {
    let names = ["DC1", "CORP", "dc1.corp.example", "corp.example"];
    let mut clues = ntlm("smb2", 445, names, 14393);
    clues.extend([
        clue("smb2", 445, Fact::SmbSigningRequired(true)),
        clue("ldap", 389, Fact::DnsComputer(text("DC1.corp.example"))),
        clue("ldap", 389, Fact::DnsDomain(text("corp.example"))),
        clue("ldap", 389, Fact::NamingContext(text("DC=corp,DC=example"))),
        clue("nbstat", 137, Fact::NetbiosComputer(text("DC1"))),
        clue("nbstat", 137, Fact::NetbiosSuffix(0x1c)),
        clue("nbstat", 137, Fact::Mac(text("f8:b1:56:00:00:01"))),
        reverse("dc1.corp.example", true),
    ]);
    shows("domain_controller", &clues, &[53, 88, 135, 389, 445, 3268]);
}

#[test]
fn a_windows_11_workstation() {
    let names = ["PC-0815", "CORP", "pc-0815.corp.example", "corp.example"];
    let mut clues = ntlm("rdp", 3389, names, 22621);
    clues.extend([
        clue("rdp", 3389, Fact::Speaks(text("rdp"))),
        clue("rdp", 3389, Fact::NetworkLevelAuthentication(true)),
        cert(
            3389,
            "CN=pc-0815.corp.example",
            "CN=pc-0815.corp.example",
            "pc-0815.corp.example",
            "2027-01-01T00:00:00Z",
        ),
        reverse("dhcp-17.corp.example", false),
    ]);
    shows("windows_11", &clues, &[3389]);
}

#[test]
fn a_storage_box_with_samba() {
    let mut clues = ntlm("smb2", 445, ["NAS", "NAS", "nas", ""], 0);
    clues.extend([
        clue("smb2", 445, Fact::Samba(String::new())),
        clue("smb2", 445, Fact::SmbSigningRequired(false)),
        clue("http", 80, Fact::Title(text("TrueNAS - 10.0.0.9"))),
        clue("nbstat", 137, Fact::NetbiosDomain(text("WORKGROUP"))),
    ]);
    shows("samba_nas", &clues, &[22, 80, 445]);
}

#[test]
fn a_debian_12() {
    let clues = [
        clue("ssh", 22, Fact::Speaks(text("ssh"))),
        clue(
            "ssh",
            22,
            Fact::Banner(text("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")),
        ),
        product("http", 80, "nginx", "1.22.1"),
        reverse("web3.example", true),
        clue("arp", 0, Fact::Mac(text("52:54:00:12:34:56"))),
    ];
    shows("debian_12", &clues, &[22, 80]);
}

#[test]
fn an_enterprise_linux_9() {
    let clues = [clue("ssh", 22, Fact::Banner(text("SSH-2.0-OpenSSH_8.7")))];
    shows("el_9", &clues, &[22]);
}

#[test]
fn a_printer() {
    let engine = Fact::SnmpEngine {
        id: text("8000027d03002673000001"),
        enterprise: 641,
        boots: 3,
        uptime: 86_400,
    };
    let clues = [
        clue("http", 80, Fact::Title(text("Lexmark MS610dn"))),
        clue("snmp", 161, engine),
        clue("mdns", 5353, Fact::Announces(text("_pdl-datastream._tcp"))),
        clue("mdns", 5353, Fact::DnsComputer(text("ET0021B7.local"))),
        clue("arp", 0, Fact::Mac(text("00:21:b7:00:00:01"))),
    ];
    shows("printer", &clues, &[80, 9100]);
}

#[test]
fn a_switch() {
    let clues = [
        clue("ssh", 22, Fact::Banner(text("SSH-2.0-Cisco-1.25"))),
        cert(
            443,
            "CN=IOS-Self-Signed-Certificate-1234567890",
            "CN=IOS-Self-Signed-Certificate-1234567890",
            "IOS-Self-Signed-Certificate-1234567890",
            "2020-01-01T00:00:00Z",
        ),
        clue("http", 443, Fact::Title(text("Catalyst 2960 Web UI"))),
        clue("arp", 0, Fact::Mac(text("00:00:0c:12:34:56"))),
    ];
    shows("switch", &clues, &[22, 443]);
}

#[test]
fn an_esxi() {
    let clues = [
        clue("http", 443, Fact::Title(text("VMware ESXi"))),
        cert(
            443,
            "C=US, O=VMware\\, Inc, OU=VMware ESX Server Default Certificate, CN=esx1.example",
            "O=VMware Installer",
            "esx1.example",
            "2030-01-01T00:00:00Z",
        ),
        clue(
            "greeting",
            902,
            Fact::Banner(text(
                "220 VMware Authentication Daemon Version 1.10: SSL Required",
            )),
        ),
        clue("ssh", 22, Fact::Banner(text("SSH-2.0-OpenSSH_8.3"))),
    ];
    shows("esxi", &clues, &[22, 80, 443, 902]);
}

#[test]
fn a_synology() {
    let mut clues = ntlm("smb2", 445, ["DISK", "DISK", "disk", ""], 0);
    clues.extend([
        clue(
            "http",
            5000,
            Fact::Title(text("DISK - Synology DiskStation")),
        ),
        cert(
            5001,
            "CN=synology",
            "CN=Synology Inc. CA",
            "synology",
            "2039-01-01T00:00:00Z",
        ),
        clue("ssh", 22, Fact::Banner(text("SSH-2.0-OpenSSH_8.2"))),
        clue("arp", 0, Fact::Mac(text("00:11:32:00:00:01"))),
    ]);
    shows("synology", &clues, &[22, 445, 5000, 5001]);
}
