//! The scope cut up: by subnet, or by the line that asked for it.

use super::set::TargetSet;
use super::spans::{IPV4, Span, Spans, address};
use crate::model::ScopePart;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// By what a block is searched that nobody has searched yet, or could.
const NOTHING: &str = "nothing";
/// How many subnets a scope may have until it is cut up by line instead.
const SUBNETS_LIMIT: usize = 65_536;

impl TargetSet {
    /// The /24s and /64s that the targets touch, in order, made one by one; without what is searched.
    pub fn subnets(&self) -> impl Iterator<Item = ScopePart> + '_ {
        let swept = self.covered().minus(self.searched());
        let mut next = swept.from(0);
        std::iter::from_fn(move || {
            let subnet = Span::subnet(next?);
            let end = subnet.last.checked_add(1);
            next = end.and_then(|key| swept.from(key));
            let bits = if IPV4.contains(subnet.first) { 24 } else { 64 };
            let label = format!("{}/{bits}", address(subnet.first));
            let mut part = ScopePart {
                label,
                ..ScopePart::default()
            };
            self.extend_swept(&mut part, subnet);
            Some(part)
        })
    }

    /// The blocks that are searched, a part for each target line, with what was found there.
    pub fn searched_blocks(&self) -> Vec<ScopePart> {
        let mut parts: BTreeMap<usize, ScopePart> = BTreeMap::new();
        for (span, line) in owned(self.searched_lines().to_vec()) {
            let label = self.labels().get(line).map(ToString::to_string);
            let label = label.unwrap_or_default();
            let part = parts.entry(line).or_insert_with(|| {
                let mut by = self.searched_by(&label);
                if by.is_empty() {
                    by.push(NOTHING.to_owned());
                }
                ScopePart {
                    searched_by: Some(by),
                    label,
                    ..ScopePart::default()
                }
            });
            self.extend(part, span);
        }
        parts.into_values().collect()
    }

    /// The scope in a number of parts that can be kept: the blocks that are searched, and else its subnets, or
    /// where there are more than 65,536, its target lines. An address that several lines cover belongs to the
    /// first.
    pub fn parts(&self) -> Vec<ScopePart> {
        let mut parts = self.swept_parts();
        parts.extend(self.searched_blocks());
        parts
    }

    fn swept_parts(&self) -> Vec<ScopePart> {
        if self.subnets().nth(SUBNETS_LIMIT).is_none() {
            return self.subnets().collect();
        }
        let part = |label: &Arc<str>| ScopePart {
            label: label.to_string(),
            ..ScopePart::default()
        };
        let mut parts: Vec<ScopePart> = self.labels().iter().map(part).collect();
        for (span, line) in owned(self.line_spans().to_vec()) {
            if let Some(part) = parts.get_mut(line) {
                self.extend_swept(part, span);
            }
        }
        parts.retain(|part| part.in_scope + part.excluded > 0);
        parts
    }

    /// Adds what a span covers to a part, without what is searched.
    fn extend_swept(&self, part: &mut ScopePart, span: Span) {
        for span in Spans::new(vec![span]).minus(self.searched()).iter() {
            self.extend(part, span);
        }
    }

    /// Adds what a span covers to a part.
    fn extend(&self, part: &mut ScopePart, span: Span) {
        let in_scope = self.in_scope().count_in(span);
        part.in_scope += in_scope;
        part.excluded += self.covered().count_in(span) - in_scope;
        // Never more than 2^40: all of IPv4, and as many IPv6 blocks of 65,536 addresses as are kept in memory.
        let first = u64::try_from(self.in_scope().rank(span.first)).unwrap_or(u64::MAX);
        let end = first.saturating_add(u64::try_from(in_scope).unwrap_or(u64::MAX));
        match part.indices.last_mut() {
            _ if first == end => {}
            Some(last) if last.end == first => last.end = end,
            _ => part.indices.push(first..end),
        }
    }
}

/// Cuts overlapping spans so that each address belongs to the lowest line that covers it.
fn owned(mut spans: Vec<(Span, usize)>) -> Vec<(Span, usize)> {
    spans.sort_unstable_by_key(|(span, line)| (span.first, *line));
    let mut waiting = spans.into_iter().peekable();
    let mut open: BinaryHeap<Reverse<(usize, u128)>> = BinaryHeap::new();
    let mut cut = Vec::new();
    let mut at = 0;
    loop {
        while open.peek().is_some_and(|Reverse((_, last))| *last < at) {
            open.pop();
        }
        if let (true, Some((span, _))) = (open.is_empty(), waiting.peek()) {
            at = at.max(span.first);
        }
        while let Some((span, line)) = waiting.next_if(|(span, _)| span.first <= at) {
            // One that ended already is covered by what was cut before.
            if span.last >= at {
                open.push(Reverse((line, span.last)));
            }
        }
        let Some(Reverse((line, last))) = open.peek().copied() else {
            if waiting.peek().is_none() {
                return cut;
            }
            continue;
        };
        let end = waiting
            .peek()
            .map_or(last, |(span, _)| last.min(span.first - 1));
        cut.push((
            Span {
                first: at,
                last: end,
            },
            line,
        ));
        let Some(next) = end.checked_add(1) else {
            return cut;
        };
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_address_belongs_to_the_first_line_that_covers_it(spans in prop::collection::vec((0_u128..60, 0_u128..30), 0..15)) {
            let spans: Vec<(Span, usize)> = spans.iter().enumerate()
                .map(|(line, (first, more))| (Span { first: *first, last: first + more }, line)).collect();
            let cut = owned(spans.clone());
            for at in 0..100 {
                let expected: Vec<usize> = spans.iter().filter(|(span, _)| span.contains(at)).map(|(_, line)| *line).take(1).collect();
                let owners: Vec<usize> = cut.iter().filter(|(span, _)| span.contains(at)).map(|(_, line)| *line).collect();
                prop_assert_eq!(owners, expected);
            }
        }
    }
}
