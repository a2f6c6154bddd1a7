//! Every recorded host: what is read from it, and what the built-in catalogue says of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use underdesk::catalog::Catalog;
use underdesk::collect;
use underdesk::matching::{self, Knowledge, Known};
use underdesk::model::{
    Component, Date, Finding, Hotfix, HotfixSource, Inventory, Observed, Package, Program, Service,
    SystemService, WindowsFacts,
};

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
    let knowledge = Knowledge::from(Catalog::for_demo().unwrap());
    let today = Date::parse("2026-11-22").unwrap();
    for folder in folders() {
        let inventory = inventory(&folder);
        let known = Known::load(&knowledge, &inventory).unwrap();
        let found = matching::findings(&inventory, &known, today);
        assert_eq!(found, matching::findings(&inventory, &known, today));
        let name = format!("findings-{}", name(&folder));
        insta::assert_snapshot!(name, findings_text(&found));
    }
}

/// The inventory as JSON, but for its long lists: a line for each of their entries.
fn inventory_text(mut inventory: Inventory) -> String {
    let packages = taken(&mut inventory.packages);
    let mut lines: Vec<String> = packages.iter().map(package_line).collect();
    if let Some(facts) = &mut inventory.unix {
        let beside = [
            ("snap", &mut facts.snaps),
            ("flatpak", &mut facts.flatpaks),
            ("application", &mut facts.applications),
        ];
        for (kind, list) in beside {
            let list = taken(list);
            lines.extend(
                list.iter()
                    .map(|one| format!("{kind} {}", package_line(one))),
            );
        }
    }
    // Of any other host, what listens is what tests have shown so far: as JSON.
    if let Some(facts) = &mut inventory.windows {
        lines.extend(windows_lines(facts));
        let listening = taken(&mut inventory.services);
        lines.extend(listening.iter().map(listening_line));
    }
    let mut text = serde_json::to_string_pretty(&inventory).unwrap();
    for line in &lines {
        write!(text, "\n{line}").unwrap();
    }
    shorten(&text)
}

fn taken<T>(list: &mut Observed<Vec<T>>) -> Vec<T> {
    match list {
        Observed::Known(list) => std::mem::take(list),
        Observed::Unknown(_) => Vec::new(),
    }
}

fn windows_lines(facts: &mut WindowsFacts) -> Vec<String> {
    let hotfixes = taken(&mut facts.hotfixes);
    let mut lines: Vec<String> = hotfixes.iter().map(hotfix_line).collect();
    for (kind, found) in &mut facts.components {
        let found = taken(found);
        lines.extend(found.iter().map(|one| component_line(kind.as_str(), one)));
    }
    let programs = taken(&mut facts.programs);
    lines.extend(programs.iter().map(program_line));
    for file in taken(&mut facts.files) {
        let version = file.version.map(|part| part.to_string()).join(".");
        lines.push(format!("file {} {version}", file.path));
    }
    let services = taken(&mut facts.services);
    lines.extend(services.iter().map(service_line));
    lines
}

fn hotfix_line(hotfix: &Hotfix) -> String {
    let seen_in: Vec<_> = hotfix
        .seen_in
        .iter()
        .copied()
        .map(HotfixSource::as_str)
        .collect();
    let day = hotfix.installed_on.map(|day| day.to_string());
    let time = hotfix.installed_at.map(|time| time.to_string());
    format!(
        "hotfix {:?} {:?} {} {} {} by {:?} [{}] {:?} build {} {:?}",
        hotfix.id,
        hotfix.kb.map(|kb| kb.0),
        hotfix.state.as_str(),
        day.as_deref().unwrap_or("-"),
        time.as_deref().unwrap_or("-"),
        hotfix.installed_by.as_deref().unwrap_or("-"),
        seen_in.join(" "),
        hotfix.kind.as_deref().unwrap_or("-"),
        hotfix.build.as_deref().unwrap_or("-").escape_debug(),
        hotfix.title.as_deref().unwrap_or("-"),
    )
}

fn component_line(kind: &str, component: &Component) -> String {
    let details = [
        &component.instance,
        &component.edition,
        &component.channel,
        &component.arch,
        &component.path,
    ];
    let details: Vec<_> = details
        .iter()
        .map(|text| text.as_deref().unwrap_or("-"))
        .collect();
    format!(
        "component {kind} {:?} {:?} {details:?} {:?}",
        component.name, component.version, component.source
    )
}

fn program_line(program: &Program) -> String {
    let day = program.installed_on.map(|day| day.to_string());
    format!(
        "program {:?} {:?} {:?} {} {:?} {} {:?} {:?}",
        program.name,
        program.version.as_deref().unwrap_or("-"),
        program.publisher.as_deref().unwrap_or("-"),
        program.arch.as_deref().unwrap_or("-"),
        program.scope,
        day.as_deref().unwrap_or("-"),
        program.location.as_deref().unwrap_or("-"),
        program.key,
    )
}

fn service_line(service: &SystemService) -> String {
    format!(
        "service {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        service.name,
        service.display_name,
        service.state,
        service.start,
        service.account,
        service.process,
        service.path,
    )
}

fn listening_line(service: &Service) -> String {
    format!(
        "listens {} {} {:?} {} {:?} {:?} {:?} {:?}",
        service.proto,
        service.port,
        service.bind,
        service.state,
        service.service,
        service.program,
        service.user,
        service.product,
    )
}

fn package_line(package: &Package) -> String {
    let time = package.installed_at.map(|time| time.to_string());
    let module = package.module.as_deref();
    let repository = package.repository.as_deref();
    format!(
        "{} {} {} ({} {}) {:?}{} {} {:?}{}{}",
        package.name,
        package.version,
        package.arch,
        package.source.name,
        package.source.version,
        package.state,
        if package.held { " held" } else { "" },
        time.as_deref().unwrap_or("-"),
        package.vendor.as_deref().unwrap_or_default(),
        module
            .map(|name| format!(" module {name}"))
            .unwrap_or_default(),
        repository
            .map(|name| format!(" from {name}"))
            .unwrap_or_default(),
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
