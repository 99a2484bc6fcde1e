"""One call with bad arguments, and whether what came of it is fit for a reader."""

from __future__ import annotations

import contextlib
import io
import math
import os
import random
import re
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets import RecipeError
from recipe_widgets.data import Data

LONGEST = 20  # seconds: a call that takes longer hangs
PACKAGE = str(Path(__file__).parents[3] / "recipe_widgets")


class Hang(BaseException):
    """Not an Exception, so that nobody catches it."""


@dataclass(frozen=True)
class Entry:
    """A public callable with a valid call.

    Attributes:
        make: fresh keyword arguments of a valid call. use: what is done with the result, such as
            going through it.
        words: other words under which an error may speak of an argument. keep: arguments that stay
            as they are.
        trains: arguments that the call works on in place.
        amounts: arguments of which a large number is an honest wish for much work.
        heavy: a valid call takes long: only values of wrong types go in, and each must be refused.
    """

    name: str
    call: Callable[..., Any]
    make: Callable[[], dict[str, Any]]
    use: Callable[[Any], Any] = lambda result: None
    words: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    heavy: bool = False
    trains: tuple[str, ...] = ()


def fault(entry: Entry, bad: Mapping[str, Any]) -> str:
    """What is wrong with how the call takes these bad arguments; empty when nothing is."""
    given = {**entry.make(), **bad}
    still = {name: value for name, value in given.items() if name not in entry.trains}
    before, world = print_of(still), world_of()
    error = _raised(lambda: entry.use(entry.call(**given)))
    if world_of() != world:
        return f"{entry.name}: the call left another global state: {world} became {world_of()}"
    if error is None:
        return ""
    if print_of(still) != before:
        return f"{entry.name}: refused with {error!r}, but the arguments have changed"
    why = unfit(error, [*bad, *entry.words])
    return f"{entry.name}: {why}\n{_where(error)}" if why else ""


def unfit(error: BaseException, names: list[str]) -> str:
    """Why this error is none that a reader may see; empty when it is one."""
    text = str(error)
    if isinstance(error, RecipeError):
        if error.found is None or error.expected is None:
            return f"a RecipeError that does not say what was found and what was expected: {text}"
        if len(text) > 6500:
            return f"a RecipeError of {len(text)} characters"
        return "" if _named(text, names) else f"a RecipeError that names none of {names}: {text}"
    if _of_python(error) or _of_another_library(error):
        return ""
    if not isinstance(error, TypeError | ValueError):
        return f"{type(error).__name__}: {text[:300]}"
    return "" if _named(text, names) else f"{type(error).__name__} from deep inside: {text[:300]}"


def _of_another_library(error: BaseException) -> bool:
    """Whether arguments that are each sound broke inside torch, numpy or the reader's own code,
    which say it in words of their own.

    A RuntimeError in a line of the package is torch's as well: its compiled functions have no
    lines. KeyError, IndexError and AttributeError are never taken: in our lines they are our fault.
    """
    if type(error) not in (TypeError, ValueError, RuntimeError):
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if not frame.filename.startswith(PACKAGE):
        return True
    return isinstance(error, RuntimeError) and not (frame.line or "").startswith("raise")


def _named(text: str, names: list[str]) -> bool:
    """Whether the text speaks of one of the arguments: `batch_size` also as "batch size"."""
    lower = text.lower()
    return any(word in lower
               for name in names
               for word in [name.lower(), *re.findall(r"[a-z]{4,}", name.lower())])


def _of_python(error: BaseException) -> bool:
    """A wrong number of arguments, as Python itself says it."""
    return isinstance(error, TypeError) and bool(
        re.search(r"argument|positional|not callable", str(error)))


def _raised(call: Callable[[], Any]) -> BaseException | None:
    with _time_limit(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error
    return None


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def over(*_: Any) -> None:
        raise Hang(f"no answer within {LONGEST} s")

    if not hasattr(signal, "SIGALRM"):  # Windows: pytest-timeout ends what hangs
        yield
        return
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _where(error: BaseException) -> str:
    """The last lines of the traceback inside the package."""
    frames = [
        f"{Path(f.filename).name}:{f.lineno} {f.name}: {f.line}"
        for f in traceback.extract_tb(error.__traceback__)
        if "bad_input" not in f.filename
    ]
    return "    " + "\n    ".join(frames[-4:])


def world_of() -> tuple[Any, ...]:
    """What no call may change."""
    return (
        zlib.crc32(torch.random.get_rng_state().numpy().tobytes()),
        zlib.crc32(np.random.get_state()[1].tobytes()),  # noqa: NPY002
        hash(random.getstate()),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        os.getcwd(),
        tuple(sys.path),
        signal.getsignal(signal.SIGINT) is signal.default_int_handler)


def print_of(value: Any, depth: int = 0) -> Any:
    """A fingerprint of an argument: equal before and after, unless something changed it."""
    if isinstance(value, torch.Tensor):
        if value.device.type == "meta" or value.layout is not torch.strided:
            return tuple(value.shape)
        flat = value.detach().contiguous().flatten()
        return tuple(
            value.shape), zlib.crc32(flat.view(torch.uint8).numpy().tobytes()) if len(flat) else 0
    if isinstance(value, np.ndarray):
        return value.shape, zlib.crc32(value.tobytes()) if value.dtype.kind != "O" else None
    if isinstance(value, nn.Module):
        weights = [(name, print_of(part)) for name, part in value.state_dict().items()]
        return weights, [m.training for m in value.modules()]
    if isinstance(value, Data):
        return print_of([value.train.x, value.train.y, value.validation.x])
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if isinstance(value, Mapping) and depth < 4:
        return [(repr(key)[:50], print_of(item, depth + 1)) for key, item in value.items()]
    if isinstance(value, list | tuple) and depth < 4:
        return [print_of(item, depth + 1) for item in value]
    return value if isinstance(value, int | float | str | bytes) else id(value)
