//! What a lab file says: the hosts of a simulated network and how each one behaves.
//!
//! ```toml
//! schema = 1
//! name = "Larkspur Instruments"
//!
//! [[host]]
//! name = "web-1"
//! addresses = ["127.77.0.10"]
//! recording = "debian-12"
//! logins = [{ user = "audit", key = "demo" }]
//! changes.set.names = "uname\tweb-1\n"
//! ```

use super::behaviour::{Hearing, Kind, Opening, Published, Shell};
use super::logins::{Logins, Method, Prompt};
use super::sudo::Sudo;
use super::winrm::WinRm;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A simulated network, as its file describes it. Names and (address, port) pairs are unique, and
/// every address is on loopback.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The version of the file's shape: 1.
    pub schema: u32,
    /// What the network is called. Its keys are derived from it.
    pub name: String,
    /// What is changed in the recording of every host that has one, before the host's own changes;
    /// but not in that of a Windows, which has other questions.
    #[serde(default)]
    pub every: Changes,
    /// After how many wrong passwords an account is locked on all hosts, whoever told them. For
    /// networks where all accounts are the directory's.
    #[serde(default)]
    pub lockout: Option<u32>,
    /// The hosts.
    #[serde(rename = "host", default)]
    pub hosts: Vec<Host>,
}

/// One simulated host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name in this file. The host key is derived from it.
    pub name: String,
    /// Where it answers.
    pub addresses: Vec<IpAddr>,
    /// On which ports, as the simulated network numbers them; where none is named, on those of its
    /// kind.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// What kind of thing it is.
    #[serde(default)]
    pub kind: Kind,
    /// The identification line of its SSH server, without the line's end.
    #[serde(default = "openssh")]
    pub banner: String,
    /// What its SSH server does before a login.
    #[serde(default)]
    pub opening: Opening,
    /// Which key the lab's `known_hosts` text holds for it.
    #[serde(default)]
    pub published: Published,
    /// Who may log in.
    #[serde(default)]
    pub logins: Logins,
    /// What its SSH server does when it has heard a secret.
    #[serde(default)]
    pub hearing: Hearing,
    /// The methods that its SSH server offers.
    #[serde(default = "sshd_methods")]
    pub methods: Vec<Method>,
    /// What keyboard-interactive asks, in one round.
    #[serde(default = "password_prompt")]
    pub prompts: Vec<Prompt>,
    /// What keyboard-interactive says, without a prompt, before it refuses.
    #[serde(default)]
    pub refusal: Option<String>,
    /// What keyboard-interactive asks after the right answer, as for a new password. No answer to
    /// that is good enough.
    #[serde(default)]
    pub second_round: Vec<Prompt>,
    /// The text that its SSH server shows before a login (RFC 4252 section 5.4).
    #[serde(default)]
    pub notice: Option<String>,
    /// What its WinRM service is like.
    #[serde(default)]
    pub winrm: WinRm,
    /// What becomes of a command.
    #[serde(default)]
    pub shell: Shell,
    /// Milliseconds that it takes over a login and over each answer.
    #[serde(default)]
    pub delay_ms: u64,
    /// The name of the recording that it answers from; none answers every question with 127.
    #[serde(default)]
    pub recording: Option<String>,
    /// What is changed in its recording.
    #[serde(default)]
    pub changes: Changes,
    /// What root sees besides; its sudo lets everybody be root without a password. Else it lets nobody.
    #[serde(default)]
    pub root: Option<Changes>,
    /// How its sudo asks for a password, where it does.
    #[serde(default)]
    pub sudo: Option<Sudo>,
}

/// Changes to recorded answers, by question id, in the order of the fields. In each text, `{name}`
/// stands for the host's name, `{address}` for its first address, and `{machine-id}`, `{boot-id}`
/// and `{mac}` for made-up ones that no other host of the network has, and `{long}` for 10,000 times
/// the letter x.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Answers to put in place, with exit code 0.
    pub set: BTreeMap<String, String>,
    /// Text to replace within answers.
    pub edit: Vec<Edit>,
    /// Answers to take away: the exit code, and no output.
    pub exit: BTreeMap<String, i32>,
}

/// A replacement within a recorded answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Edit {
    /// Of a text, wherever it occurs.
    Text(TextEdit),
    /// Of a whole line.
    Line(LineEdit),
}

/// The replacement of a text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextEdit {
    /// The question's id.
    pub question: String,
    /// The text to find: at least once, or the lab does not start.
    pub find: String,
    /// What to put in its place, every time.
    pub with: String,
}

/// The replacement of a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineEdit {
    /// The question's id.
    pub question: String,
    /// The number of the line, from 1: one that is there, or the lab does not start.
    pub line: usize,
    /// What to put in its place, without a line break.
    pub with: String,
}

fn openssh() -> String {
    "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3".to_owned()
}

fn sshd_methods() -> Vec<Method> {
    vec![Method::Publickey, Method::Password]
}

fn password_prompt() -> Vec<Prompt> {
    vec![Prompt {
        text: "Password: ".to_owned(),
        echo: false,
    }]
}

impl Network {
    /// Reads a lab file.
    ///
    /// # Errors
    ///
    /// Says what was wrong and at which host.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let mut network: Self = toml::from_str(text)?;
        for host in &mut network.hosts {
            if host.ports.is_empty() {
                host.ports = host.kind.ports().to_vec();
            }
        }
        network.check()?;
        Ok(network)
    }

    /// Every address of every host, sorted.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        let addresses = self.hosts.iter().flat_map(|host| &host.addresses);
        addresses.copied().collect()
    }

    /// The ports on which something listens, as the simulated network numbers them, sorted.
    pub fn ports(&self) -> BTreeSet<u16> {
        let open = self.hosts.iter().filter(|host| host.kind != Kind::Closed);
        open.flat_map(|host| host.ports.iter().copied()).collect()
    }

    fn check(&self) -> Result<(), NetworkError> {
        if self.schema != 1 {
            return Err(NetworkError::Schema { found: self.schema });
        }
        let (mut names, mut sockets) = (BTreeSet::new(), BTreeSet::new());
        for host in &self.hosts {
            let problem = |what: String| NetworkError::Host {
                host: host.name.clone(),
                what,
            };
            if !names.insert(&host.name) {
                return Err(problem("its name is taken".to_owned()));
            }
            host.check().map_err(problem)?;
            for socket in host.sockets() {
                if !sockets.insert(socket) {
                    let (address, port) = socket;
                    return Err(problem(format!("{address} port {port} is taken")));
                }
            }
        }
        Ok(())
    }
}

impl Host {
    /// Its (address, simulated port) pairs.
    pub fn sockets(&self) -> impl Iterator<Item = (IpAddr, u16)> {
        let addresses = self.addresses.iter().copied();
        addresses.flat_map(|address| self.ports.iter().map(move |port| (address, *port)))
    }

    fn check(&self) -> Result<(), String> {
        if self.addresses.is_empty() || self.ports.is_empty() {
            return Err("it needs an address and a port".to_owned());
        }
        if let Some(address) = self.addresses.iter().find(|address| !loopback(**address)) {
            return Err(format!("{address} is not on loopback"));
        }
        if !self.banner.starts_with("SSH-") || self.banner.contains(['\r', '\n']) {
            return Err("its banner is not one line that begins with SSH-".to_owned());
        }
        Ok(())
    }
}

fn loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets().first() == Ipv4Addr::LOCALHOST.octets().first(),
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
    }
}

/// Why a lab file does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It is not the TOML we expect.
    #[error("not a lab file")]
    Toml(#[from] toml::de::Error),
    /// Its shape is of another version.
    #[error("lab file of schema {found}, where 1 was expected")]
    Schema {
        /// The version that it states.
        found: u32,
    },
    /// A host does not hold.
    #[error("lab host {host:?}: {what}")]
    Host {
        /// Its name.
        host: String,
        /// What is wrong.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::super::logins::{Login, LoginRule};
    use super::*;

    fn one(host: &str) -> Result<Network, NetworkError> {
        Network::parse(&format!(
            "schema = 1\nname = \"n\"\n[[host]]\nname = \"a\"\n{host}"
        ))
    }

    #[test]
    fn a_host_of_two_lines_is_an_ssh_server_that_refuses_everybody() {
        let network = one("addresses = [\"127.9.0.1\"]").unwrap();
        let host = &network.hosts[0];
        assert_eq!(
            (&host.kind, &host.ports[..], &host.published),
            (&Kind::Ssh, &[22][..], &Published::Known)
        );
        assert_eq!(host.logins, Logins::Rule(LoginRule::Nobody));
    }

    #[test]
    fn behaviours_are_words_or_words_with_a_value() {
        let network = one(
            "addresses = [\"127.9.0.1\"]\nopening = { trickles = 1000 }\nshell = { floods = 100 }\n\
             logins = [{ user = \"u\", key = \"demo\" }, { user = \"u\", password = \"p\" }]\n\
             methods = [\"keyboard-interactive\"]",
        );
        let host = &network.unwrap().hosts[0];
        assert_eq!(host.opening, Opening::Trickles(1000));
        assert_eq!(host.shell, Shell::Floods(100));
        assert_eq!(host.methods, [Method::KeyboardInteractive]);
        assert!(matches!(&host.logins, Logins::Listed(logins)
            if matches!(&logins[..], [Login::Key(_), Login::Password(_)])));
        assert!(one("addresses = [\"127.9.0.1\"]\nlogins = \"any_password\"").is_ok());
    }

    #[test]
    fn an_address_beyond_loopback_a_doubled_one_and_a_misspelt_key_are_refused() {
        let wrong = [
            ("addresses = [\"192.0.2.1\"]", "not on loopback"),
            ("addresses = []", "needs an address"),
            ("addresses = [\"127.9.0.1\", \"127.9.0.1\"]", "is taken"),
            ("addresses = [\"127.9.0.1\"]\nbanner = \"HTTP\"", "banner"),
            (
                "addresses = [\"127.9.0.1\"]\nshel = \"sh\"",
                "not a lab file",
            ),
        ];
        for (host, expected) in wrong {
            let error = one(host).unwrap_err().to_string();
            assert!(error.contains(expected), "{host}: {error}");
        }
    }

    #[test]
    fn the_network_of_the_demo_reads() {
        let network = Network::parse(include_str!("../../fixtures/labs/demo.toml")).unwrap();
        assert_eq!(network.addresses().len(), 30);
        assert_eq!(
            network.ports().into_iter().collect::<Vec<_>>(),
            [22, 80, 443, 5985, 5986]
        );
    }

    #[test]
    fn the_hostile_network_reads() {
        Network::parse(include_str!("../../fixtures/labs/hostile.toml")).unwrap();
    }
}
