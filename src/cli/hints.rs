//! Errors for people: the whole chain, and what to do next.

use crate::catalog::fetch::FetchError;
use crate::catalog::{HashError, ImportError};
use std::error::Error;
use std::fmt::Write as _;

/// An error with all its causes on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own words.
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What to do about a document that is not imported, where there is something.
pub(super) fn about_importing(error: &ImportError) -> Option<&'static str> {
    match error {
        ImportError::Hash { source, .. } => Some(about_hash(source)),
        _ => None,
    }
}

fn about_hash(error: &HashError) -> &'static str {
    match error {
        HashError::Mismatch(_) => {
            "a document is not what its publisher, the file beside it or feeds.toml states: fetch it again, and if it \
             stays so, do not trust it"
        }
        HashError::Garbage { .. } => {
            "a file that should state a hash does not: fetch it again with its document; where it vouches for nothing, \
             take it away"
        }
        HashError::Read { .. } => "make the file readable, then run this again",
    }
}

/// What to do about a document that could not be fetched.
pub(super) fn about_fetching(error: &FetchError) -> &'static str {
    match error {
        error if error.is_distrust() => {
            "a server's certificate is not trusted: name the authority that vouches for it with --tls-ca, as \
             where a proxy opens TLS"
        }
        FetchError::Connect { .. } | FetchError::Cut { .. } | FetchError::TooSlow { .. } => {
            "the network did not do: check it and the proxy (--proxy), then run this again; what was received is \
             kept"
        }
        FetchError::ProxyLogin => {
            "give the proxy a name and password: HTTPS_PROXY=http://name:password@proxy.example:3128"
        }
        FetchError::Status(404 | 410) => {
            "a document has moved: look for a newer underdesk, or give its new address in feeds.toml"
        }
        FetchError::Status(401 | 403) => {
            "a server or proxy refuses us: open it in a browser to see why; headers of your own go into feeds.toml"
        }
        FetchError::Status(_) => "a server is not well: run this again later",
        FetchError::WebPage => {
            "something in between answered with a page: a proxy's block or a login to the network"
        }
        FetchError::Hash(error) => about_hash(error),
        FetchError::NotInMirror { .. } => {
            "the mirror is not whole: write it again with underdesk catalog mirror"
        }
        FetchError::File { .. } => "make room or leave for the folder of downloads",
        _ => {
            "run this again later; if it stays so, a publisher has changed his ways: look for a newer underdesk"
        }
    }
}
