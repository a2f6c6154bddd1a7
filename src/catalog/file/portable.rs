//! A catalogue as one file to carry: a zip of the database, compacted, and of a note with its digests.
//!
//! It is taken as it was given: the catalogue that is there is replaced, and has the same digest afterwards
//! as the one that was exported.

use super::draft::Draft;
use super::{CatalogFile, FORMAT, database};
use crate::catalog::error::CatalogError;
use crate::catalog::hashes;
use crate::catalog::outcome::ImportError;
use crate::model::{UtcTime, hex};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const NOTE: &str = "underdesk-catalogue.json";
const DATABASE: &str = "catalog.db";
/// The most bytes of a catalogue.
const MOST: u64 = 64 << 30;
/// The newest layout of the note.
const LAYOUT: u32 = 1;

/// What stands beside the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    layout: u32,
    /// Who wrote it.
    program: String,
    /// Of the database.
    format: i64,
    /// The catalogue's digest.
    digest: String,
    /// When something was last imported into it, in seconds since 1970.
    imported: Option<i64>,
    /// The database as a file.
    bytes: u64,
    sha256: String,
}

/// What of it every version reads.
#[derive(Debug, Deserialize)]
struct Layout {
    layout: u32,
    format: i64,
}

/// A catalogue that was written or taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portable {
    /// The catalogue's digest.
    pub digest: String,
    /// When something was last imported into it.
    pub imported: Option<UtcTime>,
    /// Of the file that is carried.
    pub bytes: u64,
}

/// Why a catalogue cannot be exported, or taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortableError {
    /// The catalogue, here or in the file, cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The catalogue's place cannot be written.
    #[error(transparent)]
    Place(#[from] ImportError),
    /// The file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what was exported.
    #[error("{} is damaged ({what}): copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The catalogue that is there knows something that the file does not.
    #[error("{} is not taken: {what}; --replace takes it all the same", path.display())]
    WouldLose {
        /// The file.
        path: PathBuf,
        /// What would be lost.
        what: String,
    },
}

/// Sees that a file is what the files beside it say that it hashes to, where they do.
fn vouched(path: &Path) -> Result<(), ImportError> {
    let refused = |source| ImportError::Hash {
        place: path.display().to_string(),
        source,
    };
    let stated = hashes::beside(path).map_err(refused)?;
    if stated.is_empty() {
        return Ok(());
    }
    let sha256 = hashes::sha256(path).map_err(|source| ImportError::Read {
        path: path.to_owned(),
        source,
    })?;
    hashes::agree(path, &sha256, &stated).map_err(refused)
}

/// Writes a catalogue into one file, as a whole or not at all.
pub fn export(catalog: &Path, to: &Path) -> Result<Portable, PortableError> {
    let file = CatalogFile::open(catalog)?;
    let header = file.header()?;
    let compact = beside(to, ".compact");
    fs::remove_file(&compact).ok();
    let written = compacted(&file, &compact).and_then(|(bytes, sha256)| {
        let note = Note {
            layout: LAYOUT,
            program: concat!("underdesk ", env!("CARGO_PKG_VERSION")).to_owned(),
            format: file.format,
            digest: header.digest,
            imported: header.imported.map(UtcTime::unix),
            bytes,
            sha256,
        };
        pack(&note, &compact, to)?;
        Ok(note)
    });
    fs::remove_file(&compact).ok();
    let note = written?;
    let bytes = fs::metadata(to).map_err(failed("read", to))?.len();
    Ok(portable(note, bytes))
}

fn portable(note: Note, bytes: u64) -> Portable {
    Portable {
        digest: note.digest,
        imported: note.imported.map(UtcTime::from_unix),
        bytes,
    }
}

/// A name in the same folder.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> PortableError + 'a {
    move |source| PortableError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Writes the database without its empty pages. Returns its length and SHA-256.
fn compacted(file: &CatalogFile, to: &Path) -> Result<(u64, String), PortableError> {
    let name = to.to_str().ok_or_else(|| PortableError::File {
        doing: "write",
        path: to.to_owned(),
        source: io::Error::other("the name is no text"),
    })?;
    let written = file.db.execute("VACUUM INTO ?1", params![name]);
    written.map_err(|source| database(to, "write", source))?;
    let mut written = File::open(to).map_err(failed("read", to))?;
    sum(&mut written, &mut io::sink()).map_err(failed("read", to))
}

/// Copies, and returns the length and the SHA-256.
fn sum(from: &mut impl Read, to: &mut impl io::Write) -> io::Result<(u64, String)> {
    let (mut sum, mut length) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((length, hex(&sum.finalize())));
        }
        sum.update(bytes);
        to.write_all(bytes)?;
        length += bytes.len() as u64;
    }
}

fn pack(note: &Note, database: &Path, to: &Path) -> Result<(), PortableError> {
    let part = beside(to, ".part");
    let write = || -> io::Result<()> {
        let file = File::create(&part)?;
        let mut archive = ZipWriter::new(file);
        let options = SimpleFileOptions::default();
        let options = options.compression_method(CompressionMethod::Deflated);
        archive.start_file(NOTE, options.compression_method(CompressionMethod::Stored))?;
        archive.write_all(&serde_json::to_vec_pretty(note)?)?;
        archive.start_file(DATABASE, options.large_file(true))?;
        io::copy(&mut File::open(database)?, &mut archive)?;
        archive.finish()?.sync_all()?;
        fs::rename(&part, to)
    };
    write().map_err(|source| {
        fs::remove_file(&part).ok();
        failed("write", to)(source)
    })
}

/// Whether a file is an exported catalogue.
pub fn is_portable(path: &Path) -> bool {
    let archive = File::open(path).ok().filter(|_| path.is_file());
    let archive = archive.and_then(|file| ZipArchive::new(BufReader::new(file)).ok());
    archive.is_some_and(|archive| archive.index_for_name(NOTE).is_some())
}

/// Puts an exported catalogue in the place of the one that is there. With `replace` also where that one is
/// newer, or has feeds that the other has not.
pub fn take(from: &Path, into: &Path, replace: bool) -> Result<Portable, PortableError> {
    let file = File::open(from).map_err(failed("read", from))?;
    let bytes = file.metadata().map_err(failed("read", from))?.len();
    let damaged = |what: String| PortableError::Damaged {
        path: from.to_owned(),
        what,
    };
    vouched(from)?;
    let archive = ZipArchive::new(BufReader::new(file));
    let mut archive = archive.map_err(|error| damaged(error.to_string()))?;
    let note = note(&mut archive, from)?;
    let draft = Draft::of(into)?;
    unpack(&mut archive, &note, &draft.path, from)?;
    let new = CatalogFile::open(&draft.path).map_err(|error| match error {
        CatalogError::Newer { found, known, .. } => CatalogError::Newer {
            path: from.to_owned(),
            found,
            known,
        }
        .into(),
        error => damaged(error.to_string()),
    })?;
    let header = new.header().map_err(|error| damaged(error.to_string()))?;
    if header.digest != note.digest {
        return Err(damaged("its digest is another".to_owned()));
    }
    if !replace && let Some(what) = loses(&new, into)? {
        return Err(PortableError::WouldLose {
            path: from.to_owned(),
            what,
        });
    }
    drop(new);
    draft.publish()?;
    Ok(portable(note, bytes))
}

fn note(archive: &mut ZipArchive<BufReader<File>>, from: &Path) -> Result<Note, PortableError> {
    let damaged = |what: &dyn std::fmt::Display| PortableError::Damaged {
        path: from.to_owned(),
        what: what.to_string(),
    };
    let mut text = Vec::new();
    let entry = archive.by_name(NOTE).map_err(|error| damaged(&error))?;
    let read = entry.take(64 << 10).read_to_end(&mut text);
    read.map_err(|error| damaged(&error))?;
    let layout: Layout = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    if layout.layout > LAYOUT || layout.format > FORMAT {
        return Err(PortableError::Catalog(CatalogError::Newer {
            path: from.to_owned(),
            found: layout.format.max(layout.layout.into()),
            known: FORMAT,
        }));
    }
    serde_json::from_slice(&text).map_err(|error| damaged(&error))
}

/// Unpacks the database to a file that is there already.
fn unpack(
    archive: &mut ZipArchive<BufReader<File>>,
    note: &Note,
    to: &Path,
    from: &Path,
) -> Result<(), PortableError> {
    let damaged = |what: String| PortableError::Damaged {
        path: from.to_owned(),
        what,
    };
    let entry = archive.by_name(DATABASE);
    let entry = entry.map_err(|error| damaged(error.to_string()))?;
    if note.bytes > MOST {
        return Err(damaged("it is larger than any catalogue".to_owned()));
    }
    let file = File::options().write(true).truncate(true).open(to);
    let mut file = file.map_err(failed("write", to))?;
    let copied = sum(&mut entry.take(note.bytes + 1), &mut file);
    let (length, sha256) = copied.map_err(|error| damaged(error.to_string()))?;
    if (length, &sha256) != (note.bytes, &note.sha256) {
        return Err(damaged("its SHA-256 is another".to_owned()));
    }
    Ok(())
}

/// What the catalogue that is there knows and a new one does not.
fn loses(new: &CatalogFile, into: &Path) -> Result<Option<String>, PortableError> {
    let old = match CatalogFile::open(into) {
        Ok(old) => old,
        Err(CatalogError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (was, is) = (old.header()?.imported, new.header()?.imported);
    if let Some(was) = was
        && is.is_none_or(|is| is < was)
    {
        let is = is.map_or("never".to_owned(), |is| is.to_string());
        let what = format!("{} is newer ({was}, and this is of {is})", into.display());
        return Ok(Some(what));
    }
    let feeds = |file: &CatalogFile| -> Result<Vec<String>, CatalogError> {
        Ok(file.feeds()?.into_iter().map(|feed| feed.feed).collect())
    };
    let known = feeds(new)?;
    let mut lost = feeds(&old)?;
    lost.retain(|feed| !known.contains(feed));
    Ok((!lost.is_empty()).then(|| {
        let (into, lost) = (into.display(), lost.join(", "));
        format!("{into} has {lost}, which this has not: import that again afterwards")
    }))
}
