//! One `[[credential]]`: who we are, where that holds, and what we may do there.

use super::{method, place, read_scope};
use crate::credentials::account::split;
use crate::credentials::jump;
use crate::credentials::table::{ParseError, Table};
use crate::credentials::{Credential, Kind, Ownership, SecretRef, Sudo};
use crate::model::CredentialId;

/// Reads one `[[credential]]`.
pub(super) fn read(entry: &Table<'_>) -> Result<Credential, ParseError> {
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
        method: method::read(entry, kind)?,
        scope: read_scope(entry)?,
        sudo,
        sudo_password,
        jump: entry.words("jump")?.map(|(jump, _)| jump.to_owned()),
        legacy: entry.flag("legacy_algorithms")?,
        line: entry.line(),
    };
    method::check_kerberos(entry, &credential)?;
    Ok(credential)
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

fn read_sudo(entry: &Table<'_>, kind: Kind) -> Result<(Sudo, Option<SecretRef>), ParseError> {
    let password = place::secret(entry, "sudo_password")?;
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
    use super::super::tests::{check_slips, credential, problem};

    #[test]
    fn each_slip_says_what_was_expected() {
        check_slips(&[
            ("id", "'a b'", "id: expected at most 64"),
            ("type", "'telnet'", "type: expected one of: ssh-key"),
            ("type", "", "`type` is missing"),
            ("user", "''", "user: expected a text"),
            ("user", r"'CORP\'", "user: expected name"),
            ("user", "", "`user` is missing"),
            ("realm", "7", "realm: expected a text"),
            ("account", "'global'", "account: expected \"realm\""),
            ("password_on_first_use", "'yes'", "true or false"),
            ("sudo", "true", "sudo: expected"),
            ("sudo", "'always'", "sudo: expected \"never\""),
            (
                "sudo_password",
                "{ env = 'Y' }",
                "only with sudo = \"password\"",
            ),
        ]);
        let realms = credential(&[("user", r"'CORP\u'"), ("realm", "'lab'")]);
        assert!(problem(&realms).contains("another realm"));
        let local = credential(&[("account", "'local'"), ("realm", "'lab'")]);
        assert!(problem(&local).contains("a local account has no realm"));
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
}
