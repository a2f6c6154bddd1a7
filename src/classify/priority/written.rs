//! The parts of `policy.toml` that weigh findings, as they are written.

use super::allowance::WEEKDAYS;
use super::bod::{self, Assumed, Preset};
use super::rules::When;
use super::{Allowance, Calendar, Due, Effect, HostPattern, Measures, SeverityRule};
use crate::classify::glob::Pattern;
use crate::classify::policy::{PolicyError, day, malformed};
use crate::classify::rules::line_at;
use crate::model::{Date, Epss, FindingState, IMPACTS, Severity, impact_word};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

/// More rules than anybody keeps in mind; each is asked of every finding.
const MOST_RULES: usize = 1_000;
/// More free days than a century has.
const MOST_HOLIDAYS: usize = 5_000;

/// One `[[severity]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::classify) struct RuleText {
    id: Option<String>,
    reason: Option<String>,
    bulletin: Option<Words>,
    product: Option<Words>,
    tag: Option<Words>,
    host: Option<Words>,
    state: Option<Words>,
    vendor_severity: Option<Words>,
    kev: Option<bool>,
    epss_at_least: Option<f64>,
    cvss_at_least: Option<f64>,
    impact: Option<Words>,
    cwe: Option<Words>,
    set: Option<String>,
    raise: Option<u8>,
    lower: Option<u8>,
}

/// A word, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(in crate::classify) enum Words {
    One(String),
    Many(Vec<String>),
}

/// `[due]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::classify) struct DueText {
    critical: Option<Spanned<toml::Value>>,
    high: Option<Spanned<toml::Value>>,
    medium: Option<Spanned<toml::Value>>,
    low: Option<Spanned<toml::Value>>,
    negligible: Option<Spanned<toml::Value>>,
    unrated: Option<Spanned<toml::Value>>,
    #[serde(default)]
    holidays: Vec<Spanned<toml::Value>>,
    weekend: Option<Spanned<Vec<String>>>,
    kev: Option<Spanned<String>>,
    preset: Option<Spanned<String>>,
    assume: Option<Spanned<AssumeText>>,
}

/// `[due.assume]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssumeText {
    publicly_exposed: Option<bool>,
    automatable: Option<bool>,
    technical_impact: Option<String>,
}

impl Measures {
    /// Makes sense of what is written; `text` is the whole file, for the lines.
    pub(in crate::classify) fn read(
        text: &str,
        rules: Vec<Spanned<RuleText>>,
        due: Option<DueText>,
    ) -> Result<Self, PolicyError> {
        let mut ids = BTreeSet::new();
        let mut measures = Self::default();
        for rule in rules {
            let line = line_at(text, rule.span().start);
            let problem = |problem: String| PolicyError::Malformed { line, problem };
            let rule = severity_rule(rule.into_inner(), line).map_err(problem)?;
            if !ids.insert(rule.id.clone()) {
                let text = format!("two [[severity]] have the id `{}`", rule.id);
                return Err(problem(text));
            }
            if ids.len() > MOST_RULES {
                return Err(problem(format!(
                    "more than {MOST_RULES} [[severity]]: one pattern may stand for many"
                )));
            }
            measures.rules.push(rule);
        }
        measures.due = due.map(|due| read_due(text, due)).transpose()?;
        Ok(measures)
    }
}

fn severity_rule(rule: RuleText, line: usize) -> Result<SeverityRule, String> {
    let named = |value: Option<String>, what: &str| {
        let value = value.map(|text| text.trim().to_owned());
        let value = value.filter(|text| !text.is_empty() && !text.contains(char::is_control));
        value.ok_or_else(|| format!("a [[severity]] needs {what}"))
    };
    let id = named(rule.id, "an id, one word that policy_rule shows")?;
    let reason = named(rule.reason, "a reason, for whoever asks why")?;
    let effect = match (rule.set, rule.raise, rule.lower) {
        (Some(word), None, None) => Effect::Set(severity(&word)?),
        (None, Some(by @ 1..=3), None) => Effect::Raise(by),
        (None, None, Some(by @ 1..=3)) => Effect::Lower(by),
        _ => {
            let wanted = "a [[severity]] does one of set = \"high\", raise = 1, lower = 1 (1 to 3)";
            return Err(wanted.to_owned());
        }
    };
    let when = When {
        bulletins: patterns(rule.bulletin)?,
        products: patterns(rule.product)?,
        tags: patterns(rule.tag)?,
        hosts: words(rule.host, |word| {
            HostPattern::parse(word)
                .ok_or_else(|| "a host is a name, a network or an id".to_owned())
        })?,
        states: words(rule.state, state)?,
        vendor: words(rule.vendor_severity, severity)?,
        kev: rule.kev,
        epss_at_least: rule.epss_at_least.map(probability).transpose()?,
        cvss_at_least: rule.cvss_at_least.map(tenths).transpose()?,
        impacts: words(rule.impact, impact)?,
        cwes: words(rule.cwe, weakness)?,
    };
    if when.is_empty() {
        let wanted = "a [[severity]] says what it is about: bulletin, product, tag, host, state, \
                      vendor_severity, kev, epss_at_least, cvss_at_least, impact, cwe; bulletin = \"*\" is everything";
        return Err(wanted.to_owned());
    }
    Ok(SeverityRule {
        id,
        reason,
        line,
        effect,
        when,
    })
}

/// Reads a word, or each of several.
pub(in crate::classify) fn words<T>(
    given: Option<Words>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let given = match given {
        None => return Ok(Vec::new()),
        Some(Words::One(word)) => vec![word],
        Some(Words::Many(words)) => words,
    };
    // Nothing at all would ask for nothing, and be about everything.
    if given.is_empty() || given.iter().any(|word| word.trim().is_empty()) {
        return Err("an empty word or list asks for nothing: leave the key out".to_owned());
    }
    given.iter().map(|word| read(word)).collect()
}

/// Reads a pattern, or several.
pub(in crate::classify) fn patterns(given: Option<Words>) -> Result<Vec<Pattern>, String> {
    words(given, |word| Ok(Pattern::new(word)))
}

fn severity(word: &str) -> Result<Severity, String> {
    let wanted = || format!("`{word}` is no severity: critical, high, medium, low");
    let found = Severity::parse(word).ok_or_else(wanted)?;
    match found {
        Severity::Negligible => Err(wanted()),
        found => Ok(found),
    }
}

/// The states that a rule may be about: those that are not closed.
const STATES: &[FindingState] = &[
    FindingState::Missing,
    FindingState::MissingNeedsSubscription,
    FindingState::PendingReboot,
    FindingState::Inconsistent,
    FindingState::NoFixYet,
    FindingState::WontFix,
    FindingState::EndOfLife,
    FindingState::Unknown,
    FindingState::Unverified,
];

fn state(word: &str) -> Result<FindingState, String> {
    let found = STATES.iter().find(|state| state.as_str() == word.trim());
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = STATES.iter().map(|state| state.as_str()).collect();
        format!("`{word}` is no state: {}", known.join(", "))
    })
}

/// A word that a rule may be about: what a publisher calls otherwise, no rule would ever fit.
fn impact(word: &str) -> Result<&'static str, String> {
    let ours = impact_word(word);
    let found = IMPACTS.iter().find(|known| **known == ours);
    found
        .copied()
        .ok_or_else(|| format!("`{word}` is no impact: {}", IMPACTS.join(", ")))
}

/// `CWE-787`, or a pattern of such ids.
fn weakness(word: &str) -> Result<Pattern, String> {
    let wanted = || format!("`{word}` is no weakness: CWE-787, or CWE-78* for all that begin so");
    let lower = word.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix("cwe-").ok_or_else(wanted)?;
    let is_number = |byte: u8| byte.is_ascii_digit() || b"*?".contains(&byte);
    let fits = !rest.is_empty() && rest.len() <= 8 && rest.bytes().all(is_number);
    // `CWE-079` is what `CWE-79` fits.
    let number = match rest.trim_start_matches('0') {
        "" => return Err(wanted()),
        number => number,
    };
    fits.then(|| Pattern::new(&format!("cwe-{number}")))
        .ok_or_else(wanted)
}

fn probability(given: f64) -> Result<Epss, String> {
    let wanted = || "epss_at_least is a probability from 0 to 1: 0.5".to_owned();
    let within = (0.0..=1.0).contains(&given);
    let whole = within.then_some(given * 100_000.0).ok_or_else(wanted)?;
    Ok(Epss(rounded(whole)))
}

fn tenths(given: f64) -> Result<u8, String> {
    let wanted = || "cvss_at_least is a score from 0 to 10: 9.8".to_owned();
    let within = (0.0..=10.0).contains(&given);
    let whole = within.then_some(given * 10.0).ok_or_else(wanted)?;
    u8::try_from(rounded(whole)).map_err(|_| wanted())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both ranges were looked at"
)]
fn rounded(number: f64) -> u32 {
    number.round() as u32
}

fn read_due(text: &str, due: DueText) -> Result<Due, PolicyError> {
    let given = [
        (Some(Severity::Critical), due.critical),
        (Some(Severity::High), due.high),
        (Some(Severity::Medium), due.medium),
        (Some(Severity::Low), due.low),
        (Some(Severity::Negligible), due.negligible),
        (None, due.unrated),
    ];
    let mut allowed = BTreeMap::new();
    for (severity, value) in given {
        if let Some(value) = value {
            allowed.insert(severity, allowance(text, &value)?);
        }
    }
    let follows_kev = match due.kev {
        None => false,
        Some(word) => match word.get_ref().as_str() {
            "due_date" => true,
            "ignore" => false,
            other => {
                let problem = format!(
                    "kev = \"{other}\": \"due_date\" lets CISA's date count where it is earlier, \"ignore\" does not"
                );
                return Err(malformed(text, &word.span(), problem));
            }
        },
    };
    Ok(Due {
        allowed,
        calendar: calendar(text, due.weekend, &due.holidays)?,
        follows_kev,
        preset: preset(text, due.preset, due.assume)?,
    })
}

fn allowance(text: &str, value: &Spanned<toml::Value>) -> Result<Allowance, PolicyError> {
    let read = match value.get_ref() {
        toml::Value::Integer(days) => Allowance::parse(&days.to_string()),
        toml::Value::String(text) => Allowance::parse(text),
        _ => None,
    };
    read.ok_or_else(|| {
        let problem =
            "how long is 14, \"14 days\", \"3 business days\", \"2 weeks\", \"1 month\" or \"quarter\", at most ten years";
        malformed(text, &value.span(), problem.to_owned())
    })
}

fn calendar(
    text: &str,
    weekend: Option<Spanned<Vec<String>>>,
    holidays: &[Spanned<toml::Value>],
) -> Result<Calendar, PolicyError> {
    let mut free = vec![5, 6];
    let mut span: Range<usize> = 0..0;
    if let Some(weekend) = weekend {
        span = weekend.span();
        let days = weekend.get_ref().iter().map(|word| {
            let word = word.trim().to_lowercase();
            let place = WEEKDAYS.iter().position(|day| *day == word);
            place.ok_or_else(|| {
                let problem = format!("`{word}` is no day of the week: {}", WEEKDAYS.join(", "));
                malformed(text, &span, problem)
            })
        });
        free = days.collect::<Result<_, _>>()?;
    }
    let mut off: Vec<Date> = Vec::new();
    for holiday in holidays.iter().take(MOST_HOLIDAYS + 1) {
        let read = day(holiday.get_ref()).filter(|_| off.len() < MOST_HOLIDAYS);
        let read = read.ok_or_else(|| {
            let problem =
                format!("a holiday is a day, \"2026-12-25\"; at most {MOST_HOLIDAYS} of them");
            malformed(text, &holiday.span(), problem)
        })?;
        off.push(read);
    }
    Calendar::new(&free, off).ok_or_else(|| {
        let problem = "a week without a day to work on: leave one out of weekend".to_owned();
        malformed(text, &span, problem)
    })
}

fn preset(
    text: &str,
    preset: Option<Spanned<String>>,
    assume: Option<Spanned<AssumeText>>,
) -> Result<Option<Preset>, PolicyError> {
    let Some(named) = preset else {
        return match assume {
            None => Ok(None),
            Some(assume) => {
                let problem = format!("[due.assume] goes with preset = \"{}\"", bod::NAME);
                Err(malformed(text, &assume.span(), problem))
            }
        };
    };
    if named.get_ref() != bod::NAME {
        let problem = format!("there is no preset `{}`: {}", named.get_ref(), bod::NAME);
        return Err(malformed(text, &named.span(), problem));
    }
    let mut assumed = Assumed::default();
    if let Some(assume) = assume {
        let span = assume.span();
        let assume = assume.into_inner();
        assumed.exposed = assume.publicly_exposed.unwrap_or(assumed.exposed);
        assumed.automatable = assume.automatable.unwrap_or(assumed.automatable);
        assumed.total = match assume.technical_impact.as_deref() {
            None => assumed.total,
            Some("total") => true,
            Some("partial") => false,
            Some(other) => {
                let problem = format!("technical_impact = \"{other}\": \"total\" or \"partial\"");
                return Err(malformed(text, &span, problem));
            }
        };
    }
    Ok(Some(Preset::CisaBod2604(assumed)))
}
