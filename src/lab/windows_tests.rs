//! What the scanner's own session makes of a Windows over SSH: the same answers whatever the shell.

use super::session_tests::{Visit, Visitor};
use super::*;
use crate::collect::WINDOWS;
use crate::model::{GapCause, ResultCode};
use crate::session::{Answers, Ask, WindowsShell};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const OS: &str = "Caption=Microsoft Windows Server 2022 Standard\nBuildNumber=20348\n\n";
const UNINSTALL: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\M\u{fc}ller\r\n    DisplayName    REG_SZ    M\u{fc}ller    REG_SZ    \u{c9}dition\r\n\r\n";
const VERSION: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\r\n    UBR    REG_DWORD    0x924\r\n\r\n";
const LISTENERS: &str =
    "\r\nAktive Verbindungen\r\n\r\n  TCP    0.0.0.0:135    0.0.0.0:0    ABH\u{d6}REN    996\r\n";
const INDEX: &str = r#"{"schema":1,"set":"windows","exits":{
    "os":0,"qfe":121,"services":0,"current-version":0,"uninstall-64":0,"uninstall-users":0,
    "listeners":0,"update-history":121}}"#;

fn recordings() -> Recordings {
    let files: [(&str, &[u8]); 7] = [
        ("server/answers.json", INDEX.as_bytes()),
        ("server/os.txt", OS.as_bytes()),
        ("server/services.txt", b""),
        ("server/current-version.txt", VERSION.as_bytes()),
        ("server/uninstall-64.txt", UNINSTALL.as_bytes()),
        ("server/uninstall-users.txt", b""),
        ("server/listeners.txt", LISTENERS.as_bytes()),
    ];
    Recordings::read(files).unwrap()
}

/// Asks hosts that differ in their shells, a word of [`Shell`] or what is special about those of
/// Windows, or else in what `more` says.
async fn visit(hosts: &[(&str, &str, &str)]) -> (BTreeMap<String, Visit>, Seen) {
    let mut text = "schema = 1\nname = \"panes\"\n".to_owned();
    for (index, (name, shells, more)) in hosts.iter().enumerate() {
        let shell = match shells.strip_prefix("shell = ") {
            Some(shell) => (*shell).to_owned(),
            None => format!("{{ windows = {{ {shells} }} }}"),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[host]]\nname = \"{name}\"\naddresses = [\"127.78.0.{}\"]\nrecording = \"server\"\n\
             banner = \"SSH-2.0-OpenSSH_for_Windows_9.5\"\nshell = {shell}\n\
             logins = [{{ user = \"audit\", key = \"demo\" }}]\n{more}\n",
            index + 1
        );
    }
    let network = Network::parse(&text).unwrap();
    let running = Lab::start(&network, &recordings(), 0).await.unwrap();
    let mut visitor = Visitor::new(&running, "unused");
    visitor.set = &WINDOWS;
    let mut visits = BTreeMap::new();
    for host in &network.hosts {
        let visit = Box::pin(visitor.visit(host, "audit")).await;
        visits.insert(host.name.clone(), visit);
    }
    (visits, running.stop().await)
}

/// Every answer, or the cause of its gap.
fn texts(visit: &Visit) -> BTreeMap<&'static str, Result<&str, GapCause>> {
    let answers = visit.as_ref().unwrap();
    let text = |id| answers.text(id).map_err(|gap| gap.cause);
    let ids = WINDOWS.questions.iter().map(|question| question.id);
    ids.map(|id| (id, text(id))).collect()
}

fn cause(answers: &Answers, id: &'static str) -> GapCause {
    answers.text(id).unwrap_err().cause
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_windows_answers_the_same_whatever_its_shell_and_its_code_page() {
    let (visits, seen) = visit(&[
        ("cmd", "", ""),
        ("powershell", "default_shell = \"powershell\"", ""),
        ("western", "page = 850", ""),
        ("no-console", "page = 850, lacks = [\"console\"]", ""),
    ])
    .await;
    let reference = texts(&visits["cmd"]);
    assert_eq!(reference["os"], Ok(OS));
    assert_eq!(reference["services"], Ok(""));
    assert_eq!(reference["qfe"], Err(GapCause::Denied));
    assert_eq!(reference["computer"], Err(GapCause::Missing));
    assert_eq!(reference["uninstall-64"], Ok(UNINSTALL));
    assert_eq!(reference["uninstall-users"], Ok(""));
    assert_eq!(reference["uninstall-32"], Err(GapCause::Missing));
    assert_eq!(reference["update-history"], Err(GapCause::Denied));
    assert_eq!(reference["whoami"], Err(GapCause::Missing));
    assert_eq!(reference["listeners"], Ok(LISTENERS));
    // It stands in for one that was answered.
    assert_eq!(reference["listeners-cim"], Err(GapCause::NotAsked));
    for (name, visit) in &visits {
        assert_eq!(texts(visit), reference, "{name}");
        assert!(visit.as_ref().unwrap().losses().is_empty());
    }
    let commands: Vec<_> = seen
        .commands
        .iter()
        .filter(|command| &*command.host == "cmd")
        .map(|command| command.command.clone())
        .collect();
    let powershell = WindowsShell::PowerShell.exec();
    assert_eq!(commands, ["cmd /d /q", &*powershell]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_powershell_the_rest_is_read_and_the_loss_is_told() {
    let (visits, _) = visit(&[("bare", "lacks = [\"powershell\"]", "")]).await;
    let answers = visits["bare"].as_ref().unwrap();
    assert_eq!(answers.text("uninstall-64"), Ok(UNINSTALL));
    assert_eq!(cause(answers, "os"), GapCause::Missing);
    let [loss] = answers.losses() else {
        panic!("one loss");
    };
    assert_eq!(loss.code, ResultCode::ShellRestricted);
    assert!(loss.detail.contains("is not recognized"), "{}", loss.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_reg_is_barred_powershell_reads_the_registry() {
    let (visits, _) = visit(&[
        ("barred", "lacks = [\"reg\"]", ""),
        ("locked", "lacks = [\"reg\", \"powershell\"]", ""),
    ])
    .await;
    let answers = visits["barred"].as_ref().unwrap();
    assert_eq!(answers.text("uninstall-64"), Ok(UNINSTALL));
    assert_eq!(answers.text("listeners"), Ok(LISTENERS));
    assert_eq!(cause(answers, "iis"), GapCause::Missing);
    let answers = visits["locked"].as_ref().unwrap();
    assert_eq!(answers.text("listeners"), Ok(LISTENERS));
    assert_eq!(cause(answers, "uninstall-64"), GapCause::Denied);
    assert_eq!(cause(answers, "iis"), GapCause::Denied);
    assert_eq!(codes(answers), [ResultCode::ShellRestricted; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_wmi_denies_reads_the_rest() {
    let is_wmi = |ask| matches!(ask, Ask::Wmi { .. });
    let wmi = WINDOWS.questions.iter().filter(|asked| is_wmi(asked.ask));
    let more: Vec<String> = wmi
        .map(|question| format!("changes.exit.{} = 121", question.id))
        .collect();
    let more = more.join("\n");
    let (visits, _) = visit(&[("poor", "", &more)]).await;
    let answers = visits["poor"].as_ref().unwrap();
    assert_eq!(answers.text("uninstall-64"), Ok(UNINSTALL));
    assert_eq!(cause(answers, "os"), GapCause::Denied);
    assert_eq!(codes(answers), [ResultCode::WmiDenied]);
}

fn codes(answers: &Answers) -> Vec<ResultCode> {
    answers.losses().iter().map(|loss| loss.code).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_stands_in_for_one_that_was_left_open() {
    let sockets = "LocalAddress=::\\nLocalPort=135\\nOwningProcess=996\\n\\n";
    let more = format!("changes.set.listeners-cim = \"{sockets}\"\nchanges.exit.listeners = 120");
    let (visits, seen) = visit(&[("silent", "", &more)]).await;
    let answers = visits["silent"].as_ref().unwrap();
    assert_eq!(cause(answers, "listeners"), GapCause::Missing);
    let text = answers.text("listeners-cim").unwrap();
    assert!(text.starts_with("LocalAddress=::\n"));
    // In the one PowerShell that is started anyway.
    assert_eq!(seen.commands.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cmd_has_answered_stays_where_wmi_never_answers() {
    let (visits, _) = visit(&[("stuck", "lacks = [\"wmi\"]", "")]).await;
    let answers = visits["stuck"].as_ref().unwrap();
    assert_eq!(answers.text("uninstall-64"), Ok(UNINSTALL));
    assert_eq!(cause(answers, "os"), GapCause::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_shell_there_is_nothing_but_its_reason() {
    let (visits, _) = visit(&[
        ("forced", "shell = { forced = \"backup ok\\n\" }", ""),
        ("floods", "shell = { floods = 100 }", ""),
        ("unix", "shell = \"sh\"", ""),
        ("no-login", "shell = { no_login = \"Not today.\" }", ""),
        ("closes", "shell = \"closes\"", ""),
    ])
    .await;
    let code = |name: &str| *visits[name].as_ref().unwrap_err();
    assert_eq!(code("forced"), ResultCode::ShellRestricted);
    assert_eq!(code("floods"), ResultCode::ShellRestricted);
    assert_eq!(code("unix"), ResultCode::ShellRestricted);
    assert_eq!(code("no-login"), ResultCode::ShellDenied);
    assert_eq!(code("closes"), ResultCode::ProtocolError);
}

#[test]
fn no_question_of_windows_is_for_a_posix_shell() {
    let is_sh = |ask| matches!(ask, Ask::Sh(_));
    assert!(!WINDOWS.questions.iter().any(|question| is_sh(question.ask)));
}
