#!/usr/bin/env python3
"""Publishers' documents, rebuilt from the archives of real advisories under data/linux/bulk.

    linux_feeds.py --shared DIR --out FOLDER

The archives hold one advisory a file, re-marshalled as JSON by vuls-data-raw: the publishers' facts in a form that no
publisher serves. This puts them back into the publishers' forms, so that importers read what they read in the world:

    amazon/2018.03/updates, amazon/2/core, amazon/2/extras/NAME, amazon/al2023/core, amazon/al2023/kernel-livepatch:
        each with x86_64/repodata/updateinfo.xml.gz and its repomd.xml, as the mirrors lay them out; AL2022 likewise
    alpine/vX.Y/main.json, community.json: as they are
    arch/all.json: as it is (https://security.archlinux.org/all.json, also /json)
    apollo/advisories-N.json: pages of 100 advisories, API v3
    freebsd/vuln.xml.bz2: VuXML, one document
    osv/NAME/all.zip: the OSV zips, as they are

What an archive has lost stays lost and is null: apollo's repository names, and which of two modules a package is of
where the headline names two.
"""

import argparse
import bz2
import gzip
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import tarfile
import xml.sax.saxutils

escape = xml.sax.saxutils.escape
quote = xml.sax.saxutils.quoteattr
AMAZON = {"1/updates": "2018.03/updates", "2/core": "2/core", "2022/core": "al2022/core", "2023/core": "al2023/core",
          "2023/kernel-livepatch": "al2023/kernel-livepatch"}
ARCHES = ("aarch64", "ppc64le", "s390x", "x86_64")
VUXML_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE vuxml PUBLIC "-//vuxml.org//DTD VuXML 1.1//EN" "http://www.vuxml.org/dtd/vuxml-1/vuxml-11.dtd">
<vuxml xmlns="http://www.vuxml.org/apps/vuxml-1">
"""


def members(archive):
    """(path, bytes) of each file of an archive."""
    if archive.suffix == ".zst":
        stream = subprocess.Popen(["zstd", "-dcq", str(archive)], stdout=subprocess.PIPE)
        source = {"fileobj": stream.stdout, "mode": "r|"}
    else:
        stream, source = None, {"name": archive, "mode": "r:*"}
    with tarfile.open(**source) as tar:
        for member in tar:
            if member.isfile():
                yield pathlib.PurePosixPath(member.name), tar.extractfile(member).read()
    if stream and stream.wait() != 0:
        raise OSError(f"zstd cannot read {archive}")


# Amazon

def amazon(bulk, out):
    """Returns how many advisories each repository got."""
    repositories = {}
    for path, data in members(bulk / "amazon-alas-json.tar.zst"):
        parts = path.parts[1:]
        place = f"2/extras/{parts[2]}" if parts[1] == "extras" else AMAZON["/".join(parts[:2])]
        repositories.setdefault(place, []).append(json.loads(data))
    for place, advisories in repositories.items():
        folder = out / "amazon" / place / "x86_64/repodata"
        folder.mkdir(parents=True, exist_ok=True)
        advisories.sort(key=lambda advisory: advisory["ID"])
        body = "".join(map(update, advisories))
        text = f'<?xml version="1.0" ?>\n<updates>{body}</updates>\n'.encode()
        packed = gzip.compress(text, 6, mtime=0)
        (folder / "updateinfo.xml.gz").write_bytes(packed)
        (folder / "repomd.xml").write_text(repomd(text, packed), encoding="utf-8")
    return {place: len(advisories) for place, advisories in sorted(repositories.items())}


def update(advisory):
    references = "".join(
        f'<reference href={quote(one["Href"])} title={quote(one["Title"])} id={quote(one["ID"])} '
        f'type={quote(one["Type"])} />' for one in advisory["References"]["Reference"] or [])
    collection = advisory["Pkglist"]["Collection"]
    packages = "".join(
        f'<package name={quote(one["Name"])} version={quote(one["Version"])} release={quote(one["Release"])} '
        f'epoch={quote(one["Epoch"])} arch={quote(one["Arch"])}>'
        f'<filename>{escape(one["Filename"])}</filename></package>'
        for one in collection["Package"])
    return (f'<update status={quote(advisory["Status"])} version={quote(advisory["Version"])} '
            f'author={quote(advisory["Author"])} type={quote(advisory["Type"])} from={quote(advisory["From"])}>'
            f'<id>{escape(advisory["ID"])}</id><title>{escape(advisory["Title"])}</title>'
            f'<issued date={quote(advisory["Issued"]["Date"])} /><updated date={quote(advisory["Updated"]["Date"])} />'
            f'<severity>{escape(advisory["Severity"])}</severity>'
            f'<description>{escape(advisory["Description"])}</description><references>{references}</references>'
            f'<pkglist><collection short={quote(collection["Short"])}><name>{escape(collection["Name"])}</name>'
            f'{packages}</collection></pkglist></update>')


def repomd(text, packed):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">\n'
            '<revision>1</revision>\n<data type="updateinfo">\n'
            f'  <checksum type="sha256">{hashlib.sha256(packed).hexdigest()}</checksum>\n'
            f'  <open-checksum type="sha256">{hashlib.sha256(text).hexdigest()}</open-checksum>\n'
            '  <location href="repodata/updateinfo.xml.gz"/>\n  <timestamp>1700000000</timestamp>\n'
            f'  <size>{len(packed)}</size>\n  <open-size>{len(text)}</open-size>\n</data>\n</repomd>\n')


# Rocky

def apollo(bulk, out):
    advisories = sorted((json.loads(data) for _, data in members(bulk / "rocky-apollo-errata-json.tar.zst")),
                        key=lambda advisory: advisory["publishedAt"], reverse=True)
    folder = out / "apollo"
    folder.mkdir(parents=True, exist_ok=True)
    size, total = 100, len(advisories)
    number = Numbers()
    pages = -(-total // size)
    for page in range(pages):
        part = advisories[page * size:(page + 1) * size]
        link = f"/api/v3/advisories/?size={size}&page="
        answer = {
            "advisories": [advisory_v3(advisory, number) for advisory in part],
            "total": total, "page": page + 1, "size": size,
            "links": {"first": f"{link}1", "last": f"{link}{pages}", "self": f"{link}{page + 1}",
                      "next": f"{link}{page + 2}" if page + 1 < pages else None,
                      "prev": f"{link}{page}" if page else None},
            "last_updated_at": advisories[0]["publishedAt"],
        }
        (folder / f"advisories-{page + 1}.json").write_text(json.dumps(answer, separators=(",", ":")), encoding="utf-8")
    return total


class Numbers:
    """The identifiers of apollo's rows, which say nothing."""

    def __init__(self):
        self.last = 0

    def next(self):
        self.last += 1
        return self.last


def advisory_v3(advisory, number):
    published = advisory["publishedAt"]
    packages, products = [], {}
    for product, rpms in advisory["rpms"].items():
        arches = sorted({arch_of(nevra) for nevra in rpms["nvras"]} & set(ARCHES)) or ["x86_64"]
        for nevra in rpms["nvras"]:
            own = arch_of(nevra)
            # An i686 package is in the x86_64 repository; sources and noarch are in each.
            homes = [own] if own in ARCHES else ["x86_64"] if own == "i686" else arches
            packages += [package_v3(advisory, nevra, f"{product} {home}", number) for home in homes]
        for arch in arches:
            major = re.search(r"(\d+)$", product)
            products[f"{product} {arch}"] = {
                "id": number.next(), "variant": product.rsplit(" ", 1)[0], "name": f"{product} {arch}",
                "major_version": int(major[1]), "minor_version": None, "arch": arch}
    return {
        "id": number.next(), "created_at": published, "updated_at": published, "published_at": published,
        "name": advisory["name"], "synopsis": advisory["synopsis"], "description": advisory["description"],
        "kind": advisory["type"].removeprefix("TYPE_").capitalize(),
        "severity": advisory["severity"].removeprefix("SEVERITY_").capitalize(), "topic": advisory["topic"],
        "red_hat_advisory_id": number.next(), "affected_products": list(products.values()),
        "cves": [{"id": number.next(), "cve": cve["name"], "cvss3_scoring_vector": cve["cvss3ScoringVector"],
                  "cvss3_base_score": cve["cvss3BaseScore"], "cwe": cve["cwe"]} for cve in advisory["cves"]],
        "fixes": [{"id": number.next(), "ticket_id": fix["ticket"], "source": fix["sourceLink"],
                   "description": fix.get("description", "")} for fix in advisory.get("fixes", [])],
        "packages": packages,
    }


def arch_of(nevra):
    return nevra.removesuffix(".rpm").rpartition(".")[2]


def package_v3(advisory, nevra, product, number):
    named = re.findall(r"([A-Za-z][\w.+-]*):([\w.+-]+)", advisory["synopsis"].partition(":")[2])
    name, stream = named[0] if len(named) == 1 and ".module+" in nevra else (None, None)
    return {"id": number.next(), "nevra": nevra, "checksum": hashlib.sha256(nevra.encode()).hexdigest(),
            "checksum_type": "sha256", "module_context": nevra.rpartition("+")[2].partition(".")[0] if name else None,
            "module_name": name, "module_stream": stream, "module_version": None, "repo_name": None,
            "product_name": product}


# Alpine and Arch

def alpine(bulk, out):
    count = 0
    for path, data in members(bulk / "alpine-secdb.tar.xz"):
        release = path.parts[1] if path.parts[1] == "edge" else f"v{path.parts[1]}"
        target = out / "alpine" / release / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        count += 1
    return count


def arch(bulk, out):
    (out / "arch").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bulk / "arch-security-json.json", out / "arch/all.json")
    return len(json.loads((out / "arch/all.json").read_bytes()))


# FreeBSD

def freebsd(bulk, out):
    entries = sorted((json.loads(data) for _, data in members(bulk / "freebsd-vuxml-json.tar.zst")),
                     key=lambda entry: (entry["dates"].get("entry", ""), entry["vid"]), reverse=True)
    (out / "freebsd").mkdir(parents=True, exist_ok=True)
    text = VUXML_HEAD + "".join(map(vuln, entries)) + "</vuxml>\n"
    (out / "freebsd/vuln.xml.bz2").write_bytes(bz2.compress(text.encode()))
    return len(entries)


def vuln(entry):
    if "cancelled" in entry:
        by = entry["cancelled"].get("superseded")
        superseded = f" superseded={quote(by)}" if by else ""
        return f'  <vuln vid={quote(entry["vid"])}>\n    <cancelled{superseded}/>\n  </vuln>\n\n'
    return (f'  <vuln vid={quote(entry["vid"])}>\n    <topic>{escape(entry["topic"])}</topic>\n    <affects>\n'
            + "".join(map(affected, entry["affects"]))
            + f'    </affects>\n    <description>\n      <body xmlns="http://www.w3.org/1999/xhtml">'
            f'{entry["description"]["text"]}</body>\n    </description>\n    <references>\n'
            + references(entry["references"])
            + "    </references>\n    <dates>\n"
            + "".join(f"      <{name}>{entry['dates'][name]}</{name}>\n" for name in ("discovery", "entry", "modified")
                      if name in entry["dates"])
            + "    </dates>\n  </vuln>\n\n")


def affected(package):
    names = "".join(f"\t<name>{escape(name)}</name>\n" for name in package["name"])
    ranges = "".join(
        "\t<range>" + "".join(f"<{bound}>{escape(one[bound])}</{bound}>"
                              for bound in ("gt", "ge", "lt", "le", "eq") if bound in one) + "</range>\n"
        for one in package.get("range") or [])
    return f"      <package>\n{names}{ranges}      </package>\n"


def references(said):
    lines = []
    for kind, values in said.items():
        tag = {"cert_sa": "certsa", "cert_vu": "certvu", "freebsd_sa": "freebsdsa", "freebsd_pr": "freebsdpr",
               "us_cert_ta": "uscertta"}.get(kind, kind)
        for value in values:
            if kind == "mlist":
                msgid = f" msgid={quote(value['msgid'])}" if value.get("msgid") else ""
                lines.append(f"      <mlist{msgid}>{escape(value['text'])}</mlist>\n")
            else:
                lines.append(f"      <{tag}>{escape(value)}</{tag}>\n")
    return "".join(lines)


# OSV

def osv(data, out):
    for zipped in sorted((data / "osv").glob("*/all.zip")):
        target = out / "osv" / zipped.parent.name / "all.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(zipped, target)
    return len(list((out / "osv").iterdir()))


def build(shared, out):
    """Writes all documents below `out`; says how many of what."""
    data = pathlib.Path(shared) / "data/linux"
    out = pathlib.Path(out)
    bulk = data / "bulk"
    return {"amazon": amazon(bulk, out), "apollo": apollo(bulk, out), "alpine": alpine(bulk, out),
            "arch": arch(bulk, out), "freebsd": freebsd(bulk, out), "osv": osv(data, out)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--shared", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for publisher, count in build(args.shared, args.out).items():
        total = sum(count.values()) if isinstance(count, dict) else count
        print(f"{publisher}: {total}" + (f" in {len(count)} repositories" if isinstance(count, dict) else ""))


if __name__ == "__main__":
    main()
