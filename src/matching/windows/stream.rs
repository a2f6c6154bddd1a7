//! The order in which the updates of a system came out, and which of them contains which.
//!
//! What one update replaces is told only now and then ("Supercedence"), and the chain breaks at every month
//! that leaves it out. So the order comes from builds and months: an update of a stream has all that earlier
//! ones of it have. A build that is stated for the system of somebody else, or that does not fit its month, is
//! a slip of the documents: its update is placed by its number instead.

use super::system::{Servicing, System};
use crate::catalog::{Month, ProductSlice, Update};
use crate::model::{KbId, UpdateKind};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// The updates of a system in their order.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    /// The cumulative updates or monthly rollups, oldest first: each has all that those before have.
    pub(super) releases: Vec<Release<'a>>,
    places: HashMap<KbId, Place>,
    /// The revisions that servicing stacks bring, where their documents say.
    stacks: HashMap<KbId, u32>,
}

/// A cumulative update or monthly rollup.
#[derive(Debug)]
pub(super) struct Release<'a> {
    pub(super) kb: KbId,
    pub(super) update: &'a Update,
    /// The UBR that it brings, where its documents say.
    pub(super) revision: Option<u32>,
}

/// Where an update belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the releases, at this place.
    Main(usize),
    /// A hotpatch that brings this UBR.
    Hotpatch(Option<u32>),
    /// Contained in the rollups of this month and later: security-only updates, those for Internet Explorer.
    Within(Part, Month),
    /// A single update, contained in the rollups of later months.
    Before(Month),
    /// Of a stream of its own.
    Apart(Apart, Option<Month>),
    /// A single update of the time before rollups: no rollup is known to contain it.
    Single,
    /// For installation media.
    Setup,
}

/// What a monthly rollup contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The security fixes of one month.
    SecurityOnly,
    /// Internet Explorer, of this month and all before.
    Explorer,
}

/// Streams that neither cumulative updates nor rollups contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Apart {
    /// The list of boot loaders that Secure Boot refuses.
    SecureBoot,
    /// The servicing stack, while it was an update of its own.
    ServicingStack,
    /// The recovery environment on its own partition.
    Recovery,
    /// Adobe Flash Player.
    Flash,
    /// What a hotpatch leaves open.
    BesideHotpatch,
}

/// Builds that the documents state wrongly, after Microsoft's release history: KB, stated, right.
const CORRECTIONS: &[(u32, u32, u32)] = &[(5_021_255, 993, 963), (5_014_678, 770, 768)];

static APART: LazyLock<BTreeMap<KbId, Apart>> = LazyLock::new(|| {
    let lines = include_str!("apart.csv").lines();
    let rows = lines.filter_map(|line| {
        let (kb, stream) = line.split_once(',')?;
        let stream = match stream {
            "dbx" => Apart::SecureBoot,
            "winre" => Apart::Recovery,
            "single" => Apart::BesideHotpatch,
            _ => return None,
        };
        Some((KbId(kb.parse().ok()?), stream))
    });
    rows.collect()
});

impl<'a> Stream<'a> {
    /// Orders the updates of a system's own slice, and of those of its parts (Internet Explorer, …).
    pub(super) fn new(system: &System, own: &'a ProductSlice, parts: &[&'a ProductSlice]) -> Self {
        let mut places = HashMap::new();
        let mut candidates: Vec<Release<'a>> = Vec::new();
        for update in own.updates() {
            let Some(kb) = update.id.kb() else { continue };
            match place(system, update, kb) {
                Some(place) => {
                    places.insert(kb, place);
                }
                None => candidates.push(candidate(system, update, kb)),
            }
        }
        // Some cumulative updates are told of for Internet Explorer only.
        let parts_of_stream = parts.iter().filter(|part| !is_flash(part));
        for update in parts_of_stream.flat_map(|part| part.updates()) {
            let Some(kb) = update.id.kb() else { continue };
            let is_known = places.contains_key(&kb) || candidates.iter().any(|one| one.kb == kb);
            if !is_known && place(system, update, kb).is_none() {
                candidates.push(candidate(system, update, kb));
            }
        }
        let (releases, strays) = ordered(candidates);
        for (at, release) in releases.iter().enumerate() {
            places.insert(release.kb, Place::Main(at));
        }
        let stacks = own.updates().iter().filter_map(|update| {
            let kb = update.id.kb()?;
            let is_stack = places
                .get(&kb)
                .is_some_and(|place| matches!(place, Place::Apart(Apart::ServicingStack, _)));
            is_stack.then(|| Some((kb, revision(system, update, kb)?)))?
        });
        let stacks = stacks.collect();
        let mut stream = Self {
            releases,
            places,
            stacks,
        };
        for stray in strays {
            stream.place_by_number(stray.kb);
        }
        for part in parts {
            stream.add_part(system, part);
        }
        stream
    }

    /// Where an update belongs; `None` for one that the documents do not name for this system.
    pub(super) fn place(&self, kb: KbId) -> Option<Place> {
        self.places.get(&kb).copied()
    }

    /// The revision that a servicing stack brings.
    pub(super) fn stack(&self, kb: KbId) -> Option<u32> {
        self.stacks.get(&kb).copied()
    }

    /// The month of a release.
    pub(super) fn month(&self, at: usize) -> Option<Month> {
        self.releases
            .get(at)
            .and_then(|release| release.update.released)
    }

    /// The hotpatches, with the UBRs that they bring.
    pub(super) fn hotpatches(&self) -> impl Iterator<Item = (KbId, Option<u32>)> {
        self.places.iter().filter_map(|(kb, place)| match place {
            Place::Hotpatch(revision) => Some((*kb, *revision)),
            _ => None,
        })
    }

    /// The month of the newest update for Internet Explorer of those that are `wanted`.
    pub(super) fn newest_explorer(&self, wanted: impl Fn(KbId) -> bool) -> Option<Month> {
        let places = self.places.iter();
        let months = places.filter_map(|(kb, place)| match place {
            Place::Within(Part::Explorer, month) if wanted(*kb) => Some(*month),
            _ => None,
        });
        months.max()
    }

    /// The later updates of a stream of its own.
    pub(super) fn later_apart(
        &self,
        apart: Apart,
        month: Option<Month>,
    ) -> impl Iterator<Item = KbId> {
        self.places
            .iter()
            .filter_map(move |(kb, place)| match place {
                Place::Apart(stream, of) if *stream == apart && *of > month => Some(*kb),
                _ => None,
            })
    }

    fn add_part(&mut self, system: &System, part: &'a ProductSlice) {
        let is_flash = is_flash(part);
        let is_explorer = part.key().as_str().starts_with("internet explorer");
        for update in part.updates() {
            let Some(kb) = update.id.kb() else { continue };
            if self.places.contains_key(&kb) {
                continue;
            }
            let place = match (place(system, update, kb), update.released) {
                (_, month) if is_flash => Place::Apart(Apart::Flash, month),
                (Some(Place::Single | Place::Before(_)), Some(month)) if is_explorer => {
                    Place::Within(Part::Explorer, month)
                }
                (Some(place), _) => place,
                // Among the releases already.
                (None, _) => continue,
            };
            self.places.insert(kb, place);
        }
    }

    /// Places an update beside the release whose number is nearest.
    fn place_by_number(&mut self, kb: KbId) {
        let places = 0..self.releases.len();
        let distance = |at: &usize| {
            let release = self.releases.get(*at);
            release.map_or(u32::MAX, |release| release.kb.0.abs_diff(kb.0))
        };
        let nearest = places.min_by_key(distance);
        let place = nearest.map_or(Place::Single, Place::Main);
        self.places.insert(kb, place);
    }
}

fn is_flash(part: &ProductSlice) -> bool {
    part.key().as_str().starts_with("adobe flash player")
}

/// Where an update belongs by itself; `None` for one of the main stream.
fn place(system: &System, update: &Update, kb: KbId) -> Option<Place> {
    let month = update.released;
    let replaced = update.supersedes.iter().find_map(|kb| APART.get(kb));
    if let Some(stream) = APART.get(&kb).or(replaced) {
        return Some(Place::Apart(*stream, month));
    }
    match update.kind {
        UpdateKind::ServicingStack => return Some(Place::Apart(Apart::ServicingStack, month)),
        UpdateKind::SetupDynamic => return Some(Place::Setup),
        _ => {}
    }
    match system.servicing {
        Servicing::Cumulative => match update.kind {
            UpdateKind::Hotpatch => Some(Place::Hotpatch(revision(system, update, kb))),
            UpdateKind::SecurityOnly | UpdateKind::Standalone => Some(Place::Single),
            _ => None,
        },
        Servicing::Single => Some(Place::Single),
        Servicing::Rollup { since } => {
            let Some(month) = month.filter(|month| *month >= since) else {
                return Some(Place::Single);
            };
            match update.kind {
                UpdateKind::MonthlyRollup => None,
                UpdateKind::SecurityOnly => Some(Place::Within(Part::SecurityOnly, month)),
                UpdateKind::IeCumulative => Some(Place::Within(Part::Explorer, month)),
                _ => Some(Place::Before(month)),
            }
        }
    }
}

fn candidate<'a>(system: &System, update: &'a Update, kb: KbId) -> Release<'a> {
    Release {
        kb,
        update,
        revision: revision(system, update, kb),
    }
}

/// The UBR that most records state.
fn revision(system: &System, update: &Update, kb: KbId) -> Option<u32> {
    let mut stated = update.builds.iter();
    let found = stated.find_map(|build| system.revision(build))?;
    let corrected = CORRECTIONS
        .iter()
        .find(|(of, wrong, _)| *of == kb.0 && *wrong == found);
    Some(corrected.map_or(found, |(_, _, right)| *right))
}

/// Puts releases in order, and those aside whose builds are of another system or do not fit their months.
fn ordered(candidates: Vec<Release<'_>>) -> (Vec<Release<'_>>, Vec<Release<'_>>) {
    let (mut built, others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|release| release.revision.is_some());
    let (foreign, buildless): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|release| release.update.builds.iter().any(|build| is_windows(build)));
    built.sort_by_key(|release| (release.revision, release.update.released, release.kb));
    let (mut releases, mut strays) = in_step(built);
    let months: HashSet<Option<Month>> = releases.iter().map(|one| one.update.released).collect();
    // The build of another system for the only update of a month is a slip in one number.
    let (foreign, own): (Vec<_>, Vec<_>) = foreign
        .into_iter()
        .partition(|release| months.contains(&release.update.released));
    strays.extend(foreign);
    // Documents before May 2021 state no builds: those go by their months.
    for mut release in buildless.into_iter().chain(own) {
        let key = |one: &Release<'_>| (one.update.released, one.kb);
        let at = releases.partition_point(|one| key(one) < key(&release));
        let before = at.checked_sub(1).and_then(|at| releases.get(at)?.revision);
        let after = releases.get(at).and_then(|one| one.revision);
        release.revision = stated(release.update).filter(|own| {
            before.is_some_and(|before| before < *own) && after.is_some_and(|after| *own < after)
        });
        releases.insert(at, release);
    }
    (releases, strays)
}

/// The UBR that most records state, whatever the build before it.
fn stated(update: &Update) -> Option<u32> {
    let build = update.builds.iter().find(|build| is_windows(build))?;
    build.rsplit('.').next()?.parse().ok()
}

/// Whether a version is one of Windows itself: `10.0.22621.5189`.
fn is_windows(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    let [Some(Ok(major)), _, Some(Ok(build)), Some(Ok(_))] =
        [parts.next(), parts.next(), parts.next(), parts.next()]
    else {
        return false;
    };
    matches!(major, 6 | 10) && build > 2000
}

/// Splits releases, sorted by build, into those whose months or numbers are in step with it, of which as many flaws
/// as possible speak, and the others.
fn in_step(releases: Vec<Release<'_>>) -> (Vec<Release<'_>>, Vec<Release<'_>>) {
    // The best chain that ends at each release: its weight, and the one before.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(releases.len());
    for release in &releases {
        let month = release.update.released;
        let before = releases.iter().zip(&best).enumerate();
        let before = before
            .filter(|(_, (earlier, _))| {
                // An update that is told of in an earlier month only has the number of its own.
                earlier.update.released <= month || earlier.kb < release.kb
            })
            .max_by_key(|(_, (_, (weight, _)))| *weight)
            .map(|(at, (_, (weight, _)))| (at, *weight));
        let own = release.update.flaws.max(1);
        best.push(match before {
            Some((at, weight)) => (weight + own, Some(at)),
            None => (own, None),
        });
    }
    let heaviest = best
        .iter()
        .enumerate()
        .max_by_key(|(_, (weight, _))| *weight);
    let mut next = heaviest.map(|(at, _)| at);
    let mut keep = vec![false; releases.len()];
    while let Some(at) = next {
        if let Some(flag) = keep.get_mut(at) {
            *flag = true;
        }
        next = best.get(at).and_then(|(_, before)| *before);
    }
    let mut flags = keep.into_iter();
    releases
        .into_iter()
        .partition(|_| flags.next().unwrap_or_default())
}
