//! What listens on a host, as the host itself says.
//!
//! Five formats, one list: `ss -tulnpe`, Linux `netstat -tulnp`, the tables of `/proc/net`
//! (proc(5)), FreeBSD's `sockstat -46l` and the `netstat -an` of the other BSDs and macOS.

use super::platform::clip;
use super::unix::LISTENERS;
use crate::model::{Certainty, Gap, GapCause, SeenBy, Service};
use crate::session::Answers;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// No host listens on more than every port of two protocols; whoever says so is not believed.
const MOST: usize = 20_000;

/// The listening sockets, sorted, each once.
pub(super) fn services(answers: &Answers) -> Result<Vec<Service>, Gap> {
    let text = answers.text(LISTENERS)?;
    let malformed = || Gap {
        question: LISTENERS.to_owned(),
        cause: GapCause::Malformed,
    };
    let users = users(text);
    let mut format = None;
    let mut services = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            format = Some(Format::named(name).ok_or_else(malformed)?);
            continue;
        }
        let Some(format) = format else {
            return Err(malformed());
        };
        services.extend(format.read(line, &users));
        if services.len() > MOST {
            return Err(malformed());
        }
    }
    format.ok_or_else(malformed)?;
    services.sort_unstable();
    services.dedup();
    Ok(services)
}

/// Account names by number, from the part after `# users`.
fn users(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().skip_while(|line| *line != "# users").skip(1);
    let pairs = lines.filter_map(|line| line.split_once('\t'));
    [("0", "root")].into_iter().chain(pairs).collect()
}

#[derive(Clone, Copy)]
enum Format {
    Ss,
    Netstat,
    Proc(&'static str),
    Sockstat,
    Bsd,
    Users,
}

impl Format {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ss" => Self::Ss,
            "netstat" => Self::Netstat,
            "proc tcp" | "proc tcp6" => Self::Proc("tcp"),
            "proc udp" | "proc udp6" => Self::Proc("udp"),
            "sockstat" => Self::Sockstat,
            "bsd" => Self::Bsd,
            "users" => Self::Users,
            _ => return None,
        })
    }

    /// The socket that a line tells of; `None` for headers and for sockets that do not listen.
    fn read(self, line: &str, users: &BTreeMap<&str, &str>) -> Option<Service> {
        let fields: Vec<&str> = line.split_whitespace().take(40).collect();
        match self {
            Self::Ss => ss(&fields, users),
            Self::Netstat => netstat(&fields),
            Self::Proc(proto) => proc_net(proto, &fields, users),
            Self::Sockstat => sockstat(&fields),
            Self::Bsd => bsd(&fields),
            Self::Users => None,
        }
    }
}

/// `tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3)) uid:33 ino:9 cgroup:/a/b.service`
fn ss(fields: &[&str], users: &BTreeMap<&str, &str>) -> Option<Service> {
    let (proto, state, local) = (fields.first()?, fields.get(1)?, fields.get(4)?);
    if !matches!(*state, "LISTEN" | "UNCONN") {
        return None;
    }
    let rest = fields.get(5..).unwrap_or_default();
    let after = |prefix: &str| rest.iter().find_map(|field| field.strip_prefix(prefix));
    let process = after("users:((\"").and_then(|text| text.split('"').next());
    let unit = after("cgroup:").and_then(unit);
    // ss leaves the number of root's sockets out.
    let user = users.get(after("uid:").unwrap_or("0"));
    socket(proto, local, process.or(unit), user.copied())
}

/// The systemd unit at the end of a control group's path.
fn unit(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let known = [".service", ".socket", ".scope"];
    known
        .iter()
        .any(|kind| name.ends_with(kind))
        .then_some(name)
}

/// `tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN 1/sshd`; UDP lines have no state.
fn netstat(fields: &[&str]) -> Option<Service> {
    let (proto, local) = (fields.first()?, fields.get(3)?);
    let is_tcp = proto.starts_with("tcp");
    if is_tcp && fields.get(5) != Some(&"LISTEN") {
        return None;
    }
    let owner = fields.get(if is_tcp { 6 } else { 5 });
    let program = owner.and_then(|owner| owner.split_once('/'));
    let program = program.map(|(_, name)| name.trim_end_matches(':'));
    socket(proto, local, program, None)
}

/// `0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 33 …`: state 0A is
/// LISTEN, and 07 an unconnected UDP socket.
fn proc_net(proto: &str, fields: &[&str], users: &BTreeMap<&str, &str>) -> Option<Service> {
    let (local, remote, state) = (fields.get(1)?, fields.get(2)?, fields.get(3)?);
    let listens = match proto {
        "tcp" => *state == "0A",
        _ => *state == "07" && remote.ends_with(":0000"),
    };
    let (address, port) = local.split_once(':').filter(|_| listens)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let bind = hex_address(address)?;
    let user = fields.get(7).and_then(|uid| users.get(uid));
    Some(listening(proto, port, bind, None, user.copied()))
}

/// An address as the kernel prints it: 32-bit words in the host's byte order, here little endian
/// (every architecture that Debian 12 releases for but one).
fn hex_address(text: &str) -> Option<String> {
    if !text.is_ascii() || !matches!(text.len(), 8 | 32) {
        return None;
    }
    let mut words = Vec::new();
    for start in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(start..start + 8)?, 16).ok()?;
        words.extend(word.to_le_bytes());
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(words.as_slice()) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(words.as_slice()).ok()?;
    Some(Ipv6Addr::from(bytes).to_string())
}

/// `root sshd 700 4 tcp4 *:22 *:*`
fn sockstat(fields: &[&str]) -> Option<Service> {
    let (user, program) = (fields.first()?, fields.get(1)?);
    let (proto, local) = (fields.get(4)?, fields.get(5)?);
    socket(proto, local, Some(program), Some(user))
}

/// `tcp4 0 0 *.22 *.* LISTEN`
fn bsd(fields: &[&str]) -> Option<Service> {
    let (proto, local, remote) = (fields.first()?, fields.get(3)?, fields.get(4)?);
    let listens = match fields.get(5) {
        Some(state) => *state == "LISTEN",
        None => *remote == "*.*",
    };
    let (address, port) = local.rsplit_once('.').filter(|_| listens)?;
    socket(proto, &format!("{address}:{port}"), None, None)
}

/// A socket from `address:port`, in any of the ways in which tools write "all addresses".
fn socket(proto: &str, local: &str, program: Option<&str>, user: Option<&str>) -> Option<Service> {
    let proto = ["tcp", "udp"]
        .into_iter()
        .find(|known| proto.starts_with(known))?;
    let (address, port) = local.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let address = address.split('%').next().unwrap_or(address);
    let bind = address.trim_matches(['[', ']']);
    Some(listening(proto, port, clip(bind, 64), program, user))
}

fn listening(
    proto: &str,
    port: u16,
    bind: String,
    program: Option<&str>,
    user: Option<&str>,
) -> Service {
    Service {
        proto: proto.to_owned(),
        port,
        bind,
        state: "listening".to_owned(),
        service: String::new(),
        product: String::new(),
        version: String::new(),
        program: clip(program.unwrap_or_default(), 255),
        user: clip(user.unwrap_or_default(), 255),
        banner: String::new(),
        seen_by: SeenBy::Host,
        tls: None,
        certainty: Certainty::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let mut answers = Answers::default();
        super::super::tests::answer(&mut answers, LISTENERS, text);
        let services = services(&answers).unwrap();
        let line =
            |s: &Service| format!("{}/{} {} {} {}", s.port, s.proto, s.bind, s.program, s.user);
        services.iter().map(line).collect()
    }

    #[test]
    fn ss_tells_program_unit_and_user() {
        let text = "# ss\n\
            Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n\
            tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=7,fd=3)) ino:64 sk:1 cgroup:/system.slice/ssh.service <->\n\
            tcp   LISTEN 0 128 [::]:80 [::]:* uid:33 ino:65 sk:2 cgroup:/system.slice/nginx.service v6only:1 <->\n\
            udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* uid:101 ino:66\n\
            # users\n33\twww-data\n";
        assert_eq!(
            lines(text),
            [
                "22/tcp 0.0.0.0 sshd root",
                "80/tcp :: nginx.service www-data",
                "53/udp 127.0.0.53  ",
            ]
        );
    }

    #[test]
    fn netstat_and_proc_and_the_bsds_say_the_same() {
        let netstat = "# netstat\nActive Internet connections (only servers)\n\
            tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN 7/sshd: /usr/sbin\n\
            udp 0 0 0.0.0.0:68 0.0.0.0:* 9/dhclient\n";
        assert_eq!(
            lines(netstat),
            ["22/tcp 0.0.0.0 sshd ", "68/udp 0.0.0.0 dhclient "]
        );
        let proc = "# proc tcp\n  sl  local_address rem_address st\n\
            0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 33 0 640\n\
            1: 0100007F:0016 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 641\n\
            # proc tcp6\n0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n\
            # users\n33\twww-data\n";
        assert_eq!(
            lines(proc),
            ["22/tcp 127.0.0.1  www-data", "80/tcp ::1  root"]
        );
        let sockstat = "# sockstat\nUSER COMMAND PID FD PROTO LOCAL ADDRESS FOREIGN ADDRESS\n\
            root sshd 700 4 tcp4 *:22 *:*\n";
        assert_eq!(lines(sockstat), ["22/tcp * sshd root"]);
        let bsd = "# bsd\ntcp4 0 0 *.22 *.* LISTEN\ntcp4 0 0 10.0.0.1.22 10.0.0.2.5 ESTABLISHED\nudp4 0 0 *.123 *.*\n";
        assert_eq!(lines(bsd), ["22/tcp *  ", "123/udp *  "]);
    }

    #[test]
    fn nothing_listening_is_an_answer_and_no_format_is_a_gap() {
        assert!(lines("# proc tcp\n").is_empty());
        let mut answers = Answers::default();
        super::super::tests::answer(&mut answers, LISTENERS, "what?\n");
        assert_eq!(services(&answers).unwrap_err().cause, GapCause::Malformed);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(# (ss|netstat|proc tcp6|sockstat|bsd)\n)(.{0,60}\n){0,4}") {
            let mut answers = Answers::default();
            super::super::tests::answer(&mut answers, LISTENERS, &text);
            let _ = services(&answers);
        }
    }
}
