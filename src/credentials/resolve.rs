//! Fetches secrets from where they are.
//!
//! What is fetched goes into a [`SecretString`] and is not looked at again here. No error quotes it,
//! no child process gets it.

use super::age_file::AgeError;
use super::file::{FileError, inspect, read_public, read_secret, wipe};
use super::keyring::KeyringError;
use super::vault::{self, AGE_TIME};
use super::{Credential, CredentialsFile, Method, SecretRef, Winrm, WinrmProof};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// The secrets of a credential. Fetched once, before the run.
///
/// # Errors
/// When a secret is not where the file says, is nothing that could be one, or others may read it.
pub async fn secrets(
    credential: &Credential,
    sources: &Sources<'_>,
) -> Result<Secrets, ResolveError> {
    match &credential.method {
        Method::SshKey { key, passphrase }
        | Method::SshCert {
            key, passphrase, ..
        } => {
            let certificate = match &credential.method {
                Method::SshCert { certificate, .. } => {
                    let read = read_public(&sources.place(certificate), LONGEST);
                    Some(read.map_err(ResolveError::File)?)
                }
                _ => None,
            };
            let ask = format!("Passphrase of the key of {}: ", credential.id);
            let passphrase = match passphrase {
                Some(place) => Some(secret(place, &ask, sources).await?),
                None => None,
            };
            let key = key_text(key, sources).await?;
            Ok(Secrets::Key {
                key,
                passphrase,
                certificate,
            })
        }
        Method::Winrm(Winrm {
            proof: WinrmProof::Certificate { certificate, key },
            ..
        }) => {
            let certificate = read_public(&sources.place(certificate), LONGEST);
            Ok(Secrets::Certificate {
                certificate: certificate.map_err(ResolveError::File)?,
                key: key_text(key, sources).await?,
            })
        }
        Method::SshPassword { password, .. }
        | Method::Winrm(Winrm {
            proof: WinrmProof::Password(password),
            ..
        }) => {
            let ask = format!("Password of {} ({}): ", credential.user, credential.id);
            let password = secret(password, &ask, sources).await?;
            Ok(Secrets::Password { password })
        }
        Method::SshAgent {
            socket,
            fingerprint,
        } => Ok(Secrets::Agent {
            socket: socket.as_deref().map(|path| sources.place(path)),
            fingerprint: fingerprint.clone(),
        }),
    }
}

/// The password that sudo is told, where the credential says so and it is not the login's own.
///
/// # Errors
/// As for [`secrets`].
pub async fn sudo_password(
    credential: &Credential,
    sources: &Sources<'_>,
) -> Result<Option<SecretString>, ResolveError> {
    let Some(place) = &credential.sudo_password else {
        return Ok(None);
    };
    let ask = format!(
        "Password for sudo of {} ({}): ",
        credential.user, credential.id
    );
    secret(place, &ask, sources).await.map(Some)
}

/// What proves an account, ready for a session.
#[derive(Debug)]
pub enum Secrets {
    /// A private key.
    Key {
        /// Its text.
        key: SecretString,
        /// What opens it.
        passphrase: Option<SecretString>,
        /// The text of its OpenSSH certificate.
        certificate: Option<Vec<u8>>,
    },
    /// A certificate and its private key.
    Certificate {
        /// The certificate's text.
        certificate: Vec<u8>,
        /// The key's text.
        key: SecretString,
    },
    /// Keys that stay in an agent.
    Agent {
        /// The agent's socket; else the environment's.
        socket: Option<PathBuf>,
        /// The one key to offer, as `SHA256:…`.
        fingerprint: Option<String>,
    },
    /// A password.
    Password {
        /// The password.
        password: SecretString,
    },
}

/// Looks up an environment variable.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// Asks the operator for a secret, with this question.
pub type Prompt<'a> = dyn Fn(&str) -> io::Result<SecretString> + Sync + 'a;

/// Where secrets may come from, handed in by whoever knows the environment and the terminal.
pub struct Sources<'a> {
    env: &'a Environment<'a>,
    prompt: Option<&'a Prompt<'a>>,
    folder: &'a Path,
    hidden: BTreeSet<String>,
    /// Passphrases that were asked for, by the file that they open: nobody is asked twice.
    asked: Mutex<BTreeMap<PathBuf, SecretString>>,
}

impl<'a> Sources<'a> {
    /// The sources for a credentials file at a path. Without `prompt` (no terminal, or
    /// `--no-input`), nobody is asked; [`ask_on_terminal`] is one.
    pub fn new(
        file: &CredentialsFile,
        path: &'a Path,
        env: &'a Environment<'a>,
        prompt: Option<&'a Prompt<'a>>,
    ) -> Self {
        Self {
            env,
            prompt,
            folder: path.parent().unwrap_or(Path::new("")),
            hidden: file.secret_variables(),
            asked: Mutex::default(),
        }
    }

    /// A path of the file: `~/` is the home, else relative to the credentials file's folder.
    pub(super) fn place(&self, path: &Path) -> PathBuf {
        let home = (self.env)("HOME").or_else(|| (self.env)("USERPROFILE"));
        match (path.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => Path::new(&home).join(rest),
            _ => self.folder.join(path),
        }
    }

    /// What can be seen from outside of the files of a secret that would keep it from being used: one is
    /// not there, or others could get at it. Opens nothing.
    pub fn unfit(&self, place: &SecretRef) -> Vec<FileError> {
        let look = |path: &Path, is_secret| inspect(&self.place(path), is_secret).err();
        match place {
            SecretRef::File(path) => look(path, true).into_iter().collect(),
            SecretRef::Age(age) => {
                let identity = age.identity.as_deref().and_then(|path| look(path, true));
                look(&age.file, false).into_iter().chain(identity).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The passphrase of a file, from the operator: asked for once, however many secrets are behind it.
    pub(super) fn passphrase(&self, of: &Path) -> Result<SecretString, ResolveError> {
        let mut asked = self.asked();
        if let Some(known) = asked.get(of) {
            return Ok(known.clone());
        }
        let prompt = self.prompt.ok_or(ResolveError::NoPrompt)?;
        let passphrase = prompt(&format!("Passphrase of {}: ", of.display()));
        let passphrase = passphrase.map_err(ResolveError::Prompt)?;
        asked.insert(of.to_owned(), passphrase.clone());
        Ok(passphrase)
    }

    /// Takes the passphrase of a file for asked and answered.
    pub(super) fn remember(&self, of: &Path, passphrase: &SecretString) {
        self.asked().insert(of.to_owned(), passphrase.clone());
    }

    /// Forgets what was asked: it was wrong.
    pub(super) fn forget(&self) {
        self.asked().clear();
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<PathBuf, SecretString>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("folder", &self.folder)
            .field("prompt", &self.prompt.is_some())
            .finish_non_exhaustive()
    }
}

/// Asks on the terminal, without echo. Blocks until the operator answers.
///
/// # Errors
/// When there is no terminal.
pub fn ask_on_terminal(question: &str) -> io::Result<SecretString> {
    rpassword::prompt_password(question).map(SecretString::from)
}

/// Why a secret was not fetched. None quotes what it found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The variable is not set.
    #[error("environment variable {name} is not set")]
    NoVariable {
        /// The variable.
        name: String,
    },
    /// The file does not read.
    #[error("the secret's file is not used")]
    File(#[source] FileError),
    /// The program does not start.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The program's output does not read.
    #[error("cannot read what {program} prints")]
    Output {
        /// The program.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The program failed.
    #[error("{program} failed ({status}); run it by hand to see why")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The program does not come to an end.
    #[error("{program} did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// There is nobody to ask.
    #[error(
        "a prompt needs a terminal and no --no-input; use env, file, keyring, command, or an age file with an identity instead"
    )]
    NoPrompt,
    /// The operator could not be asked.
    #[error("cannot ask for the secret")]
    Prompt(#[source] io::Error),
    /// There was nothing.
    #[error("the secret from {from} is empty")]
    Empty {
        /// The kind of place: `env`, `file`, `command`.
        from: &'static str,
    },
    /// There was more than a secret.
    #[error("the secret from {from} is longer than {LONGEST} bytes")]
    TooLong {
        /// The kind of place.
        from: &'static str,
    },
    /// There was more than one line. Sent as it is it would be a wrong password, and count.
    #[error("the secret from {from} has more than one line; expected the secret alone")]
    ManyLines {
        /// The kind of place.
        from: &'static str,
    },
    /// It is not text.
    #[error("the secret from {from} is not UTF-8 text")]
    NotText {
        /// The kind of place.
        from: &'static str,
    },
    /// The keyring did not do.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The file that age encrypted does not open.
    #[error("cannot open {path}")]
    Age {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: AgeError,
    },
    /// The file that age encrypted costs more than it may.
    #[error("{path} did not open within {} s; encrypt it anew", AGE_TIME.as_secs())]
    AgeTimedOut {
        /// The file.
        path: PathBuf,
    },
}

/// The longest secret, in bytes.
pub(super) const LONGEST: u64 = 64 * 1024;

/// How long a program may take: somebody may have to touch a token.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// A password or passphrase: one line.
pub(super) async fn secret(
    place: &SecretRef,
    ask: &str,
    sources: &Sources<'_>,
) -> Result<SecretString, ResolveError> {
    let from = place.as_str();
    match place {
        SecretRef::Literal(secret) => Ok(secret.clone()),
        SecretRef::Prompt => {
            let prompt = sources.prompt.ok_or(ResolveError::NoPrompt)?;
            prompt(ask).map_err(ResolveError::Prompt)
        }
        _ => one_line(fetch(place, sources).await?, from),
    }
}

/// A private key: many lines, as they are.
async fn key_text(place: &SecretRef, sources: &Sources<'_>) -> Result<SecretString, ResolveError> {
    let from = place.as_str();
    match place {
        SecretRef::Literal(secret) => Ok(secret.clone()),
        // Nobody types a key.
        SecretRef::Prompt => Err(ResolveError::NoPrompt),
        _ => text(fetch(place, sources).await?, from).map(SecretString::from),
    }
}

/// What is at a place, as it is.
async fn fetch(place: &SecretRef, sources: &Sources<'_>) -> Result<Vec<u8>, ResolveError> {
    match place {
        SecretRef::Env(name) => {
            let value = (sources.env)(name).map(String::into_bytes);
            value.ok_or_else(|| ResolveError::NoVariable { name: name.clone() })
        }
        SecretRef::File(path) => {
            read_secret(&sources.place(path), LONGEST).map_err(ResolveError::File)
        }
        SecretRef::Command(argv) => run(argv, sources, COMMAND_TIME).await,
        SecretRef::Keyring(name) => vault::keyring(name).await,
        SecretRef::Age(place) => vault::age(place, sources).await,
        // Who can be asked was, and what stands there was taken.
        SecretRef::Literal(_) | SecretRef::Prompt => Err(ResolveError::NoPrompt),
    }
}

/// What a program prints. It gets no input and none of our secrets; its complaints go to our
/// standard error, never into our logs.
async fn run(
    argv: &[String],
    sources: &Sources<'_>,
    limit: Duration,
) -> Result<Vec<u8>, ResolveError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(ResolveError::Empty { from: "command" });
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    for variable in &sources.hidden {
        command.env_remove(variable);
    }
    match tokio::time::timeout(limit, output(command, program)).await {
        Ok(output) => output,
        Err(_) => Err(ResolveError::TimedOut {
            program: program.clone(),
            limit,
        }),
    }
}

async fn output(mut command: Command, program: &str) -> Result<Vec<u8>, ResolveError> {
    let failed = |source| ResolveError::Output {
        program: program.to_owned(),
        source,
    };
    let mut child = command.spawn().map_err(|source| ResolveError::Start {
        program: program.to_owned(),
        source,
    })?;
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(LONGEST + 1).read_to_end(&mut bytes).await;
        read.map_err(failed)?;
    }
    // More than the cap: the child may never end, and is killed when dropped.
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        wipe(bytes);
        return Err(ResolveError::TooLong { from: "command" });
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(bytes);
    }
    wipe(bytes);
    Err(ResolveError::Failed {
        program: program.to_owned(),
        status,
    })
}

/// Takes one newline off the end, and wants no other.
pub(super) fn one_line(bytes: Vec<u8>, from: &'static str) -> Result<SecretString, ResolveError> {
    let mut line = text(bytes, from)?;
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    }
    let (empty, many) = (line.is_empty(), line.contains(['\n', '\r', '\0']));
    let secret = SecretString::from(line);
    match (empty, many) {
        (true, _) => Err(ResolveError::Empty { from }),
        (_, true) => Err(ResolveError::ManyLines { from }),
        _ => Ok(secret),
    }
}

pub(super) fn text(bytes: Vec<u8>, from: &'static str) -> Result<String, ResolveError> {
    if bytes.is_empty() {
        return Err(ResolveError::Empty { from });
    }
    String::from_utf8(bytes).map_err(|error| {
        wipe(error.into_bytes());
        ResolveError::NotText { from }
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{SECRET, file};
    use super::super::parse;
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::sync::Mutex;

    fn no_env(_: &str) -> Option<String> {
        None
    }

    /// The result of a password credential with this place, as a test may see it.
    async fn password(
        place: &str,
        env: &Environment<'_>,
        prompt: Option<&Prompt<'_>>,
    ) -> Result<Secrets, ResolveError> {
        let text = format!(
            "[[credential]]\nid = 'a'\ntype = 'ssh-password'\nuser = 'u'\npassword = {place}\nscope = ['10.0.0.0/8']\n"
        );
        let file = parse(&text).unwrap();
        let sources = Sources::new(&file, Path::new("/nowhere/credentials.toml"), env, prompt);
        let result = secrets(&file.credentials[0], &sources).await;
        assert!(!format!("{result:?}").contains(SECRET), "{result:?}");
        result
    }

    /// What was fetched. Only tests look.
    fn opened(result: Result<Secrets, ResolveError>) -> String {
        match result {
            Ok(Secrets::Password { password }) => password.expose_secret().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    async fn plain(place: &str) -> Result<Secrets, ResolveError> {
        password(place, &no_env, None).await
    }

    #[test]
    fn one_newline_is_taken_off_and_no_more_than_one_line_is_sent() {
        let is = |text: &str| one_line(text.as_bytes().to_vec(), "file");
        for (text, secret) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            (" se cret ", " se cret "),
        ] {
            assert_eq!(is(text).unwrap().expose_secret(), secret);
        }
        assert!(matches!(is("\n"), Err(ResolveError::Empty { .. })));
        for many in ["user\nsecret\n", "secret\n\n", "a\0b"] {
            assert!(matches!(is(many), Err(ResolveError::ManyLines { .. })));
        }
        let binary = one_line([SECRET.as_bytes(), &[0xff]].concat(), "file").unwrap_err();
        assert!(!format!("{binary:?}").contains("90, 113"));
    }

    #[tokio::test]
    async fn a_variable_comes_from_the_environment_that_is_handed_in() {
        let env = |name: &str| (name == "PASS").then(|| SECRET.to_owned());
        assert_eq!(
            opened(password("{ env = 'PASS' }", &env, None).await),
            SECRET
        );
        let missing = password("{ env = 'OTHER' }", &env, None).await;
        let text = missing.unwrap_err().to_string();
        assert_eq!(text, "environment variable OTHER is not set");
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_no_secret() {
        let (_folder, path) = file(SECRET, 0o644);
        let place = format!("{{ file = '{}' }}", path.display());
        assert!(matches!(
            plain(&place).await,
            Err(ResolveError::File(FileError::SecretReadable { .. }))
        ));
        let (_folder, path) = file(&format!("{SECRET}\n"), 0o600);
        let place = format!("{{ file = '{}' }}", path.display());
        assert_eq!(opened(plain(&place).await), SECRET);
    }

    #[tokio::test]
    async fn paths_start_at_the_home_or_at_the_files_folder() {
        let (folder, _path) = file(SECRET, 0o600);
        let home = folder.path().display().to_string();
        let env = move |name: &str| (name == "HOME").then(|| home.clone());
        assert!(password("{ file = '~/file' }", &env, None).await.is_ok());
        let relative = plain("{ file = 'file' }").await.unwrap_err();
        let ResolveError::File(error) = relative else {
            panic!("{relative}");
        };
        assert_eq!(error.to_string(), "cannot read /nowhere/file");
    }

    #[tokio::test]
    async fn a_program_does_not_inherit_the_variables_that_hold_secrets() {
        let text = "
[[credential]]
id = 'a'
type = 'ssh-password'
user = 'u'
password = { env = 'HOME' }
scope = ['10.0.0.0/8']
";
        let file = parse(text).unwrap();
        let sources = Sources::new(&file, Path::new("c.toml"), &no_env, None);
        let seen = run(&["env".to_owned()], &sources, COMMAND_TIME).await;
        let seen = String::from_utf8(seen.unwrap()).unwrap();
        assert!(seen.lines().any(|line| line.starts_with("PATH=")));
        assert!(!seen.lines().any(|line| line.starts_with("HOME=")));
    }

    #[tokio::test]
    async fn a_program_is_run_without_a_shell() {
        let place = r"{ command = ['printf', '%s\n', 'a;$(id) b'] }";
        assert_eq!(opened(plain(place).await), "a;$(id) b");
        let missing = plain("{ command = ['/no/such/program'] }").await;
        assert!(matches!(missing, Err(ResolveError::Start { .. })));
        let failing = plain("{ command = ['false'] }").await;
        assert!(matches!(failing, Err(ResolveError::Failed { .. })));
        let silent = plain("{ command = ['true'] }").await;
        assert!(matches!(silent, Err(ResolveError::Empty { .. })));
    }

    #[tokio::test]
    async fn a_program_that_floods_or_hangs_is_stopped() {
        let flood = plain("{ command = ['yes'] }").await;
        assert!(matches!(flood, Err(ResolveError::TooLong { .. })));
        let file = parse(include_str!("../../credentials.example.toml")).unwrap();
        let sources = Sources::new(&file, Path::new("c.toml"), &no_env, None);
        let argv = ["sleep", "60"].map(str::to_owned);
        let hang = run(&argv, &sources, Duration::from_millis(50)).await;
        assert!(matches!(hang, Err(ResolveError::TimedOut { .. })));
    }

    #[tokio::test]
    async fn a_key_keeps_its_lines() {
        let pem = "-----BEGIN X-----\nabc\n-----END X-----\n";
        let (_folder, path) = file(pem, 0o600);
        let place = SecretRef::File(path);
        let empty = parse(include_str!("../../credentials.example.toml")).unwrap();
        let sources = Sources::new(&empty, Path::new("c.toml"), &no_env, None);
        let key = key_text(&place, &sources).await.unwrap();
        assert_eq!(key.expose_secret(), pem);
    }

    #[tokio::test]
    async fn nobody_is_asked_where_nobody_can_answer() {
        let refused = plain("{ prompt = true }").await;
        assert!(matches!(refused, Err(ResolveError::NoPrompt)));
        let asked = Mutex::new(String::new());
        let prompt = |question: &str| {
            *asked.lock().unwrap() = question.to_owned();
            Ok(SecretString::from(SECRET))
        };
        let answer = password("{ prompt = true }", &no_env, Some(&prompt)).await;
        assert_eq!(opened(answer), SECRET);
        assert_eq!(*asked.lock().unwrap(), "Password of u (a): ");
    }
}
