"""The processes of one training: started by torchrun, or just this one."""

from __future__ import annotations

import contextlib
import datetime
import gc
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.training.device import pick_device

PATIENCE = datetime.timedelta(minutes=10)  # longest wait for the others in one exchange


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0; the first one reads and writes files and speaks."""
    return dist.get_rank() if count() > 1 else 0


def gathered(value: Any) -> list[Any]:
    """The values of all processes, in the order of their ranks."""
    if count() == 1:
        return [value]
    found: list[Any] = [None] * count()
    dist.all_gather_object(found, value)
    return found


def from_first(content: bytes | None) -> bytes | None:
    """The bytes of the first process, on every process."""
    if count() == 1:
        return content
    # nccl moves tensors on GPUs only
    device = torch.device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu")
    # the others do not know how much comes: first the length, -1 for nothing
    size = torch.tensor([-1 if content is None else len(content)], device=device)
    dist.broadcast(size, 0)
    if size.item() < 0:
        return None
    held = torch.empty(int(size.item()), dtype=torch.uint8, device=device)
    if content is not None:
        held.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    dist.broadcast(held, 0)
    return held.cpu().numpy().tobytes()


@contextlib.contextmanager
def together(settings: Settings) -> Iterator[None]:
    """Join the processes that torchrun has started; alone, nothing happens.

    One process per GPU with nccl, or any number on the CPU with gloo.

    Raises:
        RecipeError: more processes than GPUs, or a process that ended before the others.
    """
    # torchrun sets it for each process that it starts
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    before = signal.signal(signal.SIGTERM, _told_to_end)  # torchrun ends all when one has died
    try:
        _join(settings)
        yield
    except (RuntimeError, RecipeError) as error:
        # `train` says which arguments an error met
        cause = error.__cause__ if isinstance(error, RecipeError) else error
        if not isinstance(cause, RuntimeError) or not _peer_is_gone(cause):
            raise
        said = re.sub(
            r"^\[[^]]*\] ", "",
            str(cause).splitlines()[0]).partition(". ")[0]  # without source line and advice
        raise _lost(said) from None
    finally:
        if signal.getsignal(signal.SIGTERM) is _told_to_end:
            signal.signal(signal.SIGTERM, before)
        _leave()


def _join(settings: Settings) -> None:
    device = pick_device(settings.device)
    if device.type == "mps":
        raise RecipeError("torchrun", found="device mps", expected="cuda or cpu",
                          mend='Set device="cpu".')
    if device.type == "cuda":
        mine = int(os.environ.get("LOCAL_RANK", "0"))
        if mine >= torch.cuda.device_count():
            raise RecipeError(
                "torchrun",
                found=f"process {mine} on a machine with {torch.cuda.device_count()} GPUs",
                expected="at most one process per GPU", mend='Ask for fewer, or set device="cpu".')
        torch.cuda.set_device(mine)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)


def _leave() -> None:
    """Give the group up. What still holds it (DDP's hooks go round in circles) must go first: a
    group that is freed when Python ends kills the process, its threads still running."""
    gc.collect()
    if dist.is_initialized():
        dist.destroy_process_group()


def _told_to_end(*_: object) -> None:
    raise _lost("told to end")


def _peer_is_gone(error: RuntimeError) -> bool:
    words = str(error).lower()
    return isinstance(error, dist.DistError) or any(
        word in words for word in ("gloo", "nccl", "connection closed", "connection reset",
                                   "broken pipe", "timed out"))


def _lost(said: str) -> RecipeError:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # this process ends too, but says so first
    return RecipeError(
        "Training in several processes", found=f"one that ended before the others ({said})",
        expected="all to live until the end", mend=
        "Give the same command with --out and --resume: it goes on from the newest whole "
        "checkpoint."
    )
