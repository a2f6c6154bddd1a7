#!/usr/bin/env python3
"""Turns a Debian inventory in the form of the vuls scanner into what our tools read.

    vuls_inventory.py INVENTORY.json [--recording DIR] [--status FILE]

The inventory is {"family": "debian", "release": "12", "kernel": {"release", "version"}, "packages":
[{"name", "version", "source_name", "source_version"}]}. --recording writes a recorded host, a folder that
`match --recording DIR` reads (answers.json and a text per question); --status writes a dpkg status file,
which debsecan reads. What the inventory does not say (architectures, what listens, who the machine is)
is given neutral values, or left unanswered with exit status 120.
"""

import argparse
import json
import pathlib
import sys

CODENAMES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}


def os_release(release):
    codename = CODENAMES[release]
    return (
        f'PRETTY_NAME="Debian GNU/Linux {release} ({codename})"\nNAME="Debian GNU/Linux"\n'
        f'VERSION_ID="{release}"\nVERSION="{release} ({codename})"\nVERSION_CODENAME={codename}\nID=debian\n'
    )


def source_field(package):
    """dpkg's Source field: nothing where it says nothing new."""
    name, version = package["source_name"], package["source_version"]
    if version != package["version"]:
        return f"{name} ({version})"
    return name if name != package["name"] else ""


def answers(inventory):
    kernel = inventory["kernel"]
    packages = "".join(
        f"{p['name']}\t{p['version']}\tamd64\t{source_field(p)}\tinstall ok installed\t\t\n"
        for p in inventory["packages"]
    )
    release = kernel["release"]
    return {
        "uname": f"Linux\nrecorded\n{release}\n#1 SMP Debian {kernel['version']}\nx86_64\n",
        "os-release": os_release(inventory["release"]),
        "release-files": "",
        "dpkg-packages": packages,
        "dpkg-times": "",
        "kernels": f"modules\t{release}\nboot\t{release}\n",
        "reboot": "required\n" if kernel.get("rebootRequired") else "",
        "listeners": "# proc tcp\n",
        "identity": None,
        "interfaces": None,
        "names": "uname\trecorded\n",
        "virtual": "",
    }


def write_recording(inventory, folder):
    folder.mkdir(parents=True, exist_ok=True)
    exits = {}
    for question, text in answers(inventory).items():
        exits[question] = 120 if text is None else 0
        (folder / f"{question}.txt").write_text(text or "", encoding="utf-8")
    index = {"schema": 1, "set": "unix", "exits": exits}
    (folder / "answers.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def write_status(inventory, path):
    with open(path, "w", encoding="utf-8") as out:
        for package in inventory["packages"]:
            source = source_field(package)
            out.write(f"Package: {package['name']}\nStatus: install ok installed\nArchitecture: amd64\n")
            out.write(f"Source: {source}\n" if source else "")
            out.write(f"Version: {package['version']}\n\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("inventory", type=pathlib.Path)
    parser.add_argument("--recording", type=pathlib.Path)
    parser.add_argument("--status", type=pathlib.Path)
    args = parser.parse_args()
    inventory = json.loads(args.inventory.read_text(encoding="utf-8"))
    if inventory.get("family") != "debian" or inventory.get("release") not in CODENAMES:
        sys.exit(f"{args.inventory}: not an inventory of a Debian release that is known here")
    if args.recording:
        write_recording(inventory, args.recording)
    if args.status:
        write_status(inventory, args.status)
    print(f"{len(inventory['packages'])} packages, kernel {inventory['kernel']['release']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
