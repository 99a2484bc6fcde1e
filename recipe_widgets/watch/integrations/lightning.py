"""A callback of Lightning that watches `trainer.fit`:

    trainer = Trainer(callbacks=[WatchCallback(fail_on="error")])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recipe_widgets.core.report import Report
from recipe_widgets.watch.integrations.callback_session import CallbackSession

try:
    from lightning.pytorch import Callback
except ImportError:  # the same library under its other name
    from pytorch_lightning import Callback


class WatchCallback(Callback):
    """Watches each `fit`, from before its optimisers are made. Arguments as of `CallbackSession`;
    in several processes each watches its own, and the first shows its report.
    """

    def __init__(self, steps: int | None = None, show: bool = True, select: Sequence[str] = (),
                 ignore: Sequence[str] = (), fail_on: str | None = None) -> None:
        super().__init__()
        self._watch = CallbackSession(steps, show, select, ignore, fail_on)

    @property
    def report(self) -> Report:
        """Of the last `fit` that ended."""
        return self._watch.report

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        if stage == "fit":
            self._watch.begin()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        if stage == "fit":
            self._watch.end(finished=True, show=trainer.is_global_zero)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        self._watch.end(finished=False, show=trainer.is_global_zero)
