//! Alpine, Wolfi and Chainguard, by apk's list of what is installed.

use super::assemble::{self, Reading};
use super::lists::{self, finished, is_name, is_word, malformed, remark};
use super::questions::APK_PACKAGES;
use super::state::{self, Signs};
use super::{Collector, UNIX};
use crate::model::{Gap, Inventory, Package, PackageManager, Platform, SourcePackage};
use crate::session::{Answers, QuestionSet};

/// Systems of apk.
#[derive(Debug)]
pub(super) struct Alpine;

impl Collector for Alpine {
    fn name(&self) -> &'static str {
        "alpine"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        lists::linux_of(answers, PackageManager::Apk, APK_PACKAGES)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = packages(answers);
        let known = packages.as_deref().unwrap_or_default();
        let other = other_kernel(platform, known);
        let signs = Signs {
            newer_kernel: other.map(|package| package.name.as_str()),
            // An upgrade replaces the kernel in place: one that is the running one is all there is.
            flags_tell: true,
            ..Signs::default()
        };
        let reboot = state::reboot(answers, &signs);
        assemble::inventory(self.name(), platform, answers, Reading { packages, reboot })
    }
}

/// Every package: paragraphs of `P:` name, `V:` version, `A:` architecture, `o:` origin, `m:` maintainer
/// and `s:` the tag of the repository it was asked for from. When it was installed apk does not say (its
/// `t:` is when it was built).
fn packages(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(APK_PACKAGES)?;
    let paragraphs = text.split("\n\n").map(str::trim);
    let packages: Option<Vec<Package>> = paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .map(read)
        .collect();
    finished(
        packages.ok_or_else(|| malformed(APK_PACKAGES))?,
        APK_PACKAGES,
    )
}

fn read(paragraph: &str) -> Option<Package> {
    let mut fields = paragraph.lines().map(|line| line.split_once(':'));
    if fields.clone().any(|field| field.is_none()) {
        return None;
    }
    let mut values = [None; 6];
    for (name, value) in fields.by_ref().flatten() {
        let place = ["P", "V", "A", "o", "m", "s"]
            .iter()
            .position(|known| *known == name)?;
        *values.get_mut(place)? = Some(value).filter(|value| !value.is_empty());
    }
    let [name, version, arch, origin, maintainer, tag] = values;
    let (name, version) = (name?, version?);
    let (arch, origin) = (arch.unwrap_or_default(), origin.unwrap_or(name));
    let plausible =
        is_name(name) && is_word(version) && is_name(origin) && (arch.is_empty() || is_name(arch));
    plausible.then(|| Package {
        arch: arch.to_owned(),
        source: SourcePackage {
            name: origin.to_owned(),
            version: version.to_owned(),
        },
        vendor: maintainer.and_then(remark),
        repository: tag.filter(|tag| is_word(tag)).map(str::to_owned),
        ..lists::package(PackageManager::Apk, name, version)
    })
}

/// The installed kernel of the running one's flavour, when it is another: `linux-lts` 6.6.58-r0 calls
/// itself 6.6.58-0-lts.
fn other_kernel<'a>(platform: &Platform, packages: &'a [Package]) -> Option<&'a Package> {
    let running = platform.kernel.running.as_deref()?;
    let (release, flavour) = running.rsplit_once('-')?;
    let name = format!("linux-{flavour}");
    let kernel = packages.iter().find(|package| package.name == name)?;
    let (version, revision) = kernel.version.split_once("-r")?;
    (format!("{version}-{revision}") != release).then_some(kernel)
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::super::unix::{OS_RELEASE, REBOOT, UNAME};
    use super::*;
    use crate::model::GapCause;

    const MUSL: &str = "P:musl-utils\nV:1.2.5-r0\nA:x86_64\no:musl\nm:A Person <a@example.org>\n\n";

    fn read(text: &str) -> Result<Vec<Package>, GapCause> {
        packages(&answers(&[(APK_PACKAGES, text)])).map_err(|gap| gap.cause)
    }

    #[test]
    fn a_paragraph_gives_name_version_architecture_origin_and_tag() {
        let packages = read(&format!("{MUSL}P:yq\nV:4.44.1-r0\nA:x86_64\ns:edge\n\n")).unwrap();
        let line = |p: &Package| {
            format!(
                "{} {} {} {}={} {:?}",
                p.name, p.version, p.arch, p.source.name, p.source.version, p.repository
            )
        };
        let lines: Vec<_> = packages.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "musl-utils 1.2.5-r0 x86_64 musl=1.2.5-r0 None",
                "yq 4.44.1-r0 x86_64 yq=4.44.1-r0 Some(\"edge\")",
            ]
        );
        assert_eq!(
            packages[0].vendor.as_deref(),
            Some("A Person <a@example.org>")
        );
    }

    #[test]
    fn one_bad_paragraph_makes_the_whole_answer_malformed() {
        for bad in [
            "P:a\nA:x86_64\n\n",
            "V:1\n\n",
            "garbage\n\n",
            "P:=x\nV:1\n\n",
            "P:a\nV:1 2\n\n",
            "P:a\nV:1\nX:1\n",
        ] {
            assert_eq!(
                read(&format!("{MUSL}{bad}")),
                Err(GapCause::Malformed),
                "{bad:?}"
            );
        }
        assert_eq!(read("\n\n"), Err(GapCause::Malformed));
    }

    #[test]
    fn a_kernel_replaced_since_the_start_means_a_reboot() {
        let ask = |running: &str| {
            let uname = format!("Linux\nedge\n{running}\n#1\nx86_64\n");
            let list = "P:linux-lts\nV:6.6.58-r0\nA:x86_64\no:linux-lts\n\n";
            let answers = answers(&[
                (UNAME, &uname),
                (OS_RELEASE, "ID=alpine\nVERSION_ID=3.20.3"),
                (APK_PACKAGES, list),
                (REBOOT, ""),
            ]);
            let platform = Alpine.platform(&answers).unwrap();
            Alpine
                .read(&platform, &answers)
                .reboot
                .known()
                .cloned()
                .unwrap()
                .packages
        };
        assert_eq!(ask("6.6.56-0-lts"), ["linux-lts"]);
        assert_eq!(ask("6.6.58-0-lts"), [""; 0]);
        assert_eq!(ask("6.8.0-60-generic"), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([PVAoms]:[ -~]{0,12}\n|\n|.{0,9}\n){0,9}") {
            let _ = read(&text);
        }
    }
}
