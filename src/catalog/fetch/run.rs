//! The order of work: sources, the indexes they lead to, and the documents those lead to.

use super::error::FetchError;
use super::http::Request;
use super::local::{self, Place};
use super::vouch::Vouching;
use super::{Document, Failure, FetchEvent, Fetched, MOST_OF_INDEX, Places, Shared};
use crate::catalog::sources::{From, Kind, Source, Wanted, index};
use reqwest::header::HeaderMap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The deepest way from a source to a document.
const DEEPEST: u32 = 5;
/// The deepest way over pages, of which one names the next.
const MOST_PAGES: u32 = 10_000;
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
pub(super) struct Here {
    pub(super) file: PathBuf,
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) is_same: bool,
    /// Whether somebody states what it should hash to: then it does.
    pub(super) is_vouched: bool,
}

/// The fetching of sources.
pub(super) struct Run {
    sources: Vec<Arc<Source>>,
    named: bool,
    fetched: Fetched,
    queue: VecDeque<Task>,
    /// The places of documents that were asked for: no index makes us ask twice.
    seen: BTreeSet<String>,
    shared: Arc<Shared>,
}

impl Run {
    pub(super) fn of(sources: &[Source], named: bool, shared: Arc<Shared>) -> Self {
        Self {
            sources: sources.iter().cloned().map(Arc::new).collect(),
            named,
            fetched: Fetched::default(),
            queue: VecDeque::new(),
            seen: BTreeSet::new(),
            shared,
        }
    }

    /// Fetches everything, until all of it is here or it is told to stop.
    pub(super) async fn work(mut self, stop: &CancellationToken) -> Fetched {
        self.begin();
        self.fetch(stop).await;
        self.end()
    }

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

    async fn fetch(&mut self, stop: &CancellationToken) {
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
                is_vouched: here.is_vouched,
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
    let vouching = Vouching {
        request: &request,
        slot: &slot,
        aside: cache.aside(&wanted.path)?,
        is_publisher,
    };
    let (got, is_vouched) = vouching.get(&asked).await?;
    Ok(Here {
        file: slot.file,
        sha256: got.sha256,
        bytes: got.bytes,
        is_same: got.is_same,
        is_vouched,
    })
}

/// The most bytes of one document: several times what all of the source usually has.
fn bound(source: &Source) -> u64 {
    (u64::from(source.megabytes) << 23).max(256 << 20)
}
