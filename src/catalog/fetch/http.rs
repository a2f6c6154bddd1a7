//! One document, over HTTP: asked for only if it has changed, gone on with where it was cut off.

use super::Limits;
use super::cache::{Said, Slot, failed, is_web_page};
use super::error::FetchError;
use super::redirect;
use crate::catalog::hashes::{self, HashError};
use crate::catalog::sources::Wanted;
use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Got {
    /// Its SHA-256 in hex.
    pub(super) sha256: String,
    /// How many bytes were received.
    pub(super) bytes: u64,
    /// Whether it is what was there before.
    pub(super) is_same: bool,
}

/// What a request needs besides its document.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) limits: &'a Limits,
    pub(super) headers: &'a HeaderMap,
    /// The most bytes of the document.
    pub(super) most: u64,
}

/// What one try came to.
enum Try {
    Done(Got),
    /// Something was received before this happened.
    Cut(FetchError, u64),
    /// Not now; the server may have said when.
    Later(FetchError, Option<Duration>),
}

impl Request<'_> {
    /// Fetches a document into its slot. A try that brings nothing is repeated a few times, with longer
    /// and longer pauses; one that was cut off goes on.
    pub(super) async fn get(&self, wanted: &Wanted, slot: &Slot) -> Result<Got, FetchError> {
        let known = known(wanted, slot);
        if let Some(got) = known
            .as_ref()
            .and_then(|known| unasked(known, wanted, slot))
        {
            return Ok(got);
        }
        let (mut left, mut tries, mut bytes) = (self.limits.tries, self.limits.all_tries, 0);
        let mut pause = self.limits.pause;
        loop {
            let (error, wait) = match self.once(wanted, slot, known.as_ref()).await? {
                Try::Done(got) => {
                    let bytes = bytes + got.bytes;
                    return Ok(Got { bytes, ..got });
                }
                Try::Cut(error, received) => {
                    bytes += received;
                    (left, pause) = (self.limits.tries, self.limits.pause);
                    (error, None)
                }
                Try::Later(error, wait) => (error, wait),
            };
            (left, tries) = (left.saturating_sub(1), tries.saturating_sub(1));
            if left == 0 || tries == 0 || !error.is_passing() {
                return Err(error);
            }
            sleep(wait.unwrap_or(pause).min(self.limits.longest_pause)).await;
            pause = pause.saturating_mul(3);
        }
    }

    /// Asks once. An error is one that no further try can mend.
    async fn once(
        &self,
        wanted: &Wanted,
        slot: &Slot,
        known: Option<&Said>,
    ) -> Result<Try, FetchError> {
        let begun = slot
            .begun()
            .filter(|(_, said)| said.url == wanted.url.as_str());
        let begun =
            begun.filter(|(_, said)| said.validator().is_some() && said.stamp == wanted.stamp);
        let headers = conditions(known, begun.as_ref());
        let response = match self.follow(&wanted.url, &headers).await {
            Ok(response) => response,
            Err(error) if error.is_passing() => return Ok(Try::Later(error, None)),
            Err(error) => return Err(error),
        };
        let said = said_of(wanted, &response);
        match response.status() {
            StatusCode::NOT_MODIFIED if known.is_some() => {
                return unchanged(known.unwrap_or(&said), wanted, slot).map(Try::Done);
            }
            StatusCode::PARTIAL_CONTENT => {
                if let Some((length, begun)) = &begun
                    && range_start(&response) == Some(*length)
                    && said
                        .validator()
                        .is_none_or(|tag| Some(tag) == begun.validator())
                {
                    let file = slot.go_on()?;
                    return self
                        .body(response, wanted, slot, (file, *length, begun.clone()))
                        .await;
                }
                slot.drop_part();
                return Ok(Try::Later(FetchError::Cut { got: 0 }, None));
            }
            StatusCode::RANGE_NOT_SATISFIABLE if begun.is_some() => {
                slot.drop_part();
                return Ok(Try::Later(FetchError::Cut { got: 0 }, None));
            }
            StatusCode::OK => {}
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(FetchError::ProxyLogin),
            status => {
                let wait = retry_after(&response);
                return Ok(Try::Later(FetchError::Status(status.as_u16()), wait));
            }
        }
        let said = Said {
            length: response.content_length(),
            ..said
        };
        if said.length.is_some_and(|length| length > self.most) {
            return Err(FetchError::TooBig { most: self.most });
        }
        let file = slot.begin(&said)?;
        self.body(response, wanted, slot, (file, 0, said)).await
    }

    /// Sends a request, and follows where it is sent on.
    async fn follow(&self, url: &Url, headers: &HeaderMap) -> Result<Response, FetchError> {
        let mut url = url.clone();
        for hops in 0.. {
            let request = self.client.get(url.clone());
            let request = request
                .headers(headers.clone())
                .headers(self.headers.clone());
            let response = request
                .send()
                .await
                .map_err(|error| unreached(&url, error))?;
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION);
            let location = location
                .and_then(|value| value.to_str().ok())
                .unwrap_or("\0");
            url = redirect::next(&url, location, hops, !self.headers.is_empty())?;
        }
        Err(FetchError::TooDeep)
    }

    /// Receives what belongs to a file that has `length` bytes of it already, and puts it in its place.
    async fn body(
        &self,
        mut response: Response,
        wanted: &Wanted,
        slot: &Slot,
        (mut file, begun, said): (File, u64, Said),
    ) -> Result<Try, FetchError> {
        let mut length = begun;
        let (mut window, mut in_window) = (Instant::now(), 0u64);
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) if error.is_timeout() => {
                    return Ok(Try::Cut(self.too_slow(), length - begun).checked());
                }
                Err(_) => {
                    let error = FetchError::Cut { got: length };
                    return Ok(Try::Cut(error, length - begun).checked());
                }
            };
            length += chunk.len() as u64;
            if length > self.most {
                slot.drop_part();
                return Err(FetchError::TooBig { most: self.most });
            }
            file.write_all(&chunk)
                .map_err(failed("write", &slot.part))?;
            in_window += chunk.len() as u64;
            if window.elapsed() >= self.limits.window {
                let seconds = self.limits.window.as_secs_f64();
                #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
                if (in_window as f64) < self.limits.slowest as f64 * seconds {
                    // A trickle is no progress: it counts as a try.
                    return Ok(Try::Later(self.too_slow(), None));
                }
                (window, in_window) = (Instant::now(), 0);
            }
        }
        drop(file);
        let done = complete(wanted, slot, &said, length)?;
        Ok(Try::Done(Got {
            sha256: done,
            bytes: length - begun,
            is_same: false,
        }))
    }

    fn too_slow(&self) -> FetchError {
        FetchError::TooSlow {
            least: self.limits.slowest,
            seconds: self.limits.silence.as_secs(),
        }
    }
}

impl Try {
    /// A try that was cut off after next to nothing brought nothing.
    fn checked(self) -> Self {
        match self {
            Self::Cut(error, 0..512) => Self::Later(error, None),
            other => other,
        }
    }
}

/// What is known of a document that is here, and from where it would come.
pub(super) fn known(wanted: &Wanted, slot: &Slot) -> Option<Said> {
    slot.whole().filter(|said| said.url == wanted.url.as_str())
}

/// A document that the index says is what we have.
pub(super) fn unasked(known: &Said, wanted: &Wanted, slot: &Slot) -> Option<Got> {
    let is_same = wanted.stamp.is_some() && known.stamp == wanted.stamp;
    let sha256 = known.sha256.clone().filter(|_| is_same)?;
    check(wanted, &slot.file, &sha256).ok()?;
    Some(Got {
        sha256,
        bytes: 0,
        is_same: true,
    })
}

/// The headers that ask for what has changed, or for the rest.
fn conditions(known: Option<&Said>, begun: Option<&(u64, Said)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    };
    if let Some((length, said)) = begun {
        set(RANGE, Some(&format!("bytes={length}-")));
        set(IF_RANGE, said.validator());
    } else if let Some(known) = known {
        set(IF_NONE_MATCH, known.etag.as_deref());
        if known.etag.is_none() {
            set(IF_MODIFIED_SINCE, known.last_modified.as_deref());
        }
    }
    headers
}

fn said_of(wanted: &Wanted, response: &Response) -> Said {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned()).filter(|value| value.len() <= 500)
    };
    Said {
        url: wanted.url.to_string(),
        etag: text(ETAG),
        last_modified: text(LAST_MODIFIED),
        stamp: wanted.stamp.clone(),
        sha256: None,
        length: None,
    }
}

/// Notes that a document is what it was.
fn unchanged(known: &Said, wanted: &Wanted, slot: &Slot) -> Result<Got, FetchError> {
    let sha256 = known.sha256.clone().unwrap_or_default();
    check(wanted, &slot.file, &sha256)?;
    slot.note(&Said {
        stamp: wanted.stamp.clone(),
        ..known.clone()
    })?;
    Ok(Got {
        sha256,
        bytes: 0,
        is_same: true,
    })
}

/// Sees that a download is whole and what it should be, and puts it in its place. Returns its SHA-256.
fn complete(wanted: &Wanted, slot: &Slot, said: &Said, length: u64) -> Result<String, FetchError> {
    if let Some(announced) = said.length.filter(|announced| *announced != length) {
        slot.drop_part();
        let (said, got) = (announced, length);
        return Err(FetchError::Length { said, got });
    }
    if is_web_page(&slot.part) && !wanted.kind.is_page() {
        slot.drop_part();
        return Err(FetchError::WebPage);
    }
    let sha256 = hashes::sha256(&slot.part).map_err(failed("read", &slot.part))?;
    if let Err(error) = check(wanted, &slot.part, &sha256) {
        slot.drop_part();
        return Err(error.into());
    }
    slot.unvouch();
    slot.finish(&Said {
        sha256: Some(sha256.clone()),
        ..said.clone()
    })?;
    Ok(sha256)
}

/// Compares a document with what it must hash to, where that is known. Its SHA-256 is known already.
pub(super) fn check(wanted: &Wanted, document: &Path, sha256: &str) -> Result<(), HashError> {
    hashes::agree(document, sha256, wanted.hash.as_slice())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a partial answer begins (RFC 9110, section 14.4).
fn range_start(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let range = value.strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

/// In how many seconds the server wants to be asked again. A date is not waited for.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Nobody answered. The address is ours to say, and without what may be secret in it.
fn unreached(url: &Url, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        let text = one.to_string();
        if text.contains("407") || text.contains("proxy authorization required") {
            return FetchError::ProxyLogin;
        }
        cause = one.source();
    }
    FetchError::Connect {
        host: url.host_str().unwrap_or_default().to_owned(),
        source: error.into(),
    }
}
