"""What breaks inside a training, told in plain words."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import torch

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.validation import validated

_NO_MEMORY = ("DefaultCPUAllocator", "out of memory", "can't allocate memory", "bad_alloc")
_ONE_VALUE = "Expected more than 1 value per channel when training"


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whichever device: PyTorch has an error of its own for CUDA
    only.
    """
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY))


@validated
def explain_torch_error(error: BaseException,
                        settings: Settings | None = None) -> RecipeError | None:
    """The `RecipeError` for an error that a reader can mend: too little memory, BatchNorm on one
    value; else None.
    """
    if isinstance(error, RecipeError):  # around an error in the reader's model, say
        return None if error.__cause__ is None else explain_torch_error(error.__cause__, settings)
    # torch's texts go on for pages: the first line says it
    said = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
    if out_of_memory(error):
        wanted = "" if settings is None else (
            f" for model={settings.model!r}, width={settings.width}, "
            f"depth={settings.depth}, batch_size={settings.batch_size}")
        return RecipeError(
            "Out of memory", found=f"too little{wanted} ({said})", expected=
            "room for the weights, the optimiser's state and what one batch leaves in each layer",
            mend="Try a smaller batch_size or width, and close what else holds memory.")
    if _ONE_VALUE in str(error):
        return RecipeError("BatchNorm", found=f"one sample in a batch ({said})",
                           expected="at least 2: one has no variance",
                           mend="Try batch_size=2 or more, or norm='layer'.")
    return None


@validated
@contextlib.contextmanager
def torch_errors_explained(settings: Settings | None = None) -> Iterator[None]:
    """Turns the errors of `explain_torch_error` into that `RecipeError`, and lets go of what the
    failed call held.
    """
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        told = explain_torch_error(error, settings)
        if told is None:
            raise
        # else the error, or the one it wraps, keeps every tensor of that step alive
        for one in (error, error.__cause__):
            if one is not None:
                traceback.clear_frames(one.__traceback__)
        raise told from None
