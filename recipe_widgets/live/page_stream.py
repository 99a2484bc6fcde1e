"""What a page that draws by itself is told of a session: plain values that have changed, and new
points of the curves as bytes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np

from recipe_widgets.core import Branch, Run, Settings
from recipe_widgets.core.number_words import percent
from recipe_widgets.live.drawing import can_be_drawn
from recipe_widgets.live.foresight import STEPS
from recipe_widgets.live.frame import Frame
from recipe_widgets.live.pacing import REPAINT_EVERY
from recipe_widgets.live.score import WHOLE_ACCURACY, WHOLE_LOSS, score_of
from recipe_widgets.live.session import Session
from recipe_widgets.live.slider_grid import slider_place
from recipe_widgets.live.status_text import (
    SAME_SETTINGS,
    knob_words,
    number_words,
    value_words,
)
from recipe_widgets.plots import PlottedRun, downsample
from recipe_widgets.plots.curves import describe_all

COLUMNS = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", WHOLE_LOSS, WHOLE_ACCURACY)
# points of one curve: when a page hears of it first, and in a message, shared by the runs that grow
FIRST_POINTS, NEW_POINTS = 1000, 120
# A message that comes late carries as many more, up to so many times: else the curve would look
# calmer where the machine was busy.
MOST_LATE = 8
NO_VALUE = object()


@dataclass(frozen=True)
class Message:
    """What a page is told at once.

    Attributes:
        facts: for JSON. "points" lists [key of the run, column, n]; "bands" [label, role, chart, n].
        numbers: float32: for each of "points" its n steps and n values, then for each of "bands" its
            n steps, lower edges, middles and upper edges.
    """

    facts: dict[str, Any]
    numbers: bytes


@dataclass
class _Told:
    """What the page knows of a run."""

    run: Run
    key: int
    counts: dict[str, int] = field(default_factory=dict)  # numbers of each column


class PageStream:
    """One stream of messages for all pages that show a session. Used on the painter thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._facts: dict[str, Any] = {}  # as the page knows them
        self._runs: list[_Told] = []
        self._keys = 0
        self._bands: tuple[Any, ...] = ()  # what the page's bands were made of
        self._listed_of: tuple[Any, ...] = ()  # and its list of runs
        self._told_at = 0.0  # time.monotonic() of the newest points

    def everything(self, frame: Frame) -> Message:
        """For a page that knows nothing yet; others may hear it, too."""
        self._facts, self._bands, self._runs, self._listed_of = {}, (NO_VALUE, ), [], ()
        message = self.news(frame)
        return Message({**message.facts, "anew": True}, message.numbers)

    def news(self, frame: Frame) -> Message:
        """What is new since the last message."""
        shown = self._session.shown()
        told = [self._told(one.run) for one in shown]
        self._runs = told
        points, parts = self._points(told)
        now = self._now(frame, shown, told)
        facts = {name: value for name, value in now.items()
                 if self._facts.get(name, NO_VALUE) != value}
        self._facts = now
        if points:
            facts["points"] = points
        bands = self._new_bands(parts)
        if bands is not None:
            facts["bands"] = bands
        numbers = [np.ascontiguousarray(part, np.float32).tobytes() for part in parts]
        return Message(facts, b"".join(numbers))

    def _told(self, run: Run) -> _Told:
        for one in self._runs:
            if one.run is run:
                return one
        self._keys += 1
        return _Told(run, self._keys)

    def _points(self, told: list[_Told]) -> tuple[list[list[Any]], list[np.ndarray]]:
        """The new points of all curves."""
        found: list[list[Any]] = []
        parts: list[np.ndarray] = []
        growing = max(1, sum(one.run.status == "running" for one in told))
        now = time.monotonic()
        late = min(MOST_LATE, max(1.0, (now - self._told_at) / REPAINT_EVERY))
        for one in told:
            most = int(late * NEW_POINTS) // growing if one.counts else FIRST_POINTS
            for column in COLUMNS:
                known = one.counts.get(column, 0)
                steps, values = one.run.history.since(column, known)
                one.counts[column] = known + len(steps)
                kept = np.isfinite(values)
                if kept.any():
                    x, y = downsample(steps[kept].astype(float), values[kept], most)
                    found.append([one.key, column, len(x)])
                    parts += [x, y]
        if found:
            self._told_at = now
        return found, parts

    def _new_bands(self, parts: list[np.ndarray]) -> list[list[Any]] | None:
        """Bands over seeds and the reader's guess, where they have changed."""
        session = self._session
        run = session.run
        made_of = (id(session.band), session.trainer.seeds.done, session.guess,
                   run.newest.max_steps if run is not None else 0)
        if made_of == self._bands:
            return None
        self._bands = made_of
        found = []
        for band in session.ribbons():
            found.append([band.label, band.role, band.chart, len(band.x)])
            parts += [band.x, band.low, band.middle, band.high]
        return found

    def _now(self, frame: Frame, shown: list[PlottedRun], told: list[_Told]) -> dict[str, Any]:
        """All plain values as they stand."""
        session = self._session
        run = session.run
        branches = {id(branch.run): branch for branch in session.tree}
        beside = branches.get(id(session.other))
        return {
            "words": frame.words, "diagnosis": frame.diagnosis, "status": frame.status,
            "phase": frame.phase, "step": frame.steps_done, "moment": frame.moment,
            "replayed": round(session.time_travel.share, 2), "waits": session.waiting_for > 0,
            "tiles": frame.tiles,
            "runs": [_run_facts(one, known.key, branches.get(id(one.run)), beside)
                     for one, known in zip(shown, told, strict=True)],
            "list": self._list(shown), "was": self._before(run), "knobs": _knob_texts(session.settings),
            "can": {"visit": session.data is not None, "network": session.data is not None,
                    "draw": session.data is not None
                    and can_be_drawn(session.data.shape, session.data.classes)},
            "foresight": self._foresight(),
            "planned": session.settings.max_steps, "guessed": session.guess is not None,
            "opinion": session.inspector.opinion,
            # in words, for those who see no curves: when a run begins and ends, not at each repaint
            "described": self._described(frame, shown),
        }

    def _described(self, frame: Frame, shown: list[PlottedRun]) -> str:
        before = str(self._facts.get("described", ""))
        if before and frame.phase == "running" and self._facts.get("phase") == "running":
            return before
        return describe_all(shown, self._session.ribbons())

    def _list(self, shown: list[PlottedRun]) -> list[dict[str, Any]]:
        """The runs that are kept, the newest first, each below the one that it left."""
        tree, first = tuple(self._session.tree), self._session.first_settings
        parts = {id(one.run): one.part for one in shown}
        made_of = (first, [(branch.number, id(branch.run), branch.parent, branch.pinned, branch.name,
                            branch.run.status, WHOLE_ACCURACY in branch.run.history,
                            len(branch.run.changes), parts.get(id(branch.run)))
                           for branch in tree])
        if made_of == self._listed_of:
            return list(self._facts["list"])
        self._listed_of = made_of
        numbers = {branch.number for branch in tree}
        found: list[dict[str, Any]] = []

        def add(parent: int | None, depth: int) -> None:
            for branch in reversed(tree):
                known = branch.parent if branch.parent in numbers else None
                if known != parent:
                    continue
                run = branch.run
                differing = knob_words(run.newest, first)
                score = ""
                if (known_score := score_of(run)) is not None and run.status != "running":
                    score = percent(known_score.accuracy)
                found.append({
                    "number": branch.number, "depth": depth, "pinned": branch.pinned,
                    "name": branch.title, "score": score, "part": parts.get(id(run), ""),
                    "status": run.status,
                    "settings": "as it began" if differing == SAME_SETTINGS else differing,
                })
                add(branch.number, depth + 1)

        add(None, 0)
        return found

    def _foresight(self) -> dict[str, Any]:
        """[place on the slider, mean, lowest, highest accuracy, learning rate] of each rate that was
        tried, and what it does now.
        """
        session, foresight = self._session, self._session.trainer.foresight
        if not foresight.on:
            return {"on": False, "points": [], "says": ""}
        stands, settings = session.first_settings.lr, session.settings
        found = foresight.outcomes(settings)
        points = [[round(slider_place("lr", one.lr, stands), 4), round(one.mean, 4), min(one.scores),
                   max(one.scores), one.lr] for one in found]
        left = len(foresight.missing(settings))
        if session.data is None or session.trainer.threads.heavy:
            says = "none for this model: a step takes too long"
        elif session.phase in ("running", "waiting"):
            says = "rests while a run goes on" if left else ""
        elif foresight.busy and left:
            says = "rests: the machine is busy"
        else:
            says = f"trying learning rates, {left} to go" if left else ""
        if found and not says:
            best = max(found, key=lambda one: one.mean)
            says = f"best near {best.lr:g}"
        return {"on": True, "points": points, "says": says, "steps": STEPS}

    def _before(self, run: Run | None) -> dict[str, list[Any]]:
        """What the knobs were in the run before, where they differ."""
        before = self._session.other or self._session.ghost
        if before is None or run is None:
            return {}
        return _was(before.newest, run.newest, self._session.first_settings)


def _run_facts(one: PlottedRun, key: int, branch: Branch | None,
               beside: Branch | None) -> dict[str, Any]:
    """What a page knows of a run besides its numbers. beside: the old branch of a fork."""
    forked = beside is not None and one.part == "new" and branch is not None
    return {"key": key, "part": one.part, "label": one.label,
            "number": branch.number if branch else 0, "flags": _flags(one.run, branch, beside),
            "fork": branch.at_step if forked and branch else 0}


def _flags(run: Run, branch: Branch | None, beside: Branch | None) -> list[list[Any]]:
    """[step, kind, text] of what happened to a run."""
    found: list[list[Any]] = []
    if branch is not None and branch.parent is not None:
        forked = beside is not None and beside.number == branch.parent
        kind, said = ("fork", "forked from") if forked else ("rewind", "goes on from")
        found.append([branch.at_step, kind, f"{said} run {branch.parent}"])
    for step, values in run.changes:
        text = ", ".join(value_words(name, value) for name, value in values.items()
                         if Settings.knob(name).kind != "fixed")
        if text:
            found.append([step, "knob", text])
    if run.status == "diverged":
        found.append([run.steps_done, "alarm", "diverged"])
    return found


@lru_cache(16)  # asked for with every message
def _knob_texts(settings: Settings) -> dict[str, str]:
    """Knob -> its value as the words say it, of those that are numbers."""
    names = [one.name for one in fields(settings)]
    return {name: number_words(getattr(settings, name)) for name in names
            if Settings.knob(name).kind != "fixed" and not Settings.knob(name).choices}


@lru_cache(16)  # asked for with every message
def _was(old: Settings, new: Settings, first: Settings) -> dict[str, list[Any]]:
    """Knob -> [what it was as text, its place on the slider], where it differs. first: the settings
    that the sliders were made with.
    """
    found: dict[str, list[Any]] = {}
    for name in new - old:
        knob, value = Settings.knob(name), getattr(old, name)
        if knob.kind == "fixed":
            continue
        place = -1.0  # a menu has no place
        if not knob.choices:
            place = round(slider_place(name, value or 0.0, getattr(first, name) or 0.0), 4)
        found[name] = [number_words(value), place]
    return found
