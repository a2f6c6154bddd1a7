//! What a run can do to accounts at worst, said before it begins.

use super::{AccountKey, Credential, HostLabel, Limits, Mechanism, Method, Ownership, WinrmProof};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The most failures that a run over so many hosts can cause, a line for each account that has a
/// password, sorted. Printed before the run.
pub fn worst_case(credentials: &[Credential], hosts: u64, limits: &Limits) -> Vec<String> {
    let anywhere = HostLabel::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), None);
    let mut lines = BTreeMap::new();
    for credential in credentials {
        let is_password = match &credential.method {
            Method::SshPassword { .. } => true,
            Method::Winrm(winrm) => matches!(winrm.proof, WinrmProof::Password(_)),
            _ => false,
        };
        if !is_password {
            continue;
        }
        let account = AccountKey::of(credential, &anywhere);
        let on_hosts = usize::try_from(hosts)
            .unwrap_or(usize::MAX)
            .saturating_mul(limits.per_account_and_host);
        let line = match credential.ownership {
            Ownership::Local => format!(
                "{}: at most {} on each host",
                credential.user,
                failures(limits.per_account.min(limits.per_account_and_host))
            ),
            Ownership::Directory { .. } => {
                let most = limits.per_account.min(on_hosts);
                format!("{account}: at most {}", failures(most))
            }
        };
        lines.insert(account, line);
    }
    lines.into_values().collect()
}

/// What an eavesdropper can win, a line for each credential that allows it. Printed before the run.
pub fn exposures(credentials: &[Credential]) -> Vec<String> {
    let exposed = credentials.iter().filter_map(|credential| {
        let Method::Winrm(winrm) = &credential.method else {
            return None;
        };
        let speaks_ntlm = winrm.mechanism != Mechanism::Kerberos;
        (winrm.ntlm_http && speaks_ntlm).then(|| {
            format!(
                "{}: NTLM over plain HTTP to any host in its scope that answers on a WinRM port; whoever is on the way can relay the logon, or guess the password of {} at leisure",
                credential.id, credential.user
            )
        })
    });
    exposed.collect()
}

fn failures(count: usize) -> String {
    match count {
        1 => "1 failure".to_owned(),
        _ => format!("{count} failures"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_worst_case_has_one_line_for_each_account_and_none_for_keys() {
        let text = "
[[credential]]
id = 'old'
type = 'ssh-password'
user = 'CORP\\svc-audit'
password = { prompt = true }
scope = ['10.0.0.0/8']
[[credential]]
id = 'new'
type = 'ssh-password'
user = 'svc-audit@corp'
password = { prompt = true }
scope = ['10.0.0.0/8']
[[credential]]
id = 'root'
type = 'ssh-password'
user = 'root'
account = 'local'
password = { prompt = true }
scope = ['10.0.0.0/8']
[[credential]]
id = 'key'
type = 'ssh-key'
user = 'svc-audit'
key = { file = 'k' }
scope = ['10.0.0.0/8']
";
        let credentials = parse(text).unwrap().credentials;
        assert_eq!(
            worst_case(&credentials, 500, &Limits::default()),
            [
                "root: at most 1 failure on each host",
                r"corp\svc-audit: at most 2 failures"
            ]
        );
        let one = worst_case(&credentials, 1, &Limits::default());
        assert_eq!(one[1], r"corp\svc-audit: at most 1 failure");
    }
}
