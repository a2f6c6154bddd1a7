"""What winrm.py works with: virtual Windows hosts, a KDC, and what they saw of us.

The hosts are those of the independent laboratory (winrmlab): its own process, its own security stack. What
it writes down is the truth about what was sent; its profiles are the truth about what there is to read.
"""

import collections
import dataclasses
import datetime
import functools
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

import audit_lab

# As root, credentials lie in a folder of root's; the laboratory's own accounts.
LOCAL = (".\\scanner", "Passw0rd!")
DOMAIN = ("CONTOSO\\svc_scan", "D0main!Pass")
REALM = "CONTOSO.TEST"
GOOD = {"ok", "ok_partial"}
READ = {"scanned_full", "scanned_partial"}


class WinLab(audit_lab.Lab):
    """The folder, the hosts, the KDC."""

    def __init__(self, binary, laboratory):
        super().__init__(binary, None)
        self.laboratory = pathlib.Path(laboratory).resolve()
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self.laboratory))
        self.kdc = None
        self.environment_of_hosts = {}
        self.bench = 0

    def __exit__(self, *why):
        if self.kdc:
            self.kdc.stop()
        super().__exit__(*why)

    def import_catalog(self):
        """Any catalogue: without one every run ends with exit status 5."""
        feeds = pathlib.Path(__file__).parent.parent / "fixtures/feeds/osv"
        self.catalog = self.root / "catalog.db"
        done = self.run("catalog", "catalog", "import", feeds)
        if done.code != 0:
            raise RuntimeError(f"catalog import: {done.err}")

    def hosts(self, name, hosts, *options):
        """Serves hosts: a dict of address -> profile, complete or short."""
        served = Hosts(self, name, hosts, options)
        self.servers.append(served)
        served.start()
        return served

    def secret(self, word):
        """A file that holds a password and that nobody else may read."""
        path = self.root / "secret" / f"word-{hashlib.sha256(word.encode()).hexdigest()[:16]}"
        path.write_text(word, encoding="utf-8")
        path.chmod(0o600)
        return path

    def login(self, account=LOCAL, scope=("127.0.0.0/8",), identity="windows", **more):
        """An entry for credentials(); `more` are lines of TOML, booleans as they are."""
        user, word = account
        entry = {"id": audit_lab.quoted(identity), "type": '"winrm"', "user": literal(user),
                 "password": f'{{ file = "{self.secret(word)}" }}', "scope": audit_lab.listed(scope)}
        return entry | {key: toml(value) for key, value in more.items()}

    def scan(self, store, targets, credentials, *options, seconds=120, ports="5985,5986", measure=False, env=None):
        """A scan, and its tables. One row for each address, so that each can be judged."""
        folder = self.folder(f"out-{store}")
        words = ("scan", *targets, "-p", ports, "--credentials", credentials, "--known-hosts", "/dev/null",
                 "--no-merge", "--out", folder, *options)
        done = self.run(store, *words, seconds=seconds, measure=measure, env=env)
        return Scanned(folder, done)


def literal(text):
    return f"'{text}'"


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    return audit_lab.listed(value) if isinstance(value, (list, tuple)) else audit_lab.quoted(value)


class Hosts:
    """One laboratory process with its hosts."""

    def __init__(self, lab, name, hosts, options):
        self.lab, self.name, self.options = lab, name, [str(option) for option in options]
        self.profiles = hosts
        self.state = lab.root / f"state-{name}"
        self.process = None

    def start(self):
        config = self.lab.root / f"hosts-{self.name}.json"
        listed = [{"address": address} | profile for address, profile in self.profiles.items()]
        config.write_text(json.dumps({"hosts": listed}), encoding="utf-8")
        self.errors = open(self.lab.root / f"hosts-{self.name}.log", "wb")
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | self.lab.environment_of_hosts
        if self.lab.kdc:
            environment["KRB5_CONFIG"] = str(self.lab.kdc.folder / "krb5.conf")
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "winrmlab", "serve", "--config", str(config), "--state", str(self.state),
             *self.options], cwd=self.lab.laboratory, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.errors)
        said = self.process.stdout.readline().decode(errors="replace")
        if "winrmlab:" not in said:
            log = pathlib.Path(self.errors.name).read_text(errors="replace")
            raise RuntimeError(f"the laboratory does not serve {self.name}: {said} {log[-600:]}")

    @property
    def ca(self):
        return self.state / "ca.pem"

    def fingerprint(self):
        """The SHA-256 of the certificate that every host shows, in hex."""
        first = re.search(r"-----BEGIN CERT.*?END CERTIFICATE-----\s*", (self.state / "cert.pem").read_text(), re.S)
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first.group(0))).hexdigest()

    @functools.cache
    def truth(self, address):
        """What there is to read at a host."""
        from winrmlab import profile
        return Truth(profile.Host(json.loads(json.dumps(self.profiles[address])), address))

    def events(self):
        """Everything that happened, oldest first."""
        time.sleep(0.8)  # The laboratory writes down every 0.3 s.
        found = []
        for path in self.state.glob("events-*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue  # Half written.
        return sorted(found, key=lambda event: event["t"])

    def seen(self, since=0.0):
        """What each host saw, by address."""
        by_host = collections.defaultdict(list)
        for event in self.events():
            if event["t"] >= since:
                by_host[event["host"]].append(event)
        return {address: Seen(by_host[address]) for address in self.profiles}

    def stop(self):
        if not self.process or self.process.poll() is not None:
            return
        workers = audit_lab.descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for worker in workers:
            audit_lab.end(worker)
        self.errors.close()


class Seen:
    """What one host saw."""

    def __init__(self, events):
        def of(kind):
            return [event for event in events if event["ev"] == kind]
        self.logons, self.failed, self.requests = of("auth"), of("auth_fail"), of("req")
        self.refused, self.broken = of("plaintext_refused"), of("seal_error")
        busy = {event["conn"] for event in of("close") if event.get("reqs")}
        # A sweep's probe connects and asks nothing: no session.
        self.sessions = busy | {event["conn"] for event in self.logons + self.failed + self.requests}
        self.identified = of("identify")

    def actions(self, name):
        return [event for event in self.requests if event.get("action") == name]

    def ways(self):
        """How one logged on: (what the first token was, mechanism, inside TLS)."""
        return [(event["proto"], event["mech"], event["tls"]) for event in self.logons]

    def sins(self):
        """What a client that minds its manners does not do."""
        opened = [event for event in self.actions("Create") if event["status"] == 200]
        # A shell that the host itself took away cannot be deleted.
        closed = [event for event in self.actions("Delete") if event["status"] == 200]
        plain = [event for event in self.requests if not event["sealed"] and not event["tls"]]
        stray = [word for event in self.requests for word in event.get("stray", [])]
        pages = {event["codepage"] for event in opened}
        found = {
            f"{len(self.sessions)} connections": len(self.sessions) != 1,
            f"{len(self.logons)} logons": len(self.logons) != 1,
            f"{len(self.failed)} refused logons": self.failed,
            "a message in plain text": plain or self.refused,
            "a message that does not unseal": self.broken,
            f"headers outside the header: {stray[:3]}": stray,
            f"{len(opened)} shells, {len(closed)} deleted": len(opened) != len(closed),
            "more than one shell": len(opened) > 1,
            f"code pages {pages}": pages - {65001},
        }
        return [what for what, is_so in found.items() if is_so]


@dataclasses.dataclass
class Scanned:
    """What a run wrote."""

    folder: pathlib.Path
    done: audit_lab.Done

    def rows(self, table):
        return list(audit_lab.rows(self.folder, table))

    def at(self, table, address):
        return [row for row in self.rows(table) if row["ip"] == address]

    def accesses(self):
        """The rows about WinRM with a credential, by address."""
        found = collections.defaultdict(list)
        for row in self.rows("access"):
            if row["protocol"] == "winrm" and row["credential_id"] not in ("", "unknown"):
                found[row["ip"]].append(row)
        return found

    def codes(self):
        return {address: [row["result_code"] for row in rows] for address, rows in self.accesses().items()}

    def outcomes(self):
        return {row["ip"]: row["outcome"] for row in self.rows("machines")}


class Truth:
    """What a profile says, as our tables should say it."""

    def __init__(self, host):
        self.host = host
        release = host.p["os"]
        ubr = host.reg_find(current_version())["values"].get("UBR")
        self.machine = {
            "os_family": "windows", "os_name": release["Caption"].strip(), "build": str(host.build),
            "ubr": str(ubr[1]) if ubr else "", "edition": release["EditionID"], "hostname": host.name.lower(),
            "join_state": "domain" if host.dns_domain else "workgroup", "domain": host.dns_domain or "",
        }
        self.software = sorted(self.programs())
        self.hotfixes = {fix["HotFixID"]: day(fix.get("InstalledOn", "")) for fix in host.p["hotfixes"]}

    def programs(self):
        """(name, version, publisher, arch, day): what the control panel would list."""
        from winrmlab import profile
        for root, arch in ((profile.UNINST, "x64"), (profile.UNINST32, "x86")):
            for key in self.host.reg_find(root)["sub"].values():
                values = {name: data for name, (_, data) in key["values"].items()}
                is_part = values.get("SystemComponent") == 1 or values.get("ParentKeyName")
                if values.get("DisplayName") and not is_part:
                    yield (values["DisplayName"], values.get("DisplayVersion", "unknown"), values.get("Publisher", ""),
                           arch, day(values.get("InstallDate", "")))


def current_version():
    from winrmlab import profile
    return profile.CURVER


def day(text):
    """A day as exported, of the ways in which Windows writes one."""
    if found := re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text):
        return "-".join(found.groups())
    if found := re.fullmatch(r"(\d+)/(\d+)/(\d{4})", text):
        month, day_of_month, year = (int(number) for number in found.groups())
        return f"{year:04}-{month:02}-{day_of_month:02}"
    if re.fullmatch(r"[0-9a-f]{16}", text):
        since = datetime.timedelta(microseconds=int(text, 16) // 10)
        return str((datetime.datetime(1601, 1, 1) + since).date())
    return "unknown"


def software_rows(scanned, address):
    """software.csv's programs of a host, as Truth has them."""
    return sorted((row["name"], row["version"], row["publisher"], row["arch"], row["install_date"])
                  for row in scanned.at("software", address)
                  if row["source"] == "registry" and row["scope"] == "machine")


class Kdc:
    """A key distribution centre of MIT's, made by the laboratory's script."""

    NEEDED = ("krb5kdc", "kdb5_util", "kadmin.local")

    def __init__(self, lab, names):
        path = f"{os.environ['PATH']}:/usr/sbin"
        missing = [tool for tool in self.NEEDED if not shutil.which(tool, path=path)]
        if missing:
            raise audit_lab.Skip(f"{', '.join(missing)} is not installed")
        try:
            import gssapi  # noqa: F401: what the laboratory accepts tickets with
        except ImportError:
            raise audit_lab.Skip("the laboratory's Python has no gssapi") from None
        self.lab, self.folder = lab, lab.folder("kdc")
        self.script = lab.laboratory / "krb5/kdc.sh"
        self.environment = os.environ | {"PATH": path, "KDC_PORT": "18888"}
        self.call("init", *names)
        self.call("start")
        lab.kdc = self

    address = "127.0.0.1:18888"

    @property
    def keytab(self):
        return self.folder / "lab.keytab"

    def call(self, action, *names):
        # The daemon keeps what it inherits: no pipe may wait for it.
        with open(self.lab.root / "kdc-script.log", "ab") as log:
            subprocess.run(["bash", str(self.script), action, str(self.folder), *names], env=self.environment,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, timeout=60)

    def add(self, user, word):
        environment = self.environment | {"KRB5_CONFIG": str(self.folder / "krb5.conf"),
                                          "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}
        subprocess.run(["kadmin.local", "addprinc", "-pw", word, user], env=environment, check=True,
                       capture_output=True, timeout=30)

    def log(self):
        path = self.folder / "kdc.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stop(self):
        try:
            self.call("stop")
        except subprocess.SubprocessError:
            pass
        self.lab.kdc = None


def spread(first, count):
    """`count` addresses from one on."""
    return [str(ipaddress.ip_address(first) + offset) for offset in range(count)]

