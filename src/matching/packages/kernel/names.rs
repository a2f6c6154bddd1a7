//! What distributions call their kernels: which packages hold one, and which of them `uname -r` means.

use crate::model::{Package, PackageManager, Platform};

/// The source that advisories name. Debian signs its kernels in sources of their own
/// (`linux-signed-amd64`, `linux-signed-6.1-arm64`), whose advisories are those of `linux` and
/// `linux-6.1`; Ubuntu's `linux-signed-hwe-6.8` belongs to `linux-hwe-6.8`.
pub(in crate::matching) fn source(package: &Package, platform: &Platform) -> String {
    let name = match package.source.name.as_str() {
        "" => package.name.as_str(),
        name => name,
    };
    if package.manager != PackageManager::Dpkg {
        return name.to_owned();
    }
    let ubuntu = platform
        .ecosystem
        .as_deref()
        .is_some_and(|of| of.starts_with("Ubuntu:"));
    let Some(rest) = name.strip_prefix("linux-signed") else {
        return name.to_owned();
    };
    let rest = match rest.rsplit_once('-') {
        Some((version, _arch)) if !ubuntu => version,
        _ => rest,
    };
    format!("linux{rest}")
}

/// The version that advisories on sources speak of: of a signed kernel the binary's, as the signed source
/// counts in its own way (`6.1.123+1` for `6.1.123-1`).
pub(in crate::matching::packages) fn version(package: &Package) -> &str {
    if package.source.name.starts_with("linux-signed") || package.source.version.is_empty() {
        return &package.version;
    }
    &package.source.version
}

/// Whether a source of Debian's or Ubuntu's, as advisories name it, is a kernel's.
pub(in crate::matching) fn is_kernel_source(source: &str) -> bool {
    const FLAVOURS: &[&str] = &[
        "aws",
        "azure",
        "gcp",
        "gke",
        "gkeop",
        "hwe",
        "ibm",
        "intel",
        "iot",
        "kvm",
        "lowlatency",
        "lts",
        "nvidia",
        "oem",
        "oracle",
        "raspi",
        "raspi2",
        "realtime",
        "riscv",
        "xilinx",
    ];
    let Some(rest) = source.strip_prefix("linux") else {
        return false;
    };
    let first = rest
        .strip_prefix('-')
        .and_then(|rest| rest.split('-').next());
    rest.is_empty()
        || first.is_some_and(|first| {
            FLAVOURS.contains(&first) || first.starts_with(|digit: char| digit.is_ascii_digit())
        })
}

/// Whether a package holds a kernel that could be started.
pub(super) fn is_image(package: &Package, platform: &Platform) -> bool {
    let name = package.name.as_str();
    match package.manager {
        PackageManager::Dpkg => debian(package).is_some(),
        PackageManager::Rpm if is_suse(platform) => suse_flavour(name).is_some(),
        PackageManager::Rpm => RPM_IMAGES.iter().any(|(image, _)| *image == name),
        PackageManager::Apk => name
            .strip_prefix("linux-")
            .is_some_and(|flavour| ALPINE.contains(&flavour)),
        PackageManager::Pacman => ARCH.contains(&name),
        PackageManager::Pkg => name == "FreeBSD-kernel",
        _ => false,
    }
}

/// Whether it is the kernel that runs.
pub(super) fn runs(package: &Package, platform: &Platform) -> bool {
    let Some(running) = platform.kernel.running.as_deref() else {
        return false;
    };
    match package.manager {
        PackageManager::Dpkg => debian(package) == Some(running),
        PackageManager::Rpm if is_suse(platform) => suse(package).as_deref() == Some(running),
        PackageManager::Rpm => rpm(package).iter().any(|release| release == running),
        manager => named_by(manager, running)
            .is_some_and(|(name, version)| package.name == name && package.version == version),
    }
}

/// Whether a package of a kernel's source exists once for each kernel, and holds some of its code.
pub(super) fn goes_with_image(package: &Package, platform: &Platform) -> bool {
    is_image(package, platform)
        || (package.manager == PackageManager::Rpm
            && package.name.starts_with("kernel")
            && !ONCE.iter().any(|once| package.name.contains(once)))
}

/// Packages of rpm kernels that are installed once, and hold little or none of the kernel's code.
const ONCE: &[&str] = &[
    "-headers", "-tools", "-doc", "-abi", "-macros", "-srpm", "-source", "-syms",
];

/// The release of Debian's kernel image package: `6.1.0-29-amd64`; `None` for any other package, also for
/// the ones named after a flavour alone (`linux-image-amd64`), which hold no code.
fn debian(package: &Package) -> Option<&str> {
    let rest = package.name.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    rest.starts_with(|first: char| first.is_ascii_digit())
        .then_some(rest)
}

/// Red Hat's kernels and those of its kin, with what `uname -r` ends with.
const RPM_IMAGES: &[(&str, &str)] = &[
    ("kernel", ""),
    ("kernel-core", ""),
    ("kernel-PAE", ".PAE"),
    ("kernel-debug-core", "+debug"),
    ("kernel-debug", "+debug"),
    ("kernel-rt", "+rt"),
    ("kernel-rt-core", "+rt"),
    ("kernel-rt-debug-core", "+rt-debug"),
    ("kernel-64k-core", "+64k"),
    ("kernel-64k-debug-core", "+64k-debug"),
    ("kernel-uek", ""),
    ("kernel-uek-core", ""),
    ("kernel-uek64k-core", ".64k"),
    ("kernel-lt", ""),
    ("kernel-lt-core", ""),
    ("kernel-ml", ""),
    ("kernel-ml-core", ""),
    ("kernel6.12", ""),
    ("kernel6.18", ""),
];

/// What `uname -r` may say of an image: version, release and architecture, before EL6 without the last.
fn rpm(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let Some((_, suffix)) = RPM_IMAGES.iter().find(|(image, _)| *image == name) else {
        return Vec::new();
    };
    let version = super::super::subject::epoch_free(&package.version);
    let plain = format!("{version}.{}", package.arch);
    let mut releases = vec![format!("{plain}{suffix}"), version.to_owned()];
    // The realtime kernels of EL8 have the mark in their version.
    if *suffix == "+rt" && version.contains(".rt") {
        releases.push(plain);
    }
    releases
}

fn is_suse(platform: &Platform) -> bool {
    let ecosystem = platform.ecosystem.as_deref().unwrap_or_default();
    ["SUSE:", "openSUSE:"]
        .iter()
        .any(|prefix| ecosystem.starts_with(prefix))
}

const SUSE: &[&str] = &[
    "64kb", "azure", "debug", "default", "kvmsmall", "longterm", "pae", "preempt", "rt", "vanilla",
];

fn suse_flavour(name: &str) -> Option<&str> {
    let flavour = name.strip_prefix("kernel-")?;
    let flavour = flavour.strip_suffix("-base").unwrap_or(flavour);
    SUSE.contains(&flavour).then_some(flavour)
}

/// `5.3.18-59.37-default` of `kernel-default` 5.3.18-59.37.2: the last part counts rebuilds.
fn suse(package: &Package) -> Option<String> {
    let flavour = suse_flavour(&package.name)?;
    let (release, _rebuild) = package.version.rsplit_once('.')?;
    Some(format!("{release}-{flavour}"))
}

/// Alpine's flavours.
const ALPINE: &[&str] = &[
    "asahi", "edge", "elm", "gru", "lts", "openpax", "rpi", "rpi2", "rpi4", "starfive", "stable",
    "virt",
];

/// Arch's kernels.
const ARCH: &[&str] = &[
    "linux",
    "linux-hardened",
    "linux-lts",
    "linux-rt",
    "linux-rt-lts",
    "linux-zen",
];

/// The package that a release names by itself, on systems that keep one kernel of a name: its name and
/// version.
pub(super) fn named_by(manager: PackageManager, running: &str) -> Option<(String, String)> {
    match manager {
        PackageManager::Apk => alpine(running),
        PackageManager::Pacman => arch(running),
        PackageManager::Pkg => freebsd(running),
        _ => None,
    }
}

/// `6.6.41-0-lts` is linux-lts 6.6.41-r0.
fn alpine(running: &str) -> Option<(String, String)> {
    let mut parts = running.splitn(3, '-');
    let (version, revision, flavour) = (parts.next()?, parts.next()?, parts.next()?);
    ALPINE.contains(&flavour).then(|| {
        let name = format!("linux-{flavour}");
        (name, format!("{version}-r{revision}"))
    })
}

/// `6.10.3-arch1-1` is linux 6.10.3.arch1-1, `6.6.44-1-lts` linux-lts 6.6.44-1, `6.10.3-zen1-1-zen`
/// linux-zen 6.10.3.zen1-1.
fn arch(running: &str) -> Option<(String, String)> {
    let flavour = ARCH.iter().filter_map(|name| name.strip_prefix("linux-"));
    let mut flavours: Vec<&str> = flavour.collect();
    flavours.sort_unstable_by_key(|flavour| std::cmp::Reverse(flavour.len()));
    let found = flavours.iter().find_map(|flavour| {
        let rest = running.strip_suffix(flavour)?.strip_suffix('-')?;
        Some((format!("linux-{flavour}"), rest))
    });
    let (name, rest) = found.unwrap_or_else(|| ("linux".to_owned(), running));
    let (upstream, pkgrel) = rest.rsplit_once('-')?;
    let is_ours = name != "linux" || upstream.contains("-arch");
    is_ours.then(|| (name, format!("{}-{pkgrel}", upstream.replacen('-', ".", 1))))
}

/// `14.1-RELEASE-p5` is FreeBSD-kernel `14.1_5`, as VuXML counts.
fn freebsd(running: &str) -> Option<(String, String)> {
    let (version, rest) = running.split_once("-RELEASE")?;
    let version = match rest.strip_prefix("-p") {
        Some(patch) => format!("{version}_{patch}"),
        None if rest.is_empty() => version.to_owned(),
        None => return None,
    };
    Some(("FreeBSD-kernel".to_owned(), version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_names_its_package() {
        let named = |manager, running| named_by(manager, running);
        let pair = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(
            named(PackageManager::Apk, "6.6.41-0-lts"),
            pair("linux-lts", "6.6.41-r0")
        );
        assert_eq!(named(PackageManager::Apk, "6.8.0-60-generic"), None);
        assert_eq!(
            named(PackageManager::Pacman, "6.10.3-arch1-2"),
            pair("linux", "6.10.3.arch1-2")
        );
        assert_eq!(
            named(PackageManager::Pacman, "6.6.44-1-lts"),
            pair("linux-lts", "6.6.44-1")
        );
        assert_eq!(
            named(PackageManager::Pacman, "6.10.3-zen1-1-zen"),
            pair("linux-zen", "6.10.3.zen1-1")
        );
        assert_eq!(
            named(PackageManager::Pkg, "14.1-RELEASE-p5"),
            pair("FreeBSD-kernel", "14.1_5")
        );
        assert_eq!(named(PackageManager::Pkg, "15.0-CURRENT"), None);
    }
}
