"""sudo with a password, by Debian's own sudo behind a real sshd."""

import pathlib
import secrets as random
import shutil
import subprocess
import threading
import time

import audit_lab
from audit_lab import quoted, rows

WORD = "Audit-Sudo-1"
SHELL = "/usr/bin/sh -c echo underdesk $(id -u); exec sh -s"
HOST = "127.0.0.10"
SUDOERS = pathlib.Path("/etc/sudoers.d")
PAM = pathlib.Path("/etc/pam.d/sudo")


class Box:
    """A host where an account may be root, and a scan of it."""

    def __init__(self, lab, name, word=WORD):
        if not shutil.which("sudo"):
            raise audit_lab.Skip("sudo is not installed")
        self.lab, self.name = lab, name
        self.account = lab.account(name, password=word)
        lab.authorize(self.account, lab.key("plain"))
        self.log = lab.root / f"sudo-{name}.log"
        self.server = lab.server(f"sudo-{name}", [f"{HOST}:22"])
        self.known = self.server.known_hosts(HOST)

    def rules(self, *lines):
        """What sudoers says, beside where it logs."""
        for old in SUDOERS.glob("underdesk-*"):
            old.unlink()
        path = SUDOERS / f"underdesk-{self.name}"
        path.write_text("\n".join([f"Defaults logfile={self.log}", *lines]) + "\n")
        path.chmod(0o440)
        subprocess.run(["visudo", "-c", "-q"], check=True, capture_output=True)

    def allowed(self, tag="PASSWD"):
        """The line that explain questions prints."""
        return f"{self.account} ALL=(root) {tag}: {SHELL}"

    def scan(self, store, word=WORD, *more):
        """The row of access.csv, and how the run went."""
        place = self.lab.root / "secret" / f"word-{store}"
        place.write_text(word)
        place.chmod(0o600)
        entry = self.lab.key_credential(self.account, self.lab.key("plain")) | {
            "sudo": quoted("password"), "sudo_password": f'{{ file = "{place}" }}'}
        credentials = self.lab.credentials(f"{store}.toml", entry)
        folder = self.lab.folder(f"out-{store}")
        done = self.lab.run(store, "scan", HOST, "-p", "22", "--credentials", credentials, "--known-hosts",
                            self.known, "--out", folder, *more)
        found = [row for row in rows(folder, "access") if row["ip"] == HOST]
        outcome = [row["outcome"] for row in rows(folder, "machines") if row["ip"] == HOST]
        return found[0] | {"rows": len(found), "outcome": outcome[0]}, done

    def refusals(self):
        """What sudo wrote down of wrong passwords."""
        text = self.log.read_text() if self.log.exists() else ""
        return text.count("incorrect password attempt")


def manners(lab, report):
    """Every manner of sudo in which the right password opens the door, and those in which there is none."""
    box = Box(lab, "manners")
    good = "sudo: "
    for name, lines, wanted in (
            ("the printed line of sudoers", [box.allowed()], "ok"),
            ("NOPASSWD", [box.allowed("NOPASSWD")], "ok"),
            ("a lecture", ["Defaults lecture=always", box.allowed()], "ok"),
            ("passprompt_override", ["Defaults passprompt_override", box.allowed()], "ok"),
            ("a passprompt of its own", ['Defaults passprompt="Kennwort: "', box.allowed()], "ok"),
            ("insults", ["Defaults insults", box.allowed()], "ok"),
            ("use_pty", ["Defaults use_pty", box.allowed()], "ok"),
            ("requiretty", ["Defaults requiretty", box.allowed()], "you must have a tty"),
            ("rootpw", ["Defaults rootpw", box.allowed()], "another account"),
            ("no rule at all", [], "its rules do not let"),
            ("a rule for another command", [f"{box.account} ALL=(root) PASSWD: /usr/bin/id"], "its rules do not let")):
        box.rules(*lines)
        row, done = box.scan(f"manner-{name.replace(' ', '-')}")
        if wanted == "ok":
            holds = row["result_code"] in ("ok", "ok_partial") and good in row["detail"]
        else:
            holds = row["result_code"] == "sudo_denied" and wanted in row["detail"]
        report.that(holds and row["rows"] == 1 and row["outcome"].startswith("scanned"),
                    f"sudo, {name}: {row['result_code']}, the host was read", f"{row} {done.err}")
    report.that(box.refusals() == 0, "sudo: no wrong password in all of that", box.refusals())
    # Each of these left the account its tries.
    box.rules(box.allowed())
    stores = [f"manner-{name}" for name in ("requiretty", "rootpw", "no-rule-at-all")]
    codes = [box.scan(store)[0]["result_code"] for store in stores]
    report.that(all(code in ("ok", "ok_partial") for code in codes), "sudo: none of that has cost a try", codes)
    slow(box, report)


def slow(box, report):
    """A sudo that takes its time is waited for; one in other words than ours is not told."""
    kept = PAM.read_text()
    PAM.write_text("auth optional pam_exec.so seteuid /bin/sleep 4\n" + kept)
    began = time.monotonic()
    row, done = box.scan("slow")
    report.that(row["result_code"] in ("ok", "ok_partial") and time.monotonic() - began > 4,
                "sudo: PAM that takes four seconds is waited for", f"{row} {done.err}")
    PAM.write_text(kept)


def wrong(lab, report):
    """A wrong password is told once, and counts; the connection stays good."""
    box = Box(lab, "wrong")
    for name, lines in (("as usual", []), ("one try", ["Defaults passwd_tries=1"]), ("insults", ["Defaults insults"])):
        box.rules(*lines, box.allowed())
        before = box.refusals()
        store = f"wrong-{name.replace(' ', '-')}"
        row, done = box.scan(store, "Wrong-Sudo-2")
        report.that(row["result_code"] == "sudo_denied" and row["outcome"].startswith("scanned"),
                    f"a wrong word for sudo, {name}: sudo_denied, the host was read", f"{row} {done.err}")
        report.that(box.refusals() - before == 1 and "1 incorrect password attempt" in box.log.read_text(),
                    f"a wrong word for sudo, {name}: sudo heard one", box.log.read_text())
        before = box.refusals()
        row, done = box.scan(store, "Wrong-Sudo-2")
        report.that(row["result_code"] == "breaker_open" and box.refusals() == before and done.code == 6,
                    f"a wrong word for sudo, {name}: the next run tells nothing, exit status 6", f"{row} {done.code}")


def secrets(lab, report):
    """The planted word is in no argument, environment, log, recording or output, on either side."""
    word = f"Planted-{random.token_hex(8)}"
    box = Box(lab, "secrets", word)
    recorded = lab.folder("sudo-io")
    box.rules(f"Defaults log_input, log_output, !compress_io, iolog_dir={recorded}", box.allowed())
    watch = Watch(word.encode())
    row, done = box.scan("planted", word, "-vv", "--record", lab.folder("planted-record"))
    watch.stop()
    report.that(row["result_code"] in ("ok", "ok_partial"), "planted: sudo took the word", f"{row} {done.err[-400:]}")
    report.that(watch.looks > 5 and watch.saw_sudo and not watch.found,
                f"planted: in no argument or environment of any process ({watch.looks} looks)", watch.found)
    places = [lab.root / "operator", lab.folder("out-planted"), lab.folder("planted-record"), recorded, box.log,
              box.server.log, lab.root / "planted.db"]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))
             if path.is_file()]
    held = [str(path) for path in files if word.encode() in path.read_bytes()]
    report.that(len(files) > 10 and not held, f"planted: in none of {len(files)} files (sudo's recording, logs, store)",
                held)
    typed = [path for path in recorded.rglob("stdin") if path.stat().st_size > 0]
    report.that(bool(typed), "planted: sudo's recording has what the shell was told (so it tells)",
                list(recorded.rglob("*")))
    report.that(word not in done.out + done.err, "planted: not in what the program says")


def tally(lab, report):
    """pam_faillock counts the question that sudo asks again, and that nobody answers, as well: two for one."""
    box = Box(lab, "tally")
    folder = lab.folder("faillock")
    kept = PAM.read_text()
    lock = f"pam_faillock.so {{}} deny=3 dir={folder}"
    PAM.write_text(f"auth required {lock.format('preauth')}\nauth sufficient pam_unix.so\n"
                   f"auth [default=die] {lock.format('authfail')}\naccount required pam_permit.so\n"
                   "session required pam_permit.so\n")
    box.rules(box.allowed())
    row, _ = box.scan("tally", "Wrong-Sudo-2")
    said = subprocess.run(["faillock", "--dir", str(folder), "--user", box.account], capture_output=True, text=True,
                          check=False).stdout
    counted = sum(line.split()[-1:] == ["V"] for line in said.splitlines())
    report.that(row["result_code"] == "sudo_denied" and 1 <= counted <= 2,
                f"pam_faillock after one wrong word for sudo: {counted} of 3", f"{said} {row}")
    PAM.write_text(kept)


class Watch(threading.Thread):
    """Looks for a word in the arguments and environments of all processes."""

    def __init__(self, word):
        super().__init__(daemon=True)
        self.word, self.found, self.looks, self.saw_sudo, self.is_over = word, [], 0, False, False
        self.start()

    def run(self):
        while not self.is_over:
            for folder in pathlib.Path("/proc").iterdir():
                if folder.name.isdigit():
                    self.look(folder)
            self.looks += 1

    def look(self, folder):
        for file in ("cmdline", "environ"):
            try:
                held = (folder / file).read_bytes()
            except OSError:
                continue
            self.saw_sudo |= file == "cmdline" and b"sudo\0-k\0-S" in held
            if self.word in held:
                self.found.append(f"{folder}/{file}: {held[:200]!r}")

    def stop(self):
        self.is_over = True
        self.join(5)
