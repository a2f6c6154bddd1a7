//! How long it takes to compare two versions: a host's 500 packages meet thousands of bounds, and a
//! catalogue holds a million.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use underdesk::version::{Order, Place};

fn main() {
    divan::main();
}

const PAIRS: usize = 1_000;
const ORDERS: [Order; 5] = [
    Order::Dpkg,
    Order::Rpm,
    Order::Apk,
    Order::Pacman,
    Order::FreeBsd,
];

/// Versions in the shapes of a real host's; a package's own and the fixed one differ late, as they do.
fn version(order: Order, number: usize, step: usize) -> String {
    let (major, minor, patch) = (number % 11, number % 37, number % 101 + step);
    let upstream = format!("{major}.{minor}.{patch}");
    let build = number % 29 + step;
    match (order, number % 5) {
        (Order::Dpkg, 0) => format!("{}:{upstream}+dfsg-{build}", number % 3 + 1),
        (Order::Dpkg, 1) => format!("{upstream}~rc{build}-1"),
        (Order::Dpkg, _) => format!("{upstream}-9+deb12u{build}"),
        (Order::Rpm, 0) => format!("{}:{upstream}-{build}.el9_2", number % 3 + 1),
        (Order::Rpm, 1) => format!("{upstream}-{build}.module+el8.10.0+22954+e2d70a1c"),
        (Order::Rpm, 2) => format!("{upstream}^git{number}.abc-{build}.fc40"),
        (Order::Rpm, _) => format!("{upstream}-{build}.el9"),
        (Order::Apk, 0) => format!("{upstream}_git20240101-r{build}"),
        (Order::Apk, 1) => format!("{upstream}_p{number}-r{build}"),
        (Order::Apk, _) => format!("{upstream}-r{build}"),
        (Order::Pacman, 0) => format!("1:{upstream}-{build}"),
        (Order::Pacman, 1) => format!("{upstream}.r{number}.gabcdef1-{build}"),
        (Order::Pacman, 2) => format!("{upstream}rc1-{build}"),
        (Order::Pacman, _) => format!("{upstream}-{build}"),
        (Order::FreeBsd, 0) => format!("{upstream}_{build},1"),
        (Order::FreeBsd, 1) => format!("{upstream}.rc{build}"),
        (Order::FreeBsd, _) => format!("{upstream}_{build}"),
    }
}

/// Each installed version beside the bound that it is compared with.
fn pairs(order: Order) -> Vec<(String, String)> {
    let numbers = 0..PAIRS;
    numbers
        .map(|number| {
            let own = version(order, number, 0);
            (own, version(order, number, number % 2))
        })
        .collect()
}

fn parse(order: Order, text: &str) -> Place<'_> {
    Place::parse(order, text).unwrap()
}

#[divan::bench(args = ORDERS)]
fn compare(bencher: Bencher<'_, '_>, order: Order) {
    let pairs = pairs(order);
    let places: Vec<_> = pairs
        .iter()
        .map(|(own, bound)| (parse(order, own), parse(order, bound)))
        .collect();
    bencher.counter(ItemsCount::new(PAIRS)).bench_local(|| {
        for (own, bound) in &places {
            black_box(black_box(own).against(black_box(bound)));
        }
    });
}

#[divan::bench(args = ORDERS)]
fn parse_a_bound_and_compare(bencher: Bencher<'_, '_>, order: Order) {
    let pairs = pairs(order);
    let places: Vec<_> = pairs
        .iter()
        .map(|(own, bound)| (parse(order, own), bound))
        .collect();
    bencher.counter(ItemsCount::new(PAIRS)).bench_local(|| {
        for (own, bound) in &places {
            black_box(own.against(&parse(order, black_box(bound))));
        }
    });
}
