//! Every recorded Windows, read over SSH: what comes out is what was recorded, whatever the shell.

use super::session_tests::{Visitor, recorded_files};
use super::*;
use crate::collect::{self, WINDOWS};
use crate::model::Inventory;
use std::fmt::Write as _;
use std::path::Path;

const SHELLS: [&str; 2] = ["cmd", "powershell"];

fn network(names: &[String]) -> Network {
    let mut text = "schema = 1\nname = \"recorded\"\n".to_owned();
    for (first, name) in names.iter().enumerate() {
        for (second, shell) in SHELLS.iter().enumerate() {
            let last = 1 + first * SHELLS.len() + second;
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "[[host]]\nname = \"{name} {shell}\"\naddresses = [\"127.78.7.{last}\"]\n\
                 recording = \"{name}\"\nbanner = \"SSH-2.0-OpenSSH_for_Windows_9.5\"\n\
                 shell = {{ windows = {{ default_shell = \"{shell}\" }} }}\n\
                 logins = [{{ user = \"audit\", key = \"demo\" }}]\n",
            );
        }
    }
    Network::parse(&text).unwrap()
}

fn recorded(name: &str) -> Inventory {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let (set, answers) = collect::load(&hosts.join(name)).unwrap();
    collect::read(set, &answers).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windows_over_ssh_has_the_inventory_that_was_recorded() {
    let files = recorded_files();
    let index = |path: &str| {
        let folder = path.strip_suffix("/answers.json")?;
        let name = folder.rsplit('/').next()?;
        name.starts_with("windows-").then(|| name.to_owned())
    };
    let mut names: Vec<String> = files.iter().filter_map(|(path, _)| index(path)).collect();
    names.sort_unstable();
    assert!(names.len() > 15);
    let files = files.iter().map(|(path, bytes)| (&**path, &**bytes));
    let recordings = Recordings::read(files).unwrap();
    let network = network(&names);
    let running = Lab::start(&network, &recordings, 0).await.unwrap();
    let mut visitor = Visitor::new(&running, "unused");
    visitor.set = &WINDOWS;
    for host in &network.hosts {
        let answers = Box::pin(visitor.visit(host, "audit")).await.unwrap();
        let read = collect::read(&WINDOWS, &answers).unwrap();
        let name = host.recording.as_deref().unwrap();
        if name == "windows-hostile" {
            // Not all of it is UTF-8, so that it is taken for a code page of old.
            continue;
        }
        assert!(
            read == recorded(name),
            "{}: {:#?}",
            host.name,
            differences(&read, name)
        );
    }
}

fn differences(read: &Inventory, name: &str) -> Vec<String> {
    let text = |inventory: &Inventory| serde_json::to_string_pretty(inventory).unwrap();
    let (read, meant) = (text(read), text(&recorded(name)));
    let pairs = read.lines().zip(meant.lines());
    let other = pairs.filter(|(read, meant)| read != meant);
    let other = other.map(|(read, meant)| format!("{read} instead of {meant}"));
    other.take(20).collect()
}
