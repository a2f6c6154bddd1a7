//! What can go wrong with a Windows host in particular: Kerberos' refusals, authorities, statuses of
//! its web server.

use crate::model::ResultCode;

/// How Kerberos failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosFailure {
    /// What the key distribution centre (or the host) said.
    pub why: KerberosRefusal,
    /// Whether something made from the password was sent to the key distribution centre.
    pub secret_sent: bool,
    /// Whether the key distribution centre proved the password right.
    pub proven: bool,
}

/// What Kerberos says (RFC 4120 section 7.5.9; MS-KILE section 2.2.1 for the reasons that Windows
/// adds).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KerberosRefusal {
    /// The clocks differ too much.
    #[error("the clocks differ too much")]
    Skew,
    /// The directory knows no such service.
    #[error("the directory knows no service principal of this host")]
    NoSpn,
    /// The account or the host belongs elsewhere.
    #[error("the account or the host belongs to another realm")]
    WrongRealm,
    /// The directory knows no such account.
    #[error("the directory knows no such account")]
    NoSuchUser,
    /// The password is wrong.
    #[error("the password is wrong")]
    PreauthFailed,
    /// The account is locked.
    #[error("the account is locked")]
    Locked,
    /// The account is locked, disabled or expired; it is not said which.
    #[error("the account is locked, disabled or expired")]
    Revoked,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The password has expired.
    #[error("the password has expired")]
    PasswordExpired,
    /// The account has expired.
    #[error("the account has expired")]
    AccountExpired,
    /// The account may not log on at this hour.
    #[error("the account may not log on at this hour")]
    LogonTime,
    /// No key distribution centre answers; which ones were asked.
    #[error("no key distribution centre answers: {0}")]
    NoKdc(String),
    /// The host refused the ticket.
    #[error("the host refused the ticket, although the password is right")]
    HostRefused,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl KerberosRefusal {
    /// Whether another mechanism may be tried: nobody has refused anything.
    pub(super) fn is_technical(&self) -> bool {
        matches!(self, Self::NoKdc(_) | Self::NoSpn)
    }

    /// The stable word for it.
    pub(super) fn code(&self) -> ResultCode {
        match self {
            Self::Skew => ResultCode::KerberosSkew,
            Self::NoSpn => ResultCode::KerberosNoSpn,
            Self::WrongRealm => ResultCode::KerberosWrongRealm,
            Self::NoSuchUser | Self::PreauthFailed | Self::HostRefused => ResultCode::AuthRejected,
            Self::Locked | Self::Revoked => ResultCode::AccountLocked,
            Self::Disabled => ResultCode::AccountDisabled,
            Self::PasswordExpired => ResultCode::PasswordExpired,
            Self::AccountExpired => ResultCode::AccountExpired,
            Self::LogonTime => ResultCode::LogonTimeDenied,
            Self::NoKdc(_) => ResultCode::Timeout,
            Self::Other(_) => ResultCode::ProtocolError,
        }
    }
}

/// Why authorities could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no certificate in it.
    #[error("there is no certificate in PEM form in it; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// A certificate is damaged, or of a kind that cannot be an authority.
    #[error("certificate {0} of the file cannot be used as an authority: {1}")]
    Unusable(usize, String),
}

/// What the web server's status most likely means, for people.
pub(super) fn hint(status: u16) -> &'static str {
    match status {
        400 => ": a Kerberos ticket larger than HTTP.sys's 16 KB of headers, or no WinRM listener",
        403 => ": the listener does not take this address or certificate",
        404 => ": there is a web server, but no WinRM behind it",
        413 | 431 => ": the logon's token is too large for its web server",
        503 => ": the service is stopped or busy",
        _ => "",
    }
}
