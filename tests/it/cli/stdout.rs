//! Who reads what is written to standard output, and what takes none of it.

use super::{OLD, desk, flags, network};
use crate::support::{Desk, Site};
#[cfg(target_os = "linux")]
use std::{fs::File, process::Stdio};

fn desk_with_a_run(site: &Site, net: u8) -> Desk {
    let desk = desk(site);
    desk.expect(0, &format!("scan 127.86.{net}.1 {} --out out", flags(site)));
    desk
}

#[test]
fn who_reads_only_the_beginning_of_standard_output_is_no_failure() {
    let site = Site::serve(&network("stdout", &[("127.86.45.1", OLD)]));
    let desk = desk_with_a_run(&site, 45);
    for (code, words) in [
        (0, "findings -o -"),
        (0, "export --format jsonl -o -"),
        (0, "machines"),
        (0, "completions bash"),
        (0, "runs list"),
        (4, "export --fail-on any -o -"),
    ] {
        let mut child = desk.command(words).spawn().unwrap();
        drop(child.stdout.take());
        let ended = desk.end(child);
        assert_eq!(ended.code, Some(code), "{words}: {}", ended.err);
        assert!(!ended.err.contains("pipe"), "{words}: {}", ended.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_takes_nothing_is_named() {
    let site = Site::serve(&network("stdout", &[("127.86.46.1", OLD)]));
    let desk = desk_with_a_run(&site, 46);
    for words in ["findings -o -", "machines", "completions bash"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = desk.command(words).stdout(Stdio::from(full)).spawn();
        let ended = desk.end(child.unwrap());
        assert_eq!(ended.code, Some(1), "{words}: {}", ended.err);
        let said = ended
            .err
            .contains("cannot write to standard output: No space left");
        assert!(said, "{words}: {}", ended.err);
    }
}
