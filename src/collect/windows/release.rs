//! Which Windows a host runs: from WMI and the registry, or from either alone.
//!
//! The registry's `ProductName` still says "Windows 10" on Windows 11, and Server 2025 and Windows 11
//! 24H2 share build 26100: what is meant follows from build and role. `CurrentVersion` is documented
//! with "Operating System Version" (Microsoft Learn, Win32); the update build revision is `UBR`.

use super::questions::{CURRENT_VERSION, ENVIRONMENT, OS, PRODUCT_TYPE};
use super::reg::{self, Key};
use super::text::{NAME, arch, clip, digits, gap, malformed, some};
use crate::model::{
    Family, Gap, GapCause, Kernel, Platform, WindowsBuild, WindowsRelease, WindowsRole,
};
use crate::session::{Answers, WmiRow};

/// The first build of Windows 10: since then every patch level has an update build revision.
const FIRST_10: u32 = 10_240;

/// The first build of Windows 11.
const FIRST_11: u32 = 22_000;

/// What the host runs; `None` when neither WMI nor the registry says so.
pub(super) fn platform(answers: &Answers) -> Option<Platform> {
    let sources = Sources::read(answers);
    let release = sources.release();
    let name = sources.name(release.as_ref())?;
    let build = release.as_ref().map(|release| release.build);
    let running = build.map(|build| format!("{}.{build}", sources.major_minor(build.build)));
    let shown = release.as_ref().and_then(|r| r.display_version.clone());
    Some(Platform {
        family: Family::Windows,
        id: "windows".to_owned(),
        name,
        version: shown.or_else(|| build.map(|build| build.build.to_string())),
        codename: None,
        ecosystem: None,
        arch: sources.arch().map(str::to_owned),
        kernel: Kernel {
            name: Some("Windows NT".to_owned()),
            running,
            build: release.as_ref().and_then(|r| r.build_lab.clone()),
            installed: Vec::new(),
        },
        windows: release,
    })
}

/// Fills in what follows from the build of a Windows that was not asked, but described.
pub(super) fn complete(platform: &mut Platform) {
    if platform.id.is_empty() {
        "windows".clone_into(&mut platform.id);
    }
    let word = platform.arch.as_deref().and_then(arch);
    if let Some(word) = word {
        platform.arch = Some(hardware(word).to_owned());
    }
    let Some(release) = &mut platform.windows else {
        return;
    };
    let installation = release.installation.as_deref();
    if release.role.is_none() {
        release.role = installation.and_then(role_of);
    }
    let is_client = release.role == Some(WindowsRole::Workstation);
    if is_client && installation.is_none() {
        release.installation = Some("Client".to_owned());
    }
    if platform.name.is_empty() {
        let stored = release.product_name.as_deref();
        platform.name = stored.map_or_else(
            || format!("Windows (build {})", release.build),
            |stored| named(stored, is_client, release.build.build),
        );
    }
    let build = release.build.build;
    let shown = release.display_version.clone();
    platform.version = platform.version.take().or(shown);
    platform.version.get_or_insert_with(|| build.to_string());
    let kernel = &mut platform.kernel;
    kernel.name.get_or_insert_with(|| "Windows NT".to_owned());
    let running = || format!("{}.{}", in_build(build), release.build);
    kernel.running.get_or_insert_with(running);
}

/// Whether the patch level of a described Windows is open: there has to be a revision, and is none.
pub(super) fn is_open(platform: &Platform) -> bool {
    let build = platform.windows.as_ref().map(|release| release.build);
    build.is_none_or(|build| build.build >= FIRST_10 && build.ubr.is_none())
}

/// What is open about the patch level: no build at all, or no revision where there has to be one.
pub(super) fn open(answers: &Answers, platform: &Platform) -> Option<Gap> {
    let build = platform.windows.as_ref().map(|release| release.build);
    match build {
        Some(WindowsBuild { ubr: Some(_), .. }) => None,
        Some(build) if build.build < FIRST_10 => None,
        _ => {
            let said = answers.text(CURRENT_VERSION).err();
            Some(said.unwrap_or_else(|| malformed(CURRENT_VERSION)))
        }
    }
}

/// The last start.
pub(super) fn last_boot(answers: &Answers) -> Result<crate::model::UtcTime, Gap> {
    let rows = WmiRow::parse(answers.text(OS)?);
    let time = rows.first().and_then(|row| row.get("LastBootUpTime"));
    let time = time.ok_or_else(|| gap(OS, GapCause::Missing))?;
    super::text::wmi_time(time).ok_or_else(|| malformed(OS))
}

/// What was answered, as far as it was.
struct Sources<'a> {
    wmi: Option<WmiRow>,
    registry: Option<Key<'a>>,
    environment: Vec<Key<'a>>,
    options: Vec<Key<'a>>,
}

impl<'a> Sources<'a> {
    fn read(answers: &'a Answers) -> Self {
        let keys = |id| answers.text(id).map(reg::keys).unwrap_or_default();
        let rows = answers.text(OS).map(WmiRow::parse).unwrap_or_default();
        let is_current = |key: &Key<'_>| key.has("CurrentBuild") || key.has("CurrentBuildNumber");
        Self {
            wmi: rows.into_iter().next(),
            registry: keys(CURRENT_VERSION).into_iter().find(is_current),
            environment: keys(ENVIRONMENT),
            options: keys(PRODUCT_TYPE),
        }
    }

    fn wmi(&self, property: &str) -> Option<&str> {
        let value = self.wmi.as_ref()?.get(property)?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn registry(&self, name: &str) -> Option<String> {
        self.registry.as_ref()?.clipped(name, NAME)
    }

    fn release(&self) -> Option<WindowsRelease> {
        let shown = self.registry("DisplayVersion");
        let pack = self.registry("CSDVersion");
        let number = |property| self.wmi(property).and_then(digits);
        Some(WindowsRelease {
            build: self.build()?,
            product_name: self.registry("ProductName"),
            edition: self.registry("EditionID"),
            installation: self.registry("InstallationType"),
            display_version: shown.or_else(|| self.registry("ReleaseId")),
            service_pack: pack.or_else(|| some(self.wmi("CSDVersion"), NAME)),
            role: self.role(),
            sku: number("OperatingSystemSKU"),
            language: number("OSLanguage"),
            build_lab: self.registry("BuildLabEx"),
        })
    }

    /// The registry's word first: it alone knows the revision, which belongs to its own build.
    fn build(&self) -> Option<WindowsBuild> {
        let stored = self.registry.as_ref().and_then(|key| {
            let text = key.text("CurrentBuild").and_then(digits);
            let build = text.or_else(|| key.text("CurrentBuildNumber").and_then(digits))?;
            let ubr = key.dword("UBR");
            Some(WindowsBuild { build, ubr })
        });
        let in_version = || self.wmi("Version")?.split('.').nth(2);
        stored.or_else(|| {
            let text = self.wmi("BuildNumber").or_else(in_version)?;
            let build = digits(text)?;
            Some(WindowsBuild { build, ubr: None })
        })
    }

    fn role(&self) -> Option<WindowsRole> {
        let stored = || {
            let mut keys = self.options.iter();
            keys.find_map(|key| key.text("ProductType"))
        };
        let installation = self.installation().unwrap_or_default();
        match self.wmi("ProductType").or_else(stored) {
            Some("1" | "WinNT") => Some(WindowsRole::Workstation),
            Some("2" | "LanmanNT") => Some(WindowsRole::DomainController),
            Some("3" | "ServerNT") => Some(WindowsRole::Server),
            _ => role_of(installation),
        }
    }

    fn installation(&self) -> Option<&str> {
        self.registry.as_ref()?.text("InstallationType")
    }

    /// WMI's caption, else the registry's name, which is wrong about Windows 11.
    fn name(&self, release: Option<&WindowsRelease>) -> Option<String> {
        if let Some(caption) = self.wmi("Caption") {
            return Some(clip(caption, NAME));
        }
        let stored = release.and_then(|release| release.product_name.clone());
        let Some(stored) = stored else {
            return release.map(|release| format!("Windows (build {})", release.build));
        };
        // A client for many users calls itself a server, but not its installation.
        let is_client = match self.installation() {
            Some(kind) => kind == "Client",
            None => release.and_then(|release| release.role) == Some(WindowsRole::Workstation),
        };
        let build = release.map_or(0, |release| release.build.build);
        Some(named(&stored, is_client, build))
    }

    /// `10.0`, `6.1`.
    fn major_minor(&self, build: u32) -> String {
        let two = |text: &str| {
            let mut parts = text.split('.').map(digits::<u32>);
            Some(format!("{}.{}", parts.next()??, parts.next()??))
        };
        let key = self.registry.as_ref();
        let numbers = key.and_then(|key| {
            let major = key.dword("CurrentMajorVersionNumber")?;
            Some(format!(
                "{major}.{}",
                key.dword("CurrentMinorVersionNumber")?
            ))
        });
        // CurrentVersion is stuck at 6.3 since Windows 10, which has the numbers above.
        let stored = key.and_then(|key| key.text("CurrentVersion"));
        numbers
            .or_else(|| self.wmi("Version").and_then(two))
            .or_else(|| stored.and_then(two).filter(|_| build < FIRST_10))
            .unwrap_or_else(|| in_build(build).to_owned())
    }

    /// The environment's word, else WMI's "64-bit", which is localised but for the number.
    fn arch(&self) -> Option<&'static str> {
        let mut keys = self.environment.iter();
        let stored = keys.find_map(|key| key.text("PROCESSOR_ARCHITECTURE"));
        if let Some(word) = stored.and_then(arch) {
            return Some(hardware(word));
        }
        let text = self.wmi("OSArchitecture")?;
        if text.to_ascii_uppercase().contains("ARM") {
            return text.contains("64").then_some("arm64");
        }
        let bits = |number| text.contains(number);
        match (bits("64"), bits("32")) {
            (true, _) => Some("x86_64"),
            (_, true) => Some("x86"),
            _ => None,
        }
    }
}

/// The role that an installation type tells.
fn role_of(installation: &str) -> Option<WindowsRole> {
    match installation {
        "Client" => Some(WindowsRole::Workstation),
        _ if installation.contains("Server") => Some(WindowsRole::Server),
        _ => None,
    }
}

/// The registry's name, corrected.
fn named(stored: &str, is_client: bool, build: u32) -> String {
    match stored.strip_prefix("Windows 10") {
        Some(edition) if is_client && build >= FIRST_11 => format!("Windows 11{edition}"),
        _ => stored.to_owned(),
    }
}

/// `uname -m`'s word for one of [`arch`]'s.
fn hardware(word: &'static str) -> &'static str {
    if word == "x64" { "x86_64" } else { word }
}

/// The version that a build is of, where only that is told.
fn in_build(build: u32) -> &'static str {
    match build {
        0..7_600 => "6.0",
        7_600..9_200 => "6.1",
        9_200..9_600 => "6.2",
        9_600..FIRST_10 => "6.3",
        _ => "10.0",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use proptest::prelude::*;

    fn current(values: &str) -> String {
        let key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        format!("\r\n{key}\r\n{values}\r\n{key}\\Accessibility\r\n")
    }

    const WIN11: &str = "    ProductName    REG_SZ    Windows 10 Pro\r\n    CurrentBuild    REG_SZ    26100\r\n    \
        CurrentMajorVersionNumber    REG_DWORD    0xa\r\n    CurrentMinorVersionNumber    REG_DWORD    0x0\r\n    \
        CurrentVersion    REG_SZ    6.3\r\n    InstallationType    REG_SZ    Client\r\n    \
        DisplayVersion    REG_SZ    24H2\r\n    ReleaseId    REG_SZ    2009\r\n    UBR    REG_DWORD    0x7f0\r\n";

    const SERVER_2025: &str = "    ProductName    REG_SZ    Windows Server 2025 Standard\r\n    \
        CurrentBuild    REG_SZ    26100\r\n    InstallationType    REG_SZ    Server Core\r\n    \
        UBR    REG_DWORD    0x7f0\r\n";

    const WIN7: &str = "    ProductName    REG_SZ    Windows Server 2008 R2 Standard\r\n    \
        CurrentVersion    REG_SZ    6.1\r\n    CurrentBuild    REG_SZ    7601\r\n    \
        CSDVersion    REG_SZ    Service Pack 1\r\n";

    fn of(texts: &[(&'static str, &str)]) -> Platform {
        platform(&answers(texts)).unwrap()
    }

    #[test]
    fn windows_11_is_called_so_although_the_registry_says_10() {
        let platform = of(&[(CURRENT_VERSION, &current(WIN11))]);
        assert_eq!(platform.name, "Windows 11 Pro");
        assert_eq!(platform.version.as_deref(), Some("24H2"));
        assert_eq!(platform.kernel.running.as_deref(), Some("10.0.26100.2032"));
        let release = platform.windows.unwrap();
        assert_eq!(release.product_name.as_deref(), Some("Windows 10 Pro"));
        assert_eq!(release.role, Some(WindowsRole::Workstation));
    }

    #[test]
    fn server_2025_shares_a_build_with_windows_11_and_is_none() {
        let platform = of(&[(CURRENT_VERSION, &current(SERVER_2025))]);
        assert_eq!(platform.name, "Windows Server 2025 Standard");
        assert_eq!(platform.windows.unwrap().role, Some(WindowsRole::Server));
        let renamed = SERVER_2025.replace("Server 2025", "10");
        let platform = of(&[(CURRENT_VERSION, &current(&renamed))]);
        assert_eq!(platform.name, "Windows 10 Standard");
    }

    #[test]
    fn before_windows_10_a_missing_revision_is_no_gap_and_a_present_one_is_read() {
        let given = answers(&[(CURRENT_VERSION, &current(WIN7))]);
        let told = platform(&given).unwrap();
        assert_eq!(told.kernel.running.as_deref(), Some("6.1.7601"));
        assert_eq!(open(&given, &told), None);
        let release = told.windows.unwrap();
        assert_eq!(release.service_pack.as_deref(), Some("Service Pack 1"));
        assert_eq!(release.build.ubr, None);
        let text = "    CurrentBuild    REG_SZ    9200\r\n    UBR    REG_DWORD    0x5fcb\r\n";
        let platform = of(&[(CURRENT_VERSION, &current(text))]);
        assert_eq!(platform.windows.unwrap().build.to_string(), "9200.24523");
    }

    #[test]
    fn wmi_alone_names_the_system_in_any_language_and_leaves_the_revision_open() {
        let wmi = "Caption=\u{30de}\u{30a4}\u{30af}\u{30ed} Windows Server 2019 Standard \nVersion=10.0.17763\nBuildNumber=17763\nOSArchitecture=64-Bit\nProductType=2\nOSLanguage=1031\n";
        let given = answers(&[(OS, wmi)]);
        let told = platform(&given).unwrap();
        assert!(told.name.ends_with("Server 2019 Standard"));
        assert_eq!(told.arch.as_deref(), Some("x86_64"));
        assert_eq!(told.kernel.running.as_deref(), Some("10.0.17763"));
        let asked = open(&given, &told).unwrap();
        assert_eq!(
            (asked.question.as_str(), asked.cause),
            (CURRENT_VERSION, GapCause::NotAsked)
        );
        let release = told.windows.unwrap();
        assert_eq!(release.role, Some(WindowsRole::DomainController));
        assert_eq!(release.language, Some(1031));
    }

    #[test]
    fn a_client_for_many_users_is_a_client() {
        let wmi = "Version=10.0.26100\nProductType=3\n";
        let platform = of(&[(OS, wmi), (CURRENT_VERSION, &current(WIN11))]);
        assert_eq!(platform.name, "Windows 11 Pro");
    }

    #[test]
    fn a_build_alone_tells_its_version() {
        let text = "    CurrentBuild    REG_SZ    9600\r\n    UBR    REG_DWORD    0x1\r\n";
        let platform = of(&[(CURRENT_VERSION, &current(text))]);
        assert_eq!(platform.kernel.running.as_deref(), Some("6.3.9600.1"));
        assert_eq!(platform.name, "Windows (build 9600.1)");
    }

    #[test]
    fn the_role_is_also_in_the_registry() {
        let options = "\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ProductOptions\n    ProductType    REG_SZ    LanmanNT\n";
        let platform = of(&[
            (CURRENT_VERSION, &current(SERVER_2025)),
            (PRODUCT_TYPE, options),
        ]);
        assert_eq!(
            platform.windows.unwrap().role,
            Some(WindowsRole::DomainController)
        );
    }

    #[test]
    fn architectures_have_one_word_each() {
        let arch = |text: &str| {
            let environment = format!(
                "\nHKEY_LOCAL_MACHINE\\E\n    PROCESSOR_ARCHITECTURE    REG_SZ    {text}\n"
            );
            of(&[
                (CURRENT_VERSION, &current(WIN11)),
                (ENVIRONMENT, &environment),
            ])
            .arch
        };
        assert_eq!(arch("AMD64").as_deref(), Some("x86_64"));
        assert_eq!(arch("x86").as_deref(), Some("x86"));
        assert_eq!(arch("ARM64").as_deref(), Some("arm64"));
        assert_eq!(arch("pdp11"), None);
        let wmi = |text: &str| of(&[(OS, &format!("Caption=W\nOSArchitecture={text}\n"))]).arch;
        assert_eq!(wmi("ARM 64-bit Processor").as_deref(), Some("arm64"));
        assert_eq!(wmi("32 bits").as_deref(), Some("x86"));
    }

    #[test]
    fn a_host_that_says_neither_is_not_recognised() {
        assert!(platform(&answers(&[])).is_none());
        assert!(platform(&answers(&[(OS, ""), (CURRENT_VERSION, "\r\n")])).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(wmi in any::<String>(), values in "(    [A-Z]{1,3}    REG_SZ    .{0,9}\n){0,4}") {
            let wmi = format!("Caption=x\nVersion={wmi}");
            let _ = platform(&answers(&[(OS, &wmi), (CURRENT_VERSION, &current(&values))]));
        }
    }
}
