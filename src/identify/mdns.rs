//! What a host announces of itself by multicast DNS (RFC 6762, RFC 6763): its name, its addresses, its services
//! and, where it is a device, its model. A reader; `listen` hears them. Nothing is ever asked.

use super::clean;
use crate::model::{Clue, Fact};
use simple_dns::rdata::RData;
use simple_dns::{Name, Packet, PacketFlag, ResourceRecord};
use std::net::IpAddr;

/// The word for it, as in `Clue::source`.
const SOURCE: &str = "mdns";
pub(super) const PORT: u16 = 5353;
/// The longest message (RFC 6762 section 17), in bytes.
pub(super) const LONGEST: usize = 9000;
/// The most facts of one message.
const MOST: usize = 64;

/// What a message tells of its sender; nothing where it is a question, or no message. Hostile: whoever is on
/// the link can send it.
pub fn announcement(datagram: &[u8], sender: IpAddr) -> Vec<Clue> {
    if datagram.len() > LONGEST || !is_plausible(datagram) {
        return Vec::new();
    }
    let Ok(packet) = Packet::parse(datagram) else {
        return Vec::new();
    };
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return Vec::new();
    }
    let records = packet.answers.iter().chain(&packet.additional_records);
    let mut facts = Vec::new();
    for record in records.clone() {
        for fact in of_record(record) {
            if facts.len() < MOST && !facts.contains(&fact) {
                facts.push(fact);
            }
        }
    }
    facts.extend(addresses(records, sender));
    if facts.is_empty() {
        return Vec::new();
    }
    facts.insert(0, Fact::Speaks(SOURCE.to_owned()));
    let facts = facts.into_iter().filter_map(clean::fact);
    let clues = facts.take(MOST).map(|fact| Clue {
        source: SOURCE.to_owned(),
        proto: "udp".to_owned(),
        port: PORT,
        fact,
    });
    clues.collect()
}

/// Whether the records that the head counts have room in the message: a small one must not make us reserve
/// much memory.
fn is_plausible(datagram: &[u8]) -> bool {
    const SHORTEST_QUESTION: usize = 5;
    const SHORTEST_RECORD: usize = 11;
    let Some((head, rest)) = datagram.split_first_chunk::<12>() else {
        return false;
    };
    let [_, _, _, _, counts @ ..] = head;
    let (counts, _) = counts.as_chunks::<2>();
    let mut counts = counts
        .iter()
        .map(|count| usize::from(u16::from_be_bytes(*count)));
    let questions = counts.next().unwrap_or_default();
    let records = counts.sum::<usize>();
    questions * SHORTEST_QUESTION + records * SHORTEST_RECORD <= rest.len()
}

fn of_record(record: &ResourceRecord<'_>) -> Vec<Fact> {
    match &record.rdata {
        // `_ipp._tcp.local` points to its instances, and `_services._dns-sd._udp.local` to `_ipp._tcp.local`.
        RData::PTR(to) => {
            let found = service(&record.name).or_else(|| service(&to.0));
            found.map(Fact::Announces).into_iter().collect()
        }
        RData::SRV(_) => service(&record.name)
            .map(Fact::Announces)
            .into_iter()
            .collect(),
        // The model, as printers (`ty`) and computers and players (`model`, `md`) name it.
        RData::TXT(text) => {
            let pairs = text.iter_raw().filter_map(|(key, value)| {
                let is_model = [&b"ty"[..], b"model", b"md"].contains(&key);
                let value = String::from_utf8_lossy(value.filter(|_| is_model)?).into_owned();
                (!value.is_empty()).then_some(Fact::Banner(value))
            });
            pairs.take(1).collect()
        }
        _ => Vec::new(),
    }
}

/// The type of service in a name: `_ipp._tcp` of `Office._ipp._tcp.local`. That of services in general is none.
fn service(name: &Name<'_>) -> Option<String> {
    let labels = name.get_labels().iter().map(ToString::to_string);
    let labels = labels.collect::<Vec<_>>();
    let pair = labels.windows(2).find_map(|pair| match pair {
        [service, carrier] if ["_tcp", "_udp"].contains(&carrier.as_str()) => {
            let is_service = service.starts_with('_') && service != "_dns-sd";
            is_service.then(|| format!("{service}.{carrier}"))
        }
        _ => None,
    });
    pair.filter(|pair| pair.len() <= 32)
}

/// The name to which the sender's own address belongs, and the other addresses of that name: a proxy announces
/// others' as well.
fn addresses<'a>(
    records: impl Iterator<Item = &'a ResourceRecord<'a>> + Clone,
    sender: IpAddr,
) -> Vec<Fact> {
    let pairs = records.filter_map(|record| {
        let address = match &record.rdata {
            RData::A(a) => IpAddr::from(a.address.to_be_bytes()),
            RData::AAAA(aaaa) => IpAddr::from(aaaa.address.to_be_bytes()),
            _ => return None,
        };
        Some((record.name.to_string(), address))
    });
    let own = pairs.clone().find(|(_, address)| *address == sender);
    let Some((own, _)) = own else {
        return Vec::new();
    };
    let others = pairs.filter(|(name, address)| *name == own && *address != sender);
    let others = others.filter(|(_, address)| !address.is_loopback() && !address.is_unspecified());
    let others = others.map(|(_, address)| Fact::OtherAddress(address));
    std::iter::once(Fact::DnsComputer(own.clone()))
        .chain(others.take(16))
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use simple_dns::CLASS;
    use simple_dns::rdata::{A, PTR, SRV, TXT};

    const SENDER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    /// What a printer announces.
    pub(in crate::identify) fn printer(address: [u8; 4]) -> Vec<u8> {
        let name = |text: &'static str| Name::new_unchecked(text);
        let mut packet = Packet::new_reply(0);
        let mut add = |owner, rdata| {
            packet
                .answers
                .push(ResourceRecord::new(name(owner), CLASS::IN, 120, rdata));
        };
        add(
            "_services._dns-sd._udp.local",
            RData::PTR(PTR(name("_ipp._tcp.local"))),
        );
        add(
            "_ipp._tcp.local",
            RData::PTR(PTR(name("Office._ipp._tcp.local"))),
        );
        let srv = SRV {
            priority: 0,
            weight: 0,
            port: 631,
            target: name("office.local"),
        };
        add("Office._ipp._tcp.local", RData::SRV(srv));
        let text = TXT::new().with_string("ty=HP LaserJet 400").unwrap();
        add("Office._ipp._tcp.local", RData::TXT(text));
        let own = u32::from_be_bytes(address);
        add("office.local", RData::A(A { address: own }));
        add(
            "office.local",
            RData::A(A {
                address: 0xc000_0208,
            }),
        );
        add(
            "proxied.local",
            RData::A(A {
                address: 0xc000_0209,
            }),
        );
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn facts(datagram: &[u8]) -> Vec<Fact> {
        let clues = announcement(datagram, SENDER).into_iter();
        clues.map(|clue| clue.fact).collect()
    }

    #[test]
    fn a_printer_announces_its_name_its_services_and_its_model() {
        let expected = [
            Fact::Speaks("mdns".to_owned()),
            Fact::Announces("_ipp._tcp".to_owned()),
            Fact::Banner("HP LaserJet 400".to_owned()),
            Fact::DnsComputer("office.local".to_owned()),
            Fact::OtherAddress("192.0.2.8".parse().unwrap()),
        ];
        assert_eq!(facts(&printer([192, 0, 2, 7])), expected);
    }

    #[test]
    fn a_name_that_is_not_the_senders_is_not_told() {
        let facts = facts(&printer([192, 0, 2, 99]));
        assert!(
            !facts
                .iter()
                .any(|fact| matches!(fact, Fact::DnsComputer(_)))
        );
        assert_eq!(facts.len(), 3);
    }

    #[test]
    fn questions_and_other_bytes_tell_nothing() {
        let mut question = printer([192, 0, 2, 7]);
        question[2] &= 0x7f;
        assert_eq!(facts(&question), []);
        assert_eq!(facts(b""), []);
        assert_eq!(facts(&[0; 12]), []);
        // 65,535 records in no bytes.
        let mut many = vec![0, 0, 0x84, 0];
        many.extend([0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(facts(&many), []);
        assert_eq!(facts(&vec![0; LONGEST + 1]), []);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at: usize, new: Vec<u8>, more: Vec<u8>) {
            let _ = facts(&more);
            let mut message = printer([192, 0, 2, 7]);
            let at = at % message.len();
            message.splice(at..(at + new.len()).min(message.len()), new);
            proptest::prop_assert!(facts(&message).len() <= MOST);
        }
    }
}
