//! One JSON document of a run: `run.json`.
//!
//! The rows are those of the [`super::tables`], with the same names and the same cells as in JSON Lines. Those of
//! a machine stand inside it: `machines` is a list of objects, each with the columns of `machines.csv` and a list
//! for every table about machines (`access`, `software`, `findings`, …). The tables of the run as a whole come
//! before it, those of all machines together behind it. So the document is written in one walk over the machines,
//! with one row in memory; a list for each table would take a walk for each, or the whole run in memory.
//! Every row has its columns all the same (all of them, where none are asked for), so that it can be taken out and
//! stands alone.
//!
//! A run that verified has no table `machines`, and one table about machines: there, and where one table is asked
//! for, all lists stand side by side.

use super::cell::Cell;
use super::manifest::RunV1;
use super::projection::{self, Projection};
use super::stream::Stream;
use super::tables::{self, Stage, Table};
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

const NAME: &str = "run.json";
/// The version of the layout: `docs/formats.md` says what it promises.
pub(super) const SCHEMA_VERSION: u32 = 1;
/// The table whose rows hold those of the others.
pub(super) const HOLDER: &str = "machines";

#[derive(Debug)]
pub(super) struct Json;

impl Exporter for Json {
    fn format(&self) -> &'static str {
        "json"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let tables = tables::chosen(options.table.as_deref(), source)?;
        let projections = projection::of(&tables, &options.columns)?;
        let mut tree = Tree::open(&tables, source, options, sink)?;
        let counts =
            tables::each_row_at(
                source,
                options,
                &tables,
                &mut |stage, at, cells| match projections.get(at) {
                    Some(projection) => tree.row(stage, &Row { projection, cells }),
                    None => Ok(()),
                },
            )?;
        let files = vec![tree.finish()?];
        Ok(Written { files, counts })
    }
}

/// What the document begins with.
#[derive(Serialize)]
struct HeadV1<'a> {
    schema_version: u32,
    tool: &'static str,
    tool_version: &'static str,
    run: RunV1<'a>,
    /// What the document was limited to, where it is not all of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
}

/// The document while it is written.
struct Tree {
    stream: Stream,
    /// The lists of the document.
    outer: Lists,
    /// The lists of the machine at hand.
    inner: Lists,
    has_holder: bool,
    rows: u64,
}

impl Tree {
    fn open(
        tables: &[&'static Table],
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let mut stream = Stream::open(NAME, sink)?;
        stream.open_object(&HeadV1 {
            schema_version: SCHEMA_VERSION,
            tool: env!("CARGO_PKG_NAME"),
            tool_version: env!("CARGO_PKG_VERSION"),
            run: RunV1::of(source.run()),
            only: options.selection.words(),
        })?;
        let (outer, inner) = layout(tables);
        Ok(Self {
            stream,
            has_holder: outer.contains(&HOLDER),
            outer: Lists::new(outer),
            inner: Lists::new(inner),
            rows: 0,
        })
    }

    fn row(&mut self, stage: Stage, row: &Row<'_>) -> Result<(), ReportError> {
        self.rows += 1;
        let table = row.projection.table();
        if table.name == HOLDER {
            self.close_machine()?;
            self.outer.item(HOLDER, &mut self.stream)?;
            self.inner.is_open = true;
            return self.stream.open_object(row);
        }
        if stage == Stage::Machine && self.has_holder {
            self.inner.item(table.name, &mut self.stream)?;
        } else {
            self.close_machine()?;
            self.outer.item(table.name, &mut self.stream)?;
        }
        self.stream.value(row)
    }

    fn close_machine(&mut self) -> Result<(), ReportError> {
        if !self.inner.is_open {
            return Ok(());
        }
        self.inner.close(&mut self.stream)?;
        self.stream.text("}")
    }

    fn finish(mut self) -> Result<super::FileEntry, ReportError> {
        self.close_machine()?;
        self.outer.is_open = true;
        self.outer.close(&mut self.stream)?;
        self.stream.text("\n}\n")?;
        self.stream.finish(self.rows)
    }
}

/// The names of the lists of the document, and of those of each machine, in order.
pub(super) fn layout(tables: &[&'static Table]) -> (Vec<&'static str>, Vec<&'static str>) {
    let of = |stage: Stage| {
        let tables = tables
            .iter()
            .filter(move |one| one.stages().contains(&stage));
        tables.map(|table| table.name)
    };
    let mut outer: Vec<&'static str> = of(Stage::Run).collect();
    let mut inner: Vec<&'static str> = of(Stage::Machine).collect();
    if inner.contains(&HOLDER) {
        inner.retain(|name| *name != HOLDER);
        outer.push(HOLDER);
    } else {
        outer.append(&mut inner);
    }
    let last: Vec<_> = of(Stage::All)
        .filter(|name| !outer.contains(name))
        .collect();
    outer.extend(last);
    (outer, inner)
}

/// Lists of an object, written one behind the other, those without a row as well.
struct Lists {
    names: Vec<&'static str>,
    /// How many have been begun.
    begun: usize,
    /// Whether their object has been.
    is_open: bool,
}

impl Lists {
    fn new(names: Vec<&'static str>) -> Self {
        Self {
            names,
            begun: 0,
            is_open: false,
        }
    }

    /// Goes to where the next item of a list belongs.
    fn item(&mut self, name: &str, to: &mut Stream) -> Result<(), ReportError> {
        let current = self.begun.checked_sub(1);
        if current.and_then(|at| self.names.get(at)) == Some(&name) {
            return to.text(",\n");
        }
        while let Some(next) = self.next(to)? {
            if next == name {
                return to.text("\n");
            }
        }
        Ok(())
    }

    /// Begins the next list, and ends the one before.
    fn next(&mut self, to: &mut Stream) -> Result<Option<&'static str>, ReportError> {
        let Some(next) = self.names.get(self.begun).copied() else {
            return Ok(None);
        };
        to.text(if self.begun == 0 { ",\n" } else { "],\n" })?;
        to.value(&next)?;
        to.text(": [")?;
        self.begun += 1;
        Ok(Some(next))
    }

    /// Writes the lists that have no row, and ends the last one.
    fn close(&mut self, to: &mut Stream) -> Result<(), ReportError> {
        while self.next(to)?.is_some() {}
        let end = if self.begun > 0 { "]" } else { "" };
        (self.begun, self.is_open) = (0, false);
        to.text(end)
    }
}

/// A row as an object.
struct Row<'a> {
    projection: &'a Projection,
    cells: &'a [Cell<'a>],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let projection = self.projection;
        let mut object = to.serialize_map(Some(projection.len()))?;
        for (column, cell) in projection.columns().zip(projection.cells(self.cells)) {
            object.serialize_entry(column.name, cell)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tables::TABLES;
    use std::collections::BTreeSet;

    #[test]
    fn no_list_hides_a_column_of_the_machine_that_it_stands_in() {
        let tables: Vec<&'static Table> = TABLES.iter().collect();
        let (outer, inner) = layout(&tables);
        let holder = TABLES.iter().find(|table| table.name == HOLDER).unwrap();
        let columns: BTreeSet<&str> = holder.columns.iter().map(|column| column.name).collect();
        assert!(inner.iter().all(|name| !columns.contains(name)));
        let mut all: Vec<&str> = outer.iter().chain(&inner).copied().collect();
        // It has rows of machines, and of what only lists know.
        assert_eq!(all.iter().filter(|name| **name == "unmanaged").count(), 2);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), TABLES.len());
    }
}
