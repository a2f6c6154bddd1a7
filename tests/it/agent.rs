//! Keys, our own and an agent's: which ones a host gets to see, and how many.

use super::visits::{Office, Visitor, access, credentials};
use russh::keys::HashAlg;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use underdesk::lab::{Proof, user_key};
use underdesk::model::{CredentialId, ResultCode};
use underdesk::scan::StoredProof;
use underdesk::session::Key;

/// A host that takes no key, on two ports.
const HOST: &str = "[[host]]\nname = 'h'\naddresses = ['127.82.0.1']\nports = [22, 2222]\n";

fn fingerprint(name: &str) -> String {
    let key = user_key("office", name);
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

/// An agent that lists these keys and signs with none (draft-miller-ssh-agent).
fn agent(office: &Office, names: &[&str]) -> PathBuf {
    const IDENTITIES: u8 = 12;
    let mut list = vec![IDENTITIES];
    list.extend(u32::try_from(names.len()).unwrap().to_be_bytes());
    for name in names {
        let blob = user_key("office", name).public_key().to_bytes().unwrap();
        for text in [&blob[..], name.as_bytes()] {
            list.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            list.extend(text);
        }
    }
    let socket = office.folder.path().join("agent");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Until the scanner has heard enough.
            let _ = answer(stream.unwrap(), &list);
        }
    });
    socket
}

fn answer(mut stream: UnixStream, list: &[u8]) -> io::Result<()> {
    const REQUEST_IDENTITIES: u8 = 11;
    const FAILURE: &[u8] = &[5];
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request)?;
        let reply = match request.first() {
            Some(&REQUEST_IDENTITIES) => list,
            _ => FAILURE,
        };
        stream.write_all(&u32::try_from(reply.len()).unwrap().to_be_bytes())?;
        stream.write_all(reply)?;
    }
}

fn entry(id: &str, kind: &str) -> String {
    let key = match kind {
        "ssh-key" => "key = { file = 'k' }",
        _ => "",
    };
    format!(
        "[[credential]]\nid = '{id}'\ntype = '{kind}'\nuser = 'audit'\nscope = ['127.82.0.0/16']\n{key}\n"
    )
}

fn by_agent(socket: PathBuf, fingerprint: Option<String>) -> StoredProof {
    StoredProof::Agent {
        socket,
        fingerprint,
    }
}

/// Scans with these credentials; the keys that the host was offered.
fn offered(office: &Office, file: &str, proofs: Vec<(&str, StoredProof)>) -> Vec<String> {
    let proofs: BTreeMap<_, _> = proofs
        .into_iter()
        .map(|(id, proof)| (CredentialId::new(id), proof))
        .collect();
    Visitor::new("r-1").visit(office, credentials(file), proofs);
    let seen = office.seen().logins.into_iter();
    let keys = seen.filter_map(|login| match login.proof {
        Proof::Offer(key) => Some(key),
        _ => None,
    });
    keys.collect()
}

#[test]
fn an_agent_offers_the_one_key_that_the_credential_names() {
    let office = Office::open(&HOST.replace(", 2222", ""));
    let socket = agent(&office, &["a", "b", "c", "d", "e", "f", "g"]);
    let proof = by_agent(socket, Some(fingerprint("f")));
    let keys = offered(
        &office,
        &entry("agent", "ssh-agent"),
        vec![("agent", proof)],
    );
    assert_eq!(keys, [fingerprint("f")]);
}

#[test]
fn a_key_that_the_agent_does_not_hold_is_named_and_no_other_is_offered() {
    let office = Office::open(&HOST.replace(", 2222", ""));
    let socket = agent(&office, &["a"]);
    let proof = by_agent(socket, Some(fingerprint("z")));
    let keys = offered(
        &office,
        &entry("agent", "ssh-agent"),
        vec![("agent", proof)],
    );
    assert_eq!(keys, [""; 0]);
    let rows = access(&office.store_path(), "r-1");
    assert_eq!(rows[0].1.code, ResultCode::AuthRejected);
    assert!(rows[0].1.detail.contains(&fingerprint("z")), "{rows:?}");
}

#[test]
fn a_host_sees_five_keys_over_all_its_credentials_and_ports() {
    let office = Office::open(HOST);
    let socket = agent(&office, &["a", "b", "c", "d", "e", "f", "g"]);
    let own = |name: &str| {
        let text = user_key("office", name);
        let text = text
            .to_openssh(russh::keys::ssh_key::LineEnding::LF)
            .unwrap();
        let key = Key::parse(&SecretString::from(text.as_str()), None).unwrap();
        StoredProof::Keys(vec![Arc::new(key)])
    };
    let file = entry("one", "ssh-key") + &entry("two", "ssh-key") + &entry("agent", "ssh-agent");
    let proofs = vec![
        ("one", own("one")),
        ("two", own("two")),
        ("agent", by_agent(socket, None)),
    ];
    let keys = offered(&office, &file, proofs);
    let expected = ["one", "two", "a", "b", "c"].map(fingerprint);
    assert_eq!(keys, expected);
    // The second port is not passed over in silence.
    let held = access(&office.store_path(), "r-1");
    let held = held.iter().filter(|(_, row)| !row.attempted);
    assert_eq!(held.count(), 3);
}
