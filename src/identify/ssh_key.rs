//! The host key of an SSH server: what tells one machine from another, as long as it is nobody's copy.

use super::clean;
use super::ssh::ssh_banner;
use crate::model::{Clue, Fact};
use crate::session::{self, Limits};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// How long the greeting and the key exchange may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an SSH server shows before a login, by `deadline`: its identification line, its product and, where keys could
/// be exchanged, its key. Costs the server one connection without a login.
pub async fn ssh_key(address: IpAddr, port: u16, deadline: Instant) -> Vec<Clue> {
    let limits = Limits {
        connect: PATIENCE,
        banner: PATIENCE,
        login: PATIENCE,
        ..Limits::until(deadline)
    };
    let Ok(face) = Box::pin(session::ssh_face(address, port, &limits)).await else {
        return Vec::new();
    };
    let mut facts = vec![Fact::Speaks("ssh".to_owned())];
    if let Some(ssh) = ssh_banner(&face.banner) {
        facts.push(Fact::Product {
            name: ssh.product,
            version: ssh.version,
        });
    }
    facts.push(Fact::Banner(face.banner));
    facts.extend(face.key.map(Fact::HostKey));
    let clues = facts.into_iter().filter_map(clean::fact).map(|fact| Clue {
        source: "ssh".to_owned(),
        proto: "tcp".to_owned(),
        port,
        fact,
    });
    clues.collect()
}
