//! What no two runs of the demo have in common, and what stands for it. All else is shown as it is: the day there is
//! always the same, and so are keys, machines and findings.

use crate::support::Table;
use std::collections::BTreeMap;
use std::path::Path;

/// The morning of the demo's day, in the forms in which times are written.
const DAY: &str = "2026-11-24";
/// In a workbook: the day's number.
const SERIAL: &str = "46350.";
/// Seconds since 1970, without the last four digits: some hours.
const UNIX: &str = "179551";

/// What depends on the moment, by what it is called: durations, how many known hosts a short sweep had time to ask once
/// more, and in the manifest and the bills of material what is made of the run's id and its times.
const MOMENTS: &[&str] = &[
    "ms",
    "canaries_asked",
    "clock_skew_s",
    "elapsed",
    "bytes",
    "sha256",
    "serialNumber",
];

/// The words of one run.
pub(super) struct Masks {
    run: String,
    /// The ports that the demo's hosts listen at, which are others every time, with their protocols.
    ports: BTreeMap<String, String>,
}

impl Masks {
    /// Those of the run that a folder has the files of.
    pub(super) fn of(folder: &Path) -> Self {
        let access = Table::open(&folder.join("access.csv"));
        let services = Table::open(&folder.join("services.csv"));
        let tried = ports(&access, "protocol", access.rows.iter());
        // Where nobody may log in.
        let shown = services.rows_where("seen_by", "scan").into_iter();
        let shown = ports(&services, "service", shown);
        let ports: BTreeMap<String, String> = shown.into_iter().chain(tried).collect();
        Self {
            run: access.values("run_id")[0].to_owned(),
            ports,
        }
    }

    /// A value by what it is called.
    pub(super) fn named(&self, name: &str, value: &str) -> String {
        if MOMENTS.contains(&name) && !value.is_empty() {
            return "[MOMENT]".to_owned();
        }
        self.text(value)
    }

    /// A text.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.replace(&self.run, "[RUN]");
        for (port, name) in &self.ports {
            text = replace_number(&text, port, name);
        }
        times(&text)
    }
}

/// The ports of a table, each with a word for it. Those of the demo have five digits.
fn ports<'a>(
    table: &Table,
    named: &str,
    rows: impl Iterator<Item = &'a Vec<String>>,
) -> Vec<(String, String)> {
    let ports = rows.map(|row| {
        let name = format!("[{}]", table.cell(row, named));
        (table.cell(row, "port").to_owned(), name)
    });
    ports.filter(|(port, _)| port.len() == 5).collect()
}

/// Puts a word in the place of a number, where that is not a part of a longer one.
fn replace_number(text: &str, number: &str, word: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(number) {
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let stands_alone = !is_part(before.chars().next_back()) && !is_part(after.chars().next());
        shown.push_str(before);
        shown.push_str(if stands_alone { word } else { number });
        rest = after;
    }
    shown + rest
}

/// Puts a word in the place of each time on the demo's day.
fn times(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let form = |rest: &str| {
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
        if let Some(clock) = rest.strip_prefix(DAY) {
            let of_clock = clock.chars().skip(1);
            let of_clock = of_clock.take_while(|c| "0123456789:.Z".contains(*c));
            let length = 1 + of_clock.count();
            let is_time = clock.starts_with("T09:") || clock.starts_with(" 09:");
            return is_time.then_some(DAY.len() + length);
        }
        let fraction = rest
            .strip_prefix(SERIAL)
            .map(|rest| SERIAL.len() + digits(rest));
        let unix = rest.starts_with(UNIX).then(|| digits(rest));
        fraction.or(unix.filter(|length| *length == 10))
    };
    while !rest.is_empty() {
        if let Some(length) = form(rest) {
            shown.push_str("[TIME]");
            rest = rest.get(length..).unwrap();
            continue;
        }
        let mut letters = rest.chars();
        shown.extend(letters.next());
        rest = letters.as_str();
    }
    shown
}

#[test]
fn only_what_depends_on_the_moment_is_masked() {
    let masks = Masks {
        run: "r-1".to_owned(),
        ports: BTreeMap::from([("21000".to_owned(), "[ssh]".to_owned())]),
    };
    for (text, shown) in [
        (
            "at 127.0.0.1:21000, 121000 and 21000a",
            "at 127.0.0.1:[ssh], 121000 and 21000a",
        ),
        (
            "2026-11-24T09:00:07Z, 2026-11-24 and 2026-11-22T09:00:07Z",
            "[TIME], 2026-11-24 and 2026-11-22T09:00:07Z",
        ),
        (
            "run r-1: 46350.375 to 1795510807",
            "run [RUN]: [TIME] to [TIME]",
        ),
    ] {
        assert_eq!(masks.text(text), shown);
    }
    assert_eq!(masks.named("ms", "12"), "[MOMENT]");
    assert_eq!(masks.named("ms", ""), "");
}
