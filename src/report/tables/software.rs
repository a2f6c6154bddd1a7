//! `software.csv`: what is installed, also what is only half so. The remains of removed packages
//! are not software.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{Package, PackageState, UtcTime};

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
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let Some(inventory) = view.inventory() else {
        return Ok(());
    };
    let packages = inventory.packages.known().map_or(&[][..], Vec::as_slice);
    let installed = |package: &&Package| package.state != PackageState::ConfigFiles;
    let mut packages: Vec<&Package> = packages.iter().filter(installed).collect();
    packages.sort_by_key(|package| (&package.name, &package.arch, &package.version));
    let [run, machine, name, ip] = view.lead(view.first_address());
    for package in packages {
        emit(&[
            run.clone(),
            machine.clone(),
            name.clone(),
            ip.clone(),
            (&package.name).into(),
            (&package.version).into(),
            Cell::maybe(package.vendor.as_deref()),
            (&package.arch).into(),
            "machine".into(),
            Cell::day(package.installed_at.map(UtcTime::date)),
            package.manager.as_str().into(),
            package.purl(&inventory.platform).into(),
            // cpe and eol come with the products of later work.
            Cell::Empty,
            Cell::Empty,
        ])?;
    }
    Ok(())
}
