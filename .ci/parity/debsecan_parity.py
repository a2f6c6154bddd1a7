#!/usr/bin/env python3
"""Compares our findings for one Debian host with debsecan's, on the same data.

    debsecan_parity.py --osv FILE.zip --ecosystem Debian:12 --suite bookworm --status FILE
        [--kernel RELEASE] --findings findings.csv --findings-cve findings_cve.csv [--work DIR]

debsecan is another program by other people: its matching and its version order (apt's) share nothing
with ours. This script turns the OSV zip into debsecan's own data format, hands it a dpkg status file,
and compares the two sets of (source package, CVE). Exit status 0 when they are equal.

What is counted. debsecan prints a line per binary package and CVE; we give one row per source package
and CVE. The binaries are mapped to their sources, as the status file states them. Only CVE records are
converted, as debsecan's feed knows no others: DSA and DLA records of OSV repeat CVEs.

What is mapped, in the status file that debsecan gets:
- Debian signs its kernels in sources of their own (linux-signed-amd64), of which no advisory speaks.
  They become `linux` (linux-signed-6.1-arm64 becomes linux-6.1) at the binary's version.
- A host has one running kernel. Kernel images other than the one that --kernel names (or, when no
  image has that release, the newest) are left out, and so are the meta packages that hold no code.
- debsecan looks at fully installed packages only. Half-installed ones can run, too, and are given to
  it as installed. Removed packages stay removed.
Everything open or undecided in our files counts; nothing is left out by state.

Only Python's standard library and debsecan (with python3-apt) are needed. Nothing leaves the machine.
"""

import argparse
import csv
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib


def stanzas(text):
    """The stanzas of a dpkg status file, as lists of [field, value]."""
    for block in text.split("\n\n"):
        fields = []
        for line in block.split("\n"):
            if line[:1] in (" ", "\t") and fields:
                fields[-1][1] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                fields.append([name, value.strip()])
        if fields:
            yield dict(fields)


def source_of(package):
    """The source's name and the version that advisories speak of."""
    field = package.get("Source", package["Package"])
    match = re.fullmatch(r"(\S+)(?: \((\S+)\))?", field)
    name, version = match.group(1), match.group(2) or package["Version"]
    if name.startswith("linux-signed-"):
        return "linux" + name[len("linux-signed"):].rpartition("-")[0], package["Version"]
    return name, version


def image_release(package):
    match = re.fullmatch(r"linux-image-(?:unsigned-)?(\d.*)", package["Package"])
    return match and match.group(1)


def newer(a, b):
    done = subprocess.run(["dpkg", "--compare-versions", a["Version"], "gt", b["Version"]], check=False)
    return 1 if done.returncode == 0 else -1


def mapped_status(text, kernel):
    """The stanzas that debsecan is to judge."""
    present = []
    for package in stanzas(text):
        state = package.get("Status", "").split(" ")[-1]
        if state in ("not-installed", "config-files") or "Version" not in package:
            continue
        present.append(package)
    images = [p for p in present if p["Package"].startswith("linux-image-")]
    coded = [p for p in images if image_release(p)]
    judged = [p for p in coded if image_release(p) == kernel][:1]
    if not judged and coded:
        judged = [max(coded, key=functools.cmp_to_key(newer))]
    return [p for p in present if p not in images or p in judged]


def write_status(packages, path):
    with open(path, "w", encoding="utf-8") as out:
        for package in packages:
            name, version = source_of(package)
            out.write(
                f"Package: {package['Package']}\nStatus: install ok installed\n"
                f"Version: {package['Version']}\nArchitecture: {package.get('Architecture', 'all')}\n"
                f"Source: {name} ({version})\n\n"
            )


def cve_of(record):
    match = re.fullmatch(r"(?:DEBIAN-)?(CVE-\d+-\d+)", record["id"])
    return match and match.group(1)


def vulnerabilities(path, ecosystem):
    """(package, CVE) -> fixed version, or "" while there is none."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".json"):
                continue
            record = json.loads(archive.read(name))
            cve = cve_of(record)
            if not cve or record.get("withdrawn"):
                continue
            for affected in record.get("affected", []):
                if affected["package"]["ecosystem"] == ecosystem:
                    key = (affected["package"]["name"], cve)
                    if key in found:
                        sys.exit(f"{name}: a second record about {key}, which debsecan's format cannot say")
                    found[key] = fixed_version(name, affected)
    return found


def fixed_version(name, affected):
    """debsecan knows one fixed version a package, and "from the beginning" only."""
    ranges = [r for r in affected.get("ranges", []) if r["type"] == "ECOSYSTEM"]
    events = [event for one in ranges for event in one["events"]]
    kinds = [key for event in events for key in event]
    if kinds not in (["introduced"], ["introduced", "fixed"]) or events[0]["introduced"] != "0":
        sys.exit(f"{name}: a range that debsecan's format cannot say: {events}")
    return events[1]["fixed"] if len(events) == 2 else ""


def write_feed(found, path):
    """debsecan's data, version 1: names, vulnerabilities, sources; an empty line after each part."""
    cves = sorted({cve for _, cve in found})
    index = {cve: number for number, cve in enumerate(cves)}
    lines = ["VERSION 1"]
    lines += [f"{cve},," for cve in cves] + [""]
    for (package, cve), fixed in sorted(found.items()):
        flags = "S  " + ("F" if fixed else " ")
        lines.append(f"{package},{index[cve]},{flags},{fixed},")
    lines += ["", ""]
    path.write_bytes(zlib.compress("\n".join(lines).encode()))


def debsecan_findings(work, suite, packages):
    status = work / "status"
    write_status(packages, status)
    command = ["debsecan", "--config", "/dev/null", "--suite", suite, "--format", "simple",
               "--source", work.resolve().as_uri() + "/", "--status", str(status),
               "--whitelist", str(work / "none")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split(" ") for line in output.splitlines() if line]
    sources = {package["Package"]: source_of(package)[0] for package in packages}
    return {(sources[package], cve) for cve, package in lines}, len(lines)


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def our_findings(findings, findings_cve):
    product = {row["finding_id"]: row["product"] for row in rows(findings)}
    return {(product[row["finding_id"]], row["cve"]) for row in rows(findings_cve)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for flag in ("--osv", "--ecosystem", "--suite", "--status", "--findings", "--findings-cve"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--kernel", help="what `uname -r` says on the host")
    parser.add_argument("--work", type=pathlib.Path, help="where to leave debsecan's data for a look")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        write_feed(vulnerabilities(args.osv, args.ecosystem), work / args.suite)
        status = pathlib.Path(args.status).read_text(encoding="utf-8", errors="replace")
        packages = mapped_status(status, args.kernel)
        theirs, lines = debsecan_findings(work, args.suite, packages)
    ours = our_findings(args.findings, args.findings_cve)
    print(f"debsecan: {lines} (binary, CVE) lines, {len(theirs)} (source, CVE); ours: {len(ours)} (source, CVE)")
    for label, extra in (("only debsecan", theirs - ours), ("only ours", ours - theirs)):
        for source, cve in sorted(extra)[:20]:
            print(f"{label}: {source} {cve}")
        if len(extra) > 20:
            print(f"{label}: {len(extra)} in all")
    if not theirs:
        print("nothing was found at all, which proves nothing")
    return 0 if theirs and ours == theirs else 1


if __name__ == "__main__":
    sys.exit(main())
