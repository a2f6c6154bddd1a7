//! Credentials from the command line: what is written, where secrets go, and what is refused.

use crate::support::{Desk, Ended};
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;

const SECRET: &str = "Kz9-kept-bilby-79";
const NEWER: &str = "Nz9-newer-kowari-80";

/// Runs the program with something on its standard input.
fn fed(desk: &Desk, words: &str, input: &str) -> Ended {
    let mut command = desk.command(words);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may have refused before it reads.
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    let ended = desk.end(child);
    for secret in [SECRET, NEWER] {
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret));
    }
    ended
}

fn done(ended: Ended) -> Ended {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended
}

/// A key of age's own on the desk; its public half.
fn identity(desk: &Desk) -> String {
    use secrecy::ExposeSecret as _;
    let key = age::x25519::Identity::generate();
    desk.write("id.key", key.to_string().expose_secret());
    key.to_public().to_string()
}

fn opened(desk: &Desk, name: &str) -> String {
    let key: age::x25519::Identity = desk.read("id.key").parse().unwrap();
    let plain = age::decrypt(&key, &fs::read(desk.path(name)).unwrap()).unwrap();
    String::from_utf8(plain).unwrap()
}

fn mode(desk: &Desk, name: &str) -> u32 {
    fs::metadata(desk.path(name)).unwrap().mode() & 0o777
}

const ADD: &str = "credentials add --type ssh-password --user svc --scope 10.0.0.0/8,tag:linux";

#[test]
fn a_credential_is_added_to_a_new_file_of_ones_own_and_its_secret_is_stored() {
    let desk = Desk::without_catalog();
    let words = format!("{ADD} a --in file --stdin");
    let ended = done(fed(&desk, &words, &format!("{SECRET}\n")));
    let folder = "home/.config/underdesk";
    let toml = format!("{folder}/credentials.toml");
    assert_eq!(mode(&desk, folder), 0o700);
    assert_eq!(mode(&desk, &toml), 0o600);
    assert_eq!(mode(&desk, &format!("{folder}/a.secret")), 0o600);
    assert_eq!(desk.read(&format!("{folder}/a.secret")), SECRET);
    insta::assert_snapshot!(
        "credentials-added",
        format!("{}\n{}", ended.out, desk.read(&toml))
    );
    // It is found again, and the id is taken.
    let again = fed(&desk, &words, SECRET);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("this id is taken"), "{}", again.err);
}

#[test]
fn a_secret_in_an_age_file_is_added_listed_and_rotated() {
    let desk = Desk::without_catalog();
    let public = identity(&desk);
    desk.write("credentials.toml", "# ours\n");
    let entry = "[[credential]]\nid = 'first'\ntype = 'ssh-agent'\nuser = 'u'\nscope = ['10.0.0.0/8']  # all\n";
    desk.write("credentials.toml", entry);
    let words = format!("{ADD} b --in age --recipient {public} --identity id.key --stdin -vv");
    done(fed(&desk, &words, SECRET));
    assert!(desk.read("credentials.toml").starts_with(entry));
    assert_eq!(opened(&desk, "b.age"), SECRET);
    assert_eq!(mode(&desk, "b.age"), 0o600);
    done(fed(
        &desk,
        "credentials rotate b --stdin -vv",
        &format!("{NEWER}\n"),
    ));
    assert_eq!(opened(&desk, "b.age"), NEWER);
    let listed = desk.expect(0, "credentials list");
    insta::assert_snapshot!("credentials-list", listed.out);
    assert_eq!(listed.err, "");
}

#[test]
fn what_is_at_a_place_already_is_taken_as_it_is() {
    let desk = Desk::without_catalog();
    desk.write("old.secret", SECRET);
    desk.write("credentials.toml", "");
    let words = format!("{ADD} c --in file:old.secret --credentials credentials.toml");
    let ended = done(fed(&desk, &words, ""));
    assert!(ended.out.contains("already"), "{}", ended.out);
    let other = words.replace(" c ", " d ") + " --stdin";
    let refused = fed(&desk, &other, NEWER);
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert_eq!(desk.read("old.secret"), SECRET);
    assert_eq!(
        desk.read("credentials.toml")
            .matches("[[credential]]")
            .count(),
        1
    );
}

#[test]
fn options_change_one_credential_and_nothing_else() {
    let desk = Desk::without_catalog();
    let text = "# ours\n\n[[credential]]\nid = 'a'\ntype = 'winrm'\nuser = 'u'  # who\npassword = { env = 'X' }\nnote = 'old'\nscope = ['10.0.0.0/8']\n\n# the last\n";
    desk.write("credentials.toml", text);
    let words =
        "credentials edit a --user v --scope 10.1.0.0/16 --ntlm-http --basic=false --kdc dc1,dc2";
    desk.expect(0, words);
    let mut command = desk.command("credentials edit a --note");
    let ended = desk.end(command.arg("").spawn().unwrap());
    done(ended);
    insta::assert_snapshot!("credentials-edited", desk.read("credentials.toml"));
    let before = desk.read("credentials.toml");
    for words in [
        "credentials edit a --scope 10.0.0.0/33",
        "credentials edit a --sudo always",
        "credentials edit b --user v",
        "credentials edit --user v",
        "credentials edit a",
        "credentials edit",
    ] {
        desk.expect(2, words);
        assert_eq!(desk.read("credentials.toml"), before, "{words}");
    }
}

#[test]
fn a_secret_that_is_not_ours_to_store_is_said_where_to_change() {
    let desk = Desk::without_catalog();
    let entry = |id: &str, place: &str| {
        format!(
            "[[credential]]\nid = '{id}'\ntype = 'ssh-password'\nuser = 'u'\npassword = {place}\nscope = ['10.0.0.0/8']\n"
        )
    };
    let text = [
        entry("env", "{ env = 'SVC' }"),
        entry("command", "{ command = ['pass', 'show', 'svc'] }"),
        entry("prompt", "{ prompt = true }"),
        entry("literal", &format!("'{SECRET}'")),
    ];
    desk.write("credentials.toml", &text.concat());
    let mut said = String::new();
    for id in ["env", "command", "prompt", "literal", "nobody"] {
        let ended = fed(&desk, &format!("credentials rotate {id} --stdin"), NEWER);
        assert_eq!(ended.code, Some(2));
        said += &ended.err;
    }
    insta::assert_snapshot!("credentials-not-ours", said);
    let list = desk.expect(0, "credentials list");
    assert!(!list.out.contains(SECRET));
}

#[test]
fn nobody_is_asked_where_nobody_can_answer() {
    let desk = Desk::without_catalog();
    desk.write("credentials.toml", "");
    let mut said = String::new();
    for words in [
        "credentials add",
        "credentials add a",
        "credentials add a --type ssh-password",
        "credentials add a --type ssh-password --user u",
        "credentials add a --type ssh-password --user u --scope 10.0.0.0/8",
        "credentials add a --type ssh-password --user u --scope 10.0.0.0/8 --in file",
        "credentials add a --type ssh-password --user u --scope 10.0.0.0/8 --in age --stdin",
        "credentials add a --type ssh-key --user u --scope 10.0.0.0/8 --in file --stdin",
        "credentials add a --type ssh-password --user u --scope 10.0.0.0/8 --in keyring --recipient age1 --identity x",
        "credentials add a --type telnet --user u --scope 10.0.0.0/8 --in prompt",
        "credentials add a --type ssh-password --user u --scope 10.0.0.0/8 --in command",
        "credentials add a --type ssh-agent --user u --scope 10.0.0.0/8 --in prompt",
    ] {
        let words = format!("{words} --credentials credentials.toml");
        let ended = fed(&desk, &words, SECRET);
        assert_eq!(ended.code, Some(2), "{words}: {}", ended.out);
        said = format!("{said}$ underdesk {words}\n{}", ended.err);
    }
    insta::assert_snapshot!("credentials-not-asked", said);
    assert_eq!(desk.read("credentials.toml"), "");
    assert!(!desk.path("a.secret").exists() && !desk.path("a.age").exists());
}

#[test]
fn places_that_hold_nothing_of_ours_are_only_named() {
    let desk = Desk::without_catalog();
    let add = |id: &str, more: &str| {
        let words = format!("{ADD} {id} --credentials credentials.toml {more}");
        done(fed(&desk, &words, ""));
    };
    add("env", "--in env:SVC_PASSWORD --sudo nopasswd");
    add("prompt", "--in prompt --password-on-first-use");
    add("command", "--in command -- pass show svc");
    insta::assert_snapshot!("credentials-named", desk.read("credentials.toml"));
}

#[test]
fn a_file_that_others_could_change_is_neither_read_nor_changed() {
    let desk = Desk::without_catalog();
    let text = "[[credential]]\nid = 'a'\ntype = 'ssh-password'\nuser = 'u'\npassword = { file = 'a.secret' }\nscope = ['10.0.0.0/8']\n";
    fs::create_dir(desk.path("shared")).unwrap();
    desk.write("shared/credentials.toml", text);
    desk.write("shared/a.secret", SECRET);
    fs::set_permissions(desk.path("shared"), Permissions::from_mode(0o777)).unwrap();
    for words in ["list", "edit a --user v", "rotate a --stdin"] {
        let words = format!("credentials {words} --credentials shared/credentials.toml");
        let ended = fed(&desk, &words, NEWER);
        assert_eq!(ended.code, Some(2), "{words}");
        assert!(ended.err.contains("may replace files in"), "{}", ended.err);
    }
    fs::set_permissions(desk.path("shared"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(desk.read("shared/a.secret"), SECRET);
    // What others may read is said by the list, which reads none of it.
    let secret = desk.path("shared/a.secret");
    fs::set_permissions(secret, Permissions::from_mode(0o644)).unwrap();
    let listed = desk.expect(0, "credentials list --credentials shared/credentials.toml");
    assert!(
        listed.err.contains("others may read the secret"),
        "{}",
        listed.err
    );
}
