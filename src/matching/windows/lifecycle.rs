//! Whose lifecycle dates a Windows has: from its build and edition to the product and cycle under which the
//! catalogue keeps them.
//!
//! The cycles are those of endoflife.date's pages `windows` and `windows-server`, and a few of our own for
//! releases that those leave out: `windows 7` (without service pack), `windows 6-sp1` (Vista),
//! `windows 5-sp2` (XP), `windows 2000`, `windows-server 2008-sp1`. Since Windows 10 most releases of the
//! client have two, by edition: Enterprise and Education (`-e`) are supported for longer than Home and
//! Pro (`-w`); the long-term channel (`-lts`) is one more. `releases.csv` lists them; the first row that fits counts.

use crate::model::{WindowsRelease, WindowsRole};
use serde::Deserialize;
use std::sync::LazyLock;

/// A row of the table.
#[derive(Debug, Deserialize)]
struct Cycle {
    build: u32,
    kind: Kind,
    /// `None`: any.
    editions: Option<Editions>,
    /// `None`: any, or none.
    service_pack: Option<u8>,
    product: String,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Client,
    Server,
}

/// Editions that are supported alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Editions {
    /// Home and Pro.
    Home,
    /// Enterprise and Education, on devices too.
    Enterprise,
    /// Enterprise of the long-term channel.
    Ltsc,
    /// The same, for devices.
    IotLtsc,
    /// Windows of small devices without a desktop.
    IotCore,
    /// Servers of the semi-annual channel.
    Sac,
    /// A product of its own under the build of another: its dates are not in the table.
    Apart,
}

/// `EditionID`, without the letters for what an edition leaves out or is for (`N`, `K`, `Eval`).
const EDITIONS: &[(&str, Editions)] = &[
    ("Cloud", Editions::Home),
    ("Core", Editions::Home),
    ("CoreCountrySpecific", Editions::Home),
    ("CoreSingleLanguage", Editions::Home),
    ("Professional", Editions::Home),
    ("ProfessionalCountrySpecific", Editions::Home),
    ("ProfessionalEducation", Editions::Home),
    ("ProfessionalSingleLanguage", Editions::Home),
    ("ProfessionalWorkstation", Editions::Home),
    ("Education", Editions::Enterprise),
    ("Enterprise", Editions::Enterprise),
    ("EnterpriseG", Editions::Enterprise),
    ("IoTEnterprise", Editions::Enterprise),
    ("ServerRdsh", Editions::Enterprise),
    ("EnterpriseS", Editions::Ltsc),
    ("IoTEnterpriseS", Editions::IotLtsc),
    ("IoTUAP", Editions::IotCore),
    ("ServerDatacenterACor", Editions::Sac),
    ("ServerStandardACor", Editions::Sac),
    ("ServerAzureStackHCICor", Editions::Apart),
];

static CYCLES: LazyLock<Vec<Cycle>> = LazyLock::new(|| {
    let table = include_str!("releases.csv");
    let mut table = csv::Reader::from_reader(table.as_bytes());
    // A test sees that every row reads.
    table.deserialize().filter_map(Result::ok).collect()
});

/// The product and the version of the lifecycle dates that concern a Windows.
///
/// `None` where the build is in no table, where nothing says whether it is a client or a server, and where
/// its editions have different dates and its own is unknown: better no date than that of another.
pub(in crate::matching) fn release_of(release: &WindowsRelease) -> Option<(&'static str, String)> {
    let (kind, editions) = (kind(release)?, editions(release));
    if editions == Some(Editions::Apart) {
        return None;
    }
    let pack = release.service_pack.as_deref().and_then(pack);
    let fits = |cycle: &&Cycle| {
        cycle.build == release.build.build
            && cycle.kind == kind
            && (cycle.editions.is_none() || cycle.editions == editions)
            && (cycle.service_pack.is_none() || cycle.service_pack == pack)
    };
    let cycle = CYCLES.iter().find(fits)?;
    Some((&cycle.product, cycle.version.clone()))
}

/// A client for many users calls itself a server to WMI, but not its installation.
fn kind(release: &WindowsRelease) -> Option<Kind> {
    let of_words = |words: &str| match words {
        "Client" => Some(Kind::Client),
        _ if words.contains("Server") => Some(Kind::Server),
        _ => None,
    };
    let of_role = |role| match role {
        WindowsRole::Workstation => Kind::Client,
        WindowsRole::DomainController | WindowsRole::Server => Kind::Server,
    };
    let installation = release.installation.as_deref().and_then(of_words);
    installation
        .or_else(|| release.role.map(of_role))
        .or_else(|| of_words(release.product_name.as_deref()?))
}

fn editions(release: &WindowsRelease) -> Option<Editions> {
    let id = release.edition.as_deref()?;
    if id.starts_with("Embedded") {
        return Some(Editions::Apart);
    }
    let id = id.strip_suffix("Eval").unwrap_or(id);
    let id = id.trim_end_matches(['N', 'K']);
    let found = EDITIONS.iter().find(|(name, _)| *name == id);
    found.map(|(_, editions)| *editions)
}

/// The number of `Service Pack 2`, which every language of Windows XP has at the end.
fn pack(text: &str) -> Option<u8> {
    let number = text.split([' ', ',']).find_map(|word| word.parse().ok())?;
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::WindowsBuild;

    fn windows(build: u32, installation: &str, edition: &str, pack: &str) -> WindowsRelease {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        WindowsRelease {
            build: WindowsBuild { build, ubr: None },
            product_name: None,
            edition: text(edition),
            installation: text(installation),
            display_version: None,
            service_pack: text(pack),
            role: None,
            sku: None,
            language: None,
            build_lab: None,
        }
    }

    fn cycle(build: u32, installation: &str, edition: &str, pack: &str) -> String {
        let found = release_of(&windows(build, installation, edition, pack));
        found.map_or_else(
            || "none".to_owned(),
            |(product, version)| format!("{product} {version}"),
        )
    }

    #[test]
    fn every_row_reads_and_names_a_release_whose_dates_are_built_in() {
        let lines = include_str!("releases.csv").lines().count();
        assert_eq!(CYCLES.len(), lines - 1);
        let catalog = Catalog::starter().unwrap();
        for cycle in CYCLES.iter() {
            let rows = catalog.lifecycles().iter();
            let mut same =
                rows.filter(|row| row.product == cycle.product && row.version == cycle.version);
            let row = same.next().unwrap_or_else(|| panic!("{cycle:?}"));
            assert!(row.end_of_life.is_some(), "{cycle:?}");
        }
    }

    #[test]
    fn clients_before_windows_10_are_told_by_build_and_service_pack() {
        let cases = [
            (2195, "", "windows 2000"),
            (2600, "", "windows 5"),
            (2600, "Service Pack 2", "windows 5-sp2"),
            (2600, "Service Pack 3", "windows 5-sp3"),
            (3790, "Service Pack 2", "windows 5-sp3"),
            (6000, "", "windows 6"),
            (6001, "Service Pack 1", "windows 6-sp1"),
            (6002, "Service Pack 2", "windows 6-sp2"),
            (6003, "Service Pack 2", "windows 6-sp2"),
            (7600, "", "windows 7"),
            (7601, "Service Pack 1", "windows 7-sp1"),
            (9200, "", "windows 8"),
            (9600, "", "windows 8.1"),
        ];
        for (build, pack, expected) in cases {
            assert_eq!(cycle(build, "Client", "Professional", pack), expected);
            assert_eq!(cycle(build, "Client", "", pack), expected);
        }
    }

    /// By the columns of the cases below.
    const BY_COLUMN: [&[&str]; 4] = [
        &["Core", "CoreN", "Professional", "ProfessionalWorkstationN"],
        &[
            "Enterprise",
            "EnterpriseNEval",
            "Education",
            "ServerRdsh",
            "IoTEnterpriseK",
        ],
        &["EnterpriseS", "EnterpriseSN", "EnterpriseSEval"],
        &["IoTEnterpriseS", "IoTEnterpriseSK"],
    ];

    #[test]
    fn clients_since_windows_10_are_told_by_edition_too() {
        // Build, Home and Pro, Enterprise and Education, Enterprise and IoT of the long-term channel.
        let cases = [
            (10_240, ["10-1507", "10-1507", "10-1507-e-lts", ""]),
            (10_586, ["10-1511", "10-1511", "", ""]),
            (14_393, ["10-1607-w", "10-1607-e", "10-1607-e-lts", ""]),
            (15_063, ["10-1703-w", "10-1703-e", "", ""]),
            (16_299, ["10-1709-w", "10-1709-e", "", ""]),
            (17_134, ["10-1803-w", "10-1803-e", "", ""]),
            (
                17_763,
                ["10-1809-w", "10-1809-e", "10-1809-e-lts", "10-1809-e-lts"],
            ),
            (18_362, ["10-1903", "10-1903", "", ""]),
            (18_363, ["10-1909-w", "10-1909-e", "", ""]),
            (19_041, ["10-2004", "10-2004", "", ""]),
            (19_042, ["10-20h2-w", "10-20h2-e", "", ""]),
            (19_043, ["10-21h1", "10-21h1", "", ""]),
            (
                19_044,
                ["10-21h2-w", "10-21h2-e", "10-21h2-e-lts", "10-21h2-iot-lts"],
            ),
            (19_045, ["10-22h2", "10-22h2", "", ""]),
            (22_000, ["11-21h2-w", "11-21h2-e", "", ""]),
            (22_621, ["11-22h2-w", "11-22h2-e", "", ""]),
            (22_631, ["11-23h2-w", "11-23h2-e", "", ""]),
            (
                26_100,
                ["11-24h2-w", "11-24h2-e", "11-24h2-e-lts", "11-24h2-iot-lts"],
            ),
            (26_200, ["11-25h2-w", "11-25h2-e", "", ""]),
            (28_000, ["11-26h1-w", "11-26h1-e", "", ""]),
        ];
        for (build, expected) in cases {
            for (editions, version) in BY_COLUMN.iter().zip(expected) {
                let expected = match version {
                    "" => "none".to_owned(),
                    version => format!("windows {version}"),
                };
                for edition in *editions {
                    assert_eq!(
                        cycle(build, "Client", edition, ""),
                        expected,
                        "{build} {edition}"
                    );
                }
            }
            assert_eq!(cycle(build, "Client", "", ""), "none", "an unknown edition");
            assert_eq!(cycle(build, "Client", "PPIPro", ""), "none");
        }
        assert_eq!(cycle(10_240, "Client", "IoTUAP", ""), "windows 10-1507-iot");
    }

    #[test]
    fn servers_are_told_by_build_and_channel() {
        let cases = [
            (2195, "", "2000"),
            (3790, "", "2003"),
            (3790, "Service Pack 1", "2003-sp1"),
            (3790, "Service Pack 2", "2003-sp2"),
            (6001, "Service Pack 1", "2008-sp1"),
            (6002, "Service Pack 2", "2008-sp2"),
            (6003, "Service Pack 2", "2008-sp2"),
            (7600, "", "2008-r2"),
            (7601, "Service Pack 1", "2008-r2-sp1"),
            (9200, "", "2012"),
            (9600, "", "2012-r2"),
            (14_393, "", "2016"),
            (16_299, "", "1709-sac"),
            (17_134, "", "1803-sac"),
            (17_763, "", "2019"),
            (18_362, "", "1903-sac"),
            (18_363, "", "1909-sac"),
            (19_041, "", "2004-sac"),
            (19_042, "", "20h2-sac"),
            (20_348, "", "2022"),
            (25_398, "", "23h2-ac"),
            (26_100, "", "2025"),
        ];
        for (build, pack, version) in cases {
            let expected = format!("windows-server {version}");
            for installation in ["Server", "Server Core", "Nano Server"] {
                assert_eq!(cycle(build, installation, "ServerStandard", pack), expected);
            }
            assert_eq!(cycle(build, "Server", "", pack), expected);
        }
        let channel = cycle(17_763, "Server Core", "ServerDatacenterACor", "");
        assert_eq!(channel, "windows-server 1809-sac");
    }

    #[test]
    fn what_is_not_in_the_table_has_no_dates() {
        assert_eq!(
            cycle(20_348, "Server Core", "ServerAzureStackHCICor", ""),
            "none"
        );
        assert_eq!(cycle(7601, "Client", "Embedded", "Service Pack 1"), "none");
        assert_eq!(cycle(20_349, "Server", "ServerStandard", ""), "none");
        assert_eq!(cycle(20_348, "Client", "Enterprise", ""), "none");
        assert_eq!(cycle(9600, "", "", ""), "none", "neither client nor server");
    }

    #[test]
    fn where_the_installation_is_not_stored_the_role_or_the_name_says_what_it_is() {
        let mut release = windows(3790, "", "", "Service Pack 2");
        release.role = Some(WindowsRole::DomainController);
        let server = Some(("windows-server", "2003-sp2".to_owned()));
        assert_eq!(release_of(&release), server);
        release.role = None;
        release.product_name = Some("Microsoft Windows Server 2003 R2".to_owned());
        assert_eq!(release_of(&release), server);
        release.role = Some(WindowsRole::Workstation);
        assert_eq!(release_of(&release), Some(("windows", "5-sp3".to_owned())));
    }
}
