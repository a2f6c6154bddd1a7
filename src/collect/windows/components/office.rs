//! Office, in its two kinds, whose builds have nothing to do with each other.

use super::super::files;
use super::super::questions::{OFFICE_C2R, OFFICE_FILES};
use super::super::reg::Key;
use super::super::text::{LONG, NAME, arch, clip, optional};
use super::{Found, keys, plain};
use crate::model::{Component, Program};
use crate::session::Answers;

/// The update channels by the last part of their address ("Update channel for Office", Microsoft
/// Learn).
const CHANNELS: &[(&str, &str)] = &[
    ("492350f6-3a01-4f97-b9c0-c7c6ddf67d60", "Current Channel"),
    (
        "64256afe-f5d9-4f86-8936-8840a6a4f5be",
        "Current Channel (Preview)",
    ),
    (
        "55336b82-a18d-4dd6-b5f6-9e5095c314a6",
        "Monthly Enterprise Channel",
    ),
    (
        "7ffbc6bf-bc32-4f92-8982-f9dd17fd3114",
        "Semi-Annual Enterprise Channel",
    ),
    (
        "b8f9b850-328d-4355-9145-c59439a0c4cf",
        "Semi-Annual Enterprise Channel (Preview)",
    ),
    ("5440fd1f-7ecb-4221-8110-145efaa6372f", "Beta Channel"),
    (
        "f2e724c1-748f-4b47-8fb8-8e0d210e9208",
        "Office 2019 Perpetual Enterprise",
    ),
    (
        "5030841d-c919-4594-8d2d-84ae4f96e58e",
        "Office LTSC 2021 Perpetual Enterprise",
    ),
    (
        "7983bac0-e531-40cf-be00-fd24fe66619c",
        "Office LTSC 2024 Perpetual Enterprise",
    ),
];

/// The Click-to-Run Office: there is at most one.
pub(super) fn click_to_run(answers: &Answers) -> Found {
    let keys = keys(answers, OFFICE_C2R)?;
    let office = |key: &Key<'_>| {
        let version = key.clipped("VersionToReport", NAME)?;
        let addresses = ["UpdateChannel", "CDNBaseUrl"];
        let channel = addresses
            .iter()
            .find_map(|name| key.text(name))
            .map(channel);
        Some(Component {
            edition: key.clipped("ProductReleaseIds", LONG),
            channel,
            arch: key.text("Platform").and_then(arch).map(str::to_owned),
            path: key.clipped("InstallationPath", LONG),
            ..plain("Office Click-to-Run", Some(version), key)
        })
    };
    Ok(keys.iter().find_map(office).into_iter().collect())
}

/// The channel's name; an address that is nobody's we know stays as it is.
fn channel(address: &str) -> String {
    let id = address.trim_end_matches('/').rsplit('/').next();
    let id = id.unwrap_or_default();
    let known = CHANNELS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(id));
    known.map_or_else(|| clip(address, NAME), |(_, name)| (*name).to_owned())
}

/// Products of Windows Installer, and the programs whose versions their patches move.
pub(super) fn installed(answers: &Answers, programs: &[Program]) -> Found {
    let mut found: Vec<Component> = programs.iter().filter_map(product).collect();
    let text = optional(answers.text(OFFICE_FILES))?.unwrap_or_default();
    for file in files::versions(text) {
        let name = match file.path.rsplit('\\').next() {
            Some("winword.exe") => "Microsoft Word",
            Some("excel.exe") => "Microsoft Excel",
            Some("outlook.exe") => "Microsoft Outlook",
            _ => continue,
        };
        found.push(Component {
            name: name.to_owned(),
            version: file.version.map(|part| part.to_string()).join("."),
            path: Some(file.path.clone()),
            source: file.path,
            ..Component::default()
        });
    }
    Ok(found)
}

/// `Office16.PROPLUS`, the suite's own entry, or a product code of Office's that is no part of
/// Click-to-Run ("Description of the numbering scheme for product code GUIDs", KB2786054).
fn product(program: &Program) -> Option<Component> {
    let key = program.key.to_ascii_uppercase();
    let is_suite = ["OFFICE12.", "OFFICE14.", "OFFICE15.", "OFFICE16."]
        .iter()
        .any(|start| key.starts_with(start));
    let is_code = key.starts_with("{9") && key.ends_with("0FF1CE}");
    let is_helper = ["-007E-", "-008C-", "-008F-", "-00DD-"]
        .iter()
        .any(|part| key.contains(part));
    (is_suite || (is_code && !is_helper)).then(|| Component {
        name: program.name.clone(),
        version: program.version.clone().unwrap_or_default(),
        arch: program.arch.clone(),
        path: program.location.clone(),
        source: clip(&format!("Uninstall\\{}", program.key), LONG),
        ..Component::default()
    })
}
