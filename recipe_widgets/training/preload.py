"""What PyTorch puts off until the first step of the first optimiser."""

import gc
import importlib
import sys

import torch
from torch import nn

_PUT_OFF = "torch._dynamo"  # the compiler: an optimiser marks what it must not compile, and imports all of it for that


def preload_compiler() -> None:
    """Import it now, without the looks for garbage that slow down an optimiser's own import: all
    of it stays anyway.
    """
    if _PUT_OFF in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module(_PUT_OFF)
    finally:
        if collects:
            gc.enable()


def preload_optimizer() -> None:
    """Load it all: seconds of imports, without a trace in the reader's random numbers or
    gradients.
    """
    preload_compiler()
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.1, fused=True).step()
