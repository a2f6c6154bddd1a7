//! What a Windows says of its own updates, as the rules ask for it.

use super::Case;
use super::system::System;
use crate::model::{
    Arch, Gap, GapCause, Hotfix, HotfixSource, HotfixState, KbId, Observed, Witness, WitnessKind,
};
use std::collections::HashMap;

/// What a host says of its own updates.
pub(super) struct Host<'a> {
    /// The machine's architecture.
    pub(super) arch: Option<Arch>,
    /// The build of the registry.
    pub(super) build: u32,
    /// The UBR of the registry.
    pub(super) ubr: Option<u32>,
    /// Why the list of updates is not known, or not in full: then what it lacks may be there.
    pub(super) gap: Option<&'a Gap>,
    hotfixes: HashMap<KbId, &'a Hotfix>,
    /// The revisions that cumulative packages bring, with how far they are installed.
    packages: Vec<(u32, &'a Hotfix)>,
    /// The newest servicing stack's revision.
    pub(super) stack: Option<u32>,
    /// The highest revision of the system's own files, and its path.
    pub(super) file: Option<(u32, &'a str)>,
    /// Whether the host says that it waits for a restart.
    pub(super) waits: bool,
}

/// Files that nearly every cumulative update replaces.
const SYSTEM_FILES: &[&str] = &[
    r"\system32\ntoskrnl.exe",
    r"\system32\win32k.sys",
    r"\system32\win32kfull.sys",
    r"\system32\localspl.dll",
    r"\system32\schannel.dll",
    r"\system32\drivers\srv2.sys",
    r"\system32\drivers\http.sys",
    r"\system32\drivers\tcpip.sys",
];

impl<'a> Host<'a> {
    pub(super) fn new(case: &Case<'a>, system: &System) -> Self {
        let facts = case.facts;
        let list = facts.hotfixes.known().map_or(&[][..], Vec::as_slice);
        let mut hotfixes: HashMap<KbId, &Hotfix> = HashMap::new();
        let mut packages = Vec::new();
        let mut stack = None;
        for hotfix in list {
            if let Some(kb) = hotfix.kb {
                let slot = hotfixes.entry(kb).or_insert(hotfix);
                if rank(hotfix.state) > rank(slot.state) {
                    *slot = hotfix;
                }
            }
            let revision = hotfix.build.as_deref();
            let revision = revision.and_then(|build| system.package_revision(build));
            match (hotfix.kind.as_deref(), revision) {
                (Some("RollupFix"), Some(revision)) => packages.push((revision, hotfix)),
                (Some("ServicingStack"), Some(revision)) if is_in(hotfix.state) => {
                    stack = stack.max(Some(revision));
                }
                (Some("ServicingStack"), _) => {}
                // An article that names a build of the system brings it, whether or not anybody knows the article.
                (_, Some(revision)) if hotfix.kb.is_some() => packages.push((revision, hotfix)),
                _ => {}
            }
        }
        let files = facts.files.known().map_or(&[][..], Vec::as_slice);
        let own = files.iter().filter_map(|file| {
            let [_, _, build, revision] = file.version;
            let is_own = system.family.contains(&build)
                && SYSTEM_FILES.iter().any(|end| file.path.ends_with(end));
            is_own.then_some((revision, file.path.as_str()))
        });
        Self {
            arch: case
                .inventory
                .platform
                .arch
                .as_deref()
                .and_then(Arch::parse),
            build: case.release.build.build,
            ubr: case.release.build.ubr,
            gap: facts.hotfixes.gap().or_else(|| incomplete(case, list)),
            hotfixes,
            packages,
            stack,
            file: own.max(),
            waits: matches!(&case.inventory.reboot, Observed::Known(reboot) if reboot.required),
        }
    }

    /// Whether the list says that an update is in, or was until a later one replaced it.
    pub(super) fn has(&self, kb: KbId) -> bool {
        self.hotfixes.get(&kb).is_some_and(|one| is_in(one.state))
    }

    /// Whether an update waits for a restart.
    pub(super) fn awaits(&self, kb: KbId) -> bool {
        let hotfix = self.hotfixes.get(&kb);
        hotfix.is_some_and(|one| one.state == HotfixState::PendingReboot)
    }

    /// The updates that the list says are in.
    pub(super) fn installed(&self) -> impl Iterator<Item = KbId> {
        let hotfixes = self.hotfixes.iter();
        hotfixes
            .filter(|(_, one)| is_in(one.state))
            .map(|(kb, _)| *kb)
    }

    /// The highest revision of a rollup package that is in, and of one that waits for a restart.
    pub(super) fn package_revisions(&self) -> (Option<u32>, Option<u32>) {
        let highest = |state: fn(HotfixState) -> bool| {
            let packages = self.packages.iter();
            packages
                .filter(|(_, hotfix)| state(hotfix.state))
                .map(|(revision, _)| *revision)
                .max()
        };
        (
            highest(is_in),
            highest(|state| state == HotfixState::PendingReboot),
        )
    }

    /// What the package list says of the release that decides, as a witness.
    pub(super) fn listed(&self, kb: KbId, says_fixed: Option<bool>) -> Option<Witness> {
        let hotfix = self.hotfixes.get(&kb)?;
        let sources: Vec<&str> = hotfix.seen_in.iter().map(|one| one.as_str()).collect();
        Some(Witness {
            kind: WitnessKind::Registry,
            source: format!("hotfixes ({})", sources.join(", ")),
            value: format!("{kb} {}", hotfix.state.as_str()),
            says_fixed,
        })
    }
}

/// The question that was answered in part only. Where the package store answered, nothing is lost.
fn incomplete<'a>(case: &Case<'a>, list: &[Hotfix]) -> Option<&'a Gap> {
    let by_store = |hotfix: &Hotfix| hotfix.seen_in.contains(&HotfixSource::Cbs);
    if list.iter().any(by_store) {
        return None;
    }
    let mut gaps = case.inventory.gaps.iter();
    gaps.find(|gap| gap.question == "qfe" && gap.cause == GapCause::Malformed)
}

fn is_in(state: HotfixState) -> bool {
    matches!(state, HotfixState::Installed | HotfixState::Superseded)
}

/// Of two words on one update, the one that says more.
fn rank(state: HotfixState) -> u8 {
    match state {
        HotfixState::Installed => 5,
        HotfixState::PendingReboot => 4,
        HotfixState::Superseded => 3,
        HotfixState::Inconsistent => 2,
        HotfixState::Staged => 1,
        HotfixState::Removed => 0,
    }
}
