//! What the documents of a publisher are called: readers of indexes, each a function of one document.
//!
//! An index says what there is, and seldom where to get it: addresses are made from its own, so that
//! a document cannot send us to a stranger. The exceptions (Amazon's list of mirrors, CSAF's metadata)
//! are what they are for. Where a document lies in a mirror follows from the same names.

mod readers;

use crate::catalog::hashes::{Algorithm, Stated};
use reqwest::Url;
use serde::Deserialize;

/// What a document is, and so what it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A document of a feed.
    File,
    /// MSRC's list of its monthly documents.
    MsrcUpdates,
    /// The list of .NET's channels; a document of the feed as well.
    DotnetReleases,
    /// A list of a repository's mirrors, one address a line.
    MirrorList,
    /// Amazon Linux 2's catalogue of extras.
    AmazonExtras,
    /// The `repomd.xml` of an rpm repository.
    Repomd,
    /// The folders of Fedora's releases, as a page.
    FedoraReleases,
    /// Red Hat's note of the name of its newest archive.
    RedhatArchive,
    /// CSAF's `changes.csv`.
    Changes,
    /// CSAF's `changes.csv`, of which only what is not older than a day is wanted.
    #[serde(skip)]
    ChangesSince(String),
    /// CSAF's `index.txt`.
    CsafIndex,
    /// CSAF's `provider-metadata.json`.
    CsafProvider,
    /// A ROLIE feed of CSAF documents.
    Rolie,
    /// A page with folders and JSON documents.
    Folders,
    /// A page of apollo, with the address of the next; a document of the feed as well.
    ApolloPages,
    /// A page of an `OData` answer, with the address of the next; a document of the feed as well.
    OdataPages,
}

impl Kind {
    /// Whether a feed reads it.
    pub fn is_document(&self) -> bool {
        use Kind::{ApolloPages, DotnetReleases, File, OdataPages};
        matches!(self, File | DotnetReleases | ApolloPages | OdataPages)
    }

    /// Whether it leads to other documents.
    pub fn is_index(&self) -> bool {
        *self != Self::File
    }

    /// Whether it is a page for browsers, as nothing else should be.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self, Self::FedoraReleases | Self::Folders)
    }
}

/// A document to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its publisher's address.
    pub url: Url,
    /// Its place in a mirror: `windows/cvrf/2024-Aug.xml`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// What the index says of its age. With the same words it is the same document, and need not be
    /// asked for.
    pub stamp: Option<String>,
    /// What it must hash to, where that is known.
    pub hash: Option<Stated>,
    /// Where else that may be had.
    pub vouched: Vouched,
    /// Whether it may be missing.
    pub is_optional: bool,
}

impl Wanted {
    /// Its name at its publisher's.
    pub(crate) fn name(&self) -> &str {
        self.url.path().rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn new(url: Url, path: String, kind: Kind) -> Self {
        Self {
            url,
            path,
            kind,
            stamp: None,
            hash: None,
            vouched: Vouched::Nowhere,
            is_optional: false,
        }
    }
}

/// Where the hash of a document is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vouched {
    /// Nowhere that we know of.
    Nowhere,
    /// In a file beside it, where there is one: `.sha256` or `.sha512` (CSAF 2.0, section 7.1.18).
    Beside,
    /// In the file with this address, which the index names.
    At(Algorithm, Url),
}

/// Why an index leads nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Not JSON, or cut short.
    #[error("no readable index")]
    Json(#[from] serde_json::Error),
    /// Not XML, or cut short.
    #[error("no readable index")]
    Xml(#[from] quick_xml::Error),
    /// Not a table.
    #[error("no readable index")]
    Table(#[from] csv::Error),
    /// It reads, and names nothing that we look for.
    #[error("the index names no {0}")]
    Empty(&'static str),
    /// It names something that is no file name or address.
    #[error("the index names {0:?}, which is no {1}")]
    Strange(String, &'static str),
}

/// The most documents that one index may name.
const MOST: usize = 100_000;

/// What an index leads to.
pub fn read(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    use readers::{archive, changes, channels, directories, extras, folders, lines, mirror};
    use readers::{months, next_page, releases, rolie, updateinfo};
    let mut wanted = match &index.kind {
        Kind::File => Vec::new(),
        Kind::MsrcUpdates => months(index, text)?,
        Kind::DotnetReleases => channels(index, text)?,
        Kind::MirrorList => mirror(index, text)?,
        Kind::AmazonExtras => extras(index, text)?,
        Kind::Repomd => updateinfo(index, text)?,
        Kind::FedoraReleases => releases(index, text)?,
        Kind::RedhatArchive => archive(index, text)?,
        Kind::Changes => changes(index, text, "")?,
        Kind::ChangesSince(day) => changes(index, text, day)?,
        Kind::CsafIndex => lines(index, text)?,
        Kind::CsafProvider => directories(index, text)?,
        Kind::Rolie => rolie(index, text)?,
        Kind::Folders => folders(index, text)?,
        Kind::ApolloPages => next_page(index, text, "/links/next")?,
        Kind::OdataPages => next_page(index, text, "/@odata.nextLink")?,
    };
    wanted.truncate(MOST);
    Ok(wanted)
}

/// Whether a name can be a file's, in a mirror and in an address: letters, digits, `.`, `_`, `+`, `-`,
/// and no dot first.
pub(crate) fn is_safe_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(is_plain)
}

/// Whether a path is of such names alone.
pub(crate) fn is_safe_path(path: &str) -> bool {
    path.len() <= 300 && path.split('/').all(is_safe_name)
}

/// Whether this is a SHA-256 in hex.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
