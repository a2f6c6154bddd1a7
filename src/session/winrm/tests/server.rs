//! Servers in this process that say what a test wants, and remember what they heard.

use crate::session::{Authorities, base64};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

type Heard = Arc<Mutex<Vec<String>>>;
type Answers = Arc<Mutex<VecDeque<String>>>;

/// A server on loopback.
pub(super) struct Server {
    pub(super) port: u16,
    heard: Heard,
    _runs: JoinSet<()>,
}

impl Server {
    /// Answers the requests, on whichever connection, with these one after the other. Connection
    /// by connection it shows the next of these identities, and the last one from then on.
    pub(super) async fn start(identities: Vec<Arc<ServerConfig>>, answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Heard::default();
        let notes = Arc::clone(&heard);
        let mut runs = JoinSet::new();
        runs.spawn(async move {
            let answers: Answers = Arc::new(Mutex::new(answers.into()));
            let mut visits = JoinSet::new();
            for turn in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let identity = identities.get(turn).or(identities.last()).cloned();
                let (answers, notes) = (Arc::clone(&answers), Arc::clone(&notes));
                visits.spawn(visit(tcp, identity, answers, notes));
            }
        });
        Self {
            port,
            heard,
            _runs: runs,
        }
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn visit(
    tcp: TcpStream,
    identity: Option<Arc<ServerConfig>>,
    answers: Answers,
    notes: Heard,
) {
    let Some(identity) = identity else {
        return serve(tcp, &answers, &notes).await;
    };
    let Ok(tls) = TlsAcceptor::from(identity).accept(tcp).await else {
        return;
    };
    if tls.get_ref().1.peer_certificates().is_some() {
        notes.lock().unwrap().push("a certificate".to_owned());
    }
    serve(tls, &answers, &notes).await;
}

/// One connection: it ends when the visitor goes or hears `Connection: close`.
async fn serve<S>(mut stream: S, answers: &Mutex<VecDeque<String>>, notes: &Heard)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        notes.lock().unwrap().push(request);
        let next = answers.lock().unwrap().pop_front();
        let Some(answer) = next else {
            return;
        };
        let written = stream.write_all(answer.as_bytes()).await;
        if written.is_err() || answer.contains("Connection: close") {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

pub(super) fn answer(head: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")
}

pub(super) fn offer(token: &[u8]) -> String {
    let token = base64::encode_padded(token);
    answer(&format!("401 \r\nWWW-Authenticate: Negotiate {token}"))
}

/// An authority, and what it signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(super) fn sign(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    /// A server's identity, which also asks for certificates of this authority.
    pub(super) fn identity(&self, names: &[&str]) -> Arc<ServerConfig> {
        let (leaf, key) = self.sign(names);
        let leaf = CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let roots = Arc::new(roots);
        let visitors = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(visitors)
            .with_single_cert(vec![leaf], key);
        Arc::new(config.unwrap())
    }

    pub(super) fn trusted(&self) -> Authorities {
        let pem = self.0.pem();
        Authorities::none().with_pem(pem.as_bytes()).unwrap()
    }
}
