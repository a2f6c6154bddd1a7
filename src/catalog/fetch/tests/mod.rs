//! Tests over real connections to servers on loopback that behave, and that do not.

mod mirror;
mod server;
mod vouching;

use super::*;
use crate::catalog::hashes::HashError;
use crate::catalog::sources::{From, Kind};
use reqwest::header::{HeaderMap, HeaderValue};
use server::{Answer, Authority, Heard, Server};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

/// A source of one document.
fn source(url: &str, kind: Kind) -> Source {
    Source {
        name: "test".to_owned(),
        feed: "test".to_owned(),
        from: From::Url(url.parse().unwrap()),
        path: "linux/test/document.json".to_owned(),
        kind,
        is_default: true,
        megabytes: 1,
        note: String::new(),
        sha256: None,
        headers: HeaderMap::new(),
        only: &[],
    }
}

/// Patience for tests.
fn quick() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        silence: Duration::from_millis(700),
        slowest: 512,
        window: Duration::from_millis(300),
        tries: 3,
        all_tries: 40,
        pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        most: 1 << 20,
        at_once: 4,
    }
}

struct Desk {
    folder: TempDir,
    how: Fetching,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let how = Fetching {
            origin: Origin::Publishers,
            cache: folder.path().join("cache"),
            proxy: None,
            authorities: Vec::new(),
            limits: quick(),
        };
        Self { folder, how }
    }

    async fn fetch(&self, source: &Source) -> Fetched {
        let stop = CancellationToken::new();
        let sources = [source.clone()];
        let fetched = fetch(&sources, true, &self.how, &stop, Arc::new(|_| {})).await;
        fetched.unwrap()
    }

    /// Fetches what must come.
    async fn get(&self, source: &Source) -> Vec<u8> {
        let fetched = self.fetch(source).await;
        assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
        fs::read(&fetched.documents[0].file).unwrap()
    }

    /// Fetches what must not come, and says why it did not.
    async fn refusal(&self, source: &Source) -> FetchError {
        let mut fetched = self.fetch(source).await;
        assert!(fetched.documents.is_empty(), "{:?}", fetched.documents);
        fetched.failures.remove(0).error
    }

    fn part(&self) -> PathBuf {
        self.how
            .cache
            .join(".underdesk/linux/test/document.json.part")
    }
}

fn document() -> Vec<u8> {
    (0..20_000u32).flat_map(u32::to_le_bytes).collect()
}

/// Serves a document as good servers do: by its tag, and in parts. `cut` says after how many bytes each
/// answer ends.
fn good(cut: impl Fn(usize) -> Option<usize> + Send + Sync + 'static) -> impl Fn(&Heard) -> Answer {
    let asked = Mutex::new(0);
    move |heard: &Heard| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if heard.header("if-none-match") == Some("\"one\"") {
            return Answer::status(304);
        }
        let whole = document();
        let range = heard.header("range").map(ToOwned::to_owned);
        let start = range.as_deref().and_then(|range| {
            assert_eq!(heard.header("if-range"), Some("\"one\""));
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
        let mut answer = match start {
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
                let rest = Answer::ok(&whole[start..]).with("Content-Range", range);
                Answer {
                    status: 206,
                    ..rest
                }
            }
            None => Answer::ok(whole),
        };
        answer.cut = cut(*asked).filter(|cut| *cut < answer.body.len());
        answer.with("ETag", "\"one\"")
    }
}

#[tokio::test]
async fn a_document_comes_once_and_then_only_its_tag_is_compared() {
    let server = Server::start(good(|_| None)).await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    assert_eq!(desk.get(&source).await, document());
    let again = desk.fetch(&source).await;
    assert_eq!((again.unchanged, again.bytes), (1, 0));
    assert_eq!(again.documents.len(), 1);
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    let agent = concat!("underdesk/", env!("CARGO_PKG_VERSION"));
    assert_eq!(heard[0].header("user-agent"), Some(agent));
    assert_eq!(heard[0].header("if-none-match"), None);
}

#[tokio::test]
async fn a_document_that_was_damaged_here_is_fetched_again() {
    let server = Server::start(good(|_| None)).await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    desk.get(&source).await;
    fs::write(desk.how.cache.join(&source.path), "damaged").unwrap();
    assert_eq!(desk.get(&source).await, document());
}

#[tokio::test]
async fn a_download_cut_at_every_tenth_is_gone_on_with() {
    let tenth = document().len() / 10 + 1;
    let server = Server::start(good(move |_| Some(tenth))).await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    let fetched = desk.fetch(&source).await;
    assert!(fetched.failures.is_empty(), "{:?}", fetched.failures);
    assert_eq!(fs::read(&fetched.documents[0].file).unwrap(), document());
    assert_eq!(fetched.bytes, document().len() as u64, "no byte came twice");
    assert_eq!(server.heard().len(), 10);
    assert!(!desk.part().exists());
}

#[tokio::test]
async fn what_came_before_the_network_went_is_kept_for_the_next_update() {
    let server = Server::start(good(|asked| (asked < 5).then_some(1000))).await;
    let mut desk = Desk::new();
    let source = source(&server.url("/d"), Kind::File);
    desk.how.limits.all_tries = 3;
    let error = desk.refusal(&source).await;
    assert!(matches!(error, FetchError::Cut { got: 3000 }), "{error:?}");
    assert_eq!(fs::metadata(desk.part()).unwrap().len(), 3000);
    assert_eq!(desk.get(&source).await, document());
    assert_eq!(server.heard()[3].header("range"), Some("bytes=3000-"));
}

#[tokio::test]
async fn a_document_that_changed_meanwhile_begins_anew() {
    let turn = Mutex::new(0);
    let server = Server::start(move |heard| {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        if *turn == 1 {
            let mut old = Answer::ok(vec![b'o'; 5000]).with("ETag", "\"old\"");
            old.cut = Some(2000);
            return old;
        }
        assert_eq!(heard.header("if-range"), Some("\"old\""));
        Answer::ok("new").with("ETag", "\"new\"")
    })
    .await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    assert_eq!(desk.get(&source).await, b"new");
}

#[tokio::test]
async fn a_part_of_something_else_is_never_joined() {
    let turn = Mutex::new(0);
    let server = Server::start(move |heard| {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        let whole = Answer::ok("0123456789").with("ETag", "\"a\"");
        match *turn {
            1 => Answer {
                cut: Some(4),
                ..whole
            },
            // The server ignores what was asked for.
            2 => Answer {
                status: 206,
                ..whole
            }
            .with("Content-Range", "bytes 2-9/10"),
            _ => {
                assert_eq!(heard.header("range"), None);
                whole
            }
        }
    })
    .await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    assert_eq!(desk.get(&source).await, b"0123456789");
}

#[tokio::test]
async fn a_document_shorter_than_announced_is_no_document() {
    let server = Server::start(|_| Answer {
        said: Some(100),
        ..Answer::ok("short")
    })
    .await;
    let (desk, source) = (Desk::new(), source(&server.url("/d"), Kind::File));
    let error = desk.refusal(&source).await;
    assert!(matches!(error, FetchError::Cut { .. }), "{error:?}");
    assert!(!desk.how.cache.join(&source.path).exists());
}

#[tokio::test]
async fn an_endless_body_and_an_announced_giant_are_refused() {
    let server = Server::start(|heard| match heard.path.as_str() {
        "/endless" => Answer {
            is_endless: true,
            ..Answer::ok(vec![b'x'; 10_000])
        },
        _ => Answer {
            said: Some(1 << 40),
            ..Answer::ok("x")
        },
    })
    .await;
    let desk = Desk::new();
    for path in ["/endless", "/giant"] {
        let error = desk.refusal(&source(&server.url(path), Kind::File)).await;
        assert!(
            matches!(error, FetchError::TooBig { most: 0x10_0000 }),
            "{error:?}"
        );
        assert!(!desk.part().exists());
    }
    assert_eq!(server.heard().len(), 2, "it is not tried again");
}

#[tokio::test]
async fn silence_and_a_trickle_end() {
    let server = Server::start(|heard| Answer {
        drip: Some(Duration::from_millis(if heard.path == "/slow" {
            30
        } else {
            60_000
        })),
        ..Answer::ok(vec![b'x'; 5000])
    })
    .await;
    let desk = Desk::new();
    for path in ["/slow", "/silent"] {
        let error = desk.refusal(&source(&server.url(path), Kind::File)).await;
        assert!(
            matches!(error, FetchError::TooSlow { .. }),
            "{path}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_well_is_asked_again_and_one_that_has_not_is_not() {
    let turn = Mutex::new(0);
    let server = Server::start(move |heard| {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        match (&*heard.path, *turn) {
            ("/404", _) => Answer::status(404),
            ("/500", _) => Answer::status(500),
            (_, 1) => Answer::status(503).with("Retry-After", "0"),
            (_, 2) => Answer::status(429),
            _ => Answer::ok("[]"),
        }
    })
    .await;
    let desk = Desk::new();
    assert_eq!(
        desk.get(&source(&server.url("/busy"), Kind::File)).await,
        b"[]"
    );
    let error = desk.refusal(&source(&server.url("/404"), Kind::File)).await;
    assert!(matches!(error, FetchError::Status(404)), "{error:?}");
    assert_eq!(server.heard().len(), 4);
    let error = desk.refusal(&source(&server.url("/500"), Kind::File)).await;
    assert!(matches!(error, FetchError::Status(500)), "{error:?}");
    assert_eq!(server.heard().len(), 7);
    let kept = fs::read(desk.how.cache.join("linux/test/document.json")).unwrap();
    assert_eq!(kept, b"[]", "what was there stays");
}

#[tokio::test]
async fn nobody_there_is_told_with_the_host() {
    let desk = Desk::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = desk
        .refusal(&source(&format!("http://127.0.0.1:{port}/d"), Kind::File))
        .await;
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_circle_of_redirects_ends_and_a_short_way_is_gone() {
    let server = Server::start(|heard| match &*heard.path {
        "/circle" => Answer::to("/circle"),
        "/a" => Answer::to("b"),
        "/b" => Answer {
            status: 308,
            ..Answer::to("/c")
        },
        "/nowhere" => Answer::status(301),
        _ => Answer::ok("[]"),
    })
    .await;
    let desk = Desk::new();
    assert_eq!(
        desk.get(&source(&server.url("/a"), Kind::File)).await,
        b"[]"
    );
    let error = desk
        .refusal(&source(&server.url("/circle"), Kind::File))
        .await;
    let expected = RedirectError::TooMany(5);
    assert!(
        matches!(&error, FetchError::Redirect(found) if *found == expected),
        "{error:?}"
    );
    let error = desk
        .refusal(&source(&server.url("/nowhere"), Kind::File))
        .await;
    assert!(matches!(error, FetchError::Redirect(_)), "{error:?}");
}

#[tokio::test]
async fn https_is_not_left_for_http() {
    let plain = Server::start(|_| Answer::ok("[]")).await;
    let away = plain.url("/d");
    let authority = Authority::new();
    let secure = Server::tls(authority.identity(), move |_| Answer::to(away.clone())).await;
    let mut desk = Desk::new();
    let source = source(&secure.url("/d"), Kind::File);
    desk.how.authorities = vec![authority.file(desk.folder.path())];
    let error = desk.refusal(&source).await;
    assert!(
        matches!(error, FetchError::Redirect(RedirectError::Downgrade(_))),
        "{error:?}"
    );
    assert_eq!(plain.heard().len(), 0);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_read() {
    let authority = Authority::new();
    let server = Server::tls(authority.identity(), |_| Answer::ok("[]")).await;
    let mut desk = Desk::new();
    desk.how.authorities = vec![Authority::new().file(desk.folder.path())];
    let source = source(&server.url("/d"), Kind::File);
    let error = desk.refusal(&source).await;
    assert!(error.is_distrust(), "{error:?}");
    assert_eq!(server.heard().len(), 0);
    desk.how.authorities = vec![authority.file(desk.folder.path())];
    assert_eq!(desk.get(&source).await, b"[]");
}

#[tokio::test]
async fn a_proxy_opens_tunnels_and_its_password_is_told_to_nobody() {
    let authority = Authority::new();
    let server = Server::tls(authority.identity(), |_| Answer::ok("[]")).await;
    let proxy = Server::start(|heard| match heard.header("proxy-authorization") {
        Some("Basic dXNlcjpodW50ZXIy") => Answer::status(200),
        _ => Answer::status(407),
    })
    .await;
    let mut desk = Desk::new();
    desk.how.authorities = vec![authority.file(desk.folder.path())];
    let address = |password: &str| format!("http://user:{password}@127.0.0.1:{}", proxy.port);
    desk.how.proxy = Some(Proxy {
        address: address("hunter2"),
        except: None,
    });
    assert!(!format!("{:?}", desk.how).contains("hunter2"));
    let source = source(&server.url("/d"), Kind::File);
    assert_eq!(desk.get(&source).await, b"[]");
    let asked = &proxy.heard()[0];
    assert_eq!(asked.method, "CONNECT");
    assert_eq!(asked.path, format!("localhost:{}", server.port));
    desk.how.proxy = Some(Proxy {
        address: address("hunter3"),
        except: None,
    });
    let error = desk.refusal(&source).await;
    assert!(matches!(error, FetchError::ProxyLogin), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter3"));
    let tunnels = proxy.heard().len();
    desk.how.proxy = Some(Proxy {
        address: address("hunter3"),
        except: Some("localhost".to_owned()),
    });
    desk.get(&source).await;
    assert_eq!(proxy.heard().len(), tunnels, "NO_PROXY goes around");
    desk.how.proxy = Some(Proxy {
        address: "http://user:hunter4@".to_owned(),
        except: None,
    });
    let stop = CancellationToken::new();
    let error = fetch(&[source], true, &desk.how, &stop, Arc::new(|_| {})).await;
    let error = error.unwrap_err();
    assert!(
        !format!("{error:?} {error}").contains("hunter4"),
        "{error:?}"
    );
}

#[tokio::test]
async fn headers_of_the_users_own_go_to_their_server_alone() {
    let other = Server::start(|_| Answer::ok("[]")).await;
    let away = other.url("/d");
    let server = Server::start(move |heard| match &*heard.path {
        "/away" => Answer::to(away.clone()),
        _ => Answer::ok("[]"),
    })
    .await;
    let desk = Desk::new();
    let own = |path: &str| {
        let mut own = source(&server.url(path), Kind::File);
        let mut token = HeaderValue::from_static("hunter2");
        token.set_sensitive(true);
        own.headers.insert("x-token", token);
        own
    };
    desk.get(&own("/d")).await;
    assert_eq!(server.heard()[0].header("x-token"), Some("hunter2"));
    let error = desk.refusal(&own("/away")).await;
    assert!(
        matches!(error, FetchError::Redirect(RedirectError::Stranger(_))),
        "{error:?}"
    );
    assert_eq!(other.heard().len(), 0);
}

#[tokio::test]
async fn a_web_page_or_another_digest_is_no_document() {
    let server = Server::start(|_| Answer::ok("\n<!DOCTYPE html><title>Log in</title>")).await;
    let desk = Desk::new();
    let mut wanted = source(&server.url("/d"), Kind::File);
    let error = desk.refusal(&wanted).await;
    assert!(matches!(error, FetchError::WebPage), "{error:?}");
    let server = Server::start(|_| Answer::ok("[]")).await;
    wanted.from = From::Url(server.url("/d").parse().unwrap());
    wanted.sha256 = Some("0".repeat(64));
    let error = desk.refusal(&wanted).await;
    assert!(
        matches!(error, FetchError::Hash(HashError::Mismatch(_))),
        "{error:?}"
    );
    assert!(!desk.how.cache.join(&wanted.path).exists());
    wanted.sha256 =
        Some("4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945".to_owned());
    assert_eq!(desk.get(&wanted).await, b"[]");
}

#[tokio::test]
async fn two_updates_into_one_folder_wait_for_each_other() {
    let desk = Desk::new();
    let _held = Cache::open(&desk.how.cache).unwrap();
    let stop = CancellationToken::new();
    let result = fetch(&[], true, &desk.how, &stop, Arc::new(|_| {})).await;
    assert!(matches!(result, Err(SetupError::Busy { .. })), "{result:?}");
}

#[tokio::test]
async fn a_stopped_download_is_gone_on_with() {
    let server = Server::start(good(|_| None)).await;
    let stall = Server::start(|_| Answer {
        drip: Some(Duration::from_millis(1)),
        ..Answer::ok(document()).with("ETag", "\"one\"")
    })
    .await;
    let desk = Desk::new();
    let stop = CancellationToken::new();
    let mut wanted = source(&stall.url("/d"), Kind::File);
    let sources = [wanted.clone()];
    let work = fetch(&sources, true, &desk.how, &stop, Arc::new(|_| {}));
    let part = desk.part();
    let killer = async {
        while fs::metadata(&part).map_or(0, |part| part.len()) < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    let (fetched, ()) = tokio::join!(work, killer);
    assert!(fetched.unwrap().is_stopped);
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept >= 10);
    // The server is well again, at the same address: here it is another port, so the note is told.
    wanted.from = From::Url(server.url("/d").parse().unwrap());
    move_note(&part, &stall.url("/d"), &server.url("/d"));
    assert_eq!(desk.get(&wanted).await, document());
    let asked = server.heard()[0].header("range").map(str::to_owned);
    assert_eq!(asked, Some(format!("bytes={kept}-")));
}

fn move_note(part: &Path, from: &str, to: &str) {
    let note = part.with_extension("part.said");
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replace(from, to)).unwrap();
}
