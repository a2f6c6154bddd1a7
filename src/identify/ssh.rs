//! SSH's identification line: `SSH-protoversion-softwareversion SP comments` (RFC 4253 section 4.2).

use crate::model::{SeenBy, Service};

/// What an SSH server says of itself. Attacker-controlled.
pub fn ssh_service(port: u16, banner: &str) -> Service {
    let (product, version) = software(banner);
    Service {
        proto: "tcp".to_owned(),
        port,
        bind: String::new(),
        state: "open".to_owned(),
        service: "ssh".to_owned(),
        product,
        version,
        program: String::new(),
        user: String::new(),
        banner: banner.to_owned(),
        seen_by: SeenBy::Scan,
    }
}

/// `OpenSSH_9.2p1` is product and version; `dropbear` has no version.
fn software(banner: &str) -> (String, String) {
    let rest = banner.strip_prefix("SSH-").and_then(|rest| rest.split_once('-'));
    let Some((_, software)) = rest else {
        return (String::new(), String::new());
    };
    let software = software.split_whitespace().next().unwrap_or_default();
    let (product, version) = software.rsplit_once('_').unwrap_or((software, ""));
    (product.to_owned(), version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_and_version_come_from_the_software_part() {
        let cases = [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7", "OpenSSH", "9.2p1"),
            ("SSH-2.0-dropbear_2022.83", "dropbear", "2022.83"),
            ("SSH-1.99-Cisco-1.25", "Cisco-1.25", ""),
            ("SSH-2.0-", "", ""),
            ("220 mail", "", ""),
        ];
        for (banner, product, version) in cases {
            let service = ssh_service(22, banner);
            assert_eq!((service.product.as_str(), service.version.as_str()), (product, version), "{banner}");
        }
    }
}
