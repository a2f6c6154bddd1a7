//! How a simulated host behaves before and after a login. Each behaviour is a word in the lab file.

use serde::Deserialize;

/// What kind of thing listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// An SSH server.
    #[default]
    Ssh,
    /// A Windows with WinRM: HTTP, and HTTPS on port 5986.
    #[serde(rename = "winrm")]
    WinRm,
    /// A device that greets with this text and then swallows what comes.
    Greets(String),
    /// A port that is open and never says a word.
    Silent,
    /// A web server: speaks only when it was spoken to.
    Http,
    /// A web site on IIS that wants a Windows account, and lets nobody in: HTTP, and HTTPS on port 443. What
    /// its service is like is said under `winrm`.
    Iis,
    /// A port that accepts and closes at once.
    Hangs,
    /// No port is open: the address answers with a reset.
    Closed,
}

impl Kind {
    /// The ports on which such a thing usually listens.
    pub(super) fn ports(&self) -> &'static [u16] {
        match self {
            Self::WinRm => &[5985, 5986],
            Self::Iis => &[80, 443],
            _ => &[22],
        }
    }
}

/// What an SSH server does between the connection and the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Opening {
    /// What the protocol says.
    #[default]
    Normal,
    /// Half an identification line, and then nothing.
    HalfBanner,
    /// Lines before the identification line, without end. RFC 4253 allows such lines.
    EndlessLines,
    /// Everything, but one byte every so many milliseconds.
    Trickles(u64),
    /// Closes once the peer's key exchange begins.
    ClosesInKex,
    /// Closes the first so many connections of an address as a busy OpenSSH does.
    DropsFirst(u32),
    /// Closes every so-manieth connection of an address as a busy OpenSSH does.
    DropsEvery(u32),
}

/// What an SSH server does when it has heard a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hearing {
    /// Says whether it is right.
    #[default]
    Answers,
    /// Closes the connection without a word.
    HangsUp,
}

/// What the lab's `known_hosts` text says of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Published {
    /// Its key.
    #[default]
    Known,
    /// Nothing: it is a stranger.
    Unknown,
    /// Another key than the one it has: it was replaced, or something stands in between.
    Changed,
}

/// What becomes of a command after the login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Shell {
    /// `sh -s` answers the questions from the recording.
    #[default]
    Sh,
    /// As `Sh`, but only under the name `/bin/sh`; plain `sh` is not found.
    AbsoluteOnly,
    /// As `Sh`, after an rc file that prints this text.
    Noisy(String),
    /// As `Sh`, but it ends without the last marker, in the middle of the answers.
    CutShort,
    /// The text that nologin(8) prints, exit code 1.
    NoLogin(String),
    /// A forced command: this text whatever is asked, exit code 0.
    Forced(String),
    /// So many megabytes of rubbish.
    Floods(u32),
    /// As `Sh`, but its list of packages goes on for so many megabytes.
    Swells(u32),
    /// Reads and never answers.
    Hangs,
    /// The connection closes as soon as a channel is asked for.
    Closes,
    /// A Windows, whose cmd and PowerShell answer the questions from the recording.
    Windows(WindowsShells),
}

/// The shells of a simulated Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowsShells {
    /// What runs the command lines of those who log in.
    pub default_shell: DefaultShell,
    /// The code page in which cmd's programs write although they were told to use UTF-8.
    pub page: Option<u16>,
    /// What is not to be had.
    pub lacks: Vec<Lack>,
}

/// What a simulated Windows may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lack {
    /// A console: `chcp` does not know the code page.
    Console,
    /// PowerShell: it may not be started.
    Powershell,
    /// Leave for reg.exe to read the registry.
    Reg,
    /// A WMI that answers: PowerShell starts and waits for it.
    Wmi,
}

impl WindowsShells {
    /// Whether something is not to be had.
    pub fn lack(&self, what: Lack) -> bool {
        self.lacks.contains(&what)
    }
}

/// What Win32-OpenSSH hands a command line to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DefaultShell {
    /// cmd.exe.
    #[default]
    Cmd,
    /// PowerShell.
    Powershell,
}
