//! Hosts on the way to others: `[[jump]]` of a credentials file.

use super::model::CredentialsFile;
use super::table::{ParseError, Table};
use super::{Credential, Kind};
use crate::model::{CredentialId, Protocol};
use std::net::{IpAddr, Ipv6Addr};

/// A host that connects us to others over SSH, and how it is logged in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Its name in the file and in reports.
    pub id: String,
    /// The name or address by which the operator gives it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it is logged in to with. Its scope has to cover the host, as everywhere.
    pub credential: CredentialId,
    /// The host on the way to this one.
    pub jump: Option<String>,
    /// The line in the file at which it begins, from 1.
    pub line: usize,
}

impl Jump {
    /// Its address, where it is given by that.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// How many hosts may be on the way to another.
const MOST_HOPS: usize = 8;

/// Reads one `[[jump]]`.
pub(super) fn read(entry: &Table<'_>) -> Result<Jump, ParseError> {
    entry.only(&["id", "host", "credential", "jump", "note"])?;
    entry.words("note")?;
    let (id, _) = entry.need("id", "\"bastion\"")?;
    let (place, span) = entry.need("host", "\"bastion.example\"")?;
    let Some((host, port)) = split(place) else {
        let problem = "host: expected a name or an address, perhaps with a port, as in \"bastion.example:2222\" or \"[fd00::1]:22\"";
        return Err(entry.at(&span, problem));
    };
    let (credential, _) = entry.need("credential", "\"linux-audit\"")?;
    Ok(Jump {
        id: id.to_owned(),
        host: host.to_ascii_lowercase(),
        port,
        credential: CredentialId::new(credential),
        jump: entry.words("jump")?.map(|(jump, _)| jump.to_owned()),
        line: entry.line(),
    })
}

/// `host`, `host:port`, `[v6]:port`, or an IPv6 address.
fn split(text: &str) -> Option<(&str, u16)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, SSH_PORT));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match port {
            "" => Some((host, SSH_PORT)),
            port => Some((host, number(port.strip_prefix(':')?)?)),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, number(port)?),
        None => (text, SSH_PORT),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = !host.is_empty() && host.len() <= 255 && host.chars().all(good);
    (is_name && !host.starts_with('-')).then_some((host, port))
}

fn number(port: &str) -> Option<u16> {
    port.parse().ok().filter(|port| *port > 0)
}

const SSH_PORT: u16 = 22;

/// Finds what the jumps and those that go through them do not fit together in: the line, and the problem.
pub(super) fn misfit(file: &CredentialsFile) -> Option<(usize, String)> {
    let jumps = file.jumps.iter().map(|jump| misfit_of(file, jump));
    let credentials = file.credentials.iter().map(|it| dangling(file, it));
    jumps.chain(credentials).flatten().next()
}

fn misfit_of(file: &CredentialsFile, jump: &Jump) -> Option<(usize, String)> {
    let at = |problem: String| Some((jump.line, problem));
    let others = file.jumps.iter().filter(|other| other.id == jump.id);
    if others.count() > 1 {
        return at(format!("jump: the id `{}` is taken twice", jump.id));
    }
    let Some(credential) = file.find(&jump.credential) else {
        return at("credential: there is none of this id in the file".to_owned());
    };
    if credential.kind().protocol() != Protocol::Ssh {
        return at("credential: a jump host is logged in to over SSH".to_owned());
    }
    if credential.jump.is_some() {
        return at(
            "credential: it goes through a jump host itself; give `jump` to the jump host instead"
                .to_owned(),
        );
    }
    let mut next = jump.jump.as_deref();
    for _ in 0..MOST_HOPS {
        let id = next?;
        let Some(hop) = file.jump(id) else {
            return at(format!("jump: there is no jump host `{id}` in the file"));
        };
        next = hop.jump.as_deref();
    }
    next.and_then(|_| {
        at(format!(
            "jump: more than {MOST_HOPS} hosts on the way, or a circle"
        ))
    })
}

fn dangling(file: &CredentialsFile, credential: &Credential) -> Option<(usize, String)> {
    let id = credential.jump.as_deref()?;
    if file.jump(id).is_some() {
        return None;
    }
    let problem = format!("jump: there is no [[jump]] with the id `{id}` in the file");
    Some((credential.line, problem))
}

/// Whether a type may go through a jump host, and be used with old algorithms.
pub(super) fn is_for(kind: Kind) -> bool {
    kind.protocol() == Protocol::Ssh
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn file(jumps: &str) -> String {
        format!(
            "[[credential]]\nid = 'k'\ntype = 'ssh-key'\nuser = 'u'\nkey = {{ file = 'k' }}\nscope = ['10.0.0.0/8']\n{jumps}"
        )
    }

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    const WITH_JUMP: &str = "[[credential]]\nid = 'far'\ntype = 'ssh-key'\nuser = 'u'\nkey = { file = 'k' }\nscope = ['192.0.2.0/24']\njump = 'b'\n";

    #[test]
    fn a_credential_goes_through_a_host_that_the_file_names() {
        let jumps = format!(
            "[[jump]]\nid = 'a'\nhost = 'Outer.example:2222'\ncredential = 'k'\n[[jump]]\nid = 'b'\nhost = '10.0.0.1'\ncredential = 'k'\njump = 'a'\n{WITH_JUMP}"
        );
        let file = parse(&file(&jumps)).unwrap();
        let far = file.find(&CredentialId::new("far")).unwrap();
        assert_eq!(far.jump.as_deref(), Some("b"));
        let outer = file.jump("a").unwrap();
        assert_eq!((outer.host.as_str(), outer.port), ("outer.example", 2222));
        assert_eq!(file.jump("b").unwrap().jump.as_deref(), Some("a"));
    }

    #[test]
    fn what_leads_nowhere_or_in_a_circle_is_said() {
        assert!(problem(&file(WITH_JUMP)).contains("line 7, column 1: jump: there is no [[jump]]"));
        let one = |lines: &str| file(&format!("[[jump]]\nid = 'b'\nhost = 'h'\n{lines}\n"));
        let unknown = problem(&one("credential = 'x'"));
        assert!(
            unknown.contains("credential: there is none of this id"),
            "{unknown}"
        );
        let circle = problem(&one("credential = 'k'\njump = 'b'"));
        assert!(circle.contains("or a circle"), "{circle}");
        let lost = problem(&one("credential = 'k'\njump = 'c'"));
        assert!(lost.contains("no jump host `c`"), "{lost}");
    }

    #[test]
    fn a_place_is_a_name_or_an_address_with_or_without_a_port() {
        assert_eq!(split("fd00::1"), Some(("fd00::1", 22)));
        assert_eq!(split("[fd00::1]:2222"), Some(("fd00::1", 2222)));
        assert_eq!(split("[fd00::1]"), Some(("fd00::1", 22)));
        assert_eq!(split("10.0.0.1:22"), Some(("10.0.0.1", 22)));
        for bad in [
            "",
            "-oProxyCommand=x",
            "a b",
            "h:0",
            "h:x",
            "[h]:22",
            "user@h",
            "h:1:2",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
