#!/usr/bin/env python3
"""leaktest.py [OPTION]... -- COMMAND [ARG]...

Runs COMMAND on a pseudo-terminal under strace with a throw-away HOME and TMPDIR, enters a random
canary as the passphrase, and fails if the canary, in any of several encodings, turns up where it
may not: argv or environment of any process, a write to any file, pipe or socket, the terminal, a
file left behind, a core dump.

  --allow REGEX   a file descriptor, as strace -yy shows it, that the canary MAY be written to,
                  such as '^pipe:' or '^UNIX-STREAM'; may be given more than once
  --prompt TEXT   the text on the terminal that asks for the passphrase (default: assphrase)
  --paste         enter the canary as a bracketed paste instead of key by key
  --keys KEYS     keys to press afterwards, half a second apart, with \\r and \\x1b escapes;
                  may be given more than once
  --rare          the canary is made of rare letters, and any three of them in one place count:
                  finds leaks key by key (a trace log, an echo) that a whole-string search misses
  --env NAME=VAL  an addition to the environment; may be given more than once
  --material CMD  afterwards CMD is run in HOME, untraced, with the canary on standard input; each
                  line of its output is hex for bytes that, like the canary, may turn up nowhere, not
                  even where the canary may; none at all counts as vacuous
  --timeout S     seconds, 60 by default
  --expect TEXT   what must be on the terminal at the end, or the test counts as vacuous
  --vacuous-ok    do not insist that the canary was seen in an allowed place

Exit status: 0 clean, 1 a leak, 2 vacuous: the prompt or the canary was never seen, so that the
test proves nothing. Needs strace. Blind to writes through mmap and to compressed data.
"""
import argparse
import base64
import os
import pty
import random
import re
import resource
import select
import shlex
import shutil
import string
import subprocess
import sys
import tempfile
import time

CALLS = (
    "execve,execveat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,openat,creat,"
    "rename,renameat2,unlink,unlinkat,memfd_create,add_key,keyctl,symlinkat,setxattr"
)
CALL = re.compile(r"(\d+)\s+(\w+)\((?:(\d+)<(.*?)>[,)])?")
HEX = re.compile(r"(?:\\x[0-9a-f]{2})+")
RARE = [chr(c) for c in range(0xA640, 0xA66D)]  # Cyrillic Extended-B


def parse_args():
    ap = argparse.ArgumentParser(usage=__doc__, add_help=False)
    ap.add_argument("--allow", action="append", default=[])
    ap.add_argument("--prompt", default="assphrase")
    ap.add_argument("--paste", action="store_true")
    ap.add_argument("--keys", action="append", default=[])
    ap.add_argument("--rare", action="store_true")
    ap.add_argument("--env", action="append", default=[])
    ap.add_argument("--material", default="")
    ap.add_argument("--timeout", type=float, default=60)
    ap.add_argument("--expect", default="")
    ap.add_argument("--vacuous-ok", action="store_true")
    ap.add_argument("command", nargs=argparse.REMAINDER)
    args = ap.parse_args()
    if args.command[:1] == ["--"]:
        args.command = args.command[1:]
    if not args.command:
        ap.error("no command")
    return args


class Canary:
    """The passphrase, and every way it could be written down."""

    def __init__(self, rare):
        if rare:
            self.text = "".join(random.sample(RARE, 16))
        else:
            letters = string.ascii_letters + string.digits
            self.text = "Cn" + "".join(random.choice(letters) for _ in range(22))
        self.bytes = b = self.text.encode()
        self.forms = {
            "plain": b,
            "UTF-16": self.text.encode("utf-16-le"),
            "UTF-32": self.text.encode("utf-32-le"),
            "hex": b.hex().encode(),
            "HEX": b.hex().upper().encode(),
            "reversed": b[::-1],
            "decimal": " ".join(map(str, b)).encode(),
        }
        for k in range(3):  # at every alignment, without the characters that neighbours change
            e = base64.b64encode(b"\0" * k + b)
            self.forms[f"base64+{k}"] = e[(0, 2, 3)[k] : len(e) // 4 * 4 - 4]
        self.traced = {n: "".join("\\x%02x" % c for c in v) for n, v in self.forms.items()}
        self.letters = {}
        if rare:
            for c in self.text:
                n = ord(c)
                self.letters[c] = (c.encode(), b"\\u%04x" % n, b"\\u%04X" % n, b"U+%04X" % n)

    def letters_in(self, data):
        return {c for c, forms in self.letters.items() if any(f in data for f in forms)}

    def find(self, data):
        """The forms in which the canary stands in data."""
        found = [n for n, v in self.forms.items() if v in data]
        if len(self.letters_in(data)) >= 3:
            found.append("key by key")
        return found


class Material:
    """Secret bytes that the programs made, and the ways they could be written down."""

    letters = {}

    def __init__(self, data):
        self.forms = {"raw": data, "hex": data.hex().encode(), "HEX": data.hex().upper().encode(), "reversed": data[::-1]}
        for k in range(3):
            e = base64.b64encode(b"\0" * k + data)
            self.forms[f"base64+{k}"] = e[(0, 2, 3)[k] : len(e) // 4 * 4 - 4]
        self.traced = {n: "".join("\\x%02x" % c for c in v) for n, v in self.forms.items()}

    def find(self, data):
        return [n for n, v in self.forms.items() if v in data]


def material(args, canary, work):
    """What the programs made that must stay secret; they have ended."""
    if not args.material:
        return []
    home = os.path.join(work, "home")
    done = subprocess.run(shlex.split(args.material), cwd=home, input=canary.bytes, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return []
    return [Material(bytes.fromhex(line)) for line in done.stdout.decode().split()]


def unhex(s):
    return HEX.sub(lambda m: bytes.fromhex(m.group().replace("\\x", "")).decode("utf-8", "replace"), s)


def run(args, canary, work, trace):
    """Runs the command: (what was on the terminal, whether it asked, exit status or None)."""
    home, tmp = os.path.join(work, "home"), os.path.join(work, "tmp")
    os.mkdir(home)
    os.mkdir(tmp)
    env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_") or k == "XDG_RUNTIME_DIR"}
    env.update(HOME=home, TMPDIR=tmp, TERM="xterm-256color", GOTRACEBACK="all", HISTFILE=home + "/.bash_history")
    env.update(e.split("=", 1) for e in args.env)
    argv = ["strace", "-f", "-v", "-yy", "-xx", "-s", "1048576", "-e", "trace=" + CALLS, "-e", "signal=none"]
    argv += ["-o", trace] + args.command
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(home)
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.execvpe(argv[0], argv, env)
    out, asked, start = b"", False, time.time()
    while time.time() - start < args.timeout:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        if not asked and args.prompt.encode() in out:
            asked = True
            answer(args, canary, fd)
    late = time.time() - start >= args.timeout
    try:
        done, status = os.waitpid(pid, os.WNOHANG if late else 0)
    except ChildProcessError:
        return out, asked, None
    if not done:
        subprocess.run(["pkill", "-KILL", "-s", str(pid)], check=False)  # its own session only
        return out, asked, None
    return out, asked, os.waitstatus_to_exitcode(status)


def answer(args, canary, fd):
    time.sleep(0.5)
    if args.paste:
        os.write(fd, b"\x1b[200~" + canary.bytes + b"\x1b[201~")
    else:
        for c in canary.text:
            os.write(fd, c.encode())
            time.sleep(0.02)
    time.sleep(0.2)
    os.write(fd, b"\r")
    for keys in args.keys:
        time.sleep(0.5)
        os.write(fd, keys.encode().decode("unicode_escape").encode("latin-1"))


def search_trace(args, canary, trace):
    """(leaks, number of allowed writes) in what the processes did."""
    leaks, allowed, letters = set(), 0, {}
    for line in open(trace, errors="replace"):
        m = CALL.match(line)
        call, fd, path = (m.group(2), m.group(3), unhex(m.group(4) or "")) if m else ("?", None, "")
        started = call in ("execve", "execveat")
        may = not started and any(re.search(a, path) for a in args.allow)
        if canary.letters and call != "openat":
            data = b"".join(bytes.fromhex(h.replace("\\x", "")) for h in HEX.findall(line))
            found = canary.letters_in(data)
            if found and not may:
                letters.setdefault(path or call, set()).update(found)
            elif found:
                allowed += 1
        form = next((n for n, t in canary.traced.items() if t in line), None)
        if form is None:
            continue
        if may:
            allowed += 1
        elif started:
            leaks.add(f"{call}, argv or environment ({form}): {unhex(line.split(',')[0])[-60:]}")
        else:
            leaks.add(f"{call} to fd {fd} <{path}> ({form})")
    leaks.update(f"writes to <{p}> (key by key)" for p, found in letters.items() if len(found) >= 3)
    return leaks, allowed


def search_files(canary, work, trace):
    leaks = set()
    for root, _, files in os.walk(work):
        for name in files:
            path = os.path.join(root, name)
            if path == trace or not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                data = f.read()
            core = ", a core dump" if name.startswith("core") else ""
            leaks.update(f"file left behind: {os.path.relpath(path, work)} ({n}{core})" for n in canary.find(data))
    return leaks


def main():
    args = parse_args()
    canary = Canary(args.rare)
    work = tempfile.mkdtemp(prefix="leak.")
    trace = os.path.join(work, "trace")
    try:
        out, asked, status = run(args, canary, work, trace)
        leaks, allowed = search_trace(args, canary, trace)
        leaks |= search_files(canary, work, trace)
        secrets = material(args, canary, work)
        args.allow = []
        for m in secrets:
            found = search_trace(args, m, trace)[0] | search_files(m, work, trace)
            found.update(f"terminal output ({n})" for n in m.find(out))
            leaks.update("secret key material: " + f for f in found)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    leaks.update(f"terminal output ({n})" for n in canary.find(out))
    made = f", {len(secrets)} secret parts looked for" if args.material else ""
    print(f"exit {status}, {len(leaks)} leaks, {allowed} allowed writes{made}{'' if asked else ', PROMPT NEVER SEEN'}")
    for leak in sorted(leaks):
        print("  LEAK", leak)
    if args.material and not secrets:
        print("no secret material was found to look for")
        sys.exit(1 if leaks else 2)
    if not asked or args.expect.encode() not in out:
        print(repr(out[-300:]))
        sys.exit(1 if leaks else 2)
    sys.exit(1 if leaks else 0 if allowed or args.vacuous_ok else 2)


if __name__ == "__main__":
    main()
