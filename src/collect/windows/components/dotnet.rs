//! .NET Framework, of which a host has a few at fixed places, and the runtimes of .NET, of which it can
//! have any number side by side.

use super::super::questions::{DOTNET, DOTNET_RUNTIMES};
use super::super::reg::Key;
use super::super::text::{LONG, NAME, arch, clip};
use super::{Found, is_version, keys, plain};
use crate::model::{Component, Program};
use crate::session::Answers;
use std::collections::BTreeSet;

/// "How to: Determine which .NET Framework versions are installed" (Microsoft Learn): one 4.x, and
/// beside it 3.5, 3.0 and 2.0.
pub(super) fn framework(answers: &Answers) -> Found {
    let keys = keys(answers, DOTNET)?;
    let of_key = |key: &Key<'_>| {
        let place = key.below("NDP")?;
        let is_old = matches!(place, "v3.5" | "v3.0" | "v2.0.50727" | "v1.1.4322");
        if !(is_old || place.eq_ignore_ascii_case(r"v4\Full")) {
            return None;
        }
        let is_there = key.number("Install") == Some(1);
        let version = key.clipped("Version", NAME);
        let release = key.dword("Release");
        let name = match (release, is_old) {
            (Some(release), false) => release_of_dotnet(release).to_owned(),
            (None, false) => "4.0".to_owned(),
            _ => place
                .trim_start_matches('v')
                .splitn(3, '.')
                .take(2)
                .collect::<Vec<_>>()
                .join("."),
        };
        let name = match key.number("SP") {
            Some(pack @ 1..=9) if is_old => format!(".NET Framework {name} SP{pack}"),
            _ => format!(".NET Framework {name}"),
        };
        let edition = release.map(|release| format!("Release {release}"));
        is_there.then(|| Component {
            edition,
            ..plain(name, version, key)
        })
    };
    Ok(keys.iter().filter_map(of_key).collect())
}

/// .NET's own record of shared frameworks (dotnet/designs, "install locations"): a value a version;
/// and the runtimes among the programs that this record does not have.
pub(super) fn runtimes(answers: &Answers, programs: &[Program]) -> Found {
    let keys = keys(answers, DOTNET_RUNTIMES)?;
    let mut found = Vec::new();
    for key in &keys {
        let Some(place) = key.below("InstalledVersions") else {
            continue;
        };
        let mut parts = place.split('\\');
        let (word, folder) = (parts.next().unwrap_or_default(), parts.next());
        let Some(name) = parts.next().filter(|_| folder == Some("sharedfx")) else {
            continue;
        };
        let versions = key.names().filter(|name| is_version(name));
        found.extend(versions.map(|version| Component {
            arch: arch(word).map(str::to_owned),
            ..plain(runtime_name(name), Some(clip(version, NAME)), key)
        }));
    }
    let same = |one: &Component| (one.name.clone(), one.version.clone(), one.arch.clone());
    let mut known: BTreeSet<_> = found.iter().map(same).collect();
    let named = programs.iter().filter_map(runtime_of);
    found.extend(named.filter(|one| known.insert(same(one))));
    Ok(found)
}

/// The version of a `Release` value, by the smallest that each has.
pub(super) fn release_of_dotnet(release: u32) -> &'static str {
    const RELEASES: &[(u32, &str)] = &[
        (533_320, "4.8.1"),
        (528_040, "4.8"),
        (461_808, "4.7.2"),
        (461_308, "4.7.1"),
        (460_798, "4.7"),
        (394_802, "4.6.2"),
        (394_254, "4.6.1"),
        (393_295, "4.6"),
        (379_893, "4.5.2"),
        (378_675, "4.5.1"),
        (378_389, "4.5"),
    ];
    let mut releases = RELEASES.iter();
    let known = releases.find(|(least, _)| *least <= release);
    known.map_or("4", |(_, version)| version)
}

fn runtime_name(framework: &str) -> String {
    match framework {
        "Microsoft.NETCore.App" => ".NET Runtime".to_owned(),
        "Microsoft.AspNetCore.App" => "ASP.NET Core Runtime".to_owned(),
        "Microsoft.WindowsDesktop.App" => ".NET Desktop Runtime".to_owned(),
        other => clip(other, NAME),
    }
}

/// `Microsoft .NET Runtime - 8.0.6 (x64)`, `Microsoft ASP.NET Core 8.0.6 - Shared Framework (x64)`:
/// the version in the name is the runtime's, the entry's own is the installer's.
fn runtime_of(program: &Program) -> Option<Component> {
    const NAMES: &[(&str, &str)] = &[
        ("Microsoft .NET Runtime - ", ".NET Runtime"),
        ("Microsoft .NET Core Runtime - ", ".NET Runtime"),
        (
            "Microsoft Windows Desktop Runtime - ",
            ".NET Desktop Runtime",
        ),
        ("Microsoft ASP.NET Core ", "ASP.NET Core Runtime"),
    ];
    let named =
        |(start, name): &(&str, &'static str)| Some((program.name.strip_prefix(start)?, *name));
    let (rest, name) = NAMES.iter().find_map(named)?;
    let (version, rest) = rest.split_once(' ')?;
    let is_runtime = name != "ASP.NET Core Runtime" || rest.contains("Shared Framework");
    let word = rest
        .rsplit_once('(')
        .map(|(_, word)| word.trim_end_matches(')'));
    (is_runtime && is_version(version)).then(|| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: word.and_then(arch).map(str::to_owned),
        source: clip(&format!("Uninstall\\{}", program.key), LONG),
        ..Component::default()
    })
}
