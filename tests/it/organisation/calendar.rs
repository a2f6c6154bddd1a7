//! Days and moments, counted back from the morning of the judged run, and how tools write them.

use underdesk::model::UtcTime;

const DAY: i64 = 86_400;

/// The days of the runs.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// Midnight of the day of the judged run, Unix seconds.
    today: i64,
    /// How many days before it each run was: 0 for the judged one.
    pub(super) runs: [i64; 4],
}

impl Calendar {
    /// A judged run so many days after 2026-11-16, and how many days are between runs.
    pub(super) fn new(after: i64, gaps: [i64; 3]) -> Self {
        let first = UtcTime::parse("2026-11-16T00:00:00Z").unwrap().unix();
        let [a, b, c] = gaps;
        Self {
            today: first + after * DAY,
            runs: [0, a, a + b, a + b + c],
        }
    }

    /// A moment: so many days ago, so many seconds after midnight.
    pub(super) fn moment(&self, days_ago: i64, second: i64) -> UtcTime {
        UtcTime::from_unix(self.today - days_ago * DAY + second)
    }

    /// `2026-11-22`.
    pub(super) fn date(&self, days_ago: i64) -> String {
        self.moment(days_ago, 0).date().to_string()
    }

    fn parts(&self, days_ago: i64) -> (String, String, String) {
        let date = self.date(days_ago);
        let mut parts = date.split('-').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        (part(), part(), part())
    }

    /// `11/22/2026 7:05:09 AM`, as Windows in English of the United States writes.
    pub(super) fn american(&self, days_ago: i64, second: i64) -> String {
        let (year, month, day) = self.parts(days_ago);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let half = if hour < 12 { "AM" } else { "PM" };
        let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
        let (month, day) = (month.trim_start_matches('0'), day.trim_start_matches('0'));
        format!("{month}/{day}/{year} {hour}:{minute:02}:{second:02} {half}")
    }

    /// `22.11.2026 07:05:09`, as Windows in German writes.
    pub(super) fn german(&self, days_ago: i64, second: i64) -> String {
        let (year, month, day) = self.parts(days_ago);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{day}.{month}.{year} {hour:02}:{minute:02}:{second:02}")
    }

    /// `2026-11-22 07:05:09`, as many tools write.
    pub(super) fn plain(&self, days_ago: i64, second: i64) -> String {
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let date = self.date(days_ago);
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    }

    /// `2026-11-22 07:05:09.000`, as SQL Server's tools write.
    pub(super) fn of_sql(&self, days_ago: i64, second: i64) -> String {
        format!("{}.000", self.plain(days_ago, second))
    }
}

mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_tools_write_them() {
        let calendar = Calendar::new(8, [11, 12, 15]);
        assert_eq!(calendar.date(0), "2026-11-24");
        assert_eq!(calendar.runs, [0, 11, 23, 38]);
        assert_eq!(
            calendar.american(20, 7 * 3_600 + 65),
            "11/4/2026 7:01:05 AM"
        );
        assert_eq!(calendar.american(0, 12 * 3_600), "11/24/2026 12:00:00 PM");
        assert_eq!(calendar.german(20, 13 * 3_600), "04.11.2026 13:00:00");
        assert_eq!(calendar.of_sql(0, 61), "2026-11-24 00:01:01.000");
    }
}
