//! Which entry of the Uninstall keys is which product: rules in a data file, which a user's own file
//! comes before.

use super::order::Scheme;
use crate::model::{Program, hex};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;
use toml::Spanned;

/// A file of rules is a few kilobytes.
const MOST_BYTES: usize = 4 << 20;
const MOST_RULES: usize = 20_000;

/// Rules, the first that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    digest: String,
}

/// Why a file of rules is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// It is longer than any such file.
    #[error("more than {MOST_BYTES} bytes or {MOST_RULES} rules of programs")]
    TooLong,
    /// It is no TOML, or says what no rule says.
    #[error("line {line}: {what}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A rule that would fit everything or nothing, or lead to nothing.
    #[error("line {line}: the rule for `{name}`: {what}")]
    Senseless {
        /// Where it begins, counted from 1.
        line: usize,
        /// Its patterns.
        name: String,
        /// What is wrong, and what to write.
        what: String,
    },
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Patterns of names, `*` for anything, in lower case, without version, architecture and language:
    /// see [`plain_name`].
    pub(super) name: Vec<String>,
    /// Patterns of publishers.
    #[serde(default)]
    pub(super) publisher: Vec<String>,
    /// The advisories' names of it, `{1}` for the first number of its version; a `*` at the end for
    /// anything.
    pub(super) product: Vec<String>,
    /// How its versions are ordered.
    #[serde(default)]
    pub(super) versions: Scheme,
    /// Where its version is.
    #[serde(default)]
    pub(super) version_in: VersionIn,
    /// Its name in the list of lifecycles.
    pub(super) lifecycle: Option<String>,
    /// Its release there, with numbers as in `product`.
    pub(super) cycle: Option<String>,
}

/// Where an entry has the version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum VersionIn {
    /// `DisplayVersion`, else the name.
    #[default]
    Entry,
    /// The name, else `DisplayVersion`.
    Name,
}

/// How well a rule fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// By name and publisher.
    Both,
    /// By name; the entry has no publisher, or the rule asks for none.
    Name,
    /// By name; the publisher is another.
    OtherPublisher,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    program: Vec<Spanned<Rule>>,
}

impl Default for &Rules {
    /// [`Rules::builtin`].
    fn default() -> Self {
        Rules::builtin()
    }
}

impl Rules {
    /// The rules that come with this program.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Rules> = LazyLock::new(|| Rules {
            digest: String::new(),
            ..Rules::read(include_str!("rules.toml")).unwrap_or_default()
        });
        &BUILTIN
    }

    /// Reads a file of rules: TOML, a `[[program]]` a rule.
    ///
    /// # Errors
    ///
    /// A file that is no such file, or a rule that makes no sense: it says which.
    pub fn read(text: &str) -> Result<Self, RulesError> {
        if text.len() > MOST_BYTES {
            return Err(RulesError::TooLong);
        }
        let malformed = |error: toml::de::Error| RulesError::Malformed {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            what: error.message().to_owned(),
        };
        let file: File = toml::from_str(text).map_err(malformed)?;
        if file.program.len() > MOST_RULES {
            return Err(RulesError::TooLong);
        }
        let read = file.program.into_iter().map(|rule| {
            let line = line_at(text, rule.span().start);
            let rule = rule.into_inner();
            match senseless(&rule) {
                None => Ok(rule),
                Some(what) => Err(RulesError::Senseless {
                    line,
                    name: rule.name.join(", "),
                    what,
                }),
            }
        });
        Ok(Self {
            rules: read.collect::<Result<_, _>>()?,
            digest: hex(&Sha256::digest(text)),
        })
    }

    /// These rules, and after them others.
    #[must_use]
    pub fn before(mut self, others: &Self) -> Self {
        self.rules.extend(others.rules.iter().cloned());
        if !others.digest.is_empty() {
            let both = format!("{} {}", self.digest, others.digest);
            self.digest = hex(&Sha256::digest(both));
        }
        self
    }

    /// The SHA-256 of what users' files say, in hex; empty for the built-in rules alone.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The rule for a program: one that fits by publisher too, else the first that fits by name.
    pub(super) fn of(&self, program: &Program) -> Option<(&Rule, Fit)> {
        let name = plain_name(&program.name);
        let publisher = program
            .publisher
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let mut best: Option<(&Rule, Fit)> = None;
        for rule in &self.rules {
            if !rule.name.iter().any(|pattern| fits(pattern, &name)) {
                continue;
            }
            let fit = if rule
                .publisher
                .iter()
                .any(|pattern| fits(pattern, &publisher))
            {
                return Some((rule, Fit::Both));
            } else if publisher.is_empty() || rule.publisher.is_empty() {
                Fit::Name
            } else {
                Fit::OtherPublisher
            };
            best = best.or(Some((rule, fit)));
        }
        best
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Why a rule could not do what its writer means.
fn senseless(rule: &Rule) -> Option<String> {
    let is_open = |pattern: &String| pattern.chars().all(|one| one == '*' || one == ' ');
    if rule.name.is_empty() || rule.name.iter().any(is_open) {
        return Some("its name fits everything or nothing; name the program".to_owned());
    }
    if rule.product.is_empty() || rule.product.iter().any(is_open) {
        return Some("it has no product; name it as the bulletins do".to_owned());
    }
    if rule.lifecycle.is_some() != rule.cycle.is_some() {
        return Some("lifecycle and cycle need each other; name both or none".to_owned());
    }
    let numbers = rule.product.iter().chain(&rule.cycle);
    let mut strange = numbers.filter(|text| {
        text.replace("{1}", "")
            .replace("{2}", "")
            .contains(['{', '}'])
    });
    if let Some(text) = strange.next() {
        return Some(format!(
            "`{text}`: only {{1}} and {{2}} stand for numbers of the version"
        ));
    }
    let mut names = rule.name.iter();
    names.find_map(|pattern| {
        // A letter: where there would be a number, there could be a word.
        let name = pattern.to_lowercase().replace('*', "a");
        (plain_name(&name) != name).then(|| {
            format!(
                "`{pattern}` fits no name; leave out what names are compared without: versions, \
                 architectures, brackets"
            )
        })
    })
}

/// A name without what changes from version to version and from machine to machine: `Mozilla Firefox
/// 115.3.0 ESR (x64 de)` is `mozilla firefox esr`. Whole numbers stay: they may be part of it.
pub(super) fn plain_name(name: &str) -> String {
    let mut outside = String::new();
    let mut depth = 0_usize;
    for one in name.chars() {
        match one {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(one),
            _ => {}
        }
        if one == ')' {
            outside.push(' ');
        }
    }
    let words = outside.split_whitespace().map(str::to_lowercase);
    let kept: Vec<String> = words.filter(|word| !is_variable(word)).collect();
    kept.join(" ").trim_end_matches(['-', ',', ' ']).to_owned()
}

/// A version, an architecture, or a dash between them.
fn is_variable(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "-", "x64", "x86", "64-bit", "32-bit", "64bit", "32bit", "amd64", "arm64", "win32",
        "win64", "x86_64", "version", "release",
    ];
    let digits = word.strip_prefix('v').unwrap_or(word);
    let is_version =
        digits.contains('.') && digits.starts_with(|first: char| first.is_ascii_digit());
    is_version || WORDS.contains(&word)
}

/// Whether a text fits a pattern in which `*` stands for anything. In time of their product, whatever
/// they are.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.to_lowercase();
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest
            .split_once(part)
            .or(part.is_empty().then_some(("", rest)))
        else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProgramScope;

    fn program(name: &str, publisher: Option<&str>) -> Program {
        Program {
            name: name.to_owned(),
            version: Some("1.0".to_owned()),
            publisher: publisher.map(str::to_owned),
            arch: None,
            scope: ProgramScope::Machine,
            installed_on: None,
            location: None,
            key: String::new(),
        }
    }

    #[test]
    fn a_name_is_stripped_of_what_changes() {
        let names = [
            ("7-Zip 23.01 (x64)", "7-zip"),
            (
                "Mozilla Firefox 115.3.0 ESR (x64 de)",
                "mozilla firefox esr",
            ),
            ("Mozilla Firefox (x64 en-US)", "mozilla firefox"),
            ("PuTTY release 0.79 (64-bit)", "putty"),
            ("Wireshark 4.0.6 64-bit", "wireshark"),
            ("Java 8 Update 401 (64-bit)", "java 8 update 401"),
            (
                "Visual Studio Community 2022",
                "visual studio community 2022",
            ),
            ("Notepad++ (64-bit x64)", "notepad++"),
            ("(((", ""),
        ];
        for (name, plain) in names {
            assert_eq!(plain_name(name), plain, "{name}");
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("java * update *", "java 8 update 401"));
        assert!(fits("*", ""));
        assert!(fits("a*a", "aa"));
        assert!(!fits("a*a", "a"));
        assert!(!fits("7-zip", "7-zip portable"));
        assert!(fits("Adobe*Reader*", "adobe acrobat reader dc"));
    }

    #[test]
    fn the_rules_that_come_along_are_read_and_each_can_be_reached() {
        let rules = Rules::read(include_str!("rules.toml")).unwrap();
        assert!(rules.len() >= 100, "{}", rules.len());
        for rule in &rules.rules {
            for name in &rule.name {
                let lower = name.to_lowercase();
                assert_eq!(*name, lower, "patterns are in lower case");
                let text = name.replace('*', "1");
                assert_eq!(plain_name(&text), text, "no name is left like this");
            }
            assert_eq!(
                rule.lifecycle.is_some(),
                rule.cycle.is_some(),
                "{:?}",
                rule.name
            );
        }
    }

    #[test]
    fn a_rule_that_fits_by_publisher_goes_before_one_that_does_not() {
        let rules = Rules::builtin();
        let git = rules
            .of(&program("Git", Some("The Git Development Community")))
            .unwrap();
        assert_eq!(git.1, Fit::Both);
        let other = rules.of(&program("Git", Some("Somebody else"))).unwrap();
        assert_eq!(other.1, Fit::OtherPublisher);
        let none = rules.of(&program("7-Zip 19.00", None)).unwrap();
        assert_eq!(none.1, Fit::Name);
    }

    #[test]
    fn a_users_rules_come_first_and_bad_ones_are_refused() {
        let own = "[[program]]\nname = [\"7-zip\"]\nproduct = [\"our 7-zip\"]\n";
        let rules = Rules::read(own).unwrap().before(Rules::builtin());
        let seven = program("7-Zip 23.01 (x64)", None);
        assert_eq!(rules.of(&seven).unwrap().0.product, ["our 7-zip"]);
        for bad in [
            "[[program]]\nname = [\"*\"]\nproduct = [\"x\"]\n",
            "[[program]]\nname = [\"x\"]\nproduct = []\n",
            "[[program]]\nname = [\"x\"]\nproduct = [\"x\"]\nwhatever = 1\n",
            "[[program]]\nname = [\"x\"]\nproduct = [\"x {3}\"]\n",
            "[[program]]\nname = [\"x\"]\nproduct = [\"x\"]\nlifecycle = \"x\"\n",
            "program = 7",
        ] {
            assert!(Rules::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_that_no_name_is_left_like_is_refused_and_its_line_named() {
        let rule =
            |name: &str| format!("# mine\n\n[[program]]\nname = [\"{name}\"]\nproduct = [\"x\"]\n");
        for bad in [
            "till 1.2",
            "till (x64)",
            "till x64",
            "till  pro",
            "till - pro",
            "till 1.*",
        ] {
            let error = Rules::read(&rule(bad)).expect_err(bad).to_string();
            assert!(error.starts_with("line 3: the rule for `"), "{error}");
        }
        for good in ["till 2", "Till*", "*till *", "till *.* pro"] {
            assert!(Rules::read(&rule(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_documented_example_is_a_file_of_rules() {
        let page = include_str!("../../../../docs/programs.md");
        let example = page.split("```toml").nth(1).unwrap();
        let rules = Rules::read(example.split("```").next().unwrap()).unwrap();
        let till = program(
            "Till Software Pro 4.1.0 (x64)",
            Some("Example GmbH & Co. KG"),
        );
        assert_eq!(rules.of(&till).unwrap().1, Fit::Both);
    }

    #[test]
    fn the_digest_is_of_users_files_in_their_order() {
        let read = |name: &str| {
            let rule = format!("[[program]]\nname = [\"{name}\"]\nproduct = [\"x\"]\n");
            Rules::read(&rule).unwrap()
        };
        let before = |rules: Rules| rules.before(Rules::builtin()).digest().to_owned();
        assert_eq!(Rules::builtin().digest(), "");
        assert_eq!(before(read("a")), read("a").digest());
        let (first, second) = (read("a").before(&read("b")), read("b").before(&read("a")));
        assert_ne!(before(first), before(second));
    }
}
