"""The order of versions, by the package managers' own tools, for the judge of Linux verdicts.

dpkg: apt_pkg (python3-apt), rpm: rpm.labelCompare (python3-rpm), pacman: vercmp (pacman-package-manager). No Debian
release packs apk-tools or FreeBSD's pkg: their orders are written here from their documentation, and linux_audit.py
checks them on all rows of data/versions, which the tools themselves answered.
"""

import functools
import itertools
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


# FreeBSD. `1.2.b3_1,2`: parts of a number, a letter or stage, and a patch level; then the port's revision and epoch.
# Stages that follow a number begin a part of their own.
STAGES = {"pl": 0, "alpha": 1, "beta": 2, "pre": 16, "rc": 18}
PKG_PART = re.compile(r"(\d*)([a-z]*)(\d*)([^\da-z+]*)", re.ASCII)


def pkg_parts(text):
    """The parts of each piece between `+`."""
    pieces = []
    for piece in text.lower().split("+"):
        parts = []
        while piece:
            number, letters, level, separator = PKG_PART.match(piece).groups()
            length = len(number) + len(letters) + len(level) + len(separator)
            if number and letters in STAGES and letters:
                parts.append((int(number), 0, 0))
                piece = piece[len(number):]
                continue
            stage = STAGES[letters] if letters in STAGES else ord(letters[0]) - 96 if letters else 0
            parts.append((int(number) if number else -1, stage, int(level) if level else -1 if letters else 0))
            piece = piece[length:]
        pieces.append(parts)
    return pieces


@functools.cache
def pkg(a, b):
    def split(text):
        rest, _, epoch = text.partition(",")
        rest, _, revision = rest.partition("_")
        return int(epoch or 0), rest, int(revision or 0)

    (e, v, r), (f, w, s) = split(a), split(b)
    if e != f:
        return sign(e - f)
    for one, other in itertools.zip_longest(pkg_parts(v), pkg_parts(w), fillvalue=[]):
        for x, y in itertools.zip_longest(one, other, fillvalue=(0, 0, 0)):
            if x != y:
                return -1 if x < y else 1
    return sign(r - s)


ORDERS = {"dpkg": dpkg, "rpm": by_rpm, "pacman": pacman, "apk": apk, "pkg": pkg}


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
