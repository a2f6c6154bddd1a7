//! What a large sweep costs before a packet is sent: a plan of 10.0.0.0/8 on 8 ports, walked by a prober that
//! answers from a table. States time a probe and the most memory that this process has held, against the
//! limit of 150 MB.
//!
//!     cargo bench --bench sweep

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and may stop at what it did not expect"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use underdesk::sweep::{
    AddressSpace, Answer, Probe, ProbeKind, SimulatedSweeper, SweepEvent, SweepPlan, Sweeper as _,
};

/// All of 10.0.0.0/8, without a list.
struct Ten;

impl AddressSpace for Ten {
    fn len(&self) -> u64 {
        1 << 24
    }

    fn nth(&self, index: u64) -> Option<IpAddr> {
        let index = u32::try_from(index).ok().filter(|index| *index < 1 << 24)?;
        Some(Ipv4Addr::from(0x0a00_0000 | index).into())
    }

    fn index_of(&self, address: IpAddr) -> Option<u64> {
        match address {
            IpAddr::V4(address) if address.octets()[0] == 10 => {
                Some(u64::from(u32::from(address) & 0x00ff_ffff))
            }
            _ => None,
        }
    }
}

const PORTS: [u16; 8] = [22, 80, 135, 443, 445, 3389, 5985, 5986];

fn main() {
    // Every 500th address lives.
    let live = (0..1_u32 << 24).step_by(500).map(|index| {
        let address = Ipv4Addr::from(0x0a00_0000 | index).into();
        let kind = ProbeKind::Tcp(445);
        (Probe { address, kind }, Answer::Open)
    });
    let sweeper = SimulatedSweeper::new(live);
    let plan = SweepPlan::new(Arc::new(Ten), PORTS.to_vec(), 7).expect("a plan");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build().expect("a runtime");
    let before = peak();
    let began = Instant::now();
    let (found, mark) = runtime.block_on(async {
        let (out, mut events) = mpsc::channel(1_024);
        let sweep = sweeper.sweep(&plan, 0, out, CancellationToken::new());
        let read = async {
            let mut found = 0_u64;
            while let Some(event) = events.recv().await {
                found += u64::from(matches!(event, SweepEvent::Sighting(_)));
            }
            found
        };
        let (end, found) = tokio::join!(sweep, read);
        (found, end.mark)
    });
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(mark, plan.len());
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let each = seconds * 1e9 / mark as f64;
    println!("{mark} probes, {found} answers: {seconds:.1} s, {each:.0} ns a probe");
    println!(
        "peak memory {} kB, {before} kB of it the table of answers; limit 150000 kB",
        peak()
    );
}

/// The most memory that this process has held, in kB (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
