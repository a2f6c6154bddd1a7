//! The WinRM service of a simulated Windows host: WS-Management over HTTP and HTTPS.
//!
//! It shares no code with the scanner's own client, so that the one is a test of the other: NTLM,
//! SPNEGO, sealing and the envelopes are written here once more, after MS-NLMP, MS-SPNG, RFC 4178,
//! MS-WSMV and DSP0226. It answers the questions of [`crate::collect::WINDOWS`] from a recording, and
//! whatever is none of them, or not as the protocol has it, goes down in [`super::Seen`] as a
//! violation.
//!
//! Kerberos is offered, as on every Windows, and refused.

mod commands;
mod config;
mod conversation;
mod envelope;
mod frame;
mod gate;
mod host;
mod http;
mod library;
mod names;
mod ntlm;
mod registry;
mod reply;
mod seal;
mod shells;
mod spnego;
mod tls;
mod web;
mod wmi;
mod wsman;
mod xml;

#[cfg(test)]
mod ntlm_tests;
#[cfg(test)]
mod tests;

pub use config::{Certificate, ChannelBinding, Fault, Offer, WinRm};
pub(super) use host::Host;
pub(super) use tls::Authority;
