//! What was installed, removed, and brought to another version.

use super::{Piece, Rows};
use crate::model::{ChangeKind, PackageManager};
use crate::version::{Order, Place, WindowsVersion};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

impl Rows<'_> {
    /// Compares a list of software that both runs could read.
    pub(super) fn software(
        &mut self,
        was: &BTreeMap<Piece, BTreeSet<String>>,
        is: &BTreeMap<Piece, BTreeSet<String>>,
    ) {
        let pieces: BTreeSet<&Piece> = was.keys().chain(is.keys()).collect();
        let none = BTreeSet::new();
        for piece in pieces {
            let was = was.get(piece).unwrap_or(&none);
            let is = is.get(piece).unwrap_or(&none);
            let removed: Vec<&String> = was.difference(is).collect();
            let added: Vec<&String> = is.difference(was).collect();
            let object = || {
                let apart = piece.apart.trim();
                format!("{} ({apart})", piece.name)
            };
            // Of kernels several are there at once: one that comes replaces none.
            if let ([from], [to], 1, 1) = (&removed[..], &added[..], was.len(), is.len()) {
                let told = (object(), Some((*from).clone()), Some((*to).clone()));
                self.push(direction(piece, from, to), told);
                continue;
            }
            for version in removed {
                self.push(
                    ChangeKind::SoftwareRemoved,
                    (object(), Some(version.clone()), None),
                );
            }
            for version in added {
                self.push(
                    ChangeKind::SoftwareAdded,
                    (object(), None, Some(version.clone())),
                );
            }
        }
    }
}

/// Whether a version is later, in the order of whoever manages the piece.
fn direction(piece: &Piece, from: &str, to: &str) -> ChangeKind {
    match order(piece, from, to) {
        Some(Ordering::Less) => ChangeKind::SoftwareUpgraded,
        Some(Ordering::Greater) => ChangeKind::SoftwareDowngraded,
        _ => ChangeKind::SoftwareChanged,
    }
}

fn order(piece: &Piece, from: &str, to: &str) -> Option<Ordering> {
    const MANAGERS: [PackageManager; 5] = [
        PackageManager::Dpkg,
        PackageManager::Rpm,
        PackageManager::Apk,
        PackageManager::Pacman,
        PackageManager::Pkg,
    ];
    let word = piece.apart.split(' ').next()?;
    let manager = MANAGERS.into_iter().find(|one| one.as_str() == word);
    match manager.and_then(Order::of) {
        Some(order) => Place::parse(order, from)?.partial_cmp(&Place::parse(order, to)?),
        // What is made for Windows has dotted numbers; what has them elsewhere means the same by them.
        None => WindowsVersion::parse(from)?.partial_cmp(&WindowsVersion::parse(to)?),
    }
}
