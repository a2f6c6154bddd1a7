//! What decides a finding is asked: every recorded host, judged by the questions of its open findings alone.

use super::*;
use crate::catalog::Catalog;
use crate::collect::{load, narrowed, read};
use crate::matching::{self, Knowledge, Known};
use crate::model::{Date, Inventory};
use crate::session::{Answers, Limits};
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let entries = hosts.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn judged(knowledge: &Knowledge, inventory: &Inventory) -> Vec<Finding> {
    let known = Known::load(knowledge, inventory).unwrap();
    let today = Date::parse("2026-11-22").unwrap();
    matching::findings_with_closed(inventory, &known, today)
}

/// What a host answers to fewer questions.
fn fewer(set: &QuestionSet, answers: &Answers) -> Answers {
    let mut fewer = Answers::default();
    for question in set.questions {
        match (answers.reply(question.id), answers.text(question.id)) {
            (Some(reply), _) => fewer.record(question.id, reply, &Limits::default()),
            (None, Err(gap)) if answers.has(question.id) => fewer.mark(question.id, gap.cause),
            (None, _) => {}
        }
    }
    fewer
}

fn words(findings: &[&Finding]) -> BTreeSet<String> {
    let words = findings
        .iter()
        .flat_map(|one| collect::words_of(&one.evidence));
    words.map(str::to_owned).collect()
}

#[test]
fn fewer_questions_give_every_recorded_host_the_same_verdicts_on_what_was_open() {
    let knowledge = Knowledge::from(Catalog::for_demo().unwrap());
    let (mut asked, mut of, mut open, mut narrow) = (0, 0, 0, 0);
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let (set, answers) = load(&folder).unwrap();
        let whole = read(set, &answers).unwrap();
        let findings = judged(&knowledge, &whole);
        for all in [false, true] {
            let chosen: Vec<&Finding> = findings
                .iter()
                .filter(|one| is_to_be_verified(one, all))
                .collect();
            // All of them together, and those of each sort of evidence by themselves.
            let mut parts = vec![chosen.clone()];
            let sorts: BTreeSet<&str> = chosen
                .iter()
                .map(|one| one.evidence.question.as_str())
                .collect();
            for sort in sorts {
                let of_sort = chosen.iter().copied();
                parts.push(
                    of_sort
                        .filter(|one| one.evidence.question == sort)
                        .collect(),
                );
            }
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                let less = narrowed(set, &words(&part));
                let again = read(less, &fewer(less, &answers)).unwrap();
                assert_eq!(again.platform, whole.platform, "{name}");
                assert_eq!(again.identity, whole.identity, "{name}");
                let windows = again.windows.as_deref();
                let updates = windows.and_then(|windows| windows.hotfixes.known());
                if again.packages.known().is_some() || updates.is_some() {
                    assert_eq!(again.reboot, whole.reboot, "{name}");
                }
                let open_gaps = whole.gaps.iter().collect::<BTreeSet<_>>();
                assert!(
                    again.gaps.iter().all(|gap| open_gaps.contains(gap)),
                    "{name}"
                );
                let now = judged(&knowledge, &again);
                for finding in &part {
                    let is_same = |one: &&Finding| {
                        one.product == finding.product && one.bulletin == finding.bulletin
                    };
                    let same: Vec<&Finding> = now.iter().filter(is_same).collect();
                    assert_eq!(same, [*finding], "{name}");
                }
                open += part.len();
                narrow += usize::from(less.questions.len() < set.questions.len());
                asked += less.questions.len();
                of += set.questions.len();
            }
        }
    }
    assert!(open > 200, "{open}");
    // It is worth the while.
    assert!(
        narrow > 30 && asked * 4 < of * 3,
        "{narrow}: {asked} of {of}"
    );
}

#[test]
fn a_word_that_nobody_knows_asks_everything() {
    let set = &collect::UNIX;
    let word = BTreeSet::from(["something-new".to_owned()]);
    assert_eq!(narrowed(set, &word).questions.len(), set.questions.len());
    let one = BTreeSet::from(["dpkg-packages".to_owned()]);
    let less = narrowed(set, &one);
    assert!(less.questions.len() < set.questions.len() * 2 / 3);
    // Made once.
    assert!(std::ptr::eq(less, narrowed(set, &one)));
}

#[test]
fn a_target_keeps_what_the_operator_said_of_it() {
    let tags = ["db", "criticality=high", "role=web", "owner=ops"].map(str::to_owned);
    assert_eq!(
        line("web.example.com", &tags),
        "web.example.com tags=db,role=web criticality=high owner=ops"
    );
    assert_eq!(line("10.0.0.1", &[]), "10.0.0.1");
}
