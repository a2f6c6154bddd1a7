//! Meeting and logging in, against servers in this process.

mod server;

use super::challenge::tests::{STRONG, challenge};
use super::*;
use crate::model::{Failure as _, HostTrust, LiveHost, ResultCode};
use crate::session::base64;
use crate::session::{
    Channel, ClientCertificate, Connector as _, KnownKeys, Limits, LoggedIn, LoginError, Met,
    NtlmOverHttp, Password, Permit, Proof, StrangerPeer, VerifiedPeer, WindowsLogon, WindowsSecret,
};
use async_trait::async_trait;
use server::{Authority, Server, answer, offer};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Every name leads here.
struct AllHere;

#[async_trait]
impl Names for AllHere {
    async fn addresses(&self, _name: &str) -> Vec<IpAddr> {
        vec![IpAddr::from([127, 0, 0, 1])]
    }
}

fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        login: Duration::from_secs(2),
        ..Limits::default()
    }
}

async fn meet(
    server: &Server,
    tls: bool,
    authorities: Authorities,
    (name, names): (Option<&str>, Arc<dyn Names>),
) -> Met {
    let ports = tls.then_some(server.port);
    let ports = BTreeSet::from_iter(ports);
    let known = Arc::new(KnownKeys::default());
    let connector = WinrmConnector::new(known, authorities, ports, names);
    let host = LiveHost {
        address: [127, 0, 0, 1].into(),
        name: name.map(Arc::from),
        tags: Arc::from([]),
        open_ports: vec![server.port],
        round_trip: None,
    };
    let met = connector.meet(&host, server.port, &limits()).await;
    met.unwrap()
}

fn verified(met: Met) -> VerifiedPeer {
    match met {
        Met::Verified(peer) => peer,
        Met::Stranger(peer) => panic!("a stranger: {peer:?}"),
    }
}

fn stranger(met: Met) -> StrangerPeer {
    match met {
        Met::Stranger(peer) => peer,
        Met::Verified(peer) => panic!("verified: {peer:?}"),
    }
}

/// A server without TLS, and leave to use NTLM there.
async fn plain(answers: Vec<String>) -> (Server, VerifiedPeer) {
    let server = Server::start(Vec::new(), answers).await;
    let met = meet(
        &server,
        false,
        Authorities::none(),
        (None, Arc::new(NoNames)),
    )
    .await;
    let leave = NtlmOverHttp::allowed(true).unwrap();
    let peer = stranger(met).allow_ntlm_over_http(leave).unwrap();
    (server, peer)
}

fn logon(password: &Password) -> WindowsLogon<'_> {
    WindowsLogon {
        user: "scan",
        domain: Some("CONTOSO"),
        secret: WindowsSecret::Password(password),
        kerberos: None,
        ntlm: true,
        basic: false,
    }
}

async fn log_in(peer: VerifiedPeer, logon: WindowsLogon<'_>) -> Result<LoggedIn, LoginError> {
    let proof = Proof::Windows(logon, Permit::for_a_reserved_try());
    peer.log_in(logon.user, proof, &limits()).await
}

/// Whether any request held the message that is made from the password.
fn saw_type_three(heard: &[String]) -> bool {
    let authorizations = heard.iter().flat_map(|request| request.lines());
    let tokens = authorizations.filter_map(|line| line.split_once("Negotiate "));
    let mut tokens = tokens.filter_map(|(_, token)| base64::decode(token.trim()));
    tokens.any(|token| {
        let mark = b"NTLMSSP\0\x03";
        token.windows(mark.len()).any(|window| window == mark)
    })
}

const CONTOSO: &[(u16, &str)] = &[(2, "CONTOSO"), (1, "WEB1"), (4, "contoso.test")];

#[tokio::test]
async fn a_wrong_password_is_told_once_on_one_connection() {
    let type_two = offer(&challenge(CONTOSO, STRONG));
    let refusal = answer("401 \r\nWWW-Authenticate: Negotiate");
    let (server, peer) = plain(vec![type_two, refusal]).await;
    let password = Password::new("wrong");
    let basic = true;
    let error = log_in(
        peer,
        WindowsLogon {
            basic,
            ..logon(&password)
        },
    )
    .await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), ResultCode::AuthRejected);
    assert!(error.counts() && !error.retryable());
    assert_eq!(server.heard().len(), 2);
    assert!(saw_type_three(&server.heard()));
}

#[tokio::test]
async fn a_yes_that_is_not_sealed_proves_no_password() {
    for yes in ["200 OK", "500 Internal Server Error"] {
        for (then, code) in [
            ("200 OK", ResultCode::ProtocolError),
            ("500 Internal Server Error", ResultCode::ProtocolError),
            ("503 Busy", ResultCode::Quota),
            ("401 Unauthorized", ResultCode::AuthRejected),
        ] {
            let type_two = offer(&challenge(CONTOSO, STRONG));
            let (server, peer) = plain(vec![type_two, answer(yes), answer(then)]).await;
            let password = Password::new("secret");
            let error = log_in(peer, logon(&password)).await.unwrap_err();
            assert!(
                error.counts() && !error.retryable(),
                "{yes}, {then}: {error}"
            );
            assert_eq!(error.code(), code, "{yes}, {then}");
            assert_eq!(server.heard().len(), 3);
        }
    }
}

#[tokio::test]
async fn a_web_server_that_breaks_has_not_looked_at_the_password() {
    let authority = Authority::new();
    let broken = answer("500 Internal Server Error");
    let server = Server::start(vec![authority.identity(&["127.0.0.1"])], vec![broken]).await;
    let who: (_, Arc<dyn Names>) = (None, Arc::new(NoNames));
    let peer = verified(meet(&server, true, authority.trusted(), who).await);
    let password = Password::new("secret");
    let (ntlm, basic) = (false, true);
    let logon = WindowsLogon {
        ntlm,
        basic,
        ..logon(&password)
    };
    let error = log_in(peer, logon).await.unwrap_err();
    assert!(error.counts(), "{error}");
}

#[tokio::test]
async fn a_challenge_may_refuse_before_anything_is_computed() {
    let foreign = [(2, "FABRIKAM"), (1, "WEB1"), (4, "fabrikam.test")];
    let cases = [
        (challenge(&foreign, STRONG), ResultCode::NotAttemptedTrust),
        (
            challenge(&[(1, "WEB1")], STRONG),
            ResultCode::NotAttemptedTrust,
        ),
        (
            challenge(CONTOSO, STRONG & 0xdfff_ffff),
            ResultCode::ProtocolError,
        ),
        (b"NTLMSSP\0\x02\0\0\0".to_vec(), ResultCode::ProtocolError),
    ];
    for (token, code) in cases {
        let (server, peer) = plain(vec![offer(&token)]).await;
        let password = Password::new("secret");
        let error = log_in(peer, logon(&password)).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.secret_sent());
        assert!(!saw_type_three(&server.heard()));
    }
}

#[tokio::test]
async fn what_is_no_refusal_is_not_called_one() {
    let cases = [
        ("503 Service Unavailable", ResultCode::Quota),
        ("400 Bad Request", ResultCode::ProtocolError),
        ("404 Not Found", ResultCode::ProtocolError),
        ("200 OK", ResultCode::ProtocolError),
        ("401 Unauthorized", ResultCode::ProtocolError),
        (
            "401 \r\nWWW-Authenticate: Basic realm=\"WSMAN\"",
            ResultCode::WinrmBasicOnly,
        ),
    ];
    for (head, code) in cases {
        let (server, peer) = plain(vec![answer(head)]).await;
        let password = Password::new("secret");
        let basic = true;
        let error = log_in(
            peer,
            WindowsLogon {
                basic,
                ..logon(&password)
            },
        )
        .await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), code, "{head}");
        assert!(!error.secret_sent());
        assert_eq!(server.heard().len(), 1, "{head}");
    }
}

#[tokio::test]
async fn a_host_that_ignores_the_bare_form_is_greeted_in_spnego() {
    let ignores = answer("401 \r\nWWW-Authenticate: Negotiate\r\nConnection: close");
    let (server, peer) = plain(vec![ignores, answer("503 Busy")]).await;
    let password = Password::new("secret");
    let error = log_in(peer, logon(&password)).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::Quota);
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    // `NTLMSSP` bare, and the tag of SPNEGO's first token.
    assert!(heard[0].contains("Negotiate TlRMTVNT"));
    assert!(heard[1].contains("Negotiate YE"), "{}", heard[1]);
}

/// What the certificate bears, by what the operator gave the host, who looks up, whether trusted.
type Case<'a> = (&'a [&'a str], Option<&'a str>, &'a Arc<dyn Names>, bool);

#[tokio::test]
async fn a_certificate_is_trusted_for_its_authority_and_its_name() {
    let authority = Authority::new();
    let here: Arc<dyn Names> = Arc::new(AllHere);
    let nowhere: Arc<dyn Names> = Arc::new(NoNames);
    let cases: [Case<'_>; 7] = [
        (&["127.0.0.1"], None, &nowhere, true),
        (
            &["web1.contoso.test"],
            Some("web1.contoso.test"),
            &nowhere,
            true,
        ),
        (&["web1.contoso.test"], None, &here, true),
        (&["web1.contoso.test"], Some("web1"), &here, true),
        (&["web1.contoso.test"], None, &nowhere, false),
        (
            &["web2.contoso.test"],
            Some("web1.contoso.test"),
            &here,
            false,
        ),
        (&["10.9.8.7"], None, &here, false),
    ];
    for (bears, name, names, trusted) in cases {
        let server = Server::start(vec![authority.identity(bears)], Vec::new()).await;
        let who = (name, Arc::clone(names));
        let met = meet(&server, true, authority.trusted(), who).await;
        let trust = if trusted {
            HostTrust::TlsCa
        } else {
            HostTrust::Unknown
        };
        assert_eq!(met.trust(), trust, "{bears:?} as {name:?}");
        let who = (name, Arc::clone(names));
        let met = meet(&server, true, Authority::new().trusted(), who).await;
        assert_eq!(stranger(met).channel(), Channel::Tls);
        assert_eq!(server.heard(), [""; 0]);
    }
}

#[tokio::test]
async fn basic_is_told_inside_verified_tls_after_the_host_offers_nothing_else() {
    let authority = Authority::new();
    let basic_only = "401 \r\nWWW-Authenticate: Basic realm=\"WSMAN\"\r\nConnection: close";
    let answers = vec![answer(basic_only), answer("200 OK")];
    let server = Server::start(vec![authority.identity(&["127.0.0.1"])], answers).await;
    let who: (_, Arc<dyn Names>) = (None, Arc::new(NoNames));
    let peer = verified(meet(&server, true, authority.trusted(), who).await);
    let password = Password::new("secret");
    let basic = true;
    let logged_in = log_in(
        peer,
        WindowsLogon {
            basic,
            ..logon(&password)
        },
    )
    .await;
    assert_eq!(logged_in.unwrap().method, "basic");
    let told = base64::encode_padded(b"CONTOSO\\scan:secret");
    assert!(server.heard()[1].contains(&format!("Basic {told}")));
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_same_server_only() {
    let authority = Authority::new();
    let (leaf, key) = authority.sign(&["scan"]);
    let own = ClientCertificate::parse(leaf.as_bytes(), &key.as_str().into()).unwrap();
    let first = authority.identity(&["127.0.0.1"]);
    let other = authority.identity(&["127.0.0.1"]);
    let password = Password::new("");
    let by_certificate = WindowsLogon {
        secret: WindowsSecret::Certificate(&own),
        ..logon(&password)
    };
    let who = || -> (_, Arc<dyn Names>) { (None, Arc::new(NoNames)) };

    let server = Server::start(vec![Arc::clone(&first)], vec![answer("200 OK")]).await;
    let peer = verified(meet(&server, true, authority.trusted(), who()).await);
    let logged_in = log_in(peer, by_certificate).await.unwrap();
    assert_eq!(
        (logged_in.method, logged_in.secret_sent),
        ("certificate", false)
    );
    let heard = server.heard();
    assert_eq!(heard[0], "a certificate");
    assert!(heard[1].contains("/wsman/secprofile/https/mutual"));

    let server = Server::start(vec![first, other], vec![answer("200 OK")]).await;
    let peer = verified(meet(&server, true, authority.trusted(), who()).await);
    let error = log_in(peer, by_certificate).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::TlsUntrusted);
    // Neither a request nor a signature.
    assert_eq!(server.heard(), [""; 0]);
}

#[tokio::test]
async fn plain_http_cannot_become_trusted_by_being_seen() {
    let server = Server::start(Vec::new(), Vec::new()).await;
    let who: (_, Arc<dyn Names>) = (None, Arc::new(NoNames));
    let peer = stranger(meet(&server, false, Authorities::none(), who).await);
    assert_eq!(peer.trust(), HostTrust::None);
    assert_eq!(peer.channel(), Channel::Http);
    let leave = crate::session::FirstUse::allowed(true, true).unwrap();
    let error = peer.trust_on_first_use(leave).unwrap_err();
    assert_eq!(error.code(), ResultCode::NotAttemptedTrust);
}
