"""What trials share: values compared, inputs watched, forbidden calls, evidence from `watch`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode, resolve_name

from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.randomness import generator
from recipe_widgets.course.exercise import Wrong
from recipe_widgets.course.guarded_call import Guarded
from recipe_widgets.watch import watch


def expect(holds: bool, otherwise: str) -> None:
    """Raises Wrong, with this text, where something does not hold."""
    if not holds:
        raise Wrong(otherwise)


def random(seed: int) -> torch.Generator:
    """A generator for the samples of one trial."""
    return generator(seed, "check")


def number(value: Any, what: str = "It returns") -> float:
    """A number as a float: Python's, numpy's, or a tensor of one.

    what: the beginning of the sentence where it is none.
    """
    if isinstance(value, torch.Tensor) and value.is_meta:
        raise Wrong(f"{what} a tensor without values (device meta).")
    if isinstance(value, torch.Tensor | np.ndarray | np.generic) and np.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise Wrong(f"{what} {describe_value(value)}; a number is wanted.")
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        raise Wrong(f"{what} a number too large for a float.") from None


def tensor(value: Any, shape: Sequence[int], what: str = "It returns") -> torch.Tensor:
    """A tensor, array or list of numbers as a tensor on the CPU, of this shape."""
    try:
        found = value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} {describe_value(value)}; a tensor is wanted.") from None
    if found.is_meta:
        raise Wrong(f"{what} a tensor without values (device meta).")
    if found.layout != torch.strided:
        found = found.to_dense()
    if tuple(found.shape) != tuple(shape):
        raise Wrong(f"{what} a tensor of shape {tuple(found.shape)}; "
                    f"the shape should be {tuple(shape)}.")
    return found.detach().cpu()


Slips = Sequence[tuple[Any, str]]
"""What known slips lead to: (the value that is found then, what to tell)."""


def close(found: Any, wanted: Any, what: str, why: str = "", rtol: float = 1e-4,
          slips: Slips = ()) -> None:
    """Numbers or tensors must agree to `rtol` of the largest entry.

    slips: the first whose value is the one found is told instead of `why`; so nobody is told of a
        slip that is not theirs.

    Raises:
        Wrong: "what" is found so and wanted so, and `why`.
    """
    ours = torch.as_tensor(wanted).detach().double().cpu()
    theirs = torch.as_tensor(found).detach().double().cpu()
    gap, most = _gap(theirs, ours, rtol)
    if bool((gap <= most).all()):  # NaN compares as False
        return
    for value, tip in slips:
        slip = torch.as_tensor(value).detach().double().cpu()
        off, most = _gap(theirs, slip, rtol)
        if bool(((off <= most) | (theirs.isnan() & slip.isnan())).all()):
            why = tip
            break
    at = int(gap.nan_to_num(float("inf")).flatten().argmax())
    place = "" if ours.ndim == 0 else f" at {_place(at, ours.shape)}"
    seen, right = _apart(float(theirs.flatten()[at]), float(ours.flatten()[at]))
    raise Wrong(f"{what} is {seen}{place}, and should be {right}.{' ' + why if why else ''}")


def _gap(found: torch.Tensor, wanted: torch.Tensor, rtol: float) -> tuple[torch.Tensor, float]:
    """How far apart each entry is, and how far they may be."""
    finite = wanted[wanted.isfinite()].abs()
    scale = float(finite.max()) if finite.numel() else 1.0
    # infinite entries may be equal, too
    return (found - wanted).abs().masked_fill(found == wanted, 0.0), rtol * max(scale, 1e-8)


def _apart(found: float, wanted: float) -> tuple[str, str]:
    """Both numbers with as many digits, five at least, as show that they differ."""
    for digits in range(5, 18):
        texts = f"{found:.{digits}g}", f"{wanted:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def _place(at: int, shape: Sequence[int]) -> str:
    index = np.unravel_index(at, tuple(shape))
    return "[" + ", ".join(str(int(one)) for one in index) + "]"


@contextlib.contextmanager
def inputs_kept(**inputs: torch.Tensor) -> Iterator[None]:
    """The tensors must be the same after the block. Raises Wrong, naming the one that is not."""
    before = {name: value.clone() for name, value in inputs.items()}
    yield
    for name, value in inputs.items():
        same = value.shape == before[name].shape and torch.equal(value, before[name])
        expect(same, f"It changes its input {name}. Work on a copy, or without in-place operations.")


_AUTOGRAD = ("backward", "grad")  # names of torch's functions


class _Forbid(TorchFunctionMode):
    """Raises Wrong when autograd, or one of torch's functions with these names, is called."""

    def __init__(self, names: Sequence[str], why: str) -> None:
        super().__init__()
        self.names, self.why = set(names), why

    def __torch_function__(self, func: Any, types: Any, args: Any = (),
                           kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _AUTOGRAD:  # also inside torch.autograd.functional.jacobian and its like
            raise Wrong(f"It uses autograd. {self.why}")
        if name in self.names:
            raise Wrong(f"It calls {resolve_name(func) or name}. {self.why}")
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def by_hand(*names: str, why: str = "Write it by hand.") -> Iterator[None]:
    """Autograd, and torch's functions with these names ("cross_entropy"), are refused inside."""
    with _Forbid(names, why), torch.no_grad():
        yield


@contextlib.contextmanager
def no_optimizer() -> Iterator[None]:
    """Inside, a step of one of torch's optimisers raises Wrong: the update is to be written."""
    def refuse(optimizer: Any, *_: Any) -> None:
        raise Wrong(f"It calls torch.optim.{type(optimizer).__name__}. Write the update by hand.")

    handle = register_optimizer_step_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()


def small_net(seed: int, inputs: int = 16, classes: int = 3, hidden: int = 8) -> nn.Sequential:
    """A net for images (N, 1, side, side) with `inputs` pixels: two layers, float32."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(),
                             nn.Linear(hidden, classes))


def batches(seed: int, sizes: Sequence[int], classes: int = 3, side: int = 4,
            dtype: torch.dtype = torch.float32) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Random batches of these sizes: x (n, 1, side, side), y (n,) in 0 ... classes - 1.

    The class shifts the pixels, so that there is something to learn.
    """
    draw, made = random(seed), []
    for n in sizes:
        y = torch.randint(0, classes, (n,), generator=draw)
        x = torch.randn(n, 1, side, side, generator=draw, dtype=dtype)
        made.append((x + y.to(dtype)[:, None, None, None] - 1, y))
    return made


def guarded(model: Any) -> Guarded:
    """A network that the learner wrote, to be called as it is: what it raises is told as theirs."""
    return Guarded(model, Wrong)


def copy_of(model: nn.Module) -> nn.Module:
    """The same weights and mode in a model of its own."""
    return copy.deepcopy(model)


class ModeRecorder(nn.Module):
    """Around a model: notes at each forward pass whether it was in training mode, and whether
    gradients were recorded.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.seen: list[tuple[bool, bool]] = []  # (training mode, gradients on)

    def forward(self, x: torch.Tensor) -> Any:
        self.seen.append((self.training, torch.is_grad_enabled()))
        return self.model(x)


def watched(call: Callable[[], Any], *rules: str) -> str:
    """What `recipe watch` says of a training call: its worst finding with its line, or "".

    rules: the only ones to judge by; none: all.
    """
    with watch(select=rules) as report:
        call()
    for finding in report.findings:
        if finding.severity in ("error", "warning"):
            _, line = finding.location
            place = f" (line {line}: `{finding.code}`)" if line else ""
            return f"`recipe watch` says: {finding.message.strip()}{place}."
    return ""
