//! What a new catalogue says of a stored run that the run's own verdicts did not say. Nothing is kept.
//!
//! A machine is in memory at a time, and of each distinct inventory the numbers of its open verdicts; each
//! verdict is there once, however many machines have it.

use super::{Beliefs, RunError, RunSource, judge};
use crate::classify::{Annotations, Exceptions, MachineFacts, Measures, Subject, decide};
use crate::matching::Knowledge;
use crate::model::{
    BulletinId, Date, Finding, FindingState, Inventory, MachineId, MachineRecord, RunSummary,
    Severity,
};
use crate::report::ReportSource as _;
use crate::store::{Digest, Store};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// What is new for the machines of a run.
#[derive(Clone, Debug)]
pub struct News {
    /// The run whose machines were judged again.
    pub run: RunSummary,
    /// How many of its machines had been read.
    pub read: usize,
    /// Bulletins that are open on machines where the run did not report them, the worst first.
    pub hits: Vec<Hit>,
    /// Bulletins that the run reported, and that are known to be exploited now; the worst first.
    pub exploited: Vec<Hit>,
    /// Bulletins that the run reported without a fix, and that have one now; the worst first.
    pub fixed: Vec<Hit>,
    /// How many findings of these kinds are left out, because an exception holds for them.
    pub excepted: usize,
    /// The machines that these are about.
    pub machines: Vec<HitMachine>,
}

/// A bulletin, and whom it hits.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The verdict, on that of the machines which lacks most by it.
    pub finding: Arc<Finding>,
    /// The worst severity that the policy gives it on any of them.
    pub my_severity: Option<Severity>,
    /// The places of the machines in [`News::machines`], ascending.
    pub machines: Vec<usize>,
}

/// A machine that something hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitMachine {
    /// Its id.
    pub id: MachineId,
    /// Its name, in lower case; its address where nobody calls it anything.
    pub hostname: String,
    /// Its first address.
    pub ip: Option<IpAddr>,
    /// Who answers for it; empty where nobody says.
    pub owner: String,
}

impl News {
    /// How many machines new bulletins hit.
    pub fn hit_machines(&self) -> usize {
        let mut hit: Vec<usize> = self
            .hits
            .iter()
            .flat_map(|hit| &hit.machines)
            .copied()
            .collect();
        hit.sort_unstable();
        hit.dedup();
        hit.len()
    }
}

/// Judges what a run read by the catalogue as of a day, and tells what its own verdicts do not say. The run should
/// have been compared with the operator's beliefs, so that machines are put together as in its files. Blocks.
///
/// # Errors
/// The store or the catalogue cannot be read.
pub fn news(
    store: &Store,
    source: &RunSource,
    (knowledge, today): (&Knowledge, Date),
    beliefs: &Beliefs,
) -> Result<News, RunError> {
    let site = &source.run().site;
    let mut desk = Desk {
        knowledge,
        today,
        measures: &beliefs.policy.measures,
        exceptions: Exceptions::new(store.exceptions(site).wait()?, today),
        annotations: Annotations::new(store.annotations(site).wait()?),
        digests: digests(store, source)?,
        verdicts: Verdicts::default(),
        judged: HashMap::new(),
        read: 0,
        hits: Heap::new(),
        exploited: Heap::new(),
        fixed: Heap::new(),
        excepted: 0,
        machines: Vec::new(),
    };
    let mut failed = None;
    let walk = source.machines(&mut |machine| {
        desk.visit(machine).map_err(|error| {
            failed = Some(error);
            io::Error::other("no verdict")
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    walk.map_err(RunError::Read)?;
    Ok(News {
        run: source.run().clone(),
        read: desk.read,
        hits: sorted(desk.hits),
        exploited: sorted(desk.exploited),
        fixed: sorted(desk.fixed),
        excepted: desk.excepted,
        machines: desk.machines,
    })
}

/// The inventory that was read at each address.
fn digests(store: &Store, source: &RunSource) -> Result<HashMap<IpAddr, Digest>, RunError> {
    let all = store.inventories(&source.run().id).wait()?;
    let pairs = all.into_iter().flat_map(|one| {
        let digest = one.digest;
        one.addresses.into_iter().map(move |at| (at, digest))
    });
    Ok(pairs.collect())
}

/// Hits by product and bulletin.
type Heap = BTreeMap<(String, BulletinId), Hit>;

struct Desk<'a> {
    knowledge: &'a Knowledge,
    today: Date,
    measures: &'a Measures,
    exceptions: Exceptions,
    annotations: Annotations,
    digests: HashMap<IpAddr, Digest>,
    verdicts: Verdicts,
    /// The open verdicts of each distinct inventory.
    judged: HashMap<Digest, Arc<[usize]>>,
    read: usize,
    hits: Heap,
    exploited: Heap,
    fixed: Heap,
    excepted: usize,
    machines: Vec<HitMachine>,
}

impl Desk<'_> {
    fn visit(&mut self, machine: &MachineRecord) -> Result<(), RunError> {
        let Some(inventory) = machine.inventory.as_deref() else {
            return Ok(());
        };
        self.read += 1;
        let now = self.judge(machine, inventory)?;
        let before: HashMap<(&str, &BulletinId), &Finding> = machine
            .findings
            .iter()
            .map(|one| ((one.product.as_str(), &one.bulletin), one))
            .collect();
        let facts = MachineFacts::of(machine);
        let mut place = None;
        for number in now.iter() {
            let Some(finding) = self.verdicts.all.get(*number).map(Arc::clone) else {
                continue;
            };
            let was = before
                .get(&(finding.product.as_str(), &finding.bulletin))
                .copied();
            let heap = match was.filter(|was| is_open(was)) {
                None => Some(&mut self.hits),
                Some(was) if has_fix_now(was, &finding) => Some(&mut self.fixed),
                Some(_) => None,
            };
            let news = was.is_some_and(|was| is_open(was) && is_exploited_now(was, &finding));
            let exploited = news.then_some(&mut self.exploited);
            if heap.is_none() && exploited.is_none() {
                continue;
            }
            if self.exceptions.holding(&finding, &facts).is_some() {
                self.excepted += 1;
                continue;
            }
            let place = *place.get_or_insert_with(|| {
                self.machines.push(hit_machine(machine, &facts));
                self.machines.len() - 1
            });
            let written = self.annotations.of(&finding, &facts);
            let subject = Subject::new(&finding, &facts, self.today).with(written);
            let severity = decide(self.measures, &subject, self.today).my_severity;
            for heap in heap.into_iter().chain(exploited) {
                note(heap, &finding, severity, place);
            }
        }
        Ok(())
    }

    /// The numbers of the open verdicts on a machine: computed once for machines that read alike.
    fn judge(
        &mut self,
        machine: &MachineRecord,
        inventory: &Inventory,
    ) -> Result<Arc<[usize]>, RunError> {
        let own = machine.addresses.iter();
        let mut own: Vec<Digest> = own.filter_map(|at| self.digests.get(at).copied()).collect();
        own.sort_unstable();
        own.dedup();
        // Where addresses of one machine were read apart, it is not known which of the readings this is.
        let digest = match own.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        if let Some(judged) = digest.and_then(|digest| self.judged.get(&digest)) {
            return Ok(Arc::clone(judged));
        }
        let matched = judge::of(self.knowledge, inventory, self.today)?;
        let open = matched.findings.iter().filter(|finding| is_open(finding));
        let open: Arc<[usize]> = open.map(|finding| self.verdicts.number(finding)).collect();
        if let Some(digest) = digest {
            self.judged.insert(digest, Arc::clone(&open));
        }
        Ok(open)
    }
}

/// Open verdicts, each once: what is shown of them and what a policy or an exception looks at is the same on all
/// machines that have them. (One cumulative update closes more flaws on an older machine: that is another verdict.)
#[derive(Default)]
struct Verdicts {
    all: Vec<Arc<Finding>>,
    numbers: HashMap<Alike, usize>,
}

/// What verdicts have in common that are shown as one.
type Alike = (
    (String, BulletinId, FindingState, String),
    (Option<Severity>, Option<u8>, Option<String>),
    (Vec<String>, Vec<String>),
);

impl Verdicts {
    fn number(&mut self, finding: &Finding) -> usize {
        let remedy = finding.remedy.as_ref().map(|remedy| remedy.update.clone());
        let (product, bulletin) = (finding.product.clone(), finding.bulletin.clone());
        let installed = finding.installed.clone();
        let key = (
            (product, bulletin, finding.state, installed),
            (finding.severity, finding.cvss_tenths, remedy),
            (finding.cves.clone(), finding.kev.clone()),
        );
        let all = &mut self.all;
        *self.numbers.entry(key).or_insert_with(|| {
            all.push(Arc::new(finding.clone()));
            all.len() - 1
        })
    }
}

fn is_open(finding: &Finding) -> bool {
    !finding.state.is_closed() && !finding.state.counts_as_unknown()
}

/// Whether what had no fix has one.
fn has_fix_now(was: &Finding, is: &Finding) -> bool {
    matches!(was.state, FindingState::NoFixYet | FindingState::WontFix)
        && matches!(
            is.state,
            FindingState::Missing | FindingState::MissingNeedsSubscription
        )
}

/// Whether a flaw of it is known to be exploited of which that was not known.
fn is_exploited_now(was: &Finding, is: &Finding) -> bool {
    is.kev.iter().any(|cve| !was.kev.contains(cve))
}

fn hit_machine(machine: &MachineRecord, facts: &MachineFacts<'_>) -> HitMachine {
    HitMachine {
        id: machine.id.clone(),
        hostname: facts.name(),
        ip: machine.addresses.first().copied(),
        owner: machine.owner().unwrap_or_default().to_owned(),
    }
}

fn note(heap: &mut Heap, finding: &Arc<Finding>, severity: Option<Severity>, place: usize) {
    let key = (finding.product.clone(), finding.bulletin.clone());
    let hit = heap.entry(key).or_insert_with(|| Hit {
        finding: Arc::clone(finding),
        my_severity: None,
        machines: Vec::new(),
    });
    hit.my_severity = hit.my_severity.max(severity);
    // The machine that lacks most speaks for all.
    let lacks = |one: &Finding| (one.kev.len(), one.cves.len());
    if lacks(finding) > lacks(&hit.finding) {
        hit.finding = Arc::clone(finding);
    }
    hit.machines.push(place);
}

/// The exploited first, then the worst, then those that hit most.
fn sorted(heap: Heap) -> Vec<Hit> {
    let mut hits: Vec<Hit> = heap.into_values().collect();
    // What stands together is in the order of its key.
    hits.sort_by_key(|hit| {
        let is_exploited = !hit.finding.kev.is_empty();
        std::cmp::Reverse((is_exploited, hit.my_severity, hit.machines.len()))
    });
    hits
}
