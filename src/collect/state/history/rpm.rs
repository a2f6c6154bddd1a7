//! Red Hat and SUSE: dnf's and yum's logs of what rpm did, and zypper's history.

use super::Occasion;
use super::when::{Clock, zoned};
use crate::model::{PackageAction, PackageChange};
use std::collections::HashMap;

/// `2024-01-05T10:00:00+0000 SUBDEBUG Upgrade: openssl-libs-1:3.0.7-25.el9_3.x86_64`, and later
/// `Upgraded:` with the version that it replaced.
pub(super) fn dnf(log: &[&str], _clock: &Clock) -> Vec<PackageChange> {
    let mut changes = Changes::default();
    for line in log {
        let mut words = line.splitn(4, ' ');
        let (Some(time), _level, Some(verb), Some(package)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let occasion = Occasion {
            at: zoned(time),
            ..Occasion::default()
        };
        if let Some(package) = Nevra::of_dnf(package) {
            changes.take(verb, &package, &occasion);
        }
    }
    changes.told
}

/// `Jan 05 10:00:00 Updated: 1:openssl-libs-1.0.2k-26.el7_9.x86_64`; of what was erased, the name alone.
pub(super) fn yum(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let mut changes = Changes::default();
    for line in log {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [month, day, time, verb, package] = words.as_slice() else {
            continue;
        };
        let occasion = Occasion {
            at: clock.without_year(month, day, time),
            ..Occasion::default()
        };
        if *verb == "Erased:" {
            let removed = occasion.change(PackageAction::Removed, package, (None, None));
            changes.told.extend(removed);
        } else if let Some(package) = Nevra::of_yum(package) {
            changes.take(verb, &package, &occasion);
        }
    }
    changes.told
}

/// A package with its version as `Package::version` has it: no epoch where it is 0.
struct Nevra {
    name: String,
    version: String,
    /// With the architecture: a package may be there twice.
    key: String,
}

impl Nevra {
    /// `name-[epoch:]version-release.arch`
    fn of_dnf(text: &str) -> Option<Self> {
        let (rest, arch) = text.trim().rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let version = version.strip_prefix("0:").unwrap_or(version);
        Some(Self {
            name: name.to_owned(),
            version: format!("{version}-{release}"),
            key: format!("{name}.{arch}"),
        })
    }

    /// `[epoch:]name-version-release.arch`
    fn of_yum(text: &str) -> Option<Self> {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let mut nevra = Self::of_dnf(rest)?;
        if epoch != "0" {
            nevra.version = format!("{epoch}:{}", nevra.version);
        }
        Some(nevra)
    }
}

/// What was told so far: the new version comes first, and the one that it replaced later.
#[derive(Default)]
struct Changes {
    told: Vec<PackageChange>,
    /// Where the last change of a package is that lacks its version before.
    open: HashMap<String, usize>,
}

impl Changes {
    fn take(&mut self, verb: &str, package: &Nevra, occasion: &Occasion<'_>) {
        let Nevra { name, version, key } = package;
        let version = Some(version.as_str());
        let (action, versions) = match verb.trim_end_matches(':') {
            "Installed" => (PackageAction::Installed, (None, version)),
            "Upgrade" | "Updated" => (PackageAction::Upgraded, (None, version)),
            "Downgrade" => (PackageAction::Downgraded, (None, version)),
            "Reinstalled" => (PackageAction::Reinstalled, (version, version)),
            "Erase" | "Erased" | "Removed" | "Obsoleted" => {
                (PackageAction::Removed, (version, None))
            }
            "Upgraded" | "Downgraded" => {
                let open = self.open.remove(key).and_then(|at| self.told.get_mut(at));
                if let Some(change) = open {
                    change.from = version.map(str::to_owned);
                }
                return;
            }
            _ => return,
        };
        let Some(change) = occasion.change(action, name, versions) else {
            return;
        };
        if matches!(action, PackageAction::Upgraded | PackageAction::Downgraded) {
            self.open.insert(key.clone(), self.told.len());
        }
        self.told.push(change);
    }
}

/// `2024-01-05 10:00:00|install|curl|8.0.1-1.1|x86_64|root@db1|repo-oss|…`, after a line with the command
/// that did it. zypper calls an upgrade an install: it is one where the log knows an earlier version.
pub(super) fn zypp(log: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let mut changes = Vec::new();
    let mut present: HashMap<&str, &str> = HashMap::new();
    let mut asked = Occasion::default();
    for line in log {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [when, verb, rest @ ..] = fields.as_slice() else {
            continue;
        };
        let (date, time) = when.split_once(' ').unwrap_or_default();
        let at = clock.local(date, time);
        let occasion = Occasion { at, ..asked };
        match (*verb, rest) {
            ("command", [account, command, ..]) => {
                asked.by = account.split('@').next();
                asked.command = Some(command);
            }
            ("install", [name, version, ..]) => {
                let (action, from) = match present.insert(name, version) {
                    Some(before) if before == *version => {
                        (PackageAction::Reinstalled, Some(before))
                    }
                    Some(before) => (PackageAction::Upgraded, Some(before)),
                    None => (PackageAction::Installed, None),
                };
                changes.extend(occasion.change(action, name, (from, Some(version))));
            }
            ("remove", [name, version, ..]) => {
                present.remove(name);
                let versions = (Some(*version), None);
                changes.extend(occasion.change(PackageAction::Removed, name, versions));
            }
            _ => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;

    #[test]
    fn dnf_tells_the_version_before_in_a_line_of_its_own() {
        let text = "# clock +0000 2026-11-29\n# log dnf\n\
            2026-02-14T09:30:12+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64\n\
            2026-02-14T09:30:13+0000 SUBDEBUG Installed: kernel-core-5.14.0-503.el9.x86_64\n\
            2026-02-14T09:30:14+0000 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.el9.x86_64\n\
            2026-02-14T09:30:15Z INFO Erase: vim-minimal-0:8.2-1.el9.x86_64\n\
            2026-02-14T09:30:16Z INFO warning: Installed: file as other\n";
        assert_eq!(
            told(text),
            [
                "2026-02-14T09:30:12Z Upgraded openssl-libs 1:3.0.7-27.el9 1:3.2.2-6.el9 by - [-]",
                "2026-02-14T09:30:13Z Installed kernel-core - 5.14.0-503.el9 by - [-]",
                "2026-02-14T09:30:15Z Removed vim-minimal 8.2-1.el9 - by - [-]",
            ]
        );
    }

    #[test]
    fn yum_writes_the_epoch_first_and_no_year() {
        let text = "# clock +0000 2026-03-01\n# log yum\n\
            Dec 30 10:00:00 Updated: 1:openssl-libs-1.0.2k-26.el7_9.x86_64\nJan 02 10:00:00 Installed: lsof-4.87-6.el7.x86_64\n\
            Jan 03 10:00:00 Erased: nano\n";
        assert_eq!(
            told(text),
            [
                "2025-12-30T10:00:00Z Upgraded openssl-libs - 1:1.0.2k-26.el7_9 by - [-]",
                "2026-01-02T10:00:00Z Installed lsof - 4.87-6.el7 by - [-]",
                "2026-01-03T10:00:00Z Removed nano - - by - [-]",
            ]
        );
    }

    #[test]
    fn zypper_tells_who_ran_what() {
        let text = "# clock +0000 2026-11-29\n# log zypp\n\
            2026-01-05 10:00:00|command|anna@db1|'zypper' 'in' 'curl'|\n\
            2026-01-05 10:00:01|install|libcurl4|8.0.1-1.1|x86_64||repo-oss|abc|\n\
            2026-01-06 10:00:00|command|root@db1|'zypper' 'up'|\n\
            2026-01-06 10:00:01|install|libcurl4|8.0.1-2.1|x86_64||repo-oss|abc|\n\
            2026-01-07 10:00:01|remove |libcurl4|8.0.1-2.1|x86_64|root@db1|\n";
        assert_eq!(
            told(text),
            [
                "2026-01-05T10:00:01Z Installed libcurl4 - 8.0.1-1.1 by anna ['zypper' 'in' 'curl']",
                "2026-01-06T10:00:01Z Upgraded libcurl4 8.0.1-1.1 8.0.1-2.1 by root ['zypper' 'up']",
                "2026-01-07T10:00:01Z Removed libcurl4 8.0.1-2.1 - by root ['zypper' 'up']",
            ]
        );
    }
}
