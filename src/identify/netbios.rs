//! The table of NetBIOS names (RFC 1002 4.2.17 and 4.2.18, NBSTAT): what a host calls itself, in which
//! group it is and what it serves, and its hardware address, even from behind a router.

use super::dialogue::{Dialogue, Protocol, Step, Transport};
use super::oui::write_mac;
use crate::model::Fact;

/// The question for the table.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "nbstat",
    transport: Transport::Udp,
    ports: &[137],
    is_deep: false,
    begin: |_| Some(Box::new(Nbstat(Vec::new()))),
};

/// What was learnt.
struct Nbstat(Vec<Fact>);

impl Dialogue for Nbstat {
    fn open(&mut self) -> Step {
        Step::Send(question())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.0 = facts(bytes);
        if self.0.is_empty() {
            Step::Listen
        } else {
            Step::Done
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.0.clone()
    }
}

const ID: [u8; 2] = [0x15, 0x06];
const NBSTAT_IN: [u8; 4] = [0, 0x21, 0, 1];

fn question() -> Vec<u8> {
    let header = [&ID[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    [&header[..], &any_name(), &NBSTAT_IN].concat()
}

/// The name `*`, which every host has: 16 bytes, as 32 letters (RFC 1001 14.1).
fn any_name() -> Vec<u8> {
    [b"\x20CK".as_slice(), &[b'A'; 30], &[0]].concat()
}

/// What an answer to [`question`] tells; nothing where it is none.
pub(super) fn facts(datagram: &[u8]) -> Vec<Fact> {
    let Some((names, mac)) = table(datagram) else {
        return Vec::new();
    };
    let mut facts = vec![Fact::Speaks("nbns".to_owned())];
    facts.extend(names.iter().filter_map(Name::fact));
    // Samba has none, and says so with zeros.
    if let Some(mac) = mac.filter(|mac| *mac != [0; 6]) {
        facts.push(Fact::Mac(write_mac(mac)));
    }
    facts.dedup();
    facts
}

struct Name {
    text: String,
    suffix: u8,
    is_group: bool,
}

/// The names and the unit id.
fn table(datagram: &[u8]) -> Option<(Vec<Name>, Option<[u8; 6]>)> {
    let (header, rest) = datagram.split_first_chunk::<12>()?;
    let [id @ .., _, _, _, _, _, _] = header;
    let [id0, id1, flags, code, _, _] = *id;
    // An answer without an error: RFC 1002 4.2.1.1.
    if [id0, id1] != ID || flags & 0xf8 != 0x80 || code & 0x0f != 0 {
        return None;
    }
    let name = any_name();
    let rest = rest.strip_prefix(name.as_slice())?;
    let rest = rest.strip_prefix(&NBSTAT_IN)?;
    let (_time_to_live, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    // What was cut off by the way is still true as far as it came.
    let length = usize::from(u16::from_be_bytes(*length));
    let data = rest.get(..length).unwrap_or(rest);
    let (count, data) = data.split_first()?;
    let (entries, _) = data.as_chunks::<18>();
    let entries = entries.iter().take(usize::from(*count));
    let mac = data.get(usize::from(*count) * 18..);
    let mac = mac.and_then(|mac| mac.first_chunk::<6>()).copied();
    Some((entries.map(name_of).collect(), mac))
}

fn name_of(entry: &[u8; 18]) -> Name {
    let [name @ .., suffix, flags, _] = entry;
    // In a code page that nobody tells; computers are called by letters that all have.
    let text = name.iter().map(|byte| match byte {
        0x20..=0x7e => char::from(*byte),
        _ => char::REPLACEMENT_CHARACTER,
    });
    let text = text.collect::<String>();
    Name {
        text: text
            .trim_end_matches([' ', char::REPLACEMENT_CHARACTER])
            .to_owned(),
        suffix: *suffix,
        is_group: flags & 0x80 != 0,
    }
}

impl Name {
    fn fact(&self) -> Option<Fact> {
        let is_named = !self.text.is_empty();
        match (self.suffix, self.is_group) {
            (0x00, false) => {
                // `IS~` names are those of an old IIS.
                let is_own = is_named && !self.text.starts_with("IS~");
                is_own.then(|| Fact::NetbiosComputer(self.text.clone()))
            }
            (0x00, true) => is_named.then(|| Fact::NetbiosDomain(self.text.clone())),
            (0x1c, true) | (0x1b | 0x20, false) => Some(Fact::NetbiosSuffix(self.suffix)),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::identify) fn answer(names: &[(&str, u8, u8)], mac: [u8; 6]) -> Vec<u8> {
        let header = [&ID[..], &[0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
        let mut data = vec![u8::try_from(names.len()).unwrap()];
        for (name, suffix, flags) in names {
            data.extend(format!("{name:<15}").bytes());
            data.extend([*suffix, *flags, 0]);
        }
        data.extend(mac);
        data.extend([0; 40]);
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [
            &header[..],
            &any_name(),
            &NBSTAT_IN,
            &[0; 4],
            &length,
            &data,
        ]
        .concat()
    }

    pub(in crate::identify) const CONTROLLER: &[(&str, u8, u8)] = &[
        ("DC1", 0x00, 0x04),
        ("CORP", 0x00, 0x84),
        ("CORP", 0x1c, 0x84),
        ("DC1", 0x20, 0x04),
        ("CORP", 0x1b, 0x04),
        ("\u{1}\u{2}__MSBROWSE__\u{2}", 0x01, 0x84),
    ];

    #[test]
    fn a_domain_controller_tells_its_name_its_domain_and_its_card() {
        let mac = [0xf8, 0xb1, 0x56, 1, 2, 3];
        let expected = [
            Fact::Speaks("nbns".to_owned()),
            Fact::NetbiosComputer("DC1".to_owned()),
            Fact::NetbiosDomain("CORP".to_owned()),
            Fact::NetbiosSuffix(0x1c),
            Fact::NetbiosSuffix(0x20),
            Fact::NetbiosSuffix(0x1b),
            Fact::Mac("f8:b1:56:01:02:03".to_owned()),
        ];
        assert_eq!(facts(&answer(CONTROLLER, mac)), expected);
    }

    #[test]
    fn the_zeros_of_samba_are_no_hardware_address() {
        let facts = facts(&answer(CONTROLLER, [0; 6]));
        assert!(!facts.iter().any(|fact| matches!(fact, Fact::Mac(_))));
    }

    #[test]
    fn a_table_that_was_cut_tells_what_came() {
        let whole = answer(CONTROLLER, [1; 6]);
        let cut = &whole[..12 + 34 + 4 + 4 + 2 + 1 + 18 + 5];
        let expected = [
            Fact::Speaks("nbns".to_owned()),
            Fact::NetbiosComputer("DC1".to_owned()),
        ];
        assert_eq!(facts(cut), expected);
    }

    #[test]
    fn a_mirror_an_error_and_another_ones_answer_are_nothing() {
        assert_eq!(question().len(), 50);
        assert_eq!(facts(&question()), []);
        for (at, byte) in [(0, 9), (2, 0x04), (2, 0xa8), (3, 3), (13, b'D'), (46, 9)] {
            let mut other = answer(CONTROLLER, [1; 6]);
            other[at] = byte;
            assert_eq!(facts(&other), [], "{at}");
        }
        let mut dialogue = Nbstat(Vec::new());
        assert_eq!(dialogue.hear(b"no"), Step::Listen);
        assert_eq!(dialogue.hear(&answer(CONTROLLER, [1; 6])), Step::Done);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at: usize, new: Vec<u8>, more: Vec<u8>) {
            let _ = facts(&more);
            let mut answer = answer(CONTROLLER, [1; 6]);
            let at = at % answer.len();
            answer.splice(at..(at + new.len()).min(answer.len()), new);
            let _ = facts(&answer);
        }
    }
}
