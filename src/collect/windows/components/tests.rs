//! What the keys and files of each kind say.

use super::super::super::tests::answers;
use super::*;
use crate::collect::windows::questions::{DOTNET, DOTNET_RUNTIMES, OFFICE_C2R, OFFICE_FILES};
use crate::model::{GapCause, ProgramScope};
use dotnet::release_of_dotnet;
use proptest::prelude::*;

const HKLM: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft";

fn program(name: &str, key: &str) -> Program {
    Program {
        name: name.to_owned(),
        version: Some("64.24.1".to_owned()),
        publisher: None,
        arch: Some("x86".to_owned()),
        scope: ProgramScope::Machine,
        installed_on: None,
        location: None,
        key: key.to_owned(),
    }
}

fn all(
    kind: ComponentKind,
    texts: &[(&'static str, &str)],
    programs: &[Program],
) -> Vec<Component> {
    let mut given = answers(texts);
    given.mark_rest(&super::super::WINDOWS, GapCause::Missing);
    components(&given, programs, &[])[&kind]
        .known()
        .unwrap()
        .clone()
}

fn lines(kind: ComponentKind, texts: &[(&'static str, &str)], programs: &[Program]) -> Vec<String> {
    let line = |one: Component| {
        let more = [one.instance, one.edition, one.channel, one.arch];
        let more: Vec<String> = more.into_iter().flatten().collect();
        format!("{} {} {}", one.name, one.version, more.join(" "))
            .trim()
            .to_owned()
    };
    all(kind, texts, programs).into_iter().map(line).collect()
}

#[test]
fn the_framework_is_named_by_its_release() {
    let text = format!(
        "\r\n{HKLM}\\NET Framework Setup\\NDP\\v2.0.50727\r\n    Install    REG_DWORD    0x1\r\n    Version    REG_SZ    2.0.50727.4927\r\n    SP    REG_DWORD    0x2\r\n\
         \r\n{HKLM}\\NET Framework Setup\\NDP\\v3.5\r\n    Install    REG_DWORD    0x0\r\n\
         \r\n{HKLM}\\NET Framework Setup\\NDP\\v4\\Client\r\n    Install    REG_DWORD    0x1\r\n    Release    REG_DWORD    0x80eb1\r\n\
         \r\n{HKLM}\\NET Framework Setup\\NDP\\v4\\Full\r\n    Install    REG_DWORD    0x1\r\n    Release    REG_DWORD    0x80eb1\r\n    Version    REG_SZ    4.8.04161\r\n\
         \r\n{HKLM}\\NET Framework Setup\\NDP\\v4\\Full\\1033\r\n    Install    REG_DWORD    0x1\r\n"
    );
    assert_eq!(
        lines(ComponentKind::DotNetFramework, &[(DOTNET, &text)], &[]),
        [
            ".NET Framework 2.0 SP2 2.0.50727.4927",
            ".NET Framework 4.8 4.8.04161 Release 528049"
        ]
    );
    assert_eq!(release_of_dotnet(533_325), "4.8.1");
    assert_eq!(release_of_dotnet(394_806), "4.6.2");
    assert_eq!(release_of_dotnet(378_389), "4.5");
    assert_eq!(release_of_dotnet(1), "4");
}

#[test]
fn runtimes_are_told_one_by_one_and_once() {
    let base = r"HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\dotnet\Setup\InstalledVersions";
    let text = format!(
        "\n{base}\\x64\\sharedfx\\Microsoft.NETCore.App\n    8.0.6    REG_DWORD    0x1\n    6.0.30    REG_DWORD    0x1\n\
         \n{base}\\x64\\sharedhost\n    Version    REG_SZ    8.0.6\n"
    );
    let programs = [
        program("Microsoft .NET Runtime - 8.0.6 (x64)", "{1}"),
        program("Microsoft Windows Desktop Runtime - 8.0.6 (x86)", "{2}"),
        program(
            "Microsoft ASP.NET Core 8.0.6 - Shared Framework (x64)",
            "{3}",
        ),
        program("Microsoft ASP.NET Core 8.0.6 Targeting Pack (x64)", "{4}"),
        program("Microsoft .NET Runtime - soon (x64)", "{5}"),
    ];
    assert_eq!(
        lines(
            ComponentKind::DotNetRuntime,
            &[(DOTNET_RUNTIMES, &text)],
            &programs
        ),
        [
            ".NET Desktop Runtime 8.0.6 x86",
            ".NET Runtime 6.0.30 x64",
            ".NET Runtime 8.0.6 x64",
            "ASP.NET Core Runtime 8.0.6 x64"
        ]
    );
}

#[test]
fn click_to_run_is_known_by_its_channel_and_is_not_the_office_of_the_installer() {
    let text = format!(
        "\n{HKLM}\\Office\\ClickToRun\\Configuration\n    VersionToReport    REG_SZ    16.0.17628.20110\n    Platform    REG_SZ    x64\n    \
         CDNBaseUrl    REG_SZ    http://officecdn.microsoft.com/pr/55336B82-a18d-4dd6-b5f6-9e5095c314a6\n    ProductReleaseIds    REG_SZ    O365ProPlusRetail,VisioProRetail\n"
    );
    assert_eq!(
        lines(ComponentKind::OfficeClickToRun, &[(OFFICE_C2R, &text)], &[]),
        [
            "Office Click-to-Run 16.0.17628.20110 O365ProPlusRetail,VisioProRetail Monthly Enterprise Channel x64"
        ]
    );
    let other = text.replace("55336B82", "00000000");
    let channel = all(
        ComponentKind::OfficeClickToRun,
        &[(OFFICE_C2R, &other)],
        &[],
    );
    assert!(
        channel[0]
            .channel
            .as_deref()
            .unwrap()
            .starts_with("http://officecdn")
    );
    let files = "Name=C:\\\\Program Files\\\\Microsoft Office\\\\Office16\\\\WINWORD.EXE\nVersion=16.0.5439.1000\n";
    let programs = [
        program(
            "Office 16 Click-to-Run Extensibility Component",
            "{90160000-008C-0000-1000-0000000FF1CE}",
        ),
        program("Microsoft Office Standard 2016", "Office16.STANDARD"),
        program("Tool", "{90160000-1}"),
    ];
    assert_eq!(
        lines(
            ComponentKind::OfficeMsi,
            &[(OFFICE_FILES, files)],
            &programs
        ),
        [
            "Microsoft Office Standard 2016 64.24.1 x86",
            "Microsoft Word 16.0.5439.1000"
        ]
    );
}

#[test]
fn each_instance_of_sql_server_has_its_own_patch_level() {
    let base = format!("{HKLM}\\Microsoft SQL Server");
    let text = format!(
        "\r\n{base}\\Instance Names\\SQL\r\n    MSSQLSERVER    REG_SZ    MSSQL15.MSSQLSERVER\r\n    KASSE    REG_SZ    MSSQL13.KASSE\r\n    ALT    REG_SZ    MSSQL10_50.ALT\r\n\
         \r\n{base}\\MSSQL15.MSSQLSERVER\\Setup\r\n    Version    REG_SZ    15.0.2000.5\r\n    PatchLevel    REG_SZ    15.0.4375.4\r\n    Edition    REG_SZ    Standard Edition\r\n\
         \r\n{base}\\MSSQL13.KASSE\\Setup\r\n    Version    REG_SZ    13.2.5026.0\r\n"
    );
    assert_eq!(
        lines(ComponentKind::SqlServer, &[(SQL, &text)], &[]),
        [
            "SQL Server (ALT)  ALT",
            "SQL Server (KASSE) 13.2.5026.0 KASSE",
            "SQL Server (MSSQLSERVER) 15.0.4375.4 MSSQLSERVER Standard Edition"
        ]
    );
}

#[test]
fn an_instance_that_only_has_a_service_is_not_overlooked() {
    let service = |name: &str| SystemService {
        name: name.to_owned(),
        display_name: String::new(),
        state: "Running".to_owned(),
        start: "Auto".to_owned(),
        path: String::new(),
        account: String::new(),
        process: None,
    };
    let services = ["MSSQL$Kasse", "MSSQLFDLauncher$KASSE", "MSSQLSERVER"].map(service);
    let text = format!(
        "\n{HKLM}\\Microsoft SQL Server\\Instance Names\\SQL\n    KASSE    REG_SZ    MSSQL13.KASSE\n"
    );
    let found = sql(&answers(&[(SQL, &text)]), &services).unwrap();
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["SQL Server (KASSE)", "SQL Server (MSSQLSERVER)"]);
}

#[test]
fn exchange_is_as_new_as_its_setup_program() {
    let text = format!(
        "\n{HKLM}\\ExchangeServer\\v15\\Setup\n    MsiProductMajor    REG_DWORD    0xf\n    MsiProductMinor    REG_DWORD    0x2\n    MsiBuildMajor    REG_DWORD    0x5e2\n    MsiBuildMinor    REG_DWORD    0x4\n"
    );
    let file = "Name=C:\\\\Program Files\\\\Microsoft\\\\Exchange Server\\\\V15\\\\bin\\\\ExSetup.exe\nVersion=15.2.1544.11\n";
    let kind = ComponentKind::Exchange;
    assert_eq!(
        lines(kind, &[(EXCHANGE_15, &text), (FILES, file)], &[]),
        ["Exchange Server 2019 15.2.1544.11"]
    );
    assert_eq!(
        lines(kind, &[(EXCHANGE_15, &text)], &[]),
        ["Exchange Server 2019 15.2.1506.4"]
    );
}

#[test]
fn the_small_ones_are_read_from_their_keys() {
    let edge = format!(
        "\n{HKLM}\\EdgeUpdate\\Clients\\{{56eb18f8-b008-4cbd-b6d2-8c97fe7e9062}}\n    pv    REG_SZ    126.0.2592.56\n\
         \n{HKLM}\\EdgeUpdate\\Clients\\{{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}}\n    pv    REG_SZ    0.0.0.0\n"
    );
    assert_eq!(
        lines(ComponentKind::Edge, &[(EDGE, &edge)], &[]),
        ["Microsoft Edge 126.0.2592.56 stable"]
    );
    let engine = format!(
        "\n{HKLM}\\Windows Defender\\Signature Updates\n    EngineVersion    REG_SZ    1.1.24050.5\n    AVSignatureVersion    REG_SZ    1.413.1.0\n"
    );
    let platform = format!(
        "\n{HKLM}\\Windows Defender\n    InstallLocation    REG_SZ    C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.24050.7-0\\\n"
    );
    assert_eq!(
        lines(
            ComponentKind::Defender,
            &[(DEFENDER, &engine), (DEFENDER_PLATFORM, &platform)],
            &[]
        ),
        [
            "Microsoft Defender antivirus signatures 1.413.1.0",
            "Microsoft Defender engine 1.1.24050.5",
            "Microsoft Defender platform 4.18.24050.7"
        ]
    );
    let iis = format!(
        "\n{HKLM}\\InetStp\n    MajorVersion    REG_DWORD    0xa\n    MinorVersion    REG_DWORD    0x0\n    PathWWWRoot    REG_EXPAND_SZ    %SystemDrive%\\inetpub\\wwwroot\n"
    );
    assert_eq!(
        lines(ComponentKind::Iis, &[(IIS, &iis)], &[]),
        ["Internet Information Services 10.0"]
    );
    let ie = format!(
        "\n{HKLM}\\Internet Explorer\n    Version    REG_SZ    9.11.19041.0\n    svcVersion    REG_SZ    11.1.19041.0\n"
    );
    assert_eq!(
        lines(
            ComponentKind::InternetExplorer,
            &[(INTERNET_EXPLORER, &ie)],
            &[]
        ),
        ["Internet Explorer 11 11.1.19041.0"]
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>(), name in "[^\\r\\n]{0,20}") {
        let keys = format!("HKEY_A\\Instance Names\\SQL\n    {name}    REG_SZ    {text}\nHKEY_A\\NDP\\v4\\Full\n    Release    REG_DWORD    0x{text}\nHKEY_A\\InstalledVersions\\x\\sharedfx\\{name}\n    {name}    REG_DWORD    1\n");
        let mut given = answers(&[]);
        for question in super::super::WINDOWS.questions {
            super::super::super::tests::answer(&mut given, question.id, &keys);
        }
        components(&given, &[program(&format!("Microsoft .NET Runtime - {text}"), &name)], &[]);
    }
}
