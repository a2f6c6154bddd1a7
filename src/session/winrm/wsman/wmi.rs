//! Queries to WMI: Enumerate and Pull with WQL, and Get (DSP0226 sections 7 and 8, MS-WSMV
//! section 3.1.4.1.9).
//!
//! The singletons, such as `Win32_OperatingSystem`, are enumerated too and not got: an optimised
//! Enumerate of one instance is one exchange like a Get, and names the properties it wants.

use super::dialogue::{Dialogue, TalkError};
use super::envelope::{Request, text_of};
use super::names;
use super::soap::{Node, Ns, SoapError};
use crate::session::WmiRow;
use tokio::time::Instant;

/// The most instances that a page may have.
const PAGE: u32 = 32_000;
/// The most instances of one query.
const ROWS: usize = 50_000;
/// The most pages of one query; one holds about 75 KB.
const PAGES: usize = 600;

/// What keeping an instance or a value costs beside its bytes: a host may send millions that
/// are empty.
const KEPT: usize = 64;

/// What a query may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) until: Instant,
    /// The most bytes of names and values.
    pub(super) bytes: usize,
}

/// Asks a query and reads all its pages. Half of an answer is none.
pub(super) async fn select(
    dialogue: &mut Dialogue,
    namespace: &str,
    query: &str,
    bounds: Bounds,
) -> Result<Vec<WmiRow>, TalkError> {
    let resource = format!("{}{namespace}/*", names::WMI);
    let body = format!(
        "<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>{PAGE}</w:MaxElements><w:Filter Dialect=\"{}\">{}</w:Filter></n:Enumerate>",
        names::WQL,
        text_of(query)
    );
    let request = Request::new(&resource, names::ENUMERATE)
        .body(body)
        .asking(format!("{namespace}: {query}"));
    let answer = dialogue.exchange(&request, bounds.until).await?;
    let mut rows = Rows {
        rows: Vec::new(),
        bytes: bounds.bytes,
    };
    let first = Page::read(&answer, "EnumerateResponse")?;
    let mut next = first.take(&mut rows, dialogue);
    let mut pages = 1;
    while let Ok(Some(context)) = next {
        pages += 1;
        if pages > PAGES {
            next = Err(Stop {
                context: Some(context),
                error: too_much(),
            });
            break;
        }
        next = pull(dialogue, &resource, &context, bounds.until)
            .await
            .and_then(|answer| Page::read(&answer, "PullResponse"))
            .map_err(|error| Stop {
                context: Some(context),
                error,
            })
            .and_then(|page| page.take(&mut rows, dialogue));
    }
    match next {
        Ok(_) => Ok(rows.rows),
        Err(stop) => Err(stop.release(dialogue, &resource, bounds.until).await),
    }
}

/// Reads one instance by its key (WS-Transfer Get).
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "an Enumerate does as well for every question of today"
    )
)]
pub(super) async fn get(
    dialogue: &mut Dialogue,
    namespace: &str,
    class: &str,
    keys: &[(&'static str, &str)],
    until: Instant,
) -> Result<WmiRow, TalkError> {
    let resource = format!("{}{namespace}/{class}", names::WMI);
    let mut request = Request::new(resource, names::GET);
    for (name, value) in keys {
        request = request.select(name, *value);
    }
    let answer = dialogue.exchange(&request, until).await?;
    let instance = answer.children.first();
    Ok(row(instance.ok_or(SoapError::Lacks("instance"))?))
}

async fn pull(
    dialogue: &mut Dialogue,
    resource: &str,
    context: &str,
    until: Instant,
) -> Result<Node, TalkError> {
    let body = format!(
        "<n:Pull><n:EnumerationContext>{}</n:EnumerationContext><n:MaxElements>{PAGE}</n:MaxElements></n:Pull>",
        text_of(context)
    );
    let request = Request::new(resource, names::PULL).body(body);
    dialogue.exchange(&request, until).await
}

/// A query that ends before its last page.
struct Stop {
    context: Option<String>,
    error: TalkError,
}

impl Stop {
    /// Tells the host that it may forget the query, if it can still be told.
    async fn release(self, dialogue: &mut Dialogue, resource: &str, until: Instant) -> TalkError {
        let Self { context, error } = self;
        let Some(context) = context else { return error };
        let body = format!(
            "<n:Release><n:EnumerationContext>{}</n:EnumerationContext></n:Release>",
            text_of(&context)
        );
        let request = Request::new(resource, names::RELEASE).body(body);
        // A host that refuses this forgets by itself, in some minutes.
        let _ = dialogue.exchange(&request, until).await;
        error
    }
}

/// The instances so far, and how many bytes there may still be.
struct Rows {
    rows: Vec<WmiRow>,
    bytes: usize,
}

/// One page of an answer.
struct Page {
    rows: Vec<WmiRow>,
    bytes: usize,
    /// Where it goes on; `None` at the end.
    context: Option<String>,
}

impl Page {
    fn read(body: &Node, name: &'static str) -> Result<Self, TalkError> {
        let response = body.child(Ns::Enumeration, name);
        let response = response.ok_or(SoapError::Lacks("page of instances"))?;
        // An optimised first page has its items in WS-Man's namespace, the others in their own.
        let either = |name| {
            let of = |ns| response.child(ns, name);
            of(Ns::Wsman).or_else(|| of(Ns::Enumeration))
        };
        let items = either("Items").map_or(&[][..], |items| &items.children);
        let rows: Vec<WmiRow> = items.iter().map(row).collect();
        let bytes = rows.iter().map(size).sum();
        let context = response.child(Ns::Enumeration, "EnumerationContext");
        let context = context.map(|node| node.text.trim().to_owned());
        let context = context.filter(|text| !text.is_empty());
        if either("EndOfSequence").is_some() {
            return Ok(Self {
                rows,
                bytes,
                context: None,
            });
        }
        if context.is_none() {
            return Err(SoapError::Lacks("end, nor a way to go on").into());
        }
        Ok(Self {
            rows,
            bytes,
            context,
        })
    }

    /// Adds the page to the rows, and returns where it goes on.
    fn take(self, rows: &mut Rows, dialogue: &mut Dialogue) -> Result<Option<String>, Stop> {
        let Some(left) = rows.bytes.checked_sub(self.bytes) else {
            return Err(Stop {
                context: self.context,
                error: too_much(),
            });
        };
        if rows.rows.len() + self.rows.len() > ROWS || !dialogue.holds(self.bytes) {
            return Err(Stop {
                context: self.context,
                error: too_much(),
            });
        }
        rows.bytes = left;
        rows.rows.extend(self.rows);
        Ok(self.context)
    }
}

/// What is said of a query whose answer is cut off.
pub(super) const TOO_MUCH: &str = "the query has more instances than we read";

fn too_much() -> TalkError {
    TalkError::Garbled(TOO_MUCH.to_owned())
}

/// An instance: `p:Class` with prefixed names, or a `w:XmlFragment` with plain ones.
fn row(item: &Node) -> WmiRow {
    let mut row = WmiRow::default();
    let nodes = item.children.iter().filter(|node| !node.is_nil());
    for property in nodes {
        row.push(&property.name, value(property));
    }
    row
}

/// Text, or the time in a `Datetime`, `Date` or `Interval` element.
fn value(property: &Node) -> &str {
    match property.children.as_slice() {
        [time] if matches!(time.ns, Ns::Cim | Ns::None) => time.text.trim(),
        _ => &property.text,
    }
}

fn size(row: &WmiRow) -> usize {
    let sizes = row.properties().map(|(name, values)| {
        let texts: usize = values.iter().map(String::len).sum();
        texts + values.len() * (name.len() + 2 + KEPT)
    });
    KEPT + sizes.sum::<usize>()
}
