//! What is meant: flags over environment over project file over user file.
//!
//! The only file that reads the environment.

mod fetching;

pub(super) use fetching::FetchSettings;

use super::args::Global;
use super::limits_args::LimitsFile;
use crate::known::Source;
use crate::os;
use crate::scan::RunLimits;
use crate::store::Retention;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

/// Where things are and what always holds, after all layers.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Settings {
    pub(super) store: PathBuf,
    pub(super) catalog: PathBuf,
    /// Whether a flag names it: then it has to be there for whoever reads it.
    pub(super) is_catalog_named: bool,
    /// Where credentials are looked for when no flag names a file; the first that exists.
    pub(super) credentials: Vec<PathBuf>,
    pub(super) known_hosts: Vec<PathBuf>,
    /// Files of certificate authorities, beside the system's.
    pub(super) tls_ca: Vec<PathBuf>,
    /// How many hosts may show a changed key before a run stops itself.
    pub(super) max_changed_keys: Option<u32>,
    /// What every run may do at once at most, unless a flag says otherwise.
    pub(super) limits: RunLimits,
    /// Files of rules for programs, for when no flag names any.
    pub(super) programs: Vec<PathBuf>,
    /// Lists of machines, for when no flag names any.
    pub(super) known: Vec<Source>,
    /// The policy, where there is one.
    pub(super) policy: Option<PathBuf>,
    /// Who is one machine, where the operator says so.
    pub(super) merge_rules: Option<PathBuf>,
    /// How `catalog update` fetches.
    pub(super) fetching: FetchSettings,
    pub(super) site: String,
    pub(super) operator: String,
    /// Targets that no flag overrides, each with the file it is from.
    pub(super) never_scan: Vec<(String, String)>,
    /// How many finished runs are kept after a scan.
    pub(super) retention: Retention,
    pub(super) no_input: bool,
    /// The flags of the files and the site, as typed: what a command that is to follow needs, too.
    pub(super) typed: Vec<(&'static str, String)>,
    /// Whether `-v` was given.
    pub(super) verbose: bool,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        column: usize,
        message: String,
    },
    #[error(
        "the site {name:?}: expected one line of 1 to 100 letters, without blanks around it (--site, \
         UNDERDESK_SITE, or site in the configuration)"
    )]
    NoSite { name: String },
    #[error("no place for the {what}: neither HOME nor {variable} is set; name one with {flag}")]
    NoPlace {
        what: &'static str,
        variable: &'static str,
        flag: &'static str,
    },
}

/// One configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    store: Option<PathBuf>,
    catalog: Option<PathBuf>,
    credentials: Option<PathBuf>,
    known_hosts: Option<Vec<PathBuf>>,
    tls_ca: Option<Vec<PathBuf>>,
    max_changed_keys: Option<u32>,
    limits: LimitsFile,
    programs: Option<Vec<PathBuf>>,
    known: Option<Vec<Source>>,
    policy: Option<PathBuf>,
    merge_rules: Option<PathBuf>,
    update: fetching::FetchFile,
    site: Option<String>,
    operator: Option<String>,
    never_scan: Vec<String>,
    keep_runs: Option<std::num::NonZeroU32>,
    keep_days: Option<u32>,
}

/// The process's variables, read once. Some hold secrets: `Debug` shows none.
#[derive(Clone, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Environment {
    /// The process's own.
    pub(super) fn of_process() -> Self {
        Self(env::vars_os().filter_map(text_pair).collect())
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// The user's own folder; Windows calls it otherwise.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.path("HOME").or_else(|| self.path("USERPROFILE"))
    }

    /// A folder by the XDG base directory specification.
    fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let set = self.path(variable).filter(|path| path.is_absolute());
        set.or_else(|| Some(self.home()?.join(below_home)))
            .map(|folder| folder.join("underdesk"))
    }
}

fn text_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

impl Settings {
    /// Puts the layers together.
    pub(super) fn load(global: &Global, environment: &Environment) -> Result<Self, ConfigError> {
        let layers = Layers::read(global, environment)?;
        let never_scan = |layer: &Layer| {
            let origin = layer.path.display().to_string();
            let targets = layer.file.never_scan.clone().into_iter();
            targets
                .map(move |target| (target, origin.clone()))
                .collect::<Vec<_>>()
        };
        Ok(Self {
            store: layers.store(global)?,
            catalog: layers.catalog(global)?,
            is_catalog_named: global.catalog.is_some(),
            credentials: layers.credentials(),
            known_hosts: layers
                .first(|file| file.known_hosts.clone())
                .unwrap_or_else(|| default_known_hosts(environment)),
            tls_ca: layers.first(|file| file.tls_ca.clone()).unwrap_or_default(),
            max_changed_keys: layers.first(|file| file.max_changed_keys),
            limits: layers.limits(),
            programs: layers.programs(),
            known: layers.first(|file| file.known.clone()).unwrap_or_default(),
            policy: layers.usual("UNDERDESK_POLICY", "policy.toml", |file| {
                file.policy.clone()
            }),
            merge_rules: layers.usual("UNDERDESK_MERGE_RULES", "merge.toml", |file| {
                file.merge_rules.clone()
            }),
            fetching: layers.fetching(),
            site: layers
                .text(global.site.clone(), "UNDERDESK_SITE", |file| {
                    file.site.clone()
                })
                .map_or_else(|| Ok("default".to_owned()), site)?,
            operator: layers
                .text(None, "UNDERDESK_OPERATOR", |file| file.operator.clone())
                .or_else(|| environment.get("USER").map(str::to_owned))
                .or_else(|| environment.get("LOGNAME").map(str::to_owned))
                .or_else(|| environment.get("USERNAME").map(str::to_owned))
                .unwrap_or_else(os::nameless_user),
            never_scan: layers.files.iter().flat_map(never_scan).collect(),
            retention: Retention {
                runs: layers
                    .first(|file| file.keep_runs)
                    .and_then(|count| usize::try_from(count.get()).ok()),
                days: layers.first(|file| file.keep_days),
            },
            no_input: global.no_input,
            typed: typed(global),
            verbose: global.verbose > 0,
        })
    }
}

fn typed(global: &Global) -> Vec<(&'static str, String)> {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let flags = [
        ("--store", path(&global.store)),
        ("--catalog", path(&global.catalog)),
        ("--config", path(&global.config)),
        ("--site", global.site.clone()),
    ];
    let typed = flags.into_iter();
    typed
        .filter_map(|(flag, value)| Some((flag, value?)))
        .collect()
}

/// The longest name of a site, in letters.
const LONGEST_SITE: usize = 100;

/// The name of a site: it stands in cells, in file names of people, and decides who is the same machine.
fn site(name: String) -> Result<String, ConfigError> {
    let is_one_line = !name.contains(char::is_control) && name.trim() == name;
    if is_one_line && (1..=LONGEST_SITE).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(ConfigError::NoSite { name })
}

/// Everything below the flags, the stronger layer first.
struct Layers<'a> {
    environment: &'a Environment,
    files: Vec<Layer>,
    config_home: Option<PathBuf>,
}

struct Layer {
    path: PathBuf,
    file: File,
}

impl<'a> Layers<'a> {
    fn read(global: &Global, environment: &'a Environment) -> Result<Self, ConfigError> {
        let config_home = environment.xdg("XDG_CONFIG_HOME", ".config");
        let named = global.config.clone();
        let named = named.or_else(|| environment.path("UNDERDESK_CONFIG"));
        let (paths, is_named) = if let Some(path) = named {
            (vec![path], true)
        } else {
            let user = config_home.as_ref().map(|home| home.join("config.toml"));
            let project = PathBuf::from("underdesk.toml");
            ([Some(project), user].into_iter().flatten().collect(), false)
        };
        let files = paths.into_iter().map(|path| {
            let file = read(&path, is_named)?;
            Ok(Layer { path, file })
        });
        Ok(Self {
            environment,
            files: files.collect::<Result<_, ConfigError>>()?,
            config_home,
        })
    }

    /// What the strongest file says that says anything.
    fn first<T>(&self, get: impl Fn(&File) -> Option<T>) -> Option<T> {
        self.files.iter().find_map(|layer| get(&layer.file))
    }

    fn text(
        &self,
        flag: Option<String>,
        variable: &str,
        get: impl Fn(&File) -> Option<String>,
    ) -> Option<String> {
        let set = || self.environment.get(variable).map(str::to_owned);
        flag.or_else(set).or_else(|| self.first(get))
    }

    fn place(
        &self,
        flag: Option<&PathBuf>,
        variable: &str,
        get: impl Fn(&File) -> Option<PathBuf>,
    ) -> Option<PathBuf> {
        let set = || self.environment.path(variable);
        flag.cloned().or_else(set).or_else(|| self.first(get))
    }

    fn store(&self, global: &Global) -> Result<PathBuf, ConfigError> {
        let named = self.place(global.store.as_ref(), "UNDERDESK_STORE", |file| {
            file.store.clone()
        });
        let usual = || self.environment.xdg("XDG_STATE_HOME", ".local/state");
        let usual = || Some(usual()?.join("underdesk.db"));
        named.or_else(usual).ok_or(ConfigError::NoPlace {
            what: "store",
            variable: "XDG_STATE_HOME",
            flag: "--store",
        })
    }

    fn catalog(&self, global: &Global) -> Result<PathBuf, ConfigError> {
        let get = |file: &File| file.catalog.clone();
        let named = self.place(global.catalog.as_ref(), "UNDERDESK_CATALOG", get);
        let usual = || self.environment.xdg("XDG_DATA_HOME", ".local/share");
        let usual = || Some(usual()?.join("catalog.db"));
        named.or_else(usual).ok_or(ConfigError::NoPlace {
            what: "catalogue",
            variable: "XDG_DATA_HOME",
            flag: "--catalog",
        })
    }

    /// What a stronger file says of a limit, and what a weaker one says of the others.
    fn limits(&self) -> RunLimits {
        let weakest_first = self.files.iter().rev();
        let limits = weakest_first.map(|layer| layer.file.limits.limits());
        limits.fold(RunLimits::default(), RunLimits::but)
    }

    /// Files of rules for programs. The variable lists them as `PATH` lists folders.
    fn programs(&self) -> Vec<PathBuf> {
        let set = self.environment.get("UNDERDESK_PROGRAMS");
        set.map(|paths| env::split_paths(paths).collect())
            .or_else(|| self.first(|file| file.programs.clone()))
            .unwrap_or_default()
    }

    /// A file that need not be there: the one that is named, else the one in the present folder or the user's
    /// configuration folder, where it is.
    fn usual(
        &self,
        variable: &str,
        name: &str,
        get: impl Fn(&File) -> Option<PathBuf>,
    ) -> Option<PathBuf> {
        let folders = [Some(PathBuf::from(".")), self.config_home.clone()];
        let usual = || {
            let mut paths = folders
                .into_iter()
                .flatten()
                .map(|folder| folder.join(name));
            paths.find(|path| path.exists())
        };
        self.place(None, variable, get).or_else(usual)
    }

    /// Where a credentials file may be; one that is named is the only place.
    fn credentials(&self) -> Vec<PathBuf> {
        let get = |file: &File| file.credentials.clone();
        if let Some(named) = self.place(None, "UNDERDESK_CREDENTIALS", get) {
            return vec![named];
        }
        let folders = [Some(PathBuf::from(".")), self.config_home.clone()];
        let folders = folders.into_iter().flatten();
        folders
            .map(|folder| folder.join("credentials.toml"))
            .collect()
    }
}

/// OpenSSH's own places (ssh(1), FILES).
fn default_known_hosts(environment: &Environment) -> Vec<PathBuf> {
    let own = environment.home().map(|home| home.join(".ssh/known_hosts"));
    own.into_iter()
        .chain([PathBuf::from("/etc/ssh/ssh_known_hosts")])
        .collect()
}

/// Reads a file; one that nobody named may be absent.
fn read(path: &Path, named: bool) -> Result<File, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if !named && error.kind() == io::ErrorKind::NotFound => {
            return Ok(File::default());
        }
        Err(source) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    toml::from_str(&text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        ConfigError::Malformed {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count()
                + 1,
            message: error.message().to_owned(),
        }
    })
}

#[cfg(test)]
mod tests;
