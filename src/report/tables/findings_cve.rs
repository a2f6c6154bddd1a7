//! `findings_cve.csv`: the findings again, one row per CVE.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::Finding;

pub(super) const TABLE: Table = Table {
    name: "findings_cve",
    says: "the findings again, one row per CVE",
    kind: "finding_cve",
    columns: machine_columns![
        Text "cve" = "the CVE",
        Text "finding_id" = "the finding that it belongs to",
        Text "bulletin_id" = "the update or bulletin",
        Text "state" = "the finding's state",
        Tenths "cvss" = "CVSS base score of the finding",
        Flag "kev" = "whether this CVE is known to be exploited",
        Probability "epss" = "the probability that this CVE is exploited within 30 days",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let [run, machine, name, ip] = view.lead(view.first_address());
    for super::Shown { id, finding, .. } in &view.findings {
        // A finding's scores are the highest of its CVEs': a CVE's own only where there is one.
        let is_alone = finding.cves.len() == 1;
        let score = finding.cvss_tenths.filter(|_| is_alone);
        let epss = finding.epss.filter(|_| is_alone);
        for cve in &finding.cves {
            emit(&[
                run.clone(),
                machine.clone(),
                name.clone(),
                ip.clone(),
                cve.into(),
                id.as_str().into(),
                finding.bulletin.as_str().into(),
                finding.state.as_str().into(),
                score.map_or(Cell::Empty, Cell::Tenths),
                exploited(finding, cve),
                epss.map_or(Cell::Empty, Cell::Probability),
            ])?;
        }
    }
    Ok(())
}

/// Whether it is known to be exploited; unknown where no list of such flaws was at hand.
fn exploited(finding: &Finding, cve: &String) -> Cell<'static> {
    match finding.kev.contains(cve) {
        true => Cell::Flag(true),
        false if finding.kev_checked => Cell::Flag(false),
        false => Cell::Unknown,
    }
}
