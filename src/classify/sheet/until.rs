//! Until when a finding may stay: the day that a cell means, and the exceptions that go and come with it.

use super::compare::{Comparer, OfRow, ShownFinding, short, unfit};
use super::{SheetField, SheetRow};
use crate::model::{Annotation, Date, Exception, ExceptionId, ExceptionScope};
use crate::tabular::days::{self, Sure};

/// The longest text that anybody reads in a cell.
const MOST_TEXT: usize = 1_000;

impl Comparer {
    pub(super) fn until(
        &self,
        row: &SheetRow,
        (shown, kept): (&ShownFinding<'_>, &Annotation),
        of_row: &mut OfRow,
    ) {
        let field = SheetField::ExceptionUntil;
        let now = shown.decision.until;
        let before = now.map(|day| day.to_string()).unwrap_or_default();
        let wanted = match row.until.as_deref() {
            None => Ok(now),
            Some("") => Ok(None),
            Some(cell) => day(cell, now).map(Some),
        };
        let until = match wanted {
            Ok(until) => until,
            Err(what) => return of_row.complain(field, what),
        };
        if until != now {
            match self.regrant(row, (shown, kept), until) {
                Ok((taken_back, granted)) => {
                    let after = until.map(|day| day.to_string()).unwrap_or_default();
                    of_row.change(field, &before, &after);
                    of_row.taken_back = taken_back;
                    of_row.granted = granted;
                }
                Err(what) => return of_row.complain(field, what),
            }
        }
        let touched = of_row.changes(field) || of_row.changes(SheetField::Status);
        let status = kept.status.filter(|status| status.wants_a_day());
        if let Some(status) = status.filter(|_| touched && until.is_none()) {
            of_row.complain(
                field,
                format!(
                    "{} leaves the finding as it is: say until when (YYYY-MM-DD)",
                    status.as_str()
                ),
            );
        }
    }

    /// The exceptions that go, and the one that comes, where a finding may stay until another day.
    fn regrant(
        &self,
        row: &SheetRow,
        (shown, kept): (&ShownFinding<'_>, &Annotation),
        until: Option<Date>,
    ) -> Result<(Vec<ExceptionId>, Option<Exception>), String> {
        let broad = shown.holding.iter().find(|one| !is_of_one(&one.scope));
        if let Some(broad) = broad {
            return Err(format!(
                "the day is that of {}, which is about more than this finding ({}): underdesk except expire {} takes it \
                 back for all, except add grants another",
                broad.id,
                broad.scope.in_words(),
                broad.id
            ));
        }
        let taken_back = shown.holding.iter().map(|one| one.id.clone()).collect();
        let Some(until) = until else {
            return Ok((taken_back, None));
        };
        let today = self.terms.now.date();
        if until < today {
            return Err(format!("{until} is over: it is {today} (UTC)"));
        }
        let replaced = shown.holding.first();
        let given = |text: &&str| !text.is_empty();
        let machines = shown.facts.machine().owner();
        let owner = kept.owner.as_deref().or(machines).filter(given);
        let owner = owner.or_else(|| replaced.map(|one| one.owner.as_str()));
        let owner = owner.ok_or("an exception has an owner: fill the column owner")?;
        let of_sheet = row.reason.as_deref().filter(given);
        let reason = of_sheet
            .or(self.terms.reason.as_deref())
            .or_else(|| replaced.map(|one| one.reason.as_str()));
        let reason = reason.ok_or(
            "an exception has a reason: add a column reason, or say it with --reason TEXT",
        )?;
        if let Some(what) = unfit(reason, MOST_TEXT) {
            return Err(format!("reason: {what}"));
        }
        Ok((
            taken_back,
            Some(self.exception(shown, (owner, reason), until)),
        ))
    }

    fn exception(
        &self,
        shown: &ShownFinding<'_>,
        (owner, reason): (&str, &str),
        until: Date,
    ) -> Exception {
        let terms = &self.terms;
        let mut ids = shown.facts.finding_ids(shown.finding);
        let scope = ExceptionScope {
            finding: ids.next(),
            ..ExceptionScope::default()
        };
        let about = scope.in_words();
        let (granted, day) = (terms.now.unix().to_string(), until.to_string());
        let parts = [&terms.site, &about, owner, reason, &granted, &day];
        Exception {
            id: ExceptionId::of(&parts),
            scope,
            versions: vec![shown.finding.installed.clone()],
            owner: owner.to_owned(),
            reason: reason.to_owned(),
            granted: terms.now,
            granted_by: terms.operator.clone(),
            until,
            taken_back: None,
        }
    }
}

/// The day that a cell means. Where it may be two and one of them is what stands there now, it is that one.
fn day(cell: &str, now: Option<Date>) -> Result<Date, String> {
    match days::sure(cell) {
        Sure::On(day) => Ok(day),
        Sure::Either(one, other) => {
            let mut both = [one, other].into_iter();
            both.find(|day| Some(*day) == now).ok_or_else(|| {
                format!(
                    "`{}` may be {one} or {other}: write the day as YYYY-MM-DD",
                    short(cell)
                )
            })
        }
        Sure::No => Err(format!(
            "`{}` is no day: write it as YYYY-MM-DD, or leave it empty",
            short(cell)
        )),
    }
}

/// Whether an exception is about one finding alone.
fn is_of_one(scope: &ExceptionScope) -> bool {
    let others = [&scope.bulletin, &scope.host, &scope.tag];
    scope.finding.is_some() && others.iter().all(|one| one.is_none())
}
