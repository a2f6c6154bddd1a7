//! An agentless network scanner.
//!
//! Work flows through the modules in this order:
//!
//! ```text
//! targets -> sweep -> identify -> session -> collect ─┐
//!                                   catalog ──────────┴-> matching -> classify -> store -> report
//! ```
//!
//! Every module may import [`model`], [`version`], [`wire`] and [`tabular`], the vocabulary. [`collect`] and
//! [`identify`] also know the [`session`] they talk through, and [`matching`] the [`catalog`] it searches. All that
//! goes over the network to hosts is counted in [`traffic`].
//! `os` is what differs between the systems that the program itself runs on; whatever talks may ask it.
//! [`known`] reads the lists that an organisation has of its machines.
//! [`lab`] serves simulated hosts and knows what a [`collect`]or asks. Only [`scan`], which knows
//! the order, and [`cli`] import the rest. `tests/it/architecture.rs` holds us to that.

pub mod model;
pub(crate) mod os;
pub mod tabular;
pub mod version;
pub mod wire;

pub mod catalog;
pub mod classify;
pub mod collect;
pub mod credentials;
pub mod identify;
pub mod known;
pub mod matching;
pub mod report;
pub mod session;
pub mod store;
pub mod sweep;
pub mod targets;
pub mod traffic;

pub mod lab;
pub mod scan;

pub mod cli;
