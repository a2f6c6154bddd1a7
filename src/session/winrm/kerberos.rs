//! Logging in by Kerberos (RFC 4120, RFC 4121), with the password and no ticket cache. The password
//! goes, as a proof, to the key distribution centre; the host gets a ticket, and must prove that it
//! could open it.

use super::context::Context;
use super::http::{Answer, Link, Post, authorization};
use super::kdc::{AT_ONCE, Kdcs};
use super::krb_error::KrbError;
use crate::session::{KerberosFailure, KerberosRefusal, KerberosWay, Limits, LoginError, Password};
use sspi::generator::GeneratorState;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation,
    Kerberos, KerberosConfig, SecurityBuffer, SecurityStatus, Sspi as _, SspiImpl as _,
};

/// A ticket for the host, ready to be shown.
pub(super) struct Ticket {
    kerberos: Kerberos,
    who: Option<CredentialsBuffers>,
    target: String,
    token: Vec<u8>,
}

/// The services by which a host may be registered, in the order to ask for them: HTTP may belong to
/// a web server's own account, and Windows takes any of its own.
const SERVICES: [&str; 3] = ["HTTP", "HOST", "WSMAN"];
/// The library must be told an address, which we never use.
const NOWHERE: &str = "tcp://kdc.invalid:88";

/// Fetches a ticket. Says nothing to the host.
pub(super) async fn ticket(
    way: &KerberosWay<'_>,
    (user, password): (&str, &Password),
    limits: &Limits,
) -> Result<Ticket, KerberosFailure> {
    let until = limits.within(limits.login);
    let unsent = |why| KerberosFailure {
        why,
        secret_sent: false,
        proven: false,
    };
    if !user.is_ascii() || !way.service_host.is_ascii() {
        let why = "names outside ASCII cannot be written in Kerberos here";
        return Err(unsent(KerberosRefusal::Other(why.to_owned())));
    }
    let Ok(Ok(_turn)) = limits.timeout_at(until, AT_ONCE.acquire()).await else {
        let why = "others were still waiting for theirs".to_owned();
        return Err(unsent(KerberosRefusal::NoKdc(why)));
    };
    let mut kdcs = Kdcs::new((way.kdcs, way.centres), until, limits.share.clone());
    for service in SERVICES {
        let target = format!("{service}/{}", way.service_host);
        match fetch(&mut kdcs, way, (user, password), target).await {
            Err(failure) if failure.why == KerberosRefusal::NoSpn => {}
            result => return result,
        }
    }
    Err(kdcs.failed(KerberosRefusal::NoSpn))
}

async fn fetch(
    kdcs: &mut Kdcs<'_>,
    way: &KerberosWay<'_>,
    (user, password): (&str, &Password),
    target: String,
) -> Result<Ticket, KerberosFailure> {
    kdcs.begin();
    let config = KerberosConfig::new_with_kdc_url(NOWHERE, "underdesk".to_owned());
    let broken = |kdcs: &Kdcs<'_>, error: &sspi::Error| kdcs.failed(words(error));
    let kerberos = Kerberos::new_client_from_config(config);
    let mut kerberos = kerberos.map_err(|error| broken(kdcs, &error))?;
    let realm = way.realm.to_uppercase();
    let who = AuthIdentityBuffers::from_utf8(user, &realm, password.expose());
    let mut who = Some(CredentialsBuffers::AuthIdentity(who));
    let mut input = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
    {
        let mut builder = kerberos
            .initialize_security_context()
            .with_credentials_handle(&mut who)
            .with_context_requirements(requirements())
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(&target)
            .with_input(&mut input)
            .with_output(&mut output);
        let generator = kerberos.initialize_security_context_impl(&mut builder);
        let mut generator = generator.map_err(|error| broken(kdcs, &error))?;
        let mut state = generator.start();
        loop {
            match state {
                GeneratorState::Suspended(request) => {
                    // Another realm's centre: where it is, is not the operator's word.
                    if request.url.host_str() != Some("kdc.invalid") {
                        return Err(kdcs.failed(KerberosRefusal::WrongRealm));
                    }
                    let answer = kdcs.ask(&request.data).await?;
                    state = generator.resume(Ok(answer));
                }
                GeneratorState::Completed(result) => {
                    result.map_err(|error| broken(kdcs, &error))?;
                    break;
                }
            }
        }
    }
    let token = output.pop().map(|buffer| buffer.buffer).unwrap_or_default();
    Ok(Ticket {
        kerberos,
        who,
        target,
        token,
    })
}

impl Ticket {
    /// Shows the ticket to the host, once, and has the host prove itself.
    pub(super) async fn show(
        mut self,
        link: &mut Link,
        limits: &Limits,
    ) -> Result<Context, LoginError> {
        let post = Post {
            authorization: Some(authorization("Negotiate", &self.token)?),
            ..Post::default()
        };
        let answer = link.post(post, limits.within(limits.login)).await;
        // What the host sees is no password, nor made from one.
        let answer = answer.map_err(|error| error.during_logon(false))?;
        let token = proof_in(&answer)?;
        match self.step(token) {
            Ok(SecurityStatus::Ok) => Ok(Context::Kerberos(Box::new(self.kerberos))),
            _ => Err(LoginError::NotMutual),
        }
    }

    fn step(&mut self, token: Vec<u8>) -> sspi::Result<SecurityStatus> {
        let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
        let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = self
            .kerberos
            .initialize_security_context()
            .with_credentials_handle(&mut self.who)
            .with_context_requirements(requirements())
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(&self.target)
            .with_input(&mut input)
            .with_output(&mut output);
        let generator = self.kerberos.initialize_security_context_impl(&mut builder);
        Ok(generator?.resolve_to_result()?.status)
    }
}

fn requirements() -> ClientRequestFlags {
    ClientRequestFlags::MUTUAL_AUTH
        | ClientRequestFlags::CONFIDENTIALITY
        | ClientRequestFlags::INTEGRITY
        | ClientRequestFlags::REPLAY_DETECT
        | ClientRequestFlags::SEQUENCE_DETECT
}

/// What the host proves itself with, if it let us in.
fn proof_in(answer: &Answer) -> Result<Vec<u8>, LoginError> {
    let token = answer.offers.token.clone();
    match answer.status {
        200 | 500 => token.ok_or(LoginError::NotMutual),
        401 => Err(refused(answer)),
        status => Err(LoginError::Http {
            status,
            secret_sent: false,
        }),
    }
}

fn refused(answer: &Answer) -> LoginError {
    let offers = &answer.offers;
    if offers.has("Basic") && !offers.has("Negotiate") && !offers.has("Kerberos") {
        return LoginError::BasicOnly;
    }
    let token = offers.token.as_deref().unwrap_or_default();
    let why = match KrbError::find(token).map(|error| error.code) {
        Some(37) => KerberosRefusal::Skew,
        _ => KerberosRefusal::HostRefused,
    };
    LoginError::Kerberos(KerberosFailure {
        why,
        secret_sent: true,
        proven: true,
    })
}

/// The library's own words may repeat what was sent: only what kind of failure it was gets out.
fn words(error: &sspi::Error) -> KerberosRefusal {
    match error.error_type {
        sspi::ErrorKind::NoAuthenticatingAuthority => KerberosRefusal::WrongRealm,
        kind => KerberosRefusal::Other(format!("the exchange failed with {kind:?}")),
    }
}
