//! What the catalogue says of the packages of one source, flaw by flaw.

use super::scope::{Concern, concern};
use super::subject::{Build, Subject};
use super::verdict::may_be_open;
use super::{Access, Context, Which};
use crate::catalog::{BulletinHead, Entry};
use crate::model::{BulletinId, Spoken};
use std::collections::BTreeSet;

/// One record about a package of a name.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) entry: &'a Entry,
    /// The package or source that it names.
    pub(super) name: &'a str,
    /// What the host may install of the part of the catalogue that it is in.
    pub(super) access: Access,
    /// Whether a repository that the host uses holds its fix, as far as that is known.
    pub(super) is_offered: bool,
}

impl Claim<'_> {
    /// How surely it concerns a build; `None` where it does not.
    pub(super) fn concerns(&self, build: &Build<'_>) -> Option<Concern> {
        concern(self.entry, self.name, build)
    }
}

/// The records about one flaw (or one advisory about several).
pub(super) struct Flaw<'a> {
    pub(super) claims: Vec<Claim<'a>>,
}

impl<'a> Flaw<'a> {
    /// The bulletins, each once.
    pub(super) fn heads(&self) -> Vec<&'a BulletinHead> {
        let mut heads: Vec<&'a BulletinHead> = Vec::new();
        for claim in &self.claims {
            let head = &*claim.entry.bulletin;
            if !heads.contains(&head) {
                heads.push(head);
            }
        }
        heads
    }

    /// The id under which it is known. `DEBIAN-CVE-2023-5363` and `CVE-2023-5363` are one matter,
    /// whichever feeds were imported.
    pub(super) fn bulletin(&self) -> BulletinId {
        let ids = self.claims.iter().map(|claim| &claim.entry.bulletin);
        let named = |head: &BulletinHead| match head.cves.as_slice() {
            [cve] if head.id.as_str().ends_with(cve.as_str()) => BulletinId::new(cve.clone()),
            _ => head.id.clone(),
        };
        ids.map(|head| named(head))
            .min()
            .unwrap_or_else(|| BulletinId::new(""))
    }
}

/// What one part of the catalogue says of one name, sorted by matter.
pub(super) struct List<'a> {
    name: &'a str,
    spoken: Spoken,
    access: Access,
    is_offered: bool,
    entries: &'a [Entry],
}

impl<'a> List<'a> {
    /// The records that are in force.
    pub(super) fn claims(&self) -> impl Iterator<Item = Claim<'a>> {
        self.of(self.entries)
    }

    /// Those about one matter: they stand together.
    fn about(&self, matter: &str) -> impl Iterator<Item = Claim<'a>> {
        let start = self
            .entries
            .partition_point(|entry| entry.matter() < matter);
        let rest = self.entries.get(start..).unwrap_or_default();
        let end = rest.partition_point(|entry| entry.matter() == matter);
        self.of(rest.get(..end).unwrap_or_default())
    }

    fn of(&self, entries: &'a [Entry]) -> impl Iterator<Item = Claim<'a>> {
        let (name, spoken, access) = (self.name, self.spoken, self.access);
        let is_offered = self.is_offered;
        let in_force = entries.iter().filter(move |entry| {
            entry.scope.spoken == spoken && entry.bulletin.withdrawn.is_none()
        });
        in_force.map(move |entry| Claim {
            entry,
            name,
            access,
            is_offered,
        })
    }
}

/// All that the catalogue says of a subject's source and its binary packages.
pub(super) fn lists<'a>(context: &Context<'a>, subject: &Subject<'_>) -> Vec<List<'a>> {
    let names = subject
        .builds
        .iter()
        .map(|build| build.package.name.as_str());
    let names: BTreeSet<&str> = names.collect();
    let mut lists = Vec::new();
    for pocket in context.pockets {
        let mut add = |name: &str, spoken: Spoken| {
            if let Some((name, entries)) = pocket.slice.named(name) {
                lists.push(List {
                    name,
                    spoken,
                    access: pocket.access,
                    is_offered: pocket.is_offered,
                    entries,
                });
            }
        };
        add(&subject.source, Spoken::Source);
        if pocket.slice.speaks_of_binaries() {
            for name in &names {
                add(name, Spoken::Binary);
            }
        }
    }
    lists
}

/// The flaws that may concern some of the builds, or all that concern them if those are wanted,
/// sorted by matter.
pub(super) fn flaws<'a>(which: Which, lists: &[List<'a>], builds: &[Build<'_>]) -> Vec<Flaw<'a>> {
    // The versions first: they rule out nearly everything, and what is behind a bulletin is far away.
    let is_wanted = |claim: &Claim<'a>| {
        builds.iter().any(|build| {
            let version = build.version(claim.entry.scope.spoken);
            (which == Which::All || may_be_open(version, claim.entry))
                && claim.concerns(build).is_some()
        })
    };
    if let [list] = lists {
        let matters = list.entries.chunk_by(|a, b| a.matter() == b.matter());
        let wanted = matters.filter(|same| list.of(same).any(|claim| is_wanted(&claim)));
        let flaws = wanted.map(|same| Flaw {
            claims: list.of(same).collect(),
        });
        return flaws.collect();
    }
    let claims = lists.iter().flat_map(List::claims).filter(is_wanted);
    let wanted: BTreeSet<&'a str> = claims.map(|claim| claim.entry.matter()).collect();
    let flaw = |matter: &'a str| Flaw {
        claims: lists.iter().flat_map(|list| list.about(matter)).collect(),
    };
    wanted.into_iter().map(flaw).collect()
}
