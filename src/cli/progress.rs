//! Events, shown: a line that changes on a terminal, a line every 30 seconds elsewhere, or JSON
//! Lines for wrappers.

use crate::model::Stage;
use crate::report::{for_terminal, tame_json};
use crate::scan::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, HashSet};
use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    /// A line that changes.
    Terminal,
    /// A line every 30 seconds.
    Lines,
    /// One JSON object a line.
    Jsonl,
}

impl Display {
    /// What suits standard error.
    pub(super) fn choose(jsonl: bool) -> Self {
        match (jsonl, std::io::stderr().is_terminal()) {
            (true, _) => Self::Jsonl,
            (false, true) => Self::Terminal,
            (false, false) => Self::Lines,
        }
    }
}

/// How many events are shown at once at most, and how long further ones are waited for then.
const TOGETHER: usize = 1_024;
const BREATH: Duration = Duration::from_millis(2);

/// Shows events until their sender is gone.
pub(super) async fn show(mut events: mpsc::UnboundedReceiver<Event>, display: Display) {
    let mut state = State::new();
    let bar = bar(display);
    let pause = match display {
        Display::Terminal => Duration::from_millis(200),
        Display::Lines | Display::Jsonl => Duration::from_secs(30),
    };
    let mut tick = tokio::time::interval(pause);
    tick.reset();
    let mut several = Vec::new();
    loop {
        tokio::select! {
            count = events.recv_many(&mut several, TOGETHER) => {
                if count == 0 {
                    break;
                }
                for event in several.drain(..) {
                    match display {
                        Display::Jsonl => {
                            let line = serde_json::to_string(&event).unwrap_or_default();
                            say(&tame_json(&line));
                        }
                        _ => if let Some(line) = loud(&event) {
                            bar.suspend(|| say(&line));
                        },
                    }
                    state.take(&event);
                }
                // Being woken for each of thousands would cost more than what is done then.
                tokio::time::sleep(BREATH).await;
            }
            _ = tick.tick() => match display {
                Display::Terminal => bar.set_message(state.line()),
                Display::Lines => say(&state.line()),
                Display::Jsonl => {}
            }
        }
    }
    bar.finish_and_clear();
}

/// What is said at once, and stays on the screen.
fn loud(event: &Event) -> Option<String> {
    match event {
        Event::Warning { text } => Some(format!("warning: {}", for_terminal(text))),
        Event::SafetyStop { text } => Some(format!("SAFETY STOP: {}", for_terminal(text))),
        Event::KeyChanged {
            address,
            port,
            detail,
            hosts,
        } => Some(format!(
            "KEY CHANGED: {}: {} (host {hosts} of this run; it heard nothing)",
            SocketAddr::new(*address, *port),
            for_terminal(detail)
        )),
        _ => None,
    }
}

fn bar(display: Display) -> ProgressBar {
    if display != Display::Terminal {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// A line on standard error. Nobody reading it is no reason to stop.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

struct State {
    began: Instant,
    addresses: u64,
    passed: u64,
    total: u64,
    found: u64,
    logged_in: HashSet<IpAddr>,
    collected: u64,
    failed: u64,
    finished: u64,
    working: BTreeMap<IpAddr, (Stage, Instant)>,
}

impl State {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            addresses: 0,
            passed: 0,
            total: 0,
            found: 0,
            logged_in: HashSet::new(),
            collected: 0,
            failed: 0,
            finished: 0,
            working: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted { addresses, .. } => self.addresses = *addresses,
            Event::SweepProgress { passed, total } => (self.passed, self.total) = (*passed, *total),
            Event::HostFound { .. } => self.found += 1,
            Event::StageEntered { address, stage } => {
                if *stage == Stage::Collect {
                    self.logged_in.insert(*address);
                }
                let began = self
                    .working
                    .get(address)
                    .map_or_else(Instant::now, |(_, began)| *began);
                self.working.insert(*address, (*stage, began));
            }
            Event::HostFinished {
                address, outcome, ..
            } => {
                self.working.remove(address);
                self.finished += 1;
                match *outcome {
                    "failed" => self.failed += 1,
                    "scanned_full" | "scanned_partial" => self.collected += 1,
                    _ => {}
                }
            }
            Event::KeyChanged { .. }
            | Event::SafetyStop { .. }
            | Event::Warning { .. }
            | Event::SweepFinished => {}
        }
    }

    fn line(&self) -> String {
        let sweep = match self.passed.saturating_mul(100).checked_div(self.total) {
            Some(percent) => format!("sweep {percent} %"),
            None => "sweep".to_owned(),
        };
        let seconds = self.began.elapsed().as_secs().max(1);
        let mut line = format!(
            "{sweep}, found {}, logged in {}, collected {}, failed {}, {} hosts/s",
            self.found,
            self.logged_in.len(),
            self.collected,
            self.failed,
            self.finished / seconds,
        );
        if let Some(left) = self.left(seconds) {
            line.push_str(&format_args!(", about {left} s left").to_string());
        }
        let mut slow: Vec<_> = self.working.iter().collect();
        slow.sort_by_key(|(_, (_, began))| *began);
        for (address, (stage, began)) in slow.into_iter().take(2) {
            let age = began.elapsed().as_secs();
            if age >= 5 {
                line.push_str(&format_args!(", {address} {} {age} s", stage.as_str()).to_string());
            }
        }
        line
    }

    /// Seconds to go, judged by the hosts that are done.
    fn left(&self, seconds: u64) -> Option<u64> {
        let waiting = self.found.checked_sub(self.finished)?;
        (self.finished > 0 && waiting > 0).then(|| waiting * seconds / self.finished)
    }
}
