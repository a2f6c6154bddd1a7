//! The operator's policy, `policy.toml`: the thresholds of the classes, the allow list, and how findings are
//! weighed.

use super::baseline::{self, Baseline, BaselineText};
use super::glob::matches_glob;
use super::policy_windows::{self, Schedule};
use super::priority::{DueText, Measures, RuleText};
use super::rules::line_at;
use super::sighted::Sighted;
use crate::model::{Date, DeviceKind, ListKind};
use ipnetwork::IpNetwork;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

/// The thresholds of the classes, the allow list, and how findings are weighed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A machine counts as assessed for so many days after it was read.
    pub assessed_days: i64,
    /// A machine is overlooked when its last update is older than so many days.
    pub patched_days: i64,
    /// How many sweeps must miss an entry before it is called stale.
    pub unseen_runs: u32,
    /// An entry of a list is old when its last sign of life is older than so many days.
    pub stale_days: i64,
    /// A list is old when what it tells of is older than so many days.
    pub list_days: i64,
    /// Whether a machine without an owner is overlooked; `None`: where any list names owners.
    pub require_owner: Option<bool>,
    /// For how many days after a machine's last sign of life a list of a kind counts as hearing from it.
    pub fresh_days: BTreeMap<ListKind, i64>,
    /// The allow list, in the file's order.
    pub expected: Vec<Expected>,
    /// Waves and maintenance windows, for plans.
    pub schedule: Schedule,
    /// How findings are weighed, and how soon they are to be fixed.
    pub measures: Measures,
    /// What machines of a kind should be, in the file's order.
    pub baselines: Vec<Baseline>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            assessed_days: 30,
            patched_days: 60,
            unseen_runs: 3,
            stale_days: 90,
            list_days: 7,
            require_owner: None,
            fresh_days: BTreeMap::new(),
            expected: Vec::new(),
            schedule: Schedule::default(),
            measures: Measures::default(),
            baselines: Vec::new(),
        }
    }
}

/// Machines that are known to be as they are: printers, appliances, a guest network. All that is given of
/// name, address, mac and device must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// A pattern for its short or full name: `*` for any text, `?` for any letter.
    pub name: Option<String>,
    /// Where it is.
    pub address: Option<IpNetwork>,
    /// How its hardware address begins: hex digits, lower case.
    pub mac: Option<String>,
    /// What kind of device it is.
    pub device: Option<DeviceKind>,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which this holds.
    pub until: Date,
    /// Why.
    pub reason: String,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is not written as it should be.
    #[error("line {line}: {problem}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl Policy {
    /// Reads `policy.toml`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: File = toml::from_str(text).map_err(|error| PolicyError::Malformed {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        let mut policy = Self::default();
        let (plan, windows) = (file.plan, file.windows);
        policy.schedule = Schedule::read(text, policy_windows::Tables { plan, windows })?;
        file.classes
            .map(|classes| policy.set(text, classes))
            .transpose()?;
        for entry in file.expected {
            let line = line_at(text, entry.span().start);
            policy.expected.push(expected(entry.into_inner(), line)?);
        }
        policy.measures = Measures::read(text, file.severity, file.due)?;
        policy.baselines = baseline::read(text, file.baseline)?;
        Ok(policy)
    }

    /// For how many days after a machine's last sign of life a list of a kind counts as hearing from it.
    pub fn fresh_days_of(&self, kind: ListKind) -> i64 {
        let days = self.fresh_days.get(&kind).copied();
        days.unwrap_or(match kind {
            ListKind::ConfigMgr => 14,
            ListKind::Edr => 7,
            // The directory copies a logon's date only every 9 to 14 days.
            ListKind::ActiveDirectory => 45,
            _ => 30,
        })
    }

    fn set(&mut self, text: &str, classes: Classes) -> Result<(), PolicyError> {
        let days = |given: Option<Spanned<i64>>, default: i64| match given {
            Some(given) if !(1..=36_500).contains(given.get_ref()) => {
                let problem = "a number of days from 1 to 36500 is wanted".to_owned();
                Err(malformed(text, &given.span(), problem))
            }
            given => Ok(given.map_or(default, Spanned::into_inner)),
        };
        self.assessed_days = days(classes.assessed_days, self.assessed_days)?;
        self.patched_days = days(classes.patched_days, self.patched_days)?;
        self.stale_days = days(classes.stale_days, self.stale_days)?;
        self.list_days = days(classes.list_days, self.list_days)?;
        self.require_owner = classes.require_owner;
        if let Some(runs) = classes.unseen_runs {
            if !(1..=100).contains(runs.get_ref()) {
                let problem = "unseen_runs is a number of runs from 1 to 100".to_owned();
                return Err(malformed(text, &runs.span(), problem));
            }
            self.unseen_runs = runs.into_inner();
        }
        for (kind, given) in classes.fresh_days {
            let span = kind.span();
            let Some(kind) = ListKind::parse(kind.get_ref()) else {
                let known = ListKind::ALL.iter().map(|kind| kind.as_str());
                let known = known.collect::<Vec<_>>().join(", ");
                let problem = format!("`{}` is no kind of list: {known}", kind.get_ref());
                return Err(malformed(text, &span, problem));
            };
            let given = days(Some(given), 0)?;
            self.fresh_days.insert(kind, given);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    classes: Option<Classes>,
    #[serde(default)]
    expected: Vec<Spanned<Entry>>,
    plan: Option<policy_windows::PlanTable>,
    #[serde(default)]
    windows: BTreeMap<Spanned<String>, Spanned<policy_windows::Said>>,
    #[serde(default)]
    severity: Vec<Spanned<RuleText>>,
    due: Option<DueText>,
    #[serde(default)]
    baseline: Vec<Spanned<BaselineText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    assessed_days: Option<Spanned<i64>>,
    patched_days: Option<Spanned<i64>>,
    unseen_runs: Option<Spanned<u32>>,
    stale_days: Option<Spanned<i64>>,
    list_days: Option<Spanned<i64>>,
    require_owner: Option<bool>,
    #[serde(default)]
    fresh_days: BTreeMap<Spanned<String>, Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    address: Option<String>,
    mac: Option<String>,
    device: Option<String>,
    owner: Option<String>,
    until: Option<toml::Value>,
    #[serde(default)]
    reason: String,
}

pub(super) fn malformed(text: &str, at: &Range<usize>, problem: String) -> PolicyError {
    PolicyError::Malformed {
        line: line_at(text, at.start),
        problem,
    }
}

fn expected(entry: Entry, line: usize) -> Result<Expected, PolicyError> {
    let problem = |problem: String| PolicyError::Malformed { line, problem };
    let given = [&entry.name, &entry.address, &entry.mac, &entry.device];
    if given
        .into_iter()
        .flatten()
        .all(|text| text.trim().is_empty())
    {
        let text = "an [[expected]] says whom it means: give name, address, mac or device";
        return Err(problem(text.to_owned()));
    }
    let owner = entry.owner.map(|owner| owner.trim().to_owned());
    let Some(owner) = owner.filter(|owner| !owner.is_empty()) else {
        return Err(problem(
            "an [[expected]] needs an owner: who answers for it".to_owned(),
        ));
    };
    let until = entry.until.as_ref().and_then(day);
    let Some(until) = until else {
        let text = "an [[expected]] needs until = \"YYYY-MM-DD\": the last day on which it holds";
        return Err(problem(text.to_owned()));
    };
    let address = entry.address.map(|text| {
        let network = text.trim().parse::<IpNetwork>();
        network.map_err(|_| problem(format!("`{text}` is no address or network: 10.0.3.0/24")))
    });
    let mac = entry.mac.map(|text| mac_start(&text).ok_or(text));
    let mac = mac.transpose().map_err(|text| {
        problem(format!(
            "`{text}` is no hardware address nor how one begins: 00:1b:a9"
        ))
    })?;
    let device = entry.device.map(|text| device(text.trim()).ok_or(text));
    let device = device.transpose().map_err(|text| {
        let known = DEVICES.iter().map(|kind| kind.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        problem(format!("`{text}` is no kind of device: {known}"))
    })?;
    Ok(Expected {
        name: entry.name.map(|name| name.trim().to_lowercase()),
        address: address.transpose()?,
        mac,
        device,
        owner,
        until,
        reason: entry.reason.trim().to_owned(),
        line,
    })
}

pub(super) fn day(value: &toml::Value) -> Option<Date> {
    match value {
        toml::Value::String(text) => Date::parse(text),
        toml::Value::Datetime(time) => Date::parse(&time.date?.to_string()),
        _ => None,
    }
}

fn mac_start(text: &str) -> Option<String> {
    let digits = text
        .trim()
        .chars()
        .filter(|one| !matches!(one, ':' | '-' | '.'));
    let digits = digits.collect::<String>().to_lowercase();
    let fits = digits.chars().all(|one| one.is_ascii_hexdigit());
    (fits && (4..=12).contains(&digits.len())).then_some(digits)
}

const DEVICES: &[DeviceKind] = &[
    DeviceKind::Computer,
    DeviceKind::Hypervisor,
    DeviceKind::Printer,
    DeviceKind::Switch,
    DeviceKind::Router,
    DeviceKind::Firewall,
    DeviceKind::AccessPoint,
    DeviceKind::Network,
    DeviceKind::Nas,
    DeviceKind::Camera,
    DeviceKind::Phone,
    DeviceKind::Ups,
    DeviceKind::Plc,
    DeviceKind::ManagementBoard,
    DeviceKind::Embedded,
];

fn device(word: &str) -> Option<DeviceKind> {
    DEVICES.iter().copied().find(|kind| kind.as_str() == word)
}

impl Expected {
    /// Whether a machine is meant, whatever the day. `names` are those that it goes by, lower case.
    pub(super) fn fits(&self, seen: &[&Sighted], names: &[String]) -> bool {
        let name = self.name.as_ref().is_none_or(|pattern| {
            let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
            let mut names = names.iter();
            names.any(|name| matches_glob(pattern, name) || matches_glob(pattern, &short(name)))
        });
        let mut addresses = seen.iter().flat_map(|one| one.addresses.iter());
        let address = self
            .address
            .is_none_or(|network| addresses.any(|address| network.contains(*address)));
        let mut macs = seen.iter().flat_map(|one| one.traits.macs.iter());
        let mac = self.mac.as_ref().is_none_or(|start| {
            macs.any(|mac| mac_start(mac).is_some_and(|mac| mac.starts_with(start.as_str())))
        });
        let device = self.device.is_none_or(|kind| {
            seen.iter()
                .any(|one| one.looks.device == kind || is_a(one.looks.device, kind))
        });
        name && address && mac && device
    }
}

/// Whether one kind of device is among what another word means.
fn is_a(special: DeviceKind, general: DeviceKind) -> bool {
    use DeviceKind as Kind;
    general == Kind::Network
        && matches!(
            special,
            Kind::Switch | Kind::Router | Kind::Firewall | Kind::AccessPoint
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_policy_makes_it_panic(text in ".{0,200}") {
            let _ = Policy::parse(&text);
            let _ = super::super::MergeRules::parse(&text);
        }
    }
}
