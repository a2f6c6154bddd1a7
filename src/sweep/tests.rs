//! The sweep against this machine's own loopback.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::time::Instant;

type Seen = BTreeMap<(IpAddr, u16), Sighting>;

fn ip(third: u8, last: u8) -> IpAddr {
    Ipv4Addr::new(127, 93, third, last).into()
}

/// Listeners on one port of some addresses, and the port.
fn listeners(addresses: &[IpAddr]) -> (Vec<TcpListener>, u16) {
    'port: for port in 21_000..22_000 {
        let mut open = Vec::new();
        for address in addresses {
            let Ok(listener) = TcpListener::bind((*address, port)) else {
                continue 'port;
            };
            open.push(listener);
        }
        return (open, port);
    }
    panic!("no free port")
}

fn plan(addresses: Vec<IpAddr>, ports: &[u16]) -> SweepPlan {
    SweepPlan::new(Arc::new(AddressList::new(addresses)), ports.to_vec(), 42).unwrap()
}

/// Runs a sweep to its end, and holds its events against their contract.
async fn swept(sweeper: TcpSweeper, plan: &SweepPlan, from: u64) -> (Seen, SweepEnd) {
    let (out, mut events) = mpsc::channel(16);
    let sweep = sweeper.sweep(plan, from, out, CancellationToken::new());
    let read = async {
        let (mut seen, mut mark) = (Seen::new(), from);
        while let Some(event) = events.recv().await {
            match event {
                SweepEvent::Sighting(sighting) => {
                    assert!(sighting.index >= mark, "a sighting below the mark");
                    let probe = Probe {
                        address: sighting.address,
                        kind: sighting.probe,
                    };
                    assert_eq!(plan.probe(sighting.index), Some(probe));
                    assert!(
                        seen.insert((probe.address, probe.kind.port().unwrap()), sighting)
                            .is_none()
                    );
                }
                SweepEvent::Passed(passed) => {
                    assert!(passed > mark);
                    mark = passed;
                }
                SweepEvent::Settled(_) | SweepEvent::Notice(_) => {}
            }
        }
        (seen, mark)
    };
    let (end, (seen, mark)) = tokio::join!(sweep, read);
    assert_eq!(mark, end.mark);
    (seen, end)
}

fn answers(seen: &Seen, answer: Answer) -> BTreeSet<(IpAddr, u16)> {
    let same = seen
        .iter()
        .filter(|(_, sighting)| sighting.answer == answer);
    same.map(|(key, _)| *key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_and_closed_are_told_apart_and_a_subnet_takes_seconds() {
    let addresses: Vec<IpAddr> = (1..=254).map(|last| ip(1, last)).collect();
    let (_open, port) = listeners(&[ip(1, 10), ip(1, 11)]);
    let ports: Vec<u16> = (port..port + 8).collect();
    let plan = plan(addresses, &ports);
    let begun = Instant::now();
    let (seen, end) = swept(TcpSweeper::new(Profile::NORMAL), &plan, 0).await;
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((end.reason, end.mark), (EndReason::Complete, 254 * 8));
    assert_eq!(seen.len(), 254 * 8);
    let expected = BTreeSet::from([(ip(1, 10), port), (ip(1, 11), port)]);
    assert_eq!(answers(&seen, Answer::Open), expected);
    assert_eq!(answers(&seen, Answer::Closed).len(), 254 * 8 - 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_sockets_lose_no_open_port() {
    let addresses: Vec<IpAddr> = (1..=60).map(|last| ip(2, last)).collect();
    let (_open, port) = listeners(&addresses);
    let plan = plan(addresses, &[port]);
    let sweeper = TcpSweeper::new(Profile::NORMAL).with_max_sockets(1);
    let (seen, end) = swept(sweeper, &plan, 0).await;
    assert_eq!(answers(&seen, Answer::Open).len(), 60);
    assert_eq!(end.reason, EndReason::Complete);
}

/// A listener whose queue is full drops what comes: silence, on loopback.
fn silent_listener(address: IpAddr) -> (socket2::Socket, Vec<std::net::TcpStream>, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(address, 0).into()).unwrap();
    socket.listen(0).unwrap();
    let to = socket.local_addr().unwrap().as_socket().unwrap();
    let wait = Duration::from_millis(100);
    let queued = (0..4).filter_map(|_| std::net::TcpStream::connect_timeout(&to, wait).ok());
    let queued = queued.collect();
    (socket, queued, to.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_tried_again_later_and_reported_by_the_mark_only() {
    let (_socket, _queued, port) = silent_listener(ip(3, 1));
    let plan = plan(vec![ip(3, 1)], &[port]);
    let profile = Profile {
        timeout: Duration::from_millis(200),
        ..Profile::NORMAL
    };
    let begun = Instant::now();
    let (seen, end) = swept(TcpSweeper::new(profile), &plan, 0).await;
    assert!(seen.is_empty());
    assert_eq!(
        (end.reason, end.mark, end.tries),
        (EndReason::Complete, 1, 2)
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

/// A machine that answers at many addresses accepts slowly, and drops what does not fit in its queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwhelmed_peer_is_waited_for() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // Every address of loopback, and no other.
    socket.bind_device(Some(b"lo")).unwrap();
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    socket.bind(&everywhere.into()).unwrap();
    socket.listen(8).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let listener = TcpListener::from(socket);
    std::thread::spawn(move || {
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(30));
            drop(listener.accept());
        }
    });
    let addresses: Vec<IpAddr> = (1..=60).map(|last| ip(9, last)).collect();
    let plan = plan(addresses, &[port]);
    let (seen, _) = swept(TcpSweeper::new(Profile::NORMAL), &plan, 0).await;
    assert_eq!(answers(&seen, Answer::Open).len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_host_does_not_hold_up_the_others() {
    let (_socket, _queued, port) = silent_listener(ip(4, 1));
    let plan = plan((1..=100).map(|last| ip(4, last)).collect(), &[port]);
    let (out, mut events) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let profile = Profile {
        timeout: Duration::from_secs(20),
        ..Profile::NORMAL
    };
    let sweeper = TcpSweeper::new(profile);
    let sweep = sweeper.sweep(&plan, 0, out, stop.clone());
    let read = async {
        let mut seen = 0;
        while let Some(event) = events.recv().await {
            seen += usize::from(matches!(event, SweepEvent::Sighting(_)));
            if seen == 99 {
                stop.cancel();
            }
        }
        seen
    };
    let begun = Instant::now();
    let (end, seen) = tokio::join!(sweep, read);
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((end.reason, seen), (EndReason::Stopped, 99));
    let silent = (0..100).find(|at| plan.probe(*at).unwrap().address == ip(4, 1));
    assert_eq!(Some(end.mark), silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sweep_resumed_at_its_mark_misses_nothing() {
    let addresses: Vec<IpAddr> = (1..=100).map(|last| ip(5, last)).collect();
    let (_open, port) = listeners(&addresses);
    let plan = plan(addresses, &[port, port + 1]);
    let sweeper = TcpSweeper::new(Profile {
        host_rate: 1_000,
        ..Profile::NORMAL
    });
    for stop_after in [0, 1, 50, 150] {
        let (out, mut events) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let (mut seen, mut mark) = (BTreeSet::new(), 0);
        let sweep = sweeper.sweep(&plan, 0, out, stop.clone());
        let read = async {
            while let Some(event) = events.recv().await {
                match event {
                    SweepEvent::Sighting(sighting) => drop(seen.insert(sighting.index)),
                    SweepEvent::Passed(passed) => mark = passed,
                    SweepEvent::Settled(_) | SweepEvent::Notice(_) => {}
                }
                if seen.len() > stop_after {
                    stop.cancel();
                    break;
                }
            }
        };
        let (end, ()) = tokio::join!(sweep, read);
        // Everything was answered, so below the mark that was read nothing may be missing.
        assert!(mark <= end.mark && (0..mark).all(|at| seen.contains(&at)));
        let (rest, end) = swept(sweeper.clone(), &plan, mark).await;
        seen.extend(rest.values().map(|sighting| sighting.index));
        assert_eq!((seen.len(), end.mark), (200, 200));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_asked_slowly_and_the_run_keeps_its_rate() {
    let alone = plan(vec![ip(6, 1)], &[21_101, 21_102, 21_103, 21_104, 21_105]);
    let begun = Instant::now();
    swept(TcpSweeper::new(Profile::NORMAL), &alone, 0).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );

    let many = plan((1..=100).map(|last| ip(6, last)).collect(), &[21_101]);
    let begun = Instant::now();
    let profile = Profile {
        rate: 200,
        ..Profile::NORMAL
    };
    swept(TcpSweeper::new(profile), &many, 0).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(440),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn nobody_listening_ends_the_sweep() {
    let plan = plan((1..=254).map(|last| ip(7, last)).collect(), &[21_101]);
    let (out, events) = mpsc::channel(1);
    drop(events);
    let end = TcpSweeper::new(Profile::NORMAL)
        .sweep(&plan, 0, out, CancellationToken::new())
        .await;
    assert_eq!((end.reason, end.mark), (EndReason::Stopped, 0));
}

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_neither_closed_nor_silent() {
    // A link-local address without an interface leads nowhere.
    let plan = plan(vec!["fe80::1".parse().unwrap()], &[22]);
    let (seen, end) = swept(TcpSweeper::new(Profile::NORMAL), &plan, 0).await;
    assert_eq!(answers(&seen, Answer::Unreachable).len(), 1);
    assert_eq!(end.reason, EndReason::Complete);
}

#[test]
fn a_machine_without_descriptors_loses_no_open_port() {
    // The limit is the whole process's, so the test runs in one of its own.
    let name = "sweep::tests::alone_with_few_descriptors";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--test-threads=1"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
#[ignore = "run by a_machine_without_descriptors_loses_no_open_port"]
fn alone_with_few_descriptors() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if !std::env::args().any(|argument| argument == "--exact") {
        return;
    }
    let few = Rlimit {
        current: Some(96),
        maximum: Some(96),
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let addresses: Vec<IpAddr> = (1..=30).map(|last| ip(8, last)).collect();
    let (_open, port) = listeners(&addresses);
    let plan = plan(addresses, &[port]);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    // Somebody else takes every descriptor there is, and gives them back after a while.
    let taken: Vec<std::fs::File> =
        std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    assert!(taken.len() > 20);
    let give_back = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(taken);
    };
    let sweep = swept(TcpSweeper::new(Profile::NORMAL), &plan, 0);
    let ((seen, end), ()) = runtime.block_on(async { tokio::join!(sweep, give_back) });
    assert_eq!(answers(&seen, Answer::Open).len(), 30);
    assert_eq!(end.reason, EndReason::Complete);
    assert!(end.requeued > 0);
    assert!(seen.values().all(|sighting| sighting.tries == 1));
}
