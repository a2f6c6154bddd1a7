//! Which SQL Servers a host has (MC-SQLR 2.2): the browser service lists its instances to whoever asks.

use super::dialogue::{Dialogue, Protocol, Step, Transport};
use crate::model::Fact;

/// The question for all instances of one host.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "sql-browser",
    transport: Transport::Udp,
    ports: &[1434],
    is_deep: false,
    begin: |_| Some(Box::new(Browser(Vec::new()))),
};

/// What was learnt.
struct Browser(Vec<Fact>);

/// `CLNT_UCAST_EX` (MC-SQLR 2.2.2).
const QUESTION: &[u8] = &[3];

impl Dialogue for Browser {
    fn open(&mut self) -> Step {
        Step::Send(QUESTION.to_vec())
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

/// What a `SVR_RESP` (MC-SQLR 2.2.5) tells; nothing where it is none.
pub(super) fn facts(datagram: &[u8]) -> Vec<Fact> {
    const MOST: usize = 32;
    let Some(([5, low, high], data)) = datagram.split_first_chunk::<3>() else {
        return Vec::new();
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let data = data.get(..length).unwrap_or(data);
    let text = String::from_utf8_lossy(data);
    let mut facts = Vec::new();
    for instance in text.split(";;").take(MOST) {
        let mut fields = instance.split(';');
        let (mut name, mut version) = ("", "");
        while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
            match key {
                "ServerName" if facts.is_empty() => {
                    facts.push(Fact::Speaks("sql-browser".to_owned()));
                    facts.push(Fact::NetbiosComputer(value.to_owned()));
                }
                "InstanceName" => name = value,
                "Version" => version = value,
                _ => {}
            }
        }
        if !facts.is_empty() && !version.is_empty() {
            facts.push(Fact::SqlInstance {
                instance: name.to_owned(),
                version: version.to_owned(),
            });
        }
    }
    facts
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// In the form of the example of MC-SQLR section 4.
    pub(in crate::identify) const TWO: &str = "ServerName;DB1;InstanceName;MSSQLSERVER;IsClustered;No;Version;15.0.2000.5;tcp;1433;;\
                       ServerName;DB1;InstanceName;OLD;IsClustered;No;Version;10.50.6000.34;np;\\\\DB1\\pipe\\x;;";

    pub(in crate::identify) fn answer(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        [&[5], &length[..], text.as_bytes()].concat()
    }

    #[test]
    fn every_instance_is_told_with_its_version() {
        let instance = |name: &str, version: &str| Fact::SqlInstance {
            instance: name.to_owned(),
            version: version.to_owned(),
        };
        let expected = [
            Fact::Speaks("sql-browser".to_owned()),
            Fact::NetbiosComputer("DB1".to_owned()),
            instance("MSSQLSERVER", "15.0.2000.5"),
            instance("OLD", "10.50.6000.34"),
        ];
        assert_eq!(facts(&answer(TWO)), expected);
    }

    #[test]
    fn what_is_no_answer_is_nothing() {
        for bytes in [
            &b""[..],
            QUESTION,
            &[5],
            &[5, 0, 0],
            b"\x05\x04\x00a;b;",
            b"HTTP/1.1",
        ] {
            assert_eq!(facts(bytes), [], "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, text in "(ServerName;.{0,9};|Version;.{0,9};|;){0,9}") {
            let _ = facts(&answer(&text));
            bytes.insert(0, 5);
            let _ = facts(&bytes);
        }
    }
}
