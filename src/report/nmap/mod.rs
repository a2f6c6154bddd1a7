//! nmap's XML output (`nmap.xml`): what the sweep saw, for tools that read nmap.
//!
//! The authority is `nmap.dtd` as nmap ships it; `docs/formats.md` says how ours maps. A host is an address, as for
//! nmap. Only what the network showed is in it; what was read after a login is not, nor the ports that were probed
//! and did not answer, which a run does not keep. Who answers for others (`managed_state` `artefact`) is no host.
//! XML cannot hold control characters: they are shown ([`escape::for_xml`]).

use super::output::Document;
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written, each_machine, escape};
use crate::model::{
    Certainty, Clue, CoverageRow, Fact, MachineRecord, RunState, RunSummary, SeenBy, Service,
    ServiceTls,
};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use std::borrow::Cow;
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;

const NAME: &str = "nmap.xml";
/// What goes out in one write.
const BLOCK: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Nmap;

impl Exporter for Nmap {
    fn format(&self) -> &'static str {
        "nmap"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let failed = || ReportError::writing(NAME);
        let document = BufWriter::with_capacity(BLOCK, Document::open(NAME, sink)?);
        let mut page = Page(Writer::new(document));
        let only = options.selection.words();
        page.begin(source.run(), &only).map_err(failed())?;
        let mut hosts = 0;
        let counts = each_machine(source, options, |machine| {
            if machine.intermediary.is_some() {
                return Ok(());
            }
            hosts += machine.addresses.len() as u64;
            let mut addresses = machine.addresses.iter();
            let written = addresses.try_for_each(|address| page.host(machine, *address));
            written.map_err(failed())
        })?;
        let sum = |of: fn(&CoverageRow) -> u128| {
            let rows = source.coverage().iter().map(of);
            rows.fold(0_u128, u128::saturating_add)
        };
        let down = if only.is_empty() {
            sum(|row| row.swept).saturating_sub(hosts.into())
        } else {
            // Who is left out is not down.
            sum(|row| row.silent)
        };
        page.end(source.run(), hosts, down).map_err(failed())?;
        let document = page.0.into_inner().into_inner();
        let document = document.map_err(|error| failed()(error.into_error()))?;
        let files = vec![document.close(hosts)?];
        Ok(Written { files, counts })
    }
}

type Attributes<'a, const N: usize> = [(&'a str, Cow<'a, str>); N];

/// The document while it is written.
struct Page(Writer<BufWriter<Document>>);

impl Page {
    fn begin(&mut self, run: &RunSummary, only: &[String]) -> io::Result<()> {
        let to = &mut self.0;
        to.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        to.get_mut().write_all(b"\n")?;
        to.write_event(Event::DocType(BytesText::from_escaped("nmaprun")))?;
        self.line()?;
        let mut args = format!("underdesk {} {}", run.kind, run.targets.join(" "));
        if !only.is_empty() {
            args = format!("{args} (part of the run: {})", only.join(" "));
        }
        self.open(
            "nmaprun",
            [
                ("scanner", "nmap".into()),
                ("args", args.into()),
                ("start", run.started.unix().to_string().into()),
                ("startstr", run.started.to_string().into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                ("xmloutputversion", "1.05".into()),
            ],
        )?;
        self.line()?;
        self.empty("verbose", [("level", "0".into())])?;
        self.empty("debugging", [("level", "0".into())])?;
        self.line()
    }

    fn end(&mut self, run: &RunSummary, up: u64, down: u128) -> io::Result<()> {
        let end = run.finished.unwrap_or(run.started);
        let elapsed = end.unix().saturating_sub(run.started.unix());
        let total = down.saturating_add(up.into());
        let exit = match run.state {
            RunState::Complete => "success",
            _ => "error",
        };
        self.open("runstats", [])?;
        self.empty(
            "finished",
            [
                ("time", end.unix().to_string().into()),
                ("timestr", end.to_string().into()),
                ("elapsed", format!("{elapsed}.00").into()),
                ("exit", exit.into()),
            ],
        )?;
        self.empty(
            "hosts",
            [
                ("up", up.to_string().into()),
                ("down", down.to_string().into()),
                ("total", total.to_string().into()),
            ],
        )?;
        self.close("runstats")?;
        self.line()?;
        self.close("nmaprun")?;
        self.line()
    }

    fn host(&mut self, machine: &MachineRecord, address: IpAddr) -> io::Result<()> {
        let end = machine.last_seen.unix().to_string();
        self.open("host", [("endtime", end.into())])?;
        let services = services(machine, address);
        let is_open = services
            .iter()
            .any(|one| one.state == "open" && one.proto == "tcp");
        let reason = if is_open {
            "syn-ack"
        } else {
            "unknown-response"
        };
        self.empty(
            "status",
            [
                ("state", "up".into()),
                ("reason", reason.into()),
                ("reason_ttl", "0".into()),
            ],
        )?;
        self.addresses(machine, address)?;
        self.hostnames(machine)?;
        self.line()?;
        if !services.is_empty() {
            self.open("ports", [])?;
            for service in services {
                self.port(machine, address, service)?;
            }
            self.close("ports")?;
            self.line()?;
        }
        self.system(machine)?;
        self.close("host")?;
        self.line()
    }

    fn addresses(&mut self, machine: &MachineRecord, address: IpAddr) -> io::Result<()> {
        let kind = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        self.empty(
            "address",
            [
                ("addr", address.to_string().into()),
                ("addrtype", kind.into()),
            ],
        )?;
        // Of several nobody says which is whose.
        let [mac] = machine.fingerprint.macs.as_slice() else {
            return Ok(());
        };
        let mut tag = start(
            "address",
            [("addr", mac.into()), ("addrtype", "mac".into())],
        );
        if let Some(vendor) = machine.fingerprint.mac_vendor.as_deref() {
            tag.push_attribute(("vendor", &*escape::for_xml(vendor)));
        }
        self.0.write_event(Event::Empty(tag))
    }

    /// The operator's name for it is nmap's `user`; what it calls itself is neither that nor a `PTR`.
    fn hostnames(&mut self, machine: &MachineRecord) -> io::Result<()> {
        self.open("hostnames", [])?;
        if let Some(name) = machine.target_name.as_deref() {
            self.empty("hostname", [("name", name.into()), ("type", "user".into())])?;
        }
        let seen = &machine.fingerprint;
        let shown = [&seen.fqdn, &seen.hostname].into_iter().flatten();
        for claim in shown.take(1) {
            self.empty("hostname", [("name", (&*claim.value).into())])?;
        }
        self.close("hostnames")
    }

    fn port(&mut self, machine: &MachineRecord, address: IpAddr, seen: &Service) -> io::Result<()> {
        self.open(
            "port",
            [
                ("protocol", (&*seen.proto).into()),
                ("portid", seen.port.to_string().into()),
            ],
        )?;
        self.empty(
            "state",
            [
                ("state", (&*seen.state).into()),
                ("reason", reason(seen).into()),
                ("reason_ttl", "0".into()),
            ],
        )?;
        self.service(seen)?;
        if !seen.banner.is_empty() {
            self.empty(
                "script",
                [("id", "banner".into()), ("output", (&*seen.banner).into())],
            )?;
        }
        if let Some(tls) = &seen.tls {
            self.certificate(tls)?;
        }
        if seen.service == "ssh" {
            self.host_key(machine, address, seen.port)?;
        }
        self.close("port")
    }

    fn service(&mut self, seen: &Service) -> io::Result<()> {
        let (method, conf) = match seen.certainty {
            Certainty::Sure => ("probed", "10"),
            Certainty::Likely => ("probed", "7"),
            Certainty::Guess => ("probed", "5"),
            Certainty::None => ("table", "3"),
        };
        let name = service_name(&seen.service);
        let mut tag = start("service", [("name", name.into())]);
        for (key, text) in [("product", &seen.product), ("version", &seen.version)] {
            if !text.is_empty() {
                tag.push_attribute((key, &*escape::for_xml(text)));
            }
        }
        if seen.tls.is_some() {
            tag.push_attribute(("tunnel", "ssl"));
        }
        tag.push_attribute(("method", method));
        tag.push_attribute(("conf", conf));
        self.0.write_event(Event::Empty(tag))
    }

    /// As nmap's script `ssl-cert` tells of a certificate, as far as we keep it.
    fn certificate(&mut self, tls: &ServiceTls) -> io::Result<()> {
        let end = tls.not_after.map(|end| end.to_string());
        // nmap writes its moments without a zone.
        let end = end.map(|end| end.trim_end_matches('Z').to_owned());
        let [subject, issuer] = [&tls.subject, &tls.issuer].map(|name| escape::for_xml(name));
        let mut output = format!("Subject: {subject}\nIssuer: {issuer}");
        if let Some(end) = &end {
            output = format!("{output}\nNot valid after:  {end}");
        }
        let mut tag = BytesStart::new("script");
        tag.push_attribute(("id", "ssl-cert"));
        tag.push_attribute(("output", &*output));
        self.0.write_event(Event::Start(tag))?;
        if let Some(end) = end {
            self.open("table", [("key", "validity".into())])?;
            self.element("notAfter", &end)?;
            self.close("table")?;
        }
        self.close("script")
    }

    /// As nmap's script `ssh-hostkey` tells of a key: the whole key where it was asked for, else its fingerprint.
    fn host_key(&mut self, machine: &MachineRecord, address: IpAddr, port: u16) -> io::Result<()> {
        let here = |clue: &Clue| clue.port == port || clue.port == 0;
        let clues = machine
            .clues
            .iter()
            .filter(|(at, clue)| *at == address && here(clue));
        let clues = || clues.clone().map(|(_, clue)| &clue.fact);
        let keys: Vec<(&str, &str)> = clues()
            .filter_map(|fact| match fact {
                Fact::PublicKey(key) => key.split_once(' '),
                _ => None,
            })
            .collect();
        let fingerprint = clues().find_map(|fact| match fact {
            Fact::HostKey(key) => Some(key),
            _ => None,
        });
        let output = match (fingerprint, keys.as_slice()) {
            (Some(key), _) => key.to_string(),
            (None, [_, ..]) => String::new(),
            (None, []) => return Ok(()),
        };
        self.open(
            "script",
            [("id", "ssh-hostkey".into()), ("output", output.into())],
        )?;
        for (kind, key) in keys {
            self.open("table", [])?;
            self.element("type", kind)?;
            self.element("key", key.split(' ').next().unwrap_or_default())?;
            self.close("table")?;
        }
        self.close("script")
    }

    fn system(&mut self, machine: &MachineRecord) -> io::Result<()> {
        let Some(os) = &machine.fingerprint.os else {
            return Ok(());
        };
        let accuracy = match os.certainty {
            Certainty::Sure => "100",
            Certainty::Likely => "90",
            Certainty::Guess | Certainty::None => "70",
        };
        self.open("os", [])?;
        self.empty(
            "osmatch",
            [
                ("name", (&*os.value).into()),
                ("accuracy", accuracy.into()),
                ("line", "0".into()),
            ],
        )?;
        self.close("os")?;
        self.line()
    }

    fn element(&mut self, key: &str, text: &str) -> io::Result<()> {
        self.open("elem", [("key", key.into())])?;
        let text = escape::for_xml(text);
        self.0.write_event(Event::Text(BytesText::new(&text)))?;
        self.close("elem")
    }

    fn open<const N: usize>(&mut self, name: &str, of: Attributes<'_, N>) -> io::Result<()> {
        self.0.write_event(Event::Start(start(name, of)))
    }

    fn empty<const N: usize>(&mut self, name: &str, of: Attributes<'_, N>) -> io::Result<()> {
        self.0.write_event(Event::Empty(start(name, of)))
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn line(&mut self) -> io::Result<()> {
        self.0.get_mut().write_all(b"\n")
    }
}

/// A tag, every value made such as XML can hold.
fn start<'n, const N: usize>(name: &'n str, attributes: Attributes<'_, N>) -> BytesStart<'n> {
    let mut tag = BytesStart::new(name);
    for (key, value) in attributes {
        tag.push_attribute((key, &*escape::for_xml(&value)));
    }
    tag
}

/// What the network showed at an address, each port once.
fn services(machine: &MachineRecord, address: IpAddr) -> Vec<&Service> {
    let here = machine.services.iter().filter(|(at, _)| *at == address);
    let seen = here.map(|(_, service)| service);
    let mut seen: Vec<&Service> = seen.filter(|one| one.seen_by == SeenBy::Scan).collect();
    let is_known = |one: &&Service| ["tcp", "udp", "sctp"].contains(&&*one.proto);
    seen.retain(is_known);
    seen.sort_unstable_by_key(|one| (&one.proto, one.port, *one));
    seen.dedup_by_key(|one| (&one.proto, one.port));
    seen
}

/// Why a port is taken to be in its state, in nmap's words.
fn reason(seen: &Service) -> &'static str {
    match (&*seen.proto, &*seen.state) {
        ("tcp", "open") => "syn-ack",
        ("udp", "open") => "udp-response",
        ("tcp", "closed") => "conn-refused",
        _ => "unknown-response",
    }
}

/// nmap's name for a protocol (`nmap-services`).
fn service_name(ours: &str) -> &str {
    const NAMES: &[(&str, &str)] = &[
        ("", "unknown"),
        ("mssql", "ms-sql-s"),
        ("mdns", "zeroconf"),
        ("nbns", "netbios-ns"),
        ("rdp", "ms-wbt-server"),
        ("smb", "microsoft-ds"),
        ("sql-browser", "ms-sql-m"),
        ("winrm", "wsman"),
    ];
    let found = NAMES.iter().find(|(name, _)| *name == ours);
    found.map_or(ours, |(_, theirs)| theirs)
}

#[cfg(test)]
mod tests;
