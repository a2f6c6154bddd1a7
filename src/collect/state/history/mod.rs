//! What was installed, upgraded and removed, from the logs of package managers.
//!
//! Logs are cut at their beginning, and a line that cannot be read costs itself. Times without a zone
//! are taken for the offset that the host has now: across a change of the clock they are an hour off.

mod apt;
mod lines;
mod rpm;
mod when;

use super::super::platform::clip;
use super::questions::HISTORY;
use crate::model::{Gap, GapCause, PackageAction, PackageChange, PackageLog, UtcTime};
use crate::session::Answers;
use when::Clock;

/// The newest that are kept.
const MOST: usize = 4_000;

/// Every change that the logs tell of, oldest first.
pub(super) fn history(answers: &Answers) -> Result<Vec<PackageChange>, Gap> {
    let text = answers.text(HISTORY)?;
    let gap = |cause| Gap {
        question: HISTORY.to_owned(),
        cause,
    };
    let mut clock = Clock::default();
    let mut logs: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut denied = false;
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# clock ") {
            clock = Clock::said(said);
        } else if let Some(name) = line.strip_prefix("# log ") {
            logs.push((name, Vec::new()));
        } else if line.starts_with("denied\t") {
            denied = true;
        } else if let Some((_, lines)) = logs.last_mut() {
            lines.push(line);
        }
    }
    if logs.is_empty() {
        return Err(gap(if denied {
            GapCause::Denied
        } else {
            GapCause::Malformed
        }));
    }
    let mut changes: Vec<PackageChange> = logs
        .iter()
        .flat_map(|(name, lines)| read(name, lines, &clock))
        .collect();
    if changes.is_empty() && denied {
        return Err(gap(GapCause::Denied));
    }
    changes.sort();
    changes.dedup();
    changes.drain(..changes.len().saturating_sub(MOST));
    Ok(changes)
}

fn read(name: &str, lines: &[&str], clock: &Clock) -> Vec<PackageChange> {
    let (log, mut changes) = match name {
        "apt" => (PackageLog::Apt, apt::history(lines, clock)),
        "dpkg" => (PackageLog::Dpkg, apt::dpkg(lines, clock)),
        "zypp" => (PackageLog::Zypper, rpm::zypp(lines, clock)),
        "yum" => (PackageLog::Yum, rpm::yum(lines, clock)),
        "dnf" => (PackageLog::Dnf, rpm::dnf(lines, clock)),
        "apk" => (PackageLog::Apk, lines::apk(lines)),
        "pacman" => (PackageLog::Pacman, lines::pacman(lines, clock)),
        "pkg" => (PackageLog::Pkg, lines::pkg(lines, clock)),
        _ => return Vec::new(),
    };
    for change in &mut changes {
        change.log = Some(log);
    }
    changes
}

/// What a log says beside the package: when, by whom, with which command.
#[derive(Clone, Copy, Default)]
struct Occasion<'a> {
    at: Option<UtcTime>,
    by: Option<&'a str>,
    command: Option<&'a str>,
}

impl Occasion<'_> {
    /// A change of a package, from one version to another; `None` where no package manager can have
    /// written it.
    fn change(
        &self,
        action: PackageAction,
        package: &str,
        (from, to): (Option<&str>, Option<&str>),
    ) -> Option<PackageChange> {
        let is_word = |text: &str| {
            !text.is_empty()
                && text.len() < 300
                && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let versions = [from, to];
        let plausible = is_word(package) && versions.iter().flatten().all(|text| is_word(text));
        let at = self.at.filter(|_| plausible)?;
        let kept = |text: Option<&str>, most| {
            let text = text.map(str::trim).filter(|text| !text.is_empty());
            text.map(|text| clip(text, most))
        };
        Some(PackageChange {
            at,
            package: package.to_owned(),
            action,
            from: kept(from, 300),
            to: kept(to, 300),
            by: kept(self.by, 100),
            command: kept(self.command, 300),
            log: None,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use std::fmt::Write as _;

    /// The history as lines.
    pub(super) fn told(text: &str) -> Vec<String> {
        let line = |change: &PackageChange| {
            let version = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
            format!(
                "{} {:?} {} {} {} by {} [{}]",
                change.at,
                change.action,
                change.package,
                version(&change.from),
                version(&change.to),
                version(&change.by),
                version(&change.command),
            )
        };
        let changes = history(&answers(&[(HISTORY, text)])).unwrap();
        changes.iter().map(line).collect()
    }

    #[test]
    fn a_log_that_may_not_be_read_is_no_empty_history() {
        let cause = |text| history(&answers(&[(HISTORY, text)])).map_err(|gap| gap.cause);
        let clock = "# clock +0000 2026-11-29\n";
        let denied = format!("{clock}denied\tzypp\n");
        assert_eq!(cause(&denied), Err(GapCause::Denied));
        assert_eq!(cause(clock), Err(GapCause::Malformed));
        let empty = format!("{clock}\n# log apt\n");
        assert_eq!(cause(&empty), Ok(Vec::new()));
        let both = format!("{clock}denied\tdnf\n\n# log yum\n");
        assert_eq!(cause(&both), Err(GapCause::Denied));
    }

    #[test]
    fn the_newest_of_too_many_are_kept() {
        let mut text = "# clock +0000 2026-11-29\n# log pacman\n".to_owned();
        for at in 0..MOST + 10 {
            let (hour, minute) = (at / 60 % 24, at % 60);
            let day = 1 + at / 1440;
            let _ = writeln!(
                text,
                "[2024-01-{day:02}T{hour:02}:{minute:02}:00+0000] [ALPM] installed p{at} (1-1)"
            );
        }
        let told = told(&text);
        assert_eq!(told.len(), MOST);
        assert!(told[0].contains(" p10 "), "{}", told[0]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "# clock [+0-9]{0,6} [-0-9]{0,12}\n(# log (apt|dpkg|zypp|yum|dnf|apk|pacman|pkg)\n(.{0,40}\n){0,3}([-0-9:T|\\[\\]() a-z\u{e9}]{0,60}\n){0,4}){0,3}"
        ) {
            let _ = history(&answers(&[(HISTORY, &text)]));
        }
    }
}
