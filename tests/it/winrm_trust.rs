//! Who may see a logon over WinRM: whole runs, counted by what the servers saw.

use crate::support::{Desk, Office, assert_clean, conversations, logon, proofs, windows};
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const HTTP: (&str, &str) = ("5985", "windows-server-2022");
const TLS: (&str, &str) = ("5986", "windows-server-2022");
/// How a scan ends that has read its only host, which the catalogue of these tests judges.
const READ: i32 = 0;

fn one(at: &str, ports: (&str, &str), more: &str, credential: &str) -> Office {
    let hosts = windows("h", at, ports, more);
    Office::open(&hosts, &logon("windows", at, credential))
}

/// The code, the trust and whether anything was attempted, of the one row in `access.csv`.
fn scanned(office: &Office, code: i32, at: &str, more: &str) -> (String, String, String) {
    let (ended, access) = office.scan(code, at, more);
    assert_eq!(access.rows.len(), 1, "{access:?}\n{}", ended.err);
    let cell = |column| access.cell(&access.rows[0], column).to_owned();
    (cell("result_code"), cell("host_trust"), cell("attempted"))
}

fn words(code: &str, trust: &str, attempted: &str) -> (String, String, String) {
    (code.to_owned(), trust.to_owned(), attempted.to_owned())
}

/// The line by which a person pins the certificate that the host showed.
fn pin_of_the_shown(office: &Office, at: &str) -> String {
    let access = office.table("access");
    let detail = access.value(("ip", at), "detail");
    let (_, digest) = detail
        .split_once("x509 SHA256:")
        .unwrap_or_else(|| panic!("{detail}"));
    let digest: String = digest.chars().take(43).collect();
    let key = format!("x509 SHA256:{digest}");
    format!("[{at}]:{} {key}\n", office.site.port(5986))
}

fn import(desk: &Desk, pins: &str) {
    desk.write("pins", pins);
    desk.expect(0, "trust import pins");
}

#[test]
fn ntlm_goes_over_plain_http_only_where_the_credential_says_so() {
    let at = "127.94.0.1";
    let office = one(at, HTTP, "", "");
    let refused = scanned(&office, 3, at, "");
    assert_eq!(refused, words("not_attempted_trust", "none", "no"));
    // It is asked who it is, and no account is named.
    let seen = office.seen();
    assert_eq!((seen.logins.len(), conversations(&seen, "h")), (0, 1));

    let at = "127.94.0.2";
    let office = one(at, HTTP, "", "ntlm_http = true");
    let (ended, access) = office.scan(READ, at, "");
    assert_eq!(access.values("result_code"), ["ok"], "{}", ended.err);
    assert_eq!(access.values("host_trust"), ["none"]);
    // Said before anything is sent: the run's own lines come after it.
    let told = ended.err.find("NTLM over plain HTTP").unwrap();
    let swept = ended
        .err
        .find("swept")
        .or_else(|| ended.err.find("assessed"));
    assert!(swept.is_none_or(|swept| told < swept), "{}", ended.err);
    assert!(ended.err.contains("relay the logon"), "{}", ended.err);
    let seen = office.seen();
    assert_eq!(proofs(&seen, "h"), 1);
    assert_clean(&seen);
}

#[test]
fn a_dry_run_says_what_ntlm_over_plain_http_risks_and_sends_nothing() {
    let at = "127.94.0.3";
    let office = one(at, HTTP, "", "ntlm_http = true");
    let ended = office.desk.expect(0, &office.words(at, "--dry-run"));
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains("NTLM over plain HTTP"), "{said}");
    assert_eq!(office.seen().connections.len(), 0);
}

#[test]
fn a_certificate_of_the_operators_authority_is_trusted_and_another_hears_nothing() {
    let at = "127.94.0.10";
    let office = one(at, TLS, "", "");
    // The program knows this machine's own authorities, and the lab's is none of them.
    let refused = scanned(&office, 3, at, "");
    assert_eq!(refused, words("tls_untrusted", "unknown", "no"));
    let seen = office.seen();
    assert_eq!((seen.logins.len(), seen.requests.len()), (0, 0));
    let admitted = scanned(&office, READ, at, "--tls-ca ca.pem");
    assert_eq!(admitted, words("ok", "tls_ca", "yes"));
    let seen = office.seen();
    assert_eq!(proofs(&seen, "h"), 1);
    assert_clean(&seen);
}

#[test]
fn a_certificate_that_signed_itself_or_has_expired_hears_nothing() {
    for (last, kind) in [(11, "self_signed"), (12, "expired")] {
        let at = format!("127.94.0.{last}");
        let office = one(&at, TLS, &format!("certificate = '{kind}'"), "");
        let refused = scanned(&office, 3, &at, "--tls-ca ca.pem");
        assert_eq!(refused, words("tls_untrusted", "unknown", "no"), "{kind}");
        let seen = office.seen();
        assert_eq!((seen.logins.len(), seen.requests.len()), (0, 0), "{kind}");
    }
}

#[test]
fn a_pinned_certificate_is_trusted_and_another_than_the_pinned_is_an_alarm() {
    let at = "127.94.0.13";
    let office = one(at, TLS, "certificate = 'self_signed'", "");
    assert_eq!(scanned(&office, 3, at, "").0, "tls_untrusted");
    // As a person would: with the fingerprint that was shown, once it has been checked.
    import(&office.desk, &pin_of_the_shown(&office, at));
    assert_eq!(scanned(&office, READ, at, ""), words("ok", "pinned", "yes"));
    let seen = office.seen();
    assert_eq!(proofs(&seen, "h"), 1);
    assert_clean(&seen);

    let at = "127.94.0.14";
    let office = one(at, TLS, "certificate = 'self_signed'", "");
    let other = format!(
        "[{at}]:{} x509 SHA256:{}\n",
        office.site.port(5986),
        "A".repeat(43)
    );
    import(&office.desk, &other);
    let alarm = scanned(&office, 6, at, "");
    assert_eq!(alarm, words("hostkey_changed", "changed", "no"));
    let flags = "--accept-new-host-keys";
    assert_eq!(scanned(&office, 6, at, flags).0, "hostkey_changed");
    let seen = office.seen();
    assert_eq!((seen.logins.len(), seen.requests.len()), (0, 0));
}

#[test]
fn a_certificate_is_taken_at_first_sight_only_where_both_allow_it() {
    let flags = "--accept-new-host-keys";
    let at = "127.94.0.15";
    let office = one(at, TLS, "certificate = 'self_signed'", "");
    let refused = scanned(&office, 3, at, flags);
    assert_eq!((&*refused.0, &*refused.2), ("tls_untrusted", "no"));
    assert_eq!(office.seen().logins.len(), 0);

    let at = "127.94.0.16";
    let credential = "password_on_first_use = true";
    let office = one(at, TLS, "certificate = 'self_signed'", credential);
    assert_eq!(scanned(&office, 3, at, "").0, "tls_untrusted");
    assert_eq!(office.seen().logins.len(), 0);
    assert_eq!(
        scanned(&office, READ, at, flags),
        words("ok", "first_use", "yes")
    );
    // The next time it is known, whatever the flags say.
    assert_eq!(scanned(&office, READ, at, ""), words("ok", "pinned", "yes"));
    let pins = office.desk.expect(0, "trust list");
    assert!(
        pins.out.contains(at) && pins.out.contains("first_use"),
        "{}",
        pins.out
    );
    let seen = office.seen();
    assert_eq!(proofs(&seen, "h"), 2);
    assert_clean(&seen);
}

#[test]
fn a_service_that_demands_channel_binding_is_read_over_tls() {
    let at = "127.94.0.20";
    let office = one(at, TLS, "channel_binding = 'strict'", "");
    let admitted = scanned(&office, READ, at, "--tls-ca ca.pem");
    assert_eq!(admitted, words("ok", "tls_ca", "yes"));
    assert_clean(&office.seen());
}

#[test]
fn basic_is_spoken_inside_verified_tls_only_and_only_where_the_credential_says_so() {
    const BASIC: &str = "auth = ['basic']";
    let at = "127.94.0.30";
    let office = one(at, TLS, BASIC, "");
    let refused = scanned(&office, 3, at, "--tls-ca ca.pem");
    assert_eq!(refused.0, "winrm_basic_only");
    assert_eq!(office.seen().secrets("h"), [""; 0]);

    let at = "127.94.0.31";
    let office = one(at, TLS, BASIC, "basic = true");
    assert_eq!(scanned(&office, 3, at, "").0, "tls_untrusted");
    assert_eq!(office.seen().logins.len(), 0);
    let admitted = scanned(&office, READ, at, "--tls-ca ca.pem");
    assert_eq!(admitted, words("ok", "tls_ca", "yes"));
    let seen = office.seen();
    assert_eq!(seen.secrets("h").len(), 1);
    assert_clean(&seen);

    // Over plain HTTP never, whatever the credential allows.
    let at = "127.94.0.32";
    let office = one(at, HTTP, BASIC, "basic = true\nntlm_http = true");
    assert_eq!(scanned(&office, 3, at, "").0, "winrm_basic_only");
    let seen = office.seen();
    assert_eq!(seen.secrets("h"), [""; 0]);
    assert_eq!(seen.logins.len(), 0);
}

#[test]
fn a_domain_account_is_not_used_where_the_challenge_names_another_domain() {
    for (last, ports, flags) in [(40, HTTP, ""), (41, TLS, "--tls-ca ca.pem")] {
        let at = format!("127.94.0.{last}");
        let office = one(
            &at,
            ports,
            "faults = ['foreign_domain']",
            "ntlm_http = true",
        );
        let refused = scanned(&office, 3, &at, flags);
        assert_eq!((&*refused.0, &*refused.2), ("not_attempted_trust", "no"));
        let detail = office.table("access").values("detail")[0].to_owned();
        assert!(detail.to_lowercase().contains("elsewhere"), "{detail}");
        // What was not logged in to is asked who it is afterwards.
        let seen = office.seen();
        assert_eq!(seen.logins.len(), 0);
        assert!(conversations(&seen, "h") > 1);
        // It has cost the account nothing.
        let (tries, stops) = office.desk.store().breaker().wait().unwrap();
        assert_eq!((tries.len(), stops.len()), (0, 0));
    }
}

#[test]
fn an_account_of_the_host_itself_is_used_whatever_domain_the_host_is_in() {
    let at = "127.94.0.42";
    let office = one(at, TLS, "", "user = '.\\owner'");
    let admitted = scanned(&office, READ, at, "--tls-ca ca.pem");
    assert_eq!(admitted, words("ok", "tls_ca", "yes"));
    assert_clean(&office.seen());
}

#[test]
fn a_clients_certificate_logs_in_inside_verified_tls_only() {
    let at = "127.94.0.50";
    let hosts = windows("h", at, TLS, "auth = ['negotiate', 'certificate']");
    let own = |user: &str| {
        format!(
            "[[credential]]\nid = 'own'\ntype = 'winrm'\nuser = '{user}'\nscope = ['{at}']\n\
             certificate = 'own.pem'\nkey = {{ file = 'own.key' }}\n"
        )
    };
    for (user, expected, code) in [("owner", "ok", READ), ("nobody", "auth_rejected", 3)] {
        let office = Office::open(&hosts, &own(user));
        let (certificate, key) = office.site.client_certificate(user);
        office.desk.write("own.pem", &certificate);
        office.desk.write("own.key", &key);
        assert_eq!(scanned(&office, 3, at, "").0, "tls_untrusted");
        assert_eq!(office.seen().requests.len(), 0);
        let found = scanned(&office, code, at, "--tls-ca ca.pem");
        assert_eq!(found, words(expected, "tls_ca", "yes"));
        let seen = office.seen();
        let logins: Vec<_> = seen
            .logins
            .iter()
            .map(|one| (&*one.user, one.accepted))
            .collect();
        assert_eq!(logins, [(user, expected == "ok")]);
        assert_clean(&seen);
    }
}

#[test]
fn where_no_kdc_answers_ntlm_takes_over_only_where_it_may() {
    // Nobody listens at the discard port.
    let kerberos = "user = 'svc-audit@lark.example'\nkdc = ['127.0.0.1:9']";
    let at = "127.94.0.60";
    let office = one(at, TLS, "", kerberos);
    let admitted = scanned(&office, READ, at, "--tls-ca ca.pem");
    assert_eq!(admitted, words("ok", "tls_ca", "yes"));
    assert_clean(&office.seen());

    let at = "127.94.0.61";
    let office = one(at, HTTP, "", kerberos);
    let (_, access) = office.scan(3, at, "");
    assert_ne!(access.values("result_code"), ["ok"]);
    let seen = office.seen();
    assert_eq!((seen.logins.len(), seen.requests.len()), (0, 0));
    // Nobody heard anything, so nothing is spent.
    let (tries, stops) = office.desk.store().breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 0));

    let at = "127.94.0.62";
    let office = one(at, TLS, "", &format!("{kerberos}\nauth = 'kerberos'"));
    let refused = scanned(&office, 3, at, "--tls-ca ca.pem");
    assert_ne!(refused.0, "ok");
    assert_eq!(office.seen().logins.len(), 0);
}

/// A key distribution centre that accepts and says nothing, or one byte a second: its address, and how often it was
/// asked.
fn slow_centre(drips: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        let mut held = Vec::new();
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            held.push(tcp.try_clone().unwrap());
            if drips {
                thread::spawn(move || {
                    while tcp.write_all(&[0]).is_ok() {
                        thread::sleep(Duration::from_secs(1));
                    }
                });
            }
        }
    });
    (address, asked)
}

#[test]
fn a_silent_kdc_is_waited_for_three_times_and_not_by_every_host() {
    let centres = [slow_centre(false), slow_centre(true)];
    let hosts = (1..=20).map(|last| {
        let name = format!("web-{last}");
        windows(&name, &format!("127.94.1.{last}"), HTTP, "")
    });
    let kdc = format!("kdc = ['{}', '{}']", centres[0].0, centres[1].0);
    let more = format!("user = 'svc-audit@lark.example'\n{kdc}\nauth = 'kerberos'");
    let logon = logon("w", "127.94.1.0/24", &more);
    let office = Office::open(&hosts.collect::<String>(), &logon);
    let (_, access) = office.scan(3, "127.94.1.1-20", "--timeout 15");
    assert_eq!(access.rows_where("result_code", "timeout").len(), 20);
    let mut told = access.values("detail").into_iter();
    assert!(told.any(|detail| detail.contains("not asked, since it was silent 3 times")));
    for (_, asked) in &centres {
        let asked = asked.load(Ordering::Relaxed);
        assert!((1..=3).contains(&asked), "asked {asked} times");
    }
    // Nobody heard anything, so nothing is spent.
    let (tries, stops) = office.desk.store().breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 0));
    assert_eq!(office.seen().logins.len(), 0);
}
