//! Ubuntu's CVE tracker: what is fixed where, and what is not and why.
//!
//! It comes in two forms: a file for each CVE in the tracker's repository (`active/CVE-2022-36879`;
//! <https://git.launchpad.net/ubuntu-cve-tracker/tree/README>), and pages of JSON
//! (<https://ubuntu.com/security/cves.json>). A record says of each source package of each release, and of each
//! pocket that costs or must be chosen, one word and often a reason. How they are read:
//!
//! | tracker | here |
//! |---|---|
//! | `released (1.2-3)` | [`FixStatus::Stated`], fixed in it |
//! | `needed`, `in-progress`, `pending`, `needs-triage`, `active` | [`FixStatus::Stated`], no fix, as in Ubuntu's own OSV records |
//! | `deferred` | [`FixStatus::Postponed`] |
//! | `ignored (end of standard support)`, `(end of life)`, `(out of standard support)`, `(end of kernel support)`, … | [`FixStatus::EndOfLife`]: vulnerable, as nobody looked any further |
//! | `ignored`, for another reason | [`FixStatus::WontFix`] |
//! | `not-affected` | [`FixStatus::NotAffected`] |
//! | `DNE` (there is no such package in the release) | left out |
//! | a word that is new to us | [`FixStatus::Undetermined`], and reported |
//!
//! The urgency is the reason where the package is not fixed and one is given; else the priority.
//!
//! A pocket is an ecosystem of its own, as OSV names it: `esm-infra`, `esm-apps` and what was `esm` are
//! `Ubuntu:Pro:18.04:LTS`, `fips` is `Ubuntu:Pro:FIPS:22.04:LTS`, `fips-updates` `Ubuntu:Pro:FIPS-updates:22.04:LTS`. Those
//! of special kernels and snaps are left out, and so is the release that is being made (`devel`). Releases are
//! codenames, whose numbers the import looks up in the lifecycle dates.

mod json;
mod page;

use super::stream::opening;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{
    Affected, Bulletin, BulletinId, FixStatus, Nature, PackageScope, Severity, UtcTime,
    VersionRange,
};
use std::io::BufRead;

const NAME: &str = "ubuntu-tracker";

/// <https://ubuntu.com/security/cves>
#[derive(Debug)]
pub(super) struct UbuntuTracker;

impl Feed for UbuntuTracker {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, outline: &Outline) -> bool {
        match outline.shape {
            Shape::Object => {
                outline.has(1, "cves")
                    && outline.has(3, "id")
                    && (outline.has(3, "notices_ids") || outline.has(3, "packages"))
            }
            Shape::Text => outline.says("Candidate: CVE-") && outline.says("\nPriority:"),
            _ => false,
        }
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let is_json = doc.fill_buf().is_ok_and(|head| {
            let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            head.trim_ascii_start().starts_with(b"{")
        });
        let mut reading = Reading {
            report: FeedReport::default(),
            out,
        };
        if is_json {
            json::read(doc, &mut reading)?;
        } else {
            page::read(doc, &mut reading)?;
        }
        Ok(reading.report)
    }
}

struct Reading<'a> {
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
}

/// What either form says of a CVE.
#[derive(Default)]
struct Issue {
    id: String,
    description: String,
    priority: String,
    cvss_tenths: Option<u8>,
    published: Option<UtcTime>,
    modified: Option<UtcTime>,
    statuses: Vec<Status>,
}

/// One word on one source package.
struct Status {
    package: String,
    /// The codename.
    release: String,
    /// Empty for what is free.
    pocket: String,
    word: String,
    /// The version or the reason.
    detail: String,
    /// Where it is another than that of the whole.
    priority: Option<String>,
}

impl Reading<'_> {
    fn issue(&mut self, issue: Issue) {
        let is_id = issue.id.strip_prefix("CVE-").is_some_and(|rest| {
            rest.len() < 40
                && rest
                    .chars()
                    .all(|char| char.is_ascii_alphanumeric() || char == '-')
        });
        if !is_id {
            let what = format!("`{}` is no CVE", issue.id.escape_debug());
            return self.report.skip("candidate", what);
        }
        let id = issue.id;
        let mut affected = Vec::new();
        for status in issue.statuses {
            affected.extend(self.affected(&id, status, &issue.priority));
        }
        if affected.is_empty() {
            self.report.irrelevant += 1;
            return;
        }
        let title = opening(&issue.description);
        self.report.read += 1;
        (self.out)(Record::Bulletin(Bulletin {
            feed: NAME.to_owned(),
            title: if title.is_empty() { id.clone() } else { title },
            cves: vec![id.clone()],
            severity: Severity::parse(&issue.priority),
            cvss_tenths: issue.cvss_tenths,
            nature: Nature::default(),
            published: issue.published,
            modified: issue.modified,
            withdrawn: None,
            references: vec![format!("https://ubuntu.com/security/{id}")],
            affected,
            id: BulletinId::new(id),
        }));
    }

    fn affected(&mut self, id: &str, status: Status, priority: &str) -> Option<Affected> {
        let ecosystem = ecosystem(&status.pocket, &status.release)?;
        let detail = status.detail.trim();
        let meaning = match &*status.word {
            "DNE" => return None,
            "released" | "needed" | "in-progress" | "pending" | "needs-triage" | "active" => {
                FixStatus::Stated
            }
            "deferred" => FixStatus::Postponed,
            "ignored" if is_end(detail) => FixStatus::EndOfLife,
            "ignored" => FixStatus::WontFix,
            "not-affected" => FixStatus::NotAffected,
            other => {
                let what = format!("status `{}` is new to us", other.escape_debug());
                self.report.problem(id, what);
                FixStatus::Undetermined
            }
        };
        let is_released = status.word == "released";
        let version = detail.split_whitespace().next().filter(|_| is_released);
        if is_released && !version.is_some_and(is_version) {
            let what = format!(
                "`{}` is no version that {} was fixed in",
                detail.escape_debug(),
                status.package
            );
            self.report.problem(id, what);
            return None;
        }
        let range = VersionRange {
            introduced: None,
            fixed: version.map(str::to_owned),
            last_affected: None,
        };
        let reason = matches!(&*status.word, "ignored" | "deferred").then_some(detail);
        let reason = reason.filter(|reason| !reason.is_empty()).map(opening);
        let priority = status.priority.unwrap_or_else(|| priority.to_owned());
        Some(Affected {
            ecosystem,
            package: status.package,
            scope: PackageScope::default(),
            ranges: match meaning {
                FixStatus::NotAffected => Vec::new(),
                _ => vec![range],
            },
            status: meaning,
            urgency: reason.or(Some(priority)).filter(|word| !word.is_empty()),
        })
    }
}

/// Whether a reason says that nobody makes fixes any more.
fn is_end(reason: &str) -> bool {
    const ENDS: &[&str] = &[
        "end of life",
        "end-of-life",
        "end of standard support",
        "end of kernel support",
        "end of esm support",
        "end of support",
        "end of ubuntu pro support",
        "end of legacy support",
        "out of standard support",
        "out of support",
        "no longer supported",
        "reached end",
    ];
    let reason = reason.to_ascii_lowercase();
    ENDS.iter().any(|end| reason.contains(end))
}

fn is_version(text: &str) -> bool {
    let allowed = |char: char| char.is_ascii_alphanumeric() || ".+-:~".contains(char);
    text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.len() <= 100
        && text.chars().all(allowed)
}

/// The ecosystem of a release's pocket, with the codename for the number. `None` for what we do not match.
fn ecosystem(pocket: &str, release: &str) -> Option<String> {
    const NO_RELEASE: &[&str] = &["upstream", "devel", "product", "snap"];
    let is_codename = release.chars().all(|char| char.is_ascii_lowercase());
    if release.is_empty() || !is_codename || NO_RELEASE.contains(&release) {
        return None;
    }
    match pocket {
        "" | "security" | "updates" => Some(format!("Ubuntu:{release}")),
        "esm" | "esm-infra" | "esm-apps" | "esm-infra-legacy" | "esm-apps-legacy" => {
            Some(format!("Ubuntu:Pro:{release}"))
        }
        "fips" => Some(format!("Ubuntu:Pro:FIPS:{release}")),
        "fips-updates" => Some(format!("Ubuntu:Pro:FIPS-updates:{release}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
