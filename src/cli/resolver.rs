//! Names of targets, as this machine's resolver has them: waited for, but not for ever.

use super::hints;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The addresses of a name, sorted; or why there are none.
pub(super) fn look_up(name: &str) -> Result<Vec<IpAddr>, String> {
    static OWN: Resolver = Resolver::new(Duration::from_secs(15));
    let asked = name.to_owned();
    OWN.ask(move || {
        let found = (asked.as_str(), 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// After so many lookups in a row that came to no end, nobody is asked any more: a list of a thousand names would
/// take hours to say so.
const GIVEN_UP_AFTER: u32 = 3;

struct Resolver {
    patience: Duration,
    unanswered: AtomicU32,
}

impl Resolver {
    const fn new(patience: Duration) -> Self {
        let unanswered = AtomicU32::new(0);
        Self {
            patience,
            unanswered,
        }
    }

    /// Looks up on a thread of its own, since a lookup cannot be stopped: one that hangs ends with the program.
    fn ask(
        &self,
        lookup: impl FnOnce() -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> Result<Vec<IpAddr>, String> {
        if self.unanswered.load(Ordering::Relaxed) >= GIVEN_UP_AFTER {
            return Err("not asked, since the resolver does not answer".to_owned());
        }
        let (say, heard) = channel();
        let asking = thread::Builder::new().name("resolver".to_owned());
        let asking = asking.spawn(move || say.send(lookup()));
        asking.map_err(|error| hints::chain(&error))?;
        let began = Instant::now();
        match heard.recv_timeout(self.patience) {
            Ok(found) => {
                // The system's own patience may be shorter than ours.
                if found.is_err() && began.elapsed() > self.patience / 4 {
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                } else {
                    self.unanswered.store(0, Ordering::Relaxed);
                }
                let mut addresses = found.map_err(|error| hints::chain(&error))?;
                addresses.sort_unstable();
                addresses.dedup();
                Ok(addresses)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                let seconds = self.patience.as_secs();
                Err(format!(
                    "the resolver did not answer within {seconds} seconds"
                ))
            }
            Err(RecvTimeoutError::Disconnected) => Err("the resolver broke off".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> io::Result<Vec<IpAddr>> {
        panic!("it was asked")
    }

    #[test]
    fn a_resolver_that_hangs_is_waited_for_a_few_times_and_then_no_more() {
        let resolver = Resolver::new(Duration::from_millis(20));
        let (wait, hang) = channel::<()>();
        let hang = std::sync::Arc::new(std::sync::Mutex::new(hang));
        for _ in 0..GIVEN_UP_AFTER {
            let hang = std::sync::Arc::clone(&hang);
            let asked = resolver.ask(move || {
                let _ = hang.lock().map(|hang| hang.recv());
                Ok(Vec::new())
            });
            assert!(asked.unwrap_err().contains("did not answer"));
        }
        assert!(resolver.ask(never).unwrap_err().contains("not asked"));
        // And so is one whose servers are silent.
        let resolver = Resolver::new(Duration::from_secs(2));
        for _ in 0..GIVEN_UP_AFTER {
            let asked = resolver.ask(|| {
                thread::sleep(Duration::from_millis(600));
                Err(io::Error::other("temporary failure"))
            });
            assert_eq!(asked.unwrap_err(), "temporary failure");
        }
        assert!(resolver.ask(never).unwrap_err().contains("not asked"));
        drop(wait);
    }

    #[test]
    fn answers_are_sorted_and_refusals_are_told() {
        let resolver = Resolver::new(Duration::from_mins(1));
        let addresses = [[192, 0, 2, 9], [192, 0, 2, 1], [192, 0, 2, 9]].map(IpAddr::from);
        let found = resolver.ask(move || Ok(addresses.to_vec())).unwrap();
        assert_eq!(found, [[192, 0, 2, 1], [192, 0, 2, 9]].map(IpAddr::from));
        let refused = resolver.ask(|| Err(io::Error::other("no such name")));
        assert_eq!(refused.unwrap_err(), "no such name");
        let broken = resolver.ask(|| panic!("a library's unwrap"));
        assert_eq!(broken.unwrap_err(), "the resolver broke off");
    }
}
