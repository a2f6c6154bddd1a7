//! A process that is watched while it works.

use super::Outcome;
use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a process has cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// The processor's time of all its threads.
    pub(crate) cpu: Duration,
    /// The peak of its memory, in KiB.
    pub(crate) peak: u64,
    pub(crate) wall: Duration,
}

/// A process under way.
pub(crate) struct Watched {
    child: Child,
    began: Instant,
    peak: u64,
}

impl Watched {
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let child = command.spawn();
        let child =
            child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self {
            child,
            began: Instant::now(),
            peak: 0,
        })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What it has cost so far; and whether it goes on.
    pub(crate) fn look(&mut self) -> Outcome<(Cost, bool)> {
        let process = self.child.id().to_string();
        let (cpu, goes_on) = times(&process)?;
        self.peak = self.peak.max(peak(&process).unwrap_or(0));
        let cost = Cost {
            cpu,
            peak: self.peak,
            wall: self.began.elapsed(),
        };
        Ok((cost, goes_on))
    }

    /// Waits for its end, and looks at it all the while; its exit code, and what it has cost.
    pub(crate) fn end(mut self, mut each: impl FnMut(&Cost)) -> Outcome<(Option<i32>, Cost)> {
        loop {
            let (cost, goes_on) = self.look()?;
            if !goes_on {
                return Ok((self.child.wait()?.code(), cost));
            }
            each(&cost);
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What this process has cost so far; its wall is nobody's.
pub(crate) fn own() -> Outcome<Cost> {
    let (cpu, _) = times("self")?;
    Ok(Cost {
        cpu,
        peak: peak("self").unwrap_or(0),
        wall: Duration::ZERO,
    })
}

/// The processor's time of a process, and whether it goes on.
fn times(process: &str) -> Outcome<(Duration, bool)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let words = stat.rsplit(')').next().unwrap_or_default();
    let words: Vec<&str> = words.split_whitespace().collect();
    let ticks = words
        .iter()
        .skip(11)
        .take(2)
        .map(|word| word.parse::<u64>());
    let ticks = ticks.sum::<Result<u64, _>>()?;
    let goes_on = words.first().is_some_and(|state| *state != "Z");
    // Linux tells them in hundredths of a second everywhere.
    Ok((Duration::from_millis(ticks * 10), goes_on))
}

/// The peak of a process's memory, in KiB. What has ended has none.
fn peak(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
