//! The certificates of a lab's HTTPS listeners: made when it starts, gone when it ends.

use super::config::{Certificate, Offer, WinRm};
use super::ntlm::binding_of;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, Error,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WantsServerCert;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

/// The certificate authority of a lab.
pub(in crate::lab) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// An HTTPS listener of a host.
#[derive(Clone)]
pub(super) struct Https {
    pub(super) acceptor: TlsAcceptor,
    /// What a logon over it has to be bound to.
    pub(super) binding: [u8; 16],
}

impl Authority {
    /// Makes an authority for a network of a name.
    pub(in crate::lab) fn new(network: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{network} lab authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its own certificate, as PEM.
    pub(in crate::lab) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate with which somebody logs in, and its key, as PEM.
    pub(in crate::lab) fn client(&self, user: &str) -> Result<(String, String), Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// A listener for a host that is known by these names and addresses.
    pub(super) fn https(&self, names: Vec<String>, config: &WinRm) -> Result<Https, Error> {
        let kind = config.certificate;
        let names = match kind {
            Certificate::WrongName => vec!["another-host.example".to_owned()],
            _ => names,
        };
        let first = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, first);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match kind {
            Certificate::Expired => date_time_ymd(2021, 1, 1),
            _ => date_time_ymd(2099, 1, 1),
        };
        let key = KeyPair::generate()?;
        let certificate = match kind {
            Certificate::SelfSigned => params.self_signed(&key)?,
            _ => params.signed_by(&key, &self.issuer)?,
        };
        let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| Error::CouldNotParseCertificate)?;
        let builder = if config.offers().contains(&Offer::Certificate) {
            self.asking_clients(builder)?
        } else {
            builder.with_no_client_auth()
        };
        let config = builder
            .with_single_cert(vec![certificate.der().clone()], secret)
            .map_err(|_| Error::CouldNotParseCertificate)?;
        Ok(Https {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            binding: binding_of(&Sha256::digest(certificate.der())),
        })
    }
}

impl Authority {
    /// Asks the client for a certificate, and takes none for an answer.
    fn asking_clients(
        &self,
        builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    ) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, Error> {
        let bad = Error::CouldNotParseCertificate;
        let mut roots = RootCertStore::empty();
        let own = self.issuer.der().clone();
        roots.add(own).map_err(|_| bad.clone())?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|_| bad)?;
        Ok(builder.with_client_cert_verifier(verifier))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Https").finish_non_exhaustive()
    }
}
