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
        match answer {
            Ok(answer) if answer.status == 200 && !answer.body.is_empty() => Ok(Answers::default()),
            Ok(answer) => {
                let (to, local) = (self.courier.to(), self.courier.is_local_account());
                let status = answer.status;
                Err(SessionError::Closed(format!("{to} {status} {local}")))
            }
            Err(error) => Err(SessionError::Closed(error.to_string())),
        }
    }

    async fn close(self: Box<Self>) {}
}
