//! nmap's XML (`nmap -oX`; nmap.dtd): hosts that were up, with their addresses, names and SSH host keys.
//!
//! A name of type `PTR` is what a name server says of the address, not what the machine says of itself.

use super::draft::Draft;
use super::{Field, KnownError, cells};
use crate::model::{Date, KnownRecord, ListKind, UtcTime};
use crate::tabular::lines::Lines;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// The deepest that elements may nest; scripts' tables reach a dozen.
const DEEPEST: usize = 100;

/// Whether a text is nmap's: its outermost element says so.
pub(super) fn is_nmap(text: &str) -> bool {
    let mut start = text.char_indices().map(|(at, _)| at);
    let end = start.nth(8192).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().contains("<nmaprun")
}

/// Reads a scan. No entity is expanded, and nothing outside the document is read.
pub(super) fn read(text: &str) -> Result<Draft, KnownError> {
    let uses = [
        ("address", Field::Address),
        ("address addrtype=mac", Field::Mac),
        ("hostname", Field::Name),
        ("osmatch", Field::Os),
        ("ssh-hostkey", Field::HostKey),
        ("starttime", Field::LastSeen),
    ];
    let mut scan = Scan {
        draft: Draft::of_form(ListKind::Nmap, "nmap XML", &uses),
        host: None,
        path: Vec::new(),
        text: String::new(),
        started: None,
        lines: Lines::new(text),
    };
    let mut reader = Reader::from_str(text);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event();
        let event = event.map_err(|error| malformed(scan.lines.of(at), error.to_string()))?;
        match event {
            Event::Start(start) => {
                if scan.path.len() >= DEEPEST {
                    let what = "its elements nest too deep".to_owned();
                    return Err(malformed(scan.lines.of(at), what));
                }
                let row = row(&mut scan, &start, at);
                scan.open(&start, row);
                scan.path.push(start.local_name().as_ref().to_owned());
                scan.text.clear();
            }
            Event::Empty(start) => {
                let row = row(&mut scan, &start, at);
                scan.open(&start, row);
            }
            Event::Text(words) => scan.write(&words.xml10_content()),
            Event::End(_) => scan.close(),
            Event::Eof => break,
            _ => {}
        }
    }
    // A scan that was cut short holds what it had found until then.
    if !scan.path.is_empty() {
        scan.host = None;
        let note = "the file ends too early: the scan was stopped, or the file cut";
        scan.draft.notes.push(note.to_owned());
    }
    Ok(scan.draft)
}

fn malformed(line: u64, what: String) -> KnownError {
    KnownError::Malformed {
        form: "nmap XML",
        line,
        what,
    }
}

/// The line of a host; other elements' are not needed.
fn row(scan: &mut Scan<'_>, start: &BytesStart<'_>, at: usize) -> u64 {
    if start.local_name().as_ref() == "host" {
        scan.lines.of(at)
    } else {
        0
    }
}

struct Scan<'a> {
    draft: Draft,
    host: Option<Host>,
    path: Vec<String>,
    text: String,
    started: Option<Date>,
    lines: Lines<'a>,
}

/// A host whose element is open.
#[derive(Default)]
struct Host {
    record: KnownRecord,
    is_up: bool,
    script: Script,
}

/// Which script's table is open.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Script {
    #[default]
    Other,
    /// One that lists host keys.
    Keys,
    /// Of that, the value that is a key.
    Key,
}

impl Scan<'_> {
    fn open(&mut self, start: &BytesStart<'_>, row: u64) {
        match start.local_name().as_ref() {
            "nmaprun" => self.started = day(start, "start"),
            "host" => {
                let last_seen = day(start, "endtime").or_else(|| day(start, "starttime"));
                let record = KnownRecord {
                    row,
                    last_seen: last_seen.or(self.started),
                    ..KnownRecord::default()
                };
                self.host = Some(Host {
                    record,
                    is_up: true,
                    ..Host::default()
                });
            }
            _ => {
                if let Some(host) = &mut self.host {
                    host.open(start);
                }
            }
        }
    }

    fn write(&mut self, words: &str) {
        if self.text.len() < 64 << 10 {
            self.text.push_str(words);
        }
    }

    fn close(&mut self) {
        let name = self.path.pop().unwrap_or_default();
        match (name.as_str(), &mut self.host) {
            ("host", Some(_)) => {
                if let Some(host) = self.host.take().filter(|host| host.is_up) {
                    self.draft.take(host.record);
                }
            }
            ("script", Some(host)) => host.script = Script::Other,
            ("elem", Some(host)) if host.script == Script::Key => {
                host.script = Script::Keys;
                let key = cells::host_key(self.text.trim());
                let key = key.filter(|key| !host.record.host_keys.contains(key));
                host.record.host_keys.extend(key);
            }
            _ => {}
        }
    }
}

impl Host {
    fn open(&mut self, start: &BytesStart<'_>) {
        let of = |name: &str| attribute(start, name).unwrap_or_default();
        match start.local_name().as_ref() {
            "status" => self.is_up = of("state") == "up",
            "address" if of("addrtype") == "mac" => {
                self.record.macs.extend(cells::mac(&of("addr")));
            }
            "address" => self.record.addresses.extend(cells::address(&of("addr"))),
            "hostname" => {
                let named = cells::name(&of("name"));
                let record = &mut self.record;
                record.name = record.name.take().or(named.name);
                record.fqdn = record.fqdn.take().or(named.fqdn);
            }
            "osmatch" if self.record.os.is_none() => {
                self.record.os = cells::text(&of("name")).map(cells::kept);
            }
            "script" if of("id") == "ssh-hostkey" => self.script = Script::Keys,
            "script" => self.script = Script::Other,
            "elem" if self.script == Script::Keys && of("key") == "key" => {
                self.script = Script::Key;
            }
            _ => {}
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned())
}

fn day(start: &BytesStart<'_>, name: &str) -> Option<Date> {
    let seconds: i64 = attribute(start, name)?.parse().ok()?;
    Some(UtcTime::from_unix(seconds).date())
}
