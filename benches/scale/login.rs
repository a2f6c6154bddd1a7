//! What the protocol alone costs: a login over SSH with the same library, one command that says nothing, and
//! goodbye.

use super::Outcome;
use super::network::plan;
use russh::client::{self, Config};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, Disconnect};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// As many at once as a scan has by default.
const HANDS: usize = 64;

/// Takes any key: here nothing is secret.
struct Anybody;

impl client::Handler for Anybody {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Logs in to the hosts of a network that take the key.
pub(crate) fn all(hosts: usize, port: u16, folder: &Path) -> Outcome<()> {
    let key = PrivateKey::read_openssh_file(folder.join("demo.key"))?;
    let (key, config) = (Arc::new(key), Arc::new(Config::default()));
    let plan = plan(hosts);
    let good = plan.iter().filter(|host| host.is_good_unix());
    let addresses: Vec<IpAddr> = good.map(|host| host.address).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for address in &addresses {
            if tasks.len() == HANDS {
                tasks.join_next().await.ok_or("no task")???;
            }
            let at = SocketAddr::new(*address, port);
            tasks.spawn(one(at, Arc::clone(&key), Arc::clone(&config)));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })
}

async fn one(at: SocketAddr, key: Arc<PrivateKey>, config: Arc<Config>) -> Result<(), String> {
    let failed = |error: russh::Error| format!("{at}: {error}");
    let mut session = client::connect(config, at, Anybody).await.map_err(failed)?;
    let key = PrivateKeyWithHashAlg::new(key, None);
    let answer = session.authenticate_publickey("audit", key).await;
    if !answer.map_err(failed)?.success() {
        return Err(format!("{at} refuses the key"));
    }
    let mut channel = session.channel_open_session().await.map_err(failed)?;
    channel.exec(true, "true").await.map_err(failed)?;
    channel.eof().await.map_err(failed)?;
    while let Some(message) = channel.wait().await {
        if matches!(message, ChannelMsg::ExitStatus { .. } | ChannelMsg::Close) {
            break;
        }
    }
    session
        .disconnect(Disconnect::ByApplication, "", "")
        .await
        .map_err(failed)
}
