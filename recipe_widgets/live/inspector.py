"""What the open tab of a panel shows of the inside of a network; a closed one costs nothing."""

from __future__ import annotations

import time

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.live.active_run import LOOK_SAMPLES
from recipe_widgets.plots.inspector import (
    HEALTHY,
    activations_html,
    confusion_html,
    predictions_html,
    sizes_html,
    time_html,
    weights_html,
)
from recipe_widgets.training import LayerUpdates, Training, model_statistics, step_timing
from recipe_widgets.training.validation import stratified_subset

TABS = {
    "activations": "Activations", "gradients": "Gradients", "updates": "Updates", "weights":
    "First layer", "predictions": "Predictions", "confusion": "Confusion", "time": "Time"
}
EVERY = 0.5  # seconds between looks while a run goes on
SHARE = 0.08  # of the time, at most, goes into looks


class Inspector:
    """The tab that is open ("": none), and its page. `look` is called on the trainer thread only.

    Attributes:
        page: HTML of the newest look.
    """

    def __init__(self) -> None:
        self.tab = self.page = ""
        self._next = 0.0

    def choose(self, tab: str) -> None:
        """Open another tab, or close all with ""."""
        if tab and tab not in TABS:
            raise RecipeError("Tab", found=repr(tab), expected="one of " + ", ".join(TABS))
        self.tab, self.page, self._next = tab, "", 0.0

    @property
    def due(self) -> bool:
        return bool(self.tab) and time.perf_counter() >= self._next

    def again(self) -> None:
        """The next look is due at once."""
        self._next = 0.0

    def prepare(self, training: Training) -> None:
        """Let the training measure by layer where the open tab asks for it, else not."""
        wanted = self.tab in ("gradients", "updates")
        has = any(isinstance(probe, LayerUpdates) for probe in training.probes)
        if wanted != has:
            rest = [probe for probe in training.probes if not isinstance(probe, LayerUpdates)]
            training.probes = [*rest, LayerUpdates()] if wanted else rest

    def look(self, run: Run, training: Training | None) -> None:
        """Make the page of the open tab. training: None when the run is over."""
        start, tab = time.perf_counter(), self.tab
        page = self._page(tab, run, training)
        if self.tab == tab:  # else the reader has opened another one meanwhile
            self.page = page
            self._next = time.perf_counter() + max(EVERY, (time.perf_counter() - start) / SHARE)

    @staticmethod
    def _page(tab: str, run: Run, training: Training | None) -> str:
        if tab in ("gradients", "updates"):
            return sizes_html(run.history, tab[:-1], HEALTHY if tab == "updates" else None)
        if tab == "time":
            return time_html(step_timing(
                training)) if training is not None else "Time is measured while a run goes on."
        assert run.model is not None
        assert run.data is not None
        split = stratified_subset(
            run.data.validation if len(run.data.validation.y) else run.data.train, LOOK_SAMPLES)
        inside, names = model_statistics(run.model, split), run.data.classes
        return {
            "activations": lambda: activations_html(inside), "weights":
            lambda: weights_html(inside), "predictions":
            lambda: predictions_html(inside, split, names), "confusion":
            lambda: confusion_html(inside, names)
        }[tab]()
