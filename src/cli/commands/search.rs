//! What is done about targets that are too large to be swept: IPv6 blocks, in which hosts are searched for before
//! the sweep begins.

use super::super::{Stop, complain, runtime};
use crate::identify;
use crate::model::{ScopePart, plural, search_said};
use crate::scan::Scope;
use crate::sweep::routes;
use crate::sweep::search::{self, Search};
use crate::targets::{self, TargetSet};
use std::net::Ipv6Addr;
use std::time::Duration;
use tokio::time::Instant;

/// How many blocks are named.
const LISTED: usize = 20;

/// Searches the blocks of a scope, and adds what is found to it. With `--dry-run` nobody is asked: what is known
/// is added, and by what would be searched. Announcements are listened to first, for as long as `--mdns` says.
pub(super) fn fill(scope: &mut Scope, mdns_seconds: u64, dry_run: bool) -> Result<(), Stop> {
    let targets = scope
        .targets()
        .map_err(|error| Stop::configuration(&error))?;
    let (labels, blocks): (Vec<String>, Vec<_>) = targets
        .blocks()
        .map(|(label, block)| (label.to_owned(), block))
        .unzip();
    if blocks.is_empty() {
        return Ok(());
    }
    let mut search = Search::prepare(blocks, &|block| targets.first_excluded(block));
    if mdns_seconds > 0 {
        let until = Duration::from_secs(mdns_seconds);
        let announced = if dry_run {
            Some(Vec::new())
        } else {
            runtime::block_on(listen(search.interfaces().to_vec(), until))?
        };
        if let Some(announced) = announced {
            search.hear(announced);
        }
    }
    let found = if dry_run {
        search.known()
    } else {
        search.ask()
    };
    for notice in &found.notices {
        complain(notice);
    }
    scope.found = kept(&labels, &found);
    if !dry_run {
        let targets = scope
            .targets()
            .map_err(|error| Stop::configuration(&error))?;
        say(&targets);
    }
    Ok(())
}

/// The IPv6 addresses that are announced on the own links, over IPv4 and on these links over IPv6; `None` where
/// neither can be listened to.
async fn listen(links: Vec<u32>, time: Duration) -> Option<Vec<Ipv6Addr>> {
    let until = Instant::now() + time;
    let own = routes::own_addresses();
    let (four, six) = tokio::join!(
        identify::announcements(&own, until),
        identify::announcements_v6(&links, until)
    );
    let mut announced = Vec::new();
    let mut is_heard = false;
    for heard in [four, six] {
        match heard {
            Ok(heard) => {
                is_heard = true;
                announced.extend(identify::announced_v6(&heard));
            }
            Err(error) => complain(&format!(
                "announcements (mDNS) cannot be listened to: {error}"
            )),
        }
    }
    is_heard.then_some(announced)
}

/// What a run keeps of a search.
fn kept(labels: &[String], found: &search::Found) -> targets::Found {
    let addresses: Vec<Ipv6Addr> = found.addresses.iter().copied().collect();
    let mut kept = targets::Found {
        addresses,
        ..targets::Found::default()
    };
    for (label, by) in labels.iter().zip(&found.by) {
        // A target that goes around IPv4 is two blocks.
        let all = kept.by.entry(label.clone()).or_default();
        let new: Vec<String> = by.iter().filter(|by| !all.contains(by)).cloned().collect();
        all.extend(new);
    }
    kept
}

fn say(targets: &TargetSet) {
    let mut blocks = targets.searched_blocks().into_iter();
    for block in blocks.by_ref().take(LISTED) {
        let by = block.searched_by.unwrap_or_default();
        complain(&format!(
            "too large to be swept: {}",
            search_said(&block.label, &by, block.in_scope)
        ));
    }
    if blocks.len() > 0 {
        complain(&format!(
            "… and {} more blocks, see coverage.csv",
            blocks.len()
        ));
    }
}

/// What would be done, for `--dry-run`.
pub(super) fn preview(targets: &TargetSet) -> Vec<String> {
    let blocks = targets.searched_blocks().into_iter();
    let line = |block: ScopePart| {
        format!(
            "{} is too large to be swept, and would be searched through {}: {} known without asking",
            block.label,
            block.searched_by.unwrap_or_default().join(", "),
            plural(block.in_scope, "address")
        )
    };
    blocks.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_of_two_blocks_is_searched_by_what_both_are() {
        let labels = ["::/0".to_owned(), "::/0".to_owned()];
        let table = "neighbours".to_owned();
        let link = "multicast on eth0".to_owned();
        let found = search::Found {
            by: vec![vec![table.clone()], vec![table.clone(), link.clone()]],
            ..search::Found::default()
        };
        let kept = kept(&labels, &found);
        assert_eq!(kept.by["::/0"], [table, link]);
    }
}
