//! Tests of the layers.

use super::*;

fn global() -> Global {
    Global {
        store: None,
        catalog: None,
        config: None,
        site: None,
        verbose: 0,
        no_input: false,
    }
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment(pairs.collect())
}

#[test]
fn a_flag_beats_the_environment_beats_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.toml");
    fs::write(
        &path,
        "site = \"file\"\nstore = \"/file.db\"\nnever_scan = [\"10.0.0.1\"]",
    )
    .unwrap();
    let mut global = global();
    global.config = Some(path);
    let settings = |global: &Global, pairs: &[(&str, &str)]| {
        let all = [&[("HOME", "/h")], pairs].concat();
        Settings::load(global, &environment(&all)).unwrap()
    };
    assert_eq!(settings(&global, &[]).site, "file");
    assert_eq!(settings(&global, &[("UNDERDESK_SITE", "env")]).site, "env");
    global.site = Some("flag".to_owned());
    let all = settings(&global, &[("UNDERDESK_SITE", "env")]);
    assert_eq!(all.site, "flag");
    assert_eq!(all.store, Path::new("/file.db"));
    assert_eq!(all.never_scan[0].0, "10.0.0.1");
    assert_eq!(
        all.catalog,
        Path::new("/h/.local/share/underdesk/catalog.db")
    );
}

#[test]
fn rules_for_programs_are_of_the_environment_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.toml");
    fs::write(&path, "programs = [\"/file.toml\"]").unwrap();
    let mut global = global();
    global.config = Some(path);
    let programs = |pairs: &[(&str, &str)]| {
        let all = [&[("HOME", "/h")], pairs].concat();
        let settings = Settings::load(&global, &environment(&all));
        settings.unwrap().programs
    };
    assert_eq!(programs(&[]), [Path::new("/file.toml")]);
    let set = env::join_paths(["/a.toml", "/b.toml"]).unwrap();
    let set = [("UNDERDESK_PROGRAMS", set.to_str().unwrap())];
    assert_eq!(programs(&set), [Path::new("/a.toml"), Path::new("/b.toml")]);
}

#[test]
fn a_misspelt_key_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.toml");
    fs::write(&path, "site = \"a\"\nnever_scam = []").unwrap();
    let mut global = global();
    global.config = Some(path);
    let error = Settings::load(&global, &environment(&[("HOME", "/h")])).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("line 2, column 1") && text.contains("never_scam"),
        "{text}"
    );
}

#[test]
fn without_a_home_the_error_names_the_flag() {
    let error = Settings::load(&global(), &environment(&[])).unwrap_err();
    assert!(error.to_string().contains("--store"), "{error}");
}

#[test]
fn the_way_to_the_sources_is_of_the_environment_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("u.toml");
    let text = "[update]\nproxy = \"http://u:hunter2@file:1\"\nmirror = \"/mnt/stick\"";
    fs::write(&path, text).unwrap();
    let mut global = global();
    global.config = Some(path);
    let fetching = |pairs: &[(&str, &str)]| {
        let all = [&[("HOME", "/h")], pairs].concat();
        let settings = Settings::load(&global, &environment(&all)).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        settings.fetching
    };
    let file = fetching(&[]);
    assert_eq!(file.proxy.unwrap().address, "http://u:hunter2@file:1");
    assert_eq!(file.mirror.as_deref(), Some("/mnt/stick"));
    assert_eq!(file.cache.unwrap(), Path::new("/h/.cache/underdesk/feeds"));
    let feeds = PathBuf::from("/h/.config/underdesk/feeds.toml");
    assert_eq!(file.feeds, Some((feeds, false)));
    let set = fetching(&[
        ("HTTPS_PROXY", "http://env:2"),
        ("NO_PROXY", ".corp.example"),
        ("XDG_CACHE_HOME", "/c"),
        ("UNDERDESK_FEEDS", "/f.toml"),
    ]);
    let proxy = set.proxy.unwrap();
    assert_eq!(proxy.address, "http://env:2");
    assert_eq!(proxy.except.as_deref(), Some(".corp.example"));
    assert_eq!(set.cache.unwrap(), Path::new("/c/underdesk/feeds"));
    assert_eq!(set.feeds, Some((PathBuf::from("/f.toml"), true)));
    let own = [("UNDERDESK_PROXY", "none"), ("HTTPS_PROXY", "http://env:2")];
    assert!(fetching(&own).proxy.is_none());
}
