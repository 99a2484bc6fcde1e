"""What this machine can do: cores and memory that this process may use, and which numbers it is fast
with. Whatever trains, checks or searches asks here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from pathlib import Path

import torch

_CGROUP = Path("/sys/fs/cgroup")
_SIDE = 256  # of the matrices that are multiplied to see which numbers are fast
_TURNS = 3


def cores() -> int:
    """Cores that this process may use: fewer than the machine has under `taskset` or in a container
    with a quota.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota(_CGROUP)
    return max(1, min(allowed, quota)) if quota else allowed


def _quota(cgroup: Path) -> int | None:
    """Cores that a control group grants, rounded up; None: no limit."""
    text = _first_of(cgroup / "cpu.max")  # version 2: limit and period, in microseconds
    if text is None:  # version 1
        text = f"{_first_of(cgroup / 'cpu/cpu.cfs_quota_us')} " \
               f"{_first_of(cgroup / 'cpu/cpu.cfs_period_us')}"
    try:
        limit, period = map(int, text.split())
    except ValueError:  # "max", or nothing is told
        return None
    return -(-limit // period) if limit > 0 else None  # version 1 says -1 for no limit


def _first_of(*files: Path) -> str | None:
    """The text of the first file that can be read."""
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            return file.read_text(encoding="utf-8").strip()
    return None


def memory_bytes() -> int | None:
    """Memory that this process may use: the machine's, or less in a container with a limit; None
    where nothing tells.
    """
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on Windows
        return None
    limit = _memory_limit(_CGROUP)
    return min(whole, limit) if limit else whole


def _memory_limit(cgroup: Path) -> int | None:
    text = _first_of(cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes")
    return int(text) if text is not None and text.isdecimal() else None  # "max": none


def peak_memory() -> int:
    """Bytes that this process held at its peak so far; 0 where nothing tells."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@functools.cache
def bf16_is_fast() -> bool:
    """Is a product of matrices in bfloat16 faster than in float32 here?

    Measured once, in some milliseconds: without instructions for it (AVX-512 BF16, AMX) torch
    computes it up to 24 times slower, and no flag of the processor tells that on every system.
    """
    return _seconds_of_product(torch.bfloat16) < _seconds_of_product(torch.float32)


def _seconds_of_product(dtype: torch.dtype) -> float:
    """The fastest of a few turns; the first, which allocates, does not count."""
    a = torch.ones(_SIDE, _SIDE, dtype=dtype)
    times = []
    for _ in range(_TURNS + 1):
        start = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - start)
    return min(times[1:])
