//! How much a run may do at once, as typed on the command line and in the configuration.

use crate::scan::{LEAST_BANDWIDTH, RunLimits};
use clap::Args;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArguments {
    /// The bits a second that the whole program sends and receives at most, as in 500k, 2M or 1.5G (k is 1,000), from
    /// 64k on: the sweep, the questions who a host is, and logins together, as they are on the wire. For each 64k
    /// one host is worked on at once, and no more than --hands [default: no limit; with --gentle 4M]
    #[arg(long = "max-bandwidth", value_name = "RATE")]
    bandwidth: Option<Bandwidth>,
    /// How many hosts of one /24, or over IPv6 of one /64, are worked on at once; the others wait, and those of
    /// other subnets go before them [default: no limit; with --gentle 4]
    #[arg(long = "max-per-subnet", value_name = "N")]
    per_subnet: Option<NonZeroU32>,
    /// How many hosts that share the value of a tag are worked on at once, as in hypervisor=2,site=8; a list
    /// of targets has them as tags=hypervisor=esx1,site=branch [default: no limit]
    #[arg(long = "max-per-tag", value_name = "KEY=N", value_delimiter = ',')]
    per_tag: Vec<PerTag>,
}

impl LimitArguments {
    pub(super) fn limits(&self) -> RunLimits {
        let tags = self.per_tag.iter();
        RunLimits {
            max_bandwidth: self.bandwidth.map(|bandwidth| bandwidth.0),
            per_subnet: self.per_subnet,
            per_tag: tags.map(|tag| (tag.key.clone(), tag.most)).collect(),
        }
    }
}

/// `[limits]` of a configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsFile {
    #[serde(rename = "max_bandwidth")]
    bandwidth: Option<Bandwidth>,
    #[serde(rename = "max_per_subnet")]
    per_subnet: Option<NonZeroU32>,
    #[serde(rename = "max_per_tag")]
    per_tag: BTreeMap<String, NonZeroU32>,
}

impl LimitsFile {
    pub(super) fn limits(&self) -> RunLimits {
        RunLimits {
            max_bandwidth: self.bandwidth.map(|bandwidth| bandwidth.0),
            per_subnet: self.per_subnet,
            per_tag: self.per_tag.clone(),
        }
    }
}

/// Bits a second: `500k`, `2M`, `1.5G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Bandwidth(NonZeroU64);

const EXPECTED: &str = "expected bits a second, as in 500k, 2M or 1.5G (k is 1,000; 8M is one megabyte a second), at least 64k";

impl FromStr for Bandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?}: {EXPECTED}");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.strip_prefix(digits).unwrap_or_default();
        let unit = match unit {
            "" => 1,
            "k" | "K" => 1_000,
            "m" | "M" => 1_000_000,
            "g" | "G" => 1_000_000_000,
            _ => return Err(expected()),
        };
        let bits = bits(digits, unit).filter(|bits| *bits >= LEAST_BANDWIDTH);
        let bits = bits.and_then(NonZeroU64::new);
        bits.map(Self).ok_or_else(expected)
    }
}

/// A number with at most three digits behind its point, in units.
fn bits(text: &str, unit: u64) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    whole.checked_add(thousandths * unit / 1_000)
}

impl TryFrom<String> for Bandwidth {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A tag's key, and how many hosts with the same value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PerTag {
    key: String,
    most: NonZeroU32,
}

impl FromStr for PerTag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text:?}: expected the key of a tag and how many hosts, at least 1, as in hypervisor=2"
            )
        };
        let (key, most) = text.split_once('=').ok_or_else(expected)?;
        let most = most.parse().map_err(|_| expected())?;
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(expected());
        }
        let key = key.to_owned();
        Ok(Self { key, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bandwidth(text: &str) -> Result<u64, String> {
        text.parse().map(|Bandwidth(bits)| bits.get())
    }

    #[test]
    fn a_bandwidth_is_bits_a_second_with_a_decimal_unit() {
        for (text, bits) in [
            ("500k", 500_000),
            ("2M", 2_000_000),
            ("2m", 2_000_000),
            ("1.5G", 1_500_000_000),
            ("0.064M", 64_000),
            ("64000", 64_000),
        ] {
            assert_eq!(bandwidth(text), Ok(bits), "{text}");
        }
        for text in [
            "",
            "M",
            "2MB",
            "2MiB",
            "2Mbit",
            "-2M",
            "2,5M",
            "63k",
            "0",
            "1e6",
            "99999999999G",
            ".5M",
            "2 M",
        ] {
            let error = bandwidth(text).unwrap_err();
            assert!(error.contains("bits a second, as in 500k"), "{error}");
        }
    }

    #[test]
    fn a_limit_of_a_tag_is_a_key_and_a_number() {
        let tag: PerTag = "hypervisor=2".parse().unwrap();
        assert_eq!((tag.key.as_str(), tag.most.get()), ("hypervisor", 2));
        for text in ["hypervisor", "hypervisor=0", "=2", "a b=2", "hypervisor=x"] {
            assert!(text.parse::<PerTag>().is_err(), "{text}");
        }
    }
}
