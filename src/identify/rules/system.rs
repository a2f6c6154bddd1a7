//! Which operating system, which release of it, and whether anybody still mends it.

use super::claim::{Said, settle};
use super::{is_samba, shown, signs, source};
use crate::identify::ssh::{SshBanner, ssh_banner};
use crate::identify::tables::{RELEASES, Release, WINDOWS_BUILDS, Weight};
use crate::model::{Certainty, Claim, Clue, Date, Fact, Family, Role};

/// What is made of it.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) family: Option<Family>,
    pub(super) os: Option<Claim>,
    pub(super) version: Option<String>,
    pub(super) build: Option<u32>,
    pub(super) end_of_life: Option<Date>,
    /// Whether every system that it can be is a server's.
    pub(super) is_server: bool,
}

pub(super) fn judge(clues: &[Clue], roles: &[Role], on: Date) -> Judged {
    let hint = server_hint(clues, roles);
    let said = clues
        .iter()
        .flat_map(|clue| told(clue, hint))
        .collect::<Vec<_>>();
    let of_family = said.iter().filter(|said| said.what.family.is_some());
    let family = of_family
        .max_by_key(|said| said.weight)
        .and_then(|said| said.what.family);
    let named = said
        .into_iter()
        .filter(|said| !said.what.label.is_empty())
        .collect::<Vec<_>>();
    let Some(settled) = settle(&named, System::agrees, |system| &system.label) else {
        return Judged {
            family,
            ..Judged::default()
        };
    };
    let best = settled.best;
    let is_firm = settled.certainty >= Certainty::Likely && !settled.is_contested;
    Judged {
        family: best.family.or(family),
        version: best.version().map(str::to_owned),
        build: best.build,
        end_of_life: best.ended(on).filter(|_| is_firm),
        is_server: is_firm && best.is_server(),
        os: Some(Claim {
            value: best.label.clone(),
            certainty: settled.certainty,
            sources: settled.sources,
        }),
    }
}

/// A system, or several that look the same from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct System {
    /// `Windows 10 1809 or Windows Server 2019`; empty where only the family is known.
    label: String,
    family: Option<Family>,
    /// All that it can be; empty where that is open.
    choices: Vec<Choice>,
    build: Option<u32>,
}

/// One system in one edition line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choice {
    name: &'static str,
    version: &'static str,
    is_server: bool,
    ends: Option<Date>,
}

impl System {
    /// The Windows of a build: a client's, a server's, or either.
    fn windows(build: u16, is_server: Option<bool>) -> Self {
        let rows = WINDOWS_BUILDS.iter().filter(|row| row.build == build);
        let all = rows.map(|row| Choice {
            name: row.system,
            version: row.version,
            is_server: row.is_server,
            ends: row.ends,
        });
        let all = all.collect::<Vec<_>>();
        let fits = |one: &&Choice| is_server.is_none_or(|hint| one.is_server == hint);
        let fitting = all.iter().filter(fits).copied().collect::<Vec<_>>();
        let choices = if fitting.is_empty() { all } else { fitting };
        let mut names = choices.iter().map(|one| one.name).collect::<Vec<_>>();
        names.dedup();
        let label = if names.is_empty() {
            format!("Windows, unknown build {build}")
        } else {
            names.join(" or ")
        };
        Self {
            label,
            family: Some(Family::Windows),
            choices,
            build: Some(u32::from(build)),
        }
    }

    fn release(row: &Release) -> Self {
        let choice = Choice {
            name: row.name,
            version: row.version,
            is_server: false,
            ends: row.ends,
        };
        Self {
            label: row.name.to_owned(),
            family: row.family,
            choices: if row.version.is_empty() {
                Vec::new()
            } else {
                vec![choice]
            },
            build: None,
        }
    }

    /// Whether one machine can be both.
    fn agrees(&self, other: &Self) -> bool {
        let families = match (self.family, other.family) {
            (Some(one), Some(two)) => one == two || is_kind_of(one, two) || is_kind_of(two, one),
            _ => true,
        };
        let shares = |one: &Choice| other.choices.iter().any(|two| two.name == one.name);
        let is_open = self.choices.is_empty() || other.choices.is_empty();
        families && (is_open || self.choices.iter().any(shares))
    }

    fn version(&self) -> Option<&'static str> {
        let (first, rest) = self.choices.split_first()?;
        let is_one = rest.iter().all(|one| one.name == first.name);
        Some(first.version).filter(|version| is_one && !version.is_empty())
    }

    fn is_server(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|one| one.is_server)
    }

    /// The last day of the one that is mended longest, if that is over.
    fn ended(&self, on: Date) -> Option<Date> {
        let ends = self.choices.iter().map(|one| one.ends);
        let ends = ends.collect::<Option<Vec<_>>>()?;
        ends.into_iter().max().filter(|last| *last < on)
    }
}

fn is_kind_of(special: Family, general: Family) -> bool {
    matches!(
        (special, general),
        (Family::Debian, Family::Linux)
            | (
                Family::Debian | Family::Linux | Family::Bsd | Family::Macos,
                Family::Unix
            )
    )
}

/// Whether the host can only be a server, or only a client, of the systems that share a build.
fn server_hint(clues: &[Clue], roles: &[Role]) -> Option<bool> {
    let only_servers = [Role::DomainController, Role::Exchange];
    if roles.iter().any(|role| only_servers.contains(role)) {
        return Some(true);
    }
    clues.iter().find_map(|clue| match &clue.fact {
        // SMB 1 tells the product's name: `Windows Server 2008 R2 Standard 7601 Service Pack 1`.
        Fact::Banner(_) => native_os(clue).map(|native| native.contains("Server")),
        // The page that a fresh IIS shows, on a server and on a client.
        Fact::Title(title) if title == "IIS Windows Server" => Some(true),
        Fact::Title(title) if title == "IIS Windows" => Some(false),
        _ => None,
    })
}

fn native_os(clue: &Clue) -> Option<&str> {
    match &clue.fact {
        Fact::Banner(text) if clue.source.starts_with("smb") => {
            text.starts_with("Windows ").then_some(text)
        }
        _ => None,
    }
}

/// What one clue tells of the system.
fn told(clue: &Clue, hint: Option<bool>) -> Vec<Said<System>> {
    let mut said = match &clue.fact {
        _ if is_samba(clue) => vec![samba(clue)],
        Fact::WindowsBuild { build, .. } => vec![(System::windows(*build, hint), Weight(9))],
        Fact::Banner(text) => {
            let ssh = ssh_banner(text).and_then(|ssh| of_ssh(&ssh));
            let native = native_os(clue).map(|text| {
                let system = of_sign("", Some(Family::Windows), hint);
                let label = shown(text);
                (System { label, ..system }, Weight(5))
            });
            ssh.into_iter().chain(native).collect()
        }
        _ => Vec::new(),
    };
    said.extend(signs(clue).filter_map(|sign| {
        let is_told = !sign.system.is_empty() || sign.family.is_some();
        is_told.then(|| (of_sign(sign.system, sign.family, hint), sign.weight))
    }));
    let said = said.into_iter().map(|(what, weight)| Said {
        what,
        weight,
        source: source(clue),
    });
    said.collect()
}

/// Samba runs on anything like Unix; its packagers write their name behind the version.
fn samba(clue: &Clue) -> (System, Weight) {
    let Fact::Samba(version) = &clue.fact else {
        return (of_sign("", Some(Family::Unix), None), Weight(5));
    };
    let packager = ["Debian", "Ubuntu"]
        .iter()
        .find(|name| version.ends_with(**name));
    let row = packager.and_then(|name| {
        let row = RELEASES.iter().find(|row| row.name == *name);
        row.map(System::release)
    });
    row.map_or_else(
        || (of_sign("", Some(Family::Unix), None), Weight(5)),
        |system| (system, Weight(5)),
    )
}

fn of_ssh(ssh: &SshBanner) -> Option<(System, Weight)> {
    if let Some(told) = ssh.release {
        let row = RELEASES
            .iter()
            .find(|row| row.os == told.os && row.version == told.release)?;
        let weight = match told.certainty {
            Certainty::Sure => 8,
            Certainty::Likely => 6,
            _ => 2,
        };
        return Some((System::release(row), Weight(weight)));
    }
    let os = ssh.os?;
    let row = RELEASES
        .iter()
        .find(|row| row.os == os && row.version.is_empty())?;
    Some((System::release(row), Weight(5)))
}

fn of_sign(system: &str, family: Option<Family>, hint: Option<bool>) -> System {
    let build = system
        .strip_prefix("build ")
        .and_then(|build| build.parse().ok());
    if let Some(build) = build {
        // A version of IIS is shared by the builds of a service pack, so the build itself is not known.
        return System {
            build: None,
            ..System::windows(build, hint)
        };
    }
    System {
        label: system.to_owned(),
        family,
        ..System::default()
    }
}
