//! What `fuzz/` reaches of what is private: only there when fuzzing.

use super::ssh::{self, greet};
use super::winrm::{self, answered};
use super::{Answers, Limits, QuestionSet, pam};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy, duplex, sink};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};

/// Asks a set of questions of a WinRM service that gives these answers in order, whatever it is asked, and then
/// none: status and body. The body's `RELATES` becomes the message that it answers.
pub fn ask_over_winrm(set: &QuestionSet, answers: Vec<(u16, Vec<u8>)>) -> Option<Answers> {
    runtime()?.block_on(async {
        let mut session = answered(answers);
        let asked = session.ask(set, &Limits::default()).await;
        session.close().await;
        asked.ok()
    })
}

/// Reads the same bytes as everything that a peer says before anybody is logged in.
pub fn hear(bytes: &[u8]) {
    winrm::hear(bytes);
    let _ = pam::read(&String::from_utf8_lossy(bytes));
    if let Some(runtime) = runtime() {
        runtime.block_on(greet(bytes));
    }
}

/// Hears a peer out that says these bytes, whatever he is told, and hangs up: as a server of SSH; and as a WinRM service
/// that is asked one thing after the other, 0xff being where its answers end.
pub fn hear_out(bytes: &[u8]) {
    let Some(runtime) = runtime() else { return };
    runtime.block_on(async {
        let (stream, _peer) = server(bytes);
        ssh::hear_out(stream).await;
        let (stream, _peer) = service(bytes);
        winrm::hear_out(stream).await;
    });
}

/// A connection to a peer who speaks first.
fn server(bytes: &[u8]) -> (DuplexStream, JoinSet<()>) {
    let (ours, mut theirs) = duplex(64 << 10);
    let (bytes, mut peer) = (bytes.to_vec(), JoinSet::new());
    peer.spawn(async move {
        theirs.write_all(&bytes).await.ok();
        hang_up(theirs).await;
    });
    (ours, peer)
}

/// A connection to a peer who speaks when he has heard something, or nobody will say anything.
fn service(bytes: &[u8]) -> (DuplexStream, JoinSet<()>) {
    let (ours, mut theirs) = duplex(64 << 10);
    let answers = bytes.split(|byte| *byte == 0xff).map(<[u8]>::to_vec);
    let (answers, mut peer) = (answers.collect::<Vec<_>>(), JoinSet::new());
    peer.spawn(async move {
        for answer in answers {
            let mut asked = [0; 4096];
            tokio::select! {
                biased;
                count = theirs.read(&mut asked) => if count.unwrap_or(0) == 0 {
                    return;
                },
                () = until_all_wait() => {}
            }
            theirs.write_all(&answer).await.ok();
        }
        hang_up(theirs).await;
    });
    (ours, peer)
}

/// Nobody else has anything to do.
async fn until_all_wait() {
    for _ in 0..64 {
        yield_now().await;
    }
}

async fn hang_up(mut theirs: DuplexStream) {
    theirs.shutdown().await.ok();
    copy(&mut theirs, &mut sink()).await.ok();
}

fn runtime() -> Option<Runtime> {
    Builder::new_current_thread().enable_time().build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSH: &[u8] = include_bytes!("../../fuzz/seeds/sessions/ssh");
    const WINRM: &[u8] = include_bytes!("../../fuzz/seeds/sessions/winrm");

    #[test]
    fn a_peer_that_breaks_off_or_errs_at_any_byte_is_heard_out() {
        for words in [SSH, WINRM] {
            for at in (0..words.len()).step_by(7) {
                hear_out(&words[..at]);
                let mut turned = words.to_vec();
                turned[at] ^= 0xff;
                hear_out(&turned);
            }
            hear_out(words);
        }
    }

    #[test]
    fn the_seeds_lead_into_a_session() {
        let runtime = runtime().unwrap();
        let answers = runtime.block_on(async {
            let (stream, _peer) = service(WINRM);
            winrm::hear_out(stream).await
        });
        assert_eq!(answers, 3);
        // It has shown a key, and no signature that is right.
        let key = runtime.block_on(async {
            let (stream, _peer) = server(SSH);
            ssh::hear_out(stream).await
        });
        assert_eq!(key, None);
    }
}
