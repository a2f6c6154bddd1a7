//! CSAF 2.0: the common form of advisories by product and version.
//!
//! <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>. Three feeds read it: Microsoft's
//! advisories, Microsoft's VEX documents (which speak of packages of its Linux alone), and any other
//! publisher's; Red Hat's speak of packages, and have a feed of their own ([`super::redhat`]). An advisory is
//! handed out where it names a product and the first version that is not affected any more. What names
//! versions in another way (one by one, in prose, up to and with the last bad one) is counted and not guessed
//! at.

mod flaw;
mod range;
mod tree;

use super::redhat::is_redhat;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use flaw::{Head, Place, Source, read_flaw};
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, Read as _};
use tree::{Tree, TreeForm};

/// The largest that publishers have are about 60 MB.
const MOST_BYTES: u64 = 256 << 20;

/// Where Microsoft's documents are from, by their own word.
const MICROSOFT: &str = "https://msrc.microsoft.com";

/// Microsoft's advisories: <https://msrc.microsoft.com/csaf/advisories/>.
#[derive(Debug)]
pub(super) struct MsrcCsaf;

/// Microsoft's VEX documents: <https://msrc.microsoft.com/csaf/vex/>.
#[derive(Debug)]
pub(super) struct MsrcVex;

/// Any other publisher's documents.
#[derive(Debug)]
pub(super) struct Csaf;

impl Feed for MsrcCsaf {
    fn name(&self) -> &'static str {
        "msrc-csaf"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        is_csaf(outline) && is_microsoft(outline) && !is_vex(outline)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        read(Source::Microsoft(self.name()), doc, out)
    }
}

impl Feed for MsrcVex {
    fn name(&self) -> &'static str {
        "msrc-vex"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        is_csaf(outline) && is_microsoft(outline) && is_vex(outline)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        read(Source::Microsoft(self.name()), doc, out)
    }
}

impl Feed for Csaf {
    fn name(&self) -> &'static str {
        "csaf"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        is_csaf(outline) && !is_microsoft(outline) && !is_redhat(outline)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        read(Source::Other(self.name()), doc, out)
    }
}

fn is_csaf(outline: &Outline) -> bool {
    outline.shape == Shape::Object && outline.has(1, "document") && outline.has(2, "csaf_version")
}

fn is_microsoft(outline: &Outline) -> bool {
    outline.has_text(3, "namespace", MICROSOFT)
}

fn is_vex(outline: &Outline) -> bool {
    outline.has_text(2, "category", "csaf_vex")
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "document")]
    head: Head,
    #[serde(default)]
    product_tree: Option<TreeForm>,
    #[serde(default)]
    vulnerabilities: Vec<Value>,
}

fn read(
    source: Source,
    doc: &mut dyn BufRead,
    out: &mut dyn FnMut(Record),
) -> Result<FeedReport, FeedError> {
    let failed = |error| FeedError::Json {
        feed: source.name(),
        source: error,
    };
    let document: Document = serde_json::from_reader(doc.take(MOST_BYTES)).map_err(failed)?;
    let mut report = FeedReport::default();
    let head = document.head;
    let tree = Tree::of(document.product_tree.unwrap_or_default(), &mut report);
    let place = Place {
        source,
        head: &head,
        tree: &tree,
    };
    for (index, value) in document.vulnerabilities.into_iter().enumerate() {
        let flaw = serde_json::from_value(value).map_err(|error| error.to_string());
        let read = flaw.and_then(|flaw| read_flaw(&place, index, &flaw, &mut report));
        match read {
            Ok(Some(advisory)) => {
                report.read += 1;
                out(Record::Advisory(advisory));
            }
            Ok(None) => report.irrelevant += 1,
            Err(what) => report.skip(head.id(), what),
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
