"""A person labels some samples, and again later: how good, and how much in agreement? Kept on
the disk; never invented. (Notebook 01, section 8.)
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.files import save_file, state_folder
from recipe_widgets.data import Data
from recipe_widgets.data.stratified_split import stratified
from recipe_widgets.evaluation import Kappa, Proportion, accuracy, kappa, proportion

KEYS = "0123456789abcdefghijklmnopqrstuvwxyz"  # the key of each class
ROUNDS = 2  # two, so that a person can be compared with themselves


@dataclass
class Labelling:
    """`count` validation samples, the same for each of two rounds but in another order, and what a
    reader called them.

    Attributes:
        rows: (count,) places in the validation split, in the order of round 1.
        texts: of each round the keys typed so far; character k is the label of sample k. So taking
            back is deleting.
    """

    data: Data
    rows: tuple[int, ...]
    texts: list[str]
    file: Path

    def order(self, turn: int) -> list[int]:
        """Rows in the order in which round `turn` (0 or 1) shows them."""
        if turn == 0:
            return list(self.rows)
        mixed = torch.randperm(len(self.rows), generator=generator(turn, "check")).tolist()
        return [self.rows[k] for k in mixed]

    def typed(self, turn: int, text: str) -> str:
        """Take the keys of one round, without those that no class has, and save. Returns what was
        kept.

        Raises:
            RecipeError: a round that does not exist, or the file cannot be written; then nothing
                has changed.
        """
        if turn not in range(ROUNDS):
            raise RecipeError("Round", found=repr(turn), expected="0 or 1")
        valid = KEYS[:self.data.num_classes]  # one key for each class
        kept = "".join(key for key in text.lower() if key in valid)[:len(self.rows)]
        before, self.texts[turn] = self.texts[turn], kept
        try:
            self._save()
        except RecipeError:
            self.texts[turn] = before
            raise
        return kept

    def next_row(self, turn: int) -> int | None:
        """The sample to label now; None when the round is done."""
        done = len(self.texts[turn])
        return self.order(turn)[done] if done < len(self.rows) else None

    def labels(self, turn: int) -> dict[int, int]:
        """row -> class number, as the reader sees it."""
        return {
            row: KEYS.index(key)
            for row, key in zip(self.order(turn), self.texts[turn], strict=False)
        }

    def accuracy(self, turn: int = 0) -> Proportion | None:
        """The reader against the labels of the data set, with Wilson's interval; None before the
        first label.
        """
        given = self.labels(turn)
        if not given:
            return None
        truth = self.data.validation.y.cpu().numpy()[list(given)]
        return accuracy(np.array(list(given.values())), truth)

    def agreement(self) -> Kappa | None:
        """Cohen's kappa of the two rounds, over the samples labelled in both; None where there
        are none.
        """
        first, second = self.labels(0), self.labels(1)
        both = [row for row in first if row in second]  # the second round may have ended early
        return kappa([first[row] for row in both], [second[row] for row in both]) if both else None

    def mistakes(self, turn: int = 0) -> list[tuple[int, str, str]]:
        """(row, label of the data set, label of the reader) where they differ."""
        y = self.data.validation.y
        return [(row, self.data.classes[int(y[row])], self.data.classes[label])
                for row, label in self.labels(turn).items() if int(y[row]) != label]

    def clear(self) -> None:
        """Begin afresh."""
        before, self.texts = self.texts, [""] * ROUNDS
        try:
            self._save()
        except RecipeError:
            self.texts = before
            raise

    def __str__(self) -> str:
        found = self.accuracy(0)
        if found is None:
            count = len(self.rows)
            return (f"No labels yet: only a person can give them. With {count} labels and one "
                    f"mistake it would read like this: {proportion(count - 1, count)}. "
                    "That line is an example, no measurement.")
        lines = [f"You, round 1: {found}"]
        again = self.accuracy(1)
        if again is not None:
            lines.append(f"You, round 2: {again}")
        agreement = self.agreement()
        lines.append(
            f"You against yourself: {agreement}" if agreement is not None else
            "Label the same pictures a second time, best on another day: "
            "how far do you agree with yourself?")
        return "\n".join(lines)

    def _save(self) -> None:
        mend = "Name another folder in the environment variable RECIPE_STATE."
        try:
            kept = _read(self.file)
        except ValueError:  # damaged: set aside, as a person may still get labels out of it
            save_file(self.file.with_suffix(".damaged.json"), self.file.read_bytes(), "Labels", mend)
            kept = {}
        save_file(self.file, json.dumps({**kept, _key(self.data, self.rows): self.texts}), "Labels", mend)


def labelling(data: Data, count: int = 30, seed: int = 0) -> Labelling:
    """`count` validation samples to label, each class in proportion; labels of an earlier visit are
    there again.

    Raises:
        RecipeError: more samples than there are, or more classes than keys.
    """
    if isinstance(count,
                  bool) or not isinstance(count, int) or not 1 <= count <= data.validation.size:
        raise RecipeError("labelling(count=)", found=repr(count),
                          expected=f"a whole number from 1 to {data.validation.size}")
    if data.num_classes > len(KEYS):
        raise RecipeError("labelling(data)", found=f"{data.num_classes} classes",
                          expected=f"at most {len(KEYS)}",
                          mend="Take some of them with only_classes(data, [...]).")
    draw = generator(seed, "check")
    # sorted by class; mixed next, or the order would tell labels
    rows, _ = stratified(data.validation.y.cpu(), count, draw)
    chosen = tuple(rows[torch.randperm(len(rows), generator=draw)].tolist())
    file = state_folder() / "labels.json"
    texts = [""] * ROUNDS
    with contextlib.suppress(ValueError):
        texts = _read(file).get(_key(data, chosen), texts)
    valid = set(KEYS[:data.num_classes])
    # else the file is of another data set, or was edited
    whole = all(set(text) <= valid and len(text) <= count for text in texts)
    return Labelling(data, chosen, list(texts) if whole else [""] * ROUNDS, file)


def _key(data: Data, rows: tuple[int, ...]) -> str:
    """Labels belong to these samples: the digest of their bytes, so that another seed or subset
    is another entry.
    """
    import hashlib

    x = data.validation.x[list(rows)].cpu().contiguous().numpy()  # (count, C, H, W) bytes
    return f"{data.name} {hashlib.sha256(x.tobytes()).hexdigest()[:16]}"


def _read(file: Path) -> dict[str, list[str]]:
    """Entries that are whole; none where there is no file. Raises: ValueError: a damaged file."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no labels")
    return {
        str(k): v
        for k, v in found.items()
        if isinstance(v, list) and len(v) == ROUNDS and all(isinstance(text, str) for text in v)
    }
