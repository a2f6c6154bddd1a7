//! The scanner's own client against the service: the answers are those of the recording, nothing is
//! against the protocol, and every fault ends in time.

use crate::collect::WINDOWS;
use crate::lab::session_tests::recorded_files;
use crate::lab::{Cover, Lab, Network, Recordings, Running, Seen};
use crate::model::{Failure as _, GapCause, HostTrust, LiveHost, ResultCode};
use crate::session::{
    Answers, Ask, Authorities, Connector as _, KnownKeys, Limits, Met, NoNames, NtlmOverHttp,
    Password, Permit, Proof, VerifiedPeer, WindowsLogon, WindowsSecret, WinrmConnector, WmiRow,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const PASSWORD: &str = "Pässword & <草>";
const LONGEST: Duration = Duration::from_secs(12);

/// Starts a network of one Windows, at an address that no other test uses.
async fn one(last: u8, recording: &str, winrm: &str) -> Running {
    let text = format!(
        "schema = 1\nname = \"test\"\n[[host]]\nname = \"h\"\nkind = \"winrm\"\n\
         addresses = [\"127.97.0.{last}\"]\nrecording = \"{recording}\"\n\
         logins = [{{ user = 'LARK\\audit', password = \"{PASSWORD}\" }}]\n[host.winrm]\n\
         domain = \"LARK\"\ndns_domain = \"lark.example\"\n{winrm}"
    );
    let network = Network::parse(&text).unwrap();
    let files = recorded_files();
    let files = files.iter().map(|(path, bytes)| (&**path, &**bytes));
    let recordings = Recordings::read(files).unwrap();
    Lab::start(&network, &recordings, 0).await.unwrap()
}

/// How a visitor proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Ntlm,
    Spnego,
    Basic,
}

#[derive(Clone, Copy)]
struct Visit {
    tls: bool,
    how: How,
    password: &'static str,
    seconds: u64,
}

const VISIT: Visit = Visit {
    tls: false,
    how: How::Ntlm,
    password: PASSWORD,
    seconds: 8,
};

impl Visit {
    fn limits(self) -> Limits {
        Limits {
            connect: Duration::from_secs(2),
            login: Duration::from_secs(3),
            ..Limits::until(Instant::now() + Duration::from_secs(self.seconds))
        }
    }

    async fn meet(self, running: &Running) -> Result<Met, ResultCode> {
        let simulated = if self.tls { 5986 } else { 5985 };
        let port = running.port(simulated).unwrap();
        let host = LiveHost {
            address: running.addresses()[0],
            name: None,
            tags: Arc::from([]),
            open_ports: vec![port],
            round_trip: None,
        };
        let authorities = Authorities::none().with_pem(running.authority().as_bytes());
        let ports = BTreeSet::from([running.port(5986).unwrap()]);
        let known = Arc::new(KnownKeys::default());
        let connector = WinrmConnector::new(known, authorities.unwrap(), ports, Arc::new(NoNames));
        let connector = if self.how == How::Spnego {
            connector.with_spnego_first()
        } else {
            connector
        };
        let met = connector.meet(&host, port, &self.limits()).await;
        met.map_err(|error| error.code())
    }

    /// Meets the host, logs in, and asks everything.
    async fn ask(self, running: &Running) -> Result<Answers, ResultCode> {
        let peer: VerifiedPeer = match self.meet(running).await? {
            Met::Verified(peer) => peer,
            Met::Stranger(peer) => {
                let leave = NtlmOverHttp::allowed(true).unwrap();
                peer.allow_ntlm_over_http(leave)
                    .map_err(|error| error.code())?
            }
        };
        let password = Password::new(self.password);
        let logon = WindowsLogon {
            user: "audit",
            domain: Some("LARK"),
            secret: WindowsSecret::Password(&password),
            kerberos: None,
            ntlm: self.how != How::Basic,
            basic: self.how == How::Basic,
        };
        let proof = Proof::Windows(logon, Permit::for_a_reserved_try());
        let limits = self.limits();
        let logged_in = peer.log_in("audit", proof, &limits).await;
        let mut session = logged_in.map_err(|error| error.code())?.session;
        let answers = session.ask(&WINDOWS, &limits).await;
        session.close().await;
        answers.map_err(|error| error.code())
    }
}

/// Whether two texts say the same, whatever their line ends.
fn same(ask: &Ask, one: &str, other: &str) -> bool {
    if matches!(ask, Ask::Wmi { .. }) {
        return WmiRow::parse(one) == WmiRow::parse(other);
    }
    let lines = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    lines(one) == lines(other)
}

fn compare(answers: &Answers, recording: &str) {
    let files: BTreeMap<String, Vec<u8>> = recorded_files().into_iter().collect();
    let file = |name: &str| {
        let found = files
            .iter()
            .find(|(path, _)| path.ends_with(&format!("/{recording}/{name}")));
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    };
    let index: serde_json::Value = serde_json::from_str(&file("answers.json").unwrap()).unwrap();
    for question in WINDOWS.questions {
        let id = question.id;
        let Some(exit) = index["exits"][id].as_i64() else {
            continue;
        };
        match (exit, answers.text(id)) {
            (0, Ok(text)) => {
                let recorded = file(&format!("{id}.txt")).unwrap_or_default();
                assert!(
                    same(&question.ask, text, &recorded),
                    "{id}: {text:?} {recorded:?}"
                );
            }
            (0, Err(gap)) => panic!("{id}: {gap:?}"),
            (_, Ok(text)) => assert_eq!(text.trim(), "", "{id}"),
            (_, Err(gap)) => assert!(
                matches!(gap.cause, GapCause::Missing | GapCause::Denied),
                "{id}: {gap:?}"
            ),
        }
    }
}

fn is_clean(seen: &Seen) {
    assert_eq!(seen.violations_of("h"), [""; 0]);
    assert_eq!(seen.shells_left("h"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_recorded_one_however_it_is_carried() {
    let recording = "windows-server-2022";
    let running = one(1, recording, "").await;
    let visits = [
        VISIT,
        Visit {
            how: How::Spnego,
            ..VISIT
        },
        Visit { tls: true, ..VISIT },
    ];
    for visit in visits {
        let answers = visit.ask(&running).await.unwrap();
        assert_eq!(answers.losses(), []);
        compare(&answers, recording);
    }
    let seen = running.stop().await;
    is_clean(&seen);
    assert_eq!(seen.logins.len(), 3);
    assert!(
        seen.logins
            .iter()
            .all(|login| login.accepted && login.user == "LARK\\audit")
    );
    let with_requests: BTreeSet<usize> = seen
        .requests
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(with_requests.len(), 3);
    assert!(
        seen.requests
            .iter()
            .all(|request| request.cover != Cover::Plain)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_of_another_code_page_is_read_as_well() {
    for (last, recording) in [
        (2, "windows-server-2025"),
        (3, "windows-11-24h2"),
        (4, "windows-7"),
    ] {
        let running = one(last, recording, "oem_code_page = 850").await;
        let answers = VISIT.ask(&running).await.unwrap();
        compare(&answers, recording);
        is_clean(&running.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_goes_over_tls_and_a_strict_service_gets_its_channel_binding() {
    let running = one(5, "windows-server-2022", "auth = [\"basic\"]").await;
    let visit = Visit {
        tls: true,
        how: How::Basic,
        ..VISIT
    };
    compare(&visit.ask(&running).await.unwrap(), "windows-server-2022");
    is_clean(&running.stop().await);
    let running = one(6, "windows-server-2022", "channel_binding = \"strict\"").await;
    let visit = Visit { tls: true, ..VISIT };
    compare(&visit.ask(&running).await.unwrap(), "windows-server-2022");
    is_clean(&running.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_sent_once() {
    let running = one(7, "windows-server-2022", "").await;
    let visit = Visit {
        password: "wrong",
        ..VISIT
    };
    assert_eq!(
        visit.ask(&running).await.err(),
        Some(ResultCode::AuthRejected)
    );
    let seen = running.stop().await;
    assert_eq!(seen.wrong_tries("LARK\\audit"), 1);
    is_clean(&seen);
}

#[tokio::test]
async fn an_anonymous_request_hears_the_offers_and_the_connection_ends() {
    let running = one(8, "windows-7", "auth = [\"negotiate\", \"basic\"]").await;
    let at = (running.addresses()[0], running.port(5985).unwrap());
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = "POST /wsman HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n<a/>";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    assert!(
        said.contains("WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm"),
        "{said}"
    );
    let seen = running.stop().await;
    assert_eq!(seen.requests[0].cover, Cover::Plain);
    assert_eq!(seen.violations_of("h"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_certificate_of_the_authority_for_this_host_verifies_it() {
    let kinds = [
        ("ca", true),
        ("self_signed", false),
        ("expired", false),
        ("wrong_name", false),
    ];
    for (last, (kind, good)) in (10..).zip(kinds) {
        let running = one(last, "windows-7", &format!("certificate = \"{kind}\"")).await;
        let met = Visit { tls: true, ..VISIT }.meet(&running).await.unwrap();
        match met {
            Met::Verified(peer) => assert!(good && peer.trust() == HostTrust::TlsCa, "{kind}"),
            Met::Stranger(_) => assert!(!good, "{kind}"),
        }
        running.stop().await;
    }
}

/// What a fault comes to: a code in place of answers, or the codes of what was lost.
type Outcome = Result<Vec<ResultCode>, ResultCode>;

async fn faulty(last: u8, fault: &str) -> (Outcome, Seen) {
    let running = one(last, "windows-server-2022", &format!("faults = [{fault}]")).await;
    assert_eq!(running.addresses(), [IpAddr::from([127, 97, 0, last])]);
    let begin = Instant::now();
    let answers = timeout(LONGEST, VISIT.ask(&running)).await;
    let outcome = answers.unwrap_or_else(|_| panic!("{fault} does not end"));
    assert!(begin.elapsed() < LONGEST, "{fault}");
    let stopped = timeout(Duration::from_secs(2), running.stop()).await;
    let outcome = outcome.map(|answers| answers.losses().iter().map(|loss| loss.code).collect());
    (outcome, stopped.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_in_time_and_with_its_name() {
    use ResultCode as Code;
    let cases: [(&str, Outcome); 20] = [
        ("\"wsman_access_denied\"", Err(Code::WinrmAccessDenied)),
        ("\"wmi_access_denied\"", Ok(vec![Code::WmiDenied])),
        ("\"shell_access_denied\"", Ok(vec![Code::ShellDenied])),
        ("\"quota_shells\"", Ok(vec![Code::Quota])),
        ("{ op_timeout_receive = 2 }", Ok(vec![])),
        ("\"receive_kills_shell\"", Ok(vec![Code::ProtocolError])),
        ("\"http_503\"", Err(Code::Quota)),
        ("\"auth_reject\"", Err(Code::AuthRejected)),
        ("\"reset_after_auth\"", Err(Code::ProtocolError)),
        ("\"drop_midbody\"", Ok(vec![Code::ProtocolError])),
        ("{ drop_after_requests = 7 }", Ok(vec![Code::ProtocolError])),
        ("\"garbage_xml\"", Ok(vec![Code::ProtocolError])),
        ("{ huge_output = 500000000 }", Ok(vec![])),
        ("{ latency = 20 }", Ok(vec![])),
        ("\"basic_only\"", Err(Code::WinrmBasicOnly)),
        ("\"unencrypted\"", Ok(vec![])),
        ("\"foreign_domain\"", Err(Code::NotAttemptedTrust)),
        ("{ slow_wmi = \"Win32_QuickFixEngineering\" }", Ok(vec![])),
        ("\"reg_denied\"", Ok(vec![Code::ShellRestricted])),
        ("\"blackhole\"", Err(Code::Timeout)),
    ];
    let few = Arc::new(Semaphore::new(4));
    let mut visits = JoinSet::new();
    for (last, (fault, expected)) in (20..).zip(cases) {
        let few = few.clone();
        visits.spawn(async move {
            let _turn = few.acquire().await.unwrap();
            let (outcome, seen) = faulty(last, fault).await;
            assert_eq!(seen.violations_of("h"), [""; 0], "{fault}");
            (fault, outcome, expected, seen)
        });
    }
    while let Some(visit) = visits.join_next().await {
        let (fault, outcome, expected, seen) = visit.unwrap();
        assert_eq!(outcome, expected, "{fault}");
        assert!(seen.wrong_tries("LARK\\audit") <= 1, "{fault}");
        // Whose domain is another's hears no proof of a password.
        assert!(
            !fault.contains("foreign") || seen.logins.is_empty(),
            "{fault}"
        );
        let clear = seen
            .requests
            .iter()
            .any(|request| request.cover == Cover::Plain);
        assert!(!clear, "{fault}");
        // Where the connection is gone there is no other from which to delete it.
        assert!(
            fault.contains("drop_") || seen.shells_left("h") == 0,
            "{fault}"
        );
    }
}
