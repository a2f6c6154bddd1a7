//! A whole host, and what every question has to be.

use super::super::tests::answers;
use super::*;
use crate::collect::read;
use crate::model::{Family, GapCause, Kernel};
use crate::session::Ask;
use proptest::prelude::*;

/// A Windows of an architecture.
pub(super) fn platform(arch: &str) -> Platform {
    Platform {
        family: Family::Windows,
        id: "windows".to_owned(),
        name: "Windows".to_owned(),
        version: None,
        codename: None,
        ecosystem: None,
        arch: Some(arch.to_owned()),
        kernel: Kernel::default(),
        windows: None,
    }
}

const CURRENT: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\r\n    \
    CurrentBuild    REG_SZ    20348\r\n    UBR    REG_DWORD    0x962\r\n    ProductName    REG_SZ    Windows Server 2022 Standard\r\n";

const NETSTAT: &str = "  TCP    0.0.0.0:135    0.0.0.0:0    LISTENING    1004\r\n";

/// What every reader that counts needs, and everything else missing.
fn whole() -> Answers {
    let mut answers = answers(&[
        (questions::CURRENT_VERSION, CURRENT),
        (questions::QFE, "HotFixID=KB5034122\n"),
        (questions::UNINSTALL_64, "\r\n"),
        (questions::UNINSTALL_32, "\r\n"),
        (questions::SERVICES, "Name=RpcSs\nProcessId=1004\n"),
        (questions::LISTENERS, NETSTAT),
        (questions::CBS, "\r\n"),
    ]);
    answers.mark_rest(&WINDOWS, GapCause::Missing);
    answers
}

#[test]
fn a_host_that_answered_all_that_counts_has_no_gap() {
    let inventory = read(&WINDOWS, &whole()).unwrap();
    assert_eq!(inventory.collector, "windows");
    assert_eq!(inventory.gaps, []);
    assert_eq!(
        inventory.platform.kernel.running.as_deref(),
        Some("10.0.20348.2402")
    );
    assert!(inventory.packages.is_unheard_of());
    let facts = inventory.windows.unwrap();
    for (kind, components) in &facts.components {
        assert_eq!(components.known(), Some(&Vec::new()), "{kind:?}");
    }
    assert_eq!(facts.sites.known(), Some(&Vec::new()));
}

#[test]
fn every_needed_question_leaves_a_gap_of_its_own() {
    for id in [
        questions::CURRENT_VERSION,
        questions::QFE,
        questions::UNINSTALL_64,
        questions::UNINSTALL_32,
        questions::UNINSTALL_USERS,
        questions::SERVICES,
        questions::LISTENERS,
        questions::CBS,
        questions::AUTO_UPDATE,
    ] {
        let mut given = whole();
        super::super::tests::answer(&mut given, questions::OS, "Caption=W\nVersion=10.0.20348\n");
        given.mark(id, GapCause::Denied);
        let inventory = read(&WINDOWS, &given).unwrap();
        let open: Vec<(&str, GapCause)> = inventory
            .gaps
            .iter()
            .map(|gap| (gap.question.as_str(), gap.cause))
            .collect();
        assert_eq!(open, [(id, GapCause::Denied)]);
    }
}

#[test]
fn what_only_some_hosts_have_is_unknown_but_no_gap_where_it_was_denied() {
    let mut given = whole();
    given.mark(questions::SQL, GapCause::Denied);
    given.mark(questions::IIS_SITES, GapCause::TimedOut);
    let inventory = read(&WINDOWS, &given).unwrap();
    assert_eq!(inventory.gaps, []);
    let facts = inventory.windows.unwrap();
    let sql = &facts.components[&crate::model::ComponentKind::SqlServer];
    assert_eq!(sql.gap().unwrap().cause, GapCause::Denied);
    assert_eq!(facts.sites.gap().unwrap().cause, GapCause::TimedOut);
}

#[test]
fn answers_to_another_set_are_not_read_as_those_of_a_windows() {
    assert!(read(&WINDOWS, &Answers::default()).is_none());
    assert!(read(&crate::collect::UNIX, &whole()).is_none());
}

#[test]
fn question_ids_are_unique_and_serve_as_file_names() {
    let ids = WINDOWS.questions.iter().map(|question| question.id);
    let unique: std::collections::BTreeSet<_> = ids.clone().collect();
    assert_eq!(unique.len(), WINDOWS.questions.len());
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!(unique.iter().all(|id| id.bytes().all(plain)));
}

#[test]
fn lines_for_the_shell_are_short_and_whole_and_write_nothing() {
    for question in WINDOWS.questions {
        let Ask::Cmd(line) = question.ask else {
            continue;
        };
        let id = question.id;
        assert!(line.len() <= 2_000 && !line.contains(['\n', '\r']), "{id}");
        assert_eq!(line.matches('"').count() % 2, 0, "{id}");
        assert_eq!(line.matches('(').count(), line.matches(')').count(), "{id}");
        let safe = " findstr /l /i ";
        assert_eq!(
            line.matches("findstr").count(),
            line.matches(safe).count(),
            "{id}"
        );
        let mut sends = line.split('>').skip(1);
        assert!(sends.all(|to| to.starts_with("nul")), "{id}");
        for word in [
            "reg add",
            "reg delete",
            "wmic",
            "powershell",
            "%%",
            "Win32_Product",
        ] {
            assert!(!line.contains(word), "{id}: {word}");
        }
    }
}

#[test]
fn queries_name_their_properties_and_never_walk_a_disk() {
    for question in WINDOWS.questions {
        let ask = match question.ask {
            Ask::InsteadOf(_, ask) => *ask,
            ask => ask,
        };
        let Ask::Wmi { query, .. } = ask else {
            continue;
        };
        assert!(
            query.starts_with("SELECT ") && !query.contains('*'),
            "{query}"
        );
        assert!(!query.contains("Win32_Product "), "{query}");
        assert!(
            !query.contains("CIM_DataFile") || query.contains(" WHERE Name="),
            "{query}"
        );
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(text in any::<String>()) {
        let mut given = whole();
        for question in WINDOWS.questions {
            if question.id != questions::CURRENT_VERSION {
                super::super::tests::answer(&mut given, question.id, &text);
            }
        }
        prop_assert!(read(&WINDOWS, &given).is_some());
    }
}
