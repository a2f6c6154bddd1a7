//! What every Windows is asked, over WinRM and over SSH.
//!
//! Read-only. Nothing is written, installed or started but `cmd`, `reg`, `findstr`, `netstat`,
//! `whoami`, `appcmd` and `wevtutil`, none of which outlives its answer. Never `Win32_Product`, which checks
//! (and may repair) every installed product; never a file query without a path, which walks the disks;
//! no search by the update agent.
//!
//! Every `findstr` is told `/l /i`: left to itself it guesses from the first string whether strings are
//! patterns, and with several strings of different lengths it misses some unless case is ignored
//! ("What are the undocumented features and limitations of the Windows FINDSTR command?", Stack
//! Overflow 8844868). `whoami` writes no CSV, which detection rules take for preparations to carry data
//! off (`SigmaHQ`, `proc_creation_win_whoami_output`).
//!
//! Keys that are not there are an answer too: "missing" is how most hosts say that they have no SQL
//! Server.

use crate::session::{Ask, Needs, Question, QuestionSet, View};

/// The one set for every Windows.
pub const WINDOWS: QuestionSet = QuestionSet {
    name: "windows",
    prelude: "",
    questions: &[
        wmi(
            OS,
            "SELECT Caption,Version,BuildNumber,OSArchitecture,ProductType,CSDVersion,OperatingSystemSKU,OSLanguage,LastBootUpTime,CSName FROM Win32_OperatingSystem",
            "which Windows, its role and its last start",
            "Release and edition come from the registry alone, and the last start is unknown.",
        ),
        wmi(
            COMPUTER,
            "SELECT Name,DNSHostName,Domain,PartOfDomain,Manufacturer,Model FROM Win32_ComputerSystem",
            "the machine's name, its domain and its maker",
            "The domain, the maker and the model are unknown.",
        ),
        wmi(
            HARDWARE,
            "SELECT UUID,IdentifyingNumber FROM Win32_ComputerSystemProduct",
            "which machine this is: the SMBIOS uuid and serial number",
            "One machine with two addresses may be counted as two: it is told by its MachineGuid alone.",
        ),
        wmi(
            QFE,
            "SELECT HotFixID,Description,InstalledOn,InstalledBy FROM Win32_QuickFixEngineering",
            "which updates are in, since when and by whom",
            "Who installed an update and when is unknown, and each update has one witness less.",
        ),
        needing(
            Needs::WmiServices,
            wmi(
                SERVICES,
                "SELECT Name,DisplayName,State,StartMode,PathName,ProcessId,StartName FROM Win32_Service",
                "which services there are, and as whom they run",
                "Which services there are is unknown, and the program behind a port is not named by its service.",
            ),
        ),
        wmi(
            PROCESSES,
            "SELECT ProcessId,Name,ExecutablePath FROM Win32_Process",
            "which program holds a listening port",
            "The programs that hold listening ports are unknown; without administrator rights those of other accounts are.",
        ),
        wmi(
            ADAPTERS,
            "SELECT Description,MACAddress,IPAddress FROM Win32_NetworkAdapterConfiguration WHERE IPEnabled=TRUE",
            "the machine's hardware addresses and IP addresses",
            "The machine's hardware addresses are unknown, and its other addresses may count as machines of their own.",
        ),
        wmi(
            FILES,
            FILES_QUERY,
            "whether the system's files are as new as its updates say",
            "No file says whether an update is really in: verdicts rest on the registry and are less sure.",
        ),
        wmi(
            OFFICE_FILES,
            OFFICE_FILES_QUERY,
            "the patch level of an Office that Windows Installer put there",
            "Updates of an Office that Windows Installer put there are undecided.",
        ),
        values(
            CURRENT_VERSION,
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion",
            View::Bits64,
            "build, UBR, edition and installation type: the exact patch level",
            "The patch level is unknown, and nearly every verdict with it.",
        ),
        value(
            PRODUCT_TYPE,
            r"HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions",
            "ProductType",
            "whether it is a workstation, a server or a domain controller, where WMI does not say",
            "Where WMI does not say either, a server may be taken for a workstation.",
        ),
        values(
            ENVIRONMENT,
            r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment",
            View::Any,
            "the processor architecture",
            "The architecture is unknown, and verdicts that depend on it are undecided.",
        ),
        tree(
            UNINSTALL_64,
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
            View::Bits64,
            "installed programs",
            "Which programs are installed is unknown, and so is what they lack.",
        ),
        tree(
            UNINSTALL_32,
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
            View::Bits32,
            "installed 32-bit programs",
            "Which 32-bit programs are installed is unknown, and so is what they lack.",
        ),
        needing(
            Needs::Administrators,
            cmd(
                UNINSTALL_USERS,
                r#"(for /f "tokens=*" %h in ('reg query HKU ^| findstr /l /i /c:"\S-1-5-21-" /c:"\S-1-12-1-" ^| findstr /l /i /v /c:"_Classes"') do @(reg query "%h\Software\Microsoft\Windows\CurrentVersion\Uninstall" /s 2>nul || reg query "%h" >nul 2>nul || echo denied)) & ver >nul"#,
                "programs that users who are logged on installed for themselves, or that their keys are closed to us",
                "Programs that users installed for themselves are unknown.",
            ),
        ),
        cmd(
            CBS_PACKAGES,
            r#"reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages" /s | findstr /l /i /c:"Packages\Package_for_" /c:"    CurrentState " /c:"    InstallTimeHigh " /c:"    InstallUser ""#,
            "the package store's own word on every update: state and time; the largest question, as the host reads some thousand keys and sends a tenth of them",
            "The package store has no say: updates that only it lists are undecided.",
        ),
        values(
            CBS,
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing",
            View::Bits64,
            "whether servicing waits for a reboot",
            "Whether servicing waits for a reboot is unknown.",
        ),
        tree(
            AUTO_UPDATE,
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update",
            View::Bits64,
            "whether the update client waits for a reboot, and its last success",
            "The last success of the update client is unknown, and whether it waits for a reboot.",
        ),
        tree(
            UPDATE_POLICY,
            r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate",
            View::Bits64,
            "where updates come from by policy, and whether over http",
            "Where updates come from is unknown, and whether that is safe.",
        ),
        needing(
            Needs::EventLog,
            cmd(
                UPDATE_HISTORY,
                r#"wevtutil qe System /q:"*[System[Provider[@Name='Microsoft-Windows-WindowsUpdateClient'] and (EventID=19 or EventID=20 or EventID=23 or EventID=24)]]" /f:xml /rd:true /c:400"#,
                "what the update client installed, removed or failed to install or remove; the log is read from its end, until 400 are found",
                "What the update client installed, and what failed, is unknown.",
            ),
        ),
        value(
            FILE_RENAMES,
            r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager",
            "PendingFileRenameOperations",
            "whether files wait for a reboot to be replaced",
            "Whether files wait for a reboot to be replaced is unknown.",
        ),
        tree(
            OLD_UPDATES,
            r"HKLM\SOFTWARE\Microsoft\Updates",
            View::Bits64,
            "updates of old systems, and whether one waits for a reboot",
            "Updates of old systems are undecided.",
        ),
        tree(
            OLD_UPDATES_32,
            r"HKLM\SOFTWARE\Microsoft\Updates",
            View::Bits32,
            "updates of .NET Framework and of other products with a setup of their own",
            "Updates of .NET Framework and of products with a setup of their own are undecided.",
        ),
        tree(
            OLD_HOTFIXES,
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\HotFix",
            View::Bits64,
            "updates of systems before Windows Vista",
            "Updates of systems before Windows Vista are undecided.",
        ),
        cmd(
            MSI_PATCHES,
            r#"reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products" /s | findstr /l /i /c:"\Patches" /c:"\InstallProperties" /c:"    DisplayName " /c:"    Installed " /c:"    State ""#,
            "updates that Windows Installer put in: Office and others; large where much is installed, and filtered on the host",
            "Updates that Windows Installer put in are undecided.",
        ),
        tree(
            COMPUTER_NAME,
            r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName",
            View::Any,
            "the machine's name, and whether a new one waits for a reboot",
            "Whether a new name waits for a reboot is unknown.",
        ),
        values(
            TCPIP,
            r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters",
            View::Any,
            "the machine's full name",
            "The machine's full name is unknown.",
        ),
        Question {
            id: MACHINE_GUID,
            ask: Ask::Registry {
                key: r"HKLM\SOFTWARE\Microsoft\Cryptography",
                tree: false,
                value: Some("MachineGuid"),
                view: View::Bits64,
            },
            why: "which machine this is",
            needs: Needs::Shell,
            loss: "The machine is known by weaker signs, and may be counted twice.",
        },
        values(
            PROFILES,
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList",
            View::Bits64,
            "the SID of the machine, by the accounts that it has seen",
            "The SID of the machine is unknown.",
        ),
        cmd(
            WHO_AM_I,
            "whoami /user /nh",
            "who we are on this host, and with a local account the SID of the machine",
            "As whom we were logged in is not on record.",
        ),
        tree(
            DOTNET,
            r"HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP",
            View::Bits64,
            "installed .NET Framework",
            "What .NET Framework lacks is undecided.",
        ),
        tree(
            DOTNET_RUNTIMES,
            r"HKLM\SOFTWARE\dotnet\Setup\InstalledVersions",
            View::Bits32,
            "installed .NET runtimes",
            "What .NET runtimes lack is undecided.",
        ),
        values(
            OFFICE_C2R,
            r"HKLM\SOFTWARE\Microsoft\Office\ClickToRun\Configuration",
            View::Bits64,
            "channel and build of a Click-to-Run Office",
            "What a Click-to-Run Office lacks is undecided.",
        ),
        cmd(
            SQL,
            r#"reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server\Instance Names\SQL" && ((for /f "tokens=*" %i in ('reg query "HKLM\SOFTWARE\Microsoft\Microsoft SQL Server" ^| findstr /l /i /c:"\MSSQL"') do @reg query "%i\Setup" 2>nul) & ver >nul)"#,
            "instances of SQL Server and their patch levels",
            "Instances of SQL Server and what they lack are unknown.",
        ),
        values(
            EXCHANGE_15,
            r"HKLM\SOFTWARE\Microsoft\ExchangeServer\v15\Setup",
            View::Bits64,
            "Exchange Server 2013 to SE",
            "What Exchange Server 2013 to SE lacks is undecided.",
        ),
        values(
            EXCHANGE_14,
            r"HKLM\SOFTWARE\Microsoft\ExchangeServer\v14\Setup",
            View::Bits64,
            "Exchange Server 2010",
            "What Exchange Server 2010 lacks is undecided.",
        ),
        tree(
            EDGE,
            r"HKLM\SOFTWARE\Microsoft\EdgeUpdate\Clients",
            View::Bits32,
            "Microsoft Edge and the WebView2 runtime",
            "What Microsoft Edge and WebView2 lack is undecided.",
        ),
        tree(
            DEFENDER,
            r"HKLM\SOFTWARE\Microsoft\Windows Defender\Signature Updates",
            View::Bits64,
            "Defender's engine and signatures",
            "The age of Defender's engine and signatures is unknown.",
        ),
        values(
            DEFENDER_PLATFORM,
            r"HKLM\SOFTWARE\Microsoft\Windows Defender",
            View::Bits64,
            "Defender's platform, and whether it is off",
            "Whether Defender is on is unknown.",
        ),
        values(
            INTERNET_EXPLORER,
            r"HKLM\SOFTWARE\Microsoft\Internet Explorer",
            View::Bits64,
            "the version of Internet Explorer",
            "The version of Internet Explorer is unknown.",
        ),
        values(
            IIS,
            r"HKLM\SOFTWARE\Microsoft\InetStp",
            View::Bits64,
            "whether IIS is installed, and its version",
            "Whether IIS is installed is unknown.",
        ),
        needing(
            Needs::Administrators,
            cmd(
                IIS_SITES,
                r"%windir%\System32\inetsrv\appcmd.exe list site",
                "the sites that IIS serves",
                "The sites that IIS serves are unknown.",
            ),
        ),
        cmd(
            LISTENERS,
            r#"netstat -ano | findstr /l /i /c:":0 " /c:"*:*""#,
            "what listens, and which process it is; connections stay on the host",
            "What listens on TCP and UDP is known from outside alone.",
        ),
        Question {
            id: LISTENERS_CIM,
            ask: Ask::InsteadOf(
                LISTENERS,
                &Ask::Wmi {
                    namespace: "root/StandardCimv2",
                    query: "SELECT LocalAddress,LocalPort,OwningProcess FROM MSFT_NetTCPConnection WHERE State=2",
                },
            ),
            why: "what listens, where no shell is to be had",
            needs: Needs::Wmi,
            loss: "Where no shell is to be had, what listens is known from outside alone.",
        },
    ],
};

pub(super) const OS: &str = "os";
pub(super) const COMPUTER: &str = "computer";
pub(super) const HARDWARE: &str = "hardware";
pub(super) const QFE: &str = "qfe";
pub(super) const SERVICES: &str = "services";
pub(super) const PROCESSES: &str = "processes";
pub(super) const ADAPTERS: &str = "adapters";
pub(super) const FILES: &str = "files";
pub(super) const OFFICE_FILES: &str = "office-files";
pub(super) const CURRENT_VERSION: &str = "current-version";
pub(super) const PRODUCT_TYPE: &str = "product-type";
pub(super) const ENVIRONMENT: &str = "environment";
pub(super) const UNINSTALL_64: &str = "uninstall-64";
pub(super) const UNINSTALL_32: &str = "uninstall-32";
pub(super) const UNINSTALL_USERS: &str = "uninstall-users";
pub(super) const CBS_PACKAGES: &str = "cbs-packages";
pub(super) const CBS: &str = "cbs";
pub(super) const AUTO_UPDATE: &str = "auto-update";
pub(super) const UPDATE_POLICY: &str = "update-policy";
pub(super) const UPDATE_HISTORY: &str = "update-history";
pub(super) const FILE_RENAMES: &str = "file-renames";
pub(super) const OLD_UPDATES: &str = "old-updates";
pub(super) const OLD_UPDATES_32: &str = "old-updates-32";
pub(super) const OLD_HOTFIXES: &str = "old-hotfixes";
pub(super) const MSI_PATCHES: &str = "msi-patches";
pub(super) const COMPUTER_NAME: &str = "computer-name";
pub(super) const TCPIP: &str = "tcpip";
pub(super) const MACHINE_GUID: &str = "machine-guid";
pub(super) const PROFILES: &str = "profiles";
pub(in crate::collect) const WHO_AM_I: &str = "whoami";
pub(super) const DOTNET: &str = "dotnet";
pub(super) const DOTNET_RUNTIMES: &str = "dotnet-runtimes";
pub(super) const OFFICE_C2R: &str = "office-c2r";
pub(super) const SQL: &str = "sql";
pub(super) const EXCHANGE_15: &str = "exchange-15";
pub(super) const EXCHANGE_14: &str = "exchange-14";
pub(super) const EDGE: &str = "edge";
pub(super) const DEFENDER: &str = "defender";
pub(super) const DEFENDER_PLATFORM: &str = "defender-platform";
pub(super) const INTERNET_EXPLORER: &str = "internet-explorer";
pub(super) const IIS: &str = "iis";
pub(super) const IIS_SITES: &str = "iis-sites";
pub(super) const LISTENERS: &str = "listeners";
pub(super) const LISTENERS_CIM: &str = "listeners-cim";

/// Always by full path: then the answer comes at once, where `LIKE` walks the disk ("Enumerating and
/// getting WMI provider class instances with performance in mind", WMI blog, Microsoft Learn). Names
/// joined by OR are what filters of group policies do at every refresh; eighteen of them were not
/// timed on a live Windows.
const FILES_QUERY: &str = r"SELECT Name,Version FROM CIM_DataFile WHERE Name='C:\\Windows\\System32\\ntoskrnl.exe' OR Name='C:\\Windows\\System32\\win32k.sys' OR Name='C:\\Windows\\System32\\win32kfull.sys' OR Name='C:\\Windows\\System32\\mshtml.dll' OR Name='C:\\Windows\\System32\\mstscax.dll' OR Name='C:\\Windows\\System32\\localspl.dll' OR Name='C:\\Windows\\System32\\schannel.dll' OR Name='C:\\Windows\\System32\\drivers\\srv.sys' OR Name='C:\\Windows\\System32\\drivers\\srv2.sys' OR Name='C:\\Windows\\System32\\drivers\\http.sys' OR Name='C:\\Windows\\System32\\drivers\\tcpip.sys' OR Name='C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\clr.dll' OR Name='C:\\Windows\\Microsoft.NET\\Framework\\v4.0.30319\\clr.dll' OR Name='C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\mscorlib.dll' OR Name='C:\\Windows\\Microsoft.NET\\Framework64\\v2.0.50727\\mscorwks.dll' OR Name='C:\\Windows\\Microsoft.NET\\Framework64\\v2.0.50727\\System.dll' OR Name='C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\ExSetup.exe' OR Name='C:\\Program Files\\Microsoft\\Exchange Server\\V14\\bin\\ExSetup.exe'";

const OFFICE_FILES_QUERY: &str = r"SELECT Name,Version FROM CIM_DataFile WHERE Name='C:\\Program Files\\Microsoft Office\\Office14\\WINWORD.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office14\\EXCEL.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office14\\OUTLOOK.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office14\\WINWORD.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office14\\EXCEL.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office14\\OUTLOOK.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office15\\WINWORD.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office15\\EXCEL.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office15\\OUTLOOK.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office15\\WINWORD.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office15\\EXCEL.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office15\\OUTLOOK.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office16\\WINWORD.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office16\\EXCEL.EXE' OR Name='C:\\Program Files\\Microsoft Office\\Office16\\OUTLOOK.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office16\\WINWORD.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office16\\EXCEL.EXE' OR Name='C:\\Program Files (x86)\\Microsoft Office\\Office16\\OUTLOOK.EXE'";

const fn wmi(
    id: &'static str,
    query: &'static str,
    why: &'static str,
    loss: &'static str,
) -> Question {
    let namespace = "root/cimv2";
    let ask = Ask::Wmi { namespace, query };
    question(id, ask, why, loss)
}

const fn cmd(
    id: &'static str,
    line: &'static str,
    why: &'static str,
    loss: &'static str,
) -> Question {
    question(id, Ask::Cmd(line), why, loss)
}

const fn values(
    id: &'static str,
    key: &'static str,
    view: View,
    why: &'static str,
    loss: &'static str,
) -> Question {
    let ask = Ask::Registry {
        key,
        tree: false,
        value: None,
        view,
    };
    question(id, ask, why, loss)
}

const fn tree(
    id: &'static str,
    key: &'static str,
    view: View,
    why: &'static str,
    loss: &'static str,
) -> Question {
    let ask = Ask::Registry {
        key,
        tree: true,
        value: None,
        view,
    };
    question(id, ask, why, loss)
}

const fn value(
    id: &'static str,
    key: &'static str,
    name: &'static str,
    why: &'static str,
    loss: &'static str,
) -> Question {
    let ask = Ask::Registry {
        key,
        tree: false,
        value: Some(name),
        view: View::Any,
    };
    question(id, ask, why, loss)
}

/// A question that needs what its way of asking does.
const fn question(id: &'static str, ask: Ask, why: &'static str, loss: &'static str) -> Question {
    let needs = match ask {
        Ask::Wmi { .. } => Needs::Wmi,
        _ => Needs::Shell,
    };
    Question {
        id,
        ask,
        why,
        needs,
        loss,
    }
}

/// The same, where its way of asking does not say all that it needs.
const fn needing(needs: Needs, question: Question) -> Question {
    Question { needs, ..question }
}

/// What every verdict on a Windows needs: which release and build, which machine, and what waits for a restart.
pub(in crate::collect) const OF_EVERY_WINDOWS: &[&str] = &[
    OS,
    COMPUTER,
    HARDWARE,
    ADAPTERS,
    CURRENT_VERSION,
    PRODUCT_TYPE,
    ENVIRONMENT,
    CBS,
    AUTO_UPDATE,
    FILE_RENAMES,
    OLD_UPDATES,
    COMPUTER_NAME,
    TCPIP,
    MACHINE_GUID,
    PROFILES,
    WHO_AM_I,
    INTERNET_EXPLORER,
];

/// Every witness for an update.
const UPDATES: &[&str] = &[
    QFE,
    CBS_PACKAGES,
    UPDATE_HISTORY,
    MSI_PATCHES,
    OLD_UPDATES,
    OLD_UPDATES_32,
    OLD_HOTFIXES,
    FILES,
];

/// The questions behind a word of evidence about a Windows.
pub(in crate::collect) fn of_evidence(word: &str) -> Option<&'static [&'static str]> {
    Some(match word {
        "current-version" | "hotfixes" | "files" | "qfe" | "cbs-packages" | "cbs" => UPDATES,
        "programs" | "uninstall-64" | "uninstall-32" | "uninstall-users" => {
            &[UNINSTALL_64, UNINSTALL_32, UNINSTALL_USERS]
        }
        "dotnet" => &[
            DOTNET,
            QFE,
            CBS_PACKAGES,
            UPDATE_HISTORY,
            MSI_PATCHES,
            OLD_UPDATES,
            OLD_UPDATES_32,
            OLD_HOTFIXES,
            FILES,
        ],
        "dotnet-runtimes" => &[DOTNET_RUNTIMES, UNINSTALL_64, UNINSTALL_32, UNINSTALL_USERS],
        "office-c2r" => &[OFFICE_C2R],
        "office-files" | "msi-patches" => &[
            OFFICE_FILES,
            MSI_PATCHES,
            QFE,
            CBS_PACKAGES,
            UPDATE_HISTORY,
            OLD_UPDATES_32,
            OLD_HOTFIXES,
            UNINSTALL_64,
            UNINSTALL_32,
            UNINSTALL_USERS,
        ],
        "sql" => &[SQL, SERVICES],
        "exchange" | "exchange-15" | "exchange-14" => &[
            EXCHANGE_15,
            EXCHANGE_14,
            FILES,
            QFE,
            CBS_PACKAGES,
            UPDATE_HISTORY,
            MSI_PATCHES,
            OLD_UPDATES,
            OLD_UPDATES_32,
            OLD_HOTFIXES,
        ],
        "edge" => &[EDGE],
        "defender" | "defender-platform" => &[DEFENDER, DEFENDER_PLATFORM],
        _ => return None,
    })
}
