//! Binding a logon to the TLS channel it runs in: `tls-server-end-point` (RFC 5929 section 4).

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// `SEC_CHANNEL_BINDINGS`: eight words, all zero but the last two, the application data's length
/// and offset.
const HEADER: usize = 32;

/// The binding to a server's certificate, as SSPI takes it.
pub(super) fn to_certificate(der: &[u8]) -> Vec<u8> {
    let mut data = b"tls-server-end-point:".to_vec();
    data.extend(end_point(der));
    let mut binding = vec![0; HEADER - 8];
    let length = u32::try_from(data.len()).unwrap_or_default();
    binding.extend(length.to_le_bytes());
    binding.extend(32_u32.to_le_bytes());
    binding.extend(data);
    binding
}

/// The certificate's hash, by the hash of its signature; SHA-256 in place of MD5 and SHA-1.
fn end_point(der: &[u8]) -> Vec<u8> {
    match hash_of(der) {
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

fn hash_of(der: &[u8]) -> Hash {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Hash::Sha256;
    };
    let algorithm = &certificate.signature_algorithm;
    if let Ok(SignatureAlgorithm::RSASSA_PSS(pss)) = SignatureAlgorithm::try_from(algorithm) {
        return by_oid(&pss.hash_algorithm_oid().to_id_string());
    }
    by_oid(&algorithm.algorithm.to_id_string())
}

/// RFC 8017 appendix A, RFC 5758 section 3.2, NIST's arc of hashes.
fn by_oid(oid: &str) -> Hash {
    match oid {
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => Hash::Sha384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => Hash::Sha512,
        _ => Hash::Sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm as Signature};

    fn certificate(signature: &'static Signature) -> Vec<u8> {
        let key = KeyPair::generate_for(signature).unwrap();
        let params = CertificateParams::new(vec!["web1.contoso.test".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_hash_follows_the_certificates_signature() {
        let der = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(end_point(&der), Sha384::digest(&der).to_vec());
        let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(end_point(&der), Sha256::digest(&der).to_vec());
    }

    #[test]
    fn old_hashes_and_what_is_no_certificate_count_as_sha256() {
        assert_eq!(by_oid("1.2.840.113549.1.1.4"), Hash::Sha256);
        assert_eq!(by_oid("1.2.840.113549.1.1.5"), Hash::Sha256);
        assert_eq!(by_oid("1.2.840.113549.1.1.13"), Hash::Sha512);
        assert_eq!(hash_of(b"none"), Hash::Sha256);
    }

    #[test]
    fn the_binding_points_at_its_data() {
        let binding = to_certificate(b"none");
        assert_eq!(binding[24..32], [53, 0, 0, 0, 32, 0, 0, 0]);
        assert!(binding[32..].starts_with(b"tls-server-end-point:"));
    }
}
