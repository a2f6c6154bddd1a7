//! Software beside a system's own packages: snaps, flatpaks, Homebrew's, and a Mac's applications and
//! receipts.

use super::lists::{self, is_name, is_word, malformed, remark};
use super::platform::clip;
use super::questions::{BREW_PACKAGES, FLATPAKS, MAC_APPLICATIONS, SNAPS};
use super::receipts;
use crate::model::{Family, Gap, GapCause, Observed, Package, PackageManager, Platform, UnixFacts};
use crate::session::Answers;
use serde::Deserialize;

/// Adds them to what is known of a Unix; the gaps are those that a Mac's software left.
pub(super) fn add(facts: &mut UnixFacts, answers: &Answers, platform: &Platform) -> Vec<Gap> {
    facts.snaps = Observed::from(snaps(answers));
    facts.flatpaks = Observed::from(flatpaks(answers));
    let (applications, gaps) = applications(answers, platform);
    facts.applications = applications;
    gaps
}

/// Paragraphs of `name: x`, `version: '1'` and `type: app`.
fn snaps(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(SNAPS)?;
    let paragraphs = text.split("\n\n").map(str::trim);
    let packages: Option<Vec<Package>> = paragraphs
        .filter(|paragraph| !paragraph.is_empty())
        .map(snap)
        .collect();
    Ok(sorted(packages.ok_or_else(|| malformed(SNAPS))?))
}

fn snap(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        let mut fields = paragraph.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(field, _)| *field == name)?;
        Some(value.trim().trim_matches(['"', '\'']))
    };
    let name = field("name")?;
    let version = field("version").unwrap_or_default();
    let plausible = is_name(name) && (version.is_empty() || is_word(version));
    plausible.then(|| lists::package(PackageManager::Snap, name, version))
}

/// `application, version, branch, architecture, origin`, between tabs. A runtime often has no version but
/// its branch.
fn flatpaks(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(FLATPAKS)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let packages: Option<Vec<Package>> = lines.map(flatpak).collect();
    Ok(sorted(packages.ok_or_else(|| malformed(FLATPAKS))?))
}

fn flatpak(line: &str) -> Option<Package> {
    let mut fields = line.split('\t').map(str::trim);
    let (name, version) = (fields.next()?, fields.next()?);
    let (branch, arch, origin) = (fields.next()?, fields.next()?, fields.next()?);
    let version = if version.is_empty() { branch } else { version };
    let plausible = is_name(name) && is_word(arch);
    plausible.then(|| Package {
        arch: arch.to_owned(),
        repository: Some(origin).filter(|name| is_word(name)).map(str::to_owned),
        ..lists::package(PackageManager::Flatpak, name, &clip(version, 200))
    })
}

/// Homebrew's packages, and on a Mac its applications and receipts: what was answered is known, what was
/// not is a gap of the scan.
fn applications(answers: &Answers, platform: &Platform) -> (Observed<Vec<Package>>, Vec<Gap>) {
    let mut parts = vec![brew(answers)];
    if platform.family == Family::Macos {
        parts.push(mac_applications(answers));
        parts.push(receipts::receipts(answers));
    }
    let (known, gaps): (Vec<_>, Vec<_>) = parts.into_iter().partition(Result::is_ok);
    let gaps: Vec<Gap> = gaps.into_iter().filter_map(Result::err).collect();
    let first = gaps.first().filter(|_| known.is_empty()).cloned();
    let gaps: Vec<Gap> = gaps
        .into_iter()
        .filter(|gap| platform.family == Family::Macos && gap.cause != GapCause::NotAsked)
        .collect();
    if let Some(gap) = first {
        return (Observed::Unknown(gap), gaps);
    }
    let mut packages: Vec<Package> = known.into_iter().flatten().flatten().collect();
    lists::sort(&mut packages);
    (Observed::Known(packages), gaps)
}

/// `formula` or `cask`, a tab, and `name/version`.
fn brew(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(BREW_PACKAGES)?;
    let read = |line: &str| {
        let (kind, keg) = line.split_once('\t')?;
        let (name, version) = keg.rsplit_once('/')?;
        let plausible = matches!(kind, "formula" | "cask") && is_name(name) && is_word(version);
        plausible.then(|| Package {
            repository: Some(format!("homebrew/{kind}")),
            ..lists::package(PackageManager::Brew, name, version)
        })
    };
    let packages: Option<Vec<Package>> = text.lines().map(read).collect();
    Ok(sorted(packages.ok_or_else(|| malformed(BREW_PACKAGES))?))
}

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "SPApplicationsDataType")]
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Application {
    #[serde(rename = "_name")]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    arch_kind: String,
    #[serde(default)]
    obtained_from: String,
    #[serde(default)]
    signed_by: Vec<String>,
}

/// The applications that System Information knows.
fn mac_applications(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(MAC_APPLICATIONS)?;
    let report: Report = serde_json::from_str(text).map_err(|_| malformed(MAC_APPLICATIONS))?;
    if report.applications.is_empty() {
        return Err(malformed(MAC_APPLICATIONS));
    }
    Ok(sorted(
        report.applications.iter().map(application).collect(),
    ))
}

fn application(application: &Application) -> Package {
    let (name, version) = (
        clip(&application.name, 200),
        clip(&application.version, 200),
    );
    let arch = application.arch_kind.trim_start_matches("arch_");
    let signer = application.signed_by.first().map(String::as_str);
    Package {
        arch: clip(arch, 40),
        vendor: signer.and_then(remark),
        repository: remark(&application.obtained_from),
        ..lists::package(PackageManager::Macos, &name, &version)
    }
}

/// A list that may be empty: a host without such software is one that has none.
fn sorted(mut packages: Vec<Package>) -> Vec<Package> {
    lists::sort(&mut packages);
    packages
}

#[cfg(test)]
mod tests {
    use super::super::questions::MAC_RECEIPTS;
    use super::super::tests::answers;
    use super::super::unix::UNAME;
    use super::*;

    fn lines(packages: Result<Vec<Package>, Gap>) -> Result<Vec<String>, GapCause> {
        let line = |p: &Package| format!("{} {} {} {:?}", p.name, p.version, p.arch, p.repository);
        Ok(packages
            .map_err(|gap| gap.cause)?
            .iter()
            .map(line)
            .collect())
    }

    #[test]
    fn a_host_without_snaps_and_flatpaks_has_none() {
        let answers = answers(&[(SNAPS, ""), (FLATPAKS, ""), (BREW_PACKAGES, "")]);
        for list in [snaps(&answers), flatpaks(&answers), brew(&answers)] {
            assert_eq!(lines(list), Ok(Vec::new()));
        }
        assert_eq!(lines(snaps(&Answers::default())), Err(GapCause::NotAsked));
    }

    #[test]
    fn a_snap_tells_its_name_and_version() {
        let text =
            "name: core22\nversion: '20240823'\ntype: base\n\nname: lxd\nversion: 5.21.2-22f93f4\n";
        let list = snaps(&answers(&[(SNAPS, text)]));
        assert_eq!(
            lines(list).unwrap(),
            ["core22 20240823  None", "lxd 5.21.2-22f93f4  None"]
        );
        let list = snaps(&answers(&[(SNAPS, "version: 1\n")]));
        assert_eq!(lines(list), Err(GapCause::Malformed));
    }

    #[test]
    fn a_runtime_is_known_by_its_branch() {
        let text = "org.gimp.GIMP\t2.10.38\tstable\tx86_64\tflathub\norg.gnome.Platform\t\t46\tx86_64\tflathub\n";
        let list = flatpaks(&answers(&[(FLATPAKS, text)]));
        assert_eq!(
            lines(list).unwrap(),
            [
                "org.gimp.GIMP 2.10.38 x86_64 Some(\"flathub\")",
                "org.gnome.Platform 46 x86_64 Some(\"flathub\")"
            ]
        );
        let list = flatpaks(&answers(&[(FLATPAKS, "error: no such thing\n")]));
        assert_eq!(lines(list), Err(GapCause::Malformed));
    }

    #[test]
    fn a_mac_whose_applications_were_not_answered_has_a_gap_and_its_other_software() {
        let read = |report: &str| {
            let answers = answers(&[
                (UNAME, "Darwin\nmac\n23.5.0\nDarwin\narm64\n"),
                (BREW_PACKAGES, "formula\tjq/1.7.1\ncask\tfirefox/129.0.2\n"),
                (MAC_APPLICATIONS, report),
                (MAC_RECEIPTS, "receipt\tcom.example.agent\n"),
            ]);
            let platform = super::super::platform::platform(&answers).unwrap();
            let (list, gaps) = applications(&answers, &platform);
            let names: Vec<String> = list
                .known()
                .unwrap()
                .iter()
                .map(|p| p.name.clone())
                .collect();
            (names.join(" "), gaps.len())
        };
        let report = r#"{"SPApplicationsDataType":[{"_name":"Safari","version":"17.5","arch_kind":"arch_arm_i64","signed_by":["Software Signing"],"path":"/Applications/Safari.app"}]}"#;
        assert_eq!(read(report), ("Safari firefox jq".to_owned(), 0));
        assert_eq!(read("{"), ("firefox jq".to_owned(), 1));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(a in "((name|version|type): [ -~]{0,20}\n|\n){0,6}", b in "([a-z\t0-9./]{0,40}\n){0,4}", c in "\\{\"SPApplicationsDataType\":\\[[ -~]{0,40}") {
            let answers = answers(&[(SNAPS, &a), (FLATPAKS, &b), (BREW_PACKAGES, &b), (MAC_APPLICATIONS, &c)]);
            let _ = (snaps(&answers), flatpaks(&answers), brew(&answers), mac_applications(&answers));
        }
    }
}
