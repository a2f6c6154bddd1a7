//! Reading publishers' documents into the catalogue's file: what is given, whose it is, all or nothing.
//!
//! The file is copied, written to beside its place in one transaction, and put in its place when
//! everything has been read. Whatever ends an import before that, a `kill -9` too, leaves the old
//! catalogue as it was.

use super::feeds::{FEEDS, Feed, FeedReport};
use super::file::{Draft, ImportRow, Writer};
use super::outcome::{FeedCount, ImportError, ImportReport};
use super::outline::{HEAD_BYTES, Outline, Shape};
use super::problems::Problems;
use super::said::Change;
use super::starter;
use super::unpack::{
    Budget, Limits, UnpackError, Unpacked, is_zip, open, tar_members, zip_members,
};
use super::walk::{head_and_sum, walk};
use super::workbook::{is_workbook, sheets};
use crate::model::{UtcTime, hex};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Imports files and folders into a catalogue file, which is made if it is not there.
///
/// Documents are recognised by their content: plain, .gz, .bz2, .xz, .zst, .zip, .tar under any of them, and
/// folders of them. All of
/// it is imported, or nothing.
///
/// # Errors
///
/// See [`ImportError`]. After an error the catalogue is what it was.
pub fn import(paths: &[PathBuf], into: &Path, now: UtcTime) -> Result<ImportReport, ImportError> {
    import_within(paths, into, now, Limits::default())
}

/// [`import`], within other limits.
pub fn import_within(
    paths: &[PathBuf],
    into: &Path,
    now: UtcTime,
    limits: Limits,
) -> Result<ImportReport, ImportError> {
    if paths.is_empty() {
        return Err(ImportError::NothingGiven);
    }
    let mut intake = Intake::begin(into, now)?;
    for path in paths {
        intake.given(path, limits)?;
    }
    intake.finish()
}

/// An import that is under way.
pub(super) struct Intake {
    pub(super) writer: Writer,
    /// The copy that is written to; none of a trial.
    draft: Option<Draft>,
    counts: BTreeMap<&'static str, FeedCount>,
    /// Of all paths that are done.
    documents: u64,
    problems: Vec<String>,
    path: PathCount,
    /// The feeds one of which must read what is given; empty for any.
    pub(super) only: &'static [&'static str],
}

/// What came of one given path.
#[derive(Default)]
struct PathCount {
    documents: u64,
    read: u64,
    skipped: u64,
    irrelevant: u64,
    added: u64,
    changed: u64,
    feeds: Vec<&'static str>,
    problems: Problems,
}

/// Whether a document was named by the user, or found in a folder or an archive, where other files
/// may lie as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Named,
    Found,
}

impl Intake {
    /// Begins an import into a catalogue file.
    pub(super) fn begin(into: &Path, now: UtcTime) -> Result<Self, ImportError> {
        let draft = Draft::of(into)?;
        let lifecycles = starter::lifecycles()?;
        let writer = Writer::begin(&draft.path, &lifecycles, now)?;
        Ok(Self::of(writer, Some(draft)))
    }

    /// Begins an import of which nothing will be kept.
    pub(super) fn trial(now: UtcTime) -> Result<Self, ImportError> {
        let lifecycles = starter::lifecycles()?;
        Ok(Self::of(Writer::in_memory(&lifecycles, now)?, None))
    }

    fn of(writer: Writer, draft: Option<Draft>) -> Self {
        Self {
            writer,
            draft,
            counts: BTreeMap::new(),
            documents: 0,
            problems: Vec::new(),
            path: PathCount::default(),
            only: &[],
        }
    }

    /// Puts all that was read in the catalogue's place.
    pub(super) fn finish(self) -> Result<ImportReport, ImportError> {
        let (digest, file) = self.writer.finish()?;
        drop(file);
        self.draft.map_or(Ok(()), Draft::publish)?;
        Ok(ImportReport {
            documents: self.documents,
            feeds: self.counts.into_values().collect(),
            problems: self.problems,
            digest,
        })
    }

    /// Imports what the user named.
    fn given(&mut self, path: &Path, limits: Limits) -> Result<(), ImportError> {
        let sum = self.path(path, limits)?;
        self.end_of_path(&path.display().to_string(), &sum, true)
    }

    /// Imports a file or a folder, and returns its SHA-256.
    pub(super) fn path(&mut self, path: &Path, limits: Limits) -> Result<Vec<u8>, ImportError> {
        let budget = Budget::new(limits);
        self.path = PathCount::default();
        let mut files = Vec::new();
        let is_folder = path.is_dir();
        if is_folder {
            walk(path, &mut files)?;
        } else {
            files.push(path.to_owned());
        }
        let origin = if is_folder {
            Origin::Found
        } else {
            Origin::Named
        };
        let mut sum = Sha256::new();
        for file in &files {
            let content = self.file(file, origin, &budget)?;
            if is_folder {
                let name = file.strip_prefix(path).unwrap_or(file);
                sum.update(name.to_string_lossy().as_bytes());
                sum.update([0]);
            }
            sum.update(&content);
            if !is_folder {
                return Ok(content);
            }
        }
        Ok(sum.finalize().to_vec())
    }

    /// Sees that a path gave something, and writes it into the log. Where it need not have anything that
    /// we match, it must still have nothing wrong.
    pub(super) fn end_of_path(
        &mut self,
        place: &str,
        sha256: &[u8],
        needs_records: bool,
    ) -> Result<(), ImportError> {
        let one = std::mem::take(&mut self.path);
        let place = place.to_owned();
        if one.documents == 0 && one.problems.is_empty() {
            return Err(ImportError::Empty { place });
        }
        if one.read == 0 && (needs_records || !one.problems.is_empty()) {
            let why = one.problems.first().map_or_else(
                || format!("{} records, none of an ecosystem we match", one.irrelevant),
                str::to_owned,
            );
            return Err(ImportError::NothingUsable { place, why });
        }
        self.writer.log(&ImportRow {
            path: &place,
            sha256: &hex(sha256),
            feeds: &one.feeds.join("; "),
            counts: [
                one.documents,
                one.read,
                one.skipped,
                one.irrelevant,
                one.added,
                one.changed,
            ],
            problems: &one.problems.lines().join("\n"),
        })?;
        self.documents += one.documents;
        self.problems.extend(one.problems.summary());
        Ok(())
    }

    /// Imports one file of the file system, and returns its SHA-256.
    fn file(
        &mut self,
        path: &Path,
        origin: Origin,
        budget: &Budget,
    ) -> Result<Vec<u8>, ImportError> {
        let failed = |source| ImportError::Read {
            path: path.to_owned(),
            source,
        };
        let place = path.display().to_string();
        let mut file = File::open(path).map_err(failed)?;
        let (head, sum) = head_and_sum(&mut file).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut member_place = place.clone();
        let mut take = |name: &str, content: &mut dyn BufRead| {
            member_place = format!("{place}!{name}");
            self.document(&member_place, Origin::Found, content)
                .map_err(MemberError::Import)
        };
        let members = if !is_zip(&head) {
            match open(Box::new(file), budget).map_err(|source| unpack(&place, source))? {
                Unpacked::Document(content) => {
                    self.document(&place, origin, content)?;
                    return Ok(sum);
                }
                Unpacked::Tar(mut archive) => tar_members(&mut archive, budget, &mut take),
            }
        } else if is_workbook(&mut file) {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            sheets(file, budget, &mut |name, mut table| take(name, &mut table))
        } else {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            zip_members(BufReader::new(file), budget, &mut take)
        };
        match members {
            Ok(()) => Ok(sum),
            Err(MemberError::Import(error)) => Err(error),
            Err(MemberError::Unpack(source)) => Err(unpack(&member_place, source)),
        }
    }

    /// Imports one document.
    fn document(
        &mut self,
        place: &str,
        origin: Origin,
        mut content: impl BufRead,
    ) -> Result<(), ImportError> {
        let mut head = Vec::new();
        let read = (&mut content)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head);
        read.map_err(|source| unpack(place, UnpackError::Stream(source)))?;
        let outline = Outline::of(&head);
        if outline.shape == Shape::Empty {
            let place = place.to_owned();
            return Err(ImportError::Empty { place });
        }
        let feed = FEEDS.iter().find(|feed| feed.recognises(&outline));
        let Some(feed) = feed else {
            return self.unrecognised(place, origin);
        };
        if !self.only.is_empty() && !self.only.contains(&feed.name()) {
            return Err(ImportError::Unexpected {
                place: place.to_owned(),
                feed: feed.name(),
                expected: self.only.join(", "),
            });
        }
        let report = self.read(*feed, place, &mut head.chain(content))?;
        self.note(*feed, place, report);
        Ok(())
    }

    fn unrecognised(&mut self, place: &str, origin: Origin) -> Result<(), ImportError> {
        if origin == Origin::Found {
            let kind = "no document of a feed we know, left out";
            self.path.problems.note(kind, &format!("{place}: {kind}"));
            return Ok(());
        }
        let names: Vec<_> = FEEDS.iter().map(|feed| feed.name()).collect();
        Err(ImportError::Unrecognised {
            place: place.to_owned(),
            known: names.join(", "),
        })
    }

    /// Lets a feed read a document, and lays down its records.
    fn read(
        &mut self,
        feed: &'static dyn Feed,
        place: &str,
        content: &mut dyn BufRead,
    ) -> Result<FeedReport, ImportError> {
        let mut failed = None;
        let count = self.counts.entry(feed.name()).or_default();
        let (writer, path) = (&mut self.writer, &mut self.path);
        let mut count = |change| match change {
            Change::Same => count.unchanged += 1,
            Change::Older => count.older += 1,
            Change::Added => {
                count.added += 1;
                path.added += 1;
            }
            Change::Changed => {
                count.changed += 1;
                path.changed += 1;
            }
        };
        let report = feed.read(content, &mut |record| {
            if failed.is_some() {
                return;
            }
            match writer.put(feed, record) {
                Err(error) => failed = Some(error),
                Ok(change) => change.into_iter().for_each(&mut count),
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        writer.end_document()?.into_iter().for_each(count);
        report.map_err(|source| ImportError::Document {
            place: place.to_owned(),
            source,
        })
    }

    /// Counts what a document gave.
    fn note(&mut self, feed: &'static dyn Feed, place: &str, report: FeedReport) {
        let count = self.counts.entry(feed.name()).or_default();
        feed.name().clone_into(&mut count.feed);
        count.read += report.read;
        count.skipped += report.skipped;
        count.irrelevant += report.irrelevant;
        let path = &mut self.path;
        path.documents += 1;
        path.read += report.read;
        path.skipped += report.skipped;
        path.irrelevant += report.irrelevant;
        if !path.feeds.contains(&feed.name()) {
            path.feeds.push(feed.name());
        }
        let (lines, counts) = (report.problems, report.problem_counts);
        path.problems.add(place, lines, counts);
    }
}

enum MemberError {
    Import(ImportError),
    Unpack(UnpackError),
}

impl From<UnpackError> for MemberError {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error)
    }
}

fn unpack(place: &str, source: UnpackError) -> ImportError {
    ImportError::Unpack {
        place: place.to_owned(),
        source,
    }
}
