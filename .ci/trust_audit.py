#!/usr/bin/env python3
"""Trust against the authority: real OpenSSH servers, ssh-keyscan and ssh-keygen.

    trust_audit.py --binary PATH [--only NAME]...

Runs as root on a Debian machine with openssh-server. It makes its own accounts (ud-*), keys and servers in a
temporary folder and in a network namespace with nothing but loopback, and takes them away again.

Prints a line for each thing checked, and at the end `N passed, M failed, K skipped`. Exit status 1 when
anything failed, 2 when it cannot run at all.
"""

import argparse
import csv
import io
import pathlib
import shutil
import signal
import subprocess
import sys
import traceback

import audit
import audit_lab
from audit_lab import quoted, rows

WORD = "trust-Word-1"
# Each server by its name: where it listens, its kinds of keys, and what else its configuration says.
SERVERS = {
    "all": (["127.0.1.1:22"], ("ed25519", "ecdsa", "rsa"), ()),
    "rsa-only": (["127.0.1.2:22"], ("rsa",), ()),
    "p384": (["127.0.1.3:2222"], ("ecdsa-384",), ()),
    "p521": (["127.0.1.4:22"], ("ecdsa-521", "ed25519"), ()),
    "weak": (["127.0.1.5:22"], ("rsa-1024",), ()),
    "cloned": (["127.0.1.6:22", "127.0.1.7:22"], ("ed25519",), ()),
    "old": (["127.0.1.8:22"], ("rsa",), (
        "HostKeyAlgorithms ssh-rsa", "KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes256-cbc",
        "MACs hmac-sha1")),
}
TARGETS = ("127.0.1.0/28", "--ssh-port", "22,2222", "--known-hosts", "/dev/null")


def host_key(lab, name, kind):
    """A host key of a kind, where the lab's servers look for theirs."""
    path = lab.root / "secret" / name
    kind, _, bits = kind.partition("-")
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command + (["-b", bits] if bits else []), check=True, capture_output=True)
    return path


def serve(lab, name, listen, kinds, options=()):
    first, *others = kinds
    host_key(lab, f"host-{name}", first)
    more = [f"HostKey {host_key(lab, f'host-{name}-{kind}', kind)}" for kind in others]
    return lab.server(name, listen, (*more, "PasswordAuthentication yes", *options))


def fingerprint(public_key):
    """What ssh-keygen says."""
    done = subprocess.run(["ssh-keygen", "-lf", "-"], input=public_key + "\n", text=True, capture_output=True,
                          check=True)
    return done.stdout.split()[1]


def keyscan(listen):
    """(address, port, kind, fingerprint) of every key that ssh-keyscan and ssh-keygen find."""
    found = set()
    for place in listen:
        host, port = place.rsplit(":", 1)
        done = subprocess.run(["ssh-keyscan", "-p", port, "-t", "ed25519,ecdsa,rsa", host], capture_output=True,
                              text=True, check=False)
        for line in done.stdout.splitlines():
            if line and not line.startswith("#"):
                _, kind, key = line.split()
                found.add((host, port, kind, fingerprint(f"{kind} {key}")))
    return found


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def logins(server):
    """The log's lines on anybody who named an account."""
    return [line for line in server.text().splitlines() if "userauth-request" in line]


def scan(lab, report):
    """What trust scan lists is what OpenSSH's own tools find."""
    servers = [serve(lab, name, *how) for name, how in SERVERS.items()]
    review = lab.root / "operator/review.csv"
    done = lab.run("scan", "trust", "scan", *TARGETS, "-o", review)
    report.that(done.code == 0, "trust scan ends with 0", f"{done.code} {done.err}")
    found = read(review)
    ours = {(row["ip"], row["port"], row["algorithm"], row["fingerprint"]) for row in found}
    theirs = set().union(*(keyscan(server.listen) for server in servers if server.name != "old"))
    # An OpenSSH of today does not speak to the old one by itself.
    old = {(host, "22", "ssh-rsa", fingerprint(server.public_key())) for server in servers
           if server.name == "old" for host in ("127.0.1.8",)}
    report.that(ours == theirs | old,
                f"{len(theirs)} keys of {len(servers) - 1} servers have the fingerprints of ssh-keyscan and ssh-keygen, "
                "and an old one's is seen", f"only ours {ours - theirs - old}; only theirs {(theirs | old) - ours}; {done.err}")
    wrong = [row["ip"] for row in found if fingerprint(row["public_key"]) != row["fingerprint"]]
    report.that(found and not wrong, f"ssh-keygen -lf agrees with each of {len(found)} public_key cells", wrong)
    weak = {row["ip"]: row["note"] for row in found if "weak" in row["note"]}
    report.that(list(weak) == ["127.0.1.5"] and "RSA 1024" in weak["127.0.1.5"], "a short RSA key is called weak", weak)
    same = {row["ip"]: row["same_key_elsewhere"] for row in found if row["same_key_elsewhere"]}
    report.that(same == {"127.0.1.6": "127.0.1.7", "127.0.1.7": "127.0.1.6"}, "one key at two addresses is shown", same)
    named = [line for server in servers for line in logins(server)]
    report.that(not named, "no server was named an account", named[:3])
    banners = {row["banner"] for row in found}
    report.that(all(banner.startswith("SSH-2.0-OpenSSH_") for banner in banners), "the banner of each is told", banners)
    for server in servers:
        server.stop()


def authority(lab, report):
    """A host whose key an authority has signed needs no tick; one that shows the bare key of another does."""
    authority = host_key(lab, "authority", "ed25519")
    signed = host_key(lab, "host-certified", "ed25519")
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "certified", "-h", "-n", "127.0.4.1",
                    f"{signed}.pub"], check=True, capture_output=True)
    servers = [lab.server("certified", ["127.0.4.1:22"], (f"HostCertificate {signed}-cert.pub",)),
               serve(lab, "bare", ["127.0.4.2:22"], ("ed25519",))]
    known = lab.root / "operator/known-authority"
    known.write_text("@cert-authority * " + authority.with_suffix(".pub").read_text(), encoding="utf-8")
    path = lab.root / "operator/authority.csv"
    done = lab.run("authority", "trust", "scan", "127.0.4.1-2", "--known-hosts", known, "-o", path)
    found = {row["ip"]: row["status"] for row in read(path)}
    report.that(found == {"127.0.4.1": "ca", "127.0.4.2": "new"}, "a host that an authority vouches for is told apart",
                f"{found} {done.err}")
    report.that(not any(logins(server) for server in servers), "neither was named an account")
    for server in servers:
        server.stop()


def review(lab, report):
    """Ticked, saved by spreadsheets of all kinds, imported; then only the ticked hosts hear a password."""
    account = lab.account("trust", password=WORD)
    servers = [serve(lab, f"review-{number}", [f"127.0.2.{number}:22"], ("ed25519", "rsa")) for number in (1, 2, 3)]
    path = lab.root / "operator/untouched.csv"
    targets = ("127.0.2.1-3", "--known-hosts", "/dev/null")
    done = lab.run("review", "trust", "scan", *targets, "-o", path)
    table = read(path)
    report.that(len(table) == 6 and done.code == 0, "six keys to review", done.err)
    for row in table:
        row["trust"] = "" if row["host"] == "127.0.2.3" else "x"
    for name, write in SPREADSHEETS.items():
        saved = lab.root / "operator" / f"{name}.csv"
        try:
            write(table, saved)
        except audit_lab.Skip as why:
            report.skip(f"a table saved by {name}: {why}")
            continue
        done = lab.run(f"review-{name}", "trust", "import", saved)
        report.that(done.out == "4 pinned, 0 already, 2 unticked\n", f"a table saved by {name} is imported",
                    f"{done.out} {done.err}")
    credentials = lab.credentials("review.toml", {
        "id": quoted("word"), "type": '"ssh-password"', "user": quoted(account),
        "password": f'{{ command = ["printf", "%s", {quoted(WORD)}] }}', "scope": '["127.0.0.0/8"]'})
    folder = lab.folder("out-review")
    lab.run("review-python", "scan", "127.0.2.1-3", "-p", "22", "--credentials", credentials, "--known-hosts",
            "/dev/null", "--out", folder)
    found = {row["ip"]: (row["result_code"], row["host_trust"]) for row in rows(folder, "access")}
    wanted = {"127.0.2.1": ("ok", "pinned"), "127.0.2.2": ("ok", "pinned"), "127.0.2.3": ("hostkey_unknown", "unknown")}
    close = {at: (code.replace("ok_partial", "ok"), trust) for at, (code, trust) in found.items()}
    report.that(close == wanted, "ticked hosts are logged in to, and the other one is not", found)
    tried = [server.name for server in servers if any("method password" in line for line in logins(server))]
    report.that(tried == ["review-1", "review-2"], "the host that was not ticked has heard no password", tried)
    for server in servers:
        server.stop()


def by_python(table, path, encoding="utf-8", columns=None, **dialect):
    columns = columns or list(table[0])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", **dialect)
    writer.writeheader()
    writer.writerows(table)
    path.write_bytes(text.getvalue().encode(encoding))


def by_libreoffice(table, path):
    """Opened as a double click does, saved as XLSX, opened again, saved as CSV with semicolons."""
    if not shutil.which("soffice"):
        raise audit_lab.Skip("soffice is not installed")
    folder = path.parent / "office"
    folder.mkdir(exist_ok=True)
    before = folder / "table.csv"
    by_python(table, before, "utf-8-sig", lineterminator="\r\n")
    for source, target in (("table.csv", "xlsx"), ("table.xlsx", "csv:Text - txt - csv (StarCalc):59,34,76")):
        subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to",
                        target, "--outdir", str(folder), str(folder / source)], check=True, capture_output=True,
                       timeout=120)
    shutil.copy(before, path)


SPREADSHEETS = {
    "python": by_python,
    "excel-eu": lambda table, path: by_python(table, path, "utf-8-sig", delimiter=";", quoting=csv.QUOTE_ALL),
    "excel-unicode": lambda table, path: by_python(table, path, "utf-16", delimiter="\t"),
    "excel-ansi": lambda table, path: by_python(
        [row | {"my notes": "geprüft, ja"} for row in table], path, "cp1252", delimiter=";",
        columns=["my notes", *reversed(list(table[0]))]),
    "libreoffice": by_libreoffice,
}


def changed(lab, report):
    """Five hosts with other keys than before stop the run; it goes on when the keys were looked at."""
    account = lab.account("trust", password=WORD)
    same = serve(lab, "same", [f"127.0.3.{number}:22" for number in (6, 7, 8)], ("ed25519",))
    before = serve(lab, "before", [f"127.0.3.{number}:22" for number in range(1, 6)], ("ed25519",))
    targets = ("127.0.3.1-8", "--known-hosts", "/dev/null")
    path = lab.root / "operator/before.csv"
    lab.run("changed", "trust", "scan", *targets, "-o", path)
    import_all(lab, path, ())
    before.stop()
    after = serve(lab, "after", before.listen, ("ed25519",))
    credentials = lab.credentials("changed.toml", {
        "id": quoted("word"), "type": '"ssh-password"', "user": quoted(account),
        "password": f'{{ command = ["printf", "%s", {quoted(WORD)}] }}', "scope": '["127.0.0.0/8"]'})
    folder = lab.folder("out-changed")
    out = ("--no-merge", "--out", folder)
    done = lab.run("changed", "scan", *targets, "-p", "22", "--credentials", credentials, "--hands", "1", *out)
    report.that(done.code == 6 and "SAFETY STOP" in done.err and done.err.count("KEY CHANGED") == 4,
                "the fourth of five changed keys stops the run: exit status 6", f"{done.code} {done.err}")
    named = logins(after)
    report.that(not named, "none of the five was named an account", named[:3])
    words = {row["ip"]: row["outcome"] for row in rows(folder, "machines")}
    held = [at for at, word in words.items() if word == "not_begun"]
    report.that(len(words) == 8 and held, f"{len(held)} hosts are not_begun", words)
    run = next(word for word in done.err.split() if word.startswith("r-"))
    count = len(logins(same))
    done = lab.run("changed", "scan", "--resume", run, *out)
    report.that(done.code == 6 and len(logins(same)) == count, "resumed at once, nobody is logged in to",
                f"{done.code} {done.err}")
    path = lab.root / "operator/after.csv"
    done = lab.run("changed", "trust", "scan", *targets, "-o", path)
    report.that(done.code == 6 and "5 changed" in done.err, "trust scan says which five changed", done.err)
    done = import_all(lab, path, ())
    report.that(done.code == 2 and "nothing was imported" in done.err, "a key that contradicts a pin is refused", done.err)
    done = import_all(lab, path, ("--replace",))
    report.that(done.code == 0 and "5 replaced" in done.out, "--replace takes the new ones", f"{done.out} {done.err}")
    done = lab.run("changed", "scan", "--resume", run, *out)
    words = {row["ip"]: row["outcome"] for row in rows(folder, "machines")}
    entered = [at for at, word in words.items() if word.startswith("scanned_")]
    report.that(len(entered) == 8 and done.code != 6, "resumed after the import, all eight are read",
                f"{done.code} {words} {done.err}")
    for server in (same, after):
        server.stop()


def import_all(lab, path, options):
    table = read(path)
    for row in table:
        row["trust"] = "x"
    ticked = path.with_name(f"ticked-{path.name}")
    by_python(table, ticked)
    return lab.run("changed", "trust", "import", ticked, *options)


CHECKS = {"scan": (scan, 120), "authority": (authority, 60), "review": (review, 300), "changed": (changed, 180)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), default=[])
    args = parser.parse_args()
    why = audit.unfit(args.binary)
    if why:
        print(f"trust audit: cannot run: {why}", file=sys.stderr)
        return 2
    if not audit_lab.enter_namespace():
        print("trust audit: no network namespace of our own; port 22 of loopback must be free", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = audit.Report()
    with audit_lab.Lab(pathlib.Path(args.binary), None) as lab:
        for name, (function, seconds) in CHECKS.items():
            if args.only and name not in args.only:
                continue
            try:
                audit.limited(function, seconds, lab, report)
            except audit_lab.Skip as why:
                report.skip(f"{name}: {why}")
            except Exception as error:  # One check that breaks is one failure, and the others go on.
                traceback.print_exc()
                report.that(False, name, f"{type(error).__name__}: {error}")
            finally:
                for server in lab.servers:
                    server.stop()
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
