//! The lab as a client sees it.

use super::*;
use russh::client::{self, AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelMsg, Disconnect};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const FILES: [(&str, &[u8]); 2] = [
    (
        "tiny/answers.json",
        br#"{"schema":1,"set":"unix","exits":{"uname":0}}"#,
    ),
    ("tiny/uname.txt", b"Linux\n"),
];
const SCRIPT: &[u8] = b"__n=0123456789abcdef\n__ask uname __q0\n__ask other __q1\n";
const ANSWER: &str = "\n0123456789abcdef B uname\nLinux\n\n0123456789abcdef E uname 0\n\
                      \n0123456789abcdef B other\n\n0123456789abcdef E other 127\n\
                      \n0123456789abcdef DONE\n";

/// Starts a network of one host, at an address that no other test uses.
async fn one(last: u8, host: &str) -> (Running, SocketAddr) {
    let text = format!(
        "schema = 1\nname = \"test\"\n[[host]]\nname = \"h\"\naddresses = [\"127.99.0.{last}\"]\n\
         recording = \"tiny\"\n{host}"
    );
    let network = Network::parse(&text).unwrap();
    let recordings = Recordings::read(FILES).unwrap();
    let running = Lab::start(&network, &recordings, 0).await.unwrap();
    let port = running.port(22).unwrap_or(9);
    let address = IpAddr::from([127, 99, 0, last]);
    (running, SocketAddr::new(address, port))
}

const KEY: &str = "logins = [{ user = \"audit\", key = \"demo\" }]\n";
const PASSWORD: &str = "logins = [{ user = \"audit\", password = \"right\" }]\n";

#[derive(Clone, Default)]
struct Client(Arc<Mutex<Option<PublicKey>>>);

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
            *self.0.lock().unwrap() = Some(key.clone());
        }
        Ok(true)
    }
}

async fn connect(at: SocketAddr) -> Result<(client::Handle<Client>, PublicKey), russh::Error> {
    let client = Client::default();
    let handle = client::connect(Arc::default(), at, client.clone()).await?;
    let key = client.0.lock().unwrap().take().unwrap();
    Ok((handle, key))
}

async fn with_key(running: &Running, at: SocketAddr) -> (client::Handle<Client>, AuthResult) {
    let (mut handle, _) = connect(at).await.unwrap();
    let key = PrivateKey::from_openssh(running.user_key("demo")).unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    let result = handle.authenticate_publickey("audit", key).await.unwrap();
    (handle, result)
}

async fn run(
    handle: &client::Handle<Client>,
    command: &str,
) -> Result<(Option<u32>, Vec<u8>), russh::Error> {
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, command).await?;
    channel.data_bytes(SCRIPT).await?;
    channel.eof().await?;
    let (mut exit, mut out) = (None, Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => out.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => exit = Some(exit_status),
            _ => {}
        }
    }
    Ok((exit, out))
}

#[tokio::test]
async fn a_host_answers_from_its_recording_and_is_the_one_in_known_hosts() {
    let (running, at) = one(1, KEY).await;
    let (handle, result) = with_key(&running, at).await;
    assert!(result.success());
    let (exit, out) = run(&handle, "sh -s").await.unwrap();
    assert_eq!(
        (exit, String::from_utf8(out).unwrap()),
        (Some(0), ANSWER.to_owned())
    );
    let (_, key) = connect(at).await.unwrap();
    let line = format!("[{}]:{} {}\n", at.ip(), at.port(), keys::public_text(&key));
    assert_eq!(running.known_hosts(), line);
    let seen = running.seen();
    assert_eq!(seen.commands[0].command, "sh -s");
    assert_eq!((seen.wrong_tries("audit"), seen.secrets("h").len()), (0, 0));
}

#[tokio::test]
async fn stopping_closes_open_connections_and_their_pages() {
    let (running, at) = one(2, KEY).await;
    let (handle, _) = with_key(&running, at).await;
    let mut silent = TcpStream::connect(at).await.unwrap();
    silent.read_u8().await.unwrap();
    let begin = Instant::now();
    let seen = timeout(Duration::from_secs(5), running.stop())
        .await
        .unwrap();
    assert!(seen.connections.iter().all(|connection| connection.closed));
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(at).await.is_err());
    assert!(
        handle
            .disconnect(Disconnect::ByApplication, "", "")
            .await
            .is_err()
            || handle.is_closed()
    );
}

#[tokio::test]
async fn a_changed_key_is_another_one_than_known_hosts_holds_and_a_stranger_is_not_in_it() {
    let (running, at) = one(3, "published = \"changed\"").await;
    let (_, key) = connect(at).await.unwrap();
    let text = running.known_hosts();
    assert!(text.contains("ssh-ed25519") && !text.contains(&keys::public_text(&key)));
    let (running, _) = one(4, "published = \"unknown\"").await;
    assert_eq!(running.known_hosts(), "");
}

#[tokio::test]
async fn a_trap_takes_any_password_and_remembers_it() {
    let (running, at) = one(5, "logins = \"any_password\"").await;
    let (mut handle, _) = connect(at).await.unwrap();
    let result = handle
        .authenticate_password("root", "planted")
        .await
        .unwrap();
    assert!(result.success());
    assert_eq!(running.seen().secrets("h"), ["planted"]);
    let (_, result) = with_key(&running, at).await;
    assert!(!result.success());
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_methods_stay() {
    let (running, at) = one(6, PASSWORD).await;
    let (mut handle, _) = connect(at).await.unwrap();
    let wrong = handle
        .authenticate_password("audit", "wrong")
        .await
        .unwrap();
    assert!(
        matches!(&wrong, AuthResult::Failure { remaining_methods, .. }
        if remaining_methods.contains(&russh::MethodKind::Password))
    );
    let right = handle
        .authenticate_password("audit", "right")
        .await
        .unwrap();
    assert!(right.success());
    assert_eq!(running.seen().wrong_tries("audit"), 1);
}

#[tokio::test]
async fn keyboard_interactive_says_why_it_refuses() {
    let host =
        format!("{PASSWORD}methods = [\"keyboard-interactive\"]\nrefusal = \"Account locked\"\n");
    let (running, at) = one(7, &host).await;
    let (mut handle, _) = connect(at).await.unwrap();
    let start = handle.authenticate_keyboard_interactive_start("audit", None);
    let KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } = start.await.unwrap() else {
        panic!("no prompt");
    };
    assert!(prompts.len() == 1 && !prompts[0].echo);
    let reply = handle.authenticate_keyboard_interactive_respond(vec!["wrong".to_owned()]);
    let reply = reply.await.unwrap();
    let KeyboardInteractiveAuthResponse::InfoRequest {
        instructions,
        prompts,
        ..
    } = reply
    else {
        panic!("no reason");
    };
    assert_eq!((&*instructions, prompts.len()), ("Account locked", 0));
    let reply = handle.authenticate_keyboard_interactive_respond(Vec::new());
    let reply = reply.await.unwrap();
    assert!(matches!(
        reply,
        KeyboardInteractiveAuthResponse::Failure { .. }
    ));
    assert_eq!(running.seen().secrets("h"), ["wrong"]);
}

#[tokio::test]
async fn an_expired_password_asks_for_a_new_one_and_takes_none() {
    let host = format!(
        "{PASSWORD}methods = [\"keyboard-interactive\"]\nnotice = \"Watched.\"\n\
         second_round = [{{ text = \"New password: \" }}]"
    );
    let (running, at) = one(8, &host).await;
    let (mut handle, _) = connect(at).await.unwrap();
    let start = handle.authenticate_keyboard_interactive_start("audit", None);
    start.await.unwrap();
    let reply = handle.authenticate_keyboard_interactive_respond(vec!["right".to_owned()]);
    let reply = reply.await.unwrap();
    assert!(
        matches!(&reply, KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }
        if prompts[0].prompt == "New password: ")
    );
    let reply = handle.authenticate_keyboard_interactive_respond(vec!["new".to_owned()]);
    let reply = reply.await.unwrap();
    assert!(matches!(
        reply,
        KeyboardInteractiveAuthResponse::Failure { .. }
    ));
    assert_eq!(running.seen().secrets("h"), ["right"]);
}

#[tokio::test]
async fn shells_that_are_none_end_with_their_own_text_or_code() {
    let cases = [
        (
            "shell = { no_login = \"go away\\n\" }",
            Some(1),
            "go away\n",
        ),
        ("shell = { forced = \"menu\\n\" }", Some(0), "menu\n"),
        ("shell = \"absolute_only\"", Some(127), ""),
    ];
    for (index, (shell, exit, text)) in cases.iter().enumerate() {
        let last = u8::try_from(index + 10).unwrap();
        let (running, at) = one(last, &format!("{KEY}{shell}")).await;
        let (handle, _) = with_key(&running, at).await;
        let (code, out) = run(&handle, "sh -s").await.unwrap();
        assert_eq!(
            (code, String::from_utf8(out).unwrap()),
            (*exit, (*text).to_owned())
        );
        if *exit == Some(127) {
            let (code, out) = run(&handle, "/bin/sh -s").await.unwrap();
            assert_eq!((code, out), (Some(0), ANSWER.as_bytes().to_vec()));
        }
    }
}

#[tokio::test]
async fn a_noisy_shell_speaks_first_and_one_cut_short_never_finishes() {
    let (running, at) = one(20, &format!("{KEY}shell = {{ noisy = \"Welcome!\" }}")).await;
    let (handle, _) = with_key(&running, at).await;
    let (_, out) = run(&handle, "sh -s").await.unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), format!("Welcome!{ANSWER}"));
    let (running, at) = one(21, &format!("{KEY}shell = \"cut_short\"")).await;
    let (handle, _) = with_key(&running, at).await;
    let (_, out) = run(&handle, "sh -s").await.unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("DONE"));
}

#[tokio::test]
async fn a_flood_is_as_long_as_it_says_and_stops_when_the_peer_goes() {
    let (running, at) = one(22, &format!("{KEY}shell = {{ floods = 3 }}")).await;
    let (handle, _) = with_key(&running, at).await;
    let (exit, out) = run(&handle, "sh -s").await.unwrap();
    assert_eq!((exit, out.len()), (Some(0), 3 << 20));
    let (running, at) = one(23, &format!("{KEY}shell = {{ floods = 4000 }}")).await;
    let (handle, _) = with_key(&running, at).await;
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, "sh -s").await.unwrap();
    channel.wait().await.unwrap();
    drop((channel, handle));
    let seen = timeout(Duration::from_secs(5), running.stop())
        .await
        .unwrap();
    assert!(seen.connections[0].sent < 100 << 20);
}

#[tokio::test]
async fn a_host_that_closes_after_the_login_closes_when_a_channel_is_asked_for() {
    let (running, at) = one(24, &format!("{KEY}shell = \"closes\"")).await;
    let (handle, result) = with_key(&running, at).await;
    assert!(result.success());
    assert!(run(&handle, "sh -s").await.is_err());
}

#[tokio::test]
async fn handshakes_that_do_not_finish() {
    let (_running, at) = one(30, "opening = \"half_banner\"").await;
    assert!(
        timeout(Duration::from_millis(200), connect(at))
            .await
            .is_err()
    );
    let (_running, at) = one(31, "opening = \"endless_lines\"").await;
    assert!(!matches!(
        timeout(Duration::from_millis(200), connect(at)).await,
        Ok(Ok(_))
    ));
    let (_running, at) = one(32, "opening = { trickles = 1000 }").await;
    assert!(
        timeout(Duration::from_millis(200), connect(at))
            .await
            .is_err()
    );
    let (_running, at) = one(33, "opening = \"closes_in_kex\"").await;
    assert!(
        timeout(Duration::from_secs(5), connect(at))
            .await
            .unwrap()
            .is_err()
    );
    let (_running, at) = one(34, "opening = { drops_first = 1 }").await;
    assert!(connect(at).await.is_err());
    assert!(connect(at).await.is_ok());
}

#[tokio::test]
async fn a_trickle_without_pauses_gets_through() {
    let (_running, at) = one(35, "opening = { trickles = 0 }").await;
    let connected = timeout(Duration::from_secs(20), connect(at)).await;
    assert!(connected.unwrap().is_ok());
}

#[tokio::test]
async fn devices_greet_or_wait_or_are_not_there() {
    let (_running, at) = one(40, "kind = { greets = \"\\u001b[2JACME\\r\\n\" }").await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut greeting = [0; 10];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"\x1b[2JACME\r\n");
    let (running, at) = one(41, "kind = \"silent\"").await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let read = timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(read.is_err());
    assert_eq!(running.seen().connections[0].received, 0);
    let (_running, at) = one(42, "kind = \"http\"").await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.0 400"));
    let (running, at) = one(43, "kind = \"closed\"").await;
    assert_eq!(running.addresses(), [at.ip()]);
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let (running, at) = one(50, KEY).await;
    let text = "schema = 1\nname = \"t\"\n[[host]]\nname = \"h\"\naddresses = [\"127.99.0.50\"]";
    let network = Network::parse(text).unwrap();
    let again = Lab::start(&network, &Recordings::default(), at.port()).await;
    let error = again.unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {at}"));
    drop(running);
}
