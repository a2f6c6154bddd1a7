//! Office installed by Windows Installer. Each update is about one part of it. A program whose file was read
//! is judged by that; of the other parts, what an installed patch replaces, or is replaced by, is told by
//! the articles, and the rest is not verified. What was installed by Click-to-Run is not this, however
//! high its numbers.

use super::super::Case;
use super::stream::{self, Doubt, Files, Judged, Standing, Subject, dotted};
use super::{Host, System, hotfix_state, installed, is_in, listed, office, want};
use crate::catalog::{ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    Component, ComponentKind, Confidence, Finding, HotfixState, KbId, ProductKey, Witness,
    WitnessKind,
};
use crate::version::WindowsVersion;
use std::cmp::Ordering;
use std::collections::BTreeSet;

const NO_FILE: Doubt = Doubt {
    id: "office-part",
    why: "the file that each of these updates brings would settle it, and of this part of Office none \
          is read: compare with the list of files in the update's article",
};

/// The programs whose files are read.
const READ: &[&str] = &["Word", "Excel", "Outlook"];

/// Parts of the suites, which have advisories of their own.
const PARTS: &[&str] = &["Access", "Office", "OneNote", "PowerPoint", "Publisher"];

/// Programs that are sold apart.
const APART: &[&str] = &["Project", "Visio"];

/// A release of Office on a host.
struct Release<'a> {
    /// `2016`.
    year: &'static str,
    /// How names of its products end: `service pack 1 (64-bit editions)`.
    end: String,
    list: Vec<&'a Component>,
}

/// The releases: major version, year, how the advisories write the rest of a product's name.
const RELEASES: &[(u64, &str, &str, &str)] = &[
    (14, "2010", " service pack 2", "editions"),
    (15, "2013", " service pack 1", "editions"),
    (16, "2016", "", "edition"),
];

fn releases<'a>(list: &'a [Component], arch: Option<&str>) -> Vec<Release<'a>> {
    let mut releases = Vec::new();
    for (major, year, pack, word) in RELEASES {
        let of_major = |one: &&Component| {
            WindowsVersion::parse(&one.version).is_some_and(|version| version.part(0) == *major)
        };
        let own: Vec<&Component> = list.iter().filter(of_major).collect();
        if own.is_empty() {
            continue;
        }
        let is_32 = arch == Some("x86")
            || own.iter().any(|one| {
                let path = one.path.as_deref().unwrap_or_default().to_ascii_lowercase();
                path.contains("program files (x86)")
            });
        let bits = if is_32 { "32" } else { "64" };
        let end = format!("{pack} ({bits}-bit {word})");
        releases.push(Release {
            year,
            end,
            list: own,
        });
    }
    releases
}

impl Release<'_> {
    /// The advisories' name for a part: `microsoft excel 2016 (64-bit edition)`.
    fn product(&self, part: &str) -> ProductKey {
        ProductKey::of(&format!("microsoft {part} {}{}", self.year, self.end))
    }

    /// A program whose file was read.
    fn file(&self, program: &str) -> Option<&Component> {
        let name = format!("Microsoft {program}");
        self.list.iter().find(|one| one.name == name).copied()
    }

    fn has(&self, part: &str) -> bool {
        PARTS.contains(&part)
            || self.list.iter().any(|one| {
                one.name
                    .to_ascii_lowercase()
                    .contains(&part.to_ascii_lowercase())
            })
    }
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for release in releases(listed(host.facts, ComponentKind::OfficeMsi), host.arch) {
        for part in PARTS.iter().chain(APART) {
            if release.has(part) {
                want(index, &[release.product(part).as_str()], wanted);
            }
        }
        for program in READ {
            if release.file(program).is_some() {
                want(index, &[release.product(program).as_str()], wanted);
            }
        }
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    let list = installed(case, ComponentKind::OfficeMsi, "Microsoft Office", out);
    let arch = case.inventory.platform.arch.as_deref();
    for release in releases(list, arch) {
        let newest = release
            .list
            .iter()
            .max_by(|a, b| dotted(&a.version, &b.version).unwrap_or(Ordering::Equal));
        let Some(newest) = newest else {
            continue;
        };
        out.extend(office::ended(
            case,
            release.year,
            &newest.version,
            "office-files",
        ));
        for program in READ {
            let slice = case.known.products.get(&release.product(program));
            if let Some((file, slice)) = release.file(program).zip(slice) {
                let subject = of_file(&release, program, file, slice);
                stream::judge(
                    case,
                    &subject,
                    &|update| by_file(case, &subject, slice, update),
                    out,
                );
            }
        }
        for part in PARTS.iter().chain(APART).filter(|part| release.has(part)) {
            if let Some(slice) = case.known.products.get(&release.product(part)) {
                let articles = Articles::of(case, slice);
                let subject = of_part(&release, part, newest, slice);
                stream::judge(
                    case,
                    &subject,
                    &|update| articles.standing(update, &newest.version),
                    out,
                );
            }
        }
    }
}

/// A program by its file, and where that is older than what is stated, by the list of patches.
fn by_file(
    case: &Case<'_>,
    subject: &Subject<'_>,
    slice: &ProductSlice,
    update: &Update,
) -> Judged {
    let build = build(update, &subject.installed);
    let judged = stream::against(subject, build);
    let listed = update.id.kb().and_then(|kb| hotfix_state(case.facts, kb));
    let is_listed = matches!(
        listed,
        Some(HotfixState::Installed | HotfixState::Superseded)
    );
    let standing = match judged.standing {
        Standing::Out if is_listed => {
            let before = slice
                .updates()
                .iter()
                .filter_map(|one| self::build(one, &subject.installed));
            let before = before.filter(|one| {
                let order = judged.build.as_deref().and_then(|build| dotted(one, build));
                order == Some(Ordering::Less)
            });
            let is_old = |one: String| dotted(&subject.installed, &one) == Some(Ordering::Less);
            // The update of two programs may bring a new file to one of them alone. One that misses the
            // update before as well is old.
            if before
                .max_by(|a, b| dotted(a, b).unwrap_or(Ordering::Equal))
                .is_some_and(is_old)
            {
                Standing::Listed
            } else {
                Standing::In
            }
        }
        Standing::Out if listed == Some(HotfixState::PendingReboot) => Standing::Pending,
        Standing::Unsure(_) if is_listed => Standing::In,
        other => other,
    };
    Judged { standing, ..judged }
}

/// The build of an update, in the numbers of what is installed. Records leave out the first two (`5215.1000`),
/// and state the builds of Click-to-Run, which go their own way from 6000 on.
fn build(update: &Update, installed: &str) -> Option<String> {
    let installed = WindowsVersion::parse(installed)?;
    let major = installed.part(0);
    let full = |build: &str| match build.split('.').count() {
        2 => format!("{major}.0.{build}"),
        _ => build.to_owned(),
    };
    let is_own = |build: &String| {
        WindowsVersion::parse(build).is_some_and(|build| {
            build.agrees(installed, 2) && (major != 16 || build.part(2) < FIRST_OF_CLICK_TO_RUN)
        })
    };
    let mut builds = update.builds.iter().map(|build| full(build));
    builds.find(is_own)
}

const FIRST_OF_CLICK_TO_RUN: u64 = 6000;

/// What the articles that the host lists say of the updates of a part.
struct Articles<'a> {
    case: &'a Case<'a>,
    /// What is replaced by what is installed.
    replaced: BTreeSet<KbId>,
}

impl<'a> Articles<'a> {
    fn of(case: &'a Case<'a>, slice: &ProductSlice) -> Self {
        let mut replaced = BTreeSet::new();
        let has = |kb: KbId| is_in(case.facts, kb);
        // A chain is as long as there are updates, at most.
        for _ in slice.updates() {
            let before = replaced.len();
            for update in slice.updates() {
                let Some(kb) = update.id.kb() else {
                    continue;
                };
                if has(kb) || replaced.contains(&kb) {
                    replaced.extend(update.supersedes.iter().copied());
                }
            }
            if replaced.len() == before {
                break;
            }
        }
        Self { case, replaced }
    }

    fn standing(&self, update: &Update, newest: &str) -> Judged {
        let build = build(update, newest);
        let facts = self.case.facts;
        let standing = match update.id.kb() {
            Some(kb) if is_in(facts, kb) || self.replaced.contains(&kb) => Standing::In,
            Some(kb) if hotfix_state(facts, kb) == Some(HotfixState::PendingReboot) => {
                Standing::Pending
            }
            // What it replaces is there, and it is not.
            Some(_)
                if update.supersedes.iter().any(|kb| is_in(facts, *kb))
                    && facts.hotfixes.known().is_some() =>
            {
                Standing::Out
            }
            // It is newer than anything that this Office has.
            _ if build.as_deref().and_then(|build| dotted(newest, build))
                == Some(Ordering::Less) =>
            {
                Standing::Out
            }
            _ => Standing::Unsure(NO_FILE),
        };
        Judged { standing, build }
    }
}

fn of_file<'a>(
    release: &Release<'_>,
    program: &str,
    file: &Component,
    slice: &'a ProductSlice,
) -> Subject<'a> {
    let name = format!("Microsoft {program} {}", release.year);
    Subject {
        slices: vec![slice],
        product: name.clone(),
        observed: format!("{name} {}", file.version),
        name,
        slug: "office".to_owned(),
        installed: file.version.clone(),
        question: "office-files".to_owned(),
        rule: "the program's file against the build that is stated for the update".to_owned(),
        confidence: Confidence::High,
        witnesses: vec![Witness {
            kind: WitnessKind::File,
            source: file.source.clone(),
            value: file.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: false,
        is_stream: true,
        files: Files::default(),
    }
}

fn of_part<'a>(
    release: &Release<'_>,
    part: &str,
    newest: &Component,
    slice: &'a ProductSlice,
) -> Subject<'a> {
    let name = format!("Microsoft {part} {}", release.year);
    Subject {
        slices: vec![slice],
        product: name.clone(),
        observed: format!("{name}, of which the newest part is {}", newest.version),
        name,
        slug: "office".to_owned(),
        installed: newest.version.clone(),
        question: "msi-patches".to_owned(),
        rule: "missing where the update it replaces is installed and it is not, or where it is newer than \
               every part of this Office; closed where it, or one that replaces it, is installed"
            .to_owned(),
        confidence: Confidence::Medium,
        witnesses: vec![Witness {
            kind: WitnessKind::File,
            source: newest.source.clone(),
            value: newest.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: false,
        // Each update is about a part of its own.
        is_stream: false,
        files: Files::default(),
    }
}
