//! A table of a plan, as CSV.

use super::super::cell::{Cell, Locale};
use super::super::column::Form;
use super::super::csv::Shape;
use super::super::{Guards, Options, ReportError};
use super::PlanFile;
use ::csv::{ByteRecord, Writer};

/// A table while it is written.
pub(super) struct Sheet {
    form: &'static Form,
    writer: Writer<Vec<u8>>,
    locale: Locale,
}

impl Sheet {
    /// A table that has its header.
    pub(super) fn new(form: &'static Form, options: &Options) -> Result<Self, ReportError> {
        let shape = Shape::of(options);
        let mut sheet = Self {
            form,
            writer: shape.writer(shape.mark.to_vec()),
            locale: shape.locale,
        };
        let header = form.columns.iter().map(|column| column.name);
        let written = sheet.writer.write_record(header);
        written.map_err(|error| ReportError::writing(form.file)(error.into()))?;
        Ok(sheet)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        debug_assert!(self.form.takes(cells), "{}: {cells:?}", self.form.file);
        let mut record = ByteRecord::new();
        let mut text = String::new();
        for cell in cells {
            text.clear();
            cell.write_csv(self.locale, &mut text, &mut Guards::default());
            record.push_field(text.as_bytes());
        }
        let written = self.writer.write_byte_record(&record);
        written.map_err(|error| ReportError::writing(self.form.file)(error.into()))
    }

    /// The file.
    pub(super) fn done(self) -> Result<PlanFile, ReportError> {
        let bytes = self.writer.into_inner();
        let bytes =
            bytes.map_err(|error| ReportError::writing(self.form.file)(error.into_error()))?;
        Ok(PlanFile {
            name: self.form.file.to_owned(),
            bytes,
        })
    }
}
