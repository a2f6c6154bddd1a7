#!/usr/bin/python3
"""Small files that unpack to gigabytes, and peers that never end: each ends soon, says why, and takes no more memory than
SECURITY.md has it.

    bombs_audit.py --binary PATH [--only WORD]

The files are made here, some MB each, and thrown away. What is measured is the largest resident set of the program
(wait4(2)). Needs nothing but Python; the peers are on loopback.

Prints a line for each thing checked, with its memory and time, and at the end `N passed, M failed`. Exit status 1 when
anything failed.
"""

import argparse
import bz2
import gzip
import io
import lzma
import os
import pathlib
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib

MIB = 1 << 20
# As a file it would be 4 GiB; less than what a zip can say without being of another kind.
UNPACKED = (4 << 30) - MIB
# What reading a feed, a list of machines, and meeting a host may take. SECURITY.md says so.
FEED, LIST, PEER = 256, 5120, 128
# And a sweep of a /16 whose every address answers, with its files.
WIDE = 256
# Nothing here takes long by itself; the machine may be busy.
LONGEST = 240

RECORD = ('{"schema_version":"1.4.0","id":"DEBIAN-CVE-2024-1","modified":"2024-01-01T00:00:00Z","published":'
          '"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":'
          '"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.11-1~deb12u2"}]}]}]}\n').encode()
LONG_TEXT = b'{"schema_version":"1.4.0","id":"DEBIAN-CVE-2024-1","modified":"2024-01-01T00:00:00Z","details":"'


def pieces(head, filler, size):
    """What is packed: a head, and how often a piece comes after it."""
    piece = filler * (MIB // len(filler))
    return head, piece, size // len(piece)


# Each of these formats may be a row of streams, one after the other: the piece is packed once.

def streams(pack, head, piece, times):
    packed = pack(piece)
    return (pack(head) if head else b"") + packed * times


def as_gz(*what):
    return streams(lambda data: gzip.compress(data, 9, mtime=0), *what)


def as_bz2(*what):
    return streams(bz2.compress, *what)


def as_xz(*what):
    return streams(lambda data: lzma.compress(data, preset=1), *what)


def as_zst(*what):
    return streams(lambda data: subprocess.run(["zstd", "-q", "-19", "-c"], input=data, stdout=subprocess.PIPE,
                                               check=True).stdout, *what)


def as_zip(*what, name="a.json", others=(), told=None):
    """A zip whose member tells its size, or another. Deflate goes on after a full flush as if nothing had been before."""
    head, piece, times = what
    told = told or len(head) + len(piece) * times
    crc = zlib.crc32(head)
    # What is not read to its end need not be right.
    for _ in range(times if told < 512 * MIB else 0):
        crc = zlib.crc32(piece, crc)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    again = zlib.compressobj(9, zlib.DEFLATED, -15)
    middle = again.compress(piece) + again.flush(zlib.Z_FULL_FLUSH)
    body = start + middle * times + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for other, text in others:
            archive.writestr(other, text)
        archive.writestr(name, body)
    data = bytearray(file.getvalue())
    # Stored becomes deflated, in the member's own header and in the directory.
    for magic, method, check, size in ((b"PK\x03\x04", 8, 14, 22), (b"PK\x01\x02", 10, 16, 24)):
        at = data.rindex(magic)
        struct.pack_into("<H", data, at + method, 8)
        struct.pack_into("<I", data, at + check, crc)
        struct.pack_into("<I", data, at + size, told)
    return bytes(data)


def workbook(name, *what):
    """A workbook one member of which is a bomb."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{office}/officeDocument"'
                       f' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/>'
                           f'</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type='
                                      f'"{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type='
                                      f'"{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>'
                                    f'</worksheet>',
    }
    members.pop(name, None)
    return as_zip(*what, name=name, others=members.items())


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
STRINGS = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
NMAP = b'<?xml version="1.0"?><nmaprun scanner="nmap">'
OVAL = b'<?xml version="1.0"?><oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"><definitions>'


def plain(head, piece, times):
    yield head
    for _ in range(times):
        yield piece


def feeds():
    """Files for `catalog import`: name, bytes, what has to be said."""
    text = pieces(LONG_TEXT, b"a", UNPACKED)
    records = pieces(b"", RECORD, UNPACKED)
    for kind, pack in (("gz", as_gz), ("bz2", as_bz2), ("xz", as_xz), ("zst", as_zst), ("zip", as_zip)):
        if kind == "zst" and shutil.which("zstd") is None:
            print("SKIPPED: no zstd: its bombs are not made")
            continue
        yield f"one text of 4 GiB.json.{kind}", pack(*text), "more than"
        yield f"16 million records.json.{kind}", pack(*records), "more than 536870912 bytes"
    deep = pieces(LONG_TEXT[:-1].replace(b'"details":', b'"affected":'), b"[", UNPACKED)
    yield "arrays in arrays.json.gz", as_gz(*deep), ""
    yield "objects in objects.json.gz", as_gz(*pieces(LONG_TEXT[:-1], b'{"a":', UNPACKED)), ""
    yield "elements in elements.xml.gz", as_gz(*pieces(OVAL, b"<definition>", UNPACKED)), ""
    yield "one element's attributes.xml.gz", as_gz(*pieces(OVAL + b"<definition ", b'a="b" ', UNPACKED)), ""
    yield "a size that is a lie.json.zip", as_zip(*text, told=1000), "declared uncompressed size"
    yield "gz in gz in gz.gz", gzip.compress(gzip.compress(as_gz(*text))), "more than"


def lists():
    """Files for `--known`."""
    yield "a sheet of 4 GiB.xlsx", workbook("xl/worksheets/sheet1.xml", *pieces(SHEET, b"<row/>", UNPACKED)), "more than"
    yield "a text of 4 GiB.xlsx", workbook("xl/sharedStrings.xml", *pieces(STRINGS + b"<si><t>", b"a", UNPACKED)), "more than"
    # All that the limits let pass.
    most = 250 * MIB
    yield "many strings.xlsx", workbook("xl/sharedStrings.xml", *pieces(STRINGS, b"<si><t/></si>", most)), ""
    yield "many cells.xlsx", workbook("xl/worksheets/sheet1.xml", *pieces(SHEET, b"<row><c><v>1</v></c></row>", most)), ""
    yield "many numbers.json", [*plain(*pieces(b"[0", b",0", 60 * MIB)), b"]"], ""
    yield "many machines.json", [*plain(*pieces(b'[{"name":"a"}', b',{"name":"a"}', 60 * MIB)), b"]"], ""
    yield "arrays in arrays.json", plain(*pieces(b'[{"name":', b"[", 60 * MIB)), ""
    yield "elements in elements.xml", plain(*pieces(NMAP, b"<host>", 200 * MIB)), ""
    yield "one endless element.xml", plain(*pieces(NMAP + b'<host a="', b"a", 200 * MIB)), ""
    yield "one endless line.csv", plain(*pieces(b"name,ip\n", b"a", 250 * MIB)), ""
    yield "many columns.csv", plain(*pieces(b"name,ip\n", b",", 250 * MIB)), "columns"
    yield "many machines.csv", plain(*pieces(b"name,ip\n", b"a,10.0.0.1\n", 250 * MIB)), ""
    yield "many anchors.yml", plain(*pieces(b"all: &a\n  hosts:\n", b"    h: *a\n", 80 * MIB)), ""


# Between this program and the measured one, for the memory of whoever starts a program counts as that program's.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss, file=open(sys.argv[1], "w"))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


def measured(command, folder):
    """How it ended, what it said, its largest resident set in MiB, and how long it took."""
    began, peak = time.monotonic(), folder / "peak"
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "USER": "auditor", "SECRET": "not-so-secret"}
    # Large enough for what a limit misses; the machine must not suffer for it.
    shell = 'ulimit -v 12000000; exec "$@"'
    words = ["sh", "-c", shell, "sh", "timeout", str(LONGEST), sys.executable, "-I", "-S", "-c", MEASURE, peak,
             *map(str, command)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
                          env=environment, check=False)
    memory = int(peak.read_text()) / 1024 if peak.exists() else float("inf")
    peak.unlink(missing_ok=True)
    return done.returncode, done.stdout.decode(errors="replace"), memory, time.monotonic() - began


class Endless(threading.Thread):
    """A server whose answers never end. Some speak first, some are asked; where it wants a login, only the answers to those
    who have one never end."""

    def __init__(self, place, head, body, *, tls=None, refusal=b"", speaks_first=False):
        super().__init__(daemon=True)
        self.head, self.body, self.server = head, body, socket.create_server((place, 0))
        self.port, self.tls, self.refusal, self.speaks_first = self.server.getsockname()[1], tls, refusal, speaks_first
        # Whether what never ends was begun for somebody. Who goes at once may not take a whole piece of it.
        self.is_begun = False

    def run(self):
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        try:
            peer.settimeout(30)
            with self.tls.wrap_socket(peer, server_side=True) if self.tls else peer as channel:
                if not (is_waiting(channel) if self.speaks_first else self.is_asked(channel)):
                    return
                self.is_begun = True
                channel.sendall(self.head)
                while True:
                    channel.sendall(self.body)
        except OSError:
            return

    def is_asked(self, channel):
        """Whether somebody asks who has a login, where one is wanted."""
        asked = channel.recv(65536)
        while asked and self.refusal and b"authorization: basic" not in asked.lower():
            channel.sendall(self.refusal)
            asked = channel.recv(65536)
        return bool(asked)


def is_waiting(peer):
    """Whether a peer is there for an answer: whoever only knocks has gone after a moment."""
    heard, _, _ = select.select([peer], [], [], 0.3)
    return not heard or bool(peer.recv(1, socket.MSG_PEEK))


HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
PEERS = {
    "a body without an end": (HTTP + b"\r\n<title>", b"a" * 65536),
    "a chunked body without an end": (HTTP + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"a" * 65536 + b"\r\n"),
    "a packed body without an end": (HTTP + b"Content-Encoding: gzip\r\n\r\n", as_gz(b"", b"a" * MIB, 64)),
    "headers without an end": (HTTP, b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1000),
    "a status without an end": (b"HTTP/1.1 200 ", b"a" * 65536),
}

REFUSAL = b'HTTP/1.1 401 \r\nWWW-Authenticate: Basic realm="WSMAN"\r\nContent-Length: 0\r\n\r\n'
SOAP = b"Content-Type: application/soap+xml;charset=UTF-8\r\n"
OPEN = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
LONG = b"Content-Length: 999999999999\r\n\r\n"
# Of WinRM: whether a login comes first, and what is answered then.
MANAGED = {
    "a refusal without an end": (False, REFUSAL.replace(b"Content-Length: 0\r\n\r\n", LONG), b"a" * 65536),
    "schemes without an end": (False, b"HTTP/1.1 401 \r\n", b"WWW-Authenticate: Negotiate\r\n" * 1000),
    "an answer without an end": (True, b"HTTP/1.1 200 \r\n" + SOAP + LONG + OPEN + b"<s:Body>", b"a" * 65536),
    "elements without an end": (True, b"HTTP/1.1 200 \r\n" + SOAP + LONG + OPEN, b"<a>" * 20000),
    "chunks without an end": (True, b"HTTP/1.1 200 \r\n" + SOAP + b"Transfer-Encoding: chunked\r\n\r\n",
                              b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "a fault without an end": (True, b"HTTP/1.1 500 \r\n" + SOAP + LONG + OPEN + b"<s:Body><s:Fault>",
                              b"<s:Text>a</s:Text>" * 4000),
}
# Of SSH, before anybody is known.
SHELLS = {
    "lines before the version without an end": (b"", b"Welcome.\r\n" * 5000),
    "a version without an end": (b"SSH-2.0-", b"a" * 65536),
    "a packet that is longer than it says": (b"SSH-2.0-a\r\n" + struct.pack(">IBB", 0x7fffffff, 4, 20), b"\0" * 65536),
    "ignored packets without an end": (b"SSH-2.0-a\r\n", (struct.pack(">IBBI", 28, 4, 2, 18) + b"a" * 18 + b"\0" * 4) * 2000),
}
CREDENTIALS = """
[[credential]]
id = "windows"
type = "winrm"
user = 'audit'
password = { env = "SECRET" }
basic = true
scope = ["127.9.4.0/24"]

[[credential]]
id = "linux"
type = "ssh-password"
user = "audit"
password = { env = "SECRET" }
scope = ["127.9.5.0/24"]
"""


def identity(folder):
    """A certificate for every host of ours, and the authority that vouches for it."""
    authority, key, certificate = (folder / name for name in ("authority.pem", "key.pem", "certificate.pem"))
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ",".join(f"IP:127.9.4.{last}" for last in range(1, len(MANAGED) + 1))
    for words in ([*made, "-subj", "/CN=authority", "-keyout", folder / "authority.key", "-out", authority],
                  [*made, "-subj", "/CN=endless", "-keyout", key, "-out", certificate, "-CA", authority, "-CAkey",
                   folder / "authority.key", "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                   f"subjectAltName={names}"]):
        subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, authority


def peers(folder):
    """Servers, how each is asked, and what is said of it."""
    for last, (name, (head, body)) in enumerate(PEERS.items(), 1):
        address = f"127.9.3.{last}"
        peer = Endless(address, head, body)
        yield f"a web server: {name}", peer, ["sweep", address, "--http-port", peer.port, "--ports", peer.port], ""
    (folder / "credentials.toml").write_text(CREDENTIALS, encoding="ascii")
    # A file with secrets in it may be read by its owner alone.
    (folder / "credentials.toml").chmod(0o600)
    login = ["--credentials", folder / "credentials.toml"]
    for last, (name, (head, body)) in enumerate(SHELLS.items(), 1):
        address = f"127.9.5.{last}"
        peer = Endless(address, head, body, speaks_first=True)
        yield f"SSH: {name}", peer, ["scan", address, "--ssh-port", peer.port, "--ports", peer.port, *login], ""
    if shutil.which("openssl") is None:
        print("SKIPPED: no openssl: no WinRM without an end")
        return
    context, authority = identity(folder)
    for last, (name, (is_later, head, body)) in enumerate(MANAGED.items(), 1):
        address = f"127.9.4.{last}"
        peer = Endless(address, head, body, tls=context, refusal=REFUSAL if is_later else b"")
        ports = ["--winrm-tls-port", peer.port, "--ports", peer.port, "--tls-ca", authority]
        yield f"WinRM: {name}", peer, ["scan", address, *ports, *login], ""


def everybody():
    """A sweep in which each of 65,534 addresses answers: all of 127/8 refuses on a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return ["sweep", "127.164.0.0/16", "--ports", port, "--engine", "connect", "--thorough", "--fast", "--rate", "max",
            "--no-dns"]


def judge(name, bound, said, done):
    code, text, memory, took = done
    tail = text[-600:]
    wrong = []
    if code >= 124 or "panicked" in text:
        wrong.append(f"ended by a fault ({code})")
    if memory > bound:
        wrong.append(f"more than {bound} MiB")
    if said and said not in text:
        wrong.append(f"does not say {said!r}")
    if not text.strip():
        wrong.append("says nothing")
    word = "ok" if not wrong else "FAILED"
    print(f"{word}: {name}: {memory:.0f} MiB, {took:.1f} s, exit {code}" + (f": {', '.join(wrong)}: {tail}" if wrong else ""),
          flush=True)
    return bool(wrong)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--binary", required=True)
    words.add_argument("--only", default="")
    asked = words.parse_args()
    binary, results = pathlib.Path(asked.binary).resolve(), []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        kept = [binary, "--store", folder / "store.db"]
        for made, bound, command in ((feeds, FEED, ["catalog", "import"]), (lists, LIST, ["match", "--known"])):
            for name, data, said in made():
                if asked.only not in name:
                    continue
                path = folder / name.replace(" ", "-")
                with path.open("wb") as file:
                    file.writelines([data] if isinstance(data, bytes) else data)
                size = path.stat().st_size / MIB
                file = path if command[0] == "catalog" else f"LIST={path}"
                done = measured([*kept, *command, file], folder)
                results.append(judge(f"{' '.join(command)} of {name} ({size:.1f} MiB)", bound, said, done))
                path.unlink()
        for name, peer, command, said in peers(folder):
            if asked.only not in name:
                continue
            peer.start()
            # An account that two hosts did not let in is kept from a third: each has a store of its own.
            (folder / "store.db").unlink(missing_ok=True)
            done = measured([*kept, *command, "--out", folder / "out", "--yes", "--timeout", "10"], folder)
            results.append(judge(f"{command[0]} of {name}", PEER, said, done))
            if not peer.is_begun:
                print(f"FAILED: {name}: nobody asked for what never ends: {done[1][-600:]}")
                results[-1] = True
            peer.server.close()
        name = "a /16 of refusals"
        if asked.only in name:
            (folder / "store.db").unlink(missing_ok=True)
            done = measured([*kept, *everybody(), "--out", folder / "wide", "--yes"], folder)
            results.append(judge(f"sweep of {name}", WIDE, "65,534 answered", done))
    failed = sum(results)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
