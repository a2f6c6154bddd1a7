//! Looking at the key of a host, without a login.

use super::{greeting, handshake};
use crate::model::HostKey;
use crate::session::tcp::connect;
use crate::session::{KnownKeys, Limits, MeetError, Place};
use russh::Disconnect;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{timeout, timeout_at};

/// What an SSH server shows to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshFace {
    /// Its identification line. Attacker-controlled.
    pub banner: String,
    /// The key that it has proved to hold; `None` where no exchange of keys came about: an old device may know none that
    /// is safe.
    pub key: Option<HostKey>,
}

/// Exchanges keys with an SSH server and hangs up before it could ask who we are. Judges nobody: the key is
/// good for knowing a machine again, never for trusting it.
///
/// Tried once: an address that turns us away has other callers. The server logs a connection that was closed
/// before authentication.
pub async fn ssh_face(address: IpAddr, port: u16, limits: &Limits) -> Result<SshFace, MeetError> {
    let mut tcp = connect(SocketAddr::new(address, port), limits).await?;
    let until = limits.within(limits.banner);
    let greeting = timeout_at(until, greeting::read(&mut tcp)).await;
    let greeting = greeting.map_err(|_| MeetError::Timeout("its greeting"))??;
    let banner = greeting.banner.clone();

    let known = Arc::new(KnownKeys::default());
    let place = Place {
        name: None,
        address,
        port,
    };
    let until = limits.within(limits.login);
    let meeting = handshake::shake_hands(Box::new(tcp), greeting, &known, &place, false);
    let Ok(Ok((mut link, key))) = Box::pin(timeout_at(until, meeting)).await else {
        return Ok(SshFace { banner, key: None });
    };
    let goodbye = link.handle.disconnect(Disconnect::ByApplication, "", "");
    // Either way the connection ends here.
    timeout(GOODBYE, goodbye).await.ok();
    timeout(GOODBYE, &mut link.handle).await.ok();
    let key = Some(key);
    Ok(SshFace { banner, key })
}

const GOODBYE: Duration = Duration::from_millis(300);
