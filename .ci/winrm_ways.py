"""Every way in: NTLM and Kerberos over sealed HTTP and over TLS, Basic, names in many scripts."""

import dataclasses
import pathlib

import winrm_lab
from winrm_lab import DOMAIN, GOOD, LOCAL, READ, REALM

CA, PIN = "ca", "pin"
WRAPPED = pathlib.Path(__file__).with_name("winrm_wrapped.py")


@dataclasses.dataclass
class Way:
    """A host, a credential, and what is to come of them."""

    name: str
    profile: dict
    login: dict
    trust: str
    # What the host must have seen: the mechanisms that may be, and whether inside TLS.
    mechanism: str
    tls: bool = True
    known_by: str | None = CA
    account: tuple = LOCAL


HTTP = {"no_https": True}
TLS = {"no_http": True}
NTLM = [
    Way("NTLM over sealed HTTP", HTTP, {"ntlm_http": True}, "none", "ntlm", tls=False, known_by=None),
    Way("NTLM over sealed HTTP, `auth = \"ntlm\"`", HTTP, {"ntlm_http": True, "auth": "ntlm"}, "none", "ntlm",
        tls=False, known_by=None),
    Way("NTLM over sealed HTTP, a domain account", HTTP, {"ntlm_http": True, "auth": "ntlm"}, "none", "ntlm",
        tls=False, known_by=None, account=DOMAIN),
    Way("NTLM over sealed HTTP, Negotiate alone offered", HTTP | {"auth": ["Negotiate"]}, {"ntlm_http": True}, "none",
        "ntlm", tls=False, known_by=None),
    Way("NTLM in TLS, no binding asked", TLS | {"cbt": "none"}, {}, "tls_ca", "ntlm"),
    Way("NTLM in TLS, binding relaxed", TLS | {"cbt": "relaxed"}, {}, "tls_ca", "ntlm"),
    Way("NTLM in TLS, binding strict", TLS | {"cbt": "strict"}, {}, "tls_ca", "ntlm"),
    Way("NTLM in TLS, a domain account, binding strict", TLS | {"cbt": "strict"}, {"auth": "ntlm"}, "tls_ca", "ntlm",
        account=DOMAIN),
    Way("NTLM in TLS by pin, binding strict", TLS | {"cbt": "strict"}, {}, "pinned", "ntlm", known_by=PIN),
    Way("Basic in TLS, where it alone is offered", TLS | {"auth": ["Basic"]}, {"basic": True}, "tls_ca", "basic"),
    Way("Basic allowed, and Negotiate offered too", TLS | {"auth": ["Basic", "Negotiate"]}, {"basic": True}, "tls_ca",
        "ntlm"),
]


def ways(lab, report):
    """NTLM and Basic, one host each, all of them in one laboratory."""
    hosts = serve(lab, "ways", "127.0.5.1", NTLM)
    try_all(lab, report, hosts, NTLM)
    wrapped(lab, report)
    report.skip("a client certificate: the laboratory has none; the in-process server does it (cargo test)")
    basic_is_not_forced(lab, report)


def wrapped(lab, report):
    """NTLM inside SPNEGO, where a host ignores the bare form. The first token decides: ntlm is bare,
    negotiate is wrapped."""
    ways = [
        Way("NTLM in SPNEGO over sealed HTTP", HTTP, {"ntlm_http": True}, "none", "ntlm", tls=False, known_by=None),
        Way("NTLM in SPNEGO in TLS, binding strict", TLS | {"cbt": "strict"}, {}, "tls_ca", "ntlm"),
    ]
    hosts = serve(lab, "wrapped", "127.0.5.40", ways, "--handlers", WRAPPED)
    try_all(lab, report, hosts, ways)
    tokens = {way[0] for seen in hosts.seen().values() for way in seen.ways()}
    report.that(tokens == {"negotiate"}, "NTLM in SPNEGO: it was wrapped", tokens)


def serve(lab, name, first, ways, *options):
    addresses = winrm_lab.spread(first, len(ways))
    profiles = {address: {"seed": 900 + number, "os_template": "2022", "apps": 30} | way.profile
                for number, (address, way) in enumerate(zip(addresses, ways))}
    return lab.hosts(name, profiles, *options)


def try_all(lab, report, hosts, ways):
    """A run for each: each has its own settings. All first, as the laboratory writes with a delay."""
    addresses = [*hosts.profiles]
    runs = {address: enter(lab, hosts, address, way) for address, way in zip(addresses, ways)}
    seen = hosts.seen()
    for address, way in zip(addresses, ways):
        judge(report, way, address, runs[address], seen[address], hosts.truth(address))


def enter(lab, hosts, address, way):
    store = f"{hosts.name}-{address}"
    options = []
    if way.known_by == CA:
        options = ["--tls-ca", hosts.ca]
    elif way.known_by == PIN:
        pins = lab.root / "operator" / f"pins-{address}"
        pins.write_text(f"[{address}]:5986 x509 {hosts.fingerprint()}\n")
        done = lab.run(store, "trust", "import", pins)
        if done.code != 0:
            raise RuntimeError(f"trust import: {done.err}")
    credentials = lab.credentials(f"{store}.toml", lab.login(way.account, **way.login))
    return lab.scan(store, [address], credentials, *options)


def judge(report, way, address, scanned, seen, truth):
    rows = scanned.accesses().get(address, [])
    good = [row for row in rows if row["result_code"] in GOOD]
    is_in = len(good) == 1 and scanned.outcomes().get(address) in READ
    if not report.that(is_in, f"{way.name}: logged in and read",
                       f"{[(row['port'], row['result_code'], row['detail']) for row in rows]} "
                       f"{scanned.outcomes()} {seen.failed} {scanned.done.err}"):
        return
    trust = good[0]["host_trust"]
    found = {(mechanism, tls) for _, mechanism, tls in seen.ways()}
    sins = seen.sins()
    ours = winrm_lab.software_rows(scanned, address)
    first_tokens = sorted({way_in[0] for way_in in seen.ways()})
    report.that(trust == way.trust and found == {(way.mechanism, way.tls)} and not sins and ours == truth.software,
                f"{way.name}: host_trust {way.trust}, token {first_tokens}, manners kept, {len(ours)} programs",
                f"{trust} {found} {sins} {len(ours)} of {len(truth.software)} programs")


def basic_is_not_forced(lab, report):
    """Basic needs the credential's word, and verified TLS."""
    cases = {"127.0.5.61": ("TLS, without `basic = true`", TLS, {"ntlm_http": True}),
             "127.0.5.62": ("plain HTTP, with `basic = true`", HTTP | {"allow_unencrypted": True},
                            {"basic": True, "ntlm_http": True})}
    hosts = lab.hosts("basic", {address: {"seed": 960, "auth": ["Basic"]} | profile
                                for address, (_, profile, _) in cases.items()})
    for address, (name, _, login) in cases.items():
        credentials = lab.credentials(f"basic-{address}.toml", lab.login(**login))
        scanned = lab.scan(f"basic-{address}", [address], credentials, "--tls-ca", hosts.ca)
        found = scanned.codes().get(address)
        report.that(found == ["winrm_basic_only"], f"Basic alone offered over {name}: winrm_basic_only",
                    f"{found} {scanned.done.err}")
    seen = hosts.seen()
    tried = {address: len(seen[address].logons + seen[address].failed) for address in cases}
    report.that(not any(tried.values()), "Basic alone offered: nothing of the password was sent", tried)


UPN = ("svc_scan@contoso.test", DOMAIN[1])
ODD = ("svc_odd@contoso.test", "Pässwört-密码-🔑")
KERBEROS = {"kerberos_realm": REALM, "kdc": ["127.0.0.1:18888"]}
TICKETS = [
    Way("Kerberos over sealed HTTP", HTTP, {"auth": "kerberos"}, "kerberos", "kerberos", tls=False, known_by=None,
        account=UPN),
    Way("Kerberos before NTLM over HTTP, as is the default", HTTP, {}, "kerberos", "kerberos", tls=False,
        known_by=None, account=UPN),
    Way("Kerberos for DOMAIN\\user", HTTP, {}, "kerberos", "kerberos", tls=False, known_by=None, account=DOMAIN),
    Way("Kerberos in TLS, binding relaxed", TLS | {"cbt": "relaxed"}, {"auth": "kerberos"}, "kerberos", "kerberos",
        account=UPN),
    Way("Kerberos with a password in many scripts", HTTP | {"users": [
        {"user": "svc_odd", "domain": "CONTOSO", "password": ODD[1], "admin": True}]}, {"auth": "kerberos"}, "kerberos",
        "kerberos", tls=False, known_by=None, account=ODD),
    # The KDC does not know this host: a technical reason, so NTLM follows, in TLS.
    Way("no service principal: NTLM in TLS follows", TLS, {}, "tls_ca", "ntlm", account=UPN),
    Way("no KDC answers: NTLM in TLS follows", TLS, {"kdc": ["127.0.0.1:18889"]}, "tls_ca", "ntlm", account=UPN),
]


def kerberos(lab, report):
    """Tickets of a real MIT KDC, by the stored password."""
    addresses = winrm_lab.spread("127.0.6.1", len(TICKETS))
    known = [address for address, way in zip(addresses, TICKETS) if "no service principal" not in way.name]
    kdc = winrm_lab.Kdc(lab, known)
    kdc.add("svc_odd", ODD[1])
    ways = [dataclasses.replace(way, login=KERBEROS | way.login) for way in TICKETS]
    hosts = serve(lab, "kerberos", "127.0.6.1", ways, "--keytab", kdc.keytab)
    try_all(lab, report, hosts, ways)
    report.skip("Kerberos with a channel binding: MIT refuses what sspi sends for one; a strict host is done by NTLM")
    alone(lab, report, hosts)


def alone(lab, report, hosts):
    """`auth = "kerberos"` never falls back, also where the KDC does not know the host."""
    address = [address for address, way in zip(hosts.profiles, TICKETS) if "no service principal" in way.name][0]
    before = len(hosts.seen()[address].logons)
    entry = lab.login(UPN, auth="kerberos", **KERBEROS)
    scanned = lab.scan("kerberos-alone", [address], lab.credentials("kerberos-alone.toml", entry), "--tls-ca", hosts.ca)
    seen = hosts.seen()[address]
    found = scanned.codes().get(address)
    report.that(found == ["kerberos_no_spn"] and len(seen.logons) == before and not seen.failed,
                "`auth = \"kerberos\"` without a service principal: kerberos_no_spn, and no NTLM",
                f"{found} {seen.ways()} {scanned.done.err}")


WORDS = ("Jürgen-大輔-😀", "Pässwörd-密码-🔑 \"'%€")


def names(lab, report):
    """User and password in many scripts, by NTLM over HTTP, in TLS, and by Basic."""
    account = (".\\" + WORDS[0], WORDS[1])
    users = {"users": [{"user": WORDS[0], "password": WORDS[1], "admin": True}]}
    ways = [
        Way("names in many scripts, NTLM over HTTP", HTTP | users, {"ntlm_http": True}, "none", "ntlm", tls=False,
            known_by=None, account=account),
        Way("names in many scripts, NTLM in TLS, binding strict", TLS | users | {"cbt": "strict"}, {}, "tls_ca", "ntlm",
            account=account),
        Way("names in many scripts, Basic in TLS", TLS | users | {"auth": ["Basic"]}, {"basic": True}, "tls_ca", "basic",
            account=account),
    ]
    hosts = serve(lab, "names", "127.0.5.80", ways)
    try_all(lab, report, hosts, ways)
