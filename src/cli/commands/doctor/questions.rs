//! How the questions were answered: a sum, the gaps, and with `-v` each.

use crate::model::GapCause;
use crate::scan::{Note, Step};
use crate::session::{Ask, Question, QuestionSet, wordings};

/// The questions of a visit, each with the best answer that it got.
pub(super) struct Asked {
    rows: Vec<(&'static Question, bool, Result<usize, GapCause>)>,
}

/// Reads the notes of a visit.
pub(super) fn of(notes: &[Note]) -> Asked {
    let answered = notes.iter().filter_map(|note| match &note.step {
        Step::Answered(set, answers) if !set.name.ends_with("-account") => Some((*set, answers)),
        _ => None,
    });
    let mut rows: Vec<(&'static Question, bool, Result<usize, GapCause>)> = Vec::new();
    for (set, answers) in answered {
        let is_root = set.name == crate::collect::UNIX_PRIVILEGED.name;
        for (id, answer) in answers {
            let Some(question) = question(set, id) else {
                continue;
            };
            let place = rows.iter().position(|row| row.0.id == *id);
            match place.and_then(|place| rows.get_mut(place)) {
                // What root was told counts in place of what others were.
                Some(row) if answer.is_ok() => *row = (question, is_root, *answer),
                Some(_) => {}
                None => rows.push((question, is_root, *answer)),
            }
        }
    }
    Asked { rows }
}

fn question(set: &'static QuestionSet, id: &str) -> Option<&'static Question> {
    set.questions.iter().find(|question| question.id == id)
}

impl Asked {
    /// `31 of 44 answered; 12 are about what the host does not have`.
    pub(super) fn summary(&self) -> String {
        let count = |test: fn(&Result<usize, GapCause>) -> bool| {
            self.rows.iter().filter(|row| test(&row.2)).count()
        };
        let answered = count(Result::is_ok);
        let missing = count(|answer| *answer == Err(GapCause::Missing));
        let open = self.rows.len() - answered - missing;
        format!(
            "{answered} of {} answered; {missing} about tools and files that the host does not have, {open} not answered",
            self.rows.len()
        )
    }

    /// A line for each question that has no answer though the host may have one.
    pub(super) fn gaps(&self) -> Vec<String> {
        let gaps = self.rows.iter().filter_map(|(question, _, answer)| {
            let cause = answer.err().filter(|cause| *cause != GapCause::Missing)?;
            Some(format!(
                "{}: {}. {}",
                question.id,
                cause.as_str(),
                question.loss
            ))
        });
        gaps.collect()
    }

    /// Each question, how it was answered, and what was sent.
    pub(super) fn in_full(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (question, is_root, answer) in &self.rows {
            let as_root = if *is_root { " as root" } else { "" };
            let said = match answer {
                Ok(bytes) => format!("{bytes} bytes"),
                Err(cause) => cause.as_str().to_owned(),
            };
            lines.push(format!("{}{as_root}: {said}", question.id));
            match question.ask {
                Ask::Sh(words) => lines.extend(words.lines().map(|line| format!("  {line}"))),
                ask => lines.extend(
                    wordings(ask)
                        .into_iter()
                        .map(|one| format!("  {}: {}", one.way, one.text)),
                ),
            }
        }
        lines
    }
}
