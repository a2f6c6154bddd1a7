//! Ports that are left alone: what listens there may stop a machine or print a page when it is
//! merely connected to.

use std::ops::RangeInclusive;

/// EtherNet/IP, and an SSH port in many a network.
const EITHER: u16 = 2222;

/// Whether a port may be connected to.
///
/// Fragile ports are left alone unless the operator includes them; 2222 also when it is named as
/// an SSH port.
pub fn allowed(port: u16, include_fragile: bool, ssh_ports: &[u16]) -> bool {
    let named = port == EITHER && ssh_ports.contains(&port);
    include_fragile || named || fragile(port).is_none()
}

/// What listens on a port that is left alone, in a few words for people.
pub fn fragile(port: u16) -> Option<&'static str> {
    let row = FRAGILE.iter().find(|(ports, _)| ports.contains(&port));
    row.map(|(_, what)| *what)
}

/// The ports of PRODUCT.md's sweep manners, with their common users (IANA's registry, and the
/// vendors' manuals for 9600 to 20547).
const FRAGILE: &[(RangeInclusive<u16>, &str)] = &[
    (102..=102, "ISO-TSAP (Siemens S7)"),
    (502..=502, "Modbus"),
    (515..=515, "printer (LPD)"),
    (631..=631, "printer (IPP)"),
    (789..=789, "Red Lion Crimson"),
    (1089..=1091, "Foundation Fieldbus"),
    (1911..=1911, "Niagara Fox"),
    (1962..=1962, "PCWorx"),
    (EITHER..=EITHER, "EtherNet/IP"),
    (2404..=2404, "IEC 60870-5-104"),
    (2501..=2501, "printer"),
    (4840..=4840, "OPC UA"),
    (4911..=4911, "Niagara Fox over TLS"),
    (9100..=9107, "printer (raw)"),
    (9400..=9400, "printer"),
    (9500..=9500, "printer"),
    (9600..=9600, "Omron FINS"),
    (10001..=10001, "printer"),
    (18245..=18246, "GE SRTP"),
    (20000..=20000, "DNP3"),
    (20547..=20547, "ProConOS"),
    (34962..=34964, "PROFINET"),
    (34980..=34980, "EtherCAT"),
    (44818..=44818, "EtherNet/IP"),
    (47808..=47808, "BACnet"),
    (55000..=55003, "industrial controller"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_is_left_alone_unless_it_is_named() {
        assert!(!allowed(9100, false, &[9100]));
        assert!(allowed(9100, true, &[]));
        assert!(allowed(22, false, &[]));
    }

    #[test]
    fn port_2222_is_allowed_as_an_ssh_port_only() {
        assert!(!allowed(2222, false, &[22]));
        assert!(allowed(2222, false, &[22, 2222]));
    }

    #[test]
    fn the_table_has_the_ports_of_the_product_page() {
        let ports: Vec<u16> = (1..=u16::MAX)
            .filter(|port| fragile(*port).is_some())
            .collect();
        let expected = [
            102, 502, 515, 631, 789, 1089, 1090, 1091, 1911, 1962, 2222, 2404, 2501, 4840, 4911,
            9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107, 9400, 9500, 9600, 10001, 18245, 18246,
            20000, 20547, 34962, 34963, 34964, 34980, 44818, 47808, 55000, 55001, 55002, 55003,
        ];
        assert_eq!(ports, expected);
    }
}
