//! OpenSSH certificates (PROTOCOL.certkeys), ours and those of hosts: whether one proves what it says.
//!
//! Pure. Whoever signed it is in the certificate; whether that authority counts is for
//! [`KnownKeys`] to say.

use super::known_hosts::glob;
use super::ssh::host_key_of_public;
use super::{KeyError, KnownKeys, Place};
use crate::model::{HostKey, UtcTime};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PublicKey};

/// The longest certificate that is read, in bytes: one with many principals takes a few thousand.
const LONGEST: usize = 64 << 10;

/// Reads a user's certificate as `ssh-keygen -s` writes it, and checks that it can let in the holder of
/// a key at a time.
///
/// Which principals a host takes is the host's own affair (`AuthorizedPrincipalsFile`), but one without
/// any is taken nowhere.
pub(super) fn read_for(
    private: &PrivateKey,
    text: &[u8],
    now: UtcTime,
) -> Result<Certificate, KeyError> {
    let text = std::str::from_utf8(text).map_err(|_| KeyError::NotACertificate)?;
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = lines.next().filter(|line| line.len() <= LONGEST);
    let read = line.map(Certificate::from_openssh);
    let Some(Ok(certificate)) = read else {
        return Err(KeyError::NotACertificate);
    };
    if certificate.public_key() != private.public_key().key_data() {
        return Err(KeyError::Mismatch);
    }
    if certificate.cert_type() != CertType::User {
        return Err(KeyError::HostCertificate);
    }
    if certificate.valid_principals().is_empty() {
        return Err(KeyError::NoPrincipals);
    }
    match why_out_of_date(&certificate, now) {
        Some(why) => Err(KeyError::OutOfDate(why)),
        None => Ok(certificate),
    }
}

/// What a certificate says of its holder, for people: `id "audit" for audit, root until …`.
pub(super) fn describe(certificate: &Certificate) -> String {
    const SHOWN: usize = 8;
    let principals = certificate.valid_principals();
    let mut names: Vec<&str> = principals.iter().take(SHOWN).map(String::as_str).collect();
    if principals.len() > SHOWN {
        names.push("…");
    }
    let until = match certificate.valid_before() {
        u64::MAX => String::new(),
        seconds => format!(" until {}", time(seconds)),
    };
    format!(
        "certificate \"{}\" for {}{until}",
        certificate.key_id(),
        names.join(", ")
    )
}

/// Why a certificate does not count at a time, if it does not.
pub(super) fn why_out_of_date(certificate: &Certificate, now: UtcTime) -> Option<String> {
    let now = u64::try_from(now.unix()).unwrap_or(0);
    if now < certificate.valid_after() {
        return Some(format!(
            "it is not valid before {}",
            time(certificate.valid_after())
        ));
    }
    // "valid after <= current time < valid before"
    (now >= certificate.valid_before())
        .then(|| format!("it expired at {}", time(certificate.valid_before())))
}

fn time(seconds: u64) -> UtcTime {
    UtcTime::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// What a host's certificate is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vouching {
    /// An authority that we trust for this place vouches for the host.
    Good,
    /// Nothing: the host's key has to stand for itself.
    None(String),
    /// The authority is marked `@revoked`: the host is refused.
    Revoked(HostKey),
}

/// Judges a host's certificate, as OpenSSH does: by the name under which the operator gave the host, or
/// by its address where there is no name.
pub(super) fn vouch(
    known: &KnownKeys,
    place: &Place<'_>,
    certificate: &Certificate,
    now: UtcTime,
) -> Vouching {
    let authority = PublicKey::new(certificate.signature_key().clone(), "");
    let authority = host_key_of_public(&authority);
    if known.is_revoked(place, &authority) {
        return Vouching::Revoked(authority);
    }
    if !known.is_authority(place, &authority) {
        return Vouching::None(format!("{authority} that signed it is no known authority"));
    }
    match why_unproven(certificate, &known.name_of(place), now) {
        Some(why) => Vouching::None(why),
        None => Vouching::Good,
    }
}

fn why_unproven(certificate: &Certificate, name: &str, now: UtcTime) -> Option<String> {
    if certificate.cert_type() != CertType::Host {
        return Some("it is a user's certificate".to_owned());
    }
    // As OpenSSH's CASignatureAlgorithms: nothing that rests on SHA-1.
    if matches!(
        certificate.signature().algorithm(),
        Algorithm::Dsa | Algorithm::Rsa { hash: None }
    ) {
        return Some("it is signed with SHA-1".to_owned());
    }
    if let Some(why) = why_out_of_date(certificate, now) {
        return Some(why);
    }
    // There is none for hosts, and one that we do not know must not be ignored.
    if !certificate.critical_options().is_empty() {
        return Some("it has critical options".to_owned());
    }
    // One without principals would be for every host: what signs such a thing by mistake is not to be
    // trusted for this one.
    let principals = certificate.valid_principals().iter();
    let mut principals = principals.map(|principal| principal.to_ascii_lowercase());
    if !principals.any(|principal| glob(principal.as_bytes(), name.as_bytes())) {
        return Some(format!("it is not for {name}"));
    }
    let fingerprint = certificate.signature_key().fingerprint(HashAlg::Sha256);
    let now = u64::try_from(now.unix()).unwrap_or(0);
    match certificate.validate_at(now, [&fingerprint]) {
        Ok(()) => None,
        Err(_) => Some("its signature is wrong".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::certificate::Builder;

    fn new_key() -> PrivateKey {
        PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
    }

    struct Wish {
        kind: CertType,
        principals: &'static [&'static str],
        from: u64,
        until: u64,
        option: bool,
    }

    const GOOD: Wish = Wish {
        kind: CertType::Host,
        principals: &["db1.example"],
        from: 1_000,
        until: 3_000,
        option: false,
    };

    fn sign(subject: &PrivateKey, authority: &PrivateKey, wish: &Wish) -> Certificate {
        let mut builder = Builder::new_with_random_nonce(
            &mut safe_rng(),
            subject.public_key(),
            wish.from,
            wish.until,
        )
        .unwrap();
        builder.cert_type(wish.kind).unwrap();
        builder.key_id("test").unwrap();
        for principal in wish.principals {
            builder.valid_principal(*principal).unwrap();
        }
        if wish.principals.is_empty() {
            builder.all_principals_valid().unwrap();
        }
        if wish.option {
            builder.critical_option("force-command", "id").unwrap();
        }
        builder.sign(authority).unwrap()
    }

    fn now() -> UtcTime {
        UtcTime::from_unix(2_000)
    }

    fn knowing(line: &str, authority: &PrivateKey) -> KnownKeys {
        let key = authority.public_key().to_openssh().unwrap();
        let mut known = KnownKeys::default();
        known.add_known_hosts(&format!("{line} {key}\n"));
        known
    }

    fn at(name: Option<&str>, port: u16) -> Place<'_> {
        Place {
            name,
            address: [10, 0, 0, 7].into(),
            port,
        }
    }

    fn why(vouching: Vouching) -> String {
        match vouching {
            Vouching::None(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_authority_vouches_for_a_host_of_its_domain() {
        let (host, authority) = (new_key(), new_key());
        let certificate = sign(&host, &authority, &GOOD);
        let known = knowing("@cert-authority *.example", &authority);
        let judged = |name, port| vouch(&known, &at(name, port), &certificate, now());
        assert_eq!(judged(Some("DB1.example."), 22), Vouching::Good);
        // OpenSSH asks again without the port.
        assert_eq!(judged(Some("db1.example"), 2222), Vouching::Good);
        assert_eq!(
            why(judged(Some("db2.example"), 22)),
            "it is not for db2.example"
        );
        assert!(why(judged(Some("db1.other"), 22)).contains("no known authority"));
        assert!(why(judged(None, 22)).contains("no known authority"));
    }

    #[test]
    fn a_host_that_is_taken_out_is_so_on_every_port() {
        let (host, authority) = (new_key(), new_key());
        let certificate = sign(&host, &authority, &GOOD);
        let known = knowing("@cert-authority *,!db1.example", &authority);
        for port in [22, 2222] {
            let judged = vouch(&known, &at(Some("db1.example"), port), &certificate, now());
            assert!(why(judged).contains("no known authority"));
        }
    }

    #[test]
    fn an_address_is_a_name_where_the_operator_gave_no_other() {
        let (host, authority) = (new_key(), new_key());
        let wish = Wish {
            principals: &["10.0.0.7"],
            ..GOOD
        };
        let certificate = sign(&host, &authority, &wish);
        let known = knowing("@cert-authority *", &authority);
        let judged = |name| vouch(&known, &at(name, 22), &certificate, now());
        assert_eq!(judged(None), Vouching::Good);
        assert_eq!(why(judged(Some("db1"))), "it is not for db1");
    }

    #[test]
    fn a_certificate_that_proves_nothing_says_why() {
        let (host, authority) = (new_key(), new_key());
        let known = knowing("@cert-authority *", &authority);
        let judged = |wish: Wish| {
            let certificate = sign(&host, &authority, &wish);
            why(vouch(
                &known,
                &at(Some("db1.example"), 22),
                &certificate,
                now(),
            ))
        };
        let expired = judged(Wish {
            until: 1_500,
            ..GOOD
        });
        assert_eq!(expired, "it expired at 1970-01-01T00:25:00Z");
        let early = judged(Wish {
            from: 2_500,
            ..GOOD
        });
        assert!(early.starts_with("it is not valid before"), "{early}");
        let user = judged(Wish {
            kind: CertType::User,
            ..GOOD
        });
        assert_eq!(user, "it is a user's certificate");
        let anybody = judged(Wish {
            principals: &[],
            ..GOOD
        });
        assert_eq!(anybody, "it is not for db1.example");
        let option = judged(Wish {
            option: true,
            ..GOOD
        });
        assert_eq!(option, "it has critical options");
    }

    #[test]
    fn a_signature_of_another_key_is_no_vouching() {
        let (host, authority) = (new_key(), new_key());
        let certificate = sign(&host, &authority, &GOOD);
        let mut bytes = certificate.to_bytes().unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let forged = Certificate::from_bytes(&bytes).unwrap();
        let known = knowing("@cert-authority *", &authority);
        let judged = vouch(&known, &at(Some("db1.example"), 22), &forged, now());
        assert_eq!(why(judged), "its signature is wrong");
    }

    #[test]
    fn a_revoked_authority_is_worse_than_none() {
        let (host, authority) = (new_key(), new_key());
        let certificate = sign(&host, &authority, &GOOD);
        let mut known = knowing("@cert-authority *", &authority);
        let key = authority.public_key().to_openssh().unwrap();
        known.add_known_hosts(&format!("@revoked * {key}\n"));
        let judged = vouch(&known, &at(Some("db1.example"), 22), &certificate, now());
        assert!(matches!(judged, Vouching::Revoked(_)), "{judged:?}");
    }

    #[test]
    fn a_users_certificate_is_for_its_key_and_for_now() {
        let (user, authority) = (new_key(), new_key());
        let read = |private: &PrivateKey, wish: &Wish| {
            let text = sign(&user, &authority, wish).to_openssh().unwrap();
            read_for(private, text.as_bytes(), now())
        };
        let good = Wish {
            kind: CertType::User,
            principals: &["audit"],
            ..GOOD
        };
        let certificate = read(&user, &good).unwrap();
        assert_eq!(
            describe(&certificate),
            "certificate \"test\" for audit until 1970-01-01T00:50:00Z"
        );
        assert_eq!(read(&new_key(), &good).unwrap_err(), KeyError::Mismatch);
        assert_eq!(read(&user, &GOOD).unwrap_err(), KeyError::HostCertificate);
        let nobody = Wish {
            principals: &[],
            ..good
        };
        assert_eq!(read(&user, &nobody).unwrap_err(), KeyError::NoPrincipals);
        let expired = Wish {
            kind: CertType::User,
            until: 1_500,
            ..GOOD
        };
        let error = read(&user, &expired).unwrap_err().to_string();
        assert!(error.contains("expired at 1970-01-01T00:25:00Z"), "{error}");
        let plain = user.public_key().to_openssh().unwrap();
        let error = read_for(&user, plain.as_bytes(), now()).unwrap_err();
        assert_eq!(error, KeyError::NotACertificate);
    }
}
