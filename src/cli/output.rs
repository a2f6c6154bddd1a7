//! Where the documents of a run go, and what the exit code says of it.

use super::args::{CsvArgument, OutputArguments};
use super::{Exit, Stop, complain, hints, runtime};
use crate::catalog::Catalog;
use crate::model::{RunId, Severity};
use crate::report::{self, Destination, Dialect, Options, ReportSource as _, Sink, Written};
use crate::scan::RunSource;
use crate::store::{Store, StoreError};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Says what is wrong with what was asked for, before a long run has come to its end.
pub(super) fn check(output: &OutputArguments) -> Result<(), Stop> {
    output.fail_on.as_deref().map(threshold).transpose()?;
    for format in &output.format {
        report::exporter(format).map_err(|error| Stop::configuration(&error))?;
    }
    if output.output.is_some() && output.format.len() > 1 {
        return Err(Stop::usage(
            "standard output takes one format; name one with --format",
        ));
    }
    Ok(())
}

/// Writes the documents of a run, prints its summary, and says how the command ends.
pub(super) fn write(
    store: &Store,
    run: &RunId,
    output: &OutputArguments,
    catalog: &Catalog,
) -> Result<Vec<Exit>, Stop> {
    let source =
        RunSource::open(store, run, output.no_merge).map_err(|error| Stop::failed(&error))?;
    let threshold = output.fail_on.as_deref().map(threshold).transpose()?;
    let to_stdout = output.output.is_some();
    let options = Options {
        dialect: match output.csv {
            CsvArgument::Default => Dialect::Default,
            CsvArgument::ExcelEu => Dialect::ExcelEu,
            CsvArgument::Plain => Dialect::Plain,
        },
        destination: if to_stdout {
            Destination::Stdout
        } else {
            Destination::Folder
        },
        all_findings: output.all,
        no_users: output.no_users,
        ..Options::default()
    };
    let formats: Vec<&str> = output.format.iter().map(String::as_str).collect();
    let written = if to_stdout {
        export(&source, &formats, &options, &mut Stdout)?
    } else {
        to_folder(&source, &formats, &options, &folder(output, run))?
    };
    let text = report::summary(source.run(), source.coverage(), &written.counts);
    writeln!(io::stderr(), "{}", text.trim_end()).ok();
    if !to_stdout {
        let folder = folder(output, run);
        writeln!(io::stderr(), "\nFiles: {}", folder.display()).ok();
    }
    let mut exits = vec![judge(&written)];
    if threshold.is_some_and(|threshold| source.has_open_finding(threshold)) {
        exits.push(Exit::Findings);
    }
    exits.extend(age(catalog, output.max_catalog_age));
    Ok(exits)
}

fn folder(output: &OutputArguments, run: &RunId) -> PathBuf {
    output
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("underdesk-{run}")))
}

fn export(
    source: &RunSource,
    formats: &[&str],
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Written, Stop> {
    report::export(source, formats, options, sink).map_err(|error| Stop::failed(&error))
}

/// Writes beside the folder's old files and moves each into place when all are whole, so that a
/// spreadsheet never opens half a file.
fn to_folder(
    source: &RunSource,
    formats: &[&str],
    options: &Options,
    folder: &Path,
) -> Result<Written, Stop> {
    let fault = |error: io::Error| Stop {
        exit: Exit::Failed,
        text: format!("cannot write to {}: {error}", folder.display()),
    };
    fs::create_dir_all(folder).map_err(fault)?;
    let mut sink = Folder {
        folder: folder.to_owned(),
        names: Vec::new(),
    };
    let written = export(source, formats, options, &mut sink)?;
    sink.settle().map_err(fault)?;
    Ok(written)
}

struct Folder {
    folder: PathBuf,
    names: Vec<String>,
}

impl Folder {
    fn draft(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.part"))
    }

    fn settle(&self) -> io::Result<()> {
        for name in &self.names {
            fs::rename(self.draft(name), self.folder.join(name))?;
        }
        self.sweep_out()
    }

    /// Removes further parts of split files that an earlier, larger export left here.
    fn sweep_out(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_old = is_further_part(name) && !self.names.iter().any(|written| written == name);
            if is_old {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Sink for Folder {
    fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
        let draft = self.draft(name);
        self.names.push(name.to_owned());
        Ok(Box::new(create(&draft)?))
    }
}

/// Whether a name is `findings-2.csv` or the like: one of ours, but for the first part.
fn is_further_part(name: &str) -> bool {
    let Some((table, number)) = name
        .strip_suffix(".csv")
        .and_then(|stem| stem.rsplit_once('-'))
    else {
        return false;
    };
    number.parse::<u32>().is_ok_and(|number| number > 1)
        && report::table_names().any(|known| known == table)
}

/// What a network's machines lack is nobody else's business: readable by the owner only.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

struct Stdout;

impl Sink for Stdout {
    fn file(&mut self, _name: &str) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(io::stdout()))
    }
}

/// Incomplete when a host that a credential covers was not assessed, a safety stop when a breaker
/// opened or a host key changed.
fn judge(written: &Written) -> Exit {
    let counts = &written.counts;
    let has = |code: &str| {
        counts
            .not_assessed
            .get(code)
            .is_some_and(|count| *count > 0)
    };
    if has("breaker_open") || has("hostkey_changed") {
        return Exit::SafetyStop;
    }
    let excused = ["no_credential_in_scope", "network_only"];
    let missed = counts
        .not_assessed
        .iter()
        .any(|(code, count)| !excused.contains(code) && *count > 0);
    if missed {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

fn threshold(word: &str) -> Result<Option<Severity>, Stop> {
    if word == "any" {
        return Ok(None);
    }
    let severity = Severity::parse(word).map(Some);
    severity.ok_or_else(|| {
        Stop::usage(format!(
            "--fail-on {word}: expected low, medium, high, critical or any"
        ))
    })
}

/// Whether the catalogue is too old to be trusted to know what is missing.
fn age(catalog: &Catalog, most: u32) -> Option<Exit> {
    let imported = catalog.imported()?;
    let days = imported.date().days_until(runtime::now().date());
    if days <= i64::from(most) {
        return None;
    }
    complain(&format!(
        "the catalogue is {days} days old: newer bulletins are not in it; underdesk catalog import"
    ));
    Some(Exit::CatalogUnfit)
}

/// Opens the catalogue, or the built-in one where there is none.
pub(super) fn open_catalog(path: &Path) -> Result<Catalog, Stop> {
    if !path.exists() {
        complain(&format!(
            "there is no catalogue at {}: only the built-in starter is used, so most findings are unknown; underdesk catalog import",
            path.display()
        ));
    }
    let catalog = if path.exists() {
        Catalog::layered(path)
    } else {
        Catalog::starter()
    };
    catalog.map_err(|error| Stop {
        exit: Exit::CatalogUnfit,
        text: hints::chain(&error),
    })
}

/// Opens the store.
pub(super) fn open_store(path: &Path) -> Result<Store, Stop> {
    Store::open(path).map_err(|error| Stop::failed(&error))
}

/// The run that is meant: the named one, else the latest.
pub(super) fn find_run(store: &Store, named: Option<&str>) -> Result<RunId, Stop> {
    if let Some(named) = named.map(RunId::new) {
        let run = store.load_run(&named).wait();
        let run = run.map_err(|error| match error {
            StoreError::NoSuchRun { .. } => Stop::configuration(&error),
            other => Stop::failed(&other),
        })?;
        return Ok(run.summary.id);
    }
    let latest = store
        .latest_run()
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    let latest = latest.ok_or_else(|| Stop::usage("no run is stored yet; underdesk scan"))?;
    Ok(latest.summary.id)
}
