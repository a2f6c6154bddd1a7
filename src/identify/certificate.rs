//! What a certificate (RFC 5280) tells about the host that shows it. Nobody has vouched for it.

use crate::model::{Certificate, UtcTime, hex};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::{RelativeDistinguishedName, X509Name};

const MOST_NAMES: usize = 20;

/// Reads a certificate in DER; `None` where it is none.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let common_name = parsed.subject().iter_common_name().next();
    let common_name = common_name.and_then(|name| name.as_str().ok());
    let moment = |time: &x509_parser::time::ASN1Time| UtcTime::from_unix(time.timestamp());
    Some(Certificate {
        subject: written(parsed.subject()),
        issuer: written(parsed.issuer()),
        common_name: common_name.unwrap_or_default().to_owned(),
        names: names(&parsed),
        not_before: Some(moment(&parsed.validity().not_before)),
        not_after: Some(moment(&parsed.validity().not_after)),
        is_self_signed: parsed.subject() == parsed.issuer(),
        sha256: hex(&Sha256::digest(der)),
    })
}

/// A name as RFC 4514 writes it, the last part first; a part that is no text is left empty.
fn written(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name.iter().map(part).collect();
    let parts: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    parts.join(",")
}

fn part(part: &RelativeDistinguishedName<'_>) -> String {
    let attributes = part.iter().map(|attribute| {
        let oid = attribute.attr_type();
        let word = oid2abbrev(oid, oid_registry());
        let word = word.map_or_else(|_| oid.to_id_string(), str::to_owned);
        format!("{word}={}", escaped(attribute.as_str().unwrap_or_default()))
    });
    attributes.collect::<Vec<_>>().join("+")
}

/// RFC 4514 2.4. Control characters are left out later, with those of all other texts.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let is_special = matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (letter == ' ' && (at == 0 || at == last))
            || (letter == '#' && at == 0);
        if is_special {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice());
    let names = names.unwrap_or_default().iter().filter_map(name);
    names.take(MOST_NAMES).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A certificate for `web1.contoso.test` and 192.0.2.7, in DER, and its key.
    pub(in crate::identify) fn issued() -> (Vec<u8>, Vec<u8>) {
        let names = ["web1.contoso.test".to_owned(), "192.0.2.7".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        let mut subject = rcgen::DistinguishedName::new();
        subject.push(rcgen::DnType::CommonName, "web1.contoso.test");
        params.distinguished_name = subject;
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2027, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.der().to_vec(), key.serialize_der())
    }

    #[test]
    fn a_certificate_tells_names_dates_and_issuer() {
        let (der, _) = issued();
        let read = read(&der).unwrap();
        assert_eq!(read.common_name, "web1.contoso.test");
        assert_eq!(read.subject, "CN=web1.contoso.test");
        assert_eq!(read.names, ["web1.contoso.test", "192.0.2.7"]);
        assert!(read.is_self_signed);
        let until = read.not_after.map(|time| time.to_string());
        assert_eq!(until.as_deref(), Some("2027-01-02T00:00:00Z"));
        assert_eq!(read.sha256.len(), 64);
    }

    #[test]
    fn a_name_is_written_from_its_end_and_escaped() {
        let mut params = rcgen::CertificateParams::default();
        let mut subject = rcgen::DistinguishedName::new();
        subject.push(rcgen::DnType::CountryName, "DE");
        subject.push(rcgen::DnType::OrganizationName, "Lab, Inc. ");
        subject.push(rcgen::DnType::CommonName, "#web=1");
        params.distinguished_name = subject;
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let subject = read(&der).unwrap().subject;
        assert_eq!(subject, r"CN=\#web=1,O=Lab\, Inc.\ ,C=DE");
    }

    #[test]
    fn a_truncated_certificate_is_none() {
        let (der, _) = issued();
        for length in 0..der.len() {
            assert_eq!(read(&der[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_changed_makes_it_panic(at: prop::sample::Index, byte: u8) {
            static ISSUED: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let mut der = ISSUED.get_or_init(|| issued().0).clone();
            let at = at.index(der.len());
            der[at] = byte;
            let _ = read(&der);
        }
    }
}
