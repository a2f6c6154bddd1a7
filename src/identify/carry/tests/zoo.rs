//! Every protocol against every bad manner of a peer, over real connections on loopback. A peer is a good server
//! behind somebody who spoils what it says. Each conversation comes to an end, takes no more than its share, and
//! harms no other.

use super::super::*;
use crate::identify::PROTOCOLS;
use crate::identify::certificate::tests::issued;
use crate::identify::dialogue::tests::with_tls;
use crate::identify::{ldap, msrpc, netbios, rdp, snmp, sql_browser, winrm};
use crate::wire::ntlmssp::tests::challenge;
use crate::wire::tls::Version;
use crate::wire::{base64, dcerpc, nbss, smb1, smb2, tds, tls};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// How long one connection may take here, where it depends on that when it ends.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long it may take where it ends by itself, and how long all of a host: more than a busy machine needs.
const AT_LAST: Duration = Duration::from_mins(1);
/// Whatever a peer has ready to say, this is more than we take, and than lies in the buffers of both sides.
const TOO_MUCH: usize = 32 << 20;
/// How many peers are met at once.
const AT_ONCE: usize = 24;

// ---- Good peers ----

/// What a good server does next.
#[derive(Clone)]
enum Act {
    /// Hears something, and says this.
    Say(Vec<u8>),
    /// Shakes hands for TLS.
    Tls,
}

/// The exchange of a good server, over as many connections as it takes.
fn good(protocol: &Protocol) -> Vec<Act> {
    let over_tls = |name| [vec![Act::Tls], said(name)].concat();
    match protocol.name {
        "https" => over_tls("http"),
        "ldaps" => over_tls("ldap"),
        "winrm-tls" => over_tls("winrm"),
        "tls" => over_tls("tls"),
        name => said(name),
    }
}

/// The same without what comes before it, where all of it is over TLS.
fn said(name: &str) -> Vec<Act> {
    let say = |answers: Vec<Vec<u8>>| answers.into_iter().map(Act::Say).collect::<Vec<_>>();
    let token = challenge((10, 0, 17763), &[(2, "CONTOSO"), (1, "WEB1")], None);
    let more = smb2::MORE_PROCESSING_REQUIRED;
    let names = netbios::tests::CONTROLLER;
    let page = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 21\r\n\r\n<title>inside</title>\n";
    match name {
        "snmp" => {
            let id = [0x80, 0, 0, 9, 3, 0, 0x1b, 0x54, 1, 2, 3];
            say(vec![snmp::tests::report(&id, 0xa8)])
        }
        "nbstat" => say(vec![netbios::tests::answer(names, [1; 6])]),
        "sql-browser" => say(vec![sql_browser::tests::answer(sql_browser::tests::TWO)]),
        "http" => say(vec![page.to_vec()]),
        "tls" => {
            let (der, _) = issued();
            let flight = |version| tls::tests::flight(version, &der, 4000);
            let old = [Version::TLS_1_1, Version::TLS_1_0].map(flight);
            say([&old[..], &[vec![21, 3, 1, 0, 2, 2, 70]]].concat())
        }
        "smb2" => say(vec![
            nbss::frame(&smb2::tests::negotiated(0x0311, 1, (0, 0))),
            nbss::frame(&smb2::tests::set_up(more, &token)),
        ]),
        "smb1" => say(vec![
            nbss::frame(&smb1::tests::negotiated(0, 3, None)),
            nbss::frame(&smb1::tests::set_up(
                more,
                &token,
                ["Windows 5.2", "Windows"],
            )),
        ]),
        "ldap" => say(vec![ldap::tests::answer(ldap::tests::CONTROLLER)]),
        "winrm" => {
            let negotiate = base64::encode_padded(&token);
            let negotiate = format!("WWW-Authenticate: Negotiate {negotiate}\r\n");
            say(vec![winrm::tests::refusal(&negotiate)])
        }
        "rdp" => {
            let first = say(vec![rdp::tests::confirm(3, 5), rdp::tests::confirm(2, 8)]);
            let last = say(vec![crate::wire::rdp::ts_request(&token)]);
            [first, vec![Act::Tls], last].concat()
        }
        "mssql" => {
            let sspi = [&[0xed, u8::try_from(token.len()).unwrap(), 0][..], &token].concat();
            let answers = [&tds::tests::prelogin_body(2)[..], &sspi];
            say(answers.map(tds::tests::answered).to_vec())
        }
        "msrpc" => {
            let (accepted, answered) = (msrpc::tests::ACCEPTED, dcerpc::tests::answered);
            let alive = dcerpc::tests::alive(&["WEB1", "192.0.2.7", "10.0.0.7"]);
            say(vec![
                answered(accepted, &[0; 44]),
                msrpc::tests::result(&alive),
                answered(accepted, &[&[0; 44][..], &token].concat()),
            ])
        }
        name => panic!("{name}: write down what a good server of it says"),
    }
}

/// The port of a server that goes through its acts, once.
async fn serve(acts: Vec<Act>, acceptor: TlsAcceptor, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut acts = acts.into_iter().peekable();
        'connections: while acts.peek().is_some() {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let mut stream: Box<dyn Stream> = Box::new(stream);
            while let Some(act) = acts.peek().cloned() {
                match act {
                    Act::Tls => {
                        acts.next();
                        let Ok(inside) = acceptor.accept(stream).await else {
                            continue 'connections;
                        };
                        stream = Box::new(inside);
                    }
                    Act::Say(answer) => {
                        let mut heard = [0; 4096];
                        // It has hung up, to go on with the next connection.
                        if stream.read(&mut heard).await.unwrap_or(0) == 0 {
                            break;
                        }
                        acts.next();
                        if stream.write_all(&answer).await.is_err() {
                            break;
                        }
                        stream.flush().await.ok();
                    }
                }
            }
            // What comes after the last act is swallowed, so that nothing is cut off.
            if acts.peek().is_none() {
                let mut rest = [0; 4096];
                while stream.read(&mut rest).await.unwrap_or(0) > 0 {}
            }
        }
    });
    address
}

fn acceptor() -> TlsAcceptor {
    let (der, key) = issued();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.into()], key.try_into().unwrap());
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

// ---- Bad manners ----

/// How what a good server says is spoilt; the number is of bytes that come through first.
#[derive(Clone, Debug)]
enum Manner {
    /// It is not.
    None,
    /// Nothing more comes.
    Falls(usize),
    /// The connection is closed.
    Closes(usize),
    /// The connection is reset.
    Resets(usize),
    /// It comes one byte at a time.
    Drips,
    /// This comes without end.
    Floods(usize, &'static [u8]),
    /// Every byte from there on is this one: lengths are as great, or as small, as they can be.
    Turns(usize, u8),
}

/// What came of a conversation.
struct Met {
    facts: Vec<Fact>,
    /// How many bytes the peer got rid of.
    said: usize,
    connections: usize,
}

fn how(patience: Duration) -> How {
    How {
        patience,
        is_deep: true,
        ..How::until(Instant::now() + AT_LAST, 1_795_910_400)
    }
}

/// Asks a peer of these manners. `None` where that has no end.
async fn meet(protocol: &'static Protocol, manner: Manner, acceptor: TlsAcceptor) -> Option<Met> {
    let mut tasks = JoinSet::new();
    let behind = serve(good(protocol), acceptor, &mut tasks).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (said, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&said), Arc::clone(&connections));
    let patience = match manner {
        Manner::None | Manner::Closes(_) | Manner::Resets(_) => AT_LAST,
        _ => PATIENCE,
    };
    tasks.spawn(async move {
        while let Ok((mut front, _)) = listener.accept().await {
            counts.1.fetch_add(1, Ordering::Relaxed);
            let Ok(mut back) = TcpStream::connect(behind).await else {
                return;
            };
            spoil(&mut front, &mut back, &manner, &counts.0).await;
        }
    });
    let how = how(patience);
    let facts = timeout(AT_LAST, converse(address, protocol, &how))
        .await
        .ok()?;
    Some(Met {
        facts,
        said: said.load(Ordering::Relaxed),
        connections: connections.load(Ordering::Relaxed),
    })
}

/// Carries a connection on, with these manners, until one side has had enough.
async fn spoil(front: &mut TcpStream, back: &mut TcpStream, manner: &Manner, said: &AtomicUsize) {
    let (mut from_front, mut to_front) = front.split();
    let (mut from_back, mut to_back) = back.split();
    let ask = async {
        tokio::io::copy(&mut from_front, &mut to_back).await.ok();
        to_back.shutdown().await.ok();
    };
    let answer = async {
        let mut piece = [0; 4096];
        loop {
            let before = said.load(Ordering::Relaxed);
            let length = match manner {
                Manner::Drips => 1,
                Manner::Falls(most)
                | Manner::Closes(most)
                | Manner::Resets(most)
                | Manner::Floods(most, _) => piece.len().min(most.saturating_sub(before)),
                Manner::None | Manner::Turns(..) => piece.len(),
            };
            if length == 0 {
                return;
            }
            let count = from_back.read(&mut piece[..length]).await.unwrap_or(0);
            if count == 0 {
                return;
            }
            if let Manner::Turns(first, byte) = manner {
                let from = first.saturating_sub(before).min(count);
                piece[from..count].fill(*byte);
            }
            if let Manner::Drips = manner {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if to_front.write_all(&piece[..count]).await.is_err() {
                return;
            }
            said.fetch_add(count, Ordering::Relaxed);
        }
    };
    tokio::select! {
        () = ask => return,
        () = answer => {}
    }
    match manner {
        Manner::Falls(_) => {
            let mut heard = [0; 4096];
            while front.read(&mut heard).await.unwrap_or(0) > 0 {}
        }
        Manner::Resets(_) => front.set_zero_linger().unwrap(),
        Manner::Floods(_, what) => {
            let flood = what.repeat(4096 / what.len());
            while front.write_all(&flood).await.is_ok() {
                said.fetch_add(flood.len(), Ordering::Relaxed);
            }
        }
        Manner::None | Manner::Closes(_) | Manner::Drips | Manner::Turns(..) => {}
    }
}

// ---- The matrix ----

fn streams() -> impl Iterator<Item = &'static Protocol> {
    let all = PROTOCOLS.iter().copied();
    all.filter(|protocol| protocol.transport != Transport::Udp)
}

/// Whether what comes through is mostly random, and every byte of it as good as the next.
fn is_sealed(protocol: &Protocol) -> bool {
    good(protocol).iter().any(|act| matches!(act, Act::Tls))
}

/// Every manner that a peer of this protocol may have, when it has so many bytes to say.
fn manners(protocol: &Protocol, bytes: usize) -> Vec<Manner> {
    let step = if is_sealed(protocol) { 61 } else { 1 };
    let resets = (0..bytes).step_by(step).map(Manner::Resets);
    let closes = (0..bytes).step_by(step.max(7)).map(Manner::Closes);
    let mut all: Vec<Manner> = resets.chain(closes).collect();
    all.push(Manner::Drips);
    for at in (0..bytes).step_by((bytes / 12).max(1)) {
        all.push(Manner::Falls(at));
        all.extend([0, 0x7f, 0xff].map(|byte| Manner::Turns(at, byte)));
        let endless: [&[u8]; 4] = [b"A", b"X-More: and more\r\n", b"\xff", b"\0"];
        all.extend(endless.map(|what| Manner::Floods(at, what)));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_peer_does_each_conversation_ends_and_its_neighbour_is_heard() {
    let acceptor = acceptor();
    for protocol in streams() {
        let name = protocol.name;
        let alone = meet(protocol, Manner::None, acceptor.clone())
            .await
            .unwrap();
        assert!(alone.facts.len() > 1, "{name}: {:?}", alone.facts);
        let mut waiting = manners(protocol, alone.said).into_iter().peekable();
        let (mut peers, mut neighbours) = (JoinSet::new(), 0);
        while waiting.peek().is_some() || !peers.is_empty() {
            while let Some(manner) = waiting.next_if(|_| peers.len() < AT_ONCE) {
                let (shown, acceptor) = (manner.clone(), acceptor.clone());
                peers.spawn(async move { (shown, meet(protocol, manner, acceptor).await) });
            }
            let (manner, met) = peers.join_next().await.unwrap().unwrap();
            let Some(met) = met else {
                panic!("{name}: with a peer that {manner:?} it has no end");
            };
            let Met {
                facts,
                said,
                connections,
            } = met;
            assert!(
                said < TOO_MUCH,
                "{name}, {manner:?}: {said} bytes were taken"
            );
            assert!(
                connections <= MOST_CONNECTIONS,
                "{name}, {manner:?}: {connections}"
            );
            assert!(facts.len() <= MOST_FACTS, "{name}, {manner:?}");
            let cut = matches!(
                manner,
                Manner::Resets(_) | Manner::Closes(_) | Manner::Falls(_)
            );
            if cut {
                // What came before is what it is, and nothing is made up.
                let unlike = facts.iter().filter(|fact| !is_of(fact, &alone.facts));
                assert_eq!(
                    unlike.collect::<Vec<_>>(),
                    [&Fact::Smb1; 0],
                    "{name}, {manner:?}"
                );
            }
            // A good one is heard among them.
            neighbours += 1;
            if neighbours % 50 == 0 {
                let met = meet(protocol, Manner::None, acceptor.clone())
                    .await
                    .unwrap();
                assert_eq!(
                    kinds(&met.facts),
                    kinds(&alone.facts),
                    "{name}, beside {manner:?}"
                );
            }
        }
    }
}

/// Whether something is among what is told by a peer that is let finish; a part of a page may be told in part.
fn is_of(fact: &Fact, all: &[Fact]) -> bool {
    let kind = std::mem::discriminant(fact);
    all.iter()
        .any(|known| std::mem::discriminant(known) == kind)
}

fn kinds(facts: &[Fact]) -> Vec<std::mem::Discriminant<Fact>> {
    facts.iter().map(std::mem::discriminant).collect()
}

#[test]
fn no_byte_of_a_good_exchange_can_be_changed_so_that_it_harms() {
    for protocol in PROTOCOLS {
        let acts = good(protocol);
        let answers = acts.into_iter().filter_map(|act| match act {
            Act::Say(answer) => Some(answer),
            Act::Tls => None,
        });
        let answers: Vec<Vec<u8>> = answers.collect();
        let secured = crate::identify::dialogue::Secured::default();
        for (which, answer) in answers.iter().enumerate() {
            for at in 0..answer.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xfe, 0xff] {
                    let mut answers = answers.clone();
                    answers[which][at] = byte;
                    let (facts, _) =
                        with_tls(protocol, protocol.ports[0], &answers, Some(&secured));
                    assert!(facts.len() <= MOST_FACTS, "{} {at} {byte}", protocol.name);
                }
                let mut answers = answers.clone();
                answers[which].truncate(at);
                with_tls(protocol, protocol.ports[0], &answers, Some(&secured));
            }
        }
    }
}

// ---- Datagrams ----

const SHORT: Duration = Duration::from_millis(60);

/// What a bad peer sends for one datagram of ours.
type Volley = fn(good: &[u8]) -> Vec<Vec<u8>>;

const VOLLEYS: [(&str, Volley); 6] = [
    ("says nothing", |_| Vec::new()),
    ("sends empty datagrams", |_| vec![Vec::new(); 2_000]),
    ("sends rubbish", |_| vec![vec![0xff; 1_200]; 2_000]),
    ("sends what is far too long", |_| {
        vec![vec![0x30; 60_000]; 40]
    }),
    ("sends its answer in pieces", |good| {
        good.chunks(1).map(<[u8]>::to_vec).collect()
    }),
    ("sends its answer again and again", |good| {
        vec![good.to_vec(); 2_000]
    }),
];

#[tokio::test]
async fn whatever_datagrams_come_back_the_conversation_ends() {
    for protocol in PROTOCOLS
        .iter()
        .filter(|one| one.transport == Transport::Udp)
    {
        let Some(Act::Say(answer)) = good(protocol).into_iter().next() else {
            panic!("{}", protocol.name);
        };
        for (what, volley) in VOLLEYS {
            let (facts, _) = of_datagrams(protocol, SHORT, volley(&answer), Vec::new()).await;
            assert!(
                facts.len() <= MOST_FACTS,
                "{}: a peer that {what}",
                protocol.name
            );
        }
        for length in 0..answer.len() {
            let part = answer[..length].to_vec();
            let (_, _) = of_datagrams(protocol, SHORT, vec![part], Vec::new()).await;
        }
    }
}

#[tokio::test]
async fn who_was_not_asked_is_not_heard() {
    for protocol in PROTOCOLS
        .iter()
        .filter(|one| one.transport == Transport::Udp)
    {
        let Some(Act::Say(answer)) = good(protocol).into_iter().next() else {
            panic!("{}", protocol.name);
        };
        let (facts, _) = of_datagrams(protocol, AT_LAST, vec![answer.clone()], Vec::new()).await;
        assert!(!facts.is_empty(), "{}", protocol.name);
        let (facts, heard) = of_datagrams(protocol, PATIENCE, Vec::new(), vec![answer]).await;
        assert!(heard > 0, "{}: nobody was asked", protocol.name);
        assert_eq!(facts, [], "{}: a stranger was heard", protocol.name);
    }
}

/// Asks a peer that answers with these, while somebody else sends those. What was learnt, and how many datagrams the
/// peer got.
async fn of_datagrams(
    protocol: &Protocol,
    patience: Duration,
    answers: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
) -> (Vec<Fact>, usize) {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((_, from)) = peer.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            for other in &others {
                stranger.send_to(other, from).await.ok();
            }
            for answer in &answers {
                peer.send_to(answer, from).await.ok();
            }
        }
    });
    let facts = timeout(AT_LAST, converse(address, protocol, &how(patience))).await;
    let facts = facts.unwrap_or_else(|_| panic!("{}: it has no end", protocol.name));
    (facts, heard.load(Ordering::Relaxed))
}

// ---- Seeds ----

/// The exchanges of good servers, as `fuzz/fuzz_targets/identify.rs` takes them apart.
#[test]
#[ignore = "writes fuzz/seeds/identify anew"]
fn write_the_seeds_of_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/identify");
    std::fs::create_dir_all(&folder).unwrap();
    for protocol in PROTOCOLS {
        let mut seed = Vec::new();
        for act in good(protocol) {
            let Act::Say(answer) = act else { continue };
            for piece in answer.chunks(254) {
                seed.push(u8::try_from(piece.len()).unwrap());
                seed.extend(piece);
            }
        }
        std::fs::write(folder.join(protocol.name), seed).unwrap();
    }
}
