//! `software.csv`: what is installed, also what is only half so. The remains of removed packages
//! are not software.
//!
//! On Windows there are rows of two sorts, told apart by `source`:
//!
//! - `registry`: an entry of an Uninstall key, as the host lists it, with `scope` `user` where one
//!   account installed it for itself.
//! - the kind of a component (`sql_server`, `office_click_to_run`, `dotnet_framework`, …): a product
//!   whose patch level its Uninstall entry does not tell, with the version that does. An entry that
//!   speaks of the same product, and only knows the version it was set up with, is left out: what
//!   patching is decided by stands there once. Entries of which that is not certain stay.
//!
//! `detail` has what else tells such rows apart: `instance=`, `edition=`, `channel=`, `path=`,
//! `read_from=` of a component, the `account=` of a user's program.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{
    Component, ComponentKind, Inventory, Package, PackageState, Program, ProgramScope, UtcTime,
    WindowsFacts,
};

pub(super) const TABLE: Table = Table {
    name: "software",
    kind: "software",
    columns: machine_columns![
        "name",
        "version",
        "publisher",
        "arch",
        "scope",
        "install_date",
        "source",
        "purl",
        "cpe",
        "eol",
        "detail",
    ],
    rows: Rows::Machine(rows),
};

/// Who makes every component that there is a kind for.
const MICROSOFT: &str = "Microsoft Corporation";

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let Some(inventory) = view.inventory() else {
        return Ok(());
    };
    let mut all: Vec<Software<'_>> = packages(inventory).collect();
    if let Some(windows) = view.windows() {
        all.extend(components(windows).map(|(kind, one)| of_component(kind, one)));
        let programs = windows.programs.known().into_iter().flatten();
        let programs = programs.filter(|program| !is_told_better(program, windows));
        all.extend(programs.map(|program| of_program(program, view.options.no_users)));
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    for one in all {
        one.emit(view, emit)?;
    }
    Ok(())
}

/// One row, behind the cells that every row begins with.
struct Software<'a> {
    name: &'a str,
    version: Option<&'a str>,
    publisher: Option<&'a str>,
    arch: Option<&'a str>,
    scope: &'static str,
    installed: Cell<'a>,
    source: &'static str,
    purl: Cell<'a>,
    detail: Vec<String>,
}

impl Software<'_> {
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
            // cpe and eol come with the products of later work.
            Cell::Empty,
            Cell::Empty,
            self.detail.into(),
        ])
    }
}

fn packages(inventory: &Inventory) -> impl Iterator<Item = Software<'_>> {
    let packages = inventory.packages.known().map_or(&[][..], Vec::as_slice);
    let installed = |package: &&Package| package.state != PackageState::ConfigFiles;
    packages.iter().filter(installed).map(|package| Software {
        name: &package.name,
        version: Some(&package.version),
        publisher: package.vendor.as_deref(),
        arch: Some(&package.arch),
        scope: "machine",
        installed: Cell::day(package.installed_at.map(UtcTime::date)),
        source: package.manager.as_str(),
        purl: package.purl(&inventory.platform).into(),
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
        detail: account
            .map(|sid| format!("account={sid}"))
            .into_iter()
            .collect(),
    }
}

fn of_component(kind: ComponentKind, component: &Component) -> Software<'_> {
    let parts = [
        ("instance", component.instance.as_deref()),
        ("edition", component.edition.as_deref()),
        ("channel", component.channel.as_deref()),
        ("path", component.path.as_deref()),
        ("read_from", Some(component.source.as_str())),
    ];
    let parts = parts.into_iter().filter_map(|(label, part)| {
        let part = part.filter(|part| !part.is_empty())?;
        Some(format!("{label}={part}"))
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
        detail: parts.collect(),
    }
}

/// Every component that the host has.
fn components(windows: &WindowsFacts) -> impl Iterator<Item = (ComponentKind, &Component)> {
    let kinds = windows.components.iter();
    let known = kinds.filter_map(|(kind, found)| Some((*kind, found.known()?)));
    known.flat_map(|(kind, found)| found.iter().map(move |one| (kind, one)))
}

/// Whether a component with a version says of the same product what this entry says worse.
fn is_told_better(program: &Program, windows: &WindowsFacts) -> bool {
    program.scope == ProgramScope::Machine
        && components(windows)
            .filter(|(_, component)| !component.version.is_empty())
            .any(|(kind, component)| is_same(program, kind, component))
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
    if name.eq_ignore_ascii_case(component.name.trim()) {
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
            program.version.is_none()
                && rest_of("Microsoft SQL Server ").is_some_and(|rest| {
                    let year = rest.split(" (").next().unwrap_or_default();
                    let year = year.trim_end_matches(" R2");
                    year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit())
                })
        }
        // Patched in place; the entry keeps the cumulative update: `… 2019 Cumulative Update 14`.
        ComponentKind::Exchange => rest_of("Microsoft Exchange Server ").is_some_and(|rest| {
            let year = rest.split(' ').next().unwrap_or_default();
            let plain = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
            let rest = rest.get(year.len()..).unwrap_or_default();
            (plain || year == "Subscription") && (rest.is_empty() || !rest.contains("Language"))
        }),
        // Systems on which it is not a part of Windows: `Microsoft .NET Framework 4.8`.
        ComponentKind::DotNetFramework => rest_of("Microsoft ")
            .is_some_and(|rest| rest.eq_ignore_ascii_case(component.name.trim())),
        _ => false,
    }
}
