//! The seam between what is said over WinRM and how it is carried.

use async_trait::async_trait;
use tokio::time::Instant;

/// Carries one envelope there and one answer back, over one connection, in order.
#[async_trait]
pub(in crate::session) trait Courier: Send {
    /// Sends a SOAP envelope (UTF-8) and returns the answer. Never sends anything twice.
    async fn carry(&mut self, envelope: &str, until: Instant) -> Result<Delivery, CarryError>;

    /// The host's time, of which `until` is a moment.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// The `To` address: `http://host:5985/wsman`.
    fn to(&self) -> &str;

    /// Whether the account is one of the host's own (for "UAC token filtering").
    fn is_local_account(&self) -> bool;
}

/// What came back: the HTTP status (200, 400, 500, 503 …) and the body in plain, unsealed, at most
/// 2 MiB. Of an answer that the web server gave in WinRM's stead the body is left empty.
#[derive(Debug)]
pub(in crate::session) struct Delivery {
    /// The HTTP status.
    pub(in crate::session) status: u16,
    /// The body.
    pub(in crate::session) body: Vec<u8>,
}

/// Why no answer came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(in crate::session) enum CarryError {
    /// The moment passed.
    #[error("the host did not answer in time")]
    TimedOut,
    /// The connection is gone.
    #[error("the connection broke: {0}")]
    Closed(String),
    /// The answer is longer than 2 MiB.
    #[error("the answer is longer than 2 MiB")]
    TooLong,
    /// An answer in plain, where it had to be sealed: it may be anyone's.
    #[error("the answer was not sealed")]
    NotSealed,
    /// 401, after the logon.
    #[error("the host took the logon back")]
    Unauthorised,
    /// It is not what the protocol asks for.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
}
