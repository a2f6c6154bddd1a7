"""Checks of many addresses: SSH, WinRM, closed and silent ones in one range, and a run that is killed."""

import collections
import ipaddress
import signal
import socket

from audit_lab import installed, rows, software
from audit_range import blanked, finished
from winrm_hosts import check_software
from winrm_lab import GOOD, READ, spread

RANGE = "127.0.10.1-62"
TABLES = ("machines", "software", "hotfixes", "services", "access")


def mixed(lab, report):
    """One range, one set of tables, each address in exactly one row."""
    windows = spread("127.0.10.20", 12)
    unix = ["127.0.10.10", "127.0.10.11"]
    silent = ["127.0.10.40", "127.0.10.41"]
    hosts = lab.hosts("mixed", {address: {"seed": 500 + number} for number, address in enumerate(windows)})
    account = lab.account("mixed")
    lab.authorize(account, lab.key("plain"))
    server = lab.server("mixed", [f"{address}:22" for address in unix])
    known = server.known_hosts(*unix)
    credentials = lab.credentials("mixed.toml", lab.login(ntlm_http=True), lab.key_credential(account, lab.key("plain")))
    with Silence(silent, (22, 5985, 5986)):
        scanned = lab.scan("mixed", [RANGE], credentials, "--known-hosts", known, "--tls-ca", hosts.ca,
                           ports="22,5985,5986")
    outcomes = scanned.outcomes()
    read = {address for address, outcome in outcomes.items() if outcome in READ}
    report.that(read == set(windows + unix), f"mixed: {len(windows)} Windows and {len(unix)} Debian hosts were read",
                f"{sorted(read ^ set(windows + unix))} {scanned.done.err}")
    missing = [table for table in (*TABLES, "coverage") if not scanned.rows(table)]
    report.that(not missing, f"mixed: {', '.join(TABLES)} and coverage have rows", missing)
    counts = collections.Counter(row["ip"] for row in scanned.rows("machines"))
    doubled = {address: count for address, count in counts.items() if count != 1}
    report.that(not doubled, f"mixed: each of {len(counts)} addresses has one row in machines.csv", doubled)
    report.that(not set(silent) & read, "mixed: who is silent was not read", outcomes)
    check_sums(report, scanned, counts)
    ways = {(row["ip"], row["protocol"]) for row in scanned.rows("access")
            if row["result_code"] in GOOD and row["attempted"] == "yes"}
    wanted = {(address, "winrm") for address in windows} | {(address, "ssh") for address in unix}
    report.that(ways == wanted, "mixed: access.csv has one success for each host that was read, by its protocol",
                sorted(ways ^ wanted))
    families = {row["ip"]: row["os_family"] for row in scanned.rows("machines") if row["ip"] in read}
    report.that({families[address] for address in windows if address in read} == {"windows"}
                and "windows" not in {families[address] for address in unix if address in read},
                "mixed: each is the system that it is", families)
    for address in windows[:2]:
        check_software(report, f"mixed, {address}", scanned, address, hosts.truth(address))
    report.that(software(scanned.folder, unix[0]) == installed(), "mixed: the Debian's software agrees with dpkg-query")
    fixes = {row["ip"] for row in scanned.rows("hotfixes")}
    report.that(fixes == set(windows), "mixed: every Windows, and nothing else, has updates", sorted(fixes))
    report.that(scanned.done.code in (0, 3), f"mixed: exit status {scanned.done.code}", scanned.done.err)


def check_sums(report, scanned, counts):
    sums = collections.Counter()
    for row in scanned.rows("coverage"):
        for column in ("in_scope", "answered", "silent", "not_begun", "assessed"):
            sums[column] += int(row[column])
    first, last = RANGE.rsplit("-", 1)
    size = int(last) - int(ipaddress.ip_address(first)) % 256 + 1
    report.that(sums["in_scope"] == size == sums["answered"] + sums["silent"] + sums["not_begun"]
                and sums["assessed"] == 14 and sums["silent"] >= 2 and len(counts) <= size,
                "mixed: the sums of coverage.csv equal the scope", dict(sums))


class Silence:
    """Addresses that answer nothing, not even with a refusal: Linux drops a SYN to a listener whose queue is
    full."""

    def __init__(self, addresses, ports):
        self.places = [(address, port) for address in addresses for port in ports]

    def __enter__(self):
        self.sockets = []
        for place in self.places:
            listener = socket.socket()
            listener.bind(place)
            listener.listen(0)
            self.sockets += [listener, socket.create_connection(place, 2)]
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()


COUNT = 60
HANDS = 4


def resume(lab, report):
    """Killed with SIGKILL, gone on with, and compared with a run that nobody disturbed."""
    hosts = lab.hosts("resume", {address: {"seed": 600 + number, "apps": 40, "no_https": True}
                                 for number, address in enumerate(spread("127.0.11.1", COUNT))}, "--workers", "2")
    target = f"127.0.11.1-{COUNT}"
    credentials = lab.credentials("resume.toml", lab.login(ntlm_http=True))
    options = ("-p", "5985,5986", "--credentials", credentials, "--known-hosts", "/dev/null", "--tls-ca", hosts.ca,
               "--no-merge", "--seed", "7", "--hands", str(HANDS))
    whole, resumed = lab.folder("out-winrm-whole"), lab.folder("out-winrm-resumed")
    done = lab.run("winrm-whole", "scan", target, *options, "--out", whole)
    report.that(done.code in (0, 3), f"resume: {COUNT} hosts undisturbed, exit status {done.code}", done.err)
    logons = count_logons(hosts)
    report.that(set(logons.values()) == {1}, "resume: one logon each", logons)

    process = lab.start("winrm-resumed", "scan", target, *options, "--out", resumed, "--events", "jsonl")
    before, run = finished(process, stop_after=COUNT // 3)
    report.that(process.returncode == -signal.SIGKILL and run, f"resume: killed after {len(before)} hosts")
    at_kill = count_logons(hosts)
    process = lab.start("winrm-resumed", "scan", "--resume", run, "--out", resumed, "--events", "jsonl")
    after, _ = finished(process)
    # A password that was on its way when the run was killed counts as a wrong one: nobody saw it accepted.
    held = {row["ip"] for row in rows(resumed, "access") if row["result_code"] == "breaker_open"}
    report.that(process.returncode == (6 if held else done.code) and len(held) <= HANDS and not held & set(before),
                f"resume: the run ends, exit status {process.returncode}; {len(held)} hosts whose logon was cut off are "
                "left alone", f"{process.returncode} {held}")
    # Two runs on a port may leave it waiting; the laboratory's word decides who was met again.
    final = count_logons(hosts)
    # A host may be saved when its event was not yet told: it is not met again either.
    untold = set(final) - set(before) - set(after)
    again = [address for address in {*before, *untold} if final[address] != at_kill[address]]
    report.that(not again and not set(before) & set(after) and len(untold) <= HANDS,
                f"resume: {len(after)} hosts in the second part, none of the {len(before)} that were saved again",
                f"{again} {sorted(set(before) & set(after))} {sorted(untold)}")
    late = {address: final[address] - logons[address] for address in final}
    report.that(max(late.values()) <= 2 and sum(late.values()) <= COUNT + 4,
                f"resume: {sum(late.values()) - COUNT} of {COUNT} hosts were at work when it was killed, and logged on "
                "once more", late)
    for table in (*TABLES, "coverage", "findings", "findings_cve"):
        if table == "coverage" and held:
            continue
        ours, theirs = without(held, blanked(whole, table)), without(held, blanked(resumed, table))
        differing = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
        report.that(ours == theirs, f"resume: {table}.csv is that of the undisturbed run", differing[:2])


def without(addresses, table):
    """The rows of the other hosts; `rank` counts over all findings of a run, so it is counted anew over these."""
    left = [row for row in table if dict(row).get("ip") not in addresses]
    in_order = sorted(int(value) for row in left for column, value in row if column == "rank" and value)
    place = {str(rank): str(number) for number, rank in enumerate(in_order, 1)}
    return [[(column, place.get(value, value) if column == "rank" else value) for column, value in row] for row in left]


def count_logons(hosts):
    return {address: len(seen.logons) for address, seen in hosts.seen().items()}
