#!/usr/bin/env python3
"""The workbook, as openpyxl and LibreOffice open it.

    xlsx_audit.py --binary PATH [--keep FOLDER]

Runs the demo, writes its run as CSV and as a workbook, and compares the two cell by cell: with openpyxl, any warning
of which is a failure; with each sheet as LibreOffice saves it again; and with what the dictionary sheet says of each
column. Then the workbook is printed to PDF and drawn, to be looked at (--keep keeps the pictures). Programs that are
missing cost their checks, and that is said.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed.
"""

import argparse
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
import warnings
import zipfile

csv.field_size_limit(1 << 30)
GUARD = re.compile("""^[\\s"\x00\u200c\u200d]*'[=+\\-@＝＋－＠﹦﹢﹣﹫]""")
FORMATS = {"date": "yyyy-mm-dd", "time (UTC)": "yyyy-mm-dd hh:mm:ss", "decimal": "0.0", "probability": "0.00000",
           "percent": "0.00", "integer": "0"}
PAGES = ("https://www.cve.org/", "https://support.microsoft.com/help/", "https://security-tracker.debian.org/tracker/",
         "https://ubuntu.com/security/notices/", "https://access.redhat.com/errata/", "https://errata.rockylinux.org/",
         "https://linux.oracle.com/errata/", "https://www.suse.com/support/update/announcement/",
         "https://bodhi.fedoraproject.org/updates/", "https://github.com/advisories/",
         "https://security.archlinux.org/", "https://learn.microsoft.com/security-updates/",
         "https://msrc.microsoft.com/update-guide/", "https://www.catalog.update.microsoft.com/Search.aspx?q=KB")


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, text, why=""):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok' if holds else 'FAILED'} {text}" + ("" if holds else f": {str(why)[:800]}"), flush=True)
        return bool(holds)

    def skip(self, text):
        self.skipped += 1
        print(f"SKIPPED {text}", flush=True)


class Office:
    """The demo's folder, with the run that it made."""

    def __init__(self, binary, root):
        self.binary, self.root = binary, root
        self.demo = root / "demo"
        self.done = self.run("demo", "--out", self.demo)
        self.own = self.demo / "operator"

    def run(self, *words):
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run([self.binary, *map(str, words)], capture_output=True, check=False, timeout=300,
                              cwd=self.root, env={"HOME": str(home), "PATH": "/usr/bin:/bin", "USER": "auditor"})

    def stored(self, *words):
        return self.run("--store", self.own / "underdesk.db", *words, "--policy", self.own / "policy.toml")


def tables(folder):
    """Every table, as CSV has it."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found[path.stem] = list(csv.reader(file))
    return found


def unguarded(text):
    """A cell without the apostrophes that CSV has before what looks like a formula, wherever a cell may begin."""
    return ";".join(part.replace("'", "", 1) if GUARD.match(part) else part for part in text.split(";"))


def as_text(cell):
    """A typed cell as CSV writes it."""
    value, shape = cell.value, cell.number_format
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        if "hh" in shape:
            rounded = value + datetime.timedelta(microseconds=500_000)
            return rounded.strftime("%Y-%m-%dT%H:%M:%SZ")
        return value.strftime("%Y-%m-%d")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        places = len(shape.partition(".")[2])
        return f"{value:.{places}f}"
    return value


def is_of(cell, sort):
    """Whether a cell is of the sort that its column has."""
    value = cell.value
    if value is None or value == "unknown":
        return True
    if sort in ("date", "time (UTC)"):
        return isinstance(value, datetime.datetime)
    if sort in ("integer", "decimal", "probability", "percent"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if sort == "yes/no":
        return value in ("yes", "no")
    return isinstance(value, str)


def compare(report, book, wanted):
    """The sheets of the workbook against CSV and the dictionary."""
    sheet = book["dictionary"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    report.that(rows[0] == ["table", "column", "cells", "what it tells"], "the dictionary has its header", rows[0])
    sorts = {(table, column): sort for table, column, sort, _ in rows[1:]}
    told = [(table, column) for table, column, *_ in rows[1:]]
    columns = [(name, column) for name, table in wanted.items() for column in table[0]]
    report.that(sorted(told) == sorted(columns), f"the dictionary tells of all {len(columns)} columns",
                set(told) ^ set(columns))
    report.that(all(row[3] for row in rows[1:]), "and of each what it tells")
    for name, table in wanted.items():
        compare_sheet(report, book[name], table, sorts)


def compare_sheet(report, sheet, table, sorts):
    name, header = sheet.title, table[0]
    rows = list(sheet.iter_rows())
    report.that([cell.value for cell in rows[0]] == header, f"{name}: has the columns of its CSV", header)
    report.that(len(rows) == len(table), f"{name}: has its {len(table) - 1} rows", len(rows) - 1)
    wrong_text, wrong_sort, wrong_format, formulas = [], [], [], []
    for at, (row, expected) in enumerate(zip(rows[1:], table[1:]), 2):
        for cell, column, text in zip(row, header, expected):
            sort = sorts[name, column]
            if cell.data_type == "f":
                formulas.append(cell.coordinate)
            if as_text(cell) != unguarded(text):
                wrong_text.append((cell.coordinate, as_text(cell), text))
            if not is_of(cell, sort):
                wrong_sort.append((cell.coordinate, sort, cell.value))
            elif cell.value not in (None, "unknown") and cell.number_format != FORMATS.get(sort, cell.number_format):
                wrong_format.append((cell.coordinate, sort, cell.number_format))
        if at > 100_000:
            break
    report.that(not wrong_text, f"{name}: every cell says what CSV says", wrong_text[:5])
    report.that(not wrong_sort, f"{name}: every cell is of its column's sort", wrong_sort[:5])
    report.that(not wrong_format, f"{name}: numbers and dates show as they should", wrong_format[:5])
    report.that(not formulas, f"{name}: no formulas", formulas[:5])
    report.that(sheet.freeze_panes and sheet.freeze_panes.endswith("2"), f"{name}: the header stays", sheet.freeze_panes)
    corner = rows[-1][-1].coordinate
    report.that(sheet.auto_filter.ref in (f"A1:{corner}", "A1"), f"{name}: a filter over all rows",
                (sheet.auto_filter.ref, corner))
    report.that(all(cell.comment for cell in rows[0]), f"{name}: the header explains each column")
    narrow = [column.column_letter for column in rows[0]
              if sheet.column_dimensions[column.column_letter].width < 8
              and not any(dim.min <= column.column <= dim.max for dim in sheet.column_dimensions.values() if dim.min)]
    report.that(not narrow, f"{name}: the columns have widths", narrow)
    report.that(sheet.page_setup.orientation == "landscape" and sheet.print_title_rows == "$1:$1",
                f"{name}: prints in landscape with its header", (sheet.page_setup.orientation, sheet.print_title_rows))
    bad = [cell.hyperlink.target for row in rows[1:] for cell in row
           if cell.hyperlink and cell.hyperlink.target and not cell.hyperlink.target.startswith(PAGES)]
    report.that(not bad, f"{name}: links lead to publishers' pages only", bad[:5])


def machines_linked(report, book):
    """From a finding to its machine's row."""
    findings, machines = book["findings"], book["machines"]
    wrong = links = 0
    for row in findings.iter_rows(min_row=2):
        link = row[2].hyperlink
        if not link:
            continue
        links += 1
        sheet, _, place = link.location.partition("!")
        wrong += sheet.strip("'") != "machines" or machines[f"B{machines[place].row}"].value != row[1].value
    report.that(links and not wrong, f"{links} findings lead to the row of their machine", wrong)


def opened(report, path, wanted):
    try:
        import openpyxl
    except ImportError:
        report.skip("openpyxl is not installed")
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        book = openpyxl.load_workbook(path)
    report.that(not caught, "openpyxl opens it without a warning", [str(one.message) for one in caught])
    names = book.sheetnames
    report.that(names[0] == "summary" and names[-1] == "dictionary" and set(names[1:-1]) == set(wanted),
                f"a sheet for each of {len(wanted)} tables between the summary and the dictionary", names)
    report.that(len(book["summary"]._charts) == 2, "the summary has two charts", len(book["summary"]._charts))
    formulas = [cell.coordinate for name in names for row in book[name].iter_rows() for cell in row
                if cell.data_type == "f"]
    report.that(not formulas, "no cell of any sheet is a formula", formulas[:5])
    compare(report, book, wanted)
    machines_linked(report, book)


def parts(report, path, manifest):
    """What the archive tells: no time of its making, no formula, well-formed XML."""
    import xml.etree.ElementTree as xml
    with zipfile.ZipFile(path) as archive:
        report.that(archive.testzip() is None, "the archive is whole")
        dates = {info.date_time for info in archive.infolist()}
        report.that(dates == {(1980, 1, 1, 0, 0, 0)}, "no member has a time", dates)
        for info in archive.infolist():
            if info.filename.endswith((".xml", ".rels", ".vml")):
                xml.fromstring(archive.read(info))
        report.that(True, f"its {len(archive.infolist())} parts are well-formed")
        core = archive.read("docProps/core.xml").decode()
    made = re.findall(r"(\d{4}-\d\d-\d\dT[\d:]+Z)</dcterms", core)
    ended = manifest["run"]["finished_utc"]
    report.that(made == [ended] * 2, "its properties have the run's own time", (made, ended))


def converted(report, path, folder, wanted):
    """Each sheet as LibreOffice saves it again, and the pages as it prints them."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if not office:
        report.skip("LibreOffice is not installed")
        return

    def convert(how):
        profile = f"-env:UserInstallation=file://{folder}/profile"
        words = [office, profile, "--headless", "--convert-to", how, "--outdir", str(folder), str(path)]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)

    # UTF-8, every cell as it shows, all sheets.
    done = convert("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,true,false,false,-1")
    for name, table in wanted.items():
        saved = folder / f"underdesk-{name}.csv"
        if not report.that(saved.exists(), f"{name}: LibreOffice opens and saves it", done.stderr):
            continue
        with saved.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        expected = [[unguarded(cell) for cell in row] for row in table]
        rows = [[moment(cell, text) for cell, text in zip(row, other)] for row, other in zip(rows, expected)]
        differ = [(one, other) for row, want in zip(rows, expected) for one, other in zip(row, want) if one != other]
        report.that(len(rows) == len(expected) and not differ, f"{name}: and every cell is as in CSV", differ[:5])
    done = convert("pdf")
    pdf = folder / "underdesk.pdf"
    report.that(pdf.exists(), "LibreOffice prints it", done.stderr)
    if not shutil.which("pdftoppm"):
        report.skip("pdftoppm is not installed: the pages are not drawn")
        return
    subprocess.run(["pdftoppm", "-r", "70", "-png", str(pdf), str(folder / "page")], check=False, timeout=300)
    drawn = sorted(folder.glob("page*.png"))
    report.that(drawn, f"{len(drawn)} pages are drawn")


def moment(cell, text):
    """A moment as CSV writes it, where LibreOffice wrote one."""
    is_moment = re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", text)
    return cell.replace(" ", "T") + "Z" if is_moment else cell


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", required=True, type=pathlib.Path)
    arguments.add_argument("--keep", type=pathlib.Path)
    given = arguments.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        office = Office(given.binary.resolve(), root)
        if not report.that(office.own.is_dir(), "the demo runs", office.done.stderr):
            sys.exit(1)
        out = root / "out"
        done = office.stored("export", "--format", "csv,xlsx", "--out", out)
        path = out / "underdesk.xlsx"
        report.that(path.exists(), "the run is written as CSV and as a workbook", done.stderr)
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        entry = next(one for one in manifest["files"] if one["name"] == path.name)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        report.that(entry["sha256"] == digest and entry["bytes"] == path.stat().st_size, "the manifest has its hash")
        wanted = tables(out)
        rows = sum(len(table) - 1 for table in wanted.values())
        report.that(entry["rows"] == rows, f"and its {rows} rows", entry["rows"])
        piped = office.stored("export", "--format", "xlsx", "--output", "-")
        report.that(piped.stdout == path.read_bytes(), "standard output gets the same bytes", piped.stderr[-300:])
        parts(report, path, manifest)
        opened(report, path, wanted)
        given_back = office.stored("import", path, "--dry-run")
        said = given_back.stderr.decode()
        report.that(given_back.returncode == 0 and "sheet `findings`" in said and "0 changes on 0 findings" in said,
                    "import reads it back, and nothing differs", said)
        converted(report, path, root, wanted)
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            for one in [path, *root.glob("*.png"), *root.glob("*.pdf")]:
                shutil.copy(one, given.keep)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    sys.exit(report.failed > 0)


if __name__ == "__main__":
    main()
