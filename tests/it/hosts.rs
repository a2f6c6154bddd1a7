//! Every recorded host: what is read from it, and what the built-in catalogue says of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use underdesk::catalog::Catalog;
use underdesk::collect;
use underdesk::matching;
use underdesk::model::{Date, Finding, Inventory, Observed, Package};

fn folders() -> Vec<PathBuf> {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let entries = hosts.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

fn inventory(folder: &Path) -> Inventory {
    let (set, answers) = collect::load(folder).unwrap();
    collect::read(set, &answers).unwrap()
}

#[test]
fn every_recorded_host_gives_its_inventory() {
    for folder in folders() {
        let name = format!("inventory-{}", name(&folder));
        insta::assert_snapshot!(name, inventory_text(inventory(&folder)));
    }
}

#[test]
fn every_recorded_host_gives_its_findings() {
    let catalog = Catalog::for_demo().unwrap();
    let today = Date::parse("2026-11-22").unwrap();
    for folder in folders() {
        let inventory = inventory(&folder);
        let platform = &inventory.platform;
        let slice = platform
            .ecosystem
            .as_deref()
            .and_then(|ecosystem| catalog.slice(ecosystem).unwrap());
        let release = matching::lifecycle_of(platform);
        let lifecycle =
            release.and_then(|(product, version)| catalog.lifecycle(&product, &version));
        let found = matching::findings(&inventory, slice.as_deref(), lifecycle, today);
        assert_eq!(
            found,
            matching::findings(&inventory, slice.as_deref(), lifecycle, today)
        );
        let name = format!("findings-{}", name(&folder));
        insta::assert_snapshot!(name, findings_text(&found));
    }
}

/// The inventory as JSON, but for the packages: a line each.
fn inventory_text(mut inventory: Inventory) -> String {
    let packages = match &mut inventory.packages {
        Observed::Known(packages) => std::mem::take(packages),
        Observed::Unknown(_) => Vec::new(),
    };
    let mut text = serde_json::to_string_pretty(&inventory).unwrap();
    for package in &packages {
        write!(text, "\n{}", package_line(package)).unwrap();
    }
    shorten(&text)
}

fn package_line(package: &Package) -> String {
    let time = package.installed_at.map(|time| time.to_string());
    format!(
        "{} {} {} ({} {}) {:?}{} {} {:?}",
        package.name,
        package.version,
        package.arch,
        package.source.name,
        package.source.version,
        package.state,
        if package.held { " held" } else { "" },
        time.as_deref().unwrap_or("-"),
        package.vendor.as_deref().unwrap_or_default(),
    )
}

fn findings_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let kev = if finding.kev.is_empty() { "" } else { " KEV" };
        writeln!(
            text,
            "{} {} {} ({:?}{kev}): {} -> {} [{}]\n    {}\n    {}\n    {}",
            finding.product,
            finding.bulletin,
            finding.state.as_str(),
            finding.confidence,
            finding.installed.escape_debug(),
            finding.fixed.as_deref().unwrap_or("-"),
            finding.packages.join(" "),
            finding.evidence.observed.escape_debug(),
            finding.evidence.rule.escape_debug(),
            finding.evidence.record,
        )
        .unwrap();
    }
    shorten(&text)
}

/// Long lines are cut, so that snapshots can be read.
fn shorten(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let head: String = line.chars().take(300).collect();
        match line.len() - head.len() {
            0 => head,
            more => format!("{head}… (+{more} bytes)"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
