//! Real connections on loopback, to peers that behave and to peers that do not.

mod zoo;

use super::*;
use crate::identify::certificate::tests::issued;
use crate::identify::{PROTOCOLS, http, smb, tls, winrm};
use crate::wire::{nbss, ntlmssp, smb2};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

fn how() -> How {
    How {
        patience: Duration::from_millis(500),
        ..How::until(Instant::now() + Duration::from_secs(20), 1_795_910_400)
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that reads a frame and answers with the next of these, on every connection anew.
async fn answering(answers: Vec<Vec<u8>>) -> (SocketAddr, JoinSet<()>) {
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in &answers {
                let mut heard = [0; 4096];
                if stream.read(&mut heard).await.unwrap_or(0) == 0 {
                    break;
                }
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    (address, tasks)
}

fn windows() -> Vec<Vec<u8>> {
    let names = [(2, "CONTOSO"), (1, "WEB1")];
    let token = ntlmssp::tests::challenge((10, 0, 17763), &names, None);
    vec![
        nbss::frame(&smb2::tests::negotiated(0x0311, 1, (0, 0))),
        nbss::frame(&smb2::tests::set_up(smb2::MORE_PROCESSING_REQUIRED, &token)),
    ]
}

#[tokio::test]
async fn a_file_server_is_asked_over_a_real_connection() {
    let (address, _tasks) = answering(windows()).await;
    let facts = converse(address, &smb::SMB2, &how()).await;
    assert!(facts.contains(&Fact::NetbiosComputer("WEB1".to_owned())));
    assert!(facts.contains(&Fact::SmbDialect("3.1.1".to_owned())));
}

#[tokio::test]
async fn a_peer_that_says_nothing_costs_its_time_and_no_more() {
    let (listener, address) = listener().await;
    let began = Instant::now();
    let facts = converse(address, &smb::SMB2, &how()).await;
    assert!(facts.is_empty());
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(listener);
    // Nobody listens any more.
    assert!(converse(address, &smb::SMB2, &how()).await.is_empty());
}

#[tokio::test]
async fn the_hosts_deadline_is_kept_whatever_the_patience() {
    let (_listener, address) = listener().await;
    let began = Instant::now();
    let how = How {
        patience: Duration::from_mins(1),
        ..How::until(Instant::now() + Duration::from_millis(300), 0)
    };
    converse(address, &tls::PROTOCOL, &how).await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_peer_that_sends_one_byte_at_a_time_is_left() {
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(b"H").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let began = Instant::now();
    assert!(converse(address, &http::PROTOCOL, &how()).await.is_empty());
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn of_endless_bytes_only_so_many_are_taken() {
    let (listener, address) = listener().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\nServer: endless\r\n\r\n";
            stream.write_all(head).await.ok();
            while stream.write_all(&[b'x'; 1024]).await.is_ok() {
                counter.fetch_add(1024, Ordering::Relaxed);
            }
        }
    });
    let facts = converse(address, &http::PROTOCOL, &how()).await;
    assert!(facts.contains(&Fact::Banner("endless".to_owned())));
    // The rest is what lay in the buffers of both sides.
    assert!(sent.load(Ordering::Relaxed) < 8 << 20);
}

#[tokio::test]
async fn a_reset_keeps_what_was_heard_before_it() {
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 4096];
        assert!(stream.read(&mut heard).await.unwrap() > 0);
        stream.write_all(&windows()[0]).await.unwrap();
        assert!(stream.read(&mut heard).await.unwrap() > 0);
        stream.set_zero_linger().unwrap();
    });
    let facts = converse(address, &smb::SMB2, &how()).await;
    assert_eq!(facts.len(), 4);
}

/// A TLS server that answers every request with the same words.
async fn over_tls(answer: &'static [u8]) -> (SocketAddr, JoinSet<()>) {
    let (der, key) = issued();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.into()], key.try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut heard = [0; 4096];
            if stream.read(&mut heard).await.unwrap_or(0) > 0 {
                stream.write_all(answer).await.ok();
                stream.shutdown().await.ok();
            }
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_read() {
    let (address, _tasks) = over_tls(b"").await;
    let facts = converse(address, &tls::PROTOCOL, &how()).await;
    assert_eq!(facts.first(), Some(&Fact::Tls("TLS 1.3".to_owned())));
    let names = |fact: &Fact| matches!(fact, Fact::Certificate(shown) if shown.common_name == "web1.contoso.test");
    assert!(facts.get(1).is_some_and(names));
    assert_eq!(facts.len(), 2);
}

#[tokio::test]
async fn a_page_is_read_through_tls() {
    let page = b"HTTP/1.0 200 OK\r\nServer: nginx/1.22.1\r\n\r\n<title>inside</title>";
    let (address, _tasks) = over_tls(page).await;
    let facts = converse(address, &http::OVER_TLS, &how()).await;
    assert!(facts.contains(&Fact::Title("inside".to_owned())));
    // Whoever speaks no TLS there tells nothing.
    let (address, _tasks) = answering(vec![page.to_vec()]).await;
    assert!(converse(address, &winrm::OVER_TLS, &how()).await.is_empty());
}

/// A protocol on a port that a test was given.
fn on(protocol: &Protocol, port: u16) -> &'static Protocol {
    Box::leak(Box::new(Protocol {
        ports: Box::leak(Box::new([port])),
        ..*protocol
    }))
}

#[tokio::test]
async fn clues_name_the_exchange_and_the_port() {
    let (address, _tasks) = answering(windows()).await;
    let protocols = [on(&smb::SMB2, address.port())];
    let ports = [address.port()];
    let ports = Ports {
        tcp: &ports,
        udp: &[],
        expected: &[],
    };
    let clues = identify_by(&protocols, address.ip(), &ports, &how()).await;
    let first = clues.first().unwrap();
    assert_eq!(
        (first.source.as_str(), first.proto.as_str()),
        ("smb2", "tcp")
    );
    assert_eq!(first.port, address.port());
    assert_eq!(clues.len(), 7);
}

#[tokio::test]
async fn a_printer_is_asked_nothing_more() {
    let page = b"HTTP/1.0 200 OK\r\nServer: HP LaserJet\r\n\r\n<title>x</title>".to_vec();
    let (web, _web) = answering(vec![page]).await;
    let (files, files_tasks) = answering(windows()).await;
    let protocols = [
        on(&http::PROTOCOL, web.port()),
        on(&smb::SMB2, files.port()),
    ];
    let ports = [files.port(), web.port()];
    let ports = Ports {
        tcp: &ports,
        udp: &[],
        expected: &[],
    };
    let clues = identify_by(&protocols, web.ip(), &ports, &how()).await;
    assert!(!clues.is_empty() && clues.iter().all(|clue| clue.source == "http"));
    drop(files_tasks);
}

#[test]
fn only_open_ports_that_a_protocol_claims_are_asked() {
    let ports = Ports {
        tcp: &[80, 139, 135, 443, 445, 9100, 12345],
        udp: &[137, 161],
        expected: &[],
    };
    let asked = |is_deep| -> Vec<(&str, u16)> {
        let questions = questions(&ports, PROTOCOLS, is_deep);
        let questions = questions.into_iter();
        questions
            .map(|(protocol, port)| (protocol.name, port))
            .collect()
    };
    let shallow = asked(false);
    for expected in [
        ("http", 80),
        ("https", 443),
        ("tls", 443),
        ("smb2", 445),
        ("smb1", 445),
    ] {
        assert!(shallow.contains(&expected), "{expected:?}");
    }
    let ports: Vec<u16> = shallow.iter().map(|(_, port)| *port).collect();
    for never in [135, 139, 9100, 12345] {
        assert!(!ports.contains(&never), "{never}");
    }
    assert!(asked(true).contains(&("msrpc", 135)));
}

struct Echo(Vec<u8>);

impl Dialogue for Echo {
    fn open(&mut self) -> Step {
        Step::Send(b"hello".to_vec())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.0.extend(bytes);
        Step::Done
    }

    fn facts(&self) -> Vec<Fact> {
        vec![Fact::Banner(String::from_utf8_lossy(&self.0).into_owned())]
    }
}

const ECHO: Protocol = Protocol {
    name: "echo",
    transport: Transport::Udp,
    ports: &[7],
    is_deep: false,
    begin: |_| Some(Box::new(Echo(Vec::new()))),
};

#[tokio::test]
async fn a_lost_datagram_is_sent_once_more() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut heard = [0; 64];
        peer.recv_from(&mut heard).await.unwrap();
        let (_, from) = peer.recv_from(&mut heard).await.unwrap();
        peer.send_to(b"hello yourself", from).await.unwrap();
        let third = timeout(Duration::from_millis(400), peer.recv_from(&mut heard)).await;
        assert!(third.is_err(), "it was sent a third time");
    });
    let facts = converse(address, &ECHO, &how()).await;
    assert_eq!(facts, [Fact::Banner("hello yourself".to_owned())]);
    tasks.join_all().await;
}

#[tokio::test]
async fn a_closed_udp_port_tells_nothing() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    drop(peer);
    assert!(converse(address, &ECHO, &how()).await.is_empty());
}

#[tokio::test]
async fn a_port_that_says_nothing_costs_one_conversation_and_not_one_for_each_protocol() {
    let (listener, address) = listener().await;
    let met = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&met);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let port: &'static [u16] = Box::leak(Box::new([address.port()]));
    let mut protocols = [smb::SMB2, http::PROTOCOL, winrm::PROTOCOL];
    for protocol in &mut protocols {
        protocol.ports = port;
    }
    let protocols: Vec<&Protocol> = protocols.iter().collect();
    let ports = Ports {
        tcp: port,
        udp: &[],
        expected: &[],
    };
    let clues = identify_by(&protocols, address.ip(), &ports, &how()).await;
    assert!(clues.is_empty());
    assert_eq!(met.load(Ordering::SeqCst), 1);
}
