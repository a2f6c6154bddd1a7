//! What verdicts are made by: the catalogue, and the operator's rules for programs before the built-in ones.

use super::args::VerdictArguments;
use super::config::Settings;
use super::{Stop, output};
use crate::matching::Knowledge;
use crate::matching::windows::Rules;
use crate::model::{Date, RunSummary};
use crate::scan::RuleFile;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

/// More than any file of rules has; what is longer is refused when it is read as one.
const MOST_BYTES: u64 = 8 << 20;

/// The catalogue and the rules that are meant. What is wrong with a rule is said before the catalogue is
/// looked for.
pub(super) fn open(settings: &Settings, verdicts: &VerdictArguments) -> Result<Knowledge, Stop> {
    let rules = rules(&rule_files(settings, verdicts)?)?;
    Ok(Knowledge {
        catalog: Arc::new(output::open_catalog(settings)?),
        rules,
    })
}

/// [`open`], for a stored run: of simulated hosts, what the demo judges them by.
pub(super) fn open_for(
    settings: &Settings,
    verdicts: &VerdictArguments,
    run: &RunSummary,
) -> Result<Knowledge, Stop> {
    let rules = rules(&rule_files(settings, verdicts)?)?;
    Ok(Knowledge {
        catalog: Arc::new(output::open_catalog_of(settings, run)?),
        rules,
    })
}

/// [`open`], as it was on a past day.
pub(super) fn open_as_of(
    settings: &Settings,
    verdicts: &VerdictArguments,
    (run, day): (&RunSummary, Date),
) -> Result<Knowledge, Stop> {
    let rules = rules(&rule_files(settings, verdicts)?)?;
    let catalog = output::open_catalog_of(settings, run)?.as_of(day);
    Ok(Knowledge {
        catalog: Arc::new(catalog),
        rules,
    })
}

/// The operator's files of rules, read: those of the flags, else those of the settings.
pub(super) fn rule_files(
    settings: &Settings,
    verdicts: &VerdictArguments,
) -> Result<Vec<RuleFile>, Stop> {
    let named = Some(&verdicts.programs).filter(|paths| !paths.is_empty());
    let files = named.unwrap_or(&settings.programs).iter().map(|path| {
        // A resumed run may be started from another folder.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let text = read(&path).map_err(|error| refused(&path, &error))?;
        Ok(RuleFile { path, text })
    });
    files.collect()
}

/// The rules of files, each before those of the next, and the built-in ones last.
pub(super) fn rules(files: &[RuleFile]) -> Result<Arc<Rules>, Stop> {
    let mut rules = Rules::builtin().clone();
    for file in files.iter().rev() {
        let own = Rules::read(&file.text).map_err(|error| refused(&file.path, &error))?;
        rules = own.before(&rules);
    }
    Ok(Arc::new(rules))
}

/// What has changed since a run was judged, as the beginning of a sentence.
pub(super) fn changed(knowledge: &Knowledge, run: &RunSummary) -> Option<&'static str> {
    if knowledge.catalog.digest() != run.catalog_digest {
        return Some("the catalogue has changed");
    }
    let is_other = knowledge.rules.digest() != run.programs_digest;
    is_other.then_some("the rules for programs (--programs) have changed")
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the text is not UTF-8"))?;
    // Some editors begin a file with a mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn refused(path: &Path, error: &dyn std::error::Error) -> Stop {
    Stop::usage(format!(
        "rules for programs {}: {error}; see docs/programs.md",
        path.display()
    ))
}
