//! One request and its answer, strictly one after the other.

use super::super::courier::{CarryError, Courier, Delivery};
use super::envelope::{About, Request, fresh_id, identify};
use super::fault::{Fault, Meaning, one_line};
use super::soap::{Answer, Node, SoapError};
use crate::session::Exchange;
use crate::session::Room;
use rand::RngExt as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long the host may take for an operation before it says that it takes longer.
const OPERATION: Duration = Duration::from_secs(20);
/// How much longer than that its answer may be under way.
const SLACK: Duration = Duration::from_secs(10);
/// How much earlier than our own moment the host's has to be, so that it answers in time and the
/// connection stays in order.
const MARGIN: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TalkError {
    /// The host refuses, with its reason.
    Fault(Fault),
    /// The host answered something that is no answer, or one that is too long. The connection may
    /// still be in order.
    Garbled(String),
    /// It is too late to ask. Nothing was sent.
    Late,
    /// The connection is over.
    Lost(Lost),
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// No answer came in time.
    Silent,
    /// It broke.
    Closed(String),
    /// The host refuses what is not encrypted (HTTP 500 without a body).
    Unencrypted,
    /// An answer came unsealed.
    NotSealed,
    /// The host wants another login.
    Unauthorised,
}

impl TalkError {
    pub(super) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Fault(fault) => Some(fault.meaning()),
            _ => None,
        }
    }

    /// In one line, for a detail.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Fault(fault) => fault.to_string(),
            Self::Garbled(why) => why.clone(),
            Self::Late => "no time was left".to_owned(),
            Self::Lost(Lost::Silent) => "no answer came in time".to_owned(),
            Self::Lost(Lost::Closed(why)) => format!("the connection broke: {why}"),
            Self::Lost(Lost::Unencrypted) => "the host refuses unencrypted messages".to_owned(),
            Self::Lost(Lost::NotSealed) => "an answer came unsealed".to_owned(),
            Self::Lost(Lost::Unauthorised) => "the host wants another login".to_owned(),
        }
    }
}

impl From<SoapError> for TalkError {
    fn from(error: SoapError) -> Self {
        Self::Garbled(error.to_string())
    }
}

/// A connection that we talk over.
pub(super) struct Dialogue {
    courier: Box<dyn Courier>,
    session: String,
    lost: Option<Lost>,
    /// When an answer that is under way is given up, and the connection with it.
    hard: Option<Instant>,
    /// How long to wait when the host has too much to do; `None` once we have.
    patience: Option<Duration>,
    said: Vec<Exchange>,
    /// Where answers are kept, and whether there was no more room.
    room: Room,
    is_full: bool,
}

impl Dialogue {
    pub(super) fn new(courier: Box<dyn Courier>) -> Self {
        let wait = Duration::from_millis(rand::rng().random_range(1_000..3_000));
        Self {
            courier,
            session: fresh_id(),
            lost: None,
            hard: None,
            patience: Some(wait),
            said: Vec::new(),
            room: Room::default(),
            is_full: false,
        }
    }

    /// Waits less where the host has too much to do.
    #[cfg(test)]
    pub(super) fn impatient(mut self) -> Self {
        self.patience = Some(Duration::from_millis(1));
        self
    }

    pub(super) fn is_local_account(&self) -> bool {
        self.courier.is_local_account()
    }

    /// Sets when an answer that is under way is given up, and the connection with it: later than
    /// the moment after which nothing more is asked.
    pub(super) fn give_up_at(&mut self, moment: Instant) {
        self.hard = Some(moment);
    }

    /// Keeps answers in a host's room from now on.
    pub(super) fn keep_in(&mut self, room: Room) {
        self.room = room;
    }

    /// Whether so many bytes more can be kept.
    pub(super) fn holds(&mut self, bytes: usize) -> bool {
        let holds = self.room.take(bytes);
        self.is_full |= !holds;
        holds
    }

    /// Whether there was no room for something.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// What was said and heard since this was last asked.
    pub(super) fn exchanges(&mut self) -> Vec<Exchange> {
        std::mem::take(&mut self.said)
    }

    /// The host's time.
    pub(super) fn now(&self) -> Instant {
        self.courier.now()
    }

    /// Why the connection is over, where it is.
    pub(super) fn lost(&self) -> Option<&Lost> {
        self.lost.as_ref()
    }

    /// Sends a request and returns the `s:Body` of its answer. The host is asked to answer before
    /// `until`, if only to say that it takes longer.
    ///
    /// Where the host says that this account has too many shells or operations, waits and asks
    /// once more, once in a session.
    pub(super) async fn exchange(
        &mut self,
        request: &Request,
        until: Instant,
    ) -> Result<Node, TalkError> {
        let first = self.once(request, until).await;
        let Err(error) = &first else { return first };
        if error.meaning() != Some(Meaning::Quota) {
            return first;
        }
        let Some(wait) = self.patience.take() else {
            return first;
        };
        if self.now() + wait + MARGIN >= until {
            return first;
        }
        sleep(wait).await;
        self.once(request, until).await
    }

    /// Asks what the service is, without a header. Needs no rights but to have logged in.
    pub(super) async fn identify(&mut self, until: Instant) -> Result<Node, TalkError> {
        let answer = self
            .carry("Identify".to_owned(), &identify(), until)
            .await?;
        Ok(answer.body)
    }

    async fn once(&mut self, request: &Request, until: Instant) -> Result<Node, TalkError> {
        let left = until.saturating_duration_since(self.now());
        if left.is_zero() {
            return Err(TalkError::Late);
        }
        let timeout = OPERATION.min(left.saturating_sub(MARGIN));
        let message = fresh_id();
        let about = About {
            to: self.courier.to(),
            message: &message,
            session: &self.session,
        };
        let envelope = request.envelope(&about, timeout);
        let slack = self.now() + timeout + SLACK;
        let until = slack.min(self.hard.map_or(until, |hard| hard.max(until)));
        let answer = self.carry(request.words(), &envelope, until).await?;
        if let Some(other) = answer.relates_to
            && !other.eq_ignore_ascii_case(&message)
        {
            let why = "the host answers another question".to_owned();
            return Err(self.lose(Lost::Closed(why)));
        }
        match Fault::in_body(&answer.body) {
            Some(fault) => Err(TalkError::Fault(fault)),
            None => Ok(answer.body),
        }
    }

    async fn carry(
        &mut self,
        what: String,
        envelope: &str,
        until: Instant,
    ) -> Result<Answer, TalkError> {
        if let Some(lost) = &self.lost {
            return Err(TalkError::Lost(lost.clone()));
        }
        let said = Exchange::begin(what, String::new(), envelope.len());
        let carried = self.courier.carry(envelope, until).await;
        self.said.push(match &carried {
            Ok(delivery) => said.ended(delivery.body.len(), format!("HTTP {}", delivery.status)),
            Err(error) => said.ended(0, one_line(&error.to_string())),
        });
        match carried {
            Ok(delivery) => self.open(&delivery),
            Err(CarryError::TooLong) => {
                Err(TalkError::Garbled("the answer is too long".to_owned()))
            }
            Err(CarryError::TimedOut) => Err(self.lose(Lost::Silent)),
            Err(CarryError::Closed(why) | CarryError::Malformed(why)) => {
                Err(self.lose(Lost::Closed(one_line(&why))))
            }
            Err(CarryError::NotSealed) => Err(self.lose(Lost::NotSealed)),
            Err(CarryError::Unauthorised) => Err(self.lose(Lost::Unauthorised)),
        }
    }

    fn open(&mut self, delivery: &Delivery) -> Result<Answer, TalkError> {
        let Delivery { status, body } = delivery;
        if *status == 500 && body.iter().all(u8::is_ascii_whitespace) {
            return Err(self.lose(Lost::Unencrypted));
        }
        match Answer::read(body) {
            Ok(answer) => Ok(answer),
            Err(error) if *status == 200 => Err(error.into()),
            Err(error) => Err(TalkError::Garbled(format!("HTTP status {status}; {error}"))),
        }
    }

    fn lose(&mut self, why: Lost) -> TalkError {
        self.lost = Some(why.clone());
        TalkError::Lost(why)
    }
}
