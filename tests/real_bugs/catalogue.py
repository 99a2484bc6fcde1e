"""The cases of this folder, and how often people have bugs of their kinds.

A case is a pair of scripts, `ID_buggy.py` and `ID_fixed.py`, which differ by the repair alone, and
a row of a CSV file beside them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
HALVES = ("opened", "apart")

# Posts by root cause among 186 of the PyTorch forum's reports of silent bugs that a published study
# classified: what the recall of a class weighs.
POSTS = {
    "Incorrect Loss Function or Activation Function": 31,
    "Missed or Misplaced Training Operations": 28,
    "Disruption of Computation Graph": 24,
    "Improper Hyperparameters": 20,
    "Flawed Model Evaluation Operation": 14,
    "Abnormal Model Parameter Initialization": 14,
    "Improper or Missing Data Preprocessing": 12,
    "Incorrect Data Dimension Operation": 10,
    "Incorrect Model Structure": 9,
    "Incorrect State Sharing": 6,
    "Improper Dataset Retrieval Method": 5,
    "Incorrect Model Storage Method": 3,
    "Defective Dataset": 3,
    "Incorrect Optimizer Settings": 2,
}


@dataclass(frozen=True)
class Case:
    """One bug.

    Attributes:
        half: "opened" or "apart", see README.md. kind: what it is about, in a word or two.
        weight_class: a key of `POSTS`. report: address of the public report.
        bug, right: what is wrong, and the repair, in a sentence each.
        rules: whose findings name the cause; none: no finding does.
    """

    id: str
    half: str
    kind: str
    weight_class: str
    report: str
    bug: str
    right: str
    rules: tuple[str, ...]

    def script(self, twin: str) -> Path:
        """The path of a twin, "buggy" or "fixed"."""
        return FOLDER / self.half / f"{self.id}_{twin}.py"


def cases() -> list[Case]:
    """All of them, in the order of their ids."""
    found = []
    for half in HALVES:
        for table in sorted((FOLDER / half).glob("*.csv")):
            with table.open(encoding="utf-8", newline="") as file:
                found += [
                    Case(row["id"], half, row["class"], row["weight_class"], row["report"],
                         row["bug"], row["right"],
                         tuple(filter(None, row["rule"].replace(" ", "").split(";"))))
                    for row in csv.DictReader(file)
                ]
    return sorted(found, key=lambda case: (case.half, case.id))
