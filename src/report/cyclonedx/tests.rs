//! Software bills of materials and what is said of flaws in them: mapping, and hostile texts.

use super::super::sample::{self, finding, read, unread};
use super::super::sample_verified::verified_run;
use super::super::sample_windows;
use super::super::tests::{exported, hostile_texts, plain, sample_run};
use super::super::{Destination, Options, export, sample::Memory};
use super::*;
use crate::model::{Decided, Decision, Epss, ExceptionId, FindingState};
use serde_json::Value;

/// A machine with a finding of each state.
fn run() -> sample::Run {
    let states = [
        ("CVE-2026-1", FindingState::Missing),
        ("CVE-2026-2", FindingState::NoFixYet),
        ("CVE-2026-3", FindingState::WontFix),
        ("CVE-2026-4", FindingState::Unknown),
        ("CVE-2026-5", FindingState::Fixed),
        ("CVE-2026-6", FindingState::NotApplicable),
    ];
    let mut findings: Vec<_> = states
        .map(|(id, state)| finding("openssl", id, state))
        .to_vec();
    findings[0].cves = vec!["CVE-2026-1".to_owned(), "CVE-2026-11".to_owned()];
    findings[0].kev = vec!["CVE-2026-11".to_owned()];
    findings[0].cwes = vec!["CWE-416".to_owned(), "NVD-CWE-noinfo".to_owned()];
    findings[1].epss = Some(Epss(12_345));
    let mut decisions = vec![Decision::default(); findings.len()];
    decisions[2].exception = Some(ExceptionId::new("e-0a0b0c0d"));
    decisions[2].until = Some(sample::day("2027-01-31"));
    let mut machine = read("10.0.2.1", "web", findings);
    machine.decided = Some(Decided {
        decisions,
        ..Decided::default()
    });
    sample::run(vec![machine, unread("10.0.2.2")])
}

fn documents(memory: &Memory) -> Vec<(String, Value)> {
    let names = memory
        .names()
        .into_iter()
        .filter(|name| is_machine_document(name));
    names
        .map(|name| {
            (
                name.clone(),
                serde_json::from_str(&memory.text(&name)).unwrap(),
            )
        })
        .collect()
}

fn vulnerabilities(document: &Value) -> &Vec<Value> {
    document["vulnerabilities"].as_array().unwrap()
}

#[test]
fn a_machine_as_a_document() {
    let (memory, written) = exported(&run(), &[FORMAT], &plain());
    let documents = documents(&memory);
    assert_eq!((documents.len(), written.files.len()), (1, 1));
    let text = serde_json::to_string_pretty(&documents[0].1).unwrap();
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!(format!("{}\n{text}", documents[0].0));
}

#[test]
fn our_states_are_those_of_the_format() {
    let options = Options {
        all_findings: true,
        ..plain()
    };
    let (memory, _) = exported(&run(), &[FORMAT], &options);
    let documents = documents(&memory);
    let told = vulnerabilities(&documents[0].1).iter().map(|one| {
        let analysis = &one["analysis"];
        (
            one["id"].as_str().unwrap(),
            analysis["state"].as_str().unwrap(),
            analysis["response"][0].as_str(),
        )
    });
    let expected = [
        ("CVE-2026-1", "exploitable", Some("update")),
        ("CVE-2026-11", "exploitable", Some("update")),
        ("CVE-2026-2", "exploitable", None),
        ("CVE-2026-3", "exploitable", Some("will_not_fix")),
        ("CVE-2026-4", "in_triage", None),
        ("CVE-2026-5", "resolved", None),
        ("CVE-2026-6", "not_affected", None),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let excepted = &vulnerabilities(&documents[0].1)[3]["analysis"]["detail"];
    assert!(
        excepted
            .as_str()
            .unwrap()
            .starts_with("left as it is until 2027-01-31 by exception e-0a0b0c0d")
    );
}

#[test]
fn a_finding_is_about_its_package_its_product_its_system_or_its_machine() {
    let run = sample::run(Vec::new()).summary;
    let mut machine = sample_windows::judged("10.0.2.9", "srv1");
    let mut inventory = machine.inventory.as_deref().cloned().unwrap();
    "Microsoft Windows Server 2019 Standard".clone_into(&mut inventory.platform.name);
    machine.inventory = Some(std::sync::Arc::new(inventory.clone()));
    let parts = Components::of(&run, &plain(), &machine, &inventory).unwrap();
    let of_name = |name: &str| {
        let found = parts.all.iter().find(|part| part.name == name);
        found
            .map(|part| (&*part.bom_ref, part.version.clone().unwrap_or_default()))
            .unwrap()
    };
    let about = |product: &str, installed: &str, package: &str| {
        let mut finding = finding(product, "KB1", FindingState::Missing);
        (finding.packages, finding.installed) = (vec![package.to_owned()], installed.to_owned());
        parts
            .affected(&finding)
            .iter()
            .map(|one| (*one).to_owned())
            .collect::<Vec<_>>()
    };
    let named = &parts.all.last().unwrap().name;
    assert_eq!(about("x", "1", named), [of_name(named).0]);
    assert_eq!(about(&named.to_uppercase(), "1", ""), [of_name(named).0]);
    let (own, version) = of_name(".NET Framework 4.8");
    assert_eq!(about(".NET 4.8 for x64", &version, ""), [own]);
    assert_eq!(about("windows server 2019", "17763.1", ""), ["os"]);
    assert_eq!(about("indows", "1", ""), ["machine"]);
    assert_eq!(about("", "", ""), ["machine"]);
}

#[test]
fn every_reference_leads_to_one_thing() {
    for run in [run(), sample_run(), sample::filled(&hostile_texts())] {
        let (memory, _) = exported(&run, &[FORMAT], &plain());
        for (name, document) in documents(&memory) {
            let components = document["components"].as_array().unwrap();
            let own = &document["metadata"]["component"];
            let refs: Vec<&str> = components
                .iter()
                .chain([own])
                .chain(vulnerabilities(&document))
                .map(|one| one["bom-ref"].as_str().unwrap())
                .collect();
            let once: BTreeSet<&str> = refs.iter().copied().collect();
            assert_eq!(once.len(), refs.len(), "{name}: {refs:?}");
            for vulnerability in vulnerabilities(&document) {
                for part in vulnerability["affects"].as_array().unwrap() {
                    assert!(
                        once.contains(part["ref"].as_str().unwrap()),
                        "{name}: {part}"
                    );
                }
            }
        }
    }
}

#[test]
fn standard_output_takes_one_document() {
    let options = Options {
        destination: Destination::Stdout,
        ..plain()
    };
    let (memory, _) = exported(&run(), &[FORMAT], &options);
    assert_eq!(documents(&memory).len(), 1);
    let mut memory = Memory::default();
    let two = sample::run(vec![
        read("10.0.2.1", "a", Vec::new()),
        read("10.0.2.2", "b", Vec::new()),
    ]);
    let error = export(&two, &[FORMAT], &options, &mut memory).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("2 machines were read: write them into a folder"),
        "{error}"
    );
    assert!(memory.names().is_empty());
}

#[test]
fn what_verified_only_read_in_part_makes_no_document() {
    let mut memory = Memory::default();
    let error = export(&verified_run(), &[FORMAT], &plain(), &mut memory).unwrap_err();
    assert!(
        error.to_string().contains("export the scan instead"),
        "{error}"
    );
    assert!(memory.names().is_empty());
}

#[test]
fn a_file_is_named_by_nobody_else() {
    let mut names = BTreeSet::new();
    let mut name = |id: &str| file_name(&MachineId::new(id), &mut names);
    assert_eq!(name("m-36d9f8885903"), "m-36d9f8885903.cdx.json");
    assert_eq!(name("m-36d9f8885903"), "m-36d9f8885903-2.cdx.json");
    let hostile = name("m-../../x");
    assert!(is_machine_document(&hostile), "{hostile}");
    for other in [
        "m-.cdx.json",
        "m-36d9f8885903-1.cdx.json",
        "m-36D9f8885903.cdx.json",
        "own.cdx.json",
    ] {
        assert!(!is_machine_document(other), "{other}");
    }
    assert!(is_machine_document("m-36d9f8885903-2.cdx.json"));
}

#[test]
fn a_serial_number_is_a_uuid_of_run_and_machine() {
    let of =
        |run: &str, machine: &str| serial_number(&RunId::new(run), &MachineId::new(machine), &[]);
    let one = of("r-1", "m-1");
    assert_eq!(one, of("r-1", "m-1"));
    assert_ne!(one, of("r-1m", "-1"));
    assert_ne!(one, of("r-2", "m-1"));
    assert_eq!(one.len(), "urn:uuid:".len() + 36);
    assert_eq!(one.as_bytes()[9 + 14], b'5', "{one}");
    assert!(b"89ab".contains(&one.as_bytes()[9 + 19]), "{one}");
}
