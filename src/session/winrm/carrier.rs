//! Carrying envelopes over the connection on which we are logged in: sealed where the channel is
//! plain, as they are where it is TLS.

use super::context::Context;
use super::courier::{CarryError, Courier, Delivery};
use super::http::{Answer, HttpError, Link, Post};
use super::seal::{self, Sealed};
use super::{IDENTIFY, SOAP, basic};
use crate::session::{Limits, LoginError};
use async_trait::async_trait;
use hyper::header::HeaderValue;
use tokio::time::Instant;

/// How each message is protected and attributed.
pub(super) enum Seal {
    /// Sealed by the logon's own keys; what comes back must be, too.
    Sealed(Context),
    /// Inside TLS, on a connection that is logged in.
    Tls,
    /// Inside TLS, with a header on every request.
    Header(HeaderValue),
}

/// A connection that is logged in.
pub(super) struct Carrier {
    pub(super) link: Link,
    pub(super) seal: Seal,
    pub(super) to: String,
    pub(super) local: bool,
}

impl Carrier {
    /// Has the host show that it checked a logon by password: whoever answers in plain can say yes
    /// to anything, and only who knows the logon's keys can seal.
    pub(super) async fn confirm(
        &mut self,
        method: &'static str,
        limits: &Limits,
    ) -> Result<(), LoginError> {
        let secret_sent = true;
        let answer = self.carry(IDENTIFY, limits.within(limits.login)).await;
        match answer {
            Ok(Delivery { status, body }) if self.seal.is_proven_by(status, &body) => Ok(()),
            Ok(Delivery { status, .. }) => Err(LoginError::Http {
                status,
                secret_sent,
            }),
            Err(CarryError::Unauthorised) => Err(LoginError::Refused {
                method,
                secret_sent,
            }),
            Err(CarryError::TimedOut) => Err(LoginError::TimedOut { secret_sent }),
            Err(error) => Err(LoginError::Lost {
                why: error.to_string(),
                said: String::new(),
                secret_sent,
            }),
        }
    }
}

#[async_trait]
impl Courier for Carrier {
    async fn carry(&mut self, envelope: &str, until: Instant) -> Result<Delivery, CarryError> {
        let post = self.seal.close(envelope.as_bytes())?;
        let answer = self.link.post(post, until).await.map_err(why)?;
        if answer.status == 401 {
            return Err(CarryError::Unauthorised);
        }
        let status = answer.status;
        let body = self.seal.open(answer)?;
        Ok(Delivery { status, body })
    }

    fn now(&self) -> Instant {
        self.link.now()
    }

    fn to(&self) -> &str {
        &self.to
    }

    fn is_local_account(&self) -> bool {
        self.local
    }
}

impl Seal {
    fn is_proven_by(&self, status: u16, body: &[u8]) -> bool {
        match self {
            // What came unsealed was left empty.
            Self::Sealed(_) => !body.is_empty(),
            Self::Tls | Self::Header(_) => basic::is_from_behind(status, body),
        }
    }

    fn close(&mut self, envelope: &[u8]) -> Result<Post<'static>, CarryError> {
        let plain = |authorization| Post {
            authorization,
            content_type: Some(SOAP),
            body: envelope.to_vec(),
        };
        match self {
            Self::Tls => Ok(plain(None)),
            Self::Header(header) => Ok(plain(Some(header.clone()))),
            Self::Sealed(context) => {
                let sealed = context.seal(envelope).map_err(CarryError::Malformed)?;
                Ok(Post {
                    authorization: None,
                    content_type: Some(seal::SEALED),
                    body: sealed.write(),
                })
            }
        }
    }

    fn open(&mut self, answer: Answer) -> Result<Vec<u8>, CarryError> {
        let Self::Sealed(context) = self else {
            return Ok(answer.body);
        };
        if seal::is_sealed(&answer.content_type) {
            let sealed = Sealed::parse(&answer.body);
            let sealed = sealed.map_err(|why| CarryError::Malformed(why.to_owned()))?;
            return context.open(sealed).map_err(CarryError::Malformed);
        }
        match answer.status {
            200 | 500 if !answer.body.is_empty() => Err(CarryError::NotSealed),
            // The web server's own pages are not WinRM's word, and not sealed.
            _ => Ok(Vec::new()),
        }
    }
}

fn why(error: HttpError) -> CarryError {
    match error {
        HttpError::TimedOut => CarryError::TimedOut,
        HttpError::Closed(why) => CarryError::Closed(why),
        HttpError::TooLong => CarryError::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::super::http::tests::{answer, scripted};
    use super::*;
    use sspi::Ntlm;

    /// Carries an envelope inside TLS, to a host that answers so.
    async fn carry(answer: Vec<u8>) -> Result<Delivery, CarryError> {
        let (link, _told) = scripted(vec![answer]).await;
        let mut carrier = Carrier {
            link,
            seal: Seal::Tls,
            to: String::new(),
            local: false,
        };
        let until = Limits::default().deadline;
        carrier.carry("<e/>", until).await
    }

    fn opens(answer: Answer) -> Result<Vec<u8>, CarryError> {
        Seal::Sealed(Context::Ntlm(Box::new(Ntlm::new()))).open(answer)
    }

    fn sealed(status: u16, content_type: &str, body: &str) -> Answer {
        Answer {
            status,
            content_type: content_type.to_owned(),
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }

    #[test]
    fn an_answer_in_plain_is_nobodys() {
        let soap = "application/soap+xml;charset=UTF-8";
        for status in [200, 500] {
            let error = opens(sealed(status, soap, "<e/>")).unwrap_err();
            assert_eq!(error, CarryError::NotSealed);
            assert_eq!(opens(sealed(status, soap, "")), Ok(Vec::new()));
        }
        assert_eq!(opens(sealed(503, "text/html", "<p>busy")), Ok(Vec::new()));
    }

    #[test]
    fn a_forged_seal_does_not_open() {
        let forged = Sealed {
            token: vec![1; 16],
            data: b"<e/>".to_vec(),
            length: 4,
        };
        let body = forged.write();
        let answer = Answer {
            status: 200,
            content_type: seal::SEALED.to_owned(),
            body,
            ..Answer::default()
        };
        assert!(matches!(opens(answer), Err(CarryError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_logon_that_is_taken_back_is_said_to_be() {
        let refusal = answer("401 \r\nWWW-Authenticate: Negotiate", "");
        assert_eq!(carry(refusal).await.unwrap_err(), CarryError::Unauthorised);
        let delivery = carry(answer("200 OK", "<e/>")).await.unwrap();
        assert_eq!((delivery.status, delivery.body), (200, b"<e/>".to_vec()));
    }
}
