//! Where a host takes its updates from.
//!
//! The policy's values are documented with "Manage additional Windows Update settings" (Microsoft
//! Learn); without the key there is no policy, and updates come from Microsoft.

use super::questions::{AUTO_UPDATE, UPDATE_POLICY};
use super::reg::{self, Key};
use super::text::{LONG, NAME, day, digits, optional};
use crate::model::{Gap, UpdatePolicy, UtcTime};
use crate::session::Answers;

/// The policy, and what the client last did.
pub(super) fn policy(answers: &Answers) -> Result<UpdatePolicy, Gap> {
    let text = optional(answers.text(UPDATE_POLICY))?.unwrap_or_default();
    let keys = reg::keys(text);
    let text = |name| keys.iter().find_map(|key| key.clipped(name, LONG));
    let number = |name| keys.iter().find_map(|key| key.dword(name));
    let results = reg::keys(answers.text(AUTO_UPDATE).unwrap_or_default());
    let last = |kind: &str| {
        let end = format!(r"\Results\{kind}");
        let mut keys = results.iter().filter(|key| key.is_at(&end));
        keys.find_map(success)
    };
    let group = text("TargetGroup").map(|group| group.chars().take(NAME).collect());
    Ok(UpdatePolicy {
        wsus: text("WUServer"),
        wsus_status: text("WUStatusServer"),
        uses_wsus: number("UseWUServer") == Some(1),
        group: group.filter(|_| number("TargetGroupEnabled") != Some(0)),
        automatic: number("AUOptions"),
        is_off: number("NoAutoUpdate") == Some(1),
        last_install: last("Install"),
        last_search: last("Detect"),
    })
}

/// `LastSuccessTime`, `2024-06-13 07:12:33` in UTC.
fn success(key: &Key<'_>) -> Option<UtcTime> {
    let (date, time) = key.text("LastSuccessTime")?.split_once(' ')?;
    let mut parts = date.split('-').map(digits);
    let date = day(parts.next()??, parts.next()??, parts.next()??)?;
    UtcTime::parse(&format!("{date}T{}Z", time.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use crate::model::GapCause;
    use proptest::prelude::*;

    const POLICY: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
    const RESULTS: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\Results";

    #[test]
    fn wsus_is_used_only_where_the_policy_says_so() {
        let text = format!(
            "\r\n{POLICY}\r\n    WUServer    REG_SZ    http://wsus.example:8530\r\n    WUStatusServer    REG_SZ    http://wsus.example:8530\r\n    \
             TargetGroup    REG_SZ    Servers\r\n    TargetGroupEnabled    REG_DWORD    0x1\r\n\r\n{POLICY}\\AU\r\n    UseWUServer    REG_DWORD    0x1\r\n    AUOptions    REG_DWORD    0x4\r\n    NoAutoUpdate    REG_DWORD    0x0\r\n"
        );
        let client = format!(
            "\n{RESULTS}\\Detect\n    LastSuccessTime    REG_SZ    2024-06-14 07:12:33\n\n{RESULTS}\\Install\n    LastSuccessTime    REG_SZ    2024-06-13 07:12:33\n"
        );
        let policy = policy(&answers(&[(UPDATE_POLICY, &text), (AUTO_UPDATE, &client)])).unwrap();
        assert_eq!(policy.wsus.as_deref(), Some("http://wsus.example:8530"));
        assert!(policy.uses_wsus && !policy.is_off);
        assert_eq!(
            (policy.automatic, policy.group.as_deref()),
            (Some(4), Some("Servers"))
        );
        let time = |time: Option<UtcTime>| time.map(|time| time.to_string());
        assert_eq!(
            time(policy.last_install).as_deref(),
            Some("2024-06-13T07:12:33Z")
        );
        assert_eq!(
            time(policy.last_search).as_deref(),
            Some("2024-06-14T07:12:33Z")
        );
    }

    #[test]
    fn no_key_is_no_policy_and_no_rights_are_a_gap() {
        let mut given = answers(&[]);
        given.mark(UPDATE_POLICY, GapCause::Missing);
        assert_eq!(policy(&given), Ok(UpdatePolicy::default()));
        given.mark(UPDATE_POLICY, GapCause::Denied);
        assert_eq!(policy(&given).unwrap_err().cause, GapCause::Denied);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let text = format!("{RESULTS}\\Install\n    LastSuccessTime    REG_SZ    {text}\n");
            let _ = policy(&answers(&[(UPDATE_POLICY, &text), (AUTO_UPDATE, &text)]));
        }
    }
}
