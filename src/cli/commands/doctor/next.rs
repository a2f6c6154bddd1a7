//! One command for each code: what to run next.
//!
//! Nothing that a host said goes into one: only what the operator wrote, quoted for a shell.

use super::super::super::args::{LoginArguments, PaceArguments};
use super::super::super::config::Settings;
use crate::model::{Protocol, ResultCode};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

/// Flags as typed, without which the next command would look elsewhere.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::commands) struct Typed {
    /// Of every command.
    global: String,
    /// Where hosts listen.
    ports: String,
    /// Who vouches for them.
    vouching: String,
    /// The credentials file.
    credentials: String,
    /// What a login needs besides.
    login: String,
    public: String,
}

impl Typed {
    pub(in crate::cli::commands) fn of(
        settings: &Settings,
        pace: &PaceArguments,
        login: &LoginArguments,
        allow_public: bool,
    ) -> Self {
        Self::all(&settings.typed, pace, login, allow_public)
    }

    fn all(
        global: &[(&'static str, String)],
        pace: &PaceArguments,
        login: &LoginArguments,
        allow_public: bool,
    ) -> Self {
        let global = global.iter();
        let ssh = Some(&pace.ssh_port).filter(|port| *port != "22");
        let ports = [
            ("--ports", pace.ports.as_ref()),
            ("--ssh-port", ssh),
            ("--winrm-tls-port", pace.winrm_tls_port.as_ref()),
            ("--winrm-port", pace.winrm_port.as_ref()),
        ];
        let paths = |flag, paths: &[PathBuf]| -> String {
            paths
                .iter()
                .map(|path| word(flag, &path.display().to_string()))
                .collect()
        };
        Self {
            global: global.map(|(flag, value)| word(flag, value)).collect(),
            ports: ports
                .iter()
                .filter_map(|(flag, value)| Some(word(flag, (*value)?)))
                .collect(),
            vouching: paths("--known-hosts", &login.known_hosts)
                + &paths("--tls-ca", &login.tls_ca),
            credentials: paths("--credentials", login.credentials.as_slice()),
            login: if login.accept_new_host_keys {
                " --accept-new-host-keys".to_owned()
            } else {
                String::new()
            },
            public: if allow_public {
                " --allow-public".to_owned()
            } else {
                String::new()
            },
        }
    }

    /// For `trust scan`, which asks nobody over plain HTTP for a key and knows no credential.
    fn of_a_review(&self) -> String {
        [&*self.public, &self.ports, &self.vouching, &self.global].concat()
    }

    /// For `credentials show-plan`, which is told no addresses that it would have to allow.
    fn of_a_plan(&self) -> String {
        [
            &*self.ports,
            &self.vouching,
            &self.credentials,
            &self.login,
            &self.global,
        ]
        .concat()
    }

    /// For whatever goes to the host and logs in.
    pub(in crate::cli::commands) fn of_a_login(&self) -> String {
        self.public.clone() + &self.of_a_plan()
    }

    /// For `credentials rotate`.
    fn of_a_secret(&self) -> String {
        [&*self.credentials, &self.global].concat()
    }
}

/// ` --flag value`
fn word(flag: &str, value: &str) -> String {
    let mut text = String::new();
    let _ = write!(text, " {flag} {}", quoted(value));
    text
}

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
    pub(in crate::cli::commands) typed: &'a Typed,
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
    let typed = place.typed;
    let plan = format!(
        "underdesk credentials show-plan {target}{}",
        typed.of_a_plan()
    );
    match code {
        ResultCode::Ok | ResultCode::NotNeeded => String::new(),
        ResultCode::OkPartial
        | ResultCode::SudoDenied
        | ResultCode::WinrmAccessDenied
        | ResultCode::WmiDenied => recipe(own),
        ResultCode::ShellDenied | ResultCode::ShellRestricted if is_windows => recipe(own),
        ResultCode::NoCredentialInScope
        | ResultCode::BreakerOpen
        | ResultCode::AccountInUse
        | ResultCode::KerberosWrongRealm => plan,
        ResultCode::HostkeyUnknown | ResultCode::NotAttemptedTrust | ResultCode::TlsUntrusted => {
            format!(
                "underdesk trust scan {target}{} > review.csv, then tick what is right and underdesk trust import review.csv{}",
                typed.of_a_review(),
                typed.global
            )
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
        ResultCode::Timeout => format!("underdesk doctor {target} --timeout 300{}", typed.of_a_login()),
        ResultCode::KexMismatch | ResultCode::ProtocolError if is_windows => {
            format!("openssl s_client -connect {}:{port} </dev/null", bracketed(address))
        }
        ResultCode::KexMismatch | ResultCode::ProtocolError => {
            format!("ssh -vv -p {port} {address} exit")
        }
        ResultCode::NoNetwork => format!("ip route get {address}"),
        ResultCode::Interrupted => "underdesk runs list".to_owned(),
        ResultCode::Defect => format!("underdesk scan {target} --record recorded{}", typed.of_a_login()),
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
        ResultCode::PasswordExpired => format!("underdesk credentials rotate {id}{}", typed.of_a_secret()),
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

    fn place<'a>(user: &'a str, typed: &'a Typed) -> Place<'a> {
        Place {
            target: "web-1",
            address: IpAddr::from([10, 0, 0, 1]),
            protocol: Protocol::Ssh,
            port: 22,
            credential: Some("audit"),
            user: Some(user),
            typed,
        }
    }

    #[test]
    fn the_next_command_goes_where_this_one_went() {
        let pace = PaceArguments {
            ssh_port: "2222".to_owned(),
            ..PaceArguments::default()
        };
        let login = LoginArguments {
            credentials: Some(PathBuf::from("my own.toml")),
            known_hosts: vec![PathBuf::from("known")],
            ..LoginArguments::default()
        };
        let global = [("--site", "lab".to_owned())];
        let typed = Typed::all(&global, &pace, &login, true);
        let next = |code| command(code, &place("svc", &typed));
        assert_eq!(
            next(ResultCode::HostkeyUnknown),
            "underdesk trust scan web-1 --allow-public --ssh-port 2222 --known-hosts known --site lab > review.csv, then \
             tick what is right and underdesk trust import review.csv --site lab"
        );
        assert_eq!(
            next(ResultCode::BreakerOpen),
            "underdesk credentials show-plan web-1 --ssh-port 2222 --known-hosts known --credentials 'my own.toml' --site lab"
        );
        assert_eq!(
            next(ResultCode::PasswordExpired),
            "underdesk credentials rotate audit --credentials 'my own.toml' --site lab"
        );
    }

    #[test]
    fn every_code_but_success_has_a_command() {
        let typed = Typed::default();
        for code in ResultCode::all() {
            for protocol in [Protocol::Ssh, Protocol::Winrm] {
                let place = Place {
                    protocol,
                    ..place("svc", &typed)
                };
                assert_eq!(command(code, &place).is_empty(), code.fix_hint().is_empty());
            }
        }
    }

    #[test]
    fn a_name_with_blanks_or_quotes_stays_one_word_for_a_shell() {
        let command = command(
            ResultCode::AccountExpired,
            &place("o'neil; rm", &Typed::default()),
        );
        assert_eq!(command, r"on the host: chage -l 'o'\''neil; rm'");
        assert_eq!(quoted("-x"), "'-x'");
        assert_eq!(quoted(r"CORP\svc"), r"'CORP\svc'");
    }
}
