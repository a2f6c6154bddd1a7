//! What a program writes that has a CSV library and a run, and no more: the rows of `findings.csv` and
//! `findings_cve.csv` by `csv::Writer` and serde, on one thread, without a guard, a hash, a sum or a split.

use csv::{Terminator, Writer, WriterBuilder};
use serde::{Serialize, Serializer};
use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;
use underdesk::model::{
    Date, Decision, Epss, ExceptionId, Finding, FindingId, MachineRecord, Remedy, Severity,
    WorkStatus,
};
use underdesk::report::ReportSource;

/// The tables that it writes.
pub(crate) const TABLES: [&str; 2] = ["findings", "findings_cve"];
const BLOCK: usize = 1 << 18;

/// Writes both into a folder.
pub(crate) fn write(source: &dyn ReportSource, folder: &Path) -> Result<(), Box<dyn Error>> {
    let [mut findings, mut flaws] = TABLES.map(|table| open(folder, table));
    let run = source.run().id.as_str();
    source.machines(&mut |machine| {
        let (Ok(findings), Ok(flaws)) = (&mut findings, &mut flaws) else {
            return Err(io::Error::other("a file could not be made"));
        };
        for (finding, decision) in machine.judged() {
            let row = Row::of(run, machine, finding, decision);
            findings.serialize(&row)?;
            for cve in &finding.cves {
                flaws.serialize(Flaw::of(&row, finding, cve))?;
            }
        }
        Ok(())
    })?;
    findings?.flush()?;
    flaws?.flush()?;
    Ok(())
}

fn open(folder: &Path, table: &str) -> Result<Writer<File>, io::Error> {
    let mut file = File::create(folder.join(format!("{table}.csv")))?;
    file.write_all(b"\xef\xbb\xbf")?;
    let mut builder = WriterBuilder::new();
    builder.terminator(Terminator::CRLF).buffer_capacity(BLOCK);
    Ok(builder.from_writer(file))
}

/// What stands in a cell as its own `Display` has it.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A row of `findings.csv`: its columns, in their order.
#[derive(Serialize)]
struct Row<'a> {
    run_id: &'a str,
    machine_id: &'a str,
    hostname: &'a str,
    ip: Shown<IpAddr>,
    finding_id: FindingId,
    bulletin_id: &'a str,
    title: &'a str,
    fix: String,
    product: &'a str,
    installed_version: &'a str,
    fixed_version: Option<&'a str>,
    state: &'a str,
    confidence: &'a str,
    vendor_severity: Option<&'a str>,
    my_severity: Option<&'a str>,
    policy_rule: Option<&'a str>,
    cvss: Option<Shown<Tenths>>,
    cve_count: usize,
    cves: String,
    kev: &'a str,
    kev_due_date: Option<Shown<Date>>,
    epss: Option<Shown<Epss>>,
    due_date: Option<Shown<Date>>,
    days_left: Option<i64>,
    rank: Option<u64>,
    first_seen_date: Option<Shown<Date>>,
    times_seen: Option<u64>,
    evidence: String,
    exception_id: Option<&'a str>,
    owner: &'a str,
    status: Option<&'a str>,
    exception_until: Option<Shown<Date>>,
    impact: String,
    cwes: String,
}

struct Tenths(u8);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl<'a> Row<'a> {
    fn of(
        run: &'a str,
        machine: &'a MachineRecord,
        finding: &'a Finding,
        decision: Option<&'a Decision>,
    ) -> Self {
        let id = FindingId::of(&machine.id, &finding.product, &finding.bulletin);
        let history = machine.history.get(&id);
        let inventory = machine.inventory.as_deref();
        let name = inventory.and_then(|read| read.identity.hostname.known());
        let rule = decision.map(|one| one.rule.as_str());
        Self {
            run_id: run,
            machine_id: machine.id.as_str(),
            hostname: name.map_or("unknown", String::as_str),
            ip: Shown(
                machine
                    .addresses
                    .first()
                    .copied()
                    .unwrap_or(IpAddr::from([0; 4])),
            ),
            finding_id: id,
            bulletin_id: finding.bulletin.as_str(),
            title: &finding.title,
            fix: fix(finding),
            product: &finding.product,
            installed_version: &finding.installed,
            fixed_version: finding.fixed.as_deref(),
            state: finding.state.as_str(),
            confidence: finding.confidence.as_str(),
            vendor_severity: finding.severity.map(Severity::as_str),
            my_severity: decision.and_then(|one| one.my_severity.map(Severity::as_str)),
            policy_rule: rule.filter(|rule| !rule.is_empty()),
            cvss: finding.cvss_tenths.map(Tenths).map(Shown),
            cve_count: finding.cves.len(),
            cves: list(&finding.cves),
            kev: if finding.kev.is_empty() { "no" } else { "yes" },
            kev_due_date: finding.kev_due.map(Shown),
            epss: finding.epss.map(Shown),
            due_date: decision.and_then(|one| one.due).map(Shown),
            days_left: decision.and_then(|one| one.days_left),
            rank: decision.and_then(|one| one.rank),
            first_seen_date: history.map(|one| Shown(one.first_seen)),
            times_seen: history.map(|one| one.times_seen),
            evidence: evidence(finding),
            exception_id: decision.and_then(|one| one.exception.as_ref().map(ExceptionId::as_str)),
            owner: machine.owner().unwrap_or_default(),
            status: decision.and_then(Decision::status).map(WorkStatus::as_str),
            exception_until: decision.and_then(|one| one.until).map(Shown),
            impact: list(&finding.impacts),
            cwes: list(&finding.cwes),
        }
    }
}

/// A row of `findings_cve.csv`.
#[derive(Serialize)]
struct Flaw<'a> {
    run_id: &'a str,
    machine_id: &'a str,
    hostname: &'a str,
    ip: &'a Shown<IpAddr>,
    cve: &'a str,
    finding_id: &'a str,
    bulletin_id: &'a str,
    state: &'a str,
    cvss: Option<Shown<Tenths>>,
    kev: &'a str,
    epss: Option<Shown<Epss>>,
}

impl<'a> Flaw<'a> {
    fn of(row: &'a Row<'a>, finding: &Finding, cve: &'a String) -> Self {
        let is_alone = finding.cves.len() == 1;
        Self {
            run_id: row.run_id,
            machine_id: row.machine_id,
            hostname: row.hostname,
            ip: &row.ip,
            cve,
            finding_id: row.finding_id.as_str(),
            bulletin_id: row.bulletin_id,
            state: row.state,
            cvss: finding
                .cvss_tenths
                .filter(|_| is_alone)
                .map(|tenths| Shown(Tenths(tenths))),
            kev: if finding.kev.contains(cve) {
                "yes"
            } else {
                "no"
            },
            epss: finding.epss.filter(|_| is_alone).map(Shown),
        }
    }
}

/// The first items of a list, and how many more there are.
fn list(items: &[String]) -> String {
    match items.split_at_checked(20) {
        Some((first, more)) if !more.is_empty() => {
            format!("{}; and {} more", first.join("; "), more.len())
        }
        _ => items.join("; "),
    }
}

fn fix(finding: &Finding) -> String {
    match (&finding.remedy, &finding.fixed) {
        (Some(remedy), _) => install(remedy),
        (None, Some(fixed)) => format!("upgrade {} to {fixed}", finding.product),
        (None, None) => String::new(),
    }
}

fn install(remedy: &Remedy) -> String {
    format!(
        "install {} ({}) after {}",
        remedy.update,
        remedy.title,
        remedy.prerequisites.join(", ")
    )
}

fn evidence(finding: &Finding) -> String {
    let read = &finding.evidence;
    let mut text = format!(
        "{}; read by {}; rule {}; record {}",
        read.observed, read.question, read.rule, read.record
    );
    for witness in &read.witnesses {
        let (kind, source, value) = (witness.kind.as_str(), &witness.source, &witness.value);
        write!(text, "; witness {kind} {source} {value}: not fixed").ok();
    }
    text
}
