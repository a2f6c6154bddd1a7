//! A service that gives answers in order, whatever it is asked: only there when fuzzing.

use super::courier::{CarryError, Courier, Delivery};
use super::wsman::open_session;
use crate::session::Session;
use async_trait::async_trait;
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
