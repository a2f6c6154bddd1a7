//! Which machines and findings an operator asks for, by the words of `--host`, `--tag`, `--kb` and `--severity`.

use crate::model::{Decision, Finding, MachineRecord, Severity};

/// How bad a finding is by the policy; where nobody asked it, by the publisher.
pub fn severity(finding: &Finding, decision: Option<&Decision>) -> Option<Severity> {
    match decision {
        Some(decision) => decision.my_severity,
        None => finding.rating(),
    }
}

/// Whether a finding, with what the policy makes of it, is about one of these updates, bulletins or CVEs (all are,
/// where none is named), and at least this severe. An update that was replaced is meant by the one that replaces it.
pub fn is_asked(
    (finding, decision): (&Finding, Option<&Decision>),
    only: &[String],
    least: Option<Severity>,
) -> bool {
    let update = finding.remedy.as_ref().map(|one| one.update.as_str());
    let replaced = finding.remedy.iter().flat_map(|remedy| &remedy.supersedes);
    let mut names = [Some(finding.bulletin.as_str()), update]
        .into_iter()
        .flatten()
        .chain(finding.cves.iter().map(String::as_str))
        .chain(replaced.map(String::as_str));
    let is_named =
        only.is_empty() || names.any(|name| only.iter().any(|one| one.eq_ignore_ascii_case(name)));
    // Nobody's word on how bad it is is no reason to leave it out.
    let is_severe =
        least.is_none_or(|least| severity(finding, decision).is_none_or(|rating| rating >= least));
    is_named && is_severe
}

/// Whether a machine is one of these hosts, by id, address or name, and has one of these tags; all are, where
/// none is named.
pub fn is_named(machine: &MachineRecord, hosts: &[String], tags: &[String]) -> bool {
    let identity = machine.inventory.as_ref().map(|read| &read.identity);
    let own = identity.and_then(|one| one.hostname.known());
    let names = [own, machine.target_name.as_ref()];
    let is_name = |word: &str| {
        names.iter().flatten().any(|name| {
            let short = name.split('.').next().unwrap_or_default();
            name.eq_ignore_ascii_case(word) || short.eq_ignore_ascii_case(word)
        })
    };
    let is_host = |word: &String| {
        let ids = [&machine.id].into_iter().chain(&machine.also);
        ids.into_iter().any(|id| id.as_str() == word)
            || machine.addresses.iter().any(|at| at.to_string() == *word)
            || is_name(word)
    };
    let has_tag = |tag: &String| machine.tags.contains(tag);
    (hosts.is_empty() || hosts.iter().any(is_host)) && (tags.is_empty() || tags.iter().any(has_tag))
}
