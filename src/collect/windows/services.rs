//! The services of the service control manager, and what listens.
//!
//! `netstat -ano` is translated, but not its shape: a TCP socket listens where the far end is port 0,
//! a UDP socket has `*:*` there, and the last column is the process.

use super::questions::{LISTENERS, LISTENERS_CIM, PROCESSES, SERVICES};
use super::text::{LONG, MOST_ROWS, NAME, clip, digits, lines, malformed};
use crate::model::{Certainty, Gap, SeenBy, Service, SystemService};
use crate::session::{Answers, WmiRow};
use std::collections::BTreeMap;

/// The services, sorted by name.
pub(super) fn services(answers: &Answers) -> Result<Vec<SystemService>, Gap> {
    let rows = WmiRow::parse(answers.text(SERVICES)?);
    let mut services: Vec<SystemService> = rows.iter().filter_map(service).collect();
    if services.is_empty() {
        // There is no Windows without a service.
        return Err(malformed(SERVICES));
    }
    services.sort_unstable();
    services.dedup();
    services.truncate(MOST_ROWS);
    Ok(services)
}

fn service(row: &WmiRow) -> Option<SystemService> {
    let text = |property| clip(row.get(property).unwrap_or_default(), LONG);
    let name = clip(row.get("Name")?, NAME);
    let process = row.get("ProcessId").and_then(digits);
    (!name.is_empty()).then(|| SystemService {
        name,
        display_name: text("DisplayName"),
        state: text("State"),
        start: text("StartMode"),
        path: text("PathName"),
        account: text("StartName"),
        process: process.filter(|id| *id != 0),
    })
}

/// The listening sockets, sorted, each once, with the program behind each and the services in it.
pub(super) fn listeners(
    answers: &Answers,
    services: &[SystemService],
) -> Result<Vec<Service>, Gap> {
    let sockets = match (answers.text(LISTENERS), answers.text(LISTENERS_CIM)) {
        (Ok(text), _) => netstat(text)?,
        (Err(_), Ok(text)) => cim(text),
        (Err(gap), Err(_)) => return Err(gap),
    };
    let programs = Programs::new(answers, services);
    let mut listeners: Vec<Service> = sockets
        .into_iter()
        .map(|socket| programs.listener(socket))
        .collect();
    listeners.sort_unstable();
    listeners.dedup();
    Ok(listeners)
}

/// The gap of a host whose UDP sockets are not known, as only `MSFT_NetTCPConnection` answered.
pub(super) fn open(answers: &Answers) -> Option<Gap> {
    let gap = answers.text(LISTENERS).err()?;
    answers.text(LISTENERS_CIM).is_ok().then_some(gap)
}

struct Socket {
    proto: &'static str,
    bind: String,
    port: u16,
    process: Option<u32>,
}

fn netstat(text: &str) -> Result<Vec<Socket>, Gap> {
    let sockets: Vec<Socket> = lines(text).filter_map(row).take(MOST_ROWS).collect();
    if sockets.is_empty() {
        // RPC's mapper listens on every Windows.
        return Err(malformed(LISTENERS));
    }
    Ok(sockets)
}

/// `TCP    0.0.0.0:135    0.0.0.0:0    LISTENING    1004`, `UDP    [::]:123    *:*    1188`
fn row(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().take(12).collect();
    let (proto, local, far) = (fields.first()?, fields.get(1)?, fields.get(2)?);
    let process = fields.last().and_then(|last| digits(last));
    let proto = match (*proto, *far) {
        ("TCP", "0.0.0.0:0" | "[::]:0") => "tcp",
        ("UDP", "*:*") => "udp",
        _ => return None,
    };
    let (bind, port) = local.rsplit_once(':')?;
    Some(Socket {
        proto,
        bind: address(bind),
        port: digits(port)?,
        process: process.filter(|_| fields.len() > 3),
    })
}

fn cim(text: &str) -> Vec<Socket> {
    let rows = WmiRow::parse(text);
    let socket = |row: &WmiRow| {
        Some(Socket {
            proto: "tcp",
            bind: address(row.get("LocalAddress")?),
            port: digits(row.get("LocalPort")?)?,
            process: row.get("OwningProcess").and_then(digits),
        })
    };
    rows.iter().filter_map(socket).take(MOST_ROWS).collect()
}

/// An address without brackets and zone.
fn address(text: &str) -> String {
    let text = text.trim().trim_matches(['[', ']']);
    clip(text.split('%').next().unwrap_or(text), 64)
}

/// How many of the services in one process are named: of a real one, two dozen at most.
const NAMED: usize = 40;

/// Which program and which services a process is, worked out once for each.
struct Programs {
    by_process: BTreeMap<u32, Program>,
}

#[derive(Default)]
struct Program {
    path: String,
    services: Vec<String>,
    /// The account, while all services of the process share it.
    user: Option<String>,
}

impl Programs {
    fn new(answers: &Answers, services: &[SystemService]) -> Self {
        let mut by_process: BTreeMap<u32, Program> = BTreeMap::new();
        for row in WmiRow::parse(answers.text(PROCESSES).unwrap_or_default()) {
            let path = row.get("ExecutablePath").filter(|path| !path.is_empty());
            let path = path.or_else(|| row.get("Name"));
            let process = row.get("ProcessId").and_then(digits);
            if let (Some(process), Some(path)) = (process, path) {
                by_process.entry(process).or_default().path = clip(path, LONG);
            }
        }
        for service in services {
            let Some(process) = service.process else {
                continue;
            };
            by_process.entry(process).or_default().add(service);
        }
        Self { by_process }
    }

    fn listener(&self, socket: Socket) -> Service {
        let process = socket.process.and_then(|id| self.by_process.get(&id));
        let program = process.map(Program::label).unwrap_or_default();
        let user = process.and_then(|process| process.user.as_deref());
        Service {
            proto: socket.proto.to_owned(),
            port: socket.port,
            bind: socket.bind,
            state: "listening".to_owned(),
            service: String::new(),
            product: String::new(),
            version: String::new(),
            program,
            user: clip(user.unwrap_or_default(), NAME),
            banner: String::new(),
            seen_by: SeenBy::Host,
            tls: None,
            certainty: Certainty::None,
        }
    }
}

impl Program {
    fn add(&mut self, service: &SystemService) {
        if self.services.is_empty() {
            self.user = Some(service.account.clone());
        }
        // One account in many spellings: `LocalSystem`, `localSystem`.
        let is_same = |user: &String| user.eq_ignore_ascii_case(&service.account);
        self.user = self.user.take().filter(is_same);
        if self.services.len() < NAMED {
            self.services.push(service.name.clone());
        }
    }

    /// `C:\Windows\System32\svchost.exe (Dnscache, TermService)`
    fn label(&self) -> String {
        let names = self.services.join(", ");
        let label = match (self.path.as_str(), names.as_str()) {
            (path, "") => path.to_owned(),
            ("", names) => names.to_owned(),
            (path, names) => format!("{path} ({names})"),
        };
        clip(&label, LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use crate::model::GapCause;
    use proptest::prelude::*;

    const SERVICES_TEXT: &str = "Name=TermService\nDisplayName=Remotedesktopdienste\nState=Running\nStartMode=Manual\nPathName=C:\\\\Windows\\\\System32\\\\svchost.exe -k NetworkService\nProcessId=1004\nStartName=NT AUTHORITY\\\\NetworkService\n\n\
        Name=Dnscache\nState=Running\nProcessId=1004\nStartName=NT AUTHORITY\\\\NetworkService\n\n\
        Name=Spooler\nState=Stopped\nStartMode=Disabled\nProcessId=0\n";

    const PROCESSES_TEXT: &str = "ProcessId=4\nName=System\n\nProcessId=1004\nName=svchost.exe\nExecutablePath=C:\\\\Windows\\\\System32\\\\svchost.exe\n";

    /// As a German system prints it.
    const NETSTAT: &str = "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\r\n  \
        TCP    0.0.0.0:445            0.0.0.0:0              ABH\u{d6}REN         4\r\n  \
        TCP    10.0.0.5:3389          10.0.0.9:51000         HERGESTELLT     1004\r\n  \
        TCP    [::]:3389              [::]:0                 ABH\u{d6}REN         1004\r\n  \
        UDP    [fe80::1%5]:1900       *:*                                    77\r\n";

    fn line(service: &Service) -> String {
        let Service {
            port,
            proto,
            bind,
            program,
            user,
            ..
        } = service;
        format!("{port}/{proto} {bind} {program} {user}")
    }

    #[test]
    fn netstat_is_read_in_any_language_and_joined_with_what_runs() {
        let given = answers(&[
            (LISTENERS, NETSTAT),
            (SERVICES, SERVICES_TEXT),
            (PROCESSES, PROCESSES_TEXT),
        ]);
        let services = services(&given).unwrap();
        assert_eq!(services[1].process, None);
        assert_eq!(services[2].name, "TermService");
        let listeners = listeners(&given, &services).unwrap();
        let lines: Vec<String> = listeners.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "445/tcp 0.0.0.0 System ",
                r"3389/tcp :: C:\Windows\System32\svchost.exe (Dnscache, TermService) NT AUTHORITY\NetworkService",
                "1900/udp fe80::1  ",
            ]
        );
    }

    #[test]
    fn an_account_is_the_same_however_its_services_spell_it() {
        let spelt = SERVICES_TEXT.replacen("NT AUTHORITY", "NT Authority", 1);
        let given = answers(&[(LISTENERS, NETSTAT), (SERVICES, &spelt)]);
        let listeners = listeners(&given, &services(&given).unwrap()).unwrap();
        assert_eq!(listeners[1].port, 3389);
        assert!(!listeners[1].user.is_empty());
    }

    #[test]
    fn services_of_different_accounts_in_one_process_leave_the_account_open() {
        let service = |name: &str, account: &str| {
            format!("Name={name}\nProcessId=4\nStartName={account}\n\n")
        };
        let text = service("A", "x") + &service("B", "y") + &service("C", "y");
        let given = answers(&[(LISTENERS, NETSTAT), (SERVICES, &text)]);
        let services = services(&given).unwrap();
        let listeners = listeners(&given, &services).unwrap();
        assert_eq!(line(&listeners[0]), "445/tcp 0.0.0.0 A, B, C ");
    }

    #[test]
    fn a_host_that_puts_every_service_into_one_process_costs_little() {
        let service = |number: u32| format!("Name=S{number}\nProcessId=4\n\n");
        let socket = |number: u32| format!("TCP 0.0.0.0:{number} 0.0.0.0:0 X 4\n");
        let text: String = (0..20_000).map(service).collect();
        let sockets: String = (0..20_000).map(socket).collect();
        let given = answers(&[(LISTENERS, &sockets), (SERVICES, &text)]);
        let services = services(&given).unwrap();
        let listeners = listeners(&given, &services).unwrap();
        assert_eq!(listeners.len(), 20_000);
        assert_eq!(listeners[0].program.matches(", ").count(), NAMED - 1);
    }

    #[test]
    fn without_a_shell_the_tcp_table_of_wmi_is_read() {
        let text = "LocalAddress=::\nLocalPort=3389\nOwningProcess=1004\n\nLocalAddress=0.0.0.0\n";
        let listeners = listeners(&answers(&[(LISTENERS_CIM, text)]), &[]).unwrap();
        assert_eq!(
            listeners.iter().map(line).collect::<Vec<_>>(),
            ["3389/tcp ::  "]
        );
    }

    #[test]
    fn an_answer_without_a_row_is_malformed_as_every_windows_has_some() {
        let cause = |gap: Gap| (gap.question, gap.cause);
        let given = answers(&[(LISTENERS, "Aktive Verbindungen\r\n"), (SERVICES, "")]);
        let expected = |id: &str| (id.to_owned(), GapCause::Malformed);
        assert_eq!(
            cause(listeners(&given, &[]).unwrap_err()),
            expected(LISTENERS)
        );
        assert_eq!(cause(services(&given).unwrap_err()), expected(SERVICES));
        let none = answers(&[]);
        assert_eq!(listeners(&none, &[]).unwrap_err().cause, GapCause::NotAsked);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), row in "(TCP|UDP) .{0,20} (0.0.0.0:0|\\*:\\*).{0,9}") {
            let given = answers(&[(LISTENERS, &row), (LISTENERS_CIM, &text), (SERVICES, &text), (PROCESSES, &text)]);
            let _ = services(&given);
            let _ = listeners(&given, &[]);
        }
    }
}
