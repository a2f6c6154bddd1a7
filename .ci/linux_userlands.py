#!/usr/bin/env python3
"""Real Debian userlands behind real OpenSSH servers of their own.

    linux_userlands.py --binary PATH [--shared DIR] [--cache FOLDER] [--only RELEASE]

For each Debian release that the mirror still has: a minimal userland by mmdebstrap (kept in the cache, as making one
takes half a minute), a copy of it in a temporary folder, and in that copy the release's own sshd, on loopback addresses
of a network namespace that has nothing else. underdesk logs in with a key, to accounts with the login shells of that
userland. software.csv must agree with the userland's dpkg-query line for line, and the findings with debsecan, fed the
userland's dpkg status file and the same advisories. A release that no catalogue speaks of must be called unknown.
Two more have databases that rpm and pacman made (linux_packagers.py); what is found there is what linux_oracle.py says.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import audit_lab
import linux_audit
import linux_documents
import linux_hosts
import linux_packagers
from audit import Report
from audit_checks import accesses, catalog, same_as_debsecan
from audit_lab import Lab, Server, Skip, rows, software
from linux_oracle import Host, Judge

# Release, its number where advisories speak of it, packages for the login shells that are tried in it.
RELEASES = {
    "bullseye": ("11", ()),
    "bookworm": ("12", ("mksh", "ksh93u+m")),
    "trixie": ("13", ("zsh", "fish", "tcsh", "busybox")),
    "forky": (None, ()),
}
# What rpm and pacman make their databases with, in a userland of this release.
TOOLS, TOOLS_OF = "bookworm", ("rpm", "pacman-package-manager")
# The account's shell by name: where the program is, and the file that it reads before any command.
SHELLS = {
    "bash": ("/bin/bash", ".bashrc"), "dash": ("/bin/dash", None), "rbash": ("/bin/rbash", None),
    "sh": ("/bin/sh", None), "zsh": ("/usr/bin/zsh", ".zshenv"), "tcsh": ("/usr/bin/tcsh", ".tcshrc"),
    "fish": ("/usr/bin/fish", ".config/fish/config.fish"), "mksh": ("/bin/mksh", None),
    "ksh93": ("/usr/bin/ksh93", None), "ash": ("/bin/ash", None),
}
REFUSED = {"nologin": "/usr/sbin/nologin", "false": "/bin/false"}
NOISE = "echo 'Welcome, dear user'\necho 'all you do is watched' >&2\nprintf 'no line break at the end'\n"
# Manuals and translations are nothing that is checked; the mirror's testing may be older than it says it may be.
OPTIONS = ["--quiet", "--mode=root", "--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"',
           "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/doc/*",
           "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*"]


@dataclasses.dataclass
class Userland:
    """A release: its userland in the cache, and the copy that is used."""

    release: str
    number: str | None
    kept: pathlib.Path
    root: pathlib.Path | None = None
    server: Server | None = None

    def dpkg(self):
        """What its own dpkg says is installed."""
        output = subprocess.run(
            ["chroot", self.root, "dpkg-query", "-W", "-f",
             "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"],
            check=True, capture_output=True, text=True).stdout
        lines = (line.split("\t") for line in output.splitlines())
        return sorted(tuple(line[:3]) for line in lines if line[3] not in ("config-files", "not-installed"))


def made(name, release, packages, cache):
    """A userland, from the cache or the mirror; and why there is none."""
    kept = cache / name
    if kept.is_dir():
        return kept, "from the cache"
    began = time.monotonic()
    fresh = cache / f"{name}.{os.getpid()}"
    include = ",".join(("openssh-server", "iproute2", *packages))
    done = subprocess.run(["mmdebstrap", *OPTIONS, f"--include={include}", release, fresh], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        return None, " ".join(done.stderr.split())[-300:]
    fresh.rename(kept)
    size = subprocess.run(["du", "-sm", kept], capture_output=True, text=True, check=True).stdout.split()[0]
    return kept, f"made in {time.monotonic() - began:.0f} s, {size} MB"


def userlands(cache, only, report):
    """All that can be had, two at a time."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = {release: (release, packages) for release, (_, packages) in RELEASES.items()}
    wanted["tools"] = (TOOLS, TOOLS_OF)
    wanted = {name: said for name, said in wanted.items() if not only or name in only}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = {name: pool.submit(made, name, *said, cache) for name, said in wanted.items()}
    found = []
    for name, future in futures.items():
        kept, how = future.result()
        if kept is None:
            report.skip(f"{name}: the mirror gives no userland: {how}")
            continue
        print(f"userland {name}: {how}", flush=True)
        found.append(name)
    return found


class OwnServer(Server):
    """The sshd of a userland, inside it."""

    def __init__(self, lab, userland, listen):
        super().__init__(lab, userland.release, listen, ())
        self.root = userland.root

    def start(self):
        folder = self.root / "etc/ssh/own"
        folder.mkdir()
        for key in (self.host_key, self.host_key.with_name(self.host_key.name + ".pub")):
            shutil.copy(key, folder / key.name)
        lines = [f"ListenAddress {place}" for place in self.listen]
        lines += [f"HostKey /etc/ssh/own/{self.host_key.name}", "PidFile none", "StrictModes no", "UsePAM yes",
                  "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel DEBUG1",
                  "AuthorizedKeysFile /etc/ssh/own/authorized"]
        (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.root / "run/sshd").mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "proc", "proc", self.root / "proc"], check=True, capture_output=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["chroot", self.root, "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/own/config"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for place in self.listen:
            host, port = place.rsplit(":", 1)
            self.await_port(host, int(port))

    def stop(self):
        super().stop()
        subprocess.run(["umount", self.root / "proc"], capture_output=True, check=False)


def started(lab, userland, network, fill=lambda root: None):
    """Copies the userland, fills it, makes its accounts, starts its sshd. Returns address -> account's shell."""
    userland.root = lab.root / f"root-{userland.release}"
    subprocess.run(["cp", "-a", "--reflink=auto", userland.kept, userland.root], check=True)
    fill(userland.root)
    busybox = next((path for path in ("bin/busybox", "usr/bin/busybox") if (userland.root / path).is_file()), None)
    if busybox:
        (userland.root / "bin/ash").symlink_to("busybox")
    here = {name: shell for name, shell in SHELLS.items() if os.path.lexists(userland.root / shell[0][1:])}
    wanted = here | {name: (program, None) for name, program in REFUSED.items()}
    addresses = {}
    for number, (name, (program, rc_file)) in enumerate(wanted.items(), 1):
        account(userland.root, name, program, 2000 + number)
        if rc_file and userland.number == "13":
            path = userland.root / "home" / name / rc_file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(NOISE, encoding="utf-8")
        addresses[f"127.0.{network}.{number}"] = name
    userland.server = OwnServer(lab, userland, [f"{address}:22" for address in addresses])
    lab.servers.append(userland.server)
    userland.server.start()
    public = lab.key("plain").with_name("plain.pub").read_text(encoding="utf-8")
    (userland.root / "etc/ssh/own/authorized").write_text(public, encoding="utf-8")
    return addresses


def account(root, name, program, number):
    """An account that only a key opens, with a file of its own for each database of accounts."""
    for path, line in (("etc/passwd", f"{name}:x:{number}:{number}::/home/{name}:{program}"),
                       ("etc/group", f"{name}:x:{number}:"), ("etc/shadow", f"{name}:*:19000:0:99999:7:::")):
        with open(root / path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    (root / "home" / name).mkdir()
    os.chown(root / "home" / name, number, number)


def scan(lab, userland, addresses, folder, store):
    entries = [lab.key_credential(name, lab.key("plain"), (address,), f"{userland.release}-{name}")
               for address, name in addresses.items()]
    known = userland.server.known_hosts(*addresses)
    return lab.run(store, "scan", *addresses, "-p", "22", "--credentials",
                   lab.credentials(f"{store}.toml", *entries), "--known-hosts", known, "--no-merge", "--out", folder,
                   seconds=150)


def shells(lab, report, userland, addresses):
    """Whatever the login shell, software.csv is what dpkg-query says."""
    folder = lab.folder(f"out-{userland.release}")
    began = time.monotonic()
    done = scan(lab, userland, addresses, folder, userland.release)
    theirs = userland.dpkg()
    for address, name in addresses.items():
        if name in REFUSED:
            codes = [code for code, _ in accesses(folder, address)]
            report.that(codes == ["shell_denied"], f"{userland.release}, login shell {name}: shell_denied", codes)
            continue
        ours = software(folder, address)
        report.that(ours == theirs, f"{userland.release}, login shell {name}: {len(theirs)} packages agree with "
                    "dpkg-query", f"{len(ours)} rows; {accesses(folder, address)} {done.err[-600:]}")
    print(f"{userland.release}: {len(addresses)} accounts in {time.monotonic() - began:.1f} s", flush=True)


def findings(lab, report, userland, addresses):
    """The findings are debsecan's; of a release that no catalogue speaks of, that it is unknown."""
    first = next(iter(addresses))
    folder = lab.folder(f"out-{userland.release}-findings")
    done = scan(lab, userland, {first: addresses[first]}, folder, f"{userland.release}-findings")
    if not lab.catalog:
        report.skip(f"{userland.release}: there are no advisories here (--shared): findings are not checked")
        return
    if userland.number is None:
        states = {row["state"] for row in rows(folder, "findings")}
        report.that("unknown" in states, f"{userland.release}: no catalogue speaks of it, and it is called unknown",
                    f"{states} {done.err[-600:]}")
        return
    if not shutil.which("debsecan"):
        report.skip(f"{userland.release}: debsecan is not installed: findings are not checked")
        return
    same_as_debsecan(lab, report, f"the userland of {userland.release}", folder, (userland.number, userland.release),
                     userland.root / "var/lib/dpkg/status", os.uname().release)


def other_managers(lab, report, kept):
    """Databases that rpm and pacman themselves made, of AlmaLinux 8 and of Arch."""
    documents = documents_known(lab, report) if lab.catalog else None
    real, _ = linux_hosts.made_up()["alma_8_streams"]
    packages = [one for one in real.packages if not one.name.startswith("kernel")]
    alma = Host("AlmaLinux 8 by rpm", "rpm", real.ecosystems, packages)
    arch = linux_hosts.made_up()["arch_rolling"][0]
    arch.name = "Arch by pacman"
    for network, (host, fill, says, kind) in enumerate(((alma, as_alma, linux_packagers.rpm_says, "alma"),
                                                        (arch, as_arch, linux_packagers.pacman_says, "arch")), 60):
        userland = Userland(host.manager, None, kept)
        try:
            addresses = started(lab, userland, network, lambda root: fill(root, host))
            first = next(iter(addresses))
            folder = lab.folder(f"out-{host.manager}")
            done = scan(lab, userland, {first: addresses[first]}, folder, host.manager)
            ours, theirs = software(folder, first), says(userland.root)
            report.that(ours == theirs, f"{host.name}: {len(theirs)} packages agree with {host.manager}",
                        f"{sorted(set(ours) ^ set(theirs))[:6]} {accesses(folder, first)} {done.err[-600:]}")
            if documents:
                found = list(linux_audit.findings(folder))
                linux_audit.check(report, host, found, Judge(host, documents.of(kind)).findings())
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            report.that(False, host.name, f"{error} {getattr(error, 'stderr', '')}")
        finally:
            if userland.server:
                userland.server.stop()


def documents_known(lab, report):
    """The catalogue gets AlmaLinux's and Arch's advisories, too."""
    data = lab.shared / "data/linux"
    done = lab.run("imports", "catalog", "import", data / "osv/AlmaLinux/all.zip",
                   data / "bulk/arch-security-json.json", seconds=280)
    known = report.that(done.code in (0, 3), "import of AlmaLinux's and Arch's advisories", done.err)
    return linux_documents.Documents(lab.shared) if known else None


def as_alma(root, host):
    linux_packagers.rpms(root, host, "almalinux")
    linux_packagers.os_release(root, NAME="AlmaLinux", VERSION="8.4 (Electric Cheetah)", ID="almalinux",
                               ID_LIKE="rhel centos fedora", VERSION_ID="8.4", PLATFORM_ID="platform:el8",
                               PRETTY_NAME="AlmaLinux 8.4 (Electric Cheetah)",
                               CPE_NAME="cpe:/o:almalinux:almalinux:8.4:GA")
    linux_packagers.without_dpkg(root)


def as_arch(root, host):
    linux_packagers.pacman(root, [(one.name, one.version, one.source) for one in host.packages])
    linux_packagers.os_release(root, NAME="Arch Linux", PRETTY_NAME="Arch Linux", ID="arch", BUILD_ID="rolling")
    linux_packagers.without_dpkg(root)
    for name in ("rpm", "rpmquery"):
        (root / "usr/bin" / name).unlink()
    shutil.rmtree(root / "var/lib/rpm")


def unfit(binary):
    """Why this cannot run here at all."""
    if os.geteuid() != 0:
        return "not root, which makes userlands and starts sshd in them"
    if not pathlib.Path(binary).is_file():
        return f"{binary} is not there"
    missing = [tool for tool in ("mmdebstrap", "chroot", "mount", "unshare") if not shutil.which(tool)]
    return f"{', '.join(missing)} is not installed" if missing else None


def enter_namespace():
    """Starts this program again with no network but loopback, and with mounts that nobody else sees."""
    if os.environ.get(audit_lab.IN_NAMESPACE):
        audit_lab.raise_loopback()
        return True
    words = ["unshare", "--net", "--mount", "--propagation", "private"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        return False
    os.environ[audit_lab.IN_NAMESPACE] = "1"
    sys.stdout.flush()
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--shared", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("target/userlands"))
    parser.add_argument("--only", action="append", choices=[*sorted(RELEASES), "tools"], default=[])
    args = parser.parse_args()
    why = unfit(args.binary)
    if why:
        print(f"SKIPPED: userlands: {why}")
        return 0
    report = Report()
    # The mirror is behind the network, the servers in a namespace without one.
    if not os.environ.get(audit_lab.IN_NAMESPACE):
        if not userlands(args.cache, args.only, report):
            print("SKIPPED: userlands: the mirror gives none")
            return 0
    if not enter_namespace():
        print("SKIPPED: userlands: no namespaces of our own can be had here")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Lab(args.binary, args.shared) as lab:
        try:
            catalog(lab, report)
        except Skip as reason:
            report.skip(str(reason))
        for network, release in enumerate(RELEASES, 50):
            kept = args.cache / release
            if not kept.is_dir() or (args.only and release not in args.only):
                continue
            userland = Userland(release, RELEASES[release][0], kept)
            try:
                addresses = started(lab, userland, network)
                shells(lab, report, userland, addresses)
                findings(lab, report, userland, addresses)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                report.that(False, release, f"{error} {getattr(error, 'stderr', '')}")
            finally:
                if userland.server:
                    userland.server.stop()
        if (args.cache / "tools").is_dir() and (not args.only or "tools" in args.only):
            other_managers(lab, report, args.cache / "tools")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
