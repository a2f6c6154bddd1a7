//! A run to one host whose results are not kept: what `doctor` and `credentials test` have in common.
//!
//! It is a run like any other, begun in the store, so that the breaker counts its tries and everybody can
//! see that it was. Its kind says that it is none to export.

use super::super::progress::{self, Display};
use super::super::{Exit, Stop, hints, output, peers, runtime};
use super::scan::{self as job, Job};
use crate::credentials::Holder;
use crate::matching::Knowledge;
use crate::model::{CredentialId, hex};
use crate::scan::{self, Clock, Context, Examined, Keyring, Parts, RunEnd, RunPlan};
use crate::store::{NewRun, SightingRow};
use crate::targets::TargetSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The most addresses that one name may stand for.
const MOST_ADDRESSES: u128 = 16;

/// What came of it.
pub(super) struct Examination {
    pub(super) end: RunEnd,
    pub(super) plan: RunPlan,
    pub(super) targets: Arc<TargetSet>,
    /// The credentials that were at hand, with their users.
    pub(super) users: Vec<(CredentialId, String)>,
    pub(super) hosts: Vec<Examined>,
    /// What the probes were answered.
    pub(super) probes: Vec<SightingRow>,
}

/// Goes to the plan's host, with all credentials or only one.
#[expect(
    clippy::too_many_lines,
    reason = "the steps of a run, one after the other"
)]
pub(super) fn examine(
    job: &Job<'_>,
    plan: RunPlan,
    only: Option<&CredentialId>,
) -> Result<Option<Examination>, Stop> {
    let (targets, fingerprint) = job::targets(&plan)?;
    let targets = targets.ok_or_else(|| Stop::usage("there is no target"))?;
    if targets.len() > MOST_ADDRESSES {
        return Err(Stop::usage(format!(
            "that is {} addresses; this looks at one host: underdesk scan looks at many",
            targets.len()
        )));
    }
    let knowledge = Knowledge::from(output::no_catalog()?);
    let store = output::open_store(&job.settings.store)?;
    let summary = job.summary(&plan, (job.clock)(), &knowledge);
    let run = summary.id.clone();
    let mut plan = plan;
    if job.wants_receipts {
        plan.receipts = Some(job::receipts(job.output, &run)?);
    }
    runtime::block_on(async {
        // Secrets first: who cannot log in anywhere should not begin.
        let keyring = job.keyring(&plan).await?;
        let keyring = match only {
            Some(id) => only_one(keyring, id)?,
            None => keyring,
        };
        job::check_behind(&keyring, Some(&*targets))?;
        let concerned = scan::concerned(&targets, &keyring);
        job::say_worst_case((&store, (job.clock)()), &concerned, &targets).await?;
        let site = job.settings.site.clone();
        let known = peers::known_keys(&store, &site, &plan).await?;
        let connectors = peers::connectors(&plan, &keyring, known, job.simulated)?;
        let credentials = keyring.credentials().iter();
        let users = credentials.map(|one| (one.id.clone(), one.user.clone()));
        let users = users.collect();
        let new = NewRun {
            summary,
            settings: serde_json::to_value(&plan).map_err(|error| Stop::failed(&error))?,
            plan_fingerprint: fingerprint,
            seed: plan.seed,
        };
        let begun = store.begin_run(new).await;
        begun.map_err(|error| Stop::failed(&error))?;
        let (events, receiver) = mpsc::unbounded_channel();
        let cx = Arc::new(Context::new(Parts {
            store: store.clone(),
            run: run.clone(),
            site,
            plan: plan.clone(),
            knowledge,
            keyring,
            connectors,
            events,
            clock: Clock::clone(&job.clock),
            holder: Holder::new(hex(&rand::random::<[u8; 16]>())),
        }));
        let stop = CancellationToken::new();
        let sweeper = Arc::new(job::engines(&plan, cx.traffic()));
        let walk = scan::examine(cx, Arc::clone(&targets), sweeper, stop.clone());
        let show = progress::show(receiver, Display::choose(false));
        let Some(walked) = Box::pin(job::watched(walk, show, stop)).await else {
            return Ok(None);
        };
        let (end, hosts) = walked.map_err(|error| Stop {
            exit: Exit::Failed,
            text: hints::chain(&error),
        })?;
        let probes = store.sightings(&run).await;
        let probes = probes.map_err(|error| Stop::failed(&error))?;
        Ok(Some(Examination {
            end,
            plan,
            targets,
            users,
            hosts,
            probes,
        }))
    })?
}

fn only_one(keyring: Keyring, id: &CredentialId) -> Result<Keyring, Stop> {
    keyring.only(id).ok_or_else(|| {
        Stop::usage(format!(
            "there is no credential {id} that can be used; underdesk credentials list shows them"
        ))
    })
}
