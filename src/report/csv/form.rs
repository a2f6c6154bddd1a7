//! The table of a command that writes no run, as CSV.

use super::super::cell::{Cell, Locale};
use super::super::column::Form;
use super::super::{Guards, Options};
use super::Shape;
use ::csv::{IntoInnerError, Writer};
use std::io::{self, Write};

/// Such a table while it is written.
pub(in crate::report) struct FormSheet<W: Write> {
    form: &'static Form,
    writer: Writer<W>,
    locale: Locale,
    text: String,
}

impl<W: Write> FormSheet<W> {
    /// A table that has its header.
    pub(in crate::report) fn new(
        form: &'static Form,
        options: &Options,
        mut to: W,
    ) -> io::Result<Self> {
        let shape = Shape::of(options);
        to.write_all(shape.mark)?;
        let mut writer = shape.writer(to);
        writer.write_record(form.columns.iter().map(|column| column.name))?;
        Ok(Self {
            form,
            writer,
            locale: shape.locale,
            text: String::new(),
        })
    }

    /// Adds a row.
    pub(in crate::report) fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert!(self.form.takes(cells), "{}: {cells:?}", self.form.file);
        for cell in cells {
            self.text.clear();
            cell.write_csv(self.locale, &mut self.text, &mut Guards::default());
            self.writer.write_field(&self.text)?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// What it was written to, with all of it.
    pub(in crate::report) fn done(self) -> io::Result<W> {
        let to = self.writer.into_inner();
        let mut to = to.map_err(IntoInnerError::into_error)?;
        to.flush()?;
        Ok(to)
    }
}
