"""Sources that several rules name, and words that several messages share."""

from __future__ import annotations

from collections.abc import Sequence

KARPATHY_RECIPE = "A. Karpathy, A Recipe for Training Neural Networks, 2019"
CS231N_BABYSITTING = "CS231n, Neural Networks Part 3: babysitting the learning process"
KARPATHY_MISTAKES = "A. Karpathy, Most common neural net mistakes, 2018"
BARZ = "B. Barz, J. Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, 2020"
NORTHCUTT = "C. Northcutt, L. Jiang, I. Chuang, Confident Learning, 2021"
NG_YEARNING = "A. Ng, Machine Learning Yearning"
PASCANU = "R. Pascanu et al., On the difficulty of training recurrent neural networks, 2013"
TRAINCHECK = "TrainCheck, OSDI 2025"


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
