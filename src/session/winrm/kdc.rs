//! Talking to key distribution centres (RFC 4120 section 7.2.2): TCP, four bytes of length before
//! each message. What they answer is looked at before the library sees it, so that a password is
//! never proven twice.

use super::krb_error::{KrbError, PREAUTH_REQUIRED};
use crate::session::{KerberosFailure, KerberosRefusal};
use crate::traffic::{Share, size};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// At most so many hosts' tickets are fetched at a time: a thousand hosts share one directory.
pub(super) static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// The realm's centres, as seen from one logon.
pub(super) struct Kdcs<'a> {
    addresses: &'a [String],
    until: Instant,
    share: Share,
    /// The one that answered first: it is asked on.
    chosen: Option<&'a String>,
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
    pub(super) fn new(addresses: &'a [String], until: Instant, share: Share) -> Self {
        Self {
            addresses,
            until,
            share,
            chosen: None,
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
        let asked: Vec<&str> = self
            .addresses
            .iter()
            .take(MOST)
            .map(String::as_str)
            .collect();
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
            if let Some(answer) = self.talk_to(address, message).await {
                self.chosen = Some(address);
                return Some(answer);
            }
        }
        None
    }

    async fn talk_to(&self, address: &str, message: &[u8]) -> Option<Vec<u8>> {
        let share = &self.share;
        let until = self.until.min(share.now() + STEP);
        let talk = talk(address, message, share);
        share.timeout_at(until, talk).await.ok()?
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
    if size > MOST_BYTES {
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
        let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
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
        let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
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
            let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
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
        let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
        assert!(kdcs.ask(INITIAL).await.is_ok());
        // The second one is gone by now, and no other may hear the proof.
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert_eq!(failure.why, kdcs.silent());
        assert!(failure.secret_sent && !failure.proven);
        let told = failure.why.to_string();
        assert!(told.contains("127.0.0.1:1, 127.0.0.1:"), "{told}");
    }

    #[tokio::test]
    async fn an_answer_out_of_turn_or_too_long_is_none() {
        let (address, _runs) = centre(vec![vec![AS_REP, 0]]).await;
        let addresses = [address];
        let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert!(matches!(failure.why, KerberosRefusal::Other(_)));
        assert!(!failure.secret_sent && !failure.proven);
        let (address, _runs) = centre(vec![vec![0x7e; MOST_BYTES + 1]]).await;
        let addresses = [address];
        let mut kdcs = Kdcs::new(&addresses, in_time(), Share::default());
        let failure = kdcs.ask(INITIAL).await.unwrap_err();
        assert_eq!(failure.why, kdcs.silent());
    }
}
