//! Against the authority: what `ssh -G` makes of a configuration.
//!
//! Off where there is no `ssh`. Nothing is connected to.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use underdesk::credentials::{HostConfig, Route, SshConfig};

/// A few lines, chosen by a number: hosts, matches, and settings under them.
fn config(mut seed: u64) -> String {
    let mut pick = |from: &[&str]| {
        // Numerical Recipes' generator: any will do.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33).unwrap() % from.len();
        from[at].to_owned()
    };
    let mut text = String::new();
    for _ in 0..8 {
        let head = pick(&[
            "Host *",
            "Host db*",
            "Host db1 web",
            "Host *.example !old.example",
            "Host \"db1\"",
            "Host d?1",
            "Match all",
            "Match host real*",
            "Match originalhost db1,web",
            "Match !originalhost web",
            "Match host *.example originalhost *",
            "",
        ]);
        let _ = writeln!(text, "{head}");
        for _ in 0..3 {
            let setting = pick(&[
                "HostName real-%h",
                "  HostName=10.0.0.7",
                "\tUser audit",
                "User = \"root\"",
                "user u%%",
                "Port 2222",
                "PORT 22",
                "IdentityFile ~/.ssh/%n-%r",
                "IdentityFile \"~/my keys/%h\"",
                "IdentityFile none",
                "CertificateFile ~/%h-cert.pub",
                "ProxyJump hop",
                "ProxyJump a@b:2200,c",
                "ProxyJump none",
                "HostKeyAlias known-as",
                "UserKnownHostsFile ~/known /etc/more",
                "GlobalKnownHostsFile /etc/all",
                "# a comment",
                "ForwardAgent yes",
                "Compression yes  # and why",
            ]);
            let _ = writeln!(text, "{setting}");
        }
    }
    text
}

/// The values that `ssh -G` prints for a keyword.
fn told(ssh: &Path, file: &Path, name: &str) -> Option<Vec<(String, String)>> {
    let output = Command::new(ssh)
        .args(["-G", "-F"])
        .arg(file)
        .arg(name)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    Some(
        lines
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn check(config: &HostConfig, told: &[(String, String)], context: &str) {
    let all = |key: &str| -> Vec<&str> {
        let lines = told.iter().filter(|(name, _)| name == key);
        lines.map(|(_, value)| value.as_str()).collect()
    };
    let one = |key: &str| all(key).first().map(|value| (*value).to_owned());
    assert_eq!(
        Some(config.host_name.to_lowercase()),
        one("hostname"),
        "{context}"
    );
    if let Some(user) = &config.user {
        assert_eq!(Some(user.clone()), one("user"), "{context}");
    }
    let port = config.port.unwrap_or(22).to_string();
    assert_eq!(Some(port), one("port"), "{context}");
    assert_eq!(config.host_key_alias, one("hostkeyalias"), "{context}");
    let jump = one("proxyjump").filter(|jump| jump != "none");
    let own: Vec<String> = config.jumps.iter().map(|hop| hop.host.clone()).collect();
    let theirs = jump.unwrap_or_default();
    let theirs = theirs.split(',').filter(|hop| !hop.is_empty());
    let theirs: Vec<&str> = theirs
        .map(|hop| hop.rsplit('@').next().unwrap())
        .map(|hop| hop.split(':').next().unwrap())
        .collect();
    assert_eq!(own, theirs, "{context}");
    if !config.known_hosts.is_empty() {
        let theirs = [all("userknownhostsfile"), all("globalknownhostsfile")]
            .concat()
            .join(" ");
        for file in &config.known_hosts {
            let end = file.trim_start_matches('~');
            assert!(theirs.contains(end), "{file} is not in {theirs}\n{context}");
        }
    }
    // ssh -G leaves the tokens of keys as they are: their number is what can be compared.
    if !config.identity_files.is_empty() {
        let theirs = all("identityfile")
            .into_iter()
            .filter(|file| *file != "none");
        assert_eq!(config.identity_files.len(), theirs.count(), "{context}");
    }
}

#[test]
fn a_configuration_means_what_ssh_makes_of_it() {
    let ssh = PathBuf::from("/usr/bin/ssh");
    if !ssh.exists() {
        eprintln!("SKIPPED: there is no /usr/bin/ssh to compare with");
        return;
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config");
    let mut compared = 0;
    for seed in 0..60 {
        let text = config(seed);
        std::fs::write(&file, &text).unwrap();
        let read = SshConfig::read(&file, &text, &|_| Vec::new());
        for name in ["db1", "web", "new.example", "old.example"] {
            let context = format!("seed {seed}, {name}:\n{text}");
            let (Route::Known(config), Some(told)) = (read.route(name), told(&ssh, &file, name))
            else {
                continue;
            };
            check(&config, &told, &context);
            compared += 1;
        }
    }
    assert!(compared > 150, "only {compared} were compared");
}
