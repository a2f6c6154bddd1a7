//! Alpine, Arch and FreeBSD: logs that tell a change in a line of words.

use super::Occasion;
use super::when::{Clock, zoned};
use crate::model::{PackageAction, PackageChange, UtcTime};

/// apk-tools 3: ``Running `apk upgrade` at 2026-09-28 06:10:04``, in UTC, and then
/// `(1/1) Upgrading jq (1.8.1-r0 -> 1.8.2-r0)` for each package. Earlier ones keep no log.
pub(super) fn apk(log: &[&str]) -> Vec<PackageChange> {
    let utc = Clock::default();
    let mut changes = Vec::new();
    let mut occasion = Occasion::default();
    for line in log {
        if let Some(rest) = line.strip_prefix("Running `") {
            let (command, at) = rest.rsplit_once("` at ").unwrap_or_default();
            let (date, time) = at.split_once(' ').unwrap_or_default();
            occasion.at = utc.local(date, time);
            occasion.command = Some(command);
            continue;
        }
        let words = line.split_once(") ").filter(|_| line.starts_with('('));
        let Some((verb, rest)) = words.and_then(|(_, rest)| rest.split_once(' ')) else {
            continue;
        };
        let action = match verb {
            "Installing" => PackageAction::Installed,
            "Upgrading" => PackageAction::Upgraded,
            "Downgrading" => PackageAction::Downgraded,
            "Reinstalling" | "Replacing" => PackageAction::Reinstalled,
            "Purging" => PackageAction::Removed,
            _ => continue,
        };
        changes.extend(named(rest, action, &occasion));
    }
    changes
}

/// `[2023-10-12T09:30:00+0200] [ALPM] upgraded linux (6.5-1 -> 6.6-1)`; before 2019 in local time and
/// without a zone.
pub(super) fn pacman(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let mut changes = Vec::new();
    let mut command = None;
    for line in log {
        let Some((time, rest)) = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("] "))
        else {
            continue;
        };
        if let Some((_, said)) = rest.split_once("Running '") {
            command = said.strip_suffix('\'');
            continue;
        }
        let rest = rest.strip_prefix("[ALPM] ").unwrap_or(rest);
        let Some((verb, rest)) = rest.split_once(' ') else {
            continue;
        };
        let action = match verb {
            "installed" => PackageAction::Installed,
            "upgraded" => PackageAction::Upgraded,
            "downgraded" => PackageAction::Downgraded,
            "reinstalled" => PackageAction::Reinstalled,
            "removed" => PackageAction::Removed,
            _ => continue,
        };
        let local = |(date, time)| clock.local(date, time);
        let at = zoned(time).or_else(|| time.split_once(' ').and_then(local));
        let by = None;
        let occasion = Occasion { at, by, command };
        changes.extend(named(rest, action, &occasion));
    }
    changes
}

/// `jq (1.8.1-r0 -> 1.8.2-r0)` or `jq (1.8.2-r0)`
fn named(text: &str, action: PackageAction, occasion: &Occasion<'_>) -> Option<PackageChange> {
    let (name, rest) = text.split_once(" (")?;
    let versions = rest.trim_end().strip_suffix(')')?;
    let (from, to) = versions.split_once(" -> ").unwrap_or((versions, versions));
    let pair = match action {
        PackageAction::Installed => (None, Some(to)),
        PackageAction::Removed => (Some(from), None),
        _ => (Some(from), Some(to)),
    };
    occasion.change(action, name, pair)
}

/// FreeBSD's pkg in the system's log: `Oct 12 09:30:00 fw pkg[123]: curl upgraded: 8.0 -> 8.1`, or
/// `… curl-8.1 installed`.
pub(super) fn pkg(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    log.iter()
        .filter_map(|line| pkg_line(line, clock))
        .collect()
}

fn pkg_line(line: &str, clock: &Clock) -> Option<PackageChange> {
    let (head, said) = line.split_once("]: ")?;
    let words: Vec<&str> = head.split_whitespace().collect();
    let at: Option<UtcTime> = match words.as_slice() {
        [month, day, time, ..] if !month.contains('T') => clock.without_year(month, day, time),
        // As RFC 5424 has it: `<13>1 2026-01-02T…`.
        words => words.iter().find_map(|word| zoned(word)),
    };
    let occasion = Occasion {
        at,
        ..Occasion::default()
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    match words.as_slice() {
        [package, verb @ ("installed" | "deinstalled")] => {
            let (name, version) = package.rsplit_once('-')?;
            let (action, versions) = match *verb {
                "installed" => (PackageAction::Installed, (None, Some(version))),
                _ => (PackageAction::Removed, (Some(version), None)),
            };
            occasion.change(action, name, versions)
        }
        [name, verb, from, "->", to, ..] => {
            let action = match *verb {
                "upgraded:" => PackageAction::Upgraded,
                "downgraded:" => PackageAction::Downgraded,
                "reinstalled:" => PackageAction::Reinstalled,
                _ => return None,
            };
            occasion.change(action, name, (Some(from), Some(to)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;

    #[test]
    fn apk_writes_utc() {
        let text = "# clock +0200 2026-11-29\n# log apk\n\nRunning `apk upgrade` at 2026-09-28 06:10:04\n\
            apk-tools 3.0.8-r0, compiled for x86_64.\n(1/2) Upgrading jq (1.8.1-r0 -> 1.8.2-r0)\n(2/2) Purging nano (8.0-r0)\nOK: 129 MiB\n";
        assert_eq!(
            told(text),
            [
                "2026-09-28T06:10:04Z Upgraded jq 1.8.1-r0 1.8.2-r0 by - [apk upgrade]",
                "2026-09-28T06:10:04Z Removed nano 8.0-r0 - by - [apk upgrade]",
            ]
        );
    }

    #[test]
    fn pacman_has_written_times_in_two_ways() {
        let text = "# clock +0100 2026-11-29\n# log pacman\n[2018-10-12 09:30] [ALPM] installed jq (1.6-1)\n\
            [2023-10-12T09:30:00+0200] [PACMAN] Running 'pacman -Syu'\n[2023-10-12T09:30:05+0200] [ALPM] upgraded linux (6.5-1 -> 6.6-1)\n\
            [2023-10-12T09:30:06+0200] [ALPM] transaction completed\n";
        assert_eq!(
            told(text),
            [
                "2018-10-12T08:30:00Z Installed jq - 1.6-1 by - [-]",
                "2023-10-12T07:30:05Z Upgraded linux 6.5-1 6.6-1 by - [pacman -Syu]",
            ]
        );
    }

    #[test]
    fn pkg_writes_to_the_systems_log() {
        let text = "# clock +0000 2026-11-29\n# log pkg\nOct 12 09:30:00 fw pkg[123]: curl upgraded: 8.0 -> 8.1\n\
            Oct  2 09:30:00 fw pkg-static[9]: py39-setuptools-63.1.0_1 installed\nOct 13 09:30:00 fw pkg[9]: what else\n";
        assert_eq!(
            told(text),
            [
                "2026-10-02T09:30:00Z Installed py39-setuptools - 63.1.0_1 by - [-]",
                "2026-10-12T09:30:00Z Upgraded curl 8.0 8.1 by - [-]",
            ]
        );
    }
}
