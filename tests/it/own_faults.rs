//! What goes wrong on our own side: a disk that is full, a store that is damaged or in use, too few descriptors, a
//! folder that cannot be written, a laptop that sleeps, a network that goes. Nothing that is finished is lost, nothing is half written, and it is said.

use crate::resume::EVERY;
use crate::support::{Desk, Ended, Site, Table, signal, tables};
use rusqlite::Connection;
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Machines of four systems; every test here has a /24 of its own.
const HOSTS: u8 = 60;
/// Nobody knows a catalogue for one of the systems.
const DONE: i32 = 3;

fn network(net: u8) -> String {
    let recordings = ["debian-12", "debian-12-old", "debian-13", "ubuntu-22.04"];
    let hosts = (1..=HOSTS).map(|number| {
        let recording = recordings[usize::from(number) % recordings.len()];
        format!(
            "\n[[host]]\nname = \"plain-{number}\"\naddresses = [\"127.82.{net}.{number}\"]\n\
             logins = [{{ user = \"audit\", key = \"demo\" }}]\nrecording = \"{recording}\"\n"
        )
    });
    EVERY.to_owned() + &hosts.collect::<String>()
}

fn begin(site: &Site, net: u8) -> String {
    format!(
        "scan 127.82.{net}.1-{HOSTS} --seed 7 --hands 4 --no-input --known-hosts known_hosts --out out --ssh-port {} --ports {}",
        site.port(22),
        site.port(22)
    )
}

fn desk(site: &Site, net: u8) -> Desk {
    Desk::at(site, "audit", &format!("127.82.{net}.0/24"))
}

fn store(desk: &Desk) -> PathBuf {
    let folder = desk.path("home/.local/state/underdesk");
    fs::create_dir_all(&folder).unwrap();
    folder.join("underdesk.db")
}

/// The program with a limit of the shell's, and with a signal ignored that a limit would send.
fn limited(desk: &Desk, limit: &str, words: &str) -> Ended {
    let plain = desk.command(words);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("trap '' XFSZ; {limit}; exec \"$@\"")])
        .arg("sh");
    shell.arg(plain.get_program()).args(plain.get_args());
    shell.current_dir(plain.get_current_dir().unwrap());
    shell.env_clear();
    for (name, value) in plain.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    desk.end(shell.spawn().unwrap())
}

fn timeless(desk: &Desk) -> Vec<Table> {
    let tables = tables(&desk.path("out"));
    tables.into_iter().map(Table::timeless).collect()
}

#[test]
fn a_disk_that_is_full_ends_the_run_with_a_word_and_what_was_read_is_kept() {
    let site = Site::serve(&network(1));
    let undisturbed = desk(&site, 1);
    undisturbed.expect(DONE, &begin(&site, 1));
    let visits = site.logins("audit").len();

    let desk = desk(&site, 1);
    // Of 512 bytes each: the store fills after some hosts.
    let ended = limited(&desk, "ulimit -f 1300", &begin(&site, 1));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let said = ended.err.contains("underdesk.db") && ended.err.contains("full");
    assert!(said, "{}", ended.err);
    let before = desk.store().finished_addresses(&desk.run_id());
    let before = before.wait().unwrap().len();
    assert!((1..usize::from(HOSTS)).contains(&before), "{before}");

    let ended = desk.run(&format!("scan --resume {} --out out", desk.run_id()));
    assert_eq!(ended.code, Some(DONE), "{}", ended.err);
    assert_eq!(timeless(&desk), timeless(&undisturbed));
    // Whoever was read and saved is not visited again; those in flight are.
    let again = site.logins("audit").len() - visits;
    assert!(again <= usize::from(HOSTS) + 8, "{again} logins");
}

#[test]
fn a_store_that_is_damaged_or_in_use_is_said_before_anybody_is_visited_and_stays_as_it_is() {
    let site = Site::serve(&network(2));
    let good = desk(&site, 2);
    good.expect(DONE, &begin(&site, 2));
    let visits = site.logins("audit").len();
    let whole = fs::read(store(&good)).unwrap();

    let mut halved = whole.clone();
    for (at, byte) in halved.iter_mut().enumerate().skip(8_192) {
        *byte = u8::try_from((at * 31) % 251).unwrap();
    }
    for (name, bytes) in [
        ("no database", b"this was never a database\n".repeat(400)),
        ("overwritten", halved),
        ("cut", whole[..whole.len() / 2].to_vec()),
    ] {
        let desk = desk(&site, 2);
        fs::write(store(&desk), &bytes).unwrap();
        let ended = desk.run(&begin(&site, 2));
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.err);
        assert!(ended.err.contains("is damaged"), "{name}: {}", ended.err);
        assert!(ended.err.contains("underdesk.db"), "{name}: {}", ended.err);
        assert!(
            fs::read(store(&desk)).unwrap() == bytes,
            "{name}: it was written to"
        );
        assert!(!desk.path("out").exists(), "{name}");
    }

    let holder = Connection::open(store(&good)).unwrap();
    holder
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let ended = good.run(&begin(&site, 2));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(
        ended.err.contains("locked by another process"),
        "{}",
        ended.err
    );
    drop(holder);

    assert_eq!(site.logins("audit").len(), visits, "somebody was visited");
    good.expect(DONE, "export --out again");
}

#[test]
fn a_catalogue_that_is_damaged_is_said_before_anybody_is_visited_and_stays_as_it_is() {
    let site = Site::serve(&network(7));
    let desk = desk(&site, 7);
    let path = desk.path("home/.local/share/underdesk/catalog.db");
    let whole = fs::read(&path).unwrap();
    let half = whole.len() / 2;
    let mut zeros = whole.clone();
    zeros[half - half / 4..half + half / 4].fill(0);
    let mut header = whole.clone();
    header[..16].copy_from_slice(b"no such database");
    let other = desk.path("other.db");
    let held = Connection::open(&other).unwrap();
    held.execute_batch("CREATE TABLE machine (id TEXT)")
        .unwrap();
    drop(held);
    for (name, bytes, said) in [
        ("cut", whole[..half].to_vec(), "is damaged in"),
        ("zeros in the middle", zeros, "is damaged in"),
        ("another header", header, "is not an underdesk catalogue"),
        (
            "another database",
            fs::read(&other).unwrap(),
            "is not an underdesk catalogue",
        ),
        ("empty", Vec::new(), "is not an underdesk catalogue"),
    ] {
        fs::write(&path, &bytes).unwrap();
        for words in [&*begin(&site, 7), "catalog info"] {
            let ended = desk.run(words);
            assert_eq!(ended.code, Some(5), "{name}: {}", ended.err);
            let told = ended.err.contains(said) && ended.err.contains("catalog.db");
            assert!(told, "{name}: {}", ended.err);
        }
        assert!(
            fs::read(&path).unwrap() == bytes,
            "{name}: it was written to"
        );
        assert!(!desk.path("out").exists(), "{name}");
    }
    assert_eq!(site.logins("audit").len(), 0, "somebody was visited");
    fs::write(&path, &whole).unwrap();
    desk.expect(DONE, &begin(&site, 7));
}

#[test]
fn few_descriptors_make_a_run_slower_and_lose_nobody() {
    let site = Site::serve(&network(3));
    let (plenty, few) = (desk(&site, 3), desk(&site, 3));
    plenty.expect(DONE, &begin(&site, 3));
    let ended = limited(&few, "ulimit -n 48", &begin(&site, 3));
    assert_eq!(ended.code, Some(DONE), "{}", ended.err);
    assert_eq!(timeless(&few), timeless(&plenty));
}

#[test]
fn an_export_that_fails_leaves_the_files_of_before_and_no_drafts() {
    let site = Site::serve(&network(4));
    let desk = desk(&site, 4);
    desk.expect(DONE, &begin(&site, 4));
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(desk.path(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let (before, findings) = (
        names("out"),
        fs::read(desk.path("out/findings.csv")).unwrap(),
    );
    // It cannot be put into its place: somebody has a folder of that name.
    fs::rename(desk.path("out/software.csv"), desk.path("kept")).unwrap();
    fs::create_dir(desk.path("out/software.csv")).unwrap();
    let ended = desk.run("export --csv excel-eu --out out");
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("software.csv"), "{}", ended.err);
    fs::remove_dir(desk.path("out/software.csv")).unwrap();
    fs::rename(desk.path("kept"), desk.path("out/software.csv")).unwrap();
    assert_eq!(names("out"), before);
    assert!(fs::read(desk.path("out/findings.csv")).unwrap() == findings);
}

/// Waits until so many were logged in to.
fn until_logged_in(site: &Site, count: usize) {
    let begun = Instant::now();
    while site.logins("audit").len() < count {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does nothing");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn who_slept_in_the_middle_asks_again_and_calls_nobody_dead() {
    // Each takes some seconds, and has time enough.
    let slow = network(5).replace("recording = ", "delay_ms = 100\nrecording = ");
    let site = Site::serve(&slow);
    let words = begin(&site, 5).replace("--hands 4", "--hands 20");
    let words = format!("{words} --timeout 20");
    let undisturbed = desk(&site, 5);
    undisturbed.expect(DONE, &words);

    let (desk, before) = (desk(&site, 5), site.logins("audit").len());
    let child = desk.command(&words).spawn().unwrap();
    until_logged_in(&site, before + 30);
    let id = child.id();
    signal(id, Signal::STOP);
    // Longer than any host may take.
    thread::sleep(Duration::from_secs(22));
    signal(id, Signal::CONT);
    let ended = desk.end(child);
    assert_eq!(ended.code, Some(DONE), "{}", ended.err);
    assert!(ended.err.contains("slept"), "{}", ended.err);
    assert_eq!(timeless(&desk), timeless(&undisturbed));
    // Those that were being asked were asked twice.
    let again = site.logins("audit").len() - before;
    let twice = usize::from(HOSTS) + 1..=usize::from(HOSTS) + 20;
    assert!(twice.contains(&again), "{again} logins");
}

#[test]
fn a_network_that_goes_in_the_middle_costs_the_rest_and_nothing_that_was_read() {
    let site = Site::serve(&network(6));
    let (desk, port) = (desk(&site, 6), site.port(22));
    let child = desk.command(&begin(&site, 6)).spawn().unwrap();
    until_logged_in(&site, 16);
    drop(site);
    let ended = desk.end(child);
    assert!(ended.code.is_some_and(|code| code != 0), "{}", ended.err);
    let machines = Table::open(&desk.path("out/machines.csv"));
    let read = machines.rows_where("outcome", "scanned_full").len();
    assert!((12..usize::from(HOSTS)).contains(&read), "{read}");
    for number in 1..=HOSTS {
        let address = format!("127.82.6.{number}");
        assert_eq!(machines.rows_where("ip", &address).len(), 1, "{address}");
    }
    // It is back, and everybody is there.
    let site = Site::serve_at(&network(6), port);
    desk.expect(DONE, &begin(&site, 6));
    let machines = Table::open(&desk.path("out/machines.csv"));
    let read = machines.rows_where("outcome", "scanned_full").len();
    assert_eq!(read, usize::from(HOSTS));
}
