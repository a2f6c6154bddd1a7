//! From options to what a credential says in its file.

use super::super::super::Stop;
use super::super::super::credentials_args::{PlaceArgument, SecretArguments, SettingArguments};
use crate::credentials::Recipient;
use crate::credentials::draft::Setting;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// A key of the file, and what it is set to.
pub(super) type Pair = (&'static str, Setting);

/// The keys that were named by options, in the order in which they stand in a file.
pub(super) fn named(given: &SettingArguments) -> Vec<Pair> {
    let text = |key, value: &Option<String>| {
        let value = value.as_ref()?;
        let setting = if value.is_empty() {
            Setting::Nothing
        } else {
            Setting::Text(value.clone())
        };
        Some((key, setting))
    };
    let list = |key, values: &[String]| {
        let values: Vec<String> = values.iter().map(|it| it.trim().to_owned()).collect();
        let setting = match values.as_slice() {
            [] => return None,
            [only] if only.is_empty() => Setting::Nothing,
            _ => Setting::List(values),
        };
        Some((key, setting))
    };
    let flag = |key, value: Option<bool>| Some((key, Setting::Flag(value?)));
    let all = [
        text("user", &given.user),
        text("realm", &given.realm),
        text("account", &given.account),
        text("certificate", &given.certificate),
        text("socket", &given.socket),
        text("fingerprint", &given.fingerprint),
        text("jump", &given.jump),
        flag("legacy_algorithms", given.legacy_algorithms),
        text("auth", &given.auth),
        text("kerberos_realm", &given.kerberos_realm),
        list("kdc", &given.kdc),
        flag("ntlm_http", given.ntlm_http),
        flag("basic", given.basic),
        flag("password_on_first_use", given.password_on_first_use),
        list("scope", &given.scope),
        text("sudo", &given.sudo),
        text("note", &given.note),
    ];
    all.into_iter().flatten().collect()
}

/// How the file says where a secret is. What is not named is named after the credential.
pub(super) fn place(
    place: &PlaceArgument,
    id: &str,
    identity: Option<&Path>,
    command: &[String],
) -> Result<Setting, Stop> {
    let text =
        |named: &Option<String>, usual: String| Setting::Text(named.clone().unwrap_or(usual));
    let one = |key, setting| Setting::Table(vec![(key, setting)]);
    Ok(match place {
        PlaceArgument::Age(path) => {
            let mut table = vec![("age", text(path, format!("{id}.age")))];
            if let Some(identity) = identity {
                let identity = identity
                    .to_str()
                    .ok_or_else(|| Stop::usage("--identity: expected a path that is UTF-8 text"))?;
                table.push(("identity", Setting::Text(identity.to_owned())));
            }
            Setting::Table(table)
        }
        PlaceArgument::Keyring(name) => one("keyring", text(name, format!("underdesk/{id}"))),
        PlaceArgument::File(path) => one("file", text(path, format!("{id}.secret"))),
        PlaceArgument::Env(name) => one("env", Setting::Text(name.clone())),
        PlaceArgument::Prompt => one("prompt", Setting::Flag(true)),
        PlaceArgument::Command if command.is_empty() => {
            let text = "--in command: name the program that prints the secret, and its arguments, after --";
            return Err(Stop::usage(text));
        }
        PlaceArgument::Command => one("command", Setting::List(command.to_vec())),
    })
}

/// The public keys that were named, each as a key or as a file of keys.
pub(super) fn recipients(given: &SecretArguments) -> Result<Vec<Recipient>, Stop> {
    let mut all = Vec::new();
    for text in &given.recipient {
        if let Ok(key) = Recipient::parse(text) {
            all.push(key);
            continue;
        }
        let lines = public_file(text)?;
        let lines = lines.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let before = all.len();
        for line in lines {
            let key = Recipient::parse(line);
            all.push(key.map_err(|error| Stop::usage(format!("--recipient {text}: {error}")))?);
        }
        if all.len() == before {
            return Err(Stop::usage(format!(
                "--recipient {text}: there is no key in it"
            )));
        }
    }
    Ok(all)
}

/// A file of public keys is short.
fn public_file(path: &str) -> Result<String, Stop> {
    const LONGEST: u64 = 64 * 1024;
    let failed = |why: &dyn std::fmt::Display| {
        Stop::usage(format!(
            "--recipient {path}: neither a key (age1…, ssh-ed25519 …, ssh-rsa …) nor a file of keys: {why}"
        ))
    };
    if path.contains(char::is_whitespace) && !Path::new(path).exists() {
        return Err(failed(&"expected a key of one of these kinds"));
    }
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| failed(&error))?;
    let read = file.take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| failed(&error))?;
    Ok(text)
}
