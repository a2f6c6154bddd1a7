//! Where downloads are kept: a folder that is a mirror as well.
//!
//! Beside the documents there is one hidden folder, `.underdesk`, with what the publisher said of each
//! (so that it is asked for again only when it has changed) and with the beginnings of downloads that
//! were cut off.

use super::error::{FetchError, SetupError};
use crate::catalog::hashes::{self, Algorithm};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const HIDDEN: &str = ".underdesk";

/// A folder of downloads, ours alone while this lives.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    _lock: File,
}

/// What is known of a download.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// The address it is from.
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// What the index said of it.
    pub(super) stamp: Option<String>,
    /// Of a whole document.
    pub(super) sha256: Option<String>,
    /// Of a beginning: how long the whole is.
    pub(super) length: Option<u64>,
}

impl Said {
    /// What proves that a rest belongs to a beginning (RFC 9110, section 13.1.5): a strong tag, or a date.
    pub(super) fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

/// The places of one document.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The document.
    pub(super) file: PathBuf,
    said: PathBuf,
    /// Its beginning, while there is no more.
    pub(super) part: PathBuf,
    part_said: PathBuf,
}

impl Cache {
    pub(super) fn open(root: &Path) -> Result<Self, SetupError> {
        let failed = |source| SetupError::Cache {
            path: root.to_owned(),
            source,
        };
        let hidden = root.join(HIDDEN);
        fs::create_dir_all(&hidden).map_err(failed)?;
        let lock = File::create(hidden.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(SetupError::Busy {
                path: root.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The places of the document with a path in the mirror.
    pub(super) fn slot(&self, path: &str) -> Result<Slot, FetchError> {
        self.places(path, self.root.join(path))
    }

    /// The places of what is read once and kept elsewhere: the file that says a document's hash.
    pub(super) fn aside(&self, path: &str) -> Result<Slot, FetchError> {
        let path = format!("{path}.hash");
        self.places(&path, self.root.join(HIDDEN).join(&path))
    }

    fn places(&self, path: &str, file: PathBuf) -> Result<Slot, FetchError> {
        let hidden = self.root.join(HIDDEN);
        let slot = Slot {
            file,
            said: hidden.join(format!("{path}.said")),
            part: hidden.join(format!("{path}.part")),
            part_said: hidden.join(format!("{path}.part.said")),
        };
        for file in [&slot.file, &slot.said] {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(failed("make", folder))?;
            }
        }
        Ok(slot)
    }
}

pub(super) fn failed<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> FetchError + 'a {
    move |source| FetchError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

impl Slot {
    /// What is known of the document, if it is there whole.
    pub(super) fn whole(&self) -> Option<Said> {
        let said = said(&self.said)?;
        let sum = hashes::sha256(&self.file).ok()?;
        (said.sha256.as_ref() == Some(&sum)).then_some(said)
    }

    /// How much of the document is there already, and what is known of it.
    pub(super) fn begun(&self) -> Option<(u64, Said)> {
        let length = fs::metadata(&self.part).ok()?.len();
        Some((length, said(&self.part_said)?)).filter(|(length, _)| *length > 0)
    }

    /// Begins a download anew.
    pub(super) fn begin(&self, known: &Said) -> Result<File, FetchError> {
        let file = File::create(&self.part).map_err(failed("write", &self.part))?;
        write(&self.part_said, known)?;
        Ok(file)
    }

    /// Goes on with a download.
    pub(super) fn go_on(&self) -> Result<File, FetchError> {
        let file = File::options().append(true).open(&self.part);
        file.map_err(failed("write", &self.part))
    }

    /// Forgets what was begun.
    pub(super) fn drop_part(&self) {
        fs::remove_file(&self.part).ok();
        fs::remove_file(&self.part_said).ok();
    }

    /// Takes a document away, with all that is known of it.
    pub(super) fn clear(&self) {
        self.drop_part();
        fs::remove_file(&self.said).ok();
        fs::remove_file(&self.file).ok();
    }

    /// Takes what vouched for the document away.
    pub(super) fn unvouch(&self) {
        for algorithm in Algorithm::ALL {
            fs::remove_file(self.vouching(algorithm)).ok();
        }
    }

    /// Keeps what vouches for the document beside it, so that whoever copies both can see it too.
    pub(super) fn vouch(&self, algorithm: Algorithm, text: &str) -> Result<(), FetchError> {
        let path = self.vouching(algorithm);
        fs::write(&path, text).map_err(failed("write", &path))
    }

    fn vouching(&self, algorithm: Algorithm) -> PathBuf {
        let mut path = self.file.clone().into_os_string();
        path.push(algorithm.ending());
        path.into()
    }

    /// Puts what was downloaded in its place. What is said of the old one goes first: a kill between
    /// the two costs a download and no truth.
    pub(super) fn finish(&self, known: &Said) -> Result<(), FetchError> {
        fs::remove_file(&self.said).ok();
        fs::rename(&self.part, &self.file).map_err(failed("write", &self.file))?;
        fs::remove_file(&self.part_said).ok();
        write(&self.said, known)
    }

    /// Notes what is newly known of a document that has not changed.
    pub(super) fn note(&self, known: &Said) -> Result<(), FetchError> {
        write(&self.said, known)
    }
}

fn said(path: &Path) -> Option<Said> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a note as a whole or not at all.
fn write(path: &Path, known: &Said) -> Result<(), FetchError> {
    let new = path.with_extension("new");
    let text = serde_json::to_vec(known).unwrap_or_default();
    let written = File::create(&new).and_then(|mut file| file.write_all(&text));
    let written = written.and_then(|()| fs::rename(&new, path));
    written.map_err(failed("write", path))
}

/// Whether a file begins as a page for browsers does.
pub(super) fn is_web_page(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut head));
    let head = String::from_utf8_lossy(&head).trim_start().to_lowercase();
    read.is_ok() && (head.starts_with("<!doctype html") || head.starts_with("<html"))
}
