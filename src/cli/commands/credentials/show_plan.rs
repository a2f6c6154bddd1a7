//! `credentials show-plan`: which credential would be used where, in which order, and why not. Without a
//! packet.

use super::super::super::config::Settings;
use super::super::super::credentials_args::ShowPlanArguments;
use super::super::super::{Exit, Stop, output, peers, resolver, runtime, stdout};
use super::super::explain::wrap;
use super::super::scan as job;
use crate::credentials::{self, Choice, Credential, Kind, Method, ScopeSays};
use crate::model::{CredentialId, LiveHost, Protocol, UtcTime};
use crate::report::for_terminal;
use crate::scan::{RunKind, RunPlan, Standing};
use crate::session::{FirstUse, KnownKeys, Place};
use crate::store::Store;
use crate::targets::{Disk, Permissions, Request, TargetList};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// How many hosts are shown.
const SHOWN: u128 = 64;

/// Prints the plan for each target.
pub(super) fn run(settings: &Settings, command: &ShowPlanArguments) -> Result<Exit, Stop> {
    let mut plan = job::plan(
        RunKind::Local,
        settings,
        &super::super::super::args::TargetArguments::default(),
        &command.sweep,
    )?;
    job::login(&mut plan, settings, &command.login);
    let Some(path) = &plan.credentials else {
        return Err(Stop::usage(
            "there is no credentials file, so nothing would be tried; make one with underdesk credentials add",
        ));
    };
    let file = credentials::file::load(path).map_err(|error| Stop::configuration(&error))?;
    let hosts = hosts(settings, command)?;
    let store = output::open_store(&settings.store)?;
    let (known, standing) = runtime::block_on(async {
        let known = peers::known_keys(&store, &settings.site, &plan).await?;
        Ok::<_, Stop>((known, Standing::of(&store).await?))
    })??;
    let view = View {
        plan: &plan,
        credentials: &file.credentials,
        store: &store,
        site: &settings.site,
        known: &known,
        standing: &standing,
        now: runtime::now(),
    };
    let mut text = String::new();
    for host in &hosts.shown {
        view.host(host, &mut text)?;
    }
    if hosts.more > 0 {
        let _ = writeln!(text, "… and {} more addresses", hosts.more);
    }
    text.push_str(
        "Nothing was sent. Whether a host answers, and who it proves to be, shows only then.\n",
    );
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// The hosts that are meant.
struct Hosts {
    shown: Vec<Host>,
    more: u128,
}

/// One of them; a name that was not looked up has no address.
struct Host {
    live: LiveHost,
    has_address: bool,
}

#[expect(clippy::too_many_lines, reason = "a list of fields and two loops")]
fn hosts(settings: &Settings, command: &ShowPlanArguments) -> Result<Hosts, Stop> {
    let request = Request {
        targets: command.targets.clone(),
        never_scan: settings
            .never_scan
            .iter()
            .map(|(target, _)| target.clone())
            .collect(),
        ..Request::default()
    };
    if request.wants_input() {
        return Err(Stop::usage("name the targets; standard input is not read"));
    }
    let fault = |error| Stop::configuration(&error);
    let list = TargetList::read(&request, &Disk::new(None)).map_err(fault)?;
    let names: Vec<String> = list.names().into_iter().map(str::to_owned).collect();
    let look_up = |name: &str| {
        if command.dns {
            resolver::look_up(name)
        } else {
            Err("it was not looked up (--dns)".to_owned())
        }
    };
    // Nothing is sent: no guard is needed.
    let allowed = Permissions {
        allow_public: true,
        yes: true,
    };
    let mut hosts = Hosts {
        shown: Vec::new(),
        more: 0,
    };
    let unknown = |name: &String| Host {
        live: LiveHost {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            name: Some(Arc::from(name.as_str())),
            tags: Arc::default(),
            open_ports: Vec::new(),
            round_trip: None,
        },
        has_address: false,
    };
    let set = match list.into_set(&look_up, allowed) {
        Ok(set) => set,
        // Names and nothing else.
        Err(_) if !command.dns && !names.is_empty() => {
            hosts.shown.extend(names.iter().map(unknown));
            return Ok(hosts);
        }
        Err(error) => return Err(Stop::configuration(&error)),
    };
    let unresolved = set.unresolved().iter();
    let unresolved: Vec<String> = unresolved.map(|one| one.name.clone()).collect();
    hosts.shown.extend(unresolved.iter().map(unknown));
    for address in (0..set.len().min(SHOWN)).filter_map(|at| set.nth(at)) {
        let said = set.describe(address);
        hosts.shown.push(Host {
            live: LiveHost {
                address,
                name: said.name,
                tags: said.tags,
                open_ports: Vec::new(),
                round_trip: None,
            },
            has_address: true,
        });
    }
    hosts.more = set.len().saturating_sub(SHOWN);
    Ok(hosts)
}

/// What a plan is made from.
struct View<'a> {
    plan: &'a RunPlan,
    credentials: &'a [Credential],
    store: &'a Store,
    site: &'a str,
    known: &'a KnownKeys,
    standing: &'a Standing,
    now: UtcTime,
}

impl View<'_> {
    fn host(&self, host: &Host, text: &mut String) -> Result<(), Stop> {
        let live = &host.live;
        let name = live.name.as_deref();
        let heading = match (host.has_address, name) {
            (true, Some(name)) => format!("{name} ({})", live.address),
            (true, None) => live.address.to_string(),
            (false, name) => format!("{}: not looked up", name.unwrap_or_default()),
        };
        let _ = writeln!(text, "{}\n", for_terminal(&heading));
        let remembered = self.remembered(host)?;
        let mut place = 0_u32;
        let mut others = Vec::new();
        for protocol in [Protocol::Ssh, Protocol::Winrm] {
            let chosen = credentials::choose(live, protocol, self.credentials, remembered.as_ref());
            for (credential, choice) in chosen {
                match choice {
                    Choice::Offered => {
                        place += 1;
                        let words = self.offered(host, credential, remembered.as_ref());
                        line(text, &format!("{place}."), credential, &words);
                    }
                    Choice::OtherProtocol => {}
                    choice => others.push((credential, choice)),
                }
            }
        }
        if place == 0 {
            text.push_str("  nothing would be tried (no_credential_in_scope)\n");
        }
        for (credential, choice) in others {
            line(text, "-", credential, &why_not(host, credential, &choice));
        }
        text.push('\n');
        Ok(())
    }

    fn remembered(&self, host: &Host) -> Result<Option<CredentialId>, Stop> {
        if !host.has_address {
            return Ok(None);
        }
        let last = self.store.last_credential(self.site, host.live.address);
        last.wait().map_err(|error| Stop::failed(&error))
    }

    fn offered(
        &self,
        host: &Host,
        credential: &Credential,
        remembered: Option<&CredentialId>,
    ) -> String {
        let mut words = vec![self.way(credential)];
        if let ScopeSays::In(item) = credential.scope.says(&host.live) {
            words.push(format!("in scope by {item}"));
        }
        if remembered == Some(&credential.id) {
            words.push("it worked here the last time".to_owned());
        }
        let is_key = matches!(
            credential.kind(),
            Kind::SshKey | Kind::SshAgent | Kind::SshCert
        );
        if is_key {
            words.push("a key may be shown to any host".to_owned());
            return words.join("; ");
        }
        let open = self
            .standing
            .why_open(credential, host.live.address, self.now);
        if let Some((code, why)) = open {
            words.push(format!("NOT NOW: {}: {why}", code.as_str()));
            return words.join("; ");
        }
        words.push(self.secret(host, credential));
        words.join("; ")
    }

    /// Over what it goes.
    fn way(&self, credential: &Credential) -> String {
        let protocol = credential.kind().protocol();
        let ports = self.plan.ways_in().filter(|way| way.0 == protocol);
        let ports: Vec<String> = ports.map(|way| way.1.to_string()).collect();
        format!("over {} on {}", protocol.as_str(), ports.join(", "))
    }

    /// Whether the password would leave this machine.
    fn secret(&self, host: &Host, credential: &Credential) -> String {
        let accept = self.plan.accept_new_host_keys;
        let first = FirstUse::allowed(accept, credential.password_on_first_use()).is_some();
        match &credential.method {
            Method::Winrm(winrm) => {
                let tls = if first {
                    "its password goes to a host seen for the first time, as it says itself"
                } else {
                    "its password goes where the certificate is trusted or pinned, else tls_untrusted"
                };
                let plain = if winrm.ntlm_http {
                    "over plain HTTP by NTLM, as it says itself"
                } else {
                    "over plain HTTP by Kerberos only, else not_attempted_trust"
                };
                format!("{tls}; {plain}")
            }
            _ if first => {
                "its password goes to a host seen for the first time, as it says itself".to_owned()
            }
            _ if !host.has_address => {
                "its password goes only where the host's key is on record".to_owned()
            }
            _ => self.ssh_password(&host.live),
        }
    }

    fn ssh_password(&self, host: &LiveHost) -> String {
        let ports = self.plan.ssh_ports.iter();
        let known = ports
            .filter(|port| self.known.knows(&Place::of(host, **port)))
            .map(ToString::to_string);
        let known: Vec<String> = known.collect();
        if known.is_empty() {
            return "NOT NOW: its password is held back (hostkey_unknown): no key of this host is on record; underdesk trust scan, then trust import".to_owned();
        }
        format!(
            "its password goes there if the host shows the key on record (port {}), else hostkey_changed",
            known.join(", ")
        )
    }
}

fn why_not(host: &Host, credential: &Credential, choice: &Choice) -> String {
    match choice {
        Choice::TooManyKeys => format!(
            "the host is offered {} other keys before it: a server closes the connection after a few",
            credentials::MAX_KEYS
        ),
        Choice::SameAccount(other) => format!(
            "{other} is tried for the same account, and an account has one wrong try a host"
        ),
        _ => match credential.scope.says(&host.live) {
            ScopeSays::Excluded(item) => format!("excluded by {item}"),
            _ if !host.has_address && credential.scope.has_networks() => format!(
                "undecided: its scope names networks ({}), and the name was not looked up (--dns)",
                credential.scope
            ),
            _ => format!("not in its scope: {}", credential.scope),
        },
    }
}

fn line(text: &mut String, place: &str, credential: &Credential, words: &str) {
    let id = for_terminal(credential.id.as_str());
    let head = format!("  {place:<3} {id} ({})", credential.kind().as_str());
    let _ = writeln!(text, "{head}\n{}", wrap(&for_terminal(words), 6));
}
