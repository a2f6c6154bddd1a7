//! What earlier versions stored stays readable, word for word.

use crate::model::{Finding, Inventory};

/// As version 0.1.0 stored it.
const INVENTORY: &str = r#"{"collector":"debian","platform":{"family":"debian","id":"debian","name":"Debian GNU/Linux 12 (bookworm)","version":"12","codename":"bookworm","ecosystem":"Debian:12","arch":"x86_64","kernel":{"name":"Linux","running":"6.1.0-18-amd64","build":"1 SMP","installed":["6.1.0-18-amd64"]}},"identity":{"machine_id":{"known":"0123456789abcdef0123456789abcdef"},"boot_id":{"known":"b"},"product_uuid":{"unknown":{"question":"dmi","cause":"denied"}},"serial":{"unknown":{"question":"dmi","cause":"denied"}},"vendor":{"known":""},"interfaces":{"known":[{"name":"eth0","mac":"02:00:00:00:00:01","addresses":["192.0.2.7"]}]},"hostname":{"known":"web"},"fqdn":{"known":""}},"packages":{"known":[{"manager":"dpkg","name":"bash","version":"5.2.15-2+b2","arch":"amd64","source":{"name":"bash","version":"5.2.15-2"},"state":"installed","held":false,"installed_at":1767225600,"vendor":"Matthias Klose"}]},"services":{"known":[{"proto":"tcp","port":22,"bind":"0.0.0.0","state":"listening","service":"","product":"","version":"","program":"sshd","user":"root","banner":"","seen_by":"host"}]},"reboot":{"known":{"required":false,"packages":[]}},"gaps":[{"question":"dmi","cause":"denied"}]}"#;

/// As version 0.1.0 stored it.
const FINDING: &str = r#"{"bulletin":"CVE-2023-5363","title":"openssl: a flaw","product":"openssl","packages":["libssl3"],"installed":"3.0.9-1","fixed":"3.0.11-1","state":"missing","confidence":"high","severity":"high","cvss_tenths":75,"cves":["CVE-2023-5363"],"kev":[],"kev_due":null,"evidence":{"observed":"libssl3","question":"dpkg-packages","rule":"dpkg: installed < fixed","record":"osv CVE-2023-5363"}}"#;

#[test]
fn an_inventory_of_the_first_version_reads_and_writes_the_same() {
    let inventory: Inventory = serde_json::from_str(INVENTORY).unwrap();
    assert!(inventory.windows.is_none() && inventory.platform.windows.is_none());
    assert!(inventory.identity.machine_guid.is_unheard_of());
    // The same bytes: a host that did not change is stored once, by whichever version.
    assert_eq!(serde_json::to_string(&inventory).unwrap(), INVENTORY);
}

#[test]
fn a_verdict_of_the_first_version_does_not_claim_to_know_of_exploitation() {
    let finding: Finding = serde_json::from_str(FINDING).unwrap();
    assert_eq!(finding.is_exploited(), None);
    assert_eq!(serde_json::to_string(&finding).unwrap(), FINDING);
}
