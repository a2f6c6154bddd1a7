//! A Windows host of a lab: what all connections to it share.

use super::config::{Fault, Offer, WinRm};
use super::library::Library;
use super::ntlm::Names;
use super::registry::Registry;
use super::shells::Shell;
use super::tls::{Authority, Https};
use crate::lab::logins::{Login, LoginRule, Logins};
use crate::lab::network;
use crate::lab::recording::Recording;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A host.
#[derive(Debug)]
pub(in crate::lab) struct Host {
    pub(super) config: WinRm,
    pub(super) names: Names,
    pub(super) address: String,
    pub(super) library: Library,
    pub(super) registry: Registry,
    pub(super) https: Https,
    pub(super) delay: Duration,
    accounts: Vec<Account>,
    any_password: bool,
    state: Mutex<State>,
}

/// What changes while a host is up.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Shells by id.
    pub(super) shells: BTreeMap<String, Shell>,
    /// What is left of enumerations, by context.
    pub(super) enumerations: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Account {
    /// In which domain; none is the host itself.
    domain: Option<String>,
    user: String,
    password: String,
}

impl Host {
    /// Prepares a host.
    pub(in crate::lab) fn new(
        host: &network::Host,
        recording: &Recording,
        authority: &Authority,
    ) -> Result<Self, rcgen::Error> {
        let config = host.winrm.clone();
        let names = config.names(&host.name);
        let library = Library::new(recording, config.oem_code_page);
        let mut known = vec![names.dns_computer.clone(), host.name.clone()];
        known.extend(host.addresses.iter().map(ToString::to_string));
        Ok(Self {
            https: authority.https(known, &config)?,
            registry: Registry::new(&library),
            library,
            address: host
                .addresses
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            delay: Duration::from_millis(host.delay_ms) + config.latency(),
            accounts: accounts(&host.logins),
            any_password: matches!(
                host.logins,
                Logins::Rule(LoginRule::AnyPassword | LoginRule::Anybody)
            ),
            config,
            names,
            state: Mutex::default(),
        })
    }

    /// The password of an account, by the name and the domain that a peer gives.
    pub(super) fn password(&self, user: &str, domain: &str) -> Option<&str> {
        let (user, domain) = match user.split_once('@') {
            Some((user, realm)) if domain.is_empty() => (user, realm),
            _ => (user, domain),
        };
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        let own = |own: &Option<String>| own.as_deref().is_some_and(|own| same(own, domain));
        let here = own(&self.config.domain) || own(&self.config.dns_domain);
        let found = self.accounts.iter().find(|account| {
            let right = match &account.domain {
                Some(of) => same(of, domain) || here && own_domain(of, &self.config),
                None => !here,
            };
            right && same(&account.user, user)
        });
        found.map(|account| account.password.as_str())
    }

    /// Whether it is a trap, as far as Basic can spring it: NTLM needs the password on both sides.
    pub(super) fn takes_any_password(&self) -> bool {
        self.any_password
    }

    /// The schemes that an anonymous request is offered, as headers.
    pub(super) fn offers(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.config.offers().iter().filter_map(|offer| {
            let offer = match offer {
                Offer::Negotiate => "Negotiate",
                Offer::Kerberos => "Kerberos",
                Offer::Basic => "Basic realm=\"WSMAN\"",
                Offer::Certificate => return None,
            };
            Some(("WWW-Authenticate", offer.to_owned()))
        })
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.config.has(fault)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own_domain(domain: &str, config: &WinRm) -> bool {
    let mut own = [&config.domain, &config.dns_domain].into_iter().flatten();
    own.any(|own| own.eq_ignore_ascii_case(domain))
}

fn accounts(logins: &Logins) -> Vec<Account> {
    let Logins::Listed(logins) = logins else {
        return Vec::new();
    };
    let account = |login: &Login| {
        let Login::Password(login) = login else {
            return None;
        };
        let (domain, user) = match login.user.split_once('\\') {
            Some((domain, user)) => (Some(domain.to_owned()), user),
            None => (None, login.user.as_str()),
        };
        Some(Account {
            domain,
            user: user.to_owned(),
            password: login.password.clone(),
        })
    };
    logins.iter().filter_map(account).collect()
}
