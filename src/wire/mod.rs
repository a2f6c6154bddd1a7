//! Small messages of network protocols, read and written: vocabulary for whoever talks or is tested.
//!
//! No I/O, no async, no clock. Everything that is read here may come from an attacker: nothing is
//! taken for granted, a reader returns `None` for what it cannot read, and none of them panics.

pub(crate) mod base64;
mod bytes;
pub mod dcerpc;
pub mod http;
pub mod nbss;
pub mod ntlmssp;
pub mod rdp;
pub mod smb1;
pub mod smb2;
pub mod spnego;
pub mod tds;
pub mod tls;

/// What reading a stream has come to, with what was heard of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<T> {
    /// It is all there.
    Whole(T),
    /// So far it may become one.
    Part,
    /// It is something else.
    Other,
}
