//! Products that get no fixes any more: one row a product.

use super::super::Case;
use crate::model::{BulletinId, Confidence, Evidence, Finding, FindingState, Lifecycle};

/// A product whose end of support is looked up.
pub(in crate::matching::windows) struct Dated<'a> {
    /// Its name in the list of lifecycles: `mssqlserver`.
    pub(in crate::matching::windows) id: &'a str,
    /// Its release there: `13.0-sp2`.
    pub(in crate::matching::windows) cycle: &'a str,
    /// The product of the finding; its id has no version of this host in it.
    pub(in crate::matching::windows) product: &'a str,
    /// For people: `Microsoft SQL Server 2016 SP2`.
    pub(in crate::matching::windows) name: &'a str,
    /// The version, verbatim.
    pub(in crate::matching::windows) installed: &'a str,
    /// The question that told it.
    pub(in crate::matching::windows) question: &'a str,
}

/// The dates of a product, where the catalogue has them.
pub(in crate::matching::windows) fn dates<'a>(
    case: &Case<'a>,
    id: &str,
    cycle: &str,
) -> Option<&'a Lifecycle> {
    let mut all = case.known.lifecycles.iter();
    all.find(|one| one.product == id && one.version.eq_ignore_ascii_case(cycle))
}

/// The row about the end of a product's support: closed while that is still to come.
pub(in crate::matching::windows) fn ended(case: &Case<'_>, dated: &Dated<'_>) -> Option<Finding> {
    let dates = dates(case, dated.id, dated.cycle)?;
    let end = dates.end_of_life?;
    let is_over = end < case.today;
    let paid = match dates.end_of_extended {
        Some(until) if until >= case.today => {
            format!("; for subscribers of extended support until {until}")
        }
        _ => String::new(),
    };
    let Dated {
        id, cycle, name, ..
    } = dated;
    let (title, rule) = if is_over {
        (
            format!("{name} has had no security updates since {end}{paid}"),
            format!("support ended {end}, before {}{paid}", case.today),
        )
    } else {
        (
            format!("{name} gets security updates until {end}"),
            format!("support ends {end}, not before {}", case.today),
        )
    };
    Some(Finding {
        bulletin: BulletinId::end_of_life(id, cycle),
        title,
        product: dated.product.to_owned(),
        packages: Vec::new(),
        installed: dated.installed.to_owned(),
        fixed: None,
        state: if is_over {
            FindingState::EndOfLife
        } else {
            FindingState::NotApplicable
        },
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: Vec::new(),
        kev: Vec::new(),
        kev_checked: false,
        kev_due: None,
        support_ends: Some(end),
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed: format!("{name} {}", dated.installed),
            question: dated.question.to_owned(),
            rule,
            record: format!("lifecycle {id} {cycle}"),
            witnesses: Vec::new(),
        },
    })
}
