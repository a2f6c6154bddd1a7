//! What each host of the network has: a recorded host, with hundreds of packages or programs of its own.

use super::Outcome;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use underdesk::catalog::{Catalog, import};
use underdesk::model::UtcTime;

/// The files of a recording by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The recordings that hosts are made of.
const UNIX: [(&str, &str); 2] = [("debian-12", "dpkg"), ("alma-9", "rpm")];
const WINDOWS: [&str; 9] = [
    "windows-10-22h2",
    "windows-11-23h2",
    "windows-11-24h2",
    "windows-server-2012r2",
    "windows-server-2016",
    "windows-server-2019",
    "windows-server-2022",
    "windows-server-2022-core",
    "windows-server-2025",
];

/// Installed packages that no bulletin speaks of, of one host: as few and as many as servers have.
const OTHERS: std::ops::Range<usize> = 250..1_200;
/// Of a Windows: programs, and packages of its updates.
const PROGRAMS: std::ops::Range<usize> = 40..250;
const UPDATES: std::ops::Range<usize> = 60..400;

/// A row of `packages.tsv`.
struct Row {
    manager: &'static str,
    package: &'static str,
    source: &'static str,
    version: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = include_str!("packages.tsv").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split('\t');
            let mut next = || words.next();
            Some(Row {
                manager: next()?,
                package: next()?,
                source: next()?,
                version: next()?,
            })
        })
}

/// The recorded hosts.
pub(crate) struct Recorded(BTreeMap<&'static str, Files>);

impl Recorded {
    pub(crate) fn read() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
        let names = UNIX.iter().map(|(name, _)| *name).chain(WINDOWS);
        let mut all = BTreeMap::new();
        for name in names {
            let mut files = Files::new();
            for entry in fs::read_dir(root.join(name))? {
                let entry = entry?;
                let file = entry.file_name().to_string_lossy().into_owned();
                files.insert(file, fs::read(entry.path())?);
            }
            all.insert(name, files);
        }
        Ok(Self(all))
    }

    fn of(&self, name: &str) -> Outcome<Files> {
        let files = self.0.get(name).cloned();
        Ok(files.ok_or_else(|| format!("there is no recording {name}"))?)
    }

    /// A Unix: the same number gives the same one.
    pub(crate) fn unix(&self, number: usize) -> Outcome<Files> {
        let mut random = random(number)?;
        // Three of five are Debian.
        let (name, manager) = *UNIX
            .get(usize::from(random.random_range(0..5) > 2))
            .ok_or("no recording")?;
        let mut files = self.of(name)?;
        let list = format!("{manager}-packages.txt");
        let packages = match manager {
            "dpkg" => dpkg(&mut random),
            _ => rpm(&mut random),
        };
        files.insert(list, packages.into_bytes());
        files.insert("virtual.txt".to_owned(), b"virt\tkvm\n".to_vec());
        Ok(files)
    }

    /// A Windows of a name, at an address.
    pub(crate) fn windows(&self, number: usize, name: &str, address: &str) -> Outcome<Files> {
        let mut random = random(number)?;
        let name_of = WINDOWS.get(random.random_range(0..WINDOWS.len()));
        let mut files = self.of(name_of.ok_or("no recording")?)?;
        let id: u64 = random.random();
        let mac: [u8; 3] = random.random();
        let [a, b, c] = mac;
        let name = name.to_uppercase();
        let identity = [
            (
                "machine-guid",
                format!(
                    "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\n    MachineGuid    REG_SZ    {id:08x}-fe07-4087-a45d-{number:012x}\n",
                    id = id >> 32
                ),
            ),
            (
                "computer-name",
                format!(
                    "\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName\n    ComputerName    REG_SZ    {name}\n"
                ),
            ),
            (
                "adapters",
                format!(
                    "Description=Microsoft Hyper-V Network Adapter\nIPAddress={address}\nMACAddress=00:15:5D:{a:02X}:{b:02X}:{c:02X}\n"
                ),
            ),
            (
                "hardware",
                format!(
                    "IdentifyingNumber=LKS-{number:010}\nUUID={id:08X}-52F4-4131-A8CB-{number:012X}\n",
                    id = id >> 32
                ),
            ),
        ];
        for (question, text) in identity {
            files.insert(format!("{question}.txt"), text.into_bytes());
        }
        append(&mut files, "uninstall-64", &programs(&mut random)?);
        append(&mut files, "cbs-packages", &updates(&mut random)?);
        Ok(files)
    }
}

/// Adds to an answer, if the host gave one.
fn append(files: &mut Files, question: &str, text: &str) {
    if let Some(answer) = files.get_mut(&format!("{question}.txt"))
        && !answer.is_empty()
    {
        answer.extend_from_slice(text.as_bytes());
    }
}

fn random(number: usize) -> Outcome<SmallRng> {
    Ok(SmallRng::seed_from_u64(u64::try_from(number)?))
}

/// Whether a host has an update, and which: nine of ten have the newest.
fn patch(random: &mut SmallRng) -> u32 {
    match random.random_range(0..10) {
        0 => random.random_range(0..9),
        _ => 9,
    }
}

fn dpkg(random: &mut SmallRng) -> String {
    let mut lines = Vec::new();
    let mut add = |package: &str, source: &str, version: &str, seconds: u32| {
        let source = if source == package { "" } else { source };
        lines.push(format!(
            "{package}\t{version}\tamd64\t{source}\tinstall ok installed\t{seconds}\tA Team <team@lists.example.org>\n"
        ));
    };
    for row in rows().filter(|row| row.manager == "dpkg") {
        // Every host has its kernel, and half of the rest.
        let is_kernel = row.package.starts_with("linux-image");
        if !is_kernel && random.random_bool(0.5) {
            continue;
        }
        let version = match patch(random) {
            _ if is_kernel => "6.1.140-1".to_owned(),
            0 => row.version.to_owned(),
            patch => format!("{}+deb12u{patch}", row.version),
        };
        let source = if is_kernel {
            format!("{} ({})", row.source, row.version)
        } else {
            row.source.to_owned()
        };
        add(
            row.package,
            &source,
            &version,
            random.random_range(1_740_000_000..1_790_000_000),
        );
    }
    for number in others(random) {
        let version = format!(
            "{}.{}-{}",
            number % 9,
            random.random_range(0..30),
            number % 4
        );
        let (name, source) = (format!("libthing{number}-0"), format!("thing{number}"));
        add(
            &name,
            &source,
            &version,
            random.random_range(1_740_000_000..1_790_000_000),
        );
    }
    lines.sort();
    lines.concat()
}

fn rpm(random: &mut SmallRng) -> String {
    let mut lines = Vec::new();
    let mut add = |package: &str, source: &str, version: &str, seconds: u32| {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (version, release) = rest.split_once('-').unwrap_or((rest, "1.el9"));
        lines.push(format!(
            "{package}\t{epoch}\t{version}\t{release}\tx86_64\t{source}-{version}-{release}.src.rpm\t{seconds}\t(none)\tAlmaLinux\n"
        ));
    };
    add(
        "almalinux-release",
        "almalinux-release",
        "9.0-3.el9",
        1_715_000_000,
    );
    for row in rows().filter(|row| row.manager == "rpm") {
        if row.source != "kernel" && random.random_bool(0.5) {
            continue;
        }
        let version = match patch(random) {
            0 => row.version.to_owned(),
            patch => format!("{}.{patch}", row.version),
        };
        add(
            row.package,
            row.source,
            &version,
            random.random_range(1_715_000_000..1_790_000_000),
        );
    }
    for number in others(random) {
        let version = format!(
            "{}.{}-{}.el9",
            number % 9,
            random.random_range(0..30),
            number % 4
        );
        let (name, source) = (format!("thing{number}-libs"), format!("thing{number}"));
        add(
            &name,
            &source,
            &version,
            random.random_range(1_715_000_000..1_790_000_000),
        );
    }
    lines.sort();
    lines.concat()
}

/// The numbers of the packages of a host that no bulletin speaks of.
fn others(random: &mut SmallRng) -> impl Iterator<Item = usize> + use<> {
    let (count, first) = (random.random_range(OTHERS), random.random_range(0..500));
    (first..).take(count)
}

fn programs(random: &mut SmallRng) -> Outcome<String> {
    let mut text = String::new();
    for number in 0..random.random_range(PROGRAMS) {
        let version = format!(
            "{}.{}.{}",
            number % 20,
            random.random_range(0..30),
            number % 7
        );
        write!(
            text,
            "\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Tool {number}\n    DisplayName    REG_SZ    Tool {number}\n    DisplayVersion    REG_SZ    {version}\n    Publisher    REG_SZ    Vendor {}\n    InstallDate    REG_SZ    202604{:02}\n",
            number % 40,
            1 + number % 28
        )?;
    }
    Ok(text)
}

fn updates(random: &mut SmallRng) -> Outcome<String> {
    let packages = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages";
    let mut text = String::new();
    let first: usize = random.random_range(4_000_000..4_000_400);
    for number in 0..random.random_range(UPDATES) {
        write!(
            text,
            "{packages}\\Package_for_KB{}~31bf3856ad364e35~amd64~~10.0.1.{}\n    CurrentState    REG_DWORD    0x70\n    InstallTimeHigh    REG_DWORD    0x1da8d35\n    InstallUser    REG_SZ    S-1-5-18\n",
            first + number * 7,
            number % 9
        )?;
    }
    Ok(text)
}

/// Flaws of each source in the catalogue that is made here, and those of the kernel; a quarter has no fix.
const FLAWS: usize = 12;
const KERNEL_FLAWS: usize = 400;

/// The catalogue that hosts are judged by: the one that is named, or one that is made of bulletins in the format of
/// OSV about what the hosts have; what it is, for people.
pub(crate) fn catalog(folder: &Path) -> Outcome<(PathBuf, String)> {
    if let Some(path) = std::env::var_os("UNDERDESK_CATALOG") {
        let path = PathBuf::from(path);
        // Better to hear now that it does not open.
        Catalog::open(&path)?;
        let said = path.display().to_string();
        return Ok((path, said));
    }
    let (records, into) = (folder.join("bulletins.jsonl"), folder.join("catalog.db"));
    if into.exists() {
        fs::remove_file(&into)?;
    }
    fs::write(&records, bulletins()?)?;
    import(&[records], &into, UtcTime::from_unix(1_790_000_000))?;
    let said = "made up (UNDERDESK_CATALOG names a real one)".to_owned();
    Ok((into, said))
}

fn bulletins() -> Outcome<String> {
    let mut text = String::new();
    let mut number = 10_000;
    let mut done = std::collections::BTreeSet::new();
    for row in rows() {
        let (ecosystem, source, flaws) = match (row.manager, row.source) {
            ("dpkg", "linux-signed-amd64") => ("Debian:12", "linux", KERNEL_FLAWS),
            ("dpkg", source) => ("Debian:12", source, FLAWS),
            // AlmaLinux speaks of binary packages.
            (_, _) => ("AlmaLinux:9", row.package, FLAWS),
        };
        if !done.insert((ecosystem, source)) {
            continue;
        }
        for flaw in 0..flaws {
            number += 1;
            let fixed = match (ecosystem, source) {
                ("Debian:12", "linux") => format!("6.1.{}-1", 100 + flaw % 60),
                ("Debian:12", _) => format!("{}+deb12u{}", row.version, 1 + flaw % 9),
                _ => format!("{}.{}", row.version, 1 + flaw % 9),
            };
            let fixed = match flaw % 4 {
                0 if ecosystem == "Debian:12" => String::new(),
                _ => format!(",{{\"fixed\":\"{fixed}\"}}"),
            };
            let (id, aliases) = match ecosystem {
                "Debian:12" => (format!("DEBIAN-CVE-2026-{number}"), String::new()),
                _ => (
                    format!("ALSA-2026:{number}"),
                    format!("\"related\":[\"CVE-2026-{number}\"],"),
                ),
            };
            writeln!(
                text,
                r#"{{"id":"{id}",{aliases}"upstream":["CVE-2026-{number}"],"modified":"2026-06-05T15:36:26Z","published":"2026-05-25T18:17:43Z","summary":"A flaw in {source} lets whoever sends a file run code","details":"A sentence about the flaw.","severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}}],"affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{source}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}{fixed}]}}]}}]}}"#
            )?;
        }
    }
    Ok(text)
}
