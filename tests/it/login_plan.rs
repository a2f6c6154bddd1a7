//! `credentials show-plan`, `test` and `recipe`: what would be tried, one try, and what an account needs.

use crate::support::{Desk, Site, credential};
use std::fmt::Write as _;
use underdesk::lab::Proof;

const HOSTS: &str = r#"
schema = 1
name = "plan"

[[host]]
name = "web"
addresses = ["127.86.0.1"]
recording = "debian-12"
changes.set.account = "uid=1000(audit) gid=1000(audit)\n"
logins = [{ user = "audit", key = "demo" }, { user = "svc", password = "another" }]
"#;

fn password(id: &str, user: &str, scope: &str) -> String {
    format!(
        "[[credential]]\nid = \"{id}\"\ntype = \"ssh-password\"\nuser = \"{user}\"\n\
         password = {{ file = \"secret\" }}\nscope = [{scope}]\n"
    )
}

fn desk() -> (Desk, Site) {
    let site = Site::serve(HOSTS);
    let desk = Desk::at(&site, "audit", "127.86.0.0/24");
    let mut text = credential("audit", "audit", "demo.key", "127.86.0.0/24");
    for number in 1..=5 {
        text += &credential(&format!("k{number}"), "audit", "demo.key", "127.86.0.0/24");
    }
    text += &password("svc", "svc", "\"127.86.0.1\", \"127.86.0.2\"");
    text += &password("svc-old", "SVC", "\"127.86.0.0/24\"");
    text += &password("out", "x", "\"127.86.0.0/24\", \"!127.86.0.1\"");
    text += &password("named", "y", "\"*.corp.example\"");
    write!(
        text,
        "[[credential]]\nid = \"w\"\ntype = \"winrm\"\nuser = 'CORP\\w'\n\
         password = {{ file = \"secret\" }}\nscope = [\"127.86.0.1\"]\n"
    )
    .unwrap();
    desk.write("credentials.toml", &text);
    desk.write("secret", "right");
    (desk, site)
}

fn flags(site: &Site) -> String {
    format!("--known-hosts known_hosts --ssh-port {}", site.port(22))
}

/// What is said of a credential.
fn of<'a>(text: &'a str, id: &str) -> &'a str {
    let at = text
        .find(&format!(" {id} ("))
        .unwrap_or_else(|| panic!("{id}: {text}"));
    let rest = text.get(at + 1..).unwrap_or_default();
    let end = rest.match_indices("\n  ").find(|(at, _)| {
        let next = rest.get(at + 3..).and_then(|next| next.chars().next());
        next.is_some_and(|c| !c.is_whitespace())
    });
    let end = end.map_or(rest.len(), |(at, _)| at);
    rest.get(..end).unwrap_or(rest)
}

#[test]
fn the_plan_says_what_is_tried_in_which_order_and_why_not_the_rest() {
    let (desk, site) = desk();
    let words = format!(
        "credentials show-plan 127.86.0.1 127.86.0.2 {}",
        flags(&site)
    );
    let text = desk.expect(0, &words).out;
    let web = text.split("127.86.0.2\n").next().unwrap();
    let web: String = web.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |part: &str| assert!(web.contains(part), "{part}: {web}");
    says("1. audit (ssh-key) over ssh on");
    says("in scope by 127.86.0.0/24; a key may be shown to any host");
    says("- k5 (ssh-key) the host is offered 5 other keys before it");
    says("6. svc (ssh-password)");
    says("in scope by 127.86.0.1; its password goes there if the host shows the key on record");
    says("- svc-old (ssh-password) svc is tried for the same account");
    says("- out (ssh-password) excluded by !127.86.0.1");
    says("- named (ssh-password) not in its scope: *.corp.example");
    says("7. w (winrm) over winrm on");
    // Nobody knows the other one's key.
    let other = text.split("127.86.0.2\n").nth(1).unwrap();
    assert!(of(other, "out").contains("hostkey_unknown"), "{other}");
    assert!(site.seen().connections.is_empty(), "nothing is sent");
}

#[test]
fn a_name_is_not_looked_up_and_what_hangs_on_its_address_is_undecided() {
    let (desk, site) = desk();
    let words = format!("credentials show-plan web.corp.example {}", flags(&site));
    let text = desk.expect(0, &words).out;
    assert!(
        text.starts_with("web.corp.example: not looked up\n"),
        "{text}"
    );
    assert!(
        of(&text, "named").contains("in scope by *.corp.example"),
        "{text}"
    );
    assert!(of(&text, "audit").contains("undecided"), "{text}");
}

#[test]
fn a_login_is_tested_once_and_asks_no_more_than_who_we_are() {
    let (desk, site) = desk();
    let words = format!("credentials test audit 127.86.0.1 {}", flags(&site));
    let ended = desk.expect(0, &words);
    assert!(
        ended.out.contains("audit to 127.86.0.1 over ssh on"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("uid=1000(audit)"), "{}", ended.out);
    let accepted = site.logins("audit");
    assert_eq!(accepted.len(), 1);
    let commands = site.seen().commands;
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].command, "sh -s");
}

#[test]
fn a_refused_test_counts_and_the_plan_knows_until_when() {
    let (desk, site) = desk();
    let words = format!("credentials test svc 127.86.0.1 {}", flags(&site));
    let first = desk.expect(3, &words);
    assert!(first.out.contains("auth_rejected"), "{}", first.out);
    let second = desk.expect(6, &words);
    assert!(second.out.contains("breaker_open"), "{}", second.out);
    let logins = site.seen().logins;
    let tries = logins
        .iter()
        .filter(|one| matches!(one.proof, Proof::Password(_)));
    assert_eq!(tries.count(), 1);
    let plan = format!("credentials show-plan 127.86.0.1 {}", flags(&site));
    let text = desk.expect(0, &plan).out;
    let svc: Vec<&str> = of(&text, "svc").split_whitespace().collect();
    let svc = svc.join(" ");
    assert!(svc.contains("NOT NOW: breaker_open: "), "{text}");
    assert!(svc.contains("no other until 20"), "{text}");
}

#[test]
fn a_credential_is_not_tested_where_its_scope_does_not_reach() {
    let (desk, site) = desk();
    let words = format!("credentials test out 127.86.0.1 {}", flags(&site));
    let ended = desk.expect(3, &words);
    assert!(
        ended.out.contains("no_credential_in_scope"),
        "{}",
        ended.out
    );
    assert!(site.seen().logins.is_empty());
    let nobody = format!("credentials test nobody 127.86.0.1 {}", flags(&site));
    let ended = desk.expect(2, &nobody);
    assert!(ended.err.contains("no credential nobody"), "{}", ended.err);
}

#[test]
fn a_recipe_is_for_one_account() {
    let desk = Desk::new();
    let linux = desk
        .expect(0, "credentials recipe --os linux --user svc-audit")
        .out;
    assert!(linux.ends_with("svc-audit ALL=(root) NOPASSWD: /usr/bin/sh -s, /bin/sh -s\n"));
    let windows = desk
        .expect(0, r"credentials recipe --os windows --user CORP\svc")
        .out;
    assert!(windows.contains(r"$account = 'CORP\svc'"), "{windows}");
    assert!(windows.contains("S-1-5-32-580"), "{windows}");
    desk.expect(2, "credentials recipe --os linux --user %wheel");
}
