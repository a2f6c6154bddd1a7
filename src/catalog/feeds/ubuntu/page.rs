//! A file of the tracker's repository: fields with their values, and lines of statuses.

use super::super::FeedError;
use super::super::msrc_clean as clean;
use super::super::text::page;
use super::{Issue, NAME, Reading, Status};
use crate::model::UtcTime;
use std::collections::HashMap;
use std::io::BufRead;

/// The largest, of kernel flaws, have some hundred kilobytes.
const MOST_BYTES: u64 = 8 << 20;

pub(super) fn read(doc: &mut dyn BufRead, reading: &mut Reading<'_>) -> Result<(), FeedError> {
    let text = page(NAME, doc, MOST_BYTES)?;
    let mut issue = Issue::default();
    let mut priorities = HashMap::new();
    let mut field = "";
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            match field {
                "Description" => {
                    issue.description.push_str(line.trim());
                    issue.description.push('\n');
                }
                "CVSS" => issue.cvss_tenths = issue.cvss_tenths.max(score(line)),
                _ => {}
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        field = name;
        let value = value.trim();
        match name {
            "Candidate" => value.clone_into(&mut issue.id),
            "PublicDate" => issue.published = time(value),
            "Priority" => first_word(value).clone_into(&mut issue.priority),
            _ => {
                if let Some(of) = name.strip_prefix("Priority_") {
                    priorities.insert(of.to_owned(), first_word(value).to_owned());
                } else {
                    issue.statuses.extend(status(name, value));
                }
            }
        }
    }
    for status in &mut issue.statuses {
        let of_release = priorities.get(&format!("{}_{}", status.package, status.release));
        let own = of_release.or_else(|| priorities.get(&status.package));
        status.priority = own.cloned();
    }
    reading.issue(issue);
    Ok(())
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// `esm-infra/xenial_linux: needed`, `trusty/esm_linux: released (3.13.0-1.1)`, `jammy_linux: DNE`.
fn status(name: &str, value: &str) -> Option<Status> {
    let (place, package) = name.split_once('_')?;
    let (word, detail) = value.split_once('(').unwrap_or((value, ""));
    let word = word.trim();
    let is_word = |text: &str| {
        let allowed = |char: char| char.is_ascii_alphanumeric() || ".+-/".contains(char);
        !text.is_empty() && text.chars().all(allowed)
    };
    // Fields have such names as well (`Patches_linux`), and no word after them.
    if !is_word(word) || !is_word(package) || place.starts_with(|char: char| char.is_uppercase()) {
        return None;
    }
    let (pocket, release) = match place.split_once('/') {
        Some((release, "esm")) => ("esm", release),
        Some((pocket, release)) => (pocket, release),
        None => ("", place),
    };
    Some(Status {
        package: package.to_owned(),
        release: release.to_owned(),
        pocket: pocket.to_owned(),
        word: word.to_owned(),
        detail: detail.strip_suffix(')').unwrap_or(detail).to_owned(),
        priority: None,
    })
}

/// ` nvd: CVSS:3.1/AV:L/… [5.5 MEDIUM]`
fn score(line: &str) -> Option<u8> {
    let (_, words) = line.rsplit_once('[')?;
    clean::tenths(first_word(words))
}

/// `2022-07-27 04:15:00 UTC`, `2005-02-04`
fn time(text: &str) -> Option<UtcTime> {
    let mut words = text.split_whitespace();
    let day = words.next()?;
    let hour = words.next().filter(|word| word.contains(':'));
    UtcTime::parse(&format!("{day}T{}Z", hour.unwrap_or("00:00:00")))
}
