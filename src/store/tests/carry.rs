//! Runs that are carried to another store.

use super::identity::showing;
use super::*;
use crate::model::KnownList;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use tempfile::TempDir;

const MAGIC: &[u8] = b"underdesk-run 1\n";

#[expect(clippy::unnecessary_wraps, reason = "a check that finds nothing")]
fn any(_: &RunRecord) -> Result<(), String> {
    Ok(())
}

fn finish(store: &Store, number: u32) {
    let at = UtcTime::from_unix(new_run(number).summary.started.unix() + 60);
    store
        .finish_run(&run_id(number), RunState::Complete, at)
        .wait()
        .unwrap();
}

/// A store with a run of site `site` as `number`, in which these hosts were met.
fn laptop(number: u32, site: &str, hosts: Vec<HostOutcome>) -> Store {
    let store = Store::in_memory().unwrap();
    add(&store, number, site, hosts);
    store
}

fn add(store: &Store, number: u32, site: &str, hosts: Vec<HostOutcome>) {
    let mut new = new_run(number);
    new.summary.site = site.into();
    store.begin_run(new).wait().unwrap();
    for host in hosts {
        let _ = store
            .commit_host(&run_id(number), commit(host))
            .wait()
            .unwrap();
    }
    let row = SightingRow {
        address: address(1),
        probe: ProbeKind::Tcp(22),
        answer: Answer::Open,
        round_trip_us: Some(7),
        tries: 1,
        seen_at: time("2026-11-22T18:00:00Z"),
        trace: None,
        mac: None,
        banner: None,
    };
    store
        .record_sightings(&run_id(number), vec![row], 9)
        .wait()
        .unwrap();
    store.record_canaries(&run_id(number), 5, 1).wait().unwrap();
    finish(store, number);
}

fn carried(store: &Store, number: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    store.export_run(&run_id(number), &path).wait().unwrap();
    (folder, path)
}

/// All that exports see of a run.
fn seen(store: &Store, number: u32) -> String {
    let report = store
        .report(&run_id(number), ReportOptions::default())
        .wait()
        .unwrap();
    let mut text = format!("{:?}\n", report.run());
    for place in 0..report.machine_ids().len() {
        let _ = writeln!(text, "{:?}", report.machine(place).unwrap().unwrap());
    }
    let _ = write!(
        text,
        "{:?}",
        store.sightings(&run_id(number)).wait().unwrap()
    );
    let _ = write!(text, "{:?}", store.lists(&run_id(number)).wait().unwrap());
    text
}

fn ids(store: &Store, number: u32) -> Vec<String> {
    let report = store
        .report(&run_id(number), ReportOptions::default())
        .wait()
        .unwrap();
    report.machine_ids().map(ToString::to_string).collect()
}

#[test]
fn a_run_of_another_site_arrives_as_it_was_and_twice_is_once() {
    let there = laptop(
        1,
        "branch",
        vec![
            bare(2),
            read(3, 3, 1, Some(3)),
            read(1, 1, 1, Some(1)),
            read(4, 3, 1, Some(3)),
        ],
    );
    let list = KnownList {
        name: "cmdb".into(),
        kind: crate::model::ListKind::Cmdb,
        vouches: Vec::new(),
        as_of: None,
        records: Vec::new(),
    };
    there.keep_lists(&run_id(1), vec![list]).wait().unwrap();
    let (_folder, path) = carried(&there, 1);
    let here = laptop(7, "default", vec![read(1, 1, 1, Some(1))]);
    let before = seen(&here, 7);
    let taken = here.import_run(&path, any).wait().unwrap();
    let run = run_id(1);
    assert_eq!(
        taken,
        Imported::Taken {
            run: run.clone(),
            site: "branch".into(),
            hosts: 4
        }
    );
    assert_eq!(seen(&here, 1), seen(&there, 1));
    assert_eq!(seen(&here, 7), before);
    assert_ne!(ids(&here, 1), ids(&here, 7));
    let again = here.import_run(&path, any).wait().unwrap();
    assert_eq!(again, Imported::Known { run });
    assert_eq!(seen(&here, 1), seen(&there, 1));
    // It is older, and so it is not the latest.
    assert_eq!(
        here.latest_run().wait().unwrap().unwrap().summary.id,
        run_id(7)
    );
    assert_eq!(
        here.load_run(&run_id(1)).wait().unwrap().plan_fingerprint,
        PLAN_OF_IMPORTED
    );
    // And it can be carried on.
    let (_folder, path) = carried(&here, 1);
    let third = Store::in_memory().unwrap();
    let _ = third.import_run(&path, any).wait().unwrap();
    assert_eq!(seen(&third, 1), seen(&there, 1));
}

#[test]
fn a_machine_keeps_the_id_that_it_got_before_anybody_logged_in() {
    let there = laptop(1, "default", vec![bare(1)]);
    add(&there, 2, "default", vec![read(1, 1, 1, Some(1))]);
    let id = ids(&there, 2);
    assert_eq!(ids(&there, 1), id);
    let (_folder, path) = carried(&there, 2);
    let here = Store::in_memory().unwrap();
    let _ = here.import_run(&path, any).wait().unwrap();
    assert_eq!(ids(&here, 2), id);
    let report = here
        .report(&run_id(2), ReportOptions::default())
        .wait()
        .unwrap();
    let machine = report.machine(0).unwrap().unwrap();
    assert_eq!(machine.first_seen, new_run(1).summary.started.date());
}

#[test]
fn in_the_same_site_a_machine_that_is_known_stays_who_it_is_and_clones_stay_apart() {
    // Here the machine was met bare first, so it has another id.
    let here = laptop(1, "default", vec![bare(1)]);
    add(&here, 2, "default", vec![read(1, 1, 1, Some(1))]);
    let there = laptop(
        3,
        "default",
        vec![read(9, 1, 1, Some(1)), read(8, 1, 7, Some(8))],
    );
    let (own, theirs) = (ids(&here, 2), ids(&there, 3));
    assert!(!theirs.contains(&own[0]) && theirs.len() == 2);
    let (_folder, path) = carried(&there, 3);
    let _ = here.import_run(&path, any).wait().unwrap();
    let now = ids(&here, 3);
    assert!(now.contains(&own[0]) && now.len() == 2, "{now:?}");
    // A later scan here goes on with the same.
    add(
        &here,
        4,
        "default",
        vec![read(9, 1, 1, Some(1)), read(8, 1, 7, Some(8))],
    );
    assert_eq!(ids(&here, 4), now);
}

#[test]
fn a_second_machine_of_an_address_that_comes_alone_is_not_the_next_one_there() {
    let called = |name: &str, guid| vec![showing(bare(1), name, guid)];
    let there = laptop(1, "default", called("phone", 1));
    add(&there, 2, "default", called("laptop", 2));
    let (_folder, path) = carried(&there, 2);
    let here = Store::in_memory().unwrap();
    let _ = here.import_run(&path, any).wait().unwrap();
    let second = ids(&here, 2);
    assert_eq!(second, ids(&there, 2));
    add(&here, 3, "default", called("tablet", 3));
    let third = ids(&here, 3);
    assert_ne!(third, second);
    add(&here, 4, "default", called("console", 4));
    assert!(!second.contains(&ids(&here, 4)[0]) && !third.contains(&ids(&here, 4)[0]));
    // Each of them is known from now on.
    add(&here, 5, "default", called("tablet", 3));
    assert_eq!(ids(&here, 5), third);
}

#[test]
fn a_run_that_goes_on_is_not_carried_and_no_file_is_written_over() {
    let (store, run) = store();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let early = store.export_run(&run, &path).wait();
    assert!(matches!(early, Err(StoreError::NotEnded { .. })));
    finish(&store, 1);
    fs::write(&path, "mine").unwrap();
    assert!(matches!(
        store.export_run(&run, &path).wait(),
        Err(StoreError::File { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The file's lines.
fn unpacked(path: &PathBuf) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    ZlibDecoder::new(&bytes[MAGIC.len()..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A file of these lines, its end made to fit.
fn packed(path: &PathBuf, lines: &[String]) {
    use sha2::{Digest as _, Sha256};
    let body = lines
        .iter()
        .fold(String::new(), |text, line| text + line + "\n");
    let sha256 = crate::model::hex(&Sha256::digest(&body));
    let end = format!(
        "{{\"end\":{{\"lines\":{},\"sha256\":\"{sha256}\"}}}}\n",
        lines.len()
    );
    let mut out = MAGIC.to_vec();
    let mut packer = ZlibEncoder::new(&mut out, Compression::fast());
    packer.write_all((body + &end).as_bytes()).unwrap();
    packer.finish().unwrap();
    fs::write(path, out).unwrap();
}

fn is_empty(store: &Store) -> bool {
    let count = store.thread.ask(|db| {
        db.read(|tx| {
            let count = "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM machine)
                + (SELECT count(*) FROM blob) + (SELECT count(*) FROM sighting)";
            Ok(tx.query_row(count, [], |row| row.get::<_, i64>(0))?)
        })
    });
    count.wait().unwrap() == 0
}

#[test]
fn half_a_file_imports_nothing_and_neither_does_one_with_a_byte_changed() {
    let there = laptop(1, "branch", vec![bare(2), read(1, 1, 1, Some(1))]);
    let (_folder, path) = carried(&there, 1);
    let whole = fs::read(&path).unwrap();
    let here = Store::in_memory().unwrap();
    for cut in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = here.import_run(&path, any).wait().unwrap_err();
        assert!(
            matches!(error, StoreError::NotImported { .. }),
            "{cut}: {error}"
        );
    }
    for at in (0..whole.len()).step_by(5) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        assert!(here.import_run(&path, any).wait().is_err(), "{at}");
    }
    assert!(is_empty(&here));
}

#[test]
fn every_field_is_looked_at_though_the_file_is_whole() {
    let there = laptop(1, "branch", vec![bare(2), read(1, 1, 1, Some(1))]);
    let (_folder, path) = carried(&there, 1);
    let mut lines = unpacked(&path);
    lines.pop();
    let here = Store::in_memory().unwrap();
    let id = ids(&there, 1)[0].clone();
    for (from, to, said) in [
        ("\"r-1\"", "\"r-1\\u001b[2J\"", "id"),
        ("\"branch\"", "\" \"", "site"),
        ("\"state\":\"finished\"", "\"state\":\"running\"", "state"),
        ("\"probe\":\"tcp\"", "\"probe\":\"telepathy\"", "probe"),
        (id.as_str(), "m-000000000000", "id is made of"),
        (
            "\"packages\":{\"known\"",
            "\"packages\":{\"knows\"",
            "not what was written",
        ),
        ("\"machine\":\"m-", "\"machine\":\"n-", "not there"),
        ("\"kind\":\"inventory\"", "\"kind\":\"secrets\"", "no kind"),
        ("\"elapsed_ms\"", "\"elapsed\"", "elapsed"),
        ("\"10.0.0.1\"", "\"10.0.0.1.1\"", "line"),
    ] {
        // Only the first that has it: the others would contradict it.
        let place = lines.iter().position(|line| line.contains(from));
        let mut changed = lines.clone();
        let place = place.unwrap_or_else(|| panic!("{from}"));
        changed[place] = changed[place].replace(from, to);
        packed(&path, &changed);
        let error = here.import_run(&path, any).wait().unwrap_err().to_string();
        assert!(
            error.contains(said) && error.ends_with("nothing was imported"),
            "{from}: {error}"
        );
    }
    let mut twice = lines.clone();
    twice.push(lines.last().unwrap().clone());
    packed(&path, &twice);
    let error = here.import_run(&path, any).wait().unwrap_err().to_string();
    assert!(error.contains("comes twice"), "{error}");
    packed(&path, &lines);
    let refused = here.import_run(&path, |_| Err("no".into())).wait();
    assert!(refused.unwrap_err().to_string().contains("line 1: no"));
    assert!(is_empty(&here));
    let _ = here.import_run(&path, any).wait().unwrap();
}

#[test]
fn another_run_of_the_same_id_is_not_replaced() {
    let there = laptop(1, "branch", vec![bare(2)]);
    let (_folder, path) = carried(&there, 1);
    let here = laptop(1, "default", vec![bare(1)]);
    let before = seen(&here, 1);
    let error = here.import_run(&path, any).wait().unwrap_err().to_string();
    assert!(error.contains("another run is called r-1"), "{error}");
    assert_eq!(seen(&here, 1), before);
}
