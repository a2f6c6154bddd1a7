//! What only Windows has.

use super::{Date, Observed, UtcTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What was read from a Windows host beside what every system has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowsFacts {
    /// Updates of the system and of what is serviced with it, from every source that names any,
    /// sorted by id.
    pub hotfixes: Observed<Vec<Hotfix>>,
    /// What the Windows Update client's log tells, oldest first; empty where it could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub update_log: Vec<UpdateEvent>,
    /// Programs of both Uninstall views and of every loaded user hive, sorted.
    pub programs: Observed<Vec<Program>>,
    /// Products with patch levels of their own, by kind: an empty list means that there is none.
    pub components: BTreeMap<ComponentKind, Observed<Vec<Component>>>,
    /// The versions of witness files, sorted by path.
    pub files: Observed<Vec<FileVersion>>,
    /// The services that the service control manager knows, sorted by name.
    pub services: Observed<Vec<SystemService>>,
    /// The sites that IIS serves, sorted by name.
    pub sites: Observed<Vec<WebSite>>,
    /// Where updates come from.
    pub update_policy: Observed<UpdatePolicy>,
    /// The domain or workgroup.
    pub membership: Observed<Membership>,
    /// The SID of the machine's own accounts, `S-1-5-21-` and three numbers.
    pub machine_sid: Observed<String>,
    /// The last start.
    pub last_boot: Observed<UtcTime>,
}

/// The number of a Knowledge Base article, and of the update it describes: 5034122 of `KB5034122`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KbId(pub u32);

impl KbId {
    /// The first `KB` and 5 to 8 digits in a text, whatever the case: `Package_for_KB5034122~31bf…`,
    /// `Security Update (KB5034122)`. Neither may be part of a longer word.
    pub fn find(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let starts = text.match_indices(['k', 'K']).map(|(at, _)| at);
        for at in starts {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            if before.is_some_and(u8::is_ascii_alphanumeric) {
                continue;
            }
            let Some((b'b' | b'B', digits)) = bytes.get(at + 1..).and_then(<[u8]>::split_first)
            else {
                continue;
            };
            let count = digits
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let after = digits.get(count);
            if !(5..=8).contains(&count) || after.is_some_and(u8::is_ascii_alphanumeric) {
                continue;
            }
            let digits = digits
                .get(..count)
                .and_then(|text| std::str::from_utf8(text).ok());
            return digits?.parse().ok().map(Self);
        }
        None
    }
}

impl fmt::Display for KbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KB{}", self.0)
    }
}

/// An update that a host knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotfix {
    /// `KB5034122`; for a package without one its name and version: `RollupFix 20348.2402.1.9`.
    pub id: String,
    /// The KB number, where one is named.
    pub kb: Option<KbId>,
    /// What it is called, where a source says.
    pub title: Option<String>,
    /// What sort of update, in the source's word: `Security Update`, `ServicingStack`, `RollupFix`.
    pub kind: Option<String>,
    /// How far it is installed.
    #[serde(default)]
    pub state: HotfixState,
    /// The build that a rollup or servicing-stack package brings: `20348.2402.1.9`.
    pub build: Option<String>,
    /// When it was installed.
    pub installed_on: Option<Date>,
    /// When exactly, where the package store says; to the nearest 8 minutes.
    pub installed_at: Option<UtcTime>,
    /// By whom: an account name or a SID.
    pub installed_by: Option<String>,
    /// Which sources name it, sorted.
    #[serde(default)]
    pub seen_in: Vec<HotfixSource>,
}

impl Hotfix {
    /// The day on which it was installed, by whichever source tells it.
    pub fn day(&self) -> Option<Date> {
        self.installed_on
            .or_else(|| self.installed_at.map(UtcTime::date))
    }

    /// Whether it is in, or was until a later one replaced it.
    pub fn went_in(&self) -> bool {
        matches!(self.state, HotfixState::Installed | HotfixState::Superseded)
    }
}

/// What the Windows Update client did, or failed to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpdateEvent {
    /// When.
    pub at: UtcTime,
    /// `KB5034122`, where the title names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kb: Option<String>,
    /// What the update is called.
    #[serde(default)]
    pub title: String,
    /// How it ended.
    pub outcome: UpdateOutcome,
    /// The code with which it failed: `0x80070643`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How an installation or removal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOutcome {
    /// It was put in.
    Installed,
    /// It could not be put in.
    InstallFailed,
    /// It was taken out.
    Removed,
    /// It could not be taken out.
    RemoveFailed,
}

/// How far an update is installed: the words of `hotfixes.csv`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HotfixState {
    /// Installed (CBS 112, 128; or listed by another source).
    #[default]
    Installed,
    /// Its files are at hand, not in use (CBS 48, 64).
    Staged,
    /// A reboot will put it in (CBS 96, 101) or take it out (5).
    PendingReboot,
    /// A later one has replaced it (CBS 80).
    Superseded,
    /// The package store says installed, its files say no.
    Inconsistent,
    /// Not there any more (CBS 0, or its last event is a removal).
    Removed,
}

impl HotfixState {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Staged => "staged",
            Self::PendingReboot => "pending_reboot",
            Self::Superseded => "superseded",
            Self::Inconsistent => "inconsistent",
            Self::Removed => "removed",
        }
    }
}

/// Who names an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HotfixSource {
    /// `Win32_QuickFixEngineering`.
    Qfe,
    /// Component Based Servicing's packages.
    Cbs,
    /// The Windows Update client's records.
    Wua,
    /// Windows Installer's patches.
    Msi,
    /// Keys below `HKLM\SOFTWARE\Microsoft\Updates` and `Windows NT\CurrentVersion\HotFix`.
    Registry,
    /// The build number.
    Build,
    /// A file's version.
    File,
}

impl HotfixSource {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qfe => "qfe",
            Self::Cbs => "cbs",
            Self::Wua => "wua",
            Self::Msi => "msi",
            Self::Registry => "registry",
            Self::Build => "build",
            Self::File => "file",
        }
    }
}

/// An entry of an Uninstall key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    /// `DisplayName`.
    pub name: String,
    /// `DisplayVersion`, verbatim.
    pub version: Option<String>,
    /// `Publisher`.
    pub publisher: Option<String>,
    /// `x64` or `x86`, by the view that it is in; unknown for a user's, and on ARM64 for what is not
    /// x86.
    pub arch: Option<String>,
    /// For whom it is installed.
    #[serde(default)]
    pub scope: ProgramScope,
    /// `InstallDate`.
    pub installed_on: Option<Date>,
    /// `InstallLocation`.
    pub location: Option<String>,
    /// The name of its key: a product code in braces where Windows Installer installed it.
    #[serde(default)]
    pub key: String,
}

/// For whom a program is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramScope {
    /// Everybody.
    #[default]
    Machine,
    /// The account of this SID, which was logged on.
    User(String),
}

/// A product whose patch level its Uninstall entry does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Component {
    /// Its name for people: `.NET Framework 4.8.1`, `SQL Server (MSSQLSERVER)`.
    pub name: String,
    /// The version or build that decides, verbatim; empty where it is not told.
    pub version: String,
    /// The instance, where there can be several.
    pub instance: Option<String>,
    /// The edition, or the product ids of Click-to-Run.
    pub edition: Option<String>,
    /// The update channel, verbatim.
    pub channel: Option<String>,
    /// `x64`, `x86`, `arm64`.
    pub arch: Option<String>,
    /// Where it is installed.
    pub path: Option<String>,
    /// What it was read from: a key or a file.
    pub source: String,
}

/// A kind of [`Component`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComponentKind {
    /// .NET Framework.
    DotNetFramework,
    /// .NET, once .NET Core: each runtime.
    DotNetRuntime,
    /// Office installed by Windows Installer.
    OfficeMsi,
    /// Office installed by Click-to-Run.
    OfficeClickToRun,
    /// An instance of SQL Server.
    SqlServer,
    /// Exchange Server.
    Exchange,
    /// Microsoft Edge and its `WebView2` runtime.
    Edge,
    /// Microsoft Defender Antivirus: engine, platform and signatures.
    Defender,
    /// Internet Information Services.
    Iis,
    /// Internet Explorer.
    InternetExplorer,
}

impl ComponentKind {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DotNetFramework => "dotnet_framework",
            Self::DotNetRuntime => "dotnet_runtime",
            Self::OfficeMsi => "office_msi",
            Self::OfficeClickToRun => "office_click_to_run",
            Self::SqlServer => "sql_server",
            Self::Exchange => "exchange",
            Self::Edge => "edge",
            Self::Defender => "defender",
            Self::Iis => "iis",
            Self::InternetExplorer => "internet_explorer",
        }
    }
}

/// A file's version: the four numbers of its fixed version resource, which unlike the text beside
/// them are neither localised nor left behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileVersion {
    /// Its path, lower case.
    pub path: String,
    /// Major, minor, build, private.
    pub version: [u32; 4],
}

/// A service of the service control manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SystemService {
    /// Its key name.
    pub name: String,
    /// Its name for people. Localised.
    #[serde(default)]
    pub display_name: String,
    /// `Running`, `Stopped`, …
    #[serde(default)]
    pub state: String,
    /// `Auto`, `Manual`, `Disabled`, …
    #[serde(default)]
    pub start: String,
    /// The command line.
    #[serde(default)]
    pub path: String,
    /// The account.
    #[serde(default)]
    pub account: String,
    /// Its process, while it runs.
    #[serde(default)]
    pub process: Option<u32>,
}

/// A web site of IIS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WebSite {
    /// Its name.
    pub name: String,
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// `http/*:80:,https/*:443:www.example.com`.
    #[serde(default)]
    pub bindings: String,
    /// `Started`, `Stopped`.
    #[serde(default)]
    pub state: String,
}

/// Where a host takes its updates from, by policy and by what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdatePolicy {
    /// The WSUS server's address, `WUServer`; without one it is Microsoft's.
    pub wsus: Option<String>,
    /// Where it reports, `WUStatusServer`.
    pub wsus_status: Option<String>,
    /// Whether the WSUS address is used (`UseWUServer` = 1).
    pub uses_wsus: bool,
    /// `TargetGroup`.
    pub group: Option<String>,
    /// `AUOptions`: 2 notify, 3 download, 4 install on schedule, 5 local choice.
    pub automatic: Option<u32>,
    /// Whether automatic updates are off (`NoAutoUpdate` = 1).
    pub is_off: bool,
    /// The last successful installation that the client recorded.
    pub last_install: Option<UtcTime>,
    /// The last successful search that the client recorded.
    pub last_search: Option<UtcTime>,
}

impl UpdatePolicy {
    /// The WSUS server that the host obeys; `None` where it goes to Microsoft. The switch does
    /// nothing without an address.
    pub fn obeyed_wsus(&self) -> Option<&str> {
        let address = self.wsus.as_deref().map(str::trim);
        address.filter(|address| self.uses_wsus && !address.is_empty())
    }

    /// Whether it obeys a WSUS server without TLS, in whose place anybody on the way can answer.
    pub fn is_unsafe(&self) -> bool {
        let scheme = self.obeyed_wsus().and_then(|address| address.get(..7));
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
    }
}

/// The domain or workgroup of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Its name.
    pub name: String,
    /// Whether it is a domain.
    pub is_domain: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_server_without_tls_is_unsafe_where_it_is_obeyed() {
        let policy = |address: &str, uses_wsus| UpdatePolicy {
            wsus: Some(address.to_owned()),
            uses_wsus,
            ..UpdatePolicy::default()
        };
        assert!(policy(" HTTP://wsus:8530", true).is_unsafe());
        assert!(!policy("http://wsus:8530", false).is_unsafe());
        assert!(!policy("https://wsus:8531", true).is_unsafe());
        assert_eq!(policy("", true).obeyed_wsus(), None);
        assert!(!UpdatePolicy::default().is_unsafe());
    }

    #[test]
    fn a_kb_number_is_found_where_one_is_named() {
        let found = |text| KbId::find(text).map(|kb| kb.0);
        assert_eq!(found("KB5034122"), Some(5_034_122));
        assert_eq!(
            found("Package_for_KB976932~31bf3856ad364e35"),
            Some(976_932)
        );
        assert_eq!(
            found("Sicherheitsupdate (kb5034122) für Windows"),
            Some(5_034_122)
        );
        assert_eq!(found("64 KB of 12345"), None);
        assert_eq!(found("ABKB5034122 KB123456789 KB5034122a KB"), None);
    }
}
