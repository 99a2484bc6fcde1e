"""A reader's own training under a live panel: any generator that yields a loss, or numbers by
name, per step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from recipe_widgets.core import History, RecipeError, Run, Settings, Step
from recipe_widgets.rules.divergence import what_happened

Steps = Iterator[Any] | Callable[[], Iterator[Any]]
HOT_KNOBS = ("lr", "momentum", "weight_decay", "dropout")  # what can reach a loop that runs
ENDLESS = 10**9  # steps: how long a generator goes on is not known


class UserLoop:
    """Runs of a generator.

    Args:
        steps: a generator, which runs once, or a function that makes a new one, which can begin
            again. It yields one loss (a number or a 0-d tensor) per step, or a dict of numbers such
            as {"train_loss": ..., "val_accuracy": ...}.
        model, optimizer: what the hot sliders reach. They are put back to where they were when a
            run begins again.
    """

    forks = False  # a generator cannot be copied
    size = classes = 0  # training samples and classes are not known

    def __init__(self, steps: Steps, model: nn.Module | None = None,
                 optimizer: torch.optim.Optimizer | None = None,
                 name: str = "your own training") -> None:
        self.again = callable(steps) and not isinstance(steps, Iterator)
        if not self.again and not isinstance(steps, Iterator):
            raise RecipeError("LivePanel(steps=)", found=type(steps).__name__,
                              expected="a generator, or a function that makes one",
                              mend="Use `yield loss` in the loop.")
        if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
            raise RecipeError("LivePanel(optimizer=)", found=type(optimizer).__name__,
                              expected="a torch.optim.Optimizer")
        self.steps, self.model, self.optimizer, self.name = steps, model, optimizer, name
        self._begun = False
        groups = optimizer.param_groups if optimizer is not None else []
        decays = [group.get("weight_decay", 0.0) for group in groups]
        # groups that are left out of the decay, as norms and biases are: they stay so
        self._undecayed = [not decay and any(decays) for decay in decays]
        self._first = self._state() if self.again else None  # where each new run begins

    def settings(self) -> Settings:
        """Where the optimiser and the dropout layers stand now; the steps of a generator are not
        known.
        """
        group = self._first_group()
        groups = self.optimizer.param_groups if self.optimizer is not None else []
        decays = (float(one.get("weight_decay", 0.0)) for one in groups)
        momentum = group.get("momentum", group.get("betas", (0.0,))[0])  # Adam: its first beta
        dropouts = self._dropouts()
        most = Settings.knob("dropout").most or 1.0  # nn.Dropout also takes 1, Settings do not
        return Settings(
            lr=float(group.get("lr", 0.0)), momentum=float(momentum),
            weight_decay=next((decay for decay in decays if decay), 0.0),  # the first may be norms
            dropout=min(float(dropouts[0].p), most) if dropouts else 0.0, max_steps=ENDLESS)

    def _first_group(self) -> dict[str, Any]:
        """The optimiser's numbers; where it has several groups, those of the first."""
        return self.optimizer.param_groups[0] if self.optimizer is not None else {}

    def without_effect(self, settings: Settings, knob: str) -> str:  # noqa: ARG002
        group = self._first_group()
        reached = {
            "lr": "lr" in group,
            "momentum": "momentum" in group or "betas" in group,
            "weight_decay": "weight_decay" in group,
            "dropout": bool(self._dropouts()),
        }
        if reached.get(knob):
            return ""
        if knob not in HOT_KNOBS:
            return "your own training decides that"
        if knob == "dropout":
            no_model = self.model is None
            return "no model was handed in" if no_model else "the model has no dropout layer"
        if not group:
            return "no optimiser was handed in"
        return f"the optimiser has no {Settings.knob(knob).label}"

    def begin(self, settings: Settings) -> UserLoopRun:
        """A new run; the state of model and optimiser goes back to the first one where the steps
        can begin again.
        """
        if self.again:
            self._restore()
            steps = self.steps()  # type: ignore[operator]
        elif self._begun:
            raise RecipeError("Restart", found="a generator that was begun already",
                              expected="a function that makes a new one",
                              mend="LivePanel(steps=my_function, ...).")
        else:
            steps = self.steps
        self._begun = True
        run = Run(settings, History(), self.model, data_name=self.name, own=True,
                  threads=[(0, torch.get_num_threads())])
        self.apply(settings)
        return UserLoopRun(self, iter(steps), run)

    def apply(self, settings: Settings) -> None:
        """Let optimiser and dropout layers stand where the settings say."""
        groups = self.optimizer.param_groups if self.optimizer is not None else []
        for number, group in enumerate(groups):  # a reader may have added some meanwhile
            undecayed = number < len(self._undecayed) and self._undecayed[number]
            group["lr"] = settings.lr
            if "weight_decay" in group and not undecayed:
                group["weight_decay"] = settings.weight_decay
            if "betas" in group:
                group["betas"] = (settings.momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = settings.momentum
        for drop in self._dropouts():
            drop.p = settings.dropout

    def _dropouts(self) -> list[Any]:
        """Layers that silence a share `p`; by their name, since a reader may have written them."""
        modules = self.model.modules() if self.model is not None else ()
        return [
            module for module in modules if isinstance(getattr(module, "p", None), float)
            and "dropout" in type(module).__name__.lower()
        ]

    def _state(self) -> tuple[Any, Any]:
        return (copy.deepcopy(self.model.state_dict()) if self.model is not None else None,
                copy.deepcopy(self.optimizer.state_dict()) if self.optimizer is not None else None)

    def _restore(self) -> None:
        if self._first is None:
            return
        weights, state = self._first
        if self.model is not None:
            self.model.load_state_dict(weights)
        if self.optimizer is not None:
            self.optimizer.load_state_dict(copy.deepcopy(state))


class UserLoopRun:
    """One run of a reader's generator."""

    def __init__(self, source: UserLoop, steps: Iterator[Any], run: Run) -> None:
        self.source, self.run, self._steps = source, run, steps

    def step(self) -> None:
        try:
            given = next(self._steps)
        except StopIteration:
            self.run.status = "done"
            return
        step = self.run.steps_done
        for name, value in numbers_of(given).items():
            self.run.history.append(name, step, value)
        loss = self.run.history.last("train_loss")
        if not math.isfinite(loss):
            self.run.status, self.run.message = "diverged", f"{what_happened(loss, step)}."

    def why_not(self, settings: Settings) -> str:  # noqa: ARG002  as of every run
        return "" if self.run.status == "running" else "that run is over"

    def turn(self, settings: Settings) -> None:
        changed = {name: new for name, (new, _) in (settings - self.run.newest).items()}
        self.source.apply(settings)
        if changed:
            self.run.changes.append((self.run.steps_done, changed))

    def fork(self) -> UserLoopRun:
        raise RecipeError("Fork", found="your own training", expected="one of our models",
                          mend="A generator cannot be copied in mid-run.")

    def finish(self) -> None:
        """Nothing: what to evaluate it on is not known."""

    def release(self) -> None:
        close = getattr(self._steps, "close", None)
        if close is not None:
            try:
                close()
            except Exception as error:  # of the reader's own code; the run is over all the same
                text = f"{self.run.message} The generator did not end cleanly: {error!r}."
                self.run.message = text.strip()


def numbers_of(given: Any) -> dict[str, float]:
    """What a step yielded, by name; the training loss first.

    Raises:
        RecipeError: it is neither a number, nor a dict of numbers with a loss.
    """
    expected = 'a loss, or a dict such as {"train_loss": loss}'
    if isinstance(given, Step):
        given = given.loss
    if not isinstance(given, Mapping):
        given = {"train_loss": given}
    try:
        found = {str(name): float(value) for name, value in given.items()}
    except (TypeError, ValueError, RuntimeError):
        raise RecipeError("LivePanel(steps=), what it yields", found=repr(given)[:100],
                          expected=expected) from None
    loss = found.pop("train_loss", found.pop("loss", None))
    if loss is None:
        raise RecipeError("LivePanel(steps=), what it yields",
                          found=f"a dict of {', '.join(found) or 'nothing'}", expected=expected)
    return {"train_loss": loss, **found}


def loop(model: nn.Module, loader: Iterable[Any], loss_fn: Callable[..., torch.Tensor],
         optimizer: torch.optim.Optimizer) -> Callable[[], Iterator[dict[str, float]]]:
    """A function that makes the plain loop over `loader`, epoch after epoch; for classes with
    the share right.
    """
    def steps() -> Iterator[dict[str, float]]:
        device = next((one.device for one in model.parameters()), torch.device("cpu"))
        while True:
            empty = True
            for batch in loader:
                empty = False
                x, y = (part.to(device) for part in batch)
                model.train()
                output = model(x)
                loss = loss_fn(output, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                numbers = {"train_loss": float(loss.detach())}
                # (N, K) scores and (N,) whole numbers: classes
                if (isinstance(output, torch.Tensor) and output.ndim == 2
                        and y.shape == output.shape[:1] and not y.is_floating_point()):
                    numbers["train_accuracy"] = float((output.argmax(1) == y).float().mean())
                yield numbers
            if empty:
                raise RecipeError(
                    "Loader", found="no batches", expected="at least one", mend=
                    "An iterator that was used up gives nothing: hand in a DataLoader or a list.")

    return steps
