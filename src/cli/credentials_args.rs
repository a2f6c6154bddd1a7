//! The command line of `credentials`, as typed.
#![expect(
    clippy::doc_markdown,
    reason = "help is plain text, in which a backtick is one"
)]

use super::args::{LoginArguments, PaceArguments};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum CredentialsCommand {
    /// Show the credentials, where their secrets are, and whether others could get at the files; no
    /// secret is opened
    List(ListArguments),
    /// Add a credential and store its secret. What is not said is asked for, on a terminal
    Add(Box<AddArguments>),
    /// Change a credential by options; without any, open the whole file in an editor ($VISUAL, $EDITOR)
    /// and take it over if it reads
    Edit(Box<EditArguments>),
    /// Store a new secret for a credential, where its old one is
    Rotate(RotateArguments),
    /// Log in once on one host, as a scan would, and say how it ended; the try counts
    Test(Box<TestArguments>),
    /// Show which credentials a scan would use on which host, in which order, and why not the others; nothing
    /// is sent
    ShowPlan(Box<ShowPlanArguments>),
    /// Print the least that an account needs for the questions that are asked
    Recipe(RecipeArguments),
}

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// The credential, else all that cover the host in the order of a scan, and the host
    #[arg(value_names = ["ID", "TARGET"], num_args = 1..=2, required = true)]
    pub(super) words: Vec<String>,
    /// Allow an address of the public internet
    #[arg(long)]
    pub(super) allow_public: bool,
    #[command(flatten)]
    pub(super) login: LoginArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
}

#[derive(Debug, Args)]
pub(super) struct ShowPlanArguments {
    /// Addresses, ranges, names or @FILE, as for a scan
    #[arg(value_name = "TARGET", required = true)]
    pub(super) targets: Vec<String>,
    /// Look names up; without it no packet leaves this machine, and scopes that are networks are not decided
    /// for names
    #[arg(long)]
    pub(super) dns: bool,
    #[command(flatten)]
    pub(super) login: LoginArguments,
    #[command(flatten)]
    pub(super) sweep: PaceArguments,
}

#[derive(Debug, Args)]
pub(super) struct RecipeArguments {
    /// For which system
    #[arg(long, value_enum, value_name = "SYSTEM")]
    pub(super) os: RecipeOs,
    /// The account
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
}

/// A system that accounts are made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RecipeOs {
    /// Linux and other Unix systems: a file for sudoers.d
    Linux,
    /// Windows: a script for PowerShell, to be run by an administrator
    Windows,
}

/// Which credentials file is meant.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct CredentialsFileArgument {
    /// The credentials file [default: ./credentials.toml, else the one in the user's configuration
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(super) credentials: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) file: CredentialsFileArgument,
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    pub(super) file: CredentialsFileArgument,
    /// Its name in reports and logs: letters, digits, dots, - and _
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,
    /// ssh-key, ssh-agent, ssh-password, ssh-cert or winrm
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) kind: Option<String>,
    /// Where its secret is to be: age[:PATH], keyring[:SERVICE/USER], file[:PATH], env:NAME, command or
    /// prompt. It is asked for, or read with --stdin, and stored there; what is there already is taken as
    /// it is. A path starts at the credentials file's folder
    #[arg(long = "in", value_name = "PLACE", value_parser = PlaceArgument::parse)]
    pub(super) place: Option<PlaceArgument>,
    #[command(flatten)]
    pub(super) secret: SecretArguments,
    /// The private key that opens the age file: an SSH key (ed25519 or RSA), or a file of
    /// AGE-SECRET-KEY-1… lines
    #[arg(long, value_name = "FILE", requires = "recipient")]
    pub(super) identity: Option<PathBuf>,
    /// Where the passphrase of a key is: prompt, env:NAME, keyring:SERVICE/USER or file:PATH. It is not
    /// stored there; credentials rotate --passphrase does it
    #[arg(long, value_name = "PLACE", value_parser = PlaceArgument::parse)]
    pub(super) passphrase_in: Option<PlaceArgument>,
    /// Where the password for sudo is, where it is not the login's own; as --passphrase-in, and stored
    /// by credentials rotate --sudo-password
    #[arg(long, value_name = "PLACE", value_parser = PlaceArgument::parse)]
    pub(super) sudo_password_in: Option<PlaceArgument>,
    /// After --in command: the program that prints the secret, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
    #[command(flatten)]
    pub(super) settings: SettingArguments,
}

#[derive(Debug, Args)]
pub(super) struct EditArguments {
    #[command(flatten)]
    pub(super) file: CredentialsFileArgument,
    /// The credential [default: any, in an editor]
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,
    #[command(flatten)]
    pub(super) settings: SettingArguments,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct RotateArguments {
    #[command(flatten)]
    pub(super) file: CredentialsFileArgument,
    /// The credential
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// The passphrase of its key, and not the key
    #[arg(long, conflicts_with = "sudo_password")]
    pub(super) passphrase: bool,
    /// The password that sudo is told, where it is not the login's own
    #[arg(long)]
    pub(super) sudo_password: bool,
    #[command(flatten)]
    pub(super) secret: SecretArguments,
    /// Encrypt the age file to a new passphrase, which is asked for
    #[arg(long, conflicts_with = "recipient")]
    pub(super) new_passphrase: bool,
}

/// How a secret is given, and who may open it.
#[derive(Debug, Args)]
pub(super) struct SecretArguments {
    /// Read the secret from standard input: a password is one line, a key its whole text
    #[arg(long)]
    pub(super) stdin: bool,
    /// Encrypt the age file to this key, which may be given several times: age1…, an SSH public key, or
    /// a file of such lines. Without one it is encrypted to a passphrase
    #[arg(long, value_name = "KEY")]
    pub(super) recipient: Vec<String>,
}

/// What a credential says besides where its secret is. What is given as an empty text is taken away.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What it says")]
pub(super) struct SettingArguments {
    /// The login name: audit, CORP\audit, audit@corp.example
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// The hosts that it may be used on: networks, host names, tag:NAME; ! takes out
    #[arg(long, value_name = "ITEM", value_delimiter = ',')]
    pub(super) scope: Vec<String>,
    /// The realm or domain of the account
    #[arg(long, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// realm (one account everywhere) or local (another one on each host)
    #[arg(long, value_name = "WHOSE")]
    pub(super) account: Option<String>,
    /// Whether it may become root: never, nopasswd, or password (sudo is told one)
    #[arg(long, value_name = "HOW")]
    pub(super) sudo: Option<String>,
    /// A remark for people
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// With --accept-new-host-keys: the password may go to a host never seen before
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) password_on_first_use: Option<bool>,
    /// SSH: the jump host that its hosts are reached through
    #[arg(long, value_name = "NAME")]
    pub(super) jump: Option<String>,
    /// SSH: old algorithms (SHA-1, CBC) may be used where a host speaks no others
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) legacy_algorithms: Option<bool>,
    /// Windows: negotiate, kerberos or ntlm
    #[arg(long, value_name = "WAY")]
    pub(super) auth: Option<String>,
    /// Windows: NTLM may go over plain HTTP, where it can be cracked and relayed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) ntlm_http: Option<bool>,
    /// Windows: Basic may be used inside verified TLS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) basic: Option<bool>,
    /// Windows: the Kerberos realm, where it is not the account's
    #[arg(long, value_name = "REALM")]
    pub(super) kerberos_realm: Option<String>,
    /// Windows: the realm's key distribution centres
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub(super) kdc: Vec<String>,
    /// The file of the certificate of ssh-cert or winrm
    #[arg(long, value_name = "FILE")]
    pub(super) certificate: Option<String>,
    /// The agent's socket of ssh-agent [default: SSH_AUTH_SOCK]
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<String>,
    /// The one key of ssh-agent, as ssh-add -l prints it
    #[arg(long, value_name = "SHA256:…")]
    pub(super) fingerprint: Option<String>,
}

/// The place of a secret, as typed: a kind, and perhaps which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlaceArgument {
    Age(Option<String>),
    Keyring(Option<String>),
    File(Option<String>),
    Env(String),
    Command,
    Prompt,
}

impl PlaceArgument {
    /// Reads `age`, `age:PATH` and so on.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (kind, which) = match text.split_once(':') {
            Some((kind, which)) if !which.is_empty() => (kind, Some(which.to_owned())),
            Some((kind, _)) => (kind, None),
            None => (text, None),
        };
        match (kind, which) {
            ("age", path) => Ok(Self::Age(path)),
            ("keyring", name) => Ok(Self::Keyring(name)),
            ("file", path) => Ok(Self::File(path)),
            ("env", Some(name)) => Ok(Self::Env(name)),
            ("command", None) => Ok(Self::Command),
            ("prompt", None) => Ok(Self::Prompt),
            _ => Err(PLACES.to_owned()),
        }
    }
}

/// What a place can be, never the secret itself.
const PLACES: &str = "expected where the secret is, and never the secret itself: age[:PATH], \
                      keyring[:SERVICE/USER], file[:PATH], env:NAME, command or prompt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_kind_and_perhaps_which() {
        let parse = PlaceArgument::parse;
        assert_eq!(parse("age"), Ok(PlaceArgument::Age(None)));
        assert_eq!(
            parse("file:a:b"),
            Ok(PlaceArgument::File(Some("a:b".to_owned())))
        );
        assert_eq!(parse("prompt"), Ok(PlaceArgument::Prompt));
        for text in [
            "",
            "env",
            "env:",
            "prompt:x",
            "command:ls",
            "hunter2",
            "Age",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("expected where"), "{text}");
            assert!(!error.contains("hunter2"));
        }
    }
}
