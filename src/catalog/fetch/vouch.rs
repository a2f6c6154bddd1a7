//! What a publisher says that a document hashes to, asked for before the document, which must then be that.

use super::cache::{Slot, failed};
use super::error::FetchError;
use super::http::{Got, Request, known, unasked};
use crate::catalog::hashes::{self, Algorithm, HashError, Stated};
use crate::catalog::sources::index::Vouched;
use crate::catalog::sources::{Kind, Wanted};
use reqwest::Url;
use std::fs;

/// A document that is asked for, with what vouches for it.
pub(super) struct Vouching<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) slot: &'a Slot,
    /// Where the file with its hash is received.
    pub(super) aside: Slot,
    /// Whether its publisher is asked, and not a mirror.
    pub(super) is_publisher: bool,
}

/// The file that says a document's hash.
#[derive(PartialEq, Eq)]
struct Voucher {
    algorithm: Algorithm,
    text: String,
    stated: Stated,
}

impl Vouching<'_> {
    /// Fetches a document, and says whether somebody vouches for it. What was published anew between the hash and
    /// the document is asked for once more.
    pub(super) async fn get(&self, wanted: &Wanted) -> Result<(Got, bool), FetchError> {
        if let Some(done) = self.unasked(wanted) {
            return Ok(done);
        }
        let mut voucher = self.voucher(wanted).await?;
        let got = match self.document(wanted, voucher.as_ref()).await {
            Err(error @ FetchError::Hash(HashError::Mismatch(_))) if voucher.is_some() => {
                let newer = self.voucher(wanted).await?;
                if newer == voucher {
                    return Err(error);
                }
                voucher = newer;
                self.document(wanted, voucher.as_ref()).await?
            }
            got => got?,
        };
        if let Some(voucher) = &voucher {
            self.slot.unvouch();
            self.slot.vouch(voucher.algorithm, &voucher.text)?;
        }
        Ok((got, voucher.is_some() || wanted.hash.is_some()))
    }

    /// A document that the index says is what we have, as what vouches for it does.
    fn unasked(&self, wanted: &Wanted) -> Option<(Got, bool)> {
        let got = unasked(&known(wanted, self.slot)?, wanted, self.slot)?;
        let stated = hashes::beside(&self.slot.file).ok()?;
        hashes::agree(&self.slot.file, &got.sha256, &stated).ok()?;
        Some((got, !stated.is_empty() || wanted.hash.is_some()))
    }

    async fn document(&self, wanted: &Wanted, by: Option<&Voucher>) -> Result<Got, FetchError> {
        let Some(voucher) = by else {
            return self.request.get(wanted, self.slot).await;
        };
        let wanted = Wanted {
            hash: Some(voucher.stated.clone()),
            ..wanted.clone()
        };
        self.request.get(&wanted, self.slot).await
    }

    /// What states the hash of a document, where somebody does.
    async fn voucher(&self, wanted: &Wanted) -> Result<Option<Voucher>, FetchError> {
        for (algorithm, url, is_named) in self.places(wanted) {
            let asked = Wanted {
                url,
                kind: Kind::File,
                stamp: None,
                hash: None,
                ..wanted.clone()
            };
            let request = Request {
                most: hashes::MOST_OF_FILE,
                ..self.request.clone()
            };
            let got = request.get(&asked, &self.aside).await;
            let text = fs::read(&self.aside.file).map_err(failed("read", &self.aside.file));
            self.aside.clear();
            match got {
                Ok(_) => {
                    let text = String::from_utf8_lossy(&text?).into_owned();
                    let (by, name) = (asked.url.to_string(), wanted.name());
                    let hash = hashes::of_file(&text, name, algorithm).map_err(|why| {
                        HashError::Garbage {
                            by: by.clone(),
                            why,
                        }
                    })?;
                    return Ok(Some(Voucher {
                        algorithm,
                        text,
                        stated: Stated {
                            algorithm,
                            hash,
                            by,
                        },
                    }));
                }
                Err(error) if !is_named && is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Where its hash may be, and whether an index says that it is there. A mirror may have one of any document.
    fn places(&self, wanted: &Wanted) -> Vec<(Algorithm, Url, bool)> {
        if wanted.hash.is_some() || !wanted.kind.is_document() {
            return Vec::new();
        }
        let beside = |algorithm: &Algorithm| {
            let mut url = wanted.url.clone();
            url.set_path(&format!("{}{}", url.path(), algorithm.ending()));
            (*algorithm, url, false)
        };
        let both = || Algorithm::ALL.iter().map(beside).collect();
        match &wanted.vouched {
            Vouched::At(algorithm, url) if self.is_publisher => {
                vec![(*algorithm, url.clone(), true)]
            }
            Vouched::Nowhere if self.is_publisher => Vec::new(),
            _ => both(),
        }
    }
}

/// Whether a server says that it has no such file. Some say so by a refusal, and some by a page.
fn is_absent(error: &FetchError) -> bool {
    matches!(
        error,
        FetchError::Status(403 | 404 | 410) | FetchError::WebPage
    )
}
