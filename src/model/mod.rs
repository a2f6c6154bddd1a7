//! The shared vocabulary: what every module calls a thing.
//!
//! Plain data with its invariants. No I/O, no async, no clock.

mod access;
mod advisory;
mod annotation;
mod asked;
mod bulletin;
mod change;
mod clue;
mod count;
mod coverage;
mod decision;
mod download;
mod drift;
mod exception;
mod facts;
mod feed_age;
mod finding;
mod fingerprint;
mod hit;
mod hold;
mod host;
mod ids;
mod inventory;
mod known;
mod lifecycle;
mod machine;
mod mark;
mod nature;
mod need;
mod observed;
mod outcome;
mod plan;
mod platform;
mod selection;
mod severity;
mod sighting;
mod standing;
mod time;
mod trail;
mod trend;
mod unix;
mod verify;
mod windows;

pub use access::{AccessRecord, HostTrust, Protocol, ResultCode};
pub use advisory::{
    Advisory, AffectedProduct, BuildRow, Epss, ExploitPrediction, Fix, ProductKey, Restart,
    UpdateId, UpdateKind,
};
pub use annotation::{Annotation, LEFT_OUT, WorkStatus};
pub use asked::{is_about, is_asked, is_named, severity};
pub use bulletin::{
    Affected, Bulletin, ContentSet, FixStatus, KnownExploited, PackageScope, Spoken, VersionRange,
};
pub use change::{Change, ChangeKind, Changes};
pub use clue::{Clue, Fact};
pub use count::{number, plural, plural_word};
pub use coverage::{Canaries, CoverageRow, ScopePart, search_said};
pub use decision::{Decided, Decision};
pub use download::{Arch, Download, FileHash, RemedyFile, silent_switch};
pub use drift::{Drift, DriftRule, DriftState};
pub use exception::{Exception, ExceptionCount, ExceptionScope, ExceptionState};
pub use facts::HostFacts;
pub use feed_age::{CatalogAge, FeedAge};
pub use finding::{
    Confidence, Evidence, Finding, FindingState, Remedy, Witness, WitnessKind, without_name,
};
pub use fingerprint::{Certainty, Certificate, Claim, DeviceKind, Fingerprint, Role, Weakness};
pub use hit::AdvisoryHit;
pub use hold::{Holds, is_kernel_build};
pub use host::{HostIdentity, HostKey, LiveHost, NetworkInterface};
pub use ids::{BulletinId, CredentialId, ExceptionId, FindingId, FixId, MachineId, RunId, hex};
pub use inventory::{
    Inventory, Package, PackageManager, PackageState, Reboot, SeenBy, Service, ServiceTls,
    SourcePackage,
};
pub use known::{KnownList, KnownRecord, ListKind, Vouch};
pub use lifecycle::Lifecycle;
pub use machine::{FindingHistory, MachineRecord, RunState, RunSummary};
pub use mark::{FileMark, Marks};
pub use nature::{IMPACTS, Nature, impact_word};
pub use need::{Need, highest_fixed};
pub use observed::{Gap, GapCause, Observed};
pub use outcome::{Failure, HostFailure, HostOutcome, Stage};
pub use plan::{
    Late, LeftOpen, MachinePlan, Plan, PlanStep, RebootAfter, StepKind, Tool, Urgency, WhyLeft,
    Work, is_place,
};
pub use platform::{Family, Kernel, Platform, WindowsBuild, WindowsRelease, WindowsRole};
pub use selection::{Excepted, Selection};
pub use severity::Severity;
pub use sighting::{Answer, ProbeKind, Trace};
pub use standing::{
    Compared, Comparison, Conflict, Entry, ListCount, ListRow, ManagedState, Standing, SubnetCount,
};
pub use time::{Date, UtcTime};
pub use trail::{FirstTold, Reading, Trail, TrailAction, TrailEvent, TrailSource, When, between};
pub use trend::{TrendPoint, TrendSums};
pub use unix::{
    Container, LivePatch, PackageAction, PackageChange, PackageLog, SourceDanger, StaleProgram,
    Subscription, UnixFacts, UpdateSource,
};
pub use verify::{LeftUnverified, Verdict, Verification, Verified, VerifiedState};
pub use windows::{
    Component, ComponentKind, FileVersion, Hotfix, HotfixSource, HotfixState, KbId, Membership,
    Program, ProgramScope, SystemService, UpdateEvent, UpdateOutcome, UpdatePolicy, WebSite,
    WindowsFacts,
};
