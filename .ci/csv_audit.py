#!/usr/bin/env python3
"""The CSV files of the demo and of a hostile machine, as Python and LibreOffice read them.

    csv_audit.py --binary PATH

Works in a temporary folder, and in a network namespace with nothing but loopback where that may be made. Without
LibreOffice its checks are skipped, and that is said.

Prints a line for each thing checked, and at the end `N passed, N failed, N skipped`. Exit status 1 when
anything failed.
"""

import argparse
import csv
import hashlib
import ipaddress
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
import zipfile

import audit_lab

ROOT = pathlib.Path(__file__).parent.parent
DIALECTS = {"default": (",", "\r\n", True), "excel-eu": (";", "\r\n", True), "plain": (",", "\n", False)}
SIGNS = "=+-@\t\r\0＝＋－＠﹦﹢﹣﹫"
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
HOSTILE = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(1+1)", "＝1+1", "＋1", "－1+2", "＠SUM(1)", "\t=1+1", "\r=1",
           "line\r\nbreak", "a;=1+1", "a,=1+1", "\"=1+1", "  =1+1", "=HYPERLINK(\"http://192.0.2.1/\",\"x\")",
           "\u202etxt.exe", "\x1b[2Jred", "x" * 40_000, "=" + "y" * 40_000]


def is_ip(cell):
    try:
        ipaddress.ip_address(cell)
    except ValueError:
        return False
    return True


def is_day(cell):
    return re.fullmatch(r"\d{4}-\d\d-\d\d", cell)


FITS = {
    "text": lambda cell: True,
    "list": lambda cell: len(cell.split("; ")) <= 21 or cell.count("; ") > 20,
    "integer": lambda cell: re.fullmatch(r"-?\d+", cell),
    "decimal": lambda cell: re.fullmatch(r"\d+\.\d", cell),
    "probability": lambda cell: re.fullmatch(r"[01]\.\d{5}", cell) and float(cell) <= 1,
    "percent": lambda cell: re.fullmatch(r"\d+\.\d\d", cell) and float(cell) <= 100,
    "yes/no": lambda cell: cell in ("yes", "no"),
    "date": is_day,
    "time (UTC)": lambda cell: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cell),
    "IP address": is_ip,
}


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, text, why=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"ok {text}" if holds else f"FAILED {text}: {str(why)[-800:]}", flush=True)

    def skip(self, text):
        self.skipped += 1
        print(f"SKIPPED {text}", flush=True)


def dictionary():
    """The columns of every file, with the sort of their cells, as docs/columns.md has them."""
    tables, columns = {}, None
    for line in (ROOT / "docs/columns.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            columns = tables.setdefault(line[3:], [])
        elif row := re.fullmatch(r"\| `(\w+)` \| ([^|]+) \| .* \|", line):
            columns.append((row[1], row[2]))
    return tables


class Program:
    def __init__(self, binary, root):
        self.binary, self.root = binary, root
        (root / "home").mkdir()

    def run(self, *words):
        return subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True, check=False, timeout=240,
                              cwd=self.root, env={"HOME": str(self.root / "home"), "PATH": "/usr/bin:/bin",
                                                  "USER": "auditor", "LANG": "C.UTF-8"})


def read(path, comma):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=comma, strict=True))


def is_formula(cell):
    return cell[:1] in tuple(SIGNS) and not NUMBER.fullmatch(cell)


def faults(path, dialect, columns):
    """What is wrong with a file."""
    comma, end, has_mark = DIALECTS[dialect]
    raw = path.read_bytes()
    if raw.startswith(b"\xef\xbb\xbf") != has_mark:
        yield "byte-order mark"
    if raw.lstrip(b"\xef\xbb\xbf").startswith(b"sep="):
        yield "sep= line"
    if raw.count(b"\n") != raw.count(end.encode()) or not raw.endswith(end.encode()):
        yield "line ends"
    rows = read(path, comma)
    if raw.count(b"\n") != len(rows):
        yield "a line break in a cell"
    if rows[0] != [name for name, _ in columns]:
        yield f"header {rows[0]}"
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            yield f"row {number} has {len(row)} cells"
        for (name, kind), cell in zip(columns, row):
            if len(cell.encode("utf-16-le")) > 60_000:
                yield f"row {number} {name}: {len(cell)} characters"
            if is_formula(cell) or any(ord(sign) < 32 or ord(sign) == 127 for sign in cell):
                yield f"row {number} {name}: {cell!r}"
            # Where fields end with a semicolon, fractions begin with a comma, and none with a point.
            if comma == ";" and kind in ("decimal", "probability", "percent"):
                cell = cell.translate({ord(","): ".", ord("."): ","})
            if cell not in ("", "unknown") and not FITS[kind](cell):
                yield f"row {number} {name} is no {kind}: {cell!r}"


def check_folder(report, folder, dialect, tables, what):
    """Every file of a folder, against the dictionary and its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    listed = {one["name"]: one for one in manifest["files"]}
    names = sorted(path.name for path in folder.glob("*.csv"))
    report.that(names == sorted(name for name in listed if name.endswith(".csv")) and len(names) > 10,
                f"{what}: the manifest lists its {len(names)} files", (names, sorted(listed)))
    for name in names:
        raw = (folder / name).read_bytes()
        entry = listed.get(name, {})
        wrong = list(faults(folder / name, dialect, tables.get(name, [])))[:5]
        if entry.get("sha256") != hashlib.sha256(raw).hexdigest() or entry.get("bytes") != len(raw):
            wrong.append("not as the manifest says")
        if entry.get("rows") != len(read(folder / name, DIALECTS[dialect][0])) - 1:
            wrong.append("rows of the manifest")
        if set(entry.get("guards", ())) != {"formula", "cut", "shown", "shortened"}:
            wrong.append("guards of the manifest")
        report.that(not wrong, f"{what}: {name}, {entry.get('rows')} rows", wrong)


class Office:
    """LibreOffice without a window."""

    def __init__(self, root):
        self.program = shutil.which("soffice")
        self.root = root

    def open(self, paths, comma, folder):
        """Opens CSV files as their dialect says and saves them as workbooks of its own."""
        # Separator, quote, UTF-8, from line 1; no language, quoted cells not as text, special numbers not detected,
        # as the dialog has it; formulas are evaluated, which is what must do nothing.
        options = f"{ord(comma)},34,76,1,,0,false,false,false,false,false,-1,true"
        subprocess.run([self.program, "--headless", f"-env:UserInstallation=file://{self.root}/office",
                        f"--infilter=Text - txt - csv (StarCalc):{options}", "--convert-to", "fods", "--outdir",
                        str(folder), *map(str, paths)], capture_output=True, check=False, timeout=400)


TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def cells(path):
    """The rows of a workbook's first sheet: of each cell its text and its formula."""
    sheet = next(xml.parse(path).getroot().iter(f"{TABLE}table"))
    rows = []
    for row in sheet.iter(f"{TABLE}table-row"):
        found = []
        for cell in row.iter(f"{TABLE}table-cell"):
            text = "\n".join("".join(part.itertext()) for part in cell.iter(f"{TEXT}p"))
            found.extend([(text, cell.get(f"{TABLE}formula"), cell.get(f"{OFFICE}value-type"))]
                         * min(int(cell.get(f"{TABLE}number-columns-repeated", "1")), 200))
        for _ in range(min(int(row.get(f"{TABLE}number-rows-repeated", "1")), 10)):
            rows.append(found)
    while rows and not any(text for text, _, _ in rows[-1]):
        rows.pop()
    return rows


def check_office(report, office, folder, dialect, what):
    """LibreOffice sees the same rows, no formula, and no text where hosts chose what stands there but text."""
    if not office.program:
        report.skip(f"{what}: LibreOffice is not here")
        return
    comma = DIALECTS[dialect][0]
    saved = office.root / f"saved-{folder.name}"
    paths = sorted(folder.glob("*.csv"))
    office.open(paths, comma, saved)
    for path in paths:
        target = saved / f"{path.stem}.fods"
        if not target.exists():
            report.that(False, f"{what}: LibreOffice opens {path.name}", "nothing was saved")
            continue
        own, seen = read(path, comma), cells(target)
        wrong = [f"{len(seen)} rows, not {len(own)}"] if len(seen) != len(own) else []
        for number, (row, found) in enumerate(zip(own, seen), 1):
            for cell, (text, formula, kind) in zip(row, found):
                if formula or text.startswith(("Err:", "#")) and not cell.startswith(("Err:", "#")):
                    wrong.append(f"row {number}: {cell!r} became {formula} {text!r}")
                # What is not a number, a day or a time is shown as it is; an apostrophe before a text may go.
                if kind == "string" and squeezed(text) not in (squeezed(cell), squeezed(cell[1:])):
                    wrong.append(f"row {number}: {cell[:80]!r} became {text[:80]!r}")
        report.that(not wrong, f"{what}: LibreOffice opens {path.name}, no formula, texts as they are", wrong[:4])


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def hostile_facts(path):
    """A machine whose every name begins like a formula."""
    packages = [{"manager": "dpkg", "name": name, "version": name, "arch": name, "vendor": name} for name in HOSTILE]
    services = [{"proto": "tcp", "port": 1000 + number, "banner": text, "program": text, "user": text, "product": text,
                 "state": "listening"} for number, text in enumerate(HOSTILE)]
    facts = {"format": "underdesk-facts", "version": 1, "name": "=1+1", "addresses": ["192.0.2.7"],
             "tags": ["owner=@SUM(1)", "=tag"],
             "inventory": {"platform": {"family": "debian", "id": "debian", "name": "=1+1", "version": "12",
                                        "arch": "x86_64"},
                           "identity": {"hostname": {"known": "=cmd|' /C calc'!A0"}},
                           "packages": {"known": packages}, "services": {"known": services}}}
    path.write_text(json.dumps(facts) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not audit_lab.enter_namespace():
        print("SKIPPED no namespace may be made here: loopback of this machine is used", flush=True)
    report, tables = Report(), dictionary()
    with tempfile.TemporaryDirectory(prefix="underdesk-csv-") as name:
        root = pathlib.Path(name)
        program, office = Program(str(arguments.binary.resolve()), root), Office(root)
        done = program.run("demo", "--out", root / "demo")
        report.that(done.returncode == 0, "the demo ends with 0", done.stderr)
        check_folder(report, root / "demo", "default", tables, "demo")
        check_office(report, office, root / "demo", "default", "demo")
        store = root / "demo/operator/underdesk.db"
        for dialect in ("excel-eu", "plain"):
            folder = root / dialect
            done = program.run("--store", store, "export", "--csv", dialect, "--all", "--out", folder)
            report.that(done.returncode == 6, f"an export in the dialect {dialect}", done.stderr)
            check_folder(report, folder, dialect, tables, dialect)
        check_office(report, office, root / "excel-eu", "excel-eu", "excel-eu")
        done = program.run("--store", store, "export", "-o", "-")
        text = done.stdout
        rows = list(csv.reader(text.splitlines()))
        report.that(text.startswith("run_id,") and "\r" not in text and rows[0] == [one for one, _ in tables["findings.csv"]],
                    f"standard output is plain: {len(rows) - 1} findings", text[:200])
        hostile(report, program, office, tables)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


def hostile(report, program, office, tables):
    """Facts in which everything that a host may choose is made for a spreadsheet to run."""
    facts = program.root / "facts.jsonl"
    hostile_facts(facts)
    for dialect in ("default", "excel-eu"):
        folder = program.root / f"hostile-{dialect}"
        done = program.run("match", "--facts", facts, "--csv", dialect, "--out", folder)
        found = folder / "manifest.json"
        report.that(found.exists(), f"hostile facts are judged, {dialect}", done.stderr)
        if not found.exists():
            continue
        check_folder(report, folder, dialect, tables, f"hostile, {dialect}")
        check_office(report, office, folder, dialect, f"hostile, {dialect}")
        guards = {one["name"]: one["guards"] for one in json.loads(found.read_text())["files"]}
        counted = guards["software.csv"]
        report.that(counted["formula"] >= 30 and counted["cut"] >= 2 and counted["shown"] >= 10,
                    f"hostile, {dialect}: the manifest counts what was guarded", counted)


if __name__ == "__main__":
    sys.exit(main())
