//! What a host may have of its vendor, and when it last asked: subscriptions, products, module streams,
//! and the age of its package lists.

use super::super::platform::clip;
use super::questions::{MODULES, PRODUCTS, REFRESHED, SUBSCRIPTION};
use super::sources::sources;
use crate::model::{Gap, GapCause, Subscription, UtcTime};
use crate::session::Answers;
use serde::Deserialize;
use std::collections::BTreeSet;

/// When the lists of packages were last fetched: the newest of what a fetch leaves behind.
pub(super) fn refreshed(answers: &Answers) -> Result<UtcTime, Gap> {
    let text = answers.text(REFRESHED)?;
    let seconds = text.lines().filter_map(|line| {
        let (seconds, _) = line.split_once(' ')?;
        seconds.parse().ok().filter(|seconds| *seconds > 0)
    });
    seconds.max().map(UtcTime::from_unix).ok_or(Gap {
        question: REFRESHED.to_owned(),
        cause: GapCause::Malformed,
    })
}

/// What the host is entitled to.
pub(super) fn subscription(answers: &Answers) -> Result<Subscription, Gap> {
    let text = answers.text(SUBSCRIPTION)?;
    let malformed = || Gap {
        question: SUBSCRIPTION.to_owned(),
        cause: GapCause::Malformed,
    };
    let (facts, status) = match text.split_once("# pro\n") {
        Some((facts, status)) => (facts, Some(status)),
        None => (text, None),
    };
    let mut subscription = Subscription::default();
    let mut services = BTreeSet::new();
    if let Some(status) = status {
        let status: ProStatus = serde_json::from_str(status).map_err(|_| malformed())?;
        subscription.attached = status.attached;
        services.extend(status.enabled());
    }
    for line in facts.lines() {
        match line.split_once('\t') {
            Some(("rhsm", state)) => {
                subscription.attached |= state == "yes";
                services.extend(extended_repositories(answers));
            }
            Some(("scc", state)) => {
                subscription.attached |= state == "yes";
                services.extend(extended_products(answers));
            }
            Some(("pro", "none")) => {}
            _ => return Err(malformed()),
        }
    }
    // Images of a cloud's own are entitled through its update servers, and registered nowhere.
    subscription.attached |= services.remove(CLOUD);
    subscription.services = services.into_iter().collect();
    Ok(subscription)
}

/// Stands for Red Hat's update infrastructure in clouds.
const CLOUD: &str = "rhui";

/// Ubuntu's `status.json`, written for everybody by its client.
#[derive(Deserialize)]
struct ProStatus {
    #[serde(default)]
    attached: bool,
    #[serde(default)]
    services: Vec<ProService>,
}

#[derive(Deserialize)]
struct ProService {
    name: String,
    #[serde(default)]
    status: String,
}

impl ProStatus {
    fn enabled(self) -> impl Iterator<Item = String> {
        // A service may be enabled and warn.
        let is_on = |service: &ProService| matches!(service.status.as_str(), "enabled" | "warning");
        let services = self.services.into_iter().filter(is_on).take(100);
        services.map(|service| clip(&service.name, 100))
    }
}

/// The extended-support channels among the enabled content sets:
/// `rhel-9-for-x86_64-baseos-eus-rpms`.
fn extended_repositories(answers: &Answers) -> BTreeSet<String> {
    const CHANNELS: [&str; 6] = ["aus", "e4s", "els", "eus", "tus", CLOUD];
    let sources = sources(answers).unwrap_or_default();
    let enabled = sources.iter().filter(|source| source.enabled);
    let words = enabled.flat_map(|source| source.id.split('-'));
    let known = words.filter(|word| CHANNELS.contains(word));
    known.map(str::to_owned).collect()
}

/// The extended-support products of SUSE: `SLES-LTSS`.
fn extended_products(answers: &Answers) -> BTreeSet<String> {
    let products = products(answers).unwrap_or_default();
    let is_extended = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.contains("ltss") || name.contains("-espos")
    };
    let extended = products.into_iter().filter(is_extended);
    extended
        .map(|name| {
            let lower = name.to_ascii_lowercase();
            let word = if lower.contains("ltss") {
                "ltss"
            } else {
                "espos"
            };
            word.to_owned()
        })
        .collect()
}

/// The installed products of SUSE, `name version`, sorted.
pub(super) fn products(answers: &Answers) -> Result<Vec<String>, Gap> {
    let text = answers.text(PRODUCTS)?;
    let mut products = BTreeSet::new();
    for file in text.split("# /").skip(1).take(500) {
        let (Some(name), version) = (element(file, "name"), element(file, "version")) else {
            continue;
        };
        let product = format!("{name} {}", version.unwrap_or_default());
        products.insert(clip(product.trim_end(), 200));
    }
    if products.is_empty() {
        return Err(Gap {
            question: PRODUCTS.to_owned(),
            cause: GapCause::Malformed,
        });
    }
    Ok(products.into_iter().collect())
}

/// The text of an element that holds nothing but text.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once('<')?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// The enabled module streams, `name:stream`, sorted.
pub(super) fn modules(answers: &Answers) -> Result<Vec<String>, Gap> {
    let text = answers.text(MODULES)?;
    let mut modules = BTreeSet::new();
    for section in text.split('[').skip(1).take(2_000) {
        let (name, rest) = section.split_once(']').unwrap_or_default();
        let value = |key: &str| {
            let lines = rest.lines().filter_map(|line| line.split_once('='));
            let mut lines = lines.filter(|pair| pair.0.trim() == key);
            lines.next_back().map_or("", |pair| pair.1.trim())
        };
        if value("state") == "enabled" && !name.is_empty() && !value("stream").is_empty() {
            modules.insert(clip(&format!("{name}:{}", value("stream")), 200));
        }
    }
    Ok(modules.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::super::questions::SOURCES;
    use super::*;

    #[test]
    fn the_newest_trace_of_a_fetch_counts() {
        let text = "1700000000 /var/lib/apt/lists\n1700000100 /var/lib/apt/periodic/update-success-stamp\nx y\n";
        let time = refreshed(&answers(&[(REFRESHED, text)])).unwrap();
        assert_eq!(time.unix(), 1_700_000_100);
        let gap = refreshed(&answers(&[(REFRESHED, "never\n")])).unwrap_err();
        assert_eq!(gap.cause, GapCause::Malformed);
    }

    /// Whether attached, and what is switched on.
    fn entitled(texts: &[(&'static str, &str)]) -> String {
        let subscription = subscription(&answers(texts)).unwrap();
        format!(
            "{} {}",
            subscription.attached,
            subscription.services.join(",")
        )
    }

    #[test]
    fn ubuntus_client_tells_what_is_switched_on() {
        let status = r#"{"attached": true, "account": {"name": "x"}, "services": [
            {"name": "esm-infra", "status": "enabled", "entitled": "yes"},
            {"name": "fips", "status": "n/a"}, {"name": "esm-apps", "status": "warning"},
            {"name": "livepatch", "status": "disabled"}]}"#;
        let text = format!("# pro\n{status}");
        assert_eq!(
            entitled(&[(SUBSCRIPTION, &text)]),
            "true esm-apps,esm-infra"
        );
        assert_eq!(entitled(&[(SUBSCRIPTION, "pro\tnone\n")]), "false ");
        let gap = subscription(&answers(&[(SUBSCRIPTION, "# pro\n{\"attached\"")]));
        assert_eq!(gap.unwrap_err().cause, GapCause::Malformed);
    }

    #[test]
    fn red_hats_extended_channels_show_in_the_enabled_content_sets() {
        let repos = "# /etc/yum.repos.d/redhat.repo\n\
            [rhel-9-for-x86_64-baseos-eus-rpms]\nenabled = 1\ngpgcheck = 1\nbaseurl = https://cdn.example/\n\
            [rhel-9-for-x86_64-baseos-aus-rpms]\nenabled = 0\ngpgcheck = 1\nbaseurl = https://cdn.example/\n";
        let ask = |state| entitled(&[(SUBSCRIPTION, state), (SOURCES, repos)]);
        assert_eq!(ask("rhsm\tyes\n"), "true eus");
        let cloud = repos.replace("[rhel-9-for-x86_64-baseos-eus", "[rhui-rhel-9-baseos");
        let text = [(SUBSCRIPTION, "rhsm\tno\n"), (SOURCES, cloud.as_str())];
        assert_eq!(entitled(&text), "true ");
        assert_eq!(entitled(&[(SUBSCRIPTION, "rhsm\tno\n")]), "false ");
    }

    #[test]
    fn suses_products_tell_name_and_version_and_long_support() {
        let text = "# /etc/products.d/SLES-LTSS.prod\n  <name>SLES-LTSS</name>\n  <version>15.3</version>\n\
            # /etc/products.d/SLES.prod\n<name>SLES</name>\n<version>15.3</version>\n# /etc/products.d/x.prod\n";
        let given = answers(&[(PRODUCTS, text)]);
        assert_eq!(products(&given).unwrap(), ["SLES 15.3", "SLES-LTSS 15.3"]);
        let both = [(PRODUCTS, text), (SUBSCRIPTION, "scc\tyes\n")];
        assert_eq!(entitled(&both), "true ltss");
        assert!(products(&answers(&[(PRODUCTS, "<name>")])).is_err());
    }

    #[test]
    fn only_enabled_streams_count() {
        let text = "[perl]\nname=perl\nstream=5.32\nstate=enabled\n[php]\nname=php\nstream=\nstate=\n\
            [nodejs]\nstream = 18\nstate = disabled\n";
        assert_eq!(
            modules(&answers(&[(MODULES, text)])).unwrap(),
            ["perl:5.32"]
        );
        assert!(modules(&answers(&[(MODULES, "")])).unwrap().is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z#=:\\[\\]{}<>/ \t\"\u{e9}]{0,30}\n){0,6}") {
            let given = answers(&[
                (SUBSCRIPTION, &text), (PRODUCTS, &text), (MODULES, &text), (REFRESHED, &text),
            ]);
            let _ = (subscription(&given), products(&given), modules(&given), refreshed(&given));
        }
    }
}
