//! One run past hosts that fish for secrets, over both protocols, with credentials that allow no more than
//! they must: none hears a password, a proof of one, or a ticket, and none costs an account a try.

use crate::support::{Office, logon, proofs, windows};

const RECORDING: &str = "windows-server-2022";

/// Name, last number of the address, port, what its WinRM service is like, and how it ends.
const HOSTS: [(&str, u8, &str, &str, &str); 6] = [
    ("plain", 1, "5985", "", "not_attempted_trust"),
    (
        "basic-tls",
        2,
        "5986",
        "auth = ['basic']",
        "winrm_basic_only",
    ),
    (
        "basic-plain",
        3,
        "5985",
        "auth = ['basic']",
        "not_attempted_trust",
    ),
    (
        "self-signed",
        4,
        "5986",
        "certificate = 'self_signed'",
        "tls_untrusted",
    ),
    (
        "elsewhere",
        5,
        "5986",
        "faults = ['foreign_domain']",
        "not_attempted_trust",
    ),
    (
        "elsewhere-plain",
        6,
        "5985",
        "faults = ['foreign_domain']",
        "not_attempted_trust",
    ),
];

fn network() -> String {
    let mut text = String::from(
        "[[host]]\nname = 'ssh-trap'\naddresses = ['127.98.0.9']\nrecording = 'debian-12'\n\
         logins = 'any_password'\npublished = 'unknown'\nsudo = { password = 'x' }\n",
    );
    for (name, last, port, more, _) in HOSTS {
        let host = windows(name, &format!("127.98.0.{last}"), (port, RECORDING), more);
        // Whatever they are told is right.
        let lines = host.lines().map(|line| match line {
            line if line.starts_with("logins = ") => "logins = 'any_password'",
            line => line,
        });
        text.push_str(&lines.collect::<Vec<_>>().join("\n"));
        text.push('\n');
    }
    text
}

#[test]
fn hosts_that_fish_for_secrets_catch_none() {
    let scope = "127.98.0.0/24";
    let password = "[[credential]]\nid = 'ssh'\ntype = 'ssh-password'\nuser = 'svc-audit'\n\
                    password = { file = 'windows-password' }\nsudo = 'password'\nscope = ['127.98.0.0/24']\n";
    let office = Office::open(
        &network(),
        &format!("{}{password}", logon("windows", scope, "")),
    );
    for flags in ["--tls-ca ca.pem", "--tls-ca ca.pem --accept-new-host-keys"] {
        let (ended, access) = office.scan(3, "127.98.0.1-9", flags);
        let code = |last: u8, protocol: &str| {
            let at = format!("127.98.0.{last}");
            let rows = access.rows_where("ip", &at);
            let rows = rows
                .iter()
                .filter(|row| access.cell(row, "protocol") == protocol);
            let codes: Vec<&str> = rows.map(|row| access.cell(row, "result_code")).collect();
            codes.join(" ")
        };
        for (name, last, _, _, expected) in HOSTS {
            assert_eq!(code(last, "winrm"), expected, "{name}: {}", ended.err);
        }
        assert_eq!(code(9, "ssh"), "hostkey_unknown", "{}", ended.err);
        let attempted = access.rows_where("attempted", "yes");
        // Who takes nothing but Basic is only asked what he takes.
        let attempted = attempted
            .iter()
            .filter(|row| access.cell(row, "result_code") != "winrm_basic_only");
        assert_eq!(attempted.count(), 0);
    }
    let seen = office.seen();
    for name in HOSTS.map(|host| host.0).into_iter().chain(["ssh-trap"]) {
        assert_eq!(seen.secrets(name), [""; 0], "{name}");
        assert_eq!(proofs(&seen, name), 0, "{name}");
    }
    assert_eq!(seen.logins, []);
    assert_eq!(seen.shells, []);
    let (tries, stops) = office.desk.store().breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 0));
}
