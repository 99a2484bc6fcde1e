"""Runs a check of data: on samples alone, or on those of a `Subject`."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from recipe_widgets.checks.check_decorator import (
    CannotTellError,
    Check,
    Gather,
    as_subject,
    could_not_look,
    judged,
    register,
    subject_options,
)
from recipe_widgets.checks.check_subject import Subject, rereadable
from recipe_widgets.checks.sample_sets import DataSubject, SampleSet, sample_set, sets_of
from recipe_widgets.core import CheckResult, RecipeError, rng_guard
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data, Split

_MOST, _SECONDS = 4096, 3.0  # what is taken of a model's batches
# What was gathered of a subject, for the next check; goes with the subject.
_seen: weakref.WeakKeyDictionary[Subject, DataSubject] = weakref.WeakKeyDictionary()


def data_check(*names: str, stage: str, place: float) -> Callable[[Gather], Check]:
    """Make a check of `gather(source, **options)`, source being a `DataSubject`.

    It is called as `check(data, labels=None, **options)`, where data is anything that
    `sample_sets.sets_of` takes; or, like any other check, with a `Subject` or with (model, batches,
    loss_fn). `names` are the options that may follow by position instead of the labels.
    """
    def wrap(gather: Gather) -> Check:
        checked = validated(gather)

        @functools.wraps(gather)
        def run(data: Any, *more: Any, **options: Any) -> CheckResult:
            source = _source_of(data, more, names, options, gather.__name__)
            return _guarded(checked, source, options)

        return register(run, None, stage, place)

    return wrap


def _source_of(data: Any, more: tuple[Any, ...], names: tuple[str, ...], options: dict[str, Any],
            name: str) -> DataSubject:
    """Of the first arguments of a check; what else they hold goes to the options."""
    if isinstance(data, (Subject, nn.Module)) or (callable(data) and not hasattr(data, "__iter__")):
        batches, loss_fn = (*more, None, None)[:2]
        own = subject_options(options)
        target = as_subject(data, options.pop("batches", batches), options.pop("loss_fn", loss_fn),
                            own)
        options.update({key: value for key in _OF_SUBJECT.get(name, ())
                        if (value := getattr(target, key)) is not None and key not in options})
        return samples_of(target)
    if len(more) > max(1, len(names)):
        raise RecipeError(f"checks.{name}", found=f"{1 + len(more)} arguments by position",
                          expected="fewer")
    options.update(zip(names or ("labels",), more, strict=False))
    labels, classes = options.pop("labels", None), options.pop("num_classes", None)
    if name == "split_leak" and (held := options.pop("validation", None)) is not None:
        data = {"train": data, "validation": held}
    parts = sets_of(data, labels, why=f"checks.{name}")
    return DataSubject(
        parts, num_classes=classes if classes is not None else getattr(data, "num_classes", None))


# Fields of a subject that a check of data takes as options.
_OF_SUBJECT = {
    "augmentation_keeps_label": ("augment",),
    "train_eval_preprocessing": ("preprocess_train", "preprocess_eval"),
}


def samples_of(target: Subject) -> DataSubject:
    """The samples of a subject, gathered once: those that enter the model, and the reader's
    `data` where given.
    """
    if target not in _seen:
        source = target.source
        ours = source if isinstance(source, (Data, Split)) else None
        fed = [] if ours is not None or not rereadable(source) else _quietly("train", source)
        held = [] if target.validation is None else _quietly("validation", target.validation)
        fed = (fed or [_of_batches(target)]) + held
        data = ours if target.data is None else target.data
        parts = fed if data is None else sets_of(data, why="checks of the data", most=_MOST,
                                                  seconds=_SECONDS)
        _seen[target] = DataSubject(tuple(parts), tuple(fed), target.num_classes, quick=True)
    return _seen[target]


def _quietly(name: str, batches: Any) -> list[SampleSet]:
    """Batches of other forms than (x, y), or which break later on, are not looked at."""
    try:
        return list(sets_of({name: batches}, most=_MOST, seconds=_SECONDS))
    except Exception:  # whatever a reader's own data set raises
        return []


def _of_batches(target: Subject) -> SampleSet:
    same = [(x, y)
            for x, y in target.batches
            if x.shape[1:] == target.x.shape[1:] and y.shape[1:] == target.y.shape[1:]]
    starts = [0]  # where each batch begins
    for x, _ in same[:-1]:
        starts.append(starts[-1] + len(x))
    x, y = (torch.cat([pair[i] for pair in same]).cpu() for i in (0, 1))
    return sample_set("train", x, y, tuple(starts), complete=False)


def _guarded(gather: Gather, source: DataSubject, options: dict[str, Any]) -> CheckResult:
    """Runs a check so that no random generator moves and no error of the reader's data gets out."""
    name = gather.__name__
    with rng_guard(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            found = gather(source, **options)
        except RecipeError:
            raise
        except CannotTellError as why:
            return CheckResult(name, "skip", str(why))
        except (ArithmeticError, LookupError, RuntimeError, ValueError, TypeError,
                AttributeError) as error:
            return could_not_look(name, error)
    # outside of the guard: an error in a rule is an error of ours
    return judged(name, found)
