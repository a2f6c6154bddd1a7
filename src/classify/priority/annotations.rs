//! What the people of a site wrote about a finding.

use super::machine::MachineFacts;
use crate::model::{Annotation, Finding, FindingId};
use std::collections::HashMap;

/// What is written down at a site, by finding.
#[derive(Debug, Default)]
pub struct Annotations {
    by_finding: HashMap<FindingId, Annotation>,
}

impl Annotations {
    /// Sorts them.
    pub fn new(all: Vec<Annotation>) -> Self {
        let all = all.into_iter().map(|one| (one.finding.clone(), one));
        let by_finding = all.collect();
        Self { by_finding }
    }

    /// What is written about a finding, under whichever id the machine had then; under its own id first.
    pub fn of(&self, finding: &Finding, facts: &MachineFacts<'_>) -> Option<&Annotation> {
        if self.by_finding.is_empty() {
            return None;
        }
        let mut ids = facts.finding_ids(finding);
        ids.find_map(|id| self.by_finding.get(&id))
    }
}
