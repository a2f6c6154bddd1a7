//! What every Unix is asked about its state.
//!
//! Cheap on purpose: a question that a system has no use for ends before it starts a process, and
//! many files are read by one process. Addresses may hold passwords (`https://user:secret@host/`):
//! those are taken out before they leave the host.

use crate::session::{Ask, Needs, Question};

pub(in crate::collect) const SOURCES: &str = "package-sources";
pub(in crate::collect) const REFRESHED: &str = "package-lists";
pub(in crate::collect) const SUBSCRIPTION: &str = "subscription";
pub(in crate::collect) const PRODUCTS: &str = "products";
pub(in crate::collect) const MODULES: &str = "module-streams";
pub(in crate::collect) const LIVE_PATCHES: &str = "live-patches";
pub(in crate::collect) const STALE: &str = "stale-files";
pub(in crate::collect) const HISTORY: &str = "history";
pub(in crate::collect) const CONTAINERS: &str = "containers";
pub(in crate::collect) const CONTAINER_NAMES: &str = "container-names";

/// Where packages come from.
pub(in crate::collect) const ASK_SOURCES: Question = Question {
    id: SOURCES,
    ask: Ask::Sh(SOURCES_SCRIPT),
    why: "where updates come from, and whether anybody on the way could change them",
    needs: Needs::Login,
    loss: "Where updates come from is unknown, and whether that is safe.",
};

/// When the lists of packages were last fetched.
pub(in crate::collect) const ASK_REFRESHED: Question = Question {
    id: REFRESHED,
    ask: Ask::Sh(REFRESHED_SCRIPT),
    why: "when the host last learned which updates there are",
    needs: Needs::Login,
    loss: "How old the host's knowledge of updates is is unknown.",
};

/// What the host is entitled to.
pub(in crate::collect) const ASK_SUBSCRIPTION: Question = Question {
    id: SUBSCRIPTION,
    ask: Ask::Sh(SUBSCRIPTION_SCRIPT),
    why: "which fixes beyond those for everybody the host may have",
    needs: Needs::Login,
    loss: "Fixes that need a subscription are undecided.",
};

/// Which products of SUSE are installed.
pub(in crate::collect) const ASK_PRODUCTS: Question = Question {
    id: PRODUCTS,
    ask: Ask::Sh(PRODUCTS_SCRIPT),
    why: "which products and modules SUSE's advisories may speak of",
    needs: Needs::Login,
    loss: "On SUSE it is guessed by the release which advisories apply.",
};

/// Which module streams are enabled.
pub(in crate::collect) const ASK_MODULES: Question = Question {
    id: MODULES,
    ask: Ask::Sh(MODULES_SCRIPT),
    why: "which streams of a module its advisories may speak of",
    needs: Needs::Login,
    loss: "Advisories about module streams are undecided.",
};

/// Which patches the running kernel has.
pub(in crate::collect) const ASK_LIVE_PATCHES: Question = Question {
    id: LIVE_PATCHES,
    ask: Ask::Sh(LIVE_PATCHES_SCRIPT),
    why: "whether the running kernel was patched without a reboot",
    needs: Needs::Login,
    loss: "A kernel that was patched while it runs is reported as the old one.",
};

/// Which programs run code that was replaced on disk.
pub(in crate::collect) const ASK_STALE: Question = Question {
    id: STALE,
    ask: Ask::Sh(STALE_SCRIPT),
    why: "which programs still run what an update has replaced",
    needs: Needs::Login,
    loss: "Programs that still run what an update has replaced are not seen; those of other accounts are shown to root only.",
};

/// What was installed when and by whom.
pub(in crate::collect) const ASK_HISTORY: Question = Question {
    id: HISTORY,
    ask: Ask::Sh(HISTORY_SCRIPT),
    why: "which updates were installed when and by whom",
    needs: Needs::Login,
    loss: "Which updates were installed when and by whom is unknown; some logs are open to root only.",
};

/// Which containers run.
pub(in crate::collect) const ASK_CONTAINERS: Question = Question {
    id: CONTAINERS,
    ask: Ask::Sh(CONTAINERS_SCRIPT),
    why: "which containers run; what is in them is not looked at",
    needs: Needs::Login,
    loss: "Which containers run is unknown; some are shown to root only.",
};

/// What a container daemon says; for root alone.
pub(in crate::collect) const ASK_CONTAINER_NAMES: Question = Question {
    id: CONTAINER_NAMES,
    ask: Ask::Sh(CONTAINER_NAMES_SCRIPT),
    why: "names and images of the containers that run, from a daemon that runs already",
    needs: Needs::Root,
    loss: "Containers have no names and images.",
};

/// `# path`, then the lines of that file that matter; `denied<TAB>path` for one that may not be read.
const SOURCES_SCRIPT: &str = r##"set --
cause=120
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources /etc/apt/apt.conf /etc/apt/apt.conf.d/* /etc/yum.conf /usr/share/dnf5/libdnf.conf.d/*.conf /etc/dnf/libdnf5.conf.d/*.conf /etc/dnf/dnf.conf /etc/yum.repos.d/*.repo /etc/distro.repos.d/*.repo /etc/dnf/repos.override.d/*.repo /etc/zypp/zypp.conf /etc/zypp/repos.d/*.repo /etc/apk/repositories /etc/apk/repositories.d/*.list /etc/pacman.conf /etc/pacman.d/mirrorlist /etc/pkg/*.conf /usr/local/etc/pkg/repos/*.conf /etc/opkg.conf /etc/opkg/*.conf; do
  [ -f "$file" ] || continue
  if [ -r "$file" ]; then set -- "$@" "$file"; else cause=121; printf 'denied\t%s\n' "$file"; fi
done
[ $# -gt 0 ] || exit $cause
limited awk '
FNR == 1 { head = "# " FILENAME; kept = 0; servers = 0 }
FNR > 5000 { next }
FILENAME ~ /\/apt\/apt\.conf/ && !/Allow|Verify/ { next }
/^[ \t]*(#|\/\/)/ { next }
FILENAME ~ /\/(yum|dnf|zypp|pacman)\.conf$|\.repo$|libdnf/ {
  if (/^[ \t]*\[/) kept = 0
  else if (/^[ \t]*(enabled|baseurl|mirrorlist|metalink|gpgcheck|pkg_gpgcheck|repo_gpgcheck|sslverify|SigLevel|Server|Include)[ \t]*=/) kept = 1
  else if (/^[ \t]+[^ \t]/ && kept) kept = 1
  else { kept = 0; next }
}
FILENAME ~ /\/mirrorlist$/ { if (!/^[ \t]*Server/ || servers++) next }
{
  gsub(/:\/\/[^\/@ ]*@/, "://")
  if (head != "") print head
  head = ""
  print substr($0, 1, 4000)
}' "$@"
exit 0"##;

/// `seconds path` for what an update of the lists leaves behind.
const REFRESHED_SCRIPT: &str = r#"set --
for file in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists /var/cache/dnf/last_makecache /var/cache/dnf/*/repodata/repomd.xml /var/cache/dnf/*/repodata/*primary* /var/cache/libdnf5/*/repodata/repomd.xml /var/cache/libdnf5/*/repodata/*primary* /var/cache/yum/*/*/*/cachecookie /var/cache/yum/*/cachecookie /var/cache/zypp/raw/*/repodata/repomd.xml /var/cache/zypp/solv/*/cookie /var/cache/apk/APKINDEX.*.tar.gz /etc/apk/cache/APKINDEX.*.tar.gz /var/lib/pacman/sync /var/db/pkg/repo-*.sqlite /var/db/pkg/repos/*/db /var/opkg-lists /tmp/opkg-lists; do
  [ -e "$file" ] && set -- "$@" "$file"
done
if [ $# -eq 0 ]; then
  for folder in /var/lib/apt /var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/cache/zypp /var/cache/apk /var/lib/pacman /var/db/pkg; do
    if [ -d "$folder" ] && [ ! -r "$folder" ]; then exit 121; fi
  done
  exit 120
fi
have stat || exit 120
limited stat -c '%Y %n' "$@" || limited stat -f '%m %N' "$@"
exit 0"#;

/// `rhsm<TAB>yes|no`, `scc<TAB>yes|no`, `pro<TAB>none` where Ubuntu's client is not there, or `# pro` and
/// then its status file.
const SUBSCRIPTION_SCRIPT: &str = r"cause=120
if [ -d /etc/rhsm ] || [ -d /etc/pki/consumer ]; then
  cause=0
  if [ -e /etc/pki/consumer/cert.pem ]; then printf 'rhsm\tyes\n'
  elif [ -d /etc/pki/consumer ] && [ ! -x /etc/pki/consumer ]; then exit 121
  else printf 'rhsm\tno\n'; fi
fi
if [ -d /etc/products.d ]; then
  cause=0
  if [ -e /etc/zypp/credentials.d/SCCcredentials ]; then printf 'scc\tyes\n'
  elif [ -d /etc/zypp/credentials.d ] && [ ! -x /etc/zypp/credentials.d ]; then exit 121
  else printf 'scc\tno\n'; fi
fi
status=/var/lib/ubuntu-advantage/status.json
if [ -r $status ]; then
  echo '# pro'
  sed 's#://[^/@ ]*@#://#g' $status
  exit 0
fi
if [ -e $status ]; then exit 121; fi
if [ -d /etc/apt ] && ! have pro && ! have ua; then printf 'pro\tnone\n'; exit 0; fi
exit $cause";

/// `# path`, and the first `<name>` and `<version>` of each product file.
const PRODUCTS_SCRIPT: &str = r##"[ -d /etc/products.d ] || exit 120
set --
for file in /etc/products.d/*.prod; do
  [ -r "$file" ] && set -- "$@" "$file"
done
[ $# -gt 0 ] || exit 121
limited awk 'FNR == 1 { print "# " FILENAME; name = 0; version = 0 }
!name && /<name>/ { name = 1; print }
!version && /<version>/ { version = 1; print }' "$@"
exit 0"##;

/// The lines `[name]`, `name=`, `stream=` and `state=` of every module file.
const MODULES_SCRIPT: &str = r#"[ -d /etc/dnf/modules.d ] || exit 120
[ -r /etc/dnf/modules.d ] || exit 121
set --
for file in /etc/dnf/modules.d/*.module; do
  [ -r "$file" ] && set -- "$@" "$file"
done
[ $# -eq 0 ] || limited grep -hE '^ *(\[|(name|stream|state) *=)' "$@"
exit 0"#;

/// `patch<TAB>name<TAB>0|1`, and `ksplice<TAB>release` for the release that Ksplice has made of it.
const LIVE_PATCHES_SCRIPT: &str = r#"[ -d /sys/kernel ] || exit 120
for patch in /sys/kernel/livepatch/* /sys/kernel/kpatch/* /sys/kernel/kpatch/patches/*; do
  [ -e "$patch/enabled" ] || continue
  read -r on <"$patch/enabled" || exit 121
  printf 'patch\t%s\t%s\n' "${patch##*/}" "$on"
done
have uptrack-uname && printf 'ksplice\t%s\n' "$(limited uptrack-uname -r)"
exit 0"#;

/// `stale<TAB>program<TAB>file` for each pair once; `denied<TAB>count` of processes that may not be looked
/// into. A kernel thread has no command line and no program.
const STALE_SCRIPT: &str = r#"[ -e /proc/self/maps ] || exit 120
[ -d /proc/1 ] || exit 121
{ ls -ln /proc/[0-9]*/exe; grep '^[^ ]* ..x.*(deleted)$' /dev/null /proc/[0-9]*/maps; } | limited awk '
/ \/proc\/[0-9]+\/exe/ {
  at = index($0, "/proc/"); rest = substr($0, at + 6)
  pid = rest; sub(/\/.*/, "", pid)
  to = index(rest, " -> ")
  if (to) { exe[pid] = substr(rest, to + 4); if (exe[pid] ~ / \(deleted\)$/) own[pid] = 1; next }
  file = "/proc/" pid "/cmdline"
  if ((getline line < file) > 0) denied++
  close(file)
  next
}
/^\/proc\/[0-9]+\/maps:/ {
  pid = substr($0, 7); sub(/\/.*/, "", pid)
  at = index($0, " /"); if (!at) next
  pair = pid "\t" substr($0, at + 1)
  if (!(pair in seen)) { seen[pair] = 1; order[++count] = pair }
}
END {
  for (pid in own) order[++count] = pid "\t" exe[pid]
  for (i = 1; i <= count; i++) {
    split(order[i], part, "\t"); program = exe[part[1]]; file = part[2]
    sub(/ \(deleted\)$/, "", program); sub(/ \(deleted\)$/, "", file)
    if (program == "" || (program, file) in told) continue
    told[program, file] = 1
    print "stale\t" program "\t" file
  }
  if (denied) print "denied\t" denied
}'
exit 0"#;

/// `# clock ZONE DAY`, then `# log NAME` before what a log says, and `denied<TAB>NAME` for one that may not
/// be read. The last of each log, up to some 60 kB.
const HISTORY_SCRIPT: &str = r#"cause=120
hide='s#://[^/@ ]*@#://#g'
date '+# clock %z %Y-%m-%d'
logs() {
  name=$1; shift; files=
  for file in "$@"; do
    folder=${file%/*}
    if [ -r "$file" ]; then files="$files $file"
    elif [ -e "$file" ] || { [ -d "$folder" ] && [ ! -x "$folder" ]; }; then
      [ $cause = 120 ] && cause=121
      printf 'denied\t%s\n' "$name"
      return 1
    fi
  done
  [ -n "$files" ] || return 1
  cause=0
  printf '\n# log %s\n' "$name"
}
if logs apt /var/log/apt/history.log; then
  files=
  for number in 12 11 10 9 8 7 6 5 4 3 2 1; do
    [ -r /var/log/apt/history.log.$number.gz ] && files="$files /var/log/apt/history.log.$number.gz"
  done
  { [ -n "$files" ] && limited gzip -dc $files | tail -c 60000; echo; tail -c 60000 /var/log/apt/history.log; } | sed "$hide"
elif logs dpkg /var/log/dpkg.log.1 /var/log/dpkg.log; then
  limited grep -hE '^[-0-9]+ [0-9:]+ (install|upgrade|remove) ' $files | tail -c 60000
fi
if logs zypp /var/log/zypp/history; then
  limited grep -hE '^[-0-9]+ [0-9:]+\|(command|install|remove) *\|' $files | tail -c 60000 | sed "$hide"
fi
if logs yum /var/log/yum.log; then tail -c 60000 $files; fi
if logs dnf /var/log/dnf.rpm.log.4 /var/log/dnf.rpm.log.3 /var/log/dnf.rpm.log.2 /var/log/dnf.rpm.log.1 /var/log/dnf.rpm.log; then
  limited grep -hE ' (Installed|Upgraded?|Downgraded?|Reinstalled|Erased?|Removed|Obsoleted): ' $files | tail -c 60000
fi
if logs apk /var/log/apk.log; then tail -c 60000 $files | sed "$hide"; fi
if logs pacman /var/log/pacman.log; then
  limited grep -hE '\] (\[ALPM\] )?(installed|upgraded|downgraded|reinstalled|removed) |Running ' $files | tail -c 60000 | sed "$hide"
fi
if [ -d /var/db/pkg ] && [ -x /usr/sbin/pkg ] && logs pkg /var/log/messages; then
  limited grep -hE ' pkg(-static)?\[[0-9]+\]: ' $files | tail -c 60000
fi
exit $cause"#;

/// `runtime<TAB>id<TAB>name`, from the programs that keep containers and from control groups.
const CONTAINERS_SCRIPT: &str = r#"have jls && { jls name | sed 's/^/jail		/'; exit 0; }
[ -e /proc/self/cmdline ] || exit 120
[ -d /proc/1 ] || exit 121
set -- $(grep -lE '[c]ontainerd-shim|[c]onmon|\[[l]xc monitor\]' /proc/[0-9]*/cmdline)
[ $# -eq 0 ] || cat "$@" | tr '\000' '\n' | awk '
function flush() { if (kind != "") print kind "\t" id "\t" name; kind = ""; id = ""; name = "" }
/(^|\/)(docker-)?containerd-shim[^\/]*$/ { flush(); kind = "containerd"; last = ""; next }
/(^|\/)conmon$/ { flush(); kind = "podman"; last = ""; next }
/^\[lxc monitor\] / { flush(); sub(/ *$/, ""); n = split($0, part, " "); print "lxc\t\t" part[n]; next }
kind == "containerd" && last == "-namespace" && $0 == "moby" { kind = "docker" }
kind != "podman" && kind != "" && last == "-id" { id = $0 }
kind != "podman" && kind != "" && last == "-workdir" { n = split($0, part, "/"); id = part[n] }
kind == "containerd" && last == "" && length($0) == 64 { kind = "docker"; id = $0 }
kind == "podman" && last == "-c" && id == "" { id = $0 }
kind == "podman" && last == "-n" && name == "" { name = $0 }
kind == "podman" && /\/crio(\/|$)/ { kind = "cri-o" }
{ last = $0 }
END { flush() }'
limited awk '
{
  line = $0
  if (match(line, /(docker|libpod|cri-containerd|crio)[-\/][0-9a-f]+/)) {
    text = substr(line, RSTART, RLENGTH)
    kind = text; sub(/[-\/][0-9a-f]+$/, "", kind); id = substr(text, length(kind) + 2)
    if (length(id) != 64) next
    if (FILENAME == "/proc/1/cgroup") { mine[id] = 1; next }
    if (id in mine || id in seen) next
    seen[id] = 1
    if (kind == "libpod") kind = "podman"
    if (kind == "cri-containerd") kind = "containerd"
    if (kind == "crio") kind = "cri-o"
    print kind "\t" id "\t"
  }
}' /proc/1/cgroup /proc/[0-9]*/cgroup
exit 0"#;

/// `runtime<TAB>id<TAB>name<TAB>image`, from a daemon that runs already: to ask is to start one that does
/// not.
const CONTAINER_NAMES_SCRIPT: &str = r#"running() {
  for file in "$@"; do
    [ -r "$file" ] && read -r pid <"$file" && [ -d "/proc/$pid" ] && return 0
  done
  return 1
}
if have docker && running /run/docker.pid /var/run/docker.pid; then
  limited docker ps --no-trunc --format 'docker	{{.ID}}	{{.Names}}	{{.Image}}'
fi
if have podman && grep -lE '[c]onmon' /proc/[0-9]*/cmdline | grep -q .; then
  limited podman ps --no-trunc --format 'podman	{{.ID}}	{{.Names}}	{{.Image}}'
fi
exit 0"#;
