"""What sweep_audit.py checks: what a sweep finds, in what time and with how many packets, next to other scanners.

Times are compared in one run, in turns, and by their middle: other work on the machine meets both.
"""

import json
import statistics
import threading
import time

import sweep_peers
from audit_lab import Skip
from sweep_lab import PORTS, moments

FAST = ("--fast", "--rate", "max")
# How often ours and a peer's are run in turns: the middle of each is what counts.
TURNS, LONG_TURNS = 5, 3
# The longest wait for an answer of --fast and of the default pace, as `--help` and the documentation have it.
FAST_WAIT, NORMAL_WAIT = 0.5, 1.5
TABLE = 16_384


def middle(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


# Of a machine with two cores, on which the network itself runs, one answer in a thousand may get lost without a fault.
SLACK = 0.001


def complete(report, what, truth, done, hosts=1.0, sockets=1.0):
    """Enough of what is there was found, and nothing else. Says all figures, and loudly where not all was found."""
    lost_hosts, lost_sockets = truth.lost(done)
    false = truth.false(done)
    if (hosts == 1 and lost_hosts) or (sockets == 1 and lost_sockets):
        print(f"BELOW GOAL {what}: {lost_hosts} hosts and {lost_sockets} sockets are missing (goal none)", flush=True)
    enough = (lost_hosts <= len(truth.hosts) * (1 - hosts + SLACK)
              and lost_sockets <= len(truth.sockets) * (1 - sockets + SLACK))
    limit = f"goal {hosts:.1%} of hosts, {sockets:.1%} of sockets, none false"
    return report.that(enough and not false and done.code == 0, f"{what}: {truth.said(done)} ({limit})",
                       f"exit code {done.code}; {unlike(truth, done)}; {done.err[-400:]}")


def unlike(truth, done):
    """A few of the differences, and what was said of those who are missing."""
    hosts, sockets = sorted(truth.hosts - done.hosts)[:5], sorted(truth.sockets - done.sockets)[:5]
    addresses = {*hosts, *(host for host, _ in sockets)}
    said = [(row["ip"], row["port"], row["state"]) for row in done.of("service") if row["ip"] in addresses]
    return f"missing: {hosts} {sockets}, of which is said: {said[:10]}; false: {sorted(map(str, truth.false(done)))[:5]}"


def complete_in_stages(lab, report, what, name, done):
    """Everybody whom the first probes can show was found, with all of his ports; and how much that is of all."""
    known, whole = lab.truth(name, staged=True), lab.truth(name)
    lost_hosts, lost_sockets = known.lost(done)
    false = whole.false(done)
    few = lost_hosts <= len(known.hosts) * SLACK * 2 and lost_sockets <= len(known.sockets) * SLACK * 2
    report.that(few and not false and done.code == 0,
                f"{what}: {whole.said(done)} (goal {len(known.hosts)} hosts, {len(known.sockets)} sockets, none false)",
                f"exit code {done.code}; {unlike(known, done)}; {done.err[-400:]}")


def goal(lab, report, holds, text, detail=""):
    """A figure that depends on how busy the machine is. With --full it must hold; else it is said loudly where it
    does not, for a change is not refused for a noisy neighbour."""
    if holds or lab.full:
        return report.that(holds, text, detail)
    detail = " ".join(str(detail).split())
    print(f"BELOW GOAL {text}" + (f": {detail[:300]}" if detail else ""), flush=True)
    return False


def ratio(lab, report, what, ours, theirs, limit, unit="s"):
    """Ours is at most so much of theirs."""
    share = ours / theirs if theirs else float("inf")
    return goal(lab, report, share <= limit,
                f"{what}: {ours:.2f} {unit} to {theirs:.2f} {unit}, {share:.2f} times (goal {limit})")


def in_turns(count, *ways):
    """The runs of each way, one after the other and again."""
    runs = [[] for _ in ways]
    for _ in range(count):
        for kept, way in zip(runs, ways, strict=True):
            kept.append(way())
    return runs


# By packets of our own

def sparse(lab, report):
    """A /16 in which one address in fifty lives: flat, and in two stages."""
    lab.up("direct")
    truth = lab.truth("sparse")
    flat, peers = in_turns(TURNS, lambda: lab.sweep(truth.net, *FAST, "--thorough", "--engine", "raw"),
                           lambda: sweep_peers.masscan(lab, truth))
    for done in flat:
        complete(report, "sparse /16, flat", truth, done)
    print(f"masscan --ping: {truth.said(peers[0])}", flush=True)
    # Both are to wait a second for late answers; masscan's lasts longer.
    probes = truth.net.num_addresses * len([*PORTS.split(","), "echo"])
    ours, theirs = (statistics.median(done.after(0.98 * probes) for done in runs) for runs in (flat, peers))
    print(f"from when 98 % of the probes were out to the end: {ours:.2f} s, masscan {theirs:.2f} s", flush=True)
    ratio(lab, report, "sparse /16, flat, wall time, of masscan --ping", middle(flat, "wall"), middle(peers, "wall"), 0.6)
    ratio(lab, report, "sparse /16, flat, processor, of masscan --ping", middle(flat, "cpu"), middle(peers, "cpu"), 1.0)
    staged = lab.sweep(truth.net, *FAST, "--engine", "raw")
    complete(report, "sparse /16, two stages", truth, staged, hosts=0.99, sockets=0.99)
    complete_in_stages(lab, report, "sparse /16, two stages", "sparse", staged)
    ratio(lab, report, "sparse /16, two stages, packets, of flat", staged.sent, middle(flat, "sent"), 0.6, "packets")


def chosen(lab, report):
    """Nobody says which engine: root has packets of its own, and it is said."""
    lab.up("direct")
    truth = lab.truth("dense")
    done = lab.sweep(truth.net, *FAST, "--thorough")
    complete(report, "dense /20, engine chosen by itself", truth, done)
    lines = [line for line in done.err.splitlines() if "packets of our own" in line.lower()]
    report.that(lines, f"the engine is said: {' '.join(lines)[:200]}", done.err[:400])


def onlink(lab, report):
    """A /20 on the own link, where dead addresses fill the kernel's table of neighbours."""
    lab.up("direct")
    truth = lab.truth("onlink")
    ours, peers = in_turns(TURNS, lambda: lab.sweep(truth.net, *FAST, "--engine", "raw", ports="22", device="sv1"),
                           lambda: sweep_peers.arp_scan(lab, truth))
    # The port of SSH is probed in any case: with it alone there is least beside ARP.
    for done in ours:
        complete(report, "on-link /20, by packets, port 22", truth, done, sockets=0.0)
    print(f"arp-scan, tuned: {truth.said(peers[0])}", flush=True)
    ratio(lab, report, "on-link /20, port 22, wall time, of tuned arp-scan", middle(ours, "wall"), middle(peers, "wall"), 1.1)
    whole = lab.sweep(truth.net, *FAST, "--engine", "raw", "--thorough", device="sv1")
    complete(report, "on-link /20, by packets, all ports", truth, whole)
    rows = [row for row in whole.of("machine") if row["all_ips"] != ["10.97.0.1"]]
    report.that(rows and all(row["macs"] not in ("unknown", []) for row in rows),
                f"on-link /20: {len(rows)} machines with their MAC", str(rows[:1])[:300])


def lossy(lab, report):
    """One packet in fifty is lost, each way, 20 ms away."""
    lab.up("delay", 20, 2, 0, 1000)
    truth = lab.truth("dense")
    # What gets lost is chance: the middle of the packets is what counts, and each is to be complete.
    runs = [lab.sweep(truth.net, "--fast", "--rate", 10_000, "--thorough", "--engine", "raw")
            for _ in range(TURNS if lab.full else 1)]
    for done in runs:
        complete(report, "dense /20, 2 % loss each way", truth, done, hosts=0.99, sockets=0.99)
        lost = truth.lost(done)[1]
        goal(lab, report, lost <= len(truth.sockets) * 0.001,
             f"dense /20, 2 % loss each way: {lost} sockets missing (goal 0.1 %)")
        # A sweep that is made twice is none that was unlucky.
        goal(lab, report, done.sent <= 90_000, f"dense /20, 2 % loss each way: {done.sent:,} packets (none over 90,000)")
        lost = [row["probes_lost_percent"] for row in done.of("coverage")]
        report.that(any(isinstance(one, (int, float)) and 0.5 < one < 12 for one in lost),
                    f"dense /20, 2 % loss each way: the loss is said: {lost[:5]} %")
    sent = middle(runs, "sent")
    goal(lab, report, sent <= 80_000, f"dense /20, 2 % loss each way: {sent:,.0f} packets in the middle (goal 80,000)")


def overloaded(lab, report):
    """A router that forwards 20,000 packets a second, and an operator who asks for 100,000."""
    lab.up("delay", 5, 0, 20_000, 1_000)
    truth = lab.truth("dense")
    done = lab.sweep(truth.net, "--fast", "--rate", 100_000, "--thorough", "--engine", "raw")
    complete(report, "dense /20, router at 20,000 a second", truth, done, hosts=0.95, sockets=0.95)
    # The kernel's word that a link runs comes late: these have just been brought up.
    report.that("not connected" not in done.err, "links that were brought up just now are connected", done.err[:400])
    lost = truth.lost(done)[1]
    goal(lab, report, lost <= len(truth.sockets) * 0.01, f"dense /20, router at 20,000 a second: {lost} sockets missing (goal 1 %)")
    goal(lab, report, done.wall <= 6, f"dense /20, router at 20,000 a second: {done.wall:.2f} s (goal 6)")


def rate(lab, report):
    """The rate that is asked for is the rate at the device."""
    lab.up("direct")
    seconds = 60 if lab.full else 8
    for wanted, engine in ((10_000, "raw"), (100_000, "raw"), *(((10_000, "connect"),) if lab.full else ())):
        done = lab.sweep(lab.truth("sparse").net, "--fast", "--rate", wanted, "--thorough", "--engine", engine,
                         until=lambda passed, _: passed >= seconds)
        off = done.rate() / wanted - 1
        goal(lab, report, abs(off) <= 0.01, f"{wanted:,} a second asked for, {engine}: {done.rate():,.0f} at the device, "
                    f"{off:+.2%} (goal within 1 %), {done.sent:,} packets", done.err[-300:])


def bandwidth(lab, report):
    """The bandwidth that is asked for is not exceeded at the device, and is used."""
    lab.up("direct")
    seconds = 30 if lab.full else 6
    bits = 4_000_000
    # A SYN with its frame and check sum: our own, and the system's with more options.
    for engine, size in (("raw", 66), ("connect", 78)):
        done = lab.sweep(lab.truth("sparse").net, "--fast", "--max-bandwidth", "4M", "--thorough", "--engine", engine,
                         until=lambda passed, _: passed >= seconds)
        used = done.rate() * size * 8 / bits
        goal(lab, report, 0.85 <= used <= 1.01, f"4 Mbit/s asked for, {engine}: {done.rate():,.0f} probes a second of {size} "
                    f"bytes at the device, {used:.3f} of it (goal at most 1.01; answers take the rest)", done.err[-300:])


def quiet(lab, report):
    """Nothing moves on the wire, and nobody answers."""
    lab.up("direct", quiet=True)
    empty = lab.root / "empty"
    empty.write_text("", encoding="utf-8")
    live = lab.truth("sparse").hosts
    dead = next(net for net in lab.truth("sparse").net.subnets(new_prefix=28)
                if not any(str(address) in live for address in net))
    for engine in ("raw", "connect"):
        for name, flags, wait in (("--fast", ("--fast",), FAST_WAIT), ("defaults", (), NORMAL_WAIT)):
            done = lab.sweep(dead, *flags, "--engine", engine, seconds=60)
            after = done.after_last()
            report.that(done.code == 0 and not done.hosts and after <= wait + 10,
                        f"a quiet wire, {engine}, {name}: it ends, and finds nobody", done.err[-300:])
            goal(lab, report, after <= wait + 1,
                        f"a quiet wire, nobody there, {engine}, {name}: ends {after:.2f} s after the last packet (goal "
                        f"{wait} + 1), {done.wall:.2f} s in all", f"{done.code} {len(done.hosts)} {done.err[-300:]}")
    done = lab.sweep(dead, "--fast", "--exclude", dead, seconds=20)
    goal(lab, report, done.sent <= 4 and done.wall <= 1.5, f"a sweep of nothing: {done.wall:.2f} s, {done.sent} packets, exit "
                f"code {done.code}", done.err[-300:])


def answers_all(lab, report):
    """A /24 in which every address accepts on every port is one intermediary."""
    lab.up("direct")
    for engine in ("raw", "connect"):
        done = lab.sweep("10.101.0.0/24", *FAST, "--engine", engine, seconds=60)
        rows = done.of("machine")
        states = sorted({row["managed_state"] for row in rows})
        report.that(len(rows) == 1 and states == ["artefact"],
                    f"a /24 that answers everything, {engine}: {len(rows)} machine, {', '.join(states)}, "
                    f"{done.sent:,} packets, {done.wall:.2f} s", f"{str(rows[:2])[:500]} {done.err[-300:]}")


# By connections

def connections(lab, report):
    """The same without any privilege."""
    lab.up("direct")
    truth = lab.truth("sparse")
    ways = [lambda: lab.sweep(truth.net, *FAST, "--thorough", "--engine", "connect"),
            lambda: lab.sweep(truth.net, *FAST, "--engine", "connect")]
    if lab.rustscan:
        ways.append(lambda: sweep_peers.rustscan(lab, truth, lab.rustscan))
    flat, staged, *peers = in_turns(LONG_TURNS if lab.full else 1, *ways)
    for done in flat:
        complete(report, "sparse /16, connections, flat", truth, done)
    for done in staged:
        complete(report, "sparse /16, connections, two stages", truth, done, hosts=0.99, sockets=0.99)
        complete_in_stages(lab, report, "sparse /16, connections, two stages", "sparse", done)
    for theirs in peers:
        print(f"RustScan: {truth.said(theirs[0])}", flush=True)
        ratio(lab, report, "sparse /16, connections, flat, wall time, of RustScan", middle(flat, "wall"),
              middle(theirs, "wall"), 0.65)
        ratio(lab, report, "sparse /16, connections, two stages, wall time, of RustScan", middle(staged, "wall"),
              middle(theirs, "wall"), 0.35)


def dense(lab, report):
    """Where nearly everybody answers, answers must not be lost: in no run."""
    lab.up("direct")
    truth = lab.truth("dense")
    ways = [lambda: lab.sweep(truth.net, *FAST, "--thorough", "--engine", "connect")]
    if lab.rustscan:
        ways.append(lambda: sweep_peers.rustscan(lab, truth, lab.rustscan))
    ours, *peers = in_turns(10 if lab.full else LONG_TURNS, *ways)
    for done in ours:
        complete(report, "dense /20, connections", truth, done)
    for theirs in peers:
        found = [len(truth.sockets) - truth.lost(one)[1] for one in theirs]
        print(f"RustScan found {min(found)} to {max(found)} of {len(truth.sockets)} sockets", flush=True)
        ratio(lab, report, "dense /20, connections, wall time, of RustScan", middle(ours, "wall"), middle(theirs, "wall"), 0.5)


def onlink_connections(lab, report):
    """On the own link, without any privilege: dead neighbours must not push the live ones out."""
    lab.up("direct")
    truth = lab.truth("onlink")
    done = lab.sweep(truth.net, *FAST, "--thorough", "--engine", "connect", device="sv1", seconds=180)
    complete(report, "on-link /20, connections", truth, done, hosts=0.99, sockets=0.99)


# Kindness to what is on the way

class Tracking(threading.Thread):
    """Looks at a router's table of connections while a sweep goes on."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab = lab
        self.most = 0
        self.lost = 0
        self.done = False
        self.start()

    def run(self):
        while not self.done:
            entries, self.lost = self.lab.tracked()
            self.most = max(self.most, entries)
            time.sleep(0.02)


def tracked(lab, report):
    """With defaults no table of 16,384 connections overflows."""
    print(f"no namespace can have a table of {TABLE:,} of its own here: entries are counted instead", flush=True)
    # Half of the network takes half of the time.
    net, size = (None, "/20") if lab.full else ("10.100.0.0/21", "/21")
    for engine in ("raw", "connect") if lab.full else ("raw",):
        # A new router each time: its table is empty.
        lab.down()
        lab.up("ct")
        truth = lab.truth("dense", net)
        watch = Tracking(lab)
        try:
            done = lab.sweep(truth.net, "--engine", engine, seconds=900)
        finally:
            watch.done = True
            watch.join()
        complete(report, f"dense {size}, defaults, {engine}, a router that tracks connections", truth, done)
        report.that(watch.most <= TABLE and not watch.lost,
                    f"dense {size}, defaults, {engine}: at most {watch.most:,} connections tracked (goal {TABLE:,}), "
                    f"{watch.lost} lost, in {done.wall:.0f} s")


# Interruptions

def killed_and_resumed(lab, report, what, flags, longest, kills=5):
    """Ends a sweep at moments that nobody chose, again and again, and goes on with it."""
    truth = lab.truth("sparse")
    is_whole = "--thorough" in flags
    at = moments(kills, 0.3, longest / kills)
    done = lab.sweep(truth.net, *flags, until=lambda passed, _: passed >= at[0], stop=9)
    run, ends = done.run(), [f"{at[0]:.2f}"]
    if not run:
        report.that(False, f"{what}: the name of the run is said", done.err[-400:])
        return
    sent = done.sent
    for moment in [*at[1:], None]:
        if not done.code:
            break
        done = lab.resume(run, until=moment and (lambda passed, _, moment=moment: passed >= moment), stop=9)
        sent += done.sent
        if moment and done.code:
            ends.append(f"{moment:.2f}")
    # Killed between its last packet and its output.
    if done.code and "is finished" in done.err:
        done = lab.export(run)
    what = f"{what}, killed after {', '.join(ends)} s and resumed"
    if is_whole:
        complete(report, what, truth, done)
    else:
        complete_in_stages(lab, report, what, "sparse", done)
    print(f"{sent:,} packets in all parts", flush=True)


def resume(lab, report):
    """kill -9 loses nothing, and what is taken out afterwards is not met any more."""
    lab.up("direct")
    raw = ("--fast", "--rate", "60000", "--thorough", "--engine", "raw")
    connect = (*FAST, "--engine", "connect")
    killed_and_resumed(lab, report, "sparse /16, by packets", raw, 9)
    killed_and_resumed(lab, report, "sparse /16, by connections", connect, 8)
    for _ in range(5 if lab.full else 0):
        killed_and_resumed(lab, report, "sparse /16, by packets", raw, 9, kills=1)
        killed_and_resumed(lab, report, "sparse /16, by connections", connect, 8, kills=1)
    goes_on(lab, report, raw, 60_000)
    exclusions(lab, report, raw)


def goes_on(lab, report, flags, rate):
    """What was done is not done again: no more than the last few seconds before the end."""
    truth = lab.truth("sparse")
    before = lab.sweep(truth.net, *flags, until=lambda passed, _: passed >= 6, stop=9)
    if not before.run():
        report.that(False, "resume: the name of the run is said", before.err[-400:])
        return
    after = lab.resume(before.run())
    whole = (len(list(truth.net)) * (PORTS.count(",") + 2))
    again = max(0, before.sent + after.sent - whole) / rate
    complete(report, "sparse /16, killed once after 6 s and resumed", truth, after)
    report.that(again <= 4, f"sparse /16, killed once after 6 s: {before.sent:,} and {after.sent:,} packets, of {whole:,} "
                f"probes: the last {again:.1f} s are done again (goal 4)")


def exclusions(lab, report, flags):
    """Half of the network is taken out in the middle."""
    truth = lab.truth("sparse")
    out = "10.99.128.0/17"
    arrived = lab.count_to(out)
    done = lab.sweep(truth.net, *flags, until=lambda passed, _: passed >= 3, stop=9)
    run, before = done.run(), arrived()
    if not run:
        report.that(False, "exclusions on resume: the name of the run is said", done.err[-400:])
        return
    done = lab.resume(run, "--exclude", out)
    if "cannot be used with" in done.err:
        raise Skip("this version takes no exclusions on resume")
    after = arrived() - before
    left = lab.truth("sparse", "10.99.0.0/17")
    report.that(before > 0 and after == 0,
                f"exclusions on resume: {before:,} packets to {out} before, {after:,} after", done.err[-400:])
    lost = left.lost(done)
    report.that(lost == (0, 0) and done.code == 0, f"exclusions on resume: of the rest {lost[0]} of {len(left.hosts)} hosts and "
                f"{lost[1]} of {len(left.sockets)} sockets are missing",
                f"exit code {done.code}; {done.err[-400:]}")
    rows = done.of("coverage")
    excluded = sum(row["excluded"] for row in rows)
    report.that(excluded >= 32_000, f"exclusions on resume: coverage says {excluded:,} excluded", json.dumps(rows[:2]))
