//! How long it takes to compare a fleet with lists: the goal is 10,000 machines, as four runs met them, and
//! five lists of as many rows in 2 seconds.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use divan::Bencher;
use divan::counter::ItemsCount;
use std::fmt::Write as _;
use std::net::IpAddr;
use underdesk::classify::{self, MergeRules, Policy, Sighted, Traits, World};
use underdesk::known::{self, ReadOptions};
use underdesk::model::{Date, Family, KnownList, KnownRecord, ListKind, MachineId, UtcTime};

fn main() {
    divan::main();
}

const MACHINES: u32 = 10_000;
const RUNS: u32 = 4;

/// Machines that were installed from one image, and moved between the runs.
fn sighted() -> Vec<Sighted> {
    let today = UtcTime::parse("2026-11-30T08:00:00Z").unwrap();
    let all = (0..MACHINES).flat_map(|number| (0..RUNS).map(move |run| (number, run)));
    let machine = |(number, run): (u32, u32)| {
        let [_, _, middle, low] = number.to_be_bytes();
        let address: IpAddr = format!("10.{run}.{middle}.{low}").parse().unwrap();
        let name = format!("ws-{number:05}");
        Sighted {
            id: MachineId::from_key("default", "address", &address.to_string()),
            run,
            seen: UtcTime::from_unix(today.unix() - i64::from(run) * 7 * 86_400),
            first_seen: today.date(),
            addresses: vec![address],
            intermediary: None,
            traits: Traits {
                machine_ids: vec!["0123456789abcdef0123456789abcde1".to_owned()],
                serial: Some(format!("SN{number:06}")),
                uuid: Some(format!("4c4c4544-0044-3510-8051-b4c0{number:08x}")),
                macs: vec![mac(number)],
                names: vec![classify::SightedName {
                    by: classify::NameSource::Stated,
                    name: format!("{name}.corp.example"),
                }],
                domains: vec!["corp.example".to_owned()],
                is_domain_member: Some(true),
                ..Traits::default()
            },
            looks: classify::Looks {
                family: Some(Family::Windows),
                ..classify::Looks::default()
            },
            care: classify::Care::default(),
        }
    };
    all.map(machine).collect()
}

fn mac(number: u32) -> String {
    let [_, high, middle, low] = number.to_be_bytes();
    format!("f8:b1:56:{high:02x}:{middle:02x}:{low:02x}")
}

fn lists() -> Vec<KnownList> {
    let record = |number: u32| KnownRecord {
        row: u64::from(number) + 2,
        name: Some(format!("WS-{number:05}")),
        fqdn: Some(format!("ws-{number:05}.corp.example")),
        domain: Some("corp.example".to_owned()),
        macs: vec![mac(number)],
        last_seen: Date::parse("2026-11-28"),
        ..KnownRecord::default()
    };
    let kinds = [
        ListKind::ActiveDirectory,
        ListKind::Wsus,
        ListKind::Edr,
        ListKind::Dhcp,
        ListKind::Cmdb,
    ];
    let list = |kind: ListKind| KnownList {
        name: kind.as_str().to_owned(),
        kind,
        vouches: kind.vouches().to_vec(),
        as_of: Date::parse("2026-11-29"),
        // Each lacks some that the others have.
        records: (0..MACHINES)
            .filter(|number| number % 97 != kind as u32)
            .map(record)
            .collect(),
    };
    kinds.map(list).to_vec()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn a_fleet_with_lists(bencher: Bencher<'_, '_>) {
    let (sighted, lists) = (sighted(), lists());
    let (policy, rules) = (Policy::default(), MergeRules::default());
    bencher.counter(ItemsCount::new(MACHINES)).bench(|| {
        let compared = classify::compare(&World {
            lists: &lists,
            sighted: &sighted,
            policy: &policy,
            rules: &rules,
            was_swept: &|_, _| true,
            runs: RUNS,
            today: Date::parse("2026-11-30").unwrap(),
            no_merge: false,
        });
        assert_eq!(compared.machines.len(), MACHINES as usize);
        compared
    });
}

/// The limit is a plain reader of CSV that does nothing with what it reads.
fn table() -> Vec<u8> {
    let mut text =
        "Name,DNSHostName,IPv4Address,OperatingSystem,Enabled,LastLogonDate\n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(
            text,
            "WS-{number:06},ws-{number:06}.corp.example,10.{}.{}.{},Windows 11 Enterprise,True,2026-11-28",
            number >> 16,
            (number >> 8) & 255,
            number & 255
        );
    }
    text.into_bytes()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn a_list_of_100_000_rows_is_read(bencher: Bencher<'_, '_>) {
    let table = table();
    bencher.bench(|| known::read("ad.csv", &table, &ReadOptions::default()).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn the_same_rows_by_a_plain_csv_reader(bencher: Bencher<'_, '_>) {
    let table = table();
    bencher.bench(|| {
        let mut reader = csv::Reader::from_reader(table.as_slice());
        reader
            .records()
            .map(|row| row.unwrap().len())
            .sum::<usize>()
    });
}
