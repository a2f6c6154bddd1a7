//! A table of a plan, as CSV.

use super::super::cell::Cell;
use super::super::column::Form;
use super::super::csv::FormSheet;
use super::super::{Options, ReportError};
use super::PlanFile;

/// A table while it is written.
pub(super) struct Sheet {
    form: &'static Form,
    sheet: FormSheet<Vec<u8>>,
}

impl Sheet {
    /// A table that has its header.
    pub(super) fn new(form: &'static Form, options: &Options) -> Result<Self, ReportError> {
        let sheet = FormSheet::new(form, options, Vec::new());
        let sheet = sheet.map_err(ReportError::writing(form.file))?;
        Ok(Self { form, sheet })
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        let written = self.sheet.row(cells);
        written.map_err(ReportError::writing(self.form.file))
    }

    /// The file.
    pub(super) fn done(self) -> Result<PlanFile, ReportError> {
        let bytes = self.sheet.done();
        Ok(PlanFile {
            name: self.form.file.to_owned(),
            bytes: bytes.map_err(ReportError::writing(self.form.file))?,
        })
    }
}
