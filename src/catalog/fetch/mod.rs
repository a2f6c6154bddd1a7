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

pub use error::{FetchError, RedirectError, SetupError};

use super::sources::{From, Kind, Source, Wanted, index};
use cache::Cache;
use http::Request;
use local::Place;
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
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
            window: Duration::from_secs(60),
            tries: 3,
            all_tries: 40,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
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

/// The deepest way from a source to a document.
const DEEPEST: u32 = 5;
/// The deepest way over pages, of which one names the next.
const MOST_PAGES: u32 = 10_000;
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
    let mut run = Run {
        sources: sources.iter().cloned().map(Arc::new).collect(),
        named,
        fetched: Fetched::default(),
        queue: VecDeque::new(),
        seen: BTreeSet::new(),
        shared,
    };
    run.begin();
    run.work(stop).await;
    Ok(run.end())
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

/// A document on its way.
#[derive(Clone, Debug)]
struct Task {
    source: usize,
    wanted: Wanted,
    depth: u32,
}

/// What came of it.
struct Outcome {
    task: Task,
    result: Result<Here, FetchError>,
}

/// A document that is here.
struct Here {
    file: PathBuf,
    sha256: String,
    bytes: u64,
    is_same: bool,
}

struct Run {
    sources: Vec<Arc<Source>>,
    named: bool,
    fetched: Fetched,
    queue: VecDeque<Task>,
    /// The places of documents that were asked for: no index makes us ask twice.
    seen: BTreeSet<String>,
    shared: Arc<Shared>,
}

impl Run {
    fn begin(&mut self) {
        for (at, source) in self.sources.clone().iter().enumerate() {
            match (&source.from, source.first()) {
                (From::Path(path), _) => self.local(source, path),
                (From::Url(_), Some(wanted)) => self.push(Task {
                    source: at,
                    wanted,
                    depth: 0,
                }),
                (From::Url(_), None) => {}
            }
        }
    }

    /// A source of the user's that is on this machine.
    fn local(&mut self, source: &Source, path: &Path) {
        match local::document(source, path) {
            Ok(document) => self.fetched.documents.push(document),
            Err(error) => self.fetched.failures.push(Failure {
                source: source.name.clone(),
                place: path.display().to_string(),
                error,
            }),
        }
    }

    fn push(&mut self, task: Task) {
        if self.seen.insert(task.wanted.path.clone()) {
            self.queue.push_back(task);
        }
    }

    async fn work(&mut self, stop: &CancellationToken) {
        let mut hands = JoinSet::new();
        loop {
            while hands.len() < self.shared.limits.at_once.max(1)
                && let Some(task) = self.queue.pop_front()
                && let Some(source) = self.sources.get(task.source)
            {
                let (shared, source) = (Arc::clone(&self.shared), Arc::clone(source));
                hands.spawn(one(shared, source, task));
            }
            let ended = tokio::select! {
                ended = hands.join_next() => ended,
                () = stop.cancelled() => {
                    self.fetched.is_stopped = true;
                    // What has come of each download stays where it is.
                    hands.shutdown().await;
                    return;
                }
            };
            match ended {
                None => return,
                Some(Ok(outcome)) => self.take(outcome),
                Some(Err(_)) => {}
            }
        }
    }

    fn take(&mut self, Outcome { task, result }: Outcome) {
        let here = match result {
            Ok(here) => here,
            Err(error) => return self.failed(&task, error),
        };
        let Some(source) = self.sources.get(task.source).map(Arc::clone) else {
            return;
        };
        self.fetched.bytes += here.bytes;
        self.fetched.unchanged += u64::from(here.is_same && task.wanted.kind.is_document());
        if task.wanted.kind.is_index()
            && let Err(error) = self.children(&task, &here.file)
        {
            self.failed(&task, error);
        }
        if task.wanted.kind.is_document() {
            self.fetched.documents.push(Document {
                source: source.name.clone(),
                name: task.wanted.path,
                file: here.file,
                sha256: here.sha256,
                only: source.only,
            });
        }
    }

    /// Queues what an index leads to.
    fn children(&mut self, task: &Task, file: &Path) -> Result<(), FetchError> {
        let text = local::text(file)?;
        let is_page = matches!(task.wanted.kind, Kind::ApolloPages | Kind::OdataPages);
        let most = if is_page { MOST_PAGES } else { DEEPEST };
        for wanted in index::read(&task.wanted, &text)? {
            if task.depth >= most {
                return Err(FetchError::TooDeep);
            }
            let is_downgrade =
                task.wanted.url.scheme() == "https" && wanted.url.scheme() != "https";
            if is_downgrade {
                return Err(FetchError::Insecure(wanted.url.to_string()));
            }
            self.push(Task {
                source: task.source,
                wanted,
                depth: task.depth + 1,
            });
        }
        Ok(())
    }

    fn failed(&mut self, task: &Task, error: FetchError) {
        let Some(source) = self.sources.get(task.source) else {
            return;
        };
        let is_missing = matches!(
            error,
            FetchError::NotInMirror { .. } | FetchError::Status(404 | 410)
        );
        if is_missing && task.wanted.is_optional {
            return;
        }
        let is_mirror = !matches!(&self.shared.places, Places::Net { mirror: None, .. });
        if is_missing && is_mirror && task.depth == 0 && !self.named {
            self.fetched.absent.push(source.name.clone());
            return;
        }
        self.fetched.failures.push(Failure {
            source: source.name.clone(),
            place: self.shared.places.of(source, &task.wanted),
            error,
        });
    }

    fn end(self) -> Fetched {
        let mut fetched = self.fetched;
        let order: BTreeMap<_, _> = self
            .sources
            .iter()
            .enumerate()
            .map(|(at, source)| (source.name.clone(), at))
            .collect();
        let at = |name: &str| order.get(name).copied();
        fetched
            .documents
            .sort_by(|a, b| (at(&a.source), &a.name).cmp(&(at(&b.source), &b.name)));
        fetched
            .failures
            .sort_by(|a, b| (at(&a.source), &a.place).cmp(&(at(&b.source), &b.place)));
        fetched.absent.sort_by_key(|name| at(name));
        fetched
    }
}

/// Fetches one document, and tells of it.
async fn one(shared: Arc<Shared>, source: Arc<Source>, task: Task) -> Outcome {
    (shared.listener)(FetchEvent::Begun(task.wanted.path.clone()));
    let result = get(&shared, &source, &task.wanted).await;
    (shared.listener)(FetchEvent::Ended(task.wanted.path.clone()));
    Outcome { task, result }
}

async fn get(shared: &Shared, source: &Source, wanted: &Wanted) -> Result<Here, FetchError> {
    let place = shared.places.place(source, wanted)?;
    let (url, client, cache) = match place {
        Place::File(path) => return local::here(&path, wanted),
        Place::Url(url, client, cache) => (url, client, cache),
    };
    let none = HeaderMap::new();
    let is_publisher = url == wanted.url;
    // What a header is worth to one server is nobody else's.
    let is_same_server = matches!(&source.from, From::Url(own) if own.origin() == url.origin());
    let most = if wanted.kind.is_document() {
        bound(source).min(shared.limits.most)
    } else {
        MOST_OF_INDEX.min(shared.limits.most)
    };
    let request = Request {
        client,
        limits: &shared.limits,
        headers: if is_publisher && is_same_server {
            &source.headers
        } else {
            &none
        },
        most,
    };
    let slot = cache.slot(&wanted.path)?;
    let asked = Wanted {
        url,
        ..wanted.clone()
    };
    let got = request.get(&asked, &slot).await?;
    Ok(Here {
        file: slot.file,
        sha256: got.sha256,
        bytes: got.bytes,
        is_same: got.is_same,
    })
}

/// The most bytes of one document: several times what all of the source usually has.
fn bound(source: &Source) -> u64 {
    (u64::from(source.megabytes) << 23).max(256 << 20)
}

#[cfg(test)]
mod tests;
