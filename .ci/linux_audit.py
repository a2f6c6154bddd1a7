"""Verdicts on Linux, against the publishers' documents as another program reads them.

    linux_audit.py --binary PATH --shared DIR [--only NAME] [--keep FOLDER]

The program imports the full feeds in the publishers' forms (linux_feeds.py) and judges seven real inventories and
some made-up hosts (linux_hosts.py). linux_oracle.py judges the same hosts by the documents. Both must name the same
(advisory, source), with nothing extra and nothing missing, in the same state; and for each row the package manager's
own tool must agree that the installed version is before the fixed one. Then each rule is switched off in the judge, to
show what it is worth: a program without it would fail here.

`ubuntu_2204`, `sles15` and the older Ubuntus are judged by small feeds of ours with real facts: data/linux has no full
one.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import linux_documents
import linux_feeds
import linux_hosts
import linux_orders
from linux_oracle import RULES, Judge

csv.field_size_limit(1 << 30)
CLASSES = {"missing": "open", "missing_needs_subscription": "open", "inconsistent": "open", "no_fix_yet": "no fix",
           "wont_fix": "no fix", "end_of_life": "no fix", "pending_reboot": "reboot", "unverified": "undecided",
           "unknown": "undecided"}
KINDS = {"debian": ["debian"], "alma": ["alma"], "rocky": ["rocky_osv", "rocky_apollo"], "amazon": ["amazon"],
         "alpine": ["alpine", "alpine_osv"], "ubuntu": ["ubuntu"], "sles15": ["suse"],
         "arch": ["arch"], "freebsd": ["freebsd"]}
# rule, host, and the documents where not all of the host's: what the rule is worth there.
ABLATIONS = [
    ("source", "debian_12", None), ("signed", "debian_12", None), ("module", "alma_8_streams", None),
    ("repository", "amazon_2", None), ("repository", "amazon_2_extras", None), ("pro", "ubuntu_1604", None),
    ("pockets", "ubuntu_1404_esm", None), ("rocky-epoch", "rocky_9", ["rocky_osv"]),
    ("rocky-epoch", "rocky_8_epochs", ["rocky_osv"]), ("epoch", "alma_9_patched", None), ("epoch", "amazon_2", None),
    ("flavour", "rocky_9", None), ("running", "alma_9_old_kernels", None), ("running", "alma_9_not_booted", None),
    ("running", "alma_9_tools_left", None), ("security", "alma_9", None), ("arch", "rocky_9", ["rocky_apollo"]),
    ("ecosystem", "debian_12", None), ("ecosystem", "alpine_319", None), ("never", "alpine_319", None),
]


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, holds, what, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}: {str(detail)[:1500]}", flush=True)
        return bool(holds)


class Claims:
    """What the documents and the small feeds claim, for a host."""

    def __init__(self, shared):
        self.documents = linux_documents.Documents(shared)
        self.documents.read["ubuntu"] = [one for record in linux_hosts.ubuntu_feed()
                                         for one in linux_documents.osv(record, "source")]
        self.documents.read["suse"] = list(linux_hosts.suse_claims(linux_hosts.suse_feed()))

    def of(self, name, kinds=None):
        kinds = kinds or next(kinds for start, kinds in KINDS.items() if name.startswith(start))
        return [one for kind in kinds for one in self.documents.of(kind)]


def feeds(shared, folder):
    """The documents for the program, in the publishers' forms."""
    for publisher, count in linux_feeds.build(shared, folder).items():
        count = sum(count.values()) if isinstance(count, dict) else count
        print(f"documents of {publisher}: {count}")
    for name, records in (("ubuntu", linux_hosts.ubuntu_feed()), ("suse", linux_hosts.suse_feed())):
        target = folder / "ours" / name
        target.mkdir(parents=True)
        for record in records:
            (target / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")


def imported(binary, folder, catalog):
    # A child begins with its parent's memory, so that time(1) measures, which has none to speak of.
    done = subprocess.run(["/usr/bin/time", "-f", "%e %U %S %M", binary, "catalog", "import", folder, "--catalog",
                           catalog], capture_output=True, text=True, check=False)
    said, _, figures = done.stderr.strip().rpartition("\n")
    print(done.stdout.strip(), said, sep="\n")
    if done.returncode not in (0, 3):
        sys.exit(f"the documents cannot be imported: exit status {done.returncode}")
    seconds, user, system, memory = map(float, figures.split())
    print(f"import: {seconds:.1f} s, {user + system:.1f} s of processor, {memory / 1024:.0f} MB at most (goal 10 s, "
          f"300 MB: {'met' if seconds <= 10 and memory <= 300 * 1024 else 'missed'})")


def matched(binary, facts, catalog, folder):
    """What the program finds: host -> rows of findings.csv, each with its CVEs."""
    source = folder / "facts.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in facts), encoding="utf-8")
    out = folder / "out"
    began = time.monotonic()
    done = subprocess.run([binary, "match", "--facts", source, "--catalog", catalog, "--out", out, "--csv", "plain",
                           "--no-merge", "--max-catalog-age", "100000", "--store", folder / "store"],
                          capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3, 4):
        sys.exit(f"the hosts cannot be matched: {done.stderr[-800:]}")
    print(f"match: {len(facts)} hosts in {time.monotonic() - began:.2f} s")
    found = {f"0.0.0.{number}": [] for number, _ in enumerate(facts, 1)}
    for row in findings(out):
        found[row["ip"]].append(row)
    return {one["name"]: found[f"0.0.0.{number}"] for number, one in enumerate(facts, 1)}


def findings(folder):
    """The rows of findings.csv, each with all its CVEs."""
    cves = collections.defaultdict(set)
    for row in rows(folder, "findings_cve"):
        cves[row["machine_id"], row["finding_id"]].add(row["cve"])
    for row in rows(folder, "findings"):
        yield row | {"all cves": cves[row["machine_id"], row["finding_id"]]}


def rows(folder, table):
    for path in sorted(folder.glob(f"{table}.csv")) + sorted(folder.glob(f"{table}-*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield from csv.DictReader(file)


def plain(advisory):
    """`UBUNTU-CVE-2023-4911` and `CVE-2023-4911` are one matter."""
    found = re.fullmatch(r"[A-Z]+-(CVE-\d+-\d+)", advisory)
    return found[1] if found else advisory


def theirs_by_key(host, found):
    """The program's rows, by advisory (of Debian: by CVE) and source. Rows about the machine itself are apart."""
    judge = Judge(host, [])
    by_key, apart = {}, []
    for row in found:
        if re.match("[a-z_-]+:", row["bulletin_id"]):
            apart.append(row)
            continue
        sources = {judge.source(package) for package in judge.by_name["binary"].get(row["product"], ())}
        sources = {row["product"]} if row["product"] in judge.by_name["source"] else sources or {row["product"]}
        names = row["all cves"] if host.name.startswith("debian") else {plain(row["bulletin_id"])}
        for source in sources:
            for name in names:
                by_key.setdefault((name, source), []).append(row)
    return by_key, apart


def ours_by_key(host, judged):
    by_key = {}
    for (advisory, source), row in judged.items():
        for name in (row.cves if host.name.startswith("debian") else {plain(advisory)}):
            by_key.setdefault((name, source), set()).add(row.state)
    return by_key


def check(report, host, found, judged):
    """Both must say the same of a host."""
    theirs, apart = theirs_by_key(host, found)
    ours = ours_by_key(host, judged)
    extra, lost = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    # What headers and tools leave undecided is one row, which says how many flaws.
    undecided = [key for key in lost if ours[key] == {"undecided"}]
    said = sum(int(re.match(r"\d+", row["title"])[0]) for row in apart
               if row["bulletin_id"] == "unverified:headers-and-tools")
    report.that(said == len(undecided), f"{host.name}: as many flaws of headers and tools are left undecided",
                f"{said} instead of {len(undecided)}")
    lost = [key for key in lost if key not in undecided]
    states = collections.Counter(row["state"] for row in found)
    print(f"{host.name}: {len(host.packages)} packages; the judge {len(ours)}, the program {len(theirs)} "
          f"(advisory, source) in {len(found)} rows: {', '.join(f'{n} {state}' for state, n in states.most_common())}"
          f"{f'; of the machine itself: {len(apart)}' if apart else ''}", flush=True)
    report.that(not extra, f"{host.name}: nothing is found that is not open", f"{len(extra)}: {extra[:8]}")
    report.that(not lost, f"{host.name}: all that is open is found", f"{len(lost)}: {lost[:8]}")
    others = []
    for key in set(theirs) & set(ours):
        classes = {CLASSES.get(row["state"], row["state"]) for row in theirs[key]}
        # A third party's packages are undecided whatever the documents say.
        if not classes & ours[key] and classes != {"undecided"}:
            others.append((key, sorted(classes), sorted(ours[key])))
    report.that(not others, f"{host.name}: each in the same state", f"{len(others)}: {sorted(others)[:6]}")
    pairs(report, host, found)


def pairs(report, host, found):
    """The deciding pair of each row, by the package manager's own tool."""
    wrong, count = [], 0
    for row in found:
        installed, fixed = row["installed_version"], row["fixed_version"]
        if row["state"] not in ("missing", "missing_needs_subscription", "pending_reboot") or not fixed:
            continue
        count += 1
        if host.manager == "rpm" and (":" in installed) != (":" in fixed):
            installed, fixed = (text.partition(":")[2] or text for text in (installed, fixed))
        if host.order(installed, fixed) >= 0:
            wrong.append((row["bulletin_id"], row["product"], installed, fixed))
    report.that(not wrong, f"{host.name}: {host.manager} agrees on the deciding versions",
                f"{len(wrong)} of {count}: {wrong[:6]}")


def vectors(report, shared):
    """The judge's own orders, before they judge."""
    folder = pathlib.Path(shared) / "data/versions"
    for name, manager in (("dpkg", "dpkg"), ("rpm", "rpm"), ("rpm-evr", "rpm"), ("apk", "apk"), ("pacman", "pacman"),
                          ("freebsd", "pkg")):
        if not (folder / f"{name}.tsv").exists():
            print(f"SKIPPED: no {name}.tsv: the judge's order of {manager} is not checked")
            continue
        try:
            right, wrong = linux_orders.check_vectors(folder / f"{name}.tsv", linux_orders.ORDERS[manager])
        except linux_orders.Missing as missing:
            print(f"SKIPPED: {missing} is not installed: the order of {manager} is not checked")
            continue
        report.that(not wrong, f"the judge's order of {manager} on {name}.tsv", f"{len(wrong)}: {wrong[:5]}")
        print(f"order of {manager}: {right} rows of {name}.tsv")


def ablations(report, hosts, claims, only):
    """What each rule is worth: the judge with it and without it."""
    print("rules, and what a judge without them says:")
    for rule, name, kinds in ABLATIONS:
        if only and only not in name:
            continue
        said = claims.of(name, kinds)
        whole = Judge(hosts[name], said).findings()
        without = Judge(hosts[name], said, {rule}).findings()
        extra, lost = set(without) - set(whole), set(whole) - set(without)
        shared = set(without) & set(whole)
        moved = sum(without[key].state != whole[key].state for key in shared)
        print(f"  {rule} on {name}{f' by {kinds[0]} alone' if kinds else ''}: {len(without)} instead of {len(whole)}: "
              f"{len(extra)} false, {len(lost)} lost, {moved} in another state ({RULES[rule]})", flush=True)
        report.that(extra or lost or moved, f"the rule {rule} decides something on {name}")


def unfixed_apart(report, found):
    """What has no fix is not counted as missing."""
    states = collections.Counter(CLASSES.get(row["state"]) for row in found)
    print(f"  unfixed apart on debian_12: {states['open']} to install, {states['no fix']} without a fix")
    report.that(states["no fix"] > states["open"] > 0, "debian_12: what has no fix is apart", states)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", help="without it only the judge speaks")
    parser.add_argument("--shared", required=True)
    parser.add_argument("--only", help="hosts whose names contain this")
    parser.add_argument("--keep", type=pathlib.Path, help="where to leave documents, facts and findings for a look")
    given = parser.parse_args()
    report = Report()
    if linux_orders.rpm is None:
        print("SKIPPED: python3-rpm is not installed: Linux verdicts are not checked")
        return 0
    vectors(report, given.shared)
    claims = Claims(given.shared)
    chosen = {name: linux_hosts.inventory(given.shared, name) for name in linux_hosts.INVENTORIES}
    chosen |= linux_hosts.made_up()
    hosts = {name: host for name, (host, _) in chosen.items()}
    names = [name for name in chosen if not given.only or given.only in name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or pathlib.Path(temporary)
        (folder / "feeds").mkdir(parents=True, exist_ok=True)
        os.environ.update(XDG_DATA_HOME=str(folder), XDG_STATE_HOME=str(folder), XDG_CONFIG_HOME=str(folder))
        found = {}
        if given.binary:
            binary = str(pathlib.Path(given.binary).resolve())
            feeds(given.shared, folder / "feeds")
            imported(binary, folder / "feeds", folder / "catalog.db")
            found = matched(binary, [chosen[name][1] for name in names], folder / "catalog.db", folder)
        for name in names:
            judged = Judge(hosts[name], claims.of(name)).findings()
            if given.binary:
                check(report, hosts[name], found[name], judged)
            else:
                states = collections.Counter(row.state for row in judged.values())
                print(f"{name}: the judge {len(judged)}: {dict(states)}")
        ablations(report, hosts, claims, given.only)
        if "debian_12" in found:
            unfixed_apart(report, found["debian_12"])
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
