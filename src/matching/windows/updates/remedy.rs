//! What to install: the newest update of the stream that is to be had.

use super::{Heading, Serviced, Told};
use crate::catalog::{Month, Update};
use crate::matching::windows::stream::Place;
use crate::model::{Download, FindingState, KbId, Remedy, Restart};
use std::collections::HashSet;

impl Serviced<'_> {
    /// The newest update that is to be had.
    pub(super) fn remedy(&self, heading: Heading, state: FindingState, all: &[Heading]) -> Remedy {
        let kb = match heading {
            Heading::Main(at, _) => self.newest(at, state),
            Heading::Other(kb, _) => self.replacement(kb),
            _ => None,
        };
        let own = match heading {
            Heading::Main(at, _) => self.stream.releases.get(at).map(|release| release.kb),
            Heading::Other(kb, _) => Some(kb),
            _ => None,
        };
        let kb = kb.or(own).unwrap_or(KbId(0));
        let update = self.updates.get(&kb).copied();
        let mut supersedes: Vec<String> = Vec::new();
        if let Some(Place::Main(last)) = self.stream.place(kb) {
            for other in all {
                if let Heading::Main(at, Told::Out | Told::Claimed | Told::Pending) = other
                    && *at < last
                    && let Some(release) = self.stream.releases.get(*at)
                {
                    supersedes.push(release.kb.to_string());
                }
            }
            supersedes.dedup();
        }
        let is_hotpatch = matches!(self.stream.place(kb), Some(Place::Hotpatch(..)));
        let mut remedy = Remedy {
            update: kb.to_string(),
            kb: Some(kb),
            title: self.title(update, kb),
            build: self.brings(kb),
            restart: if is_hotpatch {
                Some(Restart::No)
            } else {
                update.and_then(|update| update.restart)
            },
            prerequisites: self.prerequisites(kb),
            supersedes,
            download: update.and_then(|update| update.url.clone()),
            download_size: None,
            download_hash: None,
            silent_switch: None,
        };
        let files = update.map_or(&[][..], |update| &update.files);
        remedy.take(Download::choose(files, self.host.arch));
        remedy
    }

    /// The newest release from a place on that is for the same customers.
    fn newest(&self, at: usize, state: FindingState) -> Option<KbId> {
        let releases = self.stream.releases.iter().skip(at);
        let for_all = |month| self.support.state(month) == FindingState::Missing;
        let mut fits = releases.filter(|release| {
            state == FindingState::MissingNeedsSubscription || for_all(release.update.released)
        });
        let newest = fits.next_back()?;
        if self.standing.hotpatched {
            let month = newest.update.released;
            let hotpatch = self.stream.hotpatches().find(|(kb, _)| {
                let update = self.updates.get(kb);
                update.is_some_and(|update| update.released == month)
            });
            if let Some((kb, _)) = hotpatch {
                return Some(kb);
            }
        }
        Some(newest.kb)
    }

    /// The update that replaces one, and is replaced by none.
    fn replacement(&self, kb: KbId) -> Option<KbId> {
        let mut current = kb;
        let mut seen = HashSet::from([kb]);
        loop {
            let replaces = |update: &&&Update| update.supersedes.contains(&current);
            let later = self.updates.values().filter(replaces);
            let later = later.filter_map(|update| update.id.kb());
            let Some(next) = later.filter(|kb| !seen.contains(kb)).max() else {
                return Some(current);
            };
            seen.insert(next);
            current = next;
        }
    }

    /// What must be in before an update goes in, and is not listed.
    fn prerequisites(&self, kb: KbId) -> Vec<String> {
        /// Windows of this build, for updates from this month on, need these articles: Microsoft, KB2919355;
        /// "2019 SHA-2 Code Signing Support requirement for Windows and WSUS".
        const NEEDS: &[(u32, Month, &[u32])] = &[
            (
                9600,
                Month {
                    year: 2014,
                    month: 5,
                },
                &[2_919_355],
            ),
            (
                7601,
                Month {
                    year: 2019,
                    month: 7,
                },
                &[4_474_419, 4_490_628],
            ),
            (
                6002,
                Month {
                    year: 2019,
                    month: 7,
                },
                &[4_474_419, 4_493_730],
            ),
        ];
        let month = self.updates.get(&kb).and_then(|update| update.released);
        let needs = NEEDS.iter().filter(|(build, since, _)| {
            self.system.family.contains(build) && month >= Some(*since)
        });
        let mut needed: Vec<String> = needs
            .flat_map(|(_, _, kbs)| kbs.iter())
            .map(|kb| KbId(*kb))
            .filter(|kb| !self.host.has(*kb))
            .map(|kb| kb.to_string())
            .collect();
        if let Some(pack) = self.system.behind {
            needed.push(pack.to_owned());
        }
        needed
    }
}
