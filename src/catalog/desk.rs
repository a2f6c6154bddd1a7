//! Between reading and writing: what one thread has read of documents, another lays down meanwhile.

use super::error::CatalogError;
use super::feeds::{Feed, Record};
use super::file::{ImportRow, Writer};
use super::said::Change;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many affected packages are handed over at once, and how often before reading waits for writing.
const BATCH: usize = 2_000;
const BATCHES: usize = 4;

/// What is to be laid down.
enum Order {
    Batch(&'static dyn Feed, Vec<Item>),
    EndOfPath(PathLog),
    /// There is no more: what was met, and whether all of its source was. Without it the thread gives up, and with it
    /// the draft.
    Finish(Vec<(String, bool)>),
}

#[expect(
    clippy::large_enum_variant,
    reason = "a document ends once, and has many records"
)]
enum Item {
    Record(Record),
    EndOfDocument,
}

/// What is known of a path that was read, for the log.
pub(super) struct PathLog {
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) feeds: String,
    pub(super) documents: u64,
    /// Records: read, skipped, irrelevant.
    pub(super) records: [u64; 3],
    pub(super) problems: String,
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) unchanged: u64,
    pub(super) older: u64,
}

impl Changes {
    fn count(&mut self, change: Change) {
        *match change {
            Change::Same => &mut self.unchanged,
            Change::Older => &mut self.older,
            Change::Added => &mut self.added,
            Change::Changed => &mut self.changed,
        } += 1;
    }
}

/// What was laid down.
#[derive(Default)]
pub(super) struct Laid {
    /// By feed.
    pub(super) changes: BTreeMap<&'static str, Changes>,
    /// The catalogue's digest; `None` where reading gave up.
    pub(super) digest: Option<String>,
}

/// Where the reading side puts what it has read.
pub(super) struct Desk {
    orders: SyncSender<Order>,
    feed: Option<&'static dyn Feed>,
    batch: Vec<Item>,
    weight: usize,
    /// Where in the batch the document that is being read begins; `None` once some of it is gone.
    begun: Option<usize>,
    is_gone: bool,
}

/// A desk, and what has to be given to [`lay_down`].
pub(super) fn desk() -> (Desk, Orders) {
    let (orders, queue) = sync_channel(BATCHES);
    let desk = Desk {
        orders,
        feed: None,
        batch: Vec::new(),
        weight: 0,
        begun: Some(0),
        is_gone: false,
    };
    (desk, Orders(queue))
}

/// The writing side's end of a desk.
pub(super) struct Orders(Receiver<Order>);

impl Desk {
    /// Whether nobody takes anything any more: writing has failed, and [`lay_down`] says why.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Begins a document of a feed.
    pub(super) fn begin(&mut self, feed: &'static dyn Feed) {
        if self.feed.is_none_or(|last| last.name() != feed.name()) {
            self.flush();
            self.feed = Some(feed);
        }
        self.begun = Some(self.batch.len());
    }

    /// Takes a record of the document.
    pub(super) fn put(&mut self, record: Record) {
        self.weight += weight(&record);
        self.batch.push(Item::Record(record));
        if self.weight >= BATCH {
            self.flush();
            self.begun = None;
        }
    }

    /// Ends the document.
    pub(super) fn end(&mut self) {
        self.batch.push(Item::EndOfDocument);
        self.weight += 1;
        if self.weight >= BATCH {
            self.flush();
        }
        self.begun = Some(self.batch.len());
    }

    /// Takes back what the document gave. Whether that was still possible.
    pub(super) fn take_back(&mut self) -> bool {
        let begun = self.begun.replace(self.batch.len());
        if let Some(begun) = begun {
            self.batch.truncate(begun);
            self.begun = Some(begun);
        }
        begun.is_some()
    }

    /// Ends a path.
    pub(super) fn log(&mut self, log: PathLog) {
        self.flush();
        self.send(Order::EndOfPath(log));
    }

    /// Ends the import: of the documents that were met, the name, and whether all of their source was met.
    pub(super) fn finish(mut self, met: Vec<(String, bool)>) {
        self.flush();
        self.send(Order::Finish(met));
    }

    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        (self.weight, self.begun) = (0, Some(0));
        if let Some(feed) = self.feed.filter(|_| !batch.is_empty()) {
            self.send(Order::Batch(feed, batch));
        }
    }

    fn send(&mut self, order: Order) {
        self.is_gone |= self.orders.send(order).is_err();
    }
}

/// How much a record is, in affected packages.
fn weight(record: &Record) -> usize {
    1 + match record {
        Record::Bulletin(bulletin) => bulletin.affected.len(),
        Record::Advisory(advisory) => advisory.affected.len(),
        _ => 0,
    }
}

/// Lays down what comes over a desk, until its other side is done or gives up.
pub(super) fn lay_down(mut writer: Writer, orders: Orders) -> Result<Laid, CatalogError> {
    let mut laid = Laid::default();
    let mut path = Changes::default();
    for order in orders.0 {
        match order {
            Order::Batch(feed, items) => {
                let all = laid.changes.entry(feed.name()).or_default();
                let mut count = |change| {
                    all.count(change);
                    path.count(change);
                };
                for item in items {
                    match item {
                        Item::Record(record) => {
                            writer.put(feed, record)?.into_iter().for_each(&mut count);
                        }
                        Item::EndOfDocument => {
                            writer.end_document()?.into_iter().for_each(&mut count);
                        }
                    }
                }
            }
            Order::EndOfPath(log) => {
                let [read, skipped, irrelevant] = log.records;
                let Changes { added, changed, .. } = std::mem::take(&mut path);
                writer.log(&ImportRow {
                    path: &log.path,
                    sha256: &log.sha256,
                    feeds: &log.feeds,
                    counts: [log.documents, read, skipped, irrelevant, added, changed],
                    problems: &log.problems,
                })?;
            }
            Order::Finish(met) => {
                for (path, is_whole) in &met {
                    writer.note_met(path, *is_whole)?;
                }
                let (digest, file) = writer.finish()?;
                drop(file);
                laid.digest = Some(digest);
                break;
            }
        }
    }
    Ok(laid)
}
