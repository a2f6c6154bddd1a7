//! What people wrote about findings, kept.

use super::*;
use crate::model::{
    Annotation, Date, Exception, ExceptionId, ExceptionScope, FindingId, Severity, WorkStatus,
};
use crate::store::Decisions;

fn annotation(finding: &str) -> Annotation {
    Annotation {
        finding: FindingId::new(finding),
        owner: Some("ada".to_owned()),
        status: Some(WorkStatus::InProgress),
        my_severity: Some(Severity::Low),
        written_by: "op".to_owned(),
        written: UtcTime::from_unix(1_800_000_000),
    }
}

fn exception(id: &str) -> Exception {
    Exception {
        id: ExceptionId::new(id),
        scope: ExceptionScope::default(),
        versions: vec!["1.0".to_owned()],
        owner: "ada".to_owned(),
        reason: "slow vendor".to_owned(),
        granted: UtcTime::from_unix(1_800_000_000),
        granted_by: "op".to_owned(),
        until: Date::parse("2027-02-28").unwrap(),
        taken_back: None,
    }
}

#[test]
fn what_is_written_belongs_to_a_site_until_it_is_taken_back() {
    let store = Store::in_memory().unwrap();
    let write = |site: &str, annotations: Vec<Annotation>| {
        let decisions = Decisions {
            annotations,
            ..Decisions::default()
        };
        let at = UtcTime::from_unix(1_800_000_000);
        store.write_decisions(site, decisions, at).wait().unwrap();
    };
    write("here", vec![annotation("f-2"), annotation("f-1")]);
    let all = store.annotations("here").wait().unwrap();
    assert_eq!(all, [annotation("f-1"), annotation("f-2")]);
    assert_eq!(store.annotations("there").wait().unwrap(), []);
    let less = Annotation {
        owner: None,
        status: None,
        ..annotation("f-1")
    };
    let nothing = Annotation {
        my_severity: None,
        finding: FindingId::new("f-2"),
        ..less.clone()
    };
    write("here", vec![less.clone(), nothing]);
    assert_eq!(store.annotations("here").wait().unwrap(), [less]);
}

#[test]
fn an_exception_is_taken_back_and_another_granted_at_once() {
    let store = Store::in_memory().unwrap();
    store
        .add_exception("here", exception("e-1"))
        .wait()
        .unwrap();
    let at = UtcTime::from_unix(1_800_000_500);
    let decide = |taken: &str, granted: &str| {
        let decisions = Decisions {
            taken_back: vec![ExceptionId::new(taken)],
            granted: vec![exception(granted)],
            ..Decisions::default()
        };
        store.write_decisions("here", decisions, at).wait().unwrap();
        let all = store.exceptions("here").wait().unwrap();
        all.into_iter()
            .map(|one| one.taken_back)
            .collect::<Vec<_>>()
    };
    assert_eq!(decide("e-1", "e-2"), [Some(at), None]);
    // Back again within the same second.
    assert_eq!(decide("e-2", "e-1"), [None, Some(at)]);
}
