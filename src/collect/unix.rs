//! What every Unix is asked, in one exchange, before we know which Unix it is.
//!
//! POSIX sh, tried with dash, bash, busybox ash, mksh and zsh. Read-only, without root, without
//! network, without package-manager locks, and nothing that starts a daemon. A tool that a host
//! lacks costs nothing: its question is answered by "missing" (exit status 120), and a file that
//! the account may not read by "denied" (121).

use super::questions;
use super::state::questions as state;
use crate::session::{Ask, Needs, Question, QuestionSet};

/// The one set for every Unix.
pub const UNIX: QuestionSet = QuestionSet {
    name: "unix",
    prelude: PRELUDE,
    questions: &[
        Question {
            id: UNAME,
            ask: Ask::Sh("uname -s && uname -n && uname -r && uname -v && uname -m"),
            why: "which kernel runs, on which hardware",
            needs: Needs::Login,
            loss: "The host is not read at all: not even its kind is known.",
        },
        Question {
            id: OS_RELEASE,
            ask: Ask::Sh(OS_RELEASE_SCRIPT),
            why: "which distribution and release, and so which catalogue judges the host",
            needs: Needs::Login,
            loss: "The distribution is unknown where no release file names it, and nothing is judged.",
        },
        Question {
            id: RELEASE_FILES,
            ask: Ask::Sh(RELEASE_FILES_SCRIPT),
            why: "the release of systems without os-release",
            needs: Needs::Login,
            loss: "Systems without os-release are not recognised, and their packages not judged.",
        },
        Question {
            id: DPKG_PACKAGES,
            ask: Ask::Sh(DPKG_PACKAGES_SCRIPT),
            why: "what is installed on Debian, Ubuntu and their kin",
            needs: Needs::Login,
            loss: "On Debian, Ubuntu and their kin what is installed is unknown, and so is what it lacks.",
        },
        Question {
            id: DPKG_TIMES,
            ask: Ask::Sh(DPKG_TIMES_SCRIPT),
            why: "when packages were installed, where dpkg is too old to say",
            needs: Needs::Login,
            loss: "Where dpkg is old, when packages were installed is unknown.",
        },
        Question {
            id: KERNELS,
            ask: Ask::Sh(KERNELS_SCRIPT),
            why: "which kernels a reboot could start",
            needs: Needs::Login,
            loss: "Whether a newer kernel waits for a reboot is unknown.",
        },
        Question {
            id: REBOOT,
            ask: Ask::Sh(REBOOT_SCRIPT),
            why: "whether the host waits for a reboot, and for which packages",
            needs: Needs::Login,
            loss: "Whether a reboot is due is unknown.",
        },
        Question {
            id: LISTENERS,
            ask: Ask::Sh(LISTENERS_SCRIPT),
            why: "what listens, and which program it is",
            needs: Needs::Login,
            loss: "What listens is known from outside alone; the programs of other accounts are named to root only.",
        },
        Question {
            id: IDENTITY,
            ask: Ask::Sh(IDENTITY_SCRIPT),
            why: "which machine this is: one machine with many addresses is one machine",
            needs: Needs::Login,
            loss: "The machine may be counted twice; its UUID and serial number are told to root only.",
        },
        Question {
            id: INTERFACES,
            ask: Ask::Sh(INTERFACES_SCRIPT),
            why: "the machine's hardware addresses and IP addresses",
            needs: Needs::Login,
            loss: "The machine's other addresses may count as machines of their own.",
        },
        Question {
            id: NAMES,
            ask: Ask::Sh(NAMES_SCRIPT),
            why: "the host's own names, without asking DNS",
            needs: Needs::Login,
            loss: "The host's own name is unknown.",
        },
        Question {
            id: VIRTUAL,
            ask: Ask::Sh(VIRTUAL_SCRIPT),
            why: "whether it is a virtual machine or a container, which shares its host's kernel",
            needs: Needs::Login,
            loss: "A container may be blamed for its host's kernel.",
        },
        state::ASK_SOURCES,
        state::ASK_REFRESHED,
        state::ASK_SUBSCRIPTION,
        state::ASK_PRODUCTS,
        state::ASK_MODULES,
        state::ASK_LIVE_PATCHES,
        state::ASK_STALE,
        state::ASK_HISTORY,
        state::ASK_CONTAINERS,
        questions::ASK_RPM,
        questions::ASK_RPM_REPOSITORIES,
        questions::ASK_APK,
        questions::ASK_PACMAN,
        questions::ASK_PKG,
        questions::ASK_FREEBSD_BASE,
        questions::ASK_OPKG,
        questions::ASK_PORTAGE,
        questions::ASK_SNAPS,
        questions::ASK_FLATPAKS,
        questions::ASK_BREW,
        questions::ASK_MAC_APPLICATIONS,
        questions::ASK_MAC_RECEIPTS,
    ],
};

pub(super) const UNAME: &str = "uname";
pub(super) const OS_RELEASE: &str = "os-release";
pub(super) const RELEASE_FILES: &str = "release-files";
pub(super) const DPKG_PACKAGES: &str = "dpkg-packages";
pub(super) const DPKG_TIMES: &str = "dpkg-times";
pub(super) const KERNELS: &str = "kernels";
pub(super) const REBOOT: &str = "reboot";
pub(super) const LISTENERS: &str = "listeners";
pub(super) const IDENTITY: &str = "identity";
pub(super) const INTERFACES: &str = "interfaces";
pub(super) const NAMES: &str = "names";
pub(super) const VIRTUAL: &str = "virtual";

/// `limited` runs a tool for at most 30 s where `timeout` works as in coreutils; macOS has none, but an
/// alarm. `read_first` prints the first of some files, and says why when it cannot.
pub(super) const PRELUDE: &str = r#"LC_ALL=C; LANG=C; LANGUAGE=C; export LC_ALL LANG LANGUAGE
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; export PATH
unset GREP_OPTIONS DPKG_COLORS DPKG_ROOT DPKG_ADMINDIR LS_COLORS 2>/dev/null
umask 077
have() { command -v "$1" >/dev/null 2>&1; }
if have timeout && timeout 1 true >/dev/null 2>&1 </dev/null; then
  limited() { timeout 30 "$@"; }
elif have sw_vers && have perl; then
  limited() { perl -e 'alarm 30; exec @ARGV' "$@"; }
else
  limited() { "$@"; }
fi
read_first() {
  cause=120
  for file in "$@"; do
    if [ -r "$file" ]; then cat "$file"; return 0; fi
    if [ -e "$file" ]; then cause=121; fi
  done
  return $cause
}"#;

const OS_RELEASE_SCRIPT: &str = "read_first /etc/os-release /usr/lib/os-release || exit $?";

/// `file<TAB>line` for every line of every release file, and of what says which branch Alpine follows.
const RELEASE_FILES_SCRIPT: &str = r#"for file in /etc/debian_version /etc/oracle-release /etc/enterprise-release /etc/centos-release /etc/system-release \
  /etc/redhat-release /etc/alpine-release /etc/apk/repositories /etc/SuSE-release /etc/lsb-release /etc/openwrt_release \
  /etc/gentoo-release /etc/rpi-issue /etc/version /usr/local/opnsense/version/core /etc/platform; do
  [ -f "$file" ] && [ -r "$file" ] || continue
  while read -r line || [ -n "$line" ]; do printf '%s\t%s\n' "$file" "$line"; done <"$file"
done
have freebsd-version && printf 'freebsd-version\t%s\n' "$(freebsd-version -u)"
have sw_vers && printf 'sw_vers\t%s\n' "$(sw_vers -productVersion)"
exit 0"#;

/// Only fields that every dpkg since squeeze has; `db-fsys:Last-Modified` (1.19.3) is empty before.
/// `Source` and `Status` are read here and not by dpkg's virtual fields, which came later.
const DPKG_PACKAGES_SCRIPT: &str = r"have dpkg-query || exit 120
limited dpkg-query -W -f='${Package}\t${Version}\t${Architecture}\t${Source}\t${Status}\t${db-fsys:Last-Modified}\t${Maintainer}\n'";

/// `seconds path`, and nothing where dpkg itself knows the times.
const DPKG_TIMES_SCRIPT: &str = r#"have dpkg-query || exit 120
[ -z "$(dpkg-query -W -f='${db-fsys:Last-Modified}' dpkg)" ] || exit 0
cd /var/lib/dpkg/info || exit 121
have stat || exit 120
limited stat -c '%Y %n' ./*.list
exit 0"#;

/// `modules<TAB>release` and `boot<TAB>release`.
const KERNELS_SCRIPT: &str = r#"[ "$(uname -s)" = Linux ] || exit 120
for entry in /lib/modules/*; do
  [ -d "$entry" ] && printf 'modules\t%s\n' "${entry##*/}"
done
for entry in /boot/vmlinuz-*; do
  [ -e "$entry" ] && printf 'boot\t%s\n' "${entry##*/vmlinuz-}"
done
exit 0"#;

/// `required`, `package<TAB>name` for those that asked, and `boot<TAB>seconds` since when it runs.
const REBOOT_SCRIPT: &str = r#"[ "$(uname -s)" = Linux ] || exit 120
for file in /run/reboot-required /var/run/reboot-required /run/reboot-needed; do
  if [ -e "$file" ]; then echo required; break; fi
done
for file in /run/reboot-required.pkgs /var/run/reboot-required.pkgs; do
  [ -r "$file" ] || continue
  while read -r line || [ -n "$line" ]; do printf 'package\t%s\n' "$line"; done <"$file"
  break
done
sed -n 's/^btime /boot	/p' /proc/stat
exit 0"#;

/// A line `# FORMAT`, then what the first tool that works says; after `# users`, `uid<TAB>name` for
/// the accounts that own a socket and no other.
pub(super) const LISTENERS_SCRIPT: &str = r#"users() {
  [ -r /etc/passwd ] || return 0
  echo '# users'
  while IFS=: read -r name skip uid rest; do
    case " $1 " in *" $uid "*) printf '%s\t%s\n' "$uid" "$name";; esac
  done </etc/passwd
}
newline='
'
if [ "$(uname -s)" = Linux ]; then
  if have ss && out=$(limited ss -tulnpe); then
    case $out in *"$newline"*)
      printf '# ss\n%s\n' "$out"
      users "$(printf '%s\n' "$out" | sed -n 's/.* uid:\([0-9][0-9]*\).*/\1/p' | sort -u | tr '\n' ' ')"
      exit 0;;
    esac
  fi
  if have netstat && out=$(limited netstat -tulnp); then
    case $out in *"$newline"*) printf '# netstat\n%s\n' "$out"; exit 0;; esac
  fi
  [ -e /proc/net/tcp ] || exit 120
  [ -r /proc/net/tcp ] || exit 121
  for table in tcp tcp6 udp udp6; do
    [ -r /proc/net/$table ] && printf '# proc %s\n' "$table" && cat "/proc/net/$table"
  done
  users "$(cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 | awk '{ print $8 }' | sort -u | tr '\n' ' ')"
  exit 0
fi
if have sockstat && out=$(limited sockstat -46l); then printf '# sockstat\n%s\n' "$out"; exit 0; fi
have netstat || exit 120
echo '# bsd'
limited netstat -an -f inet || exit 121
limited netstat -an -f inet6
exit 0"#;

/// `name<TAB>value`, or `name<TAB>!` for a fact that is there and needs more rights.
pub(super) const IDENTITY_SCRIPT: &str = r#"fact() {
  [ -e "$2" ] || return 0
  if [ -r "$2" ] && value=$(tr -d '\000' <"$2"); then
    printf '%s\t%s\n' "$1" "$value"
  else
    printf '%s\t!\n' "$1"
  fi
}
fact machine-id /etc/machine-id
fact machine-id /var/lib/dbus/machine-id
fact boot-id /proc/sys/kernel/random/boot_id
fact product-uuid /sys/class/dmi/id/product_uuid
fact product-serial /sys/class/dmi/id/product_serial
fact sys-vendor /sys/class/dmi/id/sys_vendor
fact product-name /sys/class/dmi/id/product_name
fact product-serial /proc/device-tree/serial-number
fact product-name /proc/device-tree/model
if have kenv; then
  for pair in product-uuid:smbios.system.uuid product-serial:smbios.system.serial sys-vendor:smbios.system.maker product-name:smbios.system.product; do
    value=$(kenv -q "${pair#*:}") && printf '%s\t%s\n' "${pair%%:*}" "$value"
  done
fi
if have ioreg; then
  ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatformUUID" = "\(.*\)"/product-uuid	\1/p; s/.*"IOPlatformSerialNumber" = "\(.*\)"/product-serial	\1/p'
fi
exit 0"#;

/// `link<TAB>name<TAB>device|virtual<TAB>mac`, then `# ip` or `# ifconfig` and what that tool says.
const INTERFACES_SCRIPT: &str = r#"for link in /sys/class/net/*; do
  [ -r "$link/address" ] || continue
  kind=virtual
  [ -e "$link/device" ] && kind=device
  printf 'link\t%s\t%s\t%s\n' "${link##*/}" "$kind" "$(cat "$link/address")"
done
if have ip; then echo '# ip'; limited ip -o addr && exit 0; fi
have ifconfig || exit 120
echo '# ifconfig'
limited ifconfig -a || exit 121"#;

/// `uname<TAB>name`, and `hosts<TAB>names` for the lines of /etc/hosts that speak of it. Not
/// `hostname -f`: it asks DNS, and hangs where DNS does.
const NAMES_SCRIPT: &str = r#"name=$(uname -n)
short=${name%%.*}
printf 'uname\t%s\n' "$name"
[ -r /etc/hosts ] || exit 0
while read -r address names; do
  case " $names " in *" $short "*|*" $short."*) printf 'hosts\t%s %s\n' "$address" "$names";; esac
done </etc/hosts
exit 0"#;

/// `virt<TAB>word`, `container<TAB>word`.
const VIRTUAL_SCRIPT: &str = r#"have systemd-detect-virt && printf 'virt\t%s\n' "$(systemd-detect-virt)"
[ -e /.dockerenv ] && printf 'container\tdocker\n'
[ -e /run/.containerenv ] && printf 'container\tpodman\n'
[ -r /run/systemd/container ] && printf 'container\t%s\n' "$(cat /run/systemd/container)"
exit 0"#;
