//! Whether this machine has a network: while it has none, nobody is called silent for it. Talks.
//!
//! Two things tell. The system's own word: to where there was a way before, there is no route any more, or the link is
//! not connected. And silence: a host was not heard to its end, and of those that were heard last nobody answers
//! either. The system is asked every second, and both whenever a host was cut short or nobody was heard for a while.
//! From then on no host begins and the sweep rests, until the network is back or our patience ends.

use crate::sweep::routes;
use crate::traffic::{Traffic, size};
use async_trait::async_trait;
use socket2::SockRef;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Mutex as Turns, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Of how many hosts it is remembered that they were heard, the last ones.
const WITNESSES: usize = 8;
/// From how many on their silence says something of us.
const FEWEST: usize = 3;
/// How long each of them has to answer: time for a SYN to go three times. And how long after some the next are asked,
/// [`FEWEST`] at once: one packet that gets lost is no outage.
const ANSWER: Duration = Duration::from_secs(4);
const NEXT: Duration = Duration::from_millis(250);
/// To how many places at most the way is looked at.
const WAYS: usize = 64;

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// How often it is looked at.
    pub(super) tick: Duration,
    /// How long nobody may be heard until somebody is asked.
    pub(super) quiet: Duration,
    /// How long a network takes to come up where nobody can say that it is.
    pub(super) settle: Duration,
    /// How long a network that has gone is waited for.
    pub(super) patience: Duration,
}

impl Times {
    const USUAL: Self = Self {
        tick: Duration::from_secs(1),
        quiet: Duration::from_secs(10),
        settle: Duration::from_secs(5),
        patience: Duration::from_mins(2),
    };
}

/// What can be seen of a network.
#[async_trait]
pub(super) trait Eyes: Send + Sync {
    /// The address that we would send from, where there is a way. Sends nothing.
    fn way(&self, to: IpAddr) -> io::Result<IpAddr>;

    /// Whether anybody is there: who refuses is, too.
    async fn answers(&self, at: SocketAddr) -> bool;
}

/// This machine's own.
struct System(Traffic);

#[async_trait]
impl Eyes for System {
    fn way(&self, to: IpAddr) -> io::Result<IpAddr> {
        routes::way_to(to)
    }

    async fn answers(&self, at: SocketAddr) -> bool {
        let share = self.0.share();
        share.pass(size::connection(at.is_ipv6())).await;
        match timeout(ANSWER, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => {
                // As the sweep leaves: with a reset, and nothing of it is kept.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok();
                true
            }
            Ok(Err(error)) => matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ),
            Err(_) => false,
        }
    }
}

/// Sees nothing that would be wrong.
struct Blind;

#[async_trait]
impl Eyes for Blind {
    fn way(&self, _: IpAddr) -> io::Result<IpAddr> {
        Ok(Ipv4Addr::UNSPECIFIED.into())
    }

    async fn answers(&self, _: SocketAddr) -> bool {
        true
    }
}

/// How it stands with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    There,
    /// It has gone, and is waited for.
    Gone,
    /// It did not come back in time.
    Lost,
}

/// How often the network had gone at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outages(u32);

/// Knows whether there is a network, as long as somebody [`Network::watch`]es.
pub(super) struct Network {
    eyes: Arc<dyn Eyes>,
    times: Times,
    standing: watch::Sender<Standing>,
    state: Mutex<State>,
    /// One asks for all.
    asking: Turns<()>,
}

#[derive(Debug, Default)]
struct State {
    outages: u32,
    why: String,
    /// Where there was a way: one address for each that we sent from, and those that lost theirs.
    ways: Vec<IpAddr>,
    /// Who was heard last, the latest at the end.
    heard: VecDeque<SocketAddr>,
    last: Option<Instant>,
}

impl Network {
    /// As this machine sees it.
    pub(super) fn of_this_machine(traffic: Traffic) -> Self {
        Self::seen_by(Arc::new(System(traffic)), Times::USUAL)
    }

    /// Always there: nobody looks.
    pub(super) fn taken_for_granted() -> Self {
        Self::seen_by(Arc::new(Blind), Times::USUAL)
    }

    pub(super) fn seen_by(eyes: Arc<dyn Eyes>, times: Times) -> Self {
        Self {
            eyes,
            times,
            standing: watch::Sender::new(Standing::There),
            state: Mutex::default(),
            asking: Turns::default(),
        }
    }

    /// Looks at the ways to some of the addresses that the run is about. Where there is none to any of them there is no
    /// network; unless others may lead there.
    pub(super) fn begin(&self, addresses: impl IntoIterator<Item = IpAddr>, others_lead: bool) {
        let (mut sources, mut ways, mut without) = (BTreeSet::new(), Vec::new(), None);
        for address in addresses {
            match self.eyes.way(address) {
                Ok(source) if sources.insert(source) => ways.push(address),
                Ok(_) => {}
                Err(error) => without = without.or(Some((address, error))),
            }
        }
        let has_none = ways.is_empty() && !others_lead;
        self.state().ways = ways;
        if let Some((address, error)) = without.filter(|_| has_none) {
            self.gone(no_way(address, &error), Some(address));
        }
    }

    /// Somebody was heard.
    pub(super) fn heard(&self, at: SocketAddr) {
        let now = Instant::now();
        let mut state = self.state();
        let before = state.last.replace(now);
        let place = state.heard.iter().position(|one| one.ip() == at.ip());
        if let Some(place) = place {
            state.heard.remove(place);
        } else {
            // Where many are heard, not each is worth a look.
            let is_soon = before.is_some_and(|before| now - before < self.times.tick);
            let is_own = |way: io::Result<IpAddr>| way.is_ok_and(|source| source == at.ip());
            if (state.heard.len() >= WITNESSES && is_soon) || is_own(self.eyes.way(at.ip())) {
                return;
            }
        }
        if state.heard.len() >= WITNESSES {
            state.heard.pop_front();
        }
        state.heard.push_back(at);
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(super) fn is_up(&self) -> bool {
        *self.standing.borrow() == Standing::There
    }

    /// How often it has gone so far.
    pub(super) fn now(&self) -> Outages {
        Outages(self.state().outages)
    }

    /// Why it is not there.
    pub(super) fn why(&self) -> String {
        self.state().why.clone()
    }

    /// Until when there surely was a network: silence before that was others'.
    pub(super) fn sure(&self) -> Instant {
        let state = self.state();
        match state.last {
            Some(last) if state.heard.len() >= FEWEST => last,
            // Nobody could tell more than the system does.
            _ => Instant::now(),
        }
    }

    /// Whether the system still has every way that it had.
    pub(super) fn look(&self) -> bool {
        if !self.is_up() {
            return false;
        }
        let ways = self.state().ways.clone();
        for address in ways {
            if let Err(error) = self.eyes.way(address) {
                self.gone(no_way(address, &error), Some(address));
                return false;
            }
        }
        true
    }

    /// Whether there is a network, and was since `before`, now that a host was cut short. Somebody who was heard after
    /// `since` tells.
    pub(super) async fn is_there(
        &self,
        host: Option<IpAddr>,
        before: Outages,
        since: Instant,
    ) -> bool {
        if self.now() != before {
            return false;
        }
        if let Some(host) = host
            && let Err(error) = self.eyes.way(host)
        {
            self.gone(no_way(host, &error), Some(host));
        }
        // Whoever asked meanwhile may have found one.
        self.look() && self.ask(host, since).await && self.now() == before
    }

    /// Whether there is a network now, as far as anybody can tell.
    pub(super) async fn is_sound(&self) -> bool {
        self.look() && self.ask(None, Instant::now()).await
    }

    /// Asks those who were heard last, unless one was since. Where the latest of them are silent and another answers, that
    /// may have been a short outage: then it is over, and was one.
    async fn ask(&self, but: Option<IpAddr>, since: Instant) -> bool {
        let _turn = self.asking.lock().await;
        if !self.is_up() {
            return false;
        }
        let witnesses = {
            let state = self.state();
            if state.last.is_some_and(|last| last >= since) {
                return true;
            }
            let others = state.heard.iter().rev().filter(|at| Some(at.ip()) != but);
            others.copied().collect::<Vec<SocketAddr>>()
        };
        if witnesses.len() < FEWEST {
            return true;
        }
        match self.anybody(witnesses).await {
            Some(0) => return true,
            Some(_) => {
                self.state().outages += 1;
                return false;
            }
            None => {}
        }
        let why = "of the hosts that answered last none answers any more";
        self.gone(why.to_owned(), None);
        false
    }

    /// In which turn those were asked of whom one answers first: 0 for the latest.
    async fn anybody(&self, witnesses: Vec<SocketAddr>) -> Option<u32> {
        let mut asking = JoinSet::new();
        for (turn, some) in (0..).zip(witnesses.chunks(FEWEST)) {
            for at in some.iter().copied() {
                let eyes = Arc::clone(&self.eyes);
                asking.spawn(async move {
                    sleep(NEXT * turn).await;
                    eyes.answers(at).await.then_some((turn, at))
                });
            }
        }
        while let Some(answered) = asking.join_next().await {
            if let Ok(Some((turn, at))) = answered {
                self.heard(at);
                return Some(turn);
            }
        }
        None
    }

    fn gone(&self, why: String, address: Option<IpAddr>) {
        let mut state = self.state();
        let is_news = self.standing.send_if_modified(|standing| {
            let is_news = *standing == Standing::There;
            if is_news {
                *standing = Standing::Gone;
            }
            is_news
        });
        if !is_news {
            return;
        }
        state.outages += 1;
        state.why = why;
        let missing = address.filter(|address| !state.ways.contains(address));
        if state.ways.len() < WAYS {
            state.ways.extend(missing);
        }
    }

    /// Waits while it is gone; whether it came back.
    pub(super) async fn back(&self) -> bool {
        let mut standing = self.standing.subscribe();
        let ended = standing.wait_for(|now| *now != Standing::Gone).await;
        ended.is_ok_and(|now| *now == Standing::There)
    }

    /// Watches it, and says when it goes and how that ends.
    pub(super) async fn watch(&self, say: impl Fn(String)) {
        let mut standing = self.standing.subscribe();
        loop {
            let gone = standing.wait_for(|now| *now != Standing::There);
            if timeout(self.times.tick, gone).await.is_err() {
                let since = Instant::now().checked_sub(self.times.quiet);
                if self.look()
                    && let Some(since) = since
                {
                    self.ask(None, since).await;
                }
                continue;
            }
            let seconds = self.times.patience.as_secs();
            say(format!(
                "this machine, or the way from it, has no network: {}; nobody is asked until it is back, for {seconds} s \
                 at most",
                self.why()
            ));
            if !self.wait().await {
                self.standing.send_replace(Standing::Lost);
                say(format!("the network did not come back within {seconds} s"));
                return;
            }
            self.standing.send_replace(Standing::There);
            say("the network is back: who was being asked when it went is asked again".to_owned());
        }
    }

    async fn wait(&self) -> bool {
        let until = Instant::now() + self.times.patience;
        while Instant::now() < until {
            sleep(self.times.tick).await;
            if self.is_back().await {
                return true;
            }
        }
        false
    }

    async fn is_back(&self) -> bool {
        let (ways, witnesses) = {
            let state = self.state();
            let heard = state.heard.iter().rev().copied();
            (state.ways.clone(), heard.collect::<Vec<SocketAddr>>())
        };
        let has_ways = || ways.iter().all(|address| self.eyes.way(*address).is_ok());
        if !has_ways() {
            return false;
        }
        if witnesses.len() >= FEWEST {
            return self.anybody(witnesses).await.is_some();
        }
        sleep(self.times.settle).await;
        has_ways()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_way(to: IpAddr, error: &io::Error) -> String {
    format!("no way to {to}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    /// What the system says, who answers, and how many were asked.
    #[derive(Default)]
    struct Fake {
        is_unplugged: AtomicBool,
        is_silent: AtomicBool,
        /// The first packet to this one gets lost.
        unlucky: Option<SocketAddr>,
        asked: AtomicU32,
    }

    #[async_trait]
    impl Eyes for Fake {
        fn way(&self, _: IpAddr) -> io::Result<IpAddr> {
            if self.is_unplugged.load(Ordering::SeqCst) {
                return Err(ErrorKind::NetworkUnreachable.into());
            }
            Ok(at(99).ip())
        }

        async fn answers(&self, at: SocketAddr) -> bool {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.unlucky == Some(at) {
                // Until the system sends it again (RFC 6298 section 2).
                sleep(Duration::from_secs(1)).await;
            }
            !self.is_silent.load(Ordering::SeqCst)
        }
    }

    fn at(last: u8) -> SocketAddr {
        ([192, 0, 2, last], 22).into()
    }

    fn network() -> (Arc<Network>, Arc<Fake>) {
        let eyes = Arc::new(Fake::default());
        let network = Network::seen_by(Arc::<Fake>::clone(&eyes), Times::USUAL);
        network.begin([at(1).ip()], false);
        (Arc::new(network), eyes)
    }

    async fn later(seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_is_its_own_affair_where_others_are_heard_and_ours_where_none_is() {
        let (network, eyes) = network();
        (2..6).for_each(|last| network.heard(at(last)));
        later(1).await;
        let (before, now) = (network.now(), Instant::now());
        assert!(network.is_there(Some(at(9).ip()), before, now).await);
        let asked = eyes.asked.load(Ordering::SeqCst);
        assert!(asked <= 3, "those that were heard last are enough: {asked}");
        // Somebody was heard since: nobody need be asked.
        assert!(network.is_there(Some(at(9).ip()), before, now).await);
        assert_eq!(eyes.asked.load(Ordering::SeqCst), asked);

        later(1).await;
        eyes.is_silent.store(true, Ordering::SeqCst);
        let now = Instant::now();
        assert!(!network.is_there(Some(at(9).ip()), before, now).await);
        assert!(!network.is_up() && network.now() != before);
        assert!(network.why().contains("none answers any more"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_that_is_over_when_it_is_asked_after_was_one() {
        let (network, eyes) = network();
        (2..9).for_each(|last| network.heard(at(last)));
        eyes.is_silent.store(true, Ordering::SeqCst);
        later(1).await;
        let (before, now) = (network.now(), Instant::now());
        let mended = async {
            sleep(NEXT * 3 / 2).await;
            eyes.is_silent.store(false, Ordering::SeqCst);
        };
        let (one, other, ()) = tokio::join!(
            network.is_there(None, before, now),
            network.is_there(None, before, now),
            mended
        );
        assert!(!one && !other, "both were cut short by it");
        assert!(network.is_up() && network.now() != before);
        // Who is asked again has a network, and is not asked for ever.
        assert!(network.back().await);
        later(1).await;
        let now = Instant::now();
        assert!(network.is_there(None, network.now(), now).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_packet_that_gets_lost_is_no_outage() {
        let eyes = Arc::new(Fake {
            unlucky: Some(at(5)),
            ..Fake::default()
        });
        let network = Network::seen_by(Arc::<Fake>::clone(&eyes), Times::USUAL);
        network.begin([at(1).ip()], false);
        (2..6).for_each(|last| network.heard(at(last)));
        let before = network.now();
        later(1).await;
        assert!(network.is_sound().await);
        assert_eq!(network.now(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn two_silent_hosts_say_nothing_of_us() {
        let (network, eyes) = network();
        (2..4).for_each(|last| network.heard(at(last)));
        // Its own address answers whatever happens, and is no witness.
        network.heard(at(99));
        later(1).await;
        eyes.is_silent.store(true, Ordering::SeqCst);
        let now = Instant::now();
        assert!(network.is_there(None, network.now(), now).await);
        assert_eq!(eyes.asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unplugged_cable_is_seen_within_a_tick_and_its_return_too() {
        let (network, eyes) = network();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (its, words) = (Arc::clone(&network), Arc::clone(&said));
        let mut watching = JoinSet::new();
        watching.spawn(async move { its.watch(|text| words.lock().unwrap().push(text)).await });
        later(5).await;
        assert!(network.is_up());
        eyes.is_unplugged.store(true, Ordering::SeqCst);
        later(2).await;
        assert!(!network.is_up() && !network.look());
        eyes.is_unplugged.store(false, Ordering::SeqCst);
        assert!(network.back().await);
        let said = said.lock().unwrap().join("\n");
        assert!(said.contains("no way to 192.0.2.1"), "{said}");
        assert!(said.contains("the network is back"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_without_a_host_to_notice_it_and_patience_has_an_end() {
        let (network, eyes) = network();
        (2..6).for_each(|last| network.heard(at(last)));
        let its = Arc::clone(&network);
        let mut watching = JoinSet::new();
        watching.spawn(async move { its.watch(|_| {}).await });
        later(60).await;
        assert!(network.is_up(), "they answer when they are asked");
        let sure = network.sure();
        eyes.is_silent.store(true, Ordering::SeqCst);
        later(30).await;
        assert!(!network.is_up());
        // What was found silent since then may not have been.
        assert!(network.sure() - sure <= Times::USUAL.quiet);
        let gone = Instant::now();
        assert!(!network.back().await);
        assert!(gone.elapsed() <= Times::USUAL.patience + ANSWER * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_without_any_way_has_no_network_unless_jump_hosts_may_lead_there() {
        let eyes = Arc::new(Fake::default());
        eyes.is_unplugged.store(true, Ordering::SeqCst);
        for others_lead in [false, true] {
            let network = Network::seen_by(Arc::<Fake>::clone(&eyes), Times::USUAL);
            network.begin([at(1).ip(), at(2).ip()], others_lead);
            assert_eq!(network.is_up(), others_lead);
        }
    }
}
