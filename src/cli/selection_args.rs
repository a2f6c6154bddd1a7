//! `--bulletin`, `--state`, `--tag` and the like: which findings and machines a question is about.
#![expect(
    clippy::doc_markdown,
    reason = "help is plain text, in which a backtick is one"
)]

use super::Stop;
use crate::model::{Excepted, FindingState, Selection, Severity, WorkStatus};
use clap::Args;
use ipnetwork::IpNetwork;

/// Which findings and machines are shown. Several values of one flag are alternatives; several flags hold together.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Only what is asked for")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(super) struct SelectionArguments {
    /// Findings about these updates, bulletins or CVEs; an update that was replaced is closed by the one that
    /// replaces it
    #[arg(long, value_name = "KB|ID|CVE", value_delimiter = ',')]
    pub(super) bulletin: Vec<String>,
    /// The same for CVEs
    #[arg(long, value_name = "CVE", value_delimiter = ',')]
    pub(super) cve: Vec<String>,
    /// Findings that your policy rates so or worse, and those that nobody rates: low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    pub(super) my_severity: Option<String>,
    /// Findings that their publisher rates so or worse, and those that nobody rates
    #[arg(long, value_name = "SEVERITY")]
    pub(super) severity: Option<String>,
    /// Findings in these states: words of findings.csv, or open, undecided, closed for all of a kind
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    pub(super) state: Vec<String>,
    /// Findings about products or packages with this text in their name
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    pub(super) product: Vec<String>,
    /// Findings with a flaw that is known to be exploited
    #[arg(long)]
    pub(super) kev: bool,
    /// Findings that should have been fixed by now, by the due dates of the policy
    #[arg(long)]
    pub(super) overdue: bool,
    /// Findings by how far people say the work is: new (nobody wrote anything), assigned, in_progress, done, accepted,
    /// false_positive
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub(super) status: Vec<String>,
    /// Findings that an exception holds for
    #[arg(long, conflicts_with = "not_excepted")]
    pub(super) excepted: bool,
    /// Findings that none holds for
    #[arg(long)]
    pub(super) not_excepted: bool,
    /// Who sees to it: as people wrote of the finding, else the machine's tag owner=, else its owner in a list
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) owner: Vec<String>,
    /// Machines by name, address, network or machine id
    #[arg(long, value_name = "NAME|IP|CIDR|ID", value_delimiter = ',')]
    pub(super) host: Vec<String>,
    /// Machines that were met in these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(super) subnet: Vec<String>,
    /// Machines with one of these tags, as in role=web
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(super) tag: Vec<String>,
}

impl SelectionArguments {
    /// What is meant.
    ///
    /// # Errors
    /// A word that is not known, with those that are.
    pub(super) fn read(&self) -> Result<Selection, Stop> {
        let severity = |flag: &str, word: &Option<String>| match word {
            None => Ok(None),
            Some(word) => severity(flag, word).map(Some),
        };
        let named = self.bulletin.iter().chain(&self.cve);
        let subnets = self.subnet.iter().map(|word| network("subnet", word));
        for host in self.host.iter().filter(|word| word.contains('/')) {
            network("host", host)?;
        }
        let statuses = self.status.iter().map(|word| status(word));
        Ok(Selection {
            bulletins: named.map(|name| bulletin(name)).collect::<Result<_, _>>()?,
            my_severity: severity("my-severity", &self.my_severity)?,
            severity: severity("severity", &self.severity)?,
            states: states(&self.state)?,
            products: self.product.clone(),
            exploited: self.kev,
            overdue: self.overdue,
            statuses: statuses.collect::<Result<_, _>>()?,
            excepted: match (self.excepted, self.not_excepted) {
                (true, _) => Excepted::Only,
                (false, true) => Excepted::Without,
                (false, false) => Excepted::Either,
            },
            owners: self.owner.clone(),
            hosts: self.host.clone(),
            tags: self.tag.clone(),
            subnets: subnets.collect::<Result<_, _>>()?,
        })
    }
}

fn bulletin(name: &str) -> Result<String, Stop> {
    update("bulletin", name)
}

/// What a word of a flag means: `5094123` is `KB5094123`.
///
/// # Errors
/// Without a word.
pub(super) fn update(flag: &str, name: &str) -> Result<String, Stop> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Stop::usage(format!(
            "--{flag}: a name is empty: name a KB number, a CVE or a bulletin"
        )));
    }
    let is_number = name.len() >= 6 && name.bytes().all(|byte| byte.is_ascii_digit());
    Ok(if is_number {
        format!("KB{name}")
    } else {
        name.to_owned()
    })
}

fn severity(flag: &str, word: &str) -> Result<Severity, Stop> {
    Severity::parse(word).ok_or_else(|| {
        Stop::usage(format!(
            "--{flag} {word}: expected low, medium, high or critical"
        ))
    })
}

fn network(flag: &str, word: &str) -> Result<IpNetwork, Stop> {
    word.parse().map_err(|_| {
        Stop::usage(format!(
            "--{flag} {word}: expected a network, as in 10.20.0.0/16"
        ))
    })
}

fn status(word: &str) -> Result<WorkStatus, Stop> {
    WorkStatus::parse(word).ok_or_else(|| {
        let known: Vec<&str> = WorkStatus::ALL.iter().map(|one| one.as_str()).collect();
        let known = known.join(", ");
        Stop::usage(format!("--status {word}: expected one of {known}"))
    })
}

/// Whether a state is of a kind.
type IsOf = fn(FindingState) -> bool;

/// The words for several states at once.
const KINDS: [(&str, IsOf); 3] = [
    ("open", |state| {
        !state.is_closed() && !state.counts_as_unknown()
    }),
    ("undecided", FindingState::counts_as_unknown),
    ("closed", FindingState::is_closed),
];

fn states(words: &[String]) -> Result<Vec<FindingState>, Stop> {
    let mut states = Vec::new();
    for word in words {
        let kind = KINDS.iter().find(|(name, _)| name == word);
        let is_meant = |state: &&FindingState| match kind {
            Some((_, is_of)) => is_of(**state),
            None => state.as_str() == word,
        };
        let before = states.len();
        for state in FindingState::ALL.iter().filter(is_meant) {
            if !states.contains(state) {
                states.push(*state);
            }
        }
        let is_known = kind.is_some() || FindingState::ALL.iter().any(|one| one.as_str() == word);
        if states.len() == before && !is_known {
            let known = FindingState::ALL.iter().map(|state| state.as_str());
            let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).chain(known).collect();
            let known = known.join(", ");
            return Err(Stop::usage(format!(
                "--state {word}: expected one of {known}"
            )));
        }
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn open_undecided_and_closed_are_all_states_there_are() {
        let all = states(&words(&["open", "undecided", "closed"])).unwrap();
        assert_eq!(all, FindingState::ALL);
        let twice = states(&words(&["missing", "missing"])).unwrap();
        assert_eq!(twice, [FindingState::Missing]);
    }

    #[test]
    fn what_is_asked_is_told_as_it_would_be_typed() {
        let arguments = SelectionArguments {
            bulletin: words(&["5094123"]),
            cve: words(&["CVE-2024-6387"]),
            my_severity: Some("important".to_owned()),
            state: words(&["undecided"]),
            kev: true,
            not_excepted: true,
            owner: words(&["ada"]),
            subnet: words(&["10.0.0.0/8"]),
            ..SelectionArguments::default()
        };
        let selection = arguments.read().unwrap();
        assert_eq!(
            selection.words(),
            [
                "--bulletin KB5094123,CVE-2024-6387",
                "--my-severity high",
                "--state unknown,unverified",
                "--owner ada",
                "--subnet 10.0.0.0/8",
                "--kev",
                "--not-excepted",
            ]
        );
        assert!(SelectionArguments::default().read().unwrap().is_whole());
    }
}
