//! What a lab file says of a host's WinRM service.
//!
//! ```toml
//! [host.winrm]
//! domain = "LARK"
//! dns_domain = "lark.example"
//! auth = ["negotiate", "basic"]
//! channel_binding = "strict"
//! faults = ["wmi_access_denied", { op_timeout_receive = 2 }]
//! ```

use super::ntlm::Names;
use serde::Deserialize;
use std::time::Duration;

/// A WinRM service. What is left out is as Windows has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WinRm {
    /// The `NetBIOS` name of the domain; none is a workgroup.
    pub domain: Option<String>,
    /// The DNS name of the domain.
    pub dns_domain: Option<String>,
    /// The `NetBIOS` name of the machine; none is its name in the lab file.
    pub computer: Option<String>,
    /// Its Windows, as a challenge tells it: `10.0.20348`.
    pub version: String,
    /// What an anonymous request is offered.
    pub auth: Vec<Offer>,
    /// What the service makes of a logon's channel binding over HTTPS.
    pub channel_binding: ChannelBinding,
    /// The certificate of its HTTPS listener.
    pub certificate: Certificate,
    /// The code page of its console, where a shell does not ask for another.
    pub oem_code_page: u16,
    /// What it does wrong.
    pub faults: Vec<Fault>,
}

/// An authentication scheme of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Offer {
    /// `Negotiate`, with NTLM raw or inside SPNEGO.
    Negotiate,
    /// `Kerberos`: offered, and refused to whoever tries it.
    Kerberos,
    /// `Basic`.
    Basic,
    /// A client's certificate inside TLS, by the lab's authority
    /// ([`crate::lab::Running::client_certificate`]). Windows does not list it.
    Certificate,
}

/// `CbtHardeningLevel`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelBinding {
    /// Not looked at.
    None,
    /// Looked at where there is one.
    #[default]
    Relaxed,
    /// Has to be there and right.
    Strict,
}

/// The certificate of an HTTPS listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Certificate {
    /// By the lab's authority ([`crate::lab::Running::authority`]).
    #[default]
    Ca,
    /// By itself.
    SelfSigned,
    /// By the lab's authority, and expired.
    Expired,
    /// By the lab's authority, for another host.
    WrongName,
}

/// What a WinRM service does wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Every request after the logon is refused.
    WsmanAccessDenied,
    /// WMI is refused.
    WmiAccessDenied,
    /// A shell is refused.
    ShellAccessDenied,
    /// There are too many shells already.
    QuotaShells,
    /// The first so many polls of a command time out.
    OpTimeoutReceive(u32),
    /// A poll ends the shell.
    ReceiveKillsShell,
    /// HTTP 503 to everything.
    #[serde(rename = "http_503")]
    Http503,
    /// The right password is refused too.
    AuthReject,
    /// The connection closes after the logon.
    ResetAfterAuth,
    /// The connection closes in the middle of a poll's answer.
    DropMidbody,
    /// The connection closes at its so-manieth HTTP request.
    DropAfterRequests(u32),
    /// The answer to a poll is half an envelope.
    GarbageXml,
    /// A command prints so many bytes more.
    HugeOutput(u64),
    /// Every answer takes so many milliseconds.
    Latency(u64),
    /// Only Basic is offered.
    BasicOnly,
    /// Messages need not be encrypted.
    Unencrypted,
    /// Queries of this WMI class take longer than the time that the request allows.
    SlowWmi(String),
    /// Registry keys are refused, over both ways.
    RegDenied,
    /// The challenge names a domain that is not the operator's.
    ForeignDomain,
    /// Accepts, and never says a word.
    Blackhole,
}

impl Default for WinRm {
    fn default() -> Self {
        Self {
            domain: None,
            dns_domain: None,
            computer: None,
            version: "10.0.20348".to_owned(),
            auth: vec![Offer::Negotiate, Offer::Kerberos],
            channel_binding: ChannelBinding::default(),
            certificate: Certificate::default(),
            oem_code_page: 437,
            faults: Vec::new(),
        }
    }
}

impl WinRm {
    /// The schemes that are offered.
    pub(super) fn offers(&self) -> &[Offer] {
        if self.has(&Fault::BasicOnly) {
            return &[Offer::Basic];
        }
        &self.auth
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    /// The value of the first fault of a kind.
    pub(super) fn value<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.faults.iter().find_map(pick)
    }

    pub(super) fn latency(&self) -> Duration {
        let latency = self.value(|fault| match fault {
            Fault::Latency(milliseconds) => Some(*milliseconds),
            _ => None,
        });
        Duration::from_millis(latency.unwrap_or(0))
    }

    /// What a challenge tells of a host of this name.
    pub(super) fn names(&self, host: &str) -> Names {
        let foreign = self.has(&Fault::ForeignDomain);
        let stated = |own: &Option<String>, other: &str| {
            if foreign {
                Some(other.to_owned())
            } else {
                own.clone()
            }
        };
        let dns_domain = stated(&self.dns_domain, "elsewhere.example");
        let computer = self.computer.clone().unwrap_or_else(|| {
            let name = host.to_uppercase();
            name.chars().filter(|char| *char != '.').take(15).collect()
        });
        let dns_computer = match &dns_domain {
            Some(domain) => format!("{}.{domain}", computer.to_lowercase()),
            None => computer.clone(),
        };
        Names {
            computer,
            domain: stated(&self.domain, "ELSEWHERE"),
            dns_computer,
            dns_domain,
            version: self.numbers(),
        }
    }

    fn numbers(&self) -> (u8, u8, u16) {
        let mut numbers = self
            .version
            .split('.')
            .map(|number| number.parse().unwrap_or(0_u16));
        let mut next = || numbers.next().unwrap_or(0);
        let small = |number: u16| u8::try_from(number).unwrap_or(0);
        (small(next()), small(next()), next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_words_or_words_with_a_value() {
        let config: WinRm = toml::from_str(
            "faults = [\"http_503\", { op_timeout_receive = 2 }, { slow_wmi = \"Win32_Service\" },\
             \"drop_midbody\", { latency = 30 }]\nauth = [\"basic\"]\ncertificate = \"self_signed\"",
        )
        .unwrap();
        assert_eq!(config.latency(), Duration::from_millis(30));
        assert!(config.has(&Fault::Http503) && config.has(&Fault::DropMidbody));
        assert_eq!(config.offers(), [Offer::Basic]);
        assert!(toml::from_str::<WinRm>("faults = [\"no_such_word\"]").is_err());
    }

    #[test]
    fn a_foreign_domain_is_what_the_challenge_names() {
        let mut config = WinRm {
            domain: Some("LARK".to_owned()),
            ..WinRm::default()
        };
        assert_eq!(config.names("a").domain.as_deref(), Some("LARK"));
        config.faults.push(Fault::ForeignDomain);
        let names = config.names("a.long-name-of-a-host");
        assert_eq!(names.domain.as_deref(), Some("ELSEWHERE"));
        assert_eq!(names.computer, "ALONG-NAME-OF-A");
        assert_eq!(names.version, (10, 0, 20348));
    }
}
