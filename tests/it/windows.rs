//! The recorded Windows hosts against what was written down of them before anything read them.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use underdesk::collect;
use underdesk::model::{Component, ComponentKind, Inventory, Observed, WindowsFacts, WindowsRole};
use underdesk::session::{Limits, Reply};

/// A host, as its maker meant it: `fixtures/windows-expected.toml`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expected {
    os: String,
    build: String,
    edition: String,
    installation: String,
    role: String,
    display: Option<String>,
    service_pack: Option<String>,
    arch: String,
    programs: usize,
    /// `KB5034122 installed`; without them nobody can know.
    hotfixes: Option<Vec<String>>,
    /// `edge 141.0.3537.71`, and what tells several of a kind apart.
    components: Vec<String>,
    #[serde(default)]
    sites: Vec<String>,
    reboot: bool,
    tcp: Vec<u16>,
    udp: Vec<u16>,
    /// Empty outside of a domain; without it nobody can know.
    domain: Option<String>,
    wsus: Option<String>,
}

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"))
}

fn expected() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(fixtures().join("windows-expected.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

fn inventory(name: &str) -> Inventory {
    let (set, answers) = collect::load(&fixtures().join("hosts").join(name)).unwrap();
    collect::read(set, &answers).unwrap()
}

/// What was read, in the words of the expectation.
fn told(inventory: &Inventory) -> Expected {
    let release = inventory.platform.windows.as_ref().unwrap();
    let facts = inventory.windows.as_ref().unwrap();
    let ports = |proto: &str| {
        let services = known(&inventory.services).iter();
        let ports = services.filter(|service| service.proto == proto);
        sorted(ports.map(|service| service.port))
    };
    let hotfixes = facts.hotfixes.known();
    let member = facts.membership.known();
    let sites = facts.sites.known().into_iter().flatten();
    let policy = facts.update_policy.known();
    let wsus = policy.and_then(|policy| policy.wsus.as_ref().filter(|_| policy.uses_wsus));
    Expected {
        os: inventory.platform.name.clone(),
        build: release.build.to_string(),
        edition: release.edition.clone().unwrap_or_default(),
        installation: release.installation.clone().unwrap_or_default(),
        role: role(release.role).to_owned(),
        display: release.display_version.clone(),
        service_pack: release.service_pack.clone(),
        arch: inventory.platform.arch.clone().unwrap_or_default(),
        programs: known(&facts.programs).len(),
        hotfixes: hotfixes.map(|list| {
            let lines = list.iter();
            sorted(lines.map(|hotfix| format!("{} {}", hotfix.id, hotfix.state.as_str())))
        }),
        components: components(facts),
        sites: sorted(sites.map(|site| format!("{} {} {}", site.name, site.id, site.state))),
        reboot: known(&inventory.reboot).required,
        tcp: ports("tcp"),
        udp: ports("udp"),
        domain: member.map(|member| {
            let name = member.name.clone();
            if member.is_domain {
                name
            } else {
                String::new()
            }
        }),
        wsus: wsus.cloned(),
    }
}

fn components(facts: &WindowsFacts) -> Vec<String> {
    let known = facts.components.iter();
    let known = known.flat_map(|(kind, list)| {
        let list = list.known().into_iter().flatten();
        list.map(move |component| component_line(*kind, component))
    });
    sorted(known)
}

fn component_line(kind: ComponentKind, component: &Component) -> String {
    let mut words = vec![kind.as_str(), component.version.as_str()];
    let details = [&component.instance, &component.arch, &component.channel];
    let told_apart = matches!(
        kind,
        ComponentKind::SqlServer | ComponentKind::DotNetRuntime | ComponentKind::OfficeClickToRun
    );
    if told_apart {
        words.extend(details.into_iter().filter_map(Option::as_deref));
    }
    words.join(" ")
}

fn role(role: Option<WindowsRole>) -> &'static str {
    match role {
        Some(WindowsRole::Workstation) => "workstation",
        Some(WindowsRole::DomainController) => "domain_controller",
        Some(WindowsRole::Server) => "server",
        None => "",
    }
}

fn known<T>(fact: &Observed<T>) -> &T {
    fact.known().unwrap()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort_unstable();
    items.dedup();
    items
}

#[test]
fn every_recorded_windows_is_what_it_was_made_to_be() {
    let mut wrong = String::new();
    for (name, mut meant) in expected() {
        meant.hotfixes = meant.hotfixes.map(sorted);
        meant.components = sorted(meant.components);
        meant.sites = sorted(meant.sites);
        let told = told(&inventory(&name));
        if told != meant {
            let (told, meant) = (format!("{told:#?}"), format!("{meant:#?}"));
            let told: Vec<_> = told.lines().collect();
            let meant: Vec<_> = meant.lines().collect();
            let only = |these: &[&str], those: &[&str], mark| {
                let these = these.iter().filter(|line| !those.contains(line));
                let lines: Vec<String> = these.map(|line| format!("  {mark}{line}\n")).collect();
                lines.concat()
            };
            let (missing, more) = (only(&meant, &told, '-'), only(&told, &meant, '+'));
            wrong.extend([name.as_str(), "\n", &missing, &more]);
        }
    }
    assert!(wrong.is_empty(), "meant -, read +:\n{wrong}");
}

#[test]
fn every_recorded_windows_is_expected_but_the_hostile_one() {
    let names = fs::read_dir(fixtures().join("hosts")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let recorded = names.filter(|name| name.starts_with("windows-") && name != "windows-hostile");
    assert_eq!(sorted(recorded), sorted(expected().into_keys()));
}

#[test]
fn a_hundred_thousand_keys_are_read_without_delay() {
    let key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall";
    let mut text = String::new();
    for number in 0..100_000 {
        let name = format!("=cmd|' /C calc'!A{number}");
        let entry = format!("\r\n{key}\\{number}\r\n    DisplayName    REG_SZ    {name}\r\n");
        text.push_str(&entry);
    }
    let hostile = fixtures().join("hosts/windows-hostile");
    let (set, mut answers) = collect::load(&hostile).unwrap();
    let reply = Reply {
        exit: 0,
        stdout: text.into_bytes(),
    };
    answers.record("uninstall-64", &reply, &Limits::default());
    let started = Instant::now();
    let inventory = collect::read(set, &answers).unwrap();
    let programs = known(&inventory.windows.as_ref().unwrap().programs).len();
    assert!((10_000..=100_000).contains(&programs), "{programs}");
    // Seconds in a build for tests; anything quadratic would take hours.
    assert!(started.elapsed() < Duration::from_mins(1));
}
