//! A simulated network that is served for as long as a test needs it.

use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use underdesk::lab::{Lab, Network, Proof, Recordings, Running, Seen};

/// A network, served by threads of its own.
pub(crate) struct Site {
    // Dropped first: it ends the connections.
    running: Running,
    _runtime: Runtime,
}

impl Site {
    /// Serves the network of a lab file, with the recordings of `fixtures/hosts`.
    pub(crate) fn serve(toml: &str) -> Self {
        Self::serve_at(toml, 0)
    }

    /// The same, its lowest port at this one.
    pub(crate) fn serve_at(toml: &str, port: u16) -> Self {
        let network = Network::parse(toml).unwrap();
        let files = recorded();
        let files = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]));
        let recordings = Recordings::read(files).unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime.block_on(Lab::start(&network, &recordings, port));
        Self {
            running: running.unwrap(),
            _runtime: runtime,
        }
    }

    /// The real port behind one of the lab file.
    pub(crate) fn port(&self, simulated: u16) -> u16 {
        self.running.port(simulated).unwrap()
    }

    /// The same, where a host has that port.
    pub(crate) fn try_port(&self, simulated: u16) -> Option<u16> {
        self.running.port(simulated)
    }

    /// The certificate of the authority behind its HTTPS listeners, as PEM.
    pub(crate) fn authority(&self) -> String {
        self.running.authority()
    }

    /// A certificate with which an account logs in, and its key, as PEM.
    pub(crate) fn client_certificate(&self, user: &str) -> (String, String) {
        self.running.client_certificate(user).unwrap()
    }

    /// All real ports, as `--ports` takes them.
    pub(crate) fn ports(&self) -> String {
        let ports = self.running.ports();
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        ports.join(",")
    }

    /// All its addresses, as targets.
    pub(crate) fn targets(&self) -> Vec<String> {
        let addresses = self.running.addresses();
        addresses.iter().map(ToString::to_string).collect()
    }

    /// What its administrators would have in `known_hosts`.
    pub(crate) fn known_hosts(&self) -> String {
        self.running.known_hosts()
    }

    /// A private key with which people log in.
    pub(crate) fn key(&self, name: &str) -> String {
        self.running.user_key(name)
    }

    /// What was sent to it so far.
    pub(crate) fn seen(&self) -> Seen {
        self.running.seen()
    }

    /// The accounts that its directory has locked.
    pub(crate) fn locked(&self) -> Vec<String> {
        self.running.locked()
    }

    /// The accepted logins of an account so far, by address.
    pub(crate) fn logins(&self, user: &str) -> Vec<IpAddr> {
        let logins = self.seen().logins;
        // A key that would do is accepted before it has signed anything.
        let is_proof = |proof: &Proof| !matches!(proof, Proof::Offer(_) | Proof::None);
        let mine = logins
            .iter()
            .filter(|one| one.user == user && one.accepted && is_proof(&one.proof));
        mine.map(|one| one.at.ip()).collect()
    }
}

/// The files of `fixtures/hosts`, by their path within it.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let folders = inside(&root).into_iter().filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| inside(&folder));
    let name = |path: &Path| {
        path.strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    files
        .map(|path| (name(&path), fs::read(&path).unwrap()))
        .collect()
}

/// A port that answers nothing, as behind a firewall: its queue is full, so the system drops what
/// comes. For as long as what is returned lives.
pub(crate) fn deaf(address: IpAddr, port: u16) -> (Socket, Vec<TcpStream>) {
    let place = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(place), Type::STREAM, None).unwrap();
    // Connections of a server that was there before may still be dying.
    socket.set_reuse_address(true).unwrap();
    socket.bind(&place.into()).unwrap();
    socket.listen(0).unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&place, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 1_000, "the queue has no end");
    }
    (socket, queue)
}
