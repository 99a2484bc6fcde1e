"""Writers that are killed again and again, for each kind of file; prints what was seen as JSON.

    python -m tests.stress.killed_writers FOLDER KILLS SEED

One process with one thread that has imported everything, and forks: so no writer pays for importing
torch. A writer tells each version that was acknowledged through a pipe. Every other one is killed
at a random moment; the rest kill themselves in the midst of a write: at its `os.fsync`, with the
last bytes cut off, or before the file is moved into its place.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.stress.kinds import KINDS, Kind

CUT = 40  # bytes at most that a torn write has lost
SELDOM = ("answers", "vault log", "script", "report")  # a fifth as often: written as the others are
PACE = 0.004  # seconds at most between the last awaited word of a writer and its end


def write_for_ever(kind: Kind, folder: Path, first: int, pipe: int) -> None:
    for n in range(first, first + 10_000):
        kind.write(folder, n)
        os.write(pipe, struct.pack("<q", n))


def dies_in(where: str, times: int, cut: int) -> None:
    """SIGKILL to itself at the `times`-th fsync of a file (cut short by then) or move."""
    left = times
    fsync, replace = os.fsync, os.replace

    def torn(handle: int) -> None:
        nonlocal left
        size = os.fstat(handle).st_size
        left -= os.fstat(handle).st_mode & 0o100000 == 0o100000
        if where == "torn" and left <= 0:
            os.ftruncate(handle, max(0, size - cut))
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    def unmoved(source: str, target: str) -> None:
        nonlocal left
        left -= where == "unmoved"
        if where == "unmoved" and left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.fsync, os.replace = torn, unmoved


def writer(body: Callable[[int], None]) -> tuple[int, int]:
    """A forked process and the end of its pipe to read from."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        try:
            body(there)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(3)
    os.close(there)
    return child, here


def one_kill(kind: Kind, folder: Path, first: int, chance: random.Random,
             how: str) -> dict[str, object]:
    def body(pipe: int) -> None:
        if how != "random":
            dies_in(how, chance.randrange(1, 4), chance.randrange(1, CUT))
        write_for_ever(kind, folder, first, pipe)

    child, pipe = writer(body)
    said, waits = first - 1, chance.randrange(4) if how == "random" else 10_000
    while waits and (word := os.read(pipe, 8)):
        said, waits = struct.unpack("<q", word)[0], waits - 1
    if how == "random":
        time.sleep(chance.uniform(0.0, PACE))
        os.kill(child, signal.SIGKILL)
    while word := os.read(pipe, 8):
        said = struct.unpack("<q", word)[0]
    status = os.waitpid(child, 0)[1]
    os.close(pipe)
    began = time.perf_counter()
    found = kind.read(folder)
    return {
        "how": how, "killed": os.WIFSIGNALED(status), "before": first - 1, "said": said, "found":
        found, "seconds": time.perf_counter() - began
    }


def ways(kind: Kind) -> tuple[str, ...]:
    """Files that grow are never moved; a download and an unpacked set are checked when read, not
    flushed.
    """
    if kind.name in ("ledger", "vault log"):
        return "random", "torn"
    return ("random", "unmoved") if kind.name in ("download",
                                                  "complete set") else ("random", "torn", "random",
                                                                        "unmoved")


def main(place: Path, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    for kind in KINDS:  # whatever is imported or set up at a first write: once, not in every writer
        if kind.name != "download":  # but for the lock of its bar, which all writers would share
            (place / "warm" / kind.name).mkdir(parents=True)
            kind.write(place / "warm" / kind.name, 1)
    assert threading.active_count() == 1
    chance, seen = random.Random(seed), {}
    for kind in KINDS:
        folder = place / kind.name.replace(" ", "-")
        folder.mkdir(parents=True)
        done, seen[kind.name] = 0, []
        how = ways(kind)
        for number in range(kills if kind.name not in SELDOM else max(2, kills // 5)):
            seen[kind.name].append(one_kill(kind, folder, done + 1, chance, how[number % len(how)]))
            done = seen[kind.name][-1]["found"]
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
