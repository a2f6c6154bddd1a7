//! The fewest updates and restarts that close all that can be closed: a set cover in which a choice may need
//! others before it.
//!
//! What only one update closes decides nearly everything. What is left is tried out in full where it is of
//! at most [`EXACT`] choices, and taken by the greatest gain otherwise: then for n findings at most
//! `1 + 1/2 + … + 1/n` times as many updates as the best (Chvátal, "A Greedy Heuristic for the
//! Set-Covering Problem", 1979), not counting what they need.

use crate::model::RebootAfter;
use std::collections::{BTreeMap, BTreeSet};

/// With how many undecided choices every combination is tried: 4,096 at most.
const EXACT: usize = 12;

/// Something that can be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The rows that it closes.
    pub(super) closes: BTreeSet<usize>,
    /// The choices that must be there before.
    pub(super) needs: BTreeSet<usize>,
    /// Whether it asks for a restart.
    pub(super) reboot: RebootAfter,
    /// Of those that can come next, the lowest comes first.
    pub(super) rank: u8,
}

/// What to install, with all that it needs.
pub(super) fn cover(choices: &[Choice]) -> BTreeSet<usize> {
    let mut taken = BTreeSet::new();
    for options in options(choices, &taken) {
        if let [only] = options.as_slice() {
            take(choices, *only, &mut taken);
        }
    }
    let open = options(choices, &taken);
    let free: BTreeSet<usize> = open.iter().flatten().copied().collect();
    if free.len() <= EXACT {
        exactly(choices, &taken, &open)
    } else {
        greedily(choices, taken, open)
    }
}

/// By which choices each open row can be closed; rows that are alike once.
fn options(choices: &[Choice], taken: &BTreeSet<usize>) -> BTreeSet<Vec<usize>> {
    let mut rows = BTreeMap::<usize, Vec<usize>>::new();
    for (at, choice) in choices.iter().enumerate() {
        for row in &choice.closes {
            rows.entry(*row).or_default().push(at);
        }
    }
    let open = rows.into_values();
    open.filter(|options| !options.iter().any(|at| taken.contains(at)))
        .collect()
}

/// Adds a choice and all that it needs.
fn take(choices: &[Choice], at: usize, taken: &mut BTreeSet<usize>) {
    let mut open = vec![at];
    while let Some(at) = open.pop() {
        let Some(choice) = choices.get(at) else {
            continue;
        };
        if taken.insert(at) {
            open.extend(&choice.needs);
        }
    }
}

/// Tries every combination, the smaller ones first.
fn exactly(
    choices: &[Choice],
    taken: &BTreeSet<usize>,
    open: &BTreeSet<Vec<usize>>,
) -> BTreeSet<usize> {
    let free: Vec<usize> = open
        .iter()
        .flatten()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mask_of = |options: &Vec<usize>| {
        let bits = free.iter().enumerate();
        bits.filter(|(_, at)| options.contains(at))
            .fold(0_u32, |mask, (bit, _)| mask | (1 << bit))
    };
    let rows: Vec<u32> = open.iter().map(mask_of).collect();
    let mut best: Option<(usize, BTreeSet<usize>)> = None;
    for size in 0..=free.len() {
        // Neither restarts nor what is needed make it less.
        let least = taken.len() + size;
        if best.as_ref().is_some_and(|(cost, _)| *cost < least) {
            break;
        }
        let masks = (0_u32..1 << free.len()).filter(|mask| mask.count_ones() as usize == size);
        for mask in masks.filter(|mask| rows.iter().all(|row| row & mask != 0)) {
            let mut set = taken.clone();
            for (bit, at) in free.iter().enumerate() {
                if mask & (1 << bit) != 0 {
                    take(choices, *at, &mut set);
                }
            }
            let cost = cost(choices, &set);
            let is_better = best
                .as_ref()
                .is_none_or(|(least, one)| (cost, set.len(), &set) < (*least, one.len(), one));
            if is_better {
                best = Some((cost, set));
            }
        }
    }
    best.map_or_else(|| taken.clone(), |(_, set)| set)
}

/// Takes what closes most for what it adds, then puts back what the others close as well.
fn greedily(
    choices: &[Choice],
    mut taken: BTreeSet<usize>,
    mut open: BTreeSet<Vec<usize>>,
) -> BTreeSet<usize> {
    let before = taken.clone();
    let rows = open.clone();
    let mut picked = Vec::new();
    while !open.is_empty() {
        let free: BTreeSet<usize> = open.iter().flatten().copied().collect();
        let gain = |at: usize| open.iter().filter(|options| options.contains(&at)).count();
        let price = |at: usize| {
            let mut more = taken.clone();
            take(choices, at, &mut more);
            more.len() - taken.len()
        };
        // Whole numbers: a·d > b·c instead of a/c > b/d. Of equals the first.
        let best = free.into_iter().map(|at| (at, gain(at), price(at)));
        let best = best.reduce(|one, two| {
            let is_more = two.1.saturating_mul(one.2) > one.1.saturating_mul(two.2);
            if is_more { two } else { one }
        });
        let Some((at, ..)) = best else { break };
        picked.push(at);
        take(choices, at, &mut taken);
        open.retain(|options| !options.iter().any(|at| taken.contains(at)));
    }
    let set_of = |picked: &[usize]| {
        let mut set = before.clone();
        for at in picked {
            take(choices, *at, &mut set);
        }
        set
    };
    for at in picked.clone().into_iter().rev() {
        let fewer: Vec<usize> = picked.iter().copied().filter(|one| *one != at).collect();
        let set = set_of(&fewer);
        if rows.iter().all(|row| row.iter().any(|at| set.contains(at))) {
            picked = fewer;
        }
    }
    set_of(&picked)
}

/// Updates and restarts.
fn cost(choices: &[Choice], set: &BTreeSet<usize>) -> usize {
    let stages = stages(choices, set);
    let reboots = stages
        .iter()
        .filter(|stage| reboot_after(choices, stage) != RebootAfter::No);
    set.len() + reboots.count()
}

/// What is installed between two restarts, in order. There is a restart only where something needs an
/// update that asks for one.
pub(super) fn stages(choices: &[Choice], set: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let mut stages = Vec::new();
    let mut stage: Vec<usize> = Vec::new();
    let mut rest = set.clone();
    while !rest.is_empty() {
        let waits = |at: &usize| {
            let needs = choices.get(*at).map(|choice| &choice.needs);
            needs.into_iter().flatten().any(|need| {
                let asks = stage.contains(need)
                    && choices
                        .get(*need)
                        .is_some_and(|need| need.reboot != RebootAfter::No);
                need != at && (rest.contains(need) || asks)
            })
        };
        let ready = rest.iter().copied().filter(|at| !waits(at));
        let rank = |at: &usize| choices.get(*at).map(|choice| choice.rank);
        let next = ready.min_by_key(|at| (rank(at), *at));
        if let Some(at) = next {
            rest.remove(&at);
            stage.push(at);
        } else if stage.is_empty() {
            // They need each other: any, but always the same.
            stage.extend(rest.pop_first());
        } else {
            stages.push(std::mem::take(&mut stage));
        }
    }
    if !stage.is_empty() {
        stages.push(stage);
    }
    stages
}

/// What a stage ends with.
pub(super) fn reboot_after(choices: &[Choice], stage: &[usize]) -> RebootAfter {
    let asked = stage.iter().filter_map(|at| choices.get(*at));
    asked.map(|choice| choice.reboot).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Up to seven choices over up to eight rows; needs point to lower ones, so that there is an order.
    fn problems() -> impl Strategy<Value = Vec<Choice>> {
        let choice = (
            proptest::collection::btree_set(0_usize..8, 0..5),
            proptest::collection::btree_set(0_usize..8, 0..2),
            0_u8..3,
            0_u8..2,
        );
        proptest::collection::vec(choice, 0..8).prop_map(|choices| {
            let choices = choices.into_iter().enumerate();
            choices
                .map(|(at, (closes, needs, reboot, rank))| Choice {
                    closes,
                    needs: needs.into_iter().filter(|need| *need < at).collect(),
                    reboot: [RebootAfter::No, RebootAfter::IfAsked, RebootAfter::Yes]
                        [usize::from(reboot)],
                    rank,
                })
                .collect()
        })
    }

    /// Every subset, without any of the thoughts above.
    fn brute(choices: &[Choice]) -> usize {
        let rows: BTreeSet<usize> = choices.iter().flat_map(|one| one.closes.clone()).collect();
        let subsets = (0_u32..1 << choices.len()).map(|mask| {
            let all = 0..choices.len();
            all.filter(|at| mask & (1 << at) != 0)
                .collect::<BTreeSet<usize>>()
        });
        let whole = subsets.filter(|set| {
            let chosen = || set.iter().map(|at| &choices[*at]);
            let closed: BTreeSet<usize> = chosen().flat_map(|one| one.closes.clone()).collect();
            closed == rows && chosen().all(|one| one.needs.is_subset(set))
        });
        whole.map(|set| cost(choices, &set)).min().unwrap()
    }

    fn greedy(choices: &[Choice]) -> BTreeSet<usize> {
        let none = BTreeSet::new();
        greedily(choices, none.clone(), options(choices, &none))
    }

    fn closes_all(choices: &[Choice], set: &BTreeSet<usize>) -> bool {
        options(choices, set).is_empty()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_other_choice_takes_fewer_updates_and_restarts(choices in problems()) {
            let set = cover(&choices);
            prop_assert!(closes_all(&choices, &set));
            prop_assert_eq!(cost(&choices, &set), brute(&choices));
        }

        #[test]
        fn what_is_too_large_to_be_tried_out_keeps_within_its_bound(mut choices in problems()) {
            for choice in &mut choices {
                choice.needs.clear();
                choice.reboot = RebootAfter::No;
            }
            let set = greedy(&choices);
            prop_assert!(closes_all(&choices, &set));
            let largest = choices.iter().map(|one| one.closes.len()).max().unwrap_or(0);
            let bound: f64 = (1..=largest).map(|n| 1.0 / f64::from(u32::try_from(n).unwrap())).sum();
            let best = f64::from(u32::try_from(brute(&choices)).unwrap());
            prop_assert!(f64::from(u32::try_from(set.len()).unwrap()) <= bound * best + 1e-9);
        }

        #[test]
        fn nothing_comes_before_what_it_needs(choices in problems()) {
            let set = cover(&choices);
            let stages = stages(&choices, &set);
            let order: Vec<usize> = stages.iter().flatten().copied().collect();
            prop_assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), set.clone());
            prop_assert_eq!(order.len(), set.len());
            let stage_of = |at: usize| stages.iter().position(|one| one.contains(&at)).unwrap();
            let place = |at: usize| order.iter().position(|one| *one == at).unwrap();
            for at in &set {
                for need in &choices[*at].needs {
                    prop_assert!(place(*need) < place(*at));
                    let asks = choices[*need].reboot != RebootAfter::No;
                    prop_assert!(!asks || stage_of(*need) < stage_of(*at));
                }
            }
        }
    }

    #[test]
    fn a_hundred_choices_are_covered_by_the_greatest_gain() {
        // A hundred rows, each closed by two neighbours.
        let choice = |at: usize| Choice {
            closes: [at, (at + 1) % 100].into(),
            ..Choice::default()
        };
        let choices: Vec<Choice> = (0..100).map(choice).collect();
        let set = cover(&choices);
        assert!(closes_all(&choices, &set));
        assert!(set.len() <= 67, "{}", set.len());
    }

    #[test]
    fn updates_that_need_each_other_end_all_the_same() {
        let choice = |need: usize| Choice {
            closes: [need].into(),
            needs: [need].into(),
            reboot: RebootAfter::Yes,
            rank: 0,
        };
        let choices = [choice(1), choice(0)];
        let set = cover(&choices);
        assert_eq!(stages(&choices, &set).concat().len(), 2);
    }
}
