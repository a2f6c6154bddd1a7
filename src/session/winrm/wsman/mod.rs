//! What is said over WinRM: WS-Management (DSP0226, MS-WSMV).

use super::courier::Courier;
use crate::session::{Answers, Limits, QuestionSet, Session, SessionError};
use async_trait::async_trait;

/// Opens a session over a connection on which we are logged in.
pub(in crate::session) fn open_session(courier: Box<dyn Courier>) -> Box<dyn Session> {
    Box::new(Unspoken { courier })
}

struct Unspoken {
    courier: Box<dyn Courier>,
}

#[async_trait]
impl Session for Unspoken {
    async fn ask(&mut self, _: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError> {
        let probe = super::IDENTIFY;
        let answer = self.courier.carry(probe, limits.deadline).await;
        let why = match answer {
            Ok(answer) => format!(
                "{} {} {} {}",
                self.courier.to(),
                answer.status,
                answer.body.len(),
                self.courier.is_local_account()
            ),
            Err(error) => error.to_string(),
        };
        Err(SessionError::Closed(why))
    }

    async fn close(self: Box<Self>) {}
}
