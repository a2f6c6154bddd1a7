//! What the readers of package lists have in common.
//!
//! A list of which one line does not parse is malformed as a whole: part of a package list would pass
//! for all of it. A list without any package is no answer.

use super::platform::{clip, manager_of, platform};
use crate::model::{Family, Gap, GapCause, Package, PackageManager, Platform, SourcePackage};
use crate::session::Answers;

/// A question's answer is not what its tool writes.
pub(super) fn malformed(question: &str) -> Gap {
    Gap {
        question: question.to_owned(),
        cause: GapCause::Malformed,
    }
}

/// A list in its order, or the gap that an empty one is.
pub(super) fn finished(mut packages: Vec<Package>, question: &str) -> Result<Vec<Package>, Gap> {
    if packages.is_empty() {
        return Err(malformed(question));
    }
    sort(&mut packages);
    Ok(packages)
}

/// By name, architecture and version.
pub(super) fn sort(packages: &mut [Package]) {
    packages.sort_by(|a, b| (&a.name, &a.arch, &a.version).cmp(&(&b.name, &b.arch, &b.version)));
}

/// The platform of a Linux whose packages are a manager's: because its `ID` is known for it, or, for a
/// system that nobody knows, because that manager's list was answered with something.
pub(super) fn linux_of(
    answers: &Answers,
    manager: PackageManager,
    question: &'static str,
) -> Option<Platform> {
    let platform = platform(answers)?;
    if platform.family != Family::Linux {
        return None;
    }
    let is_its = match manager_of(&platform.id) {
        Some(known) => known == manager,
        None => answers
            .text(question)
            .is_ok_and(|text| !text.trim().is_empty()),
    };
    is_its.then_some(platform)
}

/// A package of which only the manager, the name and the version are known; it is its own source.
pub(super) fn package(manager: PackageManager, name: &str, version: &str) -> Package {
    Package {
        manager,
        name: name.to_owned(),
        version: version.to_owned(),
        arch: String::new(),
        source: SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        },
        state: crate::model::PackageState::Installed,
        held: false,
        installed_at: None,
        vendor: None,
        module: None,
        repository: None,
    }
}

/// A name as package managers allow them: letters, digits and a few signs, none of them in front.
pub(super) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._%{}~:@/".contains(&byte);
    (1..=255).contains(&text.len())
        && text.bytes().all(legal)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
}

/// One word of printable characters: what a version is at least.
pub(super) fn is_word(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A remark of a package's maker or manager, unless it is empty.
pub(super) fn remark(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| clip(text, 500))
}
