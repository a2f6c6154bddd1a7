//! Findings about updates: what the flaws that one update closes come to.

use crate::catalog::{Flaw, ProductSlice};
use crate::model::{BulletinId, Confidence, Evidence, Finding, FindingState, Nature, Remedy};

/// The verdict on one update (or one flaw, where no update has a name), before it is a finding.
pub(super) struct Row<'a> {
    /// The slice that the flaws are of.
    pub(super) slice: &'a ProductSlice,
    /// The flaws that it closes and nothing else on this machine has closed.
    pub(super) flaws: Vec<&'a Flaw>,
    /// The update (`KB5094123`), or the flaw.
    pub(super) bulletin: BulletinId,
    /// One line for people.
    pub(super) title: String,
    /// The product or stream, the same from run to run: part of the finding's id.
    pub(super) product: String,
    /// The version that was judged, verbatim; empty where unknown.
    pub(super) installed: String,
    /// The first version that has it.
    pub(super) fixed: Option<String>,
    /// The verdict.
    pub(super) state: FindingState,
    /// How sure it is.
    pub(super) confidence: Confidence,
    /// What to install.
    pub(super) remedy: Option<Remedy>,
    /// Why.
    pub(super) evidence: Evidence,
}

impl From<Row<'_>> for Finding {
    fn from(row: Row<'_>) -> Self {
        let Row { slice, flaws, .. } = row;
        let mut cves: Vec<String> = flaws
            .iter()
            .filter(|flaw| flaw.id.starts_with("CVE-"))
            .map(|flaw| flaw.id.clone())
            .collect();
        cves.sort_unstable();
        cves.dedup();
        let nature = Nature::union(flaws.iter().map(|flaw| &flaw.nature));
        let known: Vec<_> = cves.iter().filter_map(|cve| slice.kev(cve)).collect();
        Self {
            bulletin: row.bulletin,
            title: row.title,
            product: row.product,
            packages: Vec::new(),
            installed: row.installed,
            fixed: row.fixed,
            state: row.state,
            confidence: row.confidence,
            severity: flaws.iter().filter_map(|flaw| flaw.severity).max(),
            cvss_tenths: flaws.iter().filter_map(|flaw| flaw.cvss_tenths).max(),
            impacts: nature.impacts(),
            cwes: nature.cwes(),
            kev: known.iter().map(|known| known.cve.clone()).collect(),
            kev_checked: slice.lists_exploited(),
            kev_due: known.iter().filter_map(|known| known.due).min(),
            support_ends: None,
            epss: flaws.iter().filter_map(|flaw| flaw.epss).max(),
            remedy: row.remedy.map(Box::new),
            cves,
            evidence: row.evidence,
        }
    }
}
