"""Sort and filter samples by what can be measured on them. (Notebook 01, sections 1 and 5.)"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.checks.data_samples import image_axes
from recipe_widgets.core import RecipeError
from recipe_widgets.data import Data, Split
from recipe_widgets.plots import Picture
from recipe_widgets.plots.figures import BLUE
from recipe_widgets.plots.images import bytes_of, contact_sheet
from recipe_widgets.training import eval_mode

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
UNITS = {
    "brightness": "0 black to 255 white", "contrast": "standard deviation, 0 to 127", "sharpness":
    "difference of neighbours / contrast", "ink": "share of pixels unlike the border, 0 to 1",
    "colour": "spread between the channels, 0 to 120", "loss": "nats", "row": "place in the split"
}


@dataclass(frozen=True, eq=False)
class SampleTable:
    """The images of one split with numbers to sort them by.

    Attributes:
        columns: name -> (N,): row, brightness, contrast, sharpness, ink, colour (of colour images),
            loss (with a model).
    """

    split: Split
    classes: tuple[str, ...]
    columns: dict[str, Numbers]

    def rows(self, by: str = "row", *, descending: bool = False, label: str = "all",
             low: float = -np.inf, high: float = np.inf) -> Rows:
        """Rows (n,) of the samples with that label and with low <= column <= high, in order.

        Raises:
            RecipeError: an unknown column or label.
        """
        if by not in self.columns:
            raise RecipeError("Sort by", found=repr(by),
                              expected="one of " + ", ".join(self.columns),
                              mend="The column loss needs a model." if by == "loss" else "")
        if label != "all" and label not in self.classes:
            raise RecipeError("Label", found=repr(label),
                              expected="all, or one of " + ", ".join(self.classes))
        values = self.columns[by]
        kept = (values >= low) & (values <= high)  # (N,) of bool
        if label != "all":
            kept &= self.split.y.cpu().numpy() == self.classes.index(label)
        found = np.flatnonzero(kept)
        key = values[found]
        # stable: equal values stay in the order of the split
        return found[np.argsort(-key if descending else key, kind="stable")].astype(np.int64)

    def images(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Bytes (n,C,H,W) to look at."""
        return bytes_of(self.split.x[torch.from_numpy(rows.copy()).to(self.split.x.device)])

    def label(self, row: int) -> str:
        return self.classes[int(self.split.y[row])]

    def facts(self, row: int) -> dict[str, str]:
        """What is known about one sample, in words: each number with its place among all
        (percentile).
        """
        known = {"label": self.label(row), "split": f"{self.split.name}, row {row}",
                 "number in the original set": str(int(self.split.index[row]))}
        for name, values in self.columns.items():
            if name != "row":
                # equal values count half: the middle of a tie
                below = float((values < values[row]).mean() + 0.5 * (values == values[row]).mean())
                known[name] = (f"{values[row]:.3g} ({UNITS[name]}; higher than {below:.1%} of the "
                               "samples)")
        return known

    def sheet(self, rows: Rows, columns: int = 25) -> Picture:
        """Many pictures without captions."""
        pixels = contact_sheet(self.images(rows), columns)
        figure = Figure(figsize=(9, 9 * pixels.shape[0] / pixels.shape[1]))
        axes = figure.add_axes((0, 0, 1, 1))  # the sheet fills the figure, without margins
        axes.imshow(pixels, interpolation="nearest")
        axes.set_axis_off()
        first = ", ".join(self.label(int(row)) for row in rows[:columns])
        return Picture(figure,
                       f"{len(rows)} {self.split.name} images; labels of the first: {first}.",
                       colours=64)

    def ends(self, by: str, count: int = 12, label: str = "all") -> Picture:
        """The `count` lowest (first row) and highest (second row) along one column, and how all
        others spread.
        """
        order = self.rows(by, label=label)
        low, high = order[:count], order[::-1][:count]  # lowest first, highest first
        values = self.columns[by][order]  # sorted
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        top, middle, bottom = figure.subplots(3, 1, height_ratios=[1, 1, 1.4])
        for axes, rows, what in ((top, low, "lowest"), (middle, high, "highest")):
            axes.imshow(contact_sheet(self.images(rows), len(rows)), interpolation="nearest")
            axes.set_ylabel(what, rotation=0, ha="right", va="center", fontsize=9)
            axes.set(xticks=[], yticks=[])
            for side in axes.spines.values():
                side.set_visible(False)
        bottom.hist(values, 80, color=BLUE)
        bottom.set(xlabel=f"{by} ({UNITS[by]})", ylabel="samples", yscale="log")
        figure.suptitle(
            f"{self.split.name}, sorted by {by}: {values[0]:.3g} to {values[-1]:.3g}, half of the "
            f"samples lie in {np.quantile(values, 0.25):.3g} to {np.quantile(values, 0.75):.3g}",
            fontsize=10)
        names = [", ".join(self.label(int(row)) for row in rows) for rows in (low, high)]
        return Picture(
            figure, f"Lowest {by}: labels {names[0]}. Highest {by}: labels {names[1]}. Values from "
            f"{values[0]:.3g} to {values[-1]:.3g}.", colours=96)


def sample_table(data: Data, split: str = "train", model: nn.Module | None = None) -> SampleTable:
    """Measure every sample of a split of images: "train" or "validation". A model adds its loss
    of each sample.
    """
    if split not in ("train", "validation"):
        raise RecipeError("sample_table(split=)", found=repr(split),
                          expected='"train" or "validation"',
                          mend="The test set stays in its vault.")
    chosen: Split = getattr(data, split)
    bytes_of(chosen.x[:1])  # samples that are no images are refused before the work
    columns: dict[str, Numbers] = {
        "row": np.arange(chosen.size, dtype=np.float64), **image_axes(chosen.x.cpu())
    }
    if model is not None:
        columns["loss"] = losses(model, chosen)
    return SampleTable(chosen, data.classes, columns)


def losses(model: nn.Module, split: Split) -> Numbers:
    """Cross-entropy (N,) of each sample, in nats, in eval mode."""
    with eval_mode(model):
        parts = [
            nn.functional.cross_entropy(model(x), y, reduction="none")
            for x, y in split.batches(1000)
        ]
    return torch.cat(parts).double().cpu().numpy()
