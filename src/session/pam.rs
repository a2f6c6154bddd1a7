//! Why a host refuses, where its PAM modules say so.
//!
//! SSH itself gives no reason; but what PAM tells the user comes through as keyboard-interactive
//! text or as a banner. The phrases are the untranslated ones of `pam_unix`, `pam_faillock`, `pam_tally2`,
//! `pam_winbind`, sssd, OpenSSH and `pam_strerror`(3). A host in another language says nothing to us, and
//! its refusal stays `auth_rejected`.

use crate::model::ResultCode;

/// What a refusal's text says of the account; `None` where it says nothing of it.
///
/// Only for the text of a login that was refused: warnings such as "will expire in 3 days" are not
/// taken for refusals, yet a host says what it likes.
pub(super) fn read(text: &str) -> Option<ResultCode> {
    let text: String = text.chars().take(LONGEST).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").to_lowercase();
    // sssd lets an expired password in a few times more, and says so.
    if text.contains("grace login") {
        return None;
    }
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let (code, _) = PHRASES.iter().find(|(_, phrases)| says(phrases))?;
    Some(*code)
}

/// Whether a text that comes before the password says that the account cannot log in: then the host
/// need not hear it, and the tally of its wrong ones does not grow.
pub(super) fn is_unfit(text: &str) -> bool {
    matches!(
        read(text),
        Some(ResultCode::AccountLocked | ResultCode::AccountDisabled | ResultCode::AccountExpired)
    )
}

/// No module says more, in characters.
const LONGEST: usize = 8 * 1024;

/// In the order in which they are looked for: what stops an account for longest comes first.
const PHRASES: &[(ResultCode, &[&str])] = &[
    (
        ResultCode::AccountLocked,
        &[
            "account is locked",
            "account locked",
            "account has been locked",
            "account temporary locked",
            "account temporarily locked",
            "minutes left to unlock",
            "minute left to unlock",
            "nt_status_account_locked_out",
        ],
    ),
    (
        ResultCode::AccountDisabled,
        &[
            "account is disabled",
            "account disabled",
            "account has been disabled",
            "nt_status_account_disabled",
        ],
    ),
    (
        ResultCode::AccountExpired,
        &[
            "account has expired",
            "account is expired",
            "user is expired",
            "nt_status_account_expired",
        ],
    ),
    (
        ResultCode::PasswordExpired,
        &[
            "required to change your password immediately",
            "password has expired",
            "password expired",
            "need to change your password now",
            "must change your password now",
            "authentication token is no longer valid",
            "authentication token expired",
            "nt_status_password_expired",
            "nt_status_password_must_change",
        ],
    ),
    (
        ResultCode::LogonTimeDenied,
        &[
            "not allowed to logon at this time",
            "nt_status_invalid_logon_hours",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_is_understood() {
        let cases = [
            // pam_faillock, in two messages; its older kin and pam_tally2
            (
                "The account is locked due to 3 failed logins.\n(10 minutes left to unlock)",
                ResultCode::AccountLocked,
            ),
            (
                "Account locked due to 6 failed logins",
                ResultCode::AccountLocked,
            ),
            (
                "Account temporary locked (59 seconds left)",
                ResultCode::AccountLocked,
            ),
            // pam_winbind
            (
                "Your account has been locked. Please contact your System administrator",
                ResultCode::AccountLocked,
            ),
            (
                "Your account is disabled. Please contact your System administrator",
                ResultCode::AccountDisabled,
            ),
            (
                "You are not allowed to logon at this time",
                ResultCode::LogonTimeDenied,
            ),
            (
                "NT_STATUS_PASSWORD_MUST_CHANGE",
                ResultCode::PasswordExpired,
            ),
            // pam_unix
            (
                "Your account has expired; please contact your system administrator.",
                ResultCode::AccountExpired,
            ),
            (
                "You are required to change your password immediately (administrator enforced).",
                ResultCode::PasswordExpired,
            ),
            // sssd
            (
                "Password expired. Change your password now.",
                ResultCode::PasswordExpired,
            ),
            (
                "Permission denied. Server message: SSH user is expired",
                ResultCode::AccountExpired,
            ),
            // OpenSSH, pam_strerror
            (
                "WARNING: Your password has expired.",
                ResultCode::PasswordExpired,
            ),
            ("User account has expired", ResultCode::AccountExpired),
            (
                "Authentication token is no longer valid; new one required",
                ResultCode::PasswordExpired,
            ),
        ];
        for (text, code) in cases {
            assert_eq!(read(text), Some(code), "{text}");
        }
    }

    #[test]
    fn warnings_and_plain_refusals_say_nothing_of_the_account() {
        let texts = [
            "",
            "Permission denied",
            "Warning: your password will expire in 3 days.",
            "Your password has expired. You have 2 grace login(s) remaining.",
            "System is going down. Unprivileged users are not permitted to log in anymore.",
            "Password: ",
        ];
        for text in texts {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_lock_that_lasts_is_a_reason_to_keep_the_password_back() {
        assert!(is_unfit("The account is locked due to 2 failed logins."));
        assert!(!is_unfit("Three failed logins lock the account."));
        assert!(!is_unfit("Warning: your password will expire in 3 days."));
        assert!(!is_unfit("Your password has expired."));
    }

    #[test]
    fn line_breaks_and_case_do_not_hide_a_phrase() {
        assert_eq!(
            read("YOUR ACCOUNT\r\n  HAS EXPIRED"),
            Some(ResultCode::AccountExpired)
        );
    }
}
