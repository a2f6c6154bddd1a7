//! Which addresses are in scope: the grammar, the set, the guards.
//!
//! ```text
//! Request ──read──> TargetList ──resolve, guards──> TargetSet
//! ```
//!
//! Pure but for [`mod@file`]: the text of lists and the addresses of names are passed in.

mod error;
pub mod file;
mod grammar;
mod guard;
mod list;
mod notes;
mod parts;
mod set;
mod spans;

pub use error::{Exclusion, List, Origin, TargetError};
pub use file::Disk;
pub use guard::{GuardError, PLAIN_LIMIT, Permissions, is_private};
pub use list::{Found, Lists, Request, TargetList};
pub use notes::Description;
pub use set::{TargetSet, Unresolved};

#[cfg(test)]
mod tests;
