//! What a machine shows without a login, as the readers in `src/identify` tell it.

use super::cast::{DOMAIN, FOREIGN, Machine, Membership, Shown, netbios};
use super::digests::{digest, hyphenated};
use super::network::Subnet;
use std::net::{IpAddr, Ipv4Addr};
use underdesk::model::{Certificate, Clue, Fact, HostKey, UtcTime};

/// The ports that every run tries.
pub(super) const PORTS: &[u16] = &[22, 80, 135, 389, 443, 445, 3389, 5985, 8080];

/// What it shows at one of its addresses in a run that began at a time.
pub(super) fn clues(machine: &Machine, run: usize, at: usize, now: UtcTime) -> Vec<Clue> {
    let (address, mac) = &machine.presence[run][at];
    let mut look = Look {
        machine,
        others: machine.presence[run]
            .iter()
            .map(|(other, _)| *other)
            .filter(|other| other != address)
            .collect(),
        mac,
        now,
        clues: Vec::new(),
    };
    if Subnet::of(*address).is_some_and(|subnet| subnet.is_own) && !mac.is_empty() {
        look.say("arp", "", 0, [Fact::Mac(mac.clone())]);
    }
    if let Some((name, is_confirmed)) = &machine.reverse {
        let (name, is_confirmed) = (name.clone(), *is_confirmed);
        look.say(
            "reverse-dns",
            "",
            0,
            [Fact::ReverseName { name, is_confirmed }],
        );
    }
    for shown in &machine.face {
        look.show(shown);
    }
    look.clues
}

/// The ports of [`PORTS`] that it accepts connections on.
pub(super) fn open_ports(machine: &Machine) -> Vec<u16> {
    if machine.kind == "firewall" {
        return PORTS.to_vec();
    }
    let mut ports: Vec<u16> = machine.face.iter().filter_map(port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn port(shown: &Shown) -> Option<u16> {
    match shown {
        Shown::Smb => Some(445),
        Shown::Rdp => Some(3389),
        Shown::Rpc => Some(135),
        Shown::Winrm => Some(5985),
        Shown::Ldap => Some(389),
        Shown::Ssh => Some(22),
        Shown::Iis { .. } => Some(80),
        Shown::Http { port, .. } | Shown::Https { port, .. } | Shown::Mute(port) => Some(*port),
        Shown::Snmp { .. } => None,
    }
}

/// The host key that it shows, where it speaks SSH.
pub(super) fn host_key(machine: &Machine) -> Option<HostKey> {
    machine.face.contains(&Shown::Ssh).then(|| HostKey {
        algorithm: "ssh-ed25519".to_owned(),
        fingerprint: machine.host_key.clone(),
    })
}

struct Look<'a> {
    machine: &'a Machine,
    /// Its other addresses.
    others: Vec<Ipv4Addr>,
    /// The card at this one.
    mac: &'a str,
    now: UtcTime,
    clues: Vec<Clue>,
}

impl Look<'_> {
    fn say(&mut self, source: &str, proto: &str, port: u16, facts: impl IntoIterator<Item = Fact>) {
        self.clues.extend(facts.into_iter().map(|fact| Clue {
            source: source.to_owned(),
            proto: proto.to_owned(),
            port,
            fact,
        }));
    }

    fn show(&mut self, shown: &Shown) {
        match shown {
            Shown::Smb => self.smb(),
            Shown::Rdp => self.rdp(),
            Shown::Rpc => self.rpc(),
            Shown::Winrm => {
                let facts = [speaks("winrm"), product("Microsoft-HTTPAPI", "2.0")];
                let facts = facts.into_iter().chain(self.challenge());
                self.say("winrm", "tcp", 5985, facts.collect::<Vec<_>>());
            }
            Shown::Ldap => self.ldap(),
            Shown::Ssh => self.ssh(),
            Shown::Http {
                port,
                server,
                title,
            } => self.say("http", "tcp", *port, page(server, title)),
            Shown::Https {
                port,
                server,
                title,
                name,
                is_self_signed,
            } => {
                self.say("https", "tcp", *port, page(server, title));
                let certificate = self.certificate(*port, name, *is_self_signed);
                self.say(
                    "tls",
                    "tcp",
                    *port,
                    [Fact::Tls("TLS 1.2".to_owned()), certificate],
                );
            }
            Shown::Iis { version, title } => {
                let mut facts = page(&format!("Microsoft-IIS/{version}"), title);
                facts.extend(self.challenge());
                self.say("http", "tcp", 80, facts);
            }
            Shown::Snmp { enterprise } => self.snmp(*enterprise),
            Shown::Mute(_) => {}
        }
    }

    /// What an NTLM challenge tells (MS-NLMP 2.2.1.2): a machine without a domain calls its domain by its own name.
    fn challenge(&self) -> Vec<Fact> {
        let machine = self.machine;
        let computer = netbios(&machine.name);
        let (domain, dns_domain) = match machine.membership {
            Membership::Domain => ("CORP".to_owned(), DOMAIN.to_owned()),
            Membership::Foreign => ("PARTNER".to_owned(), FOREIGN.to_owned()),
            Membership::Workgroup => (computer.clone(), machine.name.clone()),
        };
        let (major, minor, build) = machine.system.stated;
        let mut facts = vec![
            Fact::NetbiosComputer(computer),
            Fact::NetbiosDomain(domain),
            Fact::DnsComputer(machine.fqdn()),
            Fact::DnsDomain(dns_domain.clone()),
        ];
        if machine.membership != Membership::Workgroup {
            facts.push(Fact::DnsForest(dns_domain));
        }
        facts.extend([
            Fact::WindowsBuild {
                major,
                minor,
                build,
            },
            Fact::ClockSkew(0),
        ]);
        facts
    }

    fn smb(&mut self) {
        let machine = self.machine;
        let is_old = machine.system.stated.0 < 10;
        let guid = hyphenated(&digest(&format!("server guid {}", machine.name)));
        let mut facts = vec![
            speaks("smb"),
            Fact::SmbDialect(if is_old { "2.1" } else { "3.0.2" }.to_owned()),
            Fact::SmbSigningRequired(machine.face.contains(&Shown::Ldap)),
            Fact::ServerGuid(guid),
        ];
        facts.extend(self.challenge());
        self.say("smb2", "tcp", 445, facts);
    }

    fn rdp(&mut self) {
        let certificate = self.certificate(3389, &self.machine.fqdn(), true);
        let mut facts = vec![
            speaks("rdp"),
            Fact::NetworkLevelAuthentication(true),
            Fact::Tls("TLS 1.2".to_owned()),
            certificate,
        ];
        facts.extend(self.challenge());
        self.say("rdp", "tcp", 3389, facts);
    }

    fn rpc(&mut self) {
        let others: Vec<Fact> = self
            .others
            .iter()
            .map(|other| Fact::OtherAddress(IpAddr::V4(*other)))
            .collect();
        let mut facts = vec![speaks("msrpc")];
        facts.extend(others);
        facts.push(Fact::NetbiosComputer(netbios(&self.machine.name)));
        facts.extend(self.challenge());
        self.say("msrpc", "tcp", 135, facts);
    }

    fn ldap(&mut self) {
        let facts = [
            speaks("ldap"),
            Fact::DnsComputer(self.machine.fqdn()),
            Fact::NamingContext("DC=corp,DC=example".to_owned()),
            Fact::DnsDomain(DOMAIN.to_owned()),
            Fact::DnsForest(DOMAIN.to_owned()),
            Fact::ClockSkew(0),
            product("Active Directory", "2016"),
        ];
        self.say("ldap", "tcp", 389, facts);
    }

    fn ssh(&mut self) {
        let banner = self.machine.system.banner.to_owned();
        let version = banner
            .trim_start_matches("SSH-2.0-")
            .split(' ')
            .next()
            .unwrap_or_default();
        let told = match version.split_once('_') {
            Some((name, version)) => product(name, version),
            None => product("Cisco SSH", ""),
        };
        let key = host_key(self.machine).map(Fact::HostKey);
        let facts = [speaks("ssh"), told, Fact::Banner(banner)]
            .into_iter()
            .chain(key);
        self.say("ssh", "tcp", 22, facts.collect::<Vec<_>>());
    }

    fn snmp(&mut self, enterprise: u32) {
        // RFC 3411 5: the highest bit, the maker's number, 3 for a hardware address, the address.
        let mut id = format!("{:08x}03", 0x8000_0000 | enterprise);
        id.extend(self.mac.chars().filter(|one| *one != ':'));
        let engine = Fact::SnmpEngine {
            id,
            enterprise,
            boots: 12,
            uptime: 86_400 * 9,
        };
        self.say(
            "snmp",
            "udp",
            161,
            [speaks("snmp"), engine, Fact::Mac(self.mac.to_owned())],
        );
    }

    fn certificate(&self, port: u16, name: &str, is_self_signed: bool) -> Fact {
        let year = 365 * 86_400;
        let seed = format!("certificate {} {port} {name}", self.machine.name);
        Fact::Certificate(Certificate {
            subject: format!("CN={name}"),
            issuer: if is_self_signed {
                format!("CN={name}")
            } else {
                "CN=Example Issuing CA".to_owned()
            },
            common_name: name.to_owned(),
            names: Vec::new(),
            not_before: Some(UtcTime::from_unix(self.now.unix() - year / 4)),
            not_after: Some(UtcTime::from_unix(self.now.unix() + year / 4)),
            is_self_signed,
            sha256: digest(&seed),
        })
    }
}

fn speaks(protocol: &str) -> Fact {
    Fact::Speaks(protocol.to_owned())
}

fn product(name: &str, version: &str) -> Fact {
    Fact::Product {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// A page at `/`: `Server` header, the product in it, the title.
fn page(server: &str, title: &str) -> Vec<Fact> {
    let mut facts = vec![speaks("http")];
    if !server.is_empty() {
        facts.push(Fact::Banner(server.to_owned()));
        let first = server.split(' ').next().unwrap_or_default();
        if let Some((name, version)) = first.split_once('/') {
            facts.push(product(name, version));
        } else if first == server {
            facts.push(product(server, ""));
        }
    }
    facts.push(Fact::Title(title.to_owned()));
    facts
}
