//! Which few credentials a host is offered, and in what order.

use super::{AccountKey, Credential, HostLabel, Kind};
use crate::model::{CredentialId, LiveHost, Protocol};

/// How many keys a host is offered at most: a server closes the connection after a few
/// (OpenSSH's `MaxAuthTries` is 6), and counts each as a failure.
pub const MAX_KEYS: usize = 5;

/// The credentials for a host over a protocol: those whose scope covers it; first the one that worked
/// there before, then keys, certificates and agents, then passwords, each in the file's order.
///
/// At most [`MAX_KEYS`] key and agent credentials, and one password for each account. An empty plan
/// means `no_credential_in_scope`: nothing else is ever tried, least of all the operator's own login.
pub fn plan<'a>(
    host: &LiveHost,
    protocol: Protocol,
    credentials: &'a [Credential],
    remembered: Option<&CredentialId>,
) -> Vec<&'a Credential> {
    let all = choose(host, protocol, credentials, remembered).into_iter();
    let offered = all.filter(|(_, choice)| *choice == Choice::Offered);
    offered.map(|(credential, _)| credential).collect()
}

/// Whether a credential is offered to a host, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is.
    Offered,
    /// The host is not in its scope.
    OutOfScope,
    /// It is for another protocol.
    OtherProtocol,
    /// The host is offered [`MAX_KEYS`] others before it.
    TooManyKeys,
    /// Another one is tried for the same account, and there is one try for it.
    SameAccount(CredentialId),
}

/// What [`plan`] makes of each credential: first those that are offered, in the order in which they are
/// tried, then the others in the file's order.
pub fn choose<'a>(
    host: &LiveHost,
    protocol: Protocol,
    credentials: &'a [Credential],
    remembered: Option<&CredentialId>,
) -> Vec<(&'a Credential, Choice)> {
    let mut fitting: Vec<&Credential> = Vec::new();
    let mut others: Vec<(&Credential, Choice)> = Vec::new();
    for credential in credentials {
        if credential.kind().protocol() != protocol {
            others.push((credential, Choice::OtherProtocol));
        } else if credential.scope.covers(host) {
            fitting.push(credential);
        } else {
            others.push((credential, Choice::OutOfScope));
        }
    }
    // A stable sort: the file's order holds among equals.
    fitting.sort_by_key(|credential| {
        let worked = remembered == Some(&credential.id);
        (!worked, !is_key(credential))
    });
    let label = HostLabel::new(host.address, None);
    let mut keys = 0;
    let mut accounts: Vec<(AccountKey, CredentialId)> = Vec::new();
    let mut offered = Vec::new();
    for credential in fitting {
        if is_key(credential) {
            keys += 1;
            if keys <= MAX_KEYS {
                offered.push((credential, Choice::Offered));
            } else {
                others.push((credential, Choice::TooManyKeys));
            }
            continue;
        }
        let account = AccountKey::of(credential, &label);
        let mut before = accounts.iter();
        let seen = before.find(|(other, _)| account.may_be(&label, other, &label));
        match seen {
            Some((_, other)) => others.push((credential, Choice::SameAccount(other.clone()))),
            None => offered.push((credential, Choice::Offered)),
        }
        accounts.push((account, credential.id.clone()));
    }
    others.sort_by_key(|(credential, _)| credential.line);
    offered.extend(others);
    offered
}

/// All credentials for a host over a protocol, whether or not there is room for them in its plan.
pub fn covering<'a>(
    host: &LiveHost,
    protocol: Protocol,
    credentials: &'a [Credential],
) -> impl Iterator<Item = &'a Credential> {
    credentials.iter().filter(move |credential| {
        credential.kind().protocol() == protocol && credential.scope.covers(host)
    })
}

/// The password that is tried in the place of one which a plan leaves out: another of its account.
pub fn in_place_of<'a>(
    host: &LiveHost,
    left_out: &Credential,
    plan: impl IntoIterator<Item = &'a Credential>,
) -> Option<&'a Credential> {
    let label = HostLabel::new(host.address, None);
    let account = AccountKey::of(left_out, &label);
    let is_it = |other: &&Credential| {
        !is_key(other)
            && other.kind().protocol() == left_out.kind().protocol()
            && account.may_be(&label, &AccountKey::of(other, &label), &label)
    };
    let mut plan = plan.into_iter();
    plan.find(is_it).filter(|_| !is_key(left_out))
}

/// Whether it is offered as a key: nothing is lost with it, but a host counts it.
fn is_key(credential: &Credential) -> bool {
    matches!(
        credential.kind(),
        Kind::SshKey | Kind::SshAgent | Kind::SshCert
    )
}

/// How many of its keys each agent in a plan may offer, so that the host sees at most [`MAX_KEYS`]
/// keys in all. At least 1.
pub fn agent_keys(plan: &[&Credential]) -> usize {
    let count = |kind| plan.iter().filter(|entry| entry.kind() == kind).count();
    let left = MAX_KEYS.saturating_sub(count(Kind::SshKey) + count(Kind::SshCert));
    (left / count(Kind::SshAgent).max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::scope::tests::host;
    use super::*;
    use std::fmt::Write as _;

    /// `(id, type, user, scope)` of each credential.
    fn file(rows: &[(&str, &str, &str, &str)]) -> Vec<Credential> {
        let mut text = String::new();
        for (id, kind, user, scope) in rows {
            let proof = match *kind {
                "ssh-key" => "key = { file = 'k' }",
                "ssh-password" | "winrm" => "password = { prompt = true }",
                _ => "",
            };
            writeln!(
                text,
                "[[credential]]\nid = '{id}'\ntype = '{kind}'\nuser = '{user}'\nscope = ['{scope}']\n{proof}"
            )
            .unwrap();
        }
        parse(&text).unwrap().credentials
    }

    fn ids<'a>(plan: &[&'a Credential]) -> Vec<&'a str> {
        plan.iter().map(|entry| entry.id.as_str()).collect()
    }

    #[test]
    fn what_worked_comes_first_then_keys_then_passwords() {
        let credentials = file(&[
            ("p", "ssh-password", "a", "10.0.0.0/8"),
            ("q", "ssh-password", "b", "10.0.0.0/8"),
            ("agent", "ssh-agent", "a", "10.0.0.0/8"),
            ("k", "ssh-key", "a", "10.0.0.0/8"),
        ]);
        let here = host("10.0.0.1", None, &[]);
        assert_eq!(
            ids(&plan(&here, Protocol::Ssh, &credentials, None)),
            ["agent", "k", "p", "q"]
        );
        let worked = CredentialId::new("q");
        assert_eq!(
            ids(&plan(&here, Protocol::Ssh, &credentials, Some(&worked))),
            ["q", "agent", "k", "p"]
        );
    }

    #[test]
    fn no_scope_no_use_even_if_it_worked_before() {
        let credentials = file(&[("k", "ssh-key", "a", "10.0.0.0/8")]);
        let worked = CredentialId::new("k");
        let elsewhere = host("192.0.2.1", None, &[]);
        assert!(plan(&elsewhere, Protocol::Ssh, &credentials, Some(&worked)).is_empty());
    }

    #[test]
    fn one_password_for_each_account() {
        let credentials = file(&[
            ("old", "ssh-password", r"CORP\audit", "10.0.0.0/8"),
            ("new", "ssh-password", "audit@corp", "10.0.0.0/8"),
            ("root", "ssh-password", "root", "10.0.0.0/8"),
        ]);
        let here = host("10.0.0.1", None, &[]);
        assert_eq!(
            ids(&plan(&here, Protocol::Ssh, &credentials, None)),
            ["old", "root"]
        );
        let worked = CredentialId::new("new");
        assert_eq!(
            ids(&plan(&here, Protocol::Ssh, &credentials, Some(&worked))),
            ["new", "root"]
        );
    }

    #[test]
    fn at_most_five_keys_are_offered() {
        let names: Vec<String> = (0..7).map(|n| format!("k{n}")).collect();
        let mut rows: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), "ssh-key", "a", "10.0.0.0/8"))
            .collect();
        rows.push(("p", "ssh-password", "a", "10.0.0.0/8"));
        let credentials = file(&rows);
        let plan = plan(
            &host("10.0.0.1", None, &[]),
            Protocol::Ssh,
            &credentials,
            None,
        );
        assert_eq!(ids(&plan), ["k0", "k1", "k2", "k3", "k4", "p"]);
    }

    #[test]
    fn what_is_not_offered_says_why() {
        let mut rows = vec![
            ("w", "winrm", "a", "10.0.0.0/8"),
            ("far", "ssh-key", "a", "192.0.2.0/24"),
            ("old", "ssh-password", r"CORP\audit", "10.0.0.0/8"),
            ("new", "ssh-password", "audit@corp", "10.0.0.0/8"),
        ];
        let names: Vec<String> = (0..6).map(|n| format!("k{n}")).collect();
        rows.extend(
            names
                .iter()
                .map(|name| (name.as_str(), "ssh-key", "a", "10.0.0.0/8")),
        );
        let credentials = file(&rows);
        let here = host("10.0.0.1", None, &[]);
        let chosen = choose(&here, Protocol::Ssh, &credentials, None);
        assert_eq!(chosen.len(), credentials.len());
        let of = |id: &str| {
            let mut all = chosen.iter();
            let found = all.find(|(credential, _)| credential.id.as_str() == id);
            found.map(|(_, choice)| choice.clone()).unwrap()
        };
        assert_eq!(of("w"), Choice::OtherProtocol);
        assert_eq!(of("far"), Choice::OutOfScope);
        assert_eq!(of("old"), Choice::Offered);
        assert_eq!(of("new"), Choice::SameAccount(CredentialId::new("old")));
        assert_eq!(of("k4"), Choice::Offered);
        assert_eq!(of("k5"), Choice::TooManyKeys);
    }

    #[test]
    fn an_agent_offers_what_the_keys_leave() {
        let credentials = file(&[
            ("agent", "ssh-agent", "a", "10.0.0.0/8"),
            ("k", "ssh-key", "a", "10.0.0.0/8"),
        ]);
        let plan = plan(
            &host("10.0.0.1", None, &[]),
            Protocol::Ssh,
            &credentials,
            None,
        );
        assert_eq!(agent_keys(&plan), 4);
    }

    #[test]
    fn a_protocol_is_offered_its_own_credentials() {
        let credentials = file(&[
            ("w", "winrm", "a", "10.0.0.0/8"),
            ("p", "ssh-password", "a", "10.0.0.0/8"),
        ]);
        let here = host("10.0.0.1", None, &[]);
        assert_eq!(
            ids(&plan(&here, Protocol::Winrm, &credentials, None)),
            ["w"]
        );
        assert_eq!(ids(&plan(&here, Protocol::Ssh, &credentials, None)), ["p"]);
    }
}
