//! The verdicts on the updates of a Windows itself, and of the parts that come with it.

mod evidence;
mod remedy;

use super::Case;
use super::doubt::Doubt;
use super::host::Host;
use super::row::Row;
use super::standing::{Met, Standing};
use super::stream::{Place, Stream};
use super::support::Support;
use super::system::{Servicing, System};
use super::words;
use crate::catalog::{Flaw, ProductSlice, Update};
use crate::matching::Which;
use crate::model::{BulletinId, Confidence, Evidence, Finding, FindingState, KbId, UtcTime};
use std::collections::{BTreeMap, HashMap};

/// A Windows with all that its documents say of it, and how far along it is.
pub(super) struct Serviced<'a> {
    system: &'a System,
    slices: Vec<&'a ProductSlice>,
    stream: Stream<'a>,
    host: Host<'a>,
    standing: Standing,
    support: Support,
    updates: HashMap<KbId, &'a Update>,
    display: String,
}

/// What becomes of a flaw, and under which update it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Heading {
    /// A release of the main stream.
    Main(usize, Told),
    /// Any other update.
    Other(KbId, Told),
    /// No update: all that one open question leaves undecided.
    Doubt(Doubt),
    /// No update is stated, and the flaw is new.
    NoFix,
    /// No update is stated, and the flaw is old: there may have been one.
    NoFixStated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Told {
    Out,
    Claimed,
    Pending,
    In,
    InLater,
    Never,
}

impl<'a> Serviced<'a> {
    /// `parts` are the slices of what comes with the system: `internet explorer 11 on …`.
    pub(super) fn new(
        case: &Case<'a>,
        system: &'a System,
        own: &'a ProductSlice,
        parts: &[&'a ProductSlice],
    ) -> Self {
        let stream = Stream::new(system, own, parts);
        let host = Host::new(case, system);
        let slices: Vec<&ProductSlice> = [own].into_iter().chain(parts.iter().copied()).collect();
        let standing = Standing::of(system, &stream, &host, &slices);
        let newest = standing.reached.checked_sub(1);
        let newest = newest.and_then(|at| stream.month(at));
        let all = slices.iter().flat_map(|slice| slice.updates());
        Self {
            system,
            updates: all
                .filter_map(|update| Some((update.id.kb()?, update)))
                .collect(),
            slices,
            support: Support::of(case.known.lifecycle, newest),
            stream,
            host,
            standing,
            display: words::display(&system.key),
        }
    }

    /// Whether an update of the system is in; `None` where it is none of the system's, or nothing tells.
    pub(super) fn holds(&self, kb: KbId) -> Option<bool> {
        self.stream.place(kb)?;
        match self.standing.met(&self.stream, &self.host, kb) {
            Met::In { .. } => Some(true),
            Met::Out | Met::Claimed | Met::Pending => Some(false),
            Met::Undecided(_) | Met::Never => None,
        }
    }

    /// The findings, a row for each update that is not in and closes something.
    pub(super) fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut rows: BTreeMap<Heading, Vec<&'a Flaw>> = BTreeMap::new();
        for slice in &self.slices {
            for flaw in slice.flaws() {
                let heading = self.heading(case, slice, flaw);
                let is_closed = matches!(
                    heading,
                    Heading::Main(_, Told::In | Told::InLater | Told::Never)
                        | Heading::Other(_, Told::In | Told::InLater | Told::Never)
                );
                if !is_closed || case.which == Which::All {
                    rows.entry(heading).or_default().push(flaw);
                }
            }
        }
        // A flaw of the system may be one of its parts as well.
        for flaws in rows.values_mut() {
            flaws.sort_by(|a, b| a.id.cmp(&b.id));
            flaws.dedup_by(|a, b| a.id == b.id);
        }
        let open: Vec<Heading> = rows.keys().copied().collect();
        let rows = rows.into_iter();
        let rows = rows.filter_map(|(heading, flaws)| self.row(heading, flaws, &open));
        rows.map(Finding::from).collect()
    }

    /// Under which update a flaw is told. Any one update that is in closes it.
    fn heading(&self, case: &Case<'_>, slice: &ProductSlice, flaw: &Flaw) -> Heading {
        let mut best: Option<Heading> = None;
        let mut doubt = None;
        for fix in &flaw.fixes {
            let update = slice.updates().get(fix.update);
            let Some(kb) = update.and_then(|update| update.id.kb()) else {
                continue;
            };
            let (kb, met) = self.together(kb, &fix.together_with);
            let told = match met {
                Met::In { later: false } => Told::In,
                Met::In { later: true } => Told::InLater,
                Met::Claimed => Told::Claimed,
                Met::Pending => Told::Pending,
                Met::Never => Told::Never,
                Met::Out => Told::Out,
                Met::Undecided(why) => {
                    doubt = doubt.max(Some(why));
                    continue;
                }
            };
            let heading = match self.stream.place(kb) {
                Some(Place::Main(at)) => Heading::Main(at, told),
                _ => Heading::Other(kb, told),
            };
            if best.is_none_or(|best| precedence(heading) > precedence(best)) {
                best = Some(heading);
            }
        }
        // Beside an open question, an update that is not in may not be the one that would be needed.
        let is_out = matches!(
            best,
            None | Some(Heading::Main(_, Told::Out) | Heading::Other(_, Told::Out | Told::Never))
        );
        match (best, doubt) {
            (_, Some(doubt)) if is_out => Heading::Doubt(doubt),
            (Some(best), _) => best,
            (None, _) if is_new(case, flaw) => Heading::NoFix,
            (None, _) => Heading::NoFixStated,
        }
    }

    /// Of an update and those that are needed beside it, the one that is least in.
    fn together(&self, kb: KbId, others: &[KbId]) -> (KbId, Met) {
        let met = |kb| (kb, self.standing.met(&self.stream, &self.host, kb));
        let all: Vec<(KbId, Met)> = [kb].iter().chain(others).copied().map(met).collect();
        let weight = |met: Met| match met {
            Met::In { later: true } => 0,
            Met::In { later: false } => 1,
            Met::Never => 2,
            Met::Pending => 3,
            Met::Claimed => 4,
            Met::Undecided(_) => 5,
            Met::Out => 6,
        };
        // The first of equals.
        let least = all.into_iter().rev().max_by_key(|(_, met)| weight(*met));
        least.unwrap_or((kb, Met::Out))
    }

    fn row(&self, heading: Heading, flaws: Vec<&'a Flaw>, all: &[Heading]) -> Option<Row<'a>> {
        let slice = *self.slices.first()?;
        let (kb, month, told) = match heading {
            Heading::Main(at, told) => {
                let release = self.stream.releases.get(at)?;
                (release.kb, release.update.released, told)
            }
            Heading::Other(kb, told) => {
                let update = self.updates.get(&kb);
                (kb, update.and_then(|update| update.released), told)
            }
            Heading::Doubt(doubt) => return Some(self.doubted(doubt, slice, flaws)),
            Heading::NoFix => return Some(self.without_fix(true, slice, flaws)),
            Heading::NoFixStated => return Some(self.without_fix(false, slice, flaws)),
        };
        let state = match told {
            Told::Out => self.support.state(month),
            Told::Claimed if self.host.waits => FindingState::PendingReboot,
            Told::Claimed => FindingState::Inconsistent,
            Told::Pending => FindingState::PendingReboot,
            Told::In => FindingState::Fixed,
            Told::InLater => FindingState::Superseded,
            Told::Never => FindingState::NotApplicable,
        };
        let update = self.updates.get(&kb).copied();
        let is_to_install = !state.is_closed() && state != FindingState::EndOfLife;
        let remedy = is_to_install.then(|| self.remedy(heading, state, all));
        Some(Row {
            slice,
            flaws,
            bulletin: BulletinId::new(kb.to_string()),
            title: self.title(update, kb),
            product: self.display.clone(),
            installed: self.installed(),
            fixed: self.brings(kb),
            state,
            confidence: self.confidence(state),
            remedy,
            evidence: self.evidence(heading, kb, update, told),
        })
    }

    /// `2026-04 cumulative update for Windows Server 2019 (KB5082123)`
    fn title(&self, update: Option<&Update>, kb: KbId) -> String {
        let month = update.and_then(|update| update.released);
        let month = month.map(|month| format!("{month} ")).unwrap_or_default();
        format!(
            "{month}{} for {} ({kb})",
            self.kind(kb, update),
            self.display
        )
    }

    fn kind(&self, kb: KbId, update: Option<&Update>) -> &'static str {
        match (self.stream.place(kb), self.system.servicing) {
            (Some(Place::Main(_)), Servicing::Cumulative) => "cumulative update",
            (Some(Place::Main(_)), _) => "monthly rollup",
            _ => update.map_or("update", |update| update.kind.as_str()),
        }
    }

    /// The version that an update brings, in the host's own words.
    fn brings(&self, kb: KbId) -> Option<String> {
        let Place::Main(at) = self.stream.place(kb)? else {
            return None;
        };
        let revision = self.stream.releases.get(at)?.revision?;
        Some(format!("{}.{revision}", self.host.build))
    }

    fn installed(&self) -> String {
        match self.host.ubr {
            Some(ubr) => format!("{}.{ubr}", self.host.build),
            None => self.host.build.to_string(),
        }
    }

    /// A list of updates shows which cumulative update is in, and seldom all of them.
    fn confidence(&self, state: FindingState) -> Confidence {
        match (self.system.servicing, self.host.ubr) {
            _ if state == FindingState::Inconsistent => Confidence::Medium,
            (Servicing::Cumulative, None) => Confidence::Medium,
            _ => Confidence::High,
        }
    }

    /// One row for all that one question leaves open.
    fn doubted(&self, doubt: Doubt, slice: &'a ProductSlice, flaws: Vec<&'a Flaw>) -> Row<'a> {
        let (id, state, question, why) = doubt.words();
        let count = flaws.len();
        let plural = if count == 1 { "" } else { "s" };
        Row {
            slice,
            flaws,
            bulletin: match state {
                FindingState::Unknown => BulletinId::unjudged(id),
                _ => BulletinId::new(format!("unverified:{id}")),
            },
            title: format!(
                "{count} flaw{plural} of {}, not decided: {why}",
                self.display
            ),
            product: self.display.clone(),
            installed: self.installed(),
            fixed: None,
            state,
            confidence: Confidence::Low,
            remedy: None,
            evidence: Evidence {
                observed: self.installed(),
                question: question.to_owned(),
                rule: match self.host.gap.filter(|_| doubt == Doubt::NoList) {
                    Some(gap) => format!("no answer to {}: {}", gap.question, gap.cause.as_str()),
                    None => why.to_owned(),
                },
                record: self.system.key.to_string(),
                witnesses: self.standing.witnesses.clone(),
            },
        }
    }

    /// One row for the flaws for which the documents name no update.
    fn without_fix(&self, is_new: bool, slice: &'a ProductSlice, flaws: Vec<&'a Flaw>) -> Row<'a> {
        let count = flaws.len();
        let (id, state, rule) = if is_new {
            (
                "no-fix-yet",
                FindingState::NoFixYet,
                "the publisher calls it affected, and no update is out",
            )
        } else {
            (
                "unverified:no-update-stated",
                FindingState::Unverified,
                "the publisher calls it affected and names no update for it: read the advisories, some want a setting",
            )
        };
        let plural = if count == 1 { "" } else { "s" };
        Row {
            slice,
            flaws,
            bulletin: BulletinId::new(id),
            title: format!("{count} flaw{plural} of {} without an update", self.display),
            product: self.display.clone(),
            installed: self.installed(),
            fixed: None,
            state,
            confidence: Confidence::Medium,
            remedy: None,
            evidence: Evidence {
                observed: self.installed(),
                question: "current-version".to_owned(),
                rule: rule.to_owned(),
                record: self.system.key.to_string(),
                witnesses: Vec::new(),
            },
        }
    }
}

/// Which of two alternatives a flaw is told under: what closes it, what may, then the earliest release.
fn precedence(heading: Heading) -> (u8, u8, std::cmp::Reverse<usize>, std::cmp::Reverse<u32>) {
    let (told, is_main, at, kb) = match heading {
        Heading::Main(at, told) => (told, 1, at, 0),
        Heading::Other(kb, told) => (told, 0, 0, kb.0),
        _ => (Told::Never, 0, 0, 0),
    };
    let told = match told {
        Told::In => 6,
        Told::InLater => 5,
        Told::Claimed => 4,
        Told::Pending => 3,
        Told::Out => 2,
        Told::Never => 1,
    };
    (told, is_main, std::cmp::Reverse(at), std::cmp::Reverse(kb))
}

/// Whether a flaw was published within a year, so that an update may still come.
fn is_new(case: &Case<'_>, flaw: &Flaw) -> bool {
    let published = flaw.published.map(UtcTime::date);
    published.is_some_and(|day| day.days_until(case.today) <= 365)
}
