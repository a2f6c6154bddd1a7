//! The client: which roots it trusts, through which proxy it goes.

use super::error::SetupError;
use super::{Limits, Proxy};
use reqwest::redirect::Policy;
use reqwest::{Client, NoProxy};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What every server is told of us, and all that it is told.
const USER_AGENT: &str = concat!("underdesk/", env!("CARGO_PKG_VERSION"));

/// A client that follows no redirect by itself and reads no environment.
pub(super) fn client(
    proxy: Option<&Proxy>,
    authorities: &[PathBuf],
    limits: &Limits,
) -> Result<Client, SetupError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(limits.connect)
        .read_timeout(limits.silence)
        .tls_backend_preconfigured(tls(authorities)?);
    if let Some(proxy) = proxy {
        let all = reqwest::Proxy::all(proxy.address.as_str()).map_err(|_| SetupError::Proxy)?;
        let except = proxy.except.as_deref().and_then(NoProxy::from_string);
        builder = builder.proxy(all.no_proxy(except));
    }
    builder
        .build()
        .map_err(|error| SetupError::Tls(error.without_url().into()))
}

/// TLS with this machine's authorities, and those of files.
fn tls(authorities: &[PathBuf]) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for path in authorities {
        let added = add(&mut roots, path);
        if added == 0 {
            let place = Some(path.clone());
            return Err(SetupError::Roots { place });
        }
    }
    if roots.is_empty() {
        return Err(SetupError::Roots { place: None });
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Tls(error.into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Adds the certificates of a file. Returns how many.
fn add(roots: &mut RootCertStore, path: &Path) -> usize {
    let Ok(certificates) = CertificateDer::pem_file_iter(path) else {
        return 0;
    };
    roots.add_parsable_certificates(certificates.flatten()).0
}
