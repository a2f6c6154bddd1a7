//! Whether a host waits for a reboot, by every sign that Windows has for it.

use super::questions::{AUTO_UPDATE, CBS, COMPUTER_NAME, FILE_RENAMES, OLD_UPDATES};
use super::reg::{self, Key};
use super::text::optional;
use crate::model::{Gap, Hotfix, HotfixState, Reboot};
use crate::session::Answers;

/// How many updates that wait are named.
const NAMED: usize = 20;

/// The sign that alone proves nothing: browsers, printers and virus scanners leave files to be
/// renamed for months.
const WEAK: &str = "PendingFileRenameOperations";

/// The signs, and whether they amount to a reboot. Unknown where servicing or the update client did
/// not answer and nothing else says yes.
pub(super) fn reboot(answers: &Answers, hotfixes: &[Hotfix]) -> Result<Reboot, Gap> {
    let mut signs = Vec::new();
    let servicing = answers.text(CBS).map(|text| signs.extend(pending(text)));
    let client = optional(answers.text(AUTO_UPDATE));
    let client = client.map(|text| signs.extend(required(text.unwrap_or_default())));
    signs.extend(volatile(answers.text(OLD_UPDATES).unwrap_or_default()));
    signs.extend(new_name(answers.text(COMPUTER_NAME).unwrap_or_default()));
    let waits = |hotfix: &&Hotfix| hotfix.state == HotfixState::PendingReboot;
    let waiting = hotfixes.iter().filter(waits).take(NAMED);
    signs.extend(waiting.map(|hotfix| hotfix.id.clone()));
    let required = !signs.is_empty();
    if !required {
        servicing?;
        client?;
    }
    signs.extend(renames(answers.text(FILE_RENAMES).unwrap_or_default()));
    signs.sort_unstable();
    signs.dedup();
    Ok(Reboot {
        required,
        packages: signs,
    })
}

/// Keys that are there for as long as servicing waits.
fn pending(text: &str) -> Vec<String> {
    const SIGNS: &[&str] = &["RebootPending", "RebootInProgress", "PackagesPending"];
    let keys = reg::keys(text);
    let is_there = |sign: &&&str| {
        let end = format!(r"\Component Based Servicing\{sign}");
        keys.iter().any(|key| key.is_at(&end))
    };
    let found = SIGNS.iter().filter(is_there);
    found.map(|sign| (*sign).to_owned()).collect()
}

fn required(text: &str) -> Option<String> {
    let is_sign = |key: &Key<'_>| key.is_at(r"\Auto Update\RebootRequired");
    reg::keys(text)
        .iter()
        .any(is_sign)
        .then(|| "RebootRequired".to_owned())
}

/// The old installer's flag.
fn volatile(text: &str) -> Option<String> {
    let flag = |key: &Key<'_>| {
        key.number("UpdateExeVolatile")
            .is_some_and(|flag| flag != 0)
    };
    reg::keys(text)
        .iter()
        .any(flag)
        .then(|| "UpdateExeVolatile".to_owned())
}

/// A new computer name becomes the active one at the next start.
fn new_name(text: &str) -> Option<String> {
    let keys = reg::keys(text);
    let name = |end| {
        let mut keys = keys.iter().filter(|key| key.is_at(end));
        keys.find_map(|key| key.text("ComputerName"))
    };
    let next = name(r"\ComputerName\ComputerName")?;
    let now = name(r"\ActiveComputerName")?;
    (!next.eq_ignore_ascii_case(now)).then(|| "ComputerRename".to_owned())
}

fn renames(text: &str) -> Option<String> {
    reg::keys(text)
        .iter()
        .any(|key| {
            key.text(WEAK)
                .is_some_and(|list| !list.trim_matches(['\\', '0']).is_empty())
        })
        .then(|| WEAK.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use crate::model::GapCause;
    use proptest::prelude::*;

    const SERVICING: &str =
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
    const CLIENT: &str =
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update";
    const MANAGER: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager";

    fn signs(texts: &[(&'static str, &str)]) -> (bool, String) {
        let reboot = reboot(&answers(texts), &[]).unwrap();
        (reboot.required, reboot.packages.join(" "))
    }

    #[test]
    fn every_sign_is_named() {
        let cbs = format!(
            "\r\n{SERVICING}\r\n    Version    REG_DWORD    0x1\r\n\r\n{SERVICING}\\RebootPending\r\n{SERVICING}\\PackagesPending\r\n{SERVICING}\\SessionsPending\r\n"
        );
        let client = format!("\n{CLIENT}\n\n{CLIENT}\\RebootRequired\n    1    REG_DWORD    0x1\n");
        let name = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName";
        let name = format!(
            "\n{name}\\ActiveComputerName\n    ComputerName    REG_SZ    OLD\n\n{name}\\ComputerName\n    ComputerName    REG_SZ    NEW\n"
        );
        let renames = format!("\n{MANAGER}\n    {WEAK}    REG_MULTI_SZ    \\??\\C:\\x\\0\\0\n");
        let old = "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Updates\n    UpdateExeVolatile    REG_DWORD    0x3\n";
        let all = [
            (CBS, cbs.as_str()),
            (AUTO_UPDATE, &client),
            (COMPUTER_NAME, &name),
            (FILE_RENAMES, &renames),
            (OLD_UPDATES, old),
        ];
        let expected = "ComputerRename PackagesPending PendingFileRenameOperations RebootPending RebootRequired UpdateExeVolatile";
        assert_eq!(signs(&all), (true, expected.to_owned()));
    }

    #[test]
    fn files_to_be_renamed_are_a_sign_but_no_proof() {
        let quiet = format!("\n{SERVICING}\n\n{SERVICING}\\SessionsPending\n");
        let renames = format!("\n{MANAGER}\n    {WEAK}    REG_MULTI_SZ    \\??\\C:\\x\\0\\0\n");
        let given = [
            (CBS, quiet.as_str()),
            (AUTO_UPDATE, ""),
            (FILE_RENAMES, &renames),
        ];
        assert_eq!(signs(&given), (false, WEAK.to_owned()));
        let empty = format!("\n{MANAGER}\n    {WEAK}    REG_MULTI_SZ    \n");
        let given = [
            (CBS, quiet.as_str()),
            (AUTO_UPDATE, ""),
            (FILE_RENAMES, &empty),
        ];
        assert_eq!(signs(&given), (false, String::new()));
    }

    #[test]
    fn without_the_needed_keys_only_yes_is_an_answer() {
        let mut given = answers(&[(CBS, "")]);
        assert_eq!(reboot(&given, &[]).unwrap_err().question, AUTO_UPDATE);
        given.mark(AUTO_UPDATE, GapCause::Missing);
        assert!(!reboot(&given, &[]).unwrap().required);
        let client = format!("\n{CLIENT}\\RebootRequired\n");
        assert!(
            reboot(&answers(&[(AUTO_UPDATE, &client)]), &[])
                .unwrap()
                .required
        );
        assert_eq!(
            reboot(&answers(&[(AUTO_UPDATE, "")]), &[])
                .unwrap_err()
                .question,
            CBS
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let text = format!("HKEY_{text}");
            let _ = reboot(&answers(&[(CBS, &text), (AUTO_UPDATE, &text), (COMPUTER_NAME, &text), (FILE_RENAMES, &text), (OLD_UPDATES, &text)]), &[]);
        }
    }
}
