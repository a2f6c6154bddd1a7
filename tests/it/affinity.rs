//! What let us in before is tried first, whatever protocol it speaks: the others see nothing of us.

use crate::support::{Office, logon, windows};
use underdesk::lab::Proof;

/// A machine that speaks SSH and WinRM.
fn both() -> String {
    let ssh = "[[host]]\nname = 'ssh'\naddresses = ['127.96.0.1']\nrecording = 'debian-12'\n\
               logins = [{ user = 'other', key = 'other' }]\n";
    let winrm = windows("winrm", "127.96.0.1", ("5985", "windows-server-2022"), "");
    format!("{ssh}{winrm}")
}

fn credentials() -> String {
    let key = "[[credential]]\nid = 'key'\ntype = 'ssh-key'\nuser = 'audit'\nkey = { file = 'demo.key' }\n\
               scope = ['127.96.0.0/24']\n";
    format!(
        "{key}{}",
        logon("windows", "127.96.0.0/24", "ntlm_http = true")
    )
}

/// How often the SSH server was shown a key.
fn offers(office: &Office) -> usize {
    let seen = office.seen();
    let shown = seen.logins.iter().filter(|one| &*one.host == "ssh");
    shown
        .filter(|one| matches!(one.proof, Proof::Offer(_)))
        .count()
}

fn rows(office: &Office) -> Vec<(String, String, String)> {
    let access = office.table("access");
    let cell = |row: &Vec<String>, column| access.cell(row, column).to_owned();
    let rows = access.rows.iter();
    rows.map(|row| {
        (
            cell(row, "credential_id"),
            cell(row, "result_code"),
            cell(row, "attempted"),
        )
    })
    .collect()
}

#[test]
fn a_machine_that_was_read_over_winrm_is_met_there_first_the_next_time() {
    let office = Office::open(&both(), &credentials());
    office.scan(0, "127.96.0.1", "");
    let row = |id: &str, code: &str, attempted: &str| {
        (id.to_owned(), code.to_owned(), attempted.to_owned())
    };
    let first = [
        row("key", "auth_rejected", "yes"),
        row("windows", "ok", "yes"),
    ];
    assert_eq!(rows(&office), first);
    assert_eq!(offers(&office), 1);
    office.scan(0, "127.96.0.1", "");
    let again = [row("windows", "ok", "yes"), row("key", "not_needed", "no")];
    assert_eq!(rows(&office), again);
    assert_eq!(offers(&office), 1, "the key was offered again");
    // A desk at which nothing has happened begins anew.
    let office = office.with_another_desk();
    office.scan(0, "127.96.0.1", "");
    assert_eq!(rows(&office), first);
}

#[test]
fn a_credential_whose_port_is_closed_where_another_logged_in_is_not_needed_and_not_ok() {
    let hosts = windows("files", "127.96.1.10", ("5985", "windows-server-2022"), "");
    let office = Office::open(
        &hosts,
        &credentials().replace("127.96.0.0/24", "127.96.1.0/24"),
    );
    let (_, access) = office.scan(0, "127.96.1.10", "");
    // Who counts logins by result_code counts those that were.
    assert_eq!(access.rows_where("result_code", "ok").len(), 1);
    let ssh = ("protocol", "ssh");
    assert_eq!(access.value(ssh, "result_code"), "not_needed");
    assert_eq!(access.value(ssh, "attempted"), "no");
    let detail = "not needed: windows logged in; no port of its own is open";
    assert_eq!(access.value(ssh, "detail"), detail);
    let coverage = office.table("coverage");
    assert_eq!(coverage.values("assessed"), ["1"]);
}
