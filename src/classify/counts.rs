//! What lists and subnets come to.

use super::machine::Machine;
use crate::model::{Compared, Entry, ListCount, SubnetCount};
use crate::model::{KnownList, ManagedState};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The /24 or /64 that an address is in: `10.0.3.0/24`.
pub(super) fn subnet_of(address: &IpAddr) -> String {
    let (network, bits) = network_of(*address);
    format!("{network}/{bits}")
}

fn network_of(address: IpAddr) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            (Ipv4Addr::new(a, b, c, 0).into(), 24)
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            (Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(), 64)
        }
    }
}

/// What each list comes to, in the order given.
pub(super) fn lists(lists: &[KnownList], machines: &[Machine<'_>]) -> Vec<ListCount> {
    let blank = |list: &KnownList| ListCount {
        name: list.name.clone(),
        kind: list.kind,
        vouches: list.vouches.clone(),
        as_of: list.as_of,
        unknown_to: vec![0; lists.len()],
        ..ListCount::default()
    };
    let mut counts = lists.iter().map(blank).collect::<Vec<_>>();
    for machine in machines {
        let on = machine
            .rows
            .iter()
            .map(|(place, _, _)| *place)
            .collect::<BTreeSet<_>>();
        let is_live = !machine.live.is_empty() && !machine.is_artefact();
        for (place, count) in counts.iter_mut().enumerate() {
            if !on.contains(&place) {
                count.lacks = count.lacks.saturating_add(u64::from(is_live));
                continue;
            }
            count.machines = count.machines.saturating_add(1);
            count.live = count
                .live
                .saturating_add(u64::from(!machine.live.is_empty()));
            count.alone = count.alone.saturating_add(u64::from(on.len() == 1));
            for (other, unknown) in count.unknown_to.iter_mut().enumerate() {
                *unknown = unknown.saturating_add(u64::from(!on.contains(&other)));
            }
        }
    }
    counts
}

/// What each subnet comes to, sorted. A machine counts where its first address is.
pub(super) fn subnets(
    machines: &[(Compared, IpAddr, bool)],
    entries: &[Entry],
) -> Vec<SubnetCount> {
    #[derive(Default)]
    struct Sums {
        live: u64,
        known: u64,
        states: BTreeMap<usize, (ManagedState, u64)>,
    }
    let place_of = |state: ManagedState| ManagedState::ALL.iter().position(|one| *one == state);
    let mut subnets: BTreeMap<(IpAddr, u8), Sums> = BTreeMap::new();
    let live = machines
        .iter()
        .map(|(one, address, is_known)| (*address, one.standing.state, *is_known));
    let listed = entries
        .iter()
        .filter_map(|entry| Some((*entry.addresses.first()?, entry.standing.state, false)));
    for (address, state, is_known) in live.chain(listed) {
        let sums = subnets.entry(network_of(address)).or_default();
        let is_live = !state.is_of_list() && state != ManagedState::Artefact;
        sums.live = sums.live.saturating_add(u64::from(is_live));
        sums.known = sums.known.saturating_add(u64::from(is_live && is_known));
        let place = sums.states.entry(place_of(state).unwrap_or(usize::MAX));
        let place = place.or_insert((state, 0));
        place.1 = place.1.saturating_add(1);
    }
    let count = |((network, bits), sums): ((IpAddr, u8), Sums)| SubnetCount {
        subnet: format!("{network}/{bits}"),
        live: sums.live,
        known: sums.known,
        states: sums.states.into_values().collect(),
    };
    subnets.into_iter().map(count).collect()
}
