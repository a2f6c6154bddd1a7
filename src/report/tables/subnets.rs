//! `subnets.csv`: how each subnet compares with the lists.
//!
//! `known` are live machines on at least one list that vouches for more than that they exist; a state's
//! column counts its machines, those of lists' entries by the first address that is known of them.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::lists::share;
use super::{Emit, Rows, Table, columns};
use crate::model::{ManagedState, SubnetCount};

pub(super) const TABLE: Table = Table {
    name: "subnets",
    says: "one row per subnet: how it compares with the lists",
    kind: "subnet",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "subnet" = "the subnet",
        Count "live" = "live machines in it",
        Count "known" = "those on at least one list that vouches for more than that they exist",
        Percent "known_percent" = "their share",
        Count "unmanaged" = "machines in this state",
        Count "overlooked" = "machines in this state",
        Count "unidentified" = "machines in this state",
        Count "managed" = "machines in this state",
        Count "expected" = "machines in this state",
        Count "artefact" = "addresses in this state: no machine",
        Count "unseen" = "entries of lists in this state",
        Count "stale_entry" = "entries of lists in this state",
        Count "out_of_scope" = "entries of lists in this state",
    ],
    rows: Rows::Run(rows),
};

/// In the order of the columns.
const STATES: [ManagedState; 9] = [
    ManagedState::Unmanaged,
    ManagedState::Overlooked,
    ManagedState::Unidentified,
    ManagedState::Managed,
    ManagedState::Expected,
    ManagedState::Artefact,
    ManagedState::Unseen,
    ManagedState::StaleEntry,
    ManagedState::OutOfScope,
];

fn rows(source: &dyn ReportSource, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let comparison = source.comparison().filter(|one| !one.lists.is_empty());
    for subnet in comparison.map_or(&[][..], |one| &one.subnets) {
        let mut row = vec![
            source.run().id.as_str().into(),
            subnet.subnet.as_str().into(),
            Cell::Count(subnet.live.into()),
            Cell::Count(subnet.known.into()),
            share(subnet.known, subnet.live),
        ];
        row.extend(STATES.map(|state| Cell::Count(count(subnet, state).into())));
        emit(&row)?;
    }
    Ok(())
}

fn count(subnet: &SubnetCount, state: ManagedState) -> u64 {
    let mut states = subnet.states.iter();
    let found = states.find(|(one, _)| *one == state);
    found.map_or(0, |(_, count)| *count)
}
