//! Tests of the table and of the choice.

use super::*;
use crate::catalog::feeds::FEEDS;
use std::collections::BTreeSet;

#[test]
fn the_table_reads_and_says_where_everything_lies() {
    let sources = rows(TABLE).unwrap();
    assert_eq!(sources.len(), TABLE.lines().count() - 1);
    let names: BTreeSet<_> = sources.iter().map(|source| &source.name).collect();
    let paths: BTreeSet<_> = sources.iter().map(|source| &source.path).collect();
    assert_eq!((names.len(), paths.len()), (sources.len(), sources.len()));
    for source in &sources {
        let From::Url(url) = &source.from else {
            panic!("{} has no address", source.name);
        };
        assert_eq!(url.scheme(), "https", "{}", source.name);
        assert!(url.username().is_empty() && url.password().is_none());
        assert!(index::is_safe_path(&source.path), "{}", source.path);
        assert!(["windows", "linux", "bsd", "common"].contains(&source.group()));
        assert!(source.megabytes > 0 && !source.note.is_empty());
    }
}

#[test]
fn every_source_has_a_feed_and_every_feed_a_source() {
    let feeds: Vec<_> = FEEDS.iter().map(|feed| feed.name()).collect();
    let rows = rows(TABLE).unwrap();
    for source in &rows {
        assert!(feeds.contains(&&*source.feed), "{}", source.name);
    }
    // What has no address: bulletins of the user's own, and CSAF of whomever.
    for feed in feeds {
        let has = rows.iter().any(|source| source.feed == feed);
        assert!(has || ["bulletins-csv", "csaf"].contains(&feed), "{feed}");
    }
}

#[test]
fn what_is_huge_is_fetched_only_when_it_is_named() {
    let names = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let all = rows(TABLE).unwrap();
        let chosen = choose(&all, &names).unwrap();
        chosen
            .into_iter()
            .map(|source| source.name)
            .collect::<Vec<_>>()
    };
    let usual = names(&[]);
    assert!(usual.iter().any(|name| name == "msrc-cvrf"));
    assert!(usual.iter().any(|name| name == "osv-debian"));
    assert!(!usual.iter().any(|name| name == "redhat-vex"));
    assert_eq!(names(&["redhat-vex"]), ["redhat-vex"]);
    assert!(!names(&["linux"]).iter().any(|name| name == "redhat-vex"));
    assert!(names(&["osv"]).iter().any(|name| name == "osv-alpine"));
    assert_eq!(names(&["all"]).len(), rows(TABLE).unwrap().len());
    assert_eq!(names(&["kev", "kev", "epss"]), ["kev", "epss"]);
}

#[test]
fn a_misspelt_name_is_told_its_neighbour() {
    let error = choose(&rows(TABLE).unwrap(), &["redhat-vexx".to_owned()]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("redhat-vexx") && text.contains("did you mean redhat-vex?"),
        "{text}"
    );
}
