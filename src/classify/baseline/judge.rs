//! One rule on one machine.

use super::{Baseline, Name, Rule};
use crate::model::{
    Drift, DriftRule, DriftState, Family, Gap, GapCause, Inventory, MachineRecord, Package,
    PackageManager, PackageState,
};
use crate::version::{Order, Place, WindowsVersion};
use std::cmp::Ordering;

/// How many of what was found are named.
const SHOWN: usize = 5;

/// What a rule comes to.
struct Verdict {
    state: DriftState,
    found: Option<String>,
    /// Of what is unknown, or asks for nothing: why.
    why: String,
}

impl Verdict {
    fn new(state: DriftState, found: impl Into<String>) -> Self {
        Self {
            state,
            found: Some(found.into()),
            why: String::new(),
        }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self {
            state: DriftState::Unknown,
            found: None,
            why: why.into(),
        }
    }

    /// By whether what was found is at least what is asked for; `None` where it has no place in that order.
    fn least(found: &str, is_least: Option<bool>) -> Self {
        match is_least {
            Some(true) => Self::new(DriftState::Ok, found),
            Some(false) => Self::new(DriftState::Drift, found),
            None => Self {
                found: Some(found.to_owned()),
                ..Self::unknown(
                    "one of the versions has no place in the order of its package manager, or of dotted numbers",
                )
            },
        }
    }
}

/// What a machine's system goes by: its family, its id, its name; of one that was not read what it shows.
pub(super) fn systems(machine: &MachineRecord) -> Vec<&str> {
    if let Some(read) = &machine.inventory {
        let platform = &read.platform;
        return vec![platform.family.as_str(), &platform.id, &platform.name];
    }
    let claim = machine.fingerprint.os.iter();
    claim.map(|claim| claim.value.as_str()).collect()
}

/// What a rule says of a machine.
pub(super) fn rule(baseline: &Baseline, rule: &Rule, machine: &MachineRecord) -> Drift {
    let inventory = machine.inventory.as_deref();
    let system = || inventory.map_or_else(String::new, |read| read.platform.name.clone());
    let at_least = |version: &str| format!(">= {version}");
    let (kind, object, expected) = match rule {
        Rule::Build(build) => (DriftRule::Build, system(), at_least(build)),
        Rule::OsVersion(version) => (DriftRule::OsVersion, system(), at_least(version)),
        Rule::Required(name, None) => (
            DriftRule::Required,
            name.written.clone(),
            "installed".to_owned(),
        ),
        Rule::Required(name, Some(least)) => {
            (DriftRule::Required, name.written.clone(), at_least(least))
        }
        Rule::Forbidden(name) => {
            let expected = "not installed".to_owned();
            (DriftRule::Forbidden, name.written.clone(), expected)
        }
        Rule::Minimum(name, least) => (DriftRule::Minimum, name.written.clone(), at_least(least)),
    };
    let verdict = match inventory {
        None => Verdict::unknown(not_read(machine)),
        Some(read) => match rule {
            Rule::Build(build) => of_build(read, build),
            Rule::OsVersion(version) => of_release(read, version),
            Rule::Required(name, least) => required(&Installed::of(read, name), least.as_deref()),
            Rule::Forbidden(name) => forbidden(&Installed::of(read, name)),
            Rule::Minimum(name, least) => minimum(&Installed::with_sources(read, name), least),
        },
    };
    let reason = if verdict.why.is_empty() {
        baseline.reason.clone()
    } else {
        verdict.why
    };
    Drift {
        baseline: baseline.id.clone(),
        rule: kind,
        object,
        expected,
        found: verdict.found,
        state: verdict.state,
        reason,
    }
}

/// Why nothing is known of a machine.
fn not_read(machine: &MachineRecord) -> String {
    match &machine.failure {
        Some(failure) => format!("the machine was not read: {}", failure.code.as_str()),
        None => format!("the machine was not read: {}", machine.outcome),
    }
}

/// The question that would tell, and why it does not.
fn open(gap: &Gap) -> String {
    if gap.question.is_empty() {
        return "such a system is not asked what is installed".to_owned();
    }
    format!(
        "question {} was not answered: {}",
        gap.question,
        gap.cause.as_str()
    )
}

fn of_build(read: &Inventory, least: &str) -> Verdict {
    if read.platform.family != Family::Windows {
        return Verdict {
            why: "only a Windows has a build: the rule asks nothing here".to_owned(),
            ..Verdict::new(DriftState::Ok, "")
        };
    }
    let Some(release) = &read.platform.windows else {
        return Verdict::unknown("its build was not read");
    };
    let found = release.build.to_string();
    let (Some(own), Some(bound)) = (WindowsVersion::parse(&found), WindowsVersion::parse(least))
    else {
        return Verdict::least(&found, None);
    };
    // The revision decides within one build only.
    if release.build.ubr.is_none() && own.part(0) == bound.part(0) && bound.part(1) > 0 {
        let question = read
            .gaps
            .iter()
            .find(|gap| gap.question.contains("current"));
        let why = question.map_or_else(|| "its revision (UBR) was not read".to_owned(), open);
        return Verdict {
            found: Some(found),
            ..Verdict::unknown(why)
        };
    }
    Verdict::least(&found, Some(own >= bound))
}

fn of_release(read: &Inventory, least: &str) -> Verdict {
    let Some(found) = &read.platform.version else {
        return Verdict::unknown("the system states no release");
    };
    let order = (WindowsVersion::parse(found), WindowsVersion::parse(least));
    match order {
        (Some(own), Some(bound)) => Verdict::least(found, Some(own >= bound)),
        _ => Verdict {
            found: Some(found.clone()),
            ..Verdict::unknown("its release is no dotted number; of a Windows ask for build")
        },
    }
}

/// Something that is installed and meant.
struct One<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// The order of its versions, where one is known.
    order: Option<ByWhat>,
}

/// An order of versions.
#[derive(Clone, Copy)]
enum ByWhat {
    /// That of a package manager.
    Manager(Order),
    /// That of dotted numbers.
    Numbers,
}

impl<'a> One<'a> {
    fn package(package: &'a Package, version: &'a str) -> Self {
        let order = match package.manager {
            PackageManager::Macos => Some(ByWhat::Numbers),
            manager => Order::of(manager).map(ByWhat::Manager),
        };
        Self {
            name: &package.name,
            version: Some(version),
            order,
        }
    }

    fn shown(&self) -> String {
        match self.version.filter(|version| !version.is_empty()) {
            Some(version) => format!("{} {version}", self.name),
            None => format!("{} of unknown version", self.name),
        }
    }

    /// Whether it has at least a version; `None` where nobody can say.
    fn is_at_least(&self, least: &str) -> Option<bool> {
        let version = self.version?;
        let order = match self.order? {
            ByWhat::Numbers => {
                let own = WindowsVersion::parse(version)?;
                own.cmp(&WindowsVersion::parse(least)?)
            }
            ByWhat::Manager(order) => {
                // Whoever writes no epoch means none: with one, everything would be at least that.
                let version = match epoch(least) {
                    Some(_) => version,
                    None => epoch(version).map_or(version, |(_, rest)| rest),
                };
                Place::parse(order, version)?.against(&Place::parse(order, least)?)?
            }
        };
        Some(order != Ordering::Less)
    }
}

/// The epoch of a version, and what is behind it.
fn epoch(version: &str) -> Option<(&str, &str)> {
    let (epoch, rest) = version.split_once(':')?;
    let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((epoch, rest))
}

/// The question for the programs of people who are logged on to a Windows.
const OF_USERS: &str = "uninstall-users";

/// All packages of a machine, of whichever manager, and the question by which there may be more.
fn packages(read: &Inventory) -> (Vec<&Package>, Option<&Gap>) {
    let mut all: Vec<&Package> = Vec::new();
    all.extend(read.packages.known().into_iter().flatten());
    let beside = read
        .unix
        .iter()
        .flat_map(|unix| [&unix.snaps, &unix.flatpaks, &unix.applications]);
    let mut gap = None;
    let mut is_told = read.packages.known().is_some();
    for list in beside {
        all.extend(list.known().into_iter().flatten());
        is_told |= list.known().is_some_and(|list| !list.is_empty());
        // Whoever is not asked, or has no such tool, has none.
        let is_open = |gap: &&Gap| !matches!(gap.cause, GapCause::NotAsked | GapCause::Missing);
        gap = gap.or_else(|| list.gap().filter(is_open));
    }
    match read.packages.gap() {
        // A Mac's software is all beside.
        Some(own) if own.question.is_empty() && is_told => (all, gap),
        Some(own) => (all, Some(own)),
        None => (all, gap),
    }
}

/// What of a name is installed, and what could not be read.
struct Installed<'a> {
    all: Vec<One<'a>>,
    /// Why there may be more.
    open: Option<String>,
}

impl<'a> Installed<'a> {
    /// What goes by the name itself.
    fn of(read: &'a Inventory, name: &Name) -> Self {
        let (packages, packages_open) = packages(read);
        let there = packages.into_iter().filter(|one| is_there(one));
        let meant = there.filter(|one| name.pattern.fits(&one.name));
        let mut all: Vec<One<'a>> = meant.map(|one| One::package(one, &one.version)).collect();
        if read.platform.family != Family::Windows {
            let open = packages_open.map(open);
            return Self { all, open };
        }
        let programs = read.windows.as_deref().map(|windows| &windows.programs);
        let known = programs.and_then(|programs| programs.known());
        let meant = known.into_iter().flatten();
        let meant = meant.filter(|one| name.pattern.fits(&one.name));
        all.extend(meant.map(|one| One {
            name: &one.name,
            version: one.version.as_deref(),
            order: Some(ByWhat::Numbers),
        }));
        let gap = programs.and_then(|programs| programs.gap());
        // Programs of people who were logged on, where those could not be read.
        let of_users = || read.gaps.iter().find(|gap| gap.question == OF_USERS);
        let open = match gap.or_else(of_users) {
            Some(gap) => Some(open(gap)),
            None => programs
                .is_none()
                .then(|| "its programs were not read".to_owned()),
        };
        Self { all, open }
    }

    /// What goes by the name; where nothing does, what was built from a source of the name.
    fn with_sources(read: &'a Inventory, name: &Name) -> Self {
        let mut found = Self::of(read, name);
        if found.all.is_empty() {
            let packages = read.packages.known().into_iter().flatten();
            let there = packages.filter(|one| is_there(one));
            let meant = there.filter(|one| name.pattern.fits(&one.source.name));
            let meant = meant.map(|one| {
                let version = Some(&one.source.version).filter(|version| !version.is_empty());
                One::package(one, version.unwrap_or(&one.version))
            });
            found.all.extend(meant);
        }
        found
    }

    fn shown(&self, which: impl Fn(&One<'_>) -> bool) -> String {
        let meant = self.all.iter().filter(|one| which(one));
        let mut shown: Vec<String> = meant.map(One::shown).collect();
        shown.sort();
        shown.dedup();
        let more = shown.len().saturating_sub(SHOWN);
        shown.truncate(SHOWN);
        if more > 0 {
            shown.push(format!("(+{more})"));
        }
        shown.join("; ")
    }

    /// What to say where nothing of the name was found.
    fn nothing(&self, state: DriftState) -> Verdict {
        match &self.open {
            Some(why) => Verdict::unknown(why),
            None => Verdict::new(state, "not installed"),
        }
    }
}

/// Whether a package's code is there.
fn is_there(package: &Package) -> bool {
    package.state != PackageState::ConfigFiles
}

fn required(installed: &Installed<'_>, least: Option<&str>) -> Verdict {
    if installed.all.is_empty() {
        return installed.nothing(DriftState::Drift);
    }
    let all = installed.shown(|_| true);
    let Some(least) = least else {
        return Verdict::new(DriftState::Ok, all);
    };
    let verdicts = || installed.all.iter().map(|one| one.is_at_least(least));
    if verdicts().any(|one| one == Some(true)) {
        let enough = installed.shown(|one| one.is_at_least(least) == Some(true));
        return Verdict::new(DriftState::Ok, enough);
    }
    if verdicts().any(|one| one.is_none()) {
        return Verdict::least(&all, None);
    }
    match &installed.open {
        Some(why) => Verdict {
            found: Some(all),
            ..Verdict::unknown(why)
        },
        None => Verdict::new(DriftState::Drift, all),
    }
}

fn forbidden(installed: &Installed<'_>) -> Verdict {
    if installed.all.is_empty() {
        return installed.nothing(DriftState::Ok);
    }
    Verdict::new(DriftState::Drift, installed.shown(|_| true))
}

/// Each that is installed must have the version; what is not installed needs none.
fn minimum(installed: &Installed<'_>, least: &str) -> Verdict {
    if installed.all.is_empty() {
        return installed.nothing(DriftState::Ok);
    }
    let is_old = |one: &One<'_>| one.is_at_least(least) == Some(false);
    if installed.all.iter().any(is_old) {
        return Verdict::new(DriftState::Drift, installed.shown(is_old));
    }
    let all = installed.shown(|_| true);
    if installed
        .all
        .iter()
        .any(|one| one.is_at_least(least).is_none())
    {
        return Verdict::least(&all, None);
    }
    match &installed.open {
        Some(why) => Verdict {
            found: Some(all),
            ..Verdict::unknown(why)
        },
        None => Verdict::new(DriftState::Ok, all),
    }
}
