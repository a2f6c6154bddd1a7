//! Errata of the two rebuilds of Red Hat's distribution, as JSON: what their OSV records are made from.
//!
//! The records lose on the way what decides whether a build is meant (Rocky Linux's name source packages
//! and have epochs that lost a digit, `AlmaLinux`'s know neither modules nor architectures). An erratum and
//! its OSV record have one id.

mod alma;
mod apollo;

pub(super) use alma::AlmaErrata;
pub(super) use apollo::Apollo;

use super::builds::Builds;
use super::stream::opening;
use super::{FeedReport, Record};
use crate::model::{Bulletin, BulletinId, Nature, Severity, UtcTime};

/// An erratum, whoever published it.
#[derive(Debug, Default)]
struct Erratum {
    id: String,
    title: String,
    is_security: bool,
    severity: Option<Severity>,
    cvss_tenths: Option<u8>,
    nature: Nature,
    cves: Vec<String>,
    published: Option<UtcTime>,
    modified: Option<UtcTime>,
    page: String,
    builds: Builds,
}

impl Erratum {
    /// Hands it out, if it is about security.
    fn hand_out(self, feed: &str, report: &mut FeedReport, out: &mut dyn FnMut(Record)) {
        let is_blank = |char: char| char.is_whitespace() || char.is_control();
        if self.id.is_empty() || self.id.len() > 200 || self.id.contains(is_blank) {
            return report.skip(&self.id, "the id is empty, too long or has blanks in it");
        }
        if !self.is_security {
            report.irrelevant += 1;
            return;
        }
        if self.builds.is_empty() {
            report.problem(&self.id, "it names no build: left out");
            report.irrelevant += 1;
            return;
        }
        let mut cves = self.cves;
        cves.sort_unstable();
        cves.dedup();
        report.read += 1;
        out(Record::Bulletin(Bulletin {
            title: opening(if self.title.is_empty() {
                &self.id
            } else {
                &self.title
            }),
            id: BulletinId::new(self.id),
            feed: feed.to_owned(),
            cves,
            severity: self.severity,
            cvss_tenths: self.cvss_tenths,
            nature: self.nature,
            published: self.published,
            modified: self.modified.or(self.published),
            withdrawn: None,
            references: vec![self.page],
            affected: self.builds.affected(),
        }));
    }
}

#[cfg(test)]
mod tests;
