"""What identify_audit.py works with: Debian's own servers, with private configuration, at addresses of our own.

Everything lives in one temporary folder and in a network namespace that has nothing but loopback and a device that
leads nowhere; only what this process started is ended. What each server says it is stands next to it: by its
configuration, by the tool that belongs to it, and by dpkg-query.
"""

import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from audit_lab import IN_NAMESPACE, Skip, descendants, end, raise_loopback

NET = "10.77.0.0/28"
HOSTNAME = "udfiles"
PORTS, UDP_PORTS = "22,80,135,389,443,445,3389", "137,161"
FILES, STRICT, SHELL, WEB, OLD, DIRECTORY, AGENT, SCREEN, BARE = (f"10.77.0.{number}" for number in range(1, 10))


def enter_namespace():
    """Starts this program again with a network and a host name of its own."""
    if os.environ.get(IN_NAMESPACE):
        raise_loopback()
        # Not every kernel has the device that leads nowhere by itself.
        subprocess.run(["ip", "link", "add", "ud0", "type", "veth", "peer", "name", "ud1"], check=True)
        for device in ("ud0", "ud1"):
            subprocess.run(["ip", "link", "set", device, "up"], check=True)
        for number in range(1, 10):
            subprocess.run(["ip", "addr", "add", f"10.77.0.{number}/28", "brd", "+", "dev", "ud0"], check=True)
        socket.sethostname(HOSTNAME)
        return True
    words = ["unshare", "--net", "--uts"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        return False
    os.environ[IN_NAMESPACE] = "1"
    sys.stdout.flush()
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


def program(name):
    """Where a program is; what needs it cannot be done without."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/lib/openldap")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def upstream(name):
    """The version of the package that a program is of, without Debian's part, and the whole of it."""
    path = program(name)
    # /usr/sbin or /sbin, as the package has it.
    owner = next((said.split(":")[0] for said in (output("dpkg-query", "-S", place) for place in (path, f"/usr{path}"))
                  if "no path found" not in said), None)
    whole = output("dpkg-query", "-W", "-f", "${Version}", owner) if owner else ""
    if not whole:
        raise Skip(f"no package of Debian has {path}")
    return re.split(r"[-+~]", whole.split(":", 1)[-1], maxsplit=1)[0], whole


def output(*words, text=None, seconds=20):
    """What a program prints, on either way out."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, input=text, errors="replace",
                          timeout=seconds, check=False)
    return done.stdout + done.stderr


@dataclasses.dataclass
class Running:
    """A server of ours."""

    name: str
    process: subprocess.Popen
    log: pathlib.Path

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class IdentifyLab:
    """The folder and the servers."""

    def __init__(self, binary):
        self.binary = str(pathlib.Path(binary).resolve())
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="underdesk-identify-"))
        self.root.chmod(0o755)
        self.servers = []
        self.machines, self.services, self.clues = {}, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            self.stop(server)
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def start(self, name, words, address, port, udp=False):
        """Starts a server in the foreground, and waits until it listens."""
        log = self.root / f"{name}.log"
        with open(log, "ab") as file:
            process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       cwd=self.root, start_new_session=True)
        server = Running(name, process, log)
        self.servers.append(server)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if listens(address, port, udp):
                return server
            time.sleep(0.05)
        self.stop(server)
        raise Skip(f"{name} does not listen on {address}:{port} here: {' '.join(server.text().split())[-400:]}")

    @staticmethod
    def stop(server):
        if server.process.poll() is not None:
            return
        children = descendants(server.process.pid)
        server.process.terminate()
        try:
            server.process.wait(5)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
        for child in children:
            end(child)

    # The servers

    def samba(self, name, address, options, with_names=False):
        """smbd, and nmbd next to it. Every attempt to authenticate is written to its log."""
        folder = self.folder(name)
        lines = ["[global]", f"netbios name = {name.upper()}", "workgroup = UDLAB", "server role = standalone",
                 f"interfaces = {address}/28", "bind interfaces only = yes", "smb ports = 445", "load printers = no",
                 "disable spoolss = yes", "printcap name = /dev/null", "usershare max shares = 0", "map to guest = never",
                 "log level = 1 auth_audit:3", "max log size = 0", "passdb backend = tdbsam", "local master = no",
                 "domain master = no", "preferred master = no", "os level = 0"]
        places = {"private dir": "private", "lock directory": "lock", "state directory": "state",
                  "cache directory": "cache", "pid directory": "pid", "ncalrpc dir": "ncalrpc"}
        lines += [f"{option} = {self.folder(f'{name}/{place}')}" for option, place in places.items()]
        config = folder / "smb.conf"
        config.write_text("\n".join([*lines, *options]) + "\n", encoding="utf-8")
        words = ["--foreground", "--no-process-group", "--debug-stdout", "--configfile", config]
        server = self.start(name, [program("smbd"), *words], address, 445)
        if with_names:
            self.start(f"{name}-names", [program("nmbd"), *words], address, 137, udp=True)
            # It announces its names before it answers for them.
            deadline = time.monotonic() + 30
            while "<20>" not in self.names(address) and time.monotonic() < deadline:
                time.sleep(0.5)
        return server

    @staticmethod
    def names(address):
        """The table of NetBIOS names, as Samba's own tool shows it."""
        return output(program("nmblookup"), "-s", "/dev/null", "-A", address)

    def sshd(self, address):
        folder = self.folder("sshd")
        key = folder / "host"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        config = folder / "sshd_config"
        config.write_text(f"ListenAddress {address}:22\nHostKey {key}\nPidFile none\nUsePAM no\nLogLevel VERBOSE\n",
                          encoding="utf-8")
        return self.start("sshd", [program("sshd"), "-D", "-e", "-f", config], address, 22)

    def certificate(self, name, subject, days, alternative):
        """A certificate of an authority of our own, and its key. A number of days below zero has ended."""
        folder = self.folder("tls")
        authority, key, request, made = (folder / f"{name}.{end}" for end in ("ca", "key", "csr", "pem"))
        quiet = {"check": True, "capture_output": True}
        openssl = program("openssl")
        subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{authority}.key", "-out",
                        str(authority), "-days", "30", "-subj", "/O=Underdesk Lab/CN=Lab, Root"], **quiet)
        subprocess.run([openssl, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(request),
                        "-subj", subject], **quiet)
        extension = folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n", encoding="utf-8")
        words = [openssl, "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", f"{authority}.key",
                 "-CAcreateserial", "-out", str(made), "-extfile", str(extension), "-days", str(days)]
        done = subprocess.run(words, capture_output=True, check=False)
        if done.returncode != 0 or days < 0:
            self.ended(authority, request, made, extension)
        return made, key

    def ended(self, authority, request, made, extension):
        """`openssl x509` makes none that has ended; its authority does."""
        folder = self.folder("tls/authority")
        (folder / "index").write_text("", encoding="utf-8")
        config = folder / "config"
        config.write_text(f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial="
                          f"{folder}/serial\ndefault_md=sha256\npolicy=any\ncopy_extensions=none\nunique_subject=no\n"
                          "[any]\norganizationName=optional\ncommonName=supplied\n", encoding="utf-8")
        subprocess.run([program("openssl"), "ca", "-batch", "-config", str(config), "-create_serial", "-rand_serial",
                        "-cert", str(authority), "-keyfile", f"{authority}.key", "-in", str(request), "-out", str(made),
                        "-extfile", str(extension), "-startdate", "20200101000000Z", "-enddate", "20210203040506Z",
                        "-notext"], check=True, capture_output=True)

    def nginx(self, name, address, certificate, key, title, tls="TLSv1.2 TLSv1.3", ciphers="HIGH"):
        folder = self.folder(name)
        self.folder(f"{name}/pages").joinpath("index.html").write_text(
            f"<!doctype html><html><head><title>{title}</title></head><body>{title}</body></html>", encoding="utf-8")
        temporary = "".join(f"{what}_temp_path {folder}/{what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi",
                                                                               "scgi"))
        config = folder / "nginx.conf"
        config.write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log {folder}/access.log; {temporary}
  server {{ listen {address}:80 backlog=4096; root {folder}/pages; }}
  server {{
    listen {address}:443 ssl backlog=4096; root {folder}/pages;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols {tls}; ssl_ciphers {ciphers};
  }}
}}
""", encoding="utf-8")
        return self.start(name, [program("nginx"), "-c", config, "-p", folder, "-e", folder / "error.log"], address, 443)

    def slapd(self, address):
        folder = self.folder("slapd")
        config = folder / "slapd.conf"
        modules = next((path for path in ("/usr/lib/ldap", "/usr/lib/openldap") if pathlib.Path(path).is_dir()), None)
        lines = ["include /etc/ldap/schema/core.schema", f"pidfile {folder}/pid",
                 *([f"modulepath {modules}", "moduleload back_mdb"] if modules else []), "database mdb",
                 'suffix "dc=corp,dc=example"', 'rootdn "cn=admin,dc=corp,dc=example"',
                 f"directory {self.folder('slapd/data')}"]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        # With -d it stays in the foreground; 256 is a line for each operation.
        return self.start("slapd", [program("slapd"), "-d", "256", "-f", config, "-h", f"ldap://{address}:389"], address,
                          389)

    def snmpd(self, address):
        folder = self.folder("snmpd")
        config = folder / "snmpd.conf"
        config.write_text(f"agentAddress udp:{address}:161\nsysName udagent\nsysDescr hidden\n", encoding="utf-8")
        words = ["env", f"SNMP_PERSISTENT_DIR={folder}", f"SNMPCONFPATH={folder}", program("snmpd"), "-f", "-Lo", "-C", "-c",
                 config, "-p", folder / "pid"]
        return self.start("snmpd", words, address, 161, udp=True)

    def engine(self):
        """The id of the SNMP engine, hex, as snmpd keeps it."""
        for path in self.folder("snmpd").rglob("snmpd.conf"):
            found = re.search(r"^oldEngineID 0x([0-9a-fA-F]+)", path.read_text(encoding="utf-8", errors="replace"), re.M)
            if found:
                return found[1].lower()
        raise Skip("snmpd has written no engine id")

    def xrdp(self, address, certificate, key):
        folder = self.folder("xrdp")
        config = folder / "xrdp.ini"
        config.write_text(f"""
[Globals]
ini_version=1
fork=true
port=tcp://{address}:3389
security_layer=negotiate
crypt_level=high
certificate={certificate}
key_file={key}
ssl_protocols=TLSv1.2, TLSv1.3
[Logging]
LogFile={folder}/log
LogLevel=INFO
EnableSyslog=false
[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
ip=127.0.0.1
port=-1
""", encoding="utf-8")
        return self.start("xrdp", [program("xrdp"), "--nodaemon", "--config", config], address, 3389)

    # underdesk

    def run(self, *words, seconds=120):
        home = self.folder("home")
        names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "USER": "auditor",
                       **{name: str(home / name.lower()) for name in names}}
        command = [self.binary, "--store", str(self.root / "store.db"), "--no-input"]
        return subprocess.run([*command, *map(str, words)], capture_output=True, text=True, errors="replace",
                              timeout=seconds, env=environment, cwd=home, stdin=subprocess.DEVNULL, check=False)

    def heard(self):
        """Every fact that the store keeps, by address."""
        clues = {}
        with sqlite3.connect(f"file:{self.root}/store.db?mode=ro", uri=True) as store:
            for address, kept in store.execute("SELECT address, clues FROM outcome"):
                # A byte for the kind of address comes first.
                clues.setdefault(str(ipaddress.ip_address(address[1:])), []).extend(json.loads(kept))
        return clues


def listens(address, port, udp):
    """Whether somebody listens there, as the kernel lists it: a connection would stand in the server's log."""
    table = pathlib.Path(f"/proc/net/{'udp' if udp else 'tcp'}").read_text(encoding="ascii")
    wanted = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    return any(line.split()[1] == wanted and (udp or line.split()[3] == "0A") for line in table.splitlines()[1:])


def ended_by(number, _):
    """The end of this process must pass through the lab's, or servers stay behind."""
    sys.exit(128 + number)


def mind_signals():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by)
