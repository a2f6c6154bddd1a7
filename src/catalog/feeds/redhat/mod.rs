//! Red Hat's CSAF documents: advisories (RHSA) and VEX documents (one for each CVE).
//!
//! <https://security.access.redhat.com/data/csaf/v2/advisories/> and `/vex/`, each also as one `.tar.zst`.
//! Other publishers' CSAF speaks of products; Red Hat's of packages of streams: a product is a component (a
//! purl) of a stream (a CPE), with the module between them in older documents and in the purl (`rpmmod=`)
//! in newer ones. One document is one bulletin, called by the document's id. It is the only source for what
//! is not fixed, and it names the module.
//!
//! | document | here |
//! |---|---|
//! | `fixed` | [`FixStatus::Stated`], fixed in that version of that binary package |
//! | `known_affected` | [`FixStatus::Stated`], no fix |
//! | … with the remediation `no_fix_planned` ("Will not fix", "Out of support scope") | [`FixStatus::WontFix`] |
//! | … with the remediation `none_available`, "Fix deferred" | [`FixStatus::Postponed`] |
//! | `under_investigation` | [`FixStatus::Undetermined`] |
//! | `known_not_affected`, of a component without a version | [`FixStatus::NotAffected`] |
//!
//! The words of a remediation are the urgency. A stream's CPE is its ecosystem, as OSV writes it:
//! `cpe:/a:redhat:rhel_eus:9.2::appstream` is `Red Hat:rhel_eus:9.2::appstream`. What is not fixed names only
//! the major release (`Red Hat:enterprise_linux:9`) and mostly the source package. Left out are streams that are
//! not Red Hat Enterprise Linux (containers, middleware), debugging symbols, source packages of what is fixed,
//! and versions that another fix happens not to concern.

mod status;
mod tree;

pub(super) use tree::ecosystem;

use super::{Feed, FeedError, FeedReport, Grain, REDHAT_CSAF, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::FixStatus;
use serde::Deserialize;
use status::{Flaw, Head, bulletin};
use std::io::{BufRead, Read as _};
use tree::{Tree, TreeForm};

/// The largest have about 60 MB.
const MOST_BYTES: u64 = 256 << 20;

/// Where they are from, by their own word.
const REDHAT: &str = "https://www.redhat.com";

/// <https://security.access.redhat.com/data/csaf/v2/>
#[derive(Debug)]
pub(super) struct RedHatCsaf;

/// Whether a CSAF document is Red Hat's.
pub(super) fn is_redhat(outline: &Outline) -> bool {
    outline.has_text(3, "namespace", REDHAT)
}

impl Feed for RedHatCsaf {
    fn name(&self) -> &'static str {
        REDHAT_CSAF
    }

    fn grain(&self) -> Grain {
        Grain::Record
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && outline.has(1, "document")
            && outline.has(2, "csaf_version")
            && is_redhat(outline)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let failed = |source| FeedError::Json {
            feed: REDHAT_CSAF,
            source,
        };
        let mut bytes = Vec::new();
        let read = doc.take(MOST_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| failed(serde_json::Error::io(error)))?;
        let document: Document = serde_json::from_slice(&bytes).map_err(failed)?;
        let mut report = FeedReport::default();
        let tree = Tree::of(document.product_tree.unwrap_or_default());
        let id = document.head.id().to_owned();
        match bulletin(document.head, &document.vulnerabilities, &tree, &mut report) {
            Ok(Some(bulletin)) => {
                report.read += 1;
                out(Record::Bulletin(bulletin));
            }
            Ok(None) => report.irrelevant += 1,
            Err(what) => report.skip(&id, what),
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "document")]
    head: Head,
    product_tree: Option<TreeForm>,
    #[serde(default)]
    vulnerabilities: Vec<Flaw>,
}

#[cfg(test)]
mod tests;
