//! An update, and what it becomes.

use super::{walk, whose};
use crate::catalog::feeds::builds::{self, Builds};
use crate::catalog::feeds::stream::opening;
use crate::catalog::feeds::text::{is_cve, moment};
use crate::catalog::feeds::{FeedError, FeedReport, Record, rpm};
use crate::model::{Bulletin, BulletinId, Nature, Severity};
use std::io::BufRead;

/// An update as the document states it.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) release: String,
    pub(super) severity: String,
    pub(super) issued: String,
    pub(super) updated: String,
    pub(super) references: Vec<Reference>,
    /// The short and long names of its collections.
    pub(super) collections: Vec<String>,
    pub(super) builds: Vec<Build>,
    pub(super) has_too_many: bool,
}

#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) address: String,
}

#[derive(Debug, Default)]
pub(super) struct Build {
    pub(super) name: String,
    pub(super) epoch: String,
    pub(super) version: String,
    pub(super) release: String,
    pub(super) arch: String,
    pub(super) collection: String,
    pub(super) module: Option<String>,
}

/// Reads a document.
pub(super) fn read(
    feed: &'static str,
    doc: &mut dyn BufRead,
    out: &mut dyn FnMut(Record),
) -> Result<FeedReport, FeedError> {
    let mut report = FeedReport::default();
    walk::each_update(feed, doc, &mut |update| {
        if update.kind != "security" {
            report.irrelevant += 1;
            return;
        }
        let id = update.id.clone();
        match update.into_bulletin(feed, &mut report) {
            Err(what) => report.skip(&id, what),
            Ok(bulletin) if bulletin.affected.is_empty() => report.irrelevant += 1,
            Ok(bulletin) => {
                report.read += 1;
                out(Record::Bulletin(bulletin));
            }
        }
    })?;
    Ok(report)
}

impl Update {
    fn into_bulletin(self, feed: &str, report: &mut FeedReport) -> Result<Bulletin, String> {
        let id = &*self.id;
        let is_blank = |char: char| char.is_whitespace() || char.is_control();
        if id.is_empty() || id.len() > 200 || id.contains(is_blank) {
            return Err("the id is empty, too long or has blanks in it".to_owned());
        }
        if self.has_too_many {
            return Err("it lists more builds than any update has".to_owned());
        }
        let affected = self.builds(report);
        if affected.is_empty() {
            let release = self.release.escape_debug();
            report.problem(
                id,
                format!("`{release}` is no release that we match: left out"),
            );
        }
        let urls = self.references.iter().map(|one| &one.address);
        let issued = moment(&self.issued);
        Ok(Bulletin {
            id: BulletinId::new(id),
            feed: feed.to_owned(),
            title: opening(if self.title.is_empty() {
                id
            } else {
                &self.title
            }),
            cves: self.cves(),
            severity: Severity::parse(&self.severity).or_else(|| self.severity_in_title()),
            cvss_tenths: None,
            nature: Nature::default(),
            published: issued,
            modified: moment(&self.updated).or(issued),
            withdrawn: None,
            references: urls
                .filter(|url| !url.is_empty())
                .take(8)
                .cloned()
                .collect(),
            affected: affected.affected(),
        })
    }

    fn builds(&self, report: &mut FeedReport) -> Builds {
        let mut gathered = Builds::default();
        let streams = rpm::streams(&self.title);
        for build in &self.builds {
            let Some(evr) = rpm::evr(&build.epoch, &build.version, &build.release) else {
                let (version, release) =
                    (build.version.escape_debug(), build.release.escape_debug());
                report.problem(
                    &self.id,
                    format!(
                        "`{version}-{release}` is no version of a package: `{}` is left out",
                        build.name.escape_debug()
                    ),
                );
                continue;
            };
            let place = match whose::amazon(&build.collection) {
                Some((ecosystem, repository)) => Some((ecosystem.to_owned(), Some(repository))),
                None => whose::ecosystem(&self.id, &self.release, &evr)
                    .map(|ecosystem| (ecosystem, whose::repository(&self.id, &self.collections))),
            };
            let Some((ecosystem, repository)) = place else {
                continue;
            };
            let is_known = gathered.add(
                builds::Build {
                    ecosystem,
                    package: build.name.clone(),
                    evr,
                    arch: build.arch.clone(),
                    module: build.module.clone(),
                    repository,
                },
                &streams,
            );
            if !is_known {
                let name = build.name.escape_debug();
                report.problem(&self.id, format!("the module of `{name}` is not stated"));
            }
        }
        gathered
    }

    /// Fedora names them in the titles of its bugs.
    fn cves(&self) -> Vec<String> {
        let words = self.references.iter().flat_map(|one| {
            let title = one
                .title
                .split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
            [&*one.id].into_iter().chain(title)
        });
        let mut cves: Vec<_> = words
            .filter(|word| is_cve(word))
            .map(str::to_owned)
            .collect();
        cves.sort_unstable();
        cves.dedup();
        cves
    }

    fn severity_in_title(&self) -> Option<Severity> {
        Severity::parse(self.title.split_once(':')?.0)
    }
}
