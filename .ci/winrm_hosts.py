"""Checks of single Windows hosts: whether what was read is what is there, row for row."""

import json
import pathlib
import re
import subprocess
import sys

from winrm_lab import GOOD, READ, software_rows, spread

TEMPLATES = ("2008r2", "2012r2", "2016", "2019", "2022", "2022core", "2025", "win10", "win11")
RECORDER = pathlib.Path(__file__).with_name("winrm_recorder.py")


def templates(lab, report):
    """Every Windows that the laboratory knows."""
    names = dict(zip(spread("127.0.1.1", len(TEMPLATES)), TEMPLATES))
    ways = ({"no_https": True}, {"no_http": True})
    hosts = lab.hosts("templates", {
        address: {"seed": 700 + number, "os_template": name, "apps": 60} | ways[number % 2]
        for number, (address, name) in enumerate(names.items())})
    credentials = lab.credentials("templates.toml", lab.login(ntlm_http=True))
    scanned = lab.scan("templates", [*names], credentials, "--tls-ca", hosts.ca)
    codes, outcomes = scanned.codes(), scanned.outcomes()
    seen = hosts.seen()
    for address, name in names.items():
        truth = hosts.truth(address)
        good = codes.get(address, []) and set(codes[address]) <= GOOD and outcomes.get(address) in READ
        if not report.that(good, f"{name}: logged in and read", f"{codes.get(address)} {outcomes.get(address)} "
                           f"{[row['detail'] for row in scanned.at('access', address)]} {scanned.done.err}"):
            continue
        check_tables(report, name, scanned, address, truth)
        sins = seen[address].sins()
        requests = len(seen[address].requests)
        report.that(not sins, f"{name}: one connection, one logon, one shell, all sealed; {requests} requests", sins)
    eleven = [row["os_name"] for row in scanned.rows("machines") if row["build"] == "22631"]
    report.that(eleven and "Windows 11" in eleven[0], "a Windows 11 whose registry says 10 is called 11", eleven)
    total = json.loads(lab_stats(lab, hosts))
    stray = total["headers_outside_s:Header"]
    report.that(not stray and not total["total"].get("plaintext_refused") and set(total["shell_codepages"]) <= {"65001"},
                "the laboratory's own stats: no plain text, no stray header, code page 65001", total)


def lab_stats(lab, hosts):
    return subprocess.run([sys.executable, "-B", "-m", "winrmlab", "stats", str(hosts.state)], cwd=lab.laboratory,
                          check=True, capture_output=True, text=True, timeout=60).stdout


def check_tables(report, name, scanned, address, truth):
    """machines.csv, software.csv and hotfixes.csv of a host against its profile."""
    machines = scanned.at("machines", address)
    wrong = {key: (machines[0][key], value) for key, value in truth.machine.items()
             if fold(key, machines[0][key]) != fold(key, value)}
    report.that(len(machines) == 1 and not wrong, f"{name}: {truth.machine['os_name']} "
                f"{truth.machine['build']}.{truth.machine['ubr'] or '-'} in machines.csv", wrong)
    check_software(report, name, scanned, address, truth)
    found = {row["update_id"]: row["installed_on_date"] for row in scanned.at("hotfixes", address)}
    report.that(found == truth.hotfixes, f"{name}: {len(truth.hotfixes)} updates with their days in hotfixes.csv",
                sorted(set(found.items()) ^ set(truth.hotfixes.items())))
    ports = {row["port"] for row in scanned.at("services", address) if row["seen_by"] == "scan"}
    report.that(ports and ports <= {"5985", "5986"}, f"{name}: services.csv has WinRM", ports)


def check_software(report, name, scanned, address, truth):
    ours = software_rows(scanned, address)
    difference = sorted(set(ours) ^ set(truth.software))[:6]
    return report.that(ours == truth.software, f"{name}: {len(truth.software)} programs in software.csv, row for row",
                       f"{len(ours)} rows; {difference}")


def fold(key, value):
    """Windows does not tell the case of a host's name."""
    return value.lower() if key in ("hostname", "domain") else value


SID = "S-1-5-21-1111111111-2222222222-3333333333"
USERS_KEY = rf"HKEY_USERS\{SID}-1001\Software\Microsoft\Windows\CurrentVersion\Uninstall"
CBS = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
CURRENT = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def packages(**states):
    """What reg and findstr print of the package store."""
    text = ""
    for kb, state in states.items():
        text += (rf"{CBS}\Packages\Package_for_{kb}~31bf3856ad364e35~amd64~~20348.2402.1.9"
                 f"\n    CurrentState    REG_DWORD    {state:#x}\n    InstallTimeHigh    REG_DWORD    0x1da9000\n"
                 "    InstallUser    REG_SZ    S-1-5-18\n")
    return text


# What a generated host of the laboratory lacks, so that every question has an answer.
COMPLETE = {
    "registry": {
        CBS: {"LastScavengeFlags": ["REG_DWORD", 0]},
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography":
            {"MachineGuid": ["REG_SZ", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"]},
        rf"{CURRENT}\ProfileList\{SID}-1001": {"ProfileImagePath": ["REG_EXPAND_SZ", r"C:\Users\jo"]},
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters":
            {"Hostname": ["REG_SZ", "srv-whole"], "Domain": ["REG_SZ", "contoso.test"]},
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName":
            {"ComputerName": ["REG_SZ", "SRV-WHOLE"]},
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName":
            {"ComputerName": ["REG_SZ", "SRV-WHOLE"]},
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate":
            {"WUServer": ["REG_SZ", "http://wsus.contoso.test:8530"]},
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU": {"UseWUServer": ["REG_DWORD", 1]},
    },
    "wmi": {"root/cimv2": {
        "Win32_ComputerSystemProduct": [{"UUID": "4C4C4544-0042-3510-8051-B4C04F303432", "IdentifyingNumber": "B5QB042"}],
        "Win32_Process": [{"ProcessId": 4, "Name": "System", "ExecutablePath": None},
                          {"ProcessId": 900, "Name": "svchost.exe", "ExecutablePath": r"C:\Windows\System32\svchost.exe"}],
        "Win32_NetworkAdapterConfiguration": [
            {"Description": "Netzwerkkarte №1", "MACAddress": "00:15:5D:0A:0B:0C", "IPAddress": ["127.0.1.30"],
             "IPEnabled": True}],
    }},
    "commands": {
        # As findstr leaves it.
        r"^netstat": {"stdout": "  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       900\n"
                                "  TCP    0.0.0.0:5985           0.0.0.0:0              LISTENING       4\n"
                                "  TCP    [::]:5985              [::]:0                 LISTENING       4\n"},
        # The laboratory has no pipes.
        r"Component Based Servicing.Packages": {"stdout": packages(KB5034129=112, KB5030999=80, KB5035857=64)},
        r"^wevtutil": {"stdout": ""},
        r"^whoami": {"stdout": f"\nsrv-whole\\scanner {SID}-1000\n"},
        r"appcmd": {"stdout": 'SITE "Default Web Site" (id:1,bindings:http/*:80:,state:Started)\n'},
        r"^for /f": {"stdout": f"\n{USERS_KEY}\\Chat\n    DisplayName    REG_SZ    Plauderei für Jörg\n"
                               "    DisplayVersion    REG_SZ    3.1\n\n"},
    },
}


def whole(lab, report):
    """A host that answers everything: what beside programs and updates reaches the tables."""
    profile = {"seed": 733, "os_template": "2022", "name": "srv-whole", "no_https": True} | COMPLETE
    hosts = lab.hosts("whole", {"127.0.1.30": profile})
    scanned = lab.scan("whole", ["127.0.1.30"], lab.credentials("whole.toml", lab.login(ntlm_http=True)))
    address = "127.0.1.30"
    found = [(row["result_code"], row["detail"]) for row in scanned.at("access", address)]
    report.that([code for code, _ in found] == ["ok"] and scanned.outcomes().get(address) == "scanned_full",
                "whole: every question answered, scanned_full", f"{found} {scanned.outcomes()} {scanned.done.err}")
    machine = scanned.at("machines", address)[0]
    wanted = {"macs": "00:15:5d:0a:0b:0c", "serial": "B5QB042", "uuid": "4C4C4544-0042-3510-8051-B4C04F303432",
              "domain": "contoso.test", "update_source": "http://wsus.contoso.test:8530", "arch": "x86_64"}
    wrong = {key: (machine[key], value) for key, value in wanted.items() if value.lower() not in machine[key].lower()}
    report.that(not wrong, "whole: identity and update source in machines.csv", wrong)
    check_software(report, "whole", scanned, address, hosts.truth(address))
    mine = [(row["name"], row["version"]) for row in scanned.at("software", address) if row["scope"] == "user"]
    report.that(mine == [("Plauderei für Jörg", "3.1")], "whole: a user's own program in software.csv", mine)
    states = {row["update_id"]: row["state"] for row in scanned.at("hotfixes", address)}
    wanted = dict.fromkeys(hosts.truth(address).hotfixes, "installed") | {
        "KB5034129": "installed", "KB5030999": "superseded", "KB5035857": "staged"}
    report.that(states == wanted, "whole: the package store's updates in hotfixes.csv, with their states",
                sorted(set(states.items()) ^ set(wanted.items())))
    programs = {(row["port"], row["program"].lower().rpartition("\\")[2]) for row in scanned.at("services", address)
                if row["seen_by"] == "host"}
    report.that(("135", "svchost.exe") in programs and any(port == "5985" for port, _ in programs),
                "whole: listening ports with their programs in services.csv", programs)
    report.that(not hosts.seen()[address].sins(), "whole: one connection, one logon, one shell",
                hosts.seen()[address].sins())


def questions(lab, report):
    """`explain questions --os windows` lists every request that the laboratory sees."""
    record = lab.root / "asked.jsonl"
    asked = ask_once(lab, record)
    done = lab.run("explain", "explain", "questions", "--os", "windows")
    listed = plain(done.out)
    queries = {text for kind, text in asked if kind == "wql"}
    missing = [text for text in queries if plain(text) not in listed]
    report.that(done.code == 0 and len(queries) > 3 and not missing,
                f"explain questions lists the {len(queries)} WMI queries that were sent", f"{missing} {done.err}")
    keys = {key for kind, line in asked if kind == "cmd" for key in re.findall(r'reg query "?(HK[^"]+?)"? ', line + " ")}
    missing = [key for key in keys if plain(key) not in listed]
    report.that(len(keys) > 10 and not missing, f"explain questions lists the {len(keys)} registry keys that were read",
                missing)


def ask_once(lab, record):
    """Everything that is sent to one host: ('wql' | 'cmd' | an action, text)."""
    lab.environment_of_hosts = {"LAB_RECORD": str(record)}
    try:
        hosts = lab.hosts("recorder", {"127.0.1.40": {"seed": 740, "os_template": "2022", "apps": 120}},
                          "--handlers", RECORDER)
    finally:
        lab.environment_of_hosts = {}
    lab.scan("recorder", ["127.0.1.40"], lab.credentials("recorder.toml", lab.login(ntlm_http=True)))
    hosts.stop()
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    return [tuple(json.loads(line)) for line in lines]


def plain(text):
    """A text without the line breaks that a terminal gives it."""
    return re.sub(r"\s+", "", text).lower()

