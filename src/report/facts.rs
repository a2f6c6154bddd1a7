//! `facts.jsonl`: what was read from each machine, one object a line, for `match --facts`.
//!
//! `docs/facts.md` describes it. It is lossless: read back, the facts give the same verdicts. Machines
//! that were not read have no facts, and no line.

use super::output::Document;
use super::tables::path_for;
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written, each_machine, escape};
use crate::model::{HostFacts, Inventory, MachineRecord, Observed, ProgramScope};
use std::io::Write as _;
use std::sync::Arc;

const NAME: &str = "facts.jsonl";

#[derive(Debug)]
pub(super) struct Facts;

impl Exporter for Facts {
    fn format(&self) -> &'static str {
        "facts"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let mut document = Document::open(NAME, sink)?;
        let (mut lines, mut line) = (0, String::new());
        let counts = each_machine(source, options, |machine| {
            let Some(facts) = facts(machine, options) else {
                return Ok(());
            };
            let text = serde_json::to_string(&facts)
                .map_err(|error| ReportError::writing(NAME)(error.into()))?;
            line.clear();
            escape::for_json(&text, &mut line);
            line.push('\n');
            lines += 1;
            let written = document.write_all(line.as_bytes());
            written.map_err(ReportError::writing(NAME))
        })?;
        let files = vec![document.close(lines)?];
        Ok(Written { files, counts })
    }
}

fn facts(machine: &MachineRecord, options: &Options) -> Option<HostFacts> {
    let mut inventory = Arc::clone(machine.inventory.as_ref()?);
    if options.no_users {
        without_users(Arc::make_mut(&mut inventory));
    }
    Some(HostFacts {
        machine_id: Some(machine.id.clone()),
        name: machine.target_name.clone(),
        addresses: machine.addresses.clone(),
        tags: machine.tags.clone(),
        ..HostFacts::of(inventory)
    })
}

/// Takes account names out, as far as the tables leave them out.
fn without_users(inventory: &mut Inventory) {
    let hide = |path: &mut String| *path = path_for(path, true).into_owned();
    if let Observed::Known(services) = &mut inventory.services {
        for service in services {
            service.user.clear();
            hide(&mut service.program);
        }
    }
    if let Some(unix) = &mut inventory.unix
        && let Observed::Known(history) = &mut unix.history
    {
        for change in history {
            // A command may name an account or its folders as well.
            (change.by, change.command) = (None, None);
        }
    }
    let Some(windows) = &mut inventory.windows else {
        return;
    };
    if let Observed::Known(hotfixes) = &mut windows.hotfixes {
        for hotfix in hotfixes {
            hotfix.installed_by = None;
        }
    }
    if let Observed::Known(programs) = &mut windows.programs {
        for program in programs {
            if let ProgramScope::User(account) = &mut program.scope {
                account.clear();
            }
            program.location.iter_mut().for_each(hide);
        }
    }
    for components in windows.components.values_mut() {
        let Observed::Known(components) = components else {
            continue;
        };
        for component in components {
            component.path.iter_mut().for_each(hide);
            hide(&mut component.source);
        }
    }
    if let Observed::Known(files) = &mut windows.files {
        for file in files {
            hide(&mut file.path);
        }
    }
    if let Observed::Known(services) = &mut windows.services {
        for service in services {
            service.account.clear();
            hide(&mut service.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample_windows;
    use super::*;

    #[test]
    fn facts_without_accounts_name_none_and_are_facts_still() {
        let machine = sample_windows::windows("10.0.0.1", "srv1");
        let mut inventory = machine.inventory.as_deref().cloned().unwrap();
        let accounts = ["patcher", "S-1-5-21", "MSSQLSERVER\",\"banner"];
        let text = |inventory: &Inventory| serde_json::to_string(inventory).unwrap();
        assert!(text(&inventory).contains(accounts[0]));
        without_users(&mut inventory);
        for account in accounts {
            assert!(!text(&inventory).contains(account), "{account}");
        }
        let read: Inventory = serde_json::from_str(&text(&inventory)).unwrap();
        assert_eq!(read, inventory);
    }
}
