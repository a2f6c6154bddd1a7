//! Why a finding is weighed as it is, step by step.

use super::{Measures, Subject, can_be_fixed, counted_from, decide, rules_that_fit};
use crate::model::{Date, Severity, plural};

/// Why a finding is weighed as it is: one step a line, each with what it rests on.
pub fn explain(measures: &Measures, subject: &Subject<'_>, today: Date) -> Vec<String> {
    let Subject { finding, facts, .. } = subject;
    let word = |severity: Option<Severity>| severity.map_or("not rated", Severity::as_str);
    let mut lines = vec![stated(subject)];
    lines.extend(nature(subject));
    let fitting = rules_that_fit(measures, finding, facts);
    let mut fitting = fitting
        .iter()
        .filter_map(|place| measures.rules.get(*place));
    let written = subject.annotation.filter(|one| one.my_severity.is_some());
    let first = match written {
        None => fitting.next(),
        Some(_) => None,
    };
    let severity = match (written, first) {
        (Some(written), _) => {
            lines.push(format!(
                "a spreadsheet says {}: written by {} on {}; no rule is asked",
                word(written.my_severity),
                written.written_by,
                written.written.date()
            ));
            written.my_severity
        }
        (None, None) => {
            lines.push("no [[severity]] rule fits".to_owned());
            finding.rating()
        }
        (None, Some(rule)) => {
            let severity = rule.effect.on(finding.rating());
            lines.push(format!(
                "rule {} (line {}): {}, so {}; {}",
                rule.id,
                rule.line,
                rule.effect.in_words(),
                word(severity),
                rule.reason
            ));
            severity
        }
    };
    for later in fitting {
        lines.push(format!(
            "rule {} (line {}) fits as well and comes later: it is not asked",
            later.id, later.line
        ));
    }
    lines.extend(worked_on(subject));
    due(measures, subject, severity, (today, &mut lines));
    lines
}

/// Who is at work on it, as people wrote.
fn worked_on(subject: &Subject<'_>) -> Option<String> {
    let written = subject.annotation?;
    let owner = written.owner.as_ref().map(|owner| format!("owner {owner}"));
    let status = written
        .status
        .map(|status| format!("status {}", status.as_str()));
    let parts: Vec<String> = [owner, status].into_iter().flatten().collect();
    let by = format!(
        "written by {} on {}",
        written.written_by,
        written.written.date()
    );
    (!parts.is_empty()).then(|| format!("{}: {by}; it changes no verdict", parts.join(", ")))
}

fn stated(subject: &Subject<'_>) -> String {
    let finding = subject.finding;
    match (finding.severity, finding.rating()) {
        (Some(vendor), _) => format!("its publisher says {}", vendor.as_str()),
        (None, Some(rating)) => format!(
            "its publisher rates it by a CVSS score only, which is {}",
            rating.as_str()
        ),
        (None, None) => "nobody rates it".to_owned(),
    }
}

/// What rules may ask for of the sort of flaw; nothing where its publisher says nothing.
fn nature(subject: &Subject<'_>) -> Option<String> {
    let finding = subject.finding;
    let said = [("impact", &finding.impacts), ("cwe", &finding.cwes)];
    let said = said.iter().filter(|(_, words)| !words.is_empty());
    let said: Vec<String> = said
        .map(|(name, words)| format!("{name} {}", words.join(", ")))
        .collect();
    (!said.is_empty()).then(|| format!("its publisher states {}", said.join("; ")))
}

fn due(
    measures: &Measures,
    subject: &Subject<'_>,
    severity: Option<Severity>,
    (today, lines): (Date, &mut Vec<String>),
) {
    let finding = subject.finding;
    let Some(due) = &measures.due else {
        lines.push("no due date: the policy has no [due]".to_owned());
        return;
    };
    if !can_be_fixed(finding.state) {
        let state = finding.state.as_str();
        lines.push(format!(
            "no due date: nobody can install anything for {state}"
        ));
        return;
    }
    let from = counted_from(subject, today);
    let dates = due.dates(subject, severity, today);
    if let (Some(day), Some(allowed)) = (dates.severity, due.allowed.get(&severity)) {
        let free = due.calendar.holidays_in(from, day);
        let free: Vec<String> = free.iter().map(ToString::to_string).collect();
        let free = match free.as_slice() {
            [] => String::new(),
            free => format!(" (holidays: {})", free.join(", ")),
        };
        lines.push(format!("{allowed} from {from} on: {day}{free}"));
    }
    if let Some(preset) = due.preset {
        let timeline = preset.timeline(finding, subject.facts);
        let answers = preset.in_words(finding, subject.facts);
        let when = match (timeline.allowed, dates.preset) {
            (Some(allowed), Some(day)) => format!("{allowed} from {from} on: {day}"),
            _ => "with the next upgrade of the system: no date".to_owned(),
        };
        let forensics = if timeline.forensics {
            "; look for traces of an attack as well"
        } else {
            ""
        };
        let (name, row) = (super::bod::NAME, timeline.row);
        lines.push(format!("{name} row {row} ({answers}): {when}{forensics}"));
    }
    if let Some(day) = dates.kev {
        lines.push(format!("CISA wants it fixed by {day} (KEV)"));
    }
    let decision = decide(measures, subject, today);
    lines.push(match (decision.due, decision.days_left) {
        (Some(day), Some(left)) if left < 0 => {
            format!("due {day}: overdue by {}", plural(-left, "day"))
        }
        (Some(day), Some(left)) => format!("due {day}: {} left", plural(left, "day")),
        _ => "no due date: the policy allows it any time".to_owned(),
    });
}
