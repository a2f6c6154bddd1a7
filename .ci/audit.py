#!/usr/bin/env python3
"""The acceptance of the first audit: underdesk against real OpenSSH servers and a real Debian.

    audit.py --binary PATH [--shared DIR] [--only NAME]... [--addresses N]

Runs as root on a Debian machine with openssh-server. It makes its own accounts (ud-*), keys and servers in
a temporary folder and in a network namespace with nothing but loopback, and takes them away again. --shared
is the folder with data/linux (advisories, inventories); what needs it is skipped loudly without it.
--addresses is the size of the benchmark.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed, 2 when it cannot run at all.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import traceback

import audit_bench
import audit_checks
import audit_lab
import audit_range
import audit_secrets

CHECKS = {
    "catalog": (audit_checks.catalog, 300),
    "scan": (audit_checks.scan, 240),
    "strangers": (audit_checks.strangers, 120),
    "parity": (audit_checks.parity, 300),
    "shells": (audit_checks.shells, 180),
    "locale": (audit_checks.locale, 120),
    "local": (audit_checks.local, 120),
    "resume": (audit_range.resume, 240),
    "range": (audit_range.one_machine_500_times, 600),
    "crowd": (audit_range.default_max_startups, 400),
    "secrets": (audit_secrets.secrets, 240),
    "dry-run": (audit_checks.dry_run, 60),
    "jsonl": (audit_checks.json_lines, 120),
    "bench": (audit_bench.bench, 900),
}


class Report:
    """What was found, a line each."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, text, detail=""):
        """One thing checked; the detail is for when it does not hold."""
        if holds:
            self.passed += 1
            print(f"ok {text}", flush=True)
        else:
            self.failed += 1
            detail = " ".join(str(detail).split())
            print(f"FAILED {text}" + (f": {detail[:1500]}" if detail else ""), flush=True)
        return bool(holds)

    def skip(self, text):
        self.skipped += 1
        print(f"SKIPPED: {text}", flush=True)


class OutOfTime(Exception):
    """A check took longer than it may."""


def limited(function, seconds, lab, report):
    def ring(*_):
        raise OutOfTime(f"not done after {seconds} s")
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        function(lab, report)
    finally:
        signal.alarm(0)


def run_check(name, lab, report):
    function, seconds = CHECKS[name]
    try:
        limited(function, seconds, lab, report)
    except audit_lab.Skip as why:
        report.skip(f"{name}: {why}")
    except subprocess.CalledProcessError as error:
        report.that(False, name, f"{error} {error.stderr!r}")
    except Exception as error:  # One check that breaks is one failure, and the others go on.
        traceback.print_exc()
        report.that(False, name, f"{type(error).__name__}: {error}")
    finally:
        for server in lab.servers:
            server.stop()


def unfit(binary):
    """Why this cannot run here at all."""
    if os.geteuid() != 0:
        return "not root, which makes accounts and starts sshd"
    if not pathlib.Path(binary).is_file():
        return f"{binary} is not there"
    missing = [tool for tool in ("sshd", "ssh", "ssh-keygen", "dpkg-query", "useradd", "chpasswd")
               if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")]
    return f"{', '.join(missing)} is not installed" if missing else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--shared", type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), default=[])
    parser.add_argument("--addresses", type=int, default=100)
    args = parser.parse_args()
    why = unfit(args.binary)
    if why:
        print(f"audit: cannot run: {why}", file=sys.stderr)
        return 2
    if not audit_lab.enter_namespace():
        print("audit: no network namespace of our own; the ports 22 and 2222 of loopback must be free", flush=True)
    # The end of this process must pass through the lab's, or accounts stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    report = Report()
    with audit_lab.Lab(args.binary, args.shared) as lab:
        lab.addresses = args.addresses
        for name in CHECKS:
            if not args.only or name in args.only or (name == "catalog" and "parity" in args.only):
                run_check(name, lab, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
