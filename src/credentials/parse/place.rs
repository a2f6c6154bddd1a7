//! Where a secret is.

use crate::credentials::table::{ParseError, Table};
use crate::credentials::{AgePlace, EntryName, SecretRef};
use secrecy::SecretString;
use std::path::PathBuf;

/// The place of a secret, where a key names one.
pub(super) fn secret(entry: &Table<'_>, key: &str) -> Result<Option<SecretRef>, ParseError> {
    let Some((value, span)) = entry.get(key) else {
        return Ok(None);
    };
    let expected = format!("{key}: expected {PLACES}");
    if let Some(literal) = value.as_str() {
        // Most would mean the path of a key.
        if literal.is_empty() || (key == "key" && !literal.contains("-----BEGIN ")) {
            return Err(entry.at(&span, expected));
        }
        return Ok(Some(SecretRef::Literal(SecretString::from(literal))));
    }
    read_place(&entry.inner(value, span, &expected)?).map(Some)
}

pub(super) fn need_secret(entry: &Table<'_>, key: &str) -> Result<SecretRef, ParseError> {
    secret(entry, key)?
        .ok_or_else(|| entry.error(format!("`{key}` is missing; expected {key} = {PLACES}")))
}

const PLACES: &str = "the place of a secret, one of { env = \"NAME\" }, { file = \"path\" }, { keyring = \"service/user\" }, { age = \"path\" }, { command = [\"program\", \"argument\"] }, { prompt = true }";

fn read_place(place: &Table<'_>) -> Result<SecretRef, ParseError> {
    if place.get("age").is_some() {
        return read_age(place).map(SecretRef::Age);
    }
    place.only(&["env", "file", "command", "prompt", "keyring", "age"])?;
    if place.len() != 1 {
        return Err(place.error(format!("expected exactly one place: {PLACES}")));
    }
    if let Some((name, span)) = place.words("env")? {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(good) {
            return Err(place.at(&span, "env: expected the name of an environment variable"));
        }
        return Ok(SecretRef::Env(name.to_owned()));
    }
    if let Some((path, _)) = place.words("file")? {
        return Ok(SecretRef::File(PathBuf::from(path)));
    }
    if let Some(words) = place.list("command")? {
        let argv: Vec<String> = words.iter().map(|(word, _)| (*word).to_owned()).collect();
        let runs = argv.first().is_some_and(|program| !program.is_empty())
            && argv.iter().all(|word| !word.contains('\0'));
        if !runs {
            return Err(place.error("command: expected a program and its arguments"));
        }
        return Ok(SecretRef::Command(argv));
    }
    if let Some((name, span)) = place.words("keyring")? {
        let problem = "keyring: expected the names of an entry, as in \"service/user\"";
        let name = EntryName::parse(name).ok_or_else(|| place.at(&span, problem))?;
        return Ok(SecretRef::Keyring(name));
    }
    if place.flag("prompt")? {
        return Ok(SecretRef::Prompt);
    }
    Err(place.error("prompt: expected true, or another place"))
}

/// A file encrypted with age. What opens it is not itself in such a file.
fn read_age(place: &Table<'_>) -> Result<AgePlace, ParseError> {
    let keys = ["age", "identity", "passphrase"];
    if ["env", "file", "command", "prompt", "keyring"]
        .iter()
        .any(|key| place.get(key).is_some())
    {
        return Err(place.error(format!("expected exactly one place: {PLACES}")));
    }
    place.only(&keys)?;
    let path = |(path, _)| PathBuf::from(path);
    let file = path(place.need("age", "\"path\"")?);
    let identity = place.words("identity")?.map(path);
    let passphrase = match place.get("passphrase") {
        None => None,
        Some((value, span)) => {
            let expected = "passphrase: expected the place of a passphrase, as in { prompt = true }, { env = \"NAME\" }, { keyring = \"service/user\" }";
            let inner = place.inner(value, span, expected)?;
            if inner.get("age").is_some() {
                return Err(inner.error(expected));
            }
            Some(Box::new(read_place(&inner)?))
        }
    };
    Ok(AgePlace {
        file,
        identity,
        passphrase,
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::tests::{check_slips, credential, problem};
    use super::*;

    #[test]
    fn a_variable_that_opens_an_age_file_is_a_secret_one_too() {
        let place = "{ age = 'a.age', identity = 'id', passphrase = { env = 'PHRASE' } }";
        let file = parse(&credential(&[("password", place)])).unwrap();
        assert_eq!(file.secret_variables(), ["PHRASE".to_owned()].into());
        let Some(SecretRef::Age(age)) = file.credentials[0].secrets().next() else {
            panic!("{file:?}");
        };
        assert_eq!(age.file, PathBuf::from("a.age"));
        assert_eq!(age.identity, Some(PathBuf::from("id")));
        assert!(!format!("{file:?}").contains("PHRASE"));
    }

    #[test]
    fn each_slip_says_what_was_expected() {
        let slips = [
            ("", "`password` is missing; expected password = "),
            ("7", "the place of a secret"),
            ("{ }", "exactly one place"),
            ("{ env = 'A', file = 'b' }", "exactly one place"),
            ("{ enf = 'A' }", "did you mean `env`?"),
            ("{ env = 'A-B' }", "name of an environment"),
            ("{ command = 'pass show' }", "a list of texts"),
            ("{ command = [] }", "a program and its arguments"),
            ("{ prompt = false }", "prompt: expected true"),
            ("{ keyring = '/u' }", "keyring: expected the names"),
            ("{ age = 7 }", "age: expected a text"),
            ("{ age = 'a', env = 'B' }", "exactly one place"),
            ("{ age = 'a', identty = 'b' }", "did you mean `identity`?"),
            (
                "{ age = 'a', passphrase = 'b' }",
                "the place of a passphrase",
            ),
            (
                "{ age = 'a', passphrase = { age = 'b' } }",
                "the place of a passphrase",
            ),
            ("{ env = 'A', identity = 'b' }", "unknown key"),
        ];
        check_slips(&slips.map(|(value, expected)| ("password", value, expected)));
    }

    #[test]
    fn a_path_where_a_place_belongs_is_not_taken_for_a_key() {
        let lines = [
            ("type", "'ssh-key'"),
            ("password", ""),
            ("key", "'~/.ssh/id'"),
        ];
        assert!(problem(&credential(&lines)).contains("{ file = "));
        let pem = ("key", "'-----BEGIN OPENSSH PRIVATE KEY-----'");
        let file = parse(&credential(&[lines[0], lines[1], pem])).unwrap();
        assert!(file.holds_literal());
    }
}
