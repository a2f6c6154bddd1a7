//! SQL Server, instance by instance. A version has two branches of updates: security fixes alone (GDR)
//! until an instance takes its first cumulative update (CU), and then that branch for ever, whatever
//! number an advisory puts behind `CU`.

use super::super::Case;
use super::lifecycle::{self, Dated};
use super::stream::{self, Doubt, Files, Judged, Standing, Subject, dotted};
use super::{Host, System, installed, listed, starting, uncovered, unknown};
use crate::catalog::{Month, ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    BuildRow, Component, ComponentKind, Confidence, Finding, ProductKey, Witness, WitnessKind,
};
use crate::version::WindowsVersion;
use std::cmp::Ordering;

const NO_BUILD: Doubt = Doubt {
    id: "no-build-in-branch",
    why: "the records state no build that lies in this instance's branch of updates: compare with \
          Microsoft's list of builds",
};

/// A version of SQL Server by the first two numbers of its builds, its service packs each with their own
/// build and the first of a cumulative update upon it ("Latest updates and version history for SQL
/// Server", Microsoft Learn). `u32::MAX` where no cumulative update was made.
struct Version {
    name: &'static str,
    numbers: (u64, u64),
    packs: &'static [(u32, u32)],
}

const NEVER: u32 = u32::MAX;

const VERSIONS: &[Version] = &[
    Version {
        name: "2008",
        numbers: (10, 0),
        packs: &[
            (1600, NEVER),
            (2531, NEVER),
            (4000, NEVER),
            (5500, NEVER),
            (6000, NEVER),
        ],
    },
    Version {
        name: "2008 r2",
        numbers: (10, 50),
        packs: &[(1600, NEVER), (2500, NEVER), (4000, NEVER), (6000, NEVER)],
    },
    Version {
        name: "2012",
        numbers: (11, 0),
        packs: &[
            (2100, 2316),
            (3000, 3321),
            (5058, 5532),
            (6020, 6518),
            (7001, NEVER),
        ],
    },
    Version {
        name: "2014",
        numbers: (12, 0),
        packs: &[(2000, 2342), (4050, 4416), (5000, 5511), (6024, 6205)],
    },
    // What counts from 7000 upon Service Pack 3 is the Azure Connect feature pack.
    Version {
        name: "2016",
        numbers: (13, 0),
        packs: &[(1601, 2149), (4001, 4411), (5026, 5149), (6300, 7000)],
    },
    Version {
        name: "2017",
        numbers: (14, 0),
        packs: &[(1000, 3006)],
    },
    Version {
        name: "2019",
        numbers: (15, 0),
        packs: &[(2000, 4003)],
    },
    Version {
        name: "2022",
        numbers: (16, 0),
        packs: &[(1000, 4003)],
    },
    Version {
        name: "2025",
        numbers: (17, 0),
        packs: &[(1000, 4005)],
    },
];

/// What an instance is at.
struct Place {
    version: &'static Version,
    pack: usize,
    branch: Branch,
    /// The builds of its branch: from the first, up to but without the second.
    from: u64,
    until: u64,
    /// In the numbers of the advisories: `13.2.5026.0` is theirs as `13.0.5026.0`.
    build: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Gdr,
    Cu,
}

impl Branch {
    fn as_str(self) -> &'static str {
        match self {
            Self::Gdr => "GDR",
            Self::Cu => "CU",
        }
    }
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for component in listed(host.facts, ComponentKind::SqlServer) {
        let Some((_, version)) = version_of(&component.version) else {
            continue;
        };
        let start = format!("microsoft sql server {} ", version.name);
        let keys = starting(index, &start);
        wanted
            .products
            .extend(keys.filter(|key| label(key, version).is_some()).cloned());
        wanted.builds.push(format!("sql server {}", version.name));
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    for component in installed(case, ComponentKind::SqlServer, "SQL Server", out) {
        let Some(place) = place(case, &component.version) else {
            let why = match component.version.as_str() {
                "" => "the host does not say its patch level: read the version of its sqlservr.exe"
                    .to_owned(),
                other => format!("the version `{other}` is none that is known"),
            };
            let mut row = unknown(&component.name, "sql", &why);
            row.evidence.observed = format!("{} {}", component.name, component.source);
            out.push(row);
            continue;
        };
        out.extend(end(case, component, &place));
        if case.known.has_products {
            instance(case, component, &place, out);
        }
    }
}

fn version_of(text: &str) -> Option<(WindowsVersion<'_>, &'static Version)> {
    let version = WindowsVersion::parse(text)?;
    // The second number holds the service pack as well: 10.53 is 2008 R2 SP3, 13.2 is 2016 SP2.
    let minor = match (version.part(0), version.part(1)) {
        (10, 50..) => 50,
        _ => 0,
    };
    let numbers = (version.part(0), minor);
    let known = VERSIONS.iter().find(|one| one.numbers == numbers);
    Some((version, known?))
}

fn place(case: &Case<'_>, text: &str) -> Option<Place> {
    let (found, version) = version_of(text)?;
    let build = found.part(2);
    let pack = version
        .packs
        .iter()
        .rposition(|(base, _)| u64::from(*base) <= build)?;
    let (base, first_cu) = *version.packs.get(pack)?;
    let next = version
        .packs
        .get(pack + 1)
        .map_or(u64::MAX, |(base, _)| u64::from(*base));
    let first_cu =
        first_of_table(case, version, u64::from(base), next).unwrap_or(u64::from(first_cu));
    let branch = if build < first_cu {
        Branch::Gdr
    } else {
        Branch::Cu
    };
    let (from, until) = match branch {
        Branch::Gdr => (u64::from(base), first_cu.min(next)),
        Branch::Cu => (first_cu, next),
    };
    let (major, minor) = version.numbers;
    let build = format!("{major}.{minor}.{build}.{}", found.part(3));
    Some(Place {
        version,
        pack,
        branch,
        from,
        until,
        build,
    })
}

/// The first cumulative update upon a service pack, where the table of builds has one that is earlier
/// than ours.
fn first_of_table(case: &Case<'_>, version: &Version, base: u64, next: u64) -> Option<u64> {
    let rows = case
        .known
        .builds
        .get(&format!("sql server {}", version.name))?;
    let cumulative = rows
        .iter()
        .filter(|row| row.branch.eq_ignore_ascii_case("cu"));
    let builds = cumulative.filter_map(|row| Some(WindowsVersion::parse(&row.build)?.part(2)));
    builds.filter(|build| *build > base && *build < next).min()
}

/// What a product's name says: service pack and branch. `None` for another product.
fn label(key: &ProductKey, version: &Version) -> Option<(usize, Option<Branch>)> {
    let start = format!("microsoft sql server {} ", version.name);
    let rest = key.as_str().strip_prefix(start.as_str())?;
    // `2008 r2` begins with `2008`.
    if rest.starts_with("r2") || !rest.contains("systems") {
        return None;
    }
    let pack = rest
        .split_once("service pack ")
        .map_or(Some(0), |(_, rest)| rest.split(' ').next()?.parse().ok())?;
    let branch = if rest.contains("(gdr)") {
        Some(Branch::Gdr)
    } else if rest.contains("(cu") || rest.contains("azure connect") {
        Some(Branch::Cu)
    } else {
        // `(qfe)`: the last updates of old versions, made for both.
        None
    };
    Some((pack, branch))
}

fn instance(case: &Case<'_>, component: &Component, place: &Place, out: &mut Vec<Finding>) {
    let version = place.version;
    let is_32 = case.inventory.platform.arch.as_deref() == Some("x86");
    let of_instance = |slice: &&ProductSlice| {
        let is_arch = slice.key().as_str().contains("32-bit") == is_32;
        is_arch
            && label(slice.key(), version).is_some_and(|(pack, branch)| {
                pack == place.pack && branch.is_none_or(|branch| branch == place.branch)
            })
    };
    let products = case.known.products.values().map(AsRef::as_ref);
    let slices: Vec<&ProductSlice> = products.filter(of_instance).collect();
    if slices.is_empty() {
        let is_newest = place.pack + 1 == version.packs.len();
        let why = if is_newest {
            "the catalogue has no advisory about this version; import MSRC's documents".to_owned()
        } else {
            let pack = place.pack;
            format!("no advisory speaks of Service Pack {pack} any more: install the last one")
        };
        out.push(uncovered(
            &component.name,
            &component.version,
            "advisories",
            &why,
        ));
        return;
    }
    let table = case
        .known
        .builds
        .get(&format!("sql server {}", version.name));
    let table = table.map_or(&[][..], AsRef::as_ref);
    // Of the other branch as well: records have swapped the builds of the two.
    let of_pack = |slice: &&ProductSlice| {
        label(slice.key(), version).is_some_and(|(pack, _)| pack == place.pack)
    };
    let all = case
        .known
        .products
        .values()
        .map(AsRef::as_ref)
        .filter(of_pack);
    let updates = all.flat_map(ProductSlice::updates);
    let stated = updates.flat_map(|one| {
        one.builds
            .iter()
            .map(|build| (one.released, build.as_ref()))
    });
    let stated: Vec<(Option<Month>, &str)> =
        stated.filter(|(_, build)| place.holds(build)).collect();
    let subject = subject(component, place, slices);
    stream::judge(
        case,
        &subject,
        &|update| standing(update, place, table, &stated),
        out,
    );
}

impl Place {
    /// Whether a build lies in the instance's branch.
    fn holds(&self, build: &str) -> bool {
        WindowsVersion::parse(build).is_some_and(|build| {
            let numbers = (build.part(0), build.part(1));
            numbers == self.version.numbers && (self.from..self.until).contains(&build.part(2))
        })
    }
}

/// How an update stands: by the build that lies in the instance's branch, from the table of builds,
/// or the records, or else (SQL Server 2014 SP3, February 2023) the records of the other branch's update
/// of the same month.
fn standing(
    update: &Update,
    place: &Place,
    table: &[BuildRow],
    stated: &[(Option<Month>, &str)],
) -> Judged {
    let kb = update.id.kb();
    let of_table = table.iter().filter(|row| row.kb.is_some() && row.kb == kb);
    let of_table = of_table
        .map(|row| row.build.as_str())
        .find(|build| place.holds(build));
    // Tables leave out the last number, so where the records agree with them they are the better ones.
    let same = |build: &&str| {
        let both = WindowsVersion::parse(build).zip(of_table.and_then(WindowsVersion::parse));
        both.is_none_or(|(build, table)| build.agrees(table, 3))
    };
    let own = || {
        update
            .builds
            .iter()
            .map(AsRef::as_ref)
            .filter(|build| place.holds(build))
    };
    let swapped = || {
        let of_month = stated
            .iter()
            .filter(|(month, _)| month.is_some() && *month == update.released);
        of_month
            .map(|(_, build)| *build)
            .filter(|_| !update.builds.is_empty())
            .find(same)
    };
    let build = own().find(same).or_else(swapped).or(of_table);
    let order = build.and_then(|build| dotted(&place.build, build));
    let standing = match order {
        Some(Ordering::Less) => Standing::Out,
        Some(_) => Standing::In,
        None => Standing::Unsure(NO_BUILD),
    };
    let build = build.map(str::to_owned);
    Judged { standing, build }
}

fn subject<'a>(component: &Component, place: &Place, slices: Vec<&'a ProductSlice>) -> Subject<'a> {
    let name = format!("Microsoft SQL Server {}", shown(place));
    let branch = place.branch.as_str();
    Subject {
        slices,
        product: component.name.clone(),
        name: format!("{name} ({branch})"),
        slug: "sql-server".to_owned(),
        // In the numbers of the advisories, which are those of the engine's file.
        installed: place.build.clone(),
        observed: format!("{} {name} {}", component.name, component.version),
        question: "sql".to_owned(),
        rule: format!(
            "the engine's patch level against the builds of its branch, {branch}: {} to {}",
            place.from,
            if place.until == u64::MAX {
                "the newest".to_owned()
            } else {
                (place.until - 1).to_string()
            }
        ),
        confidence: Confidence::High,
        witnesses: vec![Witness {
            kind: WitnessKind::Registry,
            source: component.source.clone(),
            value: component.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: false,
        is_stream: true,
        files: Files::default(),
    }
}

/// `2016 SP2`.
fn shown(place: &Place) -> String {
    let name = place.version.name.to_uppercase();
    match place.pack {
        0 => name,
        pack => format!("{name} SP{pack}"),
    }
}

fn end(case: &Case<'_>, component: &Component, place: &Place) -> Option<Finding> {
    let (major, minor) = place.version.numbers;
    let cycle = match (place.pack, place.branch) {
        (0, _) => format!("{major}.{minor}"),
        (3, Branch::Cu) if major == 13 => "13.0-sp3-acp".to_owned(),
        (pack, _) => format!("{major}.{minor}-sp{pack}"),
    };
    // Some releases of 2008 are listed as `10.00`.
    let listed = [cycle.clone(), cycle.replacen("10.0", "10.00", 1)];
    let cycle = listed
        .iter()
        .find(|cycle| lifecycle::dates(case, "mssqlserver", cycle).is_some())?;
    let name = format!("Microsoft SQL Server {}", shown(place));
    let dated = Dated {
        id: "mssqlserver",
        cycle,
        product: &component.name,
        name: &name,
        installed: &component.version,
        question: "sql",
    };
    lifecycle::ended(case, &dated)
}
