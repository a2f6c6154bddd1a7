//! `updateinfo.xml`: what the repositories of rpm's distributions say of their updates. One reader for
//! Amazon Linux, `AlmaLinux`, Rocky Linux, Fedora and openSUSE.
//!
//! It has what OSV's records lack: for each build its architecture, its module and, by the collection it
//! stands in, its repository. Only updates of type `security` are taken.

mod update;
mod walk;
mod whose;

use super::{Feed, FeedError, FeedReport, Grain, Record};
use crate::catalog::outline::Outline;
use std::io::BufRead;

/// Amazon's. One document has all architectures of a repository, and an advisory stands in one of them.
#[derive(Debug)]
pub(super) struct AmazonUpdateinfo;

/// Everybody else's. A document is of one repository and one architecture, and an advisory stands in
/// several.
#[derive(Debug)]
pub(super) struct Updateinfo;

/// The words by which Amazon's documents are known.
const AMAZON: &str = "linux-security@amazon.com";

fn is_updateinfo(outline: &Outline) -> bool {
    outline.root.as_deref() == Some("updates")
}

impl Feed for AmazonUpdateinfo {
    fn name(&self) -> &'static str {
        "amazon-updateinfo"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        is_updateinfo(outline) && outline.says(AMAZON)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        update::read(self.name(), doc, out)
    }
}

impl Feed for Updateinfo {
    fn name(&self) -> &'static str {
        "updateinfo"
    }

    fn grain(&self) -> Grain {
        Grain::Build
    }

    fn recognises(&self, outline: &Outline) -> bool {
        is_updateinfo(outline) && !outline.says(AMAZON)
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        update::read(self.name(), doc, out)
    }
}

#[cfg(test)]
mod tests;
