//! What an edited table changes: each cell against what would be shown now.

use super::{Complaint, RowPlace, Sheet, SheetChange, SheetField, SheetRow};
use crate::classify::priority::MachineFacts;
use crate::model::{
    Annotation, Decision, Exception, ExceptionId, Finding, FindingId, LEFT_OUT, Severity, UtcTime,
    WorkStatus,
};
use std::collections::{BTreeSet, HashMap};

/// The longest name.
const MOST_OWNER: usize = 200;

/// Who decides, when, and why.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The site.
    pub site: String,
    /// Who wrote it down.
    pub operator: String,
    /// When.
    pub now: UtcTime,
    /// Why, where the table does not say.
    pub reason: Option<String>,
}

/// A finding as the run shows it now.
#[derive(Debug)]
pub struct ShownFinding<'a> {
    /// The machine.
    pub facts: &'a MachineFacts<'a>,
    /// The finding.
    pub finding: &'a Finding,
    /// What the policy makes of it, and what people wrote about it.
    pub decision: &'a Decision,
    /// The exceptions that hold for it, the one that counts first.
    pub holding: &'a [Exception],
}

/// What is wanted, in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Every cell that changes, in the table's order.
    pub changes: Vec<SheetChange>,
    /// What is written about findings from now on.
    pub annotations: Vec<Annotation>,
    /// Exceptions that are taken back.
    pub taken_back: Vec<ExceptionId>,
    /// Exceptions that are granted.
    pub granted: Vec<Exception>,
    /// What was not understood, in the table's order.
    pub complaints: Vec<Complaint>,
    /// What the operator should know.
    pub notes: Vec<String>,
    /// How many rows change nothing.
    pub unchanged: u64,
}

/// Compares a table with a run, finding by finding.
#[derive(Debug)]
pub struct Comparer {
    pub(super) terms: Terms,
    is_lossy: bool,
    rows: HashMap<FindingId, SheetRow>,
    wanted: Wanted,
    /// How many emptied cells had nothing to take back.
    nothing_to_take_back: u64,
}

/// What a row wants.
#[derive(Debug, Default)]
pub(super) struct OfRow {
    changes: Vec<(SheetField, String, String)>,
    complaints: Vec<(SheetField, String)>,
    pub(super) taken_back: Vec<ExceptionId>,
    pub(super) granted: Option<Exception>,
}

impl OfRow {
    pub(super) fn change(&mut self, field: SheetField, before: &str, after: &str) {
        self.changes
            .push((field, before.to_owned(), after.to_owned()));
    }

    pub(super) fn complain(&mut self, field: SheetField, what: impl Into<String>) {
        self.complaints.push((field, what.into()));
    }

    pub(super) fn changes(&self, field: SheetField) -> bool {
        self.changes.iter().any(|(changed, ..)| *changed == field)
    }
}

impl Comparer {
    /// Begins with a table.
    pub fn new(sheet: Sheet, terms: Terms) -> Self {
        let rows = sheet.rows.into_iter();
        Self {
            terms,
            is_lossy: sheet.is_lossy,
            rows: rows.map(|row| (row.finding.clone(), row)).collect(),
            wanted: Wanted {
                complaints: sheet.complaints,
                ..Wanted::default()
            },
            nothing_to_take_back: 0,
        }
    }

    /// Whether the table has a row about a finding that was not looked at yet.
    pub fn is_about(&self, facts: &MachineFacts<'_>, finding: &Finding) -> bool {
        let mut ids = facts.finding_ids(finding);
        !self.rows.is_empty() && ids.any(|id| self.rows.contains_key(&id))
    }

    /// Looks at a finding of the run.
    pub fn look(&mut self, shown: &ShownFinding<'_>) {
        let ids: Vec<FindingId> = shown.facts.finding_ids(shown.finding).collect();
        let rows = ids.iter().filter_map(|id| self.rows.remove(id));
        let mut rows: Vec<SheetRow> = rows.collect();
        // The machine was two when the table was written: what is said of both is said once.
        rows.sort_by_key(|row| row.at);
        let mut rows = rows.into_iter();
        let Some(row) = rows.next() else { return };
        if let Some(other) = rows.find(|other| !other.agrees_with(&row)) {
            self.wanted.complaints.push(Complaint {
                row: other.at,
                column: "",
                what: format!(
                    "row {} is about the same finding by now, and says something else: delete one",
                    row.at
                ),
            });
            return;
        }
        let of_row = self.compare(&row, shown);
        self.take(&row, shown, of_row);
    }

    /// What is wanted, after all findings; what no finding was met for is a complaint.
    pub fn finish(mut self) -> Wanted {
        for row in self.rows.into_values() {
            self.wanted.complaints.push(Complaint {
                row: row.at,
                column: SheetField::Finding.as_str(),
                what: format!(
                    "the run has no open finding {}: it is of another run or site, or was judged otherwise since; \
                     delete the row, or export the run again",
                    row.finding
                ),
            });
        }
        let wanted = &mut self.wanted;
        wanted.complaints.sort();
        wanted
            .changes
            .sort_by_key(|change| (change.row, change.column));
        wanted
            .annotations
            .sort_by(|one, other| one.finding.cmp(&other.finding));
        wanted.granted.sort_by(|one, other| one.id.cmp(&other.id));
        wanted.taken_back.sort();
        if self.nothing_to_take_back > 0 {
            wanted.notes.push(format!(
                "{} emptied cells of owner or my_severity take nothing back: what stands there is the machine's owner, or \
                 what the policy says",
                self.nothing_to_take_back
            ));
        }
        let done = SheetChange::is_done;
        if wanted.changes.iter().any(done) {
            let note = "done changes no verdict: the next scan or verify tells whether it is";
            wanted.notes.push(note.to_owned());
        }
        self.wanted
    }

    fn compare(&mut self, row: &SheetRow, shown: &ShownFinding<'_>) -> OfRow {
        let mut of_row = OfRow::default();
        let mut written = shown.decision.annotation.clone();
        let mut kept = written.take().unwrap_or_else(|| Annotation {
            finding: row.finding.clone(),
            owner: None,
            status: None,
            my_severity: None,
            written_by: String::new(),
            written: self.terms.now,
        });
        let before = kept.clone();
        self.owner(row, (shown, &mut kept), &mut of_row);
        status(row, (shown, &mut kept), &mut of_row);
        self.severity(row, (shown, &mut kept), &mut of_row);
        self.until(row, (shown, &kept), &mut of_row);
        if kept != before && of_row.complaints.is_empty() {
            kept.written_by.clone_from(&self.terms.operator);
            kept.written = self.terms.now;
            self.wanted.annotations.push(kept);
        }
        of_row
    }

    fn owner(
        &mut self,
        row: &SheetRow,
        (shown, kept): (&ShownFinding<'_>, &mut Annotation),
        of_row: &mut OfRow,
    ) {
        let Some(cell) = row.owner.as_deref().filter(|cell| *cell != LEFT_OUT) else {
            return;
        };
        let machines = shown.facts.machine().owner().unwrap_or_default();
        let now = kept.owner.as_deref().unwrap_or(machines);
        if self.is_same(cell, now) {
            return;
        }
        if let Some(what) = unfit(cell, MOST_OWNER) {
            of_row.complain(SheetField::Owner, what);
        } else if !cell.is_empty() {
            of_row.change(SheetField::Owner, now, cell);
            kept.owner = Some(cell.to_owned());
        } else if kept.owner.is_some() {
            of_row.change(SheetField::Owner, now, machines);
            kept.owner = None;
        } else {
            self.nothing_to_take_back += 1;
        }
    }

    fn severity(
        &mut self,
        row: &SheetRow,
        (shown, kept): (&ShownFinding<'_>, &mut Annotation),
        of_row: &mut OfRow,
    ) {
        let Some(cell) = row.my_severity.as_deref() else {
            return;
        };
        let now = shown.decision.my_severity.map_or("", Severity::as_str);
        if cell.eq_ignore_ascii_case(now) {
            return;
        }
        if cell.is_empty() {
            if kept.my_severity.take().is_some() {
                of_row.change(SheetField::MySeverity, now, "(by the policy)");
            } else {
                self.nothing_to_take_back += 1;
            }
            return;
        }
        match Severity::parse(cell) {
            Some(severity) => {
                // A publisher's own word for the same.
                if Some(severity) != shown.decision.my_severity {
                    of_row.change(SheetField::MySeverity, now, severity.as_str());
                    kept.my_severity = Some(severity);
                }
            }
            None => of_row.complain(
                SheetField::MySeverity,
                format!(
                    "`{}` is no severity: critical, high, medium, low, negligible, or empty for what the policy says",
                    short(cell)
                ),
            ),
        }
    }

    /// Whether a text is the one that is shown, whatever a spreadsheet did to it on the way.
    fn is_same(&self, cell: &str, now: &str) -> bool {
        let folded = |text: &str| {
            let words = text.split(|one: char| one.is_whitespace() || one.is_control());
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            words.join(" ")
        };
        let (cell, now) = (folded(cell), folded(super::read::unguarded(now)));
        if cell == now || !self.is_lossy {
            return cell == now;
        }
        // A code page writes `?` for what it does not have.
        let is_same =
            |(one, other): (char, char)| one == other || (one == '?' && !other.is_ascii());
        cell.chars().count() == now.chars().count() && cell.chars().zip(now.chars()).all(is_same)
    }

    fn take(&mut self, row: &SheetRow, shown: &ShownFinding<'_>, of_row: OfRow) {
        let wanted = &mut self.wanted;
        if !of_row.complaints.is_empty() {
            let complaints = of_row.complaints.into_iter();
            wanted
                .complaints
                .extend(complaints.map(|(field, what)| Complaint {
                    row: row.at,
                    column: field.as_str(),
                    what,
                }));
            return;
        }
        wanted.unchanged += u64::from(of_row.changes.is_empty());
        let about = format!("{} in {}", shown.finding.bulletin, shown.finding.product);
        let changes = of_row.changes.into_iter();
        wanted
            .changes
            .extend(changes.map(|(column, before, after)| SheetChange {
                row: row.at,
                finding: row.finding.clone(),
                machine: shown.facts.name(),
                about: about.clone(),
                column,
                before,
                after,
            }));
        wanted.taken_back.extend(of_row.taken_back);
        wanted.granted.extend(of_row.granted);
    }
}

impl SheetChange {
    fn is_done(&self) -> bool {
        self.column == SheetField::Status && self.after == WorkStatus::Done.as_str()
    }
}

impl Wanted {
    /// How many findings change.
    pub fn findings(&self) -> usize {
        let rows: BTreeSet<RowPlace> = self.changes.iter().map(|change| change.row).collect();
        rows.len()
    }
}

/// How far the work is.
fn status(row: &SheetRow, (_, kept): (&ShownFinding<'_>, &mut Annotation), of_row: &mut OfRow) {
    let Some(cell) = row.status.as_deref() else {
        return;
    };
    let wanted = WorkStatus::parse(cell);
    if wanted.is_none() && !cell.is_empty() {
        let known: Vec<&str> = WorkStatus::ALL.iter().map(|one| one.as_str()).collect();
        let known = known.join(", ");
        let what = format!("`{}` is no status: {known}, or empty", short(cell));
        return of_row.complain(SheetField::Status, what);
    }
    if wanted != kept.status {
        let word = |status: Option<WorkStatus>| status.map_or("", WorkStatus::as_str);
        of_row.change(SheetField::Status, word(kept.status), word(wanted));
        kept.status = wanted;
    }
}

/// Why a text cannot be kept.
pub(super) fn unfit(text: &str, most: usize) -> Option<String> {
    let count = text.chars().count();
    if count > most {
        return Some(format!("{count} letters are too many: at most {most}"));
    }
    let acts = |one: char| {
        one.is_control()
            || matches!(one, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.contains(acts).then(|| {
        "it has line breaks or characters that cannot be seen: write it anew, in one line"
            .to_owned()
    })
}

/// The beginning of a text.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
