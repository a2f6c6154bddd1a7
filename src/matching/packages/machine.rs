//! What is to be said of a machine as a whole, beside its flaws.

use super::Context;
use super::doubt::Row;
use super::origin::foreign;
use crate::matching::about_machine;
use crate::model::{
    BulletinId, Confidence, Evidence, Finding, FindingState, Package, PackageState, Platform,
    UpdateSource,
};
use std::collections::{BTreeMap, BTreeSet};

/// The rows about the machine; `told` are those about its flaws.
pub(super) fn rows(context: &Context<'_>, packages: &[Package], told: &[Row]) -> Vec<Row> {
    let rows = [not_covered(context, packages, told), stale(context)];
    rows.into_iter().flatten().map(Row::from).collect()
}

/// How many names a row tells.
const NAMED: usize = 50;

/// The packages that no advisory of the distribution speaks of: to leave them out in silence would make them
/// look clean. Those of which a row tells already are not told again.
fn not_covered(context: &Context<'_>, packages: &[Package], told: &[Row]) -> Option<Finding> {
    let platform = &context.inventory.platform;
    let told = told.iter().filter(|row| row.is_third_party());
    let told: BTreeSet<&str> = told
        .flat_map(|row| row.finding.packages.iter().map(String::as_str))
        .collect();
    let mut by_origin: BTreeMap<String, Vec<&Package>> = BTreeMap::new();
    let installed = packages.iter();
    let installed = installed.filter(|package| package.state != PackageState::ConfigFiles);
    for package in installed.filter(|package| package.name != "gpg-pubkey") {
        if told.contains(package.name.as_str()) {
            continue;
        }
        if let Some(origin) = foreign(package, platform) {
            by_origin
                .entry(origin.to_string())
                .or_default()
                .push(package);
        }
    }
    let count: usize = by_origin.values().map(Vec::len).sum();
    if count == 0 {
        return None;
    }
    let origins = by_origin.iter();
    let origins = origins.map(|(origin, packages)| format!("{origin} ({})", packages.len()));
    let origins = origins.take(NAMED).collect::<Vec<_>>().join(", ");
    let evidence = Evidence {
        observed: origins.clone(),
        question: context.question.to_owned(),
        rule: "the distribution's advisories do not speak of them: ask whoever publishes them"
            .to_owned(),
        record: String::new(),
        witnesses: Vec::new(),
    };
    let plural = if count == 1 { " is" } else { "s are" };
    let title = format!("{count} package{plural} not the distribution's and not judged: {origins}");
    let bulletin = BulletinId::new("unverified:not-covered");
    let state = FindingState::Unverified;
    let mut finding = about_machine(platform, bulletin, title, state, evidence);
    let all = by_origin.into_values().flatten();
    let mut names: Vec<String> = all.map(|package| package.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(NAMED);
    finding.packages = names;
    finding.confidence = Confidence::Low;
    Some(finding)
}

/// The programs whose code on disk is newer than the one that runs.
fn stale(context: &Context<'_>) -> Option<Finding> {
    let unix = context.inventory.unix.as_deref()?;
    let programs = unix.stale.known().filter(|programs| !programs.is_empty())?;
    let line = |program: &crate::model::StaleProgram| {
        let files = program.files.iter().take(5).cloned().collect::<Vec<_>>();
        format!("{} runs {}", program.program, files.join(" "))
    };
    let observed: Vec<String> = programs.iter().take(20).map(line).collect();
    let evidence = Evidence {
        observed: observed.join("; "),
        question: "stale".to_owned(),
        rule: "a program that began before its files were replaced runs the old code".to_owned(),
        record: String::new(),
        witnesses: Vec::new(),
    };
    let count = programs.len();
    let plural = if count == 1 { " runs" } else { "s run" };
    let title = format!("{count} program{plural} code that has been replaced: restart them");
    let mut finding = about_machine(
        &context.inventory.platform,
        BulletinId::new("restart:stale-programs"),
        title,
        FindingState::PendingReboot,
        evidence,
    );
    let names = programs.iter().take(NAMED);
    finding.packages = names.map(|program| program.program.clone()).collect();
    Some(finding)
}

/// Says of a fix that is missing that this host's own configuration does not offer it, where that is known.
pub(super) fn tell_offers(context: &Context<'_>, row: &mut Row) {
    if row.finding.state != FindingState::Missing {
        return;
    }
    let unix = context.inventory.unix.as_deref();
    let Some(sources) = unix.and_then(|unix| unix.sources.known()) else {
        return;
    };
    let other = || (!row.is_offered).then(|| "none of its repositories holds it".to_owned());
    if let Some(why) = not_offered(&context.inventory.platform, sources).or_else(other) {
        let rule = &mut row.finding.evidence.rule;
        rule.push_str("; the fix exists, but this host's sources do not offer it: ");
        rule.push_str(&why);
    }
}

fn not_offered(platform: &Platform, sources: &[UpdateSource]) -> Option<String> {
    let enabled: Vec<&UpdateSource> = sources.iter().filter(|source| source.enabled).collect();
    if enabled.is_empty() {
        return Some("none is enabled".to_owned());
    }
    let family = platform.ecosystem.as_deref()?.split(':').next()?;
    let codename = platform.codename.as_deref()?;
    let suites: Vec<String> = match family {
        "Debian" => vec![
            format!("{codename}-security"),
            format!("{codename}/updates"),
        ],
        "Ubuntu" => vec![
            format!("{codename}-security"),
            format!("{codename}-updates"),
        ],
        _ => return None,
    };
    let offers = enabled.iter().any(|source| {
        let mut words = source.id.split_whitespace();
        words.any(|word| suites.iter().any(|suite| suite == word))
    });
    (!offers).then(|| format!("none is {}", suites.join(" or ")))
}
