//! .NET Framework.
//!
//! The articles of its updates have parents and children, and a host lists whichever it likes, so that an
//! article which is not listed proves nothing. What decides is the build of the files, then the version of
//! the package that brought them, then the articles. On Windows 10 1507 and 1607 and Server 2016 the 4.x
//! that came with the system is patched with the system.

use super::super::Case;
use super::lifecycle::{self, Dated};
use super::stream::{self, Doubt, Files, Judged, Standing, Subject};
use super::{Host, System, hotfix_state, hotfixes, installed, is_in, listed, starting};
use crate::catalog::{Month, ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    Component, ComponentKind, Confidence, Finding, HotfixState, KbId, ProductKey, UpdateKind,
    Witness, WitnessKind,
};
use crate::version::WindowsVersion;
use std::cmp::Ordering;
use std::collections::BTreeSet;

const NO_FILE: Doubt = Doubt {
    id: "dotnet-file",
    why: r"the version of Microsoft.NET\Framework64\v4.0.30319\clr.dll would settle it (of v2.0.50727\mscorwks.dll for .NET Framework 3.5)",
};

const NO_BUILD: Doubt = Doubt {
    id: "dotnet-no-build",
    why: "the records state no build for it, and neither its article nor a later one is listed: compare \
          the file versions in its article",
};

/// What is installed.
struct Frameworks<'a> {
    /// `4.8.1`.
    four: Option<&'a str>,
    /// The versions that run on the 2.0 runtime: `3.5`, `2.0 SP2`.
    old: Vec<&'a str>,
}

impl<'a> Frameworks<'a> {
    fn of(list: &'a [Component]) -> Self {
        let names = || {
            list.iter()
                .filter_map(|one| one.name.strip_prefix(".NET Framework "))
        };
        Self {
            four: names().find(|name| name.starts_with('4')),
            old: names().filter(|name| !name.starts_with('4')).collect(),
        }
    }

    fn has(&self, start: &str) -> bool {
        self.old.iter().any(|name| name.starts_with(start))
    }
}

/// Which files a product is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    /// 4.x, alone or with 3.5.
    Four,
    /// 2.0 to 3.5.
    Two,
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    let frameworks = Frameworks::of(listed(host.facts, ComponentKind::DotNetFramework));
    let keys = starting(index, "microsoft .net framework ");
    wanted.products.extend(
        keys.filter(|key| concerns(key, &frameworks, host.os_names).is_some())
            .cloned(),
    );
}

/// Whether a product is what is installed here, and by which files.
fn concerns(key: &ProductKey, frameworks: &Frameworks<'_>, systems: &[String]) -> Option<Runtime> {
    let (component, system) = key.component()?;
    if !systems.iter().any(|name| name == system) {
        return None;
    }
    let versions = component.strip_prefix("microsoft .net framework ")?;
    let is_four = |list: &str| {
        frameworks
            .four
            .is_some_and(|four| list.split('/').any(|one| one == four))
    };
    if let Some((_, four)) = versions.split_once(" and ") {
        // One package for both, offered whether or not 3.5 is switched on.
        return is_four(four).then_some(Runtime::Four);
    }
    if versions.starts_with('4') {
        return is_four(versions).then_some(Runtime::Four);
    }
    let has = match versions {
        "3.5" | "3.5.1" | "3.5 service pack 1" => frameworks.has("3.5"),
        "3.0 service pack 2" => frameworks.has("3.0 SP2"),
        "2.0 service pack 2" => frameworks.has("2.0 SP2"),
        _ => false,
    };
    has.then_some(Runtime::Two)
}

pub(super) fn judge(case: &Case<'_>, system: &System<'_>, out: &mut Vec<Finding>) {
    let list = installed(case, ComponentKind::DotNetFramework, ".NET Framework", out);
    let frameworks = Frameworks::of(list);
    for runtime in [Runtime::Four, Runtime::Two] {
        let products = case.known.products.iter();
        let own =
            products.filter(|(key, _)| concerns(key, &frameworks, system.names) == Some(runtime));
        let slices: Vec<&ProductSlice> = own.map(|(_, slice)| slice.as_ref()).collect();
        let facts = Facts::of(case, runtime, &frameworks, &slices);
        let subject = subject(slices.clone(), runtime, &frameworks, &facts);
        let judged = |update: &Update| facts.standing(update, system);
        stream::judge(case, &subject, &judged, out);
    }
    let four = list
        .iter()
        .find(|one| one.name.strip_prefix(".NET Framework ") == frameworks.four);
    if let Some((one, four)) = four.zip(frameworks.four) {
        let name = format!("Microsoft .NET Framework {four}");
        let dated = Dated {
            id: "dotnetfx",
            cycle: four,
            product: ".NET Framework 4",
            name: &name,
            installed: &one.version,
            question: "dotnet",
        };
        out.extend(lifecycle::ended(case, &dated));
    }
}

/// The facts that speak of one runtime's patch level.
struct Facts<'a> {
    case: &'a Case<'a>,
    /// The latest month of which the host lists a cumulative update: it has what came before.
    month: Option<Month>,
    /// The latest month of which one waits for a restart.
    pending: Option<Month>,
    /// The articles that listed ones replace, as the records say.
    replaced: BTreeSet<KbId>,
    four: Option<&'a str>,
    runtime: Runtime,
    /// The newest of its files: path and build.
    file: Option<(&'a str, [u32; 4])>,
    /// The newest of the packages that brought updates: name and version.
    package: Option<(&'a str, (u64, u64))>,
}

impl<'a> Facts<'a> {
    fn of(
        case: &'a Case<'a>,
        runtime: Runtime,
        frameworks: &Frameworks<'a>,
        slices: &[&ProductSlice],
    ) -> Self {
        let names: &[&str] = match runtime {
            Runtime::Four => &[r"\v4.0.30319\clr.dll", r"\v4.0.30319\mscorlib.dll"],
            Runtime::Two => &[r"\v2.0.50727\mscorwks.dll", r"\v2.0.50727\system.dll"],
        };
        let files = case
            .facts
            .files
            .known()
            .map_or(&[][..], Vec::as_slice)
            .iter();
        let own = files.filter(|file| names.iter().any(|name| file.path.ends_with(name)));
        let file = own.max_by_key(|file| file.version);
        let four = frameworks.four;
        let package = match (runtime, four) {
            (Runtime::Four, Some("4.8.1")) => Some("DotNetRollup_481 "),
            (Runtime::Four, Some("4.8")) => Some("DotNetRollup "),
            // Packages of 4.7.2 and of 4.8 have the same name.
            _ => None,
        };
        let (mut month, mut pending, mut replaced) = (None, None, BTreeSet::new());
        for update in slices.iter().flat_map(|slice| slice.updates()) {
            let state = update.id.kb().and_then(|kb| hotfix_state(case.facts, kb));
            // A security-only update brings itself and nothing that came before.
            let has_earlier = update.kind != UpdateKind::SecurityOnly;
            match state {
                Some(HotfixState::Installed | HotfixState::Superseded) => {
                    replaced.extend(update.supersedes.iter().copied());
                    month = month.max(update.released.filter(|_| has_earlier));
                }
                Some(HotfixState::PendingReboot) => {
                    pending = pending.max(update.released.filter(|_| has_earlier));
                }
                _ => {}
            }
        }
        Self {
            case,
            month,
            pending,
            replaced,
            four,
            runtime,
            file: file.map(|file| (file.path.as_str(), file.version)),
            package: package.and_then(|start| newest_package(case, start)),
        }
    }

    /// How an update stands.
    fn standing(&self, update: &Update, system: &System<'_>) -> Judged {
        if let Some(judged) = self.by_system(update, system) {
            return judged;
        }
        let found = update.builds.iter().find_map(|stated| self.build(stated));
        let build = found.map(|(text, _)| text.to_owned());
        let by_build = found.map_or(Standing::Unsure(NO_BUILD), |(_, build)| {
            self.by_build(build)
        });
        let standing = match (self.by_article(update), by_build) {
            (Some(Standing::In), _) | (_, Standing::In) => Standing::In,
            (Some(standing), _) => standing,
            (None, standing) => {
                let is_earlier = update
                    .released
                    .is_some_and(|month| Some(month) < self.pending);
                if is_earlier {
                    Standing::Pending
                } else {
                    standing
                }
            }
        };
        Judged { standing, build }
    }

    /// Of an update that is the system's own, by the system.
    fn by_system(&self, update: &Update, system: &System<'_>) -> Option<Judged> {
        let build = self.case.release.build;
        let version = update
            .builds
            .first()
            .and_then(|text| WindowsVersion::parse(text));
        let of_system = version
            .filter(|version| version.part(0) == 10 && version.part(2) == u64::from(build.build));
        let by_build = of_system
            .zip(build.ubr)
            .map(|(version, ubr)| version.part(3) <= u64::from(ubr));
        let by_rules = update.id.kb().and_then(|kb| (system.has)(kb));
        let is_in = by_rules.or(by_build)?;
        let standing = if is_in { Standing::In } else { Standing::Out };
        let build = of_system.map(|version| version.as_str().to_owned());
        Some(Judged { standing, build })
    }

    /// By what the host lists: the article itself, one that replaces it, or a later one of the stream.
    fn by_article(&self, update: &Update) -> Option<Standing> {
        let kb = update.id.kb()?;
        let is_earlier = update
            .released
            .is_some_and(|month| Some(month) < self.month);
        if is_earlier || self.replaced.contains(&kb) || is_in(self.case.facts, kb) {
            return Some(Standing::In);
        }
        match hotfix_state(self.case.facts, kb) {
            Some(HotfixState::PendingReboot) => Some(Standing::Pending),
            Some(HotfixState::Inconsistent) => Some(Standing::Listed),
            _ => None,
        }
    }

    fn by_build(&self, wanted: (u64, u64)) -> Standing {
        // A file that an update did not change stays behind, so that an older one alone proves less than
        // the package; one as new as the update proves that it is in.
        let file = self.file.map(|(_, version)| {
            let last = match self.runtime {
                Runtime::Four if self.four != Some("4.5.2") => (version[2], 0),
                _ => (version[2], version[3]),
            };
            (u64::from(last.0), u64::from(last.1))
        });
        let reaches = |one: Option<(u64, u64)>, wanted| one.map(|one| one >= wanted);
        let file_wanted = match self.runtime {
            Runtime::Four if self.four != Some("4.5.2") => (wanted.0, 0),
            _ => wanted,
        };
        let by_file = reaches(file, file_wanted);
        let by_package = reaches(self.package.map(|(_, version)| version), wanted);
        match (by_file, by_package) {
            (Some(true), _) | (_, Some(true)) => Standing::In,
            (None, None) => Standing::Unsure(NO_FILE),
            _ => Standing::Out,
        }
    }

    /// The last two numbers of the part of a stated build that is of this runtime: `9320` and `2` of
    /// `4.8.1.09320.02`. Records state several at once, and some state another's.
    fn build<'t>(&self, stated: &'t str) -> Option<(&'t str, (u64, u64))> {
        let parts = stated
            .split([' ', '&', ';', ','])
            .filter(|part| part.contains('.'));
        let mut parts = parts.filter_map(|part| Some((part, self.numbers(part)?)));
        parts.next()
    }

    fn numbers(&self, part: &str) -> Option<(u64, u64)> {
        let numbers: Option<Vec<u64>> = part.split('.').map(|one| one.parse().ok()).collect();
        let numbers = numbers?;
        let (head, last) = match numbers.as_slice() {
            [head @ .., build, revision] => (head, (*build, *revision)),
            _ => return None,
        };
        let is_own = match (self.runtime, self.four) {
            (Runtime::Two, _) => head == [2, 0] && last.0 == 50_727,
            (_, Some("4.8.1")) => {
                matches!(head, [] | [4, 8] | [4, 8, 1]) && (9_000..10_000).contains(&last.0)
            }
            (_, Some("4.8")) => {
                matches!(head, [] | [4, 8] | [10, 0]) && (3_000..9_000).contains(&last.0)
            }
            (_, Some("4.5.2")) => head == [4, 0] && last.0 == 30_319,
            (_, Some(_)) => matches!(head, [] | [4, 7]) && (2_000..9_000).contains(&last.0),
            (_, None) => false,
        };
        is_own.then_some(last)
    }
}

/// The newest package of a name that is in: `DotNetRollup_481 10.0.9320.2`.
fn newest_package<'a>(case: &'a Case<'a>, start: &str) -> Option<(&'a str, (u64, u64))> {
    let own = hotfixes(case.facts).iter().filter_map(|one| {
        let version = WindowsVersion::parse(one.id.strip_prefix(start)?)?;
        let is_in = matches!(one.state, HotfixState::Installed | HotfixState::Superseded);
        is_in.then_some((one.id.as_str(), (version.part(2), version.part(3))))
    });
    own.max_by_key(|(_, version)| *version)
}

fn subject<'a>(
    slices: Vec<&'a ProductSlice>,
    runtime: Runtime,
    frameworks: &Frameworks<'_>,
    facts: &Facts<'_>,
) -> Subject<'a> {
    let version = match runtime {
        Runtime::Four => frameworks.four.unwrap_or_default(),
        Runtime::Two => frameworks.old.iter().max().copied().unwrap_or_default(),
    };
    let file = facts.file.map(|(path, version)| Witness {
        kind: WitnessKind::File,
        source: format!("files {path}"),
        value: version.map(|part| part.to_string()).join("."),
        says_fixed: None,
    });
    let package = facts.package.map(|(name, _)| Witness {
        kind: WitnessKind::Registry,
        source: "cbs".to_owned(),
        value: name.to_owned(),
        says_fixed: None,
    });
    let installed = file
        .as_ref()
        .map_or_else(|| version.to_owned(), |file| file.value.clone());
    let mut witnesses: Vec<Witness> = file.into_iter().chain(package).collect();
    // Neither decides alone, so neither is told what came out.
    if witnesses.is_empty() {
        witnesses.push(Witness {
            kind: WitnessKind::Registry,
            source: "dotnet".to_owned(),
            value: version.to_owned(),
            says_fixed: None,
        });
    }
    Subject {
        slices,
        product: match runtime {
            Runtime::Four => ".NET Framework 4".to_owned(),
            Runtime::Two => ".NET Framework 3.5".to_owned(),
        },
        name: format!("Microsoft .NET Framework {version}"),
        slug: "dotnet-framework".to_owned(),
        installed,
        observed: format!(".NET Framework {version}"),
        question: "files".to_owned(),
        rule:
            "the build of the runtime's files, the package that brought them and the articles that \
               are listed, any of which closes it"
                .to_owned(),
        confidence: Confidence::Medium,
        witnesses,
        prerequisites: Vec::new(),
        order: by_build_group,
        has_lines: false,
        is_stream: true,
        files: Files::default(),
    }
}

/// Builds by their last two numbers: what comes before is written in several ways.
fn by_build_group(a: &str, b: &str) -> Option<Ordering> {
    let last = |text: &str| {
        let mut numbers = text.split('.').rev().map(str::parse::<u64>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let (a, b) = (last(a)?, last(b)?);
    Some((a.1, a.0).cmp(&(b.1, b.0)))
}
