//! What a host is, before any credential is used.
//!
//! A reader is pure: it takes what a host said and tells what it means. Only [`grab`] talks.

pub mod grab;
mod ssh;

pub use grab::{grab_banner, grab_greeting};
pub use ssh::ssh_service;

/// Ports on which the client speaks first, by the protocols that own them: waiting for a greeting
/// there is waiting for nothing. RPC, NetBIOS, SMB, RDP, WinRM, HTTP.
const CLAIMED: &[u16] = &[80, 135, 139, 443, 445, 3389, 5985, 5986, 8080, 8443];

/// Whether a port belongs to a protocol in which the client speaks first.
pub fn is_claimed(port: u16) -> bool {
    CLAIMED.contains(&port)
}
