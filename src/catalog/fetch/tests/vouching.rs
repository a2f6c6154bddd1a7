//! Hashes that publishers state beside their documents.

use super::*;
use crate::catalog::hashes::{Algorithm, Garbage};
use std::collections::BTreeMap;

/// SHA-256 and SHA-512 of "[]", as sha256sum and sha512sum print them.
const RIGHT: &str = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
const RIGHT_LONG: &str = "b25b294cb4deb69ea00a4c3cf3113904801b6015e5956bd019a8570b1fe1d6040e944ef3cdee16d0a46503ca6e659a25f21cf9ceddc13f352a3c98138c15d6af";

/// A provider with one document, and other files as they are at the moment.
struct Provider {
    server: Server,
    files: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Provider {
    async fn start() -> Self {
        let files = Arc::new(Mutex::new(BTreeMap::new()));
        let shelf = Arc::clone(&files);
        let server = Server::start(move |heard: &Heard| {
            let files: &Mutex<BTreeMap<String, String>> = &shelf;
            let found = files.lock().unwrap().get(&heard.path).cloned();
            found.map_or_else(|| Answer::status(404), Answer::ok)
        })
        .await;
        let provider = Self { server, files };
        provider.put(
            "/white/changes.csv",
            "\"2026/a-1.json\",\"2026-01-02T03:04:05Z\"\n",
        );
        provider.put("/white/2026/a-1.json", "[]");
        provider
    }

    fn put(&self, path: &str, text: &str) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), text.to_owned());
    }

    fn take(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }

    /// The provider as a source.
    fn source(&self) -> Source {
        Source {
            path: "own/corp/changes.csv".to_owned(),
            ..source(&self.server.url("/white/changes.csv"), Kind::Changes)
        }
    }

    fn asked(&self) -> usize {
        self.server.heard().len()
    }
}

const DOCUMENT: &str = "own/corp/2026/a-1.json";

#[tokio::test]
async fn a_document_that_is_what_its_hash_says_is_kept_with_it() {
    let (provider, mut desk) = (Provider::start().await, Desk::new());
    let hash = format!("{RIGHT}  a-1.json\n");
    provider.put("/white/2026/a-1.json.sha256", &hash);
    let fetched = desk.fetch(&provider.source()).await;
    assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
    assert!(fetched.documents[0].is_vouched);
    let kept = desk.how.cache.join(format!("{DOCUMENT}.sha256"));
    assert_eq!(fs::read_to_string(&kept).unwrap(), hash);
    // The index says that it is the same: nobody is asked for it or its hash.
    let asked = provider.asked();
    let again = desk.fetch(&provider.source()).await;
    assert!(again.documents[0].is_vouched && again.unchanged == 1);
    assert_eq!(provider.asked(), asked + 1);
    // The folder is a mirror, where the hash is checked again.
    desk.how.origin = Origin::Folder(desk.how.cache.clone());
    assert!(desk.fetch(&provider.source()).await.documents[0].is_vouched);
    fs::write(desk.how.cache.join(DOCUMENT), "[1]").unwrap();
    let error = desk.refusal(&provider.source()).await;
    let FetchError::Hash(HashError::Mismatch(wrong)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (&*wrong.wanted, wrong.algorithm),
        (RIGHT, Algorithm::Sha256)
    );
    assert_eq!(wrong.by, kept.display().to_string());
}

#[tokio::test]
async fn a_document_that_is_not_what_its_hash_says_takes_no_place() {
    let (provider, desk) = (Provider::start().await, Desk::new());
    provider.put("/white/2026/a-1.json.sha256", RIGHT);
    desk.get(&provider.source()).await;
    provider.put(
        "/white/changes.csv",
        "\"2026/a-1.json\",\"2026-02-02T03:04:05Z\"\n",
    );
    provider.put("/white/2026/a-1.json", "[\"forged\"]");
    let error = desk.refusal(&provider.source()).await;
    let text = error.to_string();
    assert!(
        text.contains(&format!("should be {RIGHT}, as http://127.0.0.1:")),
        "{text}"
    );
    // What was good stays, with what vouches for it.
    let kept = |name: &str| fs::read_to_string(desk.how.cache.join(name)).unwrap();
    assert_eq!(kept(DOCUMENT), "[]");
    assert_eq!(kept(&format!("{DOCUMENT}.sha256")), RIGHT);
}

#[tokio::test]
async fn the_longer_hash_is_asked_for_where_there_is_no_other() {
    let (provider, desk) = (Provider::start().await, Desk::new());
    provider.put("/white/2026/a-1.json.sha512", &"0".repeat(128));
    let error = desk.refusal(&provider.source()).await;
    let FetchError::Hash(HashError::Mismatch(wrong)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (wrong.algorithm, &*wrong.found),
        (Algorithm::Sha512, RIGHT_LONG)
    );
    provider.put("/white/2026/a-1.json.sha512", RIGHT_LONG);
    assert!(desk.fetch(&provider.source()).await.documents[0].is_vouched);
}

#[tokio::test]
async fn a_hash_file_without_a_hash_is_told_and_one_that_is_not_there_is_counted() {
    let (provider, desk) = (Provider::start().await, Desk::new());
    provider.put("/white/2026/a-1.json.sha256", "moved to another place\n");
    let error = desk.refusal(&provider.source()).await;
    let FetchError::Hash(HashError::Garbage { by, why }) = error else {
        panic!("{error:?}");
    };
    assert!(by.ends_with("/white/2026/a-1.json.sha256"), "{by}");
    assert_eq!(why, Garbage::NoHash(Algorithm::Sha256));
    provider.take("/white/2026/a-1.json.sha256");
    let fetched = desk.fetch(&provider.source()).await;
    assert_eq!(fetched.documents.len(), 1);
    assert!(!fetched.documents[0].is_vouched);
    // Some servers answer with a page for whatever they do not have.
    let (desk, page) = (Desk::new(), "<!DOCTYPE html>");
    provider.put("/white/2026/a-1.json.sha256", page);
    provider.put("/white/2026/a-1.json.sha512", page);
    assert!(!desk.fetch(&provider.source()).await.documents[0].is_vouched);
}

#[tokio::test]
async fn what_is_published_between_the_hash_and_the_document_is_asked_for_again() {
    let old = "0".repeat(64);
    let asked = Mutex::new(0);
    let server = Server::start(move |heard: &Heard| match &*heard.path {
        "/changes.csv" => Answer::ok("\"a.json\",\"2026-01-02T03:04:05Z\"\n"),
        "/a.json.sha256" => {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            Answer::ok(if *asked == 1 { &*old } else { RIGHT })
        }
        "/a.json" => Answer::ok("[]"),
        _ => Answer::status(404),
    })
    .await;
    let desk = Desk::new();
    let source = source(&server.url("/changes.csv"), Kind::Changes);
    let fetched = desk.fetch(&source).await;
    assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
    assert!(fetched.documents[0].is_vouched);
}

#[tokio::test]
async fn a_hash_that_an_index_names_must_be_there() {
    let server = Server::start(|heard: &Heard| {
        let host = heard.header("host").unwrap();
        match &*heard.path {
            "/white/feed.json" => Answer::ok(format!(
                r#"{{"feed": {{"entry": [{{"link": [
                    {{"rel": "hash", "href": "http://{host}/white/a.json.sha512"}}],
                    "content": {{"src": "http://{host}/white/a.json"}}}}]}}}}"#
            )),
            "/white/a.json" => Answer::ok("[]"),
            _ => Answer::status(404),
        }
    })
    .await;
    let desk = Desk::new();
    let source = source(&server.url("/white/feed.json"), Kind::Rolie);
    let error = desk.refusal(&source).await;
    assert!(matches!(error, FetchError::Status(404)), "{error:?}");
}

#[tokio::test]
async fn a_mirror_on_a_server_may_vouch_for_any_document() {
    let files = |heard: &Heard| match &*heard.path {
        "/m/linux/test/document.json" => Answer::ok("[]"),
        "/m/linux/test/document.json.sha256" => Answer::ok("0".repeat(64)),
        _ => Answer::status(404),
    };
    let server = Server::start(files).await;
    let mut desk = Desk::new();
    desk.how.origin = Origin::Mirror(server.url("/m").parse().unwrap());
    let error = desk
        .refusal(&source("https://a.example/d", Kind::File))
        .await;
    assert!(matches!(error, FetchError::Hash(_)), "{error:?}");
}
