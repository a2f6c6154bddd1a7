//! Which product of the publisher's documents a Windows is: by a table, from what its registry says, never
//! by a part of a name. "Windows Server 2012" is no beginning of "Windows Server 2012 R2" here.

use crate::catalog::Month;
use crate::model::{Platform, ProductKey, WindowsRelease, WindowsRole};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

const TABLE: &str = include_str!("systems.csv");

/// A Windows as the publisher's documents name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct System {
    /// Its product.
    pub(super) key: ProductKey,
    /// How it gets its updates.
    pub(super) servicing: Servicing,
    /// The service pack that is missing, without which no later update is for it.
    pub(super) behind: Option<&'static str>,
    /// The builds whose UBRs count together.
    pub(super) family: RangeInclusive<u32>,
    /// The UBR with which it came out, where the documents know no builds of that time.
    pub(super) released_as: Option<u32>,
}

/// How a Windows gets its updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Servicing {
    /// One cumulative update a month: a later one has all that earlier ones have.
    Cumulative,
    /// Monthly rollups, which count together from this month on; what came before are single updates.
    Rollup {
        /// The month of the first of them.
        since: Month,
    },
    /// Single updates.
    Single,
}

#[derive(Debug)]
struct Row {
    build: u32,
    kind: &'static str,
    pack: Option<u32>,
    behind: Option<&'static str>,
    release: Option<u32>,
    family: RangeInclusive<u32>,
    servicing: Servicing,
    name: String,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(TABLE.as_bytes());
    let rows = reader.records().map_while(Result::ok);
    rows.filter_map(|record| row(&record)).collect()
});

fn row(record: &csv::StringRecord) -> Option<Row> {
    let cell = |at| record.get(at).filter(|text: &&str| !text.is_empty());
    let leak = |text: &str| -> &'static str { String::leak(text.to_owned()) };
    let family = cell(5)?;
    let (first, last) = family.split_once('-').unwrap_or((family, family));
    Some(Row {
        build: cell(0)?.parse().ok()?,
        kind: leak(cell(1)?),
        pack: cell(2).and_then(|text| text.parse().ok()),
        behind: cell(3).map(leak),
        release: cell(4).and_then(|text| text.parse().ok()),
        family: first.parse().ok()?..=last.parse().ok()?,
        servicing: match cell(6)? {
            "cumulative" => Servicing::Cumulative,
            "rollup" => Servicing::Rollup {
                since: Month::parse(cell(7)?)?,
            },
            _ => Servicing::Single,
        },
        name: cell(8)?.to_owned(),
    })
}

impl System {
    /// The product of a host; `None` for a build that the table does not know.
    ///
    /// Where nobody said what sort of installation it is, a server is taken for one with a desktop: Server Core
    /// has the same updates, and fewer flaws.
    pub(super) fn of(platform: &Platform) -> Option<Self> {
        let release = platform.windows.as_ref()?;
        let kind = kind(release);
        let pack = service_pack(release);
        let fits = |row: &&Row| {
            row.build == release.build.build
                && row.kind == kind
                && row.pack.is_none_or(|of| of == pack)
        };
        let row = ROWS.iter().find(fits)?;
        let (arch, is_64) = match platform.arch.as_deref() {
            Some("x86" | "i386" | "i686") => ("32-bit", false),
            Some("arm64" | "aarch64") => ("arm64-based", true),
            Some("ia64") => ("itanium-based", true),
            _ => ("x64-based", true),
        };
        let x64 = if is_64 { " x64 edition" } else { "" };
        let server_2003 = match arch {
            "itanium-based" => " for itanium-based systems",
            _ => x64,
        };
        let name = row
            .name
            .replace("{arch}", arch)
            .replace("{vista}", x64)
            .replace("{2003}", server_2003);
        Some(Self {
            key: ProductKey::of(&name),
            servicing: row.servicing,
            behind: row.behind,
            family: row.family.clone(),
            released_as: row.release,
        })
    }

    /// The UBR in a version that an update of this system brings: the last of four numbers, where the
    /// third is a build of its family. What documents state of another system is no version of this one.
    pub(super) fn revision(&self, version: &str) -> Option<u32> {
        let mut parts = version.split('.').map(str::parse::<u32>);
        let mut next = || parts.next().and_then(Result::ok);
        let (_, _, build, revision) = (next()?, next()?, next()?, next()?);
        (self.family.contains(&build) && next().is_none()).then_some(revision)
    }

    /// The revision of a component package: `17763.8644.1.8` is of build 17763.
    pub(super) fn package_revision(&self, version: &str) -> Option<u32> {
        let mut parts = version.split('.').map(str::parse::<u32>);
        let (build, revision) = (parts.next()?.ok()?, parts.next()?.ok()?);
        self.family.contains(&build).then_some(revision)
    }
}

/// `client`, `server` or `core`.
pub(super) fn kind(release: &WindowsRelease) -> &'static str {
    let installation = release.installation.as_deref().unwrap_or_default();
    if installation.eq_ignore_ascii_case("server core") {
        return "core";
    }
    let is_server = match (release.role, installation) {
        (Some(role), _) => role != WindowsRole::Workstation,
        (None, "") => {
            let says_server = |text: &Option<String>| {
                let text = text.as_deref().unwrap_or_default().to_lowercase();
                text.contains("server")
            };
            says_server(&release.product_name) || says_server(&release.edition)
        }
        (None, installation) => installation.to_lowercase().starts_with("server"),
    };
    if is_server { "server" } else { "client" }
}

/// The number of the service pack: 1 of `Service Pack 1`.
fn service_pack(release: &WindowsRelease) -> u32 {
    let text = release.service_pack.as_deref().unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Kernel, WindowsBuild};

    fn platform(build: u32, installation: &str, arch: &str) -> Platform {
        Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: "Windows".to_owned(),
            version: None,
            codename: None,
            ecosystem: None,
            arch: Some(arch.to_owned()),
            kernel: Kernel::default(),
            windows: Some(WindowsRelease {
                build: WindowsBuild { build, ubr: None },
                // What Windows 11 says of itself.
                product_name: Some("Windows 10 Pro".to_owned()),
                edition: None,
                installation: Some(installation.to_owned()),
                display_version: None,
                service_pack: None,
                role: None,
                sku: None,
                language: None,
                build_lab: None,
            }),
        }
    }

    fn name(build: u32, installation: &str, arch: &str) -> String {
        let system = System::of(&platform(build, installation, arch));
        system.map_or_else(String::new, |system| system.key.to_string())
    }

    #[test]
    fn every_line_of_the_table_reads() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(ROWS.len(), lines - 1);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn a_windows_is_named_by_its_build_and_kind_and_not_by_its_name() {
        let cases = [
            (
                26100,
                "Client",
                "x86_64",
                "windows 11 version 24h2 for x64-based systems",
            ),
            (26100, "Server", "x86_64", "windows server 2025"),
            (
                26200,
                "Client",
                "arm64",
                "windows 11 version 25h2 for arm64-based systems",
            ),
            (
                22000,
                "Client",
                "x86_64",
                "windows 11 version 21h2 for x64-based systems",
            ),
            (10240, "Client", "x86", "windows 10 for 32-bit systems"),
            (
                20348,
                "Server Core",
                "x86_64",
                "windows server 2022 (server core installation)",
            ),
            (
                25398,
                "Server Core",
                "x86_64",
                "windows server 2022, 23h2 edition (server core installation)",
            ),
            (
                19042,
                "Server Core",
                "x86_64",
                "windows server, version 20h2 (server core installation)",
            ),
            (9600, "Server", "x86_64", "windows server 2012 r2"),
            (
                9600,
                "Client",
                "x86_64",
                "windows 8.1 for x64-based systems",
            ),
            (9200, "Server", "x86_64", "windows server 2012"),
            (
                7601,
                "Client",
                "x86",
                "windows 7 for 32-bit systems service pack 1",
            ),
            (
                7601,
                "Server",
                "x86_64",
                "windows server 2008 r2 for x64-based systems service pack 1",
            ),
            (
                6002,
                "Server",
                "x86",
                "windows server 2008 for 32-bit systems service pack 2",
            ),
            (
                6002,
                "Client",
                "x86_64",
                "windows vista x64 edition service pack 2",
            ),
        ];
        for (build, installation, arch, expected) in cases {
            assert_eq!(name(build, installation, arch), expected);
        }
        assert_eq!(name(12345, "Client", "x86_64"), "");
    }

    #[test]
    fn a_missing_service_pack_is_said_and_another_product() {
        let mut platform = platform(2600, "", "x86");
        let release = platform.windows.as_mut().unwrap();
        release.service_pack = Some("Service Pack 2".to_owned());
        let system = System::of(&platform).unwrap();
        assert_eq!(system.key.as_str(), "windows xp service pack 2");
        assert_eq!(system.behind, Some("Service Pack 3 (KB936929)"));
        platform.windows.as_mut().unwrap().service_pack = Some("Service Pack 3".to_owned());
        assert_eq!(System::of(&platform).unwrap().behind, None);
    }

    #[test]
    fn a_build_of_another_family_is_no_build_of_this_system() {
        let system = System::of(&platform(19045, "Client", "x86_64")).unwrap();
        assert_eq!(system.revision("10.0.19043.2486"), Some(2486));
        assert_eq!(system.revision("6.1.7601.26221"), None);
        assert_eq!(system.revision("10.0.22621.5189"), None);
        assert_eq!(system.revision("1.001"), None);
        assert_eq!(system.revision(""), None);
        assert_eq!(system.package_revision("19041.6456.1.9"), Some(6456));
    }
}
