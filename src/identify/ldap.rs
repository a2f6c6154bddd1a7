//! The root of a directory (RFC 4512 5.1), which LDAP servers show to everybody: one search without a bind.
//!
//! Active Directory tells its host's name, domain and clock there (MS-ADTS 3.1.1.3.2), others their maker.

use super::ber::{self, OCTET_STRING, Reader, SEQUENCE, element};
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use crate::model::{Fact, UtcTime};
use std::collections::BTreeMap;

/// Without TLS.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "ldap",
    transport: Transport::Tcp,
    ports: &[389],
    is_deep: false,
    begin: |occasion| Some(begin(occasion)),
};

/// Over TLS.
pub(super) const OVER_TLS: Protocol = Protocol {
    name: "ldaps",
    transport: Transport::Tls,
    ports: &[636],
    is_deep: false,
    begin: |occasion| Some(begin(occasion)),
};

fn begin(occasion: Occasion) -> Box<dyn Dialogue> {
    Box::new(Ldap {
        now: occasion.now,
        heard: Vec::new(),
    })
}

struct Ldap {
    now: i64,
    heard: Vec<u8>,
}

/// More than any root has.
const LONGEST: usize = 64 << 10;

impl Dialogue for Ldap {
    fn open(&mut self) -> Step {
        Step::Send(question())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        let room = LONGEST.saturating_sub(self.heard.len());
        self.heard.extend(bytes.iter().take(room));
        let is_ldap = self.heard.first() == Some(&SEQUENCE);
        if !is_ldap || self.heard.len() == LONGEST || is_answered(&self.heard) {
            Step::Done
        } else {
            Step::Listen
        }
    }

    fn facts(&self) -> Vec<Fact> {
        facts(&self.heard, self.now)
    }
}

const ENTRY: u8 = 0x64;
const DONE: u8 = 0x65;
const SET: u8 = 0x31;

/// The attributes that are asked for. Those of Active Directory are told to nobody who does not name them.
const ATTRIBUTES: &[&str] = &[
    "dnsHostName",
    "defaultNamingContext",
    "rootDomainNamingContext",
    "currentTime",
    "domainFunctionality",
    "domainControllerFunctionality",
    "supportedCapabilities",
    "vendorName",
    "vendorVersion",
    "structuralObjectClass",
];

/// A search for the root entry alone (RFC 4511 4.5.1).
fn question() -> Vec<u8> {
    const BASE_OBJECT: &[u8] = &[0x0a, 1, 0];
    const NEVER_DEREFERENCE: &[u8] = &[0x0a, 1, 0];
    const ONE_ENTRY: &[u8] = &[0x02, 1, 1];
    const FIVE_SECONDS: &[u8] = &[0x02, 1, 5];
    const WITH_VALUES: &[u8] = &[0x01, 1, 0];
    const PRESENT: u8 = 0x87;
    const SEARCH: u8 = 0x63;
    let attributes = ATTRIBUTES.iter();
    let attributes = attributes.map(|name| element(OCTET_STRING, &[name.as_bytes()]));
    let search = element(
        SEARCH,
        &[
            &element(OCTET_STRING, &[]),
            BASE_OBJECT,
            NEVER_DEREFERENCE,
            ONE_ENTRY,
            FIVE_SECONDS,
            WITH_VALUES,
            &element(PRESENT, &[b"objectClass"]),
            &element(SEQUENCE, &[&attributes.collect::<Vec<_>>().concat()]),
        ],
    );
    element(SEQUENCE, &[&[0x02, 1, 1], &search])
}

/// The operations of the messages that are whole: their tags, and what is in them.
fn operations(heard: &[u8]) -> impl Iterator<Item = ber::Element<'_>> {
    let messages = ber::elements(heard).take_while(|message| message.tag == SEQUENCE);
    messages.filter_map(|message| {
        let mut reader = Reader(message.body);
        reader.number()?;
        ber::first(reader.0).map(|(operation, _)| operation)
    })
}

fn is_answered(heard: &[u8]) -> bool {
    operations(heard).any(|operation| operation.tag == DONE)
}

/// What an answer, or as much of it as has come, tells. `now` in Unix seconds.
pub(super) fn facts(heard: &[u8], now: i64) -> Vec<Fact> {
    let mut facts = Vec::new();
    for operation in operations(heard) {
        if [ENTRY, DONE].contains(&operation.tag) && facts.is_empty() {
            facts.push(Fact::Speaks("ldap".to_owned()));
        }
        if operation.tag == ENTRY
            && let Some(root) = Root::read(operation.body)
        {
            facts.extend(root.facts(now));
        }
    }
    facts
}

/// The attributes of the root, by their names in lower case.
struct Root(BTreeMap<String, Vec<String>>);

impl Root {
    fn read(entry: &[u8]) -> Option<Self> {
        const MOST: usize = 64;
        let mut reader = Reader(entry);
        reader.take(OCTET_STRING)?;
        let attributes = reader.take(SEQUENCE)?;
        let attributes = ber::elements(attributes).take(MOST).filter_map(|one| {
            let mut reader = Reader(one.body);
            let name = text(reader.take(OCTET_STRING)?).to_lowercase();
            let values = ber::elements(reader.take(SET)?).take(MOST);
            Some((name, values.map(|value| text(value.body)).collect()))
        });
        Some(Self(attributes.collect()))
    }

    fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    fn facts(&self, now: i64) -> Vec<Fact> {
        let mut facts = Vec::new();
        let host = self.one("dnshostname").map(str::to_owned);
        facts.extend(host.map(Fact::DnsComputer));
        if self.is_active_directory()
            && let Some(context) = self.one("defaultnamingcontext")
        {
            facts.push(Fact::NamingContext(context.to_owned()));
            facts.extend(dns_name(context).map(Fact::DnsDomain));
            let forest = self.one("rootdomainnamingcontext");
            facts.extend(forest.and_then(dns_name).map(Fact::DnsForest));
        }
        let time = self.one("currenttime").and_then(generalized_time);
        facts.extend(time.map(|time| Fact::ClockSkew(time.saturating_sub(now))));
        facts.extend(self.product());
        facts
    }

    /// Other directories have a default naming context as well, and are no domain controllers.
    fn is_active_directory(&self) -> bool {
        const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
        let capabilities = self.all("supportedcapabilities");
        capabilities.iter().any(|one| one == ACTIVE_DIRECTORY)
            || self.one("domainfunctionality").is_some()
    }

    fn product(&self) -> Option<Fact> {
        let vendor = self.one("vendorname").unwrap_or_default();
        if vendor.starts_with("Samba") {
            return Some(Fact::Samba(String::new()));
        }
        let (name, version) = if self.one("structuralobjectclass") == Some("OpenLDAProotDSE") {
            ("OpenLDAP", "")
        } else if self.is_active_directory() {
            ("Active Directory", self.level())
        } else {
            // `389-Directory/1.4.3.39 B2023.086`.
            let told = self.one("vendorversion").unwrap_or_default();
            match told.split_once('/') {
                Some((name, version)) => (name, version.split(' ').next().unwrap_or_default()),
                None => (vendor, told),
            }
        };
        (!name.is_empty()).then(|| Fact::Product {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The version of Windows Server whose functions this controller has (MS-ADTS 6.1.4.2): not below
    /// its own, and only the one of 2016 is shared by later ones.
    fn level(&self) -> &'static str {
        const LEVELS: &[(&str, &str)] = &[
            ("0", "2000"),
            ("2", "2003"),
            ("3", "2008"),
            ("4", "2008 R2"),
            ("5", "2012"),
            ("6", "2012 R2"),
            ("7", "2016"),
            ("10", "2025"),
        ];
        let told = self.one("domaincontrollerfunctionality");
        let level = LEVELS.iter().find(|(level, _)| Some(*level) == told);
        level.map_or("", |(_, name)| name)
    }
}

fn text(bytes: &[u8]) -> String {
    const LONGEST: usize = 1024;
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

/// `corp.example` of `DC=corp,DC=example`; `None` where other parts than domains are in it.
fn dns_name(context: &str) -> Option<String> {
    let labels = context.split(',').map(|part| {
        let (key, label) = part.split_once('=')?;
        let is_label = key.trim().eq_ignore_ascii_case("DC") && !label.is_empty();
        is_label.then_some(label)
    });
    let labels = labels.collect::<Option<Vec<_>>>()?;
    Some(labels.join("."))
}

/// Unix seconds of `20261129173619.0Z` (X.680 46), the only form that directories write.
fn generalized_time(text: &str) -> Option<i64> {
    let digits = text.get(..14)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || !text.ends_with('Z') {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let time = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14)
    );
    UtcTime::parse(&time).map(UtcTime::unix)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const NOW: i64 = 1_795_973_780;

    /// The answer of a directory with these attributes, and the end of it.
    pub(in crate::identify) fn answer(attributes: &[(&str, &str)]) -> Vec<u8> {
        let attributes = attributes.iter().map(|(name, value)| {
            let value = element(OCTET_STRING, &[value.as_bytes()]);
            element(
                SEQUENCE,
                &[
                    &element(OCTET_STRING, &[name.as_bytes()]),
                    &element(SET, &[&value]),
                ],
            )
        });
        let attributes = attributes.collect::<Vec<_>>().concat();
        let entry = element(
            ENTRY,
            &[
                &element(OCTET_STRING, &[]),
                &element(SEQUENCE, &[&attributes]),
            ],
        );
        let done = element(
            DONE,
            &[
                &[0x0a, 1, 0],
                &element(OCTET_STRING, &[]),
                &element(OCTET_STRING, &[]),
            ],
        );
        let id = &[0x02, 1, 1];
        [
            element(SEQUENCE, &[id, &entry]),
            element(SEQUENCE, &[id, &done]),
        ]
        .concat()
    }

    pub(in crate::identify) const CONTROLLER: &[(&str, &str)] = &[
        ("currentTime", "20261129173619.0Z"),
        ("defaultNamingContext", "DC=corp,DC=example"),
        ("rootDomainNamingContext", "DC=example"),
        ("dnsHostName", "DC1.corp.example"),
        ("domainFunctionality", "7"),
        ("domainControllerFunctionality", "7"),
        ("supportedCapabilities", "1.2.840.113556.1.4.800"),
    ];

    #[test]
    fn a_domain_controller_tells_its_name_its_domain_and_its_clock() {
        let expected = [
            Fact::Speaks("ldap".to_owned()),
            Fact::DnsComputer("DC1.corp.example".to_owned()),
            Fact::NamingContext("DC=corp,DC=example".to_owned()),
            Fact::DnsDomain("corp.example".to_owned()),
            Fact::DnsForest("example".to_owned()),
            Fact::ClockSkew(-1),
            Fact::Product {
                name: "Active Directory".to_owned(),
                version: "2016".to_owned(),
            },
        ];
        assert_eq!(facts(&answer(CONTROLLER), NOW), expected);
    }

    #[test]
    fn another_directory_is_no_domain_controller() {
        let others: [(&[_], _, _); 3] = [
            (
                &[("structuralObjectClass", "OpenLDAProotDSE")],
                "OpenLDAP",
                "",
            ),
            (
                &[
                    ("vendorName", "389 Project"),
                    ("vendorVersion", "389-Directory/1.4.3.39 B2023.086"),
                    ("defaultNamingContext", "dc=corp,dc=example"),
                ],
                "389-Directory",
                "1.4.3.39",
            ),
            (
                &[("vendorName", "Somebody"), ("vendorVersion", "7")],
                "Somebody",
                "7",
            ),
        ];
        for (attributes, name, version) in others {
            let product = Fact::Product {
                name: name.to_owned(),
                version: version.to_owned(),
            };
            let expected = [Fact::Speaks("ldap".to_owned()), product];
            assert_eq!(facts(&answer(attributes), NOW), expected);
        }
    }

    #[test]
    fn a_domain_controller_of_samba_is_samba() {
        let mut attributes = CONTROLLER.to_vec();
        attributes.push(("vendorName", "Samba Team (https://www.samba.org)"));
        let facts = facts(&answer(&attributes), NOW);
        assert!(facts.contains(&Fact::Samba(String::new())));
        assert!(
            !facts
                .iter()
                .any(|fact| matches!(fact, Fact::Product { .. }))
        );
    }

    #[test]
    fn a_dialogue_ends_with_the_answer_in_however_many_pieces() {
        let answer = answer(CONTROLLER);
        let mut dialogue = Ldap {
            now: NOW,
            heard: Vec::new(),
        };
        assert!(matches!(dialogue.open(), Step::Send(_)));
        let (last, pieces) = answer.split_last().unwrap();
        for byte in pieces {
            assert_eq!(dialogue.hear(&[*byte]), Step::Listen);
        }
        assert_eq!(dialogue.hear(&[*last]), Step::Done);
        assert_eq!(dialogue.facts().len(), 7);
    }

    #[test]
    fn what_is_no_ldap_is_nothing() {
        let mut dialogue = Ldap {
            now: NOW,
            heard: Vec::new(),
        };
        assert_eq!(dialogue.hear(b"HTTP/1.1 400 Bad Request\r\n"), Step::Done);
        assert_eq!(dialogue.facts(), []);
    }

    #[test]
    fn times_and_names_of_other_forms_are_none() {
        assert_eq!(generalized_time("19700101000010.0Z"), Some(10));
        for text in [
            "",
            "20261129173619",
            "20261399173619.0Z",
            "2026112917361äZ",
            "-0261129173619Z",
        ] {
            assert_eq!(generalized_time(text), None, "{text}");
        }
        assert_eq!(dns_name("CN=Configuration,DC=corp"), None);
        assert_eq!(dns_name(""), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at: usize, new: Vec<u8>, more: Vec<u8>) {
            let _ = facts(&more, NOW);
            let mut answer = answer(CONTROLLER);
            let at = at % answer.len();
            answer.splice(at..(at + new.len()).min(answer.len()), new);
            let mut dialogue = Ldap { now: NOW, heard: Vec::new() };
            for part in answer.chunks(100) {
                let _ = dialogue.hear(part);
            }
            let _ = dialogue.facts();
        }
    }
}
