"""One change at a time, the expectation written first. (Karpathy 2019; TUM, Introduction to Deep
Learning.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from recipe_widgets.core import RecipeError, Settings
from recipe_widgets.core.hooks import service
from recipe_widgets.core.validation import measured, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.evaluation.seed_comparison import WORDS, verdict_of
from recipe_widgets.rules.statistics import Paired, paired
from recipe_widgets.training import train_many
from recipe_widgets.training.early_stopping import final_accuracy

Expected = Literal["better", "worse", "same"]
Measure = Callable[[Mapping[str, Any], int], float]
AtOnce = Callable[[Mapping[str, Any], Sequence[int]], tuple[float, ...]]


@dataclass(frozen=True)
class LedgerEntry:
    """One change: what was expected and why, and what it gave.

    Attributes:
        changes: the one thing that differs. base: what it was added to. a, b: the measure without
            and with it, by seed.
        kept: whether later entries build on it.
    """

    name: str
    changes: Mapping[str, Any]
    expected: Expected
    because: str
    base: Mapping[str, Any]
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    kept: bool = False

    @property
    def result(self) -> Paired | None:
        return paired(self.a, self.b) if self.a else None


@validated
@dataclass
class Ledger:
    """Propose a change with its expectation, measure it on paired seeds, keep it or not; then the
    next one.

    >>> ledger = Ledger(lambda changes, seed: accuracy_of(changes, seed))  # doctest: +SKIP
    >>> ledger.propose("batch norm", norm="batch", expected="better",
    ...                because="a higher rate")  # doctest: +SKIP
    >>> ledger.measure("batch norm"); ledger.keep("batch norm"); print(ledger)  # doctest: +SKIP

    Args:
        score: `(changes, seed) -> number`: trains with these changes and gives what is compared,
            such as an accuracy.
        seeds: how many, at least 2, the same for all.
        higher: whether more of the score is better. percent: it is a share, shown in per cent.
    """

    score: Measure
    seeds: Annotated[int, whole(2, 1000)] = 3
    higher: bool = True
    percent: bool = True
    what: str = "validation accuracy"
    entries: dict[str, LedgerEntry] = field(default_factory=dict)
    _at_once: AtOnce | None = None
    _known: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise RecipeError("Ledger(seeds=)", found=self.seeds,
                              expected="2 or more: one seed has no spread")

    @classmethod
    @validated
    def of_settings(cls, data: Data, settings: Settings, seeds: int = 3) -> Ledger:
        """Changes are knobs of `settings`; the score is the validation accuracy of the weights that
        the run ends with.

        It is that of `settings.eval_samples` samples (None: the whole validation set), and 0 for a run
            that diverged.
        """
        def scores(changes: Mapping[str, Any], wanted: Sequence[int]) -> tuple[float, ...]:
            runs = train_many(data, settings.replace(**changes), wanted)
            # a run that diverged gets nothing right
            return tuple(0.0 if run.status == "diverged" else final_accuracy(run) for run in runs)

        return cls(lambda changes, seed: scores(changes, [seed])[0], seeds, _at_once=scores)

    def _scores(self, changes: Mapping[str, Any]) -> tuple[float, ...]:
        if self._at_once is not None:
            return self._at_once(changes, range(self.seeds))
        return tuple(float(self.score(changes, seed)) for seed in range(self.seeds))

    def _of(self, changes: Mapping[str, Any]) -> tuple[float, ...]:
        """Measured once for each set of changes."""
        # in one order, so that the same changes are the same key
        key = json.dumps(dict(sorted(changes.items())), default=str)
        if key not in self._known:
            self._known[key] = self._scores(changes)
        return self._known[key]

    @property
    def base(self) -> dict[str, Any]:
        """All changes that were kept, in order."""
        return {
            knob: value for entry in self.entries.values() if entry.kept
            for knob, value in entry.changes.items()
        }

    @validated
    def propose(self, name: str, *, expected: Expected, because: str, **changes: Any) -> LedgerEntry:
        """Write down one change, what you expect of it and why. Nothing runs yet."""
        if expected not in ("better", "worse", "same") or not because.strip():
            raise RecipeError(
                "propose(expected=, because=)", found=f"{expected!r}, {because!r}",
                expected="better, worse or same, and a reason: written before the run, it teaches")
        if len(changes) != 1:
            raise RecipeError("propose",
                              found=f"{len(changes)} changes: {', '.join(changes) or 'none'}",
                              expected="one at a time", mend="Propose each by itself.")
        if name in self.entries:
            raise RecipeError("propose", found=f"a second entry {name!r}", expected="a new name")
        entry = LedgerEntry(name, changes, expected, because, self.base)
        self.entries[name] = entry
        return entry

    def _entry(self, name: str) -> LedgerEntry:
        if name not in self.entries:
            raise RecipeError("Ledger", found=repr(name),
                              expected="one of " + ", ".join(map(repr, self.entries)),
                              mend="Propose it first.")
        return self.entries[name]

    @validated
    def measure(self, name: str) -> LedgerEntry:
        """Run it, and what it was added to, from the same seeds."""
        entry = self._entry(name)
        made = replace(entry, a=self._of(entry.base), b=self._of({**entry.base, **entry.changes}))
        self.entries[name] = made
        return made

    @validated
    def keep(self, name: str) -> None:
        """Build on it from now on. Only what was measured can be kept."""
        entry = self._entry(name)
        if not entry.a:
            raise RecipeError("keep", found=f"{name!r}, not measured", expected="a measured change",
                              mend="Measure it first.")
        self.entries[name] = replace(entry, kept=True)

    def ablate(self) -> dict[str, Paired]:
        """For each kept change: everything kept but this, against everything kept."""
        everything, found = self.base, {}
        for entry in self.entries.values():
            if entry.kept:
                without = {knob: value for knob, value in everything.items()
                           if knob not in entry.changes}
                found[entry.name] = paired(self._of(without), self._of(everything))
        return found

    @validated
    def outcome(self, entry: LedgerEntry) -> str:
        """better, worse, or no difference beyond the seeds' spread; and whether that was
        expected.
        """
        found = entry.result
        if found is None:
            return "not measured"
        verdict = verdict_of(found, more_is_better=self.higher)
        seen = {"holds": "better", "the reverse": "worse"}.get(verdict, "same")
        words = WORDS[verdict][0] if seen == "same" else seen
        expected = "as expected" if seen == entry.expected else f"expected {entry.expected}"
        return f"{words}, {expected}"

    @validated
    def number(self, value: Annotated[float, measured], sign: bool = False) -> str:
        """A score, or with `sign` a difference of two, as it is shown."""
        plus = "+" if sign else ""
        if not self.percent:
            return f"{value:{plus}.3g}"
        # a difference of shares is in points, not in per cent
        return f"{100 * value:{plus}.1f}{'' if sign else ' %'}"

    def __str__(self) -> str:
        rows = [f"{self.what}, n = {self.seeds} paired seeds"]
        for entry in self.entries.values():
            found = entry.result
            numbers = ""
            if found is not None:
                numbers = (f"{self.number(found.a)} to {self.number(found.b)}, "
                           f"{self.number(found.difference, True)} ({self.number(found.low, True)} "
                           f"to {self.number(found.high, True)}): ")
            mark = "+" if entry.kept else " "  # in the margin: what later changes build on
            rows.append(
                f"{mark} {entry.name} (because {entry.because}): {numbers}{self.outcome(entry)}")
        return "\n".join(rows)

    __repr__ = __str__

    def plot(self) -> Any:
        """Each measured change as a dot with its interval."""
        return service("plot_ledger")(self)
