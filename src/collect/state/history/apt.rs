//! Debian: apt's history, and dpkg's log where there is none.

use super::Occasion;
use super::when::Clock;
use crate::model::{PackageAction, PackageChange};
use crate::version::DpkgVersion;

/// apt's `history.log`: stanzas with `Start-Date`, `Commandline`, `Requested-By` and a line for each
/// action. A stanza that was cut at its beginning has no date, and is left out.
pub(super) fn history(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let mut changes = Vec::new();
    let mut occasion = Occasion::default();
    for line in log {
        let Some((name, value)) = line.split_once(": ") else {
            if line.is_empty() {
                occasion = Occasion::default();
            }
            continue;
        };
        let action = match name {
            "Start-Date" => {
                let (date, time) = value.split_once(' ').unwrap_or_default();
                let at = clock.local(date, time.trim());
                occasion = Occasion {
                    at,
                    ..Occasion::default()
                };
                continue;
            }
            "Commandline" => {
                occasion.command = Some(value);
                continue;
            }
            // `anna (1000)`
            "Requested-By" => {
                occasion.by = value.split(" (").next();
                continue;
            }
            "Install" => PackageAction::Installed,
            "Upgrade" => PackageAction::Upgraded,
            "Downgrade" => PackageAction::Downgraded,
            "Reinstall" => PackageAction::Reinstalled,
            "Remove" | "Purge" => PackageAction::Removed,
            _ => continue,
        };
        changes.extend(
            value
                .split("), ")
                .filter_map(|item| one(item, action, &occasion)),
        );
    }
    changes
}

/// `libssl3:amd64 (3.0.11-1, 3.0.15-1, automatic`
fn one(item: &str, action: PackageAction, occasion: &Occasion<'_>) -> Option<PackageChange> {
    let (name, rest) = item.split_once(" (")?;
    let name = name.split(':').next()?;
    let rest = rest.trim_end_matches(')');
    let mut versions = rest.split(", ").filter(|word| *word != "automatic");
    let (first, second) = (versions.next(), versions.next());
    let pair = match action {
        PackageAction::Installed => (None, first),
        PackageAction::Removed => (first, None),
        PackageAction::Reinstalled => (first, first),
        _ => (first, second),
    };
    occasion.change(action, name, pair)
}

/// `2026-09-22 04:47:20 upgrade zstd:amd64 1.5.2 1.5.4`
pub(super) fn dpkg(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let read = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [date, time, verb, package, from, to] = words.as_slice() else {
            return None;
        };
        let known = |version: &str| Some(version.to_owned()).filter(|text| text != "<none>");
        let (from, to) = (known(from), known(to));
        let action = match *verb {
            "install" => PackageAction::Installed,
            "remove" => PackageAction::Removed,
            "upgrade" => direction(from.as_deref()?, to.as_deref()?),
            _ => return None,
        };
        let occasion = Occasion {
            at: clock.local(date, time),
            ..Occasion::default()
        };
        let from = from
            .as_deref()
            .filter(|_| action != PackageAction::Installed);
        let name = package.split(':').next()?;
        occasion.change(action, name, (from, to.as_deref()))
    };
    log.iter().filter_map(read).collect()
}

/// dpkg calls every change of the version an upgrade.
fn direction(from: &str, to: &str) -> PackageAction {
    match (DpkgVersion::parse(from), DpkgVersion::parse(to)) {
        (Some(from), Some(to)) if to < from => PackageAction::Downgraded,
        _ if from == to => PackageAction::Reinstalled,
        _ => PackageAction::Upgraded,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;

    #[test]
    fn apt_tells_who_asked_and_with_which_command() {
        let text = "# clock +0100 2026-11-29\n\n# log apt\nll: cut:amd64 (1)\n\
            \nStart-Date: 2026-01-10  10:00:00\nCommandline: apt upgrade\nRequested-By: anna (1000)\n\
            Install: linux-image-6.1.0-31-amd64:amd64 (6.1.128-1, automatic)\n\
            Upgrade: libssl3:amd64 (3.0.11-1, 3.0.15-1), curl:amd64 (7.88.1-1, 7.88.1-2, automatic)\n\
            Purge: nano:amd64 (7.2-1)\nError: Sub-process returned an error\nEnd-Date: 2026-01-10  10:01:00\n";
        assert_eq!(
            told(text),
            [
                "2026-01-10T09:00:00Z Upgraded curl 7.88.1-1 7.88.1-2 by anna [apt upgrade]",
                "2026-01-10T09:00:00Z Upgraded libssl3 3.0.11-1 3.0.15-1 by anna [apt upgrade]",
                "2026-01-10T09:00:00Z Installed linux-image-6.1.0-31-amd64 - 6.1.128-1 by anna [apt upgrade]",
                "2026-01-10T09:00:00Z Removed nano 7.2-1 - by anna [apt upgrade]",
            ]
        );
    }

    #[test]
    fn dpkg_tells_the_direction_by_its_versions() {
        let text = "# clock +0000 2026-11-29\n# log dpkg\n\
            2026-01-10 10:00:00 install zstd:amd64 <none> 1.5.4\n\
            2026-01-10 10:00:01 upgrade a:amd64 1.0 1.1\n2026-01-10 10:00:02 upgrade a:amd64 1.1 1.0\n\
            2026-01-10 10:00:03 upgrade a:amd64 1.0 1.0\n2026-01-10 10:00:04 remove a:amd64 1.0 <none>\n\
            2026-01-10 10:00:05 configure a:amd64 1.0 <none>\n";
        assert_eq!(
            told(text),
            [
                "2026-01-10T10:00:00Z Installed zstd - 1.5.4 by - [-]",
                "2026-01-10T10:00:01Z Upgraded a 1.0 1.1 by - [-]",
                "2026-01-10T10:00:02Z Downgraded a 1.1 1.0 by - [-]",
                "2026-01-10T10:00:03Z Reinstalled a 1.0 1.0 by - [-]",
                "2026-01-10T10:00:04Z Removed a 1.0 - by - [-]",
            ]
        );
    }
}
