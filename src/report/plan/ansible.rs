//! An inventory and a playbook for Ansible: one inventory with a group for each wave and tool, one playbook a
//! wave. The playbooks are constant but for the wave's name; what is to be installed stands with each host.

use super::super::{Options, ReportError};
use super::{NOTE, PlanFile, PlanFormat, playbook, waves};
use crate::model::{MachinePlan, Plan, PlanStep, RebootAfter, RunSummary, StepKind, Tool};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

#[derive(Debug)]
pub(super) struct Ansible;

impl PlanFormat for Ansible {
    fn format(&self) -> &'static str {
        "ansible"
    }

    fn write(
        &self,
        plan: &Plan,
        _run: &RunSummary,
        _options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError> {
        let names = names(plan);
        let mut inventory = NOTE.to_owned();
        inventory.push_str("---\nall:\n  children:\n");
        let mut files = Vec::new();
        let mut by_hand = 0_usize;
        for (wave, machines) in waves(plan) {
            let mut tools = BTreeMap::<Tool, Vec<&MachinePlan>>::new();
            for machine in machines {
                let mut steps = machine.work.steps.iter();
                by_hand += usize::from(steps.any(|step| !is_done(machine, step)));
                let mut steps = machine.work.steps.iter();
                let is_any_done = steps.any(|step| is_done(machine, step));
                if let Some(tool) = machine.tool.filter(|_| is_any_done) {
                    tools.entry(tool).or_default().push(machine);
                }
            }
            let more = if tools.is_empty() { " {}" } else { "" };
            let group_name = quoted(&group(wave));
            let _ = writeln!(inventory, "    {group_name}:\n      children:{more}");
            for (tool, machines) in &tools {
                let group = format!("{}_{}", group(wave), tool.as_str());
                let _ = writeln!(inventory, "        {}:\n          hosts:", quoted(&group));
                for machine in machines {
                    host(machine, *tool, &names, &mut inventory);
                }
            }
            let plays = tools
                .keys()
                .filter_map(|tool| playbook::play(*tool, wave, &group(wave)));
            let mut plays: String = plays.collect();
            // Nobody's playbook, too: an older one of the same name may be there. Ansible takes none without a play.
            if plays.is_empty() {
                let _ = writeln!(
                    plays,
                    "- name: {}\n  hosts: {group_name}\n  gather_facts: false\n  tasks: []",
                    quoted(&format!("Wave {wave}: nobody"))
                );
            }
            files.push(PlanFile {
                name: format!("plan-{wave}.yml"),
                bytes: format!("{NOTE}---\n{plays}").into_bytes(),
            });
        }
        if by_hand > 0 {
            let _ = writeln!(
                inventory,
                "# Machines with steps that these playbooks do not do: {by_hand}; plan.csv has them"
            );
        }
        files.push(PlanFile {
            name: "plan-inventory.yml".to_owned(),
            bytes: inventory.into_bytes(),
        });
        Ok(files)
    }
}

fn group(wave: &str) -> String {
    format!("underdesk_{wave}")
}

/// Whether the playbooks do a step.
fn is_done(machine: &MachinePlan, step: &PlanStep) -> bool {
    let knows = machine
        .tool
        .is_some_and(|tool| playbook::of(tool).is_some());
    knows
        && match step.kind {
            StepKind::Packages | StepKind::Restart => true,
            StepKind::Upgrade => false,
            _ => step.kb.is_some(),
        }
}

/// What each machine is called in the inventory: the operator's name or its address; its id where several
/// have the same, and where it has a colon, which means something in patterns of Ansible.
fn names(plan: &Plan) -> BTreeMap<&str, &str> {
    let mut all = BTreeSet::new();
    let twice: BTreeSet<&str> = plan
        .machines
        .iter()
        .map(|one| one.place.as_str())
        .filter(|place| !all.insert(*place))
        .collect();
    let machines = plan.machines.iter().map(|one| {
        let is_plain = !twice.contains(one.place.as_str()) && !one.place.contains(':');
        let name = if is_plain {
            &one.place
        } else {
            one.id.as_str()
        };
        (one.id.as_str(), name)
    });
    machines.collect()
}

fn host(machine: &MachinePlan, tool: Tool, names: &BTreeMap<&str, &str>, text: &mut String) {
    let id = machine.id.as_str();
    let name = names.get(id).copied().unwrap_or(id);
    let _ = writeln!(text, "            {}:", quoted(name));
    let mut variable = |name: &str, value: &str| {
        let _ = writeln!(text, "              {name}: {value}");
    };
    variable("ansible_host", &quoted(&machine.place));
    let steps = &machine.work.steps;
    let restarts = steps.iter().any(|step| step.kind == StepKind::Restart);
    if tool == Tool::WindowsUpdate {
        variable("underdesk_stages", &stages(steps));
        variable("underdesk_restart", &restarts.to_string());
        return;
    }
    let packages = steps.iter().flat_map(|step| &step.packages);
    variable("underdesk_packages", &list(packages.cloned()));
    let reboot = steps.iter().map(|step| step.reboot).max();
    variable(
        "underdesk_reboot",
        &quoted(reboot.unwrap_or_default().as_str()),
    );
}

/// The updates of a Windows: those that are installed at once together.
fn stages(steps: &[PlanStep]) -> String {
    let mut stages = Vec::<(Vec<String>, bool)>::new();
    let mut is_new = true;
    for step in steps {
        let Some(kb) = step.kb.filter(|_| step.kind != StepKind::Upgrade) else {
            continue;
        };
        // A servicing stack is in before the rest is looked for.
        is_new |= step.kind == StepKind::ServicingStack;
        if is_new {
            stages.push((Vec::new(), false));
        }
        let reboots = step.reboot != RebootAfter::No;
        if let Some((kbs, reboot)) = stages.last_mut() {
            kbs.push(kb.to_string());
            *reboot |= reboots;
        }
        is_new = reboots || step.kind == StepKind::ServicingStack;
    }
    // A step by hand may stand between the last update and the restart that is asked for.
    let asked = steps.iter().map(|step| step.reboot).max();
    let is_last = steps.iter().all(|step| step.kind != StepKind::Restart);
    if let Some((_, reboot)) = stages.last_mut() {
        *reboot |= is_last && asked != Some(RebootAfter::No);
    }
    let stages = stages
        .into_iter()
        .map(|(kbs, reboot)| format!("{{kbs: {}, reboot: {reboot}}}", list(kbs.into_iter())));
    format!("[{}]", stages.collect::<Vec<_>>().join(", "))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// A text in double quotes; all that comes here is letters, digits and a few signs.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
