#!/usr/bin/env python3
"""Lists of machines as other programs write them (LibreOffice, nmap, Ansible), the demo against its lists, and its plan.

    lists_audit.py --binary PATH

Works in a temporary folder, and in a network namespace with nothing but loopback where that may be made. Programs
that are missing cost their checks, and that is said.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed.
"""

import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import audit_lab

STATES = ("unmanaged", "overlooked", "unidentified", "managed", "expected", "artefact")


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


class Office:
    """The demo's folder, with the run that it made."""

    def __init__(self, binary, root):
        self.binary, self.root = binary, root
        self.demo = root / "demo"
        self.done = self.run("demo", "--out", self.demo)
        self.own = self.demo / "operator"

    def run(self, *words, cwd=None):
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run([self.binary, *map(str, words)], capture_output=True, text=True, check=False, timeout=120,
                              cwd=cwd or self.root, env={"HOME": str(home), "PATH": "/usr/bin:/bin", "USER": "auditor"})

    def stored(self, *words):
        return self.run("--store", self.own / "underdesk.db", *words, "--policy", self.own / "policy.toml")

    def export(self, name, *lists):
        """The states of all machines and entries when the run is compared with these lists."""
        known = [word for one in lists for word in ("--known", one)]
        done = self.stored("export", "--out", self.root / name, *known)
        return done, standings(self.root / name)

    def records(self, path, *more):
        """How many machines are read from a list, and all that is told of it."""
        done = self.run("unmanaged", "--show-lists", "--known", path, *more)
        words = done.stdout.split()
        place = words.index("machines") if "machines" in words else 0
        return int(words[place - 1]) if place else -1, done


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def standings(folder):
    live = {(row["ip"], row["managed_state"], row["managed_reason"]) for row in rows(folder / "machines.csv")}
    entries = {(row["hostname"], row["managed_state"], row["managed_reason"]) for row in rows(folder / "unmanaged.csv")
               if not row["machine_id"]}
    return live | entries


def demo(office, report):
    report.that(office.done.returncode == 0, "the demo ends with 0", office.done.stderr)
    unmanaged = {row["hostname"]: row for row in rows(office.demo / "unmanaged.csv")}
    forgotten = unmanaged.get("legacy-erp", {})
    holds = (forgotten.get("managed_state") == "unmanaged" and forgotten.get("managed_reason") == "domain_member"
             and "2008 R2" in forgotten["seems_to_be"] and "IIS 7.5" in forgotten["services"]
             and "legacy-erp.larkspur.example" in forgotten["services"] and forgotten["evidence"])
    report.that(holds, "the forgotten IIS: its system, its version, its certificate, and why it counts", forgotten)
    machines = rows(office.demo / "machines.csv")
    for row in rows(office.demo / "subnets.csv"):
        first = row["subnet"].rsplit(".", 1)[0] + "."
        here = [one for one in machines if one["ip"].startswith(first)]
        counted = {state: sum(one["managed_state"] == state for one in here) for state in STATES}
        report.that(all(int(row[state]) == count for state, count in counted.items()),
                    f"{row['subnet']}: its counts are those of machines.csv", (row, counted))
    live = [one for one in machines if one["managed_state"] != "artefact"]
    for row in rows(office.demo / "lists.csv"):
        has = sum(row["list"] in one["lists"] for one in live)
        report.that(int(row["live"]) == has and int(row["live"]) + int(row["lacks"]) == len(live),
                    f"list {row['list']}: what it has and lacks is all that is live", (row, has, len(live)))
    page = office.stored("unmanaged").stdout
    report.that("legacy-erp" in page and "LIST" in page and "SUBNET" in page and "\x1b" not in page,
                "underdesk unmanaged shows machines, lists and subnets", page)
    why = office.stored("explain", "legacy-erp").stdout
    report.that("unmanaged, domain_member" in why and "because" in why, "explain says why", why)


def spreadsheet(office, report):
    """What LibreOffice makes of a list tells the same."""
    soffice = shutil.which("soffice")
    if not soffice:
        report.skip("LibreOffice is not here: workbooks are those of the fixtures only")
        return
    names = {"AD": "active-directory", "CMDB": "cmdb", "DHCP": "dhcp"}
    plain = [f"{name}={office.own / file}.csv" for name, file in names.items()]
    _, expected = office.export("plain", *plain)
    forms = {
        "xlsx": ("xlsx", "xlsx"),
        "UTF-16 with tabs": ("csv:Text - txt - csv (StarCalc):9,34,65535,1", "csv"),
        "Windows-1252 with semicolons, everything quoted": ("csv:Text - txt - csv (StarCalc):59,34,ANSI,1,,0,true", "csv"),
    }
    for number, (what, (form, ending)) in enumerate(forms.items()):
        folder = office.root / f"saved-{number}"
        saved = []
        for name, file in names.items():
            # Separators of the original: comma, semicolon; UTF-8.
            comma = 59 if name == "CMDB" else 44
            subprocess.run([soffice, "--headless", f"-env:UserInstallation=file://{office.root}/office",
                            f"--infilter=Text - txt - csv (StarCalc):{comma},34,76,1", "--convert-to", form, "--outdir",
                            str(folder), str(office.own / f"{file}.csv")], capture_output=True, check=False, timeout=120)
            saved.append(f"{name}={folder / file}.{ending}")
        done, found = office.export(f"as-{number}", *saved)
        report.that(found == expected, f"lists saved by LibreOffice as {what} tell the same",
                    (sorted(found ^ expected), done.stderr))


def nmap(office, report):
    tool = shutil.which("nmap")
    if not tool:
        report.skip("nmap is not here: its output is that of the fixtures only")
        return
    path = office.root / "nmap.xml"
    subprocess.run([tool, "-sT", "-Pn", "-n", "-p", "1-20", "-oX", str(path), "127.0.0.1", "127.0.0.2", "127.0.0.7"],
                   capture_output=True, check=True, timeout=120)
    up = [host for host in xml.parse(path).getroot().iter("host") if host.find("status").get("state") == "up"]
    count, done = office.records(path)
    report.that(count == len(up) and "nmap" in done.stdout, f"nmap's own XML: {len(up)} hosts", (count, done.stdout, done.stderr))


def ansible(office, report):
    tool = shutil.which("ansible-inventory")
    if not tool:
        report.skip("Ansible is not here: its inventories are those of the fixtures only")
        return
    source = office.root / "hosts.ini"
    source.write_text("[web]\nweb[01:12].example.com\nalpha ansible_host=10.9.0.7 ansible_port=2222\n\n[db]\n"
                      "db-[a:d] ansible_host=10.9.1.9\n\n[all:children]\nweb\ndb\n[all:vars]\nansible_user=deploy\n")
    words = [tool, "-i", str(source), "--list"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout
    hosts = set(json.loads(listed)["_meta"]["hostvars"]) | {
        host for group in json.loads(listed).values() for host in group.get("hosts", ())}
    (office.root / "hosts.json").write_text(listed)
    yaml = subprocess.run([*words, "--yaml"], capture_output=True, text=True, check=True, timeout=120).stdout
    (office.root / "hosts.yaml").write_text(yaml)
    for form in ("ini", "json", "yaml"):
        count, done = office.records(office.root / f"hosts.{form}")
        report.that(count == len(hosts), f"an inventory as {form}: the {len(hosts)} hosts that Ansible sees",
                    (count, done.stdout, done.stderr))


def plan(office, report):
    """What is planned is something that Ansible takes. (Debian has no collection for Windows.)"""
    tool = shutil.which("ansible-playbook")
    if not tool:
        report.skip("Ansible is not here: it has not read the plan's playbooks")
        return
    folder = office.root / "plan"
    done = office.stored("plan", "--host", "127.77.0.11", "--format", "ansible", "--out", folder)
    listed = subprocess.run(["ansible-inventory", "-i", str(folder / "plan-inventory.yml"), "--list"], capture_output=True,
                            text=True, check=False, timeout=120)
    hosts = json.loads(listed.stdout or "{}").get("_meta", {}).get("hostvars", {})
    report.that(set(hosts) == {"127.77.0.11"} and "openssh-server" in hosts["127.77.0.11"]["underdesk_packages"],
                "Ansible reads the plan's inventory", (done.stderr, listed.stdout, listed.stderr))
    for playbook in sorted(folder.glob("plan-*.yml")):
        if playbook.name != "plan-inventory.yml":
            words = [tool, "--syntax-check", "-i", str(folder / "plan-inventory.yml"), str(playbook)]
            checked = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
            report.that(checked.returncode == 0, f"Ansible takes {playbook.name}", checked.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    if not audit_lab.enter_namespace():
        print("SKIPPED: no namespace may be made here: loopback of this machine is used", flush=True)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="underdesk-lists-") as root:
        office = Office(str(arguments.binary.resolve()), pathlib.Path(root))
        for check in (demo, spreadsheet, nmap, ansible, plan):
            check(office, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
