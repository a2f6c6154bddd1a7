//! Talking to key distribution centres (RFC 4120 section 7.2.2): TCP, four bytes of length before
//! each message. What they answer is looked at before the library sees it, so that a password is
//! never proven twice.

use super::krb_error::{KrbError, PREAUTH_REQUIRED};
use crate::session::{KerberosFailure, KerberosRefusal};
use crate::traffic::{Share, size};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// At most so many hosts' tickets are fetched at a time: a thousand hosts share one directory.
pub(super) static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// After so many times in a row that a centre was waited for in vain it is not asked for a while: every host of a realm
/// would wait for it anew, one after the other.
const GIVEN_UP_AFTER: u32 = 3;
const GIVEN_UP_FOR: Duration = Duration::from_mins(10);

/// Which centres a run has waited for in vain, by address.
#[derive(Debug, Default)]
pub struct Centres(Mutex<BTreeMap<String, Silence>>);

#[derive(Clone, Copy, Debug)]
struct Silence {
    times: u32,
    last: Instant,
}

impl Centres {
    /// Begins anew with all of them: it may have been our own network.
    pub fn forget(&self) {
        self.silences().clear();
    }

    fn is_given_up(&self, address: &str) -> bool {
        self.silences().get(address).is_some_and(|silence| {
            silence.times >= GIVEN_UP_AFTER && silence.last.elapsed() < GIVEN_UP_FOR
        })
    }

    fn answered(&self, address: &str) {
        self.silences().remove(address);
    }

    /// One was waited for in vain from a moment on. Hosts that waited at the same time are one time.
    fn was_silent(&self, address: &str, since: Instant) {
        let mut silences = self.silences();
        let silence = silences.entry(address.to_owned()).or_insert(Silence {
            times: 0,
            last: since,
        });
        if silence.last <= since {
            *silence = Silence {
                times: silence.times.saturating_add(1),
                last: Instant::now(),
            };
        }
    }

    fn silences(&self) -> MutexGuard<'_, BTreeMap<String, Silence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The realm's centres, as seen from one logon.
pub(super) struct Kdcs<'a> {
    addresses: &'a [String],
    centres: &'a Centres,
    until: Instant,
    share: Share,
    /// The one that answered first: it is asked on.
    chosen: Option<&'a String>,
    /// Those that were not asked, since they are given up.
    passed_over: Vec<&'a String>,
    initial_requests: usize,
    proof_sent: bool,
    proven: bool,
}

/// The most centres that are tried.
const MOST: usize = 4;
const STEP: Duration = Duration::from_secs(4);
/// A ticket with a large PAC is some ten kilobytes.
const MOST_BYTES: usize = 256 << 10;
const AS_REQ: u8 = 0x6a;
const AS_REP: u8 = 0x6b;
const TGS_REP: u8 = 0x6d;

impl<'a> Kdcs<'a> {
    pub(super) fn new(
        (addresses, centres): (&'a [String], &'a Centres),
        until: Instant,
        share: Share,
    ) -> Self {
        Self {
            addresses,
            centres,
            until,
            share,
            chosen: None,
            passed_over: Vec::new(),
            initial_requests: 0,
            proof_sent: false,
            proven: false,
        }
    }

    /// Begins anew with the account, for another service.
    pub(super) fn begin(&mut self) {
        self.initial_requests = 0;
        self.proven = false;
    }

    /// That none of the realm's centres answers.
    pub(super) fn silent(&self) -> KerberosRefusal {
        let told = |address: &String| {
            if self.passed_over.contains(&address) {
                return format!(
                    "{address} (not asked, since it was silent {GIVEN_UP_AFTER} times)"
                );
            }
            address.clone()
        };
        let asked: Vec<String> = self.addresses.iter().take(MOST).map(told).collect();
        KerberosRefusal::NoKdc(match asked.as_slice() {
            [] => "none is known".to_owned(),
            asked => asked.join(", "),
        })
    }

    /// How Kerberos failed.
    pub(super) fn failed(&self, why: KerberosRefusal) -> KerberosFailure {
        KerberosFailure {
            why,
            secret_sent: self.proof_sent,
            proven: self.proven,
        }
    }

    /// Sends a message and returns the answer, both with their length before them.
    pub(super) async fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
        let is_initial = message.get(4) == Some(&AS_REQ);
        if is_initial {
            self.initial_requests += 1;
            // The first asks what is wanted; those after it carry a time sealed by the password.
            self.proof_sent |= self.initial_requests > 1;
        } else {
            // The library goes on to the service only once it has opened the answer to the proof
            // with the password's own key, which nobody can forge.
            self.proven |= self.proof_sent;
        }
        let Some(answer) = self.exchange(message).await else {
            return Err(self.failed(self.silent()));
        };
        let body = answer.get(4..).unwrap_or_default();
        let Some(error) = KrbError::parse(body) else {
            return self.take(answer, is_initial);
        };
        let is_first = is_initial && self.initial_requests == 1;
        if is_first && error.code == PREAUTH_REQUIRED {
            return Ok(answer);
        }
        let why = if is_initial {
            error.of_the_account()
        } else {
            error.of_the_service()
        };
        // Errors carry no seal: whoever is on the way can write one. None proves a password.
        Err(self.failed(why))
    }

    fn take(&mut self, answer: Vec<u8>, is_initial: bool) -> Result<Vec<u8>, KerberosFailure> {
        let kind = answer.get(4).copied();
        let is_due = match kind {
            Some(AS_REP) => is_initial && self.proof_sent,
            Some(TGS_REP) => !is_initial,
            _ => false,
        };
        if !is_due {
            let why = "the directory answers something that was not asked for";
            return Err(self.failed(KerberosRefusal::Other(why.to_owned())));
        }
        Ok(answer)
    }

    async fn exchange(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if let Some(chosen) = self.chosen {
            return self.talk_to(chosen, message).await;
        }
        for address in self.addresses.iter().take(MOST) {
            if self.centres.is_given_up(address) {
                self.passed_over.push(address);
                continue;
            }
            if let Some(answer) = self.talk_to(address, message).await {
                self.chosen = Some(address);
                return Some(answer);
            }
        }
        None
    }

    async fn talk_to(&self, address: &str, message: &[u8]) -> Option<Vec<u8>> {
        let share = &self.share;
        let (asked, began) = (Instant::now(), share.now());
        let until = self.until.min(began + STEP);
        let talk = talk(address, message, share);
        let answer = share.timeout_at(until, talk).await.ok().flatten();
        match &answer {
            Some(_) => self.centres.answered(address),
            // Who refuses at once holds nobody up.
            None if share.now() - began < STEP / 4 => {}
            None => self.centres.was_silent(address, asked),
        }
        answer
    }
}

async fn talk(address: &str, message: &[u8], share: &Share) -> Option<Vec<u8>> {
    share.pass(size::connection(false)).await;
    let tcp = TcpStream::connect(address).await.ok()?;
    let is_v6 = tcp.peer_addr().ok()?.is_ipv6();
    let mut tcp = share.meter(tcp, is_v6);
    tcp.write_all(message).await.ok()?;
    let mut length = [0; 4];
    tcp.read_exact(&mut length).await.ok()?;
    let size = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if !(1..=MOST_BYTES).contains(&size) {
        return None;
    }
    let mut answer = length.to_vec();
    let mut body = tcp.take(u64::try_from(size).ok()?);
    let read = body.read_to_end(&mut answer).await.ok()?;
    (read == size).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ResultCode;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    /// A centre that answers each connection with the next of these messages.
    async fn centre(answers: Vec<Vec<u8>>) -> (String, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut runs = JoinSet::new();
        runs.spawn(async move {
            for answer in answers {
                let (mut tcp, _) = listener.accept().await.unwrap();
                let mut head = [0; 5];
                tcp.read_exact(&mut head).await.unwrap();
                let length = u32::try_from(answer.len()).unwrap();
                tcp.write_all(&length.to_be_bytes()).await.unwrap();
                tcp.write_all(&answer).await.unwrap();
            }
        });
        (address, runs)
    }

    fn error(code: u8) -> Vec<u8> {
        vec![0x7e, 7, 0x30, 5, 0xa6, 3, 2, 1, code]
    }

    fn in_time() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    const INITIAL: &[u8] = &[0, 0, 0, 1, AS_REQ];
    const SERVICE: &[u8] = &[0, 0, 0, 1, 0x6c];

    #[tokio::test]
    async fn a_wrong_password_is_told_once_and_counts() {
        let (address, _runs) = centre(vec![error(25), error(24)]).await;
        let addresses = [address];
        let centres = Centres::default();
        let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
        assert!(kdcs.ask(INITIAL).await.is_ok());
        assert!(!kdcs.failed(kdcs.silent()).secret_sent);
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert_eq!(failure.why, KerberosRefusal::PreauthFailed);
        assert!(failure.secret_sent && !failure.proven);
    }

    #[tokio::test]
    async fn an_unknown_service_leaves_the_password_proven() {
        let (address, _runs) = centre(vec![error(25), vec![AS_REP, 0], error(7)]).await;
        let addresses = [address];
        let centres = Centres::default();
        let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
        kdcs.ask(INITIAL).await.unwrap();
        kdcs.ask(INITIAL).await.unwrap();
        let failure = kdcs.ask(SERVICE).await.unwrap_err();
        assert_eq!(failure.why, KerberosRefusal::NoSpn);
        assert!(failure.secret_sent && failure.proven);
    }

    #[tokio::test]
    async fn what_anyone_can_write_proves_no_password() {
        // An answer that nobody has opened yet, and an error that carries no seal.
        for forged in [vec![AS_REP, 0], error(37)] {
            let (address, _runs) = centre(vec![error(25), forged]).await;
            let addresses = [address];
            let centres = Centres::default();
            let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
            kdcs.ask(INITIAL).await.unwrap();
            let _ = kdcs.ask(INITIAL).await;
            let failure = kdcs.failed(KerberosRefusal::Skew);
            assert!(failure.secret_sent && !failure.proven);
        }
    }

    #[tokio::test]
    async fn a_dead_centre_is_passed_over_before_anything_is_proven() {
        let (address, _runs) = centre(vec![error(25)]).await;
        let addresses = ["127.0.0.1:1".to_owned(), address];
        let centres = Centres::default();
        let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
        assert!(kdcs.ask(INITIAL).await.is_ok());
        // The second one is gone by now, and no other may hear the proof.
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert_eq!(failure.why, kdcs.silent());
        assert!(failure.secret_sent && !failure.proven);
        let told = failure.why.to_string();
        assert!(told.contains("127.0.0.1:1, 127.0.0.1:"), "{told}");
    }

    /// A centre that accepts and says nothing, or one byte a second; and how often it was asked.
    async fn slow(drips: bool) -> (String, Arc<AtomicUsize>, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, mut runs) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let count = Arc::clone(&asked);
        runs.spawn(async move {
            let mut held = JoinSet::new();
            while let Ok((mut tcp, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                held.spawn(async move {
                    while drips && tcp.write_all(&[0]).await.is_ok() {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    tcp.read_to_end(&mut Vec::new()).await.ok();
                });
            }
        });
        (address, asked, runs)
    }

    async fn refused(addresses: &[String], centres: &Centres) -> KerberosFailure {
        let mut kdcs = Kdcs::new((addresses, centres), in_time(), Share::default());
        kdcs.ask(INITIAL).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_centre_that_accepts_and_does_not_speak_is_given_up_for_a_while() {
        for drips in [false, true] {
            let (address, asked, _runs) = slow(drips).await;
            let (addresses, centres) = ([address], Centres::default());
            let count = || asked.load(Ordering::Relaxed);
            for _ in 0..20 {
                let failure = refused(&addresses, &centres).await;
                assert_eq!(failure.why.code(), ResultCode::Timeout);
                assert!(!failure.secret_sent);
            }
            assert!(count() <= 3, "asked {} times", count());
            let told = refused(&addresses, &centres).await.why.to_string();
            assert!(
                told.ends_with("(not asked, since it was silent 3 times)"),
                "{told}"
            );

            // It may have come back by then; if not, one host waits for all.
            tokio::time::sleep(GIVEN_UP_FOR).await;
            let before = count();
            for _ in 0..20 {
                refused(&addresses, &centres).await;
            }
            assert!(count() - before <= 1, "asked {} times", count() - before);
            centres.forget();
            let told = refused(&addresses, &centres).await.why.to_string();
            assert!(!told.contains("not asked"), "{told}");
        }
    }

    #[test]
    fn hosts_that_wait_together_are_one_time_and_an_answer_ends_the_silence() {
        let (centres, began) = (Centres::default(), Instant::now());
        for _ in 0..4 {
            centres.was_silent("dc1:88", began);
        }
        assert!(!centres.is_given_up("dc1:88"));
        for _ in 0..2 {
            centres.was_silent("dc1:88", Instant::now());
        }
        assert!(centres.is_given_up("dc1:88") && !centres.is_given_up("dc2:88"));
        centres.answered("dc1:88");
        assert!(!centres.is_given_up("dc1:88"));
    }

    #[tokio::test]
    async fn an_answer_out_of_turn_or_too_long_is_none() {
        let (address, _runs) = centre(vec![vec![AS_REP, 0]]).await;
        let addresses = [address];
        let centres = Centres::default();
        let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert!(matches!(failure.why, KerberosRefusal::Other(_)));
        assert!(!failure.secret_sent && !failure.proven);
        let (address, _runs) = centre(vec![vec![0x7e; MOST_BYTES + 1]]).await;
        let addresses = [address];
        let centres = Centres::default();
        let mut kdcs = Kdcs::new((&addresses, &centres), in_time(), Share::default());
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert_eq!(failure.why, kdcs.silent());
    }
}
