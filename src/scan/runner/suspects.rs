//! Addresses that accept everything: machines, or somebody on the way who answers for all of them. What they are is
//! judged when all is seen, by what a few of each range show.

use crate::identify;
use crate::model::Clue;
use crate::sweep::intermediary::{Answers, intermediaries};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// Of how many addresses that may be one intermediary it is asked who they are.
const SAMPLE: usize = 8;

/// Who may be no machine.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Those that wait until all is seen.
    held: BTreeSet<IpAddr>,
    /// Those that wait for what a few of them show, by the first.
    in_question: BTreeMap<IpAddr, Vec<IpAddr>>,
}

/// What the suspects come to when all is seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Questions {
    /// For each range that may be one intermediary, its first address, and those that are asked who they are.
    pub(super) ranges: Vec<(IpAddr, Vec<IpAddr>)>,
    /// Those that are machines.
    pub(super) machines: Vec<IpAddr>,
}

impl Suspects {
    /// An address accepts everything.
    pub(super) fn hold(&mut self, address: IpAddr) {
        self.held.insert(address);
    }

    /// Those that wait until all is seen.
    pub(super) fn held(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.held.iter().copied()
    }

    /// All is seen: whom to ask, given what those that wait answered, all ports that were tried, and how many
    /// addresses of a /24 were swept. Nobody waits for that any more, but those of each range for what is shown.
    pub(super) fn question(
        &mut self,
        answers: &[Answers],
        ports: &[u16],
        swept: impl Fn(Ipv4Addr) -> usize,
    ) -> Questions {
        let held = std::mem::take(&mut self.held);
        let mut ranges = Vec::new();
        for one in intermediaries(answers, ports, swept) {
            if let Some(first) = one.addresses.first().copied() {
                ranges.push((first, spread(&one.addresses).collect()));
                self.in_question.insert(first, one.addresses);
            }
        }
        let in_question: BTreeSet<IpAddr> = self.in_question.values().flatten().copied().collect();
        let machines = held.into_iter().filter(|at| !in_question.contains(at));
        Questions {
            ranges,
            machines: machines.collect(),
        }
    }

    /// All addresses of a range, by its first: they wait no more.
    pub(super) fn release(&mut self, first: IpAddr) -> Vec<IpAddr> {
        self.in_question.remove(&first).unwrap_or_default()
    }
}

/// Whether those who were asked are machines of their own, as far as they show who they are.
pub(super) fn are_several(shown: &[(IpAddr, Vec<Clue>)]) -> bool {
    let clues = shown.iter().map(|(_, clues)| clues);
    let identities: BTreeSet<String> = clues.flat_map(|one| identify::identities(one)).collect();
    identities.len() > 1
}

/// A few of many addresses, spread over all of them.
fn spread(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> + '_ {
    let step = addresses.len().div_ceil(SAMPLE).max(1);
    addresses.iter().step_by(step).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answer, ProbeKind};

    const PORTS: [u16; 3] = [22, 80, 443];

    fn accepts_everything(third: u8, last: u8) -> Answers {
        Answers {
            address: [192, 0, third, last].into(),
            answers: PORTS
                .map(|port| (ProbeKind::Tcp(port), Answer::Open))
                .into(),
            traces: BTreeSet::new(),
            identities: BTreeSet::new(),
        }
    }

    #[test]
    fn a_few_of_a_range_are_asked_and_all_of_it_waits_for_them() {
        let range = (1..=254).map(|last| accepts_everything(2, last));
        let answers: Vec<Answers> = range.chain([accepts_everything(3, 9)]).collect();
        let mut suspects = Suspects::default();
        for one in &answers {
            suspects.hold(one.address);
        }
        let asked = suspects.question(&answers, &PORTS, |_| 254);
        assert_eq!(asked.machines, [answers[254].address]);
        let [(first, sample)] = asked.ranges.as_slice() else {
            panic!("{:?}", asked.ranges);
        };
        assert_eq!(*first, answers[0].address);
        assert!(sample.len() > 1 && sample.len() <= SAMPLE, "{sample:?}");
        assert_eq!(suspects.held().count(), 0);
        let all: Vec<IpAddr> = answers.iter().take(254).map(|one| one.address).collect();
        assert_eq!(suspects.release(*first), all);
        assert!(suspects.release(*first).is_empty(), "they wait once");
    }
}
