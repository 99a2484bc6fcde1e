"""The inspector: what the open tab of a panel shows of the inside of a network. A closed one costs
nothing.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from recipe_widgets.core import RecipeError, Run, rng_guard
from recipe_widgets.data import Split
from recipe_widgets.live.active_run import LIVE_EVAL_SAMPLES
from recipe_widgets.live.network_look import NetworkLook, look_at, titles_of
from recipe_widgets.live.pacing import INSPECT_EVERY, INSPECT_SHARE, OPINION_EVERY
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
from recipe_widgets.training.validation import eval_mode, stratified_subset

TABS = {  # name -> title in the page
    "activations": "Activations",
    "gradients": "Gradients",
    "updates": "Updates",
    "weights": "First layer",
    "predictions": "Predictions",
    "confusion": "Confusion",
    "time": "Time",
}
BY_LAYER = ("gradients", "updates")  # tabs that the training itself must measure, step by step


class Inspector:
    """The tab that is open ("": none), and its page; and the view of the whole network. Any thread
    may choose a tab and open the view; `prepare` and `measure` are called on the trainer thread
    only.

    Attributes:
        page: HTML of the newest measurement.
        network_open: whether a page shows the whole network. network: the newest look at it.
        drawn: a digit that a reader has drawn, uint8 (1,28,28), or None. opinion: what the network
            takes it for, a probability per class, in thousandths.
        unit: a block's path and the number of one of its units that a reader looks at, or None.
    """

    def __init__(self) -> None:
        self.tab = self.page = ""
        self.network_open = False
        self.network: NetworkLook | None = None
        self.drawn: torch.Tensor | None = None
        self.opinion: tuple[int, ...] = ()
        self.unit: tuple[str, int] | None = None
        self._next = 0.0  # time.perf_counter() from which on the page is renewed
        self._asked: tuple[Any, ...] = ()  # what the opinion is of
        self._next_opinion = 0.0

    def choose(self, tab: str) -> None:
        """Open another tab, or close all with ""."""
        if tab and tab not in TABS:
            raise RecipeError("Tab", found=repr(tab), expected="one of " + ", ".join(TABS))
        self.tab, self.page, self._next = tab, "", 0.0

    def show_network(self, shown: bool) -> None:
        """Look at the whole network from now on, or no longer."""
        if shown and not self.network_open:
            self._next = 0.0
        self.network_open = shown

    @property
    def due(self) -> bool:
        """Whether anything is shown and it is time to measure again."""
        return (bool(self.tab) or self.network_open) and time.perf_counter() >= self._next

    def draw(self, drawn: torch.Tensor | None) -> None:
        """Another drawing; None: no longer any."""
        self.drawn, self.opinion, self._next_opinion = drawn, (), 0.0

    def choose_unit(self, unit: tuple[str, int] | None) -> None:
        """Look at another unit, or at none."""
        self.unit, self._next = unit, 0.0

    @torch.no_grad()
    def judge(self, run: Run) -> bool:
        """Ask the network anew what the drawing is, some times a second while it changes; whether
        there is anything new.
        """
        drawn, now = self.drawn, time.perf_counter()
        asked = (id(drawn), id(run), run.steps_done)
        if drawn is None or run.data is None or run.model is None or asked == self._asked:
            return False
        if now < self._next_opinion:
            return False
        device = next(run.model.parameters()).device
        with rng_guard(), eval_mode(run.model):
            x = run.data.train.normalise(drawn[None].to(run.data.train.x.device))
            shares = run.model(x.to(device)).float().softmax(1)[0].nan_to_num().cpu()
        self._asked = asked
        self._next_opinion = time.perf_counter() + max(OPINION_EVERY, (time.perf_counter() - now) / INSPECT_SHARE)
        found = tuple(map(round, (1000 * shares).tolist()))
        changed, self.opinion = found != self.opinion, found
        return changed

    def renew_opinion(self) -> None:
        """The next opinion on the drawing is due at once."""
        self._next_opinion = 0.0

    def renew(self) -> None:
        """The next measurement is due at once, and so is the next opinion."""
        self._next = self._next_opinion = 0.0

    def prepare(self, training: Training) -> None:
        """Let the training measure by layer where the open tab asks for it, else not."""
        wanted = self.tab in BY_LAYER or self.network_open
        has = any(isinstance(probe, LayerUpdates) for probe in training.probes)
        if wanted != has:
            rest = [probe for probe in training.probes if not isinstance(probe, LayerUpdates)]
            training.probes = [*rest, LayerUpdates()] if wanted else rest

    def measure(self, run: Run, training: Training | None,
                samples: int = LIVE_EVAL_SAMPLES) -> None:
        """Make the page of the open tab, and look at the network where it is shown. training: None
        when the run is over. samples: to look at the network on.
        """
        start, tab = time.perf_counter(), self.tab
        page = self._page(tab, run, training) if tab else ""
        if self.network_open and run.data is not None:
            self.network = look_at(run, _seen_split(run, samples), run.data.classes, self.unit)
        if self.tab == tab:  # else the reader has opened another one meanwhile
            self.page = page
            now = time.perf_counter()
            self._next = now + max(INSPECT_EVERY, (now - start) / INSPECT_SHARE)

    @staticmethod
    def _page(tab: str, run: Run, training: Training | None) -> str:
        titles = titles_of(run.model) if run.model is not None else {}
        if tab in BY_LAYER:
            column = tab.removesuffix("s")  # of the history: "gradient ...", "update ..."
            return sizes_html(run.history, column, HEALTHY if tab == "updates" else None,
                              titles)
        if tab == "time":
            if training is None:
                return "Time is measured while a run goes on."
            return time_html(step_timing(training))
        assert run.model is not None
        assert run.data is not None
        split = _seen_split(run)
        inside, names = model_statistics(run.model, split), run.data.classes
        pages = {
            "activations": lambda: activations_html(inside, titles),
            "weights": lambda: weights_html(inside),
            "predictions": lambda: predictions_html(inside, split, names),
            "confusion": lambda: confusion_html(inside, names),
        }
        return pages[tab]()


def _seen_split(run: Run, samples: int = LIVE_EVAL_SAMPLES) -> Split:
    """Some samples that were not trained on, where there are any."""
    split = run.data.validation if len(run.data.validation.y) else run.data.train
    return stratified_subset(split, samples)
