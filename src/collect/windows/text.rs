//! Small readers that several files of this folder share.

use crate::model::{Date, Gap, GapCause, UtcTime};

/// The most characters of a name or a version.
pub(super) const NAME: usize = 255;

/// The most characters of anything longer: a command line, a title, a path.
pub(super) const LONG: usize = 1_000;

/// The most rows of any list.
pub(super) const MOST_ROWS: usize = 20_000;

/// The first characters of a text that somebody else chose the length of; on one line.
pub(super) fn clip(text: &str, most: usize) -> String {
    let plain = |char: char| if char.is_control() { ' ' } else { char };
    text.trim().chars().take(most).map(plain).collect()
}

/// The lines of a text, with either ending.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    lines.map(|line| line.trim_end_matches('\r'))
}

/// A clipped text, unless nothing is left of it.
pub(super) fn some(text: Option<&str>, most: usize) -> Option<String> {
    let text = clip(text?, most);
    (!text.is_empty()).then_some(text)
}

/// A gap.
pub(super) fn gap(question: &str, cause: GapCause) -> Gap {
    let question = question.to_owned();
    Gap { question, cause }
}

/// A gap of an answer that does not read.
pub(super) fn malformed(question: &str) -> Gap {
    gap(question, GapCause::Malformed)
}

/// The answer to a question about something that need not be there: missing is `None`.
pub(super) fn optional(answer: Result<&str, Gap>) -> Result<Option<&str>, Gap> {
    match answer {
        Ok(text) => Ok(Some(text)),
        Err(gap) if gap.cause == GapCause::Missing => Ok(None),
        Err(gap) => Err(gap),
    }
}

/// A day from its numbers; `None` for one that the calendar does not have, or that no Windows saw.
pub(super) fn day(year: u32, month: u32, day: u32) -> Option<Date> {
    if !(1995..=2100).contains(&year) {
        return None;
    }
    Date::parse(&format!("{year:04}-{month:02}-{day:02}"))
}

/// `20240601`, as Windows Installer writes days.
pub(super) fn compact_day(text: &str) -> Option<Date> {
    if text.len() != 8 {
        return None;
    }
    let number: u32 = digits(text)?;
    day(number / 10_000, number / 100 % 100, number % 100)
}

/// A day of which the order of the numbers is certain: `2024-06-01`, `2024/6/1`, `20240601`, and
/// `13.6.2024` or `6/13/2024`, where one number can only be the day.
pub(super) fn certain_day(text: &str) -> Option<Date> {
    let text = text.trim();
    if let Some(day) = compact_day(text) {
        return Some(day);
    }
    let (a, b, c) = three(text)?;
    if a > 31 {
        return day(a, b, c);
    }
    match (a, b) {
        // With dots the day comes first, wherever dots are written.
        _ if text.contains('.') => day(c, b, a),
        (13.., _) => day(c, b, a),
        (_, 13..) => day(c, a, b),
        _ if a == b => day(c, a, b),
        _ => None,
    }
}

/// Three numbers with `/`, `.` or `-` between them, and perhaps a time after a blank.
pub(super) fn three(text: &str) -> Option<(u32, u32, u32)> {
    // Some languages put marks of the direction of writing between the numbers.
    let is_mark = |char: char| matches!(char, '\u{200e}' | '\u{200f}');
    let text: String = text
        .chars()
        .take(60)
        .filter(|char| !is_mark(*char))
        .collect();
    let text = text.split([' ', 'T']).next()?.trim_end_matches('.');
    let mut numbers = text.split(['/', '.', '-']).map(digits);
    let three = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(three)
}

/// A whole number of ASCII digits and nothing else.
pub(super) fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// A moment from the count of 100 ns since 1601 (`FILETIME`); `None` where it cannot be meant.
pub(super) fn file_time(ticks: u64) -> Option<UtcTime> {
    let seconds = i64::try_from(ticks / 10_000_000).ok()? - 11_644_473_600;
    let plausible = (788_918_400..4_133_980_800).contains(&seconds);
    plausible.then(|| UtcTime::from_unix(seconds))
}

/// A moment as WMI writes it: ISO 8601, or DMTF `20240601080001.500000+060` with minutes at the end.
/// ISO without an offset is local time of a zone that is not told: no moment.
pub(super) fn wmi_time(text: &str) -> Option<UtcTime> {
    let text = text.trim();
    if let Some(time) = UtcTime::parse(text) {
        return Some(time);
    }
    let (stamp, zone) = (text.get(..14)?, text.get(21..)?);
    let _all_digits: u64 = digits(stamp)?;
    let part = |from: usize, to: usize| stamp.get(from..to);
    let minutes: i64 = digits(zone.get(1..)?)?;
    let minutes = if zone.starts_with('-') {
        -minutes
    } else {
        minutes
    };
    let (date, hour) = (part(0, 8)?, part(8, 10)?);
    let iso = format!(
        "{}-{}-{}T{hour}:{}:{}Z",
        date.get(..4)?,
        date.get(4..6)?,
        date.get(6..)?,
        part(10, 12)?,
        part(12, 14)?
    );
    let local = UtcTime::parse(&iso)?;
    Some(UtcTime::from_unix(local.unix() - minutes * 60))
}

/// `x64`, `x86` and `arm64`, from any of the words that Windows has for them.
pub(super) fn arch(word: &str) -> Option<&'static str> {
    let word = word.trim().to_ascii_lowercase();
    Some(match word.as_str() {
        "amd64" | "x64" | "x86_64" => "x64",
        "x86" | "i386" | "i686" => "x86",
        "arm64" | "aarch64" => "arm64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certain(text: &str) -> Option<String> {
        certain_day(text).map(|day| day.to_string())
    }

    #[test]
    fn only_a_day_that_can_be_no_other_is_read() {
        let first = Some("2024-06-13".to_owned());
        for text in [
            "20240613",
            "2024-06-13",
            "2024/6/13",
            "6/13/2024",
            "13/06/2024",
            "13.6.2024",
            "\u{200e}6/\u{200e}13/\u{200e}2024",
            "2024-06-13T10:00:00",
        ] {
            assert_eq!(certain(text), first, "{text}");
        }
        for text in [
            "6/7/2024",
            "2024",
            "20241301",
            "1/2",
            "13.13.2024",
            "",
            "13/13/2024",
        ] {
            assert_eq!(certain(text), None, "{text}");
        }
        assert_eq!(certain("6/6/2024"), Some("2024-06-06".to_owned()));
    }

    #[test]
    fn moments_are_read_from_both_ways_in_which_wmi_writes_them() {
        let time = |text| wmi_time(text).map(|time| time.to_string());
        let utc = Some("2024-06-01T07:00:01Z".to_owned());
        assert_eq!(time("20240601080001.500000+060"), utc);
        assert_eq!(time("20240601020001.500000-300"), utc);
        assert_eq!(time("2024-06-01T08:00:01.5+01:00"), utc);
        assert_eq!(time("2024-06-01T07:00:01Z"), utc);
        assert_eq!(time("20240601******.000000+***"), None);
    }

    #[test]
    fn a_file_time_is_a_moment_of_this_age_or_none() {
        let time = file_time(0x01DA_6A5F_0000_0000).unwrap().to_string();
        assert!(time.starts_with("2024-02-"), "{time}");
        assert_eq!(file_time(0), None);
        assert_eq!(file_time(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), ticks in any::<u64>()) {
            let _ = (certain_day(&text), wmi_time(&text), compact_day(&text), file_time(ticks));
            let _ = (clip(&text, 5), arch(&text), three(&text));
        }

        #[test]
        fn any_text_much_like_a_time_is_read_without_a_panic(text in "[0-9]{12,15}.{0,12}") {
            let _ = wmi_time(&text);
        }
    }
}
