//! Thirty accounts whose directory locks one after three wrong passwords, on hosts of both protocols:
//! whatever is scanned how often, none is locked.

use crate::support::{Office, Table, windows};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use underdesk::lab::Proof;

const ACCOUNTS: usize = 30;

/// Few, for a test that anybody runs; `UNDERDESK_LOCKOUT_HOSTS` for all that there shall be.
fn hosts() -> usize {
    let hosts = std::env::var_os("UNDERDESK_LOCKOUT_HOSTS");
    hosts.map_or(40, |hosts| hosts.to_str().unwrap().parse().unwrap())
}

fn address(host: usize) -> String {
    format!("127.97.{}.{}", host / 250, host % 250 + 1)
}

/// The one account that a host lets in.
fn owner(host: usize) -> usize {
    host % 10 * 3
}

/// Every second host is a Windows.
fn network(count: usize) -> String {
    let mut text = String::from("lockout = 3\n");
    for host in 0..count {
        let login = format!(
            r"logins = [{{ user = 'LARK\a{}', password = 'right' }}]",
            owner(host)
        );
        if host % 2 == 0 {
            writeln!(
                text,
                "[[host]]\nname = 'h{host}'\naddresses = ['{}']\nrecording = 'debian-12'\n{login}",
                address(host)
            )
            .unwrap();
        } else {
            let more = "";
            let at = address(host);
            let windows = windows(
                &format!("h{host}"),
                &at,
                ("5985", "windows-server-2022"),
                more,
            );
            // The accounts that all of its kind know are not wanted here.
            let lines = windows.lines().map(|line| {
                if line.starts_with("logins = ") {
                    login.clone()
                } else {
                    line.to_owned()
                }
            });
            text.push_str(&lines.collect::<Vec<_>>().join("\n"));
            text.push('\n');
        }
    }
    text
}

/// Each account once for SSH and once for WinRM, spelt in two ways, on every host.
fn credentials() -> String {
    let one = |account: usize| {
        format!(
            "[[credential]]\nid = 's{account}'\ntype = 'ssh-password'\nuser = 'LARK\\a{account}'\n\
             password = {{ file = 'password' }}\nscope = ['127.97.0.0/16']\n\
             [[credential]]\nid = 'w{account}'\ntype = 'winrm'\nuser = 'A{account}@lark'\nntlm_http = true\n\
             password = {{ file = 'password' }}\nscope = ['127.97.0.0/16']\n"
        )
    };
    (0..ACCOUNTS).map(one).collect()
}

/// The wrong passwords that each account was tried with, over all hosts.
fn wrong(office: &Office) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for login in office.seen().logins {
        let is_try = login.proof.is_secret() || login.proof == Proof::Ntlm;
        if is_try && !login.accepted {
            let name = login.user.to_lowercase();
            let name = name.rsplit('\\').next().unwrap();
            let name = name.split('@').next().unwrap().to_owned();
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
}

#[test]
fn thirty_accounts_on_many_hosts_none_of_which_is_locked_however_often_they_are_scanned() {
    let count = hosts();
    let office = Office::open(&network(count), &credentials());
    office.desk.write("password", "right");
    let targets: Vec<String> = (0..count).map(address).collect();
    let targets = office.desk.write("hosts", &targets.join("\n"));
    let targets = format!("@{}", targets.display());
    for run in 0..2 {
        let ended = office.desk.run(&office.words(&targets, "--hands 64"));
        assert_eq!(ended.code, Some(6), "{run}: {}", ended.err);
        let wrong = wrong(&office);
        assert!(wrong.values().all(|tries| *tries <= 2), "{run}: {wrong:?}");
        assert_eq!(office.site.locked(), [""; 0], "{run}");
    }
    // It was no peaceful network: most accounts were refused somewhere.
    let refused = wrong(&office).len();
    assert!(refused > ACCOUNTS / 2, "{refused}");
    // Every machine has a row for every credential.
    let access = office.table("access");
    assert_eq!(access.rows.len(), count * ACCOUNTS * 2);
    assert!(!access.values("credential_id").contains(&""));
}

#[test]
fn with_each_account_where_it_belongs_every_host_is_read_and_no_try_is_lost() {
    let count = 20;
    let mut text = String::new();
    for host in 0..count {
        let (kind, more) = if host % 2 == 0 {
            ("ssh-password", "")
        } else {
            ("winrm", "ntlm_http = true\n")
        };
        writeln!(
            text,
            "[[credential]]\nid = 'c{host}'\ntype = '{kind}'\nuser = 'LARK\\a{}'\n{more}\
             password = {{ file = 'password' }}\nscope = ['{}']",
            owner(host),
            address(host)
        )
        .unwrap();
    }
    let office = Office::open(&network(count), &text);
    office.desk.write("password", "right");
    let targets: Vec<String> = (0..count).map(address).collect();
    let (ended, access): (_, Table) = office.scan(0, &targets.join(" "), "");
    assert_eq!(
        access.values("result_code"),
        vec!["ok"; count],
        "{}",
        ended.err
    );
    assert_eq!(wrong(&office), BTreeMap::new());
}
