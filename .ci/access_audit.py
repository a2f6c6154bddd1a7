#!/usr/bin/env python3
"""The acceptance of access: sudo with a password, and what real peers say of accounts that cannot log in.

    access_audit.py --binary PATH [--only NAME]...

Runs as root on a Debian machine with openssh-server and sudo; with krb5-kdc, nftables too. It makes its own
accounts (ud-*) and servers in a temporary folder and in namespaces of its own: no network but loopback, and a
view of /etc in which PAM and sudoers are ours. docs/access.md says which code is reached here.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed, 2 when it cannot run at all.
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import traceback

import access_kerberos
import access_login
import access_sudo
import audit
import audit_lab

CHECKS = {
    "sudo": (access_sudo.manners, 240),
    "sudo-wrong": (access_sudo.wrong, 180),
    "sudo-secrets": (access_sudo.secrets, 120),
    "sudo-tally": (access_sudo.tally, 120),
    "login": (access_login.accounts, 180),
    "ways": (access_login.ways, 120),
    "kerberos": (access_kerberos.directory, 120),
}
# What of /etc is ours alone while this runs.
OURS = ("/etc/pam.d", "/etc/sudoers.d", "/etc/security", "/etc/hosts")


def run_check(name, lab, report):
    function, seconds = CHECKS[name]
    try:
        audit.limited(function, seconds, lab, report)
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


def take_etc(lab):
    """Copies of parts of /etc, mounted over them: nobody else sees what we write there."""
    for place in OURS:
        copy = lab.folder("etc") / pathlib.Path(place).name
        if pathlib.Path(place).is_dir():
            shutil.copytree(place, copy, symlinks=True)
        else:
            shutil.copy(place, copy)
        shutil.copymode(place, copy)
        subprocess.run(["mount", "--bind", str(copy), place], check=True, capture_output=True)


def import_catalog(lab):
    """Any catalogue: without one every run ends with exit status 5."""
    lab.catalog = lab.root / "catalog.db"
    done = lab.run("imports", "catalog", "import", pathlib.Path(__file__).parent.parent / "fixtures/feeds/osv")
    if done.code != 0:
        raise RuntimeError(f"catalog import: {done.err}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), default=[])
    args = parser.parse_args()
    why = audit.unfit(args.binary)
    if why:
        print(f"access_audit: cannot run: {why}", file=sys.stderr)
        return 2
    # Without a view of our own of /etc nothing is touched there.
    if not audit_lab.enter_namespace("--mount", "--propagation", "private"):
        print("access_audit: cannot run: no namespaces of our own", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    report = audit.Report()
    with audit_lab.Lab(args.binary, None) as lab:
        take_etc(lab)
        import_catalog(lab)
        for name in CHECKS:
            if not args.only or name in args.only:
                run_check(name, lab, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
