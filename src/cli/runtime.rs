//! What commands share: the clock, a runtime, and the operator's Ctrl-C.

use super::Stop;
use crate::model::UtcTime;
use crate::os;
use crate::scan::Clock;
use crate::session::Names;
use async_trait::async_trait;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The present.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that looks at the clock"
)]
pub(super) fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    UtcTime::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The clock for a run.
pub(super) fn clock() -> Clock {
    Arc::new(now)
}

/// The names of hosts, as this machine looks them up.
#[derive(Debug)]
pub(super) struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        const PATIENCE: Duration = Duration::from_secs(3);
        let found = timeout(PATIENCE, lookup_host((name, 0))).await;
        let found = found.ok().and_then(Result::ok);
        found.map_or_else(Vec::new, |found| found.map(|socket| socket.ip()).collect())
    }
}

/// Runs a command's async part.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // What reads what others send has no privilege; only the thread that opens raw sockets does.
        .on_thread_start(|| drop(super::process::give_up_privileges()))
        .build()
        .map_err(|error| Stop::failed(&error))?;
    let done = runtime.block_on(work);
    // What is still at work was told to stop, or would not: the process ends all the same.
    runtime.shutdown_background();
    Ok(done)
}

/// Runs `work`, which ends soon after `stop` is cancelled: by Ctrl-C or by SIGTERM. A second one
/// ends it at once.
pub(super) async fn until_interrupted<T>(
    work: impl Future<Output = T>,
    stop: CancellationToken,
) -> Option<T> {
    tokio::pin!(work);
    let first = tokio::select! {
        done = &mut work => Some(done),
        () = interrupted() => None,
    };
    if first.is_some() {
        return first;
    }
    stop.cancel();
    super::complain("stopping; what is done is saved (again to stop at once)");
    tokio::select! {
        done = &mut work => Some(done),
        () = interrupted() => None,
    }
}

/// Runs `work`, which cannot be stopped halfway, until Ctrl-C or SIGTERM comes a second time; `asked`
/// where the first one came before: then it is said what is waited for, if that takes long.
pub(super) async fn until_insisted<T>(work: impl Future<Output = T>, asked: bool) -> Option<T> {
    tokio::pin!(work);
    let insisted = async {
        // The files of a small network are there sooner.
        const SOON: Duration = Duration::from_secs(2);
        if !asked {
            interrupted().await;
        } else if timeout(SOON, interrupted()).await.is_ok() {
            return;
        }
        super::complain("writing the files (again to stop at once)");
        interrupted().await;
    };
    tokio::select! {
        done = &mut work => Some(done),
        () = insisted => None,
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn interrupted() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = os::terminated() => {}
    }
}
