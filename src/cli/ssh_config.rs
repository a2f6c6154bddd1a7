//! OpenSSH's own configuration, where the credentials file names it: it is read for the targets that were
//! given by name, and becomes credentials, jump hosts and names like those of the file. Nothing is run.

use super::config::Environment;
use super::{Stop, complain, hints, runtime};
use crate::credentials::file::{read_public, read_secret};
use crate::credentials::{
    self, Credential, CredentialsFile, HostConfig, Jump, MAX_KEYS, Method, Ownership, Route, Scope,
    ScopeItem, SecretRef, SshConfig, Sudo, resolve,
};
use crate::model::{CredentialId, LiveHost};
use crate::scan::{RunPlan, StoredProof};
use crate::session::{Key, KeyError};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file that is read.
const LONGEST: u64 = 1 << 20;
/// How many files an `Include` may name.
const MOST_FILES: usize = 256;
/// How a credential made from the configuration begins.
const PREFIX: &str = "ssh-config-";

/// The configuration that a credentials file names, and the targets that it may be used for.
pub(super) struct Own {
    config: SshConfig,
    scope: Scope,
    home: PathBuf,
    folder: PathBuf,
}

/// What the configuration adds to the credentials file.
#[derive(Default)]
pub(super) struct Additions {
    pub(super) credentials: Vec<Credential>,
    pub(super) proofs: BTreeMap<CredentialId, StoredProof>,
    pub(super) jumps: Vec<Jump>,
}

impl Own {
    /// Reads the configuration, if the credentials file names one.
    pub(super) fn read(
        file: &CredentialsFile,
        path: &Path,
        environment: &Environment,
    ) -> Result<Option<Self>, Stop> {
        let Some(named) = &file.ssh_config else {
            return Ok(None);
        };
        let home = environment.home().unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let place = at(&home, &folder, &named.file);
        let ssh = home.join(".ssh");
        let text = text_of(&place).map_err(|why| {
            Stop::usage(format!(
                "{}, line {}: ssh_config: {why}",
                path.display(),
                named.line
            ))
        })?;
        let include = |pattern: &str| included(&home, &ssh, pattern);
        let config = SshConfig::read(&place, &text, &include);
        for problem in &config.problems {
            complain(problem);
        }
        Ok(Some(Self {
            config,
            scope: named.scope.clone(),
            home,
            folder: ssh,
        }))
    }

    /// What is said of each target that was given by name and is in the scope.
    fn targets<'a>(&self, plan: &'a RunPlan) -> Vec<(&'a str, Route)> {
        let names = plan.scope.names.keys().map(String::as_str);
        let names = names.filter(|name| self.scope.covers(&named(name)));
        names.map(|name| (name, self.config.route(name))).collect()
    }

    /// Puts the hosts where the configuration says they are: their addresses, ports, and the names by which
    /// their keys are known.
    pub(super) fn place(&self, plan: &mut RunPlan, look_up: &LookUp<'_>) {
        let mut known: Vec<PathBuf> = Vec::new();
        let targets = self.targets(plan).into_iter();
        let targets: Vec<(String, Route)> = targets
            .map(|(name, route)| (name.to_owned(), route))
            .collect();
        for (name, route) in targets {
            let config = match route {
                Route::Known(config) => config,
                Route::Refused(why) => {
                    complain(&format!("{name}: not used: {why}"));
                    continue;
                }
            };
            if config.host_name != name {
                let addresses = look_up(&config.host_name);
                plan.scope.names.insert(name.clone(), addresses);
            }
            if let Some(port) = config.port.filter(|port| !plan.ssh_ports.contains(port)) {
                plan.ssh_ports.push(port);
                plan.ports.push(port);
            }
            known.extend(self.known_hosts(&config));
            plan.key_names.insert(name, key_name(&config));
            for hop in &config.jumps {
                if let Route::Known(config) = self.config.route(&hop.host) {
                    known.extend(self.known_hosts(&config));
                    let key_name = key_name(&config);
                    plan.key_names.insert(config.host_name, key_name);
                }
            }
        }
        plan.ports.sort_unstable();
        plan.ports.dedup();
        for path in known {
            if path.exists() && !plan.known_hosts.contains(&path) {
                plan.known_hosts.push(path);
            }
        }
    }

    fn known_hosts(&self, config: &HostConfig) -> Vec<PathBuf> {
        let files = config.known_hosts.iter();
        files
            .map(|file| at(&self.home, &self.folder, Path::new(file)))
            .collect()
    }

    /// The credentials and jump hosts that it amounts to. A host for which it names no user or no key of
    /// its own gets none: the login of whoever runs this is never meant.
    pub(super) fn additions(
        &self,
        plan: &RunPlan,
        prompt: Option<&resolve::Prompt<'_>>,
    ) -> Additions {
        let mut made = Additions::default();
        for (name, route) in self.targets(plan) {
            let Route::Known(config) = route else {
                continue;
            };
            let added = self.add(&mut made, (name, &config), prompt);
            if let Err(why) = added {
                complain(&format!("{name}: not used: {why}"));
            }
        }
        made
    }

    fn add(
        &self,
        made: &mut Additions,
        (name, config): (&str, &HostConfig),
        prompt: Option<&resolve::Prompt<'_>>,
    ) -> Result<(), String> {
        let mut jump = None;
        for (place, hop) in config.jumps.iter().enumerate() {
            let hop_config = match self.config.route(&hop.host) {
                Route::Known(config) => config,
                Route::Refused(why) => return Err(format!("on the way, {}: {why}", hop.host)),
            };
            if place == 0 && !hop_config.jumps.is_empty() {
                return Err(format!(
                    "on the way, {}: it has a ProxyJump of its own; write out all hops",
                    hop.host
                ));
            }
            let user = hop.user.clone().or_else(|| hop_config.user.clone());
            let port = hop.port.or(hop_config.port).unwrap_or(22);
            let id = format!("{PREFIX}{}-{port}", hop.host);
            if !made.jumps.iter().any(|it| it.id == id) {
                let on_the_way = HostConfig {
                    user,
                    ..hop_config.clone()
                };
                let called = format!("way-{}", hop.host);
                let to = (hop_config.host_name.as_str(), called.as_str());
                let credential = self.credential(made, to, (&on_the_way, None), prompt);
                let credential =
                    credential.map_err(|why| format!("on the way, {}: {why}", hop.host))?;
                made.jumps.push(Jump {
                    id: id.clone(),
                    host: hop_config.host_name.clone(),
                    port,
                    credential,
                    jump,
                    line: 0,
                });
            }
            jump = Some(id);
        }
        self.credential(made, (name, name), (config, jump), prompt)
            .map(drop)
    }

    /// Makes a credential for one host: what it may be used on, and what it is called by.
    fn credential(
        &self,
        made: &mut Additions,
        (covered, called): (&str, &str),
        (config, jump): (&HostConfig, Option<String>),
        prompt: Option<&resolve::Prompt<'_>>,
    ) -> Result<CredentialId, String> {
        let Some(user) = &config.user else {
            return Err("the configuration names no User".to_owned());
        };
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let called: String = called.chars().filter(|c| good(*c)).take(48).collect();
        let id = CredentialId::new(format!("{PREFIX}{called}"));
        if made.proofs.contains_key(&id) {
            return Ok(id);
        }
        let keys = self.keys(config, prompt)?;
        let item = ScopeItem::parse(covered).map_err(|why| why.to_string())?;
        let scope = Scope::new([item]).map_err(|why| why.to_string())?;
        let first = config.identity_files.first().map(PathBuf::from);
        made.credentials.push(Credential {
            id: id.clone(),
            user: user.clone(),
            ownership: Ownership::Directory { realm: None },
            method: Method::SshKey {
                key: SecretRef::File(first.unwrap_or_default()),
                passphrase: None,
            },
            scope,
            sudo: Sudo::Never,
            sudo_password: None,
            jump,
            legacy: false,
            line: 0,
        });
        made.proofs.insert(id.clone(), StoredProof::Keys(keys));
        Ok(id)
    }

    fn keys(
        &self,
        config: &HostConfig,
        prompt: Option<&resolve::Prompt<'_>>,
    ) -> Result<Vec<Arc<Key>>, String> {
        if config.identity_files.is_empty() {
            return Err("the configuration names no IdentityFile".to_owned());
        }
        let mut keys = Vec::new();
        let mut why = String::new();
        for file in config.identity_files.iter().take(MAX_KEYS) {
            let path = at(&self.home, &self.folder, Path::new(file));
            match self.key(&path, config, prompt) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(problem) => why = format!("{}: {problem}", path.display()),
            }
        }
        if keys.is_empty() {
            return Err(why);
        }
        Ok(keys)
    }

    fn key(
        &self,
        path: &Path,
        config: &HostConfig,
        prompt: Option<&resolve::Prompt<'_>>,
    ) -> Result<Key, String> {
        let bytes = read_secret(path, LONGEST).map_err(|error| hints::chain(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| KeyError::NotAKey.to_string())?;
        let text = SecretString::from(text);
        let key = match (Key::parse(&text, None), prompt) {
            (Err(KeyError::PassphraseNeeded), Some(prompt)) => {
                let asked = prompt(&format!("Passphrase of {}: ", path.display()));
                let passphrase = asked.map_err(|error| error.to_string())?;
                Key::parse(&text, Some(&passphrase))
            }
            (key, _) => key,
        };
        let key = key.map_err(|error| error.to_string())?;
        // As ssh does, the certificate beside the key is tried where none is named.
        let beside = PathBuf::from(format!("{}-cert.pub", path.display()));
        let named = config.certificate_files.iter();
        let named = named.map(|file| at(&self.home, &self.folder, Path::new(file)));
        for certificate in named.chain([beside]).filter(|path| path.exists()) {
            let bytes = read_public(&certificate, LONGEST).map_err(|error| hints::chain(&error))?;
            match key.certified(&bytes, runtime::now()) {
                Ok(certified) => return Ok(certified),
                Err(KeyError::Mismatch) => {}
                Err(error) => return Err(format!("{}: {error}", certificate.display())),
            }
        }
        Ok(key)
    }
}

/// Looks up a name, as the targets are looked up.
pub(super) type LookUp<'a> = dyn Fn(&str) -> Result<Vec<IpAddr>, String> + 'a;

/// The name by which a host's key is known: as ssh, its alias, else its real name.
fn key_name(config: &HostConfig) -> String {
    let alias = config.host_key_alias.as_ref();
    alias.unwrap_or(&config.host_name).clone()
}

fn named(name: &str) -> LiveHost {
    LiveHost {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        name: Some(name.into()),
        tags: Arc::default(),
        open_ports: Vec::new(),
        round_trip: None,
    }
}

/// A path as the configuration writes it: `~/` is the home, else relative to a folder.
fn at(home: &Path, folder: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => folder.join(path),
    }
}

/// The text of a configuration file. As ssh, one that others may write is not believed.
fn text_of(path: &Path) -> Result<String, String> {
    let bytes = read_public(path, LONGEST).map_err(|error| hints::chain(&error))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))
}

/// The files that an `Include` names: `*` and `?` in the last part of the path stand for what is there.
fn included(home: &Path, ssh: &Path, pattern: &str) -> Vec<(PathBuf, String)> {
    let path = at(home, ssh, Path::new(pattern));
    let name = path.file_name().and_then(|name| name.to_str());
    let mut paths = match (path.parent(), name) {
        (Some(folder), Some(name)) if name.contains(['*', '?']) => matching(folder, name),
        _ => vec![path],
    };
    paths.sort();
    paths.truncate(MOST_FILES);
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        match text_of(&path) {
            Ok(text) => files.push((path, text)),
            Err(why) => complain(&format!("{}: not read: {why}", path.display())),
        }
    }
    files
}

fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    let entries = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        !name.starts_with('.') && credentials::is_like(pattern, &name)
    });
    entries.map(|entry| entry.path()).collect()
}
