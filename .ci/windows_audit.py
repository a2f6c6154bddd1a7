"""Verdicts on Windows, against MSRC's own documents as another program reads them.

For each product line and many places of its history: a host with the newest update has nothing missing, one that is an
update behind has exactly the difference, one as first released has all that the documents list for it.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

from windows_oracle import Documents, Line, products

csv.field_size_limit(1 << 30)
OPEN = {"missing", "missing_needs_subscription", "end_of_life"}


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, holds, what, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}: {detail}", flush=True)


def import_documents(binary, folder, catalog):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run([binary, "catalog", "import", folder, "--catalog", catalog], capture_output=True, text=True)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"the documents cannot be imported: {done.stderr}")
    print(done.stdout.strip())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss / 1024


def facts(line, at, name):
    """A host of a product with all releases up to one."""
    product = line.product
    kb = line.releases[at] if at >= 0 else None
    ubr = line.ubr.get(kb) if kb else {10240: 16384, 16299: 15, 17134: 1, 17763: 1}.get(product.build, 0)
    if product.servicing == "rollup" and product.build < 9000:
        ubr = None
    hotfixes = [{"id": f"KB{kb}", "seen_in": ["qfe"]}] if kb else []
    return {"format": "underdesk-facts", "version": 1, "name": name, "inventory": {
        "platform": {"family": "windows", "id": "windows", "arch": product.arch, "windows": {
            "build": {"build": product.build, "ubr": ubr}, "installation": product.installation}},
        "windows": {"hotfixes": {"known": hotfixes}}}}


def places(line):
    count = len(line.releases)
    return sorted({-1, count - 1, count - 2} | set(range(0, count, max(1, count // 8)))) if count > 1 else [-1, count - 1]


def check(report, binary, catalog, line, folder):
    product = line.product
    hosts = {f"at{at}": at for at in places(line) if at >= -1}
    text = "\n".join(json.dumps(facts(line, at, name)) for name, at in hosts.items())
    source = folder / "facts.jsonl"
    source.write_text(text)
    out = folder / "out"
    done = subprocess.run([binary, "match", "--facts", source, "--catalog", catalog, "--out", out, "--csv", "plain",
                           "--no-merge", "--max-catalog-age", "100000", "--store", folder / "store"],
                          capture_output=True, text=True)
    if done.returncode not in (0, 3, 4):
        report.that(False, product.name, done.stderr[-500:])
        return
    found = collections.defaultdict(lambda: collections.defaultdict(set))
    for path in sorted(out.glob("findings_cve*.csv")):
        with open(path, newline="") as rows:
            for row in csv.DictReader(rows):
                found[row["hostname"]][row["state"]].add(row["cve"])
    for path in out.iterdir():
        path.unlink()
    for name, at in hosts.items():
        expected = line.expected(at)
        states = found[name]
        opened = set().union(*(states[state] for state in OPEN))
        undecided = states["unverified"] | states["unknown"]
        wanted = {cve for cve in expected["open"] if cve.startswith("CVE-")}
        where = f"{product.name}, {'as released' if at < 0 else 'at KB%d of %d-%02d' % ((line.releases[at],) + line.month[line.releases[at]])}"
        extra, lost = opened - wanted, wanted - opened
        report.that(not extra, f"{where}: nothing is missing that is not",
                    f"{len(extra)} of {len(opened)}: {sorted(extra)[:5]}")
        report.that(not lost, f"{where}: all that is open is found",
                    f"{len(lost)} of {len(wanted)}: {sorted(lost)[:5]}")
        if at == len(line.releases) - 1:
            report.that(not opened, f"{where}: the newest update leaves nothing", sorted(opened)[:5])
        maybe = expected["undecided"] | expected["no fix"] | expected["closed"] | expected["not in"]
        stray = undecided - maybe
        report.that(not stray, f"{where}: what is undecided is so for a reason", sorted(stray)[:5])


def explained(report, binary, catalog, documents, lines, folder, seed):
    """Findings and non-findings drawn by chance: what `explain` says of them, against the documents."""
    chance = random.Random(seed)
    print(f"findings and non-findings drawn with seed {seed}:")
    for number in range(100):
        line = chance.choice(lines)
        at = chance.randrange(-1, len(line.releases))
        expected = line.expected(at)
        wanted = "open" if number % 2 else chance.choice(["closed", "closed", "elsewhere"])
        if wanted == "elsewhere":
            other = chance.choice(lines)
            choice = sorted(set(other.flaws) - set().union(*expected.values()))
        else:
            choice = sorted(cve for cve in expected[wanted] if cve.startswith("CVE-"))
        if not choice:
            continue
        cve = chance.choice(choice)
        source = folder / "one.json"
        source.write_text(json.dumps(facts(line, at, "host")))
        done = subprocess.run([binary, "explain", "host", cve, "--facts", source, "--catalog", catalog],
                              capture_output=True, text=True)
        said = " ".join(done.stdout.split())
        kbs = {f"KB{fix.kb}" for flaws in [line.flaws, *line.parts] for fix in flaws.get(cve, ())}
        named = sorted(kb for kb in kbs if kb in said)
        states = {"open": ("missing", "end_of_life"), "closed": ("fixed", "superseded", "not_applicable"),
                  "elsewhere": ("not reported",)}[wanted]
        holds = done.returncode == 0 and any(state in said for state in states)
        holds = holds and (bool(named) if wanted != "elsewhere" else not kbs)
        where = "as released" if at < 0 else f"at KB{line.releases[at]}"
        print(f"  {wanted}: {cve} on {line.product.name}, {where}: "
              f"{next((state for state in states if state in said), 'nothing')}, {', '.join(named) or 'no update of it'}")
        report.that(holds, f"explain {cve} on {line.product.name}, {where} ({wanted})",
                    done.stderr[-300:] or said[:600])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--only", help="products whose names contain this")
    parser.add_argument("--documents", help="a folder with the documents, unpacked")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    binary = str(pathlib.Path(given.binary).resolve())
    source = given.documents or str(pathlib.Path(given.shared) / "data/windows/cvrf")
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ.update(XDG_DATA_HOME=name, XDG_STATE_HOME=name, XDG_CONFIG_HOME=name)
        catalog = folder / "catalog.db"
        seconds, cpu, memory = import_documents(binary, source, catalog)
        print(f"import: {seconds:.1f} s, {cpu:.1f} s of processor, {memory:.0f} MB at most "
              f"(goal 10 s, 300 MB: {'met' if seconds <= 10 and memory <= 300 else 'missed'})")
        documents = Documents(source)
        lines = []
        for product in products():
            if given.only and given.only not in product.name:
                continue
            line = Line(documents, product)
            if line.releases:
                lines.append(line)
                check(report, binary, catalog, line, folder)
        print(f"{len(lines)} product lines")
        explained(report, binary, catalog, documents, lines, folder, given.seed)
    print(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
