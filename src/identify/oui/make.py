#!/usr/bin/env python3
"""Makes vendors.z, the table of who was assigned which hardware addresses.

    make.py [FOLDER]

FOLDER holds the public listing of the IEEE Registration Authority as CSV: oui.csv (MA-L, 24 bits), mam.csv
(MA-M, 28 bits), oui36.csv (MA-S, 36 bits), iab.csv (the older 36-bit blocks). They are published at
https://standards-oui.ieee.org/ and come with Debian's package ieee-data (/usr/share/ieee-data, the default).
The IEEE asserts no copyright in that listing.

The result is zlib-compressed text, sorted, a line a vendor: its shortened name, a tab, and its prefixes as
hex digits (6, 7 or 9) with a blank between them. The same input gives the same bytes.
"""

import collections
import csv
import pathlib
import re
import sys
import zlib

LISTS = ("oui.csv", "mam.csv", "oui36.csv", "iab.csv")

# Legal forms and other words at the end of a name that tell nobody who made a thing.
EMPTY = re.compile(
    r"[\s,.&(\-]*\b(inc|incorporated|ltd|limited|llc|l\.l\.c|corp|corporation|co|company|companies|gmbh|mbh|kg|"
    r"ag|sa|s\.a|sas|s\.a\.s|srl|s\.r\.l|spa|s\.p\.a|bv|b\.v|nv|n\.v|ab|as|a/s|oy|oyj|aps|pty|pte|plc|"
    r"kk|k\.k|sdn|bhd|lda|ltda|sl|s\.l|sro|s\.r\.o|zrt|kft|jsc|ooo|pvt|pvt\. ltd|private limited|"
    r"international|intl|group|holdings?|a hewlett packard|technology|technologies)\b[\s,.)]*$",
    re.IGNORECASE,
)

# Names under which everybody knows those who have the most addresses, by how their shortened name begins.
KNOWN = {
    "advanced micro devices": "AMD",
    "american power conversion": "APC",
    "apple": "Apple",
    "aruba": "Aruba",
    "asrock": "ASRock",
    "asustek": "ASUS",
    "axis ": "Axis",
    "brother": "Brother",
    "canon": "Canon",
    "cisco": "Cisco",
    "d-link": "D-Link",
    "dell": "Dell",
    "fujitsu": "Fujitsu",
    "giga-byte": "Gigabyte",
    "hangzhou hikvision": "Hikvision",
    "hewlett packard enterprise": "HPE",
    "hewlett packard": "HP",
    "hon hai": "Foxconn",
    "huawei": "Huawei",
    "ibm": "IBM",
    "intel": "Intel",
    "juniper": "Juniper",
    "lenovo": "Lenovo",
    "lexmark": "Lexmark",
    "microsoft": "Microsoft",
    "micro-star": "MSI",
    "mikrotik": "MikroTik",
    "routerboard": "MikroTik",
    "netgear": "NETGEAR",
    "qnap": "QNAP",
    "raspberry pi": "Raspberry Pi",
    "ricoh": "Ricoh",
    "samsung": "Samsung",
    "schneider": "Schneider Electric",
    "seiko epson": "Epson",
    "siemens": "Siemens",
    "super micro": "Supermicro",
    "synology": "Synology",
    "tp-link": "TP-Link",
    "ubiquiti": "Ubiquiti",
    "vmware": "VMware",
    "xerox": "Xerox",
    "zte": "ZTE",
    "zyxel": "Zyxel",
}

LONGEST = 32


def shortened(name: str) -> str:
    """A name without its legal form, at most 32 characters long."""
    name = " ".join(name.split()).strip(" ,.\"'")
    while True:
        shorter = EMPTY.sub("", name).strip(" ,.-&(")
        # "Technology Inc" is all the name that some have.
        if shorter == name or len(shorter) < 3:
            break
        name = shorter
    lower = name.lower() + " "
    for beginning, known in KNOWN.items():
        if lower.startswith(beginning):
            return known
    return name[:LONGEST].rstrip(" ,.-&(")


def main() -> int:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/ieee-data")
    vendors = collections.defaultdict(set)
    for name in LISTS:
        with open(folder / name, newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                vendor = row["Organization Name"]
                # Not assigned to anybody who wants to be named, or split into smaller blocks.
                if vendor.strip().lower() in ("", "private", "ieee registration authority"):
                    continue
                vendors[shortened(vendor)].add(row["Assignment"].strip().lower())
    lines = [f"{vendor}\t{' '.join(sorted(prefixes))}\n" for vendor, prefixes in sorted(vendors.items())]
    text = "".join(lines).encode()
    packed = zlib.compress(text, 9)
    (pathlib.Path(__file__).parent / "vendors.z").write_bytes(packed)
    count = sum(len(prefixes) for prefixes in vendors.values())
    print(f"{count} prefixes of {len(vendors)} vendors: {len(text)} bytes, {len(packed)} compressed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
