//! What a collector reads: a recorded host of its family, one of whose answers is any bytes. The first line of the
//! input says which answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use underdesk::collect::{self, COLLECTORS, Collector};
use underdesk::model::Platform;
use underdesk::session::{Answers, Limits, QuestionSet, Reply};
use underdesk_fuzz::{begin, is_wanted};

/// A host of a family.
struct Host {
    collector: &'static dyn Collector,
    set: &'static QuestionSet,
    platform: Platform,
    answers: Answers,
}

static HOSTS: OnceLock<Vec<Host>> = OnceLock::new();

/// A recorded host for each collector, the last by name. The one for whatever is left has another's.
fn hosts() -> Vec<Host> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/hosts");
    let entries = fs::read_dir(&folder).expect("the recorded hosts");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("a host").path()).collect();
    folders.sort();
    let mut found = BTreeMap::new();
    for folder in folders {
        let (set, answers) = collect::load(&folder).expect("a recording");
        if let Some((collector, platform)) = collect::recognise(set, &answers) {
            let host = Host {
                collector,
                set,
                platform,
                answers,
            };
            found.insert(collector.name(), host);
        }
    }
    let all = COLLECTORS.iter().map(|collector| {
        let own = found.get(collector.name());
        let same = |host: &&Host| host.set.name == collector.questions().name;
        let host = own.or_else(|| found.values().find(same));
        let host = host.unwrap_or_else(|| panic!("no host for {}", collector.name()));
        Host {
            collector: *collector,
            set: host.set,
            platform: host.platform.clone(),
            answers: host.answers.clone(),
        }
    });
    all.collect()
}

fuzz_target!(
    init: begin(COLLECTORS.iter().map(|collector| collector.name())),
    |bytes: &[u8]| {
        let (head, rest) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (&b""[..], bytes),
        };
        let hosts = HOSTS.get_or_init(hosts).iter();
        for host in hosts.filter(|host| is_wanted(host.collector.name())) {
            let questions = host.set.questions;
            let named = questions.iter().position(|question| question.id.as_bytes() == head);
            let sum: usize = head.iter().map(|byte| usize::from(*byte)).sum();
            let question = &questions[named.unwrap_or(sum % questions.len())];
            let mut answers = host.answers.clone();
            let reply = Reply {
                exit: 0,
                stdout: rest.to_vec(),
            };
            answers.record(question.id, &reply, &Limits::default());
            let before = collect::read(host.set, &answers);
            let inventory = host.collector.read(&host.platform, &answers);
            if let Some(before) = before {
                let _ = collect::told_by_root(&before, &inventory);
            }
            let _ = collect::account(&answers);
        }
    }
);
