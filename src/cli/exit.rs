//! How the program ends: the exit codes, documented as a type.

use std::process::ExitCode;

/// What a run ended with. Where several hold, the first of this order is reported: 130, 1, 2, 6, 5,
/// 4, 3, 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 130: interrupted; what was done is saved.
    Interrupted,
    /// 1: the run failed; of `catalog update`, nothing was fetched or imported.
    Failed,
    /// 2: wrong usage or configuration.
    Usage,
    /// 6: a safety stop: an account's wrong tries are spent, or a host key changed.
    SafetyStop,
    /// 5: the catalogue is too old, its digest is wrong, or there is none to judge by.
    CatalogUnfit,
    /// 4: open findings at or above `--fail-on`.
    Findings,
    /// 3: done, but a host that a credential covers, or that looks like a computer, was not assessed, or no machine was
    /// read though there were credentials, or a name has no address, or the run that is shown has not come to its end; of
    /// `catalog update`, done, but something was not fetched or did not read.
    Incomplete,
    /// 0: clean and complete.
    Clean,
}

impl Exit {
    /// All of them, in the order in which the first that holds is reported.
    pub const ALL: [Self; 8] = [
        Self::Interrupted,
        Self::Failed,
        Self::Usage,
        Self::SafetyStop,
        Self::CatalogUnfit,
        Self::Findings,
        Self::Incomplete,
        Self::Clean,
    ];

    /// What it says, for the help and the manual.
    pub fn says(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted, what is done is saved",
            Self::Failed => "the run failed",
            Self::Usage => "wrong usage or configuration",
            Self::SafetyStop => {
                "safety stop: an account's wrong tries are spent, or a host key changed"
            }
            Self::CatalogUnfit => "the catalogue is missing, too old or damaged",
            Self::Findings => "open findings at or above --fail-on",
            Self::Incomplete => {
                "done, but a host that a credential covers, or that looks like a computer, was not assessed, the run \
                 was not finished, or a source of the catalogue was not fetched"
            }
            Self::Clean => "clean and complete",
        }
    }

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SafetyStop => 6,
            Self::CatalogUnfit => 5,
            Self::Findings => 4,
            Self::Incomplete => 3,
            Self::Clean => 0,
        }
    }

    /// The one to report where several hold.
    pub fn worst(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().min().unwrap_or(Self::Clean)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_documented_order_wins() {
        let order = Exit::ALL;
        let codes: Vec<u8> = order.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [130, 1, 2, 6, 5, 4, 3, 0]);
        for pair in order.windows(2) {
            assert_eq!(Exit::worst([pair[1], pair[0]]), pair[0]);
        }
        assert_eq!(Exit::worst([]), Exit::Clean);
    }

    /// What is set in a line of the nightly unit.
    fn of_the_unit(setting: &str) -> Vec<&'static str> {
        let lines = include_str!("../../dist/systemd/underdesk.service").lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
        values.next().unwrap().split_whitespace().collect()
    }

    #[test]
    fn the_nightly_unit_fails_but_for_findings_and_hosts_that_were_not_read() {
        let good = of_the_unit("SuccessExitStatus").into_iter();
        let good: Vec<u8> = good.map(|code| code.parse().unwrap()).collect();
        assert_eq!(good, [Exit::Incomplete.code(), Exit::Findings.code()]);
    }

    #[test]
    fn commands_by_hand_have_the_places_of_the_nightly_unit() {
        let manual = include_str!("../../docs/install.md").lines();
        let by_hand: Vec<&str> = manual
            .filter(|line| line.contains("sudo -u underdesk env"))
            .collect();
        assert!(!by_hand.is_empty());
        for place in of_the_unit("Environment") {
            let place = place.replace("%S", "/var/lib").replace("%C", "/var/cache");
            assert!(
                by_hand
                    .iter()
                    .all(|line| line.contains(&format!(" {place} "))),
                "{place}"
            );
        }
    }
}
