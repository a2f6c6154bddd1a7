//! A service that gives answers in order, whatever it is asked, and readers of what it says before that: only there
//! when fuzzing.

use super::challenge::TypeTwo;
use super::courier::{CarryError, Courier, Delivery};
use super::http::{Link, Post};
use super::krb_error::KrbError;
use super::offers::Offers;
use super::seal::Sealed;
use super::wsman::open_session;
use crate::session::{Limits, Session};
use crate::traffic::Share;
use async_trait::async_trait;
use tokio::io::DuplexStream;
use tokio::time::Instant;

struct Scripted {
    answers: std::vec::IntoIter<(u16, Vec<u8>)>,
}

#[async_trait]
impl Courier for Scripted {
    async fn carry(&mut self, envelope: &str, _until: Instant) -> Result<Delivery, CarryError> {
        let Some((status, body)) = self.answers.next() else {
            return Err(CarryError::Closed("that was all".to_owned()));
        };
        let message = envelope.split("MessageID>").nth(1).unwrap_or_default();
        let message = message.split('<').next().unwrap_or_default();
        let body = String::from_utf8_lossy(&body).replace("RELATES", message);
        let body = body.into_bytes();
        Ok(Delivery { status, body })
    }

    fn to(&self) -> &'static str {
        "http://192.0.2.1:5985/wsman"
    }

    fn is_local_account(&self) -> bool {
        true
    }
}

/// A session with such a service.
pub(in crate::session) fn answered(answers: Vec<(u16, Vec<u8>)>) -> Box<dyn Session> {
    let answers = answers.into_iter();
    open_session(Box::new(Scripted { answers }))
}

/// Reads the same bytes as a header, as a token and as a sealed message.
pub(in crate::session) fn hear(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let offers = Offers::parse(text.lines());
    for token in offers.token.as_deref().into_iter().chain([bytes]) {
        if let Some(challenge) = TypeTwo::parse(token, &offers) {
            let _ = challenge.weakness();
        }
        let _ = KrbError::find(token);
    }
    let _ = Sealed::parse(bytes);
}

/// Asks one thing after the other over a connection; how often there was an answer.
pub(in crate::session) async fn hear_out(stream: DuplexStream) -> usize {
    let until = Limits::default().deadline;
    let link = Link::open(stream, "192.0.2.1:5985".to_owned(), Share::default()).await;
    let Ok(mut link) = link else { return 0 };
    let mut answers = 0;
    while let Ok(answer) = link.post(Post::default(), until).await {
        answers += 1;
        if let Some(token) = answer.offers.token.as_deref() {
            hear(token);
        }
        hear(&answer.body);
    }
    answers
}
