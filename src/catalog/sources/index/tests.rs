//! Tests of the readers, on documents in their publishers' formats.

use super::*;
use proptest::prelude::*;

fn wanted(url: &str, path: &str, kind: Kind) -> Wanted {
    Wanted::new(Url::parse(url).unwrap(), path.to_owned(), kind)
}

/// What an index leads to, as `address path`.
fn leads_to(index: &Wanted, text: &str) -> Vec<String> {
    let found = read(index, text).unwrap();
    let line = |one: &Wanted| format!("{} {}", one.url, one.path);
    found.iter().map(line).collect()
}

#[test]
fn msrc_has_a_document_for_each_month() {
    let url = "https://api.msrc.example/cvrf/v3.0/updates";
    let index = wanted(url, "windows/cvrf/updates.json", Kind::MsrcUpdates);
    let text = r#"{"value": [
        {"ID": "2024-Aug", "CurrentReleaseDate": "2024-09-02T07:00:00Z", "CvrfUrl": "https://elsewhere.example/"},
        {"ID": "2016-Apr"}, {"Alias": "x"}]}"#;
    assert_eq!(
        leads_to(&index, text),
        [
            "https://api.msrc.example/cvrf/v3.0/cvrf/2024-Aug windows/cvrf/2024-Aug.xml",
            "https://api.msrc.example/cvrf/v3.0/cvrf/2016-Apr windows/cvrf/2016-Apr.xml",
        ]
    );
    let months = read(&index, text).unwrap();
    assert_eq!(months[0].stamp.as_deref(), Some("2024-09-02T07:00:00Z"));
    assert!(read(&index, r#"{"value": []}"#).is_err());
    assert!(read(&index, r#"{"value": [{"ID": "../../x"}]}"#).is_err());
}

#[test]
fn dotnet_has_a_document_for_each_channel() {
    let url = "https://builds.example/release-metadata/releases-index.json";
    let index = wanted(
        url,
        "windows/dotnet/releases-index.json",
        Kind::DotnetReleases,
    );
    let text = r#"{"releases-index": [{"channel-version": "8.0", "releases.json": "https://x.example/"}]}"#;
    assert_eq!(
        leads_to(&index, text),
        ["https://builds.example/release-metadata/8.0/releases.json windows/dotnet/8.0.json"]
    );
    assert!(index.kind.is_document());
}

#[test]
fn amazon_leads_from_mirror_to_repository_to_update_information() {
    let url = "https://cdn.example/2/core/latest/x86_64/mirror.list";
    let list = wanted(url, "linux/amazon/2/core/mirror.list", Kind::MirrorList);
    let text = "http://cdn.example/2/core/2.0/x86_64/d3ad/\nhttps://other.example/\n";
    let repository = read(&list, text).unwrap().remove(0);
    assert_eq!(
        repository.url.as_str(),
        "https://cdn.example/2/core/2.0/x86_64/d3ad/repodata/repomd.xml"
    );
    assert_eq!(repository.path, "linux/amazon/2/core/repomd.xml");
    let sum = "ab".repeat(32);
    let text = format!(
        "<repomd xmlns=\"r\"><data type=\"primary\"><checksum type=\"sha256\">0</checksum>\
         <location href=\"repodata/primary.xml.gz\"/></data><data type=\"updateinfo\">\
         <checksum type=\"sha256\">{sum}</checksum><open-checksum type=\"sha256\">1</open-checksum>\
         <location href=\"repodata/{sum}-updateinfo.xml.gz\"/></data></repomd>"
    );
    let found = read(&repository, &text).unwrap().remove(0);
    let base = "https://cdn.example/2/core/2.0/x86_64/d3ad/repodata";
    assert_eq!(
        found.url.as_str(),
        format!("{base}/{sum}-updateinfo.xml.gz")
    );
    assert_eq!(found.path, "linux/amazon/2/core/updateinfo.xml.gz");
    let stated = found.hash.unwrap();
    assert_eq!((stated.hash, stated.algorithm), (sum, Algorithm::Sha256));
    assert_eq!(stated.by, "linux/amazon/2/core/repomd.xml");
    assert_eq!(read(&repository, "<repomd/>").unwrap(), []);
    assert!(read(&repository, "<html/>").is_err());
    assert!(read(&list, "\n").is_err());
}

#[test]
fn amazon_extras_may_be_missing() {
    let url = "https://cdn.example/2/extras-catalog.json";
    let index = wanted(
        url,
        "linux/amazon/2/extras-catalog.json",
        Kind::AmazonExtras,
    );
    let text = r#"{"topics": [{"n": "kernel-5.15", "versions": ["stable"]}]}"#;
    let found = read(&index, text).unwrap().remove(0);
    assert_eq!(
        found.url.as_str(),
        "https://cdn.example/2/extras/kernel-5.15/latest/x86_64/mirror.list"
    );
    assert_eq!(found.path, "linux/amazon/2/extras/kernel-5.15/mirror.list");
    assert!(found.is_optional && read(&found, "https://m.example/").unwrap()[0].is_optional);
}

#[test]
fn fedora_has_a_repository_for_each_release() {
    let url = "https://dl.example/updates/";
    let index = wanted(url, "linux/fedora/releases.html", Kind::FedoraReleases);
    let page =
        r#"<a href="../">up</a> <a href="43/">43/</a> <a href="42/">42/</a> <a href="testing/">"#;
    let base = "https://dl.example/updates";
    assert_eq!(
        leads_to(&index, page),
        ["42", "43"].map(|release| format!(
            "{base}/{release}/Everything/x86_64/repodata/repomd.xml linux/fedora/{release}/repomd.xml"
        ))
    );
}

#[test]
fn alpine_has_a_folder_for_each_release() {
    let url = "https://secdb.example/";
    let index = wanted(url, "linux/alpine/index.html", Kind::Folders);
    let page = "<a href=\"../\">..</a><a href='v3.19/'>v3.19/</a><a href=\"https://x.example/\">x</a>\
                <a href=\"license.txt\">l</a><a href=\"v3.19/\">again</a>";
    let release = read(&index, page).unwrap();
    assert_eq!(release.len(), 1);
    assert_eq!(release[0].url.as_str(), "https://secdb.example/v3.19/");
    assert_eq!(release[0].path, "linux/alpine/v3.19/index.html");
    assert_eq!(
        leads_to(
            &release[0],
            "<a href=\"community.json\"><a href=\"./main.json\">"
        ),
        [
            "https://secdb.example/v3.19/community.json linux/alpine/v3.19/community.json",
            "https://secdb.example/v3.19/main.json linux/alpine/v3.19/main.json",
        ]
    );
}

#[test]
fn red_hat_has_an_archive_and_what_was_changed_since() {
    let url = "https://rh.example/vex/archive_latest.txt";
    let index = wanted(
        url,
        "linux/redhat/vex/archive_latest.txt",
        Kind::RedhatArchive,
    );
    let found = read(&index, "csaf_vex_2024-08-04.tar.zst").unwrap();
    assert_eq!(
        found[0].url.as_str(),
        "https://rh.example/vex/csaf_vex_2024-08-04.tar.zst"
    );
    assert_eq!(found[0].path, "linux/redhat/vex/archive.tar.zst");
    assert_eq!(found[0].vouched, Vouched::Beside);
    let text = "\"2023/cve-2023-6240.json\",\"2024-08-04T10:17:22+00:00\"\n\
                \"2021/cve-2021-47343.json\",\"2024-07-29T18:39:58+00:00\"";
    assert_eq!(
        leads_to(&found[1], text),
        ["https://rh.example/vex/2023/cve-2023-6240.json linux/redhat/vex/2023/cve-2023-6240.json"]
    );
    assert!(read(&index, "archive.tar.zst").is_err());
    assert!(read(&index, "../../2024-08-04.tar.zst").is_err());
    let all = wanted(
        "https://rh.example/vex/changes.csv",
        "a/changes.csv",
        Kind::Changes,
    );
    let all = read(&all, text).unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|one| one.vouched == Vouched::Beside));
}

#[test]
fn a_csaf_provider_leads_to_its_folders() {
    let url = "https://csaf.example/provider-metadata.json";
    let index = wanted(url, "own/corp/provider-metadata.json", Kind::CsafProvider);
    let text =
        r#"{"distributions": [{"rolie": {}}, {"directory_url": "https://csaf.example/white/"}]}"#;
    assert_eq!(
        leads_to(&index, text),
        ["https://csaf.example/white/changes.csv own/corp/2/changes.csv"]
    );
    let index = wanted(
        "https://csaf.example/white/index.txt",
        "own/corp/index.txt",
        Kind::CsafIndex,
    );
    assert_eq!(
        leads_to(&index, "2025/a-1.json\n2025/a-1.json.asc\n"),
        ["https://csaf.example/white/2025/a-1.json own/corp/2025/a-1.json"]
    );
}

/// The shape of CSAF 2.0, section 7.1.15, example 123.
const ROLIE: &str = r#"{"feed": {"id": "f", "entry": [
    {"id": "a-1", "updated": "2026-01-02T03:04:05Z",
     "link": [{"rel": "self", "href": "https://csaf.example/white/2026/a-1.json"},
              {"rel": "signature", "href": "https://csaf.example/white/2026/a-1.json.asc"},
              {"rel": "hash", "href": "https://csaf.example/white/2026/a-1.json.sha512"}],
     "content": {"type": "application/json", "src": "https://csaf.example/white/2026/a-1.json"}},
    {"id": "a-2", "link": [{"rel": "self", "href": "https://csaf.example/other/2026/a-2.json"}]},
    {"id": "nothing"}]}}"#;

fn rolie_index() -> Wanted {
    let url = "https://csaf.example/white/csaf-feed-tlp-white.json";
    wanted(url, "own/corp/1/feed.json", Kind::Rolie)
}

#[test]
fn a_rolie_feed_leads_to_documents_and_their_hashes() {
    let index = rolie_index();
    assert_eq!(
        leads_to(&index, ROLIE),
        [
            "https://csaf.example/white/2026/a-1.json own/corp/1/2026/a-1.json",
            "https://csaf.example/other/2026/a-2.json own/corp/1/2026/a-2.json",
        ]
    );
    let found = read(&index, ROLIE).unwrap();
    assert_eq!(found[0].stamp.as_deref(), Some("2026-01-02T03:04:05Z"));
    let hash = "https://csaf.example/white/2026/a-1.json.sha512";
    let at = Vouched::At(Algorithm::Sha512, hash.parse().unwrap());
    assert_eq!(found[0].vouched, at);
    assert_eq!(found[1].vouched, Vouched::Beside);
}

#[test]
fn a_rolie_feed_leads_to_no_stranger() {
    let index = rolie_index();
    let read = |text: &str| read(&index, text);
    for bad in [
        "https://x.example/white/2026/a-2.json",
        "http://csaf.example/a.json",
    ] {
        let text = ROLIE.replace("https://csaf.example/other/2026/a-2.json", bad);
        assert!(matches!(read(&text), Err(IndexError::Strange(..))), "{bad}");
    }
    // A hash that lies elsewhere is not asked for there.
    let hash = "https://csaf.example/white/2026/a-1.json.sha512";
    let text = ROLIE.replace(hash, "https://x.example/a-1.json.sha512");
    assert_eq!(read(&text).unwrap()[0].vouched, Vouched::Beside);
    assert!(matches!(read("{}"), Err(IndexError::Empty(_))));
    assert_eq!(read(r#"{"feed": {}}"#).unwrap(), []);
}

#[test]
fn a_csaf_provider_without_folders_leads_to_the_feeds_that_are_for_everybody() {
    let url = "https://csaf.example/provider-metadata.json";
    let index = wanted(url, "own/corp/provider-metadata.json", Kind::CsafProvider);
    let feeds = r#"{"rolie": {"feeds": [
        {"summary": "all", "tlp_label": "WHITE", "url": "https://csaf.example/white/feed.json"},
        {"summary": "some", "tlp_label": "AMBER", "url": "https://csaf.example/amber/feed.json"}]}}"#;
    assert_eq!(
        leads_to(&index, &format!(r#"{{"distributions": [{feeds}]}}"#)),
        ["https://csaf.example/white/feed.json own/corp/1/feed.json"]
    );
    // A folder has the same documents.
    let folder = r#"{"directory_url": "https://csaf.example/white"}"#;
    assert_eq!(
        leads_to(
            &index,
            &format!(r#"{{"distributions": [{feeds}, {folder}]}}"#)
        ),
        ["https://csaf.example/white/changes.csv own/corp/2/changes.csv"]
    );
    assert!(read(&index, r#"{"distributions": []}"#).is_err());
}

#[test]
fn a_page_names_the_next_which_is_of_the_same_place() {
    let url = "https://apollo.example/api/v3/advisories/?page=1&size=100";
    let index = wanted(url, "linux/rocky/apollo/page-1.json", Kind::ApolloPages);
    let text = r#"{"advisories": [], "links": {"next": "/api/v3/advisories/?size=100&page=2"}}"#;
    assert_eq!(
        leads_to(&index, text),
        [
            "https://apollo.example/api/v3/advisories/?size=100&page=2 linux/rocky/apollo/page-2.json"
        ]
    );
    assert_eq!(read(&index, r#"{"links": {"next": null}}"#).unwrap(), []);
    let same = format!(r#"{{"links": {{"next": "{url}"}}}}"#);
    assert!(read(&index, &same).is_err());
    assert!(read(&index, r#"{"links": {"next": "https://x.example/"}}"#).is_err());
    let odata = wanted("https://a.example/sug", "w/page-9.json", Kind::OdataPages);
    assert_eq!(
        leads_to(
            &odata,
            r#"{"@odata.nextLink": "https://a.example/sug?$skip=9", "value": []}"#
        ),
        ["https://a.example/sug?$skip=9 w/page-10.json"]
    );
}

#[test]
fn names_stay_inside_the_mirror() {
    for bad in [
        "", "..", "a/../b", "/a", "a//b", ".git", "a\\b", "a b", "a/", "c:", "%2e%2e",
    ] {
        assert!(!is_safe_path(bad), "{bad}");
    }
    assert!(is_safe_path(
        "linux/amazon/2/extras/kernel-5.15/gtk+-1.xml.gz"
    ));
}

fn kinds() -> impl Strategy<Value = Kind> {
    proptest::sample::select(vec![
        Kind::MsrcUpdates,
        Kind::Rolie,
        Kind::DotnetReleases,
        Kind::MirrorList,
        Kind::AmazonExtras,
        Kind::Repomd,
        Kind::FedoraReleases,
        Kind::RedhatArchive,
        Kind::Changes,
        Kind::CsafIndex,
        Kind::CsafProvider,
        Kind::Folders,
        Kind::ApolloPages,
        Kind::OdataPages,
    ])
}

/// Pieces that indexes are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let words = vec![
        "{\"value\":[",
        "{\"ID\":\"",
        "../",
        "2024-Aug",
        "\"}",
        "]}",
        "<a href=\"",
        "v3.1/",
        "\">",
        "<repomd>",
        "<data type=\"updateinfo\">",
        "<location href=\"/etc/x\"/>",
        "http://",
        "é",
        "{\"topics\":[{\"n\":\"",
        "\n",
        ",",
        ".json",
        ".tar.zst",
        "_2024-01-01",
        "\\",
        "..",
        "href='",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..30).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn no_index_makes_it_panic_or_leave_the_mirror(kind in kinds(), text in pieces(), noise in ".*") {
        let index = wanted("https://a.example/b/c", "x/y/page-1.json", kind);
        for text in [text, noise] {
            for found in read(&index, &text).unwrap_or_default() {
                prop_assert!(is_safe_path(&found.path), "{}", found.path);
                prop_assert!(found.path.starts_with("x/y/"), "{}", found.path);
            }
        }
    }
}
