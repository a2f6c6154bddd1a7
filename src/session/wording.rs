//! What exactly is sent, in words for people: `explain questions`.

use super::windows_shell::cmd::reg_query;
use super::{Ask, View};

/// One way in which a question is put to a Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// Over what and by what: `over WinRM as WQL in root/cimv2`.
    pub way: String,
    /// The words themselves; empty where `way` says it all.
    pub text: String,
}

/// Every way in which a question is put to a Windows, the usual ones first. Empty for a question
/// that is not for Windows.
pub fn wordings(ask: Ask) -> Vec<Wording> {
    let one = |way: String, text: &str| Wording {
        way,
        text: text.to_owned(),
    };
    match ask {
        Ask::Sh(_) => Vec::new(),
        Ask::Wmi { namespace, query } => vec![
            one(format!("over WinRM as WQL in {namespace}"), query),
            one(
                format!(
                    r"over SSH by PowerShell, Get-WmiObject (or Get-CimInstance) in {}",
                    namespace.replace('/', r"\")
                ),
                query,
            ),
        ],
        Ask::Registry {
            key,
            tree,
            value,
            view,
        } => {
            let line = reg_query(key, tree, value, view);
            vec![
                one("over WinRM and over SSH by cmd".to_owned(), &line),
                one(
                    format!("over WinRM without a shell: {}", calls(tree, value, view)),
                    "",
                ),
                one(
                    "over SSH without cmd or reg.exe: the same key by PowerShell".to_owned(),
                    "",
                ),
            ]
        }
        Ask::Cmd(line) => vec![one("over WinRM and over SSH by cmd".to_owned(), line)],
        Ask::InsteadOf(other, ask) => {
            let mut wordings = wordings(*ask);
            for wording in &mut wordings {
                wording.way = format!("where `{other}` was not answered, {}", wording.way);
            }
            wordings
        }
    }
}

/// The methods of `StdRegProv` that read a key as `reg query` does.
fn calls(tree: bool, value: Option<&str>, view: View) -> String {
    let depth = if tree { " and each key below it" } else { "" };
    let what = match value {
        Some(_) => "EnumValues, and Get…Value of that one value",
        None => "EnumKey, EnumValues, and Get…Value of each value",
    };
    let half = match view {
        View::Any => "",
        View::Bits64 => ", 64-bit provider",
        View::Bits32 => ", 32-bit provider",
    };
    format!("StdRegProv{half}, of this key{depth}: {what}")
}

/// A request of a protocol itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolRequest {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub why: &'static str,
}

/// Every request to a WinRM service (DSP0226, MS-WSMV section 3.1.4).
pub const WINRM_REQUESTS: &[ProtocolRequest] = &[
    request(
        "POST /wsman, empty, with an authentication token",
        "the logon: Kerberos, Negotiate or NTLM as the credential allows. One a host; a refused one is never repeated. \
         The first NTLM message carries no secret, and shows who answers",
    ),
    request(
        "Identify",
        "whether WinRM answers, and which version; tells nothing about us",
    ),
    request(
        "Enumerate",
        "a WQL query of the list below, in its namespace",
    ),
    request("Pull", "the next page of an answer"),
    request("Release", "giving up an answer that is longer than we read"),
    request(
        "Get",
        "one instance by its key, read as a query would read it",
    ),
    request(
        "Invoke StdRegProv: EnumKey, EnumValues, GetStringValue, GetExpandedStringValue, GetMultiStringValue, GetDWORDValue, GetQWORDValue, GetBinaryValue",
        "a registry question, where the account gets no shell. The only part that is not a constant is the name of a key or value \
         that the host itself listed, as a typed parameter",
    ),
    request(
        "Create windows/shell/cmd",
        "one shell a host, without profile, in UTF-8, with an idle time-out of a minute in case we are cut off",
    ),
    request(
        "Command",
        "lines for cmd.exe out of the list below, framed as `echo MARKER B id&(LINE&&echo MARKER E id 0)||echo MARKER E id 1`",
    ),
    request(
        "Command `reg query \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Nls\\CodePage\" /v \"OEMCP\"`, framed likewise",
        "in which code page programs write that refuse UTF-8",
    ),
    request("Receive", "what the command wrote, until it ends"),
    request(
        "Signal terminate",
        "ends a command, also one that was cut short",
    ),
    request("Delete", "closes the shell, on every path"),
];

/// Every request to an SSH service of Windows, each a channel of its own without a terminal.
pub const SSH_WINDOWS_REQUESTS: &[ProtocolRequest] = &[
    request(
        "exec `cmd /d /q`",
        "a shell that means the same whatever the account's default shell is; the lines below are its standard input, framed by `echo`",
    ),
    request(
        "`chcp`, the registry value OEMCP, `chcp 65001` in that shell only",
        "in which code page its programs write",
    ),
    request(
        "exec `powershell -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand …`",
        "WMI, which over SSH nothing else asks; and the registry, where cmd or reg.exe is refused. The encoded command only reads \
         the questions from standard input. Not yet tried on a live Windows. Over WinRM no PowerShell is started",
    ),
];

const fn request(name: &'static str, why: &'static str) -> ProtocolRequest {
    ProtocolRequest { name, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NETSTAT: Ask = Ask::Cmd("netstat -ano");

    #[test]
    fn every_way_of_asking_windows_is_told() {
        let ways = |ask| {
            wordings(ask)
                .into_iter()
                .map(|one| one.way)
                .collect::<Vec<_>>()
        };
        let wmi = Ask::Wmi {
            namespace: "root/cimv2",
            query: "SELECT A FROM B",
        };
        assert_eq!(ways(wmi).len(), 2);
        let key = Ask::Registry {
            key: r"HKLM\A",
            tree: true,
            value: None,
            view: View::Bits32,
        };
        let told = wordings(key);
        assert_eq!(told[0].text, r#"reg query "HKLM\A" /s /reg:32"#);
        assert!(
            told[1]
                .way
                .contains("32-bit provider, of this key and each key below it")
        );
        let instead = ways(Ask::InsteadOf("other", &NETSTAT));
        assert_eq!(
            instead,
            ["where `other` was not answered, over WinRM and over SSH by cmd"]
        );
        assert!(ways(Ask::Sh("uname")).is_empty());
    }
}
