//! Every row of every table.

use super::*;

fn raw<const COLUMNS: usize>(text: &'static str) -> Vec<[&'static str; COLUMNS]> {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let columns = line.split('\t').count();
        assert_eq!(columns, COLUMNS, "{line}");
    }
    rows(text).collect()
}

fn is_sound(date: &str) -> bool {
    date.is_empty() || Date::parse(date).is_some_and(|read| read.to_string() == date)
}

fn is_weight(text: &str) -> bool {
    text.parse().is_ok_and(|weight: u8| weight < 10)
}

#[test]
fn every_row_of_the_windows_builds_is_read() {
    let rows = raw::<6>(include_str!("windows_builds.tsv"));
    assert_eq!(rows.len(), WINDOWS_BUILDS.len());
    for ([build, system, version, role, editions, ends], read) in rows.iter().zip(&*WINDOWS_BUILDS)
    {
        assert_eq!(read.build.to_string(), *build);
        assert!(["client", "server"].contains(role), "{build} {role}");
        assert!(
            system.starts_with("Windows ") || system.starts_with("Azure "),
            "{system}"
        );
        assert_eq!(
            read.is_server,
            system.contains("Server") || system.starts_with("Azure"),
            "{system}"
        );
        assert!(!editions.is_empty() && is_sound(ends), "{build} {ends}");
        // A name that covers several versions has none.
        assert!(version.is_empty() || !system.contains(" or "), "{system}");
    }
    assert!(WINDOWS_BUILDS.is_sorted_by_key(|row| row.build));
}

#[test]
fn every_row_of_the_releases_is_read() {
    let rows = raw::<5>(include_str!("releases.tsv"));
    assert_eq!(rows.len(), RELEASES.len());
    for [os, release, name, family, ends] in rows {
        assert!(!os.is_empty() && is_sound(ends), "{os} {ends}");
        assert!(release.is_empty() || name.ends_with(release), "{name}");
        assert!(
            family.is_empty() || family_named(family).is_some(),
            "{family}"
        );
    }
}

#[test]
fn every_row_of_openssh_names_a_release_that_is_known() {
    for [added, version, os, release, weight] in raw::<5>(include_str!("openssh.tsv")) {
        assert!(
            version.starts_with(|one: char| one.is_ascii_digit()),
            "{version}"
        );
        let known = RELEASES
            .iter()
            .any(|row| row.os == os && row.version == release);
        assert!(known, "{os} {release}");
        assert!(is_weight(weight));
        // Without a word of the distribution, it is never more than a guess.
        assert!(!added.is_empty() || weight == "2", "{version}");
    }
}

#[test]
fn every_row_of_the_ssh_servers_is_read_and_reached() {
    for (at, row) in SSH_SERVERS.iter().enumerate() {
        let [beginning, _, os, device, weight] = raw::<5>(include_str!("ssh_servers.tsv"))[at];
        assert!(
            device.is_empty() || device_named(device).is_some(),
            "{device}"
        );
        assert!(is_weight(weight));
        assert!(
            os.is_empty() || RELEASES.iter().any(|row| row.os == os),
            "{os}"
        );
        let first = SSH_SERVERS
            .iter()
            .find(|one| beginning.starts_with(one.beginning));
        assert_eq!(first, Some(row), "{beginning} is hidden by a row before it");
    }
}

#[test]
fn every_sign_finds_itself() {
    let places = [
        "product",
        "banner",
        "title",
        "subject",
        "announces",
        "engine",
        "maker",
    ];
    for ([place, text, device, weight, system, family], sign) in
        raw::<6>(include_str!("servers.tsv"))
            .into_iter()
            .zip(&*SIGNS)
    {
        assert!(places.contains(&place), "{place}");
        assert!(
            device.is_empty() || device_named(device).is_some(),
            "{device}"
        );
        assert!(
            family.is_empty() || family_named(family).is_some(),
            "{family}"
        );
        assert!(is_weight(weight), "{text}");
        if let Some(build) = system.strip_prefix("build ") {
            assert!(
                WINDOWS_BUILDS
                    .iter()
                    .any(|row| row.build.to_string() == build),
                "{build}"
            );
        }
        assert!(sign.is_in(&text.trim_matches('*').to_lowercase()), "{text}");
    }
}

#[test]
fn every_row_of_the_ports_is_read() {
    let rows = raw::<5>(include_str!("ports.tsv"));
    assert_eq!(rows.len(), PORTS.len());
    for [proto, port, service, device, weight] in rows {
        assert!(
            ["tcp", "udp"].contains(&proto) && !service.is_empty(),
            "{port}"
        );
        assert!(
            device.is_empty() || device_named(device).is_some(),
            "{device}"
        );
        assert!(
            is_weight(weight) && Weight::read(weight).certainty() <= Certainty::Guess,
            "{port}"
        );
    }
    assert!(PORTS.is_sorted_by_key(|row| (row.proto, row.number)));
}

#[test]
fn words_are_found_whole_and_not_inside_others() {
    let axis = Pattern::read("title", "*AXIS");
    assert!(axis.is_in("axis m3045 network camera") && axis.is_in("live view - axis"));
    assert!(!axis.is_in("praxis dr. example") && !axis.is_in("axisymmetric"));
    let number = Pattern::read("title", "*S7-1");
    assert!(number.is_in("simatic s7-1200") && !number.is_in("ps7-1200"));
    assert!(has_words("idrac9 - login", "idrac") && !has_words("idracula", "idrac"));
    assert!(has_words("debut/1.30", "debut/") && has_words("axis_00408c", "axis_"));
    assert!(Pattern::read("product", "Microsoft-IIS/10.0").is_in("microsoft-iis/10.0"));
    assert!(!Pattern::read("engine", "9").is_in("99"));
}
