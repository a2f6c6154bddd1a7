//! Patterns of hosts' names: `web[01:10]`, `db-[a:c]`, `n[0:10:2]`, several in one; a port may follow.

use super::cells;

/// The most names that one pattern may stand for.
const MOST_NAMES: usize = 10_000;

/// The names that a text stands for.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((range, behind)) = after.split_once(']') else {
            return Err(format!(
                "`{}` has a bracket that is not closed",
                cells::shown(text)
            ));
        };
        let Some(parts) = expand(range) else {
            // An address of IPv6 in brackets is no range.
            if before.is_empty() && cells::address(range).is_some() {
                return Ok(vec![range.to_owned()]);
            }
            return Err(format!("`[{}]` is no range", cells::shown(range)));
        };
        if names.len() * parts.len() > MOST_NAMES {
            return Err(format!(
                "`{}` stands for more than {MOST_NAMES} names",
                cells::shown(text)
            ));
        }
        let one = |name: &String| -> Vec<String> {
            let parts = parts.iter();
            parts.map(|part| format!("{name}{before}{part}")).collect()
        };
        names = names.iter().flat_map(one).collect();
        rest = behind;
    }
    let rest = without_port(rest);
    Ok(names.into_iter().map(|name| name + rest).collect())
}

/// `web-1:2222` without its port. An address of IPv6 has more colons.
fn without_port(text: &str) -> &str {
    match text.split_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => text,
    }
}

/// The parts of `01:10`, `a:f` or `0:10:2`.
fn expand(range: &str) -> Option<Vec<String>> {
    let mut words = range.split(':');
    let (first, last) = (words.next()?, words.next()?);
    let step = words.next().map_or(Ok(1), str::parse::<usize>).ok()?;
    if words.next().is_some() || step == 0 {
        return None;
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
    if is_number(last) && (is_number(first) || first.is_empty()) {
        let width = if first.starts_with('0') {
            first.len()
        } else {
            0
        };
        let from: u32 = if first.is_empty() {
            0
        } else {
            first.parse().ok()?
        };
        let to: u32 = last.parse().ok()?;
        let numbers = (from..=to).step_by(step).take(MOST_NAMES + 1);
        return Some(numbers.map(|number| format!("{number:0width$}")).collect());
    }
    let letter = |text: &str| {
        let mut letters = text.chars();
        let one = letters.next().filter(char::is_ascii_alphabetic);
        one.filter(|_| letters.next().is_none())
    };
    let letters = (letter(first)?..=letter(last)?).step_by(step);
    Some(letters.map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_its_names() {
        assert_eq!(
            names("web[08:10].example").unwrap(),
            ["web08.example", "web09.example", "web10.example"]
        );
        assert_eq!(
            names("n[0:4:2]-[a:b]:22").unwrap(),
            ["n0-a", "n0-b", "n2-a", "n2-b", "n4-a", "n4-b"]
        );
        assert_eq!(names("pc-1:2222").unwrap(), ["pc-1"]);
        assert_eq!(names("2001:db8::5").unwrap(), ["2001:db8::5"]);
        assert_eq!(names("[2001:db8::5]").unwrap(), ["2001:db8::5"]);
    }

    #[test]
    fn a_pattern_that_stands_for_too_many_is_said() {
        for text in [
            "a[1:9999999]",
            "a[0:99][0:99][0:99]",
            "a[1:",
            "a[x]",
            "a[1:2:0]",
        ] {
            assert!(names(text).is_err(), "{text}");
        }
    }
}
