"""Completions, manual, Debian package, units and modes, by the programs that use them.

    getting_audit.py --binary PATH [--deb PATH] [--only PART]

Completions are parsed by their shells and asked for words; the manual is checked by mandoc and man; the package is
built of the binary (cargo-deb), looked into, checked by lintian and laid into a folder; the units are checked there by
systemd-analyze; a sweep runs in a network of its own to see that no thread keeps a privilege. What is not installed
here is said to be skipped.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMANDS = ["scan", "sweep", "verify", "match", "export", "import", "diff", "unmanaged", "plan", "catalog", "credentials",
            "trust", "policy", "except", "runs", "doctor", "explain", "demo", "completions", "man"]
RAW = (1 << 12) | (1 << 13)


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, holds, what, detail=""):
        if holds:
            self.passed += 1
            print(f"ok      {what}")
        else:
            self.failed += 1
            print(f"FAILED  {what}\n{detail}".rstrip())
        return holds

    def skip(self, what, why):
        self.skipped += 1
        print(f"skipped {what}: {why}")


def run(*words, **more):
    more.setdefault("env", {**os.environ, "LC_ALL": "C.UTF-8"})
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **more)


def has(report, program, what):
    if shutil.which(program):
        return True
    report.skip(what, f"no {program} here")
    return False


def versions(report, binary):
    short, long = run(binary, "-V").stdout, run(binary, "--version").stdout
    report.that(re.fullmatch(r"underdesk \d+\.\d+\.\d+\n", short), "-V is one line", short)
    names = ["commit", "target", "profile", "engines", "store", "catalogue", "licence"]
    facts = [line.split()[0] for line in long.splitlines()[1:]]
    report.that(facts == names, "--version has the facts of the build", long)
    report.that(run(binary, "scan", "-V").stdout.startswith("underdesk-scan"), "a command knows its version")
    homeless = run(binary, "man", "scan", env={"PATH": os.environ["PATH"]})
    report.that(homeless.returncode == 0, "the manual needs no home and no configuration", homeless.stderr)


def completions(report, binary, folder):
    shells = {"bash": ("underdesk.bash", ["bash", "-n"]), "zsh": ("_underdesk", ["zsh", "-n"]),
              "fish": ("underdesk.fish", ["fish", "-n"]), "powershell": ("underdesk.ps1", ["pwsh", "-NoProfile", "-File"]),
              "elvish": ("underdesk.elv", ["elvish", "-compileonly"])}
    for shell, (name, check) in shells.items():
        written = run(binary, "completions", shell)
        path = folder / name
        path.write_text(written.stdout)
        known = all(command in written.stdout for command in COMMANDS)
        report.that(written.returncode == 0 and known, f"{shell}: every command is in the script", written.stderr)
        if has(report, check[0], f"{shell}: the script is parsed"):
            parsed = run(*check, path)
            clean = parsed.returncode == 0 and not parsed.stderr
            report.that(clean, f"{shell}: the script is parsed", parsed.stderr)
    if shutil.which("bash"):
        script = (f"source {folder}/underdesk.bash; COMP_WORDS=(underdesk cat); COMP_CWORD=1; "
                  "_underdesk underdesk cat underdesk; echo ${COMPREPLY[@]}")
        asked = run("bash", "-c", script)
        report.that(asked.stdout.split() == ["catalog"], "bash: cat becomes catalog", asked.stdout + asked.stderr)
    if shutil.which("zsh"):
        script = f"autoload -Uz compinit; fpath=({folder} $fpath); compinit -u -d {folder}/dump; whence -w _underdesk"
        asked = run("zsh", "-f", "-c", script)
        report.that("function" in asked.stdout, "zsh: the function is found by compinit", asked.stdout + asked.stderr)
    if shutil.which("fish"):
        asked = run("fish", "-N", "-c", f"source {folder}/underdesk.fish; complete -C 'underdesk cat'",
                    env={**os.environ, "HOME": str(folder)})
        report.that(asked.stdout.split("\t")[0].strip() == "catalog", "fish: cat becomes catalog", asked.stdout + asked.stderr)


def manual(report, binary, folder):
    pages = folder / "man1"
    written = run(binary, "man", "--out", pages)
    files = sorted(pages.glob("*.1"))
    names = {path.stem for path in files}
    report.that(written.returncode == 0 and {f"underdesk-{name}" for name in COMMANDS} <= names,
                f"every command has its page ({len(files)} of them)", written.stderr)
    if has(report, "mandoc", "mandoc has nothing to say against the pages"):
        linted = run("mandoc", "-Tlint", "-Wwarning", *files)
        report.that(not linted.stdout, "mandoc has nothing to say against the pages", linted.stdout[:2000])
    if has(report, "man", "man shows the pages without a warning"):
        bad = []
        for path in files:
            shown = run("man", "--warnings", "-l", path, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
            if shown.returncode or shown.stderr or not shown.stdout:
                bad.append(f"{path.name}: {shown.stderr.strip()}")
        report.that(not bad, "man shows the pages without a warning", "\n".join(bad[:10]))
        text = run("man", "-l", pages / "underdesk.1").stdout
        for section in ["EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"]:
            report.that(f"\n{section}\n" in text, f"underdesk(1) has {section}")
    one = run(binary, "man", "catalog", "update").stdout
    report.that(one == (pages / "underdesk-catalog-update.1").read_text(), "a page that is printed is the one that is written")
    wrong = run(binary, "man", "nothing")
    report.that(wrong.returncode == 2 and "nothing" in wrong.stderr, "a page that there is not is wrong usage")
    links = {name for path in files for name in re.findall(r"(underdesk[a-z\\-]*)\(1\)", path.read_text())}
    missing = {link.replace("\\", "") for link in links} - names
    report.that(not missing, "every page that a page names is there", str(missing))


def package(report, binary, folder, given):
    """Builds the package of a copy of the tree's files, with this binary as the built one."""
    if given:
        return given
    cargo_deb = shutil.which("cargo-deb")
    if not cargo_deb:
        report.skip("the Debian package is built", "no cargo-deb here: cargo install cargo-deb")
        return None
    tree = folder / "tree"
    tree.mkdir()
    tracked = run("git", "-C", ROOT, "ls-files", "-z").stdout.split("\0")
    for name in filter(None, tracked):
        if name.startswith(("fixtures/", "tests/")) or not (ROOT / name).is_file():
            continue
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    (tree / "target/dist").mkdir(parents=True)
    shutil.copy2(binary, tree / "target/dist/underdesk")
    recipe = re.search(r"^package .*?:\n((?:    .*\n)+)", (ROOT / "justfile").read_text(), re.M).group(1)
    lines = [line.strip().replace("{{program}}", "target/dist/underdesk") for line in recipe.splitlines()]
    prepared = run("sh", "-ec", "\n".join(lines), cwd=tree)
    report.that(prepared.returncode == 0, "the recipe of the package runs", prepared.stderr)
    built = run(cargo_deb, "--profile", "dist", "--no-build", "--fast", "--offline", cwd=tree)
    debs = list((tree / "target/debian").glob("*.deb"))
    if report.that(built.returncode == 0 and len(debs) == 1, "cargo-deb builds the package", built.stderr):
        return debs[0]
    return None


def debian(report, binary, folder, given):
    deb = package(report, binary, folder, given)
    if not deb or not has(report, "dpkg-deb", "the package is looked into"):
        return None
    listed = run("dpkg-deb", "-c", deb).stdout
    modes = {line.split()[5]: (line.split()[0], line.split()[1]) for line in listed.splitlines()}
    for path in ["usr/bin/underdesk", "usr/share/man/man1/underdesk.1.gz", "usr/share/man/man1/underdesk-scan.1.gz",
                 "usr/share/bash-completion/completions/underdesk", "usr/share/zsh/vendor-completions/_underdesk",
                 "usr/share/fish/vendor_completions.d/underdesk.fish", "usr/lib/systemd/system/underdesk.service",
                 "usr/lib/systemd/system/underdesk.timer", "usr/lib/sysusers.d/underdesk.conf", "etc/underdesk/nightly.conf",
                 "etc/underdesk/config.toml", "usr/share/doc/underdesk/examples/policy.example.toml",
                 "usr/share/doc/underdesk/examples/credentials.example.toml", "usr/share/doc/underdesk/SECURITY.md",
                 "usr/share/doc/underdesk/install.md", "usr/share/doc/underdesk/copyright"]:
        report.that(f"./{path}" in modes, f"the package has /{path}")
    odd = {path: mode for path, mode in modes.items() if mode[1] != "0/0" or "w" in mode[0][5:] or "s" in mode[0].lower()}
    report.that(not odd, "its files are root's, and nobody else may write them", str(odd))
    conffiles = set(run("dpkg-deb", "-I", deb, "conffiles").stdout.split())
    report.that(conffiles == {"/etc/underdesk/nightly.conf", "/etc/underdesk/config.toml"},
                "what the administrator edits stays at an upgrade", str(conffiles))
    for script in ["postinst", "prerm", "postrm"]:
        text = run("dpkg-deb", "-I", deb, script).stdout
        checked = run("sh", "-n", "-c", text)
        report.that(text.startswith("#!/bin/sh") and checked.returncode == 0 and "DEBHELPER" not in text,
                    f"{script} is a script", checked.stderr)
        report.that("restart" not in text and "invoke start" not in text, f"{script} starts nothing")
    if has(report, "lintian", "lintian finds no error"):
        said = run("lintian", "--allow-root", deb)
        errors = [line for line in said.stdout.splitlines() if line.startswith("E:")]
        report.that(not errors, "lintian finds no error", "\n".join(errors))
    laid = folder / "laid"
    run("dpkg-deb", "-x", deb, laid)
    works = run(laid / "usr/bin/underdesk", "--version")
    report.that(works.returncode == 0, "the program of the package runs", works.stderr)
    return laid


def units(report, laid, folder):
    source = laid / "usr/lib/systemd/system" if laid else ROOT / "dist/systemd"
    if not has(report, "systemd-analyze", "the units are checked"):
        return
    # The program is not where the unit says, and the manual's database knows nothing of it.
    copies = folder / "units"
    copies.mkdir()
    for name in ["underdesk.service", "underdesk.timer"]:
        text = (source / name).read_text()
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M).replace("/usr/bin/underdesk", "/bin/true")
        (copies / name).write_text(text)
    checked = run("systemd-analyze", "verify", "--man=no", copies / "underdesk.service", copies / "underdesk.timer")
    said = [line for line in (checked.stdout + checked.stderr).splitlines() if "underdesk" in line]
    report.that(not said, "systemd knows every word of the units", "\n".join(said))
    raw = copies / "underdesk.service.d"
    for with_raw, most in [(False, 2.0), (True, 2.5)]:
        if with_raw:
            raw.mkdir()
            shutil.copy(ROOT / "dist/systemd/raw-sweep.conf", raw)
        scored = run("systemd-analyze", "security", "--offline=true", "--no-pager", copies / "underdesk.service")
        score = re.search(r"exposure level for underdesk.service: ([0-9.]+)", scored.stdout)
        what = "with raw sockets " if with_raw else ""
        holds = score and float(score.group(1)) <= most
        report.that(holds, f"the service's exposure {what}is {score and score.group(1)}, at most {most}", scored.stderr)
    calendar = re.search(r"OnCalendar=(.*)", (source / "underdesk.timer").read_text()).group(1)
    report.that(run("systemd-analyze", "calendar", calendar).returncode == 0, f"the timer's {calendar} is a time")
    if has(report, "systemd-sysusers", "the account is described"):
        root = folder / "accounts"
        (root / "etc").mkdir(parents=True)
        made = run("systemd-sysusers", f"--root={root}", ROOT / "dist/sysusers.d/underdesk.conf")
        passwd = (root / "etc/passwd").read_text() if (root / "etc/passwd").exists() else ""
        fits = re.search(r"^underdesk:x:\d+:\d+:.*:/var/lib/underdesk:/usr/sbin/nologin$", passwd, re.M)
        report.that(fits, "the account has a home, no shell and no password", passwd + made.stderr)


def modes(report, binary, folder):
    desk = folder / "desk"
    home = desk / "home"
    home.mkdir(parents=True)
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    for words in ["demo --out demo", "catalog info", "demo --out again"]:
        run("sh", "-c", f"umask 0; exec '{binary}' {words}", cwd=desk, env=env)
    made = [path for path in desk.rglob("*") if path != home]
    open_to = [str(path) for path in made if path.lstat().st_mode & 0o077]
    report.that(len(made) > 30 and not open_to, f"{len(made)} files and folders of demos with umask 0 are their owner's alone",
                "\n".join(open_to[:10]))


def privileges(report, binary, folder):
    """A sweep by an ordinary account with CAP_NET_RAW, in a network of its own: who keeps the capability."""
    what = "no thread keeps a capability once the raw sockets are open"
    if os.geteuid() != 0:
        report.skip(what, "that needs root")
        return
    if not all(shutil.which(program) for program in ["ip", "setpriv", "unshare"]):
        report.skip(what, "no ip, setpriv or unshare here")
        return
    place = folder / "sweeper"
    place.mkdir()
    program = place / "underdesk"
    shutil.copy2(binary, program)
    os.chmod(program, 0o755)
    for path in [folder, place]:
        os.chmod(path, 0o755)
    home = place / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    ended = []
    for account, uid in [("an ordinary account", 65534), ("root", 0)]:
        user = f"setpriv --reuid {uid} --regid {uid} --clear-groups " if uid else ""
        caps = "--inh-caps +net_raw --ambient-caps +net_raw " if uid else ""
        where = home / str(uid)
        where.mkdir()
        os.chown(where, uid, uid)
        script = (f"ip link set lo up; ip link add e0 type veth peer name e1; ip addr add 10.91.0.1/22 dev e0; "
                  f"ip link set e0 up; ip link set e1 up; cd {where}; exec {user}{caps}"
                  f"env HOME={where} {program} sweep 10.91.0.0/22 --engine raw --rate 50 --no-dns --out out")
        with open(where / "said", "w") as said:
            child = subprocess.Popen(["unshare", "-n", "sh", "-c", script], stdout=said, stderr=said)
        try:
            threads, packets = watch(child, where)
        finally:
            child.terminate()
            child.wait(30)
        text = (where / "said").read_text()
        if not report.that(packets, f"{account}: the sweep has its packet sockets open", text):
            continue
        raw = {name: caps for name, caps in threads.items() if any(mask & RAW for mask in caps)}
        report.that(len(threads) > 1 and not raw, f"{account}: {what} ({len(threads)} threads)", str(raw))
        if uid:
            held = {name: caps for name, caps in threads.items() if any(caps)}
            report.that(not held, f"{account}: no thread has any capability, to use, to take or to hand on", str(held))
        ended.append(text)


def watch(child, where):
    """The capabilities of every thread once there are packet sockets: inheritable, permitted, effective, ambient."""
    for _ in range(300):
        time.sleep(0.1)
        if child.poll() is not None:
            return {}, False
        sockets = pathlib.Path(f"/proc/{child.pid}/net/packet").read_text().splitlines()
        if len(sockets) > 1 and "run " in (where / "said").read_text():
            break
    else:
        return {}, False
    time.sleep(1)
    threads = {}
    for task in pathlib.Path(f"/proc/{child.pid}/task").iterdir():
        status = (task / "status").read_text()
        sets = dict(re.findall(r"^Cap(Inh|Prm|Eff|Amb):\s*([0-9a-f]+)", status, re.M))
        name = re.search(r"^Name:\s*(.*)", status, re.M).group(1)
        threads[f"{task.name} {name}"] = [int(value, 16) for value in sets.values()]
    return threads, True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--deb", type=pathlib.Path, help="a package that is built already")
    parser.add_argument("--only", help="one of versions, completions, manual, package, modes, privileges")
    given = parser.parse_args()
    binary = given.binary.resolve()
    report = Report()
    wants = lambda part: given.only in (None, part)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        if wants("versions"):
            versions(report, binary)
        if wants("completions"):
            completions(report, binary, folder)
        if wants("manual"):
            manual(report, binary, folder)
        if wants("package"):
            units(report, debian(report, binary, folder, given.deb), folder)
        if wants("modes"):
            modes(report, binary, folder)
        if wants("privileges"):
            privileges(report, binary, folder)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
