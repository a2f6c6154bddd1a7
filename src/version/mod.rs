//! Version orders, one per packaging system.
//!
//! Each order is total and agrees with the vendor's own tool. There is no shared comparator:
//! dpkg, rpm and Windows builds disagree on what the same string means.

mod dpkg;
mod place;
mod windows;

pub use dpkg::DpkgVersion;
pub use place::{Order, Place};
pub use windows::WindowsVersion;
