//! Exceptions, kept.

use super::*;
use crate::model::{Date, Exception, ExceptionId, ExceptionScope};

fn exception(id: &str) -> Exception {
    Exception {
        id: ExceptionId::new(id),
        scope: ExceptionScope {
            bulletin: Some("CVE-2024-1".to_owned()),
            tag: Some("role=test".to_owned()),
            ..ExceptionScope::default()
        },
        versions: vec!["1.0".to_owned(), "1.1".to_owned()],
        owner: "ada".to_owned(),
        reason: "the vendor is slow".to_owned(),
        granted: UtcTime::from_unix(1_800_000_000),
        granted_by: "op".to_owned(),
        until: Date::parse("2027-02-28").unwrap(),
        taken_back: None,
    }
}

#[test]
fn exceptions_are_of_a_site_and_come_back_as_they_were_granted() {
    let store = Store::in_memory().unwrap();
    let (one, two) = (exception("e-1"), exception("e-2"));
    assert!(store.add_exception("here", one.clone()).wait().unwrap());
    assert!(!store.add_exception("here", one.clone()).wait().unwrap());
    assert!(store.add_exception("there", two).wait().unwrap());
    assert_eq!(store.exceptions("here").wait().unwrap(), [one]);
    assert_eq!(store.exceptions("nowhere").wait().unwrap(), []);
}

#[test]
fn an_exception_is_taken_back_once_and_stays_to_be_seen() {
    let store = Store::in_memory().unwrap();
    store
        .add_exception("here", exception("e-1"))
        .wait()
        .unwrap();
    let at = UtcTime::from_unix(1_800_000_500);
    let take = |site: &str, at| {
        let id = ExceptionId::new("e-1");
        store.take_back_exception(site, &id, at).wait().unwrap()
    };
    assert_eq!(take("there", at), None);
    assert_eq!(take("here", at), Some(true));
    assert_eq!(take("here", UtcTime::from_unix(1_900_000_000)), Some(false));
    let all = store.exceptions("here").wait().unwrap();
    assert_eq!(all[0].taken_back, Some(at));
}
