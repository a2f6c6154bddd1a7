//! Documents that are files already: of a mirror in a folder, or of the user's own.

use super::cache::{Cache, failed};
use super::error::FetchError;
use super::run::Here;
use super::{Document, Places};
use crate::catalog::hashes::{self, Stated};
use crate::catalog::sources::{From, Source, Wanted};
use reqwest::{Client, Url};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where one document is.
pub(super) enum Place<'a> {
    File(PathBuf),
    Url(Url, &'a Client, &'a Cache),
}

impl Places {
    /// Where a document comes from.
    pub(super) fn place(&self, source: &Source, wanted: &Wanted) -> Result<Place<'_>, FetchError> {
        match self {
            Self::Folder(folder) => Ok(Place::File(folder.join(&wanted.path))),
            Self::Net {
                mirror: Some(mirror),
                client,
                cache,
            } if !is_own(source) => {
                let url = below(mirror, &wanted.path);
                let url = url.ok_or_else(|| FetchError::Insecure(mirror.to_string()))?;
                Ok(Place::Url(url, client, cache))
            }
            Self::Net { client, cache, .. } => Ok(Place::Url(wanted.url.clone(), client, cache)),
        }
    }

    /// The same, for people.
    pub(super) fn of(&self, source: &Source, wanted: &Wanted) -> String {
        match self.place(source, wanted) {
            Ok(Place::File(path)) => path.display().to_string(),
            Ok(Place::Url(url, ..)) => without_password(url).to_string(),
            Err(_) => wanted.path.clone(),
        }
    }
}

/// Whether a source is the user's own, which is fetched from its own address even where the others
/// come from a mirror on a server.
fn is_own(source: &Source) -> bool {
    source.group() == "own"
}

/// The address of a file in a mirror.
fn below(mirror: &Url, path: &str) -> Option<Url> {
    let mut url = mirror.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(path.split('/'));
    Some(url)
}

fn without_password(mut url: Url) -> Url {
    url.set_password(None).ok();
    url.set_username("").ok();
    url
}

/// A document of a mirror in a folder.
pub(super) fn here(path: &Path, wanted: &Wanted) -> Result<Here, FetchError> {
    if !path.is_file() {
        let path = path.to_owned();
        return Err(FetchError::NotInMirror { path });
    }
    let (sha256, is_vouched) = vouched(path, wanted.hash.as_ref())?;
    Ok(Here {
        file: path.to_owned(),
        sha256,
        bytes: 0,
        is_same: false,
        is_vouched,
    })
}

/// The SHA-256 of a file, and whether anybody says what it should hash to: then it does.
pub(super) fn vouched(path: &Path, known: Option<&Stated>) -> Result<(String, bool), FetchError> {
    let sha256 = hashes::sha256(path).map_err(failed("read", path))?;
    let mut stated = hashes::beside(path)?;
    stated.extend(known.cloned());
    hashes::agree(path, &sha256, &stated)?;
    Ok((sha256, !stated.is_empty()))
}

/// The file or folder of a source of the user's own.
pub(super) fn document(source: &Source, path: &Path) -> Result<Document, FetchError> {
    let stated = source.stated();
    let (sha256, is_vouched) = match &stated {
        // Of a folder each file is looked at when it is read; a hash is of one document.
        None if path.is_dir() => (String::new(), false),
        stated => vouched(path, stated.as_ref())?,
    };
    debug_assert!(matches!(source.from, From::Path(_)));
    Ok(Document {
        source: source.name.clone(),
        name: path.display().to_string(),
        file: path.to_owned(),
        sha256,
        is_vouched,
        only: source.only,
    })
}

/// The text of an index, of which there may be so much and no more.
pub(super) fn text(path: &Path) -> Result<String, FetchError> {
    let mut bytes = Vec::new();
    let most = super::MOST_OF_INDEX.max(256 << 20);
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(failed("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
