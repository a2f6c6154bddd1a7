//! The plan of a run: what to install where, in which order, and when. It is only a plan: nothing here
//! was, or will be, installed by it.

use super::{Date, FixId, KbId, MachineId, RemedyFile, Severity, UtcTime};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What to do on the machines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The names of the waves, in order; `[a-z0-9_]` only.
    pub waves: Vec<String>,
    /// The machines with open findings or a restart to wait for; sorted by wave, window and address.
    pub machines: Vec<MachinePlan>,
}

/// What to do on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachinePlan {
    /// The machine.
    pub id: MachineId,
    /// What it calls itself. Attacker-controlled: for people, never for tools.
    pub hostname: String,
    /// Its first address.
    pub address: IpAddr,
    /// What a tool reaches it by: the operator's own name for it, else its address. Letters, digits and
    /// `.:_-` only.
    pub place: String,
    /// Who answers for it; empty where nobody says.
    pub owner: String,
    /// Its wave: a place in [`Plan::waves`].
    pub wave: usize,
    /// When its next maintenance window begins and ends; `None` where it has none.
    pub window: Option<(UtcTime, UtcTime)>,
    /// What installs packages there.
    pub tool: Option<Tool>,
    /// What to do. Machines in the same state share it.
    pub work: Arc<Work>,
}

/// What to do on a machine, and what stays open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Work {
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// Findings that no step closes, by reason.
    pub left: Vec<LeftOpen>,
    /// Open and undecided findings: the sum of what the steps close and of what is left.
    pub findings: u64,
}

/// One step on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlanStep {
    /// What sort of step.
    pub kind: StepKind,
    /// The ids that `remediation.csv` has for it, sorted.
    pub fixes: Vec<FixId>,
    /// One line for people. May hold names from hosts: to be escaped where it is shown.
    pub what: String,
    /// The version that it brings, where one is stated; of several packages each behind its product, `; ` between.
    pub version: String,
    /// The article of the update, where it has one.
    pub kb: Option<KbId>,
    /// The packages to upgrade, sorted: names that fit [`Tool`]'s own charset.
    pub packages: Vec<String>,
    /// Whether to restart behind it.
    pub reboot: RebootAfter,
    /// Findings that it closes; each is counted at one step only.
    pub closes: u64,
    /// The CVEs of these, sorted.
    pub cves: Vec<String>,
    /// Those that are known to be exploited, sorted.
    pub kev: Vec<String>,
    /// How bad and how late they are.
    pub urgency: Urgency,
    /// Those of them that should have been fixed by now, by who sees to them.
    pub late: Vec<Late>,
    /// What must be there before, sorted; where it can be installed, it is an earlier step.
    pub prerequisites: Vec<String>,
    /// Where feeds say that it is, sorted.
    pub downloads: Vec<String>,
    /// What feeds say of the files there.
    pub files: BTreeSet<RemedyFile>,
    /// What an administrator would type there; empty where no command does it.
    pub command: String,
}

/// A sort of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepKind {
    /// What another update needs before it.
    Prerequisite,
    /// A servicing stack update: first, so that the others install.
    ServicingStack,
    /// An update that has a name.
    Update,
    /// A product to bring to a newer version, in whatever way it is installed.
    Upgrade,
    /// All packages of a machine in one command.
    Packages,
    /// Only a restart.
    Restart,
}

impl StepKind {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prerequisite => "prerequisite",
            Self::ServicingStack => "servicing_stack",
            Self::Update => "update",
            Self::Upgrade => "upgrade",
            Self::Packages => "packages",
            Self::Restart => "restart",
        }
    }
}

/// Whether to restart behind a step; the later, the more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RebootAfter {
    /// Not here.
    #[default]
    No,
    /// If the machine asks for it.
    IfAsked,
    /// In any case.
    Yes,
}

impl RebootAfter {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::IfAsked => "if_asked",
            Self::Yes => "yes",
        }
    }
}

/// Findings that a plan leaves open for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeftOpen {
    /// The reason.
    pub why: WhyLeft,
    /// How many.
    pub findings: u64,
    /// The products that they are about, sorted. May hold names from hosts.
    pub products: Vec<String>,
    /// Their CVEs, sorted.
    pub cves: Vec<String>,
    /// Those that are known to be exploited, sorted.
    pub kev: Vec<String>,
    /// How bad and how late they are.
    pub urgency: Urgency,
    /// Those of them that should have been fixed by now, by who sees to them.
    pub late: Vec<Late>,
}

/// How bad and how late findings are, by the operator's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Urgency {
    /// The worst of them; `None` where nobody rates any.
    pub severity: Option<Severity>,
    /// The earliest day by which one of them is to be fixed, of those that nobody was allowed to leave.
    pub due: Option<Date>,
    /// How many should have been fixed by now.
    pub overdue: u64,
}

/// What somebody should have fixed by now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Late {
    /// Who sees to it, as people wrote; `None` for whoever answers for the machine.
    pub owner: Option<String>,
    /// The worst of it; `None` where nobody rates any.
    pub severity: Option<Severity>,
    /// The earliest day by which one of it was to be fixed.
    pub due: Option<Date>,
    /// How many findings.
    pub findings: u64,
}

/// Why a plan leaves a finding open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WhyLeft {
    /// No fix is out.
    NoFixYet,
    /// There will be no fix.
    WontFix,
    /// Out of support.
    EndOfLife,
    /// The fix is for subscribers.
    NeedsSubscription,
    /// The administrator holds the package at its version.
    Held,
    /// A name from the host is none that a package has: it goes into no command.
    UnsafeName,
    /// It is missing, and no update or version is stated.
    NoUpdateStated,
    /// Nobody knows whether it is open.
    Undecided,
    /// Somebody was allowed to leave it for a while.
    Excepted,
    /// The plan was limited to others.
    NotAsked,
}

impl WhyLeft {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoFixYet => "no_fix_yet",
            Self::WontFix => "wont_fix",
            Self::EndOfLife => "end_of_life",
            Self::NeedsSubscription => "needs_subscription",
            Self::Held => "held",
            Self::UnsafeName => "unsafe_name",
            Self::NoUpdateStated => "no_update_stated",
            Self::Undecided => "undecided",
            Self::Excepted => "excepted",
            Self::NotAsked => "not_asked",
        }
    }

    /// What that means, and what to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoFixYet => "no fix is out: mitigate, and look again after catalog update",
            Self::WontFix => "the publisher will not fix it: mitigate or replace",
            Self::EndOfLife => "out of support: upgrade the release or replace",
            Self::NeedsSubscription => "the fix is for subscribers (ESU, Pro, EUS, LTSS)",
            Self::Held => "the package is held at its version there: release it first",
            Self::UnsafeName => "a name that no package can have: look at the host",
            Self::NoUpdateStated => "missing, but no update or version is stated",
            Self::Undecided => "not known to be open: see evidence in findings.csv",
            Self::Excepted => "an exception holds for it: see underdesk except list",
            Self::NotAsked => "left out by --kb, --my-severity or --overdue",
        }
    }
}

/// What installs packages on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// Debian and its relatives.
    Apt,
    /// Red Hat's family from 8 on, Fedora.
    Dnf,
    /// Red Hat's family before, Amazon Linux 2.
    Yum,
    /// SUSE.
    Zypper,
    /// Alpine.
    Apk,
    /// Arch: it knows no upgrade of single packages.
    Pacman,
    /// FreeBSD.
    Pkg,
    /// OpenWrt.
    Opkg,
    /// Gentoo.
    Emerge,
    /// Windows Update, whatever serves it.
    WindowsUpdate,
}

impl Tool {
    /// A short word, `[a-z_]` only.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Pkg => "pkg",
            Self::Opkg => "opkg",
            Self::Emerge => "emerge",
            Self::WindowsUpdate => "windows",
        }
    }

    /// What upgrades packages by name; the names follow. Only what is installed is upgraded. No version is
    /// named: repositories keep the newest only, and advisories often name that of the source package.
    /// `None` where packages are not upgraded so.
    pub fn upgrade(self) -> Option<&'static str> {
        match self {
            Self::Apt => Some("apt-get update && apt-get install --only-upgrade -y --"),
            Self::Dnf => Some("dnf upgrade --refresh -y --"),
            Self::Yum => Some("yum upgrade -y --"),
            Self::Zypper => Some("zypper --non-interactive update --"),
            Self::Apk => Some("apk update && apk upgrade --"),
            Self::Pacman => Some("pacman -Syu --noconfirm"),
            Self::Pkg => Some("pkg upgrade -y --"),
            Self::Opkg => Some("opkg update && opkg upgrade"),
            Self::Emerge => Some("emerge --update --oneshot --"),
            Self::WindowsUpdate => None,
        }
    }

    /// Whether a text is the name of a package of its: letters, digits and a few signs, none of which a
    /// shell, YAML or a template of Ansible acts on, and none at its beginning that makes an option of it.
    pub fn is_package_name(self, name: &str) -> bool {
        let signs: &[u8] = match self {
            Self::Apt => b"+.-",
            Self::Emerge => b"+._-/",
            _ => b"+._-",
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || signs.contains(&byte);
        let begins = name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric());
        // apt-get takes `name-` for a package to be removed.
        begins && name.len() <= 128 && !name.ends_with('-') && name.bytes().all(fits)
    }
}

/// Whether a text is a name or an address that a tool may be given: letters, digits and `.:_-`, beginning
/// with a letter or digit (or the colon of an IPv6 address).
pub fn is_place(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-".contains(&byte);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric() || first == b':');
    begins && text.len() <= 253 && text.bytes().all(fits)
}
