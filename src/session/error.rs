//! What can go wrong with a host, step by step.

use super::windows_error::{KerberosFailure, hint};
use super::{Password, pam};
use crate::model::{Failure, HostKey, ResultCode};
use std::io;

/// Why a private key could not be read. None of them holds a piece of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no private key in it.
    #[error("this is no private key in PEM form; expected `-----BEGIN … PRIVATE KEY-----`")]
    NotAKey,
    /// It is encrypted, and there is no passphrase.
    #[error("the key is encrypted; give the credential a passphrase")]
    PassphraseNeeded,
    /// There is no certificate beside it.
    #[error("there is no certificate in PEM form; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// What should be an OpenSSH certificate is none.
    #[error(
        "this is no OpenSSH certificate; expected one line `…-cert-v01@openssh.com AAAA…`, as ssh-keygen -s writes it"
    )]
    NotACertificate,
    /// The certificate is one for hosts.
    #[error("the certificate is one for hosts, not for users (ssh-keygen -s without -h)")]
    HostCertificate,
    /// No host would take the certificate.
    #[error("the certificate names no principal, so no host takes it; sign it with -n user")]
    NoPrincipals,
    /// The certificate is not valid now.
    #[error("the certificate is of no use now: {0}; have it signed anew")]
    OutOfDate(String),
    /// The key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The passphrase does not open it.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// An algorithm that is not safe, or that we do not know.
    #[error("keys of type `{0}` are not supported; use ed25519, ecdsa or rsa")]
    Unsupported(String),
    /// It is damaged.
    #[error("the key is damaged or in a format we do not know; write it anew with ssh-keygen -p")]
    Corrupt,
}

/// Why we did not get to know a host. Nothing secret was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetError {
    /// The host refuses connections on the port.
    #[error("the port is closed")]
    PortClosed(#[source] io::Error),
    /// Nothing came back from the host or the network said no.
    #[error("the port cannot be reached")]
    Filtered(#[source] io::Error),
    /// This machine could not open a connection (descriptors, ports, memory).
    #[error("this machine cannot open another connection")]
    Local(#[source] io::Error),
    /// The connection opened, and then a step took too long.
    #[error("the host was silent while we waited for {0}")]
    Timeout(&'static str),
    /// The host says that it is too busy for us, each time we come.
    #[error("the host turns connections away: `{0}`")]
    Busy(String),
    /// The host closed the connection before it said who it is, each time we came.
    #[error("the host closed the connection before {0}")]
    Closed(&'static str),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// It shows another certificate than a moment ago.
    #[error("the host shows another certificate than a moment ago")]
    OtherCertificate,
    /// Something else than SSH answers.
    #[error("no SSH server answers, but: `{0}`")]
    NotSsh(String),
    /// We share no safe algorithm with the host.
    #[error("no {kind} in common; the host offers {theirs}{}", would_do(.legacy))]
    KexMismatch {
        /// What we have none in common of: `key exchange`, `host key algorithm`, …
        kind: &'static str,
        /// The host's list, cut short.
        theirs: String,
        /// Those of them that a credential may allow as old ones; empty where there are none.
        legacy: String,
    },
    /// The host is not the one we knew.
    #[error("the host shows {shown}, {} {known}", if *.revoked { "which is revoked;" } else { "but known is" })]
    HostKeyChanged {
        /// The key it showed.
        shown: HostKey,
        /// What we know for it.
        known: String,
        /// Whether the shown key is marked `@revoked`.
        revoked: bool,
    },
    /// The host on the way does not connect us.
    #[error("the jump host does not connect to it: {0}")]
    NoWayOn(String),
    /// The host broke the protocol.
    #[error("the key exchange failed")]
    Protocol(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Failure for MeetError {
    fn code(&self) -> ResultCode {
        match self {
            Self::PortClosed(_) => ResultCode::PortClosed,
            Self::Filtered(_) | Self::NoWayOn(_) => ResultCode::Filtered,
            Self::Local(_) | Self::Timeout(_) => ResultCode::Timeout,
            Self::Busy(_) => ResultCode::Quota,
            Self::Closed(_) | Self::NotSsh(_) | Self::Protocol(_) | Self::Tls(_) => {
                ResultCode::ProtocolError
            }
            Self::KexMismatch { .. } => ResultCode::KexMismatch,
            Self::OtherCertificate => ResultCode::TlsUntrusted,
            Self::HostKeyChanged { .. } => ResultCode::HostkeyChanged,
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::NotSsh(_)
            | Self::KexMismatch { .. }
            | Self::HostKeyChanged { .. }
            | Self::OtherCertificate => false,
            Self::PortClosed(_)
            | Self::Filtered(_)
            | Self::NoWayOn(_)
            | Self::Local(_)
            | Self::Timeout(_)
            | Self::Busy(_)
            | Self::Closed(_)
            | Self::Tls(_)
            | Self::Protocol(_) => true,
        }
    }
}

/// What the host said when it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginRefusal {
    /// The methods that the host would still take, as in RFC 4252: `publickey,password`.
    pub remaining: String,
    /// What it told us on the way: its banner, PAM's messages, its farewell. Capped; hostile.
    pub said: String,
    /// How many keys were offered.
    pub keys_offered: usize,
    /// What the certificate says that was offered, if one was.
    pub certificate: String,
}

/// Why a login failed. [`LoginError::secret_sent`] says whether it costs a try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The host refused the keys that were offered.
    #[error("the host accepts none of {} keys for this user{}{}", .0.keys_offered, offered(.0), said(.0))]
    KeysRefused(LoginRefusal),
    /// The host refused the password. Another try may lock the account.
    #[error("the host refused the password{}", said(.0))]
    PasswordRefused(LoginRefusal),
    /// The host says that the account cannot log in, so it was told nothing.
    #[error("the host says, before it has heard the password, that the account cannot log in{}", said(.0))]
    Unfit(LoginRefusal),
    /// The proof was right, and the host wants another one on top.
    #[error("the host accepted the proof but wants more{}", said(.refusal))]
    MoreWanted {
        /// What the host said.
        refusal: LoginRefusal,
        /// Whether the proof was a password.
        secret_sent: bool,
    },
    /// The password is right, and has to be changed first.
    #[error("the password has expired{}", said(.0))]
    PasswordExpired(LoginRefusal),
    /// The host takes no proof of the kind we have, so nothing was sent.
    #[error("the host takes no {wanted} from this user{}", said(.refusal))]
    NoSuchMethod {
        /// What we have.
        wanted: &'static str,
        /// What the host said.
        refusal: LoginRefusal,
    },
    /// The host asks something else than the password.
    #[error("the host asks `{prompt}`, which no stored secret answers")]
    StrangePrompt {
        /// The prompt, cut short. Hostile.
        prompt: String,
        /// Whether the password had been sent before.
        secret_sent: bool,
    },
    /// There is no key to offer.
    #[error("there is no key to offer")]
    NoKey,
    /// The certificate is not valid any more.
    #[error("the certificate was not shown: {0}; have it signed anew")]
    OutOfDate(String),
    /// The agent does not hold the one key that it was asked for.
    #[error("the ssh agent does not hold the key {0}; add it with ssh-add")]
    NotInAgent(String),
    /// The agent does not answer or does not sign.
    #[error("the ssh agent failed")]
    Agent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke.
    #[error("the connection broke during the login: {why}{}", after(.said))]
    Lost {
        /// What is known of the cause. Hostile.
        why: String,
        /// What the host had said before. Capped; hostile.
        said: String,
        /// Whether the password may have reached the host.
        secret_sent: bool,
    },
    /// The host did not answer in time.
    #[error("the host did not answer the login in time")]
    TimedOut {
        /// Whether the password may have reached the host.
        secret_sent: bool,
    },
    /// Windows refused the logon and gives no reason. Another try may lock the account.
    #[error(
        "the host refused the logon by {method} and gives no reason: user or password wrong, account locked, disabled or expired, {method} forbidden by policy, or a channel binding missing"
    )]
    Refused {
        /// `ntlm`, `basic` or `certificate`.
        method: &'static str,
        /// Whether it was a password.
        secret_sent: bool,
    },
    /// The host belongs to another domain than the credential, so nothing was sent.
    #[error(
        "the host belongs to the domain `{theirs}`, not to the credential's, so nothing was sent"
    )]
    ForeignDomain {
        /// The domain that the host names. Hostile.
        theirs: String,
    },
    /// The host takes Basic only, which the credential or the channel does not allow.
    #[error("the host takes nothing but Basic, which sends the password as it is")]
    BasicOnly,
    /// The certificate is nobody's we trust.
    #[error("the host's certificate is not from a trusted authority and not pinned")]
    TlsUntrusted,
    /// Plain HTTP proves nothing, so nothing was sent.
    #[error("over plain HTTP nothing proves who the host is, so nothing was sent")]
    PlainHttp,
    /// Kerberos failed.
    #[error("kerberos: {}", .0.why)]
    Kerberos(KerberosFailure),
    /// The web server answered the logon with something else than yes or no.
    #[error("the host answered the logon with HTTP {status}{}", hint(*.status))]
    Http {
        /// The HTTP status.
        status: u16,
        /// Whether the password may have reached the host.
        secret_sent: bool,
    },
    /// The host refuses, and does not say what it would take.
    #[error("the host asks for a logon but offers no way that we know; it offers `{0}`")]
    NoOffer(String),
    /// The host offers a protection so weak that nothing was sent.
    #[error("the host's challenge is refused because {0}, so nothing was sent")]
    Weak(&'static str),
    /// The host did not prove itself to us in return.
    #[error("the host let us in by kerberos without proving who it is")]
    NotMutual,
    /// A key of this host is known that it did not show, so it may not become trusted unseen.
    #[error("the host shows {shown}, and keys of other kinds are on record for it")]
    KnownOtherwise {
        /// The key it showed.
        shown: HostKey,
    },
}

impl LoginError {
    /// Whether a password may have reached the host and was not proven right: such a try counts.
    pub fn counts(&self) -> bool {
        self.secret_sent() && !self.proven()
    }

    /// Whether a password may have reached the host.
    pub fn secret_sent(&self) -> bool {
        match self {
            Self::PasswordRefused(_) | Self::PasswordExpired(_) | Self::NotMutual => true,
            Self::MoreWanted { secret_sent, .. }
            | Self::StrangePrompt { secret_sent, .. }
            | Self::Lost { secret_sent, .. }
            | Self::Refused { secret_sent, .. }
            | Self::Http { secret_sent, .. }
            | Self::TimedOut { secret_sent } => *secret_sent,
            Self::Kerberos(failure) => failure.secret_sent,
            Self::KeysRefused(_)
            | Self::Unfit(_)
            | Self::NoSuchMethod { .. }
            | Self::NoKey
            | Self::NotInAgent(_)
            | Self::OutOfDate(_)
            | Self::Agent(_)
            | Self::ForeignDomain { .. }
            | Self::BasicOnly
            | Self::TlsUntrusted
            | Self::PlainHttp
            | Self::NoOffer(_)
            | Self::Weak(_)
            | Self::KnownOtherwise { .. } => false,
        }
    }

    /// Whether the host, or its key distribution centre, said that the proof was right.
    pub fn proven(&self) -> bool {
        match self {
            Self::MoreWanted { .. } | Self::NotMutual => true,
            Self::Kerberos(failure) => failure.proven,
            _ => false,
        }
    }

    /// Takes a password out of the host's words.
    pub(super) fn hide(&mut self, password: &Password) {
        match self {
            Self::KeysRefused(refusal)
            | Self::PasswordRefused(refusal)
            | Self::PasswordExpired(refusal)
            | Self::Unfit(refusal)
            | Self::MoreWanted { refusal, .. }
            | Self::NoSuchMethod { refusal, .. } => {
                password.hide_in(&mut refusal.said);
            }
            Self::StrangePrompt { prompt, .. } => password.hide_in(prompt),
            Self::Lost { why, said, .. } => {
                password.hide_in(why);
                password.hide_in(said);
            }
            // The rest holds no words of a host that may have heard the password.
            _ => {}
        }
    }

    /// How many keys the host was offered, as far as is known.
    pub fn keys_offered(&self) -> Option<usize> {
        match self {
            Self::NoKey | Self::NotInAgent(_) | Self::OutOfDate(_) => Some(0),
            error => Some(error.refusal()?.keys_offered),
        }
    }

    fn refusal(&self) -> Option<&LoginRefusal> {
        match self {
            Self::KeysRefused(refusal)
            | Self::PasswordRefused(refusal)
            | Self::Unfit(refusal)
            | Self::MoreWanted { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

impl Failure for LoginError {
    fn code(&self) -> ResultCode {
        if let Some(code) = self.refusal().and_then(|refusal| code_in(&refusal.said)) {
            return code;
        }
        match self {
            Self::PasswordExpired(_) => ResultCode::PasswordExpired,
            Self::Lost { why, said, .. } => code_in(why)
                .or_else(|| code_in(said))
                .unwrap_or(ResultCode::ProtocolError),
            Self::TimedOut { .. } => ResultCode::Timeout,
            Self::KnownOtherwise { .. } => ResultCode::HostkeyUnknown,
            Self::ForeignDomain { .. } | Self::PlainHttp => ResultCode::NotAttemptedTrust,
            Self::BasicOnly => ResultCode::WinrmBasicOnly,
            Self::TlsUntrusted => ResultCode::TlsUntrusted,
            Self::Kerberos(failure) => failure.why.code(),
            Self::Http { status: 503, .. } => ResultCode::Quota,
            Self::Http { .. } | Self::NoOffer(_) | Self::Weak(_) | Self::NotMutual => {
                ResultCode::ProtocolError
            }
            Self::Refused { .. }
            | Self::KeysRefused(_)
            | Self::PasswordRefused(_)
            | Self::Unfit(_)
            | Self::MoreWanted { .. }
            | Self::NoSuchMethod { .. }
            | Self::StrangePrompt { .. }
            | Self::NoKey
            | Self::NotInAgent(_)
            | Self::OutOfDate(_)
            | Self::Agent(_) => ResultCode::AuthRejected,
        }
    }

    /// Never where another try may cost the account one.
    fn retryable(&self) -> bool {
        match self {
            Self::Lost { secret_sent, .. }
            | Self::TimedOut { secret_sent }
            | Self::Http {
                status: 503,
                secret_sent,
            } => !secret_sent,
            _ => false,
        }
    }
}

/// What a host's own words say about the account (PAM: `pam_faillock`, `pam_unix`, `pam_time`; sshd).
pub(super) fn code_in(said: &str) -> Option<ResultCode> {
    const WORDS: &[(&[&str], ResultCode)] = &[
        (&["account", "locked"], ResultCode::AccountLocked),
        (&["too many failed"], ResultCode::AccountLocked),
        (&["password", "expired"], ResultCode::PasswordExpired),
        (&["password change required"], ResultCode::PasswordExpired),
        (
            &["required to change your password"],
            ResultCode::PasswordExpired,
        ),
        (&["account", "expired"], ResultCode::AccountExpired),
        (&["account", "disabled"], ResultCode::AccountDisabled),
        (
            &["not permitted to log in at this time"],
            ResultCode::LogonTimeDenied,
        ),
    ];
    if let Some(code) = pam::read(said) {
        return Some(code);
    }
    let said = said.to_lowercase();
    let in_one_line = |words: &[&str]| {
        said.lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    };
    let row = WORDS.iter().find(|(words, _)| in_one_line(words))?;
    Some(row.1)
}

fn would_do(legacy: &str) -> String {
    if legacy.is_empty() {
        return String::new();
    }
    format!("; that is old: `legacy_algorithms = true` on the credential would allow {legacy}")
}

fn offered(refusal: &LoginRefusal) -> String {
    if refusal.certificate.is_empty() {
        return String::new();
    }
    format!("; it was shown the {}", refusal.certificate)
}

fn said(refusal: &LoginRefusal) -> String {
    let mut text = String::new();
    if !refusal.remaining.is_empty() {
        text.push_str("; it would take ");
        text.push_str(&refusal.remaining);
    }
    if !refusal.said.is_empty() {
        text.push_str("; it says: ");
        text.push_str(&refusal.said);
    }
    text
}

/// Why a set of questions got no answers at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The account has no shell.
    #[error("the login worked, but there is no shell{}", after(.0))]
    ShellDenied(String),
    /// Something else than a shell ran.
    #[error("the login worked, but something else than a shell answered{}", after(.0))]
    ShellRestricted(String),
    /// The password must be changed before anything else.
    #[error("the login worked, but the password must be changed first{}", after(.0))]
    PasswordExpired(String),
    /// sudo is not there, or does not let the account.
    #[error("sudo lets this account run nothing without a password{}", after(.0))]
    SudoDenied(String),
    /// sudo was to be told a password.
    #[error("{why}{}", after(.said))]
    SudoRefused {
        /// What came of it, and what to do.
        why: &'static str,
        /// The host's words. Capped; hostile.
        said: String,
    },
    /// The connection broke before the first answer.
    #[error("the host closed the connection before the first answer{}", after(.0))]
    Closed(String),
    /// The deadline passed before the first answer.
    #[error("the host gave no answer in time")]
    TimedOut,
    /// Other hosts' answers take up the run's memory, and none of this one was kept.
    #[error(
        "its answers were cut off: those of other hosts took up the memory of the run; scan it again, with fewer --hands"
    )]
    NoRoom,
    /// This machine could not start a shell.
    #[error("no shell can be started on this machine")]
    Local(#[source] io::Error),
    /// WinRM refuses the account, whatever it asks.
    #[error("the login worked, but WinRM refuses the account{}", after(.0))]
    WinrmAccessDenied(String),
    /// WinRM refuses an account of the host's own: most likely UAC took its rights away.
    #[error("the login worked, but WinRM refuses this local account{}", after(.0))]
    UacTokenFiltered(String),
    /// WMI refuses the account, and there is no other way.
    #[error("the login worked, but WMI refuses the account{}", after(.0))]
    WmiDenied(String),
    /// The host has too many shells or operations of this account.
    #[error("the host refuses more shells or requests for now{}", after(.0))]
    Quota(String),
    /// The host does not take messages that are not encrypted.
    #[error("the host refuses unencrypted messages")]
    UnencryptedRefused,
    /// The host answered unsealed over a connection that is sealed: somebody may be in between.
    #[error("the host answered in plain over a connection that is sealed")]
    NotSealed,
    /// The host does not know the login any more.
    #[error("the host wants another login in the midst of the session")]
    LoginForgotten,
    /// The host refused with a fault of WS-Management.
    #[error("the host refused with fault {number}{}", after(.text))]
    Fault {
        /// Its number; 0 where it has none.
        number: u64,
        /// The host's words. Capped; hostile.
        text: String,
    },
    /// What the host answered is no answer.
    #[error("the host's answer cannot be read: {0}")]
    Garbled(String),
}

impl Failure for SessionError {
    fn code(&self) -> ResultCode {
        match self {
            Self::ShellDenied(_) => ResultCode::ShellDenied,
            Self::ShellRestricted(_) => ResultCode::ShellRestricted,
            Self::PasswordExpired(_) => ResultCode::PasswordExpired,
            Self::SudoDenied(_) | Self::SudoRefused { .. } => ResultCode::SudoDenied,
            Self::TimedOut => ResultCode::Timeout,
            Self::WinrmAccessDenied(_) => ResultCode::WinrmAccessDenied,
            Self::UacTokenFiltered(_) => ResultCode::UacTokenFiltered,
            Self::WmiDenied(_) => ResultCode::WmiDenied,
            Self::Quota(_) => ResultCode::Quota,
            Self::UnencryptedRefused => ResultCode::WinrmUnencryptedRefused,
            Self::LoginForgotten => ResultCode::AuthRejected,
            Self::Closed(_)
            | Self::Local(_)
            | Self::NoRoom
            | Self::NotSealed
            | Self::Fault { .. }
            | Self::Garbled(_) => ResultCode::ProtocolError,
        }
    }

    /// Never where another session would need another login that may be counted.
    fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Closed(_) | Self::TimedOut | Self::Local(_) | Self::NoRoom | Self::Quota(_)
        )
    }
}

fn after(said: &str) -> String {
    if said.is_empty() {
        return String::new();
    }
    format!("; it says: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_pam_become_codes() {
        let cases = [
            (
                "The account is locked due to 3 failed logins.",
                ResultCode::AccountLocked,
            ),
            (
                "Your account has expired; please contact your system administrator.",
                ResultCode::AccountExpired,
            ),
            (
                "WARNING: Your password has expired.\nPassword change required but no TTY available.",
                ResultCode::PasswordExpired,
            ),
            (
                "You are required to change your password immediately (administrator enforced).",
                ResultCode::PasswordExpired,
            ),
            (
                "You are not allowed to logon at this time",
                ResultCode::LogonTimeDenied,
            ),
        ];
        for (text, code) in cases {
            assert_eq!(code_in(text), Some(code), "{text}");
        }
        assert_eq!(
            code_in("Authorised use only. Accounts are audited.\nLocked rooms."),
            None
        );
    }

    #[test]
    fn a_try_counts_only_when_a_secret_may_have_been_heard_and_was_not_proven() {
        let refusal = LoginRefusal::default();
        assert!(LoginError::PasswordRefused(refusal.clone()).counts());
        assert!(!LoginError::KeysRefused(refusal.clone()).counts());
        let secret_sent = true;
        assert!(LoginError::TimedOut { secret_sent }.counts());
        assert!(
            !LoginError::MoreWanted {
                refusal,
                secret_sent
            }
            .counts()
        );
        let lost = LoginError::Lost {
            why: String::new(),
            said: String::new(),
            secret_sent: false,
        };
        assert!(!lost.counts());
    }
}
