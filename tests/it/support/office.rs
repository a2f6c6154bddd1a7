//! A simulated network with Windows hosts, and the desk from which it is scanned.

use super::{Desk, Ended, Site, Table};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use underdesk::lab::{Cover, Proof, Seen};
use underdesk::model::Inventory;

/// The domain account that every host of [`windows`] knows.
const ACCOUNT: &str = r"LARK\svc-audit";
/// Its password: letters that take two bytes and three, and what XML and shells would trip over.
pub(crate) const PASSWORD: &str = "Grün & <草> \"7\"";

/// A WinRM host of a lab file, on this port or these; `more` are lines of its `[host.winrm]`.
pub(crate) fn windows(
    name: &str,
    at: &str,
    (ports, recording): (&str, &str),
    more: &str,
) -> String {
    format!(
        "\n[[host]]\nname = '{name}'\naddresses = ['{at}']\nkind = 'winrm'\nports = [{ports}]\n\
         recording = '{recording}'\n\
         logins = [{{ user = '{ACCOUNT}', password = '{PASSWORD}' }}, {{ user = 'owner', password = '{PASSWORD}' }}]\n\
         [host.winrm]\ndomain = 'LARK'\ndns_domain = 'lark.example'\n{more}\n"
    )
}

/// A `[[credential]]` of type winrm, its password in the file `windows-password`.
pub(crate) fn logon(id: &str, scope: &str, more: &str) -> String {
    let user = if more.contains("user =") {
        String::new()
    } else {
        format!("user = '{ACCOUNT}'\n")
    };
    format!(
        "[[credential]]\nid = '{id}'\ntype = 'winrm'\n{user}\
         password = {{ file = 'windows-password' }}\nscope = ['{scope}']\n{more}\n"
    )
}

/// A network, served, and a desk with what its administrators have: `known_hosts`, the authority of
/// its certificates as `ca.pem`, the password and the key of its accounts.
pub(crate) struct Office {
    pub(crate) site: Rc<Site>,
    pub(crate) desk: Desk,
    credentials: String,
}

impl Office {
    /// Serves the hosts of a lab file.
    pub(crate) fn open(hosts: &str, credentials: &str) -> Self {
        let site = Site::serve(&format!("schema = 1\nname = 'office'\n{hosts}"));
        Self::at(Rc::new(site), credentials.to_owned())
    }

    /// The same network, from a desk at which nothing has happened yet.
    pub(crate) fn with_another_desk(&self) -> Self {
        Self::at(Rc::clone(&self.site), self.credentials.clone())
    }

    fn at(site: Rc<Site>, credentials: String) -> Self {
        let desk = Desk::new();
        desk.write("known_hosts", &site.known_hosts());
        desk.write("ca.pem", &site.authority());
        desk.write("demo.key", &site.key("demo"));
        desk.write("windows-password", PASSWORD);
        desk.write("credentials.toml", &credentials);
        Self {
            site,
            desk,
            credentials,
        }
    }

    /// The words of a scan: only the network's ports, and whatever comes with `more`.
    pub(crate) fn words(&self, targets: &str, more: &str) -> String {
        // On a port that the network does not have nobody listens.
        let port = |simulated| self.site.try_port(simulated).unwrap_or(47_123);
        let mut words = format!(
            "scan {targets} --ports {} --ssh-port {} --known-hosts known_hosts --out out",
            self.site.ports(),
            port(22)
        );
        for (flag, simulated) in [("--winrm-port", 5985), ("--winrm-tls-port", 5986)] {
            if let Some(port) = self.site.try_port(simulated) {
                write!(words, " {flag} {port}").unwrap();
            }
        }
        format!("{words} {more}")
    }

    /// Scans, expects this code, and returns what `access.csv` says.
    pub(crate) fn scan(&self, code: i32, targets: &str, more: &str) -> (Ended, Table) {
        let ended = self.desk.expect(code, &self.words(targets, more));
        (ended, self.table("access"))
    }

    /// A table of the last run.
    pub(crate) fn table(&self, name: &str) -> Table {
        Table::open(&self.desk.path(&format!("out/{name}.csv")))
    }

    /// What every host was asked and answered, as the store has it.
    pub(crate) fn inventories(&self) -> BTreeMap<IpAddr, Inventory> {
        let (store, run) = (self.desk.store(), self.desk.run_id());
        let mut found = BTreeMap::new();
        for one in store.inventories(&run).wait().unwrap() {
            let inventory = store.inventory(one.digest).wait().unwrap();
            for address in one.addresses {
                found.insert(address, (*inventory).clone());
            }
        }
        found
    }

    /// What the servers have seen, once every connection has ended.
    pub(crate) fn seen(&self) -> Seen {
        for _ in 0..1_000 {
            let seen = self.site.seen();
            if seen.connections.iter().all(|connection| connection.closed) {
                return seen;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("a connection stays open");
    }
}

/// How many connections a host has heard anything on: those of the sweep say nothing.
pub(crate) fn conversations(seen: &Seen, host: &str) -> usize {
    let here = seen.connections.iter().filter(|one| &*one.host == host);
    here.filter(|one| one.received > 0).count()
}

/// How many proofs of a password a host has heard: NTLM's third message, or the password itself.
pub(crate) fn proofs(seen: &Seen, host: &str) -> usize {
    let here = seen.logins.iter().filter(|one| &*one.host == host);
    here.filter(|one| matches!(one.proof, Proof::Ntlm | Proof::Password(_)))
        .count()
}

/// Nothing was against the protocol, nothing could be read on the way, and no shell is left.
pub(crate) fn assert_clean(seen: &Seen) {
    assert_eq!(seen.violations, []);
    let plain = seen.requests.iter().find(|one| one.cover == Cover::Plain);
    assert_eq!(plain, None);
    let left = seen.shells.iter().filter(|shell| !shell.deleted);
    assert_eq!(left.count(), 0, "shells are left");
}
