"""Checks of single hosts: what is found, how underdesk gets in, and whether what it read is right."""

import json
import pathlib
import platform
import shutil
import subprocess
import sys

from audit_lab import Skip, installed, quoted, rows, software

PARITY = pathlib.Path(__file__).parent / "parity"
ENTERED = ("scanned_full", "scanned_partial")


def os_release():
    text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    return dict((key, value.strip('"')) for key, _, value in (line.partition("=") for line in text.splitlines()))


def catalog(lab, report):
    """A catalogue with the advisories for Debian, for all that follow."""
    dump = lab.shared and lab.shared / "data/linux/osv/Debian-11-13/all.zip"
    if not dump or not dump.is_file():
        raise Skip("there are no advisories for Debian here (--shared): findings and parity are not checked")
    lab.catalog = lab.root / "catalog.db"
    done = lab.run("imports", "catalog", "import", dump, seconds=280, measure=True)
    text = f"catalog import of {dump.stat().st_size >> 20} MB: {done.seconds:.1f} s, {done.peak_mb:.0f} MB"
    if not report.that(done.code == 0, text, done.err):
        lab.catalog = None


def pair(lab, account_options=(), listen=("127.0.0.10:22", "127.0.0.11:2222"), name="pair"):
    """The server that answers at two addresses."""
    return lab.server(name, listen, account_options)


def entered(folder):
    """The outcomes of the hosts that were read, by address (with --no-merge)."""
    return {row["ip"]: row["outcome"] for row in rows(folder, "machines") if row["outcome"] in ENTERED}


def codes(folder):
    return {(row["ip"], row["port"]): row["result_code"] for row in rows(folder, "access")
            if row["credential_id"] not in ("", "unknown")}


def check_pair(lab, report, how, folder, done):
    """What holds however underdesk got in."""
    found = codes(folder)
    wanted = {("127.0.0.10", "22"), ("127.0.0.11", "2222")}
    good = {place for place, code in found.items() if code in ("ok", "ok_partial")}
    report.that(good == wanted, f"{how}: logged in at 127.0.0.10:22 and 127.0.0.11:2222", f"{found} {done.err}")
    machines = [row for row in rows(folder, "machines") if row["outcome"] in ENTERED]
    report.that(len(machines) == 1, f"{how}: two addresses are one machine",
                [(row["ip"], row["machine_id"]) for row in machines])
    ours, theirs = software(folder), installed()
    difference = sorted(set(ours) ^ set(theirs))[:5]
    report.that(ours == theirs, f"{how}: {len(theirs)} rows of software.csv agree with dpkg-query line for line",
                f"{len(ours)} rows; {difference}")
    seen = [row for row in rows(folder, "services") if row["port"] in ("22", "2222") and row["seen_by"] == "scan"
            and "openssh" in row["product"].lower()]
    report.that({row["ip"] for row in seen} == {"127.0.0.10", "127.0.0.11"},
                f"{how}: services.csv has OpenSSH at both addresses", seen)
    scope = sum(int(row["in_scope"]) for row in rows(folder, "coverage"))
    parts = sum(int(row[part]) for row in rows(folder, "coverage") for part in ("answered", "silent", "not_begun"))
    report.that(scope == parts == 256 or scope == parts == 254, f"{how}: the sums of coverage.csv equal the scope",
                f"{scope} in scope, {parts} accounted for")
    if lab.catalog:
        count = sum(1 for _ in rows(folder, "findings"))
        report.that(count > 0, f"{how}: {count} findings", done.err)


def sweep_24(lab, store, folder, *arguments):
    return lab.run(store, "scan", "127.0.0.0/24", "-p", "22", "--ssh-port", "22,2222", "--fast", "--out", folder,
                   *arguments, seconds=90)


def scan(lab, report):
    """A /24 with a key, with a password, and with a password asked for interactively."""
    account = lab.account("key")
    lab.authorize(account, lab.key("plain"))
    server = pair(lab)
    known = server.known_hosts("127.0.0.10", "[127.0.0.11]:2222")
    credentials = lab.credentials("key.toml", lab.key_credential(account, lab.key("plain")))
    folder = lab.folder("out-key")
    done = sweep_24(lab, "key", folder, "--credentials", credentials, "--known-hosts", known)
    check_pair(lab, report, "key", folder, done)
    server.stop()

    account = lab.account("password", password="audit-Word-1")
    credentials = lab.credentials("password.toml", password_credential(account))
    for how, option in (("password", "PasswordAuthentication yes"),
                        ("keyboard-interactive", "KbdInteractiveAuthentication yes")):
        server = pair(lab, (option,), name=how)
        known = server.known_hosts("127.0.0.10", "[127.0.0.11]:2222")
        done = lab.run(how, "trust", "import", known)
        report.that(done.code == 0, f"{how}: trust import", done.err)
        folder = lab.folder(f"out-{how}")
        done = sweep_24(lab, how, folder, "--credentials", credentials, "--known-hosts", "/dev/null")
        check_pair(lab, report, how, folder, done)
        server.stop()
    root_sees_programs(lab, report)


def password_credential(account, word="audit-Word-1", identity=None, scope="127.0.0.0/8"):
    lab_file = f'{{ command = ["printf", "%s", {quoted(word)}] }}'
    return {"id": quoted(identity or account), "type": '"ssh-password"', "user": quoted(account),
            "password": lab_file, "scope": f"[{quoted(scope)}]"}


def root_sees_programs(lab, report):
    """Which program listens is for root to know."""
    if not shutil.which("ss") and not shutil.which("netstat"):
        report.skip("programs of services: neither ss nor netstat is installed here")
        return
    lab.authorize("root", lab.key("plain"))
    server = pair(lab, ("PermitRootLogin prohibit-password",), ("127.0.0.10:22",), "root")
    known = server.known_hosts("127.0.0.10")
    credentials = lab.credentials("root.toml", lab.key_credential("root", lab.key("plain")))
    folder = lab.folder("out-root")
    done = lab.run("root", "scan", "127.0.0.10", "-p", "22", "--credentials", credentials, "--known-hosts", known,
                   "--out", folder)
    programs = [row["program"] for row in rows(folder, "services") if row["seen_by"] == "host" and row["port"] == "22"]
    report.that("sshd" in programs, "services.csv has sshd with its program", f"{programs} {done.err}")
    server.stop()


def strangers(lab, report):
    """A password goes to nobody whose key is not known; a changed key stops."""
    account = lab.account("password", password="audit-Word-1")
    server = pair(lab, ("PasswordAuthentication yes", "KbdInteractiveAuthentication yes"), name="stranger")
    credentials = lab.credentials("stranger.toml", password_credential(account))
    folder = lab.folder("out-stranger")
    plain = ("-p", "22", "--ssh-port", "22,2222", "--out", folder)
    options = (*plain, "--credentials", credentials)
    targets = ("127.0.0.10", "127.0.0.11")
    done = lab.run("stranger", "scan", *targets, *options, "--known-hosts", "/dev/null")
    found = codes(folder)
    report.that(set(found.values()) == {"hostkey_unknown"} and len(found) == 2,
                "an unknown host gets hostkey_unknown", f"{found} {done.err}")
    report.that(tried(server) == [], "an unknown host sees no password attempt", tried(server))
    report.that(done.code == 3, "a covered host that was not assessed is exit status 3", done.code)

    lab.run("stranger", "scan", *targets, *options, "--known-hosts", "/dev/null", "--accept-new-host-keys")
    report.that(tried(server) == [], "nor does one with --accept-new-host-keys", tried(server))

    other = lab.root / "operator/known-other"
    other.write_text("127.0.0.10 " + " ".join(lab.key("other").with_suffix(".pub").read_text().split()[:2]) + "\n")
    done = lab.run("changed", "scan", "127.0.0.10", *options, "--known-hosts", other)
    found = codes(folder)
    report.that(set(found.values()) == {"hostkey_changed"} and tried(server) == [] and done.code == 6,
                "a changed key gets hostkey_changed, no password, exit status 6", f"{found} {done.code} {done.err}")

    known = server.known_hosts("127.0.0.10", "[127.0.0.11]:2222")
    lab.run("stranger2", "scan", *targets, *options, "--known-hosts", known)
    report.that(len(tried(server)) == 2, "a known host sees one password attempt each (so the log tells)",
                tried(server))

    wrong = lab.credentials("wrong.toml", password_credential(account, word="audit-Wrong-1"))
    before = len(tried(server))
    for store in ("wrong", "wrong", "wrong"):
        lab.run(store, "scan", *targets, *plain, "--credentials", wrong, "--known-hosts", known)
    spent = len(tried(server)) - before
    report.that(1 <= spent <= 2, "a wrong password is tried at most twice in three runs", f"{spent} tries")
    server.stop()


def tried(server):
    """The log's lines on attempts with a password."""
    lines = server.text().splitlines()
    return [line for line in lines if "userauth-request" in line
            and ("method password" in line or "method keyboard-interactive" in line)]


def parity(lab, report):
    """debsecan, on the same data, finds the same: of this live system, and of a recorded one."""
    if not lab.catalog:
        raise Skip("there are no advisories for Debian here (--shared)")
    if not shutil.which("debsecan"):
        raise Skip("debsecan is not installed")
    account = lab.account("key")
    lab.authorize(account, lab.key("plain"))
    server = pair(lab, listen=("127.0.0.10:22",), name="parity")
    credentials = lab.credentials("key.toml", lab.key_credential(account, lab.key("plain")))
    folder = lab.folder("out-parity")
    done = lab.run("parity", "scan", "127.0.0.10", "-p", "22", "--credentials", credentials, "--known-hosts",
                   server.known_hosts("127.0.0.10"), "--out", folder)
    server.stop()
    release = os_release()
    if release.get("ID") != "debian" or release.get("VERSION_ID") not in ("11", "12", "13"):
        report.skip(f"parity of this live system: it is {release.get('PRETTY_NAME')}")
    elif report.that(done.code == 0, "parity: the live system was scanned", done.err):
        same_as_debsecan(lab, report, "this live system", folder, (release["VERSION_ID"], release["VERSION_CODENAME"]),
                         "/var/lib/dpkg/status", platform.release())

    inventory = lab.shared / "data/linux/inventories/debian_12.json"
    if not inventory.is_file():
        report.skip(f"parity of a recorded system: {inventory} is not there")
        return
    recording, status = lab.folder("recording"), lab.root / "status"
    subprocess.run([sys.executable, PARITY / "vuls_inventory.py", inventory, "--recording", recording, "--status", status],
                   check=True, capture_output=True)
    folder = lab.folder("out-recording")
    done = lab.run("parity", "match", "--recording", recording, "--out", folder)
    kernel = json.loads(inventory.read_text(encoding="utf-8"))["kernel"]["release"]
    if report.that(done.code == 0, "parity: the recorded system was matched", done.err):
        same_as_debsecan(lab, report, "debian_12.json", folder, ("12", "bookworm"), status, kernel)


def same_as_debsecan(lab, report, what, folder, release, status, kernel):
    number, suite = release
    done = subprocess.run(
        [sys.executable, PARITY / "debsecan_parity.py", "--osv", lab.shared / "data/linux/osv/Debian-11-13/all.zip",
         "--ecosystem", f"Debian:{number}", "--suite", suite, "--status", status, "--kernel", kernel,
         "--findings", folder / "findings.csv", "--findings-cve", folder / "findings_cve.csv"],
        capture_output=True, text=True, check=False)
    first = done.stdout.splitlines()[0] if done.stdout else ""
    report.that(done.returncode == 0, f"parity with debsecan of {what} ({first})", done.stdout + done.stderr)


# The account's shell by name, and the file that the shell reads before any command.
SHELLS = {
    "bash": ("/bin/bash", ".bashrc"),
    "dash": ("/bin/dash", None),
    "zsh": ("zsh", ".zshenv"),
    "fish": ("fish", ".config/fish/config.fish"),
    "tcsh": ("tcsh", ".tcshrc"),
    "mksh": ("mksh", None),
    "ksh": ("ksh", None),
    "rbash": ("/bin/rbash", None),
    "ash": ("busybox", None),
}
NOISE = "echo 'Welcome, dear user'\necho 'all you do is watched' >&2\nprintf 'no line break at the end'\n"


def shells(lab, report):
    """Whatever the login shell is, and whatever its rc file prints, the answers are the same."""
    address, entries, names = 20, [], {}
    for name, (shell, rc_file) in SHELLS.items():
        program = shutil.which(shell)
        if not program:
            report.skip(f"login shell {name}: {shell} is not installed")
            continue
        if name == "ash":
            ash = lab.root / "bin/ash"
            ash.symlink_to(program)
            program = ash
        for noisy in (False, True) if rc_file else (False,):
            address += 1
            account = lab.account(f"{name}{'-rc' if noisy else ''}", program)
            if noisy:
                lab.rc_file(account, rc_file, NOISE)
            lab.authorize(account, lab.key("plain"))
            names[f"127.0.0.{address}"] = f"{name}{' with an rc file that prints' if noisy else ''}"
            entries.append(lab.key_credential(account, lab.key("plain"), (f"127.0.0.{address}",)))
    for address, shell in (("127.0.0.60", "/usr/sbin/nologin"), ("127.0.0.61", "/bin/false")):
        account = lab.account(shell.rpartition("/")[2], shell)
        lab.authorize(account, lab.key("plain"))
        entries.append(lab.key_credential(account, lab.key("plain"), (address,)))

    # One sshd listens on 16 addresses at most.
    addresses = [*names, "127.0.0.60", "127.0.0.61"]
    server = lab.server("shells", [f"{address}:22" for address in addresses[:16]])
    folder = lab.folder("out-shells")
    done = lab.run("shells", "scan", *addresses, "-p", "22", "--credentials", lab.credentials("shells.toml", *entries),
                   "--known-hosts", server.known_hosts(*addresses), "--no-merge", "--out", folder, seconds=150)
    server.stop()
    theirs = installed()
    for address, name in names.items():
        ours = software(folder, address)
        report.that(ours == theirs, f"login shell {name}: {len(theirs)} rows agree with dpkg-query",
                    f"{len(ours)} rows; {accesses(folder, address)} {done.err}")
    for address, name in (("127.0.0.60", "nologin"), ("127.0.0.61", "false")):
        found = accesses(folder, address)
        report.that([code for code, _ in found] == ["shell_denied"], f"login shell {name}: shell_denied", found)


def accesses(folder, address):
    return [(row["result_code"], row["detail"]) for row in rows(folder, "access") if row["ip"] == address]


def locale(lab, report):
    """The language of the account changes nothing."""
    account = lab.account("key")
    lab.authorize(account, lab.key("plain"))
    locales = lab.folder("locales")
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"], capture_output=True, check=False)
    if not made or made.returncode != 0:
        report.skip("locale de_DE.UTF-8 cannot be built here: only its name is tried")
    credentials = lab.credentials("key.toml", lab.key_credential(account, lab.key("plain")))
    seen = {}
    for word in ("C", "de_DE.UTF-8", "tr_TR.ISO-8859-9"):
        setting = f"SetEnv LANG={word} LC_ALL={word} LANGUAGE={word[:2]} LOCPATH={locales}"
        server = pair(lab, (setting,), ("127.0.0.10:22",), f"locale-{word}")
        folder = lab.folder(f"out-{word}")
        lab.run(f"locale-{word}", "scan", "127.0.0.10", "-p", "22", "--credentials", credentials, "--known-hosts",
                server.known_hosts("127.0.0.10"), "--out", folder, env={"LANG": word, "LC_ALL": word})
        server.stop()
        dropped = ("run_id", "user", "banner")
        seen[word] = [[tuple(value for key, value in row.items() if key not in dropped) for row in rows(folder, table)]
                      for table in ("software", "findings", "findings_cve")]
    for word in list(seen)[1:]:
        report.that(seen[word] == seen["C"] and seen["C"][0], f"locale {word}: the same rows as in C",
                    [len(table) for table in seen[word]])


def local(lab, report):
    """This machine, without SSH."""
    folder = lab.folder("out-local")
    server = pair(lab, listen=("127.0.0.10:22",), name="local")
    done = lab.run("local", "scan", "--local", "--out", folder)
    server.stop()
    ours, theirs = software(folder), installed()
    report.that(ours == theirs and done.code == 0, f"--local: {len(theirs)} rows agree with dpkg-query",
                f"{len(ours)} rows, exit status {done.code}: {done.err}")
    programs = {row["program"] for row in rows(folder, "services") if row["port"] == "22"}
    if shutil.which("ss") or shutil.which("netstat"):
        report.that("sshd" in programs, "--local: services.csv has sshd with its program", programs)


def dry_run(lab, report):
    """A whole /8 costs nothing to look at."""
    done = lab.run("dry", "scan", "10.0.0.0/8", "--yes", "--dry-run", measure=True)
    report.that(done.code == 0 and done.seconds < 2 and done.peak_mb < 50,
                f"scan 10.0.0.0/8 --yes --dry-run: {done.seconds:.2f} s, {done.peak_mb:.0f} MB",
                f"exit status {done.code}: {done.err}")
    report.that("16,777,2" in done.out + done.err or "167772" in done.out + done.err,
                "the dry run tells the number of addresses", done.out)
    report.that(not (lab.root / "dry.db").exists(), "the dry run writes no store")


def json_lines(lab, report):
    """Standard output carries data, and nothing but."""
    account = lab.account("key")
    lab.authorize(account, lab.key("plain"))
    server = pair(lab, listen=("127.0.0.10:22",), name="jsonl")
    credentials = lab.credentials("key.toml", lab.key_credential(account, lab.key("plain")))
    done = lab.run("jsonl", "scan", "127.0.0.10", "-p", "22", "--credentials", credentials, "--known-hosts",
                   server.known_hosts("127.0.0.10"), "--format", "jsonl", "-o", "-", "-vv")
    server.stop()
    again = lab.run("jsonl", "export", "--format", "jsonl", "-o", "-")
    for how, text in (("scan", done.out), ("export", again.out)):
        try:
            lines = [json.loads(line) for line in text.splitlines()]
            kinds = {line["type"] for line in lines}
            wanted = {"run", "coverage", "machine", "access", "software", "service"}
            ours = sorted((line["name"], line["version"], line["arch"]) for line in lines if line["type"] == "software")
            report.that(wanted <= kinds and ours == installed(), f"{how} --format jsonl -o -: {len(lines)} lines parse",
                        f"{kinds}, {len(ours)} packages")
        except (ValueError, KeyError, TypeError) as error:
            report.that(False, f"{how} --format jsonl -o -: every line parses", f"{error!r} {text[:300]}")
    report.that(done.err.strip() != "", "talk goes to standard error")
