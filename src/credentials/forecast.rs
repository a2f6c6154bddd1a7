//! What a run can do to accounts at worst, said before it begins.

use super::{
    AccountKey, Credential, HostLabel, Limits, Mechanism, Method, Ownership, Stop, Sudo, Try,
    WinrmProof,
};
use crate::model::{UtcTime, plural};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// What earlier runs have spent, as the store remembers it.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The tries that were not given back.
    pub tries: &'a [Try],
    /// The accounts that a host called unfit.
    pub stops: &'a [Stop],
    /// The present.
    pub now: UtcTime,
}

/// The most failures that a run over so many hosts can cause, a line for each account that has a
/// password, sorted. Printed before the run.
pub fn worst_case(credentials: &[Credential], hosts: u64, limits: &Limits) -> Vec<String> {
    let nothing = Past {
        tries: &[],
        stops: &[],
        now: UtcTime::from_unix(0),
    };
    worst_case_after(&nothing, credentials, hosts, limits)
}

/// The same, where earlier runs have spent some of the tries.
pub fn worst_case_after<'a>(
    past: &Past<'_>,
    credentials: impl IntoIterator<Item = &'a Credential>,
    hosts: u64,
    limits: &Limits,
) -> Vec<String> {
    let anywhere = HostLabel::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), None);
    let mut lines = BTreeMap::new();
    for credential in credentials.into_iter().filter(|it| tells_a_password(it)) {
        let account = AccountKey::of(credential, &anywhere);
        let on_hosts = usize::try_from(hosts)
            .unwrap_or(usize::MAX)
            .saturating_mul(limits.per_account_and_host);
        let line = match credential.ownership {
            Ownership::Local => format!(
                "{}: at most {} on each host{}",
                credential.user,
                failures(limits.per_account.min(limits.per_account_and_host)),
                past.spent_on_hosts(credential, limits)
            ),
            Ownership::Directory { .. } => {
                let most = limits.per_account.min(on_hosts);
                let rest = past.rest(&account, &anywhere, (most, limits));
                format!("{account}: {rest}")
            }
        };
        lines.insert(account, line);
    }
    lines.into_values().collect()
}

/// Whether it may tell a host, a directory or sudo a password: a key alone locks no account.
fn tells_a_password(credential: &Credential) -> bool {
    let at_login = match &credential.method {
        Method::SshPassword { .. } => true,
        Method::Winrm(winrm) => matches!(winrm.proof, WinrmProof::Password(_)),
        _ => false,
    };
    at_login || credential.sudo == Sudo::WithPassword
}

impl Past<'_> {
    /// What is left of the tries of an account that is one everywhere.
    fn rest(
        &self,
        account: &AccountKey,
        anywhere: &HostLabel,
        (most, limits): (usize, &Limits),
    ) -> String {
        let all = limits.per_account;
        let horizon = limits.horizon(self.now);
        let stops = self.stops.iter().filter(|stop| {
            stop.at >= horizon && account.may_be(anywhere, &stop.account, &stop.host)
        });
        if let Some(stop) = stops.max_by_key(|stop| stop.at) {
            let (reason, until) = (stop.why.code().as_str(), limits.forgets(stop.at));
            return format!("none: a host answered {reason}; not used until {until}");
        }
        let spent = self
            .tries
            .iter()
            .filter(|it| it.at >= horizon && account.may_be(anywhere, &it.account, &it.host));
        let mut spent: Vec<UtcTime> = spent.map(|it| it.at).collect();
        spent.sort_unstable();
        let Some(first) = spent.first() else {
            return format!("at most {}", failures(most));
        };
        let left = all.saturating_sub(spent.len());
        if left == 0 {
            let freeing = spent.len().saturating_sub(all);
            let freed = spent.get(freeing).unwrap_or(first);
            let until = limits.forgets(*freed);
            return format!(
                "none: {} of {all} spent; not used until {until}",
                spent.len()
            );
        }
        format!(
            "at most {}: {} of {all} spent since {first}",
            failures(most.min(left)),
            spent.len()
        )
    }

    /// On how many hosts an account of the hosts' own has spent its try.
    fn spent_on_hosts(&self, credential: &Credential, limits: &Limits) -> String {
        let horizon = limits.horizon(self.now);
        let spent = self.tries.iter().filter(|it| {
            let account = AccountKey::of(credential, &it.host);
            it.at >= horizon && account.may_be(&it.host, &it.account, &it.host)
        });
        match spent.count() {
            0 => String::new(),
            1 => ", and none on the one where it is spent".to_owned(),
            hosts => format!(", and none on the {hosts} where it is spent"),
        }
    }
}

/// What an eavesdropper can win, a line for each credential that allows it. Printed before the run.
pub fn exposures<'a>(credentials: impl IntoIterator<Item = &'a Credential>) -> Vec<String> {
    let exposed = credentials.into_iter().filter_map(|credential| {
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
    plural(count, "failure")
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::label;
    use super::super::{StopReason, TryState, parse};
    use super::*;
    use crate::model::RunId;

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

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "a file and a table of what it comes to"
    )]
    fn what_is_spent_already_is_not_promised_again() {
        let text = "
[[credential]]
id = 'a'
type = 'ssh-key'
user = 'svc-audit'
key = { file = 'k' }
sudo = 'password'
sudo_password = { prompt = true }
scope = ['10.0.0.0/8']
[[credential]]
id = 'root'
type = 'ssh-password'
user = 'root'
account = 'local'
password = { prompt = true }
scope = ['10.0.0.0/8']
";
        let credentials = parse(text).unwrap().credentials;
        let now = UtcTime::from_unix(1_800_000_000);
        let host = label(1, "k");
        let spent = |credential: &Credential, seconds: i64| Try {
            account: AccountKey::of(credential, &host),
            host: host.clone(),
            run: RunId::new("r"),
            at: UtcTime::from_unix(now.unix() + seconds),
            state: TryState::Wrong,
        };
        let said = |tries: &[Try], stops: &[Stop]| {
            let past = Past { tries, stops, now };
            worst_case_after(&past, &credentials, 500, &Limits::default())
        };
        let [key, root] = &credentials[..] else {
            panic!("two credentials");
        };
        let one = [spent(key, -60)];
        assert_eq!(
            said(&one, &[]),
            [
                "root: at most 1 failure on each host",
                "svc-audit: at most 1 failure: 1 of 2 spent since 2027-01-15T07:59:00Z"
            ]
        );
        let two = [one[0].clone(), spent(key, -10), spent(root, -10)];
        assert_eq!(
            said(&two, &[]),
            [
                "root: at most 1 failure on each host, and none on the one where it is spent",
                "svc-audit: none: 2 of 2 spent; not used until 2027-01-16T08:59:01Z"
            ]
        );
        let old = [spent(key, -200_000)];
        assert_eq!(said(&old, &[])[1], "svc-audit: at most 2 failures");
        let stop = Stop {
            account: AccountKey::of(key, &host),
            host: host.clone(),
            why: StopReason::Locked,
            at: now,
        };
        let stopped = said(&[], &[stop]);
        assert!(
            stopped[1].contains("none: a host answered account_locked"),
            "{stopped:?}"
        );
    }
}
