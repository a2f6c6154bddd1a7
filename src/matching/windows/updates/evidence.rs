//! Why a verdict is what it is, so that a reader can check it by hand.

use super::{Heading, Serviced, Told};
use crate::catalog::Update;
use crate::matching::windows::stream::Place;
use crate::matching::windows::system::Servicing;
use crate::model::{Evidence, KbId, Witness, WitnessKind, plural};

impl Serviced<'_> {
    pub(super) fn evidence(
        &self,
        heading: Heading,
        kb: KbId,
        update: Option<&Update>,
        told: Told,
    ) -> Evidence {
        let mut witnesses = self.standing.witnesses.clone();
        if let Heading::Main(at, _) = heading {
            for witness in &mut witnesses {
                witness.says_fixed = self.says(witness, at);
            }
        }
        if !witnesses
            .iter()
            .any(|one| one.value.starts_with(&kb.to_string()))
        {
            witnesses.extend(self.host.listed(kb, Some(matches!(told, Told::In))));
        }
        let state = self.installed();
        let brings = self.brings(kb);
        let rule = match (heading, told, brings) {
            (Heading::Main(..), Told::Out, Some(brings)) => {
                format!("{} order: {state} < {brings} of {kb}", self.order())
            }
            (Heading::Main(..), Told::Out, None) => {
                let newest = self.newest_in();
                format!("{} order: {newest}, before {kb}", self.order())
            }
            (Heading::Main(..), Told::In | Told::InLater, Some(brings))
                if self.host.ubr.is_some() && told == Told::InLater =>
            {
                format!("{} order: {state} >= {brings} of {kb}", self.order())
            }
            (Heading::Main(..), Told::In | Told::InLater, _) => {
                let newest = self.newest_in();
                format!("{} order: {newest}, not before {kb}", self.order())
            }
            (_, Told::Claimed, _) => self.contradiction(heading, kb),
            (_, Told::Pending, _) => {
                format!("{kb}, or a later update that has it, waits for a restart")
            }
            (_, Told::Never, _) => match self.stream.place(kb) {
                Some(Place::Setup) => {
                    format!("{kb} is for installation media, not for a running system")
                }
                _ => format!("{kb} is for hosts that take hotpatches, and this one takes none"),
            },
            (_, Told::In, _) => format!("{kb} is listed as installed"),
            (_, Told::InLater, _) => format!("an update that is in contains or replaces {kb}"),
            (_, Told::Out, _) => format!("{kb} is not listed, and nothing that is in contains it"),
        };
        Evidence {
            observed: state,
            question: match self.host.ubr {
                Some(_) => "current-version".to_owned(),
                None => "hotfixes".to_owned(),
            },
            rule,
            record: self.record(kb, update),
            witnesses,
        }
    }

    /// What a witness alone says of a release: by a revision at its beginning, or an article.
    fn says(&self, witness: &Witness, at: usize) -> Option<bool> {
        if witness.kind != WitnessKind::Registry {
            return None;
        }
        let (word, state) = witness
            .value
            .split_once(' ')
            .unwrap_or((&witness.value, ""));
        if !matches!(state, "" | "installed" | "superseded") {
            return Some(false);
        }
        if let Some(kb) = KbId::find(word) {
            let Place::Main(listed) = self.stream.place(kb)? else {
                return None;
            };
            return Some(listed >= at);
        }
        let revision: u32 = word.parse().ok()?;
        Some(revision >= self.stream.releases.get(at)?.revision?)
    }

    fn contradiction(&self, heading: Heading, kb: KbId) -> String {
        match heading {
            Heading::Main(at, _) if at < self.standing.reached => {
                let file = self.host.file.map_or(String::new(), |(revision, path)| {
                    format!("{path} is of revision {revision}")
                });
                format!(
                    "the registry says {}, but {file}: {} releases behind",
                    self.installed(),
                    self.standing.reached - self.standing.doubted
                )
            }
            _ => format!(
                "{kb}, or a later update, is listed as installed, but the registry says {}",
                self.installed()
            ),
        }
    }

    fn order(&self) -> &'static str {
        match self.system.servicing {
            Servicing::Cumulative => "cumulative",
            _ => "rollup",
        }
    }

    /// `the newest update that is in is KB5082123 of 2026-04`
    fn newest_in(&self) -> String {
        let newest = self.standing.reached.checked_sub(1);
        match newest.and_then(|at| self.stream.releases.get(at)) {
            Some(release) => {
                let month = release.update.released;
                let month = month.map(|month| format!(" of {month}"));
                let (kb, month) = (release.kb, month.unwrap_or_default());
                format!("the newest update that is in is {kb}{month}")
            }
            None => format!("no {} is in", self.order_noun()),
        }
    }

    fn order_noun(&self) -> &'static str {
        match self.system.servicing {
            Servicing::Cumulative => "cumulative update",
            _ => "monthly rollup",
        }
    }

    fn record(&self, kb: KbId, update: Option<&Update>) -> String {
        let Some(update) = update else {
            return kb.to_string();
        };
        let month = update.released.map(|month| format!(" of {month}"));
        format!(
            "{kb}{}, {}, for {}: {}",
            month.unwrap_or_default(),
            update.kind.as_str(),
            self.system.key,
            plural(update.flaws, "flaw")
        )
    }
}
