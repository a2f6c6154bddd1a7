//! Hosts that refuse, are slow, or break.

use super::super::super::courier::CarryError;
use super::host::{Asked, Host, Said, cause, envelope, fault};
use crate::model::{Failure as _, GapCause, ResultCode};
use crate::session::{Answers, Limits, SessionError};
use std::time::Duration;
use tokio::time::Instant;

fn is_of_wmi(asked: &Asked) -> bool {
    asked.resource.contains("/wmi/")
}

fn losses(answers: &Answers) -> Vec<ResultCode> {
    answers.losses().iter().map(|loss| loss.code).collect()
}

#[tokio::test]
async fn without_a_shell_the_registry_is_read_by_way_of_wmi() {
    let no_shell =
        |asked: &Asked| (asked.verb == "Create").then(|| fault(5, "AccessDenied", false));
    let (answers, log) = Host::new(no_shell).ask().await;
    let answers = answers.unwrap();
    assert_eq!(losses(&answers), [ResultCode::ShellDenied]);
    assert!(
        answers.losses()[0]
            .detail
            .contains("fault 5 AccessDenied: No, thank you.")
    );
    assert_eq!(
        answers.text("version"),
        Ok(
            "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Version\r\n    UBR    REG_DWORD    0x10ff\r\n    Langs    REG_MULTI_SZ    en\\0de\r\n    Blob    REG_BINARY    DE01\r\n    (Default)    REG_SZ    default\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Version\\Sub\r\n"
        )
    );
    assert_eq!(
        answers.text("programs"),
        Ok(
            "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Programs\\A & B\r\n    DisplayName    REG_SZ    x    REG_SZ    <y>\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Programs\\C\r\n"
        )
    );
    assert_eq!(cause(&answers, "piped"), GapCause::Denied);
    assert_eq!(answers.text("listeners-cim"), Ok("LocalPort=80\n\n"));
    assert_eq!(log.count("Create"), 1);
    assert_eq!(log.count("Delete"), 0);
}

#[tokio::test]
async fn without_wmi_the_shell_still_answers() {
    let no_wmi = |asked: &Asked| is_of_wmi(asked).then(|| fault(5, "AccessDenied", true));
    let (answers, log) = Host::new(no_wmi).ask().await;
    let answers = answers.unwrap();
    assert_eq!(losses(&answers), [ResultCode::WmiDenied]);
    assert_eq!(cause(&answers, "qfe"), GapCause::Denied);
    assert!(answers.text("version").is_ok());
    assert_eq!(log.count("Enumerate"), 1, "no further query is tried");
    log.assert_tidy();
}

#[tokio::test]
async fn a_class_for_administrators_costs_one_question() {
    let no_qfe =
        |asked: &Asked| (asked.verb == "Pull").then(|| fault(2_147_749_891, "InternalError", true));
    let (answers, _) = Host::new(no_qfe).ask().await;
    let answers = answers.unwrap();
    assert_eq!(cause(&answers, "qfe"), GapCause::Denied);
    assert!(answers.text("os").is_ok());
    assert_eq!(losses(&answers), [ResultCode::WmiDenied]);
}

#[tokio::test]
async fn a_host_that_refuses_everything_says_whether_uac_may_be_why() {
    for (is_local, code) in [
        (true, ResultCode::UacTokenFiltered),
        (false, ResultCode::WinrmAccessDenied),
    ] {
        let mut host = Host::new(|_| Some(fault(5, "AccessDenied", false)));
        host.is_local = is_local;
        let (answers, log) = host.ask().await;
        let error = answers.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains("fault 5"), "{error}");
        assert!(!error.retryable());
        assert_eq!(log.verbs(), ["Enumerate", "Create"]);
    }
}

#[tokio::test]
async fn an_account_that_wmi_itself_refuses_is_not_one_that_winrm_refuses() {
    let mut host = Host::new(|asked| Some(fault(5, "AccessDenied", is_of_wmi(asked))));
    host.is_local = true;
    let (answers, _) = host.ask().await;
    assert_eq!(answers.unwrap_err().code(), ResultCode::WmiDenied);
}

#[tokio::test]
async fn a_host_that_is_busy_is_asked_once_more_and_no_more() {
    let full =
        |asked: &Asked| (asked.verb == "Create").then(|| fault(2_150_859_173, "QuotaLimit", false));
    let (answers, log) = Host::new(full).ask().await;
    let answers = answers.unwrap();
    assert_eq!(losses(&answers), [ResultCode::Quota]);
    assert!(answers.text("version").is_ok(), "by way of WMI");
    assert_eq!(log.count("Create"), 2);
    assert_eq!(log.count("Delete"), 0);

    let mut refused = false;
    let full_once = move |asked: &Asked| {
        let now =
            asked.verb == "Create" && !std::mem::replace(&mut refused, asked.verb == "Create");
        now.then(|| fault(2_150_859_173, "QuotaLimit", false))
    };
    let (answers, log) = Host::new(full_once).ask().await;
    assert_eq!(losses(&answers.unwrap()), []);
    assert_eq!(log.count("Delete"), 1);
}

#[tokio::test]
async fn a_command_that_is_silent_for_a_while_is_polled_again() {
    let mut silent = 3;
    let slow = move |asked: &Asked| {
        let now = asked.verb == "Receive" && silent > 0;
        silent -= i32::from(now);
        now.then(|| fault(2_150_858_793, "TimedOut", false))
    };
    let (answers, log) = Host::new(slow).ask().await;
    assert!(answers.unwrap().text("version").is_ok());
    log.assert_tidy();
}

#[tokio::test]
async fn a_query_that_takes_too_long_costs_one_question() {
    let slow =
        |asked: &Asked| (asked.verb == "Pull").then(|| fault(2_150_858_793, "TimedOut", false));
    let (answers, log) = Host::new(slow).ask().await;
    let answers = answers.unwrap();
    assert_eq!(cause(&answers, "qfe"), GapCause::TimedOut);
    assert!(answers.text("piped").is_ok());
    assert_eq!(log.count("Release"), 1);
    log.assert_tidy();
}

#[tokio::test]
async fn a_class_that_is_not_there_is_missing() {
    let no_class = |asked: &Asked| {
        (asked.verb == "Enumerate").then(|| fault(2_150_858_778, "CannotProcessFilter", true))
    };
    let (answers, _) = Host::new(no_class).ask().await;
    let answers = answers.unwrap();
    assert_eq!(cause(&answers, "os"), GapCause::Missing);
    assert_eq!(losses(&answers), []);
}

#[tokio::test]
async fn a_shell_that_breaks_is_ended_and_the_registry_read_otherwise() {
    let broken = [
        fault(995, "InternalError", false),
        Said::Status(
            200,
            b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><r".to_vec(),
        ),
        Said::Status(200, envelope("", "<other/>").into_bytes()),
    ];
    for said in broken {
        let mut said = Some(said);
        let quirk = move |asked: &Asked| (asked.verb == "Receive").then(|| said.take()).flatten();
        let (answers, log) = Host::new(quirk).ask().await;
        let answers = answers.unwrap();
        assert_eq!(losses(&answers), [ResultCode::ProtocolError]);
        assert!(answers.text("version").is_ok());
        assert_eq!(cause(&answers, "listeners"), GapCause::Malformed);
        assert_eq!((log.count("Create"), log.count("Delete")), (1, 1));
    }
}

#[tokio::test]
async fn a_shell_that_knows_no_utf_8_is_opened_without() {
    let old = |asked: &Asked| {
        let refused = asked.options.contains_key("WINRS_CODEPAGE");
        refused.then(|| fault(2_150_858_817, "SchemaValidationError", false))
    };
    let (answers, log) = Host::new(old).ask().await;
    assert!(answers.unwrap().text("version").is_ok());
    assert_eq!((log.count("Create"), log.count("Delete")), (2, 1));
}

#[tokio::test]
async fn a_console_in_which_nothing_runs_is_opened_anew_without_utf_8() {
    let mut plain = false;
    let broken = move |asked: &Asked| {
        if asked.verb == "Create" {
            plain = !asked.options.contains_key("WINRS_CODEPAGE");
        }
        let nothing = r#"<rsp:ReceiveResponse><rsp:CommandState CommandId="C-1" State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"/></rsp:ReceiveResponse>"#;
        let now = asked.verb == "Receive" && !plain;
        now.then(|| Said::Status(200, envelope("", nothing).into_bytes()))
    };
    let (answers, log) = Host::new(broken).ask().await;
    assert!(answers.unwrap().text("version").is_ok());
    assert_eq!((log.count("Create"), log.count("Delete")), (2, 2));
}

#[tokio::test]
async fn where_reg_always_fails_the_registry_is_read_by_way_of_wmi() {
    let mut host = Host::new(|_| None);
    for id in ["oem-code-page", "version", "programs"] {
        host.programs.insert(id, (false, Vec::new()));
    }
    let (answers, log) = host.ask().await;
    let answers = answers.unwrap();
    assert_eq!(losses(&answers), [ResultCode::ShellRestricted]);
    assert!(
        answers
            .text("version")
            .unwrap()
            .contains("UBR    REG_DWORD    0x10ff")
    );
    log.assert_tidy();
}

#[tokio::test]
async fn where_reg_and_wmi_are_refused_powershell_is_asked_for_both() {
    use super::super::soap::Ns;
    let text = |asked: &Asked| asked.text(Ns::Shell, "Command");
    let no_wmi = move |asked: &Asked| {
        if asked.verb == "Command" && text(asked).starts_with("powershell ") {
            return Some(fault(2_150_858_843, "InvalidSelectors", false));
        }
        is_of_wmi(asked).then(|| fault(5, "AccessDenied", true))
    };
    let mut host = Host::new(no_wmi);
    for id in ["oem-code-page", "version", "programs"] {
        host.programs.insert(id, (false, Vec::new()));
    }
    let (answers, log) = host.ask().await;
    let answers = answers.unwrap();
    assert_eq!(
        losses(&answers),
        [ResultCode::WmiDenied, ResultCode::ShellRestricted]
    );
    assert_eq!(cause(&answers, "version"), GapCause::Denied);
    assert_eq!(cause(&answers, "os"), GapCause::Denied);
    assert_eq!(answers.text("listeners"), Ok("TCP 0.0.0.0:80"));
    let asked = log.asked();
    let last = asked.iter().rfind(|asked| asked.verb == "Command").unwrap();
    assert!(text(last).starts_with("powershell -NoProfile -NonInteractive -EncodedCommand "));
    log.assert_tidy();
}

#[tokio::test]
async fn what_was_answered_before_the_connection_broke_is_kept() {
    let mut count = 0;
    let broken = move |_: &Asked| {
        count += 1;
        (count > 2).then(|| Said::Error(CarryError::Closed("reset by peer".to_owned())))
    };
    let (answers, log) = Host::new(broken).ask().await;
    let answers = answers.unwrap();
    assert!(answers.text("os").is_ok());
    assert_eq!(cause(&answers, "qfe"), GapCause::Malformed);
    assert_eq!(cause(&answers, "version"), GapCause::Malformed);
    assert_eq!(
        log.asked().len(),
        3,
        "nothing is sent over a broken connection"
    );
}

#[tokio::test]
async fn a_session_without_an_answer_says_why() {
    type Case = (fn() -> Said, ResultCode, bool);
    let cases: [Case; 7] = [
        (
            || Said::Status(500, Vec::new()),
            ResultCode::WinrmUnencryptedRefused,
            false,
        ),
        (
            || Said::Error(CarryError::TimedOut),
            ResultCode::Timeout,
            true,
        ),
        (
            || Said::Error(CarryError::Closed(String::new())),
            ResultCode::ProtocolError,
            true,
        ),
        (
            || Said::Error(CarryError::NotSealed),
            ResultCode::ProtocolError,
            false,
        ),
        (
            || Said::Error(CarryError::Unauthorised),
            ResultCode::AuthRejected,
            false,
        ),
        (
            || Said::Status(503, b"<html/>".to_vec()),
            ResultCode::ProtocolError,
            false,
        ),
        (
            || fault(2_150_859_174, "QuotaLimit", false),
            ResultCode::Quota,
            true,
        ),
    ];
    for (said, code, retryable) in cases {
        let (answers, _) = Host::new(move |_: &Asked| Some(said())).ask().await;
        let error = answers.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(error.retryable(), retryable, "{error}");
    }
    let (answers, _) = Host::new(|_: &Asked| Some(fault(995, "InternalError", false)))
        .ask()
        .await;
    let Err(SessionError::Fault { number: 995, text }) = answers else {
        panic!()
    };
    assert_eq!(text, "No, thank you.");
}

#[tokio::test]
async fn an_answer_to_another_question_ends_the_session() {
    let stray = |_: &Asked| {
        Some(Said::Status(
            200,
            envelope("uuid:other", "<x:y xmlns:x='u'/>").into_bytes(),
        ))
    };
    let (answers, log) = Host::new(stray).ask().await;
    assert!(matches!(answers, Err(SessionError::Closed(_))));
    assert_eq!(log.asked().len(), 1);
}

#[tokio::test]
async fn when_time_is_up_the_shell_is_ended_all_the_same() {
    let hangs = |asked: &Asked| {
        let now = asked.verb == "Receive";
        now.then(|| {
            std::thread::sleep(Duration::from_millis(200));
            fault(2_150_858_793, "TimedOut", false)
        })
    };
    let limits = Limits::until(Instant::now() + Duration::from_millis(1_500));
    let (answers, log) = Host::new(hangs).ask_within(limits.clone()).await;
    let answers = answers.unwrap();
    assert!(answers.text("os").is_ok());
    assert_eq!(cause(&answers, "version"), GapCause::TimedOut);
    log.assert_tidy();
    assert!(Instant::now() < limits.deadline + Duration::from_secs(2));
}

#[tokio::test]
async fn a_session_that_was_dropped_midway_ends_its_shell_when_it_is_closed() {
    use super::super::Wsman;
    use super::super::dialogue::Dialogue;
    use crate::session::Session as _;
    let host = Host::new(|_| None);
    let mut session = Box::new(Wsman::new(Dialogue::new(Box::new(host))));
    let shell = super::super::shell::Shell::create(
        &mut session.dialogue,
        true,
        Instant::now() + Duration::from_secs(5),
    );
    session.shell = Some(shell.await.unwrap());
    session.close().await;
}
