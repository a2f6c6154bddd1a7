//! The part of the policy that says when machines are patched: `[[plan.wave]]` and `[windows]`.

use super::PolicyError;
use super::rules::line_at;
use crate::model::UtcTime;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

/// Waves and maintenance windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The waves in their order; the last takes every machine. Never empty.
    pub waves: Vec<Wave>,
    /// The windows in the file's order: the first whose tag a machine has is its own.
    pub windows: Vec<TaggedWindow>,
}

/// Machines that are patched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Its name: `[a-z0-9_]` only, as it becomes the name of groups and files.
    pub name: String,
    /// A machine with one of these tags is in it; without tags everybody is.
    pub tags: Vec<String>,
    /// Its windows begin so many days from now, so that earlier waves can be watched.
    pub after_days: u16,
}

/// A maintenance window, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedWindow {
    /// The tag; `*` for everybody.
    pub tag: String,
    /// When.
    pub windows: Vec<Window>,
}

/// A maintenance window that comes back every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// On which days it begins, Monday first.
    pub days: [bool; 7],
    /// Minutes after midnight.
    pub begins: u16,
    /// How many minutes it lasts, 1 to 1,440.
    pub lasts: u16,
    /// Minutes that its clock is ahead of UTC. It never changes: there is no summer time.
    pub offset: i16,
}

impl Default for Schedule {
    fn default() -> Self {
        let wave = |name: &str, tags: &[&str]| Wave {
            name: name.to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            after_days: 0,
        };
        Self {
            waves: vec![
                wave("pilot", &["pilot"]),
                wave("critical", &["critical", "criticality=high"]),
                wave("rest", &[]),
            ],
            windows: Vec::new(),
        }
    }
}

impl Schedule {
    /// The wave of a machine: the first that has one of its tags, else the last.
    pub fn wave_of(&self, tags: &[String]) -> usize {
        let has = |wave: &Wave| wave.tags.iter().any(|tag| tags.contains(tag));
        let found = self.waves.iter().position(has);
        found.unwrap_or(self.waves.len().saturating_sub(1))
    }

    /// When the next window of a machine begins and ends: the first that begins at `from` or later, and not
    /// before its wave does. `None` where it has none.
    pub fn next_window(
        &self,
        tags: &[String],
        wave: usize,
        from: UtcTime,
    ) -> Option<(UtcTime, UtcTime)> {
        let has = |one: &&TaggedWindow| one.tag == "*" || tags.contains(&one.tag);
        let own = self.windows.iter().find(has)?;
        let days = self.waves.get(wave).map_or(0, |wave| wave.after_days);
        let from = from.unix().saturating_add(i64::from(days) * DAY);
        own.windows.iter().filter_map(|one| one.next(from)).min()
    }

    pub(super) fn read(text: &str, tables: Tables) -> Result<Self, PolicyError> {
        let mut schedule = Self::default();
        if let Some(plan) = tables.plan {
            schedule.waves = waves(text, plan)?;
        }
        schedule.windows = windows(text, tables.windows)?;
        Ok(schedule)
    }
}

const DAY: i64 = 86_400;

impl Window {
    /// The first that begins at a moment or later: Unix seconds.
    fn next(self, from: i64) -> Option<(UtcTime, UtcTime)> {
        let ahead = i64::from(self.offset) * 60;
        let today = from.saturating_add(ahead).div_euclid(DAY);
        // A week on it is the same day again, later than now.
        let starts = (today..=today + 7).filter_map(|day| {
            // 1970-01-01 was a Thursday.
            let weekday = usize::try_from((day + 3).rem_euclid(7)).ok()?;
            let is_on = self.days.get(weekday).copied().unwrap_or_default();
            let start = day * DAY + i64::from(self.begins) * 60 - ahead;
            (is_on && start >= from).then_some(start)
        });
        let start = starts.min()?;
        let end = start + i64::from(self.lasts) * 60;
        Some((UtcTime::from_unix(start), UtcTime::from_unix(end)))
    }

    /// Reads `sat 22:00-02:00`, `mon-fri,sun 20:00-23:30 +01:00`, `daily 01:00-03:00`. A window that ends
    /// before it begins ends on the next day.
    fn parse(text: &str, offset: i16) -> Option<Self> {
        let mut words = text.split_whitespace();
        let days = days(words.next()?)?;
        let (begins, ends) = words.next()?.split_once('-')?;
        let offset = match words.next() {
            Some(word) => read_offset(word)?,
            None => offset,
        };
        if words.next().is_some() {
            return None;
        }
        let (begins, ends) = (clock(begins)?, clock(ends)?);
        if begins == 1440 {
            return None;
        }
        let lasts = if ends > begins {
            ends - begins
        } else {
            ends + 1440 - begins
        };
        Some(Self {
            days,
            begins,
            lasts,
            offset,
        })
    }
}

/// `22:00`, up to `24:00`, in minutes.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| {
        let is_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 1440).then_some(all)
}

/// `+01:00`, `-03:30`, `Z`, in minutes.
fn read_offset(text: &str) -> Option<i16> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let minutes = i16::try_from(clock(rest)?).ok()?;
    // The widest in use is +14:00.
    (minutes <= 14 * 60).then_some(sign * minutes)
}

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    if text == "daily" {
        return Some([true; 7]);
    }
    let day = |word: &str| WEEK.iter().position(|one| word.eq_ignore_ascii_case(one));
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `sat-mon` goes over the end of the week.
        let last = if last < first { last + 7 } else { last };
        for at in first..=last {
            *days.get_mut(at % 7)? = true;
        }
    }
    Some(days)
}

/// The tables of `policy.toml` that are read here.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) plan: Option<PlanTable>,
    pub(super) windows: BTreeMap<Spanned<String>, Spanned<Said>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanTable {
    #[serde(default)]
    wave: Vec<Spanned<WaveTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaveTable {
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    after_days: u16,
}

/// One window or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Said {
    One(String),
    Many(Vec<String>),
}

fn malformed(text: &str, at: &Range<usize>, problem: String) -> PolicyError {
    PolicyError::Malformed {
        line: line_at(text, at.start),
        problem,
    }
}

fn waves(text: &str, plan: PlanTable) -> Result<Vec<Wave>, PolicyError> {
    let mut waves = Vec::<Wave>::new();
    for entry in plan.wave {
        let at = entry.span();
        let entry = entry.into_inner();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let name = entry.name;
        let problem = if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            format!("`{name}` is no name of a wave: lower-case letters, digits and _, at most 40")
        } else if waves.iter().any(|wave| wave.name == name) {
            format!("two waves are called {name}")
        } else if waves.last().is_some_and(|wave| wave.tags.is_empty()) {
            "the wave before has no tags and takes everybody: put this one before it".to_owned()
        } else if entry.after_days > 365 {
            "after_days is a number of days up to 365".to_owned()
        } else {
            waves.push(Wave {
                name,
                tags: entry.tags,
                after_days: entry.after_days,
            });
            continue;
        };
        return Err(malformed(text, &at, problem));
    }
    if waves.last().is_none_or(|wave| !wave.tags.is_empty()) {
        let taken = waves.iter().any(|wave| wave.name == "rest");
        waves.push(Wave {
            name: if taken { "others" } else { "rest" }.to_owned(),
            tags: Vec::new(),
            after_days: 0,
        });
    }
    Ok(waves)
}

fn windows(
    text: &str,
    table: BTreeMap<Spanned<String>, Spanned<Said>>,
) -> Result<Vec<TaggedWindow>, PolicyError> {
    let mut rows: Vec<_> = table.into_iter().collect();
    // As they stand in the file.
    rows.sort_by_key(|(tag, _)| tag.span().start);
    let mut offset = 0;
    rows.retain(|(tag, said)| {
        let is_offset = tag.get_ref() == "utc_offset";
        if let (true, Said::One(word)) = (is_offset, said.get_ref()) {
            offset = read_offset(word).unwrap_or(i16::MAX);
        }
        !is_offset
    });
    if offset == i16::MAX {
        let problem = "utc_offset in [windows] is how far its clock is ahead of UTC: \"+01:00\"";
        let at = text.find("utc_offset").unwrap_or_default();
        return Err(malformed(text, &(at..at), problem.to_owned()));
    }
    let mut windows = Vec::new();
    for (tag, said) in rows {
        let at = said.span();
        let texts = match said.into_inner() {
            Said::One(one) => vec![one],
            Said::Many(many) => many,
        };
        let read = texts.iter().map(|one| {
            Window::parse(one, offset).ok_or_else(|| {
                let problem = format!(
                    "`{one}` is no window: \"sat 22:00-02:00\", \"mon-fri 20:00-23:00 +01:00\" or \"daily 01:00-03:00\""
                );
                malformed(text, &at, problem)
            })
        });
        windows.push(TaggedWindow {
            tag: tag.into_inner(),
            windows: read.collect::<Result<_, _>>()?,
        });
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Policy;
    use proptest::prelude::*;

    fn schedule(text: &str) -> Schedule {
        Policy::parse(text).unwrap().schedule
    }

    fn next(text: &str, tag: &str, now: &str) -> String {
        let schedule = schedule(text);
        let tags = [tag.to_owned()];
        let wave = schedule.wave_of(&tags);
        let found = schedule.next_window(&tags, wave, UtcTime::parse(now).unwrap());
        found.map_or("none".to_owned(), |(start, end)| format!("{start} {end}"))
    }

    #[test]
    fn a_window_goes_over_midnight_and_over_the_end_of_the_week() {
        let text = "[windows]\nutc_offset = \"+01:00\"\n\"criticality=high\" = \"sat 22:00-02:00\"\n\"*\" = [\"sun-mon 00:30-01:00\", \"daily 12:00-13:00 Z\"]\n";
        // 2026-11-28 is a Saturday.
        let high = |now: &str| next(text, "criticality=high", now);
        assert_eq!(
            high("2026-11-26T10:00:00Z"),
            "2026-11-28T21:00:00Z 2026-11-29T01:00:00Z"
        );
        assert_eq!(
            high("2026-11-28T21:00:00Z"),
            "2026-11-28T21:00:00Z 2026-11-29T01:00:00Z"
        );
        assert_eq!(
            high("2026-11-28T21:00:01Z"),
            "2026-12-05T21:00:00Z 2026-12-06T01:00:00Z"
        );
        assert_eq!(
            next(text, "other", "2026-11-28T13:00:00Z"),
            "2026-11-28T23:30:00Z 2026-11-29T00:00:00Z"
        );
        assert_eq!(
            next(text, "other", "2024-02-28T12:30:00Z"),
            "2024-02-29T12:00:00Z 2024-02-29T13:00:00Z"
        );
        assert_eq!(next("", "other", "2026-11-28T13:00:00Z"), "none");
    }

    #[test]
    fn a_wave_waits_for_those_before_it() {
        let text = "[windows]\n\"*\" = \"daily 20:00-21:00\"\n[[plan.wave]]\nname = \"first\"\ntags = [\"pilot\"]\n[[plan.wave]]\nname = \"all\"\nafter_days = 7\n";
        assert_eq!(
            next(text, "pilot", "2026-11-28T13:00:00Z"),
            "2026-11-28T20:00:00Z 2026-11-28T21:00:00Z"
        );
        assert_eq!(
            next(text, "x", "2026-11-28T13:00:00Z"),
            "2026-12-05T20:00:00Z 2026-12-05T21:00:00Z"
        );
        let names: Vec<String> = schedule(text).waves.into_iter().map(|w| w.name).collect();
        assert_eq!(names, ["first", "all"]);
        let text = "[[plan.wave]]\nname = \"first\"\ntags = [\"a\"]\n";
        assert_eq!(schedule(text).waves.last().unwrap().name, "rest");
    }

    #[test]
    fn what_is_not_understood_is_told_by_its_line() {
        for (text, line, said) in [
            ("[windows]\n\"*\" = \"sat 22:00\"\n", 2, "sat 22:00-02:00"),
            ("[windows]\n\"*\" = \"sat 22:61-23:00\"\n", 2, "no window"),
            ("[windows]\n\"*\" = \"xyz 22:00-23:00\"\n", 2, "no window"),
            ("[windows]\nutc_offset = \"CET\"\n", 2, "+01:00"),
            ("[[plan.wave]]\nname = \"Wave 1\"\n", 1, "no name of a wave"),
            (
                "[[plan.wave]]\nname = \"a\"\n[[plan.wave]]\nname = \"b\"\n",
                3,
                "takes everybody",
            ),
        ] {
            let error = Policy::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}:")), "{error}");
            assert!(error.contains(said), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_next_window_is_the_first_minute_that_fits(
            days in proptest::array::uniform7(proptest::bool::ANY),
            begins in 0_u16..1440,
            lasts in 1_u16..=1440,
            offset in -720_i16..=840,
            from in 0_i64..2_000_000_000,
        ) {
            let window = Window { days, begins, lasts, offset };
            let from = from / 60 * 60;
            // Minute by minute, by the calendar.
            let is_start = |minute: &i64| {
                let local = UtcTime::from_unix(minute + i64::from(offset) * 60);
                let monday = crate::model::Date::parse("2026-11-30").unwrap();
                let weekday = usize::try_from(monday.days_until(local.date()).rem_euclid(7)).unwrap();
                let of_day = local.unix().rem_euclid(DAY) / 60;
                days[weekday] && of_day == i64::from(begins)
            };
            let naive = (0..8 * 1440).map(|minute| from + minute * 60).find(is_start);
            let naive = naive.map(|start| {
                let end = start + i64::from(lasts) * 60;
                (UtcTime::from_unix(start), UtcTime::from_unix(end))
            });
            prop_assert_eq!(window.next(from), naive);
        }
    }
}
