//! What the operator believes of the network: lists of machines, the policy, and who is one machine.

use super::args::BeliefArguments;
use super::config::Settings;
use super::{Stop, complain, hints};
use crate::classify::{MergeRules, Policy};
use crate::known::{self, ColumnUse, Mapping, ReadList, RowProblem, Source};
use crate::model::{FileMark, KnownList, Marks, RunId, Severity, Vouch, WorkStatus, plural};
use crate::report::for_terminal;
use crate::scan::{Beliefs, RunPlan};
use crate::store::{RunRecord, Store, StoreError};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// More than any policy has.
const MOST_BYTES: u64 = 8 << 20;
/// How many values that were not understood are told where nobody asks for all of them.
const TOLD: usize = 3;

/// What was named on the command line or in the configuration, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// The lists; `None` where none was named.
    lists: Option<Vec<KnownList>>,
    /// Whether the command line named them: then they take the place of those that a run has.
    is_named: bool,
    policy: Policy,
    rules: MergeRules,
    /// Which files these were; of lists nothing.
    marks: Marks,
}

impl Given {
    /// Which files the policy and the rules are of.
    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The lists that a run that begins now is compared with.
    pub(super) fn lists(&self) -> &[KnownList] {
        self.lists.as_deref().unwrap_or_default()
    }

    /// Takes the lists of another run, where none was named.
    pub(super) fn inherit(&mut self, lists: &[KnownList]) {
        self.lists.get_or_insert_with(|| lists.to_vec());
    }

    /// The policy; the default one where there is none.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What a stored run is compared with: what the command line names, else what the run began with, else
    /// what the configuration names.
    pub(super) fn of_run(self, store: &Store, run: &RunId) -> Result<Beliefs, Stop> {
        let named = self.lists.unwrap_or_default();
        let lists = if self.is_named {
            named
        } else {
            let kept = store.lists(run).wait();
            let kept = kept.map_err(|error| Stop::failed(&error))?;
            if kept.is_empty() { named } else { kept }
        };
        Ok(Beliefs {
            lists,
            policy: self.policy,
            rules: self.rules,
        })
    }
}

/// Reads what is named, and says how each list was understood.
pub(super) fn read(settings: &Settings, named: &BeliefArguments) -> Result<Given, Stop> {
    let read = read_lists(settings, named)?;
    for list in &read {
        complain(&in_short(list));
    }
    let is_named = !named.known.is_empty();
    let (policy, of_policy) = policy(settings, named)?;
    let (rules, of_rules) = rules(settings, named)?;
    Ok(Given {
        lists: (!read.is_empty()).then(|| read.into_iter().map(|one| one.list).collect()),
        is_named,
        policy,
        rules,
        marks: Marks {
            policy: of_policy,
            merge_rules: of_rules,
            ..Marks::default()
        },
    })
}

/// The lists that are named, in their order, with what was made of them.
pub(super) fn read_lists(
    settings: &Settings,
    named: &BeliefArguments,
) -> Result<Vec<ReadList>, Stop> {
    let usage = |error: known::SourceError| Stop::configuration(&error);
    let sources = if named.known.is_empty() {
        settings.known.clone()
    } else {
        let flags = named.known.iter().map(|flag| Source::parse_flag(flag));
        flags.collect::<Result<_, _>>().map_err(usage)?
    };
    let maps = named.map.iter().map(|flag| known::parse_map(flag));
    let maps: Vec<Mapping> = maps.collect::<Result<_, _>>().map_err(usage)?;
    for map in &maps {
        let names = sources.iter().map(Source::name);
        let is_there = |list: &String| names.clone().any(|name| name.eq_ignore_ascii_case(list));
        if sources.is_empty() || !map.list.as_ref().is_none_or(is_there) {
            return Err(Stop::usage(
                "--map tells how to read a list, and no list of that name is given with --known",
            ));
        }
    }
    let mut names = BTreeSet::new();
    let lists = sources.iter().map(|source| {
        let name = source.name();
        if !names.insert(name.to_lowercase()) {
            return Err(Stop::usage(format!(
                "two lists are called {name}; give one another name: --known NAME={}",
                source.path.display()
            )));
        }
        known::file::read(&source.path, &source.options(&maps)).map_err(|error| {
            let chain = hints::chain(&error);
            Stop::usage(format!(
                "list {}: {chain}; see docs/lists.md",
                source.path.display()
            ))
        })
    });
    lists.collect()
}

fn policy(settings: &Settings, named: &BeliefArguments) -> Result<(Policy, FileMark), Stop> {
    let path = named.policy.as_ref().or(settings.policy.as_ref());
    let Some(path) = path else {
        return Ok((Policy::default(), FileMark::default()));
    };
    let text = text(path, "docs/policy.md")?;
    let policy = Policy::parse(&text).map_err(|error| refused(path, &error, "docs/policy.md"))?;
    Ok((policy, mark(path, &text)))
}

fn rules(settings: &Settings, named: &BeliefArguments) -> Result<(MergeRules, FileMark), Stop> {
    let path = named.merge_rules.as_ref().or(settings.merge_rules.as_ref());
    let Some(path) = path else {
        return Ok((MergeRules::default(), FileMark::default()));
    };
    let text = text(path, "docs/unmanaged.md")?;
    let rules = MergeRules::parse(&text);
    let rules = rules.map_err(|error| refused(path, &error, "docs/unmanaged.md"))?;
    Ok((rules, mark(path, &text)))
}

fn mark(path: &Path, text: &str) -> FileMark {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    FileMark::of(&name, text.as_bytes())
}

/// Which files a stored run is weighed and compared by, and that it began with another policy, where it did.
pub(super) fn marks_of(record: &RunRecord, given: &Marks, beliefs: &Beliefs) -> Marks {
    let lists = beliefs.lists.iter().map(|list| {
        // Strings, numbers and lists always serialise.
        let read = serde_json::to_vec(list).unwrap_or_default();
        (list.name.clone(), FileMark::of("", &read).digest)
    });
    let plan = serde_json::from_value::<RunPlan>(record.settings.clone());
    let marks = Marks {
        lists: lists.collect(),
        policy_of_run: plan.ok().and_then(|plan| plan.policy),
        ..given.clone()
    };
    let before = marks.policy_of_run.as_ref();
    if let Some(before) = before.filter(|before| before.digest != marks.policy.digest) {
        complain(&format!(
            "run {} was weighed by {} when it began, and is by {} now: severities, due dates and who is expected may differ; --policy FILE names one",
            record.summary.id,
            in_words(before),
            in_words(&marks.policy)
        ));
    }
    marks
}

/// [`marks_of`], and what else tells whether files of a run are of one export.
pub(super) fn all_marks_of(
    store: &Store,
    record: &RunRecord,
    given: &Marks,
    (beliefs, no_merge): (&Beliefs, bool),
) -> Result<Marks, Stop> {
    Ok(Marks {
        no_merge,
        decisions: decisions(store, &record.summary.site)?,
        ..marks_of(record, given, beliefs)
    })
}

/// SHA-256 of what is written down at a site of findings: exceptions, owners, severities and states.
fn decisions(store: &Store, site: &str) -> Result<String, Stop> {
    let failed = |error: StoreError| Stop::failed(&error);
    let exceptions = store.exceptions(site).wait().map_err(failed)?;
    let annotations = store.annotations(site).wait().map_err(failed)?;
    let annotations: Vec<_> = annotations
        .iter()
        .map(|one| {
            let status = one.status.map(WorkStatus::as_str);
            let severity = one.my_severity.map(Severity::as_str);
            (one.finding.as_str(), &one.owner, status, severity)
        })
        .collect();
    // Texts and numbers always serialise.
    let all = serde_json::to_vec(&(exceptions, annotations)).unwrap_or_default();
    Ok(FileMark::of("", &all).digest)
}

fn in_words(mark: &FileMark) -> String {
    if !mark.is_there() {
        return "no policy".to_owned();
    }
    let digest: String = mark.digest.chars().take(12).collect();
    format!("{} ({digest}…)", for_terminal(&mark.file))
}

fn text(path: &PathBuf, page: &str) -> Result<String, Stop> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the text is not UTF-8"))
    };
    let text: String = read().map_err(|error| refused(path, &error, page))?;
    // Some editors begin a file with a mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn refused(path: &Path, error: &dyn std::error::Error, page: &str) -> Stop {
    Stop::usage(format!("{}: {error}; see {page}", path.display()))
}

/// How a list was understood, in one line.
fn in_short(read: &ReadList) -> String {
    let mut said = headline(read);
    let used: Vec<String> = read.columns.iter().filter_map(used).collect();
    if !used.is_empty() {
        let _ = write!(said, "; {}", for_terminal(&used.join(", ")));
    }
    if read.problems > 0 {
        let shown = read.unread.iter().take(TOLD).map(problem);
        let shown = shown.collect::<Vec<_>>().join("; ");
        let _ = write!(
            said,
            "; {} not understood: {}; underdesk unmanaged --show-lists tells all",
            read.problems,
            for_terminal(&shown),
        );
    }
    said
}

/// What a list is.
fn headline(read: &ReadList) -> String {
    let list = &read.list;
    let vouches: Vec<&str> = list.vouches.iter().copied().map(Vouch::as_str).collect();
    let day = list.as_of.map(|day| day.to_string());
    format!(
        "list {}: {}, of {}, {} in {}, vouches for {}",
        for_terminal(&list.name),
        list.kind.as_str(),
        day.as_deref().unwrap_or("an unknown day"),
        plural(list.records.len(), "machine"),
        plural(read.rows, "row"),
        vouches.join(" and "),
    )
}

/// What a column is used for, where it is.
fn used(column: &ColumnUse) -> Option<String> {
    let field = column.used_as?;
    Some(format!("{} is {}", column.header, field.as_str()))
}

fn problem(problem: &RowProblem) -> String {
    let RowProblem { row, column, what } = problem;
    if column.is_empty() {
        format!("row {row}: {what}")
    } else {
        format!("row {row}, {column}: {what}")
    }
}

/// How each list was understood: every column, and every value that was not.
pub(super) fn in_full(lists: &[ReadList]) -> String {
    let mut text = String::new();
    for read in lists {
        let _ = writeln!(text, "{}", headline(read));
        let mut say = |line: &str| {
            let _ = writeln!(text, "  {}", for_terminal(line));
        };
        say(&format!("{}, {}", read.form, read.encoding));
        say(&format!("kind: {}", read.kind_by));
        say(&format!("day: {}", read.as_of_by));
        for note in &read.notes {
            say(&format!("note: {note}"));
        }
        for column in &read.columns {
            let why = column.why.as_str();
            let hint = column.hint.as_deref().map(|hint| format!("; {hint}"));
            let hint = hint.unwrap_or_default();
            match used(column) {
                Some(used) => say(&format!("column {used}, {why}")),
                None => say(&format!("column {} is {why}{hint}", column.header)),
            }
        }
        for one in &read.unread {
            say(&format!("not understood: {}", problem(one)));
        }
        let told = u64::try_from(read.unread.len()).unwrap_or(u64::MAX);
        if read.problems > told {
            say(&format!("and {} more", read.problems - told));
        }
    }
    text
}
