"""One training run, its single steps, and what a probe of them looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, get_args

import torch
from torch import nn

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.history import History
from recipe_widgets.core.hooks import service
from recipe_widgets.core.json_files import parse_json
from recipe_widgets.core.settings import Settings
from recipe_widgets.core.validation import unchecked, validated

# "diverged": the loss was no number any more; "stopped": by early stopping or by hand
RunStatus = Literal["running", "done", "stopped", "diverged"]


@dataclass(slots=True)
class Step:
    """One iteration: one batch, one forward and backward pass, one update.

    Attributes:
        index: counts from 0. `epoch` counts how often all training data was seen before.
        loss_tensor: 0-d, detached, on the training device; `loss` waits for it.
        history: the run's numbers so far, this step's among them.
    """

    index: int
    epoch: int
    loss_tensor: torch.Tensor
    history: History

    @property
    def loss(self) -> float:
        return float(self.loss_tensor)


class Probe(Protocol):
    """Looks at every `every`-th training step. A probe never changes a run: same bits with it
    and without.
    """

    every: int

    def before(self, model: nn.Module) -> None:
        """Called before the forward pass of a sampled step; may add hooks."""

    def after(self, model: nn.Module, logits: torch.Tensor, y: torch.Tensor) -> Mapping[str, float]:
        """Called after the update of a sampled step; removes its hooks and returns numbers for the
        history.

        logits: (batch, classes), detached; y: (batch,) int64. Gradients are still in `.grad`.
        """
        ...


@dataclass
class Run:
    """What one training run left behind; whole at any moment, also when it was stopped half-way.

    Attributes:
        message: why it ended, in plain words; empty while it runs.
        data_name: the data set's name; the data itself is not kept.
        threads: `(step, count)`: from that step on, so many threads computed. Sums of floats depend
            on it in the last bits.
        changes: `(step, knobs)`: after so many steps, these knobs were turned to these values;
            `settings` are those of the beginning, `newest` those of now.
        own: model, loss or the whole loop is the reader's own, so that `settings` do not describe
            the run.
        data: what it trained on; not saved with it. snapshots: what `at` begins from; a live run
            has some.
    """

    settings: Settings
    history: History = field(default_factory=History)
    model: nn.Module | None = None
    status: RunStatus = "running"
    message: str = ""
    data_name: str = ""
    threads: list[tuple[int, int]] = field(default_factory=list)
    changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    own: bool = False
    data: Any = field(default=None, repr=False, compare=False)
    snapshots: Any = field(default=None, repr=False, compare=False)

    @validated
    def settings_at(self, step: int) -> Settings:
        """What the knobs stood at for the step with this number, counted from 0."""
        settings = self.settings
        for at, values in self.changes:  # oldest first: a later change overrides
            if at <= step:
                settings = settings.replace(**values)
        return settings

    @property
    def newest(self) -> Settings:
        """What the knobs stand at now."""
        return self.settings_at(self.changes[-1][0]) if self.changes else self.settings

    @property
    def what(self) -> str:
        """What was trained: "mnist mlp"."""
        return self.data_name if self.own else f"{self.data_name} {self.settings.model}".strip()

    @property
    def steps_done(self) -> int:
        return len(self.history)

    def __str__(self) -> str:
        loss = self.history.last("train_loss")
        end = f": {self.message}" if self.message else ""
        return (f"Run({self.what}, {self.status} after {self.steps_done} steps, "
                f"loss {loss:.4g}{end})")

    __repr__ = __str__

    def plot(self) -> Any:
        """Its curves as a picture that also carries a text alternative."""
        return service("plot_run")(self)

    @validated
    def at(self, step: Annotated[int, unchecked]) -> Run:
        """The run as it stood after `step` steps, model and all: trained again from its seed, to
        the same numbers.

        Raises:
            RecipeError: it never got that far; its data is not at hand; or it trained a model of
                the reader's own.
        """
        return service("run_at")(self, step)  # type: ignore[no-any-return]

    def to_script(self, data: Any = None, plain: bool = False) -> str:
        """A standalone script in plain PyTorch; the last number it prints is the last `train_loss`.

        data: the `Data`, for a run that was read from a file. plain: the short script that one
        would write by hand, with other random numbers: about the same result, not the same digits.
        """
        return service("script_of")(self, data, plain)  # type: ignore[no-any-return]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the weights, as JSON can carry it."""
        return {
            "settings": self.settings.to_dict(), "history": self.history.to_dict(),
            "status": self.status, "message": self.message, "data_name": self.data_name,
            "own": self.own, "threads": self.threads, "changes": self.changes
        }

    def to_json(self) -> str:
        """Everything but the weights."""
        return json.dumps(self.to_dict())

    @classmethod
    @validated
    def from_json(cls, text: str) -> Run:
        return cls.from_dict(parse_json(text, "Run file", "what run.to_json() wrote"))

    @classmethod
    def from_dict(cls, values: Any) -> Run:
        """Raises: RecipeError: not what `to_dict` made."""
        try:
            settings, history = values["settings"], values["history"]
            rest = {name: str(values[name]) for name in ("status", "message", "data_name")}
            threads = [(int(step), int(count)) for step, count in values["threads"]]
            # files of the first version have no changes
            changes = [(int(step), dict(knobs)) for step, knobs in values.get("changes", [])]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise RecipeError("Run file", found=repr(error),
                              expected="what run.to_json() wrote") from None
        if rest["status"] not in get_args(RunStatus):
            raise RecipeError("Run file", found=f"status {rest['status']!r}",
                              expected=", ".join(get_args(RunStatus)))
        run = cls(Settings.from_dict(settings), History.from_dict(history), None, threads=threads,
                  changes=changes, own=bool(values.get("own", False)),
                  **rest)  # type: ignore[arg-type]
        run.newest  # noqa: B018  unknown knobs are an error here, not later
        return run
