//! Office installed by Click-to-Run. Its advisories name neither an article nor a build: what closes a
//! flaw is the build that the installation's channel got in the month of the advisory, which stands in
//! Microsoft's table of builds. The articles of the Office of Windows Installer never apply to it.

use super::super::Case;
use super::super::row::Row;
use super::stream::dotted;
use super::{Host, System, installed, listed, office, uncovered, unknown, want};
use crate::catalog::{Flaw, Month, ProductSlice};
use crate::matching::Which;
use crate::matching::known::Wanted;
use crate::model::{
    BuildRow, BulletinId, Component, ComponentKind, Confidence, Evidence, Finding, FindingState,
    ProductKey, Remedy, Witness, WitnessKind,
};
use crate::version::WindowsVersion;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The build table.
const TABLE: &str = "office click-to-run";

const NO_ROW: &str = "the table of Office builds has no row of this channel for these months: import a newer \
     or longer one";

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for component in listed(host.facts, ComponentKind::OfficeClickToRun) {
        for product in products(component) {
            let names: Vec<&str> = product.names.iter().map(String::as_str).collect();
            want(index, &names, wanted);
        }
        wanted.builds.push(TABLE.to_owned());
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    for component in installed(
        case,
        ComponentKind::OfficeClickToRun,
        "Office Click-to-Run",
        out,
    ) {
        for product in products(component) {
            let ended = product
                .cycle
                .and_then(|cycle| office::ended(case, cycle, &component.version, "office-c2r"));
            out.extend(ended);
            one(case, component, &product, out);
        }
    }
}

/// A product that Click-to-Run installed.
struct Product {
    /// For people, and part of the finding's id.
    name: &'static str,
    /// The advisories' names for it.
    names: Vec<String>,
    /// In the list of lifecycles.
    cycle: Option<&'static str>,
}

/// By the channel, which is the editions', and by the product ids: `ProPlus2021Volume`.
fn products(component: &Component) -> Vec<Product> {
    let bits = match component.arch.as_deref() {
        Some("x86") => "32",
        _ => "64",
    };
    let editions = |name: &str| vec![format!("microsoft {name} for {bits}-bit editions")];
    let ids = component
        .edition
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let channel = component.channel.as_deref().unwrap_or_default();
    // A channel of a perpetual Office has no other.
    let of_channel = ["2019", "2021", "2024"]
        .iter()
        .find(|year| channel.contains(*year));
    let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    let mut years: Vec<&str> = ids
        .map(|id| {
            let year = ["2019", "2021", "2024"]
                .iter()
                .find(|year| id.contains(*year));
            year.or(of_channel).copied().unwrap_or_default()
        })
        .collect();
    if years.is_empty() {
        years.push(of_channel.copied().unwrap_or_default());
    }
    years.sort_unstable();
    years.dedup();
    let product = |year: &str| match year {
        "2019" => Product {
            name: "Microsoft Office 2019",
            names: editions("office 2019"),
            cycle: Some("2019"),
        },
        "2021" => Product {
            name: "Microsoft Office LTSC 2021",
            names: editions("office ltsc 2021"),
            cycle: Some("2021"),
        },
        "2024" => Product {
            name: "Microsoft Office LTSC 2024",
            names: editions("office ltsc 2024"),
            cycle: Some("2024"),
        },
        _ => Product {
            name: "Microsoft 365 Apps",
            names: vec![
                format!("microsoft 365 apps for enterprise for {bits}-bit systems"),
                format!("office 365 proplus for {bits}-bit systems"),
            ],
            cycle: None,
        },
    };
    years.into_iter().map(product).collect()
}

fn one(case: &Case<'_>, component: &Component, product: &Product, out: &mut Vec<Finding>) {
    let slice = |name: &String| case.known.products.get(&ProductKey::of(name));
    let slices: Vec<&ProductSlice> = product
        .names
        .iter()
        .filter_map(slice)
        .map(AsRef::as_ref)
        .collect();
    if !case.known.has_products {
        return;
    }
    if slices.is_empty() {
        let why = "the catalogue has no advisory about it; import MSRC's documents";
        out.push(uncovered(
            product.name,
            &component.version,
            "advisories",
            why,
        ));
        return;
    }
    let channel = component.channel.as_deref().unwrap_or_default();
    let table = case.known.builds.get(TABLE).map_or(&[][..], AsRef::as_ref);
    let rows = Rows::of(table, channel);
    if rows.rows.is_empty() {
        let why = format!(
            "its advisories name no build, and the catalogue has no table `{TABLE}` with the builds of `{channel}`: \
             import Microsoft's update history of Office"
        );
        let mut row = uncovered(product.name, &component.version, TABLE, &why);
        row.evidence.observed = format!("{} {} ({channel})", product.name, component.version);
        out.push(row);
        return;
    }
    let Some(installed) = WindowsVersion::parse(&component.version) else {
        let why = format!("the version `{}` is none", component.version);
        out.push(unknown(product.name, "office-c2r", &why));
        return;
    };
    let mut months: BTreeMap<Option<Month>, Vec<&Flaw>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let Some(slice) = slices.first() else {
        return;
    };
    for flaw in slices.iter().flat_map(|slice| slice.flaws()) {
        // Its record names neither article nor build: the month in which it was published is all there is.
        let month = flaw.published.and_then(|time| Month::of(time.date()));
        if seen.insert(flaw.id.as_str()) {
            months.entry(month).or_default().push(flaw);
        }
    }
    let context = Context {
        component,
        product,
        channel,
        slice,
        rows: &rows,
        which: case.which,
    };
    context.rows_of(months, installed, out);
}

/// What the rows of one product have in common.
struct Context<'a> {
    component: &'a Component,
    product: &'a Product,
    channel: &'a str,
    slice: &'a ProductSlice,
    rows: &'a Rows<'a>,
    which: Which,
}

impl Context<'_> {
    /// One row a month, and one for the months that the table does not reach.
    fn rows_of(
        &self,
        months: BTreeMap<Option<Month>, Vec<&Flaw>>,
        installed: WindowsVersion<'_>,
        out: &mut Vec<Finding>,
    ) {
        let mut beyond = Vec::new();
        let first = self.rows.rows.iter().map(|(month, _)| *month).min();
        for (month, flaws) in months {
            let Some(month) = month else {
                beyond.extend(flaws);
                continue;
            };
            // The table begins after it: the first build that it has is newer than what fixed this.
            let is_before = first.is_some_and(|first| month < first);
            let at = if is_before {
                first.unwrap_or(month)
            } else {
                month
            };
            let Some(wanted) = self.rows.wanted(at, installed) else {
                beyond.extend(flaws);
                continue;
            };
            let is_in = WindowsVersion::parse(&wanted).is_some_and(|wanted| installed >= wanted);
            match (is_in, is_before) {
                (true, _) if self.which == Which::Open => {}
                (false, true) => beyond.extend(flaws),
                (is_in, _) => out.push(self.row(month, &wanted, flaws, is_in)),
            }
        }
        if !beyond.is_empty() {
            out.push(self.unknown(beyond));
        }
    }

    fn row(&self, month: Month, build: &str, flaws: Vec<&Flaw>, is_in: bool) -> Finding {
        let Self {
            component,
            product,
            channel,
            ..
        } = self;
        let newest = self.rows.newest();
        let remedy = Remedy {
            update: format!("{} {newest}", product.name),
            kb: None,
            title: format!("The newest build of {} for {channel}", product.name),
            build: Some(newest),
            restart: None,
            prerequisites: Vec::new(),
            supersedes: Vec::new(),
            download: None,
            download_size: None,
            download_hash: None,
            silent_switch: None,
        };
        let row = Row {
            slice: self.slice,
            flaws,
            bulletin: BulletinId::new(format!("office-{month}")),
            title: format!("{month} security update for {} ({channel})", product.name),
            product: product.name.to_owned(),
            installed: component.version.clone(),
            fixed: Some(build.to_owned()),
            state: if is_in {
                FindingState::Fixed
            } else {
                FindingState::Missing
            },
            confidence: Confidence::High,
            remedy: (!is_in).then_some(remedy),
            evidence: self.evidence(
                format!(
                    "the build against the one that {channel} got in the month of the advisories"
                ),
                format!("{TABLE}: {channel} {month}: {build}"),
                Some(is_in),
            ),
        };
        row.into()
    }

    fn unknown(&self, flaws: Vec<&Flaw>) -> Finding {
        let row = Row {
            slice: self.slice,
            flaws,
            bulletin: BulletinId::uncovered(TABLE),
            title: format!("{} not judged: {NO_ROW}", self.product.name),
            product: self.product.name.to_owned(),
            installed: self.component.version.clone(),
            fixed: None,
            state: FindingState::Unknown,
            confidence: Confidence::Low,
            remedy: None,
            evidence: self.evidence(NO_ROW.to_owned(), TABLE.to_owned(), None),
        };
        row.into()
    }

    fn evidence(&self, rule: String, record: String, says_fixed: Option<bool>) -> Evidence {
        let Self {
            component,
            product,
            channel,
            ..
        } = self;
        Evidence {
            observed: format!("{} {} ({channel})", product.name, component.version),
            question: "office-c2r".to_owned(),
            rule,
            record,
            witnesses: vec![Witness {
                kind: WitnessKind::Registry,
                source: component.source.clone(),
                value: format!("{} {channel}", component.version),
                says_fixed,
            }],
        }
    }
}

/// The rows of one channel.
struct Rows<'a> {
    rows: Vec<(Month, &'a BuildRow)>,
}

impl<'a> Rows<'a> {
    fn of(table: &'a [BuildRow], channel: &str) -> Self {
        let own = table.iter().filter(|row| {
            row.branch.eq_ignore_ascii_case(channel) && row.is_security != Some(false)
        });
        let rows = own.filter_map(|row| Some((Month::of(row.released?)?, row)));
        Self {
            rows: rows.collect(),
        }
    }

    /// The build that has a month's fixes. A channel serves several versions at once, told by the third
    /// number of their builds: of one's own version it is the first of the month; a version that has none
    /// needs a newer one.
    fn wanted(&self, month: Month, installed: WindowsVersion<'_>) -> Option<String> {
        let of_month = || self.rows.iter().filter(|(released, _)| *released == month);
        // Before the month's fixes there may have been a build without any.
        let mut builds = sorted(of_month().filter(|(_, row)| row.is_security == Some(true)));
        if builds.is_empty() {
            builds = sorted(of_month());
        }
        let is_own = |build: &&String| {
            WindowsVersion::parse(build).is_some_and(|build| build.agrees(installed, 3))
        };
        let own = builds.iter().find(is_own).or(builds.last());
        own.cloned()
    }

    /// The newest build of the channel.
    fn newest(&self) -> String {
        sorted(self.rows.iter()).pop().unwrap_or_default()
    }
}

fn sorted<'r>(rows: impl Iterator<Item = &'r (Month, &'r BuildRow)>) -> Vec<String> {
    let mut builds: Vec<String> = rows.map(|(_, row)| full(&row.build)).collect();
    builds.sort_by(|a, b| dotted(a, b).unwrap_or(Ordering::Equal));
    builds
}

/// A build in the numbers of a host: tables leave out the `16.0.`.
fn full(build: &str) -> String {
    match build.split('.').count() {
        2 => format!("16.0.{build}"),
        _ => build.to_owned(),
    }
}
