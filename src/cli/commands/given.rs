//! Hosts whose facts are in files: recordings, and facts as JSON.

use super::super::args::GivenArguments;
use super::super::{Stop, hints};
use crate::collect::{self, FactsReader, OfflineError};
use crate::model::{HostFacts, Inventory};
use crate::scan::GivenHost;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _};
use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

/// How much of a file is read at once.
const BLOCK: usize = 1 << 16;

/// More than any tool prints.
const MOST_PRINTED: u64 = 16 << 20;

/// What a run of these hosts lists as its targets.
pub(super) fn sources(given: &GivenArguments) -> Vec<String> {
    let paths = given.facts.iter().chain(&given.systeminfo);
    let paths = paths.chain(&given.recording);
    paths.map(|path| path.display().to_string()).collect()
}

/// The hosts, one after another, in the order of the flags. That the files are there is looked at
/// before the first is read.
pub(super) fn hosts(
    given: &GivenArguments,
) -> Result<impl Iterator<Item = Result<GivenHost, Stop>> + use<>, Stop> {
    if given.qfe.len() > given.systeminfo.len() {
        return Err(Stop::usage(
            "more --qfe than --systeminfo: each list of updates needs the systeminfo of its host",
        ));
    }
    let mut open = Vec::new();
    for path in &given.facts {
        open.push((path.clone(), input(path)?));
    }
    let lists = given.qfe.clone().into_iter().map(Some);
    let lists = lists.chain(iter::repeat(None));
    let printed = given.systeminfo.clone().into_iter().zip(lists);
    let printed = printed.map(|(info, list)| printed_by_tools(&info, list.as_deref()));
    let recordings = given.recording.clone().into_iter();
    let facts = open.into_iter().flat_map(|(path, input)| {
        FactsReader::new(input).map(move |read| read.map_err(|error| unread(&path, &error)))
    });
    let recorded = recordings.map(|folder| Ok(HostFacts::of(recorded(&folder)?)));
    let mut places = Places::default();
    Ok(facts
        .chain(printed)
        .chain(recorded)
        .map(move |facts| facts.map(|facts| places.give(facts))))
}

fn input(path: &Path) -> Result<Box<dyn BufRead>, Stop> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            return Err(Stop::usage(
                "-: facts come from standard input, which is this terminal; pipe a file in",
            ));
        }
        return Ok(Box::new(BufReader::with_capacity(BLOCK, io::stdin())));
    }
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    Ok(Box::new(BufReader::with_capacity(BLOCK, file)))
}

fn unread(path: &Path, error: &dyn std::error::Error) -> Stop {
    Stop::usage(format!("{}: {}", path.display(), hints::chain(error)))
}

fn printed_by_tools(systeminfo: &Path, qfe: Option<&Path>) -> Result<HostFacts, Stop> {
    let text = whole(systeminfo)?;
    let list = qfe.map(whole).transpose()?;
    collect::from_tools(&text, list.as_deref()).map_err(|error| {
        let path = match error {
            OfflineError::NoQfe => qfe.unwrap_or(systeminfo),
            _ => systeminfo,
        };
        unread(path, &error)
    })
}

fn whole(path: &Path) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let read = input(path)?.take(MOST_PRINTED).read_to_end(&mut bytes);
    read.map_err(|error| unread(path, &error))?;
    if bytes.len() as u64 == MOST_PRINTED {
        let text = format!("{}: longer than any such output", path.display());
        return Err(Stop::usage(text));
    }
    Ok(bytes)
}

fn recorded(folder: &Path) -> Result<Inventory, Stop> {
    let (set, answers) = collect::load(folder).map_err(|error| unread(folder, &error))?;
    let inventory = collect::read(set, &answers);
    inventory.ok_or_else(|| {
        Stop::usage(format!(
            "{}: the recording does not tell what the host is",
            folder.display()
        ))
    })
}

/// The addresses that are given out. A bridge's address may be that of many hosts.
#[derive(Default)]
struct Places {
    taken: BTreeSet<IpAddr>,
    count: u32,
}

impl Places {
    fn give(&mut self, facts: HostFacts) -> GivenHost {
        self.count += 1;
        let named = facts.addresses.into_iter();
        let own = own_addresses(&facts.inventory);
        let address = named
            .chain(own.into_iter().min())
            .find(|address| self.taken.insert(*address));
        let nowhere = || (self.count..).map(|number| Ipv4Addr::from_bits(number).into());
        let address = address.or_else(|| nowhere().find(|address| self.taken.insert(*address)));
        GivenHost {
            address: address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            name: facts.name.map(Arc::from),
            tags: facts.tags.into(),
            inventory: Arc::unwrap_or_clone(facts.inventory),
        }
    }
}

/// The addresses that the host itself knows.
fn own_addresses(inventory: &Inventory) -> Vec<IpAddr> {
    let interfaces = inventory.identity.interfaces.known();
    let interfaces = interfaces.map_or(&[][..], Vec::as_slice);
    let addresses = interfaces.iter().flat_map(|one| &one.addresses);
    addresses.copied().collect()
}
