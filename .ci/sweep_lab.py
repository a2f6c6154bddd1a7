"""What sweep_audit.py works with: networks in network namespaces of our own, and sweeps of them, measured.

The laboratory is copied to a temporary folder. Its namespaces are named after this process, so that nobody else's are
met, and everything goes away with it: only processes that were started here, or in those namespaces, are ended.
"""

import dataclasses
import ipaddress
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from audit_lab import Skip

PREFIX = "und-"
PORTS = "22,80,135,443,445,3389,5985,5986"
# Who answers on none of these, nor to an echo, is met in one stage only.
FIRST_PORTS = {22, 443, 445, 3389}
GATEWAY = "10.98.0.254"
OWN = "10.98.0.1"
# On its link the scanning machine answers itself; the other end of that link is a machine, too.
ON_LINK_SELF, ON_LINK_PEER = "10.97.0.1", "10.97.0.2"
DEVICES = {"onlink": "sv1"}


@dataclasses.dataclass
class Measured:
    """How a command went, and what it sent. Seconds; megabytes; packets as the device counts them."""

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    peak_mb: float
    sent: int
    received: int
    samples: list  # (moment, packets sent so far), while it ran
    ended: float
    hosts: set = dataclasses.field(default_factory=set)
    sockets: set = dataclasses.field(default_factory=set)
    rows: list = dataclasses.field(default_factory=list)

    def of(self, kind):
        return [row for row in self.rows if row.get("type") == kind]

    def run(self):
        """The name of the run, as it was said."""
        found = re.search(r"\brun (r-\S+)", self.err)
        return found[1] if found else None

    def after_last(self):
        """Seconds from the last packet to the end."""
        last = self.samples[-1][1] if self.samples else 0
        moment = next((moment for moment, count in self.samples if count == last), self.ended)
        return self.ended - moment

    def after(self, count):
        """Seconds from when so many packets were out to the end."""
        return self.ended - next((moment for moment, sent in self.samples if sent >= count), self.ended)

    def rate(self):
        """Packets a second, without the beginning and the end."""
        first, last = self.samples[0][1], self.samples[-1][1]
        low, high = first + (last - first) * 0.1, first + (last - first) * 0.9
        middle = [sample for sample in self.samples if low <= sample[1] <= high]
        if len(middle) < 2:
            return 0.0
        return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])


@dataclasses.dataclass
class Truth:
    """What is there in a network."""

    name: str
    net: ipaddress.IPv4Network
    hosts: set
    sockets: set

    def lost(self, measured):
        """How many hosts and sockets were not found."""
        return len(self.hosts - measured.hosts), len(self.sockets - measured.sockets)

    def false(self, measured):
        """What was found that is not there."""
        return (measured.hosts - self.hosts - {ON_LINK_SELF}) | (measured.sockets - self.sockets)

    def found(self, measured):
        """What was found, in words."""
        hosts, sockets = self.lost(measured)
        return (f"{len(self.hosts) - hosts}/{len(self.hosts)} hosts, "
                f"{len(self.sockets) - sockets}/{len(self.sockets)} sockets, {len(self.false(measured))} false")

    def said(self, measured):
        """All figures of a sweep."""
        return (f"{self.found(measured)}, {measured.sent:,} packets, {measured.wall:.2f} s, {measured.cpu:.2f} s of "
                f"processor, {measured.peak_mb:.0f} MB")


class SweepLab:
    """The networks, in one mode at a time."""

    def __init__(self, binary, source, cache, name=""):
        remove_leftovers()
        self.binary = str(pathlib.Path(binary).resolve())
        self.tag = f"{PREFIX}{os.getpid()}{name}-"
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="underdesk-sweep-"))
        self.folder = self.root / "lab"
        self.cache = pathlib.Path(cache).resolve()
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("target", "pop", "out"))
        subprocess.run(["chmod", "-R", "u+w", str(self.folder)], check=True)
        script = self.folder / "lab.sh"
        script.write_text(script.read_text(encoding="utf-8").replace("swp-", self.tag), encoding="utf-8")
        # More of each check, and where RustScan is.
        self.full, self.rustscan = False, None
        self.mode = None
        self.keepers = {}
        self.started = []
        self.turn = 0
        # Two labs measure at once.
        self.lock = threading.Lock()
        self.gateway_mac = None
        self.supported = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_started()
        self.down()
        shutil.rmtree(self.root, ignore_errors=True)

    # The networks

    def tools(self):
        """Builds what listens and what delays."""
        done = subprocess.run(
            ["cargo", "build", "--release", "--quiet", "--manifest-path", str(self.folder / "tools/Cargo.toml")],
            env=os.environ | {"CARGO_TARGET_DIR": str(self.cache)}, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not (self.cache / "release/labd").is_file():
            raise Skip(f"the laboratory's tools cannot be built: {done.stderr[-300:]}")

    def script(self, *words, **more):
        """Runs the laboratory's own script. What it leaves running keeps its output open: that goes to a file."""
        log = self.root / "lab.log"
        environment = os.environ | {"LABOUT": str(self.root / "pop"), "LABBIN": str(self.cache / "release")} | more
        with open(log, "w", encoding="utf-8") as file:
            done = subprocess.run([str(self.folder / "lab.sh"), *map(str, words)], stdin=subprocess.DEVNULL, stdout=file,
                                  stderr=file, env=environment, timeout=60, check=False)
        return done.returncode == 0, log.read_text(encoding="utf-8", errors="replace")

    def up(self, *mode, quiet=False):
        """Brings the networks up, unless they are."""
        wanted = (*map(str, mode), quiet)
        if self.mode == wanted:
            return
        self.down()
        good, said = self.script("up", *mode, TRICKLE="0" if quiet else "1")
        if not good or "lab up" not in said:
            self.script("down")
            raise Skip(f"the networks do not come up here: {' '.join(said.split())[-300:]}")
        self.mode = wanted
        for name in ("scan", "mid", "tgt"):
            self.keepers[name] = subprocess.Popen(self.inside(name, "sleep", "infinity"), stdin=subprocess.DEVNULL)
        neighbours = json.loads(self.say("scan", "ip", "-j", "neigh", "show", GATEWAY) or "[]")
        self.gateway_mac = next((one["lladdr"] for one in neighbours if "lladdr" in one), None)

    def down(self):
        for keeper in self.keepers.values():
            keeper.kill()
            keeper.wait()
        self.keepers = {}
        if self.mode:
            self.script("down")
        self.mode = None

    def inside(self, name, *words):
        return ["ip", "netns", "exec", self.tag + name, *map(str, words)]

    def say(self, name, *words, text=None):
        """What a command in a namespace prints."""
        done = subprocess.run(self.inside(name, *words), capture_output=True, text=True, input=text, check=False)
        return done.stdout if done.returncode == 0 else ""

    def truth(self, name, net=None, staged=False):
        """What is there in one of the networks, or in a part of it: all of it, or as much as two stages can show."""
        known = json.loads((self.root / "pop/truth.json").read_text(encoding="utf-8"))
        net = ipaddress.ip_network(net or known["nets"][name])
        # Of a part, its own first and last address are not swept: they are the network's and everybody's.
        edges = (net.network_address, net.broadcast_address)
        hosts = {address: host for address, host in known["hosts"].items()
                 if ipaddress.ip_address(address) in net and ipaddress.ip_address(address) not in edges}
        if staged:
            hosts = {address: host for address, host in hosts.items()
                     if host["icmp"] or host["closed"] == "rst" or FIRST_PORTS & set(host["open"])}
        live = set(hosts) | ({ON_LINK_PEER} if name == "onlink" else set())
        return Truth(name, net, live, {(address, port) for address, host in hosts.items() for port in host["open"]})

    # Counting

    def packets(self, device="sv0"):
        """Packets that the scanning machine has sent and received."""
        text = pathlib.Path(f"/proc/{self.keepers['scan'].pid}/net/dev").read_text(encoding="ascii")
        words = next(line for line in text.splitlines() if line.strip().startswith(device + ":")).split(":")[1].split()
        return int(words[9]), int(words[1])

    def tracked(self):
        """Connections that the router between tracks now, and what its table has dropped or turned away."""
        text = pathlib.Path(f"/proc/{self.keepers['mid'].pid}/net/stat/nf_conntrack").read_text(encoding="ascii")
        names, *processors = [line.split() for line in text.splitlines()]
        lines = [dict(zip(names, (int(word, 16) for word in words), strict=False)) for words in processors]
        lost = sum(line.get(name, 0) for line in lines for name in ("drop", "early_drop", "insert_failed"))
        return lines[0]["entries"], lost

    def count_to(self, net):
        """Counts what arrives for these addresses from now on. Returns a function that says how much did."""
        self.say("tgt", "nft", "delete", "table", "netdev", "undcount")
        self.say("tgt", "nft", "-f", "-", text=f"""
table netdev undcount {{
  counter arrived {{ }}
  chain c {{
    type filter hook ingress device "tv0" priority -10; policy accept;
    ip daddr {net} counter name arrived
  }}
}}
""")

        def arrived():
            said = self.say("tgt", "nft", "-j", "list", "counters", "table", "netdev", "undcount")
            counters = [one["counter"] for one in json.loads(said or '{"nftables": []}')["nftables"] if "counter" in one]
            if not counters:
                raise Skip("nft does not count here")
            return counters[0]["packets"]
        arrived()
        return arrived

    # Commands

    def end_started(self):
        """Ends what a check that broke has left."""
        for process in self.started:
            end_group(process)
        self.started = []

    def environment(self):
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "USER": "auditor", "HOME": str(home),
                **{name: str(home / name.lower()) for name in names}}

    def command(self, *words):
        return [self.binary, "--store", str(self.root / "store.db"), "--catalog", str(self.root / "none.db"), "--no-input",
                *map(str, words)]

    def start(self, command, place):
        """Starts a command in the scanning machine; its words go to files in a folder."""
        place.mkdir(exist_ok=True)
        timed = ["/usr/bin/time", "-q", "-o", str(place / "time"), "-f", "%e %U %S %M", *map(str, command)]
        with open(place / "out", "wb") as out, open(place / "err", "wb") as err:
            process = subprocess.Popen(self.inside("scan", *timed), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       env=self.environment(), cwd=self.root, start_new_session=True)
        self.started.append(process)
        return process

    def place(self):
        with self.lock:
            self.turn += 1
            return self.root / f"run-{self.turn}"

    def measure(self, command, device="sv0", seconds=120, until=None, stop=signal.SIGINT):
        """Runs a command to its end, or stops it once `until` holds. A time-out is a failure of the check that
        called."""
        place = self.place()
        sent, received = self.packets(device)
        samples = [(time.monotonic(), 0)]
        process = self.start(command, place)
        began = time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            count = self.packets(device)[0] - sent
            samples.append((now, count))
            if until and until(now - began, count):
                stop_child(process, stop)
                until = None
            if now - began > seconds:
                end_group(process)
                raise subprocess.TimeoutExpired(command, seconds, output=(place / "out").read_bytes()[-500:],
                                                stderr=(place / "err").read_bytes()[-500:])
            time.sleep(0.005)
        ended = time.monotonic()
        self.started.remove(process)
        now = self.packets(device)
        samples.append((ended, now[0] - sent))
        words = (place / "time").read_text(encoding="ascii").splitlines()
        wall, user, system, peak = (float(word) for word in words[-1].split()) if words else (ended - began, 0, 0, 0)
        return Measured(process.returncode, (place / "out").read_text(encoding="utf-8", errors="replace"),
                        (place / "err").read_text(encoding="utf-8", errors="replace"), wall, user + system, peak / 1024,
                        now[0] - sent, now[1] - received, samples, ended)

    def sweep(self, target, *flags, device="sv0", ports=PORTS, **more):
        """Runs a sweep of ours and reads what it found."""
        words = ["sweep", target, "-p", ports, "--yes", "--no-dns", *self.only_ports(), "--no-merge", "--format", "jsonl",
                 "-o", "-", *flags]
        return self.read(self.measure(self.command(*words), device, **more))

    def resume(self, run, *flags, **more):
        """Goes on with a sweep that ended early."""
        words = ["sweep", "--resume", run, "--no-merge", "--format", "jsonl", "-o", "-", *flags]
        return self.read(self.measure(self.command(*words), **more))

    def export(self, run):
        """What a sweep found that ended before it could say so."""
        return self.read(self.measure(self.command("export", run, "--no-merge", "--format", "jsonl", "-o", "-")))

    def only_ports(self):
        """The flag by which nobody is asked who he is, in versions that have it."""
        if self.supported is None:
            done = subprocess.run([self.binary, "sweep", "--help"], capture_output=True, text=True, check=False)
            self.supported = done.stdout
        return ["--no-identify"] if "--no-identify" in self.supported else []

    @staticmethod
    def read(measured):
        """Takes the rows of a sweep. A machine that is said to be none is not a host."""
        for line in measured.out.splitlines():
            measured.rows.append(json.loads(line))
        false = set()
        for row in measured.of("machine"):
            (false if row["managed_state"] == "artefact" else measured.hosts).update(row["all_ips"])
        for row in measured.of("service"):
            if row["state"] == "open" and row["seen_by"] == "scan" and row["ip"] not in false:
                measured.sockets.add((row["ip"], row["port"]))
        return measured


def stop_child(process, how):
    """Ends the command below `time`, so that it is still measured."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    for child in children:
        try:
            os.kill(int(child), how)
        except ProcessLookupError:
            pass


def end_group(process):
    """Ends a process that was started here, with its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def remove_leftovers():
    """Namespaces of an audit that was killed, and what still runs in them."""
    named = pathlib.Path("/run/netns")
    for path in named.iterdir() if named.is_dir() else ():
        owner = re.match(rf"{PREFIX}(\d+)[a-z]*-(scan|mid|tgt)$", path.name)
        if not owner or pathlib.Path(f"/proc/{owner[1]}").exists():
            continue
        inside = subprocess.run(["ip", "netns", "pids", path.name], capture_output=True, text=True, check=False)
        for pid in inside.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", path.name], capture_output=True, check=False)


def moments(count, low, high):
    """Moments that nobody chose."""
    return [random.uniform(low, high) for _ in range(count)]
