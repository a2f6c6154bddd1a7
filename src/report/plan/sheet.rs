//! A table of a plan, as CSV.

use super::super::cell::Cell;
use super::super::csv::Shape;
use super::super::{Options, ReportError};
use super::PlanFile;
use ::csv::{ByteRecord, Writer};

/// A table while it is written.
pub(super) struct Sheet {
    name: &'static str,
    writer: Writer<Vec<u8>>,
    foreign: char,
}

impl Sheet {
    /// A table that has its header.
    pub(super) fn new(
        name: &'static str,
        columns: &[&'static str],
        options: &Options,
    ) -> Result<Self, ReportError> {
        let shape = Shape::of(options);
        let mut sheet = Self {
            name,
            writer: shape.writer(shape.mark.to_vec()),
            foreign: shape.foreign,
        };
        let header: Vec<Cell<'_>> = columns.iter().map(|name| Cell::from(*name)).collect();
        sheet.row(&header)?;
        Ok(sheet)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        let mut record = ByteRecord::new();
        let mut text = String::new();
        for cell in cells {
            text.clear();
            cell.write_csv(self.foreign, &mut text);
            record.push_field(text.as_bytes());
        }
        let written = self.writer.write_byte_record(&record);
        written.map_err(|error| ReportError::writing(self.name)(error.into()))
    }

    /// The file.
    pub(super) fn done(self) -> Result<PlanFile, ReportError> {
        let bytes = self.writer.into_inner();
        let bytes = bytes.map_err(|error| ReportError::writing(self.name)(error.into_error()))?;
        Ok(PlanFile {
            name: self.name.to_owned(),
            bytes,
        })
    }
}
