"""Errors that a reader can mend are told in plain words; all others stay what they are."""

import pytest
import torch
from torch import nn

from recipe_widgets import RecipeError, Settings
from recipe_widgets.training import explain_torch_error, torch_errors_explained


@pytest.mark.parametrize("error", [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("std::bad_alloc"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
    ),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
])
def test_memory(error: Exception) -> None:
    told = str(explain_torch_error(error, Settings(width=512, batch_size=32)))
    assert told.startswith(
        "Out of memory: found too little for model='mlp', width=512, depth=1, batch_size=32")
    assert "smaller batch_size" in told


def test_torchs_own_allocator_fails_as_expected() -> None:
    with pytest.raises(RecipeError, match="Out of memory"), torch_errors_explained():
        torch.empty(2**55)


def test_batchnorm_on_one_sample() -> None:
    with pytest.raises(
            RecipeError,
            match=r"BatchNorm: found one sample in a batch .*Try batch_size=2"), torch_errors_explained():
        nn.BatchNorm1d(3)(torch.zeros(1, 3))


@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes differ"),
     ValueError("x"), KeyError("x")])
def test_others(error: Exception) -> None:
    assert explain_torch_error(error) is None
    with pytest.raises(type(error)) as seen, torch_errors_explained():
        raise error
    assert seen.value is error
