//! Which updates a host has, from everything that names any.
//!
//! `Win32_QuickFixEngineering` knows what component servicing installed and still lists; the servicing
//! store (CBS) knows the state of each; the update client remembers what it did; Windows Installer
//! and old keys know the rest. The store's word about a state goes before all others; what is installed
//! now goes before what was once installed.

mod package;
mod wua;

use super::questions::{
    CBS_PACKAGES, MSI_PATCHES, OLD_HOTFIXES, OLD_UPDATES, OLD_UPDATES_32, QFE, UPDATE_HISTORY,
};
use super::reg::{self, Key};
use super::text::{
    LONG, MOST_ROWS, NAME, certain_day, clip, compact_day, day, digits, file_time, some, three,
};
use crate::model::{Date, Gap, Hotfix, HotfixSource, HotfixState, KbId, UpdateEvent, UtcTime};
use crate::session::{Answers, WmiRow};
use package::{Package, Servicing};
use std::collections::BTreeMap;

/// Every update that a source names, sorted by id; a gap only where no source at all answered.
pub(super) fn hotfixes(answers: &Answers) -> Result<Vec<Hotfix>, Gap> {
    let mut updates = Updates::default();
    let cbs = answers.text(CBS_PACKAGES).map(|text| updates.cbs(text));
    let qfe = answers.text(QFE).map(|text| updates.qfe(text));
    let history = answers
        .text(UPDATE_HISTORY)
        .map(|text| updates.history(text));
    updates.msi(answers.text(MSI_PATCHES).unwrap_or_default());
    for id in [OLD_UPDATES, OLD_UPDATES_32, OLD_HOTFIXES] {
        updates.old(answers.text(id).unwrap_or_default());
    }
    match (qfe, cbs, history) {
        // What Windows Installer put in says nothing about the system's own updates.
        (Err(gap), Err(_), Err(_)) => Err(gap),
        _ => Ok(updates.decided()),
    }
}

/// What the update client's log tells, failures included, oldest first.
pub(super) fn update_log(answers: &Answers) -> Vec<UpdateEvent> {
    let text = answers.text(UPDATE_HISTORY).unwrap_or_default();
    let events = wua::events(text).into_iter();
    let mut events: Vec<UpdateEvent> = events.filter_map(wua::Event::kept).collect();
    events.sort();
    events.dedup();
    events
}

/// An update as `Win32_QuickFixEngineering` lists it, told by a tool.
#[derive(Clone, Debug)]
pub(super) struct QfeRow {
    pub(super) kb: KbId,
    pub(super) kind: Option<String>,
    pub(super) installed_on: Option<String>,
    pub(super) installed_by: Option<String>,
}

impl QfeRow {
    /// One of which only the number is told.
    pub(super) fn of(kb: KbId) -> Self {
        Self {
            kb,
            kind: None,
            installed_on: None,
            installed_by: None,
        }
    }
}

/// The updates that tools listed, each once, sorted by id.
pub(super) fn of_qfe(rows: Vec<QfeRow>) -> Vec<Hotfix> {
    let mut updates = Updates::default();
    let dates = rows.iter().filter_map(|row| row.installed_on.as_deref());
    let order = Order::of(dates);
    for row in rows {
        let Some(seen) = updates.kb(row.kb, HotfixSource::Qfe) else {
            continue;
        };
        seen.is_listed = true;
        seen.kind = some(row.kind.as_deref(), NAME).or(seen.kind.take());
        seen.by = some(row.installed_by.as_deref(), NAME).or(seen.by.take());
        let day = row.installed_on.and_then(|text| order.day(&text));
        seen.day = day.or(seen.day);
    }
    updates.decided()
}

/// The gap of a host that answered about updates, but not with the store's or WMI's own list: what
/// the update client remembers is not what is installed.
pub(super) fn open(answers: &Answers) -> Option<Gap> {
    let qfe = answers.text(QFE).err()?;
    answers.text(CBS_PACKAGES).err()?;
    Some(qfe)
}

/// What is known of an update, by id.
#[derive(Default)]
struct Updates(BTreeMap<String, Seen>);

#[derive(Default)]
struct Seen {
    kb: Option<KbId>,
    title: Option<String>,
    kind: Option<String>,
    build: Option<String>,
    day: Option<Date>,
    time: Option<UtcTime>,
    by: Option<String>,
    sources: Vec<HotfixSource>,
    /// What the store says of the package itself, and of its parts.
    whole: Vec<Servicing>,
    parts: Vec<Servicing>,
    /// Whether it is in place now, by a source without states.
    is_listed: bool,
    /// Whether Windows Installer has replaced it.
    is_replaced: bool,
    /// The update client's last word: when, and whether it put it in.
    last: Option<(UtcTime, bool)>,
}

impl Updates {
    fn seen(&mut self, id: String, source: HotfixSource) -> Option<&mut Seen> {
        if self.0.len() >= MOST_ROWS && !self.0.contains_key(&id) {
            return None;
        }
        let seen = self.0.entry(id).or_default();
        if !seen.sources.contains(&source) {
            seen.sources.push(source);
        }
        Some(seen)
    }

    fn kb(&mut self, kb: KbId, source: HotfixSource) -> Option<&mut Seen> {
        let seen = self.seen(kb.to_string(), source)?;
        seen.kb = Some(kb);
        Some(seen)
    }

    fn qfe(&mut self, text: &str) {
        let rows = WmiRow::parse(text);
        let dates = rows.iter().filter_map(|row| row.get("InstalledOn"));
        let order = Order::of(dates);
        for row in &rows {
            let Some(kb) = row.get("HotFixID").and_then(kb) else {
                continue;
            };
            let Some(seen) = self.kb(kb, HotfixSource::Qfe) else {
                continue;
            };
            seen.is_listed = true;
            seen.kind = some(row.get("Description"), NAME).or(seen.kind.take());
            seen.by = some(row.get("InstalledBy"), NAME).or(seen.by.take());
            let day = row.get("InstalledOn").and_then(|text| order.day(text));
            seen.day = day.or(seen.day);
        }
    }

    fn cbs(&mut self, text: &str) {
        for key in reg::keys(text) {
            let package = key.below("Packages").and_then(Package::read);
            let state = key.number("CurrentState").and_then(Servicing::read);
            let (Some(package), Some(state)) = (package, state) else {
                continue;
            };
            let seen = match package.kb {
                Some(kb) => self.kb(kb, HotfixSource::Cbs),
                None => self.seen(package.id(), HotfixSource::Cbs),
            };
            if let Some(seen) = seen {
                seen.hear(&package, state, &key);
            }
        }
    }

    fn history(&mut self, text: &str) {
        for event in wua::events(text) {
            let (Some(kb), Some(is_in)) = (KbId::find(&event.title), event.is_in()) else {
                continue;
            };
            let Some(seen) = self.kb(kb, HotfixSource::Wua) else {
                continue;
            };
            if seen.last.is_none_or(|(time, _)| time < event.time) {
                seen.last = Some((event.time, is_in));
                seen.title = some(Some(&event.title), LONG);
            }
        }
    }

    fn msi(&mut self, text: &str) {
        for key in reg::keys(text) {
            let title = key
                .text("DisplayName")
                .filter(|_| key.parent() == "Patches");
            let Some((title, kb)) = title.and_then(|title| Some((title, KbId::find(title)?)))
            else {
                continue;
            };
            // Applied, superseded, made obsolete; without a word it is applied. Else only registered.
            let state = key.number("State").unwrap_or(1);
            if !matches!(state, 1 | 2 | 4) {
                continue;
            }
            let Some(seen) = self.kb(kb, HotfixSource::Msi) else {
                continue;
            };
            seen.is_listed |= state == 1;
            seen.is_replaced |= state != 1;
            seen.title.get_or_insert_with(|| clip(title, LONG));
            let day = key.text("Installed").and_then(compact_day);
            seen.day = seen.day.or(day);
        }
    }

    /// Keys named after updates, wherever they are in the tree.
    fn old(&mut self, text: &str) {
        for key in reg::keys(text) {
            let gone = key
                .text("ThisVersionInstalled")
                .is_some_and(|word| word == "N")
                || key.number("Installed") == Some(0);
            let Some(kb) = kb(key.name()).filter(|_| !gone) else {
                continue;
            };
            let Some(seen) = self.kb(kb, HotfixSource::Registry) else {
                continue;
            };
            seen.is_listed = true;
            let title = ["PackageName", "Description", "Fix Description"];
            let title = title.iter().find_map(|name| key.clipped(name, LONG));
            seen.title = seen.title.take().or(title);
            let kind = ["ReleaseType", "Type"];
            let kind = kind.iter().find_map(|name| key.clipped(name, NAME));
            seen.kind = seen.kind.take().or(kind);
            seen.by = seen.by.take().or_else(|| key.clipped("InstalledBy", NAME));
            seen.day = seen.day.or_else(|| certain_day(key.text("InstalledDate")?));
        }
    }

    fn decided(self) -> Vec<Hotfix> {
        let decided = self.0.into_iter().filter_map(|(id, seen)| seen.decide(id));
        decided.collect()
    }
}

impl Seen {
    /// Takes in what the store says of one of its packages.
    fn hear(&mut self, package: &Package<'_>, state: Servicing, key: &Key<'_>) {
        let states = if package.is_part {
            &mut self.parts
        } else {
            &mut self.whole
        };
        if states.len() < MOST_ROWS {
            states.push(state);
        }
        if package.kb.is_none() {
            self.kind = Some(package.kind().to_owned());
            self.build = Some(package.version.to_owned());
        }
        let time = key.number("InstallTimeHigh").and_then(time_of);
        if state != Servicing::Absent && time > self.time {
            self.time = time;
        }
        let by = key.clipped("InstallUser", NAME);
        self.by = self.by.take().or(by);
    }

    /// One row; `None` where nothing says that it ever was in.
    fn decide(mut self, id: String) -> Option<Hotfix> {
        let state = self.state()?;
        let last = self.last.map(|(time, _)| time);
        let day = self.day.or_else(|| self.time.or(last).map(UtcTime::date));
        self.sources.sort_unstable();
        Some(Hotfix {
            id,
            kb: self.kb,
            title: self.title,
            kind: self.kind,
            state,
            build: self.build,
            installed_on: day,
            installed_at: self.time,
            installed_by: self.by,
            seen_in: self.sources,
        })
    }

    fn state(&self) -> Option<HotfixState> {
        let all = || self.whole.iter().chain(&self.parts);
        if all().any(|state| *state == Servicing::Pending) {
            return Some(HotfixState::PendingReboot);
        }
        // Of several packages the whole goes before its parts, some of which never apply.
        let whole = self.whole.iter().min();
        if let Some(state) = whole.or_else(|| self.parts.iter().min()) {
            return Some(state.state());
        }
        match (self.is_listed, self.is_replaced, self.last) {
            (true, ..) => Some(HotfixState::Installed),
            (_, true, _) => Some(HotfixState::Superseded),
            (_, _, Some((_, true))) => Some(HotfixState::Installed),
            (_, _, Some((_, false))) => Some(HotfixState::Removed),
            _ => None,
        }
    }
}

/// A moment from the upper half of a `FILETIME`, which counts steps of 429 s: the middle of one.
fn time_of(high: u64) -> Option<UtcTime> {
    let high = u32::try_from(high).ok()?;
    file_time((u64::from(high) << 32) | 0x8000_0000)
}

/// `KB5034122`, `KB982861-v2`, and .NET Framework's `KB2468871v2`; old systems also write the bare
/// number.
pub(super) fn kb(text: &str) -> Option<KbId> {
    let text = text.trim();
    let again = text.rsplit_once(['v', 'V']);
    let again = again.filter(|(_, time)| digits::<u8>(time).is_some());
    let text = again.map_or(text, |(kb, _)| kb);
    let bare = || {
        digits(text)
            .filter(|_| (6..=7).contains(&text.len()))
            .map(KbId)
    };
    KbId::find(text).or_else(bare)
}

/// In which order a host writes the numbers of a day with slashes between them. WMI's own is
/// month first; a host that writes a number above 12 in front has another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    MonthFirst,
    DayFirst,
    Mixed,
}

impl Order {
    fn of<'a>(dates: impl Iterator<Item = &'a str>) -> Self {
        let (mut month_first, mut day_first) = (false, false);
        for (a, b, _) in dates.filter(|text| text.contains('/')).filter_map(three) {
            month_first |= b > 12 && a <= 12;
            day_first |= a > 12 && a <= 31;
        }
        match (month_first, day_first) {
            (_, false) => Self::MonthFirst,
            (false, true) => Self::DayFirst,
            (true, true) => Self::Mixed,
        }
    }

    /// `6/13/2024`, or sixteen hex digits of a `FILETIME`, or any day that can be no other.
    fn day(self, text: &str) -> Option<Date> {
        let text = text.trim();
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex {
            let ticks = u64::from_str_radix(text, 16).ok()?;
            return file_time(ticks).map(UtcTime::date);
        }
        if let Some(certain) = certain_day(text) {
            return Some(certain);
        }
        let (a, b, year) = three(text).filter(|_| text.contains('/'))?;
        match self {
            Self::MonthFirst => day(year, a, b),
            Self::DayFirst => day(year, b, a),
            Self::Mixed => None,
        }
    }
}

#[cfg(test)]
mod tests;
