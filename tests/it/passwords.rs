//! Killed during logins by password, and resumed: no account is locked by us.

use crate::resume::{EVERY, OUTPUT};
use crate::support::{Desk, Site, Table};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;
use underdesk::lab::Proof;
use underdesk::store::RunState;

fn password_network(users: &[String]) -> String {
    let mut text = EVERY.replace("\"resume\"", "\"passwords\"");
    let right: Vec<String> = users
        .iter()
        .map(|user| format!("{{ user = \"{user}\", password = \"right\" }}"))
        .collect();
    for number in 1..=6 {
        let head =
            format!("\n[[host]]\nname = \"p-{number}\"\naddresses = [\"127.82.0.{number}\"]");
        let logins = right.join(", ");
        let more = "recording = \"debian-12\"\nmethods = [\"password\"]\ndelay_ms = 25";
        writeln!(text, "{head}\n{more}\nlogins = [{logins}]").unwrap();
    }
    text
}

/// Kills a scan by password four times, and counts the tries that each host refused.
fn tries_after_kills(
    site: &Site,
    user: &str,
    password: &str,
    seed: u64,
) -> BTreeMap<IpAddr, usize> {
    let desk = Desk::new();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("secret", password);
    let text = format!(
        "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"{user}\"\n\
         password = {{ file = \"secret\" }}\nscope = [\"127.82.0.0/24\"]\n"
    );
    desk.write("credentials.toml", &text);
    let port = site.port(22);
    let fresh = format!(
        "scan 127.82.0.1-6 --known-hosts known_hosts {OUTPUT} --ssh-port {port} --ports {port}"
    );
    let mut random = StdRng::seed_from_u64(seed);
    let mut words = fresh.clone();
    for _ in 0..4 {
        let mut child = desk.command(&words).spawn().unwrap();
        thread::sleep(Duration::from_millis(random.random_range(20..400)));
        child.kill().unwrap();
        child.wait().unwrap();
        words = match desk.latest() {
            // Also a new run knows of the tries of those before it.
            Some(run) if run.summary.state != RunState::Complete && random.random_bool(0.7) => {
                format!("scan --resume {} {OUTPUT}", run.summary.id)
            }
            _ => fresh.clone(),
        };
    }
    let last = desk.run(&words);
    assert!(matches!(last.code, Some(0 | 3 | 6)), "{}", last.err);
    if password == "wrong" {
        let table = Table::open(&desk.path("out/access.csv"));
        // Whether another run was killed nobody knows for an hour.
        let codes = ["breaker_open", "account_in_use", "auth_rejected"];
        let counts = codes.map(|code| table.rows_where("result_code", code).len());
        assert_eq!(counts.iter().sum::<usize>(), 6, "{user}: {counts:?}");
    }
    refused(site, user)
}

/// How often each host refused a password of a user.
fn refused(site: &Site, user: &str) -> BTreeMap<IpAddr, usize> {
    let mut refused = BTreeMap::new();
    for one in site.seen().logins {
        let is_wrong = one.user == user && !one.accepted;
        if is_wrong && matches!(one.proof, Proof::Password(_)) {
            *refused.entry(one.at.ip()).or_default() += 1;
        }
    }
    refused
}

#[test]
fn a_kill_during_a_password_login_never_leads_to_more_wrong_tries_than_the_limit() {
    let trials: u64 = 8;
    let users: Vec<String> = (0..trials).map(|number| format!("svc-{number}")).collect();
    let site = Site::serve(&password_network(&users));
    let tries = thread::scope(|scope| {
        let trials = (0..trials).zip(&users).map(|(number, user)| {
            let password = if number % 4 == 0 { "right" } else { "wrong" };
            let site = &site;
            scope.spawn(move || (password, tries_after_kills(site, user, password, number)))
        });
        let trials: Vec<_> = trials.collect();
        let tries = trials.into_iter().map(|trial| trial.join().unwrap());
        tries.collect::<Vec<_>>()
    });
    for (password, refused) in &tries {
        let most = if *password == "right" { 0 } else { 2 };
        assert!(refused.values().sum::<usize>() <= most, "{tries:?}");
        assert!(refused.values().all(|count| *count <= 1), "{tries:?}");
    }
    let tried = tries.iter().any(|(_, refused)| !refused.is_empty());
    assert!(tried, "nobody was refused: the test tests nothing");
}
