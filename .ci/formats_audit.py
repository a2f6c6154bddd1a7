#!/usr/bin/env python3
"""The formats for other programs, as those programs and their schemas take them.

    formats_audit.py --binary PATH [--python VENV/bin/python]

Runs the demo in a temporary folder, with every format, and has the files read by others: JSON, JSON Lines and the
manifest by python3-jsonschema against docs/schema, CycloneDX by the official schema as cyclonedx-python-lib brings it,
nmap XML by xmllint against nmap's own DTD and by python-libnmap, all of them against the CSV files of the same run.
A Python with the two libraries is made in target/reports-python where none is named. What is missing costs its
checks, and that is said.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed.
"""

import argparse
import collections
import csv
import datetime
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMATS = "csv,jsonl,json,cyclonedx,defectdojo,nmap"
LIBRARIES = ("cyclonedx-python-lib[json-validation]", "python-libnmap")
STATES = {"missing": "exploitable", "missing_needs_subscription": "exploitable", "inconsistent": "exploitable",
          "pending_reboot": "exploitable", "no_fix_yet": "exploitable", "wont_fix": "exploitable",
          "end_of_life": "exploitable", "unknown": "in_triage", "unverified": "in_triage", "fixed": "resolved",
          "superseded": "resolved", "not_applicable": "not_affected"}
# What the import's parser allows (dojo/tools/generic/json_parser.py), of what we use.
DOJO = {"title": str, "severity": str, "description": str, "mitigation": str, "impact": str, "steps_to_reproduce": str,
        "severity_justification": str, "date": str, "planned_remediation_date": str, "vulnerability_ids": list, "cwe": int,
        "cvssv3_score": (int, float), "component_name": str, "component_version": str, "unique_id_from_tool": str,
        "vuln_id_from_tool": str, "static_finding": bool, "dynamic_finding": bool, "active": bool, "verified": bool,
        "false_p": bool, "risk_accepted": bool, "is_mitigated": bool, "mitigated": str, "endpoints": list, "tags": list}


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, text, why=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok' if holds else 'FAILED'}: {text}" + ("" if holds else f": {str(why)[-800:]}"), flush=True)

    def skip(self, text):
        self.skipped += 1
        print(f"SKIPPED: {text}", flush=True)


class Demo:
    """The demo's run in every format, and the same with what is closed."""

    def __init__(self, binary, root, python):
        self.binary, self.root, self.python = binary, root, python
        self.folder, self.all = root / "open", root / "all"
        self.own = root / "made" / "operator"
        self.done = self.run("demo", "--out", root / "made")
        self.stored = ("--store", self.own / "underdesk.db")

    def run(self, *words):
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True, check=False, timeout=300,
                              cwd=self.root, env={"HOME": str(home), "PATH": "/usr/bin:/bin", "USER": "auditor"})

    def export(self, *words):
        return self.run(*self.stored, "export", *words, "--policy", self.own / "policy.toml")

    def boms(self, folder=None):
        return {path.name: json.loads(path.read_text()) for path in sorted((folder or self.folder).glob("*.cdx.json"))}


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def rows(folder, table):
    with open(folder / f"{table}.csv", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def schemas(demo, report):
    """Every document is as the published schema says."""
    try:
        import jsonschema
    except ImportError:
        report.skip("python3-jsonschema is not here: the documents are not validated against docs/schema")
        return
    of = {kind: load(ROOT / f"docs/schema/underdesk-{kind}-1.schema.json") for kind in ("json", "jsonl", "manifest")}
    for kind, schema in of.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        report.that(True, f"the schema of {kind} is one (2020-12)")

    def faults(kind, document):
        validator = jsonschema.Draft202012Validator(of[kind], format_checker=jsonschema.FormatChecker())
        return [f"{list(one.absolute_path)}: {one.message}"[:300] for one in validator.iter_errors(document)][:3]

    for folder in (demo.folder, demo.all):
        found = faults("json", load(folder / "run.json"))
        report.that(not found, f"{folder.name}/run.json is as its schema says", found)
        found = faults("manifest", load(folder / "manifest.json"))
        report.that(not found, f"{folder.name}/manifest.json is as its schema says", found)
        lines = (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()
        # The first of each type, and every fiftieth: this validator takes its time.
        seen, some = set(), []
        for number, line in enumerate(lines):
            row = json.loads(line)
            if row["type"] not in seen or number % 50 == 0:
                some.append(row)
            seen.add(row["type"])
        found = [fault for row in some for fault in faults("jsonl", row)]
        report.that(not found, f"{folder.name}/run.jsonl: {len(some)} of {len(lines)} lines are as their schema says", found[:3])
    spoilt = load(demo.folder / "run.json")
    spoilt["machines"][0]["findings"] = [{"kev": 7}]
    report.that(faults("json", spoilt), "a document that is spoilt is found out")


def as_csv(value):
    """How a cell of JSON is written in a plain CSV cell; None where that rounds or cuts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        more = [f"(+{len(value) - 20})"] if len(value) > 20 else []
        return "; ".join([*map(str, value[:20]), *more])
    return str(value)


def same(value, cell):
    """Whether a value of JSON is what a cell of CSV says. Guards and pictures of controls are CSV's own."""
    text = as_csv(value)
    if text == cell:
        return True
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return abs(float(cell) - value) < 0.0051
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f⏎␀-␡ ]|<U\+[0-9A-F]+>", "", text)
    return plain == re.sub(r"[\x00-\x1f⏎␀-␡ ]|<U\+[0-9A-F]+>", "", cell) or "'" + text == cell or cell.endswith("…[cut]")


def tables(document):
    """The rows of run.json by table, as the CSV files have them."""
    found = collections.defaultdict(list)
    for name, value in document.items():
        if not isinstance(value, list):
            continue
        for row in value:
            lists = {key: part for key, part in row.items()
                     if name == "machines" and isinstance(part, list) and part and isinstance(part[0], dict) or
                     name == "machines" and key in INNER}
            found[name].append({key: cell for key, cell in row.items() if key not in lists})
            for key, part in lists.items():
                found[key].extend(part)
        found[name] += []
    # Behind the machines, what only lists know.
    return found


INNER = {"access", "software", "hotfixes", "services", "findings", "findings_cve", "unmanaged", "drift", "history"}


def json_rows(demo, report):
    """run.json has, row by row and cell by cell, what the CSV files have; so has run.jsonl."""
    plain = demo.root / "plain"
    done = demo.export("--out", plain, "--format", "csv,json,jsonl", "--csv", "plain", "--all")
    report.that((plain / "run.json").exists(), "the run is exported with what is closed", done.stderr)
    document = load(plain / "run.json")
    found = tables(document)
    cells = 0
    for path in sorted(plain.glob("*.csv")):
        table, theirs = path.stem, rows(plain, path.stem)
        ours = found.get(table, [])
        wrong = [(key, one.get(key), other[key]) for one, other in zip(ours, theirs) for key in other
                 if key not in one or not same(one[key], other[key])]
        cells += sum(map(len, theirs))
        columns = all(list(one) == list(other) for one, other in zip(ours, theirs))
        report.that(len(ours) == len(theirs) and not wrong and columns,
                    f"run.json: {table} is {path.name}, {len(theirs)} rows", (len(ours), len(theirs), wrong[:3]))
    report.that(cells > 10_000, f"that were {cells} cells")
    kinds = collections.Counter(json.loads(line)["type"] for line in (plain / "run.jsonl").read_text().splitlines())
    report.that(sum(kinds.values()) == 1 + sum(map(len, found.values())), "run.jsonl has as many rows", kinds)


def cyclonedx(demo, report):
    """One valid document for each machine that was read, with the findings of findings.csv and no others."""
    for folder, name in ((demo.folder, "open"), (demo.all, "all")):
        boms = demo.boms(folder)
        read = {row["machine_id"]: row for row in rows(folder, "machines") if row["outcome"].startswith("scanned_")}
        names = {f"{machine}.cdx.json" for machine in read}
        report.that(set(boms) == names, f"{name}: a document for each of the {len(names)} machines that were read",
                    set(boms) ^ names)
        findings = {row["finding_id"]: row for row in rows(folder, "findings") if row["machine_id"] in read}
        by_cve = {(row["finding_id"], row["cve"]) for row in rows(folder, "findings_cve") if row["machine_id"] in read}
        told, wrong = {}, []
        for bom in boms.values():
            for one in bom["vulnerabilities"]:
                of = {item["name"].removeprefix("underdesk:"): item["value"] for item in one["properties"]}
                told[of["finding_id"], one["id"]] = of
                row = findings.get(of["finding_id"], {})
                if of["state"] != row.get("state") or STATES[of["state"]] != one["analysis"]["state"]:
                    wrong.append((of, row.get("state"), one["analysis"]))
                if one.get("recommendation", "") != row.get("fix", ""):
                    wrong.append((one.get("recommendation"), row.get("fix")))
        report.that({finding for finding, _ in told} == set(findings),
                    f"{name}: {len(findings)} findings, each of findings.csv and no other", set(findings) ^ {one for one, _ in told})
        without = {(finding, row["bulletin_id"]) for finding, row in findings.items() if row["cve_count"] == "0"}
        report.that(set(told) == by_cve | without, f"{name}: {len(told)} vulnerabilities, as in findings_cve.csv",
                    list(set(told) ^ (by_cve | without))[:5])
        report.that(not wrong, f"{name}: states and fixes are those of findings.csv", wrong[:2])
        software = collections.Counter(row["machine_id"] for row in rows(folder, "software"))
        counts = {machine: len(boms[f"{machine}.cdx.json"]["components"]) - 1 for machine in read}
        report.that(counts == {machine: software[machine] for machine in read}, f"{name}: components are the rows of software.csv")
    serials = [bom["serialNumber"] for bom in demo.boms().values()]
    report.that(len(set(serials)) == len(serials), "no two documents have the same serial number")
    if not demo.python:
        report.skip("no Python with cyclonedx-python-lib: no document is validated against the official schema")
        return
    script = ("import pathlib, sys\nfrom cyclonedx.schema import SchemaVersion\n"
              "from cyclonedx.validation.json import JsonStrictValidator\n"
              "check = JsonStrictValidator(SchemaVersion.V1_6).validate_str\n"
              "assert check('{\"bomFormat\": \"CycloneDX\"}') is not None\n"
              "for path in sys.argv[1:]:\n"
              "    fault = check(pathlib.Path(path).read_text())\n"
              "    print(fault and f'{path}: {fault}'[:600] or 'valid')\n")
    paths = [path for folder in (demo.folder, demo.all) for path in sorted(folder.glob("*.cdx.json"))]
    done = subprocess.run([demo.python, "-c", script, *paths], capture_output=True, text=True, check=False, timeout=600)
    lines = done.stdout.splitlines()
    report.that(done.returncode == 0 and lines == ["valid"] * len(paths),
                f"the official schema of CycloneDX 1.6 takes all {len(paths)} documents, strictly",
                [line for line in lines if line != "valid"][:2] + [done.stderr[-300:]])


def defectdojo(demo, report):
    """What the import wants, field by field, and every finding once."""
    for folder, name in ((demo.folder, "open"), (demo.all, "all")):
        document = load(folder / "defectdojo.json")
        items = document["findings"]
        theirs = {row["finding_id"]: row for row in rows(folder, "findings")}
        ids = [item["unique_id_from_tool"] for item in items]
        report.that(sorted(ids) == sorted(theirs), f"{name}: {len(ids)} findings, each of findings.csv once",
                    (len(ids), len(theirs)))
        wrong = []
        for item in items:
            row = theirs[item["unique_id_from_tool"]]
            strange = [field for field, value in item.items() if field not in DOJO or not isinstance(value, DOJO[field])]
            lengths = (("title", 511), ("component_name", 500), ("component_version", 100), ("vuln_id_from_tool", 500))
            fits = all(len(item.get(field, "")) <= most for field, most in lengths)
            fits = fits and all(len(one) <= 50 for one in item.get("vulnerability_ids", []))
            closed = row["state"] in ("fixed", "superseded", "not_applicable")
            undecided = row["state"] in ("unknown", "unverified")
            excepted = bool(row["exception_id"]) and not closed
            rated = row["my_severity"] or row["vendor_severity"]
            severity = {"negligible": "Info"}.get(rated, rated.capitalize())
            holds = (not strange and fits and item["severity"] in ("Critical", "High", "Medium", "Low", "Info")
                     and item["active"] == (not closed and not excepted) and item["risk_accepted"] == excepted
                     and item["is_mitigated"] == (row["state"] in ("fixed", "superseded"))
                     and item["verified"] == (not closed and not undecided and row["confidence"] == "high")
                     and item["false_p"] == (row["state"] == "not_applicable")
                     and (not undecided or item["severity"] == "Info")
                     and (undecided or not severity or item["severity"] == severity)
                     and len(item.get("vulnerability_ids", [])) == int(row["cve_count"])
                     and item["tags"][0] == row["state"] and ("kev" in item["tags"]) == (row["kev"] == "yes")
                     and item.get("planned_remediation_date", "") == row["due_date"])
            for field in ("date", "planned_remediation_date"):
                if field in item:
                    datetime.date.fromisoformat(item[field])
            if not holds:
                wrong.append((strange, item, {key: row[key] for key in ("state", "my_severity", "vendor_severity", "confidence")}))
        report.that(not wrong, f"{name}: every finding is as the import wants it, and says what findings.csv says", wrong[:1])
        titles = collections.Counter((item["title"], item["description"]) for item in items)
        report.that(max(titles.values(), default=1) == 1, f"{name}: title and description tell every finding from the others",
                    titles.most_common(2))


def nmap(demo, report):
    """Valid by nmap's own DTD, and read by others with what services.csv has."""
    path, dtd = demo.folder / "nmap.xml", pathlib.Path("/usr/share/nmap/nmap.dtd")
    if shutil.which("xmllint") and dtd.exists():
        done = subprocess.run(["xmllint", "--nonet", "--noout", "--dtdvalid", dtd, path], capture_output=True, text=True,
                              check=False, timeout=60)
        report.that(done.returncode == 0, "nmap.xml is as nmap's own DTD says", done.stderr)
    else:
        report.skip("no xmllint or no nmap.dtd: nmap.xml is not validated")
    document = xml.parse(path).getroot()
    ours = {(host.find("address").get("addr"), port.get("protocol"), port.get("portid"))
            for host in document.iter("host") for port in host.iter("port")}
    artefacts = {row["ip"] for row in rows(demo.folder, "machines") if row["managed_state"] == "artefact"}
    theirs = {(row["ip"], row["proto"], row["port"]) for row in rows(demo.folder, "services")
              if row["seen_by"] == "scan" and row["ip"] not in artefacts}
    report.that(ours == theirs and ours, f"its {len(ours)} ports are those of services.csv that the network saw", ours ^ theirs)
    hosts = [host.find("address").get("addr") for host in document.iter("host")]
    report.that(document.find("runstats/hosts").get("up") == str(len(hosts)) and len(set(hosts)) == len(hosts),
                f"its {len(hosts)} hosts are counted, each once")
    listed = demo.run(*demo.stored, "unmanaged", "--show-lists", "--known", f"SWEEP={path}")
    words = listed.stdout.split()
    count = words[words.index("machines") - 1] if "machines" in words else ""
    report.that(count == str(len(hosts)) and "nmap" in listed.stdout, "underdesk reads it as a list", listed.stdout + listed.stderr)
    if not demo.python:
        report.skip("no Python with python-libnmap: it has not read nmap.xml")
        return
    script = ("import json, sys\nfrom libnmap.parser import NmapParser\n"
              "report = NmapParser.parse_fromfile(sys.argv[1])\n"
              "print(json.dumps([[host.address, host.status, host.mac, sorted(host.hostnames),"
              " [[one.protocol, one.port, one.state, one.service, one.service_dict.get('product', '')] for one in host.services]]"
              " for host in report.hosts]))\n")
    done = subprocess.run([demo.python, "-c", script, path], capture_output=True, text=True, check=False, timeout=60)
    read = json.loads(done.stdout or "[]")
    ports = {(address, protocol, str(port)) for address, _, _, _, services in read for protocol, port, *_ in services}
    report.that(done.returncode == 0 and [host[0] for host in read] == hosts and ports == ours
                and all(host[1] == "up" for host in read), "python-libnmap reads the same hosts and ports", done.stderr or read[:2])
    products = {(address, str(port)): product for address, _, _, _, services in read for _, port, _, _, product in services}
    wrong = [row for row in rows(demo.folder, "services") if row["seen_by"] == "scan" and row["ip"] not in artefacts
             and products.get((row["ip"], row["port"])) != row["product"]]
    report.that(not wrong, "and the same products", wrong[:2])


def folder(demo, report):
    """The manifest has every file, and standard output takes what is one document."""
    manifest = load(demo.folder / "manifest.json")
    wrong = [one["name"] for one in manifest["files"]
             if hashlib.sha256((demo.folder / one["name"]).read_bytes()).hexdigest() != one["sha256"]]
    named = {one["name"] for one in manifest["files"]} | {"manifest.json"}
    there = {path.name for path in demo.folder.iterdir() if path.is_file()}
    report.that(not wrong and named == there, f"manifest.json has all {len(there)} files, with their hashes", (wrong, named ^ there))
    for name, file in (("json", "run.json"), ("defectdojo", "defectdojo.json"), ("nmap", "nmap.xml"), ("jsonl", "run.jsonl")):
        done = demo.export("--format", name, "-o", "-", "--all")
        report.that(done.stdout == (demo.all / file).read_text(encoding="utf-8"), f"{name} on standard output is {file}", done.stderr)
    done = demo.export("--format", "cyclonedx", "-o", "-")
    report.that(done.returncode == 2 and not done.stdout and "into a folder" in done.stderr,
                "cyclonedx of many machines is refused on standard output", (done.returncode, done.stderr))
    stale, own = demo.all / "m-0123456789ab.cdx.json", demo.all / "own.cdx.json"
    stale.write_text("{}")
    own.write_text("{}")
    demo.export("--out", demo.all, "--format", FORMATS, "--all")
    report.that(not stale.exists() and own.exists(), "a document of a machine that is not in the run is removed, and nobody else's file")
    own.unlink()
    again = demo.root / "again"
    demo.export("--out", again, "--format", FORMATS, "--all")
    differ = [path.name for path in again.iterdir() if path.is_file() and path.read_bytes() != (demo.all / path.name).read_bytes()]
    report.that(not differ, "the same run twice gives the same bytes", differ)


def users(demo, report):
    """Account names go where --no-users says."""
    names = {row["user"] for row in rows(demo.folder, "services")} | {row["installed_by"] for row in rows(demo.folder, "software")}
    names = {name for name in names if len(name) > 5 and name != "unknown"}
    without = demo.root / "without"
    demo.export("--out", without, "--format", FORMATS, "--all", "--no-users")
    found = [(path.name, name) for path in without.iterdir() if path.is_file() for name in names
             if json.dumps(name)[1:-1] in path.read_text(encoding="utf-8")]
    report.that(names and not found, f"--no-users: none of {len(names)} account names is in any file", found[:5])


def python(report):
    """A Python that has what others read our files with."""
    venv = ROOT / "target" / "reports-python"
    own = venv / "bin" / "python"
    works = [own, "-c", "import cyclonedx.validation.json, jsonschema, libnmap"]
    if not own.exists() or subprocess.run(works, capture_output=True, check=False).returncode:
        made = subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", venv], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            subprocess.run([venv / "bin" / "pip", "install", "--quiet", *LIBRARIES], capture_output=True, check=False)
    if not own.exists() or subprocess.run(works, capture_output=True, check=False).returncode:
        print("SKIPPED: no Python with " + " and ".join(LIBRARIES) + " can be made here", flush=True)
        return None
    return own


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--python", type=pathlib.Path)
    arguments = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="underdesk-formats-") as root:
        demo = Demo(str(arguments.binary.resolve()), pathlib.Path(root), arguments.python or python(report))
        report.that(demo.done.returncode == 0, "the demo ends with 0", demo.done.stderr)
        for place, more in ((demo.folder, ()), (demo.all, ("--all",))):
            done = demo.export("--out", place, "--format", FORMATS, *more)
            report.that((place / "run.json").exists(), f"its run is exported in every format {' '.join(more)}", done.stderr)
        for check in (folder, schemas, json_rows, cyclonedx, defectdojo, nmap, users):
            check(demo, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
