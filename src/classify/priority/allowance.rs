//! How many days there are for something, and which days count.
//!
//! Every day is a day in UTC, as everywhere in this program: no zone and no daylight saving moves a date.

use crate::model::{Date, plural};
use std::collections::BTreeSet;
use std::fmt;

/// The longest that a policy may allow: ten years.
const MOST_DAYS: u32 = 3_660;

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowance {
    /// Days, counted from the day after the first.
    Days(u32),
    /// Days that are neither of the weekend nor holidays, counted from the day after the first.
    BusinessDays(u32),
    /// Months: to the same day of a later month, or its last one.
    Months(u32),
}

impl Allowance {
    /// Reads `14`, `14 days`, `3 business`, `3 business days`, `2 weeks`, `1 month`, `quarter`, `2 quarters`, `1 year`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let mut words = text.split_whitespace();
        let first = words.next()?;
        let (count, unit) = match first.parse::<u32>() {
            Ok(count) => (count, words.next().unwrap_or("days")),
            Err(_) => (1, first),
        };
        let rest = words.next();
        if words.next().is_some() || count > MOST_DAYS {
            return None;
        }
        let allowance = match (unit, rest) {
            ("day" | "days", None) => Self::Days(count),
            ("business", None | Some("day" | "days")) => Self::BusinessDays(count),
            ("week" | "weeks", None) => Self::Days(count.checked_mul(7)?),
            ("month" | "months", None) => Self::Months(count),
            ("quarter" | "quarters", None) => Self::Months(count.checked_mul(3)?),
            ("year" | "years", None) => Self::Months(count.checked_mul(12)?),
            _ => return None,
        };
        allowance.is_sane().then_some(allowance)
    }

    fn is_sane(self) -> bool {
        match self {
            Self::Days(days) | Self::BusinessDays(days) => days <= MOST_DAYS,
            Self::Months(months) => months <= MOST_DAYS / 30,
        }
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => f.write_str(&plural(*days, "day")),
            Self::BusinessDays(days) => f.write_str(&plural(*days, "business day")),
            Self::Months(months) => f.write_str(&plural(*months, "month")),
        }
    }
}

/// Which days are worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Days of the week that are not, from Monday.
    weekend: [bool; 7],
    holidays: BTreeSet<Date>,
}

impl Default for Calendar {
    /// Saturday and Sunday are free, and there are no holidays.
    fn default() -> Self {
        Self {
            weekend: [false, false, false, false, false, true, true],
            holidays: BTreeSet::new(),
        }
    }
}

impl Calendar {
    /// Makes one of free days of the week (0 is Monday) and holidays; `None` where no day of the week would be
    /// left.
    pub fn new(free: &[usize], holidays: impl IntoIterator<Item = Date>) -> Option<Self> {
        let mut weekend = [false; 7];
        for day in free {
            *weekend.get_mut(*day)? = true;
        }
        let works = weekend.contains(&false);
        works.then(|| Self {
            weekend,
            holidays: holidays.into_iter().collect(),
        })
    }

    /// Whether a day is worked on.
    pub fn is_business(&self, day: Date) -> bool {
        !self.is_weekend(day) && !self.holidays.contains(&day)
    }

    fn is_weekend(&self, day: Date) -> bool {
        let free = self.weekend.get(day.weekday());
        free.copied().unwrap_or_default()
    }

    /// The last day on which something is in time that may take so long, and began on a day. That day itself
    /// counts for nothing; without any days it is the last one.
    pub fn due(&self, from: Date, allowed: Allowance) -> Date {
        match allowed {
            Allowance::Days(days) => from.plus_days(days.into()),
            Allowance::Months(months) => from.plus_months(months.into()),
            Allowance::BusinessDays(days) => self.after_business_days(from, days.into()),
        }
    }

    /// Whole weeks are leapt over, and what is left is walked: so that a long time costs no more than a short one.
    fn after_business_days(&self, from: Date, days: i64) -> Date {
        let free = self.weekend.iter().filter(|free| **free).count();
        let a_week = i64::try_from(7 - free.min(6)).unwrap_or(1);
        let (mut day, mut missing) = (from, days);
        while missing > 0 {
            // At least one day is left to be walked, so that the walk ends on a day that is worked on.
            let weeks = (missing - 1) / a_week;
            let next = day.plus_days(if weeks > 0 { weeks * 7 } else { 1 });
            // The end of the calendar.
            if next <= day {
                break;
            }
            missing -= match weeks {
                0 => i64::from(self.is_business(next)),
                _ => weeks * a_week - self.holidays_within(day, next),
            };
            day = next;
        }
        day
    }

    /// The holidays after a day, up to another, that no weekend has taken already.
    fn holidays_within(&self, after: Date, to: Date) -> i64 {
        let within = self.holidays.range(after.plus_days(1)..=to);
        let count = within.filter(|day| !self.is_weekend(**day)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// The holidays after a day, up to another, for people.
    pub fn holidays_in(&self, after: Date, to: Date) -> Vec<Date> {
        if to <= after {
            return Vec::new();
        }
        let within = self.holidays.range(after.plus_days(1)..=to);
        within.copied().collect()
    }
}

/// The days of the week, as a policy writes them.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
