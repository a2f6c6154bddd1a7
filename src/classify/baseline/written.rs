//! `[[baseline]]`, as it is written.

use super::{Baseline, Name, Rule, Who};
use crate::classify::glob::Pattern;
use crate::classify::policy::{PolicyError, malformed};
use crate::classify::priority::{HostPattern, Words, patterns, words};
use crate::classify::rules::line_at;
use crate::version::WindowsVersion;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// More baselines than anybody keeps in mind.
const MOST_BASELINES: usize = 200;
/// More rules than one baseline has.
const MOST_RULES: usize = 1_000;
/// No name and no version is longer.
const MOST_LETTERS: usize = 200;

/// One `[[baseline]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::classify) struct BaselineText {
    id: Option<String>,
    reason: Option<String>,
    role: Option<Words>,
    tag: Option<Words>,
    host: Option<Words>,
    os: Option<Words>,
    build: Option<Spanned<String>>,
    os_version: Option<Spanned<String>>,
    #[serde(default)]
    required: Vec<Spanned<String>>,
    #[serde(default)]
    forbidden: Vec<Spanned<String>>,
    #[serde(default)]
    minimum: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Makes sense of what is written; `text` is the whole file, for the lines.
pub(in crate::classify) fn read(
    text: &str,
    written: Vec<Spanned<BaselineText>>,
) -> Result<Vec<Baseline>, PolicyError> {
    let mut baselines: Vec<Baseline> = Vec::new();
    for one in written {
        let line = line_at(text, one.span().start);
        let baseline = baseline(text, one.into_inner(), line)?;
        let problem = |problem: String| PolicyError::Malformed { line, problem };
        if baselines.iter().any(|other| other.id == baseline.id) {
            let what = format!("two [[baseline]] have the id `{}`", baseline.id);
            return Err(problem(what));
        }
        if baselines.len() >= MOST_BASELINES {
            return Err(problem(format!("more than {MOST_BASELINES} [[baseline]]")));
        }
        baselines.push(baseline);
    }
    Ok(baselines)
}

fn baseline(text: &str, written: BaselineText, line: usize) -> Result<Baseline, PolicyError> {
    let problem = |problem: String| PolicyError::Malformed { line, problem };
    let named = |value: Option<String>, what: &str| {
        let value = value.map(|text| text.trim().to_owned());
        let value = value.filter(|text| !text.is_empty() && !text.contains(char::is_control));
        value.ok_or_else(|| problem(format!("a [[baseline]] needs {what}")))
    };
    let id = named(written.id, "an id, one word that drift.csv shows")?;
    let reason = named(written.reason, "a reason, for whoever asks why")?;
    let who = Who {
        roles: patterns(written.role).map_err(problem)?,
        tags: patterns(written.tag).map_err(problem)?,
        hosts: words(written.host, |word| {
            HostPattern::parse(word)
                .ok_or_else(|| "a host is a name, a network or an id".to_owned())
        })
        .map_err(problem)?,
        systems: patterns(written.os).map_err(problem)?,
    };
    if who == Who::default() {
        let what =
            "a [[baseline]] says whom it is for: role, tag, host, os; host = \"*\" is everybody";
        return Err(problem(what.to_owned()));
    }
    let asked = Asked {
        build: written.build,
        os_version: written.os_version,
        required: written.required,
        forbidden: written.forbidden,
        minimum: written.minimum,
    };
    let rules = rules(text, &asked)?;
    if rules.is_empty() || rules.len() > MOST_RULES {
        let what = format!(
            "a [[baseline]] asks for something: build, os_version, required, forbidden, minimum; at most {MOST_RULES} in all"
        );
        return Err(problem(what));
    }
    contradictions(&rules).map_err(problem)?;
    Ok(Baseline {
        id,
        reason,
        line,
        who,
        rules,
    })
}

/// What a baseline asks for, as it is written.
struct Asked {
    build: Option<Spanned<String>>,
    os_version: Option<Spanned<String>>,
    required: Vec<Spanned<String>>,
    forbidden: Vec<Spanned<String>>,
    minimum: BTreeMap<Spanned<String>, Spanned<String>>,
}

fn rules(text: &str, asked: &Asked) -> Result<Vec<Rule>, PolicyError> {
    let read = |one: &Spanned<String>, read: fn(&str) -> Result<Rule, String>| {
        read(one.get_ref()).map_err(|what| malformed(text, &one.span(), what))
    };
    let mut rules = Vec::new();
    if let Some(one) = &asked.build {
        rules.push(read(one, build_number)?);
    }
    if let Some(one) = &asked.os_version {
        rules.push(read(one, release)?);
    }
    for one in &asked.required {
        rules.push(read(one, required)?);
    }
    for one in &asked.forbidden {
        rules.push(read(one, forbidden)?);
    }
    for (one, least) in &asked.minimum {
        let rule = minimum(one.get_ref(), least.get_ref());
        rules.push(rule.map_err(|what| malformed(text, &one.span(), what))?);
    }
    Ok(rules)
}

fn build_number(text: &str) -> Result<Rule, String> {
    let wanted = || format!("build = \"{text}\": a build and its revision, \"20348.2700\"");
    let version = WindowsVersion::parse(text.trim()).ok_or_else(wanted)?;
    let has_two = text.trim().split('.').count() == 2;
    let build = has_two.then(|| version.as_str().to_owned());
    build.map(Rule::Build).ok_or_else(wanted)
}

fn release(text: &str) -> Result<Rule, String> {
    let wanted = || format!("os_version = \"{text}\": at least a release, \">= 12\"");
    let version = text.trim().strip_prefix(">=").ok_or_else(wanted)?.trim();
    let read = WindowsVersion::parse(version).ok_or_else(wanted)?;
    Ok(Rule::OsVersion(read.as_str().to_owned()))
}

/// `openssh-server`, `falcon-sensor >= 7.10`.
fn required(text: &str) -> Result<Rule, String> {
    match text.rsplit_once(" >= ") {
        None => Ok(Rule::Required(name(text)?, None)),
        Some((before, least)) => Ok(Rule::Required(name(before)?, Some(version(least)?))),
    }
}

fn forbidden(text: &str) -> Result<Rule, String> {
    Ok(Rule::Forbidden(name(text)?))
}

fn minimum(item: &str, least: &str) -> Result<Rule, String> {
    Ok(Rule::Minimum(name(item)?, version(least)?))
}

/// A name, in which a comparison would be a mistake.
fn name(text: &str) -> Result<Name, String> {
    let written = text.trim();
    let is_long = written.chars().count() > MOST_LETTERS;
    if written.is_empty() || is_long || written.contains(char::is_control) {
        return Err(format!(
            "a package or program has a name of at most {MOST_LETTERS} letters; * is any text"
        ));
    }
    if written.contains(['<', '>', '=']) {
        return Err(format!(
            "`{written}`: a name, or in required \"NAME >= VERSION\" with blanks around the sign; for what is too old \
             there is minimum = {{ NAME = \"VERSION\" }}"
        ));
    }
    Ok(Name {
        written: written.to_owned(),
        pattern: Pattern::new(written),
    })
}

fn version(text: &str) -> Result<String, String> {
    let text = text.trim();
    let has_number = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_word = !text.contains(|one: char| one.is_whitespace() || one.is_control());
    if has_number && is_word && text.chars().count() <= MOST_LETTERS {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is no version"))
}

/// Sees that no name is both wanted and unwanted, or asked for twice in one way.
fn contradictions(rules: &[Rule]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        let (kind, name) = match rule {
            Rule::Required(name, _) => ("required", name),
            Rule::Forbidden(name) => ("forbidden", name),
            Rule::Minimum(name, _) => ("minimum", name),
            Rule::Build(_) | Rule::OsVersion(_) => continue,
        };
        let folded = name.written.to_lowercase();
        let other = match kind {
            "required" => "forbidden",
            "forbidden" => "required",
            _ => kind,
        };
        for before in [kind, other] {
            if seen.contains(&(before, folded.clone())) {
                return Err(format!("`{}` is {before} and {kind}", name.written));
            }
        }
        seen.insert((kind, folded));
    }
    Ok(())
}
