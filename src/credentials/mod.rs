//! Which secret may be used where, and how often.
//!
//! A credentials file says who we may log in as, where the secret *is* (it holds none itself), and
//! for which hosts: no scope, no use. [`plan`] picks the few credentials for one host, and [`decide`] is
//! the breaker that keeps accounts from being locked.
//!
//! Only [`mod@file`], [`resolve`], [`keep`], [`draft`] and the stores behind them talk; the rest is a function of
//! its inputs. A [`secrecy::SecretString`] goes in and out, and only `session` looks inside, but for
//! [`keep`], which writes new ones to their stores. No type has `Serialize`, `Display` or `Clone` if a
//! secret is in it, and no error quotes a value of the file.

mod account;
mod age_file;
mod breaker;
#[cfg(test)]
pub(crate) mod breaker_oracle;
pub mod draft;
pub mod file;
mod forecast;
mod groups;
mod jump;
pub mod keep;
mod keyring;
mod model;
mod parse;
mod replace;
pub mod resolve;
mod rules;
mod scope;
mod ssh_config;
mod table;
mod tries;
mod vault;

pub use account::{AccountKey, HostLabel};
pub use age_file::{AgeError, Recipient};
pub use breaker::{Ask, Decision, Limits, Why, decide};
pub use forecast::{Past, exposures, worst_case, worst_case_after};
pub use jump::Jump;
pub use keyring::{EntryName, KeyringError};
pub use model::{
    AgePlace, Credential, CredentialsFile, Kind, Mechanism, Method, Ownership, SecretRef,
    SshConfigFile, Sudo, Winrm, WinrmProof,
};
pub use parse::parse;
pub use rules::{Choice, MAX_KEYS, agent_keys, choose, covering, in_place_of, plan};
pub use scope::{Scope, ScopeItem, ScopeProblem, ScopeSays, is_like};
pub use ssh_config::{Hop, HostConfig, Include, Route, SshConfig};
pub use table::ParseError;
pub use tries::{Holder, Stop, StopReason, Try, TryState};
