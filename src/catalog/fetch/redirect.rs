//! Where a server may send us.

use super::error::RedirectError;
use reqwest::Url;

/// How often one request is sent on.
pub(super) const MOST_HOPS: usize = 5;

/// The next address, after `hops` others. With headers of the user's own only the same server is next.
pub(super) fn next(
    from: &Url,
    location: &str,
    hops: usize,
    has_headers: bool,
) -> Result<Url, RedirectError> {
    if hops >= MOST_HOPS {
        return Err(RedirectError::TooMany(MOST_HOPS));
    }
    let next = from.join(location).map_err(|_| RedirectError::Nowhere)?;
    let host = next.host_str().ok_or(RedirectError::Nowhere)?;
    let is_known = matches!(next.scheme(), "http" | "https");
    if !is_known {
        return Err(RedirectError::Nowhere);
    }
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(RedirectError::Downgrade(format!(
            "{}://{host}",
            next.scheme()
        )));
    }
    if has_headers && next.origin() != from.origin() {
        return Err(RedirectError::Stranger(host.to_owned()));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(from: &str, location: &str) -> Result<String, RedirectError> {
        let from = Url::parse(from).unwrap();
        next(&from, location, 0, false).map(String::from)
    }

    #[test]
    fn https_is_never_left() {
        let here = "https://a.example/x/y";
        assert_eq!(go(here, "/z").unwrap(), "https://a.example/z");
        assert_eq!(
            go(here, "https://b.example/z").unwrap(),
            "https://b.example/z"
        );
        let error = go(here, "http://a.example/x").unwrap_err();
        assert_eq!(
            error,
            RedirectError::Downgrade("http://a.example".to_owned())
        );
        assert_eq!(go(here, "file:///etc/passwd"), Err(RedirectError::Nowhere));
        assert_eq!(go(here, "ftp://a.example/"), Err(RedirectError::Nowhere));
        assert_eq!(
            go("http://a.example/x", "https://a.example/").unwrap(),
            "https://a.example/"
        );
    }

    #[test]
    fn a_circle_ends() {
        let from = Url::parse("https://a.example/").unwrap();
        assert_eq!(
            next(&from, "/", MOST_HOPS, false),
            Err(RedirectError::TooMany(MOST_HOPS))
        );
    }

    #[test]
    fn headers_stay_with_their_server() {
        let from = Url::parse("https://a.example/x").unwrap();
        assert!(next(&from, "/y", 0, true).is_ok());
        let error = next(&from, "https://b.example/y", 0, true).unwrap_err();
        assert_eq!(error, RedirectError::Stranger("b.example".to_owned()));
        assert!(next(&from, "https://a.example:8443/y", 0, true).is_err());
    }
}
