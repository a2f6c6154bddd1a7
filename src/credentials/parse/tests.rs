//! What of a credentials file is read as a whole, and what no error shows.

use super::*;
use crate::credentials::{Credential, Kind, Ownership, SecretRef};
use proptest::prelude::*;

const SECRET: &str = "Zq9-unique-7731-planted";

/// A good credential with some lines replaced or added.
pub(super) fn credential(change: &[(&str, &str)]) -> String {
    let mut lines = BTreeMap::from([
        ("id", "'a'"),
        ("type", "'ssh-password'"),
        ("user", "'u'"),
        ("password", "{ env = 'X' }"),
        ("scope", "['10.0.0.0/8']"),
    ]);
    for (key, value) in change {
        lines.insert(key, value);
    }
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let lines = lines.map(|(key, value)| format!("{key} = {value}\n"));
    format!("[[credential]]\n{}", lines.collect::<String>())
}

pub(super) fn problem(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// Each wrong line, by its key, says what was expected.
pub(super) fn check_slips(cases: &[(&str, &str, &str)]) {
    for (key, value, expected) in cases {
        let error = problem(&credential(&[(key, value)]));
        assert!(error.contains(expected), "{key} = {value}: {error}");
    }
}

#[test]
fn the_example_has_every_kind_and_place_and_reads() {
    let text = include_str!("../../../credentials.example.toml");
    let file = parse(text).unwrap();
    for kind in Kind::ALL {
        assert!(
            file.credentials.iter().any(|it| it.kind() == kind),
            "{kind:?}"
        );
    }
    let mut places: Vec<&str> = file
        .credentials
        .iter()
        .flat_map(Credential::secrets)
        .map(SecretRef::as_str)
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(
        places,
        ["age", "command", "env", "file", "keyring", "prompt"]
    );
    assert!(!file.holds_literal());
    let local = file
        .find(&CredentialId::new("windows-local"))
        .map(|it| &it.ownership);
    assert_eq!(local, Some(&Ownership::Local));
}

#[test]
fn ids_are_unique() {
    let text = credential(&[]) + &credential(&[("user", "'v'")]);
    assert_eq!(
        problem(&text),
        "line 8, column 6: this id is taken by the credential of line 1"
    );
}

#[test]
fn a_file_without_a_list_of_credentials_says_what_was_expected() {
    assert!(problem("").contains("expected `[[credential]]`"));
    assert!(problem("[credential]\nid = 'a'").contains("double brackets"));
}

#[test]
fn no_scope_no_use() {
    let missing = problem(&credential(&[("scope", "")]));
    assert!(missing.contains("no scope, no use"), "{missing}");
    let empty = problem(&credential(&[("scope", "[]")]));
    assert!(empty.contains("no scope, no use"), "{empty}");
    let slip = problem(&credential(&[("scope", "['10.0.0.0/8', '10.0.0.0/33']")]));
    assert!(slip.starts_with("line 4, column 24: scope: "), "{slip}");
}

#[test]
fn a_literal_secret_is_in_no_debug_text() {
    let text = credential(&[("password", &format!("'{SECRET}'"))]);
    let file = parse(&text).unwrap();
    assert!(file.holds_literal());
    assert!(!format!("{file:?}").contains(SECRET));
}

#[test]
fn a_syntax_error_on_the_line_of_a_secret_does_not_show_it() {
    let whole = credential(&[("password", &format!("\"{SECRET}\""))]);
    for broken in [
        whole.replace(&format!("{SECRET}\""), SECRET),
        whole.replace(&format!("\"{SECRET}"), SECRET),
        whole.replace(SECRET, &format!("{SECRET}\\q")),
        whole.replace("password =", "password"),
        whole.replace("password =", "password = ="),
    ] {
        let error = parse(&broken).unwrap_err();
        assert_eq!(error.line, 3, "{error}");
        assert!(error.problem.starts_with("not valid TOML"), "{error}");
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
}

proptest! {
    #[test]
    fn no_error_shows_a_secret_wherever_the_text_is_broken(
        cuts in prop::collection::vec((0usize..400, 0usize..4, "[\"'\\[\\]{}=\n, .a]{0,3}"), 1..4)
    ) {
        let mut text = credential(&[("password", &format!("\"{SECRET}\""))])
            + &credential(&[("id", "'b'"), ("password", &format!("'''{SECRET}'''"))]);
        for (at, length, insert) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &insert);
        }
        // Any half of it would be a leak too.
        let shown = match parse(&text) {
            Ok(file) => format!("{file:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains("unique") && !shown.contains("planted"), "{shown}");
    }

    #[test]
    fn nothing_panics(text in "(\\PC|\n){0,200}") {
        let _ = parse(&text);
    }
}
