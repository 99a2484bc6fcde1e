"""No sample stands out.

What it finds
    Blank samples (a warning), and samples far from the median along simple axes such as brightness,
    contrast or distance to their neighbours (a note).
Why it hurts
    Extremes often show a fault of preprocessing: a file that was not read, a unit that was
    forgotten, a picture that is all border.
How to mend
    Look at them first; they are the quickest way to know the data. Drop what is broken.
When it stays silent
    Below 8 robust standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import KARPATHY_RECIPE

Array = npt.NDArray[Any]
CUTOFF = 8.0  # robust standard deviations: one in 10^15 samples of a normal distribution


@dataclass(frozen=True)
class SampleScores:
    """How far each of N samples lies from the median.

    Attributes:
        scores: axis -> robust z (N,): distance from the median in units of 1.4826 times the median
            absolute deviation.
        rows: (N, 2): split and row of each sample. names: of the splits.
        blank: numbers of samples without any content (constant images).
        cutoff: robust z from which on a sample stands out. most: samples to list.
    """

    scores: Mapping[str, Array]
    rows: Array
    blank: Sequence[int] | Array = ()
    cutoff: float = CUTOFF
    most: int = 50
    names: Sequence[str] = ()


@rule(worst="warning", source=KARPATHY_RECIPE)
def outliers(rule: Rule[SampleScores], seen: SampleScores) -> CheckResult:
    scores, rows = seen.scores, seen.rows
    sizes = [np.abs(values) for values in scores.values()]
    worst = np.max(sizes, axis=0) if sizes else np.zeros(len(rows))  # (N,)
    order = np.argsort(-worst, kind="stable")[:seen.most]
    details = {
        "rows": rows[order], "score": worst[order], "scores":
        {axis: values[order] for axis, values in scores.items()}, "blank":
        rows[np.asarray(seen.blank, dtype=np.int64)], "splits": tuple(seen.names), "beyond":
        {axis: rows[np.abs(values) > seen.cutoff] for axis, values in scores.items()}
    }
    rule = rule.about(
        measured=float(worst.max(initial=0.0)), expected=f"below {seen.cutoff:g}", unit="robust z",
        advice="Look at these samples: extremes often show a fault of preprocessing.",
        details=details)
    if len(seen.blank):
        first = _sample(rows[seen.blank[0]], seen.names)
        return rule.warns(f"{len(seen.blank)} blank samples, the first is {first}")
    if beyond := int((worst > seen.cutoff).sum()):
        axis = max(scores, key=lambda name: float(np.abs(scores[name]).max(initial=0.0)))
        return rule.notes(f"{beyond} of {len(worst)} samples stand out, most by {axis}: "
                          f"{_sample(rows[order[0]], seen.names)}")
    return rule.passes("no sample stands out")


def _sample(row: Array, names: Sequence[str]) -> str:
    return f"{names[int(row[0])]} {int(row[1])}" if len(names) else str(int(row[1]))
