//! Indexes, and mirrors.

use super::*;

/// MSRC's index with two months, of which one is not there.
fn months(heard: &Heard) -> Answer {
    match &*heard.path {
        "/v3.0/updates" => Answer::ok(
            r#"{"value": [{"ID": "2025-Dec", "CurrentReleaseDate": "2026-01-01"},
                {"ID": "2026-Jan", "CurrentReleaseDate": "2026-02-01"}]}"#,
        ),
        "/v3.0/cvrf/2025-Dec" => Answer::ok("<cvrfdoc/>"),
        _ => Answer::status(404),
    }
}

fn msrc(server: &Server) -> Source {
    Source {
        name: "msrc-cvrf".to_owned(),
        path: "windows/cvrf/updates.json".to_owned(),
        ..source(&server.url("/v3.0/updates"), Kind::MsrcUpdates)
    }
}

#[tokio::test]
async fn an_index_leads_to_its_documents_and_what_fails_costs_itself() {
    let server = Server::start(months).await;
    let desk = Desk::new();
    let fetched = desk.fetch(&msrc(&server)).await;
    assert_eq!(fetched.documents.len(), 1);
    assert_eq!(fetched.documents[0].name, "windows/cvrf/2025-Dec.xml");
    assert_eq!(fetched.failures.len(), 1);
    assert_eq!(fetched.failures[0].place, server.url("/v3.0/cvrf/2026-Jan"));
    let before = server.heard().len();
    let again = desk.fetch(&msrc(&server)).await;
    assert_eq!(again.documents.len(), 1);
    // The index, and the month that is not there: of the other it says that it is the same.
    assert_eq!(server.heard().len(), before + 2);
}

#[tokio::test]
async fn a_folder_of_downloads_is_a_mirror() {
    let server = Server::start(months).await;
    let mut desk = Desk::new();
    let source = msrc(&server);
    desk.fetch(&source).await;
    let mirror = desk.how.cache.clone();
    let asked = server.heard().len();
    desk.how.origin = Origin::Folder(mirror.clone());
    desk.how.cache = desk.folder.path().join("unused");
    let fetched = desk.fetch(&source).await;
    assert_eq!(
        fetched.documents[0].file,
        mirror.join("windows/cvrf/2025-Dec.xml")
    );
    let missing = mirror.join("windows/cvrf/2026-Jan.xml");
    assert_eq!(fetched.failures[0].place, missing.display().to_string());
    assert_eq!(server.heard().len(), asked, "nobody is asked");
    assert!(!desk.how.cache.exists());
}

#[tokio::test]
async fn a_mirror_on_a_server_has_the_same_places() {
    let server = Server::start(|heard| match &*heard.path {
        "/base/windows/cvrf/updates.json" => Answer::ok(r#"{"value": [{"ID": "2025-Dec"}]}"#),
        "/base/windows/cvrf/2025-Dec.xml" => Answer::ok("<cvrfdoc/>"),
        _ => Answer::status(404),
    })
    .await;
    let publisher = Server::start(months).await;
    let mut desk = Desk::new();
    desk.how.origin = Origin::Mirror(server.url("/base/").parse().unwrap());
    let fetched = desk.fetch(&msrc(&publisher)).await;
    assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
    assert_eq!(fetched.documents.len(), 1);
    assert_eq!(publisher.heard().len(), 0);
}

#[tokio::test]
async fn what_a_mirror_never_had_is_no_failure_unless_it_was_named() {
    let mut desk = Desk::new();
    desk.how.origin = Origin::Folder(desk.folder.path().to_owned());
    let source = source("https://a.example/d", Kind::File);
    let stop = CancellationToken::new();
    let sources = [source.clone()];
    let fetched = fetch(&sources, false, &desk.how, &stop, Arc::new(|_| {})).await;
    let fetched = fetched.unwrap();
    assert_eq!(fetched.absent, ["test"]);
    assert!(fetched.failures.is_empty() && fetched.documents.is_empty());
    let error = desk.refusal(&source).await;
    assert!(matches!(error, FetchError::NotInMirror { .. }), "{error:?}");
}

#[tokio::test]
async fn amazons_way_is_gone_to_its_end_and_its_digest_is_checked() {
    let sum = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
    let server = Server::start(move |heard| {
        let host = heard.header("host").unwrap();
        match &*heard.path {
            "/2/mirror.list" => Answer::ok(format!("http://{host}/repo/\n")),
            "/repo/repodata/repomd.xml" => Answer::ok(format!(
                "<repomd><data type=\"updateinfo\"><checksum type=\"sha256\">{sum}</checksum>\
                 <location href=\"repodata/updateinfo.xml.gz\"/></data></repomd>"
            )),
            "/repo/repodata/updateinfo.xml.gz" => Answer::ok("[]"),
            _ => Answer::status(404),
        }
    })
    .await;
    let desk = Desk::new();
    let list = Source {
        path: "linux/amazon/2/core/mirror.list".to_owned(),
        ..source(&server.url("/2/mirror.list"), Kind::MirrorList)
    };
    let fetched = desk.fetch(&list).await;
    assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
    assert_eq!(
        fetched.documents[0].name,
        "linux/amazon/2/core/updateinfo.xml.gz"
    );
    assert_eq!(fetched.documents[0].sha256, sum);
}

#[tokio::test]
async fn an_index_that_names_itself_ends() {
    let server = Server::start(|heard| match heard.path.matches('/').count() {
        1..20 => Answer::ok("<a href=\"a/\"><a href=\"b/\">"),
        _ => Answer::status(404),
    })
    .await;
    let desk = Desk::new();
    let source = source(&server.url("/"), Kind::Folders);
    let fetched = desk.fetch(&source).await;
    let is_deep = |failure: &Failure| matches!(failure.error, FetchError::TooDeep);
    assert!(
        fetched.failures.iter().any(is_deep),
        "{:?}",
        fetched.failures
    );
    assert!(server.heard().len() < 100);
}
