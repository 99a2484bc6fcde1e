"""A callback of Hugging Face's Trainer that watches `trainer.train`:

    trainer = Trainer(model, arguments, ..., callbacks=[WatchTrainerCallback()])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from recipe_widgets.core.report import Report
from recipe_widgets.watch.integrations.callback_session import CallbackSession


class WatchTrainerCallback(TrainerCallback):
    """Watches each `train`, from before its first batch. Arguments as of `CallbackSession`; in
    several processes each watches its own, and the first shows its report.

    The Trainer tells its callbacks of no error: a run that ends in one is watched until `end()`, or
    until the next run begins.
    """

    def __init__(self, steps: int | None = None, show: bool = True, select: Sequence[str] = (),
                 ignore: Sequence[str] = (), fail_on: str | None = None) -> None:
        self._watch = CallbackSession(steps, show, select, ignore, fail_on)

    @property
    def report(self) -> Report:
        """Of the last `train` that ended."""
        return self._watch.report

    def end(self) -> Report:
        """Ends the watching of a run that came to no end of its own."""
        self._watch.end(finished=False)
        return self.report

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        self._watch.begin()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        self._watch.end(finished=True, show=state.is_world_process_zero)
