#!/usr/bin/env python3
"""Package databases that the real tools made, as the tools and as underdesk read them.

    linux_databases.py --binary PATH [--keep DIR]

Builds a few small packages with what a system's own builder has to offer (epochs, sources, module labels,
vendors, two architectures, several versions), installs them with its own package manager below a root of
their own, and puts a busybox and underdesk beside them. Then `underdesk scan --local` reads that root from
inside, and three answers have to agree: the package manager's own, the one that our questions got, and the
rows of software.csv. A system whose tools are not installed is skipped, and said to be.

Runs as root, for chroot. --keep leaves the two lists of each system in a folder, as tab-separated values.
Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

COLUMNS = ("name", "version", "arch", "source", "module", "vendor", "installed")
VENDOR = "Underdesk Test"
PACKAGER = "Underdesk Test <test@example.invalid>"
# busybox has package managers of its own.
NOT_BUSYBOX = {"rpm", "rpm2cpio", "dpkg", "dpkg-deb"}
OS_RELEASE = {
    "rpm": 'ID="almalinux"\nNAME="AlmaLinux"\nVERSION_ID="9.4"\nID_LIKE="rhel centos fedora"\n',
    "pacman": 'ID=arch\nNAME="Arch Linux"\nBUILD_ID=rolling\n',
    "apk": 'ID=alpine\nNAME="Alpine Linux"\nVERSION_ID=3.22.1\n',
}


class Report:
    """What was found, a line each."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, text, detail=""):
        if holds:
            self.passed += 1
            print(f"ok {text}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED {text}: {' '.join(str(detail).split())[:1500]}", flush=True)

    def skip(self, text):
        self.skipped += 1
        print(f"SKIPPED: {text}", flush=True)


def run(*command, **options):
    """What a command prints. Its failure is ours."""
    command = [str(word) for word in command]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


# rpm

SPECS = {
    "ud-plain": "Version: 1.0\nRelease: 1.el9\n",
    "ud-epoch": f"Epoch: 2\nVersion: 1.0~rc1^git1\nRelease: 3.el9_4.1\nVendor: {VENDOR}\n",
    "ud-module": "Version: 5.32.1\nRelease: 451.module_el8.6.0+2877+8e437bf5\n"
                 "ModularityLabel: perl:5.32:8030020200:1e4bbb35\n",
}
KERNELS = {"ud-kernel": ("5.14.0", "427.13.1.el9_4"), "ud-kernel-new": ("5.14.0", "427.16.1.el9_4")}


def spec(name, lines, sub=False):
    text = f"Name: {name}\n{lines}Summary: A test\nLicense: MIT\n%description\nA test.\n"
    if sub:
        text += "%package libs\nSummary: A test\n%description libs\nA test.\n%files libs\n"
    return text + "%files\n"


def build_rpms(work):
    top = work / "rpmbuild"
    for name, lines in SPECS.items():
        path = work / f"{name}.spec"
        path.write_text(spec(name, lines, sub=name == "ud-epoch"))
        for target in ("x86_64", "i686") if name == "ud-plain" else ("x86_64",):
            run("rpmbuild", "-bb", "--target", target, "--define", f"_topdir {top}", path)
    for name, (version, release) in KERNELS.items():
        path = work / f"{name}.spec"
        path.write_text(spec("ud-kernel", f"Version: {version}\nRelease: {release}\nVendor: {VENDOR}\n"))
        run("rpmbuild", "-bb", "--target", "noarch", "--define", f"_topdir {top}", path)
    return sorted(top.glob("RPMS/*/*.rpm"))


def rpm(work, root):
    """Fills a database, and says what rpm has in it: from its XML, which no query format touches."""
    (root / "etc/rpm").mkdir(parents=True)
    (root / "etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n")
    place = ("rpm", "--root", root, "--dbpath", "/var/lib/rpm")
    run(*place, "-i", "--nosignature", "--ignorearch", "--nodeps", *build_rpms(work))
    said = run(*place, "-qa", "--xml")
    found = []
    for text in re.findall(r"<rpmHeader>.*?</rpmHeader>", said, re.DOTALL):
        tags = {tag.get("name"): [value.text for value in tag] for tag in xml.etree.ElementTree.fromstring(text)}
        one = {name: values[0] for name, values in tags.items() if values}
        epoch = one.get("Epoch", "0")
        version = f"{one['Version']}-{one['Release']}"
        found.append({
            "name": one["Name"], "version": version if epoch == "0" else f"{epoch}:{version}", "arch": one["Arch"],
            "source": one["Sourcerpm"], "module": one.get("Modularitylabel", ""), "vendor": one.get("Vendor", ""),
            "installed": one["Installtime"]})
    programs = [shutil.which("rpm")]
    shutil.copytree("/usr/lib/rpm", root / "usr/lib/rpm", symlinks=True, dirs_exist_ok=True)
    return found, programs


def rpm_answer(text):
    for line in text.splitlines():
        name, epoch, version, release, arch, source, installed, module, vendor = line.split("\t")
        evr = f"{version}-{release}"
        none = {"(none)": ""}
        yield {"name": name, "version": evr if epoch == "0" else f"{epoch}:{evr}", "arch": arch, "source": source,
               "module": none.get(module, module), "vendor": none.get(vendor, vendor), "installed": installed}


# pacman

PACMAN = {
    "ud-libs": ("1:1.0.r3.gabc123-1.1", "ud-base", "x86_64"),
    "ud-plain": ("6.6.1.arch1-2", "ud-plain", "any"),
    "ud-rc": ("2.0rc1+2-1", "ud-rc", "x86_64"),
}


def build_pacman(work, name):
    version, base, arch = PACMAN[name]
    folder = work / "pacman" / name
    (folder / "usr/share" / name).mkdir(parents=True)
    (folder / "usr/share" / name / "file").write_text("a test\n")
    (folder / ".PKGINFO").write_text(
        f"pkgname = {name}\npkgbase = {base}\npkgver = {version}\npkgdesc = A test\nurl = https://example.invalid/\n"
        f"builddate = 1700000000\npackager = {PACKAGER}\nsize = 7\narch = {arch}\nlicense = MIT\n")
    package = work / f"{name}-{version}-{arch}.pkg.tar"
    run("tar", "-C", folder, "-cf", package, ".PKGINFO", "usr")
    return package


def pacman(work, root):
    """Fills a database, and says what pacman has in it. It does not tell the base: that we built."""
    database = root / "var/lib/pacman"
    database.mkdir(parents=True)
    config = work / "pacman.conf"
    config.write_text("[options]\nArchitecture = x86_64\nSigLevel = Never\nLocalFileSigLevel = Never\n")
    place = ["pacman", "--root", root, "--dbpath", database, "--config", config]
    elsewhere = ["--cachedir", work, "--logfile", work / "pacman.log", "--gpgdir", work, "--hookdir", work / "hooks"]
    run(*place, *elsewhere, "--noconfirm", "-U", *(build_pacman(work, name) for name in PACMAN))
    found = []
    for text in run(*place, "-Qi").strip().split("\n\n"):
        one = dict(re.findall(r"^(\S[^:]*?) *: (.*)$", text, re.MULTILINE))
        time = run("date", "-u", "-d", one["Install Date"], "+%s").strip()
        found.append({
            "name": one["Name"], "version": one["Version"], "arch": one["Architecture"],
            "source": PACMAN[one["Name"]][1], "module": "", "vendor": one["Packager"], "installed": time})
    return found, []


def pacman_answer(text):
    title, *lines = text.splitlines()
    if title != f"# {len(lines)}":
        raise ValueError(f"{title} before {len(lines)} lines")
    for line in lines:
        name, version, base, arch, installed, _, packager = line.split("\t")
        yield {"name": name, "version": version, "arch": arch, "source": base, "module": "", "vendor": packager,
               "installed": installed}


# apk

APK = {
    "ud-libs": ("1.2.3_p1-r4", "ud", "x86_64"),
    "ud-plain": ("20240101_git20240102-r0", "ud-plain", "noarch"),
    "ud-letter": ("9.6b-r12", "ud-letter", "x86_64"),
}


def build_apk(work, name):
    version, origin, arch = APK[name]
    folder = work / "apk" / name
    (folder / "usr/share" / name).mkdir(parents=True)
    (folder / "usr/share" / name / "file").write_text("a test\n")
    package = work / f"{name}-{version}.apk"
    facts = {"name": name, "version": version, "origin": origin, "arch": arch, "license": "MIT",
             "maintainer": PACKAGER, "description": "A test"}
    info = [word for key, value in facts.items() for word in ("-I", f"{key}:{value}")]
    run("apk", "mkpkg", *info, "-F", folder, "-o", package)
    return package


def apk(work, root):
    """Fills a database, and says what apk has in it."""
    place = ["apk", "--root", root, "--arch", "x86_64", "--allow-untrusted", "--no-network",
             "--repositories-file", "/dev/null"]
    run(*place, "--initdb", "add", *(build_apk(work, name) for name in APK))
    fields = "name,version,arch,origin,maintainer"
    said = json.loads(run(*place, "query", "--installed", "--format", "json", "--fields", fields, "*"))
    found = [{"name": one["name"], "version": one["version"], "arch": one["arch"], "source": one["origin"], "module": "",
              "vendor": one["maintainer"], "installed": ""} for one in said]
    return found, []


def apk_answer(text):
    for block in text.strip().split("\n\n"):
        one = dict(line.split(":", 1) for line in block.splitlines())
        yield {"name": one["P"], "version": one["V"], "arch": one["A"], "source": one["o"], "module": "",
               "vendor": one["m"], "installed": ""}


# The root that is read

def copy_program(program, root):
    """A program and the libraries it loads, where it expects them."""
    loaded = re.findall(r"(/\S+) \(0x", run("ldd", program))
    for path in [str(program), *loaded]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def userland(root, system, binary, programs):
    """What a small host has: busybox for everything, and the package manager where it is asked."""
    busybox = shutil.which("busybox")
    for program in [busybox, *programs]:
        copy_program(program, root)
    copy_program(binary, root)
    shutil.move(root / str(binary).lstrip("/"), root / "underdesk")
    (root / "bin").mkdir(exist_ok=True)
    for applet in set(run(busybox, "--list").split()) - NOT_BUSYBOX:
        link = root / "bin" / applet
        if not link.exists():
            link.symlink_to(busybox)
    for name in ("dev", "etc", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "etc/os-release").write_text(OS_RELEASE[system])
    os.mknod(root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))


def read(root):
    """Reads the root from inside. What our questions got, by name, and the rows of software.csv."""
    command = [shutil.which("chroot"), str(root), "/underdesk", "--store", "/tmp/store.db", "scan", "--local", "--out", "/tmp/out",
               "--record", "/tmp/record"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"})
    answers = {path.stem: path.read_text() for path in root.glob("tmp/record/*/*.txt")}
    software = root / "tmp/out/software.csv"
    if not answers or not software.exists():
        raise RuntimeError(f"underdesk read nothing: exit status {done.returncode}, {done.stderr or done.stdout}")
    with open(software, encoding="utf-8-sig", newline="") as file:
        return answers, list(csv.DictReader(file))


def ordered(packages, columns=COLUMNS):
    return sorted(tuple(package[column] for column in columns) for package in packages)


def write(path, packages):
    lines = ["\t".join(COLUMNS), *("\t".join(row) for row in ordered(packages))]
    path.write_text("\n".join(lines) + "\n")


# What fills a database, which question asks for it, what reads the answer, and the tools that are needed.
SYSTEMS = {
    "rpm": (rpm, "rpm-packages", rpm_answer, ("rpm", "rpmbuild")),
    "pacman": (pacman, "pacman-packages", pacman_answer, ("pacman",)),
    "apk": (apk, "apk-packages", apk_answer, ("apk",)),
}


def check(system, binary, keep, report):
    fill, question, reader, _ = SYSTEMS[system]
    with tempfile.TemporaryDirectory(prefix=f"underdesk-{system}-") as folder:
        work, root = pathlib.Path(folder) / "work", pathlib.Path(folder) / "root"
        work.mkdir()
        root.mkdir()
        theirs, programs = fill(work, root)
        userland(root, system, binary, programs)
        answers, software = read(root)
    ours = list(reader(answers[question]))
    if keep:
        write(keep / f"{system}.tool.tsv", theirs)
        write(keep / f"{system}.underdesk.tsv", ours)
    differ = set(ordered(theirs)) ^ set(ordered(ours))
    report.that(len(theirs) > 2 and ordered(ours) == ordered(theirs),
                f"{system}: {len(theirs)} packages, in all that our question asks", sorted(differ))
    shown = ("name", "version", "arch")
    differ = set(ordered(theirs, shown)) ^ set(ordered(software, shown))
    report.that(ordered(software, shown) == ordered(theirs, shown),
                f"{system}: {len(software)} rows of software.csv", sorted(differ))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    report = Report()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    for system, (_, _, _, tools) in SYSTEMS.items():
        missing = [tool for tool in (*tools, "busybox") if not shutil.which(tool)]
        if os.getuid() != 0 or missing:
            report.skip(f"{system}: {', '.join(missing) or 'root'} is not here: no database by the real tools")
            continue
        try:
            check(system, arguments.binary.resolve(), arguments.keep, report)
        except (RuntimeError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            report.that(False, system, repr(error))
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
