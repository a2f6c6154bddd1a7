//! What every run must have found: by going through the bulletins one by one.

use super::days::Day;
use super::world::{Bulletin, Machine, Now, Run, World, needs_restart};

/// A machine as a run met it.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) machine: String,
    /// The day of the run.
    pub(super) day: Day,
    pub(super) now: Now,
    /// Whether it answered.
    pub(super) is_met: bool,
    /// Whether it was read.
    pub(super) is_read: bool,
    pub(super) findings: Vec<Found>,
}

/// An open finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) bulletin: String,
    pub(super) state: &'static str,
    /// The version that is installed; of what needs a restart, the one that runs.
    pub(super) installed: String,
    pub(super) product: String,
    pub(super) severity: String,
    /// Tenths.
    pub(super) cvss: Option<i64>,
    pub(super) cves: Vec<String>,
    pub(super) kev: bool,
    pub(super) kev_due: Option<Day>,
}

/// What a machine shows to a catalogue that knows what was published by a day, and what CISA listed by then.
pub(super) fn findings(world: &World, machine: &Machine, now: &Now, day: Day) -> Vec<Found> {
    let mut found = Vec::new();
    for bulletin in &world.bulletins {
        let is_there =
            bulletin.published <= day && bulletin.withdrawn.is_none_or(|gone| gone > day);
        if !is_there || bulletin.system != machine.system {
            continue;
        }
        let Some(installed) = now.software.get(&bulletin.product) else {
            continue;
        };
        if let Some((state, installed)) = state(world, bulletin, installed, &now.running) {
            found.push(about(world, bulletin, (state, installed), day));
        }
    }
    found
}

/// How it stands, and the version that says so; `None` where the flaw is closed.
fn state(
    world: &World,
    bulletin: &Bulletin,
    installed: &str,
    running: &str,
) -> Option<(&'static str, String)> {
    let (system, product) = (&bulletin.system, &bulletin.product);
    if bulletin.fixed.is_empty() {
        return Some(("no_fix_yet", installed.to_owned()));
    }
    let is_old = |version: &str| world.is_before(system, product, version, &bulletin.fixed);
    if needs_restart(product) {
        return match (is_old(running), is_old(installed)) {
            (false, _) => None,
            (true, true) => Some(("missing", running.to_owned())),
            (true, false) => Some(("pending_reboot", running.to_owned())),
        };
    }
    is_old(installed).then(|| ("missing", installed.to_owned()))
}

fn about(
    world: &World,
    bulletin: &Bulletin,
    (state, installed): (&'static str, String),
    day: Day,
) -> Found {
    let mut kev_due: Option<Day> = None;
    let mut kev = false;
    for entry in &world.exploited {
        if entry.added <= day && bulletin.cves.contains(&entry.cve) {
            kev = true;
            kev_due = Some(kev_due.map_or(entry.due, |due| due.min(entry.due)));
        }
    }
    let cvss =
        (!bulletin.cvss.is_empty()).then(|| bulletin.cvss.replace('.', "").parse::<i64>().unwrap());
    Found {
        bulletin: bulletin.id.clone(),
        state,
        installed,
        product: bulletin.product.clone(),
        severity: bulletin.severity.clone(),
        cvss,
        cves: bulletin.cves.clone(),
        kev,
        kev_due,
    }
}

/// What a run met, machine by machine of its site.
pub(super) fn sights(world: &World, run: &Run) -> Vec<Sight> {
    let mut sights = Vec::new();
    for machine in &world.machines {
        if machine.site != run.site {
            continue;
        }
        let now = world.now(machine, run.day());
        let is_visited = run
            .meets
            .as_ref()
            .is_none_or(|names| names.contains(&machine.name));
        let is_met = now.is_on && is_visited;
        let is_read = is_met && now.may_log_in;
        let findings = if is_read {
            findings(world, machine, &now, run.catalogue)
        } else {
            Vec::new()
        };
        sights.push(Sight {
            machine: machine.name.clone(),
            day: run.day(),
            now,
            is_met,
            is_read,
            findings,
        });
    }
    sights
}

/// What a run says of one bulletin on one machine, in one of its lives.
pub(super) fn shown<'a>(
    sights: &'a [Sight],
    machine: &str,
    life: u32,
    bulletin: &str,
) -> Option<&'a Found> {
    let sight = sights
        .iter()
        .find(|one| one.machine == machine && one.now.life == life)?;
    sight.findings.iter().find(|one| one.bulletin == bulletin)
}

/// The day of the first run that saw a finding, and how many runs of the store did.
pub(super) fn known_since(
    world: &World,
    run: &Run,
    machine: &str,
    life: u32,
    bulletin: &str,
) -> (Day, usize) {
    let (mut first, mut times) = (None, 0);
    for one in &world.runs {
        if one.site != run.site {
            continue;
        }
        if shown(&sights(world, one), machine, life, bulletin).is_some() {
            first = first.or(Some(one.day()));
            times += 1;
        }
    }
    (first.unwrap(), times)
}
