//! How far along its stream a host is, and by which witnesses.
//!
//! Three sorts of evidence speak: the registry's UBR, the list of updates (package store, update client), and
//! the versions of the system's own files. Each may lag or be wrong: a build that the documents state too high,
//! a list that names what was rolled back, a UBR that is written before the restart. Where they contradict
//! each other the updates between them are neither in nor missing but `inconsistent` or `pending_reboot`.

use super::doubt::Doubt;
use super::host::Host;
use super::stream::{Apart, Part, Place, Stream};
use super::system::{Servicing, System};
use crate::catalog::{Month, ProductSlice};
use crate::model::{KbId, Witness, WitnessKind};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// How far along its stream a host is. All numbers count releases from the beginning.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// So many are in.
    pub(super) reached: usize,
    /// Up to here they wait for a restart.
    pub(super) pending: usize,
    /// Up to here the list says that they are in, and the registry that they are not.
    pub(super) claimed: usize,
    /// From here on the registry says that they are in, and the files that they are not.
    pub(super) doubted: usize,
    /// Those of which nothing tells whether they are in.
    pub(super) undecided: Range<usize>,
    /// Whether the host takes hotpatches.
    pub(super) hotpatched: bool,
    /// Single updates that one that is in replaces, as the documents say.
    pub(super) contained: HashSet<KbId>,
    is_rollup: bool,
    /// Whether cumulative updates bring the servicing stack with them, as they do from Windows 10 2004 on
    /// since February 2021: "Simplifying on-premises deployment of servicing stack updates", Microsoft.
    has_stack: bool,
    /// The month of the newest update for Internet Explorer alone that is in.
    explorer: Option<Month>,
    /// The release that the list shows as the newest one in.
    pub(super) listed: Option<KbId>,
    /// What was looked at.
    pub(super) witnesses: Vec<Witness>,
}

/// How many releases a host's files may lag behind its UBR: an update need not replace each of them.
const FILES_MAY_LAG: usize = 4;

impl Standing {
    /// `slices` are those of the system and of its parts.
    pub(super) fn of(
        system: &System,
        stream: &Stream<'_>,
        host: &Host<'_>,
        slices: &[&ProductSlice],
    ) -> Self {
        let mut standing = Self {
            hotpatched: is_hotpatched(stream, host),
            explorer: stream.newest_explorer(|kb| host.has(kb)),
            has_stack: *system.family.start() >= 19041,
            is_rollup: matches!(system.servicing, Servicing::Rollup { .. }),
            ..Self::default()
        };
        let (package, pending_package) = host.package_revisions();
        let by_ubr = host.ubr.map(|ubr| reached_by(stream, ubr));
        let by_package = package.map(|revision| reached_by(stream, revision));
        let is_listed = |at: &usize| stream.releases.get(*at).is_some_and(|one| host.has(one.kb));
        let last_listed = (0..stream.releases.len()).rev().find(is_listed);
        standing.listed = last_listed
            .and_then(|at| stream.releases.get(at))
            .map(|release| release.kb);
        let by_list = last_listed.map_or(0, |at| at + 1);
        let said = by_list.max(by_package.flatten().unwrap_or(0));
        standing.reached = match by_ubr {
            // The registry leaves nothing open.
            Some(Some(count)) if count >= said => count,
            Some(Some(count)) if is_slip(stream, host, count, said) => said,
            Some(Some(count)) => {
                if host.waits {
                    standing.pending = said;
                } else {
                    standing.claimed = said;
                }
                count
            }
            // Before the builds that documents state, or no UBR: the list decides.
            Some(None) | None => said,
        };
        standing.undecided = undecided(
            system,
            stream,
            host,
            &standing,
            by_list.max(by_package.map_or(0, |count| count.unwrap_or(0))),
        );
        let awaited = (0..stream.releases.len())
            .rev()
            .find(|at| {
                stream
                    .releases
                    .get(*at)
                    .is_some_and(|one| host.awaits(one.kb))
            })
            .map_or(0, |at| at + 1);
        let awaited = awaited.max(
            pending_package
                .and_then(|revision| reached_by(stream, revision))
                .unwrap_or(0),
        );
        standing.pending = standing.pending.max(awaited);
        standing.doubted = standing.doubted_from(stream, host);
        if system.servicing != Servicing::Cumulative {
            standing.contained = contained(&standing, stream, host, slices);
        }
        standing.witnesses = witnesses(stream, host, &standing);
        standing
    }

    /// From which release on the files say that they are not in.
    fn doubted_from(&self, stream: &Stream<'_>, host: &Host<'_>) -> usize {
        // A hotpatch leaves the files as they are.
        let Some((revision, _)) = host.file.filter(|_| !self.hotpatched) else {
            return self.reached;
        };
        let Some(by_files) = reached_by(stream, revision) else {
            // Older than every build that documents state: there the files lag, if the registry is far beyond.
            let first = stream
                .releases
                .iter()
                .position(|one| one.revision.is_some());
            let first = first.unwrap_or(self.reached);
            return self.lagging(first);
        };
        self.lagging(by_files)
    }

    /// A place of the files, where it is too far behind to be no lag of theirs.
    fn lagging(&self, files: usize) -> usize {
        if self.reached.saturating_sub(files) >= FILES_MAY_LAG {
            files
        } else {
            self.reached
        }
    }
}

/// How many releases a revision comes to; `None` where it is below every build that is stated.
fn reached_by(stream: &Stream<'_>, revision: u32) -> Option<usize> {
    let below = |release: &super::stream::Release<'_>| {
        release.revision.is_some_and(|brings| brings <= revision)
    };
    let last = stream.releases.iter().rposition(below);
    last.map(|at| at + 1)
}

/// Whether the documents, and not the host, are wrong: the update is listed as installed, and the UBR is beyond
/// the release before it. Then its build is stated too high.
fn is_slip(stream: &Stream<'_>, host: &Host<'_>, count: usize, said: usize) -> bool {
    let before = count.checked_sub(1).and_then(|at| stream.releases.get(at));
    let before = before.and_then(|release| release.revision);
    said == count + 1 && host.ubr > before
}

/// Releases of the time before builds were stated, where neither UBR nor list tells which of them are in.
fn undecided(
    system: &System,
    stream: &Stream<'_>,
    host: &Host<'_>,
    standing: &Standing,
    by_list: usize,
) -> Range<usize> {
    let first_built = stream
        .releases
        .iter()
        .position(|one| one.revision.is_some());
    let buildless = first_built.unwrap_or(stream.releases.len());
    let nothing = standing.reached..standing.reached;
    // What a list that was cut short lacks may be there.
    if host.gap.is_some() && host.ubr.is_none() {
        return standing.reached..stream.releases.len();
    }
    if by_list > 0 && by_list >= standing.reached {
        return nothing;
    }
    match (system.servicing, host.ubr) {
        // The list of a rollup system is complete, and that of a cumulative one is not.
        (Servicing::Rollup { .. } | Servicing::Single, _) if host.gap.is_none() => nothing,
        (_, Some(ubr)) if standing.reached == 0 => {
            let is_first = system.released_as.is_some_and(|release| ubr <= release);
            if is_first { nothing } else { 0..buildless }
        }
        // Beyond the last one that states its build, and before the next: those between state none.
        (_, Some(ubr)) => {
            let rest = stream.releases.iter().skip(standing.reached);
            let between = rest.take_while(|one| one.revision.is_none()).count();
            let last = standing.reached.checked_sub(1);
            let last = last.and_then(|at| stream.releases.get(at)?.revision);
            if Some(ubr) > last {
                standing.reached..standing.reached + between
            } else {
                nothing
            }
        }
        (_, None) => 0..stream.releases.len(),
    }
}

/// A UBR that only a hotpatch brings, or a hotpatch in the list.
fn is_hotpatched(stream: &Stream<'_>, host: &Host<'_>) -> bool {
    let is_release = |revision| {
        let mut releases = stream.releases.iter();
        releases.any(|release| release.revision == Some(revision))
    };
    stream.hotpatches().any(|(kb, revision)| {
        let by_ubr = revision.filter(|revision| !is_release(*revision));
        host.has(kb) || by_ubr.is_some() && by_ubr == host.ubr
    })
}

/// What the updates that are in replace, over as many steps as the documents tell.
fn contained(
    standing: &Standing,
    stream: &Stream<'_>,
    host: &Host<'_>,
    slices: &[&ProductSlice],
) -> HashSet<KbId> {
    let updates = slices.iter().flat_map(|slice| slice.updates());
    let edges: HashMap<KbId, &[KbId]> = updates
        .filter_map(|update| Some((update.id.kb()?, update.supersedes.as_slice())))
        .collect();
    let releases = stream.releases.iter().take(standing.reached);
    let mut next: Vec<KbId> = releases.map(|release| release.kb).collect();
    next.extend(host.installed());
    let mut found = HashSet::new();
    while let Some(kb) = next.pop() {
        for replaced in edges.get(&kb).copied().unwrap_or_default() {
            if found.insert(*replaced) {
                next.push(*replaced);
            }
        }
    }
    found
}

fn witnesses(stream: &Stream<'_>, host: &Host<'_>, standing: &Standing) -> Vec<Witness> {
    let mut witnesses = Vec::new();
    if let Some(ubr) = host.ubr {
        witnesses.push(Witness {
            kind: WitnessKind::Registry,
            source: "current-version (UBR)".to_owned(),
            value: ubr.to_string(),
            says_fixed: None,
        });
    }
    let listed = standing.listed.and_then(|kb| host.listed(kb, None));
    witnesses.extend(listed);
    let (package, pending) = host.package_revisions();
    for (revision, state) in [(package, "installed"), (pending, "pending_reboot")] {
        if let Some(revision) = revision {
            witnesses.push(Witness {
                kind: WitnessKind::Registry,
                source: "cbs-packages (RollupFix)".to_owned(),
                value: format!("{revision} {state}"),
                says_fixed: None,
            });
        }
    }
    if let Some((revision, path)) = host.file {
        witnesses.push(Witness {
            kind: WitnessKind::File,
            source: format!("files ({path})"),
            value: format!("revision {revision}"),
            says_fixed: None,
        });
    }
    if host.waits {
        witnesses.push(Witness {
            kind: WitnessKind::Service,
            source: "reboot signs".to_owned(),
            value: "waits for a restart".to_owned(),
            says_fixed: None,
        });
    }
    if let Some((kb, _)) = stream.hotpatches().find(|(kb, _)| host.has(*kb)) {
        witnesses.extend(host.listed(kb, None));
    }
    witnesses
}

/// Whether an update is in, as far as the stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// In by itself, or by a later one (`true`).
    In { later: bool },
    /// Said to be in, and contradicted.
    Claimed,
    /// In after a restart.
    Pending,
    /// Nothing tells.
    Undecided(Doubt),
    /// Not for this host: for installation media, or for hosts that take hotpatches.
    Never,
    /// Not in.
    Out,
}

impl Standing {
    /// Whether an update of the main stream is in.
    pub(super) fn main(&self, at: usize, host: &Host<'_>) -> Met {
        if at < self.reached {
            if at >= self.doubted {
                return Met::Claimed;
            }
            let later = at + 1 < self.reached;
            return Met::In { later };
        }
        if at < self.pending {
            return Met::Pending;
        }
        if at < self.claimed {
            return Met::Claimed;
        }
        if self.undecided.contains(&at) {
            return Met::Undecided(match (host.gap, host.ubr) {
                (_, Some(_)) => Doubt::BeforeBuilds,
                (Some(_), None) => Doubt::NoList,
                (None, None) => Doubt::NoBuild,
            });
        }
        Met::Out
    }

    /// Whether any update of the system is in.
    pub(super) fn met(&self, stream: &Stream<'_>, host: &Host<'_>, kb: KbId) -> Met {
        let own = |otherwise: Met| match () {
            () if host.has(kb) => Met::In { later: false },
            () if host.awaits(kb) => Met::Pending,
            () if host.gap.is_some() && otherwise == Met::Out => Met::Undecided(Doubt::NoList),
            () => otherwise,
        };
        // The newest month of which a rollup is in.
        let rolled = |at_least| {
            let newest = self.reached.checked_sub(1).and_then(|at| stream.month(at));
            newest.is_some_and(|newest| newest >= at_least)
        };
        match stream.place(kb) {
            Some(Place::Main(at)) => self.main(at, host),
            Some(Place::Hotpatch(revision)) => {
                let by_ubr = self.hotpatched && revision.is_some() && host.ubr >= revision;
                match () {
                    () if by_ubr || host.has(kb) => Met::In {
                        later: !host.has(kb),
                    },
                    () if host.awaits(kb) => Met::Pending,
                    () if self.hotpatched => Met::Out,
                    // Nothing is patched hot on this host.
                    () => Met::Never,
                }
            }
            Some(Place::Within(part, month)) => {
                let later_part = part == Part::Explorer && self.explorer >= Some(month);
                if later_part || rolled(month) {
                    Met::In {
                        later: !host.has(kb),
                    }
                } else {
                    own(Met::Out)
                }
            }
            Some(Place::Before(month)) => match self.reached.checked_sub(1) {
                Some(at) if stream.month(at) > Some(month) => Met::In {
                    later: !host.has(kb),
                },
                _ => own(Met::Out),
            },
            Some(Place::Apart(apart, month)) => self.apart(stream, host, kb, (apart, month)),
            Some(Place::Single) if self.contained.contains(&kb) => Met::In {
                later: !host.has(kb),
            },
            Some(Place::Single) if self.is_rollup && self.reached > 0 => {
                own(Met::Undecided(Doubt::UnderRollup))
            }
            Some(Place::Single) | None => own(Met::Out),
            Some(Place::Setup) => Met::Never,
        }
    }

    fn apart(
        &self,
        stream: &Stream<'_>,
        host: &Host<'_>,
        kb: KbId,
        (apart, month): (Apart, Option<Month>),
    ) -> Met {
        if host.has(kb) {
            return Met::In { later: false };
        }
        if stream
            .later_apart(apart, month)
            .any(|later| host.has(later))
        {
            return Met::In { later: true };
        }
        if host.awaits(kb) {
            return Met::Pending;
        }
        match apart {
            Apart::SecureBoot => Met::Undecided(Doubt::SecureBoot),
            Apart::Recovery => Met::Undecided(Doubt::Recovery),
            Apart::BesideHotpatch if self.hotpatched => Met::Out,
            Apart::BesideHotpatch => Met::Never,
            Apart::ServicingStack
                if self.has_stack && stream.stack(kb).is_some() && host.ubr >= stream.stack(kb) =>
            {
                Met::In { later: true }
            }
            Apart::ServicingStack if stream.stack(kb).is_some() => match host.stack {
                Some(revision) if Some(revision) >= stream.stack(kb) => Met::In { later: true },
                Some(_) => Met::Out,
                None => Met::Undecided(Doubt::ServicingStack),
            },
            Apart::ServicingStack => {
                // A servicing stack is built with the cumulative update of its month.
                let reached = host.stack.and_then(|revision| reached_by(stream, revision));
                let built = reached.and_then(|count| stream.month(count.checked_sub(1)?));
                match built {
                    Some(built) if Some(built) >= month => Met::In { later: true },
                    Some(_) => Met::Out,
                    None => Met::Undecided(Doubt::ServicingStack),
                }
            }
            Apart::Flash => {
                // The cumulative updates and rollups of July 2021 take Flash Player away (KB4577586).
                const REMOVED: Month = Month {
                    year: 2021,
                    month: 7,
                };
                let newest = self.reached.checked_sub(1).and_then(|at| stream.month(at));
                match newest {
                    Some(newest) if newest >= REMOVED => Met::In { later: true },
                    _ => Met::Undecided(Doubt::Flash),
                }
            }
        }
    }
}
