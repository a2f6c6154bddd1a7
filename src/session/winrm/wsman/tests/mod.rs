//! The whole, against a host that a test plays.

mod faults;
mod host;
mod questions;
