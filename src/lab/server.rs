//! Serves a simulated network on loopback.

use super::behaviour::{Kind, Opening, Published};
use super::device;
use super::directory::Directory;
use super::keys::{former_host_key, host_key, private_text, public_text, user_key};
use super::network::{Host, Network};
use super::recording::{RecordingError, Recordings};
use super::seen::{Note, Seen, Witness};
use super::ssh::Served;
use super::winrm::{self, Authority};
use super::wire::Wire;
use russh::keys::ssh_key::PrivateKey;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Starts simulated networks.
#[derive(Clone, Copy, Debug)]
pub struct Lab;

/// A simulated network that is being served. It ends with [`Running::stop`], or when dropped.
#[derive(Debug)]
pub struct Running {
    network: Network,
    authority: Authority,
    ports: BTreeMap<u16, u16>,
    witness: Arc<Witness>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Lab {
    /// Serves a network until [`Running::stop`].
    ///
    /// The lowest simulated port is served on `port_base`, the next one on `port_base + 1`, and so
    /// on, at every address: no privilege is needed. With 0 the base is chosen.
    ///
    /// # Errors
    ///
    /// Where a recording is missing, or an address cannot be listened on.
    pub async fn start(
        network: &Network,
        recordings: &Recordings,
        port_base: u16,
    ) -> Result<Running, LabError> {
        let authority = Authority::new(&network.name)?;
        let mut doors = Vec::new();
        for host in &network.hosts {
            let recording = recordings.of(network, host)?;
            let behind = if matches!(host.kind, Kind::WinRm | Kind::Iis) {
                let windows = winrm::Host::new(host, &recording, &authority)?;
                Behind::Windows(Arc::new(windows))
            } else {
                let answers = (recording, recordings.of_root(network, host)?);
                Behind::Ssh(Arc::new(Served::new(network, host, answers)))
            };
            doors.push((host, behind));
        }
        let (ports, mut listeners) = listen(network, port_base).await?;
        let mut running = Running {
            network: network.clone(),
            authority,
            ports,
            witness: Arc::new(Witness::new(Directory::new(network.lockout))),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        for (host, behind) in doors {
            for (address, port) in host.sockets() {
                let Some(listener) = listeners.remove(&(address, port)) else {
                    continue;
                };
                let door = Door::new((host, port), behind.clone(), &running);
                running.tasks.spawn(door.open(listener));
            }
        }
        Ok(running)
    }
}

impl Running {
    /// Every address of the network, sorted; also those where nothing listens.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.network.addresses().into_iter().collect()
    }

    /// The real port behind a port of the simulated network; `None` where no host listens on it.
    pub fn port(&self, simulated: u16) -> Option<u16> {
        self.ports.get(&simulated).copied()
    }

    /// All real ports, sorted.
    pub fn ports(&self) -> Vec<u16> {
        self.ports.values().copied().collect()
    }

    /// What an administrator of the network would have in `known_hosts`: hosts whose key is
    /// published, each address with its port.
    pub fn known_hosts(&self) -> String {
        let ssh = self
            .network
            .hosts
            .iter()
            .filter(|host| host.kind == Kind::Ssh);
        ssh.map(|host| self.known_host(host)).collect()
    }

    fn known_host(&self, host: &Host) -> String {
        let key = match host.published {
            Published::Known => host_key(&self.network.name, &host.name),
            Published::Changed => former_host_key(&self.network.name, &host.name),
            Published::Unknown => return String::new(),
        };
        let key = public_text(key.public_key());
        let line = |(address, port): (IpAddr, u16)| match self.port(port) {
            Some(22) => format!("{address} {key}\n"),
            Some(port) => format!("[{address}]:{port} {key}\n"),
            None => String::new(),
        };
        host.sockets().map(line).collect()
    }

    /// The key that a host really has.
    pub fn host_key(&self, host: &str) -> PrivateKey {
        host_key(&self.network.name, host)
    }

    /// A key with which people log in, as OpenSSH keeps it in a file; by the name that the lab file
    /// gives it.
    pub fn user_key(&self, name: &str) -> String {
        private_text(&user_key(&self.network.name, name))
    }

    /// The certificate of the authority that vouches for the HTTPS listeners, as PEM.
    pub fn authority(&self) -> String {
        self.authority.pem()
    }

    /// A certificate of that authority with which an account of this name logs in where a WinRM
    /// service takes certificates, and its private key, as PEM.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub fn client_certificate(&self, user: &str) -> Result<(String, String), LabError> {
        Ok(self.authority.client(user)?)
    }

    /// What the servers have seen so far.
    pub fn seen(&self) -> Seen {
        self.witness.seen()
    }

    /// The accounts that the directory of the network has locked, in lower case, sorted.
    pub fn locked(&self) -> Vec<String> {
        self.witness.directory.locked()
    }

    /// Closes every connection and every port, and waits until all is quiet.
    pub async fn stop(mut self) -> Seen {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.witness.seen()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Listeners = BTreeMap<(IpAddr, u16), TcpListener>;

/// Where a base is chosen from: below the ports that Linux gives to outgoing connections, and away
/// from those of industrial devices, which a polite scan leaves alone.
const CHOSEN: Range<u16> = 21_000..31_000;

/// Opens every port. Where the base is chosen here, a choice that is taken at any address is given
/// back and made again.
async fn listen(network: &Network, base: u16) -> Result<(BTreeMap<u16, u16>, Listeners), LabError> {
    let mut tries = if base == 0 { 20 } else { 1 };
    loop {
        tries -= 1;
        let base = match base {
            0 => rand::random_range(CHOSEN),
            base => base,
        };
        match listen_from(network, base).await {
            Err(LabError::Listen { source, .. })
                if tries > 0 && source.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

async fn listen_from(
    network: &Network,
    base: u16,
) -> Result<(BTreeMap<u16, u16>, Listeners), LabError> {
    let ports: BTreeMap<u16, u16> = network.ports().into_iter().zip(base..=u16::MAX).collect();
    let mut listeners = Listeners::new();
    let open = |host: &&Host| host.kind != Kind::Closed;
    for (address, simulated) in network.hosts.iter().filter(open).flat_map(Host::sockets) {
        let Some(port) = ports.get(&simulated) else {
            return Err(LabError::Ports { base });
        };
        let socket = SocketAddr::new(address, *port);
        let listener = TcpListener::bind(socket).await;
        let listener = listener.map_err(|source| LabError::listen(socket, source))?;
        listeners.insert((address, simulated), listener);
    }
    Ok((ports, listeners))
}

/// The service behind a door that has one.
#[derive(Clone)]
enum Behind {
    Ssh(Arc<Served>),
    Windows(Arc<winrm::Host>),
}

/// The port of WinRM over HTTPS; on others it is HTTP.
const WINRM_TLS: u16 = 5986;
/// The same of a web site.
const HTTPS: u16 = 443;

/// One open port of one host.
struct Door {
    name: Arc<str>,
    kind: Kind,
    /// Its number in the simulated network.
    port: u16,
    banner: Arc<str>,
    opening: Opening,
    behind: Behind,
    knocks: AtomicU32,
    witness: Arc<Witness>,
    stop: CancellationToken,
}

impl Door {
    fn new((host, port): (&Host, u16), behind: Behind, running: &Running) -> Arc<Self> {
        Arc::new(Self {
            name: host.name.as_str().into(),
            kind: host.kind.clone(),
            port,
            banner: host.banner.as_str().into(),
            opening: host.opening,
            behind,
            knocks: AtomicU32::new(0),
            witness: running.witness.clone(),
            stop: running.stop.clone(),
        })
    }

    /// Accepts connections until the lab ends, and then waits for the last of them.
    async fn open(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => { connections.spawn(self.clone().answer(stream)); }
                    // No descriptor is left: others will be given back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn answer(self: Arc<Self>, stream: TcpStream) {
        let Ok(at) = stream.local_addr() else {
            return;
        };
        let note = Note::open(self.witness.clone(), self.name.clone(), at);
        let wire = Wire::new(stream, note.clone(), self.stop.clone());
        // However it ends, it is the peer's to judge. When the lab ends, the wire ends it.
        let _ = self.converse(wire, note).await;
    }

    async fn converse(&self, mut wire: Wire, note: Note) -> Result<(), russh::Error> {
        match &self.kind {
            Kind::Ssh => match &self.behind {
                Behind::Ssh(served) => return self.ssh(served, wire, note).await,
                Behind::Windows(_) => {}
            },
            Kind::WinRm => self.winrm(wire, &note).await?,
            Kind::Iis => self.iis(wire).await?,
            Kind::Greets(text) => device::greet(&mut wire, text.as_bytes()).await?,
            Kind::Silent => device::swallow(&mut wire).await?,
            Kind::Http => device::http(&mut wire).await?,
            Kind::Hangs | Kind::Closed => {}
        }
        Ok(())
    }

    /// Whatever a service of Windows is waiting for, it ends when the lab does.
    async fn winrm(&self, wire: Wire, note: &Note) -> io::Result<()> {
        let Behind::Windows(windows) = &self.behind else {
            return Ok(());
        };
        tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            ended = windows.serve(wire, note, self.port == WINRM_TLS) => ended,
        }
    }

    async fn iis(&self, wire: Wire) -> io::Result<()> {
        let Behind::Windows(windows) = &self.behind else {
            return Ok(());
        };
        tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            ended = windows.serve_web(wire, self.port == HTTPS) => ended,
        }
    }

    async fn ssh(
        &self,
        served: &Arc<Served>,
        mut wire: Wire,
        note: Note,
    ) -> Result<(), russh::Error> {
        match self.opening {
            Opening::HalfBanner => {
                let half = self.banner.get(..self.banner.len() / 2).unwrap_or("SSH-");
                device::greet(&mut wire, half.as_bytes()).await?;
            }
            Opening::EndlessLines => device::endless_lines(&mut wire).await?,
            Opening::ClosesInKex => device::break_off_in_kex(&mut wire, &self.banner).await?,
            Opening::DropsFirst(_) | Opening::DropsEvery(_) if self.is_too_busy() => {
                device::too_busy(&mut wire).await?;
            }
            Opening::Trickles(pause) => {
                let wire = wire.trickle(Duration::from_millis(pause));
                return served.clone().serve(wire, note).await;
            }
            Opening::Normal | Opening::DropsFirst(_) | Opening::DropsEvery(_) => {
                return served.clone().serve(wire, note).await;
            }
        }
        Ok(())
    }

    fn is_too_busy(&self) -> bool {
        let knock = self.knocks.fetch_add(1, Ordering::Relaxed) + 1;
        match self.opening {
            Opening::DropsFirst(count) => knock <= count,
            Opening::DropsEvery(step) => step != 0 && knock.is_multiple_of(step),
            _ => false,
        }
    }
}

/// Why a lab does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A recording does not fit.
    #[error("a simulated host has no answers")]
    Recording(#[from] RecordingError),
    /// The certificates of the lab cannot be made.
    #[error("the certificates of the simulated network cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// Linux has all of `127.0.0.0/8`, other systems only `127.0.0.1`.
    #[error(
        "this system does not have the loopback address {address}; the simulated network needs Linux, or: ifconfig lo0 alias {address}"
    )]
    NoSuchAddress {
        /// The address.
        address: IpAddr,
    },
    /// A port cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The network has more ports than there are from the base on.
    #[error("not enough ports from {base} on; choose a lower one")]
    Ports {
        /// The base.
        base: u16,
    },
}

impl LabError {
    fn listen(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrNotAvailable {
            let address = address.ip();
            return Self::NoSuchAddress { address };
        }
        Self::Listen { address, source }
    }
}
