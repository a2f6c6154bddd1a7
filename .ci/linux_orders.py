"""The order of versions, by the package managers' own tools, for the judge of Linux verdicts.

dpkg: apt_pkg (python3-apt), rpm: rpm.labelCompare (python3-rpm), pacman: vercmp (pacman-package-manager). No Debian
release packs apk-tools: its order is written here from apk-tools' documentation, and linux_audit.py checks it on all
rows of data/versions/apk.tsv, which apk-tools itself answered. FreeBSD's likewise is not needed: no inventory has it.
"""

import functools
import re
import shutil
import subprocess

import apt_pkg

try:
    import rpm
except ImportError:
    rpm = None

apt_pkg.init_system()


class Missing(Exception):
    """An order whose tool is not here."""


def sign(number):
    return (number > 0) - (number < 0)


@functools.cache
def dpkg(a, b):
    return sign(apt_pkg.version_compare(a, b))


def evr(text):
    """(epoch, version, release) of `[epoch:]version[-release]`; a part that is not there is None."""
    epoch, colon, rest = text.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = None, text
    version, dash, release = rest.rpartition("-")
    return (epoch, version, release) if dash else (epoch, rest, None)


@functools.cache
def by_rpm(a, b):
    """An epoch that is not there is 0; a version without a release is before each with one."""
    if rpm is None:
        raise Missing("python3-rpm")
    (e, v, r), (f, w, s) = evr(a), evr(b)
    return sign(rpm.labelCompare((e or "0", v, r), (f or "0", w, s)))


@functools.cache
def pacman(a, b):
    if not shutil.which("vercmp"):
        raise Missing("vercmp of pacman-package-manager")
    return sign(int(subprocess.run(["vercmp", a, b], check=True, capture_output=True, text=True).stdout))


# Alpine. `1.2.3b_rc4_p5~0abc-r6`: numbers, a letter, suffixes with numbers, a commit, the build. Where one version ends
# and the other goes on, the longer one is later, unless with a suffix of what is not yet released.
APK = re.compile(r"(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~([0-9a-f]+))?(?:-r(\d+))?", re.ASCII)
SUFFIXES = {name: place for place, name in
            enumerate("alpha beta pre rc".split() + [None] + "cvs svn git hg p".split())}
# The kinds of parts, in the order in which they stand.
FIRST, NUMBER, LETTER, SUFFIX, SUFFIX_NUMBER, COMMIT, BUILD, END, INVALID = range(9)


def apk_parts(text):
    """The parts of a version; what does not belong into one ends it. None where it does not even begin as one."""
    found = APK.match(text)
    if not found:
        return None
    end = (END if found.end() == len(text) else INVALID, 0)
    numbers, letter, suffixes, commit, build = found.groups()
    first, *others = numbers.split(".")
    parts = [(FIRST, int(first))] + [(NUMBER, number) for number in others]
    if letter:
        parts.append((LETTER, letter))
    for name, number in re.findall(r"_([a-z]+)(\d*)", suffixes):
        if name not in SUFFIXES:
            return parts + [(INVALID, 0)]
        parts.append((SUFFIX, SUFFIXES[name]))
        if number:
            parts.append((SUFFIX_NUMBER, int(number)))
    if commit:
        parts.append((COMMIT, commit))
    if build:
        parts.append((BUILD, int(build)))
    return parts + [end]


def is_prerelease(part):
    return part[0] == SUFFIX and part[1] < SUFFIXES[None]


@functools.cache
def apk(a, b):
    left, right = apk_parts(a), apk_parts(b)
    if left is None or right is None:
        return sign((a > b) - (a < b))
    for one, other in zip(left, right):
        if one[0] != other[0]:
            if is_prerelease(one) or is_prerelease(other):
                return -1 if is_prerelease(one) else 1
            return -1 if one[0] > other[0] else 1
        x, y = one[1], other[1]
        if one[0] == NUMBER and not (x.startswith("0") or y.startswith("0")):
            x, y = int(x), int(y)
        if x != y:
            return -1 if x < y else 1
    return 0


ORDERS = {"dpkg": dpkg, "rpm": by_rpm, "pacman": pacman, "apk": apk}


def check_vectors(path, order):
    """How many rows of `a op b source` hold, and those that do not."""
    wanted = {"<": -1, "=": 0, ">": 1}
    right, wrong = 0, []
    with open(path, encoding="utf-8") as rows:
        for row in rows:
            parts = row.rstrip("\n").split("\t")
            if row.startswith("#") or len(parts) < 3:
                continue
            a, operator, b = parts[:3]
            if order(a, b) == wanted[operator]:
                right += 1
            else:
                wrong.append((a, operator, b))
    return right, wrong
