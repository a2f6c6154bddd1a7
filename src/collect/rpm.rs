//! rpm's list of packages, as Red Hat's and SUSE's kin have it.

use super::lists::{finished, is_name, is_word, malformed, package, remark};
use super::questions::{RPM_PACKAGES, RPM_REPOSITORIES};
use crate::model::{Gap, Package, PackageManager, SourcePackage, UtcTime};
use crate::session::Answers;
use std::collections::BTreeMap;

/// What rpm writes for a tag that a package does not have.
const NONE: &str = "(none)";

/// Every package but the keys that rpm files among them (`gpg-pubkey`), which are no software.
pub(super) fn packages(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(RPM_PACKAGES)?;
    let origins = Origins::read(answers);
    let mut packages = Vec::new();
    for line in text.lines() {
        let mut package = read(line).ok_or_else(|| malformed(RPM_PACKAGES))?;
        if package.name != "gpg-pubkey" {
            package.repository = origins.of(&package);
            packages.push(package);
        }
    }
    finished(packages, RPM_PACKAGES)
}

/// `name, epoch, version, release, architecture, source, seconds, module, vendor`, between tabs.
/// `None` when rpm cannot have written it.
fn read(line: &str) -> Option<Package> {
    let mut fields = line.splitn(9, '\t');
    let mut next = || fields.next();
    let (name, epoch) = (next()?, next()?);
    let (version, release) = (next()?, next()?);
    let (arch, source, seconds) = (next()?, next()?, next()?);
    let (module, vendor) = (next()?, next()?);
    let epoch: u32 = epoch.parse().ok()?;
    let plausible = is_name(name) && is_word(version) && is_word(release) && is_word(arch);
    let version = format!("{version}-{release}");
    let source = match stated(source) {
        Some(file) => source_of(file)?,
        None => SourcePackage {
            name: name.to_owned(),
            version: version.clone(),
        },
    };
    let evr = match epoch {
        0 => version,
        epoch => format!("{epoch}:{version}"),
    };
    plausible.then(|| Package {
        arch: stated(arch).unwrap_or_default().to_owned(),
        source,
        installed_at: seconds.parse().ok().map(UtcTime::from_unix),
        vendor: stated(vendor).and_then(remark),
        module: stated(module)
            .filter(|module| is_word(module))
            .map(str::to_owned),
        ..package(PackageManager::Rpm, name, &evr)
    })
}

fn stated(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != NONE)
}

/// `openssl-3.0.7-1.el9.src.rpm`: a source package has no epoch in its file's name.
fn source_of(file: &str) -> Option<SourcePackage> {
    let stem = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = format!("{version}-{release}");
    (is_name(name) && is_word(&version)).then(|| SourcePackage {
        name: name.to_owned(),
        version,
    })
}

/// Which repository each package came from, where the host remembers and lets us read it: dnf 5 and
/// yum do; dnf 4 has it in a database of root's.
#[derive(Default)]
struct Origins {
    by_package: BTreeMap<String, String>,
    is_yum: bool,
}

impl Origins {
    fn read(answers: &Answers) -> Self {
        let text = answers.text(RPM_REPOSITORIES).unwrap_or_default();
        let (title, rest) = text.split_once('\n').unwrap_or_default();
        match title {
            "# dnf5" => Self {
                by_package: dnf5(rest).unwrap_or_default(),
                is_yum: false,
            },
            "# yumdb" => Self {
                by_package: rest.lines().filter_map(yum).collect(),
                is_yum: true,
            },
            _ => Self::default(),
        }
    }

    fn of(&self, package: &Package) -> Option<String> {
        let Package {
            name,
            version,
            arch,
            ..
        } = package;
        let key = match version.split_once(':') {
            Some((_, bare)) if self.is_yum => format!("{name}-{bare}-{arch}"),
            None if self.is_yum => format!("{name}-{version}-{arch}"),
            _ => format!("{name}-{version}.{arch}"),
        };
        let repository = self.by_package.get(&key)?;
        is_word(repository).then(|| repository.clone())
    }
}

/// `[nevras]` with `"bash-5.2.26-3.fc40.x86_64" = {from_repo = "updates"}`.
fn dnf5(text: &str) -> Option<BTreeMap<String, String>> {
    let document: toml::Table = text.parse().ok()?;
    let nevras = document.get("nevras")?.as_table()?;
    let repository = |state: &toml::Value| Some(state.get("from_repo")?.as_str()?.to_owned());
    let entries = nevras.iter();
    Some(
        entries
            .filter_map(|(nevra, state)| Some((nevra.clone(), repository(state)?)))
            .collect(),
    )
}

/// `./b/<checksum>-bash-4.2.46-34.amzn2-x86_64/from_repo:amzn2-core`.
fn yum(line: &str) -> Option<(String, String)> {
    let (path, repository) = line.split_once("/from_repo:")?;
    let (_, entry) = path.rsplit_once('/')?;
    let (_, nevra) = entry.split_once('-')?;
    Some((nevra.to_owned(), repository.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;
    use crate::model::GapCause;

    const OPENSSL: &str = "openssl-libs\t1\t3.0.7\t24.el9\tx86_64\topenssl-3.0.7-24.el9.src.rpm\t1700000000\t(none)\tAlmaLinux\n";
    const PERL: &str = "perl-Errno\t0\t1.30\t451.module_el8\tx86_64\tperl-5.32.1-451.module_el8.src.rpm\t1\tperl:5.32:8030020200:1e4bbb35\t(none)\n";

    fn read(list: &str, repositories: &str) -> Result<Vec<String>, GapCause> {
        let answers = answers(&[(RPM_PACKAGES, list), (RPM_REPOSITORIES, repositories)]);
        let packages = packages(&answers).map_err(|gap| gap.cause)?;
        Ok(packages.iter().map(line).collect())
    }

    fn line(p: &Package) -> String {
        format!(
            "{} {} {} {}={} {:?} {:?} {:?}",
            p.name,
            p.version,
            p.arch,
            p.source.name,
            p.source.version,
            p.module,
            p.vendor,
            p.repository
        )
    }

    #[test]
    fn a_line_gives_name_epoch_source_module_and_vendor() {
        assert_eq!(
            read(&format!("{PERL}{OPENSSL}"), "").unwrap(),
            [
                "openssl-libs 1:3.0.7-24.el9 x86_64 openssl=3.0.7-24.el9 None Some(\"AlmaLinux\") None",
                "perl-Errno 1.30-451.module_el8 x86_64 perl=5.32.1-451.module_el8 Some(\"perl:5.32:8030020200:1e4bbb35\") None None",
            ]
        );
    }

    #[test]
    fn a_key_is_no_package() {
        let key = "gpg-pubkey\t0\tb86b3716\t61e69f29\t(none)\t(none)\t1\t(none)\t(none)\n";
        assert_eq!(read(&format!("{key}{OPENSSL}"), "").unwrap().len(), 1);
        assert_eq!(read(key, ""), Err(GapCause::Malformed));
    }

    #[test]
    fn one_bad_line_makes_the_whole_answer_malformed() {
        for bad in [
            "half a line",
            "=cmd\t0\t1\t1\tnoarch\t(none)\t1\t(none)\t(none)",
            "a\tx\t1\t1\tnoarch\t(none)\t1\t(none)\t(none)",
            "a\t0\t1 2\t1\tnoarch\t(none)\t1\t(none)\t(none)",
            "a\t0\t1\t1\tnoarch\tnonsense\t1\t(none)\t(none)",
            "",
        ] {
            assert_eq!(
                read(&format!("{OPENSSL}{bad}\n"), ""),
                Err(GapCause::Malformed),
                "{bad:?}"
            );
        }
        assert_eq!(read("", ""), Err(GapCause::Malformed));
    }

    #[test]
    fn dnf5_remembers_repositories_by_name_epoch_version_release_and_architecture() {
        let state = "# dnf5\nversion = \"1.0\"\n[nevras]\n\"openssl-libs-1:3.0.7-24.el9.x86_64\" = {from_repo = \"baseos\"}\n";
        let read_lines = read(OPENSSL, state).unwrap();
        assert!(
            read_lines[0].ends_with("Some(\"baseos\")"),
            "{read_lines:?}"
        );
        let broken = read(OPENSSL, "# dnf5\n[nevras\n").unwrap();
        assert!(broken[0].ends_with("None"), "{broken:?}");
    }

    #[test]
    fn yum_remembers_them_without_the_epoch() {
        let state =
            "# yumdb\n./o/0a1b-openssl-libs-3.0.7-24.el9-x86_64/from_repo:amzn2-core\nnonsense\n";
        let lines = read(OPENSSL, state).unwrap();
        assert!(lines[0].ends_with("Some(\"amzn2-core\")"), "{lines:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(list in "([a-z(\t0-9:.-]{0,60}\n){0,4}", state in "# (dnf5|yumdb)\n[ -~\n]{0,80}") {
            let _ = read(&list, &state);
        }
    }
}
