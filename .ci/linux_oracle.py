"""What is open on a Linux host, judged a second time: the expected findings of .ci/linux_audit.py.

Shares no code with the program. Takes the claims of linux_documents.py and the rules of the publishers, and compares
versions with the package managers' own tools. Each rule can be switched off, to show what it is worth.
"""

import collections
import re

from linux_orders import ORDERS, evr

# What may be switched off, and what it decides.
RULES = {
    "source": "Debian's and Alpine's advisories name sources: by the source's name and version",
    "signed": "linux-signed-* are the source linux, at the binary's version",
    "module": "an advisory for a module stream concerns packages of that stream alone, others concern packages of none",
    "repository": "an Amazon Linux 2 advisory concerns packages of its repository alone",
    "epoch": "the epoch of what is installed is read",
    "rocky-epoch": "an epoch of which Rocky's OSV records have the last digit is the installed one",
    "flavour": ".ksplice, _fips and .cloud builds have advisories of their own",
    "running": "of several kernels the one that runs",
    "security": "ALBA and ALEA are not security advisories",
    "arch": "an advisory for other architectures is none",
    "ecosystem": "a claim about another release, or none, is none",
    "never": "Alpine's version 0 says not affected",
    "pro": "fixes of Ubuntu Pro are known also where the release itself gets none any more",
    "pockets": "a fix of any pocket that is installed counts",
}
Package = collections.namedtuple("Package", "name version arch source source_version module repository")
# Packages with a kernel's code, in the family of Red Hat, at SUSE, Debian and Ubuntu.
RPM_KERNEL = re.compile(r"kernel(-uek|-rt|-64k|-default|-debug|-azure)*(-core|-modules(-\w+)*|-base)?")
DEB_IMAGE = re.compile(r"linux-image-(?:unsigned-)?(\d.*)")
FLAVOURS = (".ksplice1.", ".ksplice2.", "_fips", ".cloud")


class Host:
    """An inventory, as the judge sees it."""

    def __init__(self, name, manager, ecosystems, packages, running=None, arch="x86_64"):
        self.name, self.manager, self.running, self.arch = name, manager, running, arch
        # All ecosystems that apply; those behind the first may need a subscription.
        self.ecosystems = ecosystems
        self.packages = packages
        self.order = ORDERS[manager]


# A row's state is "open", "no fix", "undecided" or "reboot"; `pair` is the installed and the fixed version.
Row = collections.namedtuple("Row", "state pair packages cves ecosystem")


class Judge:
    """Judges hosts by claims, with all rules but those that are off."""

    def __init__(self, host, claims, off=()):
        self.host, self.off = host, frozenset(off)
        unknown = self.off - set(RULES)
        if unknown:
            raise ValueError(f"no such rule: {unknown}")
        self.by_name = {"source": collections.defaultdict(list), "binary": collections.defaultdict(list)}
        for package in host.packages:
            self.by_name["binary"][package.name].append(package)
            self.by_name["source"][self.source(package)].append(package)
        self.kernels = self.running_kernels()
        self.claims = self.wanted(claims)

    def on(self, rule):
        return rule not in self.off

    # Names and versions

    def source(self, package):
        """The source as advisories name it."""
        if not self.on("source"):
            return package.name
        name = package.source
        if self.on("signed") and self.host.manager == "dpkg" and name.startswith("linux-signed"):
            rest = name.removeprefix("linux-signed")
            ubuntu = self.host.ecosystems[0].startswith("Ubuntu")
            return "linux" + (rest if ubuntu else rest.rpartition("-")[0])
        return name

    def version(self, package, spoken):
        """The version that advisories speak of."""
        if spoken == "binary" or not self.on("source"):
            return package.version
        if self.host.manager == "dpkg" and package.source.startswith("linux-signed") and self.on("signed"):
            return package.version
        if self.host.manager == "rpm":
            # rpm keeps no epoch of a source: it is that of a binary at the source's own version, where there is one.
            release = evr(package.source_version)[1:]
            for other in self.by_name["source"][package.source]:
                epoch, *rest = evr(other.version)
                if epoch and tuple(rest) == release:
                    return f"{epoch}:{package.source_version}"
        return package.source_version

    def compare(self, a, b):
        if not self.on("epoch"):
            a = a.partition(":")[2] or a
        return self.host.order(a, b)

    # Which claims, and which packages

    def wanted(self, claims):
        found = collections.defaultdict(list)
        for one in claims:
            if self.on("ecosystem") and one.ecosystem not in self.host.ecosystems:
                continue
            if not self.on("pro") and one.ecosystem is not None and ":Pro:" in one.ecosystem:
                continue
            if self.on("security") and one.advisory.startswith(("ALBA-", "ALEA-")):
                continue
            if one.name in self.by_name[one.spoken]:
                found[one.advisory, one.spoken, one.name].append(one)
        return found

    def concerns(self, one, package):
        if self.on("arch") and one.arches is not None:
            if package.arch != "noarch" and not one.arches & {package.arch, "noarch"}:
                return False
        if self.on("repository") and one.ecosystem == "Amazon Linux:2" and package.repository != one.repository:
            return False
        if self.on("module") and self.host.manager == "rpm":
            own = ":".join(package.module.split(":")[:2]) if package.module else None
            if (own is None) != (one.modules is None) or (own and one.modules and own not in one.modules):
                return False
        if self.on("flavour") and self.host.manager == "rpm" and one.fixed:
            marks = [[mark for mark in FLAVOURS if mark in text] for text in (package.version, one.fixed)]
            if marks[0] != marks[1]:
                return False
        return True

    # Versions within ranges

    def fixed(self, one, version):
        """The version that closes it, with the epoch that Rocky's records lost."""
        own, theirs = evr(version)[0], evr(one.fixed)[0] if self.host.manager == "rpm" else None
        if self.on("rocky-epoch") and one.ecosystem.startswith("Rocky Linux:") and own and theirs:
            if len(theirs) == 1 and len(own) > 1 and own.endswith(theirs):
                return f"{own}:{one.fixed.partition(':')[2]}"
        return one.fixed

    def is_open(self, one, version):
        """"open", "no fix", or None."""
        if one.status == "never":
            return "no fix" if not self.on("never") else None
        if one.status == "undetermined":
            return "undecided"
        if one.bounds is not None:
            return self.within(one, version)
        if one.introduced not in (None, "0") and self.compare(version, one.introduced) < 0:
            return None
        if one.last is not None:
            return "no fix" if self.compare(version, one.last) <= 0 else None
        if one.fixed is None:
            return "no fix"
        return "open" if self.compare(version, self.fixed(one, version)) < 0 else None

    def within(self, one, version):
        """Whether all bounds of a FreeBSD range hold; what is before something is fixed by it."""
        wanted = {"lt": (-1,), "le": (-1, 0), "eq": (0,), "ge": (0, 1), "gt": (1,)}
        holds = all(self.compare(version, bound) in wanted[kind] for kind, bound in one.bounds)
        return ("open" if one.fixed else "no fix") if holds else None

    # Verdicts

    def findings(self):
        """(advisory, source) -> Row: what is open or undecided."""
        found = {}
        for (advisory, spoken, _), claims in self.claims.items():
            for package in self.by_name[spoken][claims[0].name]:
                row = self.row(claims, package, spoken)
                if row:
                    key = (advisory, self.source(package))
                    found[key] = worse(found.get(key), row)
        return {key: self.kernel_row(key, row) for key, row in found.items()}

    def row(self, claims, package, spoken):
        if self.is_other_kernel(package):
            return None
        version = self.version(package, spoken)
        claims = [one for one in claims if self.concerns(one, package)]
        if self.on("pockets") and any(one.fixed and not self.is_open(one, version) and self.is_pocket(one, version)
                                      for one in claims):
            return None
        verdicts = [(self.is_open(one, version), one) for one in claims]
        verdicts = [(state, one) for state, one in verdicts if state]
        if not verdicts:
            return None
        state, one = max(verdicts, key=lambda item: (item[0] == "open", item[1].ecosystem == self.host.ecosystems[0]))
        fixed = self.fixed(one, version) if one.fixed else None
        return Row(state, (version, fixed), {package.name}, one.cves, one.ecosystem)

    def is_pocket(self, one, version):
        """Pro's FIPS builds have a line of their own: they close nothing for others."""
        return self.host.manager == "dpkg" and ("fips" in version.lower()) == ("FIPS" in (one.ecosystem or ""))

    # Kernels

    def is_kernel(self, package):
        if self.host.manager == "dpkg":
            return bool(DEB_IMAGE.fullmatch(package.name)) or package.name.startswith("linux-image-")
        return self.host.manager == "rpm" and bool(RPM_KERNEL.fullmatch(package.name))

    def is_running(self, package):
        running = self.host.running
        if self.host.manager == "dpkg":
            image = DEB_IMAGE.fullmatch(package.name)
            return bool(image) and image[1] == running
        release = package.version.partition(":")[2] or package.version
        if "default" in package.name:
            return f"{release.rpartition('.')[0]}-default" == running
        return running in (f"{release}.{package.arch}", release)

    def running_kernels(self):
        return {package for package in self.host.packages if self.is_kernel(package) and self.is_running(package)}

    def is_other_kernel(self, package):
        return (self.on("running") and self.is_kernel(package) and bool(self.kernels) and package not in self.kernels)

    def kernel_row(self, key, row):
        """A kernel that is fixed on disk waits for a boot; headers and tools alone prove nothing."""
        kernels = [package for package in self.host.packages
                   if self.is_kernel(package) and self.source(package) == key[1]]
        if not kernels or not self.on("running"):
            return row
        if not any(self.is_kernel(package) for package in kernels if package.name in row.packages):
            return row._replace(state="undecided")
        fixed = row.pair[1]
        if row.state == "open" and any(self.compare(self.version(package, "binary"), fixed) >= 0
                                       for package in kernels if package not in self.kernels):
            return row._replace(state="reboot")
        return row


RANKS = ("undecided", "no fix", "reboot", "open")


def worse(a, b):
    if a is None or b is None:
        return a or b
    first, second = (a, b) if RANKS.index(a.state) >= RANKS.index(b.state) else (b, a)
    return first._replace(packages=a.packages | b.packages, cves=a.cves | b.cves)
