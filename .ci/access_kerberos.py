"""What MIT's KDC says of accounts that get no ticket. The host itself only has to offer Negotiate."""

import base64
import http.server
import os
import pathlib
import shutil
import subprocess
import threading
import time

import audit_lab
from audit_lab import listed, quoted, rows

WORD = "Audit-Ticket-1"
HOST = "127.0.0.30"
REALM = "LARK.TEST"
PORT = 18890


class Kdc:
    """A key distribution centre with a realm of its own."""

    NEEDED = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")

    def __init__(self, lab):
        path = f"{os.environ['PATH']}:/usr/sbin"
        missing = [tool for tool in self.NEEDED if not shutil.which(tool, path=path)]
        if missing:
            raise audit_lab.Skip(f"{', '.join(missing)} is not installed")
        self.folder = lab.folder("mit")
        place = f"127.0.0.1:{PORT}"
        (self.folder / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n rdns = false\n"
            f"[realms]\n {REALM} = {{\n  kdc = {place}\n }}\n[logging]\n kdc = FILE:{self.folder}/kdc.log\n")
        (self.folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = {place}\n kdc_tcp_listen = {place}\n[realms]\n {REALM} = {{\n"
            f"  database_name = {self.folder}/principal\n  key_stash_file = {self.folder}/stash\n"
            "  supported_enctypes = aes256-cts-hmac-sha1-96:normal\n  default_principal_flags = +preauth\n }\n")
        self.environment = os.environ | {"KRB5_CONFIG": str(self.folder / "krb5.conf"),
                                         "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}
        self.call(["kdb5_util", "create", "-s", "-r", REALM, "-P", "master"])
        self.process = None

    def call(self, command, text=None, check=True):
        return subprocess.run(command, input=text, text=True, env=self.environment, check=check, capture_output=True)

    def admin(self, *queries):
        for query in queries:
            self.call(["kadmin.local", "-r", REALM, "-q", query])

    def start(self, *before):
        """Starts it, perhaps under another program."""
        self.process = subprocess.Popen([*before, "krb5kdc", "-n"], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        if self.process.poll() is not None:
            raise RuntimeError(f"krb5kdc does not start: {self.log()[-600:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            for child in audit_lab.descendants(self.process.pid):
                audit_lab.end(child)
            self.process.terminate()
            self.process.wait(5)

    def log(self):
        path = self.folder / "kdc.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Negotiate(http.server.BaseHTTPRequestHandler):
    """A host that offers Negotiate and takes nothing; what it was shown is kept."""

    protocol_version = "HTTP/1.1"
    shown = []

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        word = self.headers.get("Authorization")
        if word:
            self.shown.append(word)
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Negotiate")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Web(http.server.ThreadingHTTPServer):
    """Says nothing of connections that end early: a sweep's do."""

    def handle_error(self, *_):
        pass


def is_secret(shown):
    """NTLM's first message tells who asks for nothing; anything else would be a ticket or a proof."""
    token = base64.b64decode(shown.split()[-1])
    return not token.startswith(b"NTLMSSP\0\x01\0\0\0")


def directory(lab, report):
    """Each reason of the directory has its code, and no ticket goes to the host."""
    kdc = Kdc(lab)
    for name, *more in (("good",), ("expired", "-expire yesterday"), ("aged", "-pwexpire yesterday"),
                        ("off", "-allow_tix")):
        kdc.admin(f"addprinc -pw {WORD} {' '.join(more)} {name}")
    kdc.admin("addpol -maxfailure 1 -lockoutduration 1h strict", f"addprinc -pw {WORD} -policy strict locked")
    web = Web((HOST, 5985), Negotiate)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        kdc.start()
        # Another's wrong password locks it: not ours to do.
        kdc.call(["kinit", f"locked@{REALM}"], text="wrong\n", check=False)
        for user, wanted in (("expired", "account_expired"), ("aged", "password_expired"),
                             ("off", "account_locked"), ("locked", "account_locked"), ("good", "kerberos_no_spn"),
                             ("nobody", "auth_rejected")):
            judge(lab, report, user, REALM, wanted)
        elsewhere(lab, report, kdc)
        kdc.stop()
        judge(lab, report, "good", REALM, "timeout")
        if shutil.which("faketime"):
            kdc.start("faketime", "-f", "+3h")
            judge(lab, report, "good", REALM, "kerberos_skew", "a clock that is three hours ahead")
            kdc.stop()
        else:
            report.skip("kerberos_skew: faketime is not installed")
    finally:
        kdc.stop()
        web.shutdown()
        web.server_close()
    told = [shown for shown in Negotiate.shown if is_secret(shown)]
    report.that(not told, f"MIT's KDC: no ticket and no proof in {len(Negotiate.shown)} tokens that the host saw", told)


def elsewhere(lab, report, kdc):
    """The directory sends us to another realm for the host's ticket: we do not go."""
    with open(kdc.folder / "krb5.conf", "a", encoding="utf-8") as file:
        file.write("[domain_realm]\n .other.test = OTHER.TEST\n")
    kdc.admin(f"addprinc -randkey krbtgt/OTHER.TEST@{REALM}")
    kdc.stop()
    kdc.start()
    pathlib.Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{HOST} srv.other.test\n")
    judge(lab, report, "good", REALM, "kerberos_wrong_realm", "a host of another realm", "srv.other.test")


def judge(lab, report, user, realm, wanted, what=None, target=HOST):
    store = f"mit-{user}-{wanted}"
    place = lab.root / "secret" / "word-mit"
    place.write_text(WORD)
    place.chmod(0o600)
    entry = {"id": quoted("k"), "type": quoted("winrm"), "user": quoted(f"{user}@{realm.lower()}"),
             "auth": quoted("kerberos"), "kdc": listed([f"127.0.0.1:{PORT}"]),
             "password": f'{{ file = "{place}" }}', "scope": listed([f"{HOST}/32"])}
    folder = lab.folder(f"out-{store}")
    done = lab.run(store, "scan", target, "-p", "5985", "--credentials", lab.credentials(f"{store}.toml", entry),
                   "--known-hosts", "/dev/null", "--out", folder)
    found = [(row["result_code"], row["detail"]) for row in rows(folder, "access")]
    report.that([code for code, _ in found] == [wanted], f"MIT's KDC, {what or user + '@' + realm}: {wanted}",
                f"{found} {done.err[-300:]}")
