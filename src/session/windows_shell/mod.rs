//! The words in which the shells of Windows are asked. Pure.

pub(in crate::session) mod cmd;
