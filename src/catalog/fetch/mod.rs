//! Fetching publishers' documents: the part of the catalogue that talks to the network.
//!
//! Documents come from their publishers, or from a mirror that lays them out by [`Source::path`], and
//! are kept in a folder that is such a mirror itself. A source that fails costs that source. Nothing of
//! what this program knows of hosts goes into a request: it says its own name and the document's.

mod agent;
mod cache;
mod error;
mod http;
mod local;
mod redirect;
mod run;
mod vouch;

pub use error::{FetchError, RedirectError, SetupError};

use super::sources::Source;
use cache::Cache;
use reqwest::{Client, Url};
use run::Run;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A proxy. It may hold a password, so it is never shown.
#[derive(Clone)]
pub struct Proxy {
    /// Its address: `http://user:password@proxy.example:3128`.
    pub address: String,
    /// For which hosts it is not used, as `NO_PROXY` lists them.
    pub except: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// Where documents are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From their publishers.
    Publishers,
    /// From a mirror on a server.
    Mirror(Url),
    /// From a mirror in a folder.
    Folder(PathBuf),
}

/// How documents are fetched.
#[derive(Clone, Debug)]
pub struct Fetching {
    /// From where.
    pub origin: Origin,
    /// The folder where downloads are kept.
    pub cache: PathBuf,
    /// Through which proxy.
    pub proxy: Option<Proxy>,
    /// Files of certificate authorities, beside this machine's own.
    pub authorities: Vec<PathBuf>,
    /// How patient we are.
    pub limits: Limits,
}

/// How patient we are, and how much we take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte.
    pub silence: Duration,
    /// The least bytes a second, over a window.
    pub slowest: u64,
    /// How long the window is.
    pub window: Duration,
    /// How often in a row a document is asked for that does not come.
    pub tries: u32,
    /// How often it is asked for, where each try brings a part.
    pub all_tries: u32,
    /// The first pause between two tries; each is three times as long as the one before.
    pub pause: Duration,
    /// The longest pause, whatever the server asks for.
    pub longest_pause: Duration,
    /// The most bytes of a document, where a source's own bound is not smaller.
    pub most: u64,
    /// How many documents are fetched at once.
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(45),
            slowest: 512,
            window: Duration::from_mins(1),
            tries: 3,
            all_tries: 40,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            most: 8 << 30,
            at_once: 4,
        }
    }
}

/// What was fetched.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The documents that feeds read, sorted by source and path.
    pub documents: Vec<Document>,
    /// What did not come, sorted in the same way.
    pub failures: Vec<Failure>,
    /// The sources that the mirror has nothing of and that nobody named.
    pub absent: Vec<String>,
    /// How many documents were not downloaded, as they have not changed.
    pub unchanged: u64,
    /// How many bytes were received.
    pub bytes: u64,
    /// Whether it was stopped before the end.
    pub is_stopped: bool,
}

/// A document that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its source.
    pub source: String,
    /// Its name: its place in a mirror.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// Its SHA-256, in hex; empty for a folder.
    pub sha256: String,
    /// Whether somebody states what it should hash to: then it does.
    pub is_vouched: bool,
    /// The feeds one of which must read it; empty for any.
    pub only: &'static [&'static str],
}

/// A document that did not come.
#[derive(Debug)]
pub struct Failure {
    /// Its source.
    pub source: String,
    /// Its address or file.
    pub place: String,
    /// Why.
    pub error: FetchError,
}

/// What happens meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent {
    /// A document is asked for.
    Begun(String),
    /// It is here, or will not come.
    Ended(String),
}

/// Who is told of events.
pub type Listener = Arc<dyn Fn(FetchEvent) + Send + Sync>;

/// The most bytes of an index.
const MOST_OF_INDEX: u64 = 64 << 20;

/// Fetches the documents of sources. What fails is in [`Fetched::failures`].
///
/// # Errors
///
/// When nothing can be fetched at all.
pub async fn fetch(
    sources: &[Source],
    named: bool,
    how: &Fetching,
    stop: &CancellationToken,
    listener: Listener,
) -> Result<Fetched, SetupError> {
    let places = places(how)?;
    let shared = Arc::new(Shared {
        places,
        limits: how.limits.clone(),
        listener,
    });
    Ok(Run::of(sources, named, shared).work(stop).await)
}

fn places(how: &Fetching) -> Result<Places, SetupError> {
    if let Origin::Folder(folder) = &how.origin {
        return Ok(Places::Folder(folder.clone()));
    }
    let mirror = match &how.origin {
        Origin::Mirror(url) => Some(url.clone()),
        _ => None,
    };
    Ok(Places::Net {
        mirror,
        client: agent::client(how.proxy.as_ref(), &how.authorities, &how.limits)?,
        cache: Cache::open(&how.cache)?,
    })
}

/// Where documents come from, opened.
enum Places {
    Net {
        mirror: Option<Url>,
        client: Client,
        cache: Cache,
    },
    Folder(PathBuf),
}

struct Shared {
    places: Places,
    limits: Limits,
    listener: Listener,
}

#[cfg(test)]
mod tests;
