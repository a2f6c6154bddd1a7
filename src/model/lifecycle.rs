//! How long a release is supported.

use super::Date;
use serde::{Deserialize, Serialize};

/// The end dates of one release of an operating system or a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// The `ID` of os-release: `debian`. Of what has none, the name of its page on endoflife.date:
    /// `windows`, `windows-server`, `mssqlserver`, `msexchange`, `office`, `dotnet`, `dotnetfx`.
    pub product: String,
    /// The `VERSION_ID`: `12`; else the cycle of that page: `10-22h2`, `11-24h2-e`, `2012-r2`, `13.0-sp3`.
    pub version: String,
    /// The codename, lower case: `bookworm`.
    pub codename: Option<String>,
    /// When it came out.
    pub released: Option<Date>,
    /// The last day on which anybody gets security updates without paying: for Debian the end of
    /// LTS. After it the release is `end_of_life`.
    pub end_of_life: Option<Date>,
    /// The last day of support that costs or must be chosen (ELTS, Ubuntu Pro, ESU).
    pub end_of_extended: Option<Date>,
}
