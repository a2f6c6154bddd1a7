#!/usr/bin/env python3
"""Who is this machine, before any credential: underdesk against real servers of Debian.

    identify_audit.py --binary PATH

Runs as root. Starts Samba, OpenSSH, nginx, OpenLDAP, Net-SNMP and xrdp, each with a configuration of its own at an
address of its own, in a network namespace, and ends them again. A sweep without any credential must say of each what it
is; the truth is from the servers' own tools, from dpkg-query and from openssl. Nobody may have been asked to let us in:
that stands in the servers' logs. A server that is not installed or does not start is skipped loudly.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when anything failed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback

import identify_lab
from audit import Report
from audit_lab import Skip, rows
from identify_lab import (AGENT, BARE, DIRECTORY, FILES, HOSTNAME, NET, OLD, PORTS, SCREEN, SHELL, STRICT, UDP_PORTS, WEB,
                          IdentifyLab, output, program, upstream)

# So few in each /24 that nobody takes them for one who answers for others.
CROWD, CROWD_NET = "10.78.0-19.1-50", "10.78.0.0/16"
TITLE, OLD_TITLE = "Corp Portal", "An old page"


class Seen:
    """What a sweep says of one address."""

    def __init__(self, lab, report, address):
        self.report, self.address = report, address
        self.machine = lab.machines.get(address, {})
        self.services = lab.services.get(address, {})
        self.facts = [clue["fact"] for clue in lab.clues.get(address, ())]

    def is_(self, what, seen, wanted):
        """One cell is what it has to be."""
        accepted = wanted if isinstance(wanted, (tuple, set)) else (wanted,)
        return self.report.that(seen in accepted, f"{self.address}: {what} is {seen!r}",
                                f"expected {' or '.join(map(repr, accepted))}; seen: {self.machine.get('seen_evidence')}")

    def cell(self, column, *wanted):
        return self.is_(column, self.machine.get(column), wanted)

    def service(self, place, **wanted):
        """The service of a port, by its columns."""
        row = self.services.get(place)
        if not self.report.that(row, f"{self.address}: {place} is listed", str(sorted(self.services))):
            return
        for column, accepted in wanted.items():
            self.is_(f"{place} {column}", row[column], accepted)

    def has(self, column, *words):
        """A list cell has these entries, or entries that begin so."""
        entries = (self.machine.get(column) or "").split("; ")
        for word in words:
            self.report.that(any(entry == word or entry.startswith(f"{word}:") for entry in entries),
                             f"{self.address}: {column} has {word}", str(entries))

    def has_not(self, column, *words):
        entries = (self.machine.get(column) or "").split("; ")
        for word in words:
            self.report.that(not any(entry == word or entry.startswith(f"{word}:") for entry in entries),
                             f"{self.address}: {column} has no {word}", str(entries))

    def fact(self, kind, good, text):
        """A fact of this kind was heard that is right."""
        heard = [fact.get("value") for fact in self.facts if fact["kind"] == kind]
        self.report.that(any(good(one) for one in heard), f"{self.address}: {text}", f"heard of {kind}: {heard}")


# The servers, and what each of them is

def start_files(lab):
    return lab.samba(HOSTNAME, FILES, ["server min protocol = NT1", "server signing = auto"], with_names=True)


def check_files(lab, seen):
    """Samba that still speaks SMB 1 and asks for no signature, with its NetBIOS names."""
    version, _ = upstream("smbd")
    said = re.search(r"Version (\S+)", output(program("smbd"), "--version"))[1]
    seen.cell("hostname", HOSTNAME, HOSTNAME.upper())
    seen.cell("domain", "", "UDLAB")
    seen.cell("join_state", "workgroup")
    seen.cell("os_family", "debian")
    seen.cell("build", "")
    seen.cell("device_kind", "computer")
    seen.service("tcp 445", service="smb", product="Samba", version=(said, version), confidence="sure")
    seen.has("weaknesses", "smb1", "smb_signing_optional")
    seen.has("roles", "file_server")
    seen.has_not("roles", "domain_controller")
    seen.service("udp 137", state="open")
    table = re.findall(r"^\s+(\S+)\s+<([0-9a-f]{2})> -\s+(<GROUP>)?", lab.names(FILES), re.M)
    own = next(name for name, suffix, group in table if suffix == "00" and not group)
    group = next(name for name, suffix, group in table if suffix == "00" and group)
    seen.fact("netbios_computer", lambda name: name == own, f"its NetBIOS name is {own}, as nmblookup says")
    seen.fact("netbios_domain", lambda name: name == group, f"its workgroup is {group}, as nmblookup says")
    seen.fact("samba", lambda version: version == said, f"Samba's version is {said}, as smbd says")
    seen.has_not("weaknesses", "end_of_life")


def start_strict(lab):
    return lab.samba("udstrict", STRICT, ["server min protocol = SMB2_10", "server signing = mandatory"])


def check_strict(lab, seen):
    """Samba as it should be."""
    seen.service("tcp 445", service="smb", product="Samba", confidence="sure")
    seen.cell("hostname", "udstrict", "UDSTRICT", HOSTNAME)
    seen.has_not("weaknesses", "smb1", "smb_signing_optional")
    seen.fact("netbios_computer", lambda name: name == "UDSTRICT", "its NetBIOS name is UDSTRICT")
    seen.fact("smb_signing_required", lambda required: required is True, "it asks for signatures")
    wrong = "Windows" in (seen.machine.get("os_name") or "")
    seen.report.that(not wrong, f"{STRICT}: Samba is not taken for a Windows", seen.machine.get("os_name"))


def start_shell(lab):
    return lab.sshd(SHELL)


def check_shell(lab, seen):
    """OpenSSH of this Debian."""
    version, whole = upstream("sshd")
    keys = output(program("ssh-keyscan"), "-T", "5", "-t", "ed25519", SHELL)
    key = next(line.split(" ", 1)[1] for line in keys.splitlines() if line.startswith(SHELL))
    print_of = subprocess.run(["ssh-keygen", "-lf", "-"], input=f"{SHELL} {key}\n", capture_output=True, text=True,
                              check=True).stdout.split()[1]
    seen.service("tcp 22", service="ssh", product="OpenSSH", version=version, confidence="sure")
    revision = whole.rsplit("-", 1)[1]
    banner = seen.services.get("tcp 22", {}).get("banner", "")
    seen.report.that(banner.startswith(f"SSH-2.0-OpenSSH_{version}") and revision in banner,
                     f"{SHELL}: its banner is {banner!r}, of the package {whole}")
    release = re.search(r'^VERSION_ID="?([^"\n]+)', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M)[1]
    seen.cell("os_family", "debian")
    seen.cell("os_version", release)
    seen.cell("device_kind", "computer")
    seen.fact("host_key", lambda key: key["fingerprint"] == print_of, f"its host key is {print_of}, as ssh-keyscan says")


def start_web(lab):
    made = lab.certificate("portal", "/O=Corp, Inc/CN=portal.corp.example", 20,
                           "DNS:portal.corp.example,DNS:www.corp.example")
    return lab.nginx("nginx", WEB, *made, TITLE)


def by_openssl(address, port=443, *words):
    """What a port's certificate says, by openssl: subject, issuer, and the day it ends."""
    shown = output(program("openssl"), "s_client", "-connect", f"{address}:{port}", *words, text="")
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", shown, re.S)
    if not pem:
        raise Skip(f"openssl sees no certificate at {address}:{port}: {shown[-200:]}")
    said = output(program("openssl"), "x509", "-noout", "-subject", "-issuer", "-enddate", "-dateopt", "iso_8601",
                  "-nameopt", "RFC2253", text=pem[0])
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return {"tls_subject": found["subject"], "tls_issuer": found["issuer"], "tls_not_after": found["notAfter"][:10]}


def check_web(lab, seen):
    """nginx with a page and a certificate of an authority of ours."""
    version, _ = upstream("nginx")
    seen.service("tcp 80", service="http", product="nginx", version=version, confidence="sure")
    seen.service("tcp 443", service="https", product="nginx", version=version, **by_openssl(WEB))
    seen.has("roles", "web_server")
    seen.has_not("weaknesses", "old_tls", "certificate_expired")
    seen.cell("fqdn", "portal.corp.example")
    seen.fact("title", lambda title: title == TITLE, f"the title of its page is {TITLE}")
    seen.fact("certificate", lambda one: "www.corp.example" in one["names"], "the certificate's other name is known")


def start_old(lab):
    made = lab.certificate("old", "/CN=old.corp.example", -1, "DNS:old.corp.example")
    return lab.nginx("nginx-old", OLD, *made, OLD_TITLE, tls="TLSv1 TLSv1.1 TLSv1.2", ciphers="ALL:@SECLEVEL=0")


def check_old(lab, seen):
    """TLS that nobody should speak any more, and a certificate that has ended."""
    shown = output(program("openssl"), "s_client", "-connect", f"{OLD}:443", "-tls1", "-cipher", "ALL:@SECLEVEL=0", text="")
    seen.service("tcp 443", service="https", **by_openssl(OLD))
    seen.has("weaknesses", "certificate_expired")
    if "Protocol  : TLSv1\n" in shown:
        seen.has("weaknesses", "old_tls")
        seen.fact("old_tls", lambda one: one == "TLS 1.0", "it speaks TLS 1.0, as openssl does with it")
    else:
        seen.report.skip(f"{OLD}: openssl gets no TLS 1.0 here")


def start_directory(lab):
    return lab.slapd(DIRECTORY)


def check_directory(lab, seen):
    """OpenLDAP: a directory, and no domain controller."""
    shown = output(program("ldapsearch"), "-x", "-LLL", "-H", f"ldap://{DIRECTORY}", "-s", "base", "-b", "", "+")
    suffix = re.search(r"^namingContexts: (.+)$", shown, re.M)[1]
    seen.report.that(suffix == "dc=corp,dc=example", f"{DIRECTORY}: ldapsearch sees {suffix}")
    seen.service("tcp 389", service="ldap", confidence="sure")
    seen.is_("tcp 389 product", seen.services.get("tcp 389", {}).get("product"), "OpenLDAP")
    seen.has_not("roles", "domain_controller")
    seen.cell("device_kind", "computer", "")


def start_agent(lab):
    return lab.snmpd(AGENT)


def check_agent(lab, seen):
    """Net-SNMP: its engine, without any community."""
    engine = lab.engine()
    seen.service("udp 161", service="snmp", state="open", confidence="sure")
    seen.fact("snmp_engine", lambda one: one["id"] == engine and one["enterprise"] == 8072,
              f"its engine is {engine} of Net-SNMP, as snmpd keeps it")
    log = next(server for server in lab.servers if server.name == "snmpd").text()
    seen.report.that("Authentication failed" not in log, f"{AGENT}: no community was tried", log[-300:])


def start_screen(lab):
    made = lab.certificate("screen", "/CN=screen.corp.example", 20, "DNS:screen.corp.example")
    return lab.xrdp(SCREEN, *made)


def check_screen(lab, seen):
    """xrdp, which shows a screen before any login."""
    seen.service("tcp 3389", service="rdp", confidence="sure")
    certificate = lab.root / "tls/screen.pem"
    said = output(program("openssl"), "x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253")
    seen.is_("tcp 3389 tls_subject", seen.services.get("tcp 3389", {}).get("tls_subject"), said.strip().split("=", 1)[1])
    seen.has("weaknesses", "no_nla")
    wrong = seen.machine.get("os_family") == "windows" and seen.machine.get("system_confidence") in ("sure", "likely")
    seen.report.that(not wrong, f"{SCREEN}: xrdp is not taken for a Windows", str(seen.machine)[:400])


# Who is started, and how it is checked. The first start before the others'.
MACHINES = {
    FILES: (start_files, check_files), STRICT: (start_strict, check_strict), SHELL: (start_shell, check_shell),
    WEB: (start_web, check_web), OLD: (start_old, check_old), DIRECTORY: (start_directory, check_directory),
    AGENT: (start_agent, check_agent), SCREEN: (start_screen, check_screen),
}


def started(lab, report):
    up = {}
    for address, (start, _) in MACHINES.items():
        try:
            up[address] = start(lab)
        except Skip as why:
            report.skip(str(why))
        except (OSError, subprocess.SubprocessError) as error:
            report.skip(f"{start.__name__}: {error} {getattr(error, 'stderr', '')!r}")
    return up


def sweep(lab, report):
    """The sweep that everything else is read from."""
    folder = lab.root / "out"
    began = time.monotonic()
    done = lab.run("sweep", NET, "-p", PORTS, "--udp", UDP_PORTS, "--no-dns", "--no-merge", "--out", folder)
    seconds = time.monotonic() - began
    report.that(done.returncode == 0, f"a sweep of {NET} without any credential: {seconds:.1f} s", done.stderr[-600:])
    for row in rows(folder, "machines"):
        lab.machines[row["ip"]] = row
    for row in rows(folder, "services"):
        if row["seen_by"] == "scan":
            lab.services.setdefault(row["ip"], {})[f"{row['proto']} {row['port']}"] = row
    lab.clues = lab.heard()


def nobody_else(lab, report, up):
    """Nothing is claimed of addresses where nothing is served."""
    open_there = {address: places for address, places in lab.services.items()
                  if any(row["state"] == "open" for row in places.values())}
    report.that(set(open_there) <= set(up), f"services are listed at {len(open_there)} addresses, where servers are",
                str({address: list(places) for address, places in open_there.items() if address not in up}))
    bare = Seen(lab, report, BARE)
    report.that(bare.machine and bare.machine["os_family"] in ("unknown", ""), f"{BARE}: alive, and nothing is claimed of it",
                str(bare.machine)[:300])


def nobody_let_in(lab, report, up, before):
    """No server was asked to let us in."""
    for address, sign, what in ((FILES, "Auth: [", "Samba"), (STRICT, "Auth: [", "Samba"),
                                (DIRECTORY, " BIND dn=", "OpenLDAP"),
                                (SHELL, ("Failed ", "Accepted ", "Invalid user", "userauth"), "OpenSSH")):
        if address not in up:
            continue
        log = up[address].text()[before[address]:]
        signs = (sign,) if isinstance(sign, str) else sign
        lines = [line for line in log.splitlines() if any(one in line for one in signs)]
        report.that(not lines, f"{address}: {what} was not asked to let anybody in", str(lines[:3]))
    # The sign is one: with Samba's own client it is there.
    if FILES in up and (shutil.which("smbclient") is not None):
        output("smbclient", "-N", "-L", f"//{FILES}")
        report.that("Auth: [" in up[FILES].text(), f"{FILES}: an anonymous session of smbclient stands in the same log")


def crowd(lab, report, up):
    """How fast 1,000 hosts are asked who they are. One nginx answers for all: it forks for nobody, and its queue of
    connections is longer than Samba's."""
    for address in (WEB, OLD):
        if address in up:
            lab.stop(up[address])
    subprocess.run(["ip", "route", "add", "local", CROWD_NET, "dev", "lo"], check=True, capture_output=True)
    made = lab.certificate("crowd", "/CN=crowd.corp.example", 20, "DNS:crowd.corp.example")
    lab.nginx("nginx-crowd", "0.0.0.0", *made, TITLE)
    version, _ = upstream("nginx")
    for port, goal in ((80, 5), (443, None)):
        seconds = {}
        for name, flags in (("found", ("--no-identify",)), ("asked", ())):
            folder = lab.root / f"crowd-{name}-{port}"
            began = time.monotonic()
            done = lab.run("sweep", CROWD, "-p", port, "--fast", "--no-dns", "--no-merge", *flags, "--out", folder)
            seconds[name] = time.monotonic() - began
            if done.returncode != 0:
                report.that(False, f"{CROWD} is {name}", done.stderr[-400:])
                return
        known = sum(row["product"] == "nginx" and row["version"] == version for row in rows(folder, "services"))
        took = seconds["asked"] - seconds["found"]
        said = f"{known:,} of 1,000 hosts told on port {port} who they are, in {took:.2f} s more than the " \
               f"{seconds['found']:.2f} s that it takes to find them"
        if goal:
            report.that(known == 1_000 and took <= goal, f"{said} (goal {goal})")
        else:
            report.that(known == 1_000, f"{said}: a certificate and several handshakes each")


def unfit(binary):
    """Why this cannot run here at all."""
    if os.geteuid() != 0:
        return "not root, which starts servers on their own ports"
    if not pathlib.Path(binary).is_file():
        return f"{binary} is not there"
    missing = [tool for tool in ("ip", "unshare", "openssl", "dpkg-query") if not shutil.which(tool)]
    return f"{', '.join(missing)} is not installed" if missing else None


def guarded(report, name, check, *arguments):
    """One check that breaks is one failure, and the others go on."""
    try:
        check(*arguments)
    except Skip as reason:
        report.skip(f"{name}: {reason}")
    except Exception as error:
        traceback.print_exc()
        report.that(False, name, f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    args = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    why = unfit(args.binary)
    if why:
        print(f"SKIPPED: who machines are: {why}")
        return 0
    if not identify_lab.enter_namespace():
        print("SKIPPED: who machines are: no network namespace of our own can be had here")
        return 0
    identify_lab.mind_signals()
    report = Report()
    with IdentifyLab(args.binary) as lab:
        up = started(lab, report)
        before = {address: len(server.text()) for address, server in up.items()}
        sweep(lab, report)
        # The logs as the sweep left them: what checks ask comes after.
        nobody_let_in(lab, report, up, before)
        for address in up:
            guarded(report, address, MACHINES[address][1], lab, Seen(lab, report, address))
        nobody_else(lab, report, up)
        guarded(report, "1,000 hosts", crowd, lab, report, up)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
