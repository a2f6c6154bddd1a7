"""What must never happen: a password to a stranger, a locked account, a secret that shows."""

import base64
import hashlib
import secrets as random

from audit_lab import Watch
from winrm_lab import DOMAIN, GOOD, LOCAL, Kdc, Seen, spread
from winrm_ways import HTTP, KERBEROS, TLS, UPN


def strangers(lab, report):
    """Hosts that may not hear a secret see none."""
    plain, foreign, both = "127.0.7.1", "127.0.7.2", "127.0.7.3"
    tls, domain_in_tls = "127.0.7.4", "127.0.7.5"
    other = {"domain": "OTHER", "dns_domain": "other.test",
             "users": [{"user": "svc_scan", "domain": "OTHER", "password": DOMAIN[1], "admin": True}]}
    hosts = lab.hosts("strangers", {
        plain: {"seed": 1} | HTTP, foreign: {"seed": 2} | HTTP | other, both: {"seed": 3},
        tls: {"seed": 4} | TLS, domain_in_tls: {"seed": 5} | TLS | other})
    ca = ("--tls-ca", hosts.ca)
    untrusted = {"tls_untrusted"}
    for name, address, entry, options, wanted in (
            ("NTLM over HTTP without ntlm_http", plain, lab.login(), (), {"not_attempted_trust"}),
            ("the same with a domain account", plain, lab.login(DOMAIN, auth="ntlm"), (), {"not_attempted_trust"}),
            ("an unknown certificate", tls, lab.login(), (), untrusted),
            ("an unknown certificate, with ntlm_http", tls, lab.login(ntlm_http=True), (), untrusted),
            ("an unknown certificate, with basic", tls, lab.login(basic=True), (), untrusted),
            ("an unknown certificate beside plain HTTP", both, lab.login(), (), untrusted | {"not_attempted_trust"}),
            ("a host of another domain, HTTP", foreign, lab.login(DOMAIN, auth="ntlm", ntlm_http=True), (),
             {"not_attempted_trust"}),
            ("a host of another domain, TLS", domain_in_tls, lab.login(DOMAIN, auth="ntlm"), ca,
             {"not_attempted_trust"})):
        store = "strangers-" + name.replace(" ", "-").replace(",", "")
        scanned = lab.scan(store, [address], lab.credentials(f"{store}.toml", entry), *options)
        rows = scanned.accesses().get(address, [])
        found = {row["result_code"] for row in rows}
        attempted = {row["attempted"] for row in rows}
        report.that(found and found <= wanted and scanned.done.code == 3, f"{name}: {', '.join(sorted(wanted))}, exit 3",
                    f"{found} {attempted} {scanned.done.code} {scanned.done.err}")
    seen = hosts.seen()
    proofs = {address: seen[address].logons + seen[address].failed for address in seen}
    report.that(not any(proofs.values()), "strangers: no Type 3 message in all of that", proofs)
    again = lab.scan("strangers-seen", [plain], lab.credentials("strangers-seen.toml", lab.login(ntlm_http=True)))
    report.that(hosts.seen()[plain].logons and set(again.codes()[plain]) <= GOOD,
                "strangers: with ntlm_http the log sees one (so the log tells)", again.codes())


def wrong_password(lab, report):
    """A wrong word is tried once a host and twice an account, however many hosts there are."""
    addresses = spread("127.0.8.1", 20)
    hosts = lab.hosts("wrong", {address: {"seed": 800 + number} | TLS for number, address in enumerate(addresses)},
                      "--lockout", "3")
    for name, account, most in (("a domain account", DOMAIN, 2), ("a local account", LOCAL, len(addresses))):
        entry = lab.login((account[0], "not-the-word"))
        credentials = lab.credentials(f"wrong-{name[2:]}.toml", entry)
        store, before = f"wrong-{name[2:].replace(' ', '-')}", count_failed(hosts)
        first = lab.scan(store, ["127.0.8.1-20"], credentials, "--tls-ca", hosts.ca)
        after = count_failed(hosts)
        spent = {address: after[address] - before[address] for address in addresses}
        report.that(1 <= sum(spent.values()) <= most and max(spent.values()) == 1,
                    f"wrong word, {name}, 20 hosts: {sum(spent.values())} tries in all, at most one a host", spent)
        found = first.codes()
        tried = {address for address in addresses if spent[address]}
        wanted = {address: ["auth_rejected" if address in tried else "breaker_open"] for address in addresses}
        # A local account is another one on each host: each had its one try, so nothing was stopped.
        code = 6 if "breaker_open" in sum(found.values(), []) else 3
        report.that(found == wanted and first.done.code == code,
                    f"wrong word, {name}: auth_rejected where it was tried, else breaker_open; exit status {code}",
                    f"{found} {first.done.code} {first.done.err}")
        second = lab.scan(store, ["127.0.8.1-20"], credentials, "--tls-ca", hosts.ca)
        report.that(count_failed(hosts) == after and set(sum(second.codes().values(), [])) == {"breaker_open"}
                    and second.done.code == 6, f"wrong word, {name}: a second run within 24 hours tries nothing",
                    f"{second.codes()} {second.done.code}")
    locked = [event for seen in hosts.seen().values() for event in seen.failed if event["why"] == "locked"]
    right = lab.scan("wrong-right", ["127.0.8.1-20"], lab.credentials("right.toml", lab.login(DOMAIN)),
                     "--tls-ca", hosts.ca)
    report.that(not locked and all(set(codes) <= GOOD for codes in right.codes().values()) and len(right.codes()) == 20,
                "wrong word: with a lockout after 3, nobody is locked", f"{locked} {right.codes()}")


def count_failed(hosts):
    return {address: len(seen.failed) for address, seen in hosts.seen().items()}


def wrong_kerberos_password(lab, report):
    """The KDC counts too, and no NTLM follows its refusal."""
    addresses = spread("127.0.8.40", 6)
    kdc = Kdc(lab, addresses)
    hosts = lab.hosts("wrong-kerberos", {address: {"seed": 850} for address in addresses}, "--keytab", kdc.keytab)
    entry = lab.login((UPN[0], "not-the-word"), ntlm_http=True, **KERBEROS)
    scanned = lab.scan("wrong-kerberos", ["127.0.8.40-45"], lab.credentials("wrong-kerberos.toml", entry), "--tls-ca",
                       hosts.ca)
    tries = kdc.log().count(" PREAUTH_FAILED: ")
    report.that(1 <= tries <= 2, f"wrong word for Kerberos, 6 hosts: the KDC saw it {tries} times", kdc.log()[-1500:])
    seen = hosts.seen()
    after = sum(len(one.logons) + len(one.failed) for one in seen.values())
    found = scanned.codes()
    report.that(after == 0 and set(sum(found.values(), [])) <= {"auth_rejected", "breaker_open"} and len(found) == 6
                and scanned.done.code == 6, "wrong word for Kerberos: no NTLM follows; auth_rejected, then breaker_open",
                f"{after} {found} {scanned.done.err}")


def secrets(lab, report):
    """Planted words are in no output, log, store, recording or argument, at the highest verbosity."""
    planted = {"right": f"Planted-Word-ä{random.token_hex(8)}", "wrong": f"Planted-Wrong-{random.token_hex(8)}",
               "basic": f"Planted-Basic-{random.token_hex(8)}"}
    users = {"users": [{"user": "scanner", "password": planted["right"], "admin": True},
                       {"user": "basic", "password": planted["basic"], "admin": True}]}
    ntlm, refused, basic, stranger = spread("127.0.9.1", 4)
    hosts = lab.hosts("secrets", {ntlm: {"seed": 1} | users | HTTP, refused: {"seed": 2} | users | TLS,
                                  basic: {"seed": 3, "auth": ["Basic"]} | users | TLS, stranger: {"seed": 4} | users})
    entries = [lab.login((".\\scanner", planted["right"]), (ntlm,), "right", ntlm_http=True),
               lab.login((".\\other", planted["wrong"]), (refused,), "wrong"),
               lab.login((".\\basic", planted["basic"]), (basic,), "basic", basic=True),
               lab.login((".\\scanner", planted["right"]), (stranger,), "held") | {
                   "password": '{ env = "PLANTED_WORD" }'}]
    folder = lab.folder("seen-winrm/out")
    options = ("-p", "5985,5986", "--credentials", lab.credentials("planted.toml", *entries), "--known-hosts",
               "/dev/null", "--tls-ca", hosts.ca, "--out", folder, "--record", lab.folder("seen-winrm/record"), "-vv")
    process = lab.start("seen-winrm/store", "scan", "127.0.9.1-4", *options,
                        env={"PLANTED_WORD": planted["right"], "RUST_LOG": "trace", "RUST_BACKTRACE": "full"})
    watch = Watch(process.pid)
    out, err = process.communicate(timeout=100)
    watch.join(5)
    for name, text in (("stdout", out), ("stderr", err)):
        (lab.root / "seen-winrm" / name).write_text(text)
    done = lab.run("seen-winrm/store", "export", "-vv", "--format", "jsonl", "-o", "-")
    (lab.root / "seen-winrm/export").write_text(done.out + done.err)
    seen = {address: Seen([event for event in hosts.events() if event["host"] == address]) for address in hosts.profiles}
    used = [len(seen[ntlm].logons), bool(seen[basic].logons), len(seen[refused].failed)]
    report.that(used == [1, True, 1], "secrets: one logon by NTLM, one by Basic, one refused", f"{used} {err[-600:]}")
    forms = {f"{name}: {form}": text for name, word in planted.items() for form, text in forms_of(word).items()}
    files = [path for folder in ("seen-winrm", "tmp", "operator") for path in lab.folder(folder).rglob("*")
             if path.is_file()]
    found = [f"{form} in {path}" for path in files for form in found_in(path.read_bytes(), forms)]
    report.that(len(files) > 15 and not found, f"secrets: none in {len(files)} files (outputs, logs, store, recordings)",
                found)
    found = [f"{form} in {where}" for where, text in watch.seen.items() for form in found_in(text, forms)]
    report.that(not found, "secrets: none in arguments", found)
    report.that(list(found_in(planted["right"].encode("utf-16-le").hex().encode(), forms)),
                "secrets: the search finds what is there")


def forms_of(word):
    """A password in the shapes in which NTLM, Basic and careless logging have it."""
    from spnego._ntlm_raw.crypto import ntowfv1
    shapes = {"text": word.encode(), "UTF-16": word.encode("utf-16-le"), "NT hash": ntowfv1(word),
              "basic": b":" + word.encode(), "SHA-256": hashlib.sha256(word.encode()).digest()}
    for user in ("scanner", "other", "basic"):
        for prefix in ("", ".\\"):
            # From a multiple of 3 on, base64 has no trace of what stands before.
            shapes[f"basic of {prefix}{user}"] = f"{prefix}{user}:{word}".encode()
    return shapes


def found_in(text, forms):
    for name, secret in forms.items():
        shapes = {secret, secret.hex().encode(), secret.hex().upper().encode(),
                  base64.b64encode(secret).rstrip(b"=")[:-1], quoted_bytes(secret)}
        if any(shape in text for shape in shapes):
            yield name


def quoted_bytes(secret):
    """As `{:?}` prints bytes: 80, 108, 97."""
    return ", ".join(str(byte) for byte in secret).encode()
