#!/usr/bin/env python3
"""The acceptance of the sweep: underdesk in a laboratory of networks, next to masscan and arp-scan.

    sweep_audit.py --binary PATH --lab DIR [--full] [--rustscan PATH] [--only NAME]...

Runs as root, with iproute2, nftables, ethtool and GNU time, in network namespaces of its own; nothing leaves them. --lab
is the folder with lab.sh; its tools are built in --cache. What is found is compared with the truth of the laboratory,
packets are counted at the device, and times are compared with those of other scanners in the same run. --full does more
of each, and with --rustscan also what that is compared with.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when anything failed.
"""

import argparse
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import traceback

import audit
import sweep_checks
from audit import Report
from audit_lab import Skip
from sweep_lab import SweepLab

# The way to check, and how many seconds it may take.
CHECKS = {
    "sparse": (sweep_checks.sparse, 240),
    "chosen": (sweep_checks.chosen, 60),
    "onlink": (sweep_checks.onlink, 120),
    "connect-dense": (sweep_checks.dense, 240),
    "connect-sparse": (sweep_checks.connections, 400),
    "rate": (sweep_checks.rate, 180),
    "bandwidth": (sweep_checks.bandwidth, 90),
    "everything": (sweep_checks.answers_all, 120),
    "resume": (sweep_checks.resume, 400),
    "quiet": (sweep_checks.quiet, 180),
    "loss": (sweep_checks.lossy, 180),
    "overload": (sweep_checks.overloaded, 120),
    "connect-onlink": (sweep_checks.onlink_connections, 240),
}
# It takes minutes and little else: it goes on beside the others, in networks of its own.
BESIDE = {"tracked": sweep_checks.tracked}


def guarded(name, work, lab, report):
    """One check that breaks is one failure, and the others go on."""
    try:
        work()
    except Skip as why:
        report.skip(f"{name}: {why}")
    except Exception as error:
        traceback.print_exc()
        report.that(False, name, f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')!r}")
    finally:
        lab.end_started()


def go_beside(lab, report, only):
    """What takes long, one after the other."""
    for name, check in BESIDE.items():
        if not only or name in only:
            guarded(name, functools.partial(check, lab, report), lab, report)


def unfit(binary, lab):
    """Why this cannot run here at all."""
    if os.geteuid() != 0:
        return "not root, which makes network namespaces"
    if not pathlib.Path(binary).is_file():
        return f"{binary} is not there"
    if not (lab / "lab.sh").is_file():
        return f"there is no lab.sh in {lab}"
    paths = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in ("ip", "nft", "ethtool", "cargo", "ping") if not shutil.which(tool, path=paths)]
    if not pathlib.Path("/usr/bin/time").is_file():
        missing.append("time")
    if missing:
        return f"{', '.join(missing)} is not installed"
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return None if allowed.returncode == 0 else "no network namespaces can be had here"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--lab", required=True, type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("target/sweep-lab"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rustscan", help="where RustScan is, to be compared with")
    parser.add_argument("--only", action="append", choices=sorted([*CHECKS, *BESIDE]), default=[])
    args = parser.parse_args()
    why = unfit(args.binary, args.lab)
    if why:
        print(f"SKIPPED: the sweep: {why}")
        return 0
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # The end of this process must pass through the lab's, or namespaces stay behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    report = Report()
    with SweepLab(args.binary, args.lab, args.cache) as lab, SweepLab(args.binary, args.lab, args.cache, "b") as beside:
        try:
            lab.tools()
            lab.full = beside.full = args.full
            lab.rustscan = args.rustscan
        except Skip as reason:
            print(f"SKIPPED: the sweep: {reason}")
            return 0
        slow = Report()
        thread = threading.Thread(target=go_beside, args=(beside, slow, args.only), daemon=True)
        if not args.full:
            thread.start()
        for name, (check, seconds) in CHECKS.items():
            if args.only and name not in args.only:
                continue
            seconds *= 5 if args.full else 1
            guarded(name, functools.partial(audit.limited, check, seconds, lab, report), lab, report)
        if args.full:
            thread.start()
        thread.join()
    passed, failed = report.passed + slow.passed, report.failed + slow.failed
    print(f"{passed} passed, {failed} failed, {report.skipped + slow.skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
