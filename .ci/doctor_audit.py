#!/usr/bin/env python3
"""doctor, credentials test, show-plan and recipe, and receipts, against real OpenSSH servers.

    doctor_audit.py --binary PATH [--only NAME]...

Runs as root with openssh-server, in a network namespace of its own, with accounts of its own (see
audit_lab.py). Filtered ports need nft, sudo's answers need sudo; what is missing is said.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import audit
import audit_lab

RUNGS = ("name", "route", "port", "protocol", "trust", "login", "privilege", "questions")
PASSWORD = "lark-ascending-7"
ANOTHER = "lark-descending-8"


def ladder(done):
    """The state of each rung, as doctor prints it."""
    found = {}
    for line in done.out.splitlines():
        match = re.match(r"  (\w+) +(ok|gaps|stops here|not reached|not judged)\b", line)
        if match and match[1] in RUNGS:
            found[match[1]] = match[2]
    return found


def stop(done):
    return next((name for name, state in ladder(done).items() if state == "stops here"), None)


class Clinic:
    """One server, one account by key, one by password."""

    def __init__(self, lab):
        self.lab = lab
        self.server = lab.server("doctor", ["127.0.0.1:2250"], ["PasswordAuthentication yes", "AuthenticationMethods any"])
        self.known = self.server.known_hosts("[127.0.0.1]:2250")
        self.account = lab.account("doctor")
        self.key = lab.key("doctor-key")
        lab.authorize(self.account, self.key)

    def credentials(self, name, **more):
        entry = self.lab.key_credential(self.account, self.key, identity="audit") | more
        return self.lab.credentials(name, entry)

    def doctor(self, credentials, *more, port=2250, ports=None, known=None, store="doctor"):
        return self.lab.run(store, "doctor", "127.0.0.1", "--ssh-port", port, "--ports", ports or port, "--no-dns", "--timeout", 20,
                            "--credentials", credentials, "--known-hosts", known or self.known, *more)


def expect(report, done, code, rung, *texts, text):
    holds = done.code == code and stop(done) == rung and all(one in done.out for one in texts)
    holds &= len(ladder(done)) == len(RUNGS) and "\x1b" not in done.out
    report.that(holds, text, f"exit {done.code}, stops at {stop(done)}: {done.out} {done.err}")


def fine(lab, report):
    clinic = Clinic(lab)
    done = clinic.doctor(clinic.credentials("fine.toml"))
    expect(report, done, 0, None, f"({clinic.account})", "known by known_hosts", "SSH-2.0-OpenSSH",
           text="a host that lets us in has a clear way, and says who we are")
    kinds = lab.run("doctor", "runs", "list").out
    report.that(" doctor " in kinds, "the run is listed as a doctor's", kinds)
    export = lab.run("doctor", "export", "--out", lab.root / "export")
    report.that(export.code == 2, "there is nothing to export of it", export.err)


def ports(lab, report):
    clinic = Clinic(lab)
    credentials = clinic.credentials("ports.toml")
    expect(report, clinic.doctor(credentials, port=2251), 3, "port", "2251 closed", "Next: ",
           text="a port on which nothing listens is closed")
    if not shutil.which("nft") or not lab.is_alone:
        report.skip("a filtered port needs nft and a network namespace")
        return
    rules = "add table inet ud\nadd chain inet ud input { type filter hook input priority 0; }\n" \
        "add rule inet ud input tcp dport 2252 drop\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        silent = clinic.doctor(credentials, ports="2251,2252", port=2252)
        other = clinic.doctor(credentials, ports="2252,2250", port=2252)
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "ud"], check=True)
    expect(report, silent, 3, "port", "2252 silent", "firewall", "traceroute",
           text="a port behind a firewall is silent, and the host known to be up")
    # The open port is another one, and it speaks SSH: the way goes on there.
    expect(report, other, 0, None, "2252 silent", text="where SSH is found on another port the way goes on there")


def trust(lab, report):
    clinic = Clinic(lab)
    account = lab.account("doctor-pw", password=PASSWORD)
    secret = lab.root / "secret" / "doctor-password"
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o600)
    entry = {"id": '"pw"', "type": '"ssh-password"', "user": audit_lab.quoted(account),
             "password": f'{{ file = "{secret}" }}', "scope": audit_lab.listed(["127.0.0.0/8"])}
    credentials = lab.credentials("trust.toml", entry)
    nobody = lab.root / "operator" / "nobody"
    nobody.write_text("", encoding="utf-8")
    expect(report, clinic.doctor(credentials, known=nobody), 3, "trust", "hostkey_unknown", "underdesk trust",
           text="a password is held back from an unknown key, and doctor says what to do")
    report.that(account not in clinic.server.text(), "no login was begun there", clinic.server.text()[-500:])
    other = lab.key("doctor-other-host", comment="other").with_suffix(".pub").read_text(encoding="utf-8")
    changed = lab.root / "operator" / "changed"
    changed.write_text("[127.0.0.1]:2250 " + " ".join(other.split()[:2]) + "\n", encoding="utf-8")
    expect(report, clinic.doctor(credentials, known=changed), 6, "trust", "another key",
           text="a changed key is where it stops, and a safety stop")
    expect(report, clinic.doctor(credentials), 0, None, account, text="with the right key on record the password gets in")
    secret.write_text(ANOTHER, encoding="utf-8")
    expect(report, clinic.doctor(credentials, store="wrong"), 3, "login", "auth_rejected", "journalctl",
           text="a wrong password is refused")
    expect(report, clinic.doctor(credentials, store="wrong"), 6, "login", "breaker_open", "show-plan",
           text="and is not tried again: the breaker counts the doctor's tries")
    tested = lab.run("wrong", "credentials", "test", "pw", "127.0.0.1", "--ssh-port", 2250, "--credentials", credentials,
                     "--known-hosts", clinic.known)
    report.that(tested.code == 6 and "breaker_open" in tested.out, "nor by credentials test", tested.out + tested.err)
    plan = lab.run("wrong", "credentials", "show-plan", "127.0.0.1", "--ssh-port", 2250, "--credentials", credentials,
                   "--known-hosts", clinic.known)
    report.that(plan.code == 0 and "breaker_open" in plan.out and "until 20" in plan.out,
                "show-plan says until when", plan.out + plan.err)
    refused = clinic.server.text().count(f"Failed password for {account}")
    report.that(refused == 1, "the server has seen one wrong password in all", refused)


def login(lab, report):
    clinic = Clinic(lab)
    stranger = lab.key("doctor-stranger")
    wrong = lab.credentials("wrong-key.toml", lab.key_credential(clinic.account, stranger, identity="audit"))
    expect(report, clinic.doctor(wrong), 3, "login", "auth_rejected", text="a key that the host does not know is refused")
    account = lab.account("doctor-nologin", shell="/usr/sbin/nologin")
    lab.authorize(account, clinic.key)
    nologin = lab.credentials("nologin.toml", lab.key_credential(account, clinic.key, identity="audit"))
    expect(report, clinic.doctor(nologin), 3, "privilege", "shell_denied", "getent passwd",
           text="an account without a shell is let in and gets no further")
    before = clinic.server.text().count("Connection from")
    plan = lab.run("doctor", "credentials", "show-plan", "127.0.0.1", "web-1.invalid", "--ssh-port", 2250, "--credentials", nologin,
                   "--known-hosts", clinic.known)
    after = clinic.server.text().count("Connection from")
    report.that(plan.code == 0 and before == after and "in scope by 127.0.0.0/8" in plan.out and "not looked up" in plan.out,
                "show-plan says what would be used, and nobody hears of it", plan.out + plan.err)
    right = clinic.credentials("test.toml")
    tested = lab.run("doctor", "credentials", "test", "audit", "127.0.0.1", "--ssh-port", 2250, "--credentials", right,
                     "--known-hosts", clinic.known)
    report.that(tested.code == 0 and "audit to 127.0.0.1 over ssh on 2250: ok" in tested.out and clinic.account in tested.out,
                "credentials test logs in once and says who we are", tested.out + tested.err)


def sudo(lab, report):
    clinic = Clinic(lab)
    recipe = lab.run("doctor", "credentials", "recipe", "--os", "linux", "--user", clinic.account)
    report.that(recipe.code == 0, "there is a recipe", recipe.err)
    if not shutil.which("sudo") or not shutil.which("visudo", path=f"{os.environ['PATH']}:/usr/sbin"):
        report.skip("sudo is not installed: its answers, and visudo's of the recipe, are not checked")
        return
    file = lab.root / "operator" / "recipe"
    file.write_text(recipe.out, encoding="utf-8")
    visudo = subprocess.run(["/usr/sbin/visudo", "-cf", str(file)], capture_output=True, text=True, check=False)
    report.that(visudo.returncode == 0, "visudo accepts the recipe as it is", visudo.stdout + visudo.stderr)
    odd = lab.run("doctor", "credentials", "recipe", "--os", "linux", "--user", r"CORP\svc audit@x")
    file.write_text(odd.out, encoding="utf-8")
    visudo = subprocess.run(["/usr/sbin/visudo", "-cf", str(file)], capture_output=True, text=True, check=False)
    report.that(visudo.returncode == 0, "and for names that have to be quoted", visudo.stdout + visudo.stderr)
    credentials = clinic.credentials("sudo.toml", sudo='"nopasswd"')
    denied = clinic.doctor(credentials)
    report.that(denied.code == 0 and "sudo_denied" in denied.out and "credentials recipe --os linux" in denied.out,
                "without the recipe sudo refuses, and doctor names the recipe", denied.out + denied.err)
    place = pathlib.Path("/etc/sudoers.d") / clinic.account
    try:
        place.write_text(recipe.out, encoding="utf-8")
        place.chmod(0o440)
        granted = clinic.doctor(credentials, "--verbose")
    finally:
        place.unlink(missing_ok=True)
    report.that(granted.code == 0 and "sudo_denied" not in granted.out and "as root" in granted.out,
                "with it root is asked", granted.out[:1500] + granted.err)


def receipts(lab, report):
    clinic = Clinic(lab)
    out = lab.root / "receipts"
    done = lab.run("receipts", "scan", "127.0.0.1", "--ssh-port", 2250, "--ports", 2250, "--credentials",
                   clinic.credentials("receipt.toml"), "--known-hosts", clinic.known, "--out", out, "--receipt",
                   "--authorised-by", "TICKET-7", seconds=180)
    path = out / "receipts" / "127.0.0.1.txt"
    report.that(path.is_file(), "a scan leaves a receipt for the host", done.err)
    text = path.read_text(encoding="utf-8")
    parts = ("TICKET-7", "exec sh -s, fed the text ", "files written  0", f"login as {clinic.account} with a key", "port 2250 open")
    missing = [part for part in parts if part not in text]
    report.that(not missing, "who permitted it, the login, what was run, and that nothing was written", f"{missing} {text[:1500]}")
    digest = re.search(r"fed the text (\w{64})", text)
    body = text.split(f"\nThe text {digest[1]}\n", 1)[-1].split("\n\n", 1)[-1] if digest else ""
    lines = [line[4:] for line in body.rstrip("\n").split("\n")]
    shown = "\n".join(lines) + "\n"
    report.that(digest and hashlib.sha256(shown.encode()).hexdigest() == digest[1],
                "the text of the receipt has the digest that it is called by", f"{digest and digest[1]} {shown[-200:]}")
    secret = clinic.key.read_text(encoding="utf-8").split("\n")[1]
    report.that(secret not in text, "no secret is in it")


CHECKS = {"fine": fine, "ports": ports, "trust": trust, "login": login, "sudo": sudo, "receipts": receipts}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), default=[])
    args = parser.parse_args()
    why = audit.unfit(args.binary)
    if why:
        print(f"doctor_audit: cannot run: {why}", file=sys.stderr)
        return 2
    audit_lab.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    audit.CHECKS.update({name: (check, 240) for name, check in CHECKS.items()})
    report = audit.Report()
    with audit_lab.Lab(args.binary, None) as lab:
        for name in CHECKS:
            if not args.only or name in args.only:
                audit.run_check(name, lab, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
