"""What audit.py works with: accounts, keys, OpenSSH servers, and underdesk under observation.

All of it lives in one temporary folder and in a network namespace that has nothing but loopback, and
goes away with the lab: only what this process started is ended, only accounts with our prefix that live
in our folder are removed.
"""

import csv
import dataclasses
import fcntl
import os
import pathlib
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PREFIX = "ud-"
FOLDER = "underdesk-audit-"
IN_NAMESPACE = "UNDERDESK_AUDIT_NAMESPACE"
# The memory of a process counts from its fork on, so it is measured below a small parent, and ends with it
# (prctl(2), PR_SET_PDEATHSIG).
MEASURE = """
import ctypes, os, sys
out, command = sys.argv[1], sys.argv[2:]
child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(1, 9)
    os.execv(command[0], command)
_, status, usage = os.wait4(child, 0)
with open(out, "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


class Skip(Exception):
    """A check that cannot be made here, and why."""


def enter_namespace(*more):
    """Starts this program again where there is no network but loopback; falls through where that is not
    allowed. `more` are further namespaces, as unshare(1) names them."""
    if os.environ.get(IN_NAMESPACE):
        raise_loopback()
        return True
    allowed = subprocess.run(["unshare", "--net", *more, "true"], capture_output=True, check=False)
    if allowed.returncode != 0:
        return False
    os.environ[IN_NAMESPACE] = "1"
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", "--net", *more, sys.executable, *sys.argv])


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # SIOCSIFFLAGS: IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request + bytes(16))


@dataclasses.dataclass
class Done:
    """How a command went."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float | None = None


class Lab:
    """The folder, the accounts, the servers."""

    def __init__(self, binary, shared):
        self.binary = str(pathlib.Path(binary).resolve())
        self.shared = pathlib.Path(shared).resolve() if shared else None
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=FOLDER))
        self.root.chmod(0o755)
        (self.root / "pid").write_text(str(os.getpid()))
        for name in ("homes", "authorized", "secret", "operator", "bin"):
            (self.root / name).mkdir()
        (self.root / "secret").chmod(0o700)
        self.servers = []
        self.started = []
        self.accounts = []
        self.is_alone = bool(os.environ.get(IN_NAMESPACE))
        self.catalog = None
        remove_leftovers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        for server in self.servers:
            server.stop()
        for account in self.accounts:
            end_processes_of(account)
            subprocess.run(["userdel", "--force", account], capture_output=True, check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    # Accounts and keys

    def account(self, name, shell="/bin/bash", password=None):
        """Makes an account without a usable password, or with one."""
        name = f"{PREFIX}{name}-{os.getpid()}"
        if name in self.accounts:
            return name
        home = self.root / "homes" / name
        subprocess.run(
            ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", str(shell),
             "--no-user-group", "--password", "*", name],
            check=True, capture_output=True)
        self.accounts.append(name)
        home.mkdir()
        shutil.chown(home, name)
        if password:
            subprocess.run(["chpasswd"], input=f"{name}:{password}\n", text=True, check=True)
        return name

    def rc_file(self, account, name, text):
        path = self.root / "homes" / account / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def key(self, name, passphrase="", comment="audit"):
        path = self.root / "secret" / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", comment, "-f", str(path)],
                           check=True)
        return path

    def authorize(self, account, key, options=""):
        public = key.with_name(key.name + ".pub").read_text(encoding="utf-8")
        path = self.root / "authorized" / account
        path.write_text(f"{options} {public}".lstrip(), encoding="utf-8")
        path.chmod(0o644)

    # Servers

    def server(self, name, listen, options=()):
        """A running OpenSSH server with a host key of its own, logging at its most talkative."""
        server = Server(self, name, listen, options)
        self.servers.append(server)
        server.start()
        return server

    # underdesk

    def credentials(self, name, *entries):
        """A credentials file; each entry is a dict of TOML values."""
        path = self.root / "operator" / name
        text = "".join("[[credential]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items()) + "\n"
                       for entry in entries)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def key_credential(self, account, key, scope=("127.0.0.0/8",), identity=None):
        return {"id": quoted(identity or account), "type": '"ssh-key"', "user": quoted(account),
                "key": f'{{ file = "{key}" }}', "scope": listed(scope)}

    def environment(self, extra=None):
        home = self.folder("operator")
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "USER": "auditor", "LANG": "C.UTF-8",
                       "TMPDIR": str(self.folder("tmp"))}
        return environment | (extra or {})

    def command(self, store, *arguments):
        words = [self.binary, "--store", str(self.root / f"{store}.db"), "--no-input"]
        words += ["--catalog", str(self.catalog)] if self.catalog else []
        words += [str(argument) for argument in arguments]
        # Feeds of a past day say nothing of what came later, which is no finding here.
        is_judged = self.catalog and arguments[0] in ("scan", "match", "export")
        return words + (["--max-catalog-age", "100000"] if is_judged else [])

    def run(self, store, *arguments, seconds=120, measure=False, env=None):
        """Runs underdesk to its end. A time-out is a failure of the check that called."""
        command = self.command(store, *arguments)
        peak = self.root / "peak"
        if measure:
            command = [sys.executable, "-I", "-S", "-c", MEASURE, str(peak), *command]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds,
                              env=self.environment(env), cwd=self.folder("operator"), check=False)
        seconds = time.monotonic() - began
        peak_mb = int(peak.read_text()) / 1024 if measure else None
        return Done(done.returncode, done.stdout, done.stderr, seconds, peak_mb)

    def start(self, store, *arguments, env=None):
        """Starts underdesk and leaves it running; its words go to pipes."""
        process = subprocess.Popen(self.command(store, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, errors="replace", env=self.environment(env),
                                   cwd=self.folder("operator"))
        self.started.append(process)
        return process


class Server:
    """One sshd. PAM knows it by the name of its program."""

    program = "/usr/sbin/sshd"

    def __init__(self, lab, name, listen, options):
        self.lab, self.name, self.listen, self.options = lab, name, listen, options
        self.log = lab.root / f"sshd-{name}.log"
        self.host_key = lab.key(f"host-{name}", comment=name)
        self.process = None

    def start(self):
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        config = self.lab.root / f"sshd-{self.name}.conf"
        lines = [f"ListenAddress {place}" for place in self.listen]
        lines += [f"HostKey {self.host_key}", "PidFile none", "StrictModes no", "PrintMotd no",
                  f"AuthorizedKeysFile {self.lab.root}/authorized/%u", *self.options]
        # The first word on a setting counts.
        lines += ["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                  "LogLevel DEBUG1"]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.program, "-D", "-f", str(config), "-E", str(self.log)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for place in self.listen:
            host, port = place.rsplit(":", 1)
            self.await_port("127.0.0.1" if host == "0.0.0.0" else host, int(port))

    def await_port(self, host, port):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((host, port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"sshd {self.name} does not listen on {host}:{port}: {self.text()[-400:]}")

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def public_key(self):
        return " ".join(self.host_key.with_name(self.host_key.name + ".pub").read_text(encoding="utf-8").split()[:2])

    def known_hosts(self, *names):
        """A known_hosts file with this server's key under each name."""
        path = self.lab.root / "operator" / f"known-{self.name}"
        path.write_text("".join(f"{name} {self.public_key()}\n" for name in names), encoding="utf-8")
        return path

    def stop(self):
        if not self.process or self.process.poll() is not None:
            return
        children = descendants(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in children:
            end(child)


def quoted(text):
    return f'"{text}"'


def listed(texts):
    return "[" + ", ".join(quoted(text) for text in texts) + "]"


def remove_leftovers():
    """Accounts of an audit that was killed."""
    for entry in pwd.getpwall():
        folder = pathlib.Path(entry.pw_dir).parent.parent
        if not entry.pw_name.startswith(PREFIX) or not folder.name.startswith(FOLDER):
            continue
        owner = folder / "pid"
        if owner.exists() and pathlib.Path(f"/proc/{owner.read_text()}").exists():
            continue
        end_processes_of(entry.pw_name)
        subprocess.run(["userdel", "--force", entry.pw_name], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def parents():
    """The parent of every process."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(errors="replace")
            except OSError:
                continue
            found[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def descendants(pid):
    every = parents()
    found, fresh = [], [pid]
    while fresh:
        fresh = [child for child, parent in every.items() if parent in fresh]
        found += fresh
    return found


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_processes_of(account):
    """What still runs as an account that we made."""
    number = pwd.getpwnam(account).pw_uid
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and folder.stat().st_uid == number:
                end(int(folder.name))
        except OSError:
            continue


class Watch(threading.Thread):
    """Looks at a process and its children, again and again, until it ends."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.seen = {}  # (pid, file) -> bytes
        self.limits = ""
        self.start()

    def run(self):
        while pathlib.Path(f"/proc/{self.pid}/limits").exists():
            self.look(self.pid, ("cmdline",))
            for child in descendants(self.pid):
                # Until it is another program, a child has the environment of its parent.
                if program(child) != program(self.pid):
                    self.look(child, ("cmdline", "environ"))
            try:
                self.limits = pathlib.Path(f"/proc/{self.pid}/limits").read_text() or self.limits
            except OSError:
                return
            time.sleep(0.01)

    def look(self, pid, files):
        for file in files:
            try:
                self.seen[pid, file] = pathlib.Path(f"/proc/{pid}/{file}").read_bytes()
            except OSError:
                continue


def program(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def rows(folder, table):
    """The rows of a table, in however many files it is."""
    parts = sorted(pathlib.Path(folder).glob(f"{table}-*.csv"), key=lambda path: int(path.stem.rpartition("-")[2]))
    for path in [pathlib.Path(folder) / f"{table}.csv", *parts]:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def installed():
    """What dpkg says is installed: (name, version, architecture), sorted."""
    output = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"],
        check=True, capture_output=True, text=True).stdout
    lines = (line.split("\t") for line in output.splitlines())
    return sorted(tuple(line[:3]) for line in lines if line[3] not in ("config-files", "not-installed"))


def software(folder, address=None):
    """What software.csv says is installed."""
    return sorted((row["name"], row["version"], row["arch"]) for row in rows(folder, "software")
                  if address in (None, row["ip"]))
