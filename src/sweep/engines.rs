//! Which engine sweeps what, and the sweep of a plan whose parts have engines of their own. Talks.
//!
//! The privileged engine is taken by itself wherever it can be; whoever asks is told what was chosen, and
//! why.

#[cfg(target_os = "linux")]
use super::raw::RawSweeper;
use super::routes::Routes;
use super::{
    AddressSpace, Canaries, EndReason, Engine, Leg, Profile, SweepEnd, SweepEvent, SweepPlan,
    Sweeper, TcpSweeper,
};
use crate::traffic::Traffic;
use async_trait::async_trait;
use std::ops::Range;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// All engines that there are on this machine.
#[derive(Debug)]
pub struct Engines {
    connect: TcpSweeper,
    raw: Result<RawSweeper, String>,
}

/// What each engine is to sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Addresses by index, as [`SweepPlan::staged`] takes them.
    pub legs: Vec<(Engine, Vec<Range<u64>>)>,
    /// What was chosen and why, in one sentence for the operator.
    pub why: String,
}

impl Engines {
    /// Opens what can be opened. What needs a privilege is opened now, so that it can be given up.
    pub fn open(profile: Profile) -> Self {
        Self {
            connect: TcpSweeper::new(profile),
            raw: RawSweeper::open(profile).map_err(|error| said(&error)),
        }
    }

    /// Takes ordinary connections only.
    pub fn connect_only(profile: Profile) -> Self {
        Self {
            connect: TcpSweeper::new(profile),
            raw: Err("it was not asked for".to_owned()),
        }
    }

    /// Keeps to a bandwidth, together with whoever else does.
    #[must_use]
    pub fn with_traffic(self, traffic: &Traffic) -> Self {
        Self {
            connect: self.connect.with_traffic(traffic.clone()),
            raw: self.raw.map(|raw| raw.with_traffic(traffic.clone())),
        }
    }

    /// Why there is no privileged engine; `None` if there is one.
    pub fn why_not_raw(&self) -> Option<&str> {
        self.raw.as_ref().err().map(String::as_str)
    }

    /// Gives each address to the engine that is best for it, or that was wanted, where that can be.
    pub fn choose(&self, space: &dyn AddressSpace, wanted: Option<Engine>) -> Choice {
        let connect = |why: String| Choice {
            legs: std::iter::once((Engine::Connect, whole(space))).collect(),
            why,
        };
        if wanted == Some(Engine::Connect) {
            return connect("ordinary connections, as asked for".to_owned());
        }
        let raw = match &self.raw {
            Ok(raw) => raw,
            Err(why) => {
                return connect(format!(
                    "ordinary connections, for packets of our own cannot be sent: {why}"
                ));
            }
        };
        let routes = match Routes::read() {
            Ok(routes) => routes,
            Err(error) => {
                return connect(format!(
                    "ordinary connections, for the routes cannot be read: {error}"
                ));
            }
        };
        let reached = raw.reaches(&routes, space);
        let count: u64 = reached.iter().map(|range| range.end - range.start).sum();
        if count == 0 {
            return connect(
                "ordinary connections, for no address is behind an Ethernet with IPv4".to_owned(),
            );
        }
        let left = space.len() - count;
        let why = match left {
            0 => "packets of our own (SYN, echo and ARP)".to_owned(),
            left => format!(
                "packets of our own (SYN, echo and ARP); ordinary connections to {left} addresses that are not behind an Ethernet with IPv4"
            ),
        };
        let legs = std::iter::once((Engine::Raw, reached)).collect();
        Choice { legs, why }
    }

    async fn sweep_leg(
        &self,
        plan: &SweepPlan,
        (leg, range): (&Leg, Range<u64>),
        out: &mpsc::Sender<SweepEvent>,
        stop: &CancellationToken,
    ) -> SweepEnd {
        if leg.engine() == Engine::Raw {
            match self.raw_for(plan, leg) {
                Ok(raw) => return raw.sweep_range(plan, range, out, stop).await,
                Err(why) => {
                    let notice = format!("going on by ordinary connections, without echoes: {why}");
                    // If nobody listens, the sweep notices it soon.
                    let _heard = out.send(SweepEvent::Notice(notice)).await;
                }
            }
        }
        self.connect.sweep_range(plan, range, out, stop).await
    }

    /// The privileged engine, if it can still sweep a leg: a run may be resumed without the privilege, or
    /// after the routes have changed.
    fn raw_for(&self, plan: &SweepPlan, leg: &Leg) -> Result<&RawSweeper, String> {
        let raw = self.raw.as_ref().map_err(Clone::clone)?;
        let routes = Routes::read().map_err(|error| error.to_string())?;
        if raw.still_reaches(&routes, plan, leg) {
            Ok(raw)
        } else {
            Err("the routes have changed".to_owned())
        }
    }
}

#[async_trait]
impl Sweeper for Engines {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let mut all = SweepEnd {
            mark: from.min(plan.len()),
            reason: EndReason::Complete,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        };
        for leg in plan.legs() {
            let positions = leg.positions();
            let range = positions.start.max(from)..positions.end;
            if range.is_empty() {
                continue;
            }
            all.add(self.sweep_leg(plan, (leg, range), &out, &stop).await);
            if all.reason != EndReason::Complete {
                break;
            }
        }
        all
    }
}

fn whole(space: &dyn AddressSpace) -> Vec<Range<u64>> {
    std::iter::once(0..space.len()).collect()
}

/// What keeps us from it, for an operator.
fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "that needs root or the capability CAP_NET_RAW".to_owned()
        }
        _ => error.to_string(),
    }
}

/// There is no such engine on this system.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy, Debug)]
enum RawSweeper {}

#[cfg(not(target_os = "linux"))]
impl RawSweeper {
    fn open(_: Profile) -> std::io::Result<Self> {
        let nothing = "that is not supported on this system";
        Err(std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            nothing,
        ))
    }

    fn with_traffic(self, _: Traffic) -> Self {
        match self {}
    }

    fn reaches(self, _: &Routes, _: &dyn AddressSpace) -> Vec<Range<u64>> {
        match self {}
    }

    fn still_reaches(self, _: &Routes, _: &SweepPlan, _: &Leg) -> bool {
        match self {}
    }

    #[expect(clippy::unused_async, reason = "as the engine of other systems")]
    async fn sweep_range(
        self,
        _: &SweepPlan,
        _: Range<u64>,
        _: &mpsc::Sender<SweepEvent>,
        _: &CancellationToken,
    ) -> SweepEnd {
        match self {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::AddressList;
    use super::*;
    use std::net::IpAddr;

    fn space() -> AddressList {
        AddressList::new(
            ["127.0.0.1", "127.0.0.2", "::1"]
                .map(|at| at.parse::<IpAddr>().unwrap())
                .to_vec(),
        )
    }

    #[test]
    fn without_the_privilege_everything_goes_by_connections() {
        let engines = Engines::connect_only(Profile::NORMAL);
        let choice = engines.choose(&space(), Some(Engine::Raw));
        assert_eq!(choice.legs, vec![(Engine::Connect, whole(&space()))]);
        assert!(choice.why.contains("not asked for"));
    }

    #[test]
    fn this_machine_itself_is_swept_by_connections_in_any_case() {
        let choice = Engines::open(Profile::NORMAL).choose(&space(), None);
        assert_eq!(choice.legs, vec![(Engine::Connect, whole(&space()))]);
        let wanted = Engines::open(Profile::NORMAL).choose(&space(), Some(Engine::Connect));
        assert_eq!(wanted.legs, choice.legs);
    }

    #[tokio::test]
    async fn a_run_that_lost_the_privilege_goes_on_by_connections_and_says_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let list = AddressList::new(vec![listener.local_addr().unwrap().ip()]);
        let probes = super::super::Probes {
            first: vec![
                super::super::ProbeKind::Tcp(port),
                super::super::ProbeKind::Echo,
            ],
            further: Vec::new(),
        };
        let legs = vec![(Engine::Raw, whole(&list))];
        let plan = SweepPlan::staged(std::sync::Arc::new(list), probes, 1, legs).unwrap();
        let (out, mut events) = mpsc::channel(100);
        let engines = Engines::connect_only(Profile::NORMAL);
        let end = engines.sweep(&plan, 0, out, CancellationToken::new()).await;
        assert_eq!((end.reason, end.mark), (EndReason::Complete, 2));
        let mut seen = Vec::new();
        while let Some(event) = events.recv().await {
            seen.push(event);
        }
        assert!(matches!(seen.first(), Some(SweepEvent::Notice(_))));
        let open = |event: &SweepEvent| matches!(event, SweepEvent::Sighting(sighting) if sighting.answer == super::super::Answer::Open);
        assert_eq!(seen.iter().filter(|event| open(event)).count(), 1);
    }
}
