//! The scope of a run: which addresses, without ever writing them out.

use super::error::{Exclusion, Origin, TargetError};
use super::guard::{self, Permissions};
use super::list::{Found, Line, Meaning, TargetList};
use super::notes::{Description, Notes};
use super::spans::{Span, Spans, address, key};
use crate::model::hex;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// How many rules that take addresses out are named.
const RULES_LIMIT: usize = 20;
/// How many addresses of one name are swept.
const ADDRESSES_LIMIT: usize = 64;

/// The addresses of a run, in order, and what the operator says of them.
///
/// It holds spans, so that 10.0.0.0/8 takes no more memory than 10.0.0.0/24. It is empty only where all of it is searched, and nothing was found.
///
/// An IPv6 block of more than [`super::PLAIN_LIMIT`] addresses is not in scope as a whole, for nobody can walk
/// through it: only those of its addresses are that a search has found ([`TargetList::with_found`]).
#[derive(Clone, Debug)]
pub struct TargetSet {
    in_scope: Spans,
    /// What the target lines cover, excluded or not; of blocks that are searched, what was found there.
    covered: Spans,
    /// The blocks that are searched, without those that are excluded as a whole.
    searched: Spans,
    /// What was taken out, wherever it is.
    taken_out: Spans,
    /// Of which line each of them is.
    searched_lines: Vec<(Span, usize)>,
    found: Found,
    notes: Notes,
    /// The target lines as written.
    labels: Vec<Arc<str>>,
    /// What each of them covers.
    line_spans: Vec<(Span, usize)>,
    /// Those of them that are one address or a name.
    named: BTreeSet<usize>,
    unresolved: Vec<Unresolved>,
    exclusions: Vec<Exclusion>,
}

/// A target name that has no address to sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The name.
    pub name: String,
    /// Where it is written.
    pub origin: Origin,
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
        let mut draft = builder.draft;
        let rules = draft.rules;
        let mut excluded = Vec::new();
        for rule in &rules {
            excluded.extend_from_slice(&rule.spans);
        }
        let taken_out = Spans::new(excluded);
        let is_open = |span: Span| taken_out.count_in(span) < span.count();
        draft.searched.retain(|(span, _)| is_open(*span));
        let spans = |placed: &[(Span, usize)]| -> Vec<Span> {
            placed.iter().map(|(span, _)| *span).collect()
        };
        let searched = Spans::new(spans(&draft.searched));
        let found = self.found.addresses.iter();
        let found = found.map(|address| Span::one(address.to_bits()));
        let found: Vec<Span> = found.filter(|one| searched.contains(one.first)).collect();
        let allowed_of = |spans: &Spans| spans.minus(&builder.refused).minus(&taken_out);
        let in_scope = allowed_of(&Spans::new([&draft.wanted[..], &found].concat()));
        let covered = Spans::new([spans(&draft.line_spans), found].concat());
        let open = allowed_of(&searched);
        let excluded = covered.count() - in_scope.count();
        let exclusions = rules.into_iter().filter_map(|rule| rule.told(&covered));
        let exclusions: Vec<Exclusion> = exclusions.take(RULES_LIMIT).collect();
        let names = draft.unresolved.len();
        guard::check(&in_scope, &open, (excluded, &exclusions), names, allowed)?;
        Ok(TargetSet {
            in_scope,
            covered,
            searched,
            taken_out,
            searched_lines: draft.searched,
            found: self.found,
            notes: Notes::new(draft.notes),
            labels: draft.labels,
            line_spans: draft.line_spans,
            named: draft.named,
            unresolved: draft.unresolved,
            exclusions,
        })
    }
}

impl TargetSet {
    /// How many addresses are in scope.
    pub fn len(&self) -> u128 {
        self.in_scope.count()
    }

    /// Whether none is: all of the scope is searched, and nothing was found.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The blocks that are too large to be swept, each with the target as written; without those that are
    /// excluded as a whole.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, RangeInclusive<Ipv6Addr>)> {
        self.searched_lines.iter().filter_map(|(span, line)| {
            let ends = Ipv6Addr::from_bits(span.first)..=Ipv6Addr::from_bits(span.last);
            Some((&**self.labels.get(*line)?, ends))
        })
    }

    /// The first excluded address of a block, whether or not it is among the targets: what is sent to all hosts
    /// there would reach it.
    pub fn first_excluded(&self, block: &RangeInclusive<Ipv6Addr>) -> Option<Ipv6Addr> {
        let first = self.taken_out.from(block.start().to_bits())?;
        (first <= block.end().to_bits()).then(|| Ipv6Addr::from_bits(first))
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

    /// The hosts that were named by themselves, by an address or a name: for each the addresses of it that are in scope.
    pub fn named(&self) -> Vec<Vec<IpAddr>> {
        let mut hosts: BTreeMap<usize, Vec<IpAddr>> = BTreeMap::new();
        for (span, line) in &self.line_spans {
            if self.named.contains(line) && self.in_scope.contains(span.first) {
                let own = hosts.entry(*line).or_default();
                own.push(address(span.first));
            }
        }
        hosts.into_values().collect()
    }

    /// Names that were given as targets and have no address to sweep. The operator must hear of
    /// them.
    pub fn unresolved(&self) -> &[Unresolved] {
        &self.unresolved
    }

    /// The rules that take addresses of the targets out, the first 20 of them.
    pub fn exclusions(&self) -> &[Exclusion] {
        &self.exclusions
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
        if self.searched.count() > 0 {
            hash.update(b"searched\n");
        }
        for span in self.searched.iter() {
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

    pub(super) fn searched(&self) -> &Spans {
        &self.searched
    }

    pub(super) fn searched_lines(&self) -> &[(Span, usize)] {
        &self.searched_lines
    }

    /// By what a block was searched, by the target as written.
    pub(super) fn searched_by(&self, label: &str) -> Vec<String> {
        self.found.by.get(label).cloned().unwrap_or_default()
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
    rules: Vec<Rule>,
    line_spans: Vec<(Span, usize)>,
    named: BTreeSet<usize>,
    searched: Vec<(Span, usize)>,
    labels: Vec<Arc<str>>,
    notes: Vec<(Vec<Span>, Description)>,
    unresolved: Vec<Unresolved>,
}

/// A line that takes addresses out.
struct Rule {
    origin: Origin,
    text: String,
    spans: Vec<Span>,
}

impl Rule {
    /// What it takes out of the targets; `None` where it does not concern them.
    fn told(self, covered: &Spans) -> Option<Exclusion> {
        let addresses = Spans::new(self.spans);
        let addresses: u128 = addresses.iter().map(|span| covered.count_in(span)).sum();
        (addresses > 0).then(|| Exclusion {
            place: self.origin.place(),
            target: self.text,
            addresses,
        })
    }
}

impl Builder<'_> {
    fn line(&mut self, line: Line) -> Result<(), TargetError> {
        match line.what {
            Meaning::Addresses { spans, .. } if line.excluded => self.draft.rules.push(Rule {
                origin: line.origin,
                text: line.text,
                spans,
            }),
            Meaning::Addresses { spans, ends } => {
                let wanted = Spans::new(spans.clone());
                let ends = Spans::new(ends.into_iter().flatten().map(Span::one).collect());
                let swept = wanted.minus(&ends);
                let swept = swept.iter().filter(|span| !guard::is_searched(*span));
                self.draft.wanted.extend(swept);
                self.include(spans, &line.text, None, line.tags);
            }
            Meaning::Name(name) if line.excluded => {
                let addresses = self.addresses(&name);
                let spans = addresses.map_err(|why| TargetError::ExclusionUnresolved {
                    origin: line.origin.clone(),
                    name,
                    why,
                })?;
                self.draft.rules.push(Rule {
                    origin: line.origin,
                    text: line.text,
                    spans,
                });
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
        let is_one = matches!(spans.as_slice(), [span] if span.count() == 1);
        if is_one || name.is_some() {
            draft.named.insert(line);
        }
        let placed = spans.iter().map(|span| (*span, line));
        let (searched, swept): (Vec<_>, Vec<_>) =
            placed.partition(|(span, _)| guard::is_searched(*span));
        draft.line_spans.extend(swept);
        draft.searched.extend(searched);
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
