//! What the tasks of a run do: a host is worked on once, but for one that could not answer because we were not there
//! to hear it.

use super::tasks::Worked;
use crate::model::{Answer, Gap, GapCause, HostOutcome, LiveHost, ProbeKind, ResultCode};
use crate::scan::desk::Seat;
use crate::scan::{Context, RunError, RunKind, Step, host, save};
use crate::store::HostCommit;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// What the receipt of a host says that was left.
const LEFT: &str = "left: this machine had no network";

/// A live host that is to be worked on.
pub(super) struct Job {
    pub(super) host: LiveHost,
    pub(super) mac: Option<[u8; 6]>,
    /// What was probed there, and how it answered.
    pub(super) probed: Vec<(ProbeKind, Option<Answer>)>,
    /// What is said of it where there is no way in.
    pub(super) rest: HostCommit,
}

/// Works on a live host.
pub(super) async fn on_host(cx: Arc<Context>, job: Job) -> Result<Worked, RunError> {
    let Job {
        host,
        mac,
        probed,
        rest,
    } = job;
    let address = host.address;
    cx.begin_receipt(address).await?;
    cx.note(address, Step::Probed(probed));
    let Some((commit, _seat)) = Box::pin(worked_on(&cx, &host, mac, &rest)).await? else {
        cx.end_receipt(address, LEFT);
        return Ok(Worked::Left);
    };
    cx.end_receipt(address, commit.outcome.word());
    if cx.plan.kind == RunKind::Sweep {
        return Ok(Worked::Looked(Box::new(commit)));
    }
    save(&cx, commit).await?;
    Ok(Worked::Host)
}

/// Works on a host that does not answer us, through a jump host.
pub(super) async fn behind(cx: Arc<Context>, host: LiveHost) -> Result<Worked, RunError> {
    let address = host.address;
    cx.begin_receipt(address).await?;
    let (commit, _seat) = loop {
        let outages = cx.network.now();
        let Some((commit, seat)) = host::work_behind(&cx, host.clone()).await? else {
            cx.end_receipt(address, "nobody answered through the jump host");
            return Ok(Worked::Behind(address, Vec::new()));
        };
        let was_cut = was_cut_short(&commit.outcome);
        if !was_cut || cx.network.is_there(None, outages, Instant::now()).await {
            break (commit, seat);
        }
        drop(seat);
        if !cx.network.back().await {
            cx.end_receipt(address, LEFT);
            return Ok(Worked::Left);
        }
    };
    cx.end_receipt(address, commit.outcome.word());
    let services = commit.outcome.services.iter();
    let open = services.map(|service| service.port).collect();
    save(&cx, commit).await?;
    Ok(Worked::Behind(address, open))
}

/// Works on a host: once, but for one that could not answer because we were not there to hear it. `None` where our
/// network went and did not come back.
async fn worked_on(
    cx: &Context,
    host: &LiveHost,
    mac: Option<[u8; 6]>,
    rest: &HostCommit,
) -> Result<Option<(HostCommit, Seat)>, RunError> {
    loop {
        let (awake, outages) = (cx.awake.now(), cx.network.now());
        let (mut commit, seat) = host::work(cx, host.clone(), mac, rest.clone()).await?;
        let was_cut = was_cut_short(&commit.outcome);
        if was_cut && cx.awake.slept_since(awake) {
            drop(seat);
            cx.awake.settle().await;
            continue;
        }
        // Who was only looked at may have shown less than he would have.
        let was_unseen = !cx.plan.look.off
            && was_only_looked_at(&commit.outcome)
            && (showed_nothing(&commit.outcome) || !cx.network.look());
        let is_undone = was_cut || was_unseen;
        if !is_undone && !was_silent(&commit.outcome) {
            return Ok(Some((commit, seat)));
        }
        let address = Some(host.address);
        if cx.network.is_there(address, outages, Instant::now()).await {
            return Ok(Some((commit, seat)));
        }
        // Nor could those be heard that vouch for others.
        cx.centres.forget();
        if !is_undone {
            host::excuse(&mut commit);
            return Ok(Some((commit, seat)));
        }
        drop(seat);
        if !cx.network.back().await {
            return Ok(None);
        }
    }
}

/// Whether nothing of a credential came to an end on a host, well or badly.
fn was_only_looked_at(outcome: &HostOutcome) -> bool {
    outcome.inventory.is_none() && outcome.failure.is_none()
}

/// Whether a host showed nothing on any of its open ports.
fn showed_nothing(outcome: &HostOutcome) -> bool {
    !outcome.host.open_ports.is_empty() && outcome.clues.is_empty()
}

/// Whether a host was not heard any more when it may have had a secret: it is not asked again.
fn was_silent(outcome: &HostOutcome) -> bool {
    let failure = outcome.failure.as_ref();
    failure.is_some_and(|failure| {
        matches!(
            failure.code,
            ResultCode::Timeout | ResultCode::ProtocolError
        )
    })
}

/// Whether it may be that a host was not heard to its end. Never where another try may cost an account one.
fn was_cut_short(outcome: &HostOutcome) -> bool {
    let is_cut = |gap: &Gap| matches!(gap.cause, GapCause::TimedOut | GapCause::Malformed);
    match (&outcome.inventory, &outcome.failure) {
        (Some(inventory), _) => inventory.gaps.iter().any(is_cut),
        (None, Some(failure)) => failure.retryable,
        (None, None) => false,
    }
}

/// Asks some addresses of a range, by its first, who they are.
pub(super) async fn on_range(
    cx: Arc<Context>,
    first: IpAddr,
    sample: Vec<LiveHost>,
) -> Result<Worked, RunError> {
    let mut shown = Vec::new();
    for host in sample {
        let address = host.address;
        #[cfg(test)]
        crate::scan::broken_at(cx.broken, (address, crate::model::Stage::Identify));
        shown.push((
            address,
            host::look(&cx, &host, host.open_ports.clone()).await,
        ));
    }
    Ok(Worked::Range(first, shown))
}
