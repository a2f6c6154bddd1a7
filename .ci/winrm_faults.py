"""Hosts that are broken in one way each: every one ends in its code, in time, and delays no other."""

import json
import time

from winrm_hosts import check_software
from winrm_lab import DOMAIN, GOOD, READ

TIMEOUT = 20
# How much longer than alone a healthy host may take beside 24 broken ones, on a machine with two cores.
FACTOR, GRACE_MS = 5, 3_000
FAILED = {"failed"}
BROKEN = {"ok_partial", "protocol_error", "timeout"}
READ_WITHOUT_SHELL = {"scanned_partial"}

# The last number of the address in faults.json -> (codes that are right, outcomes that are right, why).
EXPECTED = {
    1: (GOOD, READ, "nothing is wrong"),
    2: ({"uac_token_filtered"}, FAILED, "WS-Man says access denied to a local account"),
    3: ({"wmi_denied"}, READ_WITHOUT_SHELL, "no WMI; the registry by reg.exe"),
    4: ({"shell_denied"}, READ_WITHOUT_SHELL, "no shell; the registry by StdRegProv"),
    5: ({"quota"}, READ_WITHOUT_SHELL, "too many shells; the registry by StdRegProv"),
    6: (GOOD, READ, "Receive times out three times, which is a poll without news"),
    7: (BROKEN | {"shell_denied", "shell_restricted"}, READ_WITHOUT_SHELL, "the shell dies at the first Receive"),
    8: ({"timeout", "filtered"}, FAILED, "accepts, and says nothing"),
    9: ({"quota", "protocol_error"}, FAILED, "HTTP 503"),
    10: ({"protocol_error"}, FAILED, "resets the connection at the logon"),
    11: (BROKEN, READ_WITHOUT_SHELL, "resets in the middle of a body"),
    12: (BROKEN, READ_WITHOUT_SHELL | FAILED, "resets after five requests"),
    13: (BROKEN | {"shell_denied"}, READ_WITHOUT_SHELL, "half an XML document"),
    14: (BROKEN, READ_WITHOUT_SHELL, "50 MB of output"),
    15: (GOOD | {"timeout"}, READ | FAILED, "1.5 s for each request"),
    16: ({"auth_rejected"}, FAILED, "refuses the right word"),
    17: ({"port_closed"}, FAILED | {"network_only"}, "nothing listens"),
    18: ({"winrm_basic_only"}, FAILED, "offers Basic alone"),
    19: (GOOD, READ, "TLS with a strict channel binding"),
    20: (GOOD, READ, "no PowerShell, Server Core"),
    21: (GOOD, READ, "PowerShell in constrained language mode"),
    22: (GOOD, READ, "would take messages in plain text"),
    23: (GOOD, READ, "8 s for the list of updates"),
    24: (GOOD, READ, "900 programs"),
    25: (GOOD, READ, "Server 2008 R2"),
}
# Two of these stop a domain account.
REFUSING = {10, 16}
# Where the programs must be there, all of them, although something is broken.
WHOLE_SOFTWARE = {1, 3, 4, 5, 6, 19, 20, 21, 22, 23, 24, 25}
WHOLE_HOTFIXES = WHOLE_SOFTWARE - {3}


def faults(lab, report):
    """All of faults.json in one scan over sealed HTTP, and again in TLS.

    The laboratory has one certificate for all. For a local account such hosts may be one machine, so that what
    is refused on one is not tried on another: in TLS the account is a domain's, without the hosts that refuse.
    """
    text = (lab.laboratory / "profiles/faults.json").read_text(encoding="utf-8")
    profiles = {entry.pop("address"): entry for entry in json.loads(text)["hosts"]}
    unknown = [address for address in profiles if number(address) not in EXPECTED]
    report.that(not unknown, f"faults: {len(profiles)} hosts, each with what must become of it", unknown)
    plain = {address: profile | ({} if profile.get("no_http") else {"no_https": True})
             for address, profile in profiles.items()}
    one_scan(lab, report, "HTTP", plain, lab.login(ntlm_http=True), EXPECTED)
    in_tls = {address: profile | {"no_http": True} for address, profile in profiles.items()
              if number(address) not in REFUSING}
    # No token of a domain account is filtered.
    expected = EXPECTED | {2: ({"winrm_access_denied"}, FAILED, "WS-Man says access denied to a domain account")}
    one_scan(lab, report, "TLS", in_tls, lab.login(DOMAIN, auth="ntlm"), expected)


def one_scan(lab, report, way, profiles, login, expected):
    store = f"faults-{way}"
    hosts = lab.hosts(store, profiles)
    options = ("--tls-ca", hosts.ca, "--timeout", TIMEOUT)
    credentials = lab.credentials(f"{store}.toml", login)
    alone = lab.scan(f"{store}-alone", ["127.0.2.1"], credentials, *options)
    began = time.monotonic()
    everyone = lab.scan(store, [*profiles], credentials, *options, seconds=100, measure=True)
    seconds = time.monotonic() - began
    seen = hosts.seen()
    for address in sorted(profiles, key=number):
        if number(address) in expected:
            judge(report, way, everyone, address, (hosts, expected[number(address)]))
    report.that(seconds < 3 * TIMEOUT and everyone.done.peak_mb < 200, f"faults, {way}: all of them in {seconds:.0f} s, "
                f"{everyone.done.peak_mb:.0f} MB, although one writes 50 MB", everyone.done.err)
    neighbours(report, way, alone, everyone)
    left = {address: one.sins() for address, one in seen.items() if number(address) in WHOLE_SOFTWARE - {1, 3}}
    left = {address: sins for address, sins in left.items() if sins}
    report.that(not left, f"faults, {way}: hosts that are not broken see one connection, one logon, one shell", left)
    shells(report, way, seen)
    hosts.stop()


def number(address):
    return int(address.rpartition(".")[2])


def judge(report, way, scanned, address, wanted):
    hosts, (codes, outcomes, why) = wanted
    rows = [row for row in scanned.at("access", address) if row["protocol"] == "winrm"]
    found, outcome = {row["result_code"] for row in rows}, scanned.outcomes().get(address)
    slowest = max((int(row["ms"] or 0) for row in rows), default=0)
    details = [(row["port"], row["result_code"], row["detail"][:200], row["ms"]) for row in rows]
    name = f"fault .{number(address)}, {way}"
    report.that(found and found <= codes and outcome in outcomes and slowest <= (TIMEOUT + 2) * 1000,
                f"{name} ({why}): {', '.join(sorted(found))}, {outcome}, {slowest} ms",
                f"{details} expected {sorted(codes)} {sorted(outcomes)}")
    truth = hosts.truth(address)
    if number(address) in WHOLE_SOFTWARE:
        check_software(report, name, scanned, address, truth)
    if number(address) in WHOLE_HOTFIXES:
        ids = sorted(row["update_id"] for row in scanned.at("hotfixes", address))
        report.that(ids == sorted(truth.hotfixes), f"{name}: {len(ids)} updates in hotfixes.csv",
                    f"{ids} {sorted(truth.hotfixes)}")


def neighbours(report, way, alone, everyone):
    """What a healthy host takes beside the broken ones."""
    def took(scanned):
        return [int(row["ms"]) for row in scanned.accesses().get("127.0.2.1", []) if row["result_code"] in GOOD]
    before, after = took(alone), took(everyone)
    report.that(before and after and after[0] <= FACTOR * before[0] + GRACE_MS,
                f"faults, {way}: a healthy neighbour takes {after} ms, alone {before} ms")


def shells(report, way, seen):
    """Where the host is there to be told, no shell stays."""
    gone = {7, 11, 12, 15}
    left = {}
    for address, one in seen.items():
        opened = len([event for event in one.actions("Create") if event["status"] == 200])
        closed = len([event for event in one.actions("Delete") if event["status"] == 200])
        if opened != closed and number(address) not in gone:
            left[address] = (opened, closed)
    report.that(not left, f"faults, {way}: every shell that can be deleted is, also after a failure", left)
