//! The loop of a run, with sweeps made by hand.

use super::*;
use crate::catalog::Catalog;
use crate::credentials;
use crate::model::{Canaries, Fact, ResultCode, RunSummary};

use crate::store::NewRun;
use crate::sweep::manners::fragile;
use crate::sweep::{
    Answer, EndReason, ProbeKind, Profile, Sighting, SweepEnd, SweepEvent, SweepPlan,
};
use crate::targets::TargetSet;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;
use tokio::task::JoinSet;

fn plan(ports: &[u16], ssh_ports: &[u16]) -> RunPlan {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    RunPlan {
        kind: RunKind::Scan,
        scope: Scope {
            targets: vec!["127.0.0.1".to_owned()],
            ..Scope::default()
        },
        ports,
        ssh_ports: ssh_ports.to_vec(),
        winrm_tls_ports: Vec::new(),
        winrm_ports: Vec::new(),
        first_ports: Vec::new(),
        echo: false,
        engines: Vec::new(),
        look: Look::default(),
        seed: 1,
        pace: Pace::from(Profile::NORMAL),
        host_seconds: 60,
        hands: 4,
        limits: RunLimits::default(),
        accept_new_host_keys: false,
        max_changed_keys: MAX_CHANGED_KEYS,
        credentials: None,
        known_hosts: Vec::new(),
        key_names: std::collections::BTreeMap::new(),
        tls_ca: Vec::new(),
        programs: Vec::new(),
        policy: None,
        record: None,
        receipts: None,
        verify: None,
        awaited: Awaited::default(),
    }
}

/// The plan of a scan of a range.
pub(super) fn plan_of(target: &str, ports: &[u16]) -> RunPlan {
    let mut plan = plan(ports, &[22]);
    plan.scope.targets = vec![target.to_owned()];
    plan.scope.allow_public = true;
    plan
}

pub(super) async fn context(plan: &RunPlan) -> (Arc<Context>, Arc<TargetSet>) {
    let store = Store::in_memory().unwrap();
    let run = RunId::new("r-1");
    let summary = RunSummary {
        id: run.clone(),
        kind: plan.kind.as_str().to_owned(),
        started: UtcTime::from_unix(0),
        finished: None,
        operator: String::new(),
        authorised_by: None,
        targets: plan.scope.targets.clone(),
        guards_lifted: Vec::new(),
        site: "default".to_owned(),
        catalog_digest: String::new(),
        catalog_imported: None,
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: true,
        canaries: Canaries::default(),
        state: RunState::Running,
    };
    let new = NewRun {
        summary,
        settings: serde_json::to_value(plan).unwrap(),
        plan_fingerprint: String::new(),
        seed: plan.seed,
    };
    store.begin_run(new).await.unwrap();
    let targets = Arc::new(plan.scope.targets().unwrap());
    (Arc::new(again(store, plan)), targets)
}

/// The run of [`context`], as another process takes it up.
pub(super) fn again(store: Store, plan: &RunPlan) -> Context {
    Context::new(Parts {
        store,
        run: RunId::new("r-1"),
        site: "default".to_owned(),
        plan: plan.clone(),
        knowledge: Catalog::for_demo().unwrap().into(),
        keyring: Keyring::default(),
        connectors: Connectors::nobody(),
        events: mpsc::unbounded_channel().0,
        clock: Arc::new(|| UtcTime::from_unix(0)),
        holder: Holder::new("test"),
    })
}

/// Stops itself, as the sweep may hear of a stop before the run does.
struct Stopped;

#[async_trait::async_trait]
impl Sweeper for Stopped {
    async fn sweep(
        &self,
        _: &SweepPlan,
        from: u64,
        _: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        stop.cancel();
        SweepEnd {
            mark: from,
            reason: EndReason::Stopped,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        }
    }
}

#[tokio::test]
async fn a_stopped_sweep_is_never_a_complete_run() {
    for _ in 0..50 {
        let (cx, targets) = context(&plan(&[22], &[22])).await;
        let stop = CancellationToken::new();
        let end = run(cx, targets, Arc::new(Stopped), stop).await.unwrap();
        assert_eq!(end, RunEnd::Interrupted);
    }
}

/// Finds so many hosts that refuse, and then ends well.
struct Refusals(u64);

#[async_trait::async_trait]
impl Sweeper for Refusals {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        _: u64,
        out: mpsc::Sender<SweepEvent>,
        _: CancellationToken,
    ) -> SweepEnd {
        for index in 0..self.0 {
            let sighting = Sighting {
                index,
                address: plan.addresses().nth(index).unwrap(),
                probe: ProbeKind::Tcp(22),
                answer: Answer::Closed,
                round_trip: Duration::from_millis(1),
                tries: 1,
                trace: None,
                mac: None,
            };
            out.send(SweepEvent::Sighting(sighting)).await.unwrap();
        }
        SweepEnd {
            mark: plan.len(),
            reason: EndReason::Complete,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        }
    }
}

#[tokio::test]
async fn a_run_is_stopped_while_hosts_that_refused_are_saved_and_goes_on_with_the_rest() {
    const HOSTS: usize = 2_000;
    let plan = plan_of("127.88.16.0/20", &[22]);
    let (mut cx, targets) = context(&plan).await;
    let (events, mut told) = mpsc::unbounded_channel();
    Arc::get_mut(&mut cx).unwrap().events = events;
    let (store, stop) = (cx.store.clone(), CancellationToken::new());
    let at_the_first = async {
        while let Some(event) = told.recv().await {
            if let Event::HostFinished { .. } = event {
                stop.cancel();
            }
        }
    };
    let sweeper = Arc::new(Refusals(HOSTS as u64));
    let running = run(cx, Arc::clone(&targets), sweeper, stop.clone());
    let (end, ()) = tokio::join!(running, at_the_first);
    assert_eq!(end.unwrap(), RunEnd::Interrupted);
    let run_id = RunId::new("r-1");
    let finished = store.finished_addresses(&run_id).await.unwrap().len();
    assert!((1..HOSTS).contains(&finished), "{finished}");

    let cx = Arc::new(again(store.clone(), &plan));
    let stop = CancellationToken::new();
    let end = run(cx, targets, Arc::new(Refusals(0)), stop).await.unwrap();
    assert_eq!(end, RunEnd::Complete);
    let finished = store.finished_addresses(&run_id).await.unwrap().len();
    assert_eq!(finished, HOSTS);
}

/// Finds these ports open, one after the other, with time between them.
struct Slow(Vec<u16>);

#[async_trait::async_trait]
impl Sweeper for Slow {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        _: u64,
        out: mpsc::Sender<SweepEvent>,
        _: CancellationToken,
    ) -> SweepEnd {
        for port in &self.0 {
            let sighting = Sighting {
                index: 0,
                address: Ipv4Addr::LOCALHOST.into(),
                probe: ProbeKind::Tcp(*port),
                answer: Answer::Open,
                round_trip: Duration::from_millis(1),
                tries: 1,
                trace: None,
                mac: None,
            };
            out.send(SweepEvent::Sighting(sighting)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        SweepEnd {
            mark: plan.len(),
            reason: EndReason::Complete,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        }
    }
}

/// Greets whoever connects.
fn greeter(greeting: &'static str) -> u16 {
    let listener = listener();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            stream.write_all(greeting.as_bytes()).ok();
        }
    });
    port
}

/// Listens on a port that the system chooses, and that is asked as any other: some of those that it chooses from are
/// an industrial controller's, and left alone.
fn listener() -> TcpListener {
    let mut left_alone = Vec::new();
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if fragile(port).is_none() {
            return listener;
        }
        left_alone.push(listener);
    }
}

#[tokio::test]
async fn what_a_port_says_is_heard() {
    let (ssh, other) = (greeter("SSH-2.0-x\r\n"), greeter("220 mail\r\n"));
    let (cx, targets) = context(&plan(&[ssh, other], &[ssh])).await;
    let sweeper = Arc::new(Slow(vec![ssh, other]));
    let stop = CancellationToken::new();
    run(Arc::clone(&cx), targets, sweeper, stop).await.unwrap();
    let report = cx
        .store
        .report(&cx.run, crate::store::ReportOptions::default());
    let machine = report.await.unwrap().machine(0).unwrap().unwrap();
    let said = machine.clues.iter().map(|(_, clue)| clue.fact.clone());
    let mail = Fact::Banner("220 mail".to_owned());
    assert!(said.into_iter().any(|fact| fact == mail));
}

#[tokio::test]
async fn a_host_that_speaks_ssh_elsewhere_still_waits_for_the_ports_named_for_it() {
    let (ssh, other) = (greeter("SSH-2.0-named\r\n"), greeter("SSH-2.0-found\r\n"));
    let (cx, targets) = context(&plan(&[ssh, other], &[ssh])).await;
    let sweeper = Arc::new(Slow(vec![other, ssh]));
    let stop = CancellationToken::new();
    run(Arc::clone(&cx), targets, sweeper, stop).await.unwrap();
    let source = cx
        .store
        .report(&cx.run, crate::store::ReportOptions::default());
    let machine = source.await.unwrap().machine(0).unwrap().unwrap();
    let ports: Vec<u16> = machine.services.iter().map(|(_, one)| one.port).collect();
    let heard = ports.contains(&ssh) && ports.contains(&other);
    assert!(heard, "{ports:?}, {:?}", machine.clues);
}

/// A try of an account, reserved on a host.
async fn reserve(cx: &Context, host: u8) -> Result<breaker::Reserved, String> {
    let text = "[[credential]]\nid = 'w'\ntype = 'winrm'\nuser = 'CORP\\audit'\nscope = ['127.0.0.0/8']\npassword = { prompt = true }\n";
    let file = credentials::parse(text).unwrap();
    let label = credentials::HostLabel::new([127, 0, 0, host].into(), None);
    let account = credentials::AccountKey::of(&file.credentials[0], &label);
    let soon = Instant::now() + Duration::from_millis(200);
    match cx.breaker.reserve(account, label, true, soon).await {
        Ok(breaker::Leave::Granted(reserved, _)) => Ok(reserved),
        Ok(breaker::Leave::Open(_, why)) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_login_that_ends_in_a_panic_has_spent_its_try_and_nothing_else() {
    let (cx, _) = context(&plan(&[5985], &[])).await;
    let mut logins: JoinSet<()> = JoinSet::new();
    let its = Arc::clone(&cx);
    logins.spawn(async move {
        let _reserved = reserve(&its, 1).await.unwrap();
        std::panic::resume_unwind(Box::new("a library's unwrap"));
    });
    let ended = logins.join_next().await.unwrap();
    assert!(ended.unwrap_err().is_panic());
    let (tries, stops) = cx.store.breaker().await.unwrap();
    let wrong = |row: &crate::store::TryRow| row.state == crate::store::TryState::Wrong;
    assert!(tries.len() == 1 && tries.iter().all(wrong) && stops.is_empty());
    assert!(reserve(&cx, 1).await.is_err());
    assert!(reserve(&cx, 2).await.is_ok());
}

#[tokio::test]
async fn a_lock_that_is_told_before_any_secret_was_sent_stops_the_account() {
    let (cx, _) = context(&plan(&[5985], &[])).await;
    let reserved = reserve(&cx, 1).await.unwrap();
    let locked = ResultCode::AccountLocked;
    cx.breaker.return_after(reserved, locked).await.unwrap();
    let (tries, stops) = cx.store.breaker().await.unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 1));
    let why = reserve(&cx, 2).await.err().unwrap();
    assert!(why.contains("account_locked"), "{why}");

    let (cx, _) = context(&plan(&[5985], &[])).await;
    let reserved = reserve(&cx, 1).await.unwrap();
    let skew = ResultCode::KerberosSkew;
    cx.breaker.return_after(reserved, skew).await.unwrap();
    assert!(reserve(&cx, 2).await.is_ok());
}
