//! Windows, from 7 and Server 2008 R2 on.

mod questions;

pub use questions::WINDOWS;
