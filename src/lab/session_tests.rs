//! What the scanner's own session makes of the networks in `fixtures/labs`: each host ends with the
//! right code, in time, and no secret reaches one that must not have it.

use super::*;
use crate::collect::{self, UNIX};
use crate::model::{Failure as _, GapCause, LiveHost, ResultCode};
use crate::session::{
    self, Answers, Ask, Connector as _, Key, KnownKeys, Limits, Met, Password, Permit, Question,
    QuestionSet, Signer, SshConnector,
};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const SET: QuestionSet = QuestionSet {
    name: "unix",
    prelude: "",
    questions: &[
        question("uname"),
        question("names"),
        question("dpkg-packages"),
        question("identity"),
        question("unanswered"),
    ],
};

const fn question(id: &'static str) -> Question {
    Question {
        id,
        ask: Ask::Sh(":"),
        why: "",
        needs: session::Needs::Login,
        loss: "",
    }
}

const FILES: [(&str, &[u8]); 3] = [
    (
        "debian-12/answers.json",
        br#"{"schema":1,"set":"unix","exits":{"uname":0,"dpkg-packages":0}}"#,
    ),
    ("debian-12/uname.txt", b"Linux\nrecorded\n6.1.0\n"),
    ("debian-12/dpkg-packages.txt", b"bash\t5.2\n"),
];

/// How a visit ended: the answers, or the code of what went wrong.
pub(super) type Visit = Result<Answers, ResultCode>;

pub(super) struct Visitor {
    connector: SshConnector,
    keys: Vec<Arc<Key>>,
    password: Password,
    port: u16,
    pub(super) set: &'static QuestionSet,
}

impl Visitor {
    pub(super) fn new(running: &Running, password: &str) -> Self {
        let mut known = KnownKeys::default();
        known.add_known_hosts(&running.known_hosts());
        let key = Key::parse(&SecretString::from(running.user_key("demo")), None).unwrap();
        Self {
            connector: SshConnector::new(Arc::new(known)),
            keys: vec![Arc::new(key)],
            password: Password::new(password),
            port: running.port(22).unwrap(),
            set: &SET,
        }
    }

    /// Meets a host, logs in as the rules allow, and asks. `user` chooses the proof: `audit` has a
    /// key, others have the password.
    pub(super) async fn visit(&self, host: &Host, user: &str) -> Visit {
        let limits = Limits {
            connect: Duration::from_secs(4),
            banner: Duration::from_secs(4),
            login: Duration::from_secs(8),
            ..Limits::until(Instant::now() + Duration::from_secs(12))
        };
        let live = LiveHost {
            address: host.addresses[0],
            name: None,
            tags: Arc::from([]),
            open_ports: vec![self.port],
            round_trip: None,
        };
        let met = self.connector.meet(&live, self.port, &limits).await;
        let signer = Signer::Keys(&self.keys);
        let logged_in = match met.map_err(|error| error.code())? {
            Met::Stranger(peer) => peer.log_in_with_keys(user, signer, &limits).await,
            Met::Verified(peer) if user == "audit" => {
                peer.log_in(user, session::Proof::Signature(signer), &limits)
                    .await
            }
            Met::Verified(peer) => {
                let permit = Permit::for_a_reserved_try();
                let proof = session::Proof::Password(&self.password, permit);
                peer.log_in(user, proof, &limits).await
            }
        };
        let mut session = logged_in.map_err(|error| error.code())?.session;
        let answers = session.ask(self.set, &limits).await;
        session.close().await;
        answers.map_err(|error| error.code())
    }
}

/// Visits every host at the same time.
async fn visit_all(visitor: Visitor, network: &Network) -> BTreeMap<String, Visit> {
    let visitor = Arc::new(visitor);
    let mut visits = JoinSet::new();
    for host in network.hosts.clone() {
        let visitor = visitor.clone();
        let user = match &*host.name {
            "locked" | "two-factor" | "echoes" => "scan",
            "expired" => "expired",
            "interactive-only" | "backup" => "backup",
            _ => "audit",
        };
        visits.spawn(async move {
            let begin = Instant::now();
            let visit = Box::pin(visitor.visit(&host, user)).await;
            if host.name == "good" {
                assert!(begin.elapsed() < Duration::from_secs(4));
            }
            (host.name, visit)
        });
    }
    visits.join_all().await.into_iter().collect()
}

/// The hosts whose answers must not come whole, and the codes with which they end.
const CODES: [(&str, ResultCode); 21] = [
    ("changed-key", ResultCode::HostkeyChanged),
    ("closed", ResultCode::PortClosed),
    ("closes-after-auth", ResultCode::ProtocolError),
    ("closes-in-kex", ResultCode::ProtocolError),
    ("echoes", ResultCode::AuthRejected),
    ("endless-lines", ResultCode::ProtocolError),
    ("expired", ResultCode::PasswordExpired),
    ("floods", ResultCode::ShellRestricted),
    ("forced", ResultCode::ShellRestricted),
    ("greets", ResultCode::ProtocolError),
    ("half-banner", ResultCode::Timeout),
    ("hangs", ResultCode::Timeout),
    ("hangs-up", ResultCode::ProtocolError),
    ("http", ResultCode::Timeout),
    ("locked", ResultCode::AccountLocked),
    ("no-login", ResultCode::ShellDenied),
    ("refuses", ResultCode::AuthRejected),
    ("silent", ResultCode::Timeout),
    ("trap", ResultCode::AuthRejected),
    ("trickle", ResultCode::Timeout),
    ("two-factor", ResultCode::AuthRejected),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_host_ends_with_the_right_code_and_delays_no_other() {
    let network = Network::parse(include_str!("../../fixtures/labs/hostile.toml")).unwrap();
    let recordings = Recordings::read(FILES).unwrap();
    let running = Lab::start(&network, &recordings, 0).await.unwrap();
    let begin = Instant::now();
    let visits = visit_all(Visitor::new(&running, "right"), &network).await;
    assert!(begin.elapsed() < Duration::from_secs(18));
    for (name, visit) in &visits {
        let expected = CODES.iter().find(|(host, _)| host == name);
        let code = visit.as_ref().err();
        assert_eq!(code, expected.map(|(_, code)| code), "{name}");
    }
    whole_answers_are_whole(&visits);
    let seen = timeout(Duration::from_secs(5), running.stop()).await;
    no_secret_went_astray(&seen.unwrap());
}

/// Noise, a second name of the shell and weapons in other answers change nothing about an answer.
fn whole_answers_are_whole(visits: &BTreeMap<String, Visit>) {
    for (name, visit) in visits {
        let Ok(answers) = visit else {
            continue;
        };
        if name == "no-answers" {
            assert!(answers.text("uname").is_err());
            continue;
        }
        let uname = format!("Linux\n{name}\n6.1.0\n");
        assert_eq!(answers.text("uname"), Ok(&*uname), "{name}");
        let cause = answers.text("unanswered").unwrap_err().cause;
        let cut = name == "cut-short";
        let expected = if cut {
            GapCause::Malformed
        } else {
            GapCause::Missing
        };
        assert_eq!(cause, expected, "{name}");
    }
}

/// Those that were asked for a password in the proper way have seen it once; nobody else has.
fn no_secret_went_astray(seen: &Seen) {
    for host in ["expired", "interactive-only", "locked"] {
        assert_eq!(seen.secrets(host), ["right"], "{host}");
    }
    let tries = seen.logins.iter();
    let secrets: usize = tries.filter(|login| login.proof.is_secret()).count();
    assert_eq!(secrets, 3);
    let silent = seen.connections.iter().filter(|connection| {
        let host = &*connection.host;
        matches!(
            host,
            "silent" | "http" | "greets" | "half-banner" | "hangs-up"
        )
    });
    // Nothing is written to what has not proven to be an SSH server.
    assert!(silent.clone().count() >= 5);
    assert_eq!(silent.map(|connection| connection.received).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hosts_of_the_demo_end_as_their_comments_say() {
    const CODES: [(&str, ResultCode); 6] = [
        ("build", ResultCode::HostkeyChanged),
        ("door-controller", ResultCode::Timeout),
        ("files", ResultCode::ShellDenied),
        ("jump", ResultCode::AuthRejected),
        ("spectrometer", ResultCode::ProtocolError),
        ("who-is-this", ResultCode::AuthRejected),
    ];
    let mut network = Network::parse(include_str!("../../fixtures/labs/demo.toml")).unwrap();
    let is_windows = |host: &Host| {
        matches!(host.kind, Kind::WinRm | Kind::Iis) || matches!(host.shell, Shell::Windows(_))
    };
    network.hosts.retain(|host| !is_windows(host));
    let files = recorded_files();
    let files = files.iter().map(|(path, bytes)| (&**path, &**bytes));
    let recordings = Recordings::read(files).unwrap();
    let running = Lab::start(&network, &recordings, 0).await.unwrap();
    let begin = Instant::now();
    let visitor = Visitor {
        set: &UNIX,
        ..Visitor::new(&running, "lark-in-the-morning")
    };
    let visits = visit_all(visitor, &network).await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(visits.len(), 24);
    for (name, visit) in &visits {
        let expected = CODES.iter().find(|(host, _)| host == name);
        let code = visit.as_ref().err();
        assert_eq!(code, expected.map(|(_, code)| code), "{name}");
    }
    every_machine_is_one_of_its_own(&visits);
    let vault = visits["vault"].as_ref().unwrap();
    let cause = vault.text("dpkg-packages").unwrap_err().cause;
    assert_eq!(cause, GapCause::Denied);
    let seen = running.stop().await;
    assert_eq!(seen.secrets("backup"), ["lark-in-the-morning"]);
    assert_eq!(seen.secrets("who-is-this"), [""; 0]);
}

/// The recordings of the repository: path and content.
pub(super) fn recorded_files() -> Vec<(String, Vec<u8>)> {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let files = entries(&hosts).flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let file = |path: PathBuf| (path.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
    files.map(file).collect()
}

fn every_machine_is_one_of_its_own(visits: &BTreeMap<String, Visit>) {
    let mut ids = BTreeSet::new();
    for (name, visit) in visits {
        let Ok(answers) = visit else {
            continue;
        };
        let identity = collect::read(&UNIX, answers).unwrap().identity;
        assert_eq!(identity.hostname.known(), Some(name));
        assert_eq!(identity.macs().len(), 1, "{name}");
        assert!(identity.boot_id.known().is_some(), "{name}");
        assert!(ids.insert(identity.machine_id.known().cloned()), "{name}");
    }
    assert_eq!(ids.len(), 18);
}
