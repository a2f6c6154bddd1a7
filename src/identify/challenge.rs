//! What an NTLM challenge tells, whoever carried it.

use crate::model::Fact;
use crate::wire::ntlmssp::Challenge;

/// The facts of a challenge that was heard at `now`, in Unix seconds.
pub(super) fn facts(challenge: &Challenge, now: i64) -> Vec<Fact> {
    let names = [
        challenge
            .netbios_computer
            .clone()
            .map(Fact::NetbiosComputer),
        challenge.netbios_domain.clone().map(Fact::NetbiosDomain),
        challenge.dns_computer.clone().map(Fact::DnsComputer),
        challenge.dns_domain.clone().map(Fact::DnsDomain),
        challenge.dns_forest.clone().map(Fact::DnsForest),
    ];
    let names = names.into_iter().flatten();
    names
        .chain(challenge.version.and_then(system))
        .chain(challenge.time.map(|time| skew(time, now)))
        .collect()
}

/// A version 6.1 without a build is what Samba says; a real 7 or 2008 R2 has 7600 or 7601.
fn system((major, minor, build): (u8, u8, u16)) -> Option<Fact> {
    match (major, minor, build) {
        (6, 1, 0) => Some(Fact::Samba(String::new())),
        (0, ..) | (.., 0) => None,
        _ => Some(Fact::WindowsBuild {
            major,
            minor,
            build,
        }),
    }
}

/// How far a clock is off, both in Unix seconds.
pub(super) fn skew(theirs: i64, ours: i64) -> Fact {
    Fact::ClockSkew(theirs.saturating_sub(ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ntlmssp::tests::{SPECIFIED, challenge};

    #[test]
    fn names_system_and_clock_are_facts() {
        let moment = (1_795_910_400 + 11_644_473_600) * 10_000_000;
        let names = [(2, "CONTOSO"), (1, "WEB1"), (3, "web1.contoso.test")];
        let message = challenge((10, 0, 17763), &names, Some(moment));
        let facts = facts(&Challenge::parse(&message).unwrap(), 1_795_910_390);
        let expected = [
            Fact::NetbiosComputer("WEB1".to_owned()),
            Fact::NetbiosDomain("CONTOSO".to_owned()),
            Fact::DnsComputer("web1.contoso.test".to_owned()),
            Fact::WindowsBuild {
                major: 10,
                minor: 0,
                build: 17763,
            },
            Fact::ClockSkew(10),
        ];
        assert_eq!(facts, expected);
    }

    #[test]
    fn a_samba_is_never_a_windows() {
        let message = challenge((6, 1, 0), &[(1, "NAS")], None);
        let facts = facts(&Challenge::parse(&message).unwrap(), 0);
        assert!(facts.contains(&Fact::Samba(String::new())));
        let is_build = |fact: &Fact| matches!(fact, Fact::WindowsBuild { .. });
        assert!(!facts.iter().any(is_build));
    }

    #[test]
    fn a_real_windows_7_is_one() {
        let message = challenge((6, 1, 7601), &[], None);
        let facts = facts(&Challenge::parse(&message).unwrap(), 0);
        assert!(matches!(
            facts[..],
            [Fact::WindowsBuild { build: 7601, .. }]
        ));
    }

    #[test]
    fn the_specifications_example_is_a_vista() {
        let facts = facts(&Challenge::parse(SPECIFIED).unwrap(), 0);
        assert!(matches!(
            facts.last(),
            Some(Fact::WindowsBuild { build: 6000, .. })
        ));
    }
}
