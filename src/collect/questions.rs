//! What every Unix is asked about its packages, beside dpkg's.
//!
//! Package lists are read where their managers keep them, or by the manager's own query: nothing that
//! takes a lock, needs root, starts a daemon or asks the network, and never a process for each package.
//! A manager that a host does not have costs a look at a path.

use crate::session::{Ask, Needs, Question};

pub(super) const RPM_PACKAGES: &str = "rpm-packages";
pub(super) const RPM_REPOSITORIES: &str = "rpm-repositories";
pub(super) const APK_PACKAGES: &str = "apk-packages";
pub(super) const PACMAN_PACKAGES: &str = "pacman-packages";
pub(super) const PKG_PACKAGES: &str = "pkg-packages";
pub(super) const FREEBSD_BASE: &str = "freebsd-base";
pub(super) const OPKG_PACKAGES: &str = "opkg-packages";
pub(super) const PORTAGE_PACKAGES: &str = "portage-packages";
pub(super) const SNAPS: &str = "snaps";
pub(super) const FLATPAKS: &str = "flatpaks";
pub(super) const BREW_PACKAGES: &str = "brew-packages";
pub(super) const MAC_APPLICATIONS: &str = "mac-applications";
pub(super) const MAC_RECEIPTS: &str = "mac-receipts";

/// rpm's packages.
pub(super) const ASK_RPM: Question = Question {
    id: RPM_PACKAGES,
    ask: Ask::Sh(RPM_SCRIPT),
    why: "what is installed on Red Hat's and SUSE's kin",
    needs: Needs::Login,
    loss: "On Red Hat's and SUSE's kin what is installed is unknown, and so is what it lacks.",
};

/// Where rpm's packages came from.
pub(super) const ASK_RPM_REPOSITORIES: Question = Question {
    id: RPM_REPOSITORIES,
    ask: Ask::Sh(RPM_REPOSITORIES_SCRIPT),
    why: "from which repository each rpm came: some advisories speak of one only",
    needs: Needs::Login,
    loss: "Advisories that speak of one repository only are undecided.",
};

/// apk's packages.
pub(super) const ASK_APK: Question = Question {
    id: APK_PACKAGES,
    ask: Ask::Sh(APK_SCRIPT),
    why: "what is installed on Alpine and Wolfi",
    needs: Needs::Login,
    loss: "On Alpine and Wolfi what is installed is unknown, and so is what it lacks.",
};

/// pacman's packages.
pub(super) const ASK_PACMAN: Question = Question {
    id: PACMAN_PACKAGES,
    ask: Ask::Sh(PACMAN_SCRIPT),
    why: "what is installed on Arch",
    needs: Needs::Login,
    loss: "On Arch what is installed is unknown, and so is what it lacks.",
};

/// FreeBSD's packages.
pub(super) const ASK_PKG: Question = Question {
    id: PKG_PACKAGES,
    ask: Ask::Sh(PKG_SCRIPT),
    why: "what is installed on FreeBSD beside its base system",
    needs: Needs::Login,
    loss: "On FreeBSD what is installed beside the base system is unknown, and so is what it lacks.",
};

/// FreeBSD's base system.
pub(super) const ASK_FREEBSD_BASE: Question = Question {
    id: FREEBSD_BASE,
    ask: Ask::Sh(FREEBSD_BASE_SCRIPT),
    why: "which patch level FreeBSD's kernel and base system are at",
    needs: Needs::Login,
    loss: "The patch level of FreeBSD's kernel and base system is unknown.",
};

/// opkg's packages.
pub(super) const ASK_OPKG: Question = Question {
    id: OPKG_PACKAGES,
    ask: Ask::Sh(OPKG_SCRIPT),
    why: "what is installed on OpenWrt",
    needs: Needs::Login,
    loss: "On OpenWrt what is installed is unknown.",
};

/// Portage's packages.
pub(super) const ASK_PORTAGE: Question = Question {
    id: PORTAGE_PACKAGES,
    ask: Ask::Sh(PORTAGE_SCRIPT),
    why: "what is installed on Gentoo",
    needs: Needs::Login,
    loss: "On Gentoo what is installed is unknown, and so is what it lacks.",
};

/// Snaps.
pub(super) const ASK_SNAPS: Question = Question {
    id: SNAPS,
    ask: Ask::Sh(SNAPS_SCRIPT),
    why: "software that comes as snaps, which no package list holds",
    needs: Needs::Login,
    loss: "Software that comes as snaps is not listed.",
};

/// Flatpaks.
pub(super) const ASK_FLATPAKS: Question = Question {
    id: FLATPAKS,
    ask: Ask::Sh(FLATPAKS_SCRIPT),
    why: "software that comes as flatpaks, which no package list holds",
    needs: Needs::Login,
    loss: "Software that comes as flatpaks is not listed.",
};

/// Homebrew's packages.
pub(super) const ASK_BREW: Question = Question {
    id: BREW_PACKAGES,
    ask: Ask::Sh(BREW_SCRIPT),
    why: "what Homebrew has installed",
    needs: Needs::Login,
    loss: "What Homebrew has installed is not listed.",
};

/// Applications of a Mac.
pub(super) const ASK_MAC_APPLICATIONS: Question = Question {
    id: MAC_APPLICATIONS,
    ask: Ask::Sh(MAC_APPLICATIONS_SCRIPT),
    why: "which applications a Mac has",
    needs: Needs::Login,
    loss: "The applications of a Mac are not listed.",
};

/// Installer receipts of a Mac.
pub(super) const ASK_MAC_RECEIPTS: Question = Question {
    id: MAC_RECEIPTS,
    ask: Ask::Sh(MAC_RECEIPTS_SCRIPT),
    why: "what the installer of a Mac has installed, and when",
    needs: Needs::Login,
    loss: "What the installer of a Mac installed, and when, is unknown.",
};

/// Before 4.14 rpm knows no module labels, and refuses the whole query before it prints anything.
const RPM_SCRIPT: &str = r#"have rpm || exit 120
unset RPM_CONFIGDIR
fields='%{NAME}\t%|EPOCH?{%{EPOCH}}:{0}|\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{INSTALLTIME}'
limited rpm -qa --qf "$fields\t%{MODULARITYLABEL}\t%{VENDOR}\n" && exit 0
[ $? -ne 124 ] || exit 124
limited rpm -qa --qf "$fields\t(none)\t%{VENDOR}\n""#;

/// `# dnf5` and its table, or `# yumdb` and `path:repository`. dnf 4 keeps this in a database of root's.
const RPM_REPOSITORIES_SCRIPT: &str = r"for file in /usr/lib/sysimage/libdnf5/nevras.toml /usr/lib/sysimage/dnf/nevras.toml; do
  [ -r $file ] && echo '# dnf5' && cat $file && exit 0
done
[ -d /var/lib/yum/yumdb ] || exit 120
cd /var/lib/yum/yumdb || exit 121
echo '# yumdb'
limited find . -name from_repo -exec grep -H . {} +
exit 0";

/// The lines of each package that matter, and the empty line after it.
const APK_SCRIPT: &str = r"cause=120
for file in /lib/apk/db/installed /usr/lib/apk/db/installed; do
  if [ -r $file ]; then
    limited sed -n -e '/^[PVAoms]:/p' -e '/^$/p' $file
    exit $?
  fi
  if [ -e $file ]; then cause=121; fi
done
exit $cause";

/// `# count` of the packages, then `name, version, base, architecture, seconds, repository, packager`
/// of each, between tabs. SteamOS keeps them elsewhere.
const PACMAN_SCRIPT: &str = r#"for folder in /var/lib/pacman/local /usr/lib/holo/pacmandb/local; do
  [ -d $folder ] || continue
  set -- $folder/*/desc
  [ -r "$1" ] || continue
  printf '# %s\n' $#
  limited awk '
function tell() { if (count++) printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, version, base, arch, time, from, packager }
FNR == 1 { tell(); name = version = base = arch = time = from = packager = "" }
$0 == "%NAME%" { getline name }
$0 == "%VERSION%" { getline version }
$0 == "%BASE%" { getline base }
$0 == "%ARCH%" { getline arch }
$0 == "%INSTALLDATE%" { getline time }
$0 == "%INSTALLED_DB%" { getline from }
$0 == "%PACKAGER%" { getline packager }
END { tell() }' "$@"
  exit $?
done
[ ! -d /var/lib/pacman/local ] || exit 121
exit 120"#;

/// `name, version, ABI, origin, seconds, locked, repository, maintainer`, between tabs; or `none` where
/// pkg was never installed: what is called so then would fetch it.
const PKG_SCRIPT: &str = r"if [ -x /usr/local/sbin/pkg ]; then
  limited /usr/local/sbin/pkg query -a '%n\t%v\t%q\t%o\t%t\t%k\t%R\t%m'
  exit $?
fi
have freebsd-version || exit 120
echo none";

/// `k`, `r` and `u`, each with a tab and the release: of the installed kernel, of the one that runs, and of
/// the base system. A jail has no kernel.
const FREEBSD_BASE_SCRIPT: &str = r#"have freebsd-version || exit 120
for part in k r u; do
  release=$(freebsd-version -$part) && printf '%s\t%s\n' $part "$release"
done
exit 0"#;

/// The fields of each package that matter, and the empty line after it.
const OPKG_SCRIPT: &str = r"cause=120
for file in /usr/lib/opkg/status /var/lib/opkg/status; do
  if [ -r $file ]; then
    limited sed -n -e '/^Package: /p' -e '/^Version: /p' -e '/^Architecture: /p' -e '/^Status: /p' -e '/^Installed-Time: /p' -e '/^$/p' $file
    exit $?
  fi
  if [ -e $file ]; then cause=121; fi
done
exit $cause";

/// `category/name-version` of each package, and of OpenBSD, which has that folder too, nothing.
const PORTAGE_SCRIPT: &str = r#"[ -d /var/db/pkg ] || exit 120
cd /var/db/pkg || exit 121
set -- */*/CONTENTS
[ -e "$1" ] || exit 120
for entry in "$@"; do printf '%s\n' "${entry%/CONTENTS}"; done"#;

/// Of each snap the name, the version and the kind; an empty line between two. Not `snap list`: it may
/// start the daemon. A host without snaps answers nothing.
const SNAPS_SCRIPT: &str = r#"for folder in /snap /var/lib/snapd/snap; do
  set -- $folder/*/current/meta/snap.yaml
  [ -e "$1" ] || continue
  limited awk 'FNR == 1 && NR > 1 { print "" } /^(name|version|type):/' "$@"
  exit $?
done
exit 0"#;

/// `application, version, branch, architecture, origin`, between tabs, of the whole machine's.
const FLATPAKS_SCRIPT: &str = r"have flatpak || exit 0
limited flatpak list --system --columns=application,version,branch,arch,origin";

/// `formula` or `cask`, a tab, and `name/version`. By folders: `brew` itself starts an interpreter and
/// looks for updates.
const BREW_SCRIPT: &str = r#"for folder in formula:/opt/homebrew/Cellar formula:/usr/local/Cellar formula:/home/linuxbrew/.linuxbrew/Cellar cask:/opt/homebrew/Caskroom cask:/usr/local/Caskroom; do
  kind=${folder%%:*}
  folder=${folder#*:}
  [ -d $folder ] || continue
  for keg in $folder/*/*; do
    [ -d "$keg" ] && printf '%s\t%s\n' $kind "${keg#$folder/}"
  done
done
exit 0"#;

/// What System Information knows, as JSON; before macOS 10.15 it writes none.
const MAC_APPLICATIONS_SCRIPT: &str = r"have system_profiler || exit 120
limited system_profiler -json SPApplicationsDataType && exit 0
case $? in 124|142) exit 124;; esac
exit 120";

/// `receipt`, a tab and an identifier for each; `# history` and the property list of what was installed.
const MAC_RECEIPTS_SCRIPT: &str = r#"have sw_vers || exit 120
for receipt in /var/db/receipts/*.plist; do
  receipt=${receipt##*/}
  printf 'receipt\t%s\n' "${receipt%.plist}"
done
[ -r /Library/Receipts/InstallHistory.plist ] || exit 0
echo '# history'
cat /Library/Receipts/InstallHistory.plist"#;
