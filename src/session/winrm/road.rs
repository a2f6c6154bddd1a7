//! The way to a host: opening a connection, and later another one to the very same server.

use super::http::Link;
use super::tls::{self, Again, Authorities};
use crate::session::tcp::connect;
use crate::session::{ClientCertificate, Limits, LoginError, MeetError};
use std::net::{IpAddr, SocketAddr};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Where a host is, and how to get there.
#[derive(Clone, Debug)]
pub(super) struct Road {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The name by which the operator gave it.
    pub(super) name: Option<String>,
    pub(super) tls: bool,
    pub(super) authorities: Authorities,
}

/// A connection, and what the server showed on it.
pub(super) struct Opened {
    pub(super) link: Link,
    /// Its certificate, where it speaks TLS.
    pub(super) leaf: Option<CertificateDer<'static>>,
    /// Whether an authority vouches for the certificate.
    pub(super) chained: bool,
}

impl Road {
    /// Connects. Nothing is said to the host but a TLS handshake.
    pub(super) async fn open(
        &self,
        again: Again<'_>,
        limits: &Limits,
    ) -> Result<Opened, MeetError> {
        let tcp = connect(SocketAddr::new(self.address, self.port), limits).await?;
        let authority = self.authority();
        if !self.tls {
            let link = Link::open(tcp, authority, limits.share.clone()).await;
            return Ok(Opened {
                link: link.map_err(|_| MeetError::Closed("it was asked anything"))?,
                leaf: None,
                chained: false,
            });
        }
        let server = tls::server_name(self.name.as_deref(), self.address);
        let until = limits.within(limits.login);
        let shaking = tls::shake_hands(tcp, server, &self.authorities, again);
        let shaken = limits.timeout_at(until, Box::pin(shaking)).await;
        let shaken = shaken.map_err(|_| MeetError::Timeout("the TLS handshake"))??;
        let link = Link::open(shaken.stream, authority, limits.share.clone()).await;
        Ok(Opened {
            link: link.map_err(|_| MeetError::Closed("it was asked anything"))?,
            leaf: Some(shaken.leaf),
            chained: shaken.chained,
        })
    }

    /// Connects again, to the server that was judged before and to no other.
    pub(super) async fn open_again(
        &self,
        judged: Option<&CertificateDer<'static>>,
        certificate: Option<&ClientCertificate>,
        limits: &Limits,
    ) -> Result<Link, LoginError> {
        let opened = self.open((judged, certificate), limits).await;
        let opened = opened.map_err(|error| match error {
            MeetError::OtherCertificate => LoginError::TlsUntrusted,
            error => LoginError::Lost {
                why: format!("the second connection: {error}"),
                said: String::new(),
                secret_sent: false,
            },
        })?;
        if opened.leaf.as_ref() != judged {
            return Err(LoginError::TlsUntrusted);
        }
        Ok(opened.link)
    }

    /// `host:port`, as `Host` and addresses have it.
    pub(super) fn authority(&self) -> String {
        let port = self.port;
        match (&self.name, self.address) {
            (Some(name), _) => format!("{name}:{port}"),
            (None, IpAddr::V4(address)) => format!("{address}:{port}"),
            (None, IpAddr::V6(address)) => format!("[{address}]:{port}"),
        }
    }

    /// The address of the service: `http://host:5985/wsman`.
    pub(super) fn to(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), super::PATH)
    }
}
