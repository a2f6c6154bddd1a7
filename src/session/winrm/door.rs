//! Logging in: which way, and in which order.
//!
//! A refusal is final. Another way is tried only where nobody has refused anything, and nothing made
//! from the password was sent to this host.

use super::carrier::{Carrier, Seal};
use super::context::Context;
use super::http::Link;
use super::ntlm::{self, Wrapping};
use super::road::{Opened, Road};
use super::{Challenge, basic, kerberos, tls, wsman};
use crate::model::HostTrust;
use crate::session::host_trust::{Door, Means};
use crate::session::{
    ClientCertificate, KerberosWay, Limits, LoggedIn, LoginError, LoginRefusal, Password, Permit,
    Signer, WindowsLogon, WindowsSecret,
};
use async_trait::async_trait;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// A connection to WinRM on which nobody has logged in.
pub(super) struct WinrmDoor {
    ground: Ground,
    link: Link,
    chained: bool,
}

/// What a logon stands on.
pub(super) struct Ground {
    pub(super) road: Road,
    /// The certificate that was judged when we met, where TLS is spoken.
    pub(super) leaf: Option<CertificateDer<'static>>,
    pub(super) wrapping: Wrapping,
}

impl Ground {
    /// Another connection to the server that was judged.
    pub(super) async fn open_again(&self, limits: &Limits) -> Result<Link, LoginError> {
        let leaf = self.leaf.as_ref();
        self.road.open_again(leaf, None, limits).await
    }
}

impl WinrmDoor {
    pub(super) fn new(road: Road, opened: Opened, wrapping: Wrapping) -> Self {
        Self {
            ground: Ground {
                road,
                leaf: opened.leaf,
                wrapping,
            },
            link: opened.link,
            chained: opened.chained,
        }
    }

    /// Whether an authority vouches for the certificate, under whatever names it bears.
    pub(super) fn is_chained(&self) -> bool {
        self.chained
    }
}

#[async_trait]
impl Door for WinrmDoor {
    fn is_one_host(&self) -> bool {
        self.ground.leaf.as_ref().is_some_and(tls::is_for_one_host)
    }

    async fn open_with_signer(
        self: Box<Self>,
        _user: &str,
        _signer: Signer<'_>,
        _limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        Err(no_such_method("SSH key"))
    }

    async fn open_with_password(
        self: Box<Self>,
        _user: &str,
        _secret: (&Password, Permit),
        _limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        Err(no_such_method("SSH password"))
    }

    async fn open_with_windows(
        mut self: Box<Self>,
        (mut logon, _permit): (WindowsLogon<'_>, Permit),
        means: Means,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        // People write `.\user` for an account of the host itself.
        logon.domain = logon.domain.filter(|domain| !matches!(*domain, "" | "."));
        if self.link.is_closed() {
            // It may have hung up while we waited for our turn. Nothing was said yet.
            self.link = self.ground.open_again(limits).await?;
        }
        let password = match logon.secret {
            WindowsSecret::Password(password) => password,
            WindowsSecret::Certificate(own) => {
                return self.by_certificate(own, means, limits).await;
            }
        };
        let known = (&logon, password);
        if let Some(way) = &logon.kerberos {
            match self.by_kerberos(way, known, limits).await? {
                Tried::In(logged_in) => return Ok(*logged_in),
                Tried::Not(error, _) if means == Means::KerberosOnly || !logon.ntlm => {
                    return Err(error);
                }
                Tried::Not(_, door) => return door.by_ntlm(known, limits).await,
            }
        }
        match means {
            Means::KerberosOnly => Err(no_such_method("kerberos")),
            Means::Any if logon.ntlm => self.by_ntlm(known, limits).await,
            Means::Any if logon.basic => self.by_basic(known, limits).await,
            Means::Any => Err(no_such_method("way that the credential allows")),
        }
    }
}

/// How a try went.
enum Tried {
    In(Box<LoggedIn>),
    /// Nobody refused anything, and the host has heard nothing.
    Not(LoginError, Box<WinrmDoor>),
}

impl WinrmDoor {
    async fn by_kerberos(
        mut self: Box<Self>,
        way: &KerberosWay<'_>,
        (logon, password): (&WindowsLogon<'_>, &Password),
        limits: &Limits,
    ) -> Result<Tried, LoginError> {
        let ticket = kerberos::ticket(way, (logon.user, password), limits).await;
        let ticket = match ticket {
            Ok(ticket) => ticket,
            Err(failure) => {
                // Without an answer to a proof nobody knows whether it was refused.
                let is_open = !failure.secret_sent || failure.proven;
                let is_technical = failure.why.is_technical() && is_open;
                let error = LoginError::Kerberos(failure);
                return if is_technical {
                    Ok(Tried::Not(error, self))
                } else {
                    Err(error)
                };
            }
        };
        if self.link.is_closed() {
            self.link = self.ground.open_again(limits).await?;
        }
        let context = ticket.show(&mut self.link, limits).await?;
        let ground = self.ground;
        let carrier = carrier(&ground, self.link, (context, false));
        Ok(Tried::In(Box::new(LoggedIn {
            trust: Some(HostTrust::Kerberos),
            ..logged_in(carrier, "kerberos")
        })))
    }

    async fn by_ntlm(
        self: Box<Self>,
        (logon, password): (&WindowsLogon<'_>, &Password),
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let Self { ground, link, .. } = *self;
        let is_tls = ground.leaf.is_some();
        match ntlm::log_on(&ground, link, (logon, password), limits).await {
            Ok(left) => {
                let local = left.challenge.is_local(logon.domain);
                let mut carrier = carrier(&ground, left.link, (left.context, local));
                carrier.confirm("ntlm", limits).await?;
                let challenge = Some(left.challenge);
                Ok(LoggedIn {
                    challenge,
                    ..logged_in(carrier, "ntlm")
                })
            }
            Err(LoginError::BasicOnly) if logon.basic && is_tls => {
                let link = ground.open_again(limits).await?;
                open_by_basic(&ground, link, (logon, password), limits).await
            }
            Err(error) => Err(error),
        }
    }

    async fn by_basic(
        self: Box<Self>,
        known: (&WindowsLogon<'_>, &Password),
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        if self.ground.leaf.is_none() {
            return Err(LoginError::BasicOnly);
        }
        open_by_basic(&self.ground, self.link, known, limits).await
    }

    /// Over a connection of its own, since the certificate is shown in the handshake.
    async fn by_certificate(
        self: Box<Self>,
        own: &ClientCertificate,
        means: Means,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let Self { ground, link, .. } = *self;
        if ground.leaf.is_none() || means == Means::KerberosOnly {
            return Err(LoginError::TlsUntrusted);
        }
        drop(link);
        let leaf = ground.leaf.as_ref();
        let mut link = ground.road.open_again(leaf, Some(own), limits).await?;
        let header = basic::mutual();
        basic::prove(&mut link, &header, "certificate", limits).await?;
        let carrier = over(&ground, link, (Seal::Header(header), true));
        Ok(logged_in(carrier, "certificate"))
    }
}

async fn open_by_basic(
    ground: &Ground,
    mut link: Link,
    (logon, password): (&WindowsLogon<'_>, &Password),
    limits: &Limits,
) -> Result<LoggedIn, LoginError> {
    let header = basic::header(logon, password)?;
    basic::prove(&mut link, &header, "basic", limits).await?;
    let local = logon.domain.is_none();
    let carrier = over(ground, link, (Seal::Header(header), local));
    Ok(logged_in(carrier, "basic"))
}

/// A connection that is logged in: sealed, unless it is inside TLS.
fn carrier(ground: &Ground, link: Link, (context, local): (Context, bool)) -> Carrier {
    let seal = match ground.leaf {
        Some(_) => Seal::Tls,
        None => Seal::Sealed(context),
    };
    over(ground, link, (seal, local))
}

fn over(ground: &Ground, link: Link, (seal, local): (Seal, bool)) -> Carrier {
    Carrier {
        link,
        seal,
        to: ground.road.to(),
        local,
    }
}

fn logged_in(carrier: Carrier, method: &'static str) -> LoggedIn {
    LoggedIn {
        session: wsman::open_session(Box::new(carrier)),
        method,
        secret_sent: method != "certificate",
        said: String::new(),
        trust: None,
        challenge: None::<Challenge>,
        remarks: Vec::new(),
        verified: None,
    }
}

fn no_such_method(wanted: &'static str) -> LoginError {
    LoginError::NoSuchMethod {
        wanted,
        refusal: LoginRefusal::default(),
    }
}
