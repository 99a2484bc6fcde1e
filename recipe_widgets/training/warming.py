"""What PyTorch puts off until the first step of the first optimiser."""

import torch
from torch import nn


def warm_up() -> None:
    """Load it now: a second of imports, without a trace in the reader's random numbers or gradients."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    torch.optim.SGD([weight], lr=0.1, fused=True).step()
