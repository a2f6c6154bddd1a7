//! A Windows that nobody logged in to: what its own tools printed, saved as files.
//!
//! `systeminfo` tells which Windows it is and lists updates; `wmic qfe` and `Get-HotFix` list updates.
//! Their words are in the host's language and their bytes in its code page, so that both are read by
//! their structure alone. What they do not tell (the update build revision, programs, files) is unknown.

mod editions;
mod encoding;
mod qfe;
mod systeminfo;

use super::hotfixes;
use super::questions::QFE;
use super::text::{digits, gap};
use crate::model::{GapCause, HostFacts, Hotfix, KbId, Observed};

/// Reads the output of `systeminfo` and, where it is at hand, of `wmic qfe` or `Get-HotFix` on the same
/// host, whatever their language, encoding and layout.
///
/// A list of updates that its own count shows to be cut is known as far as it goes, with a gap: what is
/// not in it may be installed all the same.
///
/// # Errors
///
/// When a text is something else, or the two are of different hosts.
pub fn from_tools(systeminfo: &[u8], qfe: Option<&[u8]>) -> Result<HostFacts, OfflineError> {
    let text = encoding::decode(systeminfo);
    let mut host = systeminfo::read(&text).ok_or(OfflineError::NoSysteminfo)?;
    let mut updates = host.updates;
    if let Some(bytes) = qfe {
        let list = qfe::read(&encoding::decode(bytes)).ok_or(OfflineError::NoQfe)?;
        check_names(host.name.as_deref(), list.host.as_deref())?;
        updates = updates.joined(list.updates);
    }
    let inventory = &mut host.inventory;
    if updates.is_cut {
        inventory.gaps.push(gap(QFE, GapCause::Malformed));
    }
    let hotfixes = if updates.is_told {
        Observed::Known(updates.list())
    } else {
        Observed::gap_of(QFE, GapCause::Missing)
    };
    inventory.gaps.extend(hotfixes.gap().cloned());
    inventory.windows.get_or_insert_default().hotfixes = hotfixes;
    super::complete(inventory);
    inventory.gaps.sort_unstable();
    inventory.gaps.dedup();
    Ok(HostFacts {
        name: host.name,
        ..HostFacts::of(host.inventory)
    })
}

/// Names are compared as NetBIOS has them: cut at 15, in any case.
fn check_names(systeminfo: Option<&str>, qfe: Option<&str>) -> Result<(), OfflineError> {
    let netbios = |name: &str| -> String { name.to_lowercase().chars().take(15).collect() };
    match (systeminfo, qfe) {
        (Some(a), Some(b)) if netbios(a) != netbios(b) => Err(OfflineError::TwoHosts {
            systeminfo: a.to_owned(),
            qfe: b.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Why files of tools are not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// There is no version in it.
    #[error("not the output of systeminfo: no line like \"OS Version: 10.0.17763 … Build 17763\"")]
    NoSysteminfo,
    /// There is no list in it.
    #[error("not the output of wmic qfe or Get-HotFix: no column HotFixID")]
    NoQfe,
    /// They belong to different hosts.
    #[error(
        "the files are of two hosts: systeminfo of {systeminfo:?}, the list of updates of {qfe:?}; the first --qfe belongs to the first --systeminfo, and so on"
    )]
    TwoHosts {
        /// The host of the one.
        systeminfo: String,
        /// The host of the other.
        qfe: String,
    },
}

/// Updates as a tool lists them.
#[derive(Debug, Default)]
struct Updates {
    rows: Vec<hotfixes::QfeRow>,
    /// Whether there is a list at all.
    is_told: bool,
    /// Whether it is cut, or holds what cannot be read.
    is_cut: bool,
}

impl Updates {
    /// Both lists; one that is whole makes up for one that is cut.
    fn joined(mut self, other: Self) -> Self {
        self.is_cut = match (self.is_told, other.is_told) {
            (true, true) => self.is_cut && other.is_cut,
            (false, _) => other.is_cut,
            (true, false) => self.is_cut,
        };
        self.is_told |= other.is_told;
        self.rows.extend(other.rows);
        self
    }

    fn list(self) -> Vec<Hotfix> {
        hotfixes::of_qfe(self.rows)
    }
}

/// The update that a cell names and nothing else: `KB5034122`, `KB893803v2`, `KB982861-v2`, `Q147222`,
/// `943729`. What is cut (`KB50341…`) names none.
fn update(cell: &str) -> Option<KbId> {
    let cell = cell.trim();
    let is_named = cell
        .get(..2)
        .is_some_and(|start| start.eq_ignore_ascii_case("KB"));
    let rest = if is_named { cell.get(2..)? } else { cell };
    let rest = rest.strip_prefix(['Q', 'q']).unwrap_or(rest);
    let (number, again) = rest.split_once(['v', 'V']).unwrap_or((rest, "1"));
    let number = number.strip_suffix('-').unwrap_or(number);
    let lengths = if is_named { 5..=8 } else { 6..=7 };
    let is_whole = lengths.contains(&number.len()) && digits::<u8>(again).is_some();
    digits(number).filter(|_| is_whole).map(KbId)
}

/// Entries that WMI lists and that are no update: `File 1`, the GUID of a package.
fn is_no_update(cell: &str) -> bool {
    let cell = cell.trim();
    let is_guid = cell.starts_with('{') && cell.ends_with('}');
    is_guid
        || cell
            .strip_prefix("File ")
            .is_some_and(|rest| digits::<u32>(rest).is_some())
}

#[cfg(test)]
mod tests;
