//! The scope of a run: which addresses, without ever writing them out.

use super::error::TargetError;
use super::guard::{self, Permissions};
use super::list::{Line, Meaning, TargetList};
use super::notes::{Description, Notes};
use super::spans::{Span, Spans, address, key};
use crate::model::hex;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// How many addresses of one name are swept.
const ADDRESSES_LIMIT: usize = 64;

/// The addresses of a run, in order, and what the operator says of them.
///
/// It holds spans, so that 10.0.0.0/8 takes no more memory than 10.0.0.0/24. It is never empty
/// and has at most [`super::HARD_LIMIT`] addresses.
#[derive(Clone, Debug)]
pub struct TargetSet {
    in_scope: Spans,
    /// What the target lines cover, excluded or not.
    covered: Spans,
    notes: Notes,
    /// The target lines as written.
    labels: Vec<Arc<str>>,
    /// What each of them covers.
    line_spans: Vec<(Span, usize)>,
    unresolved: Vec<Unresolved>,
}

/// A target name that has no address to sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The name.
    pub name: String,
    /// Where it is written.
    pub origin: super::Origin,
    /// Why: what the resolver said.
    pub why: String,
}

impl TargetList {
    /// Resolves the names and holds the result against the guards.
    ///
    /// `resolve` gives the addresses of a name, from the operator's own resolver, or says in a few
    /// words why there are none. A target name without one is kept apart
    /// ([`TargetSet::unresolved`]); an excluded name without one is an error, since the host
    /// behind it could otherwise be swept.
    pub fn into_set(
        self,
        resolve: &dyn Fn(&str) -> Result<Vec<IpAddr>, String>,
        allowed: Permissions,
    ) -> Result<TargetSet, TargetError> {
        let mut builder = Builder {
            resolve,
            refused: guard::refused(),
            draft: Draft::default(),
        };
        for line in self.lines {
            builder.line(line)?;
        }
        let draft = builder.draft;
        let wanted = Spans::new(draft.wanted);
        let in_scope = wanted
            .minus(&builder.refused)
            .minus(&Spans::new(draft.excluded));
        let covered: Vec<Span> = draft.line_spans.iter().map(|(span, _)| *span).collect();
        let covered = Spans::new(covered);
        let excluded = covered.count() - in_scope.count();
        guard::check(&in_scope, excluded, draft.unresolved.len(), allowed)?;
        Ok(TargetSet {
            in_scope,
            covered,
            notes: Notes::new(draft.notes),
            labels: draft.labels,
            line_spans: draft.line_spans,
            unresolved: draft.unresolved,
        })
    }
}

impl TargetSet {
    /// How many addresses are in scope.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the guards refuse an empty set"
    )]
    pub fn len(&self) -> u128 {
        self.in_scope.count()
    }

    /// How many addresses of the targets are not in scope: exclusions, `never_scan`, refused
    /// addresses, and the network and broadcast addresses of IPv4 blocks.
    pub fn excluded(&self) -> u128 {
        self.covered.count() - self.in_scope.count()
    }

    /// The address at a place in the order.
    pub fn nth(&self, index: u128) -> Option<IpAddr> {
        self.in_scope.nth(index).map(address)
    }

    /// An address's place in the order.
    pub fn index_of(&self, address: IpAddr) -> Option<u128> {
        let key = key(address);
        let within = self.in_scope.contains(key);
        within.then(|| self.in_scope.rank(key))
    }

    /// Whether an address is in scope.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.in_scope.contains(key(address))
    }

    /// The places of the addresses that another set has not: sorted, disjoint.
    pub fn without(&self, other: &Self) -> Vec<Range<u128>> {
        let missing = self.in_scope.minus(&other.in_scope);
        let place = |span: Span| self.in_scope.rank(span.first)..self.in_scope.rank(span.last) + 1;
        missing.iter().map(place).collect()
    }

    /// What the operator says of an address.
    pub fn describe(&self, address: IpAddr) -> Description {
        self.notes.of(key(address))
    }

    /// Names that were given as targets and have no address to sweep. The operator must hear of
    /// them.
    pub fn unresolved(&self) -> &[Unresolved] {
        &self.unresolved
    }

    /// SHA-256 over the addresses in scope, in hex: the same scope has the same fingerprint,
    /// however it is written.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"underdesk scope 1\n");
        for span in self.in_scope.iter() {
            hash.update(span.first.to_be_bytes());
            hash.update(span.last.to_be_bytes());
        }
        hex(&hash.finalize())
    }

    pub(super) fn in_scope(&self) -> &Spans {
        &self.in_scope
    }

    pub(super) fn covered(&self) -> &Spans {
        &self.covered
    }

    pub(super) fn labels(&self) -> &[Arc<str>] {
        &self.labels
    }

    pub(super) fn line_spans(&self) -> &[(Span, usize)] {
        &self.line_spans
    }
}

struct Builder<'a> {
    resolve: &'a dyn Fn(&str) -> Result<Vec<IpAddr>, String>,
    refused: Spans,
    draft: Draft,
}

#[derive(Default)]
struct Draft {
    wanted: Vec<Span>,
    excluded: Vec<Span>,
    line_spans: Vec<(Span, usize)>,
    labels: Vec<Arc<str>>,
    notes: Vec<(Vec<Span>, Description)>,
    unresolved: Vec<Unresolved>,
}

impl Builder<'_> {
    fn line(&mut self, line: Line) -> Result<(), TargetError> {
        match line.what {
            Meaning::Addresses { spans, .. } if line.excluded => self.draft.excluded.extend(spans),
            Meaning::Addresses { spans, ends } => {
                let wanted = Spans::new(spans.clone());
                let ends = Spans::new(ends.into_iter().flatten().map(Span::one).collect());
                self.draft.wanted.extend(wanted.minus(&ends).iter());
                self.include(spans, &line.text, None, line.tags);
            }
            Meaning::Name(name) if line.excluded => {
                let addresses = self.addresses(&name);
                let addresses = addresses.map_err(|why| TargetError::ExclusionUnresolved {
                    origin: line.origin,
                    name,
                    why,
                })?;
                self.draft.excluded.extend(addresses);
            }
            Meaning::Name(name) => match self.sweepable(&name) {
                Ok(spans) => {
                    self.draft.wanted.extend(&spans);
                    self.include(spans, &line.text, Some(&name), line.tags);
                }
                Err(why) => self.draft.unresolved.push(Unresolved {
                    name,
                    origin: line.origin,
                    why,
                }),
            },
        }
        Ok(())
    }

    fn include(&mut self, spans: Vec<Span>, text: &str, name: Option<&str>, tags: Vec<String>) {
        let draft = &mut self.draft;
        let line = draft.labels.len();
        draft.labels.push(Arc::from(text));
        let placed = spans.iter().map(|span| (*span, line));
        draft.line_spans.extend(placed);
        if name.is_some() || !tags.is_empty() {
            let description = Description {
                name: name.map(Arc::from),
                tags: tags.into(),
            };
            draft.notes.push((spans, description));
        }
    }

    fn addresses(&self, name: &str) -> Result<Vec<Span>, String> {
        let addresses = (self.resolve)(name)?;
        if addresses.is_empty() {
            return Err("the resolver knows no address".to_owned());
        }
        let spans = addresses.into_iter().map(|address| Span::one(key(address)));
        Ok(spans.collect())
    }

    /// The addresses of a target name, without those that no single host has.
    fn sweepable(&self, name: &str) -> Result<Vec<Span>, String> {
        let mut spans = self.addresses(name)?;
        spans.retain(|span| !self.refused.contains(span.first));
        spans.sort_unstable();
        spans.dedup();
        if spans.is_empty() {
            return Err("the resolver gives only addresses that no single host has".to_owned());
        }
        spans.truncate(ADDRESSES_LIMIT);
        Ok(spans)
    }
}
