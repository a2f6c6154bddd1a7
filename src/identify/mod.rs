//! What a host is, before any credential is used.
//!
//! Readers of what services say of their own accord, one file a protocol. Everything here is a hint,
//! written by whoever answers: good for a column and for the order of work, never for choosing where
//! a secret goes.

mod ssh;

pub use ssh::{DeviceKind, SshBanner, ssh_banner};
