//! Getting in over WinRM: which mechanism a host may see, by what we know of it.
//!
//! Kerberos proves the host to us and shows it no secret, so it may go to any host. NTLM and Basic
//! go to a host whose certificate we trust; NTLM over plain HTTP only where the credential says so.

use super::super::RunError;
use super::Visit;
use super::login::{Attempt, Entry, Next, Ticket};
use crate::credentials::{AccountKey, Credential, HostLabel, Mechanism, Method, Winrm};
use crate::model::{Failure as _, HostTrust, ResultCode};
use crate::session::{
    Centres, Channel, FirstUse, KerberosWay, LoggedIn, LoginError, Met, NtlmOverHttp, Permit,
    Proof, StrangerPeer, VerifiedPeer, WindowsLogon, WindowsSecret,
};

/// The port of a KDC (RFC 4120 section 7.2.3.2).
const KDC_PORT: u16 = 88;

/// Whom the logon goes to.
enum Peer {
    /// A host that may see every mechanism that the credential allows.
    Trusted(VerifiedPeer),
    /// A host that may see a Kerberos ticket and nothing else.
    KerberosOnly(StrangerPeer),
}

impl Visit<'_> {
    pub(super) async fn try_windows(
        &mut self,
        credential: &Credential,
        secret: WindowsSecret<'_>,
    ) -> Result<Next, RunError> {
        let Method::Winrm(winrm) = &credential.method else {
            return Ok(Next::TryAnother);
        };
        let cx = self.cx;
        let label = HostLabel::new(self.host.address, None);
        let account = AccountKey::of(credential, &label);
        let asked = tokio::time::Instant::now();
        let turn = cx.breaker.turn(&credential.id, &account).await;
        self.deadline += asked.elapsed();
        let attempt = self.attempt(credential);
        if let Some((code, why)) = cx.breaker.why_open(&account, &label).await? {
            let held = Entry::Held(code, why);
            return self.conclude(&attempt, held, HostTrust::None).await;
        }
        let (met, turn) = match self.meet_in_turn(Some(turn), &attempt.limits).await {
            (Ok(met), turn) => (met, turn),
            (Err(error), _) => return Ok(self.not_met(&attempt, &error)),
        };
        // A host of many addresses has one such account: its certificate tells, unless it is shared.
        // (A directory's account is one everywhere.)
        let label = match met.host_key() {
            key if account.is_local() && met.is_one_host() => {
                HostLabel::new(self.host.address, Some(key))
            }
            _ => label,
        };
        let trust = match &met {
            // Plain HTTP proves nothing, to nobody's surprise.
            Met::Stranger(peer) if peer.channel() == Channel::Http => HostTrust::None,
            met => met.trust(),
        };
        let way = Way::of(credential, winrm, &self.host_name(), &cx.centres);
        let entry = match self.may_see(met, &attempt, &way).await? {
            Ok(peer) => match self.reserve(&attempt, label, turn).await? {
                Ok(reserved) => {
                    let proof = match &secret {
                        WindowsSecret::Password(_) => "a password",
                        WindowsSecret::Certificate(_) => "a certificate",
                    };
                    self.note_login(&attempt, proof);
                    self.log_on(peer, (secret, &way), reserved).await?
                }
                Err(held) => held,
            },
            Err(held) => held,
        };
        self.conclude(&attempt, entry, trust).await
    }

    /// The name that the operator gave the host; else its address. Never what the host says.
    fn host_name(&self) -> String {
        let name = self.host.name.as_ref().map(ToString::to_string);
        name.unwrap_or_else(|| self.host.address.to_canonical().to_string())
    }

    /// What of a credential the host may see.
    async fn may_see(
        &mut self,
        met: Met,
        attempt: &Attempt<'_>,
        way: &Way<'_>,
    ) -> Result<Result<Peer, Entry>, RunError> {
        let credential = attempt.credential;
        let stranger = match met {
            Met::Verified(_) => {
                let peer = self.trusted(met, credential).await?;
                return Ok(peer.map(Peer::Trusted));
            }
            Met::Stranger(peer) => peer,
        };
        if stranger.channel() == Channel::Tls {
            return self.may_see_first_use(stranger, credential).await;
        }
        let leave = NtlmOverHttp::allowed(way.winrm.ntlm_http && way.speaks_ntlm());
        Ok(match leave {
            Some(leave) => stranger
                .allow_ntlm_over_http(leave)
                .map(Peer::Trusted)
                .map_err(|error| Entry::Held(error.code(), error.to_string())),
            None if way.realm.is_some() => Ok(Peer::KerberosOnly(stranger)),
            None => Err(Entry::Held(ResultCode::NotAttemptedTrust, way.why_not())),
        })
    }

    /// A certificate that nobody vouches for.
    async fn may_see_first_use(
        &mut self,
        stranger: StrangerPeer,
        credential: &Credential,
    ) -> Result<Result<Peer, Entry>, RunError> {
        let accept = self.cx.plan.accept_new_host_keys;
        if FirstUse::allowed(accept, credential.password_on_first_use()).is_none() {
            let detail = format!("the host shows {}", stranger.host_key());
            return Ok(Err(Entry::Held(ResultCode::TlsUntrusted, detail)));
        }
        let peer = self.trusted(Met::Stranger(stranger), credential).await?;
        Ok(peer.map(Peer::Trusted))
    }

    async fn log_on(
        &self,
        peer: Peer,
        (secret, way): (WindowsSecret<'_>, &Way<'_>),
        (ticket, permit): (Ticket, Permit),
    ) -> Result<Entry, RunError> {
        let limits = &self.limits();
        let trust = match &peer {
            Peer::Trusted(peer) => peer.trust(),
            Peer::KerberosOnly(_) => HostTrust::None,
        };
        let login: Result<LoggedIn, LoginError> = match peer {
            Peer::Trusted(peer) => {
                let proof = Proof::Windows(way.logon(secret), permit);
                peer.log_in(way.user, proof, limits).await
            }
            Peer::KerberosOnly(peer) => {
                let logon = way.logon(secret);
                peer.log_in_with_kerberos(logon, permit, limits).await
            }
        };
        self.settle(login, trust, ticket).await
    }
}

/// What a credential is over WinRM, towards one host.
struct Way<'a> {
    winrm: &'a Winrm,
    user: &'a str,
    domain: Option<&'a str>,
    /// The Kerberos realm, where there is one to ask.
    realm: Option<String>,
    kdcs: Vec<String>,
    centres: &'a Centres,
    service_host: String,
}

impl<'a> Way<'a> {
    fn of(credential: &'a Credential, winrm: &'a Winrm, host: &str, centres: &'a Centres) -> Self {
        let (user, domain) = credential.account();
        // A short domain name is no Kerberos realm.
        let named = winrm.kerberos_realm.as_deref();
        let realm = named.or_else(|| domain.filter(|domain| domain.contains('.')));
        let realm = realm.filter(|_| domain.is_some() && winrm.mechanism != Mechanism::Ntlm);
        let realm = realm.map(str::to_uppercase);
        let kdcs = match (&realm, winrm.kdcs.as_slice()) {
            (Some(realm), []) => vec![with_port(&realm.to_lowercase())],
            (Some(_), kdcs) => kdcs.iter().map(|kdc| with_port(kdc)).collect(),
            (None, _) => Vec::new(),
        };
        Self {
            winrm,
            user,
            domain,
            realm,
            kdcs,
            centres,
            service_host: host.to_lowercase(),
        }
    }

    fn speaks_ntlm(&self) -> bool {
        self.winrm.mechanism != Mechanism::Kerberos
    }

    fn logon<'b>(&'b self, secret: WindowsSecret<'b>) -> WindowsLogon<'b> {
        WindowsLogon {
            user: self.user,
            domain: self.domain,
            secret,
            kerberos: self.realm.as_deref().map(|realm| KerberosWay {
                realm,
                kdcs: &self.kdcs,
                centres: self.centres,
                service_host: &self.service_host,
            }),
            ntlm: self.speaks_ntlm(),
            basic: self.winrm.basic,
        }
    }

    fn why_not(&self) -> String {
        let why = match (self.domain, self.winrm.mechanism) {
            (None, _) => "an account of the host's own knows no Kerberos",
            (Some(_), Mechanism::Ntlm) => "the credential is for NTLM only",
            (Some(_), _) => "the credential names no Kerberos realm (kerberos_realm)",
        };
        format!("plain HTTP, and {why}; NTLM over it is off")
    }
}

/// A KDC with its port.
fn with_port(kdc: &str) -> String {
    let has_port = match kdc.rsplit_once(':') {
        Some((host, port)) => {
            port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
        }
        None => false,
    };
    if has_port {
        return kdc.to_owned();
    }
    if kdc.contains(':') && !kdc.starts_with('[') {
        return format!("[{kdc}]:{KDC_PORT}");
    }
    format!("{kdc}:{KDC_PORT}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{CredentialsFile, parse};

    fn file(lines: &str) -> CredentialsFile {
        let text = format!(
            "[[credential]]\nid = 'w'\ntype = 'winrm'\nscope = ['10.0.0.0/8']\npassword = {{ prompt = true }}\n{lines}\n"
        );
        parse(&text).unwrap()
    }

    fn way<T>(lines: &str, look: impl FnOnce(&Way<'_>) -> T) -> T {
        let file = file(lines);
        let credential = &file.credentials[0];
        let Method::Winrm(winrm) = &credential.method else {
            panic!("not a WinRM credential");
        };
        look(&Way::of(
            credential,
            winrm,
            "SRV.corp.example",
            &Centres::default(),
        ))
    }

    #[test]
    fn a_dns_domain_is_a_realm_and_a_short_one_is_none() {
        way("user = 'audit@corp.example'", |way| {
            assert_eq!(way.realm.as_deref(), Some("CORP.EXAMPLE"));
            assert_eq!(way.kdcs, ["corp.example:88"]);
            assert_eq!(
                (way.user, way.service_host.as_str()),
                ("audit", "srv.corp.example")
            );
        });
        way(r"user = 'CORP\audit'", |way| assert_eq!(way.realm, None));
        let named = "user = 'CORP\\audit'\nkerberos_realm = 'corp.example'\nkdc = ['dc1', '::1', 'dc2:8888', '[::1]:89']";
        way(&named.replace("\\\\", "\\"), |way| {
            assert_eq!(way.domain, Some("CORP"));
            assert_eq!(way.kdcs, ["dc1:88", "[::1]:88", "dc2:8888", "[::1]:89"]);
        });
    }

    #[test]
    fn an_account_of_the_host_has_no_realm_and_ntlm_alone_asks_none() {
        way(r"user = '.\Administrator'", |way| {
            assert_eq!(
                (way.user, way.domain, way.realm.as_deref()),
                ("Administrator", None, None)
            );
            assert!(way.why_not().contains("host's own"), "{}", way.why_not());
        });
        way("user = 'audit@corp.example'\nauth = 'ntlm'", |way| {
            assert_eq!(way.realm, None);
            assert!(way.speaks_ntlm());
        });
        way("user = 'audit@corp.example'\nauth = 'kerberos'", |way| {
            assert!(way.realm.is_some() && !way.speaks_ntlm());
        });
    }
}
