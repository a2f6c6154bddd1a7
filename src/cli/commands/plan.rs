//! `plan`: what to install where, in which order and when. It deploys nothing.

use super::super::config::Settings;
use super::super::decision_args::PlanArguments;
use super::super::selection_args::update;
use super::super::{Exit, Stop, answered, beliefs, complain, output, stdout};
use crate::classify::{MachineNeeds, PlanRules, Planner};
use crate::model::{Plan, RunId, Severity, UtcTime, is_about, is_named, plural};
use crate::report::{
    self, Destination, Options, PlanFile, ReportSource as _, for_terminal, plan_page,
};
use crate::scan::RunSource;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Makes the plan of a run, and shows it or writes it for the tools that deploy.
pub(in crate::cli) fn run(settings: &Settings, command: &PlanArguments) -> Result<Exit, Stop> {
    for format in &command.format {
        report::plan_format(format).map_err(|error| Stop::configuration(&error))?;
    }
    let severity = command.my_severity.as_deref().map(severity).transpose()?;
    let only = command.kb.iter().map(|name| update("kb", name));
    let only: Vec<String> = only.collect::<Result<_, _>>()?;
    let now = command.from.as_deref().map(moment).transpose()?;
    let given = beliefs::read(settings, &command.beliefs)?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_whole_run(&store, command.run.as_deref())?;
    let beliefs = given.of_run(&store, &run)?;
    let source = RunSource::open(&store, &run, false)?.compare(&store, &beliefs)?;
    // A plan is about now, whenever the run was; its windows may be looked for later.
    let present = output::present(source.run());
    let source = source.prioritise(&store, &beliefs, present.date())?;
    let has_due = beliefs.policy.measures.due.is_some();
    if (command.overdue || command.format.iter().any(|one| one == "overdue")) && !has_due {
        return Err(Stop::usage(
            "nothing has a due date: the policy needs a [due] (see policy.example.toml)",
        ));
    }
    answered::check_machines((&command.host, &command.tag), (&source, &store))?;
    let rules = PlanRules {
        schedule: beliefs.policy.schedule.clone(),
        only,
        severity,
        overdue: command.overdue,
        now: now.unwrap_or(present),
    };
    let mut plan = planned(&source, &rules, command)?;
    if let Some(wave) = &command.wave {
        only_wave(&mut plan, wave)?;
    }
    if command.format.is_empty() {
        let page = plan_page(&plan, source.run(), command.machines);
        stdout::print(page.as_bytes())?;
    } else {
        write(&plan, &source, command, &run)?;
    }
    Ok(Exit::Clean)
}

fn severity(word: &str) -> Result<Severity, Stop> {
    Severity::parse(word).ok_or_else(|| {
        Stop::usage(format!(
            "--my-severity {word}: expected low, medium, high or critical"
        ))
    })
}

fn moment(word: &str) -> Result<UtcTime, Stop> {
    UtcTime::parse(word).ok_or_else(|| {
        Stop::usage(format!(
            "--from {word}: expected a moment with its offset, as in 2026-12-01T00:00:00Z"
        ))
    })
}

/// The plan of the machines that are asked for.
fn planned(source: &RunSource, rules: &PlanRules, command: &PlanArguments) -> Result<Plan, Stop> {
    let mut planner = Planner::new(rules);
    let (mut asked, mut unread) = (0_u64, 0_u64);
    let mut strange: BTreeSet<&str> = rules.only.iter().map(String::as_str).collect();
    let walk = source.machines(&mut |machine| {
        let mut needs = MachineNeeds::of(machine);
        if let Some(needs) = needs.as_mut().filter(|_| command.no_users) {
            needs.owner.clear();
            needs
                .decisions
                .iter_mut()
                .for_each(|one| one.annotation = None);
        }
        if let Some(needs) = needs.filter(|_| is_named(machine, &command.host, &command.tag)) {
            asked += 1;
            strange.retain(|name| !machine.findings.iter().any(|one| is_about(one, name)));
            unread += u64::from(machine.inventory.is_none());
            planner.add(&needs);
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    unasked(&strange, rules, &source.run().id)?;
    if unread > 0 {
        complain(&format!(
            "{unread} of {} not read: what is missing there is not known",
            plural(asked, "machine")
        ));
    }
    Ok(planner.finish())
}

/// Says which updates nothing asks for, and refuses to plan where that is so of all.
fn unasked(strange: &BTreeSet<&str>, rules: &PlanRules, run: &RunId) -> Result<(), Stop> {
    if strange.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = strange.iter().copied().collect();
    let names = for_terminal(&names.join(",")).into_owned();
    let said = format!(
        "--kb {names}: no open finding of run {run} is about it on these machines: it is there already, is not for them, or is not in the catalogue (underdesk findings {run} --bulletin {names})"
    );
    let is_all = rules
        .only
        .iter()
        .all(|name| strange.contains(name.as_str()));
    if is_all {
        return Err(Stop::usage(said));
    }
    complain(&said);
    Ok(())
}

fn only_wave(plan: &mut Plan, wave: &str) -> Result<(), Stop> {
    let Some(at) = plan.waves.iter().position(|name| name == wave) else {
        let known = plan.waves.join(", ");
        return Err(Stop::usage(format!(
            "--wave {wave}: expected one of {known}"
        )));
    };
    plan.machines.retain(|machine| machine.wave == at);
    for machine in &mut plan.machines {
        machine.wave = 0;
    }
    plan.waves = vec![wave.to_owned()];
    Ok(())
}

fn write(
    plan: &Plan,
    source: &RunSource,
    command: &PlanArguments,
    run: &RunId,
) -> Result<(), Stop> {
    let to_stdout = command.output.is_some();
    let options = Options {
        dialect: command.csv.into(),
        destination: if to_stdout {
            Destination::Stdout
        } else {
            Destination::Folder
        },
        ..Options::default()
    };
    let mut files = Vec::<PlanFile>::new();
    for format in &command.format {
        let made = report::plan_format(format)
            .and_then(|format| format.write(plan, source.run(), &options));
        files.extend(made.map_err(|error| Stop::failed(&error))?);
    }
    if to_stdout {
        let [file] = files.as_slice() else {
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            return Err(Stop::usage(format!(
                "--output - takes one file, and these are {}: limit them with --wave, or use --out DIR",
                names.join(", ")
            )));
        };
        return stdout::print(&file.bytes);
    }
    let folder = command.out.clone();
    let folder = folder.unwrap_or_else(|| PathBuf::from(format!("underdesk-plan-{run}")));
    output::files_to_folder(&files, &folder)?;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    complain(&format!(
        "wrote {} to {}; nothing is deployed",
        names.join(", "),
        for_terminal(&folder.display().to_string())
    ));
    Ok(())
}
