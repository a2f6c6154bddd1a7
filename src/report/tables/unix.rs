//! What the tables say of a Unix beside its packages: where its updates come from, when the last came,
//! and who installed what.

use super::super::cell::Cell;
use super::View;
use crate::model::{
    Inventory, Package, PackageChange, PackageManager, SourceDanger, UnixFacts, UpdateSource,
};
use std::collections::{BTreeMap, HashMap};

/// Each place that a host takes packages from, once, and what is worst about it:
/// `deb.debian.org (http, signed)`, `apt.corp.example (unsafe: unsigned)`.
pub(super) fn update_source(facts: Option<&UnixFacts>) -> Cell<'static> {
    let Some(sources) = facts.and_then(|facts| facts.sources.known()) else {
        return Cell::Unknown;
    };
    let mut places: BTreeMap<&str, Option<Worst>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.enabled) {
        let worst = places.entry(place(source)).or_default();
        *worst = (*worst).max(Worst::of(source));
    }
    let told = places.into_iter().map(|(place, worst)| match worst {
        Some(worst) => format!("{place} ({})", worst.as_str()),
        None => place.to_owned(),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return Cell::Empty;
    }
    told.into()
}

/// The host of a source's address; the address where it has none, and else what the source is called.
fn place(source: &UpdateSource) -> &str {
    let url = source.url.split_whitespace().next().unwrap_or_default();
    let host = url.split_once("://").map(|(_, rest)| rest);
    let host = host.and_then(|rest| rest.split(['/', '?']).next());
    match host.filter(|host| !host.is_empty()) {
        Some(host) => host,
        None if url.is_empty() => &source.id,
        None => url,
    }
}

/// What is wrong with a source, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    /// Anybody may see what is fetched, and hold it back; what is installed is signed.
    HttpSigned,
    /// Anybody on the way may change the index.
    Http,
    UnverifiedTls,
    Unsigned,
}

impl Worst {
    fn of(source: &UpdateSource) -> Option<Self> {
        let dangers = source.dangers.iter();
        dangers
            .map(|danger| Self::from(*danger, source.manager))
            .max()
    }

    /// apt, apk and their like sign the index; rpm's managers sign packages.
    fn from(danger: SourceDanger, manager: PackageManager) -> Self {
        match danger {
            SourceDanger::Unsigned => Self::Unsigned,
            SourceDanger::UnverifiedTls => Self::UnverifiedTls,
            SourceDanger::PlainText if manager == PackageManager::Rpm => Self::Http,
            SourceDanger::PlainText => Self::HttpSigned,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::HttpSigned => "http, signed",
            Self::Http => "unsafe: http",
            Self::UnverifiedTls => "unsafe: certificates are not checked",
            Self::Unsigned => "unsafe: unsigned",
        }
    }
}

/// The day on which the last package came in or changed, by the logs and by the packages themselves.
pub(super) fn last_update<'a>(inventory: &Inventory) -> Cell<'a> {
    let history = inventory
        .unix
        .as_ref()
        .and_then(|facts| facts.history.known());
    let packages = inventory.packages.known();
    if history.is_none() && packages.is_none() {
        return Cell::Unknown;
    }
    Cell::day(inventory.last_update())
}

/// Who installed each version that is there, as far as the logs say.
pub(super) struct Installers<'a> {
    by_version: HashMap<(&'a str, &'a str), &'a PackageChange>,
}

impl<'a> Installers<'a> {
    pub(super) fn of(view: &View<'a>) -> Self {
        let facts = view
            .inventory()
            .and_then(|inventory| inventory.unix.as_deref());
        let history = facts.and_then(|facts| facts.history.known());
        // The oldest comes first: what is told last of a version counts.
        let changes = history.into_iter().flatten();
        let by_version = changes
            .filter_map(|change| Some(((change.package.as_str(), change.to.as_deref()?), change)));
        Self {
            by_version: by_version.collect(),
        }
    }

    /// The account; empty where the log names none, unknown where no log tells of this version.
    pub(super) fn of_package(&self, package: &'a Package) -> Cell<'a> {
        let key = (package.name.as_str(), package.version.as_str());
        match self.by_version.get(&key) {
            Some(change) => Cell::maybe(change.by.as_deref()),
            None => Cell::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Observed;

    fn source(manager: PackageManager, url: &str, dangers: &[SourceDanger]) -> UpdateSource {
        UpdateSource {
            manager,
            id: "stable main".to_owned(),
            url: url.to_owned(),
            enabled: true,
            dangers: dangers.to_vec(),
        }
    }

    fn told(sources: Vec<UpdateSource>) -> String {
        let facts = UnixFacts {
            sources: Observed::Known(sources),
            ..UnixFacts::default()
        };
        let mut text = String::new();
        update_source(Some(&facts)).write_csv(
            crate::report::cell::Locale::ENGLISH,
            &mut text,
            &mut crate::report::Guards::default(),
        );
        text
    }

    #[test]
    fn a_place_is_named_once_with_what_is_worst_about_it() {
        use PackageManager::{Dpkg, Rpm};
        use SourceDanger::{PlainText, Unsigned, UnverifiedTls};
        let sources = vec![
            source(Dpkg, "http://deb.debian.org/debian", &[PlainText]),
            source(Dpkg, "http://deb.debian.org/debian-security", &[PlainText]),
            source(Rpm, "https://b.example/x http://c.example", &[PlainText]),
            source(Dpkg, "https://a.example?x", &[Unsigned, UnverifiedTls]),
            source(Dpkg, "cdrom:", &[]),
        ];
        assert_eq!(
            told(sources),
            "a.example (unsafe: unsigned), b.example (unsafe: http), cdrom:, deb.debian.org (http, signed)"
                .replace("), ", "); ")
                .replace(":, ", ":; ")
        );
    }

    #[test]
    fn a_source_that_is_off_is_none_and_what_was_not_read_is_unknown() {
        let mut off = source(PackageManager::Rpm, "https://a", &[]);
        off.enabled = false;
        assert_eq!(told(vec![off]), "");
        assert_eq!(update_source(None), Cell::Unknown);
        assert_eq!(update_source(Some(&UnixFacts::default())), Cell::Unknown);
    }
}
