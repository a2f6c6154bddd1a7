//! The rules of the architecture, as a test: which module may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const VOCABULARY: &[&str] = &["model", "tabular", "version", "wire"];

/// What any module may ask of the system, in a file that may talk.
const SYSTEM: &str = "os";

/// What each module may import besides the vocabulary. `scan` and `cli` may import everything.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("model", &[] as &[_]),
        ("os", &[]),
        ("tabular", &[]),
        ("version", &[]),
        ("wire", &[]),
        ("targets", &[]),
        ("credentials", &[]),
        ("traffic", &[]),
        ("sweep", &["traffic"]),
        ("session", &["traffic"]),
        ("identify", &["session", "traffic"]),
        ("known", &[]),
        ("collect", &["session"]),
        ("catalog", &[]),
        ("matching", &["catalog"]),
        ("classify", &["identify"]),
        ("store", &[]),
        ("report", &[]),
        ("lab", &["session", "collect"]),
    ])
}

/// Modules that compute and never wait, read a file, look at a clock or run SQL …
const PURE: &[&str] = &[
    "model",
    "tabular",
    "version",
    "wire",
    "targets",
    "credentials",
    "sweep",
    "identify",
    "known",
    "collect",
    "catalog",
    "matching",
    "classify",
    "report",
];

/// … but for the files of those modules that do.
const TALKING: &[&str] = &[
    "targets/file.rs",
    "credentials/draft.rs",
    "credentials/file.rs",
    "credentials/keep.rs",
    "credentials/keyring.rs",
    "credentials/replace.rs",
    "credentials/resolve.rs",
    "credentials/vault.rs",
    "sweep/mod.rs",
    "sweep/tcp.rs",
    "sweep/connect.rs",
    "sweep/flights.rs",
    "sweep/links.rs",
    "sweep/descriptors.rs",
    "sweep/engines.rs",
    "sweep/routes/mod.rs",
    "sweep/search/kernel.rs",
    "sweep/raw/mod.rs",
    "sweep/raw/connects.rs",
    "sweep/raw/courier.rs",
    "sweep/raw/socket.rs",
    "sweep/raw/driver/mod.rs",
    "sweep/raw/driver/neighbours.rs",
    "sweep/simulated.rs",
    "identify/ask.rs",
    "identify/carry/mod.rs",
    "identify/carry/onlooker.rs",
    "identify/grab.rs",
    "identify/listen.rs",
    "identify/reverse.rs",
    "identify/ssh_key.rs",
    "known/file.rs",
    "collect/record.rs",
    "catalog/file/mod.rs",
    "catalog/file/content_sets.rs",
    "catalog/file/bulletins.rs",
    "catalog/file/draft.rs",
    "catalog/file/gather.rs",
    "catalog/file/log.rs",
    "catalog/file/portable.rs",
    "catalog/file/predictions.rs",
    "catalog/file/products.rs",
    "catalog/file/reader.rs",
    "catalog/file/search.rs",
    "catalog/file/survey.rs",
    "catalog/file/writer.rs",
    "catalog/fetch/mod.rs",
    "catalog/fetch/agent.rs",
    "catalog/fetch/cache.rs",
    "catalog/fetch/http.rs",
    "catalog/fetch/local.rs",
    "catalog/fetch/run.rs",
    "catalog/fetch/vouch.rs",
    "catalog/hashes/disk.rs",
    "catalog/import/disk.rs",
];

const IMPURE: &[&str] = &[
    "tokio",
    "async ",
    "std::fs",
    "std::env",
    "Instant::now",
    "rusqlite",
    "crate::os",
];

#[test]
fn modules_import_only_what_they_may() {
    let allowed = allowed();
    for source in sources() {
        let Some(allowed) = allowed.get(source.module.as_str()) else {
            assert!(
                ["scan", "cli"].contains(&source.module.as_str()),
                "{}",
                source.module
            );
            continue;
        };
        for import in imports(&source.code) {
            let import = import.as_str();
            let ok = import == source.module
                || import == SYSTEM
                || VOCABULARY.contains(&import)
                || allowed.contains(&import);
            assert!(
                ok,
                "{}: `{}` may not import `{import}`",
                source.path.display(),
                source.module
            );
        }
    }
}

#[test]
fn pure_modules_stay_pure() {
    for source in sources() {
        let talks = TALKING.iter().any(|file| source.path.ends_with(file));
        if talks || !PURE.contains(&source.module.as_str()) {
            continue;
        }
        for word in IMPURE {
            assert!(
                !source.code.contains(word),
                "{}: uses `{word}`",
                source.path.display()
            );
        }
    }
}

#[test]
fn sql_lives_in_the_store_and_the_catalogue_file() {
    for source in sources() {
        let may =
            source.module == "store" || source.path.to_string_lossy().contains("src/catalog/file/");
        assert!(
            may || !source.code.contains("rusqlite"),
            "{}",
            source.path.display()
        );
    }
}

#[test]
fn secrets_are_opened_only_by_sessions_and_where_they_are_stored() {
    for source in sources() {
        let opens = source.code.contains("expose_secret");
        let may = source.module == "session" || source.path.ends_with("credentials/keep.rs");
        assert!(may || !opens, "{}", source.path.display());
    }
}

#[test]
fn leave_to_send_a_password_is_given_only_by_the_breaker() {
    for source in sources() {
        let is_test = source.path.ends_with("lab/session_tests.rs");
        let may = source.path.ends_with("scan/breaker.rs")
            || source.path.ends_with("session/secret.rs")
            || is_test;
        assert!(
            may || !source.code.contains("for_a_reserved_try"),
            "{}",
            source.path.display()
        );
    }
}

#[test]
fn only_host_trust_makes_a_verified_peer() {
    for source in sources() {
        let makes =
            source.code.contains("VerifiedPeer {") || source.code.contains("StrangerPeer {");
        let may = source.path.ends_with("session/host_trust.rs");
        assert!(may || !makes, "{}", source.path.display());
    }
}

/// What differs between systems is in few places: `os`, what a process forbids itself, and how a sweep talks.
#[test]
fn systems_are_told_apart_in_few_files() {
    const MAY: [&str; 9] = [
        "cli/built.rs",
        "cli/process.rs",
        "identify/listen.rs",
        "session/local.rs",
        "sweep/connect.rs",
        "sweep/engines.rs",
        "sweep/mod.rs",
        "sweep/routes/mod.rs",
        "sweep/search/mod.rs",
    ];
    const WORDS: [&str; 12] = [
        "cfg(unix)",
        "cfg(not(unix))",
        "cfg!(unix)",
        "cfg(windows)",
        "cfg(not(windows))",
        "target_os",
        "target_family",
        "std::os::",
        "tokio::signal::unix",
        "tokio::net::Unix",
        "rustix::fs",
        "rustix::process",
    ];
    let mut told = BTreeSet::new();
    for source in sources() {
        let raw = source.path.to_string_lossy().contains("src/sweep/raw/");
        let of_linux = raw || source.path.ends_with("sweep/search/kernel.rs");
        if source.module == "os" || of_linux {
            continue;
        }
        let Some(word) = WORDS.iter().find(|word| source.code.contains(**word)) else {
            continue;
        };
        let place = MAY.iter().find(|file| source.path.ends_with(file));
        let told_here = place.unwrap_or_else(|| panic!("{}: {word}", source.path.display()));
        told.insert(*told_here);
    }
    assert_eq!(told.len(), MAY.len(), "{told:?}");
}

/// Everything that is unsafe is in one file, and says why it is sound.
#[test]
fn unsafe_code_is_where_frames_are_sent_and_nowhere_else() {
    let mut blocks = 0;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let build = root.join("build.rs");
    for path in files(&root.join("src")).into_iter().chain([build]) {
        let text = fs::read_to_string(&path).unwrap();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let lines: Vec<&str> = text.lines().collect();
        if !path.ends_with("sweep/raw/socket.rs") {
            let words = [
                "unsafe {",
                "unsafe fn",
                "unsafe impl",
                "unsafe extern",
                "#[unsafe(",
                "unsafe_code",
            ];
            let mut code = lines.iter().filter(|line| is_code(line));
            let found = code.find(|line| words.iter().any(|word| line.contains(word)));
            assert_eq!(found, None, "{}", path.display());
            continue;
        }
        for (number, line) in lines.iter().enumerate() {
            if !is_code(line) || !line.contains("unsafe {") {
                continue;
            }
            blocks += 1;
            let before = &lines[number.saturating_sub(4)..number];
            let says_why = before.iter().any(|line| line.contains("// SAFETY:"));
            assert!(says_why, "line {}: {line}", number + 1);
        }
    }
    assert!(blocks > 5, "the module has moved");
}

/// What is downloaded is read and never run: programs are started where the operator or this machine names them.
#[test]
fn programs_are_started_only_by_the_local_session_the_editor_and_the_secrets_command() {
    const MAY: [&str; 3] = [
        "session/local.rs",
        "cli/commands/credentials/edit.rs",
        "credentials/resolve.rs",
    ];
    let mut seen = 0;
    for source in sources() {
        let starts = [
            "process::Command",
            "Command::new(",
            "dlopen",
            "libloading",
            "CommandExt",
        ];
        if starts.iter().any(|word| source.code.contains(word)) {
            let may = MAY.iter().any(|file| source.path.ends_with(file));
            assert!(may, "{}", source.path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, MAY.len());
}

#[test]
fn every_file_opens_with_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in files(&root) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{}", path.display());
    }
}

struct Source {
    module: String,
    path: PathBuf,
    code: String,
}

/// Every file of every module, without its tests and comments.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_test = |path: &Path| {
        path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
    };
    let inner = files(&root)
        .into_iter()
        .filter(|path| path.parent() != Some(&root) && !is_test(path));
    let sources: Vec<Source> = inner
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap();
            let module = inside.iter().next().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = without_tests(&text);
            Source { module, path, code }
        })
        .collect();
    assert!(sources.len() > 40, "the tree has moved");
    sources
}

/// The code of a file, as rustfmt sets it, without comments and without what only tests are built with.
fn without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        let indent = line.strip_suffix(line.trim_start()).unwrap_or_default();
        let mut item = lines
            .by_ref()
            .skip_while(|line| line.trim_start().starts_with("#["));
        let is_end = |line: &str| line.ends_with([';', ',', '}']);
        if item.next().is_some_and(|first| !is_end(first)) {
            // Its last line closes it, and stands as far to the right as its first.
            let closes = |line: &&str| {
                let rest = line.strip_prefix(indent);
                rest.is_some_and(|rest| rest.starts_with(['}', ')', ']'])) && is_end(line)
            };
            lines.by_ref().find(closes);
        }
    }
    kept.retain(|line| !line.trim_start().starts_with("//"));
    kept.join("\n")
}

#[test]
fn what_stands_below_tests_is_looked_at_too() {
    let text = "use a;\n#[cfg(test)]\nuse b;\n#[cfg(test)]\n#[expect(x, reason = \"y\")]\nfn c(\n    d: E,\n) -> F {\n    g();\n}\n\
                fn h() {\n    #[cfg(test)]\n    i(\n        j,\n    );\n    k();\n}\n// l\n#[cfg(test)]\nmod tests {\n    m\n}\nfn n() {}\n";
    assert_eq!(
        without_tests(text),
        "use a;\nfn h() {\n    k();\n}\nfn n() {}"
    );
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// The modules a file names: `crate::module` and `crate::{module, module::x}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let list = rest.strip_prefix('{');
        let list = list.map_or(rest, |list| list.split('}').next().unwrap());
        let count = if rest.starts_with('{') { usize::MAX } else { 1 };
        for item in list.split(',').take(count) {
            let word = |c: &char| c.is_alphanumeric() || *c == '_';
            modules.insert(item.trim().chars().take_while(word).collect());
        }
    }
    modules.remove("");
    modules
}
