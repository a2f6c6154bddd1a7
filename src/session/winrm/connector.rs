//! Meeting a host over WinRM.

use super::door::WinrmDoor;
use super::ntlm::Wrapping;
use super::road::Road;
use super::tls::{self, Authorities};
use crate::model::{HostKey, HostTrust, LiveHost};
use crate::session::host_trust::{self, Channel, Introduction};
use crate::session::{Connector, KnownKeys, Limits, MeetError, Met, Place};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

/// Forward look-ups, so that a name in a certificate can be confirmed to be of this address.
#[async_trait]
pub trait Names: Send + Sync {
    /// The addresses of a name; none where it has none or cannot be looked up.
    async fn addresses(&self, name: &str) -> Vec<IpAddr>;
}

/// Looks nothing up.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

#[async_trait]
impl Names for NoNames {
    async fn addresses(&self, _name: &str) -> Vec<IpAddr> {
        Vec::new()
    }
}

/// Meets hosts over WinRM.
#[derive(Clone)]
pub struct WinrmConnector {
    known: Arc<KnownKeys>,
    authorities: Authorities,
    tls_ports: BTreeSet<u16>,
    names: Arc<dyn Names>,
    wrapping: Wrapping,
}

impl fmt::Debug for WinrmConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WinrmConnector(TLS on {:?})", self.tls_ports)
    }
}

impl WinrmConnector {
    /// Takes the certificates and authorities that the operator vouches for, the ports on which
    /// TLS is spoken, and who looks up names.
    pub fn new(
        known: Arc<KnownKeys>,
        authorities: Authorities,
        tls_ports: BTreeSet<u16>,
        names: Arc<dyn Names>,
    ) -> Self {
        Self {
            known,
            authorities,
            tls_ports,
            names,
            wrapping: Wrapping::Raw,
        }
    }

    /// Offers NTLM inside SPNEGO (RFC 4178) first, not bare. Windows takes either; whichever is
    /// first, the other is used where a host wants that.
    #[must_use]
    pub fn with_spnego_first(mut self) -> Self {
        self.wrapping = Wrapping::Spnego;
        self
    }
}

#[async_trait]
impl Connector for WinrmConnector {
    /// Connects and, where TLS is spoken, shakes hands. No request is made: the first belongs to
    /// the logon, since Windows hangs up on any other.
    async fn meet(&self, host: &LiveHost, port: u16, limits: &Limits) -> Result<Met, MeetError> {
        let place = Place::of(host, port);
        let road = Road {
            address: host.address,
            port,
            name: host.name.as_deref().map(str::to_owned),
            tls: self.tls_ports.contains(&port),
            authorities: self.authorities.clone(),
        };
        let opened = road.open((None, None), limits).await?;
        let leaf = opened.leaf.clone();
        let door = Box::new(WinrmDoor::new(road, opened, self.wrapping));
        let Some(leaf) = leaf else {
            let key = HostKey {
                algorithm: "none".to_owned(),
                fingerprint: String::new(),
            };
            let banner = String::new();
            let channel = Channel::Http;
            return Ok(host_trust::admit_unproven(Introduction {
                key,
                banner,
                channel,
                door,
                remarks: Vec::new(),
            }));
        };
        let certified = door.is_chained() && self.is_for(&place, &leaf, limits).await;
        let shown = Introduction {
            key: tls::host_key(&leaf),
            banner: String::new(),
            channel: Channel::Tls,
            door,
            remarks: Vec::new(),
        };
        let certified = certified.then_some(HostTrust::TlsCa);
        host_trust::admit_by_certificate(&self.known, &place, shown, certified)
    }

    fn knows(&self, host: &LiveHost, port: u16) -> bool {
        self.tls_ports.contains(&port) && self.known.knows(&Place::of(host, port))
    }
}

impl WinrmConnector {
    /// Whether a certificate is for this host: for the name by which the operator gave it, for its
    /// address, or for a name that leads to its address.
    async fn is_for(&self, place: &Place<'_>, leaf: &CertificateDer<'_>, limits: &Limits) -> bool {
        let address = tls::server_name(None, place.address);
        let name = tls::server_name(place.name, place.address);
        if tls::is_for(leaf, &name) || tls::is_for(leaf, &address) {
            return true;
        }
        let confirmed = self.leads_here(place, leaf);
        let confirmed = limits
            .timeout_at(limits.within(limits.connect), confirmed)
            .await;
        confirmed.unwrap_or(false)
    }

    async fn leads_here(&self, place: &Place<'_>, leaf: &CertificateDer<'_>) -> bool {
        for name in tls::names_in(leaf) {
            let is_a_name = matches!(
                ServerName::try_from(name.as_str()),
                Ok(ServerName::DnsName(_))
            );
            let may_be_it = is_a_name && place.name.is_none_or(|given| is_short_of(given, &name));
            if may_be_it && self.names.addresses(&name).await.contains(&place.address) {
                return true;
            }
        }
        false
    }
}

/// Whether the operator's name is the host part of a full one. Where the operator gave another
/// name, a machine that has taken over its address must not pass for it.
fn is_short_of(given: &str, full: &str) -> bool {
    let host = full.split('.').next().unwrap_or_default();
    host.eq_ignore_ascii_case(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_the_first_part_of_a_full_one() {
        assert!(is_short_of("WEB1", "web1.contoso.test"));
        assert!(!is_short_of("web1.contoso.test", "web2.contoso.test"));
        assert!(!is_short_of("web", "web1.contoso.test"));
    }
}
