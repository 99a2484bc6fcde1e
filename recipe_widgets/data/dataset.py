"""`Data`: a named set of samples in three splits, of which the test set lies in a vault."""

from __future__ import annotations

import hashlib
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import unchecked, validated
from recipe_widgets.data.split import ORIGINAL_TEST, Samples, Split, moments, resolved
from recipe_widgets.data.stratified_split import (
    check_train_left,
    checked_fraction,
    sample_count,
    split_generator,
    split_rows,
    stratified,
)

if TYPE_CHECKING:
    from recipe_widgets.data.vault import Vault


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Samples in three splits, resident on one device.

    Make one with `load`, `Data.from_arrays` or `Data.from_folder`.

    Attributes:
        name: for logs and titles.
        classes: the classes' names; label k means `classes[k]`.
        train, validation: splits that unpack as `(x, y)`.
        vault: where the test split lies; read it as `data.test` after `data.open_vault(why)`.
        source, licence: where the samples come from, and on what terms.
        notes: what was done to them on the way.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    vault: Vault
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    _copies: dict[torch.device, Data] = field(default_factory=dict)

    @classmethod
    @validated
    def from_arrays(cls, x: Any, y: Any, *,
                    classes: Annotated[Sequence[str] | None, unchecked] = None, name: str = "mine",
                    validation: Any = None, test: Any = None, channels_last: bool | None = None,
                    seed: int = 0, source: str = "", licence: str = "") -> Data:
        """Data from arrays or tensors, which are copied: what happens to them later changes nothing
        here.

        Args:
            x: images (N,H,W), (N,H,W,1|3) or (N,C,H,W), as bytes or floats; or a table (N,D), kept
                as float32. Floats that are exactly k/255, or whole numbers from 0 to 255, become
                bytes; other images stay float32.
            y: whole numbers (N,) of any type, or texts (N,).
            classes: names of the classes; otherwise the sorted texts, or "0", "1", ...
            validation, test: a fraction of the samples, by default 1/6 each; or a pair (x, y) of
                their own.
            channels_last: whether 4-d images are (N,H,W,C); needed only where the shape does not
                tell.

        Raises:
            RecipeError: where the arrays do not fit together, saying what to do.
        """
        from recipe_widgets.data import arrays

        parts: dict[str, Any] = {"train": (x, y)}
        fractions: dict[str, float] = {}
        for key, value in (("validation", validation), ("test", test)):
            if arrays.is_pair(value, key):
                parts[key] = value
            else:
                fractions[key] = checked_fraction(1 / 6 if value is None else value,
                                               f"Data.from_arrays({key}=)")
        samples, names, notes = arrays.checked(parts, classes, channels_last)
        return _with_held_out(samples, fractions, seed, name=str(name), classes=names, source=source,
                         licence=licence, notes=notes)

    @classmethod
    @validated
    def from_folder(cls, path: str | os.PathLike[str], size: tuple[int, int] | None = None, *,
                    name: str | None = None, validation: float | None = None,
                    test: float | None = None, seed: int = 0, source: str = "", licence: str = "",
                    ) -> Data:
        """Data from image files, one folder per class: `path/<class>/*.png`, or
        `path/train/<class>/*.png` with `path/test` and `path/validation` (or `val`) beside it.

        Args:
            size: (H, W) to resize every image to; without it all must have the same size.
            validation, test: fractions, by default 1/6 each, for what has no folder of its own.

        Grey stays (N,1,H,W) if every image is grey, else all are RGB. `split.index` counts the
        files of `train`, `validation` or `test` sorted by class and then by name.
        """
        from recipe_widgets.data import image_folder

        parts, classes, root = image_folder.read(path, size)
        given = {"validation": validation, "test": test}
        for key, value in given.items():
            if key in parts and value is not None:
                raise RecipeError(f"Data.from_folder({key}=)",
                                  found=f"{value!r} and a folder of its own",
                                  expected="one of the two", mend=f"Leave {key}= out.")
        chosen = {key: parts.get(key, value) for key, value in given.items()}
        x, y = parts["train"]
        return cls.from_arrays(x, y, classes=classes, name=name or root, channels_last=True,
                               seed=seed, source=source, licence=licence, **chosen)

    @property
    def test(self) -> Split:
        """The test split, once the vault is open; a `RecipeError` before that."""
        return self.vault.read(self.device)

    @validated
    def open_vault(self, why: Annotated[str, unchecked]) -> Split:
        """Open the test set for a reason, which is logged for good. From then on `data.test`
        works on this object.
        """
        return self.vault.open(why, self.device)

    @validated
    def audit_test(self, why: Annotated[str, unchecked]) -> Split:
        """The test split for checks of duplicates and labels, never for an accuracy; logged
        apart, opens nothing.
        """
        return self.vault.audit(why, self.device)

    def vault_log(self) -> list[dict[str, Any]]:
        """Every look at this test set: `{time, data, sha256, kind: open|audit, count, samples,
        why}`, oldest first.
        """
        return self.vault.log()

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C,H,W) or (D,)."""
        return tuple(self.train.x.shape[1:])

    @property
    def sizes(self) -> dict[str, int]:
        """Samples per split; the test set may be counted without opening it."""
        return {
            "train": self.train.size, "validation": self.validation.size, "test": self.vault.size
        }

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per channel or column of the train split, in units of [0,1] for bytes."""
        return self.train.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per channel or column of the train split, in units of [0,1] for
        bytes.
        """
        return self.train.std

    @property
    def device(self) -> torch.device:
        return self.train.x.device

    @cached_property
    def sha256(self) -> str:
        """sha256 (hex) of all samples and labels as they are dealt: another seed or subset is
        another number.
        """
        splits = (self.train, self.validation, self.vault.sealed())
        return hashlib.sha256("".join(split.digest() for split in splits).encode()).hexdigest()

    @validated
    def to(self, device: Annotated[torch.device | str, unchecked]) -> Data:
        """This data on `device`; made once per device, and no copy when it is there already.
        Both share one vault.
        """
        where = resolved(device)
        if where == self.device:
            return self
        if where not in self._copies:
            self._copies[where] = replace(self, train=self.train.to(where),
                                          validation=self.validation.to(where), _copies={})
        return self._copies[where]

    @validated
    def subset(self, n: Annotated[int, unchecked], seed: int = 0) -> Data:
        """`n` training samples, each class in proportion; validation and test keep all their
        samples.

        Mean and std are those of the subset. The test set lies in a new, closed vault.
        """
        have = self.train.size
        if isinstance(n, bool) or not isinstance(n, numbers.Integral) or not 1 <= n <= have:
            raise RecipeError("Data.subset", found=repr(n),
                              expected=f"a whole number from 1 to {have} samples",
                              mend=f"Try data.subset({min(1000, have)}).")
        chosen, _ = stratified(self.train.y, int(n), split_generator(seed))
        parts = (self.train.samples.take(chosen), self.validation.samples,
                 self.vault.sealed().samples)
        return self._with_parts(parts, f"subset of {n} training samples, seed {seed}")

    @validated
    def split(self, train: float, validation: float, test: float, seed: int = 0) -> Data:
        """Deal the samples again, each class in proportion, with a test set in a new, closed vault.

        Samples of an original test set stay in the test set, whatever the fractions: nothing that
        is published for it may be trained on or chosen by. Where they are more than `test` asks
        for, train and validation share the rest in proportion. The pool is put in its original
        order first, so the result depends on the fractions and the seed alone.

        Raises:
            RecipeError: fractions that do not fit, or samples that occur twice, as after
                `bootstrap` or `balanced`.
        """
        shares = _fractions(train, validation, test)
        splits = (self.train, self.validation, self.vault.sealed())
        pool = Samples.join([split.to("cpu").samples for split in splits])
        # one number for each original sample: which array it was in, and where
        number = pool.origin.to(torch.int64) * (int(pool.index.max()) + 1) + pool.index
        if repeats := len(number) - len(number.unique()):
            raise RecipeError(
                "Data.split",
                found=f"{repeats} repeats of samples, which would lie in train and test alike",
                expected="each sample once",
                mend="Split first, then bootstrap or balance the training set.")
        pool = pool.take(number.argsort())
        total = len(pool.y)
        held_out, tested = (sample_count(total, part, "Data.split") for part in shares[1:])
        official, free = (pool.take(rows.nonzero().flatten())
                          for rows in (pool.origin == ORIGINAL_TEST, pool.origin != ORIGINAL_TEST))
        kept = len(official.y)
        if kept > tested:
            held_out = round(len(free.y) * shares[1] / max(1e-9, shares[0] + shares[1]))
        check_train_left(len(free.y), held_out + max(0, tested - kept), "Data.split")
        parts = [free.take(rows)
                 for rows in split_rows(free.y, held_out, max(0, tested - kept), seed)]
        parts[2] = Samples.join([official, parts[2]])
        note = f"all {total} samples dealt again, seed {seed}"
        if kept:
            note += f": the {kept} samples of the original test set stay in the test set"
        if len(parts[2].y) != kept:
            note += ": the test set is not the original one"
        return self._with_parts(parts, note).to(self.device)

    def _with_parts(self, parts: Sequence[Samples], note: str) -> Data:
        return assemble(*parts, name=self.name, classes=self.classes, source=self.source,
                        licence=self.licence, notes=(*self.notes, note))

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {size:,}" for name, size in self.sizes.items())
        state = "open" if self.vault.opened else "in the vault"
        kind = str(self.train.x.dtype).removeprefix("torch.")
        return (f"Data({self.name}: {self.num_classes} classes, {kind} {self.shape}, "
                f"{sizes} ({state}), on {self.device})")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copies": {}}  # a pickle holds the samples once


def assemble(train: Samples, validation: Samples, test: Samples, *, name: str,
             classes: tuple[str, ...], source: str = "", licence: str = "",
             notes: tuple[str, ...] = ()) -> Data:
    """Make Data of samples that are split already; mean and std are those of the train split."""
    from recipe_widgets.data.vault import Vault  # first here: a loop on ready data needs no vault

    mean, std = moments(train.x)
    made = [Split(part, key, mean, std)
            for part, key in ((train, "train"), (validation, "validation"), (test, "test"))]
    return Data(name, classes, made[0], made[1], Vault(name, made[2]), source, licence, notes)


def _with_held_out(samples: dict[str, Samples], fractions: dict[str, float], seed: int,
              **about: Any) -> Data:
    """Take validation and test out of the training samples, where they did not come with samples
    of their own.
    """
    train, what = samples["train"], "Data.from_arrays"
    counts = {key: sample_count(len(train.y), part, f"{what}({key}=)")
              for key, part in fractions.items()}
    check_train_left(len(train.y), sum(counts.values()), what)
    rows = split_rows(train.y, counts.get("validation", 0), counts.get("test", 0), seed)
    taken = [train.take(part) for part in rows]
    return assemble(taken[0], samples.get("validation", taken[1]), samples.get("test", taken[2]),
                    **about)


def _fractions(*parts: Any) -> tuple[float, ...]:
    """Three fractions that sum to 1."""
    good = all(isinstance(part, float | int | np.floating) and not isinstance(part, bool)
               and 0 <= part <= 1 for part in parts)
    if not good or abs(sum(parts) - 1) > 1e-6:
        raise RecipeError("Data.split", found=", ".join(map(repr, parts)),
                          expected="three fractions that sum to 1",
                          mend="For example data.split(0.6, 0.2, 0.2).")
    return tuple(map(float, parts))
