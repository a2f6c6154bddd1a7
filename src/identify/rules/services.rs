//! What listens on a host, port by port, as far as it says so.

use super::{shown, tables};
use crate::identify::open_service;
use crate::model::{Certainty, Clue, Fact, SeenBy, Service, ServiceTls};
use std::collections::BTreeSet;

/// What listens on each port that accepted a connection, and on the UDP ports that answered; sorted.
///
/// `open` is the ports and what each said first. A service is sure where the protocol was spoken, likely where only a
/// greeting looks like it, and a guess where there is nothing but the number of the port.
pub fn services(open: &[(u16, &str)], clues: &[Clue]) -> Vec<Service> {
    let tcp = open.iter().map(|(port, banner)| {
        let service = open_service(*port, banner);
        let own = clues.iter();
        let own = own.filter(|clue| clue.port == *port && clue.proto != "udp");
        filled(service, own)
    });
    let answered = clues
        .iter()
        .filter(|clue| clue.proto == "udp" && clue.port != 0);
    let udp_ports = answered.map(|clue| clue.port).collect::<BTreeSet<_>>();
    let udp = udp_ports.into_iter().map(|port| {
        let service = Service {
            proto: "udp".to_owned(),
            ..open_service(port, "")
        };
        let own = clues.iter();
        let own = own.filter(|clue| clue.port == port && clue.proto == "udp");
        filled(service, own)
    });
    let mut services = tcp.chain(udp).collect::<Vec<_>>();
    services.sort_unstable();
    services.dedup();
    services
}

/// A service, with what its clues say.
fn filled<'a>(mut service: Service, clues: impl Iterator<Item = &'a Clue>) -> Service {
    debug_assert_eq!(service.seen_by, SeenBy::Scan);
    let mut said = Said::default();
    for clue in clues {
        said.hear(clue);
    }
    if service.banner.is_empty()
        && let Some(banner) = said.banner
    {
        service = Service {
            proto: service.proto,
            ..open_service(service.port, &banner)
        };
    }
    if let Some((name, version)) = said.product {
        service.product = name;
        service.version = version;
    }
    service.tls = said.tls;
    let is_tls = service.tls.is_some() || said.is_tls;
    if let Some(protocol) = said.protocol {
        service.service = secured(&protocol, is_tls);
        service.certainty = Certainty::Sure;
    } else if !service.service.is_empty() {
        // The greeting of SSH is the protocol itself.
        service.certainty = Certainty::Sure;
    } else if let Some(name) = greeted(&service.banner) {
        name.clone_into(&mut service.service);
        service.certainty = Certainty::Likely;
    } else if let Some(name) = usual(&service.proto, service.port) {
        name.clone_into(&mut service.service);
        service.certainty = Certainty::Guess;
    }
    service
}

#[derive(Default)]
struct Said {
    protocol: Option<String>,
    product: Option<(String, String)>,
    banner: Option<String>,
    tls: Option<ServiceTls>,
    is_tls: bool,
}

impl Said {
    fn hear(&mut self, clue: &Clue) {
        match &clue.fact {
            // HTTP carries others; what it carries is the service.
            Fact::Speaks(protocol) if self.protocol.as_deref().is_none_or(|one| one == "http") => {
                self.protocol = Some(shown(protocol));
            }
            Fact::Product { name, version } => self.product(name, version),
            Fact::Samba(version) => self.product("Samba", version),
            Fact::SqlInstance { version, .. } => self.product("Microsoft SQL Server", version),
            Fact::Banner(text) if self.banner.is_none() => self.banner = Some(shown(text)),
            Fact::Certificate(certificate) if self.tls.is_none() => {
                self.tls = Some(ServiceTls {
                    subject: shown(&certificate.subject),
                    issuer: shown(&certificate.issuer),
                    not_after: certificate.not_after,
                });
            }
            Fact::Tls(_) => self.is_tls = true,
            _ => {}
        }
    }

    /// Keeps the first that is more than the kernel's web server under another one, and prefers one with a version.
    fn product(&mut self, name: &str, version: &str) {
        let is_better = match &self.product {
            None => true,
            Some((known, _)) if known.starts_with("Microsoft-HTTPAPI") => true,
            Some((known, no_version)) => {
                no_version.is_empty() && !version.is_empty() && known == name
            }
        };
        if is_better && !name.is_empty() {
            self.product = Some((shown(name), shown(version)));
        }
    }
}

/// The name of a protocol where TLS carries it.
fn secured(protocol: &str, is_tls: bool) -> String {
    let with_tls = [("http", "https"), ("ldap", "ldaps")];
    let name = with_tls
        .iter()
        .find(|(plain, _)| is_tls && *plain == protocol);
    name.map_or(protocol, |(_, secured)| secured).to_owned()
}

/// The protocol that a greeting looks like.
fn greeted(banner: &str) -> Option<&'static str> {
    const GREETINGS: &[(&str, &str, &str)] = &[
        ("220", "SMTP", "smtp"),
        ("220", "FTP", "ftp"),
        ("220", "VMware Authentication Daemon", "vmware-auth"),
        ("+OK", "", "pop3"),
        ("* OK", "", "imap"),
        ("RFB ", "", "vnc"),
        ("@RSYNCD:", "", "rsync"),
    ];
    let greeting = GREETINGS
        .iter()
        .find(|(start, word, _)| banner.starts_with(start) && banner.contains(word));
    greeting.map(|(_, _, name)| *name)
}

fn usual(proto: &str, port: u16) -> Option<&'static str> {
    let row = tables::PORTS
        .iter()
        .find(|row| row.proto == proto && row.number == port);
    row.map(|row| row.service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Certificate, UtcTime};

    fn clue(proto: &str, port: u16, fact: Fact) -> Clue {
        Clue {
            source: "test".to_owned(),
            proto: proto.to_owned(),
            port,
            fact,
        }
    }

    fn product(name: &str, version: &str) -> Fact {
        Fact::Product {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    fn lines(open: &[(u16, &str)], clues: &[Clue]) -> Vec<String> {
        let services = services(open, clues);
        let lines = services.iter().map(|one| {
            let tls = one.tls.as_ref().map_or("", |tls| &tls.subject);
            format!(
                "{} {} {}|{}|{}|{}|{}|{tls}",
                one.proto,
                one.port,
                one.service,
                one.product,
                one.version,
                one.banner,
                one.certainty.as_str()
            )
        });
        lines.collect()
    }

    #[test]
    fn what_was_spoken_is_sure_what_greets_is_likely_and_a_number_is_a_guess() {
        let open = [
            (22, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"),
            (25, "220 mail.example ESMTP"),
            (3306, ""),
            (445, ""),
            (12345, ""),
        ];
        let clues = [
            clue("tcp", 445, Fact::Speaks("smb".to_owned())),
            clue("tcp", 445, Fact::Samba("4.17.12-Debian".to_owned())),
        ];
        let expected = [
            "tcp 22 ssh|OpenSSH|9.2p1|SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3|sure|",
            "tcp 25 smtp|||220 mail.example ESMTP|likely|",
            "tcp 445 smb|Samba|4.17.12-Debian||sure|",
            "tcp 3306 mysql||||guess|",
            "tcp 12345 |||||",
        ];
        assert_eq!(lines(&open, &clues), expected);
    }

    #[test]
    fn a_banner_that_was_heard_elsewhere_is_read_as_well() {
        let banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3";
        let clues = [
            clue("tcp", 22, Fact::Speaks("ssh".to_owned())),
            clue("tcp", 22, Fact::Banner(banner.to_owned())),
        ];
        let expected = [format!("tcp 22 ssh|OpenSSH|9.2p1|{banner}|sure|")];
        assert_eq!(lines(&[(22, "")], &clues), expected);
    }

    #[test]
    fn a_certificate_secures_http_and_the_kernels_server_gives_way() {
        let certificate = Certificate {
            subject: "CN=web".to_owned(),
            issuer: "CN=ca".to_owned(),
            not_after: Some(UtcTime::from_unix(0)),
            ..Certificate::default()
        };
        let clues = [
            clue("tcp", 443, Fact::Speaks("http".to_owned())),
            clue("tcp", 443, product("Microsoft-HTTPAPI", "2.0")),
            clue("tcp", 443, product("Microsoft-IIS", "10.0")),
            clue("tcp", 443, product("Microsoft-HTTPAPI", "2.0")),
            clue("tcp", 443, Fact::Certificate(certificate)),
            clue("tcp", 5985, Fact::Speaks("http".to_owned())),
            clue("tcp", 5985, Fact::Speaks("winrm".to_owned())),
        ];
        let expected = [
            "tcp 443 https|Microsoft-IIS|10.0||sure|CN=web",
            "tcp 5985 winrm||||sure|",
        ];
        assert_eq!(lines(&[(443, ""), (5985, "")], &clues), expected);
    }

    #[test]
    fn a_datagram_that_answered_is_a_service_of_its_own() {
        let clues = [
            clue("udp", 161, Fact::Speaks("snmp".to_owned())),
            clue("udp", 137, Fact::NetbiosComputer("X".to_owned())),
        ];
        let expected = [
            "tcp 161 |||||",
            "udp 137 nbns||||guess|",
            "udp 161 snmp||||sure|",
        ];
        assert_eq!(lines(&[(161, "")], &clues), expected);
    }
}
