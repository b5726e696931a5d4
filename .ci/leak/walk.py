#!/usr/bin/env python3
"""walk.py: reads a passphrase, makes a first key and three releases with it, for leak.sh.

It types into bulla on a terminal of its own, and only where the echo is off. All that bulla
prints is passed on, so that a passphrase in it is found.
"""
import fcntl
import getpass
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

HOME = os.environ["HOME"]
REPO = os.path.join(HOME, "widget")
BULLA = os.environ["BULLA"]
REGISTRY = os.environ["REGISTRY"]
PATIENCE = 600  # seconds for one answer, under strace on a loaded machine


def git(*args):
    subprocess.run(["git", "-C", REPO, *args], check=True, stdin=subprocess.DEVNULL)


def make_repository():
    os.environ.update(BULLA_HOME=os.path.join(HOME, "bulla"), GNUPGHOME=os.path.join(HOME, "none"), GIT_CONFIG_NOSYSTEM="1")
    os.makedirs(os.path.join(REPO, "dist"))
    git("init", "-q", "-b", "main")
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.org")
    write(".gitignore", "/dist/\n")
    write("dist/widget.tar.gz", "not really an archive\n")
    git("add", ".gitignore")
    git("commit", "-q", "-m", "Begin")


def write(name, text):
    with open(os.path.join(REPO, name), "w", encoding="utf-8") as f:
        f.write(text)


def echo_off(fd):
    return not termios.tcgetattr(fd)[3] & termios.ECHO


def converse(secret, answers, *args):
    """Runs bulla on a terminal. Of answers, (PATTERN, TEXT), each is used once, in any order; for
    None the secret is typed, once the echo is off."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(REPO)
        os.execv(BULLA, ["bulla", *args])
    left, unread, until = list(answers), "", time.time() + PATIENCE
    while time.time() < until:
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
        unread += data.decode("utf-8", "replace")
        for i, (pattern, text) in enumerate(left):
            if not re.search(pattern, unread):
                continue
            while text is None and not echo_off(fd) and time.time() < until:
                time.sleep(0.01)
            os.write(fd, ((secret if text is None else text) + "\r").encode())
            del left[i]
            unread, until = "", time.time() + PATIENCE
            break
    if time.time() >= until:
        os.kill(pid, signal.SIGKILL)  # what ends by itself would wait for somebody to read what it says
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or left:
        sys.exit(f"walk.py: bulla ended with {status}, unanswered: {left}")


ESCAPES = re.compile(r"\x1b(\[[0-9;:?>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()#][0-9A-Z]|[@-Z\\-_=>])")
SECRET = object()
UP, TAB, ERASE = "\x1b[A", "\t", "\x15"


def on_screen(secret, steps, *args):
    """Runs bulla's full screen. Of steps, (PATTERN, KEY...), each is taken once its pattern has been
    drawn since the one before, in their order; SECRET types the secret."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.chdir(REPO)
        os.execv(BULLA, ["bulla", *args])
    left, unread, until = list(steps), "", time.time() + PATIENCE
    while time.time() < until:
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
        unread += data.decode("utf-8", "replace")
        drawn = ESCAPES.sub("", unread)
        if not left or not re.search(left[0][0], drawn) or not echo_off(fd):
            continue
        for key in left.pop(0)[1:]:
            for c in secret if key is SECRET else [key]:
                os.write(fd, c.encode())
                time.sleep(0.02)  # a key by itself
        unread, until = "", time.time() + PATIENCE
    if time.time() >= until:
        os.kill(pid, signal.SIGKILL)  # what ends by itself would wait for somebody to read what it says
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or left:
        sys.exit(f"walk.py: bulla's screen ended with {status}, not taken: {left}\n{ESCAPES.sub('', unread)}")


def questions(version, keys):
    """The answers of a release in line mode, in whatever order the questions come."""
    return [
        (r"Number, or the version itself.*: $", version),
        (r"Message, line 1: $", ""),
        (r"Patterns from the root.*: $", "dist/*.gz"),
        (r"\.gz  22 B\r\nEnter takes it.*: $", ""),
        (r"platforms\r\nEnter takes it.*: $", ""),
        (r"Push the tag at the end\? \[y/N\] $", "n"),
        (rf"Type {version} to begin.*: $", version),
    ] + keys


def first_key(secret):
    """The first key, line by line: made, backed up and tried, kept in a vault file, on paper. In a
    home of its own, so that the releases find none."""
    before = os.environ["BULLA_HOME"]
    os.environ["BULLA_HOME"] = os.path.join(HOME, "first")
    converse(secret, [
        (r"Use \(1-2.*: $", ""), (r"Name, .*: $", ""), (r"Address \[.*: $", ""), (r"Further addresses.*: $", ""),
        (r"Algorithm .*: $", ""), (r"It expires after.*: $", ""), (r"Passphrase \(1-2.*: $", "2"),
        (r"New passphrase of the key.*: $", None), (r"once more: $", None),
        (r"Write the backup to .*: $", "../stick.asc"), (r"Passphrase of the key.*: $", None),
        (r"Place \(1-2.*: $", "2"), (r"New master passphrase.*: $", None), (r"once more: $", None),
        (r"printer too\? \[y/N\] $", "y"), (r"Write it to .*: $", "../paper.html"), (r"Move it to .*: $", "drawer.asc"),
        (r"Places, or none .*: $", "none"), (r"Write that\? \[y/N\] $", "n"), (r"KEYS file too.*\[y/N\] $", "n"),
    ], "--accessible", "keys", "generate")
    os.environ["BULLA_HOME"] = before


def keys_line_by_line(secret):
    """The first key exported and under a new passphrase, which is the same, line by line."""
    before = os.environ["BULLA_HOME"]
    os.environ["BULLA_HOME"] = os.path.join(HOME, "first")
    converse(secret, [
        (r"\nKey: $", "1"), (r"What to do .*: $", "export the secret"), (r"File to write .*: $", "laptop.asc"), (r"Export it\? \[y/N\] $", "y"),
        (r"Passphrase of the key.*: $", None), (r"Once more, to try(.|\n)*Passphrase of the key.*: $", None),
        (r"What to do .*: $", "change its passphrase"), (r"Change it\? \[y/N\] $", "y"), (r"Master passphrase.*: $", None),
        (r"New passphrase of the key.*: $", None), (r"once more: $", None),
        (r"passphrase is changed(.|\n)*What to do .*: $", "q"),
    ], "--accessible", "keys")
    os.environ["BULLA_HOME"] = before


def first_key_on_screen(secret):
    """The same on the whole screen."""
    before = os.environ["BULLA_HOME"]
    os.environ["BULLA_HOME"] = os.path.join(HOME, "screen")
    on_screen(secret, [
        ("whose is it", "\r", "\r", "\r", "\r"), ("What kind of key", "\r", "\r"),
        ("that protects it", SECRET, "\r"), ("> once more", SECRET, "\r"),
        ("A backup, tried", ERASE, *"../disk.asc", "\r"), ("From memory", UP, SECRET, "\r"),
        ("New master passphrase of", SECRET, "\r", SECRET, "\r"),
        ("The backup works", "\r"), ("A backup on paper", TAB, ERASE, *"../sheet.html", "\r"), ("Print it", "\r"),
        ("It declares the key", *"safe.asc", "\r"), ("moved to", "\r"), ("is its fingerprint", "\r"),
        ("keyserver.ubuntu.com", " ", "\r"), ("write that", "\r"), ("go on", "\r"), ("A scratch repository", "\r"),
        ("good for those|signature good", "\r"), ("## Signatures", "\r"), ("to do|Nothing is left", "\r"),
    ], "keys", "generate")
    os.environ["BULLA_HOME"] = before


def hand_over(secret, n):
    """A named pipe with the secret in it: its name tells the trace that it may be there."""
    path = os.path.join(HOME, f"handed-over-{n}")
    os.mkfifo(path)

    def feed():
        with open(path, "wb", 0) as f:
            f.write(secret.encode())

    threading.Thread(target=feed, daemon=True).start()
    return os.open(path, os.O_RDONLY)


def release_by_descriptors(secret):
    one, two = hand_over(secret, 1), hand_over(secret, 2)
    subprocess.run(
        [BULLA, "release", "1.2.0", "--yes", "--replace", "--artifact", "dist/*.gz", "--image", f"{REGISTRY}/acme/widget:1.2.0",
         "--passphrase-fd", str(one), "--image-passphrase-fd", str(two)],
        cwd=REPO, check=True, stdin=subprocess.DEVNULL, pass_fds=(one, two))


def main():
    secret = getpass.getpass("Passphrase: ")
    make_repository()
    first_key(secret)
    keys_line_by_line(secret)
    first_key_on_screen(secret)
    converse(secret, questions("1.0.0", [
        (r"Names with tags.*: $", f"{REGISTRY}/acme/widget:1.0.0"), # the second release proposes this one's
        (r"Make one now\? \[y/N\] $", "y"), (r"Your name.*: $", ""), (r"Your e-mail address.*: $", ""), (r"It expires after.*: $", ""),
        (r"New passphrase of the key.*: $", None), (r"once more: $", None),
        (r"Make one now\? \[y/N\] $", "y"), (r"New passphrase of the image key.*: $", None), (r"once more: $", None),
        (r"Write bulla\.toml\? \[y/N\] $", "n"),
    ]), "--accessible")
    write("more", "more\n")
    git("add", "more")
    git("commit", "-q", "-m", "More")
    converse(secret, questions("1.1.0", [
        (r"Key \(1-3, Enter for 1\): $", ""), (r"Image key \(1-2, Enter for 1\): $", ""),
        (r"Passphrase of the key.*: $", None), (r"Passphrase of the image key.*: $", None),
        (r"Keep the passphrase of .*\[y/N\] $", "y"),
        (r"New master passphrase.*: $", None), (r"once more: $", None),
        (r"Keep the passphrase of .*\[y/N\] $", "y"),
        (r"Write bulla\.toml\? \[y/N\] $", "n"),
    ]), "release", "--accessible", "--replace")
    release_by_descriptors(secret)
    print("all three released")


if __name__ == "__main__":
    main()
