"""Random numbers: one generator per purpose, all from one seed, never the global one."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

import numpy as np
import torch

from recipe_widgets.core.errors import RecipeError, describe_error
from recipe_widgets.core.validation import validated, whole

Stream = Literal["init", "batches", "dropout", "augmentation", "split", "check"]
_STREAMS: tuple[Stream, ...] = get_args(Stream)  # their order is part of every seed's numbers


@validated
def generator(seed: Annotated[int, whole(0, 2**63 - 1)], stream: Stream,
              device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator for one purpose.

    Streams of the same seed are independent of one another, so that drawing more dropout masks does
    not change the order of the batches.
    """
    # SeedSequence mixes (seed, stream) well: neighbouring seeds give unrelated states
    state = np.random.SeedSequence([seed, _STREAMS.index(stream)]).generate_state(1, np.uint64)[0]
    try:
        fresh = torch.Generator(device)
    except RuntimeError as error:  # "meta" computes nothing, so it draws nothing
        raise RecipeError("generator(device=)", found=f"{device} ({describe_error(error)})",
                          expected="a device that draws random numbers") from None
    return fresh.manual_seed(int(state) >> 1)  # torch takes 63 bits


def sent(numbers: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """What was drawn on the CPU, on `device`: from pinned memory, so that nobody waits for a GPU."""
    if torch.device(device).type != "cuda":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)


@contextlib.contextmanager
def rng_guard() -> Iterator[None]:
    """Leave the global generators of `random`, numpy and torch (CPU and every started GPU) as
    they were, bit for bit.
    """
    python, cpu = random.getstate(), torch.random.get_rng_state()
    array = np.random.get_state()  # noqa: NPY002  the reader's code may draw from the global one
    # asking for the states of GPUs would start CUDA, which takes seconds and memory
    started = torch.cuda.is_available() and torch.cuda.is_initialized()
    gpus = torch.cuda.get_rng_state_all() if started else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)  # noqa: NPY002
        torch.random.set_rng_state(cpu)
        for index, state in enumerate(gpus):
            torch.cuda.set_rng_state(state, index)
