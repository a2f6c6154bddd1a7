"""What distributions' documents claim, read a second time and by other means, for the judge of Linux verdicts.

Shares no code with the program. Reads the archives of data/linux as they lie there (not what linux_feeds.py makes of
them, which the program gets) and gives claims: by this advisory this package of that release is open before this
version.
"""

import collections
import json
import pathlib
import re
import zipfile

from linux_feeds import members

# `spoken`: whose name and version it is, "source" or "binary". `fixed` is None while there is no fix. `arches`,
# `modules` and `repository` are None where the claim is about all. `bounds` is FreeBSD's way to say a range.
Claim = collections.namedtuple(
    "Claim", "advisory ecosystem name spoken introduced fixed last arches modules repository cves status bounds")
STREAM = re.compile(r"([A-Za-z][\w.+-]*):([\w.+-]+)")
CVE = re.compile(r"CVE-\d{4}-\d{4,}")


def claim(advisory, ecosystem, name, spoken, fixed, **more):
    filled = dict.fromkeys(Claim._fields) | {"cves": frozenset(), "status": "stated"}
    return Claim(**filled | {"advisory": advisory, "ecosystem": ecosystem, "name": name, "spoken": spoken,
                             "fixed": fixed} | more)


class Documents:
    """The claims of all feeds, by the kind of document."""

    def __init__(self, shared):
        self.data = pathlib.Path(shared) / "data/linux"
        self.read = {}

    def of(self, kind):
        """Claims of one kind, read once."""
        if kind not in self.read:
            self.read[kind] = list(getattr(self, kind)())
        return self.read[kind]

    def records(self, folder):
        with zipfile.ZipFile(self.data / "osv" / folder / "all.zip") as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield name, json.loads(archive.read(name))

    def debian(self):
        for _, record in self.records("Debian-11-13"):
            yield from osv(record, "source")

    def alpine_osv(self):
        for _, record in self.records("Alpine"):
            yield from osv(record, "source")

    def alma(self):
        for _, record in self.records("AlmaLinux"):
            for one in osv(record, "binary"):
                yield one._replace(modules=streams(record.get("summary", ""), one.fixed))

    def rocky_osv(self):
        for _, record in self.records("Rocky Linux"):
            for one in osv(record, "source"):
                yield one._replace(modules=streams(record.get("summary", ""), one.fixed))

    def rocky_apollo(self):
        """By binary packages, with all of name, epoch, version, release and architecture."""
        for _, data in members(self.data / "bulk/rocky-apollo-errata-json.tar.zst"):
            advisory = json.loads(data)
            cves = frozenset(cve["name"] for cve in advisory["cves"])
            for product, rpms in advisory["rpms"].items():
                fixes = collections.defaultdict(set)
                for text in rpms["nvras"]:
                    name, version, arch = nevra(text)
                    if arch != "src":
                        fixes[name, version].add(arch)
                for (name, version), arches in fixes.items():
                    yield claim(advisory["name"], product.replace("Linux ", "Linux:"), name,
                                "binary", version, arches=frozenset(arches), cves=cves,
                                modules=streams(advisory["synopsis"], version))

    def amazon(self):
        for path, data in members(self.data / "bulk/amazon-alas-json.tar.zst"):
            release, kind, topic = path.parts[1:4]
            repository = {"core": "amzn2-core" if release == "2" else "amazonlinux", "updates": "amzn-updates",
                          "extras": f"amzn2extra-{topic}"}.get(kind, kind)
            advisory = json.loads(data)
            references = advisory["References"]["Reference"] or []
            cves = frozenset(one["ID"] for one in references if one["Type"] == "cve")
            fixes = collections.defaultdict(set)
            for one in advisory["Pkglist"]["Collection"]["Package"]:
                version = f"{one['Epoch']}:{one['Version']}-{one['Release']}"
                fixes[one["Name"], version].add(one["Arch"])
            for (name, version), arches in fixes.items():
                yield claim(advisory["ID"], f"Amazon Linux:{release}", name, "binary", version,
                            arches=frozenset(arches), repository=repository, cves=cves)

    def alpine(self):
        for path, data in members(self.data / "bulk/alpine-secdb.tar.xz"):
            release = path.parts[1] if path.parts[1] == "edge" else f"v{path.parts[1]}"
            for entry in json.loads(data)["packages"]:
                package = entry["pkg"]
                for fixed, words in package["secfixes"].items():
                    for word in words or []:
                        for cve in CVE.findall(word):
                            # "0" is secdb's way to say that it never was affected.
                            yield claim(cve, f"Alpine:{release}", package["name"], "source", fixed,
                                        cves=frozenset([cve]), status="never" if fixed == "0" else "stated")

    def arch(self):
        for group in json.loads((self.data / "bulk/arch-security-json.json").read_bytes()):
            for name in group["packages"]:
                status = {"Not affected": "never", "Unknown": "undetermined"}.get(group["status"], "stated")
                # `affected` is where it was seen, not where it began.
                yield claim(group["name"], "Arch Linux", name, "binary", group["fixed"], status=status,
                            cves=frozenset(group["issues"]))


    def freebsd(self):
        for _, data in members(self.data / "bulk/freebsd-vuxml-json.tar.zst"):
            entry = json.loads(data)
            if "cancelled" in entry:
                continue
            cves = frozenset(entry["references"].get("cvename", []))
            for package in entry["affects"]:
                for name in package["name"]:
                    for bounds in package.get("range") or [{}]:
                        yield claim(entry["vid"], "FreeBSD", name, "binary", bounds.get("lt"), cves=cves,
                                    bounds=tuple(bounds.items()))


def osv(record, spoken):
    """The claims of one OSV record: ranges of type ECOSYSTEM in entries that name an ecosystem."""
    if record.get("withdrawn"):
        return
    words = [record["id"], *record.get("aliases", []), *record.get("upstream", [])]
    if not CVE.search(record["id"]):
        words += record.get("related", [])
    cves = frozenset(cve for word in words for cve in CVE.findall(word))
    for affected in record.get("affected", []):
        package = affected.get("package") or {}
        specific = affected.get("ecosystem_specific") or {}
        for one in affected.get("ranges", []):
            events = {key: value for event in one["events"] for key, value in event.items()}
            yield claim(record["id"], package.get("ecosystem") if one["type"] == "ECOSYSTEM" else None,
                        package.get("name"), spoken, events.get("fixed"), introduced=events.get("introduced"),
                        last=events.get("last_affected"), cves=cves,
                        status=specific.get("urgency", "stated") if not events.get("fixed") else "stated")


def streams(headline, fixed):
    """The module streams that the headline names, where the fixed release is a module's; None for no module. Headlines
    like `kernel:4.18.0 security update` name none."""
    if not fixed or ".module" not in fixed:
        return None
    return frozenset(f"{name}:{stream}" for name, stream in STREAM.findall(headline.partition(":")[2]))


def nevra(text):
    """(name, epoch:version-release, architecture) of `bind-32:9.16-1.el9.x86_64.rpm`."""
    found = re.fullmatch(r"(.+)-(\d+):([^-]+)-([^-]+)\.([^.]+)", text.removesuffix(".rpm"))
    return found[1], f"{found[2]}:{found[3]}-{found[4]}", found[5]
