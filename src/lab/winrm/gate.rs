//! Who is logged on to a connection, and how it came to that (MS-NTHT, RFC 4559).

use super::config::{ChannelBinding, Fault, Offer};
use super::host::Host;
use super::ntlm::{Authenticate, Binding, Challenge, Session, is_message};
use super::spnego::{self, State};
use crate::lab::seen::{Note, Proof};
use crate::session::base64;

/// The logon of one connection.
#[derive(Default)]
pub(super) struct Gate {
    challenge: Option<Challenge>,
    /// The mechanisms that SPNEGO's first token listed, and whether another than NTLM came first.
    mechanisms: Option<(Vec<u8>, bool)>,
    /// The keys of an NTLM logon.
    pub(super) session: Option<Session>,
    /// Who is logged on.
    pub(super) user: Option<String>,
    refused: bool,
    /// The Basic token that was good before: it comes with every request.
    basic: Option<Vec<u8>>,
    /// Whom the client's certificate names.
    client: Option<String>,
}

/// What says that the certificate of the TLS connection is the logon (DSP0226 annex C.3.4).
const MUTUAL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// What an `Authorization` header comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// 401, and this `WWW-Authenticate`.
    Continues(String),
    /// Logged on; the last `WWW-Authenticate`, where there is one.
    In(Option<String>),
    /// 401, and what is offered.
    Refused,
}

impl Gate {
    /// A connection on which nobody is logged on; `client` is whom its certificate names.
    pub(super) fn new(client: Option<String>) -> Self {
        Self {
            client,
            ..Self::default()
        }
    }

    /// Hears an `Authorization` header.
    pub(super) fn hear(
        &mut self,
        host: &Host,
        note: &Note,
        certificate: Option<[u8; 16]>,
        header: &str,
    ) -> Verdict {
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        let offers = host.config.offers();
        let Some(token) = base64::decode(token.trim()) else {
            note.violation("a token that is not base 64");
            return Verdict::Refused;
        };
        let verdict = match scheme.to_ascii_lowercase().as_str() {
            "negotiate" if offers.contains(&Offer::Negotiate) => {
                self.negotiate(host, note, certificate, &token)
            }
            "basic" if offers.contains(&Offer::Basic) => {
                if certificate.is_none() && self.basic.is_none() {
                    note.violation("a password in the clear");
                }
                self.basic(host, note, &token)
            }
            MUTUAL if offers.contains(&Offer::Certificate) => self.mutual(host, note),
            // What a client begins with before it has heard the offers gives nothing away.
            _ if is_message(&token, 1) || token.first() == Some(&0x60) => None,
            scheme => {
                note.violation(&format!("the scheme {scheme}, which was not offered"));
                None
            }
        };
        verdict.unwrap_or_else(|| {
            self.user = None;
            self.session = None;
            self.refused = true;
            Verdict::Refused
        })
    }

    fn mutual(&mut self, host: &Host, note: &Note) -> Option<Verdict> {
        let client = self.client.clone()?;
        if self.user.as_ref() == Some(&client) {
            return Some(Verdict::In(None));
        }
        let good = host.password(&client, "").is_some() && !host.has(&Fault::AuthReject);
        note.login(&client, Proof::Signature("x509".to_owned()), good);
        self.user = good.then_some(client);
        good.then_some(Verdict::In(None))
    }

    fn basic(&mut self, host: &Host, note: &Note, token: &[u8]) -> Option<Verdict> {
        if self.basic.as_deref() == Some(token) {
            return Some(Verdict::In(None));
        }
        let text = String::from_utf8_lossy(token);
        let (user, password) = text.split_once(':')?;
        let (domain, name) = user.split_once('\\').unwrap_or(("", user));
        let known = host.password(name, domain);
        let good = known == Some(password) || host.takes_any_password();
        let good = good && !host.config.has(&Fault::AuthReject);
        let good = note.login(user, Proof::Password(password.to_owned()), good);
        self.user = good.then(|| user.to_owned());
        self.basic = good.then(|| token.to_vec());
        good.then_some(Verdict::In(None))
    }

    /// NTLM, raw or inside SPNEGO. `None` refuses.
    fn negotiate(
        &mut self,
        host: &Host,
        note: &Note,
        certificate: Option<[u8; 16]>,
        token: &[u8],
    ) -> Option<Verdict> {
        if self.user.is_some() {
            note.violation("a second logon on one connection");
        }
        if token.starts_with(b"NTLMSSP\0") {
            self.mechanisms = None;
            return self.ntlm(host, note, certificate, (token, None));
        }
        let token = spnego::read(token)?;
        if let Some(mechanisms) = token.mechanisms {
            self.mechanisms = Some((mechanisms.to_vec(), !token.prefers_ntlm));
            if !token.knows_ntlm {
                return None;
            }
            if !token.prefers_ntlm {
                // The token that came with it is another mechanism's.
                let answer = spnego::write(State::Incomplete, true, None, None);
                return Some(Verdict::Continues(negotiate(&answer)));
            }
        }
        self.ntlm(host, note, certificate, (token.inner?, token.code))
    }

    fn ntlm(
        &mut self,
        host: &Host,
        note: &Note,
        certificate: Option<[u8; 16]>,
        (token, code): (&[u8], Option<&[u8]>),
    ) -> Option<Verdict> {
        if is_message(token, 1) {
            if self.refused {
                note.violation("another try after a refusal");
            }
            (self.user, self.session) = (None, None);
            let challenge = Challenge::answer(token, rand::random(), &host.names)?;
            let mut answer = challenge.message().to_vec();
            if self.mechanisms.is_some() {
                answer = spnego::write(State::Incomplete, true, Some(&answer), None);
            }
            self.challenge = Some(challenge);
            return Some(Verdict::Continues(negotiate(&answer)));
        }
        let challenge = self.challenge.take()?;
        let answer = Authenticate::read(token)?;
        let name = match answer.domain().as_str() {
            "" => answer.user(),
            domain => format!("{domain}\\{}", answer.user()),
        };
        let binding = binding(host.config.channel_binding, certificate);
        let password = host.password(&answer.user(), &answer.domain());
        let judged = password
            .filter(|_| !answer.is_anonymous() && !host.config.has(&Fault::AuthReject))
            .and_then(|password| challenge.judge(&answer, password, binding).ok());
        let is_in = note.login(&name, Proof::Ntlm, judged.is_some());
        let judged = judged.filter(|_| is_in);
        let mut session = judged?;
        if password.is_some_and(|password| !challenge.is_modern(&answer, password)) {
            note.violation("an LM answer of version 1");
        }
        let verdict = self.conclude(note, &mut session, code)?;
        self.user = Some(name);
        self.session = Some(session);
        Some(verdict)
    }

    /// What SPNEGO says last: RFC 4178 section 5, MS-SPNG 3.3.5.1.
    fn conclude(&self, note: &Note, session: &mut Session, code: Option<&[u8]>) -> Option<Verdict> {
        let Some((mechanisms, changed)) = &self.mechanisms else {
            return Some(Verdict::In(None));
        };
        let done = |code| {
            let token = spnego::write(State::Completed, false, None, code);
            Some(Verdict::In(Some(negotiate(&token))))
        };
        let Some(code) = code else {
            if *changed {
                note.violation("no mechListMIC although the mechanism was changed");
                return None;
            }
            return done(None);
        };
        if !session.incoming.verify(mechanisms, code) {
            note.violation("a wrong mechListMIC");
            return None;
        }
        let own = session.outgoing.sign(mechanisms);
        session.incoming.restart();
        session.outgoing.restart();
        done(Some(&own))
    }
}

fn binding(level: ChannelBinding, certificate: Option<[u8; 16]>) -> Binding {
    match (level, certificate) {
        (ChannelBinding::None, _) | (_, None) => Binding::Ignored,
        (ChannelBinding::Relaxed, Some(own)) => Binding::Relaxed(own),
        (ChannelBinding::Strict, Some(own)) => Binding::Strict(own),
    }
}

fn negotiate(token: &[u8]) -> String {
    format!("Negotiate {}", base64::encode_padded(token))
}
