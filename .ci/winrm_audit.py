#!/usr/bin/env python3
"""The acceptance of Windows over WinRM: underdesk against an independent laboratory of virtual hosts.

    winrm_audit.py --binary PATH --lab DIR [--only NAME]... [--bench N]

Runs under a Python that has what the laboratory needs (pyspnego, cryptography, pypsrp, pywinrm; with gssapi
and krb5 the Kerberos checks run too). Everything lives in a temporary folder and, as root, in a network
namespace with nothing but loopback. --bench is how many hosts the benchmark reads; with 0 there is none.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed, 2 when it cannot run at all.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import traceback

import audit
import audit_lab
import winrm_bench
import winrm_faults
import winrm_hosts
import winrm_lab
import winrm_range
import winrm_trust
import winrm_ways

CHECKS = {
    "templates": (winrm_hosts.templates, 120),
    "whole": (winrm_hosts.whole, 90),
    "questions": (winrm_hosts.questions, 60),
    "ways": (winrm_ways.ways, 180),
    "kerberos": (winrm_ways.kerberos, 180),
    "names": (winrm_ways.names, 90),
    "strangers": (winrm_trust.strangers, 120),
    "wrong": (winrm_trust.wrong_password, 180),
    "wrong-kerberos": (winrm_trust.wrong_kerberos_password, 120),
    "faults": (winrm_faults.faults, 240),
    "mixed": (winrm_range.mixed, 150),
    "resume": (winrm_range.resume, 180),
    "secrets": (winrm_trust.secrets, 150),
    "bench": (winrm_bench.bench, 900),
}


def run_check(name, lab, report):
    function, seconds = CHECKS[name]
    try:
        audit.limited(function, seconds, lab, report)
    except audit_lab.Skip as why:
        report.skip(f"{name}: {why}")
    except subprocess.SubprocessError as error:
        report.that(False, name, f"{error} {getattr(error, 'stderr', '')!r}")
    except Exception as error:  # One check that breaks is one failure, and the others go on.
        traceback.print_exc()
        report.that(False, name, f"{type(error).__name__}: {error}")
    finally:
        for server in lab.servers:
            server.stop()
        if lab.kdc:
            lab.kdc.stop()


def unfit(binary, laboratory):
    """Why this cannot run here at all."""
    if not pathlib.Path(binary).is_file():
        return f"{binary} is not there"
    if not (laboratory / "winrmlab").is_dir():
        return f"there is no winrmlab in {laboratory}"
    for module in ("spnego", "cryptography", "pypsrp"):
        try:
            __import__(module)
        except ImportError:
            return f"{sys.executable} has no {module}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--lab", required=True, type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), default=[])
    parser.add_argument("--bench", type=int, default=60)
    args = parser.parse_args()
    why = unfit(args.binary, args.lab)
    if why:
        print(f"winrm_audit: cannot run: {why}", file=sys.stderr)
        return 2
    if not audit_lab.enter_namespace():
        print("winrm_audit: no network namespace of our own; ports 22, 5985 and 5986 of loopback must be free", flush=True)
    # The end of this process must pass through the lab's, or hosts stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    report = audit.Report()
    with winrm_lab.WinLab(args.binary, args.lab) as lab:
        lab.bench = args.bench
        lab.import_catalog()
        for name in CHECKS:
            if not args.only or name in args.only:
                run_check(name, lab, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
