//! A simulated network: SSH and WinRM servers on loopback that answer from recordings.
//!
//! A TOML file says which hosts there are and how each one behaves ([`Network`]); recorded answers
//! say what runs on them ([`Recordings`]); [`Lab`] serves them on `127.0.0.0/8` over real sockets and
//! keeps a record of everything that was sent to them ([`Seen`]). `demo` scans such a network, and
//! the tests prove on hostile ones that no secret reaches a stranger and no host stalls a run.
//!
//! Everything here is made up, and so are its keys: they are computed from the names in the file, so
//! that anybody can compute them. They open nothing else.

mod behaviour;
mod device;
mod dialogue;
mod directory;
mod keys;
mod logins;
mod network;
mod recording;
mod script;
mod seen;
mod server;
mod ssh;
mod sudo;
mod windows;
mod winrm;
mod wire;

#[cfg(test)]
mod recorded_windows_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod windows_tests;

pub use behaviour::{DefaultShell, Hearing, Kind, Lack, Opening, Published, Shell, WindowsShells};
pub use keys::{host_key, user_key};
pub use logins::{KeyLogin, Login, LoginRule, Logins, Method, PasswordLogin, Prompt};
pub use network::{Changes, Edit, Host, LineEdit, Network, NetworkError, TextEdit};
pub use recording::{Recording, RecordingError, Recordings};
pub use seen::{
    Cover, LoginTry, Proof, Seen, SeenCommand, SeenConnection, SeenRequest, SeenShell, Violation,
};
pub use server::{Lab, LabError, Running};
pub use sudo::Sudo;
pub use winrm::{Certificate, ChannelBinding, Fault, Offer, WinRm};
