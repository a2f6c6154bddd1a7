//! The host keys we remember: our own pins and OpenSSH's `known_hosts` files.
//!
//! Pure. The format is that of sshd(8), section "SSH_KNOWN_HOSTS FILE FORMAT".

use super::base64;
use crate::model::HostKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// Where a host was looked for: all that a key may be remembered by.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The name by which the operator gave it. Never one that the host claims.
    pub name: Option<&'a str>,
    /// Its address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

impl Place<'_> {
    /// What it is called in `known_hosts`, the operator's name first: `name`, `[name]:port`.
    fn names(&self) -> impl Iterator<Item = String> {
        let port = self.port;
        let name = self.name.map(str::to_owned);
        let address = self.address.to_string();
        name.into_iter()
            .chain([address])
            .map(move |name| lookup_name(&name, port))
    }
}

fn lookup_name(name: &str, port: u16) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if port == 22 {
        return name;
    }
    format!("[{name}]:{port}")
}

/// Where a key is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Our own pins.
    Pin,
    /// A `known_hosts` file.
    KnownHosts,
}

/// What the keys we remember say about a key that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is the one.
    Known(Source),
    /// It contradicts what we know.
    Changed {
        /// The keys of the same algorithm that we know instead.
        known: Vec<HostKey>,
        /// Whether the key is marked `@revoked`.
        revoked: bool,
    },
    /// We know none of this algorithm.
    Unknown {
        /// Whether we know keys of other algorithms.
        known_otherwise: bool,
    },
}

/// All host keys that the operator vouches for.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys {
    /// By exact lookup name.
    plain: HashMap<String, Vec<(Source, HostKey)>>,
    patterns: Vec<(Vec<Pattern>, HostKey)>,
    hashed: Vec<(Hashed, HostKey)>,
    revoked: Vec<(Vec<Pattern>, HostKey)>,
}

/// What became of the lines of a `known_hosts` file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownHostsReport {
    /// Lines that are now in use.
    pub keys: usize,
    /// `@cert-authority` lines, which we do not use.
    pub authorities: usize,
    /// Lines that could not be read. They are skipped, as OpenSSH does.
    pub unreadable: usize,
}

impl KnownKeys {
    /// Remembers a pin of our own, by name or by address.
    pub fn pin(&mut self, name_or_address: &str, port: u16, key: HostKey) {
        let name = lookup_name(name_or_address, port);
        let keys = self.plain.entry(name).or_default();
        keys.push((Source::Pin, key));
    }

    /// Remembers the keys of a `known_hosts` file.
    pub fn add_known_hosts(&mut self, text: &str) -> KnownHostsReport {
        let mut report = KnownHostsReport::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Line::parse(line) {
                Some(Line::Authority) => report.authorities += 1,
                Some(line) => {
                    report.keys += 1;
                    self.add(line);
                }
                None => report.unreadable += 1,
            }
        }
        report
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Authority => {}
            Line::Revoked(hosts, key) => self.revoked.push((hosts, key)),
            Line::Hashed(hash, key) => self.hashed.push((hash, key)),
            Line::Hosts(hosts, key) if hosts.iter().any(Pattern::is_special) => {
                self.patterns.push((hosts, key));
            }
            Line::Hosts(hosts, key) => {
                for host in hosts {
                    let keys = self.plain.entry(host.text).or_default();
                    keys.push((Source::KnownHosts, key.clone()));
                }
            }
        }
    }

    /// Whether nothing is known of any host.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty() && self.hashed.is_empty()
    }

    /// What we know says about a key.
    ///
    /// The operator's name decides where it has a key of the algorithm, else the address does: a
    /// name stays with its machine when the address moves on.
    pub fn judge(&self, place: &Place<'_>, shown: &HostKey) -> Judgement {
        let names: Vec<String> = place.names().collect();
        let is_revoked = |(hosts, key): &(Vec<Pattern>, HostKey)| {
            key == shown && names.iter().any(|name| matches(hosts, name))
        };
        if self.revoked.iter().any(is_revoked) {
            let known = Vec::new();
            let revoked = true;
            return Judgement::Changed { known, revoked };
        }
        let mut known_otherwise = false;
        for name in &names {
            let keys = self.keys_of(name);
            let same = keys.iter().filter(|(_, key)| *key == shown);
            if let Some(source) = same.map(|(source, _)| *source).min() {
                return Judgement::Known(source);
            }
            known_otherwise |= !keys.is_empty();
            let known: Vec<HostKey> = keys
                .into_iter()
                .map(|(_, key)| key.clone())
                .filter(|key| key.algorithm == shown.algorithm)
                .collect();
            if !known.is_empty() {
                let revoked = false;
                return Judgement::Changed { known, revoked };
            }
        }
        Judgement::Unknown { known_otherwise }
    }

    /// The algorithms of which we know a key of the host: those to ask it for.
    pub fn algorithms(&self, place: &Place<'_>) -> BTreeSet<String> {
        let mut algorithms = BTreeSet::new();
        for name in place.names() {
            let keys = self.keys_of(&name).into_iter();
            algorithms.extend(keys.map(|(_, key)| key.algorithm.clone()));
        }
        algorithms
    }

    fn keys_of(&self, name: &str) -> Vec<(Source, &HostKey)> {
        let plain = self.plain.get(name).into_iter().flatten();
        let mut keys: Vec<_> = plain.map(|(source, key)| (*source, key)).collect();
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(|(hosts, _)| matches(hosts, name));
        keys.extend(patterns.map(|(_, key)| (Source::KnownHosts, key)));
        let hashed = self.hashed.iter().filter(|(hash, _)| hash.is_of(name));
        keys.extend(hashed.map(|(_, key)| (Source::KnownHosts, key)));
        keys
    }
}

/// The name of a key from its blob as on the wire (RFC 4253 section 6.6): the algorithm it says it
/// is for, and OpenSSH's fingerprint.
pub(super) fn host_key_of_blob(blob: &[u8]) -> Option<HostKey> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let algorithm = rest.get(..length).filter(|name| name.len() <= 64)?;
    let algorithm = std::str::from_utf8(algorithm).ok()?;
    let digest = base64::encode(&Sha256::digest(blob));
    Some(HostKey {
        algorithm: algorithm.to_owned(),
        fingerprint: format!("SHA256:{digest}"),
    })
}

/// A line of a `known_hosts` file.
enum Line {
    Hosts(Vec<Pattern>, HostKey),
    Hashed(Hashed, HostKey),
    Revoked(Vec<Pattern>, HostKey),
    Authority,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        const LONGEST: usize = 64 << 10;
        if line.len() > LONGEST {
            return None;
        }
        let mut fields = line.split([' ', '\t']).filter(|field| !field.is_empty());
        let first = fields.next()?;
        let (mark, hosts) = match first.strip_prefix('@') {
            Some("cert-authority") => return Some(Self::Authority),
            Some("revoked") => (true, fields.next()?),
            Some(_) => return None,
            None => (false, first),
        };
        let algorithm = fields.next()?;
        let key = host_key_of_blob(&base64::decode(fields.next()?)?)?;
        if key.algorithm != algorithm {
            return None;
        }
        if hosts.starts_with('|') && !mark {
            return Some(Self::Hashed(Hashed::parse(hosts)?, key));
        }
        let hosts: Vec<Pattern> = hosts.split(',').filter_map(Pattern::parse).collect();
        match (hosts.is_empty(), mark) {
            (true, _) => None,
            (false, true) => Some(Self::Revoked(hosts, key)),
            (false, false) => Some(Self::Hosts(hosts, key)),
        }
    }
}

/// A name, perhaps with `*` and `?`, perhaps negated by `!`, perhaps hashed.
#[derive(Clone, Debug)]
struct Pattern {
    negated: bool,
    text: String,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (negated, text) = match text.strip_prefix('!') {
            Some(text) => (true, text),
            None => (false, text),
        };
        // `[host]:22` is how some tools write plain `host`.
        let lower = text.to_ascii_lowercase();
        let plain = lower
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix("]:22"));
        let text = plain.map_or(lower.clone(), str::to_owned);
        (!text.is_empty()).then_some(Self { negated, text })
    }

    fn is_special(&self) -> bool {
        self.negated || self.text.contains(['*', '?'])
    }

    fn is_of(&self, name: &str) -> bool {
        if self.text.starts_with("|1|") {
            return Hashed::parse(&self.text).is_some_and(|hash| hash.is_of(name));
        }
        glob(self.text.as_bytes(), name.as_bytes())
    }
}

/// Whether a list of patterns names a host: one does, and no negated one does.
fn matches(patterns: &[Pattern], name: &str) -> bool {
    let mut named = false;
    for pattern in patterns.iter().filter(|pattern| pattern.is_of(name)) {
        if pattern.negated {
            return false;
        }
        named = true;
    }
    named
}

/// Shell-like matching of `*` and `?`, in time at most the product of the lengths.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

/// `|1|salt|hash`: the HMAC-SHA1 of the name, so that the file does not tell where its owner goes.
#[derive(Clone, Debug)]
struct Hashed {
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hashed {
    fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix("|1|")?.split_once('|')?;
        let salt = base64::decode(salt)?;
        let hash = base64::decode(hash)?;
        (hash.len() == 20 && !salt.is_empty()).then_some(Self { salt, hash })
    }

    fn is_of(&self, name: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.salt) else {
            return false;
        };
        mac.update(name.as_bytes());
        mac.verify_slice(&self.hash).is_ok()
    }
}
