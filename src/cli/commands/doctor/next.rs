//! One command for each code: what to run next.
//!
//! Nothing that a host said goes into one: only what the operator wrote, quoted for a shell.

use crate::model::{Protocol, ResultCode};
use std::net::IpAddr;

/// Where it stopped, in the operator's own words.
pub(in crate::cli::commands) struct Place<'a> {
    /// The host as the operator named it.
    pub(in crate::cli::commands) target: &'a str,
    pub(in crate::cli::commands) address: IpAddr,
    pub(in crate::cli::commands) protocol: Protocol,
    pub(in crate::cli::commands) port: u16,
    /// The credential at hand.
    pub(in crate::cli::commands) credential: Option<&'a str>,
    /// Its login name, unless names are left out.
    pub(in crate::cli::commands) user: Option<&'a str>,
}

/// The command to run next.
#[expect(clippy::too_many_lines, reason = "a row for each code")]
pub(in crate::cli::commands) fn command(code: ResultCode, place: &Place<'_>) -> String {
    let (target, address, port) = (quoted(place.target), place.address, place.port);
    let user = place.user.map_or_else(|| "USER".to_owned(), quoted);
    let id = place.credential.map_or_else(|| "ID".to_owned(), quoted);
    let is_windows = place.protocol == Protocol::Winrm;
    let recipe = |os: &str| format!("underdesk credentials recipe --os {os} --user {user}");
    let own = if is_windows { "windows" } else { "linux" };
    let plan = format!("underdesk credentials show-plan {target}");
    match code {
        ResultCode::Ok | ResultCode::NotNeeded => String::new(),
        ResultCode::OkPartial
        | ResultCode::SudoDenied
        | ResultCode::WinrmAccessDenied
        | ResultCode::WmiDenied => recipe(own),
        ResultCode::ShellDenied | ResultCode::ShellRestricted if is_windows => recipe(own),
        ResultCode::NoCredentialInScope
        | ResultCode::BreakerOpen
        | ResultCode::KerberosWrongRealm => plan,
        ResultCode::HostkeyUnknown | ResultCode::NotAttemptedTrust | ResultCode::TlsUntrusted => {
            format!("underdesk trust scan {target} > review.csv, then tick what is right and underdesk trust import review.csv")
        }
        ResultCode::HostkeyChanged if is_windows => format!(
            "openssl s_client -connect {}:{port} </dev/null | openssl x509 -noout -fingerprint -sha256, and compare with the owner",
            bracketed(address)
        ),
        ResultCode::HostkeyChanged => {
            format!("ssh-keyscan -p {port} {address} | ssh-keygen -lf -, and compare with the owner")
        }
        ResultCode::PortClosed if is_windows => "on the host: winrm quickconfig".to_owned(),
        ResultCode::PortClosed => {
            "on the host: systemctl enable --now ssh (or sshd); where it listens elsewhere: --ssh-port PORT".to_owned()
        }
        ResultCode::Filtered => format!("traceroute -T -p {port} {address}"),
        ResultCode::Timeout => format!("underdesk doctor {target} --timeout 300"),
        ResultCode::KexMismatch | ResultCode::ProtocolError if is_windows => {
            format!("openssl s_client -connect {}:{port} </dev/null", bracketed(address))
        }
        ResultCode::KexMismatch | ResultCode::ProtocolError => {
            format!("ssh -vv -p {port} {address} exit")
        }
        ResultCode::NoNetwork => format!("ip route get {address}"),
        ResultCode::Defect => format!("underdesk scan {target} --record recorded"),
        ResultCode::AuthRejected if is_windows => {
            "on the host: Get-WinEvent -MaxEvents 5 -FilterHashtable @{LogName='Security';Id=4625} | Format-List".to_owned()
        }
        ResultCode::AuthRejected => {
            "on the host: journalctl -t sshd --since -1h (or the end of /var/log/auth.log, /var/log/secure)".to_owned()
        }
        ResultCode::AccountLocked if is_windows => format!("Unlock-ADAccount {user}"),
        ResultCode::AccountLocked => format!("on the host: faillock --user {user}; passwd -S {user}"),
        ResultCode::AccountDisabled if is_windows => format!("Enable-ADAccount {user}"),
        ResultCode::AccountDisabled => format!("on the host: passwd -S {user}"),
        ResultCode::AccountExpired if is_windows => format!("Get-ADUser {user} -Properties AccountExpirationDate"),
        ResultCode::AccountExpired => format!("on the host: chage -l {user}"),
        ResultCode::PasswordExpired => format!("underdesk credentials rotate {id}"),
        ResultCode::LogonTimeDenied => format!("net user {user} /domain"),
        ResultCode::UacTokenFiltered => {
            r"on the host, as an administrator: reg add HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System /v LocalAccountTokenFilterPolicy /t REG_DWORD /d 1".to_owned()
        }
        ResultCode::ShellDenied | ResultCode::ShellRestricted => {
            format!("on the host: getent passwd {user}; grep -rn ForceCommand /etc/ssh/sshd_config*")
        }
        ResultCode::WinrmBasicOnly => "on the host: winrm get winrm/config/service/auth".to_owned(),
        ResultCode::WinrmUnencryptedRefused => {
            "on the host: winrm enumerate winrm/config/listener".to_owned()
        }
        ResultCode::Quota if is_windows => "on the host: winrm enumerate shell".to_owned(),
        ResultCode::Quota => "on the host: sshd -T | grep -i maxsessions".to_owned(),
        ResultCode::KerberosSkew => "timedatectl timesync-status, and on the host: w32tm /query /status".to_owned(),
        ResultCode::KerberosNoSpn => format!("setspn -Q HTTP/{target}"),
    }
}

/// A word for a POSIX shell.
pub(in crate::cli::commands) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(user: &str) -> Place<'_> {
        Place {
            target: "web-1",
            address: IpAddr::from([10, 0, 0, 1]),
            protocol: Protocol::Ssh,
            port: 22,
            credential: Some("audit"),
            user: Some(user),
        }
    }

    #[test]
    fn every_code_but_success_has_a_command() {
        for code in ResultCode::all() {
            for protocol in [Protocol::Ssh, Protocol::Winrm] {
                let place = Place {
                    protocol,
                    ..place("svc")
                };
                assert_eq!(command(code, &place).is_empty(), code.fix_hint().is_empty());
            }
        }
    }

    #[test]
    fn a_name_with_blanks_or_quotes_stays_one_word_for_a_shell() {
        let command = command(ResultCode::AccountExpired, &place("o'neil; rm"));
        assert_eq!(command, r"on the host: chage -l 'o'\''neil; rm'");
        assert_eq!(quoted("-x"), "'-x'");
        assert_eq!(quoted(r"CORP\svc"), r"'CORP\svc'");
    }
}
