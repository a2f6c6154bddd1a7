//! One installed product against all that its publisher says of it.
//!
//! A family says how each update stands to what is installed; the rest is the same for all of
//! them: a flaw is closed where any update that fixes it is in, and what is open is one row an
//! update, the first that fixes it, so that its id stays the same from month to month. What to install is
//! the newest.

use super::super::Case;
use super::super::row::Row;
use crate::catalog::{FixOf, Flaw, Month, ProductSlice, Update};
use crate::matching::Which;
use crate::model::{
    Arch, BuildRow, BulletinId, Confidence, Download, Evidence, Finding, FindingState, Remedy,
    UpdateId, UpdateKind, Witness,
};
use crate::version::WindowsVersion;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// How an update stands to what is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::matching::windows) enum Standing {
    /// It is in, or a later one of its stream.
    In,
    /// It waits for a restart.
    Pending,
    /// It is listed as installed, and its files say no.
    Listed,
    /// It is not in.
    Out,
    /// It is not for what is installed.
    Foreign,
    /// That cannot be told.
    Unsure(Doubt),
}

/// Why something cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::matching::windows) struct Doubt {
    /// Stable: it is part of the finding's id.
    pub(in crate::matching::windows) id: &'static str,
    /// What would settle it.
    pub(in crate::matching::windows) why: &'static str,
}

/// The records of these flaws name no update that fixes them.
const NO_UPDATE: Doubt = Doubt {
    id: "no-update-named",
    why: "no document names an update that fixes these: read the publisher's page",
};

/// An update as it stands to what is installed.
pub(in crate::matching::windows) struct Judged {
    pub(in crate::matching::windows) standing: Standing,
    /// The lowest version that has it, in the numbers that are compared.
    pub(in crate::matching::windows) build: Option<String>,
}

/// The order of two versions; `None` where there is none.
pub(in crate::matching::windows) type Order = fn(&str, &str) -> Option<Ordering>;

/// What is judged.
pub(in crate::matching::windows) struct Subject<'a> {
    /// The slices that speak of it.
    pub(in crate::matching::windows) slices: Vec<&'a ProductSlice>,
    /// Part of its findings' ids, so without its version: `SQL Server 2019 (MSSQLSERVER)`.
    pub(in crate::matching::windows) product: String,
    /// Its name for people: `Microsoft SQL Server 2019 (GDR)`.
    pub(in crate::matching::windows) name: String,
    /// The beginning of the id of an update that has only a version: `edge`.
    pub(in crate::matching::windows) slug: String,
    /// Its version, verbatim.
    pub(in crate::matching::windows) installed: String,
    /// What was seen.
    pub(in crate::matching::windows) observed: String,
    /// Where: the question's id.
    pub(in crate::matching::windows) question: String,
    /// The rule.
    pub(in crate::matching::windows) rule: String,
    /// How sure a verdict is.
    pub(in crate::matching::windows) confidence: Confidence,
    /// What else was looked at. The first decides, and is told so.
    pub(in crate::matching::windows) witnesses: Vec<Witness>,
    /// What must be there before.
    pub(in crate::matching::windows) prerequisites: Vec<String>,
    /// The order of its versions.
    pub(in crate::matching::windows) order: Order,
    /// Whether several lines are patched side by side: then of a flaw's alternatives the one counts
    /// whose numbers have most in common with what is installed.
    pub(in crate::matching::windows) has_lines: bool,
    /// Whether each update has all that came before it in its slice.
    pub(in crate::matching::windows) is_stream: bool,
    /// What its updates' files are chosen by.
    pub(in crate::matching::windows) files: Files<'a>,
}

/// What the files of updates are chosen by.
#[derive(Clone, Debug, Default)]
pub(in crate::matching::windows) struct Files<'a> {
    /// Whose architecture counts.
    pub(in crate::matching::windows) arch: ArchOf,
    /// Its publisher's table of builds, for what advisories do not say.
    pub(in crate::matching::windows) rows: Vec<&'a BuildRow>,
}

/// Whose architecture counts.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::matching::windows) enum ArchOf {
    /// The machine's.
    #[default]
    Machine,
    /// That of what is installed, as far as it is known: a 32-bit program on a 64-bit machine gets 32-bit updates.
    Installed(Option<Arch>),
}

impl ArchOf {
    /// That of what is installed.
    pub(in crate::matching::windows) fn installed(word: Option<&str>) -> Self {
        Self::Installed(word.and_then(Arch::parse))
    }
}

impl Files<'_> {
    /// The file of an update that brings a version.
    fn of<'f>(
        &'f self,
        update: &'f Update,
        build: Option<&str>,
        machine: Option<Arch>,
    ) -> Option<&'f Download> {
        let arch = match self.arch {
            ArchOf::Machine => machine,
            ArchOf::Installed(arch) => arch,
        };
        if !update.files.is_empty() {
            return Download::choose(&update.files, arch);
        }
        let rows = self.rows.iter();
        let rows = rows.filter(|row| Some(row.build.as_str()) == build);
        Download::choose(rows.flat_map(|row| &row.files), arch)
    }
}

/// The order of dotted numbers.
pub(in crate::matching::windows) fn dotted(a: &str, b: &str) -> Option<Ordering> {
    Some(WindowsVersion::parse(a)?.cmp(&WindowsVersion::parse(b)?))
}

/// How an update stands by its version alone.
pub(in crate::matching::windows) fn by_build(subject: &Subject<'_>, update: &Update) -> Judged {
    against(subject, update.builds.first().map(ToString::to_string))
}

/// How what brings a version stands.
pub(in crate::matching::windows) fn against(
    subject: &Subject<'_>,
    build: Option<String>,
) -> Judged {
    let order = build
        .as_deref()
        .map(|build| (subject.order)(&subject.installed, build));
    let standing = match order {
        Some(Some(Ordering::Less)) => Standing::Out,
        Some(Some(_)) => Standing::In,
        Some(None) => Standing::Unsure(NO_ORDER),
        None => Standing::Unsure(NO_BUILD),
    };
    Judged { standing, build }
}

/// The versions have no order.
const NO_ORDER: Doubt = Doubt {
    id: "no-order",
    why: "the versions cannot be compared: compare by hand",
};

/// The records name no version.
pub(in crate::matching::windows) const NO_BUILD: Doubt = Doubt {
    id: "no-version-stated",
    why: "the records state no version that has the fix: read the publisher's page",
};

/// A slice's updates, each as it stands.
struct View<'a> {
    slice: &'a ProductSlice,
    judged: Vec<Judged>,
    /// Of each update, [`nearness`].
    near: Vec<usize>,
}

/// What several flaws have in common, that makes them one row.
struct Group<'a> {
    at: Option<(usize, usize)>,
    flaws: Vec<&'a Flaw>,
}

/// What there is to do about a product.
struct Todo {
    /// The update to install.
    newest: Option<(usize, usize)>,
    /// The rows that are open.
    open: Vec<String>,
}

/// What becomes of one flaw: the state, and the update by its place.
enum Outcome {
    Closed(FindingState, (usize, usize)),
    Open(FindingState, (usize, usize)),
    Doubted(Doubt),
    Irrelevant,
}

/// All verdicts on one subject.
pub(in crate::matching::windows) fn judge<'a>(
    case: &Case<'_>,
    subject: &Subject<'a>,
    standing: &dyn Fn(&Update) -> Judged,
    out: &mut Vec<Finding>,
) {
    let view = |slice: &&'a ProductSlice| {
        let judged: Vec<Judged> = slice.updates().iter().map(standing).collect();
        let near = judged.iter().map(|one| nearness(subject, one)).collect();
        View {
            slice,
            judged,
            near,
        }
    };
    let views: Vec<View<'_>> = subject.slices.iter().map(view).collect();
    let latest = views.iter().filter_map(latest_in).max();
    let by_id = by_id(&views);
    let mut groups: BTreeMap<(FindingState, BulletinId), Group<'_>> = BTreeMap::new();
    let mut doubts: BTreeMap<Doubt, Vec<&Flaw>> = BTreeMap::new();
    let machine = case.inventory.platform.arch.as_deref();
    let rows = Rows {
        arch: machine.and_then(Arch::parse),
        subject,
        views: &views,
        latest: latest.filter(|_| subject.is_stream),
    };
    for said in by_id.values() {
        let Some((_, flaw)) = said.first() else {
            continue;
        };
        let (state, at) = match rows.outcome(said) {
            Outcome::Doubted(doubt) => {
                doubts.entry(doubt).or_default().push(flaw);
                continue;
            }
            Outcome::Irrelevant => continue,
            Outcome::Closed(..) if case.which == Which::Open => continue,
            Outcome::Closed(state, at) | Outcome::Open(state, at) => (state, at),
        };
        let group = groups.entry((state, rows.bulletin(at, flaw)));
        let group = group.or_insert(Group {
            at: None,
            flaws: Vec::new(),
        });
        group.at = group.at.or(Some(at));
        group.flaws.push(flaw);
    }
    let open: Vec<String> = groups
        .keys()
        .filter(|(state, _)| !state.is_closed())
        .map(|(_, bulletin)| bulletin.to_string())
        .collect();
    let todo = Todo {
        newest: rows.newest(),
        open,
    };
    for ((state, bulletin), group) in groups {
        out.extend(rows.row(state, bulletin, group, &todo));
    }
    out.extend(
        doubts
            .into_iter()
            .filter_map(|(doubt, flaws)| rows.doubted(doubt, flaws)),
    );
}

/// The flaws of all slices, each with what every slice says of it.
fn by_id<'a>(views: &[View<'a>]) -> BTreeMap<&'a str, Vec<(usize, &'a Flaw)>> {
    let mut by_id: BTreeMap<&str, Vec<(usize, &Flaw)>> = BTreeMap::new();
    for (at, view) in views.iter().enumerate() {
        for flaw in view.slice.flaws() {
            by_id.entry(&flaw.id).or_default().push((at, flaw));
        }
    }
    by_id
}

/// The latest month of which an update is in that has all that came before.
fn latest_in(view: &View<'_>) -> Option<Month> {
    let own = view.slice.updates().iter().zip(&view.judged);
    let own = own.filter(|(update, one)| {
        one.standing == Standing::In && update.kind != UpdateKind::SecurityOnly
    });
    own.filter_map(|(update, _)| update.released).max()
}

/// How many numbers the version that an update brings has in common with the installed one, from the first
/// on.
fn nearness(subject: &Subject<'_>, judged: &Judged) -> usize {
    fn numbers(text: &str) -> impl Iterator<Item = &str> {
        let parts = text.split(|one: char| !one.is_ascii_digit());
        parts.filter(|part| !part.is_empty())
    }
    let build = judged.build.as_deref().unwrap_or_default();
    let pairs = numbers(build).zip(numbers(&subject.installed));
    pairs.take_while(|(a, b)| a == b).count()
}

/// What rows are made from.
struct Rows<'a, 's> {
    subject: &'s Subject<'a>,
    views: &'s [View<'a>],
    /// The machine's.
    arch: Option<Arch>,
    /// Where each update has all that came before it: what came out before this month is in.
    latest: Option<Month>,
}

impl<'a> Rows<'a, '_> {
    fn update(&self, (view, update): (usize, usize)) -> Option<(&'a Update, &Judged)> {
        let view = self.views.get(view)?;
        Some((view.slice.updates().get(update)?, view.judged.get(update)?))
    }

    /// What becomes of a flaw that one slice or several speak of.
    fn outcome(&self, said: &[(usize, &Flaw)]) -> Outcome {
        // Most flaws of most products are old, and have one fix, which is in.
        if let [(view, Flaw { fixes, .. })] = said
            && let [fix] = fixes.as_slice()
            && fix.since.is_none()
        {
            let at = (*view, fix.update);
            if self
                .update(at)
                .is_some_and(|(_, one)| one.standing == Standing::In)
            {
                return Outcome::Closed(FindingState::Fixed, at);
            }
        }
        let mut ways: Vec<((usize, usize), &FixOf)> = said
            .iter()
            .flat_map(|(view, flaw)| flaw.fixes.iter().map(|fix| ((*view, fix.update), fix)))
            .collect();
        let published = said.iter().filter_map(|(_, flaw)| flaw.published).min();
        let published = published.and_then(|time| Month::of(time.date()));
        if ways.is_empty() {
            // What is always replaced as a whole has lost the flaws of earlier years, whatever fixed them.
            let is_passed = published
                .zip(self.latest)
                .is_some_and(|(month, latest)| month < latest);
            return if is_passed {
                Outcome::Irrelevant
            } else {
                Outcome::Doubted(NO_UPDATE)
            };
        }
        let not_yet = |fix: &FixOf| {
            fix.since.as_deref().is_some_and(|since| {
                (self.subject.order)(&self.subject.installed, since) == Some(Ordering::Less)
            })
        };
        if ways.iter().all(|(_, fix)| not_yet(fix)) {
            let at = ways.first().map_or((0, 0), |(at, _)| *at);
            return Outcome::Closed(FindingState::NotApplicable, at);
        }
        ways.retain(|(_, fix)| !not_yet(fix));
        self.of_own_branch(&mut ways);
        if self.subject.has_lines && ways.len() > 1 {
            let nearest = ways.iter().map(|(at, _)| self.nearness(*at)).max();
            ways.retain(|(at, _)| Some(self.nearness(*at)) == nearest);
        }
        let mut places: Vec<(usize, usize)> = ways.into_iter().map(|(at, _)| at).collect();
        places.sort_by(|a, b| self.compare(*a, *b));
        self.settled(&places, published)
    }

    /// Where fixes are for the branches that begin with a version, only that of the own branch counts.
    fn of_own_branch(&self, ways: &mut Vec<((usize, usize), &FixOf)>) {
        let order = |a: &str, b: &str| (self.subject.order)(a, b).unwrap_or(Ordering::Equal);
        let starts = ways.iter().filter_map(|(_, fix)| fix.since.as_deref());
        let Some(own) = starts.max_by(|a, b| order(a, b)).map(str::to_owned) else {
            return;
        };
        ways.retain(|(_, fix)| {
            let since = fix.since.as_deref();
            since.is_some_and(|since| order(since, &own) == Ordering::Equal)
        });
    }

    /// What becomes of a flaw that any of these updates fixes.
    fn settled(&self, places: &[(usize, usize)], published: Option<Month>) -> Outcome {
        let find = |wanted: fn(Standing) -> bool| {
            let mut places = places.iter();
            places.find(|at| {
                self.update(**at)
                    .is_some_and(|(_, one)| wanted(one.standing))
            })
        };
        if let Some(at) = find(|one| one == Standing::In) {
            return Outcome::Closed(FindingState::Fixed, *at);
        }
        if let Some(at) = places.iter().find(|at| self.is_passed(**at, published)) {
            return Outcome::Closed(FindingState::Superseded, *at);
        }
        if let Some(at) = find(|one| one == Standing::Pending) {
            return Outcome::Open(FindingState::PendingReboot, *at);
        }
        if let Some(at) = find(|one| one == Standing::Listed) {
            return Outcome::Open(FindingState::Inconsistent, *at);
        }
        if let Some(at) = find(|one| one == Standing::Out) {
            return Outcome::Open(FindingState::Missing, *at);
        }
        let doubt = places
            .iter()
            .find_map(|at| match self.update(*at)?.1.standing {
                Standing::Unsure(doubt) => Some(doubt),
                _ => None,
            });
        doubt.map_or(Outcome::Irrelevant, Outcome::Doubted)
    }

    fn nearness(&self, (view, update): (usize, usize)) -> usize {
        let near = self.views.get(view).and_then(|view| view.near.get(update));
        near.copied().unwrap_or_default()
    }

    /// Whether a later update than one that states no version is in. What is named by words alone is one
    /// update for all months, so that the flaw's own month counts.
    fn is_passed(&self, at: (usize, usize), published: Option<Month>) -> bool {
        let Some((update, judged)) = self.update(at) else {
            return false;
        };
        let month = match update.id {
            UpdateId::Kb(_) => update.released,
            UpdateId::Named(_) => published,
        };
        let is_earlier = month
            .zip(self.latest)
            .is_some_and(|(month, latest)| month < latest);
        is_earlier && matches!(judged.standing, Standing::Unsure(_))
    }

    /// The order in which updates came out, as far as it is known.
    fn compare(&self, a: (usize, usize), b: (usize, usize)) -> Ordering {
        let (Some((first, one)), Some((second, other))) = (self.update(a), self.update(b)) else {
            return a.cmp(&b);
        };
        let last = Month {
            year: u16::MAX,
            month: 12,
        };
        let month = |update: &Update| update.released.unwrap_or(last);
        let build = || {
            let both = one.build.as_deref().zip(other.build.as_deref());
            both.and_then(|(a, b)| (self.subject.order)(a, b))
                .unwrap_or(Ordering::Equal)
        };
        let months = month(first).cmp(&month(second));
        months
            .then_with(build)
            .then_with(|| first.id.cmp(&second.id))
    }

    /// The update to install.
    fn newest(&self) -> Option<(usize, usize)> {
        let places = self.views.iter().enumerate().flat_map(|(at, view)| {
            let judged = view.judged.iter().enumerate();
            let open = judged.filter(|(_, one)| {
                matches!(
                    one.standing,
                    Standing::Out | Standing::Listed | Standing::Pending
                )
            });
            open.map(move |(update, _)| (at, update))
        });
        places.max_by(|a, b| self.compare(*a, *b))
    }

    /// The id of the row that an update's flaws share.
    fn bulletin(&self, at: (usize, usize), flaw: &Flaw) -> BulletinId {
        let Some((update, judged)) = self.update(at) else {
            return BulletinId::new(flaw.id.clone());
        };
        match (&update.id, &judged.build) {
            (UpdateId::Kb(kb), _) => BulletinId::new(kb.to_string()),
            (UpdateId::Named(_), _) if update.flaws == 1 => BulletinId::new(flaw.id.clone()),
            (UpdateId::Named(_), Some(build)) => {
                BulletinId::new(format!("{}-{build}", self.subject.slug))
            }
            (UpdateId::Named(_), None) => BulletinId::new(flaw.id.clone()),
        }
    }

    /// An update's name for people.
    fn label(&self, at: (usize, usize)) -> String {
        match self.update(at) {
            Some((
                Update {
                    id: UpdateId::Kb(kb),
                    ..
                },
                _,
            )) => kb.to_string(),
            Some((
                _,
                Judged {
                    build: Some(build), ..
                },
            )) => {
                format!("{} {build}", self.subject.name)
            }
            _ => self.subject.name.clone(),
        }
    }

    /// `2025-10 security update for Microsoft SQL Server 2019 (GDR)`.
    fn title(&self, at: (usize, usize)) -> String {
        let Some((update, judged)) = self.update(at) else {
            return self.subject.name.clone();
        };
        let month = update
            .released
            .map(|month| format!("{month} "))
            .unwrap_or_default();
        match (&update.id, &judged.build) {
            (UpdateId::Named(_), Some(build)) => format!("{} {build}", self.subject.name),
            _ => format!("{month}{} for {}", update.kind.as_str(), self.subject.name),
        }
    }

    fn remedy(&self, at: (usize, usize), open: &[String]) -> Option<Remedy> {
        let (update, judged) = self.update(at)?;
        let label = self.label(at);
        let supersedes = open.iter().filter(|bulletin| **bulletin != label);
        let files = &self.subject.files;
        let file = files.of(update, judged.build.as_deref(), self.arch);
        let mut remedy = Remedy {
            kb: update.id.kb(),
            title: self.title(at),
            build: judged.build.clone(),
            restart: update.restart,
            prerequisites: self.subject.prerequisites.clone(),
            supersedes: supersedes.cloned().collect(),
            download: update.url.clone(),
            download_size: None,
            download_hash: None,
            silent_switch: None,
            update: label,
        };
        remedy.take(file);
        Some(remedy)
    }

    fn row(
        &self,
        state: FindingState,
        bulletin: BulletinId,
        group: Group<'_>,
        todo: &Todo,
    ) -> Option<Finding> {
        let at = group.at?;
        let (update, judged) = self.update(at)?;
        let is_open = !state.is_closed();
        let newest = todo.newest.filter(|_| is_open);
        let remedy = newest.and_then(|at| self.remedy(at, &todo.open));
        let stated = judged.build.as_deref().unwrap_or("no version stated");
        let record = format!("{}: {} ({stated})", self.key(at.0), update.id);
        let rule = match state {
            FindingState::NotApplicable => {
                "older than the first version that is affected".to_owned()
            }
            _ => self.subject.rule.clone(),
        };
        let mut evidence = self.evidence(rule, record);
        if let Some(first) = evidence.witnesses.first_mut() {
            first.says_fixed = first.says_fixed.or(Some(state == FindingState::Fixed));
        }
        let row = Row {
            slice: self.views.get(at.0)?.slice,
            flaws: group.flaws,
            bulletin,
            title: self.title(at),
            product: self.subject.product.clone(),
            installed: self.subject.installed.clone(),
            fixed: judged.build.clone(),
            state,
            confidence: self.subject.confidence,
            remedy,
            evidence,
        };
        Some(row.into())
    }

    /// The one row of all flaws that the same doubt leaves undecided.
    fn doubted(&self, doubt: Doubt, flaws: Vec<&Flaw>) -> Option<Finding> {
        let slice = self.views.first()?.slice;
        let evidence = self.evidence(doubt.why.to_owned(), self.key(0).to_owned());
        let row = Row {
            slice,
            flaws,
            bulletin: BulletinId::new(format!("unverified:{}", doubt.id)),
            title: format!("{} not verified: {}", self.subject.name, doubt.why),
            product: self.subject.product.clone(),
            installed: self.subject.installed.clone(),
            fixed: None,
            state: FindingState::Unverified,
            confidence: Confidence::Low,
            remedy: None,
            evidence,
        };
        Some(row.into())
    }

    fn key(&self, view: usize) -> &str {
        self.views
            .get(view)
            .map_or("", |view| view.slice.key().as_str())
    }

    fn evidence(&self, rule: String, record: String) -> Evidence {
        Evidence {
            observed: self.subject.observed.clone(),
            question: self.subject.question.clone(),
            rule,
            record,
            witnesses: self.subject.witnesses.clone(),
        }
    }
}
