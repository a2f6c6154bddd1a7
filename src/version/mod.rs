//! Version orders, one per packaging system.
//!
//! Each order is total and agrees with the vendor's own tool. There is no shared comparator:
//! dpkg, rpm, apk, pacman, pkg and Windows builds disagree on what the same string means.

mod apk;
mod dpkg;
mod evr;
mod freebsd;
mod pacman;
mod place;
mod rpm;
mod runs;
#[cfg(test)]
mod tests;
mod windows;

pub use apk::ApkVersion;
pub use dpkg::DpkgVersion;
pub use freebsd::FreeBsdVersion;
pub use pacman::PacmanVersion;
pub use place::{Order, Place};
pub use rpm::RpmVersion;
pub use windows::WindowsVersion;
