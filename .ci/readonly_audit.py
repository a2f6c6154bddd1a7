#!/usr/bin/python3
"""Places that cannot be written, as a medium that is mounted read-only: it is said which, before anything is done, and
nothing is changed there.

    readonly_audit.py --binary PATH

Root may write wherever permissions are looked at, so the places are file systems of their own, in a mount namespace of
their own. Needs root and unshare; without them it says so and checks nothing.

Prints a line for each thing checked, and at the end `N passed, M failed`. Exit status 1 when anything failed.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSIDE = "UNDERDESK_READONLY_AUDIT"
SAID = "Read-only file system"


def enter():
    """Starts this program again with mounts that nobody else sees; falls through where that is not allowed."""
    if os.environ.get(INSIDE):
        return True
    words = ["unshare", "--mount", "--propagation", "private"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        return False
    os.environ[INSIDE] = "1"
    sys.stdout.flush()
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class Audit:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.results = binary, folder, []
        self.out, self.store, self.catalog = (folder / name for name in ("out", "store", "catalog"))

    def run(self, *words):
        environment = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "USER": "auditor"}
        return subprocess.run([self.binary, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd=self.folder, env=environment, timeout=120, check=False)

    def expect(self, what, code, said, *words):
        done = self.run(*words)
        holds = done.returncode == code and all(word in done.stderr for word in said)
        self.results.append(holds)
        print(f"{'ok' if holds else 'FAILED'}: {what}: exit {done.returncode}" +
              ("" if holds else f", expected {code} and {said}: {done.stderr[-600:]}"), flush=True)

    def go(self):
        places = (self.out, self.store, self.catalog)
        for place in places:
            place.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
        kev, local = ROOT / "fixtures/catalog/kev.json", ["scan", "--local", "--yes"]
        self.run("--catalog", "catalog/c.db", "catalog", "import", kev)
        self.run("--catalog", "catalog/c.db", "--store", "store/s.db", *local, "--out", "first")
        for place in places:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        before = [digests(place) for place in places]
        known = ["--catalog", "catalog/c.db"]
        for out in ("out", "out/new"):
            self.expect(f"a scan into {out}", 2, [f"cannot write to {out}", SAID], *known, "--store", "s.db", *local,
                        "--out", out)
        for store in ("store/s.db", "store/new.db"):
            self.expect(f"a scan kept in {store}", 1, [f"cannot open the store {store}", SAID], *known, "--store", store,
                        *local, "--out", "second")
        self.expect("an import", 1, ["nothing was imported", "catalog/c.db", SAID], *known, "catalog", "import", kev)
        self.expect("what is read only", 0, [], *known, "catalog", "info")
        untouched = before == [digests(place) for place in places] and all(before[1:]) and not before[0]
        self.results.append(untouched and not (self.folder / "second").exists())
        print(f"{'ok' if self.results[-1] else 'FAILED'}: nothing is changed, and no folder is begun", flush=True)
        failed = self.results.count(False)
        print(f"{len(self.results) - failed} passed, {failed} failed")
        return failed


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--binary", required=True)
    asked = words.parse_args()
    if os.geteuid() != 0 or not enter():
        print("SKIPPED: no root, or no unshare(1): no place is mounted read-only")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        try:
            failed = Audit(pathlib.Path(asked.binary).resolve(), folder).go()
        finally:
            for name in ("out", "store", "catalog"):
                subprocess.run(["umount", folder / name], capture_output=True, check=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
