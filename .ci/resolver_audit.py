#!/usr/bin/python3
"""Names of targets where the resolver lies, hangs or says too much: each sweep ends soon, and says what it did with
each name.

    resolver_audit.py --binary PATH

Works in a network namespace of its own with nothing but loopback, with a name server that is this program. Needs
root and iproute2; without them it says so and checks nothing.

Prints a line for each thing checked, and at the end `N passed, M failed`. Exit status 1 when anything failed.
"""

import argparse
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

NAMES = [f"host{number}.example" for number in range(1, 13)]
# A lookup is waited for 15 seconds, and three in a row are enough; the rest is for a busy machine.
LONGEST = 90


def question(message):
    """What is asked: the bytes of the question, and its type."""
    end = message.index(b"\0", 12) + 5
    return message[12:end], struct.unpack("!H", message[end - 4:end - 2])[0]


def answer(message, code=0, records=(), flags=0x8180):
    asked, _ = question(message)
    head = message[:2] + struct.pack("!HHHHH", flags | code, 1, len(records), 0, 0)
    return head + asked + b"".join(records)


def address(place, ttl=60):
    return b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, ttl, 4) + bytes(place)


def silent(_message, _is_stream):
    return []


def refuses(message, _is_stream):
    return [answer(message, code=5)]


def no_such_name(message, is_stream):
    # Half a million bytes of it, over TCP since it does not fit.
    if not is_stream:
        return [answer(message, flags=0x8380, code=3)]
    record = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, 60_000) + b"x" * 60_000
    return [answer(message, code=3, records=[record])] * 8


def rubbish(message, _is_stream):
    return [message[:2] + b"\xff" * 400, b"", b"\0" * 11, answer(message)[:20]]


def another_question(message, _is_stream):
    return [answer(message.replace(b"\x07example", b"\x07another"), records=[address((127, 0, 0, 1))])]


def pointer_to_itself(message, _is_stream):
    return [message[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + b"\xc0\x0c\x00\x01\x00\x01" + b"\xc0\x12" * 40]


def everything(message, is_stream):
    _, kind = question(message)
    if kind != 1:
        return [answer(message)]
    if not is_stream:
        return [answer(message, flags=0x8380)]
    places = [address((127, 9, high, low)) for high in range(16) for low in range(1, 251)]
    return [answer(message, records=places)]


# What a server does, how a sweep of the names ends, and what has to be said of them.
MANNERS = {
    "says nothing": (silent, 3, "host12.example is left out: not asked"),
    "refuses": (refuses, 3, "host12.example is left out"),
    "knows no name, at length": (no_such_name, 3, "host12.example is left out"),
    "talks rubbish": (rubbish, 3, "host12.example is left out"),
    "answers another question": (another_question, 3, "host12.example is left out"),
    "points to itself": (pointer_to_itself, 3, "host12.example is left out"),
    "has thousands of addresses for each name": (everything, 0, "64 in scope"),
}


def serve(manner):
    """A name server with these manners, for ever."""
    ours = MANNERS[manner][0]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 53))
    tcp = socket.create_server(("127.0.0.1", 53))
    # Somebody to be logged in to by way of a jump host.
    behind = socket.create_server(("127.9.0.2", 22))

    def stream(peer):
        with peer:
            while head := peer.recv(2):
                message = peer.recv(struct.unpack("!H", head)[0])
                for reply in ours(message, True):
                    peer.sendall(struct.pack("!H", len(reply) & 0xffff) + reply)

    def streams():
        while True:
            threading.Thread(target=stream, args=(tcp.accept()[0],), daemon=True).start()

    threading.Thread(target=streams, daemon=True).start()
    threading.Thread(target=lambda: [behind.accept()[0].close() for _ in iter(int, 1)], daemon=True).start()
    print("ready", flush=True)
    while True:
        message, peer = udp.recvfrom(4096)
        for reply in ours(message, False):
            udp.sendto(reply, peer)


def through_a_jump_host(binary, inside, folder):
    """A scan by way of a jump host whose name nobody resolves; what is wrong with how it ends."""
    key = folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    credentials = folder / "credentials.toml"
    entry = "[[credential]]\nid = '{}'\ntype = 'ssh-key'\nuser = 'audit'\nkey = {{ file = '{}' }}\nscope = ['{}/24']\n{}"
    credentials.write_text("[[jump]]\nid = 'gate'\nhost = 'bastion.example:22'\ncredential = 'bastion'\n"
                           + entry.format("bastion", key, "127.9.1.0", "")
                           + entry.format("behind", key, "127.9.0.0", "jump = 'gate'\n"))
    credentials.chmod(0o600)
    done = subprocess.run(
        [*inside, binary, "--no-input", "scan", "127.9.0.2", "--credentials", credentials, "--ports", "22", "--out",
         folder / "jump", "--no-identify"], capture_output=True, text=True, check=False, timeout=LONGEST, cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "USER": "auditor"})
    text = done.stdout + done.stderr
    table = folder / "jump" / "access.csv"
    rows = table.read_text(encoding="utf-8-sig") if table.exists() else ""
    if "the jump host gate was not passed: its name is not known" in rows and "panicked" not in text:
        return ""
    return f"exit {done.returncode}: {text[-600:]} {rows}"


def audit(binary, namespace, folder):
    failed = 0
    inside = ["ip", "netns", "exec", namespace]
    sweep = [*inside, binary, "sweep", *NAMES, "127.9.0.1", "--ports", "9", "--out", folder / "out", "--rate", "max",
             "--no-identify", "--yes"]
    for manner, (_, code, said) in MANNERS.items():
        server = subprocess.Popen([*inside, sys.executable, __file__, "--serve", manner], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        server.stdout.readline()
        began = time.monotonic()
        try:
            done = subprocess.run(sweep, capture_output=True, text=True, check=False, timeout=LONGEST, cwd=folder,
                                  env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "USER": "auditor"})
            took, text = time.monotonic() - began, done.stdout + done.stderr
            fine = done.returncode == code and said in text and "panicked" not in text
            why = f"exit {done.returncode}: {text[-600:]}"
        except subprocess.TimeoutExpired:
            took, fine, why = LONGEST, False, "it has no end"
        if manner == "says nothing":
            began = time.monotonic()
            try:
                jump = through_a_jump_host(binary, inside, folder)
            except subprocess.TimeoutExpired:
                jump = "it has no end"
            failed += bool(jump)
            print(f"{'FAILED' if jump else 'ok'}: a jump host by a resolver that {manner} ({time.monotonic() - began:.0f} s)"
                  + (f": {jump}" if jump else ""), flush=True)
        server.kill()
        server.wait()
        failed += not fine
        print(f"{'ok' if fine else 'FAILED'}: a resolver that {manner} ({took:.0f} s)" + ("" if fine else f": {why}"), flush=True)
    print(f"{len(MANNERS) + 1 - failed} passed, {failed} failed")
    return failed


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--binary")
    words.add_argument("--serve")
    asked = words.parse_args()
    if asked.serve:
        serve(asked.serve)
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("SKIPPED: bad resolvers need root and iproute2")
        return
    binary = pathlib.Path(asked.binary).resolve()
    namespace = f"underdesk-dns-{os.getpid()}"
    # `ip netns exec` puts this in the place of /etc/resolv.conf.
    own = pathlib.Path("/etc/netns") / namespace
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["ip", "netns", "add", namespace], check=True)
            subprocess.run(["ip", "-n", namespace, "link", "set", "lo", "up"], check=True)
            own.mkdir(parents=True)
            (own / "resolv.conf").write_text("nameserver 127.0.0.1\n")
            (own / "nsswitch.conf").write_text("hosts: dns\n")
            failed = audit(binary, namespace, pathlib.Path(folder))
        finally:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
            shutil.rmtree(own, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
