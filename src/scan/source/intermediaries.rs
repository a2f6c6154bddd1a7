//! Who answers for others in a stored run: its addresses are no machines.

use super::super::range::targets_in;
use super::super::standings::Swept;
use super::seen::Seen;
use super::{RunSource, stored};
use crate::model::MachineRecord;
use crate::scan::RunError;
use crate::store::{RunRecord, Store};
use crate::sweep::intermediary::{Answers, Intermediary, intermediaries};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The intermediaries of a run.
#[derive(Debug, Default)]
pub(super) struct Intermediaries {
    /// By their first address.
    found: BTreeMap<IpAddr, Intermediary>,
    /// The addresses of all.
    addresses: BTreeSet<IpAddr>,
}

/// The addresses of a run at which somebody answers for others. Its machines are read only where what the sweep saw
/// leaves that open.
pub(in crate::scan) fn artefacts(
    store: &Store,
    run: &RunRecord,
) -> Result<BTreeSet<IpAddr>, RunError> {
    let Some(swept) = stored(run.settings.clone(), run.mark)? else {
        return Ok(BTreeSet::new());
    };
    let seen = Seen::of(store.sightings(&run.summary.id).wait()?);
    // What somebody shows of himself only speaks against it.
    if Intermediaries::among(&seen.answers(), &swept).are_none() {
        return Ok(BTreeSet::new());
    }
    let source = RunSource::read(store, &run.summary.id, false)?;
    Ok(source.intermediaries.addresses)
}

impl Intermediaries {
    /// Finds them in what all addresses answered.
    pub(super) fn among(answers: &[Answers], swept: &Swept) -> Self {
        let in_scope = |range| targets_in(&swept.targets, range);
        let mut all = Self::default();
        for one in intermediaries(answers, &swept.plan.ports, in_scope) {
            all.addresses.extend(&one.addresses);
            if let Some(first) = one.addresses.first() {
                all.found.insert(*first, one);
            }
        }
        all
    }

    /// Whether there is none.
    pub(super) fn are_none(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Whether one answers at an address.
    pub(super) fn answer_at(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// What a record stands for: one at the first address of an intermediary for all of that, at its others for
    /// nothing.
    pub(super) fn recognise(&self, mut record: MachineRecord) -> Option<MachineRecord> {
        if record.addresses.iter().all(|at| self.answer_at(*at)) {
            let first = record.addresses.first();
            let found = first.and_then(|first| self.found.get(first))?;
            record.addresses.clone_from(&found.addresses);
            record.intermediary = Some(format!("{}: {}", found.range, found.why));
            record.access.clear();
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{host, summary};
    use crate::model::{Answer, HostKey, MachineRecord, ProbeKind, ResultCode, RunId, UtcTime};
    use crate::report::ReportSource as _;
    use crate::scan::{RunKind, RunSource};
    use crate::store::{NewRun, SightingRow, Store};
    use std::net::IpAddr;

    /// How many machines a run shows in which every address of a /24 accepts on three ports and lets
    /// nobody in, and each shows the key that it is given.
    fn shown(key: impl Fn(u8) -> String) -> usize {
        let store = Store::in_memory().unwrap();
        let plan = crate::scan::tests::plan_of("192.0.2.0/24", &[22, 80, 443]);
        let new = NewRun {
            summary: summary(RunKind::Scan),
            settings: serde_json::to_value(plan).unwrap(),
            plan_fingerprint: String::new(),
            seed: 0,
        };
        store.begin_run(new).wait().unwrap();
        let run = RunId::new("r-1");
        for last in 1..=254 {
            let address = IpAddr::from([192, 0, 2, last]);
            let mut commit = host(ResultCode::AuthRejected, Vec::new());
            commit.outcome.host.address = address;
            commit.outcome.host_key = Some(HostKey {
                algorithm: "ssh-ed25519".to_owned(),
                fingerprint: key(last),
            });
            store.commit_host(&run, commit).wait().unwrap();
            let open = [22, 80, 443].map(|port| SightingRow {
                address,
                probe: ProbeKind::Tcp(port),
                answer: Answer::Open,
                round_trip_us: None,
                tries: 1,
                seen_at: UtcTime::from_unix(0),
                trace: None,
                mac: None,
                banner: None,
            });
            store
                .record_sightings(&run, open.to_vec(), 0)
                .wait()
                .unwrap();
        }
        let mut count = 0;
        let source = RunSource::open(&store, &run, true).unwrap();
        let visit = &mut |_: &MachineRecord| {
            count += 1;
            Ok(())
        };
        source.machines(visit).unwrap();
        count
    }

    #[test]
    fn machines_that_let_nobody_in_are_not_hidden_behind_an_intermediary() {
        assert_eq!(shown(|last| format!("SHA256:{last}")), 254);
        assert_eq!(shown(|_| "SHA256:one".to_owned()), 1);
    }
}
