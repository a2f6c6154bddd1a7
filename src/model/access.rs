//! Every way into a host that was tried or ruled out, and how it ended.

use super::CredentialId;
use serde::{Deserialize, Serialize};

/// One row of `access.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// The protocol.
    pub protocol: Protocol,
    /// The port; `None` where none answered.
    pub port: Option<u16>,
    /// The credential; `None` for "no credential in scope".
    pub credential: Option<CredentialId>,
    /// Whether anything of the credential was used against this host.
    pub attempted: bool,
    /// How it ended.
    pub code: ResultCode,
    /// The particulars, for people. Attacker-controlled in part.
    pub detail: String,
    /// Whether we knew who we talked to.
    pub trust: HostTrust,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

impl AccessRecord {
    /// One thing to do about it: [`ResultCode::fix_hint`], where that depends on the protocol for this one.
    pub fn fix_hint(&self) -> &'static str {
        match (self.code, self.protocol) {
            (ResultCode::AuthRejected, Protocol::Ssh) => {
                "Check user and secret; underdesk doctor HOST tries the login step by step, and the log of its SSH server says why (journalctl -u ssh, or auth.log)."
            }
            (ResultCode::AuthRejected, Protocol::Winrm) => {
                "Check user and secret; underdesk doctor HOST tries the login step by step, and the host's security log says why (event 4625)."
            }
            (code, _) => code.fix_hint(),
        }
    }

    /// Of a machine's rows the one that would lead somebody to reading it: what was tried, the last of these; else
    /// what met the host, or was held back from it; else an open way in that only lacks a credential; else a way
    /// that is shut, where one that refuses says more than one that is silent; the last of equals.
    pub fn telling<'a>(rows: impl DoubleEndedIterator<Item = &'a Self>) -> Option<&'a Self> {
        rows.max_by_key(|row| row.says())
    }

    /// How much a row says of why a machine is not read.
    fn says(&self) -> u8 {
        match (self.code, self.port) {
            _ if self.attempted => 5,
            // Where no port of a login is open, a credential would change nothing.
            (ResultCode::NoCredentialInScope, None) | (ResultCode::NotNeeded, _) => 0,
            (ResultCode::Filtered, _) => 1,
            (ResultCode::PortClosed, _) => 2,
            (ResultCode::NoCredentialInScope, Some(_)) => 3,
            _ => 4,
        }
    }
}

/// A protocol for logging in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// SSH.
    Ssh,
    /// WinRM.
    Winrm,
    /// This machine, without a network.
    Local,
}

impl Protocol {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Winrm => "winrm",
            Self::Local => "local",
        }
    }
}

/// Why a peer is, or is not, known to be who we meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostTrust {
    /// Its key is one of our own pins.
    Pinned,
    /// Its key is in a `known_hosts` file.
    KnownHosts,
    /// Its certificate comes from an authority that the operator or this machine trusts, for the
    /// name by which the operator gave it.
    TlsCa,
    /// Its certificate comes from an SSH authority that the operator trusts for the name by which the
    /// operator gave it.
    HostCa,
    /// It proved itself to us by Kerberos.
    Kerberos,
    /// Its key was never seen before, and was pinned in this run.
    FirstUse,
    /// Its key was never seen before.
    Unknown,
    /// It shows another key than the one we know, or a revoked one.
    Changed,
    /// Nobody was met, or the protocol proves nothing.
    None,
}

impl HostTrust {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::KnownHosts => "known_hosts",
            Self::TlsCa => "tls_ca",
            Self::HostCa => "host_ca",
            Self::Kerberos => "kerberos",
            Self::FirstUse => "first_use",
            Self::Unknown => "unknown",
            Self::Changed => "changed",
            Self::None => "none",
        }
    }
}

/// How a way in ended: a stable word for scripts, with one sentence and one thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`sentence` says what each one means")]
#[non_exhaustive]
pub enum ResultCode {
    Ok,
    OkPartial,
    NotNeeded,
    NoCredentialInScope,
    NotAttemptedTrust,
    HostkeyUnknown,
    HostkeyChanged,
    TlsUntrusted,
    PortClosed,
    Filtered,
    Timeout,
    KexMismatch,
    AuthRejected,
    AccountLocked,
    AccountDisabled,
    AccountExpired,
    PasswordExpired,
    LogonTimeDenied,
    UacTokenFiltered,
    WinrmAccessDenied,
    WmiDenied,
    ShellDenied,
    ShellRestricted,
    WinrmBasicOnly,
    WinrmUnencryptedRefused,
    Quota,
    KerberosSkew,
    KerberosNoSpn,
    KerberosWrongRealm,
    SudoDenied,
    BreakerOpen,
    AccountInUse,
    ProtocolError,
    NoNetwork,
    Interrupted,
    Defect,
}

impl ResultCode {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What it means, in one sentence.
    pub fn sentence(self) -> &'static str {
        self.row().1
    }

    /// One thing to do about it; empty where nothing needs doing.
    pub fn fix_hint(self) -> &'static str {
        self.row().2
    }

    /// Every code, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|(code, _)| *code)
    }

    /// Whether we were let in and the questions were answered, all or some.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Ok | Self::OkPartial)
    }

    /// Reads the word used in exports.
    pub fn parse(word: &str) -> Option<Self> {
        ROWS.iter()
            .find(|(_, row)| row.0 == word)
            .map(|(code, _)| *code)
    }

    fn row(self) -> &'static (&'static str, &'static str, &'static str) {
        const NONE: &(&str, &str, &str) = &("protocol_error", "", "");
        ROWS.iter()
            .find(|(code, _)| *code == self)
            .map_or(NONE, |(_, row)| row)
    }
}

type Row = (&'static str, &'static str, &'static str);

/// Word, sentence, one thing to do.
const ROWS: &[(ResultCode, Row)] = &[
    (
        ResultCode::Ok,
        ("ok", "Logged in, and every question was answered.", ""),
    ),
    (
        ResultCode::OkPartial,
        (
            "ok_partial",
            "Logged in, but some questions went unanswered.",
            "Look at the gaps in detail: a missing tool, or a right that the account lacks.",
        ),
    ),
    (
        ResultCode::NotNeeded,
        (
            "not_needed",
            "Another credential had logged in, so this one was not tried.",
            "",
        ),
    ),
    (
        ResultCode::NoCredentialInScope,
        (
            "no_credential_in_scope",
            "No credential for this protocol has the host in its scope.",
            "Add a credential for this protocol whose scope covers it (underdesk credentials add), or note the host as expected.",
        ),
    ),
    (
        ResultCode::NotAttemptedTrust,
        (
            "not_attempted_trust",
            "The credential was held back because the host could not be verified.",
            "Verify the host and pin it: underdesk trust import. NTLM over plain HTTP is off: use HTTPS or Kerberos, or set ntlm_http = true in this credential.",
        ),
    ),
    (
        ResultCode::HostkeyUnknown,
        (
            "hostkey_unknown",
            "The host shows a key nobody has vouched for, and a password is not given to strangers.",
            "Check the fingerprint in detail with the host's owner, then: underdesk trust scan HOST, tick it, underdesk trust import.",
        ),
    ),
    (
        ResultCode::HostkeyChanged,
        (
            "hostkey_changed",
            "The host shows another key than the one on record, or a revoked one.",
            "Ask the host's owner whether it was reinstalled; if so: underdesk trust scan HOST, tick it, underdesk trust import --replace.",
        ),
    ),
    (
        ResultCode::TlsUntrusted,
        (
            "tls_untrusted",
            "The host's certificate is neither from a trusted authority nor pinned, so nothing secret was sent.",
            "Trust its authority, or check the fingerprint in detail with the host's owner and pin it: underdesk trust import.",
        ),
    ),
    (
        ResultCode::PortClosed,
        (
            "port_closed",
            "The host is up and refuses connections on this port.",
            "Start the service on the host (sshd; winrm quickconfig), or name its port, for SSH with --ssh-port.",
        ),
    ),
    (
        ResultCode::Filtered,
        (
            "filtered",
            "The host is up, and nothing answers on this port: most likely a firewall.",
            "Let the scanner's address through to this port.",
        ),
    ),
    (
        ResultCode::Timeout,
        (
            "timeout",
            "The host, or the domain controller that was to vouch for the login, did not answer in time.",
            "Run again with a longer --timeout, or look at the host's load; where detail names key distribution centres, check kdc in the credential and let this machine reach them on TCP port 88.",
        ),
    ),
    (
        ResultCode::KexMismatch,
        (
            "kex_mismatch",
            "The host offers no key exchange, cipher, host key or TLS version that is safe to use.",
            "Update the host's SSH server, or let its WinRM listener speak TLS 1.2.",
        ),
    ),
    (
        ResultCode::AuthRejected,
        (
            "auth_rejected",
            "The host refused the credential and gives no reason.",
            "Check user and secret; underdesk doctor HOST tries the login step by step, and the host's log says why (for SSH journalctl -u ssh or auth.log, on Windows event 4625).",
        ),
    ),
    (
        ResultCode::AccountLocked,
        (
            "account_locked",
            "The host or its directory says that the account is locked.",
            "Have the account unlocked before the next run.",
        ),
    ),
    (
        ResultCode::AccountDisabled,
        (
            "account_disabled",
            "The account is disabled.",
            "Have the account enabled, or take the credential out.",
        ),
    ),
    (
        ResultCode::AccountExpired,
        (
            "account_expired",
            "The account has expired.",
            "Have the account's expiry date extended.",
        ),
    ),
    (
        ResultCode::PasswordExpired,
        (
            "password_expired",
            "The password has expired and must be changed.",
            "Change the password and update the stored secret.",
        ),
    ),
    (
        ResultCode::LogonTimeDenied,
        (
            "logon_time_denied",
            "The account may not log in at this hour.",
            "Scan within the account's logon hours.",
        ),
    ),
    (
        ResultCode::UacTokenFiltered,
        (
            "uac_token_filtered",
            "Likely a local administrator whose rights UAC takes away when it comes over the network.",
            "Set LocalAccountTokenFilterPolicy=1 on the host, or use a domain account.",
        ),
    ),
    (
        ResultCode::WinrmAccessDenied,
        (
            "winrm_access_denied",
            "The login worked, but the account may not use WinRM.",
            "Add it to Remote Management Users on the host.",
        ),
    ),
    (
        ResultCode::WmiDenied,
        (
            "wmi_denied",
            "The login worked, but the account may not read WMI.",
            "Grant it Enable Account and Remote Enable on root/cimv2, and on root/default also Execute Methods (wmimgmt.msc).",
        ),
    ),
    (
        ResultCode::ShellDenied,
        (
            "shell_denied",
            "The login worked, but the account gets no shell.",
            "Give the account a login shell such as /bin/sh; on Windows for SSH check DefaultShell in HKLM\\SOFTWARE\\OpenSSH, for WinRM turn on the policy Allow Remote Shell Access and add the account to Remote Management Users.",
        ),
    ),
    (
        ResultCode::ShellRestricted,
        (
            "shell_restricted",
            "The login worked, but the shell runs none or not all of the questions.",
            "Let the account run sh, on Windows cmd, reg and PowerShell; look for a forced command, AppLocker or the policy Prevent access to registry editing tools.",
        ),
    ),
    (
        ResultCode::WinrmBasicOnly,
        (
            "winrm_basic_only",
            "The host offers Basic authentication only.",
            "Enable Negotiate or Kerberos on the host, or use HTTPS and set basic = true in this credential.",
        ),
    ),
    (
        ResultCode::WinrmUnencryptedRefused,
        (
            "winrm_unencrypted_refused",
            "The host refuses messages that are not encrypted.",
            "Use HTTPS, or a login that seals messages: Kerberos or NTLM. Leave AllowUnencrypted off.",
        ),
    ),
    (
        ResultCode::Quota,
        (
            "quota",
            "The host refuses more shells, sessions or requests for now.",
            "Run again later; see who holds them (winrm enumerate shell), or raise MaxShellsPerUser, over SSH MaxSessions.",
        ),
    ),
    (
        ResultCode::KerberosSkew,
        (
            "kerberos_skew",
            "The clocks of this machine and of the domain differ by more than Kerberos allows, mostly 5 minutes.",
            "Set the clocks of this machine, the host and the domain controller by NTP.",
        ),
    ),
    (
        ResultCode::KerberosNoSpn,
        (
            "kerberos_no_spn",
            "The directory knows no service principal for this host.",
            "Scan by the host's full name instead of its address, or register HTTP/NAME for it (setspn -S).",
        ),
    ),
    (
        ResultCode::KerberosWrongRealm,
        (
            "kerberos_wrong_realm",
            "The host or the account belongs to another realm than the credential says.",
            "Correct the realm in the credential, or use one of the host's realm.",
        ),
    ),
    (
        ResultCode::SudoDenied,
        (
            "sudo_denied",
            "sudo refused the account or its password; what needs no root was read.",
            "Put the lines of explain questions into sudoers and check sudo_password; or take sudo out of the credential.",
        ),
    ),
    (
        ResultCode::BreakerOpen,
        (
            "breaker_open",
            "The account has spent its wrong tries, so nothing was sent.",
            "Find out why it was refused before; the breaker closes after 24 hours.",
        ),
    ),
    (
        ResultCode::AccountInUse,
        (
            "account_in_use",
            "Another run was trying this account, so nothing was sent.",
            "Scan the host again when the run that detail names has ended.",
        ),
    ),
    (
        ResultCode::ProtocolError,
        (
            "protocol_error",
            "The host did not speak the protocol as it should.",
            "Look at detail; try by hand: ssh -v, or Test-WSMan.",
        ),
    ),
    (
        ResultCode::NoNetwork,
        (
            "no_network",
            "This machine had no network when the host's turn came; nothing of a credential was used.",
            "Bring this machine's network back (cable, WLAN, VPN), then: underdesk scan --resume RUN.",
        ),
    ),
    (
        ResultCode::Interrupted,
        (
            "interrupted",
            "The run ended, or has not got so far, before this host was done; nothing that it may have begun there is kept.",
            "Go on with the run: underdesk scan --resume RUN.",
        ),
    ),
    (
        ResultCode::Defect,
        (
            "defect",
            "A defect of this program ended the work on this host.",
            "Report it with detail and what was written to standard error; --record keeps what the host answered.",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: ResultCode, port: Option<u16>, attempted: bool) -> AccessRecord {
        AccessRecord {
            protocol: Protocol::Ssh,
            port,
            credential: None,
            attempted,
            code,
            detail: String::new(),
            trust: HostTrust::None,
            elapsed_ms: 0,
        }
    }

    fn telling(rows: &[AccessRecord]) -> Option<ResultCode> {
        AccessRecord::telling(rows.iter()).map(|row| row.code)
    }

    #[test]
    fn what_was_tried_tells_more_than_what_was_ruled_out() {
        let rows = [
            row(ResultCode::NoCredentialInScope, None, false),
            row(ResultCode::AuthRejected, Some(22), true),
            row(ResultCode::BreakerOpen, Some(22), false),
            row(ResultCode::Filtered, Some(22), false),
        ];
        assert_eq!(telling(&rows), Some(ResultCode::AuthRejected));
        let held = [rows[0].clone(), rows[2].clone(), rows[3].clone()];
        assert_eq!(telling(&held), Some(ResultCode::BreakerOpen));
        assert_eq!(telling(&[]), None);
    }

    #[test]
    fn of_two_rows_that_one_tells_which_leads_to_reading_the_host() {
        // From what leads there to what does not.
        let rows = [
            // The host was asked, and said why not.
            row(ResultCode::AuthRejected, Some(22), true),
            // A credential is at hand, and something holds it back.
            row(ResultCode::HostkeyUnknown, Some(22), false),
            // The way is open: WinRM on a Windows host, and only SSH has a credential.
            row(ResultCode::NoCredentialInScope, Some(5986), false),
            row(ResultCode::PortClosed, Some(22), false),
            row(ResultCode::Filtered, Some(22), false),
            // Nothing that one logs in on is open, and no credential is meant for it either.
            row(ResultCode::NoCredentialInScope, None, false),
        ];
        for (place, more) in rows.iter().enumerate() {
            for less in rows.iter().skip(place + 1) {
                for pair in [[more.clone(), less.clone()], [less.clone(), more.clone()]] {
                    let says = AccessRecord::telling(pair.iter());
                    assert_eq!(says, Some(more), "{pair:?}");
                }
            }
        }
    }

    #[test]
    fn a_refused_login_sends_nobody_to_the_log_of_another_system() {
        let refused = |protocol| AccessRecord {
            protocol,
            port: Some(22),
            credential: None,
            attempted: true,
            code: ResultCode::AuthRejected,
            detail: String::new(),
            trust: HostTrust::KnownHosts,
            elapsed_ms: 0,
        };
        let (ssh, winrm) = (refused(Protocol::Ssh), refused(Protocol::Winrm));
        assert!(ssh.fix_hint().contains("journalctl") && !ssh.fix_hint().contains("4625"));
        assert!(winrm.fix_hint().contains("4625") && !winrm.fix_hint().contains("journalctl"));
        for row in [ssh, winrm] {
            assert!(row.fix_hint().contains("underdesk doctor HOST"));
        }
    }

    #[test]
    fn every_code_has_one_row_and_the_word_serde_writes() {
        for (code, row) in ROWS {
            assert_eq!(serde_json::to_value(code).unwrap(), row.0);
            assert_eq!(ResultCode::parse(row.0), Some(*code));
            assert!(row.1.ends_with('.'), "{}", row.0);
            assert!(row.2.is_empty() || row.2.ends_with('.'), "{}", row.0);
        }
        assert_eq!(ROWS.len(), 36);
    }

    #[test]
    fn the_page_on_access_has_a_row_for_every_code_with_its_words() {
        let page = include_str!("../../docs/access.md");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(rows.len(), ROWS.len());
        for ((_, (word, sentence, hint)), row) in ROWS.iter().zip(rows) {
            let cells: Vec<&str> = row.split(" | ").collect();
            assert_eq!(cells.len(), 5, "{word}");
            assert_eq!(cells.first(), Some(&format!("| `{word}`").as_str()));
            assert_eq!(cells.get(1), Some(sentence), "{word}");
            let hint = if hint.is_empty() { "Nothing." } else { hint };
            assert_eq!(cells.get(4), Some(&format!("{hint} |").as_str()), "{word}");
            // Who says it, and where it is reached.
            assert!(cells.iter().all(|cell| cell.len() > 3), "{word}");
        }
    }
}
