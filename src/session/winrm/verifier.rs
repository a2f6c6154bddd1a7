//! Watching a TLS handshake: the server must prove that it holds its certificate's key, always;
//! whether anybody vouches for the certificate is noted, and decided upon later.

use std::sync::Arc;
use std::sync::Mutex;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Notes whether an authority vouches for the certificate of one connection.
#[derive(Debug)]
pub(super) struct Witness {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    /// The one certificate that may be shown, where one was judged before.
    judged: Option<CertificateDer<'static>>,
    chained: Mutex<bool>,
}

impl Witness {
    pub(super) fn new(roots: Arc<RootCertStore>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            roots,
            algorithms,
            judged: None,
            chained: Mutex::new(false),
        }
    }

    /// Breaks off where the server shows any other certificate than this one: before a client's
    /// certificate is shown, and anything signed with it.
    pub(super) fn only(mut self, judged: Option<&CertificateDer<'static>>) -> Self {
        self.judged = judged.cloned();
        self
    }

    /// Whether a chain from the certificate ends at one of the authorities, all in date.
    pub(super) fn is_chained(&self) -> bool {
        self.chained.lock().is_ok_and(|chained| *chained)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.judged.as_ref().is_some_and(|leaf| leaf != end_entity) {
            let why = CertificateError::ApplicationVerificationFailure;
            return Err(Error::InvalidCertificate(why));
        }
        let parsed = ParsedCertificate::try_from(end_entity);
        let chained = parsed.is_ok_and(|leaf| {
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &leaf,
                &self.roots,
                intermediates,
                now,
                algorithms,
            )
            .is_ok()
        });
        if let Ok(mut note) = self.chained.lock() {
            *note = chained;
        }
        // The decision is made where it can be weighed against pins.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
