#!/usr/bin/env python3
"""Every way in over SSH, against real OpenSSH servers on loopback: certificates of users and hosts, jump hosts, agents,
keyboard-interactive, every format of keys, old algorithms, and ~/.ssh/config as `ssh -G` reads it.

    .ci/ssh_audit.py [--binary PATH] [NAME...]

Needs root (accounts, a network namespace) and openssh-server. Servers listen on 127.0.0.0/8 only.
"""

import argparse
import os
import pwd
import subprocess
import sys
import time

from audit_lab import Lab, Skip, enter_namespace, listed, quoted, rows

CHECKS = []
PASSWORD = "correct horse battery staple"
WRONG = "wrong-donkey-7731"


def check(function):
    CHECKS.append(function)
    return function


class Ways(Lab):
    """A lab with an authority, an account and few words to log in."""

    def __init__(self, binary):
        super().__init__(binary, None)
        self.runs = 0
        self.port = 2300

    def next_address(self):
        self.port += 1
        return "127.0.0.41", self.port

    def authority(self, name="authority"):
        return self.key(name, comment=name)

    def sign(self, authority, public, *options):
        """Signs a public key; the certificate's path."""
        subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "audit", *options, str(public)], check=True,
                       capture_output=True)
        return public.with_name(public.name.removesuffix(".pub") + "-cert.pub")

    def user_key(self, name):
        return self.key(name, comment=name)

    def scan(self, target, port, credentials, known=None, *arguments, env=None, seconds=90):
        """Scans, and gives how it went and the rows of access.csv."""
        self.runs += 1
        out = self.folder(f"out-{self.runs}")
        known = ["--known-hosts", known] if known else ["--known-hosts", self.empty()]
        ports = ["-p", str(port), "--ssh-port", str(port)]
        done = self.run(f"store-{self.runs}", "scan", target, *ports, "--credentials", credentials, *known, "--out", out,
                        "--no-identify", *arguments, env=env, seconds=seconds)
        try:
            access = list(rows(out, "access"))
        except OSError:
            access = []
        return done, access

    def empty(self):
        path = self.root / "operator" / "empty"
        path.write_text("", encoding="utf-8")
        return path

    def known_file(self, name, *lines):
        path = self.root / "operator" / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    def jumps(self, path, *entries):
        text = "".join("[[jump]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items()) for entry in entries)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
        return path


def public_of(path):
    return " ".join(path.with_name(path.name + ".pub").read_text(encoding="utf-8").split()[:2])


def expect(access, code, detail="", trust=None):
    """The one row about a host."""
    found = [row for row in access if row["result_code"] in (code, f"{code}_partial")]
    assert found, f"no row with {code}: {[(row['result_code'], row['detail']) for row in access]}"
    row = found[-1]
    assert detail in row["detail"], f"`{detail}` is not in `{row['detail']}`"
    assert trust is None or row["host_trust"] == trust, f"host_trust {row['host_trust']}, not {trust}"
    return row


# User certificates


@check
def a_users_certificate_lets_in(lab):
    """a user's certificate lets in, and its faults are said before the run"""
    account, ca = lab.account("cert"), lab.authority("user-ca")
    address, port = lab.next_address()
    trusted = public_of(ca)
    path = lab.root / "user-ca.pub"
    path.write_text(trusted + "\n", encoding="utf-8")
    server = lab.server("cert", [f"{address}:{port}"], [f"TrustedUserCAKeys {path}"])
    known = server.known_hosts(f"[{address}]:{port}")
    for kind in ("ed25519", "rsa", "ecdsa"):
        key = lab.root / "secret" / f"cert-{kind}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
        public = key.with_name(key.name + ".pub")

        def credential(certificate):
            return lab.credentials(f"cert-{kind}.toml", {
                "id": '"cert"', "type": '"ssh-cert"', "user": quoted(account), "key": f'{{ file = "{key}" }}',
                "certificate": quoted(certificate), "scope": listed(["127.0.0.0/8"])})

        certificate = lab.sign(ca, public, "-n", account)
        _, access = lab.scan(address, port, credential(certificate), known)
        expect(access, "ok", trust="known_hosts")
        lab.sign(ca, public, "-n", "somebody-else")
        _, access = lab.scan(address, port, credential(certificate), known)
        expect(access, "auth_rejected", "for somebody-else")
        for options, words in ((("-n", account, "-V", "20200101:20200102"), "expired at 2020-01-0"),
                               (("-n", account, "-V", "20990101:20990102"), "not valid before 2098-12-31"
                                if time.timezone < 0 else "not valid before 2099-01-01"),
                               ((), "names no principal"), (("-h", "-n", account), "one for hosts")):
            lab.sign(ca, public, *options)
            done, access = lab.scan(address, port, credential(certificate), known)
            assert done.code == 2 and words in done.err, f"{kind} {options}: {done.code} {done.err}"
            assert not access, "a run began with a certificate that is of no use"
    other = lab.user_key("cert-other")
    done, _ = lab.scan(address, port, lab.credentials("cert-mismatch.toml", {
        "id": '"cert"', "type": '"ssh-cert"', "user": quoted(account), "key": f'{{ file = "{other}" }}',
        "certificate": quoted(certificate), "scope": listed(["127.0.0.0/8"])}), known)
    assert done.code == 2 and "does not belong to the certificate" in done.err, done.err


# Host certificates


@check
def a_host_authority_vouches(lab):
    """a certificate of a known authority verifies a host, and one that does not count says why"""
    account, key, ca = lab.account("hostca", password=PASSWORD), lab.user_key("hostca"), lab.authority("host-ca")
    lab.authorize(account, key)
    address, port = lab.next_address()
    host_key = lab.key("host-hostca", comment="hostca")
    public = host_key.with_name("host-hostca.pub")
    certificate = lab.sign(ca, public, "-h", "-n", f"{address},db1.example")
    server = lab.server("hostca", [f"{address}:{port}"],
                        [f"HostCertificate {certificate}", "PasswordAuthentication yes"])
    password = lab.credentials("hostca-password.toml", {
        "id": '"p"', "type": '"ssh-password"', "user": quoted(account), "password": '{ env = "SECRET" }',
        "scope": listed(["127.0.0.0/8"])})
    by_key = lab.credentials("hostca-key.toml", lab.key_credential(account, key))
    line = f"@cert-authority {{}} {public_of(ca)}"
    secret = {"SECRET": PASSWORD}

    def restart(*options):
        server.stop()
        lab.sign(ca, public, *options)
        server.start()

    for pattern in (address, "127.0.0.*", f"[{address}]:{port}", "*"):
        known = lab.known_file("ca", line.format(pattern))
        _, access = lab.scan(address, port, password, known, env=secret)
        expect(access, "ok", trust="host_ca")
    done = lab.run("pinned-ca", "trust", "import", known)
    assert done.code == 0, done.err
    for known, words in ((lab.known_file("ca-not", line.format("10.0.0.*")), ""),
                         (lab.known_file("ca-not2", line.format(f"*,!{address}")), ""),
                         (lab.known_file("ca-none"), "")):
        _, access = lab.scan(address, port, password, known, env=secret)
        expect(access, "hostkey_unknown", words)
    known = lab.known_file("ca", line.format("*"))
    for options, words in ((("-h", "-n", "db2.example"), f"it is not for {address}"),
                           (("-h",), f"it is not for {address}"),
                           (("-h", "-n", address, "-V", "20200101:20200102"), "it expired at 2020-01-0")):
        restart(*options)
        _, access = lab.scan(address, port, password, known, env=secret)
        expect(access, "hostkey_unknown", f"its certificate does not count: {words}", "unknown")
        # A key tells nothing, so a stranger may see one; the row says all the same why it is one.
        _, access = lab.scan(address, port, by_key, known)
        expect(access, "ok", f"its certificate does not count: {words}", "unknown")
        # The key in it may be known by itself, as OpenSSH does.
        both = lab.known_file("ca-and-key", line.format("*"), f"[{address}]:{port} {server.public_key()}")
        _, access = lab.scan(address, port, password, both, env=secret)
        expect(access, "ok", trust="known_hosts")
    restart("-h", "-n", address)
    revoked = lab.known_file("ca-revoked", line.format("*"), f"@revoked * {public_of(ca)}")
    _, access = lab.scan(address, port, password, revoked, env=secret)
    expect(access, "hostkey_changed", "revoked", "changed")
    revoked = lab.known_file("key-revoked", line.format("*"), f"@revoked * {server.public_key()}")
    _, access = lab.scan(address, port, password, revoked, env=secret)
    expect(access, "hostkey_changed", "revoked", "changed")
    assert "Failed password" not in server.text(), "a password was told to a host that nobody vouched for"


# Jump hosts


class Road:
    """A bastion, and hosts that only it reaches: they listen on addresses that nothing else is told of."""

    def __init__(self, lab, name, *options):
        self.lab = lab
        self.address, self.port = lab.next_address()
        self.server = lab.server(name, [f"{self.address}:{self.port}"], list(options))
        self.known = f"[{self.address}]:{self.port} {self.server.public_key()}"
        self.place = f"{self.address}:{self.port}"


def far_host(lab, name, account, key):
    """A host that drops whoever comes directly, and lets in whoever comes from the bastion."""
    lab.authorize(account, key)
    address, port = "127.0.0.77", lab.next_address()[1]
    server = lab.server(name, [f"{address}:{port}"])
    return server, address, port


def block(address, port, account):
    """Lets only an account's traffic through, and the host's own answers: what a scanner sends is dropped. A bastion
    connects as the account that logged in."""
    number = pwd.getpwnam(account).pw_uid
    rules = ("add table inet far; add chain inet far out { type filter hook output priority 0; };"
             f"add rule inet far out ip daddr {address} tcp dport {port} meta skuid != {number} drop")
    done = subprocess.run(["nft", rules], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"no packet filter by user: {done.stderr.strip()}")


@check
def hosts_behind_others(lab):
    """a jump host connects to hosts that are silent here, one hop and two, and a host reads the same"""
    account, key = lab.account("jump"), lab.user_key("jump")
    hop, hop_key = lab.account("hop"), lab.user_key("hop")
    lab.authorize(hop, hop_key)
    server, address, port = far_host(lab, "far", account, key)
    inner, outer = Road(lab, "inner"), Road(lab, "outer")
    block(address, port, hop)
    far = lab.key_credential(account, key, [f"{address}/32"], "far") | {"jump": '"inner"'}
    near = lab.key_credential(hop, hop_key, ["127.0.0.41/32"], "near")
    known = lab.known_file("jump", inner.known, outer.known, f"[{address}]:{port} {server.public_key()}")
    file = lab.jumps(lab.credentials("jump.toml", far, near), {
        "id": '"inner"', "host": quoted(inner.place), "credential": '"near"'})
    done, access = lab.scan(f"{address} 127.0.0.78".split()[0], port, file, known)
    row = expect(access, "ok", "through inner", "known_hosts")
    assert row["ip"] == address and done.code in (0, 5), (row, done.code, done.err)
    covered = list(rows(lab.root / f"out-{lab.runs}", "coverage"))
    assert sum(int(row["answered"]) for row in covered) == 1, covered
    assert "Connection from 127.0.0.1" in server.text() or "from 127.0.0." in server.text(), server.text()[-300:]
    # Two hops.
    file = lab.jumps(lab.credentials("jump2.toml", far, near), {
        "id": '"outer"', "host": quoted(outer.place), "credential": '"near"'}, {
        "id": '"inner"', "host": quoted(inner.place), "credential": '"near"', "jump": '"outer"'})
    done, access = lab.scan(address, port, file, known)
    expect(access, "ok", "through inner", "known_hosts")
    assert f"Accepted publickey for {hop}" in outer.server.text(), "nobody came through the outer host"
    # Many hosts, one login.
    before = inner.server.text().count("Accepted publickey")
    file = lab.jumps(lab.credentials("jump3.toml", lab.key_credential(account, key, ["127.0.0.64/27"], "far")
                                     | {"jump": '"inner"'}, near),
                     {"id": '"inner"', "host": quoted(inner.place), "credential": '"near"'})
    done, access = lab.scan("127.0.0.64/27", port, file, known)
    expect(access, "ok", "through inner")
    assert inner.server.text().count("Accepted publickey") == before + 1, "the bastion was logged in to again and again"
    covered = list(rows(lab.root / f"out-{lab.runs}", "coverage"))
    assert sum(int(row["in_scope"]) for row in covered) == 30, covered
    assert sum(int(row["assessed"]) for row in covered) == 1, covered


@check
def a_bastion_is_a_host_like_any_other(lab):
    """a bastion that nobody knows gets nothing, and a wrong password for it is told once"""
    account, key = lab.account("jump"), lab.user_key("jump")
    hop, hop_key = lab.account("hop"), lab.user_key("hop")
    lab.authorize(hop, hop_key)
    server, address, port = far_host(lab, "far2", account, key)
    road = Road(lab, "guarded", "PasswordAuthentication yes")
    far = lab.key_credential(account, key, ["127.0.0.64/27"], "far") | {"jump": '"b"'}
    jump = {"id": '"b"', "host": quoted(road.place), "credential": '"near"'}
    known = lab.known_file("guarded", f"[{address}]:{port} {server.public_key()}")
    near = lab.key_credential(hop, hop_key, ["127.0.0.41/32"], "near")
    _, access = lab.scan(address, port, lab.jumps(lab.credentials("g1.toml", far, near), jump), known)
    row = expect(access, "hostkey_unknown", "the jump host b was not passed")
    assert row["attempted"] in ("false", "no", "0", "False"), row
    assert "Accepted" not in road.server.text() and "userauth-request" not in road.server.text(), "a stranger was told who we are"
    # Out of scope: no scope, no use.
    elsewhere = lab.key_credential(hop, hop_key, ["10.0.0.0/8"], "near")
    known = lab.known_file("guarded2", road.known, f"[{address}]:{port} {server.public_key()}")
    _, access = lab.scan(address, port, lab.jumps(lab.credentials("g2.toml", far, elsewhere), jump), known)
    expect(access, "no_credential_in_scope", "does not cover")
    # A wrong password is one try, however many hosts lie behind.
    wrong = {"id": '"near"', "type": '"ssh-password"', "user": quoted(hop), "password": '{ env = "SECRET" }',
             "scope": listed(["127.0.0.41/32"])}
    before = road.server.text().count("Failed password")
    _, access = lab.scan("127.0.0.64/28", port, lab.jumps(lab.credentials("g3.toml", far, wrong), jump), known,
                         env={"SECRET": WRONG})
    failed = road.server.text().count("Failed password") - before
    assert failed == 1, f"{failed} wrong passwords at the bastion"
    held = [row for row in access if row["result_code"] == "auth_rejected" and "was not passed" in row["detail"]]
    assert len(held) >= 1, access
    # One that forbids it.
    closed = Road(lab, "closed", "AllowTcpForwarding no")
    known = lab.known_file("guarded3", closed.known, f"[{address}]:{port} {server.public_key()}")
    jump = {"id": '"b"', "host": quoted(closed.place), "credential": '"near"'}
    _, access = lab.scan(address, port, lab.jumps(lab.credentials("g4.toml", far, near), jump), known)
    expect(access, "filtered", "AllowTcpForwarding")


# Agents


class Agent:
    def __init__(self, lab, *keys):
        self.socket = lab.root / f"agent-{lab.runs}-{len(lab.started)}"
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", str(self.socket)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        lab.started.append(self.process)
        until = time.monotonic() + 5
        while not self.socket.exists() and time.monotonic() < until:
            time.sleep(0.02)
        for key in keys:
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(self.socket)},
                           capture_output=True)


@check
def an_agent_signs_and_is_never_forwarded(lab):
    """an agent signs, also with a certificate, and no server is ever offered it"""
    account, key, ca = lab.account("agent"), lab.user_key("agent"), lab.authority("agent-ca")
    lab.authorize(account, key)
    certified, holder = lab.account("agent-cert"), lab.user_key("agent-cert")
    path = lab.root / "agent-ca.pub"
    path.write_text(public_of(ca) + "\n", encoding="utf-8")
    lab.sign(ca, holder.with_name("agent-cert.pub"), "-n", certified)
    address, port = lab.next_address()
    server = lab.server("agent", [f"{address}:{port}"], ["AllowAgentForwarding yes", f"TrustedUserCAKeys {path}",
                                                         "LogLevel DEBUG3"])
    known = server.known_hosts(f"[{address}]:{port}")
    for user, agent in ((account, Agent(lab, key)), (certified, Agent(lab, holder))):
        file = lab.credentials("agent.toml", {"id": '"a"', "type": '"ssh-agent"', "user": quoted(user),
                                              "scope": listed(["127.0.0.0/8"])})
        _, access = lab.scan(address, port, file, known, env={"SSH_AUTH_SOCK": str(agent.socket)})
        expect(access, "ok", trust="known_hosts")
    log = server.text()
    assert "auth-agent-req" not in log, "the agent was offered"
    assert "CA" in log or "certificate" in log.lower(), "no certificate was shown"
    for channel in ("tcpip-forward", "x11-req", "pty-req", "direct-tcpip"):
        assert channel not in log, f"{channel} was asked for"


# Passwords


@check
def a_single_hidden_question_is_answered(lab):
    """keyboard-interactive by PAM: a single question is answered, once"""
    account = lab.account("kbdint", password=PASSWORD)
    address, port = lab.next_address()
    server = lab.server("kbdint", [f"{address}:{port}"], ["KbdInteractiveAuthentication yes",
                                                          "AuthenticationMethods keyboard-interactive"])
    known = server.known_hosts(f"[{address}]:{port}")
    file = lab.credentials("kbdint.toml", {"id": '"k"', "type": '"ssh-password"', "user": quoted(account),
                                           "password": '{ env = "SECRET" }', "scope": listed(["127.0.0.0/8"])})
    _, access = lab.scan(address, port, file, known, env={"SECRET": PASSWORD})
    expect(access, "ok")
    _, access = lab.scan(address, port, file, known, env={"SECRET": WRONG})
    expect(access, "auth_rejected")
    assert server.text().count("Failed keyboard-interactive") <= 1, "the question was answered again"


# Keys


def formats(folder):
    """Every kind and format of private key: its name, and the commands that make it."""
    made = []
    ciphers = ("aes256-ctr", "aes256-cbc", "aes128-cbc", "aes128-ctr", "aes256-gcm@openssh.com",
               "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "3des-cbc")
    for kind, bits in (("ed25519", None), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")):
        size = ["-b", bits] if bits else []
        name = kind + (bits or "")
        made.append((f"{name}-openssh", kind, size, [], None))
        made.append((f"{name}-openssh-aes256-ctr", kind, size, [], PASSWORD))
        if kind != "ed25519":
            for form in ("PEM", "PKCS8"):
                made.append((f"{name}-{form}", kind, size, ["-m", form], None))
                made.append((f"{name}-{form}-encrypted", kind, size, ["-m", form], PASSWORD))
    made += [(f"ed25519-openssh-{cipher}", "ed25519", [], ["-Z", cipher], PASSWORD) for cipher in ciphers]
    for name, kind, size, options, passphrase in made:
        path = folder / name
        done = subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, *options, "-N", passphrase or "", "-f", str(path)],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            yield name, path, passphrase
    # openssl writes PKCS#8 with PBES2 and the ciphers of others.
    for cipher in ("aes-256-cbc", "aes-128-cbc", "des-ede3-cbc"):
        source, path = folder / "rsa3072-PKCS8", folder / f"rsa-openssl-{cipher}"
        done = subprocess.run(["openssl", "pkcs8", "-topk8", "-in", str(source), "-out", str(path), "-v2", cipher,
                               "-passout", f"pass:{PASSWORD}"], capture_output=True, check=False)
        if done.returncode == 0:
            path.chmod(0o600)
            path.with_name(path.name + ".pub").write_bytes(source.with_name(source.name + ".pub").read_bytes())
            yield path.name, path, PASSWORD


@check
def every_format_of_keys(lab):
    """keys of every kind and format open the door, encrypted or not"""
    account = lab.account("formats")
    address, port = lab.next_address()
    server = lab.server("formats", [f"{address}:{port}"])
    known = server.known_hosts(f"[{address}]:{port}")
    folder = lab.folder("secret/formats")
    folder.chmod(0o700)
    refused, opened = [], 0
    for name, path, passphrase in formats(folder):
        lab.authorize(account, path)
        credential = lab.key_credential(account, path)
        if passphrase:
            credential["passphrase"] = '{ env = "SECRET" }'
        done, access = lab.scan(address, port, lab.credentials("formats.toml", credential), known,
                                env={"SECRET": PASSWORD})
        if any(row["result_code"].startswith("ok") for row in access):
            opened += 1
        else:
            words = done.err.strip().splitlines()[-1:] or [row["detail"] for row in access]
            refused.append(f"{name}: {words}")
    print(f"    {opened} formats open the door")
    # What 3des-cbc protects is to be written anew, and is told so.
    wanted = [line for line in refused if "3des-cbc" not in line and "des-ede3" not in line]
    assert not wanted, "\n".join(wanted)


# Old servers


@check
def old_algorithms_only_where_the_credential_says_so(lab):
    """a server that knows nothing but old algorithms is met where the credential says so, and the row says how"""
    account, key = lab.account("old"), lab.key("old")
    lab.authorize(account, key)
    rsa = lab.root / "secret" / "old-rsa-host"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(rsa)], check=True)
    variants = {
        "kex": (["KexAlgorithms diffie-hellman-group14-sha1"], "diffie-hellman-group14-sha1"),
        "kex1": (["KexAlgorithms diffie-hellman-group1-sha1"], "diffie-hellman-group1-sha1"),
        "gex": (["KexAlgorithms diffie-hellman-group-exchange-sha1"], "diffie-hellman-group-exchange-sha1"),
        "cipher": (["Ciphers aes128-cbc,aes256-cbc", "MACs hmac-sha1"], "aes256-cbc"),
        "mac": (["Ciphers aes128-ctr", "MACs hmac-sha1"], "hmac-sha1"),
        "key": (["HostKeyAlgorithms ssh-rsa", f"HostKey {rsa}"], "ssh-rsa"),
        "all": (["KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-cbc", "MACs hmac-sha1",
                 "HostKeyAlgorithms ssh-rsa", f"HostKey {rsa}"], "aes128-cbc"),
    }
    for name, (options, word) in variants.items():
        address, port = lab.next_address()
        server = lab.server(f"old-{name}", [f"{address}:{port}"], options)
        line = public_of(rsa) if "HostKeyAlgorithms ssh-rsa" in options else server.public_key()
        known = lab.known_file(f"old-{name}", f"[{address}]:{port} {line}")
        plain = lab.key_credential(account, key)
        _, access = lab.scan(address, port, lab.credentials("old.toml", plain), known)
        row = expect(access, "kex_mismatch", "legacy_algorithms = true")
        assert word in row["detail"] or name == "all", row["detail"]
        allowed = plain | {"legacy_algorithms": "true"}
        _, access = lab.scan(address, port, lab.credentials("old2.toml", allowed), known)
        row = expect(access, "ok", "old algorithms: ")
        assert word in row["detail"], row["detail"]
    # Where nothing old is needed nothing old is used.
    address, port = lab.next_address()
    server = lab.server("new", [f"{address}:{port}"])
    known = server.known_hosts(f"[{address}]:{port}")
    _, access = lab.scan(address, port, lab.credentials("old3.toml", plain | {"legacy_algorithms": "true"}), known)
    row = expect(access, "ok")
    assert "old algorithms" not in row["detail"], row["detail"]


# ~/.ssh/config


@check
def the_operators_own_configuration(lab):
    """~/.ssh/config is used where the credentials file names it, and nothing in it is run"""
    account, key = lab.account("conf"), lab.user_key("conf")
    hop, hop_key = lab.account("hop"), lab.user_key("hop")
    lab.authorize(hop, hop_key)
    server, address, port = far_host(lab, "far3", account, key)
    near = Road(lab, "conf")
    block(address, port, hop)
    lab.authorize(account, key)
    alias = lab.known_file("conf-alias", f"db1-alias {near.server.public_key()}",
                           f"[127.0.0.41]:{near.port} {near.server.public_key()}", f"[{address}]:{port} {server.public_key()}")
    ran = lab.root / "it-was-run"
    config = lab.root / "operator" / "config"
    config.write_text(f"""
Host db1.lab
  HostName 127.0.0.41
  Port {near.port}
  HostKeyAlias db1-alias
Host far.lab
  HostName {address}
  Port {port}
  ProxyJump hop.lab
Host hop.lab
  HostName 127.0.0.41
  Port {near.port}
  User {hop}
  IdentityFile {hop_key}
Host cmd.lab
  HostName 127.0.0.41
  ProxyCommand touch {ran}
Match host exec.lab exec "touch {ran}"
  Port {near.port}
Host *.lab
  User {account}
  IdentityFile {key}
  UserKnownHostsFile {alias}
""", encoding="utf-8")
    credentials = lab.root / "operator" / "conf.toml"
    credentials.write_text(f'[ssh_config]\nfile = "{config}"\nscope = ["*.lab"]\n', encoding="utf-8")
    credentials.chmod(0o600)
    done, access = lab.scan("db1.lab", near.port, credentials)
    assert access, done.err
    row = expect(access, "ok", trust="known_hosts")
    assert row["credential_id"] == "ssh-config-db1.lab", row
    _, access = lab.scan("far.lab", port, credentials)
    expect(access, "ok", "through ssh-config-hop.lab", "known_hosts")
    for name in ("cmd.lab", "exec.lab"):
        done, access = lab.scan(name, near.port, credentials)
        assert f"{name}: not used: " in done.err and str(config) in done.err, done.err
        assert not any(row["credential_id"] for row in access), access
    assert not ran.exists(), "a command of the configuration was run"
    # Without being named it is nothing.
    (lab.root / "operator" / ".ssh").mkdir(exist_ok=True)
    (lab.root / "operator" / ".ssh" / "config").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    elsewhere = lab.credentials("conf2.toml", lab.key_credential(account, key, ["10.0.0.0/8"]))
    _, access = lab.scan("127.0.0.41", near.port, elsewhere)
    expect(access, "no_credential_in_scope")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/underdesk")
    parser.add_argument("names", nargs="*", help="only the checks whose names hold one of these")
    options = parser.parse_args()
    if not enter_namespace():
        print("SKIPPED: no network namespace can be made here; the servers listen on loopback")
    failed = 0
    with Ways(options.binary) as lab:
        for function in CHECKS:
            if options.names and not any(name in function.__name__ for name in options.names):
                continue
            began = time.monotonic()
            try:
                function(lab)
                print(f"ok: {function.__doc__} ({time.monotonic() - began:.0f} s)")
            except Skip as why:
                print(f"SKIPPED: {function.__doc__}: {why}")
            except (AssertionError, subprocess.SubprocessError, RuntimeError) as error:
                failed += 1
                print(f"FAILED: {function.__doc__}: {error}")
            sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
