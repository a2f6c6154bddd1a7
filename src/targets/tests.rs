//! Tests of the whole way from what is typed to the scope.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// Lists in memory.
#[derive(Default)]
struct Memory(BTreeMap<&'static str, &'static str>);

impl Lists for Memory {
    fn file(&self, path: &Path) -> io::Result<String> {
        let text = self.0.get(path.to_str().unwrap());
        text.map(|text| (*text).to_owned())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn input(&self) -> io::Result<String> {
        self.file(Path::new("-"))
    }
}

const ALL: Permissions = Permissions {
    allow_public: true,
    yes: true,
};

fn resolve(name: &str) -> Result<Vec<IpAddr>, String> {
    match name {
        "web" => Ok(vec![ip("10.1.0.1"), ip("fd00::1")]),
        "www" => Ok(vec![ip("10.1.0.1")]),
        "sinkhole" => Ok(vec![ip("0.0.0.0")]),
        _ => Err("no such name".to_owned()),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn request(targets: &[&str]) -> Request {
    Request {
        targets: targets.iter().map(|text| (*text).to_owned()).collect(),
        ..Request::default()
    }
}

fn set(request: &Request, lists: &Memory, allowed: Permissions) -> Result<TargetSet, TargetError> {
    TargetList::read(request, lists)?.into_set(&resolve, allowed)
}

fn scope(targets: &[&str]) -> TargetSet {
    set(&request(targets), &Memory::default(), ALL).unwrap()
}

fn refusal(targets: &[&str], allowed: Permissions) -> String {
    set(&request(targets), &Memory::default(), allowed)
        .unwrap_err()
        .to_string()
}

fn all(set: &TargetSet) -> Vec<IpAddr> {
    (0..set.len()).map(|at| set.nth(at).unwrap()).collect()
}

#[test]
fn a_slash_8_takes_no_memory() {
    let set = scope(&["10.0.0.0/8", "!10.5.0.0/16"]);
    assert_eq!(set.len(), (1 << 24) - 2 - 65_536);
    assert_eq!(set.excluded(), 65_538);
    assert_eq!(set.nth(0), Some(ip("10.0.0.1")));
    assert_eq!(set.nth(set.len() - 1), Some(ip("10.255.255.254")));
    assert_eq!(set.nth(set.len()), None);
    assert!(!set.contains(ip("10.5.6.7")));
    assert_eq!(set.parts().len(), 65_536);
}

#[test]
fn network_and_broadcast_addresses_are_those_of_the_block_as_written() {
    let set = scope(&["127.0.0.0/24"]);
    assert_eq!((set.len(), set.excluded()), (254, 2));
    let wide = scope(&["10.0.0.0/23"]);
    assert!(wide.contains(ip("10.0.0.255")) && !wide.contains(ip("10.0.1.255")));
    let asked_for = scope(&["10.0.0.0/24", "10.0.0.255"]);
    assert!(asked_for.contains(ip("10.0.0.255")));
    assert_eq!(scope(&["10.0.0.0/31"]).len(), 2);
}

#[test]
fn exclusions_hold_wherever_they_stand_and_however_they_are_written() {
    let mut request = request(&["!10.0.0.1", "10.0.0.0-9", "!::ffff:10.0.0.2"]);
    request.exclude = vec!["10.0.0.3".into(), "@out".into()];
    request.exclude_files = vec!["file".into()];
    request.never_scan = vec!["10.0.0.6/31".into()];
    let lists = Memory([("out", "10.0.0.4 # a printer"), ("file", "\n10.0.0.5\n")].into());
    let set = set(&request, &lists, ALL).unwrap();
    let expected = ["10.0.0.0", "10.0.0.8", "10.0.0.9"].map(ip);
    assert_eq!(all(&set), expected);
    assert_eq!(set.excluded(), 7);
    let by: Vec<String> = set.exclusions().iter().map(ToString::to_string).collect();
    assert_eq!(
        by,
        [
            "1 by 10.0.0.1 (argument 1)",
            "1 by ::ffff:10.0.0.2 (argument 3)",
            "1 by 10.0.0.3 (--exclude 1)",
            "1 by 10.0.0.4 (out, line 1)",
            "2 by 10.0.0.6/31 (never_scan 1)",
            "1 by 10.0.0.5 (file, line 2)",
        ]
    );
}

#[test]
fn never_scan_holds_against_every_permission() {
    let mut request = request(&["10.0.0.1"]);
    request.never_scan = vec!["192.168.0.1".into(), "10.0.0.0/24".into()];
    request.never_scan_files = vec!["project.toml".into(), "user.toml".into()];
    let error = set(&request, &Memory::default(), ALL).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no address is in scope: 1 excluded: 1 by 10.0.0.0/24 (never_scan 1 in user.toml), 0 names without an address"
    );
}

#[test]
fn refused_addresses_are_an_error_alone_and_counted_within_a_range() {
    let error = refusal(&["10.0.0.1", "224.0.0.0/8"], ALL);
    assert_eq!(
        error,
        "argument 2, column 1: \"224.0.0.0/8\" is multicast, and never swept"
    );
    assert!(refusal(&["255.255.255.255"], ALL).contains("broadcast"));
    assert!(refusal(&["::"], ALL).contains("unspecified"));
    let set = scope(&["223.255.255.250-224.0.0.3"]);
    assert_eq!((set.len(), set.excluded()), (6, 4));
    assert_eq!(
        scope(&["0.0.0.0/0"]).len(),
        (1 << 32) - (1 << 24) - (1 << 29)
    );
}

#[test]
fn public_addresses_and_large_scopes_need_a_word() {
    let plain = Permissions::default();
    let error = refusal(&["10.0.0.0/30", "8.8.8.8"], plain);
    assert!(
        error.starts_with("1 of 3 addresses is public, 8.8.8.8 among them"),
        "{error}"
    );
    let error = refusal(&["10.0.0.0/15"], plain);
    assert!(
        error.starts_with("131,070 addresses in scope, more than 65,536"),
        "{error}"
    );
    assert!(set(&request(&["10.0.0.0/16"]), &Memory::default(), plain).is_ok());
    assert!(refusal(&["2001:db8::/64"], plain).contains("are public"));
    assert!(refusal(&["fd00::/112", "fd00:1::/112"], plain).contains("say --yes"));
}

/// A scope of which a search has found something.
fn searched(targets: &[&str], found: &[&str]) -> TargetSet {
    let found = Found {
        addresses: found.iter().map(|text| text.parse().unwrap()).collect(),
        by: [("fd00:1::/64".to_owned(), vec!["neighbours".to_owned()])].into(),
    };
    let list = TargetList::read(&request(targets), &Memory::default()).unwrap();
    list.with_found(found).into_set(&resolve, ALL).unwrap()
}

#[test]
fn of_an_ipv6_block_that_nobody_can_walk_through_only_what_was_found_is_in_scope() {
    let targets = [
        "fd00:1::/64 tags=lab",
        "!fd00:1::7",
        "10.0.0.1",
        "fd00:1::9",
    ];
    let found = ["fd00:1::5", "fd00:1::6", "fd00:1::7", "fd00:2::1"];
    let set = searched(&targets, &found);
    let expected = ["10.0.0.1", "fd00:1::5", "fd00:1::6", "fd00:1::9"].map(ip);
    assert_eq!(all(&set), expected);
    assert_eq!(set.excluded(), 1);
    assert_eq!(*set.describe(ip("fd00:1::6")).tags, ["lab"]);
    let parts = set.parts();
    let short: Vec<_> = parts
        .iter()
        .map(|part| (part.label.as_str(), part.in_scope, part.excluded))
        .collect();
    assert_eq!(short, [("10.0.0.0/24", 1, 0), ("fd00:1::/64", 3, 1)]);
    assert_eq!(parts[0].searched_by, None);
    assert_eq!(parts[1].searched_by, Some(vec!["neighbours".to_owned()]));
    assert_eq!(set.subnets().count(), 1);
}

#[test]
fn a_block_in_which_nothing_was_found_is_a_scope_all_the_same() {
    let set = scope(&["fd00:1::/64", "fd00:1::/64"]);
    assert!(set.is_empty());
    let parts = set.parts();
    assert_eq!((parts.len(), parts[0].in_scope), (1, 0));
    assert_eq!(parts[0].searched_by, Some(vec!["nothing".to_owned()]));
    // It is not the scope of another block.
    assert_ne!(set.fingerprint(), scope(&["fd00:2::/64"]).fingerprint());
}

#[test]
fn blocks_of_up_to_65536_addresses_are_swept_and_larger_ones_searched() {
    let set = scope(&["fd00:1::/112", "fd00:2::/111", "::/0", "0.0.0.0/0"]);
    assert_eq!(set.len(), 65_536 + (1 << 32) - (1 << 24) - (1 << 29));
    let blocks: Vec<&str> = set.blocks().map(|(label, _)| label).collect();
    assert_eq!(blocks, ["fd00:2::/111", "::/0", "::/0"]);
}

#[test]
fn a_block_that_is_excluded_is_not_searched_either() {
    let mut request = request(&["fd00:1::/64", "fd00:2::/64", "10.0.0.1"]);
    request.never_scan = vec!["fd00:1::/48".into(), "fd00:2::7".into()];
    let set = set(&request, &Memory::default(), ALL).unwrap();
    let blocks: Vec<_> = set.blocks().collect();
    assert_eq!((blocks.len(), blocks[0].0), (1, "fd00:2::/64"));
    // What is sent to all of a link would reach this one.
    let excluded = set.first_excluded(&blocks[0].1);
    assert_eq!(excluded.map(IpAddr::from), Some(ip("fd00:2::7")));
    let error = refusal(&["fd00:1::/64", "!fd00:1::/64"], ALL);
    assert!(error.contains("no address is in scope"), "{error}");
}

#[test]
fn link_local_blocks_and_zones_are_refused_with_the_reason() {
    for target in ["fe80::/10", "fe80::/64"] {
        assert!(
            refusal(&[target], ALL).contains("is link-local"),
            "{target}"
        );
    }
    for target in ["fe80::1%eth0", "fe80::/10%eth0", "fe80::%eth0/64"] {
        assert!(
            refusal(&[target], ALL).contains("without a zone"),
            "{target}"
        );
    }
}

#[test]
fn files_and_standard_input_are_lists_of_targets() {
    let lists = Memory(
        [
            ("-", "10.0.0.1"),
            (
                "lists/a",
                "\u{feff}10.0.0.2 tags=a criticality=high\r\n!10.0.0.4\r\n@b\r\n",
            ),
            ("lists/b", "10.0.0.3-4"),
        ]
        .into(),
    );
    let set = set(&request(&["-", "@lists/a"]), &lists, ALL).unwrap();
    assert_eq!(all(&set), ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(ip));
    assert_eq!(
        *set.describe(ip("10.0.0.2")).tags,
        ["a", "criticality=high"]
    );
}

#[test]
fn an_error_names_file_line_and_column() {
    let lists = Memory(
        [
            ("hosts", "# ours\n\n  10.0.0.300\n"),
            ("loop", "@loop"),
            ("in", "-"),
            ("out", "!10.0.0.1"),
        ]
        .into(),
    );
    let error = |request: Request| set(&request, &lists, ALL).unwrap_err().to_string();
    assert_eq!(
        error(request(&["@hosts"])),
        "hosts, line 3, column 10: expected a number from 0 to 255 without leading zeros, \
         or a range such as 1-50, found \"300\""
    );
    let missing = error(request(&["10.0.0.1", "@none"]));
    assert_eq!(missing, "argument 2, column 1: cannot read none");
    assert!(error(request(&["@loop"])).contains("does loop name itself?"));
    assert!(
        error(request(&["@in"])).contains("in, line 1, column 1: expected - on the command line")
    );
    let mut twice = request(&["10.0.0.0/24"]);
    twice.exclude_files = vec!["out".into()];
    assert!(error(twice).starts_with("out, line 1, column 2: expected a target without !"));
}

#[test]
fn a_name_stays_with_its_addresses() {
    let set = scope(&["10.1.0.0/30 tags=dmz", "Web tags=shop", "www"]);
    let web = set.describe(ip("10.1.0.1"));
    assert_eq!(web.name.as_deref(), Some("web"));
    assert_eq!(*web.tags, ["dmz", "shop"]);
    assert_eq!(set.describe(ip("fd00::1")).name.as_deref(), Some("web"));
    assert_eq!(set.describe(ip("10.1.0.2")).name, None);
    assert_eq!(set.len(), 3);
}

#[test]
fn a_name_without_an_address_is_told_and_never_swept() {
    let set = scope(&["10.0.0.1", "nobody", "sinkhole"]);
    let names: Vec<&str> = set
        .unresolved()
        .iter()
        .map(|lost| lost.name.as_str())
        .collect();
    assert_eq!(names, ["nobody", "sinkhole"]);
    assert_eq!(set.unresolved()[0].why, "no such name");
    assert_eq!(set.len(), 1);
    assert!(refusal(&["nobody"], ALL).contains("1 name without an address"));
    let error = refusal(&["10.0.0.0/24", "!nobody"], ALL);
    assert!(
        error.contains("the excluded name \"nobody\" has no address"),
        "{error}"
    );
}

#[test]
fn the_names_to_resolve_are_each_asked_for_once() {
    let list = TargetList::read(
        &request(&["web", "!www", "WEB", "10.0.0.1"]),
        &Memory::default(),
    );
    assert_eq!(list.unwrap().names(), ["web", "www"]);
}

#[test]
fn the_fingerprint_is_of_the_scope_and_not_of_its_spelling() {
    let one = scope(&["10.0.0.0-255"]).fingerprint();
    assert_eq!(
        one,
        scope(&[
            "10.0.0.128/25",
            "10.0.0.0-10.0.0.127",
            "10.0.0.128",
            "10.0.0.255"
        ])
        .fingerprint()
    );
    assert_ne!(one, scope(&["10.0.0.0/24"]).fingerprint());
    assert_eq!(one.len(), 64);
}

#[test]
fn subnets_carry_what_is_in_scope_and_what_is_excluded() {
    let set = scope(&["10.0.0.0/23", "!10.0.1.0/25", "::1"]);
    let subnets: Vec<_> = set.subnets().collect();
    let short: Vec<_> = subnets
        .iter()
        .map(|part| {
            (
                part.label.as_str(),
                part.in_scope,
                part.excluded,
                part.indices.clone(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("::/64", 1, 0, std::vec![0..1]),
            ("10.0.0.0/24", 255, 1, std::vec![1..256]),
            ("10.0.1.0/24", 127, 129, std::vec![256..383]),
        ]
    );
}

#[test]
fn a_scope_of_many_subnets_is_cut_up_by_line() {
    let set = scope(&["10.0.0.0/8", "10.7.0.0/16", "11.0.0.0/24", "!10.9.0.0/16"]);
    let parts = set.parts();
    let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
    assert_eq!(labels, ["10.0.0.0/8", "11.0.0.0/24"]);
    let in_scope: u128 = parts.iter().map(|part| part.in_scope).sum();
    let excluded: u128 = parts.iter().map(|part| part.excluded).sum();
    assert_eq!((in_scope, excluded), (set.len(), set.excluded()));
}

#[test]
fn the_example_lists_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    for name in ["office.txt", "never-scan.txt"] {
        let path = folder.join(name);
        let list = TargetList::read(
            &request(&[&format!("@{}", path.display())]),
            &Disk::default(),
        );
        let list = list.unwrap();
        let resolve = |_: &str| Ok(vec![ip("10.20.0.9")]);
        list.into_set(&resolve, Permissions::default()).unwrap();
    }
}

proptest! {
    #[test]
    fn the_scope_is_what_a_naive_reading_gives(lines in prop::collection::vec((0_u8..40, 0_u8..20, any::<bool>()), 1..10)) {
        let text = |(first, more, excluded): &(u8, u8, bool)| {
            format!("{}10.0.0.{first}-{}", if *excluded { "!" } else { "" }, first + more)
        };
        let mut wanted = BTreeSet::new();
        let mut excluded = BTreeSet::new();
        for (first, more, out) in &lines {
            let set = if *out { &mut excluded } else { &mut wanted };
            set.extend((*first..=first + more).map(|last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last))));
        }
        let lines: Vec<String> = lines.iter().map(text).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let left: Vec<IpAddr> = wanted.difference(&excluded).copied().collect();
        let set = set(&request(&lines), &Memory::default(), Permissions::default());
        let Ok(set) = set else {
            prop_assert!(left.is_empty());
            return Ok(());
        };
        prop_assert_eq!(all(&set), left.clone());
        prop_assert_eq!(set.excluded(), (wanted.len() - left.len()) as u128);
        for (at, address) in left.iter().enumerate() {
            prop_assert_eq!(set.index_of(*address), Some(at as u128));
        }
        let parts = set.parts();
        prop_assert_eq!(parts.iter().map(|part| part.in_scope).sum::<u128>(), set.len());
    }
}
