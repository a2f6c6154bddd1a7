//! Hosts that answer.

use super::super::dialogue::Dialogue;
use super::super::soap::Ns;
use super::super::{identify, wmi};
use super::host::{Host, SET, Said, cause, envelope};
use crate::model::GapCause;
use crate::session::{Limits, WmiRow};
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::Instant;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn every_question_is_answered_over_one_shell() {
    let (answers, log) = Host::new(|_| None).ask().await;
    let answers = answers.unwrap();
    let os = WmiRow::parse(answers.text("os").unwrap());
    assert_eq!(os[0].get("Caption"), Some("A & B"));
    assert_eq!(os[0].get("LastBootUpTime"), Some("2024-06-01T08:00:01Z"));
    assert_eq!(os[0].get("CSDVersion"), None);
    assert_eq!(os[0].all("IPAddress"), ["10.0.0.1", "fe80::1"]);
    assert_eq!(answers.text("qfe"), Ok("HotFixID=KB1\n\nHotFixID=KB2\n\n"));
    assert!(answers.text("programs").unwrap().contains("Müller 日本"));
    assert_eq!(answers.text("listeners"), Ok("TCP 0.0.0.0:80"));
    assert_eq!(answers.text("piped"), Ok("HKEY_USERS\\S-1\r\n"));
    assert_eq!(cause(&answers, "listeners-cim"), GapCause::NotAsked);
    assert_eq!(answers.losses(), []);
    assert!(!answers.ids().any(|id| id == "oem-code-page"));
    log.assert_tidy();
}

#[tokio::test]
async fn requests_say_what_windows_wants_to_hear() {
    let (_, log) = Host::new(|_| None).ask().await;
    let asked = log.asked();
    let first = &asked[0];
    assert_eq!(
        first.resource,
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/*"
    );
    assert!(first.body.find(Ns::Wsman, "OptimizeEnumeration").is_some());
    let create = asked.iter().find(|asked| asked.verb == "Create").unwrap();
    assert_eq!(create.options["WINRS_NOPROFILE"], "TRUE");
    assert_eq!(create.options["WINRS_CODEPAGE"], "65001");
    assert_eq!(create.text(Ns::Shell, "IdleTimeOut"), "PT60S");
    let of_shell = asked
        .iter()
        .filter(|asked| asked.resource.ends_with("/shell/cmd"));
    for asked in of_shell.filter(|asked| asked.verb != "Create") {
        assert_eq!(asked.shell.as_deref(), Some("SHELL-0"), "{}", asked.verb);
    }
    let commands: Vec<_> = asked
        .iter()
        .filter(|asked| asked.verb == "Command")
        .collect();
    assert_eq!(commands.len(), 2, "one for all, and one for the pipe");
    assert!(
        commands[0]
            .text(Ns::Shell, "Command")
            .contains("/s /reg:32&&echo ")
    );
    assert_eq!(log.count("Signal"), 2);
}

#[tokio::test]
async fn output_that_is_not_utf_8_is_read_in_the_hosts_code_page() {
    let mut host = Host::new(|_| None);
    host.programs.insert(
        "programs",
        (
            true,
            b"HKEY_X\r\n    DisplayName    REG_SZ    M\x81ller\r\n".to_vec(),
        ),
    );
    let (answers, _) = host.ask().await;
    assert!(
        answers
            .unwrap()
            .text("programs")
            .unwrap()
            .contains("Müller")
    );
}

#[tokio::test]
async fn what_is_not_there_is_missing_and_what_is_half_readable_is_denied() {
    let mut host = Host::new(|_| None);
    host.programs.insert("version", (false, Vec::new()));
    host.programs.insert(
        "programs",
        (false, b"\r\nHKEY_LOCAL_MACHINE\\P\r\n".to_vec()),
    );
    host.programs.insert("listeners", (false, Vec::new()));
    host.programs.insert("piped", (false, b"some\r\n".to_vec()));
    let (answers, _) = host.ask().await;
    let answers = answers.unwrap();
    assert_eq!(cause(&answers, "version"), GapCause::Missing);
    assert_eq!(cause(&answers, "programs"), GapCause::Denied);
    assert_eq!(cause(&answers, "listeners"), GapCause::Missing);
    assert_eq!(answers.text("piped"), Ok("some\r\n"));
    assert_eq!(
        answers.text("listeners-cim"),
        Ok("LocalPort=80\n\n"),
        "asked instead"
    );
}

#[tokio::test]
async fn a_flood_costs_the_question_that_made_it() {
    let mut host = Host::new(|_| None);
    host.chunk = 20_000;
    host.programs
        .insert("listeners", (true, vec![b'A'; 900_000]));
    let limits = Limits {
        total_bytes: 200_000,
        ..Limits::default()
    };
    let (answers, log) = host.ask_within(limits).await;
    let answers = answers.unwrap();
    assert!(answers.text("version").is_ok());
    assert_eq!(cause(&answers, "listeners"), GapCause::Malformed);
    assert!(log.count("Receive") < 10);
    log.assert_tidy();
}

#[tokio::test]
async fn a_query_without_an_end_is_stopped_and_given_back() {
    let endless = |asked: &super::host::Asked| {
        let page = "<n:PullResponse><n:EnumerationContext>uuid:again</n:EnumerationContext><n:Items/></n:PullResponse>";
        (asked.verb == "Pull").then(|| Said::Status(200, envelope("", page).into_bytes()))
    };
    let (answers, log) = Host::new(endless).ask().await;
    assert_eq!(cause(&answers.unwrap(), "qfe"), GapCause::Malformed);
    assert_eq!(log.count("Release"), 1);
}

#[tokio::test]
async fn one_instance_can_be_got_by_its_key() {
    let item = |asked: &super::host::Asked| {
        assert_eq!(asked.verb, "Get");
        assert!(asked.resource.ends_with("/wmi/root/cimv2/Win32_Service"));
        let item =
            r#"<p:Win32_Service xmlns:p="urn:class"><p:State>Running</p:State></p:Win32_Service>"#;
        Some(Said::Status(200, envelope("", item).into_bytes()))
    };
    let mut dialogue = Dialogue::new(Box::new(Host::new(item)));
    let row = wmi::get(
        &mut dialogue,
        "root/cimv2",
        "Win32_Service",
        &[("Name", "WinRM")],
        soon(),
    )
    .await;
    assert_eq!(row.unwrap().get("state"), Some("Running"));
}

#[tokio::test]
async fn a_service_says_what_it_is() {
    let identity = |asked: &super::host::Asked| {
        assert!(asked.body.find(Ns::Identity, "Identify").is_some());
        let body = r#"<i:IdentifyResponse xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><i:ProductVendor>Microsoft Corporation</i:ProductVendor><i:ProductVersion>OS: 10.0.20348</i:ProductVersion></i:IdentifyResponse>"#;
        Some(Said::Status(200, envelope("", body).into_bytes()))
    };
    let identity = identify(Box::new(Host::new(identity)), soon())
        .await
        .unwrap();
    assert_eq!(identity.vendor, "Microsoft Corporation");
    assert_eq!(identity.version, "OS: 10.0.20348");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn characters_survive_wherever_the_output_is_cut(chunk in 1..60_usize, name in "[a-zA-Z0-9äé日本😀 ]{0,40}") {
        let mut host = Host::new(|_| None);
        host.chunk = chunk;
        host.programs.insert("listeners", (true, name.clone().into_bytes()));
        let (answers, _) = runtime().block_on(host.ask());
        let answers = answers.unwrap();
        prop_assert_eq!(answers.text("listeners"), Ok(name.as_str()));
    }

    #[test]
    fn any_bytes_as_any_answer_leave_a_session_in_order(
        at in 0..14_usize,
        status in prop::sample::select(vec![200_u16, 400, 500, 503]),
        bytes in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let mut count = 0;
        let quirk = move |_: &super::host::Asked| {
            count += 1;
            (count == at + 1).then(|| Said::Status(status, bytes.clone()))
        };
        let (_, log) = runtime().block_on(Host::new(quirk).ask());
        prop_assert!(log.count("Create") <= 2);
        prop_assert!(log.count("Delete") <= log.count("Create"));
        prop_assert!(SET.questions.len() > 1);
    }
}
