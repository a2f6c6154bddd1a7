"""Where secrets must not be: in any output, file, argument or environment, at the highest verbosity."""

import base64
import os
import secrets as random
import stat

from audit_lab import Watch, quoted, rows


def secrets(lab, report):
    planted = Planted(lab)
    account = lab.account("secret", password=planted.password)
    other = lab.account("other", password=random.token_hex(8))
    public = [(lab.root / f"secret/{key}.pub").read_text() for key in ("planted-open", "planted-locked")]
    (lab.root / "authorized" / account).write_text("".join(public))
    listen = [f"127.0.0.{number}:22" for number in (10, 11, 12, 13)]
    server = lab.server("secrets", listen, ("PasswordAuthentication yes",))
    known = server.known_hosts("127.0.0.10", "127.0.0.11", "127.0.0.12", "127.0.0.13")
    credentials = lab.credentials("secrets.toml", *planted.credentials(account, other))
    folder = lab.folder("seen/out")
    options = ("-p", "22", "--credentials", credentials, "--known-hosts", known, "--out", folder,
               "--record", lab.folder("seen/record"), "-vv")
    process = lab.start("seen/store", "scan", "127.0.0.10-13", *options, env=planted.environment())
    watch = Watch(process.pid)
    out, err = process.communicate(timeout=120)
    watch.join(5)
    (lab.root / "seen/stdout").write_text(out)
    (lab.root / "seen/stderr").write_text(err)
    codes = {row["ip"]: row["result_code"] for row in rows(folder, "access")}
    wanted = {f"127.0.0.{number}": code for number, code in
              ((10, "ok"), (11, "ok"), (12, "ok"), (13, "auth_rejected"))}
    report.that({ip: code.replace("ok_partial", "ok") for ip, code in codes.items()} == wanted,
                "secrets: by key, by key with a passphrase, by password, and one refused", f"{codes} {err}")
    errors(lab, planted)
    lab.run("seen/store", "runs", "show", "-vv")
    done = lab.run("seen/store", "export", "-vv", "--format", "jsonl", "-o", "-")
    (lab.root / "seen/export").write_text(done.out + done.err)

    files = [path for path in [*lab.folder("seen").rglob("*"), *lab.folder("tmp").rglob("*"),
                               *lab.folder("operator").rglob("*")] if path.is_file() and path != planted.toml]
    found = [f"{what} in {path}" for path in files for what in planted.found_in(path.read_bytes())]
    report.that(len(files) > 15 and not found, f"secrets: none in {len(files)} files (outputs, logs, store, recordings)",
                found)
    found = [f"{what} in {file} of {pid}" for (pid, file), text in watch.seen.items()
             for what in planted.found_in(text)]
    report.that(not found, f"secrets: none in arguments of underdesk and its children ({len(watch.seen)} looks)", found)
    spied = [path for path in planted.spied.iterdir()]
    found = [f"{what} in {path}" for path in spied for what in planted.found_in(path.read_bytes())]
    report.that(len(spied) >= 2 and not found, "secrets: none in arguments and environment of what `command =` runs",
                f"{[path.name for path in spied]} {found}")
    core = [line.split()[4:6] for line in watch.limits.splitlines() if line.startswith("Max core file size")]
    report.that(core == [["0", "0"]], "secrets: the process cannot dump core", core)
    report.that(planted.password in server_side(lab), "secrets: the search finds what is there")
    mode = stat.S_IMODE(os.stat(lab.root / "seen/store.db").st_mode)
    report.that(mode & 0o077 == 0, "secrets: the store is for its owner only", oct(mode))
    server.stop()


def server_side(lab):
    return "".join(path.read_text() for path in (lab.root / "secret").glob("password*"))


def errors(lab, planted):
    """What is wrong with a credentials file is said without what is in it."""
    texts = {
        "literal": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                   f'password = "{planted.password}" oops\n',
        "field": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                 f'passwort = "{planted.password}"\n',
        "kind": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                f'password = {{ literal = "{planted.password}" }}\n',
        "list": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                f'password = ["{planted.password}"]\n',
        "value": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = "127.0.0.1"\n'
                 f'password = "{planted.password}"\naccount = "{planted.password}"\n',
        "key": f'[[credential]]\nid = "a"\ntype = "ssh-key"\nuser = "a"\nscope = ["127.0.0.1"]\n'
               f'key = {{ file = "{lab.root}/secret/password" }}\n',
        "passphrase": f'[[credential]]\nid = "a"\ntype = "ssh-key"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                      f'key = {{ file = "{lab.root}/secret/planted-locked" }}\n'
                      f'passphrase = {{ file = "{lab.root}/secret/password" }}\n',
        "command": f'[[credential]]\nid = "a"\ntype = "ssh-password"\nuser = "a"\nscope = ["127.0.0.1"]\n'
                   f'password = {{ command = ["{lab.root}/secret/fails"] }}\n',
    }
    fails = lab.root / "secret/fails"
    fails.write_text(f"#!/bin/sh\ncat {lab.root}/secret/password; echo 'the vault is closed' >&2\nexit 3\n")
    fails.chmod(0o700)
    for name, text in texts.items():
        planted.toml.write_text(text)
        planted.toml.chmod(0o600)
        for verbose in ("-v", "-vv"):
            done = lab.run("seen/errors", "scan", "127.0.0.1", "-p", "1", "--credentials", planted.toml, verbose,
                           "--known-hosts", "/dev/null", "--out", lab.folder(f"seen/errors-{name}"))
            (lab.root / f"seen/error-{name}{verbose}").write_text(f"exit {done.code}\n{done.out}{done.err}")


class Planted:
    """Secrets that occur nowhere else."""

    def __init__(self, lab):
        self.lab = lab
        self.password = f"Planted-Word-{random.token_hex(8)}"
        self.wrong = f"Planted-Wrong-{random.token_hex(8)}"
        self.passphrase = f"Planted-Phrase-{random.token_hex(8)}"
        self.comment = f"Planted-Comment-{random.token_hex(8)}"
        self.toml = lab.folder("operator") / "errors.toml"
        self.spied = lab.folder("spied")
        lab.key("planted-open", comment=self.comment)
        lab.key("planted-locked", passphrase=self.passphrase)
        self.secrets = {"password": self.password.encode(), "wrong password": self.wrong.encode(),
                        "passphrase": self.passphrase.encode(), "comment of a key": self.comment.encode()}
        for name in ("planted-open", "planted-locked"):
            lines = lab.key(name).read_text().splitlines()[1:-1]
            # The first lines hold the cipher's name and the public key.
            self.secrets |= {f"line {number} of {name}": line.encode() for number, line in enumerate(lines) if number > 1}
        self.secrets["private key"] = private_scalar(lab.key("planted-open"))
        for name, word in (("password", self.password), ("wrong", self.wrong)):
            (lab.root / "secret" / name).write_text(word)
            script = lab.root / "secret" / f"say-{name}"
            script.write_text(
                f"#!/bin/sh\ncat /proc/$$/environ >{self.spied}/environ-$$\n"
                f"cat /proc/$$/cmdline >{self.spied}/cmdline-$$\ncat {lab.root}/secret/{name}\n")
            script.chmod(0o700)
        for path in (lab.root / "secret").iterdir():
            path.chmod(0o700 if path.name.startswith("say-") else 0o600)

    def environment(self):
        return {"PLANTED_PASSPHRASE": self.passphrase, "RUST_LOG": "trace",
                "RUST_BACKTRACE": "full"}

    def credentials(self, account, other):
        """Address .10 by an open key, .11 by a locked one, .12 by a password, .13 by a wrong one: as
        another account, as a wrong word stops an account on this host wherever it answers."""
        def one(number, kind, account=account, **more):
            return {"id": quoted(f"planted-{number}"), "type": quoted(kind), "user": quoted(account),
                    "scope": f'["127.0.0.{number}"]'} | more
        folder = self.lab.root / "secret"
        return (
            one(10, "ssh-key", key=f'{{ file = "{folder}/planted-open" }}'),
            one(11, "ssh-key", key=f'{{ file = "{folder}/planted-locked" }}', passphrase='{ env = "PLANTED_PASSPHRASE" }'),
            one(12, "ssh-password", password=f'{{ command = ["{folder}/say-password"] }}'),
            one(13, "ssh-password", other, password=f'{{ command = ["{folder}/say-wrong"] }}'),
        )

    def found_in(self, text):
        """The secrets in some bytes, as they are, in hex and in base64."""
        for name, secret in self.secrets.items():
            forms = {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]}
            if any(form in text for form in forms):
                yield name


def private_scalar(path):
    """The 32 private bytes of an unencrypted ed25519 key (PROTOCOL.key of OpenSSH): before the public half
    that ends the pair, so behind the second copy of the public key."""
    body = base64.b64decode("".join(path.read_text().splitlines()[1:-1]))
    public = base64.b64decode(path.with_suffix(".pub").read_text().split()[1])[-32:]
    second = body.index(public, body.index(public) + 32)
    return body[second + 36:second + 68]
