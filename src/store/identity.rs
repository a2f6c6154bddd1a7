//! Which machine an address belongs to.
//!
//! Pure: [`resolve`] is given what a host showed and what the store has to say on each of those
//! keys, and decides. The rules:
//!
//! - Addresses are one machine only when they say the same machine-id *and* the same `boot_id`, or
//!   share a MAC address. An address that continues with the same machine-id and the same SSH host
//!   key is the same machine in later runs, though a reboot changed its `boot_id`.
//! - The same machine-id without such agreement is a clone: a machine of its own.
//! - A Windows has a `MachineGuid` instead, and no `boot_id`. With the SMBIOS uuid it agrees by both,
//!   unless the MAC addresses differ; another uuid is another machine, whatever else it shares. A
//!   `MachineGuid` without uuid is as weak as a machine-id.
//! - Nothing else merges: neither a shared host key, nor an address.
//! - Who shows no key and calls himself in full as the machine did that was last read at this address
//!   *claims* to be it, unless something that he shows contradicts. A claim merges nothing: he is a machine of his
//!   own, and stands for the one he claims to be only in runs in which that one proves to be nowhere else.
//! - What is known by its address alone is another machine where both show names, and none in common.
//! - A machine keeps its id. When two turn out to be one, an alias leads to the one that ranks
//!   first, and rank does not depend on which of this run's hosts ends first: so a run that was
//!   killed and resumed gives the same ids as one that was not. (Between clones the first keeps
//!   the plain id; there it does.)

use super::evidence::Evidence;
use std::collections::BTreeSet;

/// A machine as the store knows it, all merged into it included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) number: i64,
    /// Its id, as text: the last word when all else is equal.
    pub(super) id: String,
    pub(super) founding: Founding,
    /// The run that first met it.
    pub(super) founded_run: i64,
    /// The run in which it first said its machine-id.
    pub(super) named_run: Option<i64>,
    /// Its machine-ids: one, unless hosts were restored or their id was made anew.
    pub(super) names: BTreeSet<String>,
    pub(super) macs: BTreeSet<String>,
    /// Its SMBIOS uuids.
    pub(super) uuids: BTreeSet<String>,
    /// The GUIDs of its SMB server.
    pub(super) server_guids: BTreeSet<String>,
    /// What it called itself in full, with the address: see [`Evidence::names_here`].
    pub(super) names_at: BTreeSet<String>,
    /// Its SSH host keys, with the address: see [`Evidence::key_here`].
    pub(super) keys_at: BTreeSet<String>,
}

/// What a machine's id was made of. In the order in which they rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Founding {
    /// Its machine-id.
    MachineId,
    /// Its machine-id and address, because another machine has the same machine-id.
    Clone,
    /// Its SSH host key and address.
    HostKey,
    /// Its address.
    Address,
}

impl Founding {
    pub(super) const ALL: [Self; 4] = [Self::MachineId, Self::Clone, Self::HostKey, Self::Address];

    /// The word that goes into the hash: changing it changes every machine's id.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MachineId => "machine-id",
            Self::Clone => "machine-id-at-address",
            Self::HostKey => "ssh-host-key",
            Self::Address => "address",
        }
    }
}

/// What the store has to say on each key that an address showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Whether any machine of the site has this machine-id.
    pub(super) named: bool,
    /// Whether any machine of the site has this machine-id and this SMBIOS uuid.
    pub(super) twin: bool,
    /// The machines that have this machine-id, and the same `boot_id`, a MAC or, of Windows, the
    /// SMBIOS uuid in common.
    pub(super) agreeing: Vec<Machine>,
    /// The machine that last showed this host key at this address.
    pub(super) here: Option<Machine>,
    /// The machine known by this address and by what it called itself there.
    pub(super) bare: Option<Machine>,
    /// The machine that was last read at this address, and nowhere later, under a full name that is shown now.
    pub(super) namesake: Option<Machine>,
}

/// Which machine it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// A known one; `absorbed` turned out to be the same.
    Known { machine: i64, absorbed: Vec<i64> },
    /// A new one, whose id is to be made of this.
    New { founding: Founding, value: String },
}

/// Decides which machine an address belongs to.
pub(super) fn resolve(evidence: &Evidence, known: &Known, run: i64) -> Decision {
    let Some(machine_id) = &evidence.machine_id else {
        return without_login(evidence, known);
    };
    let here = known
        .here
        .as_ref()
        .filter(|machine| !is_other(machine, evidence));
    let same_here = here.filter(|machine| machine.names.contains(machine_id));
    // What was known of this address before anybody logged in there.
    let nameless = |machine: &&Machine| machine.names.is_empty();
    let former = here.filter(nameless).into_iter();
    let former = former.chain(known.bare.as_ref().filter(nameless));

    let agreeing = known.agreeing.iter();
    let mut same: Vec<&Machine> = agreeing.filter(|one| !is_other(one, evidence)).collect();
    match same_here {
        Some(machine) if same.is_empty() || continues(machine, &same, evidence, run) => {
            same.push(machine);
        }
        _ => {}
    }
    same.extend(former);
    same.sort_by_key(|machine| rank(machine, run));
    same.dedup_by_key(|machine| machine.number);
    if let [first, absorbed @ ..] = same.as_slice() {
        return Decision::Known {
            machine: first.number,
            absorbed: absorbed.iter().map(|machine| machine.number).collect(),
        };
    }
    let taken = if evidence.uuid_decides {
        known.twin
    } else {
        known.named
    };
    if taken {
        return Decision::New {
            founding: Founding::Clone,
            value: format!("{machine_id}@{}", evidence.address),
        };
    }
    Decision::New {
        founding: Founding::MachineId,
        value: evidence.own_name().unwrap_or_default(),
    }
}

/// The machine that an address claims to be: by its name, where nothing better is shown, and nothing contradicts.
pub(super) fn claimed(evidence: &Evidence, known: &Known) -> Option<i64> {
    if evidence.machine_id.is_some() || evidence.host_key.is_some() {
        return None;
    }
    let machine = known.namesake.as_ref()?;
    let here = format!("@{}", evidence.address);
    // Who can prove himself by a key is known by it.
    let has_key = |key: &String| key.ends_with(&here) && !key.starts_with("-@");
    let differ = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        !one.is_empty() && !other.is_empty() && one.is_disjoint(other)
    };
    let is_contradicted = machine.keys_at.iter().any(has_key)
        || differ(&machine.server_guids, &evidence.server_guids)
        || differ(&machine.macs, &evidence.cards);
    (!is_contradicted).then_some(machine.number)
}

/// Whether a machine that is known by its address calls itself otherwise than what is there now.
pub(super) fn is_renamed(machine: &Machine, evidence: &Evidence) -> bool {
    /// NetBIOS cuts names there (MS-NBTE 1.1).
    const NETBIOS: usize = 15;
    let short = |name: &str| {
        let short = name.split(['.', '\\', '@']).next().unwrap_or_default();
        short.chars().take(NETBIOS).collect::<String>()
    };
    let then: BTreeSet<String> = machine.names_at.iter().map(|name| short(name)).collect();
    let now: BTreeSet<String> = evidence.full_names.iter().map(|name| short(name)).collect();
    !then.is_empty() && !now.is_empty() && then.is_disjoint(&now)
}

/// Whether a machine with the same `MachineGuid` is a clone all the same: its uuid is another, or
/// the uuid is one of those that many boards have, as MAC addresses show that differ.
fn is_other(machine: &Machine, evidence: &Evidence) -> bool {
    if !evidence.uuid_decides {
        return false;
    }
    let uuid = evidence.product_uuid.as_ref();
    match uuid.map(|uuid| machine.uuids.contains(uuid)) {
        Some(false) => !machine.uuids.is_empty(),
        _ => unlike(machine, evidence),
    }
}

/// Whether both have MAC addresses, and none in common.
fn unlike(machine: &Machine, evidence: &Evidence) -> bool {
    let both = !machine.macs.is_empty() && !evidence.macs.is_empty();
    both && machine.macs.is_disjoint(&evidence.macs)
}

/// Nobody logged in: the host key at this address, or the address alone, is all there is.
fn without_login(evidence: &Evidence, known: &Known) -> Decision {
    let machine = match evidence.host_key {
        Some(_) => known.here.as_ref().or(known.bare.as_ref()),
        None => known.bare.as_ref(),
    };
    if let Some(machine) = machine {
        return Decision::Known {
            machine: machine.number,
            absorbed: Vec::new(),
        };
    }
    match evidence.key_here() {
        Some(value) => Decision::New {
            founding: Founding::HostKey,
            value,
        },
        None => Decision::New {
            founding: Founding::Address,
            value: evidence.address.to_string(),
        },
    }
}

/// Whether the machine that was here, and those that agree with what is here now, are one.
///
/// They are when the latter first said their machine-id in this run: then another address of this
/// machine, rebooted since the last run, merely finished first. Those known from before are clones
/// that changed places. Neither holds against MAC addresses that differ.
fn continues(here: &Machine, agreeing: &[&Machine], evidence: &Evidence, run: i64) -> bool {
    let new = agreeing
        .iter()
        .all(|machine| machine.named_run == Some(run));
    new && !unlike(here, evidence)
}

/// Who keeps its id when machines turn out to be one: whoever said its machine-id in an earlier
/// run, then the one met first, then by what its id was made of. A property of the machine that no
/// host of this run can change.
fn rank(machine: &Machine, run: i64) -> (i64, i64, Founding, &str) {
    let named = machine.named_run.unwrap_or(run).min(run);
    (named, machine.founded_run, machine.founding, &machine.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: &str = "0123456789abcdef0123456789abcdef";

    fn evidence(machine_id: Option<&str>) -> Evidence {
        Evidence {
            address: [192, 0, 2, 7].into(),
            host_key: Some("SHA256:k".into()),
            machine_id: machine_id.map(str::to_owned),
            boot_id: None,
            macs: BTreeSet::new(),
            product_uuid: None,
            uuid_decides: false,
            full_names: BTreeSet::new(),
            server_guids: BTreeSet::new(),
            cards: BTreeSet::new(),
        }
    }

    fn machine(number: i64, founding: Founding, named_run: Option<i64>) -> Machine {
        Machine {
            number,
            id: format!("m-{number}"),
            founding,
            founded_run: named_run.unwrap_or(1),
            named_run,
            names: named_run.map(|_| MID.to_owned()).into_iter().collect(),
            macs: BTreeSet::new(),
            uuids: BTreeSet::new(),
            server_guids: BTreeSet::new(),
            names_at: BTreeSet::new(),
            keys_at: BTreeSet::new(),
        }
    }

    fn known(machine: i64, absorbed: &[i64]) -> Decision {
        let absorbed = absorbed.to_vec();
        Decision::Known { machine, absorbed }
    }

    #[test]
    fn the_first_sight_is_named_by_the_strongest_key() {
        let new = |founding, value: &str| Decision::New {
            founding,
            value: value.to_owned(),
        };
        let none = Known::default();
        let by_id = resolve(&evidence(Some(MID)), &none, 1);
        assert_eq!(by_id, new(Founding::MachineId, MID));
        let by_key = resolve(&evidence(None), &none, 1);
        assert_eq!(by_key, new(Founding::HostKey, "SHA256:k@192.0.2.7"));
        let bare = Evidence {
            host_key: None,
            ..evidence(None)
        };
        assert_eq!(
            resolve(&bare, &none, 1),
            new(Founding::Address, "192.0.2.7")
        );
    }

    #[test]
    fn the_same_machine_id_without_agreement_is_a_clone() {
        let facts = Known {
            named: true,
            ..Known::default()
        };
        let Decision::New { founding, value } = resolve(&evidence(Some(MID)), &facts, 1) else {
            panic!("merged a clone");
        };
        assert_eq!(founding, Founding::Clone);
        assert_eq!(value, format!("{MID}@192.0.2.7"));
    }

    #[test]
    fn a_reboot_at_the_same_address_with_the_same_host_key_changes_nothing() {
        let facts = Known {
            named: true,
            here: Some(machine(1, Founding::MachineId, Some(1))),
            ..Known::default()
        };
        assert_eq!(resolve(&evidence(Some(MID)), &facts, 2), known(1, &[]));
    }

    #[test]
    fn an_address_that_logs_in_at_last_keeps_its_id() {
        let facts = Known {
            here: Some(machine(1, Founding::HostKey, None)),
            ..Known::default()
        };
        assert_eq!(resolve(&evidence(Some(MID)), &facts, 2), known(1, &[]));
    }

    #[test]
    fn an_address_that_turns_out_to_be_a_known_machine_becomes_its_alias() {
        let facts = Known {
            named: true,
            agreeing: vec![machine(5, Founding::MachineId, Some(3))],
            bare: Some(machine(1, Founding::Address, None)),
            ..Known::default()
        };
        assert_eq!(resolve(&evidence(Some(MID)), &facts, 9), known(5, &[1]));
    }

    #[test]
    fn clones_that_changed_places_stay_two() {
        let facts = Known {
            named: true,
            agreeing: vec![machine(2, Founding::Clone, Some(1))],
            here: Some(machine(1, Founding::MachineId, Some(1))),
            ..Known::default()
        };
        assert_eq!(resolve(&evidence(Some(MID)), &facts, 2), known(2, &[]));
    }

    #[test]
    fn a_rebooted_machine_is_joined_with_its_new_address_that_finished_first() {
        let facts = Known {
            named: true,
            agreeing: vec![machine(2, Founding::Clone, Some(2))],
            here: Some(machine(1, Founding::MachineId, Some(1))),
            ..Known::default()
        };
        assert_eq!(resolve(&evidence(Some(MID)), &facts, 2), known(1, &[2]));
    }

    #[test]
    fn another_machine_id_behind_the_same_host_key_is_another_machine() {
        let mut old = machine(1, Founding::MachineId, Some(1));
        old.names = BTreeSet::from(["fedcba9876543210fedcba9876543210".to_owned()]);
        let facts = Known {
            here: Some(old),
            ..Known::default()
        };
        let decision = resolve(&evidence(Some(MID)), &facts, 2);
        assert!(matches!(
            decision,
            Decision::New {
                founding: Founding::MachineId,
                ..
            }
        ));
    }

    #[test]
    fn an_address_alone_never_leads_to_a_machine_with_a_name() {
        let facts = Known {
            here: Some(machine(1, Founding::MachineId, Some(1))),
            ..Known::default()
        };
        let bare = Evidence {
            host_key: None,
            ..evidence(None)
        };
        assert!(matches!(resolve(&bare, &facts, 2), Decision::New { .. }));
    }
}
