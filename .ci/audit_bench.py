"""Hosts a second: underdesk beside the OpenSSH client under xargs, with the same questions."""

import os
import subprocess
import time

from audit_lab import rows
from audit_range import RANGE, SIZE, addresses, everywhere

ROUNDS = 2


def bench(lab, report):
    server, options = everywhere(lab, "bench", "MaxStartups 600")
    count = min(lab.addresses, SIZE)
    script = questions(lab, server, options)
    report.that(script.stat().st_size > 4_000, f"bench: the questions are {script.stat().st_size} bytes")
    target = RANGE if count == SIZE else f"127.0.1.1-{min(count, 254)}"
    count = SIZE if count == SIZE else min(count, 254)
    ours, theirs = [], []
    # By turns, and the better of two each: what else the machine does should not decide.
    for turn in range(ROUNDS):
        folder = lab.folder(f"out-bench-{turn}")
        done = lab.run(f"bench-{turn}", "scan", target, *options, "--out", folder, seconds=300)
        read = sum(row["result_code"] in ("ok", "ok_partial") for row in rows(folder, "access"))
        if not report.that(read == count, f"bench: underdesk read {read} of {count}, {done.seconds:.1f} s", done.err):
            return
        ours.append(count / done.seconds)
        seconds, read = openssh(lab, script, options, count, turn)
        if not report.that(read == count, f"bench: ssh under xargs read {read} of {count}, {seconds:.1f} s"):
            return
        theirs.append(count / seconds)
    server.stop()
    ratio = max(ours) / max(theirs)
    report.that(ratio >= 1.0, f"bench: underdesk {max(ours):.1f} hosts a second (sweep, login, questions, matching, "
                f"store, CSV), ssh under xargs -P 16 {max(theirs):.1f} (login, questions): ratio {ratio:.2f}")


def questions(lab, server, options):
    """What underdesk sends, as a host that only writes it down gets it."""
    account = lab.account("record")
    script = lab.root / "homes" / account / "questions"
    lab.authorize(account, lab.key("plain"), f'command="cat >{script}"')
    credentials = lab.credentials("record.toml", lab.key_credential(account, lab.key("plain")))
    known = options[options.index("--known-hosts") + 1]
    lab.run("record", "scan", "127.0.1.1", "-p", "22", "--credentials", credentials, "--known-hosts", known,
            "--out", lab.folder("out-record"))
    return script


def openssh(lab, script, options, count, turn):
    """Seconds, and how many hosts answered to the end."""
    known = options[options.index("--known-hosts") + 1]
    answers = lab.folder(f"answers-{turn}")
    client = ["ssh", "-F", "none", "-T", "-i", lab.key("plain"), "-l", lab.account("key"), "-o", "BatchMode=yes",
              "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=none",
              "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"]
    words = " ".join(str(word) for word in client)
    shell = f'{words} "$1" "sh -s" <{script} >{answers}/"$1"'
    began = time.monotonic()
    subprocess.run(["xargs", "-P", "16", "-n", "1", "sh", "-c", shell, "sh"], input="\n".join(addresses(count)),
                   text=True, capture_output=True, timeout=400, check=False,
                   env={"PATH": os.environ["PATH"], "HOME": str(lab.folder("operator"))})
    seconds = time.monotonic() - began
    read = sum(path.read_bytes().endswith(b" DONE\n") for path in answers.iterdir())
    return seconds, read
