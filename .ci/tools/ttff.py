#!/usr/bin/env python3
"""ttff.py COMMAND MARKER [N]: time from exec to the first frame of a full-screen program.

Runs COMMAND N times on terminals of several kinds (one that answers queries, tmux's, a dumb one,
one that never answers) until MARKER is on the screen, presses q, and prints the times in
milliseconds, and whether the program asked for the background colour.
"""
import fcntl
import os
import pty
import select
import shlex
import signal
import statistics
import struct
import sys
import termios
import time

LIMIT = 12.0  # seconds
BACKGROUND_QUERY, BACKGROUND = b"\x1b]11;?", b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\"
CURSOR_QUERY, CURSOR = b"\x1b[6n", b"\x1b[1;1R"


def run(argv, marker, answers, env):
    """One run: (seconds to the marker or None, whether the background was asked for)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    start, screen, seen = time.perf_counter(), b"", None
    pending = {BACKGROUND_QUERY: BACKGROUND, CURSOR_QUERY: CURSOR} if answers else {}
    while seen is None and time.perf_counter() - start < LIMIT:
        if not select.select([fd], [], [], 0.05)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        screen += data
        for query in [q for q in pending if q in screen]:
            os.write(fd, pending.pop(query))
        if marker in screen:
            seen = time.perf_counter() - start
            os.write(fd, b"q")
    time.sleep(0.05)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.close(fd)
    os.waitpid(pid, 0)
    return seen, BACKGROUND_QUERY in screen


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    argv, marker = shlex.split(sys.argv[1]), sys.argv[2].encode()
    n = int(sys.argv[3]) if len(sys.argv) == 4 else 10
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    env.update({k: v for k, v in os.environ.items() if k.startswith("BULLA_")})
    kinds = [
        ("answers", "xterm-256color", True, n),
        ("tmux", "tmux-256color", False, n),
        ("dumb", "dumb", False, n),
        ("silent", "xterm-256color", False, max(1, n // 5)),
    ]
    failed = False
    for name, term, answers, times in kinds:
        runs = [run(argv, marker, answers, {**env, "TERM": term}) for _ in range(times)]
        ok = [seen * 1000 for seen, _ in runs if seen is not None]
        failed = failed or len(ok) < times
        spread = f"median={statistics.median(ok):.1f} min={min(ok):.1f} max={max(ok):.1f}" if ok else "never"
        print(f"{name:8s} n={len(ok)}/{times} asked={runs[-1][1]} {spread}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
