//! What a list's words say of a machine: the kind of system and of device that its columns name.

use crate::model::{DeviceKind, Family, KnownRecord};

/// The kind of operating system that a row names.
pub(super) fn family(row: &KnownRecord) -> Option<Family> {
    const WORDS: &[(&str, Family)] = &[
        ("windows", Family::Windows),
        ("debian", Family::Debian),
        ("ubuntu", Family::Debian),
        ("mint", Family::Debian),
        ("raspbian", Family::Debian),
        ("proxmox", Family::Debian),
        ("linux", Family::Linux),
        ("red hat", Family::Linux),
        ("rhel", Family::Linux),
        ("centos", Family::Linux),
        ("rocky", Family::Linux),
        ("alma", Family::Linux),
        ("fedora", Family::Linux),
        ("suse", Family::Linux),
        ("sles", Family::Linux),
        ("macos", Family::Macos),
        ("mac os", Family::Macos),
        ("os x", Family::Macos),
        ("bsd", Family::Bsd),
    ];
    let os = row.os.as_deref()?.to_lowercase();
    let found = WORDS.iter().find(|(word, _)| os.contains(word));
    found.map(|(_, family)| *family)
}

/// Whether one machine can run what two sources say.
pub(super) fn can_be_one(one: Family, other: Family) -> bool {
    let of_linux = |family| matches!(family, Family::Debian | Family::Linux);
    let vague = |family| family == Family::Unix;
    one == other
        || (of_linux(one) && of_linux(other))
        || (vague(one) && other != Family::Windows)
        || (vague(other) && one != Family::Windows)
}

/// The kind of device that a row names, by its system and model.
pub(super) fn device(row: &KnownRecord) -> DeviceKind {
    const WORDS: &[(&str, DeviceKind)] = &[
        ("printer", DeviceKind::Printer),
        ("drucker", DeviceKind::Printer),
        ("laserjet", DeviceKind::Printer),
        ("officejet", DeviceKind::Printer),
        ("pagewide", DeviceKind::Printer),
        ("ecosys", DeviceKind::Printer),
        ("taskalfa", DeviceKind::Printer),
        ("bizhub", DeviceKind::Printer),
        ("workcentre", DeviceKind::Printer),
        ("versalink", DeviceKind::Printer),
        ("imagerunner", DeviceKind::Printer),
        ("lexmark", DeviceKind::Printer),
        ("kyocera", DeviceKind::Printer),
        ("ricoh", DeviceKind::Printer),
        ("konica", DeviceKind::Printer),
        ("xerox", DeviceKind::Printer),
        ("zebra", DeviceKind::Printer),
        ("firewall", DeviceKind::Firewall),
        ("fortigate", DeviceKind::Firewall),
        ("access point", DeviceKind::AccessPoint),
        ("accesspoint", DeviceKind::AccessPoint),
        ("router", DeviceKind::Router),
        ("switch", DeviceKind::Switch),
        ("catalyst", DeviceKind::Switch),
        ("procurve", DeviceKind::Switch),
        ("esxi", DeviceKind::Hypervisor),
        ("hypervisor", DeviceKind::Hypervisor),
        ("synology", DeviceKind::Nas),
        ("diskstation", DeviceKind::Nas),
        ("qnap", DeviceKind::Nas),
        ("nas", DeviceKind::Nas),
        ("camera", DeviceKind::Camera),
        ("kamera", DeviceKind::Camera),
        ("phone", DeviceKind::Phone),
        ("telefon", DeviceKind::Phone),
        ("ups", DeviceKind::Ups),
        ("plc", DeviceKind::Plc),
        ("simatic", DeviceKind::Plc),
        ("idrac", DeviceKind::ManagementBoard),
        ("ilo", DeviceKind::ManagementBoard),
    ];
    let texts = [row.os.as_deref(), row.model.as_deref()];
    let text = texts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = text.to_lowercase();
    let words = text.split(|one: char| !one.is_alphanumeric());
    let words = words.collect::<Vec<_>>();
    let named = |word: &str| match word.len() {
        // Short words turn up inside of others.
        0..=4 => words.contains(&word),
        _ => text.contains(word),
    };
    let found = WORDS.iter().find(|(word, _)| named(word));
    match found {
        Some((_, device)) => *device,
        None if family(row).is_some() => DeviceKind::Computer,
        None => named_after(row),
    }
}

/// The kind of device after which a row's machine is named, as many networks do: `prn-07`, `sw-hall-2`.
fn named_after(row: &KnownRecord) -> DeviceKind {
    const WORDS: &[(&str, DeviceKind)] = &[
        ("prn", DeviceKind::Printer),
        ("prt", DeviceKind::Printer),
        ("print", DeviceKind::Printer),
        ("printer", DeviceKind::Printer),
        ("mfp", DeviceKind::Printer),
        ("drucker", DeviceKind::Printer),
        ("sw", DeviceKind::Switch),
        ("switch", DeviceKind::Switch),
        ("ap", DeviceKind::AccessPoint),
        ("wap", DeviceKind::AccessPoint),
        ("fw", DeviceKind::Firewall),
        ("cam", DeviceKind::Camera),
        ("nas", DeviceKind::Nas),
        ("ups", DeviceKind::Ups),
        ("usv", DeviceKind::Ups),
    ];
    let names = [row.name.as_deref(), row.fqdn.as_deref()];
    let name = names.into_iter().flatten().next().unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default().to_lowercase();
    let parts = name.split(|one: char| !one.is_alphabetic());
    let first = parts.into_iter().find(|part| !part.is_empty());
    let found = WORDS.iter().find(|(word, _)| Some(*word) == first);
    found.map_or(DeviceKind::Unknown, |(_, device)| *device)
}

/// Whether one device can be what two sources say; an unknown one says nothing.
pub(super) fn agree(one: DeviceKind, other: DeviceKind) -> bool {
    use DeviceKind as Kind;
    let of_network = |kind| {
        matches!(
            kind,
            Kind::Switch | Kind::Router | Kind::Firewall | Kind::AccessPoint | Kind::Network
        )
    };
    one != Kind::Unknown
        && (one == other
            || (of_network(one)
                && of_network(other)
                && (one == Kind::Network || other == Kind::Network)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(os: &str, model: &str) -> KnownRecord {
        KnownRecord {
            os: Some(os.to_owned()),
            model: Some(model.to_owned()),
            ..KnownRecord::default()
        }
    }

    #[test]
    fn words_of_lists_name_systems_and_devices() {
        let windows = row("Windows 10 Enterprise", "Dell Latitude");
        assert_eq!(
            (family(&windows), device(&windows)),
            (Some(Family::Windows), DeviceKind::Computer)
        );
        let printer = row("", "HP LaserJet M404");
        assert_eq!(
            (family(&printer), device(&printer)),
            (None, DeviceKind::Printer)
        );
        // The word is part of another.
        assert_eq!(device(&row("", "Nasdaq terminal")), DeviceKind::Unknown);
        let named = |name: &str| KnownRecord {
            name: Some(name.to_owned()),
            ..row("", "Web Image Monitor")
        };
        assert_eq!(device(&named("PRN-07")), DeviceKind::Printer);
        assert_eq!(device(&named("printhouse")), DeviceKind::Unknown);
        assert!(can_be_one(Family::Debian, Family::Linux));
        assert!(!can_be_one(Family::Windows, Family::Linux));
    }
}
