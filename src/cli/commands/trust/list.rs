//! `trust list` and `trust remove`.

use super::super::super::Stop;
use super::super::super::config::Settings;
use super::{FIRST_USE, place};
use crate::report::{columns, for_terminal};
use crate::store::{Pin, Store};
use std::fmt::Write as _;
use std::net::IpAddr;

/// What people vouch for, and apart from that what was only ever taken at its word.
pub(super) fn list(settings: &Settings, store: &Store) -> Result<String, Stop> {
    let pins = pins(settings, store)?;
    let (met, checked): (Vec<Pin>, Vec<Pin>) =
        pins.into_iter().partition(|pin| pin.source == FIRST_USE);
    let mut text = table(&checked);
    if !met.is_empty() {
        let _ = write!(
            text,
            "\nPinned at first sight and checked by nobody: a password goes there only where the credential says \
             password_on_first_use\n\n{}",
            table(&met)
        );
    }
    Ok(text)
}

fn pins(settings: &Settings, store: &Store) -> Result<Vec<Pin>, Stop> {
    let pins = store.pins(&settings.site).wait();
    pins.map_err(|error| Stop::failed(&error))
}

fn table(pins: &[Pin]) -> String {
    let rows = pins.iter().map(|pin| {
        vec![
            for_terminal(&pin.host).into_owned(),
            pin.port.to_string(),
            pin.key.algorithm.clone(),
            pin.key.fingerprint.clone(),
            pin.source.clone(),
            pin.at.date().to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    columns(
        &[
            "host",
            "port",
            "algorithm",
            "fingerprint",
            "source",
            "since",
        ],
        &rows,
    )
}

/// Takes the pins of a host away, of one port where one is named.
pub(super) fn remove(settings: &Settings, store: &Store, wanted: &str) -> Result<String, Stop> {
    let (host, port) = read_place(wanted).ok_or_else(|| {
        Stop::usage(format!(
            "{wanted}: expected a host as trust list shows it, perhaps with a port: srv:22, [2001:db8::7]:22"
        ))
    })?;
    let is_meant = |pin: &Pin| pin.host == host && port.is_none_or(|port| pin.port == port);
    let mut pins = pins(settings, store)?;
    pins.retain(is_meant);
    if pins.is_empty() {
        return Err(Stop::usage(format!(
            "{wanted}: there is no such pin at site {}; underdesk trust list shows what there is",
            settings.site
        )));
    }
    let mut text = String::new();
    for pin in pins {
        let removed = store.remove_pin(pin.clone()).wait();
        if removed.map_err(|error| Stop::failed(&error))? {
            let _ = writeln!(text, "removed {} {}", for_terminal(&place(&pin)), pin.key);
        }
    }
    Ok(text)
}

fn read_place(text: &str) -> Option<(String, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let named = |host: &str| {
        let address = host.parse::<IpAddr>().ok();
        address.map_or_else(|| host.to_lowercase(), |address| address.to_string())
    };
    // An address of IPv6 has colons of its own.
    if text.parse::<IpAddr>().is_ok() {
        return Some((named(text), None));
    }
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        let port = match rest.strip_prefix(':') {
            Some(text) => Some(port(text)?),
            None => None,
        };
        return Some((named(host), port));
    }
    match text.rsplit_once(':') {
        Some((host, text)) => Some((named(host), Some(port(text)?))),
        None if text.is_empty() => None,
        None => Some((named(text), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_perhaps_a_port() {
        let read = |text| read_place(text).map(|(host, port)| (host, port.unwrap_or(0)));
        let place = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("SRV"), place("srv", 0));
        assert_eq!(read("srv:2222"), place("srv", 2222));
        assert_eq!(read("10.0.0.7"), place("10.0.0.7", 0));
        assert_eq!(read("2001:DB8:0::7"), place("2001:db8::7", 0));
        assert_eq!(read("[2001:db8::7]:22"), place("2001:db8::7", 22));
        assert_eq!(read("[2001:db8::7]"), place("2001:db8::7", 0));
        for text in ["", "srv:", "srv:0", "[::1]:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
