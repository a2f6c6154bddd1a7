//! How a machine that the run met stands: the first state that holds, its evidence, and what to do.

use super::care::overlooked;
use super::context::Context;
use super::identity::Identity;
use super::machine::Machine;
use super::policy::Expected;
use crate::model::{Certainty, DeviceKind, Family, ManagedState, ResultCode, Standing};

/// A state with all that goes with it.
pub(super) struct Verdict {
    pub(super) state: ManagedState,
    pub(super) reason: String,
    pub(super) confidence: Certainty,
    pub(super) evidence: Vec<String>,
    pub(super) suggestion: String,
}

impl Verdict {
    pub(super) fn of(state: ManagedState, reason: &str, confidence: Certainty) -> Self {
        Self {
            state,
            reason: reason.to_owned(),
            confidence,
            evidence: Vec::new(),
            suggestion: String::new(),
        }
    }

    fn saying(mut self, evidence: impl IntoIterator<Item = String>, suggestion: &str) -> Self {
        self.evidence.extend(evidence);
        suggestion.clone_into(&mut self.suggestion);
        self
    }

    /// As a standing; neighbours, hints and conflicts come later.
    pub(super) fn standing(self, machine: &Machine<'_>) -> Standing {
        Standing {
            state: self.state,
            reason: self.reason,
            confidence: self.confidence,
            evidence: self.evidence,
            lists: machine.lists(),
            nearest: Vec::new(),
            rogue_hints: Vec::new(),
            suggestion: self.suggestion,
            merged: machine.group.merged.clone(),
            conflicts: Vec::new(),
        }
    }
}

/// How a machine of the run stands, and where in the evidence what it shows of itself comes, which is left out.
pub(super) fn judge(machine: &Machine<'_>, context: &Context<'_, '_>) -> (Standing, usize) {
    let identity = Identity::of(&machine.live, &context.shared);
    let mut verdict = state(machine, context, &identity);
    let shown_at = verdict.evidence.len();
    verdict.evidence.extend(past(machine, context));
    (verdict.standing(machine), shown_at)
}

fn state(machine: &Machine<'_>, context: &Context<'_, '_>, identity: &Identity) -> Verdict {
    if let Some(verdict) = artefact(machine) {
        return verdict;
    }
    if let Some(verdict) = expected(machine, context) {
        return verdict;
    }
    if context.world.lists.is_empty() {
        return Verdict::of(ManagedState::NotCompared, "", Certainty::None).saying(
            ["no list was given".to_owned()],
            "Give the lists that the organisation has: --known FILE.",
        );
    }
    if !identity.is_strong {
        return unidentified(machine);
    }
    if !machine.is_known() {
        return unmanaged(machine, context, identity);
    }
    let mut verdict = match overlooked(machine, context) {
        Some(verdict) => verdict,
        None => managed(machine),
    };
    verdict.evidence.extend(rows(machine));
    if machine.is_known_by_place() {
        verdict.evidence.push(
            "lists know it by nothing but its address: whoever they expect there may be another machine".to_owned(),
        );
    }
    if let Some(old) = &context.old_registers {
        verdict.evidence.push(old.clone());
        verdict.confidence = lower(verdict.confidence);
    }
    verdict
}

/// One step less sure; a guess stays one.
pub(super) fn lower(certainty: Certainty) -> Certainty {
    match certainty {
        Certainty::Sure => Certainty::Likely,
        Certainty::Likely | Certainty::Guess => Certainty::Guess,
        Certainty::None => Certainty::None,
    }
}

fn artefact(machine: &Machine<'_>) -> Option<Verdict> {
    if let Some(why) = machine
        .live
        .iter()
        .find_map(|seen| seen.intermediary.clone())
    {
        let verdict = Verdict::of(ManagedState::Artefact, "intermediary", Certainty::Likely);
        return Some(verdict.saying(
            [format!("an intermediary answers: {why}")],
            "Nothing, unless something should be there: then sweep it from behind the intermediary.",
        ));
    }
    if !machine.is_artefact() {
        return None;
    }
    let macs = machine.macs().into_iter().collect::<Vec<_>>().join(", ");
    let verdict = Verdict::of(ManagedState::Artefact, "shared_address", Certainty::Sure);
    Some(verdict.saying(
        [format!(
            "its hardware address is one that machines share: {macs}"
        )],
        "Nothing: whoever answers there is a machine of its own at another address.",
    ))
}

fn expected(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Verdict> {
    let names = machine.names();
    let rules = context.world.policy.expected.iter();
    let fitting = rules.filter(|rule| rule.fits(&machine.live, &names));
    let holds = |rule: &&Expected| rule.until >= context.world.today;
    let rule = fitting.clone().find(holds)?;
    let reason = if rule.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", rule.reason)
    };
    let verdict = Verdict::of(ManagedState::Expected, "", Certainty::Sure);
    Some(verdict.saying(
        [format!(
            "expected by policy.toml line {}, owner {}, until {}{reason}",
            rule.line, rule.owner, rule.until
        )],
        &format!(
            "Nothing until {}; then ask {} again.",
            rule.until, rule.owner
        ),
    ))
}

/// What the allow list said of it once, and earlier refusals.
fn past(machine: &Machine<'_>, context: &Context<'_, '_>) -> Vec<String> {
    let names = machine.names();
    let rules = context.world.policy.expected.iter();
    let over = rules.filter(|rule| rule.until < context.world.today);
    let over = over.filter(|rule| rule.fits(&machine.live, &names));
    let text = |rule: &Expected| {
        format!(
            "was expected by policy.toml line {} until {}, owner {}: that is past",
            rule.line, rule.until, rule.owner
        )
    };
    over.map(text).collect()
}

fn unidentified(machine: &Machine<'_>) -> Verdict {
    let address = first_address(machine);
    let verdict = Verdict::of(
        ManagedState::Unidentified,
        "no_strong_identity",
        Certainty::Likely,
    );
    // A key that is not the one on record tells a new machine or an impostor, and nobody apart.
    let access = || machine.live.iter().flat_map(|seen| &seen.care.access);
    let has_changed = access().any(|one| one.code == ResultCode::HostkeyChanged);
    let key = if has_changed {
        "and its host key is not the one on record for its address"
    } else {
        "no key of its own"
    };
    let mut evidence = vec![format!(
        "answers, and shows nothing that only one machine can be: no stated name with a domain, no hardware \
         address of its own, {key}"
    )];
    evidence.extend(rows(machine));
    let suggestion = if has_changed {
        ResultCode::HostkeyChanged.fix_hint().to_owned()
    } else {
        format!(
            "Probe it more closely: underdesk doctor {address}; or ask who leases or cables {address}."
        )
    };
    verdict.saying(evidence, &suggestion)
}

fn first_address(machine: &Machine<'_>) -> String {
    let address = machine.addresses().into_iter().next();
    address.map(|one| one.to_string()).unwrap_or_default()
}

fn unmanaged(machine: &Machine<'_>, context: &Context<'_, '_>, identity: &Identity) -> Verdict {
    let address = first_address(machine);
    let name = machine.label();
    let (reason, why, suggestion) = unmanaged_reason(machine, context, &name, &address);
    let mut confidence = identity.certainty;
    let mut evidence = vec![why];
    let only = machine
        .rows
        .iter()
        .filter(|(_, list, _)| !list.vouches_for_care());
    let only = only.map(|(_, list, row)| match row.last_seen {
        Some(day) => format!(
            "{} row {} says no more than that it exists, {day}",
            list.name, row.row
        ),
        None => format!(
            "{} row {} says no more than that it exists",
            list.name, row.row
        ),
    });
    evidence.extend(only);
    if let Some(old) = &context.old_registers {
        evidence.push(old.clone());
        confidence = lower(confidence);
    }
    // Something that is nearly it is on a list.
    if !machine.group.conflicts.is_empty() {
        confidence = lower(confidence);
    }
    Verdict::of(ManagedState::Unmanaged, reason, confidence).saying(evidence, &suggestion)
}

/// The word, the ground, and what to do.
type Ground = (&'static str, String, String);

fn unmanaged_reason(
    machine: &Machine<'_>,
    context: &Context<'_, '_>,
    name: &str,
    address: &str,
) -> Ground {
    let off = machine.vouching().find(|(_, row)| row.is_disabled);
    if let Some((list, row)) = off {
        let (list, row) = (&list.name, row.row);
        return (
            "disabled_on_list",
            format!("{list} row {row} has it as disabled or retired, and it answers"),
            format!("Find out why {name} still runs: enable it in {list} again, or switch it off."),
        );
    }
    if let Some(ground) = of_domain(machine, context, name) {
        return ground;
    }
    let device = machine.live.iter().map(|seen| seen.looks.device);
    let device = device.max_by_key(|device| *device != DeviceKind::Unknown);
    let device = device.unwrap_or_default();
    if !matches!(
        device,
        DeviceKind::Unknown | DeviceKind::Computer | DeviceKind::Hypervisor
    ) {
        return (
            "device",
            format!("a {}, on no list", device.as_str().replace('_', " ")),
            format!(
                "Put it on a list, or, if it may be there, into policy.toml: [[expected]] address = \"{address}\", with owner and until."
            ),
        );
    }
    if membership(machine) == Some(false) {
        return (
            "workgroup",
            "in no domain, and on no list".to_owned(),
            format!(
                "Find whoever uses {name} at {address}: join it to the domain, list it, or take it off the network."
            ),
        );
    }
    (
        "unknown_computer",
        "on no list that vouches for it".to_owned(),
        format!(
            "Find its owner: underdesk doctor {address} tells what it shows; then list it, or take it off the network."
        ),
    )
}

fn membership(machine: &Machine<'_>) -> Option<bool> {
    let mut said = machine.live.iter();
    said.find_map(|seen| seen.traits.is_domain_member)
}

/// What its domain says of a machine on no list.
fn of_domain(machine: &Machine<'_>, context: &Context<'_, '_>, name: &str) -> Option<Ground> {
    let mut live = machine.live.iter();
    let is_windows = live.any(|seen| seen.looks.family == Some(Family::Windows));
    let is_member = membership(machine).unwrap_or(is_windows);
    let domain = machine.domains.first().filter(|_| is_member)?;
    if let Some(domain) = machine.domains.iter().find(|domain| context.knows(domain)) {
        return Some((
            "domain_member",
            format!("a member of {domain}, which lists know, and on none of them"),
            format!(
                "Look for {name} in {domain}: either the export is incomplete, or its object was deleted."
            ),
        ));
    }
    if context.knows_domains() {
        return Some((
            "foreign_domain",
            format!("a member of {domain}, which no list knows"),
            format!("Ask who runs the domain {domain}, and why {name} is in this network."),
        ));
    }
    Some((
        "domain_member",
        format!("a member of {domain}; no list says which domains are yours"),
        format!("Look for {name} in {domain}, and give an export of that directory: --known FILE."),
    ))
}

fn managed(machine: &Machine<'_>) -> Verdict {
    let read = machine
        .latest_read()
        .and_then(|seen| seen.care.last_assessed);
    let evidence = read.map(|day| format!("read on {day}"));
    Verdict::of(ManagedState::Managed, "", machine.listed()).saying(evidence, "Nothing.")
}

/// What lists have of it.
fn rows(machine: &Machine<'_>) -> Vec<String> {
    const MOST: usize = 12;
    let text = |(_, list, row): &(usize, &crate::model::KnownList, &crate::model::KnownRecord)| {
        let day = row.last_seen.map(|day| format!(", last seen {day}"));
        let patched = row.last_patched.map(|day| format!(", patched {day}"));
        let off = if row.is_disabled { ", disabled" } else { "" };
        let age = list
            .as_of
            .map(|day| format!(" (list of {day})"))
            .unwrap_or_default();
        let notes = [day, patched].into_iter().flatten().collect::<String>();
        format!("on {} row {}{notes}{off}{age}", list.name, row.row)
    };
    machine.rows.iter().take(MOST).map(text).collect()
}
