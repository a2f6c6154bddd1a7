//! Which account a login name is, for counting its failures.
//!
//! One account has many spellings: `CORP\Audit`, `audit@corp` and `Audit` with `realm = "corp"` are one
//! key. Where two keys only *may* be one account (a bare `audit` next to `CORP\audit`; a realm's short
//! name next to its DNS name), the breaker counts them together: that errs towards fewer tries.

use super::{Credential, Method, Ownership};
use crate::model::HostKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// An account, normalised: what the breaker counts by. Not the credential's id, since two
/// credentials can be the old and the new password of one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountKey {
    /// Lower case; empty where the operator names none.
    realm: String,
    /// Lower case. Unix tells `Audit` from `audit`; we do not.
    user: String,
    /// The realm's other name, where the operator gives both: `CORP` and `ad.contoso.com`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    alias: String,
    /// The host of a local account.
    host: Option<HostLabel>,
}

impl AccountKey {
    /// The account that a credential is on a host.
    pub fn of(credential: &Credential, host: &HostLabel) -> Self {
        let (realm, user) = split(&credential.user);
        let name = |realm: Option<&str>| {
            let realm = realm.unwrap_or("").trim_end_matches('.');
            realm.to_lowercase()
        };
        let user = user.to_lowercase();
        match &credential.ownership {
            Ownership::Local => Self {
                realm: String::new(),
                user,
                alias: String::new(),
                host: Some(host.clone()),
            },
            Ownership::Directory { realm: named } => {
                let realm = name(named.as_deref().or(realm));
                let other = match &credential.method {
                    Method::Winrm(winrm) => name(winrm.kerberos_realm.as_deref()),
                    _ => String::new(),
                };
                // One that says nothing new leaves all spellings equal.
                let is_new = !realms_may_be_one(&realm, &other);
                Self {
                    realm,
                    user,
                    alias: if is_new { other } else { String::new() },
                    host: None,
                }
            }
        }
    }

    /// Whether a failure of `other`, seen on `there`, may be a failure of this account on `here`.
    pub(super) fn may_be(&self, here: &HostLabel, other: &Self, there: &HostLabel) -> bool {
        if self.user != other.user {
            return false;
        }
        match (&self.host, &other.host) {
            (None, None) => self.realm_may_be(other),
            (Some(mine), Some(theirs)) => mine.is_same(theirs),
            // A bare name may be the host's own account of that name.
            (Some(_), None) => other.realm.is_empty() && here.is_same(there),
            (None, Some(_)) => self.realm.is_empty() && here.is_same(there),
        }
    }

    /// Whether one secret is likely to be behind both: the same name, wherever the account lives.
    pub(super) fn shares_canary(&self, other: &Self) -> bool {
        self.user == other.user && self.realm_may_be(other)
    }

    fn realm_may_be(&self, other: &Self) -> bool {
        let names = |key: &'_ Self| {
            let alias = (!key.alias.is_empty()).then(|| key.alias.clone());
            std::iter::once(key.realm.clone()).chain(alias)
        };
        names(self).any(|mine| names(other).any(|theirs| realms_may_be_one(&mine, &theirs)))
    }

    /// What all keys share that may be this account: the user, lower case. To search tries by.
    pub fn bucket(&self) -> &str {
        &self.user
    }

    /// Whether this is a separate account on every host.
    pub fn is_local(&self) -> bool {
        self.host.is_some()
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.realm.is_empty() {
            write!(f, "{}\\", self.realm)?;
        }
        write!(f, "{}", self.user)?;
        match &self.host {
            Some(host) => write!(f, " on {host}"),
            None => Ok(()),
        }
    }
}

/// The realm and the user of `REALM\user` or `user@realm`; `.\user` names no realm.
pub(super) fn split(login: &str) -> (Option<&str>, &str) {
    if let Some((realm, user)) = login.split_once('\\') {
        return ((realm != ".").then_some(realm), user);
    }
    match login.rsplit_once('@') {
        Some((user, realm)) => (Some(realm), user),
        None => (None, login),
    }
}

/// Whether two realms, lower case, may be one: equal, one of them unnamed, or one the short name
/// that is a label of the other's DNS name (`contoso` of `ad.contoso.com`; Windows cuts it to 15).
fn realms_may_be_one(a: &str, b: &str) -> bool {
    let shortens = |short: &str, long: &str| {
        let is_it = |label: &str| {
            label == short || (short.chars().count() == NETBIOS_NAME && label.starts_with(short))
        };
        !short.contains('.') && long.split('.').any(is_it)
    };
    a == b || a.is_empty() || b.is_empty() || shortens(a, b) || shortens(b, a)
}

/// The longest NetBIOS domain name, in characters.
const NETBIOS_NAME: usize = 15;

/// A host, as the breaker tells hosts apart. A secret only goes to a peer whose key was proven, so
/// one machine with many addresses is known to be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostLabel {
    address: IpAddr,
    key: Option<String>,
}

impl HostLabel {
    /// The host at an address, with the key that it proved to have.
    pub fn new(address: IpAddr, key: Option<&HostKey>) -> Self {
        Self {
            address: address.to_canonical(),
            key: key.map(|key| key.fingerprint.clone()),
        }
    }

    /// Whether two labels are of one host: the same address or the same key.
    pub fn is_same(&self, other: &Self) -> bool {
        self.address == other.address || (self.key.is_some() && self.key == other.key)
    }
}

impl fmt::Display for HostLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parse;
    use super::*;

    /// The account of a password credential with these lines in the file, on a host.
    pub(crate) fn account(lines: &str, host: &HostLabel) -> AccountKey {
        let text = format!(
            "[[credential]]\nid = 'a'\ntype = 'ssh-password'\npassword = {{ prompt = true }}\nscope = ['10.0.0.0/8']\n{lines}\n"
        );
        AccountKey::of(&parse(&text).unwrap().credentials[0], host)
    }

    /// A host by the last byte of its address and the name of its key.
    pub(crate) fn label(last: u8, key: &str) -> HostLabel {
        let key = HostKey {
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: key.to_owned(),
        };
        HostLabel::new([10, 0, 0, last].into(), Some(&key))
    }

    #[test]
    fn every_spelling_of_an_account_is_one_key() {
        let host = label(1, "k");
        let spelled = [
            r"user = 'CORP\Audit'",
            "user = 'audit@corp'",
            "user = 'AUDIT'\nrealm = 'Corp'",
            "user = 'CORP\\audit'\nrealm = 'corp'",
        ];
        for lines in spelled {
            assert_eq!(account(lines, &host), account(spelled[0], &host), "{lines}");
        }
        assert_eq!(account(spelled[0], &host).to_string(), r"corp\audit");
    }

    #[test]
    fn a_local_account_is_another_one_on_another_host() {
        let lines = "user = 'root'\naccount = 'local'";
        let (a, b, a_again) = (label(1, "k"), label(2, "l"), label(3, "k"));
        let (on_a, on_b) = (account(lines, &a), account(lines, &b));
        assert!(!on_a.may_be(&a, &on_b, &b));
        // The same machine by another address.
        assert!(on_a.may_be(&a, &account(lines, &a_again), &a_again));
        assert_eq!(
            account(r"user = '.\Administrator'", &a).to_string(),
            "administrator on 10.0.0.1"
        );
    }

    #[test]
    fn a_domain_and_its_kerberos_realm_are_one_whatever_they_are_called() {
        let host = label(1, "k");
        let of = |lines: &str| {
            let text = format!(
                "[[credential]]\nid = 'a'\ntype = 'winrm'\npassword = {{ prompt = true }}\nscope = ['10.0.0.0/8']\n{lines}\n"
            );
            AccountKey::of(&parse(&text).unwrap().credentials[0], &host)
        };
        let both = of("user = 'CORP\\audit'\nkerberos_realm = 'ad.contoso.com'");
        let others = [
            r"user = 'CORP\audit'",
            "user = 'audit@AD.contoso.com.'",
            "user = 'audit'",
        ];
        for lines in others {
            let other = of(lines);
            assert!(both.may_be(&host, &other, &host), "{lines}");
            assert!(other.may_be(&host, &both, &host), "{lines}");
            assert!(both.shares_canary(&other), "{lines}");
        }
        let lab = of(r"user = 'LAB\audit'");
        assert!(!both.may_be(&host, &lab, &host));
        let kept = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<AccountKey>(&kept).unwrap(), both);
        // What earlier versions wrote reads as before.
        let old = r#"{"realm":"corp","user":"audit","host":null}"#;
        assert!(both.may_be(&host, &serde_json::from_str(old).unwrap(), &host));
    }

    #[test]
    fn what_may_be_one_account_is_counted_as_one() {
        let host = label(1, "k");
        let of = |lines| account(lines, &host);
        let may_be =
            |a, b| of(a).may_be(&host, &of(b), &host) && of(b).may_be(&host, &of(a), &host);
        assert!(may_be("user = 'audit'", r"user = 'CORP\audit'"));
        assert!(may_be(
            r"user = 'CONTOSO\audit'",
            "user = 'audit@ad.contoso.com'"
        ));
        assert!(may_be("user = 'root'", "user = 'root'\naccount = 'local'"));
        assert_eq!(
            of(r"user = 'CORP\Audit'").bucket(),
            of("user = 'audit'").bucket()
        );
        assert!(!may_be(r"user = 'LAB\audit'", r"user = 'CORP\audit'"));
        assert!(!may_be(
            "user = 'audit@a.example'",
            "user = 'audit@b.example'"
        ));
        assert!(!may_be(
            r"user = 'CORP\root'",
            "user = 'root'\naccount = 'local'"
        ));
    }
}
