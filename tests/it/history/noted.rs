//! What people wrote into tables that came back, after docs/spreadsheet.md: cell by cell, in the order of the imports.

use super::days::{self, Day};
use super::truth::{Found, Sight, sights};
use super::world::{Edit, Machine, Run, World, folder};

/// What is written down about a finding of a machine in one of its lives.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    pub(super) machine: String,
    pub(super) life: u32,
    pub(super) bulletin: String,
    pub(super) owner: Option<String>,
    pub(super) status: Option<String>,
    pub(super) my_severity: Option<String>,
    /// The exceptions that a cell granted, the last of which may hold.
    pub(super) granted: Vec<Granted>,
}

/// An exception that a cell granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) until: Day,
    /// The version that was installed then.
    pub(super) version: String,
    pub(super) is_taken_back: bool,
}

/// All that is written down.
pub(super) type Notes = Vec<Note>;

/// The note about a finding.
pub(super) fn about<'a>(notes: &'a Notes, sight: &Sight, found: &Found) -> Option<&'a Note> {
    notes.iter().find(|note| {
        (&note.machine, note.life, &note.bulletin)
            == (&sight.machine, sight.now.life, &found.bulletin)
    })
}

/// The exception that a cell granted and that holds, for the version that was installed then.
pub(super) fn exception<'a>(notes: &'a Notes, sight: &Sight, found: &Found) -> Option<&'a Granted> {
    let note = about(notes, sight, found)?;
    let mut granted = note.granted.iter();
    granted.find(|one| !one.is_taken_back && one.version == found.installed)
}

/// Who sees to it: whom a cell names, else the machine's owner.
pub(super) fn owner(machine: &Machine, life: u32, note: Option<&Note>) -> String {
    let named = note.and_then(|note| note.owner.clone());
    named.unwrap_or_else(|| machines_owner(machine, life))
}

/// Who answers for a machine: as its tag says, else as the list does, which knows it by its first serial number.
pub(super) fn machines_owner(machine: &Machine, life: u32) -> String {
    let mut tags = machine.tags.iter();
    let own = tags.find_map(|tag| tag.strip_prefix("owner="));
    let listed = || {
        let list = std::fs::read_to_string(folder().join("cmdb.csv")).unwrap();
        let serial = format!("HX-{}-{life}", machine.name);
        let mut rows = list.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let row = rows.find(|row| row[2] == serial);
        row.map_or_else(String::new, |row| row[5].to_owned())
    };
    own.map_or_else(listed, str::to_owned)
}

/// What the import of the table of a run, edited so, adds to what is written down.
pub(super) fn import(world: &World, notes: &mut Notes, run: &Run, edits: &[&Edit]) {
    let sights = sights(world, run);
    for edit in edits {
        let (sight, found) = meant(&sights, edit);
        if about(notes, sight, found).is_none() {
            notes.push(Note {
                machine: sight.machine.clone(),
                life: sight.now.life,
                bulletin: found.bulletin.clone(),
                ..Note::default()
            });
        }
        let is_own = |note: &&mut Note| {
            (&note.machine, note.life, &note.bulletin)
                == (&sight.machine, sight.now.life, &found.bulletin)
        };
        let note = notes.iter_mut().find(is_own).unwrap();
        let value = Some(edit.value.clone()).filter(|value| !value.is_empty());
        match edit.column.as_str() {
            "owner" => note.owner = value,
            "status" => note.status = value,
            "my_severity" => note.my_severity = value,
            "exception_until" if value.is_some() && value == shown(note, found) => {}
            "exception_until" => {
                // Another day replaces it, and none takes it back.
                for one in &mut note.granted {
                    one.is_taken_back = true;
                }
                note.granted.extend(value.map(|until| Granted {
                    until: days::day(&until),
                    version: found.installed.clone(),
                    is_taken_back: false,
                }));
            }
            other => panic!("{other}"),
        }
    }
}

/// The day that stands in the cell.
fn shown(note: &Note, found: &Found) -> Option<String> {
    let mut granted = note.granted.iter();
    let holds = granted.find(|one| !one.is_taken_back && one.version == found.installed);
    holds.map(|one| days::text(one.until))
}

/// The finding whose row is edited.
pub(super) fn meant<'a>(sights: &'a [Sight], edit: &Edit) -> (&'a Sight, &'a Found) {
    let sight = sights.iter().find(|one| one.machine == edit.machine);
    let sight = sight.unwrap_or_else(|| panic!("{edit:?}"));
    let mut findings = sight.findings.iter();
    let found = findings.find(|one| one.bulletin == edit.bulletin);
    (sight, found.unwrap_or_else(|| panic!("{edit:?}")))
}

/// How the exceptions stand that cells granted, in a run: `(until, state, findings)`, sorted.
pub(super) fn standing(sights: &[Sight], notes: &Notes) -> Vec<[String; 3]> {
    let mut all = Vec::new();
    // An exception belongs to the site.
    let is_of_site = |note: &&Note| sights.iter().any(|one| one.machine == note.machine);
    for note in notes.iter().filter(is_of_site) {
        let now = sights.iter().find_map(|sight| {
            let mut findings = sight.findings.iter();
            let is_own = (&sight.machine, sight.now.life) == (&note.machine, note.life);
            findings.find(|found| is_own && found.bulletin == note.bulletin)
        });
        for granted in &note.granted {
            let held = now.is_some_and(|found| found.installed == granted.version);
            let state = match (granted.is_taken_back, now.is_some(), held) {
                (true, _, _) => "expired",
                (false, _, true) => "active",
                (false, true, false) => "version_changed",
                (false, false, _) => "unused",
            };
            let until = days::text(granted.until);
            all.push([until, state.to_owned(), usize::from(held).to_string()]);
        }
    }
    all.sort();
    all
}
