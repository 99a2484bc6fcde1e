"""What checks look at: a model, its loss and a few batches, made once from whatever the reader
has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets.checks.model_copies import copied, restored_afterwards
from recipe_widgets.core import RecipeError, generator, rng_guard
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data, Split
from recipe_widgets.training import BatchIndices

Batch = tuple[torch.Tensor, torch.Tensor]
MOST_BATCHES = 8
_OURS = 64  # samples per batch when the batches are one of our splits


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with what it is trained on. Make one with `subject(...)`.

    Attributes:
        model: the reader's model, in the state it was given; checks work on copies.
        batches: at most 8 pairs x (N, ...), y (N, ...), on the model's device.
        loss_fn: `(output, y) -> scalar`.
        factory: makes fresh models, or None; checks of several initialisations skip without it.
        optimizer: the optimiser itself, or `model -> optimizer`, or None.
        adapter: `output -> logits`, for models that return a tuple or a dict.
        num_classes: where there are classes.
        data: what the data checks look at: our `Data`, (x, y), {"train": ..., "validation": ...} or
            batches.
        train_step: `(model, optimizer, x, y) -> loss`, the reader's own. `train_epoch`: `(model,
            optimizer, batches)`.
        evaluate: `(model, batches) -> number`; it is handed `validation` as it was given, and cut
            into other batches.
        augment: `(x, y) -> (x, y)`. preprocess_train, preprocess_eval: `raw samples -> x`, the two
            pipelines.
        history: the curve of a training of this model: a `Run`, a `History`, columns or losses.
        source: the batches as they were given, which `timing` and the checks of data read again.
        problem: why the model cannot process its first batch; empty when it can.
    """

    model: nn.Module
    batches: tuple[Batch, ...]
    loss_fn: Callable[..., Any]
    factory: Callable[[], nn.Module] | None = None
    optimizer: Any = None
    adapter: Callable[[Any], torch.Tensor] | None = None
    num_classes: int | None = None
    data: Any = None
    train_step: Callable[..., Any] | None = None
    train_epoch: Callable[..., Any] | None = None
    evaluate: Callable[..., Any] | None = None
    validation: Any = None
    augment: Callable[..., Any] | None = None
    history: Any = None
    preprocess_train: Callable[..., Any] | None = None
    preprocess_eval: Callable[..., Any] | None = None
    source: Any = None
    problem: str = ""

    @property
    def x(self) -> torch.Tensor:
        return self.batches[0][0]

    @property
    def y(self) -> torch.Tensor:
        return self.batches[0][1]

    @cached_property
    def few(self) -> Batch:
        """The first samples, at most 16."""
        return self.x[:16], self.y[:16]

    def logits(self, output: Any) -> torch.Tensor:
        """The tensor of an output that holds the predictions."""
        found = self.adapter(output) if self.adapter is not None else output
        if isinstance(found, torch.Tensor):
            return found
        raise RecipeError(
            "Model output", found=type(output).__name__, expected="a tensor",
            mend='Say which part is meant, for example adapter=lambda out: out["logits"].')

    def loss(self, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The loss (0-d) of one batch."""
        value: torch.Tensor = self.loss_fn(model(x), y)
        return value.reshape(())


@validated
def subject(model_or_factory: nn.Module | Callable[[], nn.Module], batches: Any,
            loss_fn: Callable[..., Any], *, optimizer: Any = None,
            adapter: Callable[[Any], torch.Tensor] | None = None, num_classes: int | None = None,
            factory: Callable[[], nn.Module] | None = None, data: Any = None,
            train_step: Callable[..., Any] | None = None,
            train_epoch: Callable[..., Any] | None = None,
            evaluate: Callable[..., Any] | None = None, validation: Any = None,
            augment: Callable[..., Any] | None = None,
            preprocess_train: Callable[..., Any] | None = None,
            preprocess_eval: Callable[..., Any] | None = None, history: Any = None) -> Subject:
    """A `Subject` of a model (or of a function that makes one), its batches and its loss.

    Args:
        batches: any iterable of (x, y): a `DataLoader`, a list, our `Data` or a split of it. At
            most 8 are taken, and the global generators come back as they were.

    Raises:
        RecipeError: no batches, no pairs, different lengths, NaN among the inputs, labels out of
            range, half precision, weights without values, bytes for a model of floats, a loss that
            is not one number.
    """
    with rng_guard():
        model, factory = _made(model_or_factory, factory)
        if not callable(loss_fn):
            raise RecipeError("loss_fn", found=type(loss_fn).__name__,
                              expected="a function (output, y) -> scalar",
                              mend="For example torch.nn.functional.cross_entropy.")
        taken = _taken(batches, model)
        _labels_in_range(taken, num_classes)
        made = Subject(model, taken, loss_fn, factory, optimizer, adapter, num_classes, data,
                       train_step, train_epoch, evaluate, validation, augment, history,
                       preprocess_train, preprocess_eval, batches)
        problem = _first_pass(made)
    object.__setattr__(made, "problem", problem)
    return made


def _made(
        given: Any, factory: Callable[[], nn.Module] | None
) -> tuple[nn.Module, Callable[[], nn.Module] | None]:
    model = given
    if not isinstance(given, nn.Module):
        if not callable(given):
            raise RecipeError("Model", found=type(given).__name__,
                              expected="an nn.Module or a function that makes one")
        torch.manual_seed(0)
        model, factory = given(), factory or given
    if not isinstance(model, nn.Module):
        raise RecipeError("Model", found=f"a function that returned {type(model).__name__}",
                          expected="an nn.Module")
    # half precision hides what checks look for behind its rounding
    halves = {p.dtype for p in model.parameters()} & {torch.float16, torch.bfloat16}
    if halves:
        raise RecipeError(
            "Model", found=f"parameters in half precision ({halves.pop()})",
            expected="float32 or float64",
            mend="Check model.float(); mixed precision belongs into the training step.")
    if any(tensor.is_meta for tensor in itertools.chain(model.parameters(), model.buffers())):
        raise RecipeError(
            "Model", found='weights without values (device "meta")', expected="weights with values",
            mend=
            'Give it memory with model.to_empty(device="cpu"), then initialise or load its weights.'
        )
    return model, factory


def device_of(model: nn.Module) -> torch.device:
    return next((tensor.device for tensor in itertools.chain(model.parameters(), model.buffers())),
                torch.device("cpu"))


def _taken(batches: Any, model: nn.Module) -> tuple[Batch, ...]:
    """The first batches, checked, on the model's device."""
    single = isinstance(batches, (str, bytes, torch.Tensor)) or getattr(batches, "ndim", 1) == 0
    if single or not isinstance(batches, (Iterable, Data)):
        raise RecipeError("Batches", found=type(batches).__name__,
                          expected="an iterable of pairs (x, y)",
                          mend="A DataLoader, a list such as [(x, y)], or data.train.")
    with restored_generators(batches):
        found = [
            _pair(pair, number)
            for number, pair in enumerate(itertools.islice(pairs(batches), MOST_BATCHES))
        ]
    if not found:
        raise RecipeError(
            "Batches", found="none", expected="at least one pair (x, y)",
            mend="An iterator that was used up gives nothing: hand in a list or a DataLoader.")
    where = device_of(model)
    # copies: a loader may hand out the same buffer again
    return tuple(
        (x.detach().to(where, copy=True), y.detach().to(where, copy=True)) for x, y in found)


def pairs(batches: Any, part: str = "train") -> Iterator[Any]:
    """The pairs in what was given as batches; of one of our splits, or of that part of our
    `Data`, some random ones.
    """
    split = getattr(batches, part) if isinstance(batches, Data) else batches
    if not isinstance(split, Split):
        return iter(batches)
    order = torch.randperm(split.size, generator=generator(0, "check"))[: MOST_BATCHES * _OURS]
    return (split.batch(rows.to(split.x.device)) for rows in order.split(_OURS) if len(rows))


def rereadable(source: Any) -> bool:
    """Whether batches can be read a second time; an iterator, which is used up, cannot."""
    return source is not None and (isinstance(source,
                                              (Data, Split)) or not hasattr(source, "__next__"))


def endless(target: Subject, batch_size: int = _OURS) -> Iterator[Batch]:
    """Batches on the model's device, round and round: the source as often as need be, or the few
    that were taken.

    batch_size: of random batches of a split of ours; other sources have their own.
    """
    for number, pair in enumerate(_round_and_round(target, batch_size)):
        x, y = _pair(pair, number)
        yield x.to(target.x.device), y.to(target.x.device)


def _round_and_round(target: Subject, batch_size: int) -> Iterator[Any]:
    split = target.source.train if isinstance(target.source, Data) else target.source
    if isinstance(split, Split):
        yield from map(split.batch, BatchIndices(split.size, batch_size, 0, split.x.device))
    dry = not rereadable(target.source)
    while not dry:
        dry = True  # a source that gives nothing the second time must not be asked for ever
        for pair in target.source:
            dry = False
            yield pair
    yield from itertools.cycle(target.batches)  # an iterator is used up: its first batches


@contextmanager
def restored_generators(batches: Any) -> Iterator[None]:
    """Generators which a DataLoader carries come back as they were."""
    parts = (batches, getattr(batches, "sampler", None),
             getattr(getattr(batches, "batch_sampler", None), "sampler", None))
    found = [
        source for part in parts
        if isinstance(source := getattr(part, "generator", None), torch.Generator)
    ]
    states = [source.get_state() for source in found]
    try:
        yield
    finally:
        for source, state in zip(found, states, strict=True):
            source.set_state(state)


def _pair(pair: Any, number: int) -> Batch:
    """One batch as two tensors, or a `RecipeError` that says what it is instead."""
    what = f"Batch {number}"
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        shown = f"{type(pair).__name__}" + (f" of {len(pair)}" if isinstance(
            pair, (tuple, list, dict)) else "")
        raise RecipeError(what, found=shown, expected="a pair (x, y)",
                          mend="For example [(x, y) for x, y, *_ in loader].")
    x, y = (_tensor(part, f"{what}, {name}") for part, name in zip(pair, "xy", strict=True))
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise RecipeError(what, found=f"x {tuple(x.shape)} and y {tuple(y.shape)}",
                          expected="the same first length",
                          mend="Both begin with the batch axis N.")
    if len(x) == 0:
        raise RecipeError(what, found="no samples", expected="at least one")
    for name, part in (("x", x), ("y", y)):
        if part.is_floating_point() and not part.isfinite().all():
            raise RecipeError(f"{what}, {name}", found="NaN or infinity", expected="finite numbers",
                              mend=f"Look at the rows where ~torch.isfinite({name}).")
    return x, y


def _tensor(part: Any, what: str) -> torch.Tensor:
    if isinstance(part, torch.Tensor):
        return part
    if isinstance(part, (np.ndarray, list, tuple)):
        try:
            return torch.as_tensor(np.asarray(part))
        except (TypeError, ValueError):
            pass
    raise RecipeError(
        what, found=type(part).__name__, expected="a tensor or an array",
        mend="Models with several inputs: wrap the model so that it takes one tensor.")


def _labels_in_range(batches: Iterable[Batch], classes: int | None) -> None:
    if classes is None:
        return
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise RecipeError("num_classes", found=repr(classes), expected="a whole number from 1")
    for number, (_, y) in enumerate(batches):
        if y.is_floating_point() or y.dtype == torch.bool:
            continue
        known = y[y != -100]  # PyTorch's ignore_index
        if len(known) and not 0 <= int(known.min()) <= int(known.max()) < classes:
            raise RecipeError(f"Batch {number}, y",
                              found=f"labels {int(known.min())} to {int(known.max())}",
                              expected=f"0 to {classes - 1}", mend="Classes count from 0.")


def _first_pass(made: Subject) -> str:
    """Why the model cannot process its first batch; mistakes of the input are a `RecipeError`."""
    model = copied(made.model, made.factory)
    if model is None:
        with restored_afterwards(made.model):
            return _try(made, made.model)
    return _try(made, model)


def _try(made: Subject, model: nn.Module) -> str:
    try:
        output = model(made.x)
    except Exception as error:
        if made.x.dtype == torch.uint8:
            raise RecipeError(
                "Batch 0, x",
                found=f"{made.x.dtype} {tuple(made.x.shape)}; the model says: {_line(error)}",
                expected="floats", mend="For images: x.float() / 255, then normalise.") from None
        return (f"model(x) with x {made.x.dtype} {tuple(made.x.shape)}: "
                f"{type(error).__name__}: {_line(error)}")
    try:
        value = made.loss_fn(output, made.y)
    except Exception as error:
        _labels_fit(made, output, error)
        return (f"loss_fn(output, y) with y {made.y.dtype} {tuple(made.y.shape)}: "
                f"{type(error).__name__}: {_line(error)}")
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        shown = f"shape {tuple(value.shape)}" if isinstance(value,
                                                            torch.Tensor) else type(value).__name__
        raise RecipeError("loss_fn(output, y)", found=shown, expected="one number as a tensor",
                          mend="Take the mean over the batch, for example reduction='mean'.")
    return ""


def _labels_fit(made: Subject, output: Any, error: Exception) -> None:
    """A label beyond the outputs is the likeliest reason of an error in the loss."""
    try:
        z = output if made.adapter is None else made.adapter(output)
    except Exception:
        return
    y = made.y
    if not isinstance(z,
                      torch.Tensor) or z.ndim < 2 or y.is_floating_point() or y.dtype == torch.bool:
        return
    known = y[y != -100]
    if y.ndim < z.ndim and len(known) and not 0 <= int(known.min()) <= int(known.max()) < max(
            z.shape[1], z.shape[-1]):
        raise RecipeError(
            "Batch 0, y", found=f"labels {int(known.min())} to {int(known.max())} ({_line(error)})",
            expected=f"0 to {z.shape[1] - 1}, since the model has {z.shape[1]} outputs",
            mend="Give the model one output per class, or count classes from 0.") from None


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:300]
