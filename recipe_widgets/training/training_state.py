"""All that a training in progress remembers, as plain values and tensors, and back again to the
same bit.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from recipe_widgets.core import History, RecipeError, Run, Settings
from recipe_widgets.training.schedules import SCHEDULES
from recipe_widgets.training.trainer import Training

# What may be another when a run goes on: none of these changes a step that has been done.
MAY_CHANGE = frozenset({"patience", "final", "checkpoint_every"})


def state_of(training: Training, run: Run, own_model: bool = False) -> dict[str, Any]:
    """The state, made of what `torch.load(weights_only=True)` reads; tensors are shared with the
    training, not copied.

    Every part of `training` is taken, and every `torch.Generator` that it draws from. With
    `own_model` the global generators too: a reader's own layers draw there.
    """
    history = training.history
    # lists and tensors only: `weights_only=True` refuses tuples of our own and arrays
    return {
        "settings": training.settings.to_dict(),
        "done": training.done,
        "threads": [list(pair) for pair in run.threads],
        "parts": {name: part.state_dict() for name, part in training.parts().items()},
        "generators": generator_states(training),
        "global": _global_states() if own_model else {},
        "history": {name: [torch.from_numpy(column.copy()) for column in history.arrays(name)]
                    for name in history.names},
    }


def restore(training: Training, run: Run, state: dict[str, Any]) -> None:
    """Put a fresh `training` (same settings, same kind of model) and its `run` where `state` was
    taken.

    Raises:
        RecipeError: other settings or another model; nothing has been changed then.
    """
    same_settings(Settings.from_dict(state["settings"]), training.settings)
    parts = training.parts()
    if set(parts) != set(state["parts"]):
        raise RecipeError("Checkpoint", found="the parts " + ", ".join(sorted(state["parts"])),
                          expected=", ".join(sorted(parts)),
                          mend="It was written by another version.")
    _same_model(training.model, state["parts"]["model"])
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    # after the parts: an iterator that goes on with its epoch shuffles, which draws
    set_generators(training, state["generators"])
    _set_global(state["global"])
    _refill(training.history, state["history"])
    if state.get("best_weights") is not None:
        training.best.weights = {
            name: value.to(training.device) for name, value in state["best_weights"].items()
        }
    training.done, training.loss = state["done"], training.history.last("train_loss")
    _note_threads(run, state["threads"], training.done)


def same_settings(saved: Settings, asked: Settings) -> None:
    """Refuse to go on with other settings; a longer run is fine where the schedule does not
    depend on its length.
    """
    longer = frozenset() if SCHEDULES[asked.schedule].needs_length else {"max_steps"}
    may = MAY_CHANGE | longer
    differing = {name: pair for name, pair in (saved - asked).items() if name not in may}
    if differing:
        found = ", ".join(
            f"{name}={theirs!r} (was {mine!r})" for name, (mine, theirs) in differing.items())
        raise RecipeError("Resuming a run", found=found, expected="the settings that it began with",
                          mend="Give these back, or begin a new run in another folder.")


def generators(training: Training) -> dict[str, torch.Generator]:
    """Every generator that the training draws from, by the name it has in a checkpoint; one that
    layers share stands there once, under the first of them.
    """
    found = {"batches.generator": training.batches.generator}
    if training.augment is not None:
        found["augment.generator"] = training.augment.generator
    modules = [("model", training.model)]
    if isinstance(training.loss_fn, nn.Module):
        modules.append(("loss_fn", training.loss_fn))
    for part, module in modules:
        for layer, inner in module.named_modules():
            for attribute, value in vars(inner).items():
                if isinstance(value, torch.Generator) and not _stands_in(value, found):
                    name = ".".join(word for word in (part, layer, attribute) if word)
                    found[name] = value
    return found


def _stands_in(one: torch.Generator, found: dict[str, torch.Generator]) -> bool:
    return any(one is other for other in found.values())


def drawing_generators(training: Training) -> list[torch.Generator]:
    """Those behind dropout and augmentation: all but the one that deals out batches."""
    return [one for one in generators(training).values()
            if one is not training.batches.generator]


def generator_states(training: Training) -> dict[str, torch.Tensor]:
    return {name: one.get_state() for name, one in generators(training).items()}


def set_generators(training: Training, states: dict[str, torch.Tensor]) -> None:
    for name, one in generators(training).items():
        # a reader's own model may have got a generator since: it keeps its state
        if name in states:
            one.set_state(states[name])


def _global_states() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_global(states: dict[str, torch.Tensor]) -> None:
    if "cpu" in states:
        torch.random.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _same_model(model: nn.Module, saved: dict[str, torch.Tensor]) -> None:
    mine, theirs = _shapes(model.state_dict()), _shapes(saved)
    if mine != theirs:
        # the first in the alphabet stands for all
        odd = sorted(set(mine.items()) ^ set(theirs.items()))[0][0]
        raise RecipeError("Resuming a run",
                          found=f"weights {odd!r} of shape {theirs.get(odd, 'none')}",
                          expected=f"{mine.get(odd, 'none')}, as in this model",
                          mend="Build the model as it was built then.")


def _shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape)
            for name, value in state.items() if isinstance(value, torch.Tensor)}


def _refill(history: History, columns: dict[str, list[torch.Tensor]]) -> None:
    for name, (steps, values) in columns.items():
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            history.append(name, step, value)


def _note_threads(run: Run, saved: list[list[int]], done: int) -> None:
    # the machine that goes on may have another number of threads: noted from this step on
    now = run.threads[-1][1] if run.threads else torch.get_num_threads()
    run.threads[:] = [cast("tuple[int, int]", tuple(pair)) for pair in saved]
    if not run.threads or run.threads[-1][1] != now:
        run.threads.append((done, now))
