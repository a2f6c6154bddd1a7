//! The kernel's tables, as they are printed.

use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn interfaces() -> Vec<Interface> {
    let one = |name: &str, index, mac, addresses: &[(&str, u8)]| Interface {
        name: name.into(),
        index,
        mac,
        is_loopback: name == "lo",
        addresses: addresses.iter().map(|(at, bits)| (ip(at), *bits)).collect(),
    };
    vec![
        one("lo", 1, None, &[("127.0.0.1", 8)]),
        one(
            "eth0",
            2,
            Some([2, 0, 0, 0, 0, 1]),
            &[("192.0.2.10", 24), ("198.51.100.10", 26)],
        ),
        one("tun0", 3, None, &[("10.8.0.2", 24)]),
    ]
}

/// A line as a little-endian machine prints it.
fn line(device: &str, network: &str, gateway: &str, numbers: (u32, u32, u8)) -> String {
    let (flags, metric, bits) = numbers;
    let hex = |address: Ipv4Addr| format!("{:08X}", u32::from_ne_bytes(address.octets()));
    let mask = hex(Ipv4Addr::from(mask(bits)));
    let (network, gateway) = (hex(ip(network)), hex(ip(gateway)));
    format!("{device}\t{network}\t{gateway}\t{flags:04X}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
}

fn routes() -> Routes {
    let table = [
        "Iface\tDestination\tGateway …\n".to_owned(),
        line("eth0", "0.0.0.0", "192.0.2.1", (3, 100, 0)),
        line("eth0", "192.0.2.0", "0.0.0.0", (1, 0, 24)),
        line("tun0", "10.8.0.0", "0.0.0.0", (1, 0, 24)),
        line("tun0", "10.0.0.0", "0.0.0.0", (1, 50, 8)),
        line("eth0", "10.0.0.0", "198.51.100.1", (3, 20, 8)),
        line("*", "203.0.113.0", "0.0.0.0", (0x201, 0, 24)),
        line("gone0", "100.64.0.0", "0.0.0.0", (1, 0, 10)),
    ];
    Routes::parse(&table.concat(), interfaces())
}

#[test]
fn the_longest_prefix_wins_and_then_the_lowest_metric() {
    let routes = routes();
    let way = |address| {
        let route = routes.of(ip(address)).unwrap();
        (
            route.device.to_string(),
            route.gateway,
            route.source,
            route.is_on_link(),
        )
    };
    let router = Some(ip("192.0.2.1"));
    let near = ("eth0".to_owned(), None, ip("192.0.2.10"), true);
    assert_eq!(way("192.0.2.77"), near);
    assert_eq!(
        way("8.8.8.8"),
        ("eth0".to_owned(), router, ip("192.0.2.10"), false)
    );
    let other = (
        "eth0".to_owned(),
        Some(ip("198.51.100.1")),
        ip("198.51.100.10"),
        false,
    );
    assert_eq!(way("10.1.2.3"), other);
    assert_eq!(
        way("10.8.0.9"),
        ("tun0".to_owned(), None, ip("10.8.0.2"), true)
    );
    // The interface is gone: the next best way is the default route.
    assert_eq!(way("100.64.0.1").1, router);
}

#[test]
fn this_machine_and_forbidden_networks_are_no_ethernet() {
    let routes = routes();
    for own in ["127.0.0.1", "127.9.9.9", "192.0.2.10", "10.8.0.2"] {
        let route = routes.of(ip(own)).unwrap();
        assert!(
            route.is_loopback() && !route.is_ethernet() && !route.is_on_link(),
            "{own}"
        );
    }
    let forbidden = routes.of(ip("203.0.113.5")).unwrap();
    assert!(forbidden.way == Way::Reject && !forbidden.is_on_link());
    assert!(!routes.of(ip("10.8.0.9")).unwrap().is_ethernet());
    assert!(routes.of(ip("192.0.2.77")).unwrap().is_ethernet());
}

#[test]
fn own_network_and_broadcast_addresses_are_nobodys() {
    let routes = routes();
    for nobody in [
        "192.0.2.10",
        "192.0.2.0",
        "192.0.2.255",
        "198.51.100.0",
        "198.51.100.63",
    ] {
        assert!(routes.nobodys().contains(&ip(nobody)), "{nobody}");
    }
    for somebody in ["192.0.2.1", "198.51.100.64", "10.0.0.0"] {
        assert!(!routes.nobodys().contains(&ip(somebody)), "{somebody}");
    }
}

#[test]
fn the_pieces_cover_every_address_once() {
    let routes = routes();
    let mut next = Some(0_u32);
    for (range, route) in routes.pieces() {
        assert_eq!(Some(u32::from(*range.start())), next);
        assert_eq!(routes.of(*range.end()), route);
        next = u32::from(*range.end()).checked_add(1);
    }
    assert_eq!(next, None);
}

#[test]
fn a_neighbour_that_never_answered_is_not_complete() {
    let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
        192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n\
        192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
        nonsense\n";
    let neighbours = parse_neighbours(table);
    let [one, other] = &neighbours[..] else {
        panic!("two neighbours")
    };
    assert!(one.is_complete && one.mac == [2, 0xfc, 0, 0, 0, 5] && &*one.device == "eth0");
    assert!(!other.is_complete && other.address == ip("192.0.2.9"));
}

#[test]
fn an_entry_that_somebody_wrote_is_no_answer() {
    let table = "IP address HW type Flags HW address Mask Device\n\
                 192.0.2.7 0x1 0x6 02:fc:00:00:00:07 * eth0\n";
    let neighbours = parse_neighbours(table);
    assert!(neighbours[0].is_complete && neighbours[0].is_permanent);
}

/// operstates.rst of the kernel's documentation: the carrier shows in the flags at once, the state that follows from it
/// later.
#[cfg(target_os = "linux")]
#[test]
fn a_cable_that_was_put_in_just_now_is_in() {
    use nix::net::if_::InterfaceFlags;
    let up = InterfaceFlags::IFF_UP;
    let is_in = up | InterfaceFlags::IFF_LOWER_UP;
    let connected = |flags, state: &str| is_connected(flags, || format!("{state}\n"));
    assert!(connected(is_in | InterfaceFlags::IFF_RUNNING, "up"));
    for state in ["down", "lowerlayerdown", "unknown", ""] {
        assert!(connected(is_in, state), "{state}");
        assert!(!connected(up, state), "{state}");
    }
    for state in ["dormant", "testing"] {
        assert!(!connected(is_in, state), "{state}");
    }
}

#[test]
fn this_machine_has_a_way_to_itself() {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let routes = Routes::read().unwrap();
    assert!(routes.of(Ipv4Addr::LOCALHOST).unwrap().is_loopback());
    assert!(neighbours().is_ok());
}

proptest! {
    #[test]
    fn no_table_makes_it_panic(table in ".{0,300}", words in prop::collection::vec("[0-9A-Fa-f.*x:]{0,20}", 0..40)) {
        Routes::parse(&table, interfaces());
        Routes::parse(&format!("\neth0 {}", words.join(" ")), interfaces());
        parse_neighbours(&table);
        parse_neighbours(&format!("\n{}", words.join(" ")));
    }
}
