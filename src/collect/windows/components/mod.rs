//! Products whose patch level their Uninstall entries do not tell.

mod dotnet;
mod office;

use super::files;
use super::questions::{
    DEFENDER, DEFENDER_PLATFORM, EDGE, EXCHANGE_14, EXCHANGE_15, FILES, IIS, INTERNET_EXPLORER, SQL,
};
use super::reg::{self, Key};
use super::text::{LONG, MOST_ROWS, NAME, clip, digits, optional};
use crate::model::{Component, ComponentKind, Gap, Observed, Program, SystemService};
use crate::session::Answers;
use std::collections::BTreeMap;

/// What one kind's reader gives: an empty list where nothing is installed.
pub(super) type Found = Result<Vec<Component>, Gap>;

/// Every kind, each with what is there or why that is not known.
pub(super) fn components(
    answers: &Answers,
    programs: &[Program],
    services: &[SystemService],
) -> BTreeMap<ComponentKind, Observed<Vec<Component>>> {
    let kinds = [
        (ComponentKind::DotNetFramework, dotnet::framework(answers)),
        (
            ComponentKind::DotNetRuntime,
            dotnet::runtimes(answers, programs),
        ),
        (
            ComponentKind::OfficeMsi,
            office::installed(answers, programs),
        ),
        (
            ComponentKind::OfficeClickToRun,
            office::click_to_run(answers),
        ),
        (ComponentKind::SqlServer, sql(answers, services)),
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
    kinds
        .map(|(kind, found)| (kind, sorted(found).into()))
        .collect()
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

/// Whether a text begins like a version.
fn is_version(text: &str) -> bool {
    text.contains('.') && text.starts_with(|first: char| first.is_ascii_digit())
}

/// SQL Server allows 50 instances.
const MOST_INSTANCES: usize = 200;

/// Instances by name, each with the patch level of its engine.
fn sql(answers: &Answers, services: &[SystemService]) -> Found {
    let keys = keys(answers, SQL)?;
    let list = keys.iter().find(|key| key.is_at(r"\Instance Names\SQL"));
    let mut instances = Vec::new();
    for name in list
        .iter()
        .flat_map(|list| list.names())
        .take(MOST_INSTANCES)
    {
        let Some((list, id)) = list.and_then(|list| Some((list, list.text(name)?))) else {
            continue;
        };
        let end = format!(r"\{id}\Setup");
        let setup = keys.iter().find(|key| key.is_at(&end));
        let text = |value| setup.and_then(|key| key.clipped(value, LONG));
        let version = text("PatchLevel").or_else(|| text("Version"));
        let shown = clip(&format!("SQL Server ({name})"), NAME);
        instances.push(Component {
            instance: Some(clip(name, NAME)),
            edition: text("Edition"),
            path: text("SQLPath"),
            ..plain(shown, version, setup.unwrap_or(list))
        });
    }
    // An instance of the other view has no key here, but a service.
    for service in services {
        let name = instance_of(&service.name);
        let known = |one: &Component, name| {
            one.instance
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        let name = name.filter(|name| !instances.iter().any(|one| known(one, name)));
        instances.extend(name.map(|name| Component {
            name: format!("SQL Server ({name})"),
            instance: Some(name.to_owned()),
            path: Some(service.path.clone()),
            source: format!("service {}", service.name),
            ..Component::default()
        }));
    }
    Ok(instances)
}

/// The instance that a service runs: `MSSQLSERVER`, `MSSQL$KASSE`.
fn instance_of(service: &str) -> Option<&str> {
    match service.split_once('$') {
        Some((kind, name)) => kind.eq_ignore_ascii_case("MSSQL").then_some(name),
        None => service
            .eq_ignore_ascii_case("MSSQLSERVER")
            .then_some(service),
    }
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
        let numbers = [
            "MsiProductMajor",
            "MsiProductMinor",
            "MsiBuildMajor",
            "MsiBuildMinor",
        ];
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
        (
            "{56EB18F8-B008-4CBD-B6D2-8C97FE7E9062}",
            "Microsoft Edge",
            "stable",
        ),
        (
            "{2CD8A007-E189-409D-A2C8-9AF4EF3C72AA}",
            "Microsoft Edge Beta",
            "beta",
        ),
        (
            "{0D50BFEC-CD6A-4F9A-964C-C7416E3ACB10}",
            "Microsoft Edge Dev",
            "dev",
        ),
        (
            "{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}",
            "Microsoft Edge WebView2 Runtime",
            "stable",
        ),
    ];
    let keys = keys(answers, EDGE)?;
    let client = |key: &Key<'_>| {
        let known = |client: &&(&str, &str, &str)| client.0.eq_ignore_ascii_case(key.name());
        let (_, name, channel) = CLIENTS.iter().find(known)?;
        // 0.0.0.0 is what is left of one that was taken out.
        let version = key
            .clipped("pv", NAME)
            .filter(|version| version != "0.0.0.0")?;
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
        (
            "AVSignatureVersion",
            "Microsoft Defender antivirus signatures",
        ),
    ];
    let signatures = keys(answers, DEFENDER)?;
    let mut parts = Vec::new();
    for key in &signatures {
        let value =
            |(value, name): &(&str, &str)| Some(plain(*name, Some(key.clipped(value, NAME)?), key));
        parts.extend(VALUES.iter().filter_map(value));
    }
    let platform = keys(answers, DEFENDER_PLATFORM)?;
    let platform = platform
        .iter()
        .find_map(|key| Some((key, key.text("InstallLocation")?)));
    if let Some((key, folder)) = platform.filter(|_| !parts.is_empty()) {
        // `…\Platform\4.18.24050.7-0\`; before 2017 it ran from Program Files.
        let last = folder
            .trim_end_matches('\\')
            .rsplit('\\')
            .next()
            .unwrap_or_default();
        let version = last.split('-').next().filter(|version| is_version(version));
        parts.push(Component {
            path: Some(clip(folder, LONG)),
            ..plain(
                "Microsoft Defender platform",
                version.map(|text| clip(text, NAME)),
                key,
            )
        });
    }
    Ok(parts)
}

fn iis(answers: &Answers) -> Found {
    let keys = keys(answers, IIS)?;
    let server = |key: &Key<'_>| {
        let (major, minor) = (key.dword("MajorVersion")?, key.dword("MinorVersion")?);
        // What is left of an IIS that was taken out has no root any more.
        let root = key
            .clipped("PathWWWRoot", LONG)
            .or_else(|| key.clipped("InstallPath", LONG))?;
        Some(Component {
            path: Some(root),
            ..plain(
                "Internet Information Services",
                Some(format!("{major}.{minor}")),
                key,
            )
        })
    };
    Ok(keys.iter().filter_map(server).collect())
}

/// `svcVersion` since Internet Explorer 10, whose `Version` is stuck at 9.
fn internet_explorer(answers: &Answers) -> Found {
    let keys = keys(answers, INTERNET_EXPLORER)?;
    let browser = |key: &Key<'_>| {
        let version = key
            .clipped("svcVersion", NAME)
            .or_else(|| key.clipped("Version", NAME))?;
        let major: u32 = digits(version.split('.').next()?)?;
        Some(plain(
            format!("Internet Explorer {major}"),
            Some(version),
            key,
        ))
    };
    Ok(keys.iter().find_map(browser).into_iter().collect())
}

#[cfg(test)]
mod tests;
