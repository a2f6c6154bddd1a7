//! `catalog update`, `mirror` and `export`: against folders and a server on loopback.

use crate::support::{Desk, Ended, signal};
use rustix::process::Signal;
use sha2::Digest as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A desk with a mirror of three sources, as `catalog mirror` lays them out.
fn desk() -> Desk {
    let desk = Desk::without_catalog();
    let put = |from: &str, to: &str| {
        let to = desk.path("mirror").join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(from), to).unwrap();
    };
    put("feeds/kev/known_exploited.json", "common/kev.json");
    put("catalog/debian-osv.jsonl", "linux/osv/Debian/all.zip");
    put("feeds/msrc-cvrf/2025-Dec.xml", "windows/cvrf/2025-Dec.xml");
    let index = "{\"value\": [{\"ID\": \"2025-Dec\", \"CurrentReleaseDate\": \"2026-01-01\"}]}";
    fs::write(desk.path("mirror/windows/cvrf/updates.json"), index).unwrap();
    desk
}

fn digest(ended: &Ended) -> String {
    let (_, rest) = ended.out.split_once("digest ").expect("a digest");
    rest.chars().take(64).collect()
}

#[test]
fn a_mirror_in_a_folder_is_imported_and_then_only_what_is_new() {
    let desk = desk();
    let first = desk.expect(0, "catalog update --mirror mirror");
    assert!(first.out.contains("kev: "), "{}", first.out);
    assert!(first.out.contains("msrc-cvrf: "), "{}", first.out);
    assert!(
        first
            .out
            .contains("3 documents (0 bytes received), 0 of them")
    );
    assert!(first.err.contains("not in this mirror, and left out: "));
    let second = desk.expect(0, "catalog update --mirror mirror");
    assert!(
        second.out.contains("3 of them as imported before"),
        "{}",
        second.out
    );
    assert!(!second.out.contains("kev: "), "{}", second.out);
    assert_eq!(digest(&first), digest(&second));
    let third = desk.expect(0, "catalog update --mirror mirror --reread");
    assert!(third.out.contains("0 of them as imported before") && third.out.contains("kev: "));
    assert_eq!(digest(&first), digest(&third));
    let news = "{\"schema_version\":\"1.7.3\",\"id\":\"DEBIAN-CVE-2099-0001\",\"modified\":\"2099-01-01T00:00:00Z\",\
        \"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"dpkg\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\
        \"events\":[{\"introduced\":\"0\"},{\"fixed\":\"99\"}]}]}]}\n";
    let path = desk.path("mirror/linux/osv/Debian/all.zip");
    let old = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{}\n{news}", old.trim_end())).unwrap();
    let fourth = desk.expect(0, "catalog update --mirror mirror");
    assert!(fourth.out.contains(" 1 new, 0 changed"), "{}", fourth.out);
    assert!(
        fourth.out.contains("2 of them as imported before"),
        "{}",
        fourth.out
    );
}

#[test]
fn what_is_truncated_or_missing_costs_its_source_and_is_named() {
    let desk = desk();
    let zip = desk.path("mirror/linux/osv/Wolfi/all.zip");
    fs::create_dir_all(zip.parent().unwrap()).unwrap();
    fs::write(&zip, b"PK\x03\x04 cut short").unwrap();
    fs::write(desk.path("mirror/common/epss.csv.gz"), b"\x1f\x8bcut").unwrap();
    let ended = desk.expect(3, "catalog update --mirror mirror");
    for place in [
        "osv-wolfi: ",
        "linux/osv/Wolfi/all.zip",
        "epss: ",
        "common/epss.csv.gz",
    ] {
        assert!(ended.err.contains(place), "{place}: {}", ended.err);
    }
    assert!(ended.out.contains("kev: ") && ended.out.contains("msrc-cvrf: "));
    let ended = desk.expect(3, "catalog update --mirror mirror kev endoflife");
    assert!(
        ended
            .err
            .contains("left out: endoflife: mirror/common/endoflife.json: not in the mirror")
    );
    assert!(
        ended.err.contains("what to do: the mirror is not whole"),
        "{}",
        ended.err
    );
    let ended = desk.expect(1, "catalog update --mirror mirror endoflife");
    assert!(ended.err.contains("nothing was fetched"), "{}", ended.err);
    let other = "fetched elsewhere: underdesk catalog import FILE";
    assert!(ended.err.contains(other), "{}", ended.err);
    fs::create_dir(desk.path("empty")).unwrap();
    let ended = desk.expect(1, "catalog update --mirror empty");
    assert!(
        ended.err.contains("it is no mirror, or an empty one"),
        "{}",
        ended.err
    );
}

#[test]
fn wrong_words_are_told_what_would_be_right() {
    let desk = desk();
    let cases = [
        ("catalog update kevv", "did you mean kev?"),
        ("catalog update --mirror nowhere", "no folder nowhere"),
        (
            "catalog update --proxy http:// kev",
            "the address of the proxy does not read",
        ),
        (
            "catalog update --tls-ca nowhere kev",
            "nowhere does not read",
        ),
        ("catalog update --feeds nowhere", "cannot read nowhere"),
        (
            "catalog mirror out --mirror mirror",
            "a folder is copied as folders are",
        ),
    ];
    for (words, expected) in cases {
        let ended = desk.expect(2, words);
        assert!(ended.err.contains(expected), "{words}: {}", ended.err);
    }
    desk.write(
        "feeds.toml",
        "[[feed]]\nname = \"x\"\nkind = \"osv\"\n\npth = \"a\"\n",
    );
    let ended = desk.expect(2, "catalog sources --feeds feeds.toml");
    assert!(
        ended
            .err
            .contains("feeds.toml, line 5: unknown field `pth`"),
        "{}",
        ended.err
    );
}

#[test]
fn sources_of_ones_own_are_fetched_and_must_be_of_their_kind() {
    let desk = desk();
    let csv = fixture("feeds/bulletins-csv/bulletins.csv");
    fs::copy(csv, desk.path("ours.csv")).unwrap();
    let server = Server::start(desk.path("mirror"), None);
    let feeds = format!(
        "[[feed]]\nname = \"ours\"\nkind = \"csv\"\npath = \"ours.csv\"\n\n\
         [[feed]]\nname = \"theirs\"\nkind = \"osv\"\nurl = \"{}\"\n",
        server.url("/linux/osv/Debian/all.zip")
    );
    desk.write("feeds.toml", &feeds);
    let ended = desk.expect(0, "catalog update own --feeds feeds.toml");
    assert!(ended.out.contains("bulletins-csv: ") && ended.out.contains("osv: "));
    let listed = desk.expect(0, "catalog sources --feeds feeds.toml");
    assert!(listed.out.contains("theirs") && listed.out.contains("msrc-cvrf"));
    desk.write(
        "feeds.toml",
        &feeds.replace("\"csv\"\npath", "\"csaf\"\npath"),
    );
    let ended = desk.expect(3, "catalog update own --feeds feeds.toml --reread");
    let expected = "ours.csv is a document of the feed bulletins-csv and should be one of csaf";
    assert!(ended.err.contains(expected), "{}", ended.err);
}

#[test]
fn a_killed_update_leaves_the_old_catalogue_and_goes_on_where_it_was() {
    let desk = desk();
    desk.expect(0, "catalog update --mirror mirror kev");
    let before = desk.expect(0, "catalog info").out;
    let slow = Arc::new(AtomicBool::new(true));
    let server = Server::start(desk.path("mirror"), Some(Arc::clone(&slow)));
    let words = format!("catalog update osv-debian --mirror {}", server.url(""));
    let child = desk.command(&words).spawn().unwrap();
    let id = child.id();
    let part = desk.path("home/.cache/underdesk/feeds/.underdesk/linux/osv/Debian/all.zip.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) < 1000 {
        thread::sleep(Duration::from_millis(5));
    }
    signal(id, Signal::KILL);
    assert_eq!(desk.end(child).code, None);
    assert_eq!(desk.expect(0, "catalog info").out, before);
    let kept = fs::metadata(&part).unwrap().len();
    slow.store(false, Ordering::Relaxed);
    let ended = desk.expect(0, &words);
    assert!(ended.out.contains("osv: "), "{}", ended.out);
    let asked = server.heard.lock().unwrap().last().unwrap().clone();
    assert!(asked.contains(&format!("range: bytes={kept}-")), "{asked}");
    assert!(!part.exists());
    // What is here is imported again without anybody being asked.
    let asked = server.heard.lock().unwrap().len();
    desk.expect(0, "catalog update osv-debian --offline");
    assert_eq!(server.heard.lock().unwrap().len(), asked);
}

#[test]
fn a_mirror_is_written_from_a_mirror() {
    let desk = desk();
    let server = Server::start(desk.path("mirror"), None);
    let words = format!(
        "catalog mirror copy kev msrc-cvrf --mirror {}",
        server.url("/")
    );
    let first = desk.expect(0, &words);
    assert!(first.out.contains("2 documents in copy"), "{}", first.out);
    assert!(desk.expect(0, &words).out.contains("2 of them as before"));
    let from_copy = desk.expect(
        0,
        "catalog update --mirror copy kev msrc-cvrf --catalog a.db",
    );
    let from_first = desk.expect(
        0,
        "catalog update --mirror mirror kev msrc-cvrf --catalog b.db",
    );
    assert_eq!(digest(&from_copy), digest(&from_first));
}

/// What `sha256sum` prints of a file.
fn sha256(path: &Path) -> String {
    let mut sum = sha2::Sha256::new();
    sum.update(fs::read(path).unwrap());
    let hex = |byte: &u8| format!("{byte:02x}");
    sum.finalize().iter().map(hex).collect()
}

#[test]
fn hashes_beside_documents_are_checked_and_kept() {
    let desk = desk();
    let document = desk.path("mirror/common/kev.json");
    let right = format!("{}  known_exploited.json\n", sha256(&document));
    desk.write("mirror/common/kev.json.sha256", &right);
    // By a server, into another mirror, and from there without one.
    let server = Server::start(desk.path("mirror"), None);
    let words = format!("catalog mirror copy kev --mirror {}", server.url("/"));
    let copied = desk.expect(0, &words);
    let said = "hashes: 1 have one that is stated, and are what it says; for 0 none is stated";
    assert!(copied.out.contains(said), "{}", copied.out);
    let kept = fs::read_to_string(desk.path("copy/common/kev.json.sha256")).unwrap();
    assert_eq!(kept, right);
    let taken = desk.expect(0, "catalog update kev --mirror copy");
    assert!(taken.out.contains(said), "{}", taken.out);
    // A folder of documents has no line about them.
    let folder = desk.expect(0, "catalog import copy/common");
    assert!(!folder.out.contains("sha256"), "{}", folder.out);
}

#[test]
fn a_document_that_is_not_what_is_stated_is_refused_with_what_to_do() {
    let desk = desk();
    let found = sha256(&desk.path("mirror/common/kev.json"));
    let wrong = "0".repeat(64);
    desk.write("mirror/common/SHA256SUMS", &format!("{wrong}  kev.json\n"));
    let told =
        format!("its SHA-256 is {found} and should be {wrong}, as mirror/common/SHA256SUMS states");
    let advice = "what to do: a document is not what its publisher, the file beside it or feeds.toml \
                  states: fetch it again";
    for (code, words) in [
        (3, "catalog update --mirror mirror"),
        (1, "catalog import mirror/common/kev.json"),
    ] {
        let ended = desk.expect(code, words);
        assert!(ended.err.contains(&told), "{words}: {}", ended.err);
        assert!(ended.err.contains(advice), "{words}: {}", ended.err);
        assert!(!ended.out.contains("kev: "), "{words}: {}", ended.out);
    }
    // Of a folder the others are taken, and what is not is named.
    let ended = desk.expect(0, "--catalog a.db catalog import mirror");
    assert!(
        ended.out.contains(&format!("kev.json is left out: {told}")),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains("kev: ") && ended.out.contains("osv: "));
    desk.write("mirror/common/SHA256SUMS", "<p>moved</p>\n");
    let ended = desk.expect(1, "catalog import mirror/common/kev.json");
    assert!(
        ended
            .err
            .contains("mirror/common/SHA256SUMS holds no SHA-256"),
        "{}",
        ended.err
    );
    assert!(
        ended
            .err
            .contains("what to do: a file that should state a hash does not")
    );
}

#[test]
fn an_exported_catalogue_is_what_the_file_beside_it_says() {
    let desk = desk();
    desk.expect(0, "--catalog a.db catalog update --mirror mirror kev");
    desk.expect(0, "--catalog a.db catalog export carried.udc");
    desk.write("carried.udc.sha256", &"0".repeat(64));
    let ended = desk.expect(1, "--catalog b.db catalog import carried.udc");
    assert!(
        ended
            .err
            .contains("carried.udc is refused: its SHA-256 is "),
        "{}",
        ended.err
    );
    desk.write("carried.udc.sha256", &sha256(&desk.path("carried.udc")));
    desk.expect(0, "--catalog b.db catalog import carried.udc");
}

#[test]
fn a_proxys_password_is_in_no_text() {
    let desk = desk();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let mut command = desk.command("-vv catalog update kev");
    command.env(
        "HTTPS_PROXY",
        format!("http://user:hunter2@127.0.0.1:{port}"),
    );
    let ended = desk.end(command.spawn().unwrap());
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(
        ended.err.contains("left out: kev: https://www.cisa.gov/"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("what to do: the network did not do"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("hunter2"), "{}", ended.err);
}

#[test]
fn an_exported_catalogue_has_the_same_digest_elsewhere() {
    let desk = desk();
    let made = desk.expect(0, "--catalog a.db catalog update --mirror mirror");
    let exported = desk.expect(0, "--catalog a.db catalog export carried.udc");
    assert_eq!(digest(&exported), digest(&made));
    let taken = desk.expect(0, "--catalog b.db catalog import carried.udc");
    assert_eq!(digest(&taken), digest(&made));
    let info = |name: &str| {
        let text = desk
            .expect(0, &format!("--catalog {name} catalog info"))
            .out;
        text.replace(name, "x")
    };
    assert_eq!(info("a.db"), info("b.db"));
    // The same again is no loss; what is newer or has more is not thrown away unasked.
    desk.expect(0, "--catalog b.db catalog import carried.udc");
    fs::copy(
        fixture("feeds/bulletins-csv/bulletins.csv"),
        desk.path("ours.csv"),
    )
    .unwrap();
    desk.expect(0, "--catalog b.db catalog import ours.csv");
    let refused = desk.expect(1, "--catalog b.db catalog import carried.udc");
    assert!(
        refused.err.contains("--replace takes it all the same"),
        "{}",
        refused.err
    );
    let taken = desk.expect(0, "--catalog b.db catalog import carried.udc --replace");
    assert_eq!(digest(&taken), digest(&made));
    let alone = desk.expect(1, "--catalog b.db catalog import carried.udc ours.csv");
    assert!(alone.err.contains("import it alone"), "{}", alone.err);
    let none = desk.expect(2, "--catalog none.db catalog export x.udc");
    assert!(none.err.contains("no catalogue at none.db"), "{}", none.err);
}

#[test]
fn a_damaged_or_newer_export_is_refused_and_leaves_what_is_there() {
    let desk = desk();
    let made = desk.expect(0, "--catalog a.db catalog update --mirror mirror");
    desk.expect(0, "--catalog a.db catalog export carried.udc");
    let whole = fs::read(desk.path("carried.udc")).unwrap();
    for tenth in 1..10 {
        fs::write(desk.path("cut.udc"), &whole[..whole.len() * tenth / 10]).unwrap();
        desk.expect(1, "--catalog a.db catalog import cut.udc");
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(desk.path("flipped.udc"), flipped).unwrap();
    let ended = desk.expect(1, "--catalog a.db catalog import flipped.udc");
    assert!(
        ended.err.contains("flipped.udc is damaged"),
        "{}",
        ended.err
    );
    let at = |text: &str| {
        let found = whole
            .windows(text.len())
            .position(|window| window == text.as_bytes());
        found.unwrap_or_else(|| panic!("{text}"))
    };
    // The note is stored as it is: it has another format then, and another checksum.
    let at = at("\"format\": ") + "\"format\": ".len();
    let mut newer = whole.clone();
    newer[at] = b'9';
    fs::write(desk.path("newer.udc"), newer).unwrap();
    let ended = desk.expect(1, "--catalog a.db catalog import newer.udc");
    assert!(ended.err.contains("newer.udc"), "{}", ended.err);
    let still = desk.expect(0, "--catalog a.db catalog export again.udc");
    assert_eq!(digest(&still), digest(&made));
}

/// A server of a folder, which knows tags and parts.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(folder: PathBuf, slow: Option<Arc<AtomicBool>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (folder, notes, slow) = (folder.clone(), Arc::clone(&notes), slow.clone());
                thread::spawn(move || serve(&stream.unwrap(), &folder, &notes, slow.as_deref()));
            }
        });
        Self { port, heard }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn serve(
    mut stream: &TcpStream,
    folder: &Path,
    notes: &Mutex<Vec<String>>,
    slow: Option<&AtomicBool>,
) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let head = head
        .to_lowercase()
        .replace("/linux/osv/debian/", "/linux/osv/Debian/");
    notes.lock().unwrap().push(head.clone());
    let path = head
        .split(' ')
        .nth(1)
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    let path = path.replace("2025-dec", "2025-Dec");
    let Ok(body) = fs::read(folder.join(path)) else {
        write!(
            stream,
            "HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .ok();
        return;
    };
    if head.contains("if-none-match: \"a\"") {
        write!(
            stream,
            "HTTP/1.1 304 x\r\nETag: \"a\"\r\nConnection: close\r\n\r\n"
        )
        .ok();
        return;
    }
    let range = head
        .split_once("range: bytes=")
        .and_then(|(_, rest)| rest.split('-').next());
    let start: usize = range.map_or(0, |start| start.parse().unwrap());
    let status = if start > 0 { 206 } else { 200 };
    let rest = &body[start..];
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nETag: \"a\"\r\nContent-Range: bytes {start}-{}/{}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len() - 1,
        body.len(),
        rest.len()
    )
    .ok();
    for piece in rest.chunks(200) {
        if stream.write_all(piece).is_err() {
            return;
        }
        if slow.is_some_and(|slow| slow.load(Ordering::Relaxed)) {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
