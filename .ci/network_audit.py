#!/usr/bin/python3
"""The network of the machine that scans goes in the middle of a run: what happens then, and what `--resume` does.

    network_audit.py --binary PATH

Works in network namespaces of its own: in one of a pair is the program, in the other OpenSSH, at many addresses. Needs
root, iproute2 and openssh-server; without them it says so and checks nothing.

Prints a line for each thing checked, and at the end `N passed, M failed`. Exit status 1 when anything failed.
"""

import argparse
import concurrent.futures
import csv
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HOSTS = 12
# The network is cut when so many were read.
READ = 4
# A network that has gone is waited for two minutes; the rest is for a busy machine.
LONGEST = 300
NEAR, FAR = "10.66.0.1", [f"10.66.0.{last}" for last in range(11, 11 + HOSTS)]


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Pair:
    """Two namespaces with a cable between them, and OpenSSH at its far end."""

    def __init__(self, name, binary, folder):
        self.near, self.far = f"underdesk-near-{name}-{os.getpid()}", f"underdesk-far-{name}-{os.getpid()}"
        self.binary, self.folder = binary, pathlib.Path(folder) / name
        self.log, self.server = self.folder / "sshd.log", None

    def __enter__(self):
        self.folder.mkdir()
        for namespace in (self.near, self.far):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self.near, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", self.far)
        for address in FAR:
            ip("-n", self.far, "address", "add", f"{address}/24", "dev", "far")
        ip("-n", self.far, "link", "set", "far", "up")
        self.plug()
        for key in ("host", "audit"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        shutil.copy(self.folder / "audit.pub", self.folder / "authorized")
        (self.folder / "sshd.conf").write_text(
            f"HostKey {self.folder}/host\nPidFile none\nStrictModes no\nPermitRootLogin prohibit-password\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nUsePAM no\nLogLevel VERBOSE\nMaxStartups 100\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", self.far, "/usr/sbin/sshd", "-D", "-f", self.folder / "sshd.conf", "-E", self.log],
            stdin=subprocess.DEVNULL)
        public = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known_hosts").write_text("".join(f"{address} {public}\n" for address in FAR))
        credentials = self.folder / "credentials.toml"
        credentials.write_text(f"[[credential]]\nid = 'audit'\ntype = 'ssh-key'\nuser = 'root'\nscope = ['10.66.0.0/24']\n"
                               f"key = {{ file = '{self.folder}/audit' }}\n")
        credentials.chmod(0o600)
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.terminate()
            self.server.wait()
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", namespace], check=False)

    def plug(self):
        ip("-n", self.near, "link", "set", "near", "up")
        ip("-n", self.near, "address", "replace", f"{NEAR}/24", "dev", "near")

    def command(self, *words):
        return ["ip", "netns", "exec", self.near, self.binary, "--store", self.folder / "store.db", "--no-input",
                *words]

    def start(self, *words):
        environment = {"HOME": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "USER": "auditor"}
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, cwd=self.folder, env=environment)

    def scan(self):
        return self.start("scan", f"{FAR[0]}-{FAR[-1].rpartition('.')[2]}", "--credentials", "credentials.toml",
                          "--known-hosts", "known_hosts", "--ports", "22", "--hands", "1", "--no-merge", "--out", "out")

    def logins(self):
        return len(re.findall("Accepted publickey", self.log.read_text())) if self.log.exists() else 0

    def until_read(self, count):
        began = time.monotonic()
        while self.logins() <= count:
            if time.monotonic() - began > 60:
                raise RuntimeError("nobody is logged in to")
            time.sleep(0.02)

    def codes(self):
        """The last code of each address."""
        with open(self.folder / "out" / "access.csv", encoding="utf-8-sig", newline="") as file:
            return {row["ip"]: row["result_code"] for row in csv.DictReader(file)}


def ended(process):
    try:
        text, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "it has no end"
    return process.returncode, text


def wrong(**checks):
    return [name for name, holds in checks.items() if not holds]


def comes_back(pair):
    """The cable is out for some seconds."""
    process = pair.scan()
    pair.until_read(READ)
    ip("-n", pair.near, "link", "set", "near", "down")
    time.sleep(8)
    pair.plug()
    code, text = ended(process)
    codes = pair.codes()
    return wrong(ended=code is not None and code != 130, said="the network is back" in text,
                 all_were_read=len(codes) == HOSTS and set(codes.values()) <= {"ok", "ok_partial"},
                 once=pair.logins() <= HOSTS + 1), text


def stays_away(pair, cut, mend, said):
    """The network goes for good, and is there again for the next command."""
    process = pair.scan()
    pair.until_read(READ)
    cut(pair)
    code, text = ended(process)
    before, logins = pair.codes(), pair.logins()
    read = [at for at, code in before.items() if code in ("ok", "ok_partial")]
    found = wrong(exit_130=code == 130, said=said in text and "has no network" in text, kept=len(read) >= READ,
                  the_rest_is_not_called_silent=all(code == "no_network" for at, code in before.items() if at not in read),
                  all_are_told=len(before) == HOSTS)
    mend(pair)
    run = re.search(r"--resume (\S+)", text)
    if not run:
        return [*found, "how_to_go_on"], text
    code, more = ended(pair.start("scan", "--resume", run[1], "--no-merge", "--out", "out"))
    after = pair.codes()
    found += wrong(resumed=code is not None and code != 130,
                   all_were_read=len(after) == HOSTS and set(after.values()) <= {"ok", "ok_partial"},
                   exactly_the_rest=pair.logins() - logins == HOSTS - len(read))
    return found, text + more


def cut_cable(pair):
    ip("-n", pair.near, "link", "set", "near", "down")


def far_end_off(pair):
    ip("-n", pair.far, "link", "set", "far", "down")


def far_end_on(pair):
    ip("-n", pair.far, "link", "set", "far", "up")
    time.sleep(1)


def swallow(pair):
    # As a tunnel whose other end is gone: there is a route, and nothing comes back.
    ip("-n", pair.far, "rule", "add", "priority", "0", "blackhole")


def no_swallowing(pair):
    ip("-n", pair.far, "rule", "delete", "priority", "0", "blackhole")


CASES = {
    "a cable that is out for some seconds": comes_back,
    "a cable that stays out": lambda pair: stays_away(pair, cut_cable, Pair.plug, "no way to"),
    "a switch that is off": lambda pair: stays_away(pair, far_end_off, far_end_on, "is not connected"),
    "a tunnel that swallows everything": lambda pair: stays_away(pair, swallow, no_swallowing, "none answers any more"),
}


def check(number, name, binary, folder):
    try:
        with Pair(str(number), binary, folder) as pair:
            found, text = CASES[name](pair)
    except (RuntimeError, OSError, KeyError, subprocess.SubprocessError) as error:
        found, text = ["it could be tried"], str(error)
    print(f"ok: {name}" if not found else f"FAILED: {name}: not {', '.join(found)}: {text[-1500:]}", flush=True)
    return bool(found)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--binary", required=True)
    asked = words.parse_args()
    if os.geteuid() != 0 or shutil.which("ip") is None or not os.path.exists("/usr/sbin/sshd"):
        print("SKIPPED: networks that go need root, iproute2 and openssh-server")
        return
    binary = pathlib.Path(asked.binary).resolve()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(len(CASES)) as pool:
        tasks = [pool.submit(check, number, name, binary, folder) for number, name in enumerate(CASES)]
        failed = sum(task.result() for task in tasks)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
