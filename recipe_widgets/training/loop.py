"""The training loop: `steps()` one iteration at a time, `train()` to the end."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import torch
import torch.distributed
from torch import nn

from recipe_widgets.core import Probe, RecipeError, Run, Settings, Step
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import validated
from recipe_widgets.training.losses import LossFunction
from recipe_widgets.training.torch_errors import torch_errors_explained
from recipe_widgets.training.trainer import OneProcess, Training, check_data, why_diverged

if TYPE_CHECKING:
    from recipe_widgets.data import Data


@validated
def advance(training: Training, run: Run) -> Iterator[Step]:
    """Train and evaluate until the run ends; keeps `run.status` and `run.message` true at every
    yield.
    """
    while training.done < training.settings.max_steps and not training.best.exhausted:
        step = training.step()
        # NaN in the weights stays: no later step can be sound
        if not training.finite():
            run.status = "diverged"
            run.message = why_diverged(training.history, training.settings,
                                       _finite_inputs(training))
            yield step
            return
        # without a validation set there is nothing to look at, and nothing to stop early by
        if training.due() and len(training.data.validation.y):
            training.evaluate()
        if training.done == training.settings.max_steps:
            training.finish()
            run.status = "done"
        elif training.best.exhausted:
            run.status, run.message = "stopped", stopped_early(training)
        yield step
    # reached without a step, too: a resumed run may have been over, a run may have no steps
    if training.done < training.settings.max_steps:
        run.status, run.message = "stopped", stopped_early(training)
    else:
        run.status = "done"


def _finite_inputs(training: Training) -> bool:
    x = training.split.x
    return bool(torch.isfinite(x).all()) if x.is_floating_point() else True  # bytes always are


def stopped_early(training: Training) -> str:
    """Why early stopping ended the run."""
    best = training.best
    return (f"stopped early: {best.looks_since} looks without a validation loss under the "
            f"{best.loss:.4g} of step {best.step}")


@validated
def end_with_best(training: Training, run: Run) -> None:
    """Give an ended run's model the weights of its best look, where the settings ask for it;
    says so in `run.message`.
    """
    best = training.best
    if best.weights is not None and best.step < training.done - 1:
        training.model.load_state_dict(best.weights)
        back = f"the weights are those of step {best.step} (validation loss {best.loss:.4g})"
        run.message = f"{run.message}; {back}" if run.message else back


@validated
def steps(model: nn.Module, data: Data, settings: Settings,
          probes: Sequence[Probe] = ()) -> Iterator[Step]:
    """Train `model` in place and yield after every iteration; whoever consumes it decides when to
    stop.

    >>> for step in steps(model, data, Settings(lr=0.1)):      # doctest: +SKIP
    ...     print(step.index, step.loss)

    At most `settings.max_steps` steps; it looks at the training set only, so schedule="plateau"
    finds none. The numbers are in `step.history`. After the last step `model` has the averaged
    weights where `settings.ema` asks for them.
    """
    check_data("steps(data=)", data)
    with torch_errors_explained(settings):
        training = Training(model, data, settings, probes)
        for index in range(settings.max_steps):
            step = training.step()
            if index == settings.max_steps - 1:
                training.finish()
            yield step


def _processes() -> OneProcess:
    """Who computes: this process, or all that torchrun has started."""
    # the loop itself never joins: `processes.together` does, around it
    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not joined or torch.distributed.get_world_size() == 1:
        return OneProcess()
    from recipe_widgets.training.distributed import ManyProcesses

    return ManyProcesses()


def _says_stop(until: Callable[[Step], bool], step: Step) -> bool:
    with user_code("train(until=)", "a function of a step that says True to stop"):
        return bool(until(step))


def _in_either_order(function: Callable[..., Run]) -> Callable[..., Run]:
    """Take `train(model, data, settings)` for `train(data, settings, model)`."""
    @functools.wraps(function)
    def sorted_out(*args: Any, **kwargs: Any) -> Run:
        names = ("model", "data", "settings")
        if args and isinstance(args[0], nn.Module) and len(args) <= len(names):
            return function(**dict(zip(names, args, strict=False)), **kwargs)
        return function(*args, **kwargs)

    return sorted_out


@overload
def train(model: nn.Module, data: Data, settings: Settings, /, *, probes: Sequence[Probe] = (),
          until: Callable[[Step], bool] | None = None, loss_fn: LossFunction | None = None,
          checkpoints: str | os.PathLike[str] | None = None, resume: bool = False) -> Run: ...


@overload
def train(data: Data, settings: Settings, model: nn.Module | None = None, *,
          probes: Sequence[Probe] = (), until: Callable[[Step], bool] | None = None,
          loss_fn: LossFunction | None = None,
          checkpoints: str | os.PathLike[str] | None = None, resume: bool = False) -> Run: ...


@_in_either_order
@validated
def train(data: Data, settings: Settings, model: nn.Module | None = None, *,
          probes: Sequence[Probe] = (), until: Callable[[Step], bool] | None = None,
          loss_fn: LossFunction | None = None, checkpoints: str | os.PathLike[str] | None = None,
          resume: bool = False) -> Run:
    """Train to the end of `settings.max_steps` and return the `Run`.

    Two ways to call it:
        train(model, data, settings): your own module, trained in place; in the order of `steps`.
        train(data, settings): the model that `settings` describe. `train(data, settings, model)`,
            the order of earlier versions, still works.

    Args:
        until: called after each step; the run stops when it says True.
        loss_fn: `(output, y) -> mean loss`, instead of the one that `settings.loss` names; y are
            labels (n,), or probabilities (n, K) after mixup or cutmix.
        checkpoints: a folder for the newest three and the best, written every
            `settings.checkpoint_every` steps.
        resume: go on from the newest whole checkpoint there, to the same bit; from the beginning
            where there is none. A model of your own must be built as it was then, and the global
            random generators are put back too.
    Returns:
        a Run that is whole also when it was stopped or diverged: a loss that is no number ends it,
        with the likely cause. `val_loss` and `val_accuracy` are of the whole validation set (unless
        `settings.eval_samples` says otherwise). With `settings.patience` or `final="best"` the
        model ends with the weights of its best look.

    In processes that torchrun started (inside `processes.together`) all must call this alike,
    `until` too; the first one writes the checkpoints.
    """
    check_data("train(data=)", data)
    if resume and checkpoints is None:
        raise RecipeError("train(resume=True)", found="no folder",
                          expected="checkpoints=, the folder of the run")
    with torch_errors_explained(settings):
        own_model = model is not None  # `settings` do not describe it: no script, no rewind
        if model is None:
            from recipe_widgets.models import build_model

            model = build_model(settings, data.shape, data.num_classes)
        training = Training(model, data, settings, probes, loss_fn, _processes())
        run = training.new_run()
        run.own = own_model or loss_fn is not None
        saved = None
        if checkpoints is not None:
            from recipe_widgets.training.resuming import Checkpointing

            saved = Checkpointing(checkpoints, training, run, own_model)
            saved.begin(resume)
        for step in advance(training, run):
            # a run that has ended by itself is not asked: its status stays
            stop = until is not None and run.status == "running" and _says_stop(until, step)
            if saved is not None and (stop or saved.due()):
                saved.save()
            if stop:
                # after the checkpoint, which holds the raw weights to go on from
                training.finish()
                run.status, run.message = "stopped", f"stopped after step {step.index}"
                break
        end_with_best(training, run)
        return run
