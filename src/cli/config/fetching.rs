//! How `catalog update` reaches its sources: the table `[update]` of the configuration, under the
//! environment.

use super::Layers;
use crate::catalog::fetch::Proxy;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// How documents are fetched, below the flags.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct FetchSettings {
    /// Where downloads are kept, where there is a place for them.
    pub(in crate::cli) cache: Option<PathBuf>,
    /// A mirror's address or folder.
    pub(in crate::cli) mirror: Option<String>,
    pub(in crate::cli) proxy: Option<Proxy>,
    /// The hosts that no proxy is for.
    pub(in crate::cli) no_proxy: Option<String>,
    /// The file of the user's own sources, and whether somebody named it.
    pub(in crate::cli) feeds: Option<(PathBuf, bool)>,
}

/// The table `[update]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FetchFile {
    cache: Option<PathBuf>,
    mirror: Option<String>,
    proxy: Option<String>,
    no_proxy: Option<String>,
    feeds: Option<PathBuf>,
}

impl fmt::Debug for FetchFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A proxy's address may hold a password.
        f.debug_struct("FetchFile").finish_non_exhaustive()
    }
}

impl Layers<'_> {
    pub(super) fn fetching(&self) -> FetchSettings {
        let usual = || {
            Some(
                self.environment
                    .xdg("XDG_CACHE_HOME", ".cache")?
                    .join("feeds"),
            )
        };
        let cache = self.place(None, "UNDERDESK_CACHE", |file| file.update.cache.clone());
        let no_proxy = self
            .variable(&["NO_PROXY", "no_proxy"])
            .or_else(|| self.first(|file| file.update.no_proxy.clone()));
        let feeds = self.place(None, "UNDERDESK_FEEDS", |file| file.update.feeds.clone());
        let usual_feeds = || Some((self.config_home.as_ref()?.join("feeds.toml"), false));
        FetchSettings {
            cache: cache.or_else(usual),
            mirror: self.text(None, "UNDERDESK_MIRROR", |file| file.update.mirror.clone()),
            proxy: self.proxy().map(|address| Proxy {
                address,
                except: no_proxy.clone(),
            }),
            no_proxy,
            feeds: feeds.map(|path| (path, true)).or_else(usual_feeds),
        }
    }

    /// The proxy's address. Our own variable beats everybody's, and `none` is none.
    fn proxy(&self) -> Option<String> {
        const NAMES: [&str; 5] = [
            "UNDERDESK_PROXY",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ];
        let set = self.variable(&NAMES);
        let set = set.or_else(|| self.first(|file| file.update.proxy.clone()));
        set.filter(|address| address != "none")
    }

    fn variable(&self, names: &[&str]) -> Option<String> {
        let mut set = names.iter().filter_map(|name| self.environment.get(name));
        set.next().map(str::to_owned)
    }
}
