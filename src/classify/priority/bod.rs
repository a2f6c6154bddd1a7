//! CISA's remediation timelines as a preset: how soon, by four questions.
//!
//! Restated from CERT/CC SSVC, "CISA BOD 26-04 Remediation Timelines" 1.0.0, decision table `cisa_bod_26_04_1_0_0`.
//! Two of the questions no feed answers yet (whether an attack can be automated, and whether it takes over all of
//! a machine); the policy says what is assumed, and by default that is the worst.

use super::allowance::Allowance;
use super::machine::MachineFacts;
use crate::model::Finding;

/// A preset of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// CISA's remediation timelines.
    CisaBod2604(Assumed),
}

/// What is taken to be so where nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of the table"
)]
pub struct Assumed {
    /// That anybody can reach a machine that has no tag `exposure` and no public address.
    pub exposed: bool,
    /// That an attack can be automated.
    pub automatable: bool,
    /// That an attack takes over all of a machine.
    pub total: bool,
}

impl Default for Assumed {
    /// The worst of the flaw; of the machine, that it is where its address says: inside.
    fn default() -> Self {
        Self {
            exposed: false,
            automatable: true,
            total: true,
        }
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The row of the table.
    pub(super) row: u8,
    /// How long; `None` for "with the next upgrade of the system".
    pub(super) allowed: Option<Allowance>,
    /// Whether the machine is to be looked at for traces of an attack as well.
    pub(super) forensics: bool,
}

/// The name of the preset in a policy.
pub(super) const NAME: &str = "cisa-bod-26-04";

/// By exploited, exposed, automatable, total (1, 2, 4 and 8): the row of the table, days (0 for none), and
/// whether to look for traces.
const TABLE: [(u8, u32, bool); 16] = [
    (0, 0, false),
    (1, 14, false),
    (2, 60, false),
    (5, 14, false),
    (3, 60, false),
    (6, 14, false),
    (7, 14, false),
    (11, 3, false),
    (4, 0, false),
    (8, 14, false),
    (9, 14, false),
    (12, 3, true),
    (10, 60, false),
    (13, 3, true),
    (14, 3, false),
    (15, 3, true),
];

impl Preset {
    /// What the table says of a finding on a machine.
    pub(super) fn timeline(self, finding: &Finding, facts: &MachineFacts<'_>) -> Timeline {
        let Self::CisaBod2604(assumed) = self;
        let exploited = finding.is_exploited() == Some(true);
        let exposed = facts.is_exposed().unwrap_or(assumed.exposed);
        timeline([exploited, exposed, assumed.automatable, assumed.total])
    }

    /// What is assumed, and what the rest follows from, in words.
    pub(super) fn in_words(self, finding: &Finding, facts: &MachineFacts<'_>) -> String {
        let Self::CisaBod2604(assumed) = self;
        let yes = |is: bool| if is { "yes" } else { "no" };
        let exploited = match finding.is_exploited() {
            Some(is) => yes(is).to_owned(),
            None => "no (assumed: the catalogue has no list of exploited flaws)".to_owned(),
        };
        let exposed = match facts.is_exposed() {
            Some(is) => yes(is).to_owned(),
            None => format!(
                "{} (assumed: no tag exposure=, no public address)",
                yes(assumed.exposed)
            ),
        };
        format!(
            "in KEV {exploited}, publicly exposed {exposed}, automatable {} (assumed), technical impact {} (assumed)",
            yes(assumed.automatable),
            if assumed.total { "total" } else { "partial" },
        )
    }
}

fn timeline(answers: [bool; 4]) -> Timeline {
    let place = answers.iter().rev().fold(0_usize, |place, answer| {
        place.saturating_mul(2) + usize::from(*answer)
    });
    let (row, days, forensics) = TABLE.get(place).copied().unwrap_or((15, 3, true));
    Timeline {
        row,
        allowed: (days > 0).then_some(Allowance::Days(days)),
        forensics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as it is published: exploited, exposed, automatable, total, and the days.
    const PUBLISHED: [(bool, bool, bool, bool, u32, bool); 16] = [
        (false, false, false, false, 0, false),
        (true, false, false, false, 14, false),
        (false, true, false, false, 60, false),
        (false, false, true, false, 60, false),
        (false, false, false, true, 0, false),
        (true, true, false, false, 14, false),
        (true, false, true, false, 14, false),
        (false, true, true, false, 14, false),
        (true, false, false, true, 14, false),
        (false, true, false, true, 14, false),
        (false, false, true, true, 60, false),
        (true, true, true, false, 3, false),
        (true, true, false, true, 3, true),
        (true, false, true, true, 3, true),
        (false, true, true, true, 3, false),
        (true, true, true, true, 3, true),
    ];

    #[test]
    fn every_row_of_the_published_table_is_found_by_its_answers() {
        for (row, (kev, exposed, automatable, total, days, forensics)) in
            PUBLISHED.into_iter().enumerate()
        {
            let found = timeline([kev, exposed, automatable, total]);
            assert_eq!(usize::from(found.row), row);
            let allowed = (days > 0).then_some(Allowance::Days(days));
            assert_eq!(
                (found.allowed, found.forensics),
                (allowed, forensics),
                "{row}"
            );
        }
    }
}
