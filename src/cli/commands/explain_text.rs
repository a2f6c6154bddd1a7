//! Explanations for people. Every line is harmless to a terminal: what hosts and feeds say is theirs.

use super::explain::wrap;
use super::explain_host::Host;
use super::explain_trail;
use crate::matching::{Explanation, FlawRecord, OnHost, PackageRecord, Reason, Step, UpdateRecord};
use crate::model::{
    Certainty, Entry, FileHash, Finding, Gap, Inventory, ProductKey, Remedy, Standing, plural,
    without_name,
};
use crate::report::{columns, for_terminal};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// The most items of a list.
const MOST: usize = 20;

/// Where values begin.
const LABEL: usize = 14;

/// A text in the making.
#[derive(Default)]
struct Page(String);

impl Page {
    /// A paragraph at an indentation.
    fn say(&mut self, indent: usize, text: &str) {
        let text = wrap(&for_terminal(text), indent);
        self.0.push_str(&text);
        self.0.push('\n');
    }

    /// A label and its value, unless that is empty.
    fn fact(&mut self, label: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let value = wrap(&for_terminal(value), 2 + LABEL);
        let _ = writeln!(self.0, "  {label:<LABEL$}{}", value.trim_start());
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }
}

/// A host that was not read.
pub(super) fn unread(host: &Host) -> String {
    let mut page = Page::default();
    page.say(0, &format!("{} ({})", host.name, host.place.join(", ")));
    page.gap();
    let why = host.failure.as_deref().unwrap_or_default();
    page.say(0, &format!("Nothing is known of what is installed on it, so nothing is reported and nothing ruled out: it was not read ({why}). access.csv says what to do."));
    standing(&mut page, host.standing.as_ref());
    page.0
}

/// A machine that only lists know.
pub(super) fn entry(entry: &Entry) -> String {
    let mut page = Page::default();
    let name = match entry.name.as_str() {
        "" => "(no name)",
        name => name,
    };
    let addresses = entry.addresses.iter().map(ToString::to_string);
    page.say(0, &format!("{name} ({})", listed(addresses)));
    page.gap();
    page.say(
        0,
        "No run met it where it was looked for: only lists know it.",
    );
    page.fact("seems to be", &entry.seems_to_be);
    let last = entry.last_seen.map(|time| time.to_string());
    page.fact("last met", last.as_deref().unwrap_or_default());
    page.fact("usually there", &entry.usual_hours);
    standing(&mut page, Some(&entry.standing));
    page.0
}

/// How a machine stands to the lists, and why several records are taken for it.
fn standing(page: &mut Page, standing: Option<&Standing>) {
    let Some(one) = standing else { return };
    page.gap();
    let mut words = one.state.as_str().to_owned();
    if !one.reason.is_empty() {
        let _ = write!(words, ", {}", one.reason);
    }
    if one.confidence != Certainty::None {
        let _ = write!(words, " ({})", one.confidence.as_str());
    }
    page.say(0, &format!("Against the lists: {words}"));
    page.fact("on lists", &one.lists.join("; "));
    for (label, lines) in [
        ("because", &one.evidence),
        ("one machine", &one.merged),
        ("contradicts", &one.conflicts),
        ("look twice", &one.rogue_hints),
        ("nearest", &one.nearest),
    ] {
        for (number, line) in lines.iter().take(MOST).enumerate() {
            page.fact(if number == 0 { label } else { "" }, line);
        }
    }
    page.fact("to do", &one.suggestion);
}

/// One update or flaw on a host.
pub(super) fn explanation(host: &Host, inventory: &Inventory, one: &Explanation) -> String {
    let mut page = head(host, inventory);
    let asked = one.asked.to_string();
    for (title, source) in one.titles.iter().take(MOST) {
        page.say(0, &format!("{asked}: {title} ({source})"));
    }
    on_host(&mut page, &asked, &one.on_host);
    let told = explain_trail::lines(&host.trail, one);
    for (number, line) in told.iter().enumerate() {
        if number == 0 {
            page.gap();
            page.say(0, "What was ever told of it, the newest first:");
        }
        page.say(2, line);
    }
    if one.findings.is_empty() {
        page.gap();
        page.say(0, &format!("{asked} is not reported on this host."));
        for reason in &one.reasons {
            page.say(2, &why_not(*reason, one));
        }
    }
    for finding in &one.findings {
        show(&mut page, finding);
    }
    for record in &one.updates {
        update(&mut page, &asked, record);
    }
    for record in &one.flaws {
        flaw(&mut page, &asked, record);
    }
    packages(&mut page, &asked, &one.packages);
    if !one.related.is_empty() {
        page.gap();
        page.say(0, &format!("What {asked} fixes is judged in:"));
        page.0.push_str(&table(one.related.iter()));
    }
    if !one.elsewhere.is_empty() {
        page.gap();
        page.say(
            0,
            &format!(
                "{asked} is listed for products that are not on this host: {}",
                products(&one.elsewhere)
            ),
        );
    }
    if one.findings.is_empty() && !one.own.is_empty() {
        page.say(
            0,
            &format!("This host is judged by: {}", products(&one.own)),
        );
    }
    open(&mut page, inventory, &one.unjudged);
    page.0
}

/// All verdicts on a host.
pub(super) fn summary(host: &Host, inventory: &Inventory, findings: &[Finding]) -> String {
    let mut page = head(host, inventory);
    let open_ones: Vec<&Finding> = findings
        .iter()
        .filter(|one| !one.state.is_closed())
        .collect();
    page.gap();
    if open_ones.is_empty() {
        page.say(0, "Nothing is open or undecided.");
    } else {
        page.say(0, &format!("{} open or undecided:", open_ones.len()));
        page.gap();
        page.0.push_str(&table(open_ones.iter().copied()));
    }
    let mut closed: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|one| one.state.is_closed()) {
        *closed.entry(finding.state.as_str()).or_default() += 1;
    }
    if !closed.is_empty() {
        let counts = closed
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        page.gap();
        page.say(0, &format!("Closed: {}", listed(counts)));
    }
    let unjudged: Vec<Finding> = findings
        .iter()
        .filter(|one| one.leaves_machine_unjudged())
        .cloned()
        .collect();
    open(&mut page, inventory, &unjudged);
    standing(&mut page, host.standing.as_ref());
    page.0
}

fn head(host: &Host, inventory: &Inventory) -> Page {
    let mut page = Page::default();
    page.say(0, &format!("{} ({})", host.name, host.place.join(", ")));
    let platform = &inventory.platform;
    let mut parts = vec![platform.name.clone()];
    match &platform.windows {
        Some(release) => {
            parts.extend(release.service_pack.clone());
            parts.push(format!("build {}", release.build));
            parts.extend(release.installation.clone());
        }
        None => parts.extend(platform.ecosystem.clone()),
    }
    parts.extend(platform.arch.clone());
    page.say(0, &parts.join(", "));
    page
}

fn on_host(page: &mut Page, asked: &str, said: &OnHost) {
    let text = match said {
        OnHost::NotAsked => return,
        OnHost::Listed(update) => {
            let day = update.installed_on.map(|day| format!(", {day}"));
            let sources: Vec<&str> = update
                .seen_in
                .iter()
                .map(|source| source.as_str())
                .collect();
            let from = if sources.is_empty() {
                String::new()
            } else {
                format!(" (read from {})", sources.join(", "))
            };
            let state = update.state.as_str();
            format!(
                "The host lists {asked}: {state}{}{from}.",
                day.unwrap_or_default()
            )
        }
        OnHost::NotListed(count) => format!(
            "The host lists {}, and {asked} is not among them. A later update may contain it all the same.",
            plural(*count, "update")
        ),
        OnHost::Unknown(gap) => format!(
            "Which updates the host has is not known: no answer to {} ({}).",
            gap.question,
            gap.cause.as_str()
        ),
    };
    page.gap();
    page.say(0, &text);
}

fn why_not(reason: Reason, one: &Explanation) -> String {
    let asked = &one.asked;
    match reason {
        Reason::NotInCatalogue => format!(
            "No document of the catalogue names {asked}. It is not known here: misspelt, not about security, or from a feed or month that was not imported (underdesk catalog info)."
        ),
        Reason::EmptyCatalogue => "The catalogue holds nothing about this kind of system: import its feed with underdesk catalog update.".to_owned(),
        Reason::OtherProducts => format!("The catalogue lists {asked} for other products only."),
        Reason::InstalledUnknown => {
            let mut records = one.packages.iter();
            let gap = records.find_map(|record| record.installed.as_ref().err());
            format!(
                "The catalogue lists it for packages of which it is not known whether they are installed here{}.",
                gap.map_or_else(String::new, |gap| format!(": {}", unanswered(gap)))
            )
        }
        Reason::NotInstalled => "The catalogue lists it for packages that are not installed here.".to_owned(),
        Reason::Withdrawn => "The publisher has withdrawn it.".to_owned(),
        Reason::Unjudged => "The host could not be judged, or not fully: that it is not reported means nothing.".to_owned(),
        Reason::NoRule => "It is listed for a product of this host, and no rule makes a finding of it.".to_owned(),
    }
}

/// One verdict with its evidence.
fn show(page: &mut Page, finding: &Finding) {
    page.gap();
    let confidence = finding.confidence.as_str();
    page.say(
        0,
        &format!(
            "{}: {} ({confidence} confidence)",
            finding.bulletin,
            finding.state.as_str()
        ),
    );
    page.say(2, &finding.title);
    let evidence = &finding.evidence;
    page.fact("product", &finding.product);
    page.fact("packages", &listed(finding.packages.iter()));
    page.fact("installed", &finding.installed);
    page.fact("fixed in", finding.fixed.as_deref().unwrap_or_default());
    page.fact("observed", &evidence.observed);
    page.fact("read from", &evidence.question);
    page.fact("rule", &evidence.rule);
    page.fact("record", &evidence.record);
    for witness in &evidence.witnesses {
        let says = match witness.says_fixed {
            Some(true) => "says that it is in",
            Some(false) => "says that it is not in",
            None => "decides nothing",
        };
        let text = format!(
            "{} {}: {}; {says}",
            witness.kind.as_str(),
            witness.source,
            witness.value
        );
        page.fact("witness", &text);
    }
    page.fact("severity", &severity(finding));
    page.fact("impact", &listed(finding.impacts.iter()));
    page.fact("weaknesses", &listed(finding.cwes.iter()));
    page.fact("flaws", &listed(finding.cves.iter()));
    page.fact("exploited", &listed(finding.kev.iter()));
    if let Some(remedy) = &finding.remedy {
        install(page, remedy);
    }
}

fn install(page: &mut Page, remedy: &Remedy) {
    let title = match without_name(&remedy.title, &remedy.update) {
        "" => String::new(),
        title => format!(": {title}"),
    };
    page.fact("install", &format!("{}{title}", remedy.update));
    page.fact("brings", remedy.build.as_deref().unwrap_or_default());
    page.fact(
        "restart",
        remedy.restart.map_or("", |restart| restart.as_str()),
    );
    page.fact("needs before", &listed(remedy.prerequisites.iter()));
    page.fact("instead of", &listed(remedy.supersedes.iter()));
    page.fact("from", remedy.download.as_deref().unwrap_or_default());
    let size = remedy.download_size.map(|size| format!("{size} bytes"));
    page.fact("file", &size.unwrap_or_default());
    let hash = remedy.download_hash.as_ref();
    page.fact("hash", hash.map(FileHash::as_str).unwrap_or_default());
    page.fact(
        "silently",
        remedy.silent_switch.as_deref().unwrap_or_default(),
    );
}

fn severity(finding: &Finding) -> String {
    let mut parts = Vec::new();
    parts.extend(finding.rating().map(|word| word.as_str().to_owned()));
    parts.extend(finding.cvss_tenths.map(cvss));
    parts.extend(finding.epss.map(|score| format!("EPSS {score}")));
    parts.join(", ")
}

fn cvss(tenths: u8) -> String {
    format!("CVSS {}.{}", tenths / 10, tenths % 10)
}

fn update(page: &mut Page, asked: &str, record: &UpdateRecord) {
    page.gap();
    page.say(
        0,
        &format!("In the catalogue: {asked} for {}", record.product),
    );
    let month = record.released.map(|month| format!(" of {month}"));
    page.fact(
        "kind",
        &format!("{}{}", record.kind.as_str(), month.unwrap_or_default()),
    );
    page.fact("builds", &listed(record.builds.iter()));
    page.fact(
        "fixes",
        &format!("{} of this product", plural(record.flaws, "flaw")),
    );
    page.fact("replaces", &listed(record.supersedes.iter()));
    page.fact("replaced by", &listed(record.superseded_by.iter()));
    page.fact(
        "restart",
        record.restart.map_or("", |restart| restart.as_str()),
    );
    page.fact(
        "before it",
        &record
            .before
            .as_ref()
            .map_or("none of its kind".to_owned(), step),
    );
    page.fact(
        "after it",
        &record
            .after
            .as_ref()
            .map_or("none of its kind".to_owned(), step),
    );
    page.fact("address", record.url.as_deref().unwrap_or_default());
}

fn step(step: &Step) -> String {
    let month = step.released.map(|month| format!(" of {month}"));
    let build = step.build.as_ref().map(|build| format!(", build {build}"));
    format!(
        "{}{}{}",
        step.update,
        month.unwrap_or_default(),
        build.unwrap_or_default()
    )
}

fn flaw(page: &mut Page, asked: &str, record: &FlawRecord) {
    page.gap();
    page.say(
        0,
        &format!("In the catalogue: {asked} in {}", record.product),
    );
    let mut parts = Vec::new();
    parts.extend(record.severity.map(|word| word.as_str().to_owned()));
    parts.extend(record.cvss_tenths.map(cvss));
    parts.extend(record.epss.map(|score| format!("EPSS {score}")));
    page.fact("severity", &parts.join(", "));
    page.fact("impact", &listed(record.nature.impacts().iter()));
    page.fact("weaknesses", &listed(record.nature.cwes().iter()));
    let day = record.published.map(|time| time.date().to_string());
    page.fact("published", &day.unwrap_or_default());
    page.fact("advisories", &listed(record.advisories.iter()));
    if let Some(kev) = &record.kev {
        let due = kev.due.map(|due| format!(", to be fixed by {due}"));
        page.fact(
            "exploited",
            &format!("known to CISA{}", due.unwrap_or_default()),
        );
    }
    if record.fixes.is_empty() {
        page.fact("fixed by", "no update that is stated");
    }
    for fix in record.fixes.iter().take(MOST) {
        let month = fix.released.map(|month| format!(" of {month}"));
        let build = fix
            .build
            .as_ref()
            .map(|build| format!(", from build {build}"));
        let (month, build) = (month.unwrap_or_default(), build.unwrap_or_default());
        page.fact(
            "fixed by",
            &format!("{} ({}{month}){build}", fix.update, fix.kind.as_str()),
        );
    }
}

fn packages(page: &mut Page, asked: &str, records: &[PackageRecord]) {
    if records.is_empty() {
        return;
    }
    page.gap();
    page.say(0, &format!("In the catalogue: {asked} in this release"));
    for record in records.iter().take(MOST) {
        let here = match &record.installed {
            Ok(true) => "installed here".to_owned(),
            Ok(false) => "not installed here".to_owned(),
            Err(gap) => format!("whether it is installed is not known: {}", unanswered(gap)),
        };
        let ranges = listed(record.ranges.iter());
        let ranges = if ranges.is_empty() {
            "no version is affected".to_owned()
        } else {
            format!("affected {ranges}")
        };
        let gone = record
            .withdrawn
            .map(|time| format!("; withdrawn {}", time.date()));
        page.say(
            2,
            &format!(
                "{} ({here}): {ranges} ({}{})",
                record.package,
                record.bulletin,
                gone.unwrap_or_default()
            ),
        );
    }
}

/// `dpkg-packages denied`: the question that would have told.
fn unanswered(gap: &Gap) -> String {
    format!("{} {}", gap.question, gap.cause.as_str())
}

/// What is not known of the host.
fn open(page: &mut Page, inventory: &Inventory, unjudged: &[Finding]) {
    if inventory.gaps.is_empty() && unjudged.is_empty() {
        return;
    }
    page.gap();
    page.say(0, "What is not known of this host:");
    for finding in unjudged {
        page.say(2, &format!("{} ({})", finding.title, finding.bulletin));
    }
    let gaps = inventory.gaps.iter();
    let gaps = listed(gaps.map(|gap| format!("{} ({})", gap.question, gap.cause.as_str())));
    if !gaps.is_empty() {
        page.say(2, &format!("Questions without an answer: {gaps}"));
    }
}

/// How wide a table gets.
const WIDEST: usize = 150;

/// The beginning of a text that would make a table too wide.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{start}…")
}

fn table<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let mut rows: Vec<Vec<String>> = findings
        .map(|one| {
            vec![
                one.state.as_str().to_owned(),
                clipped(one.bulletin.as_str(), 36),
                clipped(&one.product, 36),
                clipped(&one.installed, 20),
                clipped(one.fixed.as_deref().unwrap_or_default(), 20),
                one.title.clone(),
            ]
        })
        .collect();
    let wide = |row: &Vec<String>, at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
    let before: usize = (0..5)
        .map(|at| rows.iter().map(|row| wide(row, at)).max().unwrap_or(0) + 2)
        .sum();
    let left = WIDEST.saturating_sub(before).clamp(20, 60);
    for row in &mut rows {
        if let Some(title) = row.last_mut() {
            *title = clipped(title, left);
        }
    }
    columns(
        &[
            "state",
            "bulletin",
            "product",
            "installed",
            "fixed in",
            "title",
        ],
        &rows,
    )
}

fn products(keys: &[ProductKey]) -> String {
    let quoted = keys.iter().map(|key| format!("\"{key}\""));
    listed(quoted)
}

fn listed<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    let more = items.len().saturating_sub(MOST);
    items.truncate(MOST);
    let mut text = items.join(", ");
    if more > 0 {
        let _ = write!(text, " (+{more})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::matching::{Asked, Knowledge, explain};
    use crate::model::{Date, GapCause, Observed};

    /// What is said of the flaw of sshd on a Debian 12 with these packages.
    fn said(packages: Observed<Vec<crate::model::Package>>) -> String {
        let mut inventory = crate::matching::tests::inventory_of("Debian:12", "debian", "12");
        inventory.packages = packages;
        let knowledge = Knowledge::from(Catalog::for_demo().unwrap());
        let asked = Asked::parse("CVE-2024-6387").unwrap();
        let today = Date::parse("2026-11-24").unwrap();
        let one = explain(&knowledge, &inventory, &asked, today).unwrap();
        let mut page = Page::default();
        for reason in &one.reasons {
            page.say(2, &why_not(*reason, &one));
        }
        super::packages(&mut page, "CVE-2024-6387", &one.packages);
        page.0.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_package_list_that_was_denied_leaves_open_what_is_installed() {
        let denied = said(Observed::gap_of("dpkg-packages", GapCause::Denied));
        assert!(
            denied
                .contains("it is not known whether they are installed here: dpkg-packages denied"),
            "{denied}"
        );
        let here = "openssh (whether it is installed is not known: dpkg-packages denied)";
        assert!(denied.contains(here), "{denied}");
        assert!(!denied.contains("not installed here"), "{denied}");
        let empty = said(Observed::Known(Vec::new()));
        assert!(empty.contains("openssh (not installed here)"), "{empty}");
        assert!(!empty.contains("not known whether"), "{empty}");
    }
}
