//! Hosts that are hostile, broken or no SSH servers at all. In process, on loopback, without root.

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use underdesk::identify::ssh_key;
use underdesk::model::{Fact, Failure as _, HostKey, HostTrust, LiveHost, ResultCode};
use underdesk::session::{
    Ask, Connector as _, FirstUse, Key, KnownKeys, Limits, LoggedIn, LoginError, MeetError, Met,
    Password, Permit, Proof, Question, QuestionSet, SessionError, Signer, SshConnector, ssh_face,
};
use underdesk::traffic::Share;

const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "",
    questions: &[Question {
        id: "q",
        ask: Ask::Sh("true"),
        why: "",
        needs: underdesk::session::Needs::Login,
        loss: "",
    }],
};

fn limits() -> Limits {
    Limits {
        banner: Duration::from_millis(600),
        login: Duration::from_secs(2),
        ..Limits::until(Instant::now() + Duration::from_secs(8))
    }
}

fn host(address: IpAddr) -> LiveHost {
    LiveHost {
        address,
        name: None,
        tags: Arc::new([]),
        open_ports: vec![],
        round_trip: None,
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn meet(port: u16, known: KnownKeys) -> Result<Met, MeetError> {
    let connector = SshConnector::new(Arc::new(known));
    let host = host([127, 0, 0, 1].into());
    connector.meet(&host, port, &limits()).await
}

/// Meets whoever says this and then does nothing; with what it heard from us.
async fn meet_one_that_says(words: &'static [u8]) -> (Result<Met, MeetError>, Vec<u8>) {
    let (listener, port) = listen().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(words).await.unwrap();
        let mut heard = Vec::new();
        timeout(Duration::from_secs(9), tcp.read_to_end(&mut heard))
            .await
            .ok();
        heard
    });
    let met = meet(port, KnownKeys::default()).await;
    let heard = tasks.join_next().await.unwrap().unwrap();
    (met, heard)
}

// ---- before the key exchange ----

#[tokio::test]
async fn nothing_is_written_before_an_ssh_server_has_spoken() {
    let greetings: &[(&[u8], ResultCode)] = &[
        (b"", ResultCode::Timeout),
        (b"SSH-2.0-never-ends", ResultCode::Timeout),
        (b"Please wait\r\n", ResultCode::Timeout),
        (b"\x00\x01\x02\x03", ResultCode::ProtocolError),
        (b"SSH-1.5-old\r\n", ResultCode::KexMismatch),
    ];
    for (words, code) in greetings {
        let begun = Instant::now();
        let (met, heard) = meet_one_that_says(words).await;
        assert_eq!(met.unwrap_err().code(), *code, "{words:?}");
        assert_eq!(heard, b"", "{words:?}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{words:?}");
    }
}

#[tokio::test]
async fn a_banner_that_trickles_costs_no_more_than_its_time() {
    let (listener, port) = listen().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        for byte in b"SSH-2.0-OpenSSH_9.2 trickling on and on and on" {
            sleep(Duration::from_millis(100)).await;
            if tcp.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    });
    let begun = Instant::now();
    let error = meet(port, KnownKeys::default()).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_key_exchange_that_stalls_ends_and_leaves_no_connection() {
    let (listener, port) = listen().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"SSH-2.0-stalls\r\n").await.unwrap();
        let mut heard = Vec::new();
        tcp.read_to_end(&mut heard).await.unwrap();
        heard
    });
    let error = meet(port, KnownKeys::default()).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::Timeout);
    // Ends only when our side has closed.
    let heard = timeout(Duration::from_secs(2), tasks.join_next()).await;
    let heard = heard.expect("the connection stays open").unwrap().unwrap();
    assert!(heard.starts_with(b"SSH-2.0-underdesk_"));
}

#[tokio::test]
async fn a_connection_that_closes_early_is_tried_again_a_few_times() {
    let (nothing, busy, half) = tokio::join!(
        tries_where_it_closes_after(b""),
        tries_where_it_closes_after(b"Exceeded MaxStartups\r\n"),
        tries_where_it_closes_after(b"SSH-2.0-x\r\n"),
    );
    assert_eq!((nothing, busy, half), (5, 5, 5));
}

async fn tries_where_it_closes_after(words: &'static [u8]) -> usize {
    let (listener, port) = listen().await;
    let mut tasks = JoinSet::new();
    let count = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&count);
    tasks.spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(words).await.ok();
            *seen.lock().unwrap() += 1;
        }
    });
    let limits = Limits::until(Instant::now() + Duration::from_secs(20));
    let connector = SshConnector::default();
    let host = host([127, 0, 0, 1].into());
    let error = connector.meet(&host, port, &limits).await.unwrap_err();
    assert!(error.retryable(), "{error}");
    *count.lock().unwrap()
}

#[tokio::test]
async fn garbage_after_the_greeting_is_a_protocol_error() {
    const GARBAGE: &[u8] = b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    let (met, _) = meet_one_that_says(GARBAGE).await;
    assert_eq!(met.unwrap_err().code(), ResultCode::ProtocolError);
}

#[tokio::test]
async fn a_closed_port_is_said_to_be_closed() {
    let (listener, port) = listen().await;
    drop(listener);
    let error = meet(port, KnownKeys::default()).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::PortClosed);
}

// ---- a server that we can make hostile ----

/// Texts, and whether the answers are echoed.
type Prompts = &'static [(&'static str, bool)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Accepts every proof.
    Trusting,
    /// Never answers a password.
    Mute,
    /// Hangs up on a password.
    HangsUp,
    /// Asks this, by keyboard-interactive, again and again.
    Asks(Prompts),
    /// Closes as soon as a channel is wanted.
    ClosesAfterLogin,
    /// Lets a channel open and then never says anything.
    SilentShell,
    /// Refuses to run a command.
    NoExec,
    /// Opens channels on our side.
    Intrusive,
}

type Heard = Arc<Mutex<Vec<String>>>;

struct Hostile {
    manner: Manner,
    heard: Heard,
}

impl Hostile {
    fn hear(&self, word: impl Into<String>) {
        self.heard.lock().unwrap().push(word.into());
    }
}

impl Handler for Hostile {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        self.hear(format!("password {password}"));
        match self.manner {
            Manner::Mute => {
                sleep(Duration::from_mins(1)).await;
                Ok(Auth::reject())
            }
            Manner::HangsUp => Err(russh::Error::Disconnect),
            _ => Ok(Auth::Accept),
        }
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        for answer in response.into_iter().flatten() {
            self.hear(format!("answer {}", String::from_utf8_lossy(&answer)));
        }
        let Manner::Asks(prompts) = self.manner else {
            return Ok(Auth::reject());
        };
        let prompts: Vec<_> = prompts
            .iter()
            .map(|(text, echo)| ((*text).into(), *echo))
            .collect();
        Ok(Auth::Partial {
            name: "".into(),
            instructions: "for your safety".into(),
            prompts: prompts.into(),
        })
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        self.hear("publickey");
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.manner == Manner::ClosesAfterLogin {
            return Err(russh::Error::Disconnect);
        }
        if self.manner == Manner::Intrusive {
            for _ in 0..50 {
                session.channel_open_forwarded_tcpip("a", 1, "b", 2)?;
                session.channel_open_agent()?;
            }
        }
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        _: ChannelId,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hear("our side opened a channel");
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.hear(format!("exec {}", String::from_utf8_lossy(command)));
        match self.manner {
            Manner::NoExec => session.channel_failure(channel),
            _ => session.channel_success(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.manner == Manner::SilentShell {
            return Ok(());
        }
        let script = String::from_utf8_lossy(data).into_owned();
        let nonce = script.lines().next().unwrap().trim_start_matches("__n=");
        let answer = format!("\n{nonce} B q\nyes\n{nonce} E q 0\n\n{nonce} DONE\n");
        session.data(channel, answer.into_bytes())
    }
}

struct Server {
    port: u16,
    key: PrivateKey,
    heard: Heard,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let key = PrivateKey::random(&mut rand_for_keys(), Algorithm::Ed25519).unwrap();
        let methods = match manner {
            Manner::Asks(_) => [MethodKind::KeyboardInteractive].as_slice(),
            _ => [MethodKind::Password, MethodKind::PublicKey].as_slice(),
        };
        let config = Arc::new(Config {
            keys: vec![key.clone()],
            methods: MethodSet::from(methods),
            auth_rejection_time: Duration::from_millis(10),
            ..Config::default()
        });
        let (listener, port) = listen().await;
        let heard = Heard::default();
        let mut tasks = JoinSet::new();
        let ears = Arc::clone(&heard);
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let heard = Arc::clone(&ears);
                let hostile = Hostile { manner, heard };
                sessions.spawn(serve(Arc::clone(&config), tcp, hostile));
            }
        });
        Self {
            port,
            key,
            heard,
            _tasks: tasks,
        }
    }

    fn host_key(&self) -> HostKey {
        let public = self.key.public_key();
        HostKey {
            algorithm: public.algorithm().as_str().to_owned(),
            fingerprint: public.fingerprint(russh::keys::HashAlg::Sha256).to_string(),
        }
    }

    fn pins(&self) -> KnownKeys {
        let mut known = KnownKeys::default();
        known.pin("127.0.0.1", self.port, self.host_key());
        known
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    async fn password_login(&self) -> Result<LoggedIn, LoginError> {
        let Met::Verified(peer) = meet(self.port, self.pins()).await.unwrap() else {
            panic!("a pinned host is a stranger");
        };
        let password = Password::new("hunter2");
        let proof = Proof::Password(&password, Permit::for_a_reserved_try());
        peer.log_in("scan", proof, &limits()).await
    }
}

fn rand_for_keys() -> impl russh::keys::ssh_key::rand_core::CryptoRng {
    russh::keys::key::safe_rng()
}

async fn serve(config: Arc<Config>, tcp: TcpStream, hostile: Hostile) {
    if let Ok(session) = run_stream(config, tcp, hostile).await {
        session.await.ok();
    }
}

// ---- looking ----

#[tokio::test]
async fn the_key_of_a_server_is_seen_without_a_login() {
    let server = Server::start(Manner::Trusting).await;
    let address = [127, 0, 0, 1].into();
    let face = ssh_face(address, server.port, &limits()).await.unwrap();
    assert_eq!(face.key, Some(server.host_key()));
    assert!(face.banner.starts_with("SSH-2.0-"), "{}", face.banner);
    assert_eq!(server.heard(), Vec::<String>::new());
    let deadline = Instant::now() + Duration::from_secs(5);
    let clues = ssh_key(address, server.port, (deadline, &Share::default())).await;
    let key = Fact::HostKey(server.host_key());
    assert!(clues.iter().any(|clue| clue.fact == key), "{clues:?}");
}

#[tokio::test]
async fn a_port_that_is_no_ssh_shows_no_key_and_ends_in_time() {
    let (listener, port) = listen().await;
    let began = Instant::now();
    let deadline = began + Duration::from_millis(700);
    let address = [127, 0, 0, 1].into();
    assert_eq!(
        ssh_key(address, port, (deadline, &Share::default())).await,
        []
    );
    assert!(began.elapsed() < Duration::from_secs(3));
    drop(listener);
    assert_eq!(
        ssh_key(
            address,
            port,
            (Instant::now() + Duration::from_secs(1), &Share::default())
        )
        .await,
        []
    );
}

#[tokio::test]
async fn a_server_that_knows_no_safe_exchange_still_shows_what_it_is() {
    let (listener, port) = listen().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"SSH-2.0-Cisco-1.25\r\n").await.unwrap();
    });
    let deadline = Instant::now() + Duration::from_secs(5);
    let clues = ssh_key([127, 0, 0, 1].into(), port, (deadline, &Share::default())).await;
    let banner = Fact::Banner("SSH-2.0-Cisco-1.25".to_owned());
    assert!(clues.iter().any(|clue| clue.fact == banner), "{clues:?}");
    let is_key = |clue: &underdesk::model::Clue| matches!(clue.fact, Fact::HostKey(_));
    assert!(!clues.iter().any(is_key));
}

// ---- logging in ----

#[tokio::test]
async fn a_server_that_accepts_everything_hears_no_password_unverified() {
    let server = Server::start(Manner::Trusting).await;
    let Met::Stranger(peer) = meet(server.port, KnownKeys::default()).await.unwrap() else {
        panic!("nothing is pinned, yet it was verified");
    };
    assert_eq!(peer.host_key(), &server.host_key());
    assert_eq!(peer.trust(), HostTrust::Unknown);
    let pem = PrivateKey::random(&mut rand_for_keys(), Algorithm::Ed25519).unwrap();
    let pem = pem
        .to_openssh(russh::keys::ssh_key::LineEnding::LF)
        .unwrap();
    let key = Key::parse(&pem.as_str().into(), None).unwrap();
    let by = [Arc::new(key)];
    let limits = limits();
    let login = peer.log_in_with_keys("scan", Signer::Keys(&by), &limits);
    let mut login = login.await.unwrap();
    let answers = login.session.ask(&SET, &limits).await.unwrap();
    assert_eq!(answers.text("q"), Ok("yes"));
    assert_eq!(server.heard(), ["publickey", "exec sh -s"]);
}

#[tokio::test]
async fn a_pinned_server_hears_the_password_once() {
    let server = Server::start(Manner::Trusting).await;
    let login = server.password_login().await.unwrap();
    assert!(login.secret_sent);
    assert_eq!(server.heard(), ["password hunter2"]);
}

#[tokio::test]
async fn on_first_use_a_password_goes_out_where_both_allow_it() {
    let server = Server::start(Manner::Trusting).await;
    let Met::Stranger(peer) = meet(server.port, KnownKeys::default()).await.unwrap() else {
        panic!("nothing is pinned, yet it was verified");
    };
    let peer = peer.trust_on_first_use(FirstUse::allowed(true, true).unwrap());
    let peer = peer.unwrap();
    assert_eq!(peer.trust(), HostTrust::FirstUse);
    let password = Password::new("hunter2");
    let proof = Proof::Password(&password, Permit::for_a_reserved_try());
    peer.log_in("scan", proof, &limits()).await.unwrap();
}

#[tokio::test]
async fn a_password_that_got_no_answer_counts() {
    let server = Server::start(Manner::Mute).await;
    let error = server.password_login().await.unwrap_err();
    assert!(matches!(error, LoginError::TimedOut { .. }), "{error}");
    assert!(error.counts() && !error.retryable());
    let server = Server::start(Manner::HangsUp).await;
    let error = server.password_login().await.unwrap_err();
    assert!(matches!(error, LoginError::Lost { .. }), "{error}");
    assert!(error.counts() && !error.retryable());
    assert_eq!(server.heard(), ["password hunter2"]);
}

#[tokio::test]
async fn strange_prompts_are_not_answered() {
    let cases: &[(Prompts, &[&str])] = &[
        (&[("New password: ", false)], &[]),
        (&[("Login: ", true)], &[]),
        (&[("Password: ", false), ("Token: ", false)], &[]),
        (&[("Verification code: ", false)], &[]),
        // Once, and not when it is asked a second time.
        (&[("Password: ", false)], &["answer hunter2"]),
    ];
    for (prompts, heard) in cases {
        let server = Server::start(Manner::Asks(prompts)).await;
        let error = server.password_login().await.unwrap_err();
        assert!(matches!(error, LoginError::StrangePrompt { .. }), "{error}");
        assert_eq!(server.heard(), *heard, "{prompts:?}");
        assert_eq!(error.counts(), !heard.is_empty());
    }
}

#[tokio::test]
async fn empty_questions_without_end_come_to_an_end() {
    let server = Server::start(Manner::Asks(&[])).await;
    let error = server.password_login().await.unwrap_err();
    assert!(!error.secret_sent(), "{error}");
}

// ---- asking ----

async fn ask(manner: Manner) -> (Result<String, SessionError>, Vec<String>) {
    let server = Server::start(manner).await;
    let mut login = server.password_login().await.unwrap();
    let limits = Limits::until(Instant::now() + Duration::from_millis(1500));
    let answers = login.session.ask(&SET, &limits).await;
    let answer = answers.map(|answers| answers.text("q").unwrap().to_owned());
    sleep(Duration::from_millis(100)).await;
    (answer, server.heard())
}

#[tokio::test]
async fn a_host_that_closes_after_the_login_is_a_protocol_error() {
    let (answer, _) = ask(Manner::ClosesAfterLogin).await;
    assert_eq!(answer.unwrap_err().code(), ResultCode::ProtocolError);
}

#[tokio::test]
async fn a_silent_shell_times_out() {
    let (answer, _) = ask(Manner::SilentShell).await;
    assert_eq!(answer.unwrap_err().code(), ResultCode::Timeout);
}

#[tokio::test]
async fn a_host_that_runs_no_commands_is_restricted() {
    let (answer, _) = ask(Manner::NoExec).await;
    assert_eq!(answer.unwrap_err().code(), ResultCode::ShellRestricted);
}

#[tokio::test]
async fn a_host_opens_nothing_on_our_side() {
    let (answer, heard) = ask(Manner::Intrusive).await;
    assert_eq!(answer.unwrap(), "yes");
    assert!(
        !heard.iter().any(|word| word.contains("our side")),
        "{heard:?}"
    );
}
