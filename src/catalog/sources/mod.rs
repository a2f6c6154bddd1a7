//! Where the publishers keep their documents: one table, the only one.
//!
//! A source is an address and a place in a mirror. Where the address is of an index, [`index`] turns
//! what it holds into further addresses. Nothing here talks: [`super::fetch`] does.

pub mod index;
mod own;

pub use index::{IndexError, Kind, Wanted};
pub use own::{Lookup, OwnError, own_sources};

use super::hashes::Stated;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::LazyLock;

/// One place where documents come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: `osv-debian`.
    pub name: String,
    /// The feed that reads its documents; of the user's own sources the kind.
    pub feed: String,
    /// Where its documents are, and where the first of them is.
    pub from: From,
    /// Where the first document lies in a mirror: `linux/osv/Debian/all.zip`.
    pub path: String,
    /// What the first document is.
    pub kind: Kind,
    /// Whether it is fetched when nothing is named.
    pub is_default: bool,
    /// About how many megabytes are fetched, with all that an index leads to.
    pub megabytes: u32,
    /// What it is, for people.
    pub note: String,
    /// The digest that the document must have, in hex, where one is known beforehand.
    pub sha256: Option<String>,
    /// Sent to the address and to nobody else. Their values are never shown.
    pub headers: HeaderMap,
    /// The names of feeds one of which must read the documents; empty for any.
    pub only: &'static [&'static str],
}

/// Where a source's documents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// At an address.
    Url(Url),
    /// On this machine.
    Path(PathBuf),
}

/// A line of the table.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    feed: String,
    path: String,
    kind: Kind,
    default: Default,
    megabytes: u32,
    #[serde(deserialize_with = "address")]
    url: Url,
    note: String,
}

fn address<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Url, D::Error> {
    let text = String::deserialize(text)?;
    Url::parse(&text).map_err(serde::de::Error::custom)
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Default {
    On,
    Off,
}

const TABLE: &str = include_str!("table.csv");

/// Every source of the publishers, in the order of the table.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| rows(TABLE).unwrap_or_default());
    &SOURCES
}

fn rows(table: &str) -> Result<Vec<Source>, csv::Error> {
    let mut table = csv::Reader::from_reader(table.as_bytes());
    let source = |row: Row| Source {
        name: row.name,
        feed: row.feed,
        from: From::Url(row.url),
        path: row.path,
        kind: row.kind,
        is_default: row.default == Default::On,
        megabytes: row.megabytes,
        note: row.note,
        sha256: None,
        headers: HeaderMap::new(),
        only: &[],
    };
    table.deserialize().map(|row| row.map(source)).collect()
}

/// Why sources cannot be chosen.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Nothing has that name.
    #[error(
        "no source, feed or group is called {name:?}: see `underdesk catalog sources`{}",
        near.as_ref().map_or(String::new(), |near| format!("; did you mean {near}?"))
    )]
    Unknown {
        /// The name as given.
        name: String,
        /// One that begins alike.
        near: Option<String>,
    },
}

impl Source {
    /// The group that it belongs to: `windows`, `linux`, `bsd`, `common`, `own`.
    pub fn group(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// What the document must hash to, where that is known beforehand.
    pub(super) fn stated(&self) -> Option<Stated> {
        let hash = self.sha256.as_deref()?;
        Some(Stated::sha256(hash, "feeds.toml"))
    }

    /// What is fetched first.
    pub fn first(&self) -> Option<Wanted> {
        let From::Url(url) = &self.from else {
            return None;
        };
        Some(Wanted {
            hash: self.stated(),
            ..Wanted::new(url.clone(), self.path.clone(), self.kind.clone())
        })
    }
}

/// By which name of [`choose`] a feed is fetched that is called `osv Debian:12` or `msrc-cvrf`: the source that has this
/// release, else the feed.
pub fn source_of(feed: &str) -> &str {
    let (name, about) = feed.split_once(' ').unwrap_or((feed, ""));
    let family = about.split(':').next().unwrap_or_default();
    let folder = family.replace(' ', "-").to_lowercase();
    let is_it = |source: &&Source| {
        let mut folders = source.path.split('/');
        source.feed == name && folders.any(|part| part.to_lowercase() == folder)
    };
    let mut all = sources().iter().filter(is_it);
    match (all.next(), all.next()) {
        (Some(source), None) => &source.name,
        _ => name,
    }
}

/// The sources that names stand for: of a source, a feed or a group, or `all`. Without names those that
/// are on by default.
pub fn choose(all: &[Source], names: &[String]) -> Result<Vec<Source>, ChoiceError> {
    let is = |source: &Source, name: &str| {
        name == "all" || [&*source.name, &*source.feed, source.group()].contains(&name)
    };
    for name in names {
        if !all.iter().any(|source| is(source, name)) {
            let start: String = name.chars().take(3).collect();
            let near = all.iter().find(|source| source.name.starts_with(&start));
            return Err(ChoiceError::Unknown {
                name: name.clone(),
                near: near.map(|source| source.name.clone()),
            });
        }
    }
    let is_chosen = |source: &&Source| match names {
        [] => source.is_default,
        // A group is what of it is on; what is off is named by itself or by its feed.
        names => names.iter().any(|name| {
            is(source, name) && (source.is_default || name == "all" || name != source.group())
        }),
    };
    Ok(all.iter().filter(is_chosen).cloned().collect())
}

#[cfg(test)]
mod tests;
