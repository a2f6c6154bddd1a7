"""Checks of many addresses: one machine that answers at 500, and a run that is killed."""

import collections
import ipaddress
import json
import signal
import threading
import time

from audit_lab import Skip, descendants, installed, rows

FIRST = ipaddress.ip_address("127.0.1.1")
RANGE = "127.0.1.1-127.0.2.244"
SIZE = 500


def addresses(count):
    return [str(FIRST + offset) for offset in range(count)]


def everywhere(lab, name, *options):
    """A server that answers at every address of loopback. One sshd listens on 16 addresses of its own at
    most, so it listens on all: where nothing but loopback exists."""
    if not lab.is_alone:
        raise Skip("no network namespace may be made here, so sshd cannot answer at 500 addresses of loopback only")
    account = lab.account("key")
    lab.authorize(account, lab.key("plain"))
    server = lab.server(name, ("0.0.0.0:22",), options)
    known = server.known_hosts(",".join(addresses(SIZE)))
    credentials = lab.credentials("key.toml", lab.key_credential(account, lab.key("plain")))
    return server, ("-p", "22", "--credentials", credentials, "--known-hosts", known)


def one_machine_500_times(lab, report):
    server, options = everywhere(lab, "range", "MaxStartups 600")
    # All 500 are one server: more at once only wait for each other, on a busy machine longer than for a banner.
    options += ("--hands", "24")
    folder = lab.folder("out-range")
    done = lab.run("range", "scan", RANGE, *options, "--out", folder, seconds=300, measure=True)
    server.stop()
    text = f"{SIZE} addresses: {done.seconds:.1f} s, {SIZE / done.seconds:.1f} hosts a second, {done.peak_mb:.0f} MB"
    report.that(done.code == 0 and done.peak_mb < 200, text, f"exit status {done.code}: {done.err}")
    machines = list(rows(folder, "machines"))
    report.that(len(machines) == 1, f"{SIZE} addresses: one machine", [row["ip"] for row in machines])
    codes = collections.Counter((row["ip"], row["result_code"] in ("ok", "ok_partial")) for row in rows(folder, "access"))
    report.that(codes == {(address, True): 1 for address in addresses(SIZE)}, f"{SIZE} addresses: one login each",
                code_counts(folder))
    packages = sum(1 for _ in rows(folder, "software"))
    report.that(packages == len(installed()), f"{SIZE} addresses: the software of one machine", packages)
    check_coverage(report, folder, assessed=SIZE)

    apart = lab.folder("out-apart")
    done = lab.run("range", "export", "--no-merge", "--out", apart, seconds=200, measure=True)
    report.that(done.code == 0 and done.peak_mb < 200, f"export --no-merge: {done.seconds:.1f} s, {done.peak_mb:.0f} MB",
                f"exit status {done.code}: {done.err}")
    found = sorted(row["ip"] for row in rows(apart, "machines"))
    report.that(found == sorted(addresses(SIZE)), f"export --no-merge: {SIZE} rows", len(found))
    packages = sum(1 for _ in rows(apart, "software"))
    report.that(packages == SIZE * len(installed()), f"export --no-merge: the software of {SIZE}", packages)


def check_coverage(report, folder, assessed=None):
    sums = collections.Counter()
    for row in rows(folder, "coverage"):
        for column in ("in_scope", "swept", "answered", "silent", "not_begun", "assessed"):
            sums[column] += int(row[column])
    whole = sums["in_scope"] == SIZE == sums["answered"] + sums["silent"] + sums["not_begun"]
    report.that(whole and assessed in (None, sums["assessed"]), "the sums of coverage.csv equal the scope", dict(sums))


def code_counts(folder):
    return dict(collections.Counter(row["result_code"] for row in rows(folder, "access")))


def default_max_startups(lab, report):
    """sshd's own defence drops connections: every address ends in a row all the same."""
    server, options = everywhere(lab, "crowd")
    folder = lab.folder("out-crowd")
    done = lab.run("crowd", "scan", RANGE, *options, "--no-merge", "--out", folder, seconds=360)
    server.stop()
    found = {row["ip"] for row in rows(folder, "access")}
    report.that(found == set(addresses(SIZE)),
                f"default MaxStartups: every address ends in a row, {code_counts(folder)}, {done.seconds:.0f} s",
                f"{len(found)} of {SIZE}; {done.err}")
    outcomes = collections.Counter(row["outcome"] for row in rows(folder, "machines"))
    report.that(sum(outcomes.values()) == SIZE, f"default MaxStartups: {dict(outcomes)}", done.err)
    check_coverage(report, folder)
    refused = sum(count for code, count in code_counts(folder).items() if code not in ("ok", "ok_partial"))
    report.that(done.code == (3 if refused else 0), f"default MaxStartups: exit status {done.code}")


COUNT = 60


def settled(server):
    """How many logins the server has seen, once it has nothing more to tell: what was in flight when the
    client was killed is still logged a moment later."""
    count, quiet = server.text().count("Accepted publickey"), 0
    while quiet < 10:
        time.sleep(0.2)
        now = server.text().count("Accepted publickey")
        count, quiet = now, quiet + 1 if now == count else 0
    return count


def resume(lab, report):
    """Killed with SIGKILL, gone on with, and compared with a run that nobody disturbed."""
    server, options = everywhere(lab, "resume", "MaxStartups 600")
    options += ("--seed", "7", "--hands", "4")
    target = f"127.0.1.1-{COUNT}"
    whole, resumed = lab.folder("out-whole"), lab.folder("out-resumed")
    done = lab.run("whole", "scan", target, *options, "--out", whole)
    report.that(done.code == 0, f"resume: {COUNT} addresses undisturbed", done.err)

    process = lab.start("resumed", "scan", target, *options, "--out", resumed, "--events", "jsonl")
    before, run = finished(process, stop_after=COUNT // 3)
    report.that(process.returncode == -signal.SIGKILL and run, f"resume: killed after {len(before)} hosts")
    accepted = settled(server)
    process = lab.start("resumed", "scan", "--resume", run, "--out", resumed, "--events", "jsonl")
    after, _ = finished(process)
    again = settled(server) - accepted
    server.stop()
    report.that(process.returncode == 0, "resume: the run ends well", process.returncode)
    # A host may be saved when its event was not yet told.
    report.that(not set(before) & set(after) and COUNT - 4 <= len(set(before) | set(after)),
                f"resume: {len(after)} hosts in the second part, none of the {len(before)} of the first again",
                sorted(set(before) & set(after)))
    report.that(again == len(after), "resume: the server saw no other login", f"{again} logins")
    for table in ("machines", "coverage", "access", "software", "services", "findings", "findings_cve"):
        report.that(blanked(whole, table) == blanked(resumed, table), f"resume: {table}.csv is that of the undisturbed run")


def finished(process, stop_after=None):
    """Reads events to the end, or kills at the n-th finished host. The hosts, and the run's id."""
    hosts, run = [], None
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    drain.start()
    for line in process.stderr:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        run = event.get("run", run)
        if event.get("event") == "host_finished":
            hosts.append(event["address"])
        if stop_after and len(hosts) == stop_after:
            for child in descendants(process.pid):
                raise RuntimeError(f"underdesk has a child, {child}, without a credential that needs one")
            process.kill()
            stop_after = None
    process.wait(60)
    drain.join(10)
    return hosts, run


def blanked(folder, table):
    """The rows without what differs between two runs."""
    def is_same(column):
        return column not in ("run_id", "ms") and not column.endswith("_utc")
    return [[(column, value) for column, value in row.items() if is_same(column)] for row in rows(folder, table)]
