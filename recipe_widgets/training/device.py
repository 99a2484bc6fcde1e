"""Where a run computes."""

from __future__ import annotations

import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated


@validated
def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then MPS, then the CPU."""
    if name == "auto":  # the fastest first
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)  # the name alone says nothing about this machine
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RecipeError("Settings.device", found=f"{name!r} ({str(error).splitlines()[0]})",
                          expected="a device of this machine", mend='Use device="auto".') from None
    return device


@validated
def describe_device(device: torch.device) -> str:
    """For a status line: "CPU, 2 threads" or the GPU's name."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return device.type.upper()
