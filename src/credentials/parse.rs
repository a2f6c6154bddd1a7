//! From the text of a credentials file to what it says.
//!
//! An error says where and what was expected, and quotes nothing: the text may hold secrets, and a
//! missing quote can make any of it look like anything. (The `toml` crate's own errors print the line.)

use super::account::split;
use super::jump::{self, Jump};
use super::table::{ParseError, Table, syntax};
use super::{
    AgePlace, Credential, CredentialsFile, EntryName, Kind, Mechanism, Method, Ownership, Scope,
    ScopeItem, SecretRef, SshConfigFile, Sudo, Winrm, WinrmProof,
};
use crate::model::CredentialId;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::path::PathBuf;
use toml::de::DeTable;

/// Reads a credentials file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<CredentialsFile, ParseError> {
    let root = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let root = Table::new(text, root.get_ref(), root.span());
    root.only(&["credential", "jump", "ssh_config"])?;
    let ssh_config = read_ssh_config(&root)?;
    let entries = match root.get("credential") {
        None if ssh_config.is_some() => Vec::new(),
        None => return Err(root.error("no credentials; expected `[[credential]]`")),
        Some((entries, span)) => {
            let expected = "expected `[[credential]]`, with double brackets";
            let entries = entries.as_array();
            entries
                .ok_or_else(|| root.at(&span, expected))?
                .iter()
                .collect()
        }
    };

    let mut lines: BTreeMap<CredentialId, usize> = BTreeMap::new();
    let mut credentials = Vec::new();
    for entry in entries {
        let expected = "expected a table under `[[credential]]`";
        let entry = root.inner(entry.get_ref(), entry.span(), expected)?;
        let credential = read_credential(&entry)?;
        let earlier = lines.insert(credential.id.clone(), credential.line);
        if let Some(line) = earlier {
            let span = entry.span_of("id");
            let problem = format!("this id is taken by the credential of line {line}");
            return Err(entry.at(&span, problem));
        }
        credentials.push(credential);
    }
    let jumps = read_jumps(&root)?;
    let file = CredentialsFile {
        credentials,
        jumps,
        ssh_config,
    };
    match jump::misfit(&file) {
        Some((line, problem)) => Err(root.in_line(line, problem)),
        None => Ok(file),
    }
}

/// `[ssh_config]`: no scope, no use.
fn read_ssh_config(root: &Table<'_>) -> Result<Option<SshConfigFile>, ParseError> {
    let Some((entry, span)) = root.get("ssh_config") else {
        return Ok(None);
    };
    let entry = root.inner(entry, span, "expected `[ssh_config]`, with single brackets")?;
    entry.only(&["file", "scope", "note"])?;
    entry.words("note")?;
    Ok(Some(SshConfigFile {
        file: entry.need("file", "\"~/.ssh/config\"")?.0.into(),
        scope: read_scope(&entry)?,
        line: entry.line(),
    }))
}

fn read_jumps(root: &Table<'_>) -> Result<Vec<Jump>, ParseError> {
    let Some((entries, span)) = root.get("jump") else {
        return Ok(Vec::new());
    };
    let expected = "expected `[[jump]]`, with double brackets";
    let entries = entries.as_array().ok_or_else(|| root.at(&span, expected))?;
    let read = entries.iter().map(|entry| {
        let entry = root.inner(entry.get_ref(), entry.span(), expected)?;
        jump::read(&entry)
    });
    read.collect()
}

/// Where a secret is.
fn secret(entry: &Table<'_>, key: &str) -> Result<Option<SecretRef>, ParseError> {
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

fn need_secret(entry: &Table<'_>, key: &str) -> Result<SecretRef, ParseError> {
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

fn read_credential(entry: &Table<'_>) -> Result<Credential, ParseError> {
    let kind = read_kind(entry)?;
    let mut known = vec![
        "id",
        "type",
        "user",
        "scope",
        "account",
        "realm",
        "sudo",
        "sudo_password",
        "note",
    ];
    known.extend(keys_of(kind));
    if jump::is_for(kind) {
        known.extend(["jump", "legacy_algorithms"]);
    }
    entry.only(&known)?;
    entry.words("note")?;

    let (id, span) = entry.need("id", "\"linux-audit\"")?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() > LONGEST_ID || !id.chars().all(good) {
        let problem = "id: expected at most 64 letters, digits, dots, - and _";
        return Err(entry.at(&span, problem));
    }
    let (user, ownership) = read_user(entry)?;
    let (sudo, sudo_password) = read_sudo(entry, kind)?;
    let credential = Credential {
        id: CredentialId::new(id),
        user,
        ownership,
        method: read_method(entry, kind)?,
        scope: read_scope(entry)?,
        sudo,
        sudo_password,
        jump: entry.words("jump")?.map(|(jump, _)| jump.to_owned()),
        legacy: entry.flag("legacy_algorithms")?,
        line: entry.line(),
    };
    check_kerberos(entry, &credential)?;
    Ok(credential)
}

/// Kerberos alone needs a realm to ask: without one no host could ever be logged in to.
fn check_kerberos(entry: &Table<'_>, credential: &Credential) -> Result<(), ParseError> {
    let Method::Winrm(winrm) = &credential.method else {
        return Ok(());
    };
    if winrm.mechanism != Mechanism::Kerberos {
        return Ok(());
    }
    let span = entry.span_of("auth");
    if matches!(winrm.proof, WinrmProof::Certificate { .. }) {
        return Err(entry.at(&span, "auth: a certificate is no password for Kerberos"));
    }
    let (_, domain) = credential.account();
    let has_realm = winrm.kerberos_realm.is_some() || domain.is_some_and(|it| it.contains('.'));
    if domain.is_none() || !has_realm {
        let problem = "auth: Kerberos needs a realm; expected user = 'name@corp.example', or CORP\\name with kerberos_realm = \"corp.example\"";
        return Err(entry.at(&span, problem));
    }
    Ok(())
}

/// The longest id, in characters.
const LONGEST_ID: usize = 64;

fn read_kind(entry: &Table<'_>) -> Result<Kind, ParseError> {
    let words = Kind::ALL.map(Kind::as_str).join(", ");
    let Some((word, span)) = entry.words("type")? else {
        return Err(entry.error(format!("`type` is missing; expected one of: {words}")));
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    kind.ok_or_else(|| entry.at(&span, format!("type: expected one of: {words}")))
}

/// The keys that a type has of its own.
fn keys_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::SshKey => &["key", "passphrase"],
        Kind::SshAgent => &["socket", "fingerprint"],
        Kind::SshPassword => &["password", "password_on_first_use"],
        Kind::SshCert => &["key", "passphrase", "certificate"],
        Kind::Winrm => &[
            "password",
            "certificate",
            "key",
            "auth",
            "password_on_first_use",
            "ntlm_http",
            "basic",
            "kerberos_realm",
            "kdc",
        ],
    }
}

fn read_user(entry: &Table<'_>) -> Result<(String, Ownership), ParseError> {
    let (user, span) = entry.need("user", "\"audit\"")?;
    let (in_user, name) = split(user);
    if name.is_empty() || name.contains('\\') || in_user == Some("") {
        return Err(entry.at(&span, "user: expected name, REALM\\name or name@realm"));
    }
    let realm = entry.words("realm")?;
    let local = match entry.words("account")? {
        None => user.starts_with(".\\"),
        Some(("realm", _)) => false,
        Some(("local", _)) => true,
        Some((_, span)) => {
            let problem = "account: expected \"realm\" (one account everywhere) or \"local\" (another one on each host)";
            return Err(entry.at(&span, problem));
        }
    };
    if let Some((named, span)) = &realm {
        let problem = match in_user {
            _ if local => "a local account has no realm",
            Some(other) if other.to_lowercase() != named.to_lowercase() => {
                "another realm than the user's"
            }
            _ => "",
        };
        if !problem.is_empty() {
            return Err(entry.at(span, problem));
        }
    }
    let realm = realm.map(|(realm, _)| realm.to_owned());
    let ownership = if local {
        Ownership::Local
    } else {
        Ownership::Directory { realm }
    };
    Ok((user.to_owned(), ownership))
}

fn read_method(entry: &Table<'_>, kind: Kind) -> Result<Method, ParseError> {
    let path = |key| -> Result<Option<PathBuf>, ParseError> {
        Ok(entry.words(key)?.map(|(path, _)| PathBuf::from(path)))
    };
    Ok(match kind {
        Kind::SshKey => Method::SshKey {
            key: need_secret(entry, "key")?,
            passphrase: secret(entry, "passphrase")?,
        },
        Kind::SshAgent => Method::SshAgent {
            socket: path("socket")?,
            fingerprint: read_fingerprint(entry)?,
        },
        Kind::SshPassword => Method::SshPassword {
            password: need_secret(entry, "password")?,
            on_first_use: entry.flag("password_on_first_use")?,
        },
        Kind::SshCert => Method::SshCert {
            key: need_secret(entry, "key")?,
            passphrase: secret(entry, "passphrase")?,
            certificate: entry.need("certificate", "\"path\"")?.0.into(),
        },
        Kind::Winrm => Method::Winrm(read_winrm(entry)?),
    })
}

fn read_winrm(entry: &Table<'_>) -> Result<Winrm, ParseError> {
    let proof = match entry.words("certificate")? {
        Some((_, span)) if entry.get("password").is_some() => {
            let problem = "certificate: there is a password too; expected one of the two";
            return Err(entry.at(&span, problem));
        }
        Some((path, _)) => WinrmProof::Certificate {
            certificate: path.into(),
            key: need_secret(entry, "key")?,
        },
        None => WinrmProof::Password(need_secret(entry, "password")?),
    };
    let mechanism = match entry.words("auth")? {
        None | Some(("negotiate", _)) => Mechanism::Negotiate,
        Some(("kerberos", _)) => Mechanism::Kerberos,
        Some(("ntlm", _)) => Mechanism::Ntlm,
        Some((_, span)) => {
            let problem =
                "auth: expected \"negotiate\" (Kerberos, else NTLM), \"kerberos\" or \"ntlm\"";
            return Err(entry.at(&span, problem));
        }
    };
    let realm = entry.words("kerberos_realm")?;
    let kdcs = entry.list("kdc")?.unwrap_or_default();
    if let Some((_, span)) = kdcs.iter().find(|(kdc, _)| !is_centre(kdc)) {
        let problem =
            "kdc: expected names or addresses, as in [\"dc1.corp.example\", \"10.0.0.5:88\"]";
        return Err(entry.at(span, problem));
    }
    Ok(Winrm {
        proof,
        mechanism,
        on_first_use: entry.flag("password_on_first_use")?,
        ntlm_http: entry.flag("ntlm_http")?,
        basic: entry.flag("basic")?,
        kerberos_realm: realm.map(|(realm, _)| realm.to_owned()),
        kdcs: kdcs.iter().map(|(kdc, _)| (*kdc).to_owned()).collect(),
    })
}

/// A name or an address, perhaps with a port.
fn is_centre(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if bare.unwrap_or(text).parse::<Ipv6Addr>().is_ok() || text.parse::<SocketAddrV6>().is_ok() {
        return true;
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.chars().all(in_name) && port.is_none_or(is_port)
}

fn read_fingerprint(entry: &Table<'_>) -> Result<Option<String>, ParseError> {
    let Some((text, span)) = entry.words("fingerprint")? else {
        return Ok(None);
    };
    let digest = text.strip_prefix("SHA256:").unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    // 32 bytes in base64 without padding.
    if digest.len() != 43 || !digest.chars().all(good) {
        let problem = "fingerprint: expected SHA256:… as `ssh-add -l` prints it";
        return Err(entry.at(&span, problem));
    }
    Ok(Some(text.to_owned()))
}

fn read_scope(entry: &Table<'_>) -> Result<Scope, ParseError> {
    let Some(items) = entry.list("scope")? else {
        let problem = "`scope` is missing: no scope, no use; expected scope = [\"10.0.0.0/8\", \"*.corp.example\", \"tag:linux\"]";
        return Err(entry.error(problem));
    };
    let span = entry.span_of("scope");
    let mut read = Vec::new();
    for (text, span) in items {
        let item = ScopeItem::parse(text)
            .map_err(|problem| entry.at(&span, format!("scope: {problem}")))?;
        read.push(item);
    }
    Scope::new(read).map_err(|problem| entry.at(&span, format!("scope: {problem}")))
}

fn read_sudo(entry: &Table<'_>, kind: Kind) -> Result<(Sudo, Option<SecretRef>), ParseError> {
    let password = secret(entry, "sudo_password")?;
    let sudo = match entry.words("sudo")? {
        None | Some(("never", _)) => Sudo::Never,
        Some(("nopasswd", _)) => Sudo::WithoutPassword,
        Some(("password", span)) => {
            let problem = match kind {
                Kind::Winrm => "sudo: there is none on Windows",
                Kind::SshKey | Kind::SshAgent | Kind::SshCert if password.is_none() => {
                    "sudo: a key is no password for sudo; expected sudo_password beside it, or \"nopasswd\""
                }
                _ => return Ok((Sudo::WithPassword, password)),
            };
            return Err(entry.at(&span, problem));
        }
        Some((_, span)) => {
            let problem = "sudo: expected \"never\", \"nopasswd\" or \"password\"";
            return Err(entry.at(&span, problem));
        }
    };
    if password.is_some() {
        let span = entry.span_of("sudo_password");
        let problem = "sudo_password: it is told only with sudo = \"password\"";
        return Err(entry.at(&span, problem));
    }
    Ok((sudo, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "Zq9-unique-7731-planted";

    /// A good credential with some lines replaced or added.
    fn credential(change: &[(&str, &str)]) -> String {
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

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    /// A WinRM credential with a user and some lines.
    fn windows(user: &str, lines: &str) -> String {
        let base = credential(&[("type", "'winrm'"), ("user", user)]);
        format!("{base}{lines}\n")
    }

    #[test]
    fn kerberos_alone_needs_a_realm() {
        let only = "auth = 'kerberos'";
        for user in [r"'.\audit'", r"'CORP\audit'", "'audit'"] {
            let said = problem(&windows(user, only));
            assert!(said.contains("line 7, column 8: auth: Kerberos"), "{said}");
        }
        parse(&windows("'audit@corp.example'", only)).unwrap();
        let named = "auth = 'kerberos'\nkerberos_realm = 'corp.example'";
        parse(&windows(r"'CORP\audit'", named)).unwrap();
    }

    #[test]
    fn what_is_no_address_of_a_directory_is_said_with_its_place() {
        let good = "kdc = ['dc1', 'dc1.corp.example:8888', '10.0.0.5', '::1', '[::1]:88']";
        parse(&windows("'audit@corp.example'", good)).unwrap();
        for bad in ["tcp://dc1", "dc 1", "dc1:port", "dc1:0", "", "[::1"] {
            let text = windows("'audit@corp.example'", &format!("kdc = ['{bad}']"));
            let said = problem(&text);
            assert!(said.contains("line 7, column 8: kdc"), "{bad}: {said}");
        }
    }

    #[test]
    fn the_example_has_every_kind_and_place_and_reads() {
        let text = include_str!("../../credentials.example.toml");
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
    fn an_unknown_key_is_an_error_with_a_suggestion() {
        let text = credential(&[("passwrd", "'x'")]);
        assert_eq!(
            problem(&text),
            "line 4, column 1: unknown key `passwrd`; did you mean `password`?"
        );
        let text = credential(&[("password-on-first-use", "true")]);
        assert!(problem(&text).contains("did you mean `password_on_first_use`?"));
        let text = credential(&[("port", "22")]);
        assert!(problem(&text).contains("unknown key; expected one of: id, type"));
        // A key of another type is no key of this one.
        let text = credential(&[("key", "{ file = 'k' }")]);
        assert!(problem(&text).contains("unknown key"));
        assert!(problem("[[credentials]]\nid = 'a'").contains("did you mean `credential`?"));
    }

    #[test]
    fn windows_is_proven_by_a_password_or_a_certificate_and_nothing_is_allowed_unsaid() {
        let winrm = |change: &[(&str, &str)]| {
            let text = credential(&[&[("type", "'winrm'")], change].concat());
            let mut file = parse(&text).map_err(|error| error.to_string())?;
            match file.credentials.remove(0).method {
                Method::Winrm(winrm) => Ok(winrm),
                other => Err(format!("{other:?}")),
            }
        };
        let plain = winrm(&[]).unwrap();
        assert_eq!(plain.mechanism, Mechanism::Negotiate);
        assert!(!plain.ntlm_http && !plain.basic && !plain.on_first_use);
        assert!(plain.kdcs.is_empty() && plain.kerberos_realm.is_none());
        let certificate = [("certificate", "'c.pem'"), ("key", "{ file = 'k' }")];
        let error = winrm(&certificate).unwrap_err();
        assert!(error.contains("expected one of the two"), "{error}");
        let only = [certificate[0], certificate[1], ("password", "")];
        let proof = winrm(&only).unwrap().proof;
        assert!(matches!(proof, WinrmProof::Certificate { .. }));
        let error = winrm(&[("auth", "'credssp'")]).unwrap_err();
        assert!(error.contains("auth: expected \"negotiate\""), "{error}");
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
    fn no_scope_no_use() {
        let missing = problem(&credential(&[("scope", "")]));
        assert!(missing.contains("no scope, no use"), "{missing}");
        let empty = problem(&credential(&[("scope", "[]")]));
        assert!(empty.contains("no scope, no use"), "{empty}");
        let slip = problem(&credential(&[("scope", "['10.0.0.0/8', '10.0.0.0/33']")]));
        assert!(slip.starts_with("line 4, column 24: scope: "), "{slip}");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_slip_says_what_was_expected() {
        let cases: &[(&str, &str, &str)] = &[
            ("id", "'a b'", "id: expected at most 64"),
            ("type", "'telnet'", "type: expected one of: ssh-key"),
            ("type", "", "`type` is missing"),
            ("user", "''", "user: expected a text"),
            ("user", r"'CORP\'", "user: expected name"),
            ("user", "", "`user` is missing"),
            ("realm", "7", "realm: expected a text"),
            ("account", "'global'", "account: expected \"realm\""),
            (
                "password",
                "",
                "`password` is missing; expected password = ",
            ),
            ("password", "7", "the place of a secret"),
            ("password", "{ }", "exactly one place"),
            ("password", "{ env = 'A', file = 'b' }", "exactly one place"),
            ("password", "{ enf = 'A' }", "did you mean `env`?"),
            ("password", "{ env = 'A-B' }", "name of an environment"),
            ("password", "{ command = 'pass show' }", "a list of texts"),
            (
                "password",
                "{ command = [] }",
                "a program and its arguments",
            ),
            ("password", "{ prompt = false }", "prompt: expected true"),
            (
                "password",
                "{ keyring = '/u' }",
                "keyring: expected the names",
            ),
            ("password", "{ age = 7 }", "age: expected a text"),
            ("password", "{ age = 'a', env = 'B' }", "exactly one place"),
            (
                "password",
                "{ age = 'a', identty = 'b' }",
                "did you mean `identity`?",
            ),
            (
                "password",
                "{ age = 'a', passphrase = 'b' }",
                "the place of a passphrase",
            ),
            (
                "password",
                "{ age = 'a', passphrase = { age = 'b' } }",
                "the place of a passphrase",
            ),
            ("password", "{ env = 'A', identity = 'b' }", "unknown key"),
            ("password_on_first_use", "'yes'", "true or false"),
            ("sudo", "true", "sudo: expected"),
            ("sudo", "'always'", "sudo: expected \"never\""),
            (
                "sudo_password",
                "{ env = 'Y' }",
                "only with sudo = \"password\"",
            ),
        ];
        for (key, value, expected) in cases {
            let error = problem(&credential(&[(key, value)]));
            assert!(error.contains(expected), "{key} = {value}: {error}");
        }
        let realms = credential(&[("user", r"'CORP\u'"), ("realm", "'lab'")]);
        assert!(problem(&realms).contains("another realm"));
        let local = credential(&[("account", "'local'"), ("realm", "'lab'")]);
        assert!(problem(&local).contains("a local account has no realm"));
        assert!(problem("").contains("expected `[[credential]]`"));
        assert!(problem("[credential]\nid = 'a'").contains("double brackets"));
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
}
