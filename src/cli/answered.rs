//! Whether anybody answers to the machines and owners that a question names. A mistyped name must not look like a
//! machine that lacks nothing.

use super::Stop;
use crate::model::{MachineRecord, RunId, Selection};
use crate::report::{ReportSource as _, for_terminal};
use crate::scan::RunSource;
use crate::store::Store;
use ipnetwork::IpNetwork;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How many of what there is are named.
const TOLD: usize = 10;

/// What a question is asked of.
pub(super) struct Crowd<'a> {
    /// The run.
    pub(super) source: &'a RunSource,
    /// The store of the run, where people wrote whose findings are whose.
    pub(super) store: &'a Store,
    /// Whether the answer also tells of those that only lists know and of those that are gone.
    pub(super) tells_of_absent: bool,
    /// Whether nobody's name is shown.
    pub(super) no_users: bool,
}

/// One word of a flag.
struct Word<'a> {
    flag: &'static str,
    text: &'a str,
    /// What it asks for by itself.
    alone: Selection,
    /// Whether a machine of the run answers to it.
    is_met: bool,
    /// Whether somebody does who is not there.
    is_absent: bool,
}

/// Sees that machines of the run answer to each word by which the question names machines or owners, and to all flags
/// together.
///
/// # Errors
/// The words that nobody answers to, with what there is.
pub(super) fn check(asked: &Selection, crowd: &Crowd<'_>) -> Result<(), Stop> {
    let subnets: Vec<String> = asked.subnets.iter().map(ToString::to_string).collect();
    let mut words = words(asked, &subnets, crowd)?;
    if words.is_empty() {
        return Ok(());
    }
    let place = Selection {
        hosts: asked.hosts.clone(),
        tags: asked.tags.clone(),
        subnets: asked.subnets.clone(),
        ..Selection::default()
    };
    let mut is_any = is_absent(&place, crowd) && crowd.tells_of_absent;
    each(crowd.source, |machine| {
        for word in words.iter_mut().filter(|word| !word.is_met) {
            word.is_met = word.alone.concerns(machine);
        }
        is_any |= place.is_there(machine);
    })?;
    for word in &mut words {
        word.is_absent = ["host", "subnet"].contains(&word.flag) && is_absent(&word.alone, crowd);
    }
    let is_lost = |word: &&Word<'_>| !(word.is_met || word.is_absent && crowd.tells_of_absent);
    let run = &crowd.source.run().id;
    if let Some(word) = words.iter().find(is_lost) {
        return Err(nobody(word, &words, crowd, run));
    }
    if is_any {
        return Ok(());
    }
    let place = for_terminal(&place.words().join(" ")).into_owned();
    Err(Stop::usage(format!(
        "no machine of run {run} is all of that: {place}"
    )))
}

fn words<'a>(
    asked: &'a Selection,
    subnets: &'a [String],
    crowd: &Crowd<'_>,
) -> Result<Vec<Word<'a>>, Stop> {
    let word = |flag, text: &'a str, alone| Word {
        flag,
        text,
        alone,
        is_met: false,
        is_absent: false,
    };
    let mut words = Vec::new();
    for host in &asked.hosts {
        let hosts = vec![host.clone()];
        let alone = Selection {
            hosts,
            ..Selection::default()
        };
        words.push(word("host", host, alone));
    }
    for tag in &asked.tags {
        let tags = vec![tag.clone()];
        let alone = Selection {
            tags,
            ..Selection::default()
        };
        words.push(word("tag", tag, alone));
    }
    for (net, text) in asked.subnets.iter().zip(subnets) {
        let subnets = vec![*net];
        let alone = Selection {
            subnets,
            ..Selection::default()
        };
        words.push(word("subnet", text, alone));
    }
    if asked.owners.is_empty() {
        return Ok(words);
    }
    // Who has closed all that was theirs is no stranger.
    let written = crowd.store.annotations(&crowd.source.run().site).wait();
    let written = written.map_err(|error| Stop::failed(&error))?;
    for owner in &asked.owners {
        let alone = Selection {
            owners: vec![owner.clone()],
            ..Selection::default()
        };
        let mut word = word("owner", owner, alone);
        let mut owners = written.iter().filter_map(|one| one.owner.as_deref());
        word.is_met = owners.any(|one| one.eq_ignore_ascii_case(owner));
        words.push(word);
    }
    Ok(words)
}

/// Whether somebody is meant who was not met: only a list knows it, or it was there before.
fn is_absent(asked: &Selection, crowd: &Crowd<'_>) -> bool {
    let entries = crowd
        .source
        .comparison()
        .into_iter()
        .flat_map(|one| &one.entries);
    let changes = crowd.source.changes().into_iter().flat_map(|one| &one.rows);
    entries.into_iter().any(|entry| asked.takes_entry(entry))
        || changes.into_iter().any(|change| {
            asked.takes_place(&change.machine, change.hostname.as_deref(), change.address)
        })
}

fn nobody(word: &Word<'_>, all: &[Word<'_>], crowd: &Crowd<'_>, run: &RunId) -> Stop {
    let flag = word.flag;
    let text = for_terminal(word.text);
    if word.is_absent {
        let show = if word.flag == "host" && !word.text.contains('/') {
            format!("underdesk show {text}")
        } else {
            format!("underdesk unmanaged {run}")
        };
        return Stop::usage(format!(
            "--{flag} {text}: run {run} met no such machine, only lists or earlier runs know it; {show}"
        ));
    }
    let lost = all.iter().filter(|one| one.flag == flag);
    let lost = lost.filter(|one| !(one.is_met || one.is_absent));
    let lost: Vec<&str> = lost.map(|one| one.text).collect();
    let lost = for_terminal(&lost.join(",")).into_owned();
    let there = match there(flag, crowd) {
        Ok(there) => there,
        Err(stop) => return stop,
    };
    Stop::usage(format!(
        "no machine of run {run} answers to --{flag} {lost}; {there}"
    ))
}

/// What there is in place of a word of a flag that nobody answers to.
fn there(flag: &str, crowd: &Crowd<'_>) -> Result<String, Stop> {
    let mut found = BTreeSet::new();
    let mut machines = 0_u64;
    each(crowd.source, |machine| {
        machines += 1;
        match flag {
            "tag" => found.extend(machine.tags.iter().cloned()),
            "subnet" => found.extend(machine.addresses.iter().map(around)),
            "owner" => {
                let decided = machine.judged();
                let decided = decided.filter_map(|(_, decision)| decision?.owner());
                found.extend(decided.chain(machine.owner()).map(str::to_owned));
            }
            _ => {
                let name = machine.called().map(str::to_owned);
                let address = || machine.addresses.first().map(ToString::to_string);
                found.extend(name.or_else(address));
            }
        }
    })?;
    let count = found.len();
    let mut told: Vec<String> = found.into_iter().take(TOLD).collect();
    if count > TOLD {
        told.push("…".to_owned());
    }
    let told = for_terminal(&told.join(", ")).into_owned();
    Ok(match flag {
        _ if machines == 0 => "it has no machine".to_owned(),
        "owner" if crowd.no_users => format!("{count} others own something in it"),
        "owner" if count == 0 => "nobody owns anything in it".to_owned(),
        "owner" => format!("owners in it: {told}"),
        "tag" if count == 0 => "none of them has a tag".to_owned(),
        "tag" => format!("tags in it: {told}"),
        "subnet" => format!("it met machines in {told}"),
        _ => format!(
            "its {machines} machines: {told}; underdesk machines {} lists them",
            crowd.source.run().id
        ),
    })
}

/// The subnet that an address is most likely in.
fn around(address: &IpAddr) -> String {
    let bits = if address.is_ipv4() { 24 } else { 64 };
    let net = IpNetwork::new(*address, bits);
    net.map_or_else(
        |_| address.to_string(),
        |net| format!("{}/{bits}", net.network()),
    )
}

fn each(source: &RunSource, mut visit: impl FnMut(&MachineRecord)) -> Result<(), Stop> {
    let walk = source.machines(&mut |machine| {
        visit(machine);
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))
}

/// [`check`] of hosts and tags, for commands that are about machines and not about what they lack.
pub(super) fn check_machines(
    (hosts, tags): (&[String], &[String]),
    (source, store): (&RunSource, &Store),
) -> Result<(), Stop> {
    let asked = Selection {
        hosts: hosts.to_vec(),
        tags: tags.to_vec(),
        ..Selection::default()
    };
    let crowd = Crowd {
        source,
        store,
        tells_of_absent: false,
        no_users: false,
    };
    check(&asked, &crowd)
}
