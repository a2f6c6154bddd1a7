//! The seam between what is said over WinRM and how it gets there.

use async_trait::async_trait;

/// Carries one envelope there and one answer back, over one connection, in order.
#[async_trait]
pub(in crate::session) trait Courier: Send {
    /// Sends a SOAP envelope (UTF-8) and returns the answer. Never sends anything twice.
    async fn carry(
        &mut self,
        envelope: &str,
        until: tokio::time::Instant,
    ) -> Result<Delivery, CarryError>;
    /// The `To` address: `http://host:5985/wsman`.
    fn to(&self) -> &str;
    /// Whether the account is one of the host's own (for "UAC token filtering").
    fn is_local_account(&self) -> bool;
}

/// What came back: HTTP status (200, 400, 500, 503 …) and the body in plain, unsealed, at most
/// 2 MiB.
pub(in crate::session) struct Delivery {
    /// The HTTP status.
    pub status: u16,
    /// The body, unsealed.
    pub body: Vec<u8>,
}

/// Why no answer was brought back.
#[derive(Debug)]
#[non_exhaustive]
pub(in crate::session) enum CarryError {
    /// The moment passed. The answer may still come: the connection is done with.
    TimedOut,
    /// The connection broke or was closed; what is known of the cause.
    Closed(String),
    /// The body is longer than we read.
    TooLong,
    /// The answer came in plain although the connection is sealed.
    NotSealed,
    /// The host wants another login.
    Unauthorised,
    /// What came back is no HTTP, or its seal is broken.
    Malformed(String),
}
