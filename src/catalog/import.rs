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
use super::workbook::{is_workbook, sheets};
use crate::model::{UtcTime, hex};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Folders inside folders that are followed.
const DEEPEST_FOLDER: usize = 16;

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
    let draft = Draft::of(into)?;
    let lifecycles = starter::lifecycles()?;
    let mut intake = Intake {
        writer: Writer::begin(&draft.path, &lifecycles, now)?,
        counts: BTreeMap::new(),
        documents: 0,
        problems: Vec::new(),
        path: PathCount::default(),
    };
    for path in paths {
        intake.given(path, limits)?;
    }
    let (digest, file) = intake.writer.finish()?;
    drop(file);
    draft.publish()?;
    Ok(ImportReport {
        documents: intake.documents,
        feeds: intake.counts.into_values().collect(),
        problems: intake.problems,
        digest,
    })
}

/// An import that is under way.
struct Intake {
    writer: Writer,
    counts: BTreeMap<&'static str, FeedCount>,
    /// Of all paths that are done.
    documents: u64,
    problems: Vec<String>,
    path: PathCount,
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
    /// Imports what the user named.
    fn given(&mut self, path: &Path, limits: Limits) -> Result<(), ImportError> {
        let budget = Budget::new(limits);
        self.path = PathCount::default();
        let mut files = Vec::new();
        let is_folder = path.is_dir();
        if is_folder {
            walk(path, DEEPEST_FOLDER, &mut files)?;
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
                return self.end_of_path(path, &content);
            }
        }
        self.end_of_path(path, &sum.finalize())
    }

    /// Sees that a path gave something, and writes it into the log.
    fn end_of_path(&mut self, path: &Path, sha256: &[u8]) -> Result<(), ImportError> {
        let place = path.display().to_string();
        let one = std::mem::take(&mut self.path);
        if one.documents == 0 && one.problems.is_empty() {
            return Err(ImportError::Empty { place });
        }
        if one.read == 0 {
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

/// The files of a folder and of the folders in it, sorted. Hidden ones are left out, and links to
/// folders are not followed.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let failed = |source| ImportError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let entries: io::Result<Vec<_>> = entries.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The first bytes of a file, and the SHA-256 of all of it.
fn head_and_sum(file: &mut File) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((head, sum.finalize().to_vec()));
        }
        if head.is_empty() {
            head.extend(bytes.iter().take(512));
        }
        sum.update(bytes);
    }
}
