#!/usr/bin/python3
"""The clock of this machine is set in the middle of a run, back or forward: the run ends, and says what it says without.

    clock_audit.py --binary PATH

What is scanned is the company of the demo, served by the program itself, whose clock is left alone. Needs libfaketime
(Debian: faketime), which sets the wall clock of one program; without it it says so and checks nothing. How long something
took is not told by the wall clock, and that other clock is left alone, as a real one is when somebody sets the time.

Prints a line for each thing checked, and at the end `N passed, M failed`. Exit status 1 when anything failed.
"""

import argparse
import csv
import glob
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Back by hours, as when a wrong summer time is mended; forward by weeks, as when a machine's battery was empty.
STEPS = {"set back by three hours": "-3h", "set forward by forty days": "+40d"}
# Nothing here takes long by itself; the machine may be busy.
LONGEST = 300
TABLES = {"machines.csv": ("ip", "hostname", "outcome", "os_name"), "access.csv": ("ip", "protocol", "result_code", "attempted"),
          "findings.csv": ("ip", "finding_id", "state")}


class Audit:
    def __init__(self, binary, library, folder):
        self.binary, self.library, self.folder, self.results = binary, library, folder, []
        self.environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "USER": "auditor"}
        self.words = []

    def check(self, what, holds, more=""):
        self.results.append(bool(holds))
        print(f"{'ok' if holds else 'FAILED'}: {what}" + ("" if holds else f": {more}"), flush=True)

    def serve(self):
        """Serves the company, and learns how it is scanned."""
        server = subprocess.Popen([self.binary, "demo", "--serve"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, cwd=self.folder, env=self.environment)
        for line in server.stdout:
            if line.startswith("underdesk scan "):
                self.words = shlex.split(line)[1:]
                return server
        sys.exit("FAILED: the demo is not served")

    def scan(self, name, step=None):
        """Scans into a folder and a store of that name; how it ended, and what it said."""
        words, clock = list(self.words), self.folder / f"{name}.clock"
        for option, value in (("--out", name), ("--store", f"{name}.db")):
            words[words.index(option) + 1] = value
        clock.write_text("+0\n", encoding="ascii")
        environment = self.environment | {"LD_PRELOAD": self.library, "FAKETIME_TIMESTAMP_FILE": str(clock),
                                          "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        process = subprocess.Popen([self.binary, *words, "--yes"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, cwd=self.folder, env=environment)
        said = []

        def heed():
            for line in process.stderr:
                said.append(line)
                # Half a second into the logins, whichever is on its way then.
                if step and line.startswith("underdesk: run "):
                    time.sleep(0.5)
                    # In one piece, for it is read all the time.
                    later = clock.with_suffix(".later")
                    later.write_text(f"{step}\n", encoding="ascii")
                    later.replace(clock)

        ear = threading.Thread(target=heed)
        ear.start()
        try:
            process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
        ear.join()
        return process.wait(), "".join(said)

    def rows(self, name):
        """What the tables say, without what differs from run to run."""
        told = {}
        for table, columns in TABLES.items():
            with open(self.folder / name / table, newline="", encoding="utf-8-sig") as file:
                told[table] = sorted(tuple(row[column] for column in columns) for row in csv.DictReader(file))
        return told

    def go(self):
        code, said = self.scan("plain")
        plain = self.rows("plain")
        self.check("a run by a clock that goes on", code in (0, 3, 6) and all(plain.values()), f"exit {code}: {said[-600:]}")
        for number, (what, step) in enumerate(STEPS.items()):
            name = f"step{number}"
            ended, said = self.scan(name, step)
            self.check(f"a run whose clock is {what} ends as the other", ended == code, f"exit {ended}: {said[-600:]}")
            rows = self.rows(name)
            for table, told in plain.items():
                differ = sorted(set(told) ^ set(rows[table]))
                self.check(f"and says the same in {table}, {len(told)} rows", not differ, differ[:6])
            run = json.loads((self.folder / name / "manifest.json").read_text(encoding="utf-8"))["run"]
            began, finished = run["started_utc"], run["finished_utc"]
            self.check("and ended no sooner than it began", began <= finished, f"{began}, {finished}")
            with open(self.folder / name / "machines.csv", newline="", encoding="utf-8-sig") as file:
                days = sorted(row["last_seen_utc"] for row in csv.DictReader(file))
            moved = days[-1] > finished or days[0] < began if step.startswith("-") else finished[:7] > began[:7]
            self.check("and it was in its middle", moved and began <= days[-1], f"{began}, {days[:3]}, {days[-3:]}, {finished}")
        failed = self.results.count(False)
        print(f"{len(self.results) - failed} passed, {failed} failed")
        return failed


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--binary", required=True)
    asked = words.parse_args()
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        print("SKIPPED: no libfaketime: no clock is set in the middle of a run")
        return
    with tempfile.TemporaryDirectory() as place:
        audit = Audit(pathlib.Path(asked.binary).resolve(), libraries[0], pathlib.Path(place))
        server = audit.serve()
        try:
            failed = audit.go()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(LONGEST)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
