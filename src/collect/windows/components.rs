//! Products whose patch level their Uninstall entries do not tell.

use super::office;
use super::questions::{
    DEFENDER, DEFENDER_PLATFORM, DOTNET, DOTNET_RUNTIMES, EDGE, EXCHANGE_14, EXCHANGE_15, FILES,
    IIS, INTERNET_EXPLORER, SQL,
};
use super::reg::{self, Key};
use super::text::{LONG, MOST_ROWS, NAME, arch, clip, digits, optional};
use super::files;
use crate::model::{Component, ComponentKind, Gap, Observed, Program};
use crate::session::Answers;
use std::collections::BTreeMap;

/// What one kind's reader gives: an empty list where nothing is installed.
pub(super) type Found = Result<Vec<Component>, Gap>;

/// Every kind, each with what is there or why that is not known.
pub(super) fn components(
    answers: &Answers,
    programs: &[Program],
) -> BTreeMap<ComponentKind, Observed<Vec<Component>>> {
    let kinds = [
        (ComponentKind::DotNetFramework, dotnet_framework(answers)),
        (ComponentKind::DotNetRuntime, dotnet_runtimes(answers, programs)),
        (ComponentKind::OfficeMsi, office::installed(answers, programs)),
        (ComponentKind::OfficeClickToRun, office::click_to_run(answers)),
        (ComponentKind::SqlServer, sql(answers)),
        (ComponentKind::Exchange, exchange(answers)),
        (ComponentKind::Edge, edge(answers)),
        (ComponentKind::Defender, defender(answers)),
        (ComponentKind::Iis, iis(answers)),
        (ComponentKind::InternetExplorer, internet_explorer(answers)),
    ];
    let sorted = |found: Found| {
        found.map(|mut list| {
            list.sort_unstable();
            list.dedup();
            list.truncate(MOST_ROWS);
            list
        })
    };
    let kinds = kinds.into_iter();
    kinds.map(|(kind, found)| (kind, sorted(found).into())).collect()
}

/// The keys of an answer; none where nothing is there.
pub(super) fn keys<'a>(answers: &'a Answers, id: &'static str) -> Result<Vec<Key<'a>>, Gap> {
    Ok(reg::keys(optional(answers.text(id))?.unwrap_or_default()))
}

/// A component that is nothing but a name and a version at a place in the registry.
pub(super) fn plain(name: impl Into<String>, version: Option<String>, key: &Key<'_>) -> Component {
    Component {
        name: name.into(),
        version: version.unwrap_or_default(),
        source: clip(key.path, LONG),
        ..Component::default()
    }
}

/// "How to: Determine which .NET Framework versions are installed" (Microsoft Learn): one 4.x, and
/// beside it 3.5, 3.0 and 2.0.
fn dotnet_framework(answers: &Answers) -> Found {
    let keys = keys(answers, DOTNET)?;
    let framework = |key: &Key<'_>| {
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
            _ => place.trim_start_matches('v').splitn(3, '.').take(2).collect::<Vec<_>>().join("."),
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
    Ok(keys.iter().filter_map(framework).collect())
}

/// .NET's own record of shared frameworks (dotnet/designs, "install locations"): a value a version;
/// and the runtimes among the programs that this record does not have.
fn dotnet_runtimes(answers: &Answers, programs: &[Program]) -> Found {
    let keys = keys(answers, DOTNET_RUNTIMES)?;
    let mut runtimes = Vec::new();
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
        runtimes.extend(versions.map(|version| Component {
            arch: arch(word).map(str::to_owned),
            ..plain(runtime_name(name), Some(clip(version, NAME)), key)
        }));
    }
    for program in programs {
        let named = runtime_of(program);
        let same = |known: &Component, found: &Component| {
            (&known.name, &known.version, &known.arch) == (&found.name, &found.version, &found.arch)
        };
        let is_new = |found: &Component| !runtimes.iter().any(|known| same(known, found));
        runtimes.extend(named.filter(is_new));
    }
    Ok(runtimes)
}

/// The version of a `Release` value, by the smallest that each has.
fn release_of_dotnet(release: u32) -> &'static str {
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

fn is_version(text: &str) -> bool {
    text.contains('.') && text.starts_with(|first: char| first.is_ascii_digit())
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
        ("Microsoft Windows Desktop Runtime - ", ".NET Desktop Runtime"),
        ("Microsoft ASP.NET Core ", "ASP.NET Core Runtime"),
    ];
    let named = |(start, name): &(&str, &'static str)| Some((program.name.strip_prefix(start)?, *name));
    let (rest, name) = NAMES.iter().find_map(named)?;
    let (version, rest) = rest.split_once(' ')?;
    let is_runtime = name != "ASP.NET Core Runtime" || rest.contains("Shared Framework");
    let word = rest.rsplit_once('(').map(|(_, word)| word.trim_end_matches(')'));
    (is_runtime && is_version(version)).then(|| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: word.and_then(arch).map(str::to_owned),
        source: clip(&format!("Uninstall\\{}", program.key), LONG),
        ..Component::default()
    })
}

/// Instances by name, each with the patch level of its engine.
fn sql(answers: &Answers) -> Found {
    let keys = keys(answers, SQL)?;
    let names = keys.iter().filter(|key| key.is_at(r"\Instance Names\SQL"));
    let mut instances = Vec::new();
    for list in names {
        for name in list.names().take(MOST_ROWS) {
            let Some(id) = list.text(name) else { continue };
            let end = format!(r"\{id}\Setup");
            let setup = keys.iter().find(|key| key.is_at(&end));
            let text = |value| setup.and_then(|key| key.clipped(value, LONG));
            let version = text("PatchLevel").or_else(|| text("Version"));
            instances.push(Component {
                instance: Some(clip(name, NAME)),
                edition: text("Edition"),
                path: text("SQLPath"),
                ..plain(
                    clip(&format!("SQL Server ({name})"), NAME),
                    version,
                    setup.unwrap_or(list),
                )
            });
        }
    }
    Ok(instances)
}

/// The version of `ExSetup.exe`, which security updates move; the registry has only the cumulative
/// update's.
fn exchange(answers: &Answers) -> Found {
    let versions = files::versions(answers.text(FILES).unwrap_or_default());
    let mut servers = Vec::new();
    for (id, folder, name) in [
        (EXCHANGE_15, "v15", "Exchange Server"),
        (EXCHANGE_14, "v14", "Exchange Server 2010"),
    ] {
        let keys = keys(answers, id)?;
        let Some(setup) = keys.iter().find(|key| key.has("MsiProductMajor")) else {
            continue;
        };
        let end = format!(r"\{folder}\bin\exsetup.exe");
        let file = versions.iter().find(|file| file.path.ends_with(&end));
        let of_file = file.map(|file| file.version.map(|part| part.to_string()).join("."));
        let numbers = ["MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor"];
        let numbers = numbers.map(|name| setup.dword(name).unwrap_or_default());
        let name = match (folder, numbers) {
            ("v15", [15, 0, ..]) => "Exchange Server 2013",
            ("v15", [15, 1, ..]) => "Exchange Server 2016",
            ("v15", [15, 2, build, _]) if build < 2562 => "Exchange Server 2019",
            ("v15", [15, 2, ..]) => "Exchange Server SE",
            _ => name,
        };
        let of_key = numbers.map(|part| part.to_string()).join(".");
        let source = file.map_or_else(|| clip(setup.path, LONG), |file| file.path.clone());
        servers.push(Component {
            path: setup.clipped("MsiInstallPath", LONG),
            source,
            ..plain(name, Some(of_file.unwrap_or(of_key)), setup)
        });
    }
    Ok(servers)
}

/// The clients of Edge's updater, by their well-known ids.
fn edge(answers: &Answers) -> Found {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("{56EB18F8-B008-4CBD-B6D2-8C97FE7E9062}", "Microsoft Edge", "stable"),
        ("{2CD8A007-E189-409D-A2C8-9AF4EF3C72AA}", "Microsoft Edge Beta", "beta"),
        ("{0D50BFEC-CD6A-4F9A-964C-C7416E3ACB10}", "Microsoft Edge Dev", "dev"),
        ("{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}", "Microsoft Edge WebView2 Runtime", "stable"),
    ];
    let keys = keys(answers, EDGE)?;
    let client = |key: &Key<'_>| {
        let known = |client: &&(&str, &str, &str)| client.0.eq_ignore_ascii_case(key.name());
        let (_, name, channel) = CLIENTS.iter().find(known)?;
        // 0.0.0.0 is what is left of one that was taken out.
        let version = key.clipped("pv", NAME).filter(|version| version != "0.0.0.0")?;
        Some(Component {
            channel: Some((*channel).to_owned()),
            ..plain(*name, Some(version), key)
        })
    };
    Ok(keys.iter().filter_map(client).collect())
}

/// Engine and signatures from their key, the platform from the folder that it runs from.
fn defender(answers: &Answers) -> Found {
    const VALUES: &[(&str, &str)] = &[
        ("EngineVersion", "Microsoft Defender engine"),
        ("AVSignatureVersion", "Microsoft Defender antivirus signatures"),
    ];
    let signatures = keys(answers, DEFENDER)?;
    let mut parts = Vec::new();
    for key in &signatures {
        let value = |(value, name): &(&str, &str)| Some(plain(*name, Some(key.clipped(value, NAME)?), key));
        parts.extend(VALUES.iter().filter_map(value));
    }
    let platform = keys(answers, DEFENDER_PLATFORM)?;
    let platform = platform.iter().find_map(|key| Some((key, key.text("InstallLocation")?)));
    if let Some((key, folder)) = platform.filter(|_| !parts.is_empty()) {
        // `…\Platform\4.18.24050.7-0\`; before 2017 it ran from Program Files.
        let last = folder.trim_end_matches('\\').rsplit('\\').next().unwrap_or_default();
        let version = last.split('-').next().filter(|version| is_version(version));
        parts.push(Component {
            path: Some(clip(folder, LONG)),
            ..plain("Microsoft Defender platform", version.map(|text| clip(text, NAME)), key)
        });
    }
    Ok(parts)
}

fn iis(answers: &Answers) -> Found {
    let keys = keys(answers, IIS)?;
    let server = |key: &Key<'_>| {
        let (major, minor) = (key.dword("MajorVersion")?, key.dword("MinorVersion")?);
        // What is left of an IIS that was taken out has no root any more.
        let root = key.clipped("PathWWWRoot", LONG).or_else(|| key.clipped("InstallPath", LONG))?;
        Some(Component {
            path: Some(root),
            ..plain("Internet Information Services", Some(format!("{major}.{minor}")), key)
        })
    };
    Ok(keys.iter().filter_map(server).collect())
}

/// `svcVersion` since Internet Explorer 10, whose `Version` is stuck at 9.
fn internet_explorer(answers: &Answers) -> Found {
    let keys = keys(answers, INTERNET_EXPLORER)?;
    let browser = |key: &Key<'_>| {
        let version = key.clipped("svcVersion", NAME).or_else(|| key.clipped("Version", NAME))?;
        let major: u32 = digits(version.split('.').next()?)?;
        Some(plain(format!("Internet Explorer {major}"), Some(version), key))
    };
    Ok(keys.iter().find_map(browser).into_iter().collect())
}

#[cfg(test)]
#[path = "components_tests.rs"]
mod tests;
