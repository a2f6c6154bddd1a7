//! TLS: which authorities are trusted, and the handshake (1.2 and 1.3, over ring).

use super::verifier::Witness;
use crate::model::HostKey;
use crate::session::base64;
use crate::session::{ClientCertificate, KeyError, MeetError, TrustError};
use crate::traffic::Metered;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{Resumption, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The authorities whose certificates we believe.
#[derive(Clone, Debug)]
pub struct Authorities {
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// None at all: only pins count.
    pub fn none() -> Self {
        let roots = Arc::new(RootCertStore::empty());
        Self { roots }
    }

    /// Those that this machine trusts. What cannot be read is left out.
    ///
    /// Reads files: call it once a run.
    pub fn platform() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let roots = Arc::new(roots);
        Self { roots }
    }

    /// Adds the operator's own, in PEM.
    pub fn with_pem(self, pem: &[u8]) -> Result<Self, TrustError> {
        let mut roots = Arc::unwrap_or_clone(self.roots);
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            count += 1;
            let unusable = |why: String| TrustError::Unusable(count, why);
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            let added = roots.add(certificate);
            added.map_err(|error| unusable(error.to_string()))?;
        }
        if count == 0 {
            return Err(TrustError::NoCertificate);
        }
        let roots = Arc::new(roots);
        Ok(Self { roots })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// A connection inside TLS, and what the server showed.
pub(super) struct Shaken {
    pub(super) stream: TlsStream<Metered<TcpStream>>,
    pub(super) leaf: CertificateDer<'static>,
    /// Whether an authority vouches for the certificate, under whatever names it bears.
    pub(super) chained: bool,
}

/// Where a server is met again: the certificate that it must show, and the one that it is shown.
pub(super) type Again<'a> = (
    Option<&'a CertificateDer<'static>>,
    Option<&'a ClientCertificate>,
);

/// Shakes hands. The server's signature over the handshake is checked; nothing else decides here.
pub(super) async fn shake_hands(
    tcp: Metered<TcpStream>,
    server: ServerName<'static>,
    authorities: &Authorities,
    (judged, certificate): Again<'_>,
) -> Result<Shaken, MeetError> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let witness = Witness::new(Arc::clone(&authorities.roots), algorithms);
    let witness = Arc::new(witness.only(judged));
    let config = config(provider, &witness, certificate).map_err(|error| why(&error))?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = match connector.connect(server, tcp).await {
        Ok(stream) => stream,
        Err(error) => {
            let inner = error
                .get_ref()
                .and_then(|error| error.downcast_ref::<Error>());
            return Err(inner.map_or_else(|| MeetError::Tls(error.to_string()), why));
        }
    };
    let leaf = stream.get_ref().1.peer_certificates();
    let leaf = leaf.and_then(|chain| chain.first()).cloned();
    let Some(leaf) = leaf else {
        return Err(MeetError::Tls(
            "the server showed no certificate".to_owned(),
        ));
    };
    let chained = witness.is_chained();
    Ok(Shaken {
        stream,
        leaf: leaf.into_owned(),
        chained,
    })
}

fn config(
    provider: Arc<CryptoProvider>,
    witness: &Arc<Witness>,
    certificate: Option<&ClientCertificate>,
) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Witness>::clone(witness));
    let mut config = match certificate {
        Some(own) => config.with_client_auth_cert(own.chain(), own.private())?,
        None => config.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn why(error: &Error) -> MeetError {
    match error {
        Error::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion,
        )
        | Error::PeerIncompatible(_) => MeetError::KexMismatch {
            kind: "TLS version or cipher suite",
            theirs: format!("none of ECDHE with AES-GCM or ChaCha20 in TLS 1.2 or 1.3 ({error})"),
            legacy: String::new(),
        },
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            MeetError::OtherCertificate
        }
        error => MeetError::Tls(error.to_string()),
    }
}

/// What a certificate is remembered by.
pub(super) fn host_key(leaf: &CertificateDer<'_>) -> HostKey {
    let digest = base64::encode(&Sha256::digest(leaf));
    HostKey {
        algorithm: "x509".to_owned(),
        fingerprint: format!("SHA256:{digest}"),
    }
}

/// Whether a certificate is for a name or an address.
pub(super) fn is_for(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let parsed = ParsedCertificate::try_from(leaf);
    parsed.is_ok_and(|leaf| verify_server_name(&leaf, name).is_ok())
}

/// The first names in a certificate that can be looked up.
pub(super) fn names_in(leaf: &CertificateDer<'_>) -> Vec<String> {
    const MOST: usize = 3;
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        return Vec::new();
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice());
    let names = names.unwrap_or_default().iter();
    let plain = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) if !name.contains('*') => Some((*name).to_owned()),
        _ => None,
    };
    names.filter_map(plain).take(MOST).collect()
}

/// Whether a certificate can be on one host only: it has no wildcard, and no more names than a host
/// goes by.
pub(super) fn is_for_one_host(leaf: &CertificateDer<'_>) -> bool {
    const MOST: usize = 4;
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice());
    let mut hosts = names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        });
    let first: Vec<&str> = hosts.by_ref().take(MOST).collect();
    hosts.next().is_none() && !first.iter().any(|name| name.contains('*'))
}

/// What to call the server in the handshake: the operator's name, else its address.
pub(super) fn server_name(name: Option<&str>, address: IpAddr) -> ServerName<'static> {
    let name = name.map(|name| name.trim_end_matches('.').to_owned());
    let name = name.and_then(|name| ServerName::try_from(name).ok());
    name.unwrap_or_else(|| ServerName::IpAddress(address.into()))
}

/// Whether a client certificate and its key belong together.
pub(in crate::session) fn is_usable(own: &ClientCertificate) -> Result<(), KeyError> {
    let provider = ring::default_provider();
    match CertifiedKey::from_der(own.chain(), own.private(), &provider) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(_)) => Err(KeyError::Mismatch),
        Err(_) => Err(KeyError::Corrupt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    fn pair(names: &[&str]) -> (String, String, CertificateDer<'static>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let made = CertificateParams::new(names).unwrap();
        let made = made.self_signed(&key).unwrap();
        (made.pem(), key.serialize_pem(), made.der().clone())
    }

    #[test]
    fn a_client_certificate_needs_its_own_key() {
        let (certificate, key, _) = pair(&["scan"]);
        let (_, other, _) = pair(&["scan"]);
        let parse = |key: &str| ClientCertificate::parse(certificate.as_bytes(), &key.into());
        let own = parse(&key).unwrap();
        assert_eq!(format!("{own:?}"), "ClientCertificate(a chain of 1)");
        assert_eq!(parse(&other).unwrap_err(), KeyError::Mismatch);
        assert_eq!(parse("none").unwrap_err(), KeyError::NotAKey);
        let none = ClientCertificate::parse(b"none", &key.as_str().into());
        assert_eq!(none.unwrap_err(), KeyError::NoCertificate);
    }

    #[test]
    fn authorities_are_read_from_pem_and_from_nothing_else() {
        let (certificate, key, _) = pair(&["ca"]);
        let read = Authorities::none().with_pem(certificate.as_bytes());
        assert_eq!(read.unwrap().len(), 1);
        let error = Authorities::none().with_pem(key.as_bytes()).unwrap_err();
        assert_eq!(error, TrustError::NoCertificate);
    }

    #[test]
    fn a_certificate_for_many_names_is_no_single_host() {
        let is_one = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            let params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
            let key = KeyPair::generate().unwrap();
            is_for_one_host(params.self_signed(&key).unwrap().der())
        };
        assert!(is_one(&["web1", "web1.corp.example", "10.0.0.7"]));
        assert!(!is_one(&["*.corp.example"]));
        assert!(!is_one(&["a", "b", "c", "d", "e"]));
    }

    #[test]
    fn a_certificate_is_for_its_names_and_addresses() {
        let (_, _, leaf) = pair(&["web1.contoso.test", "10.0.0.7", "*.wild.test"]);
        let is_for = |name: &str| is_for(&leaf, &ServerName::try_from(name.to_owned()).unwrap());
        assert!(is_for("web1.contoso.test") && is_for("10.0.0.7") && is_for("a.wild.test"));
        assert!(!is_for("10.0.0.8") && !is_for("contoso.test"));
        assert_eq!(names_in(&leaf), ["web1.contoso.test"]);
        assert!(host_key(&leaf).fingerprint.starts_with("SHA256:"));
    }
}
