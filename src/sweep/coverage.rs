//! What became of every address in scope, counted exactly. Pure.

use super::{ProbeKind, Sighting, SweepPlan};
use crate::model::{CoverageRow, ScopePart, UtcTime};
use std::net::IpAddr;
use std::ops::Range;

/// How far a sweep got.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What was to be swept.
    pub plan: &'a SweepPlan,
    /// Every probe of a lower position is settled.
    pub mark: u64,
    /// When the run began.
    pub started: Option<UtcTime>,
    /// When it ended.
    pub finished: Option<UtcTime>,
}

/// One row for each part of the scope.
///
/// An address is *answered* when it answered a probe, open or closed. It is *silent* when it did
/// not, and all of its probes are below the mark; a router's "unreachable" is silence. Every other
/// address is *not begun*. Swept is answered and silent. So the parts' sums equal the scope,
/// wherever the sweep stopped.
///
/// `parts` are those of the plan's addresses. A sighting that comes twice, as after a resumed
/// run, counts once; sightings of addresses that are not in the plan do not count.
pub fn rows(
    parts: &[ScopePart],
    progress: &Progress<'_>,
    sightings: impl IntoIterator<Item = Sighting>,
    assessed: impl IntoIterator<Item = IpAddr>,
) -> Vec<CoverageRow> {
    let addresses = progress.plan.addresses();
    let life = sightings.into_iter().filter(|seen| seen.answer.is_life());
    let answers = life.filter_map(|seen| {
        let index = addresses.index_of(seen.address)?;
        Some((index, seen.probe, seen.tries > 1))
    });
    let mut answers: Vec<Answered> = answers.collect();
    answers.sort_unstable();
    answers.dedup_by_key(|(index, port, _)| (*index, *port));
    let assessed = assessed.into_iter();
    let mut assessed: Vec<u64> = assessed.filter_map(|at| addresses.index_of(at)).collect();
    assessed.sort_unstable();
    assessed.dedup();
    let row = |part| row(part, progress, &answers, &assessed);
    parts.iter().map(row).collect()
}

/// Whether an address is in the plan, and all of its probes are below the mark.
pub fn is_swept(progress: &Progress<'_>, address: IpAddr) -> bool {
    let plan = progress.plan;
    let index = plan.addresses().index_of(address);
    index.is_some_and(|index| {
        let mut positions = plan.positions_of(index);
        let is_done = progress.mark >= plan.len() || positions.all(|at| at < progress.mark);
        is_done && !plan.is_excluded(index)
    })
}

/// An address's index, the probe that was answered, and whether it took more than one try.
type Answered = (u64, ProbeKind, bool);

fn row(
    part: &ScopePart,
    progress: &Progress<'_>,
    answers: &[Answered],
    assessed: &[u64],
) -> CoverageRow {
    let mut row = CoverageRow {
        subnet: part.label.clone(),
        in_scope: part.in_scope,
        excluded: part.excluded,
        started: progress.started,
        searched_by: part.searched_by.clone(),
        ..CoverageRow::default()
    };
    let (mut probes, mut late) = (0_usize, 0_usize);
    for range in &part.indices {
        let taken_out = u128::from(progress.plan.excluded_within(range));
        row.excluded += taken_out;
        row.in_scope = row.in_scope.saturating_sub(taken_out);
        let answers = within(answers, range, |(index, _, _)| *index);
        probes += answers.len();
        late += answers.iter().filter(|(_, _, late)| *late).count();
        let hosts = hosts(answers).filter(|index| !progress.plan.is_excluded(*index));
        let answered: Vec<u64> = hosts.collect();
        row.answered += answered.len() as u128;
        row.silent += silent(range, &answered, progress);
        row.assessed += within(assessed, range, |index| *index).len() as u128;
    }
    row.swept = row.answered + row.silent;
    row.not_begun = row.in_scope.saturating_sub(row.swept);
    row.probes_lost_percent = percent(late, probes);
    row.finished = progress.finished.filter(|_| row.not_begun == 0);
    row
}

/// The part of a sorted list whose indices lie in a range.
fn within<'a, T>(list: &'a [T], range: &Range<u64>, index: impl Fn(&T) -> u64) -> &'a [T] {
    let first = list.partition_point(|item| index(item) < range.start);
    let end = list.partition_point(|item| index(item) < range.end);
    list.get(first..end).unwrap_or_default()
}

/// The hosts of answers, each once.
fn hosts(answers: &[Answered]) -> impl Iterator<Item = u64> + '_ {
    let groups = answers.chunk_by(|(one, _, _), (other, _, _)| one == other);
    groups.filter_map(|group| group.first().map(|(index, _, _)| *index))
}

/// How many addresses of a range did not answer although all their probes are settled.
fn silent(range: &Range<u64>, answered: &[u64], progress: &Progress<'_>) -> u128 {
    if progress.mark >= progress.plan.len() {
        let swept = range.end - range.start - progress.plan.excluded_within(range);
        return u128::from(swept) - answered.len() as u128;
    }
    if progress.mark == 0 {
        return 0;
    }
    let mut answered = answered.iter().copied().peekable();
    let mut silent = 0;
    for index in range.clone() {
        if progress.plan.is_excluded(index) || answered.next_if_eq(&index).is_some() {
            continue;
        }
        let mut positions = progress.plan.positions_of(index);
        silent += u128::from(positions.all(|position| position < progress.mark));
    }
    silent
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share to two places")]
    let share = part as f64 / whole as f64;
    (share * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::super::{AddressList, Answer, Probe};
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Duration;

    fn address(index: u64) -> IpAddr {
        IpAddr::from(Ipv4Addr::from(0x0a00_0000 + u32::try_from(index).unwrap()))
    }

    fn plan(addresses: u64, ports: &[u16], seed: u64) -> SweepPlan {
        let list = AddressList::new((0..addresses).map(address).collect());
        SweepPlan::new(Arc::new(list), ports.to_vec(), seed).unwrap()
    }

    fn sighting(index: u64, probe: Probe, answer: Answer, tries: u8) -> Sighting {
        Sighting {
            index,
            address: probe.address,
            probe: probe.kind,
            answer,
            round_trip: Duration::ZERO,
            tries,
            trace: None,
            mac: None,
        }
    }

    fn part(label: &str, range: Range<u64>, excluded: u128) -> ScopePart {
        ScopePart {
            label: label.into(),
            in_scope: (range.end - range.start).into(),
            excluded,
            indices: vec![range],
            searched_by: None,
        }
    }

    #[test]
    fn a_finished_sweep_leaves_nothing_open() {
        let plan = plan(10, &[22, 80], 1);
        let probe = |index, port| Probe {
            address: address(index),
            kind: ProbeKind::Tcp(port),
        };
        let sightings = [
            sighting(0, probe(1, 22), Answer::Open, 1),
            sighting(0, probe(1, 80), Answer::Closed, 2),
            sighting(0, probe(1, 80), Answer::Closed, 2),
            sighting(0, probe(2, 80), Answer::Unreachable, 1),
            sighting(0, probe(7, 80), Answer::Closed, 1),
        ];
        let time = Some(UtcTime::from_unix(9));
        let progress = Progress {
            plan: &plan,
            mark: 20,
            started: time,
            finished: time,
        };
        let parts = [part("a", 0..5, 3), part("b", 5..10, 0)];
        let rows = rows(&parts, &progress, sightings, [address(1)]);
        let [a, b] = &rows[..] else {
            panic!("two rows")
        };
        assert_eq!(
            (a.swept, a.answered, a.silent, a.not_begun, a.assessed),
            (5, 1, 4, 0, 1)
        );
        assert_eq!((a.excluded, a.finished), (3, time));
        assert!((a.probes_lost_percent - 50.0).abs() < 1e-9);
        assert_eq!(
            (b.swept, b.answered, b.silent, b.not_begun, b.assessed),
            (5, 1, 4, 0, 0)
        );
    }

    proptest! {
        #[test]
        fn wherever_a_sweep_stops_each_address_is_counted_once(
            addresses in 1_u64..60, mark in 0_u64..150, cut in 0_u64..60, alive in prop::collection::btree_set(0_u64..60, 0..20), seed: u64,
        ) {
            let plan = plan(addresses, &[22, 80, 443], seed);
            let mark = mark.min(plan.len());
            let cut = cut.min(addresses);
            let open = |probe: &Probe| alive.iter().any(|index| address(*index) == probe.address);
            let sightings: Vec<Sighting> = (0..mark)
                .filter_map(|at| plan.probe(at).filter(open).map(|probe| sighting(at, probe, Answer::Open, 1))).collect();
            let progress = Progress { plan: &plan, mark, started: None, finished: None };
            let parts = [part("low", 0..cut, 0), part("high", cut..addresses, 0)];
            let rows = rows(&parts, &progress, sightings.iter().copied(), []);
            // The naive oracle walks the whole plan.
            let left: BTreeSet<IpAddr> = (mark..plan.len()).filter_map(|at| plan.probe(at)).map(|probe| probe.address).collect();
            let answered: BTreeSet<IpAddr> = sightings.iter().map(|seen| seen.address).collect();
            for (row, range) in rows.iter().zip([0..cut, cut..addresses]) {
                let all: Vec<IpAddr> = range.map(address).collect();
                let count = |keep: &dyn Fn(&IpAddr) -> bool| all.iter().filter(|at| keep(at)).count() as u128;
                prop_assert_eq!(row.answered, count(&|at| answered.contains(at)));
                prop_assert_eq!(row.silent, count(&|at| !answered.contains(at) && !left.contains(at)));
                prop_assert_eq!(row.not_begun, count(&|at| !answered.contains(at) && left.contains(at)));
                prop_assert_eq!(row.in_scope, row.swept + row.not_begun);
            }
        }
    }
}
