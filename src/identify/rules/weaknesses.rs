//! What is wrong with a host that can be seen from outside.

use super::shown;
use crate::model::{
    Certificate, Clue, Date, DeviceKind, Fact, Family, Fingerprint, Role, Weakness,
};
use std::collections::BTreeSet;

/// Sorted, without repeats.
pub(super) fn judge(
    clues: &[Clue],
    print: &Fingerprint,
    is_server: bool,
    on: Date,
) -> Vec<Weakness> {
    let whose = whose_signing_matters(print, is_server);
    let seen = clues.iter().filter_map(|clue| {
        let port = clue.port;
        let (kind, detail) = match &clue.fact {
            Fact::Smb1 => ("smb1", format!("SMB 1 is spoken on port {port}")),
            Fact::SmbSigningRequired(false) => (
                "smb_signing_optional",
                format!("no signature is asked for on port {port} of {}", whose?),
            ),
            Fact::OldTls(version) => ("old_tls", format!("{} on port {port}", shown(version))),
            Fact::NetworkLevelAuthentication(false) => (
                "no_nla",
                format!("a screen is shown before any login on port {port}"),
            ),
            Fact::Certificate(certificate) => (
                "certificate_expired",
                format!("ended on {} on port {port}", ended(certificate, on)?),
            ),
            _ => return None,
        };
        Some(Weakness {
            kind: kind.to_owned(),
            detail,
        })
    });
    let end_of_life = print.end_of_life.map(|last| Weakness {
        kind: "end_of_life".to_owned(),
        detail: format!("support ended on {last}, extended updates not counted"),
    });
    let all = seen.chain(end_of_life).collect::<BTreeSet<_>>();
    all.into_iter().collect()
}

/// What the host is that makes a missing signature matter: others trust what it says. Workstations ask for none by
/// default up to Windows 11 23H2, and that is no news.
fn whose_signing_matters(print: &Fingerprint, is_server: bool) -> Option<&'static str> {
    let words = [
        (Role::DomainController, "a domain controller"),
        (Role::Exchange, "an Exchange server"),
        (Role::SqlServer, "an SQL server"),
        (Role::FileServer, "a file server"),
    ];
    let role = words.iter().find(|(role, _)| print.roles.contains(role));
    if let Some((_, words)) = role {
        return Some(words);
    }
    if print.device == DeviceKind::Nas {
        return Some("a storage device");
    }
    let is_iis = print.roles.contains(&Role::Iis);
    (is_server || (is_iis && print.family == Some(Family::Windows))).then_some("a Windows server")
}

fn ended(certificate: &Certificate, on: Date) -> Option<Date> {
    let last = certificate.not_after?.date();
    (last < on).then_some(last)
}
