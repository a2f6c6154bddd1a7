//! The files of a table: the one at hand, and those that are full.

use super::super::cell::Cell;
use super::super::output::{Document, FileEntry, Guards};
use super::super::projection::Projection;
use super::super::{ReportError, Sink};
use super::lines::Lines;
use super::{BLOCK, Shape};
use std::io::Write as _;
use std::mem;

/// Every table while it is written.
pub(super) struct Sheets<'a> {
    sheets: Vec<Sheet<'a>>,
    sink: &'a mut dyn Sink,
}

impl<'a> Sheets<'a> {
    /// Opens a file for each table, and writes its header.
    pub(super) fn open(
        projections: &'a [Projection],
        shape: Shape,
        sink: &'a mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let opened = projections.iter();
        let opened = opened.map(|projection| Sheet::open(projection, shape, sink));
        let sheets = opened.collect::<Result<_, _>>()?;
        Ok(Self { sheets, sink })
    }

    /// Writes a row of the table at that place.
    pub(super) fn row(&mut self, at: usize, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        let Some(sheet) = self.sheets.get_mut(at) else {
            return Ok(());
        };
        let mut lines = Lines::default();
        lines.push(sheet.shape, sheet.projection.cells(cells));
        sheet.add(&lines, self.sink)
    }

    /// Writes rows of each table.
    pub(super) fn add(&mut self, all: &[Lines]) -> Result<(), ReportError> {
        for (sheet, lines) in self.sheets.iter_mut().zip(all) {
            sheet.add(lines, self.sink)?;
        }
        Ok(())
    }

    /// Closes every file, and says what was written.
    pub(super) fn finish(self) -> Result<Vec<FileEntry>, ReportError> {
        let mut files = Vec::new();
        for sheet in self.sheets {
            files.extend(sheet.finish()?);
        }
        Ok(files)
    }
}

/// One table.
struct Sheet<'a> {
    projection: &'a Projection,
    shape: Shape,
    page: Page,
    full: Vec<FileEntry>,
}

impl<'a> Sheet<'a> {
    fn open(
        projection: &'a Projection,
        shape: Shape,
        sink: &mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let name = format!("{}.csv", projection.table().name);
        Ok(Self {
            shape,
            page: Page::begin(&name, projection, shape, sink)?,
            projection,
            full: Vec::new(),
        })
    }

    fn add(&mut self, lines: &Lines, sink: &mut dyn Sink) -> Result<(), ReportError> {
        let mut done = 0;
        while done < lines.len() {
            if self.page.rows == self.shape.rows {
                self.turn_page(sink)?;
            }
            let room = usize::try_from(self.shape.rows - self.page.rows).unwrap_or(usize::MAX);
            let next = done.saturating_add(room).min(lines.len());
            self.page.add(lines, done, next)?;
            done = next;
        }
        Ok(())
    }

    /// Goes on in the next file: `findings-2.csv` after `findings.csv`.
    fn turn_page(&mut self, sink: &mut dyn Sink) -> Result<(), ReportError> {
        let table = self.projection.table().name;
        let name = format!("{table}-{}.csv", self.full.len() + 2);
        let next = Page::begin(&name, self.projection, self.shape, sink)?;
        let page = mem::replace(&mut self.page, next);
        self.full.push(page.close()?);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<FileEntry>, ReportError> {
        self.full.push(self.page.close()?);
        Ok(self.full)
    }
}

/// One file.
struct Page {
    document: Document,
    /// What has not gone out yet.
    block: String,
    rows: u64,
    /// What was done to its cells.
    guards: Guards,
}

impl Page {
    /// Opens a file and writes its header.
    fn begin(
        name: &str,
        projection: &Projection,
        shape: Shape,
        sink: &mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let mut document = Document::open(name, sink)?;
        let marked = document.write_all(shape.mark);
        marked.map_err(ReportError::writing(name))?;
        let header = projection.columns();
        let header: Vec<Cell<'_>> = header.map(|column| Cell::from(column.name)).collect();
        let mut lines = Lines::default();
        lines.push(shape, header.iter());
        let (header, _) = lines.part(0, 1);
        Ok(Self {
            document,
            block: header.to_owned(),
            rows: 0,
            guards: Guards::default(),
        })
    }

    /// Takes some rows.
    fn add(&mut self, lines: &Lines, from: usize, to: usize) -> Result<(), ReportError> {
        let (text, guards) = lines.part(from, to);
        self.block.push_str(text);
        self.guards = self.guards.and(guards);
        self.rows += u64::try_from(to - from).unwrap_or(u64::MAX);
        if self.block.len() < BLOCK {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), ReportError> {
        let sent = self.document.write_all(self.block.as_bytes());
        self.block.clear();
        sent.map_err(|error| ReportError::writing(self.document.name())(error))
    }

    fn close(mut self) -> Result<FileEntry, ReportError> {
        self.send()?;
        self.document.close_guarded(self.rows, self.guards)
    }
}
