//! Programs of the Uninstall keys: which product each is, by rules, and what advisories say of it.
//!
//! A name is no proof of what a program is. With its publisher it is taken for one; a name that is only
//! similar never makes a program `missing` anything.

mod order;
mod rules;

pub use rules::{Rules, RulesError};

use super::Case;
use super::components::lifecycle::{self, Dated};
use super::components::stream::{self, ArchOf, Doubt, Files, Judged, Standing, Subject, by_build};
use super::components::{Host, System, starting, unknown, want};
use crate::catalog::{ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    Confidence, Finding, Observed, ProductKey, Program, ProgramScope, Witness, WitnessKind,
};
use order::Scheme;
use rules::{Fit, Rule, VersionIn, plain_name};
use std::collections::{BTreeMap, BTreeSet};

const FUZZY: Doubt = Doubt {
    id: "program-by-similar-name",
    why: "its name is only similar to the advisories' product, or its publisher is another: see whether \
          it is the same program",
};

/// A program, and what it is taken for.
struct Known<'a> {
    program: &'a Program,
    version: String,
    /// The advisories' names, patterns among them.
    products: Vec<String>,
    scheme: Scheme,
    confidence: Confidence,
    how: &'static str,
    rule: Option<&'a Rule>,
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for program in host.facts.programs.known().map_or(&[][..], Vec::as_slice) {
        for product in taken_for(program, host.rules)
            .iter()
            .flat_map(|one| &one.products)
        {
            if let Some(start) = product.strip_suffix('*') {
                wanted.products.extend(starting(index, start).cloned());
            } else {
                want(index, &[product.as_str()], wanted);
            }
        }
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    let programs = match &case.facts.programs {
        Observed::Known(programs) => programs,
        Observed::Unknown(gap) if gap.question.is_empty() => return,
        Observed::Unknown(gap) => {
            let why = format!("no answer to {}: {}", gap.question, gap.cause.as_str());
            out.push(unknown("Installed programs", &gap.question, &why));
            return;
        }
    };
    // Copies of one product for several users, or in several architectures, are one product each.
    let mut copies: BTreeMap<String, Vec<Known<'_>>> = BTreeMap::new();
    for program in programs {
        if let Some(known) = taken_for(program, case.known.rules) {
            copies.entry(product_of(&known)).or_default().push(known);
        }
    }
    for (product, mut copies) in copies {
        let compare = copies
            .first()
            .map_or(Scheme::Plain, |one| one.scheme)
            .compare();
        copies.sort_by(|a, b| {
            compare(&a.version, &b.version).unwrap_or_else(|| a.version.cmp(&b.version))
        });
        let Some(oldest) = copies.first() else {
            continue;
        };
        out.extend(ended(case, &product, &copies));
        let slices = slices(case, &oldest.products);
        if slices.is_empty() {
            continue;
        }
        let subject = subject(product, &copies, oldest, slices);
        let is_sure = oldest.confidence != Confidence::Low;
        stream::judge(
            case,
            &subject,
            &|update| standing(&subject, update, is_sure),
            out,
        );
    }
}

/// How an update stands. A program that may be another is never said to lack one.
fn standing(subject: &Subject<'_>, update: &Update, is_sure: bool) -> Judged {
    let judged = by_build(subject, update);
    let standing = match judged.standing {
        Standing::Out if !is_sure => Standing::Unsure(FUZZY),
        other => other,
    };
    Judged { standing, ..judged }
}

/// What a program is taken for: by a rule, or because an advisory's product has its very name.
fn taken_for<'a>(program: &'a Program, rules: &'a Rules) -> Option<Known<'a>> {
    if is_patch(program) {
        return None;
    }
    let Some((rule, fit)) = rules.of(program) else {
        return by_name(program);
    };
    let version = version(program, rule.version_in);
    let (confidence, how) = match fit {
        Fit::Both => (Confidence::High, "a rule fits by publisher and name"),
        Fit::Name => (Confidence::Medium, "a rule fits by name"),
        Fit::OtherPublisher => (Confidence::Low, "a rule fits by name, and not by publisher"),
    };
    let products = rule
        .product
        .iter()
        .map(|product| with_numbers(product, &version));
    Some(Known {
        program,
        products: products.collect(),
        version,
        scheme: rule.versions,
        confidence,
        how,
        rule: Some(rule),
    })
}

/// Microsoft's names are too much alike for this: for them there are rules.
fn by_name(program: &Program) -> Option<Known<'_>> {
    let plain = plain_name(&program.name);
    let publisher = program
        .publisher
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    if plain.is_empty() || publisher.starts_with("microsoft") || plain.starts_with("microsoft") {
        return None;
    }
    Some(Known {
        program,
        version: version(program, VersionIn::Entry),
        products: vec![plain, program.name.to_lowercase()],
        scheme: Scheme::Plain,
        confidence: Confidence::Medium,
        how: "an advisory's product has its name",
        rule: None,
    })
}

/// Updates are listed among the programs as well: their version is the patch's.
fn is_patch(program: &Program) -> bool {
    const STARTS: &[&str] = &[
        "hotfix ",
        "security update for ",
        "update for ",
        "service pack ",
    ];
    let name = program.name.to_lowercase();
    let starts = STARTS.iter().any(|start| name.starts_with(start));
    starts || (name.contains("(kb") && crate::model::KbId::find(&program.name).is_some())
}

fn version(program: &Program, place: VersionIn) -> String {
    let listed = program
        .version
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let mut words = program.name.split([' ', '(', ')', '-']);
    let in_name = words.find(|word| {
        let digits = word.trim_start_matches('v');
        digits.contains('.') && digits.starts_with(|first: char| first.is_ascii_digit())
    });
    let version = match place {
        VersionIn::Entry => listed.or(in_name),
        VersionIn::Name => in_name.or(listed),
    };
    version.unwrap_or_default().to_owned()
}

/// A name with the numbers of a version in it: `powershell {1}.{2}`.
fn with_numbers(text: &str, version: &str) -> String {
    let numbers: Vec<&str> = version
        .split(|one: char| !one.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    let number = |at: usize| numbers.get(at).copied().unwrap_or("0");
    text.replace("{1}", number(0)).replace("{2}", number(1))
}

/// Part of the finding's id: without version and user.
fn product_of(known: &Known<'_>) -> String {
    let own = known.rule.and(known.products.first());
    let plain = own.map_or_else(
        || plain_name(&known.program.name),
        |product| product.trim_end_matches('*').trim_end().to_owned(),
    );
    match known.program.arch.as_deref() {
        Some(arch) => format!("{plain} ({arch})"),
        None => plain,
    }
}

fn slices<'a>(case: &Case<'a>, products: &[String]) -> Vec<&'a ProductSlice> {
    let mut slices = Vec::new();
    for product in products {
        match product.strip_suffix('*') {
            Some(start) => {
                let from = ProductKey::of(start);
                let range = case.known.products.range(from..);
                let own = range.take_while(|(key, _)| key.as_str().starts_with(start));
                slices.extend(own.map(|(_, slice)| slice.as_ref()));
            }
            None => slices.extend(
                case.known
                    .products
                    .get(&ProductKey::of(product))
                    .map(AsRef::as_ref),
            ),
        }
    }
    slices.sort_by_key(|slice: &&ProductSlice| slice.key());
    slices.dedup_by_key(|slice| slice.key());
    slices
}

fn subject<'a>(
    product: String,
    copies: &[Known<'_>],
    oldest: &Known<'_>,
    slices: Vec<&'a ProductSlice>,
) -> Subject<'a> {
    let name = name_of(oldest);
    let observed: Vec<String> = copies
        .iter()
        .map(|copy| {
            format!(
                "{} {} ({})",
                copy.program.name,
                copy.version,
                scope(copy.program)
            )
        })
        .collect();
    let witness = |copy: &Known<'_>| Witness {
        kind: WitnessKind::Registry,
        source: format!(
            "programs Uninstall\\{} ({})",
            copy.program.key,
            scope(copy.program)
        ),
        value: copy.version.clone(),
        says_fixed: None,
    };
    Subject {
        slices,
        slug: plain_name(&name).replace(' ', "-"),
        product,
        name,
        installed: oldest.version.clone(),
        observed: observed.join("; "),
        question: "programs".to_owned(),
        rule: format!(
            "{}; the oldest copy's version against the first that has the fix",
            oldest.how
        ),
        confidence: oldest.confidence,
        witnesses: copies.iter().map(witness).collect(),
        prerequisites: Vec::new(),
        order: oldest.scheme.compare(),
        has_lines: true,
        is_stream: true,
        files: Files {
            arch: ArchOf::installed(oldest.program.arch.as_deref()),
            rows: Vec::new(),
        },
    }
}

/// The program's name without its version.
fn name_of(known: &Known<'_>) -> String {
    let name = known.program.name.as_str();
    let name = name
        .split(known.version.as_str())
        .next()
        .filter(|start| start.len() > 1)
        .unwrap_or(name);
    name.trim_end_matches([' ', '(', '-', 'v']).to_owned()
}

fn scope(program: &Program) -> String {
    match &program.scope {
        ProgramScope::Machine => "for everybody".to_owned(),
        ProgramScope::User(sid) => format!("for {sid}"),
    }
}

/// The row about the end of support of the oldest copy, with the entries of its version.
fn ended(case: &Case<'_>, product: &str, copies: &[Known<'_>]) -> Option<Finding> {
    let known = copies.first()?;
    let rule = known.rule.filter(|_| known.confidence != Confidence::Low)?;
    let cycle = with_numbers(rule.cycle.as_deref()?, &known.version);
    let name = name_of(known);
    let dated = Dated {
        id: rule.lifecycle.as_deref()?,
        cycle: &cycle,
        product,
        name: &format!("{name} {cycle}"),
        installed: &known.version,
        question: "programs",
    };
    let mut finding = lifecycle::ended(case, &dated)?;
    let same = copies.iter().filter(|one| one.version == known.version);
    let names: BTreeSet<&str> = same.map(|one| one.program.name.as_str()).collect();
    finding.packages = names.into_iter().map(str::to_owned).collect();
    Some(finding)
}
