//! What a credentials file says.

use super::account::split;
use super::{EntryName, Jump, Scope};
use crate::model::{CredentialId, Protocol};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// A credentials file that was read: at least its syntax, its scopes and its ids are right.
#[derive(Debug)]
pub struct CredentialsFile {
    /// The credentials, in the file's order. Ids are unique.
    pub credentials: Vec<Credential>,
    /// The hosts on the way to others. Their ids are unique, and what they name is in the file.
    pub jumps: Vec<Jump>,
    /// OpenSSH's own configuration, where it may be used.
    pub ssh_config: Option<SshConfigFile>,
}

/// OpenSSH's configuration as the file names it: without being named it is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshConfigFile {
    /// The file. `~/` is the home; else relative to the credentials file's folder.
    pub file: PathBuf,
    /// The targets that it may be used for, by the names under which they were given.
    pub scope: Scope,
    /// The line in the file at which it begins, from 1.
    pub line: usize,
}

impl CredentialsFile {
    /// The jump host of an id.
    pub fn jump(&self, id: &str) -> Option<&Jump> {
        self.jumps.iter().find(|jump| jump.id == id)
    }

    /// The credential of an id.
    pub fn find(&self, id: &CredentialId) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|credential| credential.id == *id)
    }

    /// Whether a secret itself is written in the file.
    pub fn holds_literal(&self) -> bool {
        self.secrets()
            .any(|secret| matches!(secret, SecretRef::Literal(_)))
    }

    /// The environment variables that hold secrets: no child process may inherit them.
    pub fn secret_variables(&self) -> BTreeSet<String> {
        self.secrets()
            .filter_map(|secret| match secret {
                SecretRef::Env(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let all = self.credentials.iter().flat_map(Credential::secrets);
        all.flat_map(|secret| [Some(secret), secret.opener()].into_iter().flatten())
    }
}

/// One way to log in, and where it may be used.
#[derive(Debug)]
pub struct Credential {
    /// Its name: all that logs, store and exports ever see of it.
    pub id: CredentialId,
    /// The login name, as it is sent.
    pub user: String,
    /// Whose account it is.
    pub ownership: Ownership,
    /// How the account is proven.
    pub method: Method,
    /// The hosts that it may be used on.
    pub scope: Scope,
    /// Whether it may become root.
    pub sudo: Sudo,
    /// The jump host through which its hosts are reached.
    pub jump: Option<String>,
    /// Whether it may be used where nothing but old algorithms is spoken: SHA-1, CBC.
    pub legacy: bool,
    /// The password that sudo asks for, where it is not the login's own.
    pub sudo_password: Option<SecretRef>,
    /// The line in the file at which it begins, from 1.
    pub line: usize,
}

impl Credential {
    /// The type, as the file writes it.
    pub fn kind(&self) -> Kind {
        self.method.kind()
    }

    /// The login name and the realm or domain that it belongs to, however the file spells them; no
    /// realm for an account of the host's own, or where none is named.
    pub fn account(&self) -> (&str, Option<&str>) {
        let (in_user, name) = split(&self.user);
        match &self.ownership {
            Ownership::Local => (name, None),
            Ownership::Directory { realm } => (name, realm.as_deref().or(in_user)),
        }
    }

    /// Whether its password may follow the first sight of a host's key.
    pub fn password_on_first_use(&self) -> bool {
        match &self.method {
            Method::SshPassword { on_first_use, .. } => *on_first_use,
            Method::Winrm(winrm) => winrm.on_first_use,
            Method::SshKey { .. } | Method::SshAgent { .. } | Method::SshCert { .. } => false,
        }
    }

    /// The place of the password that sudo is told, where it may be told one.
    pub fn sudo_secret(&self) -> Option<&SecretRef> {
        if self.sudo != Sudo::WithPassword {
            return None;
        }
        let own = match &self.method {
            Method::SshPassword { password, .. } => Some(password),
            _ => None,
        };
        self.sudo_password.as_ref().or(own)
    }

    /// The places of its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let (first, second) = match &self.method {
            Method::SshKey { key, passphrase }
            | Method::SshCert {
                key, passphrase, ..
            } => (Some(key), passphrase.as_ref()),
            Method::SshPassword { password, .. } => (Some(password), None),
            Method::Winrm(winrm) => match &winrm.proof {
                WinrmProof::Password(secret) | WinrmProof::Certificate { key: secret, .. } => {
                    (Some(secret), None)
                }
            },
            Method::SshAgent { .. } => (None, None),
        };
        let third = self.sudo_password.as_ref();
        first.into_iter().chain(second).chain(third)
    }
}

/// Whose account a login name is, so far as locking it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// One account everywhere, such as a directory's.
    Directory {
        /// The realm or domain, where the operator names it.
        realm: Option<String>,
    },
    /// A separate account on every host.
    Local,
}

/// How an account is proven.
#[derive(Debug)]
pub enum Method {
    /// By a private key.
    SshKey {
        /// The key in OpenSSH's or PEM text.
        key: SecretRef,
        /// What opens it.
        passphrase: Option<SecretRef>,
    },
    /// By keys that an agent holds.
    SshAgent {
        /// The agent's socket; else the environment's `SSH_AUTH_SOCK`.
        socket: Option<PathBuf>,
        /// The one key to offer, as `SHA256:…`.
        fingerprint: Option<String>,
    },
    /// By a password, also where it is asked keyboard-interactively.
    SshPassword {
        /// The password.
        password: SecretRef,
        /// Whether it may follow the first sight of a host's key.
        on_first_use: bool,
    },
    /// By a private key and a certificate for it.
    SshCert {
        /// The key.
        key: SecretRef,
        /// What opens it.
        passphrase: Option<SecretRef>,
        /// The file of the certificate, which is public.
        certificate: PathBuf,
    },
    /// Over WinRM.
    Winrm(Winrm),
}

impl Method {
    /// The type, as the file writes it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SshKey { .. } => Kind::SshKey,
            Self::SshAgent { .. } => Kind::SshAgent,
            Self::SshPassword { .. } => Kind::SshPassword,
            Self::SshCert { .. } => Kind::SshCert,
            Self::Winrm(_) => Kind::Winrm,
        }
    }
}

/// How an account is proven over WinRM.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Winrm {
    /// With what.
    pub proof: WinrmProof,
    /// Which mechanisms may be used.
    pub mechanism: Mechanism,
    /// Whether the password may follow the first sight of a host's certificate.
    pub on_first_use: bool,
    /// Whether NTLM may go over plain HTTP.
    pub ntlm_http: bool,
    /// Whether Basic may be used inside verified TLS.
    pub basic: bool,
    /// The Kerberos realm, where it is not the account's.
    pub kerberos_realm: Option<String>,
    /// The realm's KDCs, `host` or `host:port`; else the realm's own name is asked.
    pub kdcs: Vec<String>,
}

/// What proves an account over WinRM.
#[derive(Debug)]
pub enum WinrmProof {
    /// A password.
    Password(SecretRef),
    /// A certificate that the host maps to the account.
    Certificate {
        /// The file of the certificate, which is public.
        certificate: PathBuf,
        /// Its private key.
        key: SecretRef,
    },
}

/// Which mechanisms a password may be proven by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Kerberos where it can be had, else NTLM.
    Negotiate,
    /// Kerberos only.
    Kerberos,
    /// NTLM only.
    Ntlm,
}

/// The type of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`Method` says what each one means")]
pub enum Kind {
    SshKey,
    SshAgent,
    SshPassword,
    SshCert,
    Winrm,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::SshKey,
        Self::SshAgent,
        Self::SshPassword,
        Self::SshCert,
        Self::Winrm,
    ];

    /// The protocol that it logs in by.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Winrm => Protocol::Winrm,
            Self::SshKey | Self::SshAgent | Self::SshPassword | Self::SshCert => Protocol::Ssh,
        }
    }

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SshKey => "ssh-key",
            Self::SshAgent => "ssh-agent",
            Self::SshPassword => "ssh-password",
            Self::SshCert => "ssh-cert",
            Self::Winrm => "winrm",
        }
    }
}

/// Whether a credential may become root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// Never.
    Never,
    /// Only where sudo asks for no password.
    WithoutPassword,
    /// Also where sudo asks for the account's password, which is told once.
    WithPassword,
}

/// Where a secret is.
pub enum SecretRef {
    /// In the file itself.
    Literal(SecretString),
    /// In an environment variable.
    Env(String),
    /// In a file. `~/` is the home; else relative to the credentials file's folder.
    File(PathBuf),
    /// What a program prints: program and arguments, run without a shell.
    Command(Vec<String>),
    /// In the operator's head.
    Prompt,
    /// In the keyring of the operating system.
    Keyring(EntryName),
    /// In a file encrypted with age.
    Age(AgePlace),
}

/// A file encrypted with age, and what opens it. Its paths are as those of [`SecretRef::File`].
pub struct AgePlace {
    /// The file.
    pub file: PathBuf,
    /// The private key that opens it; without one, a passphrase does.
    pub identity: Option<PathBuf>,
    /// Where the passphrase of the file, or of the private key, is; else the operator is asked.
    pub passphrase: Option<Box<SecretRef>>,
}

impl SecretRef {
    /// The word in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Literal(_) => "literal",
            Self::Env(_) => "env",
            Self::File(_) => "file",
            Self::Command(_) => "command",
            Self::Prompt => "prompt",
            Self::Keyring(_) => "keyring",
            Self::Age(_) => "age",
        }
    }

    /// The place of the secret that opens this one.
    fn opener(&self) -> Option<&Self> {
        match self {
            Self::Age(place) => place.passphrase.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Debug for SecretRef {
    /// Only the kind: people put secrets into arguments, paths and names, whatever we ask of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({})", self.as_str())
    }
}
