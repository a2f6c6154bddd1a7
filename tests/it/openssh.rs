//! Against the authority: a real OpenSSH server, real accounts, real login shells.
//!
//! Off unless `UNDERDESK_PEER_SSHD=/usr/sbin/sshd` is set and we are root, because it creates
//! accounts named `ud-…` (for a container or a CI machine). Servers listen on 127.0.0.0/8 only.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use underdesk::model::{Failure as _, GapCause, HostTrust, LiveHost, ResultCode};
use underdesk::session::{
    Ask, Connector as _, Key, KnownKeys, Limits, LoggedIn, LoginError, MeetError, Met, Password,
    Permit, Proof, Question, QuestionSet, SessionError, Signer, SshConnector, ssh_face,
};

const PASSWORD: &str = "correct horse battery staple";

const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "greet() { printf 'hello %s' \"$1\"; }",
    questions: &[
        Question {
            id: "greeting",
            ask: Ask::Sh("greet world"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
        Question {
            id: "me",
            ask: Ask::Sh("id -un"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
        Question {
            id: "tty",
            ask: Ask::Sh("tty"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
        Question {
            id: "no-tool",
            ask: Ask::Sh("surely_no_such_tool"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
        Question {
            id: "lines",
            ask: Ask::Sh("cat /etc/passwd"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
    ],
};

// ---- the server ----

/// The real sshd, or `None` with a loud word where the tests are off.
fn peer() -> Option<PathBuf> {
    let root = fs::metadata("/proc/self").is_ok_and(|meta| {
        use std::os::unix::fs::MetadataExt as _;
        meta.uid() == 0
    });
    match std::env::var_os("UNDERDESK_PEER_SSHD") {
        Some(path) if root => Some(path.into()),
        _ => {
            eprintln!("SKIPPED: set UNDERDESK_PEER_SSHD=/usr/sbin/sshd and be root to run this");
            None
        }
    }
}

struct Sshd {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 31);

impl Sshd {
    fn start(sshd: &Path, config: &str) -> Self {
        accounts();
        fs::create_dir_all("/run/sshd").unwrap();
        let folder = TempDir::new().unwrap();
        // Accounts other than root read the authorised keys.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for kind in ["ed25519", "ecdsa", "rsa"] {
            keygen(&folder.path().join(format!("host_{kind}")), &["-t", kind]);
        }
        keygen(&folder.path().join("id"), &["-t", "ed25519"]);
        let port = TcpListener::bind((ADDRESS, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let at = folder.path().display();
        let keys = ["ed25519", "ecdsa", "rsa"].map(|kind| format!("HostKey {at}/host_{kind}\n"));
        let keys = if config.contains("HostKey ") {
            config.replace("FOLDER", &at.to_string())
        } else {
            format!("{}{config}", keys.concat())
        };
        // The first value of an option counts, so what a test says comes before the defaults.
        let text = format!(
            "ListenAddress {ADDRESS}:{port}\n{keys}\nAuthorizedKeysFile {at}/id.pub\n\
             StrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication yes\n\
             KbdInteractiveAuthentication no\nLogLevel DEBUG1\n"
        );
        // Of this option the last value counts.
        let startups = if config.contains("MaxStartups") {
            ""
        } else {
            "MaxStartups 100\n"
        };
        let text = text + startups;
        // Match blocks end only at the end of the file.
        let (matches, plain): (Vec<_>, Vec<_>) = split_matches(&text);
        fs::write(
            folder.path().join("config"),
            format!("{}\n{}\n", plain.join("\n"), matches.join("\n")),
        )
        .unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-f"])
            .arg(folder.path().join("config"))
            .arg("-E")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            port,
            folder,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect((ADDRESS, self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", self.log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn host(&self) -> LiveHost {
        LiveHost {
            address: IpAddr::V4(ADDRESS),
            name: Some("db1.example".into()),
            tags: Arc::new([]),
            open_ports: vec![self.port],
            round_trip: None,
        }
    }

    /// A `known_hosts` line for this server.
    fn known_line(&self, host: &str, kind: &str) -> String {
        let key = fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        let mut words = key.split(' ');
        let (kind, key) = (words.next().unwrap(), words.next().unwrap());
        format!("[{host}]:{} {kind} {key}\n", self.port)
    }

    fn known(&self) -> KnownKeys {
        let mut known = KnownKeys::default();
        known.add_known_hosts(&self.known_line("127.0.0.31", "ed25519"));
        known
    }

    async fn meet(&self, known: KnownKeys) -> Result<Met, MeetError> {
        let connector = SshConnector::new(Arc::new(known));
        connector
            .meet(&self.host(), self.port, &Limits::default())
            .await
    }

    async fn key_login(&self, user: &str) -> Result<LoggedIn, LoginError> {
        let key = Arc::new(read_key(&self.path("id"), None));
        self.signer_login(user, Signer::Keys(&[key])).await
    }

    async fn signer_login(&self, user: &str, by: Signer<'_>) -> Result<LoggedIn, LoginError> {
        let Met::Stranger(peer) = self.meet(KnownKeys::default()).await.unwrap() else {
            panic!("nothing is known, yet it was verified");
        };
        peer.log_in_with_keys(user, by, &Limits::default()).await
    }

    async fn password_login(&self, user: &str, password: &str) -> Result<LoggedIn, LoginError> {
        let Met::Verified(peer) = self.meet(self.known()).await.unwrap() else {
            panic!("the key is known, yet it was not verified");
        };
        let password = Password::new(password);
        let proof = Proof::Password(&password, Permit::for_a_reserved_try());
        peer.log_in(user, proof, &Limits::default()).await
    }
}

fn split_matches(text: &str) -> (Vec<&str>, Vec<&str>) {
    text.lines()
        .partition(|line| line.starts_with("Match ") || line.starts_with("  "))
}

fn keygen(path: &Path, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-f"]).arg(path).args(arguments);
    if !arguments.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(command.status().unwrap().success(), "{arguments:?}");
}

fn read_key(path: &Path, passphrase: Option<&str>) -> Key {
    let pem = fs::read_to_string(path).unwrap().into();
    let passphrase = passphrase.map(|text| text.to_owned().into());
    Key::parse(&pem, passphrase.as_ref()).unwrap()
}

// ---- the accounts ----

/// Account and login shell.
const ACCOUNTS: &[(&str, &str)] = &[
    ("ud-bash", "/bin/bash"),
    ("ud-dash", "/bin/dash"),
    ("ud-zsh", "/usr/bin/zsh"),
    ("ud-fish", "/usr/bin/fish"),
    ("ud-tcsh", "/usr/bin/tcsh"),
    ("ud-csh", "/bin/csh"),
    ("ud-mksh", "/bin/mksh"),
    ("ud-ksh", "/bin/ksh"),
    ("ud-rbash", "/bin/rbash"),
    ("ud-ash", "/usr/local/lib/underdesk-test/ash"),
    ("ud-nologin", "/usr/sbin/nologin"),
    ("ud-false", "/bin/false"),
    ("ud-noshell", "/no/such/shell"),
    ("ud-nosh", "/bin/bash"),
    ("ud-old", "/bin/bash"),
    ("ud-gone", "/bin/bash"),
];

fn accounts() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new("/usr/local/lib/underdesk-test");
        fs::create_dir_all(folder).unwrap();
        symlink("/bin/busybox", folder.join("ash")).ok();
        for (name, shell) in ACCOUNTS {
            let mut add = Command::new("useradd");
            add.args(["-m", "-s", shell, name]).stderr(Stdio::null());
            add.status().unwrap();
            let mut chpasswd = Command::new("chpasswd")
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = chpasswd.stdin.take().unwrap();
            writeln!(stdin, "{name}:{PASSWORD}").unwrap();
            drop(stdin);
            assert!(chpasswd.wait().unwrap().success());
            make_noisy(&Path::new("/home").join(name));
        }
        fs::write("/home/ud-nosh/.bashrc", "PATH=/nowhere\n").unwrap();
        chage(&["-d", "0", "ud-old"]);
        chage(&["-E", "0", "ud-gone"]);
    });
}

fn chage(arguments: &[&str]) {
    assert!(
        Command::new("chage")
            .args(arguments)
            .status()
            .unwrap()
            .success()
    );
}

/// rc files that print, also what looks like a frame, and on standard error.
fn make_noisy(home: &Path) {
    let marker = "00112233445566778899aabbccddeeff";
    let noise = format!(
        "echo 'Welcome to production'\necho '{marker} B greeting'\necho fake\n\
         echo '{marker} E greeting 0'\necho '{marker} DONE'\n"
    );
    for name in [
        ".bashrc", ".zshenv", ".cshrc", ".tcshrc", ".mkshrc", ".kshrc", ".profile",
    ] {
        fs::write(home.join(name), &noise).unwrap();
    }
    let fish = home.join(".config/fish");
    fs::create_dir_all(&fish).unwrap();
    fs::set_permissions(home.join(".config"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&fish, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(fish.join("config.fish"), &noise).unwrap();
}

// ---- shells ----

#[tokio::test]
async fn every_login_shell_answers_however_noisy_its_rc_files_are() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let shells = [
        "ud-bash", "ud-dash", "ud-zsh", "ud-fish", "ud-tcsh", "ud-csh", "ud-mksh", "ud-ksh",
        "ud-rbash", "ud-ash", "ud-nosh",
    ];
    for user in shells {
        let mut login = server.key_login(user).await.unwrap();
        assert_eq!(login.method, "publickey");
        let answers = login.session.ask(&SET, &Limits::default()).await;
        let answers = answers.unwrap_or_else(|error| panic!("{user}: {error}"));
        assert_eq!(answers.text("greeting"), Ok("hello world"), "{user}");
        assert_eq!(answers.text("me"), Ok(format!("{user}\n").as_str()));
        let cause = |id| answers.text(id).unwrap_err().cause;
        assert_eq!(cause("no-tool"), GapCause::Missing, "{user}");
        assert_eq!(
            cause("tty"),
            GapCause::Denied,
            "{user}: no terminal is asked for"
        );
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        assert_eq!(answers.text("lines"), Ok(passwd.as_str()), "{user}");
        login.session.close().await;
    }
}

async fn why_no_answers(server: &Sshd, user: &str) -> SessionError {
    let mut login = server.key_login(user).await.unwrap();
    let answers = login.session.ask(&SET, &Limits::default()).await;
    answers.unwrap_err()
}

#[tokio::test]
async fn its_key_is_seen_without_naming_an_account() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let face = ssh_face(ADDRESS.into(), server.port, &Limits::default()).await;
    let face = face.unwrap();
    assert!(
        face.banner.starts_with("SSH-2.0-OpenSSH_"),
        "{}",
        face.banner
    );
    let key = face.key.unwrap();
    assert_eq!(key.algorithm, "ssh-ed25519");
    let file = server.path("host_ed25519.pub");
    let print = Command::new("ssh-keygen").arg("-lf").arg(file).output();
    let print = print.unwrap().stdout;
    let print = String::from_utf8(print).unwrap();
    assert!(print.contains(&key.fingerprint), "{print}");
    let log = server.log();
    for words in [
        "Invalid user",
        "Failed",
        "Connection closed by authenticating",
    ] {
        assert!(!log.contains(words), "{log}");
    }
}

#[tokio::test]
async fn an_account_without_a_shell_is_said_to_have_none() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let error = why_no_answers(&server, "ud-nologin").await;
    assert_eq!(error.code(), ResultCode::ShellDenied);
    assert!(error.to_string().contains("not available"), "{error}");
    let error = why_no_answers(&server, "ud-false").await;
    assert_eq!(error.code(), ResultCode::ShellDenied);
    // sshd lets nobody in whose shell does not exist.
    let error = server.key_login("ud-noshell").await.unwrap_err();
    assert_eq!(error.code(), ResultCode::AuthRejected);
}

#[tokio::test]
async fn a_forced_command_is_no_shell() {
    let Some(sshd) = peer() else { return };
    for command in [
        "/bin/echo backup done",
        "internal-sftp",
        "/bin/cat",
        "/bin/true",
    ] {
        let server = Sshd::start(&sshd, &format!("ForceCommand {command}\n"));
        let mut login = server.key_login("ud-bash").await.unwrap();
        let limits = Limits::until(tokio::time::Instant::now() + Duration::from_secs(4));
        let error = login.session.ask(&SET, &limits).await.unwrap_err();
        assert_eq!(
            error.code(),
            ResultCode::ShellRestricted,
            "{command}: {error}"
        );
    }
}

#[tokio::test]
async fn an_expired_password_is_told_apart() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "UsePAM yes\n");
    let error = why_no_answers(&server, "ud-old").await;
    assert_eq!(error.code(), ResultCode::PasswordExpired, "{error}");
    let error = server.key_login("ud-gone").await.unwrap_err();
    assert_eq!(
        error.code(),
        ResultCode::AccountExpired,
        "{error:?} {}",
        server.log()
    );
}

// ---- keys ----

#[tokio::test]
async fn keys_of_every_kind_and_format_open_the_door() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let secret = "open sesame";
    let kinds: &[&[&str]] = &[
        &["-t", "ed25519"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
        &["-t", "ecdsa", "-m", "PKCS8"],
        &["-t", "ed25519", "-N", secret],
        &["-t", "ed25519", "-N", secret, "-Z", "aes256-cbc"],
        &[
            "-t",
            "ed25519",
            "-N",
            secret,
            "-Z",
            "aes256-gcm@openssh.com",
        ],
        &[
            "-t",
            "ed25519",
            "-N",
            secret,
            "-Z",
            "chacha20-poly1305@openssh.com",
        ],
        &["-t", "rsa", "-b", "2048", "-N", secret],
        &["-t", "rsa", "-b", "2048", "-N", secret, "-m", "PKCS8"],
        &["-t", "rsa", "-b", "2048", "-N", secret, "-m", "PEM"],
    ];
    let mut trouble = Vec::new();
    for (index, arguments) in kinds.iter().enumerate() {
        let path = server.path(&format!("key{index}"));
        keygen(&path, arguments);
        fs::copy(path.with_extension("pub"), server.path("id.pub")).unwrap();
        let passphrase = arguments.contains(&"-N").then_some(secret);
        let pem = fs::read_to_string(&path).unwrap().into();
        let passphrase = passphrase.map(|text| text.to_owned().into());
        let key = match Key::parse(&pem, passphrase.as_ref()) {
            Ok(key) => Arc::new(key),
            Err(error) => {
                trouble.push(format!("{arguments:?}: {error}"));
                continue;
            }
        };
        let login = server.signer_login("ud-bash", Signer::Keys(&[key])).await;
        if let Err(error) = login {
            trouble.push(format!("{arguments:?}: {error}"));
        }
    }
    assert!(trouble.is_empty(), "{trouble:#?}");
}

#[tokio::test]
async fn at_most_five_keys_are_offered() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let mut keys = Vec::new();
    for index in 0..7 {
        let path = server.path(&format!("other{index}"));
        keygen(&path, &["-t", "ed25519"]);
        keys.push(Arc::new(read_key(&path, None)));
    }
    let error = server.signer_login("ud-bash", Signer::Keys(&keys)).await;
    let error = error.unwrap_err();
    let LoginError::KeysRefused(refusal) = &error else {
        panic!("{error}");
    };
    assert_eq!(refusal.keys_offered, 5);
    assert_eq!(refusal.remaining, "publickey,password");
    assert!(!error.counts());
    let offered = server
        .log()
        .matches("userauth_pubkey: publickey test")
        .count();
    assert_eq!(offered, 5, "{}", server.log());
}

#[tokio::test]
async fn an_agent_signs_for_us() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    for arguments in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"]] {
        let (key, socket) = (server.path(arguments[1]), server.path("agent"));
        keygen(&key, arguments);
        fs::copy(key.with_extension("pub"), server.path("id.pub")).unwrap();
        let mut agent = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let add = Command::new("ssh-add")
            .arg("-q")
            .arg(&key)
            .env("SSH_AUTH_SOCK", &socket)
            .status();
        assert!(add.unwrap().success());
        let login = server
            .signer_login(
                "ud-bash",
                Signer::Agent {
                    socket: &socket,
                    only: None,
                    most: 5,
                },
            )
            .await;
        agent.kill().unwrap();
        agent.wait().unwrap();
        fs::remove_file(&socket).ok();
        assert_eq!(login.unwrap().method, "publickey");
    }
}

#[tokio::test]
async fn the_named_key_of_an_agent_gets_in_where_it_would_have_come_too_late() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let socket = server.path("agent");
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    for number in 0..7 {
        let key = server.path(&format!("key-{number}"));
        keygen(&key, &["-t", "ed25519"]);
        let add = Command::new("ssh-add")
            .arg("-q")
            .arg(&key)
            .env("SSH_AUTH_SOCK", &socket)
            .status();
        assert!(add.unwrap().success());
    }
    // The last of seven.
    let last = server.path("key-6");
    fs::copy(last.with_extension("pub"), server.path("id.pub")).unwrap();
    let fingerprint = read_key(&last, None).public().fingerprint;
    let offer = |only| Signer::Agent {
        socket: &socket,
        only,
        most: 5,
    };
    let any = server.signer_login("ud-bash", offer(None)).await;
    let named = server
        .signer_login("ud-bash", offer(Some(&fingerprint)))
        .await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(any.unwrap_err().keys_offered(), Some(5));
    assert_eq!(named.unwrap().method, "publickey");
}

#[tokio::test]
async fn a_host_that_wants_more_than_a_key_says_so() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "AuthenticationMethods publickey,password\n");
    let error = server.key_login("ud-bash").await.unwrap_err();
    assert!(matches!(error, LoginError::MoreWanted { .. }), "{error}");
    assert!(!error.counts());
}

// ---- sudo ----

/// Lets one account be root as `explain questions` says, and takes it back in the end.
struct Sudoers;

impl Sudoers {
    const FILE: &str = "/etc/sudoers.d/underdesk-test";

    fn letting(user: &str) -> Option<Self> {
        if !Path::new("/usr/bin/sudo").exists() {
            eprintln!("SKIPPED: sudo is not installed");
            return None;
        }
        let line = format!("{user} ALL=(root) NOPASSWD: /usr/bin/sh -s, /bin/sh -s\n");
        fs::write(Self::FILE, line).unwrap();
        fs::set_permissions(Self::FILE, fs::Permissions::from_mode(0o440)).unwrap();
        Some(Self)
    }
}

impl Drop for Sudoers {
    fn drop(&mut self) {
        fs::remove_file(Self::FILE).ok();
    }
}

#[tokio::test]
async fn a_real_sudo_lets_the_account_that_its_rules_name_and_no_other() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let Some(_rules) = Sudoers::letting("ud-rbash") else {
        return;
    };
    let mut login = server.key_login("ud-rbash").await.unwrap();
    let limits = Limits::default();
    // The account's own answers come first, on the same connection.
    let own = login.session.ask(&SET, &limits).await.unwrap();
    assert_eq!(own.text("me"), Ok("ud-rbash\n"));
    let root = login.session.ask_as_root(&SET, &limits).await.unwrap();
    assert_eq!(root.text("me"), Ok("root\n"));
    assert_eq!(root.text("greeting"), Ok("hello world"));

    let mut login = server.key_login("ud-dash").await.unwrap();
    let refused = login.session.ask_as_root(&SET, &limits).await.unwrap_err();
    assert_eq!(refused.code(), ResultCode::SudoDenied, "{refused}");
    assert!(refused.to_string().contains("password"), "{refused}");
    // And the connection is still good.
    let own = login.session.ask(&SET, &limits).await.unwrap();
    assert_eq!(own.text("me"), Ok("ud-dash\n"));
}

// ---- passwords ----

#[tokio::test]
async fn a_password_goes_by_the_method_that_the_host_takes() {
    let Some(sshd) = peer() else { return };
    let cases = [
        ("UsePAM no\n", "password"),
        ("UsePAM yes\n", "password"),
        (
            "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
            "keyboard-interactive",
        ),
    ];
    for (config, method) in cases {
        let server = Sshd::start(&sshd, config);
        let mut login = server.password_login("ud-bash", PASSWORD).await.unwrap();
        assert_eq!((login.method, login.secret_sent), (method, true));
        let answers = login.session.ask(&SET, &Limits::default()).await.unwrap();
        assert_eq!(answers.text("me"), Ok("ud-bash\n"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let Some(sshd) = peer() else { return };
    let cases = [
        "UsePAM no\n",
        "UsePAM yes\nKbdInteractiveAuthentication yes\n",
        "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
    ];
    for config in cases {
        let server = Sshd::start(&sshd, config);
        let error = server.password_login("ud-bash", "wrong").await.unwrap_err();
        assert!(matches!(error, LoginError::PasswordRefused(_)), "{error}");
        assert!(error.counts());
        assert_eq!(error.code(), ResultCode::AuthRejected);
        let log = server.log();
        assert_eq!(
            log.matches("Failed password").count()
                + log.matches("PAM: Authentication failure").count(),
            1,
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_host_that_takes_no_password_gets_none() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "PasswordAuthentication no\n");
    let error = server
        .password_login("ud-bash", PASSWORD)
        .await
        .unwrap_err();
    assert!(matches!(error, LoginError::NoSuchMethod { .. }), "{error}");
    assert!(!error.secret_sent());
}

#[tokio::test]
async fn an_expired_account_with_a_right_password_is_told_apart() {
    let Some(sshd) = peer() else { return };
    for config in [
        "UsePAM yes\n",
        "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\n",
    ] {
        let server = Sshd::start(&sshd, config);
        let error = server
            .password_login("ud-gone", PASSWORD)
            .await
            .unwrap_err();
        assert_eq!(error.code(), ResultCode::AccountExpired, "{error:?}");
        let code = match server.password_login("ud-old", PASSWORD).await {
            Ok(mut login) => {
                let answers = login.session.ask(&SET, &Limits::default()).await;
                answers.unwrap_err().code()
            }
            Err(error) => error.code(),
        };
        assert_eq!(code, ResultCode::PasswordExpired, "{config}");
    }
}

#[tokio::test]
async fn the_hosts_banner_is_kept() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "Banner /etc/shells\n");
    let login = server.key_login("ud-bash").await.unwrap();
    assert!(login.said.contains("/bin/sh"), "{}", login.said);
}

// ---- trust ----

#[tokio::test]
async fn the_server_is_known_by_any_of_its_keys_and_by_either_name() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    for kind in ["ed25519", "ecdsa", "rsa"] {
        for host in ["127.0.0.31", "db1.example"] {
            let mut known = KnownKeys::default();
            known.add_known_hosts(&server.known_line(host, kind));
            let met = server.meet(known).await.unwrap();
            assert_eq!(met.trust(), HostTrust::KnownHosts, "{kind} {host}");
            assert!(met.banner().starts_with("SSH-2.0-OpenSSH"));
        }
    }
}

#[tokio::test]
async fn openssh_hashes_are_understood() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let file = server.path("known");
    let lines = server.known_line("127.0.0.31", "rsa") + "other.example ssh-rsa AAAA\n";
    fs::write(&file, lines).unwrap();
    let mut hash = Command::new("ssh-keygen");
    hash.args(["-q", "-H", "-f"])
        .arg(&file)
        .stderr(Stdio::null());
    assert!(hash.status().unwrap().success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
    let mut known = KnownKeys::default();
    known.add_known_hosts(&text);
    let met = server.meet(known).await.unwrap();
    assert_eq!(met.trust(), HostTrust::KnownHosts);
}

#[tokio::test]
async fn a_changed_or_revoked_key_ends_it() {
    let Some(sshd) = peer() else { return };
    let (server, other) = (Sshd::start(&sshd, ""), Sshd::start(&sshd, ""));
    let mut known = KnownKeys::default();
    let line = other.known_line("127.0.0.31", "ed25519");
    known.add_known_hosts(&line.replace(&other.port.to_string(), &server.port.to_string()));
    let error = server.meet(known).await.unwrap_err();
    assert_eq!(error.code(), ResultCode::HostkeyChanged, "{error}");

    let mut known = server.known();
    let line = server.known_line("127.0.0.31", "ed25519");
    known.add_known_hosts(&format!("@revoked {line}"));
    let error = server.meet(known).await.unwrap_err();
    assert!(error.to_string().contains("revoked"), "{error}");
}

#[tokio::test]
async fn a_server_with_nothing_safe_to_offer_is_a_mismatch() {
    let Some(sshd) = peer() else { return };
    for config in [
        "KexAlgorithms diffie-hellman-group14-sha1\n",
        "HostKeyAlgorithms ssh-rsa\n",
        "Ciphers aes128-cbc\n",
        "MACs hmac-sha1\nCiphers aes128-ctr\n",
    ] {
        let server = Sshd::start(&sshd, config);
        let error = server.meet(KnownKeys::default()).await.unwrap_err();
        assert_eq!(error.code(), ResultCode::KexMismatch, "{config}: {error}");
    }
}

#[tokio::test]
async fn every_modern_algorithm_that_openssh_speaks_works() {
    let Some(sshd) = peer() else { return };
    for config in [
        "KexAlgorithms ecdh-sha2-nistp521\nCiphers aes256-ctr\nMACs hmac-sha2-512\n",
        "KexAlgorithms diffie-hellman-group-exchange-sha256\nCiphers chacha20-poly1305@openssh.com\n",
        "KexAlgorithms diffie-hellman-group16-sha512\nCiphers aes256-gcm@openssh.com\n",
        "KexAlgorithms diffie-hellman-group14-sha256\nCiphers aes128-ctr\nMACs hmac-sha2-256-etm@openssh.com\n",
        "HostKeyAlgorithms rsa-sha2-256\n",
        "HostKeyAlgorithms rsa-sha2-512\nRekeyLimit 256K\n",
    ] {
        let server = Sshd::start(&sshd, config);
        let mut login = server.key_login("ud-bash").await.unwrap();
        let answers = login.session.ask(&BULK, &Limits::default()).await;
        let answers = answers.unwrap();
        assert_eq!(
            answers.text("bulk").map(str::len),
            Ok(4_000_000),
            "{config}"
        );
    }
}

const BULK: QuestionSet = QuestionSet {
    name: "bulk",
    prelude: "",
    questions: &[Question {
        id: "bulk",
        ask: Ask::Sh("head -c 4000000 /dev/zero"),
        why: "",
        needs: underdesk::session::Needs::Login,
        loss: "",
    }],
};

// ---- load ----

const FLOOD: QuestionSet = QuestionSet {
    name: "flood",
    prelude: "",
    questions: &[
        Question {
            id: "before",
            ask: Ask::Sh("echo fine"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
        Question {
            id: "flood",
            ask: Ask::Sh("yes"),
            why: "",
            needs: underdesk::session::Needs::Login,
            loss: "",
        },
    ],
};

#[tokio::test]
async fn output_without_end_is_cut_off_soon() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "");
    let mut login = server.key_login("ud-bash").await.unwrap();
    let begun = Instant::now();
    let answers = login.session.ask(&FLOOD, &Limits::default()).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(answers.text("before"), Ok("fine\n"));
    let cause = answers.text("flood").unwrap_err().cause;
    assert_eq!(cause, GapCause::Malformed);
}

#[tokio::test]
async fn a_server_that_drops_connections_at_random_is_met_in_the_end() {
    let Some(sshd) = peer() else { return };
    let server = Sshd::start(&sshd, "MaxStartups 3:30:20\n");
    let server = Arc::new(server);
    let mut meetings = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let server = Arc::clone(&server);
        meetings.spawn(async move {
            let mut login = server.key_login("ud-dash").await?;
            let answers = login.session.ask(&SET, &Limits::default()).await;
            login.session.close().await;
            Ok::<_, LoginError>(answers.is_ok())
        });
    }
    let results = meetings.join_all().await;
    assert!(results.iter().all(|met| matches!(met, Ok(true))));
    assert!(server.log().contains("MaxStartups"), "{}", server.log());
}
