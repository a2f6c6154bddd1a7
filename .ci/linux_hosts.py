"""Hosts for the judge of Linux verdicts: real inventories, and hosts made up where none is at hand.

The made-up ones have real packages of real releases (names, versions, module labels, repositories); which of them are
together on one machine is ours. So are the two small feeds for Ubuntu and SUSE, of which data/linux has no full one:
their ids, releases, fixed versions and CVEs are facts of the publishers' records, their prose is ours.
"""

import json
import pathlib

from linux_oracle import Host, Package

# inventory -> manager, os-release id, version, ecosystems that apply
INVENTORIES = {
    "debian_12": ("dpkg", "debian", "12", ["Debian:12"]),
    "ubuntu_2204": ("dpkg", "ubuntu", "22.04", ["Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS"]),
    "alma_9": ("rpm", "almalinux", "9.0", ["AlmaLinux:9"]),
    "rocky_9": ("rpm", "rocky", "9.1", ["Rocky Linux:9"]),
    "amazon_2": ("rpm", "amzn", "2", ["Amazon Linux:2"]),
    "sles15": ("rpm", "sles", "15.3", ["SUSE:Linux Enterprise Server 15 SP3",
                                       "SUSE:Linux Enterprise Module for Basesystem 15 SP3"]),
    "alpine_319": ("apk", "alpine", "3.19.0", ["Alpine:v3.19"]),
}
MODULE = "8090020240101000000:a1b2c3d4"  # version and context of a module label; which does not matter


def inventory(shared, name):
    """A real host, and its facts."""
    said = json.loads((pathlib.Path(shared) / "data/linux/inventories" / f"{name}.json").read_bytes())
    manager, system, version, ecosystems = INVENTORIES[name]
    packages = [read_package(one, manager) for one in said["packages"]]
    host = Host(name, manager, ecosystems, packages, said["kernel"]["release"])
    return host, facts(host, system, version)


def read_package(one, manager):
    name, version = one["name"], one["version"]
    source, source_version = one.get("source_name", name), one.get("source_version", version)
    if manager == "rpm":
        # SOURCERPM states no epoch.
        source_version = source_version.partition(":")[2] or source_version
    arch = (one.get("arch") or ("amd64" if manager == "dpkg" else "")).replace("(none)", "")
    return Package(name, version, arch, source, source_version, None, one.get("repository"))


def facts(host, system, version, unix=None):
    """A host in the form of docs/facts.md."""
    packages = []
    for one in host.packages:
        said = {"manager": host.manager, "name": one.name, "version": one.version, "arch": one.arch,
                "source": {"name": one.source, "version": one.source_version}}
        said |= {"module": one.module} if one.module else {}
        said |= {"repository": one.repository} if one.repository else {}
        packages.append(said)
    return {"format": "underdesk-facts", "version": 1, "name": host.name, "inventory": {
        "platform": {"family": {"dpkg": "debian", "pkg": "bsd"}.get(host.manager, "linux"), "id": system,
                     "version": version, "arch": host.arch, "ecosystem": host.ecosystems[0],
                     "kernel": {"running": host.running}},
        "packages": {"known": packages}} | ({"unix": unix} if unix else {})}


def rpm(text, source=None, module=None, repository=None, arch="x86_64"):
    """`name epoch:version-release` as a package; the source is `name version-release`, or the package's own."""
    name, version = text.split(" ")
    own = version.partition(":")[2] or version
    source, source_version = source.split(" ") if source else (name, own)
    label = f"{module}:{MODULE}" if module else None
    return Package(name, version, arch, source, source_version, label, repository)


def deb(text, source=None):
    name, version = text.split(" ")
    source, source_version = source.split(" ") if source else (name, version)
    return Package(name, version, "amd64", source, source_version, None, None)


def made_up():
    """name -> (host, facts, what it shows)."""
    hosts = {}

    def add(name, manager, ecosystems, system, version, packages, running=None, unix=None):
        host = Host(name, manager, ecosystems, packages, running)
        hosts[name] = (host, facts(host, system, version, unix))

    perl = "perl 5.26.3-420.el8"
    add("alma_8_streams", "rpm", ["AlmaLinux:8"], "almalinux", "8.4", [
        rpm("perl-libs 4:5.26.3-420.el8", perl), rpm("perl-interpreter 4:5.26.3-420.el8", perl),
        rpm("perl-macros 4:5.26.3-420.el8", perl), rpm("perl-Errno 1.28-420.el8", perl),
        rpm("perl-IO 1.38-420.el8", perl), rpm("perl-Pod-Escapes 1:1.07-395.el8"),
        rpm("perl-Encode 4:2.97-3.el8"), rpm("perl-HTTP-Tiny 0.074-1.el8"), rpm("perl-Socket 4:2.027-3.el8"),
        rpm("perl-libs 4:5.26.3-420.el8", perl, arch="i686"),
        rpm("nodejs 1:16.4.2-2.module_el8.4.0+2521+c668cc9f", module="nodejs:16"),
        rpm("npm 1:7.18.1-1.16.4.2.2.module_el8.4.0+2521+c668cc9f",
            "nodejs 16.4.2-2.module_el8.4.0+2521+c668cc9f", module="nodejs:16"),
        rpm("httpd 2.4.37-39.module_el8.4.0+2390+e9bcc4a8.1", module="httpd:2.4"),
        rpm("php 7.4.6-4.module_el8.3.0+6168+f1c5bdd1", module="php:7.4"),
        rpm("openssl-libs 1:1.1.1g-15.el8_3", "openssl 1.1.1g-15.el8_3"),
        rpm("kernel-core 4.18.0-305.el8", "kernel 4.18.0-305.el8"),
        rpm("python3-libs 3.6.8-37.el8", "python3 3.6.8-37.el8"),
        rpm("platform-python 3.6.8-37.el8", "python3 3.6.8-37.el8"),
        rpm("libvirt-libs 6.0.0-35.module_el8.4.0+2358+630e803b", "libvirt 6.0.0-35.module_el8.4.0+2358+630e803b",
            module="virt:rhel"),
    ], "4.18.0-305.el8.x86_64")
    add("rocky_8_epochs", "rpm", ["Rocky Linux:8"], "rocky", "8.5", [
        rpm("bind-libs 32:9.11.26-6.el8", "bind 9.11.26-6.el8"),
        rpm("bind-utils 32:9.11.26-6.el8", "bind 9.11.26-6.el8"),
        rpm("dhcp-client 12:4.3.6-45.el8", "dhcp 4.3.6-45.el8"), rpm("tcpdump 14:4.9.3-2.el8"),
        rpm("dhcp-common 12:4.3.6-45.el8", "dhcp 4.3.6-45.el8", arch="noarch"),
        rpm("bind9.16 32:9.16.23-0.7.el8"),
        rpm("openssl-libs 1:1.1.1k-4.el8", "openssl 1.1.1k-4.el8"), rpm("curl 7.61.1-22.el8"),
        rpm("qemu-guest-agent 15:4.2.0-59.module+el8.5.0+726+ce09ee88",
            "qemu-kvm 4.2.0-59.module+el8.5.0+726+ce09ee88", module="virt:rhel"),
    ], "4.18.0-348.el8.0.2.x86_64")
    java = "java-17-openjdk 17.0.9.0.9-2.el8"
    add("alma_8_java", "rpm", ["AlmaLinux:8"], "almalinux", "8.9", [
        rpm("java-17-openjdk 1:17.0.9.0.9-2.el8", java), rpm("java-17-openjdk-headless 1:17.0.9.0.9-2.el8", java)])
    add("alma_9_patched", "rpm", ["AlmaLinux:9"], "almalinux", "9.8", [
        rpm("openssl 1:3.5.5-4.el9_8"), rpm("openssl-libs 1:3.5.5-4.el9_8", "openssl 3.5.5-4.el9_8"),
        rpm("bind-libs 32:9.16.23-40.el9_8.8", "bind 9.16.23-40.el9_8.8"), rpm("curl 7.76.1-40.el9_8.5"),
        rpm("NetworkManager 1:1.54.3-2.el9"), rpm("vim-minimal 2:8.2.2637-26.el9_8.13", "vim 8.2.2637-26.el9_8.13"),
        rpm("dbus-libs 1:1.12.20-7.el9_2.1", "dbus 1.12.20-7.el9_2.1"), rpm("squid 7:5.5-22.el9_7.4"),
        rpm("cups-libs 1:2.3.3op2-39.el9_8", "cups 2.3.3op2-39.el9_8"),
        rpm("qemu-guest-agent 17:10.1.0-17.el9_8.4.alma.1", "qemu-kvm 10.1.0-17.el9_8.4.alma.1")])
    running = "5.14.0-70.13.1.el9_0"
    kernels = [rpm(f"{name} {version}", f"kernel {version}") for name in ("kernel", "kernel-core", "kernel-modules")
               for version in (running, "5.14.0-70.30.1.el9_0")]
    add("alma_9_not_booted", "rpm", ["AlmaLinux:9"], "almalinux", "9.0", kernels, f"{running}.x86_64")
    newest = "5.14.0-570.17.1.el9_6"
    add("alma_9_old_kernels", "rpm", ["AlmaLinux:9"], "almalinux", "9.6", [
        rpm(f"kernel-core {version}", f"kernel {version}") for version in (running, newest)], f"{newest}.x86_64")
    add("alma_9_tools_left", "rpm", ["AlmaLinux:9"], "almalinux", "9.6", [
        rpm(f"kernel-core {newest}", f"kernel {newest}"), rpm(f"kernel-tools {running}", f"kernel {running}")],
        f"{newest}.x86_64")
    for release, kernel, builds in (("14.04", "3.13.0-170", ["1.0.1f-1ubuntu2.27", "1.0.1f-1ubuntu2.27+esm5"]),
                                    ("16.04", "4.4.0-210", ["1.0.2g-1ubuntu4.20", "1.0.2g-1ubuntu4.20+esm2"])):
        for suffix, build in zip(("", "_esm"), builds):
            openssl = [deb(f"{name} {build}", f"openssl {build}") for name in ("openssl", "libssl1.0.0")]
            add(f"ubuntu_{release.replace('.', '')}{suffix}", "dpkg",
                [f"Ubuntu:{release}:LTS", f"Ubuntu:Pro:{release}:LTS"], "ubuntu", release, openssl,
                f"{kernel}-generic")
    add("amazon_2_extras", "rpm", ["Amazon Linux:2"], "amzn", "2", [
        rpm("kernel 5.10.102-99.473.amzn2", repository="amzn2extra-kernel-5.10"),
        rpm("nginx 1:1.22.0-1.amzn2.0.1", repository="amzn2extra-nginx1"),
        rpm("curl 7.79.1-1.amzn2.0.1", repository="amzn2-core"),
        rpm("aws-nitro-enclaves-cli 1.1.0-0.amzn2", repository="amzn2extra-aws-nitro-enclaves-cli"),
        rpm("unbound-libs 1.13.1-1.amzn2.0.2", "unbound 1.13.1-1.amzn2.0.2", repository="amzn2extra-unbound1.13"),
    ], "5.10.102-99.473.amzn2.x86_64")
    add("alpine_318_never", "apk", ["Alpine:v3.18"], "alpine", "3.18.0", [
        Package(name, version, "x86_64", source, version, None, None) for name, version, source in (
            ("curl", "8.1.0-r0", "curl"), ("libcurl", "8.1.0-r0", "curl"), ("python3", "3.11.3-r10", "python3"),
            ("tiff", "4.5.0-r6", "tiff"), ("libxml2", "2.11.3-r0", "libxml2"), ("zlib", "1.2.13-r1", "zlib"),
            ("jq", "1.6-r3", "jq"), ("nginx", "1.24.0-r5", "nginx"), ("coreutils", "9.3-r1", "coreutils"),
            ("ncurses-libs", "6.4_p20230424-r0", "ncurses"), ("sqlite-libs", "3.41.2-r2", "sqlite"))])
    add("arch_rolling", "pacman", ["Arch Linux"], "arch", "", [
        Package(name, version, "x86_64", base, version, None, None) for name, version, base in (
            ("rsync", "3.3.0-2", "rsync"), ("oath-toolkit", "2.6.11-1", "oath-toolkit"), ("krb5", "1.21.2-1", "krb5"),
            ("openssh", "9.8p1-1", "openssh"), ("lib32-krb5", "1.21.3-1", "krb5"), ("libxml2", "2.9.10-8", "libxml2"),
            ("wpa_supplicant", "2:2.9-7", "wpa_supplicant"), ("xz", "5.6.1-1", "xz"), ("glibc", "2.33-3", "glibc"),
            ("vim", "8.2.3568-1", "vim"), ("grub", "2:2.06-1", "grub"), ("mariadb", "10.6.4-1", "mariadb"))])
    add("freebsd_13", "pkg", ["FreeBSD"], "freebsd", "13.2", [
        Package(name, version, "FreeBSD:13:amd64", origin, version, None, None) for name, version, origin in (
            ("openssl", "1.1.1t,1", "security/openssl"), ("curl", "8.0.1", "ftp/curl"),
            ("sudo", "1.9.13p3", "security/sudo"), ("nginx", "1.24.0_3,3", "www/nginx"),
            ("python39", "3.9.16_2", "lang/python39"), ("git", "2.40.0", "devel/git"), ("php82", "8.2.5", "lang/php82"),
            ("mariadb106-server", "10.6.12", "databases/mariadb106-server"), ("vim", "9.0.1441", "editors/vim"),
            ("libxml2", "2.10.3_1", "textproc/libxml2"),
            ("openssh-portable", "9.3.p1_1,1", "security/openssh-portable"),
            ("roundcube-php82", "1.6.1,1", "mail/roundcube"), ("gitea", "1.19.1", "www/gitea"))])
    return hosts


# The small feeds: facts of Canonical's and SUSE's OSV records.

def osv_record(identity, published, summary, cves, affected):
    return {"schema_version": "1.6.0", "id": identity, "published": published, "modified": published,
            "summary": summary, "details": summary, "upstream": cves, "related": cves, "affected": affected}


def ubuntu_entry(ecosystem, name, fixed, binaries):
    events = [{"introduced": "0"}] + ([{"fixed": fixed}] if fixed else [])
    specific = {"binaries": [{"binary_name": one, "binary_version": fixed} for one in binaries]} if fixed else {}
    if ":Pro:" in ecosystem and fixed:
        specific["availability"] = "Available with Ubuntu Pro: https://ubuntu.com/pro"
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}],
            "ecosystem_specific": specific}


def ubuntu_feed():
    ssl10, ssl3 = ["libssl1.0.0", "openssl"], ["libssl3", "openssl"]
    hmac = [*ssl10, "libssl1.0.0-hmac"]
    jammy, xenial = "Ubuntu:22.04:LTS", "Ubuntu:Pro:16.04:LTS"
    return [
        osv_record("UBUNTU-CVE-2022-0778", "2022-03-15T00:00:00Z", "An endless loop in OpenSSL", ["CVE-2022-0778"], [
            # The first is ours: what the tracker says of a release that gets no fixes, beside the fix of Pro.
            ubuntu_entry("Ubuntu:14.04:LTS", "openssl", None, ssl10),
            ubuntu_entry("Ubuntu:Pro:14.04:LTS", "openssl", "1.0.1f-1ubuntu2.27+esm5", ssl10),
            ubuntu_entry(xenial, "openssl", "1.0.2g-1ubuntu4.20+esm2", ssl10),
            ubuntu_entry("Ubuntu:Pro:FIPS:16.04:LTS", "openssl", "1.0.2g-1ubuntu4.fips.4.20.2", hmac),
            ubuntu_entry("Ubuntu:18.04:LTS", "openssl", "1.1.1-1ubuntu2.1~18.04.15", ["libssl1.1", "openssl"]),
            ubuntu_entry(jammy, "openssl", "3.0.2-0ubuntu1", ssl3)]),
        osv_record("UBUNTU-CVE-2023-0464", "2023-03-22T17:00:00Z", "Policy checks of OpenSSL take all memory",
                   ["CVE-2023-0464"], [ubuntu_entry(jammy, "openssl", "3.0.2-0ubuntu1.9", ssl3)]),
        osv_record("UBUNTU-CVE-2023-4911", "2023-10-03T17:00:00Z", "glibc's loader overflows", ["CVE-2023-4911"], [
            ubuntu_entry(jammy, "glibc", "2.35-0ubuntu3.4", ["libc6", "libc-bin"]),
            ubuntu_entry("Ubuntu:24.04:LTS", "glibc", "2.38-1ubuntu6", ["libc6", "libc-bin"])]),
        osv_record("UBUNTU-CVE-2023-38408", "2023-07-20T03:15:00Z", "A forwarded ssh-agent loads libraries",
                   ["CVE-2023-38408"], [ubuntu_entry(jammy, "openssh", "1:8.9p1-3ubuntu0.3", ["openssh-client"])]),
        osv_record("UBUNTU-CVE-2023-32233", "2023-05-08T20:15:00Z", "nf_tables uses what is freed",
                   ["CVE-2023-32233"], [ubuntu_entry(jammy, "linux", "5.15.0-73.80",
                                                     ["linux-image-unsigned-5.15.0-73-generic"])]),
    ]


def suse_entry(product, name, fixed, binaries):
    return {"package": {"ecosystem": f"SUSE:{product}", "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            "ecosystem_specific": {"binaries": [dict.fromkeys(binaries, fixed)]}}


def suse_feed():
    base, ltss = "Linux Enterprise Module for Basesystem 15 SP3", "Linux Enterprise Server 15 SP2-LTSS"
    polkit, expat = ["libpolkit0", "polkit", "polkit-devel"], ["expat", "libexpat-devel", "libexpat1"]
    cves = ["CVE-2021-45960", "CVE-2021-46143", "CVE-2022-22822", "CVE-2022-22823", "CVE-2022-22824", "CVE-2022-22825",
            "CVE-2022-22826", "CVE-2022-22827"]
    return [
        osv_record("SUSE-SU-2022:0190-1", "2022-01-25T18:10:47Z", "polkit: pkexec gives root", ["CVE-2021-4034"], [
            suse_entry(base, "polkit", "0.116-3.6.1", polkit), suse_entry(ltss, "polkit", "0.116-3.6.1", polkit)]),
        osv_record("SUSE-SU-2022:0178-1", "2022-01-25T13:17:32Z", "expat: numbers overflow", cves, [
            suse_entry(base, "expat", "2.2.5-3.9.1", expat), suse_entry(ltss, "expat", "2.2.5-3.9.1", expat)]),
    ]


def suse_claims(records):
    """SUSE's records name the source; what counts is the binaries, each with its version."""
    from linux_documents import claim
    for record in records:
        for affected in record["affected"]:
            for binaries in affected["ecosystem_specific"]["binaries"]:
                for name, fixed in binaries.items():
                    yield claim(record["id"], affected["package"]["ecosystem"], name, "binary", fixed,
                                cves=frozenset(record["related"]))
