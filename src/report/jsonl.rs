//! JSON Lines: one object a line, for other programs.
//!
//! The objects are the rows of the [`super::tables`], with the same names and in the same order,
//! each behind a `type`: first the one `run`, then `coverage` and `change`, then machine by machine `machine`,
//! `access`, `software`, `hotfix`, `service`, `finding`, `finding_cve` and `unmanaged`, at the end `remediation` and
//! what only lists know. A fact that was not learned is
//! `"unknown"`, one that does not apply is `null`; texts and lists are whole.

use super::cell::Cell;
use super::manifest::RunV1;
use super::projection::{self, Projection};
use super::stream::Stream;
use super::tables;
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

const NAME: &str = "run.jsonl";

#[derive(Debug)]
pub(super) struct Jsonl;

impl Exporter for Jsonl {
    fn format(&self) -> &'static str {
        "jsonl"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let tables = tables::chosen(options.table.as_deref(), source)?;
        let projections = projection::of(&tables, &options.columns)?;
        let mut lines = Lines::open(sink)?;
        if options.table.is_none() {
            lines.push(&RunLine {
                kind: "run",
                run: RunV1::of(source.run()),
                only: options.selection.words(),
            })?;
        }
        let counts = tables::each_row(
            source,
            options,
            &tables,
            &mut |at, cells| match projections.get(at) {
                Some(projection) => lines.push(&Line { projection, cells }),
                None => Ok(()),
            },
        )?;
        let files = vec![lines.finish()?];
        Ok(Written { files, counts })
    }
}

/// The file while it is written.
struct Lines {
    stream: Stream,
    count: u64,
}

impl Lines {
    fn open(sink: &mut dyn Sink) -> Result<Self, ReportError> {
        Ok(Self {
            stream: Stream::open(NAME, sink)?,
            count: 0,
        })
    }

    fn push(&mut self, line: &impl Serialize) -> Result<(), ReportError> {
        self.stream.value(line)?;
        self.count += 1;
        self.stream.text("\n")
    }

    fn finish(self) -> Result<super::FileEntry, ReportError> {
        self.stream.finish(self.count)
    }
}

#[derive(Serialize)]
struct RunLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    run: RunV1<'a>,
    /// What the lines were limited to, where they are not all of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
}

/// A row as an object.
struct Line<'a> {
    projection: &'a Projection,
    cells: &'a [Cell<'a>],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let projection = self.projection;
        let mut object = to.serialize_map(Some(projection.len() + 1))?;
        object.serialize_entry("type", projection.table().kind)?;
        for (column, cell) in projection.columns().zip(projection.cells(self.cells)) {
            object.serialize_entry(column.name, cell)?;
        }
        object.end()
    }
}
