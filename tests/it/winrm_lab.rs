//! Against an independent WinRM server, every way to log in.
//!
//! Off unless `UNDERDESK_WINRM_LAB` names the state folder of such a server, which has to serve the
//! hosts of `winrm_lab.json` on ports 5985 and 5986, and keep its authority in `ca.pem` there.
//! `UNDERDESK_WINRM_KDC=127.0.0.1:port` names a key distribution centre of CONTOSO.TEST that knows
//! `svc_scan` and the services `HTTP/127.0.40.1` and `HTTP/127.0.40.2`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use underdesk::model::{Failure as _, HostKey, HostTrust, LiveHost, ResultCode};
use underdesk::session::{
    Ask, Authorities, Centres, Channel, Connector as _, KerberosWay, KnownKeys, Limits, LoggedIn,
    LoginError, Met, NoNames, NtlmOverHttp, Password, Permit, Proof, Question, QuestionSet,
    StrangerPeer, VerifiedPeer, WindowsLogon, WindowsSecret, WinrmConnector,
};

const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "",
    questions: &[Question {
        id: "os",
        ask: Ask::Wmi {
            namespace: "root/cimv2",
            query: "SELECT Caption,BuildNumber FROM Win32_OperatingSystem",
        },
        why: "",
        needs: underdesk::session::Needs::Login,
        loss: "",
    }],
};

const HTTP: u16 = 5985;
const TLS: u16 = 5986;

/// The state folder, or `None` after saying so.
fn lab() -> Option<PathBuf> {
    let folder = std::env::var_os("UNDERDESK_WINRM_LAB").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("NOT RUN: UNDERDESK_WINRM_LAB names no state folder of a WinRM server");
    }
    folder
}

fn kdcs() -> Option<Vec<String>> {
    let address = std::env::var_os("UNDERDESK_WINRM_KDC");
    let address = address.and_then(|address| address.into_string().ok());
    if address.is_none() {
        eprintln!("NOT RUN: UNDERDESK_WINRM_KDC names no key distribution centre");
    }
    address.map(|address| vec![address])
}

fn connector(known: KnownKeys, lab: Option<&PathBuf>) -> WinrmConnector {
    let authorities = match lab {
        Some(folder) => {
            let pem = std::fs::read(folder.join("ca.pem")).unwrap();
            Authorities::none().with_pem(&pem).unwrap()
        }
        None => Authorities::none(),
    };
    let ports = BTreeSet::from([TLS]);
    WinrmConnector::new(Arc::new(known), authorities, ports, Arc::new(NoNames))
}

fn host(last: u8) -> LiveHost {
    LiveHost {
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 40, last)),
        name: None,
        tags: Arc::from([]),
        open_ports: vec![HTTP, TLS],
        round_trip: None,
    }
}

async fn stranger(connector: &WinrmConnector, last: u8, port: u16) -> StrangerPeer {
    match connector.meet(&host(last), port, &Limits::default()).await {
        Ok(Met::Stranger(peer)) => peer,
        other => panic!("no stranger: {other:?}"),
    }
}

async fn verified(connector: &WinrmConnector, last: u8, port: u16) -> VerifiedPeer {
    match connector.meet(&host(last), port, &Limits::default()).await {
        Ok(Met::Verified(peer)) => peer,
        other => panic!("not verified: {other:?}"),
    }
}

fn logon<'a>(user: &'a str, password: &'a Password) -> WindowsLogon<'a> {
    let (domain, user) = match user.split_once('\\') {
        Some((domain, user)) => (Some(domain), user),
        None => (None, user),
    };
    WindowsLogon {
        user,
        domain,
        secret: WindowsSecret::Password(password),
        kerberos: None,
        ntlm: true,
        basic: false,
    }
}

async fn log_in(peer: VerifiedPeer, logon: WindowsLogon<'_>) -> Result<LoggedIn, LoginError> {
    let proof = Proof::Windows(logon, Permit::for_a_reserved_try());
    peer.log_in(logon.user, proof, &Limits::default()).await
}

async fn over_http(connector: &WinrmConnector, last: u8) -> VerifiedPeer {
    let peer = stranger(connector, last, HTTP).await;
    assert_eq!(peer.channel(), Channel::Http);
    let leave = NtlmOverHttp::allowed(true).unwrap();
    let peer = peer.allow_ntlm_over_http(leave).unwrap();
    assert_eq!(peer.trust(), HostTrust::None);
    peer
}

/// Asks something, so that a message goes both ways, and hangs up.
async fn talk(logged_in: LoggedIn) {
    let mut session = logged_in.session;
    let answers = session.ask(&SET, &Limits::default()).await;
    answers.unwrap();
    session.close().await;
}

#[tokio::test]
async fn ntlm_bare_and_in_spnego_over_sealed_http() {
    if lab().is_none() {
        return;
    }
    let plain = connector(KnownKeys::default(), None);
    let password = Password::new("Passw0rd!");
    for connector in [plain.clone(), plain.with_spnego_first()] {
        let peer = over_http(&connector, 1).await;
        let logged_in = log_in(peer, logon("scanner", &password)).await.unwrap();
        assert_eq!(logged_in.method, "ntlm");
        let said = logged_in.challenge.clone().unwrap();
        assert_eq!(said.netbios_domain.as_deref(), Some("CONTOSO"));
        assert!(said.os_build.is_some());
        talk(logged_in).await;
    }
}

#[tokio::test]
async fn names_and_passwords_of_any_script_log_in() {
    if lab().is_none() {
        return;
    }
    let plain = connector(KnownKeys::default(), None);
    for connector in [plain.clone(), plain.with_spnego_first()] {
        for (user, password) in [
            ("jürgen", "Schlüßel-Ärger"),
            ("用户", "密码测试"),
            ("smile😀", "p🔑ss wörd"),
        ] {
            let password = Password::new(password);
            let peer = over_http(&connector, 1).await;
            let logged_in = log_in(peer, logon(user, &password)).await;
            talk(logged_in.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn https_by_authority_and_by_pin_bound_to_the_channel() {
    let Some(folder) = lab() else {
        return;
    };
    let password = Password::new("D0main!Pass");
    let mut known = KnownKeys::default();
    for last in [1, 2] {
        let nobody = connector(KnownKeys::default(), None);
        let key = stranger(&nobody, last, TLS).await.host_key().clone();
        known.pin(&host(last).address.to_string(), TLS, key);
    }
    let by_pin = connector(known, None);
    let by_authority = connector(KnownKeys::default(), Some(&folder));
    for (connector, trust) in [
        (by_pin, HostTrust::Pinned),
        (by_authority.clone(), HostTrust::TlsCa),
        (by_authority.with_spnego_first(), HostTrust::TlsCa),
    ] {
        for last in [1, 2] {
            let peer = verified(&connector, last, TLS).await;
            assert_eq!(peer.trust(), trust);
            let logged_in = log_in(peer, logon("CONTOSO\\svc_scan", &password)).await;
            talk(logged_in.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_certificate_hears_nothing_and_another_one_than_the_pin_is_an_alarm() {
    if lab().is_none() {
        return;
    }
    let nobody = connector(KnownKeys::default(), None);
    let peer = stranger(&nobody, 4, TLS).await;
    assert_eq!(peer.channel(), Channel::Tls);
    let leave = NtlmOverHttp::allowed(true).unwrap();
    let error = peer.allow_ntlm_over_http(leave).unwrap_err();
    assert_eq!(error.code(), ResultCode::TlsUntrusted);
    let mut known = KnownKeys::default();
    let key = HostKey {
        algorithm: "x509".to_owned(),
        fingerprint: "SHA256:other".to_owned(),
    };
    known.pin("127.0.40.4", TLS, key);
    let met = connector(known, None)
        .meet(&host(4), TLS, &Limits::default())
        .await;
    assert_eq!(met.unwrap_err().code(), ResultCode::HostkeyChanged);
}

#[tokio::test]
async fn kerberos_over_http_and_https_proves_both_sides() {
    let (Some(folder), Some(kdcs)) = (lab(), kdcs()) else {
        return;
    };
    let password = Password::new("D0main!Pass");
    let connector = connector(KnownKeys::default(), Some(&folder));
    let centres = Centres::default();
    let way = |host| KerberosWay {
        realm: "contoso.test",
        kdcs: &kdcs,
        centres: &centres,
        service_host: host,
    };
    let by_ticket = |host| WindowsLogon {
        kerberos: Some(way(host)),
        ..logon("CONTOSO\\svc_scan", &password)
    };
    let permit = Permit::for_a_reserved_try();
    let limits = Limits::default();
    let peer = stranger(&connector, 1, HTTP).await;
    let logged_in = peer
        .log_in_with_kerberos(by_ticket("127.0.40.1"), permit, &limits)
        .await
        .unwrap();
    assert_eq!(logged_in.method, "kerberos");
    assert_eq!(logged_in.trust, Some(HostTrust::Kerberos));
    talk(logged_in).await;
    let peer = verified(&connector, 1, TLS).await;
    let logged_in = log_in(peer, by_ticket("127.0.40.1")).await.unwrap();
    assert_eq!(logged_in.method, "kerberos");
    talk(logged_in).await;
}

#[tokio::test]
async fn without_a_kdc_or_a_service_ntlm_takes_over_where_it_may() {
    let (Some(folder), Some(kdcs)) = (lab(), kdcs()) else {
        return;
    };
    let password = Password::new("D0main!Pass");
    let connector = connector(KnownKeys::default(), Some(&folder));
    let dead = vec!["127.0.0.1:1".to_owned()];
    let centres = Centres::default();
    for (kdcs, code) in [
        (&dead, ResultCode::Timeout),
        (&kdcs, ResultCode::KerberosNoSpn),
    ] {
        let kerberos = Some(KerberosWay {
            realm: "CONTOSO.TEST",
            kdcs,
            centres: &centres,
            service_host: "unregistered.contoso.test",
        });
        let logon = WindowsLogon {
            kerberos,
            ..logon("CONTOSO\\svc_scan", &password)
        };
        let peer = verified(&connector, 1, TLS).await;
        let logged_in = log_in(peer, logon).await.unwrap();
        assert_eq!(logged_in.method, "ntlm");
        talk(logged_in).await;
        let peer = stranger(&connector, 1, HTTP).await;
        let permit = Permit::for_a_reserved_try();
        let error = peer
            .log_in_with_kerberos(logon, permit, &Limits::default())
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!error.counts());
    }
}

#[tokio::test]
async fn a_wrong_password_of_kerberos_is_told_once_and_not_to_the_host() {
    let (Some(folder), Some(kdcs)) = (lab(), kdcs()) else {
        return;
    };
    let password = Password::new("wrong");
    let connector = connector(KnownKeys::default(), Some(&folder));
    let centres = Centres::default();
    let kerberos = Some(KerberosWay {
        realm: "CONTOSO.TEST",
        kdcs: &kdcs,
        centres: &centres,
        service_host: "127.0.40.1",
    });
    let logon = WindowsLogon {
        kerberos,
        ..logon("CONTOSO\\svc_scan", &password)
    };
    let peer = verified(&connector, 1, TLS).await;
    let error = log_in(peer, logon).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::AuthRejected);
    assert!(error.counts());
}

#[tokio::test]
async fn basic_only_inside_verified_tls_and_only_where_the_credential_says_so() {
    let Some(folder) = lab() else {
        return;
    };
    let password = Password::new("Passw0rd!");
    let connector = connector(KnownKeys::default(), Some(&folder));
    let allowed = WindowsLogon {
        basic: true,
        ..logon("scanner", &password)
    };
    for ntlm in [true, false] {
        let peer = verified(&connector, 3, TLS).await;
        let logged_in = log_in(peer, WindowsLogon { ntlm, ..allowed }).await;
        let logged_in = logged_in.unwrap();
        assert_eq!(logged_in.method, "basic");
        talk(logged_in).await;
        let peer = over_http(&connector, 3).await;
        let error = log_in(peer, WindowsLogon { ntlm, ..allowed }).await;
        assert_eq!(error.unwrap_err().code(), ResultCode::WinrmBasicOnly);
    }
    let peer = verified(&connector, 3, TLS).await;
    let error = log_in(peer, logon("scanner", &password)).await;
    assert_eq!(error.unwrap_err().code(), ResultCode::WinrmBasicOnly);
}

#[tokio::test]
async fn a_wrong_password_is_told_once() {
    if lab().is_none() {
        return;
    }
    let connector = connector(KnownKeys::default(), None);
    let password = Password::new("wrong");
    let peer = over_http(&connector, 4).await;
    let logon = WindowsLogon {
        basic: true,
        ..logon("scanner", &password)
    };
    let error = log_in(peer, logon).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::AuthRejected);
    assert!(error.counts() && !error.retryable());
}

#[tokio::test]
async fn an_account_of_another_domain_is_not_used() {
    if lab().is_none() {
        return;
    }
    let connector = connector(KnownKeys::default(), None);
    let password = Password::new("D0main!Pass");
    let peer = over_http(&connector, 4).await;
    let error = log_in(peer, logon("FABRIKAM\\svc_scan", &password)).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), ResultCode::NotAttemptedTrust);
    assert!(!error.secret_sent());
}

#[tokio::test]
async fn a_service_that_is_stopped_is_no_refusal() {
    if lab().is_none() {
        return;
    }
    let connector = connector(KnownKeys::default(), None);
    let password = Password::new("Passw0rd!");
    let peer = over_http(&connector, 5).await;
    let error = log_in(peer, logon("scanner", &password)).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), ResultCode::Quota);
    assert!(!error.secret_sent() && error.retryable());
}
