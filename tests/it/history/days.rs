//! Days, counted one by one.

/// A day, as a number that grows by one from each to the next.
pub(super) type Day = i64;

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of `2023-09-05`, or of the day of `2023-09-05T05:00:00Z`: 2001-01-01, a Monday, is 0.
pub(super) fn day(text: &str) -> Day {
    let parts: Vec<i64> = text
        .get(..10)
        .unwrap()
        .split('-')
        .map(|part| part.parse().unwrap())
        .collect();
    let mut number = parts[2] - 1;
    for year in 2001..parts[0] {
        for month in 1..=12 {
            number += days_in(year, month);
        }
    }
    for month in 1..parts[1] {
        number += days_in(parts[0], month);
    }
    number
}

/// The day as text.
pub(super) fn text(day: Day) -> String {
    let (year, month, number) = parts(day);
    format!("{year:04}-{month:02}-{number:02}")
}

fn parts(day: Day) -> (i64, i64, i64) {
    let (mut year, mut month, mut left) = (2001, 1, day);
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
        if month == 13 {
            (year, month) = (year + 1, 1);
        }
    }
    (year, month, left + 1)
}

/// 0 is Monday.
pub(super) fn weekday(day: Day) -> i64 {
    day % 7
}

/// The same day of the next month, or its last.
pub(super) fn next_month(from: Day) -> Day {
    let (year, month, number) = parts(from);
    let (year, month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    day(&format!(
        "{year:04}-{month:02}-{:02}",
        number.min(days_in(year, month))
    ))
}

/// Minutes since the first day, of `2023-09-05T05:00:00Z`.
pub(super) fn minute(text: &str) -> i64 {
    let number = |from: usize| text.get(from..from + 2).unwrap().parse::<i64>().unwrap();
    (day(text) * 24 + number(11)) * 60 + number(14)
}

/// The minute as text.
pub(super) fn moment(minute: i64) -> String {
    let (day, left) = (minute / 1_440, minute % 1_440);
    format!("{}T{:02}:{:02}:00Z", text(day), left / 60, left % 60)
}

mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_calendars_have_them() {
        assert_eq!(weekday(day("2023-09-05")), 1);
        assert_eq!(text(day("2024-02-28") + 1), "2024-02-29");
        assert_eq!(text(day("2023-12-31") + 1), "2024-01-01");
        assert_eq!(text(next_month(day("2024-01-31"))), "2024-02-29");
        assert_eq!(
            moment(minute("2023-10-30T22:30:00Z") + 90),
            "2023-10-31T00:00:00Z"
        );
    }
}
