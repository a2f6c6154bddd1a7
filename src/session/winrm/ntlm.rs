//! Logging in by NTLM, version 2 (MS-NLMP), bare or inside SPNEGO (MS-SPNG).
//!
//! The host's challenge is read before anything is computed from the password, and may stop us.

use super::binding;
use super::challenge::{Challenge, TypeTwo};
use super::context::Context;
use super::door::Ground;
use super::http::{Answer, Link, Post, authorization};
use crate::session::{Limits, LoginError, Password, WindowsLogon};
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation,
    Negotiate, NegotiateConfig, Ntlm, SecurityBuffer, SecurityStatus, Sspi, SspiImpl,
};

/// How NTLM is written into `Authorization: Negotiate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Bare.
    Raw,
    /// Inside SPNEGO.
    Spnego,
}

impl Wrapping {
    fn other(self) -> Self {
        match self {
            Self::Raw => Self::Spnego,
            Self::Spnego => Self::Raw,
        }
    }
}

/// What a logon left.
pub(super) struct Logon {
    pub(super) link: Link,
    pub(super) context: Context,
    pub(super) challenge: Challenge,
}

/// Logs in. At most one message that is made from the password is sent.
pub(super) async fn log_on(
    ground: &Ground,
    mut link: Link,
    (logon, password): (&WindowsLogon<'_>, &Password),
    limits: &Limits,
) -> Result<Logon, LoginError> {
    let first = ground.wrapping;
    let mut way = Way::new(first, ground, (logon, password))?;
    let mut answer = way.greet(&mut link, limits).await?;
    if !way.is_answered_by(&answer) && is_undecided(&answer) {
        // Nothing was sent yet that is made from the password: this is no second try.
        way = Way::new(first.other(), ground, (logon, password))?;
        if link.is_closed() {
            link = ground.open_again(limits).await?;
        }
        answer = way.greet(&mut link, limits).await?;
    }
    let token = challenge_of(&answer)?;
    let Some(challenge) = TypeTwo::parse(token, &answer.offers) else {
        return Err(LoginError::NoOffer(answer.offers.schemes.join(", ")));
    };
    may_answer(&challenge, logon)?;
    let token = way.step(token.to_vec()).map_err(|why| lost(why, false))?;
    let answer = send(&mut link, &token, limits, true).await?;
    way.finish(&answer)?;
    Ok(Logon {
        link,
        context: way.into_context(),
        challenge: challenge.says,
    })
}

/// Whether a host that did not answer our first message may answer it in the other form.
fn is_undecided(answer: &Answer) -> bool {
    answer.status == 401 && answer.offers.has("Negotiate")
}

fn challenge_of(answer: &Answer) -> Result<&[u8], LoginError> {
    let secret_sent = false;
    let status = answer.status;
    if status != 401 {
        return Err(LoginError::Http {
            status,
            secret_sent,
        });
    }
    if let Some(token) = &answer.offers.token {
        return Ok(token);
    }
    let offers = &answer.offers;
    if offers.has("Basic") && !offers.has("Negotiate") && !offers.has("Kerberos") {
        return Err(LoginError::BasicOnly);
    }
    Err(LoginError::NoOffer(offers.schemes.join(", ")))
}

/// PRODUCT rule: a challenge may refuse a host, and never choose one.
fn may_answer(challenge: &TypeTwo, logon: &WindowsLogon<'_>) -> Result<(), LoginError> {
    if let Some(why) = challenge.weakness() {
        return Err(LoginError::Weak(why));
    }
    match logon.domain {
        Some(domain) if !challenge.says.is_of(domain) => Err(LoginError::ForeignDomain {
            theirs: challenge.says.domain(),
        }),
        _ => Ok(()),
    }
}

async fn send(
    link: &mut Link,
    token: &[u8],
    limits: &Limits,
    secret_sent: bool,
) -> Result<Answer, LoginError> {
    let post = Post {
        authorization: Some(authorization("Negotiate", token)?),
        ..Post::default()
    };
    let until = limits.within(limits.login);
    let answer = link.post(post, until).await;
    answer.map_err(|error| error.during_logon(secret_sent))
}

/// One run of the protocol.
struct Way {
    mechanism: Mechanism,
    binding: Option<Vec<u8>>,
}

enum Mechanism {
    Raw(Box<Ntlm>, Option<AuthIdentityBuffers>),
    Spnego(Box<Negotiate>, Option<CredentialsBuffers>),
}

impl Way {
    fn new(
        wrapping: Wrapping,
        ground: &Ground,
        (logon, password): (&WindowsLogon<'_>, &Password),
    ) -> Result<Self, LoginError> {
        let domain = logon.domain.unwrap_or_default();
        let who = AuthIdentityBuffers::from_utf8(logon.user, domain, password.expose());
        let mechanism = match wrapping {
            Wrapping::Raw => Mechanism::Raw(Box::new(Ntlm::new()), Some(who)),
            Wrapping::Spnego => spnego(who)?,
        };
        let leaf = ground.leaf.as_ref();
        let binding = leaf.map(|leaf| binding::to_certificate(leaf));
        Ok(Self { mechanism, binding })
    }

    /// Sends the first message, which says nothing of the account.
    async fn greet(&mut self, link: &mut Link, limits: &Limits) -> Result<Answer, LoginError> {
        let token = self.step(Vec::new()).map_err(|why| lost(why, false))?;
        send(link, &token, limits, false).await
    }

    /// Whether the host has taken up the form in which we greeted it.
    fn is_answered_by(&self, answer: &Answer) -> bool {
        let token = answer.offers.token.as_ref();
        token.is_some_and(|token| match self.mechanism {
            Mechanism::Raw(..) => TypeTwo::is_raw(token),
            Mechanism::Spnego(..) => !TypeTwo::is_raw(token),
        })
    }

    fn step(&mut self, input: Vec<u8>) -> Result<Vec<u8>, String> {
        let binding = self.binding.as_deref();
        match &mut self.mechanism {
            Mechanism::Raw(ntlm, who) => step(&mut **ntlm, who, input, binding),
            Mechanism::Spnego(negotiate, who) => step(&mut **negotiate, who, input, binding),
        }
        .map(|(token, _)| token)
    }

    /// Takes the host's word on the message that proves us.
    fn finish(&mut self, answer: &Answer) -> Result<(), LoginError> {
        let secret_sent = true;
        match answer.status {
            // WinRM itself has no use for an empty request: 500 comes from behind the logon.
            200 | 500 => {}
            401 => {
                return Err(LoginError::Refused {
                    method: "ntlm",
                    secret_sent,
                });
            }
            status => {
                return Err(LoginError::Http {
                    status,
                    secret_sent,
                });
            }
        }
        let is_spnego = matches!(self.mechanism, Mechanism::Spnego(..));
        if let (true, Some(token)) = (is_spnego, &answer.offers.token) {
            self.step(token.clone()).map_err(|why| lost(why, true))?;
        }
        Ok(())
    }

    fn into_context(self) -> Context {
        match self.mechanism {
            Mechanism::Raw(ntlm, _) => Context::Ntlm(ntlm),
            Mechanism::Spnego(negotiate, _) => Context::Spnego(negotiate),
        }
    }
}

fn spnego(who: AuthIdentityBuffers) -> Result<Mechanism, LoginError> {
    let config = NegotiateConfig::new(
        Box::new(sspi::ntlm::NtlmConfig::default()),
        Some("!kerberos,ntlm,!pku2u".to_owned()),
        String::new(),
    );
    let negotiate = Negotiate::new_client(config);
    let negotiate = negotiate.map_err(|error| lost(words(&error), false))?;
    let who = CredentialsBuffers::AuthIdentity(who);
    Ok(Mechanism::Spnego(Box::new(negotiate), Some(who)))
}

/// One step of either mechanism, neither of which talks to anybody else.
fn step<M>(
    mechanism: &mut M,
    who: &mut M::CredentialsHandle,
    input: Vec<u8>,
    binding: Option<&[u8]>,
) -> Result<(Vec<u8>, SecurityStatus), String>
where
    M: Sspi + SspiImpl,
{
    let mut input = vec![SecurityBuffer::new(input, BufferType::Token)];
    if let Some(binding) = binding {
        let binding = SecurityBuffer::new(binding.to_vec(), BufferType::ChannelBindings);
        input.push(binding);
    }
    let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let mut builder = mechanism
        .initialize_security_context()
        .with_credentials_handle(who)
        .with_context_requirements(
            ClientRequestFlags::CONFIDENTIALITY
                | ClientRequestFlags::INTEGRITY
                | ClientRequestFlags::REPLAY_DETECT
                | ClientRequestFlags::SEQUENCE_DETECT,
        )
        .with_target_data_representation(DataRepresentation::Native)
        .with_input(&mut input)
        .with_output(&mut output);
    let result = mechanism.initialize_security_context_impl(&mut builder);
    let result = result.and_then(|mut generator| generator.resolve_to_result());
    let status = result.map_err(|error| words(&error))?.status;
    let token = output.pop().map(|buffer| buffer.buffer);
    Ok((token.unwrap_or_default(), status))
}

/// The library's own words may repeat what the host sent: only what kind of failure it was gets out.
fn words(error: &sspi::Error) -> String {
    format!("NTLM failed with {:?}", error.error_type)
}

fn lost(why: String, secret_sent: bool) -> LoginError {
    LoginError::Lost {
        why,
        said: String::new(),
        secret_sent,
    }
}

#[cfg(test)]
mod tests {
    use super::super::challenge::tests::{STRONG, challenge};
    use super::super::offers::Offers;
    use super::super::seal::Sealed;
    use super::*;
    use proptest::prelude::*;

    fn way(wrapping: Wrapping) -> Way {
        let who = || AuthIdentityBuffers::from_utf8("scan", "CONTOSO", "secret");
        let mechanism = match wrapping {
            Wrapping::Raw => Mechanism::Raw(Box::new(Ntlm::new()), Some(who())),
            Wrapping::Spnego => spnego(who()).unwrap(),
        };
        let binding = Some(binding::to_certificate(b"none"));
        let mut way = Way { mechanism, binding };
        way.step(Vec::new()).unwrap();
        way
    }

    /// The token in which a server answers SPNEGO (RFC 4178 section 4.2.2): incomplete, NTLM.
    fn wrapped(token: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, inside: Vec<u8>| {
            let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
            let mut element = vec![tag, 0x82];
            element.extend(length);
            element.extend(inside);
            element
        };
        let mut body = vec![0xa0, 3, 10, 1, 1, 0xa1, 12, 6, 10];
        body.extend([0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10]);
        body.extend(wrap(0xa2, wrap(4, token.to_vec())));
        wrap(0xa1, wrap(0x30, body))
    }

    /// A good challenge in which some bytes are others, and which may be cut short.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let whole = challenge(&[(2, "CONTOSO"), (1, "WEB1"), (7, "time")], STRONG);
        let length = whole.len();
        let bytes = prop::collection::vec((12..length, any::<u8>()), 0..6);
        (bytes, 12..=length).prop_map(move |(bytes, length)| {
            let mut message = whole.clone();
            for (at, byte) in bytes {
                message[at] = byte;
            }
            message.truncate(length);
            message
        })
    }

    /// What the message that proves us says of itself: flags, and the pairs it repeats.
    fn flags_of(proof: &[u8]) -> u32 {
        u32::from_le_bytes(proof[60..64].try_into().unwrap())
    }

    #[test]
    fn the_proof_is_of_version_2_sealed_whole_and_bound_to_the_channel() {
        let proof = way(Wrapping::Raw)
            .step(challenge(&[(2, "CONTOSO"), (1, "WEB1")], STRONG))
            .unwrap();
        // 128 bits, signing, sealing and NTLMv2 session security, and no key of LAN Manager's.
        assert_eq!(flags_of(&proof) & 0x2008_0030, 0x2008_0030);
        assert_eq!(flags_of(&proof) & 0x80, 0);
        // The integrity check is there, and named among the pairs; and so is the binding.
        assert_ne!(proof[72..88], [0; 16]);
        let has = |pair: &[u8]| proof.windows(pair.len()).any(|window| window == pair);
        assert!(has(&[6, 0, 4, 0, 2, 0, 0, 0]));
        assert!(has(&[10, 0, 16, 0]));
    }

    proptest! {
        #[test]
        fn the_library_takes_any_challenge_without_a_panic(message in damaged()) {
            // In either form, and whatever our own judgement of it is.
            let _ = TypeTwo::parse(&message, &Offers::default());
            let _ = way(Wrapping::Raw).step(message.clone());
            let mut spnego = way(Wrapping::Spnego);
            if spnego.step(wrapped(&message)).is_ok() {
                let _ = spnego.step(message);
            }
        }

        #[test]
        fn the_library_takes_any_token_of_spnego_without_a_panic(
            bytes in prop::collection::vec((0..300usize, any::<u8>()), 0..6),
        ) {
            let mut token = wrapped(&challenge(&[(2, "CONTOSO")], STRONG));
            for (at, byte) in bytes {
                if let Some(slot) = token.get_mut(at) {
                    *slot = byte;
                }
            }
            let _ = way(Wrapping::Spnego).step(token);
        }

        #[test]
        fn the_library_opens_nothing_forged_and_does_not_panic(
            token in prop::collection::vec(any::<u8>(), 0..40),
            data in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut way = way(Wrapping::Raw);
            way.step(challenge(&[(2, "CONTOSO")], STRONG)).unwrap();
            let length = data.len();
            let sealed = Sealed { token, data, length };
            prop_assert!(way.into_context().open(sealed).is_err());
        }
    }
}
