//! The host key of an SSH server: what tells one machine from another, as long as it is nobody's copy.

use super::clean;
use super::ssh::ssh_banner;
use crate::model::{Clue, Fact};
use crate::session::{self, Limits};
use crate::traffic::Share;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long the greeting and the key exchange may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an SSH server shows before a login, by `deadline`: its identification line, its product and, where keys could
/// be exchanged, its key. Costs the server one connection without a login.
pub async fn ssh_key(
    address: IpAddr,
    port: u16,
    (deadline, share): (Instant, &Share),
) -> Vec<Clue> {
    let limits = limits(deadline, share);
    let face = Box::pin(session::ssh_face(address, port, &limits)).await;
    let Ok(face) = face else {
        return Vec::new();
    };
    let mut facts = of_server(face.banner);
    facts.extend(face.key.map(Fact::HostKey));
    clues(port, facts)
}

/// The same with its keys of every kind in full, or why there is none. Costs the server a connection for each kind.
pub async fn ssh_keys(
    address: IpAddr,
    port: u16,
    (deadline, share): (Instant, &Share),
) -> Vec<Clue> {
    let limits = limits(deadline, share);
    let faces = Box::pin(session::ssh_faces(address, port, &limits)).await;
    let faces = match faces {
        Ok(faces) => faces,
        Err(error) => return clues(port, vec![Fact::NoKey(error.to_string())]),
    };
    let mut facts = of_server(faces.banner);
    for key in faces.keys {
        facts.push(Fact::HostKey(key.key));
        facts.push(Fact::PublicKey(key.public_key));
    }
    if !faces.why_none.is_empty() {
        facts.push(Fact::NoKey(faces.why_none));
    }
    clues(port, facts)
}

fn limits(deadline: Instant, share: &Share) -> Limits {
    Limits {
        share: share.clone(),
        connect: PATIENCE,
        banner: PATIENCE,
        login: PATIENCE,
        ..Limits::until(deadline)
    }
}

fn of_server(banner: String) -> Vec<Fact> {
    let mut facts = vec![Fact::Speaks("ssh".to_owned())];
    if let Some(ssh) = ssh_banner(&banner) {
        facts.push(Fact::Product {
            name: ssh.product,
            version: ssh.version,
        });
    }
    facts.push(Fact::Banner(banner));
    facts
}

fn clues(port: u16, facts: Vec<Fact>) -> Vec<Clue> {
    let clues = facts.into_iter().filter_map(clean::fact).map(|fact| Clue {
        source: "ssh".to_owned(),
        proto: "tcp".to_owned(),
        port,
        fact,
    });
    clues.collect()
}
