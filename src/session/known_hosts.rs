//! The host keys we remember: our own pins and OpenSSH's `known_hosts` files.
//!
//! Pure. The format is that of sshd(8), section `SSH_KNOWN_HOSTS FILE FORMAT`.

use super::base64;
use crate::model::{HostKey, LiveHost};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

impl<'a> Place<'a> {
    /// A port of a host.
    pub fn of(host: &'a LiveHost, port: u16) -> Self {
        Self {
            name: host.name.as_deref(),
            address: host.address,
            port,
        }
    }
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
    found: Found,
    revoked: Vec<(Vec<Pattern>, HostKey)>,
    /// Those that vouch for hosts by certificate.
    authorities: Vec<(Vec<Pattern>, HostKey)>,
    /// Under which other names the keys of hosts are known, by the operator's names for them.
    aliases: HashMap<String, String>,
}

/// What became of the lines of a `known_hosts` file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownHostsReport {
    /// Lines that are now in use.
    pub keys: usize,
    /// Lines of authorities (`@cert-authority`), which are in use as well.
    pub authorities: usize,
    /// Lines that could not be read. They are skipped, as OpenSSH does.
    pub unreadable: usize,
}

impl KnownKeys {
    /// Remembers a pin of our own, by name or by address; or an authority, where in place of the name
    /// is `@cert-authority` and its patterns.
    pub fn pin(&mut self, name_or_address: &str, port: u16, key: HostKey) {
        if let Some(hosts) = name_or_address.strip_prefix(AUTHORITY) {
            let hosts = patterns(hosts.trim());
            self.authorities.push((hosts, key));
            return;
        }
        let name = lookup_name(name_or_address, port);
        let keys = self.plain.entry(name).or_default();
        keys.push((Source::Pin, key));
    }

    /// Remembers that the keys of a host are known under another name than the operator's: ssh's `HostName`
    /// and `HostKeyAlias`.
    pub fn alias(&mut self, name: &str, known_as: &str) {
        let name = lookup_name(name, 22);
        self.aliases.insert(name, known_as.to_owned());
    }

    /// The name by which a host vouches for itself, without a port: an alias, the operator's name, else the
    /// address.
    pub(super) fn name_of(&self, place: &Place<'_>) -> String {
        let own = place.name.map(|name| lookup_name(name, 22));
        let own = own.unwrap_or_else(|| place.address.to_string());
        let alias = self.aliases.get(&own);
        alias.map_or(own, |alias| lookup_name(alias, 22))
    }

    /// All names of a place, the first first: an alias also without the port, as ssh looks it up.
    fn names(&self, place: &Place<'_>) -> Vec<String> {
        let alias = place
            .name
            .and_then(|name| self.aliases.get(&lookup_name(name, 22)));
        let alias = alias.into_iter();
        let alias = alias.flat_map(|name| [lookup_name(name, place.port), lookup_name(name, 22)]);
        alias.chain(place.names()).collect()
    }

    /// Remembers the keys of a `known_hosts` file.
    pub fn add_known_hosts(&mut self, text: &str) -> KnownHostsReport {
        let mut report = KnownHostsReport::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Line::parse(line) {
                Some(line) => {
                    match line {
                        Line::Authority(..) => report.authorities += 1,
                        _ => report.keys += 1,
                    }
                    self.add(line);
                }
                None => report.unreadable += 1,
            }
        }
        report
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Authority(hosts, key) => self.authorities.push((hosts, key)),
            Line::Revoked(hosts, key) => self.revoked.push((hosts, key)),
            Line::Hashed(hash, key) => {
                self.hashed.push((hash, key));
                self.found = Found::default();
            }
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
        self.plain.is_empty()
            && self.patterns.is_empty()
            && self.hashed.is_empty()
            && self.authorities.is_empty()
    }

    /// What we know says about a key.
    ///
    /// Where any key is on record for the operator's name, the name alone decides, else the address
    /// does: a name stays with its machine when the address moves on, and whoever has taken over the
    /// address must not pass for the name.
    pub fn judge(&self, place: &Place<'_>, shown: &HostKey) -> Judgement {
        if self.is_revoked(place, shown) {
            let known = Vec::new();
            let revoked = true;
            return Judgement::Changed { known, revoked };
        }
        let keys = self.on_record(place);
        let same = keys.iter().filter(|(_, key)| *key == shown);
        if let Some(source) = same.map(|(source, _)| *source).min() {
            return Judgement::Known(source);
        }
        let known_otherwise = !keys.is_empty();
        let known = keys.into_iter().map(|(_, key)| key.clone());
        let known = known.filter(|key| key.algorithm == shown.algorithm);
        let known: Vec<HostKey> = known.collect();
        if known.is_empty() {
            return Judgement::Unknown { known_otherwise };
        }
        let revoked = false;
        Judgement::Changed { known, revoked }
    }

    /// Whether a key, a host's or an authority's, is marked `@revoked` for the host.
    pub(super) fn is_revoked(&self, place: &Place<'_>, shown: &HostKey) -> bool {
        let mut revoked = self.revoked.iter().filter(|(_, key)| key == shown);
        let names = self.names(place);
        revoked.any(|(hosts, _)| names.iter().any(|name| matches(hosts, name)))
    }

    /// Whether a key is that of an authority which vouches for the host.
    pub(super) fn is_authority(&self, place: &Place<'_>, shown: &HostKey) -> bool {
        self.authorities_of(place).any(|key| key == shown)
    }

    /// Whether any authority may vouch for the host: only then is it asked for a certificate.
    pub(super) fn has_authority(&self, place: &Place<'_>) -> bool {
        self.authorities_of(place).next().is_some()
    }

    /// By the operator's name for the host, else by its address; with the port or, as in OpenSSH, without.
    fn authorities_of(&self, place: &Place<'_>) -> impl Iterator<Item = &HostKey> {
        let name = self.name_of(place);
        let names = [lookup_name(&name, place.port), name];
        // Who is taken out is so by either name.
        let here = move |hosts: &[Pattern]| {
            names.iter().any(|name| matches(hosts, name))
                && !names.iter().any(|name| is_taken_out(hosts, name))
        };
        let here = self
            .authorities
            .iter()
            .filter(move |(hosts, _)| here(hosts));
        here.map(|(_, key)| key)
    }

    /// Whether any key is on record for the host, or an authority that may vouch for it.
    pub fn knows(&self, place: &Place<'_>) -> bool {
        !self.on_record(place).is_empty() || self.has_authority(place)
    }

    /// The algorithms of which we know a key of the host: those to ask it for.
    pub fn algorithms(&self, place: &Place<'_>) -> BTreeSet<String> {
        let keys = self.on_record(place).into_iter();
        keys.map(|(_, key)| key.algorithm.clone()).collect()
    }

    fn on_record(&self, place: &Place<'_>) -> Vec<(Source, &HostKey)> {
        let names = self.names(place).into_iter();
        let keys = names.map(|name| self.keys_of(&name));
        let mut keys = keys.filter(|keys| !keys.is_empty());
        keys.next().unwrap_or_default()
    }

    fn keys_of(&self, name: &str) -> Vec<(Source, &HostKey)> {
        let plain = self.plain.get(name).into_iter().flatten();
        let mut keys: Vec<_> = plain.map(|(source, key)| (*source, key)).collect();
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(|(hosts, _)| matches(hosts, name));
        keys.extend(patterns.map(|(_, key)| (Source::KnownHosts, key)));
        let hashed = self.found.of(name, &self.hashed).into_iter();
        let hashed = hashed.filter_map(|place| self.hashed.get(place));
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
    Authority(Vec<Pattern>, HostKey),
}

/// The mark of an authority's line.
pub(super) const AUTHORITY: &str = "@cert-authority";

/// The patterns of a list, those that are none left out.
pub(super) fn patterns(list: &str) -> Vec<Pattern> {
    list.split(',').filter_map(Pattern::parse).collect()
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
            Some(_) if first == AUTHORITY => (Mark::Authority, fields.next()?),
            Some("revoked") => (Mark::Revoked, fields.next()?),
            Some(_) => return None,
            None => (Mark::None, first),
        };
        let algorithm = fields.next()?;
        let key = host_key_of_blob(&base64::decode(fields.next()?)?)?;
        if key.algorithm != algorithm {
            return None;
        }
        if hosts.starts_with('|') && mark == Mark::None {
            return Some(Self::Hashed(Hashed::parse(hosts)?, key));
        }
        let hosts = patterns(hosts);
        match (hosts.is_empty(), mark) {
            (true, _) => None,
            (false, Mark::Revoked) => Some(Self::Revoked(hosts, key)),
            (false, Mark::Authority) => Some(Self::Authority(hosts, key)),
            (false, Mark::None) => Some(Self::Hosts(hosts, key)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Revoked,
    Authority,
}

/// A name, perhaps with `*` and `?`, perhaps negated by `!`, perhaps hashed.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    negated: bool,
    text: String,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (negated, text) = match text.strip_prefix('!') {
            Some(text) => (true, text),
            None => (false, text),
        };
        // A hash is not a name: its letters are what they are.
        if text.starts_with(HASHED) {
            let text = text.to_owned();
            return Some(Self { negated, text });
        }
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
        if self.text.starts_with(HASHED) {
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

fn is_taken_out(patterns: &[Pattern], name: &str) -> bool {
    let mut negated = patterns.iter().filter(|pattern| pattern.negated);
    negated.any(|pattern| pattern.is_of(name))
}

/// Shell-like matching of `*` and `?`, in time at most the product of the lengths.
pub(super) fn glob(pattern: &[u8], name: &[u8]) -> bool {
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

/// The beginning of a hashed name.
const HASHED: &str = "|1|";

/// `|1|salt|hash`: the HMAC-SHA1 of the name, so that the file does not tell where its owner goes.
#[derive(Clone, Debug)]
struct Hashed {
    /// Keyed by the salt, which is half of the work.
    mac: Hmac<Sha1>,
    hash: Vec<u8>,
}

impl Hashed {
    fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix(HASHED)?.split_once('|')?;
        let salt = base64::decode(salt)?;
        let hash = base64::decode(hash)?;
        let mac = Hmac::new_from_slice(&salt).ok()?;
        (hash.len() == 20 && !salt.is_empty()).then_some(Self { mac, hash })
    }

    fn is_of(&self, name: &str) -> bool {
        let mut mac = self.mac.clone();
        mac.update(name.as_bytes());
        mac.verify_slice(&self.hash).is_ok()
    }
}

/// The places of the hashed lines of names that were looked up lately: a host is looked up several times, and each
/// time every line would have to be tried.
#[derive(Debug, Default)]
struct Found(Mutex<HashMap<String, Vec<usize>>>);

impl Found {
    /// So many names are remembered at most.
    const MOST: usize = 4_096;

    fn of(&self, name: &str, lines: &[(Hashed, HostKey)]) -> Vec<usize> {
        if lines.is_empty() {
            return Vec::new();
        }
        let known = |found: &HashMap<String, Vec<usize>>| found.get(name).cloned();
        if let Some(places) = known(&self.lock()) {
            return places;
        }
        let places = lines.iter().enumerate();
        let places = places.filter(|(_, (hash, _))| hash.is_of(name));
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        let mut found = self.lock();
        if found.len() >= Self::MOST {
            found.clear();
        }
        found.insert(name.to_owned(), places.clone());
        places
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<usize>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of other lines nothing was found yet.
impl Clone for Found {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A `known_hosts` key field and its name, made from an algorithm and a seed.
    fn key(algorithm: &str, seed: u8) -> (String, HostKey) {
        let mut blob = u32::try_from(algorithm.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        blob.extend(algorithm.as_bytes());
        blob.extend([0, 0, 0, 32]);
        blob.extend([seed; 32]);
        let text = format!("{algorithm} {}", base64::encode(&blob));
        (text, host_key_of_blob(&blob).unwrap())
    }

    fn ed25519(seed: u8) -> (String, HostKey) {
        key("ssh-ed25519", seed)
    }

    fn known(text: &str) -> KnownKeys {
        let mut known = KnownKeys::default();
        known.add_known_hosts(text);
        known
    }

    fn at(name: Option<&str>, port: u16) -> Place<'_> {
        Place {
            name,
            address: [10, 0, 0, 7].into(),
            port,
        }
    }

    /// `name` as `ssh-keygen -H` would hide it.
    fn hide(name: &str) -> String {
        let salt = [7; 20];
        let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
        mac.update(name.as_bytes());
        let hash = mac.finalize().into_bytes();
        format!("|1|{}|{}", base64::encode(&salt), base64::encode(&hash))
    }

    #[test]
    fn a_hidden_name_may_be_marked_as_well() {
        let (text, key) = ed25519(1);
        let hidden = hide("db1.example");
        let keys = known(&format!(
            "@revoked {hidden} {text}\n@cert-authority {hidden} {text}\n"
        ));
        assert!(keys.is_revoked(&at(Some("db1.example"), 22), &key));
        assert!(keys.has_authority(&at(Some("db1.example"), 22)));
        assert!(!keys.has_authority(&at(Some("db2.example"), 22)));
    }

    const IS_KNOWN: Judgement = Judgement::Known(Source::KnownHosts);

    const IS_UNKNOWN: Judgement = Judgement::Unknown {
        known_otherwise: false,
    };

    #[test]
    fn a_name_or_an_address_and_the_port_decide() {
        let (text, key) = ed25519(1);
        let keys = known(&format!(
            "db1.example,10.0.0.7 {text}\n[db1.example]:2222 {text}\n"
        ));
        assert_eq!(keys.judge(&at(Some("DB1.example."), 22), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 22), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(Some("db1.example"), 2222), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 2222), &key), IS_UNKNOWN);
        assert_eq!(keys.judge(&at(Some("db1.example"), 2200), &key), IS_UNKNOWN);
    }

    #[test]
    fn another_key_of_the_same_algorithm_is_a_change() {
        let ((text, one), (_, two)) = (ed25519(1), ed25519(2));
        let keys = known(&format!("10.0.0.7 {text}"));
        let changed = Judgement::Changed {
            known: vec![one],
            revoked: false,
        };
        assert_eq!(keys.judge(&at(None, 22), &two), changed);
    }

    #[test]
    fn a_key_of_another_algorithm_is_unknown_but_not_new() {
        let (text, _) = ed25519(1);
        let keys = known(&format!("10.0.0.7 {text}"));
        let known_otherwise = Judgement::Unknown {
            known_otherwise: true,
        };
        let (_, rsa) = key("ssh-rsa", 1);
        assert_eq!(keys.judge(&at(None, 22), &rsa), known_otherwise);
        let algorithms: Vec<_> = keys.algorithms(&at(None, 22)).into_iter().collect();
        assert_eq!(algorithms, ["ssh-ed25519"]);
    }

    #[test]
    fn a_host_may_have_several_keys_of_an_algorithm() {
        let ((one, first), (two, second)) = (ed25519(1), ed25519(2));
        let keys = known(&format!("10.0.0.7 {one}\n10.0.0.7 {two}"));
        assert_eq!(keys.judge(&at(None, 22), &first), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 22), &second), IS_KNOWN);
    }

    #[test]
    fn the_name_speaks_before_the_address() {
        let ((named, one), (addressed, two)) = (ed25519(1), ed25519(2));
        let keys = known(&format!("db1.example {named}\n10.0.0.7 {addressed}"));
        let place = at(Some("db1.example"), 22);
        assert_eq!(keys.judge(&place, &one), IS_KNOWN);
        let verdict = keys.judge(&place, &two);
        assert!(matches!(verdict, Judgement::Changed { .. }));
        assert_eq!(keys.judge(&at(None, 22), &two), IS_KNOWN);
    }

    #[test]
    fn who_took_over_the_address_does_not_pass_for_the_name() {
        let ((named, _), (addressed, rsa)) = (ed25519(1), key("ssh-rsa", 2));
        let keys = known(&format!("db1.example {named}\n10.0.0.7 {addressed}"));
        let known_otherwise = true;
        let verdict = keys.judge(&at(Some("db1.example"), 22), &rsa);
        assert_eq!(verdict, Judgement::Unknown { known_otherwise });
    }

    #[test]
    fn patterns_match_and_negated_ones_exclude() {
        let (text, key) = ed25519(1);
        let keys = known(&format!("*.example,!bad.example,10.0.0.? {text}"));
        assert_eq!(keys.judge(&at(Some("a.b.example"), 22), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 22), &key), IS_KNOWN);
        let other = Place {
            address: [10, 0, 1, 7].into(),
            ..at(Some("bad.example"), 22)
        };
        assert_eq!(keys.judge(&other, &key), IS_UNKNOWN);
    }

    #[test]
    fn hashed_names_are_recognised() {
        let (text, key) = ed25519(1);
        let hash = |name: &str| {
            let salt = [7; 20];
            let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
            mac.update(name.as_bytes());
            let hash = mac.finalize().into_bytes();
            format!("|1|{}=|{}=", base64::encode(&salt), base64::encode(&hash))
        };
        let lines = [hash("db1.example"), hash("[10.0.0.7]:2222")];
        let keys = known(&lines.map(|hash| format!("{hash} {text}\n")).concat());
        assert_eq!(keys.judge(&at(Some("db1.example"), 22), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 2222), &key), IS_KNOWN);
        assert_eq!(keys.judge(&at(None, 22), &key), IS_UNKNOWN);
    }

    #[test]
    fn a_hashed_line_that_comes_later_counts_for_a_name_that_was_looked_up() {
        let (text, key) = ed25519(1);
        let mut keys = known(&format!("{} {text}\n", hide("db1.example")));
        let place = at(Some("db2.example"), 22);
        assert_eq!(keys.judge(&place, &key), IS_UNKNOWN);
        let before = keys.clone();
        keys.add_known_hosts(&format!("{} {text}\n", hide("db2.example")));
        for _ in 0..2 {
            assert_eq!(keys.judge(&place, &key), IS_KNOWN);
            assert_eq!(before.judge(&place, &key), IS_UNKNOWN);
        }
    }

    #[test]
    fn a_revoked_key_is_refused_even_where_it_is_known() {
        let (text, key) = ed25519(1);
        let keys = known(&format!("10.0.0.7 {text}\n@revoked * {text}\n"));
        let revoked = Judgement::Changed {
            known: vec![],
            revoked: true,
        };
        assert_eq!(keys.judge(&at(None, 22), &key), revoked);
    }

    #[test]
    fn a_pin_is_told_from_a_known_hosts_line() {
        let (text, key) = ed25519(1);
        let mut keys = known(&format!("10.0.0.7 {text}"));
        keys.pin("10.0.0.7", 22, key.clone());
        let pinned = Judgement::Known(Source::Pin);
        assert_eq!(keys.judge(&at(None, 22), &key), pinned);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_harms_nothing() {
        let (text, key) = ed25519(1);
        let blob = text.split(' ').nth(1).unwrap();
        let lines = [
            "# a comment",
            "",
            "10.0.0.7",
            "10.0.0.7 ssh-ed25519",
            "10.0.0.7 ssh-ed25519 !!!!",
            &format!("10.0.0.7 ssh-rsa {blob}"),
            "|1|x|y ssh-ed25519 AAAA",
            &format!("@cert-authority *.example {text}"),
            &format!("@unheard-of * {text}"),
            &format!("  10.0.0.7\t{text} a comment  \r"),
        ];
        let mut keys = KnownKeys::default();
        let report = keys.add_known_hosts(&lines.join("\n"));
        let expected = KnownHostsReport {
            keys: 1,
            authorities: 1,
            unreadable: 6,
        };
        assert_eq!(report, expected);
        assert_eq!(keys.judge(&at(None, 22), &key), IS_KNOWN);
    }

    /// From OpenSSH: the line of a key and what `ssh-keygen -lf` prints for it.
    #[test]
    fn fingerprints_are_those_that_openssh_prints() {
        let line =
            "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK2pr+Bfus1hvPof4Wb/plZCzSbqadHH0u+/f4ODtKnE";
        let keys = known(line);
        let (_, key) = &keys.plain["h"][0];
        assert_eq!(
            key.fingerprint,
            "SHA256:wX9j+SP2h7N0y1ZKQdM3E2rXGeJIBFZbmJjfvWeAgd0"
        );
    }

    #[test]
    fn many_stars_cost_little() {
        let pattern = "*a".repeat(2000);
        let name = "a".repeat(1000) + "b";
        assert!(!glob(pattern.as_bytes(), name.as_bytes()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~\t\n|@!*?,]{0,200}", name in "[a-z*.]{0,9}") {
            let (line, key) = ed25519(1);
            let keys = known(&format!("{text}\n{text} {line}\n@revoked {text} {line}"));
            keys.judge(&at(Some(&name), 22), &key);
        }

        #[test]
        fn a_glob_without_stars_is_equality(a in "[ab]{0,6}", b in "[ab]{0,6}") {
            prop_assert_eq!(glob(a.as_bytes(), b.as_bytes()), a == b);
            let (pattern, name) = (format!("{a}*"), format!("{a}{b}"));
            prop_assert!(glob(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
