//! What the tests of the whole program share: a simulated network, and an operator's desk from
//! which it is scanned. Only loopback, no privileges, and nothing outside a temporary folder.

mod desk;
mod office;
mod site;
mod table;

pub(crate) use desk::{Desk, Ended, credential, new_osv, signal, today};
pub(crate) use office::{Office, PASSWORD, assert_clean, conversations, logon, proofs, windows};
pub(crate) use site::{Site, deaf};
pub(crate) use table::{Table, tables};
