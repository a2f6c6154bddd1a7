//! `software.csv`: what is installed, also what is only half so. The remains of removed packages
//! are not software.
//!
//! On a Unix snaps, flatpaks, Homebrew's and a Mac's applications follow the system's own packages, with the
//! word for each in `source`.
//!
//! On Windows there are rows of two sorts, told apart by `source`:
//!
//! - `registry`: an entry of an Uninstall key, as the host lists it, with `scope` `user` where one
//!   account installed it for itself.
//! - the kind of a component (`sql_server`, `office_click_to_run`, `dotnet_framework`, …): a product
//!   whose patch level its Uninstall entry does not tell, with the version that does.
//!
//! What patching is decided by stands there once. An Uninstall entry of the same product, which only
//! knows the version it was set up with, is left out, and its day and architecture go to the
//! component's row. Click-to-Run is one component with several products: each of its Uninstall
//! entries becomes a row of that kind, with the build that all of them share. A component that was
//! only made of an entry (a suite of Office) has no row besides. Entries of which it is not certain
//! that they are the same product stay.
//!
//! `detail` has what else tells such rows apart: `instance=`, `edition=`, `channel=`, `path=`,
//! `read_from=` of a component, each `site=` of IIS with its bindings, the `account=` of a user's
//! program.
//!
//! `eol` is told of what the catalogue has dates of: components and programs of Windows, each by its release.
//!
//! `installed_by` is the account that asked for this version of a package, by the log of its package
//! manager: empty where the log names none, unknown where no log tells of it.

use super::super::ReportError;
use super::super::cell::Cell;
use super::unix::Installers;
use super::{Emit, Rows, Table, View, machine_columns, path_for};
use crate::model::{
    Component, ComponentKind, Date, Finding, Inventory, Package, PackageState, Program,
    ProgramScope, UtcTime, WindowsFacts,
};
use std::collections::BTreeSet;

pub(super) const TABLE: Table = Table {
    name: "software",
    says: "one row per installed package, program or component",
    kind: "software",
    columns: machine_columns![
        Text "name" = "its name, as the system lists it",
        Text "version" = "its version, as the system writes it",
        Text "publisher" = "who made it, as the system says",
        Text "arch" = "architecture that it is built for",
        Text "scope" = "machine, or user where one account installed it for itself",
        Day "install_date" = "the day on which it was installed",
        Text "source" = "who lists it: registry, dpkg, rpm, …, or the kind of a component",
        Text "purl" = "package URL",
        Text "cpe" =
            "CPE name; unknown, as no feed that is read names software by one, and a guess would be taken for a \
             fact: purl, or publisher, name and version, say what it is",
        Day "eol" =
            "the day on which its publisher's support ends; unknown where the catalogue has no dates of the product, \
             as of a system's own packages, which are supported as their system is (eol_date of machines)",
        List "detail" = "what tells two like it apart: instance=, edition=, channel=, path=, …",
        Text "installed_by" = "the account that asked for this version, by the package manager's log",
    ],
    rows: Rows::Machine(rows),
};

/// Who makes every component that there is a kind for.
const MICROSOFT: &str = "Microsoft Corporation";

pub(super) fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let Some(inventory) = view.inventory() else {
        return Ok(());
    };
    let installers = Installers::of(view);
    let mut all: Vec<Software<'_>> = packages(inventory, &installers).collect();
    if let Some(windows) = view.windows() {
        let ends = Ends::of(&view.machine.findings);
        of_windows((windows, &ends), view.options.no_users, &mut all);
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    for one in all {
        one.emit(view, emit)?;
    }
    Ok(())
}

/// The ends of support that a machine's verdicts tell of, past or to come.
struct Ends<'a>(Vec<(&'a Finding, Date)>);

impl<'a> Ends<'a> {
    fn of(findings: &'a [Finding]) -> Self {
        let dated = findings.iter();
        let dated = dated.filter_map(|finding| Some((finding, finding.support_ends?)));
        Self(dated.collect())
    }

    fn of_component(&self, kind: ComponentKind, component: &Component) -> Option<Date> {
        let (name, version) = (component.name.as_str(), component.version.as_str());
        let release = |finding: &'a Finding, product: &str| finding.bulletin.release_of(product);
        let fits = self.0.iter().find(|(finding, _)| match kind {
            ComponentKind::Exchange | ComponentKind::SqlServer => {
                finding.product == name && finding.installed == version
            }
            ComponentKind::DotNetFramework => release(finding, "dotnetfx")
                .is_some_and(|release| name.strip_prefix(".NET Framework ") == Some(release)),
            // `8` or `3.1`, of `8.0.6` and `3.1.32`.
            ComponentKind::DotNetRuntime => release(finding, "dotnet").is_some_and(|release| {
                let rest = version.strip_prefix(release);
                rest.is_some_and(|rest| rest.starts_with('.'))
            }),
            ComponentKind::OfficeClickToRun => {
                release(finding, "office").is_some() && finding.installed == version
            }
            // The parts of a suite have versions of their own; all begin alike.
            ComponentKind::OfficeMsi => {
                let line = |version: &str| version.split('.').next().map(str::to_owned);
                release(finding, "office").is_some()
                    && finding.evidence.question == "office-files"
                    && line(&finding.installed) == line(version)
            }
            _ => false,
        });
        fits.map(|(_, end)| *end)
    }

    /// Copies of several versions are judged by the oldest, whose end is not that of the others.
    fn of_program(&self, program: &Program) -> Option<Date> {
        let fits = self.0.iter().find(|(finding, _)| {
            let is_version = program.version.as_deref() == Some(finding.installed.as_str())
                || (!finding.installed.is_empty() && program.name.contains(&finding.installed));
            finding.evidence.question == "programs"
                && finding.packages.contains(&program.name)
                && is_version
        });
        fits.map(|(_, end)| *end)
    }
}

fn of_windows<'a>(
    (windows, ends): (&'a WindowsFacts, &Ends<'_>),
    no_users: bool,
    all: &mut Vec<Software<'a>>,
) {
    let mut told: BTreeSet<&Program> = BTreeSet::new();
    let programs = windows.programs.known().map_or(&[][..], Vec::as_slice);
    for (kind, component) in components(windows) {
        let same = programs.iter().filter(|one| is_same(one, kind, component));
        let same: Vec<&Program> = same.collect();
        // It has nothing that its entry has not.
        let is_entry = kind == ComponentKind::OfficeMsi
            && same.iter().any(|program| is_made_of(component, program));
        if is_entry {
            continue;
        }
        let mut plain = of_component(kind, component, no_users);
        plain.end = ends.of_component(kind, component);
        if kind == ComponentKind::Iis {
            plain.detail.extend(sites(windows));
        }
        if kind == ComponentKind::OfficeClickToRun && !same.is_empty() {
            all.extend(same.iter().map(|program| plain.clone().named_as(program)));
        } else {
            all.push(plain.dated_as(same.first().copied()));
        }
        if !component.version.is_empty() {
            told.extend(same);
        }
    }
    let rest = programs.iter().filter(|program| !told.contains(program));
    all.extend(rest.map(|program| Software {
        end: ends.of_program(program),
        ..of_program(program, no_users)
    }));
}

/// One row, behind the cells that every row begins with.
#[derive(Clone)]
struct Software<'a> {
    name: &'a str,
    version: Option<&'a str>,
    publisher: Option<&'a str>,
    arch: Option<&'a str>,
    scope: &'static str,
    installed: Cell<'a>,
    source: &'static str,
    purl: Cell<'a>,
    end: Option<Date>,
    detail: Vec<String>,
    by: Cell<'a>,
}

impl<'a> Software<'a> {
    /// With what an Uninstall entry of the same product knows besides.
    fn dated_as(mut self, program: Option<&'a Program>) -> Self {
        if let Some(program) = program {
            self.arch = self.arch.or(program.arch.as_deref());
            self.installed = Cell::day(program.installed_on);
        }
        self
    }

    /// As the product that an entry names.
    fn named_as(self, program: &'a Program) -> Self {
        let mut row = self.dated_as(Some(program));
        row.name = &program.name;
        row.publisher = program.publisher.as_deref().or(row.publisher);
        row
    }

    fn key(&self) -> impl Ord + '_ {
        let tail = (self.scope, self.source, &self.detail);
        (self.name, self.arch, self.version, tail)
    }

    fn emit(self, view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
        let [run, machine, name, ip] = view.lead(view.first_address());
        emit(&[
            run,
            machine,
            name,
            ip,
            self.name.into(),
            Cell::known(self.version),
            Cell::maybe(self.publisher),
            Cell::known(self.arch),
            self.scope.into(),
            self.installed,
            self.source.into(),
            self.purl,
            // No feed names software by CPE, and what would be guessed matches another's flaws.
            Cell::Unknown,
            self.end.map_or(Cell::Unknown, Cell::Day),
            self.detail.into(),
            if view.options.no_users {
                Cell::Empty
            } else {
                self.by
            },
        ])
    }
}

fn packages<'a>(
    inventory: &'a Inventory,
    installers: &Installers<'a>,
) -> impl Iterator<Item = Software<'a>> {
    let others = inventory.unix.as_deref();
    let others = others.map(|unix| [&unix.snaps, &unix.flatpaks, &unix.applications]);
    let lists = [&inventory.packages]
        .into_iter()
        .chain(others.into_iter().flatten());
    let packages = lists.filter_map(|list| list.known()).flatten();
    let installed = |package: &&Package| package.state != PackageState::ConfigFiles;
    packages.filter(installed).map(|package| Software {
        by: installers.of_package(package),
        name: &package.name,
        version: Some(&package.version),
        publisher: package.vendor.as_deref(),
        arch: Some(&package.arch),
        scope: "machine",
        installed: Cell::day(package.installed_at.map(UtcTime::date)),
        source: package.manager.as_str(),
        purl: package.purl(&inventory.platform).into(),
        end: None,
        detail: Vec::new(),
    })
}

/// A purl would need a registry of such names, and there is none.
fn of_program(program: &Program, no_users: bool) -> Software<'_> {
    let (scope, account) = match &program.scope {
        ProgramScope::Machine => ("machine", None),
        ProgramScope::User(account) => ("user", Some(account)),
    };
    let account = account.filter(|_| !no_users);
    Software {
        name: &program.name,
        version: program.version.as_deref(),
        publisher: program.publisher.as_deref(),
        arch: program.arch.as_deref(),
        scope,
        installed: Cell::day(program.installed_on),
        source: "registry",
        purl: Cell::Empty,
        end: None,
        detail: account
            .map(|sid| format!("account={sid}"))
            .into_iter()
            .collect(),
        by: Cell::Empty,
    }
}

fn of_component(kind: ComponentKind, component: &Component, no_users: bool) -> Software<'_> {
    let parts = [
        ("instance", component.instance.as_deref()),
        ("edition", component.edition.as_deref()),
        ("channel", component.channel.as_deref()),
        ("path", component.path.as_deref()),
        ("read_from", Some(component.source.as_str())),
    ];
    let parts = parts.into_iter().filter_map(|(label, part)| {
        let part = part.filter(|part| !part.is_empty())?;
        Some(format!("{label}={}", path_for(part, no_users)))
    });
    Software {
        name: &component.name,
        version: Some(component.version.as_str()).filter(|version| !version.is_empty()),
        publisher: Some(MICROSOFT),
        arch: component.arch.as_deref(),
        scope: "machine",
        installed: Cell::Unknown,
        source: kind.as_str(),
        purl: Cell::Empty,
        end: None,
        detail: parts.collect(),
        by: Cell::Empty,
    }
}

/// What IIS serves: `site=Default Web Site (Started, http/*:80:)`.
fn sites(windows: &WindowsFacts) -> impl Iterator<Item = String> {
    let sites = windows.sites.known().map_or(&[][..], Vec::as_slice);
    sites
        .iter()
        .map(|site| format!("site={} ({}, {})", site.name, site.state, site.bindings))
}

/// Every component that the host has.
fn components(windows: &WindowsFacts) -> impl Iterator<Item = (ComponentKind, &Component)> {
    let kinds = windows.components.iter();
    let known = kinds.filter_map(|(kind, found)| Some((*kind, found.known()?)));
    known.flat_map(|(kind, found)| found.iter().map(move |one| (kind, one)))
}

/// Whether a component was read from this very entry.
fn is_made_of(component: &Component, program: &Program) -> bool {
    component.source.strip_prefix(r"Uninstall\") == Some(program.key.as_str())
}

/// Whether an Uninstall entry is of this very product. No guesses: an entry too many is a nuisance,
/// a product too few is a lie.
fn is_same(program: &Program, kind: ComponentKind, component: &Component) -> bool {
    let name = program.name.trim();
    let rest_of = |start: &str| {
        name.get(..start.len())
            .filter(|head| head.eq_ignore_ascii_case(start))
            .and(name.get(start.len()..))
    };
    if program.scope != ProgramScope::Machine {
        return false;
    }
    if name.eq_ignore_ascii_case(component.name.trim()) || is_made_of(component, program) {
        return true;
    }
    match kind {
        // One entry for each language: `O365ProPlusRetail - en-us`.
        ComponentKind::OfficeClickToRun => {
            let ids = component.edition.as_deref().unwrap_or_default();
            let product = program.key.split(" - ").next().unwrap_or_default();
            let mut ids = ids.split([',', ';', ' ']).map(str::trim);
            program.key.contains(" - ") && ids.any(|id| id.eq_ignore_ascii_case(product))
        }
        // The entry of the setup as a whole, which has no version: `Microsoft SQL Server 2019 (64-bit)`.
        ComponentKind::SqlServer => {
            let year = rest_of("Microsoft SQL Server ").and_then(|rest| rest.split(" (").next());
            let is_line =
                |line: &(&str, &str)| Some(line.0) == year && component.version.starts_with(line.1);
            SQL_SERVERS.iter().any(is_line) && program.version.is_none()
        }
        // Patched in place; the entry keeps the cumulative update: `… 2019 Cumulative Update 14`.
        ComponentKind::Exchange => rest_of("Microsoft ").is_some_and(|rest| {
            let rest = rest.replacen("Subscription Edition", "SE", 1);
            let tail = rest.strip_prefix(component.name.trim());
            tail.is_some_and(|tail| tail.is_empty() || tail.starts_with(" Cumulative Update"))
        }),
        // `Microsoft .NET Runtime - 8.0.6 (x64)`, whose own version is its installer's, as is the
        // registry's half that it is in.
        ComponentKind::DotNetRuntime => {
            let version = &component.version;
            let arch = component.arch.as_deref().unwrap_or_default();
            let is_runtime = name.contains(&format!("Runtime - {version} ("))
                || name.contains(&format!("ASP.NET Core {version} - Shared Framework"));
            is_runtime && name.contains(&format!("({arch}")) && is_runtime_of(name, &component.name)
        }
        // Systems on which it is not a part of Windows: `Microsoft .NET Framework 4.8`.
        ComponentKind::DotNetFramework => rest_of("Microsoft ")
            .is_some_and(|rest| rest.eq_ignore_ascii_case(component.name.trim())),
        _ => false,
    }
}

/// How the versions of each SQL Server begin.
const SQL_SERVERS: &[(&str, &str)] = &[
    ("2005", "9."),
    ("2008", "10.0."),
    ("2008", "10.00."),
    ("2008 R2", "10.5"),
    ("2012", "11."),
    ("2014", "12."),
    ("2016", "13."),
    ("2017", "14."),
    ("2019", "15."),
    ("2022", "16."),
    ("2025", "17."),
];

/// Whether a program's name is that of this framework: they share versions.
fn is_runtime_of(program: &str, framework: &str) -> bool {
    let word = match framework {
        ".NET Desktop Runtime" => "Desktop Runtime",
        "ASP.NET Core Runtime" => "ASP.NET Core",
        ".NET Runtime" => {
            return program.contains(".NET Runtime") || program.contains(".NET Core Runtime");
        }
        _ => return false,
    };
    program.contains(word)
}
