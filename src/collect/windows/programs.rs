//! Installed programs, from the Uninstall keys of both views and of the users who are logged on.
//!
//! The values are documented with "Uninstall Registry Key" (Microsoft Learn, Windows Installer).

use super::questions::{UNINSTALL_32, UNINSTALL_64, UNINSTALL_USERS};
use super::reg::{self, Key};
use super::text::{LONG, MOST_ROWS, NAME, certain_day, clip, gap, lines, optional};
use crate::model::{Gap, GapCause, Platform, Program, ProgramScope};
use crate::session::Answers;

/// What the Uninstall keys list, sorted, each once.
pub(super) fn programs(answers: &Answers, platform: &Platform) -> Result<Vec<Program>, Gap> {
    let native = answers.text(UNINSTALL_64)?;
    // A system without 32-bit programs has no second view.
    let second = optional(answers.text(UNINSTALL_32))?.unwrap_or_default();
    let users = answers.text(UNINSTALL_USERS).unwrap_or_default();
    let (first_arch, second) = match platform.arch.as_deref() {
        // On a 32-bit system both views are the same keys, so that the second adds nothing.
        Some("x86") => (Some("x86"), ""),
        // Here the first view is that of ARM64 and of x64 programs.
        Some("arm64") => (None, second),
        _ => (Some("x64"), second),
    };
    let mut programs = Vec::new();
    for (text, arch) in [(native, first_arch), (second, Some("x86")), (users, None)] {
        let keys = reg::keys(text);
        programs.extend(keys.iter().filter_map(|key| program(key, arch)));
    }
    programs.sort_unstable();
    programs.dedup();
    programs.truncate(MOST_ROWS);
    Ok(programs)
}

/// The gap of a host whose users' programs were asked for and not told. None is logged on where
/// nothing is there; a user's keys that are closed to us are said so by the question itself.
pub(super) fn open(answers: &Answers) -> Option<Gap> {
    match answers.text(UNINSTALL_USERS) {
        Ok(text) => {
            let is_closed = lines(text).any(|line| line.trim_end() == "denied");
            is_closed.then(|| gap(UNINSTALL_USERS, GapCause::Denied))
        }
        Err(gap) => (gap.cause != GapCause::Missing).then_some(gap),
    }
}

/// A program that people would call one: parts of programs and patches are listed too.
fn program(key: &Key<'_>, arch: Option<&str>) -> Option<Program> {
    let name = key.clipped("DisplayName", NAME)?;
    let is_part = key.number("SystemComponent") == Some(1)
        || key.text("ParentKeyName").is_some()
        || key.text("ReleaseType").is_some_and(is_patch);
    if is_part || key.below(r"CurrentVersion\Uninstall")?.contains('\\') {
        return None;
    }
    Some(Program {
        name,
        version: key.clipped("DisplayVersion", NAME),
        publisher: key.clipped("Publisher", NAME),
        arch: arch.map(str::to_owned),
        scope: scope(key.path),
        installed_on: key.text("InstallDate").and_then(certain_day),
        location: key.clipped("InstallLocation", LONG),
        key: clip(key.name(), NAME),
    })
}

fn is_patch(kind: &str) -> bool {
    const PATCHES: &[&str] = &["Hotfix", "Security Update", "Update", "Update Rollup"];
    PATCHES.iter().any(|patch| kind.eq_ignore_ascii_case(patch))
}

/// `HKEY_USERS\S-1-5-21-…\Software\…` is one user's.
fn scope(path: &str) -> ProgramScope {
    let user = path.strip_prefix(r"HKEY_USERS\");
    let sid = user.and_then(|path| path.split('\\').next());
    match sid {
        Some(sid) => ProgramScope::User(clip(sid, NAME)),
        None => ProgramScope::Machine,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::super::tests::platform;
    use super::*;
    use proptest::prelude::*;

    const UNINSTALL: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall";

    fn keys(root: &str, programs: &[(&str, &[(&str, &str)])]) -> String {
        let value = |(name, data): &(&str, &str)| {
            let is_number = data.starts_with("0x");
            let kind = if is_number { "REG_DWORD" } else { "REG_SZ" };
            format!("    {name}    {kind}    {data}\r\n")
        };
        let lines = |(key, values): &(&str, &[(&str, &str)])| {
            let values: String = values.iter().map(value).collect();
            format!("\r\n{root}\\{UNINSTALL}\\{key}\r\n{values}")
        };
        programs.iter().map(lines).collect()
    }

    fn machine(programs: &[(&str, &[(&str, &str)])]) -> String {
        keys("HKEY_LOCAL_MACHINE", programs)
    }

    #[test]
    fn a_user_whose_keys_are_closed_leaves_a_gap_and_one_without_programs_none() {
        let of = |text: &str| open(&answers(&[(UNINSTALL_USERS, text)])).map(|gap| gap.cause);
        let one = keys(
            r"HKEY_USERS\S-1-5-21-1-2-3-1001",
            &[("Tool", &[("DisplayName", "denied")])],
        );
        assert_eq!(of(""), None);
        assert_eq!(of(&one), None);
        assert_eq!(of(&format!("{one}\r\ndenied\r\n")), Some(GapCause::Denied));
    }

    #[test]
    fn what_has_no_name_or_is_a_part_is_no_program() {
        let text = machine(&[
            ("AddressBook", &[]),
            (
                "Tool",
                &[
                    ("DisplayName", "W\u{e9}rkzeug    REG_SZ    1"),
                    ("DisplayVersion", "1.2"),
                    ("InstallDate", "20240607"),
                ],
            ),
            (
                "Part",
                &[("DisplayName", "Part"), ("SystemComponent", "0x1")],
            ),
            (
                "Patch",
                &[("DisplayName", "Patch"), ("ParentKeyName", "Office")],
            ),
            (
                "Fix",
                &[("DisplayName", "Fix"), ("ReleaseType", "Security Update")],
            ),
            (
                "Shown",
                &[
                    ("DisplayName", "Shown"),
                    ("SystemComponent", "0x0"),
                    ("InstallDate", "6/7/2024"),
                ],
            ),
            (r"Tool\Below", &[("DisplayName", "Below")]),
        ]);
        let given = answers(&[
            (UNINSTALL_64, &text),
            (
                UNINSTALL_32,
                &machine(&[("Tool", &[("DisplayName", "Tool")])]),
            ),
        ]);
        let programs = programs(&given, &platform("x86_64")).unwrap();
        let line = |one: &Program| {
            format!(
                "{}|{:?}|{:?}",
                one.name,
                one.arch,
                one.installed_on.map(|day| day.to_string())
            )
        };
        let lines: Vec<String> = programs.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "Shown|Some(\"x64\")|None",
                "Tool|Some(\"x86\")|None",
                "W\u{e9}rkzeug    REG_SZ    1|Some(\"x64\")|Some(\"2024-06-07\")",
            ]
        );
    }

    #[test]
    fn a_32_bit_system_lists_each_program_once() {
        let text = machine(&[("Tool", &[("DisplayName", "Tool")])]);
        let given = answers(&[(UNINSTALL_64, &text), (UNINSTALL_32, &text)]);
        let programs = programs(&given, &platform("x86")).unwrap();
        assert_eq!(programs.len(), 1);
        assert_eq!(programs[0].arch.as_deref(), Some("x86"));
    }

    #[test]
    fn a_users_programs_are_the_users() {
        let sid = "S-1-5-21-1-2-3-1001";
        let user = keys(
            &format!("HKEY_USERS\\{sid}"),
            &[("{1}", &[("DisplayName", "Chat")])],
        );
        let given = answers(&[
            (UNINSTALL_64, "\r\n"),
            (UNINSTALL_32, ""),
            (UNINSTALL_USERS, &user),
        ]);
        let programs = programs(&given, &platform("x86_64")).unwrap();
        assert_eq!(programs[0].scope, ProgramScope::User(sid.to_owned()));
        assert_eq!(
            (programs[0].key.as_str(), &programs[0].arch),
            ("{1}", &None)
        );
    }

    #[test]
    fn half_of_the_views_is_a_gap_but_for_one_that_is_not_there() {
        let mut given = answers(&[(UNINSTALL_64, "")]);
        assert_eq!(
            programs(&given, &platform("x86_64")).unwrap_err().question,
            UNINSTALL_32
        );
        given.mark(UNINSTALL_32, GapCause::Missing);
        assert_eq!(programs(&given, &platform("x86_64")), Ok(Vec::new()));
        assert_eq!(open(&given).unwrap().cause, GapCause::NotAsked);
        given.mark(UNINSTALL_USERS, GapCause::Missing);
        assert_eq!(open(&given), None);
    }

    #[test]
    fn an_arm64_system_does_not_tell_whose_program_is_in_its_first_view() {
        let text = machine(&[("Tool", &[("DisplayName", "Tool")])]);
        let given = answers(&[(UNINSTALL_64, &text), (UNINSTALL_32, &text)]);
        let programs = programs(&given, &platform("arm64")).unwrap();
        let arches: Vec<_> = programs.iter().map(|one| one.arch.as_deref()).collect();
        assert_eq!(arches, [None, Some("x86")]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), name in "[^\\r\\n]{0,40}") {
            let text = machine(&[(&name, &[("DisplayName", &text), ("InstallDate", &name)])]);
            let _ = programs(&answers(&[(UNINSTALL_64, &text), (UNINSTALL_32, &text), (UNINSTALL_USERS, &text)]), &platform("x86_64"));
        }
    }
}
