"""Sources that several rules name, and words that several messages share."""

from __future__ import annotations

from collections.abc import Sequence

KARPATHY_RECIPE = "A. Karpathy, A Recipe for Training Neural Networks, 2019"
KARPATHY_MISTAKES = "A. Karpathy, Most common neural net mistakes, 2018"
TRAINCHECK = "TrainCheck, OSDI 2025"


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
