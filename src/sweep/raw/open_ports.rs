//! Which ports are open on hosts that refuse, and on hosts that keep silent: where hardly any host like it
//! has a port open, asking it once more finds nothing that counts. Pure.

use super::super::ProbeKind;
use std::collections::HashMap;

/// How many hosts have a port open, by whether they refuse what is closed.
#[derive(Debug, Default)]
pub(super) struct OpenPorts {
    counts: HashMap<(u16, bool), u32>,
    all: u32,
}

/// What share of all open ports may be missed, over all ports.
const MISSED: f64 = 0.0005;

impl OpenPorts {
    /// A port was found open.
    pub(super) fn found(&mut self, kind: ProbeKind, refuses: bool) {
        if let Some(port) = kind.port() {
            *self.counts.entry((port, refuses)).or_default() += 1;
            self.all += 1;
        }
    }

    /// Whether a probe that was silent so often is worth another try, where such a share gets lost.
    pub(super) fn is_worth_it(
        &self,
        kind: ProbeKind,
        refuses: bool,
        (tries, ports): (u8, usize),
        lost: f64,
    ) -> bool {
        let Some(port) = kind.port() else {
            return false;
        };
        // Who refuses what is closed is silent only where something was lost.
        if refuses {
            return true;
        }
        let found = self.counts.get(&(port, refuses)).copied().unwrap_or(0);
        // One more than was found may be there.
        let missed = (f64::from(found) + 1.0) * lost.powi(tries.into());
        let ports = f64::from(u32::try_from(ports.max(1)).unwrap_or(u32::MAX));
        missed > MISSED / ports * f64::from(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_hardly_ever_open_is_not_asked_a_third_time() {
        let mut open = OpenPorts::default();
        let (rare, common) = (ProbeKind::Tcp(80), ProbeKind::Tcp(445));
        for _ in 0..1_000 {
            open.found(common, false);
        }
        open.found(rare, false);
        assert!(open.is_worth_it(rare, false, (1, 8), 0.04));
        assert!(!open.is_worth_it(rare, false, (2, 8), 0.04));
        assert!(open.is_worth_it(common, false, (2, 8), 0.04));
        assert!(open.is_worth_it(rare, true, (2, 8), 0.04));
        assert!(!open.is_worth_it(ProbeKind::Echo, true, (1, 8), 0.04));
    }

    #[test]
    fn before_anything_is_known_everything_is_worth_it() {
        assert!(OpenPorts::default().is_worth_it(ProbeKind::Tcp(80), false, (3, 8), 0.001));
    }
}
