"""What MSRC's documents say, read a second time and by other means: the expected verdicts of .ci/windows_audit.py.

Shares no code with the program. Reads the XML, orders the updates of each product by month, and says for a host at a
place of that order which flaws are open, closed, or not to be decided from builds and lists.
"""

import collections
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree

VULN = "{http://www.icasi.org/CVRF/schema/vuln/1.1}"
PROD = "{http://www.icasi.org/CVRF/schema/prod/1.1}"
MONTHS = {name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}

# product -> build, installation, architecture, how it is serviced, first month of rollups
ARCHES = {"32-bit": "x86", "x64-based": "x86_64", "arm64-based": "arm64"}
CLIENTS = {
    "windows 10": 10240, "windows 10 version 1511": 10586, "windows 10 version 1607": 14393,
    "windows 10 version 1703": 15063, "windows 10 version 1709": 16299, "windows 10 version 1803": 17134,
    "windows 10 version 1809": 17763, "windows 10 version 1903": 18362, "windows 10 version 1909": 18363,
    "windows 10 version 2004": 19041, "windows 10 version 20h2": 19042, "windows 10 version 21h1": 19043,
    "windows 10 version 21h2": 19044, "windows 10 version 22h2": 19045, "windows 11 version 21h2": 22000,
    "windows 11 version 22h2": 22621, "windows 11 version 23h2": 22631, "windows 11 version 24h2": 26100,
    "windows 11 version 25h2": 26200, "windows 11 version 26h1": 28000,
}
SERVERS = {
    "windows server 2016": 14393, "windows server 2019": 17763, "windows server 2022": 20348,
    "windows server 2025": 26100,
}
CORE = {
    "windows server, version 1709": 16299, "windows server, version 1803": 17134,
    "windows server, version 1903": 18362, "windows server, version 1909": 18363,
    "windows server, version 2004": 19041, "windows server, version 20h2": 19042,
    "windows server 2022, 23h2 edition": 25398,
}
# Builds that share their UBR.
FAMILIES = [{18362, 18363}, {19041, 19042, 19043, 19044, 19045}, {22621, 22631}, {26100, 26200}]
CORE_SUFFIX = " (server core installation)"

# Slips of the documents, found by hand: an update of another system, or a build that is wrong.
FOREIGN = {
    ("windows server 2025", 5094126),       # the client's
    ("windows 11 version 24h2", 5055528),   # that of 22H2 and 23H2
    ("windows 11 version 21h2", 5055518),   # that of Windows 10
    ("windows 10 version 21h2", 5032192),   # that of Windows 11 21H2
    ("windows 10 version 1809", 5013945),   # that of 1909
    ("windows 11 version 22h2", 5048695),   # that of Windows 7
}
# 22621 was printed for 22000.
WRONG_BUILDS = {5022836: "10.0.22000.1574", 5021255: "10.0.22621.963", 5014678: "10.0.20348.768"}
# Updates that no cumulative update contains: Secure Boot, recovery environment.
APART = {4524244, 4535680, 5012170, 5034439, 5034440, 5034441, 5034231, 5042320, 5042321, 5042322, 5046398, 5046399,
         5046400}
# Beside a hotpatch, for what it leaves open.
BESIDE_HOTPATCH = {5074204, 5074353}
PARTS = ["microsoft edge (edgehtml-based)", "microsoft edge (chromium-based) in ie mode",
         "microsoft windows hyperlink object library", "microsoft xml core services 3.0", "vbscript 5.7",
         "vbscript 5.8", "jscript 5.8"]
SPELLINGS = {
    "windows 11 for x64-based systems": "windows 11 version 21h2 for x64-based systems",
    "windows 11 for arm64-based systems": "windows 11 version 21h2 for arm64-based systems",
    "windows 11 version 25h2 for arm systems": "windows 11 version 25h2 for arm64-based systems",
    "windows 11 version 26h1 for x64-based systems - extra": "windows 11 version 26h1 for x64-based systems",
}

Product = collections.namedtuple("Product", "name build installation arch servicing since")
Fix = collections.namedtuple("Fix", "kb kind build")


def products():
    found = []
    for name, build in CLIENTS.items():
        for word, arch in ARCHES.items():
            found.append(Product(f"{name} for {word} systems", build, "Client", arch, "cumulative", None))
    for name, build in SERVERS.items():
        found.append(Product(name, build, "Server", "x86_64", "cumulative", None))
        found.append(Product(name + CORE_SUFFIX, build, "Server Core", "x86_64", "cumulative", None))
    for name, build in CORE.items():
        found.append(Product(name + CORE_SUFFIX, build, "Server Core", "x86_64", "cumulative", None))
    since = (2016, 10)
    for word in ("32-bit", "x64-based"):
        arch = ARCHES[word]
        found.append(Product(f"windows 7 for {word} systems service pack 1", 7601, "Client", arch, "rollup", since))
        found.append(Product(f"windows 8.1 for {word} systems", 9600, "Client", arch, "rollup", since))
        for suffix, kind in (("", "Server"), (CORE_SUFFIX, "Server Core")):
            found.append(Product(f"windows server 2008 for {word} systems service pack 2{suffix}", 6002, kind, arch,
                                 "rollup", (2018, 9)))
    for suffix, kind in (("", "Server"), (CORE_SUFFIX, "Server Core")):
        found.append(Product(f"windows server 2008 r2 for x64-based systems service pack 1{suffix}", 7601, kind,
                             "x86_64", "rollup", since))
        found.append(Product("windows server 2012" + suffix, 9200, kind, "x86_64", "rollup", since))
        found.append(Product("windows server 2012 r2" + suffix, 9600, kind, "x86_64", "rollup", since))
    return found


def spelled(name):
    name = " ".join(name.lower().split())
    before, on, after = name.rpartition(" on ")
    return before + on + SPELLINGS.get(after, after)


def kind_of(words):
    words = (words or "").lower().replace(" ", "")
    for part, kind in (("hotpatch", "hotpatch"), ("servicingstack", "ssu"), ("setupdu", "setup"),
                       ("monthlyrollup", "rollup"), ("previewrollup", "rollup"), ("securityonly", "only"),
                       ("iecumulative", "ie"), ("standalone", "standalone")):
        if part in words:
            return kind
    return "security"


class Documents:
    """product -> CVE -> fixes; empty where a product is affected and no update is named."""

    def __init__(self, folder):
        self.fixes = collections.defaultdict(lambda: collections.defaultdict(set))
        self.months = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
        self.kinds = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
        self.builds = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
        for path in sorted(pathlib.Path(folder).iterdir()):
            if path.name.endswith((".xml", ".xml.zst")):
                self.read(path)

    def read(self, path):
        month = (int(path.name[:4]), MONTHS[path.name[5:8].lower()])
        if path.suffix == ".zst":
            text = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
        else:
            text = path.read_bytes()
        root = ElementTree.fromstring(text)
        names = {item.get("ProductID"): spelled(item.text or "") for item in root.iter(PROD + "FullProductName")}
        for entry in root.iter(VULN + "Vulnerability"):
            found = re.match(r"\s*(CVE-\d+-\d+|ADV\d+)", entry.findtext(VULN + "CVE") or "")
            if not found:
                continue
            cve = found[1]
            affected = [item.text for item in entry.findall(f"{VULN}ProductStatuses/{VULN}Status/{VULN}ProductID")]
            for product in affected:
                name = names.get(product, "")
                if name.startswith("windows ") or " on windows" in name:
                    self.fixes[name][cve]
            for item in entry.iter(VULN + "Remediation"):
                if item.get("Type") != "Vendor Fix":
                    continue
                words = (item.findtext(VULN + "Description") or "").strip()
                if not words.isdigit():
                    continue
                fix = Fix(int(words), kind_of(item.findtext(VULN + "SubType")),
                          (item.findtext(VULN + "FixedBuild") or "").strip("\u200b \n\t"))
                for product in {names.get(part.text, "") for part in item.findall(VULN + "ProductID")}:
                    if product.startswith("windows ") or " on windows" in product:
                        self.fixes[product][cve].add(fix)
                        self.months[product][fix.kb][month] += 1
                        self.kinds[product][fix.kb][fix.kind] += 1
                        if fix.build:
                            self.builds[product][fix.kb][fix.build] += 1


class Line:
    """The updates of one product in order, and what a host at a place of it has open."""

    def __init__(self, documents, product):
        self.product = product
        self.flaws = {cve: set(fixes) for cve, fixes in documents.fixes[product.name].items()}
        self.month = {kb: max(months.items(), key=lambda item: (item[1], [-part for part in item[0]]))[0]
                      for kb, months in documents.months[product.name].items()}
        self.kind = {kb: kinds.most_common(1)[0][0] for kb, kinds in documents.kinds[product.name].items()}
        self.family = next((family for family in FAMILIES if product.build in family), {product.build})
        if product.name.startswith("windows server 2025"):
            self.family = {26100}
        if product.build in (6002, 6003):
            self.family = {6002, 6003}
        # What comes with the system, and has flaws of its own that the same updates close.
        explorers = [name for name in documents.fixes
                     if name.startswith("internet explorer ") and name.endswith(" on " + product.name)]
        names = [f"{part} on {product.name}" for part in PARTS] + (explorers if len(explorers) == 1 else [])
        names = [name for name in names if name in documents.fixes]
        self.parts = [documents.fixes[name] for name in names]
        builds = dict(documents.builds[product.name])
        for name in names:
            for kb, months in documents.months[name].items():
                if kb not in self.month:
                    self.month[kb] = max(months.items(), key=lambda item: (item[1], [-part for part in item[0]]))[0]
                    self.kind[kb] = documents.kinds[name][kb].most_common(1)[0][0]
                    if self.kind[kb] == "security" and name in explorers and product.servicing == "rollup":
                        self.kind[kb] = "ie"
                    builds[kb] = documents.builds[name].get(kb, collections.Counter())
        self.ubr = {kb: self.ubr_of(kb, stated) for kb, stated in builds.items()}
        # By build where one is stated; the others, of earlier years, by their months among them.
        self.releases = sorted((kb for kb in self.month if self.is_release(kb) and self.ubr.get(kb)), key=self.ubr.get)
        for kb in sorted((kb for kb in self.month if self.is_release(kb) and not self.ubr.get(kb)),
                         key=lambda kb: (self.month[kb], kb)):
            later = (at for at, other in enumerate(self.releases) if (self.month[other], other) > (self.month[kb], kb))
            self.releases.insert(next(later, len(self.releases)), kb)
        self.place = {kb: at for at, kb in enumerate(self.releases)}
        for kb in self.month:
            if self.is_foreign(kb) and self.releases:
                nearest = min(self.releases, key=lambda other: abs(other - kb))
                self.place[kb] = self.place[nearest]

    def ubr_of(self, kb, builds):
        for build, _ in builds.most_common():
            parts = WRONG_BUILDS.get(kb, build).split(".")
            if len(parts) == 4 and all(part.isdigit() for part in parts) and int(parts[2]) in self.family:
                return int(parts[3])
        return None

    def is_foreign(self, kb):
        return any(self.product.name.startswith(name) and of == kb for name, of in FOREIGN)

    def is_release(self, kb):
        if kb in APART or kb in BESIDE_HOTPATCH or self.is_foreign(kb):
            return False
        if self.product.servicing == "cumulative":
            return self.kind[kb] == "security"
        return self.kind[kb] == "rollup" and self.month[kb] >= self.product.since

    def verdict(self, fixes, at):
        """`open`, `closed`, `undecided` or `no fix`, for a host that has the releases up to `at` (-1: none)."""
        said = set()
        for fix in fixes:
            kb, month = fix.kb, self.month[fix.kb]
            if kb in self.place:
                said.add("closed" if self.place[kb] <= at else "open")
            elif kb in APART or self.kind[kb] == "ssu":
                said.add("undecided")
            elif kb in BESIDE_HOTPATCH or self.kind[kb] in ("setup", "hotpatch"):
                said.add("not in")
            elif self.product.servicing == "cumulative":
                said.add("open")
            else:
                said.add(self.beside_rollups(kb, month, at))
        for word in ("closed", "undecided", "open", "not in"):
            if word in said:
                return word
        return "no fix"

    def beside_rollups(self, kb, month, at):
        newest = self.month[self.releases[at]] if at >= 0 else (0, 0)
        if self.kind[kb] == "ie":
            return "closed" if newest >= month else "open"
        if month < self.product.since:
            # A rollup may name it as replaced: then it is closed, which builds and lists do not tell.
            return "undecided" if at >= 0 else "open"
        if self.kind[kb] in ("only", "ie"):
            return "closed" if newest >= month else "open"
        return "closed" if newest > month else "open"

    def expected(self, at):
        words = collections.defaultdict(set)
        for flaws in [self.flaws, *self.parts]:
            for cve, fixes in flaws.items():
                words[self.verdict(fixes, at)].add(cve)
        # A flaw of the system may be one of its parts as well: open in either, it is open.
        words["closed"] -= words["open"]
        return words
