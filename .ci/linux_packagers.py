"""Package databases made by the real tools of rpm and pacman, for linux_userlands.py.

A Debian userland with these tools gets another system's os-release, loses dpkg, and gets packages that are built and
installed by the tools themselves: empty ones, with the names, epochs, versions, sources, module labels and vendors of
that system. apk-tools are in no Debian release, so that there is no Alpine among them.
"""

import io
import pathlib
import shutil
import subprocess
import tarfile

VENDORS = {"almalinux": "AlmaLinux", "rocky": "Rocky Enterprise Software Foundation", "amzn": "Amazon Linux"}


def os_release(root, **fields):
    for path in ("etc/os-release", "usr/lib/os-release"):
        (root / path).unlink(missing_ok=True)
    text = "".join(f'{key}="{value}"\n' for key, value in fields.items())
    (root / "etc/os-release").write_text(text, encoding="utf-8")


def without_dpkg(root):
    """A system of rpm or pacman has no dpkg, nor Debian's own release file."""
    for path in root.glob("usr/bin/dpkg*"):
        path.unlink()
    shutil.rmtree(root / "var/lib/dpkg")
    (root / "etc/debian_version").unlink(missing_ok=True)


def inside(root, *words, **options):
    return subprocess.run(["chroot", root, *words], check=True, capture_output=True, text=True, **options).stdout


# rpm

def spec(source, version, packages, vendor):
    """The spec of one source, with no files in its packages."""
    number, _, release = version.rpartition("-")
    module = next((f"ModularityLabel: {one.module}\n" for one in packages if one.module), "")
    text = (f"Name: {source}\nVersion: {number}\nRelease: {release}\nSummary: nothing\nLicense: none\n"
            f"Vendor: {vendor}\n{module}%description\nNothing.\n")
    for one in packages:
        epoch, _, rest = one.version.rpartition(":")
        number, _, release = rest.rpartition("-")
        # A subpackage has a version of its own, and may not have the name of the main one.
        own = one.name == source
        if own and epoch:
            text = text.replace("Summary:", f"Epoch: {epoch}\nSummary:", 1)
        if not own:
            text += (f"%package -n {one.name}\nVersion: {number}\nRelease: {release}\nSummary: nothing\n"
                     f"Epoch: {epoch or 0}\n" + ("BuildArch: noarch\n" if one.arch == "noarch" else "")
                     + f"%description -n {one.name}\nNothing.\n")
        text += f"%files{'' if own else f' -n {one.name}'}\n"
    return text


def rpms(root, host, system):
    """Builds and installs a host's packages."""
    (root / "etc/rpm").mkdir(exist_ok=True)
    # Debian's rpm keeps a database in each user's home.
    (root / "etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n%_topdir /tmp/rpms\n%_build_id_links none\n"
                                         "%debug_package %{nil}\n", encoding="utf-8")
    inside(root, "mkdir", "-p", "/tmp/rpms")
    groups = {}
    for one in host.packages:
        arch = "x86_64" if one.arch == "noarch" else one.arch
        groups.setdefault((one.source, one.source_version, arch), []).append(one)
    for number, ((source, version, arch), packages) in enumerate(groups.items()):
        path = root / f"tmp/rpms/{number}.spec"
        path.write_text(spec(source, version, packages, VENDORS[system]), encoding="utf-8")
        inside(root, "rpmbuild", "-bb", "--quiet", "--nodeps", "--target", arch, f"/tmp/rpms/{number}.spec")
    files = [f"/{path.relative_to(root)}" for path in sorted(root.glob("tmp/rpms/RPMS/*/*.rpm"))]
    inside(root, "rpm", "-i", "--nodeps", "--ignorearch", *files)
    return len(files)


def rpm_says(root):
    """(name, version, architecture) of what rpm says is installed."""
    text = inside(root, "rpm", "-qa", "--qf", "%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n")
    rows = (line.split("\t") for line in text.splitlines())
    return sorted((name, version.removeprefix("0:"), arch) for name, version, arch in rows)


# pacman

def pacman_package(folder, name, version, base):
    """A package file with nothing but what pacman reads of it."""
    info = f"pkgname = {name}\npkgbase = {base}\npkgver = {version}\npkgdesc = nothing\nurl = none\n" \
           "builddate = 1700000000\npackager = Arch Linux\nsize = 0\narch = x86_64\n"
    path = pathlib.Path(folder) / f"{name}-{version}-x86_64.pkg.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member, text in ((".PKGINFO", info), (f"usr/share/own/{name}", "")):
            entry = tarfile.TarInfo(member)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path.name


def pacman(root, packages):
    """Installs packages of (name, version, base)."""
    folder = root / "tmp/own"
    folder.mkdir()
    (root / "etc/pacman.conf").write_text(
        "[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n", encoding="utf-8")
    names = [pacman_package(folder, *one) for one in packages]
    inside(root, "pacman", "-U", "--noconfirm", "-dd", *(f"/tmp/own/{name}" for name in names))
    return len(names)


def pacman_says(root):
    rows = (line.split(" ") for line in inside(root, "pacman", "-Q").splitlines())
    return sorted((name, version, "x86_64") for name, version in rows)
