//! A web server in this process, which does what a test wants and remembers what it was asked.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

/// A request as it was heard.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) method: String,
    pub(super) path: String,
    head: String,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// What is answered.
#[derive(Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The length that is said, where it is another.
    pub(super) said: Option<usize>,
    /// After how many bytes of the body the connection ends.
    pub(super) cut: Option<usize>,
    /// Whether the body comes without a length, again and again.
    pub(super) is_endless: bool,
    /// A pause after each byte.
    pub(super) drip: Option<Duration>,
}

impl Answer {
    pub(super) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn to(location: impl Into<String>) -> Self {
        Self::status(302).with("Location", location)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Says = dyn Fn(&Heard) -> Answer + Send + Sync;

/// A server on loopback.
pub(super) struct Server {
    pub(super) port: u16,
    scheme: &'static str,
    heard: Arc<Mutex<Vec<Heard>>>,
    _runs: JoinSet<()>,
}

impl Server {
    pub(super) async fn start(says: impl Fn(&Heard) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(says)).await
    }

    pub(super) async fn tls(
        identity: Arc<ServerConfig>,
        says: impl Fn(&Heard) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(identity), Arc::new(says)).await
    }

    async fn serve(identity: Option<Arc<ServerConfig>>, says: Arc<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        let scheme = if identity.is_some() { "https" } else { "http" };
        let mut runs = JoinSet::new();
        runs.spawn(async move {
            let mut visits = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (says, notes) = (Arc::clone(&says), Arc::clone(&notes));
                let identity = identity.clone();
                visits.spawn(async move {
                    match identity {
                        None => visit(tcp, says, notes).await,
                        Some(identity) => {
                            if let Ok(tls) = TlsAcceptor::from(identity).accept(tcp).await {
                                visit(tls, says, notes).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            port,
            scheme,
            heard,
            _runs: runs,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        let host = if self.scheme == "https" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        format!("{}://{host}:{}{path}", self.scheme, self.port)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn visit<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    says: Arc<Says>,
    notes: Arc<Mutex<Vec<Heard>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let heard = Heard { method, path, head };
    notes.lock().unwrap().push(heard.clone());
    let answer = says(&heard);
    if heard.method == "CONNECT" && answer.status == 200 {
        return tunnel(stream, &heard.path).await;
    }
    respond(&mut stream, answer).await.ok();
    stream.shutdown().await.ok();
}

/// What a proxy does.
async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, to: &str) {
    let port = to.rsplit_once(':').unwrap().1;
    let mut far = TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    tokio::io::copy_bidirectional(&mut stream, &mut far)
        .await
        .ok();
}

async fn respond<S: AsyncWrite + Unpin>(stream: &mut S, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let length = answer.said.unwrap_or(answer.body.len());
    if !answer.is_endless && answer.status != 304 {
        write!(head, "Content-Length: {length}\r\n").unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    if answer.is_endless {
        loop {
            stream.write_all(&answer.body).await?;
        }
    }
    let body = &answer.body[..answer.cut.unwrap_or(answer.body.len())];
    if let Some(pause) = answer.drip {
        for byte in body {
            stream.write_all(&[*byte]).await?;
            stream.flush().await?;
            tokio::time::sleep(pause).await;
        }
        return Ok(());
    }
    stream.write_all(body).await?;
    stream.flush().await
}

/// An authority that this machine does not know.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its certificate as a file.
    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        std::fs::write(&path, self.0.pem()).unwrap();
        path
    }

    /// An identity for `localhost`.
    pub(super) fn identity(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.0).unwrap();
        let leaf = CertificateDer::from_pem_slice(leaf.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key);
        Arc::new(config.unwrap())
    }
}
