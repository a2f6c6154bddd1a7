//! What is installed, as components: the rows of `software.csv`, and the operating system.

use super::super::cell::Cell;
use super::super::column::Column;
use super::super::{Options, ReportError, tables};
use super::{MACHINE_REF, Property, version};
use crate::model::{Finding, Inventory, MachineRecord, Platform, RunSummary, hex};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The reference of the operating system.
pub(super) const OS_REF: &str = "os";

#[derive(PartialEq, Serialize)]
pub(super) struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) bom_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'static>>,
}

/// The components of a machine.
pub(super) struct Components {
    pub(super) all: Vec<Component>,
    by_name: BTreeMap<String, Vec<String>>,
    system: String,
}

impl Components {
    pub(super) fn of(
        run: &RunSummary,
        options: &Options,
        machine: &MachineRecord,
        read: &Inventory,
    ) -> Result<Self, ReportError> {
        let mut parts = Self {
            all: vec![system(&read.platform)],
            by_name: BTreeMap::new(),
            system: read.platform.name.to_lowercase(),
        };
        let mut taken = BTreeSet::from([OS_REF.to_owned(), MACHINE_REF.to_owned()]);
        tables::software_of(run, options, machine, &mut |columns, cells| {
            let mut part = of_row(&Row { columns, cells });
            part.bom_ref = free(&mut taken, &part.bom_ref);
            let name = part.name.to_lowercase();
            let of_name = parts.by_name.entry(name).or_default();
            of_name.push(part.bom_ref.clone());
            parts.all.push(part);
            Ok(())
        })?;
        Ok(parts)
    }

    /// What a finding is about: the packages that it names, else the component of its product, else the system
    /// where that is its product, else the machine.
    pub(super) fn affected(&self, finding: &Finding) -> Vec<&str> {
        let of_name = |name: &str| self.by_name.get(&name.to_lowercase()).into_iter().flatten();
        let packages = finding.packages.iter();
        let mut found: Vec<&str> = packages
            .flat_map(|name| of_name(name))
            .map(String::as_str)
            .collect();
        if found.is_empty() {
            found.extend(of_name(&finding.product).map(String::as_str));
        }
        let product = finding.product.to_lowercase();
        if found.is_empty() {
            found.extend(self.of_product(&product, &finding.installed));
        }
        // `windows server 2022` in `microsoft windows server 2022 standard`.
        let is_system = format!(" {}", self.system).contains(&format!(" {product}"));
        if found.is_empty() && !product.is_empty() && is_system {
            found.push(OS_REF);
        }
        if found.is_empty() {
            found.push(MACHINE_REF);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Of products that publishers name a little otherwise than the host does: of the same version, and of the same
    /// first word. `.NET 8.0` at 8.0.27 is `.NET Runtime` 8.0.27.
    fn of_product(&self, product: &str, installed: &str) -> impl Iterator<Item = &str> {
        let word = product.split(' ').next().unwrap_or_default();
        let has_both = !word.is_empty() && !installed.is_empty();
        let same = self.all.iter().filter(move |part| {
            let is_same = part.version.as_deref() == Some(installed);
            has_both && is_same && part.name.to_lowercase().starts_with(word)
        });
        same.map(|part| &*part.bom_ref)
    }
}

/// A reference that nothing else has.
fn free(taken: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut turn = 1;
    while !taken.insert(name.clone()) {
        turn += 1;
        name = format!("{wanted}#{turn}");
    }
    name
}

fn system(platform: &Platform) -> Component {
    let name = [&platform.name, &platform.id]
        .into_iter()
        .find(|name| !name.is_empty());
    let build = platform
        .windows
        .as_ref()
        .map(|windows| windows.build.to_string());
    let ecosystem = platform.ecosystem.clone();
    let arch = platform.arch.clone();
    let properties = [("ecosystem", ecosystem), ("arch", arch)];
    let properties = properties.into_iter();
    Component {
        kind: "operating-system",
        bom_ref: OS_REF.to_owned(),
        publisher: None,
        name: name.map_or_else(|| platform.family.as_str().to_owned(), Clone::clone),
        version: build
            .or_else(|| platform.version.clone())
            .map(|text| version(&text)),
        cpe: None,
        purl: None,
        properties: properties
            .filter_map(|(name, value)| Some(Property::new(name, value?)))
            .collect(),
    }
}

/// A row of `software.csv`.
struct Row<'r, 'a> {
    columns: &'static [Column],
    cells: &'r [Cell<'a>],
}

impl Row<'_, '_> {
    fn cell(&self, name: &str) -> Option<&Cell<'_>> {
        let at = self.columns.iter().position(|column| column.name == name)?;
        self.cells.get(at)
    }

    /// What a cell says, where it says something.
    fn text(&self, name: &str) -> Option<String> {
        let text = match self.cell(name)? {
            Cell::Text(text) => text.to_string(),
            Cell::Day(day) => day.to_string(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }
}

fn of_row(row: &Row<'_, '_>) -> Component {
    let source = row.text("source").unwrap_or_default();
    let name = row.text("name").unwrap_or_default();
    let texts = [
        "source",
        "arch",
        "scope",
        "install_date",
        "eol",
        "installed_by",
    ];
    let texts = texts
        .into_iter()
        .filter_map(|what| Some((what, row.text(what)?)));
    let mut properties: Vec<Property<'static>> = texts
        .map(|(what, text)| Property::new(what, text))
        .collect();
    if let Some(Cell::List(items)) = row.cell("detail") {
        let items = items.iter().cloned();
        properties.extend(items.map(|item| Property::new("detail", item)));
    }
    // A package without a name has no URL.
    let purl = row.text("purl").filter(|_| !name.is_empty());
    let version = row.text("version").map(|text| version(&text));
    Component {
        kind: kind(&source),
        bom_ref: purl.clone().unwrap_or_else(|| hashed(row)),
        publisher: row.text("publisher"),
        name,
        version,
        cpe: row.text("cpe"),
        purl,
        properties,
    }
}

/// What sort of component it is. Of a package nobody says whether it is a library, and where that is not known the
/// format recommends `library`.
fn kind(source: &str) -> &'static str {
    match source {
        "dpkg" | "rpm" | "apk" | "pacman" | "pkg" | "opkg" | "portage" => "library",
        "dotnet_framework" | "dotnet_runtime" => "framework",
        _ => "application",
    }
}

/// The same for the same row, run after run.
fn hashed(row: &Row<'_, '_>) -> String {
    let mut hash = Sha256::new();
    let texts = ["source", "name", "version", "arch", "scope"];
    let detail = match row.cell("detail") {
        Some(Cell::List(items)) => items.join("\n"),
        _ => String::new(),
    };
    for text in texts
        .map(|what| row.text(what).unwrap_or_default())
        .iter()
        .chain([&detail])
    {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    format!("c-{}", hex(hash.finalize().get(..8).unwrap_or_default()))
}
