//! Host keys that a person vouches for, in the format of `known_hosts` and `ssh-keyscan`.

use super::base64;
use super::known_hosts::host_key_of_blob;
use crate::model::HostKey;

/// One key of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPin {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The key.
    pub key: HostKey,
    /// The whole public key: `ssh-ed25519 AAAA…`.
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

/// Reads `host,[host]:port algorithm key` lines. Unlike a `known_hosts` file in use, a line that
/// names no exact host is a problem: a pin is for one host.
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
    match hosts.as_bytes().first() {
        Some(b'@') => return Err("marked lines (@…) cannot be pinned"),
        Some(b'|') => return Err("hashed names cannot be pinned; run ssh-keyscan without -H"),
        _ => {}
    }
    let key = base64::decode(blob).and_then(|blob| host_key_of_blob(&blob));
    let Some(key) = key.filter(|key| key.algorithm == algorithm) else {
        return Err("the key does not read, or is not of the algorithm before it");
    };
    let pin = |(host, port)| ParsedPin {
        host,
        port,
        key: key.clone(),
        public_key: format!("{algorithm} {blob}"),
    };
    hosts.split(',').map(|host| place(host).map(pin)).collect()
}

fn place(text: &str) -> Result<(String, u16), &'static str> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once("]:"));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (text, Some(22)),
    };
    let Some(port) = port else {
        return Err("the port is no port");
    };
    if host.is_empty() || host.contains(['*', '?', '!', '[', ']']) {
        return Err("patterns cannot be pinned; name the host");
    }
    Ok((host.to_ascii_lowercase(), port))
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
