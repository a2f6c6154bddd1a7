//! Workbooks: of all sheets, the first that has machines counts.

use super::draft::Draft;
use super::table::Table;
use super::{KnownError, ReadOptions, delimited, records};
use crate::tabular::no_text;
use crate::tabular::workbook::{Limits, Sheet, WorkbookError, is_workbook, sheets};
use csv::ReaderBuilder;
use std::io::Cursor;

/// How much of a workbook is read.
const LIMITS: Limits = Limits {
    bytes: 256 << 20,
    sheets: 100,
};

/// Reads a workbook; `None` where the bytes are none. Other things that hold no text are refused.
pub(super) fn read(bytes: &[u8], options: &ReadOptions) -> Result<Option<Draft>, KnownError> {
    if !is_workbook(Cursor::new(bytes)) {
        return match no_text(bytes) {
            Some((what, advice)) => Err(KnownError::Unsupported {
                what: what.to_owned(),
                advice: advice.to_owned(),
            }),
            None => Ok(None),
        };
    }
    let mut taken = Taken::default();
    sheets(bytes, LIMITS, &mut |sheet| taken.sheet(sheet, options))?;
    taken.finish().map(Some)
}

/// What was taken of the sheets.
#[derive(Default)]
struct Taken {
    draft: Option<Draft>,
    others: Vec<String>,
    /// What is wrong with the first that could not be used.
    error: Option<KnownError>,
}

impl Taken {
    fn sheet(&mut self, sheet: &Sheet<'_>, options: &ReadOptions) -> Result<(), KnownError> {
        let name: String = sheet.name.chars().take(60).collect();
        if self.draft.is_some() {
            self.others.push(name);
            return Ok(());
        }
        let table = table(sheet, &name, options)?;
        match records::read(table, options) {
            Ok(draft) if !draft.records.is_empty() => self.draft = Some(draft),
            Ok(_) => self.others.push(name),
            Err(error) => {
                self.others.push(name);
                self.error.get_or_insert(error);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Draft, KnownError> {
        let Some(mut draft) = self.draft else {
            return Err(self.error.unwrap_or(KnownError::Empty));
        };
        if !self.others.is_empty() {
            let names = self.others.join("`, `");
            draft
                .notes
                .push(format!("other sheets were left out: `{names}`"));
        }
        Ok(draft)
    }
}

fn table(sheet: &Sheet<'_>, name: &str, options: &ReadOptions) -> Result<Table, KnownError> {
    let mut table = Table::new(format!("workbook, sheet `{name}`"), None);
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(sheet.table);
    for (record, number) in reader.into_records().zip(sheet.rows) {
        let Ok(record) = record else { continue };
        table.push(u64::from(*number), record)?;
    }
    let header = delimited::header(&table, options);
    table.behead(header);
    Ok(table)
}

impl From<WorkbookError> for KnownError {
    fn from(error: WorkbookError) -> Self {
        let what = match &error {
            WorkbookError::Stream(source) => source.to_string(),
            other => other.to_string(),
        };
        Self::Malformed {
            form: "workbook",
            line: 0,
            what,
        }
    }
}
