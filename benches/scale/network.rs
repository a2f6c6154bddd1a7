//! The simulated network: which hosts there are, one in twenty of them bad, and what has to be said of each.

use super::Outcome;
use super::hosts::{Files, Recorded};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use underdesk::lab::{Lab, Network, Recordings};

/// The password of every account; those that are refused have another.
const PASSWORD: &str = "a thousand larks";
/// Descriptors that a lab needs beside one for each host.
const SPARE: u64 = 600;

/// Which part of the network a host is in: by it goes who logs in. Its second octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Unix, by a key.
    Unix = 100,
    /// Windows, by an account of the domain.
    Windows = 101,
    /// Devices, by a password of their own over SSH.
    Devices = 102,
    /// Windows of a workgroup, by a local account.
    Workgroup = 103,
}

/// How hosts misbehave: the kind, for people; its part; what the lab file says; the code and the outcome that it has
/// to end in.
const BAD: [(&str, Part, &str, &str, &str); 12] = [
    (
        "refused password",
        Part::Devices,
        "logins = [{ user = 'monitor', password = 'another' }]",
        "auth_rejected",
        "failed",
    ),
    (
        "changed key",
        Part::Unix,
        "published = 'changed'\nlogins = 'anybody'",
        "hostkey_changed",
        "failed",
    ),
    (
        "dead port",
        Part::Unix,
        "kind = 'closed'",
        "port_closed",
        "network_only",
    ),
    (
        "tarpit",
        Part::Unix,
        "opening = { trickles = 1000 }",
        "timeout",
        "failed",
    ),
    (
        "reset in the key exchange",
        Part::Unix,
        "opening = 'closes_in_kex'",
        "protocol_error",
        "failed",
    ),
    (
        "answers cut short",
        Part::Unix,
        "shell = 'cut_short'\nlogins = [{ user = 'audit', key = 'demo' }]",
        "ok_partial",
        "scanned_partial",
    ),
    (
        "Windows: refused password",
        Part::Workgroup,
        "logins = [{ user = 'audit', password = 'another' }]\n[host.winrm]",
        "auth_rejected",
        "failed",
    ),
    (
        "Windows: broken XML",
        Part::Workgroup,
        "logins = [{ user = 'audit', password = 'a thousand larks' }]\n[host.winrm]\nfaults = ['garbage_xml']",
        "protocol_error",
        "scanned_partial",
    ),
    (
        "Windows: reset after the login",
        Part::Workgroup,
        "logins = [{ user = 'audit', password = 'a thousand larks' }]\n[host.winrm]\nfaults = ['reset_after_auth']",
        "protocol_error",
        "failed",
    ),
    (
        "Windows: too busy",
        Part::Workgroup,
        "logins = [{ user = 'audit', password = 'a thousand larks' }]\n[host.winrm]\nfaults = ['http_503']",
        "quota",
        "failed",
    ),
    (
        "forced command",
        Part::Unix,
        "shell = { forced = 'backup only' }\nlogins = [{ user = 'audit', key = 'demo' }]",
        "shell_restricted",
        "failed",
    ),
    (
        "silence",
        Part::Unix,
        "kind = 'silent'",
        "timeout",
        "failed",
    ),
];

/// One host of the plan.
pub(crate) struct Planned {
    pub(crate) address: IpAddr,
    /// Its place among all.
    number: usize,
    part: Part,
    /// What is wrong with it: an index of [`BAD`].
    bad: Option<usize>,
}

impl Planned {
    /// What the scan has to say of it.
    pub(crate) fn expected(&self) -> Expected {
        match self.bad.and_then(|bad| BAD.get(bad)) {
            Some((kind, _, _, code, outcome)) => Expected {
                kind,
                code,
                outcome,
            },
            None if self.part == Part::Unix => GOOD_UNIX,
            None => GOOD_WINDOWS,
        }
    }

    /// Whether a key lets one in, and all answers are given.
    pub(crate) fn is_good_unix(&self) -> bool {
        self.bad.is_none() && self.part == Part::Unix
    }

    fn name(&self) -> String {
        format!("h{:05}", self.number)
    }
}

/// What has to be said of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) outcome: &'static str,
}

const GOOD_UNIX: Expected = Expected {
    kind: "Unix",
    code: "ok",
    outcome: "scanned_full",
};
const GOOD_WINDOWS: Expected = Expected {
    kind: "Windows",
    code: "ok",
    outcome: "scanned_full",
};

/// The hosts of a network of a size: one in twenty is bad, three of ten of the others are Windows.
pub(crate) fn plan(hosts: usize) -> Vec<Planned> {
    let mut count = BTreeMap::<Part, usize>::new();
    let all = (0..hosts).map(|number| {
        let bad = (number % 20 == 19).then(|| number / 20 % BAD.len());
        let part = match bad.and_then(|bad| BAD.get(bad)) {
            Some((_, part, ..)) => *part,
            None if matches!(number % 10, 2 | 5 | 8) => Part::Windows,
            None => Part::Unix,
        };
        let place = count.entry(part).or_default();
        let (net, last) = (*place / 250, *place % 250 + 1);
        *place += 1;
        let octet = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Planned {
            address: IpAddr::from([127, part as u8, octet(net), octet(last)]),
            number,
            part,
            bad,
        }
    });
    all.collect()
}

/// The targets, a line for each net: exactly the hosts of the plan.
fn targets(plan: &[Planned]) -> String {
    let mut nets = BTreeMap::<[u8; 3], u8>::new();
    for host in plan {
        if let IpAddr::V4(address) = host.address {
            let [a, b, c, last] = address.octets();
            nets.insert([a, b, c], last);
        }
    }
    let lines = nets.into_iter();
    let lines = lines.map(|([a, b, c], last)| format!("{a}.{b}.{c}.1-{last}\n"));
    lines.collect()
}

/// The lab file.
fn toml(plan: &[Planned]) -> Outcome<String> {
    let mut text = HEAD.to_owned();
    for host in plan {
        let (name, address) = (host.name(), host.address);
        write!(
            text,
            "\n[[host]]\nname = '{name}'\naddresses = ['{address}']\nrecording = '{name}'\n"
        )?;
        if matches!(host.part, Part::Windows | Part::Workgroup) {
            text.push_str("kind = 'winrm'\nports = [5986]\n");
        }
        let own = match (host.bad.and_then(|bad| BAD.get(bad)), host.part) {
            (Some((_, _, own, ..)), _) => own,
            (None, Part::Windows) => WINDOWS,
            (None, _) => "logins = [{ user = 'audit', key = 'demo' }]",
        };
        text.push_str(own);
        text.push('\n');
    }
    Ok(text)
}

const HEAD: &str = r#"schema = 1
name = "scale"

[every]
edit = [{ question = "uname", line = 2, with = "{name}" }]

[every.set]
names = "uname\t{name}\nhosts\t127.0.1.1 {name}.example {name}\n"
identity = "machine-id\t{machine-id}\nboot-id\t{boot-id}\nproduct-uuid\t!\nproduct-serial\t!\nsys-vendor\tQEMU\n"
interfaces = """
link	ens3	device	{mac}
link	lo	virtual	00:00:00:00:00:00
# ip
1: lo    inet 127.0.0.1/8 scope host lo
2: ens3    inet {address}/24 scope global ens3
"""
"#;

const WINDOWS: &str = r"logins = [{ user = 'LARK\svc-audit', password = 'a thousand larks' }]
[host.winrm]
domain = 'LARK'
dns_domain = 'lark.example'";

const CREDENTIALS: &str = r"
[[credential]]
id = 'unix'
type = 'ssh-key'
user = 'audit'
key = { file = 'demo.key' }
scope = ['127.100.0.0/16']

[[credential]]
id = 'windows'
type = 'winrm'
user = 'LARK\svc-audit'
password = { file = 'password' }
auth = 'ntlm'
scope = ['127.101.0.0/16']

[[credential]]
id = 'devices'
type = 'ssh-password'
user = 'monitor'
account = 'local'
password = { file = 'password' }
scope = ['127.102.0.0/16']

[[credential]]
id = 'workgroup'
type = 'winrm'
user = '.\audit'
password = { file = 'password' }
auth = 'ntlm'
scope = ['127.103.0.0/16']
";

/// The recordings of all hosts.
fn recordings(plan: &[Planned]) -> Outcome<Recordings> {
    let recorded = Recorded::read()?;
    let mut files = Vec::new();
    for host in plan {
        for (file, bytes) in made(&recorded, host)? {
            files.push((format!("{}/{file}", host.name()), bytes));
        }
    }
    let files = files.iter();
    Ok(Recordings::read(
        files.map(|(path, bytes)| (path.as_str(), bytes.as_slice())),
    )?)
}

/// What a host has.
fn made(recorded: &Recorded, host: &Planned) -> Outcome<Files> {
    let address = host.address.to_string();
    match host.part {
        Part::Unix | Part::Devices => recorded.unix(host.number),
        Part::Windows | Part::Workgroup => recorded.windows(host.number, &host.name(), &address),
    }
}

/// Serves a network of so many hosts until standard input ends; writes into a folder what its operator has, and then
/// prints the ports of SSH and of WinRM over HTTPS.
pub(crate) fn serve(hosts: usize, folder: &Path) -> Outcome<()> {
    descriptors(u64::try_from(hosts)?)?;
    let plan = plan(hosts);
    let network = Network::parse(&toml(&plan)?)?;
    let recordings = recordings(&plan)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let running = runtime.block_on(Lab::start(&network, &recordings, 0))?;
    drop(recordings);
    for (name, text) in [
        ("known_hosts", running.known_hosts()),
        ("ca.pem", running.authority()),
        ("demo.key", running.user_key("demo")),
        ("password", PASSWORD.to_owned()),
        ("credentials.toml", CREDENTIALS.to_owned()),
        ("targets.txt", targets(&plan)),
    ] {
        let mut options = fs::File::options();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(folder.join(name))?
            .write_all(text.as_bytes())?;
    }
    let port = |simulated| running.port(simulated).ok_or("a port is missing");
    let mut out = io::stdout();
    writeln!(out, "{} {}", port(22)?, port(5986)?)?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A listening socket for each host, and one for each connection.
fn descriptors(hosts: u64) -> Outcome<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = hosts + SPARE;
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        return Err(format!(
            "{hosts} hosts need {wanted} descriptors in one process: raise the hard limit (ulimit -Hn), or name fewer hosts"
        )
        .into());
    }
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    }
    Ok(())
}
