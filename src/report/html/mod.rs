//! `underdesk.html`: the run as one page that needs nothing else, for whoever opens it from a mail.
//!
//! What was covered comes first, then what is open, then what to do, then every row, to be searched, sorted and
//! filtered by the page's own script; without scripts the summaries and the first rows are there as plain tables. The
//! page forbids itself everything else: its policy names the hashes of its one script and its one style sheet, and no
//! address at all. Text of hosts gets in as text only (`markup`, `data::quoted`), and out again by `textContent`.
//!
//! The page is never longer than [`LONGEST`]: what does not fit is counted, and is in `findings.csv`.

mod chart;
mod coverage;
mod data;
mod findings;
mod frame;
mod gather;
mod kept;
mod lists;
mod markup;
mod rows;
mod run;
mod sums;
#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;
mod texts;
mod trend;

use super::output::Document;
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written};
use std::io::{self, Write as _};

const NAME: &str = "underdesk.html";
/// How many bytes the page may have: what mail systems commonly let through, encoded as an attachment.
const LONGEST: usize = 15_000_000;

#[derive(Debug)]
pub(super) struct Html;

impl Exporter for Html {
    fn format(&self) -> &'static str {
        "html"
    }

    fn shows_trend(&self) -> bool {
        true
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        write_within(source, options, sink, LONGEST)
    }
}

/// Writes a page of at most so many bytes. (With all rows taken out it still has some 100,000.)
fn write_within(
    source: &dyn ReportSource,
    options: &Options,
    sink: &mut dyn Sink,
    longest: usize,
) -> Result<Written, ReportError> {
    let gathered = gather::gather(source, options, longest)?;
    let view = frame::View {
        source,
        options,
        gathered: &gathered,
    };
    let page = frame::page(&view, longest);
    if page.text.len() > longest {
        let error = io::Error::other(format!("it would be longer than {longest} bytes"));
        return Err(ReportError::writing(NAME)(error));
    }
    let mut document = Document::open(NAME, sink)?;
    let sent = document.write_all(page.text.as_bytes());
    sent.map_err(ReportError::writing(NAME))?;
    let file = document.close(page.rows)?;
    Ok(Written {
        files: vec![file],
        counts: gathered.counts,
    })
}
