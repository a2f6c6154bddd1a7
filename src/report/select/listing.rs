//! Rows of tables as texts, for people at a terminal.

use super::super::projection::{self, Projection};
use super::super::{Options, ReportError, ReportSource, tables};
use super::Selected;
use crate::report::cell::Cell;

/// Rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows; a cell is `unknown` where nobody could say, and hostile as it came.
    pub rows: Vec<Vec<String>>,
}

impl Listing {
    /// The place of a column.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| *name == column)
    }
}

/// The rows of some tables, with some of their columns (all, where none is named), in one walk over the machines; as
/// the files of the same options have them.
pub fn listing(
    source: &dyn ReportSource,
    options: &Options,
    wanted: &[(&str, &[&str])],
) -> Result<Vec<Listing>, ReportError> {
    let limited = Selected::of(source, options)?;
    let mut chosen = Vec::new();
    let mut projections: Vec<Projection> = Vec::new();
    for (table, columns) in wanted {
        let table = tables::called(table)?;
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        projections.extend(projection::of(&[table], &columns)?);
        chosen.push(table);
    }
    let lists = projections.iter().map(|projection| Listing {
        columns: projection.columns().map(|column| column.name).collect(),
        rows: Vec::new(),
    });
    let mut lists: Vec<Listing> = lists.collect();
    tables::each_row(&limited, options, &chosen, &mut |at, cells| {
        if let (Some(list), Some(projection)) = (lists.get_mut(at), projections.get(at)) {
            let row = projection.cells(cells).map(Cell::plain);
            list.rows.push(row.collect());
        }
        Ok(())
    })?;
    Ok(lists)
}
