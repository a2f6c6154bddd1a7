//! Host certificates and jump hosts, against servers of our own. In process, on loopback, without root.

use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use underdesk::model::{Failure as _, HostTrust, LiveHost, ResultCode, UtcTime};
use underdesk::session::{
    Bastion, Connector as _, Key, KeyError, KnownKeys, Limits, LoggedIn, MeetError, Met, Proof,
    Signer, SshConnector, Way,
};

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

fn certificate(
    key: &PrivateKey,
    authority: &PrivateKey,
    kind: CertType,
    name: &str,
) -> Certificate {
    let rng = &mut russh::keys::key::safe_rng();
    let mut builder =
        Builder::new_with_random_nonce(rng, key.public_key(), 0, 4_000_000_000).unwrap();
    builder.cert_type(kind).unwrap();
    builder.key_id("test").unwrap();
    builder.valid_principal(name).unwrap();
    builder.sign(authority).unwrap()
}

/// A server that lets everybody in by key or certificate, and connects on wherever it is asked to.
#[derive(Clone)]
struct Server {
    port: u16,
    key: PublicKey,
    /// What it was asked for, by name.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(tasks: &mut JoinSet<()>, authority: Option<&PrivateKey>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let private = new_key();
        let certificates =
            authority.map(|it| certificate(&private, it, CertType::Host, "127.0.0.1"));
        let server = Self {
            port,
            key: private.public_key().clone(),
            asked: Arc::default(),
        };
        let config = Arc::new(Config {
            keys: vec![private],
            certificates: certificates.into_iter().collect(),
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let peer = server.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (config, peer) = (Arc::clone(&config), Peer(peer.clone(), JoinSet::new()));
                connections.spawn(async move {
                    if let Ok(running) = run_stream(config, tcp, peer).await {
                        running.await.ok();
                    }
                });
            }
        });
        server
    }

    fn line(&self) -> String {
        let key = self.key.to_openssh().unwrap();
        format!("[127.0.0.1]:{} {key}\n", self.port)
    }

    fn was_asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|it| it.as_str() == what).count()
    }

    async fn meet(&self, known: &str, way: Way) -> Result<Met, MeetError> {
        let mut keys = KnownKeys::default();
        keys.add_known_hosts(known);
        let connector = SshConnector::new(Arc::new(keys)).by(way).unwrap();
        let host = LiveHost {
            address: [127, 0, 0, 1].into(),
            name: None,
            tags: Arc::new([]),
            open_ports: vec![],
            round_trip: None,
        };
        connector.meet(&host, self.port, &Limits::default()).await
    }
}

struct Peer(Server, JoinSet<()>);

impl Peer {
    fn note(&self, what: &str) {
        self.0.asked.lock().unwrap().push(what.to_owned());
    }
}

impl Handler for Peer {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        self.note("key");
        Ok(Auth::Accept)
    }

    async fn auth_openssh_certificate(
        &mut self,
        _: &str,
        _: &Certificate,
    ) -> Result<Auth, russh::Error> {
        self.note("certificate");
        Ok(Auth::Accept)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, russh::Error> {
        self.note("agent");
        Ok(true)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.note("direct");
        let port = u16::try_from(port).unwrap();
        let Ok(mut tcp) = TcpStream::connect((host, port)).await else {
            reply.reject(russh::ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        self.1.spawn(async move {
            let mut stream = channel.into_stream();
            tokio::io::copy_bidirectional(&mut stream, &mut tcp)
                .await
                .ok();
        });
        Ok(())
    }
}

fn key() -> Key {
    let text = new_key().to_openssh(russh::keys::ssh_key::LineEnding::LF);
    Key::parse(&text.unwrap().as_str().into(), None).unwrap()
}

async fn log_in(met: Met, key: Key) -> LoggedIn {
    let Met::Verified(peer) = met else {
        panic!("a known host was not verified");
    };
    let keys = [Arc::new(key)];
    let proof = Proof::Signature(Signer::Keys(&keys));
    peer.log_in("audit", proof, &Limits::default())
        .await
        .unwrap()
}

async fn bastion(server: &Server, way: Way) -> Arc<Bastion> {
    let met = server.meet(&server.line(), way).await.unwrap();
    let session = log_in(met, key()).await.session;
    Arc::new(session.into_bastion().unwrap())
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_verifies_a_host_that_was_never_seen() {
    let mut tasks = JoinSet::new();
    let authority = new_key();
    let server = Server::start(&mut tasks, Some(&authority)).await;
    let ca = authority.public_key().to_openssh().unwrap();
    let met = server
        .meet(&format!("@cert-authority 127.0.0.* {ca}\n"), Way::default())
        .await;
    assert_eq!(met.unwrap().trust(), HostTrust::HostCa);
    let other = new_key().public_key().to_openssh().unwrap();
    let known = format!("@cert-authority * {other}\n");
    let met = server.meet(&known, Way::default()).await.unwrap();
    assert_eq!(met.trust(), HostTrust::Unknown);
    assert!(
        met.remarks()[0].contains("no known authority"),
        "{:?}",
        met.remarks()
    );
    // Its key may be known by itself.
    let met = server.meet(&(known + &server.line()), Way::default()).await;
    assert_eq!(met.unwrap().trust(), HostTrust::KnownHosts);
    let known = format!("@cert-authority * {ca}\n@revoked * {ca}\n");
    let error = server.meet(&known, Way::default()).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::HostkeyChanged);
}

#[tokio::test]
async fn a_users_certificate_is_what_the_host_sees() {
    let mut tasks = JoinSet::new();
    let server = Server::start(&mut tasks, None).await;
    let private = new_key();
    let text = private
        .to_openssh(russh::keys::ssh_key::LineEnding::LF)
        .unwrap();
    let key = Key::parse(&text.as_str().into(), None).unwrap();
    let now = UtcTime::from_unix(1_800_000_000);
    let signed = certificate(&private, &new_key(), CertType::User, "audit");
    let certified = key
        .certified(signed.to_openssh().unwrap().as_bytes(), now)
        .unwrap();
    let met = server.meet(&server.line(), Way::default()).await.unwrap();
    log_in(met, certified).await;
    assert_eq!(
        (server.was_asked("certificate"), server.was_asked("key")),
        (1, 0)
    );
    let late = UtcTime::from_unix(4_000_000_001);
    let error = key
        .certified(signed.to_openssh().unwrap().as_bytes(), late)
        .unwrap_err();
    assert!(matches!(error, KeyError::OutOfDate(_)), "{error}");
}

#[tokio::test]
async fn hosts_are_met_through_others_and_judged_by_us() {
    let mut tasks = JoinSet::new();
    let outer = Server::start(&mut tasks, None).await;
    let inner = Server::start(&mut tasks, None).await;
    let far = Server::start(&mut tasks, None).await;
    let first = bastion(&outer, Way::default()).await;
    let way = |lane| Way {
        legacy: false,
        through: Some(lane),
    };
    let second = bastion(&inner, way(first.lane().await)).await;
    let met = far
        .meet(&far.line(), way(second.lane().await))
        .await
        .unwrap();
    assert_eq!(met.trust(), HostTrust::KnownHosts);
    log_in(met, key()).await;
    let asked = |server: &Server| (server.was_asked("key"), server.was_asked("direct"));
    assert_eq!(
        (asked(&outer), asked(&inner), asked(&far)),
        ((1, 1), (1, 1), (1, 0))
    );
    // Whoever answers there is a stranger to us, whatever the bastion thinks of it.
    let met = far.meet("", way(second.lane().await)).await.unwrap();
    assert_eq!(met.trust(), HostTrust::Unknown);
    for server in [&outer, &inner, &far] {
        assert_eq!(server.was_asked("agent"), 0, "the agent was offered");
    }
}

#[tokio::test]
async fn where_nobody_answers_a_bastion_the_host_is_silent() {
    let mut tasks = JoinSet::new();
    let server = Server::start(&mut tasks, None).await;
    let bastion = bastion(&server, Way::default()).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let way = Way {
        legacy: false,
        through: Some(bastion.lane().await),
    };
    let far = Server {
        port,
        ..server.clone()
    };
    let error = far.meet("", way).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::Filtered);
}

#[tokio::test]
async fn so_many_go_through_a_bastion_at_once_and_the_next_one_waits() {
    let mut tasks = JoinSet::new();
    let server = Server::start(&mut tasks, None).await;
    let bastion = bastion(&server, Way::default()).await;
    let mut lanes = Vec::new();
    for _ in 0..8 {
        lanes.push(bastion.lane().await);
    }
    let mut ninth = std::pin::pin!(bastion.lane());
    let waits = tokio::time::timeout(Duration::from_millis(50), &mut ninth).await;
    assert!(waits.is_err(), "nine connections at once");
    lanes.pop();
    ninth.await;
}
