//! How a run ends: all is done, it stopped itself, our network went, or the operator stopped it.

use super::Runner;
use super::live::Live;
use crate::model::ResultCode;
use crate::scan::{Event, RunEnd, RunError, host, save};
use std::net::IpAddr;
use std::time::Duration;

/// How long running hosts may go on after the operator stopped the run.
const GRACE: Duration = Duration::from_secs(5);

impl Runner {
    /// All is done: live hosts that nobody could log in to get their rows, too.
    pub(super) async fn complete(mut self) -> Result<RunEnd, RunError> {
        self.flush().await?;
        let rest: Vec<IpAddr> = self.live.keys().copied().collect();
        for address in rest {
            // Of a large network that takes minutes, too.
            if self.stop.is_cancelled() {
                return self.wind_up().await;
            }
            let mut commit = self.untouched(address);
            // Somebody answered in its name: there is nobody to log in to.
            if !self.live.get(&address).is_some_and(Live::shows_life) {
                commit.outcome.access.clear();
            }
            // Nothing was done there that could be lost.
            if self.cx.plan.kind.is_examination() {
                save(&self.cx, commit).await?;
            } else {
                self.backlog.looked_at(commit).await?;
            }
        }
        self.flush().await?;
        self.backlog.saved().await?;
        Ok(RunEnd::Complete)
    }

    /// Too many keys have changed: no host begins any more, and those that are logged in to may finish. The
    /// others say why they were not begun; `--resume` comes back to them.
    pub(super) async fn stand_down(mut self) -> Result<RunEnd, RunError> {
        let why = self.cx.alarm.why();
        self.cx.tell(Event::SafetyStop { text: why.clone() });
        let stop = self.stop.clone();
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.next() => self.task_ended(ended?).await?,
                () = stop.cancelled() => return self.wind_up().await,
            }
        }
        self.flush().await?;
        self.backlog.saved().await?;
        let rest: Vec<IpAddr> = self.live.keys().copied().collect();
        self.leave(rest, ResultCode::NotAttemptedTrust, &why)
            .await?;
        Ok(RunEnd::SafetyStop)
    }

    /// Our network went and did not come back: hosts under way may finish, for a moment. The others say why they were
    /// not begun; `--resume` comes back to them.
    pub(super) async fn cut_off(mut self) -> Result<RunEnd, RunError> {
        self.finish_those_under_way().await?;
        // What was under way may have been saved in the last moment.
        let finished = self.cx.store.finished_addresses(&self.cx.run).await?;
        let why = format!("this machine had no network: {}", self.cx.network.why());
        let rest = self.live.keys().filter(|at| !finished.contains(*at));
        let rest: Vec<IpAddr> = rest.copied().collect();
        self.leave(rest, ResultCode::NoNetwork, &why).await?;
        Ok(RunEnd::CutOff)
    }

    /// The operator stopped the run: hosts under way may finish, for a moment. Nothing is written down of the others:
    /// whoever reads the run sees that they answered and have no outcome, as after `kill -9`.
    pub(super) async fn wind_up(mut self) -> Result<RunEnd, RunError> {
        // What was seen is surely written down, whatever those under way come to.
        self.flush().await?;
        self.backlog.saved().await?;
        self.finish_those_under_way().await?;
        Ok(RunEnd::Interrupted)
    }

    /// Lets hosts under way finish, for a moment.
    async fn finish_those_under_way(&mut self) -> Result<(), RunError> {
        let finish = async {
            while let Some(ended) = self.tasks.next().await {
                self.task_ended(ended?).await?;
            }
            Ok::<(), RunError>(())
        };
        let finished = tokio::time::timeout(GRACE, finish).await;
        self.tasks.shutdown().await;
        finished.unwrap_or(Ok(()))?;
        self.flush().await?;
        self.backlog.saved().await
    }

    /// Has those that are there say why they were not begun.
    async fn leave(&self, rest: Vec<IpAddr>, code: ResultCode, why: &str) -> Result<(), RunError> {
        for address in rest {
            if self.live.get(&address).is_some_and(Live::shows_life) {
                let commit = host::not_begun(self.untouched(address), code, why);
                save(&self.cx, commit).await?;
            }
        }
        Ok(())
    }
}
