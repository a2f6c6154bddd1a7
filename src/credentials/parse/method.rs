//! How a credential proves who we are: the keys that its type has of its own.

use super::place::{need_secret, secret};
use crate::credentials::table::{ParseError, Table};
use crate::credentials::{Credential, Kind, Mechanism, Method, Winrm, WinrmProof};
use std::net::{Ipv6Addr, SocketAddrV6};
use std::path::PathBuf;

/// Reads what a type of credential has of its own.
pub(super) fn read(entry: &Table<'_>, kind: Kind) -> Result<Method, ParseError> {
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

/// Kerberos alone needs a realm to ask: without one no host could ever be logged in to.
pub(super) fn check_kerberos(entry: &Table<'_>, credential: &Credential) -> Result<(), ParseError> {
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

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::tests::{credential, problem};
    use super::*;

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
}
