//! No secret is anywhere but where it was and where it belongs: planted as unique strings, looked for
//! in everything that the program writes, says, and starts.

use super::support::{Desk, Ended, Site, signal};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

/// What no file, output, argument or environment may hold.
const LITERAL: &str = "Lz9-literal-quagga-71";
const VARIABLE: &str = "Vz9-variable-numbat-72";
const FILE: &str = "Fz9-file-pangolin-73";
const COMMAND: &str = "Cz9-command-okapi-74";
const PASSPHRASE: &str = "Pz9-passphrase-tapir-75";
const REFUSED: &str = "Rz9-refused-civet-76";
const SEALED: &str = "Sz9-sealed-quoll-77";
const SEALED_PHRASE: &str = "Az9-age-phrase-dunnart-78";

/// Hosts that take the passwords, one that refuses and repeats what it heard, and a stranger.
const NETWORK: &str = r#"
schema = 1
name = "vault"
[[host]]
name = "takes"
addresses = ["127.83.0.1"]
recording = "debian-12"
logins = [{ user = "literal", password = "Lz9-literal-quagga-71" }]
[[host]]
name = "takes-variable"
addresses = ["127.83.0.2"]
logins = [{ user = "variable", password = "Vz9-variable-numbat-72" }]
[[host]]
name = "takes-file"
addresses = ["127.83.0.3"]
methods = ["keyboard-interactive"]
logins = [{ user = "file", password = "Fz9-file-pangolin-73" }]
[[host]]
name = "takes-command"
addresses = ["127.83.0.4"]
logins = [{ user = "command", password = "Cz9-command-okapi-74" }]
[[host]]
name = "takes-keys"
addresses = ["127.83.0.5"]
logins = [{ user = "audit", key = "locked" }]
[[host]]
name = "refuses"
addresses = ["127.83.0.6"]
methods = ["keyboard-interactive"]
refusal = "Rz9-refused-civet-76 is not the password of refused"
[[host]]
name = "stranger"
addresses = ["127.83.0.7"]
published = "unknown"
logins = "any_password"
[[host]]
name = "takes-sealed"
addresses = ["127.83.0.8"]
logins = [{ user = "sealed", password = "Sz9-sealed-quoll-77" }]
"#;

/// What the operator put there: the only files that may hold a secret.
const INPUTS: [&str; 6] = [
    "credentials.toml",
    "file-password",
    "locked.key",
    "plain.key",
    "answer.sh",
    "broken.key",
];

fn entry(id: &str, user: &str, lines: &str, host: &str) -> String {
    format!(
        "[[credential]]\nid = '{id}'\nuser = '{user}'\nscope = ['127.83.0.{host}', '127.83.0.7']\n{lines}\n"
    )
}

fn password(name: &str, place: &str, host: &str) -> String {
    entry(
        name,
        name,
        &format!("type = 'ssh-password'\npassword = {place}"),
        host,
    )
}

/// A desk with one credential of each kind.
fn desk(site: &Site) -> Desk {
    let desk = Desk::new();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("file-password", &format!("{FILE}\n"));
    desk.write("plain.key", &site.key("plain"));
    desk.write("locked.key", &locked(&site.key("locked")));
    fs::write(desk.path("sealed.age"), sealed()).unwrap();
    // It looks at what it was given, and at who gave it.
    let answer = desk.write(
        "answer.sh",
        &format!(
            "#!/bin/sh\nenv > child.env\ntr '\\0' ' ' < /proc/$$/cmdline > child.args\n\
             tr '\\0' ' ' < /proc/$PPID/cmdline > parent.args\ncat /proc/$PPID/limits > parent.limits\n\
             cat /proc/$PPID/comm > parent.name\necho {COMMAND}\n"
        ),
    );
    fs::set_permissions(answer, fs::Permissions::from_mode(0o700)).unwrap();
    let key = "type = 'ssh-key'\nkey = { file = 'locked.key' }\npassphrase = { env = 'UD_PHRASE' }";
    let plain = "type = 'ssh-key'\nkey = { file = 'plain.key' }";
    let text = [
        password("literal", &format!("'{LITERAL}'"), "1"),
        password("variable", "{ env = 'UD_PASSWORD' }", "2"),
        password("file", "{ file = 'file-password' }", "3"),
        password("command", "{ command = ['./answer.sh'] }", "4"),
        password(
            "sealed",
            "{ age = 'sealed.age', passphrase = { env = 'UD_SEAL' } }",
            "8",
        ),
        entry("locked", "audit", key, "5"),
        entry("plain", "audit", plain, "6"),
        password("refused", &format!("'{REFUSED}'"), "6"),
    ];
    desk.write("credentials.toml", &text.concat());
    desk
}

/// A file of age's with a secret in it.
fn sealed() -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SEALED_PHRASE.into());
    recipient.set_work_factor(2);
    age::encrypt(&recipient, format!("{SEALED}\n").as_bytes()).unwrap()
}

/// The same key, encrypted.
fn locked(pem: &str) -> String {
    use russh::keys::ssh_key::{LineEnding, PrivateKey};
    let key = PrivateKey::from_openssh(pem).unwrap();
    let key = key.encrypt(&mut russh::keys::key::safe_rng(), PASSPHRASE);
    key.unwrap().to_openssh(LineEnding::LF).unwrap().to_string()
}

/// Every secret of a desk, in every form in which it might get out.
fn needles(desk: &Desk) -> Vec<String> {
    let mut needles = Vec::new();
    let all = [
        LITERAL,
        VARIABLE,
        FILE,
        COMMAND,
        PASSPHRASE,
        REFUSED,
        SEALED,
        SEALED_PHRASE,
    ];
    for secret in all {
        let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let bytes = format!("{:?}", secret.as_bytes());
        let bytes = bytes.trim_matches(['[', ']']).to_owned();
        let wide = secret.chars().flat_map(|letter| [letter, '\0']).collect();
        needles.extend([secret.to_owned(), hex, bytes, wide]);
    }
    for key in ["plain.key", "locked.key"] {
        let text = desk.read(key);
        // The first line of the body is the same for every key of a kind.
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        needles.extend(lines.skip(1).map(str::to_owned));
    }
    needles
}

fn look(place: &str, bytes: &[u8], needles: &[String]) {
    let text = String::from_utf8_lossy(bytes);
    for needle in needles {
        assert!(!text.contains(needle), "{place} holds {needle}");
    }
}

/// Looks through what was said and through every file but those of the operator.
fn search(desk: &Desk, ended: &[&Ended]) {
    let needles = needles(desk);
    for ended in ended {
        look("standard output", ended.out.as_bytes(), &needles);
        look("standard error", ended.err.as_bytes(), &needles);
    }
    let files = files(&desk.path(""));
    assert!(files.len() > INPUTS.len());
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !INPUTS.contains(&name) {
            let bytes = fs::read(&path).unwrap();
            look(&path.display().to_string(), &bytes, &needles);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    paths.flat_map(inside).collect()
}

/// The program, as talkative as it can be.
fn start(desk: &Desk, words: &str) -> Child {
    let temporary = desk.path("temporary");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = desk.command(&format!("-vv {words}"));
    command
        .env("UD_PASSWORD", VARIABLE)
        .env("UD_PHRASE", PASSPHRASE)
        .env("UD_SEAL", SEALED_PHRASE)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("TMPDIR", temporary);
    command.spawn().unwrap()
}

fn run(desk: &Desk, words: &str) -> Ended {
    desk.end(start(desk, words))
}

/// The words of a scan of the whole network.
fn scan(site: &Site) -> String {
    format!(
        "scan --ports {port} --ssh-port {port} --credentials credentials.toml --known-hosts known_hosts --timeout 20 --out out --format csv,jsonl --record record --events jsonl {targets}",
        port = site.port(22),
        targets = site.targets().join(" ")
    )
}

#[test]
fn a_run_leaves_no_secret_behind() {
    let site = Site::serve(NETWORK);
    let desk = desk(&site);
    let scanned = run(&desk, &scan(&site));
    // Each was really used, and the stranger heard none.
    let seen = site.seen();
    let told = [
        ("takes", LITERAL),
        ("takes-variable", VARIABLE),
        ("takes-file", FILE),
        ("takes-command", COMMAND),
        ("refuses", REFUSED),
        ("takes-sealed", SEALED),
    ];
    for (host, secret) in told {
        assert_eq!(seen.secrets(host), [secret], "{host}: {}", scanned.err);
    }
    assert_eq!(site.logins("audit"), [Ipv4Addr::new(127, 83, 0, 5)]);
    assert_eq!(seen.secrets("stranger"), [""; 0]);
    assert!(desk.path("out/access.csv").exists(), "{}", scanned.err);
    assert!(scanned.err.contains("underdesk"), "the log is empty");

    let scanned_dry = run(&desk, &format!("{} --dry-run", scan(&site)));
    let exported = run(&desk, "export --format jsonl -o -");
    let shown = run(&desk, "runs show --json");
    let pins = run(&desk, "trust list");
    let listed = run(&desk, "credentials list");
    search(
        &desk,
        &[&scanned, &scanned_dry, &exported, &shown, &pins, &listed],
    );
    // The child was ours, and knew nothing of the others.
    assert_eq!(desk.read("parent.name").trim(), "underdesk");
    assert!(desk.read("child.env").contains("HOME="));
    assert!(!desk.read("child.env").contains("UD_"));
}

#[test]
fn a_run_that_is_killed_leaves_no_secret_behind() {
    let slow = NETWORK.replace("recording = ", "delay_ms = 400\nrecording = ");
    let site = Site::serve(&slow);
    let desk = desk(&site);
    let mut child = start(&desk, &scan(&site));
    let heard = || {
        site.seen()
            .logins
            .iter()
            .any(|login| login.proof.is_secret())
    };
    while !heard() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(child.id(), Signal::KILL);
    let ended = desk.end(child);
    let state = desk.path("home/.local/state/underdesk");
    let log = files(&state)
        .into_iter()
        .any(|path| path.to_str().unwrap().ends_with("-wal"));
    assert!(log, "the store's log is gone");
    search(&desk, &[&ended]);
}

/// Runs with each of these credentials files: the run does not begin, the error says what is
/// expected, and no secret.
fn refused(desk: &Desk, cases: &[(String, &str)]) {
    let site = Site::serve(NETWORK);
    for (text, expected) in cases {
        desk.write("credentials.toml", text);
        let ended = run(desk, &scan(&site));
        assert_eq!(ended.code, Some(2), "{text}\n{}", ended.err);
        assert!(ended.err.contains(expected), "{text}\n{}", ended.err);
        search(desk, &[&ended]);
    }
    assert_eq!(site.seen().logins, []);
}

/// A credential whose sixth line this is.
fn sixth(line: &str) -> String {
    format!(
        "[[credential]]\nid = 'x'\ntype = 'ssh-password'\nuser = 'x'\nscope = ['127.83.0.1']\n{line}\n"
    )
}

#[test]
fn a_file_that_is_wrong_is_not_quoted() {
    let desk = desk(&Site::serve(NETWORK));
    let lines = [
        format!("password = '{LITERAL}"),
        format!("password = {LITERAL}"),
        format!("password = '{LITERAL}' '{LITERAL}'"),
        format!("password '{LITERAL}'"),
        format!("{LITERAL} = 'password'"),
        format!("[{LITERAL}"),
        format!("password = ['{LITERAL}']"),
        format!("password = {{ literal = '{LITERAL}' }}"),
        format!("password = {{ prompt = '{LITERAL}' }}"),
        format!("password = {{ file = 7, env = '{LITERAL}' }}"),
        format!("pasword = '{LITERAL}'"),
        format!("key = '{LITERAL}'"),
    ];
    let mut cases: Vec<_> = lines.iter().map(|line| (sixth(line), "line 6")).collect();
    for second in [
        format!("'{LITERAL}' = 1\n'{LITERAL}' = 2"),
        format!("password = 'x'\naccount = '{LITERAL}'"),
        format!("password = 'x'\nrealm = 7 # {LITERAL}"),
    ] {
        cases.push((sixth(&second), "line "));
    }
    refused(&desk, &cases);
}

#[test]
fn a_key_that_does_not_open_is_not_quoted() {
    let site = Site::serve(NETWORK);
    let desk = desk(&site);
    let whole = site.key("plain");
    let half: String = whole.chars().take(whole.len() / 2).collect();
    desk.write(
        "broken.key",
        &format!("{half}\n-----END OPENSSH PRIVATE KEY-----\n"),
    );
    let quotes = "'''";
    let pem = format!(
        "key = {quotes}\n-----BEGIN OPENSSH PRIVATE KEY-----\n{LITERAL}\n-----END OPENSSH PRIVATE KEY-----\n{quotes}"
    );
    let key = |lines: &str| entry("x", "audit", &format!("type = 'ssh-key'\n{lines}"), "5");
    let wrong = format!("key = {{ file = 'locked.key' }}\npassphrase = '{REFUSED}'");
    refused(
        &desk,
        &[
            (key(&wrong), "passphrase"),
            (key("key = { file = 'locked.key' }"), "passphrase"),
            (key("key = { file = 'broken.key' }"), "damaged"),
            (key("key = { file = 'file-password' }"), "no private key"),
            (key(&pem), "damaged"),
        ],
    );
}

#[test]
fn a_secret_that_cannot_be_used_is_not_quoted() {
    let desk = desk(&Site::serve(NETWORK));
    let readable = desk.write("readable", "");
    fs::set_permissions(&readable, fs::Permissions::from_mode(0o644)).unwrap();
    let place = |place: &str| password("x", place, "3");
    let printed = |script: &str| place(&format!("{{ command = ['sh', '-c', '{script}'] }}"));
    refused(
        &desk,
        &[
            (place("{ file = 'readable' }"), "others may read"),
            (place("{ file = 'plain.key' }"), "more than one line"),
            (place("{ file = 'nowhere' }"), "cannot read"),
            (place("{ env = 'UD_UNSET' }"), "UD_UNSET"),
            (place("{ age = 'sealed.age' }"), "needs a terminal"),
            (place("{ age = 'file-password' }"), "not a file that age"),
            (
                place("{ age = 'sealed.age', passphrase = { env = 'UD_PASSWORD' } }"),
                "passphrase is wrong",
            ),
            (
                place("{ age = 'sealed.age', identity = 'plain.key' }"),
                "leave `identity` out",
            ),
            (printed(&format!("echo {COMMAND}; exit 3")), "failed"),
            (
                printed(&format!("echo {COMMAND}; echo {COMMAND}")),
                "more than one line",
            ),
            (printed(&format!("printf \"{COMMAND}\\377\"")), "not UTF-8"),
            (printed(&format!("yes {COMMAND}")), "longer than"),
        ],
    );
    // A literal in a file that others may read. (Writing it again leaves its mode.)
    let path = desk.path("credentials.toml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let literal = sixth(&format!("password = '{LITERAL}'"));
    refused(&desk, &[(literal, "holds a secret")]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_cannot_dump_core_and_shows_no_secret_in_its_arguments() {
    let site = Site::serve(&NETWORK.replace("recording = ", "delay_ms = 1000\nrecording = "));
    let desk = desk(&site);
    let child = start(&desk, &scan(&site));
    let place = PathBuf::from(format!("/proc/{}", child.id()));
    while !desk.path("parent.limits").exists() || site.seen().logins.is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let limits = fs::read_to_string(place.join("limits")).unwrap();
    let arguments = fs::read(place.join("cmdline")).unwrap();
    signal(child.id(), Signal::KILL);
    desk.end(child);
    for limits in [limits, desk.read("parent.limits")] {
        let core = limits
            .lines()
            .find(|line| line.contains("core file"))
            .unwrap();
        let words: Vec<&str> = core.split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{core}");
    }
    look("the command line", &arguments, &needles(&desk));
}

/// The kernel gives what it knows of a process that cannot be dumped to root.
#[cfg(target_os = "linux")]
#[test]
fn others_of_the_same_account_cannot_read_its_memory() {
    const NOBODY: u32 = 65_534;
    const CREDENTIALS: &str = "[[credential]]\nid = 'x'\ntype = 'ssh-password'\nuser = 'x'\nscope = ['127.0.0.0/8']\npassword = { command = ['sh', '-c', 'echo > ready; sleep 20'] }\n";
    let ours = fs::metadata("/proc/self").unwrap().uid();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_underdesk"), at("underdesk")).unwrap();
    fs::write(at("credentials.toml"), CREDENTIALS).unwrap();
    let mut command = std::process::Command::new(at("underdesk"));
    command
        .args(["scan", "127.83.9.9", "--credentials", "credentials.toml"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder.path())
        .stderr(std::process::Stdio::null());
    if ours == 0 {
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), None).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn().unwrap();
    while !at("ready").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    let place = format!("/proc/{}/environ", child.id());
    let owner = fs::metadata(place).unwrap().uid();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(owner, 0);
}
