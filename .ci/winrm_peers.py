#!/usr/bin/env python3
"""Drives the lab's WinRM service with WinRM clients of others: pypsrp and pywinrm.

    python3 -m venv VENV && VENV/bin/pip install pypsrp pywinrm
    cargo build --example serve_lab && VENV/bin/python .ci/winrm_peers.py

The service and the scanner's own client are written by the same people; what they both got wrong
shows here.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import winrm
from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

warnings.filterwarnings("ignore")

USER, PASSWORD = "LARK\\audit", "Grün & 草 <pass>"
# pypsrp writes Basic in Latin 1.
LATIN = "only latin: ok"
VALUES = r'reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /reg:64'
TREE = r'reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall" /s /reg:64'
MISSING = r'reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing" /reg:64'
QFE = "SELECT HotFixID,Description,InstalledOn,InstalledBy FROM Win32_QuickFixEngineering"
UNINSTALL = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
ENUM = "{http://schemas.xmlsoap.org/ws/2004/09/enumeration}"
WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"

HOSTS = {
    "plain": "",
    "strict": 'channel_binding = "strict"\n',
    "basic": 'faults = ["basic_only", "unencrypted"]\n',
    "slow": 'faults = [{ op_timeout_receive = 2 }]\n',
    "no-wmi": 'faults = ["wmi_access_denied"]\n',
    "no-shell": 'faults = ["shell_access_denied"]\n',
    "full": 'faults = ["quota_shells"]\n',
    "self-signed": 'certificate = "self_signed"\n',
}
ADDRESS = {name: f"127.98.0.{index + 1}" for index, name in enumerate(HOSTS)}


def programs():
    """A tree of programs that is long enough for several polls."""
    for index in range(150):
        name = f"Prüfgerät 測定 {index}"
        yield f"{UNINSTALL}\\{{{index:04}}}\r\n    DisplayName    REG_SZ    {name}\r\n    Version    REG_DWORD    0x{index:x}\r\n"


ANSWERS = {
    "qfe": "".join(f"HotFixID=KB50{index:05}\nDescription=Update\nInstalledOn=1/2/2024\n\n" for index in range(900)),
    "current-version": "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\r\n    UBR    REG_DWORD    0x9a4\r\n\r\n",
    "uninstall-64": "\r\n" + "\r\n".join(programs()) + "\r\n",
}


def write(folder):
    recording = folder / "windows-peers"
    recording.mkdir()
    exits = {name: 0 for name in ANSWERS} | {"cbs": 120}
    (recording / "answers.json").write_text(json.dumps({"schema": 1, "set": "windows", "exits": exits}))
    for name, text in ANSWERS.items():
        (recording / f"{name}.txt").write_bytes(text.encode())
    text = 'schema = 1\nname = "peers"\n'
    for name, extra in HOSTS.items():
        text += f'[[host]]\nname = "{name}"\nkind = "winrm"\naddresses = ["{ADDRESS[name]}"]\nrecording = "windows-peers"\n'
        password = json.dumps(LATIN if name == "basic" else PASSWORD, ensure_ascii=False)
        text += f"logins = [{{ user = {json.dumps(USER)}, password = {password} }}]\n"
        text += f'[host.winrm]\ndomain = "LARK"\ndns_domain = "lark.example"\n{extra}'
    (folder / "lab.toml").write_text(text)


class Peers:
    def __init__(self, ports, authority):
        self.ports, self.authority = ports, authority

    def wsman(self, host="plain", password=PASSWORD, **settings):
        settings.setdefault("ssl", False)
        settings.setdefault("auth", "negotiate")
        if settings["ssl"]:
            settings.setdefault("cert_validation", str(self.authority))
        port = self.ports["5986" if settings["ssl"] else "5985"]
        return WSMan(ADDRESS[host], port=port, username=USER, password=password, **settings)

    def run(self, line, codepage=65001, **settings):
        with self.wsman(**settings) as wsman, WinRS(wsman, codepage=codepage) as shell:
            process = Process(shell, line)
            process.invoke()
            process.signal(SignalCode.TERMINATE)
            return process.stdout, process.rc

    def query(self, host, query, namespace="root/cimv2", **settings):
        """The items of a query, and how many answers they came in."""
        uri = f"{WMI}{namespace}/*"
        with self.wsman(host, **settings) as wsman:
            body = ET.Element(ENUM + "Enumerate")
            ET.SubElement(body, WSMAN + "OptimizeEnumeration")
            ET.SubElement(body, WSMAN + "MaxElements").text = "32000"
            ET.SubElement(body, WSMAN + "Filter", Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL").text = query
            answer = wsman.enumerate(uri, body)
            found, answers = list(answer.iter(WSMAN + "XmlFragment")), 1
            while answer.find(f".//{WSMAN}EndOfSequence") is None and answer.find(f".//{ENUM}EndOfSequence") is None:
                body = ET.Element(ENUM + "Pull")
                context = answer.find(f".//{ENUM}EnumerationContext").text
                ET.SubElement(body, ENUM + "EnumerationContext").text = context
                ET.SubElement(body, ENUM + "MaxElements").text = "32000"
                answer = wsman.pull(uri, body)
                found += answer.iter(WSMAN + "XmlFragment")
                answers += 1
            return found, answers

    def method(self, name, **parameters):
        uri = f"{WMI}root/default/StdRegProv"
        with self.wsman() as wsman:
            body = ET.Element(f"{{{uri}}}{name}_INPUT")
            for key, value in parameters.items():
                ET.SubElement(body, f"{{{uri}}}{key}").text = value
            answer = wsman.invoke(f"{uri}/{name}", uri, body)
            return [(element.tag.split("}")[1], element.text) for element in answer.iter() if element.text and element.text.strip()]


def fault(call, part="code"):
    try:
        call()
    except WSManFaultError as error:
        return getattr(error, part)
    return None


def checks(peers):
    values = ANSWERS["current-version"].encode()
    yield "pypsrp, SPNEGO, sealed: a question's line", lambda: peers.run(VALUES) == (values, 0)
    yield "pypsrp, raw NTLM, sealed", lambda: peers.run(VALUES, auth="ntlm") == (values, 0)
    yield "pypsrp: a key that is not there", lambda: peers.run(MISSING) == (b"", 1)
    frames = f"echo N B a&({VALUES}&&echo N E a 0)||echo N E a 1&echo N B b&({MISSING}&&echo N E b 0)||echo N E b 1"
    framed = b"N B a\r\n" + values + b"N E a 0\r\nN B b\r\nN E b 1\r\n"
    yield "pypsrp: framed questions in one line", lambda: peers.run(frames)[0] == framed
    tree = ANSWERS["uninstall-64"]
    yield "pypsrp: many polls, UTF-8", lambda: peers.run(TREE)[0] == tree.encode()
    yield "pypsrp: the console's code page", lambda: peers.run(TREE, codepage=None)[0] == tree.encode("cp437", "replace")
    yield "pypsrp: polls that time out", lambda: peers.run(VALUES, host="slow") == (values, 0)
    yield "pypsrp: HTTPS, the lab's authority, channel binding relaxed", lambda: peers.run(VALUES, ssl=True) == (values, 0)
    yield "pypsrp: HTTPS, channel binding strict", lambda: peers.run(VALUES, host="strict", ssl=True) == (values, 0)
    yield "pypsrp: HTTPS, sealed inside", lambda: peers.run(VALUES, ssl=True, encryption="always") == (values, 0)
    yield "pypsrp: HTTPS, self-signed", lambda: peers.run(VALUES, host="self-signed", ssl=True, cert_validation=False) == (values, 0)
    basic = dict(host="basic", password=LATIN, auth="basic", encryption="never")
    yield "pypsrp: Basic", lambda: peers.run(VALUES, **basic) == (values, 0)
    yield "pypsrp: Basic over HTTPS", lambda: peers.run(VALUES, ssl=True, host="basic", password=LATIN, auth="basic") == (values, 0)
    yield "pypsrp: WQL in pages", lambda: [count > 2 and len(found) == 900 for found, count in [peers.query("plain", QFE)]][0]
    yield "pypsrp: WQL names and nulls", lambda: names(peers.query("plain", QFE)[0][0])
    yield "pypsrp: WMI denied", lambda: fault(lambda: peers.query("no-wmi", QFE)) == 5
    yield "pypsrp: a class that is not there", lambda: fault(lambda: peers.query("plain", QFE + "x")) == 2150858778
    yield "pypsrp: shell denied", lambda: fault(lambda: peers.run(VALUES, host="no-shell")) == 5
    yield "pypsrp: too many shells", lambda: "as many shells" in fault(lambda: peers.run(VALUES, host="full"), "reason")
    key = UNINSTALL.split("\\", 1)[1]
    yield "pypsrp: EnumKey", lambda: len(peers.method("EnumKey", hDefKey="2147483650", sSubKeyName=key)) >= 151
    yield "pypsrp: GetStringValue", lambda: ("sValue", "Prüfgerät 測定 7") in peers.method(
        "GetStringValue", hDefKey="2147483650", sSubKeyName=key + "\\{0007}", sValueName="DisplayName")
    yield "pypsrp: a wrong password", lambda: refused(peers)
    yield "pywinrm, NTLM, sealed", lambda: pywinrm(peers, "http", transport="ntlm", message_encryption="always") == (values, 0)
    yield "pywinrm, NTLM, HTTPS", lambda: pywinrm(peers, "https", transport="ntlm") == (values, 0)


def names(item):
    nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
    shape = [(child.tag, child.text, child.get(nil)) for child in item]
    return shape == [("HotFixID", "KB5000000", None), ("Description", "Update", None), ("InstalledOn", "1/2/2024", None), ("InstalledBy", None, "true")]


def refused(peers):
    try:
        peers.run(VALUES, password="wrong")
    except AuthenticationError:
        return True
    return False


def pywinrm(peers, scheme, **settings):
    port = peers.ports["5986" if scheme == "https" else "5985"]
    protocol = winrm.Protocol(f"{scheme}://{ADDRESS['plain']}:{port}/wsman", username=USER, password=PASSWORD,
                              ca_trust_path=str(peers.authority), **settings)
    shell = protocol.open_shell(codepage=65001)
    command = protocol.run_command(shell, VALUES)
    stdout, _, code = protocol.get_command_output(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)
    return stdout, code


def main():
    root = Path(__file__).resolve().parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder)
        lab = subprocess.Popen([target / "debug/examples/serve_lab", folder / "lab.toml", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = json.loads(lab.stdout.readline())
        authority = folder / "authority.pem"
        authority.write_text(told["authority"])
        wrong = 0
        for name, check in checks(Peers(told["ports"], authority)):
            try:
                good = check()
            except Exception as error:
                good = f"{type(error).__name__}: {error}"
            wrong += good is not True
            print("ok    " if good is True else "WRONG ", name, "" if good is True else good)
        lab.stdin.close()
        seen = json.loads(lab.stdout.read())
        lab.wait(10)
    failed = [login for login in seen["logins"] if not login[2]]
    print(len(seen["requests"]), "requests;", len(failed), "logons refused;", len(seen["shells_left"]), "shells left")
    for what in sorted({what for _, what in seen["violations"]}):
        print("note:", what)
    if len(failed) != 1 or seen["shells_left"]:
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
