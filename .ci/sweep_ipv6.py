#!/usr/bin/env python3
"""The search of an IPv6 /64, on a link made of network namespaces: who is found, by what, and what is said of it.

    sweep_ipv6.py --binary PATH

Runs as root, with iproute2 and util-linux. The namespaces have no names: they go away with this process. The link has
hosts of several kinds, and one that lies:

    ::11, ::12     answer all that they are asked; ::12 has ::112 as well
    ::13           answers nothing that was sent to a group, but is in the table of neighbours
    ::14           answers no echo request at all, as Windows does; only the option that nobody knows
    (fd00:2::15)   is of another prefix: here it has its link-local address only
    ::77           answers no echo request either, but announces itself by multicast DNS
    the liar       answers with our token from outside the block, and without it from inside

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when anything failed.
"""

import argparse
import csv
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from audit import Report
from audit_lab import enter_namespace

BLOCK = "fd00:1::/64"
NET = "fd00:1::"
PORT = 2022
HOSTS = {"a": ["11"], "b": ["12", "112"], "c": ["13"], "d": ["14"], "e": [], "mdns": ["77"], "liar": ["66"]}
NOBODY = 65534
LISTENER = f"""
import socket
s = socket.create_server(("::", {PORT}), family=socket.AF_INET6)
while True:
    s.accept()[0].close()
"""
# Says each second which addresses m.local has.
ANNOUNCER = r"""
import socket, struct, sys, time
records = b""
for address in sys.argv[1:]:
    data = socket.inet_pton(socket.AF_INET6, address)
    records += b"\x01m\x05local\0" + struct.pack("!HHIH", 28, 1, 120, len(data)) + data
packet = struct.pack("!6H", 0, 0x8400, 0, len(sys.argv) - 1, 0, 0) + records
link = socket.if_nametoindex("eth0")
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5353, 0, link))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
while True:
    s.sendto(packet, ("ff02::fb", 5353, 0, link))
    time.sleep(1)
"""
# Answers the question to all nodes: from an address outside the block with the token, and from one inside without.
LIAR = r"""
import socket, struct
def checksum(source, target, message):
    data = source + target + struct.pack("!II", len(message), 58) + message
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
wire.bind(("eth0", 0))
while True:
    frame = wire.recv(2000)
    if len(frame) < 70 or frame[20] != 58 or frame[54] != 128 or frame[38:40] != b"\xff\x02":
        continue
    asked, data = frame[22:38], frame[58:]
    for source, said in (("fd00:9::66", data), ("fd00:1::666", data[:4] + b"x" * (len(data) - 4))):
        source = socket.inet_pton(socket.AF_INET6, source)
        found = checksum(source, asked, b"\x81\0\0\0" + said)
        message = b"\x81\0" + struct.pack("!H", found) + said
        header = b"\x60\0\0\0" + struct.pack("!HBB", len(message), 58, 64) + source + asked
        wire.send(frame[6:12] + wire.getsockname()[4] + b"\x86\xdd" + header + message)
"""


class Link:
    """Hosts on a bridge, and the machine that scans."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="underdesk-ipv6-"))
        self.root.chmod(0o755)
        self.started, self.places, self.turn = [], {}, 0

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.kill()
            process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, *words):
        def end_with_us():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=end_with_us)
        self.started.append(process)
        return process

    def inside(self, name, *words):
        return ["nsenter", "-t", str(self.places[name].pid), "-n", *map(str, words)]

    def do(self, name, *words):
        return subprocess.run(self.inside(name, *words), capture_output=True, text=True, check=True).stdout

    def build(self):
        run = lambda *words: subprocess.run(words, capture_output=True, text=True, check=True)
        run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        # The bridge itself is no machine.
        run("sysctl", "-qw", "net.ipv6.conf.br0.disable_ipv6=1")
        run("ip", "link", "set", "br0", "up")
        ours = os.readlink("/proc/self/ns/net")
        for number, name in enumerate(["scan", *HOSTS]):
            place = self.start("unshare", "--net", "sleep", "infinity")
            while os.readlink(f"/proc/{place.pid}/ns/net") == ours:
                time.sleep(0.01)
            self.places[name] = place
            run("ip", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", str(place.pid))
            run("ip", "link", "set", f"v{number}", "master", "br0", "up")
            self.do(name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                    "net.ipv6.conf.eth0.accept_dad=0")
            self.do(name, "ip", "link", "set", "lo", "up")
            self.do(name, "ip", "link", "set", "eth0", "up")
        self.do("scan", "ip", "addr", "add", f"{NET}1/64", "dev", "eth0", "nodad")
        for name, lasts in HOSTS.items():
            for last in lasts:
                self.do(name, "ip", "addr", "add", f"{NET}{last}/64", "dev", "eth0", "nodad")
            self.start(*self.inside(name, sys.executable, "-c", LISTENER))
        self.do("e", "ip", "addr", "add", "fd00:2::15/64", "dev", "eth0", "nodad")
        self.do("c", "sysctl", "-qw", "net.ipv6.icmp.echo_ignore_multicast=1")
        for name in ("d", "mdns"):
            self.do(name, "sysctl", "-qw", "net.ipv6.icmp.echo_ignore_all=1")
        self.do("liar", "sysctl", "-qw", "net.ipv6.icmp.echo_ignore_multicast=1")
        self.start(*self.inside("liar", sys.executable, "-c", LIAR))
        time.sleep(2)
        shown = self.do("mdns", "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link")
        local = re.search(r"inet6 (fe80:\S+)/", shown)[1]
        self.start(*self.inside("mdns", sys.executable, "-c", ANNOUNCER, local, f"{NET}77"))

    def forget(self):
        """Leaves only ::13 in the table of neighbours. Whoever still knows us would ask for us, and be known by that."""
        for name in HOSTS:
            self.do(name, "ip", "-6", "neigh", "flush", "dev", "eth0")
        self.do("scan", "ip", "-6", "neigh", "flush", "dev", "eth0")
        mac = json.loads(self.do("c", "ip", "-j", "link", "show", "eth0"))[0]["address"]
        for line in self.do("scan", "ip", "-6", "-o", "neigh", "show", "dev", "eth0").splitlines():
            self.do("scan", "ip", "-6", "neigh", "del", line.split()[0], "dev", "eth0")
        self.do("scan", "ip", "-6", "neigh", "add", f"{NET}13", "lladdr", mac, "nud", "stale", "dev", "eth0")

    def echoes(self):
        """Echo requests that the scanning machine has sent."""
        words = self.do("scan", "cat", "/proc/net/snmp6").split()
        return int(words[words.index("Icmp6OutEchos") + 1])

    def command(self, *words, user=None):
        """A sweep of ours: whose store is in a folder of its own, and where its files go."""
        self.turn += 1
        place = self.root / f"run-{self.turn}"
        place.mkdir(mode=0o777)
        place.chmod(0o777)
        names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "USER": "auditor", "HOME": str(place),
                       **{name: str(place / "home") for name in names}}
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        flags = ["--no-input", "--store", place / "store.db", "--catalog", place / "none.db"]
        return place, self.inside("scan", *drop, self.binary, *flags, *words), environment

    def sweep(self, *words, user=None):
        place, command, environment = self.command("sweep", *words, "-p", PORT, "--ssh-port", PORT, "--no-dns",
                                                   "--no-identify", "--out", "out", user=user)
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return Swept(place, done.returncode, done.stdout, done.stderr)


class Swept:
    """How a sweep went."""

    def __init__(self, place, code, out, err):
        self.place, self.code, self.out, self.err = place, code, out, err
        self.said = f"{code} {out} {err}"

    def table(self, name):
        with open(self.place / f"out/{name}.csv", encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def hosts(self):
        """The last groups of the addresses that were found to live, without the prefix."""
        found = {row["ip"] for row in self.table("services") if row["port"] == str(PORT)}
        found |= {one for row in self.table("machines") for one in row["all_ips"].split("; ")}
        return sorted(one.removeprefix(NET) for one in found)

    def block(self):
        return next(row for row in self.table("coverage") if row["subnet"] == BLOCK)

    def searched(self):
        manifest = json.loads((self.place / "out/manifest.json").read_text(encoding="utf-8"))
        return manifest["searched"][0]


def truthful(report, what, done, tried):
    """A searched block is never said to have been swept."""
    row, note = done.block(), f"{BLOCK} was searched through"
    counts = {name: int(row[name]) for name in ("in_scope", "swept", "answered", "silent", "not_begun")}
    report.that(counts["in_scope"] == counts["swept"] == tried and counts["not_begun"] == 0,
                f"{what}: coverage.csv counts what was tried: {counts}", done.said)
    report.that("neighbours" in row["searched_by"], f"{what}: searched_by is {row['searched_by']!r}", row)
    manifest = done.searched()
    report.that(manifest["note"].startswith(note) and "others may exist" in manifest["note"]
                and manifest["addresses"] == tried, f"{what}: manifest.json: {manifest['note']}", manifest)
    report.that(note in done.out + done.err and "others may exist" in done.out + done.err,
                f"{what}: the summary says so", done.said)


def privileged(link, report):
    link.forget()
    before = link.echoes()
    done = link.sweep(BLOCK)
    expected = ["1", "11", "112", "12", "13", "14", "66", "77"]
    # Of ::12 and ::112, the one that it answers by is found; the other only where the table has it.
    found = done.hosts()
    report.that(done.code == 0 and set(found) >= {"11", "13", "14", "77"} and {"12", "112"} & set(found)
                and set(found) <= set(expected), f"as root: found {found}", done.said)
    report.that("666" not in done.said and "fd00:9" not in done.said, "a liar's answers do not count", done.said)
    report.that("1 machines answered by their link-local address only" in done.err,
                "a machine without an address in the block is counted and said", done.err)
    truthful(report, "as root", done, int(done.block()["in_scope"]))
    report.that("multicast on eth0" in done.block()["searched_by"], "as root: the link was asked", done.block())
    report.that(link.echoes() - before == 2, f"as root: {link.echoes() - before} echo requests, from two addresses")


def unprivileged(link, report):
    link.forget()
    link.do("scan", "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    done = link.sweep(BLOCK, user=NOBODY)
    found = set(done.hosts())
    report.that(done.code == 0 and found >= {"11", "13"} and {"12", "112"} & found and not {"14", "77"} & found,
                f"with echoes only: found {sorted(found)}", done.said)
    report.that("CAP_NET_RAW" in done.err and "Windows" in done.err, "with echoes only: what was not asked is said", done.err)
    truthful(report, "with echoes only", done, int(done.block()["in_scope"]))
    link.do("scan", "sysctl", "-qw", "net.ipv4.ping_group_range=1 0")
    link.forget()
    done = link.sweep(BLOCK, user=NOBODY)
    report.that(done.code == 0 and set(done.hosts()) - {"1"} == {"13"}, f"without any right: found {done.hosts()}", done.said)
    report.that("ping_group_range" in done.err and done.block()["searched_by"] == "neighbours",
                "without any right: nobody was asked, and it is said", done.err)
    truthful(report, "without any right", done, 2)


def announced(link, report):
    link.forget()
    done = link.sweep(BLOCK, "--mdns", 3, user=NOBODY)
    report.that(done.code == 0 and {"13", "77"} <= set(done.hosts()) and done.block()["searched_by"] == "neighbours; mdns",
                f"without any right, who announces itself is found: {done.hosts()}", done.said)


def exclusions(link, report):
    link.forget()
    before = link.echoes()
    done = link.sweep(BLOCK, f"!{NET}13")
    row = done.block()
    report.that("13" not in done.hosts() and row["excluded"] == "1", f"an excluded neighbour is counted and left alone: {row}")
    report.that(link.echoes() == before and f"{NET}13 is excluded" in done.err,
                "a question to all would reach who is excluded: it is not sent, and that is said", done.err)
    link.forget()
    done = link.sweep(BLOCK, f"!{BLOCK}", f"{NET}11")
    report.that(link.echoes() == before and done.code == 2, "of a block that is excluded as a whole nothing is sent", done.said)


def dry_run(link, report):
    link.forget()
    before = link.echoes()
    place, command, environment = link.command("sweep", BLOCK, "--dry-run")
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)
    report.that(done.returncode == 0 and "would be searched through neighbours, multicast on eth0" in done.stdout
                and f"{NET}13" in done.stdout, "a dry run says what would be done", done.stdout + done.stderr)
    report.that(link.echoes() == before, "a dry run asks nobody")


def nobody_there(link, report):
    done = link.sweep("fd00:7::/64")
    rows = done.table("coverage")
    report.that(done.code == 0 and rows[0]["subnet"] == "fd00:7::/64" and rows[0]["in_scope"] == rows[0]["silent"] == "0",
                f"of a block where nobody was found nothing is claimed: {rows}", done.said)
    report.that("others may exist" in done.out + done.err, "a block where nobody was found is said", done.said)


def resume(link, report):
    link.forget()
    place, command, environment = link.command("sweep", BLOCK, "-p", PORT, "--ssh-port", PORT, "--no-dns", "--no-identify",
                                               "--rate", 1, "--out", "out")
    process = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    run = re.search(r"\brun (r-\S+)", err)
    report.that(process.returncode == 130 and run, "a sweep of a block is interrupted", out + err)
    first = Swept(place, process.returncode, out, err).block()
    # Nobody is left in the table, and nobody answers any more: what was found first is what counts.
    link.do("scan", "ip", "-6", "neigh", "flush", "dev", "eth0")
    before = link.echoes()
    at = command.index("sweep")
    again = [*command[:at], "sweep", "--resume", run[1], "--out", "out"]
    done = subprocess.run(again, cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False)
    swept = Swept(place, done.returncode, done.stdout, done.stderr)
    report.that(link.echoes() == before, "a run that goes on searches no more")
    row = swept.block()
    report.that(done.returncode == 0 and row["in_scope"] == first["in_scope"] == row["swept"] and int(first["not_begun"]) > 0
                and row["searched_by"] == first["searched_by"],
                f"a run that goes on has what was found first: {first['in_scope']} then {row['in_scope']}", swept.said)
    report.that({"11", "14"} <= set(swept.hosts()), f"a run that goes on comes to all: {swept.hosts()}", swept.said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    args = parser.parse_args()
    missing = [tool for tool in ("ip", "nsenter", "setpriv", "sysctl", "unshare")
               if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    why = ("not root, which makes network namespaces" if os.geteuid() != 0
           else f"{args.binary} is not there" if not pathlib.Path(args.binary).is_file()
           else f"{', '.join(missing)} is not installed" if missing
           else "there is no IPv6 here" if not pathlib.Path("/proc/net/if_inet6").exists()
           else None if enter_namespace() else "no network namespaces can be had here")
    if why:
        print(f"SKIPPED: the search of an IPv6 block: {why}")
        return 0
    report = Report()
    with Link(args.binary) as link:
        for check in (privileged, unprivileged, announced, exclusions, dry_run, nobody_there, resume):
            try:
                check(link, report)
            except Exception as error:  # One check that breaks is one failure, and the others go on.
                report.that(False, check.__name__, f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')!r}")
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
