//! Whether an update of a month is for everybody, for subscribers, or for nobody with this edition.

use crate::catalog::Month;
use crate::model::{FindingState, Lifecycle};

/// For whom the updates of a system are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Support {
    /// The month of the last update for everybody.
    last: Option<Month>,
    /// Whether others were to be had after it (ESU).
    extended: bool,
    /// Whether the host has one of those.
    subscribed: bool,
}

impl Support {
    /// `newest` is the month of the newest update that the host has.
    pub(super) fn of(lifecycle: Option<&Lifecycle>, newest: Option<Month>) -> Self {
        let last = lifecycle.and_then(|dates| Month::of(dates.end_of_life?));
        Self {
            last,
            extended: lifecycle.is_some_and(|dates| dates.end_of_extended.is_some()),
            subscribed: last.is_some() && newest > last,
        }
    }

    /// What a lack of an update of a month is.
    pub(super) fn state(self, month: Option<Month>) -> FindingState {
        match self.last {
            Some(last) if month > Some(last) && !self.subscribed => {
                if self.extended {
                    FindingState::MissingNeedsSubscription
                } else {
                    FindingState::EndOfLife
                }
            }
            _ => FindingState::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Date;

    fn state(month: &str, newest: &str, extended: Option<&str>) -> FindingState {
        let dates = Lifecycle {
            product: "windows-server".to_owned(),
            version: "2012-r2".to_owned(),
            codename: None,
            released: None,
            end_of_life: Date::parse("2023-10-10"),
            end_of_extended: extended.and_then(Date::parse),
        };
        Support::of(Some(&dates), Month::parse(newest)).state(Month::parse(month))
    }

    #[test]
    fn what_came_out_after_the_end_of_support_needs_a_subscription() {
        let esu = Some("2026-10-13");
        assert_eq!(state("2023-10", "2023-09", esu), FindingState::Missing);
        assert_eq!(
            state("2023-11", "2023-10", esu),
            FindingState::MissingNeedsSubscription
        );
        assert_eq!(state("2023-11", "2023-10", None), FindingState::EndOfLife);
    }

    #[test]
    fn who_has_one_such_update_has_the_subscription() {
        let esu = Some("2026-10-13");
        assert_eq!(state("2024-02", "2023-11", esu), FindingState::Missing);
    }
}
