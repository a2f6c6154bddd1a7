//! What an operator means by an update, a machine, a severity: the words of `--bulletin`, `--kb`, `--host`, `--tag`.
//!
//! Plans, verifications, listings and exports read these words here, so that they never disagree.

use super::{Decision, Finding, MachineRecord, Severity};
use ipnetwork::IpNetwork;

/// How bad a finding is by the policy; where nobody asked it, by the publisher.
pub fn severity(finding: &Finding, decision: Option<&Decision>) -> Option<Severity> {
    match decision {
        Some(decision) => decision.my_severity,
        None => finding.rating(),
    }
}

/// Whether a finding is about an update, a bulletin or a CVE, whatever the case of its name. An update that was
/// replaced is meant by the one that replaces it.
pub fn is_about(finding: &Finding, name: &str) -> bool {
    let remedy = finding.remedy.as_ref();
    let update = remedy.map(|one| one.update.as_str());
    let replaced = remedy.into_iter().flat_map(|remedy| &remedy.supersedes);
    let mut names = [Some(finding.bulletin.as_str()), update]
        .into_iter()
        .flatten()
        .chain(finding.cves.iter().map(String::as_str))
        .chain(replaced.map(String::as_str));
    names.any(|one| one.eq_ignore_ascii_case(name))
}

/// Whether a finding, with what the policy makes of it, is about one of these updates, bulletins or CVEs (all are,
/// where none is named), and at least this severe. An update that was replaced is meant by the one that replaces it.
pub fn is_asked(
    (finding, decision): (&Finding, Option<&Decision>),
    only: &[String],
    least: Option<Severity>,
) -> bool {
    let is_named = only.is_empty() || only.iter().any(|name| is_about(finding, name));
    is_named && is_severe(severity(finding, decision), least)
}

/// Whether a rating is at least this severe. Nobody's word on how bad it is is no reason to leave it out.
pub(super) fn is_severe(rating: Option<Severity>, least: Option<Severity>) -> bool {
    least.is_none_or(|least| rating.is_none_or(|rating| rating >= least))
}

/// Whether a machine is one of these hosts, by id, address, network or name, and has one of these tags; all are,
/// where none is named.
pub fn is_named(machine: &MachineRecord, hosts: &[String], tags: &[String]) -> bool {
    let has_tag = |tag: &String| machine.tags.contains(tag);
    let is_host = |word: &String| is_host(machine, word);
    (hosts.is_empty() || hosts.iter().any(is_host)) && (tags.is_empty() || tags.iter().any(has_tag))
}

/// Whether a word is a name of a machine, an address at which it was met, a network of such, or an id.
fn is_host(machine: &MachineRecord, word: &str) -> bool {
    let ids = [&machine.id].into_iter().chain(&machine.also);
    if ids.into_iter().any(|id| id.as_str() == word) || names(machine).any(|own| is_name(own, word))
    {
        return true;
    }
    let mut addresses = machine.addresses.iter();
    match network(word) {
        Some(network) => addresses.any(|at| network.contains(*at)),
        None => addresses.any(|at| at.to_string() == word),
    }
}

/// The network that a word means; `None` for anything else, a single address among them.
pub(super) fn network(word: &str) -> Option<IpNetwork> {
    word.contains('/').then(|| word.parse().ok()).flatten()
}

/// Whether somebody is called so, with or without a domain.
pub(super) fn is_name(own: &str, word: &str) -> bool {
    let short = own.split('.').next().unwrap_or_default();
    !word.is_empty() && (own.eq_ignore_ascii_case(word) || short.eq_ignore_ascii_case(word))
}

/// What a machine is called: by itself, by the operator, without a login, by lists.
fn names(machine: &MachineRecord) -> impl Iterator<Item = &str> {
    let identity = machine.inventory.as_ref().map(|read| &read.identity);
    let own = identity.map(|one| [one.hostname.known(), one.fqdn.known()]);
    let own = own.into_iter().flatten().flatten();
    let seen = [&machine.fingerprint.hostname, &machine.fingerprint.fqdn];
    let seen = seen.into_iter().flatten().map(|claim| &claim.value);
    own.chain(&machine.target_name)
        .chain(seen)
        .chain([&machine.listed_name])
        .map(String::as_str)
}
