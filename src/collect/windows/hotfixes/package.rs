//! The packages of component servicing: what their names and states mean.

use super::super::text::{NAME, clip, digits};
use super::kb;
use crate::model::{HotfixState, KbId};

/// A `CurrentState`, as the store's enumeration has it; in the order in which one decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Servicing {
    /// A reboot will put it in, or take it out.
    Pending,
    /// In place.
    Installed,
    /// Replaced by a later one.
    Superseded,
    /// Its files are at hand, not in use.
    Staged,
    /// Not there any more.
    Absent,
}

impl Servicing {
    /// Reads a state; `None` for one that says nothing yet.
    pub(super) fn read(state: u64) -> Option<Self> {
        Some(match state {
            0 => Self::Absent,
            5 | 96 | 101 => Self::Pending,
            48 | 64 => Self::Staged,
            80 => Self::Superseded,
            112 | 128 => Self::Installed,
            // Resolving and resolved: the store has heard of it, no more.
            _ => return None,
        })
    }

    /// The word for it.
    pub(super) fn state(self) -> HotfixState {
        match self {
            Self::Pending => HotfixState::PendingReboot,
            Self::Installed => HotfixState::Installed,
            Self::Superseded => HotfixState::Superseded,
            Self::Staged => HotfixState::Staged,
            Self::Absent => HotfixState::Removed,
        }
    }
}

/// The name of a package in the store: `name~key~architecture~language~version`.
pub(super) struct Package<'a> {
    name: &'a str,
    /// The update that it is, or is a part of.
    pub(super) kb: Option<KbId>,
    /// Whether it is only a part.
    pub(super) is_part: bool,
    /// The last part of its name.
    pub(super) version: &'a str,
}

impl<'a> Package<'a> {
    /// `Package_for_KB5034122~…`, `Package_3_for_KB5034122~…`, `Package_for_RollupFix~…`; `None` for
    /// keys below one.
    pub(super) fn read(key: &'a str) -> Option<Self> {
        if key.contains('\\') {
            return None;
        }
        let (name, rest) = key.split_once('~')?;
        let version = rest.rsplit('~').next()?;
        let (_, name) = name.split_once("for_")?;
        // `KB2849697_SP1` is a part of KB2849697 as much as `Package_1_for_KB2849697` is.
        let (first, suffix) = name.split_once('_').unwrap_or((name, ""));
        let kb = kb(first);
        let is_part = !key.starts_with("Package_for_") || !suffix.is_empty();
        let plausible = !name.is_empty() && name.len() <= NAME && version.len() <= 60;
        plausible.then_some(Self {
            name,
            kb,
            is_part,
            version,
        })
    }

    /// The name without a number at its end: `ServicingStack_2400` is a `ServicingStack`.
    pub(super) fn kind(&self) -> &'a str {
        match self.name.rsplit_once('_') {
            Some((kind, number)) if digits::<u64>(number).is_some() => kind,
            _ => self.name,
        }
    }

    /// What an update without a KB number is called.
    pub(super) fn id(&self) -> String {
        // The number of a servicing stack repeats its version; that of a .NET rollup does not.
        let name = match self.kind() {
            "ServicingStack" => "ServicingStack",
            _ => self.name,
        };
        clip(&format!("{name} {}", self.version), NAME)
    }
}
