//! What is read of the given paths, and handed over the desk.

use super::Given;
use super::disk::{self, DEEPEST_FOLDER};
use crate::catalog::desk::{Desk, PathLog};
use crate::catalog::feeds::{FEEDS, Feed, FeedReport};
use crate::catalog::hashes;
use crate::catalog::outcome::{FeedCount, ImportError};
use crate::catalog::outline::{HEAD_BYTES, Outline, Shape};
use crate::catalog::problems::Problems;
use crate::catalog::unpack::{
    Budget, EachMember, Limits, UnpackError, Unpacked, is_zip, open, tar_members, zip_members,
};
use crate::model::hex;
use crate::tabular::workbook::{Limits as BookLimits, WorkbookError, is_workbook, sheets};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Documents of folders that do not read, by place, and why.
pub(super) type LeftOut = BTreeMap<String, String>;

/// What was taken of the paths that are done.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) counts: BTreeMap<&'static str, FeedCount>,
    pub(super) documents: u64,
    pub(super) problems: Vec<String>,
    /// What turned out not to read when some of it had been laid down already.
    pub(super) tainted: LeftOut,
    /// Of what may fail, what did, by its place among the given, and why.
    pub(super) failed: BTreeMap<usize, ImportError>,
    /// Whether some of that had been laid down already.
    pub(super) is_tainted: bool,
}

/// An import that is under way.
pub(super) struct Intake<'a> {
    desk: Desk,
    taken: Taken,
    path: PathCount,
    /// Whether the given path is a folder: of that, what reads is taken. What was named is wanted whole.
    is_folder: bool,
    /// What an earlier attempt found not to read.
    left_out: &'a LeftOut,
    /// The feeds one of which must read what is given; empty for any.
    only: &'static [&'static str],
}

/// What came of one given path.
#[derive(Default)]
struct PathCount {
    documents: u64,
    read: u64,
    skipped: u64,
    irrelevant: u64,
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

impl<'a> Intake<'a> {
    pub(super) fn new(desk: Desk, left_out: &'a LeftOut) -> Self {
        Self {
            desk,
            taken: Taken::default(),
            path: PathCount::default(),
            is_folder: false,
            left_out,
            only: &[],
        }
    }

    pub(super) fn into_parts(self) -> (Desk, Taken) {
        (self.desk, self.taken)
    }

    /// Imports all that is given but what is passed over.
    pub(super) fn all(
        &mut self,
        given: &[Given<'_>],
        limits: Limits,
        passed: impl Fn(usize) -> bool,
    ) -> Result<(), ImportError> {
        for (at, one) in given.iter().enumerate() {
            if !passed(at) {
                self.given(at, one, limits)?;
            }
        }
        Ok(())
    }

    /// Imports one path. Where it may fail and does, nothing of it is kept, if need be by beginning anew
    /// without it.
    fn given(&mut self, at: usize, given: &Given<'_>, limits: Limits) -> Result<(), ImportError> {
        self.only = given.only;
        self.path = PathCount::default();
        let sum = self.path(given.path, limits);
        let is_clean = self.path.read == 0;
        let ended = sum.and_then(|sum| self.end_of_path(given, &sum));
        match ended {
            Err(error) if given.may_fail && error.is_of_a_path() => {
                let is_taken_back = self.desk.take_back() && is_clean;
                self.taken.is_tainted |= !is_taken_back;
                self.taken.failed.insert(at, error);
                Ok(())
            }
            ended => ended,
        }
    }

    /// Reads a file or a folder, and returns its SHA-256.
    fn path(&mut self, path: &Path, limits: Limits) -> Result<Vec<u8>, ImportError> {
        let budget = Budget::new(limits);
        let mut files = Vec::new();
        let is_folder = path.is_dir();
        self.is_folder = is_folder;
        if is_folder {
            disk::walk(path, DEEPEST_FOLDER, &mut files)?;
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
            if self.desk.is_gone() {
                break;
            }
            let content = self.file(file, origin, &budget)?;
            if !is_folder {
                return Ok(content);
            }
            let name = file.strip_prefix(path).unwrap_or(file);
            sum.update(name.to_string_lossy().as_bytes());
            sum.update([0]);
            sum.update(&content);
        }
        Ok(sum.finalize().to_vec())
    }

    /// Sees that a path gave something, and writes it into the log. What was fetched need not have anything
    /// that we match; it must still have nothing wrong.
    fn end_of_path(&mut self, given: &Given<'_>, sha256: &[u8]) -> Result<(), ImportError> {
        if self.desk.is_gone() {
            return Ok(());
        }
        let place = given.name.clone();
        let one = std::mem::take(&mut self.path);
        if one.documents == 0 && one.problems.is_empty() {
            return Err(ImportError::Empty { place });
        }
        if one.read == 0 && (!given.may_fail || !one.problems.is_empty()) {
            let why = one.problems.first().map_or_else(
                || format!("{} records, none of an ecosystem we match", one.irrelevant),
                str::to_owned,
            );
            return Err(ImportError::NothingUsable { place, why });
        }
        self.desk.log(PathLog {
            path: place,
            sha256: hex(sha256),
            feeds: one.feeds.join("; "),
            documents: one.documents,
            records: [one.read, one.skipped, one.irrelevant],
            problems: one.problems.lines().join("\n"),
        });
        self.taken.documents += one.documents;
        self.taken.problems.extend(one.problems.summary());
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
        let opened = disk::open(path).map_err(failed);
        let sum = opened
            .as_ref()
            .map_or_else(|_| Vec::new(), |file| file.sum.clone());
        if !self.is_left_out(&place) {
            let taken = opened.and_then(|disk::Opened { file, head, .. }| {
                vouched(path, &sum)?;
                if is_zip(&head) {
                    return self.archive(&place, file, budget);
                }
                let content = open(Box::new(file), budget);
                match content.map_err(|source| unpack(&place, source))? {
                    Unpacked::Document(content) => self.document(&place, origin, content),
                    Unpacked::Tar(mut archive) => {
                        self.members(&place, |take| tar_members(&mut archive, budget, take))
                    }
                }
            });
            self.tolerate(&place, taken)?;
        }
        Ok(sum)
    }

    /// Imports the members of a zip archive, or the sheets of a workbook.
    fn archive(
        &mut self,
        place: &str,
        mut file: impl Read + Seek,
        budget: &Budget,
    ) -> Result<(), ImportError> {
        let is_book = is_workbook(&mut file);
        let rewound = file.seek(SeekFrom::Start(0));
        rewound.map_err(|source| unpack(place, UnpackError::Stream(source)))?;
        if is_book {
            return self.members(place, |take| {
                let limits = BookLimits {
                    bytes: budget.limits.document_bytes,
                    sheets: budget.limits.documents,
                };
                sheets(file, limits, &mut |sheet| {
                    let mut table = sheet.table;
                    budget.spend(table.len() as u64)?;
                    take(sheet.name, Ok(&mut table))
                })
            });
        }
        self.members(place, |take| {
            zip_members(BufReader::new(file), budget, take)
        })
    }

    fn members(
        &mut self,
        place: &str,
        each: impl FnOnce(EachMember<'_, MemberError>) -> Result<(), MemberError>,
    ) -> Result<(), ImportError> {
        let mut last = place.to_owned();
        let end = each(&mut |name, content| {
            last = format!("{place}!{name}");
            self.member(&last, content).map_err(MemberError::Import)
        });
        end.map_err(|error| match error {
            MemberError::Import(error) => error,
            MemberError::Unpack(source) => unpack(&last, source),
        })
    }

    fn member(
        &mut self,
        place: &str,
        content: Result<&mut dyn BufRead, UnpackError>,
    ) -> Result<(), ImportError> {
        if self.desk.is_gone() || self.is_left_out(place) {
            return Ok(());
        }
        let content = content.map_err(|source| unpack(place, source));
        let taken = content.and_then(|content| self.document(place, Origin::Found, content));
        self.tolerate(place, taken)
    }

    /// Whether an earlier attempt found that a document does not read. It is told anew.
    fn is_left_out(&mut self, place: &str) -> bool {
        let Some(why) = self.left_out.get(place) else {
            return false;
        };
        let line = format!("{place} is left out: {why}");
        self.path.problems.note(LEFT_OUT, &line);
        true
    }

    /// Of a folder, what does not read is left out. What it gave before is taken back, if need be by
    /// beginning anew without it.
    fn tolerate(&mut self, place: &str, taken: Result<(), ImportError>) -> Result<(), ImportError> {
        let Err(error) = taken else {
            return Ok(());
        };
        let is_its_own = matches!(
            error,
            ImportError::Read { .. }
                | ImportError::Unpack { .. }
                | ImportError::Empty { .. }
                | ImportError::Document { .. }
                | ImportError::Hash { .. }
        );
        if !self.is_folder || !is_its_own {
            return Err(error);
        }
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        let why = if causes.is_empty() {
            "there is nothing in it".to_owned()
        } else {
            causes.join(": ")
        };
        let line = format!("{place} is left out: {why}");
        self.path.problems.note(LEFT_OUT, &line);
        if !self.desk.take_back() {
            self.taken.tainted.insert(place.to_owned(), why);
        }
        Ok(())
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
        self.desk.begin(*feed);
        let desk = &mut self.desk;
        let content = &mut head.chain(content);
        let report = feed.read(content, &mut |record| desk.put(record));
        let report = report.map_err(|source| ImportError::Document {
            place: place.to_owned(),
            source,
        })?;
        self.desk.end();
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

    /// Counts what a document gave.
    fn note(&mut self, feed: &'static dyn Feed, place: &str, report: FeedReport) {
        let count = self.taken.counts.entry(feed.name()).or_default();
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

/// The kind of what is left out of a folder.
const LEFT_OUT: &str = "a document that does not read is left out";

enum MemberError {
    Import(ImportError),
    Unpack(UnpackError),
}

impl From<UnpackError> for MemberError {
    fn from(error: UnpackError) -> Self {
        Self::Unpack(error)
    }
}

impl From<WorkbookError> for MemberError {
    fn from(error: WorkbookError) -> Self {
        Self::Unpack(UnpackError::of_workbook(error))
    }
}

/// Sees that a file is what the files beside it say that it hashes to, where they do.
fn vouched(path: &Path, sha256: &[u8]) -> Result<(), ImportError> {
    let stated = hashes::beside(path);
    let agreed = stated.and_then(|stated| hashes::agree(path, &hex(sha256), &stated));
    agreed.map_err(|source| ImportError::Hash {
        place: path.display().to_string(),
        source,
    })
}

fn unpack(place: &str, source: UnpackError) -> ImportError {
    ImportError::Unpack {
        place: place.to_owned(),
        source,
    }
}
