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

    fn seeds(&self) -> &'static [&'static str] {
        &[
            "https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list",
            "https://cdn.amazonlinux.com/2/extras-catalog.json",
            "https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list",
            "http://repo.us-west-2.amazonaws.com/2018.03/updates/x86_64/mirror.list",
        ]
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

    fn seeds(&self) -> &'static [&'static str] {
        &[
            "https://repo.almalinux.org/almalinux/9/AppStream/x86_64/os/repodata/repomd.xml",
            "https://dl.rockylinux.org/pub/rocky/9/AppStream/x86_64/os/repodata/repomd.xml",
            "https://dl.fedoraproject.org/pub/fedora/linux/updates/42/Everything/x86_64/repodata/repomd.xml",
            "https://download.opensuse.org/update/leap/15.6/sle/repodata/repomd.xml",
        ]
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
