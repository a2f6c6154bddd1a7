//! A catalogue as of a past day.
//!
//! What was published, listed as exploited or released after that day is left out, and what was withdrawn after it
//! is still there. What has no date is there. Fixes, severities and estimates are those of today: a catalogue keeps
//! what publishers say now.

use super::slice::BulletinHead;
use crate::model::{Date, UtcTime};

/// The day of a catalogue; the default is today's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AsOf(Option<Date>);

impl AsOf {
    pub(super) fn day(day: Date) -> Self {
        Self(Some(day))
    }

    /// Whether something of a day was there.
    pub(super) fn had(self, day: Option<Date>) -> bool {
        match (self.0, day) {
            (Some(then), Some(day)) => day <= then,
            _ => true,
        }
    }

    /// The last day that is asked about, of a catalogue that was met on one.
    pub(super) fn or_before(self, met: Date) -> Date {
        self.0.map_or(met, |then| then.min(met))
    }

    /// Whether something of a moment was there.
    pub(super) fn had_by(self, time: Option<UtcTime>) -> bool {
        self.had(time.map(UtcTime::date))
    }

    /// A bulletin as it was; `None` where it was not published yet.
    pub(super) fn head(self, head: BulletinHead) -> Option<BulletinHead> {
        let withdrawn = head.withdrawn.filter(|time| self.had_by(Some(*time)));
        self.had_by(head.published)
            .then_some(BulletinHead { withdrawn, ..head })
    }
}
