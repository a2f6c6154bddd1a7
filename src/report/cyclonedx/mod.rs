//! `CycloneDX` 1.6: of each machine that was read one document (`m-….cdx.json`) with what is installed and, as VEX, what
//! of its findings is to be said. <https://cyclonedx.org/docs/1.6/json/> describes it, `docs/formats.md` how ours maps.
//!
//! A machine that was not read has no document: one without components would say that it has none. Nor has a run
//! that verified, which reads only what its findings ask after.

mod components;
mod vulnerabilities;

use super::stream::Stream;
use super::{Destination, Exporter, Options, ReportError, ReportSource, Sink, Written};
use super::{each_machine, tables};
use crate::model::{Inventory, MachineId, MachineRecord, RunId, RunSummary, hex};
use components::{Component, Components, OS_REF};
use serde::Serialize;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::collections::BTreeSet;
use vulnerabilities::Vulnerability;

/// The format's name.
pub(super) const FORMAT: &str = "cyclonedx";
const ENDING: &str = ".cdx.json";
/// The reference of the machine itself.
const MACHINE_REF: &str = "machine";

#[derive(Debug)]
pub(super) struct CycloneDx;

impl Exporter for CycloneDx {
    fn format(&self) -> &'static str {
        FORMAT
    }

    fn shows_verified(&self) -> bool {
        false
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        if options.destination == Destination::Stdout {
            only_one(source, options)?;
        }
        let (mut files, mut names) = (Vec::new(), BTreeSet::new());
        let counts = each_machine(source, options, |machine| {
            let Some(read) = machine.inventory.as_deref() else {
                return Ok(());
            };
            let name = file_name(&machine.id, &mut names);
            let bom = bom(source.run(), options, machine, read)?;
            let mut stream = Stream::open(&name, sink)?;
            stream.value(&bom)?;
            stream.text("\n")?;
            files.push(stream.finish(bom.components.len() as u64)?);
            Ok(())
        })?;
        Ok(Written { files, counts })
    }
}

/// Whether a file is a document of this format, by its name.
pub fn is_machine_document(name: &str) -> bool {
    let stem = name
        .strip_suffix(ENDING)
        .and_then(|stem| stem.strip_prefix("m-"));
    let Some((id, turn)) = stem.map(|stem| stem.split_once('-').unwrap_or((stem, "2"))) else {
        return false;
    };
    is_hex(id) && turn.parse::<u32>().is_ok_and(|turn| turn > 1)
}

/// Refuses to write several documents to standard output, before the first is begun.
fn only_one(source: &dyn ReportSource, options: &Options) -> Result<(), ReportError> {
    let mut count = 0;
    each_machine(source, options, |machine| {
        count += u64::from(machine.inventory.is_some());
        Ok(())
    })?;
    match count {
        1 => Ok(()),
        count => Err(ReportError::ManyDocuments {
            format: FORMAT,
            count,
        }),
    }
}

/// A file name that no machine chooses: its id, or a hash of one that we did not give.
fn file_name(id: &MachineId, names: &mut BTreeSet<String>) -> String {
    let own = id.as_str().strip_prefix("m-").filter(|rest| is_hex(rest));
    let digits = own.map_or_else(
        || hex(Sha256::digest(id.as_str()).get(..6).unwrap_or_default()),
        str::to_owned,
    );
    let turns = (1_u32..).map(|turn| match turn {
        1 => format!("m-{digits}{ENDING}"),
        turn => format!("m-{digits}-{turn}{ENDING}"),
    });
    let mut free = turns.filter(|name| !names.contains(name));
    let name = free.next().unwrap_or_default();
    names.insert(name.clone());
    name
}

fn is_hex(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    text.len() == 12 && text.bytes().all(is_digit)
}

fn bom<'a>(
    run: &'a RunSummary,
    options: &Options,
    machine: &'a MachineRecord,
    read: &'a Inventory,
) -> Result<Bom<'a>, ReportError> {
    let parts = Components::of(run, options, machine, read)?;
    let vulnerabilities = vulnerabilities::of(run, options, machine, &parts);
    let software = parts.all.iter().map(|part| part.bom_ref.clone());
    let software: Vec<String> = software.filter(|one| one != OS_REF).collect();
    // More may be there than any package manager or registry lists, so it is never said to be complete.
    let is_partial = machine.outcome != "scanned_full" || !read.gaps.is_empty();
    let aggregate = if is_partial { "incomplete" } else { "unknown" };
    let only = options.selection.words();
    Ok(Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        format: "CycloneDX",
        spec_version: "1.6",
        serial_number: serial_number(&run.id, &machine.id, &only),
        version: 1,
        metadata: metadata(run, machine, only),
        components: parts.all,
        dependencies: vec![
            Dependency::new(MACHINE_REF, vec![OS_REF.to_owned()]),
            Dependency::new(OS_REF, software),
        ],
        compositions: vec![Composition {
            aggregate,
            assemblies: [MACHINE_REF],
        }],
        vulnerabilities,
    })
}

fn metadata<'a>(
    run: &'a RunSummary,
    machine: &'a MachineRecord,
    only: Vec<String>,
) -> Metadata<'a> {
    let mut of_run = vec![
        Property::new("run_id", run.id.as_str()),
        Property::new("simulated", run.simulated.to_string()),
        Property::new("catalog_digest", &*run.catalog_digest),
    ];
    of_run.extend(only.into_iter().map(|word| Property::new("only", word)));
    let mut properties = vec![
        Property::new("machine_id", machine.id.as_str()),
        Property::new("outcome", &*machine.outcome),
    ];
    let addresses = machine.addresses.iter();
    properties.extend(addresses.map(|one| Property::new("address", one.to_string())));
    let first = machine.addresses.first().map(ToString::to_string);
    let name = tables::hostname(machine).filter(|name| !name.is_empty());
    Metadata {
        timestamp: run.finished.unwrap_or(run.started).to_string(),
        lifecycles: [Lifecycle {
            phase: "operations",
        }],
        tools: Tools {
            components: [Tool {
                kind: "application",
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            }],
        },
        component: Machine {
            kind: "device",
            bom_ref: MACHINE_REF,
            name: name.map(str::to_owned).or(first).unwrap_or_default(),
            properties,
        },
        properties: of_run,
    }
}

/// A UUID by name (RFC 9562, 5.5): the same run and machine have the same, another run has another, and so has a part
/// of it.
fn serial_number(run: &RunId, machine: &MachineId, only: &[String]) -> String {
    // The namespace that RFC 9562 gives to URLs.
    const NAMESPACE: u128 = 0x6ba7_b811_9dad_11d1_80b4_00c0_4fd4_30c8;
    let mut hash = Sha1::new();
    hash.update(NAMESPACE.to_be_bytes());
    let names = ["underdesk", run.as_str(), machine.as_str()].into_iter();
    for part in names.chain(only.iter().map(String::as_str)) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let digest = digest.iter().take(16);
    let number = digest.fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    let number = (number & !(0xf << 76)) | (5 << 76);
    let number = (number & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        number >> 96,
        (number >> 80) & 0xffff,
        (number >> 64) & 0xffff,
        (number >> 48) & 0xffff,
        number & 0xffff_ffff_ffff
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    compositions: Vec<Composition>,
    vulnerabilities: Vec<Vulnerability<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    lifecycles: [Lifecycle; 1],
    tools: Tools,
    component: Machine<'a>,
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Machine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: &'static str,
    name: String,
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    of: &'static str,
    depends_on: Vec<String>,
}

impl Dependency {
    /// Each part once, as the format wants it.
    fn new(of: &'static str, mut depends_on: Vec<String>) -> Self {
        depends_on.sort_unstable();
        depends_on.dedup();
        Self { of, depends_on }
    }
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: [&'static str; 1],
}

/// What the format has no place for, under a name of ours.
#[derive(Clone, PartialEq, Serialize)]
struct Property<'a> {
    name: String,
    value: std::borrow::Cow<'a, str>,
}

impl<'a> Property<'a> {
    fn new(name: &str, value: impl Into<std::borrow::Cow<'a, str>>) -> Self {
        Self {
            name: format!("underdesk:{name}"),
            value: value.into(),
        }
    }
}

/// A version as the format takes it: at most 1,024 characters.
fn version(text: &str) -> String {
    text.chars().take(1024).collect()
}

#[cfg(test)]
mod tests;
