//! What can be seen from outside and is wrong enough to be a finding: protocols that nobody should speak any
//! more, and, of a machine that nobody has read, a system without support.
//!
//! No update is judged here. Where a setting is a matter of taste or of the network (signing, expired
//! certificates), it stays a word in a column.

use crate::model::{
    BulletinId, Confidence, Evidence, Finding, FindingState, Fingerprint, Weakness,
};

/// The findings that a fingerprint alone gives, sorted by product; `is_read` where an inventory says more of
/// the system's end of life than can be seen.
pub fn exposures(print: &Fingerprint, is_read: bool) -> Vec<Finding> {
    let kinds = KINDS.iter().filter(|kind| !(is_read && kind.of_system));
    kinds.filter_map(|kind| finding(kind, print)).collect()
}

/// Whether a finding is one of these: seen from outside, without a publisher who could state a severity.
pub fn is_exposure(finding: &Finding) -> bool {
    finding.bulletin.as_str().starts_with(PREFIX)
}

/// What the ids of these findings begin with.
const PREFIX: &str = "exposed:";

fn finding(kind: &Kind, print: &Fingerprint) -> Option<Finding> {
    let seen = print.weaknesses.iter();
    let seen: Vec<&Weakness> = seen.filter(|one| one.kind == kind.word).collect();
    let first = seen.first()?;
    let details = seen.iter().map(|one| one.detail.as_str());
    let details = details.collect::<Vec<_>>().join("; ");
    let system = print.os.as_ref().map(|claim| claim.value.as_str());
    let (title, observed, confidence) = match system {
        Some(system) if kind.of_system => (
            format!("{system}, as far as can be seen, has no support any more"),
            format!("{system} ({})", first.detail),
            Confidence::Medium,
        ),
        _ => (kind.title.to_owned(), details, Confidence::High),
    };
    Some(Finding {
        bulletin: BulletinId::new(format!("{PREFIX}{}", kind.word)),
        title,
        product: kind.product.to_owned(),
        packages: Vec::new(),
        installed: String::new(),
        fixed: None,
        state: kind.state,
        confidence,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: Vec::new(),
        kev: Vec::new(),
        kev_checked: false,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed,
            question: "network".to_owned(),
            rule: kind.rule.to_owned(),
            record: kind.record.to_owned(),
            witnesses: Vec::new(),
        },
    })
}

/// A kind of weakness that is a finding.
struct Kind {
    /// As in [`Weakness::kind`].
    word: &'static str,
    product: &'static str,
    title: &'static str,
    /// There is nothing to install: the protocol itself is past mending.
    state: FindingState,
    rule: &'static str,
    record: &'static str,
    /// Whether it is about the system as a whole.
    of_system: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        word: "smb1",
        product: "SMB 1",
        title: "SMB 1 is spoken; turn it off",
        state: FindingState::WontFix,
        rule: "the host agreed to speak SMB 1",
        record: "MS-SMB 1.9; deprecated by its maker since 2014",
        of_system: false,
    },
    Kind {
        word: "old_tls",
        product: "TLS",
        title: "A version of TLS is spoken that nobody should speak any more; turn it off",
        state: FindingState::WontFix,
        rule: "the host agreed to speak SSL 3.0, TLS 1.0 or TLS 1.1",
        record: "RFC 7568, RFC 8996",
        of_system: false,
    },
    Kind {
        word: "end_of_life",
        product: "operating system",
        title: "The operating system, as far as can be seen, has no support any more",
        state: FindingState::EndOfLife,
        rule: "every system that shows itself so has ended",
        record: "lifecycle",
        of_system: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Certainty, Claim};

    fn print(weaknesses: &[(&str, &str)]) -> Fingerprint {
        let weaknesses = weaknesses.iter().map(|(kind, detail)| Weakness {
            kind: (*kind).to_owned(),
            detail: (*detail).to_owned(),
        });
        Fingerprint {
            weaknesses: weaknesses.collect(),
            os: Some(Claim {
                value: "Windows 7".to_owned(),
                certainty: Certainty::Likely,
                sources: Vec::new(),
            }),
            ..Fingerprint::default()
        }
    }

    fn ids(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|one| one.bulletin.as_str()).collect()
    }

    #[test]
    fn a_protocol_past_mending_is_one_finding_for_all_its_ports() {
        let seen = print(&[
            ("old_tls", "TLS 1.0 on port 443"),
            ("old_tls", "TLS 1.0 on port 8443"),
        ]);
        let findings = exposures(&seen, true);
        assert_eq!(ids(&findings), ["exposed:old_tls"]);
        let observed = "TLS 1.0 on port 443; TLS 1.0 on port 8443";
        assert_eq!(findings[0].evidence.observed, observed);
        assert_eq!(findings[0].state, FindingState::WontFix);
    }

    #[test]
    fn the_end_of_a_system_is_told_only_where_nobody_has_read_it() {
        let seen = print(&[("end_of_life", "support ended on 2020-01-14")]);
        assert_eq!(ids(&exposures(&seen, false)), ["exposed:end_of_life"]);
        assert!(exposures(&seen, true).is_empty());
    }

    #[test]
    fn what_is_a_matter_of_the_network_is_no_finding() {
        let seen = print(&[("smb_signing_optional", "…"), ("certificate_expired", "…")]);
        assert!(exposures(&seen, false).is_empty());
    }
}
