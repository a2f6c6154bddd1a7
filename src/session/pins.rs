//! Host keys that a person vouches for, in the format of `known_hosts` and `ssh-keyscan`, and
//! certificates by their SHA-256: `[host]:5986 x509 SHA256:…`. An authority that vouches for hosts is
//! pinned as `@cert-authority` and the patterns of its hosts.

use super::base64;
use super::known_hosts::{AUTHORITY, host_key_of_blob, patterns};
use crate::model::HostKey;
use std::net::IpAddr;

/// One key of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPin {
    /// The name or address; of an authority `@cert-authority` and its patterns, as
    /// [`KnownKeys::pin`](super::KnownKeys::pin) takes it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The key.
    pub key: HostKey,
    /// The whole public key: `ssh-ed25519 AAAA…`; empty for a certificate.
    pub public_key: String,
}

/// What a file amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedPins {
    /// The keys.
    pub pins: Vec<ParsedPin>,
    /// Lines that cannot be pinned, by number from 1, and why.
    pub problems: Vec<(usize, &'static str)>,
}

/// Reads `host,[host]:port algorithm key` lines; the key of the algorithm `x509` is the SHA-256 of a
/// certificate in DER, as `SHA256:` and base64 or in hex as `openssl x509 -fingerprint -sha256`
/// prints it. Unlike a `known_hosts` file in use, a line that
/// names no exact host is a problem: a pin is for one host. Only an authority is for many.
pub fn parse_pins(text: &str) -> ParsedPins {
    let mut parsed = ParsedPins::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match pins_of(line) {
            Ok(pins) => parsed.pins.extend(pins),
            Err(why) => parsed.problems.push((number, why)),
        }
    }
    parsed
}

fn pins_of(line: &str) -> Result<Vec<ParsedPin>, &'static str> {
    let mut fields = line.split_whitespace();
    let (Some(hosts), Some(algorithm), Some(blob)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err("expected `host algorithm key`, as ssh-keyscan prints it");
    };
    if hosts == AUTHORITY {
        return authority(line).map(|pin| vec![pin]);
    }
    match hosts.as_bytes().first() {
        Some(b'@') => return Err("only @cert-authority among the marked lines (@…) can be pinned"),
        Some(b'|') => return Err("hashed names cannot be pinned; run ssh-keyscan without -H"),
        _ => {}
    }
    if algorithm == X509 {
        let Some(key) = certificate_key(blob) else {
            return Err("expected the certificate's SHA-256, as SHA256:… or in hex");
        };
        return hosts
            .split(',')
            .map(|host| pin(host, HTTPS_PORT, &key, ""))
            .collect();
    }
    let Some((key, public_key)) = read_public_key(&format!("{algorithm} {blob}")) else {
        return Err("the key does not read, or is not of the algorithm before it");
    };
    let hosts = hosts.split(',');
    hosts
        .map(|host| pin(host, SSH_PORT, &key, &public_key))
        .collect()
}

/// A whole public key as OpenSSH writes it: its name, and `algorithm base64` without a comment.
pub fn read_public_key(text: &str) -> Option<(HostKey, String)> {
    let mut fields = text.split_whitespace();
    let (algorithm, blob) = (fields.next()?, fields.next()?);
    let key = host_key_of_blob(&base64::decode(blob)?)?;
    (key.algorithm == algorithm).then(|| (key, format!("{algorithm} {blob}")))
}

/// The length of an RSA public key, in bits; `None` for other keys, whose algorithm tells.
pub fn public_key_bits(text: &str) -> Option<usize> {
    let mut fields = text.split_whitespace();
    fields.next().filter(|algorithm| *algorithm == "ssh-rsa")?;
    let blob = base64::decode(fields.next()?)?;
    // RFC 4253 section 6.6: string "ssh-rsa", mpint e, mpint n.
    let (_, rest) = string(&blob)?;
    let (_, rest) = string(rest)?;
    let (modulus, _) = string(rest)?;
    let mut modulus = modulus.iter().skip_while(|byte| **byte == 0);
    let first = modulus.next()?;
    Some(modulus.count() * 8 + 8 - usize::try_from(first.leading_zeros()).ok()?)
}

/// A string of RFC 4251 section 5, and what comes behind it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

/// An authority: `@cert-authority *.example ssh-ed25519 AAAA…`.
fn authority(line: &str) -> Result<ParsedPin, &'static str> {
    let mut fields = line.split_whitespace().skip(1);
    let (Some(hosts), Some(algorithm), Some(blob)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err("expected `@cert-authority patterns algorithm key`");
    };
    if patterns(hosts).is_empty() {
        return Err("the authority is for no host");
    }
    let key = base64::decode(blob).and_then(|blob| host_key_of_blob(&blob));
    let Some(key) = key.filter(|key| key.algorithm == algorithm) else {
        return Err("the key does not read, or is not of the algorithm before it");
    };
    Ok(ParsedPin {
        host: format!("{AUTHORITY} {hosts}"),
        port: SSH_PORT,
        key,
        public_key: format!("{algorithm} {blob}"),
    })
}

const SSH_PORT: u16 = 22;
/// WinRM over HTTPS.
const HTTPS_PORT: u16 = 5986;
/// The algorithm by which a certificate is pinned.
pub(super) const X509: &str = "x509";

fn pin(
    host: &str,
    usual_port: u16,
    key: &HostKey,
    public_key: &str,
) -> Result<ParsedPin, &'static str> {
    let (host, port) = place(host, usual_port)?;
    Ok(ParsedPin {
        host,
        port,
        key: key.clone(),
        public_key: public_key.to_owned(),
    })
}

/// What a certificate is pinned by, from its SHA-256 as base64 or in hex.
pub fn certificate_key(sha256: &str) -> Option<HostKey> {
    Some(HostKey {
        algorithm: X509.to_owned(),
        fingerprint: certificate_fingerprint(sha256)?,
    })
}

/// `SHA256:` and 43 characters of base64, whichever way it is written.
pub(super) fn certificate_fingerprint(text: &str) -> Option<String> {
    let digest = match text.strip_prefix("SHA256:") {
        Some(base64) => base64::decode(base64)?,
        None => from_hex(&text.replace(':', ""))?,
    };
    (digest.len() == 32).then(|| format!("SHA256:{}", base64::encode(&digest)))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| {
        digit
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    });
    let digits: Vec<u8> = digits.collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2).map(|pair| match pair {
        [high, low] => high << 4 | low,
        _ => 0,
    });
    digits.len().is_multiple_of(2).then(|| pairs.collect())
}

fn place(text: &str, usual_port: u16) -> Result<(String, u16), &'static str> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once("]:"));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (text, Some(usual_port)),
    };
    let Some(port) = port else {
        return Err("the port is no port");
    };
    Ok((one_host(host)?, port))
}

/// A host as a pin names it: in lower case, an address as it is usually written.
pub(super) fn one_host(host: &str) -> Result<String, &'static str> {
    let is_other = |c: char| c.is_whitespace() || c.is_control() || "*?![],|@#".contains(c);
    if host.is_empty() || host.contains(is_other) {
        return Err("patterns cannot be pinned; name the host");
    }
    let address = host.parse::<IpAddr>().ok();
    Ok(address.map_or_else(|| host.to_ascii_lowercase(), |address| address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE6LfKBO14hfvvUnprKPi1LdYBA2F2m9jYkLhZLgYUxI";

    #[test]
    fn one_line_pins_every_host_it_names() {
        let parsed = parse_pins(&format!("# scanned\n\nWeb,[10.0.0.7]:2222 {KEY} comment\n"));
        let places: Vec<_> = parsed
            .pins
            .iter()
            .map(|pin| (pin.host.as_str(), pin.port))
            .collect();
        assert_eq!(places, [("web", 22), ("10.0.0.7", 2222)]);
        assert_eq!(parsed.pins[0].public_key, KEY);
        assert!(parsed.pins[0].key.fingerprint.starts_with("SHA256:"));
        assert_eq!(parsed.problems, []);
    }

    #[test]
    fn the_length_of_an_rsa_key_is_that_of_its_modulus() {
        let blob = |modulus: &[u8]| {
            let mut blob = Vec::new();
            for part in [&b"ssh-rsa"[..], &[1, 0, 1], modulus] {
                blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
                blob.extend(part);
            }
            format!("ssh-rsa {}", base64::encode(&blob))
        };
        let mut modulus = vec![0x80; 128];
        assert_eq!(public_key_bits(&blob(&modulus)), Some(1024));
        // An mpint whose first bit is set has a zero before it.
        modulus.insert(0, 0);
        assert_eq!(public_key_bits(&blob(&modulus)), Some(1024));
        modulus = vec![0x01; 2];
        assert_eq!(public_key_bits(&blob(&modulus)), Some(9));
        assert_eq!(public_key_bits(&blob(&[])), None);
        assert_eq!(public_key_bits(KEY), None);
        assert_eq!(public_key_bits("ssh-rsa AAAA"), None);
    }

    #[test]
    fn a_certificate_is_pinned_by_its_digest_in_base64_or_hex() {
        let hex = "00".repeat(31) + "FF";
        let colons = format!("{}FF", "00:".repeat(31));
        let base64 = format!("SHA256:{}P8", "A".repeat(41));
        let lines = [
            format!("srv x509 {hex}"),
            format!("srv x509 {colons}"),
            format!("[srv]:443 x509 {base64}"),
            "srv x509 00FF".to_owned(),
        ];
        let parsed = parse_pins(&lines.join("\n"));
        let ports: Vec<u16> = parsed.pins.iter().map(|pin| pin.port).collect();
        assert_eq!(ports, [5986, 5986, 443]);
        for pin in &parsed.pins {
            assert_eq!(pin.key.to_string(), format!("x509 {base64}"));
        }
        assert_eq!(parsed.problems.len(), 1);
    }

    #[test]
    fn an_authority_is_pinned_with_the_patterns_of_its_hosts() {
        let parsed = parse_pins(&format!("@cert-authority *.example,!x.example {KEY} ca\n"));
        assert_eq!(parsed.problems, []);
        assert_eq!(parsed.pins[0].host, "@cert-authority *.example,!x.example");
        let mut known = crate::session::KnownKeys::default();
        known.pin(&parsed.pins[0].host, 22, parsed.pins[0].key.clone());
        let at = |name| crate::session::Place {
            name: Some(name),
            address: [10, 0, 0, 7].into(),
            port: 22,
        };
        assert!(known.has_authority(&at("web.example")));
        assert!(!known.has_authority(&at("x.example")));
        assert!(!known.has_authority(&at("web.other")));
    }

    #[test]
    fn what_cannot_be_pinned_is_named_by_its_line() {
        let lines = [
            "web".to_owned(),
            format!("@revoked web {KEY}"),
            format!("|1|a|b {KEY}"),
            format!("*.example {KEY}"),
            format!("[web]:0 {KEY}"),
            "web ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIE6LfKBO14hfvvUnprKPi1LdYBA2F2m9jYkLhZLgYUxI"
                .to_owned(),
        ];
        let parsed = parse_pins(&lines.join("\n"));
        let numbers: Vec<usize> = parsed.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!((parsed.pins.len(), numbers), (0, vec![1, 2, 3, 4, 5, 6]));
    }
}
