"""Other scanners at their best settings, in the same networks, and what they found."""

import re
import shutil

from audit_lab import Skip
from sweep_lab import OWN, PORTS

ADDRESS = r"\d+\.\d+\.\d+\.\d+"


def tool(name):
    """Where a scanner is; what needs it cannot be done without."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


def masscan(lab, truth, *flags, rate=1_000_000, wait=1, ping=True):
    """Its answer stands in a file; its options are those of the study."""
    path = lab.place()
    words = [tool("masscan"), truth.net, *(["--ping"] if ping else []), "-p", PORTS, "--rate", rate, "--wait", wait, "-e",
             "sv0", "--router-mac", lab.gateway_mac, "--source-ip", OWN, "-oL", path, *flags]
    done = lab.measure(words, seconds=300)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        fields = line.split()
        if len(fields) >= 4 and fields[0] == "open":
            done.hosts.add(fields[3])
            if fields[1] == "tcp":
                done.sockets.add((fields[3], int(fields[2])))
    return done


def arp_scan(lab, truth):
    """Tuned as in the study: five times as fast as its defaults."""
    words = [tool("arp-scan"), "-I", "sv1", "-x", "-q", "-B", "10M", "-r", "2", "-t", "100", truth.net]
    done = lab.measure(words, device="sv1", seconds=120)
    done.hosts.update(re.findall(rf"^({ADDRESS})\b", done.out, re.MULTILINE))
    return done


def rustscan(lab, truth, program, batch=15_000):
    """As its users run it: no script, no banner."""
    words = [program, "-a", truth.net, "-p", PORTS, "-b", batch, "-t", "500", "--tries", "1", "-g", "--no-banner",
             "--no-config", "--scan-order", "random"]
    done = lab.measure(words, seconds=300)
    for address, ports in re.findall(rf"({ADDRESS}) -> \[([\d,]*)\]", done.out):
        done.sockets.update((address, int(port)) for port in ports.split(",") if port)
        done.hosts.add(address)
    return done


def nmap(lab, truth, *flags, device="sv0", seconds=300):
    """With -Pn every host is up: there only those count that answered."""
    path = lab.place()
    done = lab.measure([tool("nmap"), "-n", *flags, "-oG", path, truth.net], device=device, seconds=seconds)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        host = re.match(rf"Host: ({ADDRESS}) ", line)
        if not host:
            continue
        open_ports = re.findall(r"(\d+)/open/", line)
        done.sockets.update((host[1], int(port)) for port in open_ports)
        is_up = "Status: Up" in line and "-Pn" not in flags
        if is_up or open_ports or re.search(r"\d+/closed/|Ignored State: closed", line):
            done.hosts.add(host[1])
    return done


def zmap(lab, truth, rate=100_000):
    """One port in a run, and none of the others' work: how fast packets go out."""
    words = [tool("zmap"), "-p", "445", "-r", rate, "-i", "sv0", "-G", lab.gateway_mac, "-S", OWN, "--cooldown-time=1", "-q",
             "-v0", "-C", "/dev/null", "-b", "/dev/null", "-o", "-", truth.net]
    done = lab.measure(words, seconds=120)
    found = re.findall(rf"^({ADDRESS})\s*$", done.out, re.MULTILINE)
    done.hosts.update(found)
    done.sockets.update((address, 445) for address in found)
    return done
