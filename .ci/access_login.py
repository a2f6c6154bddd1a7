"""What OpenSSH and PAM say of accounts that cannot log in, and what a host's ports say."""

import os
import pathlib
import shutil
import subprocess

import audit_lab
from audit_lab import Server, listed, quoted, rows

WORD = "Audit-Login-1"
HOST = "127.0.0.20"


class Named(Server):
    """An sshd whose PAM rules are its own: PAM knows it by the name of its program."""

    def __init__(self, lab, name, listen, options, pam):
        super().__init__(lab, name, listen, options)
        self.program = str(lab.root / "bin" / f"ud-{name}")
        if not os.path.lexists(self.program):
            os.symlink("/usr/sbin/sshd", self.program)
        pathlib.Path(f"/etc/pam.d/ud-{name}").write_text(pam)


def serve(lab, name, pam, *options):
    """A running sshd with these rules for passwords."""
    server = Named(lab, name, [f"{HOST}:22"], ("KbdInteractiveAuthentication yes", *options), pam)
    lab.servers.append(server)
    server.start()
    return server


def scan(lab, server, account, word=WORD, store=None):
    """The row of access.csv, and how the run went."""
    store = store or f"login-{server.name}"
    place = lab.root / "secret" / f"word-{store}"
    place.write_text(word)
    place.chmod(0o600)
    entry = {"id": quoted("p"), "type": quoted("ssh-password"), "user": quoted(account), "account": quoted("local"),
             "password": f'{{ file = "{place}" }}', "scope": listed([f"{HOST}/32"])}
    folder = lab.folder(f"out-{store}")
    done = lab.run(store, "scan", HOST, "-p", "22", "--credentials", lab.credentials(f"{store}.toml", entry),
                   "--known-hosts", server.known_hosts(HOST), "--out", folder)
    found = [row for row in rows(folder, "access") if row["ip"] == HOST]
    return (found[0] if len(found) == 1 else {"result_code": f"{len(found)} rows"}), done


PLAIN = """auth required pam_unix.so
{}
account required pam_unix.so
session required pam_permit.so
"""


def told(words):
    """A refusal of the account, in the words of another module."""
    text = pathlib.Path("/etc/security") / f"ud-{abs(hash(words))}"
    text.write_text(words + "\n")
    return f"account requisite pam_echo.so file={text}\naccount requisite pam_deny.so"


def accounts(lab, report):
    """Each state of an account has its code where PAM says so, and auth_rejected where it does not."""
    def account(name, *chage):
        found = lab.account(name, password=WORD)
        if chage:
            subprocess.run(["chage", *chage, found], check=True, capture_output=True)
        return found

    plain = account("plain")
    tally = lab.folder("tally")
    lock = f"pam_faillock.so {{}} deny=2 dir={tally}"
    faillock = (f"auth required {lock.format('preauth')}\nauth sufficient pam_unix.so\n"
                f"auth [default=die] {lock.format('authfail')}\naccount required pam_permit.so\n"
                "session required pam_permit.so\n")
    locked = account("locked")
    subprocess.run(["passwd", "-l", locked], check=True, capture_output=True)
    hours = pathlib.Path("/etc/security/time.conf")
    hours.write_text(f"ud-hours;*;{plain};!Al0000-2400\n")
    # pam_time refuses without a word; pam_winbind has one for the same.
    echo = told("You are not allowed to logon at this time")
    by_hours = "account [success=2 default=ignore] pam_time.so\n" + echo
    for name, who, pam, wanted in (
            ("good", plain, PLAIN.format(""), {"ok", "ok_partial"}),
            ("shut", locked, PLAIN.format(""), {"auth_rejected"}),
            ("ended", account("ended", "-E", "0"), PLAIN.format(""), {"account_expired"}),
            ("aged", account("aged", "-d", "0"), PLAIN.format(""), {"password_expired"}),
            ("hours", plain, PLAIN.format(by_hours), {"logon_time_denied"}),
            ("off", plain, PLAIN.format(told("Your account is disabled. Please contact your System administrator")),
             {"account_disabled"})):
        server = serve(lab, name, pam)
        row, done = scan(lab, server, who)
        report.that(row["result_code"] in wanted, f"sshd and PAM, {name}: {row['result_code']}", f"{row} {done.err}")
        server.stop()
    server = serve(lab, "tallied", faillock)
    for number in range(2):
        scan(lab, server, plain, "Wrong-Login-2", f"login-tallied-{number}")
    row, done = scan(lab, server, plain, store="login-tallied")
    report.that(row["result_code"] == "account_locked", "sshd and pam_faillock: account_locked", f"{row} {done.err}")
    row, _ = scan(lab, server, plain, store="login-tallied")
    report.that(row["result_code"] == "breaker_open" and "account_locked" in row["detail"],
                "and the next run leaves the account alone", row)
    server.stop()


def ways(lab, report):
    """Ports, key exchanges, and credentials that are not tried: each has a row that says why."""
    account = lab.account("ways", password=WORD)
    lab.authorize(account, lab.key("plain"))
    server = lab.server("old", [f"{HOST}:22"], ("KexAlgorithms diffie-hellman-group14-sha1",))
    row, done = scan(lab, server, account, store="kex")
    report.that(row["result_code"] == "kex_mismatch", "sshd with SHA-1 alone: kex_mismatch", f"{row} {done.err}")
    server.stop()

    server = lab.server("every", [f"{HOST}:22"], ("PasswordAuthentication yes",))
    place = lab.root / "secret" / "word-kex"
    key = lab.key_credential(account, lab.key("plain"), identity="key")
    other = {"id": quoted("word"), "type": quoted("ssh-password"), "user": quoted(account),
             "password": f'{{ file = "{place}" }}', "scope": listed(["127.0.0.0/8"])}
    windows = other | {"id": quoted("windows"), "type": quoted("winrm"), "user": quoted("someone")}
    folder = lab.folder("out-every")
    options = ("-p", "22,5985", "--known-hosts", server.known_hosts(HOST), "--out", folder)
    done = lab.run("every", "scan", HOST, "--credentials", lab.credentials("every.toml", key, other, windows), *options)
    found = {row["credential_id"]: (row["result_code"], row["attempted"], row["detail"])
             for row in rows(folder, "access")}
    report.that(set(found) == {"key", "word", "windows"} and found["word"][0] == found["windows"][0] == "not_needed"
                and all("not needed: key" in found[one][2] for one in ("word", "windows"))
                and len({found[one][1] for one in found}) == 2,
                "three credentials: a row for each, two of them not needed", f"{found} {done.err}")
    done = lab.run("closed", "scan", HOST, "--credentials", lab.credentials("closed.toml", windows), *options)
    found = [(row["result_code"], row["port"], row["credential_id"]) for row in rows(folder, "access")
             if row["protocol"] == "winrm"]
    report.that(found == [("port_closed", "5985", "windows")], "a closed port: port_closed, which port", f"{found}")
    done = lab.run("none", "scan", HOST, "--credentials", lab.credentials("none.toml", windows | {
        "scope": listed(["10.0.0.0/8"])}), *options)
    found = [row["result_code"] for row in rows(folder, "access")]
    report.that(found == ["no_credential_in_scope"], "no credential in scope: said so", found)
    filtered(lab, report, windows, options)
    server.stop()


def filtered(lab, report, windows, options):
    """A firewall that answers nothing."""
    if not shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin"):
        report.skip("a filtered port: nft is not installed")
        return
    rules = "table inet ud { chain input { type filter hook input priority 0; tcp dport 5985 drop; }; }"
    dropped = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True, check=False)
    if dropped.returncode:
        report.skip(f"a filtered port: nft cannot be used here: {dropped.stderr.strip()[:100]}")
        return
    folder = lab.folder("out-every")
    lab.run("filtered", "scan", HOST, "--credentials", lab.credentials("closed.toml", windows), *options)
    found = [(row["result_code"], row["port"]) for row in rows(folder, "access") if row["protocol"] == "winrm"]
    subprocess.run(["nft", "delete", "table", "inet", "ud"], check=False, capture_output=True)
    report.that(found == [("filtered", "5985")], "a firewall that drops: filtered", found)
