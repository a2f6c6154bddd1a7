#!/usr/bin/env python3
"""The stores of secrets, against those who know them: age itself (files of its making read by us, files of ours
read by it), ssh-keygen's keys, and a real Secret Service on a D-Bus of its own. Every secret is used for a real
login, and looked for wherever it must not be.

    .ci/stores_audit.py --binary target/release/underdesk
"""

import argparse
import os
import pathlib
import pty
import secrets as random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

DEADLINE = 120


class Report:
    def __init__(self):
        self.failed = 0

    def that(self, holds, what, detail=""):
        print(f"{'ok    ' if holds else 'FAILED'} {what}")
        if not holds:
            self.failed += 1
            print(f"       {detail}")


class Desk:
    """A folder with a home, and the program in it."""

    def __init__(self, root, binary):
        self.root, self.binary = root, binary
        self.home = root / "home"
        self.home.mkdir(mode=0o700)
        self.said = []

    def environment(self, **more):
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "USER": "audit", "RUST_LOG": "trace",
                "RUST_BACKTRACE": "full", "TERM": "dumb"} | more

    def run(self, *words, stdin="", **more):
        done = subprocess.run([self.binary, *map(str, words)], input=stdin, text=True, capture_output=True, cwd=self.root,
                              env=self.environment(**more), timeout=DEADLINE)
        self.said.append(done.stdout + done.stderr)
        return done

    def typed(self, answers, *words, **more):
        """Runs it on a terminal of its own, and answers its questions: pairs of what is asked and what is typed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.root)
            os.execve(self.binary, [str(self.binary), *map(str, words)], self.environment(**more))
        seen, answers, ends = "", list(answers), time.monotonic() + DEADLINE
        asked = 0
        while time.monotonic() < ends:
            ready, _, _ = select.select([terminal], [], [], 1)
            if not ready:
                continue
            try:
                piece = os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if answers and answers[0][0] in seen[asked:]:
                asked = len(seen)
                # Until the terminal has stopped to echo.
                time.sleep(0.3)
                os.write(terminal, (answers.pop(0)[1] + "\n").encode())
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.said.append(seen)
        return os.waitstatus_to_exitcode(status), seen, answers


def keygen(root, name, kind, passphrase="", *more):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", root / name, *more], check=True)
    return root / name


def age(*words, data=None):
    return subprocess.run(["age", *map(str, words)], input=data, capture_output=True, check=False)


def age_passphrase(words, passphrase, data=None):
    """age asks for passphrases on its terminal only."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("age", ["age", *map(str, words)])
    seen, sent = b"", 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if seen.count(b"passphrase") > sent and seen.rstrip().endswith(b":"):
            sent = seen.count(b"passphrase")
            time.sleep(0.3)
            os.write(terminal, passphrase.encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


def read_by_us(desk, name, place):
    """Whether a credential's secret is the one that we think: it opens a key, and only the right one does."""
    entry = (f'[[credential]]\nid = "x"\ntype = "ssh-key"\nuser = "u"\nscope = ["127.0.0.1"]\n'
             f'key = {{ file = "locked" }}\npassphrase = {place}\n')
    path = desk.root / f"{name}.toml"
    path.write_text(entry)
    path.chmod(0o600)
    words = ("scan", "127.0.0.1", "-p", "1", "--ssh-port", "1", "--no-dns", "--credentials", path, "--known-hosts", "/dev/null",
             "--out", desk.root / f"out-{name}", "-vv")
    return words


def opened(err):
    """A key that does not open ends a run before it begins, with its own words."""
    return "credential x:" not in err


def files_of_age(desk, report, secret):
    root = desk.root
    keygen(root, "locked", "ed25519", secret)
    ed = keygen(root, "id_ed", "ed25519")
    rsa = keygen(root, "id_rsa", "rsa", "", "-b", "3072")
    phrase = random.token_hex(8)
    shut = keygen(root, "id_shut", "ed25519", phrase)
    native = root / "native.key"
    subprocess.run(["age-keygen", "-o", native], check=True, capture_output=True)
    native.chmod(0o600)
    public = next(line.split()[-1] for line in native.read_text().splitlines() if "public key" in line)

    keys = {"ed": (ed, ed.with_suffix(".pub").read_text()), "rsa": (rsa, rsa.with_suffix(".pub").read_text()),
            "native": (native, public), "shut": (shut, shut.with_suffix(".pub").read_text())}
    for name, (private, recipient) in keys.items():
        for armor in ((), ("--armor",)):
            file = root / f"theirs-{name}{'-armored' if armor else ''}.age"
            made = age("--encrypt", *armor, "--recipient", recipient.strip(), "--output", file, data=secret.encode())
            report.that(made.returncode == 0, f"age encrypts {file.name}", made.stderr)
            place = f'{{ age = "{file.name}", identity = "{private.name}" }}'
            if name == "shut":
                place = place.replace(" }", f', passphrase = {{ env = "PHRASE" }} }}')
            words = read_by_us(desk, file.stem, place)
            done = desk.run(*words, PHRASE=phrase)
            report.that(done.returncode in (0, 3, 5) and opened(done.stderr), f"we read {file.name}", done.stderr)

    file = root / "theirs-passphrase.age"
    (root / "plain").write_text(secret)
    code, said = age_passphrase(["--encrypt", "--passphrase", "--output", file, root / "plain"], phrase)
    (root / "plain").unlink()
    report.that(code == 0, "age encrypts to a passphrase", said)
    words = read_by_us(desk, "theirs-passphrase", '{ age = "theirs-passphrase.age", passphrase = { env = "PHRASE" } }')
    done = desk.run(*words, PHRASE=phrase)
    report.that(opened(done.stderr), "we read what age encrypted to a passphrase", done.stderr)
    done = desk.run(*words, PHRASE="wrong")
    report.that(done.returncode == 2 and "passphrase is wrong" in done.stderr, "a wrong passphrase is said to be one", done.stderr)
    words = read_by_us(desk, "asked", '{ age = "theirs-passphrase.age" }')
    done = desk.run(*words)
    report.that(done.returncode == 2 and "prompt" in done.stderr, "without a terminal nobody is asked", done.stderr)
    code, said, left = desk.typed([("Passphrase of", phrase)], *words)
    report.that(not left and opened(said), "on a terminal its passphrase is asked for", said)
    report.that(said.count("Passphrase of") == 1, "and once", said)

    # What keeps two age files of the same key apart is nothing: the key's passphrase is asked once.
    entries = "".join(f'[[credential]]\nid = "{name}"\ntype = "ssh-password"\nuser = "u"\nscope = ["127.0.0.1"]\n'
                      f'password = {{ age = "theirs-shut{name}.age", identity = "id_shut" }}\n' for name in ("", "-armored"))
    (root / "both.toml").write_text(entries.replace('id = ""', 'id = "plain"'))
    (root / "both.toml").chmod(0o600)
    words = ("scan", "127.0.0.1", "-p", "1", "--no-dns", "--credentials", "both.toml", "--known-hosts", "/dev/null", "--out", "out-both")
    code, said, left = desk.typed([("Passphrase of", phrase)], *words)
    report.that(not left and said.count("Passphrase of") == 1 and "credential plain:" not in said and "credential -armored:" not in said,
                "a key that opens two secrets is asked for once", said)
    return phrase, {"ed": ed, "rsa": rsa, "native": native, "shut": shut}, public


def files_of_ours(desk, report, secret, phrase, keys, public):
    root = desk.root
    for name, recipient in (("ed", keys["ed"].with_suffix(".pub")), ("rsa", keys["rsa"].with_suffix(".pub")), ("native", public)):
        done = desk.run("credentials", "add", f"ours-{name}", "--type", "ssh-password", "--user", "u", "--scope", "127.0.0.1",
                        "--in", "age", "--recipient", recipient, "--identity", keys[name].name, "--stdin",
                        "--credentials", "ours.toml", "-vv", stdin=secret + "\n")
        report.that(done.returncode == 0, f"credentials add encrypts to {name}", done.stderr)
        back = age("--decrypt", "--identity", keys[name], root / f"ours-{name}.age")
        report.that(back.stdout == secret.encode(), f"age reads what we encrypted to {name}", back.stderr)
        newer = secret + "-newer"
        done = desk.run("credentials", "rotate", f"ours-{name}", "--stdin", "--credentials", "ours.toml", stdin=newer)
        back = age("--decrypt", "--identity", keys[name], root / f"ours-{name}.age")
        report.that(done.returncode == 0 and back.stdout == newer.encode(), f"credentials rotate keeps the key of {name}",
                    done.stderr)
    report.that((root / "ours.toml").stat().st_mode & 0o777 == 0o600, "the file is made for its owner alone")
    report.that((root / "ours-ed.age").stat().st_mode & 0o777 == 0o600, "and so is the age file")
    report.that((root / "ours.toml").read_text().count("[[credential]]") == 3, "there are three credentials in it")

    answers = [("New secret", secret), ("Again", secret), ("Passphrase for", phrase), ("Again", phrase)]
    code, said, left = desk.typed(answers, "credentials", "add", "ours-typed", "--type", "ssh-password", "--user", "u",
                                  "--scope", "127.0.0.1", "--in", "age", "--credentials", "ours.toml")
    report.that(code == 0 and not left, "credentials add asks for secret and passphrase, each twice", said)
    plain = root / "back"
    code, said = age_passphrase(["--decrypt", "--output", plain, root / "ours-typed.age"], phrase)
    report.that(code == 0 and plain.read_text() == secret, "age reads what we encrypted to a passphrase", said)
    plain.unlink(missing_ok=True)
    answers = [("New secret", "a"), ("Again", "b")]
    code, said, _ = desk.typed(answers, "credentials", "rotate", "ours-typed", "--credentials", "ours.toml")
    report.that(code == 2 and "not the same" in said, "a slip in typing is not stored", said)
    answers = [("New secret", secret + "-newer"), ("Again", secret + "-newer"), ("Passphrase of", phrase)]
    code, said, left = desk.typed(answers, "credentials", "rotate", "ours-typed", "--credentials", "ours.toml")
    code_back, _ = age_passphrase(["--decrypt", "--output", plain, root / "ours-typed.age"], phrase)
    report.that(code == 0 and not left and plain.read_text() == secret + "-newer", "credentials rotate keeps the passphrase", said)
    plain.unlink(missing_ok=True)

    two = root / "two.age"
    age("--encrypt", "--recipient", public, "--recipient", keys["ed"].with_suffix(".pub").read_text().strip(), "--output", two,
        data=secret.encode())
    (root / "two.toml").write_text('[[credential]]\nid = "two"\ntype = "ssh-password"\nuser = "u"\nscope = ["127.0.0.1"]\n'
                                   'password = { age = "two.age", identity = "id_ed" }\n')
    (root / "two.toml").chmod(0o600)
    before = two.read_bytes()
    done = desk.run("credentials", "rotate", "two", "--stdin", "--credentials", "two.toml", stdin=secret)
    report.that(done.returncode == 2 and "2 keys" in done.stderr and two.read_bytes() == before,
                "a file that others can open too is not taken from them", done.stderr)
    done = desk.run("credentials", "rotate", "two", "--stdin", "--credentials", "two.toml", "--recipient", public, stdin=secret)
    report.that(done.returncode == 2 and "would not be opened" in done.stderr and two.read_bytes() == before,
                "nothing is replaced by what the credential could not open", done.stderr)
    listed = desk.run("credentials", "list", "--credentials", "ours.toml")
    report.that(listed.returncode == 0 and listed.stdout.count(" age ") == 4, "credentials list shows kinds of places", listed.stdout)


def editor(desk, report):
    root = desk.root
    path = root / "edited.toml"
    path.write_text('# ours\n[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "u"\nscope = ["127.0.0.1"]\n'
                    'password = { env = "EDITED_SECRET" }\n')
    path.chmod(0o600)
    script = root / "editor.sh"
    script.write_text('#!/bin/sh\nenv >editor.env\nstat -c %a "$2" >editor.mode\necho "$1" >editor.word\n'
                      'if [ -e broken ]; then rm broken; echo oops >>"$2"; else sed -i -e /oops/d -e s/127.0.0.1/127.0.0.2/ "$2"; fi\n')
    script.chmod(0o700)
    more = {"VISUAL": "./editor.sh --wait", "EDITED_SECRET": "Planted-in-a-variable"}
    code, said, _ = desk.typed([], "credentials", "edit", "a", "--credentials", "edited.toml", **more)
    report.that(code == 0 and "127.0.0.2" in path.read_text(), "an editor's text is taken over", said)
    report.that("EDITED_SECRET" not in (root / "editor.env").read_text(), "an editor inherits no variable with a secret")
    report.that((root / "editor.mode").read_text().strip() == "600", "an editor's copy is private")
    report.that((root / "editor.word").read_text().strip() == "--wait", "an editor may have arguments")
    (root / "broken").touch()
    code, said, left = desk.typed([("Edit it again", "y")], "credentials", "edit", "--credentials", "edited.toml", **more)
    report.that(code == 0 and not left, "what does not read is edited again", said)
    (root / "broken").touch()
    before = path.read_text()
    code, said, left = desk.typed([("Edit it again", "n")], "credentials", "edit", "--credentials", "edited.toml", **more)
    report.that(code == 2 and path.read_text() == before, "or is given up, and nothing is changed", said)
    report.that(not [it for it in root.iterdir() if it.name.startswith(".edited")], "no copy stays behind")
    done = desk.run("credentials", "edit", "a", "--credentials", "edited.toml")
    report.that(done.returncode == 2 and "terminal" in done.stderr, "without a terminal no editor is started", done.stderr)


def keyring(desk, report, secret):
    """Inside a D-Bus session of its own, started by this script again."""
    root = desk.root
    bus = {"DBUS_SESSION_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"]}
    bus["XDG_RUNTIME_DIR"] = os.environ["XDG_RUNTIME_DIR"]
    keygen(root, "locked", "ed25519", secret)
    stored = subprocess.run(["secret-tool", "store", "--label=ours", "service", "corp", "username", "audit"], input=secret, text=True,
                            timeout=60)
    report.that(stored.returncode == 0, "secret-tool stores a secret")
    words = read_by_us(desk, "keyring", '{ keyring = "corp/audit" }')
    done = desk.run(*words, **bus)
    report.that(opened(done.stderr), "we read what secret-tool stored", done.stderr)
    done = desk.run(*read_by_us(desk, "nothing", '{ keyring = "corp/nobody" }'), **bus)
    report.that(done.returncode == 2 and "nothing under corp/nobody" in done.stderr, "an entry that is not there is named", done.stderr)
    done = desk.run("credentials", "add", "kept", "--type", "ssh-password", "--user", "u", "--scope", "127.0.0.1", "--in", "keyring",
                    "--stdin", "--credentials", "kept.toml", "-vv", stdin=secret, **bus)
    report.that(done.returncode == 0, "credentials add stores in the keyring", done.stderr)
    back = subprocess.run(["secret-tool", "lookup", "service", "underdesk", "username", "kept"], text=True, capture_output=True)
    report.that(back.stdout == secret, "secret-tool reads what we stored", back.stderr)
    done = desk.run("credentials", "rotate", "kept", "--stdin", "--credentials", "kept.toml", stdin=secret + "-newer", **bus)
    back = subprocess.run(["secret-tool", "lookup", "service", "underdesk", "username", "kept"], text=True, capture_output=True)
    report.that(back.stdout == secret + "-newer", "credentials rotate replaces it", done.stderr)
    done = desk.run("credentials", "add", "again", "--type", "ssh-password", "--user", "u", "--scope", "127.0.0.1",
                    "--in", "keyring:underdesk/kept", "--credentials", "kept.toml", **bus)
    report.that(done.returncode == 0 and "already" in done.stdout, "what is in the keyring already is taken as it is", done.stdout)


def no_keyring(desk, report, secret):
    keygen(desk.root, "locked", "ed25519", secret)
    words = read_by_us(desk, "no-keyring", '{ keyring = "corp/audit" }')
    done = desk.run(*words, DBUS_SESSION_BUS_ADDRESS=f"unix:path={desk.root}/no-bus")
    report.that(done.returncode == 2 and "no keyring here" in done.stderr, "where there is no keyring, that is said", done.stderr)
    # A bus that takes the connection and never answers.
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(desk.root / "deaf"))
    server.listen(8)
    begun = time.monotonic()
    done = desk.run(*words, DBUS_SESSION_BUS_ADDRESS=f"unix:path={desk.root}/deaf")
    took = time.monotonic() - begun
    report.that(done.returncode == 2 and "within 30 s" in done.stderr and took < 60, f"a deaf keyring is given up ({took:.0f} s)",
                done.stderr)
    server.close()


def nowhere(desk, report, planted, allowed):
    """The secrets are in nothing that was said, and in no file but those that hold keys of their own."""
    for name, secret in planted.items():
        found = [text[:200] for text in desk.said if secret in text]
        report.that(not found, f"the {name} is in nothing that was said ({len(desk.said)} times)", found)
        files = [path for path in desk.root.rglob("*") if path.is_file() and path.name not in allowed]
        found = [str(path) for path in files if secret.encode() in path.read_bytes()]
        report.that(not found, f"the {name} is in none of {len(files)} files", found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--inside", action="store_true")
    arguments = parser.parse_args()
    binary = pathlib.Path(arguments.binary).resolve()
    report = Report()
    secret = f"Planted-Secret-{random.token_hex(8)}"
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        root.chmod(0o700)
        desk = Desk(root, binary)
        if arguments.inside:
            keyring(desk, report, secret)
            nowhere(desk, report, {"secret": secret}, set())
            sys.exit(1 if report.failed else 0)
        if shutil.which("age"):
            phrase, keys, public = files_of_age(desk, report, secret)
            files_of_ours(desk, report, secret, phrase, keys, public)
            nowhere(desk, report, {"secret": secret, "passphrase": phrase}, set())
        else:
            print("SKIPPED: no age here: its files are not checked against it")
        editor(desk, report)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        desk = Desk(root, binary)
        no_keyring(desk, report, secret)
    missing = [tool for tool in ("dbus-run-session", "gnome-keyring-daemon", "secret-tool") if not shutil.which(tool)]
    if missing:
        print(f"SKIPPED: no {', '.join(missing)} here: no keyring is checked")
    else:
        with tempfile.TemporaryDirectory() as folder:
            inside = (f"echo -n x | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1 && "
                      f"exec {sys.executable} {os.path.abspath(__file__)} --binary {binary} --inside")
            environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder, "XDG_DATA_HOME": f"{folder}/data"}
            done = subprocess.run(["dbus-run-session", "--", "sh", "-c", inside], env=environment, timeout=300)
            report.that(done.returncode == 0, "the keyring of a desktop (gnome-keyring)")
    if report.failed:
        print(f"{report.failed} FAILED")
        sys.exit(1)
    print("the stores are as they should be")


if __name__ == "__main__":
    main()
